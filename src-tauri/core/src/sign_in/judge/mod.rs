//! Decides what an answer means: signed in, or a refusal that says what to do next. `verification` decides who is
//! signed in, `no_answer` says why there is no answer, `status` what a bare status means, `links` how a one-time link
//! failed.

mod links;
mod no_answer;
mod status;
#[cfg(test)]
mod tests;
mod verification;

use secrecy::SecretString;
use serde_json::Value;

use self::no_answer::require_answer;
use super::causes::{RefusalCause, SentBy};
use super::client::Reply;
use super::exchange::excerpt_answer;
use super::{causes, guards, page_text, reason, redirects};
use crate::browser::{Answer, PlannedRequest, Refusal, Unanswered};
use crate::connection::{Connection, Method};
use crate::masks::Masks;
use crate::zeroizing_json::ZeroizingJson;

pub use links::link_failed;
pub(crate) use links::link_refused;
pub(super) use no_answer::unanswered_refusal;
pub(super) use status::{hint_for, status_words};
pub use verification::judge_verify;

/// Checks that the application accepted the sign-in.
pub fn judge_sign_in(
    answer: &Result<Answer, Unanswered>,
    request: &PlannedRequest,
    context: &Value,
    secrets: &[SecretString],
) -> Result<(), Refusal> {
    let answer = require_answer(answer, request)?;
    let masks = Masks::for_secrets(secrets);
    if request.accepts(answer) && !is_stopped(answer) {
        return find_failed_expectation("The login endpoint", request, answer, context, &masks)
            .map_or(Ok(()), Err);
    }
    let by_status = || reason::cause_from_status(answer, &masks);
    let RefusalCause { said, hint, is_secrets } =
        causes::find_cause(answer, SentBy::ByWindow).unwrap_or_else(by_status);
    let what = said.unwrap_or_else(|| match answer.status {
        500.. => "The application failed".into(),
        _ => "The application refused the sign-in".into(),
    });
    Err(Refusal {
        title: format!("{what}: {}", status_words(answer.status)),
        status: Some(answer.status),
        excerpt: excerpt_answer(answer, &masks),
        hint: format!("{hint}{}", causes::describe_retry_after(answer)),
        secrets: if is_secrets { request.secrets.clone() } else { Vec::new() },
    })
}

/// Whether another service answered in the application's place, whatever the status is.
pub(crate) fn is_stopped(answer: &Answer) -> bool {
    guards::in_front(answer).is_some()
}

/// The refusal for an answer with a good status that does not meet the file's expectations.
pub(super) fn find_failed_expectation(
    title: &str,
    request: &PlannedRequest,
    answer: &Answer,
    context: &Value,
    masks: &Masks,
) -> Option<Refusal> {
    let mut context = ZeroizingJson::from(context.clone());
    if !request.that.is_empty() {
        context["response"] = super::to_response(answer);
    }
    let untrue = request.that.iter().find_map(|that| match that.eval(&context) {
        Ok(true) => None,
        Ok(false) => Some(format!("`{}` is not true for this answer.", that.source())),
        Err(error) => Some(format!("`{}` could not be decided: {}", that.source(), error.message)),
    })?;
    let cause = causes::find_cause(answer, SentBy::ByStep);
    Some(Refusal {
        title: format!("{title}: the answer is not as expected"),
        status: Some(answer.status).filter(|status| *status != 0),
        excerpt: excerpt_answer(answer, masks),
        hint: cause.map_or(untrue, |cause| cause.hint),
        secrets: request.secrets.clone(),
    })
}

/// The refusal for a step that was not answered with success.
pub(super) fn step_refused(title: &str, request: &PlannedRequest, reply: &Reply, masks: &Masks) -> Refusal {
    let answer = reply.to_answer();
    let by_status = || {
        match answer.status {
        200..300 if request.method != Method::Get && page_text::is_html(&answer) => RefusalCause {
            said: None,
            hint: "The page came back, usually because the user name or the password is wrong. Check the secrets of \
                   this connection, and what the step expects."
                .into(),
            is_secrets: true,
        },
        200..300 => RefusalCause {
            said: None,
            hint: "The status means that it worked. Check what the step expects.".into(),
            is_secrets: false,
        },
        _ => {
            let cause = reason::cause_from_status(&answer, masks);
            RefusalCause { is_secrets: cause.is_secrets || is_oauth_no(&answer), ..cause }
        }
    }
    };
    let RefusalCause { said, hint, is_secrets } = causes::find_cause(&answer, SentBy::ByStep)
        .or_else(|| reply.redirects_to().map(|to| redirects::of_step(&reply.url, &to)))
        .unwrap_or_else(by_status);
    let words = status_words(answer.status);
    let what = match said {
        Some(said) => format!("{}: {words}", within_sentence(&said)),
        None if answer.status >= 500 => format!("the application failed with {words}"),
        None => format!("the application answered {words}"),
    };
    Refusal {
        title: format!("{title}: {what}"),
        status: Some(answer.status),
        excerpt: excerpt_answer(&answer, masks),
        hint: format!("{hint}{}", causes::describe_retry_after(&answer)),
        secrets: if is_secrets { request.secrets.clone() } else { Vec::new() },
    }
}

/// Makes a sentence the second part of another; names keep their capitals.
fn within_sentence(sentence: &str) -> String {
    match sentence.split_once(' ') {
        Some((first @ ("The" | "A"), rest)) => format!("{} {rest}", first.to_lowercase()),
        _ => sentence.to_owned(),
    }
}

/// OAuth's token endpoints have error codes that mean another secret would help (RFC 6749, 5.2).
fn is_oauth_no(answer: &Answer) -> bool {
    ["invalid_client", "invalid_grant"].iter().any(|word| answer.body.contains(word))
}

/// Checks that the application accepted the sign-out. The error says why not, to follow a colon.
pub fn judge_sign_out(answer: &Result<Answer, Unanswered>, request: &PlannedRequest) -> Result<(), String> {
    let answer = require_answer(answer, request).map_err(|refusal| refusal.title)?;
    if answer.is_success() {
        return Ok(());
    }
    Err(format!("it was answered with {}", status_words(answer.status)))
}

/// A successful sign-out proves nothing if the sign-in was never answered (`is_left_open`). The error says why, as in
/// [`judge_sign_out`].
pub fn confirm_sign_out(connection: &Connection, is_left_open: bool) -> Result<(), String> {
    let signs_out = connection.sign_out.request.is_some() || !connection.sign_out.steps.is_empty();
    if signs_out && is_left_open {
        return Err(
            "not confirmed: the sign-in was never answered, so the application may finish it later".into()
        );
    }
    Ok(())
}

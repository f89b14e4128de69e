//! Decides what an answer means: signed in, or a refusal that says what to do next.

use reqwest::StatusCode;
use secrecy::SecretString;
use serde_json::Value;
use url::Url;

use super::causes::{RefusalCause, SentBy};
use super::client::Reply;
use super::exchange::{excerpt_answer, readable_path};
use super::verify_evidence::VerifyEvidence;
use super::{VerifyRequest, capture, causes, guards, page_text, reachability, reason, redirects};
use crate::browser::{Answer, PlannedRequest, Refusal, Unanswered};
use crate::connection::{Connection, Method};
use crate::directory::uuids::in_one_spelling;
use crate::masks::Masks;
use crate::zeroizing_json::ZeroizingJson;

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
pub(super) fn is_stopped(answer: &Answer) -> bool {
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

/// The refusal for a step without an answer.
pub(super) fn unanswered_refusal(title: &str, request: &PlannedRequest, why: &Unanswered) -> Refusal {
    let refusal = require_answer(&Err(why.clone()), request).expect_err("there is no answer");
    Refusal { title: format!("{title}: {}", refusal.title), ..refusal }
}

/// The refusal for a one-time link that was answered with an error.
pub(super) fn link_refused(answer: &Answer, masks: &Masks) -> Refusal {
    let words = status_words(answer.status);
    let cause = guards::in_front(answer);
    let said = cause.as_ref().and_then(|cause| cause.said.clone());
    Refusal {
        title: match said {
            Some(said) => format!("The link was not opened: {}: {words}", within_sentence(&said)),
            None => format!("The link was answered with {words}"),
        },
        status: Some(answer.status),
        excerpt: excerpt_answer(answer, masks),
        hint: cause.map_or_else(
            || {
                "A link works only once and only for a short time. Check what the application says about it."
                    .into()
            },
            |cause| cause.hint,
        ),
        secrets: Vec::new(),
    }
}

/// The refusal for a one-time link that did not lead to the application.
pub fn link_failed(
    link: &Url,
    origin: &url::Origin,
    limit: std::time::Duration,
    why: &Unanswered,
) -> Refusal {
    let (from, to) = (link.origin().ascii_serialization(), origin.ascii_serialization());
    let title = match why {
        Unanswered::TimedOut => {
            format!("The link of {from} did not lead to {to} within {} s", limit.as_secs())
        }
        Unanswered::Failed(words) | Unanswered::BrokenOff(words) => {
            format!("The link of {from} could not be opened ({words})")
        }
        Unanswered::Broken => "The window's web process ended while the link was opened".into(),
        Unanswered::Closed => "The window was closed".into(),
    };
    Refusal::new(
        title,
        "A link works only once and only for a short time. Try again; if it keeps happening, check where the link leads.",
    )
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

/// Checks that the application signed in the intended user.
pub fn judge_verify(
    answer: &Result<Answer, Unanswered>,
    verify: &VerifyRequest,
    landed: &VerifyEvidence,
    context: &Value,
    secrets: &[SecretString],
) -> Result<(), Refusal> {
    let answer = require_answer(answer, &verify.request)?;
    // As it is shown, because it may contain captured values.
    let path = readable_path(&verify.masked.url);
    let masks = Masks::for_secrets(secrets);
    let refuse = |title: String, hint: &str| {
        Err(Refusal {
            title,
            status: Some(answer.status).filter(|status| *status != 0),
            excerpt: excerpt_answer(answer, &masks),
            hint: hint.into(),
            secrets: Vec::new(),
        })
    };
    let nobody = || format!("The sign-in was answered, but {path} says that no one is signed in");
    let told = |cause: RefusalCause| {
        let title = match &cause.said {
            Some(said) => format!(
                "The sign-in was answered, but at {path} {}: {}",
                within_sentence(said),
                status_words(answer.status)
            ),
            None => nobody(),
        };
        refuse(title, &format!("{}{}", cause.hint, causes::describe_retry_after(answer)))
    };
    if let Some(cause) = guards::in_front(answer) {
        return told(cause);
    }
    if answer.is_redirect() || !answer.is_success() {
        if let Some(cause) = causes::find_cause(answer, SentBy::ByWindow) {
            return told(cause);
        }
        return match answer.status {
            500.. => refuse(
                format!("The sign-in was answered, but {path} failed: {}", status_words(answer.status)),
                &format!("{}{}", hint_for(answer.status), causes::describe_retry_after(answer)),
            ),
            404 | 405 | 410 => refuse(
                format!("The sign-in was answered, but {path} answered {}", status_words(answer.status)),
                "Check `sign_in.verify.url`: it must be a path that says who is signed in.",
            ),
            _ => refuse(nobody(), &landed.explain_no_user(verify, answer)),
        };
    }
    let body = serde_json::from_str::<Value>(&answer.body).ok();
    if body.is_none() && verify.source.contains("response.json") {
        return refuse(
            format!("{path} did not answer with JSON"),
            "It may be a login page: check `sign_in.verify.url`, and that the login endpoint really signs in.",
        );
    }
    // Some applications answer like this without a session, Better Auth and Auth.js among them.
    let is_nothing = body
        .as_ref()
        .is_some_and(|json| json.is_null() || json.as_object().is_some_and(serde_json::Map::is_empty));
    if is_nothing && verify.source.contains("response.json") {
        return refuse(nobody(), &landed.explain_no_user(verify, answer));
    }
    let there = match &body {
        Some(Value::Object(fields)) => {
            capture::list_names(" The answer has", fields.keys().cloned().collect())
        }
        _ => String::new(),
    };
    let mut context = ZeroizingJson::from(context.clone());
    context["response"] = super::to_response(answer);
    match verify.expect.eval(&context) {
        Ok(true) => Ok(()),
        // Two spellings of one UUID are the same user.
        Ok(false)
            if matches!(verify.expect.eval(&ZeroizingJson::from(in_one_spelling(&context))), Ok(true)) =>
        {
            Ok(())
        }
        Ok(false) => refuse(
            "The application signed in another user".into(),
            &format!(
                "`{}` is not true for this answer. The page is not shown; check the login endpoint, or the expression.",
                verify.source
            ),
        ),
        // The answer lacks what the expression uses; either may be wrong.
        Err(error) => refuse(
            format!("{path} gave an unexpected answer"),
            &format!("`{}` could not be decided: {}{there}", verify.source, error.message),
        ),
    }
}

fn require_answer<'a>(
    answer: &'a Result<Answer, Unanswered>,
    request: &PlannedRequest,
) -> Result<&'a Answer, Refusal> {
    let origin = request.url.origin().ascii_serialization();
    let refusal = |title: String, hint: &str| Refusal::new(title, hint);
    match answer {
        Ok(answer) => Ok(answer),
        Err(Unanswered::TimedOut) => Err(refusal(
            format!("{origin} did not answer within {} s", request.timeout.as_secs()),
            "Try again. If the endpoint is known to be slow, raise `sign_in.timeout_ms`.",
        )),
        Err(Unanswered::Failed(words)) if reachability::is_certificate(words) => Err(refusal(
            format!("{origin} has a certificate that is not trusted here ({words})"),
            "If your company has an authority of its own, name its certificate under `[network] ca` in the connection \
             file. If not, ask the application's administrator.",
        )),
        Err(Unanswered::Failed(words)) => Err(refusal(
            format!("{origin} could not be reached ({words})"),
            "Check the network or VPN, that the application is running, and that its certificate is trusted here.",
        )),
        Err(Unanswered::BrokenOff(words)) => Err(refusal(
            format!("{origin} was reached, but its answer broke off ({words})"),
            "Check the application's own log. It may have failed, or a proxy in front of it may have cut the \
             connection.",
        )),
        Err(Unanswered::Broken) => Err(refusal(
            format!("The window's web process ended before {origin} answered"),
            "Retry. If it happens again, this computer may be out of memory, or WebKit may be broken.",
        )),
        Err(Unanswered::Closed) => Err(refusal("The window was closed".into(), "Sign in as the user again.")),
    }
}

pub(super) fn status_words(status: u16) -> String {
    let known = StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
    match (status, known) {
        // Laravel's, and in no standard.
        (419, _) => "419 Page Expired".into(),
        // RFC 9110's name; the library has the one before.
        (422, _) => "422 Unprocessable Content".into(),
        (_, Some(words)) => format!("{status} {words}"),
        (_, None) => status.to_string(),
    }
}

pub(super) fn hint_for(status: u16) -> &'static str {
    match status {
        400 | 415 | 422 => {
            "It did not understand the request: compare `[sign_in]` with what its login endpoint expects."
        }
        401 => {
            "It did not accept the sign-in: check the secrets of this connection, and that this user may be \
             impersonated."
        }
        403 => {
            "It does not allow this. Check there that this user may be impersonated, and that the account behind this \
             connection may impersonate."
        }
        404 => {
            "It does not know this address or this user: check the address in `[sign_in]`, and that both sides use \
             the same database."
        }
        405 => {
            "It does not accept this method at this address: check `method` and the address in `[sign_in]`."
        }
        429 => "It has received too many requests: wait a moment and try again.",
        // Those from 520 on are Cloudflare's.
        502..=504 | 520..=530 => {
            "The server in front of the application got no answer from it: try again, and check that the application \
             is running."
        }
        500..=599 => "The application itself failed: try again, and show this to whoever runs it.",
        _ => "Check `[sign_in]` of this connection, or try again.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::time::Duration;

    fn request() -> PlannedRequest {
        PlannedRequest {
            secrets: vec!["admin_token".into()],
            method: crate::connection::Method::Post,
            url: "https://app.example/login".parse().expect("a URL"),
            headers: vec![],
            body: None,
            timeout: Duration::from_secs(30),
            expect: vec![],
            that: vec![],
        }
    }

    #[allow(clippy::unnecessary_wraps, reason = "what judge takes")]
    fn answer(status: u16, body: &str) -> Result<Answer, Unanswered> {
        Ok(Answer { status, body: body.into(), ..Answer::default() })
    }

    #[test]
    fn two_spellings_of_one_uuid_are_the_same_user() {
        let file = "name = 'Shop'\nenvironment = 'staging'\n[directory]\nurl = 'sqlite:///u.db'\ntable = 'users'\nid = 'id'\n\
                    [sign_in]\nurl = 'https://app.example/login'\n\
                    [sign_in.verify]\nurl = 'https://app.example/me'\nexpect = 'response.json.user.id == user.id'\n";
        let connection = crate::connection::Connection::parse(
            "shop",
            file,
            crate::connection::ConnectionSource::Own,
            None,
        )
        .unwrap();
        let (uuid, other) = ("0b5a2a3e6f0e4a569f3c5d1a9f1f7c11", "0b5a2a3e6f0e4a569f3c5d1a9f1f7c12");
        let context = json!({ "user": { "id": uuid } });
        let verify =
            crate::sign_in::plan_verification(&connection, &context).unwrap().expect("it is verified");
        for (id, is_meant) in [
            (uuid, true),
            ("0b5a2a3e-6f0e-4a56-9f3c-5d1a9f1f7c11", true),
            ("{0B5A2A3E-6F0E-4A56-9F3C-5D1A9F1F7C11}", true),
            (other, false),
            ("0b5a2a3e-6f0e-4a56-9f3c-5d1a9f1f7c12", false),
            ("0b5a2a3e", false),
        ] {
            let answer = answer(200, &json!({ "user": { "id": id } }).to_string());
            let judged = judge_verify(&answer, &verify, &VerifyEvidence::default(), &context, &[]);
            assert_eq!(judged.is_ok(), is_meant, "{id}");
        }
    }

    #[test]
    fn two_hundreds_and_redirects_are_a_yes() {
        for status in [200, 201, 204, 0] {
            assert!(judge_sign_in(&answer(status, ""), &request(), &Value::Null, &[]).is_ok(), "{status}");
        }
    }

    #[test]
    fn a_refusal_says_status_answer_and_next_step_without_the_secret() {
        let secrets = [SecretString::from("s3cret-token")];
        let refusal =
            judge_sign_in(&answer(401, "bad token s3cret-token"), &request(), &Value::Null, &secrets)
                .unwrap_err();
        assert_eq!(refusal.title, "The application refused the sign-in: 401 Unauthorized");
        assert_eq!(refusal.status, Some(401));
        assert_eq!(refusal.excerpt.as_deref(), Some("bad token ••••"));
        assert!(refusal.hint.contains("secrets of this connection"));
    }

    #[test]
    fn a_sign_out_that_failed_is_not_called_a_sign_in() {
        assert_eq!(judge_sign_out(&answer(0, ""), &request()), Ok(()), "to a login page, most often");
        let why = |answer| judge_sign_out(&answer, &request()).unwrap_err();
        assert_eq!(why(answer(500, "token")), "it was answered with 500 Internal Server Error");
        assert_eq!(why(Err(Unanswered::TimedOut)), "https://app.example did not answer within 30 s");
    }

    #[test]
    fn no_answer_names_the_origin() {
        let refusal = judge_sign_in(&Err(Unanswered::TimedOut), &request(), &Value::Null, &[]).unwrap_err();
        assert_eq!(refusal.title, "https://app.example did not answer within 30 s");
        let refusal =
            judge_sign_in(&Err(Unanswered::Failed("refused".into())), &request(), &Value::Null, &[])
                .unwrap_err();
        assert!(refusal.title.contains("could not be reached (refused)"));
    }
}

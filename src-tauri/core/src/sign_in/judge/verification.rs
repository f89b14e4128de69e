//! Decides from an answer whether the intended user is signed in.

use secrecy::SecretString;
use serde_json::Value;

use super::no_answer::require_answer;
use super::status::{hint_for, status_words};
use super::within_sentence;
use crate::browser::{Answer, Refusal, Unanswered};
use crate::directory::uuids::in_one_spelling;
use crate::masks::Masks;
use crate::sign_in::causes::{RefusalCause, SentBy};
use crate::sign_in::exchange::{excerpt_answer, readable_path};
use crate::sign_in::verify_evidence::VerifyEvidence;
use crate::sign_in::{VerifyRequest, capture, causes, guards, to_response};
use crate::zeroizing_json::ZeroizingJson;

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
    context["response"] = to_response(answer);
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

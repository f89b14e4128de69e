//! Why an application refuses, if its answer tells: by an error code, by a framework's wording, by a challenge.
//! `guards` knows services that answer in its place, `csrf` CSRF protections, `redirects` redirects. A known cause
//! takes precedence over what the status suggests.

mod challenge;
mod maintenance;
#[cfg(test)]
mod tests;

use serde_json::Value;

use self::challenge::detect_challenge;
use self::maintenance::detect_maintenance;
use super::{csrf, guards, page_text};
use crate::browser::Answer;

pub(super) use maintenance::describe_retry_after;

/// A cause that an answer reveals.
pub(super) struct RefusalCause {
    /// What happened, if not that the application refused or failed; begins a title.
    pub said: Option<String>,
    /// What to do about it.
    pub hint: String,
    /// A different value of a secret may help.
    pub is_secrets: bool,
}

/// Who sent the request, because hints differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SentBy {
    /// The window: a webhook's only request.
    ByWindow,
    /// The console: a step, possibly after others.
    ByStep,
}

/// The cause that the answer reveals; `None` if there is only the status.
pub(super) fn find_cause(answer: &Answer, sent: SentBy) -> Option<RefusalCause> {
    let words =
        if page_text::is_html(answer) { page_text::all_words(&answer.body) } else { answer.body.clone() };
    by_code(answer)
        .or_else(|| guards::in_front(answer))
        .or_else(|| csrf::detect_csrf_refusal(answer.status, &words, sent))
        .or_else(|| detect_maintenance(answer, &words))
        .or_else(|| guards::check_for_people(answer, &words))
        .or_else(|| detect_challenge(answer))
}

const CLOCK: &str = "The token is valid for one minute, but the application's clock differs from this computer's. Set \
                     both by a time server, then try again.";

/// Codes and sentences, each with whether it is about a secret and what to do.
const KNOWN: &[(&str, bool, &str)] = &[
    (
        "YOU_CANNOT_IMPERSONATE_ADMINS",
        false,
        "This user is an administrator, and Better Auth lets no one sign in as an administrator.",
    ),
    (
        "YOU_ARE_NOT_ALLOWED_TO_IMPERSONATE_USERS",
        false,
        "The account that the console signs in with may not impersonate: give it a role with `user: [\"impersonate\"]`.",
    ),
    (
        "BANNED_USER",
        false,
        "This account is banned in the application. No one can sign in with it until the ban is lifted.",
    ),
    (
        "MISSING_OR_NULL_ORIGIN",
        false,
        "The application checks where a request comes from: the step needs an `origin` header.",
    ),
    (
        "INVALID_ORIGIN",
        false,
        "The application does not trust this origin: add it to Better Auth's trustedOrigins.",
    ),
    (
        "INVALID_EMAIL_OR_PASSWORD",
        true,
        "The account that the console signs in with, or its password, is wrong: store it again.",
    ),
    ("clock skew", false, CLOCK),
    ("not yet valid", false, CLOCK),
    ("jwt expired", false, CLOCK),
    (
        "used already",
        true,
        "This token was used before, although each sign-in makes a new one. Try again. If it keeps happening, \
         something on the way to the application sends requests twice.",
    ),
    (
        "wrong audience",
        true,
        "The application expects tokens for another address: compare its own address with the one in this connection.",
    ),
];

fn by_code(answer: &Answer) -> Option<RefusalCause> {
    let body = &answer.body;
    if let Some((_, is_secrets, hint)) = KNOWN.iter().find(|(mark, ..)| body.contains(mark)) {
        return Some(RefusalCause {
            said: None,
            hint: (*hint).to_owned(),
            is_secrets: *is_secrets && *hint != CLOCK,
        });
    }
    // `{"error":"expired"}`, from the endpoints in our documentation.
    let error = serde_json::from_str::<Value>(body).ok()?["error"].as_str()?.to_lowercase();
    (error == "expired" || error == "token expired").then(|| RefusalCause {
        said: None,
        hint: CLOCK.to_owned(),
        is_secrets: false,
    })
}

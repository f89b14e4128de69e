//! What an HTTP status alone says: its name, and what to check.

use reqwest::StatusCode;

pub(in crate::sign_in) fn status_words(status: u16) -> String {
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

pub(in crate::sign_in) fn hint_for(status: u16) -> &'static str {
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

//! What a 401 asks for, and who asks.

use super::RefusalCause;
use crate::browser::Answer;

/// `WWW-Authenticate` says who asks for a login, and for which (RFC 9110, 11.6.1).
pub(super) fn detect_challenge(answer: &Answer) -> Option<RefusalCause> {
    let challenge = answer.header("www-authenticate").filter(|_| answer.status == 401)?;
    let scheme = challenge.split([' ', ',']).next().unwrap_or_default();
    let realm = challenge
        .split_once("realm=")
        .map(|(_, rest)| rest.trim_start_matches('"').split(['"', ',']).next().unwrap_or_default().to_owned())
        .filter(|realm| !realm.is_empty() && realm.len() <= 60 && !realm.chars().any(char::is_control))
        .map(|realm| format!(" for “{realm}”"))
        .unwrap_or_default();
    let hint = match scheme.to_lowercase().as_str() {
        "basic" | "digest" => format!(
            "It asks for a user name and password (HTTP {}{realm}). Usually, a server in front of the application \
             does that: then name its origin, the user name and the password in `[[network.credentials]]`. If the \
             connection has them (there, or in `network.gateway_user` with the secret `gateway_password`), check \
             them. If it is the application itself, check the secrets of this connection.",
            if scheme.eq_ignore_ascii_case("basic") { "Basic" } else { "Digest" },
        ),
        "negotiate" | "ntlm" => format!(
            "A server in front of the application asks for {scheme}{realm}, which Understudy cannot answer. Use an \
             address of the application that does not go through it."
        ),
        "bearer" => format!(
            "It did not accept the token (Bearer{realm}): check the secrets of this connection, and that the token is sent \
             where the application looks for it."
        ),
        _ => return None,
    };
    Some(RefusalCause {
        said: None,
        hint,
        is_secrets: !matches!(scheme.to_lowercase().as_str(), "negotiate" | "ntlm"),
    })
}

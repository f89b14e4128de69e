//! Names that say that their value is a secret: of headers, cookies, parameters, and keys.

use understudy_directory::{FieldKind, holds_secret, split_name};

/// Words besides those by which a directory's columns are recognised.
const WORDS: &[&str] = &[
    "assertion",
    "auth",
    "authorization",
    "bearer",
    "captcha",
    "cookies",
    "csrf",
    "csrfmiddlewaretoken",
    "jsessionid",
    "phpsessid",
    "recaptcha",
    "relaystate",
    "samlart",
    "samlrequest",
    "samlresponse",
    "sess",
    "sessid",
    "sessionid",
    "sid",
    "sig",
    "signature",
    "tokens",
    "xsrf",
];
/// A key is a secret, unless it only names something.
const PLAIN_KEYS: &[&str] =
    &["foreign", "group", "i18n", "idempotency", "primary", "public", "sort", "translation"];
/// What opens something when it comes in an address, though the word means little elsewhere.
const IN_ADDRESSES: &[&str] = &[
    "access",
    "activation",
    "code",
    "confirmation",
    "invitation",
    "invite",
    "key",
    "magic",
    "reset",
    "state",
    "ticket",
    "verification",
    "verifier",
    "verify",
];
/// The part of a path after one of these opens something once.
const BEFORE_ONE_TIME: &[&str] = &[
    "activate",
    "activation",
    "confirm",
    "confirmation",
    "invitation",
    "invitations",
    "invite",
    "invites",
    "magic",
    "otl",
    "otp",
    "recover",
    "reset",
    "token",
    "tokens",
    "unlock",
    "unsubscribe",
    "verify",
];
/// Headers whose long random values only tell requests apart.
const IDENTIFIERS: &[&str] = &[
    "cf-ray",
    "etag",
    "if-match",
    "if-none-match",
    "traceparent",
    "x-amz-cf-id",
    "x-amz-request-id",
    "x-amzn-requestid",
    "x-amzn-trace-id",
    "x-cloud-trace-context",
    "x-correlation-id",
    "x-request-id",
    "x-trace-id",
];

/// Whether a value with this name is a secret.
pub(super) fn is_secret_name(name: &str) -> bool {
    if name.len() > 200 {
        return false;
    }
    let words = split_name(name);
    let is_key = words.last().is_some_and(|last| last == "key" || last == "keys")
        && words.len() > 1
        && !words.iter().any(|word| PLAIN_KEYS.contains(&word.as_str()));
    is_key || has_word(&words, WORDS) || holds_secret(name, FieldKind::Text)
}

/// Whether a parameter of an address with this name is a secret.
pub(super) fn is_secret_parameter(name: &str) -> bool {
    is_secret_name(name) || has_word(&split_name(name), IN_ADDRESSES)
}

/// Whether what follows this part of a path opens something once.
pub(super) fn precedes_one_time_part(segment: &str) -> bool {
    has_word(&split_name(segment), BEFORE_ONE_TIME)
}

/// Whether one of the words is listed, or all of them together are.
fn has_word(words: &[String], listed: &[&str]) -> bool {
    words.iter().any(|word| listed.contains(&word.as_str())) || listed.contains(&words.concat().as_str())
}

/// Whether a header's value may be long and random without opening anything.
pub(super) fn is_identifier_header(name: &str) -> bool {
    IDENTIFIERS.contains(&name.to_ascii_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_secrets_are_told_from_others() {
        for secret in [
            "Authorization",
            "x-api-key",
            "X-CSRF-Token",
            "accessToken",
            "client_secret",
            "sid",
            "password",
            "JSESSIONID",
            "PHPSESSID",
            "privateKey",
            "sig",
            "_csrf",
            "csrfmiddlewaretoken",
            "otp",
            "refresh_token",
            "authenticity_token",
            "x-amz-signature",
        ] {
            assert!(is_secret_name(secret), "{secret}");
        }
        for plain in [
            "id",
            "key",
            "email",
            "plan",
            "status",
            "code",
            "content-type",
            "primaryKey",
            "author",
            "state",
            "company",
            "monkey",
            "design",
        ] {
            assert!(!is_secret_name(plain), "{plain}");
        }
        assert!(is_secret_parameter("code") && is_secret_parameter("SAMLResponse"));
        assert!(!is_secret_parameter("page") && !is_secret_parameter("zip"));
        assert!(precedes_one_time_part("reset-password") && !precedes_one_time_part("users"));
    }
}

//! Finds the reason that a refusal gives in the application's own words, or else what its status means.

use serde_json::Value;

use super::causes::RefusalCause;
use super::judge::hint_for;
use super::page_text;
use crate::browser::Answer;
use crate::masks::Masks;
use crate::sanitize::sanitize_line;

/// Characters of a reason that are repeated.
const LONGEST: usize = 160;

/// Where JSON says why, the most telling first (RFC 9457, RFC 6749, and what frameworks do).
const FIELDS: &[&str] = &[
    "/message",
    "/detail",
    "/error_description",
    "/reason",
    "/error/message",
    "/errors/0/message",
    "/errors/0/detail",
    "/error",
    "/title",
];

/// What repeats the status.
const NO_REASON: &[&str] = &[
    "",
    "403",
    "403 forbidden",
    "access denied",
    "access is denied",
    "access forbidden",
    "error",
    "forbidden",
    "forbidden (403)",
    "forbidden resource",
    "permission denied",
];

/// In lower case. Words of a reason that is about the secret the request was sent with.
const OF_SECRETS: &[&str] = &[
    "api key",
    "api-key",
    "api_key",
    "apikey",
    "bearer",
    "credential",
    "jwt",
    "key is",
    "password",
    "secret",
    "signature",
    "token",
    "unauthenticated",
    "unauthorized",
];

/// What a refusal means, by the reason in its answer or else by its status. With a 403, the application knows who is
/// asking, so another secret helps only if the answer says so.
pub(super) fn cause_from_status(answer: &Answer, masks: &Masks) -> RefusalCause {
    let reason = (answer.status == 403).then(|| extract_reason(answer, masks)).flatten();
    let is_about_secrets = reason.as_ref().is_some_and(|reason| {
        let reason = reason.to_lowercase();
        OF_SECRETS.iter().any(|word| reason.contains(word))
    });
    let hint = match reason {
        _ if is_about_secrets => hint_for(401).to_owned(),
        Some(reason) => format!(
            "Its reason: “{}”. If this user should be impersonated, have that changed in the application.",
            sanitize_line(reason.trim_end_matches('.'), LONGEST)
        ),
        None => hint_for(answer.status).to_owned(),
    };
    RefusalCause { said: None, hint, is_secrets: answer.status == 401 || is_about_secrets }
}

/// The reason in the answer, on one line and without secrets; `None`: it says no more than its status.
fn extract_reason(answer: &Answer, masks: &Masks) -> Option<String> {
    // Masked as the application wrote it, because a key of several lines is not found on one, and again on one line,
    // because a secret may have been wrapped.
    let words = match serde_json::from_str::<Value>(&answer.body) {
        Ok(Value::String(text)) => masks.mask_text(&text),
        Ok(json) => masks.mask_text(FIELDS.iter().find_map(|field| json.pointer(field)?.as_str())?),
        Err(_) if page_text::is_html(answer) => page_text::extract_words(&masks.mask_text(&answer.body)),
        Err(_) => masks.mask_text(&answer.body),
    };
    let words = masks.mask_text(&words.split_whitespace().collect::<Vec<_>>().join(" "));
    let bare = words.trim_end_matches(['.', '!']).to_lowercase();
    (!NO_REASON.contains(&bare.as_str())).then_some(words)
}

#[cfg(test)]
mod tests {
    use secrecy::SecretString;

    use super::*;

    fn told(status: u16, kind: &str, body: &str) -> RefusalCause {
        let headers = vec![("content-type".into(), kind.into())];
        let masks = Masks::for_secrets(&[SecretString::from("canary-1234")]);
        cause_from_status(&Answer { status, headers, body: body.into() }, &masks)
    }

    #[test]
    fn a_no_that_gives_its_reason_is_told_with_it_and_without_the_secrets() {
        for (kind, body, reason) in [
            ("text/plain", "administrators are not impersonated", "administrators are not impersonated"),
            (
                "application/json",
                r#"{"error":"Admins cannot be impersonated."}"#,
                "Admins cannot be impersonated",
            ),
            (
                "application/json",
                r#"{"statusCode":403,"message":"not this tenant","error":"Forbidden"}"#,
                "not this tenant",
            ),
            (
                "application/problem+json",
                r#"{"title":"Forbidden","detail":"The account is frozen"}"#,
                "The account is frozen",
            ),
            ("application/json", r#"{"errors":[{"message":"closed"}]}"#, "closed"),
            ("text/html", "<h1>Staff only</h1><p>Ask your lead.</p>", "Staff only Ask your lead"),
            ("text/plain", "said canary-1234", "said ••••"),
        ] {
            let cause = told(403, kind, body);
            assert!(cause.hint.contains(&format!("“{reason}”")), "{body}: {}", cause.hint);
            assert!(!cause.is_secrets && !cause.hint.contains("secret"), "{body}: {}", cause.hint);
        }
    }

    #[test]
    fn a_reason_is_one_short_line_without_hidden_characters_and_without_a_key_of_several_lines() {
        let key = "-----BEGIN KEY-----\ncanaryAbcdefgh\n  canaryIjklmnop\n-----END KEY-----";
        let masks = Masks::for_secrets(&[SecretString::from(key), SecretString::from("two  spaces-canary")]);
        for (kind, body) in [
            ("text/plain", format!("not with {key}")),
            ("text/plain", "not with two  spaces-canary".to_owned()),
            ("application/json", serde_json::json!({ "message": format!("not with {key}") }).to_string()),
            ("text/html", format!("<h1>Staff only</h1><p>not with {key}</p>")),
        ] {
            let headers = vec![("content-type".into(), kind.into())];
            let hint = cause_from_status(&Answer { status: 403, headers, body: body.clone() }, &masks).hint;
            assert!(hint.contains("not with ••••") && !hint.contains("canary"), "{body}: {hint}");
        }
        let hint = told(403, "text/plain", "closed \u{202e}rof\u{200b} \x1b[31myou").hint;
        assert!(hint.contains("“closed ‹U+202E›rof‹U+200B› ␛[31myou”"), "{hint}");
        let hint = told(403, "text/plain", &"no ".repeat(500)).hint;
        assert!(hint.contains('…') && hint.chars().count() < LONGEST + 120, "{hint}");
    }

    #[test]
    fn secrets_are_named_for_401_and_where_the_answer_speaks_of_them() {
        for (status, body) in [
            (401, ""),
            (401, "administrators are not impersonated"),
            (403, r#"{"error":"invalid token"}"#),
            (403, "Bad API key"),
        ] {
            let cause = told(status, "text/plain", body);
            assert!(
                cause.is_secrets && cause.hint.contains("secrets of this connection"),
                "{body}: {}",
                cause.hint
            );
        }
        for body in [
            "",
            "Forbidden",
            "403 Forbidden",
            "Access denied.",
            r#"{"message":"Forbidden"}"#,
            r#"{"ok":false}"#,
        ] {
            let cause = told(403, "text/plain", body);
            assert!(
                !cause.is_secrets && cause.hint.starts_with("It does not allow this."),
                "{body}: {}",
                cause.hint
            );
        }
    }
}

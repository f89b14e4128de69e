//! What was sent and what was answered, as people may see it: with every secret masked.

use std::time::Instant;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use ts_rs::TS;

use crate::browser::{Answer, PlannedRequest, Refusal, Unanswered};
use crate::connection::names_a_secret;
use crate::template::MASK;

/// Characters of an answer that are shown and logged.
const EXCERPT: usize = 600;

/// One request of a sign-in and its answer, with nothing secret in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Exchange {
    /// What it was for: "Step 2, the impersonation".
    pub title: String,
    /// Whether the session's window sends it; else the console does.
    pub by_window: bool,
    pub method: String,
    pub url: String,
    /// Name and value.
    pub headers: Vec<(String, String)>,
    pub body: Option<String>,
    /// HTTP status; 0 for a redirect that a window was answered with; `None`: no answer.
    pub status: Option<u16>,
    /// The first part of the answer.
    pub answer: Option<String>,
    /// Names of what was taken from it.
    pub captured: Vec<String>,
    /// Why the sign-in ended here.
    pub failed: Option<String>,
    pub hint: Option<String>,
    /// From the request to the end of the answer, in milliseconds.
    #[ts(type = "number")]
    pub took_ms: u64,
}

impl Exchange {
    /// A request about to be sent. `masked` is the same one, rendered with [`MASK`] for every secret.
    pub fn of(title: impl Into<String>, by_window: bool, masked: &PlannedRequest) -> Self {
        // In an address and in a form the mask is encoded as everything is.
        let encoded: String = url::form_urlencoded::byte_serialize(MASK.as_bytes()).collect();
        let plainly = |text: &str| text.replace(&encoded, MASK);
        Self {
            title: title.into(),
            by_window,
            method: masked.method.as_str().to_owned(),
            url: plainly(masked.url.as_str()),
            headers: masked
                .headers
                .iter()
                .map(|(name, value)| (name.clone(), value.expose_secret().to_owned()))
                .collect(),
            body: masked.body.as_ref().map(|body| plainly(body.expose_secret())),
            status: None,
            answer: None,
            captured: Vec::new(),
            failed: None,
            hint: None,
            took_ms: 0,
        }
    }

    /// The same with how it ended.
    pub fn ended(&mut self, begun: Instant, outcome: Result<(), &Refusal>) {
        self.took_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        if let Err(refusal) = outcome {
            self.failed = Some(refusal.title.clone());
            self.hint = Some(refusal.hint.clone()).filter(|hint| !hint.is_empty());
        }
    }

    /// The same with what came back.
    pub fn answered(&mut self, answer: &Result<Answer, Unanswered>, secrets: &[SecretString]) {
        if let Ok(answer) = answer {
            self.status = Some(answer.status);
            self.answer = excerpt(answer, secrets);
        }
    }
}

/// The context with a mask for everything that may not be seen.
pub fn masked(context: &Value) -> Value {
    let mut masked = context.clone();
    for group in ["secret", "captured"] {
        if let Some(values) = masked[group].as_object_mut() {
            values.values_mut().for_each(|value| *value = MASK.into());
        }
    }
    masked
}

/// The beginning of an answer, without any of `secrets` and without what JSON names like one.
pub fn excerpt(answer: &Answer, secrets: &[SecretString]) -> Option<String> {
    let plain = match serde_json::from_str::<Value>(&answer.body) {
        Ok(mut json @ (Value::Object(_) | Value::Array(_))) => {
            hide(&mut json);
            json.to_string()
        }
        _ => answer.body.trim().to_owned(),
    };
    let masked = mask(&plain, secrets);
    let mut short: String = masked.chars().take(EXCERPT).collect();
    if short.len() < masked.len() {
        short.push('…');
    }
    (!short.is_empty()).then_some(short)
}

/// Tokens that an application hands out are nobody's to read.
fn hide(json: &mut Value) {
    match json {
        Value::Object(fields) => hide_fields(fields),
        Value::Array(items) => items.iter_mut().for_each(hide),
        _ => {}
    }
}

fn hide_fields(fields: &mut Map<String, Value>) {
    for (name, value) in fields {
        match value {
            Value::String(text) if names_a_secret(name) && !text.is_empty() => *text = MASK.into(),
            _ => hide(value),
        }
    }
}

/// `text` without any of `secrets`: an application may answer with what it was sent.
pub fn mask(text: &str, secrets: &[SecretString]) -> String {
    let mut masked = text.to_owned();
    for secret in secrets {
        let plain = secret.expose_secret();
        let json = Value::String(plain.into()).to_string();
        let encoded: String = url::form_urlencoded::byte_serialize(plain.as_bytes()).collect();
        for form in [plain, json.trim_matches('"'), &encoded] {
            if !form.is_empty() {
                masked = masked.replace(form, MASK);
            }
        }
    }
    masked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_application_echoes_is_masked_in_every_spelling() {
        let secrets = [SecretString::from("to\"ken/1")];
        let echoed = r#"{"a":"to\"ken/1","b":"to%22ken%2F1"} to"ken/1"#;
        assert_eq!(mask(echoed, &secrets), r#"{"a":"••••","b":"••••"} ••••"#);
    }

    #[test]
    fn a_token_that_nobody_knew_of_is_masked_by_its_name() {
        let body = r#"{"session":{"token":"abc","userId":"7"},"access_token":"def","error":"no"}"#.into();
        let answer = Answer { status: 200, content_type: None, body };
        let shown = excerpt(&answer, &[]).expect("an answer");
        assert!(!shown.contains("abc") && !shown.contains("def"), "{shown}");
        assert!(shown.contains(r#""userId":"7""#) && shown.contains(r#""error":"no""#), "{shown}");
    }

    #[test]
    fn a_long_answer_is_cut() {
        let answer = Answer { status: 500, content_type: None, body: "x".repeat(1 << 20) };
        assert_eq!(excerpt(&answer, &[]).expect("an excerpt").chars().count(), EXCERPT + 1);
    }
}

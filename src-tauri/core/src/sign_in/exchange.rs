//! Requests and answers as people may see them: with every secret masked.

use std::time::Instant;

use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use ts_rs::TS;
use url::Url;

use super::page_text;
use crate::browser::{Answer, PlannedRequest, Refusal, Unanswered};
use crate::connection::names_a_secret;
use crate::masks::Masks;
use crate::template::MASK;

/// The most characters of an answer that are shown and logged.
const EXCERPT: usize = 600;

/// The most bytes of an answer that are masked in order to show its beginning.
const SEARCHED: usize = 64 << 10;

/// One request of a sign-in and its answer, with secrets masked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Exchange {
    /// What the request is for: "Step 2, the impersonation".
    pub title: String,
    /// Whether the session's window sends it, and not the console.
    pub by_window: bool,
    pub method: String,
    pub url: String,
    /// Name and value.
    pub headers: Vec<(String, String)>,
    pub body: Option<String>,
    /// The HTTP status; 0 if a window was answered with a redirect; `None`: no answer.
    pub status: Option<u16>,
    /// Where a redirect leads, without its query and fragment.
    pub leads_to: Option<String>,
    /// The beginning of the answer; of a page, its text.
    pub answer: Option<String>,
    /// The names of the values that were captured.
    pub captured: Vec<String>,
    /// Why the sign-in failed here.
    pub failed: Option<String>,
    pub hint: Option<String>,
    /// From the request to the end of the answer, in milliseconds.
    #[ts(type = "number")]
    pub took_ms: u64,
    /// The whole answer: values that are captured later have to be masked in it too.
    #[serde(skip)]
    #[ts(skip)]
    whole: Option<Unmasked>,
    /// [`Self::url`] was captured, and is shown without what it carries.
    #[serde(skip)]
    #[ts(skip)]
    is_followed: bool,
}

/// An unmasked answer. Its `Debug` shows nothing.
#[derive(Clone, PartialEq, Eq)]
struct Unmasked(Answer);

impl std::fmt::Debug for Unmasked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("…")
    }
}

impl Exchange {
    /// A request that is about to be sent. `masked` is the request rendered with [`MASK`] for every secret.
    pub fn for_request(title: impl Into<String>, by_window: bool, masked: &PlannedRequest) -> Self {
        Self {
            title: title.into(),
            by_window,
            method: masked.method.as_str().to_owned(),
            url: decode_mask(masked.url.as_str()),
            headers: masked
                .headers
                .iter()
                .map(|(name, value)| (name.clone(), value.expose_secret().to_owned()))
                .collect(),
            body: masked.body.as_ref().map(|body| decode_mask(body.expose_secret())),
            status: None,
            leads_to: None,
            answer: None,
            captured: Vec::new(),
            failed: None,
            hint: None,
            took_ms: 0,
            whole: None,
            is_followed: false,
        }
    }

    /// Records how it ended.
    pub fn record_outcome(&mut self, begun: Instant, outcome: Result<(), &Refusal>) {
        self.took_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        if let Err(refusal) = outcome {
            self.failed = Some(refusal.title.clone());
            self.hint = Some(refusal.hint.clone()).filter(|hint| !hint.is_empty());
        }
    }

    /// Records the answer; [`Self::mask_secrets`] makes it readable.
    pub fn record_answer(&mut self, answer: &Result<Answer, Unanswered>) {
        if let Ok(answer) = answer {
            self.status = Some(answer.status);
            self.whole = Some(Unmasked(answer.clone()));
        }
    }

    /// Records that the request went to a captured URL.
    pub fn mark_followed(&mut self, url: &Url) {
        self.url = redact_link(url);
        self.is_followed = true;
    }

    /// Records where the answer redirects to.
    pub fn record_redirect(&mut self, url: &Url) {
        self.leads_to = Some(redact_link(url));
    }

    /// Like [`Self::mask_secrets`], once no more secrets can follow; drops the unmasked answer.
    pub fn mask_for_good(&mut self, masks: &Masks) {
        self.mask_secrets(masks);
        self.whole = None;
    }

    /// Masks these secrets in all of it. Can be called again when more secrets are known.
    pub fn mask_secrets(&mut self, masks: &Masks) {
        let url = (!self.is_followed).then_some(&mut self.url);
        let texts = [Some(&mut self.title), url, self.body.as_mut(), self.failed.as_mut()];
        let values = self.headers.iter_mut().map(|(_, value)| value);
        for text in texts.into_iter().flatten().chain(self.hint.as_mut()).chain(values) {
            *text = masks.mask_text(text);
        }
        self.answer = self.whole.as_ref().and_then(|Unmasked(answer)| excerpt_answer(answer, masks));
    }
}

/// Restores the mask where URL or form encoding has encoded it.
fn decode_mask(text: &str) -> String {
    let encoded: String = url::form_urlencoded::byte_serialize(MASK.as_bytes()).collect();
    text.replace(&encoded, MASK)
}

/// A link as people may see it: without the values of its query and without parts of its path that may be tokens.
pub(super) fn redact_link(link: &Url) -> String {
    let names: Vec<String> = link.query_pairs().map(|(name, _)| format!("{name}={MASK}")).collect();
    let place = mask_link(link);
    if names.is_empty() { place } else { format!("{place}?{}", names.join("&")) }
}

/// The origin and path of a link, without parts that may be tokens.
pub(super) fn mask_link(link: &Url) -> String {
    let is_word = |part: &str| {
        let has = |kind: fn(&char) -> bool| part.chars().any(|char| kind(&char));
        part.len() < 16 && (part.len() < 8 || !(has(char::is_ascii_digit) && has(char::is_ascii_alphabetic)))
    };
    let path: Vec<&str> =
        link.path().split('/').map(|part| if is_word(part) { part } else { MASK }).collect();
    format!("{}{}", link.origin().ascii_serialization(), path.join("/"))
}

/// The path of a URL that was rendered with masks, for a sentence.
pub fn readable_path(masked: &Url) -> String {
    decode_mask(masked.path())
}

/// The parts of the request that are masked in `masked`, the same request rendered with [`MASK`] for every secret: the
/// secrets, and what was made from them.
pub fn secret_derived_values(request: &PlannedRequest, masked: &PlannedRequest) -> Vec<String> {
    let mut made = Vec::new();
    for ((_, value), (_, masked)) in request.headers.iter().zip(&masked.headers) {
        under_masks(value.expose_secret(), masked.expose_secret(), &mut made);
    }
    if let (Some(body), Some(masked)) = (&request.body, &masked.body) {
        let (body, masked) = (body.expose_secret(), masked.expose_secret());
        let json = serde_json::from_str(body).and_then(|body| Ok((body, serde_json::from_str(masked)?)));
        if let Ok((body, masked)) = json {
            under_masks_in_json(&body, &masked, &mut made);
        } else {
            let fields = |text| url::form_urlencoded::parse(str::as_bytes(text));
            for ((_, value), (_, masked)) in fields(body).zip(fields(masked)) {
                under_masks(&value, &masked, &mut made);
            }
        }
    }
    made
}

fn under_masks_in_json(json: &Value, masked: &Value, made: &mut Vec<String>) {
    match (json, masked) {
        (Value::String(text), Value::String(masked)) => under_masks(text, masked, made),
        (Value::Array(items), Value::Array(masked)) => {
            items.iter().zip(masked).for_each(|(item, masked)| under_masks_in_json(item, masked, made));
        }
        (Value::Object(fields), Value::Object(masked)) => {
            for (name, value) in fields {
                under_masks_in_json(value, &masked[name], made);
            }
        }
        _ => {}
    }
}

fn under_masks(text: &str, masked: &str, made: &mut Vec<String>) {
    let mut parts = masked.split(MASK);
    let Some(mut rest) = parts.next().and_then(|start| text.strip_prefix(start)) else { return };
    let mut parts = parts.peekable();
    while let Some(part) = parts.next() {
        let end = if parts.peek().is_none() && rest.ends_with(part) {
            Some(rest.len() - part.len())
        } else {
            rest.find(part)
        };
        let Some(end) = end else { return };
        made.push(rest[..end].to_owned());
        rest = &rest[end + part.len()..];
    }
}

/// The context with a mask for each secret. Copies no secret.
pub fn mask_context(context: &Value) -> Value {
    let hidden = |values: &Value| {
        let names = values.as_object().into_iter().flat_map(Map::keys);
        Value::Object(names.map(|name| (name.clone(), MASK.into())).collect())
    };
    let mut masked = Map::new();
    for (group, values) in context.as_object().into_iter().flatten() {
        let shown = match group.as_str() {
            "secret" | "captured" => hidden(values),
            // The answer to the sign-in, which may contain a token under any name.
            "response" => all_hidden(values),
            _ => values.clone(),
        };
        masked.insert(group.clone(), shown);
    }
    masked.into()
}

fn all_hidden(json: &Value) -> Value {
    match json {
        Value::String(_) | Value::Number(_) => MASK.into(),
        Value::Array(items) => items.iter().map(all_hidden).collect(),
        Value::Object(fields) => {
            fields.iter().map(|(name, value)| (name.clone(), all_hidden(value))).collect::<Map<_, _>>().into()
        }
        Value::Null | Value::Bool(_) => json.clone(),
    }
}

/// The beginning of an answer, without secrets and without JSON values whose names suggest one.
pub fn excerpt_answer(answer: &Answer, masks: &Masks) -> Option<String> {
    let plain = match serde_json::from_str::<Value>(&answer.body) {
        Ok(mut json @ (Value::Object(_) | Value::Array(_))) => {
            hide_tokens(&mut json);
            json.to_string()
        }
        _ if page_text::is_html(answer) => page_text::extract_words(&answer.body),
        _ => answer.body.trim().to_owned(),
    };
    let searched = &plain[..plain.floor_char_boundary(SEARCHED)];
    let masked = masks.mask_text(searched);
    let is_cut = searched.len() < plain.len();
    if is_cut && masked.len() < SEARCHED / 4 {
        // Nearly everything was masked: the last mask may cover only half of a secret.
        return Some(format!("{MASK}…"));
    }
    let mut short: String = masked.chars().take(EXCERPT).collect();
    if short.len() < masked.len() || is_cut {
        short.push('…');
    }
    (!short.is_empty()).then_some(short)
}

/// Masks tokens that the application issues.
fn hide_tokens(json: &mut Value) {
    match json {
        Value::Object(fields) => hide_fields(fields),
        Value::Array(items) => items.iter_mut().for_each(hide_tokens),
        _ => {}
    }
}

fn hide_fields(fields: &mut Map<String, Value>) {
    for (name, value) in fields {
        match value {
            Value::String(text) if names_a_secret(name) && !text.is_empty() => *text = MASK.into(),
            _ => hide_tokens(value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_made_of_a_secret_is_one_as_well() {
        let request = |token: &str, body: &str| PlannedRequest {
            method: crate::connection::Method::Post,
            url: "https://app.example/login".parse().expect("a URL"),
            headers: vec![("authorization".into(), format!("Bearer {token}!").into())],
            body: Some(body.to_owned().into()),
            timeout: std::time::Duration::ZERO,
            expect: Vec::new(),
            that: Vec::new(),
            secrets: Vec::new(),
        };
        let json = request("a.b.c", r#"{"id":7,"keys":[{"a":"x-1-y-2"}],"plain":"p"}"#);
        let masked = request(MASK, r#"{"id":7,"keys":[{"a":"x-••••-y-••••"}],"plain":"p"}"#);
        assert_eq!(secret_derived_values(&json, &masked), ["a.b.c", "1", "2"]);
        let form = request("t", "id=7&hash=a%2Fb");
        let masked = request(
            MASK,
            &format!(
                "id=7&hash={}",
                url::form_urlencoded::byte_serialize(MASK.as_bytes()).collect::<String>()
            ),
        );
        assert_eq!(secret_derived_values(&form, &masked), ["t", "a/b"]);
    }

    #[test]
    fn a_token_that_nobody_knew_of_is_masked_by_its_name() {
        let body = r#"{"session":{"token":"abc","userId":"7"},"access_token":"def","error":"no"}"#.into();
        let answer = Answer { status: 200, body, ..Answer::default() };
        let shown = excerpt_answer(&answer, &Masks::default()).expect("an answer");
        assert!(!shown.contains("abc") && !shown.contains("def"), "{shown}");
        assert!(shown.contains(r#""userId":"7""#) && shown.contains(r#""error":"no""#), "{shown}");
    }

    #[test]
    fn a_link_is_shown_without_what_it_carries() {
        let shown = |link: &str| redact_link(&link.parse().expect("a URL"));
        assert_eq!(
            shown("http://127.0.0.1:19110/sesame/login/?sesame=AAAB&x=1#f"),
            "http://127.0.0.1:19110/sesame/login/?sesame=••••&x=••••"
        );
        assert_eq!(shown("https://a.example/impersonate/7"), "https://a.example/impersonate/7");
        assert_eq!(shown("https://a.example/magic/a1b2c3d4/confirm"), "https://a.example/magic/••••/confirm");
    }

    #[test]
    fn a_long_answer_is_cut() {
        let answer = Answer { status: 500, body: "x".repeat(1 << 20), ..Answer::default() };
        assert_eq!(
            excerpt_answer(&answer, &Masks::default()).expect("an excerpt").chars().count(),
            EXCERPT + 1
        );
    }
}

//! Takes secrets out of what is kept of a session's requests: by value (every secret and capture of this session, in any
//! spelling), by name, and by shape.

mod address;
mod names;
mod shapes;
mod text;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::RwLock;
use understudy_gateway::RedactSecrets;

use self::address::{redact_address, redact_form};
use self::names::{is_identifier_header, is_secret_name};
use self::shapes::find_secret_shapes;
use self::text::{SecretPlace, find_named_secrets};
use crate::masks::Masks;
use crate::template::MASK;

/// Headers whose value is an address.
const ADDRESSES: &[&str] =
    &["content-location", "location", "origin", "referer", "sourcemap", "x-original-url"];

/// Redacts what the gateway of one session keeps.
pub(crate) struct SessionRedactor {
    masks: Arc<RwLock<Masks>>,
    generation: AtomicU64,
}

impl SessionRedactor {
    pub(crate) fn new(masks: Arc<RwLock<Masks>>) -> Self {
        Self { masks, generation: AtomicU64::new(0) }
    }

    /// Finds these secrets by value from now on.
    pub(crate) fn replace_masks(&self, masks: Masks) {
        *self.masks.write() = masks;
        self.generation.fetch_add(1, Ordering::Relaxed);
    }

    /// A line of text, such as a message of the browser's console.
    pub(crate) fn redact_line(&self, line: &str) -> String {
        redact_plain(&self.redact_text(line), false)
    }
}

impl RedactSecrets for SessionRedactor {
    fn redact_text(&self, text: &str) -> String {
        self.masks.read().mask_text(text)
    }

    fn redact_url(&self, url: &str) -> String {
        redact_address(&self.redact_text(url))
    }

    fn redact_header(&self, name: &str, value: &str) -> String {
        let value = self.redact_text(value);
        match name.to_ascii_lowercase().as_str() {
            "cookie" => redact_cookies(&value),
            "set-cookie" => redact_set_cookie(&value),
            "authorization" | "proxy-authorization" => redact_authorization(&value),
            name if ADDRESSES.contains(&name) => redact_address(&value),
            // It says what is wanted; what is sent is in another header.
            "www-authenticate" => redact_shapes(&value),
            name if is_secret_name(name) => MASK.to_owned(),
            name if is_identifier_header(name) => value,
            _ => redact_plain(&value, false),
        }
    }

    fn redact_body(&self, media_type: &str, body: &str) -> String {
        let body = self.redact_text(body);
        let media_type = media_type.to_ascii_lowercase();
        if media_type.contains("x-www-form-urlencoded") {
            return redact_form(&body);
        }
        let is_json = media_type.contains("json") || body.trim_start().starts_with(['{', '[']);
        redact_plain(&body, is_json)
    }

    fn generation(&self) -> u64 {
        self.generation.load(Ordering::Relaxed)
    }
}

/// The names of the cookies stay.
fn redact_cookies(value: &str) -> String {
    let names = value.split(';').map(|pair| {
        let name = pair.split_once('=').map_or("", |(name, _)| name.trim());
        format!("{name}={MASK}")
    });
    names.collect::<Vec<_>>().join("; ")
}

/// The name and the attributes stay.
fn redact_set_cookie(value: &str) -> String {
    let (pair, attributes) = value.split_once(';').unwrap_or((value, ""));
    let cookie = redact_cookies(pair);
    if attributes.is_empty() { cookie } else { format!("{cookie};{}", redact_plain(attributes, false)) }
}

/// The scheme stays.
fn redact_authorization(value: &str) -> String {
    match value.split_once(' ') {
        Some((scheme, _)) if scheme.len() < 20 => format!("{scheme} {MASK}"),
        _ => MASK.to_owned(),
    }
}

/// Text of any kind, without what a name or its shape says is a secret.
fn redact_plain(text: &str, is_json: bool) -> String {
    let mut places = find_named_secrets(text, is_json);
    places.extend(find_secret_shapes(text).into_iter().map(SecretPlace::from));
    replace_places(text, places)
}

fn redact_shapes(text: &str) -> String {
    replace_places(text, find_secret_shapes(text).into_iter().map(SecretPlace::from).collect())
}

fn replace_places(text: &str, mut places: Vec<SecretPlace>) -> String {
    if places.is_empty() {
        return text.to_owned();
    }
    places.sort_by_key(|place| (place.range.start, place.range.end));
    let mut left = String::with_capacity(text.len());
    let mut at = 0;
    let mut places = places.into_iter().peekable();
    while let Some(SecretPlace { range, mut is_bare }) = places.next() {
        let mut end = range.end;
        while let Some(next) = places.next_if(|next| next.range.start < end) {
            end = end.max(next.range.end);
            is_bare |= next.is_bare;
        }
        left.push_str(&text[at..range.start]);
        let quote = if is_bare { "\"" } else { "" };
        left.extend([quote, MASK, quote]);
        at = end;
    }
    left.push_str(&text[at..]);
    left
}

#[cfg(test)]
mod tests {
    use secrecy::SecretString;

    use super::*;

    #[test]
    fn headers_keep_what_a_developer_needs() {
        let secret = SecretString::from("hunter2!");
        let redactor = SessionRedactor::new(Arc::new(RwLock::new(Masks::for_secrets([&secret]))));
        for (name, value, left) in [
            ("Cookie", "sid=abc; theme=dark", "sid=••••; theme=••••"),
            ("set-cookie", "sid=a=b; Path=/; HttpOnly", "sid=••••; Path=/; HttpOnly"),
            ("Authorization", "Bearer abc", "Bearer ••••"),
            ("x-api-key", "abc", "••••"),
            ("referer", "https://a.example/?token=abc", "https://a.example/?token=••••"),
            ("content-type", "application/json", "application/json"),
            ("x-request-id", "9f86d081884c7d659a2feaa0c55ad015", "9f86d081884c7d659a2feaa0c55ad015"),
            ("x-note", "by hunter2%21", "by ••••"),
            (
                "www-authenticate",
                "Bearer realm=\"api\", error=\"invalid_token\"",
                "Bearer realm=\"api\", error=\"invalid_token\"",
            ),
        ] {
            assert_eq!(redactor.redact_header(name, value), left, "{name}");
        }
        assert_eq!(
            redactor.redact_body("application/json", r#"{"pin":1,"a":[2]}"#),
            r#"{"pin":"••••","a":[2]}"#
        );
        assert_eq!(redactor.redact_line("TypeError: x is undefined"), "TypeError: x is undefined");
    }
}

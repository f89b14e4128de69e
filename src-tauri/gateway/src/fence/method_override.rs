//! Requests that ask to be treated as another method: by a header, a parameter or a field of a form. Rails, Laravel,
//! Symfony, Express (method-override), ASP.NET and others comply.

use std::fmt;

use percent_encoding::percent_decode_str;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use url::form_urlencoded;

use super::{BodyFacts, RequestFacts};
use crate::media_type::{ContentType, is_same_name};

/// Longer than any method's name.
const NAME_LIMIT: usize = 20;

const HEADERS: [&str; 3] = ["x-http-method-override", "x-http-method", "x-method-override"];
const PARAMETERS: [&str; 4] = ["_method", "x-http-method-override", "x-http-method", "x-method-override"];

/// The method that a request asks for instead of its own, if that one may change something.
pub(super) fn find_override(request: &RequestFacts<'_>) -> Option<String> {
    let is_named = |name: &str| HEADERS.iter().any(|known| is_same_name(name, known));
    let of_headers = request.headers.iter().filter(|(name, _)| is_named(name.as_str())).map(|(_, value)| {
        // A value that is not even text can't be a safe method.
        value.to_str().unwrap_or("?").to_owned()
    });
    let of_url = read_parameters(request.url.query().unwrap_or_default().as_bytes());
    let own = request.method.as_str();
    let mut found = of_headers.chain(of_url).chain(read_body(request));
    found
        .find(|method| !method.trim().eq_ignore_ascii_case(own) && !is_safe_name(method))
        .map(|method| shorten_method(&method))
}

/// A method for a sentence. A page may write anything in its place, of any length.
pub(super) fn shorten_method(method: &str) -> String {
    let name: String =
        method.chars().filter(|char| char.is_ascii_alphanumeric() || *char == '-').take(NAME_LIMIT).collect();
    if name.is_empty() { "another method".into() } else { name }
}

fn is_safe_name(method: &str) -> bool {
    ["GET", "HEAD", "OPTIONS"].iter().any(|safe| method.trim().eq_ignore_ascii_case(safe))
}

/// PHP drops spaces in front of a name and what follows a zero byte, and writes dots, spaces and brackets as underscores.
fn is_parameter(name: &str) -> bool {
    let name = name.split('\0').next().unwrap_or_default().trim();
    let bracket = name.char_indices().find(|(at, char)| *at > 0 && *char == '[');
    let name = bracket.map_or(name, |(at, _)| &name[..at]);
    PARAMETERS.iter().any(|known| is_same_name(name, known))
}

/// Old servers divide parameters by semicolons, too.
fn read_parameters(text: &[u8]) -> Vec<String> {
    let text: Vec<u8> = text.iter().map(|byte| if *byte == b';' { b'&' } else { *byte }).collect();
    let named = form_urlencoded::parse(&text).filter(|(name, _)| is_parameter(name));
    named.map(|(_, value)| value.into_owned()).collect()
}

fn read_body(request: &RequestFacts<'_>) -> Vec<String> {
    let BodyFacts::Whole(body) = request.body else { return Vec::new() };
    let content_type = ContentType::of(request.headers);
    if let ContentType::Named(media_type) = &content_type
        && !media_type.charsets().all(is_like_ascii)
    {
        // What stands here is not what the server reads.
        return vec!["?".to_owned()];
    }
    match content_type.essence() {
        Some(essence) if essence.starts_with("multipart/") => read_multipart(body),
        Some(essence) if essence.ends_with("json") => read_json(body),
        // Anything else may still be read as a form.
        Some(_) => read_parameters(body),
        None => [read_parameters(body), read_json(body), read_multipart(body)].concat(),
    }
}

/// Whether the letters of names are the same bytes as in ASCII.
fn is_like_ascii(charset: &str) -> bool {
    matches!(charset, "utf-8" | "utf8" | "us-ascii" | "ascii" | "latin1")
        || charset.starts_with("iso-8859-")
        || charset.starts_with("windows-125")
}

fn read_json(body: &[u8]) -> Vec<String> {
    let Ok(NamedValues(found)) = serde_json::from_slice(body) else { return Vec::new() };
    found
}

/// The values of an object's parameters: all of them, since parsers differ in which of two they take.
struct NamedValues(Vec<String>);

impl<'de> Deserialize<'de> for NamedValues {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(NamedValuesVisitor)
    }
}

struct NamedValuesVisitor;

impl<'de> Visitor<'de> for NamedValuesVisitor {
    type Value = NamedValues;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<NamedValues, A::Error> {
        let mut found = Vec::new();
        while let Some((name, value)) = map.next_entry::<String, serde_json::Value>()? {
            if is_parameter(&name) {
                found.push(value.as_str().unwrap_or("?").to_owned());
            }
        }
        Ok(NamedValues(found))
    }
}

/// A field's value comes after an empty line. Servers differ in how they read the lines before it: in quotes, spaces,
/// letters' case, and `name*` (RFC 5987). So a field counts if a name stands anywhere in them.
fn read_multipart(body: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(body);
    let mut found = Vec::new();
    let mut rest = text.as_ref();
    while let Some(at) = find_ignoring_case(rest, "content-disposition") {
        rest = &rest[at + "content-disposition".len()..];
        let end =
            ["\r\n\r\n", "\n\n", "\r\r"].iter().filter_map(|end| Some((rest.find(end)?, end.len()))).min();
        let (head, value) = end.map_or((rest, ""), |(at, length)| (&rest[..at], &rest[at + length..]));
        let head = percent_decode_str(head).decode_utf8_lossy().replace('\\', "");
        let is_edge = |char: char| char.is_whitespace() || ";:=\"'*".contains(char);
        if head.split(is_edge).any(is_parameter) {
            found.push(value.lines().next().unwrap_or("?").to_owned());
        }
    }
    found
}

fn find_ignoring_case(text: &str, wanted: &str) -> Option<usize> {
    text.as_bytes().windows(wanted.len()).position(|window| window.eq_ignore_ascii_case(wanted.as_bytes()))
}

//! Requests that ask to be treated as another method: by a header, a parameter or a field of a form. Rails, Laravel,
//! Symfony, Express (method-override), ASP.NET and others comply.

use http::header::CONTENT_TYPE;
use url::form_urlencoded;

use super::{BodyFacts, RequestFacts};

/// Longer than any method's name.
const NAME_LIMIT: usize = 20;

const HEADERS: [&str; 3] = ["x-http-method-override", "x-http-method", "x-method-override"];
const PARAMETERS: [&str; 4] = ["_method", "x-http-method-override", "x-http-method", "x-method-override"];

/// The method that a request asks for instead of its own, if that one may change something.
pub(super) fn find_override(request: &RequestFacts<'_>) -> Option<String> {
    let of_headers = HEADERS.iter().flat_map(|name| request.headers.get_all(*name)).map(|value| {
        // A value that is not even text can't be a safe method.
        value.to_str().unwrap_or("?").to_owned()
    });
    let of_url =
        request.url.query_pairs().filter(|(name, _)| is_parameter(name)).map(|(_, value)| value.into_owned());
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

fn is_parameter(name: &str) -> bool {
    PARAMETERS.iter().any(|known| name.eq_ignore_ascii_case(known))
}

fn read_body(request: &RequestFacts<'_>) -> Vec<String> {
    let BodyFacts::Whole(body) = request.body else { return Vec::new() };
    let content_type =
        request.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let content_type = content_type.to_ascii_lowercase();
    if content_type.starts_with("multipart/") {
        return read_multipart(body);
    }
    if content_type.contains("json") {
        let parsed =
            serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(body).unwrap_or_default();
        let named = parsed.iter().filter(|(name, _)| is_parameter(name));
        return named.map(|(_, value)| value.as_str().unwrap_or("?").to_owned()).collect();
    }
    // Anything else may still be read as a form.
    form_urlencoded::parse(body)
        .filter(|(name, _)| is_parameter(name))
        .map(|(_, value)| value.into_owned())
        .collect()
}

/// A field's value comes after an empty line. Fields are found only as browsers write them, because servers don't read
/// other forms either.
fn read_multipart(body: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(body);
    let mut found = Vec::new();
    for part in text.split("name=").skip(1) {
        let (name, rest) = part.split_once(['\r', '\n']).unwrap_or((part, ""));
        let name = name.split(';').next().unwrap_or_default().trim().trim_matches('"');
        if is_parameter(name) {
            let value = rest
                .split_once("\r\n\r\n")
                .or_else(|| rest.split_once("\n\n"))
                .map_or(rest, |(_, value)| value);
            let value = value.trim_start_matches(['\r', '\n']);
            found.push(value.lines().next().unwrap_or("?").to_owned());
        }
    }
    found
}

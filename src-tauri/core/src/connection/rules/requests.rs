//! What a page or the console can send: headers and bodies.

use serde_json::Value;

use crate::connection::Method;
use crate::connection::faults::KeyFaults;

/// Header fields that a page's `fetch` cannot set: <https://fetch.spec.whatwg.org/#forbidden-request-header>.
const FORBIDDEN_HEADERS: &[&str] = &[
    "accept-charset",
    "accept-encoding",
    "access-control-request-headers",
    "access-control-request-method",
    "access-control-request-private-network",
    "connection",
    "content-length",
    "cookie",
    "cookie2",
    "date",
    "dnt",
    "expect",
    "host",
    "keep-alive",
    "origin",
    "referer",
    "set-cookie",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
];

/// Who sends a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RequestSender {
    /// The session's window, with its page's `fetch`.
    Window,
    /// The console, with its own HTTP client.
    Console,
}

/// Header fields that describe the message or the connection; the HTTP client sets them itself.
const CLIENTS_HEADERS: &[&str] =
    &["connection", "content-length", "host", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"];

/// Checks a header field's name and value, as far as the file determines them.
pub(crate) fn check_header(
    key: &str,
    name: &str,
    value: &str,
    sender: RequestSender,
    faults: &mut KeyFaults,
) {
    // RFC 9110, 5.6.2: token.
    let is_token = !name.is_empty()
        && name.chars().all(|char| char.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(char));
    let lower = name.to_lowercase();
    if !is_token {
        faults.add_fault(key, "is not a valid header name; use letters, digits and `-`");
    } else if sender == RequestSender::Console {
        if CLIENTS_HEADERS.contains(&lower.as_str()) {
            faults.add_fault(key, "is a header that is set from the request itself; leave it out");
        }
    } else if FORBIDDEN_HEADERS.contains(&lower.as_str())
        || lower.starts_with("proxy-")
        || lower.starts_with("sec-")
    {
        let cause = "is a header that only the browser itself can set";
        faults.add_fault(
            key,
            match lower.as_str() {
                "cookie" => {
                    format!("{cause}; the session begins without cookies and gets them from the answer")
                }
                "origin" | "referer" | "host" => format!("{cause}, from the URL"),
                _ => format!("{cause}; leave it out"),
            },
        );
    }
    // `fetch` accepts a ByteString without line breaks.
    if value.chars().any(|char| char.is_control() && char != '\t' || u32::from(char) > 0xFF) {
        faults.add_fault(key, "has a line break or another character that a header cannot contain");
    }
}

/// `fetch` refuses a GET request with a body.
pub(in crate::connection) fn body_allowed(key: &str, method: Method, has_body: bool, faults: &mut KeyFaults) {
    if has_body && method == Method::Get {
        faults.add_fault(key, "a GET request cannot have a body; use POST, or put the values into the URL");
    }
}

/// A form has names and plain values.
pub(in crate::connection) fn form_body(key: &str, body: Option<&Value>, faults: &mut KeyFaults) {
    match body {
        None => {}
        Some(Value::Object(fields)) => {
            for (name, _) in fields.iter().filter(|(_, value)| value.is_object() || value.is_array()) {
                faults.add_fault(
                    &format!("{key}.{name}"),
                    "has to be text, a number, true or false: it is sent as a form",
                );
            }
        }
        Some(_) => faults.add_fault(key, "has to be a table: it is sent as a form"),
    }
}

/// A form whose values may be files.
pub(in crate::connection) fn multipart_body(key: &str, body: Option<&Value>, faults: &mut KeyFaults) {
    let Some(Value::Object(parts)) = body else {
        if body.is_some() {
            faults.add_fault(key, "has to be a table: it is sent as a form with files");
        }
        return;
    };
    for (name, value) in parts {
        let is_file = |file: &serde_json::Map<String, Value>| {
            ["filename", "content"].iter().all(|key| file.contains_key(*key))
                && file.iter().all(|(key, value)| {
                    ["filename", "content", "type"].contains(&key.as_str()) && value.is_string()
                })
        };
        let is_valid = match value {
            Value::Array(_) => false,
            Value::Object(file) => is_file(file),
            _ => true,
        };
        if !is_valid {
            faults.add_fault(
                &format!("{key}.{name}"),
                "has to be text, a number, true or false, or a file: `{ filename = \"…\", type = \"…\", content = \"…\" }`",
            );
        }
    }
}

/// Only what encodes the parts knows what separates them.
pub(in crate::connection) fn no_content_type<'a>(
    key: &str,
    mut headers: impl Iterator<Item = &'a String>,
    faults: &mut KeyFaults,
) {
    if let Some(name) = headers.find(|name| name.eq_ignore_ascii_case("content-type")) {
        let cause = "is set by `encoding = \"multipart\"`; leave it out";
        faults.add_fault(&format!("{key}.headers.{name}"), cause);
    }
}

pub(in crate::connection) fn text_body(key: &str, body: Option<&Value>, faults: &mut KeyFaults) {
    if body.is_some_and(|body| !body.is_string()) {
        faults.add_fault(key, "has to be text: it is sent as it is");
    }
}

//! A request's body as it is sent, in each encoding.

use std::fmt::Write as _;

use serde_json::Value;
use uuid::Uuid;

use crate::connection::Encoding;

/// A body, and what it is if no header says so.
pub(super) struct EncodedBody {
    pub text: String,
    pub content_type: String,
}

/// Encodes a rendered body. Connection files were checked for its shape.
pub(super) fn encode_body(encoding: Encoding, body: &Value) -> EncodedBody {
    let encoded = |text: String, content_type: &str| EncodedBody { text, content_type: content_type.into() };
    match (encoding, body) {
        (Encoding::Form, Value::Object(fields)) => {
            let mut form = url::form_urlencoded::Serializer::new(String::new());
            for (name, value) in fields {
                form.append_pair(name, &to_plain(value));
            }
            encoded(form.finish(), "application/x-www-form-urlencoded")
        }
        (Encoding::Multipart, Value::Object(parts)) => {
            // Random, so that no part contains it.
            let boundary = format!("understudy-{}", Uuid::new_v4().simple());
            let text = write_parts(parts.iter(), &boundary);
            encoded(text, &format!("multipart/form-data; boundary={boundary}"))
        }
        (Encoding::Text, body) => encoded(to_plain(body), "text/plain; charset=utf-8"),
        (_, body) => encoded(body.to_string(), "application/json"),
    }
}

fn to_plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// <https://html.spec.whatwg.org/multipage/form-control-infrastructure.html#multipart-form-data>
fn write_parts<'a>(parts: impl Iterator<Item = (&'a String, &'a Value)>, boundary: &str) -> String {
    let mut text = String::new();
    for (name, value) in parts {
        let _ =
            write!(text, "--{boundary}\r\ncontent-disposition: form-data; name=\"{}\"", escape_name(name));
        let field = |key: &str| value.get(key).map(to_plain);
        if let Some(file) = field("filename") {
            let kind = field("type").unwrap_or_else(|| "application/octet-stream".into());
            let kind = kind.replace(['\r', '\n'], " ");
            let _ = write!(text, "; filename=\"{}\"\r\ncontent-type: {kind}", escape_name(&file));
        }
        text.push_str("\r\n\r\n");
        text.push_str(&field("content").unwrap_or_else(|| to_plain(value)));
        text.push_str("\r\n");
    }
    let _ = write!(text, "--{boundary}--\r\n");
    text
}

fn escape_name(name: &str) -> String {
    name.replace('\r', "%0D").replace('\n', "%0A").replace('"', "%22")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_encoding_says_what_it_is() {
        let body = json!({ "user_pk": 7, "next": "/a b&c", "yes": true });
        let form = encode_body(Encoding::Form, &body);
        assert_eq!(form.text, "user_pk=7&next=%2Fa+b%26c&yes=true");
        assert_eq!(form.content_type, "application/x-www-form-urlencoded");
        assert_eq!(encode_body(Encoding::Json, &json!({ "a": 1 })).text, r#"{"a":1}"#);
        let text = encode_body(Encoding::Text, &json!("<p>ä</p>"));
        assert_eq!(
            (text.text.as_str(), text.content_type.as_str()),
            ("<p>ä</p>", "text/plain; charset=utf-8")
        );
    }

    #[test]
    fn a_file_is_a_part_whose_name_cannot_end_its_header() {
        let file =
            json!({ "filename": "a\"\r\nb.html", "type": "text/html\r\nx: y", "content": "<p>1</p>\r\n" });
        let sent = encode_body(Encoding::Multipart, &json!({ "file": file, "public": false }));
        let boundary = sent.content_type.strip_prefix("multipart/form-data; boundary=").expect("a boundary");
        let expected = format!(
            "--{boundary}\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a%22%0D%0Ab.html\"\r\n\
             content-type: text/html  x: y\r\n\r\n<p>1</p>\r\n\r\n\
             --{boundary}\r\ncontent-disposition: form-data; name=\"public\"\r\n\r\nfalse\r\n--{boundary}--\r\n"
        );
        assert_eq!(sent.text, expected);
    }
}

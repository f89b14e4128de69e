//! Parses UUIDs in every common spelling: with or without dashes, in upper case, in braces, as a URN (RFC 9562, 4).

use uuid::Uuid;

/// Parses `text` if it is a UUID and nothing else.
pub fn parse_uuid(text: &str) -> Option<Uuid> {
    let text = text.trim();
    let after = |prefix: &str| {
        let (start, rest) = text.split_at_checked(prefix.len())?;
        start.eq_ignore_ascii_case(prefix).then_some(rest)
    };
    let text = after("urn:uuid:").or_else(|| after("0x")).unwrap_or(text);
    let within = |open, close| text.strip_prefix(open)?.strip_suffix(close);
    let text = within('{', '}').or_else(|| within('(', ')')).unwrap_or(text);
    let digits: String = text.split('-').collect();
    let is_one = digits.len() == 32
        && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
        && text.split('-').all(|group| !group.is_empty());
    if is_one { Uuid::try_parse(&digits).ok() } else { None }
}

/// The ways in which `uuid` may be written in text, likeliest first.
pub fn list_spellings(uuid: Uuid) -> Vec<String> {
    let (dashed, plain) = (uuid.hyphenated().to_string(), uuid.simple().to_string());
    let braced = format!("{{{dashed}}}");
    let (upper, upper_plain, upper_braced) =
        (dashed.to_uppercase(), plain.to_uppercase(), braced.to_uppercase());
    let urn = format!("urn:uuid:{dashed}");
    vec![dashed, plain, upper, upper_plain, braced, upper_braced, urn]
}

/// `text` itself, followed by its other spellings if it is a UUID.
pub fn also_spelled(text: &str) -> Vec<String> {
    let mut texts = vec![text.to_owned()];
    for spelling in parse_uuid(text).map(list_spellings).into_iter().flatten() {
        if !texts.contains(&spelling) {
            texts.push(spelling);
        }
    }
    texts
}

/// Normalises every string in `value` that is a UUID to the same spelling.
pub fn in_one_spelling(value: &serde_json::Value) -> serde_json::Value {
    use serde_json::Value;
    match value {
        Value::String(text) => parse_uuid(text).map_or_else(|| value.clone(), |uuid| uuid.to_string().into()),
        Value::Array(items) => items.iter().map(in_one_spelling).collect(),
        Value::Object(fields) => {
            fields.iter().map(|(key, value)| (key.clone(), in_one_spelling(value))).collect()
        }
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_is_read_in_every_spelling() {
        let uuid = Uuid::parse_str("0b5a2a3e-6f0e-4a56-9f3c-5d1a9f1f7c11").unwrap();
        for text in [
            "0b5a2a3e-6f0e-4a56-9f3c-5d1a9f1f7c11",
            "0B5A2A3E-6F0E-4A56-9F3C-5D1A9F1F7C11",
            "0b5a2a3e6f0e4a569f3c5d1a9f1f7c11",
            "{0B5A2A3E-6f0e-4a56-9f3c-5d1a9f1f7c11}",
            "{0b5a2a3e6f0e4a569f3c5d1a9f1f7c11}",
            "(0b5a2a3e-6f0e-4a56-9f3c-5d1a9f1f7c11)",
            "urn:uuid:0b5a2a3e-6f0e-4a56-9f3c-5d1a9f1f7c11",
            "URN:UUID:0b5a2a3e-6f0e-4a56-9f3c-5d1a9f1f7c11",
            "0x0B5A2A3E6F0E4A569F3C5D1A9F1F7C11",
            "0b5a-2a3e-6f0e-4a56-9f3c-5d1a-9f1f-7c11",
        ] {
            assert_eq!(parse_uuid(text), Some(uuid), "{text}");
        }
        assert!(list_spellings(uuid).iter().all(|spelling| parse_uuid(spelling) == Some(uuid)));
        for text in [
            "",
            "0b5a2a3e",
            "{0b5a2a3e-6f0e-4a56-9f3c-5d1a9f1f7c11",
            "-0b5a2a3e-6f0e-4a56-9f3c-5d1a9f1f7c11",
            "0b5a2a3e--6f0e-4a56-9f3c-5d1a9f1f7c11",
            "0b5a2a3e-6f0e-4a56-9f3c-5d1a9f1f7c1g",
            "0b5a2a3e-6f0e-4a56-9f3c-5d1a9f1f7c11 1",
            "äb5a2a3e-6f0e-4a56-9f3c-5d1a9f1f7c1",
        ] {
            assert_eq!(parse_uuid(text), None, "{text}");
        }
    }
}

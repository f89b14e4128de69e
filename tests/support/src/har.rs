//! Whether a file is an HTTP archive: the specification as a JSON schema, in the file beside this one, and what it needs
//! of the language of schemas. A key that the schema does not know has to begin with `_`, as the specification says.

use serde_json::Value;

const SCHEMA: &str = include_str!("har-1.2.schema.json");

/// What keeps it from being an HTTP archive 1.2; empty if it is one.
pub fn list_har_faults(har: &Value) -> Vec<String> {
    let schema: Value = serde_json::from_str(SCHEMA).expect("JSON");
    let mut faults = Vec::new();
    check_value(har, &schema, &schema["$defs"], "", &mut faults);
    let pages = har["log"]["pages"].as_array().cloned().unwrap_or_default();
    for entry in har["log"]["entries"].as_array().into_iter().flatten() {
        if !entry["pageref"].is_null() && !pages.iter().any(|page| page["id"] == entry["pageref"]) {
            faults.push(format!("no page is {}", entry["pageref"]));
        }
    }
    faults
}

fn check_value(value: &Value, schema: &Value, named: &Value, at: &str, faults: &mut Vec<String>) {
    if let Some(name) = schema["$ref"].as_str() {
        assert!(named[name].is_object(), "the schema has no {name}");
        return check_value(value, &named[name], named, at, faults);
    }
    if let Some(values) = schema["enum"].as_array()
        && !values.contains(value)
    {
        faults.push(format!("{at}: {value} is none of {values:?}"));
    }
    let is_right = match schema["type"].as_str() {
        None => true,
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("number") => value.is_number(),
        Some("integer") => value.is_i64() || value.is_u64(),
        Some(other) => panic!("the schema has an unknown type: {other}"),
    };
    if !is_right {
        faults.push(format!("{at}: is no {}", schema["type"]));
    }
    if let Some((least, number)) = schema["minimum"].as_f64().zip(value.as_f64())
        && number < least
    {
        faults.push(format!("{at}: {number} is less than {least}"));
    }
    if let Some((format, text)) = schema["format"].as_str().zip(value.as_str()) {
        check_format(text, format, at, faults);
    }
    for key in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if value.get(key).is_none() {
            faults.push(format!("{at}: lacks {key}"));
        }
    }
    if let (Some(properties), Some(object)) = (schema["properties"].as_object(), value.as_object()) {
        for (key, inner) in object {
            match properties.get(key) {
                Some(schema) => check_value(inner, schema, named, &format!("{at}/{key}"), faults),
                None if key.starts_with('_') => {}
                None => faults.push(format!("{at}: has an unknown {key}")),
            }
        }
    }
    if let (schema @ Value::Object(_), Some(items)) = (&schema["items"], value.as_array()) {
        for (index, item) in items.iter().enumerate() {
            check_value(item, schema, named, &format!("{at}/{index}"), faults);
        }
    }
}

fn check_format(text: &str, format: &str, at: &str, faults: &mut Vec<String>) {
    let is_right = match format {
        // RFC 3339, with a zone.
        "date-time" => {
            let digits = text.get(..19).is_some_and(|date| {
                date.bytes().zip("0000-00-00T00:00:00".bytes()).all(|(is, wanted)| match wanted {
                    b'0' => is.is_ascii_digit(),
                    mark => is == mark,
                })
            });
            digits && (text.ends_with('Z') || text[19..].contains(['+', '-']))
        }
        // RFC 3986: what else there is has to be encoded.
        "uri" => {
            let is_known =
                |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=%".contains(&byte);
            text.contains(':') && text.bytes().all(is_known)
        }
        other => panic!("the schema has an unknown format: {other}"),
    };
    if !is_right {
        faults.push(format!("{at}: {text} is no {format}"));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_no_archive_is_said() {
        let har = json!({ "log": {
            "version": "1.1",
            "creator": { "name": "x" },
            "pages": [],
            "entries": [{ "pageref": "p", "startedDateTime": "today", "time": -1, "request": {}, "response": 1,
                          "cache": {}, "timings": { "send": "0" }, "what": 1, "_own": 2 }],
        } });
        let faults = list_har_faults(&har).join("\n");
        for fault in [
            "/log/version: \"1.1\" is none of",
            "/log/creator: lacks version",
            "today is no date-time",
            "/log/entries/0/time: -1 is less than 0",
            "/log/entries/0/request: lacks url",
            "/log/entries/0/response: is no \"object\"",
            "/log/entries/0/timings: lacks wait",
            "has an unknown what",
            "no page is \"p\"",
        ] {
            assert!(faults.contains(fault), "{fault} in\n{faults}");
        }
        assert!(!faults.contains("_own"), "{faults}");
    }
}

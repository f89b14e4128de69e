//! How much of each text an entry keeps. An entry has to be short enough for the team's database, and no text of others
//! may make it longer: one that is refused there would hold back all that come later.
//!
//! A text that was cut ends with `…`. What counts is its length as canonical JSON, where one character can take six
//! bytes, or seven if it is in JSON itself.

use serde_json::Value;

/// The longest line that the team's database takes, in bytes.
pub const MOST_LINE_BYTES: usize = 256 << 10;

/// Marks the cut.
const CUT: char = '…';

/// How much of each column is kept, in bytes of JSON. What identifies somebody and what somebody gave as a reason keep
/// most. A session's detail may be a reason, too.
pub(super) const IDENTITY: usize = 32 << 10;
pub(super) const REASON: usize = 48 << 10;
pub(super) const DETAIL: usize = 64 << 10;
pub(super) const NAME: usize = 8 << 10;
pub(super) const WORD: usize = 2 << 10;

/// How much of the texts and lists in a detail is kept, in characters and in elements: as much as fits.
const IN_DETAIL: [(usize, usize); 4] = [(4_000, 200), (1_000, 100), (300, 50), (100, 25)];

/// The text, or what fits of it.
pub(super) fn cut_text(text: String, most: usize) -> String {
    if text.len() <= most / 6 || measure(&text) <= most {
        return text;
    }
    let room = most - CUT.len_utf8();
    let mut taken = 0;
    let kept = text.char_indices().find(|(_, char)| {
        taken += measure_char(*char);
        taken > room
    });
    let mut text = text;
    text.truncate(kept.map_or(0, |(at, _)| at));
    text.push(CUT);
    text
}

/// The same for JSON, which stays JSON of the same form.
pub(super) fn cut_json(json: String, most: usize) -> String {
    if measure(&json) <= most {
        return json;
    }
    if let Ok(value) = serde_json::from_str::<Value>(&json) {
        for (chars, elements) in IN_DETAIL {
            let mut shorter = value.clone();
            cut_value(&mut shorter, chars, elements);
            let shorter = shorter.to_string();
            if measure(&shorter) <= most {
                return shorter;
            }
        }
    }
    cut_text(json, most)
}

fn cut_value(value: &mut Value, chars: usize, elements: usize) {
    match value {
        Value::String(text) => {
            if let Some((at, _)) = text.char_indices().nth(chars) {
                text.truncate(at);
                text.push(CUT);
            }
        }
        Value::Array(list) => {
            if list.len() > elements {
                list.truncate(elements);
                list.push(CUT.to_string().into());
            }
            for one in list {
                cut_value(one, chars, elements);
            }
        }
        Value::Object(members) => {
            for (_, one) in members {
                cut_value(one, chars, elements);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The length of a text as a string of canonical JSON, without its quotes.
fn measure(text: &str) -> usize {
    text.chars().map(measure_char).sum()
}

fn measure_char(char: char) -> usize {
    match char {
        '"' | '\\' | '\n' | '\r' | '\t' | '\u{8}' | '\u{c}' => 2,
        '\0'..'\x20' => 6,
        other => other.len_utf8(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_text_is_cut_where_it_has_to_be_and_marked() {
        assert_eq!(cut_text("ü".repeat(10), 20), "ü".repeat(10));
        assert_eq!(cut_text("ü".repeat(11), 20), format!("{}…", "ü".repeat(8)));
        assert_eq!(cut_text("\u{1}".repeat(4), 20), "\u{1}\u{1}…");
        assert_eq!(cut_text("a".repeat(21), 20), format!("{}…", "a".repeat(17)));
    }

    #[test]
    fn a_detail_stays_json_of_its_form() {
        let long = serde_json::json!({ "rule": "protected", "quoted": "\u{1}".repeat(9_000), "rows": 7 })
            .to_string();
        let cut: Value = serde_json::from_str(&cut_json(long, 4_000)).unwrap();
        assert_eq!((&cut["rule"], &cut["rows"]), (&"protected".into(), &7.into()));
        assert_eq!(cut["quoted"], format!("{}…", "\u{1}".repeat(300)));
        let many = serde_json::json!({ "keys": vec!["key"; 5_000] }).to_string();
        let cut: Value = serde_json::from_str(&cut_json(many, 4_000)).unwrap();
        let keys = cut["keys"].as_array().unwrap();
        assert_eq!((keys.len(), &keys[0], &keys[200]), (201, &"key".into(), &"…".into()));
    }

    proptest! {
        #[test]
        fn what_is_measured_is_what_is_written(text in "\\PC*|[\0-\u{ff}\"\\\\]*|.*") {
            let written = serde_json::to_string(&text).unwrap();
            prop_assert_eq!(measure(&text), written.len() - 2);
        }

        #[test]
        fn whatever_is_cut_fits(text in "[\0-\u{ff}\"\\\\🦀]{0,300}", most in 3_usize..500) {
            let cut = cut_text(text.clone(), most);
            prop_assert!(measure(&cut) <= most);
            prop_assert!(cut == text || text.starts_with(cut.strip_suffix('…').unwrap()));
            prop_assert!(measure(&cut_json(text, most)) <= most);
        }
    }
}

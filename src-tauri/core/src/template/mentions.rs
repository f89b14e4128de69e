//! The filter `response.text|mentions(user.email)`: does the text contain this value as a word of its own?

use minijinja::value::{Value, ValueKind};
use minijinja::{Error as EngineError, ErrorKind};

use crate::masks;

/// Characters that join words into one value, as in `jo.ann@example.com`, if a word follows on the other side.
const JOINTS: &str = ".-+'’%~@";

/// Whether `text` contains `value`, plain or escaped for HTML, and not as part of a longer value. An empty value is
/// never found; an absent one is an error.
#[allow(clippy::needless_pass_by_value, reason = "the engine calls it so")]
pub(super) fn mentions(text: &str, value: Value) -> Result<bool, EngineError> {
    if value.is_undefined() || value.is_none() {
        return Err(ErrorKind::UndefinedError.into());
    }
    if !matches!(value.kind(), ValueKind::String | ValueKind::Number) {
        return Err(EngineError::new(ErrorKind::InvalidOperation, "a text or a number"));
    }
    let value = value.to_string();
    let value = value.trim();
    Ok(!value.is_empty()
        && (has_whole(text, value) || masks::read_html(text).is_some_and(|plain| has_whole(&plain, value))))
}

fn has_whole(text: &str, value: &str) -> bool {
    text.match_indices(value).any(|(at, found)| {
        let before = text[..at].chars().rev();
        let after = text[at + found.len()..].chars();
        !goes_on(before) && !goes_on(after)
    })
}

/// Whether the characters next to a value belong to it.
fn goes_on(mut next: impl Iterator<Item = char>) -> bool {
    let is_word = |char: char| char.is_alphanumeric() || char == '_';
    match next.next() {
        Some(char) if is_word(char) => true,
        Some(char) if JOINTS.contains(char) => next.next().is_some_and(is_word),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mentioned(text: &str, value: &str) -> bool {
        mentions(text, Value::from(value)).expect("a text")
    }

    #[test]
    fn a_value_counts_as_a_whole_alone() {
        for text in [
            "ann@x.com",
            "<p>ann@x.com</p>",
            "mailto:ann@x.com\"",
            "Hello ann@x.com.",
            "(ann@x.com), 'ann@x.com'",
            "{\"email\":\"ann@x.com\"}",
            "joann@x.com and ann@x.com",
            "&lt;ann@x.com&gt;",
            "ann&#64;x.com",
            "- ann@x.com -",
        ] {
            assert!(mentioned(text, "ann@x.com"), "{text}");
        }
        for text in [
            "",
            "joann@x.com",
            "jo.ann@x.com",
            "mary-ann@x.com",
            "jo+ann@x.com",
            "o'ann@x.com",
            "_ann@x.com",
            "ann@x.com.au",
            "ann@x.community",
            "ann@x.com-archive",
            "éann@x.com",
            "ANN@X.COM",
        ] {
            assert!(!mentioned(text, "ann@x.com"), "{text}");
        }
    }

    #[test]
    fn an_empty_value_is_nowhere_and_an_absent_one_an_error() {
        assert!(!mentioned("any page", "") && !mentioned("a  b", " "));
        assert!(mentions("any page", Value::from(())).is_err());
        assert!(mentions("any page", Value::UNDEFINED).is_err());
        assert!(mentions("[1]", Value::from(vec![1])).is_err());
    }

    #[test]
    fn a_number_and_a_name_are_values_too() {
        assert!(mentions("user 7, or 17", Value::from(7)).expect("a number"));
        assert!(!mentions("17, 7.5, 70, user_7, user-7", Value::from(7)).expect("a number"));
        assert!(!mentioned("ann@x.com, @anna", "ann") && mentioned("by @ann", "ann"));
        assert!(mentioned("o&#039;brien", "o'brien"));
    }
}

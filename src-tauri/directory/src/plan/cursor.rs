//! Keyset cursors: the position where a page ended, as an opaque text that the next request passes back.
//!
//! A cursor belongs to one query. Its checksum covers the position, the text and the order, so that a damaged or
//! foreign cursor is refused instead of continuing from the wrong place.

use std::hash::{DefaultHasher, Hash, Hasher};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};

use crate::error::{DirectoryCode, DirectoryError, Result};
use crate::model::ListRequest;
use crate::schema::value::Value;

/// The first or last row of a page, by its sort key.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Cursor {
    /// The segment of the list that contains the row.
    pub(crate) segment: usize,
    /// How many segments the list has. A different number means a different plan, made with other indexes.
    pub(crate) segments: usize,
    /// The value of the column that orders the list. [`Value::Null`] if only the ID orders it, because there is no such
    /// column or because it is NULL in this segment.
    pub(crate) key: Value,
    /// [`Value::Null`] stands for the position before the segment's first row.
    pub(crate) id: Value,
}

#[derive(Serialize, Deserialize)]
struct SealedCursor {
    #[serde(flatten)]
    cursor: Cursor,
    sum: u64,
}

/// The error for a cursor of a list with other segments.
pub(crate) fn foreign_cursor_error() -> DirectoryError {
    DirectoryError::new(
        DirectoryCode::QueryInvalid,
        "The list cannot continue from here: the position belongs to another list.",
    )
    .with_hint("Search again.")
}

impl Cursor {
    pub(crate) fn encode(self, query: &ListRequest) -> String {
        let sum = compute_checksum(&self, query);
        let json = serde_json::to_vec(&SealedCursor { cursor: self, sum }).expect("a cursor is plain JSON");
        URL_SAFE_NO_PAD.encode(json)
    }

    pub(crate) fn decode(text: &str, query: &ListRequest) -> Result<Self> {
        URL_SAFE_NO_PAD
            .decode(text)
            .ok()
            .and_then(|json| serde_json::from_slice::<SealedCursor>(&json).ok())
            .map(|sealed| sealed.cursor)
            // Re-encoding verifies the checksum, and rejects variations that the JSON parser would accept.
            .filter(|cursor| cursor.clone().encode(query) == text)
            .ok_or_else(|| {
                DirectoryError::new(
                    DirectoryCode::QueryInvalid,
                    "The list cannot continue from here: the position is damaged or belongs to another search.",
                )
                .with_hint("Search again.")
            })
    }
}

/// Protects against accidents, not attackers: the cursor comes from our own window.
fn compute_checksum(cursor: &Cursor, query: &ListRequest) -> u64 {
    let mut hasher = DefaultHasher::new();
    cursor.hash(&mut hasher);
    query.text.trim().hash(&mut hasher);
    query.sort.as_ref().map(|sort| (&sort.column, sort.descending)).hash(&mut hasher);
    query.everywhere.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn query(text: &str) -> ListRequest {
        ListRequest::first_page(text, 50)
    }

    fn any_value() -> impl Strategy<Value = Value> {
        prop_oneof![
            Just(Value::Null),
            any::<i64>().prop_map(Value::Integer),
            any::<u64>().prop_map(Value::Real),
            any::<String>().prop_map(Value::Text),
            any::<Vec<u8>>().prop_map(Value::BrokenText),
            any::<Vec<u8>>().prop_map(Value::Blob),
        ]
    }

    fn any_cursor() -> impl Strategy<Value = Cursor> {
        (any::<usize>(), any::<usize>(), any_value(), any_value())
            .prop_map(|(segment, segments, key, id)| Cursor { segment, segments, key, id })
    }

    proptest! {
        #[test]
        fn a_cursor_comes_back_as_it_was(cursor in any_cursor(), text in ".*") {
            let encoded = cursor.clone().encode(&query(&text));
            prop_assert_eq!(Cursor::decode(&encoded, &query(&text)).unwrap(), cursor);
        }

        #[test]
        fn a_changed_cursor_is_refused(cursor in any_cursor(), at in any::<prop::sample::Index>(), to in "[A-Za-z0-9_-]") {
            let mut encoded = cursor.encode(&query("ada"));
            let at = at.index(encoded.len());
            prop_assume!(encoded[at..=at] != to);
            encoded.replace_range(at..=at, &to);
            prop_assert_eq!(Cursor::decode(&encoded, &query("ada")).unwrap_err().code, DirectoryCode::QueryInvalid);
        }

        #[test]
        fn no_text_at_all_can_make_it_panic(text in ".*") {
            prop_assert!(Cursor::decode(&text, &query("")).is_err());
        }
    }

    #[test]
    fn a_cursor_of_another_search_is_refused() {
        let cursor = Cursor { segment: 1, segments: 2, key: Value::Null, id: Value::Integer(1) };
        let encoded = cursor.encode(&query("ada"));
        assert!(Cursor::decode(&encoded, &query(" ada ")).is_ok());
        assert_eq!(Cursor::decode(&encoded, &query("bob")).unwrap_err().code, DirectoryCode::QueryInvalid);
    }
}

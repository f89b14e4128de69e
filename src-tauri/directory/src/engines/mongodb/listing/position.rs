//! The position in a list that a page starts after.

use bson::Bson;

use super::{ListPart, ListSegment};
use crate::plan::cursor::Cursor;
use crate::schema::value::Value;

/// The position where a page starts.
pub(crate) struct PagePosition {
    pub(super) segment: usize,
    pub(super) key: Option<Bson>,
    /// `None`: before the segment's first row.
    pub(super) id: Option<Bson>,
}

impl PagePosition {
    pub(super) fn from_cursor(cursor: &Cursor, segments: &[ListSegment]) -> Option<Self> {
        let segment = segments.get(cursor.segment).filter(|_| cursor.segments == segments.len())?;
        let key = if cursor.key == Value::Null { None } else { Some(from_cursor_value(&cursor.key)?) };
        let id = if cursor.id == Value::Null { None } else { Some(from_cursor_value(&cursor.id)?) };
        if key.is_some() != (segment.part == ListPart::Valued && id.is_some()) {
            return None;
        }
        Some(Self { segment: cursor.segment, key, id })
    }
}

/// The exact value with its type:
/// <https://github.com/mongodb/specifications/blob/master/source/extended-json/extended-json.md>
pub(super) fn to_cursor_value(value: &Bson) -> Value {
    Value::Text(value.clone().into_canonical_extjson().to_string())
}

pub(super) fn from_cursor_value(value: &Value) -> Option<Bson> {
    let Value::Text(text) = value else { return None };
    let json: serde_json::Value = serde_json::from_str(text).ok()?;
    json.try_into().ok()
}

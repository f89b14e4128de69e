//! The values that cursors store and statements bind.

use serde::{Deserialize, Serialize};

/// An exact database value, as it is bound into a statement and stored in a cursor.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Value {
    Null,
    Integer(i64),
    /// The bits of an `f64`, since JSON's decimal digits may not round-trip.
    Real(u64),
    Text(String),
    /// Text from the database that is not valid UTF-8.
    BrokenText(Vec<u8>),
    Blob(Vec<u8>),
}

impl Value {
    /// The value for display, and the text of [`crate::model::Row::id`].
    pub(crate) fn into_text(self) -> Option<String> {
        match self {
            Self::Null => None,
            Self::Integer(integer) => Some(integer.to_string()),
            Self::Real(bits) => Some(format!("{:?}", f64::from_bits(bits))),
            Self::Text(text) => Some(text),
            Self::BrokenText(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
            Self::Blob(bytes) => Some(to_hex(&bytes)),
        }
    }
}

/// Bytes for display, as PostgreSQL writes them: `\x` and hexadecimal digits.
pub(crate) fn to_hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold("\\x".to_owned(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a String takes everything");
        text
    })
}

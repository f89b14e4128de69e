//! A value as a cursor keeps it and a statement binds it.

use serde::{Deserialize, Serialize};

/// A database value, exactly: what is bound into a statement, and what a cursor remembers.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Value {
    Null,
    Integer(i64),
    /// The bits of an f64: JSON's decimal digits need not come back as the same number.
    Real(u64),
    Text(String),
    /// Text of the database's that is not UTF-8.
    BrokenText(Vec<u8>),
    Blob(Vec<u8>),
}

impl Value {
    /// As people read it, and as [`crate::model::Row::id`] gives it.
    pub(crate) fn into_text(self) -> Option<String> {
        match self {
            Self::Null => None,
            Self::Integer(integer) => Some(integer.to_string()),
            Self::Real(bits) => Some(format!("{:?}", f64::from_bits(bits))),
            Self::Text(text) => Some(text),
            Self::BrokenText(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
            Self::Blob(bytes) => Some(hex(&bytes)),
        }
    }
}

/// Bytes for people, as `PostgreSQL` writes them: `\x` and hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold("\\x".to_owned(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a String takes everything");
        text
    })
}

//! What the UI shows about a search text: its filters as chips, errors in them, and names that match no column.
//!
//! Positions are UTF-16 code units from the start of the text, as in JavaScript.

use std::ops::Range;

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::model::Column;
use crate::query::filter::FilterDescription;
use crate::query::names;

/// A parsed search text, for display.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Highlights {
    /// The filters, in the order in which they appear in the text.
    pub chips: Vec<Chip>,
    /// Filters whose value does not fit their column; they are not applied.
    pub faults: Vec<Fault>,
    /// Words that look like filters but name no column; they are searched as free text.
    pub unknown: Vec<UnknownColumn>,
}

/// One filter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Chip {
    /// Where it starts and ends, in UTF-16 code units.
    pub start: usize,
    pub end: usize,
    /// [`Column::name`].
    pub column: String,
    /// [`Column::label`].
    pub label: String,
    /// Matches the users that do not pass the test.
    pub negated: bool,
    /// Between label and value: `contains`, `is not`, `not`; empty if the value says it.
    pub relation: String,
    /// The value for display: `pro, free`, `> 2026-01`, `last 7d`, `any`.
    pub value: String,
    /// `false` while it is being typed: it is not applied yet.
    pub complete: bool,
}

/// An error in a filter's value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Fault {
    /// Where the value starts and ends, in UTF-16 code units.
    pub start: usize,
    pub end: usize,
    /// One sentence.
    pub message: String,
    /// What the column accepts.
    pub hint: String,
}

/// A name before a colon that matches no column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct UnknownColumn {
    /// Where the name starts and ends, in UTF-16 code units.
    pub start: usize,
    pub end: usize,
    pub name: String,
    /// A similar name to suggest instead, if there is one.
    pub closest: Option<String>,
}

impl Chip {
    pub(crate) fn new(
        text: &str,
        span: &Range<usize>,
        column: &Column,
        negated: bool,
        FilterDescription { relation, value }: FilterDescription,
    ) -> Self {
        let (start, end) = utf16_span(text, span);
        let (column, label) = (column.name.clone(), column.label.clone());
        Self { start, end, column, label, negated, relation, value, complete: true }
    }
}

impl Fault {
    pub(crate) fn new(text: &str, span: &Range<usize>, message: String, hint: String) -> Self {
        let (start, end) = utf16_span(text, span);
        Self { start, end, message, hint }
    }
}

impl UnknownColumn {
    /// The column name in the free word at `span`, if it looks like one: `foo:bar` does; `12:30`, `https://acme.com`
    /// and `C:\` do not.
    pub(crate) fn in_word(text: &str, span: &Range<usize>, columns: &[Column]) -> Option<Self> {
        const OTHER_SCHEMES: [&str; 3] = ["mailto", "tel", "urn"];
        let (named, value) = text[span.clone()].split_once(':')?;
        let name = named.strip_prefix('-').unwrap_or(named);
        let mut chars = name.chars();
        let looks_like_one = chars.next().is_some_and(char::is_alphabetic)
            && chars.next().is_some()
            && name.chars().all(|char| char.is_alphanumeric() || matches!(char, '_' | '-'));
        if !looks_like_one || value.starts_with("//") || OTHER_SCHEMES.contains(&name.to_lowercase().as_str())
        {
            return None;
        }
        let end = span.start + named.len();
        let (start, end) = utf16_span(text, &(end - name.len()..end));
        Some(Self { start, end, name: name.to_owned(), closest: names::find_closest_spelling(columns, name) })
    }
}

/// Converts a span of bytes to UTF-16 code units.
pub(crate) fn utf16_span(text: &str, span: &Range<usize>) -> (usize, usize) {
    let units = |text: &str| text.encode_utf16().count();
    let start = units(&text[..span.start]);
    (start, start + units(&text[span.clone()]))
}

/// The byte index of the given UTF-16 code unit. Rounds down to the start of a character, and to the end of a shorter
/// text.
pub(crate) fn byte_at(text: &str, units: usize) -> usize {
    let mut passed = 0;
    for (at, char) in text.char_indices() {
        passed += char.len_utf16();
        if passed > units {
            return at;
        }
    }
    text.len()
}

//! What the UI shows of a search text: its filters as chips, what is wrong with it, and names that
//! are nobody's.
//!
//! Places are UTF-16 code units from the text's beginning, as JavaScript counts.

use std::ops::Range;

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::model::Column;
use crate::query::filter::ReadFilter;
use crate::query::names;

/// A search text, for people.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Highlights {
    /// The filters, in the order of the text.
    pub chips: Vec<Chip>,
    /// Filters whose value does not fit their column; they are not applied.
    pub faults: Vec<Fault>,
    /// Words that look like filters and name no column; they are searched as free text.
    pub unknown: Vec<UnknownColumn>,
}

/// One filter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Chip {
    /// Where it begins and ends, in UTF-16 code units.
    pub start: usize,
    pub end: usize,
    /// [`Column::name`].
    pub column: String,
    /// [`Column::label`].
    pub label: String,
    /// Asks for the users that do not fit.
    pub negated: bool,
    /// Between label and value: `contains`, `is not`, `not`; empty where the value says it.
    pub relation: String,
    /// For people: `pro, free`, `> 2026-01`, `last 7d`, `any`.
    pub value: String,
    /// `false` while it is being typed: it is not applied yet.
    pub complete: bool,
}

/// What is wrong with a filter's value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Fault {
    /// Where the value begins and ends, in UTF-16 code units.
    pub start: usize,
    pub end: usize,
    /// One sentence.
    pub message: String,
    /// What the column takes.
    pub hint: String,
}

/// A name before a colon that is no column's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct UnknownColumn {
    /// Where the name begins and ends, in UTF-16 code units.
    pub start: usize,
    pub end: usize,
    pub name: String,
    /// What to write instead, when a name is close.
    pub closest: Option<String>,
}

impl Chip {
    pub(crate) fn new(
        text: &str,
        span: &Range<usize>,
        column: &Column,
        negated: bool,
        ReadFilter { relation, value }: ReadFilter,
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
    /// The name in the free word at `span`, if it looks like one: `foo:bar` does, `12:30`,
    /// `https://acme.com` and `C:\` do not.
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
        Some(Self { start, end, name: name.to_owned(), closest: names::meant(columns, name) })
    }
}

/// A span of bytes in UTF-16 code units.
pub(crate) fn utf16_span(text: &str, span: &Range<usize>) -> (usize, usize) {
    let units = |text: &str| text.encode_utf16().count();
    let start = units(&text[..span.start]);
    (start, start + units(&text[span.clone()]))
}

/// The byte that the `units`th UTF-16 code unit begins at; inside a character its beginning, behind
/// the text its end.
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

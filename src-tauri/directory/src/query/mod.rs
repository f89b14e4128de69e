//! Parses the text of the search field: free text, and filters such as `plan:pro` or `created:>2026-01`.
//!
//! Pure: takes the text, the columns and the current time; returns typed tests, and what the UI shows about the text.
//! No SQL and no I/O. What the user typed reaches an engine only as an [`Operand`].

mod completion;
mod dates;
mod filter;
mod highlights;
mod identity;
mod lexer;
mod names;
mod operand;
pub(crate) mod pasted;
#[cfg(test)]
mod properties;
mod rewrite;
pub(crate) mod spelling;
#[cfg(test)]
mod stories;
pub(crate) mod typo;
pub(crate) mod values;

use jiff::Timestamp;
use uuid::Uuid;

pub use self::completion::{Suggestion, completed_column, suggest_completions};
pub use self::highlights::{Chip, Fault, Highlights, UnknownColumn};
pub(crate) use self::identity::{Identity, find_identities, split_words};
pub use self::rewrite::filter_by;
pub(crate) use self::rewrite::{
    WidenedQuery, filter_values, free_words, made_exact, quote_value, widen_query,
};
use crate::model::Column;
use crate::query::filter::FilterError;
use crate::query::identity::invert_name;
use crate::query::lexer::{WordKind, lex_query};
use crate::query::pasted::{TextKind, classify_text};

/// A parsed search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParsedQuery {
    /// The free text without filters and quotes, with single spaces between the words.
    pub(crate) text: String,
    /// The words of the free text, for matching all of them in any order; a quoted phrase is one word. At most 8.
    pub words: Vec<String>,
    /// The name in reverse order, if the free text is like `Hoffmann, Anna`.
    pub(crate) inverted: Option<String>,
    /// The digits of the free text, if it is a phone number.
    pub(crate) phone: Option<String>,
    /// What the free text may identify, best first. At most 4.
    pub(crate) identities: Vec<Identity>,
    /// A user must pass all of them. Incomplete and invalid filters are left out.
    pub filters: Vec<Filter>,
    /// The same for display, including the errors in filters.
    pub highlights: Highlights,
}

/// One condition on one column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    /// Index into the directory's columns.
    pub column: usize,
    /// Matches the users that do not pass, including those without a value unless `any` contains [`FilterTest::Null`].
    pub negated: bool,
    /// Passing one of them is enough. Never empty; at most one is [`FilterTest::Is`].
    pub any: Vec<FilterTest>,
}

/// A test of a column's value. NULL passes only [`FilterTest::Null`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FilterTest {
    /// Equal to any of these. Never empty; all are of one variant, but not times. Text is compared as a whole, ignoring
    /// case.
    Is(Vec<Operand>),
    /// For text and JSON only, never empty, ignoring case. The same goes for the next three.
    Contains(String),
    BeginsWith(String),
    EndsWith(String),
    /// Text with these digits, ignoring punctuation between them.
    Digits(String),
    /// For integers, numbers and times. At least one end is set, and they are in order.
    Range {
        from: Option<Bound>,
        to: Option<Bound>,
    },
    Null,
    NotNull,
}

/// One end of a range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bound {
    pub value: Operand,
    /// Whether the range includes the value itself.
    pub inclusive: bool,
}

/// A value to compare with, of the column's [`crate::model::FieldKind`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operand {
    Integer(i64),
    Number(Decimal),
    Boolean(bool),
    Time(Timestamp),
    Uuid(Uuid),
    Text(String),
}

/// A decimal number exactly as written: an optional minus, digits, and an optional fraction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decimal(String);

impl Decimal {
    fn parse(text: &str) -> Option<Self> {
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let unsigned = text.strip_prefix('-').unwrap_or(text);
        let fits = match unsigned.split_once('.') {
            Some((whole, fraction)) => digits(whole) && digits(fraction),
            None => digits(unsigned),
        };
        fits.then(|| Self(text.to_owned()))
    }

    /// For databases that parse decimal digits.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The closest `f64`, for databases that do not; infinite beyond 10^308.
    pub(crate) fn to_f64(&self) -> f64 {
        self.0.parse().expect("decimal digits are a number")
    }
}

impl ParsedQuery {
    /// Parses `text`. Never fails: what is not a filter is free text, an incomplete filter that is left out, or an
    /// error in `highlights`.
    pub fn parse(text: &str, columns: &[Column], now: Timestamp) -> Self {
        let mut free: Vec<&str> = Vec::new();
        let mut spoken: Vec<String> = Vec::new();
        let mut filters = Vec::new();
        let mut highlights = Highlights::default();
        for word in lex_query(text, |name| names::find_column(columns, name)) {
            let raw = &text[word.span.clone()];
            match word.form {
                WordKind::Phrase(phrase) => {
                    free.push(raw);
                    spoken.push(phrase);
                }
                WordKind::Free(plain) => {
                    highlights.unknown.extend(UnknownColumn::in_word(text, &word.span, columns));
                    free.push(raw);
                    spoken.push(plain);
                }
                WordKind::Filter { column, negated, name, value } => {
                    let shown = &columns[column];
                    let read = filter::parse_tests(shown, &text[name], &value, now);
                    if let Err(FilterError::Misfit { span, message, hint }) = read {
                        highlights.faults.push(Fault::new(text, &span, message, hint));
                        continue;
                    }
                    let chip = Chip::new(
                        text,
                        &word.span,
                        shown,
                        negated,
                        filter::describe_filter(shown, &value, negated),
                    );
                    highlights.chips.push(Chip { complete: read.is_ok(), ..chip });
                    filters.extend(read.ok().map(|any| Filter { column, negated, any }));
                }
            }
        }
        spoken.retain(|word| !word.is_empty());
        let free = free.join(" ");
        let text = spoken.join(" ").trim().to_owned();
        Self {
            inverted: invert_name(&text),
            phone: spelling::parse_phone_digits(&text),
            text,
            words: split_words(&free),
            identities: find_identities(&free),
            filters,
            highlights,
        }
    }
}

/// What the UI shows about `text` beside the search field: nothing about a pasted text, which has no filters.
pub fn highlight_query(text: &str, columns: &[Column], now: Timestamp) -> Highlights {
    if classify_text(text, columns) == TextKind::Pasted {
        return Highlights::default();
    }
    ParsedQuery::parse(text, columns, now).highlights
}

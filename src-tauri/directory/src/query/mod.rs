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

pub use self::completion::{Suggestion, complete, completed_column};
pub use self::highlights::{Chip, Fault, Highlights, UnknownColumn};
pub(crate) use self::identity::{Identity, identities, words};
pub use self::rewrite::filter_by;
pub(crate) use self::rewrite::{Widened, filter_values, free_words, made_exact, widened, written};
use crate::model::Column;
use crate::query::filter::Unread;
use crate::query::identity::inverted;
use crate::query::lexer::{Form, lex};

/// A parsed search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ParsedQuery {
    /// The free text without filters and quotes, with single spaces between the words.
    pub(crate) text: String,
    /// The words of the free text, for matching all of them in any order; a quoted phrase is one word. At most 8.
    pub(crate) words: Vec<String>,
    /// The name in reverse order, if the free text is like `Hoffmann, Anna`.
    pub(crate) inverted: Option<String>,
    /// The digits of the free text, if it is a phone number.
    pub(crate) phone: Option<String>,
    /// What the free text may identify, best first. At most 4.
    pub(crate) identities: Vec<Identity>,
    /// A user must pass all of them. Incomplete and invalid filters are left out.
    pub(crate) filters: Vec<Filter>,
    /// The same for display, including the errors in filters.
    pub(crate) reading: Highlights,
}

/// One condition on one column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Filter {
    /// Index into the directory's columns.
    pub(crate) column: usize,
    /// Matches the users that do not pass, including those without a value unless `any` contains [`Test::Null`].
    pub(crate) negated: bool,
    /// Passing one of them is enough. Never empty; at most one is [`Test::Is`].
    pub(crate) any: Vec<Test>,
}

/// A test of a column's value. NULL passes only [`Test::Null`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Test {
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
pub(crate) struct Bound {
    pub(crate) value: Operand,
    /// Whether the range includes the value itself.
    pub(crate) inclusive: bool,
}

/// A value to compare with, of the column's [`crate::model::FieldKind`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Operand {
    Integer(i64),
    Number(Decimal),
    Boolean(bool),
    Time(Timestamp),
    Uuid(Uuid),
    Text(String),
}

/// A decimal number exactly as written: an optional minus, digits, and an optional fraction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Decimal(String);

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
    /// error in `reading`.
    pub(crate) fn read(text: &str, columns: &[Column], now: Timestamp) -> Self {
        let mut free: Vec<&str> = Vec::new();
        let mut spoken: Vec<String> = Vec::new();
        let mut filters = Vec::new();
        let mut reading = Highlights::default();
        for word in lex(text, |name| names::find(columns, name)) {
            let raw = &text[word.span.clone()];
            match word.form {
                Form::Phrase(phrase) => {
                    free.push(raw);
                    spoken.push(phrase);
                }
                Form::Free(plain) => {
                    reading.unknown.extend(UnknownColumn::in_word(text, &word.span, columns));
                    free.push(raw);
                    spoken.push(plain);
                }
                Form::Filter { column, negated, name, value } => {
                    let shown = &columns[column];
                    let read = filter::tests(shown, &text[name], &value, now);
                    if let Err(Unread::Misfit { span, message, hint }) = read {
                        reading.faults.push(Fault::new(text, &span, message, hint));
                        continue;
                    }
                    let chip =
                        Chip::new(text, &word.span, shown, negated, filter::said(shown, &value, negated));
                    reading.chips.push(Chip { complete: read.is_ok(), ..chip });
                    filters.extend(read.ok().map(|any| Filter { column, negated, any }));
                }
            }
        }
        spoken.retain(|word| !word.is_empty());
        let free = free.join(" ");
        let text = spoken.join(" ").trim().to_owned();
        Self {
            inverted: inverted(&text),
            phone: spelling::phone(&text),
            text,
            words: words(&free),
            identities: identities(&free),
            filters,
            reading,
        }
    }
}

/// What the UI shows about `text` beside the search field.
pub fn reading(text: &str, columns: &[Column], now: Timestamp) -> Highlights {
    ParsedQuery::read(text, columns, now).reading
}

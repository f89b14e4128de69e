//! What stands in the one search field, read: free text, and filters such as `plan:pro` or
//! `created:>2026-01`.
//!
//! Pure: the text, the directory's columns and the time come in, typed tests go out, and beside them
//! what the UI shows of it. No SQL and no I/O; what a person typed reaches an engine as an
//! [`Operand`] and as nothing else.

pub(crate) mod closest;
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

/// A search, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ParsedQuery {
    /// The free text: filters taken out, single spaces between words, phrases without their quotes.
    pub(crate) text: String,
    /// The free text's words, for "all of them, in any order"; a phrase in quotes is one. At most 8.
    pub(crate) words: Vec<String>,
    /// The free text the other way round, where it is `Hoffmann, Anna`.
    pub(crate) inverted: Option<String>,
    /// The digits of the free text, where it is a telephone number.
    pub(crate) phone: Option<String>,
    /// What the free text may identify, the best first. At most 4.
    pub(crate) identities: Vec<Identity>,
    /// A user must pass all of them. Those that are incomplete or at fault are not among them.
    pub(crate) filters: Vec<Filter>,
    /// The same for people; its faults are what could not be made a filter.
    pub(crate) reading: Highlights,
}

/// One condition on one column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Filter {
    /// Where among the directory's columns.
    pub(crate) column: usize,
    /// Asks for the users who do not pass; whoever has no value is one of them, unless `any` has
    /// [`Test::Null`] in it.
    pub(crate) negated: bool,
    /// One of them is enough. Never empty, and at most one of them is [`Test::Is`].
    pub(crate) any: Vec<Test>,
}

/// What a column's value must be. NULL passes [`Test::Null`] alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Test {
    /// Equal to any of these, which are of one variant and never times; never empty. Text: the whole
    /// value, upper and lower case alike.
    Is(Vec<Operand>),
    /// Text and JSON only, upper and lower case alike; so are the next three. Never empty.
    Contains(String),
    BeginsWith(String),
    EndsWith(String),
    /// Text with these digits, whatever stands between them.
    Digits(String),
    /// Integers, numbers and times; at least one end is there, and they are in order.
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
    /// The value itself belongs to the range.
    pub(crate) inclusive: bool,
}

/// A value to compare with, of the column's own [`crate::model::FieldKind`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Operand {
    Integer(i64),
    Number(Decimal),
    Boolean(bool),
    Time(Timestamp),
    Uuid(Uuid),
    Text(String),
}

/// A decimal number, exactly as written: perhaps a minus, digits, perhaps a point and digits.
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

    /// For databases that read decimal digits.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The closest binary number, for those that do not; infinite beyond 10^308.
    pub(crate) fn to_f64(&self) -> f64 {
        self.0.parse().expect("decimal digits are a number")
    }
}

impl ParsedQuery {
    /// Reads `text`. Nothing fails: what cannot be a filter is free text, left out as incomplete, or
    /// one of the reading's faults.
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

/// What `text` says, for the UI to show beside the search field.
pub fn reading(text: &str, columns: &[Column], now: Timestamp) -> Highlights {
    ParsedQuery::read(text, columns, now).reading
}

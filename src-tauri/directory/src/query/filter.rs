//! Turns a filter's value into tests of the column's type, or explains why it does not fit.

use std::cmp::Ordering;
use std::ops::Range;

use jiff::Timestamp;

use crate::model::{Column, FieldKind, Role};
use crate::query::lexer::{FilterValue, Written};
use crate::query::operand;
use crate::query::operand::{Extent, including};
use crate::query::spelling;
use crate::query::{Bound, Operand, Test};
use crate::schema::uuids;

/// Why a value is not a filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Unread {
    /// It is still being typed.
    Incomplete,
    /// It does not fit the column.
    Misfit {
        /// The span of the value, in bytes.
        span: Range<usize>,
        message: String,
        hint: String,
    },
}

type Read<T> = Result<T, Unread>;

#[derive(Debug, Clone, Copy)]
enum Comparison {
    Above,
    From,
    Below,
    UpTo,
    Equal,
}

/// The tests that `value` stands for; a row has to pass only one of them. `name` is the column's name in the text.
pub(crate) fn tests(column: &Column, name: &str, value: &FilterValue, now: Timestamp) -> Read<Vec<Test>> {
    let reader = Reader { column, name, now };
    let mut any: Vec<Test> = Vec::new();
    for written in value.operands() {
        let test = reader.test(written)?;
        if any.contains(&test) {
            continue;
        }
        let digits = reader.digits(&test);
        // Merge all equality tests into one, which becomes a single IN in SQL.
        let known =
            any.iter_mut().find_map(|test| if let Test::Is(known) = test { Some(known) } else { None });
        match (test, known) {
            (Test::Is(more), Some(known)) => {
                for operand in more {
                    if !known.contains(&operand) {
                        known.push(operand);
                    }
                }
            }
            (test, _) => any.push(test),
        }
        any.extend(digits);
    }
    if value.ends_in_open_quote() { Err(Unread::Incomplete) } else { Ok(any) }
}

/// A filter for display, after its column's label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ReadFilter {
    /// `contains`, `is not`; empty if the value says it.
    pub(crate) relation: String,
    /// `pro, free`, `> 2026-01`, `last 7d`.
    pub(crate) value: String,
}

/// Describes `value` for display.
pub(crate) fn said(column: &Column, value: &FilterValue, negated: bool) -> ReadFilter {
    if matches!(column.kind, FieldKind::Text | FieldKind::Json) {
        return said_of_text(column, value, negated);
    }
    let relation = if negated { "not" } else { "" }.to_owned();
    ReadFilter { relation, value: said_of_others(column, value) }
}

/// How a text is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verb {
    Contains,
    Is,
    Begins,
    Ends,
    Has,
    Lacks,
}

impl Verb {
    fn words(self, negated: bool) -> &'static str {
        match (self, negated) {
            (Self::Contains, false) => "contains",
            (Self::Contains, true) => "does not contain",
            (Self::Is, false) => "is",
            (Self::Is, true) => "is not",
            (Self::Begins, false) => "begins with",
            (Self::Begins, true) => "does not begin with",
            (Self::Ends, false) => "ends with",
            (Self::Ends, true) => "does not end with",
            (Self::Has, false) | (Self::Lacks, true) => "has a",
            (Self::Lacks, false) | (Self::Has, true) => "has no",
        }
    }
}

fn said_of_text(column: &Column, value: &FilterValue, negated: bool) -> ReadFilter {
    let mut said: Option<(Verb, ReadFilter)> = None;
    for written in value.operands() {
        let (verb, text) = spoken(column, written);
        said = Some(match said {
            None => (verb, ReadFilter { relation: verb.words(negated).to_owned(), value: text }),
            Some((last, mut said)) => {
                let between =
                    if last == verb { ", ".to_owned() } else { format!(" or {} ", verb.words(negated)) };
                said.value = format!("{}{between}{text}", said.value);
                (verb, said)
            }
        });
    }
    said.map(|(_, said)| said).expect("an empty value is one empty operand")
}

/// One operand of a text filter, as verb and object.
fn spoken(column: &Column, written: Written) -> (Verb, String) {
    const VALUE: &str = "value";
    let whole =
        if column.role == Role::Id && column.kind == FieldKind::Text { Verb::Is } else { Verb::Contains };
    match written.bare() {
        _ if written.is_empty() => return (whole, String::new()),
        Some(bare) if bare.eq_ignore_ascii_case("none") => return (Verb::Lacks, VALUE.to_owned()),
        Some(bare) if bare.chars().all(|char| char == '*') => return (Verb::Has, VALUE.to_owned()),
        _ => {}
    }
    let json = column.kind == FieldKind::Json;
    // Empty quotes are a value too.
    let quoted = |text: String, written: Written| {
        if text.is_empty() && !written.is_empty() { "\"\"".to_owned() } else { text }
    };
    if let Some((Comparison::Equal, rest)) = comparison(written) {
        return (if json { whole } else { Verb::Is }, quoted(rest.text(), rest));
    }
    let Stars { start, end, text } = Stars::of(written);
    let verb = match (start, end) {
        _ if text.is_empty() => Verb::Is,
        _ if json => whole,
        (true, true) => Verb::Contains,
        (true, false) => Verb::Ends,
        (false, true) => Verb::Begins,
        (false, false) => whole,
    };
    (verb, quoted(text, written))
}

/// A text, and whether a star stands before or after it.
struct Stars {
    start: bool,
    end: bool,
    text: String,
}

impl Stars {
    fn of(written: Written) -> Self {
        let open_end = written.strip_end('*');
        let open_start = open_end.unwrap_or(written).strip_start('*');
        let text = open_start.or(open_end).unwrap_or(written).text();
        Self { start: open_start.is_some(), end: open_end.is_some(), text }
    }
}

/// Describes the value of a number, time or boolean filter: `> 2026-01`, `5, 7`, `last 7d`.
fn said_of_others(column: &Column, value: &FilterValue) -> String {
    let ago = |text: &str| {
        column.kind == FieldKind::Time
            && text.len() > 1
            && text.ends_with(['h', 'd', 'w', 'm', 'y', 'H', 'D', 'W', 'M', 'Y'])
            && text.starts_with(|char: char| char.is_ascii_digit())
    };
    let said = |written: Written| match comparison(written) {
        _ if written.bare().is_some_and(|text| !text.is_empty() && text.chars().all(|char| char == '*')) => {
            "any".to_owned()
        }
        Some((comparison, rest)) => {
            let text = rest.text();
            let ago = if ago(&text) { " ago" } else { "" };
            format!("{} {text}{ago}", comparison.sign()).trim_end().to_owned()
        }
        None if written.around_dots().is_none() && ago(&written.text()) => format!("last {}", written.text()),
        None => written.text(),
    };
    value.operands().map(said).collect::<Vec<_>>().join(", ")
}

struct Reader<'a> {
    column: &'a Column,
    name: &'a str,
    now: Timestamp,
}

impl Reader<'_> {
    fn test(&self, written: Written) -> Read<Test> {
        if written.is_empty() {
            return Err(Unread::Incomplete);
        }
        match written.bare() {
            Some(bare) if bare.eq_ignore_ascii_case("none") => return Ok(Test::Null),
            Some(bare) if bare.chars().all(|char| char == '*') => return Ok(Test::NotNull),
            _ => {}
        }
        match self.column.kind {
            FieldKind::Text => self.text(written),
            // Other kinds have no empty value.
            _ if written.text().is_empty() => Ok(Test::Null),
            FieldKind::Json => self.text(written),
            FieldKind::Boolean | FieldKind::Uuid => {
                let extent = self.extent(written.strip_start('=').unwrap_or(written), true)?;
                Ok(Test::Is(vec![extent.first]))
            }
            FieldKind::Integer | FieldKind::Number | FieldKind::Time => self.scaled(written),
        }
    }

    fn text(&self, written: Written) -> Read<Test> {
        let json = self.column.kind == FieldKind::Json;
        // Matches a UUID in every spelling.
        let is = |text: String| Test::Is(uuids::also_spelled(&text).into_iter().map(Operand::Text).collect());
        match comparison(written) {
            Some((Comparison::Equal, rest)) if rest.is_empty() => return Err(Unread::Incomplete),
            Some((Comparison::Equal, rest)) if json && rest.text().is_empty() => return Ok(Test::Null),
            // The same JSON can be spelled in several ways, so equality would miss some.
            Some((Comparison::Equal, rest)) if json => return Ok(Test::Contains(rest.text())),
            Some((Comparison::Equal, rest)) => return Ok(is(rest.text())),
            None => {}
            Some(_) => {
                return Err(misfit(
                    written,
                    format!("`{}` holds text, which `<` and `>` cannot compare.", self.name),
                    format!(
                        "`{0}` takes {1}. Quotes search for the signs themselves: {0}:\"{2}\".",
                        self.name,
                        operand::takes(FieldKind::Text),
                        written.text()
                    ),
                ));
            }
        }
        let Stars { start, end, text } = Stars::of(written);
        Ok(match (start, end) {
            (false, false) if text.is_empty() => is(text),
            _ if text.is_empty() => Test::NotNull,
            _ if json => Test::Contains(text),
            (false, true) => Test::BeginsWith(text),
            (true, false) => Test::EndsWith(text),
            // A part of an ID identifies no one, and a UUID may be stored in another spelling.
            (false, false) if self.column.role == Role::Id || uuids::read(&text).is_some() => is(text),
            (true, true) | (false, false) => Test::Contains(text),
        })
    }

    /// A test for a phone number that ignores punctuation, if either the column's name or the value itself says that it
    /// is a phone number.
    fn digits(&self, test: &Test) -> Option<Test> {
        let Test::Contains(part) = test else { return None };
        let may_hold = self.column.kind == FieldKind::Text && self.column.role == Role::Other;
        let is_one = spelling::is_punctuated(part) || spelling::holds_phones(&self.column.name);
        spelling::phone(part).filter(|_| may_hold && is_one).map(Test::Digits)
    }

    fn scaled(&self, written: Written) -> Read<Test> {
        if let Some((comparison, rest)) = comparison(written) {
            let alone = matches!(comparison, Comparison::Equal);
            let Extent { first, last } = self.extent(rest, alone)?;
            let beyond = |bound: Bound| Bound { inclusive: !bound.inclusive, ..bound };
            let (from, to) = match comparison {
                Comparison::Above => (Some(beyond(last)), None),
                Comparison::From => (Some(including(first)), None),
                Comparison::Below => (None, Some(beyond(including(first)))),
                Comparison::UpTo => (None, Some(last)),
                Comparison::Equal => return Ok(within(first, last)),
            };
            return Ok(Test::Range { from, to });
        }
        let Some((from, to)) = written.around_dots() else {
            let Extent { first, last } = self.extent(written, true)?;
            return Ok(within(first, last));
        };
        let end = |written: Written| (!written.is_empty()).then(|| self.extent(written, false)).transpose();
        let (from, to) =
            (end(from)?.map(|extent| including(extent.first)), end(to)?.map(|extent| extent.last));
        match (&from, &to) {
            (None, None) => Err(Unread::Incomplete),
            (Some(from), Some(to)) if is_backwards(from, to) => Err(misfit(
                written,
                format!("`{}` ends before it begins.", written.text()),
                "Put the smaller or earlier one first.".to_owned(),
            )),
            _ => Ok(Test::Range { from, to }),
        }
    }

    /// Parses one value. `alone`: it is neither compared nor the end of a range.
    fn extent(&self, written: Written, alone: bool) -> Read<Extent> {
        let kind = self.column.kind;
        let text = written.text();
        let text = text.trim();
        operand::extent(kind, text, alone, self.now).ok_or_else(|| {
            if operand::is_beginning(kind, text, self.now) {
                return Unread::Incomplete;
            }
            let hint = format!("`{}` takes {}.", self.name, operand::takes(kind));
            misfit(written, format!("`{text}` is {}.", operand::not_one(kind)), hint)
        })
    }
}

fn misfit(written: Written, message: String, hint: String) -> Unread {
    let span = written.span().expect("nothing written is incomplete, not at fault");
    Unread::Misfit { span, message, hint }
}

impl Comparison {
    fn sign(self) -> &'static str {
        match self {
            Self::Above => ">",
            Self::From => "≥",
            Self::Below => "<",
            Self::UpTo => "≤",
            Self::Equal => "=",
        }
    }
}

/// Splits off the comparison that `written` starts with.
fn comparison(written: Written<'_>) -> Option<(Comparison, Written<'_>)> {
    if let Some(rest) = written.strip_start('>') {
        return Some(
            rest.strip_start('=').map_or((Comparison::Above, rest), |rest| (Comparison::From, rest)),
        );
    }
    if let Some(rest) = written.strip_start('<') {
        return Some(
            rest.strip_start('=').map_or((Comparison::Below, rest), |rest| (Comparison::UpTo, rest)),
        );
    }
    written.strip_start('=').map(|rest| (Comparison::Equal, rest))
}

/// The test for everything from `first` to `last`.
fn within(first: Operand, last: Bound) -> Test {
    if matches!(first, Operand::Time(_)) {
        return Test::Range { from: Some(including(first)), to: Some(last) };
    }
    Test::Is(vec![first])
}

fn is_backwards(from: &Bound, to: &Bound) -> bool {
    let order = match (&from.value, &to.value) {
        (Operand::Integer(from), Operand::Integer(to)) => from.cmp(to),
        (Operand::Number(from), Operand::Number(to)) => from.to_f64().total_cmp(&to.to_f64()),
        (Operand::Time(from), Operand::Time(to)) => from.cmp(to),
        _ => Ordering::Less,
    };
    order == Ordering::Greater || order == Ordering::Equal && !(from.inclusive && to.inclusive)
}

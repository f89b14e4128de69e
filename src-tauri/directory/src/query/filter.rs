//! Turns a filter's value into tests of the column's type, or explains why it does not fit.

use std::cmp::Ordering;
use std::ops::Range;

use jiff::Timestamp;

use crate::model::{Column, FieldKind, Role};
use crate::query::lexer::{FilterValue, RawOperand};
use crate::query::operand;
use crate::query::operand::{Extent, to_inclusive_bound};
use crate::query::spelling;
use crate::query::{Bound, FilterTest, Operand};
use crate::schema::uuids;

/// Why a value is not a filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum FilterError {
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

type Read<T> = Result<T, FilterError>;

#[derive(Debug, Clone, Copy)]
enum Comparison {
    Above,
    From,
    Below,
    UpTo,
    Equal,
}

/// The tests that `value` stands for; a row has to pass only one of them. `name` is the column's name in the text.
pub(crate) fn parse_tests(
    column: &Column,
    name: &str,
    value: &FilterValue,
    now: Timestamp,
) -> Read<Vec<FilterTest>> {
    let reader = FilterParser { column, name, now };
    let mut any: Vec<FilterTest> = Vec::new();
    for written in value.operands() {
        let test = reader.parse_test(written)?;
        if any.contains(&test) {
            continue;
        }
        let digits = reader.to_digits_test(&test);
        // Merge all equality tests into one, which becomes a single IN in SQL.
        let known =
            any.iter_mut().find_map(|test| if let FilterTest::Is(known) = test { Some(known) } else { None });
        match (test, known) {
            (FilterTest::Is(more), Some(known)) => {
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
    if value.ends_in_open_quote() {
        return Err(FilterError::Incomplete);
    }
    // By parts and ranges, a value could be guessed bit by bit.
    let is_whole =
        |test: &FilterTest| matches!(test, FilterTest::Is(_) | FilterTest::Null | FilterTest::NotNull);
    let is_one = value.operands().nth(1).is_none();
    if column.masked && !(is_one && any.iter().all(is_whole)) {
        let written = value.operands().next().expect("an empty value is incomplete");
        if matches!(column.kind, FieldKind::Time | FieldKind::Json) {
            let message = format!("“{}” is masked, so it can't be searched.", column.label);
            return Err(misfit_error(written, message, "Search for something else.".to_owned()));
        }
        let message = format!("“{}” is masked, so it can only be searched by one whole value.", column.label);
        let hint = format!("Type the whole value after an equals sign: {name}:=…");
        return Err(misfit_error(written, message, hint));
    }
    Ok(any)
}

/// A filter for display, after its column's label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FilterDescription {
    /// `contains`, `is not`; empty if the value says it.
    pub(crate) relation: String,
    /// `pro, free`, `> 2026-01`, `last 7d`.
    pub(crate) value: String,
}

/// Describes `value` for display.
pub(crate) fn describe_filter(column: &Column, value: &FilterValue, negated: bool) -> FilterDescription {
    if matches!(column.kind, FieldKind::Text | FieldKind::Json) {
        return describe_text_filter(column, value, negated);
    }
    let relation = if negated { "not" } else { "" }.to_owned();
    FilterDescription { relation, value: describe_typed_filter(column, value) }
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
    fn as_phrase(self, negated: bool) -> &'static str {
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

fn describe_text_filter(column: &Column, value: &FilterValue, negated: bool) -> FilterDescription {
    let mut said: Option<(Verb, FilterDescription)> = None;
    for written in value.operands() {
        let (verb, text) = describe_operand(column, written);
        said = Some(match said {
            None => (verb, FilterDescription { relation: verb.as_phrase(negated).to_owned(), value: text }),
            Some((last, mut said)) => {
                let between =
                    if last == verb { ", ".to_owned() } else { format!(" or {} ", verb.as_phrase(negated)) };
                said.value = format!("{}{between}{text}", said.value);
                (verb, said)
            }
        });
    }
    said.map(|(_, said)| said).expect("an empty value is one empty operand")
}

/// One operand of a text filter, as verb and object.
fn describe_operand(column: &Column, written: RawOperand) -> (Verb, String) {
    const VALUE: &str = "value";
    let whole =
        if column.role == Role::Id && column.kind == FieldKind::Text { Verb::Is } else { Verb::Contains };
    match written.to_bare_text() {
        _ if written.is_empty() => return (whole, String::new()),
        Some(bare) if bare.eq_ignore_ascii_case("none") => return (Verb::Lacks, VALUE.to_owned()),
        Some(bare) if bare.chars().all(|char| char == '*') => return (Verb::Has, VALUE.to_owned()),
        _ => {}
    }
    let json = column.kind == FieldKind::Json;
    // Empty quotes are a value too.
    let quoted = |text: String, written: RawOperand| {
        if text.is_empty() && !written.is_empty() { "\"\"".to_owned() } else { text }
    };
    if let Some((Comparison::Equal, rest)) = split_comparison(written) {
        return (if json { whole } else { Verb::Is }, quoted(rest.to_text(), rest));
    }
    let WildcardText { start, end, text } = WildcardText::from_operand(written);
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
struct WildcardText {
    start: bool,
    end: bool,
    text: String,
}

impl WildcardText {
    fn from_operand(written: RawOperand) -> Self {
        let open_end = written.strip_end('*');
        let open_start = open_end.unwrap_or(written).strip_start('*');
        let text = open_start.or(open_end).unwrap_or(written).to_text();
        Self { start: open_start.is_some(), end: open_end.is_some(), text }
    }
}

/// Describes the value of a number, time or boolean filter: `> 2026-01`, `5, 7`, `last 7d`.
fn describe_typed_filter(column: &Column, value: &FilterValue) -> String {
    let ago = |text: &str| {
        column.kind == FieldKind::Time
            && text.len() > 1
            && text.ends_with(['h', 'd', 'w', 'm', 'y', 'H', 'D', 'W', 'M', 'Y'])
            && text.starts_with(|char: char| char.is_ascii_digit())
    };
    let said = |written: RawOperand| match split_comparison(written) {
        _ if written
            .to_bare_text()
            .is_some_and(|text| !text.is_empty() && text.chars().all(|char| char == '*')) =>
        {
            "any".to_owned()
        }
        Some((comparison, rest)) => {
            let text = rest.to_text();
            let ago = if ago(&text) { " ago" } else { "" };
            format!("{} {text}{ago}", comparison.as_symbol()).trim_end().to_owned()
        }
        None if written.around_dots().is_none() && ago(&written.to_text()) => {
            format!("last {}", written.to_text())
        }
        None => written.to_text(),
    };
    value.operands().map(said).collect::<Vec<_>>().join(", ")
}

struct FilterParser<'a> {
    column: &'a Column,
    name: &'a str,
    now: Timestamp,
}

impl FilterParser<'_> {
    fn parse_test(&self, written: RawOperand) -> Read<FilterTest> {
        if written.is_empty() {
            return Err(FilterError::Incomplete);
        }
        match written.to_bare_text() {
            Some(bare) if bare.eq_ignore_ascii_case("none") => return Ok(FilterTest::Null),
            Some(bare) if bare.chars().all(|char| char == '*') => return Ok(FilterTest::NotNull),
            _ => {}
        }
        match self.column.kind {
            FieldKind::Text => self.parse_text_test(written),
            // Other kinds have no empty value.
            _ if written.to_text().is_empty() => Ok(FilterTest::Null),
            FieldKind::Json => self.parse_text_test(written),
            FieldKind::Boolean | FieldKind::Uuid => {
                let extent = self.parse_extent(written.strip_start('=').unwrap_or(written), true)?;
                Ok(FilterTest::Is(vec![extent.first]))
            }
            FieldKind::Integer | FieldKind::Number | FieldKind::Time => self.parse_range_test(written),
        }
    }

    fn parse_text_test(&self, written: RawOperand) -> Read<FilterTest> {
        let json = self.column.kind == FieldKind::Json;
        // Matches a UUID in every spelling.
        let is = |text: String| {
            FilterTest::Is(uuids::also_spelled(&text).into_iter().map(Operand::Text).collect())
        };
        match split_comparison(written) {
            Some((Comparison::Equal, rest)) if rest.is_empty() => return Err(FilterError::Incomplete),
            Some((Comparison::Equal, rest)) if json && rest.to_text().is_empty() => {
                return Ok(FilterTest::Null);
            }
            // The same JSON can be spelled in several ways, so equality would miss some.
            Some((Comparison::Equal, rest)) if json => return Ok(FilterTest::Contains(rest.to_text())),
            Some((Comparison::Equal, rest)) => return Ok(is(rest.to_text())),
            None => {}
            Some(_) => {
                return Err(misfit_error(
                    written,
                    format!("`{}` holds text, which cannot be compared with `<` and `>`.", self.name),
                    format!(
                        "`{0}` takes {1}. To search for the signs themselves, use quotes: {0}:\"{2}\".",
                        self.name,
                        operand::describe_syntax(FieldKind::Text),
                        written.to_text()
                    ),
                ));
            }
        }
        let WildcardText { start, end, text } = WildcardText::from_operand(written);
        Ok(match (start, end) {
            (false, false) if text.is_empty() => is(text),
            _ if text.is_empty() => FilterTest::NotNull,
            _ if json => FilterTest::Contains(text),
            (false, true) => FilterTest::BeginsWith(text),
            (true, false) => FilterTest::EndsWith(text),
            // A part of an ID identifies no one, and a UUID may be stored in another spelling.
            (false, false) if self.column.role == Role::Id || uuids::parse_uuid(&text).is_some() => is(text),
            (true, true) | (false, false) => FilterTest::Contains(text),
        })
    }

    /// A test for a phone number that ignores punctuation, if either the column's name or the value itself says that it
    /// is a phone number.
    fn to_digits_test(&self, test: &FilterTest) -> Option<FilterTest> {
        let FilterTest::Contains(part) = test else { return None };
        let may_hold = self.column.kind == FieldKind::Text && self.column.role == Role::Other;
        let is_one = spelling::is_punctuated(part) || spelling::holds_phones(&self.column.name);
        spelling::parse_phone_digits(part).filter(|_| may_hold && is_one).map(FilterTest::Digits)
    }

    fn parse_range_test(&self, written: RawOperand) -> Read<FilterTest> {
        if let Some((comparison, rest)) = split_comparison(written) {
            let alone = matches!(comparison, Comparison::Equal);
            let Extent { first, last } = self.parse_extent(rest, alone)?;
            let beyond = |bound: Bound| Bound { inclusive: !bound.inclusive, ..bound };
            let (from, to) = match comparison {
                Comparison::Above => (Some(beyond(last)), None),
                Comparison::From => (Some(to_inclusive_bound(first)), None),
                Comparison::Below => (None, Some(beyond(to_inclusive_bound(first)))),
                Comparison::UpTo => (None, Some(last)),
                Comparison::Equal => return Ok(build_range_test(first, last)),
            };
            return Ok(FilterTest::Range { from, to });
        }
        let Some((from, to)) = written.around_dots() else {
            let Extent { first, last } = self.parse_extent(written, true)?;
            return Ok(build_range_test(first, last));
        };
        let end = |written: RawOperand| {
            (!written.is_empty()).then(|| self.parse_extent(written, false)).transpose()
        };
        let (from, to) =
            (end(from)?.map(|extent| to_inclusive_bound(extent.first)), end(to)?.map(|extent| extent.last));
        match (&from, &to) {
            (None, None) => Err(FilterError::Incomplete),
            (Some(from), Some(to)) if is_backwards(from, to) => Err(misfit_error(
                written,
                format!("`{}` ends before it begins.", written.to_text()),
                "Put the smaller or earlier one first.".to_owned(),
            )),
            _ => Ok(FilterTest::Range { from, to }),
        }
    }

    /// Parses one value. `alone`: it is neither compared nor the end of a range.
    fn parse_extent(&self, written: RawOperand, alone: bool) -> Read<Extent> {
        let kind = self.column.kind;
        let text = written.to_text();
        let text = text.trim();
        operand::parse_extent(kind, text, alone, self.now).ok_or_else(|| {
            if operand::is_beginning(kind, text, self.now) {
                return FilterError::Incomplete;
            }
            let hint = format!("`{}` takes {}.", self.name, operand::describe_syntax(kind));
            misfit_error(written, format!("`{text}` is {}.", operand::describe_misfit(kind)), hint)
        })
    }
}

fn misfit_error(written: RawOperand, message: String, hint: String) -> FilterError {
    let span = written.span().expect("nothing written is incomplete, not at fault");
    FilterError::Misfit { span, message, hint }
}

impl Comparison {
    fn as_symbol(self) -> &'static str {
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
fn split_comparison(written: RawOperand<'_>) -> Option<(Comparison, RawOperand<'_>)> {
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
fn build_range_test(first: Operand, last: Bound) -> FilterTest {
    if matches!(first, Operand::Time(_)) {
        return FilterTest::Range { from: Some(to_inclusive_bound(first)), to: Some(last) };
    }
    FilterTest::Is(vec![first])
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

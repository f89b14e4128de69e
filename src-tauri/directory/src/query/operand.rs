//! Parses one value of a column's type, and describes which values the type accepts.

use crate::model::FieldKind;
use crate::query::dates;
use crate::query::dates::ParsedTime;
use crate::query::{Bound, Decimal, Operand};
use crate::schema::uuids;
use jiff::Timestamp;

/// The range that one operand covers: a single number, or a month from its first instant to before the next month.
pub(crate) struct Extent {
    pub(crate) first: Operand,
    pub(crate) last: Bound,
}

/// Parses `text` as a value of `kind`. `alone`: it is neither compared nor the end of a range, so that `7d` means
/// everything since then.
pub(crate) fn parse_extent(kind: FieldKind, text: &str, alone: bool, now: Timestamp) -> Option<Extent> {
    let operand = match kind {
        FieldKind::Integer => Operand::Integer(text.parse().ok()?),
        FieldKind::Number => Operand::Number(Decimal::parse(text)?),
        FieldKind::Boolean => Operand::Boolean(parse_boolean(text)?),
        FieldKind::Uuid => Operand::Uuid(uuids::parse_uuid(text)?),
        FieldKind::Time => match dates::parse_time(text, now)? {
            ParsedTime::Stretch(first, end) => {
                let last = Bound { value: Operand::Time(end), inclusive: false };
                return Some(Extent { first: Operand::Time(first), last });
            }
            ParsedTime::Ago(then) if alone => {
                return Some(Extent {
                    first: Operand::Time(then),
                    last: to_inclusive_bound(Operand::Time(now)),
                });
            }
            ParsedTime::Instant(then) | ParsedTime::Ago(then) => Operand::Time(then),
        },
        FieldKind::Json | FieldKind::Text => Operand::Text(text.to_owned()),
    };
    Some(Extent { first: operand.clone(), last: to_inclusive_bound(operand) })
}

/// Whether a `text` that does not fit may become valid as the user types on.
pub(crate) fn is_beginning(kind: FieldKind, text: &str, now: Timestamp) -> bool {
    let lower = text.to_ascii_lowercase();
    let of = |words: &[&str]| words.iter().any(|word| word.starts_with(&lower));
    // The first dot of `5..10` or of `5.25`.
    let before_point =
        || text.strip_suffix('.').is_some_and(|text| parse_extent(kind, text, false, now).is_some());
    of(&["none"])
        || match kind {
            FieldKind::Integer | FieldKind::Number => text == "-" || before_point(),
            FieldKind::Boolean => of(&["true", "false", "yes", "no"]),
            FieldKind::Time => dates::is_beginning(text, now) || before_point(),
            FieldKind::Uuid => {
                text.len() < 36 && text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
            }
            FieldKind::Json | FieldKind::Text => false,
        }
}

/// Completes the sentence "`soonish` is …".
pub(crate) fn describe_misfit(kind: FieldKind) -> &'static str {
    match kind {
        FieldKind::Integer => "not a whole number of up to 64 bits",
        FieldKind::Number => "not a number",
        FieldKind::Boolean => "neither true nor false",
        FieldKind::Time => "not a date",
        FieldKind::Uuid => "not a UUID",
        FieldKind::Json | FieldKind::Text => "not text",
    }
}

/// Completes the sentence "`created` takes …".
pub(crate) fn describe_syntax(kind: FieldKind) -> &'static str {
    match kind {
        FieldKind::Integer => "whole numbers: 5, >5, <=5 or 5..10",
        FieldKind::Number => "numbers: 5, 2.5, >5, <=5 or 5..10",
        FieldKind::Boolean => "true or false",
        FieldKind::Time => "a date: 2026-01, 2026-01-31, today, 7d, >2026-01 or 2026-01..2026-03",
        FieldKind::Uuid => "a full UUID, like 550e8400-e29b-41d4-a716-446655440000",
        FieldKind::Json => "a text that it contains",
        FieldKind::Text => {
            "text: pro (contains it), =pro (is it), pro* (begins with it) or *pro (ends with it)"
        }
    }
}

pub(crate) fn to_inclusive_bound(value: Operand) -> Bound {
    Bound { value, inclusive: true }
}

fn parse_boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "1" => Some(true),
        "false" | "no" | "0" => Some(false),
        _ => None,
    }
}

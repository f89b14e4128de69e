//! Parses times as users type them: a year, a month, a day, a minute, `today`, or `7d` for seven days ago.
//!
//! Times without a zone are UTC.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::Offset;
use jiff::{Span, Timestamp};

/// What a parsed time stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ParsedTime {
    /// From the first, inclusive, to the second, exclusive.
    Stretch(Timestamp, Timestamp),
    Instant(Timestamp),
    /// This long before now; without a comparison it means everything since then.
    Ago(Timestamp),
}

const TODAY: &str = "today";
const YESTERDAY: &str = "yesterday";

/// Parses `text`. `None` if it is not a time, or one that no database stores.
pub(crate) fn parse_time(text: &str, now: Timestamp) -> Option<ParsedTime> {
    let text = text.to_ascii_lowercase();
    let today = Offset::UTC.to_datetime(now).date();
    match text.as_str() {
        TODAY => to_day_range(today),
        YESTERDAY => to_day_range(today.yesterday().ok()?),
        _ => parse_time_ago(&text, now).or_else(|| parse_calendar_time(&text)),
    }
}

/// Whether `text` may become a time as the user types on.
pub(crate) fn is_beginning(text: &str, now: Timestamp) -> bool {
    let text = text.to_ascii_lowercase();
    if !text.is_ascii() {
        return false;
    }
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let clock = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || byte == b':');
    let offset = |text: &str| text.strip_prefix(['+', '-']).is_some_and(|rest| rest.len() < 5 && clock(rest));
    // The longest prefix that is a time by itself, without a zone.
    let is_whole = |whole: &str| !whole.ends_with('z') && parse_time(whole, now).is_some();
    let end = text.rfind('+').or(text.rfind('-').filter(|&at| at > 10)).unwrap_or(text.len());
    let whole = [19, 16, 10, 7, 4]
        .into_iter()
        .find(|&length| length <= end && text.get(..length).is_some_and(is_whole));
    let rest = &text[whole.unwrap_or(0)..];
    match whole {
        _ if text.is_empty() => true,
        Some(4 | 7) => rest.strip_prefix('-').is_some_and(|rest| rest.len() < 2 && digits(rest)),
        Some(10) => rest.strip_prefix(['t', ' ']).is_some_and(|rest| rest.len() < 5 && clock(rest)),
        Some(16) => offset(rest) || rest.strip_prefix(':').is_some_and(|rest| rest.len() < 2 && digits(rest)),
        Some(_) => offset(rest) || rest == ".",
        None => TODAY.starts_with(&text) || YESTERDAY.starts_with(&text) || text.len() < 4 && digits(&text),
    }
}

/// `24h`, `7d`, `3w`, `6m` (months) and `1y` before now, to the second.
fn parse_time_ago(text: &str, now: Timestamp) -> Option<ParsedTime> {
    let (amount, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if amount.is_empty() || amount.len() > 6 || !amount.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let amount: i64 = amount.parse().ok()?;
    let span = match unit {
        "h" => Span::new().try_hours(amount),
        "d" => Span::new().try_days(amount),
        "w" => Span::new().try_weeks(amount),
        "m" => Span::new().try_months(amount),
        "y" => Span::new().try_years(amount),
        _ => return None,
    };
    let now = Timestamp::from_second(now.as_second()).ok()?;
    let then = Offset::UTC.to_datetime(now).checked_sub(span.ok()?).ok()?;
    // Not every database can represent a year BC.
    Offset::UTC.to_timestamp(then).ok().filter(|_| then.year() > 0).map(ParsedTime::Ago)
}

/// Everything made of digits and dashes, from `2026` to `2026-01-31T10:30:05.123+02:00`.
fn parse_calendar_time(text: &str) -> Option<ParsedTime> {
    let date = |text: &str| {
        let mut parts = text.split('-');
        let year = parts.next().filter(|year| year.len() == 4).and_then(parse_digits)?;
        let month = parts.next().map_or(Some(1), parse_two_digits)?;
        let day = parts.next().map_or(Some(1), parse_two_digits)?;
        (year > 0).then_some(())?;
        Date::new(i16::try_from(year).ok()?, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
    };
    match text.len() {
        4 => to_time_range(date(text)?.into(), Span::new().years(1), Offset::UTC),
        7 => to_time_range(date(text)?.into(), Span::new().months(1), Offset::UTC),
        10 => to_day_range(date(text)?),
        _ => {
            let (day, rest) = text.split_at_checked(10)?;
            let rest = rest.strip_prefix(['t', ' '])?;
            let (clock, zone) = rest.split_at(rest.find(['z', '+', '-']).unwrap_or(rest.len()));
            let (time, precision) = parse_clock_time(clock)?;
            let begins = date(day)?.to_datetime(time);
            let offset = parse_offset(zone)?;
            match precision {
                Some(precision) => to_time_range(begins, precision, offset),
                None => offset.to_timestamp(begins).ok().map(ParsedTime::Instant),
            }
        }
    }
}

/// Parses `10:30`, `10:30:05` or `10:30:05.123`, with the span it covers; a time with a fraction is an instant.
fn parse_clock_time(text: &str) -> Option<(Time, Option<Span>)> {
    let (clock, fraction) =
        text.split_once('.').map_or((text, None), |(clock, fraction)| (clock, Some(fraction)));
    let parts: Vec<u32> = clock.split(':').map(parse_two_digits).collect::<Option<_>>()?;
    let (hour, minute, second, precision) = match (parts.as_slice(), fraction) {
        ([hour, minute], None) => (*hour, *minute, 0, Some(Span::new().minutes(1))),
        ([hour, minute, second], None) => (*hour, *minute, *second, Some(Span::new().seconds(1))),
        ([hour, minute, second], Some(_)) => (*hour, *minute, *second, None),
        _ => return None,
    };
    let nanos = match fraction {
        Some(digits) if digits.len() <= 9 => {
            parse_digits(&format!("{digits:0<9}")).filter(|_| !digits.is_empty())?
        }
        Some(_) => return None,
        None => 0,
    };
    let small = |number: u32| i8::try_from(number).ok();
    let time = Time::new(small(hour)?, small(minute)?, small(second)?, i32::try_from(nanos).ok()?);
    Some((time.ok()?, precision))
}

/// Parses an empty text, `z`, `+02:00`, `+0200` or `+02`.
fn parse_offset(text: &str) -> Option<Offset> {
    let Some(digits) = text.strip_prefix(['+', '-']) else {
        return matches!(text, "" | "z").then_some(Offset::UTC);
    };
    let (hours, minutes) = digits.split_at_checked(2)?;
    let minutes = match minutes.strip_prefix(':').unwrap_or(minutes) {
        "" if minutes.is_empty() => 0,
        minutes => parse_two_digits(minutes)?,
    };
    let seconds = i32::try_from(parse_two_digits(hours)? * 3600 + minutes * 60).ok()?;
    Offset::from_seconds(if text.starts_with('-') { -seconds } else { seconds }).ok()
}

fn to_day_range(date: Date) -> Option<ParsedTime> {
    to_time_range(date.into(), Span::new().days(1), Offset::UTC)
}

fn to_time_range(begins: DateTime, lasts: Span, offset: Offset) -> Option<ParsedTime> {
    let ends = begins.checked_add(lasts).ok()?;
    Some(ParsedTime::Stretch(offset.to_timestamp(begins).ok()?, offset.to_timestamp(ends).ok()?))
}

fn parse_two_digits(text: &str) -> Option<u32> {
    parse_digits(text).filter(|_| text.len() == 2)
}

/// Unlike `parse`, rejects a sign.
fn parse_digits(text: &str) -> Option<u32> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::stories::now;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn days_months_and_years_are_ranges_of_time() {
        for (text, from, to) in [
            ("2026", "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"),
            ("2026-01", "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"),
            ("2025-12", "2025-12-01T00:00:00Z", "2026-01-01T00:00:00Z"),
            ("2024-02-29", "2024-02-29T00:00:00Z", "2024-03-01T00:00:00Z"),
            ("2026-01-31T10:30", "2026-01-31T10:30:00Z", "2026-01-31T10:31:00Z"),
            ("2026-01-31 10:30:05", "2026-01-31T10:30:05Z", "2026-01-31T10:30:06Z"),
            ("2026-01-31t10:30z", "2026-01-31T10:30:00Z", "2026-01-31T10:31:00Z"),
            ("2026-01-31T10:30+02:00", "2026-01-31T08:30:00Z", "2026-01-31T08:31:00Z"),
            ("2026-01-31T23:59:59-0130", "2026-02-01T01:29:59Z", "2026-02-01T01:30:00Z"),
            ("Today", "2026-03-10T00:00:00Z", "2026-03-11T00:00:00Z"),
            ("yesterday", "2026-03-09T00:00:00Z", "2026-03-10T00:00:00Z"),
        ] {
            assert_eq!(parse_time(text, now()), Some(ParsedTime::Stretch(at(from), at(to))), "{text}");
        }
    }

    #[test]
    fn fractions_are_instants_and_units_are_a_while_ago() {
        let instant = ParsedTime::Instant(at("2026-01-31T10:30:05.123Z"));
        assert_eq!(parse_time("2026-01-31T10:30:05.123Z", now()), Some(instant));
        for (text, then) in [
            ("24h", "2026-03-09T12:30:15Z"),
            ("7d", "2026-03-03T12:30:15Z"),
            ("3W", "2026-02-17T12:30:15Z"),
            ("6m", "2025-09-10T12:30:15Z"),
            ("1y", "2025-03-10T12:30:15Z"),
            ("0d", "2026-03-10T12:30:15Z"),
        ] {
            assert_eq!(parse_time(text, now()), Some(ParsedTime::Ago(at(then))), "{text}");
        }
    }

    #[test]
    fn invalid_times_are_refused() {
        for text in [
            "",
            "soonish",
            "202",
            "20260",
            "2026-13",
            "2026-1",
            "2026-00",
            "2026-02-30",
            "0000",
            "9999",
            "2026/01",
            "31.01.2026",
            "2026-01-31T",
            "2026-01-31T24:00",
            "2026-01-31T10",
            "2026-01-31T10:30:05.",
            "7x",
            "d",
            "-7d",
            "9999y",
            "999999999999d",
            "2026-01-31T10:30+99:00",
            "2026-01-31T10:30+02:",
            "+026",
            "2026-+1",
            "ä",
            "7ä",
        ] {
            assert_eq!(parse_time(text, now()), None, "{text}");
        }
    }

    #[test]
    fn an_unfinished_time_is_recognised() {
        for whole in ["2026-01-31T10:30:05", "2026-01-31T10:30+02:00", "today", "yesterday", "30d", "6m"] {
            for end in 0..whole.len() {
                let text = &whole[..end];
                assert!(parse_time(text, now()).is_some() || is_beginning(text, now()), "{text}");
            }
        }
        for text in ["soonish", "2026.01", "2026-13", "2026-13-", "20261", "tomorrow", "2026-01-31x", "ä"] {
            assert!(!is_beginning(text, now()), "{text}");
        }
    }
}

//! Converts times that a database stores as numbers or text to RFC 3339.

use jiff::Timestamp;
use jiff::tz::Offset;

/// From here on, numbers are milliseconds: as seconds this is the year 5138, as milliseconds 1973.
const MILLIS: i64 = 100_000_000_000;
/// From here on, they are microseconds.
const MICROS: i64 = 100_000_000_000_000;
/// From here on, they are not times.
const BEYOND: i64 = 100_000_000_000_000_000;
/// In this range, numbers are the digits of a date and time, as `MediaWiki` stores them: 20240131120000. As
/// milliseconds they would be in the 27th century.
const DIGITS: std::ops::Range<i64> = 19_700_101_000_000..22_000_101_000_000;

/// Small numbers that no database means as seconds, since all of them would be in 1970: years (MySQL's YEAR), Julian
/// days as SQLite's `julianday()` counts them (1858 to 2406), and dates as digits, such as 20240131.
const YEARS: std::ops::Range<i64> = 1000..10_000;
const JULIAN_DAYS: std::ops::Range<i64> = 2_400_000..2_600_000;
const DAYS: std::ops::Range<i64> = 19_000_101..22_010_101;

/// Formats a number as a time: seconds, milliseconds or microseconds since 1970 depending on its size, or the digits of
/// a date or time. Years and Julian days stay as they are.
pub(crate) fn from_epoch(number: i64) -> String {
    if YEARS.contains(&number) || JULIAN_DAYS.contains(&number) {
        return number.to_string();
    }
    if DAYS.contains(&number) {
        let day = jiff::civil::Date::strptime("%Y%m%d", number.to_string());
        return day.map_or_else(|_| number.to_string(), |day| day.to_string());
    }
    let time = match number.unsigned_abs().cast_signed() {
        _ if DIGITS.contains(&number) => from_digits(&number.to_string()),
        size if size < MILLIS => Timestamp::from_second(number).ok(),
        size if size < MICROS => Timestamp::from_millisecond(number).ok(),
        size if size < BEYOND => Timestamp::from_microsecond(number).ok(),
        _ => None,
    };
    time.map_or_else(|| number.to_string(), |time| time.to_string())
}

/// Formats a time that is stored as a number or as text.
pub(crate) fn from_text(text: String) -> String {
    let is_year = text.len() == 4 && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_year {
        return text; // 0000 too
    }
    if let Ok(number) = text.parse::<i64>() {
        return from_epoch(number);
    }
    let is_number =
        text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'e' | b'+'));
    match text.parse::<f64>() {
        Ok(number) if is_number && number.is_finite() => from_real(number).unwrap_or(text),
        _ => with_t(text),
    }
}

/// The UTC day of a cell's time, as a filter writes it; `None` if the cell is not a time.
pub(crate) fn parse_utc_day(cell: &str) -> Option<String> {
    let text = from_text(cell.to_owned());
    if let Ok(time) = text.parse::<Timestamp>() {
        return Some(Offset::UTC.to_datetime(time).date().to_string());
    }
    // A time without a zone counts as UTC.
    let day = text.get(..10)?;
    day.parse::<jiff::civil::Date>().is_ok().then(|| day.to_owned())
}

/// Formats a number with a fraction, usually seconds; `None` if it is not a time.
#[allow(clippy::cast_possible_truncation, reason = "within the range of an i64, to the microsecond")]
fn from_real(number: f64) -> Option<String> {
    const SECONDS: f64 = 1e11;
    if JULIAN_DAYS.contains(&(number.trunc() as i64)) {
        return None;
    }
    if number.abs() < SECONDS {
        return Timestamp::from_microsecond((number * 1e6).round() as i64).ok().map(|time| time.to_string());
    }
    (number.abs() < 1e17).then(|| from_epoch(number.round() as i64))
}

/// Parses `20240131120000` as UTC.
fn from_digits(digits: &str) -> Option<Timestamp> {
    let time = jiff::civil::DateTime::strptime("%Y%m%d%H%M%S", digits).ok()?;
    Offset::UTC.to_timestamp(time).ok()
}

/// A range of stored numbers, `from` inclusive to `to` exclusive, that all encode times the same way, with the number
/// to compare them with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EncodedTimeRange {
    pub(crate) from: i64,
    pub(crate) to: i64,
    pub(crate) time: i64,
}

/// What to compare stored numbers with, for each way in which they can encode a time. `relation` is `<`, `<=`, `>` or
/// `>=`; a stored number has this relation to `time` if and only if it has it to the `time` of its own range.
pub(crate) fn encode_as_numbers(time: Timestamp, relation: &str) -> [EncodedTimeRange; 10] {
    // Stored numbers are integers, so round up or down to keep the comparison exact.
    let up = matches!(relation, ">=" | "<");
    let whole = |unit: i128| {
        let nanos = time.as_nanosecond();
        let floor = nanos.div_euclid(unit);
        i64::try_from(if up && nanos.rem_euclid(unit) != 0 { floor + 1 } else { floor }).unwrap_or(i64::MAX)
    };
    let digits = Timestamp::from_second(whole(1_000_000_000))
        .map_or(i64::MAX, |time| digits_of(time).parse().unwrap_or(i64::MAX));
    let (seconds, millis) = (whole(1_000_000_000), whole(1_000_000));
    let date = Offset::UTC.to_datetime(time).date();
    let begins =
        |start: jiff::civil::Date| Offset::UTC.to_timestamp(start.into()).is_ok_and(|start| start == time);
    let next = |is_begun: bool| i64::from(up && !is_begun);
    let year = i64::from(date.year()) + next(begins(date.first_of_year()));
    let day = if next(begins(date)) == 1 { date.tomorrow().unwrap_or(date) } else { date };
    let day = (i64::from(day.year()) * 100 + i64::from(day.month())) * 100 + i64::from(day.day());
    [
        EncodedTimeRange { from: -MILLIS + 1, to: YEARS.start, time: seconds },
        EncodedTimeRange { from: YEARS.start, to: YEARS.end, time: year },
        EncodedTimeRange { from: YEARS.end, to: JULIAN_DAYS.start, time: seconds },
        EncodedTimeRange { from: JULIAN_DAYS.end, to: DAYS.start, time: seconds },
        EncodedTimeRange { from: DAYS.start, to: DAYS.end, time: day },
        EncodedTimeRange { from: DAYS.end, to: MILLIS, time: seconds },
        EncodedTimeRange { from: MILLIS, to: DIGITS.start, time: millis },
        EncodedTimeRange { from: DIGITS.start, to: DIGITS.end, time: digits },
        EncodedTimeRange { from: DIGITS.end, to: MICROS, time: millis },
        EncodedTimeRange { from: MICROS, to: BEYOND, time: whole(1000) },
    ]
}

/// The lengths of the texts that [`encode_as_digits`] returns.
pub(crate) const LENGTHS: [usize; 6] = [14, 10, 13, 16, 8, 4];

/// `time` in each digits-only form that [`from_text`] reads, by length: the digits of the time (which RFC 3339 also
/// starts with), seconds, milliseconds, microseconds, the digits of the day, and the year.
pub(crate) fn encode_as_digits(time: Timestamp) -> [(usize, String); LENGTHS.len()] {
    // Padded to a fixed length, so that text order is numeric order.
    let padded = |number: i64, length: usize| {
        let most = 10_i64.pow(u32::try_from(length).unwrap_or(18)) - 1;
        format!("{:0length$}", number.clamp(0, most))
    };
    let [own, seconds, millis, micros, day, year] = LENGTHS;
    [
        (own, digits_of(time)),
        (seconds, padded(time.as_second(), seconds)),
        (millis, padded(time.as_millisecond(), millis)),
        (micros, padded(time.as_microsecond(), micros)),
        (day, time.strftime("%Y%m%d").to_string()),
        (year, time.strftime("%Y").to_string()),
    ]
}

fn digits_of(time: Timestamp) -> String {
    time.strftime("%Y%m%d%H%M%S").to_string()
}

/// Turns SQLite's `2024-01-02 03:04:05` into RFC 3339's form with a T, without a zone.
pub(crate) fn with_t(mut text: String) -> String {
    let bytes = text.as_bytes();
    let is_date = |bytes: &[u8]| {
        bytes.iter().enumerate().all(|(at, byte)| match at {
            4 | 7 => *byte == b'-',
            _ => byte.is_ascii_digit(),
        })
    };
    if bytes.len() > 11 && bytes[10] == b' ' && is_date(&bytes[..10]) && bytes[11].is_ascii_digit() {
        text.replace_range(10..11, "T");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_seconds_or_milliseconds() {
        assert_eq!(from_epoch(1_700_000_000), "2023-11-14T22:13:20Z");
        assert_eq!(from_epoch(1_700_000_000_123), "2023-11-14T22:13:20.123Z");
        assert_eq!(from_epoch(1_700_000_000_123_456), "2023-11-14T22:13:20.123456Z");
        assert_eq!(from_epoch(20_240_131_120_000), "2024-01-31T12:00:00Z");
        assert_eq!(from_epoch(20_241_331_120_000), "20241331120000", "no such month");
        assert_eq!(from_text("1700000000.5".into()), "2023-11-14T22:13:20.5Z");
        assert_eq!(from_text("20240131120000".into()), "2024-01-31T12:00:00Z");
        assert_eq!(from_text("infinity".into()), "infinity");
    }

    #[test]
    fn a_year_or_day_is_not_a_unix_time() {
        for (kept, shown) in [
            ("2024", "2024"),
            ("1901", "1901"),
            ("0000", "0000"),
            ("20240131", "2024-01-31"),
            ("19700101", "1970-01-01"),
            ("20241331", "20241331"),
            ("2460341", "2460341"),
            ("2460341.75", "2460341.75"),
            ("0", "1970-01-01T00:00:00Z"),
            ("86400", "1970-01-02T00:00:00Z"),
        ] {
            assert_eq!(from_text(kept.into()), shown);
        }
        assert_eq!(from_epoch(20_240_131), "2024-01-31");
        assert_eq!(from_epoch(2024), "2024");
    }

    #[test]
    fn a_time_is_on_a_day_in_utc() {
        for (cell, expected) in [
            ("2024-01-31T12:00:00Z", Some("2024-01-31")),
            ("2024-01-31T23:30:00.5-02:00", Some("2024-02-01")),
            ("2024-01-31 12:00:00", Some("2024-01-31")),
            ("2024-01-31", Some("2024-01-31")),
            ("1706702400000", Some("2024-01-31")),
            ("infinity", None),
            ("soon", None),
        ] {
            assert_eq!(parse_utc_day(cell).as_deref(), expected, "{cell}");
        }
        assert_eq!(from_epoch(0), "1970-01-01T00:00:00Z");
        assert_eq!(from_epoch(i64::MAX), i64::MAX.to_string());
    }

    #[test]
    fn date_and_time_are_joined_by_a_t() {
        assert_eq!(with_t("2024-01-02 03:04:05.678".into()), "2024-01-02T03:04:05.678");
        assert_eq!(with_t("2024-01-02T03:04:05Z".into()), "2024-01-02T03:04:05Z");
        assert_eq!(with_t("2024-01-02".into()), "2024-01-02");
        assert_eq!(with_t("last week, monday".into()), "last week, monday");
        assert_eq!(with_t("ääääääää n".into()), "ääääääää n");
    }

    #[test]
    fn numbers_compare_with_times_by_meaning() {
        type Holds = fn(Timestamp, Timestamp) -> bool;
        let relations: [(&str, Holds); 4] = [
            ("<", |left, right| left < right),
            ("<=", |left, right| left <= right),
            (">", |left, right| left > right),
            (">=", |left, right| left >= right),
        ];
        let kept = [
            -5,
            0,
            2024,
            2023,
            20_240_131,
            20_240_201,
            20_231_231,
            1_706_702_400,
            1_706_702_401,
            1_706_702_400_001,
            1_706_702_400_000_001,
            20_240_131_120_000,
        ];
        for time in [
            "2024-01-31T12:00:00Z",
            "2024-01-31T12:00:00.001Z",
            "2024-01-31T12:00:00.0000005Z",
            "1970-01-01T00:00:00Z",
            "2024-01-01T00:00:00Z",
            "2024-01-01T00:00:01Z",
            "2024-01-31T00:00:00Z",
        ] {
            let time: Timestamp = time.parse().unwrap();
            for (relation, holds) in relations {
                for number in kept {
                    let meant = match from_epoch(number) {
                        year if year.len() == 4 => format!("{year}-01-01T00:00:00Z"),
                        day if day.len() == 10 => format!("{day}T00:00:00Z"),
                        time => time,
                    };
                    let meant: Timestamp = meant.parse().unwrap();
                    let stretch = encode_as_numbers(time, relation)
                        .into_iter()
                        .find(|stretch| (stretch.from..stretch.to).contains(&number))
                        .unwrap();
                    let compared = match relation {
                        "<" => number < stretch.time,
                        "<=" => number <= stretch.time,
                        ">" => number > stretch.time,
                        _ => number >= stretch.time,
                    };
                    assert_eq!(compared, holds(meant, time), "{number} {relation} {time}");
                }
            }
        }
    }
}

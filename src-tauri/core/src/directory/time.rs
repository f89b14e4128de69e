//! Times that a database keeps as plain numbers or texts, as RFC 3339.

/// Seconds since 1970, or milliseconds where seconds would be thousands of years away.
pub(super) fn from_epoch(since_epoch: i64) -> String {
    // 10^11 seconds are in the year 5138; 10^11 milliseconds in 1973.
    const FIRST_MILLIS: u64 = 100_000_000_000;
    let time = if since_epoch.unsigned_abs() < FIRST_MILLIS {
        jiff::Timestamp::from_second(since_epoch)
    } else {
        jiff::Timestamp::from_millisecond(since_epoch)
    };
    time.map_or_else(|_| since_epoch.to_string(), |time| time.to_string())
}

/// `2024-01-02 03:04:05`, as SQLite's own functions write it, with the T of RFC 3339 and without a zone.
pub(super) fn with_t(mut text: String) -> String {
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
        assert_eq!(from_epoch(0), "1970-01-01T00:00:00Z");
        assert_eq!(from_epoch(i64::MAX), i64::MAX.to_string());
    }

    #[test]
    fn texts_get_their_t() {
        assert_eq!(with_t("2024-01-02 03:04:05.678".into()), "2024-01-02T03:04:05.678");
        assert_eq!(with_t("2024-01-02T03:04:05Z".into()), "2024-01-02T03:04:05Z");
        assert_eq!(with_t("2024-01-02".into()), "2024-01-02");
        assert_eq!(with_t("last week, monday".into()), "last week, monday");
        assert_eq!(with_t("ääääääää n".into()), "ääääääää n");
    }
}

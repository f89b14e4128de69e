//! Compares numbers written as text. A binary float stands for many decimal numbers, and only one of them is the one
//! that was written.

use serde_json::Number;

/// A decimal number in canonical form: sign, significant digits and exponent.
type Canonical = (bool, String, i64);

/// Whether both texts write exactly the same number: `1.50` equals `1.5`, but `16777217` is not `16777216`.
pub(crate) fn is_same_number(text: &str, other: &str) -> bool {
    parse_canonical(text).is_some_and(|number| Some(number) == parse_canonical(other))
}

/// Parses `text` as an `f64`, or returns `None` if the float's shortest form is a different number.
pub(crate) fn to_f64(text: &str) -> Option<f64> {
    let number: f64 = text.parse().ok().filter(|number: &f64| number.is_finite())?;
    is_same_number(text, &format!("{number:e}")).then_some(number)
}

/// The same for JSON. Integers are sent without a decimal point, as the IDs in a floating-point column need.
pub(crate) fn to_number(text: &str) -> Option<Number> {
    /// The largest integer up to which an `f64` represents all integers exactly.
    const WHOLE: f64 = 9_007_199_254_740_992.0;
    let number = to_f64(text)?;
    if number.fract() == 0.0 && number.abs() <= WHOLE {
        #[allow(clippy::cast_possible_truncation, reason = "it is whole and within range")]
        return Some(Number::from(number as i64));
    }
    Number::from_f64(number)
}

/// Like [`to_f64`], for `f32`.
pub(crate) fn to_f32(text: &str) -> Option<f32> {
    let number: f32 = text.parse().ok().filter(|number: &f32| number.is_finite())?;
    is_same_number(text, &format!("{number:e}")).then_some(number)
}

/// `None` if the text is not a decimal number.
fn parse_canonical(text: &str) -> Option<Canonical> {
    let (is_negative, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (unsigned, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.len() + fraction.len() == 0 || !is_digits(whole) || !is_digits(fraction) {
        return None;
    }
    let digits = format!("{whole}{fraction}");
    let mut power = i64::from(exponent) - i64::try_from(fraction.len()).ok()?;
    let counted = digits.trim_start_matches('0').trim_end_matches('0');
    if counted.is_empty() {
        return Some((false, String::new(), 0));
    }
    let behind = digits.len() - digits.trim_end_matches('0').len();
    power += i64::try_from(behind).ok()?;
    Some((is_negative, counted.to_owned(), power))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_number_is_the_same_however_it_is_written() {
        for (one, other, same) in [
            ("7", "7", true),
            ("007", "7", true),
            ("+7", "7.0", true),
            ("1.50", "1.5", true),
            ("-0", "0.00", true),
            ("1e3", "1000", true),
            ("1.25E-2", "0.0125", true),
            (".5", "0.5", true),
            ("16777217", "16777216", false),
            ("123456789012345678901234567890", "1.2345678901234568e29", false),
            ("7", "-7", false),
            ("1", "10", false),
            ("NaN", "NaN", false),
            ("", "", false),
            ("1e", "1", false),
            ("seven", "7", false),
        ] {
            assert_eq!(is_same_number(one, other), same, "{one} {other}");
        }
    }

    #[test]
    fn only_exact_numbers_become_binary_ones() {
        assert_eq!(to_f64("0.1"), Some(0.1));
        assert_eq!(to_f64("12.50"), Some(12.5));
        assert_eq!(to_f64("1e300"), Some(1e300));
        assert_eq!(to_f64("9007199254740993"), None);
        assert_eq!(to_f64("12345678901234567.25"), None);
        assert_eq!(to_f64("1e999"), None);
        assert_eq!(to_f32("16777216"), Some(16_777_216.0));
        assert_eq!(to_f32("16777217"), None);
        assert_eq!(to_f32("1.1"), Some(1.1));
    }

    proptest! {
        #[test]
        fn a_written_number_is_read_back_exactly(bits: u64) {
            let number = f64::from_bits(bits);
            prop_assume!(number.is_finite());
            prop_assert_eq!(to_f64(&number.to_string()), Some(number));
            prop_assert_eq!(to_f64(&format!("{number:e}")), Some(number));
        }

        #[test]
        fn whole_numbers_keep_all_digits_or_are_none(number: i128) {
            let kept = to_f64(&number.to_string());
            let is_whole = kept.is_none_or(|kept| format!("{kept}") == number.to_string());
            prop_assert!(is_whole);
        }
    }
}

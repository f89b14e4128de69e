//! Other spellings of a text: letters with or without accents, phone numbers with or without punctuation.
//!
//! Pure. Databases differ in what their collations fold. What no index covers is spelled out here as a pattern, letter
//! by letter.

use crate::scope::PhoneNumber;

/// Latin letters with their variants that differ only by a mark. Lower case; upper case is derived.
const LETTERS: [(char, &str); 23] = [
    ('a', "àáâãäåāăąǎ"),
    ('c', "çćĉċč"),
    ('d', "ďđð"),
    ('e', "èéêëēĕėęěẽ"),
    ('g', "ĝğġģ"),
    ('h', "ĥħ"),
    ('i', "ìíîïĩīĭįıǐ"),
    ('j', "ĵ"),
    ('k', "ķ"),
    ('l', "ĺļľŀł"),
    ('n', "ñńņňŋ"),
    ('o', "òóôõöøōŏőơǒ"),
    ('p', "ṕ"),
    ('r', "ŕŗř"),
    ('s', "śŝşšș"),
    ('t', "ţťŧț"),
    ('u', "ùúûüũūŭůűųưǔ"),
    ('v', "ṽ"),
    ('w', "ŵẁẃẅ"),
    ('x', "ẍ"),
    ('y', "ýÿŷỳỹ"),
    ('z', "źżž"),
    ('b', "ḃ"),
];

/// Characters that may separate the digits of a phone number.
const BETWEEN_DIGITS: [char; 7] = [' ', '-', '(', ')', '+', '.', '/'];
/// The trunk prefix, which is dialled only without the country code: `+49 (0)30`.
const TRUNK: &str = "(0)";
/// What may stand between the digits, as a regular expression.
const PUNCTUATION: &str = r"(?:\(0\)|[ \-()+./])*";
/// The country codes (ITU-T E.164), as a regular expression: each zone has codes of one, two or three digits.
pub(crate) const COUNTRY_CODE: &str = "(?:1|7|2[07]|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]\
                                       |(?:2[1-689]|3[578]|42|50|59|6[7-9]|80|8[35789]|9[679])[0-9])";
/// The same codes, but for those of three digits their first two.
const TWO_DIGIT_CODES: &str = "20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58 60 61 62 63 64 \
                               65 66 81 82 84 86 90 91 92 93 94 95 98";
const THREE_DIGIT_ZONES: &str =
    "21 22 23 24 25 26 28 29 35 37 38 42 50 59 67 68 69 80 83 85 87 88 89 96 97 99";
/// With fewer digits, it is another kind of number.
const DIGITS: std::ops::RangeInclusive<usize> = 7..=17;

/// In lower case and without accents.
pub(crate) fn fold_text(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).map(to_base_letter).collect()
}

/// Whether the text can be spelled with other accents.
pub(crate) fn has_spellings(text: &str) -> bool {
    fold_text(text).chars().any(|char| !list_variants(char).is_empty())
}

fn to_base_letter(char: char) -> char {
    LETTERS.iter().find(|(_, variants)| variants.contains(char)).map_or(char, |(base, _)| *base)
}

fn list_variants(base: char) -> &'static str {
    LETTERS.iter().find(|(letter, _)| *letter == base).map_or("", |(_, variants)| variants)
}

/// All variants of a letter in both cases; other characters stand for themselves.
fn list_letter_forms(char: char) -> Vec<char> {
    let mut ways: Vec<char> = Vec::new();
    for lower in std::iter::once(char).chain(list_variants(char).chars()) {
        // Skip an upper case that is more than one character.
        let mut upper = lower.to_uppercase();
        let upper = upper.next().filter(|_| upper.next().is_none());
        for way in std::iter::once(lower).chain(upper) {
            if !ways.contains(&way) {
                ways.push(way);
            }
        }
    }
    ways
}

/// A regular expression (PCRE, PostgreSQL) that matches `text` in every spelling.
pub(crate) fn to_spelling_regex(text: &str) -> String {
    build_pattern(text, |char, pattern| {
        if char.is_ascii() && !char.is_ascii_alphanumeric() {
            pattern.push('\\');
        }
        pattern.push(char);
    })
}

/// An SQLite GLOB that matches `text`, without stars around it: <https://www.sqlite.org/lang_expr.html#glob>
pub(crate) fn to_spelling_glob(text: &str) -> String {
    build_pattern(text, |char, pattern| {
        if matches!(char, '*' | '?' | '[') {
            pattern.extend(['[', char, ']']);
        } else {
            pattern.push(char);
        }
    })
}

fn build_pattern(text: &str, mut literal: impl FnMut(char, &mut String)) -> String {
    let mut pattern = String::with_capacity(text.len() * 8);
    for char in fold_text(text).chars() {
        let ways = list_letter_forms(char);
        if let [only] = ways[..] {
            literal(only, &mut pattern);
        } else {
            pattern.push('[');
            pattern.extend(ways);
            pattern.push(']');
        }
    }
    pattern
}

/// The digits of a phone number without its trunk prefix; `None` if it is not a phone number.
pub(crate) fn parse_phone_digits(text: &str) -> Option<String> {
    let text = text.trim();
    let is_one = text.starts_with(|char: char| char.is_ascii_digit() || matches!(char, '+' | '('))
        && text.chars().all(|char| char.is_ascii_digit() || BETWEEN_DIGITS.contains(&char));
    if !is_one {
        return None;
    }
    let digits: String = text.replace(TRUNK, "").chars().filter(char::is_ascii_digit).collect();
    DIGITS
        .contains(&digits.len())
        .then(|| digits.trim_start_matches('0').to_owned())
        .filter(|digits| !digits.is_empty())
}

impl PhoneNumber {
    /// `None` if it is not a phone number.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let digits = parse_phone_digits(text)?;
        let written: String = text.chars().filter(|char| char.is_ascii_digit() || *char == '+').collect();
        Some(Self { digits, is_international: written.starts_with('+') || written.starts_with("00") })
    }

    /// A regular expression that matches a text which is this number, in any punctuation. One without a country code may
    /// be stored with any.
    pub(crate) fn to_whole_regex(&self) -> String {
        let digits = digits_regex(&self.digits);
        let before = if self.is_international {
            format!("(?:0{PUNCTUATION}0{PUNCTUATION})?")
        } else {
            format!(
                "(?:0{PUNCTUATION}|(?:0{PUNCTUATION}0{PUNCTUATION})?{COUNTRY_CODE}{PUNCTUATION}(?:0{PUNCTUATION})?)?"
            )
        };
        format!("^{PUNCTUATION}{before}{digits}{PUNCTUATION}$")
    }

    /// What the digits of a text that is this number may be.
    pub(crate) fn list_digits(&self) -> [String; 2] {
        let prefix = if self.is_international { "00" } else { "0" };
        [self.digits.clone(), format!("{prefix}{}", self.digits)]
    }
}

/// What may stand before the digits of a number without its country code: each code, also with the international prefix.
/// Italy, for one, keeps the first zero after it.
pub(crate) fn list_country_prefixes() -> Vec<String> {
    let long =
        THREE_DIGIT_ZONES.split(' ').flat_map(|zone| (0..10).map(move |digit| format!("{zone}{digit}")));
    let short = ["1", "7"].into_iter().chain(TWO_DIGIT_CODES.split(' ')).map(str::to_owned);
    let codes = short.chain(long).flat_map(|code| [format!("{code}0"), code]);
    codes.flat_map(|code| [format!("00{code}"), code]).collect()
}

/// Whether the punctuation shows that this is a phone number: `+49 30…`, `(030) …`, `030/…`.
pub(crate) fn is_punctuated(text: &str) -> bool {
    text.trim().contains(['+', '(', ' ', '/']) && parse_phone_digits(text).is_some()
}

/// Whether the column's name suggests phone numbers.
pub(crate) fn holds_phones(column: &str) -> bool {
    const NAMES: [&str; 9] =
        ["phone", "tel", "mobile", "cell", "fax", "telefon", "handy", "whatsapp", "msisdn"];
    let lower = column.to_lowercase();
    let mut words = lower.split(|char: char| !char.is_alphanumeric());
    words.any(|word| NAMES.contains(&word)) || lower.contains("phone") || lower.contains("telefon")
}

/// Wraps an SQL text expression to remove the punctuation of phone numbers.
pub(crate) fn only_digits(expression: &str) -> String {
    let mut sql = format!("replace({expression}, '{TRUNK}', '')");
    for sign in BETWEEN_DIGITS {
        sql = format!("replace({sql}, '{sign}', '')");
    }
    sql
}

/// A regular expression that matches `digits` with any punctuation between them.
pub(crate) fn digits_regex(digits: &str) -> String {
    let digits: Vec<String> = digits.chars().map(String::from).collect();
    digits.join(PUNCTUATION)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accents_and_case_are_folded() {
        assert_eq!(fold_text("Ångström ŁUKASZ Núñez"), "angstrom lukasz nunez");
        assert_eq!(fold_text("Ждан 42"), "ждан 42");
        assert!(has_spellings("Anna") && !has_spellings("42 — Ждан"));
    }

    #[test]
    fn a_pattern_finds_every_spelling_and_takes_signs_as_they_are() {
        assert_eq!(to_spelling_regex("j.é"), r"[jJĵĴ]\.[eEèÈéÉêÊëËēĒĕĔėĖęĘěĚẽẼ]");
        assert_eq!(to_spelling_glob("*[j"), "[*][[][jJĵĴ]");
        assert_eq!(to_spelling_regex("ж1"), "[жЖ]1");
        assert_eq!(to_spelling_regex("ß"), "ß");
    }

    #[test]
    fn a_country_code_is_one_in_the_list_and_in_the_expression() {
        let prefixes = list_country_prefixes();
        let is_code = |code: &str| prefixes.iter().any(|prefix| prefix == code);
        assert!(["1", "7", "49", "44", "420", "353", "976"].into_iter().all(is_code));
        assert!(["390", "00390", "0049", "10"].into_iter().all(is_code));
        assert!(["0", "4", "42", "491", "11", "35", "3900"].into_iter().all(|code| !is_code(code)));
        assert_eq!(prefixes.len(), 4 * (2 + 44 + 260));
        // No code begins another one, so a number has one reading.
        let mut codes: Vec<&String> = prefixes.iter().filter(|code| !code.starts_with('0')).collect();
        let with_zero: Vec<String> = codes.iter().map(|code| format!("{code}0")).collect();
        codes.retain(|code| !with_zero.contains(code));
        for one in &codes {
            assert_eq!(codes.iter().filter(|other| one.starts_with(other.as_str())).count(), 1, "{one}");
        }
        // The expression has the same ones: its alternatives, written out.
        let alternatives = COUNTRY_CODE.strip_prefix("(?:").and_then(|rest| rest.strip_suffix("[0-9])"));
        let (short, long) = alternatives.unwrap().rsplit_once("|(?:").unwrap();
        let spelled = |text: &str| -> Vec<String> {
            text.trim_end_matches(')').split('|').flat_map(expand_class).collect()
        };
        let mut written: Vec<String> = spelled(short);
        written
            .extend(spelled(long).iter().flat_map(|zone| (0..10).map(move |digit| format!("{zone}{digit}"))));
        written.sort();
        let mut listed: Vec<String> = codes.into_iter().cloned().collect();
        listed.sort();
        assert_eq!(written, listed);
    }

    /// `2[07]` is 20 and 27; `4[1-3]` is 41, 42 and 43.
    fn expand_class(text: &str) -> Vec<String> {
        let Some((before, class)) = text.split_once('[') else { return vec![text.to_owned()] };
        let class: Vec<char> = class.trim_end_matches(']').chars().collect();
        let mut digits = Vec::new();
        let mut at = 0;
        while at < class.len() {
            let last = if class.get(at + 1) == Some(&'-') { class[at + 2] } else { class[at] };
            digits.extend((class[at]..=last).map(|digit| format!("{before}{digit}")));
            at += if class.get(at + 1) == Some(&'-') { 3 } else { 1 };
        }
        digits
    }

    #[test]
    fn a_telephone_number_is_known_by_its_signs_and_length() {
        for (text, expected) in [
            ("+49 (30) 123-456", Some("4930123456")),
            ("+49 (0)30 123456", Some("4930123456")),
            ("0049 30 123456", Some("4930123456")),
            ("030/123456", Some("30123456")),
            ("4930123456", Some("4930123456")),
            ("123456", None),
            ("0000000", None),
            ("12345678901234567890", None),
            ("-5123456", None),
            ("4930123456x", None),
            ("2026-01-31", Some("20260131")),
            ("", None),
        ] {
            assert_eq!(parse_phone_digits(text).as_deref(), expected, "{text}");
        }
        assert!(
            is_punctuated("+4930123456") && is_punctuated("030 123456 7") && !is_punctuated("2026-01-31")
        );
        for (name, expected) in [
            ("phone", true),
            ("mobilePhone", true),
            ("work_tel", true),
            ("hotel", false),
            ("excellent", false),
        ] {
            assert_eq!(holds_phones(name), expected, "{name}");
        }
    }
}

//! Other spellings of a text: letters with or without accents, phone numbers with or without punctuation.
//!
//! Pure. Databases differ in what their collations fold. What no index covers is spelled out here as a pattern, letter
//! by letter.

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
    digits.join(r"(?:\(0\)|[ \-()+./])*")
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

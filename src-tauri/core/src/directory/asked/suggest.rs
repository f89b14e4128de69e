//! What may be typed next: column names, and values where they are known beforehand.

use jiff::Timestamp;
use jiff::tz::Offset;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::super::{Column, FieldKind};
use super::lexer::{Form, lex};
use super::names;
use super::reading::{byte_at, utf16_span};

/// More would hide the list of users.
const SUGGESTIONS: usize = 8;
/// One letter begins every name.
const LETTERS: usize = 2;

/// One way to go on typing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Suggestion {
    /// As it is typed: `plan:`, `7d`.
    pub label: String,
    /// For people: "Plan", "7 days".
    pub detail: String,
    /// What takes the place of the text from `start` to `end`, in UTF-16 code units.
    pub insert: String,
    pub start: usize,
    pub end: usize,
}

/// What may be typed at `caret` (in UTF-16 code units), the likeliest first; at most 8.
pub fn complete(text: &str, caret: usize, columns: &[Column], now: Timestamp) -> Vec<Suggestion> {
    let caret = byte_at(text, caret);
    let word = lex(text, |name| names::find(columns, name))
        .into_iter()
        .find(|word| word.span.start < caret && caret <= word.span.end);
    let Some(word) = word else { return Vec::new() };
    let (known, span) = match word.form {
        // In the middle of a word nobody begins a filter.
        Form::Free(_) if caret == word.span.end => {
            let typed = &text[word.span.clone()];
            let name = typed.strip_prefix('-').unwrap_or(typed);
            (column_names(name, columns), caret - name.len()..caret)
        }
        Form::Filter { column, name, .. } if caret > name.end => {
            let value = &text[name.end + 1..word.span.end];
            let Some((start, end)) = operand_at(value, caret - name.end - 1) else { return Vec::new() };
            let span = name.end + 1 + start..name.end + 1 + end;
            let typed = text[span.start..caret].to_lowercase();
            let mut known = values(columns[column].kind, now);
            known.retain(|(label, _)| label.starts_with(&typed) && *label != typed);
            (known, span)
        }
        _ => return Vec::new(),
    };
    let (start, end) = utf16_span(text, &span);
    let suggestion =
        |(label, detail): (String, String)| Suggestion { insert: label.clone(), label, detail, start, end };
    known.into_iter().take(SUGGESTIONS).map(suggestion).collect()
}

/// The columns that `typed` may become the name of: those that begin with it, then those with a
/// later word that does (`login` is for `last_login_at`).
fn column_names(typed: &str, columns: &[Column]) -> Vec<(String, String)> {
    let typed = names::plain(typed);
    if typed.chars().count() < LETTERS {
        return Vec::new();
    }
    let inner = ["_", "."].map(|before| format!("{before}{typed}"));
    let begins = |word: &String| names::plain(word).starts_with(&typed);
    let has = |word: &String| inner.iter().any(|inner| names::plain(word).contains(inner));
    let spellings: Vec<Vec<String>> = (0..columns.len()).map(|at| names::spellings(columns, at)).collect();
    let first = (0..columns.len()).map(|at| (at, spellings[at].iter().find(|word| begins(word))));
    let later = (0..columns.len())
        .filter(|&at| !spellings[at].iter().any(begins))
        .map(|at| (at, spellings[at].iter().find(|word| has(word))));
    first
        .chain(later)
        .filter_map(|(at, word)| Some((format!("{}:", word?), columns[at].label.clone())))
        .collect()
}

/// Where in `value` the operand around `caret` stands, behind its operator; `None` in quotes.
fn operand_at(value: &str, caret: usize) -> Option<(usize, usize)> {
    let (before, after) = value.split_at(caret);
    if before.contains('"') {
        return None;
    }
    let signs = [',', '<', '>', '='];
    let start = before.rfind(signs).map_or(0, |at| at + 1);
    let start = before[start..].rfind("..").map_or(start, |at| start + at + 2);
    let length = after.find([',', '"']).unwrap_or(after.len());
    let length = after[..length].find("..").unwrap_or(length);
    Some((start, caret + length))
}

/// Every value that is known beforehand, and what it means.
fn values(kind: FieldKind, now: Timestamp) -> Vec<(String, String)> {
    let mut values: Vec<(String, String)> = Vec::new();
    let mut known = |value: String, meaning: &str| values.push((value, meaning.to_owned()));
    match kind {
        FieldKind::Boolean => {
            known("true".to_owned(), "yes");
            known("false".to_owned(), "no");
        }
        FieldKind::Time => {
            let today = Offset::UTC.to_datetime(now).date();
            known("today".to_owned(), &today.to_string());
            known("7d".to_owned(), "7 days");
            known("30d".to_owned(), "30 days");
            for month in (1..=today.month()).rev() {
                let first = jiff::civil::date(today.year(), month, 1);
                known(first.strftime("%Y-%m").to_string(), &first.strftime("%B %Y").to_string());
            }
            known(today.strftime("%Y").to_string(), "the whole year");
            known("yesterday".to_owned(), &today.yesterday().map(|day| day.to_string()).unwrap_or_default());
            known("24h".to_owned(), "24 hours");
            known("6m".to_owned(), "6 months");
            known("1y".to_owned(), "1 year");
        }
        _ => {}
    }
    known("none".to_owned(), "without a value");
    known("*".to_owned(), "any value");
    values
}

#[cfg(test)]
mod tests {
    use super::super::super::Role;
    use super::super::stories::{columns, now};
    use super::*;

    /// What is suggested where the `|` stands.
    fn suggested(text: &str) -> Vec<Suggestion> {
        let caret = text[..text.find('|').unwrap()].encode_utf16().count();
        complete(&text.replace('|', ""), caret, &columns(), now())
    }

    fn labels(text: &str) -> Vec<String> {
        suggested(text).into_iter().map(|suggestion| suggestion.label).collect()
    }

    #[test]
    fn names_are_suggested_from_the_second_letter_on() {
        for (text, expected) in [
            ("|", &[][..]),
            ("p|", &[]),
            ("pl|", &["plan:"]),
            ("-pl|", &["plan:"]),
            ("anna PLA|", &["plan:"]),
            ("full|", &["full_name:"]),
            ("na|", &["name:"]),
            ("login|", &["last_login_at:"]),
            ("cr|", &["created:"]),
            ("\"pl|", &[]),
            ("\"anna pl|\" x", &[]),
            ("pl|anna", &[]),
            ("pl| anna", &["plan:"]),
            ("xy|", &[]),
        ] {
            assert_eq!(labels(text), expected, "{text}");
        }
    }

    #[test]
    fn a_path_is_suggested_by_any_of_its_names() {
        let mut columns = columns();
        let path = super::super::stories::column("profile->address->>city", Role::Other, FieldKind::Text);
        columns.push(path);
        for typed in ["profile", "addr", "ci", "profile.ad"] {
            let suggested = complete(typed, typed.len(), &columns, now());
            assert!(
                suggested.iter().any(|one| one.label == "profile.address.city:"),
                "{typed}: {suggested:?}"
            );
        }
    }

    #[test]
    fn values_are_suggested_where_they_are_known() {
        for (text, expected) in [
            ("active:|", &["true", "false", "none", "*"][..]),
            ("active:f|", &["false"]),
            ("plan:|", &["none", "*"]),
            ("plan:pr|", &[]),
            ("plan:\"|", &[]),
            ("created:|", &["today", "7d", "30d", "2026-03", "2026-02", "2026-01", "2026", "yesterday"]),
            ("created:>=2026-|", &["2026-03", "2026-02", "2026-01"]),
            ("created:2026-01..2026-0|", &["2026-03", "2026-02", "2026-01"]),
            ("created:today,y|", &["yesterday"]),
            ("created:today|", &[]),
        ] {
            assert_eq!(labels(text), expected, "{text}");
        }
    }

    #[test]
    fn a_suggestion_takes_the_place_of_what_was_typed() {
        let name = &suggested("\u{1F600} -pl| x")[0];
        assert_eq!((name.insert.as_str(), name.start, name.end), ("plan:", 4, 6));
        assert_eq!(name.detail, "Plan");
        let value = &suggested("created:2025-01..y|ester,2024 x")[0];
        assert_eq!((value.insert.as_str(), value.start, value.end), ("yesterday", 17, 23));
    }
}

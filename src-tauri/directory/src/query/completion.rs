//! Suggests what to type next: column names, and values where they are known.

use std::ops::Range;

use jiff::Timestamp;
use jiff::tz::Offset;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::model::{Column, FieldKind};
use crate::query::highlights::{byte_at, utf16_span};
use crate::query::lexer::{WordKind, lex_query};
use crate::query::names;
use crate::query::pasted::is_searchable;
use crate::query::rewrite::quote_value;
use crate::query::spelling::fold_text;

/// More suggestions would cover the list of users.
const SUGGESTIONS: usize = 8;
/// A single letter matches too many names.
const LETTERS: usize = 2;

/// A suggestion for the search field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Suggestion {
    /// What the user would type: `plan:`, `7d`.
    pub label: String,
    /// For display: "Plan", "7 days".
    pub detail: String,
    /// Replaces the text from `start` to `end`, in UTF-16 code units.
    pub insert: String,
    pub start: usize,
    pub end: usize,
}

/// The part of the query being typed.
enum CompletionTarget {
    Name { typed: String, span: Range<usize> },
    Value { column: usize, typed: String, span: Range<usize>, is_exact: bool },
}

/// What is at `caret` (in bytes) in `text`; `None` if nothing can be suggested there.
fn find_completion_target(text: &str, caret: usize, columns: &[Column]) -> Option<CompletionTarget> {
    if !is_searchable(text) {
        return None;
    }
    let word = lex_query(text, |name| names::find_column(columns, name))
        .into_iter()
        .find(|word| word.span.start < caret && caret <= word.span.end)?;
    match word.form {
        // No one starts a filter in the middle of a word.
        WordKind::Free(_) if caret == word.span.end => {
            let typed = &text[word.span.clone()];
            let name = typed.strip_prefix('-').unwrap_or(typed);
            Some(CompletionTarget::Name { typed: name.to_owned(), span: caret - name.len()..caret })
        }
        WordKind::Filter { column, name, .. } if caret > name.end => {
            let value = &text[name.end + 1..word.span.end];
            let is_text = columns[column].kind == FieldKind::Text;
            let at = caret - name.end - 1;
            let (start, end) = if is_text { text_at(value, at)? } else { operand_at(value, at)? };
            let span = name.end + 1 + start..name.end + 1 + end;
            let is_exact = is_text && text[..span.start].ends_with('=');
            Some(CompletionTarget::Value {
                column,
                typed: text[span.start..caret].to_lowercase(),
                span,
                is_exact,
            })
        }
        _ => None,
    }
}

/// The column whose value is being typed at `caret` (in UTF-16 code units), if knowing its values helps to complete it.
pub fn completed_column(text: &str, caret: usize, columns: &[Column]) -> Option<usize> {
    match find_completion_target(text, byte_at(text, caret), columns)? {
        CompletionTarget::Value { column, .. } => {
            Some(column).filter(|&at| columns[at].kind == FieldKind::Text && !columns[at].masked)
        }
        CompletionTarget::Name { .. } => None,
    }
}

/// Up to 8 suggestions for `caret` (in UTF-16 code units), likeliest first. `known`: values of the column that
/// [`completed_column`] returned.
pub fn suggest_completions(
    text: &str,
    caret: usize,
    columns: &[Column],
    known: &[String],
    now: Timestamp,
) -> Vec<Suggestion> {
    let Some(spot) = find_completion_target(text, byte_at(text, caret), columns) else { return Vec::new() };
    let (found, span) = match spot {
        CompletionTarget::Name { typed, span } => {
            let names = column_names(&typed, columns).into_iter();
            (names.map(|(name, label)| (name.clone(), label, name)).collect::<Vec<_>>(), span)
        }
        CompletionTarget::Value { column, typed, span, is_exact } => {
            let is_text = columns[column].kind == FieldKind::Text;
            let mut found = if is_text { whole_values(known, &typed, is_exact) } else { Vec::new() };
            let mut others = list_fixed_values(columns[column].kind, now);
            others
                .retain(|(label, _)| label.starts_with(&typed) && *label != typed && !(is_text && is_exact));
            // Leave room for the values that every column has.
            found.truncate(SUGGESTIONS - others.len().min(2));
            found.extend(others.into_iter().map(|(label, detail)| (label.clone(), detail, label)));
            (found, span)
        }
    };
    let (start, end) = utf16_span(text, &span);
    let suggestion =
        |(label, detail, insert): (String, String, String)| Suggestion { label, detail, insert, start, end };
    found.into_iter().take(SUGGESTIONS).map(suggestion).collect()
}

/// Known values of a column that start with `typed`, then those with a later word that does. Each has its label, its
/// detail, and its spelling as a whole value.
fn whole_values(known: &[String], typed: &str, is_exact: bool) -> Vec<(String, String, String)> {
    let typed = fold_text(typed);
    let begins = |value: &&String| fold_text(value).starts_with(&typed);
    let later = |value: &&String| {
        let value = fold_text(value);
        let mut words = value.split(|char: char| !char.is_alphanumeric()).skip(1);
        !value.starts_with(&typed) && words.any(|word| word.starts_with(&typed))
    };
    let values = known.iter().filter(begins).chain(known.iter().filter(later));
    values
        .filter(|value| !(is_exact && value.to_lowercase() == typed))
        .map(|value| {
            let sign = if is_exact { "" } else { "=" };
            (value.clone(), "whole value".to_owned(), format!("{sign}{}", quote_value(value)))
        })
        .collect()
}

/// The columns whose name starts with `typed`, then those with a later word that does (`login` matches
/// `last_login_at`).
fn column_names(typed: &str, columns: &[Column]) -> Vec<(String, String)> {
    let typed = names::normalize_label(typed);
    if typed.chars().count() < LETTERS {
        return Vec::new();
    }
    let inner = ["_", "."].map(|before| format!("{before}{typed}"));
    let begins = |word: &String| names::normalize_label(word).starts_with(&typed);
    let has = |word: &String| inner.iter().any(|inner| names::normalize_label(word).contains(inner));
    let spellings: Vec<Vec<String>> =
        (0..columns.len()).map(|at| names::list_spellings(columns, at)).collect();
    let first = (0..columns.len()).map(|at| (at, spellings[at].iter().find(|word| begins(word))));
    let later = (0..columns.len())
        .filter(|&at| !spellings[at].iter().any(begins))
        .map(|at| (at, spellings[at].iter().find(|word| has(word))));
    first
        .chain(later)
        .filter_map(|(at, word)| Some((format!("{}:", word?), columns[at].label.clone())))
        .collect()
}

/// The range in `value` of the text around `caret`, after its equals sign; `None` inside quotes.
fn text_at(value: &str, caret: usize) -> Option<(usize, usize)> {
    let (before, after) = value.split_at(caret);
    let after = &after[..after.find(',').unwrap_or(after.len())];
    if before.contains('"') || after.contains('"') {
        return None;
    }
    let start = before.rfind(',').map_or(0, |at| at + 1);
    let sign = usize::from(before[start..].starts_with('='));
    Some((start + sign, caret + after.len()))
}

/// The range in `value` of the operand around `caret`, after its operator; `None` inside quotes.
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

/// The predefined values for a kind of column, with their meaning.
fn list_fixed_values(kind: FieldKind, now: Timestamp) -> Vec<(String, String)> {
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
    use super::*;
    use crate::model::Role;
    use crate::query::stories::{columns, now};

    /// The suggestions at the position of `|`.
    fn suggested(text: &str) -> Vec<Suggestion> {
        let caret = text[..text.find('|').unwrap()].encode_utf16().count();
        suggest_completions(&text.replace('|', ""), caret, &columns(), &[], now())
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
        let path = crate::query::stories::column("profile->address->>city", Role::Other, FieldKind::Text);
        columns.push(path);
        for typed in ["profile", "addr", "ci", "profile.ad"] {
            let suggested = suggest_completions(typed, typed.len(), &columns, &[], now());
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
    fn values_of_the_column_are_suggested_as_whole_values() {
        let known = ["pro", "Free", "North Star, Inc.", "Ångström Pro", "say \"hi\""].map(str::to_owned);
        let suggested = |text: &str| {
            let caret = text[..text.find('|').unwrap()].encode_utf16().count();
            suggest_completions(&text.replace('|', ""), caret, &columns(), &known, now())
        };
        for (text, expected) in [
            (
                "plan:|",
                &[
                    "=pro",
                    "=Free",
                    "=\"North Star, Inc.\"",
                    "=\"Ångström Pro\"",
                    "=\"say \\\"hi\\\"\"",
                    "none",
                    "*",
                ][..],
            ),
            ("plan:p|", &["=pro", "=\"Ångström Pro\""]),
            ("plan:pro|", &["=pro", "=\"Ångström Pro\""]),
            ("plan:=PR|", &["pro", "\"Ångström Pro\""]),
            ("plan:=pro|", &["\"Ångström Pro\""]),
            ("plan:=pro,fr|", &["=Free"]),
            ("-plan:ang|", &["=\"Ångström Pro\""]),
            ("plan:no|", &["=\"North Star, Inc.\"", "none"]),
        ] {
            let inserted: Vec<String> = suggested(text).into_iter().map(|one| one.insert).collect();
            assert_eq!(inserted, expected, "{text}");
        }
        let column = |text: &str| completed_column(text, text.len(), &columns());
        let plan = columns().iter().position(|column| column.name == "plan");
        assert_eq!(
            (column("plan:p"), column("plan:="), column("plan"), column("seats:5")),
            (plan, plan, None, None)
        );
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

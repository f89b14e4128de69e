//! Rewrites a search to match more or less, changing only the parts that need it.

use std::ops::Range;

use jiff::Timestamp;

use crate::model::{Column, FieldKind, Role, Widening};
use crate::query::lexer::{FilterValue, RawOperand, Word, WordKind, lex_query};
use crate::query::{ParsedQuery, names};
use crate::schema::time;

/// The filters in `text`, each with its span, column, negation and value.
fn find_filters<'a>(
    text: &'a str,
    columns: &'a [Column],
) -> impl Iterator<Item = (Range<usize>, usize, bool, FilterValue)> + 'a {
    lex_query(text, |name| names::find_column(columns, name)).into_iter().filter_map(|Word { span, form }| {
        match form {
            WordKind::Filter { column, negated, value, .. } => Some((span, column, negated, value)),
            _ => None,
        }
    })
}

/// Makes the filters on the `wanted` columns match whole values: `plan:pro` becomes `plan:=pro`. `None` if there is no
/// such filter.
pub(crate) fn made_exact(text: &str, columns: &[Column], wanted: impl Fn(usize) -> bool) -> Option<String> {
    let mut places = Vec::new();
    for (_, column, negated, value) in find_filters(text, columns) {
        if !negated && is_compared_by_part(&columns[column]) && wanted(column) {
            let parts: Option<Vec<usize>> = value.operands().map(is_part).collect();
            places.extend(parts.unwrap_or_default());
        }
    }
    if places.is_empty() {
        return None;
    }
    let mut exact = text.to_owned();
    for at in places.into_iter().rev() {
        exact.insert(at, '=');
    }
    Some(exact)
}

/// `value` as it has to be typed after a colon or an equals sign to have no special meaning.
pub(crate) fn quote_value(value: &str) -> String {
    let signs = |char: char| char.is_whitespace() || matches!(char, ',' | '"');
    let plain = !value.contains(signs) && !value.is_empty() && !value.starts_with(['*', '=', '<', '>', '.']);
    if plain { value.to_owned() } else { format!("\"{}\"", value.replace('\\', r"\\").replace('"', "\\\"")) }
}

/// The filter that finds the users with exactly this value in the column at `at`. `None` if no filter can express it or
/// it would be of no use, as for IDs and whole documents.
pub fn filter_by(columns: &[Column], at: usize, value: Option<&str>, now: Timestamp) -> Option<String> {
    let column = &columns[at];
    let value = match (value, column.kind) {
        _ if column.role == Role::Id || column.masked => return None,
        (None, _) => "none".to_owned(),
        (Some(text), _) if text.chars().count() > LONGEST_VALUE || text.contains(char::is_control) => {
            return None;
        }
        (Some(""), FieldKind::Text) => quote_value(""),
        (Some(text), FieldKind::Text) => format!("={}", quote_value(text)),
        // Hardly anyone else has the same second, so filter by day.
        (Some(text), FieldKind::Time) => time::parse_utc_day(text)?,
        (Some(_), FieldKind::Json) => return None,
        (Some(text), _) => quote_value(text),
    };
    let filter = format!("{}:{value}", names::list_spellings(columns, at).first()?);
    let read = ParsedQuery::parse(&filter, columns, now);
    let is_it = matches!(&read.filters[..], [only] if only.column == at && !only.negated);
    (is_it && read.text.is_empty() && read.highlights.faults.is_empty()).then_some(filter)
}

/// The longest value that a filter is offered for, in characters; longer values are not shared by several users.
const LONGEST_VALUE: usize = 200;

/// A query that matches more than the original.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WidenedQuery {
    pub(crate) how: Widening,
    pub(crate) text: String,
    /// The filter or phrase that was changed, for display.
    pub(crate) about: String,
}

/// All queries that match more than `text`, most similar first: with parts instead of whole values, words instead of a
/// phrase, without each filter, without all filters.
pub(crate) fn widen_query(text: &str, columns: &[Column], now: Timestamp) -> Vec<WidenedQuery> {
    let mut ways = Vec::new();
    let words = lex_query(text, |name| names::find_column(columns, name));
    let chips = crate::query::highlight_query(text, columns, now).chips;
    let about = |span: &Range<usize>| {
        let start = text[..span.start].encode_utf16().count();
        let chip = chips.iter().find(|chip| chip.start == start)?;
        let words = [chip.label.as_str(), chip.relation.as_str(), chip.value.as_str()];
        Some(words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" "))
    };
    for Word { span, form } in &words {
        match form {
            WordKind::Filter { column, negated: false, value, .. }
                if columns[*column].kind == FieldKind::Text && !columns[*column].masked =>
            {
                let signs: Vec<usize> = value.operands().filter_map(find_equals_sign).collect();
                if let (false, Some(about)) = (signs.is_empty(), about(span)) {
                    let mut text = text.to_owned();
                    for &at in signs.iter().rev() {
                        text.remove(at);
                    }
                    ways.push(WidenedQuery { how: Widening::Parts, text, about });
                }
            }
            WordKind::Phrase(phrase) if phrase.split_whitespace().nth(1).is_some() => {
                let text = format!("{}{phrase}{}", &text[..span.start], &text[span.end..]);
                ways.push(WidenedQuery { how: Widening::Words, text, about: phrase.clone() });
            }
            _ => {}
        }
    }
    let filters: Vec<&Range<usize>> = words
        .iter()
        .filter(|word| matches!(word.form, WordKind::Filter { .. }))
        .map(|word| &word.span)
        .collect();
    let has_free_text = filters.len() < words.len();
    for span in &filters {
        // Without its only filter, a query without free text would match everyone.
        if let Some(about) = about(span).filter(|_| has_free_text || filters.len() > 1) {
            ways.push(WidenedQuery {
                how: Widening::WithoutFilter,
                text: remove_spans(text, &[span]),
                about,
            });
        }
    }
    if filters.len() > 1 && has_free_text {
        let about = String::new();
        ways.push(WidenedQuery { how: Widening::WithoutFilters, text: remove_spans(text, &filters), about });
    }
    ways.retain(|way| way.text.trim() != text.trim());
    ways
}

/// The position of the operand's `=`, which requires a whole value.
fn find_equals_sign(written: RawOperand<'_>) -> Option<usize> {
    written
        .strip_start('=')
        .filter(|rest| !rest.to_text().is_empty())
        .and(written.span())
        .map(|span| span.start)
}

/// `text` without the words at `spans`, which must be in order.
fn remove_spans(text: &str, spans: &[&Range<usize>]) -> String {
    let mut rest = String::new();
    let mut at = 0;
    for span in spans {
        rest.push_str(&text[at..span.start]);
        at = span.end;
    }
    rest.push_str(&text[at..]);
    rest.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The words of the free text with their spans, without quoted phrases.
pub(crate) fn free_words(text: &str, columns: &[Column]) -> Vec<(Range<usize>, String)> {
    let words = lex_query(text, |name| names::find_column(columns, name)).into_iter();
    words
        .filter_map(|Word { span, form }| match form {
            WordKind::Free(word) => Some((span, word)),
            _ => None,
        })
        .collect()
}

/// The values of text filters with their columns and spans, if they are a single plain word or phrase.
pub(crate) fn filter_values(text: &str, columns: &[Column]) -> Vec<(usize, Range<usize>, String)> {
    let one = |(_, column, negated, value): (Range<usize>, usize, bool, FilterValue)| {
        let written: Vec<RawOperand> = value.operands().collect();
        let [only] = written[..] else { return None };
        let text = only.strip_start('=').unwrap_or(only).to_text();
        let plain = !negated
            && columns[column].kind == FieldKind::Text
            && !columns[column].masked
            && !text.is_empty();
        plain.then(|| Some((column, only.span()?, text))).flatten()
    };
    find_filters(text, columns).filter_map(one).collect()
}

fn is_compared_by_part(column: &Column) -> bool {
    column.kind == FieldKind::Text && column.role != Role::Id
}

/// Where an operand starts that matches parts of a value without a sign that says so.
fn is_part(written: RawOperand<'_>) -> Option<usize> {
    let signed = ['=', '<', '>', '*'].iter().any(|&sign| written.strip_start(sign).is_some());
    let says_something_else = written.to_bare_text().is_some_and(|bare| bare.eq_ignore_ascii_case("none"));
    if signed || written.strip_end('*').is_some() || says_something_else || written.to_text().is_empty() {
        return None;
    }
    written.span().map(|span| span.start)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::stories::columns;

    #[test]
    fn a_search_is_widened_step_by_step() {
        let widened = |text: &str| {
            let ways = widen_query(text, &columns(), crate::query::stories::now());
            ways.into_iter()
                .map(|way| format!("{:?} {}: {}", way.how, way.about, way.text))
                .collect::<Vec<_>>()
        };
        for (text, expected) in [
            ("ada", &[][..]),
            ("plan:pro", &[]),
            ("plan:=pro,=free", &["Parts Plan is pro, free: plan:pro,free"]),
            (
                "ada plan:=\"very pro\" 😀",
                &[
                    "Parts Plan is very pro: ada plan:\"very pro\" 😀",
                    "WithoutFilter Plan is very pro: ada 😀",
                ],
            ),
            ("\"ada l\"", &["Words ada l: ada l"]),
            (
                "-plan:=pro  seats:>5 ada",
                &[
                    "WithoutFilter Plan is not pro: seats:>5 ada",
                    "WithoutFilter Seats > 5: -plan:=pro ada",
                    "WithoutFilters : ada",
                ],
            ),
            (
                "plan:pro seats:5",
                &["WithoutFilter Plan contains pro: seats:5", "WithoutFilter Seats 5: plan:pro"],
            ),
        ] {
            assert_eq!(widened(text), expected, "{text}");
        }
    }

    #[test]
    fn a_value_becomes_a_filter() {
        let columns = columns();
        let by = |name: &str, value: Option<&str>| {
            let at = columns.iter().position(|column| column.name == name).unwrap();
            filter_by(&columns, at, value, crate::query::stories::now())
        };
        for (name, value, expected) in [
            ("company", Some("Acme"), Some("company:=Acme")),
            ("company", Some("North Star, Inc."), Some("company:=\"North Star, Inc.\"")),
            ("company", Some(""), Some("company:\"\"")),
            ("company", None, Some("company:none")),
            ("full_name", Some("Ada"), Some("name:=Ada")),
            ("seats", Some("5"), Some("seats:5")),
            ("active", Some("false"), Some("active:false")),
            ("created_at", Some("2026-01-31T10:00:00Z"), Some("created:2026-01-31")),
            ("lastLoginAt", Some("1769853600"), Some("lastLoginAt:2026-01-31")),
            // Unique values, whole documents, and values that the column's type does not accept have no filter.
            ("user_id", Some("7"), None),
            ("flags", Some("{}"), None),
            ("company", Some("two\nlines"), None),
            ("created_at", Some("infinity"), None),
        ] {
            assert_eq!(by(name, value).as_deref(), expected, "{name} {value:?}");
        }
        assert_eq!(by("company", Some(&"x".repeat(201))), None);
    }

    #[test]
    fn a_part_becomes_the_whole_value() {
        let columns = columns();
        let plan = columns.iter().position(|column| column.name == "plan").unwrap();
        let exact = |text: &str| made_exact(text, &columns, |at| at == plan);
        for (text, expected) in [
            ("plan:pro", Some("plan:=pro")),
            ("Ada  plan:pro,\"very pro\" x", Some("Ada  plan:=pro,=\"very pro\" x")),
            ("plan:pro company:north plan:free", Some("plan:=pro company:north plan:=free")),
            ("plan:=pro", None),
            ("plan:pro*", None),
            ("plan:*pro*", None),
            ("plan:none", None),
            ("plan:pro,none", None),
            ("-plan:pro", None),
            ("plan:\"\"", None),
            ("plan:", None),
            ("company:north", None),
            ("pro", None),
        ] {
            assert_eq!(exact(text).as_deref(), expected, "{text}");
        }
    }
}

//! Property tests: what holds for every text and every column.

use proptest::prelude::*;

use super::*;
use crate::model::{FieldKind, Role};
use crate::query::stories::{column, columns, now, plain, read};

/// The filter as a user could have typed it.
fn typed(filter: &Filter) -> String {
    let quoted = |text: &str| format!("\"{}\"", text.replace('\\', r"\\").replace('"', "\\\""));
    let operand = |operand: &Operand| match operand {
        Operand::Text(text) => format!("={}", quoted(text)),
        other => plain(other),
    };
    // A time with a fraction is an instant; without one, it covers the whole second.
    let instant = |bound: &Bound| match &bound.value {
        Operand::Time(time) => format!("{time:.9}"),
        other => plain(other),
    };
    let last = |bound: &Bound| match &bound.value {
        Operand::Time(time) if !bound.inclusive => {
            format!("{:.0}", Timestamp::from_second(time.as_second() - 1).unwrap())
        }
        _ => instant(bound),
    };
    let write = |test: &FilterTest| match test {
        FilterTest::Is(operands) => operands.iter().map(operand).collect::<Vec<_>>().join(","),
        FilterTest::Contains(text) => format!("*{}*", quoted(text)),
        FilterTest::BeginsWith(text) => format!("{}*", quoted(text)),
        FilterTest::EndsWith(text) => format!("*{}", quoted(text)),
        FilterTest::Digits(_) => unreachable!("they come with the text that they are the digits of"),
        FilterTest::Range { from: Some(from), to: Some(to) } => format!("{}..{}", instant(from), last(to)),
        FilterTest::Range { from: Some(from), to: None } if from.inclusive => format!(">={}", instant(from)),
        FilterTest::Range { from: Some(from), to: None } => format!(">{}", instant(from)),
        FilterTest::Range { from: None, to: Some(to) } if to.inclusive => format!("<={}", instant(to)),
        FilterTest::Range { from: None, to: Some(to) } => format!("<{}", instant(to)),
        FilterTest::Range { from: None, to: None } => panic!("a range has an end"),
        FilterTest::Null => "none".to_owned(),
        FilterTest::NotNull => "*".to_owned(),
    };
    let written = filter.any.iter().filter(|test| !matches!(test, FilterTest::Digits(_)));
    let any: Vec<String> = written.map(write).collect();
    let minus = if filter.negated { "-" } else { "" };
    format!("{minus}{}:{}", columns()[filter.column].name, any.join(","))
}

/// Texts that use many features of the query language.
fn dense_text() -> impl Strategy<Value = String> {
    let signs =
        [":", "-", "\"", "\\", "*", ".", "..", ",", "<", ">", "=", " ", " ", "😀", "ä", "\0", "5", "0", "@"];
    let values =
        ["none", "true", "2026", "-01", "-31", "T10:30", "7d", "today", "pro", "2.5", "+02:00", "2026-01-31"];
    let names = columns().into_iter().map(|column| column.name + ":");
    let spellings =
        ["id:", "name:", "created:", "last-login-at:", "plna:", "https://", "?user="].map(str::to_owned);
    let bits: Vec<String> =
        signs.into_iter().chain(values).map(str::to_owned).chain(names).chain(spellings).collect();
    prop::collection::vec(prop::sample::select(bits), 0..16).prop_map(|bits| bits.concat())
}

/// A filter that is valid more often than not.
fn filter_text() -> impl Strategy<Value = String> {
    let name = prop::sample::select(columns()).prop_map(|column| column.name);
    let number =
        prop_oneof![any::<i64>().prop_map(|n| n.to_string()), any::<i32>().prop_map(|n| format!("{n}.50"))];
    let time = prop_oneof![
        (1000..9990_u32, 1..=12_u8).prop_map(|(year, month)| format!("{year}-{month:02}")),
        (0..99_999_u32, "[hdwmy]").prop_map(|(amount, unit)| format!("{amount}{unit}")),
        (-9_000_000_000_000_i64..9_000_000_000_000)
            .prop_map(|ms| Timestamp::from_millisecond(ms).unwrap().to_string()),
        prop::sample::select(vec!["today".to_owned(), "yesterday".to_owned(), "2026".to_owned()]),
    ];
    let value = prop_oneof![
        number,
        time,
        "[a-z@]{1,5}",
        "\"[ -~]{0,6}\"",
        "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
        prop::sample::select(vec!["none".to_owned(), "true".to_owned(), "no".to_owned()]),
    ];
    let operand = (
        prop::sample::select(vec!["", "", ">", ">=", "<", "<=", "=", "*"]),
        value.clone(),
        "(\\*|\\.\\.)?",
        value,
    )
        .prop_map(|(before, value, after, end)| match after.as_str() {
            ".." => format!("{before}{value}..{end}"),
            after => format!("{before}{value}{after}"),
        });
    ("-?", name, prop::collection::vec(operand, 1..4))
        .prop_map(|(minus, name, operands)| format!("{minus}{name}:{}", operands.join(",")))
}

fn any_columns() -> impl Strategy<Value = Vec<Column>> {
    let role = prop::sample::select(vec![Role::Id, Role::Email, Role::Name, Role::CreatedAt, Role::Other]);
    let kind = prop::sample::select(vec![
        FieldKind::Integer,
        FieldKind::Number,
        FieldKind::Boolean,
        FieldKind::Time,
        FieldKind::Uuid,
        FieldKind::Json,
        FieldKind::Text,
    ]);
    let name = prop_oneof![
        prop::sample::select(vec!["id", "email", "plan", "-x", ""]).prop_map(str::to_owned),
        ".{0,6}"
    ];
    let any_column = (name, role, kind).prop_map(|(name, role, kind)| column(&name, role, kind));
    prop::collection::vec(any_column, 0..5)
}

/// The filter by `value` and its test; `None` if there is no such filter.
fn asked_by(columns: &[Column], at: usize, value: Option<&str>) -> Option<(String, FilterTest)> {
    let text = filter_by(columns, at, value, now())?;
    let mut read = ParsedQuery::parse(&text, columns, now());
    let asked = read.filters.pop().expect("it is a filter").any.pop().expect("it asks for something");
    Some((text, asked))
}

/// Every span that is reported for `text` lies within it and splits no character.
fn check_places(text: &str, columns: &[Column]) -> Result<(), TestCaseError> {
    let asked = ParsedQuery::parse(text, columns, now());
    let units: Vec<u16> = text.encode_utf16().collect();
    let reading = &asked.highlights;
    let spans = reading.chips.iter().map(|chip| (chip.start, chip.end));
    let spans = spans.chain(reading.faults.iter().map(|fault| (fault.start, fault.end)));
    let spans = spans.chain(reading.unknown.iter().map(|unknown| (unknown.start, unknown.end)));
    for (start, end) in spans {
        prop_assert!(start < end && end <= units.len());
        prop_assert!(String::from_utf16(&units[start..end]).is_ok());
    }
    prop_assert!(asked.filters.iter().all(|filter| filter.column < columns.len() && !filter.any.is_empty()));
    prop_assert_eq!(asked.filters.len(), reading.chips.iter().filter(|chip| chip.complete).count());
    prop_assert_eq!(asked.text.trim(), &asked.text);
    let known = ["pro", "ä b", "😀,"].map(str::to_owned);
    for caret in 0..=units.len() + 1 {
        let suggestions = suggest_completions(text, caret, columns, &known, now());
        prop_assert!(suggestions.len() <= 8);
        for suggestion in suggestions {
            if suggestion.detail == "whole value" {
                let mut typed = units[..suggestion.start].to_vec();
                typed.extend(suggestion.insert.encode_utf16());
                typed.extend(&units[suggestion.end..]);
                let read = ParsedQuery::parse(&String::from_utf16(&typed).unwrap(), columns, now());
                let is_there = read.filters.iter().flat_map(|filter| &filter.any).any(|test| {
                    matches!(test, FilterTest::Is(values) if values.contains(&Operand::Text(suggestion.label.clone())))
                });
                let is_whole =
                    read.filters.len() == read.highlights.chips.len() && read.highlights.faults.is_empty();
                prop_assert!(is_there || !is_whole, "{} in {}", suggestion.insert, text);
            }
            prop_assert!(suggestion.start <= caret && caret.min(units.len()) <= suggestion.end);
            prop_assert!(String::from_utf16(&units[suggestion.start..suggestion.end]).is_ok());
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn dense_texts_are_parsed_correctly(text in dense_text()) {
        check_places(&text, &columns())?;
        for filter in read(&text).filters {
            prop_assert_eq!(read(&typed(&filter)).filters, [filter]);
        }
    }

    #[test]
    fn a_filter_can_be_written_and_read_again(text in filter_text()) {
        for filter in read(&text).filters {
            let again = typed(&filter);
            prop_assert_eq!(read(&again).filters, [filter], "{}", again);
        }
    }
}

proptest! {
    #[test]
    fn any_text_and_any_columns_are_read(text in any::<String>(), dense in dense_text(), columns in any_columns()) {
        check_places(&text, &columns)?;
        check_places(&dense, &columns)?;
    }

    #[test]
    fn a_filter_by_a_text_is_that_whole_text(value in "[^\\pC]{1,40}", dense in dense_text()) {
        for value in [value, dense.replace('\0', "")] {
            let (_, test) = asked_by(&columns(), 3, Some(&value)).expect("there is a filter for every short text");
            prop_assert_eq!(test, FilterTest::Is(vec![Operand::Text(value)]));
        }
    }

    #[test]
    fn a_filter_by_a_value_is_one_filter_or_none(value in any::<String>(), columns in any_columns()) {
        for at in 0..columns.len() {
            if let Some((text, _)) = asked_by(&columns, at, Some(&value)) {
                check_places(&text, &columns)?;
            }
        }
    }

    #[test]
    fn text_without_colons_and_quotes_is_unchanged(text in "[^:\"\0]*") {
        let asked = read(&text);
        prop_assert_eq!(asked.text, text.split_whitespace().collect::<Vec<_>>().join(" "));
        prop_assert_eq!((asked.filters, asked.highlights), (Vec::new(), Highlights::default()));
    }

    #[test]
    fn identities_and_words_are_limited_and_distinct(text in prop_oneof![any::<String>(), dense_text()]) {
        let identities = find_identities(&text);
        prop_assert!(identities.len() <= 4);
        for (at, identity) in identities.iter().enumerate() {
            prop_assert!(!identity.as_str().is_empty());
            prop_assert!(identities[..at].iter().all(|known| known.as_str() != identity.as_str()));
        }
        prop_assert!(split_words(&text).len() <= 8);
    }
}

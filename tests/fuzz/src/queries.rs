//! What is typed in the search field, of users and of the audit log.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use jiff::Timestamp;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use understudy_core::audit::listing::{filter_by_search, highlight_search};
use understudy_core::audit::log_query::{
    CompletedValues, completed_values, limit_times, list_sessions_named, search_columns,
};
use understudy_core::audit::reader::{EntryFilter, LogReader};
use understudy_core::audit::{AuditLog, EndCause, Entry, OperatorIdentity, Subject};
use understudy_core::connection::Environment;
use understudy_core::directory::{
    Column, FieldKind, FilterTest, Operand, ParsedQuery, Role, filter_by, suggest_completions,
};

static NOW: LazyLock<Timestamp> = LazyLock::new(|| "2026-03-10T12:30:15.5Z".parse().expect("a time"));

static COLUMNS: LazyLock<Vec<Column>> = LazyLock::new(|| {
    let column = |name: &str, role, kind| Column {
        name: name.to_owned(),
        label: name.to_owned(),
        role,
        kind,
        sortable: false,
        company: name == "company",
        masked: name == "iban",
    };
    vec![
        column("user_id", Role::Id, FieldKind::Integer),
        column("full_name", Role::Name, FieldKind::Text),
        column("email", Role::Email, FieldKind::Text),
        column("plan", Role::Other, FieldKind::Text),
        column("company", Role::Other, FieldKind::Text),
        column("iban", Role::Other, FieldKind::Text),
        column("active", Role::Other, FieldKind::Boolean),
        column("seats", Role::Other, FieldKind::Integer),
        column("balance", Role::Other, FieldKind::Number),
        column("lastLoginAt", Role::Other, FieldKind::Time),
        column("token", Role::Other, FieldKind::Uuid),
        column("flags", Role::Other, FieldKind::Json),
        column("created_at", Role::CreatedAt, FieldKind::Time),
    ]
});

pub fn check(input: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(input) else { return false };
    let read = check_reading(text, &COLUMNS);
    check_suggestions(text, &COLUMNS);
    let log = check_reading(text, &search_columns());
    assert_eq!(highlight_search(text, *NOW), log.highlights);
    check_log(text, &log);
    !read.filters.is_empty() || !log.filters.is_empty()
}

/// Every place that is shown is in the text, and each filter means the same alone.
fn check_reading(text: &str, columns: &[Column]) -> ParsedQuery {
    let read = ParsedQuery::parse(text, columns, *NOW);
    let units: Vec<u16> = text.encode_utf16().collect();
    let shown = &read.highlights;
    let chips = shown.chips.iter().map(|chip| (chip.start, chip.end));
    let places = chips
        .chain(shown.faults.iter().map(|fault| (fault.start, fault.end)))
        .chain(shown.unknown.iter().map(|unknown| (unknown.start, unknown.end)));
    for (start, end) in places {
        assert!(start < end && end <= units.len(), "{text:?}");
        assert!(String::from_utf16(&units[start..end]).is_ok(), "{text:?}");
    }
    assert!(read.words.len() <= 8);
    let complete: Vec<_> = shown.chips.iter().filter(|chip| chip.complete).collect();
    assert_eq!(read.filters.len(), complete.len(), "{text:?}");
    for (filter, chip) in read.filters.iter().zip(complete) {
        assert!(!filter.any.is_empty());
        assert_eq!((&columns[filter.column].name, filter.negated), (&chip.column, chip.negated));
        let alone = String::from_utf16(&units[chip.start..chip.end]).expect("whole characters");
        let again = ParsedQuery::parse(&alone, columns, *NOW);
        assert_eq!(again.filters.as_slice(), std::slice::from_ref(filter), "{alone:?} of {text:?}");
        for test in &filter.any {
            check_test(test, &columns[filter.column], filter.column, columns);
        }
    }
    read
}

fn check_test(test: &FilterTest, column: &Column, at: usize, columns: &[Column]) {
    match test {
        FilterTest::Is(values) => {
            assert!(!values.is_empty());
            for value in values {
                let fits = matches!(
                    (value, column.kind),
                    (Operand::Text(_), FieldKind::Text | FieldKind::Json)
                        | (Operand::Integer(_), FieldKind::Integer)
                        | (Operand::Number(_), FieldKind::Number | FieldKind::Integer)
                        | (Operand::Boolean(_), FieldKind::Boolean)
                        | (Operand::Time(_), FieldKind::Time)
                        | (Operand::Uuid(_), FieldKind::Uuid)
                );
                assert!(fits, "{value:?} in {}", column.name);
                // A value that is found is offered as a filter, which means this value.
                if let Operand::Text(value) = value
                    && let Some(offered) = filter_by(columns, at, Some(value), *NOW)
                {
                    let again = ParsedQuery::parse(&offered, columns, *NOW);
                    let is = FilterTest::Is(vec![Operand::Text(value.clone())]);
                    assert!(matches!(&again.filters[..], [only] if only.any == [is]), "{offered:?}");
                }
            }
        }
        FilterTest::Range { from, to } => {
            assert!(from.is_some() || to.is_some());
            assert!(!column.masked, "a range gives a masked value away");
        }
        FilterTest::Contains(part) | FilterTest::BeginsWith(part) | FilterTest::EndsWith(part) => {
            assert!(!part.is_empty());
            assert!(!column.masked, "parts give a masked value away");
        }
        FilterTest::Digits(digits) => assert!(digits.bytes().all(|digit| digit.is_ascii_digit())),
        FilterTest::Null | FilterTest::NotNull => {}
    }
}

fn check_suggestions(text: &str, columns: &[Column]) {
    let units: Vec<u16> = text.encode_utf16().collect();
    let known = ["pro", "ä b", "😀,"].map(str::to_owned);
    // Everywhere in a short text, and at the end of a long one.
    let first = if units.len() < 40 { 0 } else { units.len() };
    for caret in first..=units.len() + 1 {
        let suggestions = suggest_completions(text, caret, columns, &known, *NOW);
        assert!(suggestions.len() <= 8);
        for one in suggestions {
            assert!(one.start <= caret && caret.min(units.len()) <= one.end && one.end <= units.len());
            assert!(String::from_utf16(&units[one.start..one.end]).is_ok(), "{text:?}");
        }
    }
}

/// A log with a few sessions, which searches are tried in.
struct Log {
    runtime: Runtime,
    reader: LogReader,
    entries: BTreeSet<i64>,
    _folder: TempDir,
}

static LOG: LazyLock<Log> = LazyLock::new(|| {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("audit.sqlite");
    let reader = runtime.block_on(async {
        let log = AuditLog::open(&path).await.expect("a log");
        let times = ["1969-12-31T23:59:59.999Z", "2026-02-28T10:00:00Z", "2026-03-10T12:00:00Z"];
        for (at, time) in times.iter().enumerate() {
            let whom = Subject {
                connection: ["acme", "50%_\\"][at % 2].into(),
                connection_name: "Äcme".into(),
                environment: [Environment::Production, Environment::Staging][at % 2],
                user_id: "4711".into(),
                user_name: Some("Zoë".into()).filter(|_| at > 0),
                user_email: Some("zoe@example.org".into()),
            };
            let time: Timestamp = time.parse().expect("a time");
            let ada = OperatorIdentity::new("Ada", "ada@example.org");
            let session = format!("s{at}");
            let begun = Entry::for_new_session(time.as_millisecond(), session, ada, whom, "can't, 'see' it");
            log.append(begun.clone()).await.expect("an entry");
            let end = begun.with_event(time.as_millisecond() + 60_000, EndCause::Operator.into());
            if at != 1 {
                log.append(end).await.expect("an entry");
            }
        }
        LogReader::open(&path).await.expect("a reader")
    });
    let mut log = Log { runtime, reader, entries: BTreeSet::new(), _folder: folder };
    log.entries = list(&log, &EntryFilter::default()).into_iter().map(|(number, ..)| number).collect();
    assert_eq!(log.entries.len(), 5);
    log
});

/// The entries that pass: number, time and session.
fn list(log: &Log, filter: &EntryFilter) -> Vec<(i64, i64, String)> {
    let page = log.runtime.block_on(log.reader.list_page(filter, None, 100));
    let page = page.unwrap_or_else(|error| panic!("{error}"));
    page.entries.into_iter().map(|entry| (entry.id, entry.at, entry.session)).collect()
}

/// A search of the log is always a statement that SQLite accepts; what limits it beforehand is never narrower than it;
/// and a filter and its opposite have each entry once.
fn check_log(text: &str, read: &ParsedQuery) {
    for caret in [0, text.encode_utf16().count()] {
        if let CompletedValues::InEntries(sql) = completed_values(text, caret) {
            assert!(sql.starts_with("coalesce(nullif("), "{sql}");
        }
    }
    let found = list(&LOG, &filter_by_search(text, *NOW));
    let (earliest, latest) = limit_times(read);
    let sessions = list_sessions_named(read);
    for (_, at, session) in &found {
        assert!(earliest.is_none_or(|earliest| earliest <= *at), "{text:?}");
        assert!(latest.is_none_or(|latest| *at <= latest), "{text:?}");
        assert!(sessions.as_ref().is_none_or(|sessions| sessions.contains(session)), "{text:?}");
    }
    if let ([filter], []) = (&read.filters[..], &read.words[..]) {
        let mut opposite = read.clone();
        opposite.filters[0].negated = !filter.negated;
        let others = list(&LOG, &EntryFilter { search: Some(opposite), ..EntryFilter::default() });
        let all: Vec<i64> = found.iter().chain(&others).map(|(number, ..)| *number).collect();
        assert_eq!(all.len(), LOG.entries.len(), "{text:?}");
        assert_eq!(all.into_iter().collect::<BTreeSet<_>>(), LOG.entries, "{text:?}");
    }
}

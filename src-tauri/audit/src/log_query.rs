//! The log in the grammar of the search field: what its columns are called there, and what was typed as conditions.

use sqlx::QueryBuilder;

use crate::log_database::LogDatabase;
use understudy_directory::{
    Bound, Column, FieldKind, Filter, FilterTest, Operand, ParsedQuery, Role, completed_column,
};

/// A column as it is typed: `operator:ada`.
struct SearchColumn {
    name: &'static str,
    label: &'static str,
    /// What it is in SQL; one of several has to pass. Of the time there is one, in milliseconds.
    sql: &'static [&'static str],
    is_time: bool,
    /// Words without a filter are looked for in it.
    is_free: bool,
    /// The values that it can have, if they are few.
    values: &'static [&'static str],
}

const fn text(name: &'static str, label: &'static str, sql: &'static [&'static str]) -> SearchColumn {
    SearchColumn { name, label, sql, is_time: false, is_free: true, values: &[] }
}

const fn time(name: &'static str, label: &'static str) -> SearchColumn {
    SearchColumn { name, label, sql: &["e.at_ms"], is_time: true, is_free: false, values: &[] }
}

/// Stands for [`LogDatabase::OUTCOME`] among the columns.
const OUTCOME: &str = "outcome";

const SESSION: &str = "session";
const SINCE: &str = "since";
const UNTIL: &str = "until";

const COLUMNS: &[SearchColumn] = &[
    text("operator", "Operator", &["e.operator_name", "e.operator_email", "e.os_user"]),
    text("user", "User", &["e.user_email", "e.user_name", "e.user_id"]),
    text("connection", "Connection", &["e.connection", "e.connection_name"]),
    SearchColumn {
        values: &["production", "staging", "development"],
        is_free: false,
        ..text("environment", "Environment", &["e.environment"])
    },
    text("event", "Event", &["e.event"]),
    SearchColumn {
        values: &["running", "ended", "refused", "crashed"],
        is_free: false,
        ..text("outcome", "Outcome", &[OUTCOME])
    },
    SearchColumn {
        values: &["read-only", "full"],
        ..text(
            "mode",
            "Mode",
            &["replace(e.mode, '_', '-')", "CASE e.mode WHEN 'full' THEN 'full access' END"],
        )
    },
    text("reason", "Reason", &["e.reason"]),
    text("ticket", "Ticket", &["e.ticket"]),
    text("detail", "Detail", &["e.detail", "e.sign_out_failed"]),
    text(SESSION, "Session", &["e.session"]),
    SearchColumn { is_free: false, ..text("computer", "Computer", &["e.host"]) },
    time("time", "Time"),
    time(SINCE, "Since"),
    time(UNTIL, "Until"),
];

/// The columns of the log, for [`ParsedQuery::parse`] and what else reads a search text.
pub fn search_columns() -> Vec<Column> {
    let column = |one: &SearchColumn| Column {
        name: one.name.into(),
        label: one.label.into(),
        role: Role::Other,
        kind: if one.is_time { FieldKind::Time } else { FieldKind::Text },
        sortable: false,
        company: false,
        masked: false,
    };
    COLUMNS.iter().map(column).collect()
}

/// What may be suggested as the value at a caret.
pub enum CompletedValues {
    Fixed(Vec<String>),
    /// What entries have there, in SQL: what lists show of it.
    InEntries(String),
}

/// The values of the column in which the caret is, in UTF-16 code units; none if it is in no filter.
pub fn completed_values(text: &str, caret: usize) -> CompletedValues {
    let column = completed_column(text, caret, &search_columns()).and_then(|column| COLUMNS.get(column));
    match column {
        Some(column) if column.values.is_empty() && !column.is_time => {
            let parts: Vec<String> = column.sql.iter().map(|sql| format!("nullif({sql}, '')")).collect();
            CompletedValues::InEntries(format!("coalesce({}, NULL)", parts.join(", ")))
        }
        Some(column) => CompletedValues::Fixed(column.values.iter().map(|&value| value.to_owned()).collect()),
        None => CompletedValues::Fixed(Vec::new()),
    }
}

fn in_sql<D: LogDatabase>(column: &str) -> &str {
    if column == OUTCOME { D::OUTCOME } else { column }
}

/// Adds ` AND …` for all that was typed. The table is `entries AS e`.
pub(super) fn push_conditions<D: LogDatabase>(query: &mut QueryBuilder<D>, search: &ParsedQuery) {
    for filter in &search.filters {
        if let Some(column) = COLUMNS.get(filter.column) {
            query.push(if filter.negated { " AND NOT (" } else { " AND (" });
            push_filter(query, column, filter);
            query.push(")");
        }
    }
    for word in &search.words {
        query.push(" AND (FALSE");
        for sql in COLUMNS.iter().filter(|column| column.is_free).flat_map(|column| column.sql) {
            push_like(query, sql, word, ("%", "%"));
        }
        query.push(")");
    }
}

fn push_filter<D: LogDatabase>(query: &mut QueryBuilder<D>, column: &SearchColumn, filter: &Filter) {
    // `NOT NULL` is NULL, which would pass neither with a minus nor without.
    query.push("coalesce(FALSE");
    for test in &filter.any {
        match test {
            FilterTest::Range { from, to } => push_range(query, column, from.as_ref(), to.as_ref()),
            FilterTest::Null => push_emptiness(query, column, "AND", "="),
            FilterTest::NotNull => push_emptiness(query, column, "OR", "<>"),
            FilterTest::Is(values) => {
                for value in values {
                    if let Operand::Text(value) = value {
                        push_texts(query, column, value, ("", ""));
                    }
                }
            }
            FilterTest::Contains(part) => push_texts(query, column, part, ("%", "%")),
            FilterTest::BeginsWith(part) => push_texts(query, column, part, ("", "%")),
            FilterTest::EndsWith(part) => push_texts(query, column, part, ("%", "")),
            // Comes beside the same part as text, for phone numbers. The log has none.
            FilterTest::Digits(_) => {}
        }
    }
    query.push(", FALSE)");
}

fn push_texts<D: LogDatabase>(
    query: &mut QueryBuilder<D>,
    column: &SearchColumn,
    part: &str,
    around: (&str, &str),
) {
    for sql in column.sql {
        push_like(query, sql, part, around);
    }
}

/// Adds ` OR …`. Case is ignored, but some databases know it of ASCII letters only.
fn push_like<D: LogDatabase>(
    query: &mut QueryBuilder<D>,
    sql: &str,
    part: &str,
    (before, after): (&str, &str),
) {
    let mut spellings = vec![part.to_owned()];
    if !part.is_ascii() {
        spellings.extend([part.to_lowercase(), part.to_uppercase(), capitalize(part)]);
        spellings.dedup();
    }
    for spelling in spellings {
        let escaped = spelling.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
        query.push(format!(" OR coalesce({}, '') {} ", in_sql::<D>(sql), D::LIKE));
        D::push_text(query, format!("{before}{escaped}{after}"));
        query.push(" ESCAPE '\\'");
    }
}

fn capitalize(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(chars.flat_map(char::to_lowercase)).collect()
    })
}

fn push_emptiness<D: LogDatabase>(
    query: &mut QueryBuilder<D>,
    column: &SearchColumn,
    all: &str,
    relation: &str,
) {
    let tests: Vec<String> =
        column.sql.iter().map(|sql| format!("coalesce({}, '') {relation} ''", in_sql::<D>(sql))).collect();
    query.push(format!(" OR ({})", tests.join(&format!(" {all} "))));
}

fn push_range<D: LogDatabase>(
    query: &mut QueryBuilder<D>,
    column: &SearchColumn,
    from: Option<&Bound>,
    to: Option<&Bound>,
) {
    query.push(" OR (TRUE");
    let (first, last) = ends_of(column, from, to);
    for (bound, inclusive, exclusive) in [(first, ">=", ">"), (last, "<=", "<")] {
        if let Some((at, is_inclusive)) = bound {
            let relation = if is_inclusive { inclusive } else { exclusive };
            query.push(format!(" AND {} {relation} ", column.sql.concat()));
            D::push_number(query, at);
        }
    }
    query.push(")");
}

/// A time in milliseconds since the Unix epoch, and whether it is in the range itself.
type End = Option<(i64, bool)>;

/// Where a range begins and ends. `since:` and `until:` take where a time begins, as the options of
/// `understudy audit list` do.
fn ends_of(column: &SearchColumn, from: Option<&Bound>, to: Option<&Bound>) -> (End, End) {
    let read = |bound: Option<&Bound>| match bound {
        Some(Bound { value: Operand::Time(at), inclusive }) => Some((at.as_millisecond(), *inclusive)),
        _ => None,
    };
    let begins = read(from.or(to)).map(|(at, _)| at);
    match column.name {
        SINCE => (begins.map(|at| (at, true)), None),
        UNTIL => (None, begins.map(|at| (at, false))),
        _ => (read(from), read(to)),
    }
}

/// No entry that passes is from before the first or after the second time: milliseconds since the Unix epoch.
pub fn limit_times(search: &ParsedQuery) -> (Option<i64>, Option<i64>) {
    let (mut earliest, mut latest) = (None::<i64>, None::<i64>);
    for filter in search.filters.iter().filter(|filter| !filter.negated) {
        let Some(column) = COLUMNS.get(filter.column).filter(|column| column.is_time) else { continue };
        let ends: Vec<(End, End)> = filter
            .any
            .iter()
            .map(|test| match test {
                FilterTest::Range { from, to } => ends_of(column, from.as_ref(), to.as_ref()),
                _ => (None, None),
            })
            .collect();
        // One of the tests has to pass, so the widest counts.
        let begins: Option<Vec<i64>> = ends.iter().map(|(first, _)| first.map(|(at, _)| at)).collect();
        let stops: Option<Vec<i64>> = ends.iter().map(|(_, last)| last.map(|(at, _)| at)).collect();
        earliest = earliest.max(begins.and_then(|begins| begins.into_iter().min()));
        let stop = stops.and_then(|stops| stops.into_iter().max());
        latest = [latest, stop].into_iter().flatten().min();
    }
    (earliest, latest)
}

/// The sessions that an entry which passes is of; `None` if it may be of any. Understudy writes their IDs in lower case.
pub fn list_sessions_named(search: &ParsedQuery) -> Option<Vec<String>> {
    search.filters.iter().filter(|filter| !filter.negated).find_map(|filter| {
        COLUMNS.get(filter.column).filter(|column| column.name == SESSION)?;
        match filter.any.as_slice() {
            [FilterTest::Is(values)] => {
                let named = values.iter().filter_map(|value| match value {
                    Operand::Text(value) => Some([value.clone(), value.to_lowercase()]),
                    _ => None,
                });
                Some(named.flatten().collect())
            }
            _ => None,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The texts that the view itself writes into its field.
    #[test]
    fn every_column_is_found_by_its_name() {
        let columns = search_columns();
        let names: Vec<_> = columns.iter().map(|column| column.name.clone()).collect();
        let text = names.join(":* ") + ":*";
        let read = ParsedQuery::parse(&text, &columns, jiff::Timestamp::UNIX_EPOCH);
        let found: Vec<_> = read.highlights.chips.iter().map(|chip| chip.column.clone()).collect();
        assert_eq!(found, names);
    }
    #[test]
    fn what_limits_a_search_is_never_narrower_than_it() {
        let now: jiff::Timestamp = "2026-11-29T12:00:00Z".parse().unwrap();
        let at = |text: &str| Some(text.parse::<jiff::Timestamp>().unwrap().as_millisecond());
        let limits = |text: &str| limit_times(&ParsedQuery::parse(text, &search_columns(), now));
        assert_eq!(limits("ada"), (None, None));
        assert_eq!(limits("since:2026-11-01"), (at("2026-11-01T00:00:00Z"), None));
        assert_eq!(limits("until:2026-11-01"), (None, at("2026-11-01T00:00:00Z")));
        assert_eq!(limits("-since:2026-11-01"), (None, None));
        assert_eq!(limits("since:2026-10-01,2026-11-01"), (at("2026-10-01T00:00:00Z"), None));
        assert_eq!(
            limits("since:2026-10-01 since:2026-11-01 until:2026-11-20 until:2026-11-10"),
            (at("2026-11-01T00:00:00Z"), at("2026-11-10T00:00:00Z"))
        );
        let (earliest, latest) = limits("time:2026-11");
        assert_eq!(earliest, at("2026-11-01T00:00:00Z"));
        assert!(latest >= at("2026-11-30T23:59:59.999Z"), "{latest:?}");
        assert_eq!(limits("time:none"), (None, None));
        assert_eq!(limits("time:2026-11,none"), (None, None));

        let sessions = |text: &str| list_sessions_named(&ParsedQuery::parse(text, &search_columns(), now));
        assert_eq!(sessions("session:=A1 ada").unwrap(), ["A1", "a1"]);
        for open in ["session:a1", "-session:=a1", "session:=a1,none", "ada"] {
            assert_eq!(sessions(open), None, "{open}");
        }
    }
}

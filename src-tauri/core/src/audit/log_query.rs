//! The log in the grammar of the search field: what its columns are called there, and what was typed as conditions.

use sqlx::{QueryBuilder, Sqlite};

use crate::directory::{Bound, Column, FieldKind, Filter, FilterTest, Operand, ParsedQuery, Role};

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

/// How the session of an entry has turned out, as far as the log knows: the words of [`Outcome`](super::Outcome).
pub(super) const OUTCOME: &str = "CASE WHEN coalesce(e.session, '') <> '' THEN coalesce(
    (SELECT CASE
        WHEN last.detail = 'crash' THEN 'crashed'
        WHEN EXISTS (SELECT 1 FROM entries AS a WHERE a.session = e.session AND a.event = 'active') THEN 'ended'
        ELSE 'refused' END
     FROM entries AS last WHERE last.session = e.session AND last.event = 'ended'),
    'running') END";

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
    text("session", "Session", &["e.session"]),
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
    };
    COLUMNS.iter().map(column).collect()
}

/// The values that a column of [`search_columns`] can have, if they are few.
pub(super) fn fixed_values(column: usize) -> &'static [&'static str] {
    COLUMNS.get(column).map_or(&[], |one| one.values)
}

/// The column in SQL, as one value: what lists show of it.
pub(super) fn shown_value(column: usize) -> Option<String> {
    let column = COLUMNS.get(column).filter(|one| !one.is_time)?;
    let parts: Vec<String> = column.sql.iter().map(|sql| format!("nullif({sql}, '')")).collect();
    Some(if parts.len() == 1 { parts.concat() } else { format!("coalesce({})", parts.join(", ")) })
}

/// Adds ` AND …` for all that was typed. The table is `entries AS e`.
pub(super) fn push_conditions(query: &mut QueryBuilder<Sqlite>, search: &ParsedQuery) {
    for filter in &search.filters {
        if let Some(column) = COLUMNS.get(filter.column) {
            query.push(if filter.negated { " AND NOT (" } else { " AND (" });
            push_filter(query, column, filter);
            query.push(")");
        }
    }
    for word in &search.words {
        query.push(" AND (0");
        for sql in COLUMNS.iter().filter(|column| column.is_free).flat_map(|column| column.sql) {
            push_like(query, sql, word, ("%", "%"));
        }
        query.push(")");
    }
}

fn push_filter(query: &mut QueryBuilder<Sqlite>, column: &SearchColumn, filter: &Filter) {
    // `NOT NULL` is NULL, which would pass neither with a minus nor without.
    query.push("coalesce(0");
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
    query.push(", 0)");
}

fn push_texts(query: &mut QueryBuilder<Sqlite>, column: &SearchColumn, part: &str, around: (&str, &str)) {
    for sql in column.sql {
        push_like(query, sql, part, around);
    }
}

/// Adds ` OR …`. `LIKE` ignores case, but only of ASCII letters.
fn push_like(query: &mut QueryBuilder<Sqlite>, sql: &str, part: &str, (before, after): (&str, &str)) {
    let mut spellings = vec![part.to_owned()];
    if !part.is_ascii() {
        spellings.extend([part.to_lowercase(), part.to_uppercase(), capitalize(part)]);
        spellings.dedup();
    }
    for spelling in spellings {
        let escaped = spelling.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
        query
            .push(format!(" OR coalesce({sql}, '') LIKE "))
            .push_bind(format!("{before}{escaped}{after}"))
            .push(" ESCAPE '\\'");
    }
}

fn capitalize(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(chars.flat_map(char::to_lowercase)).collect()
    })
}

fn push_emptiness(query: &mut QueryBuilder<Sqlite>, column: &SearchColumn, all: &str, relation: &str) {
    let tests: Vec<String> =
        column.sql.iter().map(|sql| format!("coalesce({sql}, '') {relation} ''")).collect();
    query.push(format!(" OR ({})", tests.join(&format!(" {all} "))));
}

/// `since:` and `until:` take where a time begins, as the options of `understudy audit list` do.
fn push_range(
    query: &mut QueryBuilder<Sqlite>,
    column: &SearchColumn,
    from: Option<&Bound>,
    to: Option<&Bound>,
) {
    let begins = from.or(to);
    let ends: [(Option<&Bound>, &str, &str); 2] = match column.name {
        SINCE => [(begins, ">=", ">="), (None, "", "")],
        UNTIL => [(begins, "<", "<"), (None, "", "")],
        _ => [(from, ">=", ">"), (to, "<=", "<")],
    };
    query.push(" OR (1");
    for (bound, inclusive, exclusive) in ends {
        if let Some(Bound { value: Operand::Time(at), inclusive: is_inclusive }) = bound {
            let relation = if *is_inclusive { inclusive } else { exclusive };
            query.push(format!(" AND {} {relation} ", column.sql.concat())).push_bind(at.as_millisecond());
        }
    }
    query.push(")");
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
}

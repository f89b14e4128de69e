//! Values that a column often has, for completing what is typed: from the database's own statistics, the newest rows,
//! an index, and the rows that were loaded. Never a whole table, and never of a column that may hold secrets.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OnceCell;

use super::answering::Answering;
use super::catalogue::TableColumn;
use super::mapping::Mapping;
use super::plan::LOOKED_AT;
use super::sql::{Dialect, Statement, qualified};
use super::{Column, FieldKind, Role, Row, holds_secret};
use crate::error::Result;

/// A column with more of them holds no categories.
pub(super) const VALUES: usize = 50;
/// Nobody completes a longer one.
const CHARS: usize = 60;

/// Values of the column may be suggested: those of a name or an address are somebody's own.
pub(super) fn may_be_suggested(column: &Column) -> bool {
    column.kind == FieldKind::Text && column.role == Role::Other && !holds_secret(&column.name, column.kind)
}

/// What a column's values are, the commonest first; asked of the database once.
#[derive(Default)]
pub(super) struct KnownValues {
    asked: Mutex<HashMap<usize, Arc<OnceCell<Vec<String>>>>>,
    loaded: Mutex<HashMap<usize, Vec<String>>>,
}

impl KnownValues {
    /// Where the column's values are kept, or will be.
    pub(super) fn of(&self, column: usize) -> Arc<OnceCell<Vec<String>>> {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(asked.entry(column).or_default())
    }

    /// Remembers what loaded rows have.
    pub(super) fn learn(&self, columns: &[Column], rows: &[Row]) {
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        for (at, _) in columns.iter().enumerate().filter(|(_, column)| may_be_suggested(column)) {
            let known = loaded.entry(at).or_default();
            for value in rows.iter().filter_map(|row| row.cells.get(at)?.as_ref()) {
                if known.len() < VALUES && is_short(value) && !known.contains(value) {
                    known.push(value.clone());
                }
            }
        }
    }

    /// `asked` and then those of loaded rows, each once.
    pub(super) fn with_loaded(&self, column: usize, asked: &[String]) -> Vec<String> {
        let loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        let mut values = asked.to_vec();
        let more = loaded.get(&column).into_iter().flatten().filter(|value| !asked.contains(value));
        values.extend(more.cloned());
        values
    }

    /// The database may hold others by now.
    pub(super) fn forget(&self) {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.loaded.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

pub(super) fn is_short(value: &str) -> bool {
    !value.trim().is_empty() && value.chars().nth(CHARS).is_none()
}

/// Those that can be suggested, each once.
pub(super) fn kept(found: Vec<String>) -> Vec<String> {
    let mut values: Vec<String> = Vec::new();
    for value in found {
        if is_short(&value) && !values.contains(&value) {
            values.push(value);
        }
    }
    values.truncate(VALUES);
    values
}

/// From the newest rows, by how often they have it, then what an index has beside. Statements of a few milliseconds,
/// however large the table: [`LOOKED_AT`] rows are read, and [`VALUES`] places of the index.
///
/// `statistics`: the statement that gives what the database knows without looking; it is enough where it knows anything.
pub(super) async fn values<E: Answering>(
    engine: &E,
    column: usize,
    statistics: Option<Statement>,
) -> Result<Vec<String>> {
    let mapping = engine.mapping();
    let shown = &mapping.shown[column];
    // An order by which beginnings are found is the one that its texts are compared in.
    let is_stepped = shown.access.order.is_some() && shown.access.prefix.is_some() && shown.within.is_none();
    let steps = (is_stepped && statistics.is_none()).then(|| stepping(mapping, shown));
    let newest = newest::<E::Dialect>(mapping, shown);
    let values = engine
        .read(async |reading: &mut E::Reading| {
            if let Some(statistics) = statistics {
                let known = engine.texts(reading, statistics).await?;
                if !known.is_empty() {
                    return Ok(known);
                }
            }
            let mut values = engine.texts(reading, newest).await?;
            if let Some(steps) = steps {
                // Servers without recursion have the newest rows alone.
                let stepped = engine.texts(reading, steps).await.unwrap_or_default();
                if stepped.len() <= VALUES {
                    let more = stepped.into_iter().filter(|value| !values.contains(value));
                    values.extend(more.collect::<Vec<_>>());
                }
            }
            Ok(values)
        })
        .await??;
    Ok(kept(values))
}

/// What several of the newest rows have.
fn newest<D: Dialect>(mapping: &Mapping<D::Type>, column: &TableColumn<D::Type>) -> Statement {
    let by_time = mapping.created_at.map(|at| &mapping.shown[at]).filter(|by| by.access.order.is_some());
    let order = by_time.map(|by| format!(" ORDER BY {} DESC", qualified(by))).unwrap_or_default();
    let sql = format!(
        "SELECT value FROM (SELECT {} AS value FROM {} AS u{order} LIMIT {LOOKED_AT}) AS newest \
         WHERE value IS NOT NULL GROUP BY value HAVING count(*) > 1 ORDER BY count(*) DESC, value LIMIT {VALUES}",
        D::cell(column),
        mapping.table,
    );
    Statement { sql, ..Statement::default() }
}

/// From one value of an index to the next, one more than [`VALUES`] times at the most.
fn stepping<T>(mapping: &Mapping<T>, column: &TableColumn<T>) -> Statement {
    let (name, table) = (qualified(column), &mapping.table);
    let sql = format!(
        "WITH RECURSIVE step (value, number) AS (SELECT (SELECT min({name}) FROM {table} AS u), 1 UNION ALL \
         SELECT (SELECT min({name}) FROM {table} AS u WHERE {name} > step.value), number + 1 FROM step \
         WHERE step.value IS NOT NULL AND number <= {VALUES}) SELECT value FROM step WHERE value IS NOT NULL"
    );
    Statement { sql, ..Statement::default() }
}

#[cfg(test)]
mod tests {
    use super::super::label::label;
    use super::*;

    fn column(name: &str, role: Role, kind: FieldKind) -> Column {
        Column { name: name.to_owned(), label: label(name), role, kind, sortable: false, company: false }
    }

    #[test]
    fn only_what_is_nobodys_own_is_remembered_and_suggested() {
        let columns = [
            column("id", Role::Id, FieldKind::Text),
            column("name", Role::Name, FieldKind::Text),
            column("plan", Role::Other, FieldKind::Text),
            column("api_token", Role::Other, FieldKind::Text),
            column("seats", Role::Other, FieldKind::Integer),
        ];
        let suggested: Vec<&str> =
            columns.iter().filter(|one| may_be_suggested(one)).map(|one| one.name.as_str()).collect();
        assert_eq!(suggested, ["plan"]);
        let known = KnownValues::default();
        let row = |plan: &str| Row {
            id: "1".into(),
            cells: [Some("1"), Some("Ada"), Some(plan), Some("t0k3n"), Some("5")]
                .map(|cell| cell.map(str::to_owned))
                .to_vec(),
        };
        let long = "x".repeat(CHARS + 1);
        known.learn(&columns, &[row("pro"), row("free"), row("pro"), row(""), row(&long)]);
        assert_eq!(known.with_loaded(2, &["pro".into(), "team".into()]), ["pro", "team", "free"]);
        assert_eq!(known.with_loaded(3, &[]), Vec::<String>::new());
        known.forget();
        assert_eq!(known.with_loaded(2, &[]), Vec::<String>::new());
    }
}

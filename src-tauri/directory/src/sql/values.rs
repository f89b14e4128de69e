//! Finds common values of a column, for completion: from the database's statistics, the newest rows, an index, and
//! loaded rows. Never reads a whole table, nor a column that may hold secrets.

use crate::error::Result;
use crate::plan::LOOKED_AT;
use crate::query::values::{VALUES, keep_suggestible_values};
use crate::schema::mapping::Mapping;
use crate::schema::table::TableColumn;
use crate::sql::dialect::{Dialect, Statement, qualify_column};
use crate::sql::executor::SqlExecutor;

/// Common values of a column: those of the newest rows by frequency, then more from an index. The statements take a few
/// milliseconds, however large the table: they read [`LOOKED_AT`] rows and [`VALUES`] entries of the index.
///
/// `statistics`: the statement that reads the database's own statistics. If they have any values, those are enough.
pub(crate) async fn read_common_values<E: SqlExecutor>(
    engine: &E,
    column: usize,
    statistics: Option<Statement>,
) -> Result<Vec<String>> {
    let mapping = engine.mapping();
    let shown = &mapping.shown[column];
    // An index that finds prefixes is ordered by the collation in which its texts are compared.
    let is_stepped = shown.access.order.is_some() && shown.access.prefix.is_some() && shown.within.is_none();
    let steps = (is_stepped && statistics.is_none()).then(|| build_index_walk_query(mapping, shown));
    let newest = build_newest_values_query::<E::Dialect>(mapping, shown);
    let values = engine
        .run_in_transaction(async |reading: &mut E::ReadTx| {
            if let Some(statistics) = statistics {
                let known = engine.fetch_texts(reading, statistics).await?;
                if !known.is_empty() {
                    return Ok(known);
                }
            }
            let mut values = engine.fetch_texts(reading, newest).await?;
            if let Some(steps) = steps {
                // Servers without recursive queries only use the newest rows.
                let stepped = engine.fetch_texts(reading, steps).await.unwrap_or_default();
                if stepped.len() <= VALUES {
                    let more = stepped.into_iter().filter(|value| !values.contains(value));
                    values.extend(more.collect::<Vec<_>>());
                }
            }
            Ok(values)
        })
        .await??;
    Ok(keep_suggestible_values(values))
}

/// Values that occur more than once among the newest rows.
fn build_newest_values_query<D: Dialect>(
    mapping: &Mapping<D::Type>,
    column: &TableColumn<D::Type>,
) -> Statement {
    let by_time = mapping.created_at.map(|at| &mapping.shown[at]).filter(|by| by.access.order.is_some());
    let order = by_time.map(|by| format!(" ORDER BY {} DESC", qualify_column(by))).unwrap_or_default();
    let sql = format!(
        "SELECT value FROM (SELECT {} AS value FROM {} AS u{order} LIMIT {LOOKED_AT}) AS newest \
         WHERE value IS NOT NULL GROUP BY value HAVING count(*) > 1 ORDER BY count(*) DESC, value LIMIT {VALUES}",
        D::cell_expression(column),
        mapping.table,
    );
    Statement { sql, ..Statement::default() }
}

/// Jumps from one distinct value of an index to the next, at most [`VALUES`] + 1 times.
fn build_index_walk_query<T>(mapping: &Mapping<T>, column: &TableColumn<T>) -> Statement {
    let (name, table) = (qualify_column(column), &mapping.table);
    let sql = format!(
        "WITH RECURSIVE step (value, number) AS (SELECT (SELECT min({name}) FROM {table} AS u), 1 UNION ALL \
         SELECT (SELECT min({name}) FROM {table} AS u WHERE {name} > step.value), number + 1 FROM step \
         WHERE step.value IS NOT NULL AND number <= {VALUES}) SELECT value FROM step WHERE value IS NOT NULL"
    );
    Statement { sql, ..Statement::default() }
}

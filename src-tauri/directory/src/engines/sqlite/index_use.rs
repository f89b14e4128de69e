//! Determines what the table's indexes can be used for by asking the planner, which also covers views and collations.
//! <https://www.sqlite.org/eqp.html>

use sqlx::sqlite::SqliteConnection;
use sqlx::{AssertSqlSafe, Row};

use crate::engines::sqlite::catalogue::{LiteType, SqliteCatalogue};
use crate::engines::sqlite::dialect::{Sqlite, index_expression};
use crate::engines::sqlite::trigrams;
use crate::model::{FieldKind, Tier};
use crate::plan::MatchKind;
use crate::plan::coverage::IndexAdvisor;
use crate::schema::mapping::Mapping;
use crate::schema::name::{CatalogueName, quote_name};
use crate::schema::table::{IndexForm, IndexSupport, IndexUse, TableColumn};
use crate::sql::dialect::{Dialect, Statement, qualify_column};

type Column = TableColumn<LiteType>;

/// Without statistics from ANALYZE, the planner knows no sizes. With them, it may scan a table of a few rows instead of
/// using its index, which is just as good.
pub(crate) async fn find_index_use(
    connection: &mut SqliteConnection,
    mapping: &mut Mapping<LiteType>,
    users: &SqliteCatalogue,
) -> Result<(), sqlx::Error> {
    let table = mapping.table.clone();
    let trigrams = trigrams::find_trigram_indexes(connection, users, &mapping.id().name.clone()).await?;
    for column in mapping.shown.iter_mut().chain(&mut mapping.search) {
        if let Some(within) = &mut column.within {
            // An index on the plain expression proves that all values are valid JSON.
            within.set_checked(false);
        }
        column.access = find_access(connection, &table, column).await?;
        if let Some(within) = column.within.as_mut().filter(|_| column.access == IndexSupport::default()) {
            within.set_checked(true);
            column.access = find_access(connection, &table, column).await?;
        }
        for (index, columns) in &trigrams {
            let is_in_it = columns.iter().any(|name| name.eq_ignore_ascii_case(column.name.as_str()));
            if column.access.contains.is_none() && is_text(column) && column.within.is_none() && is_in_it {
                column.db_type.trigrams = Some(index.clone());
                let mut statement = Statement::default();
                statement.sql = Sqlite::match_condition(&mut statement, column, MatchKind::Contains, "probe");
                let found = find_search_index(connection, &table, &statement.sql).await?.is_some();
                let index = IndexUse { index: index.table.as_str().to_owned(), form: IndexForm::default() };
                column.access.contains = Some(index).filter(|_| found);
            }
        }
    }
    for (shown, column) in mapping.shown.iter().zip(&mut mapping.columns) {
        column.sortable = shown.access.order.is_some() && !column.masked;
    }
    Ok(())
}

async fn find_access(
    connection: &mut SqliteConnection,
    table: &str,
    column: &Column,
) -> Result<IndexSupport, sqlx::Error> {
    let mut access =
        IndexSupport { order: find_order_index(connection, table, column).await?, ..IndexSupport::default() };
    for form in list_candidate_forms(column) {
        let expression = index_expression(column, form);
        let served = |index: Option<String>| index.map(|index| IndexUse { index, form });
        if access.equals.is_none() {
            let condition = format!("{expression} = 'probe'");
            access.equals = served(find_search_index(connection, table, &condition).await?);
        }
        // A text range does not match bytes.
        if access.prefix.is_none() && is_text(column) && !column.db_type.holds_bytes {
            let condition = format!("{expression} >= 'probe' AND {expression} < 'probf'");
            access.prefix = served(find_search_index(connection, table, &condition).await?);
        }
    }
    Ok(access)
}

fn is_text(column: &Column) -> bool {
    column.kind == FieldKind::Text
}

/// The forms to probe, best first.
fn list_candidate_forms(column: &Column) -> Vec<IndexForm> {
    let plain = IndexForm::default();
    if !is_text(column) {
        return vec![plain];
    }
    vec![
        IndexForm { folds: true, ascii: true, ..plain },
        IndexForm { lower: true, ascii: true, ..plain },
        plain,
    ]
}

async fn find_order_index(
    connection: &mut SqliteConnection,
    table: &str,
    column: &Column,
) -> Result<Option<IndexUse>, sqlx::Error> {
    let steps =
        explain_query(connection, &format!("SELECT 1 FROM {table} AS u ORDER BY {}", qualify_column(column)))
            .await?;
    if steps.iter().any(|step| step.contains("TEMP B-TREE")) {
        return Ok(None);
    }
    let index = steps.iter().find_map(|step| index_of(step)).unwrap_or_else(|| "rowid".to_owned());
    Ok(Some(IndexUse { index, form: IndexForm::default() }))
}

/// The index with which the planner searches for rows that meet `condition`, if any.
async fn find_search_index(
    connection: &mut SqliteConnection,
    table: &str,
    condition: &str,
) -> Result<Option<String>, sqlx::Error> {
    let steps = explain_query(connection, &format!("SELECT * FROM {table} AS u WHERE {condition}")).await?;
    Ok(steps.iter().find(|step| step.starts_with("SEARCH")).and_then(|step| index_of(step)))
}

async fn explain_query(connection: &mut SqliteConnection, select: &str) -> Result<Vec<String>, sqlx::Error> {
    let explain = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {select}"));
    let rows = sqlx::query(explain).fetch_all(&mut *connection).await?;
    rows.iter().map(|row| row.try_get("detail")).collect()
}

/// Extracts `by_email` from `SEARCH u USING COVERING INDEX by_email (email>? AND email<?)`.
fn index_of(step: &str) -> Option<String> {
    if step.contains("USING INTEGER PRIMARY KEY") {
        return Some("rowid".to_owned());
    }
    let name = step.split_once("INDEX ")?.1;
    let end = name.rfind(" (").unwrap_or(name.len());
    Some(name[..end].to_owned())
}

/// The indexes that SQLite would need for the search.
pub(crate) struct SqliteIndexes<'a> {
    pub(crate) users: &'a SqliteCatalogue,
}

impl IndexAdvisor<LiteType> for SqliteIndexes<'_> {
    const CONTAINS_NOTE: &'static str = "from three letters on";

    fn suggest_index(&self, tier: Tier, columns: &[&Column]) -> Option<String> {
        if !self.users.has_indexes {
            return None;
        }
        let table = quote_name(&self.users.table.name);
        let column = columns.first()?;
        let name = column.to_sql("");
        let by = |what: &str| {
            let plain = format!("by_{}{what}", column.name.as_str());
            let taken = |name: &String| {
                self.users.index_names.iter().chain(&self.users.names).any(|it| it.eq_ignore_ascii_case(name))
            };
            let names = std::iter::once(plain.clone()).chain((2..).map(|at| format!("{plain}_{at}")));
            let free = names.into_iter().find(|name| !taken(name)).unwrap_or(plain);
            format!("\"{}\"", free.replace('"', "\"\""))
        };
        Some(match tier {
            // SQLite requires a name for every index.
            Tier::All => format!("CREATE INDEX {} ON {table} ({name})", by("")),
            Tier::Id => format!("CREATE UNIQUE INDEX {} ON {table} ({name})", by("")),
            Tier::Email | Tier::Prefix => {
                format!("CREATE INDEX {} ON {table} ({name} COLLATE NOCASE)", by("_nocase"))
            }
            Tier::Contains if columns.iter().all(|column| is_text(column) && column.within.is_none()) => {
                let columns: Vec<&CatalogueName> = columns.iter().map(|column| &column.name).collect();
                return trigrams::suggest_trigram_index(self.users, &columns);
            }
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::engines::sqlite::index_use::index_of;

    #[test]
    fn an_index_is_read_from_its_step() {
        for (step, expected) in [
            ("SEARCH u USING INDEX by_email (email>? AND email<?)", Some("by_email")),
            ("SEARCH u USING COVERING INDEX odd (name) (email=?)", Some("odd (name)")),
            ("SEARCH u USING INTEGER PRIMARY KEY (rowid=?)", Some("rowid")),
            ("SCAN u USING INDEX by_time", Some("by_time")),
            ("SCAN u", None),
        ] {
            assert_eq!(index_of(step).as_deref(), expected, "{step}");
        }
    }
}

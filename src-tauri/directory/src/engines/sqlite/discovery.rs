//! Lists the tables of an SQLite file and their columns.

use std::time::Instant;

use sqlx::sqlite::SqliteConnection;
use sqlx::{AssertSqlSafe, Row};

use crate::config::DirectoryConfig;
use crate::discovery::{Findings, FoundColumn, FoundTable, LIMIT, TableKind, shortlist_tables};
use crate::engines::sqlite::catalogue::field_kind;
use crate::engines::sqlite::{StopOnDrop, errors, open_pool, set_deadline};
use crate::error::Result;
use crate::schema::name::format_table_name;

/// Tables, views and virtual tables, but not their shadow tables.
const TABLES: &str = "SELECT name, type = 'view' FROM pragma_table_list \
     WHERE schema = 'main' AND type IN ('table', 'view', 'virtual') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name";
const COLUMNS: &str =
    "SELECT name, type, pk FROM pragma_table_xinfo(?1, 'main') WHERE hidden <> 1 ORDER BY cid";
/// Foreign keys of one column.
const REFERENCES: &str = "SELECT \"from\", \"table\" FROM pragma_foreign_key_list(?1, 'main') \
     GROUP BY id HAVING count(*) = 1";

pub(crate) async fn discover_tables(config: &DirectoryConfig) -> Result<Findings> {
    let failed = |error| errors::from_sqlx(error, config);
    let (pool, _) = open_pool(config).await?;
    let mut connection = pool.acquire().await.map_err(failed)?;
    let stop = set_deadline(&mut connection, Instant::now() + LIMIT).await.map_err(failed)?;
    let stop = StopOnDrop(stop);
    let found = list_tables(&mut connection).await.map_err(failed);
    drop(stop);
    drop(connection);
    pool.close().await;
    found
}

async fn list_tables(connection: &mut SqliteConnection) -> Result<Findings, sqlx::Error> {
    let mut findings = Findings::default();
    for row in sqlx::query(TABLES).fetch_all(&mut *connection).await? {
        let name: String = row.try_get(0)?;
        findings.tables.push(FoundTable {
            written: format_table_name(None, &name),
            qualified: format_table_name(Some("main"), &name),
            name,
            kind: if row.try_get(1)? { TableKind::View } else { TableKind::Table },
            estimated_rows: None,
            at_hand: true,
            columns: Vec::new(),
        });
    }
    shortlist_tables(&mut findings);
    for table in &mut findings.tables {
        // A view whose table is gone has no columns and cannot be read.
        let Ok(rows) = sqlx::query(COLUMNS).bind(&table.name).fetch_all(&mut *connection).await else {
            continue;
        };
        let in_key = |row: &sqlx::sqlite::SqliteRow| row.try_get::<i64, _>("pk").is_ok_and(|place| place > 0);
        let keys = rows.iter().filter(|row| in_key(row)).count();
        for row in &rows {
            let declared: &str = row.try_get("type")?;
            let says = |word: &str| declared.to_ascii_uppercase().contains(word);
            table.columns.push(FoundColumn {
                name: row.try_get("name")?,
                kind: field_kind(declared),
                bytes: says("BLOB") || says("BINARY"),
                is_key: keys == 1 && in_key(row),
                refers_to: None,
            });
        }
        for row in sqlx::query(REFERENCES).bind(&table.name).fetch_all(&mut *connection).await? {
            let (name, refers_to): (&str, &str) = (row.try_get(0)?, row.try_get(1)?);
            if let Some(column) = table.columns.iter_mut().find(|column| column.name == name) {
                column.refers_to = Some(format_table_name(Some("main"), refers_to));
            }
        }
        if table.kind == TableKind::Table {
            table.estimated_rows = rows_of(connection, &table.name).await;
        }
    }
    findings.tables.retain(|table| !table.columns.is_empty());
    Ok(findings)
}

/// The row count from ANALYZE, or else an upper bound: rowids of deleted rows are usually not reused.
async fn rows_of(connection: &mut SqliteConnection, table: &str) -> Option<u64> {
    let analysed =
        sqlx::query_scalar::<_, String>("SELECT stat FROM main.sqlite_stat1 WHERE tbl = ?1 LIMIT 1");
    let analysed = analysed.bind(table).fetch_one(&mut *connection).await.ok();
    let counted = analysed.and_then(|stat| stat.split(' ').next()?.parse::<i64>().ok());
    let rows = if counted.is_some() {
        counted
    } else {
        // The name comes from the catalogue.
        let highest = format!("SELECT coalesce(max(rowid), 0) FROM main.\"{}\"", table.replace('"', "\"\""));
        sqlx::query_scalar(AssertSqlSafe(highest)).fetch_one(&mut *connection).await.ok()
    };
    rows.and_then(|rows| u64::try_from(rows).ok())
}

//! SQLite's catalogue: `sqlite_schema` and the columns of a table.

use sqlx::Row;
use sqlx::sqlite::SqliteConnection;

use super::{Access, CatalogueName, Table, TableColumn, readings};
use crate::connection::DirectoryPart;
use crate::directory::FieldKind;
use crate::directory::mapping::table_missing;
use crate::directory::sqlite::errors;
use crate::error::Result;

/// The one database of a connection; others cannot be attached through a file that is only read.
const SCHEMA: &str = "main";

/// Finds the table or view that `part` names.
pub(in crate::directory) async fn read(
    connection: &mut SqliteConnection,
    part: &DirectoryPart,
) -> Result<Table<()>> {
    let failed = |error| errors::from_sqlx(error, part);
    let names: Vec<String> = sqlx::query_scalar(
        "SELECT name FROM main.sqlite_schema WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' \
         ORDER BY name",
    )
    .fetch_all(&mut *connection)
    .await
    .map_err(failed)?;
    let name = readings(&part.table)
        .into_iter()
        .filter(|reading| reading.schema.as_deref().is_none_or(|schema| schema == SCHEMA))
        .find(|reading| names.contains(&reading.name))
        .map(|reading| CatalogueName::double_quoted(reading.name));
    let Some(name) = name else {
        return Err(table_missing(&part.table, &names));
    };

    // hidden = 1: hidden columns of virtual tables; generated ones (2, 3) are columns like others.
    let rows = sqlx::query(
        "SELECT name, type, \"notnull\", pk FROM pragma_table_xinfo(?1, 'main') WHERE hidden <> 1 ORDER BY cid",
    )
    .bind(name.as_str())
    .fetch_all(&mut *connection)
    .await
    .map_err(failed)?;
    let mut columns = Vec::with_capacity(rows.len());
    for row in rows {
        let declared: String = row.try_get("type").map_err(failed)?;
        let not_null: bool = row.try_get("notnull").map_err(failed)?;
        let in_key = row.try_get::<i64, _>("pk").map_err(failed)? > 0;
        columns.push(TableColumn {
            name: CatalogueName::double_quoted(row.try_get("name").map_err(failed)?),
            kind: kind(&declared),
            // SQLite lets NULLs into most primary keys, but never into the rowid.
            nullable: !(not_null || in_key && declared.eq_ignore_ascii_case("INTEGER")),
            access: Access::default(),
            db_type: (),
        });
    }
    Ok(Table { schema: CatalogueName::double_quoted(SCHEMA.to_owned()), name, columns })
}

/// By the declared type, much like SQLite's own affinities: <https://www.sqlite.org/datatype3.html>
pub(in crate::directory) fn kind(declared: &str) -> FieldKind {
    let declared = declared.to_ascii_uppercase();
    let says = |words: &[&str]| words.iter().any(|word| declared.contains(word));
    if says(&["BOOL"]) {
        FieldKind::Boolean
    } else if says(&["DATE", "TIME"]) {
        FieldKind::Time
    } else if says(&["UUID", "GUID"]) {
        FieldKind::Uuid
    } else if says(&["JSON"]) {
        FieldKind::Json
    } else if says(&["INT"]) && !says(&["POINT", "INTERVAL"]) {
        FieldKind::Integer
    } else if says(&["REAL", "FLOA", "DOUB", "NUM", "DEC"]) {
        FieldKind::Number
    } else {
        FieldKind::Text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn declared_types_say_what_a_column_is() {
        for (declared, expected) in [
            ("INTEGER", FieldKind::Integer),
            ("bigint unsigned", FieldKind::Integer),
            ("BOOLEAN", FieldKind::Boolean),
            ("tinyint(1)", FieldKind::Integer),
            ("DATETIME", FieldKind::Time),
            ("timestamp", FieldKind::Time),
            ("VARCHAR(255)", FieldKind::Text),
            ("decimal(10,2)", FieldKind::Number),
            ("uuid", FieldKind::Uuid),
            ("JSONB", FieldKind::Json),
            ("", FieldKind::Text),
        ] {
            assert_eq!(kind(declared), expected, "{declared}");
        }
    }
}

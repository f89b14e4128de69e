//! Reads SQLite's catalogue: `sqlite_schema` and the columns of a table.

use crate::schema::bytes::BinaryFormat;
use sqlx::Row;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use crate::config::DirectoryConfig;
use crate::engines::sqlite::errors;
use crate::engines::sqlite::trigrams::TrigramIndex;
use crate::error::Result;
use crate::model::FieldKind;
use crate::schema::json_column::{JsonSyntax, add_paths};
use crate::schema::mapping::unknown_table_error;
use crate::schema::name::{CatalogueName, CatalogueRow, Quote, parse_possible_names};
use crate::schema::table::{IndexSupport, Table, TableColumn};

/// The only database of a connection; a read-only file cannot attach others.
const SCHEMA: &str = "main";

/// What the dialect needs to know about a column besides its kind.
#[derive(Debug, Clone, Default)]
pub(crate) struct LiteType {
    /// The column is declared for bytes, although it may contain text too.
    pub(crate) holds_bytes: bool,
    /// The trigram index that covers it, if any.
    pub(crate) trigrams: Option<TrigramIndex>,
}

/// The table, and what belongs to it.
#[derive(Debug)]
pub(crate) struct SqliteCatalogue {
    pub(crate) table: Table<LiteType>,
    /// The column that is an alias for the rowid.
    pub(crate) rowid: Option<CatalogueName>,
    pub(crate) virtual_tables: Vec<VirtualTable>,
    /// The statements that created the table's triggers, in upper case.
    pub(crate) triggers: Vec<String>,
    /// Whether it can have indexes: it is neither a view nor a virtual table.
    pub(crate) has_indexes: bool,
    /// The names of all tables and views.
    pub(crate) names: Vec<String>,
    /// The names of all indexes.
    pub(crate) index_names: Vec<String>,
}

/// A virtual table in the file.
#[derive(Debug)]
pub(crate) struct VirtualTable {
    pub(crate) name: CatalogueName,
    /// The statement that created it.
    pub(crate) sql: String,
    /// FTS5's shadow table with a row for each row of the index, if there is one.
    pub(crate) sizes: Option<CatalogueName>,
}

impl CatalogueRow<&str> for SqliteRow {
    const QUOTE: Quote = Quote::Double;

    fn name_at(&self, at: &str) -> Result<String, sqlx::Error> {
        self.try_get(at)
    }
}

fn to_strings(names: &[CatalogueName]) -> Vec<String> {
    names.iter().map(|name| name.as_str().to_owned()).collect()
}

/// Looks up the table or view that `config` names.
pub(crate) async fn read_catalogue(
    connection: &mut SqliteConnection,
    config: &DirectoryConfig,
) -> Result<SqliteCatalogue> {
    let failed = |error| errors::from_sqlx(error, config);
    let rows = sqlx::query(
        "SELECT name FROM main.sqlite_schema WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' \
         ORDER BY name",
    )
    .fetch_all(&mut *connection)
    .await
    .map_err(failed)?;
    let tables = rows.iter().map(|row| CatalogueName::of_row(row, "name")).collect::<Result<Vec<_>, _>>();
    let tables = tables.map_err(failed)?;
    let named = |wanted: &str| tables.iter().find(|table| table.as_str() == wanted).cloned();
    let name = parse_possible_names(&config.table)
        .into_iter()
        .filter(|reading| reading.schema.as_deref().is_none_or(|schema| schema == SCHEMA))
        .find_map(|reading| named(&reading.name));
    let Some(name) = name else {
        return Err(unknown_table_error(config, &to_strings(&tables)));
    };

    // hidden = 1 marks hidden columns of virtual tables; generated columns (2, 3) are normal columns.
    let rows = sqlx::query(
        "SELECT name, type, \"notnull\", pk FROM pragma_table_xinfo(?1, 'main') WHERE hidden <> 1 ORDER BY cid",
    )
    .bind(name.as_str())
    .fetch_all(&mut *connection)
    .await
    .map_err(failed)?;
    let mut columns = Vec::with_capacity(rows.len());
    let mut keys: Vec<(CatalogueName, bool)> = Vec::new();
    for row in rows {
        let declared: String = row.try_get("type").map_err(failed)?;
        let not_null: bool = row.try_get("notnull").map_err(failed)?;
        let in_key = row.try_get::<i64, _>("pk").map_err(failed)? > 0;
        let name = CatalogueName::of_row(&row, "name").map_err(failed)?;
        let holds_bytes =
            ["BLOB", "BINARY", "BYTEA"].iter().any(|word| declared.to_uppercase().contains(word));
        if in_key {
            keys.push((name.clone(), declared.eq_ignore_ascii_case("INTEGER")));
        }
        columns.push(TableColumn {
            name,
            kind: field_kind(&declared),
            // SQLite allows NULL in most primary keys, but never in the rowid.
            nullable: !(not_null || in_key && declared.eq_ignore_ascii_case("INTEGER")),
            access: IndexSupport::default(),
            bytes: BinaryFormat::default(),
            within: None,
            db_type: LiteType { holds_bytes, trigrams: None },
        });
    }
    add_paths(&mut columns, config, JsonSyntax::Sqlite { checked: true }, |column| {
        // JSON has no type of its own: it is text, or a blob for JSONB.
        matches!(column.kind, FieldKind::Text | FieldKind::Json).then(LiteType::default)
    });
    let made: Vec<(String, String, String)> = sqlx::query_as(
        "SELECT type, name, sql FROM main.sqlite_schema WHERE type = 'table' AND sql LIKE 'CREATE VIRTUAL TABLE%' \
         OR type = 'trigger' AND tbl_name = ?1 COLLATE NOCASE AND sql IS NOT NULL ORDER BY name",
    )
    .bind(name.as_str())
    .fetch_all(&mut *connection)
    .await
    .map_err(failed)?;
    let has_indexes: bool = sqlx::query_scalar(
        "SELECT count(*) FROM main.sqlite_schema WHERE type = 'table' AND name = ?1 AND sql NOT LIKE 'CREATE VIRTUAL%'",
    )
    .bind(name.as_str())
    .fetch_one(&mut *connection)
    .await
    .map_err(failed)?;
    let index_names: Vec<String> =
        sqlx::query_scalar("SELECT name FROM main.sqlite_schema WHERE type = 'index'")
            .fetch_all(&mut *connection)
            .await
            .map_err(failed)?;
    let (triggers, made): (Vec<_>, Vec<_>) = made.into_iter().partition(|(kind, ..)| kind == "trigger");
    let virtual_table = |(_, name, sql): (String, String, String)| {
        // FTS5's shadow tables appear in the catalogue as normal tables.
        let sizes = named(&format!("{name}_docsize"));
        Some(VirtualTable { name: named(&name)?, sql, sizes })
    };
    let virtual_tables = made.into_iter().filter_map(virtual_table).collect();
    let rowid = match &keys[..] {
        [(key, true)] => Some(key.clone()),
        _ => None,
    };
    Ok(SqliteCatalogue {
        table: Table { schema: CatalogueName::from_literal(SCHEMA, Quote::Double), name, columns },
        rowid,
        virtual_tables,
        has_indexes,
        index_names,
        triggers: triggers.into_iter().map(|(_, _, sql)| sql.to_uppercase()).collect(),
        names: to_strings(&tables),
    })
}

/// By the declared type, similar to SQLite's own affinities: <https://www.sqlite.org/datatype3.html>
pub(crate) fn field_kind(declared: &str) -> FieldKind {
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
            assert_eq!(field_kind(declared), expected, "{declared}");
        }
    }
}

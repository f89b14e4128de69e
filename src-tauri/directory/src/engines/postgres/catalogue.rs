//! Reads PostgreSQL's catalogue: `pg_class`, `pg_attribute`, `pg_type`, `pg_index`, and this user's rights.
//!
//! Everything is read as text (booleans as `true`/`false`), so that no decoder depends on a server version.

use crate::schema::bytes::BinaryFormat;
use std::collections::HashSet;

use sqlx::Row;
use sqlx::postgres::{PgConnection, PgRow};

use crate::config::DirectoryConfig;
use crate::engines::postgres::errors;
use crate::error::{DirectoryCode, DirectoryError, Result};
use crate::faults::ASK_ADMINISTRATOR;
use crate::model::FieldKind;
use crate::schema::json_column::{JsonSyntax, add_paths};
use crate::schema::json_path::JsonPath;
use crate::schema::mapping::unknown_table_error;
use crate::schema::name::{CatalogueName, CatalogueRow, Quote, format_table_name, parse_possible_names};
use crate::schema::table::{IndexSupport, Table, TableColumn};

/// A column's type as SQL names it; for a domain, the underlying type.
#[derive(Debug, Clone)]
pub(crate) struct PgType {
    pub(crate) schema: CatalogueName,
    pub(crate) name: CatalogueName,
    /// Whether the operators compare text byte by byte (collation C).
    pub(crate) bytewise: bool,
    /// Whether the collation is nondeterministic: different texts may be equal, and patterns are not supported.
    pub(crate) nondeterministic: bool,
    /// Whether `lower()` only folds ASCII letters.
    pub(crate) folds_ascii: bool,
    /// Schema and name of the collation, if it is not the database's.
    pub(crate) collation: Option<(CatalogueName, CatalogueName)>,
}

/// The table and what is known about its size.
pub(crate) struct PgCatalogue {
    pub(crate) table: Table<PgType>,
    /// The planner's estimate; `None` if it was never analysed or is a view.
    pub(crate) estimated_rows: Option<u64>,
    pub(crate) oid: String,
    /// The columns used in its indexes or those of its partitions; `None` for a view, whose columns may have other
    /// names.
    pub(crate) indexed: Option<HashSet<String>>,
    /// A view or a foreign table, which has no indexes of its own.
    pub(crate) is_view: bool,
    /// Partitioned: its indexes are those of its partitions.
    pub(crate) is_partitioned: bool,
    /// The operator class for trigram indexes, qualified if necessary; `None` if `pg_trgm` is not installed.
    pub(crate) trigrams: Option<String>,
}

impl CatalogueRow<&str> for PgRow {
    const QUOTE: Quote = Quote::Double;

    fn name_at(&self, at: &str) -> Result<String, sqlx::Error> {
        self.try_get(at)
    }
}

/// Tables, partitioned tables and their partitions, foreign tables, views and materialised views.
pub(crate) const RELATIONS: &str = "
    SELECT c.oid::text AS oid, n.nspname::text AS schema, c.relname::text AS name, c.relkind::text AS kind,
           coalesce(has_any_column_privilege(c.oid, 'SELECT'), false) AS readable,
           c.relkind IN ('v', 'f') AS is_view, pg_table_is_visible(c.oid) AS visible,
           has_schema_privilege(n.oid, 'USAGE') AS usable, c.relispartition AS is_partition,
           CASE WHEN c.relkind IN ('r', 'm') THEN c.reltuples
                WHEN c.relkind = 'p' THEN (SELECT sum(leaf.reltuples) FROM pg_inherits i
                                           JOIN pg_class leaf ON leaf.oid = i.inhrelid
                                           WHERE i.inhparent = c.oid
                                           HAVING min(leaf.reltuples) >= 0 AND bool_and(leaf.relkind = 'r'))
           END::float8::text AS estimate
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'f', 'v', 'm')
      AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'";

const COLUMNS: &str = "
    WITH RECURSIVE plain AS (
        SELECT a.attnum, a.atttypid AS type FROM pg_attribute a
        WHERE a.attrelid = $1::oid AND a.attnum > 0 AND NOT a.attisdropped
        UNION ALL
        SELECT plain.attnum, t.typbasetype FROM plain JOIN pg_type t ON t.oid = plain.type
        WHERE t.typtype = 'd'
    )
    SELECT a.attname::text AS name, tn.nspname::text AS type_schema, t.typname::text AS type_name,
           NOT a.attnotnull AS nullable,
           has_column_privilege(a.attrelid, a.attnum, 'SELECT') AS readable,
           (c.collname IN ('C', 'POSIX') OR c.collname = 'default' AND d.datcollate IN ('C', 'POSIX')
             AND coalesce(to_jsonb(d) ->> 'datlocprovider', 'c') = 'c') IS TRUE AS bytewise,
           NOT coalesce((to_jsonb(c) ->> 'collisdeterministic')::bool, true) AS nondeterministic,
           (c.collctype IN ('C', 'POSIX') OR to_jsonb(c) ->> 'colllocale' = 'C'
             OR coalesce(c.collname, 'default') = 'default' AND own.folds_ascii) IS TRUE AS folds_ascii,
           own.folds_ascii AS database_folds_ascii,
           cn.nspname::text AS collation_schema, nullif(c.collname, 'default')::text AS collation
    FROM pg_attribute a
    JOIN plain ON plain.attnum = a.attnum
    JOIN pg_type t ON t.oid = plain.type AND t.typtype <> 'd'
    JOIN pg_namespace tn ON tn.oid = t.typnamespace
    JOIN pg_database d ON d.datname = current_database()
    CROSS JOIN LATERAL (
        SELECT CASE coalesce(to_jsonb(d) ->> 'datlocprovider', 'c')
                   WHEN 'c' THEN d.datctype IN ('C', 'POSIX')
                   WHEN 'b' THEN to_jsonb(d) ->> 'datlocale' = 'C'
                   ELSE false
               END IS TRUE AS folds_ascii
    ) own
    LEFT JOIN pg_collation c ON c.oid = a.attcollation
    LEFT JOIN pg_namespace cn ON cn.oid = c.collnamespace
    WHERE a.attrelid = $1::oid
    ORDER BY a.attnum";

/// Includes tables that inherit from it, such as partitions. Columns in an index's expressions and predicates are found
/// through its dependencies. <https://www.postgresql.org/docs/current/catalog-pg-depend.html>
const INDEXED: &str = "
    WITH RECURSIVE family (oid) AS (
        SELECT $1::oid
        UNION
        SELECT i.inhrelid FROM pg_inherits i JOIN family f ON f.oid = i.inhparent
    )
    SELECT DISTINCT a.attname::text
    FROM family f
    JOIN pg_index i ON i.indrelid = f.oid
    CROSS JOIN LATERAL (
        SELECT unnest(i.indkey::int2[])::int4
        UNION
        SELECT d.refobjsubid FROM pg_depend d
        WHERE d.classid = 'pg_class'::regclass AND d.objid = i.indexrelid
          AND d.refclassid = 'pg_class'::regclass AND d.refobjid = f.oid
    ) part (attnum)
    JOIN pg_attribute a ON a.attrelid = f.oid AND a.attnum = part.attnum";

/// The extension may be in a schema that is not on the search path.
const TRIGRAMS: &str = "
    SELECT CASE WHEN pg_opclass_is_visible(c.oid) THEN '' ELSE quote_ident(n.nspname) || '.' END || c.opcname
    FROM pg_opclass c JOIN pg_namespace n ON n.oid = c.opcnamespace WHERE c.opcname = 'gin_trgm_ops' LIMIT 1";

/// Looks up the table that `config` names, and checks that this user may read all of its named columns.
pub(crate) async fn read_catalogue(
    connection: &mut PgConnection,
    config: &DirectoryConfig,
    role: &str,
) -> Result<PgCatalogue> {
    let failed = |error| errors::from_sqlx(error, config);
    let relations =
        sqlx::query(RELATIONS).persistent(false).fetch_all(&mut *connection).await.map_err(failed)?;
    let relation = find_relation(&relations, &config.table).map_err(failed)?;
    let Some(relation) = relation else {
        return Err(unknown_table_error(config, &list_relation_names(&relations).map_err(failed)?));
    };
    let schema: String = relation.try_get("schema").map_err(failed)?;
    let name: String = relation.try_get("name").map_err(failed)?;
    let quoted = |name: &str| Quote::Double.apply_to(name);
    if !relation.try_get::<bool, _>("usable").map_err(failed)? {
        return Err(DirectoryError::new(
            DirectoryCode::Refused,
            format!("The database user `{role}` may not use the schema `{schema}`."),
        )
        .with_hint(ASK_ADMINISTRATOR)
        .with_statement(format!("GRANT USAGE ON SCHEMA {} TO {}", quoted(&schema), quoted(role))));
    }

    let oid: String = relation.try_get("oid").map_err(failed)?;
    let rows = sqlx::query(COLUMNS)
        .bind(oid.clone())
        .persistent(false)
        .fetch_all(&mut *connection)
        .await
        .map_err(failed)?;
    let mut columns = Vec::with_capacity(rows.len());
    let mut unreadable = Vec::new();
    let mut folds_ascii = false;
    for row in &rows {
        let column = decode_column(row).map_err(failed)?;
        folds_ascii = row.try_get("database_folds_ascii").map_err(failed)?;
        if !row.try_get::<bool, _>("readable").map_err(failed)? && is_used(config, column.name.as_str()) {
            unreadable.push(column.name.as_str().to_owned());
        }
        columns.push(column);
    }
    if !unreadable.is_empty() {
        let columns: Vec<String> = unreadable.iter().map(|name| quoted(name)).collect();
        return Err(DirectoryError::new(
            DirectoryCode::Refused,
            format!(
                "The database user `{role}` may not read {} of {}.",
                unreadable.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "),
                config.table
            ),
        )
        .with_hint(ASK_ADMINISTRATOR)
        .with_statement(format!(
            "GRANT SELECT ({}) ON {}.{} TO {}",
            columns.join(", "),
            quoted(&schema),
            quoted(&name),
            quoted(role)
        )));
    }

    add_paths(&mut columns, config, JsonSyntax::Postgres, |column| {
        let catalogue = |name| CatalogueName::from_literal(name, Quote::Double);
        // With the database's collation, which may be bytewise; not relying on that costs nothing.
        let text = || PgType {
            schema: catalogue("pg_catalog"),
            name: catalogue("text"),
            bytewise: false,
            nondeterministic: false,
            folds_ascii,
            collation: None,
        };
        (column.kind == FieldKind::Json).then(text)
    });
    let estimate: Option<String> = relation.try_get("estimate").map_err(failed)?;
    let is_view: bool = relation.try_get("is_view").map_err(failed)?;
    let indexed = if is_view {
        None
    } else {
        let indexed = sqlx::query_scalar::<_, String>(INDEXED).bind(oid.clone()).persistent(false);
        Some(indexed.fetch_all(&mut *connection).await.map_err(failed)?.into_iter().collect())
    };
    let trigrams = sqlx::query_scalar(TRIGRAMS).persistent(false).fetch_optional(&mut *connection).await;
    Ok(PgCatalogue {
        table: Table {
            schema: CatalogueName::of_row(relation, "schema").map_err(failed)?,
            name: CatalogueName::of_row(relation, "name").map_err(failed)?,
            columns,
        },
        estimated_rows: estimate.as_deref().and_then(whole_rows),
        oid,
        indexed,
        is_view,
        is_partitioned: relation.try_get::<String, _>("kind").map_err(failed)? == "p",
        trigrams: trigrams.map_err(failed)?,
    })
}

/// The relation that `wanted` refers to: in the named schema, or on the search path, or the only one with its name.
fn find_relation<'a>(relations: &'a [PgRow], wanted: &str) -> Result<Option<&'a PgRow>, sqlx::Error> {
    for reading in parse_possible_names(wanted) {
        let mut named = Vec::new();
        for row in relations {
            let schema: String = row.try_get("schema")?;
            if row.try_get::<String, _>("name")? == reading.name
                && reading.schema.as_ref().is_none_or(|wanted| *wanted == schema)
            {
                named.push(row);
            }
        }
        for row in &named {
            if reading.schema.is_some() || row.try_get("visible")? {
                return Ok(Some(row));
            }
        }
        if let [only] = named[..] {
            return Ok(Some(only));
        }
    }
    Ok(None)
}

/// All relations as a connection file would name them, without individual partitions.
fn list_relation_names(relations: &[PgRow]) -> Result<Vec<String>, sqlx::Error> {
    let mut names = Vec::with_capacity(relations.len());
    for row in relations {
        if row.try_get("is_partition")? {
            continue;
        }
        let (schema, name): (String, String) = (row.try_get("schema")?, row.try_get("name")?);
        let is_visible = row.try_get("visible")?;
        names.push(format_table_name(if is_visible { None } else { Some(&schema) }, &name));
    }
    names.sort();
    Ok(names)
}

fn decode_column(row: &PgRow) -> Result<TableColumn<PgType>, sqlx::Error> {
    let type_name: String = row.try_get("type_name")?;
    let collation = match row.try_get::<Option<&str>, _>("collation")? {
        Some(_) => {
            Some((CatalogueName::of_row(row, "collation_schema")?, CatalogueName::of_row(row, "collation")?))
        }
        None => None,
    };
    Ok(TableColumn {
        name: CatalogueName::of_row(row, "name")?,
        kind: field_kind(&type_name),
        nullable: row.try_get("nullable")?,
        // Determined later, by asking the planner: see `index_use`.
        access: IndexSupport::default(),
        bytes: BinaryFormat::default(),
        within: None,
        db_type: PgType {
            schema: CatalogueName::of_row(row, "type_schema")?,
            name: CatalogueName::of_row(row, "type_name")?,
            bytewise: row.try_get("bytewise")?,
            nondeterministic: row.try_get("nondeterministic")?,
            folds_ascii: row.try_get("folds_ascii")?,
            collation,
        },
    })
}

pub(crate) fn field_kind(type_name: &str) -> FieldKind {
    match type_name {
        "int2" | "int4" | "int8" | "oid" => FieldKind::Integer,
        "numeric" | "float4" | "float8" => FieldKind::Number,
        "bool" => FieldKind::Boolean,
        "timestamptz" | "timestamp" | "date" => FieldKind::Time,
        "uuid" => FieldKind::Uuid,
        "json" | "jsonb" => FieldKind::Json,
        _ => FieldKind::Text,
    }
}

fn is_used(config: &DirectoryConfig, name: &str) -> bool {
    config
        .column_names()
        .any(|used| used == name || JsonPath::parse(used).is_some_and(|path| path.column == name))
}

/// Converts `reltuples` to a count: -1, or 0 before PostgreSQL 14, means unknown.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive, and an estimate")]
pub(crate) fn whole_rows(estimate: &str) -> Option<u64> {
    estimate.parse::<f64>().ok().filter(|rows| *rows >= 1.0).map(|rows| rows as u64)
}

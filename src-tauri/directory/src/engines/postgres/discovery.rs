//! Lists the tables of a PostgreSQL database that this user may read, and their columns.

use std::collections::HashMap;

use secrecy::SecretString;
use sqlx::Row;
use sqlx::postgres::{PgConnection, PgRow};

use crate::config::DirectoryConfig;
use crate::discovery::{Findings, FoundColumn, FoundTable, LIMIT, TableKind, shortlist_tables};
use crate::engines::postgres::catalogue::{RELATIONS, field_kind, whole_rows};
use crate::engines::postgres::driver::PgServer;
use crate::error::Result;
use crate::faults::describe_timeout_error;
use crate::reach::endpoint::Endpoint;
use crate::reach::password_source::FixedPassword;
use crate::schema::name::format_table_name;
use crate::sql::server::PooledReadTx;

/// The columns of the tables with these OIDs that this user may read. Domains are resolved to their underlying type.
const COLUMNS: &str = "
    SELECT a.attrelid::text AS oid, a.attname::text AS name, coalesce(base.typname, t.typname)::text AS type_name,
           EXISTS (SELECT FROM pg_index i WHERE i.indrelid = a.attrelid AND i.indisprimary
                   AND i.indnatts = 1 AND i.indkey[0] = a.attnum) AS is_key,
           target.nspname::text AS target_schema, target.relname::text AS target_table
    FROM pg_attribute a
    JOIN pg_type t ON t.oid = a.atttypid
    LEFT JOIN pg_type base ON t.typtype = 'd' AND base.oid = t.typbasetype
    LEFT JOIN LATERAL (
        SELECT tn.nspname, tc.relname
        FROM pg_constraint k JOIN pg_class tc ON tc.oid = k.confrelid JOIN pg_namespace tn ON tn.oid = tc.relnamespace
        WHERE k.conrelid = a.attrelid AND k.contype = 'f' AND k.conkey = ARRAY[a.attnum]
        ORDER BY k.oid LIMIT 1
    ) target ON true
    WHERE a.attrelid = ANY ($1::text[]::oid[]) AND a.attnum > 0 AND NOT a.attisdropped
      AND has_column_privilege(a.attrelid, a.attnum, 'SELECT')
    ORDER BY a.attrelid, a.attnum";

pub(crate) async fn discover_tables(
    config: &DirectoryConfig,
    password: Option<&SecretString>,
) -> Result<Findings> {
    let server = PgServer::open_server(Endpoint::new(config, &FixedPassword::source(password))?).await?;
    let mut reading = server.begin_reading(LIMIT).await?;
    let listed = tokio::time::timeout(LIMIT, list_tables(reading.connection())).await;
    let found = if let Ok(found) = listed {
        found.map_err(|error| server.query_error(error))
    } else {
        reading.abandon_answer();
        Err(server.explain_timeout(|_| describe_timeout_error("its tables", LIMIT)).await)
    };
    reading.finish().await;
    server.close().await;
    found
}

async fn list_tables(connection: &mut PgConnection) -> Result<Findings, sqlx::Error> {
    let mut findings = Findings::default();
    let mut oids: HashMap<String, String> = HashMap::new();
    for row in sqlx::query(RELATIONS).persistent(false).fetch_all(&mut *connection).await? {
        if row.try_get("is_partition")? {
            continue;
        }
        let table = decode_table(&row)?;
        if row.try_get("usable")? && row.try_get("readable")? {
            oids.insert(table.written.clone(), row.try_get("oid")?);
            findings.tables.push(table);
        } else {
            findings.unreadable.push(table.written);
        }
    }
    shortlist_tables(&mut findings);

    let mut wanted: HashMap<&str, &mut FoundTable> = findings
        .tables
        .iter_mut()
        .filter_map(|table| Some((oids.get(&table.written)?.as_str(), table)))
        .collect();
    let listed: Vec<String> = wanted.keys().map(|oid| (*oid).to_owned()).collect();
    for row in sqlx::query(COLUMNS).bind(listed).persistent(false).fetch_all(connection).await? {
        if let Some(table) = wanted.get_mut(row.try_get::<&str, _>("oid")?) {
            let type_name: &str = row.try_get("type_name")?;
            let target_schema: Option<&str> = row.try_get("target_schema")?;
            let target: Option<&str> = row.try_get("target_table")?;
            table.columns.push(FoundColumn {
                name: row.try_get("name")?,
                kind: field_kind(type_name),
                bytes: type_name == "bytea",
                is_key: row.try_get("is_key")?,
                refers_to: target.map(|table| format_table_name(target_schema, table)),
            });
        }
    }
    Ok(findings)
}

fn decode_table(row: &PgRow) -> Result<FoundTable, sqlx::Error> {
    let (schema, name): (String, String) = (row.try_get("schema")?, row.try_get("name")?);
    let at_hand: bool = row.try_get("visible")?;
    let estimate: Option<String> = row.try_get("estimate")?;
    Ok(FoundTable {
        written: format_table_name((!at_hand).then_some(schema.as_str()), &name),
        qualified: format_table_name(Some(&schema), &name),
        kind: match row.try_get("kind")? {
            "v" => TableKind::View,
            "m" => TableKind::MaterializedView,
            _ => TableKind::Table,
        },
        name,
        estimated_rows: estimate.as_deref().and_then(whole_rows),
        at_hand,
        columns: Vec::new(),
    })
}

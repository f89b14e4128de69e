//! Lists the tables of a MySQL or MariaDB server that this user may read, and their columns. The server does not reveal
//! those that this user may not read.

use std::collections::HashMap;

use secrecy::SecretString;

use crate::config::DirectoryConfig;
use crate::discovery::{Findings, FoundColumn, FoundTable, LIMIT, TableKind, shortlist_tables};
use crate::engines::mysql::catalogue::{COLUMN, decode_column, list_relations, query_catalogue};
use crate::engines::mysql::driver::MySqlServer;
use crate::engines::mysql::reading::{MySqlReadTx, decode_text};
use crate::engines::mysql::types::MyType;
use crate::error::Result;
use crate::faults::describe_timeout_error;
use crate::reach::endpoint::Endpoint;
use crate::reach::password_source::FixedPassword;
use crate::schema::name::format_table_name;
use crate::sql::server::PooledReadTx;

/// Foreign keys of the tables in a list, which follows.
const REFERENCES: &str =
    "SELECT CAST(table_schema AS CHAR), CAST(table_name AS CHAR), MIN(CAST(column_name AS CHAR)),
            MIN(CAST(referenced_table_schema AS CHAR)), MIN(CAST(referenced_table_name AS CHAR))
    FROM information_schema.key_column_usage
    WHERE referenced_table_name IS NOT NULL AND (table_schema, table_name) IN";

pub(crate) async fn discover_tables(
    config: &DirectoryConfig,
    password: Option<&SecretString>,
) -> Result<Findings> {
    let server = MySqlServer::open_server(Endpoint::new(config, &FixedPassword::source(password))?).await?;
    let mut reading = server.begin_reading(LIMIT).await?;
    let found = match tokio::time::timeout(LIMIT, list_tables(&mut reading)).await {
        Ok(found) => found,
        Err(_) => Err(server.explain_timeout(|_| describe_timeout_error("its tables", LIMIT)).await),
    };
    reading.finish().await;
    server.close().await;
    found
}

async fn list_tables(reading: &mut MySqlReadTx) -> Result<Findings> {
    let database = query_catalogue(reading, "SELECT CAST(DATABASE() AS CHAR)", &[]).await?;
    let database = database.first().map(|row| decode_text(row, 0)).transpose();
    let database = database.map_err(|error| reading.server().query_error(error))?.flatten();

    let mut findings = Findings { own_first: database.is_some(), ..Findings::default() };
    let mut schemas: HashMap<String, String> = HashMap::new();
    for relation in list_relations(reading, "1 = 1", &[]).await? {
        let at_hand = database.as_deref() == Some(relation.schema.as_str());
        let qualified = format_table_name(Some(relation.schema.as_str()), relation.name.as_str());
        let written =
            if at_hand { format_table_name(None, relation.name.as_str()) } else { qualified.clone() };
        schemas.insert(written.clone(), relation.schema.as_str().to_owned());
        findings.tables.push(FoundTable {
            written,
            qualified,
            name: relation.name.as_str().to_owned(),
            kind: if relation.engine.is_some() { TableKind::Table } else { TableKind::View },
            estimated_rows: relation.estimated_rows,
            at_hand,
            columns: Vec::new(),
        });
    }
    shortlist_tables(&mut findings);
    if findings.tables.is_empty() {
        return Ok(findings);
    }

    let pairs: Vec<String> =
        (0..findings.tables.len()).map(|at| format!("(?{}, ?{})", 2 * at + 1, 2 * at + 2)).collect();
    let sql = format!(
        "SELECT {COLUMN}, CAST(column_key AS CHAR), CAST(table_schema AS CHAR), CAST(table_name AS CHAR) \
         FROM information_schema.columns WHERE (table_schema, table_name) IN ({}) \
         ORDER BY table_schema, table_name, ordinal_position",
        pairs.join(", ")
    );
    let schema_of = |table: &FoundTable| schemas.get(&table.written).cloned().unwrap_or_default();
    let places: Vec<[String; 2]> =
        findings.tables.iter().map(|table| [schema_of(table), table.name.clone()]).collect();
    let binds: Vec<&str> = places.iter().flatten().map(String::as_str).collect();
    let rows = query_catalogue(reading, &sql, &binds).await?;
    let mut wanted: HashMap<&[String; 2], &mut FoundTable> =
        places.iter().zip(&mut findings.tables).collect();
    for row in rows {
        let read = || -> Result<_, sqlx::Error> {
            let said = |at| decode_text(&row, at).map(Option::unwrap_or_default);
            Ok((decode_column(&row)?, said(10)? == "PRI", [said(11)?, said(12)?]))
        };
        let ((column, readable), is_key, place) =
            read().map_err(|error| reading.server().query_error(error))?;
        if let Some(table) = wanted.get_mut(&place).filter(|_| readable) {
            let (name, kind) = (column.name.as_str().to_owned(), column.kind);
            let bytes = matches!(column.db_type, MyType::Binary { .. });
            table.columns.push(FoundColumn { name, kind, bytes, is_key, refers_to: None });
        }
    }
    let references =
        format!("{REFERENCES} ({}) GROUP BY 1, 2, constraint_name HAVING COUNT(*) = 1", pairs.join(", "));
    for row in query_catalogue(reading, &references, &binds).await? {
        let said = |at| decode_text(&row, at).map(Option::unwrap_or_default);
        let read = || -> Result<_, sqlx::Error> { Ok(([said(0)?, said(1)?], said(2)?, said(3)?, said(4)?)) };
        let (place, name, schema, target) = read().map_err(|error| reading.server().query_error(error))?;
        let column = wanted
            .get_mut(&place)
            .and_then(|table| table.columns.iter_mut().find(|column| column.name == name));
        if let Some(column) = column {
            column.refers_to = Some(format_table_name(Some(&schema), &target));
        }
    }
    for table in &mut findings.tables {
        // A composite key identifies no single column.
        if table.columns.iter().filter(|column| column.is_key).count() > 1 {
            table.columns.iter_mut().for_each(|column| column.is_key = false);
        }
    }
    // A table without readable columns may only be counted or written to.
    findings.tables.retain(|table| !table.columns.is_empty());
    Ok(findings)
}

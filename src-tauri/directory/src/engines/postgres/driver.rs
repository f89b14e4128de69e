//! The parts of connections and rows that are specific to PostgreSQL.

use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use sqlx::postgres::{PgConnectOptions, PgRow};

use crate::config::DirectoryConfig;
use crate::engines::postgres::catalogue::PgType;
use crate::engines::postgres::dialect::{Postgres, is_bytes, is_temporal, to_rfc3339};
use crate::engines::postgres::reading::{PgReadTx, decode_text};
use crate::engines::postgres::{connect, errors, open_catalogue};
use crate::error::{DirectoryError, Result};
use crate::faults::{query_stopped_error, query_timeout_error};
use crate::model::{FieldKind, Info};
use crate::plan::AccessPath;
use crate::reach::endpoint::Endpoint;
use crate::schema::bytes::from_hex;
use crate::schema::cell::shorten_cell;
use crate::schema::mapping::Mapping;
use crate::schema::table::TableColumn;
use crate::schema::time;
use crate::schema::value::Value;
use crate::sql::dialect::{FetchedRow, Statement};
use crate::sql::executor::SqlExecutor;
use crate::sql::list::PageStep;
use crate::sql::server::{Connected, Driver, PooledReadTx, Server};
use crate::sql::server_directory::{ServerDirectory, ServerEngine};

pub(crate) type PgServer = Server<Postgres>;

/// An index that finds few rows has returned them by then, without a second connection.
const HEAD_START: Duration = Duration::from_millis(2);

impl Driver for Postgres {
    type Database = sqlx::Postgres;
    type ReadTx = PgReadTx;
    type Product = ();

    async fn connect_endpoint(endpoint: &Arc<Endpoint>) -> Result<Connected<Self>> {
        endpoint.connect(connect::connect_to).await
    }

    fn with_password(options: PgConnectOptions, password: &SecretString) -> PgConnectOptions {
        options.password(password.expose_secret())
    }

    fn describe_place(config: &DirectoryConfig) -> String {
        errors::describe_server(config)
    }

    fn unreachable(config: &DirectoryConfig, cause: &str) -> DirectoryError {
        errors::unreachable_error(config, cause)
    }

    fn refused_login(error: sqlx::Error, config: &DirectoryConfig, endpoint: &Endpoint) -> DirectoryError {
        errors::from_sqlx_at_endpoint(error, config, endpoint)
    }

    fn failed_statement(error: sqlx::Error, config: &DirectoryConfig, endpoint: &Endpoint) -> DirectoryError {
        errors::from_sqlx_at_endpoint(error, config, endpoint)
    }
}

impl ServerEngine for Postgres {
    async fn read_catalogue(
        server: &Arc<PgServer>,
        config: &DirectoryConfig,
    ) -> Result<(Mapping<PgType>, Arc<Info>)> {
        open_catalogue(server, config).await
    }

    fn read_text(row: &PgRow, at: usize) -> Result<Option<String>, sqlx::Error> {
        decode_text(row, at)
    }

    fn read_value(row: &PgRow, at: usize) -> Result<Value, sqlx::Error> {
        Ok(decode_text(row, at)?.map_or(Value::Null, Value::Text))
    }

    fn show_cell(column: &TableColumn<PgType>, text: String) -> String {
        let text = match from_hex(&text).filter(|_| is_bytes(column)) {
            Some(bytes) => column.bytes.to_cell(&bytes),
            None => text,
        };
        match column.kind {
            FieldKind::Time if is_temporal(column) => to_rfc3339(text),
            FieldKind::Time => time::from_text(shorten_cell(text)),
            _ => shorten_cell(text),
        }
    }

    fn holds_bytes(column: &TableColumn<PgType>) -> bool {
        is_bytes(column)
    }

    /// The common values found by ANALYZE, for columns that the role may read and that no policy hides.
    /// <https://www.postgresql.org/docs/current/view-pg-stats.html>
    fn statistics(mapping: &Mapping<PgType>, column: &TableColumn<PgType>) -> Option<Statement> {
        if column.within.is_some() {
            return None;
        }
        let mut statement = Statement::default();
        let table = statement.bind_value('$', Value::Text(mapping.table.clone()));
        let name = statement.bind_value('$', Value::Text(column.own_name().as_str().to_owned()));
        statement.sql = format!(
            "SELECT common.value FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
             JOIN pg_stats s ON s.schemaname = n.nspname AND s.tablename = c.relname \
             CROSS JOIN unnest(s.most_common_vals::text::text[]) WITH ORDINALITY AS common (value, place) \
             WHERE c.oid = {table}::text::regclass AND s.attname = {name} ORDER BY s.inherited DESC, common.place LIMIT {}",
            crate::query::values::VALUES
        );
        Some(statement)
    }

    /// The server has one code for its time limit and for a query that someone stopped before it.
    fn explain_early(error: DirectoryError, config: &DirectoryConfig) -> DirectoryError {
        if error == query_timeout_error(config) { query_stopped_error() } else { error }
    }

    async fn fetch_step(
        directory: &ServerDirectory<Self>,
        reading: &mut PgReadTx,
        step: PageStep,
    ) -> Result<Vec<FetchedRow>> {
        reading.set_gathering(step.reach == AccessPath::Gathered).await?;
        let Some(newest) = step.newest else {
            return directory.fetch_rows(reading, step.statement).await;
        };
        // Run two statements for the same rows at once: one with the index, which has to gather all matches before it
        // can sort them, and one over the newest rows, which is faster exactly when there are many.
        let newest = async {
            tokio::time::sleep(HEAD_START).await;
            fetch_newest(directory, newest, step.wanted).await
        };
        tokio::select! {
            rows = directory.fetch_rows(reading, step.statement) => rows,
            Some(rows) = newest => {
                // The other statement is still running, so the transaction cannot be used any more.
                reading.abandon_answer();
                Ok(rows)
            }
        }
    }
}

/// The rows of `statement` if they fill the page, read on a second connection if one is idle.
async fn fetch_newest(
    directory: &ServerDirectory<Postgres>,
    statement: Statement,
    wanted: usize,
) -> Option<Vec<FetchedRow>> {
    let mut reading = directory.server().begin_on_idle(directory.limit()).await?;
    let rows = directory.fetch_rows(&mut reading, statement).await.ok();
    drop(tokio::spawn(reading.finish()));
    rows.filter(|rows| rows.len() >= wanted)
}

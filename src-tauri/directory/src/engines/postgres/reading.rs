//! A read-only transaction on a pooled connection that cannot leave anything running on the server.
//!
//! Dropping a future does not stop PostgreSQL. So if a [`PgReadTx`] is dropped early (a cancelled search, a deadline, a
//! closed window), it spawns a task that cancels the statement over a second connection, and returns the first one to
//! the pool only when it is idle again.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{AssertSqlSafe, Row, ValueRef};

use crate::engines::postgres::dialect::Postgres;
use crate::engines::postgres::driver::PgServer;
use crate::engines::postgres::errors;
use crate::error::{DirectoryError, Result};
use crate::faults::lock_limit;
use crate::reach::endpoint::CONNECT_TIMEOUT;
use crate::sql::dialect::Statement;
use crate::sql::fingerprint::TableFingerprint;
use crate::sql::server::{ConnectionGuard, PooledReadTx, SILENCE};

/// A small pooler may have no server connection left for the cancel request, and frees one only when its client hangs
/// up. After this long, give up and close the connection, so that the next search does not wait for an abandoned one.
const CANCELLED: Duration = Duration::from_secs(1);

/// A read-only transaction with a time limit per statement.
pub(crate) struct PgReadTx {
    server: Arc<PgServer>,
    /// `None` once the connection has been returned.
    connection: Option<ConnectionGuard<sqlx::Postgres>>,
    /// The server process to cancel, once it is known.
    backend: Option<i32>,
    /// A statement may still be running, but its result is not needed.
    abandoned: bool,
    gathers: bool,
}

impl PooledReadTx<Postgres> for PgReadTx {
    async fn begin_on(
        connection: ConnectionGuard<sqlx::Postgres>,
        server: &Arc<PgServer>,
        limit: Duration,
    ) -> Result<Self> {
        let mut reading = Self {
            server: Arc::clone(server),
            connection: Some(connection),
            backend: None,
            abandoned: false,
            gathers: false,
        };
        // One round trip. All tiers of a search see the same snapshot of the table (repeatable read). The settings make
        // `::text` exact and in UTC, whatever the defaults of the server or role, and keep a search on one processor
        // without JIT compilation. All of them end with the transaction, as poolers require.
        let settings = format!(
            "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY; \
             SET LOCAL statement_timeout = {}; SET LOCAL lock_timeout = {}; SET LOCAL TimeZone = 'UTC'; SET LOCAL DateStyle = 'ISO'; \
             SET LOCAL row_security = on; \
             SET LOCAL extra_float_digits = 3; SET LOCAL bytea_output = 'hex'; \
             SET LOCAL jit = off; \
             SET LOCAL max_parallel_workers_per_gather = 0; SET LOCAL enable_bitmapscan = off; \
             SELECT pg_backend_pid()::text, {}",
            limit.as_millis(),
            lock_limit(limit).as_millis().max(1),
            TableFingerprint::select_expression(server.watch.get()),
        );
        let begun = sqlx::raw_sql(AssertSqlSafe(settings)).fetch_one(reading.connection());
        let begun = match tokio::time::timeout(SILENCE, begun).await {
            Ok(begun) => {
                let begun = begun.and_then(|row| Ok((row.try_get::<String, _>(0)?, decode_text(&row, 1)?)));
                begun.map_err(|error| server.query_error(error))
            }
            Err(_) => Err(errors::unreachable_error(&server.target_config(), "the connection went silent")),
        };
        match begun {
            Ok((backend, table)) => {
                reading.backend = backend.parse().ok();
                let holds = TableFingerprint::check_unchanged(
                    server.watch.get(),
                    table.as_ref(),
                    &server.target_config(),
                );
                match holds {
                    Ok(()) => Ok(reading),
                    Err(error) => {
                        reading.finish().await;
                        Err(error)
                    }
                }
            }
            Err(error) => {
                // The connection is broken and must not be reused.
                drop(reading.connection.take());
                Err(error)
            }
        }
    }

    async fn fetch_rows(&mut self, statement: Statement) -> Result<Vec<PgRow>> {
        // Only constants and catalogue names: see `dialect` and `schema::name`. Not persistent: nothing would ever
        // close a named statement on the server, and behind a pooler its name may belong to another client.
        let mut query = sqlx::query(AssertSqlSafe(statement.sql)).persistent(false);
        for value in statement.binds {
            query = query.bind(value.into_text());
        }
        query.fetch_all(self.connection()).await.map_err(|error| self.server.query_error(error))
    }

    async fn finish(mut self) {
        if self.abandoned {
            return; // dropping it stops the server
        }
        let ended = sqlx::raw_sql("ROLLBACK").execute(self.connection());
        let has_ended = matches!(tokio::time::timeout(CONNECT_TIMEOUT, ended).await, Ok(Ok(_)));
        match self.connection.take() {
            Some(connection) if has_ended => connection.give_back(),
            // The connection is broken, and is closed.
            connection => drop(connection),
        }
    }
}

impl PgReadTx {
    /// Makes every transaction from here on start by checking that `table` has not changed. Has no effect if the server
    /// does not give the necessary information.
    pub(crate) async fn watch_table(&mut self, table: &str) {
        let watched = async {
            sqlx::raw_sql("SAVEPOINT watch").execute(self.connection()).await?;
            // By OID, which changes if the table is recreated.
            let number = sqlx::query_scalar::<_, String>("SELECT $1::regclass::oid::text").persistent(false);
            let number = number.bind(table).fetch_one(self.connection()).await?;
            let number: u32 = number.parse().unwrap_or_default();
            // As digits, so that no name can end its quotes. Another table may have taken over the name.
            let name = table.bytes().fold(String::new(), |mut digits, byte| {
                let _ = write!(digits, "{byte:02x}");
                digits
            });
            let sql = format!(
                "hashtext(concat_ws('/', to_regclass(convert_from(decode('{name}', 'hex'), 'UTF8'))::oid, (SELECT string_agg(concat_ws(' ', attname, atttypid, atttypmod, attcollation),                  ',' ORDER BY attnum) FROM pg_attribute WHERE attrelid = {number} AND attnum > 0 AND NOT attisdropped),                  (SELECT string_agg(concat_ws(' ', indexrelid, indisvalid), ',' ORDER BY indexrelid)                  FROM pg_index WHERE indrelid = {number})))::text"
            );
            let seen =
                sqlx::raw_sql(AssertSqlSafe(format!("SELECT {sql}"))).fetch_one(self.connection()).await?;
            Ok::<_, sqlx::Error>(TableFingerprint { seen: decode_text(&seen, 0)?, sql })
        };
        match watched.await {
            Ok(watch) => drop(self.server.watch.set(watch)),
            Err(error) => {
                tracing::debug!("the table cannot be watched: {error}");
                let _ = sqlx::raw_sql("ROLLBACK TO SAVEPOINT watch").execute(self.connection()).await;
            }
        }
    }

    pub(crate) fn connection(&mut self) -> &mut PgConnection {
        self.connection.as_mut().expect("only the end of a reading takes its connection").connection()
    }

    /// Makes statements from here on use an index that gathers all matches (`true`), or one that returns them in order
    /// (`false`, the default).
    ///
    /// By itself, the planner expects to meet enough matches early in the list's own order, and scans a large table
    /// when there are few; or it gathers thousands to show fifty of them (measured with 1 and 10 million rows,
    /// PostgreSQL 15).
    pub(crate) async fn set_gathering(&mut self, gathers: bool) -> Result<()> {
        if self.gathers == gathers {
            return Ok(());
        }
        let (gathering, other_ways) = if gathers { ("on", "off") } else { ("off", "on") };
        // Enough for a bitmap of the pages of ten million rows; a larger one becomes lossy and rechecks all rows of a
        // page.
        let settings = format!(
            "SET LOCAL enable_bitmapscan = {gathering}; SET LOCAL enable_seqscan = {other_ways}; \
             SET LOCAL enable_indexscan = {other_ways}; SET LOCAL work_mem = '16MB'"
        );
        let set = sqlx::raw_sql(AssertSqlSafe(settings)).execute(self.connection()).await;
        self.gathers = gathers;
        set.map(drop).map_err(|error| self.server.query_error(error))
    }

    pub(crate) fn query_error(&self, error: sqlx::Error) -> DirectoryError {
        self.server.query_error(error)
    }

    /// Marks the running statement's result as not needed.
    pub(crate) fn abandon_answer(&mut self) {
        self.abandoned = true;
    }
}

impl Drop for PgReadTx {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take() else { return };
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => {
                runtime.spawn(cancel_on_server(connection, self.backend, Arc::clone(&self.server)));
            }
            // The process is ending; `statement_timeout` bounds what is left.
            Err(_) => drop(connection),
        }
    }
}

/// Cancels what runs on `connection`. It is held meanwhile, so that its process ID cannot refer to another session.
async fn cancel_on_server(
    mut connection: ConnectionGuard<sqlx::Postgres>,
    backend: Option<i32>,
    server: Arc<PgServer>,
) {
    let cancelled = async {
        let Some(backend) = backend else { return Ok(()) };
        let cancel = format!("SELECT pg_cancel_backend({backend})");
        let mut canceller = server.lend_canceller().await?;
        sqlx::raw_sql(AssertSqlSafe(cancel)).execute(canceller.connection()).await?;
        canceller.give_back();
        Ok::<_, sqlx::Error>(())
    };
    if !matches!(tokio::time::timeout(CANCELLED, cancelled).await, Ok(Ok(()))) {
        return; // dropping the connection closes it
    }
    let stopped = async {
        // Waits for the end of the cancelled statement, and receives its error. After that, the cancel request has
        // arrived and cannot hit a later search.
        match sqlx::raw_sql("ROLLBACK").execute(connection.connection()).await {
            Err(sqlx::Error::Database(_)) => sqlx::raw_sql("ROLLBACK").execute(connection.connection()).await,
            ended => ended,
        }
    };
    if matches!(tokio::time::timeout(CONNECT_TIMEOUT, stopped).await, Ok(Ok(_))) {
        connection.give_back();
    }
}

/// A cell's text. Servers with the encoding `SQL_ASCII` may send bytes that are not UTF-8.
pub(crate) fn decode_text(row: &PgRow, at: usize) -> Result<Option<String>, sqlx::Error> {
    let value = row.try_get_raw(at)?;
    if value.is_null() {
        return Ok(None);
    }
    let bytes = value.as_bytes().map_err(sqlx::Error::Decode)?;
    Ok(Some(String::from_utf8_lossy(bytes).into_owned()))
}

//! One read-only transaction on a pooled connection, that nothing can leave running on the server.
//!
//! A future that is dropped does not stop PostgreSQL. So whoever drops a [`Reading`] before its
//! end (a cancelled search, a deadline, a closed window) leaves a task behind that asks the server to
//! cancel over a second connection, and lets the first one go only when it is idle again.

use std::sync::Arc;
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnection, PgPool, PgPoolOptions, PgRow};
use sqlx::{AssertSqlSafe, Connection, Postgres, Row, ValueRef};

use super::errors;
use crate::connection::DirectoryPart;
use crate::directory::cursor::Value;
use crate::directory::sql::Statement;
use crate::error::{Code, Result};

/// Connections at the most: a search has one, and a second for a moment. The database is somebody's
/// production.
const POOL: u32 = 2;
/// How long connecting may take, and anything else that is quick when the network works.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// From here on somebody waits who may as well learn why.
const SLOW: Duration = Duration::from_millis(300);
/// An agent who reads a page leaves no connection behind for longer than this.
const IDLE_TIMEOUT: Duration = Duration::from_mins(1);

/// The connections of one directory. Not `Debug`: the options hold the password, and show it.
pub(super) struct Server {
    pool: PgPool,
    /// Cancels what runs on `pool`; a connection of its own, as those may all be busy.
    canceller: PgPool,
    options: sqlx::postgres::PgConnectOptions,
    part: DirectoryPart,
    has_password: bool,
}

impl Server {
    pub(super) fn new(
        options: sqlx::postgres::PgConnectOptions,
        part: &DirectoryPart,
        has_password: bool,
    ) -> Arc<Self> {
        let pool = |connections| {
            PgPoolOptions::new()
                .max_connections(connections)
                // A round trip per search; `Reading::begin` finds out as well.
                .test_before_acquire(false)
                // Later than a probe gives up, which knows the reason.
                .acquire_timeout(CONNECT_TIMEOUT + 2 * SLOW)
                .idle_timeout(IDLE_TIMEOUT)
                .connect_lazy_with(options.clone())
        };
        Arc::new(Self { pool: pool(POOL), canceller: pool(1), options, part: part.clone(), has_password })
    }

    pub(super) fn user(&self) -> &str {
        self.options.get_username()
    }

    pub(super) fn database(&self) -> Option<&str> {
        self.options.get_database()
    }

    /// Connects once and at once, to learn why it cannot be done: the pool would try again and
    /// again, and then only say that time is up.
    pub(super) async fn probe(&self) -> Result<()> {
        match tokio::time::timeout(CONNECT_TIMEOUT, PgConnection::connect_with(&self.options)).await {
            Ok(Ok(connection)) => {
                // It was only a question; how it ends does not matter.
                let _ = connection.close().await;
                Ok(())
            }
            Ok(Err(error)) => Err(self.failed(error)),
            Err(_) => Err(errors::unreachable(
                &self.part,
                &format!("no connection within {} s", CONNECT_TIMEOUT.as_secs()),
            )),
        }
    }

    /// A connection, or at once why there is none. The pool alone would go on trying while the
    /// server refuses, and then say no more than that time is up.
    async fn acquire(&self) -> Result<PoolConnection<Postgres>> {
        let acquired = tokio::select! {
            acquired = self.pool.acquire() => acquired,
            Err(error) = async { tokio::time::sleep(SLOW).await; self.probe().await } => return Err(error),
        };
        match acquired {
            Ok(connection) => Ok(connection),
            // The server answers, so the other searches are what takes so long.
            Err(sqlx::Error::PoolTimedOut) => Err(crate::directory::timed_out(&self.part)),
            Err(error) => Err(self.failed(error)),
        }
    }

    pub(super) fn failed(&self, error: sqlx::Error) -> crate::error::Error {
        if !self.has_password && errors::is_login(&error) {
            return errors::password_missing(&self.part);
        }
        errors::from_sqlx(error, &self.part)
    }

    pub(super) async fn close(&self) {
        self.pool.close().await;
        self.canceller.close().await;
    }
}

/// A read-only transaction with a time limit per statement.
pub(in crate::directory) struct Reading {
    server: Arc<Server>,
    /// `None` once the connection went back.
    connection: Option<PoolConnection<Postgres>>,
    /// The server process to cancel, once it is known.
    backend: Option<i32>,
    /// A statement may still run, and nobody wants its answer.
    abandoned: bool,
    gathers: bool,
}

impl Reading {
    pub(super) async fn begin(server: &Arc<Server>, limit: Duration) -> Result<Self> {
        let mut begun = Self::begin_on(server.acquire().await?, server, limit).await;
        // Idle connections may be of a server that was restarted since: each is thrown away, once.
        for _ in 0..POOL {
            match begun {
                Err(error) if error.code == Code::DirectoryUnreachable => {
                    begun = Self::begin_on(server.acquire().await?, server, limit).await;
                }
                begun => return begun,
            }
        }
        begun
    }

    /// On a connection that is idle now; `None` when there is none, or it fails.
    pub(super) async fn try_begin(server: &Arc<Server>, limit: Duration) -> Option<Self> {
        let connection = match server.pool.try_acquire() {
            Some(connection) => connection,
            None => tokio::time::timeout(SLOW, server.pool.acquire()).await.ok()?.ok()?,
        };
        Self::begin_on(connection, server, limit).await.ok()
    }

    async fn begin_on(
        connection: PoolConnection<Postgres>,
        server: &Arc<Server>,
        limit: Duration,
    ) -> Result<Self> {
        let mut reading = Self {
            server: Arc::clone(server),
            connection: Some(connection),
            backend: None,
            abandoned: false,
            gathers: false,
        };
        // One round trip. The tiers of a search see one state of the table (repeatable read). The
        // settings make ::text exact and in UTC, whatever the server's or the role's defaults are;
        // a search takes one of the server's processors, and never spends its time on compiling. All
        // of it ends with the transaction, which is what poolers need.
        let settings = format!(
            "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY; \
             SET LOCAL statement_timeout = {}; SET LOCAL TimeZone = 'UTC'; SET LOCAL DateStyle = 'ISO'; \
             SET LOCAL extra_float_digits = 3; SET LOCAL bytea_output = 'hex'; \
             SET LOCAL jit = off; \
             SET LOCAL max_parallel_workers_per_gather = 0; SET LOCAL enable_bitmapscan = off; \
             SELECT pg_backend_pid()::text",
            limit.as_millis()
        );
        let begun = sqlx::raw_sql(AssertSqlSafe(settings)).fetch_one(reading.connection());
        let begun = match tokio::time::timeout(CONNECT_TIMEOUT, begun).await {
            Ok(begun) => {
                begun.and_then(|row| row.try_get::<String, _>(0)).map_err(|error| server.failed(error))
            }
            Err(_) => Err(errors::unreachable(&server.part, "the connection went silent")),
        };
        match begun {
            Ok(backend) => {
                reading.backend = backend.parse().ok();
                Ok(reading)
            }
            Err(error) => {
                reading.discard();
                Err(error)
            }
        }
    }

    pub(super) fn connection(&mut self) -> &mut PgConnection {
        self.connection.as_mut().expect("only the end of a reading takes its connection")
    }

    pub(super) async fn fetch(&mut self, statement: Statement) -> Result<Vec<PgRow>> {
        // Constants and catalogue names only: see `sql` and `catalogue`.
        // Not persistent: nothing would ever close a named statement on the server, and behind a pooler
        // its name may be somebody else's.
        let mut query = sqlx::query(AssertSqlSafe(statement.sql)).persistent(false);
        for value in statement.binds {
            query = query.bind(value.into_text());
        }
        query.fetch_all(self.connection()).await.map_err(|error| self.server.failed(error))
    }

    /// From here on (`true`) statements find rows by an index that gathers them, or (`false`, as in the
    /// beginning) by one that gives them in order.
    ///
    /// Left alone the planner expects to meet enough matches early in the list's own order, and walks
    /// through all of a large table when there are few; or gathers thousands to show fifty of them
    /// (measured: 1 and 10 million rows, PostgreSQL 15).
    pub(super) async fn gather(&mut self, gathers: bool) -> Result<()> {
        if self.gathers == gathers {
            return Ok(());
        }
        let (gathering, other_ways) = if gathers { ("on", "off") } else { ("off", "on") };
        // A bitmap of ten million rows' pages; one that outgrows its memory has all rows of a page read.
        let settings = format!(
            "SET LOCAL enable_bitmapscan = {gathering}; SET LOCAL enable_seqscan = {other_ways}; \
             SET LOCAL enable_indexscan = {other_ways}; SET LOCAL work_mem = '16MB'"
        );
        let set = sqlx::raw_sql(AssertSqlSafe(settings)).execute(self.connection()).await;
        self.gathers = gathers;
        set.map(drop).map_err(|error| self.server.failed(error))
    }

    /// Nobody wants the answer that is still on its way.
    pub(super) fn abandon(&mut self) {
        self.abandoned = true;
    }

    /// Ends the transaction and gives the connection back, after an answer or an error of the database's.
    pub(super) async fn finish(mut self) {
        if self.abandoned {
            return; // dropping it stops the server
        }
        let ended = sqlx::raw_sql("ROLLBACK").execute(self.connection());
        if matches!(tokio::time::timeout(CONNECT_TIMEOUT, ended).await, Ok(Ok(_))) {
            self.connection = None;
        } else {
            self.discard();
        }
    }

    /// The connection is broken: it never goes back.
    fn discard(&mut self) {
        if let Some(connection) = self.connection.take() {
            drop(connection.detach());
        }
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take() else { return };
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => {
                runtime.spawn(stop(connection, self.backend, Arc::clone(&self.server)));
            }
            // The program ends; statement_timeout bounds what is left.
            Err(_) => drop(connection.detach()),
        }
    }
}

/// Cancels what runs on `connection`. It is held meanwhile: while it lives, its process id means it
/// and nobody else.
async fn stop(mut connection: PoolConnection<Postgres>, backend: Option<i32>, server: Arc<Server>) {
    let stopped = async {
        if let Some(backend) = backend {
            let cancel = format!("SELECT pg_cancel_backend({backend})");
            let mut canceller = server.canceller.acquire().await?;
            sqlx::raw_sql(AssertSqlSafe(cancel)).execute(&mut *canceller).await?;
        }
        // Waits for the cancelled statement's end first, and meets its error. Once it is met, the
        // cancellation has arrived, and cannot hit a later search.
        match sqlx::raw_sql("ROLLBACK").execute(&mut *connection).await {
            Err(sqlx::Error::Database(_)) => sqlx::raw_sql("ROLLBACK").execute(&mut *connection).await,
            ended => ended,
        }
    };
    if !matches!(tokio::time::timeout(CONNECT_TIMEOUT, stopped).await, Ok(Ok(_))) {
        drop(connection.detach());
    }
}

/// A cell's text. Servers with an encoding of `SQL_ASCII` may send bytes that are not UTF-8.
pub(super) fn text(row: &PgRow, at: usize) -> Result<Option<String>, sqlx::Error> {
    let value = row.try_get_raw(at)?;
    if value.is_null() {
        return Ok(None);
    }
    let bytes = value.as_bytes().map_err(sqlx::Error::Decode)?;
    Ok(Some(String::from_utf8_lossy(bytes).into_owned()))
}

/// A cursor's value, exact.
pub(super) fn value(row: &PgRow, at: usize) -> Result<Value, sqlx::Error> {
    Ok(text(row, at)?.map_or(Value::Null, Value::Text))
}

//! A read-only transaction in the team's database, with a time limit per statement, which leaves nothing running there.
//!
//! Dropping a future does not stop PostgreSQL. So what is dropped early (a newer search, a view that closes) is cancelled
//! over another connection of the pool.

use std::sync::Arc;
use std::time::Duration;

use futures_util::TryStreamExt;
use sqlx::pool::PoolConnection;
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, Postgres, QueryBuilder, Row};
use tokio::sync::OwnedSemaphorePermit;

use super::database::TeamDatabase;
use crate::error::{Code, Error, Result};

/// How long the server may work on one statement.
const STATEMENT_LIMIT: Duration = Duration::from_secs(15);
/// How much longer its answer may be on its way.
const SILENCE: Duration = Duration::from_secs(5);

pub(super) struct TeamReading {
    database: Arc<TeamDatabase>,
    /// `None` once it is back in the pool.
    connection: Option<PoolConnection<Postgres>>,
    /// The server's process for it.
    backend: i32,
    /// Others wait until the connection is back, or cancelled.
    turn: Option<OwnedSemaphorePermit>,
}

impl TeamReading {
    /// Fails if the connection is broken.
    pub(super) async fn begin(
        database: Arc<TeamDatabase>,
        mut connection: PoolConnection<Postgres>,
        turn: OwnedSemaphorePermit,
    ) -> Result<Self, (Error, OwnedSemaphorePermit)> {
        // All statements see the same entries. The settings end with the transaction, as poolers require.
        let statements = format!(
            "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY; SET LOCAL statement_timeout = {}; SET LOCAL jit = off; \
             SET LOCAL max_parallel_workers_per_gather = 0",
            STATEMENT_LIMIT.as_millis()
        );
        let begun = async {
            sqlx::raw_sql(AssertSqlSafe(statements)).execute(&mut *connection).await?;
            sqlx::query_scalar("SELECT pg_backend_pid()").persistent(false).fetch_one(&mut *connection).await
        };
        let begun = match tokio::time::timeout(SILENCE, begun).await {
            Ok(Ok(backend)) => Ok(backend),
            Ok(Err(error)) => Err(database.explain(error)),
            Err(_) => Err(silence_error(&database)),
        };
        match begun {
            Ok(backend) => Ok(Self { database, connection: Some(connection), backend, turn: Some(turn) }),
            Err(error) => {
                connection.close_on_drop();
                Err((error, turn))
            }
        }
    }

    pub(super) async fn fetch(&mut self, mut query: QueryBuilder<Postgres>) -> Result<Vec<PgRow>> {
        let connection = self.connection.as_mut().expect("only its end gives it back");
        // Behind a pooler, the name of a prepared statement may belong to another client.
        let rows = query.build().persistent(false).fetch_all(&mut **connection);
        match tokio::time::timeout(STATEMENT_LIMIT + SILENCE, rows).await {
            Ok(rows) => rows.map_err(|error| explain(&self.database, error)),
            Err(_) => Err(silence_error(&self.database)),
        }
    }

    /// Reads until there are no more, or until their lines have so many bytes; then the reading must not be finished, for
    /// that would wait for the rest. `true`: it stopped before the end.
    pub(super) async fn fetch_lines(
        &mut self,
        mut query: QueryBuilder<Postgres>,
        most_bytes: usize,
    ) -> Result<(Vec<PgRow>, bool)> {
        let connection = self.connection.as_mut().expect("only its end gives it back");
        let mut coming = query.build().persistent(false).fetch(&mut **connection);
        let read = async {
            let (mut rows, mut bytes) = (Vec::new(), 0);
            while let Some(row) = coming.try_next().await? {
                bytes += row.try_get::<&str, _>("line")?.len();
                rows.push(row);
                if bytes >= most_bytes {
                    return Ok((rows, true));
                }
            }
            Ok((rows, false))
        };
        match tokio::time::timeout(STATEMENT_LIMIT + SILENCE, read).await {
            Ok(rows) => rows.map_err(|error| explain(&self.database, error)),
            Err(_) => Err(silence_error(&self.database)),
        }
    }

    pub(super) fn explain(&self, error: sqlx::Error) -> Error {
        explain(&self.database, error)
    }

    /// Gives the connection back to the pool.
    pub(super) async fn finish(mut self) {
        let Some(connection) = &mut self.connection else { return };
        let ended = sqlx::raw_sql("ROLLBACK").execute(&mut **connection);
        if matches!(tokio::time::timeout(SILENCE, ended).await, Ok(Ok(_))) {
            self.connection = None;
        }
    }
}

impl Drop for TeamReading {
    fn drop(&mut self) {
        let Some(mut connection) = self.connection.take() else { return };
        connection.close_on_drop();
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let (backend, database, turn) = (self.backend, Arc::clone(&self.database), self.turn.take());
        runtime.spawn(async move {
            let cancel = sqlx::query("SELECT pg_cancel_backend($1)").bind(backend).persistent(false);
            // The connection is held meanwhile, so that the process can be no other one's.
            if let Err(error) = cancel.execute(database.pool()).await {
                tracing::debug!("a reading of the team's log was not cancelled: {error}");
            }
            drop(connection);
            drop(turn);
        });
    }
}

fn explain(database: &TeamDatabase, error: sqlx::Error) -> Error {
    let (code, said) = match error.as_database_error() {
        Some(error) => (error.code().unwrap_or_default().into_owned(), error.message().to_owned()),
        None => Default::default(),
    };
    match code.as_str() {
        "57014" => Error::new(
            Code::DirectoryTimeout,
            format!("The team's log was not read within {} s.", STATEMENT_LIMIT.as_secs()),
        )
        .with_hint("Try again, or search in a shorter time, such as `since:7d`."),
        "42501" => Error::new(
            Code::DirectoryRefused,
            format!("The database role of the team file may not read the team's log: {said}."),
        )
        .with_hint(
            "Ask the database's administrator to grant SELECT on understudy.entries; `understudy audit setup` prints \
             how.",
        ),
        "42P01" | "3F000" | "42703" => Error::new(
            Code::DirectoryMismatch,
            format!("{} is not set up for the team's log: {said}.", database.describe_place()),
        )
        .with_hint("Ask its administrator to run what `understudy audit setup` prints. `understudy audit check` compares."),
        _ => database.explain(error),
    }
}

fn silence_error(database: &TeamDatabase) -> Error {
    Error::new(Code::DirectoryUnreachable, format!("{} no longer answers.", database.describe_place()))
        .with_hint("Look at the network or the VPN, and try again.")
}

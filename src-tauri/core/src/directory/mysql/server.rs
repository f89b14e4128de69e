//! The connections of one directory: made, lent, and taken back only when nothing is left on them.

use std::sync::Arc;
use std::time::Duration;

use sqlx::mysql::{MySqlConnectOptions, MySqlConnection, MySqlPool, MySqlPoolOptions};
use sqlx::pool::PoolConnection;
use sqlx::{Connection, MySql, Row};

use super::errors;
use crate::connection::DirectoryPart;
use crate::error::{Error, Result};

/// How long connecting may take, and anything else that is quick when the network works.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// From here on somebody waits who may as well learn why.
const SLOW: Duration = Duration::from_millis(300);
/// An agent who reads a page leaves no connection behind for longer than this.
const IDLE_TIMEOUT: Duration = Duration::from_mins(1);

/// They grew apart in what concerns us: how a statement's time is limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flavour {
    MySql,
    MariaDb,
}

/// Not `Debug`: the options hold the password, and show it.
pub(in crate::directory) struct Server {
    pool: MySqlPool,
    /// Ends what runs on `pool`; a connection of its own, as those may all be busy.
    canceller: MySqlPool,
    options: MySqlConnectOptions,
    part: DirectoryPart,
    has_password: bool,
    pub(super) flavour: Flavour,
    /// `10.11.6-MariaDB-0+deb12u1`, `8.4.3`.
    version: String,
}

impl Server {
    /// Connects once, to learn what the server is, or why it cannot be reached.
    pub(super) async fn connect(
        options: MySqlConnectOptions,
        part: &DirectoryPart,
        has_password: bool,
    ) -> Result<Arc<Self>> {
        let version = asked_for_version(&options, part, has_password).await?;
        let pool = |connections| {
            MySqlPoolOptions::new()
                .max_connections(connections)
                // Later than a probe gives up, which knows the reason.
                .acquire_timeout(CONNECT_TIMEOUT + 2 * SLOW)
                .idle_timeout(IDLE_TIMEOUT)
                .connect_lazy_with(options.clone())
        };
        let flavour = if version.contains("MariaDB") { Flavour::MariaDb } else { Flavour::MySql };
        Ok(Arc::new(Self {
            pool: pool(2),
            canceller: pool(1),
            options,
            part: part.clone(),
            has_password,
            flavour,
            version,
        }))
    }

    /// For people: `MariaDB 10.11.6`, `MySQL 8.4.3`. The packager matters to nobody here.
    pub(super) fn name(&self) -> String {
        let number = self.version.split('-').find(|part| part.contains('.') && !part.starts_with("5.5.5"));
        let engine = match self.flavour {
            Flavour::MySql => "MySQL",
            Flavour::MariaDb => "MariaDB",
        };
        format!("{engine} {}", number.unwrap_or(&self.version))
    }

    pub(super) fn part(&self) -> &DirectoryPart {
        &self.part
    }

    /// A connection, or at once why there is none. The pool alone would go on trying while the
    /// server refuses, and then say no more than that time is up.
    pub(super) async fn lend(&self) -> Result<Loan> {
        let acquired = tokio::select! {
            acquired = self.pool.acquire() => acquired,
            Err(error) = async {
                tokio::time::sleep(SLOW).await;
                asked_for_version(&self.options, &self.part, self.has_password).await
            } => return Err(error),
        };
        match acquired {
            Ok(connection) => Ok(Loan(Some(connection))),
            // The server answers, so the other searches are what takes so long.
            Err(sqlx::Error::PoolTimedOut) => Err(crate::directory::timed_out(&self.part)),
            Err(error) => Err(self.failed(error)),
        }
    }

    /// The connection over which others are told to stop.
    pub(super) async fn canceller(&self) -> Result<Loan, sqlx::Error> {
        Ok(Loan(Some(self.canceller.acquire().await?)))
    }

    pub(in crate::directory) fn failed(&self, error: sqlx::Error) -> Error {
        failed(error, &self.part, self.has_password)
    }

    pub(super) async fn close(&self) {
        self.pool.close().await;
        self.canceller.close().await;
    }
}

/// A connection that goes back only when that is said, and is closed otherwise: whoever left it in the
/// middle of an exchange would have the rest of it taken for the next answer.
pub(super) struct Loan(Option<PoolConnection<MySql>>);

impl Loan {
    pub(super) fn connection(&mut self) -> &mut MySqlConnection {
        self.0.as_mut().expect("only the end of a loan takes its connection")
    }

    pub(super) fn give_back(mut self) {
        drop(self.0.take());
    }
}

impl Drop for Loan {
    fn drop(&mut self) {
        if let Some(connection) = self.0.take() {
            drop(connection.detach());
        }
    }
}

async fn asked_for_version(
    options: &MySqlConnectOptions,
    part: &DirectoryPart,
    has_password: bool,
) -> Result<String> {
    let asked = async {
        let mut connection = MySqlConnection::connect_with(options).await?;
        let version = sqlx::raw_sql("SELECT VERSION()").fetch_one(&mut connection).await?;
        // It was only a question; how it ends does not matter.
        let _ = connection.close().await;
        version.try_get::<String, _>(0)
    };
    let Ok(version) = tokio::time::timeout(CONNECT_TIMEOUT, asked).await else {
        let cause = format!("no connection within {} s", CONNECT_TIMEOUT.as_secs());
        return Err(errors::unreachable(part, &cause));
    };
    version.map_err(|error| failed(error, part, has_password))
}

fn failed(error: sqlx::Error, part: &DirectoryPart, has_password: bool) -> Error {
    if !has_password && errors::is_login(&error) {
        return errors::password_missing(part);
    }
    errors::from_sqlx(error, part)
}

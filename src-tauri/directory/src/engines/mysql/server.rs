//! The connections of one directory: made, lent, and taken back only when nothing is left on them.

use parking_lot::{Mutex, MutexGuard};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_util::FutureExt;
use secrecy::ExposeSecret;
use sqlx::mysql::{MySqlConnectOptions, MySqlConnection, MySqlPool, MySqlPoolOptions};
use sqlx::pool::PoolConnection;
use sqlx::{Connection, MySql};

use crate::config::DirectoryConfig;
use crate::engines::mysql::connect::connect;
use crate::engines::mysql::errors;
use crate::error::{DirectoryError, Result};
use crate::reach::borrowing::{self, SLOW};
use crate::reach::endpoint::Endpoint;
use crate::reach::joined::Joined;
use crate::reach::wire::Wire;
use crate::sql::watch::Watch;

/// Connections at the most: the database is somebody's production.
pub(crate) const POOL: u32 = 2;
/// An agent who reads a page leaves no connection behind for longer than this.
const IDLE_TIMEOUT: Duration = Duration::from_mins(1);

/// They grew apart in what concerns us: how a statement's time is limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flavour {
    MySql,
    MariaDb,
}

/// Not `Debug`: the options hold the password, and show it.
pub(crate) struct MySqlServer {
    pool: MySqlPool,
    /// Ends what runs on `pool`; a connection of its own, as those may all be busy.
    canceller: MySqlPool,
    endpoint: Arc<Endpoint>,
    chosen: Mutex<MySqlTarget>,
    /// Set once the table is known.
    pub(crate) watch: OnceLock<Watch>,
    pub(crate) flavour: Flavour,
    /// `10.11.6-MariaDB-0+deb12u1`, `8.4.3`.
    version: String,
    probing: Joined<Result<bool>>,
}

/// The server that new connections are made to.
struct MySqlTarget {
    options: MySqlConnectOptions,
    /// The way there. Its own end takes no connection once it is dropped.
    wire: Arc<Wire>,
    part: DirectoryConfig,
    /// Which of the passwords that a command makes.
    password: u64,
}

impl MySqlServer {
    /// Connects once, to learn which server it is, or why there is none.
    pub(crate) async fn connect(endpoint: Arc<Endpoint>) -> Result<Arc<Self>> {
        let connected = connect(&endpoint).await?;
        // It was only a question; how it ends does not matter.
        let _ = connected.connection.close().await;
        let chosen = MySqlTarget {
            options: connected.options,
            wire: connected.wire,
            part: connected.part,
            password: connected.password.number,
        };
        let pool = |connections| {
            MySqlPoolOptions::new()
                .max_connections(connections)
                // A round trip per search; `MySqlReadTx::begin` finds out as well.
                .test_before_acquire(false)
                // Later than a probe gives up, which knows the reason.
                .acquire_timeout(endpoint.patience() + 2 * SLOW)
                .idle_timeout(IDLE_TIMEOUT)
                .connect_lazy_with(chosen.options.clone())
        };
        let version = connected.version;
        let flavour = if version.contains("MariaDB") { Flavour::MariaDb } else { Flavour::MySql };
        let (pool, canceller) = (pool(POOL), pool(1));
        let (chosen, watch, probing) = (Mutex::new(chosen), OnceLock::new(), Joined::default());
        Ok(Arc::new(Self { pool, canceller, endpoint, chosen, watch, flavour, version, probing }))
    }

    /// For people: `MariaDB 10.11.6`, `MySQL 8.4.3`, and which of several it is. The packager matters to nobody here.
    pub(crate) fn name(&self) -> String {
        let number = self.version.split('-').find(|part| part.contains('.') && !part.starts_with("5.5.5"));
        let engine = match self.flavour {
            Flavour::MySql => "MySQL",
            Flavour::MariaDb => "MariaDB",
        };
        let place = errors::place(&self.part());
        let several = self.endpoint.hosts().len() > 1;
        let place = place.strip_prefix("The database").filter(|_| several).unwrap_or_default();
        format!("{engine} {}{place}", number.unwrap_or(&self.version))
    }

    /// The directory, at the server that was chosen.
    pub(crate) fn part(&self) -> DirectoryConfig {
        self.chosen().part.clone()
    }

    fn chosen(&self) -> MutexGuard<'_, MySqlTarget> {
        self.chosen.lock()
    }

    /// Connects once and at once, to learn why it cannot be done. `true`: from now on connections are made in
    /// another way. However many searches want to know, one connection is made for them.
    async fn probe(self: &Arc<Self>) -> Result<bool> {
        let server = Arc::clone(self);
        self.probing.join(|| async move { server.probe_alone().await }.boxed()).await
    }

    async fn probe_alone(&self) -> Result<bool> {
        let connected = connect(&self.endpoint).await?;
        let _ = connected.connection.close().await;
        let mut chosen = self.chosen();
        if chosen.part == connected.part && chosen.password == connected.password.number {
            return Ok(false);
        }
        *chosen = MySqlTarget {
            options: connected.options,
            wire: connected.wire,
            part: connected.part,
            password: connected.password.number,
        };
        self.pool.set_connect_options(chosen.options.clone());
        self.canceller.set_connect_options(chosen.options.clone());
        Ok(true)
    }

    /// A new connection needs a password that has not expired.
    async fn freshen(&self, pool: &MySqlPool) -> Result<()> {
        if !self.endpoint.makes_passwords() || pool.num_idle() > 0 {
            return Ok(());
        }
        let password = self.endpoint.password().await?;
        let mut chosen = self.chosen();
        if let Some(secret) = password.secret.filter(|_| password.number != chosen.password) {
            chosen.options = chosen.options.clone().password(secret.expose_secret());
            chosen.password = password.number;
            self.pool.set_connect_options(chosen.options.clone());
            self.canceller.set_connect_options(chosen.options.clone());
        }
        Ok(())
    }

    /// A connection, or at once why there is none.
    pub(crate) async fn lend(self: &Arc<Self>) -> Result<Loan> {
        self.endpoint.ready().await?;
        self.freshen(&self.pool).await?;
        let login = |error| errors::of(error, &self.part(), &self.endpoint);
        let acquired = borrowing::acquire(&self.pool, || self.probe(), login, || self.part());
        Ok(Loan(Some(acquired.await?)))
    }

    /// The connection over which others are told to stop.
    pub(crate) async fn canceller(&self) -> Result<Loan, sqlx::Error> {
        let _ = self.freshen(&self.canceller).await;
        Ok(Loan(Some(self.canceller.acquire().await?)))
    }

    pub(crate) fn failed(&self, error: sqlx::Error) -> DirectoryError {
        errors::of_statement(error, &self.part(), &self.endpoint)
    }

    /// Time is up: `busy` says of a server that still answers what it was too slow for.
    pub(crate) async fn late(&self, busy: impl FnOnce(&DirectoryConfig) -> DirectoryError) -> DirectoryError {
        let wire = Arc::clone(&self.chosen().wire);
        if wire.has_pulse().await {
            return busy(&self.part());
        }
        let silent = errors::unreachable(&self.part(), "it fell silent in the middle of a question");
        self.endpoint.explained(silent).await.0
    }

    pub(crate) async fn close(&self) {
        self.pool.close().await;
        self.canceller.close().await;
        let wire = Arc::clone(&self.chosen().wire);
        wire.closed().await;
    }
}

/// A connection that goes back only when that is said, and is closed otherwise: whoever left it in the
/// middle of an exchange would have the rest of it taken for the next answer.
pub(crate) struct Loan(Option<PoolConnection<MySql>>);

impl Loan {
    pub(crate) fn connection(&mut self) -> &mut MySqlConnection {
        self.0.as_mut().expect("only the end of a loan takes its connection")
    }

    pub(crate) fn give_back(mut self) {
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

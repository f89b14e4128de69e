//! The connection pool of a database server. A connection is only returned to it when nothing is left running on it.
//! Shared by the SQL engines that have a server; their [`Driver`] covers the differences.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_util::FutureExt;
use parking_lot::{Mutex, MutexGuard};
use secrecy::SecretString;
use sqlx::pool::{PoolConnection, PoolOptions};
use sqlx::{Connection, Database, Pool};

use crate::config::DirectoryConfig;
use crate::error::{DirectoryCode, DirectoryError, Result};
use crate::reach::endpoint::{Endpoint, Password};
use crate::reach::pool;
use crate::reach::pool::SLOW;
use crate::reach::single_flight::SingleFlight;
use crate::reach::wire::Wire;
use crate::sql::dialect::{Dialect, Statement};
use crate::sql::fingerprint::TableFingerprint;

/// The maximum number of connections: one for a search, and a second one for a moment. The database is a production
/// system.
const POOL: u32 = 2;
/// How long idle connections stay open while an operator reads a page.
const IDLE_TIMEOUT: Duration = Duration::from_mins(1);
/// An idle server starts a transaction immediately; a silent network never does.
pub(crate) const SILENCE: Duration = Duration::from_secs(2);

pub(crate) type ConnectionOf<D> = <<D as Driver>::Database as Database>::Connection;
pub(crate) type OptionsOf<D> = <ConnectionOf<D> as Connection>::Options;
pub(crate) type RowOf<D> = <<D as Driver>::Database as Database>::Row;

/// What differs between servers with regard to connections.
pub(crate) trait Driver: Dialect + Sized + Send + 'static {
    /// The driver's type for its database.
    type Database: Database;
    /// A read-only transaction.
    type ReadTx: PooledReadTx<Self>;
    /// What the server says about itself on the first connection.
    type Product: Send + Sync + 'static;

    /// Connects to the preferred server, or explains why that is impossible.
    fn connect_endpoint(endpoint: &Arc<Endpoint>) -> impl Future<Output = Result<Connected<Self>>> + Send;

    fn with_password(options: OptionsOf<Self>, password: &SecretString) -> OptionsOf<Self>;

    /// The server for display, at the start of a sentence: `The database on db.acme.internal, port 5432`.
    fn describe_place(config: &DirectoryConfig) -> String;

    fn unreachable(config: &DirectoryConfig, cause: &str) -> DirectoryError;

    /// Converts the error of a failed connection attempt.
    fn refused_login(error: sqlx::Error, config: &DirectoryConfig, endpoint: &Endpoint) -> DirectoryError;

    /// Converts the error of a failed statement.
    fn failed_statement(error: sqlx::Error, config: &DirectoryConfig, endpoint: &Endpoint) -> DirectoryError;
}

/// A read-only transaction on a pooled connection, with a time limit per statement. If it is dropped early, its
/// statement is stopped on the server.
pub(crate) trait PooledReadTx<D: Driver>: Send + Sized + 'static {
    /// Starts it, and checks that the table has not changed since [`Server::watch`] was set.
    fn begin_on(
        connection: ConnectionGuard<D::Database>,
        server: &Arc<Server<D>>,
        limit: Duration,
    ) -> impl Future<Output = Result<Self>> + Send;

    /// Returns all rows of `statement`.
    fn fetch_rows(&mut self, statement: Statement) -> impl Future<Output = Result<Vec<RowOf<D>>>> + Send;

    /// Ends it and returns the connection to the pool. Only to be called after a result or a database error.
    fn finish(self) -> impl Future<Output = ()> + Send;
}

/// A connected server. Not `Debug`: the options would show the password.
pub(crate) struct Connected<D: Driver> {
    pub(crate) connection: ConnectionOf<D>,
    /// For more connections to the same server, as long as `password` is valid and `wire` is held.
    pub(crate) options: OptionsOf<D>,
    pub(crate) wire: Arc<Wire>,
    pub(crate) password: Password,
    /// With the URL of that server only.
    pub(crate) config: DirectoryConfig,
    pub(crate) product: D::Product,
}

/// The server that new connections go to.
struct CurrentTarget<D: Driver> {
    options: OptionsOf<D>,
    /// The relay to it, which accepts no more connections once it is dropped.
    wire: Arc<Wire>,
    config: DirectoryConfig,
    /// The number of the password in use, which increases if a command generates passwords.
    password: u64,
}

/// The connections of one directory. Not `Debug`: the options would show the password.
pub(crate) struct Server<D: Driver> {
    pool: Pool<D::Database>,
    /// Cancels what runs on `pool`, over a connection of its own, since those may all be busy.
    cancel_pool: Pool<D::Database>,
    endpoint: Arc<Endpoint>,
    target: Arc<Mutex<CurrentTarget<D>>>,
    /// The configuration of the table. Its URL may name several servers.
    config: DirectoryConfig,
    /// Set once the table is known.
    pub(crate) watch: OnceLock<TableFingerprint>,
    pub(crate) product: Arc<D::Product>,
    probing: SingleFlight<Result<bool>>,
}

impl<D: Driver> Server<D> {
    /// Connects once to find out which server it is. Fails if that is impossible.
    pub(crate) async fn open_server(endpoint: Arc<Endpoint>) -> Result<Arc<Self>> {
        let connected = D::connect_endpoint(&endpoint).await?;
        let (target, product) = CurrentTarget::leave(connected).await;
        let open_pool = |connections| {
            PoolOptions::new()
                .max_connections(connections)
                // It would cost a round trip per search; starting a transaction detects a broken connection as well.
                .test_before_acquire(false)
                // Later than a probe's time limit, because the probe knows the reason.
                .acquire_timeout(endpoint.max_connect_time() + 2 * SLOW)
                .idle_timeout(IDLE_TIMEOUT)
                .connect_lazy_with(target.options.clone())
        };
        let (pool, cancel_pool) = (open_pool(POOL), open_pool(1));
        let config = target.config.clone();
        let (target, watch, probing) =
            (Arc::new(Mutex::new(target)), OnceLock::new(), SingleFlight::default());
        let product = Arc::new(product);
        Ok(Arc::new(Self { pool, cancel_pool, endpoint, target, config, watch, product, probing }))
    }

    /// The same server, for another table: with the same connections, each of whose transactions then watches that
    /// table.
    pub(crate) fn for_another_table(&self, config: &DirectoryConfig) -> Arc<Self> {
        Arc::new(Self {
            pool: self.pool.clone(),
            cancel_pool: self.cancel_pool.clone(),
            endpoint: Arc::clone(&self.endpoint),
            target: Arc::clone(&self.target),
            config: config.clone(),
            watch: OnceLock::new(),
            product: Arc::clone(&self.product),
            probing: SingleFlight::default(),
        })
    }

    fn target(&self) -> MutexGuard<'_, CurrentTarget<D>> {
        self.target.lock()
    }

    /// The configuration with the URL of the current server.
    pub(crate) fn target_config(&self) -> DirectoryConfig {
        DirectoryConfig { url: self.target().config.url.clone(), ..self.config.clone() }
    }

    pub(crate) fn options(&self) -> OptionsOf<D> {
        self.target().options.clone()
    }

    /// For display: which of several servers answered; otherwise empty.
    pub(crate) fn describe_target(&self) -> String {
        let place = D::describe_place(&self.target_config());
        let several = self.endpoint.hosts().len() > 1;
        place.strip_prefix("The database").filter(|_| several).unwrap_or_default().to_owned()
    }

    /// Connects once, immediately, to find out why it fails: the pool would retry and then only report a timeout.
    /// `true`: new connections now go to another server or use another password. Concurrent searches share one probe.
    async fn probe_server(self: &Arc<Self>) -> Result<bool> {
        let server = Arc::clone(self);
        self.probing.join_or_start(|| async move { server.probe_alone().await }.boxed()).await
    }

    async fn probe_alone(&self) -> Result<bool> {
        let connected = D::connect_endpoint(&self.endpoint).await?;
        let (found, _) = CurrentTarget::leave(connected).await;
        let mut target = self.target();
        if target.config == found.config && target.password == found.password {
            return Ok(false);
        }
        *target = found;
        self.use_options(&target.options);
        Ok(true)
    }

    /// Uses these options for new connections.
    fn use_options(&self, options: &OptionsOf<D>) {
        self.pool.set_connect_options(options.clone());
        self.cancel_pool.set_connect_options(options.clone());
    }

    /// Renews an expired password before a new connection is made.
    async fn refresh_password(&self, pool: &Pool<D::Database>) -> Result<()> {
        if !self.endpoint.makes_passwords() || pool.num_idle() > 0 {
            return Ok(());
        }
        let password = self.endpoint.current_password().await?;
        let mut target = self.target();
        if let Some(secret) = password.secret.filter(|_| password.number != target.password) {
            target.options = D::with_password(target.options.clone(), &secret);
            target.password = password.number;
            self.use_options(&target.options);
        }
        Ok(())
    }

    /// A connection from the pool, or an early error if there cannot be one.
    async fn lend_connection(self: &Arc<Self>) -> Result<ConnectionGuard<D::Database>> {
        self.endpoint.ensure_tunnel().await?;
        self.refresh_password(&self.pool).await?;
        let refused = |error| D::refused_login(error, &self.target_config(), &self.endpoint);
        let acquired =
            pool::acquire_connection(&self.pool, || self.probe_server(), refused, || self.target_config());
        Ok(ConnectionGuard(Some(acquired.await?)))
    }

    /// A connection that is available within a moment, if there is one.
    async fn lend_idle(&self) -> Option<ConnectionGuard<D::Database>> {
        let connection = match self.pool.try_acquire() {
            Some(connection) => connection,
            None => tokio::time::timeout(SLOW, self.pool.acquire()).await.ok()?.ok()?,
        };
        Some(ConnectionGuard(Some(connection)))
    }

    /// A connection over which others can be cancelled.
    pub(crate) async fn lend_canceller(&self) -> Result<ConnectionGuard<D::Database>, sqlx::Error> {
        let _ = self.refresh_password(&self.cancel_pool).await;
        Ok(ConnectionGuard(Some(self.cancel_pool.acquire().await?)))
    }

    /// Starts a transaction whose statements may each take as long as `limit`.
    pub(crate) async fn begin_reading(self: &Arc<Self>, limit: Duration) -> Result<D::ReadTx> {
        let mut begun = D::ReadTx::begin_on(self.lend_connection().await?, self, limit).await;
        // Idle connections may be to a server that has restarted; discard each of them once.
        for _ in 0..POOL {
            match begun {
                Err(error) if error.code == DirectoryCode::Unreachable => {
                    begun = D::ReadTx::begin_on(self.lend_connection().await?, self, limit).await;
                }
                begun => return begun,
            }
        }
        begun
    }

    /// The same on an idle connection; `None` if there is none or it fails.
    pub(crate) async fn begin_on_idle(self: &Arc<Self>, limit: Duration) -> Option<D::ReadTx> {
        D::ReadTx::begin_on(self.lend_idle().await?, self, limit).await.ok()
    }

    pub(crate) fn query_error(&self, error: sqlx::Error) -> DirectoryError {
        D::failed_statement(error, &self.target_config(), &self.endpoint)
    }

    /// The error for a timeout. `busy` describes what was too slow if the server still answers.
    pub(crate) async fn explain_timeout(
        &self,
        busy: impl FnOnce(&DirectoryConfig) -> DirectoryError,
    ) -> DirectoryError {
        let wire = Arc::clone(&self.target().wire);
        if wire.has_pulse().await {
            return busy(&self.target_config());
        }
        let silent = D::unreachable(&self.target_config(), "it stopped answering in the middle of a query");
        self.endpoint.explain_unreachable(silent).await.0
    }

    pub(crate) async fn close(&self) {
        self.pool.close().await;
        self.cancel_pool.close().await;
        let wire = Arc::clone(&self.target().wire);
        wire.shut_down().await;
    }
}

impl<D: Driver> CurrentTarget<D> {
    /// Keeps what is needed to connect again. The connection was only a test, so an error on closing it does not
    /// matter.
    async fn leave(connected: Connected<D>) -> (Self, D::Product) {
        let Connected { connection, options, wire, password, config, product } = connected;
        let _ = connection.close().await;
        (Self { options, wire, config, password: password.number }, product)
    }
}

/// A guard for a pooled connection. It is returned to the pool only explicitly, and closed otherwise: after an
/// interrupted exchange, the rest of the old answer would be taken for the next one.
pub(crate) struct ConnectionGuard<B: Database>(Option<PoolConnection<B>>);

impl<B: Database> ConnectionGuard<B> {
    pub(crate) fn connection(&mut self) -> &mut B::Connection {
        self.0.as_mut().expect("only the guard's end takes its connection")
    }

    pub(crate) fn give_back(mut self) {
        drop(self.0.take());
    }
}

impl<B: Database> Drop for ConnectionGuard<B> {
    fn drop(&mut self) {
        if let Some(connection) = self.0.take() {
            drop(connection.detach());
        }
    }
}

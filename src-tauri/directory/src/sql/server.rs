//! The connections to one database server: made, lent, and taken back only when nothing is left on them. The same for
//! every engine with a server that speaks SQL; its [`Driver`] says what differs.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_util::FutureExt;
use parking_lot::{Mutex, MutexGuard};
use secrecy::SecretString;
use sqlx::pool::{PoolConnection, PoolOptions};
use sqlx::{Connection, Database, Pool};

use crate::config::DirectoryConfig;
use crate::error::{DirectoryCode, DirectoryError, Result};
use crate::reach::borrowing;
use crate::reach::borrowing::SLOW;
use crate::reach::endpoint::{Endpoint, Password};
use crate::reach::joined::Joined;
use crate::reach::wire::Wire;
use crate::sql::dialect::{Dialect, Statement};
use crate::sql::watch::Watch;

/// Connections at the most: a search has one, and a second for a moment. The database is a production system.
const POOL: u32 = 2;
/// An operator who reads a page leaves no connection behind for longer than this.
const IDLE_TIMEOUT: Duration = Duration::from_mins(1);
/// An idle server begins a transaction at once; a network that fell silent never does.
pub(crate) const SILENCE: Duration = Duration::from_secs(2);

pub(crate) type ConnectionOf<D> = <<D as Driver>::Database as Database>::Connection;
pub(crate) type OptionsOf<D> = <ConnectionOf<D> as Connection>::Options;
pub(crate) type RowOf<D> = <<D as Driver>::Database as Database>::Row;

/// What differs between servers, as far as connections to them go.
pub(crate) trait Driver: Dialect + Sized + Send + 'static {
    /// The driver's own name for its database.
    type Database: Database;
    /// A transaction that only reads.
    type ReadTx: PooledReadTx<Self>;
    /// What the server said it is when it was first reached.
    type Product: Send + Sync + 'static;

    /// Connects to the server that is wanted, or says why that cannot be done.
    fn connect_endpoint(endpoint: &Arc<Endpoint>) -> impl Future<Output = Result<Connected<Self>>> + Send;

    fn with_password(options: OptionsOf<Self>, password: &SecretString) -> OptionsOf<Self>;

    /// The server for people, at the beginning of a sentence: `The database on db.acme.internal, port 5432`.
    fn describe_place(part: &DirectoryConfig) -> String;

    fn unreachable(part: &DirectoryConfig, cause: &str) -> DirectoryError;

    /// What a failed attempt to connect means.
    fn refused_login(error: sqlx::Error, part: &DirectoryConfig, endpoint: &Endpoint) -> DirectoryError;

    /// What a failed statement means.
    fn failed_statement(error: sqlx::Error, part: &DirectoryConfig, endpoint: &Endpoint) -> DirectoryError;
}

/// A transaction that only reads, on a pooled connection, with a time limit per statement. If it is dropped before its
/// end, what it asked for is stopped on the server.
pub(crate) trait PooledReadTx<D: Driver>: Send + Sized + 'static {
    /// Begins it, and makes sure that the table is still the one that [`Server::watch`] has seen.
    fn begin_on(
        connection: ConnectionGuard<D::Database>,
        server: &Arc<Server<D>>,
        limit: Duration,
    ) -> impl Future<Output = Result<Self>> + Send;

    /// All rows of `statement`.
    fn fetch(&mut self, statement: Statement) -> impl Future<Output = Result<Vec<RowOf<D>>>> + Send;

    /// Ends it and gives the connection back, after an answer or an error of the database's.
    fn finish(self) -> impl Future<Output = ()> + Send;
}

/// A server that let us in. Not `Debug`: the options hold the password, and show it.
pub(crate) struct Connected<D: Driver> {
    pub(crate) connection: ConnectionOf<D>,
    /// For more connections to the same server, as long as `password` is good and `wire` is held.
    pub(crate) options: OptionsOf<D>,
    pub(crate) wire: Arc<Wire>,
    pub(crate) password: Password,
    /// With the URL of that server.
    pub(crate) part: DirectoryConfig,
    pub(crate) product: D::Product,
}

/// The server that new connections are made to.
struct CurrentTarget<D: Driver> {
    options: OptionsOf<D>,
    /// The way there. Its own end takes no connection once it is dropped.
    wire: Arc<Wire>,
    part: DirectoryConfig,
    /// Which of the passwords that a command makes.
    password: u64,
}

/// The connections of one directory. Not `Debug`: the options hold the password, and show it.
pub(crate) struct Server<D: Driver> {
    pool: Pool<D::Database>,
    /// Stops what runs on `pool`; a connection of its own, as those may all be busy.
    cancel_pool: Pool<D::Database>,
    endpoint: Arc<Endpoint>,
    target: Mutex<CurrentTarget<D>>,
    /// Set once the table is known.
    pub(crate) watch: OnceLock<Watch>,
    pub(crate) product: D::Product,
    probing: Joined<Result<bool>>,
}

impl<D: Driver> Server<D> {
    /// Connects once, to learn which server it is, or why there is none.
    pub(crate) async fn open_server(endpoint: Arc<Endpoint>) -> Result<Arc<Self>> {
        let connected = D::connect_endpoint(&endpoint).await?;
        let (target, product) = CurrentTarget::leave(connected).await;
        let open_pool = |connections| {
            PoolOptions::new()
                .max_connections(connections)
                // A round trip per search; the beginning of a transaction finds out as well.
                .test_before_acquire(false)
                // Later than a probe gives up, which knows the reason.
                .acquire_timeout(endpoint.patience() + 2 * SLOW)
                .idle_timeout(IDLE_TIMEOUT)
                .connect_lazy_with(target.options.clone())
        };
        let (pool, cancel_pool) = (open_pool(POOL), open_pool(1));
        let (target, watch, probing) = (Mutex::new(target), OnceLock::new(), Joined::default());
        Ok(Arc::new(Self { pool, cancel_pool, endpoint, target, watch, product, probing }))
    }

    fn target(&self) -> MutexGuard<'_, CurrentTarget<D>> {
        self.target.lock()
    }

    /// The directory, at the server that was chosen.
    pub(crate) fn part(&self) -> DirectoryConfig {
        self.target().part.clone()
    }

    pub(crate) fn options(&self) -> OptionsOf<D> {
        self.target().options.clone()
    }

    /// For people: which of several servers answered; else nothing.
    pub(crate) fn place(&self) -> String {
        let place = D::describe_place(&self.part());
        let several = self.endpoint.hosts().len() > 1;
        place.strip_prefix("The database").filter(|_| several).unwrap_or_default().to_owned()
    }

    /// Connects once and at once, to learn why it cannot be done: the pool would try again and again, and then only say
    /// that time is up. `true`: from now on connections are made in another way. However many searches want to know,
    /// one connection is made for them.
    async fn probe(self: &Arc<Self>) -> Result<bool> {
        let server = Arc::clone(self);
        self.probing.join(|| async move { server.probe_alone().await }.boxed()).await
    }

    async fn probe_alone(&self) -> Result<bool> {
        let connected = D::connect_endpoint(&self.endpoint).await?;
        let (found, _) = CurrentTarget::leave(connected).await;
        let mut target = self.target();
        if target.part == found.part && target.password == found.password {
            return Ok(false);
        }
        *target = found;
        self.use_options(&target.options);
        Ok(true)
    }

    /// From now on connections are made with these.
    fn use_options(&self, options: &OptionsOf<D>) {
        self.pool.set_connect_options(options.clone());
        self.cancel_pool.set_connect_options(options.clone());
    }

    /// A new connection needs a password that has not expired.
    async fn freshen(&self, pool: &Pool<D::Database>) -> Result<()> {
        if !self.endpoint.makes_passwords() || pool.num_idle() > 0 {
            return Ok(());
        }
        let password = self.endpoint.password().await?;
        let mut target = self.target();
        if let Some(secret) = password.secret.filter(|_| password.number != target.password) {
            target.options = D::with_password(target.options.clone(), &secret);
            target.password = password.number;
            self.use_options(&target.options);
        }
        Ok(())
    }

    /// A connection, or at once why there is none.
    async fn lend_connection(self: &Arc<Self>) -> Result<ConnectionGuard<D::Database>> {
        self.endpoint.ready().await?;
        self.freshen(&self.pool).await?;
        let refused = |error| D::refused_login(error, &self.part(), &self.endpoint);
        let acquired = borrowing::acquire(&self.pool, || self.probe(), refused, || self.part());
        Ok(ConnectionGuard(Some(acquired.await?)))
    }

    /// A connection that is to be had within a moment; `None` when there is none.
    async fn lend_idle(&self) -> Option<ConnectionGuard<D::Database>> {
        let connection = match self.pool.try_acquire() {
            Some(connection) => connection,
            None => tokio::time::timeout(SLOW, self.pool.acquire()).await.ok()?.ok()?,
        };
        Some(ConnectionGuard(Some(connection)))
    }

    /// The connection over which others are told to stop.
    pub(crate) async fn lend_canceller(&self) -> Result<ConnectionGuard<D::Database>, sqlx::Error> {
        let _ = self.freshen(&self.cancel_pool).await;
        Ok(ConnectionGuard(Some(self.cancel_pool.acquire().await?)))
    }

    /// Begins a transaction whose statements may each take as long as `limit`.
    pub(crate) async fn begin_reading(self: &Arc<Self>, limit: Duration) -> Result<D::ReadTx> {
        let mut begun = D::ReadTx::begin_on(self.lend_connection().await?, self, limit).await;
        // Idle connections may be of a server that was restarted since: each is thrown away, once.
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

    /// The same, on a connection that is idle now; `None` when there is none, or it fails.
    pub(crate) async fn begin_on_idle(self: &Arc<Self>, limit: Duration) -> Option<D::ReadTx> {
        D::ReadTx::begin_on(self.lend_idle().await?, self, limit).await.ok()
    }

    pub(crate) fn failed(&self, error: sqlx::Error) -> DirectoryError {
        D::failed_statement(error, &self.part(), &self.endpoint)
    }

    /// Time is up: `busy` says of a server that still answers what it was too slow for.
    pub(crate) async fn late(&self, busy: impl FnOnce(&DirectoryConfig) -> DirectoryError) -> DirectoryError {
        let wire = Arc::clone(&self.target().wire);
        if wire.has_pulse().await {
            return busy(&self.part());
        }
        let silent = D::unreachable(&self.part(), "it fell silent in the middle of a question");
        self.endpoint.explained(silent).await.0
    }

    pub(crate) async fn close(&self) {
        self.pool.close().await;
        self.cancel_pool.close().await;
        let wire = Arc::clone(&self.target().wire);
        wire.closed().await;
    }
}

impl<D: Driver> CurrentTarget<D> {
    /// What is needed to connect again. The connection was only a question; how it ends does not matter.
    async fn leave(connected: Connected<D>) -> (Self, D::Product) {
        let Connected { connection, options, wire, password, part, product } = connected;
        let _ = connection.close().await;
        (Self { options, wire, part, password: password.number }, product)
    }
}

/// A connection that goes back only when that is said, and is closed otherwise: left in the middle of an exchange, the
/// rest of it would be taken for the next answer.
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

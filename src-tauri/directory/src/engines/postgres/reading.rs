//! One read-only transaction on a pooled connection, that nothing can leave running on the server.
//!
//! A future that is dropped does not stop PostgreSQL. So whoever drops a [`PgReadTx`] before its
//! end (a cancelled search, a deadline, a closed window) leaves a task behind that asks the server to
//! cancel over a second connection, and lets the first one go only when it is idle again.

use parking_lot::{Mutex, MutexGuard};
use std::fmt::Write as _;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_util::FutureExt;
use secrecy::ExposeSecret;
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions, PgRow};
use sqlx::{AssertSqlSafe, Connection, Postgres, Row, ValueRef};

use crate::config::DirectoryConfig;
use crate::engines::postgres::connect::connect;
use crate::engines::postgres::errors;
use crate::error::{DirectoryCode, DirectoryError, Result};
use crate::faults::lock_limit;
use crate::reach::borrowing::{self, SLOW};
use crate::reach::endpoint::{CONNECT_TIMEOUT, Endpoint};
use crate::reach::joined::Joined;
use crate::reach::wire::Wire;
use crate::schema::value::Value;
use crate::sql::dialect::Statement;
use crate::sql::watch::Watch;

/// Connections at the most: a search has one, and a second for a moment. The database is somebody's
/// production.
const POOL: u32 = 2;
/// An agent who reads a page leaves no connection behind for longer than this.
const IDLE_TIMEOUT: Duration = Duration::from_mins(1);

/// An idle server begins a transaction at once; a network that fell silent never does.
const SILENCE: Duration = Duration::from_secs(2);

/// A pooler with few connections to its server has none left for whoever asks it to cancel what runs on them; it lets
/// one go when its client hangs up. Else the next search would wait for those that nobody waits for.
const CANCELLED: Duration = Duration::from_secs(1);

/// The connections of one directory. Not `Debug`: the options hold the password, and show it.
pub(crate) struct PgServer {
    pool: PgPool,
    /// Cancels what runs on `pool`; a connection of its own, as those may all be busy.
    canceller: PgPool,
    endpoint: Arc<Endpoint>,
    chosen: Mutex<PgTarget>,
    /// Set once the table is known.
    watch: OnceLock<Watch>,
    probing: Joined<Result<bool>>,
}

/// The server that new connections are made to.
struct PgTarget {
    options: PgConnectOptions,
    /// The way there. Its own end takes no connection once it is dropped.
    wire: Arc<Wire>,
    part: DirectoryConfig,
    /// Which of the passwords that a command makes.
    password: u64,
}

impl PgServer {
    /// Connects once, to learn which server it is, or why there is none.
    pub(crate) async fn connect(endpoint: Arc<Endpoint>) -> Result<Arc<Self>> {
        let connected = connect(&endpoint).await?;
        // It was only a question; how it ends does not matter.
        let _ = connected.connection.close().await;
        let chosen = PgTarget {
            options: connected.options,
            wire: connected.wire,
            part: connected.part,
            password: connected.password.number,
        };
        let pool = |connections| {
            PgPoolOptions::new()
                .max_connections(connections)
                // A round trip per search; `PgReadTx::begin` finds out as well.
                .test_before_acquire(false)
                // Later than a probe gives up, which knows the reason.
                .acquire_timeout(endpoint.patience() + 2 * SLOW)
                .idle_timeout(IDLE_TIMEOUT)
                .connect_lazy_with(chosen.options.clone())
        };
        let (pool, canceller) = (pool(POOL), pool(1));
        let (chosen, watch, probing) = (Mutex::new(chosen), OnceLock::new(), Joined::default());
        Ok(Arc::new(Self { pool, canceller, endpoint, chosen, watch, probing }))
    }

    pub(crate) fn user(&self) -> String {
        self.chosen().options.get_username().to_owned()
    }

    pub(crate) fn database(&self) -> Option<String> {
        self.chosen().options.get_database().map(str::to_owned)
    }

    /// The directory, at the server that was chosen.
    pub(crate) fn part(&self) -> DirectoryConfig {
        self.chosen().part.clone()
    }

    /// For people: which of several servers answered; else nothing.
    pub(crate) fn place(&self) -> String {
        let place = errors::place(&self.part());
        let several = self.endpoint.hosts().len() > 1;
        place.strip_prefix("The database").filter(|_| several).unwrap_or_default().to_owned()
    }

    fn chosen(&self) -> MutexGuard<'_, PgTarget> {
        self.chosen.lock()
    }

    /// Connects once and at once, to learn why it cannot be done: the pool would try again and
    /// again, and then only say that time is up. `true`: from now on connections are made in another way. However many
    /// searches want to know, one connection is made for them.
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
        *chosen = PgTarget {
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
    async fn freshen(&self, pool: &PgPool) -> Result<()> {
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
    async fn acquire(self: &Arc<Self>) -> Result<PoolConnection<Postgres>> {
        self.endpoint.ready().await?;
        self.freshen(&self.pool).await?;
        borrowing::acquire(&self.pool, || self.probe(), |error| self.failed(error), || self.part()).await
    }

    pub(crate) fn failed(&self, error: sqlx::Error) -> DirectoryError {
        errors::of(error, &self.part(), &self.endpoint)
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

/// A read-only transaction with a time limit per statement.
pub(crate) struct PgReadTx {
    server: Arc<PgServer>,
    /// `None` once the connection went back.
    connection: Option<PoolConnection<Postgres>>,
    /// The server process to cancel, once it is known.
    backend: Option<i32>,
    /// A statement may still run, and nobody wants its answer.
    abandoned: bool,
    gathers: bool,
}

impl PgReadTx {
    pub(crate) async fn begin(server: &Arc<PgServer>, limit: Duration) -> Result<Self> {
        let mut begun = Self::begin_on(server.acquire().await?, server, limit).await;
        // Idle connections may be of a server that was restarted since: each is thrown away, once.
        for _ in 0..POOL {
            match begun {
                Err(error) if error.code == DirectoryCode::Unreachable => {
                    begun = Self::begin_on(server.acquire().await?, server, limit).await;
                }
                begun => return begun,
            }
        }
        begun
    }

    /// On a connection that is idle now; `None` when there is none, or it fails.
    pub(crate) async fn try_begin(server: &Arc<PgServer>, limit: Duration) -> Option<Self> {
        let connection = match server.pool.try_acquire() {
            Some(connection) => connection,
            None => tokio::time::timeout(SLOW, server.pool.acquire()).await.ok()?.ok()?,
        };
        Self::begin_on(connection, server, limit).await.ok()
    }

    async fn begin_on(
        connection: PoolConnection<Postgres>,
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
        // One round trip. The tiers of a search see one state of the table (repeatable read). The
        // settings make ::text exact and in UTC, whatever the server's or the role's defaults are;
        // a search takes one of the server's processors, and never spends its time on compiling. All
        // of it ends with the transaction, which is what poolers need.
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
            Watch::column(server.watch.get()),
        );
        let begun = sqlx::raw_sql(AssertSqlSafe(settings)).fetch_one(reading.connection());
        let begun = match tokio::time::timeout(SILENCE, begun).await {
            Ok(begun) => {
                let begun = begun.and_then(|row| Ok((row.try_get::<String, _>(0)?, text(&row, 1)?)));
                begun.map_err(|error| server.failed(error))
            }
            Err(_) => Err(errors::unreachable(&server.part(), "the connection went silent")),
        };
        match begun {
            Ok((backend, table)) => {
                reading.backend = backend.parse().ok();
                let holds = Watch::holds(server.watch.get(), table.as_ref(), &server.part());
                match holds {
                    Ok(()) => Ok(reading),
                    Err(error) => {
                        reading.finish().await;
                        Err(error)
                    }
                }
            }
            Err(error) => {
                reading.discard();
                Err(error)
            }
        }
    }

    /// From here on every transaction begins by making sure that `table` is still what it is now. Where the server
    /// does not tell, nothing does.
    pub(crate) async fn watch(&mut self, table: &str) {
        let watched = async {
            sqlx::raw_sql("SAVEPOINT watch").execute(self.connection()).await?;
            // By number: a table that is made anew has another one.
            let number = sqlx::query_scalar::<_, String>("SELECT $1::regclass::oid::text").persistent(false);
            let number = number.bind(table).fetch_one(self.connection()).await?;
            let number: u32 = number.parse().unwrap_or_default();
            // As digits: no name can end its own quotes. Another table may have taken the name.
            let name = table.bytes().fold(String::new(), |mut digits, byte| {
                let _ = write!(digits, "{byte:02x}");
                digits
            });
            let sql = format!(
                "hashtext(concat_ws('/', to_regclass(convert_from(decode('{name}', 'hex'), 'UTF8'))::oid, (SELECT string_agg(concat_ws(' ', attname, atttypid, atttypmod, attcollation),                  ',' ORDER BY attnum) FROM pg_attribute WHERE attrelid = {number} AND attnum > 0 AND NOT attisdropped),                  (SELECT string_agg(concat_ws(' ', indexrelid, indisvalid), ',' ORDER BY indexrelid)                  FROM pg_index WHERE indrelid = {number})))::text"
            );
            let seen =
                sqlx::raw_sql(AssertSqlSafe(format!("SELECT {sql}"))).fetch_one(self.connection()).await?;
            Ok::<_, sqlx::Error>(Watch { seen: text(&seen, 0)?, sql })
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
        self.connection.as_mut().expect("only the end of a reading takes its connection")
    }

    pub(crate) async fn fetch(&mut self, statement: Statement) -> Result<Vec<PgRow>> {
        // Constants and catalogue names only: see `dialect` and `schema::name`.
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
    pub(crate) async fn gather(&mut self, gathers: bool) -> Result<()> {
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

    pub(crate) fn failed(&self, error: sqlx::Error) -> DirectoryError {
        self.server.failed(error)
    }

    /// Nobody wants the answer that is still on its way.
    pub(crate) fn abandon(&mut self) {
        self.abandoned = true;
    }

    /// Ends the transaction and gives the connection back, after an answer or an error of the database's.
    pub(crate) async fn finish(mut self) {
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

impl Drop for PgReadTx {
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
async fn stop(mut connection: PoolConnection<Postgres>, backend: Option<i32>, server: Arc<PgServer>) {
    let cancelled = async {
        let Some(backend) = backend else { return Ok(()) };
        let cancel = format!("SELECT pg_cancel_backend({backend})");
        let _ = server.freshen(&server.canceller).await;
        let mut canceller = server.canceller.acquire().await?;
        sqlx::raw_sql(AssertSqlSafe(cancel)).execute(&mut *canceller).await.map(drop)
    };
    if !matches!(tokio::time::timeout(CANCELLED, cancelled).await, Ok(Ok(()))) {
        drop(connection.detach());
        return;
    }
    let stopped = async {
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
pub(crate) fn text(row: &PgRow, at: usize) -> Result<Option<String>, sqlx::Error> {
    let value = row.try_get_raw(at)?;
    if value.is_null() {
        return Ok(None);
    }
    let bytes = value.as_bytes().map_err(sqlx::Error::Decode)?;
    Ok(Some(String::from_utf8_lossy(bytes).into_owned()))
}

/// A cursor's value, exact.
pub(crate) fn value(row: &PgRow, at: usize) -> Result<Value, sqlx::Error> {
    Ok(text(row, at)?.map_or(Value::Null, Value::Text))
}

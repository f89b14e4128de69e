//! The SQLite directory: a file that is opened read-only.

mod catalogue;
mod dialect;
mod discovery;
pub(crate) mod errors;
mod index_use;
mod sidecars;
pub(crate) mod trigrams;

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqlitePool, SqlitePoolOptions, SqliteRow};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Row as _, TypeInfo, ValueRef};

pub(crate) use self::discovery::discover_tables;
use crate::clock::WallClock;
use crate::config::DirectoryConfig;
use crate::engines::sqlite::catalogue::LiteType;
use crate::engines::sqlite::dialect::Sqlite;
use crate::engines::sqlite::sidecars::OpenMode;
use crate::error::Result;
use crate::faults::table_changed_error;
use crate::model::{FieldKind, Info};
use crate::plan::TableSize;
use crate::plan::coverage::list_search_coverage;
use crate::schema::cell::shorten_cell;
use crate::schema::mapping::Mapping;
use crate::schema::name::quote_name;
use crate::schema::table::{Table, TableColumn};
use crate::schema::time;
use crate::schema::value::Value;
use crate::sql::dialect::{FetchedRow, Statement};
use crate::sql::executor::{SqlExecutor, impl_directory};

/// How many of SQLite's VM instructions run between two checks of the clock: about one row's worth, since a single
/// instruction can create a value of a gigabyte.
const INSTRUCTIONS: i32 = 50;
/// The count is optional: 100,000 users take a millisecond, ten million this long.
const COUNT_LIMIT: Duration = Duration::from_millis(250);
const IDLE_TIMEOUT: Duration = Duration::from_mins(1);
/// The page cache of a connection: 32 MB. <https://sqlite.org/pragma.html#pragma_cache_size>
const CACHE: &str = "-32000";

#[derive(Debug)]
pub(crate) struct SqliteDirectory {
    pool: SqlitePool,
    config: DirectoryConfig,
    mapping: Mapping<LiteType>,
    info: Arc<Info>,
    seen: SeenFile,
    clock: Arc<dyn WallClock>,
}

/// Identifies the file and schema that were opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct SeenFile {
    file: Option<FileIdentity>,
    way: OpenMode,
    /// Incremented by every schema change: <https://sqlite.org/pragma.html#pragma_schema_version>
    schema: i64,
}

impl SqliteDirectory {
    pub(crate) async fn open(config: &DirectoryConfig, clock: &Arc<dyn WallClock>) -> Result<Self> {
        let failed = |error| errors::from_sqlx(error, config);
        // Read before the file is opened, so that the first query notices if it is replaced meanwhile.
        let file = FileIdentity::from_path(&database_path(config)?);
        let (pool, way) = open_pool(config).await?;
        let mut connection = pool.acquire().await.map_err(failed)?;
        let version: String = sqlx::query_scalar("SELECT sqlite_version()")
            .fetch_one(&mut *connection)
            .await
            .map_err(failed)?;
        let found = catalogue::read_catalogue(&mut connection, config).await?;
        let mut mapping = Mapping::new(config, &found.table)?;
        index_use::find_index_use(&mut connection, &mut mapping, &found).await.map_err(failed)?;
        let (estimated_total, total_is_exact) =
            count_or_estimate(&mut connection, &found.table).await.map_err(failed)?;
        let seen = SeenFile { file, way, schema: schema_version(&mut connection).await.map_err(failed)? };
        drop(connection);
        let info = Arc::new(Info {
            server: format!("SQLite {version}"),
            columns: mapping.columns.clone(),
            estimated_total,
            total_is_exact,
            coverage: list_search_coverage(&mapping, &index_use::SqliteIndexes { users: &found }),
            // A file has no roles; the system controls who may read it.
            reader: Vec::new(),
            cautions: Vec::new(),
        });
        Ok(Self { pool, config: config.clone(), mapping, info, seen, clock: Arc::clone(clock) })
    }

    /// Fails if the file was replaced or its schema has changed. A replaced file would stay open here with users that
    /// the application no longer has.
    async fn is_as_seen(&self, connection: &mut SqliteConnection) -> Result<()> {
        let schema =
            schema_version(connection).await.map_err(|error| errors::from_sqlx(error, &self.config))?;
        let now = SeenFile {
            file: FileIdentity::from_path(&database_path(&self.config)?),
            way: self.seen.way,
            schema,
        };
        let what = match () {
            () if now.file != self.seen.file => "the file was replaced",
            () if now.schema != self.seen.schema => "a table or an index was changed",
            () => return Ok(()),
        };
        Err(table_changed_error(&self.config, what))
    }

    /// Fails if another program has opened or closed the file since, which changes how it has to be read.
    fn stands_as_seen(&self) -> Result<()> {
        if OpenMode::for_file(&database_path(&self.config)?)? == self.seen.way {
            return Ok(());
        }
        Err(table_changed_error(&self.config, "another program has opened, written or closed the file"))
    }

    fn decode_row(&self, row: &SqliteRow) -> Result<FetchedRow, sqlx::Error> {
        let shown = &self.mapping.shown;
        let cells =
            shown.iter().enumerate().map(|(at, column)| Ok(format_cell(decode_value(row, at + 1)?, column)));
        let segment = decode_value(row, 0)?.into_text().and_then(|text| text.parse().ok());
        let id = decode_value(row, shown.len() + 1)?;
        Ok(FetchedRow {
            segment: segment.unwrap_or_default(),
            cells: cells.collect::<Result<_, sqlx::Error>>()?,
            shown_id: if let Value::Blob(bytes) = &id {
                Some(self.mapping.id().bytes.to_display_text(bytes))
            } else {
                None
            },
            id,
            key: decode_value(row, shown.len() + 2)?,
        })
    }
}

fn database_path(config: &DirectoryConfig) -> Result<PathBuf> {
    let options = SqliteConnectOptions::from_str(&config.url);
    let options = options.map_err(|error| errors::from_sqlx(error, config))?;
    Ok(local_path(options.get_filename()))
}

async fn schema_version(connection: &mut SqliteConnection) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar("PRAGMA schema_version").fetch_one(connection).await
}

/// Identifies the file at a path; changes if the file is replaced by renaming.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct FileIdentity {
    device: u64,
    inode: u64,
}

impl FileIdentity {
    /// `None` if there is no file.
    #[cfg(unix)]
    fn from_path(path: &Path) -> Option<Self> {
        use std::os::unix::fs::MetadataExt;
        let metadata = std::fs::metadata(path).ok()?;
        Some(Self { device: metadata.dev(), inode: metadata.ino() })
    }

    /// Windows cannot replace an open file. A file that was replaced while it was closed has a later creation time.
    #[cfg(not(unix))]
    fn from_path(path: &Path) -> Option<Self> {
        let made = std::fs::metadata(path).ok()?.created().ok()?;
        let since = made.duration_since(std::time::UNIX_EPOCH).ok()?;
        Some(Self { device: since.as_secs(), inode: since.subsec_nanos().into() })
    }
}

/// Opens the file read-only, and returns in which way.
async fn open_pool(config: &DirectoryConfig) -> Result<(SqlitePool, OpenMode)> {
    let failed = |error| errors::from_sqlx(error, config);
    let limit = query_timeout(config);
    let path = database_path(config)?;
    if let Some(error) = errors::file_open_error(&path) {
        return Err(error);
    }
    let way = OpenMode::for_file(&path)?;
    let options = SqliteConnectOptions::from_str(&config.url)
        .map_err(failed)?
        .filename(&path)
        .in_memory(false)
        .read_only(true)
        .create_if_missing(false)
        // Immutable only if no one writes to it: otherwise SQLite could read torn pages.
        .immutable(matches!(way, OpenMode::Still(_)))
        .busy_timeout(limit)
        .pragma("query_only", "ON")
        .pragma("cache_size", CACHE)
        .disable_statement_logging();
    let pool = SqlitePoolOptions::new()
        .max_connections(2)
        .acquire_timeout(limit.max(Duration::from_secs(5)))
        .idle_timeout(IDLE_TIMEOUT)
        .connect_with(options)
        .await
        .map_err(failed)?;
    Ok((pool, way))
}

/// A query with its bound values.
fn bind_values(
    statement: Statement,
) -> sqlx::query::Query<'static, sqlx::Sqlite, sqlx::sqlite::SqliteArguments> {
    // Only constants and catalogue names: see `dialect` and `schema::name`.
    let mut query = sqlx::query(AssertSqlSafe(statement.sql));
    for value in statement.binds {
        query = match value {
            Value::Null => query.bind(None::<String>),
            Value::Integer(integer) => query.bind(integer),
            Value::Real(bits) => query.bind(f64::from_bits(bits)),
            Value::Text(text) => query.bind(text),
            Value::BrokenText(bytes) | Value::Blob(bytes) => query.bind(bytes),
        };
    }
    query
}

impl SqlExecutor for SqliteDirectory {
    type Dialect = Sqlite;
    type ReadTx = SqliteConnection;

    fn clock(&self) -> &dyn WallClock {
        &*self.clock
    }

    fn shared_info(&self) -> &Arc<Info> {
        &self.info
    }

    fn mapping(&self) -> &Mapping<LiteType> {
        &self.mapping
    }

    fn table_size(&self) -> TableSize {
        TableSize { rows: self.info.estimated_total, limit_ms: self.config.timeout_ms }
    }

    /// Runs `ask` in one transaction, within the connection's time limit. Dropping the future stops the query.
    async fn run_in_transaction<T>(
        &self,
        ask: impl AsyncFnOnce(&mut SqliteConnection) -> Result<T>,
    ) -> Result<Result<T>> {
        let failed = |error| errors::from_sqlx(error, &self.config);
        // Checked before connecting, which may create files next to the database.
        self.stands_as_seen()?;
        let mut connection = self.pool.acquire().await.map_err(failed)?;
        let stop = set_deadline(&mut connection, Instant::now() + query_timeout(&self.config))
            .await
            .map_err(failed)?;
        // All tiers of a search see the same state of the file.
        let mut transaction = connection.begin().await.map_err(failed)?;
        self.is_as_seen(&mut transaction).await?;
        // Declared after the transaction so that it is dropped first, and the end of the transaction does not wait for
        // the statement.
        let stop = StopOnDrop(stop);
        let answer = ask(&mut transaction).await;
        // Nothing was written, so a failed rollback does not matter.
        let _ = transaction.rollback().await;
        drop(stop);
        if matches!(self.seen.way, OpenMode::Still(_)) {
            // No lock prevented writes meanwhile.
            self.stands_as_seen()?;
        }
        Ok(answer)
    }

    async fn fetch_rows(
        &self,
        connection: &mut SqliteConnection,
        statement: Statement,
    ) -> Result<Vec<FetchedRow>> {
        let failed = |error| errors::from_sqlx(error, &self.config);
        let rows = bind_values(statement).fetch_all(connection).await.map_err(failed)?;
        rows.iter().map(|row| self.decode_row(row)).collect::<Result<_, _>>().map_err(failed)
    }

    async fn fetch_texts(
        &self,
        connection: &mut SqliteConnection,
        statement: Statement,
    ) -> Result<Vec<String>> {
        let failed = |error| errors::from_sqlx(error, &self.config);
        let rows = bind_values(statement).fetch_all(connection).await.map_err(failed)?;
        let texts: Result<Vec<Value>, _> = rows.iter().map(|row| decode_value(row, 0)).collect();
        // A number or bytes among texts are of no use for completion.
        let text = |value| if let Value::Text(text) = value { Some(text) } else { None };
        Ok(texts.map_err(failed)?.into_iter().filter_map(text).collect())
    }

    async fn fetch_number(&self, connection: &mut SqliteConnection, statement: Statement) -> Result<u64> {
        let row = bind_values(statement).fetch_one(connection).await;
        let number = row
            .and_then(|row| decode_value(&row, 0))
            .map_err(|error| errors::from_sqlx(error, &self.config))?;
        Ok(number.into_text().and_then(|text| text.parse().ok()).unwrap_or_default())
    }

    async fn close_connections(&self) {
        self.pool.close().await;
    }
}

impl_directory!(SqliteDirectory);

/// Stops the connection's running statement on drop.
struct StopOnDrop(Arc<AtomicBool>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Lets `connection` work until `deadline` or until the returned flag is set. Replaces the limit of the connection's
/// previous user.
async fn set_deadline(
    connection: &mut SqliteConnection,
    deadline: Instant,
) -> Result<Arc<AtomicBool>, sqlx::Error> {
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    connection.lock_handle().await?.set_progress_handler(INSTRUCTIONS, move || {
        !stopped.load(Ordering::Relaxed) && Instant::now() < deadline
    });
    Ok(stop)
}

fn query_timeout(config: &DirectoryConfig) -> Duration {
    Duration::from_millis(config.timeout_ms.into())
}

/// On systems with drive letters, `sqlite:///C:/users.sqlite` means `C:/users.sqlite`.
fn local_path(path: &Path) -> PathBuf {
    let text = path.to_string_lossy();
    match text.strip_prefix('/') {
        Some(rest) if cfg!(windows) && rest.as_bytes().get(1) == Some(&b':') => rest.into(),
        _ => path.to_owned(),
    }
}

fn decode_value(row: &SqliteRow, at: usize) -> Result<Value, sqlx::Error> {
    let raw = row.try_get_raw(at)?;
    if raw.is_null() {
        return Ok(Value::Null);
    }
    let holds = raw.type_info().name().to_owned();
    Ok(match holds.as_str() {
        "INTEGER" => Value::Integer(row.try_get_unchecked(at)?),
        "REAL" => Value::Real(row.try_get_unchecked::<f64, _>(at)?.to_bits()),
        "BLOB" => Value::Blob(row.try_get_unchecked(at)?),
        // Any other type can be read as bytes.
        _ => match String::from_utf8(row.try_get_unchecked(at)?) {
            Ok(text) => Value::Text(text),
            Err(broken) => Value::BrokenText(broken.into_bytes()),
        },
    })
}

/// A value for display. SQLite has neither booleans nor times, so the declared type determines what a number means.
fn format_cell(value: Value, column: &TableColumn<LiteType>) -> Option<String> {
    match (column.kind, value) {
        (FieldKind::Boolean, Value::Integer(truth @ 0..=1)) => Some((truth == 1).to_string()),
        (FieldKind::Time, Value::Blob(bytes)) => Some(time::from_text(column.bytes.to_cell(&bytes))),
        (FieldKind::Time, value) => value.into_text().map(|text| time::from_text(shorten_cell(text))),
        (_, Value::Blob(bytes)) => Some(column.bytes.to_cell(&bytes)),
        (_, value) => value.into_text().map(shorten_cell),
    }
}

/// The number of users: counted if that is quick, otherwise from ANALYZE or the rowids.
async fn count_or_estimate(
    connection: &mut SqliteConnection,
    table: &Table<LiteType>,
) -> Result<(Option<u64>, bool), sqlx::Error> {
    let from = format!("{}.{}", quote_name(&table.schema), quote_name(&table.name));
    let count = format!("SELECT count(*) FROM {from}");
    set_deadline(connection, Instant::now() + COUNT_LIMIT).await?;
    let counted: Result<i64, _> = sqlx::query_scalar(AssertSqlSafe(count)).fetch_one(&mut *connection).await;
    let mut rows = counted.ok();
    let exact = rows.is_some();
    if rows.is_none() {
        set_deadline(connection, Instant::now() + COUNT_LIMIT).await?;
        // `stat` starts with the number of rows. The table does not exist before the first ANALYZE.
        let analysed: Result<String, _> =
            sqlx::query_scalar("SELECT stat FROM main.sqlite_stat1 WHERE tbl = ?1 LIMIT 1")
                .bind(table.name.as_str())
                .fetch_one(&mut *connection)
                .await;
        rows = analysed.ok().and_then(|stat| stat.split(' ').next()?.parse().ok());
    }
    if rows.is_none() {
        // An upper bound: rowids of deleted rows are usually not reused. Views have none.
        let highest = format!("SELECT max(rowid) FROM {from}");
        let highest: Result<Option<i64>, _> =
            sqlx::query_scalar(AssertSqlSafe(highest)).fetch_one(&mut *connection).await;
        rows = highest.ok().flatten();
    }
    connection.lock_handle().await?.remove_progress_handler();
    Ok((rows.and_then(|rows| u64::try_from(rows).ok()), exact))
}

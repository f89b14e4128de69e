//! The SQLite directory: a file that is opened read-only.

mod catalogue;
mod dialect;
mod discovery;
pub(crate) mod errors;
mod file;
mod index_use;
mod reading;
mod sidecars;
pub(crate) mod trigrams;

use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::sqlite::{SqliteConnection, SqlitePool, SqliteRow};
use sqlx::{AssertSqlSafe, Connection};

use self::file::{FileIdentity, SeenFile, database_path, open_pool, schema_version};
use self::reading::{StopOnDrop, bind_values, decode_value, format_cell, set_deadline};
use crate::clock::WallClock;
use crate::config::DirectoryConfig;
use crate::engines::sqlite::catalogue::LiteType;
use crate::engines::sqlite::dialect::Sqlite;
use crate::engines::sqlite::sidecars::OpenMode;
use crate::error::Result;
use crate::faults::table_changed_error;
use crate::model::Info;
use crate::plan::TableSize;
use crate::plan::coverage::list_search_coverage;
use crate::schema::mapping::Mapping;
use crate::schema::name::quote_name;
use crate::schema::table::Table;
use crate::schema::value::Value;
use crate::sql::dialect::{FetchedRow, Statement};
use crate::sql::executor::{SqlExecutor, impl_directory};

pub(crate) use self::discovery::discover_tables;

/// The count is optional: 100,000 users take a millisecond, ten million this long.
const COUNT_LIMIT: Duration = Duration::from_millis(250);

#[derive(Debug)]
pub(crate) struct SqliteDirectory {
    pool: SqlitePool,
    config: DirectoryConfig,
    mapping: Mapping<LiteType>,
    info: Arc<Info>,
    seen: SeenFile,
    clock: Arc<dyn WallClock>,
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
        let server = format!("SQLite {version}");
        let (mapping, info) = Self::read_table(&mut connection, config, server).await?;
        let seen = SeenFile { file, way, schema: schema_version(&mut connection).await.map_err(failed)? };
        drop(connection);
        Ok(Self { pool, config: config.clone(), mapping, info, seen, clock: Arc::clone(clock) })
    }

    async fn read_table(
        connection: &mut SqliteConnection,
        config: &DirectoryConfig,
        server: String,
    ) -> Result<(Mapping<LiteType>, Arc<Info>)> {
        let failed = |error| errors::from_sqlx(error, config);
        let found = catalogue::read_catalogue(connection, config).await?;
        let mut mapping = Mapping::new(config, &found.table)?;
        index_use::find_index_use(connection, &mut mapping, &found).await.map_err(failed)?;
        let (estimated_total, total_is_exact) =
            count_or_estimate(connection, &found.table).await.map_err(failed)?;
        let info = Arc::new(Info {
            server,
            columns: mapping.columns.clone(),
            estimated_total,
            total_is_exact,
            coverage: list_search_coverage(&mapping, &index_use::SqliteIndexes { users: &found }),
            // A file has no roles; the system controls who may read it.
            reader: Vec::new(),
            cautions: Vec::new(),
            related: Vec::new(),
        });
        Ok((mapping, info))
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

    async fn open_another_table(&self, config: &DirectoryConfig) -> Result<Self> {
        let mut connection = self.pool.acquire().await.map_err(|error| errors::from_sqlx(error, config))?;
        let (mapping, info) = Self::read_table(&mut connection, config, self.info.server.clone()).await?;
        drop(connection);
        let (pool, seen, clock) = (self.pool.clone(), self.seen, Arc::clone(&self.clock));
        Ok(Self { pool, config: config.clone(), mapping, info, seen, clock })
    }

    async fn close_connections(&self) {
        self.pool.close().await;
    }
}

impl_directory!(SqliteDirectory);

fn query_timeout(config: &DirectoryConfig) -> Duration {
    Duration::from_millis(config.timeout_ms.into())
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

//! The PostgreSQL directory.

mod advice;
mod catalogue;
mod connect;
mod dialect;
mod discovery;
pub(crate) mod errors;
mod index_use;
mod reading;
mod refusals;
mod row_security;

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, Row as _};
use tokio_util::sync::CancellationToken;

pub(crate) use self::discovery::discover_tables;
use crate::config::DirectoryConfig;
use crate::directory::Directory;
use crate::engines::postgres::catalogue::PgType;
use crate::engines::postgres::dialect::{Postgres, rfc3339};
use crate::engines::postgres::reading::{PgReadTx, PgServer};
use crate::error::Result;
use crate::faults::{stopped, timed_out, undescribed};
use crate::model::Caution;
use crate::model::{Count, FieldKind, Info, ListRequest, Page, Row};
use crate::plan::{AccessPath, Size};
use crate::reach::endpoint::Endpoint;
use crate::reach::password_source::PasswordSource;
use crate::reach::retry::again;
use crate::schema::bytes::from_hex;
use crate::schema::cell::shortened;
use crate::schema::mapping::Mapping;
use crate::schema::table::TableColumn;
use crate::schema::time;
use crate::schema::value::Value;
use crate::sql::dialect::{Fetched, Statement, one_user, the_one};
use crate::sql::executor;
use crate::sql::executor::SqlExecutor;
use crate::sql::list::PageStep;
use crate::sql::values;

/// Reading the catalogue takes milliseconds; a server that needs longer is in trouble.
const OPEN_LIMIT: Duration = Duration::from_secs(10);
/// An index that finds few rows has them by then, on one connection.
const HEAD_START: Duration = Duration::from_millis(2);
/// Counting is a nicety: rows and time it may take.
const COUNTED_ROWS: u64 = 100_000;
const COUNT_LIMIT_MS: u64 = 1000;

pub(crate) struct PostgresDirectory {
    server: Arc<PgServer>,
    part: DirectoryConfig,
    mapping: Mapping<PgType>,
    info: Arc<Info>,
}

impl PostgresDirectory {
    pub(crate) async fn open(part: &DirectoryConfig, passwords: &Arc<dyn PasswordSource>) -> Result<Self> {
        let server = PgServer::connect(Endpoint::new(part, passwords)?).await?;
        let part = &server.part();
        let mut reading = PgReadTx::begin(&server, OPEN_LIMIT).await?;
        let read = async {
            let version = sqlx::raw_sql("SHOW server_version").fetch_one(reading.connection()).await;
            let version: String =
                version.and_then(|row| row.try_get(0)).map_err(|error| server.failed(error))?;
            let found = catalogue::read(reading.connection(), part, &server.user()).await?;
            let mut mapping = Mapping::new(part, &found.table)?;
            // `15.18 (Debian 15.18-0+deb12u1)`: the packager matters to nobody here.
            let version = version.split(' ').next().unwrap_or_default();
            index_use::find(&mut reading, &mut mapping, found.indexed.as_ref(), version).await?;
            reading.watch(&mapping.table).await;
            let guarded = row_security::read(&mut reading, &found.oid).await;
            let cautions: Vec<Caution> = guarded.iter().filter_map(row_security::Guarded::caution).collect();
            let estimate = found.estimated_rows.filter(|_| cautions.is_empty());
            let (estimated_total, total_is_exact) = total(&mut reading, estimate, &mapping).await;
            let info = Arc::new(Info {
                server: format!("PostgreSQL {version}{}", server.place()),
                columns: mapping.columns.clone(),
                estimated_total,
                total_is_exact,
                coverage: advice::services(&mapping, &found),
                reader: advice::reader(&mapping, &found.table, server.database().as_deref(), &guarded),
                cautions,
            });
            Ok((mapping, info))
        };
        // The limit is per statement; a network that fell silent keeps none.
        let read = tokio::time::timeout(OPEN_LIMIT, read).await;
        let read = if let Ok(read) = read {
            read
        } else {
            reading.abandon();
            Err(server.late(|part| undescribed(&part.table, OPEN_LIMIT)).await)
        };
        reading.finish().await;
        match read {
            Ok((mapping, info)) => Ok(Self { server, part: part.clone(), mapping, info }),
            Err(error) => {
                server.close().await;
                Err(error)
            }
        }
    }

    fn limit(&self) -> Duration {
        Duration::from_millis(self.part.timeout_ms.into())
    }

    /// The rows of `statement` when they fill the page; on a second connection, if one is idle.
    async fn newest(&self, statement: Statement, wanted: usize) -> Option<Vec<Fetched>> {
        let mut reading = PgReadTx::try_begin(&self.server, self.limit()).await?;
        let rows = self.fetch(&mut reading, statement).await.ok();
        drop(tokio::spawn(reading.finish()));
        rows.filter(|rows| rows.len() >= wanted)
    }

    fn decoded(&self, row: &PgRow) -> Result<Fetched, sqlx::Error> {
        let shown = &self.mapping.shown;
        let mut cells = Vec::with_capacity(shown.len());
        for (at, column) in shown.iter().enumerate() {
            cells.push(reading::text(row, at + 1)?.map(|text| cell(column, text)));
        }
        let id = reading::value(row, shown.len() + 1)?;
        let kept = id.clone().into_text().filter(|_| dialect::is_bytes(self.mapping.id()));
        Ok(Fetched {
            segment: reading::text(row, 0)?.and_then(|text| text.parse().ok()).unwrap_or_default(),
            cells,
            id,
            shown_id: kept
                .and_then(|kept| from_hex(&kept))
                .map(|bytes| self.mapping.id().bytes.shown(&bytes)),
            key: reading::value(row, shown.len() + 2)?,
        })
    }
}

impl SqlExecutor for PostgresDirectory {
    type Dialect = Postgres;
    type ReadTx = PgReadTx;

    fn mapping(&self) -> &Mapping<PgType> {
        &self.mapping
    }

    fn size(&self) -> Size {
        Size { rows: self.info.estimated_total, limit_ms: self.part.timeout_ms }
    }

    /// Runs `ask` in a read-only transaction, within the connection's time.
    async fn read<T>(&self, ask: impl AsyncFnOnce(&mut PgReadTx) -> Result<T>) -> Result<Result<T>> {
        let limit = self.limit();
        let mut reading = PgReadTx::begin(&self.server, limit).await?;
        let started = Instant::now();
        // The server's limit is per statement; this one is for all of them. When it strikes, or
        // whoever waits for us goes away, dropping `reading` stops the server.
        let Ok(answer) = tokio::time::timeout(limit, ask(&mut reading)).await else {
            drop(reading);
            return Err(self.server.late(timed_out).await);
        };
        match &answer {
            // Nobody waits for the end of a transaction that only read.
            Ok(_) => drop(tokio::spawn(reading.finish())),
            Err(_) => reading.finish().await,
        }
        // One code for two causes: the limit, and somebody who stopped it before.
        let early = started.elapsed() < limit.mul_f32(0.9);
        Ok(answer.map_err(|error| if early && error == timed_out(&self.part) { stopped() } else { error }))
    }

    async fn fetch(&self, reading: &mut PgReadTx, statement: Statement) -> Result<Vec<Fetched>> {
        let rows = reading.fetch(statement).await?;
        rows.iter()
            .map(|row| self.decoded(row))
            .collect::<Result<_, _>>()
            .map_err(|error| self.server.failed(error))
    }

    async fn texts(&self, reading: &mut PgReadTx, statement: Statement) -> Result<Vec<String>> {
        let rows = reading.fetch(statement).await?;
        let texts: Result<Vec<Option<String>>, _> = rows.iter().map(|row| reading::text(row, 0)).collect();
        Ok(texts.map_err(|error| self.server.failed(error))?.into_iter().flatten().collect())
    }

    async fn number(&self, reading: &mut PgReadTx, statement: Statement) -> Result<u64> {
        let rows = reading.fetch(statement).await?;
        let text = rows.first().map(|row| reading::text(row, 0)).transpose();
        let text = text.map_err(|error| self.server.failed(error))?.flatten().unwrap_or_default();
        Ok(text.parse().unwrap_or_default())
    }

    async fn step(&self, reading: &mut PgReadTx, step: PageStep) -> Result<Vec<Fetched>> {
        reading.gather(step.reach == AccessPath::Gathered).await?;
        let Some(newest) = step.newest else {
            return self.fetch(reading, step.statement).await;
        };
        // Two ways to the same rows: by an index that has to gather all of them before it can order
        // them, and through the newest ones, which is quicker exactly when there are many.
        let newest = async {
            tokio::time::sleep(HEAD_START).await;
            self.newest(newest, step.wanted).await
        };
        tokio::select! {
            rows = self.fetch(reading, step.statement) => rows,
            Some(rows) = newest => {
                // The other statement still runs: the transaction cannot go on.
                reading.abandon();
                Ok(rows)
            }
        }
    }
}

#[async_trait]
impl Directory for PostgresDirectory {
    fn info(&self) -> Arc<Info> {
        Arc::clone(&self.info)
    }

    async fn search(&self, query: &ListRequest, cancel: &CancellationToken) -> Result<Page> {
        executor::search(self, query, cancel).await
    }

    async fn count(&self, text: &str, cancel: &CancellationToken) -> Result<Count> {
        executor::count(self, text, cancel).await
    }

    async fn user(&self, id: &str) -> Result<Option<Row>> {
        let Some(statement) = one_user::<Postgres>(&self.mapping, id) else {
            return Ok(None);
        };
        let ask = || self.read(async |reading: &mut PgReadTx| self.fetch(reading, statement.clone()).await);
        let rows = again(ask).await?;
        the_one(rows, id)
    }

    async fn values(&self, column: usize) -> Result<Vec<String>> {
        let shown = &self.mapping.shown[column];
        let statistics = shown.within.is_none().then(|| statistics(&self.mapping.table, shown));
        values::values(self, column, statistics).await
    }

    async fn close(&self) {
        self.server.close().await;
    }
}

/// What ANALYZE found to be the commonest values, of columns that the role may read and no policy hides.
/// <https://www.postgresql.org/docs/current/view-pg-stats.html>
fn statistics(table: &str, column: &TableColumn<PgType>) -> Statement {
    let mut statement = Statement::default();
    let table = statement.bind('$', Value::Text(table.to_owned()));
    let name = statement.bind('$', Value::Text(column.own().as_str().to_owned()));
    statement.sql = format!(
        "SELECT common.value FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
         JOIN pg_stats s ON s.schemaname = n.nspname AND s.tablename = c.relname \
         CROSS JOIN unnest(s.most_common_vals::text::text[]) WITH ORDINALITY AS common (value, place) \
         WHERE c.oid = {table}::text::regclass AND s.attname = {name} ORDER BY s.inherited DESC, common.place LIMIT {}",
        crate::query::values::VALUES
    );
    statement
}

/// A cell as people read it.
fn cell(column: &TableColumn<PgType>, text: String) -> String {
    let text = match from_hex(&text).filter(|_| dialect::is_bytes(column)) {
        Some(bytes) => column.bytes.cell(&bytes),
        None => text,
    };
    match column.kind {
        FieldKind::Time if dialect::is_temporal(column) => rfc3339(text),
        FieldKind::Time => time::from_text(shortened(text)),
        _ => shortened(text),
    }
}

/// How many users there are: the planner's `estimate`, or else a count that gives up early.
async fn total(
    reading: &mut PgReadTx,
    estimate: Option<u64>,
    mapping: &Mapping<PgType>,
) -> (Option<u64>, bool) {
    if estimate.is_some() {
        return (estimate, false);
    }
    // The last statement of its transaction: it may fail.
    let count = format!(
        "SET LOCAL statement_timeout = {COUNT_LIMIT_MS}; \
         SELECT count(*)::text FROM (SELECT FROM {} LIMIT {}) AS counted",
        mapping.table,
        COUNTED_ROWS + 1
    );
    let counted = sqlx::raw_sql(AssertSqlSafe(count)).fetch_one(reading.connection()).await;
    let count = counted.ok().and_then(|row| row.try_get::<String, _>(0).ok()?.parse().ok());
    match count {
        Some(count) if count <= COUNTED_ROWS => (Some(count), true),
        _ => (None, false),
    }
}

//! The MySQL and MariaDB directory.

mod advice;
mod catalogue;
mod connect;
mod dialect;
mod discovery;
mod errors;
pub(crate) mod index_use;
pub(crate) mod reading;
mod server;
pub(crate) mod types;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use sqlx::mysql::MySqlRow;
use sqlx::{Row as _, TypeInfo, ValueRef};
use tokio_util::sync::CancellationToken;

pub(crate) use self::discovery::discover_tables;
use crate::config::DirectoryConfig;
use crate::directory::Directory;
use crate::engines::mysql::catalogue::MySqlCatalogue;
use crate::engines::mysql::dialect::MySql;
use crate::engines::mysql::reading::{MySqlReadTx, text};
use crate::engines::mysql::server::MySqlServer;
use crate::engines::mysql::types::{MyType, rfc3339};
use crate::error::{DirectoryError, Result};
use crate::faults::{timed_out, undescribed};
use crate::model::{Count, FieldKind, Info, ListRequest, Page, Row};
use crate::plan::Size;
use crate::reach::endpoint::Endpoint;
use crate::reach::password_source::PasswordSource;
use crate::reach::retry::again;
use crate::schema::bytes::from_hex;
use crate::schema::cell::shortened;
use crate::schema::mapping::Mapping;
use crate::schema::table::TableColumn;
use crate::schema::time;
use crate::schema::value::Value;
use crate::sql::dialect::{Dialect, Fetched, Statement, one_user, the_one};
use crate::sql::executor;
use crate::sql::executor::SqlExecutor;
use crate::sql::values;

/// Reading the catalogue takes milliseconds; a server that needs longer is in trouble.
const OPEN_LIMIT: Duration = Duration::from_secs(10);
/// Counting is a nicety: rows and time it may take.
const COUNTED_ROWS: u64 = 100_000;
const COUNT_LIMIT: Duration = Duration::from_secs(1);

pub(crate) struct MySqlDirectory {
    server: Arc<MySqlServer>,
    part: DirectoryConfig,
    mapping: Mapping<MyType>,
    info: Arc<Info>,
}

impl MySqlDirectory {
    pub(crate) async fn open(part: &DirectoryConfig, passwords: &Arc<dyn PasswordSource>) -> Result<Self> {
        let server = MySqlServer::connect(Endpoint::new(part, passwords)?).await?;
        match Self::read_catalogue(&server, &server.part()).await {
            Ok((mapping, info)) => Ok(Self { server, part: part.clone(), mapping, info }),
            Err(error) => {
                server.close().await;
                Err(error)
            }
        }
    }

    async fn read_catalogue(
        server: &Arc<MySqlServer>,
        part: &DirectoryConfig,
    ) -> Result<(Mapping<MyType>, Arc<Info>)> {
        let mut reading = MySqlReadTx::begin(server, OPEN_LIMIT).await?;
        let read = async {
            let found = catalogue::read(&mut reading, part).await?;
            let mut mapping = Mapping::new(part, &found.table)?;
            for column in mapping.shown.iter_mut().chain(&mut mapping.search) {
                // What is as long as a UUID and no longer or shorter is one.
                column.bytes.uuids |= matches!(column.db_type, MyType::Binary { uuid: true, .. });
            }
            reading.watch(found.table.schema.as_str(), found.table.name.as_str()).await?;
            Ok::<_, DirectoryError>((found, mapping))
        };
        // The limit is per statement; a network that fell silent keeps none.
        let Ok(read) = tokio::time::timeout(OPEN_LIMIT, read).await else {
            drop(reading);
            return Err(server.late(|part| undescribed(&part.table, OPEN_LIMIT)).await);
        };
        let (found, mapping) = read?;
        reading.finish().await;
        let (estimated_total, total_is_exact) = total(server, &found, &mapping).await;
        let info = Arc::new(Info {
            server: server.name(),
            columns: mapping.columns.clone(),
            estimated_total,
            total_is_exact,
            coverage: advice::services(&mapping, &found, server.flavour),
            reader: advice::reader(&mapping),
            cautions: Vec::new(),
        });
        Ok((mapping, info))
    }

    fn decoded(&self, row: &MySqlRow) -> Result<Fetched, sqlx::Error> {
        let shown = &self.mapping.shown;
        let mut cells = Vec::with_capacity(shown.len());
        for (at, column) in shown.iter().enumerate() {
            cells.push(text(row, at + 1)?.map(|text| cell(column, text)));
        }
        let (id, column) = (value(row, shown.len() + 1)?, self.mapping.id());
        let kept = id.clone().into_text().filter(|_| matches!(column.db_type, MyType::Binary { .. }));
        Ok(Fetched {
            segment: text(row, 0)?.and_then(|text| text.parse().ok()).unwrap_or_default(),
            cells,
            id,
            shown_id: kept.and_then(|kept| from_hex(&kept)).map(|bytes| column.bytes.shown(&bytes)),
            key: value(row, shown.len() + 2)?,
        })
    }
}

impl SqlExecutor for MySqlDirectory {
    type Dialect = MySql;
    type ReadTx = MySqlReadTx;

    fn mapping(&self) -> &Mapping<MyType> {
        &self.mapping
    }

    fn size(&self) -> Size {
        Size { rows: self.info.estimated_total, limit_ms: self.part.timeout_ms }
    }

    /// Runs `ask` in a read-only transaction, within the connection's time.
    async fn read<T>(&self, ask: impl AsyncFnOnce(&mut MySqlReadTx) -> Result<T>) -> Result<Result<T>> {
        let limit = Duration::from_millis(self.part.timeout_ms.into());
        let mut reading = MySqlReadTx::begin(&self.server, limit).await?;
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
        Ok(answer)
    }

    async fn fetch(&self, reading: &mut MySqlReadTx, statement: Statement) -> Result<Vec<Fetched>> {
        let rows = reading.fetch(statement).await?;
        rows.iter()
            .map(|row| self.decoded(row))
            .collect::<Result<_, _>>()
            .map_err(|error| self.server.failed(error))
    }

    async fn texts(&self, reading: &mut MySqlReadTx, statement: Statement) -> Result<Vec<String>> {
        let rows = reading.fetch(statement).await?;
        let texts: Result<Vec<Option<String>>, _> = rows.iter().map(|row| text(row, 0)).collect();
        Ok(texts.map_err(|error| self.server.failed(error))?.into_iter().flatten().collect())
    }

    async fn number(&self, reading: &mut MySqlReadTx, statement: Statement) -> Result<u64> {
        Ok(number(&reading.fetch(statement).await?).unwrap_or_default())
    }
}

#[async_trait]
impl Directory for MySqlDirectory {
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
        let Some(statement) = one_user::<MySql>(&self.mapping, id) else {
            return Ok(None);
        };
        let ask =
            || self.read(async |reading: &mut MySqlReadTx| self.fetch(reading, statement.clone()).await);
        let rows = again(ask).await?;
        the_one(rows, id)
    }

    async fn values(&self, column: usize) -> Result<Vec<String>> {
        values::values(self, column, None).await
    }

    async fn close(&self) {
        self.server.close().await;
    }
}

/// A cell as people read it.
fn cell(column: &TableColumn<MyType>, text: String) -> String {
    let text = match (&column.db_type, from_hex(&text)) {
        (MyType::Timestamp, _) => return rfc3339(text, true),
        (MyType::DateTime, _) => return rfc3339(text, false),
        (MyType::Real { is_single: true }, _) => single(&text),
        (MyType::Binary { .. }, Some(bytes)) => column.bytes.cell(&bytes),
        _ => shortened(text),
    };
    if column.kind == FieldKind::Time { time::from_text(text) } else { text }
}

/// A float, which comes as the double that it is, with the digits that tell it from others.
fn single(double: &str) -> String {
    #[allow(clippy::cast_possible_truncation, reason = "it was a float")]
    let shortest = |number: f64| (number as f32).to_string();
    double.parse().map_or_else(|_| double.to_owned(), shortest)
}

/// A cursor's value, exact.
fn value(row: &MySqlRow, at: usize) -> Result<Value, sqlx::Error> {
    let is_double = row.try_get_raw(at)?.type_info().name() == "DOUBLE";
    if is_double {
        let number: Option<f64> = row.try_get_unchecked(at)?;
        return Ok(number.map_or(Value::Null, |number| Value::Real(number.to_bits())));
    }
    Ok(text(row, at)?.map_or(Value::Null, Value::Text))
}

/// The one number that a statement asked for.
fn number(rows: &[MySqlRow]) -> Option<u64> {
    text(rows.first()?, 0).ok()??.parse().ok()
}

/// How many users there are: counted while they are few, else as the storage engine guesses.
async fn total(
    server: &Arc<MySqlServer>,
    found: &MySqlCatalogue,
    mapping: &Mapping<MyType>,
) -> (Option<u64>, bool) {
    // The guess may be half or double of the truth.
    if found.estimated_rows.is_some_and(|rows| rows > COUNTED_ROWS) {
        return (found.estimated_rows, false);
    }
    let sql = format!(
        "SELECT {} FROM (SELECT 1 FROM {} LIMIT {}) AS counted",
        MySql::COUNT,
        mapping.table,
        COUNTED_ROWS + 1
    );
    let counted = async {
        let mut reading = MySqlReadTx::begin(server, COUNT_LIMIT).await?;
        let rows = reading.fetch(Statement { sql, ..Statement::default() }).await;
        reading.finish().await;
        rows
    };
    let rows = tokio::time::timeout(COUNT_LIMIT, counted).await.ok().and_then(Result::ok).unwrap_or_default();
    match number(&rows) {
        Some(count) if count <= COUNTED_ROWS => (Some(count), true),
        _ => (found.estimated_rows, false),
    }
}

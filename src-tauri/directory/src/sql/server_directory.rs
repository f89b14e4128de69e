//! A directory on a database server: opens it, and reads in transactions within the connection's time limit.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::clock::WallClock;
use crate::config::DirectoryConfig;
use crate::error::{DirectoryError, Result};
use crate::faults::query_timeout_error;
use crate::model::Info;
use crate::plan::TableSize;
use crate::reach::endpoint::Endpoint;
use crate::reach::password_source::PasswordSource;
use crate::schema::bytes::from_hex;
use crate::schema::mapping::Mapping;
use crate::schema::table::TableColumn;
use crate::schema::value::Value;
use crate::sql::dialect::{FetchedRow, Statement};
use crate::sql::executor::{SqlExecutor, step_in_turn};
use crate::sql::list::PageStep;
use crate::sql::server::{Driver, PooledReadTx, RowOf, Server};

/// Reading the catalogue takes milliseconds; a server that needs longer than this is in trouble.
pub(crate) const OPEN_LIMIT: Duration = Duration::from_secs(10);

/// What differs between servers with regard to reading users.
pub(crate) trait ServerEngine: Driver {
    /// Reads the table, its columns and indexes, and cautions about them. Takes at most [`OPEN_LIMIT`].
    async fn read_catalogue(
        server: &Arc<Server<Self>>,
        config: &DirectoryConfig,
    ) -> Result<(Mapping<Self::Type>, Arc<Info>)>;

    /// A value's text. Columns may contain bytes that are invalid in their own character set.
    fn read_text(row: &RowOf<Self>, at: usize) -> Result<Option<String>, sqlx::Error>;

    /// The exact value for a cursor.
    fn read_value(row: &RowOf<Self>, at: usize) -> Result<Value, sqlx::Error>;

    /// A cell for display.
    fn show_cell(column: &TableColumn<Self::Type>, text: String) -> String;

    /// Whether the column holds bytes, which arrive as digits.
    fn holds_bytes(column: &TableColumn<Self::Type>) -> bool;

    /// The statement that reads the most common values of a column from the server's statistics, if it has any.
    fn statistics(_: &Mapping<Self::Type>, _: &TableColumn<Self::Type>) -> Option<Statement> {
        None
    }

    /// Reinterprets an error that came long before the time limit.
    fn explain_early(error: DirectoryError, _: &DirectoryConfig) -> DirectoryError {
        error
    }

    /// The rows of a step, as in [`SqlExecutor::run_step`].
    async fn fetch_step(
        directory: &ServerDirectory<Self>,
        reading: &mut Self::ReadTx,
        step: PageStep,
    ) -> Result<Vec<FetchedRow>> {
        step_in_turn(directory, reading, step).await
    }
}

pub(crate) struct ServerDirectory<D: ServerEngine> {
    server: Arc<Server<D>>,
    config: DirectoryConfig,
    mapping: Mapping<D::Type>,
    info: Arc<Info>,
    clock: Arc<dyn WallClock>,
}

impl<D: ServerEngine> ServerDirectory<D> {
    pub(crate) async fn open(
        config: &DirectoryConfig,
        passwords: &Arc<dyn PasswordSource>,
        clock: &Arc<dyn WallClock>,
    ) -> Result<Self> {
        let server = Server::open_server(Endpoint::new(config, passwords)?).await?;
        match D::read_catalogue(&server, &server.target_config()).await {
            Ok((mapping, info)) => {
                Ok(Self { server, config: config.clone(), mapping, info, clock: Arc::clone(clock) })
            }
            Err(error) => {
                server.close().await;
                Err(error)
            }
        }
    }

    pub(crate) fn limit(&self) -> Duration {
        Duration::from_millis(self.config.timeout_ms.into())
    }

    pub(crate) fn server(&self) -> &Arc<Server<D>> {
        &self.server
    }

    fn decode_row(&self, row: &RowOf<D>) -> Result<FetchedRow, sqlx::Error> {
        let shown = &self.mapping.shown;
        let mut cells = Vec::with_capacity(shown.len());
        for (at, column) in shown.iter().enumerate() {
            cells.push(D::read_text(row, at + 1)?.map(|text| D::show_cell(column, text)));
        }
        let (id, column) = (D::read_value(row, shown.len() + 1)?, self.mapping.id());
        let digits = id.clone().into_text().filter(|_| D::holds_bytes(column));
        Ok(FetchedRow {
            segment: D::read_text(row, 0)?.and_then(|text| text.parse().ok()).unwrap_or_default(),
            cells,
            id,
            shown_id: digits
                .and_then(|digits| from_hex(&digits))
                .map(|bytes| column.bytes.to_display_text(&bytes)),
            key: D::read_value(row, shown.len() + 2)?,
        })
    }
}

impl<D: ServerEngine> SqlExecutor for ServerDirectory<D> {
    type Dialect = D;
    type ReadTx = D::ReadTx;

    fn clock(&self) -> &dyn WallClock {
        &*self.clock
    }

    fn shared_info(&self) -> &Arc<Info> {
        &self.info
    }

    fn mapping(&self) -> &Mapping<D::Type> {
        &self.mapping
    }

    fn table_size(&self) -> TableSize {
        TableSize { rows: self.info.estimated_total, limit_ms: self.config.timeout_ms }
    }

    /// Runs `ask` in a read-only transaction, within the connection's time limit.
    async fn run_in_transaction<T>(
        &self,
        ask: impl AsyncFnOnce(&mut D::ReadTx) -> Result<T>,
    ) -> Result<Result<T>> {
        let limit = self.limit();
        let mut reading = self.server.begin_reading(limit).await?;
        let started = Instant::now();
        // The server's limit is per statement; this one is for all of them. On a timeout, or if the search is dropped,
        // dropping `reading` stops the server.
        let Ok(answer) = tokio::time::timeout(limit, ask(&mut reading)).await else {
            drop(reading);
            return Err(self.server.explain_timeout(query_timeout_error).await);
        };
        match &answer {
            // There is no need to wait for the end of a read-only transaction.
            Ok(_) => drop(tokio::spawn(reading.finish())),
            Err(_) => reading.finish().await,
        }
        let is_early = started.elapsed() < limit.mul_f32(0.9);
        Ok(answer.map_err(|error| if is_early { D::explain_early(error, &self.config) } else { error }))
    }

    async fn fetch_rows(&self, reading: &mut D::ReadTx, statement: Statement) -> Result<Vec<FetchedRow>> {
        let rows = reading.fetch_rows(statement).await?;
        rows.iter()
            .map(|row| self.decode_row(row))
            .collect::<Result<_, _>>()
            .map_err(|error| self.server.query_error(error))
    }

    async fn fetch_texts(&self, reading: &mut D::ReadTx, statement: Statement) -> Result<Vec<String>> {
        let rows = reading.fetch_rows(statement).await?;
        let texts: Result<Vec<Option<String>>, _> = rows.iter().map(|row| D::read_text(row, 0)).collect();
        Ok(texts.map_err(|error| self.server.query_error(error))?.into_iter().flatten().collect())
    }

    async fn fetch_number(&self, reading: &mut D::ReadTx, statement: Statement) -> Result<u64> {
        let rows = reading.fetch_rows(statement).await?;
        let text = rows.first().map(|row| D::read_text(row, 0)).transpose();
        let text = text.map_err(|error| self.server.query_error(error))?.flatten().unwrap_or_default();
        Ok(text.parse().unwrap_or_default())
    }

    async fn run_step(&self, reading: &mut D::ReadTx, step: PageStep) -> Result<Vec<FetchedRow>> {
        D::fetch_step(self, reading, step).await
    }

    fn statistics(&self, column: usize) -> Option<Statement> {
        D::statistics(&self.mapping, &self.mapping.shown[column])
    }

    async fn open_another_table(&self, config: &DirectoryConfig) -> Result<Self> {
        let server = self.server.for_another_table(config);
        let (mapping, info) = D::read_catalogue(&server, &server.target_config()).await?;
        Ok(Self { server, config: config.clone(), mapping, info, clock: Arc::clone(&self.clock) })
    }

    async fn close_connections(&self) {
        self.server.close().await;
    }
}

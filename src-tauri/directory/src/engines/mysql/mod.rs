//! The MySQL and MariaDB directory.

mod advice;
mod catalogue;
mod connect;
mod dialect;
mod discovery;
mod driver;
mod errors;
pub(crate) mod index_use;
pub(crate) mod reading;
pub(crate) mod types;

use std::sync::Arc;
use std::time::Duration;

use sqlx::mysql::MySqlRow;

pub(crate) use self::discovery::discover_tables;
use crate::config::DirectoryConfig;
use crate::engines::mysql::catalogue::MySqlCatalogue;
use crate::engines::mysql::dialect::MySql;
use crate::engines::mysql::driver::MySqlServer;
use crate::engines::mysql::reading::decode_text;
use crate::engines::mysql::types::MyType;
use crate::error::{DirectoryError, Result};
use crate::faults::describe_timeout_error;
use crate::model::Info;
use crate::schema::mapping::Mapping;
use crate::sql::dialect::{Dialect, Statement};
use crate::sql::executor::impl_directory;
use crate::sql::server::PooledReadTx;
use crate::sql::server_directory::{OPEN_LIMIT, ServerDirectory};

/// The count is optional, so it is limited in rows and time.
const COUNTED_ROWS: u64 = 100_000;
const COUNT_LIMIT: Duration = Duration::from_secs(1);

pub(crate) type MySqlDirectory = ServerDirectory<MySql>;

impl_directory!(MySqlDirectory);

/// Implements [`ServerEngine::read_catalogue`](crate::sql::server_directory::ServerEngine::read_catalogue).
async fn open_catalogue(
    server: &Arc<MySqlServer>,
    config: &DirectoryConfig,
) -> Result<(Mapping<MyType>, Arc<Info>)> {
    let mut reading = server.begin_reading(OPEN_LIMIT).await?;
    let read = async {
        let found = catalogue::read_catalogue(&mut reading, config).await?;
        let mut mapping = Mapping::new(config, &found.table)?;
        for column in mapping.shown.iter_mut().chain(&mut mapping.search) {
            // Values of exactly a UUID's length are treated as UUIDs.
            column.bytes.uuids |= matches!(column.db_type, MyType::Binary { uuid: true, .. });
        }
        reading.watch_table(found.table.schema.as_str(), found.table.name.as_str()).await?;
        Ok::<_, DirectoryError>((found, mapping))
    };
    // The server's limit is per statement, and does not help if the network is silent.
    let Ok(read) = tokio::time::timeout(OPEN_LIMIT, read).await else {
        drop(reading);
        return Err(server.explain_timeout(|config| describe_timeout_error(&config.table, OPEN_LIMIT)).await);
    };
    let (found, mapping) = read?;
    reading.finish().await;
    let (estimated_total, total_is_exact) = count_or_estimate(server, &found, &mapping).await;
    let info = Arc::new(Info {
        server: format!("{}{}", server.product.name(), server.describe_target()),
        columns: mapping.columns.clone(),
        estimated_total,
        total_is_exact,
        coverage: advice::describe_coverage(&mapping, &found, server.product.flavour),
        reader: advice::suggest_reader_account(&mapping),
        cautions: Vec::new(),
        related: Vec::new(),
    });
    Ok((mapping, info))
}

/// The single number that a statement returns.
fn decode_number(rows: &[MySqlRow]) -> Option<u64> {
    decode_text(rows.first()?, 0).ok()??.parse().ok()
}

/// The number of users: counted if there are few, otherwise the storage engine's estimate.
async fn count_or_estimate(
    server: &Arc<MySqlServer>,
    found: &MySqlCatalogue,
    mapping: &Mapping<MyType>,
) -> (Option<u64>, bool) {
    // The estimate may be off by a factor of two.
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
        let mut reading = server.begin_reading(COUNT_LIMIT).await?;
        let rows = reading.fetch_rows(Statement { sql, ..Statement::default() }).await;
        reading.finish().await;
        rows
    };
    let rows = tokio::time::timeout(COUNT_LIMIT, counted).await.ok().and_then(Result::ok).unwrap_or_default();
    match decode_number(&rows) {
        Some(count) if count <= COUNTED_ROWS => (Some(count), true),
        _ => (found.estimated_rows, false),
    }
}

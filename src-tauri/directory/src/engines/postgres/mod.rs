//! The PostgreSQL directory.

mod advice;
mod catalogue;
mod connect;
mod database;
mod dialect;
mod discovery;
mod driver;
pub(crate) mod errors;
mod index_use;
mod login_errors;
mod reading;
mod row_security;

use std::sync::Arc;

use sqlx::{AssertSqlSafe, Row as _};

pub use self::database::PostgresDatabase;
pub(crate) use self::discovery::discover_tables;
use crate::config::DirectoryConfig;
use crate::engines::postgres::catalogue::PgType;
use crate::engines::postgres::dialect::Postgres;
use crate::engines::postgres::driver::PgServer;
use crate::engines::postgres::reading::PgReadTx;
use crate::error::Result;
use crate::faults::describe_timeout_error;
use crate::model::{Caution, Info};
use crate::schema::mapping::Mapping;
use crate::sql::executor::impl_directory;
use crate::sql::server::PooledReadTx;
use crate::sql::server_directory::{OPEN_LIMIT, ServerDirectory};

/// The count is optional, so it is limited in rows and time.
const COUNTED_ROWS: u64 = 100_000;
const COUNT_LIMIT_MS: u64 = 1000;

pub(crate) type PostgresDirectory = ServerDirectory<Postgres>;

impl_directory!(PostgresDirectory);

/// Implements [`ServerEngine::read_catalogue`](crate::sql::server_directory::ServerEngine::read_catalogue).
async fn open_catalogue(
    server: &Arc<PgServer>,
    config: &DirectoryConfig,
) -> Result<(Mapping<PgType>, Arc<Info>)> {
    let mut reading = server.begin_reading(OPEN_LIMIT).await?;
    let read = async {
        let version = sqlx::raw_sql("SHOW server_version").fetch_one(reading.connection()).await;
        let version: String =
            version.and_then(|row| row.try_get(0)).map_err(|error| server.query_error(error))?;
        let found =
            catalogue::read_catalogue(reading.connection(), config, server.options().get_username()).await?;
        let mut mapping = Mapping::new(config, &found.table)?;
        // `15.18 (Debian 15.18-0+deb12u1)`: leave out the distribution's suffix.
        let version = version.split(' ').next().unwrap_or_default();
        index_use::find_index_use(&mut reading, &mut mapping, found.indexed.as_ref(), version).await?;
        reading.watch_table(&mapping.table).await;
        let guarded = row_security::read_guarded_tables(&mut reading, &found.oid).await;
        let cautions: Vec<Caution> = guarded.iter().filter_map(row_security::GuardedTable::caution).collect();
        let estimate = found.estimated_rows.filter(|_| cautions.is_empty());
        let (estimated_total, total_is_exact) = count_or_estimate(&mut reading, estimate, &mapping).await;
        let info = Arc::new(Info {
            server: format!("PostgreSQL {version}{}", server.describe_target()),
            columns: mapping.columns.clone(),
            estimated_total,
            total_is_exact,
            coverage: advice::describe_coverage(&mapping, &found),
            reader: advice::suggest_reader_account(
                &mapping,
                &found.table,
                server.options().get_database(),
                &guarded,
            ),
            cautions,
            related: Vec::new(),
        });
        Ok((mapping, info))
    };
    // The server's limit is per statement, and does not help if the network is silent.
    let read = tokio::time::timeout(OPEN_LIMIT, read).await;
    let read = if let Ok(read) = read {
        read
    } else {
        reading.abandon_answer();
        Err(server.explain_timeout(|config| describe_timeout_error(&config.table, OPEN_LIMIT)).await)
    };
    reading.finish().await;
    read
}

/// The number of users: the planner's `estimate`, or else a count with a limit.
async fn count_or_estimate(
    reading: &mut PgReadTx,
    estimate: Option<u64>,
    mapping: &Mapping<PgType>,
) -> (Option<u64>, bool) {
    if estimate.is_some() {
        return (estimate, false);
    }
    // The last statement of its transaction, so it may fail.
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

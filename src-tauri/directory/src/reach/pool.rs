//! Takes a connection from a driver's pool. A pool keeps retrying while the server refuses and then only reports a
//! timeout, so the server is probed to find out why.

use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::{Database, Pool};

use crate::config::DirectoryConfig;
use crate::error::{DirectoryError, Result};
use crate::faults::query_timeout_error;
use crate::reach::endpoint::CONNECT_TIMEOUT;

/// After this long, the wait is worth an explanation.
pub(crate) const SLOW: Duration = Duration::from_millis(300);

/// A connection from the pool, or an early error if there cannot be one. `probe` connects once and either fails with
/// the reason or returns whether the way to connect has changed; `failed` converts the driver's errors.
pub(crate) async fn acquire_connection<D: Database, F: Future<Output = Result<bool>>>(
    pool: &Pool<D>,
    probe: impl Fn() -> F,
    failed: impl Fn(sqlx::Error) -> DirectoryError,
    config: impl Fn() -> DirectoryConfig,
) -> Result<PoolConnection<D>> {
    let mut acquiring = std::pin::pin!(pool.acquire());
    let acquired = tokio::select! {
        acquired = &mut acquiring => acquired,
        probed = async { tokio::time::sleep(SLOW).await; probe().await } => {
            if probed? {
                pool.acquire().await
            } else {
                // The server answers, so the pool is busy with other searches.
                let waiting = tokio::time::timeout(CONNECT_TIMEOUT, acquiring);
                waiting.await.unwrap_or(Err(sqlx::Error::PoolTimedOut))
            }
        }
    };
    match acquired {
        Ok(connection) => Ok(connection),
        Err(sqlx::Error::PoolTimedOut) => Err(query_timeout_error(&config())),
        Err(sqlx::Error::PoolClosed) => Err(failed(sqlx::Error::PoolClosed)),
        // The server is gone or no longer accepts the password. The probe finds out which, and whether there is a new
        // one.
        Err(_) => {
            probe().await?;
            pool.acquire().await.map_err(failed)
        }
    }
}

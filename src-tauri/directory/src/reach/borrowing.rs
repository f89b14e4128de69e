//! Borrowing a connection from the pool of a driver, which goes on trying while the server refuses, and then says no more
//! than that time is up.

use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::{Database, Pool};

use crate::config::DirectoryConfig;
use crate::error::{DirectoryError, Result};
use crate::faults::timed_out;
use crate::reach::endpoint::CONNECT_TIMEOUT;

/// From here on somebody waits who may as well learn why.
pub(crate) const SLOW: Duration = Duration::from_millis(300);

/// A connection, or at once why there is none. `probe` connects once and says why that cannot be done, or whether
/// connections are made in another way from now on; `failed` words what the driver says.
pub(crate) async fn acquire<D: Database, F: Future<Output = Result<bool>>>(
    pool: &Pool<D>,
    probe: impl Fn() -> F,
    failed: impl Fn(sqlx::Error) -> DirectoryError,
    part: impl Fn() -> DirectoryConfig,
) -> Result<PoolConnection<D>> {
    let mut acquiring = std::pin::pin!(pool.acquire());
    let acquired = tokio::select! {
        acquired = &mut acquiring => acquired,
        probed = async { tokio::time::sleep(SLOW).await; probe().await } => {
            if probed? {
                pool.acquire().await
            } else {
                // It answers, so that the other searches are what takes so long.
                let waiting = tokio::time::timeout(CONNECT_TIMEOUT, acquiring);
                waiting.await.unwrap_or(Err(sqlx::Error::PoolTimedOut))
            }
        }
    };
    match acquired {
        Ok(connection) => Ok(connection),
        Err(sqlx::Error::PoolTimedOut) => Err(timed_out(&part())),
        Err(sqlx::Error::PoolClosed) => Err(failed(sqlx::Error::PoolClosed)),
        // It went away, or no longer takes this password: why, and whether there is another one.
        Err(_) => {
            probe().await?;
            pool.acquire().await.map_err(failed)
        }
    }
}

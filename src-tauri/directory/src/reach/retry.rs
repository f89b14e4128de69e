//! Retries a query once after its connection broke.

use crate::error::{DirectoryCode, Result};

/// Calls `ask`, and calls it again if the connection broke during the query, as when the server was restarted or failed
/// over. Outer `Err`: no connection. Inner `Err`: the query failed.
pub(crate) async fn retry_once<T, F: Future<Output = Result<Result<T>>>>(ask: impl Fn() -> F) -> Result<T> {
    match ask().await? {
        Err(error) if error.code == DirectoryCode::Unreachable => ask().await?,
        answer => answer,
    }
}

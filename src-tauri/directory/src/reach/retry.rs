//! A query whose connection broke is sent once more.

use crate::error::{DirectoryCode, Result};

/// Asks, and asks once more when the connection broke in the middle: the server was restarted, or another one has
/// to answer in its place. Inside of `ask`'s result is what was answered; outside is why nobody could be asked.
pub(crate) async fn again<T, F: Future<Output = Result<Result<T>>>>(ask: impl Fn() -> F) -> Result<T> {
    match ask().await? {
        Err(error) if error.code == DirectoryCode::Unreachable => ask().await?,
        answer => answer,
    }
}

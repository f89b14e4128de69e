//! The trait that every engine implements: search, count, one user, the values of a column.

use std::sync::Arc;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use crate::error::Result;
use crate::model::{Count, Info, ListRequest, Page, Row};

/// Where users are read from. Implementations never write.
#[async_trait]
pub trait Directory: Send + Sync {
    /// What was found when the directory was opened, or opened again.
    fn info(&self) -> Arc<Info>;

    /// Answers one question. When `cancel` fires, stops the work on the server too and fails with
    /// [`crate::error::DirectoryCode::Cancelled`].
    async fn search(&self, query: &ListRequest, cancel: &CancellationToken) -> Result<Page>;

    /// Counts what `text` finds: all users exactly when it is empty, else up to a thousand.
    async fn count(&self, text: &str, cancel: &CancellationToken) -> Result<Count>;

    /// Reads one user by the exact text of its id, as [`Row::id`] gave it; `None` when there is none.
    async fn user(&self, id: &str) -> Result<Option<Row>>;

    /// Values that the column at this place of [`Info::columns`] often has, the commonest first; none where they may be
    /// secrets or somebody's own. Costs a few milliseconds, whatever the table's size.
    async fn values(&self, column: usize) -> Result<Vec<String>>;

    /// Reads the catalogue anew: a new index counts, and a column has the type that it has now.
    /// An engine reads its catalogue once; `refresh` puts another engine in its place.
    async fn refresh(&self) -> Result<()> {
        Ok(())
    }

    /// Lets go of all connections to the database.
    async fn close(&self);
}

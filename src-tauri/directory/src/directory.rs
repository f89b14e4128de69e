//! The trait that every engine implements: search, count, read one user, list a column's values.

use std::sync::Arc;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use crate::config::DirectoryConfig;
use crate::error::{DirectoryError, Result};
use crate::model::{Count, Info, ListRequest, Page, RecordsRequest, Row};
use crate::scope::SearchScope;

/// A source of users. Implementations never write.
#[async_trait]
pub trait Directory: Send + Sync {
    /// What was found when the directory was opened, or reopened since.
    fn info(&self) -> Arc<Info>;

    /// Runs a search and returns one page. When `cancel` fires, also stops the query on the server and fails with
    /// [`crate::error::DirectoryCode::Cancelled`].
    async fn search_users(&self, query: &ListRequest, cancel: &CancellationToken) -> Result<Page>;

    /// Counts the users that match `text`: exactly if it is empty, otherwise up to a thousand.
    async fn count_users(&self, text: &str, cancel: &CancellationToken) -> Result<Count>;

    /// Reads one user by the exact text of the ID, as in [`Row::id`]; `None` if there is no such user.
    async fn find_user(&self, id: &str) -> Result<Option<Row>>;

    /// Common values of the column at this index in [`Info::columns`], most common first. Empty if they may be secret
    /// or personal. Takes a few milliseconds, whatever the table's size.
    async fn read_common_values(&self, column: usize) -> Result<Vec<String>>;

    /// Returns a page of one user's records in a related table.
    async fn list_records(&self, _: &RecordsRequest, _: &CancellationToken) -> Result<Page> {
        Err(DirectoryError::internal("the directory has no related tables"))
    }

    /// Reads the catalogue again, so that new indexes and changed column types are used. An engine reads its catalogue
    /// only once; `refresh` replaces the engine.
    async fn refresh(&self) -> Result<()> {
        Ok(())
    }

    /// Closes all connections to the database.
    async fn close(&self);
}

/// An open table: of users, or of records that belong to users. Each engine implements it.
#[async_trait]
pub(crate) trait OpenTable: Directory {
    /// Like [`Directory::search_users`], for the rows in `scope`.
    async fn search_rows(
        &self,
        query: &ListRequest,
        scope: &SearchScope,
        cancel: &CancellationToken,
    ) -> Result<Page>;

    /// Like [`Directory::count_users`], for the rows in `scope`.
    async fn count_rows(&self, text: &str, scope: &SearchScope, cancel: &CancellationToken) -> Result<Count>;

    /// Opens another table of the same database, over the same connections.
    async fn open_another(&self, config: &DirectoryConfig) -> Result<Arc<dyn OpenTable>>;
}

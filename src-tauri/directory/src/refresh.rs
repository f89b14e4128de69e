//! Reopens a directory when the database has changed: a column has another type, the table was recreated, a file was
//! replaced.
//!
//! The engines only report that something has changed ([`DirectoryCode::Mismatch`]). This module reads the catalogue
//! again, once, and repeats the query. If it fails again, that error is returned.

use parking_lot::RwLock;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use crate::clock::WallClock;
use crate::config::DirectoryConfig;
use crate::directory::Directory;
use crate::error::{DirectoryCode, Result};
use crate::faults::cancelled_error;
use crate::model::{Count, Info, ListRequest, Page, RecordsRequest, Row};
use crate::open_engine;
use crate::query::values::{KnownValues, may_be_suggested};
use crate::reach::password_source::PasswordSource;
use crate::reach::wake_up::WakeListener;

/// Suggestions that take longer come too late.
const SUGGESTIONS_LIMIT: Duration = Duration::from_secs(1);

pub(crate) struct ReopeningDirectory {
    config: DirectoryConfig,
    passwords: Arc<dyn PasswordSource>,
    clock: Arc<dyn WallClock>,
    /// The listener of the task that first opened the directory.
    listener: WakeListener,
    current: RwLock<Arc<dyn Directory>>,
    known: KnownValues,
    /// Held while reopening: concurrent queries wait and share the new directory.
    opening: tokio::sync::Mutex<()>,
}

impl ReopeningDirectory {
    pub(crate) async fn open(
        config: &DirectoryConfig,
        passwords: Arc<dyn PasswordSource>,
        clock: Arc<dyn WallClock>,
    ) -> Result<Self> {
        let current = RwLock::new(open_engine(config, &passwords, &clock).await?);
        let (listener, opening) = (WakeListener::of_current_task(), tokio::sync::Mutex::default());
        let (config, known) = (config.clone(), KnownValues::default());
        Ok(Self { config, passwords, clock, listener, current, known, opening })
    }

    fn current_directory(&self) -> Arc<dyn Directory> {
        Arc::clone(&self.current.read())
    }

    /// Replaces `outdated` with a new directory, unless another query already has. The old one closes after its last
    /// query.
    async fn replace_outdated(&self, outdated: &Arc<dyn Directory>) -> Result<Arc<dyn Directory>> {
        let _one_at_a_time = self.opening.lock().await;
        let current = self.current_directory();
        if !Arc::ptr_eq(&current, outdated) {
            return Ok(current);
        }
        let opening = open_engine(&self.config, &self.passwords, &self.clock);
        let opened = self.listener.clone().run_within(opening).await?;
        *self.current.write() = Arc::clone(&opened);
        self.known.clear_values();
        Ok(opened)
    }

    async fn query_with_reopen<T, F: Future<Output = Result<T>>>(
        &self,
        ask: impl Fn(Arc<dyn Directory>) -> F,
    ) -> Result<T> {
        let directory = self.current_directory();
        match ask(Arc::clone(&directory)).await {
            Err(error) if error.code == DirectoryCode::Mismatch => {
                tracing::info!("the directory is opened again: {}", error.message);
                ask(self.replace_outdated(&directory).await?).await
            }
            answer => answer,
        }
    }
}

#[async_trait]
impl Directory for ReopeningDirectory {
    fn info(&self) -> Arc<Info> {
        self.current_directory().info()
    }

    async fn search_users(&self, query: &ListRequest, cancel: &CancellationToken) -> Result<Page> {
        let searched =
            self.query_with_reopen(|directory| async move { directory.search_users(query, cancel).await });
        let page = Box::pin(unless_cancelled(cancel, searched)).await?;
        self.known.add_loaded_rows(&self.info().columns, &page.rows);
        Ok(page)
    }

    async fn count_users(&self, text: &str, cancel: &CancellationToken) -> Result<Count> {
        let counted =
            self.query_with_reopen(|directory| async move { directory.count_users(text, cancel).await });
        Box::pin(unless_cancelled(cancel, counted)).await
    }

    async fn find_user(&self, id: &str) -> Result<Option<Row>> {
        self.query_with_reopen(|directory| async move { directory.find_user(id).await }).await
    }

    async fn read_common_values(&self, column: usize) -> Result<Vec<String>> {
        if !self.info().columns.get(column).is_some_and(may_be_suggested) {
            return Ok(Vec::new());
        }
        let known = self.known.cell_for_column(column);
        let asked = known.get_or_init(|| async {
            let values =
                self.query_with_reopen(|directory| async move { directory.read_common_values(column).await });
            match tokio::time::timeout(SUGGESTIONS_LIMIT, values).await {
                Ok(Ok(values)) => values,
                Ok(Err(error)) => {
                    tracing::debug!("no values to suggest: {}", error.message);
                    Vec::new()
                }
                Err(_) => Vec::new(),
            }
        });
        let asked = asked.await;
        Ok(self.known.with_loaded(column, asked))
    }

    async fn list_records(&self, request: &RecordsRequest, cancel: &CancellationToken) -> Result<Page> {
        let listed =
            self.query_with_reopen(|directory| async move { directory.list_records(request, cancel).await });
        Box::pin(unless_cancelled(cancel, listed)).await
    }

    async fn refresh(&self) -> Result<()> {
        self.replace_outdated(&self.current_directory()).await.map(drop)
    }

    async fn close(&self) {
        self.current_directory().close().await;
    }
}

/// Reopening itself cannot be cancelled, so this stops waiting for it.
async fn unless_cancelled<T>(
    cancel: &CancellationToken,
    answer: impl Future<Output = Result<T>>,
) -> Result<T> {
    tokio::select! {
        biased;
        () = cancel.cancelled() => Err(cancelled_error()),
        answer = answer => answer,
    }
}

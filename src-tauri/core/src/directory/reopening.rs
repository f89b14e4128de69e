//! A directory that is looked at again when the database is no longer what it was: a column of another type, a
//! table made anew, a file put in another one's place.
//!
//! The engines only say that something has changed ([`Code::DirectoryMismatch`]). Here the catalogue is read
//! again, once, and the question is asked again; what does not fit then is told.

use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use super::{Count, Directory, Info, Page, Passwords, Query, Row, cancelled, open_engine};
use crate::connection::DirectoryPart;
use crate::error::{Code, Result};

pub(super) struct Reopening {
    part: DirectoryPart,
    passwords: Arc<dyn Passwords>,
    current: RwLock<Arc<dyn Directory>>,
    /// Held while it is opened again: whoever comes meanwhile takes the same new one.
    opening: tokio::sync::Mutex<()>,
}

impl Reopening {
    pub(super) async fn open(part: &DirectoryPart, passwords: Arc<dyn Passwords>) -> Result<Self> {
        let current = RwLock::new(open_engine(part, &passwords).await?);
        Ok(Self { part: part.clone(), passwords, current, opening: tokio::sync::Mutex::default() })
    }

    fn current(&self) -> Arc<dyn Directory> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Opens it again in the place of `outdated`, unless somebody else has by now. The old one goes when its last
    /// question is answered.
    async fn reopen(&self, outdated: &Arc<dyn Directory>) -> Result<Arc<dyn Directory>> {
        let _one_at_a_time = self.opening.lock().await;
        let current = self.current();
        if !Arc::ptr_eq(&current, outdated) {
            return Ok(current);
        }
        let opened = open_engine(&self.part, &self.passwords).await?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&opened);
        Ok(opened)
    }

    async fn ask<T, F: Future<Output = Result<T>>>(
        &self,
        ask: impl Fn(Arc<dyn Directory>) -> F,
    ) -> Result<T> {
        let directory = self.current();
        match ask(Arc::clone(&directory)).await {
            Err(error) if error.code == Code::DirectoryMismatch => {
                tracing::info!("the directory is opened again: {}", error.message);
                ask(self.reopen(&directory).await?).await
            }
            answer => answer,
        }
    }
}

#[async_trait]
impl Directory for Reopening {
    fn info(&self) -> Arc<Info> {
        self.current().info()
    }

    async fn search(&self, query: &Query, cancel: &CancellationToken) -> Result<Page> {
        let searched = self.ask(|directory| async move { directory.search(query, cancel).await });
        Box::pin(unless_cancelled(cancel, searched)).await
    }

    async fn count(&self, text: &str, cancel: &CancellationToken) -> Result<Count> {
        let counted = self.ask(|directory| async move { directory.count(text, cancel).await });
        Box::pin(unless_cancelled(cancel, counted)).await
    }

    async fn user(&self, id: &str) -> Result<Option<Row>> {
        self.ask(|directory| async move { directory.user(id).await }).await
    }

    async fn refresh(&self) -> Result<()> {
        self.reopen(&self.current()).await.map(drop)
    }

    async fn close(&self) {
        self.current().close().await;
    }
}

/// Opening it again knows of no cancellation.
async fn unless_cancelled<T>(
    cancel: &CancellationToken,
    answer: impl Future<Output = Result<T>>,
) -> Result<T> {
    tokio::select! {
        biased;
        () = cancel.cancelled() => Err(cancelled()),
        answer = answer => answer,
    }
}

//! The log's file while it is open. If it was moved away and back, it is used again; if another file is in its place,
//! that one is opened; if it is missing, that is an error.

use std::path::{Path, PathBuf};

use sqlx::sqlite::SqlitePool;
use tokio::sync::Mutex;

use crate::error::{AuditCode, AuditError, Result};
use crate::file;

/// Identifies the file regardless of its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct LogFileId {
    device: u64,
    number: u64,
}

/// The log's file and where it belongs.
#[derive(Debug)]
pub(super) struct OpenLog {
    path: PathBuf,
    /// The ID of the log that was opened. Another file in its place may have another one.
    id: String,
    open: Mutex<OpenLogState>,
}

#[derive(Debug)]
struct OpenLogState {
    pool: SqlitePool,
    /// `None` on systems that don't let an open file be moved.
    identity: Option<LogFileId>,
    /// Another file was found in its place, and the caller does not know yet.
    was_replaced: bool,
}

impl OpenLog {
    /// Opens the file, or creates it.
    pub(super) async fn open(path: &Path) -> Result<Self> {
        let pool = file::open_pool(path).await?;
        let identity = identify_file(path);
        let id =
            sqlx::query_scalar("SELECT id FROM log").fetch_one(&pool).await.map_err(super::read_error)?;
        let open = OpenLogState { pool, identity, was_replaced: false };
        Ok(Self { path: path.to_owned(), id, open: Mutex::new(open) })
    }

    /// Where the log belongs.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The ID of the log that was opened.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// The file that is at the path now. Fails if there is none: a log that disappears while sessions run must not be
    /// silently replaced by a new one.
    pub(super) async fn current_pool(&self) -> Result<SqlitePool> {
        let mut open = self.open.lock().await;
        match (open.identity, identify_file(&self.path)) {
            (None, _) => return Ok(open.pool.clone()),
            (Some(ours), Some(there)) if ours == there => return Ok(open.pool.clone()),
            (Some(_), None) => return Err(self.is_gone()),
            (Some(_), Some(_)) => {}
        }
        let pool = file::open_again(&self.path).await?;
        let before = std::mem::replace(&mut open.pool, pool.clone());
        open.identity = identify_file(&self.path);
        open.was_replaced = true;
        drop(open);
        before.close().await;
        Ok(pool)
    }

    /// Whether another file has taken its place since the last call.
    pub(super) async fn was_replaced(&self) -> bool {
        std::mem::take(&mut self.open.lock().await.was_replaced)
    }

    fn is_gone(&self) -> AuditError {
        let path = self.path.display();
        AuditError::new(AuditCode::LogFailed, format!("The audit log {path} was moved or deleted."))
            .with_hint("No one can be impersonated without it. Put the file back, or restart Understudy to begin a new log.")
    }
}

#[cfg(unix)]
fn identify_file(path: &Path) -> Option<LogFileId> {
    use std::os::unix::fs::MetadataExt;
    let meta = std::fs::metadata(path).ok()?;
    Some(LogFileId { device: meta.dev(), number: meta.ino() })
}

/// Elsewhere SQLite opens the file in a way that prevents moving or removing it.
#[cfg(not(unix))]
fn identify_file(_: &Path) -> Option<LogFileId> {
    None
}

//! The audit log: append-only, in an embedded SQLite file. No entry, no session.
//!
//! This file has the log and what it writes; `history` reads it, and `unfinished` closes what crashes left open.
//! [`entry`] defines an entry, `file` the file, its format and its migrations; `open_log` handles changes to the file
//! while it is open, `owed_entries` the entries that could not be written yet, and `run` the other processes that write
//! to the same file. The invariants (no entry changes or disappears, none comes before *begun* or after *ended*) are
//! triggers inside the file, so that they bind every program. Who removes the triggers is found out: `chain` links each
//! entry to the one before it, `checkpoints` are signed with a key in the keyring, which remembers the last one, and
//! [`verify`] compares all three. [`reader`] reads a log without writing to it, for reviews and exports.

mod chain;
pub mod checkpoints;
pub mod entry;
mod file;
mod history;
mod open_log;
mod owed_entries;
pub mod reader;
mod run;
#[cfg(test)]
mod tests;
mod unfinished;
pub mod verify;

use std::path::Path;
use std::sync::Arc;

use sqlx::AssertSqlSafe;
use sqlx::sqlite::SqlitePool;

use self::checkpoints::DueCheckpoint;
use self::open_log::OpenLog;
use self::owed_entries::OwedEntries;
use self::run::Run;
use crate::error::{Code, Error, Result};

pub use entry::{EndCause, Entry, Event, OperatorIdentity, Subject};
pub use history::{LatestSession, Outcome, PastSession, PastUnlock};

/// The log, open for appending. Cheap to clone; all clones write to the same file.
#[derive(Debug, Clone)]
pub struct AuditLog {
    held: Arc<OpenLog>,
    owed: Arc<OwedEntries>,
    run: Arc<Run>,
    due: Arc<DueCheckpoint>,
    /// The computer that this run is on.
    host: String,
}

impl AuditLog {
    /// Opens the log at `path`, or creates it (with its folder, readable by the owner only), and proves that it is
    /// writable.
    ///
    /// Fails with [`crate::error::Code::AuditFailed`] if the file cannot be created, read or written, is not an audit
    /// log, is damaged, or was written by a newer Understudy. Never repairs or replaces a file.
    ///
    /// Each opening is a run of its own, which lives until the last clone is dropped. Until then, no other run closes
    /// its sessions as crashed.
    pub async fn open(path: &Path) -> Result<Self> {
        let held = OpenLog::open(path).await?;
        let host = whoami::hostname().unwrap_or_else(|_| "unknown".into());
        let folder = path.parent().unwrap_or(Path::new(""));
        let run = Run::start_run(folder, &host).map_err(|cause| {
            Error::new(
                Code::AuditFailed,
                format!("Could not write beside the audit log {}: {cause}.", path.display()),
            )
            .with_hint("Check that you may write to this folder.")
            .caused_by(cause)
        })?;
        Ok(Self { held: Arc::new(held), owed: Arc::default(), run, due: Arc::default(), host })
    }

    /// Whether another file has taken the log's place since the last call. New entries go to that file.
    pub async fn was_replaced(&self) -> bool {
        self.held.was_replaced().await
    }

    /// Writes one entry. Once this returns, the entry survives a crash and a power cut.
    ///
    /// Fails with [`crate::error::Code::AuditFailed`] if it cannot be written or would break the order of a session:
    /// *begun* exactly once and first, *ended* at most once and last.
    pub async fn append(&self, entry: Entry) -> Result<()> {
        match self.insert_entry(&entry).await? {
            Err(cause) if file::was_moved(&cause) => self.insert_entry(&entry).await?,
            outcome => outcome,
        }
        .map_err(|cause| file::audit_error("write to the audit log", cause))
    }

    /// Outer `Err`: there is no log to write to. Inner `Err`: the log rejected the entry.
    async fn insert_entry(&self, entry: &Entry) -> Result<sqlx::Result<()>> {
        let pool = self.held.current_pool().await?;
        Ok(self.insert_and_link(&pool, entry).await)
    }

    async fn insert_and_link(&self, pool: &SqlitePool, entry: &Entry) -> sqlx::Result<()> {
        let (status, detail) = entry.event.status_and_detail();
        let sign_out_failed = entry.event.sign_out_failed();
        let mut transaction = pool.begin_with("BEGIN IMMEDIATE").await?;
        let inserted = sqlx::query(AssertSqlSafe(format!(
            "INSERT INTO entries (at_ms, session, event, operator_name, operator_email, os_user, host,
                connection, connection_name, environment, user_id, user_name, user_email,
                reason, status, detail, sign_out_failed, held_back, mode, ticket, app_version, run)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
             RETURNING {}",
            chain::list_columns()
        )))
        .bind(entry.at_ms)
        .bind(&entry.session)
        .bind(entry.event.as_str())
        .bind(&entry.who.operator_name)
        .bind(&entry.who.operator_email)
        .bind(&entry.who.os_user)
        .bind(&entry.who.host)
        .bind(&entry.whom.connection)
        .bind(&entry.whom.connection_name)
        .bind(entry::environment_word(entry.whom.environment))
        .bind(&entry.whom.user_id)
        .bind(&entry.whom.user_name)
        .bind(&entry.whom.user_email)
        .bind(&entry.reason)
        .bind(status)
        .bind(detail)
        .bind(sign_out_failed)
        .bind(entry.event.held_back())
        .bind(entry.mode.map(entry::mode_word))
        .bind(&entry.ticket)
        .bind(&entry.app_version)
        .bind(&self.run.id)
        .fetch_one(&mut *transaction)
        .await?;
        let number = chain::add_link(&mut transaction, &inserted).await?;
        transaction.commit().await?;
        self.due.note_entry(number, &entry.event);
        Ok(())
    }

    /// Whether the session has an entry with this event.
    async fn has_event(&self, session: &str, event: &str) -> Result<bool> {
        sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM entries WHERE session = ? AND event = ?)")
            .bind(session)
            .bind(event)
            .fetch_one(&self.held.current_pool().await?)
            .await
            .map_err(read_error)
    }
}

fn read_error(cause: sqlx::Error) -> Error {
    file::audit_error("read the audit log", cause)
}

//! The audit log: who signed in as whom, when and why, what they did there, and what was done in the console besides.
//!
//! A log is one SQLite file. It is append-only: triggers inside the file see to it that no entry changes or
//! disappears, and that none of a session comes before *begun* or after *ended*, whichever program writes. Who takes
//! the triggers away is found out, because each entry is linked to the one before it, and signatures of the chain
//! stand elsewhere.
//!
//! # Writing
//!
//! [`AuditLog`] is the log of this computer, open for appending. An [`Entry`] is about a session, a [`ConsoleEntry`]
//! about none; neither has room for a secret. Once [`AuditLog::append`] returns, the entry survives a crash and a
//! power cut, so whoever writes an entry first and acts then does nothing off the record. What has already happened is
//! never lost either: [`AuditLog::append_or_owe`] keeps what cannot be written now.
//!
//! ```
//! use understudy_audit::{AuditLog, EndCause, Entry, OperatorIdentity, Subject};
//! use understudy_terms::Environment;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("audit.sqlite");
//! let log = AuditLog::open(&path).await?;
//! let customer = Subject {
//!     connection: "shop".into(),
//!     connection_name: "Shop".into(),
//!     environment: Environment::Production,
//!     user_id: "4711".into(),
//!     user_name: None,
//!     user_email: Some("zoe@example.org".into()),
//! };
//! let ada = OperatorIdentity::new("Ada", "ada@example.org");
//! let begun = Entry::for_new_session(1_764_500_000_000, "s1", ada, customer, "She can't see her order");
//! log.append(begun.clone()).await?;
//! // Only now is anything sent to the application.
//! log.append(begun.with_event(1_764_500_060_000, EndCause::Operator.into())).await?;
//!
//! let found = understudy_audit::verify::verify_log(&path, None).await?;
//! assert!(found.is_intact());
//! assert_eq!(found.entries, 2);
//! # Ok(())
//! # }
//! ```
//!
//! # Reading
//!
//! [`reader`] reads a log without writing to it: also a copy, on a computer that never ran Understudy. On top of it,
//! [`verify`] compares the entries with the chain, the checkpoints and what the keyring remembers;
//! [`verification_report`] says in words what it found; [`export`] writes entries for other programs; [`listing`] is
//! what a view shows, page by page. [`lines`] has the entries as their hashes cover them, for other places that they
//! are sent to.
//!
//! # What it needs
//!
//! A [`CheckpointKeeper`]: a place that whoever can write to the file cannot write to, such as a keyring. What time it
//! is, it is told: all times are milliseconds since the Unix epoch, and all hashes, keys and signatures are in
//! hexadecimal digits.
//!
//! Inside, `file` is the file, its format and its migrations; `open_log` handles changes to the file while it is open,
//! `run` the other processes that write to it, `row_limits` how long an entry may be, `owed_entries` what could not be
//! written yet, and `unfinished` what crashes left open. `chain` links the entries, `checkpoints` signs the chain,
//! `keyring_memory` is what the keyring remembers of that, `log_break` what a log lacked of it, and `retention` removes
//! what was kept for long enough, on the record.

mod chain;
mod checkpoint_keeper;
mod checkpoints;
mod console_entry;
mod entry;
mod error;
pub mod export;
mod file;
mod history;
mod keyring_memory;
pub mod lines;
pub mod listing;
mod log_break;
mod log_database;
pub mod log_query;
mod new_row;
mod ocsf;
mod open_log;
mod open_requests;
mod operators;
mod owed_entries;
pub mod reader;
mod retention;
mod row_limits;
mod run;
#[cfg(test)]
mod tests;
mod unfinished;
mod verification_progress;
pub mod verification_report;
pub mod verify;
mod words;

use std::path::Path;
use std::sync::Arc;

use tokio::sync::watch;

use self::checkpoints::DueCheckpoint;
use self::new_row::NewRow;
use self::open_log::OpenLog;
use self::owed_entries::OwedEntries;
use self::run::Run;

/// `complete_line` is for `tests/fuzz`, which has no SQLite between itself and what SQLite would write.
#[doc(hidden)]
pub use chain::complete_line;
pub use chain::{EntryLink, list_text_columns};
pub use checkpoint_keeper::CheckpointKeeper;
pub use checkpoints::Checkpoint;
pub use console_entry::{
    ConsoleEntry, ConsoleEvent, DiscardedMessage, ExportKind, NamedConnection, NamedUser, PolicyRule,
    RequestName,
};
pub use entry::{
    CAUSE_CHARS, DownloadedFile, EndCause, Entry, Event, HeldBackRequest, LeftApplication, OperatorIdentity,
    Subject,
};
pub use error::{AuditCode, AuditError, Result};
pub use history::{LatestSession, Outcome, PastSession, PastUnlock};
pub use keyring_memory::{RememberedLog, recall_logs};
pub use log_break::LogBreak;
pub use log_database::LogDatabase;
pub use ocsf::to_ocsf;
pub use open_requests::{EndOfRequest, OpenRequest};
pub use row_limits::MOST_LINE_BYTES;
pub use unfinished::SessionCourse;
pub use verification_progress::VerificationProgress;

/// The log, open for appending. Cheap to clone; all clones write to the same file.
#[derive(Debug, Clone)]
pub struct AuditLog {
    held: Arc<OpenLog>,
    owed: Arc<OwedEntries>,
    run: Arc<Run>,
    due: Arc<DueCheckpoint>,
    /// The last entry that this run has written.
    latest: Arc<watch::Sender<EntryLink>>,
    /// The computer that this run is on.
    host: String,
}

impl AuditLog {
    /// Opens the log at `path`, or creates it (with its folder, readable by the owner only), and proves that it is
    /// writable.
    ///
    /// Fails with [`AuditCode::LogFailed`] if the file cannot be created, read or written, is not an audit
    /// log, is damaged, or was written by a newer Understudy. Never repairs or replaces a file.
    ///
    /// Each opening is a run of its own, which lives until the last clone is dropped. Until then, no other run closes
    /// its sessions as crashed.
    pub async fn open(path: &Path) -> Result<Self> {
        let held = OpenLog::open(path).await?;
        let host = whoami::hostname().unwrap_or_else(|_| "unknown".into());
        let folder = path.parent().unwrap_or(Path::new(""));
        let run = Run::start_run(folder, &host).map_err(|cause| {
            AuditError::new(
                AuditCode::LogFailed,
                format!("Could not write beside the audit log {}: {cause}.", path.display()),
            )
            .with_hint("Check that you may write to this folder.")
            .caused_by(cause)
        })?;
        Ok(Self {
            held: Arc::new(held),
            owed: Arc::default(),
            run,
            due: Arc::default(),
            latest: Arc::new(watch::Sender::new(EntryLink::default())),
            host,
        })
    }

    /// Whether another file has taken the log's place since the last call. New entries go to that file.
    pub async fn was_replaced(&self) -> bool {
        self.held.was_replaced().await
    }

    /// Writes one entry. Once this returns, the entry survives a crash and a power cut.
    ///
    /// Fails with [`AuditCode::LogFailed`] if it cannot be written or would break the order of a session:
    /// *begun* exactly once and first, *ended* at most once and last.
    pub async fn append(&self, entry: Entry) -> Result<EntryLink> {
        let link = self.insert_row(&NewRow::from(&entry)).await?;
        self.due.note_entry(link.number, matches!(entry.event, Event::Ended { .. }));
        Ok(link)
    }

    /// Writes one entry that belongs to no session. Once this returns, it survives a crash and a power cut.
    pub async fn append_console_entry(&self, entry: &ConsoleEntry) -> Result<()> {
        self.append_numbered(entry).await.map(drop)
    }

    /// The same; returns the entry's number.
    pub async fn append_numbered(&self, entry: &ConsoleEntry) -> Result<i64> {
        let EntryLink { number, .. } = self.insert_row(&NewRow::from(entry)).await?;
        self.due.note_entry(number, false);
        Ok(number)
    }

    /// Writes the end of a request for approval of this log: that it was used or has expired. If the log has one of the
    /// two already, perhaps from another console of this home, writes nothing and returns which.
    pub async fn append_end_of_request(
        &self,
        entry: &ConsoleEntry,
        request: i64,
    ) -> Result<Option<EndOfRequest>> {
        let row = NewRow::from(entry);
        let insert = async || -> Result<sqlx::Result<Result<EntryLink, String>>> {
            let pool = self.held.current_pool().await?;
            let ends = [EndOfRequest::USED, EndOfRequest::EXPIRED];
            Ok(row.insert_once(&pool, &self.run.id, request, ends).await)
        };
        let written = match insert().await? {
            Err(cause) if file::was_moved(&cause) => insert().await?,
            outcome => outcome,
        };
        match written.map_err(write_error)? {
            Ok(link) => {
                self.note_written(&link);
                self.due.note_entry(link.number, false);
                Ok(None)
            }
            Err(earlier) => Ok(EndOfRequest::from_event(&earlier)),
        }
    }

    async fn insert_row(&self, row: &NewRow) -> Result<EntryLink> {
        let written = match self.try_insert(row).await? {
            Err(cause) if file::was_moved(&cause) => self.try_insert(row).await?,
            outcome => outcome,
        };
        let link = written.map_err(write_error)?;
        self.note_written(&link);
        Ok(link)
    }

    /// Tells those who send entries elsewhere: also if its number is lower than the one before, because another file may
    /// be in the log's place.
    fn note_written(&self, link: &EntryLink) {
        self.latest.send_replace(link.clone());
    }

    /// Outer `Err`: there is no log to write to. Inner `Err`: the log rejected the entry.
    async fn try_insert(&self, row: &NewRow) -> Result<sqlx::Result<EntryLink>> {
        let pool = self.held.current_pool().await?;
        Ok(row.insert(&pool, &self.run.id).await)
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

fn write_error(cause: sqlx::Error) -> AuditError {
    file::audit_error("write to the audit log", cause)
}

fn read_error(cause: sqlx::Error) -> AuditError {
    file::audit_error("read the audit log", cause)
}

//! The audit log: append-only, in an embedded SQLite file. No entry, no session.
//!
//! This file has the log and its operations. [`entry`] defines an entry, `file` the file, its format and its
//! migrations; `open_log` handles changes to the file while it is open, `owed_entries` the entries that could not be
//! written yet, and `run` the other processes that write to the same file. The invariants (no entry changes or
//! disappears, none comes before *begun* or after *ended*) are triggers inside the file, so that they bind every
//! program.

use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Row};
use ts_rs::TS;

use self::open_log::OpenLog;
use self::owed_entries::OwedEntries;
use self::run::Run;
use crate::error::{Code, Error, Result};

pub mod entry;
mod file;
mod open_log;
mod owed_entries;
mod run;

pub use entry::{EndCause, Entry, Event, OperatorIdentity, Subject};

/// How many of an operator's latest sessions are searched for reasons to suggest.
const REASONS_FROM: u32 = 500;

/// How a session ended, as far as is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum Outcome {
    /// It has not ended yet.
    Running,
    /// It was signed in, and has ended.
    Ended,
    /// It was never signed in.
    Refused,
    /// Understudy stopped before the session ended, so the application may still have it open.
    Crashed,
}

/// One session of a user, from the audit log. Lists have the newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct PastSession {
    pub session: String,
    pub operator: String,
    pub reason: String,
    pub outcome: Outcome,
    /// Milliseconds since the Unix epoch.
    #[ts(type = "number")]
    pub started_at: i64,
    /// Milliseconds since the Unix epoch.
    #[ts(type = "number | null")]
    pub ended_at: Option<i64>,
    /// Why the application may still have the session open, in one sentence; `None` if the sign-out succeeded, and if
    /// there was nothing to sign out of.
    pub sign_out_failed: Option<String>,
}

/// The log, open for appending. Cheap to clone; all clones write to the same file.
#[derive(Debug, Clone)]
pub struct AuditLog {
    held: Arc<OpenLog>,
    owed: Arc<OwedEntries>,
    run: Arc<Run>,
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
        Ok(Self { held: Arc::new(held), owed: Arc::default(), run, host })
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
        let (status, detail) = entry.event.status_and_detail();
        let sign_out_failed = entry.event.sign_out_failed();
        let inserted = sqlx::query(
            "INSERT INTO entries (at_ms, session, event, operator_name, operator_email, os_user, host,
                connection, connection_name, environment, user_id, user_name, user_email,
                reason, status, detail, sign_out_failed, held_back, mode, app_version, run)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
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
        .bind(&entry.app_version)
        .bind(&self.run.id)
        .execute(&self.held.current_pool().await?)
        .await;
        Ok(inserted.map(drop))
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

    /// The sessions of user `user_id` in `connection`, newest first, at most `limit`.
    pub async fn past_sessions(
        &self,
        connection: &str,
        user_id: &str,
        limit: u32,
    ) -> Result<Vec<PastSession>> {
        let rows = sqlx::query(
            "SELECT session, operator, reason, at_ms AS started_at,
                (SELECT at_ms FROM entries AS e WHERE e.session = b.session AND e.event = 'ended') AS ended_at,
                (SELECT sign_out_failed FROM entries AS e
                 WHERE e.session = b.session AND e.event = 'ended') AS sign_out_failed,
                (SELECT detail FROM entries AS e WHERE e.session = b.session AND e.event = 'ended') AS cause,
                EXISTS (SELECT 1 FROM entries AS e WHERE e.session = b.session AND e.event = 'active') AS signed_in
             FROM entries AS b
             WHERE event = 'begun' AND connection = ? AND user_id = ?
             ORDER BY id DESC LIMIT ?",
        )
        .bind(connection)
        .bind(user_id)
        .bind(limit)
        .fetch_all(&self.held.current_pool().await?)
        .await
        .map_err(read_error)?;
        rows.iter().map(|row| self.past_session(row).map_err(read_error)).collect()
    }

    /// The reasons that this operator last gave in this connection, without duplicates, newest first, at most `limit`.
    /// `operator` is the result of [`OperatorIdentity::display_name`].
    pub async fn recent_reasons(&self, connection: &str, operator: &str, limit: u32) -> Result<Vec<String>> {
        sqlx::query_scalar(
            "SELECT reason FROM (
                SELECT id, reason FROM entries
                WHERE event = 'begun' AND connection = ? AND operator = ? AND reason <> ''
                ORDER BY id DESC LIMIT ?)
             GROUP BY reason ORDER BY max(id) DESC LIMIT ?",
        )
        .bind(connection)
        .bind(operator)
        .bind(REASONS_FROM)
        .bind(limit)
        .fetch_all(&self.held.current_pool().await?)
        .await
        .map_err(read_error)
    }

    /// Closes what crashes left open: each session that has begun and not ended, and whose run is gone, gets *ended*
    /// with [`EndCause::Crash`] at `at_ms` (when it was found, not when it happened). Sessions of live runs, here or on
    /// another computer with the same home, stay open. Entries that those runs still owed are written first. Returns
    /// the new entries, in the order in which the sessions began.
    pub async fn close_unfinished(&self, at_ms: i64) -> Result<Vec<Entry>> {
        self.pay_for_the_gone().await?;
        let gone = self.runs_that_are_gone().await?;
        self.close_runs(&gone, at_ms).await
    }

    /// The runs that left a session open and are gone. The query that closes sessions names these and not the live
    /// runs, because a run that starts meanwhile would be on neither list.
    async fn runs_that_are_gone(&self) -> Result<Vec<String>> {
        let of: Vec<(String, String)> = sqlx::query_as(
            "SELECT DISTINCT run, host FROM entries AS b
             WHERE event = 'begun' AND run IS NOT NULL
                AND NOT EXISTS (SELECT 1 FROM entries AS e WHERE e.session = b.session AND e.event = 'ended')",
        )
        .fetch_all(&self.held.current_pool().await?)
        .await
        .map_err(read_error)?;
        let gone = of.into_iter().filter(|(run, host)| self.run.is_gone(run, host, &self.host));
        Ok(gone.map(|(run, _)| run).collect())
    }

    /// Closes what these runs left open, and sessions from before entries named their run.
    async fn close_runs(&self, gone: &[String], at_ms: i64) -> Result<Vec<Entry>> {
        let pool = self.held.current_pool().await?;
        let gone = serde_json::to_string(gone).map_err(Error::internal)?;
        let closed: Vec<i64> = sqlx::query_scalar(
            "INSERT INTO entries (at_ms, session, event, operator_name, operator_email, os_user, host,
                connection, connection_name, environment, user_id, user_name, user_email,
                reason, detail, mode, app_version, run)
             SELECT ?, session, 'ended', operator_name, operator_email, os_user, host,
                connection, connection_name, environment, user_id, user_name, user_email, reason, ?, mode, ?, ?
             FROM entries AS b
             WHERE event = 'begun'
                AND NOT EXISTS (SELECT 1 FROM entries AS e WHERE e.session = b.session AND e.event = 'ended')
                AND (run IS NULL OR run IN (SELECT value FROM json_each(?)))
             ORDER BY id
             RETURNING id",
        )
        .bind(at_ms)
        .bind(EndCause::Crash.as_str())
        .bind(env!("CARGO_PKG_VERSION"))
        .bind(&self.run.id)
        .bind(gone)
        .fetch_all(&pool)
        .await
        .map_err(|cause| file::audit_error("close unfinished sessions in the audit log", cause))?;
        self.run.remove_stale_files(&self.host);
        let closed = serde_json::to_string(&closed).map_err(Error::internal)?;
        let rows = sqlx::query(AssertSqlSafe(format!(
            "SELECT {} FROM entries WHERE id IN (SELECT value FROM json_each(?)) ORDER BY id",
            entry::COLUMNS
        )))
        .bind(closed)
        .fetch_all(&pool)
        .await
        .map_err(read_error)?;
        rows.iter().map(entry::read_entry).collect()
    }

    /// The latest entries, newest first, at most `limit`.
    pub async fn read_entries(&self, limit: u32) -> Result<Vec<Entry>> {
        let rows = sqlx::query(AssertSqlSafe(format!(
            "SELECT {} FROM entries ORDER BY id DESC LIMIT ?",
            entry::COLUMNS
        )))
        .bind(limit)
        .fetch_all(&self.held.current_pool().await?)
        .await
        .map_err(read_error)?;
        rows.iter().map(entry::read_entry).collect()
    }

    fn past_session(&self, row: &SqliteRow) -> sqlx::Result<PastSession> {
        let session: String = row.try_get("session")?;
        let mut ended_at: Option<i64> = row.try_get("ended_at")?;
        let mut failed: Option<String> = row.try_get("sign_out_failed")?;
        let cause: Option<String> = row.try_get("cause")?;
        let signed_in: bool = row.try_get("signed_in")?;
        if ended_at.is_none()
            && let Some(owed) = self.owed.end_of(&session)
        {
            ended_at = Some(owed.at_ms);
            failed = owed.event.sign_out_failed();
        }
        Ok(PastSession {
            session,
            operator: row.try_get("operator")?,
            reason: row.try_get("reason")?,
            outcome: match (ended_at, signed_in) {
                (None, _) => Outcome::Running,
                _ if cause.as_deref() == Some(EndCause::Crash.as_str()) => Outcome::Crashed,
                (Some(_), true) => Outcome::Ended,
                (Some(_), false) => Outcome::Refused,
            },
            started_at: row.try_get("started_at")?,
            ended_at,
            sign_out_failed: failed,
        })
    }
}

fn read_error(cause: sqlx::Error) -> Error {
    file::audit_error("read the audit log", cause)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::Environment;
    use crate::error::Code;

    fn begun(session: &str) -> Entry {
        Entry::for_new_session(
            1,
            session,
            OperatorIdentity::new("Ada", "ada@example.org"),
            Subject {
                connection: "acme".into(),
                connection_name: "Acme".into(),
                environment: Environment::Production,
                user_id: "7".into(),
                user_name: None,
                user_email: None,
            },
            "r".repeat(2000),
        )
    }

    /// According to SQLite's documentation, these two settings together make an entry survive a power cut.
    #[tokio::test]
    async fn an_entry_waits_for_the_disk() {
        let dir = tempfile::tempdir().unwrap();
        let log = AuditLog::open(&dir.path().join("audit.sqlite")).await.unwrap();
        let journal: String = sqlx::query_scalar("PRAGMA journal_mode")
            .fetch_one(&log.held.current_pool().await.unwrap())
            .await
            .unwrap();
        let synchronous: i64 = sqlx::query_scalar("PRAGMA synchronous")
            .fetch_one(&log.held.current_pool().await.unwrap())
            .await
            .unwrap();
        assert_eq!((journal.as_str(), synchronous), ("delete", 3), "3 is EXTRA");
    }

    /// A second console starts a session while a third one cleans up after a crash.
    #[tokio::test]
    async fn a_session_that_begins_while_another_run_cleans_up_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("audit.sqlite");
        let killed = AuditLog::open(&path).await.unwrap();
        killed.append(begun("cut off")).await.unwrap();
        drop(killed);
        let log = AuditLog::open(&path).await.unwrap();
        let gone = log.runs_that_are_gone().await.unwrap();
        let second = AuditLog::open(&path).await.unwrap();
        second.append(begun("alive")).await.unwrap();
        let closed = log.close_runs(&gone, 9).await.unwrap();
        assert_eq!(closed.iter().map(|entry| entry.session.as_str()).collect::<Vec<_>>(), ["cut off"]);
        let end = begun("alive").with_event(10, EndCause::Operator.into());
        second.append(end).await.expect("its own end is the first");
    }

    /// This fault can only be caused through the log's own connection.
    #[tokio::test]
    async fn a_full_disk_refuses_the_entry_and_says_so() {
        let dir = tempfile::tempdir().unwrap();
        let log = AuditLog::open(&dir.path().join("audit.sqlite")).await.unwrap();
        let pages: i64 = sqlx::query_scalar("PRAGMA page_count")
            .fetch_one(&log.held.current_pool().await.unwrap())
            .await
            .unwrap();
        sqlx::query(AssertSqlSafe(format!("PRAGMA max_page_count = {}", pages + 4)))
            .execute(&log.held.current_pool().await.unwrap())
            .await
            .unwrap();

        let mut written = 0;
        let error = loop {
            match log.append(begun(&format!("s{written}"))).await {
                Ok(()) => written += 1,
                Err(error) => break error,
            }
            assert!(written < 100, "the disk never became full");
        };
        assert_eq!(error.code, Code::AuditFailed);
        assert!(error.message.contains("full"), "{error}");
        assert!(error.hint.as_deref().unwrap_or_default().contains("space"), "{error}");
        assert_eq!(log.read_entries(1000).await.unwrap().len(), written, "the refused entry left a trace");
    }
}

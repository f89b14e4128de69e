//! Closes the sessions that a crash left open, and says how one went.

use sqlx::{AssertSqlSafe, Row};
use understudy_terms::SessionMode;

use crate::entry::{self, EndCause, Entry, Event};
use crate::error::{AuditError, Result};
use crate::file;
use crate::{AuditLog, chain, read_error};

/// How a session went that has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionCourse {
    /// Milliseconds since the Unix epoch.
    pub ended_at: i64,
    pub cause: EndCause,
    /// Whether the operator was signed in.
    pub was_active: bool,
    pub had_full_access: bool,
}

impl AuditLog {
    /// How this session went; `None` if it has not ended.
    pub async fn find_course(&self, session: &str) -> Result<Option<SessionCourse>> {
        let columns = entry::COLUMNS;
        let rows = sqlx::query(AssertSqlSafe(format!(
            "SELECT {columns} FROM entries WHERE session = ? ORDER BY id"
        )))
        .bind(session)
        .fetch_all(&self.held.current_pool().await?)
        .await
        .map_err(read_error)?;
        let entries: Vec<Entry> = rows.iter().map(entry::read_entry).collect::<Result<_>>()?;
        let has = |wanted: fn(&Event) -> bool| entries.iter().any(|entry| wanted(&entry.event));
        let began_full = entries.first().is_some_and(|begun| begun.mode == Some(SessionMode::Full));
        Ok(entries.iter().find_map(|entry| match &entry.event {
            Event::Ended { cause, .. } => Some(SessionCourse {
                ended_at: entry.at_ms,
                cause: *cause,
                was_active: has(|event| matches!(event, Event::Active)),
                had_full_access: began_full || has(|event| matches!(event, Event::Unlocked { .. })),
            }),
            _ => None,
        }))
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
    pub(super) async fn runs_that_are_gone(&self) -> Result<Vec<String>> {
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
    pub(super) async fn close_runs(&self, gone: &[String], at_ms: i64) -> Result<Vec<Entry>> {
        let pool = self.held.current_pool().await?;
        let gone = serde_json::to_string(gone).map_err(AuditError::internal)?;
        let fail = |cause| file::audit_error("close unfinished sessions in the audit log", cause);
        let mut transaction = pool.begin_with("BEGIN IMMEDIATE").await.map_err(fail)?;
        let mut closed = sqlx::query(AssertSqlSafe(format!(
            "INSERT INTO entries (at_ms, session, event, operator_name, operator_email, os_user, host,
                connection, connection_name, environment, user_id, user_name, user_email,
                reason, detail, mode, ticket, app_version, run)
             SELECT ?, session, 'ended', operator_name, operator_email, os_user, host,
                connection, connection_name, environment, user_id, user_name, user_email, reason, ?, mode, ticket,
                ?, ?
             FROM entries AS b
             WHERE event = 'begun'
                AND NOT EXISTS (SELECT 1 FROM entries AS e WHERE e.session = b.session AND e.event = 'ended')
                AND (run IS NULL OR run IN (SELECT value FROM json_each(?)))
             ORDER BY id
             RETURNING {}",
            chain::list_columns()
        )))
        .bind(at_ms)
        .bind(EndCause::Crash.as_str())
        .bind(env!("CARGO_PKG_VERSION"))
        .bind(&self.run.id)
        .bind(gone)
        .fetch_all(&mut *transaction)
        .await
        .map_err(fail)?;
        // SQLite does not promise any order of what it returns.
        closed.sort_by_key(|row| row.try_get::<i64, _>("id").unwrap_or_default());
        for row in &closed {
            chain::add_link(&mut transaction, row).await.map_err(fail)?;
        }
        transaction.commit().await.map_err(fail)?;
        self.run.remove_stale_files(&self.host);
        closed.iter().map(entry::read_entry).collect()
    }
}

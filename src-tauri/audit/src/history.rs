//! Reads the log: past sessions, reasons to suggest, the latest entries.

use aws_lc_rs::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Row};
use ts_rs::TS;

use crate::entry::{self, EndCause, Entry};
use crate::error::Result;
use crate::{AuditLog, chain, read_error};

/// How many of an operator's latest sessions are searched for reasons to suggest, and for users.
const LATEST: u32 = 500;

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
    /// The ticket that it was for; may be empty.
    pub ticket: String,
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
    /// When it got full access, the oldest first.
    pub unlocks: Vec<PastUnlock>,
    /// How many requests were held back; `None` while it runs, and if that is unknown.
    #[ts(type = "number | null")]
    pub held_back: Option<u64>,
}

/// The latest session of a user, as its operator began it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
#[ts(export)]
pub struct LatestSession {
    pub connection: String,
    /// The user's ID.
    pub user: String,
    pub reason: String,
    /// The ticket that it was for; may be empty.
    pub ticket: String,
    /// Milliseconds since the Unix epoch.
    #[ts(type = "number")]
    pub started_at: i64,
}

/// A read-only session that got full access.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct PastUnlock {
    /// Milliseconds since the Unix epoch.
    #[ts(type = "number")]
    pub at: i64,
    /// As the operator entered it; may be empty.
    pub reason: String,
}

impl AuditLog {
    /// The sessions of user `user_id` in `connection`, newest first, at most `limit`.
    pub async fn past_sessions(
        &self,
        connection: &str,
        user_id: &str,
        limit: u32,
    ) -> Result<Vec<PastSession>> {
        let rows = sqlx::query(
            "SELECT session, operator, reason, coalesce(ticket, '') AS ticket, at_ms AS started_at,
                (SELECT at_ms FROM entries AS e WHERE e.session = b.session AND e.event = 'ended') AS ended_at,
                (SELECT sign_out_failed FROM entries AS e
                 WHERE e.session = b.session AND e.event = 'ended') AS sign_out_failed,
                (SELECT held_back FROM entries AS e WHERE e.session = b.session AND e.event = 'ended') AS held_back,
                (SELECT json_group_array(json_object('at', at_ms, 'reason', detail) ORDER BY id) FROM entries AS e
                 WHERE e.session = b.session AND e.event = 'unlocked') AS unlocks,
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
    /// `operator` is the result of [`OperatorIdentity::display_name`](super::OperatorIdentity::display_name).
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
        .bind(LATEST)
        .bind(limit)
        .fetch_all(&self.held.current_pool().await?)
        .await
        .map_err(read_error)
    }

    /// The users whom this operator last signed in as in this connection, newest first, at most `limit`, each with the
    /// latest session. Sessions with one of the `other` reasons do not count.
    pub async fn recent_users(
        &self,
        connection: &str,
        operator: &str,
        other: &[&str],
        limit: u32,
    ) -> Result<Vec<LatestSession>> {
        // Next to max(id), SQLite takes the other columns from the same row.
        let rows = sqlx::query(
            "SELECT connection, user_id AS user, reason, coalesce(ticket, '') AS ticket, at_ms AS started_at,
                max(id)
             FROM (SELECT * FROM entries
                WHERE event = 'begun' AND connection = ? AND operator = ?
                ORDER BY id DESC LIMIT ?)
             WHERE reason NOT IN (SELECT value FROM json_each(?))
             GROUP BY user_id ORDER BY max(id) DESC LIMIT ?",
        )
        .bind(connection)
        .bind(operator)
        .bind(LATEST)
        .bind(serde_json::json!(other).to_string())
        .bind(limit)
        .fetch_all(&self.held.current_pool().await?)
        .await
        .map_err(read_error)?;
        rows.iter().map(|row| read_latest_session(row).map_err(read_error)).collect()
    }

    /// The salted hash of a text that was searched for, in hexadecimal digits. The salt is the log's ID: so the same text
    /// has the same hash in this log, and another one elsewhere.
    pub async fn hash_search(&self, text: &str) -> Result<String> {
        let log = self.id().await?;
        Ok(chain::to_hex(digest(&SHA256, format!("{log}\n{text}").as_bytes()).as_ref()))
    }

    /// The log's own ID.
    pub async fn id(&self) -> Result<String> {
        sqlx::query_scalar("SELECT id FROM log")
            .fetch_one(&self.held.current_pool().await?)
            .await
            .map_err(read_error)
    }

    /// Those of these connections in which this operator has begun a session.
    pub async fn used_connections(&self, connections: &[String], operator: &str) -> Result<Vec<String>> {
        // One step in the index for each connection.
        sqlx::query_scalar(
            "SELECT c.value FROM json_each(?) AS c WHERE EXISTS (
                SELECT 1 FROM entries WHERE event = 'begun' AND connection = c.value AND operator = ?)",
        )
        .bind(serde_json::json!(connections).to_string())
        .bind(operator)
        .fetch_all(&self.held.current_pool().await?)
        .await
        .map_err(read_error)
    }

    /// This operator's latest session in any of these connections. Sessions with one of the `other` reasons do not
    /// count.
    pub async fn latest_session(
        &self,
        connections: &[String],
        operator: &str,
        other: &[&str],
    ) -> Result<Option<LatestSession>> {
        // One step in the index for each connection.
        let row = sqlx::query(
            "SELECT b.connection, user_id AS user, reason, coalesce(ticket, '') AS ticket, at_ms AS started_at
             FROM json_each(?) AS c JOIN entries AS b ON b.id = (
                SELECT id FROM entries
                WHERE event = 'begun' AND connection = c.value AND operator = ?
                    AND reason NOT IN (SELECT value FROM json_each(?))
                ORDER BY id DESC LIMIT 1)
             ORDER BY b.id DESC LIMIT 1",
        )
        .bind(serde_json::json!(connections).to_string())
        .bind(operator)
        .bind(serde_json::json!(other).to_string())
        .fetch_optional(&self.held.current_pool().await?)
        .await
        .map_err(read_error)?;
        row.as_ref().map(read_latest_session).transpose().map_err(read_error)
    }

    /// The latest entries of sessions, newest first, at most `limit`.
    pub async fn read_entries(&self, limit: u32) -> Result<Vec<Entry>> {
        let rows = sqlx::query(AssertSqlSafe(format!(
            "SELECT {} FROM entries WHERE session IS NOT NULL ORDER BY id DESC LIMIT ?",
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
        let mut held_back: Option<i64> = row.try_get("held_back")?;
        let unlocks: String = row.try_get("unlocks")?;
        let cause: Option<String> = row.try_get("cause")?;
        let signed_in: bool = row.try_get("signed_in")?;
        if ended_at.is_none()
            && let Some(owed) = self.owed.end_of(&session)
        {
            ended_at = Some(owed.at_ms);
            failed = owed.event.sign_out_failed();
            held_back = owed.event.held_back();
        }
        Ok(PastSession {
            session,
            operator: row.try_get("operator")?,
            reason: row.try_get("reason")?,
            ticket: row.try_get("ticket")?,
            outcome: match (ended_at, signed_in) {
                (None, _) => Outcome::Running,
                _ if cause.as_deref() == Some(EndCause::Crash.as_str()) => Outcome::Crashed,
                (Some(_), true) => Outcome::Ended,
                (Some(_), false) => Outcome::Refused,
            },
            started_at: row.try_get("started_at")?,
            ended_at,
            sign_out_failed: failed,
            unlocks: serde_json::from_str(&unlocks).map_err(|error| sqlx::Error::Decode(error.into()))?,
            held_back: held_back.and_then(|count| u64::try_from(count).ok()),
        })
    }
}

fn read_latest_session(row: &SqliteRow) -> sqlx::Result<LatestSession> {
    Ok(LatestSession {
        connection: row.try_get("connection")?,
        user: row.try_get("user")?,
        reason: row.try_get("reason")?,
        ticket: row.try_get("ticket")?,
        started_at: row.try_get("started_at")?,
    })
}

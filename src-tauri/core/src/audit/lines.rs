//! The log's entries as their hashes cover them, for other places that they are sent to: each a line of canonical JSON, in
//! order, from any entry on.

use std::sync::{Arc, Weak};

use sqlx::{AssertSqlSafe, Row};
use tokio::sync::watch;

use super::chain;
use super::open_log::OpenLog;
use super::{AuditLog, read_error};
use crate::error::{Code, Error, Result};

/// An entry as its hash covers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainLine {
    /// The entry's number.
    pub id: i64,
    /// Milliseconds since the Unix epoch.
    pub at_ms: i64,
    /// SHA-256 of `line`, in hexadecimal digits.
    pub hash: String,
    /// The hash before it; `None` if the entry is the log's first.
    pub previous: Option<String>,
    /// Canonical JSON, with `previous`: the hash before it, or the log's ID.
    pub line: String,
}

/// How much comes after an entry.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct EntriesAfter {
    pub count: u64,
    /// When the first of them was written: milliseconds since the Unix epoch.
    pub since: Option<i64>,
}

/// Reads the log that this run writes. Whoever holds it holds no part of the log: it does not count as open for that.
#[derive(Debug, Clone)]
pub struct LogLines {
    held: Weak<OpenLog>,
    latest: watch::Receiver<i64>,
}

impl AuditLog {
    pub fn lines(&self) -> LogLines {
        LogLines { held: Arc::downgrade(&self.held), latest: self.latest.subscribe() }
    }

    /// The number of the last entry that this run has written.
    pub fn latest_number(&self) -> i64 {
        *self.latest.borrow()
    }
}

impl LogLines {
    /// Waits until this run writes another entry. Fails once the log is closed.
    pub async fn wait_for_entry(&mut self) -> Result<()> {
        self.latest.changed().await.map_err(|_| log_is_closed())
    }

    /// The log's ID.
    pub async fn log_id(&self) -> Result<String> {
        let pool = self.held()?.current_pool().await?;
        sqlx::query_scalar("SELECT id FROM log").fetch_one(&pool).await.map_err(read_error)
    }

    /// The hash of this entry, in hexadecimal digits.
    pub async fn read_hash(&self, entry: i64) -> Result<Option<String>> {
        let pool = self.held()?.current_pool().await?;
        sqlx::query_scalar("SELECT hash FROM links WHERE entry = ?")
            .bind(entry)
            .fetch_optional(&pool)
            .await
            .map_err(read_error)
    }

    /// The entries after this one, at most `limit`.
    ///
    /// Fails with [`Code::AuditFailed`] at the first that is not what was written.
    pub async fn read_after(&self, after: i64, limit: u32) -> Result<Vec<ChainLine>> {
        let pool = self.held()?.current_pool().await?;
        let log: String =
            sqlx::query_scalar("SELECT id FROM log").fetch_one(&pool).await.map_err(read_error)?;
        let rows = sqlx::query(AssertSqlSafe(format!(
            "SELECT {}, hash, (SELECT hash FROM links WHERE entry = e.id - 1) AS previous_hash
             FROM entries AS e LEFT JOIN links ON links.entry = e.id WHERE e.id > ? ORDER BY e.id LIMIT ?",
            chain::list_columns()
        )))
        .bind(after)
        .bind(limit)
        .fetch_all(&pool)
        .await
        .map_err(read_error)?;
        rows.iter()
            .map(|row| {
                let columns = chain::read_columns(row).map_err(read_error)?;
                let previous: Option<String> = row.try_get("previous_hash").map_err(read_error)?;
                let hash: Option<String> = row.try_get("hash").map_err(read_error)?;
                let number = |name| columns.get(name).and_then(serde_json::Value::as_i64).unwrap_or_default();
                let (id, at_ms) = (number("id"), number("at_ms"));
                let (line, expected) = chain::link_line(&columns, previous.as_deref().unwrap_or(&log));
                match hash {
                    Some(hash) if hash == expected => Ok(ChainLine { id, at_ms, hash, previous, line }),
                    _ => Err(Error::new(
                        Code::AuditFailed,
                        format!("Entry {id} of this computer's audit log is not what was written."),
                    )
                    .with_hint(
                        "Run `understudy audit verify`, and show what it says to whoever reviews the log.",
                    )),
                }
            })
            .collect()
    }

    /// How much comes after this entry.
    pub async fn count_after(&self, after: i64) -> Result<EntriesAfter> {
        let pool = self.held()?.current_pool().await?;
        let (count, since): (i64, Option<i64>) = sqlx::query_as(
            "SELECT count(*), (SELECT at_ms FROM entries WHERE id > ?1 ORDER BY id LIMIT 1) FROM entries WHERE id > ?1",
        )
        .bind(after)
        .fetch_one(&pool)
        .await
        .map_err(read_error)?;
        Ok(EntriesAfter { count: u64::try_from(count).unwrap_or(0), since })
    }

    fn held(&self) -> Result<Arc<OpenLog>> {
        self.held.upgrade().ok_or_else(log_is_closed)
    }
}

fn log_is_closed() -> Error {
    Error::new(Code::Cancelled, "The audit log was closed.")
}

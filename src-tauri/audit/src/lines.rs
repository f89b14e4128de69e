//! The log's entries as their hashes cover them, for other places that they are sent to: each a line of canonical JSON, in
//! order, from any entry on.

use std::sync::{Arc, Weak};

use sqlx::{AssertSqlSafe, Row, SqliteConnection};
use tokio::sync::watch;

use crate::chain::{self, EntryLink};
use crate::error::{AuditCode, AuditError, Result};
use crate::open_log::OpenLog;
use crate::{AuditLog, read_error};

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
    latest: watch::Receiver<EntryLink>,
}

impl AuditLog {
    pub fn lines(&self) -> LogLines {
        LogLines { held: Arc::downgrade(&self.held), latest: self.latest.subscribe() }
    }

    /// The number of the last entry that this run has written.
    pub fn latest_number(&self) -> i64 {
        self.latest.borrow().number
    }

    /// The last entry that this run has written.
    pub fn latest_entry(&self) -> EntryLink {
        self.latest.borrow().clone()
    }
}

impl LogLines {
    /// Waits until this run writes another entry. Fails once the log is closed.
    pub async fn wait_for_entry(&mut self) -> Result<()> {
        self.latest.changed().await.map_err(|_| log_is_closed())
    }

    /// The ID of the log that this run has opened.
    pub fn opened_id(&self) -> Result<String> {
        Ok(self.held()?.id().to_owned())
    }

    /// The ID of the log that is in its place now.
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

    /// Whether the log that is in its place now has this entry, or had it until it was removed because of its age.
    pub async fn has_link(&self, link: &EntryLink) -> Result<bool> {
        Ok(link.number == 0 || self.read_hash(link.number).await?.as_ref() == Some(&link.hash))
    }

    /// Whether the log that is in its place now is the one that this run has opened, and has all of these entries.
    pub async fn has_entries(&self, entries: &[&EntryLink]) -> Result<bool> {
        let held = self.held()?;
        let pool = held.current_pool().await?;
        let mut reading = pool.begin().await.map_err(read_error)?;
        let id: String =
            sqlx::query_scalar("SELECT id FROM log").fetch_one(&mut *reading).await.map_err(read_error)?;
        let mut has_all = id == held.id();
        for link in entries {
            has_all = has_all && has_link(&mut reading, link).await.map_err(read_error)?;
        }
        reading.rollback().await.map_err(read_error)?;
        Ok(has_all)
    }

    /// The entries of the log `log` after this one, at most `limit`.
    ///
    /// Fails with [`AuditCode::LogFailed`] if another log is in its place now or it does not have `after`, and at the first
    /// entry that is not what was written.
    pub async fn read_after(&self, log: &str, after: &EntryLink, limit: u32) -> Result<Vec<ChainLine>> {
        let pool = self.held()?.current_pool().await?;
        // All of one moment: the file may be written over by an older copy.
        let mut reading = pool.begin().await.map_err(read_error)?;
        let id: String =
            sqlx::query_scalar("SELECT id FROM log").fetch_one(&mut *reading).await.map_err(read_error)?;
        let is_the_same = id == log && has_link(&mut reading, after).await.map_err(read_error)?;
        let rows = sqlx::query(AssertSqlSafe(format!(
            "SELECT {}, hash, (SELECT hash FROM links WHERE entry = e.id - 1) AS previous_hash
             FROM entries AS e LEFT JOIN links ON links.entry = e.id WHERE e.id > ? ORDER BY e.id LIMIT ?",
            chain::list_columns()
        )))
        .bind(after.number)
        .bind(limit)
        .fetch_all(&mut *reading)
        .await
        .map_err(read_error)?;
        reading.rollback().await.map_err(read_error)?;
        if !is_the_same {
            return Err(was_replaced());
        }
        rows.iter()
            .map(|row| {
                let columns = chain::read_columns(row).map_err(read_error)?;
                let previous: Option<String> = row.try_get("previous_hash").map_err(read_error)?;
                let hash: Option<String> = row.try_get("hash").map_err(read_error)?;
                let number = |name| columns.get(name).and_then(serde_json::Value::as_i64).unwrap_or_default();
                let (id, at_ms) = (number("id"), number("at_ms"));
                let (line, expected) = chain::link_line(&columns, previous.as_deref().unwrap_or(log));
                match hash {
                    Some(hash) if hash == expected => Ok(ChainLine { id, at_ms, hash, previous, line }),
                    _ => Err(AuditError::new(
                        AuditCode::LogFailed,
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

async fn has_link(connection: &mut SqliteConnection, link: &EntryLink) -> sqlx::Result<bool> {
    let hash: Option<String> = sqlx::query_scalar("SELECT hash FROM links WHERE entry = ?")
        .bind(link.number)
        .fetch_optional(connection)
        .await?;
    Ok(link.number == 0 || hash.as_ref() == Some(&link.hash))
}

fn was_replaced() -> AuditError {
    AuditError::new(AuditCode::LogFailed, "Another file is in the place of this computer's audit log.").with_hint(
        "It may have been replaced by an older copy. Run `understudy audit verify`, and show what it says to whoever \
         reviews the log.",
    )
}

fn log_is_closed() -> AuditError {
    AuditError::new(AuditCode::Closed, "The audit log was closed.")
}

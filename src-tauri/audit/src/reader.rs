//! Reads a log without writing to it: for reviews, exports and copies of a log. Needs no run and no keyring.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool, SqlitePoolOptions, SqliteRow};
use sqlx::{AssertSqlSafe, QueryBuilder, Row, Sqlite};

use crate::chain::{self, Columns};
use crate::checkpoints::Checkpoint;
use crate::error::{AuditCode, AuditError, Result};
use crate::file::{APPLICATION_ID, CHAINED_FORMAT, audit_error};
use crate::log_database::LogDatabase;
use crate::{log_query, read_error};
use understudy_directory::ParsedQuery;

/// Which entries to read. What is `None` does not restrict.
#[derive(Debug, Clone, Default)]
pub struct EntryFilter {
    /// From this time on: milliseconds since the Unix epoch.
    pub since_ms: Option<i64>,
    /// Before this time: milliseconds since the Unix epoch.
    pub until_ms: Option<i64>,
    pub session: Option<String>,
    /// The connection's ID.
    pub connection: Option<String>,
    /// The user's ID.
    pub user: Option<String>,
    /// The operator's name, email address or account.
    pub operator: Option<String>,
    /// What was typed in the search field of the log's view, read with [`search_columns`](log_query::search_columns).
    pub search: Option<ParsedQuery>,
}

impl EntryFilter {
    /// Adds ` AND …`. The table is called `e`.
    pub fn push_conditions<D: LogDatabase>(&self, query: &mut QueryBuilder<D>) {
        for (column, value) in
            [("session", &self.session), ("connection", &self.connection), ("user_id", &self.user)]
        {
            if let Some(value) = value {
                query.push(format!(" AND e.{column} = "));
                D::push_text(query, value.clone());
            }
        }
        if let Some(operator) = &self.operator {
            query.push(" AND ");
            D::push_text(query, operator.clone());
            query.push(" IN (e.operator_name, e.operator_email, e.os_user)");
        }
        for (relation, bound) in [(">=", self.since_ms), ("<", self.until_ms)] {
            if let Some(bound) = bound {
                query.push(format!(" AND e.at_ms {relation} "));
                D::push_number(query, bound);
            }
        }
        if let Some(search) = &self.search {
            log_query::push_conditions(query, search);
        }
    }
}

/// An entry as it is in the file, with its number and its hash.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StoredEntry {
    #[serde(flatten)]
    columns: Columns,
    /// In hexadecimal digits; `None` if it has no link.
    pub hash: Option<String>,
}

impl StoredEntry {
    /// A column's text; empty if it has no value.
    pub fn text(&self, column: &str) -> String {
        match self.columns.get(column) {
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
            None => String::new(),
        }
    }

    /// Milliseconds since the Unix epoch.
    pub fn at_ms(&self) -> i64 {
        self.columns.get("at_ms").and_then(Value::as_i64).unwrap_or_default()
    }

    /// The entry's number.
    pub fn number(&self) -> i64 {
        self.columns.get("id").and_then(Value::as_i64).unwrap_or_default()
    }

    /// The hash that it has if it was written after the entry with the hash `previous`; that of the first entry comes
    /// after the log's ID.
    pub fn expected_hash(&self, previous: &str) -> String {
        chain::hash_entry(&self.columns, previous)
    }

    /// An entry as its hash covers it: see [`lines`](super::lines).
    pub fn from_line(line: &str, hash: &str) -> serde_json::Result<Self> {
        Ok(Self { columns: chain::parse_columns(line)?, hash: Some(hash.to_owned()) })
    }

    /// An entry as an export has it.
    #[cfg(test)]
    pub(super) fn from_json(entry: &Value, hash: &str) -> Self {
        let known = chain::list_columns();
        let names = known.split(", ").map(|name| (name, &entry[name])).filter(|(_, value)| !value.is_null());
        let columns = names.map(|(name, value)| (&*name.to_owned().leak(), value.clone()));
        Self { columns: columns.collect(), hash: Some(hash.to_owned()) }
    }

    pub(super) fn read(row: &SqliteRow) -> sqlx::Result<Self> {
        Ok(Self { columns: chain::read_columns(row)?, hash: row.try_get("hash")? })
    }
}

/// An entry as it is compared with its hash.
#[derive(Debug)]
pub(super) struct HashedEntry {
    /// The entry's number.
    pub(super) id: i64,
    pub(super) at_ms: i64,
    /// In hexadecimal digits; `None` if it has no link.
    pub(super) hash: Option<String>,
    /// For [`chain::complete_line`].
    pub(super) json: String,
}

/// A log that is open for reading only.
#[derive(Debug)]
pub struct LogReader {
    pool: SqlitePool,
    path: PathBuf,
    /// The log's ID.
    id: String,
}

impl LogReader {
    /// Opens the log at `path`; never creates, migrates or changes it.
    ///
    /// Fails with [`AuditCode::LogFailed`] if there is none, if it is something else, and if its format is not today's.
    pub async fn open(path: &Path) -> Result<Self> {
        if !path.exists() {
            return Err(AuditError::new(
                AuditCode::LogFailed,
                format!("There is no audit log at {}.", path.display()),
            )
            .with_hint("It is created when Understudy starts for the first time."));
        }
        let doing = format!("read the audit log {}", path.display());
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(false)
            .read_only(true)
            .busy_timeout(Duration::from_secs(5));
        let pool = SqlitePoolOptions::new()
            .max_connections(1)
            .connect_with(options)
            .await
            .map_err(|cause| audit_error(&doing, cause))?;
        let fail = |cause| audit_error(&doing, cause);
        let application: i32 =
            sqlx::query_scalar("PRAGMA application_id").fetch_one(&pool).await.map_err(fail)?;
        let format: i64 = sqlx::query_scalar("PRAGMA user_version").fetch_one(&pool).await.map_err(fail)?;
        if application != APPLICATION_ID {
            return Err(AuditError::new(
                AuditCode::LogFailed,
                format!("{} is not an audit log.", path.display()),
            )
            .with_hint("Name the file audit.sqlite of Understudy's data folder, or a copy of it."));
        }
        if format < i64::try_from(CHAINED_FORMAT).unwrap_or(i64::MAX) {
            return Err(AuditError::new(
                AuditCode::LogFailed,
                format!(
                    "The entries of {} have no chain yet: an earlier Understudy wrote it.",
                    path.display()
                ),
            )
            .with_hint("Start Understudy once. It chains the entries as they are then."));
        }
        let id = sqlx::query_scalar("SELECT id FROM log").fetch_one(&pool).await.map_err(fail)?;
        Ok(Self { pool, path: path.to_owned(), id })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The log's ID.
    pub fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn pool(&self) -> &SqlitePool {
        &self.pool
    }

    /// The entries that pass the filter and whose number is greater than `after`, the oldest first, at most `limit`.
    pub async fn read_after(&self, filter: &EntryFilter, after: i64, limit: u32) -> Result<Vec<StoredEntry>> {
        let mut query = select_entries(filter);
        query.push(" AND e.id > ").push_bind(after).push(" ORDER BY e.id LIMIT ").push_bind(limit);
        self.fetch_entries(query).await
    }

    /// The entries whose number is greater than `after`, the oldest first, at most `limit`.
    pub(super) async fn read_hashed_after(&self, after: i64, limit: u32) -> Result<Vec<HashedEntry>> {
        let json = chain::list_columns_as_json();
        let rows: Vec<(i64, i64, Option<String>, String)> = sqlx::query_as(AssertSqlSafe(format!(
            "SELECT e.id, at_ms, hash, {json} FROM entries AS e LEFT JOIN links ON links.entry = e.id
             WHERE e.id > ? ORDER BY e.id LIMIT ?"
        )))
        .bind(after)
        .bind(limit)
        .fetch_all(&self.pool)
        .await
        .map_err(read_error)?;
        Ok(rows.into_iter().map(|(id, at_ms, hash, json)| HashedEntry { id, at_ms, hash, json }).collect())
    }

    /// The latest entries that pass the filter, the oldest of them first, at most `limit`.
    pub async fn read_latest(&self, filter: &EntryFilter, limit: u32) -> Result<Vec<StoredEntry>> {
        let mut query = select_entries(filter);
        query.push(" ORDER BY e.id DESC LIMIT ").push_bind(limit);
        let mut entries = self.fetch_entries(query).await?;
        entries.reverse();
        Ok(entries)
    }

    /// The IDs of sessions that begin so, at most `limit`.
    pub async fn find_sessions(&self, beginning: &str, limit: u32) -> Result<Vec<String>> {
        sqlx::query_scalar(
            "SELECT DISTINCT session FROM entries WHERE substr(session, 1, length(?)) = ? ORDER BY session LIMIT ?",
        )
        .bind(beginning)
        .bind(beginning)
        .bind(limit)
        .fetch_all(&self.pool)
        .await
        .map_err(read_error)
    }

    async fn fetch_entries(&self, mut query: QueryBuilder<Sqlite>) -> Result<Vec<StoredEntry>> {
        let rows = query.build().fetch_all(&self.pool).await.map_err(read_error)?;
        rows.iter().map(|row| StoredEntry::read(row).map_err(read_error)).collect()
    }

    /// The entries that say that others were removed, the latest first.
    pub(super) async fn read_removals(&self) -> Result<Vec<StoredEntry>> {
        let mut query = select_entries(&EntryFilter::default());
        query.push(" AND e.event = 'entries_removed' ORDER BY e.id DESC");
        self.fetch_entries(query).await
    }

    /// All checkpoints, in the order of their entries.
    pub(super) async fn read_checkpoints(&self) -> Result<Vec<Checkpoint>> {
        let rows: Vec<(i64, i64, String, String, String)> = sqlx::query_as(
            "SELECT entry, at_ms, hash, key, signature FROM checkpoints ORDER BY entry, at_ms",
        )
        .fetch_all(&self.pool)
        .await
        .map_err(read_error)?;
        let checkpoints = rows.into_iter().map(|(entry, at_ms, hash, key, signature)| Checkpoint {
            entry,
            at_ms,
            hash,
            key,
            signature,
        });
        Ok(checkpoints.collect())
    }

    /// How many entries there are after this one, as their numbers say.
    pub(super) async fn count_after(&self, after: i64) -> Result<u64> {
        let last: Option<i64> = sqlx::query_scalar("SELECT max(id) FROM entries")
            .fetch_one(&self.pool)
            .await
            .map_err(read_error)?;
        Ok(u64::try_from(last.unwrap_or_default().saturating_sub(after)).unwrap_or_default())
    }

    /// Whether the entry is there.
    pub(super) async fn has_entry(&self, entry: i64) -> Result<bool> {
        sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM entries WHERE id = ?)")
            .bind(entry)
            .fetch_one(&self.pool)
            .await
            .map_err(read_error)
    }

    /// The last link after this entry whose own entry is not there.
    pub(super) async fn last_link_without_entry(&self, after: i64) -> Result<Option<i64>> {
        sqlx::query_scalar(
            "SELECT max(entry) FROM links AS l
             WHERE entry > ? AND NOT EXISTS (SELECT 1 FROM entries AS e WHERE e.id = l.entry)",
        )
        .bind(after)
        .fetch_one(&self.pool)
        .await
        .map_err(read_error)
    }

    /// The hash of this entry's link.
    pub async fn read_hash(&self, entry: i64) -> Result<Option<String>> {
        sqlx::query_scalar("SELECT hash FROM links WHERE entry = ?")
            .bind(entry)
            .fetch_optional(&self.pool)
            .await
            .map_err(read_error)
    }
}

/// The beginning of a query, up to its conditions.
fn select_entries(filter: &EntryFilter) -> QueryBuilder<Sqlite> {
    let columns = chain::list_columns();
    let mut query = QueryBuilder::new(format!(
        "SELECT {columns}, hash FROM entries AS e LEFT JOIN links ON links.entry = e.id WHERE 1"
    ));
    filter.push_conditions(&mut query);
    query
}

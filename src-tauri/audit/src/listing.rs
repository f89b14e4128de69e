//! The log as the console's view lists it: a page at a time, the newest entry first; one session; who became whom.
//!
//! A page never reads the whole log. Where few entries pass the search, it comes back with what it has found so far, and
//! with where to go on.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, QueryBuilder, Row, Sqlite};
use ts_rs::TS;
use understudy_terms::{Environment, SessionMode};

use crate::error::Result;
use crate::log_database::LogDatabase;
use crate::log_query::CompletedValues;
use crate::reader::{EntryFilter, LogReader, StoredEntry};
use crate::{Outcome, chain, log_query, read_error};
use understudy_directory::{Highlights, ParsedQuery, Suggestion, suggest_completions};

#[cfg(test)]
#[path = "listing_tests.rs"]
mod tests;

/// How many entries a page looks at: so few that sessions, which write meanwhile, wait for no page.
const SCANNED: i64 = 20_000;

/// How many entries are counted at a time, and how many of the latest say which values are common.
pub const PORTION: i64 = 5_000;

/// How many operators and users are counted by name.
const COUNTED: usize = 50;

/// How many common values are suggested at most.
pub const VALUES: u32 = 50;

/// One entry, for display.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct ListedEntry {
    /// Its number.
    #[ts(type = "number")]
    pub id: i64,
    /// Milliseconds since the Unix epoch.
    #[ts(type = "number")]
    pub at: i64,
    /// Empty if it is about no session.
    pub session: String,
    /// The event's word in the log.
    pub event: String,
    /// By name, else by email address, else by account.
    pub operator: String,
    /// The operator's account, and the computer.
    pub os_user: String,
    pub host: String,
    /// The connection's ID; empty if it is about none. The same goes for the next three.
    pub connection: String,
    pub connection_name: String,
    pub user_id: String,
    /// By email address, else by name, else by ID.
    pub user: String,
    pub environment: Option<Environment>,
    /// What the session could do when it began.
    pub mode: Option<SessionMode>,
    pub reason: String,
    pub ticket: String,
    /// The status of the application's answer.
    pub status: String,
    pub detail: String,
    /// What it says beside who, about whom and when, in words.
    pub description: String,
    pub sign_out_failed: String,
    #[ts(type = "number | null")]
    pub held_back: Option<u64>,
    /// How its session has turned out; `None` if it is about no session.
    pub outcome: Option<Outcome>,
    /// The chain's link, in hexadecimal digits; empty if it has none.
    pub hash: String,
    /// Whose it is, in the team's log; `None` in this computer's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub console: Option<EntryConsole>,
}

/// The console that an entry of the team's log is from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct EntryConsole {
    /// The ID of its log.
    pub log: String,
    /// It is this computer's.
    pub is_own: bool,
    /// The database role that wrote it.
    pub written_by: String,
    /// When the database got it: milliseconds since the Unix epoch.
    #[ts(type = "number")]
    pub written_at: i64,
}

/// Entries that pass a search, the newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogPage {
    pub entries: Vec<ListedEntry>,
    /// Where the next page begins, for `before`; `None` at the end of the log.
    pub next: Option<i64>,
    /// When the oldest entry that was looked at was written: milliseconds since the Unix epoch; `None` at the end.
    pub searched_to: Option<i64>,
}

/// Who became whom since a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct SessionCounts {
    /// How many sessions have begun.
    #[ts(type = "number")]
    pub sessions: u64,
    /// How many operators and users there were.
    #[ts(type = "number")]
    pub operators: u64,
    #[ts(type = "number")]
    pub users: u64,
    /// Those with the most sessions first; not all, if they are many.
    pub by_operator: Vec<CountedOperator>,
    pub by_user: Vec<CountedUser>,
}

/// An operator, and with how many sessions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct CountedOperator {
    pub operator: String,
    #[ts(type = "number")]
    pub sessions: u64,
    /// As how many users.
    #[ts(type = "number")]
    pub users: u64,
}

/// A user whom operators signed in as, and in how many sessions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct CountedUser {
    pub connection: String,
    pub connection_name: String,
    pub user_id: String,
    /// By email address, else by name, else by ID.
    pub user: String,
    #[ts(type = "number")]
    pub sessions: u64,
    /// How many operators.
    #[ts(type = "number")]
    pub operators: u64,
}

/// What is in the search field of the log's view: its filters, and what is wrong with them.
pub fn highlight_search(text: &str, now: Timestamp) -> Highlights {
    ParsedQuery::parse(text, &log_query::search_columns(), now).highlights
}

/// The entries that pass what is in that field.
pub fn filter_by_search(text: &str, now: Timestamp) -> EntryFilter {
    let search = ParsedQuery::parse(text, &log_query::search_columns(), now);
    EntryFilter { search: Some(search), ..EntryFilter::default() }
}

/// The entries of a session, the oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct ListedSession {
    pub entries: Vec<ListedEntry>,
    /// It has more of them, which came later: more than any that Understudy wrote.
    pub is_cut: bool,
}

impl LogReader {
    /// A page of the entries that pass the filter, the newest first, at most `limit`. `before`: where the page before
    /// said that it goes on; `None` for the first page.
    pub async fn list_page(&self, filter: &EntryFilter, before: Option<i64>, limit: u32) -> Result<LogPage> {
        let (first, last) = self.read_ends().await?;
        let end = before.unwrap_or(last + 1).min(last + 1);
        let begin = end.saturating_sub(SCANNED).max(first);
        let mut query = select_listed(filter);
        query.push(" AND e.id >= ").push_bind(begin).push(" AND e.id < ").push_bind(end);
        query.push(" ORDER BY e.id DESC LIMIT ").push_bind(limit);
        let entries = self.fetch_listed(query).await?;
        let next = match entries.last() {
            Some(oldest) if entries.len() == limit as usize => Some(oldest.id),
            _ => Some(begin),
        };
        let next = next.filter(|next| *next > first);
        let searched_to = match next {
            Some(next) => self.read_time_from(next).await?,
            None => None,
        };
        Ok(LogPage { entries, next, searched_to })
    }

    /// All entries of a session.
    pub async fn list_session(&self, session: &str) -> Result<ListedSession> {
        let filter = EntryFilter { session: Some(session.to_owned()), ..EntryFilter::default() };
        let mut query = select_listed(&filter);
        query.push(" ORDER BY e.id");
        Ok(ListedSession { entries: self.fetch_listed(query).await?, is_cut: false })
    }

    /// Counts the sessions that have begun since then: milliseconds since the Unix epoch.
    pub async fn count_sessions(&self, since_ms: i64) -> Result<SessionCounts> {
        let (first, mut end) = self.read_ends().await?;
        end += 1;
        let mut pairs = PairCounts::new();
        while end > first {
            let begin = end.saturating_sub(PORTION).max(first);
            // A computer's clock may have been wrong for a while, so one earlier entry is no end yet.
            if !self.add_counts(&mut pairs, (begin, end), since_ms).await? {
                break;
            }
            end = begin;
        }
        Ok(sum_up(pairs))
    }

    /// Whether any of these entries was written since then.
    async fn add_counts(
        &self,
        pairs: &mut PairCounts,
        (begin, end): (i64, i64),
        since_ms: i64,
    ) -> Result<bool> {
        let rows = sqlx::query(
            "SELECT operator, connection, max(connection_name) AS connection_name, user_id,
                max(coalesce(nullif(user_email, ''), nullif(user_name, ''), user_id)) AS user,
                sum(event = 'begun') AS sessions
             FROM entries WHERE id >= ? AND id < ? AND at_ms >= ?
             GROUP BY operator, connection, user_id",
        )
        .bind(begin)
        .bind(end)
        .bind(since_ms)
        .fetch_all(self.pool())
        .await
        .map_err(read_error)?;
        for row in &rows {
            let ((operator, connection, user_id), (connection_name, user, sessions)) =
                read_pair(row).map_err(read_error)?;
            if sessions > 0 {
                pairs.entry((operator, connection, user_id)).or_insert((connection_name, user, 0)).2 +=
                    sessions;
            }
        }
        Ok(!rows.is_empty())
    }

    /// What may be typed next at `caret`, in UTF-16 code units.
    pub async fn complete_search(&self, text: &str, caret: usize, now: Timestamp) -> Result<Vec<Suggestion>> {
        let known = match log_query::completed_values(text, caret) {
            CompletedValues::Fixed(values) => values,
            CompletedValues::InEntries(value) => self.read_common_values(&value).await?,
        };
        Ok(suggest_completions(text, caret, &log_query::search_columns(), &known, now))
    }

    /// `value`: in SQL.
    async fn read_common_values(&self, value: &str) -> Result<Vec<String>> {
        sqlx::query_scalar(AssertSqlSafe(format!(
            "SELECT value FROM (SELECT {value} AS value FROM entries AS e ORDER BY e.id DESC LIMIT ?)
             WHERE value IS NOT NULL GROUP BY value ORDER BY count(*) DESC, value LIMIT ?"
        )))
        .bind(PORTION)
        .bind(VALUES)
        .fetch_all(self.pool())
        .await
        .map_err(read_error)
    }

    /// The numbers of the first and of the last entry; `(1, 0)` if there is none.
    async fn read_ends(&self) -> Result<(i64, i64)> {
        // One step in the table for each; `min` and `max` in one query would read all of it.
        let (first, last): (Option<i64>, Option<i64>) =
            sqlx::query_as("SELECT (SELECT min(id) FROM entries), (SELECT max(id) FROM entries)")
                .fetch_one(self.pool())
                .await
                .map_err(read_error)?;
        Ok((first.unwrap_or(1), last.unwrap_or(0)))
    }

    /// When the first entry from this number on was written.
    async fn read_time_from(&self, entry: i64) -> Result<Option<i64>> {
        sqlx::query_scalar("SELECT at_ms FROM entries WHERE id >= ? ORDER BY id LIMIT 1")
            .bind(entry)
            .fetch_optional(self.pool())
            .await
            .map_err(read_error)
    }

    async fn fetch_listed(&self, mut query: QueryBuilder<Sqlite>) -> Result<Vec<ListedEntry>> {
        let rows = query.build().fetch_all(self.pool()).await.map_err(read_error)?;
        rows.iter().map(|row| read_listed(row).map_err(read_error)).collect()
    }
}

/// Operator, connection, user.
pub type Pair = (String, String, String);

/// By whom, where and as whom; with the names of connection and user, and how many sessions.
pub type PairCounts = BTreeMap<Pair, (String, String, u64)>;

fn read_pair(row: &SqliteRow) -> sqlx::Result<(Pair, (String, String, u64))> {
    let text = |column: &str| row.try_get::<Option<String>, _>(column).map(Option::unwrap_or_default);
    let sessions: i64 = row.try_get("sessions")?;
    Ok((
        (text("operator")?, text("connection")?, text("user_id")?),
        (text("connection_name")?, text("user")?, u64::try_from(sessions).unwrap_or_default()),
    ))
}

/// Who became whom: by operator, by user, and in all.
pub fn sum_up(pairs: PairCounts) -> SessionCounts {
    let mut operators: BTreeMap<String, CountedOperator> = BTreeMap::new();
    let mut users: BTreeMap<(String, String), CountedUser> = BTreeMap::new();
    for ((operator, connection, user_id), (connection_name, user, sessions)) in pairs {
        let one =
            operators.entry(operator.clone()).or_insert(CountedOperator { operator, sessions: 0, users: 0 });
        one.sessions += sessions;
        one.users += 1;
        let one = users.entry((connection.clone(), user_id.clone())).or_insert(CountedUser {
            connection,
            connection_name,
            user_id,
            user,
            sessions: 0,
            operators: 0,
        });
        one.sessions += sessions;
        one.operators += 1;
    }
    let mut by_operator: Vec<_> = operators.into_values().collect();
    let mut by_user: Vec<_> = users.into_values().collect();
    by_operator.sort_by_key(|one| Reverse(one.sessions));
    by_user.sort_by_key(|one| Reverse(one.sessions));
    let count = |length: usize| u64::try_from(length).unwrap_or(u64::MAX);
    let (operators, users) = (count(by_operator.len()), count(by_user.len()));
    let sessions = by_operator.iter().map(|one| one.sessions).sum();
    by_operator.truncate(COUNTED);
    by_user.truncate(COUNTED);
    SessionCounts { sessions, operators, users, by_operator, by_user }
}

/// The beginning of a query for [`read_listed`], with the filter's conditions.
fn select_listed(filter: &EntryFilter) -> QueryBuilder<Sqlite> {
    let columns = chain::list_columns();
    let mut query = QueryBuilder::new(format!(
        "SELECT {columns}, hash, {} AS outcome
         FROM entries AS e LEFT JOIN links ON links.entry = e.id WHERE 1",
        Sqlite::OUTCOME
    ));
    filter.push_conditions(&mut query);
    query
}

fn read_listed(row: &SqliteRow) -> sqlx::Result<ListedEntry> {
    let outcome: Option<String> = row.try_get("outcome")?;
    let outcome = serde_json::from_value(outcome.unwrap_or_default().into()).ok();
    Ok(ListedEntry::new(StoredEntry::read(row)?, outcome))
}

impl ListedEntry {
    /// An entry of any log. `outcome`: how its session has turned out, as far as that log knows.
    pub fn new(entry: StoredEntry, outcome: Option<Outcome>) -> Self {
        // What a newer or a damaged log says otherwise is shown as nothing, rather than not at all.
        let word = |column: &str| serde_json::Value::String(entry.text(column));
        Self {
            id: entry.number(),
            at: entry.at_ms(),
            session: entry.text("session"),
            event: entry.text("event"),
            operator: entry.operator(),
            os_user: entry.text("os_user"),
            host: entry.text("host"),
            connection: entry.text("connection"),
            connection_name: entry.connection(),
            user_id: entry.text("user_id"),
            user: entry.user(),
            environment: serde_json::from_value(word("environment")).ok(),
            mode: serde_json::from_value(word("mode")).ok(),
            reason: entry.text("reason"),
            ticket: entry.text("ticket"),
            status: entry.text("status"),
            detail: entry.text("detail"),
            description: entry.describe(),
            sign_out_failed: entry.text("sign_out_failed"),
            held_back: entry.text("held_back").parse().ok(),
            outcome,
            hash: entry.hash.unwrap_or_default(),
            console: None,
        }
    }
}

//! The team's log as it is listed: a page at a time, the newest entry first, whichever console wrote it; and single
//! sessions.
//!
//! A page never reads the whole log. Where few entries pass the search, it comes back with what it has found so far, and
//! with where to go on. The index of the entries' times leads through it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::postgres::PgRow;
use sqlx::{Postgres, QueryBuilder, Row};
use tokio::sync::{Mutex, Semaphore};
use ts_rs::TS;

use super::database::TeamDatabase;
use super::reading::TeamReading;
use crate::audit::log_query::{limit_times, list_sessions_named};
use crate::audit::reader::{EntryFilter, StoredEntry};
use crate::audit::{LogDatabase, Outcome, list_text_columns};
use crate::error::{Error, Result};
use crate::vault::Vault;

/// How many entries a page looks at.
const SCANNED: i64 = 20_000;

/// How many connections of its pool one console reads with at a time. Another one is for cancelling.
const READERS: usize = 2;

/// No session of Understudy's has so many entries.
const SESSION_ENTRIES: i64 = 10_000;

/// How many bytes of lines are held at a time. A page with more goes on after them; a session of Understudy's has less.
const MOST_BYTES: usize = 8 << 20;

/// Where an entry stands among those of all consoles: by its time, then by its log and its number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct TeamLogPlace {
    /// Milliseconds since the Unix epoch.
    #[ts(type = "number")]
    pub at: i64,
    /// The ID of the console's log.
    pub log: String,
    #[ts(type = "number")]
    pub id: i64,
}

/// An entry of one of the consoles, with what the database says about it.
#[derive(Debug, Clone, PartialEq)]
pub struct CollectedEntry {
    pub entry: StoredEntry,
    pub place: TeamLogPlace,
    /// The database role that wrote it.
    pub written_by: String,
    /// When the database got it: milliseconds since the Unix epoch.
    pub written_at: i64,
    /// How its session has turned out; `None` if it is about no session.
    pub outcome: Option<Outcome>,
}

/// Entries that pass a filter, the newest first.
#[derive(Debug, Clone, PartialEq)]
pub struct CollectedPage {
    pub entries: Vec<CollectedEntry>,
    /// Where the next page begins, for `before`; `None` at the end of the log.
    pub next: Option<TeamLogPlace>,
}

/// The entries of a session, the oldest first.
#[derive(Debug)]
pub struct CollectedSession {
    pub entries: Vec<CollectedEntry>,
    /// It has more of them, which came later.
    pub is_cut: bool,
}

/// Reads the team's log. Connects when it first reads, and again once the connection is gone.
pub struct TeamLogReader {
    url: String,
    vault: Vault,
    database: Mutex<Option<Arc<TeamDatabase>>>,
    readers: Arc<Semaphore>,
}

impl TeamLogReader {
    pub fn new(url: &str, vault: &Vault) -> Self {
        let readers = Arc::new(Semaphore::new(READERS));
        Self { url: url.to_owned(), vault: vault.clone(), database: Mutex::default(), readers }
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// A page of the entries that pass the filter, the newest first, at most `limit`. `before`: where the page before
    /// said that it goes on; `None` for the first page.
    pub async fn read_page(
        &self,
        filter: &EntryFilter,
        before: Option<&TeamLogPlace>,
        limit: u32,
    ) -> Result<CollectedPage> {
        let mut reading = self.begin().await?;
        let mut query = select_collected();
        push_window(&mut query, filter, before);
        query.push(") AS e WHERE TRUE");
        filter.push_conditions(&mut query);
        query.push(" ORDER BY e.at_ms DESC, e.log DESC, e.id DESC LIMIT ").push_bind(i64::from(limit));
        let (entries, is_cut) = read_rows(&mut reading, query).await?;
        let next = match entries.last() {
            Some(oldest) if is_cut => return Ok(CollectedPage { next: Some(oldest.place.clone()), entries }),
            Some(oldest) if entries.len() == limit as usize => Some(oldest.place.clone()),
            _ => {
                let mut query = QueryBuilder::new("SELECT at_ms, log, id FROM (");
                push_window(&mut query, filter, before);
                query.push(") AS e ORDER BY at_ms DESC, log DESC, id DESC OFFSET ").push_bind(SCANNED - 1);
                let ends = reading.fetch(query).await?;
                ends.first().map(read_place).transpose().map_err(|error| reading.explain(error))?
            }
        };
        reading.finish().await;
        Ok(CollectedPage { entries, next })
    }

    /// The latest entries that pass the filter, the oldest of them first, at most `limit`.
    pub async fn read_latest(&self, filter: &EntryFilter, limit: u32) -> Result<Vec<CollectedEntry>> {
        let mut found: Vec<CollectedEntry> = Vec::new();
        let mut before = None;
        loop {
            let missing = limit - u32::try_from(found.len()).unwrap_or(limit).min(limit);
            if missing == 0 {
                break;
            }
            let page = self.read_page(filter, before.as_ref(), missing).await?;
            found.extend(page.entries);
            before = page.next;
            if before.is_none() {
                break;
            }
        }
        found.reverse();
        Ok(found)
    }

    /// The entries of a session in this log, but not more than a session of Understudy's can have.
    pub async fn read_session(&self, log: &str, session: &str) -> Result<CollectedSession> {
        let mut reading = self.begin().await?;
        let mut query = select_collected();
        push_columns(&mut query);
        query.push(" AND log = ");
        Postgres::push_text(&mut query, log.to_owned());
        push_sessions(&mut query, &[session.to_owned()]);
        query.push(") AS e ORDER BY e.id LIMIT ").push_bind(SESSION_ENTRIES + 1);
        let (mut entries, mut is_cut) = read_rows(&mut reading, query).await?;
        if !is_cut {
            reading.finish().await;
        }
        let most = usize::try_from(SESSION_ENTRIES).map_err(Error::internal)?;
        is_cut |= entries.len() > most;
        entries.truncate(most);
        Ok(CollectedSession { entries, is_cut })
    }

    /// The sessions whose IDs begin so, each with its log's ID, at most `limit`.
    pub async fn find_sessions(&self, beginning: &str, limit: u32) -> Result<Vec<(String, String)>> {
        // IDs are hexadecimal digits and hyphens. So every sort order of texts has them all before this end, which the
        // index needs: it can't use LIKE.
        if beginning.is_empty() || !beginning.bytes().all(|one| one == b'-' || one.is_ascii_hexdigit()) {
            return Ok(Vec::new());
        }
        let beginning = beginning.to_lowercase();
        let mut reading = self.begin().await?;
        let mut query = QueryBuilder::new(
            "SELECT DISTINCT log, entry ->> 'session' AS session FROM understudy.entries
             WHERE left(entry ->> 'session', 200) >= ",
        );
        query.push_bind(beginning.clone()).push(" AND left(entry ->> 'session', 200) <= ");
        query.push_bind(format!("{beginning}z")).push(" AND entry ->> 'session' LIKE ");
        query.push_bind(format!("{beginning}%")).push(" LIMIT ").push_bind(i64::from(limit));
        let rows = reading.fetch(query).await?;
        let read = |row: &PgRow| Ok((row.try_get("log")?, row.try_get("session")?));
        let found: sqlx::Result<Vec<_>> = rows.iter().map(read).collect();
        let found = found.map_err(|error| reading.explain(error))?;
        reading.finish().await;
        Ok(found)
    }

    /// A connection that was used before if it still works, else a new one: only connecting anew finds out why a server
    /// can't be reached.
    pub(super) async fn begin(&self) -> Result<TeamReading> {
        let mut turn = Arc::clone(&self.readers).acquire_owned().await.map_err(Error::internal)?;
        let mut current = self.database.lock().await;
        if let Some(database) = current.as_ref() {
            let pool = database.pool();
            let used = match pool.try_acquire() {
                Some(connection) => Some(connection),
                None if pool.size() > 0 => pool.acquire().await.ok(),
                None => None,
            };
            if let Some(connection) = used {
                match TeamReading::begin(Arc::clone(database), connection, turn).await {
                    Ok(reading) => return Ok(reading),
                    Err((_, given_back)) => turn = given_back,
                }
            }
        }
        let database = Arc::new(TeamDatabase::connect(&self.url, &self.vault).await?);
        let connection = database.pool().acquire().await.map_err(|error| database.explain(error))?;
        *current = Some(Arc::clone(&database));
        drop(current);
        TeamReading::begin(database, connection, turn).await.map_err(|(error, _)| error)
    }
}

/// The beginning of a query for [`read_rows`], up to the table.
fn select_collected() -> QueryBuilder<Postgres> {
    QueryBuilder::new(format!(
        "SELECT e.at_ms, e.log, e.id, e.hash, e.line, e.written_by,
             (extract(epoch FROM e.written_at) * 1000)::bigint AS written_at_ms, {} AS outcome FROM (",
        Postgres::OUTCOME
    ))
}

/// The table with an entry's columns, for conditions. The planner leaves out those that none names.
pub(super) fn push_columns(query: &mut QueryBuilder<Postgres>) {
    query.push("SELECT log, id, hash, line, written_by, written_at, (entry ->> 'at_ms')::bigint AS at_ms");
    for column in list_text_columns() {
        query.push(format!(", entry ->> '{column}' AS {column}"));
    }
    query.push(" FROM understudy.entries WHERE TRUE");
}

/// The entries that one page looks at, the newest first.
fn push_window(query: &mut QueryBuilder<Postgres>, filter: &EntryFilter, before: Option<&TeamLogPlace>) {
    const AT: &str = "(entry ->> 'at_ms')::bigint";
    push_columns(query);
    if let Some(TeamLogPlace { at, log, id }) = before {
        // The index knows the first of both.
        query.push(format!(" AND {AT} <= ")).push_bind(*at);
        query.push(format!(" AND ({AT}, log, id) < (")).push_bind(*at);
        query.push(", ").push_bind(log.clone()).push(", ").push_bind(*id).push(")");
    }
    let (earliest, latest) = filter.search.as_ref().map(limit_times).unwrap_or_default();
    for (relation, bound) in
        [(">=", filter.since_ms), (">=", earliest), ("<", filter.until_ms), ("<=", latest)]
    {
        if let Some(bound) = bound {
            query.push(format!(" AND {AT} {relation} ")).push_bind(bound);
        }
    }
    let named = filter.session.clone().map(|session| vec![session]);
    if let Some(sessions) = named.or_else(|| filter.search.as_ref().and_then(list_sessions_named)) {
        push_sessions(query, &sessions);
    }
    query.push(format!(" ORDER BY {AT} DESC, log DESC, id DESC LIMIT ")).push_bind(SCANNED);
}

/// Only entries of these sessions.
fn push_sessions(query: &mut QueryBuilder<Postgres>, sessions: &[String]) {
    let sessions: Vec<String> = sessions.iter().map(|one| one.replace('\0', "\u{fffd}")).collect();
    let beginnings: Vec<String> = sessions.iter().map(|one| one.chars().take(200).collect()).collect();
    // The index holds the beginnings.
    query.push(" AND left(entry ->> 'session', 200) = ANY (").push_bind(beginnings);
    query.push(") AND entry ->> 'session' = ANY (").push_bind(sessions).push(")");
}

/// `true`: there are more of them, and the reading must not be finished.
async fn read_rows(
    reading: &mut TeamReading,
    query: QueryBuilder<Postgres>,
) -> Result<(Vec<CollectedEntry>, bool)> {
    let (rows, is_cut) = reading.fetch_lines(query, MOST_BYTES).await?;
    let entries: sqlx::Result<Vec<_>> = rows.iter().map(read_collected).collect();
    Ok((entries.map_err(|error| reading.explain(error))?, is_cut))
}

fn read_place(row: &PgRow) -> sqlx::Result<TeamLogPlace> {
    Ok(TeamLogPlace { at: row.try_get("at_ms")?, log: row.try_get("log")?, id: row.try_get("id")? })
}

fn read_collected(row: &PgRow) -> sqlx::Result<CollectedEntry> {
    let place = read_place(row)?;
    let (hash, line): (&str, &str) = (row.try_get("hash")?, row.try_get("line")?);
    let outcome: Option<String> = row.try_get("outcome")?;
    let entry = StoredEntry::from_line(line, hash).or_else(|_| {
        // That there is something is shown, whatever it is.
        let known = json!({ "id": place.id, "at_ms": place.at, "event": "unreadable" });
        StoredEntry::from_line(&known.to_string(), hash)
    });
    Ok(CollectedEntry {
        entry: entry.map_err(|error| sqlx::Error::Decode(error.into()))?,
        place,
        written_by: row.try_get("written_by")?,
        written_at: row.try_get("written_at_ms")?,
        outcome: outcome.and_then(|word| serde_json::from_value(word.into()).ok()),
    })
}

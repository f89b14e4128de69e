//! Sends this computer's entries to the team's log: in order, each once, in portions.
//!
//! Where it goes on is what the database has, so there is nothing here that could be wrong about it, whatever was
//! interrupted. Several consoles may send the same log at once: the database keeps one of each entry, and they compare
//! its hash with theirs.

use std::time::{Duration, Instant};

use sqlx::{Connection, PgConnection};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::database::TeamDatabase;
use super::state::TeamLogState;
use crate::audit::lines::{ChainLine, LogLines};
use crate::audit::{AuditError, AuditLog, EntryLink};
use crate::error::{Code, Error, Result};
use crate::vault::Vault;

/// How many entries are sent at a time.
const PORTION: u32 = 500;
/// A server that takes longer for a portion is not there any more.
const ANSWER_LIMIT: Duration = Duration::from_secs(20);
/// Other runs, such as the command line, write to the same log and tell nobody.
const LOOK_AGAIN: Duration = Duration::from_secs(5);
/// A connection that was idle for longer may be gone without a word, as routers drop it. A sign-in may wait for the next
/// entry to arrive, so that is found out quickly.
const IDLE: Duration = Duration::from_mins(1);
const PING_LIMIT: Duration = Duration::from_secs(1);
/// For so long, a database that was as it should be is taken to be so.
const CHECK_AGAIN: Duration = Duration::from_mins(1);
/// The pauses in seconds before it is tried again; the last one repeats. A server that restarts is back within seconds,
/// and then its entries should be there soon; one that is down for longer is not to be troubled by all consoles.
const PAUSES: [f64; 12] = [0.2, 0.5, 1.0, 1.0, 1.0, 2.0, 2.0, 2.0, 3.0, 5.0, 10.0, 30.0];

/// Why nothing more can be sent now.
enum Stop {
    /// It may be different in a moment.
    ForNow(Error),
    /// The two logs contradict each other.
    Contradiction(Error),
    /// The database will not take the next entry until somebody changes it. `last` is the one before.
    Refused { error: Error, last: EntryLink },
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::ForNow(error)
    }
}

impl From<AuditError> for Stop {
    fn from(error: AuditError) -> Self {
        Error::from(error).into()
    }
}

pub(super) struct Shipper {
    pub(super) url: String,
    pub(super) vault: Vault,
    pub(super) lines: LogLines,
    pub(super) state: watch::Sender<TeamLogState>,
    /// Tells when it is worth trying again at once.
    pub(super) retry: watch::Receiver<u64>,
    pub(super) stop: CancellationToken,
    /// The last entry that the team's other consoles were told of; `None` before the first of this run.
    pub(super) told: Option<i64>,
    /// When the database was last compared with the setup, and fitted.
    pub(super) checked: Option<Instant>,
}

impl Shipper {
    /// Sends entries until it is stopped, or the log is closed.
    pub(super) async fn run(mut self) {
        let stop = self.stop.clone();
        tokio::select! {
            () = stop.cancelled() => {}
            () = self.ship_until_closed() => {}
        }
    }

    async fn ship_until_closed(&mut self) {
        let mut failures = 0;
        loop {
            let stopped = Box::pin(self.ship(&mut failures)).await;
            let (error, shipped, is_contradictory) = match stopped {
                Stop::ForNow(error) if error.code == Code::Cancelled => return,
                Stop::ForNow(error) => (error, None, false),
                Stop::Contradiction(error) => (error, None, true),
                Stop::Refused { error, last } => (error, Some(last), false),
            };
            if is_contradictory {
                tracing::error!("the team's log contradicts this computer's: {error}");
            } else if failures == 0 {
                tracing::warn!("the team's log gets no entries now: {error:#}");
            }
            if shipped.is_some() {
                // Nothing changes by itself.
                failures = PAUSES.len();
            }
            self.publish(shipped, Some(error), is_contradictory).await;
            let pause = PAUSES[failures.min(PAUSES.len() - 1)];
            failures += 1;
            self.pause(Duration::from_secs_f64(pause)).await;
        }
    }

    /// Waits, and counts what is waiting meanwhile. So that consoles which lost the same server do not all come back at
    /// the same moment, each waits a little longer or shorter.
    async fn pause(&mut self, pause: Duration) {
        let share = u32::from(uuid::Uuid::new_v4().as_bytes()[0]);
        let until = tokio::time::Instant::now() + pause.mul_f64(0.75 + f64::from(share) / 512.0);
        self.retry.mark_unchanged();
        loop {
            tokio::select! {
                () = tokio::time::sleep_until(until) => return,
                Ok(()) = self.retry.changed() => return,
                written = self.lines.wait_for_entry() => {
                    if written.is_err() {
                        return;
                    }
                    let TeamLogState { problem, is_contradictory, .. } = self.state.borrow().clone();
                    self.publish(None, problem, is_contradictory).await;
                }
            }
        }
    }

    /// Connects and sends, until something prevents it.
    async fn ship(&mut self, failures: &mut usize) -> Stop {
        match self.try_ship(failures).await {
            Ok(never) => match never {},
            Err(stop) => stop,
        }
    }

    async fn try_ship(&mut self, failures: &mut usize) -> Result<std::convert::Infallible, Stop> {
        let log = self.lines.opened_id()?;
        if self.lines.log_id().await? != log {
            return Err(Stop::Contradiction(another_log()));
        }
        let (mut database, mut connection) = self.connect().await?;
        let mut last = find_last(&database, &mut connection, &self.lines, &log).await?;
        self.told.get_or_insert(last.number);
        let mut at_most = PORTION;
        let mut used = Instant::now();
        loop {
            // Fails if another file has taken the log's place: what it has is compared with the database first.
            let portion = self.lines.read_after(&log, &last, at_most).await?;
            let Some(newest) = portion.last() else {
                *failures = 0;
                self.publish(Some(last.clone()), None, false).await;
                self.tell(&database, &mut connection, &log, &last).await?;
                tokio::select! {
                    written = self.lines.wait_for_entry() => written?,
                    Ok(()) = self.retry.changed() => {}
                    () = tokio::time::sleep(LOOK_AGAIN) => {}
                }
                continue;
            };
            let newest = EntryLink { number: newest.id, hash: newest.hash.clone() };
            if used.elapsed() >= IDLE && !answers(&mut connection).await {
                (database, connection) = self.connect().await?;
                last = find_last(&database, &mut connection, &self.lines, &log).await?;
                used = Instant::now();
                continue;
            }
            used = Instant::now();
            let sent = within_limit(insert_portion(&mut connection, &log, &last, &portion)).await;
            match sent {
                Ok(written) if written == portion.len() as u64 => (last, at_most) = (newest, PORTION),
                // One of them is longer than the database takes. Those before it are sent.
                Err(error) if is_too_long(&error) => {
                    if let [line] = &portion[..] {
                        self.tell(&database, &mut connection, &log, &last).await?;
                        return Err(Stop::Refused { error: too_long(line), last });
                    }
                    at_most = u32::try_from(portion.len() / 2).unwrap_or(1);
                    continue;
                }
                // Another console was quicker with some of them, or something else is there.
                Ok(_) | Err(sqlx::Error::Database(_)) => {
                    let found = find_last(&database, &mut connection, &self.lines, &log).await?;
                    match sent {
                        // A server that took over may have lost the last entries: then it goes on before them.
                        Err(error) if found == last => return Err(Stop::ForNow(database.explain(error))),
                        _ => last = found,
                    }
                }
                Err(error) => return Err(Stop::ForNow(database.explain(error))),
            }
            *failures = 0;
            if portion.len() == PORTION as usize {
                self.publish(Some(last.clone()), None, false).await;
                self.tell(&database, &mut connection, &log, &last).await?;
            }
        }
    }

    /// Connects to a database that is as it should be. After a short interruption, that is not found out again: when a
    /// server restarts, all consoles come back at once.
    async fn connect(&mut self) -> Result<(TeamDatabase, PgConnection)> {
        if self.checked.is_some_and(|checked| checked.elapsed() < CHECK_AGAIN) {
            return TeamDatabase::connect_to_write(&self.url, &self.vault).await;
        }
        let opened = TeamDatabase::open_to_write(&self.url, &self.vault).await?;
        self.checked = Some(Instant::now());
        Ok(opened)
    }

    /// Tells the consoles that listen of what was sent. If the connection is lost before, they are told over the next one.
    async fn tell(
        &mut self,
        database: &TeamDatabase,
        connection: &mut PgConnection,
        log: &str,
        last: &EntryLink,
    ) -> Result<(), Stop> {
        if let Some(after) = self.told.filter(|told| *told < last.number) {
            within_limit(tell_entries(connection, log, after, last.number))
                .await
                .map_err(|error| Stop::ForNow(database.explain(error)))?;
            self.told = Some(last.number);
        }
        Ok(())
    }

    /// `shipped`: as before if `None`.
    async fn publish(&self, shipped: Option<EntryLink>, problem: Option<Error>, is_contradictory: bool) {
        let EntryLink { number, hash } = shipped.unwrap_or_else(|| {
            let state = self.state.borrow();
            EntryLink { number: state.shipped, hash: state.shipped_hash.clone() }
        });
        let waiting = self.lines.count_after(number).await.unwrap_or_default();
        self.state.send_if_modified(|state| {
            let next = TeamLogState {
                shipped: number,
                shipped_hash: hash,
                waiting: waiting.count,
                waiting_since: waiting.since,
                problem,
                is_contradictory,
                is_required: state.is_required,
            };
            let is_new = *state != next;
            *state = next;
            is_new
        });
    }
}

/// The last entry that the database has of this log. Fails if it is not the one that is here.
async fn find_last(
    database: &TeamDatabase,
    connection: &mut PgConnection,
    lines: &LogLines,
    log: &str,
) -> Result<EntryLink, Stop> {
    let read = sqlx::query_as::<_, (i64, String)>(
        "SELECT id, hash FROM understudy.entries WHERE log = $1 ORDER BY id DESC LIMIT 1",
    )
    .bind(log)
    .fetch_optional(connection);
    let found = within_limit(read).await.map_err(|error| Stop::ForNow(database.explain(error)))?;
    let Some((number, hash)) = found else { return Ok(EntryLink::default()) };
    match lines.read_hash(number).await? {
        Some(ours) if ours == hash => Ok(EntryLink { number, hash }),
        Some(_) => Err(Stop::Contradiction(forked(number))),
        None => Err(Stop::Contradiction(shorter(number))),
    }
}

/// The last entry that the team's log has of this one; number 0 if it has none.
///
/// Fails with [`Code::AuditFailed`] if the two contradict each other.
pub async fn find_last_shipped(database: &TeamDatabase, audit: &AuditLog) -> Result<EntryLink> {
    let lines = audit.lines();
    let mut connection = database.pool().acquire().await.map_err(|error| database.explain(error))?;
    find_last(database, &mut connection, &lines, &lines.log_id().await?).await.map_err(|stop| match stop {
        Stop::ForNow(error) | Stop::Contradiction(error) | Stop::Refused { error, .. } => error,
    })
}

/// Whether the other end of an idle connection is still there.
async fn answers(connection: &mut PgConnection) -> bool {
    matches!(tokio::time::timeout(PING_LIMIT, connection.ping()).await, Ok(Ok(())))
}

async fn within_limit<T>(asked: impl Future<Output = sqlx::Result<T>>) -> sqlx::Result<T> {
    tokio::time::timeout(ANSWER_LIMIT, asked).await.unwrap_or_else(|_| {
        Err(sqlx::Error::Io(std::io::Error::new(std::io::ErrorKind::TimedOut, "no answer in time")))
    })
}

/// Returns how many were new. `last`: the last entry that the database has.
async fn insert_portion(
    connection: &mut PgConnection,
    log: &str,
    last: &EntryLink,
    portion: &[ChainLine],
) -> sqlx::Result<u64> {
    let mut previous_ids: Vec<Option<i64>> = Vec::new();
    let mut before_gaps: Vec<EntryLink> = Vec::new();
    let mut before = last.clone();
    for line in portion {
        let follows = before.number > 0 && before.number == line.id - 1;
        previous_ids.push(follows.then_some(before.number));
        // Entries that are no longer kept here, and that the database does not have: it may have them from a backup, or
        // it was not the team's for a while. Where it has none at all, the chain begins there.
        if follows || before.number == 0 {
            before_gaps.push(EntryLink::default());
        } else {
            let missing = (before.number + 1, line.id - 1);
            tracing::warn!("the team's log will never get the entries {missing:?}: they are gone here, too");
            before_gaps.push(before);
        }
        before = EntryLink { number: line.id, hash: line.hash.clone() };
    }
    let done = sqlx::query(
        "INSERT INTO understudy.entries
             (log, id, hash, previous_id, previous_hash, line, gap_after_id, gap_after_hash)
         SELECT $1, id, hash, previous_id, previous_hash, line, nullif(gap_after_id, 0), nullif(gap_after_hash, '')
         FROM unnest($2::bigint[], $3::text[], $4::bigint[], $5::text[], $6::text[], $7::bigint[], $8::text[])
             AS sent (id, hash, previous_id, previous_hash, line, gap_after_id, gap_after_hash)
         ON CONFLICT (log, id) DO NOTHING",
    )
    .bind(log)
    .bind(portion.iter().map(|line| line.id).collect::<Vec<_>>())
    .bind(portion.iter().map(|line| line.hash.clone()).collect::<Vec<_>>())
    .bind(previous_ids)
    .bind(portion.iter().map(|line| line.previous.clone()).collect::<Vec<_>>())
    .bind(portion.iter().map(|line| line.line.clone()).collect::<Vec<_>>())
    .bind(before_gaps.iter().map(|link| link.number).collect::<Vec<_>>())
    .bind(before_gaps.iter().map(|link| link.hash.clone()).collect::<Vec<_>>())
    .execute(connection)
    .await?;
    Ok(done.rows_affected())
}

/// Not in the transaction that inserts: PostgreSQL commits one notifying transaction after the other, and that one waits
/// for the disk. This one writes nothing, so it doesn't.
async fn tell_entries(
    connection: &mut PgConnection,
    log: &str,
    after: i64,
    through: i64,
) -> sqlx::Result<()> {
    sqlx::query(
        "SELECT count(pg_notify('understudy', jsonb_strip_nulls(jsonb_build_object(
             'log', left(log, 200),
             'id', id,
             'event', left(entry ->> 'event', 200),
             'session', left(entry ->> 'session', 200),
             'connection', left(entry ->> 'connection', 200),
             'user_id', left(entry ->> 'user_id', 200)))::text))
         FROM understudy.entries WHERE log = $1 AND id > $2 AND id <= $3",
    )
    .bind(log)
    .bind(after)
    .bind(through)
    .execute(connection)
    .await
    .map(drop)
}

fn is_too_long(error: &sqlx::Error) -> bool {
    error.as_database_error().and_then(|error| error.constraint()) == Some("entries_line_is_short")
}

/// Earlier versions wrote texts of any length. The entry can't be shortened: its hash, and all later ones, would not fit.
/// Nor can it be left out: the chain would have a hole.
fn too_long(entry: &ChainLine) -> Error {
    let (id, bytes) = (entry.id, entry.line.len());
    let limit = bytes.next_power_of_two();
    Error::new(
        Code::AuditFailed,
        format!(
            "Entry {id} of this computer's audit log is longer than the team's database takes ({} KiB). It and all later \
             entries wait.",
            bytes.div_ceil(1 << 10)
        ),
    )
    .with_hint(format!(
        "It can be neither shortened nor left out: the log would look as if someone had changed it. Ask the database's \
         administrator to run: ALTER TABLE understudy.entries DROP CONSTRAINT entries_line_is_short, ADD CONSTRAINT \
         entries_line_is_short CHECK (octet_length(line) <= {limit});"
    ))
}

fn forked(id: i64) -> Error {
    Error::new(
        Code::AuditFailed,
        format!("Entry {id} of this computer's audit log is another one in the team's log. One of them was not written here."),
    )
    .with_hint(
        "Two computers may write the same log, as when a home was copied; or somebody wrote to one of the logs. Run \
         `understudy audit verify` and `understudy audit verify --team`, and show what they say to whoever reviews the log.",
    )
}

fn another_log() -> Error {
    Error::new(
        Code::AuditFailed,
        "Another log has taken the place of this computer's audit log while Understudy was open.",
    )
    .with_hint(
        "If you did not replace it, run `understudy audit verify`, and show what it says to whoever reviews the log. Put \
         the file back; or quit Understudy and open it again, to go on with the file that is there now.",
    )
}

fn shorter(id: i64) -> Error {
    Error::new(
        Code::AuditFailed,
        format!("The team's log has {id} entries of this computer's audit log, which has fewer: its last entries are gone."),
    )
    .with_hint(
        "It may have been replaced by an older copy. Run `understudy audit verify`, and show what it says to whoever \
         reviews the log.",
    )
}

#[cfg(test)]
mod tests {
    use crate::audit::MOST_LINE_BYTES;

    /// What this version writes, a database takes that was set up as it is.
    #[test]
    fn the_database_takes_the_longest_line_that_is_written() {
        let setup = include_str!("setup.sql");
        assert!(setup.contains(&format!("CHECK (octet_length(line) <= {MOST_LINE_BYTES})")));
    }
}

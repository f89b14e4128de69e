//! Keeps what is known of colleagues current for as long as the console runs.

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use sqlx::postgres::{PgListener, PgNotification};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::reading::{
    APPROVAL_EVENTS, APPROVAL_EXPIRED, CHANNEL, EVENTS, announce_console, read_approvals, read_connected,
    read_entries, read_open_sessions, read_server_facts,
};
use super::{Colleagues, Known, ServerTime, TeamLogReach};
use crate::error::{Code, Error};
use crate::team_log::TeamDatabase;
use crate::vault::Vault;

/// How often the console asks which consoles are connected. It is also how long a lost connection may go unnoticed, and
/// how often sessions are read where the database does not tell of them.
const LOOK_MS: i64 = 15_000;

/// How often all open sessions are read again although the database tells of them.
const READ_AGAIN_MS: i64 = 10 * 60 * 1_000;

/// The longest that an answer may take.
const ANSWER: Duration = Duration::from_secs(10);

/// Pauses before the next attempt to connect.
const PAUSES_MS: [i64; 5] = [1_000, 2_000, 5_000, 15_000, 30_000];

/// More entries at once than this, and all open sessions are read instead.
const MOST_AT_ONCE: usize = 1_000;

/// The pause after such a reading, and after any other. Notifications wait meanwhile, and come together.
const AFTER_FLOOD: Duration = Duration::from_secs(1);
const BETWEEN_READS: Duration = Duration::from_millis(50);

/// What the database tells of an entry.
#[derive(Deserialize)]
struct ToldEntry {
    log: String,
    id: i64,
    event: String,
}

impl Colleagues {
    /// Watches the team's log at `url` until `stop`.
    pub(super) async fn watch(self: Arc<Self>, url: Option<String>, vault: Vault, stop: CancellationToken) {
        let Some(url) = url else {
            return self.update(TeamLogReach::NoLog, None, Known::clear);
        };
        let glass = self.bookmarks.load(&url);
        self.update(TeamLogReach::Connecting, None, |known| {
            known.clear();
            known.glass = glass;
        });
        let mut failures = 0;
        loop {
            let failed = tokio::select! {
                () = stop.cancelled() => return,
                failed = self.watch_once(&url, &vault, &mut failures) => failed,
            };
            tracing::info!("the team's log is not watched: {failed:#}");
            self.update(TeamLogReach::OutOfReach, Some(failed.message), |_| {});
            let pause = PAUSES_MS[failures.min(PAUSES_MS.len() - 1)];
            failures += 1;
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.clock.wait_until(self.clock.now().add_ms(pause)) => {}
            }
        }
    }

    /// Connects, and watches until that fails.
    async fn watch_once(&self, url: &str, vault: &Vault, failures: &mut usize) -> Error {
        let database = match TeamDatabase::open(url, vault).await {
            Ok(database) => database,
            Err(error) => return error,
        };
        let listening = async {
            let mut listener = PgListener::connect_with(database.pool()).await?;
            // A lost connection is made anew here, and what was missed in between is read.
            listener.eager_reconnect(false);
            self.listen(&mut listener, failures).await
        };
        match listening.await {
            Ok(()) => Error::new(
                Code::DirectoryUnreachable,
                format!("{} has closed the connection.", database.describe_place()),
            ),
            Err(cause) => database.explain(cause),
        }
    }

    async fn listen(&self, listener: &mut PgListener, failures: &mut usize) -> sqlx::Result<()> {
        // Poolers that lend a connection for one transaction only accept LISTEN and then tell nothing. What arrives on a
        // channel of our own shows that this is none of them.
        let own_channel = format!("{CHANNEL}_{}", Uuid::new_v4().simple());
        in_time(listener.listen_all([CHANNEL, &own_channel])).await?;
        in_time(announce_console(listener, &self.own_log)).await?;
        let notify = sqlx::query("SELECT pg_notify($1, '')").bind(&own_channel);
        in_time(notify.execute(&mut *listener)).await?;
        self.read_all(listener).await?;
        self.answer_questions(listener).await?;
        *failures = 0;
        let mut is_told = false;
        let mut next_look = self.clock.now().add_ms(LOOK_MS);
        let mut read_again = self.clock.now().add_ms(READ_AGAIN_MS);
        loop {
            let told = tokio::select! {
                told = listener.try_recv() => told?,
                () = self.wake.notified() => {
                    self.answer_questions(listener).await?;
                    self.tell_past_broken_glass(listener).await?;
                    continue;
                }
                () = self.clock.wait_until(next_look) => {
                    next_look = self.clock.now().add_ms(LOOK_MS);
                    if is_told && !read_again.is_reached(self.clock.now()) {
                        self.look_at_consoles(listener).await?;
                    } else {
                        self.read_all(listener).await?;
                        read_again = self.clock.now().add_ms(READ_AGAIN_MS);
                    }
                    continue;
                }
            };
            let Some(first) = told else { return Ok(()) };
            let told = Told::gather(listener, first, &own_channel);
            is_told |= told.is_heard;
            if told.is_flood {
                self.read_all(listener).await?;
                read_again = self.clock.now().add_ms(READ_AGAIN_MS);
                tokio::time::sleep(AFTER_FLOOD).await;
            } else {
                self.read_told(listener, &told.entries).await?;
                tokio::time::sleep(BETWEEN_READS).await;
            }
        }
    }

    /// Reads all open sessions.
    async fn read_all(&self, listener: &mut PgListener) -> sqlx::Result<()> {
        let rows = in_time(read_open_sessions(listener)).await?;
        let consoles = in_time(read_connected(listener)).await?;
        let approvals = in_time(read_approvals(listener)).await?;
        let asked_at = self.clock.now();
        let facts = in_time(read_server_facts(listener)).await?;
        self.known.lock().server_time = Some(ServerTime { said_ms: facts.now_ms, at: asked_at });
        self.tell_past_broken_glass(listener).await?;
        self.update(TeamLogReach::InReach, None, |known| {
            known.clear();
            known.approvals.roles_are_personal = facts.roles_are_personal;
            known.approvals.own_role = facts.role;
            known.apply(rows.iter().chain(&approvals));
            known.open.set_connected(consoles);
        });
        Ok(())
    }

    async fn look_at_consoles(&self, listener: &mut PgListener) -> sqlx::Result<()> {
        let consoles = in_time(read_connected(listener)).await?;
        self.update(TeamLogReach::InReach, None, |known| known.open.set_connected(consoles));
        Ok(())
    }

    /// Reads the entries that the database has told of.
    async fn read_told(&self, listener: &mut PgListener, entries: &[(String, i64)]) -> sqlx::Result<()> {
        let rows = in_time(read_entries(listener, entries)).await?;
        self.tell_new_broken_glass(&rows).await;
        if !rows.is_empty() {
            self.update(TeamLogReach::InReach, None, |known| known.apply(&rows));
        }
        Ok(())
    }
}

/// What the database has told since it was last read: only that it is worth reading, for any role may tell it.
#[derive(Default)]
struct Told {
    /// Those that matter here.
    entries: Vec<(String, i64)>,
    /// They were too many to be read one by one.
    is_flood: bool,
    /// What was sent on the console's own channel has arrived.
    is_heard: bool,
}

impl Told {
    fn gather(listener: &mut PgListener, first: PgNotification, own_channel: &str) -> Self {
        let mut told = Self::default();
        let mut next = Some(first);
        while let Some(one) = next {
            told.is_heard |= one.channel() == own_channel;
            match name_entry(&one) {
                Some(entry) if told.entries.len() < MOST_AT_ONCE => told.entries.push(entry),
                Some(_) => told.is_flood = true,
                None => {}
            }
            next = listener.next_buffered();
        }
        told
    }
}

/// The log and the number of an entry that matters here.
fn name_entry(told: &PgNotification) -> Option<(String, i64)> {
    let entry: ToldEntry = serde_json::from_str(told.payload()).ok()?;
    let matters = |events: &[&str]| events.contains(&entry.event.as_str());
    (matters(EVENTS) || matters(APPROVAL_EVENTS) || matters(&[APPROVAL_EXPIRED]))
        .then_some((entry.log, entry.id))
}

pub(super) async fn in_time<T>(answer: impl Future<Output = sqlx::Result<T>>) -> sqlx::Result<T> {
    tokio::time::timeout(ANSWER, answer)
        .await
        .unwrap_or_else(|_| Err(sqlx::Error::Protocol("no answer within 10 s".into())))
}

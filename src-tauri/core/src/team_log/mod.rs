//! The team's log: the entries of all consoles of a team, in a PostgreSQL database that the team runs.
//!
//! `setup.sql` is what its administrator runs once, and [`find_faults`] compares a database with it. `database` is how it
//! is reached, `shipping` sends this computer's entries, and `state` says how far it has come. `pages` reads the entries of
//! all consoles, each in a `reading`, and `listing` is the console's view of them. The chains are the consoles'
//! own: the database refuses what does not fit them, and [`verify_team_log`] finds out what was done nonetheless.

mod checkup;
mod database;
mod listing;
mod pages;
mod reading;
mod setup;
mod shipping;
mod state;
mod verify;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

pub use self::checkup::{SetupFault, find_faults};
pub use self::database::{TeamDatabase, password_destination, password_name};
pub use self::listing::{TeamEntryPage, report_verification};
pub use self::pages::{CollectedEntry, CollectedPage, CollectedSession, TeamLogPlace, TeamLogReader};
pub use self::setup::render_setup;
use self::shipping::Shipper;
pub use self::shipping::find_last_shipped;
pub use self::state::TeamLogState;
pub use self::verify::{ChainGap, TeamVerification, VerifiedChain, verify_team_log, verify_watched_team_log};
/// For `tests/fuzz`, which has no database that would let in what is no chain.
#[doc(hidden)]
pub use self::verify::{Row as ChainRow, take_row};
use crate::audit::lines::LogLines;
use crate::audit::{AuditLog, EntryLink};
use crate::error::{Code, Error, Result};
use crate::team::TeamAuditConfig;
use crate::vault::Vault;

/// How long a session waits for the team's log to have its first entry.
const WAIT_FOR_ENTRY: Duration = Duration::from_secs(5);

/// Sends a log to the team's, as long as it is not dropped.
#[derive(Debug)]
pub struct TeamLog {
    config: TeamAuditConfig,
    vault: Vault,
    lines: LogLines,
    state: watch::Receiver<TeamLogState>,
    retry: watch::Sender<u64>,
    stop: CancellationToken,
}

impl TeamLog {
    /// Begins to send; `None` if the team has no database for it.
    pub fn start(config: &TeamAuditConfig, audit: &AuditLog, vault: &Vault) -> Option<Arc<Self>> {
        let url = config.url.clone()?;
        let first = TeamLogState {
            shipped: 0,
            shipped_hash: String::new(),
            waiting: 0,
            waiting_since: None,
            problem: None,
            is_contradictory: false,
            is_required: config.required,
        };
        let (sender, state) = watch::channel(first);
        let (retry, wanted) = watch::channel(0);
        let stop = CancellationToken::new();
        let shipper = Shipper {
            url,
            vault: vault.clone(),
            lines: audit.lines(),
            state: sender,
            retry: wanted,
            stop: stop.clone(),
            told: None,
            checked: None,
        };
        tokio::spawn(shipper.run());
        let (config, vault, lines) = (config.clone(), vault.clone(), audit.lines());
        Some(Arc::new(Self { config, vault, lines, state, retry, stop }))
    }

    /// What it was started with.
    pub fn config(&self) -> &TeamAuditConfig {
        &self.config
    }

    /// How far it has come, and whenever that changes.
    pub fn watch_state(&self) -> watch::Receiver<TeamLogState> {
        self.state.clone()
    }

    /// The number of the last entry in the team's log, if the log here is the one that it came from; else 0.
    pub async fn find_shipped(&self) -> Result<i64> {
        let shipped = self.shipped();
        Ok(if self.lines.has_entries(&[&shipped]).await? { shipped.number } else { 0 })
    }

    /// The last entry that the team's log is known to have.
    fn shipped(&self) -> EntryLink {
        let state = self.state.borrow();
        EntryLink { number: state.shipped, hash: state.shipped_hash.clone() }
    }

    /// Waits until the team's log has this entry, which was just written, and all before it; if the team wants that before
    /// a session begins.
    ///
    /// Fails with [`Code::AuditFailed`] if it does not get them in time. May make the keyring prompt for its password.
    pub async fn await_required(&self, written: &EntryLink) -> Result<()> {
        if !self.config.required {
            return Ok(());
        }
        if self.state.borrow().problem.is_some() {
            if !self.vault.is_open_for(&password_name()).await {
                self.vault.unlock().await?;
            }
            self.retry.send_modify(|times| *times += 1);
        }
        if let Ok(has_arrived) = tokio::time::timeout(WAIT_FOR_ENTRY, self.await_arrival(written)).await
            && has_arrived?
        {
            return Ok(());
        }
        let problem = self.state.borrow().problem.clone();
        let why = problem.as_ref().map_or_else(
            || format!("it did not get the entry within {} s.", WAIT_FOR_ENTRY.as_secs()),
            |problem| problem.message.clone(),
        );
        Err(Error::new(
            Code::AuditFailed,
            format!(
                "No session begins before the team's log has its first entry, and it does not have it: {why}"
            ),
        )
        .with_hint(problem.and_then(|problem| problem.hint).unwrap_or_else(|| {
            "Try again. If it stays like this, ask whoever runs the team's database.".into()
        })))
    }

    /// Waits until the team's log has this entry; `false`: as it is now, it never will.
    async fn await_arrival(&self, written: &EntryLink) -> Result<bool> {
        let mut state = self.state.clone();
        loop {
            let told = state
                .wait_for(|state| state.shipped >= written.number || state.is_contradictory)
                .await
                .map(|state| state.is_contradictory);
            if told.unwrap_or(true) {
                return Ok(false);
            }
            // So many entries may have been those of another file that was in the log's place.
            if self.lines.has_entries(&[written, &self.shipped()]).await? {
                return Ok(true);
            }
            self.retry.send_modify(|times| *times += 1);
            if state.changed().await.is_err() {
                return Ok(false);
            }
        }
    }

    /// Sends what is still waiting, for at most `limit`, and then stops.
    pub async fn finish(&self, latest: i64, limit: Duration) {
        let mut state = self.state.clone();
        let is_reached = state.borrow().problem.is_none();
        if is_reached {
            let arrived = state.wait_for(|state| state.shipped >= latest || state.problem.is_some());
            let _ = tokio::time::timeout(limit, arrived).await;
        }
        self.stop.cancel();
    }
}

impl Drop for TeamLog {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

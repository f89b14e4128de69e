//! The team's log: the entries of all consoles of a team, in a PostgreSQL database that the team runs.
//!
//! `setup.sql` is what its administrator runs once, and [`find_faults`] compares a database with it. `database` is how it
//! is reached, `shipping` sends this computer's entries, and `state` says how far it has come. The chains are the consoles'
//! own: the database refuses what does not fit them, and [`verify_team_log`] finds out what was done nonetheless.

mod checkup;
mod database;
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
pub use self::setup::render_setup;
use self::shipping::Shipper;
pub use self::state::TeamLogState;
pub use self::verify::{TeamVerification, VerifiedChain, verify_team_log};
use crate::audit::AuditLog;
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
        };
        tokio::spawn(shipper.run());
        Some(Arc::new(Self { config: config.clone(), vault: vault.clone(), state, retry, stop }))
    }

    /// What it was started with.
    pub fn config(&self) -> &TeamAuditConfig {
        &self.config
    }

    /// How far it has come, and whenever that changes.
    pub fn watch_state(&self) -> watch::Receiver<TeamLogState> {
        self.state.clone()
    }

    /// Waits until the team's log has the entries up to this one, if the team wants that before a session begins.
    ///
    /// Fails with [`Code::AuditFailed`] if it does not get them in time. May make the keyring prompt for its password.
    pub async fn await_required(&self, entry: i64) -> Result<()> {
        if !self.config.required {
            return Ok(());
        }
        let mut state = self.state.clone();
        if state.borrow().shipped >= entry {
            return Ok(());
        }
        if state.borrow().problem.is_some() {
            if !self.vault.is_open_for(&password_name()).await {
                self.vault.unlock().await?;
            }
            self.retry.send_modify(|times| *times += 1);
        }
        let arrived = state.wait_for(|state| state.shipped >= entry || state.is_contradictory);
        match tokio::time::timeout(WAIT_FOR_ENTRY, arrived).await {
            Ok(Ok(state)) if !state.is_contradictory => return Ok(()),
            _ => {}
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

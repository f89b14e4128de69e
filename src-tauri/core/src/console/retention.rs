//! How long this computer's audit log keeps its entries, as the team's file says.

use std::sync::{Arc, Weak};

use super::Console;
use crate::audit_feed::read_acknowledged_by_all;
use crate::error::Result;

/// How long after a look at the log the next one is due: the team's file, the keyring and the team's log change meanwhile.
const BETWEEN_LOOKS_MS: i64 = 60 * 60 * 1_000;

/// How long after a removal. Each is an entry of its own.
const BETWEEN_REMOVALS_MS: i64 = 24 * BETWEEN_LOOKS_MS;

impl Console {
    /// Removes old entries now and then, for as long as the console is there.
    pub(super) fn keep_retention(console: &Arc<Self>) {
        let (console, clock) = (Arc::downgrade(console), console.clock.clone());
        tokio::spawn(async move {
            while let Some(pause_ms) = look_for_old_entries(&console).await {
                clock.wait_until(clock.now().add_ms(pause_ms)).await;
            }
        });
    }

    /// Removes the entries that the team's file no longer wants to be kept. Returns how many there were.
    ///
    /// Fails if the team's file cannot be read, if the keyring is locked, and if the log cannot be written.
    pub async fn remove_old_entries(&self) -> Result<u64> {
        let Some(audit) = self.read_team()?.and_then(|team| team.file.audit) else { return Ok(0) };
        let Some(keep_days) = audit.keep_days else { return Ok(0) };
        // What the team's log or another of its systems does not have yet must not go.
        let of_log = match (audit.url.is_some(), self.team_log()) {
            (false, _) => None,
            (true, None) => Some(0),
            (true, Some(log)) => Some(log.find_shipped().await?),
        };
        let of_feeds = read_acknowledged_by_all(&audit, &self.audit, &self.home.feeds_dir()).await?;
        let shipped = of_log.into_iter().chain(of_feeds).min();
        let now_ms = self.clock.now_ms();
        Ok(self.audit.remove_old_entries(&self.vault, &self.operator(), keep_days, shipped, now_ms).await?)
    }
}

/// How long to wait before the next look; `None` once the console is gone.
async fn look_for_old_entries(console: &Weak<Console>) -> Option<i64> {
    let console = console.upgrade()?;
    match console.remove_old_entries().await {
        Ok(0) => Some(BETWEEN_LOOKS_MS),
        Ok(_) => Some(BETWEEN_REMOVALS_MS),
        Err(error) => {
            tracing::info!("old entries of the audit log stay for now: {error:#}");
            Some(BETWEEN_LOOKS_MS)
        }
    }
}

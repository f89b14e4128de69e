//! The audit log's entries on their way to the team's own systems: a webhook, and an OpenTelemetry collector.
//!
//! Entries are written locally first, and sent from there in order: at least once, each with an ID by which the receiver
//! can tell that it has it. `cursor` remembers over restarts how far a destination is, `batch` is what is sent at a time,
//! `webhook` and `otlp` are how it looks, `request` sends it once, and `sender` goes on until all is there. `progress` says how
//! far that is.

mod batch;
mod cursor;
mod otlp;
mod progress;
mod request;
mod sender;
mod webhook;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use secrecy::SecretString;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::cursor::CursorFile;
pub use self::progress::{FeedProgress, read_acknowledged_by_all, read_progress};
use self::request::FeedTarget;
use self::sender::FeedSender;
use crate::audit::AuditLog;
use crate::clock::Clock;
use crate::error::{Code, Error, Result, SecretName};
use crate::outbox::DeliveryFault;
use crate::team::{TEAM, TeamAuditConfig};
use crate::vault::{Keep, Vault};

/// What kind of system gets the entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FeedKind {
    Webhook,
    Otlp,
}

impl FeedKind {
    /// As in the team file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Otlp => "otlp",
        }
    }
}

/// How far a system has the log's entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedState {
    pub kind: FeedKind,
    /// Where it is.
    pub origin: String,
    /// The number of the last entry that it has acknowledged.
    pub acknowledged: i64,
    /// How many entries wait.
    pub waiting: u64,
    /// When the first of them was written: milliseconds since the Unix epoch.
    pub waiting_since: Option<i64>,
    /// Why they wait; `None` if all is well, or nothing was tried yet.
    pub fault: Option<DeliveryFault>,
    /// When it is tried again, in milliseconds since the Unix epoch; `None` if only the operator can say so, or there is
    /// no fault.
    pub next_at: Option<i64>,
}

/// Sends a log to the team's systems, as long as it is not dropped.
#[derive(Debug)]
pub struct AuditFeeds {
    config: TeamAuditConfig,
    states: Vec<watch::Receiver<FeedState>>,
    retry: watch::Sender<u64>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl AuditFeeds {
    /// Begins to send to each system that the team file names. The cursors are kept in `folder`.
    pub fn start(
        config: &TeamAuditConfig,
        audit: &AuditLog,
        vault: &Vault,
        clock: &Clock,
        folder: &Path,
    ) -> Arc<Self> {
        let (retry, wanted) = watch::channel(0);
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let states: Vec<_> = FeedTarget::list(config)
            .into_iter()
            .map(|target| {
                let (sender, state) = watch::channel(target.first_state());
                let cursor = CursorFile::new(folder.to_owned(), target.kind().as_str(), target.url());
                let feed = FeedSender {
                    target,
                    cursor,
                    lines: audit.lines(),
                    vault: vault.clone(),
                    clock: clock.clone(),
                    state: sender,
                    retry: wanted.clone(),
                    stop: stop.clone(),
                };
                tasks.spawn(feed.run());
                state
            })
            .collect();
        Arc::new(Self { config: config.clone(), states, retry, stop, tasks })
    }

    /// What it was started with.
    pub fn config(&self) -> &TeamAuditConfig {
        &self.config
    }

    /// How far each system is.
    pub fn states(&self) -> Vec<FeedState> {
        self.states.iter().map(|state| state.borrow().clone()).collect()
    }

    /// The same, and whenever it changes.
    pub fn watch_states(&self) -> Vec<watch::Receiver<FeedState>> {
        self.states.clone()
    }

    /// Tries again now, whatever the last answer was.
    pub fn retry(&self) {
        self.retry.send_modify(|times| *times += 1);
    }

    /// Sends what is still waiting, for at most `limit`, and then stops. `latest`: the number of the log's last entry.
    pub async fn finish(&self, latest: i64, limit: Duration) {
        let arrive = self.watch_states().into_iter().map(|mut state| async move {
            let _ = state.wait_for(|state| state.acknowledged >= latest || state.fault.is_some()).await;
        });
        let _ = tokio::time::timeout(limit, join_all(arrive)).await;
        self.stop().await;
    }

    /// Returns once nothing is sent any more.
    pub async fn stop(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

/// The names of the secrets that the team's systems need.
pub fn feed_secret_names(config: &TeamAuditConfig) -> Vec<String> {
    let names: BTreeSet<String> = FeedTarget::list(config).iter().flat_map(request::secret_names).collect();
    names.into_iter().collect()
}

/// Stores one of those secrets in the keyring, for the systems that the team file names now.
///
/// Fails with [`Code::SecretMissing`] if none of them needs it.
pub async fn store_secret(
    config: &TeamAuditConfig,
    vault: &Vault,
    name: &str,
    value: SecretString,
) -> Result<()> {
    let targets = FeedTarget::list(config);
    let target = targets.iter().find(|target| request::secret_names(target).contains(name));
    let target = target.ok_or_else(|| {
        Error::new(Code::SecretMissing, format!("The team file uses no secret `{name}`."))
            .with_hint(format!("It uses: {}", feed_secret_names(config).join(", ")))
    })?;
    vault.store_secret(&SecretName::new(TEAM, name), value, Keep::Stored, &target.destination_of(name)).await
}

impl Drop for AuditFeeds {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

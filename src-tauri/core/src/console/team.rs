//! The team file in this console, and the team's log that it names.

use std::sync::Arc;

use futures_util::future::OptionFuture;
use parking_lot::Mutex;
use tokio::runtime::Handle;

use super::{CLOSE_LIMIT, Console};
use crate::audit::EntryLink;
use crate::audit_feed::{AuditFeeds, FeedState};
use crate::connection::ConnectionProblem;
use crate::error::{Error, Result};
use crate::outbox::{MessageKind, WaitingMessage};
use crate::team::{Team, TeamAuditConfig};
use crate::team_log::{TeamLog, TeamLogState};

/// The team file as it was last read, and what it began.
#[derive(Default)]
pub(super) struct CurrentTeam(Mutex<TeamInUse>);

struct TeamInUse {
    team: Result<Option<Team>>,
    log: Option<Arc<TeamLog>>,
    /// The log until now, which is still to be told that it is no longer the team's.
    replaced: Option<Arc<TeamLog>>,
    feeds: Option<Arc<AuditFeeds>>,
    replaced_feeds: Option<Arc<AuditFeeds>>,
}

impl Default for TeamInUse {
    fn default() -> Self {
        Self { team: Ok(None), log: None, replaced: None, feeds: None, replaced_feeds: None }
    }
}

impl Console {
    /// Reads the team file again, and begins to send to another database if it names one. While it cannot be read, what
    /// was begun before goes on. Returns what is wrong with it.
    pub(super) fn load_team(&self) -> Option<ConnectionProblem> {
        let team = Team::load(&self.home);
        let problem = team.as_ref().err().map(|error| ConnectionProblem {
            id: String::new(),
            path: team_path(self).display().to_string(),
            message: format!("No session begins with a team file that cannot be used.\n{error}"),
            faults: error.faults.clone(),
        });
        let mut current = self.team.0.lock();
        if let Ok(team) = &team {
            let wanted: Option<&TeamAuditConfig> = team.as_ref().and_then(|team| team.file.audit.as_ref());
            let has = current.log.as_ref().map(|log| log.config());
            // Without a runtime, it begins with the next reading.
            if has != wanted.filter(|audit| audit.url.is_some()) && Handle::try_current().is_ok() {
                let log = wanted.and_then(|audit| TeamLog::start(audit, &self.audit, &self.vault));
                current.replaced = std::mem::replace(&mut current.log, log);
                self.colleagues.follow(wanted.and_then(|audit| audit.url.clone()), &self.vault);
            }
        }
        if let Ok(team) = &team
            && Handle::try_current().is_ok()
        {
            self.load_feeds(&mut current, team.as_ref().and_then(|team| team.file.audit.as_ref()));
        }
        current.team = team;
        problem
    }

    /// Begins to send the log's entries to the team's systems, unless it does already.
    fn load_feeds(&self, current: &mut TeamInUse, wanted: Option<&TeamAuditConfig>) {
        let systems = |audit: &TeamAuditConfig| (audit.webhook.clone(), audit.otlp.clone());
        let wanted = wanted.filter(|audit| systems(audit) != (None, None));
        if current.feeds.as_ref().map(|feeds| systems(feeds.config())) == wanted.map(systems) {
            return;
        }
        let folder = self.home.feeds_dir();
        let feeds =
            wanted.map(|audit| AuditFeeds::start(audit, &self.audit, &self.vault, &self.clock, &folder));
        current.replaced_feeds = std::mem::replace(&mut current.feeds, feeds);
        for mut state in current.feeds.iter().flat_map(|feeds| feeds.watch_states()) {
            let outbox = Arc::clone(&self.outbox);
            // What waits is told together with the messages that wait.
            tokio::spawn(async move {
                let mut was_faulty = false;
                while state.changed().await.is_ok() {
                    let is_faulty = state.borrow_and_update().fault.is_some();
                    if was_faulty || is_faulty {
                        outbox.wake.notify_one();
                    }
                    was_faulty = is_faulty;
                }
            });
        }
    }

    /// How far the team's systems have the audit log.
    pub fn feed_states(&self) -> Vec<FeedState> {
        self.team.0.lock().feeds.as_ref().map(|feeds| feeds.states()).unwrap_or_default()
    }

    /// Entries that do not reach the team's systems, as messages that wait.
    pub(super) fn list_waiting_entries(&self) -> Vec<WaitingMessage> {
        let late = self.feed_states().into_iter().filter(|state| state.fault.is_some());
        late.map(|state| WaitingMessage {
            id: state.kind.as_str().into(),
            kind: MessageKind::Entries,
            connection_name: String::new(),
            ticket: String::new(),
            user: String::new(),
            origin: state.origin,
            entries: state.waiting,
            written_at: state.waiting_since.unwrap_or_else(|| self.clock.now_ms()),
            fault: state.fault,
            next_at: state.next_at,
        })
        .collect()
    }

    /// Tries to reach the team's systems now.
    pub(super) fn retry_feeds(&self) {
        if let Some(feeds) = &self.team.0.lock().feeds {
            feeds.retry();
        }
    }

    /// The team file, as it is now.
    ///
    /// Fails if it cannot be used: then nothing may begin.
    pub fn read_team(&self) -> Result<Option<Team>> {
        let before = self.team.0.lock().team.clone().ok();
        self.load_team();
        let team = self.team.0.lock().team.clone();
        if team.as_ref().is_ok_and(|team| before.as_ref() != Some(team)) {
            // It says so in the audit log.
            self.load_connections();
        }
        team
    }

    /// The text of the team file as it was last read, if there is one.
    ///
    /// Fails if it could not be read.
    pub(super) fn team_text(&self) -> Result<Option<String>> {
        let current = self.team.0.lock();
        current.team.as_ref().map(|team| team.as_ref().map(|team| team.text.clone())).map_err(Error::clone)
    }

    /// Gives the database and the systems that the team file named before what has been written until now: with that,
    /// whoever reads it there knows why no more comes.
    pub(super) fn finish_replaced_destinations(&self) {
        let Ok(runtime) = Handle::try_current() else { return };
        let (log, feeds) = {
            let mut current = self.team.0.lock();
            (current.replaced.take(), current.replaced_feeds.take())
        };
        if log.is_none() && feeds.is_none() {
            return;
        }
        let (impersonations, audit) = (Arc::clone(&self.impersonations), self.audit.clone());
        runtime.spawn(async move {
            impersonations.write_owed_entries().await;
            let latest = audit.latest_number();
            let finish_log = OptionFuture::from(log.as_ref().map(|log| log.finish(latest, CLOSE_LIMIT)));
            let finish_feeds =
                OptionFuture::from(feeds.as_ref().map(|feeds| feeds.finish(latest, CLOSE_LIMIT)));
            tokio::join!(finish_log, finish_feeds);
        });
    }

    /// The team's log, if the team has one.
    pub fn team_log(&self) -> Option<Arc<TeamLog>> {
        self.team.0.lock().log.clone()
    }

    /// How far the team's log has this computer's entries; `None` if the team has no log.
    pub fn team_log_state(&self) -> Option<TeamLogState> {
        self.team_log().map(|log| log.watch_state().borrow().clone())
    }

    /// Waits until the team's log has this entry, if the team wants that before a session begins.
    pub(super) async fn await_team_log(&self, written: &EntryLink) -> Result<()> {
        match self.team_log() {
            Some(log) => log.await_required(written).await,
            None => Ok(()),
        }
    }
}

fn team_path(console: &Console) -> std::path::PathBuf {
    let system = console.home.system_team_file();
    if system.symlink_metadata().is_ok() { system } else { console.home.own_team_file() }
}

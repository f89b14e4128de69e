//! The team file in this console, and the team's log that it names.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::runtime::Handle;

use super::Console;
use crate::connection::ConnectionProblem;
use crate::error::Result;
use crate::team::{Team, TeamAuditConfig};
use crate::team_log::{TeamLog, TeamLogState};

/// The team file as it was last read, and what it began.
#[derive(Default)]
pub(super) struct CurrentTeam(Mutex<TeamInUse>);

struct TeamInUse {
    team: Result<Option<Team>>,
    log: Option<Arc<TeamLog>>,
}

impl Default for TeamInUse {
    fn default() -> Self {
        Self { team: Ok(None), log: None }
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
                current.log = wanted.and_then(|audit| TeamLog::start(audit, &self.audit, &self.vault));
                self.colleagues.follow(wanted.and_then(|audit| audit.url.clone()), &self.vault);
            }
        }
        current.team = team;
        problem
    }

    /// The team file, as it is now.
    ///
    /// Fails if it cannot be used: then nothing may begin.
    pub fn read_team(&self) -> Result<Option<Team>> {
        self.load_team();
        self.team.0.lock().team.clone()
    }

    /// The team's log, if the team has one.
    pub fn team_log(&self) -> Option<Arc<TeamLog>> {
        self.team.0.lock().log.clone()
    }

    /// How far the team's log has this computer's entries; `None` if the team has no log.
    pub fn team_log_state(&self) -> Option<TeamLogState> {
        self.team_log().map(|log| log.watch_state().borrow().clone())
    }

    /// Waits until the team's log has what this console has written, if the team wants that before a session begins.
    pub(super) async fn await_team_log(&self) -> Result<()> {
        match self.team_log() {
            Some(log) => log.await_required(self.audit.latest_number()).await,
            None => Ok(()),
        }
    }
}

fn team_path(console: &Console) -> std::path::PathBuf {
    let system = console.home.system_team_file();
    if system.symlink_metadata().is_ok() { system } else { console.home.own_team_file() }
}

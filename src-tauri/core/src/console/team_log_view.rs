//! The view of the team's log: the entries of all consoles, read from its database. Nothing here writes.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use super::Console;
use super::audit_log::{PAGE, WEEK_MS};
use crate::audit::listing::{self, ListedSession, SessionCounts};
use crate::audit::verification_report::VerificationReport;
use crate::directory::{Suggestion, WallClock};
use crate::error::{Code, Error, Result};
use crate::latest_only::superseded_error;
use crate::team_log::{
    TeamDatabase, TeamEntryPage, TeamLogPlace, TeamLogReader, report_verification, verify_watched_team_log,
};

/// What only the newest request of each kind is answered for.
const PAGES: &str = "team's pages";
const SESSION: &str = "team's session";
const COUNTS: &str = "team's counts";
const VALUES: &str = "team's values";
const VERIFICATION: &str = "team's verification";

/// What the view reads with, while it is open.
#[derive(Default)]
pub(super) struct TeamLogView(Mutex<Option<Arc<TeamLogReader>>>);

/// What one reading needs.
struct Turn {
    /// Cancelled once something newer of its kind is asked for.
    stop: CancellationToken,
    reader: Arc<TeamLogReader>,
    /// The ID of this computer's log.
    own: String,
}

impl Console {
    /// A page of all consoles' entries that pass `text`, the newest first. `before`: [`TeamEntryPage::next`] of the page
    /// before.
    pub async fn list_team_entries(
        &self,
        text: &str,
        before: Option<&TeamLogPlace>,
        turn: u64,
    ) -> Result<TeamEntryPage> {
        let Turn { stop, reader, own } = self.take_turn(PAGES, turn).await?;
        let filter = listing::filter_by_search(text, self.clock.read_time());
        let page = unless_stopped(&stop, reader.list_page(&filter, before, PAGE, &own)).await?;
        Ok(TeamEntryPage { team: self.team_log_state(), ..page })
    }

    /// The entries of a session in this log.
    pub async fn team_session_entries(&self, log: &str, session: &str, turn: u64) -> Result<ListedSession> {
        let Turn { stop, reader, own } = self.take_turn(SESSION, turn).await?;
        unless_stopped(&stop, reader.list_session(log, session, &own)).await
    }

    /// Who became whom in the last seven days, in the whole team.
    pub async fn count_team_sessions(&self, turn: u64) -> Result<SessionCounts> {
        let Turn { stop, reader, .. } = self.take_turn(COUNTS, turn).await?;
        unless_stopped(&stop, reader.count_sessions(self.clock.now_ms() - WEEK_MS)).await
    }

    /// What may be typed next at `caret`, in UTF-16 code units.
    pub async fn complete_team_log_search(
        &self,
        text: &str,
        caret: usize,
        turn: u64,
    ) -> Result<Vec<Suggestion>> {
        let Turn { stop, reader, .. } = self.take_turn(VALUES, turn).await?;
        unless_stopped(&stop, reader.complete_search(text, caret, self.clock.read_time())).await
    }

    /// Compares the chains of all consoles, and this computer's with its own log and its keyring. Takes minutes for
    /// millions of entries.
    pub async fn verify_team_log(&self, turn: u64) -> Result<VerificationReport> {
        let Turn { stop, reader, .. } = self.take_turn(VERIFICATION, turn).await?;
        let own = self.home.audit_file()?;
        let progress = self.watch_verification();
        let verified = async {
            let database = TeamDatabase::connect(reader.url(), &self.vault).await?;
            verify_watched_team_log(&database, &own, &self.vault, &progress).await
        };
        Ok(report_verification(&unless_stopped(&stop, verified).await?))
    }

    /// Stops a verification of the team's log that is older than `turn`.
    pub fn stop_team_verification(&self, turn: u64) -> Result<()> {
        self.log_readings.take_turn(VERIFICATION, turn).map(drop)
    }

    /// The view is closed, or shows another log: gives up what was begun before `turn`, and the connections.
    pub fn leave_team_log(&self, turn: u64) {
        for kind in [PAGES, SESSION, COUNTS, VALUES, VERIFICATION] {
            // It fails if something newer is under way.
            let _ = self.log_readings.take_turn(kind, turn);
        }
        self.team_log_view.0.lock().take();
    }

    async fn take_turn(&self, kind: &str, turn: u64) -> Result<Turn> {
        let stop = self.log_readings.take_turn(kind, turn)?;
        let reader = self.team_log_reader()?;
        Ok(Turn { stop, reader, own: self.audit.lines().log_id().await? })
    }

    fn team_log_reader(&self) -> Result<Arc<TeamLogReader>> {
        let url = self.team_log().and_then(|log| log.config().url.clone()).ok_or_else(|| {
            Error::new(Code::SettingsInvalid, "The team has no log any more.")
                .with_hint("The team file names its database: [audit] url.")
        })?;
        let mut current = self.team_log_view.0.lock();
        match current.as_ref().filter(|reader| reader.url() == url) {
            Some(reader) => Ok(Arc::clone(reader)),
            None => Ok(Arc::clone(current.insert(Arc::new(TeamLogReader::new(&url, &self.vault))))),
        }
    }
}

async fn unless_stopped<T>(stop: &CancellationToken, read: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::select! {
        found = read => found,
        () = stop.cancelled() => Err(superseded_error()),
    }
}

//! Colleagues: who of the team is in a customer's account right now, and what they approve, from the team's log.
//!
//! `team_entry` is one entry of that log, [`open_sessions`](self) folds them into what is open, `reading` asks the
//! database, and `watch` keeps it all current: the database tells what is new (LISTEN), and is asked from time to time.
//! `broken_glass` knows which sessions without approval the operator was told of, `glass_notices` tells it, and
//! `glass_bookmarks` remember it.
//! Who is where is for information: nothing waits for it, and nothing fails without it. [`approvals`] of a second person are
//! not: a session that needs one does not begin without.

pub mod approvals;
mod broken_glass;
mod glass_bookmarks;
mod glass_notices;
mod open_sessions;
mod reading;
mod request_expiry;
mod team_entry;
mod watch;

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use serde::Serialize;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use ts_rs::TS;

use self::approvals::{APPROVAL_ASKED, Approvals};
pub use self::approvals::{ApprovalRequest, ApprovalState};
use self::broken_glass::BrokenGlass;
use self::glass_bookmarks::GlassBookmarks;
use self::open_sessions::OpenSessions;
use self::request_expiry::OpenQuestions;
use self::team_entry::TeamEntry;
use crate::access::SessionMode;
use crate::audit::{EndOfRequest, OperatorIdentity, RequestName};
use crate::clock::{Clock, Moment};
use crate::error::{Code, Error, Result};
use crate::impersonation::ConnectionProvider;
use crate::notice::{Notice, Notices};
use crate::vault::Vault;

/// A session of somebody else, in whichever console.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
#[ts(export)]
pub struct ColleagueSession {
    pub session: String,
    /// The connection's ID.
    pub connection: String,
    /// The user's ID.
    pub user: String,
    /// Who is signed in: by name, else by email address, else by account.
    pub operator: String,
    /// The name of their computer.
    pub host: String,
    /// Milliseconds since the Unix epoch, by their clock.
    #[ts(type = "number")]
    pub since: i64,
    pub mode: SessionMode,
    /// May be empty.
    pub ticket: String,
    /// `false`: their console is not connected to the team's log, so the session may have ended.
    pub is_certain: bool,
}

/// Whether the team's log tells about colleagues.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum TeamLogReach {
    /// The team has no log.
    #[default]
    NoLog,
    /// It has not answered yet.
    Connecting,
    InReach,
    /// It does not answer: colleagues may be anywhere.
    OutOfReach,
}

/// Who of the team is in which account, as far as is known.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, TS)]
#[ts(export)]
pub struct Presence {
    pub reach: TeamLogReach,
    /// Why it is out of reach.
    pub why: Option<String>,
    /// Oldest first. While the log is out of reach: as they were, all of them uncertain.
    pub sessions: Vec<ColleagueSession>,
}

/// What is known of colleagues; tells the windows when that changes.
pub struct Colleagues {
    /// The ID of this console's own log.
    own_log: String,
    clock: Clock,
    notices: Notices,
    /// Weak, because the owner of the connections owns this struct.
    connections: Weak<dyn ConnectionProvider>,
    known: Mutex<Known>,
    questions: OpenQuestions,
    bookmarks: Arc<GlassBookmarks>,
    /// There is a window to tell the operator something in.
    has_window: AtomicBool,
    /// Wakes the watch: there is something to ask the team's log.
    wake: Notify,
    watching: Mutex<Watching>,
    stop: CancellationToken,
}

#[derive(Default)]
struct Watching {
    /// The URL of the log that is watched.
    url: Option<String>,
    /// Cancelled once another log is watched.
    stop: CancellationToken,
}

#[derive(Default)]
struct Known {
    open: OpenSessions,
    approvals: Approvals,
    server_time: Option<ServerTime>,
    glass: BrokenGlass,
    shown: Presence,
    requests: Vec<ApprovalRequest>,
}

/// What the database's clock said. Until it is read again, the time goes on by the clock of this computer that nobody can
/// set: an approval does not last longer because somebody sets the other one back.
#[derive(Debug, Clone, Copy)]
struct ServerTime {
    /// Milliseconds since the Unix epoch.
    said_ms: i64,
    /// When it was asked.
    at: Moment,
}

impl Known {
    /// The database's time, in milliseconds since the Unix epoch.
    fn server_ms(&self, now: Moment) -> i64 {
        self.server_time.map_or(now.wall_ms, |server| server.said_ms.saturating_add(now.ms_since(server.at)))
    }

    fn clear(&mut self) {
        self.open.clear();
        self.approvals.clear();
    }

    /// Takes entries, those of each log in their order. What is said to a request counts even if the server's clock was
    /// set back meanwhile, so that it looks earlier.
    fn apply<'a>(&mut self, rows: impl IntoIterator<Item = &'a TeamEntry> + Clone) {
        let asks = |row: &&TeamEntry| row.entry.event == APPROVAL_ASKED;
        rows.clone().into_iter().filter(asks).for_each(|row| self.approvals.apply(row));
        for row in rows.into_iter().filter(|row| !asks(row)) {
            self.open.apply(row);
            self.approvals.apply(row);
        }
    }
}

impl Colleagues {
    pub(crate) fn new(
        own_log: String,
        clock: Clock,
        notices: Notices,
        connections: Weak<dyn ConnectionProvider>,
        bookmarks: PathBuf,
    ) -> Arc<Self> {
        Arc::new(Self {
            own_log,
            clock,
            notices,
            connections,
            known: Mutex::default(),
            questions: OpenQuestions::default(),
            bookmarks: Arc::new(GlassBookmarks::in_file(bookmarks)),
            has_window: AtomicBool::new(false),
            wake: Notify::new(),
            watching: Mutex::default(),
            stop: CancellationToken::new(),
        })
    }

    pub fn presence(&self) -> Presence {
        self.known.lock().shown.clone()
    }

    /// Watches the team's log at this URL from now on; `None`: the team has none. What is known of a log that is watched
    /// already stays.
    pub(crate) fn follow(self: &Arc<Self>, url: Option<String>, vault: &Vault) {
        let stop = self.stop.child_token();
        {
            let mut watching = self.watching.lock();
            if watching.url == url {
                return;
            }
            let next = Watching { url: url.clone(), stop: stop.clone() };
            std::mem::replace(&mut *watching, next).stop.cancel();
        }
        tokio::spawn(Arc::clone(self).watch(url, vault.clone(), stop));
    }

    /// Stops watching the team's log.
    pub(crate) fn close(&self) {
        self.stop.cancel();
    }

    /// Changes what is known, and tells the windows if they see something else then.
    fn update(&self, reach: TeamLogReach, why: Option<String>, change: impl FnOnce(&mut Known)) {
        let connections = self.connections.upgrade();
        let max_minutes = |id: &str| connections.as_ref()?.find_connection(id).ok()?.policy.max_minutes;
        let mut known = self.known.lock();
        change(&mut known);
        let mut sessions = known.open.list_colleagues(&self.own_log, self.clock.now_ms(), max_minutes);
        if reach != TeamLogReach::InReach {
            for session in &mut sessions {
                session.is_certain = false;
            }
        }
        let shown = Presence { reach, why, sessions };
        // Sent under the lock, so that notices come in the order of what they say.
        if shown != known.shown {
            known.shown.clone_from(&shown);
            self.notices.send(Notice::Presence(shown));
        }
        let now = self.clock.now();
        let requests = known.approvals.list_requests(&self.own_log, known.server_ms(now), now.wall_ms);
        if requests != known.requests {
            let is_new = |one: &&ApprovalRequest| {
                let is_known = known.requests.iter().any(|old| (&old.log, old.id) == (&one.log, one.id));
                !is_known && !one.is_own && one.state == ApprovalState::Waiting
            };
            for new in requests.iter().filter(is_new) {
                self.notices.send(Notice::ApprovalAsked(new.clone()));
            }
            known.requests.clone_from(&requests);
            self.notices.send(Notice::Approvals(requests));
        }
    }

    /// The requests that can be decided or used, oldest first.
    pub fn approval_requests(&self) -> Vec<ApprovalRequest> {
        self.known.lock().requests.clone()
    }

    pub(crate) fn own_log(&self) -> &str {
        &self.own_log
    }

    /// Resolves once [`Self::close`] is called.
    pub(crate) async fn closed(&self) {
        self.stop.cancelled().await;
    }

    /// Fails, in words, where nobody can be asked.
    pub(crate) fn require_team_log(&self) -> Result<()> {
        let known = self.known.lock();
        let (why, hint) = match known.shown.reach {
            TeamLogReach::InReach => return Ok(()),
            TeamLogReach::NoLog => (
                "there is no log of the team to ask in".to_owned(),
                "Ask the person who looks after the connection: approvals need `[audit] url` in the team file.",
            ),
            TeamLogReach::Connecting => {
                ("the team's log has not answered yet".to_owned(), "Try again in a moment.")
            }
            TeamLogReach::OutOfReach => (
                format!(
                    "the team's log is out of reach. {}",
                    known.shown.why.as_deref().unwrap_or_default().trim_end_matches('.')
                ),
                "Try again once it answers.",
            ),
        };
        let message = format!("This connection needs a colleague's approval, and {why}.");
        Err(Error::new(Code::PolicyRefused, message).with_hint(hint))
    }

    /// The approval that this operator may use now to begin a session as this user in this mode.
    pub(crate) fn find_approved(
        &self,
        account: (&str, &str, SessionMode),
        operator: &OperatorIdentity,
    ) -> Result<RequestName> {
        self.require_team_log()?;
        let known = self.known.lock();
        let server_ms = known.server_ms(self.clock.now());
        known.approvals.find_approved(&self.own_log, account, operator, server_ms)
    }

    /// Fails, in words, unless this approval can still be used.
    pub(crate) fn check_approval(&self, name: &RequestName) -> Result<()> {
        self.require_team_log()?;
        let known = self.known.lock();
        known.approvals.check_approval(name, known.server_ms(self.clock.now()))
    }

    /// The open request that this operator may decide.
    pub(crate) fn find_decidable(
        &self,
        name: &RequestName,
        operator: &OperatorIdentity,
    ) -> Result<ApprovalRequest> {
        self.require_team_log()?;
        let known = self.known.lock();
        let now = self.clock.now();
        let requests = known.approvals.list_requests(&self.own_log, known.server_ms(now), now.wall_ms);
        let open = requests
            .into_iter()
            .find(|one| one.log == name.log && one.id == name.id && one.state == ApprovalState::Waiting)
            .ok_or_else(|| {
                Error::new(Code::PolicyRefused, "This request is not open any more.")
                    .with_hint("It has expired, or someone has already decided on it.")
            })?;
        if known.approvals.is_own(name, &self.own_log, operator) != Some(false) {
            return Err(Error::new(Code::PolicyRefused, "You cannot decide your own request.")
                .with_hint("Another person of the team has to."));
        }
        Ok(open)
    }

    /// It has ended here, which the team's log will say too.
    pub(crate) fn note_end(&self, name: &RequestName, end: EndOfRequest) {
        let (reach, why) = {
            let known = self.known.lock();
            (known.shown.reach, known.shown.why.clone())
        };
        self.update(reach, why, |known| known.approvals.note_end(name, end));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;
    use crate::console::Console;

    #[test]
    fn setting_a_clock_back_prolongs_no_approval() {
        const NOON: i64 = 1_772_452_800_000;
        let clock = Clock::manual(NOON);
        let colleagues = Colleagues::new(
            "kims-log".into(),
            clock.clone(),
            Notices::default(),
            Weak::<Console>::new() as Weak<dyn ConnectionProvider>,
            PathBuf::new(),
        );
        let kim = OperatorIdentity {
            operator_name: "Kim".into(),
            operator_email: "kim@acme.example".into(),
            os_user: "kim".into(),
            host: "kims-desk".into(),
        };
        // The database's clock is five minutes ahead.
        let server_ms = NOON + 5 * 60_000;
        let row = |log: &str, id: i64, event: &str, name: &str, detail: serde_json::Value| {
            let line = json!({
                "id": id, "event": event, "at_ms": NOON, "connection": "shop", "user_id": "42",
                "detail": detail.to_string(), "operator_name": name, "os_user": name.to_lowercase(),
                "operator_email": format!("{}@acme.example", name.to_lowercase()),
                "host": format!("{}s-desk", name.to_lowercase()),
            });
            TeamEntry::parse(log, id, "understudy", server_ms, 1, &line.to_string()).unwrap()
        };
        colleagues.update(TeamLogReach::InReach, None, |known| {
            known.server_time = Some(ServerTime { said_ms: server_ms, at: clock.now() });
            // The decision looks earlier than the request.
            let rows = [
                row("adas-log", 9, "approved", "Ada", json!({ "log": "kims-log", "id": 5 })),
                row("kims-log", 5, "approval_asked", "Kim", json!({ "mode": "full" })),
            ];
            known.apply(&rows);
        });
        let find = || colleagues.find_approved(("shop", "42", SessionMode::Full), &kim).map(|name| name.id);
        clock.advance_by(Duration::from_mins(9));
        clock.set_wall(-60 * 60_000);
        assert_eq!(find().unwrap(), 5);
        clock.advance_by(Duration::from_mins(1));
        assert_eq!(find().unwrap_err().code, Code::ApprovalRequired, "its time is over");
    }
}

//! The story of one impersonation, from the agent's keystroke to the closed window.
//!
//! The user is read again → policy → audit *begun* → secrets → plan → window → the window sends the
//! sign-in → verified → the application is shown → … → sign-out → window closed → audit *ended*.
//!
//! This module keeps the running sessions. What a sign-in asks for first is in `form`. A session begins in `begin`
//! and is signed in by `attempt`, as often as it takes (`retrying`), with the console's own `steps`. The clock ends
//! it in `deadline`, and every way of ending goes through `ending`. The audit log is written in `writing`; what
//! templates see is in `about`.

mod about;
mod attempt;
mod begin;
mod deadline;
mod ending;
mod form;
mod retrying;
mod running;
mod steps;
mod writing;

use parking_lot::{Mutex, MutexGuard};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Weak};

use async_trait::async_trait;
use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub(crate) use self::about::{About, context, subject, user_label};
use self::begin::ImpersonationTurns;
pub(crate) use self::form::FORM_REASON;
use self::running::Running;
use crate::audit::{AuditLog, Who};
use crate::browser::Browser;
use crate::clock::Clock;
use crate::connection::Connection;
use crate::directories::Opened;
use crate::directory::{OpenDirectory, Row};
use crate::error::{Code, Error, Result};
use crate::notice::{Notice, Notices};
use crate::session::{Phase, SessionView};
use crate::vault::Vault;

/// Where an impersonation finds its connection and its directory: as they are when it asks.
#[async_trait]
pub trait Grounds: Send + Sync {
    /// The connection with this id.
    fn connection(&self, id: &str) -> Result<Arc<Connection>>;

    /// The same with the directory that was opened for it: the policy of no other file judges its users.
    async fn opened(&self, id: &str) -> Result<Opened>;
}

/// All running sessions, and what they need.
pub struct Impersonations {
    vault: Vault,
    audit: AuditLog,
    browser: Arc<dyn Browser>,
    notices: Notices,
    clock: Clock,
    /// Weak, because the owner of the connections owns this.
    grounds: Weak<dyn Grounds>,
    running: Mutex<BTreeMap<String, Arc<Running>>>,
    turns: ImpersonationTurns,
    /// Whose form was asked for in this run, by connection and user: what the answers change in it is no new asking.
    forms: Mutex<BTreeSet<(String, String)>>,
    /// Beginnings under way.
    beginning: TaskTracker,
    /// Once set, nothing begins.
    quitting: CancellationToken,
    /// Held by the task that writes what is owed to the audit log.
    paying: Arc<tokio::sync::Mutex<()>>,
}

/// Who, of which connection, why: all that is needed to begin.
pub struct ImpersonationRequest {
    /// Id of the connection.
    pub connection: String,
    /// [`Row::id`] of the user.
    pub user: String,
    pub reason: String,
    /// What the sign-in's form asked for, by field.
    pub given: Map<String, Value>,
    pub operator: Who,
}

impl ImpersonationRequest {
    fn about<'a>(&'a self, connection: &'a Connection, reason: &'a str, session: &'a str) -> About<'a> {
        let Self { operator, given, .. } = self;
        About { connection, operator, reason, given, session }
    }
}

impl Impersonations {
    pub fn new(
        vault: Vault,
        audit: AuditLog,
        browser: Arc<dyn Browser>,
        notices: Notices,
        clock: Clock,
        grounds: Weak<dyn Grounds>,
    ) -> Arc<Self> {
        Arc::new(Self {
            vault,
            audit,
            browser,
            notices,
            clock,
            grounds,
            running: Mutex::default(),
            turns: ImpersonationTurns::default(),
            forms: Mutex::default(),
            beginning: TaskTracker::new(),
            quitting: CancellationToken::new(),
            paying: Arc::default(),
        })
    }

    /// Sessions that run, oldest first.
    pub fn sessions(&self) -> Vec<SessionView> {
        let mut views: Vec<_> = self.running().values().map(|running| running.view()).collect();
        views.sort_by(|a, b| (a.started_at, &a.id).cmp(&(b.started_at, &b.id)));
        views
    }

    /// One session that runs.
    pub fn session(&self, id: &str) -> Result<SessionView> {
        Ok(self.find(id)?.view())
    }

    /// Tries a refused sign-in again, with the user, the connection and the secrets as they are now. Does nothing
    /// while an attempt is under way: two quick clicks are one.
    pub fn retry(&self, id: &str) -> Result<()> {
        let running = self.find(id)?;
        if running.session().retried().is_ok() {
            running.retry.notify_one();
        }
        Ok(())
    }

    /// Brings a session's window to the front.
    pub async fn focus(&self, id: &str) -> Result<()> {
        self.find(id)?;
        self.browser.focus(id).await
    }

    fn grounds(&self) -> Result<Arc<dyn Grounds>> {
        self.grounds.upgrade().ok_or_else(quitting)
    }

    /// The connection and its directory as they are now, with the authority that the connection trusts.
    async fn opened(&self, id: &str) -> Result<Opened> {
        let opened = self.grounds()?.opened(id).await?;
        if opened.connection.network.ca.is_none() {
            return Ok(opened);
        }
        let connection = Connection::clone(&opened.connection).with_authority()?;
        Ok(Opened { connection: Arc::new(connection), ..opened })
    }

    fn running(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Running>>> {
        self.running.lock()
    }

    fn find(&self, id: &str) -> Result<Arc<Running>> {
        self.running()
            .get(id)
            .cloned()
            .ok_or_else(|| Error::new(Code::SessionUnknown, "This session has ended."))
    }

    fn running_for(&self, connection: &str, user: &str) -> Option<SessionView> {
        self.sessions()
            .into_iter()
            .find(|view| view.connection == connection && view.user.id == user && view.phase != Phase::Ending)
    }

    fn tell(&self) {
        self.notices.send(Notice::Sessions(self.sessions()));
    }
}

/// Nothing begins any more.
fn quitting() -> Error {
    Error::new(Code::Cancelled, "Understudy is quitting: no new session begins.")
}

async fn read_user(directory: &OpenDirectory, user: &str) -> Result<Row> {
    directory.user(user).await?.ok_or_else(|| {
        Error::new(Code::UserNotFound, format!("No user has the id {user} any more."))
            .hint("It may have been deleted or renamed: search again.")
    })
}

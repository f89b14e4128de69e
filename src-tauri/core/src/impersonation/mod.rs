//! The story of one impersonation, from the agent's keystroke to the closed window.
//!
//! The user is read again → policy → audit *begun* → secrets → plan → window → the window sends the
//! sign-in → verified → the application is shown → … → sign-out → window closed → audit *ended*.
//!
//! Here is what runs, and how it is found. A session begins in [`begin`], is signed in in [`attempt`], is ended by
//! the clock in [`deadline`], and every way of ending comes through [`ending`]. What templates see is in [`about`].

mod about;
mod attempt;
mod begin;
mod deadline;
mod ending;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::{Map, Value};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

pub(crate) use self::about::{About, context, subject, user_label};
use crate::audit::{AuditLog, Entry, Event, Who};
use crate::browser::Browser;
use crate::clock::Clock;
use crate::connection::Connection;
use crate::directory::{Directory, Row};
use crate::error::{Code, Error, Result};
use crate::notice::{Notice, Notices, Toast};
use crate::session::{Phase, Session, SessionView};
use crate::sign_in::Client;
use crate::vault::Vault;

/// All running sessions, and what they need.
pub struct Impersonations {
    vault: Vault,
    audit: AuditLog,
    browser: Arc<dyn Browser>,
    notices: Notices,
    clock: Clock,
    running: Mutex<BTreeMap<String, Arc<Running>>>,
    /// One at a time per window system: two quick keystrokes must not open two windows of one user.
    beginning: tokio::sync::Mutex<()>,
}

/// Who, of which connection, why: all that is needed to begin.
pub struct Request {
    pub connection: Arc<Connection>,
    pub directory: Arc<dyn Directory>,
    /// [`Row::id`] of the user.
    pub user: String,
    pub reason: String,
    /// What the sign-in's form asked for, by field.
    pub given: Map<String, Value>,
    pub operator: Who,
}

impl Request {
    fn about<'a>(&'a self, reason: &'a str, session: &'a str) -> About<'a> {
        let Self { connection, operator, given, .. } = self;
        About { connection, operator, reason, given, session }
    }
}

struct Running {
    id: String,
    request: Request,
    /// The audit log's first entry of this session, which the later ones repeat.
    begun: Entry,
    session: Mutex<Session>,
    /// What templates see; without secrets. Replaced at each attempt.
    context: Mutex<Value>,
    /// The console's own way to the application, with what it got there; new at each attempt. Whoever takes
    /// its steps holds it, so that a sign-out waits for the one that is under way.
    client: Arc<tokio::sync::Mutex<Option<Client>>>,
    retry: Notify,
    /// The deadline has moved.
    extended: Notify,
    /// Held while it is: two quick clicks are one.
    extending: tokio::sync::Mutex<()>,
    stop: CancellationToken,
    /// `true` once the end is complete.
    ended: watch::Sender<bool>,
}

impl Running {
    fn session(&self) -> MutexGuard<'_, Session> {
        self.session.lock().expect("no holder of this lock panics")
    }

    fn view(&self) -> SessionView {
        self.session().view().clone()
    }
}

impl Impersonations {
    pub fn new(
        vault: Vault,
        audit: AuditLog,
        browser: Arc<dyn Browser>,
        notices: Notices,
        clock: Clock,
    ) -> Arc<Self> {
        Arc::new(Self {
            vault,
            audit,
            browser,
            notices,
            clock,
            running: Mutex::default(),
            beginning: tokio::sync::Mutex::default(),
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

    /// Tries a refused sign-in again, with the user and the secrets as they are now.
    pub fn retry(&self, id: &str) -> Result<()> {
        self.find(id)?.retry.notify_one();
        Ok(())
    }

    /// Brings a session's window to the front.
    pub async fn focus(&self, id: &str) -> Result<()> {
        self.find(id)?;
        self.browser.focus(id).await
    }

    fn running(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Running>>> {
        self.running.lock().expect("no holder of this lock panics")
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

    /// What happened next in a session, for the audit log.
    fn then(&self, running: &Running, event: Event) -> Entry {
        running.begun.then(self.clock.now_ms(), event)
    }

    /// Writes what cannot stop anything any more; a failure is said aloud instead.
    async fn log(&self, running: &Running, event: Event) {
        if let Err(error) = self.audit.append(self.then(running, event)).await {
            tracing::error!(code = ?error.code, "audit log: {}", error.message);
            self.notices.send(Notice::Toast(Toast::bad(&error)));
        }
    }

    fn tell(&self) {
        self.notices.send(Notice::Sessions(self.sessions()));
    }
}

async fn read_user(request: &Request) -> Result<Row> {
    request.directory.user(&request.user).await?.ok_or_else(|| {
        Error::new(Code::UserNotFound, format!("No user has the id {} any more.", request.user))
            .hint("It may have been deleted or renamed: search again.")
    })
}

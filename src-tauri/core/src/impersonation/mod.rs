//! One impersonation, from the agent's keystroke to the closed window.
//!
//! Read the user again → policy → audit *begun* → secrets → plan → window → the window sends the sign-in → verify →
//! show the application → … → sign out → close the window → audit *ended*.
//!
//! This file keeps the running sessions. `form` has what a sign-in asks for first, and `spare_window` is opened
//! meanwhile. `session_start` begins a session; `attempt` signs it in, as often as needed (`retry`). `deadline` ends it
//! on time, and every way of ending goes through `session_end`. `driver` is the sign-in and the sign-out themselves, which
//! sign-in tests share. `session_gateway` is what the window's requests pass, and `session_mode` what the operator may
//! change about it. `summaries` says what happened, for the ticket. `audit_entries` writes the audit log, `sightings` what the gateway and windows
//! saw, `denial` what the policy refused; `context` has what templates see, and `session_secrets` adds
//! the secrets.

mod attempt;
mod audit_entries;
mod context;
mod deadline;
mod denial;
pub(crate) mod driver;
mod form;
mod notifications;
mod retry;
mod running_session;
mod session_end;
pub(crate) mod session_gateway;
mod session_mode;
mod session_secrets;
mod session_start;
mod sightings;
mod spare_window;
mod summaries;

use parking_lot::{Mutex, MutexGuard};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Weak};

use async_trait::async_trait;
use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub(crate) use self::context::{
    SessionFacts, describe_session, name_connection, name_user, template_context, to_subject, user_label,
};
pub(crate) use self::denial::denied_entry;
pub(crate) use self::form::FORM_REASON;
use self::running_session::RunningSession;
use self::session_gateway::{GatewaySurroundings, PublicCaches};
use self::session_start::ImpersonationTurns;
use self::spare_window::SpareSlot;
use crate::access::SessionMode;
use crate::audit::{AuditLog, ConsoleEntry, EntryLink, OperatorIdentity, RequestName};
use crate::browser::Browser;
use crate::clock::Clock;
use crate::connection::Connection;
use crate::customer_link::TicketContext;
use crate::directories::OpenConnection;
use crate::directory::{OpenDirectory, Row};
use crate::error::{Code, Error, Result};
use crate::notice::{Notice, Notices};
use crate::outbox::Outbox;
use crate::session::{Phase, SessionView, UserLabel};
use crate::session_summary::EndedSummaries;
use crate::vault::Vault;

/// Where an impersonation gets its connection and directory, each time as they are now.
#[async_trait]
pub trait ConnectionProvider: Send + Sync {
    /// The connection with this ID.
    fn find_connection(&self, id: &str) -> Result<Arc<Connection>>;

    /// The connection together with the directory opened for it, so that its users are never judged by the policy of
    /// another version of the file.
    async fn open_connection(&self, id: &str) -> Result<OpenConnection>;

    /// Fails if the team's rules cannot be read: then nothing may begin.
    fn check_team_rules(&self) -> Result<()>;

    /// Waits until the team's log has this entry and all before it, if the team wants that before a session begins. Fails
    /// if it does not get them.
    async fn await_team_log(&self, written: &EntryLink) -> Result<()>;

    /// Finds the approval that a session needs, or records that it begins without one. Fails if it may not begin.
    async fn find_approval(&self, needed: NeededApproval<'_>) -> Result<Option<FoundApproval>>;

    /// Uses this approval. Fails if it was used meanwhile.
    async fn use_approval(&self, found: FoundApproval) -> Result<()>;
}

/// An approval that can be used.
pub struct FoundApproval {
    pub request: RequestName,
    /// What is written once it is used.
    pub used: ConsoleEntry,
}

/// A session that needs approval and is about to begin.
pub struct NeededApproval<'a> {
    pub connection: &'a Connection,
    pub user: &'a UserLabel,
    pub mode: SessionMode,
    pub operator: &'a OperatorIdentity,
    pub reason: &'a str,
    pub ticket: &'a str,
    /// The operator goes on without approval, if the policy lets them.
    pub break_glass: bool,
}

/// All running sessions, and what they need.
pub struct Impersonations {
    vault: Vault,
    audit: AuditLog,
    browser: Arc<dyn Browser>,
    notices: Notices,
    clock: Clock,
    /// Where word of sessions is kept for their applications.
    outbox: Arc<Outbox>,
    /// Weak, because the owner of the connections owns this struct.
    connections: Weak<dyn ConnectionProvider>,
    running: Mutex<BTreeMap<String, Arc<RunningSession>>>,
    turns: ImpersonationTurns,
    /// The connections and users whose form was fetched in this run. Fetching it again after a change is not logged
    /// again.
    forms: Mutex<BTreeSet<(String, String)>>,
    caches: PublicCaches,
    /// For the tickets of sessions that have ended.
    summaries: EndedSummaries,
    spare: SpareSlot,
    /// Sessions that are about to begin.
    beginning: TaskTracker,
    /// Once set, no session begins.
    quitting: CancellationToken,
    /// Held by the task that writes what is owed to the audit log.
    paying: Arc<tokio::sync::Mutex<()>>,
}

/// All that is needed to begin: who, in which connection, why.
pub struct ImpersonationRequest {
    /// The connection's ID.
    pub connection: String,
    /// The user's [`Row::id`].
    pub user: String,
    pub reason: String,
    /// The operator's answers to the sign-in's form, by field.
    pub given: Map<String, Value>,
    pub operator: OperatorIdentity,
    /// The session begins read-only, whatever the connection says.
    pub read_only: bool,
    pub ticket: TicketContext,
    /// Go on without the approval that the connection asks for, if its policy allows that.
    pub break_glass: bool,
}

impl ImpersonationRequest {
    /// The connection with the mode that this request asks for.
    fn restrict_mode(&self, connection: Arc<Connection>) -> Arc<Connection> {
        if !self.read_only || connection.policy.access.mode == SessionMode::ReadOnly {
            return connection;
        }
        let mut connection = Arc::unwrap_or_clone(connection);
        connection.policy.access.mode = SessionMode::ReadOnly;
        Arc::new(connection)
    }

    fn session_facts<'a>(
        &'a self,
        connection: &'a Connection,
        reason: &'a str,
        session: &'a str,
        mode: SessionMode,
    ) -> SessionFacts<'a> {
        let Self { operator, given, ticket, .. } = self;
        SessionFacts { connection, operator, reason, given, session, mode, ticket }
    }
}

impl Impersonations {
    pub(crate) fn new(
        vault: Vault,
        audit: AuditLog,
        browser: Arc<dyn Browser>,
        notices: Notices,
        clock: Clock,
        outbox: Arc<Outbox>,
        connections: Weak<dyn ConnectionProvider>,
    ) -> Arc<Self> {
        Arc::new(Self {
            vault,
            audit,
            browser,
            notices,
            clock,
            outbox,
            connections,
            running: Mutex::default(),
            turns: ImpersonationTurns::default(),
            forms: Mutex::default(),
            caches: PublicCaches::default(),
            summaries: EndedSummaries::default(),
            spare: SpareSlot::default(),
            beginning: TaskTracker::new(),
            quitting: CancellationToken::new(),
            paying: Arc::default(),
        })
    }

    /// The running sessions, oldest first.
    pub fn sessions(&self) -> Vec<SessionView> {
        let mut views: Vec<_> = self.lock_running().values().map(|running| running.view()).collect();
        views.sort_by(|a, b| (a.started_at, &a.id).cmp(&(b.started_at, &b.id)));
        views
    }

    /// A running session.
    pub fn find_session(&self, id: &str) -> Result<SessionView> {
        Ok(self.find_running(id)?.view())
    }

    /// Tries a refused sign-in again, with the user, the connection and the secrets as they are now. Does nothing while
    /// an attempt is under way, so a double click is harmless.
    pub fn retry_sign_in(&self, id: &str) -> Result<()> {
        let running = self.find_running(id)?;
        if running.lock_session().begin_retry().is_ok() {
            running.retry.notify_one();
        }
        Ok(())
    }

    /// Forgets the public files of this connection's application that its sessions share; returns how many there were.
    pub fn clear_cache(&self, connection: &str) -> usize {
        self.caches.clear_cache(connection)
    }

    /// Brings a session's window to the front.
    pub async fn focus_window(&self, id: &str) -> Result<()> {
        self.find_running(id)?;
        self.browser.focus_window(id).await
    }

    fn gateway_surroundings(&self) -> GatewaySurroundings<'_> {
        GatewaySurroundings { caches: &self.caches, notices: &self.notices, clock: &self.clock }
    }

    fn connection_provider(&self) -> Result<Arc<dyn ConnectionProvider>> {
        self.connections.upgrade().ok_or_else(quitting_error)
    }

    /// The connection and its directory as they are now, with the content of the connection's `network.ca`.
    async fn open_connection(&self, id: &str) -> Result<OpenConnection> {
        let opened = self.connection_provider()?.open_connection(id).await?;
        if opened.connection.network.ca.is_none() {
            return Ok(opened);
        }
        let connection = Connection::clone(&opened.connection).with_authority()?;
        Ok(OpenConnection { connection: Arc::new(connection), ..opened })
    }

    /// The connection of a request as it is now, with the mode that the request asks for.
    async fn open_requested(&self, request: &ImpersonationRequest) -> Result<OpenConnection> {
        self.connection_provider()?.check_team_rules()?;
        let opened = self.open_connection(&request.connection).await?;
        Ok(OpenConnection { connection: request.restrict_mode(opened.connection), ..opened })
    }

    fn lock_running(&self) -> MutexGuard<'_, BTreeMap<String, Arc<RunningSession>>> {
        self.running.lock()
    }

    fn find_running(&self, id: &str) -> Result<Arc<RunningSession>> {
        self.lock_running()
            .get(id)
            .cloned()
            .ok_or_else(|| Error::new(Code::SessionUnknown, "This session has ended."))
    }

    fn running_for(&self, connection: &str, user: &str) -> Option<SessionView> {
        self.sessions()
            .into_iter()
            .find(|view| view.connection == connection && view.user.id == user && view.phase != Phase::Ending)
    }

    fn notify_sessions(&self) {
        self.notices.send(Notice::Sessions(self.sessions()));
    }
}

/// The error for a session that would begin while quitting.
fn quitting_error() -> Error {
    Error::new(Code::Cancelled, "Understudy is quitting: no new session begins.")
}

async fn read_user(directory: &OpenDirectory, user: &str) -> Result<Row> {
    directory.find_user(user).await?.ok_or_else(|| {
        Error::new(Code::UserNotFound, format!("No user has the ID {user} any longer."))
            .with_hint("It may have been deleted or renamed: search again.")
    })
}

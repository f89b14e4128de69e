//! One running session: its request, its state, and what may happen to it concurrently.

use parking_lot::{Mutex, MutexGuard};
use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use secrecy::SecretString;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use url::Origin;

use super::ImpersonationRequest;
use super::driver::{DriverRun, SignInDriver, SignInProgress};
use super::session_gateway::SessionGateway;
use crate::access::AccessPolicy;
use crate::audit::{Entry, PastUnlock};
use crate::clock::Clock;
use crate::connection::{Connection, Network};
use crate::error::{Code, Error, Result};
use crate::launch::LaunchView;
use crate::sanitize;
use crate::session::{Session, SessionView};
use crate::session_summary::EvidenceUse;
use crate::template::SignInContext;

pub(super) struct RunningSession {
    pub(super) id: String,
    pub(super) request: ImpersonationRequest,
    /// The session's first entry in the audit log; later ones copy its data.
    pub(super) begun: Entry,
    session: Mutex<Session>,
    ground: Mutex<AttemptInputs>,
    /// Secrets that the sign-out needs, from the last attempt.
    released: Mutex<HashMap<String, SecretString>>,
    /// What its window was opened with; this cannot change.
    window: WindowSetup,
    /// What the window's requests pass; from before the window opens until it is closed.
    gateway: OnceLock<Arc<SessionGateway>>,
    /// What its sign-in has done so far.
    pub(super) progress: Arc<SignInProgress>,
    /// The origin of the launch page in the window; `None` while the window shows the application.
    launch_page: Mutex<Option<Origin>>,
    pub(super) retry: Notify,
    /// Notified when the deadline moves.
    pub(super) extended: Notify,
    /// Locked during an extension, so that a double click extends only once.
    pub(super) extending: tokio::sync::Mutex<()>,
    /// Locked while the mode is switched, so that the audit log has each switch once and in order.
    pub(super) switching: tokio::sync::Mutex<()>,
    /// Locked while what the session has seen is written to the audit log, so that it is in order.
    pub(super) recording: tokio::sync::Mutex<()>,
    pub(super) stop: CancellationToken,
    /// `true` once the end is complete.
    pub(super) ended: watch::Sender<bool>,
    /// What the operator wrote for the ticket.
    pub(super) note: Mutex<String>,
    /// What of its evidence has left Understudy.
    pub(super) evidence: Mutex<Vec<EvidenceUse>>,
    /// When it got full access.
    pub(super) unlocks: Mutex<Vec<PastUnlock>>,
}

/// The basis of an attempt.
struct AttemptInputs {
    /// As it was when the attempt began, so that the sign-out matches the sign-in.
    connection: Arc<Connection>,
    /// What templates see; without secrets.
    context: SignInContext,
}

struct WindowSetup {
    origin: Origin,
    block: Vec<String>,
    network: Network,
    access: AccessPolicy,
}

impl RunningSession {
    pub(super) fn new(
        request: ImpersonationRequest,
        begun: Entry,
        session: Session,
        connection: Arc<Connection>,
        context: SignInContext,
    ) -> Self {
        let Connection { sign_in, network, policy, .. } = &*connection;
        let window = WindowSetup {
            origin: sign_in.origin.clone(),
            block: sign_in.block.clone(),
            network: network.clone(),
            access: policy.access.clone(),
        };
        Self {
            id: begun.session.clone(),
            request,
            begun,
            session: Mutex::new(session),
            launch_page: Mutex::new(Some(connection.sign_in.origin.clone())),
            ground: Mutex::new(AttemptInputs { connection, context }),
            released: Mutex::default(),
            window,
            gateway: OnceLock::new(),
            progress: Arc::default(),
            retry: Notify::new(),
            extended: Notify::new(),
            extending: tokio::sync::Mutex::default(),
            switching: tokio::sync::Mutex::default(),
            recording: tokio::sync::Mutex::default(),
            stop: CancellationToken::new(),
            ended: watch::Sender::new(false),
            note: Mutex::default(),
            evidence: Mutex::default(),
            unlocks: Mutex::default(),
        }
    }

    pub(super) fn lock_session(&self) -> MutexGuard<'_, Session> {
        self.session.lock()
    }

    pub(super) fn view(&self) -> SessionView {
        self.lock_session().view().clone()
    }

    /// The connection as it was when the last attempt began.
    pub(super) fn connection(&self) -> Arc<Connection> {
        Arc::clone(&self.lock_inputs().connection)
    }

    /// What templates see; without secrets.
    pub(super) fn context(&self) -> SignInContext {
        self.lock_inputs().context.clone()
    }

    /// Sets the connection and context of the next attempt.
    pub(super) fn stand_on(&self, connection: Arc<Connection>, context: SignInContext) {
        *self.lock_inputs() = AttemptInputs { connection, context };
    }

    /// Keeps those secrets from `context` that the sign-out's steps will need. By then, the vault may be locked or hold
    /// values for another destination; these were released for this one.
    pub(super) fn keep_sign_out_secrets(&self, context: &SignInContext) {
        let names = self.connection().sign_out_secrets();
        let secret = |name: String| {
            let value = context.secret(&name)?.clone();
            Some((name, value))
        };
        *self.released.lock() = names.into_iter().filter_map(secret).collect();
    }

    /// One of those secrets.
    pub(super) fn sign_out_secret(&self, name: &str) -> Option<SecretString> {
        self.released.lock().get(name).cloned()
    }

    fn lock_inputs(&self) -> MutexGuard<'_, AttemptInputs> {
        self.ground.lock()
    }

    /// Gives the session its gateway; once.
    pub(super) fn attach_gateway(&self, gateway: SessionGateway) {
        self.gateway.get_or_init(|| Arc::new(gateway));
    }

    /// What the launch page shows during an attempt.
    pub(super) fn busy_view(&self) -> LaunchView {
        let view = self.view();
        LaunchView::Busy {
            title: format!("Signing in as {}", view.user.display_name()),
            subtitle: format!(
                "{} {}",
                sanitize::sanitize_line(&view.connection_name, 60),
                view.environment.as_str()
            ),
        }
    }

    /// The session's gateway; `None` until its window is about to open.
    pub(super) fn gateway(&self) -> Option<&Arc<SessionGateway>> {
        self.gateway.get()
    }

    /// The gateway of a session whose window has been opened.
    pub(super) fn opened_gateway(&self) -> Result<&Arc<SessionGateway>> {
        self.gateway().ok_or_else(|| Error::new(Code::SessionUnknown, "This session window is closed."))
    }

    /// What drives its sign-in, and its sign-out, with the connection as the last attempt had it. Fails before the window
    /// is about to open.
    pub(super) fn driver(&self, clock: &Clock) -> Result<SignInDriver> {
        let session = self.id.clone();
        Ok(SignInDriver {
            connection: self.connection(),
            gateway: Arc::clone(self.opened_gateway()?),
            progress: Arc::clone(&self.progress),
            clock: clock.clone(),
            stop: self.stop.clone(),
            observer: Arc::new(move |exchange| {
                tracing::debug!(%session, "{}: {:?}", exchange.title, exchange.status);
            }),
            operator_email: self.request.operator.operator_email.clone(),
            run: DriverRun::default(),
        })
    }

    pub(super) async fn close_gateway(&self) {
        if let Some(gateway) = self.gateway() {
            gateway.close().await;
        }
    }

    /// The origin of the launch page that the window opens with.
    pub(super) fn first_origin(&self) -> &Origin {
        &self.window.origin
    }

    /// Whether this window can continue with the current connection: it cannot change what it was opened with.
    pub(super) fn can_go_on(&self, now: &Connection) -> Result<()> {
        let WindowSetup { origin, block, network, access } = &self.window;
        // Blocked paths belong to the origin.
        let blocks_the_same =
            *block == now.sign_in.block && (block.is_empty() || *origin == now.sign_in.origin);
        let changed = |what: &str| {
            let message =
                format!("The connection has changed in a way that an open window cannot follow: {what}.");
            Err(Error::new(Code::ConnectionInvalid, message)
                .with_hint("Close this window and sign in again."))
        };
        let is_same_way = network.proxy == now.network.proxy && network.ca == now.network.ca;
        if !is_same_way || !blocks_the_same {
            return changed("the proxy, the certificate authority or the blocked paths");
        }
        let then = self.connection();
        let (before, after) = (&then.file.directory, &now.file.directory);
        // In another table, the same ID belongs to someone else, and this window names the user it was opened for.
        if (&before.url, &before.table, &before.id, &before.ssh)
            != (&after.url, &after.table, &after.id, &after.ssh)
            || then.file.environment != now.file.environment
        {
            return changed("where its users are, or their environment");
        }
        if *access != now.policy.access {
            return changed("what its sessions may do");
        }
        Ok(())
    }

    /// The origin of the launch page in the window; `None` while the window shows the application.
    pub(super) fn launch_page(&self) -> MutexGuard<'_, Option<Origin>> {
        self.launch_page.lock()
    }
}

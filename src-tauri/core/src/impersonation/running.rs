//! One session that runs: what was asked for, where it stands, and what may happen to it meanwhile.

use parking_lot::{Mutex, MutexGuard};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use secrecy::SecretString;
use serde_json::Value;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use url::{Origin, Url};

use super::ImpersonationRequest;
use crate::audit::Entry;
use crate::browser::{Gateway, Opening, Unanswered};
use crate::connection::{Connection, GATEWAY_PASSWORD};
use crate::error::{Code, Error, Result};
use crate::session::{Session, SessionView};
use crate::sign_in::Client;

pub(super) struct Running {
    pub(super) id: String,
    pub(super) request: ImpersonationRequest,
    /// The audit log's first entry of this session, which the later ones repeat.
    pub(super) begun: Entry,
    session: Mutex<Session>,
    ground: Mutex<Ground>,
    /// Secrets that the sign-out needs, as the last attempt got them.
    released: Mutex<HashMap<String, SecretString>>,
    /// What its window was opened with, which it keeps.
    window: Window,
    /// The console's own way to the application, with what it got there; new at each attempt. Whoever takes
    /// its steps holds it, so that a sign-out waits for the one that is under way.
    pub(super) client: Arc<tokio::sync::Mutex<Option<Client>>>,
    /// Held while the window's sign-in is out.
    pub(super) sending: Arc<tokio::sync::Mutex<()>>,
    /// A sign-in left and was never answered: the application may still finish it.
    unanswered: AtomicBool,
    /// The window was given what the console's steps got for it.
    has_cookies: AtomicBool,
    /// Something was accepted, or may have been: the application may hold what has to be ended.
    has_begun: AtomicBool,
    /// The origin of the launch page that the window shows; `None` while it shows the application.
    launch_page: Mutex<Option<Origin>>,
    pub(super) retry: Notify,
    /// The deadline has moved.
    pub(super) extended: Notify,
    /// Held while it is: two quick clicks are one.
    pub(super) extending: tokio::sync::Mutex<()>,
    pub(super) stop: CancellationToken,
    /// `true` once the end is complete.
    pub(super) ended: watch::Sender<bool>,
}

/// The basis of an attempt.
struct Ground {
    /// As it was when the attempt began: what signed in signs out.
    connection: Arc<Connection>,
    /// What templates see; without secrets.
    context: Value,
}

struct Window {
    origin: Origin,
    block: Vec<String>,
    proxy: Option<Url>,
}

impl Running {
    pub(super) fn new(
        request: ImpersonationRequest,
        begun: Entry,
        session: Session,
        connection: Arc<Connection>,
        context: Value,
    ) -> Self {
        let Connection { sign_in, network, .. } = &*connection;
        let window = Window {
            origin: sign_in.origin.clone(),
            block: sign_in.block.clone(),
            proxy: network.proxy.clone(),
        };
        Self {
            id: begun.session.clone(),
            request,
            begun,
            session: Mutex::new(session),
            launch_page: Mutex::new(Some(connection.sign_in.origin.clone())),
            ground: Mutex::new(Ground { connection, context }),
            released: Mutex::default(),
            window,
            client: Arc::default(),
            sending: Arc::default(),
            unanswered: AtomicBool::new(false),
            has_cookies: AtomicBool::new(false),
            has_begun: AtomicBool::new(false),
            retry: Notify::new(),
            extended: Notify::new(),
            extending: tokio::sync::Mutex::default(),
            stop: CancellationToken::new(),
            ended: watch::Sender::new(false),
        }
    }

    pub(super) fn session(&self) -> MutexGuard<'_, Session> {
        self.session.lock()
    }

    pub(super) fn view(&self) -> SessionView {
        self.session().view().clone()
    }

    /// As it was when the last attempt began.
    pub(super) fn connection(&self) -> Arc<Connection> {
        Arc::clone(&self.ground().connection)
    }

    /// What templates see; without secrets.
    pub(super) fn context(&self) -> Value {
        self.ground().context.clone()
    }

    /// Sets the connection and context of the next attempt.
    pub(super) fn stand_on(&self, connection: Arc<Connection>, context: Value) {
        *self.ground() = Ground { connection, context };
    }

    /// Keeps what the sign-out will need of an attempt's secrets, which stand in `context`: those of its steps, and the
    /// gateway's. The vault may be locked by then, or hold them for another place: these were given for this one.
    pub(super) fn release(&self, context: &Value) {
        let mut names = self.connection().sign_out_secrets();
        names.push(GATEWAY_PASSWORD.to_owned());
        let secret = |name: String| {
            let value = context["secret"][&name].as_str()?.to_owned();
            Some((name, SecretString::from(value)))
        };
        *self.released.lock() = names.into_iter().filter_map(secret).collect();
    }

    /// One of those secrets.
    pub(super) fn released(&self, name: &str) -> Option<SecretString> {
        self.released.lock().get(name).cloned()
    }

    /// What the gateway in front of the application was told by the last attempt.
    pub(super) fn gateway(&self) -> Option<Gateway> {
        self.connection().gateway_with(self.released(GATEWAY_PASSWORD)?)
    }

    fn ground(&self) -> MutexGuard<'_, Ground> {
        self.ground.lock()
    }

    pub(super) fn opening(&self) -> Opening<'_> {
        let Window { origin, block, proxy } = &self.window;
        Opening { origin, block, proxy: proxy.as_ref() }
    }

    /// Whether the window can go on with the connection as it is now: what it was opened with cannot be changed.
    pub(super) fn can_go_on(&self, now: &Connection) -> Result<()> {
        let Window { origin, block, proxy } = &self.window;
        // The paths that are blocked are those of the origin.
        let blocks_the_same =
            *block == now.sign_in.block && (block.is_empty() || *origin == now.sign_in.origin);
        let changed = |what: &str| {
            let message =
                format!("The connection has changed in a way that an open window cannot follow: {what}.");
            Err(Error::new(Code::ConnectionInvalid, message).hint("Close this window and sign in again."))
        };
        if *proxy != now.network.proxy || !blocks_the_same {
            return changed("the proxy or the blocked paths");
        }
        let then = self.connection();
        let (before, after) = (&then.file.directory, &now.file.directory);
        // Elsewhere the same ID belongs to somebody else, and this window names the user it was opened for.
        if (&before.url, &before.table, &before.id, &before.ssh)
            != (&after.url, &after.table, &after.id, &after.ssh)
            || then.file.environment != now.file.environment
        {
            return changed("where its users are, or their environment");
        }
        Ok(())
    }

    pub(super) fn is_sent(&self) {
        self.unanswered.store(true, Ordering::SeqCst);
    }

    pub(super) fn begins(&self) {
        self.has_begun.store(true, Ordering::SeqCst);
    }

    /// Whether the window did something that the application may hold a session for.
    pub(super) fn has_begun(&self) -> bool {
        self.has_begun.load(Ordering::SeqCst)
    }

    /// What became of the sign-in that left: what was never answered, the application may have done, or still do.
    pub(super) fn heard(&self, unanswered: Option<&Unanswered>) {
        if !unanswered.is_some_and(Unanswered::may_have_acted) {
            self.unanswered.store(false, Ordering::SeqCst);
        }
    }

    /// The window has, or has not yet, what this attempt's steps got for it.
    pub(super) fn set_has_cookies(&self, has: bool) {
        self.has_cookies.store(has, Ordering::SeqCst);
    }

    pub(super) fn has_cookies(&self) -> bool {
        self.has_cookies.load(Ordering::SeqCst)
    }

    /// A sign-in left and was never answered.
    pub(super) fn is_unanswered(&self) -> bool {
        self.unanswered.load(Ordering::SeqCst)
    }

    /// The origin of the launch page that the window shows; `None` while it shows the application.
    pub(super) fn launch_page(&self) -> MutexGuard<'_, Option<Origin>> {
        self.launch_page.lock()
    }
}

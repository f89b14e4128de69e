//! A local relay between a database driver and its server.
//!
//! The drivers for PostgreSQL and MySQL decide by themselves whom TLS trusts and which server gets to see a password,
//! and report little about it. So they talk unencrypted to a socket that only this account can enter. The relay
//! encrypts the connection, verifies the certificate (`tls`) and reads each login (`postgres`, `mysql`): a password is
//! never sent to an unverified server, and an unsupported authentication method is reported by name. After the login,
//! it only copies bytes.

mod conversation;
mod mysql;
mod postgres;
mod route;
pub(crate) mod service_detection;

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio_util::task::TaskTracker;

use crate::error::{DirectoryCode, DirectoryError, Result};
use crate::reach::tunnel::TunnelEndpoint;
use crate::reach::tunnel_folder::TunnelFolder;

pub(crate) use route::{Address, Login, Route};

/// Rows arrive in large chunks, queries are small.
const QUESTIONS: usize = 8 << 10;
const ANSWERS: usize = 64 << 10;

/// A server closes its side as soon as the client does.
const GOODBYE: Duration = Duration::from_secs(1);

/// A server that is alive sends something within this time, however busy it is.
const PULSE: Duration = Duration::from_secs(2);

/// How far a connection has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ConnectStage {
    Calling,
    /// It was accepted, but the server has not sent anything yet.
    Reached,
    Answering,
}

/// How well a connection protects what is sent on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Privacy {
    Open,
    /// Encrypted, but the server is not verified.
    Encrypted,
    /// Encrypted, and the server is verified.
    Certain,
}

/// What the server asked for during the login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LoginFacts {
    pub(crate) privacy: Privacy,
    /// It asked for a clear-text password, which is checked elsewhere: by LDAP, RADIUS, PAM or a cloud.
    pub(crate) clear: bool,
    /// It asked for any authentication at all.
    pub(crate) asked: bool,
}

/// A relay to one server. Dropping it stops new connections; existing ones continue.
pub(crate) struct Wire {
    entrance: TunnelEndpoint,
    route: Arc<Route>,
    seen: Arc<SeenHandshake>,
    listening: AbortHandle,
    _folder: TunnelFolder,
}

struct SeenHandshake {
    stage: watch::Sender<ConnectStage>,
    facts: Mutex<LoginFacts>,
    /// The last error in a login that occurred here, not in the driver.
    trouble: Mutex<Option<DirectoryError>>,
    connections: TaskTracker,
}

/// Names the socket in the folder; PostgreSQL's driver derives the name from a port.
pub(crate) const PORT: u16 = 5432;

#[cfg(unix)]
pub(crate) const SOCKET: &str = ".s.PGSQL.5432";

impl Wire {
    /// Starts the relay without connecting to the server. A login may take as long as `limit`.
    pub(crate) async fn start_listening(route: Route, limit: Duration) -> Result<Arc<Self>> {
        let folder = TunnelFolder::new()?;
        let (listener, entrance) = bind_listener(&folder).await?;
        let facts = LoginFacts { privacy: Privacy::Open, clear: false, asked: false };
        let seen = Arc::new(SeenHandshake {
            stage: watch::Sender::new(ConnectStage::Calling),
            facts: Mutex::new(facts),
            trouble: Mutex::default(),
            connections: TaskTracker::new(),
        });
        let route = Arc::new(route);
        let (way, noticed) = (Arc::clone(&route), Arc::clone(&seen));
        let listening = tokio::spawn(async move {
            while let Ok((driver, _)) = listener.accept().await {
                let carrying = relay_connection(driver, Arc::clone(&way), Arc::clone(&noticed), limit);
                noticed.connections.spawn(carrying);
            }
        });
        Ok(Arc::new(Self { entrance, route, seen, listening: listening.abort_handle(), _folder: folder }))
    }

    /// Waits briefly until the connections that the driver closed are also closed on the server's side.
    pub(crate) async fn shut_down(&self) {
        self.listening.abort();
        self.seen.connections.close();
        let _ = tokio::time::timeout(GOODBYE, self.seen.connections.wait()).await;
    }

    /// Where the driver has to connect to.
    pub(crate) fn local_endpoint(&self) -> &TunnelEndpoint {
        &self.entrance
    }

    /// Watches how far connections get.
    pub(crate) fn watch_stage(&self) -> watch::Receiver<ConnectStage> {
        self.seen.stage.subscribe()
    }

    pub(crate) fn login_facts(&self) -> LoginFacts {
        *self.seen.facts.lock()
    }

    /// Whether the server sends anything on a new connection without a login. A server that is merely busy does.
    pub(crate) async fn has_pulse(&self) -> bool {
        tokio::time::timeout(PULSE, self.route.probe_for_reply())
            .await
            .is_ok_and(|said| said.unwrap_or(false))
    }

    /// Returns when the silent peer turns out to be another program, and records that as the error. Otherwise waits
    /// forever.
    pub(crate) async fn wait_for_other_service(&self) {
        if *self.seen.stage.borrow() == ConnectStage::Reached
            && let Some(error) = self.route.detect_other_service().await
        {
            self.seen.advance_to(ConnectStage::Answering);
            self.seen.record_error(error);
        } else {
            std::future::pending::<()>().await;
        }
    }

    /// Why the login failed, if it failed here.
    pub(crate) fn login_error(&self) -> Option<DirectoryError> {
        self.seen.trouble.lock().clone()
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

impl SeenHandshake {
    fn advance_to(&self, stage: ConnectStage) {
        self.stage.send_if_modified(|now| {
            let further = *now < stage;
            *now = (*now).max(stage);
            further
        });
    }

    fn record_error(&self, error: DirectoryError) {
        *self.trouble.lock() = Some(error);
    }

    fn update_facts(&self, change: impl FnOnce(&mut LoginFacts)) {
        change(&mut self.facts.lock());
    }
}

#[cfg(unix)]
#[allow(clippy::unused_async, reason = "it waits on other systems")]
async fn bind_listener(folder: &TunnelFolder) -> Result<(tokio::net::UnixListener, TunnelEndpoint)> {
    let socket = folder.path().join(SOCKET);
    let listener = tokio::net::UnixListener::bind(&socket);
    let listener =
        listener.map_err(|cause| DirectoryError::from_io("make a socket in", folder.path(), &cause))?;
    Ok((listener, TunnelEndpoint::Socket(folder.path().to_owned())))
}

/// Listens on loopback. Another program that connects to it only gets as far as the server's login.
#[cfg(not(unix))]
async fn bind_listener(_: &TunnelFolder) -> Result<(tokio::net::TcpListener, TunnelEndpoint)> {
    let bound = async {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
        let port = listener.local_addr()?.port();
        Ok((listener, TunnelEndpoint::Port(port)))
    };
    bound.await.map_err(|cause: std::io::Error| {
        DirectoryError::internal(format!("no port on this computer is free: {cause}"))
    })
}

/// A connection in either direction.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

type Server = Box<dyn Stream>;

async fn relay_connection(
    mut driver: impl Stream,
    route: Arc<Route>,
    seen: Arc<SeenHandshake>,
    limit: Duration,
) {
    match tokio::time::timeout(limit, route.connect_and_log_in(&mut driver, &seen)).await {
        Ok(Ok(mut server)) => {
            // The driver sees how it ends.
            let _ =
                tokio::io::copy_bidirectional_with_sizes(&mut driver, &mut server, QUESTIONS, ANSWERS).await;
        }
        Ok(Err(error)) => {
            // A peer that hangs up without sending anything may be another program that did not understand.
            let is_speechless = *seen.stage.borrow() == ConnectStage::Reached;
            let stranger = if is_speechless && error.code == DirectoryCode::Unreachable {
                route.detect_other_service().await
            } else {
                None
            };
            if stranger.is_some() {
                seen.advance_to(ConnectStage::Answering);
            }
            seen.record_error(stranger.unwrap_or(error));
        }
        // The caller has long given up.
        Err(_) => {}
    }
}

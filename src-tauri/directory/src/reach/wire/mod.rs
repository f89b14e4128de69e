//! A local relay between a database driver and its server.
//!
//! The drivers for PostgreSQL and MySQL decide by themselves whom TLS trusts and which server gets to see a password,
//! and report little about it. So they talk unencrypted to a socket that only this account can enter. The relay
//! encrypts the connection, verifies the certificate (`tls`) and reads each login (`postgres`, `mysql`): a password is
//! never sent to an unverified server, and an unsupported authentication method is reported by name. After the login,
//! it only copies bytes.

mod mysql;
mod postgres;
pub(crate) mod service_detection;

use parking_lot::Mutex;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio_rustls::TlsConnector;
use tokio_util::task::TaskTracker;

use crate::error::{DirectoryCode, DirectoryError, Result};
use crate::reach::no_answer;
use crate::reach::tls;
use crate::reach::tls::{TlsMode, TlsOptions, Trust};
use crate::reach::tunnel::TunnelEndpoint;
use crate::reach::tunnel_folder::TunnelFolder;
use crate::reach::wire::service_detection::{DetectedService, ExpectedServer};

/// Rows arrive in large chunks, queries are small.
const QUESTIONS: usize = 8 << 10;
const ANSWERS: usize = 64 << 10;
/// A server closes its side as soon as the client does.
const GOODBYE: Duration = Duration::from_secs(1);
/// A server that is alive sends something within this time, however busy it is.
const PULSE: Duration = Duration::from_secs(2);

/// A server's address, and what is required before a password is sent to it.
pub(crate) struct Route {
    pub(crate) address: Address,
    /// The host name that the certificate must be for.
    pub(crate) host: String,
    /// For display: `The database at db.acme.com:5432`.
    pub(crate) place: String,
    pub(crate) trust: Trust,
    pub(crate) options: &'static TlsOptions,
    pub(crate) login: Login,
}

pub(crate) enum Address {
    Tcp(String, u16),
    /// The server's own socket, so no one is in between.
    #[cfg(unix)]
    Socket(std::path::PathBuf),
    /// The local end of a tunnel to a server elsewhere, with the name of the socket in it.
    #[cfg_attr(not(unix), allow(dead_code, reason = "a port has no name"))]
    Tunnel(TunnelEndpoint, String),
}

impl Address {
    async fn open_stream(&self) -> std::io::Result<Server> {
        Ok(match self {
            Self::Tcp(host, port) => {
                let stream = TcpStream::connect((host.as_str(), *port)).await?;
                stream.set_nodelay(true)?;
                Box::new(stream)
            }
            #[cfg(unix)]
            Self::Socket(path) => Box::new(tokio::net::UnixStream::connect(path).await?),
            #[cfg(unix)]
            Self::Tunnel(TunnelEndpoint::Socket(folder), name) => {
                Box::new(tokio::net::UnixStream::connect(folder.join(name)).await?)
            }
            #[cfg(not(unix))]
            Self::Tunnel(TunnelEndpoint::Port(port), _) => {
                Box::new(TcpStream::connect(("127.0.0.1", *port)).await?)
            }
        })
    }
}

/// The engine's login protocol.
pub(crate) enum Login {
    /// The URL's `options`. The driver would send those from the environment.
    Postgres {
        options: Option<String>,
    },
    MySql,
}

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

impl Route {
    /// Connects to the server and runs the login. Returns once the server has let the driver in or refused it.
    async fn connect_and_log_in(&self, driver: &mut impl Stream, seen: &SeenHandshake) -> Result<Server> {
        let server = self.address.open_stream().await.map_err(|cause| self.connection_error(&cause))?;
        seen.advance_to(ConnectStage::Reached);
        let mut conversation = Conversation { route: self, seen, driver };
        match &self.login {
            Login::Postgres { options } => {
                postgres::log_in(&mut conversation, server, options.as_deref()).await
            }
            Login::MySql => mysql::log_in(&mut conversation, server).await,
        }
    }

    fn expected_server(&self) -> &'static ExpectedServer {
        match self.login {
            Login::Postgres { .. } => &service_detection::POSTGRES,
            Login::MySql => &service_detection::MYSQL,
        }
    }

    /// The error if another program is running there instead of the expected server.
    async fn detect_other_service(&self) -> Option<DirectoryError> {
        let stranger = DetectedService::detect_at(&self.address).await?;
        (stranger != self.expected_server().is).then(|| self.other_service_error(stranger))
    }

    fn other_service_error(&self, stranger: DetectedService) -> DirectoryError {
        stranger.to_error_at(&self.place, self.expected_server())
    }

    /// Whether the server sends anything.
    async fn probe_for_reply(&self) -> std::io::Result<bool> {
        let mut server = self.address.open_stream().await?;
        // MySQL's server speaks first.
        if matches!(self.login, Login::Postgres { .. }) {
            server.write_all(&postgres::TLS_PLEASE).await?;
            server.flush().await?;
        }
        Ok(server.read(&mut [0]).await? > 0)
    }

    /// Whether the server is on this computer, so that no one is in between.
    #[cfg(unix)]
    fn is_local_socket(&self) -> bool {
        matches!(self.address, Address::Socket(_))
    }

    #[cfg(not(unix))]
    #[allow(clippy::unused_self, reason = "it is needed on other systems")]
    fn is_local_socket(&self) -> bool {
        false
    }

    fn connection_error(&self, cause: &std::io::Error) -> DirectoryError {
        if cause.kind() == std::io::ErrorKind::InvalidData {
            return self.options.handshake_error(&self.place, cause);
        }
        no_answer::from_io(&self.place, cause)
    }

    fn missing_tls_error(&self) -> DirectoryError {
        self.options.handshake_error(&self.place, &std::io::Error::other("the server does not support TLS"))
    }
}

/// A login in progress.
struct Conversation<'a, D> {
    route: &'a Route,
    seen: &'a SeenHandshake,
    driver: &'a mut D,
}

impl<D: Stream> Conversation<'_, D> {
    /// Encrypts the connection to the server.
    async fn encrypt_stream(&mut self, server: Server) -> Result<Server> {
        let name = ServerName::try_from(self.route.host.clone())
            .map_err(|cause| self.route.options.handshake_error(&self.route.place, &cause))?;
        let trust = &self.route.trust;
        let connecting = TlsConnector::from(Arc::clone(&trust.config)).connect(name, server);
        let encrypted = match connecting.await {
            Ok(encrypted) => encrypted,
            Err(cause) => {
                // If the peer does not speak TLS, it may be another program.
                let stranger =
                    if tls::is_not_tls(&cause) { self.route.detect_other_service().await } else { None };
                return Err(stranger.unwrap_or_else(|| self.connection_error(&cause)));
            }
        };
        let privacy = if trust.is_certain { Privacy::Certain } else { Privacy::Encrypted };
        self.seen.update_facts(|facts| facts.privacy = privacy);
        Ok(Box::new(encrypted))
    }

    fn wants_tls(&self) -> bool {
        self.route.trust.demand > TlsMode::Nothing
    }

    fn needs_tls(&self) -> bool {
        self.route.trust.demand > TlsMode::IfOffered
    }

    /// Whether a secret may be sent as plain text.
    fn is_certain(&self) -> bool {
        self.route.is_local_socket() || self.privacy() == Privacy::Certain
    }

    fn privacy(&self) -> Privacy {
        self.seen.facts.lock().privacy
    }

    /// Why a secret may not be sent, as the end of a sentence.
    fn describe_risk(&self) -> &'static str {
        match self.privacy() {
            Privacy::Open => "the connection is not encrypted",
            _ => "the server's identity is not verified",
        }
    }

    fn connection_error(&self, cause: &std::io::Error) -> DirectoryError {
        self.route.connection_error(cause)
    }

    async fn send_to_server(&self, server: &mut Server, bytes: &[u8]) -> Result<()> {
        let sent = async {
            server.write_all(bytes).await?;
            server.flush().await
        };
        sent.await.map_err(|cause| self.connection_error(&cause))
    }

    async fn send_to_driver(&mut self, bytes: &[u8]) -> Result<()> {
        self.driver.write_all(bytes).await.map_err(|_| driver_gone_error())
    }
}

/// The driver hung up, so this error is never shown.
fn driver_gone_error() -> DirectoryError {
    DirectoryError::internal("the database's driver hung up")
}

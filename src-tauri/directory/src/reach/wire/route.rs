//! The way to one server: its address, its login, and what else may run there.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::conversation::Conversation;
use super::{ConnectStage, SeenHandshake, Server, Stream, mysql, postgres};
use crate::error::{DirectoryError, Result};
use crate::reach::no_answer;
use crate::reach::tls::{TlsOptions, Trust};
use crate::reach::tunnel::TunnelEndpoint;
use crate::reach::wire::service_detection::{self, DetectedService, ExpectedServer};

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
    pub(super) async fn open_stream(&self) -> std::io::Result<Server> {
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

impl Route {
    /// Connects to the server and runs the login. Returns once the server has let the driver in or refused it.
    pub(super) async fn connect_and_log_in(
        &self,
        driver: &mut impl Stream,
        seen: &SeenHandshake,
    ) -> Result<Server> {
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
    pub(super) async fn detect_other_service(&self) -> Option<DirectoryError> {
        let stranger = DetectedService::detect_at(&self.address).await?;
        (stranger != self.expected_server().is).then(|| self.other_service_error(stranger))
    }

    pub(super) fn other_service_error(&self, stranger: DetectedService) -> DirectoryError {
        stranger.to_error_at(&self.place, self.expected_server())
    }

    /// Whether the server sends anything.
    pub(super) async fn probe_for_reply(&self) -> std::io::Result<bool> {
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
    pub(super) fn is_local_socket(&self) -> bool {
        matches!(self.address, Address::Socket(_))
    }

    #[cfg(not(unix))]
    #[allow(clippy::unused_self, reason = "it is needed on other systems")]
    pub(super) fn is_local_socket(&self) -> bool {
        false
    }

    pub(super) fn connection_error(&self, cause: &std::io::Error) -> DirectoryError {
        if cause.kind() == std::io::ErrorKind::InvalidData {
            return self.options.handshake_error(&self.place, cause);
        }
        no_answer::from_io(&self.place, cause)
    }

    pub(super) fn missing_tls_error(&self) -> DirectoryError {
        self.options.handshake_error(&self.place, &std::io::Error::other("the server does not support TLS"))
    }
}

//! A login in progress, between the driver and the server.

use std::sync::Arc;

use rustls::pki_types::ServerName;
use tokio::io::AsyncWriteExt;
use tokio_rustls::TlsConnector;

use super::route::Route;
use super::{Privacy, SeenHandshake, Server, Stream};
use crate::error::{DirectoryError, Result};
use crate::reach::tls;
use crate::reach::tls::TlsMode;

/// A login in progress.
pub(super) struct Conversation<'a, D> {
    pub(super) route: &'a Route,
    pub(super) seen: &'a SeenHandshake,
    pub(super) driver: &'a mut D,
}

impl<D: Stream> Conversation<'_, D> {
    /// Encrypts the connection to the server.
    pub(super) async fn encrypt_stream(&mut self, server: Server) -> Result<Server> {
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

    pub(super) fn wants_tls(&self) -> bool {
        self.route.trust.demand > TlsMode::Nothing
    }

    pub(super) fn needs_tls(&self) -> bool {
        self.route.trust.demand > TlsMode::IfOffered
    }

    /// Whether a secret may be sent as plain text.
    pub(super) fn is_certain(&self) -> bool {
        self.route.is_local_socket() || self.privacy() == Privacy::Certain
    }

    pub(super) fn privacy(&self) -> Privacy {
        self.seen.facts.lock().privacy
    }

    /// Why a secret may not be sent, as the end of a sentence.
    pub(super) fn describe_risk(&self) -> &'static str {
        match self.privacy() {
            Privacy::Open => "the connection is not encrypted",
            _ => "the server's identity is not verified",
        }
    }

    pub(super) fn connection_error(&self, cause: &std::io::Error) -> DirectoryError {
        self.route.connection_error(cause)
    }

    pub(super) async fn send_to_server(&self, server: &mut Server, bytes: &[u8]) -> Result<()> {
        let sent = async {
            server.write_all(bytes).await?;
            server.flush().await
        };
        sent.await.map_err(|cause| self.connection_error(&cause))
    }

    pub(super) async fn send_to_driver(&mut self, bytes: &[u8]) -> Result<()> {
        self.driver.write_all(bytes).await.map_err(|_| driver_gone_error())
    }
}

/// The driver hung up, so this error is never shown.
pub(super) fn driver_gone_error() -> DirectoryError {
    DirectoryError::internal("the database's driver hung up")
}

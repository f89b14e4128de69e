//! How a directory's server is reached: its hosts, its password, and the tunnel to it.
//!
//! Shared by all engines with a server. Each engine's own `connect` turns it into options for its driver.

mod connecting;
mod password;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use tokio::sync::Mutex;

use crate::config::DirectoryConfig;
use crate::engine::Engine;
use crate::error::{DirectoryCode, DirectoryError, Result};
use crate::reach::hosts::{Hosts, TargetServer};
use crate::reach::password_source::PasswordSource;
use crate::reach::tunnel::{Tunnel, TunnelEndpoint, TunnelTarget};
use crate::reach::wake_up::WakeListener;

pub(crate) use connecting::{ASLEEP, ConnectObservations};
pub(crate) use password::Password;

/// The time limit for connecting, and for everything else that is quick on a working network.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Not `Debug`: it holds the password.
pub(crate) struct Endpoint {
    /// One per server, in the order of the URL; each has a URL with only that host.
    hosts: Vec<DirectoryConfig>,
    wanted: TargetServer,
    /// Gives the stored password, which is used until a server refuses it. It also refuses if the operator has not
    /// allowed programs to run.
    passwords: Arc<dyn PasswordSource>,
    /// The command that prints the password, which expires.
    command: Option<Vec<String>>,
    /// How long a server may take to wake up.
    patience: Duration,
    /// Notified while a server wakes up.
    listener: WakeListener,
    /// The password that the source gave last.
    last: Mutex<Option<Password>>,
    has_password: AtomicBool,
    tunnel: Option<Tunnel>,
}

impl Endpoint {
    /// Creates the endpoint without connecting. If the configuration has a password command, it overrides `passwords`.
    pub(crate) fn new(config: &DirectoryConfig, passwords: &Arc<dyn PasswordSource>) -> Result<Arc<Self>> {
        let named = Hosts::from_url(&config.url);
        let tunnel = match &config.ssh {
            Some(ssh) => {
                Some(Tunnel::with_forwards(ssh, named.urls.iter().map(|url| parse_target(url)).collect())?)
            }
            None => None,
        };
        let hosts = named.urls.into_iter().map(|url| DirectoryConfig { url, ..config.clone() }).collect();
        Ok(Self::with_hosts(config, hosts, named.wanted, passwords, tunnel))
    }

    /// The same for a driver that resolves the servers itself and connects through SOCKS.
    pub(crate) fn to_any(config: &DirectoryConfig, passwords: &Arc<dyn PasswordSource>) -> Result<Arc<Self>> {
        let tunnel = config.ssh.as_ref().map(Tunnel::with_socks).transpose()?;
        Ok(Self::with_hosts(config, vec![config.clone()], None, passwords, tunnel))
    }

    fn with_hosts(
        config: &DirectoryConfig,
        hosts: Vec<DirectoryConfig>,
        wanted: Option<TargetServer>,
        passwords: &Arc<dyn PasswordSource>,
        tunnel: Option<Tunnel>,
    ) -> Arc<Self> {
        let (passwords, command) = (Arc::clone(passwords), config.password_command.clone());
        let wanted = wanted.unwrap_or(TargetServer::Any);
        let (last, has_password) = (Mutex::default(), AtomicBool::new(false));
        let (patience, listener) = (config.patience(), WakeListener::of_current_task());
        Arc::new(Self { hosts, wanted, passwords, command, patience, listener, last, has_password, tunnel })
    }

    /// Waits until the tunnel is up, if there is one.
    pub(crate) async fn ensure_tunnel(&self) -> Result<()> {
        match &self.tunnel {
            Some(tunnel) => tunnel.ensure_running().await,
            None => Ok(()),
        }
    }

    /// Waits until the tunnel breaks; without a tunnel, forever.
    pub(crate) async fn wait_until_broken(&self) {
        match &self.tunnel {
            Some(tunnel) => tunnel.wait_until_broken().await,
            None => std::future::pending().await,
        }
    }

    /// The local end of the tunnel to a server; `None` if there is no tunnel.
    pub(crate) fn tunnel_endpoint(&self, at: usize) -> Option<TunnelEndpoint> {
        self.tunnel.as_ref()?.tunnel_endpoint(at)
    }

    pub(crate) fn socks_port(&self) -> Option<u16> {
        self.tunnel.as_ref()?.socks_port()
    }

    /// Adds the tunnel's own explanation to an error. `true`: the tunnel itself may have been broken and was closed, so
    /// it is worth retrying with a new one.
    pub(crate) async fn explain_unreachable(&self, mut error: DirectoryError) -> (DirectoryError, bool) {
        let Some(tunnel) = self.tunnel.as_ref().filter(|_| error.code == DirectoryCode::Unreachable) else {
            return (error, false);
        };
        let Some(complaint) = tunnel.next_complaint().await else {
            tunnel.give_up().await;
            return (error, true);
        };
        error.message = format!("{}\nSeen from {}: {complaint}.", error.message, tunnel.host());
        error.hint = Some(format!(
            "Check that the host and port in directory.url are as {} sees them, and that its sshd allows forwarding.",
            tunnel.host()
        ));
        (error, false)
    }

    /// One per server in the URL.
    pub(crate) fn hosts(&self) -> &[DirectoryConfig] {
        &self.hosts
    }

    /// Whether it matters which server is the primary and which is a replica.
    pub(crate) fn is_choosy(&self) -> bool {
        self.wanted != TargetServer::Any
    }
}

/// The host and port of a URL, for a tunnel to connect to.
pub(crate) fn parse_target(url: &str) -> TunnelTarget {
    let default = Engine::of_url(url).and_then(Engine::default_port).unwrap_or(3306);
    let Ok(url) = url::Url::parse(url) else {
        return TunnelTarget { host: "localhost".to_owned(), port: default };
    };
    let said =
        |keys: &[&str]| url.query_pairs().find(|(key, _)| keys.contains(&key.as_ref())).map(|(_, said)| said);
    let host = said(&["hostaddr"]).or_else(|| said(&["host"]));
    let host = host.as_deref().or(url.host_str()).filter(|host| !host.is_empty()).unwrap_or("localhost");
    let port = said(&["port"]).and_then(|port| port.parse().ok()).or(url.port()).unwrap_or(default);
    TunnelTarget { host: host.trim_start_matches('[').trim_end_matches(']').to_owned(), port }
}

/// Whether the host is this computer.
pub(crate) fn is_loopback(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

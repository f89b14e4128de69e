//! Tunnels to a database through another computer, using the system's own `ssh` with its agent and `~/.ssh/config`.
//!
//! Each directory has one `ssh` process, which ends with the directory and is restarted if it dies. On Unix, the local
//! end of the tunnel is a socket in a folder that only this account can enter; MongoDB's driver uses SOCKS on loopback.
//! `ssh` cannot prompt: whatever it would ask for is an error.

mod failure;
mod ssh_command;

#[cfg(unix)]
use std::path::PathBuf;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, ChildStderr};
use tokio::sync::{Mutex, watch};

use self::failure::{NO_PROGRAM, tunnel_error};
use crate::config::SshConfig;
use crate::error::{DirectoryCode, DirectoryError, Result};
use crate::reach::tunnel_folder::TunnelFolder;

/// `ssh` gives up connecting after ten seconds by itself, but may then take time to log in.
const LIMIT: Duration = Duration::from_secs(20);

/// `ssh` logs why a connection failed before the connection fails, but the scheduler may delay us reading it.
const LATE: Duration = Duration::from_millis(200);

/// Logged when the tunnel is up; `ssh -v` has printed this since its first version.
const READY: &str = "debug1: Entering interactive session";

pub(crate) struct Tunnel {
    ssh: SshConfig,
    begins: TunnelMode,
    /// Holds the sockets and the `known_hosts` file.
    folder: TunnelFolder,
    running: Mutex<Option<RunningTunnel>>,
}

enum TunnelMode {
    /// A local end for each target.
    Forwards(Vec<(TunnelEndpoint, TunnelTarget)>),
    /// A SOCKS proxy on this loopback port.
    Socks(u16),
}

/// The local end of the tunnel to one server.
#[derive(Clone)]
pub(crate) enum TunnelEndpoint {
    /// A folder that holds a socket, named as PostgreSQL names them: `.s.PGSQL.<port>`.
    #[cfg(unix)]
    Socket(PathBuf),
    /// A port on loopback.
    #[cfg(not(unix))]
    Port(u16),
}

/// A server's address as seen from the SSH host.
#[derive(Clone)]
pub(crate) struct TunnelTarget {
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl TunnelTarget {
    #[cfg(unix)]
    pub(crate) fn socket_name(&self) -> String {
        format!(".s.PGSQL.{}", self.port)
    }
}

struct RunningTunnel {
    child: Child,
    said: watch::Receiver<TunnelOutput>,
    /// How many failed connections were reported so far.
    told: usize,
}

/// What `ssh` has logged.
#[derive(Default)]
struct TunnelOutput {
    is_ready: bool,
    lines: Vec<String>,
    /// How many connections failed beyond the SSH host, and the reason for the last one.
    failed: (usize, String),
}

impl Tunnel {
    /// Creates a tunnel to these servers without starting it.
    pub(crate) fn with_forwards(ssh: &SshConfig, targets: Vec<TunnelTarget>) -> Result<Self> {
        let folder = TunnelFolder::new()?;
        let mut forwards = Vec::new();
        for (at, target) in targets.into_iter().enumerate() {
            #[cfg(unix)]
            let entrance = {
                let folder = folder.path().join(at.to_string());
                std::fs::create_dir(&folder)
                    .map_err(|cause| DirectoryError::from_io("make", &folder, &cause))?;
                TunnelEndpoint::Socket(folder)
            };
            #[cfg(not(unix))]
            let entrance = {
                let _ = at;
                TunnelEndpoint::Port(free_port()?)
            };
            forwards.push((entrance, target));
        }
        Ok(Self {
            ssh: ssh.clone(),
            begins: TunnelMode::Forwards(forwards),
            folder,
            running: Mutex::default(),
        })
    }

    /// Creates a tunnel to any server that the SSH host can reach.
    pub(crate) fn with_socks(ssh: &SshConfig) -> Result<Self> {
        let begins = TunnelMode::Socks(free_port()?);
        Ok(Self { ssh: ssh.clone(), begins, folder: TunnelFolder::new()?, running: Mutex::default() })
    }

    pub(crate) fn tunnel_endpoint(&self, at: usize) -> Option<TunnelEndpoint> {
        match &self.begins {
            TunnelMode::Forwards(forwards) => forwards.get(at).map(|(entrance, _)| entrance.clone()),
            TunnelMode::Socks(_) => None,
        }
    }

    pub(crate) fn socks_port(&self) -> Option<u16> {
        match self.begins {
            TunnelMode::Forwards(_) => None,
            TunnelMode::Socks(port) => Some(port),
        }
    }

    /// Waits until the tunnel is up. Starts it if it is not running.
    pub(crate) async fn ensure_running(&self) -> Result<()> {
        let mut running = self.running.lock().await;
        if let Some(running) = running.as_mut()
            && running.said.has_changed().is_ok()
            && matches!(running.child.try_wait(), Ok(None))
        {
            return Ok(());
        }
        *running = None;
        *running = Some(self.start_ssh().await?);
        Ok(())
    }

    /// Waits until `ssh` ends; forever if it is not running.
    pub(crate) async fn wait_until_broken(&self) {
        let said = self.running.lock().await.as_ref().map(|running| running.said.clone());
        match said {
            // The condition is never met, so this ends when the sender is dropped.
            Some(mut said) => drop(said.wait_for(|_| false).await),
            None => std::future::pending().await,
        }
    }

    /// Stops a tunnel that nothing comes through; it is restarted when needed.
    pub(crate) async fn give_up(&self) {
        *self.running.lock().await = None;
    }

    /// The reason that `ssh` gave for the last failed connection, if it is new.
    pub(crate) async fn next_complaint(&self) -> Option<String> {
        let mut running = self.running.lock().await;
        let running = running.as_mut()?;
        let told = running.told;
        let failed = tokio::time::timeout(LATE, running.said.wait_for(|said| said.failed.0 > told)).await;
        let (number, complaint) = failed.ok()?.ok()?.failed.clone();
        running.told = number;
        Some(complaint)
    }

    /// For display.
    pub(crate) fn host(&self) -> &str {
        &self.ssh.host
    }

    async fn start_ssh(&self) -> Result<RunningTunnel> {
        if let Some(key) = self.key_path()
            && !key.exists()
        {
            return Err(tunnel_error(&self.ssh, "the key file in directory.ssh.key does not exist")
                .with_hint("Check the path. It must be that of the private key, without .pub."));
        }
        let mut command = self.build_command()?;
        let mut child = command.spawn().map_err(|cause| match cause.kind() {
            std::io::ErrorKind::NotFound => self.missing_ssh_error(),
            _ => tunnel_error(&self.ssh, &format!("`ssh` could not be started: {cause}")),
        })?;
        let (saying, mut said) = watch::channel(TunnelOutput::default());
        if let Some(stderr) = child.stderr.take() {
            tokio::spawn(read_ssh_output(stderr, saying));
        }
        // The sender is dropped when the program ends.
        let ready =
            tokio::time::timeout(LIMIT, said.wait_for(|said| said.is_ready)).await.map(|ready| ready.is_ok());
        match ready {
            Ok(true) => Ok(RunningTunnel { child, said, told: 0 }),
            Ok(false) => {
                let ended = child.wait().await;
                if ended.is_ok_and(|status| status.code() == Some(NO_PROGRAM)) {
                    return Err(self.missing_ssh_error());
                }
                let lines = said.borrow().lines.clone();
                Err(self.explain_exit(&lines))
            }
            Err(_) => Err(tunnel_error(&self.ssh, &format!("no connection within {} s", LIMIT.as_secs()))
                .with_hint("Check the host and port in [directory.ssh], and the VPN if it needs one.")),
        }
    }
}

/// Reads all of stderr, because a full pipe would block the program.
async fn read_ssh_output(stderr: ChildStderr, saying: watch::Sender<TunnelOutput>) {
    /// `ssh` writes no longer lines.
    const LINE: u64 = 4096;
    let mut reader = BufReader::new(stderr);
    loop {
        let mut line = Vec::new();
        if !matches!((&mut reader).take(LINE).read_until(b'\n', &mut line).await, Ok(1..)) {
            return;
        }
        let line = String::from_utf8_lossy(&line);
        let line: String = line.trim().chars().filter(|char| !char.is_control()).collect();
        let is_chatter = [
            "debug",
            "OpenSSH_",
            "Authenticated to ",
            "Transferred: ",
            "Bytes per second",
            "Warning: Permanently added",
        ]
        .iter()
        .any(|start| line.starts_with(start));
        if line.starts_with(READY) {
            saying.send_modify(|said| said.is_ready = true);
        } else if !is_chatter && !line.is_empty() {
            saying.send_modify(|said| {
                if let Some((_, why)) = line.split_once("open failed: ") {
                    let why = why.trim_start_matches("connect failed: ").trim_end_matches([':', ' ']);
                    said.failed = (said.failed.0 + 1, why.to_owned());
                }
                said.lines.push(line);
                let surplus = said.lines.len().saturating_sub(50);
                said.lines.drain(..surplus);
            });
        }
    }
}

/// A port that is free now. If another program takes it first, `ssh` reports that.
fn free_port() -> Result<u16> {
    let free = std::net::TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr());
    free.map(|address| address.port()).map_err(|cause| {
        DirectoryError::new(
            DirectoryCode::Unreachable,
            format!("No port on this computer is free for the tunnel: {cause}."),
        )
    })
}

//! Tunnels to a database through another computer, using the system's own `ssh` with its agent and `~/.ssh/config`.
//!
//! Each directory has one `ssh` process, which ends with the directory and is restarted if it dies. On Unix, the local
//! end of the tunnel is a socket in a folder that only this account can enter; MongoDB's driver uses SOCKS on loopback.
//! `ssh` cannot prompt: whatever it would ask for is an error.

#[cfg(unix)]
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, ChildStderr, Command};
use tokio::sync::{Mutex, watch};

use crate::config::SshConfig;
use crate::error::{DirectoryCode, DirectoryError, Result};
use crate::reach::password_command::hide_console_window;
use crate::reach::tunnel_folder::TunnelFolder;

/// `ssh` gives up connecting after ten seconds by itself, but may then take time to log in.
const LIMIT: Duration = Duration::from_secs(20);
/// `ssh` logs why a connection failed before the connection fails, but the scheduler may delay us reading it.
const LATE: Duration = Duration::from_millis(200);
/// Logged when the tunnel is up; `ssh -v` has printed this since its first version.
const READY: &str = "debug1: Entering interactive session";
/// A shell script that runs a program and ends it when we end, however that happens, because then the pipe on its
/// standard input is closed. `ssh` does not read standard input without a session. If the program ends first, the
/// watcher is killed, so that it cannot kill another process that gets the same ID.
#[cfg(unix)]
const HELD: &str = r#"exec 3<&0
"$@" </dev/null 3<&- &
held=$!
{ cat <&3; kill "$held"; } >/dev/null 2>&1 &
watch=$!
exec 3<&-
wait "$held"
status=$?
kill "$watch" 2>/dev/null
exit "$status""#;
/// A shell's exit status if a program does not exist.
const NO_PROGRAM: i32 = 127;
/// The host alias in our single-line `known_hosts` file.
const ALIAS: &str = "understudy-tunnel";

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

    fn build_command(&self) -> Result<Command> {
        let ssh = &self.ssh;
        let mut command = supervised_command("ssh");
        // No session, no terminal, no stdin, no X11 or agent forwarding; log enough to see when it is ready.
        command.args(["-N", "-T", "-n", "-x", "-a", "-v"]);
        // Its own connection: a shared one would not end with it.
        command.args(["-o", "ControlMaster=no", "-o", "ControlPath=none"]);
        command.args(["-o", "BatchMode=yes", "-o", "ConnectTimeout=10", "-o", "ExitOnForwardFailure=yes"]);
        command.args(["-o", "ServerAliveInterval=15", "-o", "ServerAliveCountMax=3"]);
        command.args(["-o", "StreamLocalBindUnlink=yes", "-o", "PermitLocalCommand=no"]);
        if let Some(port) = ssh.port {
            command.args(["-p", &port.to_string()]);
        }
        if let Some(user) = &ssh.user {
            command.args(["-l", user]);
        }
        if let Some(key) = self.key_path() {
            // ssh expands % sequences.
            command.args(["-o", "IdentitiesOnly=yes", "-i", &key.to_string_lossy().replace('%', "%%")]);
        }
        if let Some(key) = &ssh.host_key {
            let known = self.folder.path().join("known_hosts");
            std::fs::write(&known, format!("{ALIAS} {key}\n"))
                .map_err(|cause| DirectoryError::from_io("write", &known, &cause))?;
            command.arg("-o").arg(format!("UserKnownHostsFile=\"{}\"", known.display()));
            command.arg("-o").arg(format!("HostKeyAlias={ALIAS}"));
            command.args(["-o", "StrictHostKeyChecking=yes", "-o", "UpdateHostKeys=no"]);
        }
        match &self.begins {
            TunnelMode::Forwards(forwards) => {
                for (entrance, target) in forwards {
                    let host = if target.host.contains(':') {
                        format!("[{}]", target.host)
                    } else {
                        target.host.clone()
                    };
                    let begin = match entrance {
                        #[cfg(unix)]
                        TunnelEndpoint::Socket(folder) => {
                            folder.join(target.socket_name()).display().to_string()
                        }
                        #[cfg(not(unix))]
                        TunnelEndpoint::Port(port) => format!("127.0.0.1:{port}"),
                    };
                    command.arg("-L").arg(format!("{begin}:{host}:{}", target.port));
                }
            }
            TunnelMode::Socks(port) => {
                command.arg("-D").arg(format!("127.0.0.1:{port}"));
            }
        }
        command.arg("--").arg(&ssh.host);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
        hide_console_window(&mut command);
        Ok(command)
    }

    /// The absolute path of the key.
    fn key_path(&self) -> Option<std::path::PathBuf> {
        let key = self.ssh.key.as_ref()?;
        match (key.strip_prefix("~/"), dirs::home_dir()) {
            (Some(rest), Some(home)) => Some(home.join(rest)),
            _ => Some(key.into()),
        }
    }

    /// The error for a tunnel that could not be made, from what `ssh` logged before it ended.
    fn explain_exit(&self, lines: &[String]) -> DirectoryError {
        let says = |what: &str| lines.iter().any(|line| line.contains(what));
        let last = lines.last().map_or("it ended without a message", |line| line.trim_end_matches('.'));
        let by_hand = self.manual_command();
        let error = tunnel_error(&self.ssh, last);
        let is_other = says("REMOTE HOST IDENTIFICATION HAS CHANGED");
        if is_other && self.ssh.host_key.is_none() {
            return tunnel_error(&self.ssh, "its host key has changed").with_hint(format!(
                "Someone may be intercepting the connection, or the computer was set up again. Ask its administrator. \
                 If the new key is right, remove the old one with `ssh-keygen -R`, and connect once by hand: {by_hand}"
            ));
        }
        if is_other || says("Host key verification failed") {
            return if self.ssh.host_key.is_some() {
                tunnel_error(&self.ssh, "its key is not the one in directory.ssh.host_key")
                    .with_hint("Ask its administrator for the right key. Another computer may be answering.")
            } else {
                tunnel_error(&self.ssh, "its key is not known here").with_hint(format!(
                    "Connect once by hand and compare the key that is shown: {by_hand}\nOr set directory.ssh.host_key."
                ))
            };
        }
        if says("UNPROTECTED PRIVATE KEY FILE") {
            return tunnel_error(&self.ssh, "others can read the key file, so ssh does not use it")
                .with_hint(if cfg!(windows) {
                    "Restrict it to your account, in PowerShell: icacls KEY /inheritance:r /grant:r \
                     \"${env:USERNAME}:R\", where KEY is the path in directory.ssh.key."
                } else {
                    "Restrict it to your account: chmod 600, with the path in directory.ssh.key"
                });
        }
        if says("Permission denied") || says("Too many authentication failures") {
            return error.with_hint(
                "Add the key to the agent (ssh-add) or name its file in directory.ssh.key. A key with a passphrase \
                 must be in the agent. Check `user` in [directory.ssh], too.",
            );
        }
        if says("Could not request local forwarding") || says("cannot listen to") {
            return error.with_hint("Try again. Another program may have taken the address first.");
        }
        error.with_hint(format!(
            "Check the host and port in [directory.ssh], and the VPN if it needs one. To try it by hand: {by_hand}"
        ))
    }

    fn missing_ssh_error(&self) -> DirectoryError {
        tunnel_error(&self.ssh, "`ssh` is not installed on this computer").with_hint(
            "Install OpenSSH's client (Linux: openssh-client; Windows: Settings, Optional features, OpenSSH Client).",
        )
    }

    fn manual_command(&self) -> String {
        let port = self.ssh.port.map(|port| format!("-p {port} ")).unwrap_or_default();
        let user = self.ssh.user.as_ref().map(|user| format!("{user}@")).unwrap_or_default();
        format!("ssh {port}{user}{}", self.ssh.host)
    }
}

/// A command for the program that does not outlive us.
#[cfg(unix)]
fn supervised_command(program: &str) -> Command {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", HELD, "sh", program]);
    command
}

/// Ends with us, unless we are killed.
#[cfg(not(unix))]
fn supervised_command(program: &str) -> Command {
    Command::new(program)
}

fn tunnel_error(ssh: &SshConfig, what: &str) -> DirectoryError {
    DirectoryError::new(
        DirectoryCode::Unreachable,
        format!("The tunnel through {} could not be opened: {what}.", ssh.host),
    )
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

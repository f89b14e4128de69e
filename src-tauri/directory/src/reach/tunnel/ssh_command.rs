//! The command that `ssh` is started with.

use std::process::Stdio;

use tokio::process::Command;

use super::{Tunnel, TunnelEndpoint, TunnelMode};
use crate::error::{DirectoryError, Result};
use crate::reach::password_command::hide_console_window;

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

/// The host alias in our single-line `known_hosts` file.
const ALIAS: &str = "understudy-tunnel";

impl Tunnel {
    pub(super) fn build_command(&self) -> Result<Command> {
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
    pub(super) fn key_path(&self) -> Option<std::path::PathBuf> {
        let key = self.ssh.key.as_ref()?;
        match (key.strip_prefix("~/"), dirs::home_dir()) {
            (Some(rest), Some(home)) => Some(home.join(rest)),
            _ => Some(key.into()),
        }
    }

    pub(super) fn manual_command(&self) -> String {
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

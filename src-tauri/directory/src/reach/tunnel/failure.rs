//! Why a tunnel failed, from what `ssh` logged.

use super::Tunnel;
use crate::config::SshConfig;
use crate::error::{DirectoryCode, DirectoryError};

/// A shell's exit status if a program does not exist.
pub(super) const NO_PROGRAM: i32 = 127;

impl Tunnel {
    /// The error for a tunnel that could not be made, from what `ssh` logged before it ended.
    pub(super) fn explain_exit(&self, lines: &[String]) -> DirectoryError {
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

    pub(super) fn missing_ssh_error(&self) -> DirectoryError {
        tunnel_error(&self.ssh, "`ssh` is not installed on this computer").with_hint(
            "Install OpenSSH's client (Linux: openssh-client; Windows: Settings, Optional features, OpenSSH Client).",
        )
    }
}

pub(super) fn tunnel_error(ssh: &SshConfig, what: &str) -> DirectoryError {
    DirectoryError::new(
        DirectoryCode::Unreachable,
        format!("The tunnel through {} could not be opened: {what}.", ssh.host),
    )
}

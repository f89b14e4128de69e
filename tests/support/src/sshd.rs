//! A throwaway SSH server with its own host key, account and loopback port, removed on drop.
//!
//! It needs no more rights than the test and only accepts the key that it generated. It ends with the thread that
//! started it, so that a killed test leaves no server behind.

use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;
use understudy_directory::SshConfig;

use crate::server::{self, Frozen, free_port, instead_of_root, this_user, wait_until_logged};

/// A running server.
pub struct SshServer {
    program: PathBuf,
    directory: TempDir,
    port: u16,
    server: Option<Child>,
}

impl SshServer {
    /// Generates its keys and starts it. Panics with the reason if that fails.
    pub fn start() -> Self {
        let directory = tempfile::Builder::new().prefix("understudy-sshd-").tempdir().expect("a folder");
        let mut server = Self { program: program(), directory, port: free_port(), server: None };
        for name in ["host_key", "key", "other_key"] {
            let made = Command::new("ssh-keygen")
                .args(["-q", "-t", "ed25519", "-N", "", "-C", "understudy", "-f"])
                .arg(server.path(name))
                .status();
            assert!(made.expect("ssh-keygen is installed").success(), "ssh-keygen makes {name}");
        }
        std::fs::copy(server.path("key.pub"), server.path("authorized_keys")).expect("a key that is let in");
        let mut settings = format!(
            "ListenAddress 127.0.0.1\nPort {}\nHostKey {}\nAuthorizedKeysFile {}\nPidFile none\nUsePAM no\n\
             StrictModes no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nUseDNS no\n",
            server.port,
            server.path("host_key").display(),
            server.path("authorized_keys").display(),
        );
        // Since 9.8, it consists of several programs; script/bootstrap installs them side by side.
        for (setting, name) in [("SshdSessionPath", "sshd-session"), ("SshdAuthPath", "sshd-auth")] {
            let path = server.program.with_file_name(name);
            if path.exists() {
                settings += &[setting, " ", &path.display().to_string(), "\n"].concat();
            }
        }
        std::fs::write(server.path("sshd_config"), settings).expect("the settings are written");
        if let Some((uid, gid)) = other_user() {
            for name in ["", "host_key", "authorized_keys", "sshd_config"] {
                chown(server.path(name), Some(uid), Some(gid)).expect("the folder becomes the server's own");
            }
        }
        server.run();
        server
    }

    /// The configuration for a tunnel through this server.
    pub fn part(&self) -> SshConfig {
        SshConfig {
            host: "127.0.0.1".into(),
            user: Some(account()),
            port: Some(self.port),
            key: Some(self.path("key").display().to_string()),
            host_key: Some(self.public_key("host_key")),
        }
    }

    /// A key that the server rejects.
    pub fn other_key(&self) -> String {
        self.path("other_key").display().to_string()
    }

    /// `ssh-ed25519 AAAA…`
    pub fn public_key(&self, name: &str) -> String {
        let key = std::fs::read_to_string(self.path(&format!("{name}.pub"))).expect("a public key");
        key.split(' ').take(2).collect::<Vec<_>>().join(" ")
    }

    /// The processes that serve clients.
    pub fn sessions(&self) -> Vec<u32> {
        fn children(of: u32, found: &mut Vec<u32>) {
            let listed =
                std::fs::read_to_string(format!("/proc/{of}/task/{of}/children")).unwrap_or_default();
            for child in listed.split_whitespace().filter_map(|id| id.parse().ok()) {
                found.push(child);
                children(child, found);
            }
        }
        let mut found = Vec::new();
        if let Some(server) = &self.server {
            children(server.id(), &mut found);
        }
        found
    }

    /// Cuts all connections, like a network failure.
    pub fn cut(&self) {
        for session in self.sessions() {
            let _ = Command::new("kill").args(["-KILL", &session.to_string()]).status();
        }
    }

    pub fn stop(&mut self) {
        self.cut();
        if let Some(mut server) = self.server.take() {
            let _ = server.kill();
            let _ = server.wait();
        }
    }

    /// Suspends it, with all its processes.
    pub fn freeze(&self) -> Frozen {
        Frozen::server(self.server.as_ref())
    }

    /// Starts it again after [`Self::stop`], on the same port.
    pub fn start_again(&mut self) {
        assert!(self.server.is_none(), "the server is still running");
        self.run();
    }

    fn run(&mut self) {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL"]);
        if let Some((uid, gid)) = other_user() {
            command.args(["--reuid", &uid.to_string(), "--regid", &gid.to_string(), "--clear-groups"]);
        }
        let mut server = command
            .arg(&self.program)
            .args(["-D", "-e", "-f"])
            .arg(self.path("sshd_config"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("sshd runs");
        let log = server.stderr.take().expect("sshd logs");
        self.server = Some(server);
        wait_until_logged("sshd", log, &["Server listening on"]);
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }
}

impl Drop for SshServer {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Where script/bootstrap installs it, or the system's own sshd.
fn program() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/tools/openssh/sshd");
    let own = own.canonicalize().unwrap_or(own);
    let installed = [own, "/usr/sbin/sshd".into(), "/usr/bin/sshd".into()];
    installed.into_iter().find(|path| path.exists()).unwrap_or_else(|| {
        panic!("OpenSSH's server is not there: script/bootstrap puts its program into target/tools/openssh")
    })
}

/// For root: `daemon`, because on some systems `nobody` has a locked password. Without root, the server only accepts
/// its own account.
fn other_user() -> Option<(u32, u32)> {
    instead_of_root("daemon")
}

fn account() -> String {
    if other_user().is_some() {
        return "daemon".into();
    }
    server::account(&this_user().to_string(), 2).expect("this account")[0].clone()
}

//! A throwaway SSH server: its own host key, account and loopback port, gone when it is dropped.
//!
//! It needs no right that the test has not, and lets in only whoever has the key that it made. It dies with
//! the thread that started it, so that a killed test leaves no server behind.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use tempfile::TempDir;
use understudy_core::connection::SshPart;

/// A running server.
pub struct SshServer {
    program: PathBuf,
    directory: TempDir,
    port: u16,
    server: Option<Child>,
}

impl SshServer {
    /// Makes its keys and starts it. Panics, saying why, where it cannot.
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
        // Since 9.8 it is several programs; script/bootstrap puts them side by side.
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

    /// The way through it.
    pub fn part(&self) -> SshPart {
        SshPart {
            host: "127.0.0.1".into(),
            user: Some(account()),
            port: Some(self.port),
            key: Some(self.path("key").display().to_string()),
            host_key: Some(self.public_key("host_key")),
        }
    }

    /// A key that it does not let in.
    pub fn other_key(&self) -> String {
        self.path("other_key").display().to_string()
    }

    /// `ssh-ed25519 AAAA…`
    pub fn public_key(&self, name: &str) -> String {
        let key = std::fs::read_to_string(self.path(&format!("{name}.pub"))).expect("a public key");
        key.split(' ').take(2).collect::<Vec<_>>().join(" ")
    }

    /// Processes that serve somebody.
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

    /// Cuts all connections, as a network does.
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
        let log = BufReader::new(server.stderr.take().expect("sshd logs"));
        let (said, lines) = mpsc::channel();
        // To the end: a server whose log nobody reads stops when the pipe is full.
        std::thread::spawn(move || {
            for line in log.lines().map_while(Result::ok) {
                let _ = said.send(line);
            }
        });
        self.server = Some(server);
        let mut before = Vec::new();
        while let Ok(line) = lines.recv_timeout(Duration::from_secs(30)) {
            if line.contains("Server listening on") {
                return;
            }
            before.push(line);
        }
        panic!("sshd does not start: {}", before.join("\n"));
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

/// Where script/bootstrap has put it, or where a system has it that serves logins anyway.
fn program() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/tools/openssh/sshd");
    let own = own.canonicalize().unwrap_or(own);
    let installed = [own, "/usr/sbin/sshd".into(), "/usr/bin/sshd".into()];
    installed.into_iter().find(|path| path.exists()).unwrap_or_else(|| {
        panic!("OpenSSH's server is not there: script/bootstrap puts its program into target/tools/openssh")
    })
}

/// For root: `daemon`, as some systems invent a locked password for `nobody`. A server that is not root's lets in its
/// own account alone.
fn other_user() -> Option<(u32, u32)> {
    let this_user = std::fs::metadata("/proc/self").expect("a Linux system").uid();
    (this_user == 0).then(|| {
        let daemon = user("daemon", 0).expect("a user `daemon`");
        (daemon[2].parse().expect("a user id"), daemon[3].parse().expect("a group id"))
    })
}

fn account() -> String {
    if other_user().is_some() {
        return "daemon".into();
    }
    let this_user = std::fs::metadata("/proc/self").expect("a Linux system").uid();
    user(&this_user.to_string(), 2).expect("this account")[0].clone()
}

fn user(value: &str, field: usize) -> Option<Vec<String>> {
    let users = std::fs::read_to_string("/etc/passwd").expect("the list of users");
    let mut lines = users.lines().map(|line| line.split(':').map(str::to_owned).collect::<Vec<_>>());
    lines.find(|fields| fields.get(field).is_some_and(|found| found == value))
}

fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    listener.local_addr().expect("its address").port()
}

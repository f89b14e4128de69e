//! A throwaway PostgreSQL server with its own data, socket and loopback port, removed on drop.
//!
//! It ends with the thread that started it, so that a killed test leaves no server behind. Start it in the test itself,
//! not in a task.

use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::certificates::Certificate;
use crate::server::{Frozen, answer, free_port, instead_of_root, wait_until_logged};

/// The administrator, who has all rights over the socket and uses this password over TCP.
pub const ADMIN: &str = "postgres";
pub const ADMIN_PASSWORD: &str = "admin's pass/word";

/// A running server.
pub struct PostgresServer {
    bin: PathBuf,
    directory: TempDir,
    port: u16,
    settings: Vec<String>,
    server: Option<Child>,
}

impl PostgresServer {
    /// Creates a cluster and starts it; takes about two seconds. Panics with the reason if that fails.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts it with additional settings, such as `shared_buffers=1GB`.
    pub fn start_with(settings: &[&str]) -> Self {
        let directory = tempfile::Builder::new().prefix("understudy-postgres-").tempdir().expect("a folder");
        if let Some((uid, gid)) = other_user() {
            chown(directory.path(), Some(uid), Some(gid)).expect("the folder becomes the server's own");
        }
        let settings = settings.iter().map(|&setting| setting.to_owned()).collect();
        let mut server = Self { bin: installation(), directory, port: 0, settings, server: None };
        let password_file = server.path("password");
        std::fs::write(&password_file, ADMIN_PASSWORD).expect("the password is written");
        if let Some((uid, gid)) = other_user() {
            chown(&password_file, Some(uid), Some(gid)).expect("the password becomes the server's own");
        }
        let initialised = server
            .command("initdb")
            .args(["--username", ADMIN, "--encoding", "UTF8", "--locale", "C.UTF-8", "--no-sync"])
            .args(["--auth-local", "trust", "--auth-host", "scram-sha-256"])
            .arg("--pwfile")
            .arg(&password_file)
            .arg("--pgdata")
            .arg(server.path("data"))
            .output()
            .expect("initdb runs");
        assert!(initialised.status.success(), "initdb: {}", String::from_utf8_lossy(&initialised.stderr));
        server.port = free_port();
        server.run();
        server
    }

    /// A replica that streams from this server, on its own port and with its own settings.
    #[must_use]
    pub fn replica(&self, settings: &[&str]) -> Self {
        let directory = tempfile::Builder::new().prefix("understudy-postgres-").tempdir().expect("a folder");
        if let Some((uid, gid)) = other_user() {
            chown(directory.path(), Some(uid), Some(gid)).expect("the folder becomes the server's own");
        }
        let settings = settings.iter().map(|&setting| setting.to_owned()).collect();
        let mut replica = Self { bin: installation(), directory, port: 0, settings, server: None };
        let copied = replica
            .command("pg_basebackup")
            .args(["--username", ADMIN, "--port", &self.port.to_string(), "--host"])
            .arg(self.directory.path())
            .args([
                "--checkpoint=fast",
                "--wal-method=stream",
                "--write-recovery-conf",
                "--no-sync",
                "--pgdata",
            ])
            .arg(replica.path("data"))
            .output()
            .expect("pg_basebackup runs");
        assert!(copied.status.success(), "pg_basebackup: {}", String::from_utf8_lossy(&copied.stderr));
        replica.port = free_port();
        replica.run();
        replica
    }

    /// Promotes a replica to a primary.
    pub fn promote(&self) {
        assert_eq!(self.sql("postgres", "SELECT pg_promote()"), "t");
    }

    /// Stops it like an administrator: sessions are notified and closed.
    pub fn stop(&mut self) {
        let Some(mut server) = self.server.take() else { return };
        let stopped = self
            .command("pg_ctl")
            .args(["stop", "--wait", "--mode", "fast", "--pgdata"])
            .arg(self.path("data"))
            .output()
            .expect("pg_ctl runs");
        assert!(stopped.status.success(), "pg_ctl: {}", String::from_utf8_lossy(&stopped.stderr));
        server.wait().expect("the server ends");
    }

    /// Suspends it, with all its processes.
    pub fn freeze(&self) -> Frozen {
        Frozen::server(self.server.as_ref())
    }

    /// Starts it again after [`Self::stop`], on the same port with the same data.
    pub fn start_again(&mut self) {
        assert!(self.server.is_none(), "the server is still running");
        self.run();
    }

    /// From the next start on, it offers TLS with this certificate and asks clients for one from this authority.
    pub fn certify(&self, certificate: &Certificate, authority: &Path) {
        for (name, from) in [
            ("server.crt", &*certificate.certificate),
            ("server.key", &*certificate.key),
            ("root.crt", authority),
        ] {
            let to = self.path("data").join(name);
            std::fs::copy(from, &to).expect("the certificate is copied");
            if let Some((uid, gid)) = other_user() {
                chown(&to, Some(uid), Some(gid)).expect("it becomes the server's own");
            }
            std::fs::set_permissions(&to, std::fs::Permissions::from_mode(0o600))
                .expect("nobody else reads it");
        }
        self.sql("postgres", "ALTER SYSTEM SET ssl = on");
        self.sql("postgres", "ALTER SYSTEM SET ssl_ca_file = 'root.crt'");
    }

    /// From the next start on, these lines of `pg_hba.conf` say who may connect over TCP.
    pub fn let_in(&self, lines: &str) {
        let lines = format!(
            "local all all trust
local replication all trust
{lines}
"
        );
        std::fs::write(self.path("data").join("pg_hba.conf"), lines).expect("the rules are written");
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// The URL for a connection file, without a password.
    pub fn url(&self, user: &str, database: &str) -> String {
        format!("postgres://{user}@127.0.0.1:{}/{database}", self.port)
    }

    /// Runs SQL as the administrator and returns the result: one line per row, with `|` between columns.
    pub fn sql(&self, database: &str, script: &str) -> String {
        let mut psql = self.command("psql");
        psql.args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set", "ON_ERROR_STOP=1"])
            .args(["--username", ADMIN, "--dbname", database, "--port", &self.port.to_string(), "--host"])
            .arg(self.directory.path())
            .args(["--file", "-"]);
        answer(&mut psql, script)
    }

    fn run(&mut self) {
        let mut server = self
            .command("postgres")
            .arg("-D")
            .arg(self.path("data"))
            .arg("-k")
            .arg(self.directory.path())
            .args(["-p", &self.port.to_string()])
            .args(["-c", "listen_addresses=127.0.0.1", "-c", "fsync=off", "-c", "full_page_writes=off"])
            .args(["-c", "synchronous_commit=off", "-c", "autovacuum=off", "-c", "max_connections=20"])
            .args(["-c", "shared_buffers=32MB", "-c", "lc_messages=C", "-c", "logging_collector=off"])
            .args(self.settings.iter().flat_map(|setting| ["-c", setting]))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("postgres runs");
        let log = server.stderr.take().expect("postgres logs");
        self.server = Some(server);
        let ready = ["ready to accept connections", "ready to accept read-only"];
        wait_until_logged("PostgreSQL", log, &ready);
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// A program of the installation that ends with this thread and runs as a user that PostgreSQL accepts (it refuses
    /// root).
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "QUIT"]);
        if let Some((uid, gid)) = other_user() {
            command.args(["--reuid", &uid.to_string(), "--regid", &gid.to_string(), "--clear-groups"]);
        }
        command.arg(self.bin.join(program)).current_dir(self.directory.path());
        for name in ["PGHOST", "PGHOSTADDR", "PGPORT", "PGUSER", "PGPASSWORD", "PGDATABASE", "PGOPTIONS"] {
            command.env_remove(name);
        }
        command
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        if let Some(mut server) = self.server.take() {
            let _ = self
                .command("pg_ctl")
                .args(["stop", "--wait", "--mode", "immediate", "--pgdata"])
                .arg(self.path("data"))
                .output();
            let _ = server.kill();
            let _ = server.wait();
        }
    }
}

/// Where Debian and others install the newest PostgreSQL.
fn installation() -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest = versions
        .filter_map(|entry| {
            let version = entry.file_name().to_str()?.parse::<u32>().ok()?;
            Some((version, entry.path().join("bin")))
        })
        .filter(|(_, bin)| bin.join("initdb").exists())
        .max();
    match newest {
        Some((_, bin)) => bin,
        None if Path::new("/usr/bin/initdb").exists() => "/usr/bin".into(),
        None => panic!("PostgreSQL is not installed: script/bootstrap installs it"),
    }
}

/// For root: the user `postgres`, which comes with the installation.
fn other_user() -> Option<(u32, u32)> {
    instead_of_root(ADMIN)
}

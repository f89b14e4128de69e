//! A throwaway MariaDB server with its own data, socket, certificate and loopback port, removed on drop.
//!
//! It ends with the thread that started it, so that a killed test leaves no server behind. Start it in the test itself,
//! not in a task.

use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::certificates::Certificate;
use crate::server::{Frozen, answer, free_port, instead_of_root, wait_until_logged};

/// The administrator, who has all rights over the socket and needs no password there.
pub const ADMIN: &str = "root";

/// A running server.
pub struct MariaDbServer {
    directory: TempDir,
    port: u16,
    server: Option<Child>,
}

impl MariaDbServer {
    /// Creates a data folder and starts a server on it; takes about two seconds. Panics with the reason if that fails.
    pub fn start() -> Self {
        let directory = tempfile::Builder::new().prefix("understudy-mariadb-").tempdir().expect("a folder");
        if let Some((uid, gid)) = other_user() {
            chown(directory.path(), Some(uid), Some(gid)).expect("the folder becomes the server's own");
        }
        let mut server = Self { directory, port: free_port(), server: None };
        server.certify();
        let installed = server
            .command(&program("mariadb-install-db", "/usr/bin"))
            .args(["--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db"])
            .arg(format!("--datadir={}", server.path("data").display()))
            // Other tests may install one at the same time.
            .env("TMPDIR", server.directory.path())
            .output()
            .expect("mariadb-install-db runs");
        assert!(
            installed.status.success(),
            "mariadb-install-db: {}{}",
            String::from_utf8_lossy(&installed.stdout),
            String::from_utf8_lossy(&installed.stderr)
        );
        server.run();
        server
    }

    /// Stops it like an administrator: sessions are notified and closed.
    pub fn stop(&mut self) {
        if self.server.is_none() {
            return;
        }
        self.sql("mysql", "SHUTDOWN");
        let mut server = self.server.take().expect("it was running");
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

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn socket(&self) -> PathBuf {
        self.path("socket")
    }

    /// The authority that signed the server's certificate, which is for `localhost`.
    pub fn authority(&self) -> PathBuf {
        self.path("ca.pem")
    }

    /// From the next start on, it offers TLS with this certificate.
    pub fn certify_as(&self, certificate: &Certificate) {
        for (name, from) in [("server.pem", &certificate.certificate), ("server.key", &certificate.key)] {
            let to = self.path(name);
            std::fs::copy(from, &to).expect("the certificate is copied");
            if let Some((uid, gid)) = other_user() {
                chown(&to, Some(uid), Some(gid)).expect("it becomes the server's own");
            }
        }
    }

    /// A client certificate, signed by its authority.
    pub fn client_certificate(&self, name: &str) -> Certificate {
        self.sign("client", name);
        let key = self.path("client.key");
        let both = self.path("client.both");
        let certificate = self.path("client.pem");
        let read = |path: &Path| std::fs::read_to_string(path).expect("a PEM file");
        std::fs::write(&both, [read(&certificate), read(&key)].concat()).expect("both are written");
        Certificate { certificate, key, both }
    }

    /// The URL for a connection file, without a password.
    pub fn url(&self, user: &str, database: &str) -> String {
        format!("mysql://{user}@127.0.0.1:{}/{database}", self.port)
    }

    /// Runs SQL as the administrator and returns the result: one line per row, with tabs between columns.
    pub fn sql(&self, database: &str, script: &str) -> String {
        let mut client = self.command(&program("mariadb", "/usr/bin"));
        client
            .args([
                "--no-defaults",
                "--batch",
                "--raw",
                "--skip-column-names",
                "--default-character-set=utf8mb4",
            ])
            .args(["--user", ADMIN, "--database", database, "--socket"])
            .arg(self.socket());
        answer(&mut client, script)
    }

    fn run(&mut self) {
        let mut server = self
            .command(&program("mariadbd", "/usr/sbin"))
            .arg("--no-defaults")
            .arg(format!("--datadir={}", self.path("data").display()))
            .arg(format!("--socket={}", self.socket().display()))
            .arg(format!("--pid-file={}", self.path("pid").display()))
            .arg(format!("--tmpdir={}", self.directory.path().display()))
            .arg(format!("--ssl-ca={}", self.authority().display()))
            .arg(format!("--ssl-cert={}", self.path("server.pem").display()))
            .arg(format!("--ssl-key={}", self.path("server.key").display()))
            .arg(format!("--port={}", self.port))
            .args([
                "--bind-address=127.0.0.1",
                "--skip-name-resolve",
                "--skip-log-bin",
                "--max-connections=20",
            ])
            .args(["--innodb-buffer-pool-size=32M", "--innodb-flush-log-at-trx-commit=0"])
            .args(["--innodb-flush-method=nosync", "--sync-frm=0", "--thread-stack=512K"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("mariadbd runs");
        let log = server.stderr.take().expect("mariadbd logs");
        self.server = Some(server);
        wait_until_logged("MariaDB", log, &["ready for connections"]);
    }

    /// Creates the server's own authority and a certificate for `localhost`.
    fn certify(&self) {
        self.openssl(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=Understudy-Test-CA \
             -keyout ca.key -out ca.pem",
        );
        self.sign("server", "localhost");
    }

    fn sign(&self, file: &str, name: &str) {
        self.openssl(&format!(
            "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN={name} \
             -keyout {file}.key -out {file}.csr",
        ));
        std::fs::write(self.path("names"), format!("subjectAltName=DNS:{name}\n"))
            .expect("the name is written");
        self.openssl(&format!(
            "x509 -req -in {file}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile names -out {file}.pem",
        ));
    }

    fn openssl(&self, arguments: &str) {
        let made = self
            .command(Path::new("openssl"))
            .args(arguments.split_whitespace())
            .output()
            .expect("openssl runs");
        assert!(made.status.success(), "openssl: {}", String::from_utf8_lossy(&made.stderr));
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// A program in the server's folder that ends with this thread and runs as a user that MariaDB accepts (it refuses
    /// root).
    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL"]);
        if let Some((uid, gid)) = other_user() {
            command.args(["--reuid", &uid.to_string(), "--regid", &gid.to_string(), "--clear-groups"]);
        }
        command.arg(program).current_dir(self.directory.path());
        for name in ["MYSQL_HOST", "MYSQL_TCP_PORT", "MYSQL_UNIX_PORT", "MYSQL_PWD"] {
            command.env_remove(name);
        }
        command
    }
}

impl Drop for MariaDbServer {
    fn drop(&mut self) {
        if let Some(mut server) = self.server.take() {
            // The data is no longer needed.
            let _ = server.kill();
            let _ = server.wait();
        }
    }
}

/// Where Debian and others install `name`.
fn program(name: &str, folder: &str) -> PathBuf {
    let path = Path::new(folder).join(name);
    assert!(path.exists(), "MariaDB's {name} is not installed: script/bootstrap installs it");
    path
}

/// For root: `nobody`, because MariaDB's programs come without a user of their own.
fn other_user() -> Option<(u32, u32)> {
    instead_of_root("nobody")
}

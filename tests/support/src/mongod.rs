//! A throwaway MongoDB server with its own data and loopback port, removed on drop.
//!
//! It ends with the thread that started it, so that a killed test leaves no server behind. Start it in the test itself,
//! not in a task.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use mongodb::bson::{Document, doc};
use mongodb::options::{ClientOptions, Credential, ServerAddress};
use mongodb::{Client, Database};
use tempfile::TempDir;

use crate::certificates::Certificate;
use crate::server::{Frozen, free_port, wait_until_logged};

/// The administrator, who has all rights.
pub const ADMIN: &str = "admin";
pub const ADMIN_PASSWORD: &str = "admin's pass/word";

/// A running server that requires a password.
pub struct MongoServer {
    program: PathBuf,
    directory: TempDir,
    port: u16,
    settings: Vec<String>,
    server: Option<Child>,
    admin: Option<Client>,
}

impl MongoServer {
    /// Starts it and creates the administrator; takes about two seconds. Panics with the reason if that fails.
    pub async fn start() -> Self {
        let directory = tempfile::Builder::new().prefix("understudy-mongodb-").tempdir().expect("a folder");
        let (program, port, settings) = (program(), free_port(), Vec::new());
        let mut server = Self { program, directory, port, settings, server: None, admin: None };
        server.run();
        // From this computer, the first user can be created without a login, and only the first.
        let anybody = Client::with_options(server.options(None)).expect("a client");
        anybody
            .database("admin")
            .run_command(doc! { "createUser": ADMIN, "pwd": ADMIN_PASSWORD, "roles": ["root"] })
            .await
            .expect("the administrator is made");
        anybody.shutdown().immediate(true).await;
        let options = server.options(Some((ADMIN, ADMIN_PASSWORD)));
        server.admin = Some(Client::with_options(options).expect("a client"));
        server
    }

    /// A replica set with one member that calls itself `name`, a name that only the server can resolve, as in docker
    /// compose. It requires no password.
    pub async fn start_set(name: &str) -> Self {
        let directory = tempfile::Builder::new().prefix("understudy-mongodb-").tempdir().expect("a folder");
        std::fs::write(directory.path().join("hosts"), format!("127.0.0.1 localhost {name}\n"))
            .expect("names");
        let (program, port) = (program(), free_port());
        let settings = vec!["--replSet".to_owned(), "rs".to_owned()];
        let mut server = Self { program, directory, port, settings, server: None, admin: None };
        server.run();
        let admin = Client::with_options(server.options(None)).expect("a client");
        let members = vec![doc! { "_id": 0, "host": format!("{name}:{port}") }];
        let begun = doc! { "replSetInitiate": { "_id": "rs", "members": members } };
        admin.database("admin").run_command(begun).await.expect("the set begins");
        let deadline = std::time::Instant::now() + crate::wait::PATIENCE;
        loop {
            let hello = admin.database("admin").run_command(doc! { "hello": 1 }).await.expect("it answers");
            if hello.get_bool("isWritablePrimary").unwrap_or(false) {
                break;
            }
            assert!(std::time::Instant::now() < deadline, "it does not become the primary: {hello}");
        }
        server.admin = Some(admin);
        server
    }

    /// Stops it like an administrator.
    pub fn stop(&mut self) {
        let Some(mut server) = self.server.take() else { return };
        let told = Command::new("kill").args(["-TERM", &server.id().to_string()]).status();
        assert!(told.expect("kill runs").success(), "the server is told to stop");
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

    /// From the next start on, it requires TLS and a client certificate from this authority. The administrator has
    /// none.
    pub fn certify(&mut self, certificate: &Certificate, authority: &Path) {
        self.settings = ["--tlsMode", "requireTLS", "--tlsCertificateKeyFile"].map(str::to_owned).into();
        let files =
            [certificate.both.display().to_string(), "--tlsCAFile".into(), authority.display().to_string()];
        self.settings.extend(files);
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// The URL for a connection file, without a password.
    pub fn url(&self, user: &str, database: &str) -> String {
        format!("mongodb://{user}@127.0.0.1:{}/{database}?authSource=admin", self.port)
    }

    /// A database, as the administrator.
    pub fn database(&self, name: &str) -> Database {
        self.admin.as_ref().expect("the server was started").database(name)
    }

    /// Runs a command as the administrator.
    pub async fn command(&self, database: &str, command: Document) -> Document {
        let said = self.database(database).run_command(command.clone()).await;
        said.unwrap_or_else(|error| panic!("{command}: {error}"))
    }

    /// Creates a user with these roles in `admin`.
    pub async fn user(&self, name: &str, password: &str, roles: Vec<Document>) {
        self.command("admin", doc! { "createUser": name, "pwd": password, "roles": roles }).await;
    }

    fn options(&self, who: Option<(&str, &str)>) -> ClientOptions {
        let mut options = ClientOptions::default();
        options.hosts = vec![ServerAddress::Tcp { host: "127.0.0.1".into(), port: Some(self.port) }];
        options.direct_connection = Some(true);
        options.server_selection_timeout = Some(Duration::from_secs(20));
        options.credential = who.map(|(name, password)| {
            Credential::builder().username(name.to_owned()).password(password.to_owned()).build()
        });
        options
    }

    fn run(&mut self) {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL"]);
        let hosts = self.directory.path().join("hosts");
        if hosts.exists() {
            // Its names resolve only inside this namespace. A user other than root becomes root in it, as far as
            // mounting goes.
            let within = ["unshare", "--mount", "--map-root-user"];
            command.args(if crate::server::this_user() == 0 { &within[..2] } else { &within[..] });
            command.args(["sh", "-c", "mount --bind \"$0\" /etc/hosts && exec \"$@\""]).arg(&hosts);
        }
        let auth = if hosts.exists() { &[][..] } else { &["--auth"][..] };
        let mut server = command
            .arg(&self.program)
            .arg("--dbpath")
            .arg(self.directory.path())
            .args(["--bind_ip", "127.0.0.1", "--port", &self.port.to_string(), "--nounixsocket"])
            .args(auth)
            .args(&self.settings)
            .args(["--wiredTigerCacheSizeGB", "0.25"])
            .args(["--setParameter", "diagnosticDataCollectionEnabled=false"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("mongod runs");
        let log = server.stdout.take().expect("mongod logs");
        self.server = Some(server);
        wait_until_logged("MongoDB", log, &["Waiting for connections"]);
    }
}

impl Drop for MongoServer {
    fn drop(&mut self) {
        if let Some(mut server) = self.server.take() {
            let _ = server.kill();
            let _ = server.wait();
        }
    }
}

/// Where script/bootstrap installs it.
fn program() -> PathBuf {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/tools/mongodb/mongod");
    assert!(
        program.exists(),
        "MongoDB is not installed in target/tools: script/bootstrap puts it there on x86-64 Linux; elsewhere, \
         link a mongod of 4.4 or newer to target/tools/mongodb/mongod"
    );
    program
}

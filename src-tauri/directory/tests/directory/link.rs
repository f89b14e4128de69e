//! Ways to reach a server: generated passwords, a tunnel, replicas, and a network that goes silent.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use mongodb::bson::doc;
use secrecy::SecretString;
use tokio_util::sync::CancellationToken;
use understudy_directory::{Directory, PasswordSource, PasswordSourceError, SystemClock};
use understudy_directory::{DirectoryCode, DirectoryError};
use understudy_directory::{DirectoryConfig, SshConfig};
use understudy_test_support::mariadb::MariaDbServer;
use understudy_test_support::mongod::MongoServer;
use understudy_test_support::postgres::PostgresServer;
use understudy_test_support::sshd::SshServer;

use crate::story::{query, search};

pub const READER: &str = "reader";
pub const PASSWORD: &str = "r3ad:er/p@ss word";
/// Longer than a time limit, but short enough to wait for.
const SOON: Duration = Duration::from_secs(20);

pub fn build_config(url: String) -> DirectoryConfig {
    DirectoryConfig {
        table: "users".into(),
        email: Some("email".into()),
        name: None,
        created_at: None,
        columns: vec![],
        timeout_ms: 3000,
        patience: 5,
        ..crate::build_config(url)
    }
}

pub fn postgres() -> PostgresServer {
    let server = PostgresServer::start();
    server.sql(
        "postgres",
        &format!(
            "CREATE ROLE {READER} LOGIN PASSWORD '{PASSWORD}';
             CREATE TABLE users (id int PRIMARY KEY, email text); INSERT INTO users VALUES (1, 'ada@example.com');
             GRANT SELECT ON users TO {READER}"
        ),
    );
    server
}

pub fn mariadb() -> MariaDbServer {
    let server = MariaDbServer::start();
    server.sql(
        "mysql",
        &format!(
            "CREATE USER {READER}@'%' IDENTIFIED BY '{PASSWORD}'; CREATE DATABASE acme;
             CREATE TABLE acme.users (id int PRIMARY KEY, email varchar(50));
             INSERT INTO acme.users VALUES (1, 'ada@example.com'); GRANT SELECT ON acme.* TO {READER}@'%'"
        ),
    );
    server
}

pub async fn open(config: &DirectoryConfig) -> Arc<dyn Directory> {
    understudy_directory::open(config, Some(&SecretString::from(PASSWORD))).await.unwrap()
}

pub async fn fails(config: &DirectoryConfig) -> DirectoryError {
    match understudy_directory::open(config, Some(&SecretString::from(PASSWORD))).await {
        Ok(_) => panic!("{config:?} was opened"),
        Err(error) => told(error),
    }
}

fn told(error: DirectoryError) -> DirectoryError {
    let text = format!("{error} {error:?}");
    assert!(!text.contains(PASSWORD) && !text.contains("n3w"), "{text}");
    assert!(error.hint.is_some(), "{text}");
    error
}

/// Ada is found, whatever the directory has to do for it.
pub async fn ada_is_there(directory: &dyn Directory) {
    assert_eq!(search(directory, &query("ada@example.com")).await.rows.len(), 1);
}

// ── changed passwords ──────────────────────────────────────────────────────────────────────────────

/// A password in a vault, which is read each time.
struct Kept(Mutex<String>);

impl Kept {
    fn put(&self, password: &str) {
        password.clone_into(&mut self.0.lock().unwrap());
    }
}

#[async_trait]
impl PasswordSource for Kept {
    async fn read_password(&self) -> Result<Option<SecretString>, PasswordSourceError> {
        Ok(Some(SecretString::from(self.0.lock().unwrap().clone())))
    }

    fn destination(&self) -> String {
        "the server".to_owned()
    }

    fn is_replaceable(&self) -> bool {
        true
    }
}

/// The administrator changes the password and closes the connections while the directory is open. Until the new one is
/// stored, the error asks for a password; then the next query succeeds.
async fn a_new_password_is_read_where_it_is_kept(config: &DirectoryConfig, change: impl FnOnce()) {
    let kept = Arc::new(Kept(Mutex::new(PASSWORD.to_owned())));
    let directory = understudy_directory::open_with(
        config,
        Arc::clone(&kept) as Arc<dyn PasswordSource>,
        Arc::new(SystemClock),
    )
    .await
    .unwrap();
    ada_is_there(&*directory).await;
    change();
    for _ in 0..2 {
        let error = told(directory.search_users(&query("ada"), &CancellationToken::new()).await.unwrap_err());
        assert_eq!(error.code, DirectoryCode::Refused, "{error}");
        assert!(error.wants_password, "another password would help: {error}");
    }
    kept.put("n3w");
    ada_is_there(&*directory).await;
    assert_eq!(directory.find_user("1").await.unwrap().map(|row| row.id).as_deref(), Some("1"));
    directory.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_password_that_was_changed_is_read_again() {
    let server = postgres();
    a_new_password_is_read_where_it_is_kept(&build_config(server.url(READER, "postgres")), || {
        server.sql(
            "postgres",
            &format!(
                "ALTER ROLE {READER} PASSWORD 'n3w';
                 SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{READER}'"
            ),
        );
    })
    .await;

    let server = mariadb();
    a_new_password_is_read_where_it_is_kept(&build_config(server.url(READER, "acme")), || {
        server.sql("mysql", &format!("ALTER USER {READER}@'%' IDENTIFIED BY 'n3w'; KILL USER {READER}"));
    })
    .await;

    let mut server = mongo().await;
    let config = DirectoryConfig { id: "_id".into(), ..build_config(server.url(READER, "acme")) };
    let kept = Arc::new(Kept(Mutex::new(PASSWORD.to_owned())));
    let directory = understudy_directory::open_with(
        &config,
        Arc::clone(&kept) as Arc<dyn PasswordSource>,
        Arc::new(SystemClock),
    )
    .await
    .unwrap();
    ada_is_there(&*directory).await;
    server.command("admin", doc! { "updateUser": READER, "pwd": "n3w" }).await;
    // Existing connections stay open; only a new one needs the password.
    server.stop();
    server.start_again();
    let error = told(directory.search_users(&query("ada"), &CancellationToken::new()).await.unwrap_err());
    assert_eq!((error.code, error.wants_password), (DirectoryCode::Refused, true), "{error}");
    kept.put("n3w");
    ada_is_there(&*directory).await;
    directory.close().await;
}

// ── generated passwords ────────────────────────────────────────────────────────────────────────────

/// A command that prints the content of `token` and logs each run.
fn printing(folder: &Path) -> Vec<String> {
    let script = "echo run >> runs; cat token";
    let words =
        ["/bin/sh", "-c", "cd \"$0\" && . ./script", &folder.display().to_string()].map(str::to_owned);
    std::fs::write(folder.join("script"), script).unwrap();
    words.into()
}

fn runs(folder: &Path) -> usize {
    std::fs::read_to_string(folder.join("runs")).unwrap_or_default().lines().count()
}

#[tokio::test]
async fn a_password_that_expires_is_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    std::fs::write(&token, format!("{PASSWORD}\n")).unwrap();

    let server = postgres();
    let config = DirectoryConfig {
        password_command: Some(printing(folder.path())),
        ..build_config(server.url(READER, "postgres"))
    };
    // With a command, the stored password is not used.
    let directory = understudy_directory::open(&config, Some(&SecretString::from("wr0ng"))).await.unwrap();
    for _ in 0..3 {
        ada_is_there(&*directory).await;
    }
    assert_eq!(runs(folder.path()), 1, "it is not run for every connection");

    // The token has expired, and all connections are closed.
    std::fs::write(&token, "n3w").unwrap();
    server.sql("postgres", &format!("ALTER ROLE {READER} PASSWORD 'n3w'"));
    let end =
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'understudy'";
    server.sql("postgres", end);
    ada_is_there(&*directory).await;
    assert_eq!(runs(folder.path()), 2);

    // A wrong one is tried twice and no more.
    std::fs::write(&token, "n3w but wrong").unwrap();
    server.sql("postgres", end);
    server.sql("postgres", &format!("ALTER ROLE {READER} PASSWORD 'other'"));
    let error = told(directory.search_users(&query("ada"), &CancellationToken::new()).await.unwrap_err());
    assert_eq!(error.code, DirectoryCode::Refused, "{error}");
    assert_eq!(runs(folder.path()), 3);

    std::fs::remove_file(&token).unwrap();
    let error = fails(&config).await;
    assert!(error.message.contains("sh failed (status 1)") && error.message.contains("token"), "{error}");
}

#[tokio::test]
async fn a_password_command_works_for_every_server() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("token"), PASSWORD).unwrap();
    let password_command = Some(printing(folder.path()));

    let maria = mariadb();
    let config = DirectoryConfig {
        password_command: password_command.clone(),
        ..build_config(maria.url(READER, "acme"))
    };
    let directory = understudy_directory::open(&config, None).await.unwrap();
    ada_is_there(&*directory).await;
    maria.sql("mysql", &format!("ALTER USER {READER}@'%' IDENTIFIED BY 'n3w'; KILL USER {READER}"));
    std::fs::write(folder.path().join("token"), "n3w").unwrap();
    ada_is_there(&*directory).await;
    directory.close().await;

    let mongo = mongo().await;
    std::fs::write(folder.path().join("token"), PASSWORD).unwrap();
    let config = DirectoryConfig {
        password_command,
        id: "_id".into(),
        ..self::build_config(mongo.url(READER, "acme"))
    };
    let directory = understudy_directory::open(&config, None).await.unwrap();
    ada_is_there(&*directory).await;
}

pub async fn mongo() -> MongoServer {
    let server = MongoServer::start().await;
    server.user(READER, PASSWORD, vec![doc! { "role": "read", "db": "acme" }]).await;
    let users = server.database("acme").collection("users");
    users.insert_one(doc! { "_id": 1, "email": "ada@example.com" }).await.unwrap();
    server
}

// ── a tunnel ───────────────────────────────────────────────────────────────────────────────────────

#[tokio::test]
async fn a_database_is_reached_through_another_computer() {
    let mut ssh = SshServer::start();
    let server = postgres();
    let config = DirectoryConfig { ssh: Some(ssh.part()), ..build_config(server.url(READER, "postgres")) };
    let directory = open(&config).await;
    ada_is_there(&*directory).await;
    assert!(!ssh.sessions().is_empty(), "it goes through there");

    // The tunnel dies; then the SSH host is down.
    ssh.cut();
    ada_is_there(&*directory).await;
    ssh.stop();
    let error = told(directory.search_users(&query("ada"), &CancellationToken::new()).await.unwrap_err());
    assert_eq!(error.code, DirectoryCode::Unreachable);
    assert!(error.message.contains("The tunnel through 127.0.0.1"), "{error}");
    assert!(error.message.contains("refused"), "{error}");
    ssh.start_again();
    ada_is_there(&*directory).await;

    // It ends with the directory.
    directory.close().await;
    drop(directory);
    let deadline = Instant::now() + SOON;
    while !ssh.sessions().is_empty() {
        assert!(Instant::now() < deadline, "ssh is left behind");
        tokio::task::yield_now().await;
    }

    why_there_is_no_tunnel(&ssh, &config).await;
}

/// The configuration for this test program when it starts itself in order to be killed.
const HELD: &str = "UNDERSTUDY_TEST_HELD";

#[tokio::test]
async fn ssh_ends_with_a_program_that_is_killed() {
    if let Ok(held) = std::env::var(HELD) {
        let config: DirectoryConfig = serde_json::from_str(&held).unwrap();
        let directory = open(&config).await;
        ada_is_there(&*directory).await;
        writeln!(std::io::stdout(), "{HELD}").unwrap();
        std::future::pending::<()>().await;
    }
    let (server, ssh) = (postgres(), SshServer::start());
    let config = DirectoryConfig { ssh: Some(ssh.part()), ..build_config(server.url(READER, "postgres")) };
    let folders = tempfile::tempdir().unwrap();
    let mut holder = Command::new(std::env::current_exe().unwrap())
        .args(["link::ssh_ends_with_a_program_that_is_killed", "--exact", "--nocapture"])
        .env(HELD, serde_json::to_string(&config).unwrap())
        .env("TMPDIR", folders.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let said = BufReader::new(holder.stdout.take().unwrap()).lines().map_while(Result::ok);
    assert!(said.into_iter().any(|line| line.contains(HELD)), "it holds a tunnel");
    assert!(!ssh.sessions().is_empty(), "it goes through there");
    // As in a crash, or when the system runs out of memory.
    holder.kill().unwrap();
    holder.wait().unwrap();
    let deadline = Instant::now() + SOON;
    while !ssh.sessions().is_empty() {
        assert!(Instant::now() < deadline, "ssh is left behind");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn why_there_is_no_tunnel(ssh: &SshServer, config: &DirectoryConfig) {
    let way = |change: fn(&SshServer, &mut SshConfig)| {
        let mut way = ssh.part();
        change(ssh, &mut way);
        DirectoryConfig { ssh: Some(way), ..config.clone() }
    };
    for (change, message, hint) in [
        ((|_, way| way.host_key = None) as fn(&SshServer, &mut SshConfig), "its key is not known", "ssh -p "),
        (
            |ssh, way| way.host_key = Some(ssh.public_key("other_key")),
            "is not the one in directory.ssh.host_key",
            "right key",
        ),
        (|ssh, way| way.key = Some(ssh.other_key()), "Permission denied", "ssh-add"),
        (|_, way| way.key = Some("/no/such/key".into()), "does not exist", "Check the path"),
        (|_, way| way.port = Some(9), "Connection refused", "port in [directory.ssh]"),
    ] {
        let error = fails(&way(change)).await;
        assert_eq!(error.code, DirectoryCode::Unreachable, "{error}");
        assert!(error.message.contains(message) && error.to_string().contains(hint), "{error}");
    }
    // The tunnel works, but the database is down.
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let gone = format!("postgres://{READER}@127.0.0.1:{free}/postgres");
    let error = fails(&DirectoryConfig { url: gone, ..config.clone() }).await;
    assert!(error.message.contains("Seen from 127.0.0.1: Connection refused"), "{error}");
    assert!(error.message.contains(&free.to_string()), "{error}");
}

#[tokio::test]
async fn a_certificate_is_the_databases_own_at_the_end_of_a_tunnel() {
    let ssh = SshServer::start();
    let server = mariadb();
    let authority = server.authority().display().to_string();
    let at = |host: &str| DirectoryConfig {
        ssh: Some(ssh.part()),
        ..build_config(format!(
            "mysql://{READER}@{host}:{}/acme?ssl-mode=VERIFY_IDENTITY&ssl-ca={authority}",
            server.port()
        ))
    };
    let directory = open(&at("localhost")).await;
    ada_is_there(&*directory).await;
    // A name that is not in the certificate.
    let error = fails(&at("127.0.0.1")).await;
    assert_eq!(error.code, DirectoryCode::Refused);
    assert!(error.message.contains("secure"), "{error}");
}

#[tokio::test]
async fn mongodb_is_asked_through_a_tunnel() {
    let ssh = SshServer::start();
    let server = mongo().await;
    let config = DirectoryConfig {
        ssh: Some(ssh.part()),
        id: "_id".into(),
        ..build_config(server.url(READER, "acme"))
    };
    let directory = open(&config).await;
    ada_is_there(&*directory).await;
    assert!(!ssh.sessions().is_empty(), "it goes through there");
    ssh.cut();
    ada_is_there(&*directory).await;
}

// ── replicas ───────────────────────────────────────────────────────────────────────────────────────

const CONNECTED: &str = "SELECT count(*) > 0 FROM pg_stat_activity WHERE application_name = 'understudy'";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_is_read_where_there_is_one() {
    let mut primary = postgres();
    primary.sql(
        "postgres",
        &format!(
            "CREATE TABLE gate (shut boolean); INSERT INTO gate VALUES (true); ANALYZE;
             CREATE VIEW gated AS SELECT id, email FROM users
               WHERE (SELECT count(pg_sleep(600)) FROM gate WHERE shut) >= 0;
             GRANT SELECT ON gate, gated TO {READER}"
        ),
    );
    let mut replica = primary.replica(&["max_standby_streaming_delay=0", "max_standby_archive_delay=0"]);
    let url = |attributes: &str| {
        let (a, b) = (primary.port(), replica.port());
        format!("postgres://{READER}@127.0.0.1:{a},127.0.0.1:{b}/postgres{attributes}")
    };
    let both = build_config(url(""));
    let only = |word: &str| build_config(url(&format!("?target_session_attrs={word}")));
    let (on_primary, on_replica) = (only("read-write"), only("standby"));

    let directory = open(&both).await;
    ada_is_there(&*directory).await;
    let said = &directory.info().server;
    assert!(
        said.starts_with("PostgreSQL ") && said.ends_with(&format!(" at 127.0.0.1:{}", replica.port())),
        "{said}"
    );
    assert_eq!(
        (primary.sql("postgres", CONNECTED), replica.sql("postgres", CONNECTED)),
        ("f".into(), "t".into())
    );
    let writable = open(&on_primary).await;
    assert!(writable.info().server.ends_with(&format!(":{}", primary.port())));

    // The primary's changes cancel a query on the replica, which is then retried.
    let gated =
        open(&DirectoryConfig { table: "gated".into(), timeout_ms: 30_000, ..on_replica.clone() }).await;
    let searching =
        tokio::spawn(async move { gated.search_users(&query(""), &CancellationToken::new()).await });
    let asleep = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND application_name = 'understudy'";
    let deadline = Instant::now() + SOON;
    while replica.sql("postgres", asleep) != "1" {
        assert!(Instant::now() < deadline, "the question does not begin");
    }
    primary.sql("postgres", "DELETE FROM gate");
    primary.sql("postgres", "VACUUM (TRUNCATE false) gate");
    assert_eq!(searching.await.unwrap().unwrap().rows.len(), 1);

    // The replica stops, and the primary answers.
    replica.stop();
    ada_is_there(&*directory).await;
    let error = fails(&on_replica).await;
    assert_eq!(error.code, DirectoryCode::Unreachable);
    assert!(error.message.contains("asks for one") || error.message.contains("not a replica"), "{error}");
    // The replica returns and the primary stops; a promoted replica is as good as a primary.
    replica.start_again();
    primary.stop();
    ada_is_there(&*directory).await;
    let error = told(writable.search_users(&query("ada"), &CancellationToken::new()).await.unwrap_err());
    assert_eq!(error.code, DirectoryCode::Unreachable);
    replica.promote();
    ada_is_there(&*directory).await;
    ada_is_there(&*writable).await;
    replica.stop();
    let error = told(directory.search_users(&query("ada"), &CancellationToken::new()).await.unwrap_err());
    for port in [primary.port(), replica.port()] {
        assert!(error.message.contains(&port.to_string()), "{error}");
    }
}

#[tokio::test]
async fn of_several_mariadb_servers_one_that_answers_is_read() {
    let server = mariadb();
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("mariadb://{READER}@127.0.0.1:{gone},127.0.0.1:{}/acme", server.port());
    ada_is_there(&*open(&build_config(url.clone())).await).await;
    let error = fails(&build_config(format!("{url}?target_session_attrs=standby"))).await;
    assert_eq!(error.code, DirectoryCode::Unreachable, "{error}");
    server.sql("mysql", "SET GLOBAL read_only = 1");
    ada_is_there(&*open(&build_config(format!("{url}?target_session_attrs=standby"))).await).await;
}

// ── a network that goes silent ─────────────────────────────────────────────────────────────────────

/// A relay to a server that can stop forwarding without closing connections.
struct Wire {
    port: u16,
    is_silent: Arc<AtomicBool>,
}

impl Wire {
    fn to(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let is_silent = Arc::new(AtomicBool::new(false));
        let silent = Arc::clone(&is_silent);
        std::thread::spawn(move || {
            // Connections that went silent stay so, as when the network comes back on another address.
            let mut swallowed = Vec::new();
            for near in listener.incoming().map_while(Result::ok) {
                if silent.load(Ordering::Relaxed) {
                    swallowed.push(near);
                    continue;
                }
                let far = TcpStream::connect(("127.0.0.1", server)).unwrap();
                for (from, to) in [(&near, &far), (&far, &near)] {
                    let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                    let silent = Arc::clone(&silent);
                    std::thread::spawn(move || carry(from, to, &silent));
                }
            }
        });
        Self { port, is_silent }
    }

    fn is_silent(&self, silent: bool) {
        self.is_silent.store(silent, Ordering::Relaxed);
    }
}

fn carry(mut from: TcpStream, mut to: TcpStream, silent: &AtomicBool) {
    let mut bytes = [0; 16 * 1024];
    let mut lost = false;
    while let Ok(read @ 1..) = from.read(&mut bytes) {
        lost |= silent.load(Ordering::Relaxed);
        if !lost && to.write_all(&bytes[..read]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}

async fn a_silent_network_is_told_and_survived(config: DirectoryConfig, server: u16) {
    let wire = Wire::to(server);
    let at = |port: u16| config.url.replace(&format!(":{server}"), &format!(":{port}"));
    let config = DirectoryConfig { url: at(wire.port), ..config.clone() };
    let directory = open(&config).await;
    ada_is_there(&*directory).await;

    wire.is_silent(true);
    let began = Instant::now();
    let error = told(directory.search_users(&query("ada"), &CancellationToken::new()).await.unwrap_err());
    assert_eq!(error.code, DirectoryCode::Unreachable, "{error}");
    assert!(error.message.contains("does not answer"), "{error}");
    // The relay accepts the connection but does not respond.
    let error = fails(&config).await;
    assert_eq!(error.code, DirectoryCode::Unreachable, "{error}");
    assert!(began.elapsed() < 2 * SOON, "{:?}", began.elapsed());

    wire.is_silent(false);
    ada_is_there(&*directory).await;
}

#[tokio::test]
async fn postgres_behind_a_silent_network() {
    let server = postgres();
    a_silent_network_is_told_and_survived(build_config(server.url(READER, "postgres")), server.port()).await;
}

#[tokio::test]
async fn mariadb_behind_a_silent_network() {
    let server = mariadb();
    a_silent_network_is_told_and_survived(build_config(server.url(READER, "acme")), server.port()).await;
}

#[tokio::test]
async fn mongodb_behind_a_silent_network() {
    let server = mongo().await;
    let config = DirectoryConfig { id: "_id".into(), ..build_config(server.url(READER, "acme")) };
    a_silent_network_is_told_and_survived(config, server.port()).await;
}

//! One search in all connections, over real databases, one that is down and some that never say a word.

use std::sync::Arc;

use mongodb::bson::doc;
use secrecy::SecretString;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use understudy_core::connection::DATABASE_PASSWORD;
use understudy_core::console::{Console, FoundUsers};
use understudy_core::directory::ListRequest;
use understudy_core::error::{Code, Error};
use understudy_core::home::Home;
use understudy_core::vault::Keep;
use understudy_test_support::mariadb::MariaDbServer;
use understudy_test_support::mongod::MongoServer;
use understudy_test_support::postgres::PostgresServer;

use crate::test_console::{Desk, three_users};

const PASSWORD: &str = "r3ad";
const ADA: &str = "ada@example.com";

/// Adds a connection whose users are at `url`; `more` are further lines of its directory.
fn add_connection(desk: &Desk, name: &str, url: &str, more: &str) {
    let id = if url.starts_with("mongodb") { "_id" } else { "id" };
    let text = format!(
        "name = \"{name}\"\nenvironment = \"staging\"\n[directory]\nurl = \"{url}\"\ntable = \"users\"\n\
         id = \"{id}\"\nemail = \"email\"\n{more}\n[sign_in]\nurl = \"http://127.0.0.1/login\"\n"
    );
    let folder = Home::in_folder(desk.home.path()).connections_dir().expect("a folder");
    std::fs::write(folder.join(format!("{name}.toml")), text).expect("written");
    let list = desk.console.load_connections();
    assert!(list.problems.is_empty(), "{:?}", list.problems);
}

async fn store_password(desk: &Desk, connection: &str) {
    let value = SecretString::from(PASSWORD);
    desk.console.store_secret(connection, DATABASE_PASSWORD, value, Keep::Stored).await.expect("stored");
}

fn look_up(console: &Arc<Console>, connection: &str, turn: u64) -> JoinHandle<Result<FoundUsers, Error>> {
    let (console, connection) = (Arc::clone(console), connection.to_owned());
    tokio::spawn(async move { console.look_up_users(&connection, ADA, turn).await })
}

/// The IDs of those whom the connection knows by Ada's address.
async fn ids_in(desk: &Desk, connection: &str, turn: u64) -> Vec<String> {
    let found = desk.console.look_up_users(connection, ADA, turn).await;
    let found = found.unwrap_or_else(|error| panic!("{connection}: {error}"));
    assert_eq!(found.columns.len(), found.listed.page.rows.first().map_or(2, |row| row.cells.len()));
    found.listed.page.rows.into_iter().map(|row| row.id).collect()
}

/// A server that takes connections and says nothing.
async fn silent_server() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("postgres://support@{}/acme", listener.local_addr().expect("bound"));
    (listener, url)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_connection_answers_when_it_can_and_holds_up_no_other() {
    let desk = Desk::new().await;
    // This one is given up soon, by its own limit; the next one hardly ever.
    let (soon, url) = silent_server().await;
    add_connection(&desk, "soon", &url, "timeout_ms = 100\npatience = 300");
    let (_hanging, url) = silent_server().await;
    add_connection(&desk, "hanging", &url, "timeout_ms = 60000\npatience = 300");
    for connection in ["soon", "hanging"] {
        store_password(&desk, connection).await;
    }
    let (gives_up, hangs) = (look_up(&desk.console, "soon", 1), look_up(&desk.console, "hanging", 1));
    soon.accept().await.expect("it is asked");

    let postgres = PostgresServer::start();
    postgres.sql(
        "postgres",
        &format!(
            "CREATE ROLE support LOGIN PASSWORD '{PASSWORD}'; CREATE TABLE users (id int PRIMARY KEY, email text);
             INSERT INTO users VALUES (1, '{ADA}'), (2, 'bea@example.com'); GRANT SELECT ON users TO support"
        ),
    );
    add_connection(&desk, "postgres", &postgres.url("support", "postgres"), "");
    let mariadb = MariaDbServer::start();
    mariadb.sql(
        "mysql",
        &format!(
            "CREATE USER support@'%' IDENTIFIED BY '{PASSWORD}'; CREATE DATABASE acme;
             CREATE TABLE acme.users (id int PRIMARY KEY, email varchar(50));
             INSERT INTO acme.users VALUES (3, '{ADA}'); GRANT SELECT ON acme.* TO support@'%'"
        ),
    );
    add_connection(&desk, "mariadb", &mariadb.url("support", "acme"), "");
    let mongod = MongoServer::start().await;
    mongod.user("support", PASSWORD, vec![doc! { "role": "read", "db": "acme" }]).await;
    let users = mongod.database("acme").collection("users");
    users.insert_one(doc! { "_id": 4, "email": ADA }).await.expect("inserted");
    add_connection(&desk, "mongod", &mongod.url("support", "acme"), "");
    let nothing = TcpListener::bind("127.0.0.1:0").await.expect("a port").local_addr().expect("bound");
    add_connection(&desk, "down", &format!("postgres://support@{nothing}/acme"), "");
    for connection in ["postgres", "mariadb", "mongod", "down"] {
        store_password(&desk, connection).await;
    }

    add_connection(&desk, "sqlite", &three_users(desk.home.path()).await, "");

    // All of them are asked with the same turn as the one that hangs.
    assert_eq!(ids_in(&desk, "postgres", 1).await, ["1"]);
    assert_eq!(ids_in(&desk, "mariadb", 1).await, ["3"]);
    assert_eq!(ids_in(&desk, "mongod", 1).await, ["4"]);
    assert_eq!(ids_in(&desk, "sqlite", 1).await, ["7"]);
    let down = desk.console.look_up_users("down", ADA, 1).await.expect_err("nothing runs there");
    assert_eq!(down.code, Code::DirectoryUnreachable);
    assert!(down.message.contains("does not answer"), "{down}");
    let late = gives_up.await.expect("no panic").expect_err("it says nothing");
    assert_eq!(late.code, Code::DirectoryTimeout, "{late}");
    assert!(late.message.contains("did not answer within 6 s"), "{late}");
    assert!(!hangs.is_finished());

    // The agent's own list is not in the way, nor are the lookups in its.
    let listed = desk.console.list_users("postgres", &ListRequest::first_page("bea", 5), 1).await;
    assert_eq!(listed.expect("it answers").page.rows[0].id, "2");

    // The next text ends what is left of this one.
    assert_eq!(ids_in(&desk, "postgres", 2).await, ["1"]);
    let superseded = hangs.await.expect("no panic").expect_err("it was superseded");
    assert_eq!(superseded.code, Code::Cancelled);
    // So does closing the view.
    let hangs = look_up(&desk.console, "hanging", 2);
    desk.console.stop_lookups(2);
    assert_eq!(hangs.await.expect("no panic").expect_err("it was stopped").code, Code::Cancelled);
}

#[tokio::test]
async fn a_connection_counts_as_used_once_it_was_opened_and_is_not_opened_to_find_out() {
    let desk = Desk::new().await;
    let (unused, url) = silent_server().await;
    add_connection(&desk, "unused", &url, "");
    assert!(desk.console.used_connections().await.expect("the log is read").is_empty());
    add_connection(&desk, "used", &three_users(desk.home.path()).await, "");
    desk.console.list_users("used", &ListRequest::first_page("", 5), 1).await.expect("it answers");
    assert_eq!(desk.console.used_connections().await.expect("the log is read"), ["used"]);
    assert_eq!(ids_in(&desk, "used", 1).await, ["7"]);
    let unasked = unused.into_std().expect("a listener").accept().expect_err("nobody connects");
    assert_eq!(unasked.kind(), std::io::ErrorKind::WouldBlock);
}

#[tokio::test]
async fn a_locked_keyring_is_said_by_each_connection_that_needs_it() {
    let desk = Desk::new().await;
    let (server, url) = silent_server().await;
    for connection in ["one", "two"] {
        add_connection(&desk, connection, &url, "");
        store_password(&desk, connection).await;
    }
    desk.keyring.lock();
    for connection in ["one", "two"] {
        let locked = desk.console.look_up_users(connection, ADA, 1).await.expect_err("it is locked");
        assert!(locked.message.contains("keyring"), "{locked}");
    }
    add_connection(&desk, "file", &three_users(desk.home.path()).await, "");
    assert_eq!(ids_in(&desk, "file", 1).await, ["7"], "a file needs no password");
    let unasked = server.into_std().expect("a listener").accept().expect_err("nobody connects");
    assert_eq!(unasked.kind(), std::io::ErrorKind::WouldBlock);
}

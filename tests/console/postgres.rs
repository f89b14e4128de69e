//! The same story with the customers in PostgreSQL, read by a read-only role.

use std::io::Write;

use serde_json::Map;
use understudy_core::connection::DATABASE_PASSWORD;
use understudy_core::directory::ListRequest;
use understudy_core::error::{Code, SecretName};
use understudy_core::policy::Standing;
use understudy_core::secrets::way_in;
use understudy_core::session::Phase;
use understudy_demo::LoginAnswer;
use understudy_test_support::browser::Shown;
use understudy_test_support::postgres::PostgresServer;

use crate::story;
use crate::test_console::{Desk, replace_line, without_orders};

const PASSWORD: &str = "r3ad:er/p@ss word";

#[tokio::test]
async fn an_agent_finds_a_customer_in_postgresql_becomes_them_and_leaves() {
    let server = PostgresServer::start();
    let desk = desk_at(&server).await;
    let info = desk.console.directory_info("shop").await.expect("it opens");
    assert!(info.server.starts_with("PostgreSQL"), "{}", info.server);

    let name = SecretName { connection: "shop".into(), name: DATABASE_PASSWORD.into() };
    // The administrator changes the password while the console runs. The error names the secret; once the new one is
    // stored, with `understudy secret set` in a terminal, the next search works.
    server.sql(
        "postgres",
        "ALTER ROLE support PASSWORD 'n3w';
         SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'support'",
    );
    let refused = desk
        .console
        .search_users("shop", &ListRequest::first_page("an", 5), 0)
        .await
        .expect_err("it is refused");
    assert_eq!((refused.code, refused.secret.as_ref()), (Code::DirectoryRefused, Some(&name)), "{refused}");
    desk.keep(DATABASE_PASSWORD, "n3w").await;
    let page = desk
        .console
        .search_users("shop", &ListRequest::first_page("an", 5), 0)
        .await
        .expect("it is answered");
    assert_eq!(page.rows.len(), 5);

    story::find_become_and_leave(desk).await;
}

/// The command that prints the database password, when the test lets it.
struct Gate(std::path::PathBuf);

impl Gate {
    /// Makes the command wait from now on.
    fn shut(&self) {
        let _ = std::fs::remove_file(&self.0);
        let made = std::process::Command::new("mkfifo").arg(&self.0).status().expect("it runs");
        assert!(made.success());
    }

    /// Waits until the command runs. Writing to the file lets it continue; later runs don't wait.
    async fn is_asked(&self) -> std::fs::File {
        let path = self.0.clone();
        let open = move || std::fs::File::options().write(true).open(path).expect("a pipe");
        let asked = tokio::task::spawn_blocking(open).await.expect("no panic");
        let open = self.0.with_extension("open");
        std::fs::write(&open, PASSWORD).expect("written");
        std::fs::rename(&open, &self.0).expect("in its place");
        asked
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn users_are_judged_by_the_policy_of_the_file_they_were_read_with() {
    let server = PostgresServer::start();
    server.sql(
        "postgres",
        &format!(
            "CREATE TABLE users (id text PRIMARY KEY); INSERT INTO users VALUES ('ada');
             CREATE TABLE staff (id text PRIMARY KEY); INSERT INTO staff VALUES ('root');
             CREATE ROLE support LOGIN PASSWORD '{PASSWORD}'; GRANT SELECT ON users, staff TO support"
        ),
    );
    let folder = tempfile::tempdir().expect("a folder");
    let gate = Gate(folder.path().join("password"));
    let file = |table: &str, policy: &str| {
        format!(
            "name = \"Shop\"\nenvironment = \"staging\"\n[directory]\nurl = \"{}\"\ntable = \"{table}\"\n\
             id = \"id\"\npassword_command = [\"/bin/cat\", \"{}\"]\n\
             [sign_in]\nurl = \"http://127.0.0.1/login\"\n[policy]\n{policy}\n",
            server.url("support", "postgres"),
            gate.0.display()
        )
    };
    let (customers, staff) = (file("users", ""), file("staff", "protect = [\"true\"]"));
    let desk = Desk::with_connection(|_| customers.clone()).await;
    let (name, there) =
        way_in(&desk.console.find_connection("shop").expect("it is there")).expect("a program");
    desk.vault.let_run_for_now(&name, &there);

    // A list waits for its database while the file is saved.
    gate.shut();
    let console = std::sync::Arc::clone(&desk.console);
    let listing =
        tokio::spawn(async move { console.list_users("shop", &ListRequest::first_page("", 5), 1).await });
    let mut asked = gate.is_asked().await;
    desk.console.save_connection(Some("shop"), &staff).await.expect("saved");
    asked.write_all(PASSWORD.as_bytes()).expect("answered");
    drop(asked);
    let listed = listing.await.expect("no panic").expect("a list");
    assert_eq!((listed.page.rows[0].id.as_str(), &listed.standings[0]), ("ada", &Standing::Free));
    let listed = desk.console.list_users("shop", &ListRequest::first_page("", 5), 2).await.expect("a list");
    assert!(matches!(listed.standings[0], Standing::Protected(_)) && listed.page.rows[0].id == "root");

    // The same with one user's details.
    gate.shut();
    desk.console.save_connection(Some("shop"), &customers).await.expect("saved");
    let console = std::sync::Arc::clone(&desk.console);
    let looking = tokio::spawn(async move { console.user_details("shop", "ada").await });
    let mut asked = gate.is_asked().await;
    desk.console.save_connection(Some("shop"), &staff).await.expect("saved");
    asked.write_all(PASSWORD.as_bytes()).expect("answered");
    drop(asked);
    assert_eq!(looking.await.expect("no panic").expect("details").standing, Standing::Free);
    let details = desk.console.user_details("shop", "root").await.expect("details");
    assert!(matches!(details.standing, Standing::Protected(_)));
}

#[tokio::test]
async fn a_retry_does_not_go_on_through_another_computer() {
    let server = PostgresServer::start();
    let mut desk = desk_at(&server).await;
    desk.demo.application.change_faults(|faults| faults.login = LoginAnswer::Status(503));
    let user = desk.find("").await.remove(0);
    let begun = desk.console.impersonate("shop", &user.id, "a", Map::new()).await.expect("the window opens");
    desk.until(&begun.id, Phase::Refused).await;
    // Through a tunnel, the same address may be another server, with other people's IDs.
    let text = desk.console.read_draft("shop").expect("it is there").text;
    let through =
        replace_line(&text, "table      =", "ssh = { host = \"127.0.0.1\", port = 1 }\ntable = \"users\"");
    desk.console.save_connection(Some("shop"), &through).await.expect("saved");
    desk.console.retry_session(&begun.id).expect("it is there");
    desk.until(&begun.id, Phase::Opening).await;
    desk.until(&begun.id, Phase::Refused).await;
    match desk.browser.shown(&begun.id) {
        Some(Shown::Refusal(refusal)) => {
            assert!(refusal.title.contains("where its users are"), "{refusal:?}");
        }
        other => panic!("a refusal is shown, not {other:?}"),
    }
    let logins = desk.demo.application.journal().iter().filter(|one| one.path == "/login").count();
    assert_eq!(logins, 1, "nothing was sent again");
}

/// A desk whose customers are in PostgreSQL.
async fn desk_at(server: &PostgresServer) -> Desk {
    let mut file = String::new();
    let desk = Desk::with_connection(|text| {
        read_between(&text, "\"sqlite://", "\"").clone_into(&mut file);
        let url = format!("url = \"{}\"", server.url("support", "postgres"));
        replace_line(&without_orders(&text), "url        =", &url)
    })
    .await;
    server.sql("postgres", &some_customers(&file).await);
    desk.keep(DATABASE_PASSWORD, PASSWORD).await;
    desk
}

/// Some of the demo's customers, who are known to its application, as SQL for PostgreSQL.
async fn some_customers(file: &str) -> String {
    let demo = sqlx::SqlitePool::connect(&format!("sqlite://{file}?mode=ro")).await.expect("opens");
    let rows: Vec<String> = sqlx::query_scalar(
        "SELECT 'INSERT INTO users VALUES (' || id || ',' || quote(email) || ',' || quote(full_name) || ','
            || quote(plan) || ',' || quote(company_name) || ',' || quote(role) || ',' || quote(locale) || ','
            || quote(created_at) || ',' || quote(last_login_at) || ');'
         FROM users WHERE email LIKE 'an%' ORDER BY id LIMIT 50",
    )
    .fetch_all(&demo)
    .await
    .expect("customers");
    assert_eq!(rows.len(), 50);
    format!(
        "CREATE TABLE users (id BIGINT PRIMARY KEY, email TEXT NOT NULL, full_name TEXT, plan TEXT, company_name TEXT,
            role TEXT, locale TEXT, created_at TIMESTAMPTZ, last_login_at TIMESTAMPTZ);
         {}
         CREATE ROLE support LOGIN PASSWORD '{PASSWORD}'; GRANT SELECT ON users TO support",
        rows.join("\n")
    )
}

fn read_between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    let (_, rest) = text.split_once(before).expect("it begins");
    rest.split_once(after).expect("it ends").0
}

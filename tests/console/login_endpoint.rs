//! The login endpoint that the README gives to copy: this very file, driven by the real core.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use understudy_core::session::Phase;
use understudy_test_support::browser::Shown;

use crate::desk_of_support::{Desk, TOKEN};

struct Endpoint {
    child: Child,
    origin: String,
    log: BufReader<std::process::ChildStdout>,
}

impl Endpoint {
    fn start() -> Self {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/login-endpoint/express");
        let mut child = Command::new("node")
            .arg("server.mjs")
            .current_dir(folder)
            .env("SESSION_SECRET", "only for this test")
            .env("ADMIN_TOKEN", TOKEN)
            .stdout(Stdio::piped())
            .spawn()
            .expect("node runs");
        let mut log = BufReader::new(child.stdout.take().expect("piped"));
        let line = next_line(&mut log);
        let origin = line["listening"]
            .as_str()
            .unwrap_or_else(|| panic!("run `npm ci` in {folder}: {line}"))
            .to_owned();
        Self { child, origin, log }
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn next_line(log: &mut impl BufRead) -> serde_json::Value {
    let mut line = String::new();
    log.read_line(&mut line).expect("readable");
    serde_json::from_str(&line).unwrap_or_default()
}

/// A directory with the endpoint's own two users.
async fn directory(folder: &std::path::Path) -> String {
    let file = folder.join("users.sqlite");
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&file).create_if_missing(true);
    let pool = sqlx::SqlitePool::connect_with(options).await.expect("opens");
    sqlx::query("CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT, full_name TEXT, plan TEXT, company_name TEXT, created_at TEXT)").execute(&pool).await.expect("made");
    sqlx::query("INSERT INTO users (id, email) VALUES (7, 'ada@example.com'), (8, 'root@example.com'), (9, 'gone@example.com')")
        .execute(&pool)
        .await
        .expect("filled");
    pool.close().await;
    format!("sqlite://{}", file.display())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_endpoint_of_the_readme_signs_a_customer_in_and_refuses_the_rest() {
    let mut endpoint = Endpoint::start();
    let folder = tempfile::tempdir().expect("a folder");
    let url = directory(folder.path()).await;
    let origin = &endpoint.origin;
    let readme = include_str!("../../README.md");
    let connection = readme
        .split("```toml\n")
        .nth(1)
        .and_then(|rest| rest.split("```").next())
        .expect("the README has a connection file")
        .replace("postgres://readonly@db.acme.internal/acme", &url)
        .replace("public.users", "users")
        .replace("https://app.acme.com", origin);
    let mut desk = Desk::with_connection(|_| connection).await;

    let session = desk.console.impersonate("shop", "7", "ticket 12").await.expect("begins");
    desk.until(&session.id, Phase::Active).await;
    assert_eq!(next_line(&mut endpoint.log)["impersonation"], 7);
    let me = desk.browser.visit(&session.id, &format!("{origin}/api/me")).await;
    assert!(me.body.contains("\"id\":7"), "{}", me.body);

    for (user, status) in [("8", 403), ("9", 404)] {
        let session = desk.console.impersonate("shop", user, "ticket 12").await.expect("the window opens");
        desk.until(&session.id, Phase::Refused).await;
        let Some(Shown::Refusal(refusal)) = desk.browser.shown(&session.id) else { panic!("refused") };
        assert_eq!(refusal.status, Some(status));
    }
}

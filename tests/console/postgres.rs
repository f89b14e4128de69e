//! The same story with the customers in PostgreSQL, read by a role that may only read.

use understudy_core::connection::DATABASE_PASSWORD;
use understudy_core::directory::Query;
use understudy_core::error::{Code, SecretName};
use understudy_test_support::postgres::PostgresServer;

use crate::desk_of_support::{Desk, replace_line};
use crate::story;

const PASSWORD: &str = "r3ad:er/p@ss word";

#[tokio::test]
async fn an_agent_finds_a_customer_in_postgresql_becomes_them_and_leaves() {
    let server = PostgresServer::start();
    let mut file = String::new();
    let desk = Desk::with_connection(|text| {
        file = read_between(&text, "\"sqlite://", "\"").to_owned();
        let url = format!("url = \"{}\"", server.url("support", "postgres"));
        replace_line(&text, "url        =", &url)
    })
    .await;
    server.sql("postgres", &some_customers(&file).await);
    desk.keep(DATABASE_PASSWORD, PASSWORD).await;
    let info = desk.console.directory_info("shop").await.expect("it opens");
    assert!(info.server.starts_with("PostgreSQL"), "{}", info.server);

    let name = SecretName { connection: "shop".into(), name: DATABASE_PASSWORD.into() };
    // Its administrator changes the password while the console runs. The refusal names the secret; once the new one
    // is stored, with `understudy secret set` in a terminal, the next search is answered.
    server.sql(
        "postgres",
        "ALTER ROLE support PASSWORD 'n3w';
         SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'support'",
    );
    let refused = desk.console.search("shop", &Query::first("an", 5), 0).await.expect_err("it is refused");
    assert_eq!((refused.code, refused.secret.as_ref()), (Code::DirectoryRefused, Some(&name)), "{refused}");
    desk.keep(DATABASE_PASSWORD, "n3w").await;
    let page = desk.console.search("shop", &Query::first("an", 5), 0).await.expect("it is answered");
    assert_eq!(page.rows.len(), 5);

    story::find_become_and_leave(desk).await;
}

/// Some of the demo's customers, whom its application knows, as SQL that PostgreSQL understands too.
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

//! A table locked by another program is reported as locked, not as an unreachable server or a missing index.

use std::sync::Arc;

use sqlx::mysql::{MySqlConnectOptions, MySqlConnection};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};
use tokio_util::sync::CancellationToken;
use understudy_directory::Directory;
use understudy_directory::{DirectoryCode, DirectoryError};
use understudy_directory::{DirectoryConfig, RelatedTable};
use understudy_test_support::postgres::{ADMIN, ADMIN_PASSWORD};

use crate::link::{READER, ada_is_there, build_config, fails, mariadb, open, postgres};
use crate::story::query;

fn is_told_as_locked(error: &DirectoryError) {
    assert_eq!(error.code, DirectoryCode::Timeout, "{error}");
    assert!(error.message.contains("users is locked by another program"), "{error}");
    let text = error.to_string();
    assert!(!text.contains("VPN") && !text.contains("index"), "{text}");
}

async fn the_search_says_so(directory: &Arc<dyn Directory>) {
    let error =
        directory.search_users(&query("ada"), &CancellationToken::new()).await.expect_err("it is locked");
    is_told_as_locked(&error);
    is_told_as_locked(&directory.find_user("1").await.expect_err("it is locked"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_locked_table_in_postgres_is_reported_as_locked() {
    let server = postgres();
    let users = build_config(server.url(READER, "postgres"));
    let directory = open(&users).await;
    ada_is_there(&*directory).await;
    let url: PgConnectOptions = server.url(ADMIN, "postgres").parse().unwrap();
    let mut admin = url.password(ADMIN_PASSWORD).connect().await.unwrap();

    // A migration in progress.
    let run = async |admin: &mut PgConnection, sql: &str| {
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(admin).await.unwrap();
    };
    run(&mut admin, "BEGIN; ALTER TABLE users ADD COLUMN plan text").await;
    the_search_says_so(&directory).await;
    // While it is locked, its indexes are unknown; none is reported as missing.
    is_told_as_locked(&fails(&users).await);
    run(&mut admin, "COMMIT").await;
    ada_is_there(&*directory).await;
    let coverage = open(&users).await.info().coverage.clone();
    assert!(coverage.iter().any(|one| one.index.as_deref() == Some("users_pkey")), "{coverage:?}");

    // The administrator's longer limit does not extend ours.
    server.sql("postgres", &format!("ALTER ROLE {READER} SET lock_timeout = '1min'"));
    run(&mut admin, "BEGIN; LOCK TABLE users").await;
    is_told_as_locked(&fails(&users).await);
    run(&mut admin, "ROLLBACK").await;
    ada_is_there(&*open(&users).await).await;
    admin.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_locked_table_in_mariadb_is_reported_as_locked() {
    let server = mariadb();
    server.sql("mysql", "CREATE USER boss@'%' IDENTIFIED BY 'b0ss'; GRANT ALL ON acme.* TO boss@'%'");
    let users = DirectoryConfig { timeout_ms: 5000, ..build_config(server.url(READER, "acme")) };
    let directory = open(&users).await;
    ada_is_there(&*directory).await;
    let url: MySqlConnectOptions = server.url("boss", "acme").parse().unwrap();
    let mut boss: MySqlConnection = url.password("b0ss").connect().await.unwrap();
    sqlx::raw_sql("LOCK TABLES users WRITE").execute(&mut boss).await.unwrap();
    the_search_says_so(&directory).await;
    sqlx::raw_sql("UNLOCK TABLES").execute(&mut boss).await.unwrap();
    ada_is_there(&*directory).await;
    boss.close().await.unwrap();

    // A table that is being recreated: not even its columns are visible meanwhile.
    let rebuild = "CREATE OR REPLACE TABLE users (id int PRIMARY KEY, email varchar(50))
                   SELECT 1 AS id, 'ada@example.com' AS email FROM (SELECT SLEEP(600)) AS nap";
    let mut boss: MySqlConnection = server
        .url("boss", "acme")
        .parse::<MySqlConnectOptions>()
        .unwrap()
        .password("b0ss")
        .connect()
        .await
        .unwrap();
    let rebuilding = tokio::spawn(async move { sqlx::raw_sql(rebuild).execute(&mut boss).await.map(drop) });
    let rebuilds =
        "SELECT count(*) FROM information_schema.processlist WHERE user = 'boss' AND state = 'User sleep'";
    crate::mysql::wait_for(&server, rebuilds, "1");
    the_search_says_so(&directory).await;
    is_told_as_locked(&fails(&users).await);
    server.sql("mysql", "KILL QUERY USER boss");
    rebuilding.await.unwrap().expect_err("it was ended");
    server.sql(
        "acme",
        "CREATE OR REPLACE TABLE users (id int PRIMARY KEY, email varchar(50));
         INSERT INTO users VALUES (1, 'ada@example.com')",
    );
    ada_is_there(&*directory).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_locked_related_table_keeps_no_one_from_being_found_by_what_the_users_hold() {
    let server = postgres();
    server.sql(
        "postgres",
        &format!(
            "CREATE TABLE orders (id int PRIMARY KEY, number text UNIQUE, user_id int);
             CREATE INDEX orders_user ON orders (user_id);
             INSERT INTO orders VALUES (1, 'ORD-1', 1); GRANT SELECT ON orders TO {READER}"
        ),
    );
    let orders = RelatedTable {
        label: "Order".into(),
        table: "orders".into(),
        user: "user_id".into(),
        through: None,
        leads_to: None,
        id: None,
        created_at: None,
        identify: vec!["number".into()],
        describe: vec![],
        url: None,
    };
    let users = build_config(server.url(READER, "postgres"));
    let directory = open(&DirectoryConfig { related: vec![orders], ..users }).await;
    let found = async |text: &str| directory.search_users(&query(text), &CancellationToken::new()).await;
    assert_eq!(found("ORD-1").await.unwrap().rows.len(), 1);

    let url: PgConnectOptions = server.url(ADMIN, "postgres").parse().unwrap();
    let mut admin = url.password(ADMIN_PASSWORD).connect().await.unwrap();
    sqlx::raw_sql("BEGIN; LOCK TABLE orders").execute(&mut admin).await.unwrap();
    ada_is_there(&*directory).await;
    // "No one" would not be true.
    let error = found("ORD-1").await.expect_err("it is locked");
    assert!(error.message.contains("orders is locked by another program"), "{error}");
    sqlx::raw_sql("ROLLBACK").execute(&mut admin).await.unwrap();
    assert_eq!(found("ORD-1").await.unwrap().rows.len(), 1);
    admin.close().await.unwrap();
}

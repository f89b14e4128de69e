//! Numeric IDs: a search finds exactly that number, not one that the database rounds it to, and a sign-in sends all of
//! its digits.

use secrecy::SecretString;
use serde_json::{Value, json};
use understudy_directory::Directory;
use understudy_directory::DirectoryConfig;
#[cfg(target_os = "linux")]
use understudy_test_support::{mariadb::MariaDbServer, postgres::PostgresServer};

use crate::story::{query, search};

fn build_config(url: String, table: &str) -> DirectoryConfig {
    DirectoryConfig {
        table: table.into(),
        email: Some("email".into()),
        name: None,
        created_at: None,
        columns: vec![],
        ..crate::build_config(url)
    }
}

/// The users that a text finds by ID, with the ID that a sign-in would send.
async fn found(directory: &dyn Directory, text: &str) -> Vec<(String, Value)> {
    let page = search(directory, &query(text)).await;
    let info = directory.info();
    let of = |row: &understudy_directory::Row| (row.id.clone(), info.user_context(row)["id"].clone());
    page.rows.iter().map(of).collect()
}

/// Each of `finds` finds one user and sends the given value, none of `nobody` finds any, and each user opens by ID.
async fn story(url: String, table: &str, finds: &[(&str, Value)], nobody: &[&str]) {
    let config = build_config(url, table);
    let directory = understudy_directory::open(&config, Some(&SecretString::from(PASSWORD))).await.unwrap();
    for (text, sent) in finds {
        let found = found(&*directory, text).await;
        let [(id, value)] = &found[..] else { panic!("{table}: {text} finds {found:?}") };
        assert_eq!(value, sent, "{table}: {text} sends another value");
        let opened = directory.find_user(id).await.unwrap().expect("whoever is listed opens");
        assert_eq!(directory.info().user_context(&opened)["id"], *sent, "{table}: {id}");
    }
    for text in nobody {
        assert_eq!(found(&*directory, text).await, [], "{table}: {text} is nobody");
        assert!(directory.find_user(text).await.unwrap().is_none(), "{table}: {text} opens nobody");
    }
    directory.close().await;
}

const PASSWORD: &str = "r3ader";
const HUGE: &str = "123456789012345678901234567890";

#[cfg(target_os = "linux")]
#[tokio::test]
async fn on_postgres() {
    let server = PostgresServer::start();
    server.sql(
        "postgres",
        &format!(
            "CREATE TABLE singles (id real PRIMARY KEY, email text); INSERT INTO singles VALUES (16777216, 'a'), (1.1, 'b');
             CREATE TABLE doubles (id float8 PRIMARY KEY, email text); INSERT INTO doubles VALUES (9007199254740992, 'a'), (0.1, 'b');
             CREATE TABLE decimals (id numeric PRIMARY KEY, email text);
             INSERT INTO decimals VALUES ({HUGE}, 'a'), (12345678901234567.25, 'b'), (7, 'c');
             CREATE TABLE times (id timestamptz PRIMARY KEY, email text); INSERT INTO times VALUES ('2024-01-01 10:00:00.123456Z', 'a');
             CREATE ROLE reader LOGIN PASSWORD '{PASSWORD}'; GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader"
        ),
    );
    let url = || server.url("reader", "postgres");
    story(
        url(),
        "singles",
        &[("16777216", json!(16_777_216)), ("1.1", json!(1.1))],
        &["16777217", "1.10000001"],
    )
    .await;
    let doubles = [("9007199254740992", json!(9_007_199_254_740_992_i64)), ("0.1", json!(0.1))];
    story(url(), "doubles", &doubles, &["9007199254740993", "0.1000000000000000001"]).await;
    let decimals =
        [(HUGE, json!(HUGE)), ("12345678901234567.25", json!("12345678901234567.25")), ("7", json!(7))];
    story(url(), "decimals", &decimals, &["123456789012345678901234567891", "12345678901234567.3"]).await;
    let shown = "2024-01-01T10:00:00.123456Z";
    story(url(), "times", &[(shown, json!(shown))], &["2024-01-01T10:00:00.123457Z"]).await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn on_mariadb() {
    let server = MariaDbServer::start();
    server.sql(
        "mysql",
        &format!(
            "CREATE DATABASE shop; USE shop;
             CREATE TABLE singles (id float PRIMARY KEY, email text); INSERT INTO singles VALUES (16777216, 'a'), (1.1, 'b');
             CREATE TABLE doubles (id double PRIMARY KEY, email text); INSERT INTO doubles VALUES (9007199254740992, 'a'), (0.1, 'b');
             CREATE TABLE decimals (id decimal(40,10) PRIMARY KEY, email text);
             INSERT INTO decimals VALUES ({HUGE}, 'a'), (12345678901234567.25, 'b');
             CREATE USER reader IDENTIFIED BY '{PASSWORD}'; GRANT SELECT ON shop.* TO reader"
        ),
    );
    let url = || server.url("reader", "shop");
    story(
        url(),
        "singles",
        &[("16777216", json!(16_777_216)), ("1.1", json!(1.1))],
        &["16777217", "16777200"],
    )
    .await;
    let doubles = [("9007199254740992", json!(9_007_199_254_740_992_i64)), ("0.1", json!(0.1))];
    story(url(), "doubles", &doubles, &["9007199254740993", "0.1000000000000000001"]).await;
    let huge = format!("{HUGE}.0000000000");
    let decimals = [(HUGE, json!(huge)), ("12345678901234567.25", json!("12345678901234567.2500000000"))];
    story(url(), "decimals", &decimals, &["123456789012345678901234567891"]).await;
}

#[tokio::test]
async fn on_sqlite() {
    use sqlx::Connection;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("users.sqlite");
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&file).create_if_missing(true);
    let mut database = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
    let made = "CREATE TABLE doubles (id REAL PRIMARY KEY, email TEXT);
        INSERT INTO doubles VALUES (9007199254740992, 'a'), (0.1, 'b')";
    sqlx::raw_sql(made).execute(&mut database).await.unwrap();
    database.close().await.unwrap();
    let doubles = [("9007199254740992", json!(9_007_199_254_740_992_i64)), ("0.1", json!(0.1))];
    let nobody = ["9007199254740993", "0.1000000000000000001"];
    story(format!("sqlite://{}", file.display()), "doubles", &doubles, &nobody).await;
}

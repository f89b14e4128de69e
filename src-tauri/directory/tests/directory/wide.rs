//! Tables with four hundred columns, all of them mapped, in every engine.

use secrecy::SecretString;
use understudy_directory::DirectoryConfig;
use understudy_directory::ListRequest;
#[cfg(target_os = "linux")]
use understudy_directory::Tier;

#[cfg(target_os = "linux")]
use crate::story::search;
use crate::story::{backwards, pages, query};

const COLUMNS: usize = 400;
const PASSWORD: &str = "r3ader";

fn names() -> Vec<String> {
    (0..COLUMNS).map(|at| format!("field_number_{at}")).collect()
}

fn values(user: usize) -> Vec<String> {
    (0..COLUMNS).map(|at| format!("value {at} of {user}, with some words behind it")).collect()
}

/// `CREATE TABLE`, and three users.
fn table(kind: &str) -> String {
    let columns: Vec<String> = names().iter().map(|name| format!("{name} {kind}")).collect();
    let users = (1..=3).map(|user| {
        let values: Vec<String> = values(user).iter().map(|value| format!("'{value}'")).collect();
        format!("({user}, {})", values.join(", "))
    });
    format!(
        "CREATE TABLE wide (id int PRIMARY KEY, {}); INSERT INTO wide VALUES {};",
        columns.join(", "),
        users.collect::<Vec<_>>().join(", ")
    )
}

async fn all_of_it_is_shown_and_found(url: String, id: &str) {
    let config = DirectoryConfig {
        table: "wide".into(),
        id: id.into(),
        email: Some("field_number_0".into()),
        name: Some("field_number_1".into()),
        created_at: None,
        columns: names(),
        search: Some(names().into_iter().take(40).collect()),
        ..crate::build_config(url)
    };
    let directory = understudy_directory::open(&config, Some(&SecretString::from(PASSWORD))).await.unwrap();
    for user in 1..=3 {
        let row = directory.find_user(&user.to_string()).await.unwrap().expect("the user");
        assert_eq!(row.cells.len(), COLUMNS + 1);
        assert_eq!(row.cells.iter().flatten().filter(|cell| cell.ends_with("behind it")).count(), COLUMNS);
    }
    for text in [
        "",
        "value 39 of 2",
        "some words",
        "39 words of 3",
        "field_number_399:\"value 399 of 3, with some words behind it\"",
        "2",
    ] {
        let few = ListRequest { limit: 1, ..query(text) };
        let back = backwards(&*directory, few.clone()).await;
        let found = pages(&*directory, few).await.into_iter().flat_map(|page| page.rows).collect::<Vec<_>>();
        assert_eq!(found, back, "{text}");
        assert!(!found.is_empty(), "{text}");
    }
    directory.close().await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn on_postgres() {
    let server = understudy_test_support::postgres::PostgresServer::start();
    server.sql("postgres", &format!("CREATE ROLE reader LOGIN PASSWORD '{PASSWORD}'"));
    server.sql("postgres", &format!("{} GRANT SELECT ON wide TO reader", table("text")));
    all_of_it_is_shown_and_found(server.url("reader", "postgres"), "id").await;
}

/// As many columns as PostgreSQL allows, and a view of them, whose indexes cannot be determined.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_postgres_table_of_maximum_width() {
    let server = understudy_test_support::postgres::PostgresServer::start();
    server.sql("postgres", &format!("CREATE ROLE reader LOGIN PASSWORD '{PASSWORD}'"));
    let fields: Vec<String> = (0..1597).map(|at| format!("field_number_{at}")).collect();
    let columns: Vec<String> = fields.iter().map(|name| format!("{name} smallint")).collect();
    server.sql(
        "postgres",
        &format!(
            "CREATE TABLE widest (id int PRIMARY KEY, email text, created_at timestamptz, {});
             INSERT INTO widest (id, email, field_number_1596)
                 SELECT i, 'user' || i || '@example.com', i FROM generate_series(1, 300) i;
             CREATE INDEX ON widest (lower(email) text_pattern_ops); CREATE INDEX ON widest (created_at);
             CREATE INDEX ON widest (field_number_1596); ANALYZE widest;
             CREATE VIEW widest_view AS SELECT * FROM widest; GRANT SELECT ON widest, widest_view TO reader",
            columns.join(", ")
        ),
    );
    for table in ["widest", "widest_view"] {
        let config = DirectoryConfig {
            table: table.into(),
            email: Some("email".into()),
            name: None,
            created_at: Some("created_at".into()),
            columns: fields.clone(),
            ..crate::build_config(server.url("reader", "postgres"))
        };
        let directory =
            understudy_directory::open(&config, Some(&SecretString::from(PASSWORD))).await.unwrap();
        let info = directory.info();
        assert_eq!(info.columns.len(), 1600, "{table}");
        let is_served = |tier, column: &str| {
            info.coverage.iter().any(|one| one.tier == tier && one.column == column && one.index.is_some())
        };
        assert!(is_served(Tier::All, "created_at") && is_served(Tier::Id, "id"), "{table}");
        assert!(is_served(Tier::Email, "email") && is_served(Tier::Prefix, "email"), "{table}");
        let sortable: Vec<&str> =
            info.columns.iter().filter(|one| one.sortable).map(|one| one.name.as_str()).collect();
        if table == "widest" {
            assert_eq!(sortable, ["id", "field_number_1596", "created_at"]);
        }
        let page = search(&*directory, &query("USER77@")).await;
        assert_eq!(page.rows.len(), 1, "{table}");
        assert_eq!(page.rows[0].cells.len(), 1600, "{table}");
        assert!(page.rows[0].cells.iter().flatten().any(|cell| cell == "77"), "{table}");
        directory.close().await;
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn on_mariadb() {
    let server = understudy_test_support::mariadb::MariaDbServer::start();
    let user = format!(
        "CREATE USER reader@'%' IDENTIFIED BY '{PASSWORD}'; CREATE DATABASE wide CHARACTER SET utf8mb4"
    );
    server.sql("mysql", &user);
    // InnoDB's rows are too small for this many text columns; MyISAM's are not.
    server.sql(
        "wide",
        &format!(
            "SET default_storage_engine = MyISAM; {} GRANT SELECT ON wide.* TO reader@'%'",
            table("text")
        ),
    );
    all_of_it_is_shown_and_found(server.url("reader", "wide"), "id").await;
}

#[tokio::test]
async fn on_sqlite() {
    let (_folder, url, mut connection) = crate::sqlite::database("PRAGMA user_version = 1").await;
    sqlx::raw_sql(sqlx::AssertSqlSafe(table("TEXT"))).execute(&mut connection).await.unwrap();
    all_of_it_is_shown_and_found(url, "id").await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn on_mongodb() {
    use mongodb::bson::{Document, doc};
    let server = understudy_test_support::mongod::MongoServer::start().await;
    server.user("reader", PASSWORD, vec![doc! { "role": "read", "db": "acme" }]).await;
    let users = (1..=3_i32).map(|user| {
        let mut document = doc! { "_id": user };
        document.extend(
            names().into_iter().zip(values(usize::try_from(user).unwrap()).into_iter().map(Into::into)),
        );
        document
    });
    server
        .database("acme")
        .collection::<Document>("wide")
        .insert_many(users.collect::<Vec<_>>())
        .await
        .unwrap();
    all_of_it_is_shown_and_found(server.url("reader", "acme"), "_id").await;
}

//! SQLite: the story, and values of any type in any column.

use std::path::Path;
use std::time::Duration;

use proptest::prelude::*;
use sqlx::Connection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use understudy_core::connection::DirectoryPart;
use understudy_core::directory::{self, FieldKind, Query, Sort};
use understudy_core::error::{Code, Error};

use crate::people::{Indexed, PrefixIndex, people};
use crate::story::{self, pages, query, search};

/// The story's index on the name minds the case.
const INDEXED: Indexed = Indexed {
    email: false,
    prefix: &[PrefixIndex { column: "full_name", folds: false }],
    sortable: &["id", "full_name", "score", "createdAt"],
};

fn url(path: &Path) -> String {
    format!("sqlite://{}", path.display())
}

/// A database in a folder of its own, made with `script`.
async fn database(script: &'static str) -> (TempDir, String, SqliteConnection) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users.sqlite");
    let options = SqliteConnectOptions::new().filename(&path).create_if_missing(true);
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    // Nothing here needs to outlive a power cut.
    sqlx::raw_sql("PRAGMA synchronous = OFF").execute(&mut connection).await.unwrap();
    sqlx::raw_sql(script).execute(&mut connection).await.unwrap();
    (folder, url(&path), connection)
}

fn timestamp(micros: i64) -> String {
    let time = jiff::Timestamp::from_microsecond(micros).unwrap();
    time.strftime("%Y-%m-%d %H:%M:%S.%6f").to_string()
}

async fn users() -> (TempDir, String) {
    let (folder, url, mut connection) = database(
        r#"CREATE TABLE "Users" (id INTEGER PRIMARY KEY, email TEXT, full_name TEXT, plan TEXT, score REAL,
                                 active BOOLEAN, "createdAt" DATETIME, password_hash TEXT NOT NULL DEFAULT 'secret');
           CREATE INDEX by_name ON "Users" (full_name);
           CREATE INDEX by_score ON "Users" (score);
           CREATE INDEX by_time ON "Users" ("createdAt");"#,
    )
    .await;
    let mut transaction = connection.begin().await.unwrap();
    for person in people() {
        sqlx::query(
            r#"INSERT INTO "Users" (id, email, full_name, plan, score, active, "createdAt") VALUES (?, ?, ?, ?, ?, ?, ?)"#,
        )
        .bind(person.id)
        .bind(person.email)
        .bind(person.name)
        .bind(person.plan)
        .bind(person.score)
        .bind(person.active)
        .bind(person.created_at.map(timestamp))
        .execute(&mut *transaction)
        .await
        .unwrap();
    }
    transaction.commit().await.unwrap();
    connection.close().await.unwrap();
    (folder, url)
}

#[tokio::test]
async fn the_story_on_sqlite() {
    let (_folder, url) = users().await;
    let directory = directory::open(&crate::part(url), None).await.unwrap();
    assert!(directory.info().server.starts_with("SQLite 3."));
    assert!(directory.info().total_is_exact);
    story::told(&*directory, INDEXED).await;
    directory.close().await;
}

fn part(url: String, table: &str) -> DirectoryPart {
    DirectoryPart {
        table: table.into(),
        email: None,
        name: None,
        created_at: None,
        columns: vec![],
        ..crate::part(url)
    }
}

async fn opening_fails(part: &DirectoryPart) -> Error {
    match directory::open(part, None).await {
        Ok(_) => panic!("{part:?} was opened"),
        Err(error) => error,
    }
}

#[tokio::test]
async fn values_of_any_type_in_any_column_are_shown() {
    let (_folder, url, _connection) = database(
        "CREATE TABLE things (id TEXT PRIMARY KEY, n INTEGER, r REAL, truth BOOLEAN, seen DATETIME, data BLOB, anything);
         INSERT INTO things VALUES
           ('broken', 1, 0.1, 1, 1700000000, x'00ff10', CAST(x'61ff62' AS TEXT)),
           ('odd', 'not a number', 1e300, 'perhaps', 1700000000123, 'text', 9223372036854775807),
           ('2', -1, 9e999, 0, '2024-01-02 03:04:05', zeroblob(1000000), 0.1),
           (CAST(x'69ff64' AS TEXT), NULL, NULL, NULL, NULL, NULL, x'00'),
           (NULL, 1, 1, 1, 1, 1, 1);",
    )
    .await;
    let columns = ["n", "r", "truth", "seen", "data", "anything"].map(str::to_owned).to_vec();
    let part = DirectoryPart { columns, search: Some(vec!["anything".into()]), ..part(url, "things") };
    let directory = directory::open(&part, None).await.unwrap();
    let shown = async |id: &str| -> Vec<Option<String>> {
        directory.user(id).await.unwrap().expect("the row is there").cells
    };
    let some = |cells: &[&str]| cells.iter().map(|cell| Some((*cell).to_owned())).collect::<Vec<_>>();
    assert_eq!(
        shown("broken").await,
        some(&["broken", "1", "0.1", "true", "2023-11-14T22:13:20Z", "\\x00ff10", "a\u{fffd}b"])
    );
    assert_eq!(
        shown("odd").await,
        some(&[
            "odd",
            "not a number",
            "1e300",
            "perhaps",
            "2023-11-14T22:13:20.123Z",
            "text",
            "9223372036854775807"
        ])
    );
    let two = shown("2").await;
    assert_eq!(two[..5], some(&["2", "-1", "inf", "false", "2024-01-02T03:04:05"]));
    assert_eq!(two[5].as_ref().unwrap().len(), 2 + 10_000, "a megabyte was cut");
    // A row without an id is nobody; one whose id is no UTF-8 is shown, and ends no page.
    let ids: Vec<String> = search(&*directory, &query("")).await.rows.into_iter().map(|row| row.id).collect();
    assert_eq!(ids, ["odd", "i\u{fffd}d", "broken", "2"]);
    let all = pages(&*directory, Query { limit: 1, ..query("") }).await;
    assert_eq!(all.len(), 4);
    assert_eq!(search(&*directory, &query("9223372036854775807")).await.rows.len(), 1);
}

#[tokio::test]
async fn ids_of_every_kind_find_their_user() {
    let (_folder, url, _connection) = database(
        "CREATE TABLE uuids (id UUID PRIMARY KEY, email TEXT);
         INSERT INTO uuids VALUES ('0b5a2a3e-6f0e-4a56-9f3c-5d1a9f1f7c11', 'a@b.c');
         CREATE TABLE blobs (id BLOB PRIMARY KEY, email TEXT);
         INSERT INTO blobs VALUES (x'0b5a2a3e6f0e4a569f3c5d1a9f1f7c11', 'a@b.c');
         CREATE TABLE texts (id TEXT PRIMARY KEY COLLATE NOCASE, email TEXT);
         INSERT INTO texts VALUES ('Ada', 'a@b.c'), ('007', 'b@b.c');
         CREATE VIEW untyped AS SELECT id + 0 AS id, email FROM (SELECT 7 AS id, 'a@b.c' AS email);
         CREATE VIEW doubled AS SELECT 7 AS id, 'a@b.c' AS email UNION ALL SELECT 7, 'b@b.c';",
    )
    .await;
    for (table, id) in [
        ("uuids", "0b5a2a3e-6f0e-4a56-9f3c-5d1a9f1f7c11"),
        ("blobs", "\\x0b5a2a3e6f0e4a569f3c5d1a9f1f7c11"),
        ("texts", "Ada"),
        ("texts", "007"),
        ("untyped", "7"),
    ] {
        let directory = directory::open(&part(url.clone(), table), None).await.unwrap();
        assert_eq!(directory.user(id).await.unwrap().expect(table).id, id);
        assert_eq!(search(&*directory, &query(id)).await.rows[0].id, id, "{table}");
        assert_eq!(directory.user("7.0").await.unwrap(), None);
        assert_eq!(directory.user("ada").await.unwrap(), None, "an id's case counts");
    }
    let doubled = directory::open(&part(url, "doubled"), None).await.unwrap();
    assert_eq!(doubled.user("7").await.unwrap_err().code, Code::DirectoryMismatch);
}

#[tokio::test]
async fn what_does_not_fit_is_told_with_what_there_is() {
    let (folder, url, _connection) = database(
        r#"CREATE TABLE "Users" (id INTEGER PRIMARY KEY, email TEXT, full_name TEXT); CREATE TABLE orders (id INTEGER);"#,
    )
    .await;
    let error = opening_fails(&part(url.clone(), "users")).await;
    assert_eq!(error.code, Code::DirectoryMismatch);
    assert!(error.message.contains("`users`") && error.message.contains("Did you mean `Users`?"), "{error}");
    assert!(error.hint.unwrap().contains("`orders`"));

    for name in ["Users", "\"Users\"", "main.Users", "main.\"Users\""] {
        directory::open(&part(url.clone(), name), None).await.unwrap();
    }

    let wrong = DirectoryPart { columns: vec!["email".into(), "fullname".into()], ..part(url, "Users") };
    let error = opening_fails(&wrong).await;
    assert_eq!(error.code, Code::DirectoryMismatch);
    assert_eq!(
        error.message,
        "directory.columns[1]: Users has no column `fullname`. Did you mean `full_name`?"
    );

    let missing = opening_fails(&part(super::sqlite::url(&folder.path().join("gone.sqlite")), "Users")).await;
    assert_eq!(missing.code, Code::DirectoryUnreachable);
    assert!(missing.message.contains("gone.sqlite"));
    assert!(!folder.path().join("gone.sqlite").exists(), "opening makes no file");

    let text = folder.path().join("text.sqlite");
    std::fs::write(&text, "This is no database. ".repeat(100)).unwrap();
    assert_eq!(opening_fails(&part(super::sqlite::url(&text), "Users")).await.code, Code::DirectoryRefused);

    let unknown = opening_fails(&part("oracle://scott@db/orcl".into(), "Users")).await;
    assert_eq!(unknown.code, Code::ConnectionInvalid);
    assert!(unknown.hint.unwrap().contains("postgres://"));
    assert_eq!(directory::engine_name("sqlite:///users.sqlite"), Some("SQLite"));
    assert_eq!(directory::engine_name("postgresql://db/acme"), Some("PostgreSQL"));
    assert_eq!(directory::engine_name("mysql://db/a"), Some("MySQL"));
    assert_eq!(directory::engine_name("MariaDB://db/acme"), Some("MariaDB"));
    assert_eq!(directory::engine_name("oracle://db"), None);
}

/// Counts for hours.
const ENDLESS: &str = "CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT);
    INSERT INTO users VALUES (1, 'ada@example.com');
    CREATE VIEW endless AS SELECT id, (WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n)
                                       SELECT max(x) FROM n WHERE x < 0) AS email FROM users;";

#[tokio::test]
async fn a_search_ends_when_its_time_is_up() {
    let (_folder, url, _connection) = database(ENDLESS).await;
    let part = DirectoryPart { email: Some("email".into()), timeout_ms: 100, ..part(url, "endless") };
    let directory = directory::open(&part, None).await.unwrap();
    for _ in 0..3 {
        let error = directory.search(&query(""), &CancellationToken::new()).await.unwrap_err();
        assert_eq!(error.code, Code::DirectoryTimeout);
        assert!(error.hint.is_some());
    }
}

/// Waits until somebody reads the file, or until nobody does: a reader's lock keeps writers out.
async fn until_read(connection: &mut SqliteConnection, is_read: bool) {
    let waiting = async {
        loop {
            let locked = sqlx::raw_sql("BEGIN EXCLUSIVE; ROLLBACK").execute(&mut *connection).await.is_err();
            if locked == is_read {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    let told = if is_read { "the search begins" } else { "the search was stopped" };
    tokio::time::timeout(Duration::from_secs(20), waiting).await.expect(told);
}

#[tokio::test]
async fn a_cancelled_or_forgotten_search_leaves_the_file_free() {
    let (_folder, url, mut connection) = database(ENDLESS).await;
    sqlx::raw_sql("PRAGMA busy_timeout = 0").execute(&mut connection).await.unwrap();
    let part = DirectoryPart { email: Some("email".into()), timeout_ms: 60_000, ..part(url, "endless") };
    let directory = directory::open(&part, None).await.unwrap();
    let question = query("");
    // More often than there are connections: each must have come back.
    for _ in 0..3 {
        let cancel = CancellationToken::new();
        let cancelling = async {
            until_read(&mut connection, true).await;
            cancel.cancel();
        };
        let (answer, ()) = tokio::join!(directory.search(&question, &cancel), cancelling);
        assert_eq!(answer.unwrap_err().code, Code::Cancelled);
        until_read(&mut connection, false).await;

        let never = CancellationToken::new();
        tokio::select! {
            answer = directory.search(&question, &never) => panic!("{answer:?} of an endless search"),
            () = until_read(&mut connection, true) => {} // and the search is dropped
        }
        until_read(&mut connection, false).await;
    }
    directory.close().await;
}

#[tokio::test]
async fn the_file_is_never_written_to() {
    let (folder, url) = users().await;
    let path = folder.path().join("users.sqlite");
    let before = std::fs::read(&path).unwrap();
    let url = format!("{url}?mode=rwc");
    let directory = directory::open(&crate::part(url), None).await.unwrap();
    search(&*directory, &query("ann")).await;
    directory.close().await;
    assert!(std::fs::read(&path).unwrap() == before);
    let beside: Vec<_> =
        std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(beside, ["users.sqlite"]);
}

#[tokio::test]
async fn a_renamed_table_is_told() {
    let (_folder, url, mut connection) =
        database("CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT);").await;
    let directory = directory::open(&part(url, "users"), None).await.unwrap();
    assert_eq!(search(&*directory, &query("")).await.rows, []);
    sqlx::raw_sql("ALTER TABLE users RENAME TO people").execute(&mut connection).await.unwrap();
    let error = directory.search(&query(""), &CancellationToken::new()).await.unwrap_err();
    assert_eq!(error.code, Code::DirectoryMismatch, "{error}");
}

/// A value of any of SQLite's types, as a literal.
fn literal() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => Just("NULL".to_owned()),
        4 => (-3..3_i64).prop_map(|number| number.to_string()),
        2 => prop::sample::select(vec!["0.5", "-0.5", "1e300", "9e999", "0.1"]).prop_map(str::to_owned),
        4 => "[ab%_']{0,2}".prop_map(|text| format!("'{}'", text.replace('\'', "''"))),
        1 => prop::sample::select(vec!["x'00'", "x'ff'", "CAST(x'ff61' AS TEXT)", "'1'", "'-1'"]).prop_map(str::to_owned),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    /// The law of paging: whatever is in the columns, pages of any size hold what one long page holds.
    #[test]
    fn pages_of_any_size_are_the_list(
        keys in prop::collection::vec(literal(), 0..40),
        limit in 1..9_u16,
        text in "[ab%_]{0,1}",
        sort in prop::option::of(any::<bool>()),
        affinity in prop::sample::select(vec!["", "TEXT", "INTEGER", "REAL", "BLOB", "DATETIME"]),
    ) {
        let rows: Vec<String> = keys.iter().enumerate().map(|(at, key)| {
            format!("INSERT INTO users VALUES ({}, {key}, {key});", (at * 7) % 41)
        }).collect();
        let script = format!(
            "BEGIN; CREATE TABLE users (id INTEGER PRIMARY KEY, name {affinity}, made {affinity}); \
             CREATE INDEX by_made ON users (made); {} COMMIT;", rows.join(" "));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (_folder, url, mut connection) = database("").await;
            sqlx::raw_sql(sqlx::AssertSqlSafe(script)).execute(&mut connection).await.unwrap();
            let part = DirectoryPart {
                name: Some("name".into()), created_at: Some("made".into()), ..part(url, "users")
            };
            let directory = directory::open(&part, None).await.unwrap();
            let sort = sort.map(|descending| Sort { column: "made".into(), descending });
            let question = Query { sort, ..query(&text) };
            let whole = pages(&*directory, Query { limit: 500, ..question.clone() }).await;
            let cut = pages(&*directory, Query { limit, ..question }).await;
            let rows = |pages: Vec<directory::Page>| pages.into_iter().flat_map(|page| page.rows).collect::<Vec<_>>();
            let (whole, cut) = (rows(whole), rows(cut));
            if text.is_empty() {
                assert_eq!(whole.len(), keys.len());
            }
            assert_eq!(cut, whole);
            directory.close().await;
        });
    }

    /// A text finds the names that begin with it or contain it, and no others.
    #[test]
    fn a_search_is_no_pattern(names in prop::collection::vec("[a%_\\\\']{1,4}", 1..20), text in "[a%_\\\\']{1,3}") {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (_folder, url, mut connection) = database("CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT)").await;
            for name in &names {
                sqlx::query("INSERT INTO users (name) VALUES (?)").bind(name).execute(&mut connection).await.unwrap();
            }
            let part = DirectoryPart { name: Some("name".into()), ..part(url, "users") };
            let directory = directory::open(&part, None).await.unwrap();
            assert_eq!(directory.info().columns[1].kind, FieldKind::Text);
            let found = search(&*directory, &Query { limit: 500, ..query(&text) }).await.rows;
            let mut found: Vec<String> = found.into_iter().filter_map(|row| row.cells[1].clone()).collect();
            let begin = found.iter().take_while(|name| name.starts_with(&text)).count();
            assert!(found[begin..].iter().all(|name| !name.starts_with(&text)), "prefixes come first");
            found.sort();
            let mut expected: Vec<String> = names.iter().filter(|name| name.contains(&text)).cloned().collect();
            expected.sort();
            assert_eq!(found, expected);
            directory.close().await;
        });
    }
}

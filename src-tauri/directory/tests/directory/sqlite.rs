//! SQLite: the story, and values of any type in any column.

use std::path::Path;
use std::time::Duration;

use proptest::prelude::*;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, Connection};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use understudy_directory::DirectoryConfig;
use understudy_directory::{DirectoryCode, DirectoryError};
use understudy_directory::{FieldKind, ListRequest, Sort, Tier};

use crate::faults::{self, Administrator};
use crate::paths;
use crate::people::{Indexed, PrefixIndex, people};
use crate::related;
use crate::spellings;
use crate::story::{self, pages, query, search};
use crate::suggestions;

/// The story's index on the name is case-sensitive.
const INDEXED: Indexed = Indexed {
    email: false,
    prefix: &[PrefixIndex { column: "full_name", folds: false }],
    sortable: &["id", "full_name", "score", "createdAt"],
};

fn url(path: &Path) -> String {
    format!("sqlite://{}", path.display())
}

/// A database in a temporary folder, created with `script`.
pub async fn database(script: &'static str) -> (TempDir, String, SqliteConnection) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users.sqlite");
    let options = SqliteConnectOptions::new().filename(&path).create_if_missing(true);
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    // Durability does not matter here.
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
    let directory = understudy_directory::open(&crate::build_config(url), None).await.unwrap();
    assert!(directory.info().server.starts_with("SQLite 3."));
    assert!(directory.info().total_is_exact);
    story::told(&*directory, INDEXED).await;
    directory.close().await;
}

fn build_config(url: String, table: &str) -> DirectoryConfig {
    DirectoryConfig {
        table: table.into(),
        email: None,
        name: None,
        created_at: None,
        columns: vec![],
        ..crate::build_config(url)
    }
}

/// Files that may be mistaken for a database.
#[tokio::test]
async fn a_file_that_is_not_a_database_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users.db");
    let (_made, url) = users().await;
    let database = std::fs::read(url.trim_start_matches("sqlite://")).unwrap();
    let encrypted: Vec<u8> =
        (0..4096_u32).map(|at| at.wrapping_mul(2_654_435_761).to_le_bytes()[1] | 0x80).collect();
    let mut damaged = database.clone();
    // The page size, which has to be a power of two.
    damaged[16..18].copy_from_slice(&[0x12, 0x34]);
    for (content, what, hint) in [
        (&b"-- a dump\nCREATE TABLE users (id INTEGER);\n"[..], "it is a text file", "dump"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n", "it is a text file", "itself"),
        (b"\x1f\x8b\x08\0\0\0\0\0\0\x03rest of an archive", "it is an archive", "Unpack"),
        (&encrypted, "it is encrypted (SQLCipher, SEE), or another kind of file", "not encrypted"),
        (&damaged, "its header is damaged", "another copy"),
    ] {
        std::fs::write(&path, content).unwrap();
        let error = opening_fails(&build_config(format!("sqlite://{}", path.display()), "users")).await;
        assert_eq!(error.code, DirectoryCode::Refused, "{error}");
        assert!(error.message.contains(what) && error.hint.as_ref().unwrap().contains(hint), "{error}");
        assert_eq!(std::fs::read(&path).unwrap(), content, "it is left as it was");
    }
}

async fn opening_fails(config: &DirectoryConfig) -> DirectoryError {
    match understudy_directory::open(config, None).await {
        Ok(_) => panic!("{config:?} was opened"),
        Err(error) => error,
    }
}

#[tokio::test]
async fn other_spellings_are_found() {
    let (_folder, url, mut connection) =
        database("CREATE TABLE people (id INTEGER PRIMARY KEY, full_name TEXT, phone TEXT)").await;
    let insert = format!("INSERT INTO people VALUES {}", spellings::values());
    sqlx::raw_sql(AssertSqlSafe(insert)).execute(&mut connection).await.unwrap();
    let directory =
        understudy_directory::open(&spellings::build_config(url, "people", "id"), None).await.unwrap();
    spellings::told(&*directory, false).await;
}

#[tokio::test]
async fn values_and_other_searches_are_suggested() {
    let (_folder, url, mut connection) = database(
        "CREATE TABLE plain (id INTEGER PRIMARY KEY, full_name TEXT, plan TEXT, api_token TEXT);
         CREATE TABLE indexed (id INTEGER PRIMARY KEY, full_name TEXT, plan TEXT, api_token TEXT);
         CREATE INDEX by_plan ON indexed (plan)",
    )
    .await;
    for (table, indexed) in [("plain", false), ("indexed", true)] {
        let insert = format!("INSERT INTO {table} VALUES {}", suggestions::values());
        sqlx::raw_sql(AssertSqlSafe(insert)).execute(&mut connection).await.unwrap();
        let directory =
            understudy_directory::open(&suggestions::build_config(url.clone(), table, "id"), None)
                .await
                .unwrap();
        suggestions::told(&*directory, indexed).await;
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
    let config =
        DirectoryConfig { columns, search: Some(vec!["anything".into()]), ..build_config(url, "things") };
    let directory = understudy_directory::open(&config, None).await.unwrap();
    let shown = async |id: &str| -> Vec<Option<String>> {
        directory.find_user(id).await.unwrap().expect("the row is there").cells
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
    assert_eq!(two[5].as_ref().unwrap().chars().count(), 2001, "a megabyte was cut");
    // A row without an ID is skipped; an ID that is not UTF-8 is shown and does not end a page.
    let ids: Vec<String> = search(&*directory, &query("")).await.rows.into_iter().map(|row| row.id).collect();
    assert_eq!(ids, ["odd", "i\u{fffd}d", "broken", "2"]);
    let all = pages(&*directory, ListRequest { limit: 1, ..query("") }).await;
    assert_eq!(all.len(), 4);
    assert_eq!(search(&*directory, &query("9223372036854775807")).await.rows.len(), 1);
}

#[tokio::test]
async fn values_within_json_are_columns() {
    let (_folder, url, mut connection) = database(
        "CREATE TABLE users (id INTEGER PRIMARY KEY, profile TEXT, plan INTEGER);
         CREATE TABLE packed (id INTEGER PRIMARY KEY, profile JSONB);",
    )
    .await;
    let insert = format!(
        "INSERT INTO users (id, profile) VALUES {}; INSERT INTO packed SELECT id, jsonb(profile) FROM users",
        paths::values(false)
    );
    sqlx::raw_sql(AssertSqlSafe(insert)).execute(&mut connection).await.unwrap();
    let opened = async |table: &str| {
        understudy_directory::open(&paths::build_config(&url, table), None).await.unwrap()
    };
    paths::told(&*opened("users").await).await;
    paths::told(&*opened("packed").await).await;
    paths::what_cannot_be_is_refused(&paths::build_config(&url, "users"), "plan", None).await;

    // A value that is not JSON is treated as having none, and other rows keep theirs.
    sqlx::raw_sql("UPDATE users SET profile = 'no JSON' WHERE id = 4")
        .execute(&mut connection)
        .await
        .unwrap();
    let directory = opened("users").await;
    paths::told(&*directory).await;
    let coverage = |directory: &dyn understudy_directory::Directory| {
        let coverage = directory.info().coverage.clone().into_iter();
        coverage.filter(|one| one.advice.is_some()).filter_map(|one| one.advice).collect::<Vec<_>>()
    };
    let advice = coverage(&*directory);
    assert!(advice[0].contains("json_valid") && advice.len() == 3, "{advice:?}");
    for statement in advice.iter().skip(1) {
        sqlx::raw_sql(AssertSqlSafe(statement.clone())).execute(&mut connection).await.unwrap();
    }
    let directory = opened("users").await;
    assert_eq!(coverage(&*directory), [] as [String; 0], "what is advised serves it");
    paths::told(&*directory).await;

    // An existing index is used as it is.
    sqlx::raw_sql("CREATE INDEX by_name ON packed (json_extract(profile, '$.name') COLLATE NOCASE)")
        .execute(&mut connection)
        .await
        .unwrap();
    let directory = opened("packed").await;
    let info = directory.info();
    let by_name = info.coverage.iter().find(|one| one.tier == Tier::Prefix && one.column == "profile->>name");
    assert_eq!(by_name.unwrap().index.as_deref(), Some("by_name"));
    paths::told(&*directory).await;
}

/// More users than may be read at every keystroke.
const MANY: &str = "CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT, full_name TEXT, created_at DATETIME);
    INSERT INTO users WITH RECURSIVE ids(id) AS (VALUES (1) UNION ALL SELECT id + 1 FROM ids WHERE id < 120000)
      SELECT id, 'mail' || id || '@example.com', 'Person ' || id, datetime(1700000000 + id, 'unixepoch') FROM ids;
    UPDATE users SET full_name = 'Zora Neale' WHERE id IN (7, 119990);
    CREATE INDEX by_time ON users (created_at);";

#[tokio::test]
async fn a_trigram_index_serves_searches_within_words() {
    let (_folder, url, mut connection) = database(MANY).await;
    let config = DirectoryConfig {
        email: Some("email".into()),
        name: Some("full_name".into()),
        created_at: Some("created_at".into()),
        timeout_ms: 1000,
        ..build_config(url, "users")
    };
    let opened = async || understudy_directory::open(&config, None).await.unwrap();
    let contains = |directory: &dyn understudy_directory::Directory| {
        let coverage = directory.info().coverage.clone().into_iter();
        coverage.filter(|one| one.tier == Tier::Contains).collect::<Vec<_>>()
    };
    let found = async |directory: &dyn understudy_directory::Directory, text: &str| {
        let page = search(directory, &query(text)).await;
        let ids: Vec<String> = page.rows.into_iter().map(|row| row.id).collect();
        (ids.join(" "), page.left_out.is_none())
    };
    let directory = opened().await;
    assert_eq!(found(&*directory, "neale").await, ("119990".into(), false), "only the newest are looked at");
    let [unserved] = &contains(&*directory)[..] else { panic!("both columns are told together") };
    let advice = unserved.advice.clone().unwrap();
    assert!(unserved.index.is_none() && advice.contains("tokenize='trigram'"), "{advice}");
    directory.close().await;

    // Run the advice verbatim.
    sqlx::raw_sql(AssertSqlSafe(advice)).execute(&mut connection).await.unwrap();
    let directory = opened().await;
    for service in contains(&*directory) {
        assert_eq!((service.index.as_deref(), service.advice), (Some("users_search"), None));
        assert_eq!(service.note.as_deref(), Some("from three letters on"));
    }
    assert_eq!(found(&*directory, "NEALE").await, ("119990 7".into(), true));
    assert_eq!(found(&*directory, "neale zora").await, ("119990 7".into(), true));
    assert_eq!(
        found(&*directory, "nobody at all").await,
        (String::new(), false),
        "other spellings may be there"
    );
    assert_eq!(found(&*directory, "il7777@").await.0, "7777");
    assert_eq!(found(&*directory, "name:neale").await, ("119990 7".into(), true), "filters ask it too");
    assert!(!found(&*directory, "ne").await.1, "two letters are no trigram");

    // The triggers keep the index up to date.
    let changed = "UPDATE users SET full_name = 'Nobody' WHERE id = 7; DELETE FROM users WHERE id = 119990;
                   INSERT INTO users VALUES (120001, 'n@example.com', 'neale again', '2030-01-01')";
    sqlx::raw_sql(changed).execute(&mut connection).await.unwrap();
    assert_eq!(found(&*directory, "neale").await, ("120001".into(), true));

    // An index that has missed rows, or that has no triggers, would hide users, so it is not used.
    let missed = "DROP TRIGGER users_search_insert; INSERT INTO users VALUES (120002, NULL, 'missed', NULL);";
    sqlx::raw_sql(missed).execute(&mut connection).await.unwrap();
    let unserved = contains(&*opened().await);
    assert!(unserved[0].index.is_none() && unserved[0].advice.as_ref().unwrap().contains("users_search2"));
    for words in ["'unicode61'", "'trigram case_sensitive 1'"] {
        let made = format!(
            "DROP TABLE users_search; CREATE VIRTUAL TABLE users_search USING fts5(email, full_name, content='users',
               content_rowid='id', tokenize={words}); INSERT INTO users_search(users_search) VALUES ('rebuild')"
        );
        sqlx::raw_sql(AssertSqlSafe(made)).execute(&mut connection).await.unwrap();
        assert!(contains(&*opened().await)[0].index.is_none(), "{words}");
    }
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
        ("blobs", "0b5a2a3e-6f0e-4a56-9f3c-5d1a9f1f7c11"),
        ("texts", "Ada"),
        ("texts", "007"),
        ("untyped", "7"),
    ] {
        let directory = understudy_directory::open(&build_config(url.clone(), table), None).await.unwrap();
        assert_eq!(directory.find_user(id).await.unwrap().expect(table).id, id);
        assert_eq!(search(&*directory, &query(id)).await.rows[0].id, id, "{table}");
        assert_eq!(directory.find_user("7.0").await.unwrap(), None);
        assert_eq!(directory.find_user("ada").await.unwrap(), None, "an id's case counts");
    }
    let doubled = understudy_directory::open(&build_config(url, "doubled"), None).await.unwrap();
    assert_eq!(doubled.find_user("7").await.unwrap_err().code, DirectoryCode::Mismatch);
    for limit in [1, 50] {
        let page = search(&*doubled, &ListRequest { limit, ..query("") }).await;
        assert_eq!(page.doubled.as_deref(), Some("7"), "it is said in a list too");
    }
}

#[tokio::test]
async fn mismatches_are_reported_with_what_exists() {
    let (folder, url, _connection) = database(
        r#"CREATE TABLE "Users" (id INTEGER PRIMARY KEY, email TEXT, full_name TEXT); CREATE TABLE orders (id INTEGER);"#,
    )
    .await;
    let error = opening_fails(&build_config(url.clone(), "users")).await;
    assert_eq!(error.code, DirectoryCode::Mismatch);
    assert!(error.message.contains("`users`") && error.message.contains("Did you mean `Users`?"), "{error}");
    assert!(error.hint.unwrap().contains("`orders`"));

    for name in ["Users", "\"Users\"", "main.Users", "main.\"Users\""] {
        understudy_directory::open(&build_config(url.clone(), name), None).await.unwrap();
    }

    let wrong =
        DirectoryConfig { columns: vec!["email".into(), "fullname".into()], ..build_config(url, "Users") };
    let error = opening_fails(&wrong).await;
    assert_eq!(error.code, DirectoryCode::Mismatch);
    assert_eq!(
        error.message,
        "directory.columns[1]: Users has no column `fullname`. Did you mean `full_name`?"
    );

    let missing =
        opening_fails(&build_config(super::sqlite::url(&folder.path().join("gone.sqlite")), "Users")).await;
    assert_eq!(missing.code, DirectoryCode::Unreachable);
    assert!(missing.message.contains("gone.sqlite"));
    assert!(!folder.path().join("gone.sqlite").exists(), "opening makes no file");

    let text = folder.path().join("text.sqlite");
    std::fs::write(&text, "This is no database. ".repeat(100)).unwrap();
    assert_eq!(
        opening_fails(&build_config(super::sqlite::url(&text), "Users")).await.code,
        DirectoryCode::Refused
    );

    let unknown = opening_fails(&build_config("oracle://scott@db/orcl".into(), "Users")).await;
    assert_eq!(unknown.code, DirectoryCode::ConfigInvalid);
    assert!(unknown.hint.unwrap().contains("postgres://"));
    assert_eq!(understudy_directory::engine_name("sqlite:///users.sqlite"), Some("SQLite"));
    assert_eq!(understudy_directory::engine_name("postgresql://db/acme"), Some("PostgreSQL"));
    assert_eq!(understudy_directory::engine_name("mysql://db/a"), Some("MySQL"));
    assert_eq!(understudy_directory::engine_name("MariaDB://db/acme"), Some("MariaDB"));
    assert_eq!(understudy_directory::engine_name("oracle://db"), None);
}

/// Counts for hours.
const ENDLESS: &str = "CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT);
    INSERT INTO users VALUES (1, 'ada@example.com');
    CREATE VIEW endless AS SELECT id, (WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n)
                                       SELECT max(x) FROM n WHERE x < 0) AS email FROM users;";

#[tokio::test]
async fn a_search_ends_at_its_timeout() {
    let (_folder, url, _connection) = database(ENDLESS).await;
    let config =
        DirectoryConfig { email: Some("email".into()), timeout_ms: 100, ..build_config(url, "endless") };
    let directory = understudy_directory::open(&config, None).await.unwrap();
    for _ in 0..3 {
        let error = directory.search_users(&query(""), &CancellationToken::new()).await.unwrap_err();
        assert_eq!(error.code, DirectoryCode::Timeout);
        assert!(error.hint.is_some());
    }
}

/// Each value takes only one instruction.
const LARGE: &str = "CREATE TABLE users (id INTEGER PRIMARY KEY);
    INSERT INTO users WITH RECURSIVE ids(id) AS (VALUES (1) UNION ALL SELECT id + 1 FROM ids WHERE id < 12)
      SELECT id FROM ids;
    CREATE VIEW large AS SELECT id, randomblob(50000000) AS email FROM users;";

#[tokio::test]
async fn a_few_rows_with_large_values_end_in_time_too() {
    let (_folder, url, _connection) = database(LARGE).await;
    let config =
        DirectoryConfig { email: Some("email".into()), timeout_ms: 100, ..build_config(url, "large") };
    let directory = understudy_directory::open(&config, None).await.unwrap();
    let error = directory.search_users(&query(""), &CancellationToken::new()).await.unwrap_err();
    assert_eq!(error.code, DirectoryCode::Timeout);
}

/// Waits until the file is being read, or no longer is: a reader's lock keeps writers out.
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
    let config =
        DirectoryConfig { email: Some("email".into()), timeout_ms: 60_000, ..build_config(url, "endless") };
    let directory = understudy_directory::open(&config, None).await.unwrap();
    let question = query("");
    // More often than there are connections, so each must have been returned.
    for _ in 0..3 {
        let cancel = CancellationToken::new();
        let cancelling = async {
            until_read(&mut connection, true).await;
            cancel.cancel();
        };
        let (answer, ()) = tokio::join!(directory.search_users(&question, &cancel), cancelling);
        assert_eq!(answer.unwrap_err().code, DirectoryCode::Cancelled);
        until_read(&mut connection, false).await;

        let never = CancellationToken::new();
        tokio::select! {
            answer = directory.search_users(&question, &never) => panic!("{answer:?} of an endless search"),
            () = until_read(&mut connection, true) => {} // dropping the search
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
    let directory = understudy_directory::open(&crate::build_config(url), None).await.unwrap();
    search(&*directory, &query("ann")).await;
    directory.close().await;
    assert!(std::fs::read(&path).unwrap() == before);
    let beside: Vec<_> =
        std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(beside, ["users.sqlite"]);
}

impl Administrator for SqliteConnection {
    async fn rename(&mut self, table: &str, to: &str) {
        let rename = format!("ALTER TABLE {table} RENAME TO {to}");
        sqlx::raw_sql(AssertSqlSafe(rename)).execute(self).await.unwrap();
    }
}

#[tokio::test]
async fn faults_are_reported_until_they_are_fixed() {
    let (_folder, url, mut connection) = database(
        "CREATE TABLE users (id INTEGER PRIMARY KEY);
         INSERT INTO users WITH RECURSIVE ids(id) AS (VALUES (1) UNION ALL SELECT id + 1 FROM ids WHERE id < 40) SELECT id FROM ids",
    )
    .await;
    let users = understudy_directory::open(&build_config(url, "users"), None).await.unwrap();
    faults::a_table_that_is_renamed_comes_back(&*users, &mut connection).await;
    faults::each_question_has_its_own_answer(&users).await;
    let (_folder, url, _connection) = database(ENDLESS).await;
    let hasty =
        DirectoryConfig { email: Some("email".into()), timeout_ms: 100, ..build_config(url, "endless") };
    let hasty = understudy_directory::open(&hasty, None).await.unwrap();
    faults::whoever_waits_for_a_connection_waits_no_longer_than_it_takes(&hasty).await;
}

/// A literal of any SQLite type.
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

    /// The paging invariant: whatever the columns hold, pages of any size add up to one long page.
    #[test]
    fn pages_of_any_size_add_up_to_the_list(
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
            let config = DirectoryConfig {
                name: Some("name".into()), created_at: Some("made".into()), ..build_config(url, "users")
            };
            let directory = understudy_directory::open(&config, None).await.unwrap();
            let sort = sort.map(|descending| Sort { column: "made".into(), descending });
            let question = ListRequest { sort, ..query(&text) };
            let whole = pages(&*directory, ListRequest { limit: 500, ..question.clone() }).await;
            let cut = pages(&*directory, ListRequest { limit, ..question }).await;
            let rows = |pages: Vec<understudy_directory::Page>| pages.into_iter().flat_map(|page| page.rows).collect::<Vec<_>>();
            let (whole, cut) = (rows(whole), rows(cut));
            if text.is_empty() {
                assert_eq!(whole.len(), keys.len());
            }
            assert_eq!(cut, whole);
            directory.close().await;
        });
    }

    /// A text finds exactly the names that start with it or contain it.
    #[test]
    fn a_trigram_index_finds_the_same_as_a_scan(
        names in prop::collection::vec("[aAäÄßſİıKK\u{301}😀\"'*^(){}: OR-]{0,12}", 1..20),
        text in "[aAäÄßſİıKk\u{301}😀\"'*^(){}: OR-]{3,6}",
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (_folder, url, mut connection) = database(
                "CREATE TABLE plain (id INTEGER PRIMARY KEY, name TEXT, plan TEXT);
                 CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT, plan TEXT);
                 CREATE VIRTUAL TABLE users_fts USING fts5(name, plan, content='users', content_rowid='id', tokenize='trigram');
                 CREATE TRIGGER a AFTER INSERT ON users BEGIN
                   INSERT INTO users_fts (rowid, name, plan) VALUES (new.id, new.name, new.plan); END;
                 CREATE TRIGGER b AFTER DELETE ON users BEGIN INSERT INTO users_fts (users_fts) VALUES ('rebuild'); END;
                 CREATE TRIGGER c AFTER UPDATE ON users BEGIN INSERT INTO users_fts (users_fts) VALUES ('rebuild'); END;",
            )
            .await;
            for (at, name) in names.iter().enumerate() {
                for table in ["plain", "users"] {
                    let insert = format!("INSERT INTO {table} (name, plan) VALUES (?, ?)");
                    let plan = names.get(at + 1);
                    sqlx::query(AssertSqlSafe(insert)).bind(name).bind(plan).execute(&mut connection).await.unwrap();
                }
            }
            let opened = async |table: &str| {
                let search = Some(vec!["name".into(), "plan".into()]);
                understudy_directory::open(&DirectoryConfig { search, ..build_config(url.clone(), table) }, None).await.unwrap()
            };
            let (plain, users) = (opened("plain").await, opened("users").await);
            let is_served = |one: &understudy_directory::SearchCoverage| one.index.as_deref() == Some("users_fts");
            prop_assert!(users.info().coverage.iter().any(is_served));
            // Texts from the rows themselves, and others.
            let within: String = names[0].chars().skip(1).take(4).collect();
            for text in [text, within.to_uppercase(), within.to_lowercase(), within] {
                let question = query(&text);
                prop_assert_eq!(search(&*users, &question).await.rows, search(&*plain, &question).await.rows, "{}", text);
            }
            Ok(())
        })?;
    }

    #[test]
    fn search_texts_are_not_patterns(names in prop::collection::vec("[a%_\\\\']{1,4}", 1..20), text in "[a%_\\\\']{1,3}") {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (_folder, url, mut connection) = database("CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT)").await;
            for name in &names {
                sqlx::query("INSERT INTO users (name) VALUES (?)").bind(name).execute(&mut connection).await.unwrap();
            }
            let config = DirectoryConfig { name: Some("name".into()), ..build_config(url, "users") };
            let directory = understudy_directory::open(&config, None).await.unwrap();
            assert_eq!(directory.info().columns[1].kind, FieldKind::Text);
            let found = search(&*directory, &ListRequest { limit: 500, ..query(&text) }).await.rows;
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

#[tokio::test]
async fn users_are_found_by_their_records() {
    let (_folder, url, mut connection) = database("CREATE TABLE unrelated (id INTEGER)").await;
    let script = format!(
        "{}
         CREATE INDEX orders_number ON orders (number);
         CREATE INDEX devices_serial ON devices (serial COLLATE NOCASE);",
        related::script("TEXT", "DATETIME")
    );
    sqlx::raw_sql(AssertSqlSafe(script)).execute(&mut connection).await.unwrap();
    related::told(&related::build_config(url, "id"), None).await;
}

//! The files next to an SQLite database: it is read without adding to them, even while others have it open.

use std::path::{Path, PathBuf};

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode};
use sqlx::{AssertSqlSafe, Connection};
use understudy_directory::DirectoryCode;
use understudy_directory::DirectoryConfig;

use crate::story::{query, search};

struct Application {
    path: PathBuf,
}

impl Application {
    async fn open(&self, mode: SqliteJournalMode) -> SqliteConnection {
        let options =
            SqliteConnectOptions::new().filename(&self.path).create_if_missing(true).journal_mode(mode);
        SqliteConnection::connect_with(&options).await.unwrap()
    }

    async fn writes(&self, email: &str) {
        let mut connection = self.open(SqliteJournalMode::Wal).await;
        insert(&mut connection, email).await;
        connection.close().await.unwrap();
    }
}

async fn insert(connection: &mut SqliteConnection, email: &str) {
    sqlx::query("INSERT INTO users (email) VALUES (?1)").bind(email).execute(connection).await.unwrap();
}

fn build_config(path: &Path) -> DirectoryConfig {
    DirectoryConfig {
        table: "users".into(),
        name: None,
        created_at: None,
        columns: vec![],
        ..crate::build_config(format!("sqlite://{}", path.display()))
    }
}

/// The files in a folder, with their contents.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<(String, Vec<u8>)> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read(&path).unwrap()))
        .collect();
    files.sort();
    files
}

async fn made() -> (tempfile::TempDir, Application) {
    let folder = tempfile::tempdir().unwrap();
    let application = Application { path: folder.path().join("app.db") };
    let mut connection = application.open(SqliteJournalMode::Wal).await;
    sqlx::raw_sql("CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT)")
        .execute(&mut connection)
        .await
        .unwrap();
    insert(&mut connection, "a@b.c").await;
    connection.close().await.unwrap();
    (folder, application)
}

#[tokio::test]
async fn no_sidecar_files_are_left_beside_a_closed_file() {
    let (folder, application) = made().await;
    let before = files(folder.path());
    assert_eq!(before.len(), 1, "the application took its log with it");

    let discovered =
        understudy_directory::discover_tables(&build_config(&application.path), None).await.unwrap();
    assert_eq!(discovered.tables[0].name, "users");
    let directory = understudy_directory::open(&build_config(&application.path), None).await.unwrap();
    let seen = async || search(&*directory, &query("")).await.rows.len();
    assert_eq!(seen().await, 1);
    assert_eq!(files(folder.path()), before);

    // The application starts, stops and writes; the directory follows.
    application.writes("second@b.c").await;
    assert_eq!(seen().await, 2);
    let mut running = application.open(SqliteJournalMode::Wal).await;
    insert(&mut running, "third@b.c").await;
    assert_eq!(files(folder.path()).len(), 3, "its log is its own");
    assert_eq!(seen().await, 3);
    insert(&mut running, "fourth@b.c").await;
    assert_eq!(seen().await, 4);
    running.close().await.unwrap();
    assert_eq!(seen().await, 4);
    application.writes("fifth@b.c").await;
    assert_eq!(seen().await, 5);
    directory.close().await;

    // Through a symbolic link, the other files are still next to the database.
    #[cfg(unix)]
    {
        let elsewhere = tempfile::tempdir().unwrap();
        let link = elsewhere.path().join("link.db");
        std::os::unix::fs::symlink(&application.path, &link).unwrap();
        let running = application.open(SqliteJournalMode::Wal).await;
        let linked = understudy_directory::open(&build_config(&link), None).await.unwrap();
        assert_eq!(search(&*linked, &query("")).await.rows.len(), 5);
        assert_eq!(files(elsewhere.path()).len(), 1);
        running.close().await.unwrap();
    }
}

#[tokio::test]
async fn a_file_that_would_have_to_be_changed_is_refused() {
    let (folder, application) = made().await;
    // Copied while it was open, without the -shm file.
    let mut running = application.open(SqliteJournalMode::Wal).await;
    insert(&mut running, "logged@b.c").await;
    let copied = tempfile::tempdir().unwrap();
    for name in ["app.db", "app.db-wal"] {
        std::fs::copy(folder.path().join(name), copied.path().join(name)).unwrap();
    }
    let before = files(copied.path());
    let error = understudy_directory::open(&build_config(&copied.path().join("app.db")), None)
        .await
        .err()
        .expect("it is refused");
    assert_eq!(error.code, DirectoryCode::Unreachable);
    assert!(error.message.contains("app.db-wal") && error.hint.unwrap().contains("Start the application"));
    assert_eq!(files(copied.path()), before);
    running.close().await.unwrap();

    // Copied in the middle of a transaction that had already written to the file.
    let path = folder.path().join("journal.db");
    let journaling = Application { path: path.clone() };
    let mut connection = journaling.open(SqliteJournalMode::Delete).await;
    let fill = "PRAGMA cache_size = 5; CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT);
                INSERT INTO users WITH RECURSIVE ids(id) AS (VALUES (1) UNION ALL SELECT id + 1 FROM ids WHERE id < 5000)
                  SELECT id, 'mail' || id || '@example.com' FROM ids;
                BEGIN; UPDATE users SET email = 'changed' || id;";
    sqlx::raw_sql(AssertSqlSafe(fill.to_owned())).execute(&mut connection).await.unwrap();
    let copied = tempfile::tempdir().unwrap();
    for name in ["journal.db", "journal.db-journal"] {
        std::fs::copy(folder.path().join(name), copied.path().join(name)).unwrap();
    }
    let before = files(copied.path());
    let error = understudy_directory::open(&build_config(&copied.path().join("journal.db")), None)
        .await
        .err()
        .expect("it is refused");
    assert_eq!(error.code, DirectoryCode::Unreachable, "{error:?}");
    assert!(error.message.contains("-journal"), "{error}");
    assert_eq!(files(copied.path()), before);
}

/// The advice can be run even if an index name is taken; views and virtual tables get none.
#[tokio::test]
async fn every_advice_can_be_run() {
    let (_folder, url, mut connection) = crate::sqlite::database(
        "CREATE TABLE users (id TEXT, email TEXT, name TEXT, created_at TEXT);
         CREATE TABLE others (id TEXT, email TEXT); CREATE INDEX by_id ON others (id); CREATE INDEX by_email_nocase ON others (email);
         CREATE VIEW people AS SELECT id, upper(email) AS email, name, created_at FROM users;
         CREATE VIRTUAL TABLE notes USING fts5(id, email, name, created_at);",
    )
    .await;
    for (table, has_indexes) in [("users", true), ("people", false), ("notes", false)] {
        let config = DirectoryConfig {
            table: table.into(),
            name: Some("name".into()),
            created_at: Some("created_at".into()),
            search: Some(vec!["id".into(), "email".into(), "name".into()]),
            columns: vec![],
            ..crate::build_config(url.clone())
        };
        let directory = understudy_directory::open(&config, None).await.unwrap();
        let mut advice: Vec<String> =
            directory.info().coverage.iter().filter_map(|service| service.advice.clone()).collect();
        // One index may serve several tiers.
        let mut known = std::collections::HashSet::new();
        advice.retain(|statement| known.insert(statement.clone()));
        directory.close().await;
        assert_eq!(advice.is_empty(), !has_indexes, "{table}: {advice:?}");
        for statement in advice {
            sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut connection).await.unwrap();
        }
        let directory = understudy_directory::open(&config, None).await.unwrap();
        for service in directory.info().coverage.iter().filter(|_| has_indexes && table == "users") {
            let is_contains = service.column.contains("id");
            assert!(service.advice.is_none() || is_contains, "{service:?}");
        }
        directory.close().await;
    }
}

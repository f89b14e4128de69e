//! Schema changes while the directory is open: a migration, a suggested index, a replaced file.

use tokio_util::sync::CancellationToken;
use understudy_directory::DirectoryCode;
use understudy_directory::DirectoryConfig;
use understudy_directory::{Directory, FieldKind, Tier};

use crate::story::{query, search};

async fn ids(directory: &dyn Directory, text: &str) -> Vec<String> {
    search(directory, &query(text)).await.rows.into_iter().map(|row| row.id).collect()
}

fn id_kind(directory: &dyn Directory) -> FieldKind {
    directory.info().columns[0].kind
}

/// The index that the directory uses for prefix searches.
fn index(directory: &dyn Directory) -> Option<String> {
    let coverage = directory.info().coverage.clone();
    coverage.into_iter().find(|service| service.tier == Tier::Prefix)?.index
}

/// `users` has a mapped column `plan`; `change` drops it and adds it again.
async fn a_column_that_goes_is_named_until_it_is_back(directory: &dyn Directory, change: impl AsyncFn(bool)) {
    change(false).await;
    for _ in 0..2 {
        let error = directory.search_users(&query("ada"), &CancellationToken::new()).await.unwrap_err();
        assert_eq!(error.code, DirectoryCode::Mismatch, "{error}");
        assert!(
            error.message.contains("directory.columns[0]") && error.message.contains("`plan`"),
            "{error}"
        );
    }
    assert_eq!(directory.find_user("1").await.unwrap_err().code, DirectoryCode::Mismatch);
    change(true).await;
    assert_eq!(ids(directory, "ada").await, ["1"]);
}

#[cfg(target_os = "linux")]
mod on_servers {
    use mongodb::bson::doc;

    use super::*;
    use crate::link::{READER, build_config, mariadb, open, postgres};

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_migration_in_postgresql_is_followed() {
        let server = postgres();
        let sql = |script: &str| server.sql("postgres", script);
        sql("ALTER TABLE users ADD plan text");
        let config =
            DirectoryConfig { columns: vec!["plan".into()], ..build_config(server.url(READER, "postgres")) };
        let directory = open(&config).await;
        assert_eq!(ids(&*directory, "ada").await, ["1"]);
        assert_eq!(id_kind(&*directory), FieldKind::Integer);

        // The ID becomes a UUID.
        sql("ALTER TABLE users ALTER id TYPE uuid USING lpad(id::text, 32, '0')::uuid");
        let uuid = "00000000-0000-0000-0000-000000000001";
        assert_eq!(ids(&*directory, uuid).await, [uuid]);
        assert_eq!(directory.find_user(uuid).await.unwrap().map(|row| row.id).as_deref(), Some(uuid));
        assert_eq!(id_kind(&*directory), FieldKind::Uuid);

        // The table is recreated with integer IDs.
        sql(&format!(
            "DROP TABLE users; CREATE TABLE users (id bigint PRIMARY KEY, email varchar(50), plan text);
             INSERT INTO users VALUES (1, 'ada@example.com', 'pro'); GRANT SELECT ON users TO {READER}"
        ));
        assert_eq!(ids(&*directory, "1").await, ["1"]);
        a_column_that_goes_is_named_until_it_is_back(&*directory, async |back| {
            sql(if back { "ALTER TABLE users ADD plan text" } else { "ALTER TABLE users DROP plan" });
        })
        .await;

        // A suggested index is used once it exists.
        assert_eq!(index(&*directory), None);
        sql("CREATE INDEX by_email ON users (lower(email) text_pattern_ops)");
        assert_eq!(ids(&*directory, "ADA").await, ["1"]);
        assert_eq!(index(&*directory).as_deref(), Some("by_email"));
        sql("DROP INDEX by_email");
        assert_eq!(ids(&*directory, "ADA").await, ["1"]);
        assert_eq!(index(&*directory), None);

        // A copy with its own index replaces the table.
        sql(&format!(
            "CREATE TABLE new (LIKE users INCLUDING ALL); CREATE INDEX by_new ON new (lower(email) text_pattern_ops);
             INSERT INTO new VALUES (7, 'ada@example.com', 'pro'); GRANT SELECT ON new TO {READER};
             BEGIN; ALTER TABLE users RENAME TO old; ALTER TABLE new RENAME TO users; COMMIT"
        ));
        assert_eq!(ids(&*directory, "ADA").await, ["7"]);
        assert_eq!(index(&*directory).as_deref(), Some("by_new"));

        // A view is replaced by one with other rows and an additional column.
        sql(&format!(
            "CREATE VIEW shown AS SELECT id, email, plan FROM old; GRANT SELECT ON shown TO {READER}"
        ));
        let of_view = open(&DirectoryConfig { table: "shown".into(), ..config.clone() }).await;
        assert_eq!(ids(&*of_view, "ada").await, ["1"]);
        sql("CREATE OR REPLACE VIEW shown AS SELECT id, email, plan, now() AS seen FROM users");
        assert_eq!(ids(&*of_view, "ada").await, ["7"]);
        sql("DROP VIEW shown; CREATE VIEW shown AS SELECT id::text AS id, email, plan FROM users");
        sql(&format!("GRANT SELECT ON shown TO {READER}"));
        assert_eq!(ids(&*of_view, "ada").await, ["7"]);
        assert_eq!(id_kind(&*of_view), FieldKind::Text);
        of_view.close().await;
        directory.close().await;
    }

    /// The check runs in the background, so the next query may still use the old state.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn an_index_in_mongodb_counts_and_is_missed() {
        let server = crate::link::mongo().await;
        let config = DirectoryConfig { id: "_id".into(), ..build_config(server.url(READER, "acme")) };
        let directory = open(&config).await;
        let until = async |expected: Option<&str>| {
            let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
            loop {
                assert_eq!(ids(&*directory, "ada").await, ["1"]);
                if index(&*directory).as_deref() == expected {
                    return;
                }
                assert!(std::time::Instant::now() < deadline, "{expected:?} is not noticed");
            }
        };
        until(None).await;
        let folding = doc! { "locale": "en", "strength": 2 };
        let made = doc! { "name": "by_email", "key": { "email": 1 }, "collation": folding };
        server.command("acme", doc! { "createIndexes": "users", "indexes": [made] }).await;
        until(Some("by_email")).await;
        server.command("acme", doc! { "dropIndexes": "users", "index": "by_email" }).await;
        until(None).await;
        directory.close().await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_migration_in_mariadb_is_followed() {
        let server = mariadb();
        let sql = |script: &str| server.sql("acme", script);
        sql("ALTER TABLE users ADD plan text");
        let config =
            DirectoryConfig { columns: vec!["plan".into()], ..build_config(server.url(READER, "acme")) };
        let directory = open(&config).await;
        assert_eq!(ids(&*directory, "ada").await, ["1"]);
        // The server would match a number with every text that starts with it, silently.
        let uuid = "1b5a2a3e-6f0e-4a56-9f3c-5d1a9f1f7c11";
        sql(&format!("ALTER TABLE users MODIFY id char(36); UPDATE users SET id = '{uuid}'"));
        assert_eq!(directory.find_user("1").await.unwrap(), None);
        assert_eq!(ids(&*directory, uuid).await, [uuid]);
        sql("UPDATE users SET id = '1'");
        a_column_that_goes_is_named_until_it_is_back(&*directory, async |back| {
            sql(if back { "ALTER TABLE users ADD plan text" } else { "ALTER TABLE users DROP plan" });
        })
        .await;
        assert_eq!(index(&*directory), None);
        sql("CREATE INDEX by_email ON users (email)");
        assert_eq!(ids(&*directory, "ADA").await, ["1"]);
        assert_eq!(index(&*directory).as_deref(), Some("by_email"));
        directory.close().await;
    }
}

mod in_a_file {
    use std::path::Path;

    use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
    use sqlx::{AssertSqlSafe, ConnectOptions, Connection};

    use super::*;

    async fn run(path: &Path, script: &str) {
        let options = SqliteConnectOptions::new().filename(path).create_if_missing(true);
        let mut connection: SqliteConnection = options.connect().await.unwrap();
        sqlx::raw_sql(AssertSqlSafe(script.to_owned())).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    }

    fn build_config(path: &Path) -> DirectoryConfig {
        DirectoryConfig {
            table: "users".into(),
            email: Some("email".into()),
            name: None,
            created_at: None,
            columns: vec!["plan".into()],
            ..crate::build_config(format!("sqlite://{}", path.display()))
        }
    }

    const ADA: &str = "CREATE TABLE users (id integer PRIMARY KEY, email text, plan text);
                       INSERT INTO users VALUES (1, 'ada@example.com', 'pro')";
    const ADA_ELSEWHERE: &str = "CREATE TABLE users (id text PRIMARY KEY, email text COLLATE NOCASE, plan text);
                                 CREATE INDEX by_email ON users (email);
                                 INSERT INTO users VALUES ('a1', 'ada@example.com', 'pro'), ('1', 'eve@example.com', '')";

    #[tokio::test]
    async fn a_migration_in_sqlite_is_followed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("users.sqlite");
        run(&path, ADA).await;
        let directory = understudy_directory::open(&build_config(&path), None).await.unwrap();
        assert_eq!(ids(&*directory, "ada").await, ["1"]);
        a_column_that_goes_is_named_until_it_is_back(&*directory, async |back| {
            let change = if back { "ALTER TABLE users ADD plan text" } else { "ALTER TABLE users DROP plan" };
            run(&path, change).await;
        })
        .await;
        // Every schema change is noticed, so a new index is used without a refresh.
        assert_eq!(index(&*directory), None);
        run(&path, "CREATE INDEX by_email ON users (email COLLATE NOCASE)").await;
        assert_eq!(ids(&*directory, "ADA").await, ["1"]);
        assert_eq!(index(&*directory).as_deref(), Some("by_email"));
        directory.close().await;
    }

    /// As a nightly export does it: the new file is written next to the old one and renamed. The old file must not be
    /// read any more, since its IDs may now belong to others.
    #[cfg(unix)]
    #[tokio::test]
    async fn a_replaced_file_is_read_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let (path, new) = (folder.path().join("users.sqlite"), folder.path().join("new.sqlite"));
        run(&path, ADA).await;
        let directory = understudy_directory::open(&build_config(&path), None).await.unwrap();
        assert_eq!(ids(&*directory, "ada").await, ["1"]);
        run(&new, ADA_ELSEWHERE).await;
        std::fs::rename(&new, &path).unwrap();
        let row = directory.find_user("1").await.unwrap().expect("somebody else by now");
        assert!(row.cells.contains(&Some("eve@example.com".into())), "{row:?}");
        assert_eq!(ids(&*directory, "ada").await, ["a1"]);
        assert_eq!(directory.count_users("", &CancellationToken::new()).await.unwrap().users, 2);
        // Also if the new file has the same schema.
        run(&new, ADA_ELSEWHERE).await;
        run(&new, "DELETE FROM users WHERE id = '1'").await;
        std::fs::rename(&new, &path).unwrap();
        assert_eq!(directory.find_user("1").await.unwrap(), None);
        // A missing file is reported.
        std::fs::remove_file(&path).unwrap();
        let error = directory.find_user("a1").await.unwrap_err();
        assert_eq!(error.code, DirectoryCode::Unreachable, "{error}");
        run(&path, ADA).await;
        assert_eq!(ids(&*directory, "ada").await, ["1"]);
        directory.close().await;
    }
}

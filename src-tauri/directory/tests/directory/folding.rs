//! Non-ASCII letters and the suggested index on `lower()`: PostgreSQL folds the search text with the same rules as the
//! column. With `LC_CTYPE` C it only knows ASCII letters.

use std::sync::Arc;

use secrecy::SecretString;
use understudy_directory::DirectoryConfig;
use understudy_directory::{self, Directory, Tier};
use understudy_test_support::postgres::PostgresServer;

use crate::story::{query, search};

const PASSWORD: &str = "r3ader";

/// More users than may be read at every keystroke, some with names that are not ASCII.
const USERS: &str = "
    CREATE TABLE users (id int PRIMARY KEY, email text NOT NULL, full_name text NOT NULL);
    INSERT INTO users SELECT i, 'user' || i || '@example.com', 'Person ' || i FROM generate_series(100, 110100) i;
    INSERT INTO users VALUES (1, 'Élodie.Öz@Example.com', 'Élodie Öz'), (2, 'ÉLODIE@example.com', 'ÉLODIE MARTIN'),
        (3, 'İbrahim@example.com', 'İbrahim Kaya'), (4, 'ΓΙΩΡΓΟΣ@example.com', 'ΓΙΩΡΓΟΣ ΠΑΠΠΑΣ'),
        (5, 'half_price@example.com', '100% \\ Half_Price'), (6, 'halfXprice@example.com', 'HalfXPrice');
    ANALYZE users; GRANT SELECT ON users TO reader;";

fn build_config(server: &PostgresServer, database: &str) -> DirectoryConfig {
    DirectoryConfig {
        table: "users".into(),
        email: Some("email".into()),
        name: Some("full_name".into()),
        created_at: None,
        columns: vec![],
        timeout_ms: 1000,
        ..crate::build_config(server.url("reader", database))
    }
}

async fn open(config: &DirectoryConfig) -> Arc<dyn Directory> {
    understudy_directory::open(config, Some(&SecretString::from(PASSWORD))).await.unwrap()
}

async fn found(directory: &dyn Directory, text: &str) -> String {
    let page = search(directory, &query(text)).await;
    let mut ids: Vec<&str> = page.rows.iter().map(|row| row.id.as_str()).collect();
    ids.sort_unstable();
    ids.join(" ")
}

/// Runs the advice verbatim and opens the database again.
async fn advised(server: &PostgresServer, database: &str) -> Arc<dyn Directory> {
    let config = build_config(server, database);
    let directory = open(&config).await;
    let advice: Vec<String> =
        directory.info().coverage.iter().filter_map(|service| service.advice.clone()).collect();
    assert!(advice.iter().any(|index| index.contains("lower(\"full_name\")")), "{advice:?}");
    directory.close().await;
    for statement in advice {
        server.sql(database, &statement);
    }
    server.sql(database, "ANALYZE users");
    open(&config).await
}

/// The searches can use the index instead of a sequential scan.
fn nothing_was_scanned(server: &PostgresServer, database: &str) {
    let plan = |condition: &str| {
        server.sql(database, &format!("EXPLAIN SELECT 1 FROM users AS u WHERE {condition} LIMIT 10"))
    };
    // As `postgres::dialect` writes it.
    let prefix = plan("lower(u.full_name) LIKE lower('Élodie%')");
    assert!(prefix.contains("Index Cond") && !prefix.contains("Seq Scan"), "{prefix}");
}

#[tokio::test]
async fn the_advised_index_finds_names_beyond_ascii() {
    let server = PostgresServer::start();
    server.sql("postgres", &format!("CREATE ROLE reader LOGIN PASSWORD '{PASSWORD}'"));
    let create = |name: &str, locale: &str| {
        server
            .sql("postgres", &format!("CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8' {locale}"));
        server.sql(name, USERS);
    };
    create("plain", "LC_COLLATE 'C' LC_CTYPE 'C'");
    create("unicode", "LC_COLLATE 'C' LC_CTYPE 'C.UTF-8'");
    create("icu", "LC_COLLATE 'C.UTF-8' LC_CTYPE 'C.UTF-8' LOCALE_PROVIDER icu ICU_LOCALE 'en'");
    // The columns have their own collation, whose lower case differs from the database's.
    create("own", "LC_COLLATE 'C' LC_CTYPE 'C'");
    server.sql(
        "own",
        "ALTER TABLE users ALTER email TYPE text COLLATE \"C.utf8\", ALTER full_name TYPE text COLLATE \"C.utf8\";
         ANALYZE users",
    );

    for database in ["plain", "unicode", "icu", "own"] {
        let directory = advised(&server, database).await;
        for service in &directory.info().coverage {
            assert!(service.index.is_some(), "{database}: {service:?}");
        }
        // Spelled as stored, in any database.
        for (text, ids) in [
            ("Élodie Öz", "1"),
            ("İbrahim", "3"),
            ("ΓΙΩΡΓΟΣ", "4"),
            ("ΓΙΩΡΓΟΣ ΠΑΠ", "4"),
            ("Élodie.Öz@Example.com", "1"),
            ("ΓΙΩΡΓΟΣ@example.com", "4"),
            ("100% \\ half_p", "5"),
            ("half_price", "5"),
        ] {
            assert_eq!(found(&*directory, text).await, ids, "{database}: {text}");
        }
        // In another case: with the index alone if the server can fold it, otherwise in the usual spellings.
        for text in ["élodie", "ÉLODIE", "Élodie"] {
            let page = search(&*directory, &query(text)).await;
            assert_eq!(found(&*directory, text).await, "1 2", "{database}: {text}");
            assert_eq!(page.how.tier, Tier::Prefix, "{database}: {text}");
            assert!(database == "plain" || page.left_out.is_none(), "{database}: {text}");
        }
        nothing_was_scanned(&server, database);
        directory.close().await;
    }
}

#[tokio::test]
async fn an_index_on_the_lower_case_finds_names_beyond_ascii_in_sqlite() {
    let (_folder, url, mut connection) = crate::sqlite::database(
        "CREATE TABLE users (id INTEGER PRIMARY KEY, full_name TEXT NOT NULL);
         WITH RECURSIVE many (i) AS (SELECT 100 UNION ALL SELECT i + 1 FROM many WHERE i < 110100)
         INSERT INTO users SELECT i, 'Person ' || i FROM many;
         INSERT INTO users VALUES (1, 'Anna Öz'), (2, 'ÉLODIE MARTIN'), (3, 'ΓΙΩΡΓΟΣ ΠΑΠΠΑΣ');
         CREATE INDEX by_name ON users (lower(full_name));",
    )
    .await;
    sqlx::raw_sql("ANALYZE").execute(&mut connection).await.unwrap();
    let config = DirectoryConfig {
        table: "users".into(),
        email: None,
        name: Some("full_name".into()),
        created_at: None,
        columns: vec![],
        timeout_ms: 1000,
        ..crate::build_config(url)
    };
    let directory = understudy_directory::open(&config, None).await.unwrap();
    for (text, id) in
        [("Anna Öz", "1"), ("ANNA Öz", "1"), ("ÉLODIE M", "2"), ("élodie m", "2"), ("ΓΙΩΡΓΟΣ", "3")]
    {
        assert_eq!(found(&*directory, text).await, id, "{text}");
    }
    directory.close().await;
}

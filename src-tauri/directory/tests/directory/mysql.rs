//! The MySQL engine on MariaDB: the story on a real server, and what only a server can do.

use std::sync::Arc;
use std::time::{Duration, Instant};

use secrecy::SecretString;
use sqlx::Connection;
use sqlx::mysql::{MySqlConnectOptions, MySqlConnection};
use tokio_util::sync::CancellationToken;
use understudy_directory::DirectoryConfig;
use understudy_directory::{Directory, FieldKind, ListRequest, Place, Sort, Tier};
use understudy_directory::{DirectoryCode, DirectoryError};
use understudy_test_support::mariadb::MariaDbServer;

use crate::faults::{self, Administrator, Overseer};
use crate::paths;
use crate::people::{Indexed, Person, PrefixIndex, people};
use crate::related;
use crate::spellings;
use crate::story::{self, pages, query, search};
use crate::suggestions;

/// The story's index on the email ignores case; its names are too long for an index.
const INDEXED: Indexed = Indexed {
    email: false,
    prefix: &[PrefixIndex { column: "email", folds: true }],
    sortable: &["id", "email", "score", "createdAt"],
};

const READER: &str = "reader";
const READER_PASSWORD: &str = "r3ad:er/p@ss word";

fn password() -> SecretString {
    READER_PASSWORD.into()
}

/// Creates a separate database that `reader` may read.
fn database(server: &MariaDbServer, name: &str, script: &str) -> String {
    // The server's settings must not affect what is shown.
    server.sql("mysql", &format!("CREATE DATABASE {name} CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci"));
    server.sql(name, &format!("SET time_zone = '+00:00'; SET sql_mode = '';\n{script}"));
    server.sql("mysql", &format!("GRANT SELECT ON {name}.* TO {READER}@'%'"));
    server.url(READER, name)
}

fn server() -> MariaDbServer {
    let server = MariaDbServer::start();
    server.sql(
        "mysql",
        &format!(
            "CREATE USER {READER}@'%' IDENTIFIED BY '{READER_PASSWORD}';
             SET GLOBAL time_zone = '+05:45';
             SET GLOBAL sql_mode = 'ANSI,NO_BACKSLASH_ESCAPES,PAD_CHAR_TO_FULL_LENGTH,STRICT_ALL_TABLES,NO_ZERO_DATE';
             SET GLOBAL character_set_server = latin1;"
        ),
    );
    server
}

fn build_config(url: &str, table: &str) -> DirectoryConfig {
    DirectoryConfig {
        table: table.into(),
        email: None,
        name: None,
        created_at: None,
        columns: vec![],
        ..crate::build_config(url.into())
    }
}

async fn open(config: &DirectoryConfig) -> Arc<dyn Directory> {
    understudy_directory::open(config, Some(&password())).await.unwrap()
}

async fn opening_fails(config: &DirectoryConfig, password: Option<&str>) -> DirectoryError {
    let password = password.map(SecretString::from);
    match understudy_directory::open(config, password.as_ref()).await {
        Ok(_) => panic!("{config:?} was opened"),
        Err(error) => {
            let text = format!("{error} {error:?}");
            assert!(!text.contains(READER_PASSWORD) && !text.contains("wr0ng"), "{text}");
            error
        }
    }
}

fn users(server: &MariaDbServer, name: &str) -> String {
    let url = database(
        server,
        name,
        "CREATE TABLE Users (id bigint PRIMARY KEY, email varchar(255),
                             full_name text COLLATE utf8mb4_nopad_bin, plan enum('free', 'pro'), score double,
                             active tinyint(1), createdAt timestamp(6) NULL,
                             password_hash text NOT NULL DEFAULT 'secret',
                             KEY (email), KEY (score), KEY (createdAt), KEY (full_name(100)), KEY (plan) IGNORED);",
    );
    let rows: Vec<String> = people().iter().map(row).collect();
    for rows in rows.chunks(500) {
        server.sql(
            name,
            &format!(
                "SET time_zone = '+00:00';
                 INSERT INTO Users (id, email, full_name, plan, score, active, createdAt) VALUES {}",
                rows.join(", ")
            ),
        );
    }
    url
}

fn row(person: &Person) -> String {
    use std::fmt::Write;
    let null = || "NULL".to_owned();
    let text = |text: &Option<String>| {
        text.as_ref().map_or_else(null, |text| {
            let mut hex = String::new();
            for byte in text.as_bytes() {
                write!(hex, "{byte:02x}").unwrap();
            }
            format!("CONVERT(x'{hex}' USING utf8mb4)")
        })
    };
    let created_at = person.created_at.map_or_else(null, |micros| {
        let time = jiff::Timestamp::from_microsecond(micros).unwrap();
        time.strftime("'%Y-%m-%d %H:%M:%S.%6f'").to_string()
    });
    format!(
        "({}, {}, {}, {}, {}, {}, {created_at})",
        person.id,
        text(&person.email),
        text(&person.name),
        text(&person.plan),
        person.score.map_or_else(null, |score| format!("{score:e}")),
        person.active.map_or_else(null, |active| active.to_string()),
    )
}

#[tokio::test]
async fn the_story_on_mariadb() {
    let server = server();
    let url = users(&server, "acme");
    let directory = open(&crate::build_config(url)).await;
    let info = directory.info();
    assert!(info.server.starts_with("MariaDB 1"), "{}", info.server);
    assert!(info.total_is_exact, "few enough to be counted");
    story::told(&*directory, INDEXED).await;
    what_would_help_is_told(&*directory);
    directory.close().await;

    values_of_every_type_are_shown(&server).await;
    lists_by_any_type_hold_everyone_once(&server).await;
    ids_of_every_kind_find_their_user(&server).await;
    texts_of_other_character_sets_are_searched(&server).await;
    tables_are_found_by_their_exact_names(&server).await;
    values_within_json_are_columns(&server).await;
    other_spellings_are_found(&server).await;
    nothing_can_be_written(&server).await;
    refusals_are_distinguished(&server).await;
    the_way_to_the_server_is_secure(&server).await;
    a_page_reads_no_more_than_its_rows(&server).await;
}

/// As counted by the server. By default, MySQL sorts all matching rows if ORDER BY has two columns.
async fn a_page_reads_no_more_than_its_rows(server: &MariaDbServer) {
    let url = database(
        server,
        "many",
        "CREATE TABLE users (id bigint PRIMARY KEY, email varchar(255) NOT NULL UNIQUE, full_name varchar(255) NOT NULL,
                             created_at datetime NOT NULL, KEY (full_name), KEY (created_at));
         INSERT INTO users SELECT seq, concat('mail', seq, '@example.com'), concat('Person ', seq % 97),
                                  from_unixtime(1700000000 + seq DIV 300) FROM seq_1_to_20000;
         ANALYZE TABLE users",
    );
    let config = DirectoryConfig {
        email: Some("email".into()),
        name: Some("full_name".into()),
        created_at: Some("created_at".into()),
        ..build_config(&url, "users")
    };
    let directory = open(&config).await;
    let read = || -> i64 {
        let said = server.sql("mysql", "SHOW GLOBAL STATUS LIKE 'Handler\\_read%'");
        said.lines().filter_map(|line| line.split_whitespace().nth(1)?.parse::<i64>().ok()).sum()
    };
    let by = |column: &str, descending| Some(Sort { column: column.into(), descending });
    for query in [
        query(""),
        ListRequest { place: Place::End, ..query("") },
        ListRequest { sort: by("email", false), ..query("") },
        ListRequest { sort: by("email", true), place: Place::End, ..query("") },
        ListRequest { sort: by("full_name", false), ..query("") },
        query("mail1"),
        query("person 1"),
        query("mail77@example.com"),
        query("7777"),
    ] {
        let before = read();
        let page = search(&*directory, &query).await;
        let read = read() - before;
        assert!(!page.rows.is_empty() && read < 700, "{query:?} read {read} rows of 20,000");
    }
    directory.close().await;
}

fn what_would_help_is_told(directory: &dyn Directory) {
    let info = directory.info();
    let lines: Vec<String> = info
        .coverage
        .iter()
        .map(|service| {
            let or_none = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".into());
            format!(
                "{:?} {}: {} | {}",
                service.tier,
                service.column,
                or_none(&service.index),
                or_none(&service.advice)
            )
        })
        .collect();
    assert_eq!(
        lines,
        [
            "All createdAt: createdAt | -",
            "Id id: PRIMARY | -",
            "Email email: email | -",
            "Prefix email: email | -",
            "Prefix full_name: - | -",
            "Contains email, full_name: - | -",
        ]
    );
    assert_eq!(
        info.reader[1],
        "GRANT SELECT (`id`, `full_name`, `email`, `plan`, `score`, `active`, `createdAt`) ON `acme`.`Users` \
         TO 'understudy'@'%'"
    );
}

/// A table with a column of every type.
fn kinds(server: &MariaDbServer) -> DirectoryConfig {
    let url = database(
        server,
        "kinds",
        r#"CREATE TABLE kinds (id bigint unsigned PRIMARY KEY, email varchar(100), mood enum('sad', 'happy'),
              tags set('a', 'b', 'c'), extra json, amount decimal(65,30), precise timestamp(6) NULL, wall datetime(3),
              day date, hour time, born year, bytes varbinary(100), large longblob, ratio float, exact double,
              flag bit(1), bits bit(12), tiny tinyint(1), small tinyint, padded int(8) zerofill, fixed char(5),
              long_text longtext, place point, ident uuid, address inet6);
          INSERT INTO kinds VALUES
            (18446744073709551615, 'Ada@Example.com', 'happy', 'a,c', '{"a": [1, null]}',
             12345678901234567890123456789012345.5, '2024-01-02 03:04:05.678901', '2024-01-02 03:04:05.678', '2024-01-02',
             '-838:59:59', 2024, x'00ff', NULL, 0.1, 0.1, b'1', b'101', 1, 1, 42, 'ab', 'short', POINT(1, 2),
             '0b5a2a3e-6f0e-4a56-9f3c-5d1a9f1f7c11', '::1'),
            (2, NULL, NULL, '', NULL, -0.5, '0000-00-00 00:00:00', '0000-00-00 00:00:00', '0000-00-00', NULL, 0, '',
             REPEAT(x'ab', 1000000), 1e30, 1e300, b'0', b'0', 0, -1, 0, '', REPEAT('ä', 1000000), NULL, NULL, NULL),
            (3, NULL, NULL, NULL, NULL, NULL, NULL, '2024-00-00 00:00:00', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
             7, NULL, NULL, NULL, NULL, NULL, NULL, NULL);"#,
    );
    let names = [
        "mood",
        "tags",
        "extra",
        "amount",
        "precise",
        "wall",
        "day",
        "hour",
        "born",
        "bytes",
        "large",
        "ratio",
        "exact",
        "flag",
        "bits",
        "tiny",
        "small",
        "padded",
        "fixed",
        "long_text",
        "place",
        "ident",
        "address",
    ];
    DirectoryConfig {
        email: Some("email".into()),
        columns: names.map(str::to_owned).to_vec(),
        search: Some(["email", "mood", "extra", "amount", "bytes"].map(str::to_owned).to_vec()),
        ..build_config(&url, "kinds")
    }
}

async fn values_of_every_type_are_shown(server: &MariaDbServer) {
    let directory = open(&kinds(server)).await;
    let shown = async |id: &str| -> Vec<String> {
        let row = directory.find_user(id).await.unwrap().expect("the row is there");
        row.cells.into_iter().map(|cell| cell.unwrap_or_else(|| "NULL".into())).collect()
    };
    assert_eq!(
        shown("18446744073709551615").await,
        [
            "18446744073709551615",
            "Ada@Example.com",
            "happy",
            "a,c",
            "{\"a\": [1, null]}",
            "12345678901234567890123456789012345.500000000000000000000000000000",
            "2024-01-02T03:04:05.678901Z",
            "2024-01-02T03:04:05.678",
            "2024-01-02",
            "-838:59:59",
            "2024",
            "\\x00ff",
            "NULL",
            "0.1",
            "0.1",
            "true",
            "5",
            "true",
            "1",
            "42",
            "ab",
            "short",
            "POINT(1 2)",
            "0b5a2a3e-6f0e-4a56-9f3c-5d1a9f1f7c11",
            "::1",
        ]
    );
    let two = shown("2").await;
    assert_eq!(two[6..9], ["0000-00-00 00:00:00.000000", "0000-00-00 00:00:00.000", "0000-00-00"]);
    assert_eq!(two[12].chars().count(), 2001, "a megabyte was cut");
    assert_eq!(two[15..19], ["false", "0", "false", "-1"]);
    assert_eq!(two[21].chars().count(), 2001, "a megabyte was cut");
    let three = shown("3").await;
    assert_eq!((three[7].as_str(), three[17].as_str()), ("2024-00-00 00:00:00.000", "7"));
    let kinds: Vec<FieldKind> = directory.info().columns.iter().map(|column| column.kind).collect();
    assert_eq!(kinds[0], FieldKind::Integer);
    assert_eq!(kinds[5..9], [FieldKind::Number, FieldKind::Time, FieldKind::Time, FieldKind::Time]);
    assert_eq!(kinds[23], FieldKind::Uuid);

    for (text, tier) in [
        ("ADA@example.com", Tier::Email),
        ("HAP", Tier::Prefix),
        ("null]", Tier::Contains),
        ("12345678901234567890", Tier::Prefix),
        ("\\x00FF", Tier::Prefix),
        ("18446744073709551615", Tier::Id),
    ] {
        let page = search(&*directory, &query(text)).await;
        assert_eq!(page.rows.first().map(|row| row.id.as_str()), Some("18446744073709551615"), "{text}");
        assert_eq!(page.how.tier, tier, "{text}");
    }
}

async fn lists_by_any_type_hold_everyone_once(server: &MariaDbServer) {
    let url = database(
        server,
        "ordered",
        "CREATE TABLE ordered (id char(36) CHARACTER SET ascii PRIMARY KEY, t timestamp(3) NULL, w datetime, d date,
                               n decimal(20,5), f float, g float(10,2), c varchar(20), l varchar(20) CHARACTER SET latin1 COLLATE latin1_german2_ci,
                               v varchar(20) COLLATE utf8mb4_bin, b tinyint(1), e enum('z','a','m'), s set('z','a'),
                               h time(2), y binary(16), x longblob, k bit(9), u bigint unsigned, p longtext, j json);
         INSERT INTO ordered
           SELECT UUID(),
                  CASE WHEN seq % 5 = 0 THEN NULL ELSE '2024-01-01' + INTERVAL (seq % 11 * 1000) MICROSECOND END,
                  CASE WHEN seq % 5 = 0 THEN '0000-00-00' ELSE '2024-01-01' - INTERVAL (seq % 900) YEAR END,
                  CASE WHEN seq % 3 = 0 THEN NULL ELSE '2024-01-01' + INTERVAL (seq % 4) DAY END,
                  (CAST(seq AS SIGNED) % 17 - 8) / 7.0, (seq % 17) / 7.0, (seq % 17) / 7.0,
                  ELT(seq % 5 + 1, 'ada', 'ADA', 'Bob', NULL, ''), ELT(seq % 6 + 1, 'ada', 'ADÄ', 'é', NULL, 'ß', 'ss'),
                  ELT(seq % 5 + 1, 'ada', 'ADA', '👩', NULL, 'ß'), ELT(seq % 3 + 1, 1, 0, NULL),
                  ELT(seq % 4 + 1, 'z', 'a', 'm', NULL), ELT(seq % 4 + 1, 'z', 'a', '', 'z,a'),
                  SEC_TO_TIME(seq % 13 * 1000.5 - 5000), UNHEX(MD5(seq % 40)), UNHEX(MD5(seq % 40)), seq % 300,
                  18446744073709551615 - seq % 50, REPEAT(CHAR(97 + seq % 20), 3000), JSON_OBJECT('a', seq % 9)
           FROM seq_1_to_400;
         CREATE INDEX c ON ordered (c); CREATE INDEX l ON ordered (l); CREATE INDEX f ON ordered (f); CREATE INDEX g ON ordered (g);
         CREATE INDEX w ON ordered (w); CREATE INDEX e ON ordered (e); CREATE INDEX u ON ordered (u); CREATE INDEX y ON ordered (y);",
    );
    let names = ["w", "d", "n", "f", "g", "c", "l", "v", "b", "e", "s", "h", "y", "x", "k", "u", "p", "j"];
    let config = DirectoryConfig {
        created_at: Some("t".into()),
        columns: names.map(str::to_owned).to_vec(),
        ..build_config(&url, "ordered")
    };
    let directory = open(&config).await;
    for column in ["t", "id"].into_iter().chain(names) {
        for descending in [false, true] {
            let direction = if descending { "DESC" } else { "ASC" };
            let ids = server.sql(
                "ordered",
                &format!(
                    "SELECT id FROM ordered ORDER BY {column} IS NULL, {column} {direction}, id {direction}"
                ),
            );
            let sort = Some(Sort { column: column.into(), descending });
            let question = ListRequest { sort, limit: 23, ..query("") };
            let back = story::backwards(&*directory, question.clone()).await;
            let pages = pages(&*directory, question).await;
            let found: Vec<&str> =
                pages.iter().flat_map(|page| &page.rows).map(|row| row.id.as_str()).collect();
            assert_eq!(found, ids.lines().collect::<Vec<_>>(), "by {column} {direction}");
            assert_eq!(
                back.iter().map(|row| row.id.as_str()).collect::<Vec<_>>(),
                found,
                "by {column} {direction}, backwards"
            );
        }
    }
}

async fn ids_of_every_kind_find_their_user(server: &MariaDbServer) {
    let url = database(
        server,
        "ids",
        r"CREATE TABLE uuids (id uuid PRIMARY KEY); INSERT INTO uuids VALUES ('0b5a2a3e-6f0e-4a56-9f3c-5d1a9f1f7c11');
          CREATE TABLE packed (id binary(16) PRIMARY KEY); INSERT INTO packed VALUES (x'0b5a2a3e6f0e4a569f3c5d1a9f1f7c11');
          CREATE TABLE texts (id varchar(50) COLLATE utf8mb4_bin PRIMARY KEY); INSERT INTO texts VALUES ('Ada'), ('007'), ('100%_''\\');
          CREATE TABLE folded (id varchar(50) PRIMARY KEY); INSERT INTO folded VALUES ('Ada');
          CREATE TABLE small (id tinyint unsigned PRIMARY KEY); INSERT INTO small VALUES (7), (255);
          CREATE TABLE big (id bigint unsigned PRIMARY KEY); INSERT INTO big VALUES (18446744073709551611), (18446744073709551615);
          CREATE TABLE numbers (id decimal(40,2) PRIMARY KEY); INSERT INTO numbers VALUES (12345678901234567890123456789012345), (1.50);
          CREATE TABLE ratios (id double PRIMARY KEY); INSERT INTO ratios VALUES (0.1), (1.5);
          CREATE TABLE padded (id char(8) PRIMARY KEY); INSERT INTO padded VALUES ('ab');
          CREATE VIEW doubled AS SELECT 7 AS id UNION ALL SELECT 7;
          CREATE VIEW nobody AS SELECT NULL AS id UNION ALL SELECT 7;",
    );
    for (table, id) in [
        ("uuids", "0b5a2a3e-6f0e-4a56-9f3c-5d1a9f1f7c11"),
        ("packed", "0b5a2a3e-6f0e-4a56-9f3c-5d1a9f1f7c11"),
        ("texts", "Ada"),
        ("texts", "007"),
        ("texts", "100%_'\\"),
        ("folded", "Ada"),
        ("small", "7"),
        ("big", "18446744073709551615"),
        ("numbers", "12345678901234567890123456789012345.00"),
        ("numbers", "1.50"),
        ("ratios", "0.1"),
        ("padded", "ab"),
        ("nobody", "7"),
    ] {
        let directory = open(&build_config(&url, table)).await;
        assert_eq!(directory.find_user(id).await.unwrap().expect(table).id, id);
        let page = search(&*directory, &query(&format!(" {id} "))).await;
        assert_eq!(page.rows[0].id, id, "{table}");
        assert_eq!(page.how.tier, Tier::Id);
        // Texts that cannot be an ID of this type find no one and cause no error.
        for other in
            ["ADA", "ada", "70000", "99999999999999999999", "0x7", "7 ", "1.51", "-5", "{", "é\u{7}", "👩"]
        {
            assert_eq!(directory.find_user(other).await.unwrap(), None, "{table} {other:?}");
            search(&*directory, &query(other)).await;
        }
    }
    // A UUID is found in any spelling.
    for table in ["uuids", "packed"] {
        let uuids = open(&build_config(&url, table)).await;
        for spelled in ["0B5A2A3E-6F0E-4A56-9F3C-5D1A9F1F7C11", "0b5a2a3e6f0e4a569f3c5d1a9f1f7c11"] {
            assert_eq!(search(&*uuids, &query(spelled)).await.rows.len(), 1, "{table}");
        }
    }
    let doubled = open(&build_config(&url, "doubled")).await;
    assert_eq!(doubled.find_user("7").await.unwrap_err().code, DirectoryCode::Mismatch);
    for limit in [1, 50] {
        let page = search(&*doubled, &ListRequest { limit, ..query("") }).await;
        assert_eq!(page.doubled.as_deref(), Some("7"), "it is said in a list too");
    }
    let nobody = open(&build_config(&url, "nobody")).await;
    assert_eq!(search(&*nobody, &query("")).await.rows.len(), 1);
}

async fn texts_of_other_character_sets_are_searched(server: &MariaDbServer) {
    let url = database(
        server,
        "charsets",
        "CREATE TABLE users (id int PRIMARY KEY, email varchar(100) CHARACTER SET latin1 COLLATE latin1_german1_ci,
                             name varchar(100) CHARACTER SET latin1 COLLATE latin1_bin,
                             old varchar(100) CHARACTER SET utf8mb3, raw varchar(100) CHARACTER SET latin1, KEY (email));
         INSERT INTO users VALUES (1, 'Jürgen@Example.com', 'Jürgen Größe', 'Łukasz', 'a?b'), (2, 'who?@example.com', 'Who?', '?', '');
         UPDATE users SET raw = CONVERT(x'80ff81' USING binary) WHERE id = 2;",
    );
    let config = DirectoryConfig {
        email: Some("email".into()),
        name: Some("name".into()),
        columns: vec!["old".into(), "raw".into()],
        search: Some(["email", "name", "old"].map(str::to_owned).to_vec()),
        ..build_config(&url, "users")
    };
    let directory = open(&config).await;
    let found = async |text: &str| -> Vec<String> {
        search(&*directory, &query(text)).await.rows.into_iter().map(|row| row.id).collect()
    };
    for (text, expected) in [
        ("jürgen@example.com", &["1"][..]),
        ("JÜRG", &["1"]),
        ("GRÖSS", &[]),
        ("größe", &["1"]),
        ("łuk", &["1"]),
        ("who?", &["2"]),
        // Not in the column's character set, where it would be converted to a question mark.
        ("who👩", &[]),
        ("whoŁ@example.com", &[]),
        ("👩", &[]),
    ] {
        assert_eq!(found(text).await, expected, "{text}");
    }
    let row = directory.find_user("1").await.unwrap().unwrap();
    assert_eq!(row.cells[1].as_deref(), Some("Jürgen Größe"));
    let row = directory.find_user("2").await.unwrap().unwrap();
    assert!(row.cells[4].as_deref().unwrap().starts_with('€'), "{:?}", row.cells[4]);
}

async fn tables_are_found_by_their_exact_names(server: &MariaDbServer) {
    let url = database(
        server,
        "names",
        "CREATE DATABASE `My App`; GRANT SELECT ON `My App`.* TO reader@'%';
         CREATE TABLE `My App`.`we\"ird``. ?1 name` (`i\"d` int PRIMARY KEY, `; DROP TABLE ``x?2` varchar(50), KEY (`; DROP TABLE ``x?2`));
         INSERT INTO `My App`.`we\"ird``. ?1 name` VALUES (1, 'here');
         CREATE TABLE Users (id int PRIMARY KEY); CREATE TABLE orders (id int);
         CREATE TABLE bare (id varchar(40) NOT NULL, email varchar(80) NOT NULL) COLLATE utf8mb4_general_ci;
         CREATE TABLE heap (id int PRIMARY KEY, made datetime, KEY (made)) ENGINE=MyISAM;
         CREATE TABLE parts (id int, made date NOT NULL, PRIMARY KEY (id, made)) PARTITION BY HASH (id) PARTITIONS 4;
         INSERT INTO parts SELECT seq, '2024-01-01' FROM seq_1_to_10; CREATE VIEW view AS SELECT id FROM parts;",
    );
    for table in ["Users", "`Users`", "names.Users", "`names`.`Users`"] {
        open(&build_config(&url, table)).await;
    }
    let weird = DirectoryConfig {
        id: "i\"d".into(),
        name: Some("; DROP TABLE `x?2".into()),
        ..build_config(&url, "\"My App\".\"we\"\"ird`. ?1 name\"")
    };
    let weird = open(&weird).await;
    for text in ["HERE", "er", "1"] {
        assert_eq!(search(&*weird, &query(text)).await.rows.len(), 1, "{text}");
    }
    assert!(weird.find_user("1").await.unwrap().is_some());
    for table in ["parts", "view"] {
        let directory = open(&build_config(&url, table)).await;
        assert_eq!(search(&*directory, &query("")).await.rows.len(), 10, "{table}");
        assert_eq!(directory.info().estimated_total, Some(10), "{table}");
        assert_eq!(directory.info().columns[0].sortable, table == "parts", "{table}");
    }
    let heap = DirectoryConfig { created_at: Some("made".into()), ..build_config(&url, "heap") };
    let heap = open(&heap).await;
    assert!(!heap.info().columns[1].sortable, "its index has no id behind the time");
    let info = heap.info();
    let advice = info.coverage[0].advice.as_deref().unwrap();
    assert_eq!(
        advice, "CREATE INDEX `heap_made` ON `names`.`heap` (`made`, `id`)",
        "MyISAM builds no index in place"
    );
    // Without any index, the suggested statements run one after the other, and suffice.
    let bare = DirectoryConfig {
        search: Some(vec!["id".into(), "email".into()]),
        email: Some("email".into()),
        ..build_config(&url, "bare")
    };
    let directory = open(&bare).await;
    let mut advice: Vec<String> =
        directory.info().coverage.iter().filter_map(|service| service.advice.clone()).collect();
    // Deduplicated, as `check` prints them.
    advice.sort_unstable();
    advice.dedup();
    assert!(advice.iter().any(|statement| statement.contains("UNIQUE INDEX `bare_id`")), "{advice:?}");
    for statement in advice {
        server.sql("names", &statement);
    }
    let directory = open(&bare).await;
    for service in &directory.info().coverage {
        assert!(service.index.is_some() || service.tier == Tier::Contains, "{service:?}");
    }

    let error = opening_fails(&build_config(&url, "users"), Some(READER_PASSWORD)).await;
    assert_eq!(error.code, DirectoryCode::Mismatch);
    assert!(error.message.contains("Did you mean `Users`"), "{error}");
    let hint = error.hint.unwrap();
    assert!(
        hint.contains("`orders`") && hint.contains("`My App.") && hint.contains("'reader'@'%'"),
        "{hint}"
    );

    let wrong = DirectoryConfig { columns: vec!["id".into(), "plan".into()], ..build_config(&url, "Users") };
    let error = opening_fails(&wrong, Some(READER_PASSWORD)).await;
    assert_eq!(error.code, DirectoryCode::Mismatch);
    assert!(error.message.starts_with("directory.columns[1]: Users has no column `plan`"), "{error}");
}

async fn values_within_json_are_columns(server: &MariaDbServer) {
    let url = database(
        server,
        "paths",
        &format!(
            "CREATE TABLE users (id int PRIMARY KEY, profile json, plan int); INSERT INTO users (id, profile) VALUES {};
             CREATE TABLE texts (id int PRIMARY KEY, profile text CHARACTER SET utf8mb4);
             INSERT INTO texts SELECT id, profile FROM users; UPDATE texts SET profile = 'no JSON' WHERE id = 4;",
            paths::values(true)
        ),
    );
    for table in ["users", "texts"] {
        let directory = open(&paths::build_config(&url, table)).await;
        paths::told(&*directory).await;
        let grant = format!("GRANT SELECT (`id`, `profile`) ON `paths`.`{table}` TO 'understudy'@'%'");
        assert!(directory.info().reader.contains(&grant), "{:?}", directory.info().reader);
        directory.close().await;
    }
    paths::what_cannot_be_is_refused(&paths::build_config(&url, "users"), "plan", Some(&password())).await;
}

async fn other_spellings_are_found(server: &MariaDbServer) {
    let collations = [
        ("utf8mb4", "utf8mb4_bin", false),
        ("utf8mb4", "utf8mb4_general_ci", true),
        ("utf8mb4", "utf8mb4_unicode_520_ci", true),
        ("utf8mb3", "utf8mb3_bin", false),
    ];
    let tables = collations.map(|(charset, collation, _)| {
        let text = format!("varchar(80) CHARACTER SET {charset} COLLATE {collation}");
        format!(
            "CREATE TABLE {collation} (id int PRIMARY KEY, full_name {text}, phone {text}, KEY (full_name));
             INSERT INTO {collation} VALUES {};",
            spellings::values()
        )
    });
    let url = database(server, "spellings", &tables.concat());
    for (_, collation, folds_itself) in collations {
        let directory = open(&spellings::build_config(url.clone(), collation, "id")).await;
        spellings::told(&*directory, folds_itself).await;
        directory.close().await;
    }

    let columns = "id int PRIMARY KEY, full_name varchar(80), plan varchar(80), api_token varchar(80)";
    let rows = suggestions::values();
    let url = database(
        server,
        "suggestions",
        &format!(
            "CREATE TABLE plain ({columns}); INSERT INTO plain VALUES {rows};
             CREATE TABLE indexed ({columns}, KEY (plan)); INSERT INTO indexed VALUES {rows};"
        ),
    );
    for (table, indexed) in [("plain", false), ("indexed", true)] {
        let directory = open(&suggestions::build_config(url.clone(), table, "id")).await;
        suggestions::told(&*directory, indexed).await;
        directory.close().await;
    }
}

async fn nothing_can_be_written(server: &MariaDbServer) {
    let url = database(
        server,
        "written",
        "CREATE TABLE users (id int PRIMARY KEY); INSERT INTO users VALUES (1), (2); CREATE TABLE seen (id int);
         DELIMITER //
         CREATE FUNCTION note(id int) RETURNS varchar(20) MODIFIES SQL DATA BEGIN INSERT INTO seen VALUES (id); RETURN 'noted'; END //
         DELIMITER ;
         CREATE VIEW noting AS SELECT id, note(id) AS note FROM users;",
    );
    let noting = DirectoryConfig { columns: vec!["note".into()], ..build_config(&url, "noting") };
    let error = opening_fails(&noting, Some(READER_PASSWORD)).await;
    assert_eq!(error.code, DirectoryCode::Refused, "{error}");
    assert!(error.message.contains("tried to write"), "{error}");
    // A view that starts writing only later.
    server.sql("written", "CREATE OR REPLACE VIEW noting AS SELECT id, id AS note FROM users");
    let directory = open(&noting).await;
    server.sql("written", "CREATE OR REPLACE VIEW noting AS SELECT id, note(id) AS note FROM users");
    let error = directory.search_users(&query(""), &CancellationToken::new()).await.unwrap_err();
    assert_eq!(error.code, DirectoryCode::Refused, "{error}");
    assert_eq!(directory.find_user("1").await.unwrap_err().code, DirectoryCode::Refused);
    assert_eq!(server.sql("written", "SELECT count(*) FROM seen"), "0");
}

async fn refusals_are_distinguished(server: &MariaDbServer) {
    let url = database(
        server,
        "refused",
        "CREATE TABLE users (id int PRIMARY KEY, email varchar(50), password_hash text, KEY (email))",
    );
    server.sql(
        "refused",
        "REVOKE SELECT ON refused.* FROM reader@'%'; GRANT SELECT (id, email) ON users TO reader@'%'",
    );
    let users = build_config(&url, "users");
    let told = DirectoryConfig { email: Some("email".into()), ..users.clone() };
    assert!(open(&told).await.info().columns[1].sortable, "indexes are seen with rights on columns only");

    let secret = DirectoryConfig { columns: vec!["password_hash".into()], ..users.clone() };
    let error = opening_fails(&secret, Some(READER_PASSWORD)).await;
    assert_eq!(error.code, DirectoryCode::Refused);
    assert!(error.message.contains("`password_hash`"), "{error}");
    assert!(!error.wants_password, "no other password helps");
    let statement = error.statement.unwrap();
    assert_eq!(statement, "GRANT SELECT (`password_hash`) ON `refused`.`users` TO 'reader'@'%'");

    let error = opening_fails(&users, Some("wr0ng")).await;
    assert_eq!(error.code, DirectoryCode::Refused);
    assert!(error.message.contains("127.0.0.1"), "{error}");
    let error = opening_fails(&users, None).await;
    assert_eq!(error.code, DirectoryCode::Refused);
    assert!(error.message.contains("none is stored"), "{error}");
    let error = opening_fails(&build_config(&server.url("nobody", "refused"), "users"), Some("wr0ng")).await;
    assert_eq!(error.code, DirectoryCode::Refused);
    let error =
        opening_fails(&build_config(&server.url(READER, "missing"), "users"), Some(READER_PASSWORD)).await;
    assert_eq!(error.code, DirectoryCode::Refused, "{error}");
    assert!(error.hint.unwrap().contains("database name"));
    server.sql("mysql", "GRANT SELECT ON *.* TO reader@'%'");
    let error =
        opening_fails(&build_config(&server.url(READER, "missing"), "users"), Some(READER_PASSWORD)).await;
    assert_eq!(error.code, DirectoryCode::Mismatch, "{error}");
    server.sql("mysql", "REVOKE SELECT ON *.* FROM reader@'%'");
    let error = opening_fails(
        &build_config("mysql://reader@no-such-host.invalid/acme", "users"),
        Some(READER_PASSWORD),
    )
    .await;
    assert_eq!(error.code, DirectoryCode::Unreachable, "{error}");
    assert!(error.message.contains("no-such-host.invalid"));

    // Changes after opening are reported too.
    let directory = open(&told).await;
    server.sql("refused", "REVOKE SELECT (email) ON users FROM reader@'%'");
    let failed = async || directory.search_users(&query(""), &CancellationToken::new()).await.unwrap_err();
    assert_eq!(failed().await.code, DirectoryCode::Refused);
    server.sql(
        "refused",
        "GRANT SELECT ON users TO reader@'%'; ALTER TABLE users CHANGE email mail varchar(50)",
    );
    assert_eq!(failed().await.code, DirectoryCode::Mismatch);
    server.sql("refused", "DROP TABLE users");
    assert_eq!(failed().await.code, DirectoryCode::Mismatch);
    server.sql("refused", "CREATE TABLE users (id int PRIMARY KEY, email int)");
    assert_eq!(search(&*directory, &query("")).await.rows, [], "and when it is back, so is the directory");
}

async fn the_way_to_the_server_is_secure(server: &MariaDbServer) {
    database(server, "secure", "CREATE TABLE users (id int PRIMARY KEY)");
    let at = |host: &str, options: &str| {
        build_config(&format!("mariadb://{READER}@{host}:{}/secure{options}", server.port()), "users")
    };
    let authority = server.authority().display().to_string();
    for (host, options) in [
        ("localhost", format!("?ssl-mode=VERIFY_IDENTITY&ssl-ca={authority}")),
        ("127.0.0.1", format!("?ssl-mode=VERIFY_CA&ssl-ca={authority}")),
        ("127.0.0.1", "?ssl-mode=DISABLED".to_owned()),
        ("any", format!("?socket={}", server.socket().display())),
    ] {
        open(&at(host, &options)).await;
    }
    // An unknown authority; a name that is not in the certificate.
    for (host, options, hint) in [
        ("localhost", "?ssl-mode=VERIFY_IDENTITY".to_owned(), "ssl-ca="),
        ("127.0.0.1", format!("?ssl-mode=VERIFY_IDENTITY&ssl-ca={authority}"), "ssl-mode=VERIFY_CA"),
    ] {
        let error = opening_fails(&at(host, &options), Some(READER_PASSWORD)).await;
        assert_eq!(error.code, DirectoryCode::Refused, "{error}");
        assert!(error.message.contains("secure") && error.hint.unwrap().contains(hint));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_waiting_searches_open_a_single_extra_connection() {
    let server = server();
    let url =
        database(&server, "waiting", "CREATE TABLE users (id int PRIMARY KEY); INSERT INTO users VALUES (1)");
    server.sql("mysql", "SET GLOBAL userstat = 1");
    let directory = open(&build_config(&url, "users")).await;
    let made = || -> i64 {
        let counted =
            "SELECT TOTAL_CONNECTIONS FROM information_schema.USER_STATISTICS WHERE USER = 'reader'";
        server.sql("mysql", counted).parse().unwrap()
    };
    // Two that search, and one that finds out why the others wait.
    server.sql("mysql", "ALTER USER reader@'%' WITH MAX_USER_CONNECTIONS 3");
    let options = MySqlConnectOptions::new().socket(server.socket()).username("root").database("waiting");
    let mut lock = MySqlConnection::connect_with(&options).await.unwrap();
    sqlx::raw_sql("LOCK TABLES users WRITE").execute(&mut lock).await.unwrap();
    let open = "SELECT count(*) FROM information_schema.PROCESSLIST WHERE USER = 'reader'";
    let still_to_open = 2 - server.sql("mysql", open).parse::<i64>().unwrap();
    let before = made();

    let mut searches = tokio::task::JoinSet::new();
    for _ in 0..40 {
        let directory = Arc::clone(&directory);
        searches.spawn(async move { directory.search_users(&query(""), &CancellationToken::new()).await });
    }
    // The searching connections that were not open yet, and the one that finds out.
    let deadline = Instant::now() + Duration::from_secs(20);
    while made() < before + still_to_open + 1 {
        assert!(Instant::now() < deadline, "nobody asks why they wait");
    }
    sqlx::raw_sql("UNLOCK TABLES").execute(&mut lock).await.unwrap();
    for answer in searches.join_all().await {
        assert_eq!(answer.expect("each is answered").rows.len(), 1);
    }
}

/// Waits until the server gives this answer. Asking takes long enough not to get in its way.
pub fn wait_for(server: &MariaDbServer, question: &str, answer: &str) {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let said = server.sql("mysql", question);
        if said == answer {
            return;
        }
        assert!(Instant::now() < deadline, "{question} is {said}, not {answer}");
    }
}

pub const NAPPING: &str =
    "SELECT count(*) FROM information_schema.processlist WHERE user = 'reader' AND state = 'User sleep'";
const STUCK: &str =
    "SELECT count(*) FROM information_schema.processlist WHERE user = 'reader' AND command <> 'Sleep'";
const CONNECTED: &str = "SELECT count(*) FROM information_schema.processlist WHERE user = 'reader'";

#[tokio::test]
async fn a_filter_that_most_users_pass_is_answered_from_the_newest() {
    let server = server();
    let url = database(
        &server,
        "many",
        "CREATE TABLE users (id int PRIMARY KEY, plan varchar(20), created_at datetime NOT NULL, KEY (plan), KEY (created_at));
         INSERT INTO users SELECT seq, IF(seq % 1000 = 0, 'free', IF(seq <= 3, 'old', 'pro')), '2024-01-01' + INTERVAL seq SECOND
           FROM seq_1_to_120000; ANALYZE TABLE users;",
    );
    let config = DirectoryConfig {
        created_at: Some("created_at".into()),
        columns: vec!["plan".into()],
        timeout_ms: 1000,
        ..build_config(&url, "users")
    };
    let directory = open(&config).await;
    let few = ListRequest { limit: 2, ..query("") };
    for (text, expected) in [
        ("plan:=pro", ["119999", "119998", "119997", "119996"]),
        ("plan:=free", ["120000", "119000", "118000", "117000"]),
        // None of these is among the newest.
        ("plan:=old", ["3", "2", "1", ""]),
    ] {
        let first = search(&*directory, &ListRequest { text: text.into(), ..few.clone() }).await;
        let place = Place::After(first.next.clone().expect("there are more"));
        let second = search(&*directory, &ListRequest { text: text.into(), place, ..few.clone() }).await;
        let ids: Vec<&str> = first.rows.iter().chain(&second.rows).map(|row| row.id.as_str()).collect();
        let expected: Vec<&str> = expected.into_iter().filter(|id| !id.is_empty()).collect();
        assert_eq!(ids, expected, "{text}");
        assert!(first.left_out.is_none() && second.left_out.is_none(), "{text}");
    }
    // No index finds parts of a value: the newest are checked, and the whole value that an index can find is offered.
    let page = search(&*directory, &ListRequest { text: "plan:old".into(), ..few.clone() }).await;
    let left_out = page.left_out.expect("most rows are not looked at");
    assert_eq!((page.rows.len(), left_out.looked_at), (0, Some(5000)));
    assert_eq!(left_out.exact.as_deref(), Some("plan:=old"));
    let page = search(&*directory, &ListRequest { text: "plan:ol".into(), everywhere: true, ..few }).await;
    assert_eq!((page.rows.len(), page.left_out), (2, None), "two of three, and another page");
}

struct Admin<'a>(&'a MariaDbServer);

impl Administrator for Admin<'_> {
    async fn rename(&mut self, table: &str, to: &str) {
        self.0.sql("faults", &format!("RENAME TABLE {table} TO {to}"));
    }
}

impl Overseer for Admin<'_> {
    async fn runs(&self, questions: usize) {
        wait_for(self.0, NAPPING, &questions.to_string());
    }

    async fn stop(&self) {
        self.0.sql("mysql", "KILL QUERY USER reader");
    }

    async fn hang_up(&self) {
        self.0.sql("mysql", "KILL CONNECTION USER reader");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn faults_are_reported_until_they_are_fixed() {
    let server = server();
    let url = database(
        &server,
        "faults",
        "CREATE TABLE users (id int PRIMARY KEY); INSERT INTO users SELECT seq FROM seq_1_to_40;
         CREATE TABLE sleepers (id int PRIMARY KEY); INSERT INTO sleepers VALUES (1);
         CREATE VIEW slow AS SELECT id, (SELECT SLEEP(600)) AS email FROM sleepers WHERE SLEEP(600) = 0;",
    );
    let users = open(&build_config(&url, "users")).await;
    let slow = |timeout_ms| DirectoryConfig {
        email: Some("email".into()),
        timeout_ms,
        ..build_config(&url, "slow")
    };
    let (patient, hasty) = (open(&slow(60_000)).await, open(&slow(200)).await);
    faults::a_table_that_is_renamed_comes_back(&*users, &mut Admin(&server)).await;
    faults::a_question_that_is_ended_is_told(&patient, &*users, &Admin(&server), DirectoryCode::Unreachable)
        .await;
    faults::each_question_has_its_own_answer(&users).await;
    faults::whoever_waits_for_a_connection_waits_no_longer_than_it_takes(&hasty).await;
    wait_for(&server, STUCK, "0");

    server.sql("mysql", "ALTER USER reader@'%' WITH MAX_USER_CONNECTIONS 1");
    let options: MySqlConnectOptions = url.parse().unwrap();
    let _only_one = MySqlConnection::connect_with(&options.password(READER_PASSWORD)).await.unwrap();
    let error = opening_fails(&build_config(&url, "users"), Some(READER_PASSWORD)).await;
    assert_eq!(error.code, DirectoryCode::Refused, "{error}");
    assert!(error.message.contains("accepts no more connections"), "{error}");
    assert!(error.hint.unwrap().contains("connection limit"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_left_running_and_a_restart_is_survived() {
    let mut server = server();
    let url = database(
        &server,
        "slow",
        "CREATE TABLE users (id int PRIMARY KEY, email varchar(50)); INSERT INTO users VALUES (1, 'ada@example.com');
         CREATE VIEW napping AS SELECT id, (SELECT SLEEP(600)) AS email FROM users WHERE SLEEP(600) = 0;
         CREATE VIEW cross_joined AS SELECT a.seq AS id, a.seq AS email
           FROM seq_1_to_100000 AS a JOIN seq_1_to_100000 AS b WHERE a.seq + b.seq < 0;",
    );
    let view = |table: &str, timeout_ms| DirectoryConfig {
        email: Some("email".into()),
        timeout_ms,
        ..build_config(&url, table)
    };
    a_cancelled_search_stops_on_the_server(&server, &view("napping", 60_000)).await;
    a_forgotten_search_stops_on_the_server(&server, &view("napping", 60_000)).await;
    a_search_ends_at_its_timeout(&server, &view("napping", 200)).await;
    a_search_ends_at_its_timeout(&server, &view("cross_joined", 200)).await;

    let directory = open(&view("users", 3000)).await;
    assert_eq!(search(&*directory, &query("ada")).await.rows.len(), 1);
    server.stop();
    let error = directory.search_users(&query("ada"), &CancellationToken::new()).await.unwrap_err();
    assert_eq!(error.code, DirectoryCode::Unreachable, "{error}");
    assert!(error.message.contains(&server.port().to_string()), "{error}");
    assert_eq!(
        opening_fails(&view("users", 3000), Some(READER_PASSWORD)).await.code,
        DirectoryCode::Unreachable
    );
    server.start_again();
    assert_eq!(search(&*directory, &query("ada")).await.rows.len(), 1, "it reconnects by itself");

    // Even if the session is ended between two queries.
    server.sql("mysql", "KILL CONNECTION USER reader");
    assert_eq!(search(&*directory, &query("ada")).await.rows.len(), 1);
    directory.close().await;
    wait_for(&server, CONNECTED, "0");
}

async fn a_cancelled_search_stops_on_the_server(server: &MariaDbServer, config: &DirectoryConfig) {
    let directory = open(config).await;
    // More often than there are connections, so each must have been returned.
    for _ in 0..4 {
        let cancel = CancellationToken::new();
        let searching = tokio::spawn({
            let (directory, cancel) = (Arc::clone(&directory), cancel.clone());
            async move { directory.search_users(&query(""), &cancel).await }
        });
        wait_for(server, NAPPING, "1");
        cancel.cancel();
        assert_eq!(searching.await.unwrap().unwrap_err().code, DirectoryCode::Cancelled);
        wait_for(server, STUCK, "0");
    }
    // Cancelled connections were returned: there are never more than the pools allow.
    let connected: u32 = server.sql("mysql", CONNECTED).parse().unwrap();
    assert!(connected <= 3, "{connected} connections");
    // Drop the query at any point of the exchange: the next answer must still be the right one.
    for pause in (0..40).map(|at| Duration::from_micros(at * 150)) {
        let searching =
            tokio::time::timeout(pause, directory.count_users("", &CancellationToken::new())).await;
        assert!(searching.is_err(), "nobody wakes up in time");
    }
    wait_for(server, STUCK, "0");
    // A token that fired before the query was sent.
    let cancel = CancellationToken::new();
    cancel.cancel();
    assert_eq!(directory.search_users(&query(""), &cancel).await.unwrap_err().code, DirectoryCode::Cancelled);
    directory.close().await;
}

async fn a_forgotten_search_stops_on_the_server(server: &MariaDbServer, config: &DirectoryConfig) {
    let directory = open(config).await;
    for _ in 0..3 {
        let searching = tokio::spawn({
            let directory = Arc::clone(&directory);
            async move { directory.find_user("1").await }
        });
        wait_for(server, NAPPING, "1");
        searching.abort();
        assert!(searching.await.unwrap_err().is_cancelled());
        wait_for(server, STUCK, "0");
    }
    directory.close().await;
}

async fn a_search_ends_at_its_timeout(server: &MariaDbServer, config: &DirectoryConfig) {
    let directory = open(config).await;
    for _ in 0..3 {
        let error = directory.search_users(&query(""), &CancellationToken::new()).await.unwrap_err();
        assert_eq!(error.code, DirectoryCode::Timeout);
        assert!(error.message.contains("0.2 s") && error.hint.is_some(), "{error}");
    }
    wait_for(server, STUCK, "0");
    directory.close().await;
}

#[tokio::test]
async fn users_are_found_by_their_records() {
    let server = server();
    let url = database(
        &server,
        "shop",
        &format!(
            "{}
             CREATE INDEX orders_number ON orders (number);
             CREATE INDEX devices_serial ON devices (serial);",
            related::script("varchar(80)", "datetime")
        ),
    );
    let config = related::build_config(url, "id");
    related::told(&config, Some(READER_PASSWORD)).await;
    let directory = open(&config).await;
    let grants = directory.info().reader.iter().filter(|grant| grant.starts_with("GRANT SELECT")).count();
    assert_eq!(grants, 6, "{:?}", directory.info().reader);
}

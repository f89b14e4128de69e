//! Encodings that applications use: UUIDs in every spelling and as bytes, text as bytes, times as numbers and digits.
//! Every engine displays the value behind the encoding, and finds it by what it displays.

use std::sync::Arc;

use secrecy::SecretString;
use understudy_directory::{Directory, FieldKind, ListRequest, Sort, Tier};
use understudy_directory::{DirectoryConfig, UuidBytes};

use crate::story::{pages, query, search};

const UUID: &str = "0b5a2a3e-6f0e-4a56-9f3c-5d1a9f1f7c11";
const SPELLINGS: [&str; 7] = [
    UUID,
    "0B5A2A3E-6F0E-4A56-9F3C-5D1A9F1F7C11",
    "0b5a2a3e6f0e4a569f3c5d1a9f1f7c11",
    "0B5A2A3E6F0E4A569F3C5D1A9F1F7C11",
    "{0B5A2A3E-6F0E-4A56-9F3C-5D1A9F1F7C11}",
    "urn:uuid:0b5a2a3e-6f0e-4a56-9f3c-5d1a9f1f7c11",
    "https://admin.acme.com/users/0b5a2a3e6f0e4a569f3c5d1a9f1f7c11/edit",
];
const PASSWORD: &str = "r3ader";

fn build_config(url: &str, table: &str) -> DirectoryConfig {
    DirectoryConfig {
        table: table.into(),
        email: Some("email".into()),
        name: None,
        created_at: None,
        columns: vec![],
        ..crate::build_config(url.into())
    }
}

async fn open(config: &DirectoryConfig) -> Arc<dyn Directory> {
    understudy_directory::open(config, Some(&SecretString::from(PASSWORD))).await.unwrap()
}

async fn ids(directory: &dyn Directory, text: &str) -> Vec<String> {
    search(directory, &query(text)).await.rows.into_iter().map(|row| row.id).collect()
}

/// All users in the table open by their listed ID, and the one with the UUID is found in every spelling.
async fn found_by_any_spelling(config: &DirectoryConfig) {
    let table = &config.table;
    let directory = open(config).await;
    let listed = ids(&*directory, "").await;
    for id in &listed {
        let row = directory.find_user(id).await.unwrap().expect("whoever is listed opens");
        assert_eq!(row.cells[0].as_ref(), Some(id), "{table}");
        assert_eq!(directory.info().user_context(&row)["id"], id.as_str(), "{table}: sent as it is shown");
        let page = search(&*directory, &query(id)).await;
        assert_eq!((&page.rows[0].id, page.rows.len(), page.how.tier), (id, 1, Tier::Id), "{table}");
    }
    let it = |id: &String| id.to_lowercase().replace(['-', '{', '}'], "") == UUID.replace('-', "");
    let [id] = &listed.into_iter().filter(it).collect::<Vec<_>>()[..] else {
        panic!("{table}: one of them is it")
    };
    for spelling in SPELLINGS {
        let page = search(&*directory, &query(spelling)).await;
        assert_eq!(page.rows.iter().map(|row| &row.id).collect::<Vec<_>>(), [id], "{table} by {spelling}");
        assert_eq!(page.how.tier, Tier::Id, "{table} by {spelling}");
    }
    for spelling in &SPELLINGS[..6] {
        assert_eq!(
            ids(&*directory, &format!("id:\"{spelling}\"")).await,
            std::slice::from_ref(id),
            "{table} by {spelling}"
        );
        assert_eq!(
            directory.find_user(spelling).await.unwrap().is_some(),
            spelling == id,
            "{table}: {spelling} is not what is shown"
        );
    }
    directory.close().await;
}

/// Each byte order with the bytes that it stores for the UUID.
const ORDERS: [(UuidBytes, &str); 4] = [
    (UuidBytes::Standard, "0b5a2a3e6f0e4a569f3c5d1a9f1f7c11"),
    (UuidBytes::TimeFirst, "4a566f0e0b5a2a3e9f3c5d1a9f1f7c11"),
    (UuidBytes::LittleEndian, "3e2a5a0b0e6f564a9f3c5d1a9f1f7c11"),
    (UuidBytes::Java, "564a0e6f3e2a5a0b117c1f9f1a5d3c9f"),
];

/// A table like `MediaWiki`'s, in which everything is bytes.
async fn bytes_that_are_texts_are_texts(config: &DirectoryConfig) {
    let directory = open(config).await;
    let row = directory.find_user("1").await.unwrap().expect("she is there");
    let cells: Vec<&str> = row.cells.iter().map(|cell| cell.as_deref().unwrap_or("NULL")).collect();
    assert_eq!(cells, ["1", "Zoë Sysop", "Zoe@B.C", "\\x00ff", "2024-01-02T03:04:05Z"]);
    for text in [
        "zoe@b.c",
        "Zoe@B.C",
        "zoe@",
        "B.C",
        "Zoë S",
        "zoë sys",
        "SYSOP",
        "sysop zo",
        "email:zoe",
        "name:sysop",
    ] {
        assert_eq!(ids(&*directory, text).await, ["1"], "{text}");
    }
    assert_eq!(search(&*directory, &query("Zoe@B.C")).await.how.tier, Tier::Email);
    for (text, expected) in [
        ("created:2024-01-02", "1"),
        ("created:>2024-01-02", "2"),
        ("created:>=2024-01-02T03:04:06", "2"),
        ("created:<2025", "1"),
        ("created:<=2024-01", "1"),
    ] {
        assert_eq!(ids(&*directory, text).await, [expected], "{text}");
    }
    assert_eq!(ids(&*directory, "").await, ["2", "1"], "the newest first");
    directory.close().await;
}

/// The first user was created at noon, the other one later.
async fn times_are_times(config: &DirectoryConfig, column: &str) {
    let config = DirectoryConfig { email: None, created_at: Some(column.into()), ..config.clone() };
    let directory = open(&config).await;
    assert_eq!(directory.info().columns[1].kind, FieldKind::Time, "{column}");
    let row = directory.find_user("1").await.unwrap().expect("the first");
    let shown = row.cells[1].as_deref().expect("a time");
    assert_eq!(format!("{}Z", shown.trim_end_matches('Z')), "2024-01-31T12:00:00Z", "{column}");
    assert_eq!(directory.info().user_context(&row)["created_at"], shown, "{column}");
    for (text, expected) in [
        ("created:>2026-01", &["2"][..]),
        ("created:2024-01", &["1"]),
        ("created:2024-01-31T12:00", &["1"]),
        ("created:<2024-01-31T12:00:00", &[]),
        ("created:<=2024-01-31T12:00:00", &["1"]),
        ("created:>2024-01-31T12:00:00", &["2"]),
        ("created:2024-02..2026-03", &["2"]),
        ("created:>2000", &["2", "1"]),
        ("created:none", &["3"]),
        ("-created:2024", &["2", "3"]),
    ] {
        assert_eq!(ids(&*directory, text).await, expected, "{column} {text}");
    }
    for (descending, expected) in [(true, ["2", "1", "3"]), (false, ["1", "2", "3"])] {
        let sort = Some(Sort { column: column.into(), descending });
        let pages = pages(&*directory, ListRequest { sort, limit: 1, ..query("") }).await;
        let found: Vec<&str> = pages.iter().flat_map(|page| &page.rows).map(|row| row.id.as_str()).collect();
        assert_eq!(found, expected, "by {column}");
    }
    directory.close().await;
}

/// In a column that is only shown and whose name suggests a time, numbers are found and sorted as times. Templates get
/// the number.
async fn numbers_named_so_are_times(config: &DirectoryConfig) {
    let column = "last_login_at".to_owned();
    let config =
        DirectoryConfig { email: None, columns: vec![column.clone(), "logins".into()], ..config.clone() };
    let directory = open(&config).await;
    let info = directory.info();
    let at = |name: &str| info.columns.iter().position(|column| column.name == name).expect("it is mapped");
    assert_eq!(info.columns[at(&column)].kind, FieldKind::Time);
    assert_eq!(info.columns[at("logins")].kind, FieldKind::Integer);
    let row = directory.find_user("1").await.unwrap().expect("the first");
    assert_eq!(info.user_context(&row)["last_login_at"], 1_706_702_400_000_i64);
    for (text, expected) in [
        ("last_login_at:>2026-01", &["2"][..]),
        ("last_login_at:2024-01-31", &["1"]),
        ("last_login_at:<2024-01-31T12:00:00", &[]),
        ("last_login_at:<=2024-01-31T12:00:00", &["1"]),
        ("last_login_at:none", &["3"]),
        ("logins:>1706702400000", &["2"]),
    ] {
        assert_eq!(ids(&*directory, text).await, expected, "{text}");
    }
    let sort = Some(Sort { column, descending: true });
    let page = search(&*directory, &ListRequest { sort, ..query("") }).await;
    assert_eq!(page.rows.iter().map(|row| row.id.as_str()).collect::<Vec<_>>(), ["2", "1", "3"]);
    directory.close().await;
}

/// SQL columns with the values of two users; a third user has NULL.
const TIMES: [(&str, &str, &str, &str); 11] = [
    ("seconds", "bigint", "1706702400", "1769904000"),
    ("narrow", "int", "1706702400", "1769904000"),
    ("millis", "bigint", "1706702400000", "1769904000000"),
    ("micros", "bigint", "1706702400000000", "1769904000000000"),
    ("exact", "decimal(20,3)", "1706702400.000", "1769904000.000"),
    ("compact", "bigint", "20240131120000", "20260201000000"),
    ("digits", "varchar(14)", "'20240131120000'", "'20260201000000'"),
    ("written", "varchar(30)", "'2024-01-31T12:00:00Z'", "'2026-02-01T00:00:00Z'"),
    ("numbered", "varchar(20)", "'1706702400000'", "'1769904000000'"),
    ("last_login_at", "bigint", "1706702400000", "1769904000000"),
    ("logins", "bigint", "1706702400000", "1769904000000"),
];

/// The same for values with only a day or a year.
const DAYS: [(&str, &str, &str, &str); 4] = [
    ("day", "bigint", "20240131", "20260201"),
    ("written_day", "varchar(8)", "'20240131'", "'20260201'"),
    ("year_made", "int", "2024", "2026"),
    ("written_year", "varchar(4)", "'2024'", "'2026'"),
];

/// Such small numbers are not seconds, which would all be in 1970.
async fn days_are_days(config: &DirectoryConfig, column: &str) {
    let config = DirectoryConfig { email: None, created_at: Some(column.into()), ..config.clone() };
    let directory = open(&config).await;
    let row = directory.find_user("1").await.unwrap().expect("the first");
    let shown = row.cells[1].as_deref();
    let is_year = column.contains("year");
    assert_eq!(shown, Some(if is_year { "2024" } else { "2024-01-31" }), "{column}");
    for (text, expected) in [
        ("created:2024", &["1"][..]),
        ("created:>=2024", &["2", "1"]),
        ("created:<2024", &[]),
        ("created:>2025", &["2"]),
        ("created:none", &["3"]),
        ("created:2024-01-31", if is_year { &[] } else { &["1"] }),
    ] {
        assert_eq!(ids(&*directory, text).await, expected, "{column} {text}");
    }
    directory.close().await;
}

fn times_table() -> String {
    let all = || TIMES.iter().chain(&DAYS);
    let columns: Vec<String> = all().map(|(name, kind, ..)| format!("{name} {kind}")).collect();
    let first: Vec<&str> = all().map(|(_, _, first, _)| *first).collect();
    let second: Vec<&str> = all().map(|(.., second)| *second).collect();
    format!(
        "CREATE TABLE times (id int PRIMARY KEY, {}); INSERT INTO times VALUES (1, {}), (2, {});
         INSERT INTO times (id) VALUES (3);",
        columns.join(", "),
        first.join(", "),
        second.join(", ")
    )
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn on_postgres() {
    let server = understudy_test_support::postgres::PostgresServer::start();
    server.sql("postgres", &format!("CREATE ROLE reader LOGIN PASSWORD '{PASSWORD}'"));
    server.sql("postgres", "CREATE DATABASE kept");
    server.sql(
        "kept",
        &format!(
            r"CREATE EXTENSION citext;
              CREATE TABLE uuids (id uuid PRIMARY KEY, email text); INSERT INTO uuids VALUES ('{UUID}'), (gen_random_uuid());
              CREATE TABLE chars (id char(32) PRIMARY KEY, email text); INSERT INTO chars VALUES (replace('{UUID}', '-', '')), ('ada');
              CREATE TABLE uppers (id text PRIMARY KEY, email text); INSERT INTO uppers VALUES (upper('{UUID}')), ('7');
              CREATE TABLE braced (id varchar PRIMARY KEY, email text); INSERT INTO braced VALUES (upper('{{{UUID}}}'));
              CREATE TABLE folded (id citext PRIMARY KEY, email text); INSERT INTO folded VALUES ('{UUID}');
              CREATE TABLE bytes (id bytea PRIMARY KEY, email text);
              INSERT INTO bytes VALUES (decode(replace('{UUID}', '-', ''), 'hex')), ('ada'), ('\x00ff'), ('\x000102030405060708090a0b0c0d0e0f');
              CREATE TABLE wiki (user_id int PRIMARY KEY, user_name bytea, user_email bytea, user_token bytea, user_registration bytea);
              INSERT INTO wiki VALUES (1, convert_to('Zoë Sysop', 'UTF8'), 'Zoe@B.C', '\x00ff', '20240102030405'), (2, '\xff', '', NULL, '20260102030405');
              {} GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader",
            times_table()
        ),
    );
    let url = server.url("reader", "kept");
    for table in ["uuids", "chars", "uppers", "braced", "folded", "bytes"] {
        found_by_any_spelling(&build_config(&url, table)).await;
    }
    for (order, bytes) in ORDERS {
        server.sql(
            "kept",
            &format!(
                "DROP TABLE IF EXISTS ordered; CREATE TABLE ordered (id bytea PRIMARY KEY, email text);
                      INSERT INTO ordered VALUES ('\\x{bytes}'); GRANT SELECT ON ordered TO reader"
            ),
        );
        found_by_any_spelling(&DirectoryConfig { uuid_bytes: Some(order), ..build_config(&url, "ordered") })
            .await;
    }
    bytes_that_are_texts_are_texts(&DirectoryConfig {
        id: "user_id".into(),
        name: Some("user_name".into()),
        email: Some("user_email".into()),
        columns: vec!["user_token".into()],
        created_at: Some("user_registration".into()),
        ..build_config(&url, "wiki")
    })
    .await;
    for (column, ..) in TIMES {
        times_are_times(&build_config(&url, "times"), column).await;
    }
    for (column, ..) in DAYS {
        days_are_days(&build_config(&url, "times"), column).await;
    }
    numbers_named_so_are_times(&build_config(&url, "times")).await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn on_mariadb() {
    let server = understudy_test_support::mariadb::MariaDbServer::start();
    server.sql(
        "mysql",
        &format!(
            "CREATE USER reader@'%' IDENTIFIED BY '{PASSWORD}'; CREATE DATABASE kept CHARACTER SET utf8mb4"
        ),
    );
    server.sql(
        "kept",
        &format!(
            "CREATE TABLE uuids (id uuid PRIMARY KEY, email text); INSERT INTO uuids VALUES ('{UUID}', ''), (uuid(), '');
             CREATE TABLE chars (id char(32) PRIMARY KEY, email text); INSERT INTO chars VALUES (replace('{UUID}', '-', ''), ''), ('ada', '');
             CREATE TABLE uppers (id varchar(36) COLLATE utf8mb4_bin PRIMARY KEY, email text); INSERT INTO uppers VALUES (upper('{UUID}'), '');
             CREATE TABLE latin (id varchar(38) CHARACTER SET latin1 PRIMARY KEY, email text); INSERT INTO latin VALUES (upper('{{{UUID}}}'), '');
             CREATE TABLE packed (id binary(16) PRIMARY KEY, email text);
             INSERT INTO packed VALUES (unhex(replace('{UUID}', '-', '')), ''), (unhex('000102030405060708090a0b0c0d0e0f'), '');
             CREATE TABLE bytes (id varbinary(40) PRIMARY KEY, email text);
             INSERT INTO bytes VALUES (unhex(replace('{UUID}', '-', '')), ''), ('ada', ''), (x'00ff', '');
             CREATE TABLE blobs (id tinyblob, email text); INSERT INTO blobs VALUES (unhex(replace('{UUID}', '-', '')), '');
             CREATE TABLE wiki (user_id int unsigned PRIMARY KEY, user_name varbinary(255), user_email tinyblob, user_token tinyblob,
                                user_registration binary(14), KEY (user_name), KEY (user_registration));
             INSERT INTO wiki VALUES (1, 'Zoë Sysop', 'Zoe@B.C', x'00ff', '20240102030405'), (2, x'ff', '', NULL, '20260102030405');
             {} GRANT SELECT ON kept.* TO reader@'%'",
            times_table()
        ),
    );
    let url = server.url("reader", "kept");
    for table in ["uuids", "chars", "uppers", "latin", "packed", "bytes", "blobs"] {
        found_by_any_spelling(&build_config(&url, table)).await;
    }
    for (order, bytes) in ORDERS {
        server.sql(
            "kept",
            &format!("CREATE OR REPLACE TABLE ordered (id binary(16) PRIMARY KEY, email text); INSERT INTO ordered VALUES (x'{bytes}', '')"),
        );
        found_by_any_spelling(&DirectoryConfig { uuid_bytes: Some(order), ..build_config(&url, "ordered") })
            .await;
    }
    bytes_that_are_texts_are_texts(&DirectoryConfig {
        id: "user_id".into(),
        name: Some("user_name".into()),
        email: Some("user_email".into()),
        columns: vec!["user_token".into()],
        created_at: Some("user_registration".into()),
        ..build_config(&url, "wiki")
    })
    .await;
    for (column, ..) in TIMES {
        times_are_times(&build_config(&url, "times"), column).await;
    }
    server.sql("kept", "ALTER TABLE times ADD own_year year; UPDATE times SET own_year = year_made");
    days_are_days(&build_config(&url, "times"), "own_year").await;
    for (column, ..) in DAYS {
        days_are_days(&build_config(&url, "times"), column).await;
    }
    numbers_named_so_are_times(&build_config(&url, "times")).await;
}

#[tokio::test]
async fn on_sqlite() {
    let (_folder, url, mut connection) = crate::sqlite::database(
        "CREATE TABLE uuids (id UUID PRIMARY KEY, email TEXT); INSERT INTO uuids VALUES ('0b5a2a3e-6f0e-4a56-9f3c-5d1a9f1f7c11', ''), ('7', '');
         CREATE TABLE chars (id CHAR(32) PRIMARY KEY, email TEXT); INSERT INTO chars VALUES ('0b5a2a3e6f0e4a569f3c5d1a9f1f7c11', ''), ('ada', '');
         CREATE TABLE uppers (id TEXT PRIMARY KEY, email TEXT); INSERT INTO uppers VALUES ('0B5A2A3E-6F0E-4A56-9F3C-5D1A9F1F7C11', '');
         CREATE TABLE packed (id BINARY(16) PRIMARY KEY, email TEXT);
         INSERT INTO packed VALUES (x'0b5a2a3e6f0e4a569f3c5d1a9f1f7c11', ''), (x'000102030405060708090a0b0c0d0e0f', '');
         CREATE TABLE bytes (id BLOB PRIMARY KEY, email TEXT);
         INSERT INTO bytes VALUES (x'0b5a2a3e6f0e4a569f3c5d1a9f1f7c11', ''), (x'616461', ''), (x'00ff', ''), ('text', ''), ('{0B5A2A3E}', '');
         CREATE TABLE wiki (user_id INTEGER PRIMARY KEY, user_name BLOB, user_email BLOB, user_token BLOB, user_registration BLOB);
         INSERT INTO wiki VALUES (1, CAST('Zoë Sysop' AS BLOB), CAST('Zoe@B.C' AS BLOB), x'00ff', CAST('20240102030405' AS BLOB)),
                                 (2, x'ff', x'', NULL, CAST('20260102030405' AS BLOB));",
    )
    .await;
    sqlx::raw_sql(sqlx::AssertSqlSafe(times_table())).execute(&mut connection).await.unwrap();
    for table in ["uuids", "chars", "uppers", "packed", "bytes"] {
        found_by_any_spelling(&build_config(&url, table)).await;
    }
    for (order, bytes) in ORDERS {
        let table = format!(
            "DROP TABLE IF EXISTS ordered; CREATE TABLE ordered (id BLOB PRIMARY KEY, email TEXT); INSERT INTO ordered VALUES (x'{bytes}', '')"
        );
        sqlx::raw_sql(sqlx::AssertSqlSafe(table)).execute(&mut connection).await.unwrap();
        found_by_any_spelling(&DirectoryConfig { uuid_bytes: Some(order), ..build_config(&url, "ordered") })
            .await;
    }
    bytes_that_are_texts_are_texts(&DirectoryConfig {
        id: "user_id".into(),
        name: Some("user_name".into()),
        email: Some("user_email".into()),
        columns: vec!["user_token".into()],
        created_at: Some("user_registration".into()),
        ..build_config(&url, "wiki")
    })
    .await;
    for (column, ..) in TIMES {
        times_are_times(&build_config(&url, "times"), column).await;
    }
    for (column, ..) in DAYS {
        days_are_days(&build_config(&url, "times"), column).await;
    }
    numbers_named_so_are_times(&build_config(&url, "times")).await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn on_mongodb() {
    use mongodb::bson::spec::BinarySubtype;
    use mongodb::bson::{Binary, Bson, DateTime, Document, doc};

    let server = understudy_test_support::mongod::MongoServer::start().await;
    server.user("reader", PASSWORD, vec![doc! { "role": "read", "db": "acme" }]).await;
    let insert = async |name: &str, documents: Vec<Document>| {
        server.database("acme").collection::<Document>(name).insert_many(documents).await.unwrap();
    };
    let url = server.url("reader", "acme");
    let config_for = |table: &str| DirectoryConfig { id: "_id".into(), ..build_config(&url, table) };
    let bytes = |digits: &str| {
        (0..16).map(|at| u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).unwrap()).collect()
    };
    let binary = |subtype, bytes: Vec<u8>| Bson::Binary(Binary { subtype, bytes });
    let uuid: Vec<u8> = bytes(ORDERS[0].1);
    let places: Vec<u8> = (0..16).collect();
    let ids: [(&str, Vec<Bson>); 6] = [
        (
            "four",
            vec![binary(BinarySubtype::Uuid, uuid.clone()), binary(BinarySubtype::Uuid, places.clone())],
        ),
        (
            "three",
            vec![
                binary(BinarySubtype::UuidOld, uuid.clone()),
                binary(BinarySubtype::UuidOld, places.clone()),
            ],
        ),
        (
            "generic",
            vec![
                binary(BinarySubtype::Generic, uuid.clone()),
                binary(BinarySubtype::Generic, b"ada".to_vec()),
            ],
        ),
        ("texts", vec![UUID.to_uppercase().into(), "ada".into()]),
        ("digits", vec![UUID.replace('-', "").into(), 7.into()]),
        (
            "others",
            vec![
                UUID.into(),
                binary(BinarySubtype::Md5, places.clone()),
                binary(BinarySubtype::UserDefined(0x80), vec![1, 2, 3]),
                doc! { "tenant": "b", "number": 7, "at": DateTime::from_millis(0) }.into(),
                doc! { "z": 1_i64, "a": { "b": 1.5 } }.into(),
            ],
        ),
    ];
    for (table, ids) in ids {
        let users = ids.into_iter().map(|id| doc! { "_id": id, "email": "a@b.c" });
        insert(table, users.collect()).await;
        let config = config_for(table);
        // The ID is found under the name of its role even if the column has another name.
        found_by_any_spelling(&config).await;
        assert_eq!(open(&config).await.info().cautions, [], "{table}");
    }
    for (order, digits) in ORDERS {
        let table = format!("ordered_{order:?}");
        insert(&table, vec![doc! { "_id": binary(BinarySubtype::UuidOld, bytes(digits)), "email": "a@b.c" }])
            .await;
        found_by_any_spelling(&DirectoryConfig { uuid_bytes: Some(order), ..config_for(&table) }).await;
    }

    what_no_text_names_is_said(&server, &url).await;
    for column in times_in_documents(&server).await {
        times_are_times(&config_for("times"), column).await;
    }
    numbers_named_so_are_times(&config_for("times")).await;
}

#[cfg(target_os = "linux")]
async fn what_no_text_names_is_said(server: &understudy_test_support::mongod::MongoServer, url: &str) {
    use mongodb::bson::{Document, Timestamp, doc};

    let odd = doc! { "_id": Timestamp { time: 1_706_702_400, increment: 1 }, "email": "odd@b.c" };
    let users = vec![odd, doc! { "_id": 1, "email": "a@b.c" }];
    server.database("acme").collection::<Document>("odd").insert_many(users).await.unwrap();
    let directory = open(&DirectoryConfig { id: "_id".into(), ..build_config(url, "odd") }).await;
    let [caution] = &directory.info().cautions[..] else { panic!("it is told once") };
    assert!(
        caution.message.contains("1 of the newest 2") && caution.message.contains("timestamp"),
        "{caution:?}"
    );
    assert!(!caution.hides_users);
}

/// Fills the collection `times` and returns the paths of its times.
#[cfg(target_os = "linux")]
async fn times_in_documents(server: &understudy_test_support::mongod::MongoServer) -> [&'static str; 8] {
    use mongodb::bson::{DateTime, Document, doc};

    let time = |at: &str| DateTime::parse_rfc3339_str(at).unwrap();
    let (first, second) = (1_706_702_400_i64, 1_769_904_000_i64);
    let made = |id: i32, at: i64, rfc: &str, digits: &str| {
        doc! {
            "_id": id, "real": time(rfc), "seconds": i32::try_from(at).unwrap(), "millis": at * 1000, "micros": at * 1_000_000,
            "double": 1000.0 * f64::from(u32::try_from(at).unwrap()), "compact": digits.parse::<i64>().unwrap(),
            "digits": digits, "written": rfc, "last_login_at": at * 1000, "logins": at * 1000,
        }
    };
    let users = vec![
        made(1, first, "2024-01-31T12:00:00Z", "20240131120000"),
        made(2, second, "2026-02-01T00:00:00Z", "20260201000000"),
        doc! { "_id": 3 },
    ];
    server.database("acme").collection::<Document>("times").insert_many(users).await.unwrap();
    ["real", "seconds", "millis", "micros", "double", "compact", "digits", "written"]
}

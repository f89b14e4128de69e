//! PostgreSQL: the story on a real server, and what only a server can do.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use secrecy::SecretString;
use sqlx::Connection;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use tokio_util::sync::CancellationToken;
use understudy_directory::DirectoryConfig;
use understudy_directory::{Directory, FieldKind, ListRequest, Place, Sort, Tier};
use understudy_directory::{DirectoryCode, DirectoryError};
use understudy_test_support::postgres::{ADMIN, ADMIN_PASSWORD, PostgresServer};

use crate::faults::{self, Administrator, Overseer};
use crate::paths;
use crate::people::{Indexed, PrefixIndex, people};
use crate::related;
use crate::spellings;
use crate::story::{self, pages, query, search};
use crate::suggestions;

/// The story's index on the email is case-sensitive.
const INDEXED: Indexed = Indexed {
    email: true,
    prefix: &[PrefixIndex { column: "email", folds: false }],
    sortable: &["id", "full_name", "plan", "score", "createdAt"],
};

const READER: &str = "reader";
const READER_PASSWORD: &str = "r3ad:er/p@ss word";

fn password() -> SecretString {
    READER_PASSWORD.into()
}

/// Creates a separate database that `reader` may read.
fn database(server: &PostgresServer, name: &str, script: &str) -> String {
    server.sql("postgres", &format!("CREATE DATABASE {name}"));
    server.sql(name, script);
    server.sql(name, "GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader");
    server.url(READER, name)
}

fn server() -> PostgresServer {
    let server = PostgresServer::start();
    server.sql("postgres", &format!("CREATE ROLE {READER} LOGIN PASSWORD '{READER_PASSWORD}'"));
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

fn timestamp(micros: i64) -> String {
    jiff::Timestamp::from_microsecond(micros).unwrap().to_string()
}

async fn users(server: &PostgresServer, name: &str) -> String {
    let url = database(
        server,
        name,
        r#"CREATE TABLE "Users" (id bigint PRIMARY KEY, email varchar(255), full_name text, plan text,
                                 score double precision, active boolean, "createdAt" timestamptz,
                                 password_hash text NOT NULL DEFAULT 'secret');
           CREATE INDEX ON "Users" (full_name);
           CREATE INDEX ON "Users" (score);
           CREATE INDEX ON "Users" ("createdAt");
           CREATE INDEX ON "Users" (plan) WHERE plan IS NOT NULL;
           CREATE INDEX ON "Users" (email varchar_pattern_ops);"#,
    );
    let options = PgConnectOptions::new_without_pgpass()
        .host("127.0.0.1")
        .port(server.port())
        .username(ADMIN)
        .password(ADMIN_PASSWORD)
        .database(name);
    let mut connection = PgConnection::connect_with(&options).await.unwrap();
    let people = people();
    sqlx::query(
        r#"INSERT INTO "Users" (id, email, full_name, plan, score, active, "createdAt")
           SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::float8[], $6::bool[], $7::text[]::timestamptz[])"#,
    )
    .bind(people.iter().map(|person| person.id).collect::<Vec<_>>())
    .bind(people.iter().map(|person| person.email.clone()).collect::<Vec<_>>())
    .bind(people.iter().map(|person| person.name.clone()).collect::<Vec<_>>())
    .bind(people.iter().map(|person| person.plan.clone()).collect::<Vec<_>>())
    .bind(people.iter().map(|person| person.score).collect::<Vec<_>>())
    .bind(people.iter().map(|person| person.active).collect::<Vec<_>>())
    .bind(people.iter().map(|person| person.created_at.map(timestamp)).collect::<Vec<_>>())
    .execute(&mut connection)
    .await
    .unwrap();
    connection.close().await.unwrap();
    url
}

#[tokio::test]
async fn the_story_on_postgres() {
    let server = server();
    let url = users(&server, "acme").await;
    let directory = open(&crate::build_config(url.clone())).await;
    assert!(directory.info().server.starts_with("PostgreSQL 1"), "{}", directory.info().server);
    assert!(directory.info().total_is_exact, "never analysed, so counted");
    story::told(&*directory, INDEXED).await;
    directory.close().await;

    server.sql("acme", "ANALYZE");
    let directory = open(&crate::build_config(url)).await;
    assert_eq!(directory.info().estimated_total, Some(5000));
    assert!(!directory.info().total_is_exact, "the planner's estimate");

    values_of_every_type_are_shown(&server).await;
    lists_by_any_ordered_type_hold_everyone_once(&server).await;
    ids_of_every_kind_find_their_user(&server).await;
    tables_are_found_by_their_exact_names(&server).await;
    values_within_json_are_columns(&server).await;
    other_spellings_are_found(&server).await;
    nothing_can_be_written(&server).await;
    refusals_are_distinguished(&server).await;
}

async fn other_spellings_are_found(server: &PostgresServer) {
    let url = database(
        server,
        "spellings",
        &format!(
            "CREATE TABLE people (id int PRIMARY KEY, full_name text, phone varchar(40));
             INSERT INTO people VALUES {};",
            spellings::values()
        ),
    );
    let directory = open(&spellings::build_config(url, "people", "id")).await;
    spellings::told(&*directory, false).await;
    directory.close().await;

    let table = "(id int PRIMARY KEY, full_name text, plan text, api_token text)";
    let rows = suggestions::values();
    let url = database(
        server,
        "suggestions",
        &format!(
            "CREATE TABLE looked_at {table}; INSERT INTO looked_at VALUES {rows};
             CREATE TABLE analysed {table}; INSERT INTO analysed VALUES {rows}; ANALYZE analysed;"
        ),
    );
    for table in ["looked_at", "analysed"] {
        let directory = open(&suggestions::build_config(url.clone(), table, "id")).await;
        suggestions::told(&*directory, false).await;
        directory.close().await;
    }
}

/// More users than may be read at every keystroke; no index on the searched columns helps with text searches.
const MANY: &str = r"CREATE TABLE users (id bigint PRIMARY KEY, email text NOT NULL, full_name text, plan text,
                     created_at timestamptz NOT NULL DEFAULT now(), password_hash text NOT NULL DEFAULT 'secret');
   INSERT INTO users SELECT i, 'Mail' || i || '@example.com', 'Person ' || i, 'pro', now() - (120000 - i) * interval '1 s'
     FROM generate_series(1, 120000) i;
   UPDATE users SET full_name = 'Zora Neale' WHERE id IN (7, 119990);
   CREATE UNIQUE INDEX ON users (email); CREATE INDEX ON users (created_at); ANALYZE users;";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_table_is_read_only_on_request_and_the_advice_fixes_it() {
    let server = server();
    let url = database(&server, "many", MANY);
    let config = DirectoryConfig {
        email: Some("email".into()),
        name: Some("full_name".into()),
        created_at: Some("created_at".into()),
        columns: vec!["plan".into()],
        timeout_ms: 1000,
        ..build_config(&url, "users")
    };
    let directory = open(&config).await;
    let info = directory.info();
    let has_index = |tier, column: &str| {
        let service = info.coverage.iter().find(|one| one.tier == tier && one.column.contains(column));
        service.expect("each tier is told").index.is_some()
    };
    assert!(
        has_index(Tier::All, "created_at") && has_index(Tier::Id, "id") && has_index(Tier::Email, "email")
    );
    assert!(!has_index(Tier::Prefix, "email") && !has_index(Tier::Prefix, "full_name"));
    assert!(!has_index(Tier::Contains, "email") && !has_index(Tier::Contains, "full_name"));

    // An exact match is found at once, and that page leaves nothing out.
    let page = search(&*directory, &query("MAIL77@example.com")).await;
    assert!(page.rows.is_empty() && page.left_out.is_some(), "an index that minds the case may miss them");
    let page = search(&*directory, &query("Mail77@example.com")).await;
    assert_eq!((page.rows.len(), page.how.tier, page.left_out.as_ref()), (1, Tier::Email, None));
    assert_eq!(search(&*directory, &query("77")).await.rows[0].id, "77");

    // A new user is found among the newest; an old one only if all are searched.
    let page = search(&*directory, &query("neale")).await;
    assert_eq!(page.rows.iter().map(|row| row.id.as_str()).collect::<Vec<_>>(), ["119990"]);
    let left_out = page.left_out.expect("the others were not read");
    assert_eq!((left_out.looked_at, left_out.limit_ms), (Some(5000), 1000));
    assert!(left_out.rows.is_some_and(|rows| rows > 100_000));
    let everywhere = ListRequest { everywhere: true, ..query("neale") };
    let page = search(&*directory, &everywhere).await;
    assert_eq!(page.rows.iter().map(|row| row.id.as_str()).collect::<Vec<_>>(), ["119990", "7"]);
    assert_eq!(page.left_out, None);
    let by_plan = Some(Sort { column: "plan".into(), descending: false });
    let page = search(&*directory, &ListRequest { sort: by_plan, ..query("") }).await;
    assert!(
        page.rows.is_empty() && page.left_out.is_some(),
        "an order without an index waits to be asked for"
    );

    // Run the advice verbatim; then every tier has an index.
    let advice: Vec<String> = info.coverage.iter().filter_map(|one| one.advice.clone()).collect();
    let reader: Vec<String> = info.reader.iter().filter(|line| !line.starts_with('\\')).cloned().collect();
    directory.close().await;
    for statements in advice.iter().chain(&reader) {
        server.sql("many", statements);
    }
    server.sql("many", &format!("ANALYZE users; ALTER ROLE understudy PASSWORD '{READER_PASSWORD}'"));
    let config = DirectoryConfig { url: server.url("understudy", "many"), ..config };
    let directory = open(&config).await;
    for service in &directory.info().coverage {
        assert!(service.index.is_some() && service.advice.is_none(), "{service:?}");
    }
    for text in ["neale", "NEALE", "zora n", "neale zora", "mail77@EXAMPLE.com", "mail7777", "nobody at all"]
    {
        let page = search(&*directory, &query(text)).await;
        assert_eq!(page.rows.is_empty(), text == "nobody at all", "{text}");
        // Reading the table for other spellings is only worthwhile if there are no matches.
        let spellings = page.left_out.map(|left_out| (left_out.spellings, left_out.looked_at));
        assert_eq!(spellings, page.rows.is_empty().then_some((true, None)), "{text}");
    }
    directory.close().await;
    // If rows have to be gathered first, the newest are read as well.
    let (page, newest) = (500, 6000);
    for (text, place, most) in [
        ("", Place::Start, page),
        ("", Place::End, page),
        ("mail1", Place::Start, page),
        ("mail77@example.com", Place::Start, page),
        ("7777", Place::Start, page),
        ("neale", Place::Start, newest),
        ("nobody at all", Place::Start, newest),
    ] {
        let asked = format!("{text:?} from {place:?}");
        let read = examined(&server, &config, ListRequest { place, ..query(text) }).await;
        assert!(read < most, "{asked} read {read} rows of 120,000");
    }
    let too_much = DirectoryConfig { columns: vec!["password_hash".into()], ..config };
    let error = opening_fails(&too_much, Some(READER_PASSWORD)).await;
    assert_eq!(error.code, DirectoryCode::Refused, "the advised role reads what is mapped and no more");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_waiting_searches_open_a_single_extra_connection() {
    let server = server();
    let url =
        database(&server, "waiting", "CREATE TABLE users (id int PRIMARY KEY); INSERT INTO users VALUES (1)");
    let directory = open(&build_config(&url, "users")).await;
    let sessions = || -> i64 {
        let counted = "SELECT sessions FROM pg_stat_database WHERE datname = 'waiting'";
        server.sql("postgres", counted).parse().unwrap()
    };
    // Two that search, and one that finds out why the others wait.
    server.sql("postgres", "ALTER ROLE reader CONNECTION LIMIT 3");
    let options = PgConnectOptions::new_without_pgpass().host("127.0.0.1").port(server.port());
    let options = options.username(ADMIN).password(ADMIN_PASSWORD).database("waiting");
    let mut lock = PgConnection::connect_with(&options).await.unwrap();
    sqlx::raw_sql("BEGIN; LOCK TABLE users IN ACCESS EXCLUSIVE MODE").execute(&mut lock).await.unwrap();
    let before = sessions();

    let mut searches = tokio::task::JoinSet::new();
    for _ in 0..40 {
        let directory = Arc::clone(&directory);
        searches.spawn(async move { directory.search_users(&query(""), &CancellationToken::new()).await });
    }
    let deadline = Instant::now() + Duration::from_secs(20);
    while sessions() == before {
        assert!(Instant::now() < deadline, "nobody asks why they wait");
    }
    sqlx::raw_sql("COMMIT").execute(&mut lock).await.unwrap();
    for answer in searches.join_all().await {
        assert_eq!(answer.expect("each is answered").rows.len(), 1);
    }
}

/// How many rows of `config`'s table the server reads for one query. Statistics are complete once the session has ended.
async fn examined(server: &PostgresServer, config: &DirectoryConfig, query: ListRequest) -> i64 {
    let so_far = || -> i64 {
        let read =
            "SELECT sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0)) FROM pg_stat_user_tables";
        server.sql("many", read).parse().unwrap()
    };
    let before = so_far();
    let directory = open(config).await;
    directory.search_users(&query, &CancellationToken::new()).await.unwrap();
    directory.close().await;
    wait_for(server, "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'understudy'", "0");
    so_far() - before
}

async fn values_of_every_type_are_shown(server: &PostgresServer) {
    let url = database(
        server,
        "kinds",
        r#"CREATE EXTENSION citext;
           CREATE TYPE mood AS ENUM ('sad', 'happy');
           CREATE DOMAIN level AS int CHECK (VALUE > 0);
           CREATE DOMAIN higher AS level;
           CREATE TYPE pair AS (a int, b text);
           CREATE TABLE kinds (id int PRIMARY KEY, email citext, mood mood, level higher, tags text[], extra jsonb,
               raw json, amount numeric, precise timestamptz, wall timestamp, day date, hour time, bytes bytea,
               ratio real, pair pair, address inet, span interval, long text, letter "char", owner oid, fixed char(5));
           INSERT INTO kinds VALUES
             (1, 'Ada@Example.com', 'happy', 7, '{a,"b c"}', '{"a": [1, null]}', '{"b" :2}', 'NaN', '2024-01-02 03:04:05.678901+02',
              '2024-01-02 03:04:05', '2024-01-02', '03:04:05', '\x00ff', 0.1, (1,'x'), '10.0.0.1/8', '1 day', 'short', 'x', 4294967295, 'ab'),
             (2, NULL, NULL, NULL, NULL, NULL, NULL, 123456789012345678901234567890.5, 'infinity', '-infinity', '9999-12-31', NULL,
              decode(repeat('ab', 1000000), 'hex'), 'Infinity', NULL, NULL, NULL, repeat('ä', 1000000), NULL, NULL, NULL),
             (4, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '294276-12-31 23:59:59+00', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
              NULL, NULL),
             (3, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '9999-12-31 23:59:59.999999+00', '0044-03-15 00:00:00 BC', 'infinity',
              NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);"#,
    );
    // The role's settings must not affect what is shown.
    server.sql(
        "kinds",
        "ALTER ROLE reader SET TimeZone = 'Asia/Kathmandu'; ALTER ROLE reader SET DateStyle = 'SQL, DMY';
         ALTER ROLE reader SET extra_float_digits = 0; ALTER ROLE reader SET bytea_output = 'escape'",
    );
    let names = [
        "mood", "level", "tags", "extra", "raw", "amount", "precise", "wall", "day", "hour", "bytes",
        "ratio", "pair", "address", "span", "long", "letter", "owner", "fixed",
    ];
    let config = DirectoryConfig {
        email: Some("email".into()),
        columns: names.map(str::to_owned).to_vec(),
        search: Some(["email", "mood", "extra", "amount"].map(str::to_owned).to_vec()),
        ..build_config(&url, "kinds")
    };
    let directory = open(&config).await;
    let shown = async |id: &str| -> Vec<String> {
        let row = directory.find_user(id).await.unwrap().expect("the row is there");
        row.cells.into_iter().map(|cell| cell.unwrap_or_else(|| "NULL".into())).collect()
    };
    assert_eq!(
        shown("1").await,
        [
            "1",
            "Ada@Example.com",
            "happy",
            "7",
            "{a,\"b c\"}",
            "{\"a\": [1, null]}",
            "{\"b\" :2}",
            "NaN",
            "2024-01-02T01:04:05.678901Z",
            "2024-01-02T03:04:05",
            "2024-01-02",
            "03:04:05",
            "\\x00ff",
            "0.1",
            "(1,x)",
            "10.0.0.1/8",
            "1 day",
            "short",
            "x",
            "4294967295",
            "ab",
        ]
    );
    let two = shown("2").await;
    assert_eq!(two[7], "123456789012345678901234567890.5");
    assert_eq!(two[8..11], ["infinity", "-infinity", "9999-12-31"]);
    assert_eq!(two[12].chars().count(), 2001, "a megabyte was cut");
    assert_eq!(two[13], "Infinity");
    assert_eq!(two[17].chars().count(), 2001, "a megabyte was cut");
    assert!(two[12].ends_with('…') && two[17].ends_with('…'), "and it shows");
    let three = shown("3").await;
    assert_eq!(three[8..11], ["9999-12-31T23:59:59.999999Z", "0044-03-15 00:00:00 BC", "infinity"]);
    assert_eq!(shown("4").await[8], "294276-12-31T23:59:59Z", "the last time there is");
    let kinds: Vec<FieldKind> = directory.info().columns.iter().map(|column| column.kind).collect();
    assert_eq!(kinds[3], FieldKind::Integer, "a domain over a domain over int");
    assert_eq!(kinds[5], FieldKind::Json);

    for (text, tier) in [
        ("ADA@example.com", Tier::Email),
        ("HAP", Tier::Prefix),
        ("null]", Tier::Contains),
        ("nan", Tier::Prefix),
        ("1", Tier::Id),
    ] {
        let page = search(&*directory, &query(text)).await;
        assert_eq!(page.rows[0].id, "1", "{text}");
        assert_eq!(page.how.tier, tier, "{text}");
    }
    server.sql("kinds", "ALTER ROLE reader RESET ALL");
}

async fn lists_by_any_ordered_type_hold_everyone_once(server: &PostgresServer) {
    let url = database(
        server,
        "ordered",
        r#"CREATE EXTENSION citext;
           CREATE TABLE ordered (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), t timestamptz(3), w timestamp, d date, n numeric,
                                 f real, c citext, v varchar(20) COLLATE "C", b boolean, a int[]);
           INSERT INTO ordered (t, w, d, n, f, c, v, b, a)
             SELECT CASE WHEN i % 5 = 0 THEN NULL WHEN i % 7 = 0 THEN 'infinity' ELSE '2024-01-01'::timestamptz + i % 11 * interval '1 ms' END,
                    CASE WHEN i % 5 = 0 THEN '-infinity' ELSE '2024-01-01'::timestamp - i % 3000 * interval '1 year' - i % 13 * interval '1 us' END,
                    CASE WHEN i % 3 = 0 THEN NULL ELSE '2024-01-01'::date + i % 4 END,
                    CASE WHEN i % 6 = 0 THEN 'NaN' ELSE (i % 17) / 7.0 END,
                    CASE WHEN i % 6 = 0 THEN '-Infinity' ELSE (i % 17) / 7.0 END,
                    (ARRAY['ada', 'ADA', 'Bob', NULL, ''])[i % 5 + 1], (ARRAY['ada', 'ADA', 'é', NULL, ' '])[i % 5 + 1],
                    (ARRAY[true, false, NULL])[i % 3 + 1], ARRAY[i % 4, NULL]
             FROM generate_series(1, 400) i;
           CREATE INDEX ON ordered (t); CREATE INDEX ON ordered (w); CREATE INDEX ON ordered (d); CREATE INDEX ON ordered (n);
           CREATE INDEX ON ordered (f); CREATE INDEX ON ordered (c); CREATE INDEX ON ordered (v); CREATE INDEX ON ordered (b);
           CREATE INDEX ON ordered (a);"#,
    );
    let names = ["w", "d", "n", "f", "c", "v", "b", "a"];
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
                &format!("SELECT id FROM ordered ORDER BY {column} {direction} NULLS LAST, id {direction}"),
            );
            let sort = Some(Sort { column: column.into(), descending });
            let pages = pages(&*directory, ListRequest { sort, limit: 23, ..query("") }).await;
            let found: Vec<&str> =
                pages.iter().flat_map(|page| &page.rows).map(|row| row.id.as_str()).collect();
            assert_eq!(found, ids.lines().collect::<Vec<_>>(), "by {column} {direction}");
        }
    }
}

async fn ids_of_every_kind_find_their_user(server: &PostgresServer) {
    let url = database(
        server,
        "ids",
        r"CREATE EXTENSION citext;
          CREATE TABLE uuids (id uuid PRIMARY KEY); INSERT INTO uuids VALUES ('0b5a2a3e-6f0e-4a56-9f3c-5d1a9f1f7c11');
          CREATE TABLE texts (id text PRIMARY KEY); INSERT INTO texts VALUES ('Ada'), ('007'), ('100%_''\');
          CREATE TABLE folded (id citext PRIMARY KEY); INSERT INTO folded VALUES ('Ada');
          CREATE TABLE small (id smallint PRIMARY KEY); INSERT INTO small VALUES (7);
          CREATE TABLE numbers (id numeric PRIMARY KEY); INSERT INTO numbers VALUES (123456789012345678901234567890), (1.50);
          CREATE TABLE padded (id char(8) PRIMARY KEY); INSERT INTO padded VALUES ('ab');
          CREATE VIEW doubled AS SELECT 7 AS id UNION ALL SELECT 7;
          CREATE VIEW nobody AS SELECT NULL::int AS id UNION ALL SELECT 7;",
    );
    for (table, id) in [
        ("uuids", "0b5a2a3e-6f0e-4a56-9f3c-5d1a9f1f7c11"),
        ("texts", "Ada"),
        ("texts", "007"),
        ("texts", "100%_'\\"),
        ("folded", "Ada"),
        ("small", "7"),
        ("numbers", "123456789012345678901234567890"),
        ("numbers", "1.50"),
        ("padded", "ab"),
        ("nobody", "7"),
    ] {
        let directory = open(&build_config(&url, table)).await;
        assert_eq!(directory.find_user(id).await.unwrap().expect(table).id, id);
        let page = search(&*directory, &query(&format!(" {id} "))).await;
        assert_eq!(page.rows[0].id, id, "{table}");
        assert_eq!(page.how.tier, Tier::Id);
        // Texts that cannot be an ID of this type find no one and cause no error.
        for other in ["ADA", "ada", "70000", "99999999999999999999", "0x7", "7 ", "1.5", "{", "é\u{7}"] {
            assert_eq!(directory.find_user(other).await.unwrap(), None, "{table} {other:?}");
            search(&*directory, &query(other)).await;
        }
    }
    // A UUID is found in any spelling.
    let uuids = open(&build_config(&url, "uuids")).await;
    for spelled in ["0B5A2A3E-6F0E-4A56-9F3C-5D1A9F1F7C11", "0b5a2a3e6f0e4a569f3c5d1a9f1f7c11"] {
        assert_eq!(search(&*uuids, &query(spelled)).await.rows.len(), 1);
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

async fn tables_are_found_by_their_exact_names(server: &PostgresServer) {
    let url = database(
        server,
        "names",
        r#"CREATE SCHEMA "My App"; GRANT USAGE ON SCHEMA "My App" TO reader;
           CREATE TABLE "My App"."we""ird. name" ("i""d" int PRIMARY KEY, "; DROP TABLE x" text);
           INSERT INTO "My App"."we""ird. name" VALUES (1, 'here'); GRANT SELECT ON "My App"."we""ird. name" TO reader;
           CREATE TABLE "Users" (id int PRIMARY KEY); CREATE TABLE orders (id int);
           CREATE TABLE parts (id int, "createdAt" date NOT NULL, PRIMARY KEY (id, "createdAt")) PARTITION BY RANGE ("createdAt");
           CREATE TABLE parts_2024 PARTITION OF parts FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
           INSERT INTO parts SELECT i, '2024-01-01' FROM generate_series(1, 10) i;
           CREATE MATERIALIZED VIEW matview AS SELECT id FROM parts; CREATE VIEW view AS SELECT id FROM parts;"#,
    );
    for (table, id) in [
        ("\"My App\".\"we\"\"ird. name\"", "i\"d"),
        ("Users", "id"),
        ("\"Users\"", "id"),
        ("public.Users", "id"),
    ] {
        open(&DirectoryConfig { id: id.into(), ..build_config(&url, table) }).await;
    }
    let weird = DirectoryConfig {
        id: "i\"d".into(),
        name: Some("; DROP TABLE x".into()),
        ..build_config(&url, "\"My App\".\"we\"\"ird. name\"")
    };
    assert_eq!(search(&*open(&weird).await, &query("HERE")).await.rows.len(), 1);
    for table in ["parts", "matview", "view"] {
        let directory = open(&build_config(&url, table)).await;
        assert_eq!(search(&*directory, &query("")).await.rows.len(), 10, "{table}");
        assert_eq!(directory.info().estimated_total, Some(10), "{table}");
        // The index of the table below a view can be used for the view too.
        assert_eq!(directory.info().columns[0].sortable, table != "matview", "{table}");
    }

    let error = opening_fails(&build_config(&url, "users"), Some(READER_PASSWORD)).await;
    assert_eq!(error.code, DirectoryCode::Mismatch);
    assert!(error.message.contains("Did you mean `Users`?"), "{error}");
    let hint = error.hint.unwrap();
    assert!(hint.contains("`orders`") && hint.contains("My App.") && !hint.contains("parts_2024"), "{hint}");

    let wrong = DirectoryConfig { columns: vec!["id".into(), "plan".into()], ..build_config(&url, "Users") };
    let error = opening_fails(&wrong, Some(READER_PASSWORD)).await;
    assert_eq!(error.code, DirectoryCode::Mismatch);
    assert!(error.message.starts_with("directory.columns[1]: Users has no column `plan`"), "{error}");
}

async fn values_within_json_are_columns(server: &PostgresServer) {
    let url = database(
        server,
        "paths",
        &format!(
            "CREATE TABLE users (id int PRIMARY KEY, profile jsonb, plan text, password_hash text);
             INSERT INTO users VALUES {};
             CREATE TABLE raw (id int PRIMARY KEY, profile json); INSERT INTO raw SELECT id, profile::json FROM users;
             CREATE VIEW seen AS SELECT id, profile FROM users;",
            paths::values(false)
        ),
    );
    // Only the needed columns may be read.
    server.sql("paths", "REVOKE SELECT ON users FROM reader; GRANT SELECT (id, profile) ON users TO reader");
    for table in ["users", "raw", "seen"] {
        let directory = open(&paths::build_config(&url, table)).await;
        paths::told(&*directory).await;
        let grant = format!(r#"GRANT SELECT ("id", "profile") ON "public"."{table}" TO understudy"#);
        assert!(directory.info().reader.contains(&grant), "{:?}", directory.info().reader);
        directory.close().await;
    }
    // Whatever a backslash means in the role's session.
    server.sql("paths", "ALTER ROLE reader SET standard_conforming_strings = off");
    paths::told(&*open(&paths::build_config(&url, "users")).await).await;
    server.sql("paths", "ALTER ROLE reader RESET ALL; GRANT SELECT ON users TO reader");
    paths::what_cannot_be_is_refused(&paths::build_config(&url, "users"), "plan", Some(&password())).await;
    server.sql("paths", "REVOKE SELECT ON users FROM reader; GRANT SELECT (id) ON users TO reader");
    let error = opening_fails(&paths::build_config(&url, "users"), Some(READER_PASSWORD)).await;
    assert_eq!(error.code, DirectoryCode::Refused, "{error}");
    assert!(error.statement.unwrap().contains(r#"GRANT SELECT ("profile") ON"#));
}

#[tokio::test]
async fn an_index_on_a_json_path_serves_it_like_a_column() {
    let server = server();
    let url = database(
        &server,
        "paths",
        "CREATE TABLE users (id bigint PRIMARY KEY, profile jsonb NOT NULL, created_at timestamptz NOT NULL);
         INSERT INTO users SELECT i, jsonb_build_object('name', 'Person ' || i, 'city', 'Town ' || i % 100,
             'contact', jsonb_build_object('email', 'mail' || i || '@example.com')), now() - (120000 - i) * interval '1 s'
           FROM generate_series(1, 120000) i;
         UPDATE users SET profile = profile || '{\"name\": \"Zora Neale\"}' WHERE id IN (7, 119990);
         CREATE INDEX ON users (created_at); CREATE INDEX by_city ON users ((profile ->> 'city')); ANALYZE users;",
    );
    let config = DirectoryConfig {
        name: Some("profile->>name".into()),
        email: Some("profile->contact->>email".into()),
        created_at: Some("created_at".into()),
        columns: vec!["profile->>city".into()],
        timeout_ms: 1000,
        ..build_config(&url, "users")
    };
    let directory = open(&config).await;
    let info = directory.info();
    let sortable: Vec<&str> =
        info.columns.iter().filter(|one| one.sortable).map(|one| one.name.as_str()).collect();
    assert_eq!(sortable, ["id", "profile->>city", "created_at"]);
    assert!(search(&*directory, &query("neale")).await.left_out.is_some(), "nothing serves it yet");
    let page = search(&*directory, &query("profile.city:=\"Town 17\"")).await;
    assert_eq!((page.rows.len(), page.left_out), (50, None), "a filter that an index serves");

    let advice: Vec<String> = directory.info().coverage.iter().filter_map(|one| one.advice.clone()).collect();
    assert_eq!(
        advice[0],
        r#"CREATE INDEX CONCURRENTLY ON "public"."users" (lower(("profile" -> 'contact' ->> 'email')) text_pattern_ops)"#
    );
    directory.close().await;
    for statements in &advice {
        server.sql("paths", statements);
    }
    server.sql("paths", "ANALYZE users");
    let directory = open(&config).await;
    for service in &directory.info().coverage {
        assert!(service.index.is_some() && service.advice.is_none(), "{service:?}");
    }
    for (text, found) in [
        ("neale", 2),
        ("NEALE zora", 2),
        ("zora n", 2),
        ("MAIL77@example.com", 1),
        ("mail7777", 11),
        ("person", 50),
    ] {
        let page = search(&*directory, &query(text)).await;
        assert_eq!((page.rows.len(), page.left_out), (found, None), "{text}");
    }
    let page = search(&*directory, &query("nobody at all")).await;
    assert!(page.rows.is_empty() && page.left_out.is_some_and(|left_out| left_out.spellings));
}

async fn nothing_can_be_written(server: &PostgresServer) {
    let url = database(
        server,
        "written",
        "CREATE TABLE users (id int PRIMARY KEY); INSERT INTO users VALUES (1), (2); CREATE TABLE seen (id int);
         CREATE FUNCTION note(id int) RETURNS text LANGUAGE sql VOLATILE SECURITY DEFINER
           AS 'INSERT INTO seen VALUES (id) RETURNING ''noted''';
         CREATE VIEW noting AS SELECT id, note(id) AS note FROM users;
         CREATE VIEW escaping AS SELECT id, set_config('transaction_read_only', 'off', false) || note(id) AS note FROM users;",
    );
    for view in ["noting", "escaping"] {
        let directory =
            open(&DirectoryConfig { columns: vec!["note".into()], ..build_config(&url, view) }).await;
        let error = directory.search_users(&query(""), &CancellationToken::new()).await.unwrap_err();
        assert_eq!(error.code, DirectoryCode::Refused, "{error}");
        assert_eq!(directory.find_user("1").await.unwrap_err().code, DirectoryCode::Refused);
    }
    assert_eq!(server.sql("written", "SELECT count(*) FROM seen"), "0");
}

async fn refusals_are_distinguished(server: &PostgresServer) {
    let url = database(
        server,
        "refused",
        "CREATE TABLE users (id int PRIMARY KEY, email text, password_hash text)",
    );
    server.sql("refused", "REVOKE SELECT ON users FROM reader; GRANT SELECT (id, email) ON users TO reader");
    let users = build_config(&url, "users");
    let told = DirectoryConfig { email: Some("email".into()), ..users.clone() };
    open(&told).await;

    let secret = DirectoryConfig { columns: vec!["password_hash".into()], ..users.clone() };
    let error = opening_fails(&secret, Some(READER_PASSWORD)).await;
    assert_eq!(error.code, DirectoryCode::Refused);
    assert!(error.message.contains("`password_hash`"), "{error}");
    assert!(!error.wants_password, "no other password helps");
    let statement = error.statement.unwrap();
    assert_eq!(statement, r#"GRANT SELECT ("password_hash") ON "public"."users" TO "reader""#);

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
    assert_eq!(error.code, DirectoryCode::Mismatch, "{error}");
    let error =
        opening_fails(&build_config(&format!("{url}?sslmode=require"), "users"), Some(READER_PASSWORD)).await;
    assert_eq!(error.code, DirectoryCode::Refused, "{error}");
    let error = opening_fails(
        &build_config("postgres://reader@no-such-host.invalid/acme", "users"),
        Some(READER_PASSWORD),
    )
    .await;
    assert_eq!(error.code, DirectoryCode::Unreachable, "{error}");
    assert!(error.message.contains("no-such-host.invalid"));

    let error = opening_fails(&build_config(&impostor(), "users"), Some(READER_PASSWORD)).await;
    assert_eq!(error.code, DirectoryCode::Refused, "{error}");
    assert!(error.message.contains("secure") && error.hint.unwrap().contains("host and port"));

    // Changes after opening are reported too.
    let directory = open(&told).await;
    server.sql("refused", "REVOKE SELECT (email) ON users FROM reader");
    let failed = async || directory.search_users(&query(""), &CancellationToken::new()).await.unwrap_err();
    assert_eq!(failed().await.code, DirectoryCode::Refused);
    server.sql("refused", "GRANT SELECT ON users TO reader; ALTER TABLE users RENAME COLUMN email TO mail");
    assert_eq!(failed().await.code, DirectoryCode::Mismatch);
    server.sql("refused", "DROP TABLE users");
    assert_eq!(failed().await.code, DirectoryCode::Mismatch);
    server.sql(
        "refused",
        "CREATE TABLE users (id int PRIMARY KEY, email int); GRANT SELECT ON users TO reader;",
    );
    assert_eq!(search(&*directory, &query("")).await.rows, [], "and when it is back, so is the directory");
}

/// A server that agrees to TLS and then sends something else. It must never see the password.
fn impostor() -> String {
    use std::io::{Read, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let (mut peer, _) = listener.accept().unwrap();
        let mut asked = [0; 8];
        peer.read_exact(&mut asked).unwrap();
        peer.write_all(b"SHTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
        let mut rest = Vec::new();
        let _ = peer.read_to_end(&mut rest);
        assert!(!String::from_utf8_lossy(&rest).contains(READER));
    });
    format!("postgres://{READER}@127.0.0.1:{port}/acme?sslmode=verify-full")
}

/// Waits until the server gives this answer. Asking takes long enough not to get in its way.
pub fn wait_for(server: &PostgresServer, question: &str, answer: &str) {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let said = server.sql("postgres", question);
        if said == answer {
            return;
        }
        assert!(Instant::now() < deadline, "{question} is {said}, not {answer}");
    }
}

const NAPPING: &str = "SELECT count(*) FROM pg_stat_activity
    WHERE application_name = 'understudy' AND state = 'active' AND wait_event = 'PgSleep'";
const STUCK: &str = "SELECT count(*) FROM pg_stat_activity
    WHERE application_name = 'understudy' AND state <> 'idle'";

struct Admin<'a>(&'a PostgresServer);

impl Administrator for Admin<'_> {
    async fn rename(&mut self, table: &str, to: &str) {
        self.0.sql("faults", &format!("ALTER TABLE {table} RENAME TO {to}"));
    }
}

impl Overseer for Admin<'_> {
    async fn runs(&self, questions: usize) {
        wait_for(self.0, NAPPING, &questions.to_string());
    }

    async fn stop(&self) {
        self.0.sql("faults", &NAPPING.replace("count(*)", "pg_cancel_backend(pid)"));
    }

    async fn hang_up(&self) {
        self.0.sql("faults", &NAPPING.replace("count(*)", "pg_terminate_backend(pid)"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn faults_are_reported_until_they_are_fixed() {
    let server = server();
    let url = database(
        &server,
        "faults",
        "CREATE TABLE users (id int PRIMARY KEY); INSERT INTO users SELECT generate_series(1, 40);
         CREATE TABLE sleepers (id int PRIMARY KEY); INSERT INTO sleepers VALUES (1);
         CREATE VIEW slow AS SELECT id, (SELECT 'awake' FROM pg_sleep(600) OFFSET 0) AS email FROM sleepers;",
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

    server.sql("postgres", "ALTER ROLE reader CONNECTION LIMIT 0");
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
        "CREATE TABLE users (id int PRIMARY KEY, email text); INSERT INTO users VALUES (1, 'ada@example.com');
         CREATE VIEW napping AS SELECT id, (SELECT 'awake' FROM pg_sleep(600) OFFSET 0) AS email FROM users;
         CREATE VIEW cross_joined AS SELECT a.i AS id, a.i::text AS email
           FROM generate_series(1, 100000) AS a(i), generate_series(1, 100000) AS b(i) WHERE a.i + b.i < 0;",
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
    server.sql(
        "slow",
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'understudy'",
    );
    assert_eq!(search(&*directory, &query("ada")).await.rows.len(), 1);
    directory.close().await;
    wait_for(&server, "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'understudy'", "0");
}

async fn a_cancelled_search_stops_on_the_server(server: &PostgresServer, config: &DirectoryConfig) {
    let directory = open(config).await;
    let mut sessions = BTreeSet::new();
    // More often than there are connections, so each must have been returned and reused.
    for _ in 0..4 {
        let cancel = CancellationToken::new();
        let searching = tokio::spawn({
            let (directory, cancel) = (Arc::clone(&directory), cancel.clone());
            async move { directory.search_users(&query(""), &cancel).await }
        });
        wait_for(server, NAPPING, "1");
        sessions.insert(server.sql("postgres", &NAPPING.replace("count(*)", "pid")));
        cancel.cancel();
        assert_eq!(searching.await.unwrap().unwrap_err().code, DirectoryCode::Cancelled);
        wait_for(server, STUCK, "0");
    }
    assert!(sessions.len() <= 2, "a cancelled search costs no connection: {sessions:?}");
    // A token that fired before the query was sent.
    let cancel = CancellationToken::new();
    cancel.cancel();
    assert_eq!(directory.search_users(&query(""), &cancel).await.unwrap_err().code, DirectoryCode::Cancelled);
    directory.close().await;
}

async fn a_forgotten_search_stops_on_the_server(server: &PostgresServer, config: &DirectoryConfig) {
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

async fn a_search_ends_at_its_timeout(server: &PostgresServer, config: &DirectoryConfig) {
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
             CREATE INDEX orders_number ON orders (lower(number) text_pattern_ops);
             CREATE INDEX teams_begins ON teams (lower(code) text_pattern_ops);
             CREATE INDEX devices_serial ON devices (serial text_pattern_ops);",
            related::script("text", "timestamptz")
        ),
    );
    let config = related::build_config(url, "id");
    related::told(&config, Some(READER_PASSWORD)).await;
    let directory = open(&config).await;
    let grants = directory.info().reader.iter().filter(|grant| grant.starts_with("GRANT SELECT")).count();
    assert_eq!(grants, 6, "{:?}", directory.info().reader);
}

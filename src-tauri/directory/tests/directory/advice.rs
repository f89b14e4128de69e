//! PostgreSQL as administrators set it up: row-level security, partitions, collations, keys of many types. The advice
//! is run verbatim.

use std::sync::Arc;

use secrecy::SecretString;
use tokio_util::sync::CancellationToken;
use understudy_directory::DirectoryConfig;
use understudy_directory::{Directory, ListRequest, Tier};
use understudy_test_support::postgres::PostgresServer;

use crate::story::{query, search};

const PASSWORD: &str = "r3ader";

fn server() -> PostgresServer {
    let server = PostgresServer::start();
    server.sql("postgres", &format!("CREATE ROLE reader LOGIN PASSWORD '{PASSWORD}'"));
    server
}

fn build_config(server: &PostgresServer, user: &str, database: &str, table: &str) -> DirectoryConfig {
    DirectoryConfig {
        table: table.into(),
        email: Some("email".into()),
        name: None,
        created_at: None,
        columns: vec![],
        ..crate::build_config(server.url(user, database))
    }
}

async fn open(config: &DirectoryConfig) -> Arc<dyn Directory> {
    understudy_directory::open(config, Some(&SecretString::from(PASSWORD))).await.unwrap()
}

async fn emails(directory: &dyn Directory) -> usize {
    search(directory, &ListRequest { limit: 500, ..query("") }).await.rows.len()
}

/// Runs the statements one after the other, as an administrator.
fn run(server: &PostgresServer, database: &str, statements: &str) {
    for statement in statements.split("; ") {
        server.sql(database, statement);
    }
}

/// Three hundred users with row-level security, and a right to read the table under which no row is visible.
const GUARDED: &str = "
    CREATE TABLE users (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), email text, tenant text DEFAULT 'acme');
    INSERT INTO users (email) SELECT 'u' || g || '@x.y' FROM generate_series(1, 300) g; ANALYZE users;
    ALTER TABLE users ENABLE ROW LEVEL SECURITY; GRANT SELECT ON users TO reader;";

#[tokio::test]
async fn hidden_rows_are_reported_to_the_role() {
    let server = server();
    server.sql("postgres", "CREATE DATABASE guarded");
    server.sql("guarded", GUARDED);
    let config = build_config(&server, "reader", "guarded", "users");

    // Without a policy no row is visible, and the planner's estimate does not show that.
    let directory = open(&config).await;
    let info = directory.info();
    let caution = info.cautions.first().expect("it is told");
    assert!(
        caution.message.contains("hides all of its rows from reader") && caution.hides_users,
        "{caution:?}"
    );
    assert_eq!((info.estimated_total, info.total_is_exact), (Some(0), true));
    assert_eq!(emails(&*directory).await, 0);
    directory.close().await;

    // A policy that shows some of the rows is a warning.
    server.sql("guarded", "CREATE POLICY understudy ON users FOR SELECT TO reader USING (email LIKE 'u1%')");
    let directory = open(&config).await;
    let partial = directory.info().cautions.first().expect("it is told").clone();
    assert!(partial.message.contains("`understudy`") && partial.message.contains("u1%"), "{partial:?}");
    assert_eq!(emails(&*directory).await, 111);
    directory.close().await;

    // With the suggested policy all rows are visible, and the warning is gone.
    server.sql("guarded", &partial.statement.expect("there is a policy that helps"));
    let directory = open(&config).await;
    assert_eq!(directory.info().cautions, []);
    assert_eq!(emails(&*directory).await, 300);

    // The suggested role can read all rows too.
    let reader = directory.info().reader.clone();
    directory.close().await;
    for statement in reader.iter().filter(|line| !line.starts_with('\\')) {
        server.sql("guarded", statement);
    }
    server.sql("guarded", &format!("ALTER ROLE understudy PASSWORD '{PASSWORD}'"));
    let advised = open(&DirectoryConfig { url: server.url("understudy", "guarded"), ..config.clone() }).await;
    assert_eq!((advised.info().cautions.len(), emails(&*advised).await), (0, 300));
    advised.close().await;

    // If a policy depends on a setting, directly or through a function, the caution names the setting.
    server.sql(
        "guarded",
        "DROP POLICY understudy_2 ON users; DROP POLICY understudy ON users;
         CREATE FUNCTION whose() RETURNS text LANGUAGE sql STABLE AS $$ SELECT current_setting('request.tenant', true) $$;
         CREATE POLICY tenants ON users USING (tenant = whose() OR tenant = current_setting('app.tenant', true))",
    );
    let directory = open(&config).await;
    let depends = directory.info().cautions.first().expect("it is told").clone();
    assert!(depends.message.contains("`app.tenant` and `request.tenant`"), "{depends:?}");
    assert!(depends.hint.is_some_and(|hint| hint.contains("ALTER ROLE reader SET app.tenant")));
    assert_eq!(emails(&*directory).await, 0);
    directory.close().await;
    // The setting's value is not repeated: in other databases it is a token.
    server.sql(
        "guarded",
        "UPDATE users SET tenant = 'canary-5e7'; ALTER ROLE reader SET app.tenant = 'canary-5e7'",
    );
    let directory = open(&config).await;
    assert_eq!(emails(&*directory).await, 300);
    let depends = directory.info().cautions.first().expect("it is told").clone();
    assert!(
        depends.message.contains("on `request.tenant`, which this connection does not set."),
        "{depends:?}"
    );
    assert!(depends.message.contains("on `app.tenant`, which this connection sets."), "{depends:?}");
    assert!(!format!("{depends:?}").contains("canary"), "{depends:?}");
    directory.close().await;
    server.sql("guarded", "ALTER ROLE reader RESET ALL");

    a_policy_that_takes_rows_away_is_passed_by(&server, &config).await;
    below_a_view_other_rights_may_count(&server, &config).await;
}

async fn a_policy_that_takes_rows_away_is_passed_by(server: &PostgresServer, config: &DirectoryConfig) {
    // A permissive policy cannot override a restrictive one.
    server.sql("guarded", "CREATE POLICY narrow ON users AS RESTRICTIVE USING (email LIKE '%9@%')");
    let directory = open(config).await;
    let statement = directory.info().cautions[0].statement.clone().expect("there is a way");
    directory.close().await;
    server.sql("guarded", &statement);
    let directory = open(config).await;
    assert_eq!((directory.info().cautions.len(), emails(&*directory).await), (0, 300));
    directory.close().await;
    server.sql(
        "guarded",
        "ALTER ROLE reader NOBYPASSRLS; DROP POLICY narrow ON users; DROP POLICY tenants ON users",
    );
}

async fn below_a_view_other_rights_may_count(server: &PostgresServer, config: &DirectoryConfig) {
    // The rights of the view's owner apply, or the caller's if the view is a security invoker.
    server.sql(
        "guarded",
        "CREATE ROLE owner; GRANT SELECT ON users TO owner; CREATE VIEW open AS SELECT * FROM users;
         CREATE VIEW closed AS SELECT * FROM users; ALTER VIEW closed OWNER TO owner;
         CREATE VIEW asked WITH (security_invoker) AS SELECT * FROM closed;
         GRANT SELECT ON open, closed, asked TO reader",
    );
    for (view, seen) in [("open", 300), ("closed", 0), ("asked", 0)] {
        let config = DirectoryConfig { table: view.into(), ..config.clone() };
        let directory = open(&config).await;
        assert_eq!(emails(&*directory).await, seen, "{view}");
        let cautions = directory.info().cautions.clone();
        directory.close().await;
        assert_eq!(cautions.is_empty(), seen > 0, "{view}: {cautions:?}");
        for caution in cautions {
            server.sql("guarded", &caution.statement.expect("there is a policy that helps"));
            let directory = open(&config).await;
            assert_eq!((directory.info().cautions.len(), emails(&*directory).await), (0, 300), "{view}");
            directory.close().await;
            server.sql("guarded", "DROP POLICY understudy ON users");
        }
    }
    // A role with `row_security = off`, which prefers an error to a partial result, still gets what it may see, with a
    // caution.
    server.sql("guarded", "ALTER ROLE reader SET row_security = off");
    let directory = open(config).await;
    assert_eq!((directory.info().cautions.len(), emails(&*directory).await), (1, 0));
}

/// Relations of every kind, with texts of every type and collation.
const RELATIONS: &str = "
    CREATE EXTENSION citext; CREATE SCHEMA extensions; CREATE EXTENSION postgres_fdw;
    CREATE COLLATION ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
    CREATE TABLE part (id bigint, email text, name varchar(50), created_at timestamptz, PRIMARY KEY (id, created_at))
      PARTITION BY RANGE (created_at);
    CREATE TABLE part_old PARTITION OF part FOR VALUES FROM ('2010-01-01') TO ('2020-01-01') PARTITION BY HASH (id);
    CREATE TABLE part_old_0 PARTITION OF part_old FOR VALUES WITH (MODULUS 2, REMAINDER 0);
    CREATE TABLE part_old_1 PARTITION OF part_old FOR VALUES WITH (MODULUS 2, REMAINDER 1);
    CREATE TABLE part_new PARTITION OF part FOR VALUES FROM ('2020-01-01') TO ('2030-01-01');
    INSERT INTO part SELECT g, 'Q' || g || '@x.y', 'Name ' || g, date '2010-01-01' + g % 5999 FROM generate_series(1, 2000) g;
    CREATE TABLE plain (id numeric, email citext, name char(40), created_at timestamptz);
    INSERT INTO plain SELECT id, email, name, created_at FROM part;
    CREATE TABLE odd (id text COLLATE ci, email varchar(80) COLLATE ci, name text COLLATE ci, created_at timestamptz);
    INSERT INTO odd SELECT * FROM part;
    CREATE MATERIALIZED VIEW kept AS SELECT * FROM odd;
    CREATE VIEW seen AS SELECT * FROM part;
    CREATE SERVER other FOREIGN DATA WRAPPER postgres_fdw;
    CREATE FOREIGN TABLE far (id bigint, email text, name text, created_at timestamptz) SERVER other;
    GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader;";

#[tokio::test]
async fn every_advice_can_be_run_on_every_kind_of_relation() {
    let server = server();
    for trigrams in ["", "CREATE EXTENSION pg_trgm SCHEMA extensions"] {
        server.sql("postgres", "DROP DATABASE IF EXISTS relations");
        server.sql("postgres", "CREATE DATABASE relations");
        server.sql("relations", RELATIONS);
        server.sql("relations", trigrams);
        for table in ["part", "plain", "odd", "kept", "seen", "far"] {
            let config = DirectoryConfig {
                name: Some("name".into()),
                created_at: Some("created_at".into()),
                ..build_config(&server, "reader", "relations", table)
            };
            let directory = open(&config).await;
            let advice: Vec<String> =
                directory.info().coverage.iter().filter_map(|service| service.advice.clone()).collect();
            directory.close().await;
            let has_indexes = !matches!(table, "seen" | "far");
            assert_eq!(advice.is_empty(), !has_indexes, "{table}: {advice:?}");
            for statements in &advice {
                run(&server, "relations", statements);
            }
            let directory = open(&config).await;
            for service in directory.info().coverage.iter().filter(|_| has_indexes) {
                assert!(service.index.is_some() && service.advice.is_none(), "{table}: {service:?}");
            }
            if table != "far" {
                for text in ["q77@X.Y", "q77", "NAME 77", "me 77", "77 name"] {
                    let page = search(&*directory, &query(text)).await;
                    assert!(page.rows.iter().any(|row| row.id == "77"), "{table} {text}");
                    assert_eq!(page.left_out, None, "{table} {text}");
                }
            }
            directory.close().await;
        }
    }
}

#[tokio::test]
async fn nondeterministic_collations_can_be_searched() {
    let server = server();
    server.sql("postgres", "CREATE DATABASE collations");
    server.sql(
        "collations",
        "CREATE COLLATION ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
         CREATE COLLATION ai (provider = icu, locale = 'und-u-ks-level1', deterministic = false);
         CREATE TABLE users (id text COLLATE ci PRIMARY KEY, email text COLLATE ci UNIQUE, name varchar(20) COLLATE ai, code text COLLATE ai);
         INSERT INTO users VALUES ('A1', 'Ann@x.y', 'Ánn', 'Pro'), ('b2', 'bob@x.y', 'Bob', 'free'), ('c3', 'zoë@x.y', 'Zoë', NULL);
         GRANT SELECT ON users TO reader",
    );
    let config = DirectoryConfig {
        name: Some("name".into()),
        columns: vec!["code".into()],
        ..build_config(&server, "reader", "collations", "users")
    };
    let directory = open(&config).await;
    for (text, expected) in [
        ("ANN@X.Y", "A1"),
        ("ann@", "A1"),
        ("NN", "A1"),
        ("bo", "b2"),
        ("BOB", "b2"),
        ("zoë", "c3"),
        ("ZOË@x.y", "c3"),
        ("x.y zo", "c3"),
        ("code:pro", "A1"),
        ("code:fr*", "b2"),
        ("email:bob", "b2"),
        ("a1", "A1"),
    ] {
        let found: Vec<String> =
            search(&*directory, &query(text)).await.rows.into_iter().map(|row| row.id).collect();
        assert_eq!(found, [expected], "{text}");
    }
    // A similar ID does not match.
    assert!(directory.find_user("A1").await.unwrap().is_some());
    assert_eq!(directory.find_user("a1").await.unwrap(), None);
    for column in ["id", "email", "name", "code"] {
        let sort = Some(understudy_directory::Sort { column: column.into(), descending: true });
        let pages = crate::story::pages(&*directory, ListRequest { sort, limit: 1, ..query("") }).await;
        assert_eq!(pages.iter().flat_map(|page| &page.rows).count(), 3, "by {column}");
    }
}

#[tokio::test]
async fn a_key_reported_as_served_is_found_by_its_index() {
    let server = server();
    server.sql("postgres", "CREATE DATABASE keys");
    let keys = [
        ("numeric", "g::numeric(20)", "77777"),
        ("fraction", "g / 2.0", "38888.500000000000"),
        ("double", "g / 2.0::float8", "38888.5"),
        ("single", "g::float4", "77777"),
        ("wide", "(g::text)::char(12)", "77777"),
        ("small", "g::int4", "77777"),
        ("words", "g::text", "77777"),
        ("uuids", "lpad(g::text, 32, '0')::uuid", "00000000-0000-0000-0000-000000077777"),
    ];
    for (table, key, _) in keys {
        server.sql(
            "keys",
            &format!(
                "CREATE TABLE {table} AS SELECT {key} AS id, 'u' || g || '@x.y' AS email FROM generate_series(1, 100000) g;
                 ALTER TABLE {table} ADD PRIMARY KEY (id); ANALYZE {table}; GRANT SELECT ON {table} TO reader"
            ),
        );
    }
    for (table, _, id) in keys {
        let scans = || {
            // Statistics are complete only after the session has ended.
            let sessions = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'understudy'";
            crate::postgres::wait_for(&server, sessions, "0");
            server.sql("keys", &format!("SELECT seq_scan FROM pg_stat_user_tables WHERE relname = '{table}'"))
        };
        let before = scans();
        let directory = open(&build_config(&server, "reader", "keys", table)).await;
        let info = directory.info();
        let service = info.coverage.iter().find(|service| service.tier == Tier::Id).expect("it is told");
        let everywhere = ListRequest { everywhere: true, ..query(id) };
        let page = directory.search_users(&everywhere, &CancellationToken::new()).await.unwrap();
        assert_eq!((page.rows[0].id.as_str(), page.how.tier), (id, Tier::Id), "{table}");
        assert_eq!(directory.find_user(id).await.unwrap().expect(table).id, id);
        directory.close().await;
        assert_eq!(service.index.is_some(), scans() == before, "{table}");
    }
}

/// The partitions start above small numbers: the planner skips partitions that cannot contain the probed value.
#[tokio::test]
async fn existing_indexes_are_not_advised_again() {
    let server = server();
    server.sql("postgres", "CREATE DATABASE big");
    server.sql(
        "big",
        "CREATE TABLE big (id bigint PRIMARY KEY, email text) PARTITION BY RANGE (id);
         CREATE TABLE big_0 PARTITION OF big FOR VALUES FROM (0) TO (1000);
         CREATE TABLE big_1 PARTITION OF big FOR VALUES FROM (1000) TO (2000);
         INSERT INTO big SELECT g, 'q' || g || '@x.y' FROM generate_series(1, 1500) g;
         CREATE MATERIALIZED VIEW kept AS SELECT * FROM big; GRANT SELECT ON big, kept TO reader",
    );
    let directory = open(&build_config(&server, "reader", "big", "big")).await;
    let id = directory.info().coverage.iter().find(|service| service.tier == Tier::Id).cloned().unwrap();
    assert_eq!((id.index.is_some(), id.advice), (true, None));
    assert!(search(&*directory, &query("1234")).await.rows.iter().any(|row| row.id == "1234"));
    directory.close().await;

    let kept = build_config(&server, "reader", "big", "kept");
    let directory = open(&kept).await;
    let on_id = |directory: &dyn Directory| {
        let coverage = directory.info().coverage.clone().into_iter();
        let mut advice: Vec<String> =
            coverage.filter_map(|one| one.advice).filter(|one| one.contains("(\"id\")")).collect();
        advice.dedup();
        advice
    };
    let advice = on_id(&*directory);
    assert_eq!(advice, [r#"CREATE UNIQUE INDEX CONCURRENTLY ON "public"."kept" ("id")"#]);
    directory.close().await;
    run(&server, "big", &advice[0]);
    let directory = open(&kept).await;
    assert!(on_id(&*directory).is_empty(), "it orders the list as well");
    directory.close().await;
}

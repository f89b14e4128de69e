//! A database that is not as it should be is named, and gets nothing.

use understudy_core::team_log::{TeamDatabase, find_faults, render_setup};
use understudy_test_support::postgres::PostgresServer;

use super::desk::{Desk, begun, wait_for};
use super::{CANARY, DATABASE, ROLE, start_server};

async fn faults(desk: &Desk) -> Vec<String> {
    let database = TeamDatabase::connect(&desk.url, &desk.vault).await.unwrap();
    find_faults(&database).await.unwrap().into_iter().map(|fault| fault.what).collect()
}

#[tokio::test]
async fn a_role_that_could_do_more_is_refused() {
    let server = start_server();
    let desk = Desk::new(&server).await;
    assert_eq!(faults(&desk).await, Vec::<String>::new());
    server.sql("postgres", "CREATE ROLE chief");
    server.sql(DATABASE, "GRANT UPDATE ON understudy.entries TO chief");
    for (give, take, says) in [
        (
            "GRANT UPDATE ON understudy.entries TO X",
            "REVOKE UPDATE ON understudy.entries FROM X",
            "could change entries",
        ),
        (
            "GRANT UPDATE (line) ON understudy.entries TO X",
            "REVOKE UPDATE (line) ON understudy.entries FROM X",
            "could change entries",
        ),
        (
            "GRANT DELETE ON understudy.entries TO X",
            "REVOKE DELETE ON understudy.entries FROM X",
            "could remove entries",
        ),
        (
            "GRANT DELETE ON understudy.entries TO PUBLIC",
            "REVOKE DELETE ON understudy.entries FROM PUBLIC",
            "could remove entries",
        ),
        (
            "GRANT TRUNCATE ON understudy.entries TO X",
            "REVOKE TRUNCATE ON understudy.entries FROM X",
            "could remove all entries",
        ),
        (
            "GRANT TRIGGER ON understudy.entries TO X",
            "REVOKE TRIGGER ON understudy.entries FROM X",
            "could change what happens",
        ),
        (
            "GRANT INSERT ON understudy.entries TO X",
            "REVOKE INSERT ON understudy.entries FROM X;
          GRANT INSERT (log, id, hash, previous_id, previous_hash, line, gap_after_id, gap_after_hash)
              ON understudy.entries TO X",
            "choose who is said",
        ),
        (
            "GRANT CREATE ON SCHEMA understudy TO X",
            "REVOKE CREATE ON SCHEMA understudy FROM X",
            "create things",
        ),
        (
            "GRANT SET ON PARAMETER session_replication_role TO X",
            "REVOKE SET ON PARAMETER session_replication_role FROM X",
            "could switch off the checks",
        ),
        ("GRANT chief TO X", "REVOKE chief FROM X", "could change entries, as a member of \"chief\""),
        ("GRANT pg_write_server_files TO X", "REVOKE pg_write_server_files FROM X", "server's files"),
        ("ALTER ROLE X CREATEROLE", "ALTER ROLE X NOCREATEROLE", "give itself more rights"),
        ("ALTER ROLE X SUPERUSER", "ALTER ROLE X NOSUPERUSER", "do everything"),
        (
            "ALTER TABLE understudy.entries OWNER TO X",
            "ALTER TABLE understudy.entries OWNER TO postgres",
            "owns the table",
        ),
        ("ALTER DATABASE audit OWNER TO X", "ALTER DATABASE audit OWNER TO postgres", "owns the database"),
    ] {
        server.sql(DATABASE, &give.replace('X', ROLE));
        let found = faults(&desk).await;
        assert!(found.iter().any(|fault| fault.contains(says)), "{give}: {found:?}");
        let Err(error) = TeamDatabase::open(&desk.url, &desk.vault).await else {
            panic!("{give}: it was let in")
        };
        assert!(
            error.message.starts_with("Nothing is sent to the team's log") && error.hint.is_some(),
            "{error}"
        );
        server.sql(DATABASE, &take.replace('X', ROLE));
        let restored = "GRANT SELECT ON understudy.entries TO understudy;
            GRANT INSERT (log, id, hash, previous_id, previous_hash, line, gap_after_id, gap_after_hash)
                ON understudy.entries TO understudy";
        server.sql(DATABASE, restored);
    }
    assert_eq!(faults(&desk).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_database_without_its_checks_is_refused() {
    let server = start_server();
    let desk = Desk::new(&server).await;
    for (sql, says) in [
        ("ALTER TABLE understudy.entries DISABLE TRIGGER entries_never_change", "lacks entries_never_change"),
        ("ALTER TABLE understudy.entries DISABLE TRIGGER ALL", "are switched off"),
        (
            "ALTER TABLE understudy.entries DROP CONSTRAINT entries_hash_fits_line",
            "lacks entries_hash_fits_line",
        ),
        ("REVOKE SELECT ON understudy.entries FROM understudy", "may not read entries"),
        ("DROP INDEX understudy.entries_chain_begins_once", "lacks entries_chain_begins_once"),
        ("DROP TABLE understudy.entries", "no table"),
    ] {
        server.sql(DATABASE, sql);
        let found = faults(&desk).await;
        assert!(found.iter().any(|fault| fault.contains(says)), "{sql}: {found:?}");
        assert!(TeamDatabase::open(&desk.url, &desk.vault).await.is_err());
    }
}

/// It works, slowly: so it is said, and entries are sent all the same.
#[tokio::test]
async fn a_trigger_that_makes_consoles_wait_is_named_and_keeps_nothing_out() {
    let server = start_server();
    server.sql(
        DATABASE,
        "CREATE FUNCTION understudy.tell_entry() RETURNS trigger LANGUAGE plpgsql AS
             'BEGIN PERFORM pg_notify(''understudy'', new.log); RETURN NULL; END';
         CREATE TRIGGER entries_are_told AFTER INSERT ON understudy.entries
             FOR EACH ROW EXECUTE FUNCTION understudy.tell_entry()",
    );
    let desk = Desk::new(&server).await;
    let found = {
        let database = TeamDatabase::open(&desk.url, &desk.vault).await.unwrap();
        find_faults(&database).await.unwrap()
    };
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(!found[0].is_serious && found[0].what.contains("wait for each other"), "{found:?}");
    assert!(found[0].hint.contains("`understudy audit setup` prints again"), "{found:?}");
    let log = desk.open().await;
    let sending = desk.ship(&log);
    log.append(begun("1", "kim")).await.unwrap();
    wait_for(&sending, |state| state.shipped == 1).await;
    server.sql(DATABASE, &render_setup(ROLE, DATABASE));
    assert_eq!(faults(&desk).await, Vec::<String>::new());
}

/// A database that an earlier version set up is named, and the setup can be run again: entries and rights stay.
#[tokio::test]
async fn what_an_earlier_version_set_up_is_brought_up_to_date_by_the_setup() {
    let server = PostgresServer::start();
    server.sql("postgres", &format!("CREATE DATABASE {DATABASE}"));
    server.sql(DATABASE, include_str!("earlier_setup.sql"));
    server.sql("postgres", &format!("ALTER ROLE {ROLE} PASSWORD '{CANARY}'"));
    server.sql(
        DATABASE,
        &format!(
            "CREATE ROLE kim LOGIN PASSWORD '{CANARY}'; GRANT USAGE ON SCHEMA understudy TO kim;
             GRANT SELECT ON understudy.entries TO kim;
             GRANT INSERT (log, id, hash, previous_id, previous_hash, line) ON understudy.entries TO kim"
        ),
    );
    let line = r#"{"at_ms":1,"event":"begun","id":1,"previous":"log-a"}"#;
    server.sql(
        DATABASE,
        &format!(
            "INSERT INTO understudy.entries (log, id, hash, line)
             VALUES ('log-a', 1, encode(sha256(convert_to('{line}', 'UTF8')), 'hex'), '{line}')"
        ),
    );
    let desk = Desk::new(&server).await;
    let found = {
        let database = TeamDatabase::connect(&desk.url, &desk.vault).await.unwrap();
        find_faults(&database).await.unwrap()
    };
    assert!(found[0].what.contains("an earlier version"), "{found:?}");
    assert!(found[0].hint.contains("`understudy audit setup` prints again"), "{found:?}");
    for _ in 0..2 {
        server.sql(DATABASE, &render_setup(ROLE, DATABASE));
        assert_eq!(faults(&desk).await, Vec::<String>::new());
    }
    assert_eq!(server.sql(DATABASE, "SELECT log, id FROM understudy.entries"), "log-a|1");
    let kims = Desk::at(&server.url("kim", DATABASE), CANARY).await;
    assert_eq!(faults(&kims).await, Vec::<String>::new());
}

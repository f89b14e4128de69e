//! What the database itself lets nobody do, with nothing but `setup.sql`.

use std::collections::BTreeMap;

use aws_lc_rs::digest::{SHA256, digest};
use sqlx::postgres::PgConnection;

use super::{CANARY, DATABASE, ROLE, log_in, log_in_as, refusal, start_server};

/// An entry of a chain, as a console writes it.
struct Link {
    id: i64,
    hash: String,
    previous: Option<String>,
    line: String,
}

fn link(log: &str, id: i64, previous: Option<&str>, reason: &str) -> Link {
    let before = previous.unwrap_or(log);
    let line = format!(
        r#"{{"at_ms":1700000000000,"connection":"shop","event":"begun","id":{id},"previous":"{before}","reason":{reason},"session":"s{id}","user_id":"42"}}"#,
        reason = serde_json::Value::from(reason)
    );
    seal(id, previous, line)
}

/// With the line's hash.
fn seal(id: i64, previous: Option<&str>, line: String) -> Link {
    let sum = digest(&SHA256, line.as_bytes());
    let digits: Vec<String> = sum.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    Link { id, hash: digits.concat(), previous: previous.map(str::to_owned), line }
}

async fn insert(connection: &mut PgConnection, log: &str, link: &Link) -> sqlx::Result<()> {
    insert_after(connection, log, link, link.previous.as_ref().map(|_| link.id - 1)).await
}

/// Without what comes before it.
async fn insert_as_first(connection: &mut PgConnection, log: &str, link: &Link) -> sqlx::Result<()> {
    insert_after(connection, log, link, None).await
}

async fn insert_after(
    connection: &mut PgConnection,
    log: &str,
    link: &Link,
    previous: Option<i64>,
) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO understudy.entries (log, id, hash, previous_id, previous_hash, line)
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(log)
    .bind(link.id)
    .bind(&link.hash)
    .bind(previous)
    .bind(&link.previous)
    .bind(&link.line)
    .execute(connection)
    .await
    .map(drop)
}

#[tokio::test]
async fn the_database_lets_in_a_chain_and_nothing_that_is_none() {
    let server = start_server();
    let mut role = log_in(&server).await;
    let first = link("log-a", 1, None, "refund");
    insert(&mut role, "log-a", &first).await.unwrap();
    let second = link("log-a", 2, Some(&first.hash), "what NUL does: \0, and \\u0000 as text");
    insert(&mut role, "log-a", &second).await.unwrap();

    let third = link("log-a", 3, Some(&second.hash), "refund");
    let changed =
        Link { line: third.line.replace("refund", "nothing"), ..link("log-a", 3, Some(&second.hash), "") };
    let says = insert(&mut role, "log-a", &changed).await.unwrap_err().to_string();
    assert!(says.contains("entries_hash_fits_line"), "{says}");
    let hole = link("log-a", 4, Some(&third.hash), "refund");
    let says = insert(&mut role, "log-a", &hole).await.unwrap_err().to_string();
    assert!(says.contains("entries_follow_previous"), "{says}");
    let fork = link("log-a", 3, Some(&first.hash), "refund");
    let says = insert(&mut role, "log-a", &fork).await.unwrap_err().to_string();
    assert!(says.contains("entries_follow_previous"), "{says}");
    let twice = link("log-a", 2, Some(&first.hash), "another");
    let says = insert(&mut role, "log-a", &twice).await.unwrap_err().to_string();
    assert!(says.contains("entries_pkey"), "{says}");
    let detached = link("log-a", 9, None, "refund");
    let says = insert(&mut role, "log-a", &detached).await.unwrap_err().to_string();
    assert!(says.contains("entries_number_follows"), "{says}");
    // A log whose first entries were no longer kept when it came here begins later, but only once.
    let later = link("log-b", 7, Some(&third.hash), "refund");
    insert_as_first(&mut role, "log-b", &later).await.unwrap();
    let again = link("log-b", 9, Some(&third.hash), "refund");
    let says = insert_as_first(&mut role, "log-b", &again).await.unwrap_err().to_string();
    assert!(says.contains("entries_chain_begins_once"), "{says}");
    let renumbered = Link { id: 3, ..link("log-a", 9, Some(&second.hash), "refund") };
    let says = insert(&mut role, "log-a", &renumbered).await.unwrap_err().to_string();
    assert!(says.contains("entries_line_fits_row"), "{says}");
    let of_another_log = link("log-a", 1, None, "refund");
    let says = insert(&mut role, "log-c", &of_another_log).await.unwrap_err().to_string();
    assert!(says.contains("entries_line_fits_row"), "{says}");

    let rows = server
        .sql(DATABASE, "SELECT log, id, entry ->> 'user_id', written_by FROM understudy.entries WHERE log = 'log-a' ORDER BY id");
    assert_eq!(rows, format!("log-a|1|42|{ROLE}\nlog-a|2|42|{ROLE}"));
}

#[tokio::test]
async fn the_role_can_insert_and_read_and_nothing_else() {
    let server = start_server();
    let mut role = log_in(&server).await;
    insert(&mut role, "log-a", &link("log-a", 1, None, "refund")).await.unwrap();
    for sql in [
        "UPDATE understudy.entries SET line = line",
        "DELETE FROM understudy.entries",
        "TRUNCATE understudy.entries",
        "DROP TABLE understudy.entries",
        "ALTER TABLE understudy.entries DISABLE TRIGGER ALL",
        "CREATE TABLE understudy.more (id int)",
        "INSERT INTO understudy.entries (log, id, hash, line, written_by) VALUES ('l', 1, 'h', '{}', 'somebody')",
        "INSERT INTO understudy.entries (log, id, hash, line, written_at) VALUES ('l', 1, 'h', '{}', now())",
        "CREATE TRIGGER mine BEFORE INSERT ON understudy.entries FOR EACH ROW EXECUTE FUNCTION understudy.refuse_change()",
    ] {
        let says = refusal(&mut role, sql).await;
        assert!(says.contains("permission denied") || says.contains("must be owner"), "{sql}: {says}");
    }
    // Not even the owner does so by mistake.
    let mut owner = {
        let options = sqlx::postgres::PgConnectOptions::new_without_pgpass()
            .host("127.0.0.1")
            .port(server.port())
            .username(understudy_test_support::postgres::ADMIN)
            .password(understudy_test_support::postgres::ADMIN_PASSWORD)
            .database(DATABASE);
        <PgConnection as sqlx::Connection>::connect_with(&options).await.unwrap()
    };
    for sql in [
        "UPDATE understudy.entries SET line = line",
        "DELETE FROM understudy.entries",
        "TRUNCATE understudy.entries",
    ] {
        assert!(refusal(&mut owner, sql).await.contains("append-only"), "{sql}");
    }
}

#[tokio::test]
async fn nobody_adds_to_the_chain_of_another_role() {
    let server = start_server();
    let mut kim = log_in(&server).await;
    let first = link("log-kim", 1, None, "refund");
    insert(&mut kim, "log-kim", &first).await.unwrap();
    server.sql(
        DATABASE,
        &format!(
            "CREATE ROLE mal LOGIN PASSWORD '{CANARY}'; GRANT USAGE ON SCHEMA understudy TO mal;
             GRANT SELECT ON understudy.entries TO mal;
             GRANT INSERT (log, id, hash, previous_id, previous_hash, line) ON understudy.entries TO mal"
        ),
    );
    let mut mal = log_in_as(&server, "mal").await;
    let second = link("log-kim", 2, Some(&first.hash), "forged");
    let refused = insert(&mut mal, "log-kim", &second).await.unwrap_err().to_string();
    assert!(refused.contains("entries_follow_previous"), "{refused}");
    let refused = insert_as_first(&mut mal, "log-kim", &second).await.unwrap_err().to_string();
    assert!(refused.contains("entries_chain_begins_once"), "{refused}");
    insert(&mut kim, "log-kim", &link("log-kim", 2, Some(&first.hash), "her own")).await.unwrap();
}

#[tokio::test]
async fn no_entry_is_so_long_that_it_holds_up_its_readers() {
    let server = start_server();
    let mut role = log_in(&server).await;
    let long = link("log-a", 1, None, &"x".repeat(300_000));
    let refused = insert(&mut role, "log-a", &long).await.unwrap_err().to_string();
    assert!(refused.contains("entries_line_is_short"), "{refused}");
    insert(&mut role, "log-a", &link("log-a", 1, None, &"x".repeat(200_000))).await.unwrap();
}

/// Text that no compression makes short.
fn noise(length: usize) -> String {
    let digits = (0_u64..).flat_map(|part| {
        let sum = digest(&SHA256, &part.to_le_bytes());
        sum.as_ref().iter().map(|byte| char::from(b'!' + byte % 90)).collect::<Vec<_>>()
    });
    digits.filter(|one| !"\"\\'".contains(*one)).take(length).collect()
}

/// An index that held a whole text would refuse the entry, and with it all that come after.
#[tokio::test]
async fn no_text_of_an_entry_is_too_long_for_an_index() {
    let server = start_server();
    let mut role = log_in(&server).await;
    let long = noise(20_000);
    let mut previous: Option<String> = None;
    for (number, name) in (1..).zip([
        "session",
        "connection",
        "user_id",
        "operator_name",
        "operator_email",
        "os_user",
        "host",
        "mode",
    ]) {
        let plain = link("log-a", number, previous.as_deref(), "why").line;
        let mut entry: BTreeMap<String, serde_json::Value> = serde_json::from_str(&plain).unwrap();
        entry.insert(name.into(), long.clone().into());
        let sealed = seal(number, previous.as_deref(), serde_json::to_string(&entry).unwrap());
        insert(&mut role, "log-a", &sealed).await.unwrap_or_else(|error| panic!("{name}: {error}"));
        previous = Some(sealed.hash);
    }
    // It is found by it.
    let found = server.sql(
        DATABASE,
        "SELECT count(*) FROM understudy.entries AS one, understudy.entries AS other
         WHERE one.id = 3 AND other.entry ->> 'user_id' = one.entry ->> 'user_id'
             AND left(other.entry ->> 'user_id', 200) = left(one.entry ->> 'user_id', 200)",
    );
    assert_eq!(found, "1");
}

/// What the table is made of: a part that was made anew has another number.
const PARTS: &str = "SELECT conname, oid FROM pg_constraint WHERE conrelid = 'understudy.entries'::regclass
    UNION ALL SELECT relname, oid FROM pg_class WHERE oid IN (
        SELECT indexrelid FROM pg_index WHERE indrelid = 'understudy.entries'::regclass)
    ORDER BY 1";

#[tokio::test]
async fn running_the_setup_again_adds_what_is_missing_and_keeps_nobody_from_reading() {
    let server = start_server();
    let mut role = log_in(&server).await;
    insert(&mut role, "log-a", &link("log-a", 1, None, "refund")).await.unwrap();
    let parts = server.sql(DATABASE, PARTS);
    let again =
        format!("SET lock_timeout = '10s'; {}", understudy_core::team_log::render_setup(ROLE, DATABASE));
    // A long reading is under way: whatever changed the table would have to wait for it.
    sqlx::query("BEGIN").execute(&mut role).await.unwrap();
    sqlx::query("SELECT count(*) FROM understudy.entries").execute(&mut role).await.unwrap();
    server.sql(DATABASE, &again);
    sqlx::query("COMMIT").execute(&mut role).await.unwrap();
    assert_eq!(server.sql(DATABASE, PARTS), parts, "nothing was made anew");

    for missing in ["entries_follow_gap", "entries_gap_is_one"] {
        server.sql(DATABASE, &format!("ALTER TABLE understudy.entries DROP CONSTRAINT {missing}"));
    }
    server.sql(DATABASE, &again);
    let names = |parts: &str| {
        parts.lines().map(|line| line.split('|').next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(&server.sql(DATABASE, PARTS)), names(&parts));
}

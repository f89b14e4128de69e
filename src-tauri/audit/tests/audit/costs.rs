//! What the log costs, beside the same work without it: `script/bench audit`. Nothing is judged here.

use std::time::{Duration, Instant};

use sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous};
use understudy_audit::reader::{EntryFilter, LogReader};
use understudy_audit::verify::verify_log;

use super::chain::{forge_chain, unprotect};
use super::*;

/// How many entries the large log has.
const LARGE: usize = 1_000_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "it measures"]
async fn measure_audit() {
    append().await;
    read_and_verify().await;
}

/// An entry, beside one durable insert of the same text into a table without triggers, chain or indexes.
async fn append() {
    let desk = Desk::new();
    let log = desk.log().await;
    let options = SqliteConnectOptions::new()
        .filename(desk.dir.path().join("bare.sqlite"))
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Delete)
        .synchronous(SqliteSynchronous::Extra);
    let mut bare = SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::raw_sql("CREATE TABLE entries (id INTEGER PRIMARY KEY, entry TEXT)")
        .execute(&mut bare)
        .await
        .unwrap();
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for n in 0..500_i64 {
        let entry = begun(n, &uuid::Uuid::new_v4().to_string(), "7", "Ticket 4711: cannot see the button");
        let text = format!("{entry:?}");
        let begin = Instant::now();
        log.append(entry).await.unwrap();
        ours.push(begin.elapsed());
        let begin = Instant::now();
        sqlx::query("INSERT INTO entries (entry) VALUES (?)").bind(text).execute(&mut bare).await.unwrap();
        theirs.push(begin.elapsed());
    }
    for (part, of) in [("p50", 50), ("p99", 99)] {
        let (ours, theirs) = (percentile(&mut ours, of), percentile(&mut theirs, of));
        println!(
            "append {part}: {ours:.2?}, a bare durable insert {theirs:.2?}, {:.2?} more",
            ours.saturating_sub(theirs)
        );
    }
}

async fn read_and_verify() {
    let desk = Desk::new();
    drop(desk.log().await);
    let mut raw = desk.raw().await;
    unprotect(&mut raw).await;
    let sessions = LARGE / 2;
    let fill = format!(
        "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {sessions})
         INSERT INTO entries (at_ms, session, event, operator_name, operator_email, os_user, host, connection,
             connection_name, environment, user_id, user_name, user_email, reason, detail, mode, ticket, app_version)
         SELECT 60000 * n, printf('%08x-0000-4000-8000-000000000000', n), 'begun', 'Operator ' || (n % 50),
             'operator' || (n % 50) || '@example.org', 'operator', 'desk', 'c' || (n % 10), 'Application',
             'production', n % 100000, 'User', 'user' || (n % 100000) || '@example.com', 'Ticket ' || n, '', 'full',
             n, '1.0.0' FROM n"
    );
    sqlx::raw_sql(AssertSqlSafe(fill)).execute(&mut raw).await.unwrap();
    let active = "INSERT INTO entries (at_ms, session, event, operator_name, operator_email, os_user, host, connection,
             connection_name, environment, user_id, user_name, user_email, reason, detail, mode, ticket, app_version)
         SELECT at_ms + 1, session, 'active', operator_name, operator_email, os_user, host, connection,
             connection_name, environment, user_id, user_name, user_email, reason, detail, mode, ticket, app_version
         FROM entries ORDER BY id";
    sqlx::raw_sql(active).execute(&mut raw).await.unwrap();
    sqlx::raw_sql("BEGIN").execute(&mut raw).await.unwrap();
    forge_chain(&mut raw).await;
    sqlx::raw_sql("COMMIT").execute(&mut raw).await.unwrap();
    raw.close().await.unwrap();

    let reader = LogReader::open(&desk.path()).await.unwrap();
    let newest = EntryFilter::default();
    let of = |operator: &str| EntryFilter { operator: Some(operator.into()), ..EntryFilter::default() };
    let user =
        EntryFilter { connection: Some("c7".into()), user: Some("4217".into()), ..EntryFilter::default() };
    for (what, filter) in [
        ("the newest", newest),
        ("one operator's", of("operator7@example.org")),
        ("nobody's", of("nobody@example.org")),
        ("one user's", user),
    ] {
        let mut times = Vec::new();
        let mut found = 0;
        for _ in 0..20 {
            let begin = Instant::now();
            found = reader.read_latest(&filter, 100).await.unwrap().len();
            times.push(begin.elapsed());
        }
        println!("a page of {LARGE} entries, {what} ({found}): p50 {:.2?}", percentile(&mut times, 50));
    }
    let begin = Instant::now();
    let found = verify_log(&desk.path(), None).await.unwrap();
    assert!(found.is_intact() && found.entries == LARGE as u64, "{found:?}");
    println!("verify {LARGE} entries: {:.2?}", begin.elapsed());
}

fn percentile(times: &mut [Duration], part: usize) -> Duration {
    times.sort_unstable();
    times[times.len() * part / 100]
}

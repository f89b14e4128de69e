//! The team's log as it is listed: all consoles' entries, newest first.

use sqlx::Connection;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};
use understudy_core::access::SessionMode;
use understudy_core::audit::listing::filter_by_search;
use understudy_core::audit::reader::{EntryFilter, LogReader};
use understudy_core::audit::{AuditLog, EndCause, Entry, Event, Outcome};
use understudy_core::error::Code;
use understudy_core::team_log::{CollectedEntry, TeamLogReader};
use understudy_test_support::postgres::{ADMIN, ADMIN_PASSWORD, PostgresServer};

use super::desk::{Desk, begun, wait_for};
use super::relay::Relay;
use super::{CANARY, DATABASE, ROLE, start_server};

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;
/// 2026-11-20T12:00:00Z.
const NOON_MS: i64 = 1_795_176_000_000;

fn now() -> jiff::Timestamp {
    jiff::Timestamp::from_millisecond(NOON_MS + DAY_MS).unwrap()
}

/// Begins, becomes active and ends, three entries with these times.
async fn write_session(log: &AuditLog, first: &Entry, at_ms: [i64; 3]) {
    let begun = Entry { at_ms: at_ms[0], ..first.clone() };
    log.append(begun.clone()).await.unwrap();
    log.append(begun.with_event(at_ms[1], Event::Active)).await.unwrap();
    log.append(begun.with_event(
        at_ms[2],
        Event::Ended {
            cause: EndCause::Operator,
            sign_out_failed: Some("503 Zoë's 100% \\ _ server".into()),
            held_back: Some(2),
        },
    ))
    .await
    .unwrap();
}

/// Two consoles, whose sessions overlap and partly share their times.
struct Team {
    server: PostgresServer,
    desks: [Desk; 2],
    logs: [AuditLog; 2],
}

impl Team {
    async fn new() -> Self {
        let server = start_server();
        let desks = [Desk::new(&server).await, Desk::new(&server).await];
        let logs = [desks[0].open().await, desks[1].open().await];
        for (at, who) in [(0, "ada"), (1, "Béa")] {
            for number in 0..4_i64 {
                let mut first = begun(&format!("{who}-{number}"), who)
                    .with_mode(if number % 2 == 0 { SessionMode::Full } else { SessionMode::ReadOnly })
                    .with_ticket(if number == 3 { "" } else { "HELP-7" });
                first.whom.user_id = format!("{}", 40 + number);
                let day = NOON_MS - (3 - number) * DAY_MS;
                write_session(&logs[at], &first, [day, day, day + 60_000 * (number + 1)]).await;
            }
            // One that still runs.
            let running = begun(&format!("{who}-open"), who).with_mode(SessionMode::ReadOnly);
            logs[at].append(Entry { at_ms: NOON_MS + 1, ..running }).await.unwrap();
        }
        for (desk, log) in desks.iter().zip(&logs) {
            wait_for(&desk.ship(log), |state| state.waiting == 0 && state.shipped == 13).await;
        }
        Self { server, desks, logs }
    }

    fn reader(&self) -> TeamLogReader {
        TeamLogReader::new(&self.desks[0].url, &self.desks[0].vault)
    }

    /// What passes in both computers' own logs, by session and event.
    async fn find_locally(&self, text: &str) -> Vec<(String, String)> {
        let mut found = Vec::new();
        for desk in &self.desks {
            let log = LogReader::open(&desk.path()).await.unwrap();
            let page = log.list_page(&filter_by_search(text, now()), None, 1_000).await.unwrap();
            found.extend(page.entries.into_iter().map(|entry| (entry.session, entry.event)));
        }
        found.sort();
        found
    }
}

fn name(one: &CollectedEntry) -> (String, String) {
    (one.entry.text("session"), one.entry.text("event"))
}

#[tokio::test]
async fn pages_have_each_entry_of_all_consoles_once_newest_first() {
    let team = Team::new().await;
    let reader = team.reader();
    let (mut found, mut before): (Vec<CollectedEntry>, _) = (Vec::new(), None);
    loop {
        let page = reader.read_page(&EntryFilter::default(), before.as_ref(), 5).await.unwrap();
        assert!(page.entries.len() <= 5);
        found.extend(page.entries);
        before = page.next;
        if before.is_none() {
            break;
        }
    }
    let order: Vec<_> = found.iter().map(|one| (one.place.at, one.place.log.clone(), one.place.id)).collect();
    let mut sorted = order.clone();
    sorted.sort();
    sorted.dedup();
    sorted.reverse();
    assert_eq!(order, sorted);
    let mut names: Vec<_> = found.iter().map(name).collect();
    names.sort();
    assert_eq!(names, team.find_locally("").await);
    assert_eq!(names.len(), 26);
    for one in &found {
        assert_eq!((one.written_by.as_str(), one.entry.at_ms()), ("understudy", one.place.at));
        let expected =
            if one.entry.text("session").ends_with("open") { Outcome::Running } else { Outcome::Ended };
        assert_eq!(one.outcome, Some(expected));
    }
    let latest = reader.read_latest(&EntryFilter::default(), 7).await.unwrap();
    let newest: Vec<_> = found[..7].iter().rev().cloned().collect();
    assert_eq!(latest, newest);
}

#[tokio::test]
async fn what_is_typed_finds_the_same_as_in_each_computers_own_log() {
    let team = Team::new().await;
    let reader = team.reader();
    let texts = [
        "ada",
        "béa",
        "BÉA",
        "zoë",
        "operator:ada",
        "operator:=ADA",
        "-operator:ada",
        "user:42",
        "user:=42,43",
        "user:zo* connection:acme",
        "connection:=ACME",
        "environment:production",
        "event:begun",
        "event:=ended,active",
        "outcome:running",
        "outcome:ended mode:full",
        "-outcome:ended",
        "mode:full",
        "mode:read-only",
        "-mode:full",
        "ticket:none",
        "ticket:HELP",
        "-ticket:none",
        "detail:operator",
        "detail:100%",
        "detail:\"\\\\\"",
        "detail:_",
        "reason:why",
        "session:=ada-1",
        "session:=ADA-1,Béa-2",
        "session:ada",
        "-session:=ada-1",
        "computer:desk-4",
        "since:2d",
        "until:2026-11-19",
        "since:2026-11-18 until:2026-11-19",
        "time:2026-11-19",
        "time:2026-11",
        "-time:2026-11-19",
        "time:>2026-11-19",
        "ada -mode:full since:7d",
        "nothing",
        "\u{fffd}",
        "a\0b",
        "%",
        "_",
        "'; --",
    ];
    let mut hits = 0;
    for text in texts {
        let expected = team.find_locally(text).await;
        let page = reader.read_page(&filter_by_search(text, now()), None, 1_000).await.unwrap();
        let mut found: Vec<_> = page.entries.iter().map(name).collect();
        found.sort();
        if text == "\u{fffd}" {
            // The one thing that the database holds otherwise.
            assert_eq!((found.len(), expected.len()), (26, 0));
            continue;
        }
        assert_eq!(found, expected, "{text:?}");
        hits += usize::from(!found.is_empty() && found.len() < 26);
    }
    assert!(hits > 25, "only {hits} searches tell entries apart");

    let filter = |connection: &str, operator: &str| EntryFilter {
        connection: Some(connection.into()),
        operator: Some(operator.into()),
        user: Some("42".into()),
        since_ms: Some(NOON_MS - 2 * DAY_MS),
        until_ms: Some(NOON_MS),
        ..EntryFilter::default()
    };
    let found = reader.read_latest(&filter("acme", "ada@example.org"), 10).await.unwrap();
    let names: Vec<_> = found.iter().map(name).collect();
    assert_eq!(
        names,
        ["begun", "active", "ended"].map(|event| ("ada-2".to_owned(), event.to_owned())),
        "the oldest first"
    );
    assert!(reader.read_latest(&filter("acm", "ada@example.org"), 10).await.unwrap().is_empty());
}

/// Entries as other consoles would have written them, without regard to their chain: `session`, `event` and
/// `operator_name` as given, in SQL for the number `n`.
fn fill(server: &PostgresServer, log: &str, count: u32, event: &str) {
    fill_sessions(server, log, count, 4, event);
}

fn fill_sessions(server: &PostgresServer, log: &str, count: u32, per_session: u32, event: &str) {
    server.sql(
        DATABASE,
        &format!(
            "SET session_replication_role = replica;
             INSERT INTO understudy.entries (log, id, hash, previous_id, previous_hash, line)
             SELECT '{log}', n, encode(sha256(convert_to(line, 'UTF8')), 'hex'), nullif(n - 1, 0),
                 CASE WHEN n > 1 THEN 'x' END, line
             FROM (SELECT n, json_build_object('id', n, 'previous', CASE WHEN n = 1 THEN '{log}' ELSE 'x' END,
                       'at_ms', {NOON_MS} + n / 3, 'event', {event}, 'session', lpad(to_hex(n / {per_session}), 8, '0'),
                       'operator_name', 'Ada')::text AS line
                   FROM generate_series(1, {count}) AS n) AS lines"
        ),
    );
}

#[tokio::test]
async fn a_page_comes_back_when_it_has_looked_at_enough() {
    let server = start_server();
    let desk = Desk::new(&server).await;
    fill(&server, "a", 45_000, "CASE WHEN n IN (2, 44000) THEN 'rare' ELSE 'begun' END");
    let reader = TeamLogReader::new(&desk.url, &desk.vault);
    let filter = filter_by_search("event:rare", now());
    let (mut pages, mut before) = (Vec::new(), None);
    loop {
        let page = reader.read_page(&filter, before.as_ref(), 100).await.unwrap();
        pages.push(page.entries.iter().map(|one| one.place.id).collect::<Vec<_>>());
        before = page.next;
        if before.is_none() {
            break;
        }
    }
    assert_eq!(pages, [vec![44_000], vec![], vec![2]]);
    // What bounds the time or names a session needs no such steps.
    let filter = filter_by_search(&format!("event:rare session:={:08x}", 0), now());
    let page = reader.read_page(&filter, None, 100).await.unwrap();
    assert_eq!((page.entries.len(), page.next), (1, None));
    let found = reader.find_sessions("00000", 3).await.unwrap();
    assert_eq!(found.len(), 3);
    assert_eq!(reader.find_sessions("000002AF", 3).await.unwrap(), [("a".to_owned(), "000002af".to_owned())]);
    for none in ["", "x", "%", "9"] {
        assert_eq!(reader.find_sessions(none, 3).await.unwrap(), [], "{none}");
    }
}

#[tokio::test]
async fn a_session_is_only_what_its_own_console_says_about_it() {
    let server = start_server();
    let desk = Desk::new(&server).await;
    fill(&server, "a", 8, "CASE WHEN n % 4 = 0 THEN 'begun' ELSE 'active' END");
    // Somebody says that it has ended.
    fill(&server, "b", 8, "'ended'");
    let reader = TeamLogReader::new(&desk.url, &desk.vault);
    let session = reader.read_session("a", "00000001").await.unwrap();
    let ids: Vec<_> = session.entries.iter().map(|one| one.place.id).collect();
    assert_eq!(ids, [4, 5, 6, 7]);
    assert!(!session.is_cut);
    assert!(session.entries.iter().all(|one| one.place.log == "a" && one.outcome == Some(Outcome::Running)));
    assert!(reader.read_session("c", "00000001").await.unwrap().entries.is_empty());
}

#[tokio::test]
async fn what_prevents_reading_is_said() {
    let mut team = Team::new().await;
    let reader = team.reader();
    let read = async || reader.read_page(&EntryFilter::default(), None, 5).await;
    team.server.sql(DATABASE, "REVOKE SELECT ON understudy.entries FROM understudy");
    let error = read().await.unwrap_err();
    assert_eq!(error.code, Code::DirectoryRefused);
    assert!(error.message.contains("may not read the team's log"), "{error}");
    assert!(error.hint.as_ref().unwrap().contains("grant SELECT"), "{error}");
    team.server.sql(DATABASE, "GRANT SELECT ON understudy.entries TO understudy");
    assert_eq!(read().await.unwrap().entries.len(), 5);

    team.server.stop();
    let error = read().await.unwrap_err();
    assert_eq!(error.code, Code::DirectoryUnreachable, "{error}");
    assert!(error.hint.is_some() && !format!("{error:#}").contains(CANARY), "{error}");
    team.server.start_again();
    assert_eq!(read().await.unwrap().entries.len(), 5, "the same reader connects again");

    team.server.sql(DATABASE, "ALTER TABLE understudy.entries RENAME TO others");
    let error = read().await.unwrap_err();
    assert_eq!(error.code, Code::DirectoryMismatch);
    assert!(error.message.contains("is not set up for the team's log"), "{error}");
    drop(team.logs);
}

/// What an application or an agent may write is long. It is not held in memory all at once.
#[tokio::test]
async fn a_page_and_a_session_end_after_so_many_bytes() {
    let server = start_server();
    let desk = Desk::new(&server).await;
    fill_sessions(&server, "a", 60, 100, "'begun', 'detail', repeat('x', 200000)");
    let reader = TeamLogReader::new(&desk.url, &desk.vault);
    let filter = EntryFilter::default();
    let (mut pages, mut before) = (Vec::new(), None);
    loop {
        let page = reader.read_page(&filter, before.as_ref(), 100).await.unwrap();
        pages.push(page.entries.iter().map(|one| one.place.id).collect::<Vec<_>>());
        before = page.next;
        if before.is_none() {
            break;
        }
    }
    assert!(pages.len() > 1 && pages[0].len() < 60, "{pages:?}");
    assert_eq!(pages.concat(), (1..=60).rev().collect::<Vec<_>>());
    let session = reader.read_session("a", "00000000").await.unwrap();
    assert!((1..60).contains(&session.entries.len()) && session.is_cut, "{}", session.entries.len());
    assert_eq!(reader.read_latest(&filter, 60).await.unwrap().len(), 60);
}

/// A view asks for several things at a time. It does not connect anew for that.
#[tokio::test]
async fn a_third_reading_waits_for_the_others() {
    let server = start_server();
    let relay = Relay::start(server.port()).await;
    let url = format!("postgres://{ROLE}@127.0.0.1:{}/{DATABASE}", relay.port);
    let desk = Desk::at(&url, CANARY).await;
    fill(&server, "a", 10, "'begun'");
    let reader = TeamLogReader::new(&desk.url, &desk.vault);
    let mut owner = log_in_as_admin(&server).await;
    let mut watcher = log_in_as_admin(&server).await;
    lock_entries(&mut owner).await;
    let filter = EntryFilter::default();
    let both = async { tokio::join!(reader.read_page(&filter, None, 5), reader.read_page(&filter, None, 5)) };
    let third = async {
        until_waiting(&mut watcher, 2).await;
        // It begins before the others can end.
        tokio::join!(reader.read_page(&filter, None, 5), unlock(&mut owner)).0
    };
    let ((first, second), third) = tokio::join!(both, third);
    assert!([first, second, third].into_iter().all(|page| page.unwrap().entries.len() == 5));
    // One to find out whether the server is there, and a pool of three.
    assert!(relay.count_connections() <= 4, "{}", relay.count_connections());
}

async fn log_in_as_admin(server: &PostgresServer) -> PgConnection {
    let admin = PgConnectOptions::new_without_pgpass()
        .host("127.0.0.1")
        .port(server.port())
        .username(ADMIN)
        .password(ADMIN_PASSWORD)
        .database(DATABASE)
        .ssl_mode(PgSslMode::Disable);
    PgConnection::connect_with(&admin).await.unwrap()
}

/// Until `owner` rolls back, nobody reads.
async fn lock_entries(owner: &mut PgConnection) {
    let lock = "BEGIN; LOCK TABLE understudy.entries IN ACCESS EXCLUSIVE MODE";
    sqlx::raw_sql(lock).execute(owner).await.unwrap();
}

async fn unlock(owner: &mut PgConnection) {
    sqlx::raw_sql("ROLLBACK").execute(owner).await.unwrap();
}

/// Waits until so many statements wait for a lock.
async fn until_waiting(watcher: &mut PgConnection, wanted: i64) {
    let waiting = "SELECT count(*) FROM pg_stat_activity
                   WHERE usename = 'understudy' AND wait_event_type = 'Lock' AND state = 'active'";
    while sqlx::query_scalar::<_, i64>(waiting).fetch_one(&mut *watcher).await.unwrap() != wanted {}
}

#[tokio::test]
async fn what_nobody_waits_for_is_cancelled_in_the_database() {
    let server = start_server();
    let desk = Desk::new(&server).await;
    fill(&server, "a", 10, "'begun'");
    let reader = TeamLogReader::new(&desk.url, &desk.vault);
    let mut owner = log_in_as_admin(&server).await;
    let mut watcher = log_in_as_admin(&server).await;
    lock_entries(&mut owner).await;
    let filter = EntryFilter::default();
    tokio::select! {
        page = reader.read_page(&filter, None, 5) => panic!("the table is locked: {page:?}"),
        () = until_waiting(&mut watcher, 1) => {}
    }
    until_waiting(&mut watcher, 0).await;
    unlock(&mut owner).await;
    assert_eq!(reader.read_page(&filter, None, 5).await.unwrap().entries.len(), 5);
}

//! A large team on one database: `script/bench team`. How late entries arrive is printed and not judged; that none is lost
//! or double is.

use std::fmt::Write;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use aws_lc_rs::digest::{SHA256, digest};
use parking_lot::Mutex;
use sqlx::ConnectOptions;
use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
use tokio::task::JoinSet;
use understudy_core::audit::{AuditLog, EndCause, Entry, Event};
use understudy_core::team_log::{TeamDatabase, TeamLog, render_setup, verify_team_log};
use understudy_test_support::postgres::{ADMIN, ADMIN_PASSWORD, PostgresServer};

use super::desk::{Desk, begun, wait_for};
use super::{CANARY, DATABASE, ROLE};

/// How many entries each of the logs has that are there before.
const LOG_ENTRIES: u64 = 1000;

/// A number that the environment may set.
fn setting(name: &str, usually: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usually)
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_millis()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "it measures"]
async fn measure_team() {
    let consoles = setting("TEAM_CONSOLES", 500);
    let rate = setting("TEAM_RATE", 100);
    let seconds = setting("TEAM_SECONDS", 120);
    let entries_before = setting("TEAM_ENTRIES", 1_000_000);
    // As durable as in earnest.
    let mut server = PostgresServer::start_with(&[
        "max_connections=1300",
        "shared_buffers=512MB",
        "fsync=on",
        "full_page_writes=on",
        "synchronous_commit=on",
        "max_wal_size=4GB",
    ]);
    server.sql("postgres", &format!("CREATE DATABASE {DATABASE}"));
    server.sql(DATABASE, &render_setup(ROLE, DATABASE));
    server.sql("postgres", &format!("ALTER ROLE {ROLE} PASSWORD '{CANARY}'"));
    let begin = Instant::now();
    fill(&server, entries_before).await;
    println!("{entries_before} entries before, written in {} s", begin.elapsed().as_secs());

    // Their disks are as many, and not this one.
    let memory = std::path::Path::new("/dev/shm");
    let mut team: Vec<(Desk, AuditLog, Arc<TeamLog>)> = Vec::new();
    for _ in 0..consoles {
        let desk = Desk::in_folder(memory, &server.url(ROLE, DATABASE), CANARY).await;
        let log = desk.open().await;
        let sending = desk.ship(&log);
        team.push((desk, log, sending));
    }
    // All of them are connected before it begins: each has sent something.
    for (at, (_, log, sending)) in team.iter().enumerate() {
        log.append(begun("first", &format!("agent-{at}"))).await.unwrap();
        wait_for(sending, |state| state.shipped >= 1).await;
    }
    println!("{consoles} consoles connected");
    let written = Arc::new(AtomicU64::new(0));
    let listening = tokio::spawn(listen(server.port()));
    let (begin, began_at) = (Instant::now(), now_ms());
    let mut working = JoinSet::new();
    for (at, (_, log, _)) in team.iter().enumerate() {
        let (log, written) = (log.clone(), Arc::clone(&written));
        let pause = Duration::from_secs(consoles).checked_div(u32::try_from(rate).unwrap()).unwrap();
        working.spawn(work(log, at, pause, begin + Duration::from_secs(seconds), written));
    }
    let third = Duration::from_secs(seconds / 3);
    tokio::time::sleep(third).await;
    let disturbed_at = now_ms();
    listening.abort();
    say_when_told();
    let mut cut = 0;
    for _ in 0..5 {
        let gone = server.sql(
            "postgres",
            &format!(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = '{ROLE}'"
            ),
        );
        cut += gone.parse::<u64>().unwrap();
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    tokio::time::sleep(third.saturating_sub(Duration::from_secs(5))).await;
    let stopped = Instant::now();
    server.stop();
    server.start_again();
    let away = stopped.elapsed();
    working.join_all().await;
    let worked = begin.elapsed();
    let finished = Instant::now();
    for (_, log, sending) in &team {
        let latest = log.latest_number();
        wait_for(sending, |state| state.shipped >= latest).await;
    }
    let written = written.load(Ordering::SeqCst);
    println!(
        "{consoles} consoles, {:.0} sessions a second, {written} entries; {cut} connections cut, server away for {:.1} s, \
         last entry there {:.1} s after the last session",
        written as f64 / 3.0 / worked.as_secs_f64(),
        away.as_secs_f64(),
        finished.elapsed().as_secs_f64(),
    );
    for (what, until) in [("undisturbed", disturbed_at), ("in all", i64::MAX)] {
        let lag = server.sql(
            DATABASE,
            &format!(
                "SELECT count(*), percentile_disc(ARRAY[0.5, 0.99, 1]) WITHIN GROUP (
                     ORDER BY (extract(epoch FROM written_at) * 1000)::bigint - (entry ->> 'at_ms')::bigint)
                 FROM understudy.entries WHERE (entry ->> 'at_ms')::bigint >= {began_at}
                     AND (entry ->> 'at_ms')::bigint < {until}"
            ),
        );
        println!("lag, {what}: {lag}  (entries | {{p50, p99, max}} in ms)");
    }
    let there = server.sql(DATABASE, "SELECT count(*) FROM understudy.entries");
    assert_eq!(there, (entries_before + consoles + written).to_string(), "lost or double");
    let begin = Instant::now();
    let (desk, ..) = &team[0];
    let database = TeamDatabase::open(&desk.url, &desk.vault).await.unwrap();
    let found = verify_team_log(&database, &desk.path(), &desk.vault).await.unwrap();
    assert!(found.is_intact(), "{found:?}");
    println!(
        "nothing lost, nothing double; {} chains verified in {:.1} s",
        found.logs.len(),
        begin.elapsed().as_secs_f64()
    );
}

/// What another console would know, and when: the session's ID says when it began.
fn say_when_told() {
    let mut told = TOLD.lock().clone();
    told.sort_unstable();
    let share = |percent: usize| told.get(told.len() * percent / 100).copied().unwrap_or_default();
    println!(
        "told of {} sessions, undisturbed: p50 {} ms, p99 {} ms after they began",
        told.len(),
        share(50),
        share(99)
    );
}

/// How many milliseconds after its beginning each session was told of.
static TOLD: Mutex<Vec<i64>> = Mutex::new(Vec::new());

/// Listens as a console does, and takes note of each session that begins.
async fn listen(port: u16) {
    let options = log_in(port);
    let pool = PgPoolOptions::new().connect_with(options).await.unwrap();
    let mut listener = PgListener::connect_with(&pool).await.unwrap();
    listener.listen("understudy").await.unwrap();
    while let Ok(told) = listener.recv().await {
        let told: serde_json::Value = serde_json::from_str(told.payload()).unwrap();
        let session = told["session"].as_str().and_then(|id| uuid::Uuid::parse_str(id).ok());
        let began = session.and_then(|id| id.get_timestamp()).map(|time| time.to_unix());
        if let (Some((seconds, nanoseconds)), "begun") = (began, told["event"].as_str().unwrap_or_default()) {
            let began_ms = i64::try_from(seconds * 1000 + u64::from(nanoseconds / 1_000_000)).unwrap();
            TOLD.lock().push(now_ms() - began_ms);
        }
    }
}

/// Sessions one after the other: begun, active, ended.
async fn work(log: AuditLog, at: usize, pause: Duration, until: Instant, written: Arc<AtomicU64>) {
    // Not all at the same moment.
    tokio::time::sleep(pause.mul_f64(f64::from(u32::try_from(at % 100).unwrap()) / 100.0)).await;
    let mut next = tokio::time::interval(pause);
    loop {
        next.tick().await;
        if Instant::now() >= until {
            return;
        }
        let first =
            Entry { at_ms: now_ms(), ..begun(&uuid::Uuid::now_v7().to_string(), &format!("agent-{at}")) };
        let ended = Event::Ended { cause: EndCause::Operator, sign_out_failed: None, held_back: None };
        for event in [None, Some(Event::Active), Some(ended)] {
            let entry = match event {
                None => first.clone(),
                Some(event) => first.with_event(now_ms(), event),
            };
            log.append(entry).await.unwrap();
            written.fetch_add(1, Ordering::SeqCst);
        }
    }
}

/// Logs with a thousand entries each, of other consoles. They come in as a backup does: without the checks of each row,
/// which would take most of an hour for ten million.
async fn fill(server: &PostgresServer, entries: u64) {
    let desks = entries / LOG_ENTRIES;
    let (first, second) = (1..=desks / 2, desks / 2 + 1..=desks);
    tokio::join!(fill_desks(server, first), fill_desks(server, second));
    server.sql(DATABASE, "VACUUM ANALYZE understudy.entries");
}

async fn fill_desks(server: &PostgresServer, desks: RangeInclusive<u64>) {
    let mut connection = log_in(server.port()).connect().await.unwrap();
    sqlx::raw_sql("SET session_replication_role = replica").execute(&mut connection).await.unwrap();
    for desk in desks {
        let mut copying = connection
            .copy_in_raw(
                "COPY understudy.entries (log, id, hash, previous_id, previous_hash, line) FROM STDIN",
            )
            .await
            .unwrap();
        copying.send(render_log(desk)).await.unwrap();
        copying.finish().await.unwrap();
    }
}

/// As the server's administrator.
fn log_in(port: u16) -> PgConnectOptions {
    PgConnectOptions::new_without_pgpass()
        .host("127.0.0.1")
        .port(port)
        .username(ADMIN)
        .password(ADMIN_PASSWORD)
        .database(DATABASE)
}

/// A log as rows of `COPY`. Nothing in them needs an escape.
fn render_log(desk: u64) -> Vec<u8> {
    let log = format!("{desk:032x}");
    let mut rows = String::new();
    let mut before: Option<String> = None;
    for id in 1..=LOG_ENTRIES {
        let line = format!(
            r#"{{"at_ms":{at},"connection":"acme","event":"begun","host":"desk-{desk}","id":{id},"mode":"read_only","operator_name":"Agent {desk}","os_user":"agent","previous":"{previous}","reason":"Ticket 4711: cannot see the button","session":"{desk}-{id}","user_id":"{user}"}}"#,
            at = 1_600_000_000_000 + id * 1000,
            previous = before.as_deref().unwrap_or(&log),
            user = id % 97,
        );
        let mut hash = String::new();
        for byte in digest(&SHA256, line.as_bytes()).as_ref() {
            write!(hash, "{byte:02x}").unwrap();
        }
        let (previous_id, previous) = match &before {
            Some(before) => ((id - 1).to_string(), before.as_str()),
            None => (r"\N".to_owned(), r"\N"),
        };
        writeln!(rows, "{log}\t{id}\t{hash}\t{previous_id}\t{previous}\t{line}").unwrap();
        before = Some(hash);
    }
    rows.into_bytes()
}

//! Entries come to the team's log in order, each once, whatever happens on the way.

use understudy_core::error::Code;
use understudy_core::team_log::{TeamDatabase, verify_team_log};
use understudy_test_support::postgres::PostgresServer;

use super::desk::{Desk, begun, wait_for, write};
use super::relay::Relay;
use super::{CANARY, DATABASE, ROLE, start_server};

/// How many entries each log has in the database, by the account of its first entry.
fn count(server: &PostgresServer) -> String {
    server.sql(
        DATABASE,
        "SELECT min(entry ->> 'os_user'), count(*), min(id), max(id) FROM understudy.entries GROUP BY log ORDER BY 1",
    )
}

async fn assert_intact(desk: &Desk) {
    let database = TeamDatabase::open(&desk.url, &desk.vault).await.unwrap();
    let found = verify_team_log(&database, &desk.path(), &desk.vault).await.unwrap();
    assert!(found.is_intact(), "{found:?}");
    assert!(found.logs.iter().any(|log| log.is_own), "{found:?}");
}

/// Also of what was sent just before a connection was lost, and of what is too long for a notification.
#[tokio::test]
async fn who_listens_is_told_of_each_entry() {
    let server = start_server();
    let relay = Relay::start(server.port()).await;
    let url = format!("postgres://{ROLE}@127.0.0.1:{}/{DATABASE}", relay.port);
    let ada = Desk::at(&url, CANARY).await;
    let adas = ada.open().await;
    let options = sqlx::postgres::PgConnectOptions::new_without_pgpass()
        .host("127.0.0.1")
        .port(server.port())
        .username(ROLE)
        .password(CANARY)
        .database(DATABASE);
    let pool = sqlx::PgPool::connect_with(options).await.unwrap();
    let mut listener = sqlx::postgres::PgListener::connect_with(&pool).await.unwrap();
    listener.listen("understudy").await.unwrap();
    let from_ada = ada.ship(&adas);
    adas.append(begun(&"s".repeat(9_000), "ada")).await.unwrap();
    let told: serde_json::Value = serde_json::from_str(listener.recv().await.unwrap().payload()).unwrap();
    let expected = serde_json::json!({
        "log": adas.lines().log_id().await.unwrap(), "id": 1, "event": "begun", "session": "s".repeat(200),
        "connection": "acme", "user_id": "42"
    });
    assert_eq!(told, expected);
    for round in 0..5 {
        write(&adas, "ada", round * 20..round * 20 + 20).await;
        relay.cut();
    }
    wait_for(&from_ada, |state| state.shipped >= 101).await;
    let mut told = std::collections::BTreeSet::new();
    while told.len() < 100 {
        let one: serde_json::Value = serde_json::from_str(listener.recv().await.unwrap().payload()).unwrap();
        told.insert(one["id"].as_i64().unwrap());
    }
    assert_eq!(told.into_iter().collect::<Vec<_>>(), (2..=101).collect::<Vec<_>>());
}

#[tokio::test]
async fn two_consoles_share_a_log_while_its_server_restarts() {
    let mut server = start_server();
    let (ada, bea) = (Desk::new(&server).await, Desk::new(&server).await);
    let (adas, beas) = (ada.open().await, bea.open().await);
    let (from_ada, from_bea) = (ada.ship(&adas), bea.ship(&beas));
    write(&adas, "ada", 0..20).await;
    write(&beas, "bea", 0..7).await;
    wait_for(&from_ada, |state| state.shipped == 20).await;
    wait_for(&from_bea, |state| state.shipped == 7).await;

    // What happens while the server is away waits, and says so.
    server.stop();
    write(&adas, "ada", 20..620).await;
    let state = wait_for(&from_ada, |state| state.problem.is_some() && state.waiting == 600).await;
    assert_eq!((state.shipped, state.waiting_since), (20, Some(1_700_000_000_000)));
    assert!(!state.is_contradictory);
    server.start_again();
    let state = wait_for(&from_ada, |state| state.shipped == 620).await;
    assert_eq!((state.waiting, &state.problem), (0, &None));
    write(&beas, "bea", 7..9).await;
    wait_for(&from_bea, |state| state.shipped == 9).await;
    assert_eq!(count(&server), "ada|620|1|620\nbea|9|1|9");
    assert_intact(&ada).await;
}

#[tokio::test]
async fn cut_connections_lose_nothing_and_double_nothing() {
    let server = start_server();
    let relay = Relay::start(server.port()).await;
    let url = format!("postgres://{ROLE}@127.0.0.1:{}/{DATABASE}", relay.port);
    let ada = Desk::at(&url, CANARY).await;
    let adas = ada.open().await;
    let from_ada = ada.ship(&adas);
    for round in 0..10 {
        write(&adas, "ada", round * 60..round * 60 + 57).await;
        relay.cut();
        write(&adas, "ada", round * 60 + 57..round * 60 + 60).await;
    }
    wait_for(&from_ada, |state| state.shipped == 600).await;
    assert_eq!(count(&server), "ada|600|1|600");
    assert_intact(&ada).await;
}

#[tokio::test]
async fn runs_of_one_home_send_the_same_log_together() {
    let server = start_server();
    let ada = Desk::new(&server).await;
    let (one, other) = (ada.open().await, ada.open().await);
    let (from_one, from_other) = (ada.ship(&one), ada.ship(&other));
    tokio::join!(write(&one, "ada", 0..80), write(&other, "ada", 1000..1080));
    wait_for(&from_one, |state| state.shipped == 160).await;
    wait_for(&from_other, |state| state.shipped == 160).await;
    assert_eq!(count(&server), "ada|160|1|160");
    assert_intact(&ada).await;
}

#[tokio::test]
async fn what_was_written_before_there_was_a_team_comes_too_and_after_a_restart_it_goes_on() {
    let server = start_server();
    let ada = Desk::new(&server).await;
    let adas = ada.open().await;
    write(&adas, "ada", 0..1203).await;
    let from_ada = ada.ship(&adas);
    wait_for(&from_ada, |state| state.shipped == 1203).await;
    drop((from_ada, adas));
    let adas = ada.open().await;
    write(&adas, "ada", 1203..1205).await;
    let from_ada = ada.ship(&adas);
    wait_for(&from_ada, |state| state.shipped == 1205).await;
    assert_eq!(count(&server), "ada|1205|1|1205");
}

/// As an earlier version could write it. The database of the test takes less instead.
#[tokio::test]
async fn an_entry_that_is_too_long_is_named_with_what_to_do_and_all_before_it_are_sent() {
    let server = start_server();
    server.sql(
        DATABASE,
        "ALTER TABLE understudy.entries DROP CONSTRAINT entries_line_is_short,
             ADD CONSTRAINT entries_line_is_short CHECK (octet_length(line) <= 3000)",
    );
    let ada = Desk::new(&server).await;
    let adas = ada.open().await;
    write(&adas, "ada", 0..700).await;
    adas.append(begun(&"s".repeat(9_000), "ada")).await.unwrap();
    write(&adas, "ada", 700..703).await;
    let from_ada = ada.ship_if(&adas, true);
    let state = wait_for(&from_ada, |state| state.shipped == 700 && state.problem.is_some()).await;
    let says = state.problem.unwrap();
    assert!(says.message.starts_with("Entry 701 of this computer's audit log is longer"), "{says}");
    assert_eq!((state.waiting, state.is_contradictory), (4, false));
    assert_eq!(count(&server), "ada|700|1|700");
    // Nothing begins where the team wants it first, and the reason is given.
    let written = adas.append(begun("next", "ada")).await.unwrap();
    let refused = from_ada.await_required(&written).await.unwrap_err();
    assert!(refused.message.ends_with(&says.message) && refused.hint == says.hint, "{refused}");

    let hint = says.hint.unwrap();
    let (_, statement) = hint.split_once("run: ").unwrap();
    server.sql(DATABASE, statement);
    from_ada.await_required(&written).await.unwrap();
    wait_for(&from_ada, |state| state.shipped == 705 && state.problem.is_none()).await;
    assert_eq!(count(&server), "ada|705|1|705");
    assert_intact(&ada).await;
}

#[tokio::test]
async fn a_copied_home_is_named_as_soon_as_it_writes() {
    let server = start_server();
    let (ada, copy) = (Desk::new(&server).await, Desk::new(&server).await);
    let adas = ada.open().await;
    write(&adas, "ada", 0..5).await;
    drop(adas);
    std::fs::copy(ada.path(), copy.path()).unwrap();
    let (adas, copied) = (ada.open().await, copy.open().await);
    let from_ada = ada.ship(&adas);
    write(&adas, "ada", 5..6).await;
    wait_for(&from_ada, |state| state.shipped == 6).await;

    let from_copy = copy.ship(&copied);
    let state = wait_for(&from_copy, |state| state.is_contradictory).await;
    let says = state.problem.unwrap();
    assert!(says.message.contains("has 6 entries") && says.hint.is_some(), "{says}");
    write(&copied, "eve", 0..3).await;
    drop(from_copy);
    let state = wait_for(&copy.ship(&copied), |state| state.is_contradictory).await;
    assert!(state.problem.unwrap().message.contains("Entry 6 of this computer's audit log is another one"));
    assert_eq!(count(&server), "ada|6|1|6");

    let database = TeamDatabase::open(&copy.url, &copy.vault).await.unwrap();
    let found = verify_team_log(&database, &copy.path(), &copy.vault).await.unwrap();
    let fault = found.logs[0].fault.as_deref().unwrap();
    assert!(fault.contains("Its entry 6 is another one"), "{fault}");
}

#[tokio::test]
async fn where_the_team_wants_it_nothing_begins_without_its_log() {
    let mut server = start_server();
    let ada = Desk::new(&server).await;
    let adas = ada.open().await;
    let from_ada = ada.ship_if(&adas, true);
    adas.append(begun("s1", "ada")).await.unwrap();
    from_ada.await_required(&adas.latest_entry()).await.unwrap();
    assert_eq!(count(&server), "ada|1|1|1");

    server.stop();
    adas.append(begun("s2", "ada")).await.unwrap();
    let error = from_ada.await_required(&adas.latest_entry()).await.unwrap_err();
    assert_eq!(error.code, Code::AuditFailed);
    assert!(
        error.message.starts_with("No session begins before the team's log has its first entry"),
        "{error}"
    );
    // Nobody waits where the team does not want it.
    let relaxed = ada.ship(&adas);
    relaxed.await_required(&adas.latest_entry()).await.unwrap();

    server.start_again();
    adas.append(begun("s3", "ada")).await.unwrap();
    wait_for(&from_ada, |state| state.shipped == 3).await;
    from_ada.await_required(&adas.latest_entry()).await.unwrap();
}

#[tokio::test]
async fn the_password_turns_up_nowhere() {
    let server = start_server();
    let wrong = format!("{CANARY}-wrong");
    let desk = Desk::at(&server.url(ROLE, DATABASE), &wrong).await;
    let log = desk.open().await;
    let team = desk.ship(&log);
    write(&log, "ada", 0..1).await;
    let state = wait_for(&team, |state| state.problem.is_some()).await;
    let problem = state.problem.clone().unwrap();
    assert!(problem.message.contains("refused the login"), "{problem}");
    assert!(format!("{problem}").contains("understudy secret set team.toml database_password"), "{problem}");
    assert!(!format!("{state:?} {problem:#}").contains(CANARY));
    let right = Desk::new(&server).await;
    let rights = right.open().await;
    let from_right = right.ship(&rights);
    write(&rights, "bea", 0..3).await;
    wait_for(&from_right, |state| state.shipped == 3).await;
    let kept = server.sql(DATABASE, "SELECT * FROM understudy.entries");
    assert!(kept.contains("bea") && !kept.contains(CANARY));
    for desk in [&desk, &right] {
        for file in std::fs::read_dir(desk.folder()).unwrap() {
            let bytes = std::fs::read(file.unwrap().path()).unwrap_or_default();
            assert!(!String::from_utf8_lossy(&bytes).contains(CANARY));
        }
    }
}

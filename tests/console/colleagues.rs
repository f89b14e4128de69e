//! Colleagues see each other: two consoles on two computers, and the team's log in a PostgreSQL server of its own.

use std::time::Duration;

use serde_json::Map;
use sqlx::ConnectOptions;
use sqlx::postgres::PgConnectOptions;
use understudy_core::access::SessionMode;
use understudy_core::audit::EndCause;
use understudy_core::colleagues::{ColleagueSession, Presence, TeamLogReach};
use understudy_core::session::Phase;
use understudy_test_support::postgres::PostgresServer;
use understudy_test_support::team_server::team_server;
use understudy_test_support::wait::until;

use crate::test_console::Desk;

/// The desk of this operator.
async fn desk_of(operator: &str, url: &str) -> Desk {
    // `[policy]` is the last part of the file.
    Desk::in_team(url, operator, |text| format!("{text}\nmax_minutes = 30\n")).await
}

/// Waits until this desk sees its colleagues like this.
async fn sees(desk: &mut Desk, wanted: impl Fn(&[ColleagueSession]) -> bool) -> Vec<ColleagueSession> {
    desk.presence(|presence| presence.reach == TeamLogReach::InReach && wanted(&presence.sessions))
        .await
        .sessions
}

fn is_known(presence: &Presence) -> bool {
    presence.reach == TeamLogReach::InReach
}

#[tokio::test]
async fn who_is_in_an_account_is_seen_by_a_colleague_until_they_leave() {
    let server = team_server();
    let url = server.url("understudy", "audit");
    let mut ada = desk_of("Ada", &url).await;
    let mut bo = desk_of("Bo", &url).await;
    bo.presence(is_known).await;
    let user = ada.find("").await.remove(0);

    let session = ada.console.impersonate("shop", &user.id, "ticket 7", Map::new()).await.expect("begins");
    ada.until(&session.id, Phase::Active).await;
    let seen = sees(&mut bo, |seen| seen.len() == 1).await;
    let [one] = &seen[..] else { panic!("{seen:?}") };
    assert_eq!((&*one.session, &*one.connection, &one.user), (&*session.id, "shop", &user.id));
    assert_eq!((&*one.operator, one.mode, one.is_certain), ("Ada", SessionMode::Full, true));
    assert_eq!(ada.console.presence().sessions, [], "one's own session is no colleague's");

    // Who comes later reads it.
    let mut cem = desk_of("Cem", &url).await;
    sees(&mut cem, |seen| seen.len() == 1).await;

    ada.console.end_session(&session.id, EndCause::Operator).await;
    sees(&mut bo, <[_]>::is_empty).await;
    sees(&mut cem, <[_]>::is_empty).await;
}

#[tokio::test]
async fn without_the_teams_log_it_is_unknown_and_once_it_is_back_it_is_caught_up_on() {
    let mut server = team_server();
    let url = server.url("understudy", "audit");
    let mut ada = desk_of("Ada", &url).await;
    let mut bo = desk_of("Bo", &url).await;
    bo.presence(is_known).await;
    let user = ada.find("").await.remove(0);
    let first = ada.console.impersonate("shop", &user.id, "a", Map::new()).await.expect("begins");
    ada.until(&first.id, Phase::Active).await;
    sees(&mut bo, |seen| seen.len() == 1).await;

    server.stop();
    let gone = bo.presence(|presence| presence.reach == TeamLogReach::OutOfReach).await;
    assert!(gone.why.is_some_and(|why| !why.is_empty()));
    assert!(gone.sessions.iter().all(|one| !one.is_certain), "{:?}", gone.sessions);
    // The search does not mind, and neither does a session.
    assert!(!bo.find("").await.is_empty());
    ada.console.end_session(&first.id, EndCause::Operator).await;

    server.start_again();
    // Both try again when their pauses are over.
    until("both consoles to be back", async || {
        for desk in [&ada, &bo] {
            desk.clock.advance_by(Duration::from_secs(30));
        }
        let presence = bo.console.presence();
        Ok((is_known(&presence) && presence.sessions.is_empty()).then_some(()))
    })
    .await
    .expect("they are");
}

/// How many consoles are connected, as the server sees it.
fn connected(server: &PostgresServer) -> String {
    server.sql("audit", "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 2")
}

#[tokio::test]
async fn the_session_of_a_killed_console_is_said_to_be_unsure_and_gone_after_its_time() {
    let server = team_server();
    let url = server.url("understudy", "audit");
    let mut bo = desk_of("Bo", &url).await;
    bo.presence(is_known).await;
    // Ada's console has a runtime of its own, which ends in the middle of everything, like a killed process.
    let adas = tokio::runtime::Runtime::new().expect("a runtime");
    let begun = adas.spawn({
        let url = url.clone();
        async move {
            let mut ada = desk_of("Ada", &url).await;
            let user = ada.find("").await.remove(0);
            let session = ada.console.impersonate("shop", &user.id, "a", Map::new()).await.expect("begins");
            ada.until(&session.id, Phase::Active).await;
            ada
        }
    });
    let ada = begun.await.expect("no panic");
    assert!(sees(&mut bo, |seen| seen.len() == 1).await[0].is_certain);

    adas.shutdown_background();
    std::mem::forget(ada);
    until("the server to miss Ada's console", async || Ok((connected(&server) == "1").then_some(())))
        .await
        .expect("it does");
    bo.clock.advance_by(Duration::from_secs(15));
    assert!(!sees(&mut bo, |seen| seen.iter().any(|one| !one.is_certain)).await[0].is_certain);

    bo.clock.advance_by(Duration::from_mins(32));
    sees(&mut bo, <[_]>::is_empty).await;
}

/// Any role that may log in can take a lock alone, and hold it.
#[tokio::test]
async fn nobody_keeps_a_console_from_watching_by_holding_its_lock() {
    let server = team_server();
    let url = server.url("understudy", "audit");
    let mut bo = desk_of("Bo", &url).await;
    bo.presence(is_known).await;
    let lock = server.sql(
        "audit",
        "SELECT classid::bigint::bit(32)::int || ',' || objid::bigint::bit(32)::int FROM pg_locks
         WHERE locktype = 'advisory' AND objsubid = 2",
    );
    let mut holder = PgConnectOptions::new_without_pgpass()
        .host("127.0.0.1")
        .port(server.port())
        .username("understudy")
        .database("audit")
        .connect()
        .await
        .expect("connects");
    // It waits for Bo's connection to end.
    let holding = tokio::spawn(async move {
        let taken = format!("SELECT pg_advisory_lock({lock})");
        sqlx::raw_sql(sqlx::AssertSqlSafe(taken)).execute(&mut holder).await.expect("it gets it");
        holder
    });
    let waits = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted";
    until("the other to wait", async || Ok((server.sql("audit", waits) == "1").then_some(())))
        .await
        .expect("it does");
    server.sql(
        "audit",
        "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted",
    );
    let holder = holding.await.expect("no panic");
    bo.presence(|presence| !is_known(presence)).await;
    bo.clock.advance_by(Duration::from_secs(1));
    bo.presence(is_known).await;
    drop(holder);
}

/// Any role may notify: who names the beginning of a session that is over brings nobody back into the account.
#[tokio::test]
async fn a_notification_about_a_session_that_is_over_changes_nothing() {
    let server = team_server();
    let url = server.url("understudy", "audit");
    let mut ada = desk_of("Ada", &url).await;
    let mut bo = desk_of("Bo", &url).await;
    bo.presence(is_known).await;
    let (user, other) = {
        let mut users = ada.find("").await;
        (users.remove(0), users.remove(0))
    };
    let session = ada.console.impersonate("shop", &user.id, "ticket 7", Map::new()).await.expect("begins");
    sees(&mut bo, |seen| seen.len() == 1).await;
    ada.until(&session.id, Phase::Active).await;
    ada.console.end_session(&session.id, EndCause::Operator).await;
    sees(&mut bo, <[_]>::is_empty).await;
    server.sql(
        "audit",
        "SET SESSION AUTHORIZATION understudy;
         SELECT pg_notify('understudy', jsonb_build_object('log', log, 'id', id, 'event', 'begun')::text)
         FROM understudy.entries WHERE entry ->> 'event' = 'begun'",
    );
    let next = ada.console.impersonate("shop", &other.id, "ticket 8", Map::new()).await.expect("begins");
    let seen = sees(&mut bo, |seen| !seen.is_empty()).await;
    assert_eq!(seen.iter().map(|one| &one.session).collect::<Vec<_>>(), [&next.id]);
}

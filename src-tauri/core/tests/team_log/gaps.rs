//! Entries that the database lacks, and that the console no longer has, do not keep the later ones away. They are named.

use understudy_core::audit::{AuditLog, EndCause, Event, OperatorIdentity};
use understudy_core::team_log::{ChainGap, TeamDatabase, TeamVerification, verify_team_log};
use understudy_test_support::postgres::PostgresServer;

use super::desk::{Desk, begun, wait_for, write};
use super::{DATABASE, start_server};

const DAY: i64 = 24 * 60 * 60 * 1_000;

/// Two entries for each session.
async fn write_sessions(log: &AuditLog, sessions: std::ops::Range<u32>) {
    for number in sessions {
        let first = begun(&format!("ada-{number}"), "ada");
        log.append(first.clone()).await.unwrap();
        let ended = Event::Ended { cause: EndCause::Operator, sign_out_failed: None, held_back: None };
        log.append(first.with_event(first.at_ms, ended)).await.unwrap();
    }
}

/// Ada's log, of which the database has as many entries as in its last backup, and the console no longer all others.
async fn lost(server: &PostgresServer) -> (Desk, AuditLog) {
    let ada = Desk::new(server).await;
    let adas = ada.open().await;
    write_sessions(&adas, 0..6).await;
    adas.add_checkpoint(&ada.vault, 1).await.unwrap();
    let sending = ada.ship(&adas);
    wait_for(&sending, |state| state.shipped == 12).await;
    drop(sending);
    server
        .sql(DATABASE, "SET session_replication_role = replica; DELETE FROM understudy.entries WHERE id > 4");
    let who = OperatorIdentity::new("Ada", "");
    let now = 1_700_000_000_000 + 100 * DAY;
    assert_eq!(adas.remove_old_entries(&ada.vault, &who, 1, Some(12), now).await.unwrap(), 12);
    (ada, adas)
}

async fn verify(desk: &Desk) -> TeamVerification {
    let database = TeamDatabase::open(&desk.url, &desk.vault).await.unwrap();
    verify_team_log(&database, &desk.path(), &desk.vault).await.unwrap()
}

#[tokio::test]
async fn what_is_gone_on_both_sides_is_named_and_what_comes_later_is_sent() {
    let server = start_server();
    let (ada, adas) = lost(&server).await;
    let sending = ada.ship(&adas);
    // The removal is an entry itself, the first that is left.
    wait_for(&sending, |state| state.shipped == 13).await;
    write(&adas, "ada", 100..103).await;
    let state = wait_for(&sending, |state| state.shipped == 16).await;
    assert_eq!((state.waiting, &state.problem), (0, &None));
    let ids = "SELECT string_agg(id::text, ',' ORDER BY id) FROM understudy.entries";
    assert_eq!(server.sql(DATABASE, ids), "1,2,3,4,13,14,15,16");

    let found = verify(&ada).await;
    let [chain] = &found.logs[..] else { panic!("{found:?}") };
    assert_eq!(chain.gaps, [ChainGap { first: 5, last: 12 }]);
    assert_eq!((&chain.fault, chain.entries, chain.last), (&None, 8, 16), "the rest fits");
    assert!(!found.is_intact());

    // What somebody does to the others is still found out.
    server.sql(
        DATABASE,
        "SET session_replication_role = replica; DELETE FROM understudy.entries WHERE id = 15",
    );
    drop((sending, adas));
    let found = verify(&ada).await;
    assert_eq!(found.logs[0].fault.as_deref(), Some("Its entry 15 was removed."));
}

#[tokio::test]
async fn another_chain_behind_a_gap_is_not_this_computers() {
    let server = start_server();
    let (ada, adas) = lost(&server).await;
    drop(adas);
    // Somebody with the role's password goes on with the chain, with an entry of their own.
    server.sql(
        DATABASE,
        "INSERT INTO understudy.entries (log, id, hash, previous_hash, line, gap_after_id, gap_after_hash, written_by)
         SELECT log, 9, encode(sha256(convert_to(forged, 'UTF8')), 'hex'), repeat('a', 64), forged, id, hash, written_by
         FROM understudy.entries,
             (SELECT '{\"at_ms\":1,\"event\":\"begun\",\"id\":9,\"previous\":\"' || repeat('a', 64) || '\"}' AS forged) AS made
         WHERE id = 4",
    );
    let found = verify(&ada).await;
    let [chain] = &found.logs[..] else { panic!("{found:?}") };
    assert_eq!(chain.gaps, [ChainGap { first: 5, last: 8 }]);
    let fault = chain.fault.as_deref().unwrap();
    assert!(
        fault.contains("Its entries after 9 are missing") || fault.contains("Its entry 9 is another one"),
        "{fault}"
    );
}

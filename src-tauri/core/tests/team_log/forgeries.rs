//! What somebody with all rights over the database did is found out.

use understudy_core::audit::AuditLog;
use understudy_core::team_log::{TeamDatabase, TeamVerification, verify_team_log};
use understudy_test_support::postgres::PostgresServer;

use super::desk::{Desk, wait_for, write};
use super::{DATABASE, start_server};

/// Without any check, as a superuser does it.
fn forge(server: &PostgresServer, sql: &str) {
    server.sql(
        DATABASE,
        &format!(
            "SET session_replication_role = replica;
             ALTER TABLE understudy.entries DROP CONSTRAINT IF EXISTS entries_hash_fits_line;
             ALTER TABLE understudy.entries DROP CONSTRAINT IF EXISTS entries_follow_previous;
             {sql}"
        ),
    );
}

async fn verify(desk: &Desk) -> TeamVerification {
    let database = TeamDatabase::connect(&desk.url, &desk.vault).await.unwrap();
    verify_team_log(&database, &desk.path(), &desk.vault).await.unwrap()
}

/// Two consoles with twelve entries each, of which the keyring remembers a checkpoint.
async fn written(server: &PostgresServer) -> (Desk, AuditLog) {
    let (ada, bea) = (Desk::new(server).await, Desk::new(server).await);
    let (adas, beas) = (ada.open().await, bea.open().await);
    write(&adas, "ada", 0..12).await;
    write(&beas, "bea", 0..12).await;
    adas.add_checkpoint(&ada.vault, 1).await.unwrap();
    wait_for(&ada.ship(&adas), |state| state.shipped == 12).await;
    wait_for(&bea.ship(&beas), |state| state.shipped == 12).await;
    (ada, adas)
}

const OF: &str = "(SELECT log FROM understudy.entries WHERE entry ->> 'os_user' =";

#[tokio::test]
async fn what_a_superuser_did_is_named() {
    for (whose, sql, says) in [
        ("bea", "UPDATE understudy.entries SET line = replace(line, 'why', 'because') WHERE log = LOG AND id = 5", "Its entry 5 is not what was written"),
        // With its own hash computed anew.
        ("bea", "UPDATE understudy.entries SET line = replace(line, 'why', 'because') WHERE log = LOG AND id = 5;
          UPDATE understudy.entries SET hash = encode(sha256(convert_to(line, 'UTF8')), 'hex') WHERE log = LOG AND id = 5", "Its entry 6 is not what was written"),
        ("bea", "DELETE FROM understudy.entries WHERE log = LOG AND id BETWEEN 4 AND 6", "Its entries 4 to 6 were removed"),
        // What marks a gap, or a late beginning, is covered by no hash.
        ("bea", "DELETE FROM understudy.entries WHERE log = LOG AND id BETWEEN 4 AND 6;
          UPDATE understudy.entries SET previous_id = NULL, gap_after_id = 3, gap_after_hash =
          (SELECT hash FROM understudy.entries WHERE log = LOG AND id = 3) WHERE log = LOG AND id = 7", "Its entries 4 to 6 are missing, and none"),
        ("ada", "DELETE FROM understudy.entries WHERE log = LOG AND id = 4;
          UPDATE understudy.entries SET previous_id = NULL, gap_after_id = 3, gap_after_hash =
          (SELECT hash FROM understudy.entries WHERE log = LOG AND id = 3) WHERE log = LOG AND id = 5", "Its entry 4 is missing, and none"),
        ("bea", "DELETE FROM understudy.entries WHERE log = LOG AND id < 4;
          UPDATE understudy.entries SET previous_id = NULL WHERE log = LOG AND id = 4", "Its entries 1 to 3 are missing, and none"),
        ("bea", "UPDATE understudy.entries SET written_by = 'mal' WHERE log = LOG AND id >= 5", "Its entry 5 was written as mal"),
        ("bea", "DELETE FROM understudy.entries WHERE log = LOG AND id < 4", "Its entries before 4 are missing"),
        ("ada", "DELETE FROM understudy.entries WHERE log = LOG AND id > 10", "Its entries after 10 are missing: this keyring knows 12"),
        ("ada", "DELETE FROM understudy.entries WHERE log = LOG", "Its entries after 0 are missing"),
    ] {
        let server = start_server();
        let (ada, log) = written(&server).await;
        // The console would send what is missing again.
        drop(log);
        let before = verify(&ada).await;
        assert!(before.is_intact() && before.logs.len() == 2, "{before:?}");
        let id = server.sql(DATABASE, &format!("SELECT DISTINCT log FROM understudy.entries WHERE log IN {OF} '{whose}')"));
        forge(&server, &sql.replace("LOG", &format!("'{id}'")));
        let found = verify(&ada).await;
        let faults: Vec<_> = found.logs.iter().filter_map(|log| Some((&*log.log, log.fault.as_deref()?))).collect();
        let [(log, fault)] = &faults[..] else { panic!("{sql}: {faults:?}") };
        assert_eq!(*log, id);
        assert!(fault.contains(says), "{sql}: {fault}");
    }
}

/// All hashes fit, but not this computer's own log.
#[tokio::test]
async fn a_chain_that_was_computed_anew_is_not_this_computers() {
    let server = start_server();
    let (ada, log) = written(&server).await;
    drop(log);
    forge(
        &server,
        &format!(
            "DO $$
             DECLARE row understudy.entries; before text; changed text; ours text := {OF} 'ada' LIMIT 1);
             BEGIN
                 SELECT hash INTO before FROM understudy.entries WHERE log = ours AND id = 6;
                 FOR row IN SELECT * FROM understudy.entries WHERE log = ours AND id > 6 ORDER BY id LOOP
                     changed := replace(replace(row.line, row.previous_hash, before), 'why', 'because');
                     UPDATE understudy.entries SET line = changed, previous_hash = before,
                         hash = encode(sha256(convert_to(changed, 'UTF8')), 'hex') WHERE log = ours AND id = row.id
                         RETURNING hash INTO before;
                 END LOOP;
             END $$;"
        ),
    );
    let found = verify(&ada).await;
    let own = found.logs.iter().find(|log| log.is_own).unwrap();
    assert_eq!((own.entries, own.last), (12, 12), "the chain itself fits");
    assert!(own.fault.as_deref().unwrap().contains("are not those that this keyring signed"), "{own:?}");
    // Without the keyring, its own log tells.
    let stranger = Desk::new(&server).await;
    std::fs::copy(ada.path(), stranger.path()).unwrap();
    let found = verify(&stranger).await;
    let own = found.logs.iter().find(|log| log.is_own).unwrap();
    assert!(own.fault.as_deref().unwrap().contains("Its entry 7 is another one"), "{own:?}");
}

/// What the team's log has is right then, and nobody who looks after it is to blame.
#[tokio::test]
async fn a_break_of_this_computers_log_is_named_as_such() {
    let server = start_server();
    let ada = Desk::new(&server).await;
    let aside = ada.folder().join("aside");
    let log = ada.open().await;
    write(&log, "ada", 0..8).await;
    std::fs::copy(ada.path(), &aside).unwrap();
    write(&log, "ada", 8..12).await;
    log.add_checkpoint(&ada.vault, 1).await.unwrap();
    wait_for(&ada.ship(&log), |state| state.shipped == 12).await;
    drop(log);
    assert!(verify(&ada).await.is_intact());

    std::fs::copy(&aside, ada.path()).unwrap();
    // It has fewer entries than were signed at first, and more later.
    for more in [1, 20] {
        let log = ada.open().await;
        write(&log, &format!("eve-{more}"), 0..more).await;
        log.add_checkpoint(&ada.vault, 2).await.unwrap();
        drop(log);
        let found = verify(&ada).await;
        let [own] = &found.logs[..] else { panic!("{found:?}") };
        let fault = own.fault.as_deref().unwrap();
        assert!(
            fault.starts_with("Its entries up to 12 are as this keyring signed them, but this"),
            "{fault}"
        );
    }
}

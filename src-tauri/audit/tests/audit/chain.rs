//! Who changes the log is found out: with the file's triggers out of the way, with or without a new chain, with another
//! file, or with none.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use aws_lc_rs::digest::{SHA256, digest};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};
use sqlx::{Connection, Row, SqliteConnection, TypeInfo, ValueRef};
use tokio::sync::watch;
use understudy_audit::reader::{EntryFilter, LogReader};
use understudy_audit::verify::{LogFault, Verification, verify_log};
use understudy_audit::{CheckpointKeeper, RememberedLog};

use super::*;

/// A keyring that lives as long as the test.
#[derive(Clone, Default)]
pub(super) struct TestKeyring(Arc<watch::Sender<BTreeMap<&'static str, SecretString>>>);

pub(super) fn keyring() -> TestKeyring {
    TestKeyring::default()
}

#[async_trait]
impl CheckpointKeeper for TestKeyring {
    async fn read_kept(&self, name: &'static str) -> Result<Option<SecretString>, AuditError> {
        Ok(self.0.borrow().get(name).cloned())
    }

    async fn write_kept(&self, name: &'static str, value: &SecretString) -> Result<(), AuditError> {
        self.0.send_modify(|kept| drop(kept.insert(name, value.clone())));
        Ok(())
    }
}

impl TestKeyring {
    /// Waits until the latest checkpoint that it remembers is of this entry.
    pub(super) async fn wait_for_checkpoint(&self, entry: i64) {
        let is_there = |kept: &BTreeMap<_, SecretString>| {
            let Some(text) = kept.get("audit/checkpoints") else { return false };
            let logs: Vec<RememberedLog> = serde_json::from_str(text.expose_secret()).unwrap();
            logs[0].entry == entry
        };
        self.0.subscribe().wait_for(is_there).await.unwrap();
    }
}

/// A keyring that is locked.
struct LockedKeyring;

fn locked_error() -> AuditError {
    AuditError::of_keeper("The keyring is locked.", std::io::Error::other("locked"))
}

#[async_trait]
impl CheckpointKeeper for LockedKeyring {
    async fn read_kept(&self, _: &'static str) -> Result<Option<SecretString>, AuditError> {
        Err(locked_error())
    }

    async fn write_kept(&self, _: &'static str, _: &SecretString) -> Result<(), AuditError> {
        Err(locked_error())
    }
}

/// A log of four sessions, with twelve entries and three checkpoints: at entries 3, 6 and 12.
pub(super) async fn written(desk: &Desk, vault: &dyn CheckpointKeeper) {
    let log = desk.log().await;
    for n in 0..4 {
        let at = 1_000 * n;
        let first = begun(at, &format!("s{n}"), &format!("{n}"), "Ticket 4711");
        log.append(first.clone()).await.unwrap();
        log.append(first.with_event(at + 1, Event::Active)).await.unwrap();
        log.append(first.with_event(at + 2, EndCause::Operator.into())).await.unwrap();
        if n != 2 {
            let made = log.add_checkpoint(vault, at + 3).await.unwrap().expect("a checkpoint");
            assert_eq!(made.entry, 3 * (n + 1));
        }
    }
    assert_eq!(log.add_checkpoint(vault, 9_999).await.unwrap(), None, "nothing is new");
}

/// Removes what protects the file, as a program with write access can.
pub(super) async fn unprotect(raw: &mut SqliteConnection) {
    let triggers: Vec<String> = sqlx::query_scalar("SELECT name FROM sqlite_schema WHERE type = 'trigger'")
        .fetch_all(&mut *raw)
        .await
        .unwrap();
    assert!(triggers.len() > 10);
    for trigger in triggers {
        sqlx::raw_sql(AssertSqlSafe(format!("DROP TRIGGER {trigger}"))).execute(&mut *raw).await.unwrap();
    }
}

/// Computes the whole chain anew, as its documentation describes it.
pub(super) async fn forge_chain(raw: &mut SqliteConnection) {
    let mut previous: String = sqlx::query_scalar("SELECT id FROM log").fetch_one(&mut *raw).await.unwrap();
    sqlx::raw_sql("DELETE FROM links").execute(&mut *raw).await.unwrap();
    let rows = sqlx::query("SELECT * FROM entries ORDER BY id").fetch_all(&mut *raw).await.unwrap();
    for row in rows {
        let mut entry = Map::from_iter([("previous".to_owned(), Value::from(previous))]);
        for column in row.columns() {
            use sqlx::Column;
            let value = row.try_get_raw(column.ordinal()).unwrap();
            let value: Value = match value.type_info().name() {
                _ if column.name() == "operator" || value.is_null() => continue,
                "INTEGER" => row.get::<i64, _>(column.ordinal()).into(),
                _ => row.get::<String, _>(column.ordinal()).into(),
            };
            entry.insert(column.name().to_owned(), value);
        }
        entry.sort_keys();
        let hash = digest(&SHA256, serde_json::to_string(&entry).unwrap().as_bytes());
        previous = hash.as_ref().iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
        sqlx::query("INSERT INTO links (entry, hash) VALUES (?, ?)")
            .bind(row.get::<i64, _>("id"))
            .bind(&previous)
            .execute(&mut *raw)
            .await
            .unwrap();
    }
}

pub(super) async fn verify(desk: &Desk, vault: &dyn CheckpointKeeper) -> Verification {
    verify_log(&desk.path(), Some(vault)).await.unwrap()
}

#[tokio::test]
async fn a_log_that_nobody_touched_is_intact() {
    let (desk, vault) = (Desk::new(), keyring());
    written(&desk, &vault).await;
    let found = verify(&desk, &vault).await;
    assert_eq!(found.faults, []);
    assert_eq!((found.entries, found.checkpoints, found.covered), (12, 3, Some(12)));
    assert_eq!((found.first_at, found.last_at), (Some(0), Some(3_002)));

    // A copy of it, on a computer whose keyring knows nothing of it.
    let copy = desk.dir.path().join("copy.sqlite");
    std::fs::copy(desk.path(), &copy).unwrap();
    let elsewhere = verify_log(&copy, Some(&keyring())).await.unwrap();
    assert_eq!((elsewhere.faults, elsewhere.head.clone()), (vec![], found.head));
}

/// The chain is documented, and this test has computed it without our code.
#[tokio::test]
async fn anyone_can_compute_the_chain() {
    let (desk, vault) = (Desk::new(), keyring());
    written(&desk, &vault).await;
    let before = verify(&desk, &vault).await;
    let mut raw = desk.raw().await;
    unprotect(&mut raw).await;
    forge_chain(&mut raw).await;
    assert_eq!(verify(&desk, &vault).await, before);
}

#[tokio::test]
async fn the_first_entry_that_was_touched_is_named() {
    for (attack, fault) in [
        ("UPDATE entries SET reason = 'Ticket 4712' WHERE id = 5", LogFault::Changed { entry: 5 }),
        ("UPDATE entries SET at_ms = at_ms + 1 WHERE id = 12", LogFault::Changed { entry: 12 }),
        ("UPDATE entries SET user_email = 'a@example.org' WHERE id = 1", LogFault::Changed { entry: 1 }),
        ("UPDATE entries SET run = NULL WHERE id = 2", LogFault::Changed { entry: 2 }),
        ("UPDATE links SET hash = replace(hash, '0', '1') WHERE entry = 7", LogFault::Changed { entry: 7 }),
        ("DELETE FROM entries WHERE id = 4", LogFault::Removed { first: 4, last: 4 }),
        (
            "DELETE FROM entries WHERE session = 's1'; DELETE FROM links WHERE entry IN (4, 5, 6)",
            LogFault::Removed { first: 4, last: 6 },
        ),
        ("DELETE FROM entries WHERE id = 1", LogFault::Removed { first: 1, last: 1 }),
        // Removed, and the later ones renumbered, so that there is no gap.
        (
            "DELETE FROM entries WHERE id = 4; DELETE FROM links WHERE entry = 4;
             UPDATE entries SET id = id - 1 WHERE id > 4; UPDATE links SET entry = entry - 1 WHERE entry > 4",
            LogFault::Changed { entry: 4 },
        ),
        // Two change places.
        (
            "UPDATE entries SET id = 100 WHERE id = 8; UPDATE entries SET id = 8 WHERE id = 9;
             UPDATE entries SET id = 9 WHERE id = 100",
            LogFault::Changed { entry: 8 },
        ),
        ("DELETE FROM links WHERE entry = 3", LogFault::Unlinked { entry: 3 }),
        ("DELETE FROM links; DELETE FROM checkpoints", LogFault::Unlinked { entry: 1 }),
        ("UPDATE log SET id = 'another'", LogFault::Changed { entry: 1 }),
    ] {
        let (desk, vault) = (Desk::new(), keyring());
        written(&desk, &vault).await;
        let mut raw = desk.raw().await;
        unprotect(&mut raw).await;
        sqlx::raw_sql(attack).execute(&mut raw).await.unwrap();
        let found = verify(&desk, &vault).await;
        assert_eq!(found.faults.first(), Some(&fault), "{attack}");
    }
}

#[tokio::test]
async fn an_entry_that_another_program_adds_is_named() {
    let (desk, vault) = (Desk::new(), keyring());
    written(&desk, &vault).await;
    let columns = "at_ms, event, operator_name, operator_email, os_user, host, connection, connection_name, environment,
        user_id, reason, detail, app_version";
    // The triggers let this pass: it is a new session.
    sqlx::raw_sql(AssertSqlSafe(format!(
        "INSERT INTO entries ({columns}, session) SELECT {columns}, 'new' FROM entries WHERE id = 1"
    )))
    .execute(&mut desk.raw().await)
    .await
    .unwrap();
    assert_eq!(verify(&desk, &vault).await.faults, [LogFault::Unlinked { entry: 13 }]);
    // And it stays so when the log goes on.
    desk.log().await.append(begun(9_000, "s9", "9", "why")).await.unwrap();
    assert_eq!(verify(&desk, &vault).await.faults, [LogFault::Unlinked { entry: 13 }]);
}

#[tokio::test]
async fn whoever_computes_the_chain_anew_is_betrayed_by_the_checkpoints() {
    let (desk, vault) = (Desk::new(), keyring());
    written(&desk, &vault).await;
    let mut raw = desk.raw().await;
    unprotect(&mut raw).await;
    sqlx::raw_sql("UPDATE entries SET reason = 'harmless' WHERE id = 5").execute(&mut raw).await.unwrap();
    forge_chain(&mut raw).await;
    let rewritten = |covered, entry, at_ms| LogFault::Rewritten { covered, entry, at_ms };
    assert_eq!(verify(&desk, &vault).await.faults, [rewritten(Some(3), 6, 1_003)]);

    // Without the checkpoints in the file, the keyring still has the last one.
    sqlx::raw_sql("DELETE FROM checkpoints").execute(&mut raw).await.unwrap();
    assert_eq!(verify(&desk, &vault).await.faults, [rewritten(None, 12, 3_003)]);
    // Only who can write to neither is told nothing; that is why the last hash is printed, to be noted elsewhere.
    assert_eq!(verify_log(&desk.path(), None).await.unwrap().faults, []);
}

#[tokio::test]
async fn what_is_cut_off_at_the_end_is_missed() {
    let (desk, vault) = (Desk::new(), keyring());
    written(&desk, &vault).await;
    let mut raw = desk.raw().await;
    unprotect(&mut raw).await;
    let cut = "DELETE FROM entries WHERE id > 10; DELETE FROM links WHERE entry > 10;";
    sqlx::raw_sql(cut).execute(&mut raw).await.unwrap();
    let cut_off = |last| LogFault::CutOff { last, entry: 12, at_ms: 3_003 };
    assert_eq!(verify(&desk, &vault).await.faults, [cut_off(10)]);
    sqlx::raw_sql("DELETE FROM checkpoints WHERE entry > 10").execute(&mut raw).await.unwrap();
    assert_eq!(verify(&desk, &vault).await.faults, [cut_off(10)], "the keyring remembers it");
    // The log goes on where it was cut, up to as many entries as there were.
    drop(raw);
    let log = desk.log().await;
    for n in 0..3 {
        log.append(begun(9_000, &format!("t{n}"), "9", "why")).await.unwrap();
    }
    let found = verify(&desk, &vault).await.faults;
    assert_eq!(found, [LogFault::Rewritten { covered: Some(6), entry: 12, at_ms: 3_003 }]);
}

/// Links are left when entries are removed because of their age; at the end, they betray what was cut off.
#[tokio::test]
async fn what_is_cut_off_without_its_links_is_missed_too() {
    for (cut, first) in [("DELETE FROM entries WHERE id > 10", 11), ("DELETE FROM entries", 1)] {
        let (desk, vault) = (Desk::new(), keyring());
        written(&desk, &vault).await;
        let mut raw = desk.raw().await;
        unprotect(&mut raw).await;
        sqlx::raw_sql(cut).execute(&mut raw).await.unwrap();
        let removed = LogFault::Removed { first, last: 12 };
        assert_eq!(verify(&desk, &vault).await.faults, std::slice::from_ref(&removed), "{cut}");
        assert_eq!(verify_log(&desk.path(), None).await.unwrap().faults, [removed], "{cut}");
        // The links from there on, too, but for those of the checkpoints.
        sqlx::raw_sql("DELETE FROM links WHERE entry > 10 AND entry < 12").execute(&mut raw).await.unwrap();
        assert!(!verify(&desk, &vault).await.is_intact());
    }
}

#[tokio::test]
async fn a_log_that_is_gone_older_or_another_one_is_missed() {
    let (desk, vault) = (Desk::new(), keyring());
    let aside = desk.dir.path().join("aside.sqlite");
    let log = desk.log().await;
    log.append(begun(1, "first", "7", "why")).await.unwrap();
    log.add_checkpoint(&vault, 2).await.unwrap();
    std::fs::copy(desk.path(), &aside).unwrap();
    log.append(begun(3, "second", "7", "why")).await.unwrap();
    log.add_checkpoint(&vault, 4).await.unwrap();
    drop(log);
    assert!(verify(&desk, &vault).await.is_intact());

    // An older copy, which fits in itself.
    std::fs::copy(&aside, desk.path()).unwrap();
    let missed = LogFault::CutOff { last: 1, entry: 2, at_ms: 4 };
    assert_eq!(verify(&desk, &vault).await.faults, std::slice::from_ref(&missed));
    assert_eq!(
        missed.to_string(),
        "The entries after 1 were removed: on 1970-01-01 00:00:00 UTC, the log had 2 entries."
    );

    std::fs::remove_file(desk.path()).unwrap();
    assert_eq!(verify(&desk, &vault).await.faults, [LogFault::Gone { entry: 2, at_ms: 4 }]);

    // A new one in its place, before and after the keyring has heard of it.
    let log = desk.log().await;
    log.append(begun(5, "third", "7", "why")).await.unwrap();
    let replaced = [LogFault::Replaced { entry: 2, at_ms: 4 }];
    assert_eq!(verify(&desk, &vault).await.faults, replaced);
    log.add_checkpoint(&vault, 6).await.unwrap();
    assert_eq!(verify(&desk, &vault).await.faults, replaced);
}

/// Two computers share a home, or a keyring was made anew: no forgery. A forger's key is no help either.
#[tokio::test]
async fn checkpoints_of_another_key_prove_nothing() {
    let (desk, vault) = (Desk::new(), keyring());
    written(&desk, &vault).await;
    let mut raw = desk.raw().await;
    unprotect(&mut raw).await;
    sqlx::raw_sql("DELETE FROM checkpoints").execute(&mut raw).await.unwrap();
    desk.log().await.add_checkpoint(&keyring(), 5_000).await.unwrap().expect("a checkpoint");
    let found = verify(&desk, &vault).await;
    assert_eq!((found.faults, found.checkpoints, found.foreign, found.covered), (vec![], 1, 1, None));

    // The forger signs what they have written.
    sqlx::raw_sql("UPDATE entries SET reason = '' WHERE id = 5; DELETE FROM checkpoints")
        .execute(&mut raw)
        .await
        .unwrap();
    forge_chain(&mut raw).await;
    desk.log().await.add_checkpoint(&keyring(), 6_000).await.unwrap().expect("a checkpoint");
    let rewritten = LogFault::Rewritten { covered: None, entry: 12, at_ms: 3_003 };
    assert_eq!(verify(&desk, &vault).await.faults, [rewritten]);

    sqlx::raw_sql("UPDATE checkpoints SET at_ms = 4000").execute(&mut raw).await.unwrap();
    let forged = LogFault::Forged { entry: 12, at_ms: 4_000 };
    assert_eq!(verify(&desk, &vault).await.faults.first(), Some(&forged));
}

#[tokio::test]
async fn a_keyring_that_does_not_answer_is_said_and_holds_nothing_up() {
    let (desk, vault) = (Desk::new(), keyring());
    written(&desk, &vault).await;
    let locked = LockedKeyring;
    let found = verify(&desk, &locked).await;
    assert!(found.is_intact(), "{found:?}");
    assert_eq!(found.keyring_failed.as_deref(), Some("The keyring is locked."));
    let log = desk.log().await;
    log.append(begun(9_000, "s9", "9", "why")).await.unwrap();
    log.add_checkpoint(&locked, 9_001).await.expect_err("there is no key");
    assert!(verify(&desk, &vault).await.is_intact());
}

/// Consoles share a log: each entry follows the one that was written last, whoever wrote it.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn several_runs_write_one_chain() {
    let (desk, vault) = (Desk::new(), keyring());
    desk.log().await;
    let runs = (0..4).map(|run| {
        let path = desk.path();
        tokio::spawn(async move {
            let log = AuditLog::open(&path).await.unwrap();
            for n in 0..25 {
                log.append(begun(n, &format!("{run}-{n}"), "7", "why")).await.unwrap();
            }
        })
    });
    for run in runs.collect::<Vec<_>>() {
        run.await.unwrap();
    }
    let found = verify(&desk, &vault).await;
    assert_eq!((found.faults, found.entries), (vec![], 100));
}

/// A log as the first version wrote it.
async fn write_format_1(desk: &Desk, entries: u32) {
    std::fs::create_dir(desk.path().parent().unwrap()).unwrap();
    let mut raw = desk.raw().await;
    sqlx::raw_sql(concat!(
        include_str!("../../src/v1.sql"),
        "PRAGMA application_id = 0x55417564; PRAGMA user_version = 1;"
    ))
    .execute(&mut raw)
    .await
    .unwrap();
    sqlx::query(
        "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < ?)
         INSERT INTO entries (id, at_ms, session, event, operator_name, operator_email, os_user, host,
            connection, connection_name, environment, user_id, reason, detail, app_version)
         SELECT n, n, 'old' || n, 'begun', 'Ada', '', 'ada', 'desk-4', 'acme', 'Acme', 'staging', '7', 'why', '', '0.1.0'
         FROM n",
    )
    .bind(entries)
    .execute(&mut raw)
    .await
    .unwrap();
    raw.close().await.unwrap();
}

/// Nothing is lost: a log of an earlier format is chained as it is, and what is changed afterwards is found out.
#[tokio::test]
async fn an_earlier_log_is_chained_when_it_is_opened() {
    let (desk, vault) = (Desk::new(), keyring());
    write_format_1(&desk, 2_500).await;
    let error = LogReader::open(&desk.path()).await.expect_err("it has no chain yet");
    assert!(error.hint.unwrap().contains("Start Understudy once"), "{}", error.message);
    let log = desk.log().await;
    log.append(begun(9_000, "s9", "9", "why")).await.unwrap();
    let found = verify(&desk, &vault).await;
    assert_eq!((found.faults, found.entries), (vec![], 2_501));
    let entries = LogReader::open(&desk.path()).await.unwrap();
    let entries = entries.read_after(&EntryFilter::default(), 0, 3_000).await.unwrap();
    assert_eq!(
        entries.iter().map(|entry| entry.text("session")).take(2).collect::<Vec<_>>(),
        ["old1", "old2"]
    );
    drop(log);

    let mut raw = SqliteConnection::connect(desk.path().to_str().unwrap()).await.unwrap();
    unprotect(&mut raw).await;
    sqlx::raw_sql("UPDATE entries SET reason = '' WHERE id = 1234").execute(&mut raw).await.unwrap();
    assert_eq!(verify(&desk, &vault).await.faults, [LogFault::Changed { entry: 1234 }]);
}

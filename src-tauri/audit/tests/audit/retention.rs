//! Entries that have been kept for long enough go, on the record; what is left can be verified, and nobody else can make
//! entries go that way.

use proptest::prelude::*;
use understudy_audit::reader::{EntryFilter, LogReader, StoredEntry};
use understudy_audit::verification_report::VerificationReport;
use understudy_audit::verify::{LogFault, verify_log};
use understudy_audit::{CheckpointKeeper, ConsoleEntry, ConsoleEvent};

use super::chain::{forge_chain, keyring, unprotect, verify};
use super::*;

const DAY: i64 = 24 * 60 * 60 * 1_000;

/// Two sessions a day, for so many days; the last one of each day ends the day after.
async fn write_days(desk: &Desk, vault: &dyn CheckpointKeeper, days: i64) -> AuditLog {
    let log = desk.log().await;
    for day in 0..days {
        let first = begun(day * DAY, &format!("session of day {day}"), "42", "Ticket 4711");
        log.append(first.clone()).await.unwrap();
        log.append(first.with_event(day * DAY + 1, EndCause::Operator.into())).await.unwrap();
        if day % 3 == 0 {
            log.add_checkpoint(vault, day * DAY + 2).await.unwrap();
        }
    }
    log
}

async fn remove(log: &AuditLog, vault: &dyn CheckpointKeeper, keep: u32, now: i64) -> u64 {
    log.remove_old_entries(vault, &OperatorIdentity::new("Ada", ""), keep, None, now).await.unwrap()
}

async fn numbers(desk: &Desk) -> Vec<i64> {
    let log = LogReader::open(&desk.path()).await.unwrap();
    log.read_after(&EntryFilter::default(), 0, 1_000).await.unwrap().iter().map(StoredEntry::number).collect()
}

#[tokio::test]
async fn old_entries_go_on_the_record_and_the_rest_can_be_verified() {
    let (desk, vault) = (Desk::new(), keyring());
    let log = write_days(&desk, &vault, 10).await;
    let head = verify(&desk, &vault).await.head;

    assert_eq!(remove(&log, &vault, 4, 10 * DAY).await, 12, "six days of ten, two entries each");
    assert_eq!(numbers(&desk).await, (13..=21).collect::<Vec<_>>());
    let found = verify(&desk, &vault).await;
    assert_eq!(found.faults, []);
    let removed = found.removed.unwrap();
    assert_eq!((removed.through, removed.keep_days, found.is_removal_own), (12, 4, Some(true)));
    assert_eq!((found.entries, found.last), (9, Some(21)));
    assert_ne!(found.head, head, "the removal is an entry");

    // Nothing is old enough yet: no entry, no change.
    assert_eq!(remove(&log, &vault, 4, 10 * DAY).await, 0);
    assert_eq!(numbers(&desk).await.len(), 9);
    // Later, the next ones go, the entry about the first removal stays as long as the others.
    assert_eq!(remove(&log, &vault, 4, 12 * DAY).await, 4);
    let found = verify(&desk, &vault).await;
    assert_eq!((found.faults, found.removed.unwrap().through), (vec![], 16));
    // What is written afterwards continues the chain.
    log.append(begun(13 * DAY, "z", "42", "Ticket 1")).await.unwrap();
    log.add_checkpoint(&vault, 13 * DAY).await.unwrap();
    assert_eq!(verify(&desk, &vault).await.faults, []);
    // Nothing of the removed entries is left in the file, and hashes tell nothing.
    let bytes = std::fs::read(desk.path()).unwrap();
    let has = |text: &str| bytes.windows(text.len()).any(|part| part == text.as_bytes());
    assert!(!has("session of day 3") && has("session of day 9"));
}

#[tokio::test]
async fn entries_of_running_sessions_and_all_after_them_stay() {
    let (desk, vault) = (Desk::new(), keyring());
    let log = write_days(&desk, &vault, 2).await;
    log.append(begun(2 * DAY, "running", "42", "Ticket 4711")).await.unwrap();
    log.append(begun(3 * DAY, "later", "42", "Ticket 4711")).await.unwrap();
    let ended = begun(3 * DAY, "later", "42", "Ticket 4711").with_event(3 * DAY, EndCause::Operator.into());
    log.append(ended).await.unwrap();
    assert_eq!(remove(&log, &vault, 1, 100 * DAY).await, 4);
    assert_eq!(numbers(&desk).await, [5, 6, 7, 8]);
    assert_eq!(verify(&desk, &vault).await.faults, []);
}

#[tokio::test]
async fn what_others_do_not_have_yet_stays() {
    let (desk, vault) = (Desk::new(), keyring());
    let log = write_days(&desk, &vault, 3).await;
    let who = OperatorIdentity::new("Ada", "");
    assert_eq!(log.remove_old_entries(&vault, &who, 1, Some(0), 100 * DAY).await.unwrap(), 0);
    assert_eq!(log.remove_old_entries(&vault, &who, 1, Some(3), 100 * DAY).await.unwrap(), 3);
    assert_eq!(numbers(&desk).await, [4, 5, 6, 7]);
    assert_eq!(verify(&desk, &vault).await.faults, []);
}

#[tokio::test]
async fn a_removal_that_was_interrupted_is_finished() {
    let (desk, vault) = (Desk::new(), keyring());
    let log = write_days(&desk, &vault, 5).await;
    // A trigger of the test stands for the interruption: some are gone, then nothing more goes.
    let mut raw = desk.raw().await;
    sqlx::raw_sql(
        "CREATE TRIGGER full BEFORE DELETE ON entries WHEN OLD.id > 2 BEGIN SELECT RAISE(FAIL, 'disk full'); END",
    )
    .execute(&mut raw)
    .await
    .unwrap();
    let who = OperatorIdentity::new("Ada", "");
    log.remove_old_entries(&vault, &who, 1, None, 5 * DAY).await.unwrap_err();
    assert_eq!(verify(&desk, &vault).await.faults, []);
    sqlx::raw_sql("DROP TRIGGER full").execute(&mut raw).await.unwrap();
    assert_eq!(remove(&log, &vault, 1, 5 * DAY).await + 2, 8);
    assert_eq!(numbers(&desk).await, [9, 10, 11]);
    assert_eq!(verify(&desk, &vault).await.faults, []);
}

#[tokio::test]
async fn nobody_else_can_make_entries_go() {
    let (desk, vault) = (Desk::new(), keyring());
    let log = write_days(&desk, &vault, 4).await;
    let mut raw = desk.raw().await;
    let refused = sqlx::raw_sql("DELETE FROM entries WHERE id = 1").execute(&mut raw).await.unwrap_err();
    assert!(refused.to_string().contains("append-only"), "{refused}");
    assert_eq!(remove(&log, &vault, 2, 4 * DAY).await, 4);

    // More than the record says.
    let refused = sqlx::raw_sql("DELETE FROM entries WHERE id = 5").execute(&mut raw).await.unwrap_err();
    assert!(refused.to_string().contains("append-only"), "{refused}");
    unprotect(&mut raw).await;
    sqlx::raw_sql("DELETE FROM entries WHERE id = 5").execute(&mut raw).await.unwrap();
    assert_eq!(verify(&desk, &vault).await.faults, [LogFault::Removed { first: 1, last: 5 }]);

    // A record of one's own, with a chain that fits: it is not signed.
    sqlx::raw_sql(
        "UPDATE entries SET detail = json_set(detail, '$.through', 5, '$.hash',
             (SELECT hash FROM links WHERE entry = 5)) WHERE event = 'entries_removed'",
    )
    .execute(&mut raw)
    .await
    .unwrap();
    assert_eq!(verify(&desk, &vault).await.faults, [LogFault::Removed { first: 1, last: 5 }]);
    // Nor does it help to compute the chain anew over what is left.
    forge_chain(&mut raw).await;
    assert_eq!(verify(&desk, &vault).await.faults.first(), Some(&LogFault::Removed { first: 1, last: 5 }));
}

#[tokio::test]
async fn a_removal_that_another_key_has_signed_is_named() {
    let (desk, vault) = (Desk::new(), keyring());
    let log = write_days(&desk, &vault, 4).await;
    log.add_checkpoint(&vault, 4 * DAY).await.unwrap();
    // Another program, with a key of its own.
    let stranger = keyring();
    assert_eq!(remove(&log, &stranger, 2, 4 * DAY).await, 4);
    let by_another = LogFault::RemovedByAnother { through: 4, at_ms: 4 * DAY };
    assert_eq!(verify(&desk, &vault).await.faults, [by_another]);
    // Without a keyring, nobody can tell; the report names the key.
    let unknown = verify_log(&desk.path(), None).await.unwrap();
    assert_eq!((unknown.faults.clone(), unknown.is_removal_own), (vec![], None));
    let report = VerificationReport::of(&unknown);
    let key = unknown.removed.unwrap().key;
    assert!(report.remarks.iter().any(|remark| remark.contains(&key)), "{report:?}");
}

#[tokio::test]
async fn a_record_that_this_keyring_has_not_signed_removes_nothing() {
    let (desk, vault) = (Desk::new(), keyring());
    let log = write_days(&desk, &vault, 4).await;
    for through in [3, 1_000] {
        let forged = ConsoleEvent::EntriesRemoved {
            through,
            hash: "00".into(),
            keep_days: 1,
            key: "00".into(),
            signature: "00".into(),
        };
        let who = OperatorIdentity::new("Ada", "");
        log.append_console_entry(&ConsoleEntry::new(4 * DAY, who, forged)).await.unwrap();
    }
    assert_eq!(remove(&log, &vault, 400, 5 * DAY).await, 0);
    assert_eq!(numbers(&desk).await.len(), 10);
    assert_eq!(remove(&log, &vault, 3, 5 * DAY).await, 4, "what is old goes nonetheless");
}

#[tokio::test]
async fn a_change_in_what_is_left_is_still_found() {
    for (attack, fault) in [
        ("UPDATE entries SET reason = 'x' WHERE id = 13", LogFault::Changed { entry: 13 }),
        ("DELETE FROM entries WHERE id = 15", LogFault::Removed { first: 15, last: 15 }),
        ("UPDATE links SET hash = replace(hash, '0', '1') WHERE entry = 12", LogFault::Removed { first: 1, last: 12 }),
        ("DELETE FROM links WHERE entry = 12", LogFault::Removed { first: 1, last: 12 }),
        ("DELETE FROM entries WHERE event = 'entries_removed'", LogFault::Removed { first: 1, last: 12 }),
        ("UPDATE entries SET detail = json_set(detail, '$.keep_days', 9) WHERE id = 21", LogFault::Changed { entry: 21 }),
        // A removed one, put back with other words.
        ("INSERT INTO entries (id, at_ms, event, operator_name, operator_email, os_user, host, reason, detail, app_version)
          VALUES (12, 1, 'started', '', '', '', '', '', '', '')", LogFault::Changed { entry: 12 }),
    ] {
        let (desk, vault) = (Desk::new(), keyring());
        let log = write_days(&desk, &vault, 10).await;
        assert_eq!(remove(&log, &vault, 4, 10 * DAY).await, 12);
        log.add_checkpoint(&vault, 10 * DAY).await.unwrap();
        let mut raw = desk.raw().await;
        unprotect(&mut raw).await;
        sqlx::raw_sql(attack).execute(&mut raw).await.unwrap();
        assert_eq!(verify(&desk, &vault).await.faults.first(), Some(&fault), "{attack}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    /// Whatever is removed how often: all that is young enough is there, and the chain fits.
    #[test]
    fn any_removals_leave_a_log_that_fits(steps in proptest::collection::vec((1_i64..4, 0_u32..6), 1..6)) {
        tokio::runtime::Runtime::new().unwrap().block_on(async {
            let (desk, vault) = (Desk::new(), keyring());
            let log = desk.log().await;
            let mut now = 0;
            for (n, (days, keep)) in steps.into_iter().enumerate() {
                for day in 0..days {
                    let at = now + day * DAY;
                    let first = begun(at, &format!("{n}-{day}"), "42", "Ticket 4711");
                    log.append(first.clone()).await.unwrap();
                    log.append(first.with_event(at, EndCause::Operator.into())).await.unwrap();
                }
                now += days * DAY;
                remove(&log, &vault, keep, now).await;
                log.add_checkpoint(&vault, now).await.unwrap();
                assert_eq!(verify(&desk, &vault).await.faults, []);
                let mut raw = desk.raw().await;
                let old: i64 = sqlx::query_scalar("SELECT count(*) FROM entries WHERE at_ms < ?")
                    .bind(now - i64::from(keep) * DAY).fetch_one(&mut raw).await.unwrap();
                assert_eq!(old, 0);
            }
        });
    }
}

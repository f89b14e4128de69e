//! A log that somebody has changed does not become a genuine one when a console starts and goes on with it; and when
//! consoles sign the log.

use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::Mutex;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::mpsc;
use understudy_audit::verify::LogFault;
use understudy_audit::{CheckpointKeeper, ConsoleEntry, ConsoleEvent, RememberedLog, recall_logs};

use super::chain::{TestKeyring, forge_chain, keyring, unprotect, verify, written};
use super::*;

/// When the console is started that finds what was done.
const FOUND: i64 = 20_000;

const DAY: i64 = 24 * 60 * 60 * 1_000;

/// What a console does to the log when it is opened and closed again. The file may refuse its entry.
async fn start_once(desk: &Desk, vault: &dyn CheckpointKeeper, at_ms: i64) {
    let log = desk.log().await;
    let _ = log.add_checkpoint(vault, at_ms).await;
    let started = ConsoleEntry::new(at_ms, OperatorIdentity::new("Ada", ""), ConsoleEvent::Started);
    let _ = log.append_console_entry(&started).await;
    let _ = log.add_checkpoint(vault, at_ms + 1).await;
}

fn missed(first: i64, last: i64) -> LogFault {
    LogFault::Missed { first, last, at_ms: 3_003, found_ms: FOUND }
}

#[tokio::test]
async fn a_start_hides_nothing_of_what_was_done_to_the_log() {
    const CUT: &str = "DELETE FROM entries WHERE id > 10; DELETE FROM links WHERE entry > 10;";
    const HARMLESS: &str = "UPDATE entries SET reason = 'harmless' WHERE id = 5;";
    const UNSIGN: &str = "DELETE FROM checkpoints";
    for (attack, is_forged, expected) in [
        (HARMLESS.to_owned(), true, missed(4, 12)),
        (format!("{HARMLESS}{UNSIGN}"), true, missed(1, 12)),
        // What was signed at 6 holds; what came after that may not be what it was.
        (CUT.to_owned(), false, missed(7, 12)),
        (format!("{CUT}{UNSIGN}"), false, missed(1, 12)),
        (format!("{CUT}{HARMLESS}{UNSIGN}"), true, missed(1, 12)),
        (format!("{CUT}{HARMLESS}{UNSIGN} WHERE entry > 3"), true, missed(4, 12)),
        ("DELETE FROM entries WHERE id > 10".to_owned(), false, missed(7, 12)),
        // Links that are left say nothing about the entries that are left.
        ("DELETE FROM entries WHERE id > 4".to_owned(), false, missed(4, 12)),
        (
            "DELETE FROM entries WHERE id > 10; DELETE FROM links WHERE entry = 11".to_owned(),
            false,
            missed(7, 12),
        ),
        ("DELETE FROM entries".to_owned(), false, missed(1, 12)),
        ("DELETE FROM entries; DELETE FROM links; DELETE FROM checkpoints".to_owned(), false, missed(1, 12)),
    ] {
        let (desk, vault) = (Desk::new(), keyring());
        written(&desk, &vault).await;
        let mut raw = desk.raw().await;
        unprotect(&mut raw).await;
        sqlx::raw_sql(AssertSqlSafe(attack.clone())).execute(&mut raw).await.unwrap();
        if is_forged {
            forge_chain(&mut raw).await;
        }
        drop(raw);
        for start in 0..3 {
            start_once(&desk, &vault, FOUND + 10 * start).await;
            let found = verify(&desk, &vault).await;
            assert!(found.faults.contains(&expected), "{attack}, start {start}: {:?}", found.faults);
        }
    }
}

/// Also if others have written to it before a console knows, and whatever is done next.
#[tokio::test]
async fn a_log_that_went_on_is_protected_from_there_and_breaks_add_up() {
    let (desk, vault) = (Desk::new(), keyring());
    written(&desk, &vault).await;
    let mut raw = desk.raw().await;
    unprotect(&mut raw).await;
    let cut = "DELETE FROM entries WHERE id > 10; DELETE FROM links WHERE entry > 10; \
               DELETE FROM checkpoints WHERE entry > 10";
    sqlx::raw_sql(cut).execute(&mut raw).await.unwrap();
    let log = desk.log().await;
    for n in 0..5 {
        log.append(begun(9_000, &format!("t{n}"), "9", "why")).await.unwrap();
    }
    drop(log);
    start_once(&desk, &vault, FOUND).await;
    assert_eq!(verify(&desk, &vault).await.faults, [missed(7, 12)], "what was signed at 6 holds");

    // The new end is cut off, too.
    let cut = "DELETE FROM entries WHERE id > 14; DELETE FROM links WHERE entry > 14; \
               DELETE FROM checkpoints WHERE entry > 14";
    sqlx::raw_sql(cut).execute(&mut raw).await.unwrap();
    let cut_off = LogFault::CutOff { last: 14, entry: 16, at_ms: FOUND + 1 };
    assert_eq!(verify(&desk, &vault).await.faults, [cut_off, missed(7, 12)]);
    start_once(&desk, &vault, FOUND + 50_000).await;
    let both = LogFault::Missed { first: 7, last: 16, at_ms: FOUND + 1, found_ms: FOUND + 50_000 };
    assert_eq!(verify(&desk, &vault).await.faults, std::slice::from_ref(&both));
    assert_eq!(
        both.to_string(),
        "Entries 7 to 16, signed on 1970-01-01 00:00:20 UTC, were missing or other ones when the log went on: Understudy \
         found that on 1970-01-01 00:01:10 UTC."
    );
}

#[tokio::test]
async fn two_breaks_with_intact_entries_between_them_are_named_each_with_its_own_times() {
    let (desk, vault) = (Desk::new(), keyring());
    written(&desk, &vault).await;
    let mut raw = desk.raw().await;
    unprotect(&mut raw).await;
    let cut = |after: i64| {
        AssertSqlSafe(format!(
            "DELETE FROM entries WHERE id > {after}; DELETE FROM links WHERE entry > {after};
             DELETE FROM checkpoints WHERE entry > {after}"
        ))
    };
    sqlx::raw_sql(cut(6)).execute(&mut raw).await.unwrap();
    start_once(&desk, &vault, FOUND).await;
    let log = desk.log().await;
    for n in 8..=20 {
        log.append(begun(30_000, &format!("t{n}"), "9", "why")).await.unwrap();
        if n >= 14 {
            log.add_checkpoint(&vault, 30_000 + n).await.unwrap().expect("a checkpoint");
        }
    }
    drop(log);
    sqlx::raw_sql(cut(14)).execute(&mut raw).await.unwrap();
    start_once(&desk, &vault, 40_000).await;
    let later = LogFault::Missed { first: 15, last: 20, at_ms: 30_020, found_ms: 40_000 };
    assert_eq!(verify(&desk, &vault).await.faults, [missed(7, 12), later]);
}

#[tokio::test]
async fn an_older_copy_or_another_log_is_named_after_any_number_of_starts() {
    let (desk, vault) = (Desk::new(), keyring());
    let aside = desk.dir.path().join("aside.sqlite");
    written(&desk, &vault).await;
    std::fs::copy(desk.path(), &aside).unwrap();
    start_once(&desk, &vault, 10_000).await;
    assert_eq!(verify(&desk, &vault).await.faults, []);
    std::fs::copy(&aside, desk.path()).unwrap();
    let one = LogFault::Missed { first: 13, last: 13, at_ms: 10_001, found_ms: FOUND };
    for start in 0..3 {
        start_once(&desk, &vault, FOUND + start).await;
        assert_eq!(verify(&desk, &vault).await.faults, std::slice::from_ref(&one));
    }

    std::fs::remove_file(desk.path()).unwrap();
    let faults = verify(&desk, &vault).await.faults;
    assert_eq!(faults, [LogFault::Gone { entry: 15, at_ms: FOUND + 3 }, one]);
    // More other logs than are remembered, here and elsewhere.
    for start in 0..20 {
        start_once(&desk, &vault, 30_000 + start).await;
        start_once(&Desk::new(), &vault, 30_000 + start).await;
        let replaced = LogFault::Replaced { entry: 15, at_ms: FOUND + 3 };
        assert!(verify(&desk, &vault).await.faults.contains(&replaced), "start {start}");
        std::fs::remove_file(desk.path()).unwrap();
    }
}

/// Also if the console that ran meanwhile goes on with the copy, and had seen more entries when it was opened.
#[tokio::test]
async fn an_older_copy_under_a_running_console_loses_what_it_does_not_have() {
    let (desk, vault) = (Desk::new(), keyring());
    let aside = desk.dir.path().join("aside.sqlite");
    let log = desk.log().await;
    let append = async |log: &AuditLog, what: &str, count: i64| {
        for n in 0..count {
            log.append(begun(n, &format!("{what} {n}"), "7", "why")).await.unwrap();
        }
    };
    append(&log, "first", 10).await;
    log.add_checkpoint(&vault, 1_000).await.unwrap().expect("a checkpoint at entry 10");
    std::fs::copy(desk.path(), &aside).unwrap();
    append(&log, "second", 10).await;
    drop(log);
    let log = desk.log().await;
    append(&log, "third", 5).await;
    log.add_checkpoint(&vault, 3_003).await.unwrap().expect("a checkpoint at entry 25");

    std::fs::rename(&aside, desk.path()).unwrap();
    append(&log, "other", 2).await;
    log.add_checkpoint(&vault, FOUND).await.unwrap().expect("a checkpoint at entry 12");
    assert!(log.was_replaced().await);
    assert_eq!(verify(&desk, &vault).await.faults, [missed(11, 25)], "11 and 12 are other ones");
}

/// The file takes a checkpoint from any program, also with its triggers, and also for entries to come.
#[tokio::test]
async fn a_forged_checkpoint_keeps_no_entry_from_being_signed_and_remembered() {
    for is_of_that_entry in [true, false] {
        let (desk, vault) = (Desk::new(), keyring());
        written(&desk, &vault).await;
        let log = desk.log().await;
        let link = log.append(begun(9_000, "next", "7", "why")).await.unwrap();
        let hash = if is_of_that_entry { link.hash.clone() } else { "00".repeat(32) };
        sqlx::query(
            "INSERT INTO checkpoints (entry, at_ms, hash, key, signature)
             SELECT 13, 1, ?, key, signature FROM checkpoints WHERE entry = 12",
        )
        .bind(hash)
        .execute(&mut desk.raw().await)
        .await
        .unwrap();
        log.add_checkpoint(&vault, FOUND).await.unwrap().expect("a signature");
        let remembered = recall_logs(&vault).await.unwrap().remove(0);
        assert_eq!((remembered.entry, remembered.hash, remembered.at_ms), (13, link.hash, FOUND));
        assert_eq!(verify(&desk, &vault).await.faults, [LogFault::Forged { entry: 13, at_ms: 1 }]);
    }
}

/// Cuts off the log's last two entries, with the triggers out of the way.
async fn cut_off_two(desk: &Desk) {
    let mut raw = desk.raw().await;
    unprotect(&mut raw).await;
    let cut = "DELETE FROM entries WHERE id > 10; DELETE FROM links WHERE entry > 10";
    sqlx::raw_sql(cut).execute(&mut raw).await.unwrap();
}

/// More than there is room for, in places of their own or in one place.
#[tokio::test]
async fn logs_that_are_begun_elsewhere_make_the_keyring_forget_nothing() {
    for is_one_place in [false, true] {
        let (desk, vault, elsewhere) = (Desk::new(), keyring(), Desk::new());
        written(&desk, &vault).await;
        for start in 0..52 {
            if is_one_place {
                start_once(&elsewhere, &vault, 10_000 + start).await;
                std::fs::remove_file(elsewhere.path()).unwrap();
            } else {
                start_once(&Desk::new(), &vault, 10_000 + start).await;
            }
        }
        cut_off_two(&desk).await;
        start_once(&desk, &vault, FOUND).await;
        start_once(&elsewhere, &vault, FOUND + 10).await;
        start_once(&Desk::new(), &vault, FOUND + 20).await;
        let faults = verify(&desk, &vault).await.faults;
        assert!(faults.contains(&missed(7, 12)), "in one place: {is_one_place}: {faults:?}");
    }
}

/// Waits until the file has a checkpoint at this entry.
async fn wait_for_signature(desk: &Desk, entry: i64) {
    let mut raw = desk.raw().await;
    let is_signed = "SELECT EXISTS (SELECT 1 FROM checkpoints WHERE entry = ?)";
    while !sqlx::query_scalar::<_, bool>(is_signed).bind(entry).fetch_one(&mut raw).await.unwrap() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn the_operator_is_told_once_in_each_run_that_the_keyring_has_no_room_for_the_log() {
    let (desk, vault) = (Desk::new(), keyring());
    for start in 0..30 {
        start_once(&Desk::new(), &vault, 10_000 + start).await;
    }
    let before = recall_logs(&vault).await.unwrap();
    for run in 0..2 {
        let log = desk.log().await;
        let first = begun(FOUND, &format!("s{run}"), "7", "why");
        let number = log.append(first.clone()).await.unwrap().number;
        let mut told = keep(&log, &vault, FOUND);
        wait_for_signature(&desk, number).await;
        let number = log.append(first.with_event(FOUND, EndCause::Operator.into())).await.unwrap().number;
        wait_for_signature(&desk, number).await;
        drop(log);
        let error = told.recv().await.expect("it is told");
        assert!(error.message.starts_with("The keyring has no room to remember this"), "{}", error.message);
        assert!(error.hint.unwrap().contains("understudy audit verify"));
        assert!(told.recv().await.is_none(), "it is told once");
    }
    assert_eq!(recall_logs(&vault).await.unwrap(), before);
}

/// Entries that were removed on the record, the last signed one among them, are no break; nor is a log that grows.
#[tokio::test]
async fn what_goes_because_of_its_age_is_no_break() {
    let (desk, vault) = (Desk::new(), keyring());
    let log = desk.log().await;
    for day in 0..6 {
        let first = begun(day * DAY, &format!("s{day}"), "42", "Ticket 4711");
        log.append(first.clone()).await.unwrap();
        log.append(first.with_event(day * DAY, EndCause::Operator.into())).await.unwrap();
        if day == 1 {
            log.add_checkpoint(&vault, day * DAY).await.unwrap().expect("a checkpoint at entry 4");
        }
    }
    let who = OperatorIdentity::new("Ada", "");
    assert_eq!(log.remove_old_entries(&vault, &who, 2, None, 6 * DAY).await.unwrap(), 8);
    drop(log);
    for start in 0..3 {
        start_once(&desk, &vault, 7 * DAY + start).await;
        assert_eq!(verify(&desk, &vault).await.faults, []);
    }
    // Nor if all that was there is gone.
    let log = desk.log().await;
    assert!(log.remove_old_entries(&vault, &who, 0, None, 99 * DAY).await.unwrap() > 0);
    drop(log);
    start_once(&desk, &vault, 100 * DAY).await;
    assert_eq!(verify(&desk, &vault).await.faults, []);
}

fn keep(log: &AuditLog, vault: &TestKeyring, at_ms: i64) -> mpsc::UnboundedReceiver<AuditError> {
    let (tell, told) = mpsc::unbounded_channel();
    log.keep_checkpoints(vault.clone(), move || at_ms, move |error| drop(tell.send(error)));
    told
}

#[tokio::test]
async fn the_operator_is_told_of_a_break_once_whoever_finds_it() {
    // A console that starts, and one that finds it only when it quits, or the command line.
    for is_found_before in [false, true] {
        let (desk, vault) = (Desk::new(), keyring());
        written(&desk, &vault).await;
        cut_off_two(&desk).await;
        if is_found_before {
            start_once(&desk, &vault, FOUND).await;
        }
        let log = desk.log().await;
        let mut told = keep(&log, &vault, FOUND);
        let error = told.recv().await.unwrap();
        assert_eq!(
            error.message,
            "Entries 7 to 12 of this computer's audit log are missing, or are not what was signed."
        );
        assert!(error.hint.unwrap().contains("understudy audit verify"));
        let first = begun(FOUND, "next", "7", "why");
        log.append(first.clone()).await.unwrap();
        log.append(first.with_event(FOUND, EndCause::Operator.into())).await.unwrap();
        let last = log.latest_number();
        vault.wait_for_checkpoint(last).await;
        drop(log);
        let log = desk.log().await;
        let mut told_again = keep(&log, &vault, FOUND);
        let ended = begun(FOUND, "later", "7", "why");
        log.append(ended.clone()).await.unwrap();
        log.append(ended.with_event(FOUND, EndCause::Operator.into())).await.unwrap();
        vault.wait_for_checkpoint(last + 2).await;
        assert!(told.try_recv().is_err() && told_again.try_recv().is_err());
        assert!(verify(&desk, &vault).await.faults.contains(&missed(7, 12)));
    }
}

/// A keyring that takes its time to answer, and notes which checkpoints it was given.
#[derive(Clone, Default)]
struct SlowKeyring {
    keyring: TestKeyring,
    given: Arc<Mutex<Vec<i64>>>,
}

#[async_trait]
impl CheckpointKeeper for SlowKeyring {
    async fn read_kept(&self, name: &'static str) -> Result<Option<SecretString>, AuditError> {
        let kept = self.keyring.read_kept(name).await;
        for _ in 0..200 {
            tokio::task::yield_now().await;
        }
        kept
    }

    async fn write_kept(&self, name: &'static str, value: &SecretString) -> Result<(), AuditError> {
        if name == "audit/checkpoints" {
            let logs: Vec<RememberedLog> = serde_json::from_str(value.expose_secret()).unwrap();
            self.given.lock().push(logs[0].entry);
        }
        self.keyring.write_kept(name, value).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn runs_that_sign_at_once_never_move_the_memory_back() {
    let (desk, vault) = (Desk::new(), SlowKeyring::default());
    desk.log().await;
    let runs = (0..4).map(|run| {
        let (path, vault) = (desk.path(), vault.clone());
        tokio::spawn(async move {
            let log = AuditLog::open(&path).await.unwrap();
            for n in 0..10 {
                log.append(begun(n, &format!("{run}-{n}"), "7", "why")).await.unwrap();
                log.add_checkpoint(&vault, n).await.unwrap();
            }
        })
    });
    for run in runs.collect::<Vec<_>>() {
        run.await.unwrap();
    }
    let given = vault.given.lock().clone();
    assert!(given.is_sorted() && given.last() == Some(&40), "{given:?}");
    assert_eq!(verify(&desk, &vault).await.faults, []);
}

#[tokio::test]
async fn a_checkpoint_is_made_at_the_start_at_the_end_of_a_session_and_every_thousand_entries() {
    let (desk, vault) = (Desk::new(), keyring());
    let log = desk.log().await;
    let first = begun(1, "s1", "7", "why");
    log.append(first.clone()).await.unwrap();
    keep(&log, &vault, 5);
    vault.wait_for_checkpoint(1).await;
    log.append(first.with_event(2, Event::Active)).await.unwrap();
    log.append(first.with_event(3, EndCause::Operator.into())).await.unwrap();
    vault.wait_for_checkpoint(3).await;

    // As if so many had been written.
    sqlx::raw_sql(
        "INSERT INTO entries (id, at_ms, event, operator_name, operator_email, os_user, host, reason, detail, app_version)
         VALUES (998, 4, 'started', '', '', '', '', '', '', '')",
    )
    .execute(&mut desk.raw().await)
    .await
    .unwrap();
    let running = begun(5, "s2", "7", "why");
    log.append(running.clone()).await.unwrap();
    log.append(running.with_event(6, Event::Active)).await.unwrap();
    vault.wait_for_checkpoint(1_000).await;
    let signed: Vec<i64> = sqlx::query_scalar("SELECT entry FROM checkpoints ORDER BY entry")
        .fetch_all(&mut desk.raw().await)
        .await
        .unwrap();
    assert_eq!(signed, [1, 3, 1_000]);
}

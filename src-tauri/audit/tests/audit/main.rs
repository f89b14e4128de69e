//! The audit log from outside: through its API, and through the file as other programs see it.

mod breaks;
mod chain;
mod console_entries;
#[allow(clippy::print_stdout, reason = "it says what it measured")]
mod costs;
#[allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "it says how often it was tried, and with which dice"
)]
mod crashes;
mod long_texts;
mod retention;

use std::path::{Path, PathBuf};

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, Connection};
use tempfile::TempDir;
use understudy_audit::{
    AuditCode, AuditError, AuditLog, EndCause, Entry, EntryLink, Event, OperatorIdentity, Outcome, Subject,
};
use understudy_terms::Environment;
use understudy_terms::SessionMode;

struct Desk {
    dir: TempDir,
}

impl Desk {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("data").join("audit.sqlite")
    }

    async fn log(&self) -> AuditLog {
        AuditLog::open(&self.path()).await.unwrap()
    }

    /// Opens the file like any other program.
    async fn raw(&self) -> SqliteConnection {
        let options = SqliteConnectOptions::new().filename(self.path()).create_if_missing(true);
        SqliteConnection::connect_with(&options).await.unwrap()
    }

    async fn refusal(&self) -> AuditError {
        refusal(&self.path()).await
    }
}

async fn refusal(path: &Path) -> AuditError {
    let error = AuditLog::open(path).await.expect_err("the log opened");
    assert_eq!(error.code, AuditCode::LogFailed);
    assert!(error.hint.is_some(), "no next step in: {error}");
    error
}

fn begun(at_ms: i64, session: &str, user: &str, reason: &str) -> Entry {
    Entry::for_new_session(
        at_ms,
        session,
        OperatorIdentity {
            operator_name: "Ada".into(),
            operator_email: "ada@example.org".into(),
            os_user: "ada".into(),
            host: "desk-4".into(),
        },
        Subject {
            connection: "acme".into(),
            connection_name: "Acme".into(),
            environment: Environment::Production,
            user_id: user.into(),
            user_name: Some("Zoë <b>".into()),
            user_email: None,
        },
        reason,
    )
}

#[tokio::test]
async fn a_session_is_logged_from_start_to_end_and_survives_reopening() {
    let desk = Desk::new();
    let first =
        begun(1_000, "s1", "7", "Ticket 4711: cannot see the button").with_mode(SessionMode::ReadOnly);
    let refused = first.with_event(1_200, Event::Refused { status: Some(401), cause: "unauthorised".into() });
    let active = first.with_event(1_500, Event::Active);
    let extended = first.with_event(5_000, Event::Extended { minutes: 60 });
    let unlocked = first.with_event(6_000, Event::Unlocked { reason: "Ticket 4711: resend it".into() });
    let locked = first.with_event(7_000, Event::Locked);
    let held_back = Some(12);
    let event = Event::Ended { cause: EndCause::WindowClosed, sign_out_failed: None, held_back };
    let ended = first.with_event(9_000, event);

    let log = desk.log().await;
    for entry in [&first, &refused, &active, &extended, &unlocked, &locked, &ended] {
        log.append(entry.clone()).await.unwrap();
    }
    drop(log);

    let log = desk.log().await;
    assert_eq!(
        log.read_entries(10).await.unwrap(),
        [ended.clone(), locked, unlocked, extended, active, refused, first]
    );
    assert_eq!(log.read_entries(1).await.unwrap(), [ended]);
}

#[tokio::test]
async fn an_end_says_why_its_sign_out_failed() {
    let desk = Desk::new();
    let log = desk.log().await;
    let first = begun(1, "s1", "7", "why");
    let failed =
        |why: String| Event::Ended { cause: EndCause::Deadline, sign_out_failed: Some(why), held_back: None };
    log.append(first.clone()).await.unwrap();
    log.append(first.with_event(2, failed("ü".repeat(10_000)))).await.unwrap();
    assert_eq!(log.read_entries(1).await.unwrap()[0].event, failed("ü".repeat(300)));
    let past = log.past_sessions("acme", "7", 10).await.unwrap();
    assert_eq!(past[0].sign_out_failed, Some("ü".repeat(300)));
}

#[tokio::test]
async fn a_format_1_log_is_read_and_continued() {
    let desk = Desk::new();
    std::fs::create_dir(desk.path().parent().unwrap()).unwrap();
    let mut raw = desk.raw().await;
    sqlx::raw_sql(concat!(
        include_str!("../../src/v1.sql"),
        "PRAGMA application_id = 0x55417564; PRAGMA user_version = 1;
         INSERT INTO entries (id, at_ms, session, event, operator_name, operator_email, os_user, host,
            connection, connection_name, environment, user_id, reason, detail, app_version)
         VALUES (1, 1, 'old', 'begun', 'Ada', '', 'ada', 'desk-4', 'acme', 'Acme', 'staging', '7', 'why', '', '0.1.0'),
            (2, 2, 'old', 'ended', 'Ada', '', 'ada', 'desk-4', 'acme', 'Acme', 'staging', '7', 'why', 'quit', '0.1.0')",
    ))
    .execute(&mut raw)
    .await
    .unwrap();
    raw.close().await.unwrap();

    let log = desk.log().await;
    assert_eq!(log.read_entries(1).await.unwrap()[0].event, EndCause::Quit.into());
    log.append(begun(3, "new", "7", "why")).await.unwrap();
    let past = log.past_sessions("acme", "7", 10).await.unwrap();
    let told: Vec<_> = past.iter().map(|one| (one.session.as_str(), one.ended_at)).collect();
    assert_eq!(told, [("new", None), ("old", Some(2))]);
    assert!(
        log.append(begun(4, "old", "7", "again")).await.is_err(),
        "the file's own rules went with the format"
    );
    assert!(past.iter().all(|one| one.sign_out_failed.is_none()));
}

#[tokio::test]
async fn a_log_of_format_3_keeps_its_entries_and_their_runs() {
    let desk = Desk::new();
    std::fs::create_dir(desk.path().parent().unwrap()).unwrap();
    let mut raw = desk.raw().await;
    sqlx::raw_sql(concat!(
        include_str!("../../src/v1.sql"),
        include_str!("../../src/v2.sql"),
        include_str!("../../src/v3.sql"),
        "PRAGMA application_id = 0x55417564; PRAGMA user_version = 3;
         INSERT INTO entries (id, at_ms, session, event, operator_name, operator_email, os_user, host, connection,
            connection_name, environment, user_id, reason, detail, app_version, sign_out_failed, run)
         VALUES (1, 1, 'old', 'begun', 'Ada', '', 'ada', 'desk-4', 'acme', 'Acme', 'staging', '7', 'why', '', '0.1.0',
                NULL, 'a run'),
            (2, 2, 'old', 'ended', 'Ada', '', 'ada', 'desk-4', 'acme', 'Acme', 'staging', '7', 'why', 'quit', '0.1.0',
                'it was busy', 'a run')",
    ))
    .execute(&mut raw)
    .await
    .unwrap();
    raw.close().await.unwrap();

    let log = desk.log().await;
    let entries = log.read_entries(10).await.unwrap();
    let failed = Some("it was busy".to_owned());
    let ended = Event::Ended { cause: EndCause::Quit, sign_out_failed: failed, held_back: None };
    assert_eq!(entries.iter().map(|entry| &entry.event).collect::<Vec<_>>(), [&ended, &Event::Begun]);
    assert!(entries.iter().all(|entry| entry.mode.is_none()), "it is unknown");
    let runs: Vec<String> =
        sqlx::query_scalar("SELECT run FROM entries").fetch_all(&mut desk.raw().await).await.unwrap();
    assert_eq!(runs, ["a run", "a run"]);
    let first = begun(3, "new", "7", "why");
    log.append(first.clone()).await.unwrap();
    log.append(first.with_event(4, Event::Locked)).await.expect("the format knows it");
}

#[tokio::test]
async fn an_appended_entry_is_complete_in_the_main_file() {
    let desk = Desk::new();
    let log = desk.log().await;
    log.append(begun(1, "s1", "7", "why")).await.unwrap();

    // What a crash would leave: the file as it is now, without sidecar files.
    let names: Vec<_> = std::fs::read_dir(desk.path().parent().unwrap())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        // The folder for run files, which is not part of the log.
        .filter(|name| name != "runs")
        .collect();
    assert_eq!(names, ["audit.sqlite"], "part of the log lives outside the file");
    let copy = desk.dir.path().join("copy.sqlite");
    std::fs::copy(desk.path(), &copy).unwrap();
    let copied = AuditLog::open(&copy).await.unwrap();
    assert_eq!(copied.read_entries(10).await.unwrap(), log.read_entries(10).await.unwrap());
}

#[tokio::test]
async fn the_order_of_a_session_is_kept() {
    let desk = Desk::new();
    let log = desk.log().await;
    let first = begun(1, "s1", "7", "why");

    let refused = |result: Result<EntryLink, AuditError>, word: &str| {
        let error = result.expect_err("the entry was taken");
        assert_eq!(error.code, AuditCode::LogFailed);
        assert!(error.message.contains(word), "{error}");
    };
    refused(log.append(first.with_event(2, Event::Active)).await, "never begun");
    log.append(first.clone()).await.unwrap();
    refused(log.append(first.clone()).await, "begun before");
    log.append(first.with_event(3, EndCause::Operator.into())).await.unwrap();
    refused(log.append(first.with_event(4, Event::Active)).await, "has ended");
    refused(log.append(first.with_event(4, EndCause::Quit.into())).await, "has ended");
    refused(log.append(first.clone()).await, "begun before");
    assert_eq!(log.read_entries(10).await.unwrap().len(), 2);
}

#[tokio::test]
async fn no_other_program_can_change_remove_or_replace_an_entry() {
    let desk = Desk::new();
    let log = desk.log().await;
    log.append(begun(1, "s1", "7", "why")).await.unwrap();
    let before = log.read_entries(10).await.unwrap();

    let mut raw = desk.raw().await;
    for attack in [
        "UPDATE entries SET reason = 'nothing to see'",
        "DELETE FROM entries",
        "INSERT OR REPLACE INTO entries (id, at_ms, session, event, operator_name, operator_email, os_user, host,
            connection, connection_name, environment, user_id, reason, detail, app_version)
         VALUES (1, 1, 's2', 'begun', '', '', '', '', '', '', 'staging', '', '', '', '')",
    ] {
        let error = sqlx::raw_sql(attack).execute(&mut raw).await.expect_err(attack);
        assert!(error.to_string().contains("append-only"), "{attack}: {error}");
    }
    assert_eq!(log.read_entries(10).await.unwrap(), before);
}

#[tokio::test]
async fn two_processes_may_write_at_the_same_time() {
    let desk = Desk::new();
    let (one, other) = (desk.log().await, desk.log().await);
    let write = |log: AuditLog, name: &'static str| async move {
        for n in 0..20 {
            log.append(begun(n, &format!("{name}{n}"), "7", "why")).await.unwrap();
        }
    };
    tokio::join!(write(one.clone(), "a"), write(other, "b"));
    assert_eq!(one.read_entries(100).await.unwrap().len(), 40);
}

#[tokio::test]
async fn past_sessions_of_a_user_come_newest_first_with_their_outcome() {
    let desk = Desk::new();
    let log = desk.log().await;
    let good = begun(10, "good", "7", "first");
    let bad = begun(20, "bad", "7", "second");
    let unopened = begun(25, "unopened", "7", "");
    let crashed = begun(27, "crashed", "7", "");
    let running = begun(30, "running", "7", "third");
    for entry in [
        good.clone(),
        good.with_event(11, Event::Active),
        good.with_event(19, EndCause::Operator.into()),
        begun(15, "other user", "8", "not mine"),
        bad.clone(),
        bad.with_event(21, Event::Refused { status: None, cause: "no answer".into() }),
        bad.with_event(22, EndCause::WindowClosed.into()),
        unopened.clone(),
        unopened.with_event(26, EndCause::NeverOpened.into()),
        crashed.clone(),
        crashed.with_event(28, Event::Active),
        crashed.with_event(29, EndCause::Crash.into()),
        running.clone(),
        running.with_event(31, Event::Active),
    ] {
        log.append(entry).await.unwrap();
    }

    let past = log.past_sessions("acme", "7", 10).await.unwrap();
    let told: Vec<_> = past
        .iter()
        .map(|s| (s.session.as_str(), s.outcome, s.started_at, s.ended_at, s.reason.as_str()))
        .collect();
    assert_eq!(
        told,
        [
            ("running", Outcome::Running, 30, None, "third"),
            ("crashed", Outcome::Crashed, 27, Some(29), ""),
            ("unopened", Outcome::Refused, 25, Some(26), ""),
            ("bad", Outcome::Refused, 20, Some(22), "second"),
            ("good", Outcome::Ended, 10, Some(19), "first"),
        ]
    );
    assert!(past.iter().all(|s| s.operator == "Ada"));
    assert_eq!(log.past_sessions("acme", "7", 2).await.unwrap(), past[..2]);
    assert!(log.past_sessions("other", "7", 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn recent_reasons_of_an_operator_come_newest_first_without_duplicates() {
    let desk = Desk::new();
    let log = desk.log().await;
    for (at_ms, reason) in (0..).zip(["billing", "login", "billing", "", "export"]) {
        log.append(begun(at_ms, &format!("s{at_ms}"), "7", reason)).await.unwrap();
    }
    let mut nameless = begun(9, "nameless", "7", "somebody else's");
    nameless.who.operator_name.clear();
    log.append(nameless.clone()).await.unwrap();

    assert_eq!(log.recent_reasons("acme", "Ada", 10).await.unwrap(), ["export", "billing", "login"]);
    assert_eq!(log.recent_reasons("acme", "Ada", 1).await.unwrap(), ["export"]);
    assert!(log.recent_reasons("other", "Ada", 10).await.unwrap().is_empty());
    // The file and the type agree on how to name an operator without a name.
    assert_eq!(
        log.recent_reasons("acme", nameless.who.display_name(), 10).await.unwrap(),
        ["somebody else's"]
    );
}

#[tokio::test]
async fn recent_users_of_an_operator_come_newest_first_each_with_the_latest_session() {
    let desk = Desk::new();
    let log = desk.log().await;
    let sessions = [("7", "billing"), ("8", "login"), ("7", "export"), ("9", "a test")];
    for (at_ms, (user, reason)) in (0..).zip(sessions) {
        log.append(begun(at_ms, &format!("s{at_ms}"), user, reason)).await.unwrap();
    }
    let mut colleagues = begun(9, "colleague", "10", "theirs");
    colleagues.who.operator_name = "Grace".into();
    log.append(colleagues).await.unwrap();
    let mut elsewhere = begun(12, "elsewhere", "11", "other shop");
    elsewhere.whom.connection = "other".into();
    log.append(elsewhere).await.unwrap();

    let recent = log.recent_users("acme", "Ada", &["a test"], 10).await.unwrap();
    let told: Vec<_> = recent
        .iter()
        .map(|s| (s.user.as_str(), s.reason.as_str(), s.started_at, s.ticket.as_str()))
        .collect();
    assert_eq!(told, [("7", "export", 2, ""), ("8", "login", 1, "")]);
    assert_eq!(log.recent_users("acme", "Ada", &["a test"], 1).await.unwrap(), recent[..1]);
    assert!(log.recent_users("unknown", "Ada", &[], 10).await.unwrap().is_empty());

    let latest = async |connections: &[&str]| {
        let connections: Vec<String> = connections.iter().map(ToString::to_string).collect();
        log.latest_session(&connections, "Ada", &["a test"]).await.unwrap().map(|s| (s.connection, s.user))
    };
    assert_eq!(latest(&["acme", "other"]).await, Some(("other".into(), "11".into())));
    assert_eq!(latest(&["acme", "gone"]).await, Some(("acme".into(), "7".into())));
    assert_eq!(latest(&["gone"]).await, None);

    let mine: Vec<String> = ["acme", "gone", "other"].map(String::from).into();
    assert_eq!(log.used_connections(&mine, "Ada").await.unwrap(), ["acme", "other"]);
    assert_eq!(log.used_connections(&mine, "Grace").await.unwrap(), ["acme"]);
}

/// They are asked for at each start, with each empty search field and with each search in all connections, so they must
/// not read the whole log.
#[tokio::test]
async fn what_the_operator_did_last_is_found_by_an_index() {
    let desk = Desk::new();
    drop(desk.log().await);
    let mut file = desk.raw().await;
    for query in [
        "SELECT user_id FROM entries WHERE event = 'begun' AND connection = ? AND operator = ? ORDER BY id DESC LIMIT 500",
        "SELECT b.id FROM json_each(?) AS c JOIN entries AS b ON b.id = (SELECT id FROM entries
            WHERE event = 'begun' AND connection = c.value AND operator = ? AND reason NOT IN ('')
            ORDER BY id DESC LIMIT 1)",
        "SELECT c.value FROM json_each(?) AS c WHERE EXISTS (
            SELECT 1 FROM entries WHERE event = 'begun' AND connection = c.value AND operator = ?)",
    ] {
        let plan: Vec<(i64, i64, i64, String)> =
            sqlx::query_as(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {query}")))
                .fetch_all(&mut file)
                .await
                .unwrap();
        let steps: Vec<&str> = plan.iter().map(|(.., step)| step.as_str()).collect();
        assert!(
            steps.iter().any(|step| step.contains("sessions_of_operator (connection=? AND operator=?)")),
            "{steps:?}"
        );
        assert!(
            !steps.iter().any(|step| step.starts_with("SCAN entries") || step.contains("TEMP B-TREE")),
            "{steps:?}"
        );
    }
}

#[tokio::test]
async fn sessions_left_by_a_crash_are_closed_once_and_those_of_running_consoles_are_kept() {
    let desk = Desk::new();
    let (log, living) = (desk.log().await, desk.log().await);
    let done = begun(1, "done", "7", "why");
    for entry in [done.clone(), done.with_event(2, EndCause::Operator.into()), begun(3, "lost", "7", "why")] {
        log.append(entry).await.unwrap();
    }
    living.append(begun(4, "alive", "8", "why")).await.unwrap();
    assert!(log.close_unfinished(40).await.unwrap().is_empty(), "its own sessions are no leftovers");
    drop(log);

    let log = desk.log().await;
    let crash = begun(3, "lost", "7", "why").with_event(50, EndCause::Crash.into());
    assert_eq!(log.close_unfinished(50).await.unwrap(), std::slice::from_ref(&crash));
    assert_eq!(log.read_entries(1).await.unwrap(), [crash]);
    assert!(log.close_unfinished(60).await.unwrap().is_empty());

    // The live run can still write its own end afterwards.
    let ended = begun(4, "alive", "8", "why").with_event(65, EndCause::Operator.into());
    living.append(ended.clone()).await.unwrap();
    drop(living);
    assert!(log.close_unfinished(70).await.unwrap().is_empty());
    assert_eq!(log.read_entries(1).await.unwrap(), [ended]);
}

#[tokio::test]
async fn sessions_left_open_before_format_3_are_still_closed() {
    let desk = Desk::new();
    desk.log().await.append(begun(1, "of no run", "7", "why")).await.unwrap();
    let mut raw = desk.raw().await;
    sqlx::raw_sql("DROP TRIGGER entries_never_change; UPDATE entries SET run = NULL")
        .execute(&mut raw)
        .await
        .unwrap();
    raw.close().await.unwrap();
    let closed = desk.log().await.close_unfinished(5).await.unwrap();
    assert_eq!(closed.len(), 1);
}

#[cfg(unix)]
#[tokio::test]
async fn a_moved_log_takes_no_entries_until_it_is_back() {
    let desk = Desk::new();
    let log = desk.log().await;
    log.append(begun(1, "s1", "7", "why")).await.unwrap();
    let away = desk.dir.path().join("away.sqlite");
    std::fs::rename(desk.path(), &away).unwrap();

    let error = log.append(begun(2, "s2", "7", "why")).await.unwrap_err();
    assert_eq!(error.code, AuditCode::LogFailed);
    assert!(error.message.contains("moved or deleted"), "{error}");
    assert!(error.hint.unwrap().contains("Put the file back"));
    assert!(!desk.path().exists(), "a new log was begun");

    std::fs::rename(&away, desk.path()).unwrap();
    log.append(begun(2, "s2", "7", "why")).await.unwrap();
    assert_eq!(log.read_entries(10).await.unwrap().len(), 2);
    assert!(!log.was_replaced().await);
}

#[cfg(unix)]
#[tokio::test]
async fn a_copy_in_place_of_the_log_is_used_and_reported_once() {
    let desk = Desk::new();
    let log = desk.log().await;
    let first = begun(1, "s1", "7", "why");
    log.append(first.clone()).await.unwrap();
    let copy = desk.dir.path().join("copy.sqlite");
    std::fs::copy(desk.path(), &copy).unwrap();
    std::fs::rename(&copy, desk.path()).unwrap();

    log.append(first.with_event(2, Event::Active)).await.unwrap();
    assert!(log.was_replaced().await);
    assert!(!log.was_replaced().await);
    assert_eq!(
        desk.log().await.read_entries(10).await.unwrap().len(),
        2,
        "it is in the file that lies there"
    );
}

#[cfg(unix)]
#[tokio::test]
async fn a_pending_end_is_written_with_its_beginning_into_a_new_log() {
    let desk = Desk::new();
    let log = desk.log().await;
    let first = begun(1, "s1", "7", "why");
    log.append(first.clone()).await.unwrap();
    std::fs::remove_file(desk.path()).unwrap();
    log.append_or_owe(&first, first.with_event(9, EndCause::Quit.into())).await.unwrap_err();
    assert!(log.has_owed_entries());
    // Another Understudy starts, and begins a new log.
    let other = desk.log().await;
    log.write_owed_entries().await.unwrap();
    assert!(!log.has_owed_entries());
    assert_eq!(other.read_entries(10).await.unwrap(), [first.with_event(9, EndCause::Quit.into()), first]);
}

#[tokio::test]
async fn pending_entries_are_listed_like_written_ones_and_written_in_order() {
    let desk = Desk::new();
    let log = desk.log().await;
    let first = begun(1, "s1", "7", "why");
    log.append(first.clone()).await.unwrap();
    log.append(first.with_event(2, Event::Active)).await.unwrap();
    let mut raw = desk.raw().await;
    sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut raw).await.unwrap();
    let failed = Event::Ended {
        cause: EndCause::Operator,
        sign_out_failed: Some("it was busy".into()),
        held_back: None,
    };
    let error = log.append_or_owe(&first, first.with_event(3, failed.clone())).await.unwrap_err();
    assert!(error.message.contains("another program holds it"), "{error}");

    let past = log.past_sessions("acme", "7", 1).await.unwrap().remove(0);
    assert_eq!((past.outcome, past.ended_at), (Outcome::Ended, Some(3)));
    assert_eq!(past.sign_out_failed.as_deref(), Some("it was busy"));

    sqlx::raw_sql("ROLLBACK").execute(&mut raw).await.unwrap();
    log.write_owed_entries().await.unwrap();
    assert_eq!(log.read_entries(1).await.unwrap(), [first.with_event(3, failed)]);
    assert_eq!(log.past_sessions("acme", "7", 1).await.unwrap(), [past], "the file says the same");
}

/// The log stays locked until its run has ended; what that run owed is not lost and does not count as a crash.
#[tokio::test]
async fn entries_still_pending_at_quit_are_written_by_the_next_run() {
    let desk = Desk::new();
    let log = desk.log().await;
    let (first, second) = (begun(1, "s1", "7", "why"), begun(2, "s2", "8", "why"));
    log.append(first.clone()).await.unwrap();
    log.append(second.clone()).await.unwrap();
    let mut raw = desk.raw().await;
    sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut raw).await.unwrap();
    let failed =
        Event::Ended { cause: EndCause::Quit, sign_out_failed: Some("it was busy".into()), held_back: None };
    log.append_or_owe(&first, first.with_event(9, failed.clone())).await.unwrap_err();
    drop(log);
    sqlx::raw_sql("ROLLBACK").execute(&mut raw).await.unwrap();

    let next = desk.log().await;
    let closed = next.close_unfinished(20).await.unwrap();
    assert_eq!(
        closed,
        [second.with_event(20, EndCause::Crash.into())],
        "only what nobody saw end has crashed"
    );
    let entries = next.read_entries(2).await.unwrap();
    assert_eq!(entries, [second.with_event(20, EndCause::Crash.into()), first.with_event(9, failed)]);
    assert!(!next.has_owed_entries());
    assert_eq!(next.close_unfinished(30).await.unwrap(), [], "it is written once");
    let runs = std::fs::read_dir(desk.path().parent().unwrap().join("runs")).unwrap();
    let endings: Vec<_> = runs.map(|one| one.unwrap().path().extension().unwrap().to_owned()).collect();
    assert_eq!(endings, ["run"], "nothing is left of it");
}

/// The log was locked for long, until its console quit.
#[tokio::test]
async fn however_much_was_pending_is_written_by_the_next_run() {
    let desk = Desk::new();
    let log = desk.log().await;
    let first = begun(1, "s1", "7", &"\u{1}".repeat(60_000));
    for minutes in 0..12 {
        log.owe_entry(&first, first.with_event(2, Event::Extended { minutes }));
    }
    log.keep_owed().await;
    drop(log);
    let folder = desk.path().parent().unwrap().join("runs");
    let left =
        || -> Vec<PathBuf> { std::fs::read_dir(&folder).unwrap().map(|one| one.unwrap().path()).collect() };
    let [owed] = &left()[..] else { panic!("{:?}", left()) };
    assert!(std::fs::metadata(owed).unwrap().len() > 8 << 20, "twice as much as was read earlier");

    let next = desk.log().await;
    next.close_unfinished(20).await.unwrap();
    let written: Vec<Event> =
        next.read_entries(20).await.unwrap().into_iter().rev().map(|entry| entry.event).collect();
    let extended = (0..12).map(|minutes| Event::Extended { minutes });
    assert_eq!(written, std::iter::once(Event::Begun).chain(extended).collect::<Vec<_>>());
    drop(next);
    assert_eq!(left(), [] as [PathBuf; 0], "nothing is left of it");
}

#[tokio::test]
async fn pending_entries_of_an_earlier_version_are_written_and_what_is_none_is_kept_for_a_person() {
    let desk = Desk::new();
    drop(desk.log().await);
    let first = begun(1, "s1", "7", "why");
    let array = serde_json::json!([
        { "begun": first, "entry": first.with_event(2, Event::Active) },
        { "begun": first, "entry": first.with_event(3, EndCause::Operator.into()) },
    ]);
    let file = |ending: &str| {
        let name = uuid::Uuid::new_v4().to_string();
        desk.path().with_file_name("runs").join(name).with_extension(ending)
    };
    std::fs::write(file("owed"), array.to_string()).unwrap();
    let broken = file("owed");
    std::fs::write(&broken, "{\"begun\":1}\n").unwrap();
    let endless = file("owed");
    std::fs::File::create(&endless).unwrap().set_len(1 << 40).unwrap();
    let log = desk.log().await;
    log.close_unfinished(20).await.unwrap();
    let events: Vec<Event> =
        log.read_entries(9).await.unwrap().into_iter().rev().map(|entry| entry.event).collect();
    assert_eq!(events, [Event::Begun, Event::Active, EndCause::Operator.into()]);
    for one in [broken, endless] {
        assert!(!one.exists() && one.with_extension("unreadable").exists());
    }
}

#[tokio::test]
async fn a_damaged_foreign_or_newer_file_is_refused_and_left_as_it_is() {
    let desk = Desk::new();
    std::fs::create_dir(desk.path().parent().unwrap()).unwrap();

    std::fs::write(desk.path(), b"Dear diary, today nobody impersonated anybody at all. ".repeat(40))
        .unwrap();
    let before = std::fs::read(desk.path()).unwrap();
    assert!(desk.refusal().await.message.contains("damaged"));
    assert_eq!(std::fs::read(desk.path()).unwrap(), before, "the damaged file was touched");
    std::fs::remove_file(desk.path()).unwrap();

    let mut foreign = desk.raw().await;
    sqlx::raw_sql("CREATE TABLE recipes (name TEXT)").execute(&mut foreign).await.unwrap();
    foreign.close().await.unwrap();
    let before = std::fs::read(desk.path()).unwrap();
    assert!(desk.refusal().await.message.contains("not an audit log"));
    assert_eq!(std::fs::read(desk.path()).unwrap(), before, "the foreign file was touched");
    std::fs::remove_file(desk.path()).unwrap();

    desk.log().await.append(begun(1, "s1", "7", "why")).await.unwrap();
    let mut raw = desk.raw().await;
    sqlx::raw_sql("PRAGMA user_version = 99").execute(&mut raw).await.unwrap();
    raw.close().await.unwrap();
    let error = desk.refusal().await;
    assert!(error.message.contains("newer") && error.message.contains("99"), "{error}");
    assert!(error.hint.unwrap().contains("Update"));
}

#[tokio::test]
async fn a_corrupt_page_is_an_error_and_not_a_shorter_log() {
    let desk = Desk::new();
    let log = desk.log().await;
    for n in 0..50 {
        log.append(begun(n, &format!("s{n}"), "7", &"why ".repeat(200))).await.unwrap();
    }
    drop(log);
    let mut bytes = std::fs::read(desk.path()).unwrap();
    bytes[4096..].fill(0xa5);
    std::fs::write(desk.path(), bytes).unwrap();

    let error = match AuditLog::open(&desk.path()).await {
        Err(error) => error,
        Ok(log) => log.read_entries(100).await.expect_err("a damaged log was read as if it were whole"),
    };
    assert_eq!(error.code, AuditCode::LogFailed);
    assert!(error.message.contains("damaged"), "{error}");
}

#[tokio::test]
async fn opening_a_log_in_an_unwritable_place_says_so() {
    let desk = Desk::new();
    // A file in place of the folder stops everyone, even root.
    std::fs::write(desk.dir.path().join("data"), "").unwrap();
    assert!(desk.refusal().await.message.contains("audit.sqlite"));

    // A folder in place of the file.
    let folder = desk.dir.path().join("log.sqlite");
    std::fs::create_dir(&folder).unwrap();
    refusal(&folder).await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn anything_but_a_file_in_place_of_the_log_is_named() {
    let desk = Desk::new();
    let at = |name: &str| desk.dir.path().join(name);
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mkfifoat(rustix::fs::CWD, at("pipe"), mode).unwrap();
    std::os::unix::fs::symlink("/dev/zero", at("zero")).unwrap();
    for (name, what) in
        [("pipe", "pipe is a named pipe, not a file."), ("zero", "zero is a device, not a file.")]
    {
        let error = refusal(&at(name)).await;
        assert!(error.message.ends_with(what), "{error}");
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn opening_a_read_only_log_says_so() {
    use std::os::unix::fs::PermissionsExt;
    let chmod = |path: &Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    let desk = Desk::new();
    desk.log().await.append(begun(1, "s1", "7", "why")).await.unwrap();
    let folder = desk.path().parent().unwrap().to_owned();
    chmod(&folder, 0o500);
    // Permission bits do not stop root, who gets a read-only file system instead.
    let bound = std::fs::write(folder.join("probe"), "").is_err();
    let errors = if bound {
        let of_folder = desk.refusal().await;
        chmod(&folder, 0o700);
        chmod(&desk.path(), 0o400);
        [of_folder, desk.refusal().await]
    } else {
        chmod(&folder, 0o700);
        [refusal(Path::new("/proc/understudy/audit.sqlite")).await, refusal(Path::new("/proc/version")).await]
    };
    for error in errors {
        assert!(error.message.starts_with("Could not open the audit log /"), "{error}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn only_its_owner_can_read_the_log() {
    use std::os::unix::fs::PermissionsExt;
    let desk = Desk::new();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let log = desk.log().await;
    log.append(begun(1, "s1", "7", "why")).await.unwrap();
    assert_eq!(mode(&desk.path()), 0o600);
    assert_eq!(mode(desk.path().parent().unwrap()), 0o700);
    drop(log);

    std::fs::set_permissions(desk.path(), std::fs::Permissions::from_mode(0o644)).unwrap();
    desk.log().await;
    assert_eq!(mode(&desk.path()), 0o600, "what others were allowed was not taken back");
}

#[tokio::test]
async fn every_lookup_uses_an_index_so_a_long_log_stays_fast() {
    let desk = Desk::new();
    desk.log().await;
    let mut raw = desk.raw().await;
    for (question, index) in [
        ("event = 'begun' AND connection = ? AND user_id = ? ORDER BY id DESC", "sessions_of_user"),
        ("event = 'begun' AND connection = ? AND operator = ? ORDER BY id DESC", "sessions_of_operator"),
        ("session = ? AND event = 'ended'", "entries_of_session"),
        ("user_id = ? AND connection = ? ORDER BY id DESC", "entries_of_user"),
    ] {
        let plan: Vec<(i64, i64, i64, String)> = sqlx::query_as(AssertSqlSafe(format!(
            "EXPLAIN QUERY PLAN SELECT reason FROM entries WHERE {question}"
        )))
        .fetch_all(&mut raw)
        .await
        .unwrap();
        let plan: Vec<_> = plan.into_iter().map(|(_, _, _, step)| step).collect();
        assert!(plan.iter().any(|step| step.contains(index)), "{question}: {plan:?}");
        assert!(!plan.iter().any(|step| step.contains("TEMP B-TREE")), "{question} sorts: {plan:?}");
    }
}

#[tokio::test]
async fn long_answers_are_truncated() {
    let desk = Desk::new();
    let log = desk.log().await;
    let first = begun(1, "s1", "7", "why");
    log.append(first.clone()).await.unwrap();
    log.append(first.with_event(2, Event::Refused { status: Some(500), cause: "ü".repeat(10_000) }))
        .await
        .unwrap();
    match &log.read_entries(1).await.unwrap()[0].event {
        Event::Refused { status: Some(500), cause } => assert_eq!(cause.chars().count(), 300),
        other => panic!("{other:?}"),
    }
}

#[test]
fn operators_without_a_name_are_shown_by_email_or_account() {
    let who = OperatorIdentity::new("", "");
    assert!(!who.os_user.is_empty() && !who.host.is_empty());
    assert_eq!(who.display_name(), who.os_user);
    assert_eq!(OperatorIdentity::new("", "ada@example.org").display_name(), "ada@example.org");
    assert_eq!(OperatorIdentity::new("Ada", "ada@example.org").display_name(), "Ada");
}

//! What the view of the log finds, page by page.

use std::path::Path;

use super::*;
use crate::export::LogFormat;
use crate::{
    AuditLog, ConsoleEntry, ConsoleEvent, EndCause, Entry, Event, NamedConnection, OperatorIdentity, Subject,
};

const DAY: i64 = 24 * 60 * 60 * 1_000;

fn now() -> Timestamp {
    "2026-11-29T12:00:00Z".parse().unwrap()
}

fn begun(session: &str, operator: &str, user: &str, at_ms: i64) -> Entry {
    Entry::for_new_session(
        at_ms,
        session,
        OperatorIdentity {
            operator_name: operator.into(),
            operator_email: format!("{}@acme.com", operator.to_lowercase()),
            os_user: "desk".into(),
            host: "desk-7".into(),
        },
        Subject {
            connection: "acme".into(),
            connection_name: "Acme CRM".into(),
            environment: Environment::Production,
            user_id: user.into(),
            user_name: Some(format!("Customer {user}")),
            user_email: Some(format!("customer{user}@shop.example")),
        },
        "Ticket 100%",
    )
    .with_mode(SessionMode::ReadOnly)
}

/// Four sessions: one ended well, one refused, one crashed, one still running.
async fn some_log(path: &Path) {
    let log = AuditLog::open(path).await.unwrap();
    let now = now().as_millisecond();
    let write = async |entry: Entry| log.append(entry).await.unwrap();
    let well = begun("well", "Ada", "7", now - 20 * DAY);
    write(well.clone()).await;
    write(well.with_event(now - 20 * DAY + 1, Event::Active)).await;
    write(well.with_event(now - 20 * DAY + 2, Event::Unlocked { reason: "She asked for it".into() })).await;
    let held_back = Some(3);
    let end = Event::Ended { cause: EndCause::Operator, sign_out_failed: None, held_back };
    write(well.with_event(now - 20 * DAY + 3, end)).await;
    let refused = begun("refused", "Özil", "8", now - 2 * DAY).with_ticket("TCK-88");
    write(refused.clone()).await;
    let no = Event::Refused { status: Some(403), cause: "Not allowed".into() };
    write(refused.with_event(now - 2 * DAY + 1, no)).await;
    write(refused.with_event(now - 2 * DAY + 2, EndCause::Operator.into())).await;
    let crashed = begun("crashed", "Ada", "8", now - DAY);
    write(crashed.clone()).await;
    write(crashed.with_event(now - DAY + 1, Event::Active)).await;
    write(crashed.with_event(now - DAY + 2, EndCause::Crash.into())).await;
    let running = begun("running", "Grace", "8", now - 1_000).with_mode(SessionMode::Full);
    write(running.clone()).await;
    write(running.with_event(now - 900, Event::Active)).await;
}

async fn found(log: &LogReader, text: &str) -> Vec<String> {
    let page = log.list_page(&filter_by_search(text, now()), None, 100).await.unwrap();
    assert_eq!(page.next, None);
    page.entries.iter().map(|entry| format!("{} {}", entry.session, entry.event)).collect()
}

#[tokio::test]
async fn one_grammar_finds_entries_by_all_that_they_say() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit.sqlite");
    some_log(&path).await;
    let log = LogReader::open(&path).await.unwrap();
    let well = ["well ended", "well unlocked", "well active", "well begun"];
    let refused = ["refused ended", "refused refused", "refused begun"];
    let crashed = ["crashed ended", "crashed active", "crashed begun"];
    let running = ["running active", "running begun"];
    let all = [&running[..], &crashed, &refused, &well].concat();
    for (text, expected) in [
        ("", &all[..]),
        ("operator:grace", &running),
        ("operator:=Grace", &running),
        ("operator:=Gra", &[]),
        ("operator:GRACE@acme", &running),
        // `LIKE` knows only ASCII's capitals.
        ("operator:özil", &refused),
        ("user:=7", &well),
        ("user:customer7@shop.example", &well),
        ("connection:crm environment:prod event:begun user:7", &["well begun"]),
        ("event:unlocked", &["well unlocked"]),
        ("outcome:ended", &well),
        ("outcome:refused", &refused),
        ("outcome:crashed", &crashed),
        ("outcome:running", &running),
        ("outcome:running,crashed event:begun", &["running begun", "crashed begun"]),
        ("-outcome:ended,crashed,refused", &running),
        ("mode:full", &running),
        ("-mode:read-only", &running),
        ("ticket:none event:begun", &["running begun", "crashed begun", "well begun"]),
        ("ticket:*", &refused),
        ("-ticket:none event:=refused", &["refused refused"]),
        ("time:12h", &running),
        ("time:<2026-11-20", &well),
        ("time:2026-11-27", &refused),
        ("since:2026-11-27 until:2026-11-28", &refused),
        ("since:3d until:36h", &refused),
        ("until:2026-11-27", &well),
        // Words without a filter, all of them, in any order and in any column.
        ("unlocked ada", &["well unlocked"]),
        ("ada customer8", &crashed),
        ("\"asked for it\"", &["well unlocked"]),
        ("TCK-88 allowed", &["refused refused"]),
        // What means something to SQL is a letter.
        ("100%", &all),
        ("100_", &[]),
        ("reason:\"100% x\"", &[]),
        ("' OR 1=1 --", &[]),
        // What is not finished, or wrong, restricts nothing.
        ("operator:", &all),
        ("time:soonish", &all),
    ] {
        assert_eq!(found(&log, text).await, expected, "{text}");
    }
}

#[tokio::test]
async fn pages_follow_each_other_without_a_gap() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit.sqlite");
    some_log(&path).await;
    let log = LogReader::open(&path).await.unwrap();
    let filter = filter_by_search("", now());
    let (mut before, mut numbers) = (None, Vec::new());
    loop {
        let page = log.list_page(&filter, before, 5).await.unwrap();
        numbers.extend(page.entries.iter().map(|entry| entry.id));
        assert_eq!(page.searched_to.is_some(), page.next.is_some());
        before = page.next;
        if before.is_none() {
            break;
        }
    }
    assert_eq!(numbers, (1..=12).rev().collect::<Vec<_>>());
    let beyond = log.list_page(&filter, Some(1), 5).await.unwrap();
    assert_eq!((beyond.entries, beyond.next), (vec![], None));
}

#[tokio::test]
async fn an_empty_log_is_an_empty_page() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit.sqlite");
    AuditLog::open(&path).await.unwrap();
    let log = LogReader::open(&path).await.unwrap();
    let page = log.list_page(&EntryFilter::default(), None, 5).await.unwrap();
    assert_eq!((page.entries, page.next, page.searched_to), (vec![], None, None));
    assert_eq!(log.count_sessions(0).await.unwrap().sessions, 0);
}

#[tokio::test]
async fn a_session_is_listed_from_its_beginning() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit.sqlite");
    some_log(&path).await;
    let log = LogReader::open(&path).await.unwrap();
    let entries = log.list_session("well").await.unwrap().entries;
    let events: Vec<_> = entries.iter().map(|entry| entry.event.as_str()).collect();
    assert_eq!(events, ["begun", "active", "unlocked", "ended"]);
    let last = &entries[3];
    assert_eq!((last.operator.as_str(), last.user.as_str()), ("Ada", "customer7@shop.example"));
    assert_eq!((last.detail.as_str(), last.held_back), ("operator", Some(3)));
    assert_eq!((last.outcome, last.mode), (Some(Outcome::Ended), Some(SessionMode::ReadOnly)));
    assert_eq!((last.environment, last.hash.len()), (Some(Environment::Production), 64));
}

/// The words of an event are the command line's; one that a later version has written is shown as it is.
#[tokio::test]
async fn entries_outside_of_sessions_are_listed_too() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit.sqlite");
    let log = AuditLog::open(&path).await.unwrap();
    let who = OperatorIdentity::new("Ada", "ada@acme.com");
    let stored = ConsoleEvent::SecretStored { name: "admin_token".into(), this_run_only: true };
    let entry = ConsoleEntry::new(now().as_millisecond(), who, stored).about_connection(NamedConnection {
        id: "acme".into(),
        name: Some("Acme CRM".into()),
        environment: None,
    });
    log.append_console_entry(&entry).await.unwrap();
    let log = LogReader::open(&path).await.unwrap();
    for text in ["", "event:secret_stored", "connection:=acme -outcome:running", "admin_token", "mode:none"] {
        let page = log.list_page(&filter_by_search(text, now()), None, 10).await.unwrap();
        let [entry] = page.entries.as_slice() else { panic!("{text}: {page:?}") };
        assert_eq!((entry.session.as_str(), entry.event.as_str()), ("", "secret_stored"));
        assert_eq!((entry.operator.as_str(), entry.user.as_str()), ("Ada", ""));
        assert_eq!(entry.description, "admin_token, until Understudy quits");
        assert_eq!((entry.outcome, entry.environment, entry.mode), (None, None, None));
    }
    assert_eq!(log.count_sessions(0).await.unwrap().sessions, 0);
}

#[tokio::test]
async fn who_became_whom_is_counted_since_a_time() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit.sqlite");
    some_log(&path).await;
    let log = LogReader::open(&path).await.unwrap();
    let counts = log.count_sessions(now().as_millisecond() - 7 * DAY).await.unwrap();
    assert_eq!((counts.sessions, counts.operators, counts.users), (3, 3, 1));
    let user = &counts.by_user[0];
    assert_eq!((user.user.as_str(), user.sessions, user.operators), ("customer8@shop.example", 3, 3));
    let counts = log.count_sessions(0).await.unwrap();
    let ada = &counts.by_operator[0];
    assert_eq!((ada.operator.as_str(), ada.sessions, ada.users), ("Ada", 2, 2));
    assert_eq!(counts.by_operator.len(), 3);
}

#[tokio::test]
async fn what_may_be_typed_next_comes_from_the_log() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit.sqlite");
    some_log(&path).await;
    let log = LogReader::open(&path).await.unwrap();
    let suggested = async |text: &str| {
        let found = log.complete_search(text, text.len(), now()).await.unwrap();
        found.into_iter().map(|one| one.insert).collect::<Vec<_>>()
    };
    assert_eq!(suggested("oper").await, ["operator:"]);
    assert_eq!(suggested("operator:gr").await, ["=Grace"]);
    assert_eq!(suggested("outcome:cra").await, ["=crashed"]);
    assert_eq!(suggested("user:customer7").await, ["=customer7@shop.example"]);
}

#[tokio::test]
async fn what_is_filtered_is_what_is_exported() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit.sqlite");
    some_log(&path).await;
    let log = LogReader::open(&path).await.unwrap();
    let filter = filter_by_search("outcome:refused", now());
    let table = dir.path().join("log.csv");
    assert_eq!(log.export_to_file(&filter, LogFormat::Csv, &table).await.unwrap(), 3);
    let text = std::fs::read_to_string(&table).unwrap();
    assert_eq!(text.split_terminator("\r\n").count(), 4, "{text}");
    let lines = dir.path().join("log.jsonl");
    assert_eq!(log.export_to_file(&filter, LogFormat::Jsonl, &lines).await.unwrap(), 3);
    let text = std::fs::read_to_string(&lines).unwrap();
    assert!(text.lines().all(|line| line.contains("\"session\":\"refused\"")), "{text}");

    let nowhere = dir.path().join("gone/log.csv");
    let error = log.export_to_file(&filter, LogFormat::Csv, &nowhere).await.expect_err("no such folder");
    assert_eq!(error.code, crate::AuditCode::FileFailed);
}

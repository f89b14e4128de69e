//! Entries that belong to no session, and those of a session that format 7 added: written once, read in words, and part of
//! the chain like any other.

use understudy_audit::PolicyRule;
use understudy_audit::reader::{EntryFilter, LogReader};
use understudy_audit::verify::LogFault;
use understudy_audit::{
    ConsoleEntry, ConsoleEvent, DiscardedMessage, DownloadedFile, EndOfRequest, ExportKind, HeldBackRequest,
    LeftApplication, NamedConnection, NamedUser, RequestName,
};

use super::chain::{forge_chain, keyring, unprotect, verify};
use super::*;

fn entry(at_ms: i64, event: ConsoleEvent) -> ConsoleEntry {
    ConsoleEntry::new(at_ms, begun(0, "", "", "").who, event)
}

fn acme() -> NamedConnection {
    NamedConnection {
        id: "acme".into(),
        name: Some("Acme".into()),
        environment: Some(Environment::Production),
    }
}

fn in_acme(event: ConsoleEvent) -> ConsoleEntry {
    entry(0, event).about_connection(acme())
}

fn zoe() -> NamedUser {
    NamedUser { id: "7".into(), name: Some("Zoë".into()), email: Some("zoe@example.org".into()) }
}

/// One of each kind, with what `list` says about it.
fn one_of_each() -> Vec<(ConsoleEntry, [&'static str; 3])> {
    let secret = |name: &str| name.to_owned();
    vec![
        (entry(0, ConsoleEvent::Started), ["started", "Ada", ""]),
        (
            in_acme(ConsoleEvent::Denied {
                rule: PolicyRule::Protected,
                quoted: Some("user.plan == 'staff'".into()),
            })
            .about_user(zoe())
            .with_reason("Cannot print", "T-1"),
            [
                "denied",
                "Ada about zoe@example.org in Acme",
                "the user is protected: user.plan == 'staff', Cannot print, T-1",
            ],
        ),
        (
            in_acme(ConsoleEvent::Denied { rule: PolicyRule::ReasonMissing, quoted: None }),
            ["denied", "Ada in Acme", "no reason was given"],
        ),
        (
            in_acme(ConsoleEvent::SecretStored { name: secret("token"), this_run_only: true }),
            ["secret stored", "Ada in Acme", "token, until Understudy quits"],
        ),
        (
            in_acme(ConsoleEvent::SecretForgotten { name: secret("token") }),
            ["secret forgotten", "Ada in Acme", "token"],
        ),
        (
            in_acme(ConsoleEvent::SecretRedirected {
                name: secret("token"),
                to: "https://new.example".into(),
            }),
            ["secret redirected", "Ada in Acme", "token to https://new.example"],
        ),
        (
            in_acme(ConsoleEvent::ConnectionAdded { elsewhere: false }),
            ["connection added", "Ada in Acme", ""],
        ),
        (
            in_acme(ConsoleEvent::ConnectionChanged {
                keys: vec!["name".into(), "sign_in.url".into()],
                elsewhere: true,
            }),
            ["connection changed", "Ada in Acme", "name, sign_in.url, outside of the console"],
        ),
        (
            // Its file could not be read, so nothing but its ID is known.
            entry(0, ConsoleEvent::ConnectionRemoved { elsewhere: false })
                .about_connection(NamedConnection { id: "gone".into(), name: None, environment: None }),
            ["connection removed", "Ada in gone", ""],
        ),
        (
            in_acme(ConsoleEvent::Exported {
                what: ExportKind::Users,
                format: "csv".into(),
                rows: Some(12),
                session: None,
            }),
            ["exported", "Ada in Acme", "12 users, csv"],
        ),
        (
            in_acme(ConsoleEvent::Exported {
                what: ExportKind::Evidence,
                format: "zip".into(),
                rows: None,
                session: Some("0198c0de-1111".into()),
            })
            .about_user(zoe()),
            ["exported", "Ada about zoe@example.org in Acme", "evidence of session 0198c0de, zip"],
        ),
        (
            in_acme(ConsoleEvent::Searched {
                text: Some("ab".repeat(32)),
                columns: vec!["plan".into(), "city".into()],
                rows: 1,
            }),
            ["searched", "Ada in Acme", "text abababababab, filtered by plan, city, 1 user shown"],
        ),
        (
            in_acme(ConsoleEvent::DetailsOpened).about_user(zoe()),
            ["details opened", "Ada about zoe@example.org in Acme", ""],
        ),
        (
            in_acme(ConsoleEvent::ValueRevealed { column: "phone".into() }).about_user(zoe()),
            ["value revealed", "Ada about zoe@example.org in Acme", "phone"],
        ),
        (entry(0, ConsoleEvent::Stopped), ["stopped", "Ada", ""]),
    ]
}

/// What weakens the record, or carries something out of it.
fn one_of_each_about_the_record() -> Vec<(ConsoleEntry, [&'static str; 3])> {
    vec![
        (
            in_acme(ConsoleEvent::Exported {
                what: ExportKind::Summary,
                format: "ticket".into(),
                rows: None,
                session: Some("0198c0de-1111".into()),
            })
            .about_user(zoe()),
            ["exported", "Ada about zoe@example.org in Acme", "summary of session 0198c0de, ticket"],
        ),
        (
            entry(0, ConsoleEvent::TeamFileChanged { keys: vec!["audit.url".into()], is_gone: false }),
            ["team file changed", "Ada", "audit.url"],
        ),
        (
            entry(0, ConsoleEvent::TeamFileChanged { keys: vec!["audit.url".into()], is_gone: true }),
            ["team file changed", "Ada", "audit.url, the file is gone"],
        ),
        (
            entry(0, ConsoleEvent::OperatorChanged { name: "Ada B.".into(), email: "ab@example.org".into() }),
            ["operator changed", "Ada", "now Ada B., ab@example.org"],
        ),
        (
            entry(0, ConsoleEvent::OperatorChanged { name: String::new(), email: String::new() }),
            ["operator changed", "Ada", "now without a name"],
        ),
        (
            in_acme(ConsoleEvent::MessageDiscarded {
                what: DiscardedMessage::Notification,
                session: Some("0198c0de-1111".into()),
            }),
            ["message discarded", "Ada in Acme", "message to the application of session 0198c0de"],
        ),
        (
            in_acme(ConsoleEvent::MessageDiscarded { what: DiscardedMessage::Summary, session: None }),
            ["message discarded", "Ada in Acme", "summary for the ticket"],
        ),
        (
            entry(
                0,
                ConsoleEvent::MessageDiscarded {
                    what: DiscardedMessage::Unreadable,
                    session: Some("0198c0de-1111".into()),
                },
            ),
            ["message discarded", "Ada", "damaged message of session 0198c0de"],
        ),
    ]
}

async fn read_all(desk: &Desk) -> Vec<understudy_audit::reader::StoredEntry> {
    let reader = LogReader::open(&desk.path()).await.unwrap();
    reader.read_after(&EntryFilter::default(), 0, 1_000).await.unwrap()
}

#[tokio::test]
async fn each_kind_is_written_once_and_read_in_words() {
    let (desk, vault) = (Desk::new(), keyring());
    let log = desk.log().await;
    let all = [one_of_each(), one_of_each_about_the_record()].concat();
    for (at, (entry, _)) in all.iter().enumerate() {
        let at_ms = i64::try_from(at).unwrap();
        log.append_console_entry(&ConsoleEntry { at_ms, ..entry.clone() }).await.unwrap();
    }
    let stored = read_all(&desk).await;
    let words: Vec<[String; 3]> =
        stored.iter().map(|one| [one.title(), one.describe_parties(), one.describe()]).collect();
    let expected: Vec<_> = all.iter().map(|(_, words)| words.map(str::to_owned)).collect();
    assert_eq!(words, expected);
    assert!(stored.iter().all(|one| one.text("session").is_empty()));
    assert_eq!(log.read_entries(10).await.unwrap(), [], "none of them belongs to a session");
    log.add_checkpoint(&vault, 99).await.unwrap().expect("a checkpoint");
    let found = verify(&desk, &vault).await;
    assert_eq!((found.faults, found.entries), (vec![], all.len() as u64));
}

#[tokio::test]
async fn what_happened_in_a_session_is_read_in_words() {
    let desk = Desk::new();
    let log = desk.log().await;
    let first = begun(1, "s1", "7", "Ticket 4711").with_ticket("4711");
    let request = HeldBackRequest {
        method: "POST".into(),
        host: "app.acme.com".into(),
        path: "/account/delete".into(),
    };
    let file = |host: &str, bytes| DownloadedFile { name: "invoice 7.pdf".into(), host: host.into(), bytes };
    let events = [
        Event::HeldBack(request),
        Event::Left(LeftApplication { host: "maps.example".into(), in_browser: false }),
        Event::Left(LeftApplication { host: "maps.example".into(), in_browser: true }),
        Event::Downloaded(file("files.acme.com", 4_096)),
        Event::Downloaded(file("", 1)),
        Event::Ended { cause: EndCause::Operator, sign_out_failed: None, held_back: Some(3) },
    ];
    log.append(first.clone()).await.unwrap();
    for event in events.clone() {
        log.append(first.with_event(2, event)).await.unwrap();
    }
    let read: Vec<Event> =
        log.read_entries(6).await.unwrap().into_iter().rev().map(|entry| entry.event).collect();
    assert_eq!(read, events, "each is read as it was written");
    let words: Vec<String> =
        read_all(&desk).await.iter().map(|one| format!("{}: {}", one.title(), one.describe())).collect();
    assert_eq!(
        words,
        [
            "begun: 4711, Ticket 4711",
            "held back: POST app.acme.com/account/delete",
            "left: to maps.example",
            "left: to maps.example, in the operator's own browser",
            "downloaded: invoice 7.pdf, 4096 bytes, from files.acme.com",
            "downloaded: invoice 7.pdf, 1 byte, made by the page",
            "ended: operator, 3 held back",
        ]
    );
}

/// An event of a later version, in a log that this one reads.
#[tokio::test]
async fn an_event_that_is_not_known_is_shown_as_it_is() {
    let desk = Desk::new();
    desk.log().await;
    sqlx::raw_sql(
        "INSERT INTO entries (at_ms, event, operator_name, operator_email, os_user, host, reason, detail, app_version)
         VALUES (1, 'approval_given', 'Ada', '', 'ada', 'desk-4', '', '{\"by\":\"Grace\"}', '9.0.0')",
    )
    .execute(&mut desk.raw().await)
    .await
    .unwrap();
    let stored = read_all(&desk).await.remove(0);
    assert_eq!(
        (stored.title().as_str(), stored.describe().as_str()),
        ("approval given", "{\"by\":\"Grace\"}")
    );
}

/// What the format promises holds for any program.
#[tokio::test]
async fn the_events_of_a_session_need_one_and_a_session_needs_its_beginning() {
    let desk = Desk::new();
    desk.log().await;
    let mut raw = desk.raw().await;
    let columns =
        "at_ms, session, event, operator_name, operator_email, os_user, host, connection, connection_name,
        environment, user_id, reason, detail, app_version";
    for (session, event, user, why) in [
        ("NULL", "'begun'", "'7'", "CHECK"),
        ("NULL", "'ended'", "'7'", "CHECK"),
        ("NULL", "''", "'7'", "CHECK"),
        ("'s1'", "'begun'", "NULL", "CHECK"),
        ("'s1'", "'started'", "'7'", "never begun"),
    ] {
        let refused = sqlx::raw_sql(AssertSqlSafe(format!(
            "INSERT INTO entries ({columns}) VALUES (1, {session}, {event}, '', '', 'ada', 'desk-4', 'acme', 'Acme',
                'staging', {user}, '', '', '0')"
        )))
        .execute(&mut raw)
        .await
        .expect_err("the file takes it");
        assert!(refused.to_string().contains(why), "{session} {event}: {refused}");
    }
}

#[tokio::test]
async fn an_entry_outside_of_a_session_cannot_be_changed_unnoticed() {
    for attack in [
        "UPDATE entries SET detail = replace(detail, 'token', 'other') WHERE id = 4",
        "UPDATE entries SET event = 'secret_forgotten', detail = '{\"name\":\"token\"}' WHERE id = 4",
        "UPDATE entries SET detail = '{\"this_run_only\":true, \"name\":\"token\"}' WHERE id = 4",
        // A value where there was none, and none where there was one.
        "UPDATE entries SET user_id = '' WHERE id = 4",
        "UPDATE entries SET user_email = '' WHERE id = 4",
        "UPDATE entries SET connection_name = NULL WHERE id = 4",
        "UPDATE entries SET environment = NULL WHERE id = 4",
        "UPDATE entries SET ticket = '' WHERE id = 4",
        "UPDATE entries SET held_back = 0 WHERE id = 4",
        "UPDATE entries SET session = 's1', user_id = '7' WHERE id = 4",
    ] {
        let (desk, vault) = (Desk::new(), keyring());
        let log = desk.log().await;
        for (entry, _) in one_of_each() {
            log.append_console_entry(&entry).await.unwrap();
        }
        log.add_checkpoint(&vault, 9).await.unwrap().expect("a checkpoint");
        let mut raw = desk.raw().await;
        unprotect(&mut raw).await;
        sqlx::raw_sql(attack).execute(&mut raw).await.unwrap();
        assert_eq!(verify(&desk, &vault).await.faults, [LogFault::Changed { entry: 4 }], "{attack}");
        // With a chain that fits, the checkpoint tells.
        forge_chain(&mut raw).await;
        let rewritten = LogFault::Rewritten { covered: None, entry: 15, at_ms: 9 };
        assert_eq!(verify(&desk, &vault).await.faults, [rewritten], "{attack}");
    }
}

/// Format 6 is the first with a chain. Its entries are copied as they are, and what was signed still holds.
#[tokio::test]
async fn the_chain_of_format_6_goes_on() {
    let (desk, vault) = (Desk::new(), keyring());
    std::fs::create_dir(desk.path().parent().unwrap()).unwrap();
    let mut raw = desk.raw().await;
    sqlx::raw_sql(concat!(
        include_str!("../../src/v1.sql"),
        include_str!("../../src/v2.sql"),
        include_str!("../../src/v3.sql"),
        include_str!("../../src/v4.sql"),
        include_str!("../../src/v5.sql"),
        include_str!("../../src/v6.sql"),
        "PRAGMA application_id = 0x55417564; PRAGMA user_version = 6;
         INSERT INTO entries (at_ms, session, event, operator_name, operator_email, os_user, host, connection,
            connection_name, environment, user_id, user_name, reason, detail, app_version, mode, ticket, held_back, run,
            sign_out_failed)
         VALUES (1, 'old', 'begun', 'Ada', '', 'ada', 'desk-4', 'acme', 'Acme', 'staging', '7', 'Zoë', 'why', '', '0.6.0',
                'read_only', '4711', NULL, 'a run', NULL),
            (2, 'old', 'ended', 'Ada', '', 'ada', 'desk-4', 'acme', 'Acme', 'staging', '7', NULL, 'why', 'quit', '0.6.0',
                'read_only', '4711', 3, 'a run', 'it was busy');
         DROP TRIGGER links_never_go;",
    ))
    .execute(&mut raw)
    .await
    .unwrap();
    forge_chain(&mut raw).await;
    let hashes = "SELECT hash FROM links ORDER BY entry";
    let before: Vec<String> = sqlx::query_scalar(hashes).fetch_all(&mut raw).await.unwrap();
    raw.close().await.unwrap();

    let log = desk.log().await;
    log.add_checkpoint(&vault, 3).await.unwrap().expect("a checkpoint");
    log.append_console_entry(&entry(4, ConsoleEvent::Started)).await.unwrap();
    let after: Vec<String> = sqlx::query_scalar(hashes).fetch_all(&mut desk.raw().await).await.unwrap();
    assert_eq!(after[..2], before);
    let found = verify(&desk, &vault).await;
    assert_eq!((found.faults, found.entries, found.covered), (vec![], 3, Some(2)));
    let entries = log.read_entries(9).await.unwrap();
    assert_eq!(
        entries[0].event,
        Event::Ended {
            cause: EndCause::Quit,
            sign_out_failed: Some("it was busy".into()),
            held_back: Some(3)
        }
    );
    assert_eq!((entries[1].mode, entries[1].ticket.as_deref()), (Some(SessionMode::ReadOnly), Some("4711")));
    drop(log);
    // The rules of the format bind every program again.
    let mut raw = desk.raw().await;
    for forbidden in [
        "UPDATE entries SET reason = ''",
        "DELETE FROM entries",
        "INSERT INTO links (entry, hash) VALUES (9, '')",
    ] {
        sqlx::raw_sql(forbidden).execute(&mut raw).await.expect_err(forbidden);
    }
}

/// What has happened already is not lost while the log is locked, whichever run writes it.
#[tokio::test]
async fn an_owed_entry_is_written_late_with_its_time_and_in_order() {
    let desk = Desk::new();
    let log = desk.log().await;
    let mut raw = desk.raw().await;
    sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut raw).await.unwrap();
    let stored = |at, name: &str| {
        entry(at, ConsoleEvent::SecretStored { name: name.into(), this_run_only: false })
            .about_connection(acme())
    };
    log.owe_console_entry(stored(1, "first"));
    log.owe_console_entry(stored(2, "second"));
    log.write_owed_entries().await.expect_err("another program holds it");
    assert!(log.has_owed_entries());
    drop(log);
    sqlx::raw_sql("ROLLBACK").execute(&mut raw).await.unwrap();

    let next = desk.log().await;
    assert_eq!(next.close_unfinished(20).await.unwrap(), []);
    let written: Vec<(i64, String)> =
        read_all(&desk).await.iter().map(|one| (one.at_ms(), one.describe())).collect();
    assert_eq!(written, [(1, "first".into()), (2, "second".into())]);
    assert!(!next.has_owed_entries());
}

/// Who sends entries elsewhere waits for this.
#[tokio::test]
async fn a_request_ends_once_and_that_is_told() {
    let desk = Desk::new();
    let (log, other) = (desk.log().await, desk.log().await);
    let asked = ConsoleEvent::ApprovalAsked { mode: SessionMode::Full };
    let name = |id| RequestName { log: "l".into(), id };
    let ends = [
        (ConsoleEvent::ApprovalUsed as fn(RequestName) -> ConsoleEvent, EndOfRequest::Used),
        (ConsoleEvent::ApprovalExpired, EndOfRequest::Expired),
    ];
    for (at, (first_end, said)) in ends.into_iter().enumerate() {
        let id = log.append_numbered(&entry(1, asked.clone())).await.unwrap();
        let mut lines = log.lines();
        let ended = log.append_end_of_request(&entry(2, first_end(name(id))), id).await.unwrap();
        assert_eq!(ended, None, "{at}");
        lines.wait_for_entry().await.unwrap();
        assert_eq!(log.latest_entry().number, id + 1);
        for (log, end) in
            [(&log, ConsoleEvent::ApprovalUsed(name(id))), (&other, ConsoleEvent::ApprovalExpired(name(id)))]
        {
            assert_eq!(log.append_end_of_request(&entry(3, end), id).await.unwrap(), Some(said), "{at}");
        }
    }
}

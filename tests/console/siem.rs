//! What a SIEM makes of the log: the rules of `docs/sigma` find what they are for and nothing else, and OCSF events are
//! what OCSF's own schema says. Others' tools judge, and consoles wrote the entries: `tests/siem/judge.py`.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Map, Value, json};
use understudy_core::access::SessionMode;
use understudy_core::audit::export::LogFormat;
use understudy_core::audit::{
    ConsoleEntry, ConsoleEvent, DiscardedMessage, DownloadedFile, EndCause, Entry, Event, ExportKind,
    HeldBackRequest, LeftApplication, OperatorIdentity, RequestName, Subject,
};
use understudy_core::connection::Environment;
use understudy_core::customer_link::TicketContext;
use understudy_core::directory::{ListRequest, Row};
use understudy_core::policy::PolicyRule;
use understudy_core::session::Phase;

use crate::test_console::{Desk, replace_line};

/// What the judge says about the whole log of a desk.
async fn judge(desk: &Desk, format: LogFormat, arguments: &[&str]) -> Value {
    let exported = desk.home.path().join("exported");
    desk.console.export_entries("", format, &exported).await.expect("exported");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let judged = Command::new("python3")
        .arg("tests/siem/judge.py")
        .args(arguments)
        .env("PYTHONPATH", root.join("target/interop/python/siem"))
        .current_dir(root)
        .stdin(std::fs::File::open(&exported).expect("opens"))
        .stderr(Stdio::inherit())
        .output()
        .expect("python3 runs");
    std::fs::remove_file(&exported).expect("removed");
    assert!(judged.status.success(), "the judge failed: see above; script/bootstrap installs what it needs");
    serde_json::from_slice(&judged.stdout).expect("JSON")
}

async fn judge_by_rules(desk: &Desk) -> Value {
    judge(desk, LogFormat::Jsonl, &["sigma", "docs/sigma"]).await
}

/// A desk with a connection to production, and with these lines in its `[policy]`.
async fn in_production(policy: &str) -> Desk {
    let edit = |text: String| {
        let text = replace_line(&text, "environment", "environment = \"production\"");
        format!("{text}\nprotect = [\"user.plan == 'team'\"]\nrecord_lookups = true\n{policy}\n")
    };
    Desk::with_connection(edit).await
}

async fn customers(desk: &Desk, search: &str) -> Vec<Row> {
    let request = ListRequest::first_page(search, 100);
    desk.console.search_users("shop", &request, 0).await.expect("the directory answers").rows
}

/// Signs in as each of them, one after the other.
async fn visit(desk: &mut Desk, customers: &[Row], ticket: &str) {
    for customer in customers {
        let ticket = TicketContext { ticket: ticket.into(), page: String::new() };
        let begun =
            desk.console.impersonate_for_ticket("shop", &customer.id, "she asked", Map::new(), ticket).await;
        let session = begun.expect("begins");
        desk.until(&session.id, Phase::Active).await;
        desk.console.end_session(&session.id, EndCause::Operator).await;
    }
}

#[tokio::test]
async fn each_rule_finds_what_it_is_for() {
    let mut desk = in_production("mode = \"full\"").await;
    let free = customers(&desk, "plan:free").await;
    assert!(free.len() > 20, "{}", free.len());
    visit(&mut desk, &free[..21], "").await;
    let team = customers(&desk, "plan:team").await.remove(0);
    desk.console.impersonate("shop", &team.id, "she asked", Map::new()).await.expect_err("protected");
    desk.console.record_copy("shop", "csv", 3).await.expect("recorded");
    for _ in 0..199 {
        desk.find("").await;
    }
    let mut expected = json!({
        "denied_protected": ["denied"],
        "full_access": vec!["begun"; 21],
        "many_customers": [21],
        "many_searches": [201],
        "outside_hours": [],
        "record_weakened": [],
        "users_exported": ["exported"],
        "without_a_ticket": vec!["begun"; 21],
        "without_approval": [],
    });
    assert_eq!(judge_by_rules(&desk).await, expected);

    let log = desk.audit().await;
    for event in [
        ConsoleEvent::GlassBroken { mode: SessionMode::ReadOnly },
        ConsoleEvent::TeamFileChanged { keys: vec!["audit.keep_days".into()], is_gone: false },
        ConsoleEvent::MessageDiscarded { what: DiscardedMessage::Notification, session: None },
        ConsoleEvent::MessageDiscarded { what: DiscardedMessage::Unreadable, session: None },
        // Nobody but the ticket misses it.
        ConsoleEvent::MessageDiscarded { what: DiscardedMessage::Summary, session: None },
    ] {
        let entry = ConsoleEntry::new(desk.clock.now_ms(), OperatorIdentity::default(), event);
        log.append_console_entry(&entry).await.expect("written");
    }
    expected["without_approval"] = json!(["glass_broken"]);
    expected["record_weakened"] = json!(["team_file_changed", "message_discarded", "message_discarded"]);
    assert_eq!(judge_by_rules(&desk).await, expected);

    // From noon on a Monday to eight in the evening.
    desk.clock.advance_by(Duration::from_hours(8));
    visit(&mut desk, &free[..1], "").await;
    expected["outside_hours"] = json!(["begun"]);
    expected["full_access"] = json!(vec!["begun"; 22]);
    expected["without_a_ticket"] = json!(vec!["begun"; 22]);
    assert_eq!(judge_by_rules(&desk).await, expected);

    let mut desk = in_production("mode = \"read_only\"").await;
    // Saturday.
    desk.clock.advance_by(Duration::from_hours(5 * 24));
    let session =
        desk.console.impersonate("shop", &free[0].id, "she asked", Map::new()).await.expect("begins");
    desk.until(&session.id, Phase::Active).await;
    desk.console.set_session_mode(&session.id, SessionMode::Full, Some("resend it")).await.expect("unlocked");
    let judged = judge_by_rules(&desk).await;
    assert_eq!((&judged["full_access"], &judged["outside_hours"]), (&json!(["unlocked"]), &json!(["begun"])));
}

/// The nearest that is no reason for an alert.
#[tokio::test]
async fn no_rule_finds_what_is_allowed() {
    let mut desk = in_production("mode = \"read_only\"").await;
    let free = customers(&desk, "plan:free").await;
    visit(&mut desk, &free[..20], "HELP-7").await;
    // Twenty others, more than an hour later.
    desk.clock.advance_by(Duration::from_secs(60 * 60 + 1));
    visit(&mut desk, &free[20..40], "HELP-8").await;
    desk.console.impersonate("shop", &free[0].id, "", Map::new()).await.expect_err("without a reason");
    desk.console.export_connection("shop", &desk.home.path().join("copy.toml")).await.expect("exported");
    for _ in 0..200 {
        desk.find("").await;
    }
    let judged = judge_by_rules(&desk).await;
    let rules = judged.as_object().expect("by file");
    assert_eq!(rules.len(), 9, "{judged}");
    assert!(rules.values().all(|found| found == &json!([])), "{judged}");

    // Full access without a ticket, but not in production.
    let mut desk = Desk::with_connection(|text| format!("{text}\nmode = \"full\"\n")).await;
    let customer = desk.find("").await.remove(0);
    visit(&mut desk, &[customer], "").await;
    let judged = judge_by_rules(&desk).await;
    assert_eq!((&judged["full_access"], &judged["without_a_ticket"]), (&json!([]), &json!([])));
}

/// Appends one entry of each kind, as far as the log has none yet.
async fn write_all_kinds(desk: &Desk) {
    let log = desk.audit().await;
    let who = OperatorIdentity {
        operator_name: "Zoë <b>".into(),
        operator_email: "zoe@example.org".into(),
        os_user: "zoe".into(),
        host: "desk-4".into(),
    };
    let whom = Subject {
        connection: "shop".into(),
        connection_name: "Shop".into(),
        environment: Environment::Production,
        user_id: "7".into(),
        user_name: None,
        user_email: Some("ada@example.com".into()),
    };
    let now = desk.clock.now_ms();
    let first = Entry::for_new_session(now, "a-session", who.clone(), whom, "she \"asked\"")
        .with_mode(SessionMode::ReadOnly)
        .with_ticket("HELP-7");
    let in_session = [
        Event::Active,
        Event::Refused { status: Some(403), cause: "Not allowed".into() },
        Event::Refused { status: None, cause: "No answer".into() },
        Event::Extended { minutes: 15 },
        Event::Unlocked { reason: "resend it".into() },
        Event::UnlockDenied { why: "never".into() },
        Event::Locked,
        Event::HeldBack(HeldBackRequest {
            method: "POST".into(),
            host: "app.example".into(),
            path: "/a".into(),
        }),
        Event::Left(LeftApplication { host: "maps.example".into(), in_browser: true }),
        Event::Downloaded(DownloadedFile { name: "a.pdf".into(), host: String::new(), bytes: 7 }),
        Event::Ended { cause: EndCause::Crash, sign_out_failed: Some("503".into()), held_back: Some(3) },
    ];
    log.append(first.clone()).await.expect("written");
    for event in in_session {
        log.append(first.with_event(now, event)).await.expect("written");
    }
    let request = || RequestName { log: "a-log".into(), id: 7 };
    let (key, signature) = ("ab".to_owned(), "cd".to_owned());
    let outside = [
        ConsoleEvent::Started,
        ConsoleEvent::Stopped,
        ConsoleEvent::Denied { rule: PolicyRule::Protected, quoted: Some("user.plan == 'team'".into()) },
        ConsoleEvent::SecretStored { name: "admin_token".into(), this_run_only: true },
        ConsoleEvent::SecretForgotten { name: "admin_token".into() },
        ConsoleEvent::SecretRedirected { name: "admin_token".into(), to: "https://app.example".into() },
        ConsoleEvent::ConnectionAdded { elsewhere: true },
        ConsoleEvent::ConnectionChanged { keys: vec!["name".into()], elsewhere: false },
        ConsoleEvent::ConnectionRemoved { elsewhere: false },
        ConsoleEvent::TeamFileChanged { keys: vec!["audit.url".into()], is_gone: false },
        ConsoleEvent::OperatorChanged { name: "Ada".into(), email: "ada@example.org".into() },
        ConsoleEvent::MessageDiscarded {
            what: DiscardedMessage::Notification,
            session: Some("a-session".into()),
        },
        ConsoleEvent::Exported {
            what: ExportKind::Users,
            format: "csv".into(),
            rows: Some(3),
            session: Some("a-session".into()),
        },
        ConsoleEvent::Searched { text: Some("ab".into()), columns: vec!["plan".into()], rows: 3 },
        ConsoleEvent::EntriesRemoved { through: 3, hash: "ab".into(), keep_days: 90, key, signature },
        ConsoleEvent::DetailsOpened,
        ConsoleEvent::ApprovalAsked { mode: SessionMode::Full },
        ConsoleEvent::Approved(request()),
        ConsoleEvent::ApprovalDeclined(request()),
        ConsoleEvent::ApprovalExpired(request()),
        ConsoleEvent::ApprovalUsed(request()),
        ConsoleEvent::GlassBroken { mode: SessionMode::Full },
    ];
    for event in outside {
        let entry = ConsoleEntry::new(now, who.clone(), event).with_reason("she asked", "HELP-7");
        log.append_console_entry(&entry).await.expect("written");
    }
}

#[tokio::test]
async fn every_event_is_valid_by_ocsfs_own_schema() {
    let mut desk = in_production("").await;
    let free = customers(&desk, "plan:free").await;
    visit(&mut desk, &free[..1], "HELP-7").await;
    desk.console.user_details("shop", &free[0].id).await.expect("shown");
    write_all_kinds(&desk).await;
    let judged = judge(&desk, LogFormat::Ocsf, &["ocsf"]).await;
    let judged: Vec<Vec<String>> = serde_json::from_value(judged).expect("faults of each event");
    assert!(judged.len() > 35, "{}", judged.len());
    assert_eq!(judged.concat(), [""; 0]);
}

//! Whatever texts others have chosen, an entry is short enough for the team's database, and says what happened.

use proptest::prelude::*;
use understudy_audit::reader::{EntryFilter, LogReader};
use understudy_audit::{
    ConsoleEntry, ConsoleEvent, DownloadedFile, ExportKind, HeldBackRequest, LeftApplication,
    MOST_LINE_BYTES, NamedConnection, NamedUser, PolicyRule, RequestName,
};

use super::chain::{keyring, verify};
use super::*;

/// The events of a session, after its beginning, with this text wherever one fits.
fn session_events(text: &str) -> Vec<Event> {
    let text = || text.to_owned();
    vec![
        Event::Active,
        Event::Refused { status: Some(500), cause: text() },
        Event::Extended { minutes: u32::MAX },
        Event::Unlocked { reason: text() },
        Event::UnlockDenied { why: text() },
        Event::Locked,
        Event::HeldBack(HeldBackRequest { method: text(), host: text(), path: text() }),
        Event::Left(LeftApplication { host: text(), in_browser: true }),
        Event::Downloaded(DownloadedFile { name: text(), host: text(), bytes: u64::MAX }),
        Event::Ended {
            cause: EndCause::WindowClosed,
            sign_out_failed: Some(text()),
            held_back: Some(u64::MAX),
        },
    ]
}

/// One of each event outside of sessions.
fn console_events(text: &str, count: usize) -> Vec<ConsoleEvent> {
    let list = || vec![text.to_owned(); count];
    let text = || text.to_owned();
    let request = || RequestName { log: text(), id: i64::MAX };
    vec![
        ConsoleEvent::Started,
        ConsoleEvent::Stopped,
        ConsoleEvent::Denied { rule: PolicyRule::Protected, quoted: Some(text()) },
        ConsoleEvent::SecretStored { name: text(), this_run_only: true },
        ConsoleEvent::SecretForgotten { name: text() },
        ConsoleEvent::SecretRedirected { name: text(), to: text() },
        ConsoleEvent::ConnectionAdded { elsewhere: true },
        ConsoleEvent::ConnectionChanged { keys: list(), elsewhere: true },
        ConsoleEvent::ConnectionRemoved { elsewhere: true },
        ConsoleEvent::Exported {
            what: ExportKind::Users,
            format: text(),
            rows: Some(u64::MAX),
            session: Some(text()),
        },
        ConsoleEvent::Searched { text: Some(text()), columns: list(), rows: u64::MAX },
        ConsoleEvent::EntriesRemoved {
            through: i64::MAX,
            hash: text(),
            keep_days: u32::MAX,
            key: text(),
            signature: text(),
        },
        ConsoleEvent::DetailsOpened,
        ConsoleEvent::ValueRevealed { column: text() },
        ConsoleEvent::ApprovalAsked { mode: SessionMode::Full },
        ConsoleEvent::Approved(request()),
        ConsoleEvent::ApprovalDeclined(request()),
        ConsoleEvent::ApprovalExpired(request()),
        ConsoleEvent::ApprovalUsed(request()),
        ConsoleEvent::GlassBroken { mode: SessionMode::Full },
    ]
}

/// Each kind of entry, with this text in all of its columns.
async fn write_all(log: &AuditLog, text: &str, count: usize) {
    let text_of = || text.to_owned();
    let who = OperatorIdentity {
        operator_name: text_of(),
        operator_email: text_of(),
        os_user: text_of(),
        host: text_of(),
    };
    let first = begun(1, text, text, text).with_mode(SessionMode::ReadOnly).with_ticket(text);
    let whom = Subject {
        connection: text_of(),
        connection_name: text_of(),
        user_name: Some(text_of()),
        user_email: Some(text_of()),
        ..first.whom.clone()
    };
    let first = Entry { who: who.clone(), whom, app_version: text_of(), ..first };
    log.append(first.clone()).await.unwrap();
    for event in session_events(text) {
        log.append(first.with_event(2, event)).await.unwrap();
    }
    for event in console_events(text, count) {
        let entry = ConsoleEntry::new(3, who.clone(), event)
            .about_connection(NamedConnection {
                id: text_of(),
                name: Some(text_of()),
                environment: Some(Environment::Production),
            })
            .about_user(NamedUser { id: text_of(), name: Some(text_of()), email: Some(text_of()) })
            .with_reason(text, text);
        log.append_console_entry(&ConsoleEntry { app_version: text_of(), ..entry }).await.unwrap();
    }
}

async fn check_all(text: &str, count: usize) {
    let (desk, vault) = (Desk::new(), keyring());
    let log = desk.log().await;
    write_all(&log, text, count).await;
    let lines = log.lines();
    let lines = lines.read_after(&lines.log_id().await.unwrap(), &EntryLink::default(), 100).await.unwrap();
    assert_eq!(lines.len(), 31);
    for line in &lines {
        assert!(line.line.len() <= MOST_LINE_BYTES, "entry {} has {} bytes", line.id, line.line.len());
        let read: serde_json::Value = serde_json::from_str(&line.line).unwrap();
        assert_eq!(read["id"], line.id);
    }
    let found = verify(&desk, &vault).await;
    assert_eq!((found.faults, found.entries), (vec![], 31));
    // Each is still understood.
    assert_eq!(log.read_entries(100).await.unwrap().len(), 11);
    let stored = LogReader::open(&desk.path()).await.unwrap();
    for entry in stored.read_after(&EntryFilter::default(), 11, 100).await.unwrap() {
        let (words, detail) = (entry.describe(), entry.text("detail"));
        assert!(detail.is_empty() || !words.starts_with(&detail), "{}", entry.title());
    }
}

#[tokio::test]
async fn the_longest_texts_of_each_character_fit_the_teams_database() {
    for text in ["a", "\u{1}", "\\", "\"", "\n", "ü", "€", "🦀", "\u{2028}"] {
        check_all(&text.repeat(70_000), 3).await;
    }
}

#[tokio::test]
async fn what_is_short_is_kept_as_it_is_and_what_is_cut_says_so() {
    let desk = Desk::new();
    let log = desk.log().await;
    let reason = "Cannot print\n\"all\" ☂ ".repeat(100);
    let quoted = "user.plan == 'staff'".repeat(200);
    log.append(begun(1, "s1", &"7".repeat(9_000), &reason)).await.unwrap();
    let denied = ConsoleEvent::Denied { rule: PolicyRule::Protected, quoted: Some(quoted.clone()) };
    log.append_console_entry(&ConsoleEntry::new(2, OperatorIdentity::new("Ada", ""), denied)).await.unwrap();
    log.append(begun(3, "s2", "7", &"x".repeat(60_000))).await.unwrap();
    let stored = LogReader::open(&desk.path()).await.unwrap();
    let stored = stored.read_after(&EntryFilter::default(), 0, 9).await.unwrap();
    assert_eq!((stored[0].text("reason"), stored[0].text("user_id")), (reason, "7".repeat(9_000)));
    assert_eq!(stored[1].describe(), format!("the user is protected: {quoted}"));
    assert!(stored[2].text("reason").ends_with("xxx…"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]
    #[test]
    fn no_text_makes_an_entry_too_long(part in "[\0-\u{ff}\"\\\\€🦀]{1,40}|.{1,40}", bytes in 1_usize..150_000, count in 0_usize..3_000) {
        let text = part.repeat(bytes.div_ceil(part.len()));
        // Many short elements, or a few long ones.
        let count = count.min(500_000 / text.len()).max(1);
        tokio::runtime::Runtime::new().unwrap().block_on(check_all(&text, count));
    }
}

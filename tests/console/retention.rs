//! Entries that the team no longer wants to be kept on its computers go, and the log says so.

use std::time::Duration;

use serde_json::Map;
use understudy_core::audit::EndCause;
use understudy_core::audit::reader::{EntryFilter, LogReader, StoredEntry};
use understudy_core::audit::verify::verify_log;
use understudy_core::error::Code;
use understudy_core::home::Home;

use crate::test_console::Desk;

const DAY: Duration = Duration::from_hours(24);

/// Without those about the team file, which are written as soon as it counts.
async fn entries(desk: &Desk) -> Vec<StoredEntry> {
    let path = Home::in_folder(desk.home.path()).audit_file().expect("a path");
    let log = LogReader::open(&path).await.expect("opens");
    let mut entries = log.read_after(&EntryFilter::default(), 0, 1_000).await.expect("readable");
    entries.retain(|entry| entry.text("event") != "team_file_changed");
    entries
}

fn write_team_file(desk: &Desk, text: &str) {
    std::fs::write(Home::in_folder(desk.home.path()).own_team_file(), text).expect("written");
}

#[tokio::test]
async fn entries_go_when_the_team_no_longer_wants_them() {
    let desk = Desk::new().await;
    let user = desk.find("").await.remove(0);
    let session = desk.console.impersonate("shop", &user.id, "ticket 7", Map::new()).await.expect("begins");
    desk.console.end_session(&session.id, EndCause::Operator).await;
    let before = entries(&desk).await;
    desk.clock.advance_by(DAY * 8);

    assert_eq!(desk.console.remove_old_entries().await.expect("no team file"), 0, "for ever");
    write_team_file(&desk, "[audit]\nkeep_days = 30\n");
    assert_eq!(desk.console.remove_old_entries().await.expect("nothing is old"), 0);
    write_team_file(&desk, "[audit]\nkeep_day = 7\n");
    assert_eq!(desk.console.remove_old_entries().await.expect_err("a fault").code, Code::SettingsInvalid);
    assert_eq!(entries(&desk).await, before);

    write_team_file(&desk, "[audit]\nkeep_days = 7\n");
    let removed = desk.console.remove_old_entries().await.expect("removed");
    assert_eq!(usize::try_from(removed), Ok(before.len()));
    let after = entries(&desk).await;
    assert_eq!(after.len(), 1);
    assert_eq!(
        (after[0].title(), after[0].describe()),
        ("entries removed".into(), format!("up to entry {}, kept for 7 days", before.len()))
    );
    let path = Home::in_folder(desk.home.path()).audit_file().expect("a path");
    assert_eq!(verify_log(&path, Some(&desk.vault)).await.expect("readable").faults, []);
    // The customer is no longer in the file.
    let bytes = std::fs::read(&path).expect("readable");
    assert!(!String::from_utf8_lossy(&bytes).contains("ticket 7"));
}

#[tokio::test]
async fn what_the_teams_log_does_not_have_stays() {
    let desk = Desk::new().await;
    desk.clock.advance_by(DAY * 8);
    let before = entries(&desk).await;
    // Nobody answers there.
    write_team_file(&desk, "[audit]\nurl = \"postgres://us@127.0.0.1:9/audit\"\nkeep_days = 7\n");
    assert_eq!(desk.console.remove_old_entries().await.expect("none"), 0);
    assert_eq!(entries(&desk).await, before);
}

#[tokio::test]
async fn what_a_system_of_the_team_does_not_have_stays() {
    let desk = Desk::new().await;
    desk.clock.advance_by(DAY * 8);
    let before = entries(&desk).await;
    assert!(!before.is_empty());
    // Nobody answers there.
    let webhook = "webhook = { url = \"http://127.0.0.1:9/\", secret = \"audit_webhook\" }";
    write_team_file(&desk, &format!("[audit]\nkeep_days = 7\n{webhook}\n"));
    assert_eq!(desk.console.remove_old_entries().await.expect("none"), 0);
    assert_eq!(entries(&desk).await, before);
    // Without it, they go.
    write_team_file(&desk, "[audit]\nkeep_days = 7\n");
    assert_ne!(desk.console.remove_old_entries().await.expect("removed"), 0);
}

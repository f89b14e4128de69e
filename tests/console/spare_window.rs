//! While the operator gives a reason, the session's window is made ready. Nobody is anybody in it yet.

use serde_json::Map;
use understudy_core::audit::EndCause;
use understudy_core::error::Code;
use understudy_core::session::Phase;
use understudy_test_support::browser::Shown;

use crate::test_console::{Desk, TOKEN, ended_by, replace_line};

#[tokio::test]
async fn a_window_that_was_made_ready_becomes_the_sessions() {
    let mut desk = Desk::new().await;
    let user = desk.find("").await.remove(0);
    desk.console.prepare_window("shop").await;
    desk.console.prepare_window("shop").await;
    assert_eq!(desk.browser.count_windows(), 1, "one spare window at most");
    assert!(desk.browser.opened.lock().expect("no panic").is_empty(), "and nobody sees it");
    assert!(desk.console.sessions().is_empty() && desk.demo.application.journal().is_empty());
    assert!(desk.audit().await.read_entries(10).await.expect("entries").is_empty());

    let session = desk.console.impersonate("shop", &user.id, "a", Map::new()).await.expect("begins");
    desk.until(&session.id, Phase::Active).await;
    assert_eq!(desk.browser.count_windows(), 1, "it was taken over");
    let opened = desk.browser.opened.lock().expect("no panic").clone();
    assert_eq!(opened, std::slice::from_ref(&session.id));
    assert!(
        matches!(desk.browser.shown(&session.id), Some(Shown::Page(page)) if page.contains("Signed in as"))
    );
    // The dialog that asked for it closes, and takes nothing away.
    desk.console.discard_spare_window().await;
    assert_eq!(desk.browser.count_windows(), 1);
    desk.console.end_session(&session.id, EndCause::Operator).await;
    assert_eq!(desk.browser.count_windows(), 0);
    let log = desk.audit().await.read_entries(10).await.expect("entries");
    assert_eq!(log.first().map(|entry| &entry.event), Some(&ended_by(EndCause::Operator)));
}

#[tokio::test]
async fn a_window_that_nobody_needs_is_thrown_away() {
    let desk = Desk::new().await;
    desk.console.prepare_window("shop").await;
    desk.console.discard_spare_window().await;
    assert_eq!(desk.browser.count_windows(), 0);
    desk.console.prepare_window("shop").await;
    desk.console.shut_down().await;
    assert_eq!(desk.browser.count_windows(), 0, "quitting leaves none behind");
    desk.console.prepare_window("shop").await;
    assert_eq!(desk.browser.count_windows(), 0, "and none is made afterwards");
    assert!(desk.demo.application.journal().is_empty());
}

#[tokio::test]
async fn a_session_that_may_not_begin_leaves_no_window_behind() {
    let desk = Desk::with_connection(|text| replace_line(&text, "reason ", "reason = \"required\"")).await;
    let user = desk.find("").await.remove(0);
    desk.console.prepare_window("shop").await;
    let error = desk.console.impersonate("shop", &user.id, " ", Map::new()).await.unwrap_err();
    assert_eq!((error.code, desk.browser.count_windows()), (Code::ReasonRequired, 0));
}

#[tokio::test]
async fn a_connection_that_has_changed_gets_a_window_of_its_own() {
    let mut desk = Desk::new().await;
    let user = desk.find("").await.remove(0);
    desk.console.prepare_window("shop").await;
    let file = desk.home.path().join("connections/shop.toml");
    let text = std::fs::read_to_string(&file).expect("the connection");
    let stricter = format!("{text}\n[policy.hosts]\nblock = [\"tracker.example\"]\n");
    let changed = desk.console.save_connection(Some("shop"), &stricter).await;
    changed.expect("it is valid");
    let session = desk.console.impersonate("shop", &user.id, "a", Map::new()).await.expect("begins");
    desk.until(&session.id, Phase::Active).await;
    assert_eq!(desk.browser.count_windows(), 2, "the spare one is for what the connection was");
    desk.console.discard_spare_window().await;
    assert_eq!(desk.browser.count_windows(), 1);
    assert!(desk.told.iter().all(|told| !told.contains(TOKEN)));
}

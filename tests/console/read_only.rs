//! The mode of a session: how it begins, what the policy asks for full access, and what the audit log has of it.

use serde_json::Map;
use understudy_core::access::{SessionMode, UnlockRule};
use understudy_core::audit::{EndCause, Event};
use understudy_core::error::Code;
use understudy_core::session::{Phase, SessionView};

use crate::test_console::{Desk, replace_line};

/// The demo's connection as one of production, whose sign-in is told the mode.
fn of_production(text: &str) -> String {
    let text = replace_line(text, "environment", "environment = \"production\"");
    let expect = "expect = \"response.json.id == user.id and session.mode == 'read_only'\"";
    replace_line(&text, "expect", expect)
}

async fn signed_in(desk: &mut Desk) -> SessionView {
    let user = desk.find("").await.remove(0);
    let session = desk.console.impersonate("shop", &user.id, "ticket 7", Map::new()).await.expect("begins");
    desk.until(&session.id, Phase::Active).await
}

/// The events of the audit log, the newest first.
async fn events(desk: &Desk) -> Vec<Event> {
    let log = desk.audit().await.read_entries(20).await.expect("readable");
    assert!(log.iter().all(|entry| entry.mode == Some(SessionMode::ReadOnly)), "as it began: {log:#?}");
    assert!(log.iter().all(|entry| entry.reason == "ticket 7"), "its reason stays: {log:#?}");
    log.into_iter().map(|entry| entry.event).collect()
}

#[tokio::test]
async fn full_access_in_production_needs_a_reason_which_is_written_before_it_is_given() {
    let mut desk = Desk::with_connection(|text| of_production(&text)).await;
    let session = signed_in(&mut desk).await;
    let id = session.id.as_str();
    assert_eq!((session.mode, session.may_unlock), (SessionMode::ReadOnly, UnlockRule::WithReason));

    for (reason, hint) in
        [(None, "what you need"), (Some(" "), "what you need"), (Some(&*"x".repeat(501)), "500")]
    {
        let error =
            desk.console.set_session_mode(id, SessionMode::Full, reason).await.expect_err("no reason");
        assert_eq!(error.code, Code::ReasonRequired);
        assert!(error.hint.as_deref().unwrap_or_default().contains(hint), "{error:?}");
    }
    let held = desk.hold_audit_log().await;
    let error =
        desk.console.set_session_mode(id, SessionMode::Full, Some("resend it")).await.expect_err("unwritten");
    assert_eq!(error.code, Code::AuditFailed);
    drop(held);
    assert_eq!(desk.console.find_session(id).expect("it runs").mode, SessionMode::ReadOnly);
    assert_eq!(events(&desk).await, [Event::Active, Event::Begun], "nothing has changed");

    for _ in 0..2 {
        let view = desk
            .console
            .set_session_mode(id, SessionMode::Full, Some(" resend it "))
            .await
            .expect("unlocked");
        assert_eq!(view.mode, SessionMode::Full);
    }
    let view = desk.console.set_session_mode(id, SessionMode::ReadOnly, None).await.expect("always possible");
    assert_eq!(view.mode, SessionMode::ReadOnly);
    desk.console.end_session(id, EndCause::Operator).await;
    let error =
        desk.console.set_session_mode(id, SessionMode::Full, Some("again")).await.expect_err("it has ended");
    assert_eq!(error.code, Code::SessionUnknown);
    let ended = Event::Ended { cause: EndCause::Operator, sign_out_failed: None, held_back: Some(0) };
    let unlocked = Event::Unlocked { reason: "resend it".into() };
    assert_eq!(events(&desk).await, [ended, Event::Locked, unlocked, Event::Active, Event::Begun]);
}

#[tokio::test]
async fn a_policy_can_keep_its_sessions_read_only_or_unlock_them_without_a_reason() {
    let policy = |line: &'static str| move |text: String| format!("{}\n{line}\n", of_production(&text));
    let mut desk = Desk::with_connection(policy("may_unlock = false")).await;
    let session = signed_in(&mut desk).await;
    let error =
        desk.console.set_session_mode(&session.id, SessionMode::Full, Some("a")).await.expect_err("never");
    assert_eq!(error.code, Code::PolicyRefused);
    assert_eq!(events(&desk).await, [Event::Active, Event::Begun]);

    let mut desk = Desk::with_connection(policy("may_unlock = true")).await;
    let session = signed_in(&mut desk).await;
    desk.console.set_session_mode(&session.id, SessionMode::Full, None).await.expect("it may");
    let unlocked = Event::Unlocked { reason: String::new() };
    assert_eq!(events(&desk).await, [unlocked, Event::Active, Event::Begun]);
}

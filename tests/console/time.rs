//! How long a session lasts: the warning before its end, extensions, and the report of each end.

use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::Map;
use understudy_core::audit::{EndCause, Event};
use understudy_core::error::Code;
use understudy_core::session::{Phase, SessionView};

use crate::test_console::Desk;

const MINUTE: Duration = Duration::from_mins(1);

async fn signed_in(desk: &mut Desk) -> SessionView {
    let user = desk.find("").await.remove(0);
    let session = desk.console.impersonate("shop", &user.id, "a", Map::new()).await.expect("begins");
    desk.until(&session.id, Phase::Active).await
}

#[tokio::test]
async fn an_agent_is_warned_before_the_deadline_and_extends_it_twice() {
    let mut desk = Desk::with_connection(|text| format!("{text}\nmax_minutes = 60\n")).await;
    let active = signed_in(&mut desk).await;
    assert_eq!(active.extensions_left, 2);
    let id = active.id.as_str();
    let mut deadline = active.deadline.expect("a deadline");

    for left in [1, 0] {
        desk.clock.advance_by(if left == 1 { MINUTE * 58 } else { MINUTE * 60 });
        let soon = desk.ends_soon().await;
        assert_eq!((soon.id.as_str(), soon.deadline), (id, Some(deadline)));

        let extended = desk.console.extend_session(id).await.expect("there is time left to give");
        deadline += 3_600_000;
        assert_eq!((extended.deadline, extended.extensions_left), (Some(deadline), left));
        let log = desk.audit().await.read_entries(1).await.expect("readable");
        assert_eq!(log[0].event, Event::Extended { minutes: 60 });
    }
    let error = desk.console.extend_session(id).await.expect_err("twice was all");
    assert_eq!(error.code, Code::PolicyRefused);

    // The old deadline passes and nothing ends; the new one is announced again, and takes effect.
    desk.clock.advance_by(MINUTE * 60);
    assert_eq!(desk.ends_soon().await.deadline, Some(deadline));
    assert_eq!(desk.console.find_session(id).expect("it runs").phase, Phase::Active);
    desk.clock.advance_by(MINUTE * 2);
    let ended = desk.ended().await;
    assert_eq!((ended.session.id.as_str(), ended.cause), (id, EndCause::Deadline));
    assert_eq!((ended.ended_at, ended.sign_out_failed), (deadline, None));
}

#[tokio::test]
async fn the_policy_limits_extensions_and_short_sessions_warn_at_half_time() {
    let mut desk =
        Desk::with_connection(|text| format!("{text}\nmax_minutes = 1\nmax_extensions = 0\n")).await;
    let active = signed_in(&mut desk).await;
    assert_eq!(active.extensions_left, 0);
    desk.clock.advance_by(Duration::from_secs(30));
    assert_eq!(desk.ends_soon().await.id, active.id);
    let error = desk.console.extend_session(&active.id).await.expect_err("the policy gives no more");
    assert_eq!(error.code, Code::PolicyRefused);
    assert_eq!(desk.console.find_session(&active.id).expect("it runs").deadline, active.deadline);
}

#[tokio::test]
async fn setting_the_clock_back_gives_no_more_time() {
    let mut desk = Desk::with_connection(|text| format!("{text}\nmax_minutes = 2\n")).await;
    let active = signed_in(&mut desk).await;
    desk.clock.set_wall(-3_600_000);
    let shown = desk.until_changed(&active.id).await.deadline;
    assert_eq!(shown, active.deadline.map(|at| at - 3_600_000), "the bar counts down as before");
    desk.clock.advance_by(MINUTE);
    desk.ends_soon().await;
    desk.clock.advance_by(MINUTE);
    let ended = desk.ended().await;
    assert_eq!((ended.session.id, ended.cause), (active.id, EndCause::Deadline));
}

#[tokio::test]
async fn a_page_that_cannot_be_shown_is_said_and_its_session_still_ends_in_time() {
    let mut desk = Desk::with_connection(|text| format!("{text}\nmax_minutes = 2\n")).await;
    desk.browser.broken.store(true, Ordering::SeqCst);
    let active = signed_in(&mut desk).await;
    assert!(active.deadline.is_some());
    assert!(desk.told.iter().any(|told| told.contains("The page cannot be shown.")), "{:#?}", desk.told);
    desk.clock.advance_by(MINUTE * 2);
    let ended = desk.ended().await;
    assert_eq!((ended.session.id, ended.cause), (active.id, EndCause::Deadline));
    assert!(desk.demo.application.journal().iter().any(|one| one.path == "/logout"));
}

#[tokio::test]
async fn two_quick_clicks_extend_a_session_once() {
    let mut desk = Desk::with_connection(|text| format!("{text}\nmax_minutes = 60\n")).await;
    let active = signed_in(&mut desk).await;
    let (one, other) =
        tokio::join!(desk.console.extend_session(&active.id), desk.console.extend_session(&active.id));
    one.expect("more time");
    other.expect("the same");
    assert_eq!(desk.console.find_session(&active.id).expect("it runs").extensions_left, 1);
}

#[tokio::test]
async fn without_a_limit_there_is_nothing_to_extend() {
    let mut desk = Desk::new().await;
    let active = signed_in(&mut desk).await;
    assert_eq!((active.deadline, active.extensions_left), (None, 0));
    assert!(desk.console.extend_session(&active.id).await.is_err());
}

#[tokio::test]
async fn an_extension_that_cannot_be_logged_is_refused() {
    let mut desk = Desk::with_connection(|text| format!("{text}\nmax_minutes = 60\n")).await;
    let active = signed_in(&mut desk).await;
    let held = desk.hold_audit_log().await;
    let error = desk.console.extend_session(&active.id).await.expect_err("it cannot be written down");
    assert_eq!(error.code, Code::AuditFailed);
    drop(held);
    let now = desk.console.find_session(&active.id).expect("it runs");
    assert_eq!((now.deadline, now.extensions_left), (active.deadline, 2));
}

#[tokio::test]
async fn every_end_is_reported_with_its_cause_and_sign_out() {
    let mut desk = Desk::new().await;
    for cause in [EndCause::Operator, EndCause::WindowClosed] {
        let active = signed_in(&mut desk).await;
        desk.console.end_session(&active.id, cause).await;
        let ended = desk.ended().await;
        assert_eq!((ended.session.id, ended.cause, ended.sign_out_failed), (active.id, cause, None));
        assert_eq!(ended.session.user, active.user, "who it was can be opened again");
    }

    desk.demo.application.change_faults(|faults| faults.logout = Some(500));
    let active = signed_in(&mut desk).await;
    desk.console.shut_down().await;
    let ended = desk.ended().await;
    assert_eq!((ended.session.id, ended.cause), (active.id, EndCause::Quit));
    assert_eq!(ended.sign_out_failed.as_deref(), Some("it was answered with 500 Internal Server Error"));
}

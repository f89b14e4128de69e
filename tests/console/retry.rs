//! A refused sign-in that is tried again: everything is asked anew, and two clicks are one.

use std::time::Duration;

use serde_json::Map;
use understudy_core::audit::EndCause;
use understudy_core::demo::LoginAnswer;
use understudy_core::session::{Phase, SessionView};
use understudy_test_support::browser::Shown;

use crate::desk_of_support::{Desk, TOKEN};

/// A session that the application has refused.
async fn refused(desk: &mut Desk) -> SessionView {
    desk.demo.application.set(|faults| faults.login = LoginAnswer::Status(503));
    let user = desk.find("").await.remove(0);
    let session =
        desk.console.impersonate("shop", &user.id, "a", Map::new()).await.expect("the window opens");
    desk.until(&session.id, Phase::Refused).await
}

fn save(desk: &Desk, edit: impl FnOnce(&str) -> String) {
    let text = desk.console.draft("shop").expect("it is there").text;
    desk.console.save_connection(Some("shop"), &edit(&text)).expect("saved");
}

fn logins(desk: &Desk) -> usize {
    desk.demo.application.journal().iter().filter(|one| one.path == "/login").count()
}

fn refusal(desk: &Desk, session: &str) -> understudy_core::browser::Refusal {
    match desk.browser.shown(session) {
        Some(Shown::Refusal(refusal)) => refusal,
        other => panic!("a refusal is shown, not {other:?}"),
    }
}

#[tokio::test]
async fn who_has_become_protected_meanwhile_is_not_signed_in_by_a_retry() {
    let mut desk = Desk::new().await;
    let session = refused(&mut desk).await;
    save(&desk, |text| format!("{text}\nprotect = [\"user.id == {}\"]\n", session.user.id));
    desk.demo.application.set(|faults| faults.login = LoginAnswer::Usual);
    desk.console.retry_session(&session.id).expect("it is there");
    desk.until(&session.id, Phase::Opening).await;
    desk.until(&session.id, Phase::Refused).await;
    assert!(refusal(&desk, &session.id).title.contains("protected"), "{:?}", refusal(&desk, &session.id));
    assert_eq!(logins(&desk), 1, "nothing was sent again");
}

#[tokio::test]
async fn a_connection_that_is_mended_and_saved_is_what_a_retry_goes_by() {
    let mut desk = Desk::with_connection(|text| text.replace("/login", "/logni")).await;
    let user = desk.find("").await.remove(0);
    let session =
        desk.console.impersonate("shop", &user.id, "a", Map::new()).await.expect("the window opens");
    desk.until(&session.id, Phase::Refused).await;
    // Saving closes the directory of the text before; whoever waits gets the new one.
    save(&desk, |text| text.replace("/logni", "/login"));
    desk.console.retry_session(&session.id).expect("it is there");
    desk.until(&session.id, Phase::Opening).await;
    desk.until(&session.id, Phase::Refused).await;
    // The token was stored for the other address, so the agent has to want it there.
    assert!(refusal(&desk, &session.id).title.contains("a different place"));
    assert_eq!(logins(&desk), 0, "nothing was sent");
    desk.set_token(TOKEN).await;
    desk.console.retry_session(&session.id).expect("it is there");
    desk.until(&session.id, Phase::Active).await;
}

#[tokio::test]
async fn what_a_window_was_opened_with_cannot_be_changed_by_a_retry_and_that_is_said() {
    let mut desk = Desk::new().await;
    let session = refused(&mut desk).await;
    save(&desk, |text| format!("{text}\n[network]\nproxy = \"http://127.0.0.1:9\"\n"));
    desk.console.retry_session(&session.id).expect("it is there");
    desk.until(&session.id, Phase::Opening).await;
    desk.until(&session.id, Phase::Refused).await;
    assert!(refusal(&desk, &session.id).title.contains("the proxy or the blocked paths"));
    assert_eq!(logins(&desk), 1);
}

#[tokio::test]
async fn two_clicks_are_one_retry_and_none_is_kept_for_later() {
    let mut desk = Desk::new().await;
    let session = refused(&mut desk).await;
    for _ in 0..3 {
        desk.console.retry_session(&session.id).expect("it is there");
    }
    desk.until(&session.id, Phase::Opening).await;
    desk.until(&session.id, Phase::Refused).await;
    assert_eq!(logins(&desk), 2);

    desk.demo.application.set(|faults| faults.login = LoginAnswer::Usual);
    desk.console.retry_session(&session.id).expect("it is there");
    desk.until(&session.id, Phase::Active).await;
    desk.console.retry_session(&session.id).expect("there is nothing to retry");
    desk.console.end_session(&session.id, EndCause::Operator).await;
    assert_eq!(logins(&desk), 3);
}

#[tokio::test]
async fn a_refused_window_that_nobody_comes_back_to_closes_by_itself() {
    let mut desk = Desk::new().await;
    let session = refused(&mut desk).await;
    let deadline = session.deadline.expect("it does not wait for ever");
    desk.clock.forward(Duration::from_mins(15));
    let ended = desk.ended().await;
    assert_eq!(
        (ended.session.id.as_str(), ended.cause, ended.ended_at),
        (&*session.id, EndCause::Deadline, deadline)
    );
    assert_eq!(ended.session.active_at, None, "it never was signed in");
    assert_eq!(desk.browser.shown(&session.id), None);
}

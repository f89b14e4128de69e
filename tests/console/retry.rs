//! Retrying a refused sign-in: everything is read again, and a double click retries once.

use std::time::Duration;

use serde_json::Map;
use understudy_core::audit::EndCause;
use understudy_core::session::{Phase, SessionView};
use understudy_demo::LoginAnswer;
use understudy_test_support::browser::Shown;

use crate::test_console::{Desk, TOKEN, replace_line, three_users, without_orders};

/// A session that the application has refused.
async fn refused(desk: &mut Desk) -> SessionView {
    desk.demo.application.change_faults(|faults| faults.login = LoginAnswer::Status(503));
    let user = desk.find("").await.remove(0);
    let session =
        desk.console.impersonate("shop", &user.id, "a", Map::new()).await.expect("the window opens");
    desk.until(&session.id, Phase::Refused).await
}

async fn save(desk: &Desk, edit: impl FnOnce(&str) -> String) {
    let text = desk.console.read_draft("shop").expect("it is there").text;
    desk.console.save_connection(Some("shop"), &edit(&text)).await.expect("saved");
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
async fn a_retry_does_not_sign_in_a_newly_protected_user() {
    let mut desk = Desk::new().await;
    let session = refused(&mut desk).await;
    save(&desk, |text| format!("{text}\nprotect = [\"user.id == {}\"]\n", session.user.id)).await;
    desk.demo.application.change_faults(|faults| faults.login = LoginAnswer::Usual);
    desk.console.retry_session(&session.id).expect("it is there");
    desk.until(&session.id, Phase::Opening).await;
    desk.until(&session.id, Phase::Refused).await;
    assert!(refusal(&desk, &session.id).title.contains("protected"), "{:?}", refusal(&desk, &session.id));
    assert_eq!(logins(&desk), 1, "nothing was sent again");
}

#[tokio::test]
async fn a_retry_uses_the_corrected_connection() {
    let mut desk = Desk::with_connection(|text| text.replace("/login", "/logni")).await;
    let user = desk.find("").await.remove(0);
    let session =
        desk.console.impersonate("shop", &user.id, "a", Map::new()).await.expect("the window opens");
    desk.until(&session.id, Phase::Refused).await;
    // Saving closes the old text's directory; those who wait get the new one.
    save(&desk, |text| text.replace("/logni", "/login")).await;
    desk.console.retry_session(&session.id).expect("it is there");
    desk.until(&session.id, Phase::Opening).await;
    desk.until(&session.id, Phase::Refused).await;
    // The token was stored for the other address, so the agent must agree first.
    assert!(refusal(&desk, &session.id).title.contains("a different place"));
    assert_eq!(logins(&desk), 0, "nothing was sent");
    desk.set_token(TOKEN).await;
    desk.console.retry_session(&session.id).expect("it is there");
    desk.until(&session.id, Phase::Active).await;
}

#[tokio::test]
async fn a_retry_reports_changes_that_need_a_new_window() {
    let mut desk = Desk::new().await;
    let session = refused(&mut desk).await;
    save(&desk, |text| format!("{text}\n[network]\nproxy = \"http://127.0.0.1:9\"\n")).await;
    desk.console.retry_session(&session.id).expect("it is there");
    desk.until(&session.id, Phase::Opening).await;
    desk.until(&session.id, Phase::Refused).await;
    assert!(
        refusal(&desk, &session.id)
            .title
            .contains("the proxy, the certificate authority or the blocked paths")
    );
    assert_eq!(logins(&desk), 1);
}

/// Retries, and returns why that is refused.
async fn retried(desk: &mut Desk, session: &SessionView) -> String {
    desk.demo.application.change_faults(|faults| faults.login = LoginAnswer::Usual);
    desk.console.retry_session(&session.id).expect("it is there");
    desk.until(&session.id, Phase::Opening).await;
    desk.until(&session.id, Phase::Refused).await;
    assert_eq!(logins(desk), 1, "nothing was sent again");
    refusal(desk, &session.id).title
}

#[tokio::test]
async fn a_retry_does_not_look_for_the_user_in_another_place() {
    for (line, with) in [
        ("url        =", "url        = \"sqlite:///tmp/other-users.sqlite\""),
        ("table      =", "table      = \"accounts\""),
        ("id         =", "id         = \"email\""),
        ("environment", "environment = \"production\""),
    ] {
        let mut desk = Desk::new().await;
        let session = refused(&mut desk).await;
        save(&desk, |text| replace_line(text, line, with)).await;
        let why = retried(&mut desk, &session).await;
        assert!(why.contains("where its users are, or their environment"), "{with}: {why}");
        // After the change is undone, the retry works.
        let text = desk.demo.connection_text.clone();
        save(&desk, |_| text).await;
        desk.console.retry_session(&session.id).expect("it is there");
        desk.until(&session.id, Phase::Active).await;
    }
}

#[tokio::test]
async fn a_retry_does_not_sign_in_somebody_whom_the_window_shows_as_another() {
    for change in ["email = 'eve@example.com'", "full_name = 'Eve'", "company_name = 'Evil Inc.'"] {
        let folder = tempfile::tempdir().expect("a folder");
        let url = three_users(folder.path()).await;
        let mut desk = Desk::with_connection(|text| {
            let text =
                replace_line(&without_orders(&text), "url        =", &format!("url        = \"{url}\""));
            replace_line(&text, "columns    =", "columns    = [\"plan\", \"company_name\"]")
        })
        .await;
        desk.demo.application.change_faults(|faults| faults.login = LoginAnswer::Status(503));
        let begun = desk.console.impersonate("shop", "7", "a", Map::new()).await.expect("the window opens");
        let session = desk.until(&begun.id, Phase::Refused).await;
        let pool = sqlx::SqlitePool::connect(&url).await.expect("opens");
        sqlx::query(sqlx::AssertSqlSafe(format!("UPDATE users SET {change} WHERE id = 7")))
            .execute(&pool)
            .await
            .expect("changed");
        pool.close().await;
        let why = retried(&mut desk, &session).await;
        assert!(why.contains("changed since this window was opened"), "{change}: {why}");
    }
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

    desk.demo.application.change_faults(|faults| faults.login = LoginAnswer::Usual);
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
    desk.clock.advance_by(Duration::from_mins(15));
    let ended = desk.ended().await;
    assert_eq!(
        (ended.session.id.as_str(), ended.cause, ended.ended_at),
        (&*session.id, EndCause::Deadline, deadline)
    );
    assert_eq!(ended.session.active_at, None, "it never was signed in");
    assert_eq!(desk.browser.shown(&session.id), None);
}

//! How a session ends if something is in the way: the keyring, a pending sign-in, the audit log, quitting.

use std::sync::Arc;

use serde_json::Map;
use understudy_core::audit::{EndCause, Event, Outcome};
use understudy_core::error::Code;
use understudy_core::home::Home;
use understudy_core::session::Phase;
use understudy_demo::Delay;
use understudy_test_support::browser::Shown;
use understudy_test_support::wait::until;

use crate::causes::{Application, Said};
use crate::rogue::Rogue;
use crate::slow_shop::SlowShop;
use crate::test_console::{Desk, TOKEN, ended_by};

fn logouts(desk: &Desk) -> usize {
    desk.demo.application.journal().iter().filter(|one| one.path == "/logout").count()
}

#[tokio::test]
async fn a_sign_out_without_a_secret_needs_no_keyring() {
    let mut desk = Desk::new().await;
    desk.store("admin_token", TOKEN).await;
    let user = desk.find("").await.remove(0);
    let session = desk.console.impersonate("shop", &user.id, "a", Map::new()).await.expect("begins");
    desk.until(&session.id, Phase::Active).await;
    desk.keyring.go();
    desk.console.end_session(&session.id, EndCause::Deadline).await;
    assert_eq!(logouts(&desk), 1);
    assert_eq!(desk.ended().await.sign_out_failed, None);
}

#[tokio::test]
async fn a_pending_sign_in_is_answered_before_the_sign_out_is_sent() {
    let mut desk = Desk::new().await;
    desk.demo.application.change_faults(|faults| faults.login_delay = Delay::UntilReleased);
    let user = desk.find("").await.remove(0);
    let session = desk.console.impersonate("shop", &user.id, "a", Map::new()).await.expect("begins");
    let left = |one: &understudy_demo::ReceivedRequest| one.path == "/login";
    desk.demo.application.wait_for(left, understudy_test_support::wait::PATIENCE).await.expect("it left");
    let (console, id) = (Arc::clone(&desk.console), session.id.clone());
    let ending = tokio::spawn(async move { console.end_session(&id, EndCause::Operator).await });
    desk.until(&session.id, Phase::Ending).await;
    desk.demo.application.release_answers();
    ending.await.expect("it ends");
    let journal = desk.demo.application.journal();
    let last = journal.last().expect("requests");
    assert_eq!((last.path.as_str(), last.signed_in_as.map(|id| id.to_string())), ("/logout", Some(user.id)));
    assert_eq!(desk.ended().await.sign_out_failed, None);
}

#[tokio::test]
async fn a_sign_in_that_is_never_answered_leaves_its_sign_out_unconfirmed() {
    let mut desk = Desk::new().await;
    desk.demo.application.change_faults(|faults| faults.login_delay = Delay::UntilReleased);
    let user = desk.find("").await.remove(0);
    let session = desk.console.impersonate("shop", &user.id, "a", Map::new()).await.expect("begins");
    let left = |one: &understudy_demo::ReceivedRequest| one.path == "/login";
    desk.demo.application.wait_for(left, understudy_test_support::wait::PATIENCE).await.expect("it left");
    desk.console.end_session(&session.id, EndCause::Operator).await;
    assert_eq!(logouts(&desk), 1, "it is sent all the same");
    let why = desk.ended().await.sign_out_failed.expect("nobody knows");
    assert!(why.starts_with("not confirmed"), "{why}");
}

#[tokio::test]
async fn a_page_that_a_link_led_to_does_not_stay_when_the_log_cannot_be_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let shop = SlowShop::start().await;
    let text = shop.link(folder.path()).await;
    let mut desk = Desk::with_connection(|_| text).await;
    shop.be_slow();
    let session = desk.console.impersonate("shop", "7", "", Map::new()).await.expect("begins");
    shop.began.notified().await;
    let held = desk.hold_audit_log().await;
    shop.goes_on.notify_one();
    let refused = desk.until(&session.id, Phase::Refused).await;
    assert!(matches!(desk.browser.shown(&session.id), Some(Shown::Refusal(_))), "the page is gone");
    assert_eq!(shop.received(), ["POST /login", "GET /enter", "POST /logout"], "it was left signed out");
    assert!(refused.deadline.is_some(), "and does not wait for ever");
    drop(held);
}

#[tokio::test]
async fn an_end_that_cannot_be_written_is_kept_with_its_time_and_written_later() {
    let mut desk = Desk::new().await;
    let user = desk.find("").await.remove(0);
    let session = desk.console.impersonate("shop", &user.id, "a", Map::new()).await.expect("begins");
    desk.until(&session.id, Phase::Active).await;
    desk.toast().await;
    let held = desk.hold_audit_log().await;
    desk.console.end_session(&session.id, EndCause::Operator).await;
    let ended = desk.ended().await;
    assert_eq!(logouts(&desk), 1);
    let kept = desk.told.iter().filter(|told| told.contains("The entry is kept")).count();
    assert_eq!(kept, 1, "it is said once: {:#?}", desk.told);
    drop(held);
    let past = desk.console.user_details("shop", &user.id).await.expect("details").past;
    assert_eq!(
        (past[0].outcome, past[0].ended_at),
        (Outcome::Ended, Some(ended.ended_at)),
        "it is not running"
    );

    desk.clock.advance_by(std::time::Duration::from_mins(5));
    assert_eq!(desk.toast().await.text, "The audit log is complete again.");
    let last = desk.audit().await.read_entries(1).await.expect("readable").remove(0);
    assert_eq!((last.event, last.at_ms), (ended_by(EndCause::Operator), ended.ended_at));
}

#[tokio::test]
async fn quitting_writes_what_is_still_owed_to_the_log() {
    let mut desk = Desk::new().await;
    let user = desk.find("").await.remove(0);
    let session = desk.console.impersonate("shop", &user.id, "a", Map::new()).await.expect("begins");
    desk.until(&session.id, Phase::Active).await;
    let file = Home::in_folder(desk.home.path()).audit_file().expect("a path");
    let away = file.with_extension("away");
    std::fs::rename(&file, &away).expect("moved");
    desk.console.end_session(&session.id, EndCause::Operator).await;
    let refused =
        desk.console.impersonate("shop", &user.id, "b", Map::new()).await.expect_err("no log, no session");
    assert_eq!(refused.code, Code::AuditFailed);
    assert!(refused.message.contains("moved or deleted"), "{refused}");
    assert!(!file.exists(), "it is not quietly begun anew");
    std::fs::rename(&away, &file).expect("put back");
    desk.console.shut_down().await;
    let last = desk.audit().await.read_entries(1).await.expect("readable").remove(0);
    assert_eq!(last.event, ended_by(EndCause::Operator));
}

#[tokio::test]
async fn nothing_begins_once_quitting_has_begun() {
    let desk = Desk::new().await;
    let user = desk.find("").await.remove(0);
    desk.console.shut_down().await;
    let error =
        desk.console.impersonate("shop", &user.id, "a", Map::new()).await.expect_err("it is quitting");
    assert_eq!(error.code, Code::Cancelled);
    assert!(desk.browser.opened.lock().expect("no panic").is_empty());
    assert!(desk.audit().await.read_entries(1).await.expect("readable").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_about_to_begin_open_no_window_when_quitting() {
    let desk = Desk::new().await;
    desk.store("admin_token", TOKEN).await;
    let user = desk.find("").await.remove(0);
    let prompt = desk.keyring.ask();
    let console = Arc::clone(&desk.console);
    let beginning = tokio::spawn(async move { console.impersonate("shop", &user.id, "a", Map::new()).await });
    until("its first entry", async || Ok(desk.audit().await.read_entries(1).await?.pop()))
        .await
        .expect("it begins");
    desk.console.shut_down().await;
    drop(prompt);
    let ended = beginning.await.expect("no panic").expect("it had begun");
    assert_eq!(ended.phase, Phase::Ending);
    assert!(desk.browser.opened.lock().expect("no panic").is_empty());
    let log = desk.audit().await.read_entries(2).await.expect("readable");
    assert!(matches!(log[0].event, Event::Ended { cause: EndCause::Quit, .. }), "{log:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trial_under_way_signs_out_before_understudy_quits() {
    let folder = tempfile::tempdir().expect("a folder");
    let shop = SlowShop::start().await;
    let text = shop.exchange(folder.path()).await;
    let desk = Desk::with_connection(|_| text.clone()).await;
    shop.be_slow();
    let console = Arc::clone(&desk.console);
    let trying = tokio::spawn(async move {
        console.try_sign_in(Some("shop"), &text, "7", std::collections::HashMap::new(), 1).await
    });
    shop.began.notified().await;
    let quitting = tokio::spawn({
        let console = Arc::clone(&desk.console);
        async move { console.shut_down().await }
    });
    until("quitting", async || {
        let refused = desk.console.stop_trial(2).is_err();
        Ok(refused.then_some(()))
    })
    .await
    .expect("it quits");
    assert!(!quitting.is_finished(), "it waits for the trial");
    shop.goes_on.notify_one();
    quitting.await.expect("it has quit");
    assert_eq!(shop.received(), ["POST /login", "POST /logout"]);
    let tried = trying.await.expect("no panic").expect("its report is there");
    assert!(!tried.ok);
}

/// The first step is answered, with a cookie; the second never is.
async fn with_a_step_before(shop: &SlowShop, folder: &std::path::Path) -> String {
    let step = "[[sign_in.steps]]";
    let before = format!("{step}\nurl = \"{}/before\"\n{step}", shop.origin);
    shop.exchange(folder).await.replacen(step, &before, 1)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trial_that_is_never_answered_is_given_up_and_signs_out_before_understudy_quits() {
    let folder = tempfile::tempdir().expect("a folder");
    let shop = SlowShop::start().await;
    let text = with_a_step_before(&shop, folder.path()).await;
    let desk = Desk::with_connection(|_| text.clone()).await;
    shop.be_slow();
    let console = Arc::clone(&desk.console);
    let trying = tokio::spawn(async move {
        console.try_sign_in(Some("shop"), &text, "7", std::collections::HashMap::new(), 1).await
    });
    shop.began.notified().await;
    let console = Arc::clone(&desk.console);
    let quitting = tokio::spawn(async move { console.shut_down().await });
    until("Understudy to quit", async || {
        desk.clock.advance_by(std::time::Duration::from_secs(5));
        Ok(quitting.is_finished().then_some(()))
    })
    .await
    .expect("it does not wait for the application");
    assert_eq!(shop.received(), ["POST /before", "POST /login", "POST /logout"]);
    assert_eq!(shop.signed_out(), ["sid=of-ada"], "what the first step began was ended");
    let tried = trying.await.expect("no panic").expect("its report is there");
    assert_eq!((tried.ok, tried.outcome.as_str()), (false, "The test was stopped"));
    let log = desk.audit().await.read_entries(1).await.expect("readable");
    assert!(matches!(log[0].event, Event::Ended { .. }), "{log:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trial_that_waits_for_the_keyring_does_not_hold_up_quitting() {
    let desk = Desk::new().await;
    desk.store("admin_token", TOKEN).await;
    let user = desk.find("").await.remove(0);
    let text = desk.console.read_draft("shop").expect("it is there").text;
    let _prompt = desk.keyring.ask();
    let console = Arc::clone(&desk.console);
    let trying = tokio::spawn(async move {
        console.try_sign_in(Some("shop"), &text, &user.id, std::collections::HashMap::new(), 1).await
    });
    until("the keyring to be asked", async || Ok(desk.keyring.is_asked().then_some(())))
        .await
        .expect("it is");
    desk.console.shut_down().await;
    let error = trying.await.expect("no panic").expect_err("nothing was sent");
    assert_eq!(error.code, Code::Cancelled);
    assert!(desk.audit().await.read_entries(1).await.expect("readable").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_ends_between_its_steps_and_its_window_signs_out_what_the_steps_began() {
    let folder = tempfile::tempdir().expect("a folder");
    let shop = SlowShop::start().await;
    let text = shop.exchange(folder.path()).await;
    let mut desk = Desk::with_connection(|_| text).await;
    shop.be_slow();
    let session = desk.console.impersonate("shop", "7", "", Map::new()).await.expect("begins");
    shop.began.notified().await;
    let (console, id) = (Arc::clone(&desk.console), session.id.clone());
    let ending = tokio::spawn(async move { console.end_session(&id, EndCause::Operator).await });
    desk.until(&session.id, Phase::Ending).await;
    shop.goes_on.notify_one();
    ending.await.expect("it ends");
    assert_eq!(shop.received(), ["POST /login", "POST /logout"]);
    assert_eq!(shop.signed_out(), ["sid=of-ada"]);
    assert_eq!(desk.ended().await.sign_out_failed, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_whose_step_is_never_answered_does_not_count_as_signed_out() {
    let folder = tempfile::tempdir().expect("a folder");
    let shop = SlowShop::start().await;
    let text = shop.exchange(folder.path()).await;
    let mut desk = Desk::with_connection(|_| text).await;
    shop.be_slow();
    desk.console.impersonate("shop", "7", "", Map::new()).await.expect("begins");
    shop.began.notified().await;
    desk.console.shut_down().await;
    assert_eq!(shop.received(), ["POST /login", "POST /logout"]);
    let why = desk.ended().await.sign_out_failed.expect("nobody knows");
    assert!(why.starts_with("not confirmed"), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn quitting_does_not_wait_forever_for_a_locked_audit_log() {
    let mut desk = Desk::new().await;
    let users = desk.find("").await;
    let mut sessions = Vec::new();
    // Each end is written for up to 5 seconds before that fails.
    for user in users.iter().take(8) {
        let session = desk.console.impersonate("shop", &user.id, "a", Map::new()).await.expect("begins");
        desk.until(&session.id, Phase::Active).await;
        sessions.push(session.id);
    }
    let file = Home::in_folder(desk.home.path()).audit_file().expect("a path");
    let away = file.with_extension("away");
    std::fs::rename(&file, &away).expect("moved");
    for session in &sessions {
        desk.console.end_session(session, EndCause::Operator).await;
    }
    std::fs::rename(&away, &file).expect("put back");
    let held = desk.hold_audit_log().await;
    let console = Arc::clone(&desk.console);
    let quitting = tokio::spawn(async move { console.shut_down().await });
    until("Understudy to quit", async || {
        desk.clock.advance_by(std::time::Duration::from_secs(10));
        Ok(quitting.is_finished().then_some(()))
    })
    .await
    .expect("it gives up at last");
    drop(held);
    let log = desk.audit().await.read_entries(50).await.expect("readable");
    assert!(!log.iter().any(|entry| matches!(entry.event, Event::Ended { .. })), "it was held: {log:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_keyring_prompt_does_not_block_other_sign_ins() {
    let folder = tempfile::tempdir().expect("a folder");
    let shop = SlowShop::start().await;
    let mut desk = Desk::new().await;
    let file = Home::in_folder(desk.home.path()).connections_dir().expect("a folder").join("slow.toml");
    std::fs::write(file, shop.exchange(folder.path()).await).expect("written");
    desk.console.load_connections();
    desk.store("admin_token", TOKEN).await;
    let user = desk.find("").await.remove(0);
    let prompt = desk.keyring.ask();
    let console = Arc::clone(&desk.console);
    let waiting = tokio::spawn(async move { console.impersonate("shop", &user.id, "a", Map::new()).await });
    until("its first entry", async || Ok(desk.audit().await.read_entries(1).await?.pop()))
        .await
        .expect("it begins");
    let other = desk.console.impersonate("slow", "7", "", Map::new()).await.expect("it is not held up");
    desk.until(&other.id, Phase::Active).await;
    drop(prompt);
    let session = waiting.await.expect("no panic").expect("it goes on when the keyring answers");
    desk.until(&session.id, Phase::Active).await;
}

/// A desk whose sign-out sends the token to the application at `app`, with the token in the keyring.
async fn with_sign_out_step(app: &Rogue) -> Desk {
    let step = format!(
        "[sign_out]\n[[sign_out.steps]]\nname = \"the end\"\nurl = \"{}/end\"\nmethod = \"POST\"\n\
         headers = {{ authorization = \"Bearer {{{{ secret.admin_token }}}}\" }}\n",
        app.origin()
    );
    let desk = Desk::with_connection(|text| {
        let (before, after) = text.split_once("[sign_out]").expect("it has one");
        let (_, after) = after.split_once("[policy]").expect("it ends");
        format!("{before}{step}\n[policy]{after}")
    })
    .await;
    desk.store("admin_token", TOKEN).await;
    desk
}

#[tokio::test]
async fn a_sign_out_has_its_secret_even_if_the_keyring_is_gone() {
    for locked in [false, true] {
        let app = Rogue::application().await;
        let mut desk = with_sign_out_step(&app).await;
        let user = desk.find("").await.remove(0);
        let session = desk.console.impersonate("shop", &user.id, "a", Map::new()).await.expect("begins");
        desk.until(&session.id, Phase::Active).await;
        if locked {
            desk.keyring.lock();
        } else {
            desk.keyring.go();
        }
        desk.console.end_session(&session.id, EndCause::Operator).await;
        assert_eq!(desk.ended().await.sign_out_failed, None);
        let heard = app.heard();
        assert!(heard.contains("POST /end") && heard.contains(TOKEN), "{heard}");
    }
}

#[tokio::test]
async fn a_secret_moved_meanwhile_still_signs_out_where_it_signed_in() {
    let (app, other) = (Rogue::application().await, Rogue::application().await);
    let mut desk = with_sign_out_step(&app).await;
    let user = desk.find("").await.remove(0);
    let session = desk.console.impersonate("shop", &user.id, "a", Map::new()).await.expect("begins");
    desk.until(&session.id, Phase::Active).await;

    // The connection changes, and the agent agrees to the new destination.
    let text =
        desk.console.read_draft("shop").expect("it is there").text.replace(&app.origin(), &other.origin());
    desk.console.save_connection(Some("shop"), &text).await.expect("saved");
    let asked = desk.console.impersonate("shop", &desk.find("").await.remove(1).id, "a", Map::new()).await;
    let moved = asked.expect_err("it is asked").moved.expect("both places");
    desk.console.use_secrets_there(&moved).await.expect("agreed");

    desk.console.end_session(&session.id, EndCause::Operator).await;
    assert_eq!(desk.ended().await.sign_out_failed, None);
    let heard = app.heard();
    assert!(heard.contains("POST /end") && heard.contains(TOKEN), "{heard}");
    assert_eq!(other.heard(), "", "that session was never there");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_out_that_fails_is_tried_again_with_the_same_cookies_at_the_end() {
    let application = Application::start().await;
    let leads: &[(&str, &str)] = &[("location", "/home"), ("set-cookie", "sid=bob; Path=/; HttpOnly")];
    application.says("GET /accept", Said { status: 302, headers: leads, body: b"" });
    let answer = format!("{{\"link\":\"{}/accept?token=one-time-canary\"}}", application.origin);
    let json: &[(&str, &str)] = &[("content-type", "application/json")];
    application.says("POST /links", Said { status: 200, headers: json, body: answer.leak().as_bytes() });
    application.says("POST /logout", Said { status: 500, headers: &[], body: b"" });
    let mut desk = application
        .desk(
            "[sign_in]\nkind = \"link\"\nopen = \"link\"\nredirect_to = \"$app/home\"\n\
             [[sign_in.steps]]\nurl = \"$app/links\"\nbody = {}\ncapture.link.json = \"/link\"\n\
             [sign_in.verify]\nurl = \"$app/api/me\"\nexpect = \"response.json.id == 7\"\n\
             [sign_out]\nurl = \"$app/logout\"\n",
        )
        .await;
    // The link signs in someone else, so the page is taken away; the sign-out fails.
    let session = desk.console.impersonate("shop", "7", "", Map::new()).await.expect("begins");
    desk.until(&session.id, Phase::Refused).await;
    assert_eq!(application.signed_out_with(), ["sid=bob"]);
    assert!(desk.told.iter().any(|told| told.contains("It is tried again when the window closes.")));
    application.says("POST /logout", Said { status: 204, headers: &[], body: b"" });
    desk.console.end_session(&session.id, EndCause::Operator).await;
    assert_eq!(
        application.signed_out_with().last().map(String::as_str),
        Some("sid=bob"),
        "the promise is kept"
    );
    assert_eq!(desk.ended().await.sign_out_failed, None);
}

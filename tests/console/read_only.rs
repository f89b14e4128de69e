//! The mode of a session: how it begins, what the policy asks for full access, and what the audit log has of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Map;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use understudy_core::access::{SessionMode, UnlockRule};
use understudy_core::audit::{EndCause, Event};
use understudy_core::connection::AllowConfig;
use understudy_core::error::Code;
use understudy_core::held_back::HeldBackList;
use understudy_core::session::{Phase, SessionView};
use understudy_demo::LoginAnswer;

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
    // A user's details have it too.
    let past = desk.console.user_details("shop", &session.user.id).await.expect("readable").past;
    let unlocks: Vec<_> = past[0].unlocks.iter().map(|it| (it.at, it.reason.as_str())).collect();
    assert_eq!((unlocks, past[0].held_back), (vec![(desk.clock.now_ms(), "resend it")], Some(0)));
}

#[tokio::test]
async fn a_policy_can_keep_its_sessions_read_only_or_unlock_them_without_a_reason() {
    let policy = |line: &'static str| move |text: String| format!("{}\n{line}\n", of_production(&text));
    let mut desk = Desk::with_connection(policy("may_unlock = false")).await;
    let session = signed_in(&mut desk).await;
    let error =
        desk.console.set_session_mode(&session.id, SessionMode::Full, Some("a")).await.expect_err("never");
    assert_eq!(error.code, Code::PolicyRefused);
    let denied = Event::UnlockDenied { why: error.message };
    assert_eq!(events(&desk).await, [denied, Event::Active, Event::Begun]);

    let mut desk = Desk::with_connection(policy("may_unlock = true")).await;
    let session = signed_in(&mut desk).await;
    desk.console.set_session_mode(&session.id, SessionMode::Full, None).await.expect("it may");
    let unlocked = Event::Unlocked { reason: String::new() };
    assert_eq!(events(&desk).await, [unlocked, Event::Active, Event::Begun]);
}

#[tokio::test]
async fn a_session_to_try_is_read_only_and_tells_what_it_held_back_and_the_rules_for_it() {
    let mut desk = Desk::with_connection(|text| format!("{text}\nmode = \"full\"\n")).await;
    desk.demo.application.change_faults(|faults| faults.login = LoginAnswer::Status(503));
    let user = desk.find("").await.remove(0);
    let session = desk.console.try_session("shop", &user.id).await.expect("it begins");
    assert_eq!((session.mode, session.may_unlock), (SessionMode::ReadOnly, UnlockRule::Always));
    let id = session.id.as_str();
    desk.until(id, Phase::Refused).await;
    desk.demo.application.change_faults(|faults| faults.login = LoginAnswer::Usual);
    desk.console.retry_session(id).expect("it is there");
    let session = desk.until(id, Phase::Active).await;
    assert_eq!(session.mode, SessionMode::ReadOnly, "as it began");
    assert_eq!(desk.console.held_back(id).expect("it runs"), HeldBackList::default());

    let origin = desk.demo.application.origin().to_owned();
    let elsewhere = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let elsewhere = format!("http://{}", elsewhere.local_addr().expect("an address"));
    for url in [
        format!("{origin}/api/search?q=1"),
        format!("{elsewhere}/v2/search"),
        format!("{origin}/api/search?q=2"),
    ] {
        assert_eq!(desk.browser.post(id, &url).await, 403);
    }
    let held_back = desk.console.held_back(id).expect("it runs");
    assert_eq!(held_back.total, 3);
    let times: Vec<u64> = held_back.groups.iter().map(|group| group.times).collect();
    assert_eq!(times, [2, 1]);
    let allow = |origin: Option<&str>, path: &str| {
        let (method, path) = ("POST".to_owned(), path.to_owned());
        Some(AllowConfig { method, origin: origin.map(str::to_owned), path, why: None })
    };
    let proposed: Vec<_> = held_back.groups.iter().map(|group| group.allow.clone()).collect();
    assert_eq!(proposed, [allow(None, "/api/search"), allow(Some(&elsewhere), "/v2/search")]);

    // What is copied lets exactly that pass once it is pasted into the file.
    desk.console.end_session(id, EndCause::Operator).await;
    let rules = held_back.rules.expect("two rules");
    assert_eq!(rules.matches(": held back ").count(), 2, "{rules}");
    let text = desk.console.read_draft("shop").expect("it is saved").text;
    desk.console.save_connection(Some("shop"), &format!("{text}\n{rules}")).await.expect("it is valid");
    let session = desk.console.try_session("shop", &user.id).await.expect("it begins");
    desk.until(&session.id, Phase::Active).await;
    for (path, passes) in [("/api/search?q=3", true), ("/api/search/delete", false), ("/v2/search", false)] {
        let status = desk.browser.post(&session.id, &format!("{origin}{path}")).await;
        assert_eq!(status != 403, passes, "{path} {status}");
    }

    let past = desk.console.user_details("shop", &user.id).await.expect("readable").past;
    let held_back: Vec<_> = past.iter().map(|one| (one.held_back, one.unlocks.len())).collect();
    assert_eq!(held_back, [(None, 0), (Some(3), 0)], "the newest still runs");
    let log = desk.audit().await.read_entries(20).await.expect("readable");
    assert!(log.iter().all(|entry| entry.mode == Some(SessionMode::ReadOnly)), "{log:#?}");
    let reasons = desk.console.recent_reasons("shop").await.expect("readable");
    assert!(reasons.is_empty(), "the operator entered none: {reasons:?}");
}

/// A server with a file that may be shared, which counts how often it is asked.
async fn serve_public_file() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/app.js", listener.local_addr().expect("an address"));
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((mut browser, _)) = listener.accept().await {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(browser.read_u8().await.expect("a request"));
            }
            count.fetch_add(1, Ordering::SeqCst);
            let answer = "HTTP/1.1 200 OK\r\ncontent-type: text/javascript\r\ncontent-length: 1\r\n\
                          cache-control: public, max-age=3600\r\nconnection: close\r\n\r\n1";
            browser.write_all(answer.as_bytes()).await.expect("it listens");
        }
    });
    (url, asked)
}

#[tokio::test]
async fn files_that_sessions_share_are_forgotten_when_they_are_cleared() {
    let (url, asked) = serve_public_file().await;
    let begins = format!("redirect_to = \"{url}\"");
    let mut desk = Desk::with_connection(|text| replace_line(&text, "redirect_to", &begins)).await;
    assert_eq!(desk.console.clear_cache("shop"), 0);
    for _ in 0..2 {
        let session = signed_in(&mut desk).await;
        assert_eq!(desk.browser.visit(&session.id, &url).await.status, 200);
        desk.console.end_session(&session.id, EndCause::Operator).await;
    }
    assert_eq!(asked.load(Ordering::SeqCst), 1, "the second session has the first one's file");
    let session = signed_in(&mut desk).await;
    assert_eq!(desk.console.clear_cache("shop"), 1);
    desk.browser.visit(&session.id, &url).await;
    assert_eq!(asked.load(Ordering::SeqCst), 2, "also in a session that runs");
    assert_eq!(desk.console.clear_cache("another"), 0);
}

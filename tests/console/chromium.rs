//! Signing in, what a session may do, and its end, with headless Chromium as the session's window.

use std::sync::Arc;

use serde_json::Map;
use understudy_core::access::SessionMode;
use understudy_core::audit::EndCause;
use understudy_core::session::Phase;
use understudy_test_support::browser::PlainBrowser;
use understudy_test_support::chromium::ChromiumBrowser;
use understudy_test_support::wait::until;

use crate::causes::{Application, Said};
use crate::test_console::{Desk, ended_by};

async fn open_desk(edit: impl FnOnce(String) -> String) -> Desk {
    Desk::with_windows(edit, Arc::new(ChromiumBrowser::default()), Arc::new(PlainBrowser::default())).await
}

/// Waits until the application has received this request; returns all it has received until then.
async fn until_received(application: &Application, what: &str) -> Vec<String> {
    let mut all = Vec::new();
    let seen = async {
        until(what, async || {
            all.extend(application.received());
            Ok(all.iter().any(|one| one == what).then_some(()))
        })
        .await
    };
    seen.await.expect("it arrives");
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_signs_chromium_in_and_the_end_signs_it_out() {
    let mut desk = open_desk(|text| text).await;
    let user = desk.find("").await.remove(0);
    desk.console.prepare_window("shop").await;
    let session = desk.console.impersonate("shop", &user.id, "a", Map::new()).await.expect("begins");
    desk.until(&session.id, Phase::Active).await;
    let journal = || desk.demo.application.journal();
    until("the page", async || Ok(journal().iter().any(|one| one.path == "/").then_some(())))
        .await
        .expect("it is asked for");
    let page = journal().into_iter().find(|one| one.path == "/").expect("it was asked for");
    assert_eq!(page.signed_in_as.map(|id| id.to_string()), Some(user.id.clone()));
    desk.console.end_session(&session.id, EndCause::Operator).await;
    let last = journal().pop().expect("a request");
    assert_eq!((last.path.as_str(), last.signed_in_as.map(|id| id.to_string())), ("/logout", Some(user.id)));
    let log = desk.audit().await.read_entries(10).await.expect("entries");
    assert_eq!(log.first().map(|entry| &entry.event), Some(&ended_by(EndCause::Operator)));
}

#[tokio::test(flavor = "multi_thread")]
async fn cookies_of_the_consoles_steps_are_set_in_chromium() {
    let application = Application::start().await;
    let cookies: &[(&str, &str)] = &[("set-cookie", "sid=ada; Path=/; HttpOnly; SameSite=Strict")];
    application.says("POST /login", Said { status: 204, headers: cookies, body: b"" });
    let text = application
        .write_connection(
            "[sign_in]\nkind = \"exchange\"\ncookies = [\"sid\"]\nredirect_to = \"$app/home\"\n\
             [[sign_in.steps]]\nurl = \"$app/login\"\nbody = {}\n\
             [sign_in.verify]\nurl = \"$app/api/me\"\nexpect = \"response.json.id == 7\"\n",
        )
        .await;
    let mut desk = open_desk(|_| text).await;
    let session = desk.console.impersonate("shop", "7", "", Map::new()).await.expect("begins");
    // Who is signed in was asked by Chromium, with that cookie.
    desk.until(&session.id, Phase::Active).await;
    until_received(&application, "GET /home").await;
    desk.console.end_session(&session.id, EndCause::Operator).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_one_time_link_leads_chromium_to_the_application() {
    let application = Application::start().await;
    let leads: &[(&str, &str)] = &[("location", "/home"), ("set-cookie", "sid=ada; Path=/; HttpOnly")];
    application.says("GET /accept", Said { status: 302, headers: leads, body: b"" });
    let answer = format!("{{\"link\":\"{}/accept?token=one-time-canary\"}}", application.origin);
    let json: &[(&str, &str)] = &[("content-type", "application/json")];
    application.says("POST /links", Said { status: 200, headers: json, body: answer.leak().as_bytes() });
    let text = application
        .write_connection(
            "[sign_in]\nkind = \"link\"\nopen = \"link\"\nredirect_to = \"$app/home\"\n\
             [[sign_in.steps]]\nurl = \"$app/links\"\nbody = {}\ncapture.link.json = \"/link\"\n\
             [sign_in.verify]\nurl = \"$app/api/me\"\nexpect = \"response.json.id == 7\"\n",
        )
        .await;
    let mut desk = open_desk(|_| text).await;
    let session = desk.console.impersonate("shop", "7", "", Map::new()).await.expect("begins");
    desk.until(&session.id, Phase::Active).await;
    let all = until_received(&application, "GET /api/me").await;
    let at = |what: &str| all.iter().position(|one| one == what);
    assert!(at("GET /accept") < at("GET /home") && at("GET /home") < at("GET /api/me"), "{all:?}");
    desk.console.end_session(&session.id, EndCause::Operator).await;
}

/// Writes, tells so by reading, and then keeps its thread busy.
const STUBBORN: &[u8] = b"<!doctype html><script>
    fetch('/orders', { method: 'POST', body: '{}' }).then((answer) => fetch('/told/' + answer.status))
        .then(() => { for (;;); });
</script>";

#[tokio::test(flavor = "multi_thread")]
async fn chromium_writes_nothing_in_a_read_only_session_and_cannot_prevent_its_end() {
    let application = Application::start().await;
    let page: &[(&str, &str)] = &[("content-type", "text/html")];
    application.says("GET /", Said { status: 200, headers: page, body: STUBBORN });
    let text = application
        .write_connection(
            "mode = \"read_only\"\n[sign_in]\nurl = \"$app/login\"\nbody = {}\n[sign_out]\nurl = \"$app/logout\"\n",
        )
        .await;
    let mut desk = open_desk(|_| text).await;
    let session = desk.console.impersonate("shop", "7", "", Map::new()).await.expect("begins");
    let active = desk.until(&session.id, Phase::Active).await;
    assert_eq!(active.mode, SessionMode::ReadOnly);
    let all = until_received(&application, "GET /told/403").await;
    assert!(!all.iter().any(|one| one == "POST /orders"), "{all:?}");
    desk.console.end_session(&session.id, EndCause::Operator).await;
    assert_eq!(application.received().last().map(String::as_str), Some("POST /logout"));
}

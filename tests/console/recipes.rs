//! Sign-ins with steps taken by the console: what goes wrong, and what people then read. The application is a small one
//! in this file, so that it can do everything wrong.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::{OriginalUri, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::{Json, Router, body::Bytes};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use secrecy::SecretString;
use serde_json::{Map, json};
use tokio::sync::Notify;
use understudy_core::audit::EndCause;
use understudy_core::error::Code;
use understudy_core::session::Phase;
use understudy_test_support::browser::Shown;
use understudy_test_support::certificates::Authority;
use understudy_test_support::program::Program;
use understudy_test_support::proxy::Proxy;

use crate::test_console::{Desk, three_users};

/// The operator's password, a canary.
const PASSWORD: &str = "canary-1dea-operator-password";

/// A one-time value from the application, a canary too.
const TICKET: &str = "canary-77aa-one/time=ticket";

#[derive(Default)]
struct Shop {
    /// Sessions on the server, by the value of their cookie.
    sessions: Mutex<BTreeSet<String>>,
    received: Mutex<Vec<String>>,
    /// The slow step has begun; the test says when it continues.
    slow_began: Notify,
    slow_goes_on: Notify,
}

impl Shop {
    fn sessions(&self) -> Vec<String> {
        self.sessions.lock().expect("no panic").iter().cloned().collect()
    }

    fn received(&self) -> Vec<String> {
        self.received.lock().expect("no panic").clone()
    }
}

struct Application {
    shop: Arc<Shop>,
    origin: String,
    folder: tempfile::TempDir,
}

impl Application {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let origin = format!("http://{}", listener.local_addr().expect("an address"));
        let shop = Arc::new(Shop::default());
        let routes = Router::new().fallback(answer).with_state(Arc::clone(&shop));
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Self { shop, origin, folder: tempfile::tempdir().expect("a folder") }
    }

    /// A console with a connection to it: the operator's login, then `step`, and the cookie `sid` for the window.
    async fn desk(&self, step: &str) -> Desk {
        self.desk_with(step, |text| text).await
    }

    /// The same; `edit` may change the connection's text.
    async fn desk_with(&self, step: &str, edit: impl FnOnce(String) -> String) -> Desk {
        let app = &self.origin;
        let sign_in = format!(
            "kind = \"exchange\"\ncookies = [\"sid\"]\nredirect_to = \"{app}/\"\ntimeout_ms = 2000\n\n\
             [[sign_in.steps]]\nname = \"the operator's login\"\nurl = \"{app}/login\"\nencoding = \"form\"\n\
             body = {{ user = \"support\", password = \"{{{{ secret.operator_password }}}}\" }}\n\n\
             [[sign_in.steps]]\nname = \"the impersonation\"\n{step}\n\n\
             [sign_in.verify]\nurl = \"{app}/api/me\"\nexpect = \"response.json.id == 7\"\n\n\
             [[sign_out.steps]]\nname = \"the logout\"\nurl = \"{app}/logout\"\n"
        );
        let sign_in = sign_in.replace("$app", app);
        let users = three_users(self.folder.path()).await;
        let directory =
            format!("[directory]\nurl = \"{users}\"\ntable = \"users\"\nid = \"id\"\nemail = \"email\"");
        let text = format!(
            "name = \"Shop\"\nenvironment = \"staging\"\n{directory}\n\n[sign_in]\n{sign_in}\n\
             [policy]\nreason = \"optional\"\n"
        );
        let desk = Desk::with_connection(|_| edit(text)).await;
        desk.keep("operator_password", PASSWORD).await;
        desk
    }
}

async fn answer(
    State(shop): State<Arc<Shop>>,
    method: Method,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let path = uri.path().to_owned();
    shop.received.lock().expect("no panic").push(format!("{method} {path}"));
    let cookies = headers.get(header::COOKIE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let session =
        cookies.split("; ").find_map(|pair| pair.strip_prefix("sid=")).unwrap_or_default().to_owned();
    let begin = |name: &str| {
        let mut sessions = shop.sessions.lock().expect("no panic");
        sessions.remove(&session);
        sessions.insert(name.to_owned());
        [(header::SET_COOKIE, format!("sid={name}; Path=/; HttpOnly"))]
    };
    let is_operator = session == "session-of-the-operator";
    match path.as_str() {
        "/login" if String::from_utf8_lossy(&body).contains(PASSWORD) => {
            (begin("session-of-the-operator"), Json(json!({ "ok": true }))).into_response()
        }
        "/login" => (StatusCode::UNAUTHORIZED, Json(json!({ "error": "wrong password" }))).into_response(),
        "/become" if is_operator => {
            (begin("session-of-ada"), Json(json!({ "session": { "token": "t-123456" } }))).into_response()
        }
        "/become-slowly" if is_operator => {
            let cookie = begin("session-of-ada");
            shop.slow_began.notify_one();
            shop.slow_goes_on.notified().await;
            (cookie, "{}").into_response()
        }
        "/become-the-wrong-one" if is_operator => (begin("session-of-bo"), "{}").into_response(),
        "/ticket" => {
            // Everything it was sent and all secrets, in the encodings of a debug page.
            let sent = String::from_utf8_lossy(&body).into_owned();
            let basic = BASE64_STANDARD.encode(format!("support:{PASSWORD}"));
            let html = PASSWORD.replace('-', "&#x2d;");
            Json(json!({
                "id": TICKET, "link": format!("https://shop.example/accept?t={TICKET}"), "echo": sent,
                "debug": format!("Basic {basic} {html}"), "n": 1,
            }))
            .into_response()
        }
        "/login-of-the-office" => (begin("session-of-the-operator"), "{}").into_response(),
        "/nothing" => "{}".into_response(),
        "/become-with-many-cookies" if is_operator => {
            let mut response = (begin("session-of-ada"), "{}").into_response();
            for at in 0..300 {
                let cookie = format!("feature-{at}={at}; Path=/").parse().expect("a header");
                response.headers_mut().append(header::SET_COOKIE, cookie);
            }
            response
        }
        "/refuse" => {
            (StatusCode::FORBIDDEN, Json(json!({ "error": format!("not with {PASSWORD}") }))).into_response()
        }
        "/loop" => Redirect::to("/loop").into_response(),
        "/sign-in-page" => Redirect::to("/login?next=/become").into_response(),
        "/huge" => "x".repeat(5 << 20).into_response(),
        "/never" => {
            tokio::time::sleep(Duration::from_secs(30)).await;
            StatusCode::OK.into_response()
        }
        "/api/me" => match session.as_str() {
            "session-of-ada" => Json(json!({ "id": 7 })).into_response(),
            "session-of-bo" => Json(json!({ "id": 8 })).into_response(),
            _ => StatusCode::UNAUTHORIZED.into_response(),
        },
        "/logout" => {
            shop.sessions.lock().expect("no panic").remove(&session);
            StatusCode::NO_CONTENT.into_response()
        }
        _ => "a page".into_response(),
    }
}

const BECOME: &str = "url = \"$app/become\"\ncapture = { token = { json = \"/session/token\" } }";

/// The window's refusal if this is the second step.
async fn refusal(step: &str) -> (Application, understudy_core::browser::Refusal) {
    let application = Application::start().await;
    let mut desk = application.desk(step).await;
    let session = desk.console.impersonate("shop", "7", "", Map::new()).await.expect("the window opens");
    desk.until(&session.id, Phase::Refused).await;
    let Some(Shown::Refusal(refusal)) = desk.browser.shown(&session.id) else { panic!("refused") };
    let said = format!("{refusal:?} {:?}", desk.told);
    assert!(!said.contains(PASSWORD), "{said}");
    let cookies = desk.browser.sent_cookies(&session.id, &application.origin);
    assert!(!cookies.contains("operator"), "the window has the operator's session: {cookies}");
    desk.console.end_session(&session.id, EndCause::Operator).await;
    assert!(
        application.shop.sessions().is_empty(),
        "{:?} {:?}",
        application.shop.sessions(),
        application.shop.received()
    );
    (application, refusal)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_window_gets_the_customers_cookie_and_never_the_operators() {
    let application = Application::start().await;
    let mut desk = application.desk(BECOME).await;
    let session = desk.console.impersonate("shop", "7", "", Map::new()).await.expect("begins");
    desk.until(&session.id, Phase::Active).await;
    assert_eq!(desk.browser.sent_cookies(&session.id, &application.origin), "sid=session-of-ada");
    assert_eq!(application.shop.sessions(), ["session-of-ada"]);
    desk.console.end_session(&session.id, EndCause::Operator).await;
    assert!(application.shop.sessions().is_empty(), "{:?}", application.shop.received());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_names_the_step_and_hides_what_it_was_sent() {
    let (_, refusal) = refusal("url = \"$app/refuse\"").await;
    assert_eq!(refusal.title, "Step 2, the impersonation: the application answered 403 Forbidden");
    assert_eq!(refusal.excerpt.as_deref(), Some(r#"{"error":"not with ••••"}"#));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_to_a_sign_in_page_is_a_no() {
    let (_, refusal) = refusal("url = \"$app/sign-in-page\"").await;
    assert!(refusal.title.ends_with("the application answered 303 See Other"), "{refusal:?}");
    assert!(refusal.hint.contains("It leads to /login: a sign-in page"), "{refusal:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn redirects_that_go_round_end() {
    let (application, refusal) = refusal("url = \"$app/loop\"\nredirects = 4").await;
    assert!(refusal.title.contains("Step 2, the impersonation: the application answered 303"), "{refusal:?}");
    assert_eq!(application.shop.received().iter().filter(|path| path.ends_with("/loop")).count(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_capture_names_the_step_the_pointer_and_what_is_there() {
    let (_, refusal) =
        refusal("url = \"$app/become\"\ncapture = { token = { json = \"/session/key\" } }").await;
    assert_eq!(
        refusal.title,
        "Step 2, the impersonation: the answer's JSON has no `/session/key`; `/session` has token"
    );
    assert!(!format!("{refusal:?}").contains("t-123456"), "a token is shown: {refusal:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_of_the_wrong_shape_or_size_is_told_as_such() {
    let (_, shape) = refusal("url = \"$app/page\"\ncapture = { token = { json = \"/token\" } }").await;
    assert_eq!(shape.title, "Step 2, the impersonation: the answer is not JSON, so it has no `/token`");
    let (_, size) = refusal("url = \"$app/huge\"\ncapture = { csrf = { form = \"csrf\" } }").await;
    assert_eq!(
        size.title,
        "Step 2, the impersonation: the page has no field `csrf`; the answer is longer than the 1024 KiB that are read"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_that_does_not_answer_times_out() {
    let (application, refusal) = refusal("url = \"$app/never\"").await;
    let origin = &application.origin;
    assert_eq!(refusal.title, format!("Step 2, the impersonation: {origin} did not answer within 2 s"));
}

#[tokio::test(flavor = "multi_thread")]
async fn another_user_is_not_shown_and_is_signed_out_again() {
    let (_, refusal) = refusal("url = \"$app/become-the-wrong-one\"").await;
    assert_eq!(refusal.title, "The application signed in another user");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operators_password_that_expired_is_replaced_and_tried_again() {
    let application = Application::start().await;
    let mut desk = application.desk(BECOME).await;
    desk.keep("operator_password", "an old one").await;
    let session = desk.console.impersonate("shop", "7", "", Map::new()).await.expect("the window opens");
    desk.until(&session.id, Phase::Refused).await;
    let Some(Shown::Refusal(refusal)) = desk.browser.shown(&session.id) else { panic!("refused") };
    assert_eq!(refusal.title, "Step 1, the operator's login: the application answered 401 Unauthorized");
    assert!(refusal.hint.contains("secrets of this connection"), "{refusal:?}");
    desk.keep("operator_password", PASSWORD).await;
    desk.console.retry_session(&session.id).expect("it can be tried again");
    desk.until(&session.id, Phase::Active).await;
    assert_eq!(application.shop.sessions(), ["session-of-ada"], "nothing is left of the first attempt");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_in_the_middle_leaves_no_session_on_the_server() {
    let application = Application::start().await;
    let mut desk = application.desk("url = \"$app/become-slowly\"").await;
    let session = desk.console.impersonate("shop", "7", "", Map::new()).await.expect("the window opens");
    application.shop.slow_began.notified().await;
    assert_eq!(application.shop.sessions(), ["session-of-ada"], "it is signed in before anybody knows");
    let console = Arc::clone(&desk.console);
    let id = session.id.clone();
    let ending = tokio::spawn(async move { console.end_session(&id, EndCause::WindowClosed).await });
    desk.until(&session.id, Phase::Ending).await;
    application.shop.slow_goes_on.notify_one();
    ending.await.expect("it ends");
    assert!(application.shop.sessions().is_empty(), "{:?}", application.shop.received());
    assert_eq!(application.shop.received(), ["POST /login", "POST /become-slowly", "POST /logout"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_is_tried_request_by_request_with_every_secret_masked() {
    let application = Application::start().await;
    let desk = application.desk(BECOME).await;
    let text = desk.console.read_draft("shop").expect("it is there").text;
    let tried =
        desk.console.try_sign_in(Some("shop"), &text, "7", HashMap::default(), 1).await.expect("it begins");
    assert!(tried.ok, "{tried:#?}");
    let titles: Vec<&str> = tried.exchanges.iter().map(|exchange| exchange.title.as_str()).collect();
    assert_eq!(
        titles,
        [
            "Step 1, the operator's login",
            "Step 2, the impersonation",
            "Who is signed in?",
            "Sign-out: Step 1, the logout"
        ]
    );
    assert_eq!(tried.exchanges[0].body.as_deref(), Some("password=••••&user=support"));
    let shown = format!("{tried:?}");
    for secret in [PASSWORD, "session-of-ada", "session-of-the-operator", "t-123456"] {
        assert!(!shown.contains(secret), "{secret}: {shown}");
    }
    assert!(application.shop.sessions().is_empty());
    let entries = desk.audit().await.read_entries(10).await.expect("readable");
    assert!(entries.iter().all(|entry| entry.reason == "Trying the sign-in" && entry.whom.user_id == "7"));
    assert_eq!(entries.len(), 3, "begun, active, ended: {entries:#?}");
    assert!(desk.console.recent_reasons("shop").await.expect("readable").is_empty(), "nobody typed that one");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_may_set_as_many_cookies_as_a_window_takes() {
    let application = Application::start().await;
    let desk = application.desk("url = \"$app/become-with-many-cookies\"").await;
    let text = desk.console.read_draft("shop").expect("it is there").text;
    let tried =
        desk.console.try_sign_in(Some("shop"), &text, "7", HashMap::default(), 1).await.expect("it begins");
    assert!(tried.ok, "{tried:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_no_header_can_carry_is_named() {
    let application = Application::start().await;
    let step =
        "url = \"$app/become\"\nheaders = { authorization = \"Bearer {{ secret.operator_password }}\" }";
    let desk = application.desk(step).await;
    for value in ["pasted\ntwice", "with 🙂", "nul\0"] {
        desk.keep("operator_password", value).await;
        let error = desk.console.impersonate("shop", "7", "", Map::new()).await.unwrap_err();
        let hint = error.hint.unwrap_or_default();
        assert!(hint.contains("Check the secret `operator_password`") && !hint.contains("email"), "{hint}");
    }
    assert!(application.shop.received().is_empty(), "nothing was sent");
}

/// The second step: its capture is in its own answer, which also repeats what it was sent.
const TAKE_TICKET: &str = "url = \"$app/ticket\"\nbody = { proof = \"{{ hmac(secret.operator_password, reason) }}\" }\n\
     capture = { ticket = { json = \"/id\" } }";

/// Afterwards, the question who is signed in has the captured value in its path.
fn asks_with_the_ticket(text: &str) -> String {
    text.replace("/api/me\"", "/me/{{ captured.ticket }}\"")
}

/// Checks that no encoding of a secret is shown: not plain, not for URLs, not HTML, not Base64.
fn assert_masked(shown: &str) {
    let encoded: String = url::form_urlencoded::byte_serialize(TICKET.as_bytes()).collect();
    let basic = BASE64_STANDARD.encode(format!("support:{PASSWORD}"));
    for secret in [PASSWORD, &PASSWORD.replace('-', "&#x2d;"), &basic, TICKET, &encoded, "canary"] {
        assert!(!shown.contains(secret), "{secret}: {shown}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_captured_value_is_shown_nowhere_not_even_in_the_answer_it_comes_from() {
    let application = Application::start().await;
    let mut desk = application.desk_with(TAKE_TICKET, |text| asks_with_the_ticket(&text)).await;
    let text = desk.console.read_draft("shop").expect("it is there").text;
    let tried =
        desk.console.try_sign_in(Some("shop"), &text, "7", HashMap::default(), 1).await.expect("it begins");
    let ticket = &tried.exchanges[1];
    assert_eq!(ticket.captured, ["ticket"]);
    let answer = ticket.answer.as_deref().expect("an answer");
    assert!(answer.contains(r#""id":"••••""#) && answer.contains(r#""n":1"#), "{answer}");
    assert!(answer.contains("proof"), "the proof was repeated: {answer}");
    let asked = &tried.exchanges[2];
    assert!(asked.url.ends_with("/me/••••"), "{}", asked.url);
    assert!(tried.outcome.contains("/me/••••"), "{}", tried.outcome);
    assert_masked(&serde_json::to_string(&tried).expect("JSON"));

    let session = desk.console.impersonate("shop", "7", "", Map::new()).await.expect("the window opens");
    desk.until(&session.id, Phase::Refused).await;
    let Some(Shown::Refusal(refusal)) = desk.browser.shown(&session.id) else { panic!("refused") };
    assert!(refusal.title.contains("/me/••••"), "{refusal:?}");
    desk.console.end_session(&session.id, EndCause::Operator).await;
    let entries = desk.audit().await.read_entries(20).await.expect("readable");
    assert_masked(&format!("{refusal:?} {:?} {entries:?}", desk.told));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operators_session_of_another_host_never_reaches_the_window() {
    let application = Application::start().await;
    let office = application.origin.replace("127.0.0.1", "localhost");
    let edit = |text: String| {
        text.replace(&format!("{}/login\"", application.origin), &format!("{office}/login-of-the-office\""))
    };
    let mut desk = application.desk_with("url = \"$app/nothing\"", edit).await;
    let session = desk.console.impersonate("shop", "7", "", Map::new()).await.expect("the window opens");
    desk.until(&session.id, Phase::Refused).await;
    let Some(Shown::Refusal(refusal)) = desk.browser.shown(&session.id) else { panic!("refused") };
    let origin = &application.origin;
    assert_eq!(
        refusal.title,
        format!("The application answered the sign-in, but set no cookie sid for {origin}")
    );
    assert!(application.shop.received().iter().any(|path| path.ends_with("/login-of-the-office")));
    for place in [origin, &office] {
        assert_eq!(desk.browser.sent_cookies(&session.id, place), "");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stored_secret_goes_only_where_it_was_stored_for() {
    let (application, elsewhere) = (Application::start().await, Application::start().await);
    let desk = application.desk(BECOME).await;
    let text = desk.console.read_draft("shop").expect("it is there").text;
    let changed = text.replace(&application.origin, &elsewhere.origin);
    let error =
        desk.console.try_sign_in(Some("shop"), &changed, "7", HashMap::default(), 1).await.unwrap_err();
    assert_eq!(error.code, Code::DestinationChanged, "{error}");
    assert!(elsewhere.shop.received().is_empty());
    let typed = [("operator_password".to_owned(), SecretString::from(PASSWORD))].into();
    let tried =
        desk.console.try_sign_in(Some("shop"), &changed, "7", typed, 1).await.expect("it was typed for this");
    assert!(tried.ok, "{tried:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn steps_go_through_the_proxy_that_the_file_names() {
    let application = Application::start().await;
    let proxy = Proxy::start().await.expect("it starts");
    let desk = application.desk(BECOME).await;
    let text = desk.console.read_draft("shop").expect("it is there").text;
    let text = format!("{text}\n[network]\nproxy = \"{}\"\n", proxy.address);
    let typed = [("operator_password".to_owned(), SecretString::from(PASSWORD))].into();
    let tried = desk.console.try_sign_in(Some("shop"), &text, "7", typed, 1).await.expect("it begins");
    assert!(tried.ok, "{tried:#?}");
    assert_eq!(proxy.passed_on(), ["POST /login", "POST /become", "GET /api/me", "POST /logout"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_authority_counts_for_the_steps_and_for_the_window() {
    const SERVER: &str = "const https = require('node:https'), fs = require('node:fs');
        const { CERTIFICATE, KEY } = process.env;
        const server = https.createServer({ cert: fs.readFileSync(CERTIFICATE), key: fs.readFileSync(KEY) },
          (request, response) => response.setHeader('set-cookie', 'sid=of-ada; Secure').end('{}'));
        server.listen(0, '127.0.0.1', () => console.log(JSON.stringify({ listening: 'https://localhost:' + server.address().port })));
        process.stdin.resume().on('end', () => process.exit());";
    let authority = Authority::new();
    let signed = authority.sign("localhost");
    let path = |path: &std::path::Path| path.to_str().expect("text").to_owned();
    let (certificate, key) = (path(&signed.certificate), path(&signed.key));
    let server = Program::start(
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")),
        &["node", "-e", SERVER],
        &[("CERTIFICATE", &certificate), ("KEY", &key)],
    );
    let folder = tempfile::tempdir().expect("a folder");
    let users = three_users(folder.path()).await;
    let app = server.origin();
    let text = format!(
        "name = \"Shop\"\nenvironment = \"staging\"\n[directory]\nurl = \"{users}\"\ntable = \"users\"\nid = \"id\"\n\
         [sign_in]\nkind = \"exchange\"\ncookies = [\"sid\"]\nredirect_to = \"{app}/\"\n\
         [[sign_in.steps]]\nurl = \"{app}/login\"\n"
    );
    let desk = Desk::new().await;
    let trial = async |text: String| desk.console.try_sign_in(None, &text, "7", HashMap::new(), 1).await;
    let unknown = trial(text.clone()).await.expect("it begins");
    assert!(
        !unknown.ok && unknown.outcome.contains("a certificate that is not trusted here"),
        "{unknown:#?}"
    );
    let named = format!("{text}[network]\nca = \"{}\"\n", authority.certificate().display());
    let tried = trial(named.clone()).await.expect("it begins");
    assert!(tried.ok, "{tried:#?}");
    let mut shop = Desk::with_connection(|_| named.clone()).await;
    let session = shop.console.impersonate("shop", "7", "ticket 12", Map::new()).await.expect("begins");
    shop.until(&session.id, Phase::Active).await;
    assert_eq!(shop.browser.shown(&session.id), Some(Shown::Page("{}".into())), "the window trusts it too");
    let no_file =
        trial(format!("{text}[network]\nca = \"/nowhere/ca.pem\"\n")).await.expect_err("nothing begins");
    assert!(no_file.message.contains("/nowhere/ca.pem"), "{no_file}");
}

//! Applications with bearer tokens, and with a CSRF check on sign-out: whatever the kind of sign-in, Understudy can ask
//! who is signed in and can sign out. In the session's window and in the sign-in test.

use std::collections::{BTreeSet, HashMap};
use std::io::Write;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Map, json};
use understudy_core::audit::EndCause;
use understudy_core::session::Phase;
use understudy_core::sign_in_test::SignInTestReport;
use understudy_core::user_agent::user_agent;
use understudy_test_support::browser::Shown;

use crate::test_console::{Desk, three_users};

/// A canary: the customer's token.
const TOKEN: &str = "canary-a11ce-bearer-token";

#[derive(Default)]
struct Server {
    /// Valid session cookies, tokens and one-time links.
    live: Mutex<BTreeSet<String>>,
    received: Mutex<Vec<String>>,
    /// Whether it compresses each answer, requested or not; and the `Accept-Encoding` values it received.
    compresses: bool,
    accepted: Mutex<BTreeSet<String>>,
}

impl Server {
    fn live(&self) -> Vec<String> {
        self.live.lock().expect("no panic").iter().cloned().collect()
    }
}

struct Application {
    server: Arc<Server>,
    /// The origin of the page, and that of the API beside it.
    origin: String,
    api: String,
    folder: tempfile::TempDir,
}

async fn answer_in_its_coding(
    state: State<Arc<Server>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let server = Arc::clone(&state);
    let accepted = headers.get(header::ACCEPT_ENCODING).map(|value| value.to_str().expect("text").to_owned());
    server.accepted.lock().expect("no panic").insert(accepted.unwrap_or_default());
    let response = answer(state, method, uri, headers).await;
    if !server.compresses {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.expect("a body");
    let mut compressed = GzEncoder::new(Vec::new(), Compression::best());
    compressed.write_all(&body).expect("it is kept in memory");
    parts.headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    parts.headers.remove(header::CONTENT_LENGTH);
    // Some frameworks leave the body of a redirect empty, but still declare it as compressed.
    let bytes = if body.is_empty() { Vec::new() } else { compressed.finish().expect("it is kept in memory") };
    Response::from_parts(parts, bytes.into())
}

#[allow(clippy::unused_async, reason = "a handler is async")]
async fn answer(State(server): State<Arc<Server>>, method: Method, uri: Uri, headers: HeaderMap) -> Response {
    let what = format!("{method} {}", uri.path());
    server.received.lock().expect("no panic").push(what.clone());
    let text = |name: header::HeaderName| {
        headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    };
    let sid = text(header::COOKIE)
        .split("; ")
        .find_map(|pair| pair.strip_prefix("sid="))
        .unwrap_or_default()
        .to_owned();
    // Bound to its browser, like Flask-Login's `strong`.
    let is_same_browser = text(header::USER_AGENT) == user_agent();
    let mut live = server.live.lock().expect("no panic");
    let is_session = !sid.is_empty() && live.contains(&sid) && is_same_browser;
    let bearer = text(header::AUTHORIZATION).strip_prefix("Bearer ").unwrap_or_default().to_owned();
    let cookie = || [(header::SET_COOKIE, "sid=session-of-ada; Path=/; HttpOnly")];
    match what.as_str() {
        "POST /login" => {
            live.insert("session-of-ada".into());
            (cookie(), "{}").into_response()
        }
        "POST /link" => {
            live.insert("link".into());
            axum::Json(json!({ "url": format!("http://{}/enter?ticket=once-0815-0816", text(header::HOST)) }))
                .into_response()
        }
        "GET /enter" if live.remove("link") => {
            live.insert("session-of-ada".into());
            (cookie(), Redirect::to("/")).into_response()
        }
        "GET /enter" => (StatusCode::GONE, Html("<h1>This link was used</h1>")).into_response(),
        "POST /token" => {
            live.insert(TOKEN.into());
            axum::Json(json!({ "access_token": TOKEN, "sub": "7" })).into_response()
        }
        "GET /api/me" if is_session => axum::Json(json!({ "id": 7 })).into_response(),
        "GET /users/me" if live.contains(&bearer) => {
            axum::Json(json!({ "sub": "7", "token": bearer })).into_response()
        }
        "GET /api/me" | "GET /users/me" => StatusCode::UNAUTHORIZED.into_response(),
        "GET /" if is_session => {
            Html("<h1>Ada</h1><form><input type=hidden name=csrf value=c-123456></form>").into_response()
        }
        "POST /logout"
            if is_session && text(header::HeaderName::from_static("x-csrf-token")) == "c-123456" =>
        {
            live.remove(&sid);
            Redirect::to("/").into_response()
        }
        "POST /logout" => (StatusCode::FORBIDDEN, Html("<h1>CSRF verification failed.</h1>")).into_response(),
        "DELETE /token" if live.remove(&bearer) => StatusCode::NO_CONTENT.into_response(),
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

impl Application {
    async fn start() -> Self {
        Self::of(Server::default()).await
    }

    async fn of(server: Server) -> Self {
        let server = Arc::new(server);
        let mut origins = Vec::new();
        for _ in 0..2 {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
            origins.push(format!("http://{}", listener.local_addr().expect("an address")));
            let routes = Router::new().fallback(answer_in_its_coding).with_state(Arc::clone(&server));
            tokio::spawn(async move { axum::serve(listener, routes).await });
        }
        let folder = tempfile::tempdir().expect("a folder");
        Self { server, origin: origins.remove(0), api: origins.remove(0), folder }
    }

    async fn desk(&self, sign_in: &str) -> Desk {
        // Each desk has users of its own.
        let made = std::fs::read_dir(self.folder.path()).expect("the folder").count();
        let folder = self.folder.path().join(made.to_string());
        std::fs::create_dir(&folder).expect("made");
        let users = three_users(&folder).await;
        let text = format!(
            "name = \"Shop\"\nenvironment = \"staging\"\n[directory]\nurl = \"{users}\"\ntable = \"users\"\nid = \"id\"\n\
             email = \"email\"\n[policy]\nreason = \"optional\"\n{}\n",
            sign_in.replace("$app", &self.origin).replace("$api", &self.api)
        );
        Desk::with_connection(|_| text).await
    }

    async fn try_it(&self, desk: &Desk) -> SignInTestReport {
        let text = desk.console.read_draft("shop").expect("it is there").text;
        let tried =
            desk.console.try_sign_in(Some("shop"), &text, "7", HashMap::new(), 1).await.expect("it begins");
        assert!(!serde_json::to_string(&tried).expect("JSON").contains("canary"), "{tried:#?}");
        tried
    }

    /// Runs the sign-in test, then a session: each is signed in, verified, and ended on the server.
    async fn works(&self, sign_in: &str) -> SignInTestReport {
        let mut desk = self.desk(sign_in).await;
        let tried = self.try_it(&desk).await;
        assert!(tried.ok && tried.outcome.contains("was signed in and out again"), "{tried:#?}");
        assert_eq!(self.server.live(), Vec::<String>::new(), "the test left nothing: {tried:#?}");
        let session = desk.console.impersonate("shop", "7", "", Map::new()).await.expect("the window opens");
        desk.until(&session.id, Phase::Active).await;
        assert_eq!(self.server.live().len(), 1);
        desk.console.end_session(&session.id, EndCause::Operator).await;
        assert_eq!(desk.ended().await.sign_out_failed, None);
        assert_eq!(self.server.live(), Vec::<String>::new(), "{:?}", self.server.received.lock());
        tried
    }
}

const VERIFY: &str = "[sign_in.verify]\nurl = \"$app/api/me\"\nexpect = \"response.json.id == user.id\"\n";

/// Takes the token from the session's page, then logs out with it.
const CSRF_LOGOUT: &str = "[[sign_out.steps]]\nname = \"a page\"\nmethod = \"GET\"\nurl = \"$app/\"\n\
     capture = { csrf = { form = \"csrf\" } }\n\
     [[sign_out.steps]]\nname = \"the logout\"\nurl = \"$app/logout\"\nheaders = { x-csrf-token = \"{{ captured.csrf }}\" }\n\
     expect = [303]\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_webhooks_session_is_signed_out_behind_a_csrf_check() {
    let application = Application::start().await;
    application.works(&format!("[sign_in]\nurl = \"$app/login\"\nbody = {{}}\n{VERIFY}{CSRF_LOGOUT}")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_links_session_is_verified_and_signed_out_behind_a_csrf_check() {
    let application = Application::start().await;
    let link = "[sign_in]\nkind = \"link\"\nopen = \"link\"\nredirect_to = \"$app/\"\n\
        [[sign_in.steps]]\nurl = \"$app/link\"\nbody = {}\ncapture = { link = { json = \"/url\" } }\n";
    let tried = application.works(&format!("{link}{VERIFY}{CSRF_LOGOUT}")).await;
    // It was opened like in a window, and its secret is masked.
    let opened = tried.exchanges.iter().find(|one| one.title == "The link").expect("it was opened");
    assert!(opened.by_window && opened.url.ends_with("/enter?ticket=••••"), "{opened:#?}");
    assert!(opened.leads_to.as_ref().is_some_and(|to| to.ends_with('/')), "{opened:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_that_compresses_its_answers_is_read_as_a_window_reads_it() {
    // The webhook, its verification and the form on the sign-out's page; a link that is captured and opened; a page
    // that a step fetches.
    let link = "[sign_in]\nkind = \"link\"\nopen = \"link\"\nredirect_to = \"$app/\"\n\
        [[sign_in.steps]]\nurl = \"$app/link\"\nbody = {}\ncapture = { link = { json = \"/url\" } }\n";
    let exchange = "[sign_in]\nkind = \"exchange\"\ncookies = [\"sid\"]\nredirect_to = \"$app/\"\n\
        [[sign_in.steps]]\nurl = \"$app/login\"\nbody = {}\n\
        [[sign_in.steps]]\nmethod = \"GET\"\nurl = \"$app/\"\ncapture = { csrf = { form = \"csrf\" } }\n";
    for sign_in in ["[sign_in]\nurl = \"$app/login\"\nbody = {}\n", link, exchange] {
        let application = Application::of(Server { compresses: true, ..Server::default() }).await;
        application.works(&format!("{sign_in}{VERIFY}{CSRF_LOGOUT}")).await;
        let accepted = application.server.accepted.lock().expect("no panic").clone();
        assert_eq!(accepted, BTreeSet::from(["gzip, deflate".to_owned()]), "over HTTP, as WebKit asks");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_follows_shows_where_it_went() {
    let application = Application::start().await;
    let exchange = "[sign_in]\nkind = \"exchange\"\ncookies = [\"sid\"]\nredirect_to = \"$app/\"\n\
        [[sign_in.steps]]\nurl = \"$app/link\"\nbody = {}\ncapture = { link = { json = \"/url\" } }\n\
        [[sign_in.steps]]\nname = \"the link itself\"\nfollow = \"link\"\nexpect = [303]\n";
    let tried = application.works(&format!("{exchange}{VERIFY}{CSRF_LOGOUT}")).await;
    assert_eq!(tried.exchanges[1].url, format!("{}/enter?ticket=••••", application.origin));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_in_the_pages_storage_is_verified_and_ended() {
    let application = Application::start().await;
    let rest = "[sign_in.storage]\nlocal = { token = \"{{ captured.token }}\" }\n\
        [[sign_out.steps]]\nmethod = \"DELETE\"\nurl = \"$api/token\"\nheaders = { authorization = \"Bearer {{ captured.token }}\" }\n\
        expect = [204]\n";
    let steps = "[sign_in]\nkind = \"storage\"\nredirect_to = \"$app/\"\n\
        [[sign_in.steps]]\nurl = \"$api/token\"\nbody = {}\ncapture = { token = { json = \"/access_token\" }, sub = { json = \"/sub\" } }\n";
    let asks = |origin: &str, expect: &str| {
        format!(
            "[sign_in.verify]\nurl = \"{origin}/users/me\"\nheaders = {{ authorization = \"Bearer {{{{ captured.token }}}}\" }}\n\
             expect = \"{expect}\"\n"
        )
    };
    // By the window at the application's origin, by the console at the API's.
    for (origin, by_window) in [("$app", true), ("$api", false)] {
        let verify = asks(origin, "response.json.sub == captured.sub and captured.sub == user.id|string");
        let tried = application.works(&format!("{steps}{verify}{rest}")).await;
        let asked =
            tried.exchanges.iter().find(|one| one.title == "Who is signed in?").expect("it was asked");
        assert_eq!(asked.by_window, by_window);
        assert!(
            asked.headers.iter().any(|(name, value)| name == "authorization" && value == "Bearer ••••"),
            "{asked:#?}"
        );
    }

    // Both report a different user.
    let wrong = asks("$api", "response.json.sub == user.email");
    let mut desk = application.desk(&format!("{steps}{wrong}{rest}")).await;
    let tried = application.try_it(&desk).await;
    let session = desk.console.impersonate("shop", "7", "", Map::new()).await.expect("the window opens");
    desk.until(&session.id, Phase::Refused).await;
    let Some(Shown::Refusal(refusal)) = desk.browser.shown(&session.id) else { panic!("refused") };
    assert_eq!(
        (refusal.title.as_str(), tried.outcome.as_str()),
        ("The application signed in another user", "The application signed in another user")
    );
    assert!(!format!("{refusal:?}").contains("canary"), "{refusal:?}");
    desk.console.end_session(&session.id, EndCause::Operator).await;
    assert_eq!(application.server.live(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_the_window_was_answered_with_shows_who_is_signed_in() {
    let application = Application::start().await;
    let sign_in = "[sign_in]\nkind = \"storage\"\nurl = \"$app/token\"\nbody = {}\nredirect_to = \"$app/\"\n\
        [sign_in.storage]\nlocal = { token = \"{{ response.json.access_token }}\" }\n\
        [sign_in.verify]\nurl = \"$app/users/me\"\nheaders = { authorization = \"Bearer {{ response.json.access_token }}\" }\n\
        expect = \"response.json.sub == user.id|string\"\n";
    let mut desk = application.desk(sign_in).await;
    let tried = application.try_it(&desk).await;
    assert!(tried.ok, "{tried:#?}");
    let session = desk.console.impersonate("shop", "7", "", Map::new()).await.expect("the window opens");
    desk.until(&session.id, Phase::Active).await;
}

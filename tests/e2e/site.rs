//! A one-page customer application that can do anything, and a console with the connection `shop` to it. It signs in
//! Ada, records what it receives, and knows whether she is still signed in.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};

use anyhow::{Context, Result};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{OriginalUri, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{Html, IntoResponse, Response};
use futures_util::stream;
use serde_json::Value;
use tokio::sync::Notify;
use understudy_core::audit::{AuditLog, EndCause, Event};
use understudy_test_support::digest::DigestGuard;
use understudy_test_support::stage::Stage;
use understudy_test_support::wait::until;

/// A request to the application, as far as tests need it.
#[derive(Debug, Clone)]
pub struct Sent {
    /// `POST /logout`
    pub what: String,
    pub is_signed_in: bool,
    pub body: String,
    pub user_agent: String,
}

/// Names and values.
type Headers = Vec<(&'static str, &'static str)>;

/// How the application currently behaves.
#[derive(Debug, Clone, Default)]
pub struct Behaviour {
    /// The content of `/`.
    pub page: String,
    /// Further pages, by the request that gets them (`GET /popup`).
    pub pages: Vec<(&'static str, String)>,
    /// Further answers with headers of their own, by the request that gets them.
    pub answers: Vec<(&'static str, Headers, &'static str)>,
    /// Additional headers of the page at `/`.
    pub headers: Vec<(&'static str, &'static str)>,
    /// Requests (`POST /login`) that are answered 401, with a challenge for which browsers ask for a password.
    pub challenges: Vec<&'static str>,
    /// Requests (`GET /reports`) that want a password of their own, and what they say to those without it.
    pub guards: Vec<(&'static str, Guard, &'static str)>,
    /// Requests that are answered 500, and the JSON that says why.
    pub failures: Vec<(&'static str, &'static str)>,
    /// Requests that are never answered.
    pub silent: Vec<&'static str>,
    /// The session cookie that `/login` sets. If empty: `sid=7; Path=/; HttpOnly; SameSite=Lax`.
    pub cookie: &'static str,
    /// A gateway in front of everything requires this `Authorization`.
    pub gate: Option<&'static str>,
    /// Whether the session is only valid for the browser that began it, by its `User-Agent`.
    pub is_bound: bool,
}

/// What lets a request in.
#[derive(Debug, Clone, Copy)]
pub enum Guard {
    /// This `Authorization`, for a realm with the request's name.
    Basic(&'static str),
    Digest(DigestGuard),
}

impl Guard {
    fn accepts(&self, authorization: Option<&str>, method: &Method, uri: &Uri) -> bool {
        let target = uri.path_and_query().map_or("/", |target| target.as_str());
        match self {
            Self::Basic(expected) => authorization == Some(*expected),
            Self::Digest(guard) => guard.accepts(authorization, method.as_str(), target),
        }
    }

    fn challenge(&self, what: &str) -> String {
        match self {
            Self::Basic(_) => format!("Basic realm=\"{what}\""),
            Self::Digest(guard) => guard.challenge(),
        }
    }
}

#[derive(Default)]
struct Shared {
    behaviour: Mutex<Behaviour>,
    sent: Mutex<Vec<Sent>>,
    /// How many endless files are being received.
    endless: Mutex<usize>,
    released: Notify,
}

pub struct Site {
    shared: Arc<Shared>,
    pub stage: Stage,
}

impl Site {
    /// A site with this page, and a console with a connection to it.
    pub async fn showing(page: &str) -> Result<Self> {
        Self::with(page, "").await
    }

    /// The same, with additional lines in the connection file.
    pub async fn with(page: &str, more: &str) -> Result<Self> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let origin = format!("http://{}", listener.local_addr()?);
        let shared = Arc::new(Shared::default());
        let routes = Router::new().fallback(answer).with_state(Arc::clone(&shared));
        tokio::spawn(async move { axum::serve(listener, routes).await });
        let stage = stage(&origin, more).await?;
        let site = Self { shared, stage };
        site.set(|behaviour| page.clone_into(&mut behaviour.page));
        Ok(site)
    }

    pub fn set(&self, change: impl FnOnce(&mut Behaviour)) {
        change(&mut lock(&self.shared.behaviour));
    }

    /// Answers the requests that are waiting for it.
    pub fn release(&self) {
        self.set(|behaviour| behaviour.silent.clear());
        self.shared.released.notify_waiters();
    }

    /// Everything it received, in order.
    pub fn sent(&self) -> Vec<Sent> {
        lock(&self.shared.sent).clone()
    }

    pub fn count(&self, what: &str) -> usize {
        self.sent().iter().filter(|one| one.what == what).count()
    }

    /// Waits until it has received this request that many times; returns the last one.
    pub async fn received(&self, what: &str, times: usize) -> Result<Sent> {
        let wanted = format!("{what}, {times} times");
        let received = until(&wanted, async || {
            Ok(self.sent().into_iter().filter(|one| one.what == what).nth(times - 1))
        });
        received.await.with_context(|| format!("{:#?}", self.sent()))
    }

    /// What a page reported with its `nth` `POST /tell`.
    pub async fn told(&self, nth: usize) -> Result<Value> {
        Ok(serde_json::from_str(&self.received("POST /tell", nth).await?.body)?)
    }

    /// How many endless files are being received.
    pub fn endless(&self) -> usize {
        *lock(&self.shared.endless)
    }

    /// All events in the audit log, oldest first.
    pub async fn audit(&self) -> Result<Vec<Event>> {
        let entries = AuditLog::open(&self.stage.home().audit_file()?).await?.read_entries(1000).await?;
        Ok(entries.into_iter().rev().map(|entry| entry.event).collect())
    }
}

/// The audit log's entry for a session that was signed out and held nothing back.
pub fn ended_by(cause: EndCause) -> Event {
    Event::Ended { cause, sign_out_failed: None, held_back: Some(0) }
}

/// A console with the connection `shop` to the application at `origin`, and three users.
pub async fn stage(origin: &str, more: &str) -> Result<Stage> {
    let stage = Stage::set(Path::new(env!("CARGO_BIN_EXE_understudy"))).await?;
    let users = stage.home_path().join("users.sqlite");
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&users).create_if_missing(true);
    let pool = sqlx::SqlitePool::connect_with(options).await?;
    sqlx::query("CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT, phone TEXT)").execute(&pool).await?;
    sqlx::query("INSERT INTO users VALUES (7, 'Ada', '+49 30 901820'), (8, 'Bea', NULL), (9, 'Cleo', NULL)")
        .execute(&pool)
        .await?;
    pool.close().await;
    stage.connection(
        "shop",
        &format!(
            "name = \"Shop\"\nenvironment = \"development\"\n\
             [directory]\nurl = \"sqlite://{}\"\ntable = \"users\"\nid = \"id\"\nname = \"name\"\n\
             [sign_in]\nurl = \"{origin}/login\"\nbody = {{ id = \"{{{{ user.id }}}}\" }}\nredirect_to = \"{origin}/\"\n\
             [sign_out]\nurl = \"{origin}/logout\"\nmethod = \"POST\"\n{}",
            users.display(),
            more.replace("$app", origin)
        ),
    )?;
    Ok(stage)
}

async fn answer(
    State(shared): State<Arc<Shared>>,
    method: Method,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let what = format!("{method} {}", uri.path());
    let cookies = headers.get(header::COOKIE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let is_signed_in = cookies.contains("sid=");
    let body = String::from_utf8_lossy(&body).into_owned();
    let user_agent =
        headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let began_in = lock(&shared.sent)
        .iter()
        .rev()
        .find(|one| one.what == "POST /login")
        .map(|one| one.user_agent.clone());
    let user_agent = user_agent.to_owned();
    lock(&shared.sent).push(Sent { what: what.clone(), is_signed_in, body, user_agent: user_agent.clone() });
    let released = shared.released.notified();
    let now = lock(&shared.behaviour).clone();
    if now.silent.contains(&what.as_str()) {
        released.await;
    }
    let authorization = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let is_kept_out = now.gate.is_some() && authorization != now.gate;
    if is_kept_out || now.challenges.contains(&what.as_str()) {
        return (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, "Basic realm=\"shop\"")], "no")
            .into_response();
    }
    if let Some((_, guard, refusal)) = now.guards.iter().find(|(guarded, ..)| *guarded == what)
        && !guard.accepts(authorization, &method, &uri)
    {
        let challenge = [(header::WWW_AUTHENTICATE, guard.challenge(&what))];
        return (StatusCode::UNAUTHORIZED, challenge, Html(*refusal)).into_response();
    }
    if let Some((_, why)) = now.failures.iter().find(|(request, _)| *request == what) {
        let json = [(header::CONTENT_TYPE, "application/json")];
        return (StatusCode::INTERNAL_SERVER_ERROR, json, *why).into_response();
    }
    if let Some((_, page)) = now.pages.iter().find(|(request, _)| *request == what) {
        return Html(page.clone()).into_response();
    }
    if let Some((_, headers, content)) = now.answers.iter().find(|(request, ..)| *request == what) {
        let mut answer = Response::new(Body::from(*content));
        for (name, value) in headers {
            answer.headers_mut().insert(*name, value.parse().expect("a header's value"));
        }
        return answer;
    }
    match what.as_str() {
        "POST /login" => {
            let cookie =
                if now.cookie.is_empty() { "sid=7; Path=/; HttpOnly; SameSite=Lax" } else { now.cookie };
            (StatusCode::OK, [(header::SET_COOKIE, cookie)], "{}").into_response()
        }
        "GET /api/me" if now.is_bound && began_in.as_ref() != Some(&user_agent) => {
            StatusCode::UNAUTHORIZED.into_response()
        }
        "GET /" => {
            let mut page = Html(now.page).into_response();
            for (name, value) in now.headers {
                page.headers_mut().insert(name, value.parse().expect("a header's value"));
            }
            page
        }
        "GET /other" => Html("<!doctype html><title>Other</title><h1>Another page</h1>").into_response(),
        "GET /frame" => Html(FRAME).into_response(),
        "GET /worker.js" => ([(header::CONTENT_TYPE, "text/javascript")], WORKER).into_response(),
        "GET /endless" => endless(&shared),
        "GET /never" => std::future::pending().await,
        "GET /api/me" if is_signed_in => axum::Json(serde_json::json!({ "id": 7 })).into_response(),
        "GET /api/me" => StatusCode::UNAUTHORIZED.into_response(),
        _ => StatusCode::NO_CONTENT.into_response(),
    }
}

/// A page of another origin; it reports its result in a message to the page around it.
const FRAME: &str = "<!doctype html><script>\
    addEventListener('message', (event) => parent.postMessage(eval(event.data), '*'));</script>";

/// A service worker that answers for the application during sign-out.
const WORKER: &str = "addEventListener('install', () => skipWaiting());\
    addEventListener('activate', (event) => event.waitUntil(clients.claim()));\
    addEventListener('fetch', (event) => { if (event.request.url.includes('/logout') || event.request.url.includes('/api/me'))\
      event.respondWith(new Response('{\"id\":7}')); });";

/// A file without an end, counted while it is being received.
fn endless(shared: &Arc<Shared>) -> Response {
    struct Received(Arc<Shared>);
    impl Drop for Received {
        fn drop(&mut self) {
            *lock(&self.0.endless) -= 1;
        }
    }
    *lock(&shared.endless) += 1;
    let received = Received(Arc::clone(shared));
    let bytes = stream::unfold(received, async |received| {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        Some((Ok::<_, std::io::Error>(Bytes::from_static(&[b'x'; 4096])), received))
    });
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"endless.bin\""),
    ];
    (headers, Body::from_stream(bytes)).into_response()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no holder panics")
}

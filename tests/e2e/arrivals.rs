//! What a session's window gets besides a webhook's cookies (a one-time link, entries in its page's storage) and what
//! it never reaches. The application is a small one in this file, so that it can do all of this.

use std::path::Path;
use std::sync::{Arc, Mutex};

use anyhow::{Context, Result, ensure};
use axum::extract::{OriginalUri, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::{Json, Router, body::Bytes};
use serde_json::{Value, json};
use understudy_core::audit::{AuditLog, Event};
use understudy_test_support::proxy::Proxy;
use understudy_test_support::stage::Stage;
use understudy_test_support::wait::until;

use crate::opener::Opener;

const SECRET: &str = "canary-5704a6e0-service-key";

/// The customer's page: it reports what it finds and tries what it must not reach.
const PAGE: &str = r"<!doctype html><title>Shop</title><h1>Signed in as Ada</h1><script>
  const items = (storage) => Object.fromEntries(Object.entries(storage));
  const found = { local: items(localStorage), session: items(sessionStorage), history: history.length,
    cookie: document.cookie, referrer: document.referrer, hash: location.hash };
  const attempt = (path, method = 'GET') => fetch(location.origin + path, { method }).then((r) => r.status, () => 'refused');
  const tries = [attempt('/operator/release', 'POST'), attempt('/operator/xhr'), attempt('/operato%72/xhr'),
    attempt('//operator/xhr'), attempt('/operator%2Fxhr'), attempt('/operators')];
  document.body.append(Object.assign(new Image(), { src: '/operator/image' }));
  document.body.append(Object.assign(document.createElement('iframe'), { src: '/operator/frame' }));
  Promise.all(tries).then((tried) => fetch('/seen', { method: 'POST', body: JSON.stringify({ ...found, tried }) }))
    .then(() => { location.href = '/operator/page'; });
</script>";

#[derive(Default)]
struct Shop {
    received: Mutex<Vec<(String, Vec<u8>)>>,
    is_link_used: Mutex<bool>,
}

struct Application {
    shop: Arc<Shop>,
    origin: String,
}

impl Application {
    async fn start() -> Result<Self> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let origin = format!("http://{}", listener.local_addr()?);
        let shop = Arc::new(Shop::default());
        let routes = Router::new().fallback(answer).with_state((Arc::clone(&shop), origin.clone()));
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Ok(Self { shop, origin })
    }

    fn paths(&self) -> Vec<String> {
        self.shop.received.lock().expect("no panic").iter().map(|(path, _)| path.clone()).collect()
    }

    /// The body of this request, once it has been received.
    async fn sent(&self, wanted: &str) -> Result<Value> {
        let body = until(wanted, async || {
            let received = self.shop.received.lock().expect("no panic");
            Ok(received.iter().find(|(path, _)| path == wanted).map(|(_, body)| body.clone()))
        });
        let body = body.await.with_context(|| format!("{:?}", self.paths()))?;
        Ok(serde_json::from_slice(&body).unwrap_or_default())
    }
}

async fn answer(
    State((shop, origin)): State<(Arc<Shop>, String)>,
    method: Method,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let path = uri.path().to_owned();
    shop.received.lock().expect("no panic").push((format!("{method} {path}"), body.to_vec()));
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let is_console = header(header::AUTHORIZATION) == format!("Bearer {SECRET}");
    let cookie = [(header::SET_COOKIE, "sid=ada; Path=/; HttpOnly; SameSite=Lax")];
    match (method, path.as_str()) {
        (Method::POST, "/admin/link") if is_console => {
            Json(json!({ "url": format!("{origin}/enter/once") })).into_response()
        }
        (Method::POST, "/admin/open-link") if is_console => {
            Json(json!({ "url": format!("{origin}/enter?token=canary-of-a-link") })).into_response()
        }
        // A page that stays at the link's address.
        (Method::GET, "/enter") => {
            (cookie, Html("<!doctype html><title>Shop</title><h1>Hello</h1>")).into_response()
        }
        (Method::POST, "/admin/token") if is_console => {
            Json(json!({ "access_token": "token-of-ada", "user": { "id": 7, "name": "Ada" } }))
                .into_response()
        }
        (Method::POST, "/token") => Json(json!({ "access_token": "token-of-ada" })).into_response(),
        (Method::POST, "/login") => (StatusCode::NO_CONTENT, cookie).into_response(),
        (Method::GET, "/enter/once") => {
            let mut used = shop.is_link_used.lock().expect("no panic");
            if std::mem::replace(&mut *used, true) {
                return StatusCode::GONE.into_response();
            }
            (StatusCode::FOUND, cookie, [(header::LOCATION, "/")]).into_response()
        }
        (Method::GET, "/") => Html(PAGE).into_response(),
        (Method::GET, "/api/me") if header(header::COOKIE).contains("sid=ada") => {
            Json(json!({ "id": "7" })).into_response()
        }
        (Method::POST, "/seen" | "/still-here") => StatusCode::NO_CONTENT.into_response(),
        _ => StatusCode::UNAUTHORIZED.into_response(),
    }
}

/// A console with one customer and a connection to the application with this sign-in.
async fn staged(application: &Application, sign_in: &str) -> Result<Stage> {
    let stage = Stage::set(Path::new(env!("CARGO_BIN_EXE_understudy"))).await?;
    let users = stage.home_path().join("users.sqlite");
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&users).create_if_missing(true);
    let pool = sqlx::SqlitePool::connect_with(options).await?;
    sqlx::query("CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT)").execute(&pool).await?;
    sqlx::query("INSERT INTO users VALUES (7, 'Ada')").execute(&pool).await?;
    pool.close().await;
    let directory =
        format!("url = \"sqlite://{}\"\ntable = \"users\"\nid = \"id\"\nname = \"name\"", users.display());
    let sign_in = sign_in.replace("$app", &application.origin);
    stage.connection(
        "shop",
        &format!(
            "name = \"Shop\"\nenvironment = \"development\"\n[directory]\n{directory}\n[sign_in]\n{sign_in}\n"
        ),
    )?;
    stage.secret("shop", "service_key", SECRET).await?;
    Ok(stage)
}

const BEARER: &str = "headers = { authorization = \"Bearer {{ secret.service_key }}\" }";

#[tokio::test(flavor = "multi_thread")]
async fn a_one_time_link_is_opened_once_verified_and_left_nowhere() -> Result<()> {
    let application = Application::start().await?;
    let sign_in = format!(
        "kind = \"link\"\nopen = \"link\"\nredirect_to = \"$app/\"\n\
         [[sign_in.steps]]\nurl = \"$app/admin/link\"\n{BEARER}\ncapture = {{ link = {{ json = \"/url\" }} }}\n\
         [sign_in.verify]\nurl = \"$app/api/me\"\nexpect = \"response.json.id == user.id|string\""
    );
    let stage = staged(&application, &sign_in).await?;
    let console = stage.open(&[]).await?;
    console.become_user("7", "ticket 1").await?;
    console.wait_for_phases(&["active"]).await.with_context(|| format!("{:?}", application.paths()))?;
    application.sent("POST /seen").await?;
    // The link that led to the page is not in its history.
    console.wait_for_phases(&["active"]).await?;
    let paths = application.paths();
    ensure!(paths.iter().filter(|path| *path == "GET /enter/once").count() == 1, "{paths:?}");
    let verified = paths.iter().position(|path| path == "GET /api/me").context("verified")?;
    ensure!(paths[..verified].contains(&"GET /enter/once".to_owned()), "{paths:?}");
    let audit = std::fs::read(stage.home().audit_file()?)?;
    for trace in [String::from_utf8_lossy(&audit).into_owned(), console.ui.log()] {
        ensure!(!trace.contains("/enter/once"), "the link is written down: {trace}");
    }
    console.ui.quit().await
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_question_the_page_that_a_link_leads_to_stays() -> Result<()> {
    let application = Application::start().await?;
    let stage = staged(&application, &link_without_question("link")).await?;
    let console = stage.open(&[]).await?;
    console.become_user("7", "ticket 1").await?;
    console.wait_for_phases(&["active"]).await.with_context(|| format!("{:?}", application.paths()))?;
    let seen = application.sent("POST /seen").await?;
    ensure!(seen["history"] == 1, "there is something to go back to: {seen}");
    ensure!(!seen["referrer"].as_str().unwrap_or_default().contains("once"), "{seen}");
    ensure!(
        application.paths().iter().filter(|path| *path == "GET /").count() == 1,
        "{:?}",
        application.paths()
    );
    console.ui.quit().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_was_used_before_is_refused_and_can_be_tried_again() -> Result<()> {
    let application = Application::start().await?;
    let stage = staged(&application, &link_without_question("link")).await?;
    *application.shop.is_link_used.lock().expect("no panic") = true;
    let console = stage.open(&[]).await?;
    console.become_user("7", "ticket 1").await?;
    console.wait_for_phases(&["refused"]).await.with_context(|| format!("{:?}", application.paths()))?;
    let entries = AuditLog::open(&stage.home().audit_file()?).await?.read_entries(1).await?;
    ensure!(matches!(entries[0].event, Event::Refused { status: Some(410), .. }), "{entries:?}");
    // The page that says so is gone, and Retry has the focus.
    *application.shop.is_link_used.lock().expect("no panic") = false;
    let window = stage.desktop.wait_for_window("development — Understudy").await?;
    console.press_until(&window, &["Return"], &["active"]).await?;
    application.sent("POST /seen").await?;
    console.ui.quit().await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_address_of_a_one_time_link_is_neither_copied_nor_opened_elsewhere() -> Result<()> {
    let application = Application::start().await?;
    let mut stage = staged(&application, &link_without_question("open-link")).await?;
    let opener = Opener::install(&mut stage)?;
    let console = stage.open(&[]).await?;
    console.become_user("7", "ticket 1").await?;
    console.wait_for_phases(&["active"]).await.with_context(|| format!("{:?}", application.paths()))?;
    let window = stage.desktop.wait_for_window("development — Understudy").await?;
    let _owner = stage.desktop.copy("copied before").await?;
    console.ui.switch_to("bar.html").await?;
    for keys in ["ctrl+shift+c", "ctrl+shift+o"] {
        stage.desktop.press(&window, &[keys]).await?;
        let refusal = "This page's address contains a secret of the sign-in or a masked value, so it stays in the session.";
        console.ui.with_text("status", refusal).await?;
        // What the bar has said is gone.
        console.ui.session().refresh().await?;
    }
    ensure!(stage.desktop.copied().await? == "copied before");
    ensure!(!opener.has_opened());
    console.ui.quit().await
}

/// A sign-in by a link that `/admin/<what>` makes.
fn link_without_question(what: &str) -> String {
    format!(
        "kind = \"link\"\nopen = \"link\"\nredirect_to = \"$app/\"\n\
         [[sign_in.steps]]\nurl = \"$app/admin/{what}\"\n{BEARER}\ncapture = {{ link = {{ json = \"/url\" }} }}"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_finds_what_the_console_was_answered_in_its_storage() -> Result<()> {
    let application = Application::start().await?;
    let sign_in = format!(
        "kind = \"storage\"\nredirect_to = \"$app/\"\n\
         [[sign_in.steps]]\nurl = \"$app/admin/token\"\n{BEARER}\n\
         capture = {{ token = {{ json = \"/access_token\" }}, user = {{ json = \"/user\" }} }}\n\
         [sign_in.storage]\nlocal = {{ auth = {{ access_token = \"{{{{ captured.token }}}}\", as = \"{{{{ user.id }}}}\" }} }}\n\
         session = {{ token = \"{{{{ captured.token }}}}\" }}"
    );
    let stage = staged(&application, &sign_in).await?;
    let console = stage.open(&[]).await?;
    console.become_user("7", "ticket 1").await?;
    console.wait_for_phases(&["active"]).await.with_context(|| format!("{:?}", application.paths()))?;
    let seen = application.sent("POST /seen").await?;
    let auth: Value = serde_json::from_str(seen["local"]["auth"].as_str().unwrap_or_default())?;
    ensure!(auth == json!({ "access_token": "token-of-ada", "as": 7 }), "{seen}");
    ensure!(seen["session"] == json!({ "token": "token-of-ada" }), "{seen}");
    console.ui.quit().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_finds_what_its_own_window_was_answered_in_its_storage() -> Result<()> {
    let application = Application::start().await?;
    let sign_in = "kind = \"storage\"\nurl = \"$app/token\"\nbody = { id = \"{{ user.id }}\", key = \"{{ secret.service_key }}\" }\n\
                   [sign_in.storage]\nlocal = { token = \"{{ response.json.access_token }}\" }";
    let stage = staged(&application, sign_in).await?;
    let console = stage.open(&[]).await?;
    console.become_user("7", "ticket 1").await?;
    console.wait_for_phases(&["active"]).await.with_context(|| format!("{:?}", application.paths()))?;
    let seen = application.sent("POST /seen").await?;
    ensure!(seen["local"] == json!({ "token": "token-of-ada" }), "{seen}");
    ensure!(!seen.to_string().contains(SECRET), "a secret is in the page: {seen}");
    console.ui.quit().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_reaches_no_path_that_is_blocked_by_script_image_frame_or_navigation() -> Result<()> {
    let application = Application::start().await?;
    let sign_in =
        "url = \"$app/login\"\nblock = [\"/operator/\"]\nbody = { key = \"{{ secret.service_key }}\" }";
    let stage = staged(&application, sign_in).await?;
    let console = stage.open(&[]).await?;
    console.become_user("7", "ticket 1").await?;
    console.wait_for_phases(&["active"]).await?;
    let seen = application.sent("POST /seen").await?;
    ensure!(seen["tried"] == json!([403, 403, 403, 403, 403, 401]), "{seen}");
    console.ui.switch_to("bar.html").await?;
    until("the five requests, the image, the frame and the page to be held back", async || {
        let held_back = console.ask("bar_state", "{}").await?["held_back"].clone();
        Ok((held_back["total"] == 8).then_some(()))
    })
    .await?;
    let paths = application.paths();
    let reached: Vec<_> = paths.iter().filter(|path| path.contains("/operato")).collect();
    ensure!(reached == ["GET /operators"], "{paths:?}");
    console.ui.quit().await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_console_and_the_window_go_by_the_connections_proxy() -> Result<()> {
    let application = Application::start().await?;
    let proxy = Proxy::start().await?;
    let sign_in = format!(
        "kind = \"link\"\nredirect_to = \"$app/\"\nopen = \"url\"\n\
         [[sign_in.steps]]\nurl = \"$app/admin/link\"\n{BEARER}\ncapture = {{ url = {{ json = \"/url\" }} }}\n\
         [network]\nproxy = \"{}\"",
        proxy.address
    );
    let stage = staged(&application, &sign_in).await?;
    let console = stage.open(&[]).await?;
    console.become_user("7", "ticket 1").await?;
    console.wait_for_phases(&["active"]).await.with_context(|| format!("{:?}", application.paths()))?;
    application.sent("POST /seen").await?;
    let passed_on = proxy.passed_on();
    for one in ["POST /admin/link", "GET /enter/once", "GET /", "POST /seen"] {
        ensure!(passed_on.iter().any(|passed| passed == one), "{one}: {passed_on:#?}");
    }
    // Nothing bypassed the proxy.
    let heard = application.paths();
    ensure!(heard.len() == passed_on.len(), "{heard:#?}\n{passed_on:#?}");
    console.ui.quit().await
}

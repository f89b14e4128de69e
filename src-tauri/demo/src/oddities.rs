//! Pages that need unusual things from a browser: new windows, downloads, an answer that never comes, short-lived
//! cookies and cookies from other sites.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{AppendHeaders, Html, IntoResponse};
use axum::routing::{get, post};
use jiff::{SignedDuration, Timestamp};

use super::application::AppState;
use super::faults::Delay;
use super::sign_in::http_date;

pub(super) fn build_routes() -> Router<Arc<AppState>> {
    Router::new()
        .route("/slow", get(serve_slow_page))
        .route("/download", get(serve_download))
        .route("/popup", get(async || Html(POPUP)))
        .route("/set-cookie-check", get(async || Html(SET_COOKIE_CHECK)))
        .route("/set-cookie-check/report", post(async || StatusCode::NO_CONTENT))
        .route("/elsewhere", get(async || Html(ELSEWHERE)))
        .route("/fleeting", get(serve_fleeting_cookies))
        .route("/fleeting/again", get(async || StatusCode::NO_CONTENT))
}

/// Answers when [`super::Application::release_answers`] is called.
async fn serve_slow_page(State(shared): State<Arc<AppState>>) -> impl IntoResponse {
    shared.gate.wait_for(Delay::UntilReleased).await;
    Html("<!doctype html><title>Slow</title><h1>Here at last</h1>")
}

async fn serve_download() -> impl IntoResponse {
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"invoices.csv\""),
    ];
    (headers, "number,client,total\r\n2026-0001,Example & Daughters,120.00\r\n")
}

/// The ways to open another window: a link, a script, a form. Each has an ID, so that a test can click it.
const POPUP: &str = r#"<!doctype html>
<html lang="en">
<title>Other windows</title>
<h1>Other windows</h1>
<p><a id="link" href="/invoices" target="_blank">A link to a new window</a>
<p><a id="opener" href="/invoices" target="_blank" rel="opener">The same, which keeps its opener</a>
<p><a id="elsewhere" href="http://elsewhere.example/" target="_blank">A link to another site</a>
<p><button id="script" onclick="window.open('/team')">window.open</button>
<p><button id="sized" onclick="window.open('/team', 'sized', 'width=400,height=300')">window.open with a size</button>
<form action="/invoices" target="_blank"><p><button id="form">A form to a new window</button></form>
<p><a id="download" href="/download">A download</a>
</html>
"#;

/// Reports which cookies a script can see; `HttpOnly` cookies must not be among them.
const SET_COOKIE_CHECK: &str = r#"<!doctype html>
<html lang="en">
<title>Cookies</title>
<h1>Cookies that a script can see</h1>
<pre id="seen"></pre>
<script>
  const names = document.cookie.split("; ").filter(Boolean).map((pair) => pair.split("=")[0]);
  document.getElementById("seen").textContent = names.join("\n");
  fetch("/api/me").then((answer) => answer.status).then((me) =>
    fetch("/set-cookie-check/report", { method: "POST", body: JSON.stringify({ names, me }) }));
</script>
</html>
"#;

/// Navigates to the application's other host name, which browsers treat as another site, and back through a link.
const ELSEWHERE: &str = r#"<!doctype html>
<html lang="en">
<title>Elsewhere</title>
<h1>Another site</h1>
<p><a id="back">Back to the application</a>
<script>
  const own = "127.0.0.1";
  const there = location.hostname === own ? "localhost" : own;
  const path = there === own ? "/set-cookie-check" : "/elsewhere";
  const link = document.getElementById("back");
  link.href = `http://${there}:${location.port}${path}`;
  link.click();
</script>
</html>
"#;

/// Sets cookies that expire in two seconds, one by age and one by date, and keeps sending requests with those that
/// remain.
async fn serve_fleeting_cookies() -> impl IntoResponse {
    let expires = http_date(Timestamp::now() + SignedDuration::from_secs(2));
    let cookies = [
        "fleeting_age=1; Path=/; Max-Age=2; HttpOnly".to_owned(),
        format!("fleeting_date=1; Path=/; Expires={expires}; HttpOnly"),
    ];
    (AppendHeaders(cookies.map(|cookie| (header::SET_COOKIE, cookie))), Html(FLEETING))
}

const FLEETING: &str = r#"<!doctype html>
<html lang="en">
<title>Fleeting cookies</title>
<h1>Cookies for two seconds</h1>
<script>
  const ask = () => fetch("/fleeting/again").finally(() => setTimeout(ask, 100));
  ask();
</script>
</html>
"#;

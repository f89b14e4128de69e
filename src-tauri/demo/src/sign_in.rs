//! Ledgerline's authentication: the login webhook, the current-user endpoint and logout. The pages are in
//! [`super::pages`].

use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{AppendHeaders, Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use futures_util::{StreamExt as _, stream};
use jiff::{SignedDuration, Timestamp, fmt::rfc2822};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::application::AppState;
use super::customers::Customer;
use super::faults::{CookieSameSite, LoginAnswer, MeAnswer};
use super::journal::{SignedIn, parse_cookies};

/// The session cookie.
const SESSION: &str = "ledgerline_session";
/// Sent only to `/api` and with an expiry date: two more attributes that a webview must keep.
const API: &str = "ledgerline_api";
/// The only cookie that scripts can read.
const LOOK: &str = "ledgerline_look";
const LIFETIME: Duration = Duration::from_hours(1);

pub(super) fn build_routes() -> Router<Arc<AppState>> {
    Router::new()
        .route("/login", post(log_in))
        .route("/logout", post(log_out))
        .route("/api/me", get(show_current_user))
}

/// The sessions, by the value of the session cookie.
#[derive(Default)]
pub(super) struct Sessions(Mutex<HashMap<String, DemoSession>>);

#[derive(Clone)]
pub(super) struct DemoSession {
    pub user: i64,
    pub by: SupportAgent,
    began: Instant,
}

/// The support agent who signed in as the user.
#[derive(Clone, Default)]
pub(super) struct SupportAgent {
    pub operator: Option<String>,
    pub reason: Option<String>,
}

impl Sessions {
    /// The session for a request's cookie.
    pub fn find_session(&self, headers: &HeaderMap) -> Option<DemoSession> {
        let key = parse_cookies(headers).remove(SESSION)?;
        self.0.lock().get(&key).filter(|session| session.began.elapsed() < LIFETIME).cloned()
    }

    fn begin_session(&self, user: i64, by: SupportAgent) -> String {
        let key = Uuid::new_v4().simple().to_string();
        let mut sessions = self.0.lock();
        sessions.retain(|_, session| session.began.elapsed() < LIFETIME);
        sessions.insert(key.clone(), DemoSession { user, by, began: Instant::now() });
        key
    }

    fn end_session(&self, headers: &HeaderMap) {
        if let Some(key) = parse_cookies(headers).remove(SESSION) {
            self.0.lock().remove(&key);
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LoginBody {
    admin_token: String,
    /// A number, or a string that contains one.
    user_id: Value,
    reason: Option<String>,
    operator: Option<String>,
}

/// The webhook: signs the holder of the admin token in as any user.
async fn log_in(State(shared): State<Arc<AppState>>, headers: HeaderMap, body: Bytes) -> Response {
    let faults = shared.faults();
    shared.gate.wait_for(faults.login_delay).await;
    match faults.login {
        LoginAnswer::Status(status @ 300..) => {
            return refusal_response(status, "The application was told to answer this.");
        }
        LoginAnswer::Html => return proxy_page(),
        LoginAnswer::Echo => return (StatusCode::INTERNAL_SERVER_ERROR, body).into_response(),
        _ => {}
    }
    let (customer, by) = match check_login(&shared, &headers, &body).await {
        Ok(checked) => checked,
        Err(refusal) => return refusal,
    };
    // End an earlier session, so that it does not outlive the new one.
    shared.sessions.end_session(&headers);
    let key = shared.sessions.begin_session(customer.id, by);
    let answer = match faults.login {
        LoginAnswer::Status(204) => StatusCode::NO_CONTENT.into_response(),
        LoginAnswer::Status(status) => (to_status_code(status), Json(json!({ "ok": true }))).into_response(),
        LoginAnswer::Redirect { status, to } => {
            (to_status_code(status), [(header::LOCATION, to)]).into_response()
        }
        LoginAnswer::Huge => Json(json!({ "ok": true, "padding": "x".repeat(1024 * 1024) })).into_response(),
        LoginAnswer::Endless => stream_endlessly(&shared),
        LoginAnswer::Usual | LoginAnswer::Html | LoginAnswer::Echo => {
            Json(json!({ "ok": true })).into_response()
        }
    };
    let mut answer = (AppendHeaders(begin_cookies(&key, faults.same_site)), answer).into_response();
    answer.extensions_mut().insert(SignedIn(customer.id));
    answer
}

/// Validates the request: whom to sign in and for which agent, or the response that refuses it.
async fn check_login(
    shared: &AppState,
    headers: &HeaderMap,
    body: &Bytes,
) -> Result<(Customer, SupportAgent), Response> {
    let media_type =
        headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    // A form on a foreign page can send text, but not with this content type.
    if !media_type.split(';').next().is_some_and(|it| it.trim().eq_ignore_ascii_case("application/json")) {
        return Err(refusal_response(415, "Send the body as application/json."));
    }
    let body: LoginBody = serde_json::from_slice(body).map_err(|_| {
        refusal_response(400, "The body needs adminToken (a string) and userId (a number or a string).")
    })?;
    if !shared.journal.is_admin_token(&body.admin_token) {
        return Err(refusal_response(401, "The admin token is wrong."));
    }
    let id = match &body.user_id {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    };
    let unknown = || refusal_response(404, "There is no user with this id.");
    let customer = find_customer(shared, id.ok_or_else(unknown)?).await?.ok_or_else(unknown)?;
    Ok((customer, SupportAgent { operator: body.operator, reason: body.reason }))
}

async fn find_customer(shared: &AppState, id: i64) -> Result<Option<Customer>, Response> {
    shared.customers.find_by_id(id).await.map_err(|_| refusal_response(500, "The users cannot be read."))
}

fn begin_cookies(key: &str, same_site: CookieSameSite) -> [(header::HeaderName, String); 3] {
    let seconds = LIFETIME.as_secs();
    let expires = http_date(Timestamp::now() + SignedDuration::from_secs(seconds.cast_signed()));
    let api = Uuid::new_v4().simple();
    let same_site = same_site.cookie_attribute();
    [
        format!("{SESSION}={key}; Path=/; Max-Age={seconds}; HttpOnly{same_site}"),
        format!("{API}={api}; Path=/api; Expires={expires}; HttpOnly{same_site}"),
        format!("{LOOK}=auto; Path=/; SameSite=Lax"),
    ]
    .map(|cookie| (header::SET_COOKIE, cookie))
}

/// The format of a cookie's `Expires`.
pub(super) fn http_date(at: Timestamp) -> String {
    rfc2822::DateTimePrinter::new()
        .timestamp_to_rfc9110_string(&at)
        .expect("a year of four digits can be printed")
}

fn end_cookies() -> [(header::HeaderName, HeaderValue); 2] {
    [
        "ledgerline_session=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict",
        "ledgerline_api=; Path=/api; Max-Age=0; HttpOnly; SameSite=Strict",
    ]
    .map(|cookie| (header::SET_COOKIE, HeaderValue::from_static(cookie)))
}

/// The current-user endpoint.
async fn show_current_user(State(shared): State<Arc<AppState>>, headers: HeaderMap) -> Response {
    let faults = shared.faults();
    shared.gate.wait_for(faults.me_delay).await;
    match faults.me {
        MeAnswer::Status(status) => {
            return refusal_response(status, "The application was told to answer this.");
        }
        MeAnswer::Html => return proxy_page(),
        MeAnswer::Usual | MeAnswer::WrongUser => {}
    }
    let Some(session) = shared.sessions.find_session(&headers) else {
        return refusal_response(401, "Nobody is signed in.");
    };
    let customer = match find_customer(&shared, session.user).await {
        Ok(Some(customer)) => customer,
        Ok(None) => return refusal_response(401, "This user is gone."),
        Err(refusal) => return refusal,
    };
    let off = i64::from(faults.me == MeAnswer::WrongUser);
    Json(json!({
        "id": customer.id + off,
        "email": customer.email,
        "name": customer.full_name,
        "plan": customer.plan,
        "company": customer.company_name,
        "impersonated_by": session.by.operator,
    }))
    .into_response()
}

/// Ends the session and deletes its cookies.
async fn log_out(State(shared): State<Arc<AppState>>, headers: HeaderMap) -> Response {
    let faults = shared.faults();
    shared.gate.wait_for(faults.logout_delay).await;
    if let Some(status) = faults.logout {
        return refusal_response(status, "The application was told to answer this.");
    }
    shared.sessions.end_session(&headers);
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let answer = if accept.contains("text/html") {
        // A person pressed the button in the page.
        Redirect::to("/login").into_response()
    } else {
        Json(json!({ "ok": true })).into_response()
    };
    (AppendHeaders(end_cookies()), answer).into_response()
}

fn refusal_response(status: u16, why: &str) -> Response {
    (to_status_code(status), Json(json!({ "error": why }))).into_response()
}

fn to_status_code(status: u16) -> StatusCode {
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// What a reverse proxy shows while the application is down.
fn proxy_page() -> Response {
    Html("<!doctype html><title>Maintenance</title><h1>We’ll be right back</h1><p>Ledgerline is being updated.")
        .into_response()
}

fn stream_endlessly(shared: &AppState) -> Response {
    let chunk = Bytes::from_static(&[b'x'; 16 * 1024]);
    let chunks = stream::repeat_with(move || Ok::<_, std::convert::Infallible>(chunk.clone()));
    let stopped = shared.stopping.clone().cancelled_owned();
    Body::from_stream(chunks.take_until(stopped)).into_response()
}

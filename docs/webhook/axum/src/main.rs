//! The safest login endpoint for Understudy, for axum 0.8. Copy the part between the lines.
//! The rest stands in for your application, so that tests can run this very file.

use std::collections::HashMap;
use std::env;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, get_current_timestamp};
use serde::Deserialize;
use serde_json::json;

#[derive(Clone, Copy)]
struct User {
    id: i64,
    admin: bool,
}

/// Compares the ID as text: a database may take "07" or "7abc" for 7.
fn find_user(id: &str) -> Option<User> {
    match id {
        "7" => Some(User { id: 7, admin: false }), // ada@example.com
        "8" => Some(User { id: 8, admin: true }),  // root@example.com
        _ => None,
    }
}

// ── copy from here ───────────────────────────────────────────────────────────────────────────────
const LEEWAY: u64 = 30;
const LIFE: Duration = Duration::from_secs(60 * 60);

#[derive(Clone)]
struct Session {
    user_id: String,
    impersonated_by: String,
    read_only: bool,
    until: Instant,
}

struct App {
    origin: String,
    key: DecodingKey,
    rules: Validation,
    // Token IDs and sessions of this process. With several: Redis (SET jti 1 NX EX 360) or a database.
    used: Mutex<HashMap<String, u64>>,
    sessions: Mutex<HashMap<String, Session>>,
}

/// The key, and the one algorithm that is accepted: chosen by the key, never by the token.
fn key_from_environment() -> (DecodingKey, Algorithm) {
    if let Ok(pem) = env::var("IMPERSONATION_PUBLIC_KEY") {
        let pem = pem.as_bytes();
        return DecodingKey::from_ed_pem(pem)
            .map(|key| (key, Algorithm::EdDSA))
            .or_else(|_| DecodingKey::from_ec_pem(pem).map(|key| (key, Algorithm::ES256)))
            .or_else(|_| DecodingKey::from_rsa_pem(pem).map(|key| (key, Algorithm::RS256)))
            .expect("IMPERSONATION_PUBLIC_KEY: an Ed25519, P-256 or RSA key in PEM");
    }
    let secret = env::var("IMPERSONATION_KEY").unwrap_or_default();
    assert!(secret.len() >= 32, "IMPERSONATION_KEY: at least 32 bytes");
    (DecodingKey::from_secret(secret.as_bytes()), Algorithm::HS256)
}

fn app_for(origin: String) -> App {
    let (key, algorithm) = key_from_environment();
    let mut rules = Validation::new(algorithm);
    rules.leeway = LEEWAY;
    rules.set_issuer(&["understudy"]);
    rules.set_audience(&[&origin]);
    rules.set_required_spec_claims(&["iss", "aud", "sub", "exp"]);
    App { origin, key, rules, used: Mutex::default(), sessions: Mutex::default() }
}

#[derive(Deserialize)]
struct Actor {
    sub: String,
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
    act: Actor,
    iat: u64,
    exp: u64,
    jti: String,
    sid: String,
    reason: String,
    #[serde(default)]
    read_only: bool,
}

/// The claims, or the cause of a refusal that Understudy knows how to explain.
fn verify(app: &App, headers: &HeaderMap) -> Result<Claims, &'static str> {
    let token = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map_or("", |(_, token)| token);
    let claims = decode::<Claims>(token, &app.key, &app.rules)
        .map_err(|error| match error.kind() {
            ErrorKind::ExpiredSignature => "expired",
            ErrorKind::InvalidAudience => "wrong audience",
            _ => "invalid signature",
        })?
        .claims;
    let Claims { sub, act, iat, exp, jti, .. } = &claims;
    if sub.is_empty() || act.sub.is_empty() || jti.is_empty() || exp.saturating_sub(*iat) > 300 {
        return Err("invalid signature");
    }
    if *iat > get_current_timestamp() + LEEWAY {
        return Err("not yet valid (clock skew)");
    }
    let mut used = app.used.lock().unwrap();
    used.retain(|_, until| *until >= get_current_timestamp());
    match used.insert(jti.clone(), exp + LEEWAY) {
        None => Ok(claims),
        Some(_) => Err("used already"),
    }
}

fn session_id(headers: &HeaderMap) -> Option<&str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .find_map(|pair| pair.trim().strip_prefix("sid="))
}

fn find_session(app: &App, headers: &HeaderMap) -> Option<Session> {
    let id = session_id(headers)?;
    let mut sessions = app.sessions.lock().unwrap();
    sessions.retain(|_, session| Instant::now() < session.until);
    sessions.get(id).cloned()
}

fn end_session(app: &App, headers: &HeaderMap) {
    if let Some(id) = session_id(headers) {
        app.sessions.lock().unwrap().remove(id);
    }
}

fn cookie(app: &App, value: &str, life: Duration) -> String {
    let secure = if app.origin.starts_with("https:") { "; Secure" } else { "" };
    format!("sid={value}; Path=/; Max-Age={}; HttpOnly; SameSite=Strict{secure}", life.as_secs())
}

const NO_STORE: [(header::HeaderName, &str); 1] = [(header::CACHE_CONTROL, "no-store")];

fn refuse(status: StatusCode, error: &str) -> Response {
    (status, NO_STORE, Json(json!({ "error": error }))).into_response()
}

/// Around every route, the fallback included.
async fn hold_back_read_only(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let reads = [Method::GET, Method::HEAD, Method::OPTIONS].contains(request.method());
    let read_only = find_session(&app, request.headers()).is_some_and(|session| session.read_only);
    if read_only && !reads && request.uri().path() != "/logout" {
        return refuse(StatusCode::FORBIDDEN, "read-only session");
    }
    next.run(request).await
}

/// No foreign page can send an Authorization header here without a CORS preflight.
async fn impersonate(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    let claims = match verify(&app, &headers) {
        Ok(claims) => claims,
        Err(cause) => return refuse(StatusCode::UNAUTHORIZED, cause),
    };
    let Some(user) = find_user(&claims.sub) else {
        return refuse(StatusCode::NOT_FOUND, "no such user");
    };
    if user.admin {
        return refuse(StatusCode::FORBIDDEN, "administrators are not impersonated");
    }
    // A new session with a new ID: one that was planted before is worth nothing (session fixation).
    end_session(&app, &headers);
    let mut random = [0; 32];
    getrandom::fill(&mut random).expect("the system has random numbers");
    let id: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    let Claims { act: Actor { sub: operator }, reason, sid, read_only, .. } = claims;
    println!("{}", json!({ "impersonation": user.id, "operator": operator, "reason": reason, "sid": sid }));
    let session = Session {
        user_id: user.id.to_string(),
        impersonated_by: operator,
        read_only,
        until: Instant::now() + LIFE,
    };
    app.sessions.lock().unwrap().insert(id.clone(), session);
    (StatusCode::NO_CONTENT, NO_STORE, [(header::SET_COOKIE, cookie(&app, &id, LIFE))]).into_response()
}

async fn me(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    let Some(session) = find_session(&app, &headers) else {
        return refuse(StatusCode::UNAUTHORIZED, "not signed in");
    };
    let Some(user) = find_user(&session.user_id) else {
        return refuse(StatusCode::UNAUTHORIZED, "not signed in");
    };
    let me =
        json!({ "id": user.id, "impersonated_by": session.impersonated_by, "read_only": session.read_only });
    (NO_STORE, Json(me)).into_response()
}

async fn logout(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    end_session(&app, &headers);
    (StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie(&app, "", Duration::ZERO))]).into_response()
}

fn routes(app: App) -> Router {
    let app = Arc::new(app);
    Router::new()
        .route("/impersonate", post(impersonate))
        .route("/api/me", get(me))
        .route("/logout", post(logout))
        .fallback(|| async { StatusCode::NOT_FOUND })
        .layer(middleware::from_fn_with_state(Arc::clone(&app), hold_back_read_only))
        .with_state(app)
}
// ── to here ──────────────────────────────────────────────────────────────────────────────────────

#[tokio::main]
async fn main() {
    let port = env::var("PORT").unwrap_or_else(|_| "0".into());
    let listener = tokio::net::TcpListener::bind(format!("127.0.0.1:{port}")).await.expect("a free port");
    let listening = format!("http://{}", listener.local_addr().expect("an address"));
    let app = app_for(env::var("APP_ORIGIN").unwrap_or_else(|_| listening.clone()));
    println!("{}", json!({ "listening": listening }));
    axum::serve(listener, routes(app)).await.expect("serves");
}

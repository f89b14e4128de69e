//! A customer application that answers when the test says so, and needs no secrets.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use axum::extract::{OriginalUri, State};
use axum::http::{HeaderMap, Method, header};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use serde_json::json;
use tokio::sync::Notify;

use crate::test_console::three_users;

#[derive(Default)]
pub struct SlowShop {
    pub origin: String,
    /// Whether `/login` waits for the test.
    pub is_slow: AtomicBool,
    /// Notified when `/login` is requested.
    pub began: Notify,
    /// Lets it continue.
    pub goes_on: Notify,
    received: Mutex<Vec<String>>,
    signed_out: Mutex<Vec<String>>,
}

impl SlowShop {
    pub async fn start() -> Arc<Self> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let origin = format!("http://{}", listener.local_addr().expect("an address"));
        let shop = Arc::new(Self { origin, ..Self::default() });
        let routes = Router::new().fallback(answer).with_state(Arc::clone(&shop));
        tokio::spawn(async move { axum::serve(listener, routes).await });
        shop
    }

    /// The requests it received, in order.
    pub fn received(&self) -> Vec<String> {
        self.received.lock().expect("no panic").clone()
    }

    /// The cookies of each `/logout`.
    pub fn signed_out(&self) -> Vec<String> {
        self.signed_out.lock().expect("no panic").clone()
    }

    pub fn be_slow(&self) {
        self.is_slow.store(true, Ordering::SeqCst);
    }

    /// A connection with a sign-in in which the console logs in and gives the window a cookie.
    pub async fn exchange(&self, folder: &std::path::Path) -> String {
        self.connection(folder, "kind = \"exchange\"\ncookies = [\"sid\"]", "").await
    }

    /// A connection with a sign-in in which the window opens a one-time link, without asking who is signed in.
    pub async fn link(&self, folder: &std::path::Path) -> String {
        let capture = "capture = { link = { json = \"/url\" } }";
        self.connection(folder, "kind = \"link\"\nopen = \"link\"", capture).await
    }

    async fn connection(&self, folder: &std::path::Path, kind: &str, capture: &str) -> String {
        let (app, users) = (&self.origin, three_users(folder).await);
        format!(
            "name = \"Slow\"\nenvironment = \"staging\"\n[directory]\nurl = \"{users}\"\ntable = \"users\"\n\
             id = \"id\"\nemail = \"email\"\n[sign_in]\n{kind}\nredirect_to = \"{app}/\"\n\
             [[sign_in.steps]]\nurl = \"{app}/login\"\n{capture}\n\
             [sign_out]\nurl = \"{app}/logout\"\n[policy]\nreason = \"optional\"\n"
        )
    }
}

async fn answer(
    State(shop): State<Arc<SlowShop>>,
    method: Method,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> Response {
    shop.received.lock().expect("no panic").push(format!("{method} {}", uri.path()));
    if uri.path() == "/logout" {
        let cookies = headers.get(header::COOKIE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        shop.signed_out.lock().expect("no panic").push(cookies.to_owned());
    }
    if uri.path() == "/login" && shop.is_slow.load(Ordering::SeqCst) {
        shop.began.notify_one();
        shop.goes_on.notified().await;
    }
    let cookie = [(header::SET_COOKIE, "sid=of-ada; Path=/; HttpOnly")];
    (cookie, Json(json!({ "url": format!("{}/enter", shop.origin) }))).into_response()
}

//! An HTTP proxy for one test. For plain HTTP, it only has to forward the request and the answer.

use std::sync::{Arc, Mutex};

use anyhow::Result;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{OriginalUri, State};
use axum::http::{HeaderMap, Method};
use axum::response::{IntoResponse, Response};
use reqwest::redirect::Policy;

/// Runs until the test's runtime ends.
pub struct Proxy {
    /// `http://127.0.0.1:<port>`.
    pub address: String,
    passed_on: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    pub async fn start() -> Result<Self> {
        let passed_on = Arc::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let address = format!("http://{}", listener.local_addr()?);
        let client = reqwest::Client::builder().redirect(Policy::none()).no_proxy().build()?;
        let routes = Router::new().fallback(pass_on).with_state((client, Arc::clone(&passed_on)));
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Ok(Self { address, passed_on })
    }

    /// Method and path of each request, in order.
    pub fn passed_on(&self) -> Vec<String> {
        self.passed_on.lock().expect("no panic").clone()
    }
}

async fn pass_on(
    State((client, passed_on)): State<(reqwest::Client, Arc<Mutex<Vec<String>>>)>,
    method: Method,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    passed_on.lock().expect("no panic").push(format!("{method} {}", uri.path()));
    let asking = client.request(method, uri.to_string()).headers(headers).body(body);
    let answer = asking.send().await.expect("the application answers");
    let (status, headers) = (answer.status(), answer.headers().clone());
    (status, headers, answer.bytes().await.expect("a body")).into_response()
}

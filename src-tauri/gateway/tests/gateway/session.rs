//! A session's gateway, and a client in place of its webview.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::Frame;
use secrecy::ExposeSecret as _;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use understudy_gateway::fence::{FenceRules, HostPattern, SessionMode};
use understudy_gateway::{Gateway, GatewayConfig, HeldBack, JournalEntry, PublicCache, SessionObserver};

use crate::application::Company;

/// What a gateway is told in most stories: trust the company, let everything pass.
pub fn config(company: &Company) -> GatewayConfig {
    GatewayConfig {
        extra_roots: vec![company.certificate()],
        proxy: None,
        credentials: Vec::new(),
        launch: None,
        cache: Arc::new(PublicCache::new(1 << 20)),
        static_hosts: vec![HostPattern::parse("localhost").expect("a host")],
        rules: rules(SessionMode::Full),
        observer: Arc::new(NoObserver),
        redactor: Arc::new(|text: &str| text.replace("canary", "•••")),
    }
}

pub fn rules(mode: SessionMode) -> FenceRules {
    FenceRules {
        mode,
        application: Vec::new(),
        blocked_paths: Vec::new(),
        allowed: Vec::new(),
        open_hosts: Vec::new(),
        blocked_hosts: Vec::new(),
    }
}

struct NoObserver;

impl SessionObserver for NoObserver {
    fn on_held_back(&self, _: &JournalEntry, _: &HeldBack) {}
}

pub async fn start_gateway(company: &Company) -> Gateway {
    Gateway::start(config(company)).await.expect("a gateway")
}

/// As WebKit comes in: SOCKS5 with credentials, names resolved by the gateway.
pub fn webkit(gateway: &Gateway) -> reqwest::Client {
    let url = gateway.socks_url().expose_secret().replace("socks5:", "socks5h:");
    client(gateway, &url)
}

/// As Chromium comes in: an HTTP proxy.
pub fn chromium(gateway: &Gateway) -> reqwest::Client {
    let password = gateway.password().expose_secret();
    client(gateway, &format!("http://{}:{password}@{}", gateway.user(), gateway.address()))
}

/// As WebKitGTK really comes in: it speaks HTTP/1.1 behind a proxy.
#[allow(dead_code, reason = "only the measurement tells the versions apart")]
pub fn webkit_http1(gateway: &Gateway) -> reqwest::Client {
    let url = gateway.socks_url().expose_secret().replace("socks5:", "socks5h:");
    build_client(gateway, &url).http1_only().build().expect("a client")
}

pub fn client(gateway: &Gateway, proxy: &str) -> reqwest::Client {
    build_client(gateway, proxy).build().expect("a client")
}

fn build_client(gateway: &Gateway, proxy: &str) -> reqwest::ClientBuilder {
    let authority = reqwest::Certificate::from_der(gateway.authority_certificate()).expect("a certificate");
    reqwest::Client::builder().tls_certs_only([authority]).proxy(reqwest::Proxy::all(proxy).expect("a proxy"))
}

/// A request's body that a test sends piece by piece; it ends when the sender is dropped.
pub fn send_in_pieces() -> (UnboundedSender<&'static str>, reqwest::Body) {
    let (sender, pieces) = tokio::sync::mpsc::unbounded_channel();
    (sender, reqwest::Body::wrap(Pieces(pieces)))
}

struct Pieces(UnboundedReceiver<&'static str>);

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let piece = self.0.poll_recv(context);
        piece.map(|piece| piece.map(|piece| Ok(Frame::data(Bytes::from_static(piece.as_bytes())))))
    }
}

//! A session's gateway, and a client in place of its webview.

use std::sync::Arc;

use secrecy::ExposeSecret as _;
use understudy_gateway::{Gateway, GatewayConfig, OutboundProxy};

use crate::application::Company;

pub async fn start_gateway(company: &Company, proxy: Option<OutboundProxy>) -> Gateway {
    let config = GatewayConfig {
        extra_roots: vec![company.certificate()],
        proxy,
        launch: None,
        mask_secrets: Arc::new(|text: &str| text.replace("canary", "•••")),
    };
    Gateway::start(config).await.expect("a gateway")
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

pub fn client(gateway: &Gateway, proxy: &str) -> reqwest::Client {
    let authority = reqwest::Certificate::from_der(gateway.authority_certificate()).expect("a certificate");
    reqwest::Client::builder()
        .tls_certs_only([authority])
        .proxy(reqwest::Proxy::all(proxy).expect("a proxy"))
        .build()
        .expect("a client")
}

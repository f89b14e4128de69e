//! What a document declares is loaded ahead, for engines that have few connections.

use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::StatusCode;
use http_body_util::BodyExt as _;
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::{ClientConfig, RootCertStore};
use secrecy::ExposeSecret as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use understudy_gateway::fence::{FenceRules, SessionMode};
use understudy_gateway::{Gateway, GatewayConfig};
use url::Url;

use crate::application::{Application, Company, Pages};
use crate::session::{config, rules, webkit_http1};

const PUBLIC: Option<(&str, &str)> = Some(("cache-control", "public, max-age=3600"));

const PAGES: Pages = &[
    (
        "/page-with-files",
        "text/html; charset=utf-8",
        "<!doctype html><script src=/app.js></script><link rel=stylesheet href=/app.css><script src=/own.js></script>\
         <script src=/blocked.js></script><script src=https://cdn.example/app.js></script><img src=/a.png>",
        None,
    ),
    ("/app.js", "text/javascript", "console.log(1)", PUBLIC),
    ("/app.css", "text/css", "p {}", PUBLIC),
    ("/own.js", "text/javascript", "console.log('of one user')", Some(("cache-control", "private"))),
    ("/blocked.js", "text/javascript", "console.log(2)", PUBLIC),
    ("/one-file", "text/html", "<!doctype html><script src=/app.js></script>", None),
];

async fn start(company: &Company, application: &Application) -> Gateway {
    let origin = application.https("/").parse::<Url>().unwrap().origin();
    let rules = FenceRules {
        application: vec![origin],
        blocked_paths: vec!["/blocked.js".into()],
        ..rules(SessionMode::Full)
    };
    Gateway::start(GatewayConfig { rules, ..config(company) }).await.unwrap()
}

/// As a webview loads a page, with the cookie of its session.
async fn load(client: &reqwest::Client, url: String, destination: &str) -> (StatusCode, String) {
    let request = client.get(url).header("cookie", "session=canary").header("sec-fetch-dest", destination);
    let answer = request.header("user-agent", "A browser").send().await.unwrap();
    (answer.status(), answer.text().await.unwrap())
}

#[tokio::test]
async fn public_files_of_a_page_are_loaded_once_without_cookies_and_all_others_as_before() {
    let company = Company::found("Example");
    let application = Application::start_with_pages(&company, PAGES).await;
    let gateway = start(&company, &application).await;
    let client = webkit_http1(&gateway);
    load(&client, application.https("/page-with-files"), "document").await;
    for (path, destination, content) in [
        ("/app.js", "script", "console.log(1)"),
        ("/app.css", "style", "p {}"),
        ("/own.js", "script", "console.log('of one user')"),
    ] {
        let loaded = load(&client, application.https(path), destination).await;
        assert_eq!(loaded, (StatusCode::OK, content.to_owned()));
    }
    let seen = application.seen.lock().clone();
    let sent = |path: &str| {
        let of_path = seen.iter().filter(|seen| seen.path == path);
        of_path.map(|seen| seen.headers.contains_key("cookie")).collect::<Vec<_>>()
    };
    assert_eq!((sent("/app.js"), sent("/app.css")), (vec![false], vec![false]), "once, and for everyone");
    assert_eq!(sent("/own.js"), [false, true], "the answer to a stranger is thrown away");
    assert_eq!((sent("/blocked.js"), sent("/a.png")), (vec![], vec![]));
    let style = seen.iter().find(|seen| seen.path == "/app.css").unwrap();
    for (name, value) in [
        ("user-agent", "A browser"),
        ("accept", "text/css,*/*;q=0.1"),
        ("sec-fetch-dest", "style"),
        ("sec-fetch-mode", "no-cors"),
        ("sec-fetch-site", "same-origin"),
        ("x-understudy-mode", "full"),
    ] {
        assert_eq!(style.headers[name], value, "{name}");
    }
    assert!(gateway.journal().list_entries().iter().all(|entry| entry.elapsed_ms.is_some()));
}

#[tokio::test]
async fn an_application_that_shares_nothing_with_strangers_is_asked_once() {
    let company = Company::found("Example");
    let application = Application::start_with_pages(&company, PAGES).await;
    let gateway = start(&company, &application).await;
    let client = webkit_http1(&gateway);
    load(&client, application.https("/page-with-files"), "document").await;
    load(&client, application.https("/own.js"), "script").await;
    application.seen.lock().clear();
    load(&client, application.https("/page-with-files"), "document").await;
    load(&client, application.https("/own.js"), "script").await;
    let seen: Vec<String> = application.seen.lock().iter().map(|seen| seen.path.clone()).collect();
    assert_eq!(seen, ["/page-with-files", "/own.js"]);
}

#[tokio::test]
async fn only_pages_are_looked_into() {
    let company = Company::found("Example");
    let application = Application::start_with_pages(&company, PAGES).await;
    let gateway = start(&company, &application).await;
    for destination in ["iframe", "empty", "script"] {
        load(&webkit_http1(&gateway), application.https("/one-file"), destination).await;
    }
    gateway.close().await;
    assert!(application.seen.lock().iter().all(|seen| seen.path == "/one-file"));
}

/// As Chromium comes in: HTTP/2 in a tunnel of the proxy.
async fn open_http2(gateway: &Gateway, port: u16) -> SendRequest<String> {
    let mut stream = TcpStream::connect(gateway.address()).await.unwrap();
    let pair = BASE64_STANDARD.encode(format!("{}:{}", gateway.user(), gateway.password().expose_secret()));
    let connect = format!("CONNECT localhost:{port} HTTP/1.1\r\nproxy-authorization: Basic {pair}\r\n\r\n");
    stream.write_all(connect.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    assert!(head.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&head));
    let mut roots = RootCertStore::empty();
    roots.add(gateway.authority_certificate().to_vec().into()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let mut tls = tls.with_root_certificates(roots).with_no_client_auth();
    tls.alpn_protocols = vec![b"h2".to_vec()];
    let stream = TlsConnector::from(Arc::new(tls)).connect("localhost".try_into().unwrap(), stream);
    let stream = stream.await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let (browser, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    browser
}

#[tokio::test]
async fn a_browser_that_asks_for_all_at_once_itself_is_left_alone() {
    let company = Company::found("Example");
    let application = Application::start_with_pages(&company, PAGES).await;
    let gateway = start(&company, &application).await;
    let request = http::Request::get(application.https("/one-file")).header("sec-fetch-dest", "document");
    let mut browser = open_http2(&gateway, application.address.port()).await;
    let answer = browser.send_request(request.body(String::new()).unwrap()).await.unwrap();
    let page = answer.into_body().collect().await.unwrap().to_bytes();
    assert!(page.starts_with(b"<!doctype html><script src=/app.js>"), "{page:?}");
    // Whatever it has begun is done then.
    gateway.close().await;
    let seen: Vec<String> = application.seen.lock().iter().map(|seen| seen.path.clone()).collect();
    assert_eq!(seen, ["/one-file"]);
}

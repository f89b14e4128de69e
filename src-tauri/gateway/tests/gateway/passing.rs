//! What passes, and that it passes unchanged.

use std::sync::Arc;

use http::{Method, StatusCode, Version};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use understudy_gateway::fence::SessionMode;
use understudy_gateway::{Gateway, GatewayConfig, PublicCache, RequestOutcome};

use crate::application::{Application, Company, Pages, Shown};
use crate::session::{chromium, config, send_in_pieces, start_gateway, webkit};

#[tokio::test]
async fn both_ways_in_reach_the_application_over_http_2() {
    let company = Company::found("Example");
    let application = Application::start_tls(&company, Shown::Good).await;
    let gateway = start_gateway(&company).await;
    for client in [webkit(&gateway), chromium(&gateway)] {
        let answer =
            client.get(application.https("/page?token=canary")).header("x-own", "1").send().await.unwrap();
        assert_eq!(
            (answer.status(), answer.text().await.unwrap().as_str()),
            (StatusCode::OK, "the application")
        );
        let seen = application.seen.lock().pop().unwrap();
        assert_eq!((seen.method, seen.version, seen.path.as_str()), (Method::GET, Version::HTTP_2, "/page"));
        assert_eq!(seen.headers["x-own"], "1");
        assert!(!seen.headers.keys().any(|name| name.as_str().starts_with("proxy")));
    }
    let entries = gateway.journal().list_entries();
    let port = application.address.port();
    for entry in &entries {
        assert_eq!(entry.url, format!("https://localhost:{port}/page?token=•••"));
        assert_eq!((&entry.outcome, entry.received_bytes), (&RequestOutcome::Answered { status: 200 }, 15));
    }
    assert_eq!(entries.len(), 2);
}

#[tokio::test]
async fn the_first_request_finds_a_connection_open_on_which_nothing_was_sent() {
    let company = Company::found("Example");
    for with_http2 in [true, false] {
        let mut tls = company.issue(Shown::Good);
        if !with_http2 {
            tls.alpn_protocols.clear();
        }
        let application = Application::start_with_tls(tls).await;
        let gateway = start_gateway(&company).await;
        let server = application.https("/").parse().unwrap();
        gateway.preconnect(&server);
        gateway.preconnect(&server);
        let client = webkit(&gateway);
        for _ in 0..3 {
            let answer = client.get(application.https("/page")).send().await.unwrap();
            assert_eq!(answer.text().await.unwrap(), "the application");
        }
        let version = if with_http2 { Version::HTTP_2 } else { Version::HTTP_11 };
        let seen = application.seen.lock().clone();
        assert_eq!(seen.iter().map(|seen| seen.version).collect::<Vec<_>>(), [version; 3]);
        assert!(
            seen.iter().all(|seen| with_http2 || seen.headers["host"].as_bytes().starts_with(b"localhost:"))
        );
        assert_eq!(application.count_connections(), 1, "with HTTP/2: {with_http2}");
    }
}

#[tokio::test]
async fn a_connection_that_was_closed_before_its_first_request_is_replaced() {
    let company = Company::found("Example");
    let application = Application::start_tls(&company, Shown::Good).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let gateway = start_gateway(&company).await;
    gateway.preconnect(&format!("https://localhost:{port}/").parse().unwrap());
    // The first connection ends before it is of use; the second one leads to the application.
    drop(listener.accept().await.unwrap());
    let relay = async {
        let (mut near, _) = listener.accept().await.unwrap();
        let mut far = tokio::net::TcpStream::connect(application.address).await.unwrap();
        let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
    };
    let asked = webkit(&gateway).get(format!("https://localhost:{port}/page")).send();
    tokio::select! {
        () = relay => panic!("the application has closed"),
        answer = asked => assert_eq!(answer.unwrap().status(), StatusCode::OK),
    }
}

#[tokio::test]
async fn a_plain_http_application_is_reached_too() {
    let company = Company::found("Example");
    let application = Application::start_plain().await;
    let gateway = start_gateway(&company).await;
    for client in [webkit(&gateway), chromium(&gateway)] {
        let answer = client.post(application.http("/echo")).body("ping").send().await.unwrap();
        assert_eq!(answer.text().await.unwrap(), "ping");
        let host = application.seen.lock().pop().unwrap().headers["host"].clone();
        assert_eq!(host, format!("localhost:{}", application.address.port()));
    }
}

#[tokio::test]
async fn answers_come_unchanged() {
    let company = Company::found("Example");
    let application = Application::start_tls(&company, Shown::Good).await;
    let gateway = start_gateway(&company).await;
    let client = webkit(&gateway);

    let compressed = client.get(application.https("/gzip")).send().await.unwrap();
    assert_eq!(compressed.headers()["content-encoding"], "gzip");
    assert_eq!(compressed.bytes().await.unwrap(), "\u{1f}not really compressed");

    let range = client.get(application.https("/range")).header("range", "bytes=3-5").send().await.unwrap();
    assert_eq!(range.status(), StatusCode::PARTIAL_CONTENT);
    assert_eq!(range.headers()["content-range"], "bytes 3-5/10");
    assert_eq!(application.seen.lock().last().unwrap().headers["range"], "bytes=3-5");

    let head = client.head(application.https("/page")).send().await.unwrap();
    assert_eq!(head.status(), StatusCode::OK);
    assert_eq!(head.headers()["content-length"], "15");
}

#[tokio::test]
async fn trailers_pass() {
    let company = Company::found("Example");
    let application = Application::start_tls(&company, Shown::Good).await;
    let gateway = start_gateway(&company).await;
    let answer =
        webkit(&gateway).get(application.https("/trailers")).header("te", "trailers").send().await.unwrap();
    let body = http_body_util::BodyExt::collect(reqwest::Body::from(answer)).await.unwrap();
    assert_eq!(body.trailers().expect("trailers")["x-sum"], "42");
}

/// As server-sent events do: the second piece is sent only after the first has come back.
#[tokio::test]
async fn pieces_pass_at_once_in_both_directions() {
    let company = Company::found("Example");
    let application = Application::start_tls(&company, Shown::Good).await;
    let gateway = start_gateway(&company).await;
    let (sender, pieces) = send_in_pieces();
    sender.send("one").unwrap();
    let request = webkit(&gateway).post(application.https("/dialogue")).body(pieces);
    let mut answer = request.send().await.unwrap();
    assert_eq!(answer.chunk().await.unwrap().unwrap(), "ONE");
    sender.send("two").unwrap();
    assert_eq!(answer.chunk().await.unwrap().unwrap(), "TWO");
    drop(sender);
    assert!(answer.chunk().await.unwrap().is_none());
}

#[tokio::test]
async fn a_socket_opens_after_the_applications_own_yes() {
    let company = Company::found("Example");
    let gateway = start_gateway(&company).await;
    let secure = Application::start_tls(&company, Shown::Good).await;
    let plain = Application::start_plain().await;
    for (application, url) in [(&secure, secure.https("/socket")), (&plain, plain.http("/socket"))] {
        let request = webkit(&gateway).get(url).version(Version::HTTP_11).header("connection", "Upgrade");
        let answer = request.header("upgrade", "websocket").header("sec-websocket-protocol", "chat").send();
        let answer = answer.await.unwrap();
        assert_eq!(answer.status(), StatusCode::SWITCHING_PROTOCOLS);
        assert_eq!(answer.headers()["sec-websocket-protocol"], "chat");
        assert_eq!(application.seen.lock().last().unwrap().headers["upgrade"], "websocket");
        let mut socket = answer.upgrade().await.unwrap();
        for (sent, expected) in [("hello", "HELLO"), ("again", "AGAIN")] {
            socket.write_all(sent.as_bytes()).await.unwrap();
            let mut heard = [0; 5];
            socket.read_exact(&mut heard).await.unwrap();
            assert_eq!(heard, expected.as_bytes());
        }
    }
    let url = secure.https("/socket-refused");
    let request = webkit(&gateway).get(url).version(Version::HTTP_11).header("connection", "Upgrade");
    let refused = request.header("upgrade", "websocket").send().await.unwrap();
    assert_eq!(
        (refused.status(), refused.text().await.unwrap().as_str()),
        (StatusCode::FORBIDDEN, "no sockets here")
    );
}

#[tokio::test]
async fn nothing_is_left_when_the_session_ends() {
    let company = Company::found("Example");
    let application = Application::start_tls(&company, Shown::Good).await;
    let gateway = start_gateway(&company).await;
    let address = gateway.address();
    let (sender, pieces) = send_in_pieces();
    sender.send("one").unwrap();
    let client = webkit(&gateway);
    let mut answer = client.post(application.https("/dialogue")).body(pieces).send().await.unwrap();
    assert_eq!(answer.chunk().await.unwrap().unwrap(), "ONE");

    gateway.close().await;
    assert!(answer.chunk().await.is_err(), "what was in flight is broken off");
    assert!(tokio::net::TcpStream::connect(address).await.is_err(), "nobody listens any more");
}

/// What a page sends must not arrive after the sign-out.
#[tokio::test]
async fn a_page_that_is_left_sends_nothing_more_and_the_sign_out_does() {
    let company = Company::found("Example");
    let application = Application::start_tls(&company, Shown::Good).await;
    let gateway = start_gateway(&company).await;
    let client = webkit(&gateway);
    let (sender, pieces) = send_in_pieces();
    sender.send("one").unwrap();
    let upload = tokio::spawn(client.post(application.https("/swallow")).body(pieces).send());
    while application.seen.lock().is_empty() {
        tokio::task::yield_now().await;
    }

    gateway.leave_pages().await;
    let outcome = gateway.journal().list_entries().remove(0).outcome;
    assert!(matches!(outcome, RequestOutcome::Refused { .. }), "nothing is under way any more: {outcome:?}");
    let upload = upload.await.unwrap().map(|answer| answer.status());
    assert!(upload.as_ref().is_err() || upload.is_ok_and(|status| status == StatusCode::SERVICE_UNAVAILABLE));
    let late = client.post(application.https("/late")).send().await.unwrap();
    assert_eq!(late.status(), StatusCode::SERVICE_UNAVAILABLE);
    let sign_out = application.https("/logout");
    let _permit = gateway.permit_once(Method::POST, sign_out.parse().unwrap());
    client.post(sign_out).send().await.unwrap();
    let reached: Vec<_> = application.seen.lock().iter().map(|seen| seen.path.clone()).collect();
    assert_eq!(reached, ["/swallow", "/logout"]);
}

/// The second session of a connection loads the application's script from the computer itself.
#[tokio::test]
async fn sessions_share_what_the_application_marks_public() {
    let company = Company::found("Example");
    let application = Application::start_with_pages(&company, PUBLIC_FILES).await;
    let cache = Arc::new(PublicCache::new(1 << 20));
    let start =
        async || Gateway::start(GatewayConfig { cache: cache.clone(), ..config(&company) }).await.unwrap();
    let (first, second) = (start().await, start().await);
    for gateway in [&first, &second] {
        let url = application.https("/app.js");
        let answer = webkit(gateway).get(url).header("cookie", "session=canary").send().await.unwrap();
        assert_eq!(answer.text().await.unwrap(), "console.log(1)");
        let page = webkit(gateway).get(application.https("/account")).send().await.unwrap();
        assert_eq!(page.text().await.unwrap(), "<!doctype html>");
    }
    let reached: Vec<_> = application.seen.lock().iter().map(|seen| seen.path.clone()).collect();
    assert_eq!(reached, ["/app.js", "/account", "/account"]);
    let from_cache: Vec<_> = second.journal().list_entries().iter().map(|entry| entry.from_cache).collect();
    assert_eq!(from_cache, [true, false]);
}

const PUBLIC_FILES: Pages = &[
    ("/app.js", "text/javascript", "console.log(1)", Some(("cache-control", "public, max-age=3600"))),
    ("/account", "text/html", "<!doctype html>", Some(("cache-control", "public, max-age=3600"))),
];

/// A socket that was opened in a full session could go on writing.
#[tokio::test]
async fn sockets_close_when_the_session_becomes_read_only() {
    let company = Company::found("Example");
    let application = Application::start_tls(&company, Shown::Good).await;
    let gateway = start_gateway(&company).await;
    let request = webkit(&gateway).get(application.https("/socket")).version(Version::HTTP_11);
    let request = request.header("connection", "Upgrade").header("upgrade", "websocket");
    let mut socket = request.send().await.unwrap().upgrade().await.unwrap();
    socket.write_all(b"hello").await.unwrap();
    socket.read_exact(&mut [0; 5]).await.unwrap();
    gateway.set_mode(SessionMode::ReadOnly);
    assert_eq!(socket.read(&mut [0; 5]).await.unwrap_or_default(), 0);
}

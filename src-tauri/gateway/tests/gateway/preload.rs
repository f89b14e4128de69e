//! What a document declares is loaded ahead, for engines that have few connections.

use http::StatusCode;
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

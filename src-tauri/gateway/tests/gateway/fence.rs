//! What a session may do, seen from the application: what reaches it, and what does not.

use std::sync::Arc;

use http::{Method, StatusCode};
use parking_lot::Mutex;
use understudy_gateway::fence::{AllowedKind, AllowedRequest, FenceRules, PathPattern, SessionMode};
use understudy_gateway::{Gateway, GatewayConfig, HeldBack, JournalEntry, RequestOutcome, SessionObserver};
use url::Url;

use crate::application::{Application, Company, Shown};
use crate::session::{config, rules, webkit};

/// What the bar would show.
#[derive(Default)]
struct Bar(Mutex<Vec<(String, HeldBack)>>);

impl SessionObserver for Bar {
    fn on_held_back(&self, entry: &JournalEntry, why: &HeldBack) {
        self.0.lock().push((format!("{} {}", entry.method, entry.url), why.clone()));
    }
}

async fn start_session(
    company: &Company,
    application: &Application,
    mode: SessionMode,
) -> (Gateway, Arc<Bar>) {
    let bar = Arc::new(Bar::default());
    let url: Url = application.https("/").parse().unwrap();
    let search = AllowedRequest {
        kind: AllowedKind::Method(Method::POST),
        origin: None,
        path: PathPattern::parse("/search").unwrap(),
    };
    let rules = FenceRules { application: vec![url.origin()], allowed: vec![search], ..rules(mode) };
    let config = GatewayConfig { rules, observer: bar.clone(), ..config(company) };
    (Gateway::start(config).await.expect("a gateway"), bar)
}

#[tokio::test]
async fn a_read_only_session_reads_and_writes_nothing() {
    let company = Company::found("Example");
    let application = Application::start_tls(&company, Shown::Good).await;
    let (gateway, bar) = start_session(&company, &application, SessionMode::ReadOnly).await;
    let client = webkit(&gateway);

    let read = client.get(application.https("/orders")).send().await.unwrap();
    assert_eq!(read.status(), StatusCode::OK);
    let searched = client.post(application.https("/search")).body("q=shoes").send().await.unwrap();
    assert_eq!(searched.status(), StatusCode::OK);
    let query = client.post(application.https("/graphql")).header("content-type", "application/json");
    let query = query.body(r#"{"query":"{ orders { id } }"}"#).send().await.unwrap();
    assert_eq!(
        query.text().await.unwrap(),
        r#"{"query":"{ orders { id } }"}"#,
        "read by the fence, and passed on whole"
    );
    let reached: Vec<String> = application
        .seen
        .lock()
        .drain(..)
        .map(|seen| {
            assert_eq!(seen.headers["x-understudy-mode"], "read-only");
            format!("{} {}", seen.method, seen.path)
        })
        .collect();
    assert_eq!(reached, ["GET /orders", "POST /search", "POST /graphql"]);

    let paid = client
        .post(application.https("/pay"))
        .header("accept", "application/json")
        .header("origin", application.https("").as_str());
    let paid = paid.body("amount=7").send().await.unwrap();
    assert_eq!(paid.status(), StatusCode::FORBIDDEN);
    assert_eq!(paid.headers()["access-control-allow-origin"], application.https(""));
    let why: serde_json::Value = paid.json().await.unwrap();
    let message = "It was held back because the session is read-only, and POST may change something.";
    assert_eq!(why["message"], message);
    let compressed =
        client.post(application.https("/search")).header("content-encoding", "gzip").body("?").send();
    assert_eq!(compressed.await.unwrap().status(), StatusCode::FORBIDDEN, "what can't be looked at");
    let deleted = client.delete(application.https("/orders/7")).send().await.unwrap();
    assert_eq!(deleted.status(), StatusCode::FORBIDDEN);
    let large = client.post(application.https("/search")).body(vec![b'x'; 3 << 20]).send().await;
    assert!(large.is_err() || large.unwrap().status() == StatusCode::FORBIDDEN);
    assert!(application.seen.lock().is_empty(), "nothing else reached the application");

    let held: Vec<String> = bar.0.lock().iter().map(|(request, _)| request.clone()).collect();
    assert_eq!(
        held,
        ["/pay", "/search", "/orders/7", "/search"].map(|path| {
            format!("{} {}", if path == "/orders/7" { "DELETE" } else { "POST" }, application.https(path))
        })
    );
    let refused = gateway
        .journal()
        .list_entries()
        .into_iter()
        .filter(|entry| matches!(entry.outcome, RequestOutcome::Refused { .. }));
    assert_eq!(refused.count(), 4);
}

#[tokio::test]
async fn the_mode_is_switched_while_the_session_runs() {
    let company = Company::found("Example");
    let application = Application::start_tls(&company, Shown::Good).await;
    let (gateway, _) = start_session(&company, &application, SessionMode::ReadOnly).await;
    let client = webkit(&gateway);
    let pay = async || client.post(application.https("/pay")).send().await.unwrap().status();
    assert_eq!(pay().await, StatusCode::FORBIDDEN);
    gateway.set_mode(SessionMode::Full);
    assert_eq!(pay().await, StatusCode::OK);
    assert_eq!(application.seen.lock().pop().unwrap().headers["x-understudy-mode"], "full");
    gateway.set_mode(SessionMode::ReadOnly);
    assert_eq!(pay().await, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_sign_in_passes_once() {
    let company = Company::found("Example");
    let application = Application::start_tls(&company, Shown::Good).await;
    let (gateway, _) = start_session(&company, &application, SessionMode::ReadOnly).await;
    let url = application.https("/impersonate");
    let _permit = gateway.permit_once(Method::POST, url.parse().unwrap());
    let client = webkit(&gateway);
    let statuses =
        [client.post(&url).send().await.unwrap().status(), client.post(&url).send().await.unwrap().status()];
    assert_eq!(statuses, [StatusCode::OK, StatusCode::FORBIDDEN]);
    assert_eq!(application.seen.lock().len(), 1);
}

/// A link that signs in once may lead through a page that has to write, such as "Continue as …" of a sign-in service.
#[tokio::test]
async fn a_one_time_link_writes_until_the_applications_own_page_is_there() {
    let company = Company::found("Example");
    let application = Application::start_tls(&company, Shown::Good).await;
    let links = Application::start_tls(&company, Shown::Good).await;
    let (gateway, bar) = start_session(&company, &application, SessionMode::ReadOnly).await;
    let client = webkit(&gateway);
    let at_links = |path: &str| format!("https://127.0.0.1:{}{path}", links.address.port());
    let post = async |url: String| client.post(url).body("accept=1").send().await.unwrap().status();
    let load = async |url: String| {
        client.get(url).header("sec-fetch-dest", "document").send().await.unwrap().status()
    };
    gateway.allow_host("127.0.0.1");
    gateway.set_full_until_arrival(application.https("/").parse::<Url>().unwrap().origin());
    assert_eq!(gateway.mode(), SessionMode::ReadOnly, "what the bar shows");

    assert_eq!(load(at_links("/link")).await, StatusCode::OK);
    assert_eq!(post(at_links("/accept")).await, StatusCode::OK);
    assert_eq!(client.get(application.https("/icon")).send().await.unwrap().status(), StatusCode::OK);
    assert_eq!(post(at_links("/accept")).await, StatusCode::OK);
    assert_eq!(load(application.https("/dialogue")).await, StatusCode::OK);
    assert_eq!(post(application.https("/pay")).await, StatusCode::FORBIDDEN);
    assert_eq!(post(at_links("/accept")).await, StatusCode::FORBIDDEN);

    let reached = |seen: &Application| {
        let seen: Vec<_> =
            seen.seen.lock().iter().map(|seen| (seen.path.clone(), seen.headers.clone())).collect();
        seen
    };
    assert_eq!(reached(&links).len(), 3);
    for (path, headers) in reached(&application) {
        assert_eq!(headers["x-understudy-mode"], "read-only", "{path}");
        assert_ne!(path, "/pay");
    }
    assert_eq!((bar.0.lock().len(), gateway.held_back_count()), (2, 2));
}

#[tokio::test]
async fn what_was_held_back_becomes_a_list_with_rules() {
    let company = Company::found("Example");
    let application = Application::start_tls(&company, Shown::Good).await;
    let other = Application::start_tls(&company, Shown::Good).await;
    let (gateway, _) = start_session(&company, &application, SessionMode::ReadOnly).await;
    let client = webkit(&gateway);
    for url in [
        application.https("/orders/7/preview?token=canary"),
        application.https("/orders/8/preview"),
        application.https("/orders/9/preview"),
        application.https("/orders/9/preview"),
        application.https("/reset/canary"),
        other.https("/collect"),
    ] {
        assert_eq!(client.post(url).send().await.unwrap().status(), StatusCode::FORBIDDEN);
    }
    let groups = gateway.held_back_summary();
    let lines: Vec<String> = groups
        .iter()
        .map(|group| {
            let rule = group.proposed_rule().map(|rule| {
                let origin = rule.origin.as_ref().map(ToString::to_string).unwrap_or_default();
                format!("{} {origin}{}", rule.kind, rule.path)
            });
            format!("{} {} {} {}", group.count, group.method, group.path, rule.unwrap_or_default())
        })
        .collect();
    let collected = format!("1 POST /collect POST https://localhost:{}/collect", other.address.port());
    assert_eq!(
        lines,
        [
            collected.as_str(),
            "1 POST /reset/••• ",
            "2 POST /orders/9/preview POST /orders/*/preview",
            "1 POST /orders/8/preview POST /orders/*/preview",
            "1 POST /orders/7/preview POST /orders/*/preview",
        ]
    );
    assert_eq!(groups[0].host, format!("localhost:{}", other.address.port()));
    assert_eq!(gateway.held_back_count(), 6);
}

#[tokio::test]
async fn a_page_that_leads_elsewhere_waits_for_the_operator() {
    let company = Company::found("Example");
    let application = Application::start_tls(&company, Shown::Good).await;
    let other = Application::start_tls(&company, Shown::Good).await;
    let (gateway, bar) = start_session(&company, &application, SessionMode::Full).await;
    let other_url = |path: &str| format!("https://127.0.0.1:{}{path}", other.address.port());
    let shop = other_url("/shop?order=7");
    let load =
        async || webkit(&gateway).get(&shop).header("sec-fetch-dest", "document").send().await.unwrap();
    let page = load().await;
    assert_eq!(page.status(), StatusCode::FORBIDDEN);
    let page = page.text().await.unwrap();
    assert!(page.contains("This page leads out of the application"), "{page}");
    assert!(page.contains("Choose in the bar") && !page.contains("Try again"), "{page}");
    assert!(other.seen.lock().is_empty());
    let asked = |bar: &Bar| bar.0.lock().iter().map(|(_, why)| why.clone()).collect::<Vec<_>>();
    assert_eq!(asked(&bar), [HeldBack::LeadsElsewhere(shop.parse().unwrap())]);
    assert_eq!(gateway.held_back_count(), 0, "a question is not a refusal");

    // No person has followed the link yet.
    let ahead =
        webkit(&gateway).get(&shop).header("sec-fetch-dest", "document").header("sec-purpose", "prefetch");
    assert_eq!(ahead.send().await.unwrap().status(), StatusCode::FORBIDDEN);
    assert_eq!(asked(&bar).len(), 1);

    gateway.allow_host("127.0.0.1");
    assert_eq!(load().await.status(), StatusCode::OK);
    assert_eq!(asked(&bar).len(), 1);
    other.seen.lock().clear();

    let fetched =
        webkit(&gateway).get(other.https("/data")).header("sec-fetch-dest", "empty").send().await.unwrap();
    assert_eq!(fetched.status(), StatusCode::OK);
    assert!(!other.seen.lock()[0].headers.contains_key("x-understudy-mode"));
}

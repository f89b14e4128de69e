//! What is asked and reported at the launch page's address.

use std::future::Future;
use std::pin::pin;
use std::sync::LazyLock;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use futures_util::FutureExt;
use http::{Request, Response, StatusCode};
use secrecy::SecretString;
use serde_json::Value;
use tokio::runtime::Runtime;
use understudy_core::browser::{Answer, PlannedRequest, Unanswered};
use understudy_core::connection::Method;
use understudy_core::launch::{FaultKind, LaunchPage, LaunchPress, LaunchSite, LaunchView};
use understudy_gateway::LaunchResponder;
use url::Url;

use crate::{CANARY, knows_secret, split_parts};

/// For the clocks of what waits; nothing is ever waited for here.
static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime"));

/// The input: requests, one a line, as a method, what follows the page's own path, and a body; then an address that a
/// fault is about.
pub fn check(input: &[u8]) -> bool {
    if knows_secret(input) {
        return false;
    }
    let text = String::from_utf8_lossy(input);
    let [requests, address] = split_parts(&text);
    let _entered = RUNTIME.enter();
    check_fault(address);
    check_requests(requests)
}

/// An answer that is there at once; `None` for a question that stays open.
fn ask(page: &LaunchPage, method: &str, below: &str, body: &str) -> Option<Response<Bytes>> {
    let request =
        Request::builder().method(method).uri("https://app.example/").body(Bytes::from(body.to_owned()));
    page.answer(below, request.ok()?).now_or_never()
}

/// An address in a page about a fault is a text: it adds no script, and none of the placeholders is filled in.
fn check_fault(address: &str) {
    let view = LaunchView::Busy { title: "Signing in".into(), subtitle: String::new() };
    let site = LaunchSite::create(LaunchPage::create(view).0).expect("an address");
    for kind in [FaultKind::PageEnded, FaultKind::CookiesLost] {
        let url = site.add_fault(kind, Some(address));
        assert!(site.holds(&url));
        let (_, nonce) = url.path().rsplit_once('/').expect("a path");
        let shown = ask(site.page(), "GET", &format!("/fault/{nonce}"), "").expect("it does not wait");
        assert_eq!(shown.status(), StatusCode::OK);
        let document = std::str::from_utf8(shown.body()).expect("a text");
        assert_eq!(document.matches("<script").count(), 1, "{address:?}");
        assert_eq!(document.matches("</script").count(), 1, "{address:?}");
    }
}

/// The console's request reaches the page once, and only a report of it is an answer.
fn check_requests(requests: &str) -> bool {
    let view = LaunchView::Busy { title: "Signing in".into(), subtitle: String::new() };
    let (page, mut presses) = LaunchPage::create(view);
    let planned = PlannedRequest {
        method: Method::Post,
        url: Url::parse("https://app.example/login").expect("a URL"),
        headers: vec![],
        body: Some(SecretString::from(CANARY)),
        timeout: Duration::from_mins(1),
        expect: vec![],
        that: vec![],
        secrets: vec![],
    };
    let mut sending = pin!(page.send_request(&planned));
    let mut outcome = None;
    let (mut deliveries, mut reported, mut is_reloaded) = (0, None, false);
    for line in requests.lines().take(64) {
        let mut words = line.splitn(3, ' ');
        let [method, below, body] = std::array::from_fn(|_| words.next().unwrap_or_default());
        if !below.is_empty() && !below.starts_with('/') {
            // It would be another path than the page's.
            continue;
        }
        if method == "CLOSE" {
            page.close();
        }
        let answer = ask(&page, method, below, body);
        let status = answer.as_ref().map(|answer| answer.status().as_u16());
        assert!(matches!(status, None | Some(200 | 204 | 400 | 404)), "{line}: {status:?}");
        let said = answer.as_ref().map(|answer| String::from_utf8_lossy(answer.body()).into_owned());
        if said.is_some_and(|said| said.contains(CANARY)) {
            assert_eq!((method, below), ("POST", "/next"), "{line}");
            deliveries += 1;
        }
        let button = presses.try_recv().ok();
        let expected = match (status, method, below) {
            (Some(204), "POST", "/press/retry") => Some(LaunchPress::Retry),
            (Some(204), "POST", "/press/renew") => Some(LaunchPress::RenewSecret),
            (Some(204), "POST", "/press/close") => Some(LaunchPress::Close),
            _ => None,
        };
        assert_eq!(button, expected, "{line}");
        if status == Some(204) && below.starts_with("/done/") {
            assert_eq!((method, below, deliveries, &reported), ("POST", "/done/1", 1, &None), "{line}");
            reported = Some(read_report(body));
        }
        is_reloaded |= method == "GET" && below.is_empty() && status == Some(200) && deliveries == 1;
        if outcome.is_none()
            && let Poll::Ready(ended) = sending.as_mut().poll(&mut Context::from_waker(Waker::noop()))
        {
            match &ended {
                Err(Unanswered::Broken) => assert!(is_reloaded, "{line}"),
                Err(Unanswered::Closed) => assert_eq!(method, "CLOSE", "{line}"),
                reply => {
                    let said = reported.as_ref().expect("an answer comes of a report");
                    assert!(said.as_ref().is_none_or(|said| said == reply), "{line}: {reply:?}");
                }
            }
            outcome = Some(ended);
        }
    }
    assert!(deliveries <= 1, "what holds a secret is told once");
    if outcome.is_none() {
        assert_eq!(reported, None, "a report is not lost");
    }
    page.close();
    for (method, below) in [("GET", ""), ("POST", "/next"), ("POST", "/press/close"), ("POST", "/done/1")] {
        let status = ask(&page, method, below, r#"{"timed_out":true}"#).map(|answer| answer.status());
        assert_eq!(status, Some(StatusCode::NOT_FOUND), "{method} {below} of a page that is closed");
    }
    outcome.is_some()
}

/// What a report says, read on its own; `None` if it says something twice, or in another way than the page does.
fn read_report(body: &str) -> Option<Result<Answer, Unanswered>> {
    let names = ["status", "headers", "body", "timed_out", "failed"];
    if body.contains("\\u") || names.iter().any(|name| body.matches(name).count() > 1) {
        return None;
    }
    let report: Value = serde_json::from_str(body).ok()?;
    let read_answer = || {
        let status = u16::try_from(report.get("status")?.as_u64()?).ok()?;
        let headers = report.get("headers")?.as_array()?.iter().map(|header| {
            let header = header.as_array().filter(|pair| pair.len() == 2)?;
            Some((header[0].as_str()?.to_owned(), header[1].as_str()?.to_owned()))
        });
        let body = BASE64_STANDARD.decode(report.get("body")?.as_str()?).ok()?;
        Some(Answer::from_parts(status, headers.collect::<Option<_>>()?, &body))
    };
    if let Some(answer) = read_answer() {
        return Some(Ok(answer));
    }
    if report.get("timed_out").is_some_and(Value::is_boolean) {
        return Some(Err(Unanswered::TimedOut));
    }
    Some(Err(Unanswered::Failed(report.get("failed")?.as_str()?.to_owned())))
}

//! The launch page: answered by the gateway, and by nobody else.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use parking_lot::Mutex;
use understudy_gateway::{Gateway, GatewayConfig, LaunchResponder, LaunchRoute};
use url::Url;

use crate::application::{Application, Company, Shown};
use crate::session::{config, webkit};

/// Answers with a page, and keeps what it was asked.
#[derive(Default)]
struct Launch(Mutex<Vec<String>>);

#[async_trait]
impl LaunchResponder for Launch {
    async fn answer(&self, below: &str, request: Request<Bytes>) -> Response<Bytes> {
        let body = String::from_utf8_lossy(request.body()).into_owned();
        assert!(request.uri().path().ends_with(below));
        self.0.lock().push(format!("{} {} {body}", request.method(), request.uri()));
        Response::new(Bytes::from_static(b"<!doctype html><title>Signing in</title>"))
    }
}

#[tokio::test]
async fn the_launch_page_is_answered_here_and_reaches_no_application() {
    let company = Company::found("Example");
    let application = Application::start_tls(&company, Shown::Good).await;
    let origin: Url = application.https("/").parse().unwrap();
    let launch = Arc::new(Launch::default());
    let route = LaunchRoute::create(launch.clone()).unwrap();
    let gateway =
        Gateway::start(GatewayConfig { launch: Some(route.clone()), ..config(&company) }).await.unwrap();
    let client = webkit(&gateway);

    let page = route.to_url(&origin, "");
    let answer = client.get(page.clone()).send().await.unwrap();
    assert_eq!(answer.headers()["referrer-policy"], "no-referrer");
    assert_eq!(answer.headers()["cache-control"], "no-store");
    assert!(answer.text().await.unwrap().contains("Signing in"));
    let report = route.to_url(&origin, "/report");
    client.post(report.clone()).body("canary").send().await.unwrap();
    assert_eq!(*launch.0.lock(), [format!("GET {page} "), format!("POST {report} canary")]);
    assert!(application.seen.lock().is_empty());
    assert!(gateway.journal().list_entries().is_empty(), "neither the address nor a report is kept");

    // At any other host, too: there is no address by which a report could leave the computer.
    let other = Application::start_tls(&company, Shown::Good).await;
    let elsewhere = route.to_url(&other.https("/").parse().unwrap(), "/cookies");
    assert!(client.get(elsewhere).send().await.unwrap().text().await.unwrap().contains("Signing in"));
    assert!(other.seen.lock().is_empty());
    // A longer name is not the route's.
    assert_eq!(client.get(format!("{page}x")).send().await.unwrap().status(), StatusCode::OK);
    assert_eq!((application.seen.lock().len(), launch.0.lock().len()), (1, 3));
}

//! The launch page: answered by the gateway, at the application's origin, and by nobody else.

use std::sync::Arc;

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

impl LaunchResponder for Launch {
    fn answer(&self, request: Request<Bytes>) -> Response<Bytes> {
        let body = String::from_utf8_lossy(request.body()).into_owned();
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
    let route = LaunchRoute::create(vec![origin.origin()], launch.clone()).unwrap();
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

    // The same path elsewhere is the other application's, and a longer name is not the route's.
    let other = Application::start_tls(&company, Shown::Good).await;
    let elsewhere = route.to_url(&other.https("/").parse().unwrap(), "");
    assert_eq!(client.get(elsewhere).send().await.unwrap().status(), StatusCode::OK);
    assert_eq!(client.get(format!("{page}x")).send().await.unwrap().status(), StatusCode::OK);
    assert_eq!((other.seen.lock().len(), application.seen.lock().len()), (1, 1));
    assert_eq!(launch.0.lock().len(), 2);
}

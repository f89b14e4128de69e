//! Another program on the computer gets nothing from a gateway.

use http::StatusCode;
use tokio::process::Command;

use crate::application::{Application, Company, Shown};
use crate::session::{client, start_gateway};

#[tokio::test]
async fn a_client_without_the_credentials_reaches_nothing() {
    let company = Company::found("Example");
    let application = Application::start_tls(&company, Shown::Good).await;
    let plain = Application::start_plain().await;
    let gateway = start_gateway(&company).await;
    let at = gateway.address();
    for proxy in [format!("socks5h://{at}"), format!("socks5h://session:guess@{at}"), format!("http://{at}")]
    {
        let client = client(&gateway, &proxy);
        assert!(client.get(application.https("/page")).send().await.is_err(), "{proxy}");
    }
    let asked = client(&gateway, &format!("http://session:guess@{at}"))
        .get(plain.http("/page"))
        .send()
        .await
        .unwrap();
    assert_eq!(asked.status(), StatusCode::PROXY_AUTHENTICATION_REQUIRED);
    // As a web page would that guessed the port.
    let direct = reqwest::get(format!("http://{at}/")).await.unwrap();
    assert_eq!(direct.status(), StatusCode::PROXY_AUTHENTICATION_REQUIRED);
    assert!(application.seen.lock().is_empty() && plain.seen.lock().is_empty());
    assert!(gateway.journal().list_entries().is_empty());
}

#[tokio::test]
async fn another_process_reaches_nothing() {
    let company = Company::found("Example");
    let application = Application::start_plain().await;
    let gateway = start_gateway(&company).await;
    for proxy in [format!("http://{}", gateway.address()), format!("socks5h://{}", gateway.address())] {
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--fail", "--proxy", &proxy, &application.http("/page")]);
        let output = curl.output().await.expect("curl is installed");
        assert!(!output.status.success() && output.stdout.is_empty(), "{proxy}");
    }
    assert!(application.seen.lock().is_empty());
}

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
    let port = gateway.address().port();
    // A shell needs no program to talk to a port.
    let ask = async |request: String| {
        let script = format!("exec 3<>/dev/tcp/127.0.0.1/{port}; printf '{request}' >&3; head -c 12 <&3");
        Command::new("bash").args(["-c", &script]).output().await.expect("bash is installed").stdout
    };
    let url = application.http("/page");
    assert_eq!(ask(format!(r"GET {url} HTTP/1.1\r\nConnection: close\r\n\r\n")).await, b"HTTP/1.1 407");
    // No authentication is offered, and none is taken.
    assert_eq!(ask(r"\x05\x01\x00".into()).await, [5, 0xff]);
    assert!(application.seen.lock().is_empty());
}

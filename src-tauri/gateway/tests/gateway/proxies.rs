//! A company's proxy between the gateway and the application. Another gateway plays it: it takes SOCKS5 and HTTP, and
//! wants credentials.

use http::StatusCode;
use secrecy::ExposeSecret as _;
use understudy_gateway::{Gateway, GatewayConfig, OutboundProxy};

use crate::application::{Application, Company, Shown};
use crate::session::{config, start_gateway, webkit};

fn through(proxy: &str) -> OutboundProxy {
    OutboundProxy::from_url(&proxy.parse().expect("a URL")).expect("a proxy")
}

async fn start_behind(company_proxy: &Gateway, proxy: &str) -> Gateway {
    let config = GatewayConfig {
        extra_roots: vec![company_proxy.authority_certificate().to_vec()],
        proxy: Some(through(proxy)),
        ..config(&Company::found("Example"))
    };
    Gateway::start(config).await.expect("a gateway")
}

#[tokio::test]
async fn the_proxy_of_the_company_is_the_way_out() {
    let company = Company::found("Example");
    let secure = Application::start_tls(&company, Shown::Good).await;
    let plain = Application::start_plain().await;
    let proxy = start_gateway(&company).await;
    let password = proxy.password().expose_secret();
    for scheme in ["http", "socks5"] {
        let url = format!("{scheme}://session:{password}@{}", proxy.address());
        let gateway = start_behind(&proxy, &url).await;
        for url in [secure.https("/page"), plain.http("/page")] {
            let answer = webkit(&gateway).get(&url).send().await.unwrap();
            assert_eq!(
                (answer.status(), answer.text().await.unwrap().as_str()),
                (StatusCode::OK, "the application")
            );
        }
        let seen = plain.seen.lock().pop().unwrap();
        assert!(!seen.headers.contains_key("proxy-authorization"), "{scheme}");
    }
    assert_eq!(proxy.journal().list_entries().len(), 4);
}

#[tokio::test]
async fn a_proxy_that_gives_no_way_is_named() {
    let company = Company::found("Example");
    let secure = Application::start_tls(&company, Shown::Good).await;
    let plain = Application::start_plain().await;
    let proxy = start_gateway(&company).await;
    let at = proxy.address();
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    for (url, expected) in [
        (
            format!("http://session:wrong@{at}"),
            format!("The proxy {at} requires a valid user name and password."),
        ),
        (
            format!("socks5://session:wrong@{at}"),
            format!("The proxy {at} requires a valid user name and password."),
        ),
        (format!("socks5://{at}"), format!("The proxy {at} requires a valid user name and password.")),
        (format!("http://{closed}"), format!("The proxy {closed} can't be reached.")),
        (format!("socks5://{closed}"), format!("The proxy {closed} can't be reached.")),
    ] {
        let gateway = start_behind(&proxy, &url).await;
        for page in [secure.https("/page"), plain.http("/page")] {
            let answer = webkit(&gateway).get(&page).send().await.unwrap();
            assert_eq!(answer.status(), StatusCode::BAD_GATEWAY);
            let text = answer.text().await.unwrap();
            assert!(text.contains(&expected), "{url} {page}: {text}");
            assert!(!text.contains("wrong"), "{text}");
        }
    }
}

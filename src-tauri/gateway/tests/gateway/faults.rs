//! What a page sees where the application cannot be reached, and why.

use http::StatusCode;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;
use understudy_gateway::{Gateway, RequestOutcome};

use crate::application::{Application, Company, Shown};
use crate::session::{start_gateway, webkit};

/// What `openssl req -x509` makes is the server's and an authority's certificate in one. To name it as an authority helps
/// browsers, and so people try it.
#[tokio::test]
async fn a_certificate_made_as_an_authority_is_explained() {
    let company = Company::found("Example");
    let application = Application::start_tls(&company, Shown::CompanyItself).await;
    let gateway = start_gateway(&company).await;
    let request = webkit(&gateway).get(application.https("/page")).header("sec-fetch-dest", "iframe");
    let page = request.send().await.unwrap().text().await.unwrap();
    assert!(
        page.contains("The certificate of localhost is meant for an authority, not for a server."),
        "{page}"
    );
    assert!(page.contains("<code>-addext basicConstraints=CA:FALSE</code>"), "{page}");
}

/// The sentence that a page shows, a script reads and the journal keeps.
async fn fail(gateway: &Gateway, url: &str) -> (StatusCode, String) {
    let request = webkit(gateway)
        .get(url)
        .header("accept", "application/json")
        .header("origin", "https://other.example");
    let answer = request.send().await.unwrap();
    assert!(
        !answer.headers().contains_key("access-control-allow-origin"),
        "a foreign page could look around"
    );
    let status = answer.status();
    let answer: serde_json::Value = answer.json().await.unwrap();
    let message = answer["message"].as_str().unwrap().to_owned();
    let newest = gateway.journal().list_entries().pop().unwrap();
    assert_eq!(newest.outcome, RequestOutcome::Failed { reason: message.clone() });
    assert!(newest.elapsed_ms.is_some());
    (status, message)
}

#[tokio::test]
async fn a_certificate_that_does_not_verify_is_never_accepted() {
    let company = Company::found("Example");
    let gateway = start_gateway(&company).await;
    for (shown, why) in [
        (Shown::Expired, "has expired"),
        (Shown::NotYetValid, "is not valid yet"),
        (Shown::OtherName, "is for another name"),
        (Shown::SelfSigned, "comes from an authority that this computer does not trust"),
        (Shown::AuthorityAsServer, "is meant for an authority, not for a server"),
        (Shown::CompanyItself, "is meant for an authority, not for a server"),
    ] {
        let application = Application::start_tls(&company, shown).await;
        let (status, message) = fail(&gateway, &application.https("/page?token=canary")).await;
        assert_eq!(
            (status, message),
            (StatusCode::BAD_GATEWAY, format!("The certificate of localhost {why}."))
        );
        assert!(application.seen.lock().is_empty(), "{why}");
    }
    for (name, why) in [
        ("Other", "comes from an authority that this computer does not trust"),
        ("Example", "was not signed by the authority that it names"),
    ] {
        let strangers = Application::start_tls(&Company::found(name), Shown::Good).await;
        let (_, message) = fail(&gateway, &strangers.https("/page")).await;
        assert_eq!(message, format!("The certificate of localhost {why}."));
    }
}

#[tokio::test]
async fn a_server_that_cannot_be_reached_is_told_with_the_cause() {
    let company = Company::found("Example");
    let gateway = start_gateway(&company).await;
    let (_, message) = fail(&gateway, "https://no-such-host.invalid/").await;
    assert_eq!(message, "The name no-such-host.invalid can't be resolved.");

    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let (_, message) = fail(&gateway, &format!("https://{closed}/")).await;
    assert_eq!(message, format!("{closed} refuses connections."));

    let (_, message) =
        fail(&gateway, &format!("http://{}/", answer_with(b"220 mail.example ESMTP\r\n").await)).await;
    assert!(message.ends_with("answered with something that is not HTTP."), "{message}");
    let (_, message) = fail(&gateway, &format!("http://{}/", answer_with(b"").await)).await;
    assert!(message.ends_with("closed the connection before it had answered."), "{message}");
    let plain = Application::start_plain().await;
    let (_, message) = fail(&gateway, &format!("https://{}/", plain.address)).await;
    assert!(message.contains("No TLS connection to"), "{message}");
}

async fn answer_with(answer: &'static [u8]) -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = tokio::io::AsyncReadExt::read(&mut stream, &mut [0; 1024]).await;
            let _ = stream.write_all(answer).await;
        }
    });
    address
}

#[tokio::test]
async fn a_person_gets_a_page_that_can_be_tried_again() {
    let company = Company::found("Example");
    let gateway = start_gateway(&company).await;
    let request = webkit(&gateway).get("https://no-such-host.invalid/a?b").header("sec-fetch-dest", "iframe");
    let page = request.send().await.unwrap();
    assert_eq!(page.headers()["cache-control"], "no-store");
    let page = page.text().await.unwrap();
    assert!(
        page.contains("<h1>The application's address is unknown</h1>".replace('\'', "&#39;").as_str()),
        "{page}"
    );
    assert!(page.contains("<a href=\"\">Try again</a>"));
}

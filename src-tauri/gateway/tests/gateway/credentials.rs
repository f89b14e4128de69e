//! A gateway in front of the application that wants a password of its own (HTTP Basic).

use http::StatusCode;
use understudy_gateway::fence::SessionMode;
use understudy_gateway::{Gateway, GatewayConfig, HostCredentials};
use url::Url;

use crate::application::{Application, Company, Shown};
use crate::session::{config, rules, start_gateway, webkit};

fn credentials(application: &Application, password: &str) -> Vec<HostCredentials> {
    let origin = application.https("/").parse::<Url>().unwrap().origin();
    vec![HostCredentials { origin, user: "gate".into(), password: password.to_owned().into() }]
}

#[tokio::test]
async fn a_gateway_in_front_gets_its_password_and_no_one_else_does() {
    let company = Company::found("Example");
    let application = Application::start_tls(&company, Shown::Good).await;
    let other = Application::start_tls(&company, Shown::Good).await;
    let gateway = start_gateway(&company).await;
    let client = webkit(&gateway);
    let load = async |url: String| client.get(url).send().await.unwrap().status();
    assert_eq!(load(application.https("/guarded")).await, StatusCode::UNAUTHORIZED);
    gateway.set_credentials(credentials(&application, "canary"));
    assert_eq!(load(application.https("/guarded")).await, StatusCode::OK);
    let posted = client.post(application.https("/guarded")).body("a=1").send().await.unwrap();
    assert_eq!(posted.status(), StatusCode::OK);
    assert_eq!(load(other.https("/guarded")).await, StatusCode::UNAUTHORIZED);
    assert!(!other.seen.lock()[0].headers.contains_key("authorization"));

    // The application's own token goes first, and only gives way to a challenge.
    application.seen.lock().clear();
    let with_token = |path| client.get(application.https(path)).bearer_auth("own");
    assert_eq!(with_token("/page").send().await.unwrap().status(), StatusCode::OK);
    assert_eq!(with_token("/guarded").send().await.unwrap().status(), StatusCode::OK);
    let sent: Vec<_> =
        application.seen.lock().iter().map(|seen| seen.headers["authorization"].clone()).collect();
    assert_eq!(sent, ["Bearer own", "Bearer own", "Basic Z2F0ZTpjYW5hcnk="]);
    let with_body =
        client.post(application.https("/guarded")).bearer_auth("own").body("a=1").send().await.unwrap();
    assert_eq!(with_body.status(), StatusCode::UNAUTHORIZED, "a body can't be sent twice");

    let journal = format!("{:?}", gateway.journal().list_entries());
    assert!(!journal.contains("canary") && !journal.contains("Z2F0ZTpjYW5hcnk"), "{journal}");
}

#[tokio::test]
async fn a_challenge_never_reaches_the_window() {
    let company = Company::found("Example");
    let application = Application::start_tls(&company, Shown::Good).await;
    let rules = understudy_gateway::fence::FenceRules {
        application: vec![application.https("/").parse::<Url>().unwrap().origin()],
        ..rules(SessionMode::Full)
    };
    let config = GatewayConfig { rules, credentials: credentials(&application, "wrong"), ..config(&company) };
    let gateway = Gateway::start(config).await.unwrap();
    let client = webkit(&gateway);
    let load = async |path: &str, destination: &str| {
        let request = client.get(application.https(path)).header("sec-fetch-dest", destination);
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
        let challenge = answer.headers().get("www-authenticate").cloned();
        (challenge, answer.text().await.unwrap())
    };
    for destination in ["document", "empty"] {
        let (challenge, text) = load("/guarded", destination).await;
        assert_eq!(challenge.unwrap(), "Bearer realm=\"app\"", "a script may want to know");
        assert!(text.contains("Staff only"), "the application's own words");
    }
    let (_, text) = load("/guarded?silent", "empty").await;
    assert_eq!(text, "");
    let (challenge, text) = load("/guarded?silent", "document").await;
    assert!(
        challenge.is_none() && text.contains("localhost does not accept the user name and password"),
        "{text}"
    );
    assert!(!text.contains("wrong") && !text.contains("gate:"), "{text}");
    gateway.set_credentials(Vec::new());
    let (_, text) = load("/guarded?silent", "document").await;
    assert!(text.contains("localhost wants a user name and a password before it answers."), "{text}");
}

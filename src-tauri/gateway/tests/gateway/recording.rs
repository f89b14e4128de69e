//! What the journal keeps of a session's requests, for evidence.

use url::Url;

use crate::application::{Application, Company};
use crate::session::{config, webkit};
use understudy_gateway::{Gateway, GatewayConfig};

/// Another site's content is none of a helpdesk's business, nor of the application's developers.
#[tokio::test]
async fn bodies_are_kept_of_the_applications_own_origins_alone() {
    let company = Company::found("Example");
    let (application, other) = (Application::start_plain().await, Application::start_plain().await);
    let mut config: GatewayConfig = config(&company);
    config.rules.application = vec![Url::parse(&application.http("/")).unwrap().origin()];
    let gateway = Gateway::start(config).await.unwrap();
    let client = webkit(&gateway);
    for site in [&application, &other] {
        let asked = client.post(site.http("/echo")).header("content-type", "application/json");
        let answer = asked.body(r#"{"order":"canary"}"#).send().await.unwrap();
        assert_eq!(answer.text().await.unwrap(), r#"{"order":"canary"}"#);
        let page = client.get(site.http("/gzip")).send().await.unwrap();
        page.bytes().await.unwrap();
        let pieces = client.post(site.http("/dialogue")).body("said").send().await.unwrap();
        assert_eq!(pieces.text().await.unwrap(), "SAID");
    }
    let exchanges = gateway.journal().list_exchanges(100);
    let [posted, _, pieces, elsewhere @ ..] = &exchanges[..] else { panic!("{exchanges:?}") };
    let said = posted.request.body.as_ref().expect("it is JSON");
    assert_eq!((said.text.as_str(), said.is_cut), (r#"{"order":"•••"}"#, false));
    assert_eq!(pieces.response.body.as_ref().expect("it is text").text, "SAID");
    assert_eq!(elsewhere.len(), 3);
    for exchange in elsewhere {
        assert!(exchange.request.body.is_none() && exchange.response.body.is_none(), "{exchange:?}");
        // That it was asked, and what it answered, is known all the same.
        assert!(!exchange.request.headers.is_empty() && !exchange.response.headers.is_empty());
    }
}

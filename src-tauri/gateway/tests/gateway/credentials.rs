//! Hosts that want a password of their own (HTTP Basic and Digest), and an operator who is asked for it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::StatusCode;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::sync::mpsc::UnboundedSender;
use understudy_gateway::fence::{FenceRules, HostPattern, SessionMode};
use understudy_gateway::{
    Gateway, GatewayConfig, HeldBack, HostCredentials, JournalEntry, PasswordQuestion, SessionObserver,
};
use url::Url;

use crate::application::{Application, Company, Shown};
use crate::session::{config, rules, send_in_pieces, start_gateway, webkit};

fn credentials(application: &Application, password: &str) -> Vec<HostCredentials> {
    let origin = application.https("/").parse::<Url>().unwrap().origin();
    let password = password.to_owned().into();
    vec![HostCredentials { origin, user: "gate".into(), password, is_sent_unasked: true }]
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
    assert_eq!(with_body.status(), StatusCode::OK, "a short body is sent twice");

    let journal = format!("{:?}", gateway.journal().list_entries());
    assert!(!journal.contains("canary") && !journal.contains("Z2F0ZTpjYW5hcnk"), "{journal}");
}

#[tokio::test]
async fn a_page_has_no_spelling_for_the_mode() {
    let company = Company::found("Example");
    let application = Application::start_tls(&company, Shown::Good).await;
    let rules = FenceRules {
        application: vec![application.https("/").parse::<Url>().unwrap().origin()],
        ..rules(SessionMode::ReadOnly)
    };
    let gateway = Gateway::start(GatewayConfig { rules, ..config(&company) }).await.unwrap();
    let request = webkit(&gateway).get(application.https("/page"));
    let request = request.header("x_understudy_mode", "full").header("x-understudy_mode", "full");
    request.send().await.unwrap();
    let seen = application.seen.lock().pop().unwrap();
    let modes =
        seen.headers.iter().filter(|(name, _)| name.as_str().replace('_', "-") == "x-understudy-mode");
    assert_eq!(modes.map(|(_, mode)| mode).collect::<Vec<_>>(), ["read-only"]);
}

#[tokio::test]
async fn a_challenge_never_reaches_the_window() {
    let company = Company::found("Example");
    let application = Application::start_tls(&company, Shown::Good).await;
    let rules = FenceRules {
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

#[tokio::test]
async fn a_digest_is_answered_and_later_sent_at_once() {
    let company = Company::found("Example");
    let application = Application::start_tls(&company, Shown::Good).await;
    let gateway = start_gateway(&company).await;
    gateway.set_credentials(credentials_when_asked(&application));
    let client = webkit(&gateway);
    let sent = |application: &Application| {
        let mut seen = application.seen.lock();
        let sent = |seen: &crate::application::Seen| {
            let header = seen.headers.get("authorization").map(|it| it.to_str().unwrap().to_owned());
            let nonce = |header: String| Some(header.split_once("nonce=\"")?.1.split('"').next()?.to_owned());
            header.and_then(nonce)
        };
        seen.drain(..).map(|seen| sent(&seen).unwrap_or_default()).collect::<Vec<_>>()
    };
    let load = async |path: &str| client.get(application.https(path)).send().await.unwrap().status();
    assert_eq!(load("/digest?a=b%20c").await, StatusCode::OK);
    assert_eq!(sent(&application), ["", "one"]);
    assert_eq!(load("/digest/below").await, StatusCode::OK);
    assert_eq!(sent(&application), ["one"], "the second request needs no question");
    let posted = client.post(application.https("/digest")).body("a=1").send().await.unwrap();
    assert_eq!((posted.status(), posted.text().await.unwrap()), (StatusCode::OK, "a=1".into()));
    assert_eq!(sent(&application), ["one", "two"], "a nonce that is too old is replaced");
}

#[tokio::test]
async fn a_body_that_is_too_long_is_not_sent_twice_and_that_is_said() {
    let company = Company::found("Example");
    let application = Application::start_tls(&company, Shown::Good).await;
    let gateway = start_gateway(&company).await;
    gateway.set_credentials(credentials_when_asked(&application));
    let client = webkit(&gateway);
    let body = "x".repeat(3 << 20);
    let post = || {
        client.post(application.https("/digest/late")).header("sec-fetch-dest", "iframe").body(body.clone())
    };
    let refused = post().send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    let page = refused.text().await.unwrap();
    assert!(page.contains("The request was not sent again") && page.contains("Send it once more"), "{page}");
    assert_eq!(post().send().await.unwrap().text().await.unwrap().len(), body.len());
}

/// A server that asks for a password at once, reads the body of that request to its end all the same, and tells how long
/// it was. Whoever comes with a password gets `ok` as soon as its head is there.
async fn serve_impatiently(told: UnboundedSender<(bool, usize)>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let told = told.clone();
            tokio::spawn(async move {
                let (mut got, mut head) = (Vec::new(), None);
                loop {
                    let read = stream.read_buf(&mut got).await.unwrap_or(0);
                    let end = got.windows(4).position(|it| it == b"\r\n\r\n");
                    if let Some(end) = end.filter(|_| head.is_none()) {
                        let text = String::from_utf8_lossy(&got[..end]).to_ascii_lowercase();
                        let knows = text.contains("authorization: ");
                        head = Some((knows, end + 4));
                        let asks = "HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm=\"x\"\r\nContent-Length: 2\r\n\r\nno";
                        let answers = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
                        let said = if knows { answers } else { asks };
                        stream.write_all(said.as_bytes()).await.unwrap();
                    }
                    let Some((knows, begin)) = head else { continue };
                    let body = &got[begin..];
                    if read == 0 || body.ends_with(b"END") || body.ends_with(b"0\r\n\r\n") || knows {
                        let _ = told.send((knows, body.len()));
                        return;
                    }
                }
            });
        }
    });
    address
}

#[tokio::test]
async fn a_body_that_grew_too_long_while_the_operator_was_asked_is_not_sent_in_part() {
    let company = Company::found("Example");
    let piece: &'static str = "x".repeat(64 << 10).leak();
    for is_length_known in [false, true] {
        let (told, mut heard) = tokio::sync::mpsc::unbounded_channel();
        let address = serve_impatiently(told).await;
        let operator = Arc::new(Operator::default());
        let gateway = operator.attend(&company).await;
        let (pieces, body) = send_in_pieces();
        let mut request = webkit(&gateway)
            .post(format!("http://localhost:{}/upload", address.port()))
            .header("sec-fetch-dest", "empty")
            .header("sec-fetch-site", "same-origin");
        if is_length_known {
            request = request.header("content-length", (piece.len() * 40 + 3).to_string());
        }
        let sending = tokio::spawn(request.body(body).send());
        pieces.send(piece).unwrap();
        let question = operator.wait_for_question(&gateway).await;
        for _ in 1..40 {
            pieces.send(piece).unwrap();
        }
        pieces.send("END").unwrap();
        drop(pieces);
        let (knew, length) = heard.recv().await.unwrap();
        assert!(!knew && length >= piece.len() * 40, "the server has read it all: {length}");
        gateway.enter_password(question.number, "gate".into(), "canary".into());
        let answer = sending.await.unwrap().unwrap();
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
        let page = answer.text().await.unwrap();
        assert!(page.contains("The request was not sent again"), "{page}");
        drop(gateway);
        assert!(heard.try_recv().is_err(), "no second request");
    }
}

fn credentials_when_asked(application: &Application) -> Vec<HostCredentials> {
    credentials(application, "canary")
        .into_iter()
        .map(|known| HostCredentials { is_sent_unasked: false, ..known })
        .collect()
}

/// Tells when the questions change.
#[derive(Default)]
struct Operator(Notify);

impl SessionObserver for Operator {
    fn on_held_back(&self, _: &JournalEntry, _: &HeldBack) {}

    fn on_password_question(&self) {
        self.0.notify_one();
    }
}

impl Operator {
    /// A gateway that may ask this operator.
    async fn attend(self: &Arc<Self>, company: &Company) -> Gateway {
        let observer = Arc::clone(self) as Arc<dyn SessionObserver>;
        let open_hosts = vec![HostPattern::parse("localhost").unwrap()];
        let rules = FenceRules { open_hosts, ..rules(SessionMode::Full) };
        let gateway = Gateway::start(GatewayConfig { observer, rules, ..config(company) }).await.unwrap();
        gateway.set_asks_for_passwords(true);
        gateway
    }

    async fn wait_for_question(&self, gateway: &Gateway) -> PasswordQuestion {
        loop {
            let told = self.0.notified();
            if let Some(question) = gateway.password_question() {
                return question;
            }
            told.await;
        }
    }

    async fn wait_until_gone(&self, gateway: &Gateway) {
        loop {
            let told = self.0.notified();
            if gateway.password_question().is_none() {
                return;
            }
            told.await;
        }
    }
}

/// A page of the application, or what a script of it fetches.
fn load(gateway: &Gateway, url: String, destination: &str) -> tokio::task::JoinHandle<(StatusCode, String)> {
    let request = webkit(gateway)
        .get(url)
        .header("sec-fetch-dest", destination)
        .header("sec-fetch-site", "same-origin");
    tokio::spawn(async move {
        let answer = request.send().await.unwrap();
        (answer.status(), answer.text().await.unwrap())
    })
}

#[tokio::test]
async fn an_operator_is_asked_once_for_all_requests_and_again_after_a_wrong_password() {
    let company = Company::found("Example");
    let application = Application::start_tls(&company, Shown::Good).await;
    let operator = Arc::new(Operator::default());
    let gateway = operator.attend(&company).await;
    for path in ["/guarded", "/digest"] {
        let pages: Vec<_> = ["document", "iframe", "empty"]
            .map(|destination| load(&gateway, application.https(path), destination))
            .into();
        let first = operator.wait_for_question(&gateway).await;
        let host = format!("localhost:{}", application.address.port());
        assert_eq!((first.host.as_str(), first.is_encrypted, &first.refused_user), (&*host, true, &None));
        assert_eq!(first.sends_password, path == "/guarded");
        assert_eq!(first.realm, if path == "/guarded" { "staging" } else { "guard" });
        assert!(gateway.enter_password(first.number, "gate".into(), "wrong".into()));
        assert!(!gateway.enter_password(first.number, "gate".into(), "canary".into()), "answered already");
        let again = operator.wait_for_question(&gateway).await;
        assert_eq!(again.refused_user.as_deref(), Some("gate"));
        assert!(gateway.enter_password(again.number, "gate".into(), "canary".into()));
        for page in pages {
            assert_eq!(page.await.unwrap().0, StatusCode::OK);
        }
        assert_eq!(gateway.password_question(), None, "one answer for all");
        application.seen.lock().clear();
        assert_eq!(load(&gateway, application.https(path), "empty").await.unwrap().0, StatusCode::OK);
        assert_eq!(application.seen.lock().len(), 1, "later requests need no question");
    }
    let other = Application::start_tls(&company, Shown::Good).await;
    let elsewhere = load(&gateway, other.https("/guarded"), "document");
    let question = operator.wait_for_question(&gateway).await;
    assert_eq!(question.refused_user, None, "another origin is another question");
    assert!(other.seen.lock().iter().all(|seen| !seen.headers.contains_key("authorization")));
    gateway.decline_password(question.number);
    assert_eq!(elsewhere.await.unwrap().0, StatusCode::UNAUTHORIZED);
    let journal = format!("{:?}", gateway.journal().list_entries());
    assert!(!journal.contains("canary") && !journal.contains("Z2F0ZTpjYW5hcnk"), "{journal}");
}

#[tokio::test]
async fn a_declined_question_gives_the_servers_own_answer_and_waits_for_the_next_page() {
    let company = Company::found("Example");
    let application = Application::start_tls(&company, Shown::Good).await;
    let operator = Arc::new(Operator::default());
    let gateway = operator.attend(&company).await;
    let page = load(&gateway, application.https("/guarded"), "document");
    let question = operator.wait_for_question(&gateway).await;
    assert!(gateway.decline_password(question.number));
    let (status, text) = page.await.unwrap();
    assert!(status == StatusCode::UNAUTHORIZED && text.contains("Staff only"), "{text}");
    // A script that asks every few seconds must not ask the operator every few seconds.
    let (status, _) = load(&gateway, application.https("/guarded"), "empty").await.unwrap();
    assert_eq!((status, gateway.password_question()), (StatusCode::UNAUTHORIZED, None));
    let page = load(&gateway, application.https("/guarded"), "document");
    let question = operator.wait_for_question(&gateway).await;
    // The window leads elsewhere: no one waits any longer.
    page.abort();
    operator.wait_until_gone(&gateway).await;
    assert!(!gateway.enter_password(question.number, "gate".into(), "canary".into()));
}

/// A server that answers each request with what `write_answer` makes of its number and its head, in lower case.
async fn serve_answers(write_answer: fn(usize, &str) -> String) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let number = Arc::new(AtomicUsize::new(0));
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let number = Arc::clone(&number);
            tokio::spawn(async move {
                let mut got = Vec::new();
                while stream.read_buf(&mut got).await.is_ok_and(|read| read > 0) {
                    if got.ends_with(b"\r\n\r\n") {
                        let head = String::from_utf8_lossy(&got).to_ascii_lowercase();
                        let answer = write_answer(number.fetch_add(1, Ordering::Relaxed), &head);
                        stream.write_all(answer.as_bytes()).await.unwrap();
                        got.clear();
                    }
                }
            });
        }
    });
    address
}

/// Asks for a password in a realm that no answer has named before.
async fn serve_new_realms() -> SocketAddr {
    serve_answers(|number, _| {
        format!(
            "HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm=\"{number}\"\r\nContent-Length: 2\r\n\r\nno"
        )
    })
    .await
}

#[tokio::test]
async fn a_script_of_another_origin_reads_nothing_behind_the_gateways_password() {
    let company = Company::found("Example");
    let address = serve_answers(|_, head| {
        let allowed = match () {
            () if head.contains("get /named ") => {
                "https://other.example\r\nAccess-Control-Allow-Credentials: true"
            }
            () if head.contains("get /echoed ") => "https://other.example",
            () => "*",
        };
        let status = if head.contains("authorization: basic") {
            "200 OK"
        } else {
            "401 No\r\nWWW-Authenticate: Basic realm=\"x\""
        };
        format!(
            "HTTP/1.1 {status}\r\nAccess-Control-Allow-Origin: {allowed}\r\nContent-Length: 6\r\n\r\nsecret"
        )
    })
    .await;
    let url = format!("http://localhost:{}", address.port());
    let own = url.parse::<Url>().unwrap().origin();
    let page = "https://app.example".parse::<Url>().unwrap().origin();
    let rules = FenceRules { application: vec![page], ..rules(SessionMode::Full) };
    let gateway = Gateway::start(GatewayConfig { rules, ..config(&company) }).await.unwrap();
    let is_allowed = async |path: &str, origin: &str| {
        let request = webkit(&gateway).get(format!("{url}{path}")).header("origin", origin);
        let answer = request.header("sec-fetch-mode", "cors").send().await.unwrap();
        (answer.status(), answer.headers().contains_key("access-control-allow-origin"))
    };
    assert_eq!(
        is_allowed("/", "https://other.example").await,
        (StatusCode::UNAUTHORIZED, true),
        "no password"
    );
    gateway.set_credentials(vec![HostCredentials {
        origin: own,
        user: "gate".into(),
        password: "canary".to_owned().into(),
        is_sent_unasked: false,
    }]);
    for (path, origin, allowed) in [
        ("/", "https://other.example", false),
        ("/", "null", false),
        ("/echoed", "https://other.example", false),
        ("/named", "https://other.example", true),
        ("/", "https://app.example", true),
        ("/", url.as_str(), true),
    ] {
        assert_eq!(is_allowed(path, origin).await, (StatusCode::OK, allowed), "{path} from {origin}");
    }
}

#[tokio::test]
async fn a_declined_host_asks_in_no_other_realm_before_the_next_page() {
    let company = Company::found("Example");
    let url = format!("http://localhost:{}/ad", serve_new_realms().await.port());
    let operator = Arc::new(Operator::default());
    let gateway = operator.attend(&company).await;
    let loads = ["iframe", "empty", "iframe"].map(|destination| load(&gateway, url.clone(), destination));
    let question = operator.wait_for_question(&gateway).await;
    assert!(gateway.decline_password(question.number));
    for load in loads {
        assert_eq!(load.await.unwrap().0, StatusCode::UNAUTHORIZED, "also those that waited in other realms");
    }
    for _ in 0..3 {
        let frame = load(&gateway, url.clone(), "iframe").await.unwrap();
        assert_eq!((frame.0, gateway.password_question()), (StatusCode::UNAUTHORIZED, None));
    }
    let page = load(&gateway, url, "document");
    let question = operator.wait_for_question(&gateway).await;
    assert!(gateway.decline_password(question.number));
    page.await.unwrap();
}

#[tokio::test]
async fn frames_of_other_sites_ask_once_for_each_page() {
    let company = Company::found("Example");
    let urls = [serve_new_realms().await, serve_new_realms().await]
        .map(|address| format!("http://localhost:{}/ad", address.port()));
    let operator = Arc::new(Operator::default());
    let gateway = operator.attend(&company).await;
    let frame = |url: &str| {
        let request = webkit(&gateway).get(url).header("sec-fetch-dest", "iframe");
        let request = request.header("sec-fetch-site", "cross-site");
        tokio::spawn(async move { request.send().await.unwrap().status() })
    };
    let first = frame(&urls[0]);
    let question = operator.wait_for_question(&gateway).await;
    for url in &urls {
        assert_eq!(frame(url).await.unwrap(), StatusCode::UNAUTHORIZED, "while the first waits");
    }
    assert_eq!(gateway.password_question().as_ref(), Some(&question));
    gateway.decline_password(question.number);
    assert_eq!(first.await.unwrap(), StatusCode::UNAUTHORIZED);
    assert_eq!(frame(&urls[1]).await.unwrap(), StatusCode::UNAUTHORIZED, "after it");
    let page = load(&gateway, urls[0].clone(), "document");
    let question = operator.wait_for_question(&gateway).await;
    gateway.decline_password(question.number);
    page.await.unwrap();
    let again = frame(&urls[1]);
    let question = operator.wait_for_question(&gateway).await;
    gateway.decline_password(question.number);
    assert_eq!(again.await.unwrap(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn no_one_is_asked_before_the_session_is_signed_in_or_after_it_has_ended() {
    let company = Company::found("Example");
    let application = Application::start_tls(&company, Shown::Good).await;
    let operator = Arc::new(Operator::default());
    let gateway = operator.attend(&company).await;
    gateway.set_asks_for_passwords(false);
    let (status, _) = load(&gateway, application.https("/guarded"), "document").await.unwrap();
    assert_eq!((status, gateway.password_question()), (StatusCode::UNAUTHORIZED, None));
    gateway.set_asks_for_passwords(true);
    let _permit = gateway.permit_once(http::Method::GET, application.https("/guarded").parse().unwrap());
    let (status, _) = load(&gateway, application.https("/guarded"), "document").await.unwrap();
    assert_eq!((status, gateway.password_question()), (StatusCode::UNAUTHORIZED, None), "the sign-in's own");
    let page = load(&gateway, application.https("/guarded"), "document");
    operator.wait_for_question(&gateway).await;
    gateway.leave_pages().await;
    operator.wait_until_gone(&gateway).await;
    assert_eq!(page.await.unwrap().0, StatusCode::SERVICE_UNAVAILABLE);
}

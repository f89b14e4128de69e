//! Evidence on its way into a ticket: to helpdesks that take files in different ways, and to one that does not take it.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use parking_lot::Mutex;
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;
use understudy_core::audit::EndCause;
use understudy_core::customer_link::TicketContext;
use understudy_core::error::Code;
use understudy_core::evidence::{ConsoleMessage, EvidenceChoice, MessageLevel, PageCapture, TakenEvidence};
use understudy_core::session::Phase;

use crate::test_console::{Desk, TOKEN};

/// The helpdesk's secret, a canary.
const SECRET: &str = "canary-51c0-helpdesk-token";

/// What came: `POST /uploads`, its headers and its body.
#[derive(Debug, Clone)]
struct Arrived {
    what: String,
    headers: HeaderMap,
    body: String,
}

impl Arrived {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("text"))
    }
}

/// A helpdesk that answers everything in the same way.
struct Helpdesk {
    origin: String,
    arrived: Mutex<Vec<Arrived>>,
    answer: Mutex<(StatusCode, &'static str)>,
}

impl Helpdesk {
    async fn start() -> Arc<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let origin = format!("http://{}", listener.local_addr().expect("an address"));
        let answer = Mutex::new((StatusCode::CREATED, r#"{"upload":{"token":"canary-upload-1"}}"#));
        let helpdesk = Arc::new(Self { origin, arrived: Mutex::default(), answer });
        let routes = Router::new().fallback(receive).with_state(Arc::clone(&helpdesk));
        tokio::spawn(async move { axum::serve(listener, routes).await });
        helpdesk
    }

    fn answer_with(&self, status: StatusCode, body: &'static str) {
        *self.answer.lock() = (status, body);
    }

    fn arrived(&self) -> Vec<Arrived> {
        self.arrived.lock().clone()
    }
}

async fn receive(
    State(helpdesk): State<Arc<Helpdesk>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, &'static str) {
    let body = String::from_utf8(body.to_vec()).expect("text");
    helpdesk.arrived.lock().push(Arrived { what: format!("{method} {uri}"), headers, body });
    *helpdesk.answer.lock()
}

/// A desk whose tickets take evidence by these requests; `ORIGIN` stands for the helpdesk.
async fn desk_with(helpdesk: &Helpdesk, requests: &str) -> Desk {
    let requests = requests.replace("ORIGIN", &helpdesk.origin);
    let desk = Desk::with_connection(|text| {
        let (before, after) =
            text.split_once("[[ticket.evidence]]").expect("the demo's tickets take evidence");
        let (_, after) = after.split_once("\n\n").expect("an empty line follows");
        format!("{before}{requests}\n\n{after}")
    })
    .await;
    desk.store("helpdesk_token", SECRET).await;
    desk
}

/// Evidence of a session for this ticket, in which a page spelt out the sign-in's secret; all of it is chosen.
async fn take_evidence(desk: &mut Desk, ticket: &str) -> (Arc<TakenEvidence>, EvidenceChoice) {
    let user = desk.find("anna").await.remove(0);
    let ticket = TicketContext { ticket: ticket.into(), page: String::new() };
    let begun = desk.console.impersonate_for_ticket("shop", &user.id, "Cannot pay", Map::new(), ticket);
    let session = begun.await.expect("it begins").id;
    desk.until(&session, Phase::Active).await;
    let message = |text: String| ConsoleMessage { at: desk.clock.now_ms(), level: MessageLevel::Error, text };
    let capture = PageCapture {
        picture: Ok(b"a picture".to_vec()),
        whole: None,
        messages: vec![message(format!("Payment failed, token {TOKEN}"))],
        engine: "an engine".into(),
    };
    let taken = desk.console.take_evidence(&session, capture, "1.0.0").await.expect("taken");
    let choice = EvidenceChoice {
        picture: taken.view.picture.clone(),
        requests: taken.view.requests.iter().map(|request| request.number).collect(),
        messages: (0..taken.view.messages.len()).collect(),
        pages: (0..taken.view.pages.len()).collect(),
    };
    (Arc::new(taken), choice)
}

const UPLOAD_THEN_COMMENT: &str = r#"
[[ticket.evidence]]
name     = "the upload"
url      = "ORIGIN/api/v2/uploads.json?filename=evidence.html"
headers  = { authorization = "Bearer {{ secret.helpdesk_token }}", content-type = "text/html" }
encoding = "text"
body     = "{{ evidence.html }}"
capture  = { upload = { json = "/upload/token" } }

[[ticket.evidence]]
name     = "the comment"
url      = "ORIGIN/api/v2/tickets/{{ session.ticket }}.json"
method   = "PUT"
headers  = { authorization = "Bearer {{ secret.helpdesk_token }}" }
body     = { ticket = { comment = { body = "{{ evidence.markdown }}", public = false, uploads = ["{{ captured.upload }}"] } } }
"#;

#[tokio::test]
async fn a_file_is_uploaded_first_and_the_comment_names_it() {
    let helpdesk = Helpdesk::start().await;
    let mut desk = desk_with(&helpdesk, UPLOAD_THEN_COMMENT.trim()).await;
    let (taken, choice) = take_evidence(&mut desk, "4711").await;
    assert_eq!(taken.view.ticket_origin.as_deref(), Some(helpdesk.origin.as_str()));
    assert!(helpdesk.arrived().is_empty(), "nothing leaves before the operator says so");

    desk.console.send_evidence(Arc::clone(&taken), choice).await.expect("sent");
    let arrived = helpdesk.arrived();
    let [upload, comment] = &arrived[..] else { panic!("{arrived:?}") };
    assert_eq!(upload.what, "POST /api/v2/uploads.json?filename=evidence.html");
    assert_eq!(
        (upload.header("content-type"), upload.body.starts_with("<!doctype html>")),
        ("text/html", true)
    );
    assert!(upload.body.contains("Payment failed") && !upload.body.contains(TOKEN), "{}", upload.body);
    assert_eq!(comment.what, "PUT /api/v2/tickets/4711.json");
    let sent: Value = serde_json::from_str(&comment.body).expect("JSON");
    assert_eq!(sent["ticket"]["comment"]["uploads"], json!(["canary-upload-1"]));
    let text = sent["ticket"]["comment"]["body"].as_str().expect("text");
    assert!(text.contains("**Ticket:** `4711`") && !text.contains(TOKEN), "{text}");
    for request in &arrived {
        assert_eq!(request.header("authorization"), format!("Bearer {SECRET}"));
    }
    // A helpdesk would take another request with the same key for the same.
    let key = upload.header("idempotency-key");
    assert!(key.len() == 32 && comment.header("idempotency-key") == format!("{key}-1"), "{arrived:?}");
    // Nothing of it stays on the disk.
    let outbox = desk.home.path().join("data/outbox");
    assert_eq!(std::fs::read_dir(outbox).map_or(0, Iterator::count), 0);
    let session = taken.view.session.id.clone();
    desk.console.end_session(&session, EndCause::Operator).await;
    desk.console.shut_down().await;
}

#[tokio::test]
async fn a_refusal_says_what_to_do_and_the_same_evidence_has_the_same_id_again() {
    let helpdesk = Helpdesk::start().await;
    let request = "[[ticket.evidence]]\nurl = \"ORIGIN/tickets/{{ session.ticket }}/attachments\"\n\
                   headers = { authorization = \"Bearer {{ secret.helpdesk_token }}\" }\nencoding = \"multipart\"\n\
                   body = { public = false, file = { filename = \"{{ evidence.name }}\", type = \"text/html\", \
                   content = \"{{ evidence.html }}\" } }";
    let mut desk = desk_with(&helpdesk, request).await;
    let (taken, choice) = take_evidence(&mut desk, "4711").await;
    let mut told = String::new();
    for (status, hint) in
        [(403, "secret"), (404, "exists"), (413, "too large"), (302, "redirect"), (503, "again")]
    {
        helpdesk.answer_with(StatusCode::from_u16(status).expect("a status"), "");
        let refused =
            desk.console.send_evidence(Arc::clone(&taken), choice.clone()).await.expect_err("refused");
        assert_eq!(refused.code, Code::TicketFailed);
        assert_eq!(refused.message, format!("{} answered with status {status}.", helpdesk.origin));
        assert!(refused.hint.as_deref().is_some_and(|said| said.contains(hint)), "{refused:?}");
        let _ = write!(told, "{refused:?}");
    }
    assert!(!told.contains(SECRET), "{told}");
    helpdesk.answer_with(StatusCode::OK, "");
    desk.console.send_evidence(Arc::clone(&taken), choice.clone()).await.expect("sent");
    let arrived = helpdesk.arrived();
    let keys: Vec<&str> = arrived.iter().map(|request| request.header("idempotency-key")).collect();
    assert!(keys.iter().all(|key| *key == keys[0] && key.len() == 32), "{keys:?}");

    let last = &arrived[5];
    let boundary = last.header("content-type").strip_prefix("multipart/form-data; boundary=").expect("parts");
    let parts: Vec<&str> = last.body.split(&format!("--{boundary}")).collect();
    assert_eq!((parts.len(), parts[0], parts[3]), (4, "", "--\r\n"), "two parts, and the end");
    let file = format!(
        "name=\"file\"; filename=\"{}\"\r\ncontent-type: text/html\r\n\r\n<!doctype html>",
        taken_name(&taken)
    );
    assert!(parts[1..3].iter().any(|part| part.contains(&file)), "{}", last.body);

    // What is dropped from it makes it another one.
    let other = EvidenceChoice { picture: None, ..choice };
    desk.console.send_evidence(taken, other).await.expect("sent");
    assert_ne!(helpdesk.arrived()[6].header("idempotency-key"), keys[0]);
    desk.console.shut_down().await;
}

fn taken_name(taken: &TakenEvidence) -> String {
    taken.file_name(understudy_core::evidence::EvidenceFormat::Html)
}

#[tokio::test]
async fn what_the_file_expects_of_the_answer_counts() {
    let helpdesk = Helpdesk::start().await;
    let request = "[[ticket.evidence]]\nurl = \"ORIGIN/files\"\nbody = { data = \"{{ evidence.base64 }}\" }\n\
                   expect = [201, \"response.json.ok\"]";
    let mut desk = desk_with(&helpdesk, request).await;
    let (taken, choice) = take_evidence(&mut desk, "4711").await;
    helpdesk.answer_with(StatusCode::CREATED, r#"{"ok":false}"#);
    let refused = desk.console.send_evidence(Arc::clone(&taken), choice.clone()).await.expect_err("not ok");
    assert!(refused.message.contains("`response.json.ok` is not true"), "{refused:?}");
    helpdesk.answer_with(StatusCode::CREATED, r#"{"ok":true}"#);
    desk.console.send_evidence(taken, choice).await.expect("sent");
    desk.console.shut_down().await;
}

#[tokio::test]
async fn it_is_sent_only_for_a_ticket_and_only_to_where_the_operator_was_shown() {
    let helpdesk = Helpdesk::start().await;
    let mut desk =
        desk_with(&helpdesk, "[[ticket.evidence]]\nurl = \"ORIGIN/files\"\nbody = \"{{ evidence.html }}\"")
            .await;
    let (taken, choice) = take_evidence(&mut desk, "").await;
    assert_eq!(taken.view.ticket_origin, None, "a session without a ticket");
    desk.console.end_session(&taken.view.session.id, EndCause::Operator).await;
    let refused = desk.console.send_evidence(taken, choice.clone()).await.expect_err("nowhere to go");
    assert_eq!(refused.code, Code::PolicyRefused);

    let (taken, choice) = take_evidence(&mut desk, "4711").await;
    let mut elsewhere = TakenEvidence::clone(&taken);
    elsewhere.view.ticket_origin = Some("https://elsewhere.example".into());
    let refused =
        desk.console.send_evidence(Arc::new(elsewhere), choice.clone()).await.expect_err("another place");
    assert_eq!(refused.code, Code::PolicyRefused);
    assert!(helpdesk.arrived().is_empty());
    desk.console.send_evidence(taken, choice).await.expect("sent");
    assert_eq!(helpdesk.arrived().len(), 1);
    desk.console.shut_down().await;
}

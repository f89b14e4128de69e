//! Forms of Smart Actions: which users they are fetched for, and what becomes of the operator's answers.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::extract::{OriginalUri, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use serde_json::{Map, Value, json};
use understudy_core::audit::{EndCause, Event};
use understudy_core::error::Code;
use understudy_core::home::Home;
use understudy_core::session::Phase;
use understudy_test_support::browser::Shown;

use crate::test_console::{Desk, three_users};

/// `FOREST_AUTH_SECRET`, a canary.
const SECRET: &str = "canary-f0e57-auth-secret-of-32-characters";

/// An admin backend that gives these answers, in this order.
#[derive(Default)]
struct Backend {
    answers: Mutex<VecDeque<(u16, Value)>>,
    received: Mutex<Vec<(String, Value)>>,
}

impl Backend {
    async fn start(answers: impl IntoIterator<Item = (u16, Value)>) -> (Arc<Self>, String) {
        let backend =
            Arc::new(Self { answers: Mutex::new(answers.into_iter().collect()), ..Self::default() });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let origin = format!("http://{}", listener.local_addr().expect("an address"));
        let routes = Router::new().fallback(answer).with_state(Arc::clone(&backend));
        tokio::spawn(async move { axum::serve(listener, routes).await });
        (backend, origin)
    }

    /// Paths with the attributes they were sent.
    fn received(&self) -> Vec<(String, Value)> {
        self.received.lock().expect("no panic").clone()
    }
}

async fn answer(
    State(backend): State<Arc<Backend>>,
    OriginalUri(uri): OriginalUri,
    body: Option<Json<Value>>,
) -> Response {
    let attributes = body.map(|Json(body)| body["data"]["attributes"].clone()).unwrap_or_default();
    backend.received.lock().expect("no panic").push((uri.path().to_owned(), attributes));
    let answer = backend.answers.lock().expect("no panic").pop_front();
    let (status, json) = answer.unwrap_or((404, json!({})));
    (StatusCode::from_u16(status).expect("a status"), Json(json)).into_response()
}

async fn desk(backend: &str, folder: &std::path::Path) -> Desk {
    let users = three_users(folder).await;
    let desk = Desk::with_connection(|_| {
        format!(
            "name = \"Shop\"\nenvironment = \"staging\"\n[directory]\nurl = \"{users}\"\ntable = \"users\"\nid = \"id\"\n\
             email = \"email\"\n[sign_in]\npreset = \"forest-legacy\"\n[sign_in.settings]\napp = \"{backend}\"\n\
             backend = \"{backend}\"\nrendering = \"1\"\noperator = \"1\"\n[sign_in.forest]\nvalues = {{ Team = \"support\" }}\n\
             [policy]\nreason = \"optional\"\nprotect = [\"user.id == 8\"]\n"
        )
    })
    .await;
    desk.keep("forest_auth_secret", SECRET).await;
    desk
}

const LOAD: &str = "/forest/actions/impersonate/hooks/load";
const ACTION: &str = "/forest/actions/impersonate";

#[tokio::test]
async fn a_form_is_fetched_for_one_user_who_is_not_protected() {
    let field = json!({ "field": "Note", "type": "String", "isRequired": true });
    let given_by_the_file = json!({ "field": "Team", "type": "String", "value": "an echo" });
    let form = json!({ "fields": [field, given_by_the_file] });
    let (backend, origin) = Backend::start([(200, form)]).await;
    let folder = tempfile::tempdir().expect("a folder");
    let desk = desk(&origin, folder.path()).await;

    let error = desk.console.sign_in_form("shop", "8", None).await.unwrap_err();
    assert_eq!(error.code, Code::PolicyRefused);
    assert!(backend.received().is_empty(), "nothing was asked");
    assert!(desk.audit().await.read_entries(9).await.expect("readable").is_empty());

    let form = desk.console.sign_in_form("shop", "7", None).await.expect("it is described");
    let asked: Vec<(&str, bool)> =
        form.fields.iter().map(|field| (field.name.as_str(), field.given)).collect();
    assert_eq!(asked, [("Note", false), ("Team", true)], "what the file gives is not asked");
    assert!(!format!("{form:?}").contains("an echo"), "nor is what it holds told");
    let [(path, attributes)] = &backend.received()[..] else { panic!("one request") };
    assert_eq!((path.as_str(), &attributes["ids"]), (LOAD, &json!(["7"])));

    // It was logged for what it was: no one signed in.
    let log = desk.audit().await.read_entries(9).await.expect("readable");
    let [ended, begun] = &log[..] else { panic!("two entries: {log:?}") };
    assert_eq!(begun.event, Event::Begun);
    assert_eq!(ended.event, EndCause::NeverOpened.into());
    assert_eq!((begun.whom.user_id.as_str(), begun.reason.as_str()), ("7", "Asked for the sign-in's form"));
    assert!(desk.console.user_details("shop", "7").await.expect("known").past.is_empty());
    assert!(desk.console.recent_reasons("shop").await.expect("readable").is_empty());
}

#[tokio::test]
async fn no_form_is_fetched_without_an_audit_log() {
    let (backend, origin) = Backend::start([(200, json!({ "fields": [] }))]).await;
    let folder = tempfile::tempdir().expect("a folder");
    let desk = desk(&origin, folder.path()).await;
    let log = Home::in_folder(desk.home.path()).audit_file().expect("a path");
    let other = sqlx::SqlitePool::connect(&format!("sqlite://{}", log.display())).await.expect("opens");
    let made = "CREATE TRIGGER full BEFORE INSERT ON entries BEGIN SELECT RAISE(ABORT, 'no space left'); END";
    sqlx::raw_sql(made).execute(&other).await.expect("made");
    let error = desk.console.sign_in_form("shop", "7", None).await.unwrap_err();
    assert_eq!(error.code, Code::AuditFailed);
    assert!(backend.received().is_empty(), "no entry, no request");
}

#[tokio::test]
async fn a_refused_token_is_distinguished_from_a_missing_form() {
    let refusal = (401, json!({ "error": "nope" }));
    let (_backend, origin) =
        Backend::start([refusal, (404, json!({})), (500, json!({ "message": "boom" }))]).await;
    let folder = tempfile::tempdir().expect("a folder");
    let desk = desk(&origin, folder.path()).await;
    let error = desk.console.sign_in_form("shop", "7", None).await.unwrap_err();
    assert_eq!(error.code, Code::SignInRefused);
    assert_eq!(error.secret.as_ref().map(|secret| secret.name.as_str()), Some("forest_auth_secret"));
    assert!(!format!("{error:?}").contains(SECRET));
    let none = desk.console.sign_in_form("shop", "7", None).await.expect("no form is no fault");
    assert!(none.fields.is_empty());
    let error = desk.console.sign_in_form("shop", "7", None).await.unwrap_err();
    assert!(error.secret.is_none() && error.message.contains("500"), "{error}");
}

#[tokio::test]
async fn form_answers_are_kept_for_retries() {
    let no =
        json!({ "error": "Frozen", "html": "<p>Ask <b>billing</b> first.</p><script>alert(1)</script>" });
    let (backend, origin) = Backend::start([(400, no.clone()), (400, no)]).await;
    let folder = tempfile::tempdir().expect("a folder");
    let mut desk = desk(&origin, folder.path()).await;
    let given = Map::from_iter([("Note".to_owned(), json!("by phone")), ("Team".to_owned(), json!("mine"))]);
    let session = desk.console.impersonate("shop", "7", "ticket 1", given).await.expect("the window opens");
    desk.until(&session.id, Phase::Refused).await;
    let Some(Shown::Refusal(refusal)) = desk.browser.shown(&session.id) else { panic!("a refusal is shown") };
    assert_eq!(refusal.title, "The action refused: Frozen");
    assert_eq!(refusal.excerpt.as_deref(), Some("Ask billing first."));
    assert!(refusal.secrets.is_empty(), "no other secret would help");

    desk.console.retry_session(&session.id).expect("it can be tried again");
    desk.until(&session.id, Phase::Refused).await;
    let received = backend.received();
    assert_eq!(received.len(), 2);
    for (path, attributes) in received {
        assert_eq!(path, ACTION);
        // Values from the file take precedence over the operator's.
        assert_eq!(attributes["values"], json!({ "Note": "by phone", "Team": "support" }));
    }
    desk.console.end_session(&session.id, EndCause::Operator).await;
    let log = desk.audit().await.read_entries(10).await.expect("entries");
    assert!(!format!("{log:?}").contains("by phone"), "the log has the reason, not the form");
}

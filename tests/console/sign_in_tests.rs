//! What the audit log records about a sign-in test: whether the user was signed in, what the application answered, and
//! whether the application may still have the session.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use serde_json::Map;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use understudy_core::audit::{EndCause, Entry, Event};
use understudy_core::error::Code;
use understudy_core::session::Phase;
use understudy_core::settings::Settings;
use understudy_core::sign_in_test::{self, SignInTest, SignInTestReport};
use understudy_test_support::browser::Shown;

use crate::test_console::{Desk, three_users};

/// How the application handles a request.
#[derive(Clone, Copy)]
enum Does {
    Answer(u16),
    /// It closes the connection without an answer.
    Cut,
    /// It accepts the request and never answers.
    Keep,
}

/// An application with scripted answers to login and logout; the signed-in user is always 7.
#[derive(Clone)]
struct Application {
    origin: String,
    /// Notified when it receives a request that it will not answer.
    is_kept: Arc<Notify>,
    /// Notified when whoever sent such a request has gone.
    is_left: Arc<Notify>,
    /// The paths of all requests.
    received: Arc<Mutex<Vec<String>>>,
}

impl Application {
    async fn start(login: Does, logout: Does) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let origin = format!("http://{}", listener.local_addr().expect("an address"));
        let this =
            Self { origin, is_kept: Arc::default(), is_left: Arc::default(), received: Arc::default() };
        let own = this.clone();
        tokio::spawn(async move {
            while let Ok((peer, _)) = listener.accept().await {
                tokio::spawn(serve(peer, login, logout, own.clone()));
            }
        });
        this
    }

    async fn connection(&self, folder: &Path) -> String {
        let (app, users) = (&self.origin, three_users(folder).await);
        format!(
            "name = \"Trial\"\nenvironment = \"staging\"\n[directory]\nurl = \"{users}\"\ntable = \"users\"\n\
             id = \"id\"\nemail = \"email\"\n[sign_in]\nurl = \"{app}/login\"\nredirect_to = \"{app}/\"\n\
             timeout_ms = 1000\n[sign_in.verify]\nurl = \"{app}/me\"\nexpect = \"response.json.id == 7\"\n\
             [sign_out]\nurl = \"{app}/logout\"\n[policy]\nreason = \"optional\"\n"
        )
    }
}

async fn serve(mut peer: TcpStream, login: Does, logout: Does, application: Application) {
    let mut bytes = vec![0; 8192];
    while let Ok(read @ 1..) = peer.read(&mut bytes).await {
        let request = String::from_utf8_lossy(&bytes[..read]).into_owned();
        let path = request.split(' ').nth(1).unwrap_or_default();
        application.received.lock().expect("no panic").push(path.to_owned());
        let does = match path {
            "/login" => login,
            "/logout" => logout,
            _ => Does::Answer(200),
        };
        match does {
            Does::Cut => return,
            Does::Keep => {
                application.is_kept.notify_one();
                let _ = peer.read(&mut bytes).await;
                return application.is_left.notify_one();
            }
            Does::Answer(status) => {
                let body = "{\"id\":7}";
                let answer = format!("HTTP/1.1 {status} .\r\ncontent-length: {}\r\n\r\n{body}", body.len());
                let _ = peer.write_all(answer.as_bytes()).await;
            }
        }
    }
}

/// The report of a sign-in test with such an application, and its events in the log, in order.
async fn tried(login: Does, logout: Does) -> (SignInTestReport, Vec<Event>) {
    let folder = tempfile::tempdir().expect("a folder");
    let text = Application::start(login, logout).await.connection(folder.path()).await;
    let desk = Desk::with_connection(|_| text.clone()).await;
    let rehearsal = desk.console.try_sign_in(Some("shop"), &text, "7", HashMap::new(), 1).await;
    (rehearsal.expect("it begins"), events(&desk).await)
}

/// The same for a session's window, which ends once its sign-in has failed.
#[tokio::test]
async fn a_sign_in_that_was_cut_off_after_it_arrived_does_not_count_as_signed_out() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = Application::start(Does::Cut, Does::Answer(200)).await.connection(folder.path()).await;
    let mut desk = Desk::with_connection(|_| text).await;
    let session = desk.console.impersonate("shop", "7", "", Map::new()).await.expect("begins");
    desk.until(&session.id, Phase::Refused).await;
    let Some(Shown::Refusal(refusal)) = desk.browser.shown(&session.id) else { panic!("it is refused") };
    assert!(refusal.title.contains("was reached, but its answer broke off"), "{refusal:?}");
    desk.console.end_session(&session.id, EndCause::Operator).await;
    let why = desk.ended().await.sign_out_failed.expect("nobody knows");
    assert!(why.starts_with("not confirmed"), "{why}");
}

/// Nothing listens there, so no request can have arrived.
#[tokio::test]
async fn a_sign_in_that_never_arrived_needs_no_sign_out() {
    let folder = tempfile::tempdir().expect("a folder");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let origin = format!("http://{}", listener.local_addr().expect("an address"));
    drop(listener);
    let (is_kept, is_left) = (Arc::default(), Arc::default());
    let nobody = Application { origin, is_kept, is_left, received: Arc::default() };
    let text = nobody.connection(folder.path()).await;
    let mut desk = Desk::with_connection(|_| text).await;
    let session = desk.console.impersonate("shop", "7", "", Map::new()).await.expect("begins");
    desk.until(&session.id, Phase::Refused).await;
    desk.console.end_session(&session.id, EndCause::Operator).await;
    assert_eq!(desk.ended().await.sign_out_failed, None);
}

async fn events(desk: &Desk) -> Vec<Event> {
    let entries: Vec<Entry> = desk.audit().await.read_entries(10).await.expect("readable");
    entries.into_iter().rev().map(|entry| entry.event).collect()
}

#[tokio::test]
async fn a_failed_sign_out_of_a_test_is_logged() {
    for logout in [Does::Answer(500), Does::Answer(403), Does::Cut] {
        let (tried, log) = tried(Does::Answer(200), logout).await;
        assert!(!tried.ok && tried.outcome.starts_with("Signed in, but"), "{tried:#?}");
        let [Event::Begun, Event::Active, Event::Ended { sign_out_failed: Some(why), .. }] = &log[..] else {
            panic!("signed in, and never out: {log:#?}")
        };
        assert!(tried.outcome.ends_with(why.as_str()), "{why} is what the report says: {tried:#?}");
    }
}

#[tokio::test]
async fn a_refused_test_is_logged_with_the_answer_to_the_login() {
    let (_, log) = tried(Does::Answer(409), Does::Answer(200)).await;
    assert!(matches!(&log[1], Event::Refused { status: Some(409), .. }), "{log:#?}");
    for login in [Does::Cut, Does::Keep] {
        let (_, log) = tried(login, Does::Answer(200)).await;
        assert!(matches!(&log[1], Event::Refused { status: None, .. }), "no answer has no status: {log:#?}");
        let Event::Ended { sign_out_failed: Some(why), .. } = &log[2] else { panic!("{log:#?}") };
        assert!(why.starts_with("not confirmed"), "it may have signed the customer in: {why}");
    }
}

#[tokio::test]
async fn a_stopped_test_is_reported_as_stopped_even_if_its_last_request_fails() {
    let folder = tempfile::tempdir().expect("a folder");
    let application = Application::start(Does::Keep, Does::Answer(200)).await;
    let text = application.connection(folder.path()).await;
    let desk = Desk::with_connection(|_| text.clone()).await;
    let trying = desk.console.try_sign_in(Some("shop"), &text, "7", HashMap::new(), 1);
    let stopping = async {
        application.is_kept.notified().await;
        desk.console.stop_trial(2).expect("it is the newer turn");
    };
    let (tried, ()) = tokio::join!(trying, stopping);
    let tried = tried.expect("it begins");
    assert_eq!(tried.outcome, "The test was stopped");
    assert!(tried.hint.is_some_and(|hint| hint.contains("did not answer within 1 s")));
    let log = events(&desk).await;
    let stopped = |event: &Event| matches!(event, Event::Refused { status: None, cause } if cause == "The test was stopped");
    assert!(stopped(&log[1]), "{log:#?}");
}

/// The second Ctrl+C of `check --user`: what is under way is let go, and nothing follows it.
#[tokio::test]
async fn an_abandoned_test_lets_go_of_everything_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let application = Application::start(Does::Keep, Does::Answer(200)).await;
    let text = application.connection(folder.path()).await;
    let desk = Desk::with_connection(|_| text.clone()).await;
    let (audit, abandon) = (desk.audit().await, CancellationToken::new());
    let trial = SignInTest {
        id: None,
        text: &text,
        saved: None,
        typed: &HashMap::new(),
        user: "7",
        operator: Settings::default().operator(),
        stop: CancellationToken::new(),
        abandon: abandon.clone(),
    };
    let trying = sign_in_test::run_sign_in_test(trial, &desk.vault, &audit, None, &desk.clock);
    let abandoning = async {
        application.is_kept.notified().await;
        abandon.cancel();
    };
    let (tried, ()) = tokio::join!(trying, abandoning);
    assert_eq!(tried.expect_err("it is abandoned").code, Code::Cancelled);
    application.is_left.notified().await;
    assert_eq!(*application.received.lock().expect("no panic"), ["/login"]);
    let log = events(&desk).await;
    let Some(Event::Ended { sign_out_failed: Some(why), .. }) = log.last() else { panic!("{log:#?}") };
    assert!(why.starts_with("not confirmed"), "{why}");
}

/// `check --user` accepts what a support ticket says: an email address in any spelling, but not just its beginning.
#[tokio::test]
async fn a_test_finds_its_user_by_email_address_in_any_spelling() {
    let folder = tempfile::tempdir().expect("a folder");
    let application = Application::start(Does::Answer(200), Does::Answer(200)).await;
    let text = application.connection(folder.path()).await;
    let desk = Desk::with_connection(|_| text.clone()).await;
    let tried = async |user| desk.console.try_sign_in(Some("shop"), &text, user, HashMap::new(), 1).await;
    for spelling in ["7", "ada@example.com", "Ada@Example.COM"] {
        let rehearsal = tried(spelling).await.expect("it begins");
        assert!(rehearsal.ok, "{spelling}: {rehearsal:#?}");
    }
    for nobody in ["ada", "ada@example", "07x", ""] {
        let refused = tried(nobody).await.expect_err("that is nobody");
        assert_eq!(refused.code, Code::UserNotFound, "{nobody}: {refused}");
    }
}

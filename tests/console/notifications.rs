//! An application that is told of each session that has ended: who, when, how long, in which mode; also when it is down,
//! refuses, or the console is killed in the middle of the session.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use parking_lot::Mutex;
use serde_json::{Map, Value};
use tokio::net::TcpListener;
use tokio::sync::broadcast::Receiver;
use understudy_core::access::SessionMode;
use understudy_core::audit::{EndCause, Event};
use understudy_core::clock::Clock;
use understudy_core::console::Console;
use understudy_core::home::Home;
use understudy_core::notice::{Notice, Notices};
use understudy_core::outbox::{MessageKind, WaitingMessage};
use understudy_core::session::Phase;
use understudy_core::vault::Vault;
use understudy_test_support::browser::PlainBrowser;
use understudy_test_support::wait::PATIENCE;

use crate::arrivals::Arrivals;
use crate::test_console::Desk;

/// The secret of the request, a canary.
const SECRET: &str = "canary-90aa-notify-token";

#[derive(Debug, Clone)]
struct Arrived {
    key: String,
    authorization: String,
    body: Value,
}

/// The part of the application that hears of sessions.
struct Listener {
    origin: String,
    arrived: Arrivals<Arrived>,
    status: Mutex<StatusCode>,
    /// The ID of a message that it is in conflict with.
    conflict: Mutex<Option<String>>,
    /// Its answers have a body that never ends.
    stalls: AtomicBool,
}

impl Listener {
    async fn start() -> Arc<Self> {
        let socket = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let origin = format!("http://{}", socket.local_addr().expect("an address"));
        let status = Mutex::new(StatusCode::NO_CONTENT);
        let listener = Arc::new(Self {
            origin,
            arrived: Arrivals::default(),
            status,
            conflict: Mutex::default(),
            stalls: AtomicBool::default(),
        });
        let routes = Router::new().route("/impersonations", any(receive)).with_state(Arc::clone(&listener));
        tokio::spawn(async move { axum::serve(socket, routes).await });
        listener
    }

    fn answer_with(&self, status: StatusCode) {
        *self.status.lock() = status;
    }

    fn notify_table(&self) -> String {
        format!(
            "\n[notify]\nurl = \"{}/impersonations\"\n\
             headers = {{ authorization = \"Bearer {{{{ secret.notify_token }}}}\" }}\n\
             body = {{ id = \"{{{{ notification.id }}}}\", customer = \"{{{{ user.id }}}}\", by = \"{{{{ operator.name }}}}\", \
             why = \"{{{{ reason }}}}\", began = \"{{{{ notification.began_at }}}}\", ended = \"{{{{ notification.ended_at }}}}\", \
             seconds = \"{{{{ notification.seconds }}}}\", mode = \"{{{{ notification.mode }}}}\", \
             how = \"{{{{ notification.ended_by }}}}\" }}\n",
            self.origin
        )
    }
}

async fn receive(State(listener): State<Arc<Listener>>, headers: HeaderMap, body: Bytes) -> Response {
    let header = |name: &str| headers.get(name).map(|value| value.to_str().expect("text").to_owned());
    let key = header("idempotency-key").unwrap_or_default();
    let status = match *listener.conflict.lock() {
        Some(ref conflict) if *conflict == key => StatusCode::CONFLICT,
        _ => *listener.status.lock(),
    };
    listener.arrived.push(Arrived {
        key,
        authorization: header("authorization").unwrap_or_default(),
        body: serde_json::from_slice(&body).expect("JSON"),
    });
    if listener.stalls.load(Ordering::Relaxed) {
        let endless = futures_util::stream::pending::<std::io::Result<Bytes>>();
        (status, Body::from_stream(endless)).into_response()
    } else {
        status.into_response()
    }
}

async fn desk_with(listener: &Listener) -> Desk {
    let table = listener.notify_table();
    let desk = Desk::with_connection(|text| format!("{text}\n{table}")).await;
    desk.store("notify_token", SECRET).await;
    desk
}

/// A session that is active; returns its ID, and its user's.
async fn begin(desk: &mut Desk) -> (String, String) {
    let user = desk.find("anna").await.remove(0);
    let begun = desk.console.impersonate("shop", &user.id, "Cannot \"pay\"", Map::new());
    let session = begun.await.expect("it begins").id;
    desk.until(&session, Phase::Active).await;
    (session, user.id)
}

/// The next notice that says so about the messages that wait.
async fn until_waiting(
    notices: &mut Receiver<Notice>,
    wanted: impl Fn(&[WaitingMessage]) -> bool,
) -> Vec<WaitingMessage> {
    let waiting = async {
        loop {
            if let Notice::WaitingMessages(messages) = notices.recv().await.expect("the console lives")
                && wanted(&messages)
            {
                return messages;
            }
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.expect("it is told")
}

/// A console in this folder, with this keyring.
async fn open(folder: &Path, vault: &Vault, clock: &Clock) -> (Arc<Console>, Receiver<Notice>) {
    let notices = Notices::default();
    let listening = notices.subscribe();
    let browser = Arc::new(PlainBrowser::default());
    let console = Console::open(Home::in_folder(folder), vault.clone(), browser, notices, clock.clone());
    (console.await.expect("the console opens"), listening)
}

/// The files of this home as they are at this moment: what a power cut would leave, with nobody at work in it.
fn copy_home(from: &Path) -> tempfile::TempDir {
    fn copy(from: &Path, to: &Path) {
        std::fs::create_dir_all(to).expect("a folder");
        for entry in std::fs::read_dir(from).expect("readable") {
            let path = entry.expect("an entry").path();
            let place = to.join(path.file_name().expect("a name"));
            if path.is_dir() {
                copy(&path, &place);
            } else {
                std::fs::copy(&path, &place).expect("copied");
            }
        }
    }
    let to = tempfile::tempdir().expect("a folder");
    copy(from, to.path());
    to
}

fn outbox_texts(home: &Path) -> Vec<String> {
    let files = std::fs::read_dir(home.join("data/outbox")).into_iter().flatten().flatten();
    let paths = files.map(|file| file.path());
    let messages = paths.filter(|path| path.extension().is_some_and(|ending| ending == "json"));
    messages.map(|path| std::fs::read_to_string(path).expect("text")).collect()
}

#[tokio::test]
async fn the_application_is_told_once_who_was_whom_for_how_long_and_in_which_mode() {
    let listener = Listener::start().await;
    let mut desk = desk_with(&listener).await;
    let delivering = tokio::spawn(Arc::clone(&desk.console).deliver_messages());
    let (session, user) = begin(&mut desk).await;
    desk.console.set_session_mode(&session, SessionMode::Full, Some("To pay for her")).await.expect("full");
    desk.console.set_session_mode(&session, SessionMode::ReadOnly, None).await.expect("read-only again");
    let kept = outbox_texts(desk.home.path());
    let [waits] = &kept[..] else { panic!("{kept:?}") };
    assert!(waits.contains(&session) && !waits.contains(SECRET), "{waits}");
    assert!(desk.console.waiting_messages().await.is_empty(), "nothing to tell while it runs");
    assert!(listener.arrived.all().is_empty());

    desk.clock.advance_by(Duration::from_secs(95));
    let mut notices = desk.later_notices();
    desk.console.end_session(&session, EndCause::Operator).await;
    listener.arrived.until_came(1).await;
    until_waiting(&mut notices, <[_]>::is_empty).await;
    let arrived = listener.arrived.all();
    let [only] = &arrived[..] else { panic!("it came {} times", arrived.len()) };
    assert_eq!((only.key.as_str(), only.body["id"].as_str()), (session.as_str(), Some(session.as_str())));
    assert_eq!(only.authorization, format!("Bearer {SECRET}"));
    assert_eq!(only.body["customer"].to_string().trim_matches('"'), user);
    assert_eq!(only.body["why"], "Cannot \"pay\"");
    assert_eq!(only.body["began"], "2026-03-02T12:00:00Z");
    assert_eq!(only.body["ended"], "2026-03-02T12:01:35Z");
    assert_eq!(only.body["seconds"], 95);
    assert_eq!(only.body["mode"], "full", "it had full access at some time");
    assert_eq!(only.body["how"], "operator");
    assert!(outbox_texts(desk.home.path()).is_empty());
    desk.console.shut_down().await;
    delivering.await.expect("it ends with the console");
}

#[tokio::test]
async fn a_session_that_never_became_active_is_not_told_of() {
    let listener = Listener::start().await;
    let mut desk = desk_with(&listener).await;
    desk.keep("admin_token", "canary-wrong").await;
    let delivering = tokio::spawn(Arc::clone(&desk.console).deliver_messages());
    let user = desk.find("anna").await.remove(0);
    let session = desk.console.impersonate("shop", &user.id, "Because", Map::new()).await.expect("begins").id;
    desk.until(&session, Phase::Refused).await;
    desk.console.end_session(&session, EndCause::Operator).await;
    desk.ended().await;
    assert!(outbox_texts(desk.home.path()).is_empty());
    desk.console.shut_down().await;
    delivering.await.expect("it ends");
    assert!(listener.arrived.all().is_empty());
}

#[tokio::test]
async fn a_session_of_a_killed_console_is_told_of_after_the_next_start() {
    let listener = Listener::start().await;
    let mut desk = desk_with(&listener).await;
    let (session, _) = begin(&mut desk).await;
    let crashed = copy_home(desk.home.path());
    desk.clock.advance_by(Duration::from_mins(10));

    let (console, mut notices) = open(crashed.path(), &desk.vault, &desk.clock).await;
    let delivering = tokio::spawn(Arc::clone(&console).deliver_messages());
    listener.arrived.until_came(1).await;
    until_waiting(&mut notices, <[_]>::is_empty).await;
    let arrived = listener.arrived.all();
    let told = &arrived[0].body;
    assert_eq!((told["id"].as_str(), told["how"].as_str()), (Some(session.as_str()), Some("crash")));
    assert_eq!(told["seconds"], 600, "until it was found");
    console.shut_down().await;
    delivering.await.expect("it ends");

    // A second start has nothing to say.
    let (console, mut notices) = open(crashed.path(), &desk.vault, &desk.clock).await;
    let delivering = tokio::spawn(Arc::clone(&console).deliver_messages());
    assert!(until_waiting(&mut notices, |_| true).await.is_empty());
    console.shut_down().await;
    delivering.await.expect("it ends");
    assert_eq!(listener.arrived.all().len(), 1);
}

#[tokio::test]
async fn another_console_of_this_home_does_not_tell_of_a_session_that_runs() {
    let listener = Listener::start().await;
    let mut desk = desk_with(&listener).await;
    let (session, _) = begin(&mut desk).await;
    let (other, mut notices) = open(desk.home.path(), &desk.vault, &desk.clock).await;
    let delivering = tokio::spawn(Arc::clone(&other).deliver_messages());
    assert!(until_waiting(&mut notices, |_| true).await.is_empty());
    other.shut_down().await;
    delivering.await.expect("it ends");
    assert!(listener.arrived.all().is_empty(), "it runs");
    assert_eq!(outbox_texts(desk.home.path()).len(), 1);
    desk.console.end_session(&session, EndCause::Operator).await;
    assert!(matches!(
        desk.audit().await.read_entries(1).await.expect("readable")[0].event,
        Event::Ended { cause: EndCause::Operator, .. }
    ));
}

#[tokio::test]
async fn while_the_application_is_down_it_waits_and_a_refusal_is_said_and_stops_it() {
    let listener = Listener::start().await;
    listener.answer_with(StatusCode::SERVICE_UNAVAILABLE);
    let mut desk = desk_with(&listener).await;
    let delivering = tokio::spawn(Arc::clone(&desk.console).deliver_messages());
    let (session, _) = begin(&mut desk).await;
    let mut notices = desk.later_notices();
    desk.console.end_session(&session, EndCause::Deadline).await;
    let failed = |messages: &[WaitingMessage]| messages.iter().any(|message| message.fault.is_some());
    let waiting = until_waiting(&mut notices, failed).await;
    assert_eq!((waiting[0].kind, waiting[0].id.as_str()), (MessageKind::Notification, session.as_str()));
    assert!(waiting[0].next_at.is_some(), "it is tried again");

    // Two days later, after a restart, the application refuses.
    delivering.abort();
    listener.answer_with(StatusCode::FORBIDDEN);
    desk.clock.advance_by(Duration::from_hours(48));
    let (console, mut notices) = open(desk.home.path(), &desk.vault, &desk.clock).await;
    let delivering = tokio::spawn(Arc::clone(&console).deliver_messages());
    let waiting = until_waiting(&mut notices, failed).await;
    let fault = waiting[0].fault.clone().expect("why");
    assert!(fault.message.contains("status 403") && waiting[0].next_at.is_none(), "{waiting:?}");
    assert!(fault.hint.expect("what to do").contains("secret for `notify`"));

    listener.answer_with(StatusCode::OK);
    console.retry_message(&session).await.expect("again");
    until_waiting(&mut notices, <[_]>::is_empty).await;
    let arrived = listener.arrived.all();
    assert!(arrived.len() >= 3 && arrived.iter().all(|one| one.key == session), "{arrived:?}");
    assert!(arrived.iter().all(|one| one.body == arrived[0].body), "each try says the same");
    let said = format!("{:?} {:?}", desk.told, console.current_notices().await);
    assert!(!said.contains(SECRET), "{said}");
    console.shut_down().await;
    delivering.await.expect("it ends");
}

/// Damaging the file is no way to keep the application from learning of a session unnoticed.
#[tokio::test]
async fn a_damaged_message_is_discarded_on_the_record_with_its_session() {
    let listener = Listener::start().await;
    let mut desk = desk_with(&listener).await;
    let (session, _) = begin(&mut desk).await;
    desk.console.end_session(&session, EndCause::Operator).await;
    let file = desk.home.path().join("data/outbox").join(format!("{session}.json"));
    std::fs::write(&file, "{").expect("damaged");
    let waiting = desk.console.waiting_messages().await;
    assert_eq!((waiting[0].kind, waiting[0].id.as_str()), (MessageKind::Unreadable, session.as_str()));
    desk.console.discard_message(&session).await.expect("gone");
    assert!(!file.exists() && desk.console.waiting_messages().await.is_empty());
    let entries = desk.console_entries().await;
    let last = entries.last().expect("an entry");
    let words = format!("{}: {}", last.title(), last.describe());
    assert_eq!(words, format!("message discarded: damaged message of session {}", &session[..8]));
}

#[tokio::test]
async fn an_application_that_has_said_yes_is_not_told_again_because_its_answer_never_ends() {
    let listener = Listener::start().await;
    listener.stalls.store(true, Ordering::Relaxed);
    let mut desk = desk_with(&listener).await;
    let delivering = tokio::spawn(Arc::clone(&desk.console).deliver_messages());
    let (session, _) = begin(&mut desk).await;
    let mut notices = desk.later_notices();
    desk.console.end_session(&session, EndCause::Operator).await;
    listener.arrived.until_came(1).await;
    until_waiting(&mut notices, <[_]>::is_empty).await;
    assert_eq!(listener.arrived.all().len(), 1);
    assert_eq!(outbox_texts(desk.home.path()), Vec::<String>::new());
    desk.console.shut_down().await;
    delivering.await.expect("it ends");
}

#[tokio::test]
async fn a_message_that_the_application_is_in_conflict_with_does_not_hold_up_the_others() {
    let listener = Listener::start().await;
    let mut desk = desk_with(&listener).await;
    let (first, _) = begin(&mut desk).await;
    desk.console.end_session(&first, EndCause::Operator).await;
    let (second, _) = begin(&mut desk).await;
    desk.console.end_session(&second, EndCause::Operator).await;
    *listener.conflict.lock() = Some(first.clone());

    let mut notices = desk.later_notices();
    let delivering = tokio::spawn(Arc::clone(&desk.console).deliver_messages());
    let waiting = until_waiting(&mut notices, |left| left.len() == 1 && left[0].fault.is_some()).await;
    assert_eq!(waiting[0].id, first);
    assert!(waiting[0].next_at.is_some(), "it is tried again");
    let keys: Vec<String> = listener.arrived.all().into_iter().map(|one| one.key).collect();
    assert_eq!(keys, [first, second]);
    desk.console.shut_down().await;
    delivering.await.expect("it ends");
}

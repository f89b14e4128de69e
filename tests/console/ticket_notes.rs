//! A session's summary on its way into its ticket: with a helpdesk that answers, one that is down, one that refuses, and
//! a console that ends at the worst moment.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path as UrlPath, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use parking_lot::Mutex;
use serde_json::{Map, Value};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;
use understudy_core::audit::EndCause;
use understudy_core::audit::reader::StoredEntry;
use understudy_core::clock::Clock;
use understudy_core::console::Console;
use understudy_core::customer_link::TicketContext;
use understudy_core::error::Code;
use understudy_core::home::Home;
use understudy_core::notice::{Notice, Notices};
use understudy_core::outbox::WaitingMessage;
use understudy_core::session::Phase;
use understudy_test_support::browser::PlainBrowser;
use understudy_test_support::wait::PATIENCE;

use crate::arrivals::Arrivals;
use crate::test_console::{Desk, TOKEN};

/// The helpdesk's secret, a canary.
const SECRET: &str = "canary-51c0-helpdesk-token";

/// What arrived: the ticket, the ID header and the body.
#[derive(Debug, Clone)]
struct Arrived {
    ticket: String,
    key: String,
    authorization: String,
    body: Value,
}

/// A helpdesk that answers as it is told.
struct Helpdesk {
    origin: String,
    arrived: Arrivals<Arrived>,
    status: Mutex<StatusCode>,
    /// While this is true, no answer is given.
    is_silent: watch::Sender<bool>,
}

impl Helpdesk {
    async fn start() -> Arc<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let origin = format!("http://{}", listener.local_addr().expect("an address"));
        let helpdesk = Arc::new(Self {
            origin,
            arrived: Arrivals::default(),
            status: Mutex::new(StatusCode::CREATED),
            is_silent: watch::Sender::new(false),
        });
        let routes = Router::new()
            .route("/tickets/{ticket}/comments", post(receive))
            .with_state(Arc::clone(&helpdesk));
        tokio::spawn(async move { axum::serve(listener, routes).await });
        helpdesk
    }

    fn answer_with(&self, status: StatusCode) {
        *self.status.lock() = status;
    }

    /// The part of the connection file that leads here.
    fn ticket_table(&self) -> String {
        format!(
            "\n[ticket.note]\nurl = \"{}/tickets/{{{{ session.ticket }}}}/comments\"\n\
             headers = {{ authorization = \"Bearer {{{{ secret.helpdesk_token }}}}\" }}\n\
             body = {{ id = \"{{{{ summary.id }}}}\", html = \"{{{{ summary.html }}}}\", user = \"{{{{ user.id }}}}\", \
             by = \"{{{{ operator.name }}}}\", text = \"About {{{{ user.email }}}}: {{{{ summary.markdown }}}}\" }}\n",
            self.origin
        )
    }
}

async fn receive(
    State(helpdesk): State<Arc<Helpdesk>>,
    UrlPath(ticket): UrlPath<String>,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    let header = |name: &str| headers.get(name).map(|value| value.to_str().expect("text").to_owned());
    helpdesk.arrived.push(Arrived {
        ticket,
        key: header("idempotency-key").unwrap_or_default(),
        authorization: header("authorization").unwrap_or_default(),
        body: serde_json::from_slice(&body).expect("JSON"),
    });
    let mut silent = helpdesk.is_silent.subscribe();
    silent.wait_for(|is_silent| !is_silent).await.expect("the helpdesk is there");
    *helpdesk.status.lock()
}

/// A desk whose connection sends to this helpdesk, with its secret stored.
async fn desk_with(helpdesk: &Helpdesk) -> Desk {
    let table = helpdesk.ticket_table();
    let desk = Desk::with_connection(|text| {
        let (before, after) = text.split_once("[ticket.note]").expect("the demo has a helpdesk");
        let (_, after) = after.split_once("\n\n").expect("an empty line follows");
        format!("{before}{table}\n{after}")
    })
    .await;
    desk.store("helpdesk_token", SECRET).await;
    desk
}

/// A session for this ticket that has ended, with a note; returns its ID.
async fn end_a_session(desk: &mut Desk, ticket: &str) -> String {
    let user = desk.find("anna").await.remove(0);
    let ticket = TicketContext { ticket: ticket.into(), page: String::new() };
    let begun = desk.console.impersonate_for_ticket("shop", &user.id, "Cannot \"pay\"", Map::new(), ticket);
    let session = begun.await.expect("it begins").id;
    desk.until(&session, Phase::Active).await;
    let note = format!("Her card has expired.\n\"Really\" <b>expired</b>.\nPasted by mistake: {TOKEN}");
    desk.console.set_session_note(&session, &note).expect("kept");
    desk.console.end_session(&session, EndCause::Operator).await;
    session
}

fn outbox(home: &Path) -> Vec<PathBuf> {
    let files = std::fs::read_dir(home.join("data/outbox")).into_iter().flatten();
    let paths = files.map(|file| file.expect("a file").path());
    paths.filter(|path| path.extension().is_some_and(|ending| ending == "json")).collect()
}

/// The next notice that says so about the summaries that wait.
async fn until_waiting(
    notices: &mut tokio::sync::broadcast::Receiver<Notice>,
    wanted: impl Fn(&[WaitingMessage]) -> bool,
) -> Vec<WaitingMessage> {
    let waiting = async {
        loop {
            if let Notice::WaitingMessages(notes) = notices.recv().await.expect("the console lives")
                && wanted(&notes)
            {
                return notes;
            }
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.expect("it is told")
}

/// The same home after a restart: another console, with the same keyring.
async fn reopen(desk: &Desk, clock: &Clock) -> (Arc<Console>, tokio::sync::broadcast::Receiver<Notice>) {
    let notices = Notices::default();
    let listening = notices.subscribe();
    let browser = Arc::new(PlainBrowser::default());
    let home = Home::in_folder(desk.home.path());
    let console = Console::open(home, desk.vault.clone(), browser, notices, clock.clone()).await;
    (console.expect("the console opens"), listening)
}

#[tokio::test]
async fn a_summary_is_shown_first_and_then_arrives_once_with_its_secret_only_there() {
    let helpdesk = Helpdesk::start().await;
    let mut desk = desk_with(&helpdesk).await;
    let session = end_a_session(&mut desk, "4711").await;
    let delivering = tokio::spawn(Arc::clone(&desk.console).deliver_messages());

    let shown = desk.console.prepare_summary(&session).expect("prepared");
    assert_eq!((shown.origin.as_str(), shown.session.ticket.as_str()), (helpdesk.origin.as_str(), "4711"));
    assert!(
        shown.text.contains("Note: Her card has expired.") && shown.text.contains("<b>"),
        "{}",
        shown.text
    );
    assert!(helpdesk.arrived.all().is_empty(), "nothing leaves before the operator says so");

    let mut notices = desk.later_notices();
    desk.console.send_summary(&shown.id).await.expect("sent");
    // A second click is not a second comment.
    let again = desk.console.send_summary(&shown.id).await;
    assert!(again.is_ok() || again.is_err_and(|error| error.code == Code::SessionUnknown));
    until_waiting(&mut notices, <[_]>::is_empty).await;
    let toast = desk.toast_that(|toast| toast.text.contains("ticket")).await;
    assert_eq!(toast.text, "The summary is in ticket 4711.");

    let arrived = helpdesk.arrived.all();
    let [only] = &arrived[..] else { panic!("it came {} times", arrived.len()) };
    assert_eq!((only.ticket.as_str(), only.key.as_str()), ("4711", shown.id.as_str()));
    assert_eq!(only.authorization, format!("Bearer {SECRET}"));
    assert_eq!(only.body["id"], shown.id.as_str());
    assert!(only.body["user"].is_number(), "a whole template keeps the type: {}", only.body);
    let text = only.body["text"].as_str().expect("text");
    assert!(text.starts_with("About anna") && text.contains("\"Really\" &lt;b>expired"), "{text}");
    assert!(only.body["html"].as_str().expect("text").contains("&lt;b&gt;expired"), "{}", only.body);
    assert!(outbox(desk.home.path()).is_empty());
    desk.console.shut_down().await;
    delivering.await.expect("it ends with the console");
}

#[tokio::test]
async fn while_the_helpdesk_is_down_a_summary_waits_over_a_restart_without_the_secret() {
    let helpdesk = Helpdesk::start().await;
    helpdesk.answer_with(StatusCode::SERVICE_UNAVAILABLE);
    let mut desk = desk_with(&helpdesk).await;
    let session = end_a_session(&mut desk, "4711").await;
    let delivering = tokio::spawn(Arc::clone(&desk.console).deliver_messages());
    let mut notices = desk.later_notices();
    let shown = desk.console.prepare_summary(&session).expect("prepared");
    desk.console.send_summary(&shown.id).await.expect("it waits");
    let waiting = until_waiting(&mut notices, |notes| notes.iter().any(|note| note.fault.is_some())).await;
    let fault = waiting[0].fault.clone().expect("why");
    assert_eq!(fault.message, format!("{} answered with status 503.", helpdesk.origin));
    assert!(waiting[0].next_at.is_some(), "it is tried again");

    // Time passes, and it is tried again, and less often each time.
    let tries = helpdesk.arrived.all().len();
    desk.clock.advance_by(Duration::from_secs(11));
    helpdesk.arrived.until_came(tries + 1).await;
    let later = until_waiting(&mut notices, |notes| {
        notes.first().is_some_and(|note| note.next_at > waiting[0].next_at)
    })
    .await;
    assert!(later[0].next_at.expect("again") - desk.clock.now_ms() > 11_000, "{later:?}");

    let file = &outbox(desk.home.path())[0];
    let kept = std::fs::read_to_string(file).expect("read");
    assert!(kept.contains("4711") && kept.contains("Her card"), "{kept}");
    assert!(![SECRET, TOKEN, "full_name"].iter().any(|word| kept.contains(word)), "{kept}");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = |path: &Path| std::fs::metadata(path).expect("there").permissions().mode() & 0o777;
        assert_eq!((mode(file), mode(file.parent().expect("a folder"))), (0o600, 0o700));
    }

    // The console is killed; after the next start, the helpdesk is back.
    delivering.abort();
    helpdesk.answer_with(StatusCode::OK);
    let (console, mut notices) = reopen(&desk, &desk.clock).await;
    assert_eq!(console.waiting_messages().await.len(), 1);
    let delivering = tokio::spawn(Arc::clone(&console).deliver_messages());
    until_waiting(&mut notices, <[_]>::is_empty).await;
    let arrived = helpdesk.arrived.all();
    assert!(arrived.iter().all(|one| one.key == shown.id), "all tries have one ID: {arrived:?}");
    let said = format!("{:?} {:?}", desk.told, console.current_notices().await);
    assert!(!said.contains(SECRET), "{said}");
    console.shut_down().await;
    delivering.await.expect("it ends");
}

#[tokio::test]
async fn a_console_that_is_killed_before_the_answer_sends_the_same_id_again() {
    let helpdesk = Helpdesk::start().await;
    let mut desk = desk_with(&helpdesk).await;
    let session = end_a_session(&mut desk, "4711").await;
    helpdesk.is_silent.send_replace(true);
    let delivering = tokio::spawn(Arc::clone(&desk.console).deliver_messages());
    let shown = desk.console.prepare_summary(&session).expect("prepared");
    desk.console.send_summary(&shown.id).await.expect("on its way");
    helpdesk.arrived.until_came(1).await;
    // The helpdesk has it, and the console does not know.
    delivering.abort();
    let _ = delivering.await;
    helpdesk.is_silent.send_replace(false);

    let (console, mut notices) = reopen(&desk, &desk.clock).await;
    let delivering = tokio::spawn(Arc::clone(&console).deliver_messages());
    until_waiting(&mut notices, <[_]>::is_empty).await;
    let arrived = helpdesk.arrived.all();
    let keys: Vec<&str> = arrived.iter().map(|one| one.key.as_str()).collect();
    assert_eq!(keys, [shown.id.as_str(); 2], "the helpdesk can tell that it is the same");
    assert_eq!(arrived[0].body, arrived[1].body);
    console.shut_down().await;
    delivering.await.expect("it ends");
}

#[tokio::test]
async fn a_refusal_stops_the_tries_until_the_operator_says_so() {
    let helpdesk = Helpdesk::start().await;
    helpdesk.answer_with(StatusCode::FORBIDDEN);
    let mut desk = desk_with(&helpdesk).await;
    let session = end_a_session(&mut desk, "4711").await;
    let delivering = tokio::spawn(Arc::clone(&desk.console).deliver_messages());
    let mut notices = desk.later_notices();
    let shown = desk.console.prepare_summary(&session).expect("prepared");
    desk.console.send_summary(&shown.id).await.expect("it waits");
    let waiting = until_waiting(&mut notices, |notes| notes.iter().any(|note| note.fault.is_some())).await;
    let fault = waiting[0].fault.clone().expect("why");
    assert!(fault.message.contains("status 403") && waiting[0].next_at.is_none(), "{waiting:?}");
    desk.clock.advance_by(Duration::from_hours(48));
    delivering.abort();

    // Neither time nor a restart begins it anew.
    let (console, mut notices) = reopen(&desk, &desk.clock).await;
    let delivering = tokio::spawn(Arc::clone(&console).deliver_messages());
    let waiting = until_waiting(&mut notices, |_| true).await;
    assert!(waiting[0].fault.is_some() && waiting[0].next_at.is_none(), "{waiting:?}");
    assert_eq!(helpdesk.arrived.all().len(), 1);

    helpdesk.answer_with(StatusCode::CREATED);
    console.retry_message(&shown.id).await.expect("again");
    until_waiting(&mut notices, <[_]>::is_empty).await;
    assert_eq!(helpdesk.arrived.all().len(), 2);

    // One that is not wanted any longer is thrown away.
    helpdesk.answer_with(StatusCode::NOT_FOUND);
    let again = desk.console.prepare_summary(&session).expect("prepared");
    desk.console.send_summary(&again.id).await.expect("it waits");
    console.retry_message(&again.id).await.expect("both consoles see it");
    until_waiting(&mut notices, |notes| notes.iter().any(|note| note.fault.is_some())).await;
    console.discard_message(&again.id).await.expect("gone");
    assert!(console.waiting_messages().await.is_empty() && outbox(desk.home.path()).is_empty());
    // What left the console, or never will, is on record.
    let entries = desk.console_entries().await;
    let said = |entry: &StoredEntry| format!("{}: {}", entry.title(), entry.describe());
    let short = &session[..8];
    assert_eq!(
        entries.iter().map(said).filter(|words| words.contains("summary")).collect::<Vec<_>>(),
        [
            format!("exported: summary of session {short}, ticket"),
            format!("exported: summary of session {short}, ticket"),
            "message discarded: summary for the ticket".to_owned(),
        ]
    );
    console.shut_down().await;
    delivering.await.expect("it ends");
}

#[tokio::test]
async fn of_two_consoles_with_one_home_only_one_sends_each_summary() {
    let helpdesk = Helpdesk::start().await;
    let mut desk = desk_with(&helpdesk).await;
    let session = end_a_session(&mut desk, "4711").await;
    let mut ids = Vec::new();
    for _ in 0..5 {
        let shown = desk.console.prepare_summary(&session).expect("prepared");
        desk.console.send_summary(&shown.id).await.expect("it waits");
        ids.push(shown.id);
    }
    let (other, mut notices) = reopen(&desk, &Clock::system()).await;
    let both =
        [Arc::clone(&desk.console), Arc::clone(&other)].map(|one| tokio::spawn(one.deliver_messages()));
    until_waiting(&mut notices, <[_]>::is_empty).await;
    let mut came: Vec<String> = helpdesk.arrived.all().into_iter().map(|one| one.key).collect();
    came.sort();
    assert_eq!(came, ids, "each once");
    desk.console.shut_down().await;
    other.shut_down().await;
    for one in both {
        one.await.expect("it ends");
    }
}

#[tokio::test]
async fn the_demos_helpdesk_shows_the_summary_in_its_ticket_once() {
    let mut desk = Desk::new().await;
    let session = end_a_session(&mut desk, "4711").await;
    let delivering = tokio::spawn(Arc::clone(&desk.console).deliver_messages());
    let shown = desk.console.prepare_summary(&session).expect("prepared");
    desk.console.send_summary(&shown.id).await.expect("sent");
    desk.toast_that(|toast| toast.text == "The summary is in ticket 4711.").await;

    let origin = desk.demo.application.origin();
    let again = serde_json::json!({ "id": shown.id, "comment": "the same once more" });
    let comments = format!("{origin}/helpdesk/4711/comments");
    let answer = reqwest::Client::new().post(comments).json(&again).send().await.expect("an answer");
    assert_eq!(answer.status(), 201);
    let page = reqwest::get(format!("{origin}/helpdesk/4711")).await.expect("an answer");
    let page = page.text().await.expect("text");
    assert_eq!(page.matches("Note: Her card has expired.").count(), 1, "{page}");
    assert!(!page.contains("the same once more") && !page.contains("<b>expired"), "{page}");
    desk.console.shut_down().await;
    delivering.await.expect("it ends");
}

#[tokio::test]
async fn without_a_ticket_or_a_way_there_it_is_not_offered() {
    let helpdesk = Helpdesk::start().await;
    let mut desk = desk_with(&helpdesk).await;
    let session = end_a_session(&mut desk, "").await;
    let ended = desk.ended().await;
    assert_eq!(ended.session.ticket_origin, None);
    let error = desk.console.prepare_summary(&session).expect_err("no ticket");
    assert_eq!(error.code, Code::PolicyRefused);
    assert!(outbox(desk.home.path()).is_empty());
}

#[tokio::test]
async fn a_ticket_cannot_lead_the_request_elsewhere() {
    let helpdesk = Helpdesk::start().await;
    let mut desk = desk_with(&helpdesk).await;
    let delivering = tokio::spawn(Arc::clone(&desk.console).deliver_messages());
    let mut sent = Vec::new();
    for ticket in ["../../admin", "..", "4711?x=1#y", "@evil.example", "%2e%2e%2fadmin", "a/b"] {
        let session = end_a_session(&mut desk, ticket).await;
        let shown = desk.console.prepare_summary(&session).expect("prepared");
        match desk.console.send_summary(&shown.id).await {
            Ok(()) => {
                sent.push(ticket);
                helpdesk.arrived.until_came(sent.len()).await;
                assert_eq!(
                    helpdesk.arrived.all().pop().expect("it came").ticket,
                    ticket,
                    "one part of the path"
                );
            }
            Err(error) => assert_eq!(error.code, Code::TemplateFailed, "{ticket}: {error}"),
        }
    }
    assert_eq!(sent, ["4711?x=1#y", "@evil.example", "a/b"]);
    desk.console.shut_down().await;
    delivering.await.expect("it ends");
}

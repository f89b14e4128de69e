//! The audit log's entries on their way to the team's systems: in order, signed, at least once, with a system that is
//! down, refuses, or loses the answer.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::routing::any;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use parking_lot::Mutex;
use prost::Message as _;
use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::sync::watch;
use understudy_core::audit::{AuditLog, ConsoleEntry, ConsoleEvent, Entry, Event, OperatorIdentity, Subject};
use understudy_core::audit_feed::{AuditFeeds, FeedState, read_acknowledged_by_all, store_secret};
use understudy_core::clock::Clock;
use understudy_core::connection::Environment;
use understudy_core::home::Home;
use understudy_core::team::{TeamAuditConfig, parse_team_file};
use understudy_core::vault::Vault;
use understudy_test_support::wait::{PATIENCE, until as until_true};

use crate::arrivals::Arrivals;
use crate::test_console::Desk;

/// Both are canaries: they turn up nowhere but in the keyring, and the second in requests.
const SIGNING: &str = "whsec_Y2FuYXJ5LXNpZ25pbmctNGYxYi1zaWduaW5nLWNhbmFyeQ==";
const TOKEN: &str = "canary-otlp-77e0-token";

#[derive(Debug, Clone)]
struct Arrived {
    path: String,
    headers: HeaderMap,
    body: Bytes,
}

impl Arrived {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("text"))
    }

    /// The numbers of its entries, and their lines.
    fn entries(&self) -> Vec<(i64, String)> {
        let body: Value = serde_json::from_slice(&self.body).expect("JSON");
        let entries = body["data"]["entries"].as_array().expect("entries").clone();
        let read = |entry: &Value| {
            (entry["id"].as_i64().expect("a number"), entry["line"].as_str().expect("a line").to_owned())
        };
        entries.iter().map(read).collect()
    }
}

/// The team's system.
struct System {
    origin: String,
    arrived: Arrivals<Arrived>,
    status: Mutex<StatusCode>,
    /// While this is true, no answer is given.
    is_silent: watch::Sender<bool>,
}

impl System {
    async fn start() -> Arc<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let system = Arc::new(Self {
            origin: format!("http://{}", listener.local_addr().expect("an address")),
            arrived: Arrivals::default(),
            status: Mutex::new(StatusCode::OK),
            is_silent: watch::Sender::new(false),
        });
        let routes = Router::new().fallback(any(receive)).with_state(Arc::clone(&system));
        tokio::spawn(async move { axum::serve(listener, routes).await });
        system
    }

    fn webhook(&self) -> String {
        format!("[audit]\nwebhook = {{ url = \"{}/in\", secret = \"audit_webhook\" }}\n", self.origin)
    }

    fn otlp(&self) -> String {
        format!(
            "[audit]\notlp = {{ url = \"{}/v1/logs\", headers = {{ authorization = \"Bearer {{{{ secret.otlp_token }}}}\" }} }}\n",
            self.origin
        )
    }
}

async fn receive(State(system): State<Arc<System>>, uri: Uri, headers: HeaderMap, body: Bytes) -> StatusCode {
    system.arrived.push(Arrived { path: uri.path().to_owned(), headers, body });
    let mut silent = system.is_silent.subscribe();
    silent.wait_for(|is_silent| !is_silent).await.expect("the system is there");
    *system.status.lock()
}

/// A computer with an audit log and a keyring.
struct Computer {
    folder: tempfile::TempDir,
    audit: AuditLog,
    vault: Vault,
    clock: Clock,
    config: TeamAuditConfig,
}

impl Computer {
    async fn new(team_file: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let audit = AuditLog::open(&folder.path().join("audit.sqlite")).await.expect("a log");
        let store = keyring_core::mock::Store::new().expect("in memory");
        let vault = Vault::with_store(Arc::new(move || Ok(Arc::clone(&store) as _)));
        let config = parse_team_file("team.toml", team_file).expect("valid").audit.expect("there");
        for (name, value) in [("audit_webhook", SIGNING), ("otlp_token", TOKEN)] {
            // Each file needs one of them.
            let _ = store_secret(&config, &vault, name, value.to_owned().into()).await;
        }
        Self { folder, audit, vault, clock: Clock::manual(1_772_452_800_000), config }
    }

    fn feeds_folder(&self) -> PathBuf {
        self.folder.path().join("feeds")
    }

    fn start(&self) -> Arc<AuditFeeds> {
        AuditFeeds::start(&self.config, &self.audit, &self.vault, &self.clock, &self.feeds_folder())
    }

    /// What no system lacks.
    async fn acknowledged_by_all(&self) -> Option<i64> {
        read_acknowledged_by_all(&self.config, &self.audit, &self.feeds_folder()).await.expect("readable")
    }

    /// Writes this many entries outside of sessions.
    async fn write(&self, count: usize) {
        for _ in 0..count {
            let entry = ConsoleEntry::new(self.clock.now_ms(), operator(), ConsoleEvent::Started);
            self.audit.append_console_entry(&entry).await.expect("written");
        }
    }
}

fn sha256_hex(bytes: &[u8]) -> String {
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes);
    hash.as_ref().iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

fn operator() -> OperatorIdentity {
    OperatorIdentity::new("Ada", "ada@acme.com")
}

/// The next state like this.
async fn until(feeds: &AuditFeeds, wanted: impl Fn(&FeedState) -> bool) -> FeedState {
    let mut state = feeds.watch_states().remove(0);
    let found = tokio::time::timeout(PATIENCE, state.wait_for(wanted)).await.expect("it comes so far");
    found.expect("it goes on").clone()
}

fn texts_below(folder: &Path) -> String {
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
    files.map(|file| std::fs::read_to_string(file.path()).expect("text")).collect()
}

/// What the receiver's example in the docs says about a request: the numbers of its entries, or why it is refused.
async fn verify_as_documented(language: &str, secret: &str, request: &Arrived) -> Result<String, String> {
    let docs = include_str!("../../docs/to-your-systems.md");
    let fence = format!("```{language}\n");
    let code = docs.split_once(&fence).expect("an example").1.split_once("```").expect("its end").0;
    let headers: serde_json::Map<String, Value> = ["webhook-id", "webhook-timestamp", "webhook-signature"]
        .map(|name| (name.to_owned(), request.header(name).into()))
        .into_iter()
        .collect();
    // The request was sent at the time of the story's clock.
    let program = match language {
        "python" => format!(
            "{code}\nimport sys\ntime.time = lambda: {}\nsecret, headers = json.loads(sys.argv[1])\n\
             print([one['id'] for one in verify(secret, headers, sys.stdin.buffer.read())])\n",
            request.header("webhook-timestamp")
        ),
        _ => format!(
            "{code}\nimport {{ readFileSync }} from 'node:fs';\nDate.now = () => {} * 1000;\n\
             const [secret, headers] = JSON.parse(process.argv.at(-1));\n\
             console.log('[' + verify(secret, headers, readFileSync(0)).map((one) => one.id).join(', ') + ']');\n",
            request.header("webhook-timestamp")
        ),
    };
    let folder = tempfile::tempdir().expect("a folder");
    let (program_name, file) = if language == "python" { ("python3", "v.py") } else { ("node", "v.mjs") };
    let path = folder.path().join(file);
    std::fs::write(&path, program).expect("written");
    let mut child = Command::new(program_name)
        .arg(&path)
        .arg(serde_json::to_string(&(secret, headers)).expect("JSON"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    child.stdin.take().expect("piped").write_all(&request.body).await.expect("read");
    let output = child.wait_with_output().await.expect("it ends");
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
    }
    Err(String::from_utf8_lossy(&output.stderr).into_owned())
}

#[tokio::test]
async fn the_webhook_gets_all_entries_in_order_and_the_chain_fits() {
    let system = System::start().await;
    let computer = Computer::new(&system.webhook()).await;
    computer.write(230).await;
    assert_eq!(computer.acknowledged_by_all().await, Some(0));
    let feeds = computer.start();
    until(&feeds, |state| state.acknowledged == 230).await;
    // What is written later follows.
    computer.write(1).await;
    until(&feeds, |state| state.acknowledged == 231 && state.waiting == 0).await;
    assert_eq!(computer.acknowledged_by_all().await, Some(231));
    let arrived = system.arrived.all();
    assert!(arrived.iter().all(|request| request.path == "/in"));
    let entries: Vec<(i64, String)> = arrived.iter().flat_map(Arrived::entries).collect();
    let ids: Vec<i64> = entries.iter().map(|(id, _)| *id).collect();
    assert_eq!(ids, (1..=231).collect::<Vec<_>>(), "each once, in order");
    assert!(arrived.iter().all(|request| request.entries().len() <= 100));
    // Each line names the hash of the one before.
    let hash_of = |text: &str| sha256_hex(text.as_bytes());
    for pair in entries.windows(2) {
        let line: Value = serde_json::from_str(&pair[1].1).expect("JSON");
        assert_eq!(line["previous"], hash_of(&pair[0].1), "{}", pair[1].0);
    }
    let ids: std::collections::BTreeSet<&str> = arrived.iter().map(|one| one.header("webhook-id")).collect();
    assert_eq!(ids.len(), arrived.len(), "each message has its own ID");
    assert!(!texts_below(&computer.feeds_folder()).contains("canary"));
}

#[tokio::test]
async fn the_documented_receivers_accept_what_is_signed_and_nothing_that_was_changed() {
    let system = System::start().await;
    let computer = Computer::new(&system.webhook()).await;
    computer.write(3).await;
    let feeds = computer.start();
    until(&feeds, |state| state.acknowledged == 3).await;
    let request = system.arrived.all().remove(0);
    for language in ["python", "js"] {
        let verified = verify_as_documented(language, SIGNING, &request).await;
        assert_eq!(verified.as_deref(), Ok("[1, 2, 3]"), "{language}");
        let changed =
            String::from_utf8(request.body.to_vec()).expect("text").replacen("\"id\":2", "\"id\":9", 1);
        let changed = Arrived { body: changed.into(), ..request.clone() };
        let refused = verify_as_documented(language, SIGNING, &changed).await.expect_err("changed");
        assert!(refused.contains("not signed with this secret"), "{language}: {refused}");
        let other = "whsec_b3RoZXItb3RoZXItb3RoZXItb3RoZXItb3RoZXItb3RoZXI=";
        let refused = verify_as_documented(language, other, &request).await.expect_err("another secret");
        assert!(refused.contains("not signed with this secret"), "{language}: {refused}");
    }
}

#[tokio::test]
async fn what_a_killed_console_was_sending_comes_again_with_the_same_id_and_body() {
    let system = System::start().await;
    let computer = Computer::new(&system.webhook()).await;
    computer.write(2).await;
    system.is_silent.send_replace(true);
    let feeds = computer.start();
    system.arrived.until_came(1).await;
    // The system has it, and the console does not know. Meanwhile, more happens.
    feeds.stop().await;
    system.is_silent.send_replace(false);
    computer.write(2).await;
    let feeds = computer.start();
    until(&feeds, |state| state.acknowledged == 4).await;
    let arrived = system.arrived.all();
    let ids: Vec<&str> = arrived.iter().map(|one| one.header("webhook-id")).collect();
    assert_eq!((ids.len(), ids[0]), (3, ids[1]), "{ids:?}");
    assert_eq!(arrived[0].body, arrived[1].body);
    assert_eq!(arrived[2].entries().iter().map(|(id, _)| *id).collect::<Vec<_>>(), [3, 4]);
}

/// What was being sent is gone: its age was up while the team file did not name the system.
#[tokio::test]
async fn a_system_that_comes_back_after_its_next_entries_were_removed_gets_the_others() {
    let system = System::start().await;
    let computer = Computer::new(&system.webhook()).await;
    computer.write(2).await;
    system.is_silent.send_replace(true);
    let feeds = computer.start();
    system.arrived.until_came(1).await;
    feeds.stop().await;
    computer.clock.advance_by(Duration::from_hours(48));
    computer.write(1).await;
    let now = computer.clock.now_ms();
    let removed = computer.audit.remove_old_entries(&computer.vault, &operator(), 1, None, now).await;
    assert_eq!(removed.expect("removed"), 2);
    system.is_silent.send_replace(false);
    let feeds = computer.start();
    // The third, and the record of the removal.
    until(&feeds, |state| state.acknowledged == 4 && state.waiting == 0).await;
    let last = system.arrived.all().pop().expect("it came");
    assert_eq!(last.entries().iter().map(|(id, _)| *id).collect::<Vec<_>>(), [3, 4]);
}

#[tokio::test]
async fn a_system_that_is_down_for_days_gets_everything_once_it_is_back() {
    let system = System::start().await;
    *system.status.lock() = StatusCode::SERVICE_UNAVAILABLE;
    let computer = Computer::new(&system.webhook()).await;
    computer.write(1).await;
    let feeds = computer.start();
    let state = until(&feeds, |state| state.fault.is_some()).await;
    assert_eq!(state.fault.expect("why").message, format!("{} answered with status 503.", system.origin));
    let first_try = state.next_at.expect("it is tried again");
    // It says how much waits, also of what comes later.
    computer.write(120).await;
    let state = until(&feeds, |state| state.waiting == 121).await;
    assert_eq!(state.waiting_since, Some(1_772_452_800_000));
    computer.clock.advance_by(Duration::from_secs(11));
    system.arrived.until_came(2).await;
    let state = until(&feeds, |state| state.next_at.is_some_and(|next| next > first_try)).await;
    assert!(state.next_at.expect("again") - computer.clock.now_ms() > 11_000, "less and less often");
    *system.status.lock() = StatusCode::OK;
    computer.clock.advance_by(Duration::from_hours(72));
    until(&feeds, |state| state.acknowledged == 121 && state.fault.is_none()).await;
}

#[tokio::test]
async fn a_refusal_is_named_and_stops_it_until_the_operator_says_so() {
    let system = System::start().await;
    *system.status.lock() = StatusCode::FORBIDDEN;
    let computer = Computer::new(&system.webhook()).await;
    computer.write(1).await;
    let feeds = computer.start();
    let state = until(&feeds, |state| state.fault.is_some()).await;
    let fault = state.fault.expect("why");
    assert!(fault.message.contains("status 403") && state.next_at.is_none(), "{fault:?}");
    assert!(fault.hint.expect("what to do").contains("audit.webhook"));
    computer.clock.advance_by(Duration::from_hours(48));
    computer.write(1).await;
    until(&feeds, |state| state.waiting == 2).await;
    assert_eq!(system.arrived.all().len(), 1, "time does not begin it anew");
    *system.status.lock() = StatusCode::NO_CONTENT;
    feeds.retry();
    until(&feeds, |state| state.acknowledged == 2 && state.fault.is_none()).await;
}

#[tokio::test]
async fn a_log_that_was_put_back_is_not_sent_on() {
    let system = System::start().await;
    let computer = Computer::new(&system.webhook()).await;
    computer.write(2).await;
    let older = tempfile::tempdir().expect("a folder");
    let copy = older.path().join("audit.sqlite");
    std::fs::copy(computer.folder.path().join("audit.sqlite"), &copy).expect("copied");
    computer.write(2).await;
    let feeds = computer.start();
    until(&feeds, |state| state.acknowledged == 4).await;
    feeds.stop().await;
    let audit = AuditLog::open(&copy).await.expect("a log");
    let back = Computer { audit, ..computer };
    // Entries with the numbers of those that the system has, and other hashes.
    back.clock.advance_by(Duration::from_secs(1));
    back.write(3).await;
    let feeds = back.start();
    let state = until(&feeds, |state| state.fault.is_some()).await;
    let fault = state.fault.expect("why");
    assert!(fault.message.contains("an older copy was put back") && state.next_at.is_none(), "{fault:?}");
    let ids: Vec<i64> = system.arrived.all().iter().flat_map(Arrived::entries).map(|(id, _)| id).collect();
    assert_eq!(ids, [1, 2, 3, 4]);
}

/// Whoever takes a system out of the team file can't keep it from learning of that.
#[tokio::test]
async fn a_system_that_the_team_file_no_longer_names_is_told_so() {
    let system = System::start().await;
    let webhook = system.webhook();
    let desk = Desk::in_team_with(webhook.trim_start_matches("[audit]\n"), "Ada", |text| text).await;
    let config = parse_team_file("team.toml", &webhook).expect("valid").audit.expect("there");
    store_secret(&config, &desk.vault, "audit_webhook", SIGNING.to_owned().into()).await.expect("stored");
    // It may have been tried before there was a secret to sign with.
    until_true("the system to get entries", async || {
        desk.console.retry_message("webhook").await?;
        Ok((!system.arrived.all().is_empty()).then_some(()))
    })
    .await
    .expect("they arrive");
    let home = Home::in_folder(desk.home.path());
    std::fs::write(home.own_team_file(), "[audit]\nkeep_days = 1\n").expect("written");
    desk.console.load_connections();
    let is_told = |arrived: &Arrived| {
        arrived.entries().iter().any(|(_, line)| line.contains("\"event\":\"team_file_changed\""))
    };
    until_true("the system to be told", async || Ok(system.arrived.all().iter().any(is_told).then_some(())))
        .await
        .expect("it is told");
}

#[tokio::test]
async fn of_two_consoles_with_one_log_only_one_sends() {
    let system = System::start().await;
    let computer = Computer::new(&system.webhook()).await;
    let both = [computer.start(), computer.start()];
    computer.write(5).await;
    system.arrived.until(|arrived| arrived.iter().flat_map(Arrived::entries).count() >= 5).await;
    let ids: Vec<i64> = system.arrived.all().iter().flat_map(Arrived::entries).map(|(id, _)| id).collect();
    assert_eq!(ids, [1, 2, 3, 4, 5]);
    drop(both);
}

/// An attribute's text or number.
fn attribute(record: &[KeyValue], key: &str) -> Option<String> {
    let value = record.iter().find(|one| one.key == key)?.value.clone()?.value?;
    match value {
        any_value::Value::StringValue(text) => Some(text),
        any_value::Value::IntValue(number) => Some(number.to_string()),
        _ => None,
    }
}

#[tokio::test]
async fn a_collector_gets_log_records_with_the_account_switch() {
    let system = System::start().await;
    let computer = Computer::new(&system.otlp()).await;
    let subject = Subject {
        connection: "acme".into(),
        connection_name: "Acme".into(),
        environment: Environment::Production,
        user_id: "42".into(),
        user_name: None,
        user_email: Some("zoe@acme.com".into()),
    };
    let begun = Entry::for_new_session(1_772_452_800_123, "s1", operator(), subject, "Cannot pay");
    computer.audit.append(begun.clone()).await.expect("written");
    computer.audit.append(begun.with_event(1_772_452_800_456, Event::Active)).await.expect("written");
    let refused = Event::Refused { status: Some(403), cause: "No".into() };
    computer.audit.append(begun.with_event(1_772_452_800_789, refused)).await.expect("written");
    let feeds = computer.start();
    until(&feeds, |state| state.acknowledged == 3).await;

    let request = system.arrived.all().remove(0);
    assert_eq!(
        (request.path.as_str(), request.header("content-type")),
        ("/v1/logs", "application/x-protobuf")
    );
    assert_eq!(request.header("authorization"), format!("Bearer {TOKEN}"));
    let decoded = ExportLogsServiceRequest::decode(request.body.clone()).expect("OTLP");
    let [resource] = &decoded.resource_logs[..] else { panic!("{decoded:?}") };
    let of_resource = resource.resource.clone().expect("a resource").attributes;
    assert_eq!(attribute(&of_resource, "service.name").as_deref(), Some("understudy"));
    assert_eq!(attribute(&of_resource, "host.name"), Some(operator().host));
    assert!(attribute(&of_resource, "service.version").is_some());
    let records: &[LogRecord] = &resource.scope_logs[0].log_records;
    let names: Vec<(&str, &str, i32)> = records
        .iter()
        .map(|one| (one.event_name.as_str(), one.severity_text.as_str(), one.severity_number))
        .collect();
    assert_eq!(
        names,
        [
            ("understudy.audit.begun", "INFO", 9),
            ("understudy.audit.active", "INFO", 9),
            ("understudy.audit.refused", "WARN", 13)
        ]
    );
    let active = &records[1];
    assert_eq!(active.time_unix_nano, 1_772_452_800_456_000_000);
    assert!(active.body.is_some());
    for (key, value) in [
        ("ocsf.class_uid", "3002"),
        ("ocsf.activity_id", "7"),
        ("ocsf.account_switch_type_id", "2"),
        ("ocsf.actor.user.email_addr", "ada@acme.com"),
        ("ocsf.user.uid", "42"),
        ("ocsf.user.email_addr", "zoe@acme.com"),
        ("ocsf.service.name", "Acme"),
        ("ocsf.session.uid", "s1"),
        ("ocsf.unmapped.reason", "Cannot pay"),
        ("understudy.entry", "2"),
    ] {
        assert_eq!(attribute(&active.attributes, key).as_deref(), Some(value), "{key}");
    }
    for record in records {
        let line = attribute(&record.attributes, "log.record.original").expect("the line");
        let uid = attribute(&record.attributes, "log.record.uid").expect("an ID");
        assert_eq!(uid, sha256_hex(line.as_bytes()));
    }
    let said = format!("{:?}", feeds.states());
    assert!(!said.contains(TOKEN) && !texts_below(&computer.feeds_folder()).contains("canary"), "{said}");
}

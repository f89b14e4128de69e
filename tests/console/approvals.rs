//! Approval by a second person: asked for, decided from another computer, and used once.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};
use understudy_core::audit::RequestName;
use understudy_core::clock::Clock;
use understudy_core::colleagues::{ApprovalRequest, ApprovalState, TeamLogReach};
use understudy_core::console::Console;
use understudy_core::customer_link::TicketContext;
use understudy_core::error::{Code, Error};
use understudy_core::home::Home;
use understudy_core::notice::{Notice, Notices, Toast};
use understudy_core::session::Phase;
use understudy_test_support::browser::PlainBrowser;
use understudy_test_support::postgres::PostgresServer;
use understudy_test_support::team_server::team_server;
use understudy_test_support::wait::until;

use crate::test_console::Desk;

/// The desk of an operator whose connection asks for approval; `[policy]` is the last part of its file.
async fn desk_of(operator: &str, server: &PostgresServer) -> Desk {
    desk_with(&format!("url = \"{}\"", server.url("understudy", "audit")), operator).await
}

/// The same, with these lines in the team file's `[audit]`.
async fn desk_with(audit: &str, operator: &str) -> Desk {
    let approval = |text| format!("{text}\napproval = \"second_person\"\n");
    let mut desk = Desk::in_team_with(audit, operator, approval).await;
    desk.presence(|presence| presence.reach == TeamLogReach::InReach).await;
    desk
}

/// Somebody on another computer, whose console writes to the team's log.
struct Elsewhere<'a> {
    server: &'a PostgresServer,
    name: &'a str,
    role: &'a str,
}

impl Elsewhere<'_> {
    /// Writes the next entry of their log.
    fn write(&self, event: &str, detail: &Value, answer: &str) {
        let log = format!("log-of-{}", self.name);
        let last = self.server.sql(
            "audit",
            &format!("SELECT id, hash FROM understudy.entries WHERE log = '{log}' ORDER BY id DESC LIMIT 1"),
        );
        let (id, previous) = match last.split_once('|') {
            Some((id, hash)) => (id.parse::<i64>().expect("a number") + 1, hash.to_owned()),
            None => (1, log.clone()),
        };
        let line: BTreeMap<&str, Value> = BTreeMap::from([
            ("at_ms", json!(1_772_452_800_000_i64)),
            ("detail", json!(detail.to_string())),
            ("event", json!(event)),
            ("host", json!(format!("desk-of-{}", self.name))),
            ("id", json!(id)),
            ("operator_email", json!(format!("{}@acme.example", self.name))),
            ("operator_name", json!(self.name)),
            ("os_user", json!(self.name)),
            ("previous", json!(previous)),
            ("reason", json!(answer)),
        ]);
        let line = serde_json::to_string(&line).expect("JSON").replace('\'', "''");
        let (before, hash) = if id == 1 {
            ("NULL".to_owned(), "NULL".to_owned())
        } else {
            ((id - 1).to_string(), format!("'{previous}'"))
        };
        self.server.sql(
            "audit",
            &format!(
                "SET SESSION AUTHORIZATION {};
                 INSERT INTO understudy.entries (log, id, hash, previous_id, previous_hash, line)
                 VALUES ('{log}', {id}, encode(sha256(convert_to('{line}', 'UTF8')), 'hex'), {before}, {hash}, '{line}')",
                self.role
            ),
        );
    }

    fn decide(&self, request: &ApprovalRequest, event: &str, answer: &str) {
        self.write(event, &json!({ "log": request.log, "id": request.id }), answer);
    }
}

/// Asks to sign in as this user; the request, once the team's log has it.
async fn ask(desk: &mut Desk, user: &str) -> ApprovalRequest {
    desk.console.ask_approval("shop", user, "ticket 7", TicketContext::default()).await.expect("asked");
    request_in(desk, ApprovalState::Waiting).await
}

/// The newest request, once it is in this state.
async fn request_in(desk: &mut Desk, state: ApprovalState) -> ApprovalRequest {
    let newest = |requests: &[ApprovalRequest]| requests.last().filter(|one| one.state == state).cloned();
    if let Some(now) = newest(&desk.console.approval_requests()) {
        return now;
    }
    desk.notice(|notice| match notice {
        Notice::Approvals(requests) => newest(requests),
        _ => None,
    })
    .await
}

async fn begin(desk: &Desk, user: &str) -> Result<String, Error> {
    desk.console.impersonate("shop", user, "ticket 7", Map::new()).await.map(|session| session.id)
}

async fn refusal(desk: &Desk, user: &str) -> Error {
    begin(desk, user).await.expect_err("it needs approval")
}

#[tokio::test]
async fn what_a_colleague_approves_begins_one_session_as_this_user() {
    let server = team_server();
    let mut kim = desk_of("Kim", &server).await;
    let users = kim.find("").await;
    let [user, other] = [&users[0].id, &users[1].id];
    let refused = refusal(&kim, user).await;
    assert_eq!(refused.code, Code::ApprovalRequired, "{refused}");

    let request = ask(&mut kim, user).await;
    assert_eq!((request.is_own, &request.user.id, &*request.reason), (true, user, "ticket 7"));
    assert_eq!(refusal(&kim, user).await.code, Code::ApprovalRequired, "nobody has decided");
    Elsewhere { server: &server, name: "ada", role: "understudy" }.decide(&request, "approved", "go on");
    let approved = request_in(&mut kim, ApprovalState::Approved).await;
    assert_eq!((&*approved.decided_by, &*approved.answer), ("ada", "go on"));

    assert_eq!(refusal(&kim, other).await.code, Code::ApprovalRequired, "it is for another user");
    let session = begin(&kim, user).await.expect("it begins");
    kim.until(&session, Phase::Active).await;
    kim.console.end_session(&session, understudy_core::audit::EndCause::Operator).await;
    assert_eq!(refusal(&kim, user).await.code, Code::ApprovalRequired, "it was used");
}

#[tokio::test]
async fn what_is_declined_or_has_expired_begins_nothing() {
    let server = team_server();
    let mut kim = desk_of("Kim", &server).await;
    let user = kim.find("").await.remove(0).id;
    let ada = Elsewhere { server: &server, name: "ada", role: "understudy" };
    let request = ask(&mut kim, &user).await;
    ada.decide(&request, "approval_declined", "not without a ticket");
    let declined = request_in(&mut kim, ApprovalState::Declined).await;
    assert_eq!(declined.answer, "not without a ticket");
    assert_eq!(refusal(&kim, &user).await.code, Code::ApprovalRequired);
    // A second decision changes nothing, and a new request does.
    ada.decide(&request, "approved", "");
    let again = ask(&mut kim, &user).await;
    assert_ne!(again.id, request.id);
    ada.decide(&again, "approved", "");
    request_in(&mut kim, ApprovalState::Approved).await;
    // Ten minutes from when it was asked by the server's clock, which did not stand still since the console read it.
    kim.clock.advance_by(Duration::from_mins(11));
    assert_eq!(refusal(&kim, &user).await.code, Code::ApprovalRequired, "its time is over");
}

#[tokio::test]
async fn nobody_approves_their_own_request() {
    let server = team_server();
    let mut kim = desk_of("Kim", &server).await;
    let user = kim.find("").await.remove(0).id;
    let request = ask(&mut kim, &user).await;
    let name = || RequestName { log: request.log.clone(), id: request.id };
    let refused = kim.console.decide_approval(name(), true, "").await.expect_err("one's own");
    assert_eq!(refused.code, Code::PolicyRefused);
    // Another home of the same account on the same computer, under another name.
    let mut bo = desk_of("Bo", &server).await;
    request_in(&mut bo, ApprovalState::Waiting).await;
    let refused = bo.console.decide_approval(name(), true, "").await.expect_err("the same account");
    assert!(refused.message.contains("your own request"), "{refused}");

    // Whoever gets past the console is not counted either: under one's own name elsewhere.
    Elsewhere { server: &server, name: "Kim", role: "understudy" }.decide(&request, "approved", "");
    Elsewhere { server: &server, name: "ada", role: "understudy" }.decide(&request, "approved", "");
    assert_eq!(request_in(&mut kim, ApprovalState::Approved).await.decided_by, "ada");
}

#[tokio::test]
async fn where_each_person_has_a_role_it_says_who_they_are() {
    let server = team_server();
    server.sql("audit", "CREATE ROLE adas LOGIN IN ROLE understudy");
    let mut kim = desk_of("Kim", &server).await;
    let user = kim.find("").await.remove(0).id;
    let request = ask(&mut kim, &user).await;
    // Kim's role, under another name.
    Elsewhere { server: &server, name: "bo", role: "understudy" }.decide(&request, "approved", "");
    Elsewhere { server: &server, name: "ada", role: "adas" }.decide(&request, "approved", "");
    assert_eq!(request_in(&mut kim, ApprovalState::Approved).await.decided_by, "ada");
    begin(&kim, &user).await.expect("it begins");
}

#[tokio::test]
async fn without_the_teams_log_nothing_is_approved_and_that_is_said() {
    let approval = |text: String| format!("{text}\napproval = \"second_person\"\n");
    let desk = Desk::with_connection(approval).await;
    let user = desk.find("").await.remove(0).id;
    let refused = refusal(&desk, &user).await;
    assert_eq!(refused.code, Code::PolicyRefused);
    assert!(refused.message.contains("no log of the team"), "{refused}");
    let asked = desk.console.ask_approval("shop", &user, "ticket 7", TicketContext::default()).await;
    assert!(asked.expect_err("nobody to ask").message.contains("no log of the team"));
    let broken = desk.console.break_glass("shop", &user, "ticket 7", Map::new(), TicketContext::default());
    assert!(broken.await.expect_err("the policy does not let it").message.contains("lets nobody"));
}

/// Takes from the role what it needs to add entries, and gives it back: the team's log can be read meanwhile.
fn let_write(server: &PostgresServer, may: bool) {
    let (verb, to) = if may { ("GRANT", "TO") } else { ("REVOKE", "FROM") };
    server.sql("audit", &format!("{verb} INSERT (line) ON understudy.entries {to} understudy"));
}

#[tokio::test]
async fn where_the_teams_log_does_not_get_the_session_its_approval_is_not_used_up() {
    let server = team_server();
    let url = server.url("understudy", "audit");
    let mut kim = desk_with(&format!("url = \"{url}\"\nrequired = true"), "Kim").await;
    let user = kim.find("").await.remove(0).id;
    let request = ask(&mut kim, &user).await;
    Elsewhere { server: &server, name: "ada", role: "understudy" }.decide(&request, "approved", "");
    request_in(&mut kim, ApprovalState::Approved).await;

    let_write(&server, false);
    let refused = refusal(&kim, &user).await;
    assert_eq!(refused.code, Code::AuditFailed, "{refused}");
    assert!(refused.message.starts_with("No session begins before the team's log"), "{refused}");
    let_write(&server, true);
    let log = kim.console.team_log().expect("the team has a log");
    log.watch_state().wait_for(|state| state.waiting == 0 && state.problem.is_none()).await.expect("sent");
    let session = begin(&kim, &user).await.expect("it begins");
    kim.until(&session, Phase::Active).await;
    kim.console.end_session(&session, understudy_core::audit::EndCause::Operator).await;
    assert_eq!(refusal(&kim, &user).await.code, Code::ApprovalRequired, "now it is used");
}

/// Lets minutes pass until this computer's log says so often that a request has expired.
async fn expires(console: &Console, clock: &Clock, times: usize) {
    until("the request to expire", async || {
        clock.advance_by(Duration::from_mins(1));
        let found = console.list_entries("event:approval_expired", None, 0).await?;
        Ok((found.entries.len() == times).then_some(()))
    })
    .await
    .expect("it does");
}

#[tokio::test]
async fn a_request_that_no_colleague_ever_saw_expires_on_the_record_too_also_after_a_restart() {
    let server = team_server();
    let kim = desk_of("Kim", &server).await;
    let user = kim.find("").await.remove(0).id;
    let_write(&server, false);
    let ask = || kim.console.ask_approval("shop", &user, "ticket 7", TicketContext::default());
    ask().await.expect("asked");
    expires(&kim.console, &kim.clock, 1).await;

    ask().await.expect("asked");
    kim.console.shut_down().await;
    let home = Home::in_folder(kim.home.path());
    let browser = Arc::new(PlainBrowser::default());
    let clock = kim.clock.clone();
    let again =
        Console::open(home, kim.vault.clone(), browser, Notices::default(), clock).await.expect("it opens");
    expires(&again, &kim.clock, 2).await;
    let_write(&server, true);
    let log = again.team_log().expect("the team has a log");
    log.watch_state().wait_for(|state| state.waiting == 0 && state.problem.is_none()).await.expect("sent");
    let sent = "SELECT count(*) FROM understudy.entries WHERE entry ->> 'event' = 'approval_expired'";
    assert_eq!(server.sql("audit", sent), "2");
}

#[tokio::test]
async fn broken_glass_needs_a_reason_and_is_told_to_all() {
    let server = team_server();
    let url = server.url("understudy", "audit");
    let policy = |text: String| {
        format!("{text}\napproval = \"second_person\"\nbreak_glass = true\nmax_minutes = 30\n")
            .replace("reason = \"required\"", "reason = \"optional\"")
    };
    let mut kim = Desk::in_team(&url, "Kim", policy).await;
    let mut bo = desk_of("Bo", &server).await;
    let user = kim.find("").await.remove(0).id;
    let again = |reason: &'static str| {
        kim.console.break_glass("shop", &user, reason, Map::new(), TicketContext::default())
    };
    assert_eq!(again("").await.expect_err("no reason").code, Code::ReasonRequired);
    let session = again("the house is on fire").await.expect("it begins");
    let told = bo.toast_that(|toast| toast.text.contains("without approval")).await;
    assert!(told.text.starts_with("Kim signs in as "), "{told:?}");
    assert!(told.hint.is_some_and(|hint| hint.contains("the house is on fire")));
    kim.until(&session.id, Phase::Active).await;
}

#[tokio::test]
async fn broken_glass_is_told_after_a_cut_connection_too_and_never_twice() {
    let server = team_server();
    let mut bo = desk_of("Bo", &server).await;
    let ada = Elsewhere { server: &server, name: "ada", role: "understudy" };
    let eve = Elsewhere { server: &server, name: "eve", role: "understudy" };
    let glass = json!({ "mode": "full" });
    // While Bo's console is cut off, it does not hear of it.
    server.sql(
        "postgres",
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'understudy'",
    );
    bo.presence(|presence| presence.reach == TeamLogReach::OutOfReach).await;
    ada.write("glass_broken", &glass, "the house is on fire");
    bo.clock.advance_by(Duration::from_secs(30));
    let without_approval = |toast: &Toast| toast.text.contains("without approval");
    assert!(bo.toast_that(without_approval).await.text.starts_with("ada signs in"));
    bo.presence(|presence| presence.reach == TeamLogReach::InReach).await;

    // Any role may notify: the same again, and a flood of it. What comes next is another one.
    let told = r#"{"log":"log-of-ada","id":1,"event":"glass_broken"}"#;
    server.sql("audit", &format!("SET SESSION AUTHORIZATION understudy; NOTIFY understudy, '{told}'"));
    server.sql(
        "audit",
        &format!(
            "SET SESSION AUTHORIZATION understudy;
             SELECT count(pg_notify('understudy', replace('{told}', '1', n::text))) FROM generate_series(1, 3000) AS n"
        ),
    );
    eve.write("glass_broken", &glass, "it still is");
    assert!(bo.toast_that(without_approval).await.text.starts_with("eve signs in"));
}

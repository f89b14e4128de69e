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
use understudy_core::notice::{Notice, Notices};
use understudy_core::session::Phase;
use understudy_test_support::browser::PlainBrowser;
use understudy_test_support::postgres::PostgresServer;
use understudy_test_support::team_server::team_server;
use understudy_test_support::wait::until;

use crate::test_console::Desk;

/// The desk of an operator whose connection asks for approval; `[policy]` is the last part of its file.
pub async fn desk_of(operator: &str, server: &PostgresServer) -> Desk {
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
pub struct Elsewhere<'a> {
    pub server: &'a PostgresServer,
    pub name: &'a str,
    pub role: &'a str,
}

impl Elsewhere<'_> {
    /// Writes the next entry of their log, and tells the others of it.
    pub fn write(&self, event: &str, detail: &Value, answer: &str) {
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
                 VALUES ('{log}', {id}, encode(sha256(convert_to('{line}', 'UTF8')), 'hex'), {before}, {hash}, '{line}');
                 SELECT pg_notify('understudy', json_build_object('log', '{log}', 'id', {id}, 'event', '{event}')::text)",
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
    let before: Vec<i64> = desk.console.approval_requests().iter().map(|one| one.id).collect();
    desk.console.ask_approval("shop", user, "ticket 7", TicketContext::default()).await.expect("asked");
    let new = |requests: &[ApprovalRequest]| requests.iter().find(|one| !before.contains(&one.id)).cloned();
    desk.notice(|notice| match notice {
        Notice::Approvals(requests) => new(requests),
        _ => None,
    })
    .await
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

/// Makes what the team's log has seem this much older.
pub fn age(server: &PostgresServer, minutes: u32) {
    server.sql(
        "audit",
        &format!(
            "SET session_replication_role = replica;
             UPDATE understudy.entries SET written_at = written_at - interval '{minutes} minutes'"
        ),
    );
}

/// Cuts all consoles' connections; this one does not connect again before its clock goes on.
pub async fn cut_off(desk: &mut Desk, server: &PostgresServer) {
    server.sql(
        "postgres",
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'understudy'",
    );
    desk.presence(|presence| presence.reach == TeamLogReach::OutOfReach).await;
}

/// Lets the team's log take no entries for a while, as if it were busy: it can be read meanwhile.
fn let_arrive(server: &PostgresServer, may: bool) {
    server.sql(
        "audit",
        if may {
            "DROP TRIGGER busy ON understudy.entries"
        } else {
            "CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE 'busy'; END$$;
             CREATE TRIGGER busy BEFORE INSERT ON understudy.entries EXECUTE FUNCTION public.refuse()"
        },
    );
}

/// Lets this console connect again, and read the database's clock.
async fn reconnect(desk: &mut Desk, server: &PostgresServer) {
    cut_off(desk, server).await;
    desk.clock.advance_by(Duration::from_secs(30));
    desk.presence(|presence| presence.reach == TeamLogReach::InReach).await;
}

/// Opens the console of this desk's home anew.
async fn open_again(desk: &Desk) -> Arc<Console> {
    desk.console.shut_down().await;
    let (home, browser) = (Home::in_folder(desk.home.path()), Arc::new(PlainBrowser::default()));
    let opened = Console::open(home, desk.vault.clone(), browser, Notices::default(), desk.clock.clone());
    opened.await.expect("it opens")
}

/// The numbers of the requests that have expired, as this console's log says.
async fn list_expired(console: &Console) -> Vec<i64> {
    let found = console.list_entries("event:approval_expired", None, 0).await.expect("the log is read");
    let id = |detail: &str| serde_json::from_str::<RequestName>(detail).expect("a request").id;
    found.entries.iter().map(|one| id(&one.detail)).collect()
}

#[tokio::test]
async fn a_declined_request_never_expires_however_late_its_console_starts_again() {
    let server = team_server();
    let mut kim = desk_of("Kim", &server).await;
    let users = kim.find("").await;
    let declined = ask(&mut kim, &users[0].id).await;
    Elsewhere { server: &server, name: "ada", role: "understudy" }.decide(&declined, "approval_declined", "");
    request_in(&mut kim, ApprovalState::Declined).await;
    let undecided = ask(&mut kim, &users[1].id).await;

    age(&server, 40);
    kim.clock.advance_by(Duration::from_mins(40));
    let again = open_again(&kim).await;
    expires(&again, &kim.clock, 1).await;
    assert_eq!(list_expired(&again).await, [undecided.id]);
}

#[tokio::test]
async fn a_request_that_arrives_late_can_be_approved_and_used_for_as_long_as_any_other() {
    let server = team_server();
    let mut kim = desk_of("Kim", &server).await;
    let user = kim.find("").await.remove(0).id;
    let_arrive(&server, false);
    kim.console.ask_approval("shop", &user, "ticket 7", TicketContext::default()).await.expect("asked");
    kim.clock.advance_by(Duration::from_mins(9));
    // The clock of this test has gone ahead of the database's.
    reconnect(&mut kim, &server).await;
    let_arrive(&server, true);
    let request = request_in(&mut kim, ApprovalState::Waiting).await;
    Elsewhere { server: &server, name: "ada", role: "understudy" }.decide(&request, "approved", "");
    request_in(&mut kim, ApprovalState::Approved).await;

    kim.clock.advance_by(Duration::from_mins(5));
    assert_eq!(list_expired(&kim.console).await, [0_i64; 0]);
    let session = begin(&kim, &user).await.expect("it begins");
    kim.until(&session, Phase::Active).await;
}

#[tokio::test]
async fn setting_this_computers_clock_forward_ends_no_request() {
    let server = team_server();
    let mut kim = desk_of("Kim", &server).await;
    let user = kim.find("").await.remove(0).id;
    let request = ask(&mut kim, &user).await;
    kim.clock.set_wall(60 * 60_000);
    Elsewhere { server: &server, name: "ada", role: "understudy" }.decide(&request, "approved", "");
    request_in(&mut kim, ApprovalState::Approved).await;
    assert_eq!(list_expired(&kim.console).await, [0_i64; 0]);
    begin(&kim, &user).await.expect("it begins");
}

#[tokio::test]
async fn while_the_teams_log_is_out_of_reach_no_request_is_said_to_have_expired() {
    let mut server = team_server();
    let mut kim = desk_of("Kim", &server).await;
    let users = kim.find("").await;
    let declined = ask(&mut kim, &users[0].id).await;
    let undecided = ask(&mut kim, &users[1].id).await;
    server.stop();
    kim.presence(|presence| presence.reach == TeamLogReach::OutOfReach).await;
    kim.clock.advance_by(Duration::from_mins(11));
    let again = open_again(&kim).await;
    kim.clock.advance_by(Duration::from_mins(11));
    assert_eq!(list_expired(&again).await, [0_i64; 0]);

    // Ada had declined one of them in time, which this console did not hear.
    server.start_again();
    Elsewhere { server: &server, name: "ada", role: "understudy" }.decide(&declined, "approval_declined", "");
    age(&server, 15);
    expires(&again, &kim.clock, 1).await;
    assert_eq!(list_expired(&again).await, [undecided.id]);
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
    let_arrive(&server, false);
    let ask = || kim.console.ask_approval("shop", &user, "ticket 7", TicketContext::default());
    ask().await.expect("asked");
    expires(&kim.console, &kim.clock, 1).await;

    ask().await.expect("asked");
    let again = open_again(&kim).await;
    expires(&again, &kim.clock, 2).await;
    let_arrive(&server, true);
    let log = again.team_log().expect("the team has a log");
    log.watch_state().wait_for(|state| state.waiting == 0 && state.problem.is_none()).await.expect("sent");
    let sent = "SELECT count(*) FROM understudy.entries WHERE entry ->> 'event' = 'approval_expired'";
    assert_eq!(server.sql("audit", sent), "2");
}

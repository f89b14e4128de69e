//! The team file and the team's log, as an operator meets them in the console and on the command line.

use std::path::Path;

use secrecy::SecretString;
use serde_json::Map;
use understudy_core::audit::Outcome;
use understudy_core::audit::reader::{EntryFilter, LogReader};
use understudy_core::error::Code;
use understudy_core::home::Home;
use understudy_core::session::Phase;
use understudy_core::team_log::{password_destination, password_name, render_setup};
use understudy_core::vault::Keep;
use understudy_test_support::postgres::PostgresServer;

use crate::cli::Terminal;
use crate::test_console::Desk;

/// The password of the team's database. It is in the keyring alone.
const CANARY: &str = "canary-7c1f9b-of-the-team";

fn start_server() -> PostgresServer {
    let server = PostgresServer::start();
    server.sql("postgres", "CREATE DATABASE audit");
    server
}

fn set_up(server: &PostgresServer, sql: &str) {
    server.sql("audit", sql);
    server.sql("postgres", &format!("ALTER ROLE understudy PASSWORD '{CANARY}'"));
}

fn write_team_file(home: &Path, text: &str) {
    std::fs::write(Home::in_folder(home).own_team_file(), text).expect("written");
}

/// The events in this computer's log that belong to sessions.
async fn session_events(desk: &Desk) -> Vec<String> {
    let path = Home::in_folder(desk.home.path()).audit_file().expect("a path");
    let log = LogReader::open(&path).await.expect("opens");
    let entries = log.read_after(&EntryFilter::default(), 0, 1_000).await.expect("readable");
    entries.iter().filter(|one| !one.text("session").is_empty()).map(|one| one.text("event")).collect()
}

#[tokio::test]
async fn with_a_team_file_that_cannot_be_used_nothing_begins() {
    let desk = Desk::new().await;
    let user = desk.find("").await.remove(0);
    write_team_file(desk.home.path(), "[audit]\nurl = \"postgres://us@127.0.0.1/audit\"\nrequire = true\n");
    let problems = desk.console.load_connections().problems;
    assert!(problems.iter().any(|one| one.message.contains("team.toml:3:1: audit.require")), "{problems:?}");
    let refused =
        desk.console.impersonate("shop", &user.id, "ticket 7", Map::new()).await.expect_err("refused");
    assert_eq!(refused.code, Code::SettingsInvalid);
    assert!(refused.message.contains("did you mean `required`?"), "{refused}");
    assert_eq!(session_events(&desk).await, Vec::<String>::new());

    write_team_file(desk.home.path(), "");
    desk.console.impersonate("shop", &user.id, "ticket 7", Map::new()).await.expect("begins");
    assert!(desk.console.load_connections().problems.is_empty());
}

#[tokio::test]
async fn a_session_begins_once_the_teams_log_has_it_and_not_without_it() {
    let mut server = start_server();
    set_up(&server, &render_setup("understudy", "audit"));
    let mut desk = Desk::new().await;
    let url = server.url("understudy", "audit");
    let password = SecretString::from(CANARY);
    let (name, place) = (password_name(), password_destination(&url));
    desk.vault.store_secret(&name, password, Keep::Stored, &place).await.expect("stored");
    write_team_file(desk.home.path(), &format!("[audit]\nurl = \"{url}\"\nrequired = true\n"));
    let (ada, bea) = {
        let mut found = desk.find("").await;
        (found.remove(0), found.remove(0))
    };
    let session = desk.console.impersonate("shop", &ada.id, "ticket 7", Map::new()).await.expect("begins");
    let begun = "SELECT entry ->> 'reason', entry ->> 'user_id' FROM understudy.entries WHERE entry ->> 'event' = 'begun'";
    assert_eq!(server.sql("audit", begun), format!("ticket 7|{}", ada.id));
    desk.until(&session.id, Phase::Active).await;

    server.stop();
    let refused =
        desk.console.impersonate("shop", &bea.id, "ticket 8", Map::new()).await.expect_err("refused");
    assert_eq!(refused.code, Code::AuditFailed);
    assert!(
        refused.message.starts_with("No session begins before the team's log has its first entry"),
        "{refused}"
    );
    assert!(!format!("{refused:#}").contains(CANARY));
    // The one that ran goes on, and both are told later.
    assert_eq!(session_events(&desk).await, ["begun", "active", "begun", "ended"]);
    let past = desk.console.session_entries(&session.id).await.expect("readable").entries;
    assert!(past.iter().all(|entry| entry.outcome != Some(Outcome::Crashed)));
    server.start_again();
    let log = desk.console.team_log().expect("the team has a log");
    log.watch_state().wait_for(|state| state.waiting == 0 && state.problem.is_none()).await.expect("sent");
    desk.console.impersonate("shop", &bea.id, "ticket 8", Map::new()).await.expect("begins");
}

#[tokio::test]
async fn the_teams_log_is_set_up_checked_and_verified_in_a_terminal() {
    let server = start_server();
    let terminal = Terminal::new().await;
    let said = terminal.run(&["audit", "check"]).await;
    assert!(said.code == 1 && said.err.contains("There is no team file"), "{said:?}");
    let url = server.url("understudy", "audit");
    write_team_file(terminal.home(), &format!("[audit]\nurl = \"{url}\"\n"));

    let said = terminal.run(&["audit", "setup"]).await;
    assert_eq!(said.code, 0, "{said:?}");
    set_up(&server, &said.out);
    let said = terminal.run(&["audit", "check"]).await;
    assert!(
        said.code == 1 && said.out.contains("understudy secret set team.toml database_password"),
        "{said:?}"
    );
    let said = terminal.type_in(&["secret", "set", "team.toml", "database_password"], CANARY).await;
    assert_eq!(said.code, 0, "{said:?}");
    let said = terminal.run(&["audit", "check"]).await;
    assert_eq!(said.code, 0, "{said:?}");
    // That the password was stored.
    assert!(said.out.contains("1 of this computer wait to be sent"), "{said:?}");
    assert!(!format!("{said:?}").contains(CANARY));
    let said = terminal.run(&["audit", "verify", "--team"]).await;
    assert!(said.code == 0 && said.out.contains("has no entries"), "{said:?}");
    let said = terminal.run(&["audit", "list", "--team"]).await;
    assert!(said.code == 0 && said.out.is_empty() && said.err.contains("No entries."), "{said:?}");

    server.sql("audit", "GRANT DELETE ON understudy.entries TO understudy");
    let said = terminal.run(&["audit", "check"]).await;
    assert!(said.code == 1 && said.out.contains("its role \"understudy\" could remove entries"), "{said:?}");
    write_team_file(terminal.home(), "[audit]\nurl = \"postgres://understudy:canary-7c1f9b@db/audit\"\n");
    let said = terminal.run(&["audit", "setup"]).await;
    assert!(
        said.code == 1 && said.err.contains("holds a password") && !said.err.contains("7c1f9b"),
        "{said:?}"
    );
}

/// Two consoles with a session each, and a terminal that reads both.
#[tokio::test]
async fn the_entries_of_all_consoles_are_listed_and_shown_in_a_terminal() {
    let server = start_server();
    set_up(&server, &render_setup("understudy", "audit"));
    let url = server.url("understudy", "audit");
    let (mut begun, mut desks) = (Vec::new(), Vec::new());
    for at in 0..2 {
        let mut desk = Desk::new().await;
        let (name, place) = (password_name(), password_destination(&url));
        desk.vault.store_secret(&name, CANARY.into(), Keep::Stored, &place).await.expect("stored");
        write_team_file(desk.home.path(), &format!("[audit]\nurl = \"{url}\"\nrequired = true\n"));
        let user = desk.find("").await.remove(at);
        let reason = format!("ticket {at}");
        let session = desk.console.impersonate("shop", &user.id, &reason, Map::new()).await.expect("begins");
        desk.until(&session.id, Phase::Active).await;
        let log = desk.console.team_log().expect("the team has a log");
        log.watch_state().wait_for(|state| state.waiting == 0).await.expect("sent");
        begun.push((session.id, user.id, reason));
        desks.push(desk);
    }
    // The view of the second console has both.
    let console = &desks[1].console;
    let page = console.list_team_entries("event:begun", None, 1).await.expect("readable");
    assert_eq!(page.next, None);
    let mut seen: Vec<_> = page.entries.iter().map(|one| (&*one.session, &*one.reason)).collect();
    let mut expected: Vec<_> = begun.iter().map(|(session, _, reason)| (&**session, &**reason)).collect();
    seen.sort_unstable();
    expected.sort_unstable();
    assert_eq!(seen, expected);
    let of = |session: &str| {
        let entry = page.entries.iter().find(|one| one.session == session).expect("listed");
        entry.console.clone().expect("of a console")
    };
    let (other, own) = (of(&begun[0].0), of(&begun[1].0));
    assert_eq!((other.is_own, own.is_own, &*other.written_by), (false, true, "understudy"));
    assert_ne!(other.log, own.log);
    let steps = console.team_session_entries(&other.log, &begun[0].0, 1).await.expect("readable").entries;
    let events: Vec<&str> = steps.iter().map(|one| one.event.as_str()).collect();
    assert_eq!(events, ["begun", "active"]);
    let counts = console.count_team_sessions(1).await.expect("readable");
    assert_eq!((counts.sessions, counts.users, counts.by_user.len()), (2, 2, 2));
    let report = console.verify_team_log(1).await.expect("readable");
    assert!(report.is_intact && report.findings[0].contains("of 2 consoles are as written"), "{report:?}");
    let typed = "connection:";
    let found = console.complete_team_log_search(typed, typed.len(), 1).await.expect("readable");
    assert!(found.iter().any(|one| one.insert.to_lowercase().contains("shop")), "{found:?}");
    console.leave_team_log(5);
    let error = console.list_team_entries("", None, 4).await.expect_err("the view is closed");
    assert_eq!(error.code, Code::Cancelled);

    let terminal = Terminal::new().await;
    write_team_file(terminal.home(), &format!("[audit]\nurl = \"{url}\"\n"));
    let said = terminal.type_in(&["secret", "set", "team.toml", "database_password"], CANARY).await;
    assert_eq!(said.code, 0, "{said:?}");

    let said = terminal.run(&["audit", "list", "--team"]).await;
    assert_eq!(said.code, 0, "{said:?}");
    let lines: Vec<&str> = said.out.lines().collect();
    for (session, _, reason) in &begun {
        let line = lines.iter().find(|line| line.contains(session) && line.contains("begun"));
        assert!(line.is_some_and(|line| line.contains(reason)), "{said:?}");
    }
    assert!(lines.is_sorted_by_key(|line| line.get(..19)), "the oldest first: {said:?}");
    let (session, user, reason) = &begun[1];
    let said = terminal.run(&["audit", "list", "--team", "--user", user, "--latest", "1"]).await;
    assert!(said.out.lines().count() == 1 && said.out.contains(session), "{said:?}");

    let said = terminal.run(&["audit", "show", "--team", session]).await;
    assert_eq!(said.code, 0, "{said:?}");
    for part in [session.as_str(), reason, "written as understudy", "begun", "active"] {
        assert!(said.out.contains(part), "{part}: {said:?}");
    }
    // What both begin with.
    let said = terminal.run(&["audit", "show", "--team", "0"]).await;
    assert!(said.code == 1 && said.err.contains("Several sessions' IDs begin with"), "{said:?}");
    let said = terminal.run(&["audit", "show", "--team", "f"]).await;
    assert!(said.code == 1 && said.err.contains("No session's ID begins with"), "{said:?}");

    server.sql("audit", "REVOKE SELECT ON understudy.entries FROM understudy");
    let said = terminal.run(&["audit", "list", "--team"]).await;
    assert!(said.code == 1 && said.err.contains("may not read the team's log"), "{said:?}");
    assert!(!format!("{said:?}").contains(CANARY));
}

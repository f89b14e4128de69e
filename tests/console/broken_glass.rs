//! Signing in without the approval that is needed: all of the team are told, whatever their consoles did meanwhile.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::sync::broadcast::Receiver;
use understudy_core::colleagues::TeamLogReach;
use understudy_core::console::Console;
use understudy_core::customer_link::TicketContext;
use understudy_core::error::Code;
use understudy_core::home::Home;
use understudy_core::notice::{Notice, Notices, Toast};
use understudy_core::session::Phase;
use understudy_test_support::browser::PlainBrowser;
use understudy_test_support::postgres::PostgresServer;
use understudy_test_support::team_server::team_server;
use understudy_test_support::wait::until;

use crate::approvals::{Elsewhere, age, cut_off, desk_of};
use crate::test_console::Desk;

fn is_about_glass(toast: &Toast) -> bool {
    toast.text.contains("without approval")
}

fn glass() -> Value {
    json!({ "mode": "full" })
}

/// The desk of an operator whose console has read the team's log: from then on, they are told.
async fn watching_desk(operator: &str, server: &PostgresServer) -> Desk {
    let desk = desk_of(operator, server).await;
    remembers(&desk, "told_before_ms").await;
    desk
}

/// Waits until the console remembers this, also after it is closed.
async fn remembers(desk: &Desk, what: &str) {
    let bookmarks = Home::in_folder(desk.home.path()).told_glass_file();
    until("the console to remember what it has told", async || {
        let text = std::fs::read_to_string(&bookmarks).unwrap_or_default();
        Ok(text.contains(what).then_some(()))
    })
    .await
    .expect("it does");
}

/// Somebody on another computer.
fn person<'a>(server: &'a PostgresServer, name: &'a str) -> Elsewhere<'a> {
    Elsewhere { server, name, role: "understudy" }
}

/// Opens the console of this desk's home anew, with a window that shows its messages.
async fn open_again(desk: &Desk) -> (Arc<Console>, Receiver<Notice>) {
    let (home, browser) = (Home::in_folder(desk.home.path()), Arc::new(PlainBrowser::default()));
    let notices = Notices::default();
    let told = notices.subscribe();
    let opened = Console::open(home, desk.vault.clone(), browser, notices, desk.clock.clone());
    let console = opened.await.expect("it opens");
    console.send_queued_notices();
    (console, told)
}

/// The next message about a session without approval.
async fn next_told(told: &mut Receiver<Notice>) -> Toast {
    let next = async {
        loop {
            match told.recv().await.expect("the console lives") {
                Notice::Toast(toast) if is_about_glass(&toast) => return toast,
                _ => {}
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), next).await.expect("it is told")
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
    let mut bo = watching_desk("Bo", &server).await;
    let user = kim.find("").await.remove(0).id;
    let again = |reason: &'static str| {
        kim.console.break_glass("shop", &user, reason, Map::new(), TicketContext::default())
    };
    assert_eq!(again("").await.expect_err("no reason").code, Code::ReasonRequired);
    let session = again("the house is on fire").await.expect("it begins");
    let told = bo.toast_that(is_about_glass).await;
    assert!(told.text.starts_with("Kim signs in as "), "{told:?}");
    assert!(told.hint.is_some_and(|hint| hint.contains("the house is on fire")));
    kim.until(&session.id, Phase::Active).await;
}

#[tokio::test]
async fn broken_glass_is_told_after_a_cut_connection_too_and_never_twice() {
    let server = team_server();
    let mut bo = watching_desk("Bo", &server).await;
    let ada = Elsewhere { server: &server, name: "ada", role: "understudy" };
    let eve = Elsewhere { server: &server, name: "eve", role: "understudy" };
    let glass = json!({ "mode": "full" });
    // While Bo's console is cut off, it does not hear of it.
    cut_off(&mut bo, &server).await;
    ada.write("glass_broken", &glass, "the house is on fire");
    bo.clock.advance_by(Duration::from_secs(30));
    assert!(bo.toast_that(is_about_glass).await.text.starts_with("ada signs in"));
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
    assert!(bo.toast_that(is_about_glass).await.text.starts_with("eve signs in"));
}

#[tokio::test]
async fn what_happened_while_no_console_ran_is_told_at_the_next_start_and_once() {
    let server = team_server();
    let bo = watching_desk("Bo", &server).await;
    bo.console.shut_down().await;
    person(&server, "ada").write("glass_broken", &glass(), "the house is on fire");
    age(&server, 20);
    let (console, mut told) = open_again(&bo).await;
    let toast = next_told(&mut told).await;
    assert!(toast.text.starts_with("ada signed in as "), "{toast:?}");
    assert!(toast.text.ends_with("without approval 20 minutes ago."), "{toast:?}");
    remembers(&bo, "log-of-ada").await;
    console.shut_down().await;

    person(&server, "eve").write("glass_broken", &glass(), "it still is");
    let (console, mut told) = open_again(&bo).await;
    let toast = next_told(&mut told).await;
    assert!(toast.text.starts_with("eve signs in as "), "{toast:?}");
    console.shut_down().await;
}

#[tokio::test]
async fn a_team_file_that_changes_meanwhile_keeps_nothing_back() {
    let server = team_server();
    let mut bo = watching_desk("Bo", &server).await;
    cut_off(&mut bo, &server).await;
    person(&server, "ada").write("glass_broken", &glass(), "the house is on fire");
    let file = Home::in_folder(bo.home.path()).own_team_file();
    let text = std::fs::read_to_string(&file).expect("it is there");
    std::fs::write(&file, format!("{text}required = true\n")).expect("written");
    bo.console.read_team().expect("it can be used");
    bo.clock.advance_by(Duration::from_secs(30));
    assert!(bo.toast_that(is_about_glass).await.text.starts_with("ada signs in"));
}

#[tokio::test]
async fn where_they_are_many_all_are_counted_in_one_message() {
    let server = team_server();
    let bo = watching_desk("Bo", &server).await;
    bo.console.shut_down().await;
    server.sql(
        "audit",
        r#"SET SESSION AUTHORIZATION understudy;
        DO $$
        DECLARE
            previous text := 'log-of-ada';
            line text;
        BEGIN
            FOR n IN 1..150 LOOP
                line := '{"at_ms":1772452800000,"connection":"shop","event":"glass_broken","id":' || n
                    || ',"operator_name":"ada","previous":"' || previous || '","user_id":"' || n || '"}';
                INSERT INTO understudy.entries (log, id, hash, previous_id, previous_hash, line)
                VALUES ('log-of-ada', n, encode(sha256(convert_to(line, 'UTF8')), 'hex'), nullif(n - 1, 0),
                    CASE WHEN n > 1 THEN previous END, line);
                previous := encode(sha256(convert_to(line, 'UTF8')), 'hex');
            END LOOP;
        END
        $$"#,
    );
    let (console, mut told) = open_again(&bo).await;
    let toast = next_told(&mut told).await;
    assert_eq!(toast.text, "150 sessions have begun without approval.");
    let hint = toast.hint.expect("which");
    assert!(hint.starts_with("The latest: ada as 150 (shop) just now; ada as 149 "), "{hint}");
    assert!(hint.contains("and 147 earlier."), "{hint}");
    remembers(&bo, "log-of-ada").await;
    console.shut_down().await;

    person(&server, "eve").write("glass_broken", &glass(), "one more");
    let (console, mut told) = open_again(&bo).await;
    let toast = next_told(&mut told).await;
    assert!(toast.text.starts_with("eve signs in as "), "none of them is told again: {toast:?}");
    console.shut_down().await;
}

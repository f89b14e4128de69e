//! What an operator may change about the record of what they do is itself on record, before or as soon as it counts.

use std::path::Path;

use secrecy::SecretString;
use serde_json::Map;
use understudy_core::audit::EndCause;
use understudy_core::audit::reader::StoredEntry;
use understudy_core::home::Home;
use understudy_core::session::Phase;
use understudy_core::settings::Settings;
use understudy_core::team_log::{password_destination, password_name, render_setup};
use understudy_core::vault::Keep;
use understudy_test_support::postgres::PostgresServer;
use understudy_test_support::wait::until;

use crate::test_console::Desk;

const PASSWORD: &str = "of-the-team";

fn write_team_file(home: &Path, text: &str) {
    std::fs::write(Home::in_folder(home).own_team_file(), text).expect("written");
}

/// Waits until the desk's log has so many entries of this kind; returns what they say.
async fn said(desk: &Desk, event: &str, count: usize) -> Vec<String> {
    until("the log to say it", async || {
        let entries = desk.console_entries().await;
        let said: Vec<String> =
            entries.iter().filter(|one| one.text("event") == event).map(StoredEntry::describe).collect();
        Ok((said.len() == count).then_some(said))
    })
    .await
    .expect("it is written")
}

/// Also in the log that the team file no longer names.
#[tokio::test]
async fn another_team_file_is_recorded_where_it_counted_until_then_too() {
    let server = PostgresServer::start();
    server.sql("postgres", "CREATE DATABASE audit");
    server.sql("audit", &render_setup("understudy", "audit"));
    server.sql("postgres", &format!("ALTER ROLE understudy PASSWORD '{PASSWORD}'"));
    let url = server.url("understudy", "audit");
    let desk = Desk::new().await;
    let user = desk.find("").await.remove(0);
    let (name, place) = (password_name(), password_destination(&url));
    desk.vault.store_secret(&name, SecretString::from(PASSWORD), Keep::Stored, &place).await.expect("stored");

    write_team_file(desk.home.path(), &format!("[audit]\nurl = \"{url}\"\nkeep_days = 365\n"));
    desk.console.load_connections();
    assert_eq!(said(&desk, "team_file_changed", 1).await, ["audit.keep_days, audit.url"]);
    write_team_file(desk.home.path(), &format!("# 2026\n[audit]\nurl = \"{url}\"\nkeep_days = 365\n"));
    desk.console.load_connections();

    // Seen as soon as it would count.
    write_team_file(desk.home.path(), "[audit]\nkeep_days = 1\n");
    desk.console.impersonate("shop", &user.id, "ticket 7", Map::new()).await.expect("begins");
    let words = "audit.keep_days, audit.url";
    assert_eq!(said(&desk, "team_file_changed", 2).await, [words, words]);
    let sent = "SELECT count(*) FROM understudy.entries WHERE entry ->> 'event' = 'team_file_changed'";
    until("the team to learn of it", async || Ok((server.sql("audit", sent) == "2").then_some(())))
        .await
        .expect("it is sent");

    // Emptied, it is still there.
    write_team_file(desk.home.path(), "# nothing\n");
    desk.console.load_connections();
    assert_eq!(said(&desk, "team_file_changed", 3).await, [words, words, "audit.keep_days"]);
    write_team_file(desk.home.path(), "[audit]\nkeep_days = 1\n");
    desk.console.load_connections();
    said(&desk, "team_file_changed", 4).await;

    std::fs::remove_file(Home::in_folder(desk.home.path()).own_team_file()).expect("removed");
    desk.console.load_connections();
    let gone = "audit.keep_days, the file is gone";
    assert_eq!(said(&desk, "team_file_changed", 5).await[4], gone);
}

#[tokio::test]
async fn an_operator_with_another_name_is_recorded_by_the_former_one() {
    let desk = Desk::new().await;
    let before = desk.console.settings();
    let named = Settings { operator_name: "Kim".into(), operator_email: "kim@example.org".into(), ..before };
    desk.console.save_settings(named.clone()).expect("saved");
    assert_eq!(said(&desk, "operator_changed", 1).await, ["now Kim, kim@example.org"]);
    desk.console.save_settings(named).expect("saved");
    desk.console
        .save_settings(Settings { operator_name: "Lou".into(), ..desk.console.settings() })
        .expect("saved");
    said(&desk, "operator_changed", 2).await;
    let entries = desk.console_entries().await;
    let last = entries.iter().rfind(|one| one.text("event") == "operator_changed").expect("there");
    assert_eq!(
        (last.text("operator_name"), last.describe()),
        ("Kim".into(), "now Lou, kim@example.org".into())
    );
}

/// The settings are a file, which Understudy need not be there to change.
#[tokio::test]
async fn another_name_in_the_settings_file_is_recorded_at_the_next_start_once() {
    let mut desk = Desk::new().await;
    let user = desk.find("").await.remove(0);
    let begun = desk.console.impersonate("shop", &user.id, "ticket 7", Map::new()).await.expect("begins");
    desk.until(&begun.id, Phase::Active).await;
    let named = Settings { operator_name: "Kim".into(), ..desk.console.settings() };
    desk.console.save_settings(named.clone()).expect("saved");
    said(&desk, "operator_changed", 1).await;
    // A session ends by whom it began.
    desk.console.end_session(&begun.id, EndCause::Operator).await;
    let home = Home::in_folder(desk.home.path());
    // The entry about the new name is the last one outside of sessions, and has the former one.
    desk.open_again().await;
    assert_eq!(said(&desk, "operator_changed", 1).await, ["now Kim"]);
    Settings { operator_name: "Lou".into(), ..named }.save(&home).expect("written");
    for _ in 0..2 {
        desk.open_again().await;
        assert_eq!(said(&desk, "operator_changed", 2).await, ["now Kim", "now Lou"]);
    }
    let entries = desk.console_entries().await;
    let by: Vec<String> = entries
        .iter()
        .filter(|one| one.text("event") == "operator_changed")
        .map(|one| one.text("operator_name"))
        .collect();
    assert_eq!(by, ["", "Kim"]);
}

/// Without it, nothing would be a change.
#[tokio::test]
async fn what_was_known_of_the_files_cannot_be_removed_unseen() {
    let desk = Desk::new().await;
    let home = Home::in_folder(desk.home.path());
    std::fs::remove_file(home.known_connections_file().expect("a path")).expect("removed");
    write_team_file(desk.home.path(), "[audit]\nkeep_days = 1\n");
    desk.open_again().await;
    assert_eq!(said(&desk, "team_file_changed", 1).await, ["audit.keep_days"]);
    assert_eq!(said(&desk, "connection_added", 1).await.len(), 1);
    desk.open_again().await;
    assert_eq!(said(&desk, "team_file_changed", 1).await, ["audit.keep_days"]);
}

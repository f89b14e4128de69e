//! What the audit log has besides sessions: each event once, in words, before it happens where it reveals something, and
//! never with a secret.

use secrecy::SecretString;
use serde_json::Map;
use understudy_core::access::OffSiteChoice;
use understudy_core::audit::reader::{EntryFilter, LogReader};
use understudy_core::audit::verify::verify_log;
use understudy_core::audit::{DownloadedFile, EndCause};
use understudy_core::error::Code;
use understudy_core::home::Home;
use understudy_core::session::Phase;
use understudy_core::vault::Keep;

use crate::test_console::{Desk, replace_line};

/// A secret that must be in no entry.
const CANARY: &str = "canary-7f3a";

/// What the log says, the oldest first: event, whom it is about, and what else.
async fn told(desk: &Desk) -> Vec<String> {
    let path = Home::in_folder(desk.home.path()).audit_file().expect("a path");
    let bytes = std::fs::read(&path).expect("readable");
    assert!(!String::from_utf8_lossy(&bytes).contains(CANARY), "a secret is in the log");
    let found = verify_log(&path, None).await.expect("readable");
    assert_eq!(found.faults, []);
    let log = LogReader::open(&path).await.expect("opens");
    let entries = log.read_after(&EntryFilter::default(), 0, 1_000).await.expect("readable");
    let line = |title: String, about: String, said: String| format!("{title}|{about}|{said}");
    entries.iter().map(|one| line(one.title(), one.user(), one.describe())).collect()
}

/// The same, without what begins and ends in it.
async fn told_since(desk: &Desk, before: &[String]) -> Vec<String> {
    let now = told(desk).await;
    assert_eq!(&now[..before.len()], before);
    now[before.len()..].to_vec()
}

/// The connection with these lines in its `[policy]`, which is the last part of it.
fn with_policy(lines: &str) -> impl FnOnce(String) -> String {
    let lines = lines.to_owned();
    move |text| format!("{text}\n{lines}\n")
}

#[tokio::test]
async fn a_console_that_starts_and_stops_says_so_and_so_does_whoever_stores_a_secret() {
    let desk = Desk::new().await;
    assert_eq!(told(&desk).await, ["started||", "secret stored||admin_token, until Understudy quits"]);
    let before = told(&desk).await;
    let store = |keep| desk.console.store_secret("shop", "admin_token", SecretString::from(CANARY), keep);
    store(Keep::Stored).await.expect("stored");
    assert!(desk.console.forget_secret("shop", "admin_token").await.expect("forgotten"));
    assert!(!desk.console.forget_secret("shop", "admin_token").await.expect("it was gone"));
    desk.console.shut_down().await;
    assert_eq!(
        told_since(&desk, &before).await,
        ["secret stored||admin_token", "secret forgotten||admin_token", "stopped||"]
    );
}

#[tokio::test]
async fn a_refusal_by_the_policy_names_its_rule() {
    let desk = Desk::with_connection(with_policy("protect = [\"user.plan == 'team'\"]")).await;
    let team = desk.find("plan:team").await.remove(0);
    let free = desk.find("plan:free").await.remove(0);
    let before = told(&desk).await;
    for (user, reason, code) in [
        (&team, "ticket 7", Code::PolicyRefused),
        (&free, "  ", Code::ReasonRequired),
        (&free, &*"x".repeat(501), Code::ReasonRequired),
    ] {
        let refused =
            desk.console.impersonate("shop", &user.id, reason, Map::new()).await.expect_err("refused");
        assert_eq!(refused.code, code);
    }
    let told = told_since(&desk, &before).await;
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(
        told[0].starts_with("denied|")
            && told[0].ends_with("|the user is protected: user.plan == 'team', ticket 7"),
        "{told:?}"
    );
    assert!(told[1].ends_with("|no reason was given"), "{told:?}");
    assert!(told[2].contains("|the reason was too long, xxx"), "{told:?}");
    assert!(told.iter().all(|line| line.contains('@')), "the user is named: {told:?}");
}

/// A log that can't be written to keeps nobody from being told that they are refused.
#[tokio::test]
async fn a_refusal_is_recorded_later_if_the_log_is_locked() {
    let desk = Desk::new().await;
    let user = desk.find("").await.remove(0);
    let before = told(&desk).await;
    let held = desk.hold_audit_log().await;
    let refused = desk.console.impersonate("shop", &user.id, "", Map::new()).await.expect_err("refused");
    assert_eq!(refused.code, Code::ReasonRequired, "not an error of the log");
    drop(held);
    desk.console.shut_down().await;
    let told = told_since(&desk, &before).await;
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].ends_with("|no reason was given") && told[1] == "stopped||", "{told:?}");
}

#[tokio::test]
async fn what_a_session_held_back_saved_and_left_for_is_written_before_its_end() {
    let policy = "mode = \"read_only\"\nmay_unlock = false";
    let mut desk = Desk::with_connection(with_policy(policy)).await;
    let user = desk.find("").await.remove(0);
    let session = desk.console.impersonate("shop", &user.id, "ticket 7", Map::new()).await.expect("begins");
    let id = session.id.as_str();
    desk.until(id, Phase::Active).await;
    let origin = desk.demo.application.origin().to_owned();
    for path in ["/api/items?token=canary-7f3a", "/api/items", "/api/others"] {
        assert_eq!(desk.browser.post(id, &format!("{origin}{path}")).await, 403);
    }
    desk.console
        .set_session_mode(id, understudy_core::access::SessionMode::Full, Some("why not"))
        .await
        .expect_err("never");
    let elsewhere = "https://maps.example/?x=canary-7f3a";
    assert_eq!(desk.browser.open_page(id, elsewhere).await, 403);
    let page = desk.console.off_site_page(id).expect("it runs").expect("it asks");
    let target = desk.console.answer_off_site(id, &page.url, OffSiteChoice::OpenInBrowser).expect("heard");
    assert_eq!(target.expect("it leads there").as_str(), elsewhere);
    let file = DownloadedFile { name: "invoice.pdf".into(), host: "127.0.0.1".into(), bytes: 2_048 };
    desk.console.note_download(id, file);
    desk.console.end_session(id, EndCause::Operator).await;

    let host = origin.split_once("://").expect("an origin").1;
    let told = told(&desk).await;
    let begun = told.iter().position(|line| line.starts_with("begun|")).expect("it began");
    let (first, last) = (&told[begun], told.last().expect("it ended"));
    assert!(first.ends_with("|read-only, ticket 7") && last.ends_with("|operator, 3 held back"), "{told:?}");
    let mut middle: Vec<&str> = told[begun + 1..told.len() - 1].iter().map(String::as_str).collect();
    // What the policy refused is written at once, and the rest soon: which of them is first is no promise.
    middle.sort_unstable();
    let user = first.split('|').nth(1).expect("the user");
    let mut expected = [
        format!("active|{user}|"),
        format!("held back|{user}|POST {host}/api/items"),
        format!("held back|{user}|POST {host}/api/others"),
        format!("unlock denied|{user}|This connection's policy keeps its sessions read-only."),
        format!("left|{user}|to maps.example, in the operator's own browser"),
        format!("downloaded|{user}|invoice.pdf, 2048 bytes, from 127.0.0.1"),
    ];
    expected.sort();
    assert_eq!(middle, expected);
}

#[tokio::test]
async fn a_changed_connection_file_is_named_by_its_keys_whoever_changed_it() {
    let desk = Desk::new().await;
    let before = told(&desk).await;
    let text = desk.console.read_draft("shop").expect("it is saved").text;
    // Comments are no change.
    desk.console.save_connection(Some("shop"), &format!("# {CANARY}\n{text}")).await.expect("saved");
    let renamed = replace_line(&text, "name", "name = \"Shop 2\"");
    desk.console.save_connection(Some("shop"), &renamed).await.expect("saved");
    let copy = desk.console.duplicate_connection("shop").expect("copied");

    // By another program.
    let folder = Home::in_folder(desk.home.path()).connections_dir().expect("a folder");
    let edited = replace_line(&renamed, "success", &format!("success = \"{CANARY}\""));
    std::fs::write(folder.join("shop.toml"), &edited).expect("written");
    desk.console.load_connections();
    // While it is broken, nothing is known of it.
    std::fs::write(folder.join("shop.toml"), "name =").expect("written");
    desk.console.load_connections();
    std::fs::write(folder.join("shop.toml"), &edited).expect("written");
    desk.console.load_connections();
    desk.console.remove_connection(&copy.id, false).await.expect("removed");
    std::fs::remove_file(folder.join("shop.toml")).expect("removed");
    desk.console.load_connections();
    desk.console.shut_down().await;
    assert_eq!(
        told_since(&desk, &before).await,
        [
            "connection changed||name",
            "connection added||",
            "connection changed||sign_in.success, outside of the console",
            "connection removed||",
            "connection removed||outside of the console",
            "stopped||"
        ]
    );
}

#[tokio::test]
async fn lookups_are_recorded_where_the_connection_wants_it_and_without_an_entry_nothing_is_shown() {
    let desk = Desk::with_connection(with_policy("record_lookups = true")).await;
    let before = told(&desk).await;
    let user = desk.find("").await.remove(0);
    let found = desk.find(&format!("plan:team {CANARY}")).await;
    assert!(found.is_empty());
    let again = desk.find(&format!(" plan:team {CANARY} ")).await;
    assert!(again.is_empty());
    desk.console.user_details("shop", &user.id).await.expect("shown");
    let told = told_since(&desk, &before).await;
    assert_eq!(told.len(), 4, "{told:?}");
    assert_eq!(told[0], "searched||20 users shown");
    assert!(
        told[1].starts_with("searched||text ") && told[1].ends_with("filtered by plan, 0 users shown"),
        "{told:?}"
    );
    assert_eq!(told[1], told[2], "the same text has the same hash");
    assert!(told[3].starts_with("details opened|") && told[3].contains('@'), "{told:?}");

    let held = desk.hold_audit_log().await;
    let query = understudy_core::directory::ListRequest::first_page("", 20);
    let refused = desk.console.search_users("shop", &query, 0).await.expect_err("unrecorded");
    assert_eq!(refused.code, Code::AuditFailed);
    assert!(
        refused.message.starts_with("The users found are not shown, because this could not be recorded."),
        "{refused}"
    );
    let refused = desk.console.user_details("shop", &user.id).await.expect_err("unrecorded");
    assert!(refused.message.starts_with("The user's details are not shown,"), "{refused}");
    drop(held);
    desk.find("").await;
}

#[tokio::test]
async fn other_connections_record_no_lookups() {
    let desk = Desk::new().await;
    let before = told(&desk).await;
    let user = desk.find("").await.remove(0);
    desk.console.user_details("shop", &user.id).await.expect("shown");
    assert_eq!(told_since(&desk, &before).await, [""; 0]);
}

#[tokio::test]
async fn what_leaves_is_recorded_first_or_stays() {
    let mut desk = Desk::new().await;
    let user = desk.find("").await.remove(0);
    let session = desk.console.impersonate("shop", &user.id, "ticket 7", Map::new()).await.expect("begins");
    desk.until(&session.id, Phase::Active).await;
    let before = told(&desk).await;
    desk.console.record_evidence(&session, "html").await.expect("recorded");
    let to = desk.home.path().join("shop.toml");
    desk.console.export_connection("shop", &to).await.expect("exported");
    let short: String = session.id.chars().take(8).collect();
    let told = told_since(&desk, &before).await;
    assert!(told[0].ends_with(&format!("|evidence of session {short}, html")), "{told:?}");
    assert_eq!(told[1..], ["exported||connection file, toml"]);

    let held = desk.hold_audit_log().await;
    let refused = desk.console.record_evidence(&session, "html").await.expect_err("unrecorded");
    assert!(refused.message.starts_with("The evidence stays here, because"), "{refused}");
    drop(held);
}

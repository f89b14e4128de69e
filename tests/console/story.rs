//! Find a customer, sign in as them, leave; and everything that may go wrong on the way.

use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::Map;
use understudy_core::audit::{EndCause, Event};
use understudy_core::directory::{Place, RecordsRequest};
use understudy_core::error::Code;
use understudy_core::session::Phase;
use understudy_demo::{Delay, LoginAnswer, MeAnswer};
use understudy_test_support::browser::Shown;
use understudy_test_support::wait::until;

use crate::test_console::{Desk, TOKEN, ended_by, replace_line};

const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::test]
async fn an_agent_finds_a_customer_becomes_them_and_leaves() {
    find_become_and_leave(Desk::new().await).await;
}

#[tokio::test]
async fn an_order_number_leads_to_its_customer() {
    let desk = Desk::new().await;
    let found = desk.find("ord-700016").await;
    let [customer] = &found[..] else { panic!("one customer: {found:?}") };
    let through = customer.found_through.as_ref().expect("the row says why");
    assert_eq!((through.label.as_str(), through.value.as_str()), ("Order", "ORD-700016"));
    let request = RecordsRequest { user: customer.id.clone(), related: 0, place: Place::Start, limit: 5 };
    let orders = desk.console.list_records("shop", &request, 1).await.expect("their orders");
    assert!(orders.rows.iter().any(|row| row.cells.contains(&Some("ORD-700016".into()))), "{orders:?}");
    // The demo has no page about an order.
    let refused = desk.console.record_page("shop", 0, &orders.rows[0]).await.unwrap_err();
    assert_eq!(refused.code, Code::ConnectionInvalid);
    assert!(desk.find("ORD-699999").await.is_empty());
}

/// The whole story, for any directory.
pub async fn find_become_and_leave(mut desk: Desk) {
    let user = desk.find("an").await.remove(0);
    let session = desk
        .console
        .impersonate("shop", &user.id, " Ticket 1: no button ", Map::new())
        .await
        .expect("begins");
    assert_eq!(session.phase, Phase::Opening);
    assert_eq!(session.reason, "Ticket 1: no button");

    let active = desk.until(&session.id, Phase::Active).await;
    assert!(active.active_at >= Some(session.started_at));
    assert!(desk.toast().await.text.starts_with("Impersonating "));
    let Some(Shown::Page(page)) = desk.browser.shown(&session.id) else { panic!("the application is shown") };
    assert!(page.contains("Signed in as"), "{page}");

    desk.console.end_session(&session.id, EndCause::Operator).await;
    assert_eq!(desk.browser.shown(&session.id), None, "the window is closed");
    assert!(desk.console.sessions().is_empty());

    let received: Vec<_> = desk
        .demo
        .application
        .journal()
        .into_iter()
        .map(|one| (one.method, one.path, one.signed_in_as.map(|id| id.to_string())))
        .collect();
    let who = Some(user.id.clone());
    let expected = [
        ("POST", "/login", who.clone()),
        ("GET", "/api/me", who.clone()),
        ("GET", "/", who.clone()),
        ("POST", "/logout", who),
    ];
    let expected = expected.map(|(method, path, who)| (method.to_owned(), path.to_owned(), who));
    assert_eq!(received, expected, "the first request is the webhook, the last one the sign-out");

    let past = desk.console.user_details("shop", &user.id).await.expect("details").past;
    assert_eq!(past.len(), 1);
    assert_eq!(past[0].reason, "Ticket 1: no button");
    assert!(past[0].ended_at.is_some());
    assert_eq!(past[0].sign_out_failed, None);
    assert_eq!(desk.console.recent_reasons("shop").await.expect("reasons"), ["Ticket 1: no button"]);
    let familiar = desk.console.familiar_users("shop").await.expect("familiar");
    assert_eq!(familiar.len(), 1);
    assert_eq!(familiar[0].row.id, user.id);
    let latest = familiar[0].latest.clone().expect("a session");
    assert_eq!(latest.reason, "Ticket 1: no button");
    assert_eq!(desk.console.latest_session().await.expect("latest"), Some(latest));
}

#[tokio::test]
async fn a_refused_sign_in_says_why_and_works_when_tried_again() {
    let mut desk = Desk::new().await;
    desk.set_token("a wrong token").await;
    let user = desk.find("").await.remove(0);
    let session =
        desk.console.impersonate("shop", &user.id, "why not", Map::new()).await.expect("the window opens");
    desk.until(&session.id, Phase::Refused).await;
    let Some(Shown::Refusal(refusal)) = desk.browser.shown(&session.id) else { panic!("a refusal is shown") };
    assert_eq!(refusal.title, "The application refused the sign-in: 401 Unauthorized");
    assert!(!format!("{refusal:?}").contains("a wrong token"));

    desk.set_token(TOKEN).await;
    desk.console.retry_session(&session.id).expect("it can be tried again");
    desk.until(&session.id, Phase::Active).await;
}

#[tokio::test]
async fn two_customers_at_once_do_not_see_each_other() {
    let mut desk = Desk::new().await;
    let users = desk.find("").await;
    let one = desk.console.impersonate("shop", &users[0].id, "a", Map::new()).await.expect("begins");
    let other = desk.console.impersonate("shop", &users[1].id, "b", Map::new()).await.expect("begins");
    for session in [&one, &other] {
        if desk.console.find_session(&session.id).expect("runs").phase != Phase::Active {
            desk.until(&session.id, Phase::Active).await;
        }
    }
    let me = desk.demo.application.origin().to_owned() + "/api/me";
    for (session, user) in [(&one, &users[0]), (&other, &users[1])] {
        let answer = desk.browser.visit(&session.id, &me).await;
        let json: serde_json::Value = serde_json::from_str(&answer.body).expect("JSON");
        assert_eq!(json["id"].to_string(), user.id);
    }
    // One session ends; the other stays signed in.
    desk.console.end_session(&one.id, EndCause::Operator).await;
    assert_eq!(desk.browser.visit(&other.id, &me).await.status, 200);
}

#[tokio::test]
async fn the_same_customer_again_brings_the_running_session_to_the_front() {
    let desk = Desk::new().await;
    let user = desk.find("").await.remove(0);
    let (first, second) = tokio::join!(
        desk.console.impersonate("shop", &user.id, "a", Map::new()),
        desk.console.impersonate("shop", &user.id, "a", Map::new())
    );
    let (first, second) = (first.expect("begins"), second.expect("is the same"));
    assert_eq!(first.id, second.id);
    assert_eq!(desk.browser.opened.lock().expect("no panic").len(), 1);
    assert_eq!(*desk.browser.focused.lock().expect("no panic"), [first.id]);
}

#[tokio::test]
async fn a_session_of_another_user_is_never_shown() {
    let mut desk = Desk::new().await;
    desk.demo.application.change_faults(|faults| faults.me = MeAnswer::WrongUser);
    let user = desk.find("").await.remove(0);
    let session =
        desk.console.impersonate("shop", &user.id, "a", Map::new()).await.expect("the window opens");
    desk.until(&session.id, Phase::Refused).await;
    let Some(Shown::Refusal(refusal)) = desk.browser.shown(&session.id) else { panic!("a refusal is shown") };
    assert_eq!(refusal.title, "The application signed in another user");
    assert!(desk.demo.application.journal().iter().all(|one| one.path != "/"));
    // The user may be signed in, so there is a sign-out.
    desk.console.end_session(&session.id, EndCause::WindowClosed).await;
    assert!(desk.demo.application.journal().iter().any(|one| one.path == "/logout"));
}

#[tokio::test]
async fn a_slow_sign_in_can_be_cancelled() {
    let desk = Desk::new().await;
    desk.demo.application.change_faults(|faults| faults.login_delay = Delay::UntilReleased);
    let user = desk.find("").await.remove(0);
    let session =
        desk.console.impersonate("shop", &user.id, "a", Map::new()).await.expect("the window opens");
    desk.demo.application.wait_for(|one| one.path == "/login", PATIENCE).await.expect("the request left");
    desk.console.end_session(&session.id, EndCause::Operator).await;
    assert_eq!(desk.browser.shown(&session.id), None);
}

#[tokio::test]
async fn a_window_that_is_closed_while_it_opens_holds_nobody_up() {
    let mut desk = Desk::new().await;
    let users = desk.find("").await;
    desk.browser.stuck.store(true, Ordering::SeqCst);
    let opening = async { desk.console.impersonate("shop", &users[0].id, "a", Map::new()).await };
    let closing = async {
        let id =
            until("the window", async || Ok(desk.browser.opened.lock().expect("no panic").first().cloned()))
                .await
                .expect("it opens");
        desk.console.end_session(&id, EndCause::WindowClosed).await;
    };
    let (opened, ()) = tokio::join!(opening, closing);
    let session = opened.expect("whoever closed it knows");
    assert!(desk.console.sessions().is_empty());
    assert!(desk.demo.application.journal().is_empty(), "nothing was sent");
    let log = desk.audit().await.read_entries(10).await.expect("entries");
    let events: Vec<_> = log.iter().map(|entry| &entry.event).collect();
    assert!(
        matches!(events[..], [Event::Ended { cause: EndCause::WindowClosed, .. }, Event::Begun]),
        "{events:?}"
    );
    assert!(log.iter().all(|entry| entry.session == session.id));

    // The next one does not have to wait, and no error was reported.
    desk.browser.stuck.store(false, Ordering::SeqCst);
    let next = desk.console.impersonate("shop", &users[1].id, "b", Map::new()).await.expect("begins");
    desk.until(&next.id, Phase::Active).await;
    assert!(desk.told.iter().all(|told| !told.contains("audit")), "{:?}", desk.told);
}

#[tokio::test]
async fn policy_comes_before_everything() {
    let desk = Desk::with_connection(|text| {
        replace_line(&text, "reason ", "reason = \"required\"\nprotect = [\"user.role in ['admin', 'owner', 'member', 'viewer', 'billing']\"]")
    })
    .await;
    let user = desk.find("").await.remove(0);
    let error = desk.console.impersonate("shop", &user.id, "  ", Map::new()).await.unwrap_err();
    assert_eq!(error.code, Code::ReasonRequired);
    let error = desk.console.impersonate("shop", &user.id, "a reason", Map::new()).await.unwrap_err();
    assert_eq!(error.code, Code::PolicyRefused);
    assert!(error.message.contains("user.role in"), "{error}");
    assert!(desk.demo.application.journal().is_empty(), "nothing was sent");
    assert!(desk.browser.opened.lock().expect("no panic").is_empty(), "no window opened");
}

#[tokio::test]
async fn without_an_audit_entry_there_is_no_session() {
    let desk = Desk::new().await;
    let user = desk.find("").await.remove(0);
    // The log's table is gone, so every append fails.
    let file = understudy_core::home::Home::in_folder(desk.home.path()).audit_file().expect("a path");
    let pool = sqlx::SqlitePool::connect(&format!("sqlite://{}", file.display())).await.expect("opens");
    let table: String = sqlx::query_scalar(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%' LIMIT 1",
    )
    .fetch_one(&pool)
    .await
    .expect("a table");
    sqlx::query(sqlx::AssertSqlSafe(format!("ALTER TABLE {table} RENAME TO away")))
        .execute(&pool)
        .await
        .expect("renamed");
    pool.close().await;
    let error = desk.console.impersonate("shop", &user.id, "a", Map::new()).await.unwrap_err();
    assert_eq!(error.code, Code::AuditFailed);
    assert!(desk.demo.application.journal().is_empty());
    assert!(desk.browser.opened.lock().expect("no panic").is_empty());
    assert!(desk.console.sessions().is_empty());
}

#[tokio::test]
async fn a_missing_secret_is_named_and_nothing_is_sent() {
    let desk = Desk::with_connection(|text| text.replace("secret.admin_token", "secret.other_token")).await;
    let user = desk.find("").await.remove(0);
    let error = desk.console.impersonate("shop", &user.id, "a", Map::new()).await.unwrap_err();
    let secret = error.secret.clone().unwrap_or_else(|| panic!("names the secret: {error:?}"));
    assert_eq!((secret.connection.as_str(), secret.name.as_str()), ("shop", "other_token"));
    assert!(desk.demo.application.journal().is_empty());
    assert!(desk.console.sessions().is_empty());
}

#[tokio::test]
async fn a_deleted_user_is_reported() {
    let desk = Desk::new().await;
    let error = desk.console.impersonate("shop", "1", "a", Map::new()).await.unwrap_err();
    assert_eq!(error.code, Code::UserNotFound);
}

#[tokio::test]
async fn quitting_signs_out_of_everything() {
    let mut desk = Desk::new().await;
    let users = desk.find("").await;
    for user in &users[..3] {
        let session = desk.console.impersonate("shop", &user.id, "a", Map::new()).await.expect("begins");
        desk.until(&session.id, Phase::Active).await;
    }
    desk.console.shut_down().await;
    let outs = desk.demo.application.journal().iter().filter(|one| one.path == "/logout").count();
    assert_eq!(outs, 3);
}

#[tokio::test]
async fn a_session_whose_time_is_up_ends_by_itself_and_signs_out() {
    const MINUTE: Duration = Duration::from_mins(1);
    let mut desk = Desk::with_connection(|text| format!("{text}\nmax_minutes = 60\n")).await;
    let user = desk.find("").await.remove(0);
    let session = desk.console.impersonate("shop", &user.id, "a", Map::new()).await.expect("begins");
    let active = desk.until(&session.id, Phase::Active).await;
    assert_eq!(active.deadline, active.active_at.map(|at| at + 3_600_000));

    desk.clock.advance_by(MINUTE * 59);
    assert_eq!(desk.console.find_session(&session.id).expect("it runs").phase, Phase::Active);
    desk.clock.advance_by(MINUTE);
    desk.until_gone(&session.id).await;
    assert_eq!(desk.browser.shown(&session.id), None, "the window is closed");
    assert!(desk.demo.application.journal().iter().any(|one| one.path == "/logout"));
    let last = desk.audit().await.read_entries(1).await.expect("readable").remove(0);
    assert_eq!(
        (last.event, last.at_ms),
        (ended_by(EndCause::Deadline), active.deadline.expect("a deadline"))
    );
}

#[tokio::test]
async fn a_failed_sign_out_still_closes_the_window_and_is_logged() {
    let mut desk = Desk::new().await;
    desk.demo.application.change_faults(|faults| faults.logout = Some(500));
    let user = desk.find("").await.remove(0);
    let session = desk.console.impersonate("shop", &user.id, "a", Map::new()).await.expect("begins");
    desk.until(&session.id, Phase::Active).await;
    desk.console.end_session(&session.id, EndCause::Operator).await;
    assert_eq!(desk.browser.shown(&session.id), None);
    let why = "it was answered with 500 Internal Server Error";
    assert_eq!(desk.ended().await.sign_out_failed.as_deref(), Some(why));
    let past = desk.console.user_details("shop", &user.id).await.expect("details").past;
    assert_eq!(past[0].sign_out_failed.as_deref(), Some(why));
}

#[tokio::test]
async fn the_admin_token_appears_nowhere() {
    let mut desk = Desk::new().await;
    let user = desk.find("").await.remove(0);
    let session = desk.console.impersonate("shop", &user.id, "a", Map::new()).await.expect("begins");
    desk.until(&session.id, Phase::Active).await;
    desk.console.end_session(&session.id, EndCause::Operator).await;
    // A refusal that repeats the token.
    desk.demo.application.change_faults(|faults| faults.login = LoginAnswer::Echo);
    let session =
        desk.console.impersonate("shop", &user.id, "b", Map::new()).await.expect("the window opens");
    desk.until(&session.id, Phase::Refused).await;
    let Some(Shown::Refusal(refusal)) = desk.browser.shown(&session.id) else { panic!("a refusal is shown") };
    assert!(format!("{refusal:?}").contains("••••"), "the application did repeat it: {refusal:?}");
    desk.console.end_session(&session.id, EndCause::Operator).await;
    desk.console.shut_down().await;

    assert!(!format!("{refusal:?} {:?}", desk.told).contains(TOKEN));
    for file in files_below(desk.home.path()) {
        let content = std::fs::read(&file).expect("readable");
        let found = content.windows(TOKEN.len()).any(|window| window == TOKEN.as_bytes());
        assert!(!found, "the token is in {}", file.display());
    }
}

fn files_below(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() { files.extend(files_below(&path)) } else { files.push(path) }
    }
    files
}

#[tokio::test]
async fn an_older_search_that_arrives_late_does_not_take_the_newer_ones_place() {
    let desk = Desk::new().await;
    let query = |text: &str| understudy_core::directory::ListRequest::first_page(text, 5);
    let newer =
        desk.console.search_users("shop", &query("anna"), 2).await.expect("the newer one is answered");
    assert!(!newer.rows.is_empty());
    let late = desk.console.search_users("shop", &query(""), 1).await.unwrap_err();
    assert_eq!(late.code, Code::Cancelled);
}

#[tokio::test]
async fn the_search_text_is_read_completed_and_counted_as_the_directory_understands_it() {
    let desk = Desk::new().await;
    let console = &desk.console;
    let reading = console.read_search("shop", "anna plan:pro plna:free").await.expect("it is read");
    let chips: Vec<(&str, &str, bool)> =
        reading.chips.iter().map(|chip| (chip.column.as_str(), chip.value.as_str(), chip.complete)).collect();
    assert_eq!(chips, [("plan", "pro", true)]);
    assert_eq!(reading.unknown[0].closest.as_deref(), Some("plan"));
    let next = console.complete_search("shop", "anna pla", 8).await.expect("it is completed");
    assert_eq!(next[0].insert, "plan:");

    let all = console.count_users("shop", "", 1).await.expect("all are counted");
    assert!(!all.capped && all.users > 1000, "{all:?}");
    let found = console.count_users("shop", "anna", 2).await.expect("what is found is counted");
    assert!(found.users > 0 && found.users < all.users, "{found:?}");
    console.stop_count("shop", 4).expect("there is nothing newer");
    let late = console.count_users("shop", "", 3).await.unwrap_err();
    assert_eq!(late.code, Code::Cancelled, "what was stopped before it arrived is not begun");
}

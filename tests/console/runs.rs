//! Several runs of Understudy in one home: none closes another one's sessions as crashed, and what a crash left is
//! reported.

use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;

use serde_json::Map;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use understudy_core::audit::{EndCause, Entry, Event, Outcome};
use understudy_core::clock::Clock;
use understudy_core::console::Console;
use understudy_core::home::Home;
use understudy_core::notice::{Notice, Notices};
use understudy_core::session::Phase;
use understudy_core::vault::Vault;
use understudy_test_support::browser::PlainBrowser;

use crate::slow_shop::SlowShop;
use crate::test_console::Desk;

/// Another console in the same home: a second login, `ssh -X`, another desktop.
async fn another_console(desk: &Desk) -> (Arc<Console>, tokio::sync::broadcast::Receiver<Notice>) {
    let notices = Notices::default();
    let listening = notices.subscribe();
    let browser = Arc::new(PlainBrowser::default());
    let store = keyring_core::mock::Store::new().expect("in memory");
    let vault = Vault::with_store(Arc::new(move || Ok(Arc::clone(&store) as _)));
    let home = Home::in_folder(desk.home.path());
    let console = Console::open(home, vault, browser, notices, Clock::manual(9_000)).await.expect("it opens");
    (console, listening)
}

/// A running `understudy check --user` for a connection of this home.
fn trial(home: &Path) -> Child {
    Command::new(env!("CARGO_BIN_EXE_understudy"))
        .args(["check", "slow", "--user", "7"])
        .env("UNDERSTUDY_HOME", home)
        .env_remove("DBUS_SESSION_BUS_ADDRESS")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("it starts")
}

/// The messages shown to the operator so far.
fn toasts(told: &mut tokio::sync::broadcast::Receiver<Notice>) -> Vec<String> {
    let heard = std::iter::from_fn(|| told.try_recv().ok());
    heard
        .filter_map(|notice| if let Notice::Toast(toast) = notice { Some(toast.text) } else { None })
        .collect()
}

async fn entries(desk: &Desk) -> Vec<Entry> {
    desk.audit().await.read_entries(50).await.expect("readable")
}

fn ends(entries: &[Entry]) -> Vec<(&str, EndCause)> {
    let end = |entry: &Entry| match entry.event {
        Event::Ended { cause, .. } => Some(cause),
        _ => None,
    };
    entries.iter().filter_map(|entry| Some((entry.session.as_str(), end(entry)?))).collect()
}

/// Adds the connection `slow` beside the desk's own.
async fn slow_shop(desk: &Desk) -> Arc<SlowShop> {
    let shop = SlowShop::start().await;
    let text = shop.exchange(desk.home.path()).await;
    let file = Home::in_folder(desk.home.path()).connections_dir().expect("a folder").join("slow.toml");
    std::fs::write(file, text).expect("written");
    desk.console.load_connections();
    shop
}

#[tokio::test]
async fn a_second_console_on_the_same_home_leaves_the_sessions_of_the_first_alone() {
    let mut desk = Desk::new().await;
    let user = desk.find("").await.remove(0);
    let session = desk.console.impersonate("shop", &user.id, "a", Map::new()).await.expect("begins");
    desk.until(&session.id, Phase::Active).await;

    let (second, mut told) = another_console(&desk).await;
    second.send_queued_notices();
    assert!(toasts(&mut told).is_empty(), "nothing crashed");
    assert!(ends(&entries(&desk).await).is_empty());
    let past = second.user_details("shop", &user.id).await.expect("details").past;
    assert_eq!(past[0].outcome, Outcome::Running, "the second one sees it run");

    desk.console.end_session(&session.id, EndCause::Operator).await;
    let log = entries(&desk).await;
    assert_eq!(ends(&log), [(session.id.as_str(), EndCause::Operator)], "the first one's own end is written");
}

#[tokio::test]
async fn killed_sessions_are_closed_at_the_next_start_and_running_ones_are_not() {
    let mut desk = Desk::new().await;
    let user = desk.find("").await.remove(0);
    let running = desk.console.impersonate("shop", &user.id, "a", Map::new()).await.expect("begins");
    desk.until(&running.id, Phase::Active).await;
    let shop = slow_shop(&desk).await;
    shop.be_slow();
    let mut killed = trial(desk.home.path());
    shop.began.notified().await;

    // While it runs, a console that starts leaves it alone.
    let (second, _) = another_console(&desk).await;
    assert!(ends(&entries(&desk).await).is_empty());
    drop(second);

    killed.kill().await.expect("killed");
    let (third, mut told) = another_console(&desk).await;
    third.send_queued_notices();
    let said = "Understudy stopped unexpectedly while you were signed in as ada@example.com (Slow).";
    assert_eq!(toasts(&mut told), [said]);
    let log = entries(&desk).await;
    let [(session, EndCause::Crash)] = ends(&log)[..] else { panic!("{log:#?}") };
    assert_ne!(session, running.id);
    let past = third.user_details("slow", "7").await.expect("details").past;
    assert_eq!(past[0].outcome, Outcome::Crashed);

    // It is reported once, and the live session still ends normally.
    third.send_queued_notices();
    assert!(toasts(&mut told).is_empty());
    desk.console.end_session(&running.id, EndCause::Operator).await;
    assert_eq!(ends(&entries(&desk).await)[0], (running.id.as_str(), EndCause::Operator));
}

#[tokio::test]
async fn a_console_says_once_that_its_log_lacks_what_was_signed() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = keyring_core::mock::Store::new().expect("in memory");
    let vault = Vault::with_store(Arc::new(move || Ok(Arc::clone(&store) as _)));
    let open = async || {
        let (notices, browser) = (Notices::default(), Arc::new(PlainBrowser::default()));
        let told = notices.subscribe();
        let (home, clock) = (Home::in_folder(folder.path()), Clock::manual(9_000));
        let console = Console::open(home, vault.clone(), browser, notices, clock).await.expect("it opens");
        console.send_queued_notices();
        (console, told)
    };
    let (first, _) = open().await;
    first.shut_down().await;
    drop(first);
    let log = Home::in_folder(folder.path()).audit_file().expect("a path");
    let aside = folder.path().join("aside");
    std::fs::copy(&log, &aside).expect("copied");
    let (second, mut told) = open().await;
    second.shut_down().await;
    drop(second);
    assert_eq!(toasts(&mut told), [""; 0]);

    std::fs::copy(&aside, &log).expect("put back");
    let (third, mut told) = open().await;
    let toast = loop {
        if let Notice::Toast(toast) = told.recv().await.expect("it is said") {
            break toast;
        }
    };
    let said = "Entries 3 to 4 of this computer's audit log are missing, or are not what was signed.";
    assert_eq!(toast.text, said);
    third.shut_down().await;
    drop(third);
    let (fourth, mut told) = open().await;
    let report = fourth.verify_audit_log(1).await.expect("it is read");
    assert!(report.findings[0].starts_with("Entries 3 to 4, signed on "), "{report:?}");
    fourth.shut_down().await;
    assert_eq!(toasts(&mut told), [""; 0]);
}

#[cfg(unix)]
#[tokio::test]
async fn a_sign_in_test_interrupted_twice_says_what_it_leaves_open() {
    let desk = Desk::new().await;
    let shop = slow_shop(&desk).await;
    shop.be_slow();
    let mut asked = trial(desk.home.path());
    let pid = asked.id().expect("it runs").to_string();
    shop.began.notified().await;
    let mut said = BufReader::new(asked.stderr.take().expect("it is read")).lines();
    let mut told = Vec::new();
    for signal in ["-TERM", "-INT"] {
        assert!(Command::new("kill").args([signal, &pid]).status().await.expect("sent").success());
        // Once it prints this, it has received the signal.
        told.push(said.next_line().await.expect("text").expect("a line"));
    }
    assert!(told[0].starts_with("Stopping"), "{told:?}");
    let left = format!("ada@example.com may still be signed in at {}.", shop.origin);
    assert!(told[1].contains(&left), "{told:?}");
    let output = asked.wait_with_output().await.expect("it ends");
    assert_eq!(output.status.code(), Some(130), "{output:?}");
    assert_eq!(shop.received(), ["POST /login"], "nothing is answered that could be waited for");
    let last = entries(&desk).await.remove(0);
    let Event::Ended { cause: EndCause::Operator, sign_out_failed: Some(why), .. } = last.event else {
        panic!("{last:#?}")
    };
    assert!(why.starts_with("not confirmed"), "{why}");
}

#[cfg(unix)]
#[tokio::test]
async fn a_sign_in_test_that_is_interrupted_signs_out_first() {
    for signal in ["-TERM", "-HUP", "-INT"] {
        let desk = Desk::new().await;
        let shop = slow_shop(&desk).await;
        shop.be_slow();
        let mut asked = trial(desk.home.path());
        let pid = asked.id().expect("it runs").to_string();
        shop.began.notified().await;
        let sent = Command::new("kill").args([signal, &pid]).status().await.expect("sent");
        assert!(sent.success());
        // Once it prints this, it has received the signal.
        let mut said = BufReader::new(asked.stderr.take().expect("it is read")).lines();
        let line = said.next_line().await.expect("text").expect("a line");
        assert!(line.starts_with("Stopping"), "{line}");
        shop.goes_on.notify_one();
        let output = asked.wait_with_output().await.expect("it ends");
        assert_eq!(output.status.code(), Some(1), "{signal}: {output:?}");
        assert_eq!(shop.received(), ["POST /login", "POST /logout"], "{signal}");
        assert_eq!(ends(&entries(&desk).await).len(), 1, "{signal}");
    }
}

//! An application that answers 401 with a challenge, for which browsers ask for a password: during the sign-in, no one
//! is asked; afterwards, the bar asks.

use anyhow::{Result, ensure};
use understudy_core::audit::Event;
use understudy_test_support::digest::DigestGuard;

use crate::leaks::{find_in_files, find_in_log};
use crate::site::{Guard, Site};

const PAGE: &str = "<!doctype html><title>Shop</title><h1>Signed in</h1>";

#[tokio::test(flavor = "multi_thread")]
async fn a_challenge_is_a_refusal_at_once() -> Result<()> {
    let verify = "[sign_in.verify]\nurl = \"$app/api/me\"\nexpect = \"response.json.id == user.id\"\n";
    let site = Site::with(PAGE, verify).await?;
    let console = site.stage.open(&[]).await?;
    let window = "development — Understudy";
    for (index, what) in ["POST /login", "GET /api/me"].into_iter().enumerate() {
        site.set(|behaviour| behaviour.challenges = vec![what]);
        console.become_user("7", what).await?;
        console.wait_for_phases(&["refused"]).await?;
        let refused: Vec<_> = site
            .audit()
            .await?
            .into_iter()
            .filter_map(|event| if let Event::Refused { status, .. } = event { Some(status) } else { None })
            .collect();
        ensure!(refused.last() == Some(&Some(401)) && refused.len() == index + 1, "{what}: {refused:?}");
        // No dialog covers the launch page: Retry has the keyboard focus.
        site.set(|behaviour| behaviour.challenges.clear());
        let window_ = site.stage.desktop.wait_for_window(window).await?;
        console.press_until(&window_, &["Return"], &["active"]).await?;

        site.set(|behaviour| behaviour.challenges = vec!["POST /logout"]);
        console.press_until(&window_, &["ctrl+w"], &[]).await?;
        site.stage.desktop.wait_until_gone(window).await?;
        let last = site.audit().await?.pop();
        ensure!(
            matches!(&last, Some(Event::Ended { sign_out_failed: Some(why), .. }) if why.contains("401")),
            "{last:?}"
        );
    }
    console.ui.quit().await
}

/// `gate:canary-basic-pw`
const BASIC: Guard = Guard::Basic("Basic Z2F0ZTpjYW5hcnktYmFzaWMtcHc=");
const DIGEST: Guard =
    Guard::Digest(DigestGuard { realm: "archive", user: "gate", password: "canary-digest-pw" });

/// A page that reports what it shows, and then leads on.
fn report_and_go(shows: &str, next: &str) -> String {
    format!(
        "<!doctype html><title>Shop</title><h1>{shows}</h1><script>addEventListener('load', async () => {{\
           await fetch('/tell', {{ method: 'POST', body: JSON.stringify(document.querySelector('h1').textContent) }});\
           if ('{next}') location.href = '{next}';\
         }});</script>"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_wants_a_password_is_asked_about_in_the_bar() -> Result<()> {
    let mut site = Site::showing(&report_and_go("Signed in", "/reports")).await?;
    site.stage.set_env("UNDERSTUDY_LOG", "trace");
    let staff_only: &str = Box::leak(report_and_go("Staff only", "/frames").into_boxed_str());
    site.set(|now| {
        now.guards = vec![
            ("GET /reports", BASIC, "<h1>no</h1>"),
            ("GET /archive", DIGEST, "<h1>no</h1>"),
            ("GET /staff", BASIC, staff_only),
            ("GET /framed", BASIC, "<h1>no</h1>"),
        ];
        let frames = "<!doctype html><title>Shop</title><iframe></iframe><script>\
             document.querySelector('iframe').src = location.origin.replace('127.0.0.1', 'localhost') + '/framed';\
             </script>";
        now.pages = vec![
            ("GET /reports", report_and_go("Reports", "/archive")),
            ("GET /archive", report_and_go("Archive", "/staff")),
            ("GET /frames", frames.into()),
            ("GET /framed", report_and_go("In a frame", "")),
        ];
    });
    let console = site.stage.open(&[]).await?;
    console.become_user("7", "ticket 1").await?;
    console.wait_for_phases(&["active"]).await?;
    console.ui.switch_to("bar.html").await?;
    let window = site.stage.desktop.wait_for_window("development — Understudy").await?;
    let desktop = &site.stage.desktop;
    // The bar asks, and has the keyboard, but none of its fields has: a key that was meant for the page enters nothing.
    let asks = async |text: &str| {
        let script = format!(
            "return document.hasFocus() && document.activeElement?.tagName === 'SECTION' \
             && document.querySelector('[role=alert]')?.textContent.includes({text:?})"
        );
        console.ui.wait_for(&format!("the bar to ask: {text}"), &script).await
    };
    let enter = async |user: &str, password: &str| {
        desktop.press(&window, &["Tab"]).await?;
        if !user.is_empty() {
            desktop.type_text(&window, user).await?;
        }
        desktop.press(&window, &["Tab"]).await?;
        desktop.type_text(&window, password).await?;
        desktop.press(&window, &["Return"]).await
    };

    asks("“GET /reports”").await?;
    desktop.press(&window, &["x", "Return"]).await?;
    enter("gate", "canary-wrong-pw").await?;
    // The user name is there already.
    asks("didn't accept").await?;
    enter("", "canary-basic-pw").await?;
    ensure!(site.told(2).await? == "Reports");

    asks("“archive”").await?;
    enter("gate", "canary-digest-pw").await?;
    ensure!(site.told(3).await? == "Archive");

    // Another realm is another question. Cancelled, the page is the server's own.
    asks("“GET /staff”").await?;
    desktop.press(&window, &["Escape"]).await?;
    ensure!(site.told(4).await? == "Staff only");

    asks("localhost:").await?;
    enter("gate", "canary-basic-pw").await?;
    ensure!(site.told(5).await? == "In a frame");
    let state = console.ask("bar_state", "{}").await?;
    ensure!(state["password"].is_null() && !state.to_string().contains("canary"), "{state:#}");

    console.press_until(&window, &["ctrl+w"], &[]).await?;
    ensure!(!format!("{:?}", site.audit().await?).contains("canary"));
    let log = console.ui.log();
    ensure!(log.contains("TRACE"), "everything is logged");
    for password in ["canary-wrong-pw", "canary-basic-pw", "canary-digest-pw"] {
        let spilt = find_in_log(&log, password);
        ensure!(spilt.is_empty(), "the log: {spilt:#?}");
    }
    console.ui.quit().await?;
    let found = find_in_files(site.stage.home_path(), b"canary-")?;
    ensure!(found.is_empty(), "a password was written to {found:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_ends_while_a_host_waits_for_a_password() -> Result<()> {
    let site = Site::showing(&report_and_go("Signed in", "/reports")).await?;
    site.set(|now| now.guards = vec![("GET /reports", BASIC, "<h1>no</h1>")]);
    let console = site.stage.open(&[]).await?;
    console.become_user("7", "ticket 1").await?;
    console.wait_for_phases(&["active"]).await?;
    let window = site.stage.desktop.wait_for_window("development — Understudy").await?;
    console.ui.switch_to("bar.html").await?;
    console.ui.by_role("button", "Sign in").await?;
    console.press_until(&window, &["ctrl+w"], &[]).await?;
    ensure!(site.count("POST /logout") == 1, "{:#?}", site.sent());
    ensure!(site.count("GET /reports") == 1, "nothing of it was sent again: {:#?}", site.sent());
    console.ui.quit().await
}

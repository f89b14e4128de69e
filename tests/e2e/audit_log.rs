//! A lead reads in the console what an agent has done: finds the session, follows it step by step, and verifies the log.

use anyhow::{Result, ensure};
use thirtyfour::Key;

use crate::site::Site;

const PAGE: &str = "<!doctype html><title>Shop</title><h1>Signed in as Ada</h1>";

const UNLOCKABLE: &str = "[policy]\nmode = \"read_only\"\nmay_unlock = \"with_reason\"\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_found_in_the_audit_log_and_the_log_is_as_it_was_written() -> Result<()> {
    let site = Site::with(PAGE, UNLOCKABLE).await?;
    let console = site.stage.open(&[]).await?;
    console.become_user("7", "Ticket 4711").await?;
    console.wait_for_phases(&["active"]).await?;
    console.ui.switch_to("bar.html").await?;
    console.ask("set_session_mode", "{ mode: 'full', reason: 'She asked for a refund' }").await?;
    console.turn_to().await?;
    let session = console.ask("console_state", "{}").await?["sessions"][0]["id"].clone();
    console.ask("end_session", &format!("{{ session: {session} }}")).await?;
    console.wait_for_phases(&[]).await?;

    let desktop = &site.stage.desktop;
    let window = console.window().await?;
    desktop.press(&window, &["ctrl+shift+a"]).await?;
    let field = console.ui.by_role("searchbox", "Search the audit log").await?;
    let entries =
        "const entries = [...document.querySelectorAll('[role=option]')].map((one) => one.textContent);";
    let all = format!("{entries} return entries.length >= 4 && entries[0].includes('Session ended')");
    console.ui.wait_for("all entries, the newest first", &all).await?;
    field.send_keys("refund event:unlocked ").await?;
    let found = format!("{entries} return entries.length === 1 && entries[0].includes('Full access')");
    console.ui.wait_for("the one entry that passes", &found).await?;

    // The session of the entry stands beside it, from beginning to end.
    field.send_keys(Key::Down).await?;
    let steps = "const steps = document.querySelectorAll('ol[aria-label=\"What happened\"] li .what');
        return steps.length === 4 && [...steps].map((step) => step.textContent)";
    let steps = console.ui.wait_for("the steps of the session", steps).await?;
    ensure!(
        steps == serde_json::json!(["Session begun", "Signed in", "Full access", "Session ended"]),
        "{steps}"
    );

    // A mistyped filter is an error in words; who became whom leads to the sessions.
    field.send_keys(Key::Escape).await?;
    field.send_keys(Key::Control + "a").await?;
    field.send_keys("time:soonish").await?;
    console
        .ui
        .wait_for("why that is no time", "return document.body.textContent.includes('`soonish` is')")
        .await?;
    let week =
        "return [...document.querySelectorAll('section[aria-label=\"Last 7 days\"] button')].length === 2";
    console.ui.wait_for("one operator and one user", week).await?;

    // By the keyboard, for messages about the session lie over it.
    console.ui.by_role("button", "Verify").await?.send_keys(Key::Enter).await?;
    console.ui.with_text("status", "The log is as it was written").await?;
    console.ui.with_text("status", "entries are as written.").await?;
    console.ui.quit().await
}

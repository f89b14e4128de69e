//! Two operators on two computers, each with a console of their own in a real window, and the team's log in one
//! PostgreSQL: one asks for approval, the other decides, and reads what both have done.

use std::path::Path;

use anyhow::{Result, ensure};
use thirtyfour::Key;
use understudy_test_support::postgres::PostgresServer;
use understudy_test_support::stage::{Console, Stage};
use understudy_test_support::team_server::{team_file, team_server};
use understudy_test_support::wait::until;

use crate::site::Site;

const PAGE: &str = "<!doctype html><title>Shop</title><h1>Signed in as Ada</h1>";

const APPROVED: &str = "[policy]\napproval = \"second_person\"\n";

/// Makes this stage the computer of an operator of the team.
fn join_team(stage: &mut Stage, server: &PostgresServer, operator: &str, computer: &str) -> Result<()> {
    std::fs::write(stage.home().own_team_file(), team_file(server))?;
    stage.settings(&format!("operator_name = \"{operator}\"\n"))?;
    stage.name_computer(computer)
}

/// Waits until the console knows what its colleagues do.
async fn sees_colleagues(console: &Console<'_>) -> Result<()> {
    until("the team's log to be in reach", async || {
        let state = console.ask("console_state", "{}").await?;
        Ok((state["presence"]["reach"] == "in_reach").then_some(()))
    })
    .await
}

/// Asks for approval to sign in as this user, and waits until that is on its way.
async fn ask_for_approval(console: &Console<'_>, user: &str, reason: &str) -> Result<()> {
    console.prepare(user, reason).await?;
    console.ui.with_text("button", "Ask for approval").await?;
    console.ui.press(Key::Control + Key::Enter).await?;
    console.ui.with_text("status", "Waiting for a colleague.").await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_colleague_approves_and_declines_in_their_own_window_and_both_are_in_the_teams_log() -> Result<()> {
    let server = team_server();
    let mut site = Site::with(PAGE, APPROVED).await?;
    let mut other = Stage::set(Path::new(env!("CARGO_BIN_EXE_understudy"))).await?;
    let shop = std::fs::read_to_string(site.stage.home().connections_dir()?.join("shop.toml"))?;
    other.connection("shop", &shop)?;
    join_team(&mut site.stage, &server, "Kim", "kims-desk")?;
    join_team(&mut other, &server, "Lou", "lous-desk")?;
    let (kim, lou) = tokio::try_join!(site.stage.open(&[]), other.open(&[]))?;
    sees_colleagues(&kim).await?;
    sees_colleagues(&lou).await?;

    // Lou sees who asks, as whom and why, and approves it: now Kim may sign in.
    ask_for_approval(&kim, "7", "Ticket 4711").await?;
    lou.ui.with_text("status", "Kim asks to sign in as Ada").await?;
    let why = "return document.body.innerText.includes('Ticket 4711')
        && document.body.innerText.includes('on kims-desk')";
    lou.ui.wait_for("the reason, and where Kim is", why).await?;
    ensure!(site.count("POST /login") == 0, "nobody has decided");
    lou.ui.by_role("button", "Approve").await?.click().await?;
    kim.ui.with_text("status", "Lou has approved.").await?;
    lou.ui.wait_until_gone("button", "Approve").await?;
    kim.ui.press(Key::Control + Key::Enter).await?;
    kim.wait_for_phases(&["active"]).await?;
    site.received("POST /login", 1).await?;

    // Meanwhile, Lou sees Kim in that account, and no longer once Kim has left.
    let inside = "return document.body.textContent.includes('Kim is signed in as this user.')";
    lou.find("7").await?;
    lou.ui.press(Key::Control + Key::Enter).await?;
    lou.ui.wait_for("who is in the account", inside).await?;
    let session = kim.ask("console_state", "{}").await?["sessions"][0]["id"].clone();
    kim.ask("end_session", &format!("{{ session: {session} }}")).await?;
    kim.wait_for_phases(&[]).await?;
    lou.ui.wait_for("the account to be empty", &inside.replace("return ", "return !")).await?;
    lou.ui.press(Key::Escape).await?;

    // The approval was for one session. Lou declines the next request.
    ask_for_approval(&kim, "8", "Just looking").await?;
    lou.ui.with_text("status", "Kim asks to sign in as Bea").await?;
    lou.ui.by_role("button", "Decline").await?.click().await?;
    kim.ui.with_text("status", "Lou has declined.").await?;
    kim.ui.by_role("button", "Ask for approval").await?;
    ensure!(site.count("POST /login") == 1, "it was declined");

    read_teams_log(&lou, &other).await?;
    kim.ui.quit().await?;
    lou.ui.quit().await
}

/// Lou reads in the audit log's view what both have done, and follows Kim's session in it.
async fn read_teams_log(lou: &Console<'_>, stage: &Stage) -> Result<()> {
    stage.desktop.press(&lou.window().await?, &["ctrl+shift+a"]).await?;
    let field = lou.ui.by_role("searchbox", "Search the audit log").await?;
    // By the keyboard, for messages may lie over it.
    field.send_keys(Key::Alt + "2").await?;
    let found = "const found = [...document.querySelectorAll('[role=option]')].map((one) => one.textContent);
        const has = (...parts) => found.some((one) => parts.every((part) => one.includes(part)));";
    let both = format!(
        "{found} return has('Asked for approval', 'Kim about Ada', 'kims-desk')
            && has('Approved', 'Lou about Ada', 'lous-desk') && has('Approval used', 'Kim about Ada')
            && has('Signed in', 'Kim as Ada', 'kims-desk') && has('Declined', 'Lou about Bea', 'lous-desk')
            && has('Understudy started', 'Lou') && !has('Request expired')"
    );
    lou.ui.wait_for("the entries of both consoles", &both).await?;

    field.send_keys("event:ended ").await?;
    let one = format!("{found} return found.length === 1 && has('Session ended', 'Kim as Ada')");
    lou.ui.wait_for("the one session", &one).await?;
    field.send_keys(Key::Down).await?;
    let steps = "const steps = document.querySelectorAll('ol[aria-label=\"What happened\"] li .what');
        return steps.length === 3 && [...steps].map((step) => step.textContent)";
    let steps = lou.ui.wait_for("the steps of Kim's session", steps).await?;
    ensure!(steps == serde_json::json!(["Session begun", "Signed in", "Session ended"]), "{steps}");

    // What both have written fits together.
    let (code, said) = stage.run(&["audit", "verify", "--team"], "").await?;
    ensure!(code == 0, "{said}");
    Ok(())
}

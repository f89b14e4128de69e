//! The session's window and the sign-in test agree about an application: both get the same answers.

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use understudy_core::audit::Event;
use understudy_core::user_agent::user_agent;
use understudy_test_support::stage::Console;

use crate::site::Site;

const PAGE: &str = "<!doctype html><title>Shop</title><h1>Signed in</h1>";
const VERIFY: &str = "[sign_in.verify]\nurl = \"$app/api/me\"\nexpect = \"response.json.id == user.id\"\n";

/// The report of a sign-in test.
async fn tried(console: &Console<'_>, turn: u32) -> Result<Value> {
    let draft = console.ask("read_connection", "{ connection: 'shop' }").await?;
    let text = draft["text"].as_str().context("a text")?;
    let arguments = format!(
        "{{ connection: 'shop', text: {}, user: '7', secrets: {{}}, turn: {turn} }}",
        serde_json::to_string(text)?
    );
    console.ask("try_sign_in", &arguments).await
}

/// Whether the window signs in. Ends the session in either case.
async fn window_signs_in(console: &Console<'_>, site: &Site, reason: &str) -> Result<bool> {
    console.become_user("7", reason).await?;
    let window = "development — Understudy";
    let phase = understudy_test_support::wait::until("an outcome", async || {
        let state = console.ask("console_state", "{}").await?;
        let phase = state["sessions"][0]["phase"].as_str().unwrap_or_default().to_owned();
        Ok(["active", "refused"].contains(&phase.as_str()).then_some(phase))
    })
    .await?;
    let id = console.ask("console_state", "{}").await?["sessions"][0]["id"].clone();
    console.ask("end_session", &format!("{{ session: {id} }}")).await?;
    console.wait_for_phases(&[]).await?;
    site.stage.desktop.wait_until_gone(window).await?;
    Ok(phase == "active")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_test_keeps_the_cookies_that_the_window_keeps() -> Result<()> {
    let site = Site::with(PAGE, VERIFY).await?;
    let console = site.stage.open(&[]).await?;
    for (turn, (cookie, is_kept)) in [
        ("sid=7; Path=/; SameSite=Strict", true),
        ("sid=7; Path=/; SameSite=None", true),
        ("sid=7; Path=/; Secure", false),
        ("sid=7; Path=/; Secure; SameSite=None", false),
        ("sid=7; Path=/; Domain=elsewhere.example", false),
        ("__Host-sid=7; Path=/", true),
        ("__Host-sid=7; Path=/; Secure", false),
    ]
    .into_iter()
    .enumerate()
    {
        site.set(|behaviour| behaviour.cookie = cookie);
        let trial = tried(&console, u32::try_from(turn)? + 1).await?;
        ensure!(trial["ok"] == is_kept, "{cookie}: {trial:#}");
        ensure!(
            window_signs_in(&console, &site, cookie).await? == is_kept,
            "{cookie}: the window says otherwise"
        );
        if !is_kept {
            let hint = trial["hint"].as_str().unwrap_or_default();
            ensure!(hint.contains("the cookie `") && hint.contains("sid`"), "{cookie}: {trial:#}");
        }
    }
    console.ui.quit().await
}

#[tokio::test(flavor = "multi_thread")]
async fn console_and_window_call_themselves_the_same() -> Result<()> {
    // The console's step begins the session, and the window continues it.
    let sign_in = "steps = [{ url = \"$app/login\", body = {} }]\nkind = \"exchange\"\ncookies = [\"sid\"]\n";
    let site = Site::with(PAGE, VERIFY).await?;
    site.set(|behaviour| behaviour.is_bound = true);
    let file = site.stage.home().connections_dir()?.join("shop.toml");
    let text = std::fs::read_to_string(&file)?;
    let origin = text
        .split("redirect_to = \"")
        .nth(1)
        .and_then(|rest| rest.split("/\"").next())
        .context("an origin")?;
    let lines = text.lines().filter(|line| {
        !line.starts_with("url = \"http") && !line.starts_with("body = ")
            || line.contains("/logout")
            || line.contains("/api/me")
    });
    let lines = lines.collect::<Vec<_>>().join("\n");
    std::fs::write(
        &file,
        lines.replace("[sign_in]\n", &format!("[sign_in]\n{}", sign_in.replace("$app", origin))),
    )?;

    let console = site.stage.open(&[]).await?;
    let trial = tried(&console, 1).await?;
    ensure!(trial["ok"] == true, "{trial:#}");
    ensure!(window_signs_in(&console, &site, "bound").await?, "{:#?}", site.sent());
    let names: std::collections::BTreeSet<String> =
        site.sent().into_iter().map(|one| one.user_agent).collect();
    ensure!(names.iter().eq([user_agent()]), "{names:?}");
    console.ui.quit().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_upgrades_its_requests_is_signed_out_all_the_same() -> Result<()> {
    let site = Site::with(PAGE, VERIFY).await?;
    site.set(|behaviour| {
        behaviour.headers =
            vec![("content-security-policy", "default-src 'self'; upgrade-insecure-requests")];
    });
    let console = site.stage.open(&[]).await?;
    console.become_user("7", "upgraded").await?;
    console.wait_for_phases(&["active"]).await?;
    site.received("GET /", 1).await?;
    let id = console.ask("console_state", "{}").await?["sessions"][0]["id"].clone();
    console.ask("end_session", &format!("{{ session: {id} }}")).await?;
    console.wait_for_phases(&[]).await?;
    ensure!(site.received("POST /logout", 1).await?.is_signed_in, "with the session's cookie");
    console.ui.quit().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_before_the_application_is_passed_by_console_and_window() -> Result<()> {
    let site = Site::with(PAGE, &format!("{VERIFY}[network]\ngateway_user = \"staging\"\n")).await?;
    // `staging:canary-pw`
    site.set(|behaviour| behaviour.gate = Some("Basic c3RhZ2luZzpjYW5hcnktcHc="));
    site.stage.secret("shop", "gateway_password", "canary-pw").await?;
    let console = site.stage.open(&[]).await?;
    let trial = tried(&console, 1).await?;
    ensure!(trial["ok"] == true && !trial.to_string().contains("canary"), "{trial:#}");
    console.become_user("7", "through the gateway").await?;
    console.wait_for_phases(&["active"]).await?;
    // The page and its requests pass the gateway too.
    site.received("GET /", 1).await?;
    let id = console.ask("console_state", "{}").await?["sessions"][0]["id"].clone();
    console.ask("end_session", &format!("{{ session: {id} }}")).await?;
    console.wait_for_phases(&[]).await?;
    let audit = site.audit().await?;
    ensure!(
        matches!(audit.last(), Some(Event::Ended { sign_out_failed: None, .. })),
        "signed out behind the gateway: {audit:#?}"
    );

    // Both refuse another password at once and say what it is for.
    site.stage.secret("shop", "gateway_password", "an old one").await?;
    let trial = tried(&console, 2).await?;
    let hint = trial["hint"].as_str().unwrap_or_default();
    ensure!(
        trial["ok"] == false && hint.contains("gateway_password") && hint.contains("“shop”"),
        "{trial:#}"
    );
    ensure!(!window_signs_in(&console, &site, "kept out").await?, "the window passed it");
    console.ui.quit().await
}

//! A walk through the main job on a screen of its own: `tour PATH-OF-UNDERSTUDY [FOLDER]`. With `team` after the folder, the
//! pictures of a team at work instead, which need PostgreSQL's programs.
//!
//! Starts the demo, searches, signs in as a user and ends the session. Prints what the demo's application received, and
//! takes the screenshots for the README and the docs.

use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::stage::{Console, Stage};
use crate::wait::until;
use crate::{day_pictures, session_pictures, team_pictures};
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use thirtyfour::prelude::*;

/// The program `tour`.
pub async fn main() -> Result<()> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let binary =
        arguments.next().context("usage: tour PATH-OF-UNDERSTUDY [FOLDER [team]]")?.canonicalize()?;
    let folder = arguments.next().unwrap_or_else(|| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap_or(Path::new("."));
        root.join("target/tour")
    });
    std::fs::create_dir_all(&folder)?;
    if arguments.next().is_some_and(|what| what == Path::new("team")) {
        for theme in ["light", "dark"] {
            team_pictures::take_pictures(&binary, &folder, theme)
                .await
                .with_context(|| format!("the team in {theme}"))?;
        }
        say(&format!("\nPictures are in {}", folder.display()));
        return Ok(());
    }
    for theme in ["light", "dark"] {
        walk(&binary, &folder, theme).await.with_context(|| format!("the tour in {theme}"))?;
        session_pictures::take_pictures(&binary, &folder, theme)
            .await
            .with_context(|| format!("the sessions in {theme}"))?;
        day_pictures::take_pictures(&binary, &folder, theme)
            .await
            .with_context(|| format!("the day in {theme}"))?;
    }
    say(&format!("\nPictures are in {}", folder.display()));
    Ok(())
}

async fn walk(binary: &Path, folder: &Path, theme: &str) -> Result<()> {
    let stage = Stage::set(binary).await?;
    let walked = walk_on(&stage, folder, theme).await;
    if walked.is_err() {
        stage.desktop.screenshot(None, &folder.join(format!("failed-{theme}.png"))).await?;
    }
    walked
}

async fn walk_on(stage: &Stage, folder: &Path, theme: &str) -> Result<()> {
    stage.settings(&format!("theme = \"{theme}\"\noperator_name = \"Robin Agent\"\n"))?;
    let started = Instant::now();
    let console = stage.open(&["demo"]).await?;
    console.ui.with_text("row", "@").await?;
    say(&format!("{theme}: the console lists users {} ms after its start", started.elapsed().as_millis()));
    let picture = |name: &str| folder.join(format!("{name}-{theme}.png"));
    let window = console.window().await?;
    stage.desktop.screenshot(Some(&window), &picture("console")).await?;

    console.search("anna", "nna").await?;
    console.ui.press(Key::Down).await?;
    stage.desktop.screenshot(Some(&window), &picture("search")).await?;
    console.ui.press(Key::Control + "k").await?;
    console.ui.first("dialog").await?;
    console.ui.press("an").await?;
    console.ui.with_text("option", "n").await?;
    stage.desktop.screenshot(Some(&window), &picture("palette")).await?;
    console.ui.press(Key::Escape).await?;

    console.ui.by_role("searchbox", "Search users").await?.click().await?;
    console.ui.press(Key::Control + Key::Enter).await?;
    let reason = console.ui.by_role("textbox", "Reason").await?;
    reason.send_keys("Ticket 88240: cannot see the invoice").await?;
    stage.desktop.screenshot(Some(&window), &picture("reason")).await?;
    reason.send_keys(Key::Control + Key::Enter).await?;

    let origin = origin_of_demo(&console).await?;
    let received = until("the customer's page to be asked for", async || {
        let received = received(&origin).await?;
        Ok(received.iter().any(|one| one["path"] == "/" && one["status"] == 200).then_some(received))
    })
    .await?;
    let session = stage.desktop.wait_for_window("development — Understudy").await?;
    console.wait_for_phases(&["active"]).await?;
    stage.desktop.wait_until_painted(&session).await?;
    stage.desktop.screenshot(Some(&session), &picture("session")).await?;
    stage.desktop.focus(&window).await?;
    stage.desktop.wait_until_painted(&window).await?;
    stage.desktop.screenshot(Some(&window), &picture("running")).await?;
    ensure!(received[0]["path"] == "/login", "the first request is the webhook: {received:?}");

    console.ui.switch_to("bar.html").await?;
    console.ui.by_role("button", "End session").await?.click().await?;
    stage.desktop.wait_until_gone("development — Understudy").await?;
    if theme == "light" {
        say("\nWhat the demo's application received:");
        for one in self::received(&origin).await? {
            say(&line(&one));
        }
    }
    console.ui.quit().await
}

async fn origin_of_demo(console: &Console<'_>) -> Result<String> {
    let draft = console.ask("read_connection", "{ connection: 'demo' }").await?;
    let url = draft["file"]["sign_in"]["url"].as_str().context("the demo's login endpoint")?;
    Ok(url.trim_end_matches("/login").to_owned())
}

async fn received(origin: &str) -> Result<Vec<Value>> {
    let all: Vec<Value> = reqwest::get(format!("{origin}/demo/received")).await?.json().await?;
    Ok(all.into_iter().filter(|one| one["path"] != "/demo/received").collect())
}

fn line(one: &Value) -> String {
    let set: Vec<&str> =
        one["set_cookies"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    format!(
        "  {:4} {:28} {}  {}{}",
        one["method"].as_str().unwrap_or_default(),
        one["path"].as_str().unwrap_or_default(),
        one["status"],
        match &one["signed_in_as"] {
            Value::Null => "nobody signed in".into(),
            who => format!("signed in as {who}"),
        },
        if set.is_empty() { String::new() } else { format!(", sets cookie {}", set.join(", ")) },
    )
}

#[allow(clippy::print_stdout, reason = "this program's output is what it is for")]
fn say(text: &str) {
    println!("{text}");
}

//! Measures what the agent waits for and what the computer pays, in the real window:
//! `bench PATH-OF-UNDERSTUDY [SESSIONS]`.
//!
//! Times run from the keystroke that begins an impersonation until the webhook reaches the application, until the page
//! is requested, and until the page is on the screen. Memory is the proportional set size (PSS) of the process and its
//! descendants, so that shared pages count once. A session's memory is compared with that of a bare webview showing the
//! same page (`bare`), which is the least that any page can cost.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::desktop::dies_with_us;
use crate::memory::Memory;
use crate::stage::{Console, Stage};
use crate::wait::PATIENCE;
use anyhow::{Context, Result};
use secrecy::SecretString;
use serde_json::json;
use thirtyfour::prelude::*;
use tokio::io::AsyncWriteExt;
use understudy_core::directory::{self, ListRequest};
use understudy_demo::Demo;

/// The program `bench`.
pub async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let binary = PathBuf::from(arguments.next().context("usage: bench PATH-OF-UNDERSTUDY [SESSIONS]")?)
        .canonicalize()?;
    let sessions: usize = arguments.next().map_or(Ok(5), |number| number.parse())?;

    let folder = tempfile::tempdir()?;
    let token = "a token for the measurement";
    let began = Instant::now();
    let demo = Demo::start(folder.path(), SecretString::from(token), understudy_demo::today_in_utc()).await?;
    say(&format!("the demo's users made at its first start: {:.2} s", began.elapsed().as_secs_f64()));
    let stage = Stage::set(&binary).await?;
    stage.connection("shop", &demo.connection_text)?;
    stage.secret("shop", "admin_token", token).await?;
    let customers = customers(&demo, sessions).await?;

    let console = stage.open(&[]).await?;
    console.ui.with_text("row", "@").await?;
    let root = console.ui.driver_pid();
    let alone = Memory::at_rest(|| Memory::below(root)).await;
    say(&format!(
        "console, list shown: {:.0} MB PSS in {} processes",
        alone.megabytes(),
        alone.processes.len()
    ));
    say("session  webhook ms  page ms  painted ms  total MB  its own processes MB  the rest MB");

    let mut before = alone.clone();
    for (index, customer) in customers.iter().enumerate() {
        let times = become_and_time(&stage, &console, &demo, customer, index + 1).await?;
        let now = Memory::at_rest(|| Memory::below(root)).await;
        let own = now.not_in(&before);
        let total = now.megabytes() - before.megabytes();
        say(&format!(
            "{:7}  {:10}  {:7}  {:10}  {total:8.0}  {own:20.0}  {:11.0}",
            index + 1,
            times.webhook,
            times.page,
            times.painted,
            total - own
        ));
        before = now;
    }
    let ours = before.more_than(&alone, customers.len());
    console.ui.quit().await?;

    let floor = floor(&stage, &demo, token, &customers).await?;
    say(&format!("a session costs {ours:.1} MB, one more bare webview with the same page {floor:.1} MB"));
    say(&format!("difference {:.1} MB, ratio {:.2}", ours - floor, ours / floor));
    Ok(())
}

/// Megabytes per additional bare webview, signed in as each of the customers in turn. The first one does not count: it
/// stands for the console, whose program and first web process exist before any session.
async fn floor(stage: &Stage, demo: &Demo, token: &str, customers: &[String]) -> Result<f64> {
    let program = std::env::current_exe()?.with_file_name("bare");
    let program = program.to_str().context("a path in UTF-8")?;
    let mut bare = dies_with_us(program)
        .envs(stage.env())
        .stdin(Stdio::piped())
        .spawn()
        .with_context(|| format!("{program} cannot be started: script/bench builds it"))?;
    let root = bare.id().context("the bare webviews run")?;
    let mut input = bare.stdin.take().context("piped")?;
    let mut first = None;
    let mut last = None;
    for (index, customer) in customers.iter().take(1).chain(customers).enumerate() {
        let title = format!("bare webview {index}");
        let login = json!({ "adminToken": token, "userId": customer.parse::<i64>()?, "reason": title });
        let line = format!("{title}\t{}\t{login}\n", demo.application.origin());
        input.write_all(line.as_bytes()).await?;
        stage.desktop.wait_until_painted(&stage.desktop.wait_for_window(&title).await?).await?;
        let now = Memory::at_rest(|| Memory::of(root)).await;
        first.get_or_insert_with(|| now.clone());
        last = Some(now);
    }
    let (first, last) = first.zip(last).context("there are customers")?;
    Ok(last.more_than(&first, customers.len()))
}

/// Milliseconds since the keystroke.
struct Times {
    webhook: u64,
    page: u64,
    painted: u64,
}

async fn become_and_time(
    stage: &Stage,
    console: &Console<'_>,
    demo: &Demo,
    customer: &str,
    nth: usize,
) -> Result<Times> {
    console.turn_to().await?;
    let reason = format!("measurement {nth}");
    console.prepare(customer, &reason).await?;
    let windows = stage.desktop.windows().await?;
    let began = now();
    console.ui.press(Key::Control + Key::Enter).await?;
    let application = &demo.application;
    let login = application
        .wait_for(|one| one.path == "/login" && one.json_body()["reason"] == *reason, PATIENCE)
        .await?;
    let asked = |one: &understudy_demo::ReceivedRequest| one.path == "/" && one.at_ms >= began;
    let page = application.wait_for(asked, PATIENCE).await?;
    let window = loop {
        let fresh = stage.desktop.windows().await?.into_iter().find(|window| !windows.contains(window));
        if let Some(window) = fresh {
            break window;
        }
    };
    stage.desktop.wait_until_painted(&window).await?;
    Ok(Times { webhook: login.at_ms - began, page: page.at_ms - began, painted: now() - began })
}

async fn customers(demo: &Demo, count: usize) -> Result<Vec<String>> {
    let file = understudy_core::connection::read_file("shop", &demo.connection_text)?;
    let directory = directory::open(&file.directory, None).await?;
    // Ordinary people: among the newest few hundred are the edge cases, whose names cannot be searched for.
    let query = ListRequest::first_page("anna", u16::try_from(count)?);
    let page = directory.search_users(&query, &tokio_util::sync::CancellationToken::new()).await?;
    Ok(page.rows.into_iter().map(|row| row.id).collect())
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[allow(clippy::print_stdout, reason = "this program's output is what it is for")]
fn say(text: &str) {
    println!("{text}");
}

//! Measures what the agent waits for and what the computer pays, in the real window:
//! `bench PATH-OF-UNDERSTUDY [SESSIONS]`.
//!
//! Times run from the keystroke that begins an impersonation until the webhook reaches the application, until the page
//! is requested, and until it is on the screen, and from the console's start until its list is. Beside each is a bare
//! window (`bare`): one that is open already and signed in, and loads the same page; one that starts with a static list.
//! Memory is the proportional set size (PSS) of the process and its descendants, so that shared pages count once. A
//! session's memory is compared with that of a bare webview showing the same page, which is the least that any page can
//! cost.

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
use tokio::process::Child;
use understudy_core::directory::{self, ListRequest};
use understudy_demo::Demo;

/// How often the console is started.
const ROUNDS: usize = 5;

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
    let stage = Stage::set_recordable(&binary).await?;
    stage.connection("shop", &demo.connection_text)?;
    stage.secret("shop", "admin_token", token).await?;
    let customers = customers(&demo, sessions).await?;
    time_starts(&stage).await?;
    time_sign_ins(&stage, &demo, token, &customers).await?;
    compare_memory(&stage, &demo, token, &customers).await
}

/// From the start of the program to its painted list.
async fn time_starts(stage: &Stage) -> Result<()> {
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let recording = stage.desktop.record_screen()?;
        let console = stage.start()?;
        stage.desktop.wait_for_window("Understudy").await?;
        ours.push(recording.measure_painting().await?);
        end(console, stage, "Understudy").await?;
        let recording = stage.desktop.record_screen()?;
        let list = start_bare(stage, &["list"])?;
        stage.desktop.wait_for_window("bare list").await?;
        bare.push(recording.measure_painting().await?);
        end(list, stage, "bare list").await?;
    }
    say_ratio("start to painted list", &mut ours, &mut bare);
    Ok(())
}

async fn end(mut program: Child, stage: &Stage, title: &str) -> Result<()> {
    program.start_kill()?;
    program.wait().await?;
    stage.desktop.wait_until_gone(title).await
}

/// From the last keystroke to the painted page, one session after another.
async fn time_sign_ins(stage: &Stage, demo: &Demo, token: &str, customers: &[String]) -> Result<()> {
    let console = stage.open(&[]).await?;
    console.ui.with_text("row", "@").await?;
    let mut program = start_bare(stage, &[])?;
    let mut input = program.stdin.take().context("piped")?;
    let (mut webhooks, mut pages, mut painted, mut bare) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (index, customer) in customers.iter().enumerate() {
        let times = become_and_time(stage, &console, demo, customer, index + 1).await?;
        webhooks.push(times.webhook);
        pages.push(times.page);
        painted.push(times.painted);
        console.turn_to().await?;
        let id = console.ask("console_state", "{}").await?["sessions"][0]["id"].clone();
        console.ask("end_session", &format!("{{ session: {id} }}")).await?;

        let title = format!("bare webview {index}");
        input.write_all(bare_line("ready", &title, demo, token, customer)?.as_bytes()).await?;
        demo.application
            .wait_for(|one| one.path == "/login" && one.json_body()["reason"] == *title, PATIENCE)
            .await?;
        stage.desktop.wait_for_window(&title).await?;
        // Its empty page is there, and the end of the session before has left the screen.
        tokio::time::sleep(Duration::from_secs(1)).await;
        let recording = stage.desktop.record_screen()?;
        let began = now();
        input.write_all(format!("load\t{title}\n").as_bytes()).await?;
        demo.application.wait_for(|one| one.path == "/" && one.at_ms >= began, PATIENCE).await?;
        bare.push(recording.measure_painting().await?);
        stage.desktop.close(&stage.desktop.wait_for_window(&title).await?).await?;
        stage.desktop.wait_until_gone(&title).await?;
    }
    console.ui.quit().await?;
    program.start_kill()?;
    say_times("keystroke to webhook", &mut webhooks);
    say_times("keystroke to the page's request", &mut pages);
    say_ratio("keystroke to painted page", &mut painted, &mut bare);
    Ok(())
}

/// The memory of each session, beside that of bare webviews.
async fn compare_memory(stage: &Stage, demo: &Demo, token: &str, customers: &[String]) -> Result<()> {
    let console = stage.open(&[]).await?;
    console.ui.with_text("row", "@").await?;
    let root = console.ui.driver_pid();
    let alone = Memory::at_rest(|| Memory::below(root)).await;
    say(&format!(
        "console, list shown: {:.0} MB PSS in {} processes",
        alone.megabytes(),
        alone.processes.len()
    ));
    say("session  total MB  its own processes MB  the rest MB");

    let mut before = alone.clone();
    for (index, customer) in customers.iter().enumerate() {
        become_and_time(stage, &console, demo, customer, index + 1).await?;
        let now = Memory::at_rest(|| Memory::below(root)).await;
        let own = now.not_in(&before);
        let total = now.megabytes() - before.megabytes();
        let own_share = total - own;
        say(&format!("{:7}  {total:8.0}  {own:20.0}  {own_share:11.0}", index + 1));
        before = now;
    }
    let ours = before.more_than(&alone, customers.len());
    console.ui.quit().await?;

    let floor = floor(stage, demo, token, customers).await?;
    say(&format!("a session costs {ours:.1} MB, one more bare webview with the same page {floor:.1} MB"));
    say(&format!("difference {:.1} MB, ratio {:.2}", ours - floor, ours / floor));
    Ok(())
}

/// Megabytes per additional bare webview, signed in as each of the customers in turn. The first one does not count: it
/// stands for the console, whose program and first web process exist before any session.
async fn floor(stage: &Stage, demo: &Demo, token: &str, customers: &[String]) -> Result<f64> {
    let mut bare = start_bare(stage, &[])?;
    let root = bare.id().context("the bare webviews run")?;
    let mut input = bare.stdin.take().context("piped")?;
    let mut first = None;
    let mut last = None;
    for (index, customer) in customers.iter().take(1).chain(customers).enumerate() {
        let title = format!("bare webview {index}");
        input.write_all(bare_line("page", &title, demo, token, customer)?.as_bytes()).await?;
        stage.desktop.wait_until_painted(&stage.desktop.wait_for_window(&title).await?).await?;
        let now = Memory::at_rest(|| Memory::of(root)).await;
        first.get_or_insert_with(|| now.clone());
        last = Some(now);
    }
    let (first, last) = first.zip(last).context("there are customers")?;
    Ok(last.more_than(&first, customers.len()))
}

fn start_bare(stage: &Stage, arguments: &[&str]) -> Result<Child> {
    let program = std::env::current_exe()?.with_file_name("bare");
    let program = program.to_str().context("a path in UTF-8")?;
    dies_with_us(program)
        .args(arguments)
        .envs(stage.env())
        .stdin(Stdio::piped())
        .spawn()
        .with_context(|| format!("{program} cannot be started: script/bench builds it"))
}

fn bare_line(kind: &str, title: &str, demo: &Demo, token: &str, customer: &str) -> Result<String> {
    let login = json!({ "adminToken": token, "userId": customer.parse::<i64>()?, "reason": title });
    Ok(format!("{kind}\t{title}\t{}\t{login}\n", demo.application.origin()))
}

/// Since the keystroke.
struct Times {
    webhook: Duration,
    page: Duration,
    painted: Duration,
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
    // The window is made ready meanwhile.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let recording = stage.desktop.record_screen()?;
    let began = now();
    console.ui.press(Key::Control + Key::Enter).await?;
    let application = &demo.application;
    let login = application
        .wait_for(
            |one| one.path == "/login" && one.at_ms >= began && one.json_body()["reason"] == *reason,
            PATIENCE,
        )
        .await?;
    let asked = |one: &understudy_demo::ReceivedRequest| one.path == "/" && one.at_ms >= began;
    let page = application.wait_for(asked, PATIENCE).await?;
    let since = |at: u64| Duration::from_millis(at - began);
    let painted = recording.measure_painting().await?;
    Ok(Times { webhook: since(login.at_ms), page: since(page.at_ms), painted })
}

async fn customers(demo: &Demo, count: usize) -> Result<Vec<String>> {
    let file = understudy_core::connection::read_file("shop", &demo.connection_text)?;
    let directory = directory::open(&file.directory, None).await?;
    // Ordinary people: among the newest few hundred are the edge cases, whose names cannot be searched for.
    let query = ListRequest::first_page("anna", u16::try_from(count)?);
    let page = directory.search_users(&query, &tokio_util::sync::CancellationToken::new()).await?;
    Ok(page.rows.into_iter().map(|row| row.id).collect())
}

fn say_times(what: &str, times: &mut [Duration]) {
    times.sort();
    let (least, most) = (times[0].as_millis(), times[times.len() - 1].as_millis());
    say(&format!("{what}: median {} ms, {least} to {most}", median(times).as_millis()));
}

fn say_ratio(what: &str, ours: &mut [Duration], bare: &mut [Duration]) {
    say_times(what, ours);
    say_times("  a bare window", bare);
    say(&format!("  ratio {:.2}", median(ours).as_secs_f64() / median(bare).as_secs_f64()));
}

/// Of sorted times.
fn median(times: &[Duration]) -> Duration {
    times[times.len() / 2]
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[allow(clippy::print_stdout, reason = "this program's output is what it is for")]
fn say(text: &str) {
    println!("{text}");
}

//! What the agent feels and the machine pays, measured in the real window: `bench PATH-OF-UNDERSTUDY [SESSIONS]`.
//!
//! Times run from the keystroke that begins an impersonation to the webhook's arrival at the application, to
//! the page being asked for, and to the page being on screen. Memory is proportional set size (PSS) of the
//! process and all that it started, so that shared pages count once.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::stage::{Console, Stage};
use crate::wait::PATIENCE;
use anyhow::{Context, Result};
use secrecy::SecretString;
use thirtyfour::prelude::*;
use understudy_core::demo::{self, Demo};
use understudy_core::directory::{self, Query};

/// The whole program `bench`.
pub async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let binary = PathBuf::from(arguments.next().context("usage: bench PATH-OF-UNDERSTUDY [SESSIONS]")?)
        .canonicalize()?;
    let sessions: usize = arguments.next().map_or(Ok(5), |number| number.parse())?;

    let folder = tempfile::tempdir()?;
    let token = "a token for the measurement";
    let demo = Demo::start(folder.path(), SecretString::from(token), demo::today()).await?;
    let stage = Stage::set(&binary).await?;
    stage.connection("shop", &demo.connection_text)?;
    stage.secret("shop", "admin_token", token).await?;
    let customers = customers(&demo, sessions).await?;

    let console = stage.open(&[]).await?;
    console.ui.with_text("row", "@").await?;
    let root = console.ui.driver_pid();
    let alone = Memory::of(root);
    say(&format!(
        "console, list shown: {:.0} MB PSS in {} processes",
        alone.megabytes(),
        alone.processes.len()
    ));
    say("session  webhook ms  page ms  painted ms  total MB  its own processes MB  the rest MB");

    let mut before = alone;
    for (index, customer) in customers.iter().enumerate() {
        let times = become_and_time(&stage, &console, &demo, customer, index + 1).await?;
        let now = Memory::of(root);
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
    console.ui.quit().await
}

/// Milliseconds from the keystroke.
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
    let login =
        application.wait_for(|one| one.path == "/login" && one.json()["reason"] == *reason, PATIENCE).await?;
    let asked = |one: &demo::Received| one.path == "/" && one.at_ms >= began;
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
    // Ordinary people: the newest few hundred hold the edge cases too, whose names are no search text.
    let query = Query::first("anna", u16::try_from(count)?);
    let page = directory.search(&query, &tokio_util::sync::CancellationToken::new()).await?;
    Ok(page.rows.into_iter().map(|row| row.id).collect())
}

struct Memory {
    /// Process id and PSS in kilobytes.
    processes: Vec<(u32, u64)>,
}

impl Memory {
    /// Of `root` and everything it started, without the driver itself.
    fn of(root: u32) -> Self {
        let mut processes = vec![root];
        let mut index = 0;
        while let Some(parent) = processes.get(index).copied() {
            let children = Path::new("/proc").join(parent.to_string()).join("task");
            for task in std::fs::read_dir(children).into_iter().flatten().flatten() {
                let text = std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
                processes.extend(text.split_whitespace().filter_map(|child| child.parse::<u32>().ok()));
            }
            index += 1;
        }
        Self { processes: processes.into_iter().skip(1).map(|pid| (pid, pss(pid))).collect() }
    }

    fn megabytes(&self) -> f64 {
        megabytes(self.processes.iter().map(|(_, kilobytes)| kilobytes).sum())
    }

    /// Of the processes that were not there `before`.
    fn not_in(&self, before: &Self) -> f64 {
        let new = self.processes.iter().filter(|(pid, _)| before.processes.iter().all(|(old, _)| old != pid));
        megabytes(new.map(|(_, kilobytes)| kilobytes).sum())
    }
}

fn pss(pid: u32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

#[allow(clippy::cast_precision_loss, reason = "kilobytes of a machine's memory fit a double")]
fn megabytes(kilobytes: u64) -> f64 {
    kilobytes as f64 / 1024.0
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[allow(clippy::print_stdout, reason = "this program's output is what it is for")]
fn say(text: &str) {
    println!("{text}");
}

//! Measures the list in the real window: `bench_list PATH-OF-UNDERSTUDY [ROWS]`.
//!
//! Times are taken in the page, from the keydown to the frame in which the resulting rows are painted. Then the list is
//! scrolled through 100,000 rows at about a screenful per frame, to measure the frame times and the console's memory
//! before and after.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;
use thirtyfour::prelude::*;

use crate::directory_bench::{postgres, say};
use crate::memory::Memory;
use crate::postgres::{ADMIN, ADMIN_PASSWORD};
use crate::stage::{Console, Stage};

/// What an agent types, letter by letter.
const TYPED: [&str; 8] =
    ["anna.s", "bogdan", "kowalski", "priya nguyen", "rson4", "zimmer", "company 7", "freya.x"];
/// How many rows are scrolled through.
const SCROLLED: u64 = 100_000;

/// Whether the search is empty again and answered: the newest user comes first.
const ALL: &str = "return document.querySelector('[role=grid][aria-busy=false]') !== null
    && document.querySelector('mark') === null && document.querySelector('[role=searchbox]').value === ''";

/// Records when a letter is typed and when the frame with its result is painted: other rows, or the same rows with a
/// new duration in the status line.
const WATCH: &str = r"
    const list = document.querySelector('[role=grid]').parentElement;
    let began = null;
    addEventListener('keydown', (event) => {
      if (event.key.length !== 1 || event.ctrlKey) return;
      began = performance.now();
      window.__painted = null;
    }, true);
    const watch = new MutationObserver(() => {
      if (began === null) return;
      const since = began;
      began = null;
      requestAnimationFrame(() => {
        const painted = new MessageChannel();
        painted.port1.onmessage = () => { window.__painted = performance.now() - since; };
        painted.port2.postMessage(null);
      });
    });
    for (const shown of [list, document.querySelector('.elapsed').parentElement]) {
      watch.observe(shown, { subtree: true, childList: true, characterData: true });
    }";

/// Scrolls until the row is visible or nothing more loads, and records the frame times.
const SCROLL: &str = r"
    window.__scrolled = null;
    const grid = document.querySelector('[role=grid]');
    const frames = [];
    let last = null, furthest = 0, stalled = 0;
    const step = (now) => {
      if (last !== null) frames.push(now - last);
      last = now;
      const rows = grid.querySelectorAll('[role=row][aria-rowindex]');
      const at = Math.max(...[...rows].map((row) => Number(row.getAttribute('aria-rowindex'))));
      stalled = at > furthest ? 0 : stalled + 1;
      furthest = Math.max(furthest, at);
      grid.scrollTop += 38 * 20;
      if (furthest < SCROLLED && stalled < 600) requestAnimationFrame(step);
      else window.__scrolled = { rows: furthest, frames };
    };
    requestAnimationFrame(step);";

/// The program `bench_list`.
pub async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let binary = PathBuf::from(arguments.next().context("usage: bench_list PATH-OF-UNDERSTUDY [ROWS]")?)
        .canonicalize()?;
    let rows: u64 = arguments.next().map_or(Ok(1_000_000), |number| number.parse())?;

    let (server, mut connection) = postgres::users(rows).await?;
    postgres::advised(&mut connection).await?;
    let stage = Stage::set(&binary).await?;
    stage.connection("shop", &connection_file(&server.url(ADMIN, "postgres")))?;
    stage.secret("shop", "database_password", ADMIN_PASSWORD).await?;
    let console = stage.open(&[]).await?;
    console.ui.with_text("row", "@").await?;
    typing(&console, rows).await?;
    scrolling(&console, rows).await?;
    console.ui.quit().await
}

fn connection_file(url: &str) -> String {
    format!(
        r#"name = "Shop"
environment = "development"

[directory]
url = "{url}"
table = "public.users"
id = "id"
email = "email"
name = "full_name"
created_at = "created_at"
columns = ["plan", "company"]

[sign_in]
url = "http://127.0.0.1:1/login"
"#
    )
}

async fn typing(console: &Console<'_>, rows: u64) -> Result<()> {
    let field = console.ui.by_role("searchbox", "Search users").await?;
    field.click().await?;
    console.ui.evaluate(WATCH).await?;
    let (mut times, mut unseen) = (Vec::new(), 0);
    for text in TYPED {
        empty(&field).await?;
        console.ui.wait_for("all users", ALL).await?;
        for letter in text.chars() {
            console.ui.press(letter.to_string()).await?;
            let painted = console.ui.wait_for("rows for a letter", "return window.__painted");
            match tokio::time::timeout(Duration::from_secs(3), painted).await {
                Ok(painted) => times.push(painted?.as_f64().context("milliseconds")?),
                // The same rows, in the same time.
                Err(_) => unseen += 1,
            }
        }
    }
    let (p50, p95) = (at(&mut times, 50), at(&mut times, 95));
    say(&format!(
        "{rows} rows: from a keystroke to painted rows {p50:.0} ms at the median, {p95:.0} ms at p95 ({} keystrokes, {unseen} \
         more that changed nothing)",
        times.len()
    ));
    empty(&field).await
}

/// Clears it like a person: if the driver clears a field, the page gets no event.
async fn empty(field: &WebElement) -> Result<()> {
    field.click().await?;
    field.send_keys(Key::Control + "a").await?;
    Ok(field.send_keys(Key::Delete).await?)
}

async fn scrolling(console: &Console<'_>, rows: u64) -> Result<()> {
    console.ui.wait_for("all users", ALL).await?;
    let root = console.ui.driver_pid();
    let memory = async || Memory::at_rest(|| Memory::below(root)).await.megabytes();
    say(&format!("memory (PSS) before {:.0} MB", memory().await));
    // Twice: what the second half adds is what the list keeps.
    for part in [1, 2] {
        let until = SCROLLED.min(rows / 2) * part / 2;
        console.ui.evaluate(&SCROLL.replace("SCROLLED", &until.to_string())).await?;
        let scrolled = loop {
            let scrolled = console.ui.evaluate("return window.__scrolled ?? null").await?;
            if scrolled != Value::Null {
                break scrolled;
            }
            // Every query takes time from the page.
            tokio::time::sleep(Duration::from_secs(1)).await;
        };
        // The engine collects garbage when it is idle.
        tokio::time::sleep(Duration::from_secs(15)).await;
        let mut frames: Vec<f64> = serde_json::from_value(scrolled["frames"].clone())?;
        let long = frames.iter().filter(|&&frame| frame > 20.0).count();
        let (p50, p95) = (at(&mut frames, 50), at(&mut frames, 95));
        say(&format!(
            "scrolled to row {}: {} frames, {p50:.1} ms at the median, {p95:.1} ms at p95, {long} longer than 20 ms; \
             memory then {:.0} MB",
            scrolled["rows"],
            frames.len(),
            memory().await
        ));
    }
    Ok(())
}

fn at(times: &mut [f64], part: usize) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get((times.len() * part / 100).min(times.len().saturating_sub(1))).copied().unwrap_or_default()
}

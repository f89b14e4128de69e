//! What a search costs, beside what the database itself needs for it:
//! `bench_directory [postgres|sqlite] [ROWS]...`
//!
//! For each engine, size and case: the best statement there is, prepared, through the bare driver; and
//! the same question through `Directory::search`, decoding included; as p50 and p95 of one run, and
//! their ratio. Once with the indexes that a typical application has, once with those that
//! `understudy check` advises.

mod population;
mod postgres;
mod sqlite;

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio_util::sync::CancellationToken;
use understudy_core::directory::{Directory, Place, Query};

/// Times that a case is asked.
const ROUNDS: usize = 40;
/// Rows of a page, as the console asks for them.
const PAGE: u16 = 50;

/// The whole program `bench_directory`.
pub async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let engines: Vec<&str> =
        arguments.iter().map(String::as_str).filter(|word| word.parse::<u64>().is_err()).collect();
    let mut sizes: Vec<u64> = arguments.iter().filter_map(|word| word.parse().ok()).collect();
    if sizes.is_empty() {
        sizes = vec![10_000, 1_000_000];
    }
    for engine in if engines.is_empty() { vec!["postgres", "sqlite"] } else { engines } {
        for &rows in &sizes {
            match engine {
                "postgres" => postgres::measure(rows).await?,
                "sqlite" => sqlite::measure(rows).await?,
                other => anyhow::bail!("no engine {other}: postgres and sqlite can be measured"),
            }
        }
    }
    Ok(())
}

/// p50 and p95, in milliseconds.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    p50: f64,
    p95: f64,
}

impl Times {
    fn of(mut rounds: Vec<Duration>) -> Self {
        rounds.sort();
        let at =
            |part: usize| rounds[(rounds.len() * part / 100).min(rounds.len() - 1)].as_secs_f64() * 1000.0;
        Self { p50: at(50), p95: at(95) }
    }
}

/// Asks until the rounds, or ten seconds, are over.
async fn rounds(mut ask: impl AsyncFnMut() -> Result<usize>) -> Result<(Times, usize)> {
    let mut rows = ask().await?;
    ask().await?;
    let (mut times, began) = (Vec::new(), Instant::now());
    while times.len() < ROUNDS && (times.len() < 5 || began.elapsed() < Duration::from_secs(10)) {
        let started = Instant::now();
        rows = ask().await?;
        times.push(started.elapsed());
    }
    Ok((Times::of(times), rows))
}

/// A question as an agent asks it.
fn question(text: &str) -> Query {
    Query::first(text, PAGE)
}

async fn ours(directory: &dyn Directory, query: &Query) -> Result<(Times, usize, String)> {
    let mut said = String::new();
    let (times, rows) = rounds(async || {
        let page = directory.search(query, &CancellationToken::new()).await?;
        said = match page.left_out {
            Some(left_out) => format!("left out, {} newest looked at", left_out.looked_at.unwrap_or(0)),
            None => String::new(),
        };
        Ok(page.rows.len())
    })
    .await?;
    Ok((times, rows, said))
}

/// The cursor behind so many rows.
async fn down(directory: &dyn Directory, rows: usize) -> Result<Place> {
    let mut query = Query::first("", 500);
    let mut seen = 0;
    while seen < rows {
        let page = directory.search(&query, &CancellationToken::new()).await?;
        seen += page.rows.len();
        query.place = Place::After(page.next.context("the table has fewer rows")?);
    }
    Ok(query.place)
}

fn heading(directory: &dyn Directory, rows: u64, indexes: &str) {
    let info = directory.info();
    say(&format!("\n### {}, {rows} rows, {indexes}\n", info.server));
    let served = info
        .services
        .iter()
        .map(|one| format!("{:?} {}: {}", one.tier, one.column, one.index.as_deref().unwrap_or("nothing")));
    say(&format!("Served by {}.\n", served.collect::<Vec<_>>().join("; ")));
    say("| case | raw p50 ms | raw p95 | ours p50 ms | ours p95 | ours − 2 × raw | rows | |");
    say("|---|---|---|---|---|---|---|---|");
}

fn line(case: &str, raw: Option<Times>, ours: Times, rows: usize, said: &str) {
    let (raw_p50, raw_p95, over) = match raw {
        Some(raw) => (
            format!("{:.2}", raw.p50),
            format!("{:.2}", raw.p95),
            format!("{:+.2}", ours.p50 - 2.0 * raw.p50),
        ),
        None => ("–".into(), "–".into(), "–".into()),
    };
    say(&format!(
        "| {case} | {raw_p50} | {raw_p95} | {:.2} | {:.2} | {over} | {rows} | {said} |",
        ours.p50, ours.p95
    ));
}

#[allow(clippy::print_stdout, reason = "this program's output is what it is for")]
fn say(text: &str) {
    println!("{text}");
}

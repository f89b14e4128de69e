//! Measures what a search costs, compared with what the database itself needs for it:
//! `bench_directory [related] [postgres|mariadb|mongod|sqlite] [ROWS]...`, and a search in many connections:
//! `bench_directory connections`
//!
//! For each engine, size and case it runs the best possible statement, prepared, through the plain driver, and the same
//! search through `Directory::search_users`, including decoding. It reports p50 and p95 of one run and the rows that the
//! server read for ours, once with the indexes of a typical application and once with those that `understudy check`
//! advises.

mod connections;
mod mariadb;
mod mongod;
mod population;
pub mod postgres;
mod related;
mod sqlite;

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use secrecy::SecretString;
use tokio_util::sync::CancellationToken;
use understudy_core::connection::DirectoryConfig;
use understudy_core::directory::{self, Directory, ListRequest, Place};

use self::population::{User, user};

/// How often each case is run.
const ROUNDS: usize = 40;
/// The page size that the console uses.
const PAGE: u16 = 50;

/// The engines, in the order in which they are measured.
const ENGINES: [&str; 4] = ["postgres", "mariadb", "mongod", "sqlite"];

/// The program `bench_directory`.
pub async fn main() -> Result<()> {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|word| word == "connections") {
        return Box::pin(connections::measure()).await;
    }
    let is_related = arguments.iter().any(|word| word == "related");
    arguments.retain(|word| word != "related");
    let engines: Vec<&str> =
        arguments.iter().map(String::as_str).filter(|word| word.parse::<u64>().is_err()).collect();
    let mut sizes: Vec<u64> = arguments.iter().filter_map(|word| word.parse().ok()).collect();
    if sizes.is_empty() {
        sizes = vec![10_000, 1_000_000];
    }
    for engine in if engines.is_empty() { ENGINES.to_vec() } else { engines } {
        for &rows in &sizes {
            match engine {
                engine if is_related && ENGINES.contains(&engine) => {
                    Box::pin(related::measure(engine, rows)).await?;
                }
                "postgres" => postgres::measure(rows).await?,
                "mariadb" => mariadb::measure(rows).await?,
                "mongod" => mongod::measure(rows).await?,
                "sqlite" => sqlite::measure(rows).await?,
                other => anyhow::bail!("no engine {other}: {} can be measured", ENGINES.join(", ")),
            }
        }
    }
    Ok(())
}

/// A case of the benchmark.
enum Asked {
    First,
    /// The page after this user, at this depth in rows.
    Down(User, usize),
    Last,
    Email(String),
    Id(i64),
    Prefix(&'static str),
    Contains(&'static str),
    /// As an agent types it; there is no plain statement to compare with.
    Text(&'static str),
    Total,
}

/// An engine's plain driver.
trait Bare {
    /// Runs the best possible statement and returns the number of values; `None` if no index serves the case.
    async fn ask(&mut self, asked: &Asked, advised: bool) -> Result<Option<usize>>;
    /// How many rows (documents) the server has read so far for all clients; `None` if it does not report that.
    async fn examined(&mut self) -> Result<Option<i64>>;
}

/// Measures all cases in the directory that `part` describes, and prints a table.
async fn measure(
    bare: &mut impl Bare,
    part: &DirectoryConfig,
    password: &str,
    rows: u64,
    advised: bool,
) -> Result<()> {
    let password = SecretString::from(password);
    let some = user(rows / 3, rows);
    let deep = 50_000.min(usize::try_from(rows)? / 2);
    let edge = user(rows - u64::try_from(deep)?, rows);
    let cases = [
        Asked::First,
        Asked::Down(edge, deep),
        Asked::Last,
        Asked::Email(some.email),
        Asked::Id(some.id),
        Asked::Prefix("anna.s"),
        Asked::Contains("rson4"),
        Asked::Contains("son"),
        Asked::Contains("zqxjk nobody"),
        Asked::Text("rs"),
        Asked::Text("schmidt anna"),
        Asked::Text("Schmidt, Anna"),
        Asked::Text("plan:pro"),
        Asked::Text("plan:=pro"),
        Asked::Total,
    ];
    let opening = Instant::now();
    let directory = directory::open(part, Some(&password)).await?;
    heading(&*directory, rows, advised);
    let opened = opening.elapsed().as_secs_f64() * 1000.0;
    let mut queries = Vec::new();
    for case in &cases {
        queries.push(question(&*directory, case).await?);
    }
    // Servers add a session's rows to their statistics when it ends.
    directory.close().await;
    let mut examined = Vec::new();
    let opening = examined_for(bare, part, &password, None).await?;
    for (case, query) in cases.iter().zip(&queries) {
        let asked = if matches!(case, Asked::Total) { None } else { Some(query) };
        let read = examined_for(bare, part, &password, asked).await?;
        examined.push(
            read.zip(opening).map(|(read, opening)| (read - opening).max(0)).filter(|_| asked.is_some()),
        );
    }
    let directory = directory::open(part, Some(&password)).await?;
    for ((case, query), examined) in cases.iter().zip(&queries).zip(examined) {
        let raw = match bare.ask(case, advised).await? {
            None => None,
            Some(_) => Some(rounds(async || Ok(bare.ask(case, advised).await?.unwrap_or_default())).await?.0),
        };
        let ours = match case {
            Asked::Total => {
                let count = async || {
                    let count = directory.count_users("", &CancellationToken::new()).await?;
                    Ok(usize::try_from(count.users)?)
                };
                rounds(count).await.map(|(times, rows)| (times, rows, String::new()))
            }
            _ => ours(&*directory, query).await,
        };
        match ours {
            Ok((times, rows, said)) => line(&case.called(), raw, times, examined, rows, &said),
            Err(error) => {
                let said = error.to_string().replace('\n', " ");
                say(&format!("| {} | | | | | | | | {said} |", case.called()));
            }
        }
    }
    say(&format!("\nopening the directory, with the search plan: {opened:.0} ms"));
    directory.close().await;
    Ok(())
}

impl Asked {
    fn called(&self) -> String {
        match self {
            Self::First => "first page".into(),
            Self::Down(_, deep) => format!("{deep} rows down"),
            Self::Last => "last page".into(),
            Self::Email(_) => "exact e-mail".into(),
            Self::Id(_) => "id".into(),
            Self::Prefix(text) => format!("prefix `{text}`"),
            Self::Contains("son") => "contains `son` (common)".into(),
            Self::Contains(text) if text.contains(' ') => "no match".into(),
            Self::Contains(text) => format!("contains `{text}`"),
            Self::Text(text) => format!("`{text}`"),
            Self::Total => "total, exact (asked for)".into(),
        }
    }
}

/// The same case as an agent's request.
async fn question(directory: &dyn Directory, asked: &Asked) -> Result<ListRequest> {
    Ok(match asked {
        Asked::First | Asked::Total => ListRequest::first_page("", PAGE),
        Asked::Down(_, deep) => {
            ListRequest { place: down(directory, *deep).await?, ..ListRequest::first_page("", PAGE) }
        }
        Asked::Last => ListRequest { place: Place::End, ..ListRequest::first_page("", PAGE) },
        Asked::Email(email) => ListRequest::first_page(email, PAGE),
        Asked::Id(id) => ListRequest::first_page(id.to_string(), PAGE),
        Asked::Prefix(text) | Asked::Contains(text) | Asked::Text(text) => {
            ListRequest::first_page(*text, PAGE)
        }
    })
}

/// How many rows the server reads for a directory that is opened, used for this one request (if any), and closed.
async fn examined_for(
    bare: &mut impl Bare,
    part: &DirectoryConfig,
    password: &SecretString,
    query: Option<&ListRequest>,
) -> Result<Option<i64>> {
    let before = bare.examined().await?;
    let directory = directory::open(part, Some(password)).await?;
    if let Some(query) = query {
        // If it fails, the measurement reports that.
        let _ = directory.search_users(query, &CancellationToken::new()).await;
    }
    directory.close().await;
    Ok(bare.examined().await?.zip(before).map(|(after, before)| after - before))
}

/// The mapping of every engine's table.
fn part(url: String) -> DirectoryConfig {
    DirectoryConfig {
        url,
        table: "users".into(),
        id: "id".into(),
        email: Some("email".into()),
        name: Some("full_name".into()),
        created_at: Some("created_at".into()),
        columns: vec!["plan".into(), "company".into()],
        masked: Vec::new(),
        search: None,
        uuid_bytes: None,
        timeout_ms: 3000,
        patience: 30,
        password_command: None,
        ssh: None,
        page: None,
        related: Vec::new(),
        origin: None,
    }
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

/// Repeats until all rounds are done, or ten seconds have passed.
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

async fn ours(directory: &dyn Directory, query: &ListRequest) -> Result<(Times, usize, String)> {
    let mut said = String::new();
    let (times, rows) = rounds(async || {
        let page = directory.search_users(query, &CancellationToken::new()).await?;
        said = match page.left_out {
            Some(left_out) => format!("left out, {} newest looked at", left_out.looked_at.unwrap_or(0)),
            None => String::new(),
        };
        Ok(page.rows.len())
    })
    .await?;
    Ok((times, rows, said))
}

/// The cursor after this many rows.
async fn down(directory: &dyn Directory, rows: usize) -> Result<Place> {
    let mut query = ListRequest::first_page("", 500);
    let mut seen = 0;
    while seen < rows {
        let page = directory.search_users(&query, &CancellationToken::new()).await?;
        seen += page.rows.len();
        query.place = Place::After(page.next.context("the table has fewer rows")?);
    }
    Ok(query.place)
}

fn heading(directory: &dyn Directory, rows: u64, advised: bool) {
    let info = directory.info();
    let indexes = if advised {
        "with the indexes that `check` advises"
    } else {
        "with a typical application's indexes"
    };
    say(&format!("\n### {}, {rows} rows, {indexes}\n", info.server));
    let served = info
        .coverage
        .iter()
        .map(|one| format!("{:?} {}: {}", one.tier, one.column, one.index.as_deref().unwrap_or("nothing")));
    say(&format!("Served by {}.\n", served.collect::<Vec<_>>().join("; ")));
    say("| case | raw p50 ms | raw p95 | ours p50 ms | ours p95 | ours − 2 × raw | read | rows | |");
    say("|---|---|---|---|---|---|---|---|---|");
}

fn line(case: &str, raw: Option<Times>, ours: Times, examined: Option<i64>, rows: usize, said: &str) {
    let read = examined.map_or_else(|| "–".into(), |read| read.to_string());
    let (raw_p50, raw_p95, over) = match raw {
        Some(raw) => (
            format!("{:.2}", raw.p50),
            format!("{:.2}", raw.p95),
            format!("{:+.2}", ours.p50 - 2.0 * raw.p50),
        ),
        None => ("–".into(), "–".into(), "–".into()),
    };
    say(&format!(
        "| {case} | {raw_p50} | {raw_p95} | {:.2} | {:.2} | {over} | {read} | {rows} | {said} |",
        ours.p50, ours.p95
    ));
}

#[allow(clippy::print_stdout, reason = "this program's output is what it is for")]
pub fn say(text: &str) {
    println!("{text}");
}

//! How long a search in 50 connections takes: databases of all engines, of which two are down and one says nothing.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use mongodb::bson::doc;
use secrecy::SecretString;
use sqlx::ConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use understudy_core::clock::Clock;
use understudy_core::connection::DATABASE_PASSWORD;
use understudy_core::console::Console;
use understudy_core::home::Home;
use understudy_core::notice::Notices;
use understudy_core::vault::{Keep, Vault};

use super::{ROUNDS, Times, say};
use crate::browser::PlainBrowser;
use crate::mariadb::MariaDbServer;
use crate::mongod::MongoServer;
use crate::postgres::PostgresServer;

const CONNECTIONS: usize = 50;
const DEAD: usize = 3;
const PASSWORD: &str = "measured";
/// In every twelfth connection or so; nobody else's.
const WANTED: &str = "user7777@example.com";
const USERS: u32 = 10_000;

/// When the first user was found, when the last living connection answered, and when the last dead one was given up.
struct Answers {
    first_hit: Duration,
    living: Duration,
    dead: Duration,
}

pub async fn measure() -> Result<()> {
    let postgres = PostgresServer::start_with(&["max_connections=200"]);
    postgres.sql(
        "postgres",
        &format!(
            "CREATE TABLE users (id int PRIMARY KEY, email text UNIQUE);
             INSERT INTO users SELECT g, 'user' || g || '@example.com' FROM generate_series(1, {USERS}) g; ANALYZE;
             CREATE ROLE reader LOGIN PASSWORD '{PASSWORD}'; GRANT SELECT ON users TO reader"
        ),
    );
    let mariadb = MariaDbServer::start();
    mariadb.sql(
        "mysql",
        &format!(
            "SET GLOBAL max_connections = 200;
             CREATE DATABASE acme; CREATE TABLE acme.users (id int PRIMARY KEY, email varchar(60) UNIQUE);
             INSERT INTO acme.users SELECT seq, concat('user', seq, '@example.com') FROM seq_1_to_{USERS};
             CREATE USER reader@'%' IDENTIFIED BY '{PASSWORD}'; GRANT SELECT ON acme.* TO reader@'%'"
        ),
    );
    let mongod = MongoServer::start().await;
    mongod.user("reader", PASSWORD, vec![doc! { "role": "read", "db": "acme" }]).await;
    let database = mongod.database("acme");
    let documents = (1..=USERS).map(|id| doc! { "_id": id, "email": format!("user{id}@example.com") });
    database.collection("users").insert_many(documents).await?;
    let index = doc! { "name": "email", "key": { "email": 1 } };
    database.run_command(doc! { "createIndexes": "users", "indexes": [index] }).await?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("users.sqlite");
    let mut sqlite = SqliteConnectOptions::new().filename(&file).create_if_missing(true).connect().await?;
    sqlx::raw_sql(
        "CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT UNIQUE);
         WITH RECURSIVE s(g) AS (SELECT 1 UNION ALL SELECT g + 1 FROM s WHERE g < 10000)
         INSERT INTO users SELECT g, 'user' || g || '@example.com' FROM s;",
    )
    .execute(&mut sqlite)
    .await?;
    let down = TcpListener::bind("127.0.0.1:0").await?.local_addr()?;
    let silent = TcpListener::bind("127.0.0.1:0").await?;

    let home = folder.path().join("home");
    let place = Home::in_folder(&home);
    let connections = place.connections_dir()?;
    for at in 0..CONNECTIONS {
        let (url, id) = match at {
            0 | 1 => (format!("postgres://reader@{down}/acme"), "id"),
            2 => (format!("postgres://reader@{}/acme", silent.local_addr()?), "id"),
            _ => match at % 4 {
                0 => (postgres.url("reader", "postgres"), "id"),
                1 => (mariadb.url("reader", "acme"), "id"),
                2 => (mongod.url("reader", "acme"), "_id"),
                _ => (format!("sqlite://{}", file.display()), "id"),
            },
        };
        let text = format!(
            "name = \"{at}\"\nenvironment = \"staging\"\n[directory]\nurl = \"{url}\"\ntable = \"users\"\n\
             id = \"{id}\"\nemail = \"email\"\n[sign_in]\nurl = \"http://127.0.0.1/login\"\n"
        );
        std::fs::write(connections.join(format!("c{at}.toml")), text)?;
    }
    let browser = Arc::new(PlainBrowser::default());
    let console = Console::open(place, Vault::system(), browser, Notices::default(), Clock::system()).await?;
    for at in 0..CONNECTIONS {
        let value = SecretString::from(PASSWORD);
        console.store_secret(&format!("c{at}"), DATABASE_PASSWORD, value, Keep::ThisRun).await?;
    }

    say(&format!(
        "\n### {CONNECTIONS} connections to four engines, {USERS} users each, two of them down and one silent\n"
    ));
    say("| | first hit ms | all living ms | the last dead one ms |");
    say("|---|---|---|---|");
    let ms = |time: Duration| time.as_secs_f64() * 1000.0;
    let opening = ask_all(&console, 1).await?;
    let row = |what: &str, first: f64, living: f64, dead: f64| {
        say(&format!("| {what} | {first:.1} | {living:.1} | {dead:.0} |"));
    };
    row("the first search, which opens them", ms(opening.first_hit), ms(opening.living), ms(opening.dead));
    let (mut first, mut living) = (Vec::new(), Vec::new());
    for turn in 0..ROUNDS {
        // As when the next letter is typed: nobody waits for the dead.
        let answers = ask_living(&console, 2 + u64::try_from(turn)?).await?;
        first.push(answers.first_hit);
        living.push(answers.living);
    }
    let (first, living) = (Times::of(first), Times::of(living));
    row("the next ones, p50", first.p50, living.p50, f64::NAN);
    row("the next ones, p95", first.p95, living.p95, f64::NAN);
    console.shut_down().await;
    Ok(())
}

async fn ask_all(console: &Arc<Console>, turn: u64) -> Result<Answers> {
    ask(console, turn, true).await
}

async fn ask_living(console: &Arc<Console>, turn: u64) -> Result<Answers> {
    let answers = ask(console, turn, false).await;
    console.stop_lookups(turn);
    answers
}

/// Asks all connections at once, and waits for the living ones, and for the dead ones too if `to_the_end`.
async fn ask(console: &Arc<Console>, turn: u64, to_the_end: bool) -> Result<Answers> {
    let began = Instant::now();
    let mut asked = JoinSet::new();
    for at in 0..CONNECTIONS {
        let console = Arc::clone(console);
        asked.spawn(async move { (at, console.look_up_users(&format!("c{at}"), WANTED, turn).await) });
    }
    let mut answers = Answers { first_hit: Duration::ZERO, living: Duration::ZERO, dead: Duration::ZERO };
    let mut left = CONNECTIONS - DEAD;
    while let Some(answered) = asked.join_next().await {
        let (at, found) = answered?;
        let elapsed = began.elapsed();
        if at < DEAD {
            answers.dead = elapsed;
        } else {
            let found = found.map_err(|error| anyhow::anyhow!("c{at}: {error}"))?;
            anyhow::ensure!(found.listed.page.rows.len() == 1, "c{at} knows them");
            if answers.first_hit.is_zero() {
                answers.first_hit = elapsed;
            }
            answers.living = elapsed;
            left -= 1;
        }
        if left == 0 && !to_the_end {
            break;
        }
    }
    Ok(answers)
}

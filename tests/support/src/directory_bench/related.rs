//! What it costs to find users by what belongs to them: an order's number among as many orders as are asked for, and the
//! people of a company.
//!
//! There are a tenth as many users as orders, and fourteen of them to a company. The servers make the rows themselves.

use std::time::Instant;

use anyhow::Result;
use futures_util::TryStreamExt;
use mongodb::bson::doc;
use secrecy::SecretString;
use sqlx::mysql::MySqlConnectOptions;
use sqlx::postgres::PgConnectOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode};
use sqlx::{AssertSqlSafe, ConnectOptions};
use understudy_core::connection::{DirectoryConfig, RelatedTable};
use understudy_core::directory::{self, ListRequest};

use super::{PAGE, Times, ours, part, rounds, say};
use crate::mariadb::MariaDbServer;
use crate::mongod::MongoServer;
use crate::postgres::{ADMIN, ADMIN_PASSWORD, PostgresServer};

const READER_PASSWORD: &str = "measured";

/// What is typed, by what it is called in the table.
#[derive(Clone, Copy)]
enum Typed {
    Order,
    Beginning,
    Company,
}

const TYPED: [Typed; 3] = [Typed::Order, Typed::Beginning, Typed::Company];

impl Typed {
    fn name(self) -> &'static str {
        match self {
            Self::Order => "order number",
            Self::Beginning => "beginning of one (10 orders)",
            Self::Company => "company's name (14 people)",
        }
    }

    /// In a table of this many orders.
    fn text(self, rows: u64) -> String {
        match self {
            Self::Order => format!("ORD-{:09}", rows / 3),
            Self::Beginning => format!("ORD-{:08}", rows / 30),
            Self::Company => format!("Company {}", rows / 1000),
        }
    }

    /// The statement that a person would write for it.
    fn sql(self, rows: u64) -> String {
        let text = self.text(rows);
        let from = "SELECT u.id, u.full_name, u.email, u.company_id FROM users u";
        match self {
            Self::Order => {
                format!("{from} JOIN orders o ON o.user_id = u.id WHERE o.number = '{text}' LIMIT 51")
            }
            Self::Beginning => format!(
                "{from} WHERE u.id IN (SELECT user_id FROM orders WHERE number >= '{text}' AND number < '{text}~') \
                 ORDER BY u.id DESC LIMIT 51"
            ),
            Self::Company => format!(
                "{from} JOIN companies c ON c.id = u.company_id WHERE c.name = '{text}' ORDER BY u.id DESC LIMIT 51"
            ),
        }
    }
}

/// The tables, filled by the server; `series` names a table with the column `g` of all numbers up to `{}`.
fn script(
    rows: u64,
    text: &str,
    series: impl Fn(u64) -> String,
    pad: impl Fn(&str) -> String,
    join: &str,
) -> String {
    let users = rows / 10;
    let name = |what: &str, of: &str| match join {
        "||" => format!("'{what}' || {of}"),
        _ => format!("concat('{what}', {of})"),
    };
    format!(
        "CREATE TABLE companies (id bigint PRIMARY KEY, name {text} NOT NULL);
         CREATE TABLE users (id bigint PRIMARY KEY, email {text} NOT NULL, full_name {text} NOT NULL, company_id bigint);
         CREATE TABLE orders (id bigint PRIMARY KEY, number {text} NOT NULL, user_id bigint NOT NULL);
         INSERT INTO companies SELECT g, {} FROM {};
         INSERT INTO users SELECT g, {}, {}, 1 + g % {} FROM {};
         INSERT INTO orders SELECT g, {}, 1 + (g * 7919) % {users} FROM {};
         CREATE INDEX companies_name ON companies (name);
         CREATE UNIQUE INDEX users_email ON users (email);
         CREATE INDEX users_company ON users (company_id);
         CREATE INDEX orders_number ON orders (number);
         CREATE INDEX orders_user ON orders (user_id);",
        name("Company ", "g"),
        series(companies(rows)),
        name("user", "g"),
        name("Person ", "g"),
        companies(rows),
        series(users),
        name("ORD-", &pad("g")),
        series(rows),
    )
}

fn companies(rows: u64) -> u64 {
    (rows / 140).max(1)
}

fn config(url: String, id: &str) -> DirectoryConfig {
    let related =
        |label: &str, table: &str, user: &str, leads_to: Option<&str>, identify: &str| RelatedTable {
            label: label.into(),
            table: table.into(),
            user: user.into(),
            through: None,
            leads_to: leads_to.map(str::to_owned),
            id: None,
            created_at: None,
            identify: vec![identify.into()],
            describe: Vec::new(),
            url: None,
        };
    DirectoryConfig {
        id: id.into(),
        created_at: None,
        columns: vec!["company_id".into()],
        related: vec![
            related("Order", "orders", "user_id", None, "number"),
            related("Company", "companies", id, Some("company_id"), "name"),
        ],
        ..part(url)
    }
}

pub async fn measure(engine: &str, rows: u64) -> Result<()> {
    let began = Instant::now();
    match engine {
        "postgres" => {
            let settings = ["shared_buffers=2GB", "max_wal_size=8GB", "maintenance_work_mem=1GB"];
            let server = PostgresServer::start_with(&settings);
            let pad = |g: &str| format!("lpad({g}::text, 9, '0')");
            let script = script(rows, "text", |to| format!("generate_series(1::bigint, {to}) g"), pad, "||");
            server.sql("postgres", &script);
            server.sql(
                "postgres",
                "CREATE INDEX ON orders (lower(number) text_pattern_ops);
                 CREATE INDEX ON companies (lower(name) text_pattern_ops); ANALYZE",
            );
            let options = PgConnectOptions::new_without_pgpass()
                .host("127.0.0.1")
                .port(server.port())
                .username(ADMIN)
                .password(ADMIN_PASSWORD)
                .database("postgres");
            say_made(rows, began);
            let mut connection = options.connect().await?;
            let ask = async |sql| Ok(sqlx::query(AssertSqlSafe(sql)).fetch_all(&mut connection).await?.len());
            compare_sql(&config(server.url(ADMIN, "postgres"), "id"), ADMIN_PASSWORD, rows, ask).await
        }
        "mariadb" => {
            let server = MariaDbServer::start();
            server.sql(
                "mysql",
                "SET GLOBAL innodb_buffer_pool_size = 2147483648; SET GLOBAL innodb_flush_log_at_trx_commit = 0;
                 CREATE DATABASE measured CHARACTER SET utf8mb4;
                 CREATE USER reader@'%' IDENTIFIED BY 'measured'; GRANT SELECT ON measured.* TO reader@'%'",
            );
            let pad = |g: &str| format!("lpad({g}, 9, '0')");
            let series = |to| format!("(SELECT seq AS g FROM seq_1_to_{to}) s");
            server.sql("measured", &script(rows, "varchar(60)", series, pad, "concat"));
            server.sql("measured", "ANALYZE TABLE users, orders, companies");
            let options = MySqlConnectOptions::new()
                .socket(server.socket())
                .username(crate::mariadb::ADMIN)
                .database("measured");
            say_made(rows, began);
            let mut connection = options.connect().await?;
            let ask = async |sql| Ok(sqlx::query(AssertSqlSafe(sql)).fetch_all(&mut connection).await?.len());
            compare_sql(&config(server.url("reader", "measured"), "id"), READER_PASSWORD, rows, ask).await
        }
        "sqlite" => {
            let folder = tempfile::tempdir()?;
            let path = folder.path().join("users.sqlite");
            let options = SqliteConnectOptions::new()
                .filename(&path)
                .create_if_missing(true)
                .journal_mode(SqliteJournalMode::Off)
                .pragma("synchronous", "OFF")
                .pragma("cache_size", "-1000000");
            let mut connection = options.connect().await?;
            let pad = |g: &str| format!("printf('%09d', {g})");
            let series = |to| {
                format!(
                    "(WITH RECURSIVE s(g) AS (SELECT 1 UNION ALL SELECT g + 1 FROM s WHERE g < {to}) SELECT g FROM s)"
                )
            };
            let script = script(rows, "TEXT", series, pad, "||");
            sqlx::raw_sql(AssertSqlSafe(script)).execute(&mut connection).await?;
            sqlx::raw_sql(
                "CREATE INDEX orders_nocase ON orders (number COLLATE NOCASE);
                 CREATE INDEX companies_nocase ON companies (name COLLATE NOCASE); ANALYZE",
            )
            .execute(&mut connection)
            .await?;
            say_made(rows, began);
            let ask = async |sql| Ok(sqlx::query(AssertSqlSafe(sql)).fetch_all(&mut connection).await?.len());
            compare_sql(&config(format!("sqlite://{}", path.display()), "id"), "", rows, ask).await
        }
        "mongod" => in_mongod(rows, began).await,
        other => anyhow::bail!("no engine {other}"),
    }
}

async fn compare_sql(
    config: &DirectoryConfig,
    password: &str,
    rows: u64,
    mut ask: impl AsyncFnMut(String) -> Result<usize>,
) -> Result<()> {
    let mut raw = Vec::new();
    for typed in TYPED {
        raw.push(rounds(async || ask(typed.sql(rows)).await).await?);
    }
    compare(config, password, rows, &raw).await
}

async fn in_mongod(rows: u64, began: Instant) -> Result<()> {
    let server = MongoServer::start().await;
    server.user("reader", READER_PASSWORD, vec![doc! { "role": "read", "db": "measured" }]).await;
    let database = server.database("measured");
    let users = rows / 10;
    let signed = |number: u64| i64::try_from(number);
    for (collection, count) in [("companies", companies(rows)), ("users", users), ("orders", rows)] {
        let target = database.collection(collection);
        let mut next = 1;
        while next <= count {
            let until = (next + 10_000).min(count + 1);
            let mut documents = Vec::with_capacity(10_000);
            for g in next..until {
                documents.push(match collection {
                    "companies" => doc! { "_id": signed(g)?, "name": format!("Company {g}") },
                    "users" => doc! {
                        "_id": signed(g)?, "email": format!("user{g}"), "full_name": format!("Person {g}"),
                        "company_id": signed(1 + g % companies(rows))?,
                    },
                    _ => doc! {
                        "_id": signed(g)?, "number": format!("ORD-{g:09}"), "user_id": signed(1 + (g * 7919) % users)?,
                    },
                });
            }
            target.insert_many(documents).await?;
            next = until;
        }
    }
    let folding = doc! { "locale": "en", "strength": 2 };
    for (collection, field, folds) in [
        ("companies", "name", true),
        ("companies", "name", false),
        ("users", "company_id", false),
        ("users", "email", false),
        ("orders", "number", true),
        ("orders", "number", false),
        ("orders", "user_id", false),
    ] {
        let mut index = doc! { "name": format!("{field}_{folds}"), "key": { field: 1 } };
        if folds {
            index.insert("collation", folding.clone());
        }
        database.run_command(doc! { "createIndexes": collection, "indexes": [index] }).await?;
    }
    say_made(rows, began);
    let mut raw = Vec::new();
    for typed in TYPED {
        let text = typed.text(rows);
        let (from, condition, local, foreign) = match typed {
            Typed::Order => ("orders", doc! { "number": &text }, "user_id", "_id"),
            Typed::Beginning => {
                let end = format!("{text}~");
                ("orders", doc! { "number": { "$gte": &text, "$lt": end } }, "user_id", "_id")
            }
            Typed::Company => ("companies", doc! { "name": &text }, "_id", "company_id"),
        };
        let stages = [
            doc! { "$match": condition },
            doc! { "$lookup": { "from": "users", "localField": local, "foreignField": foreign, "as": "u" } },
            doc! { "$unwind": "$u" },
            doc! { "$limit": 51 },
        ];
        let asked = database.collection::<mongodb::bson::Document>(from);
        raw.push(
            rounds(async || {
                let found: Vec<_> = asked.aggregate(stages.to_vec()).await?.try_collect().await?;
                Ok(found.len())
            })
            .await?,
        );
    }
    compare(&config(server.url("reader", "measured"), "_id"), READER_PASSWORD, rows, &raw).await
}

/// Measures ours, and prints both.
async fn compare(config: &DirectoryConfig, password: &str, rows: u64, raw: &[(Times, usize)]) -> Result<()> {
    let directory = directory::open(config, Some(&SecretString::from(password))).await?;
    say(&format!("\n### {}, {rows} orders, {} users\n", directory.info().server, rows / 10));
    say("| typed | raw p50 ms | raw p95 | ours p50 ms | ours p95 | ours − 2 × raw | users, raw and ours |");
    say("|---|---|---|---|---|---|---|");
    for (typed, (raw, expected)) in TYPED.into_iter().zip(raw) {
        let (times, found, said) =
            ours(&*directory, &ListRequest::first_page(typed.text(rows), PAGE)).await?;
        say(&format!(
            "| {} | {:.2} | {:.2} | {:.2} | {:.2} | {:+.2} | {expected}, {found} {said} |",
            typed.name(),
            raw.p50,
            raw.p95,
            times.p50,
            times.p95,
            times.p50 - 2.0 * raw.p50
        ));
    }
    directory.close().await;
    Ok(())
}

fn say_made(rows: u64, began: Instant) {
    say(&format!("\n{rows} orders were made in {:.0} s", began.elapsed().as_secs_f64()));
}

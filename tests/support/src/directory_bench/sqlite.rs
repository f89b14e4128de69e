//! The benchmark for SQLite.

use std::collections::BTreeSet;
use std::time::Instant;

use anyhow::Result;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode};
use sqlx::{AssertSqlSafe, Connection, QueryBuilder, Row, Sqlite};
use understudy_core::connection::DirectoryConfig;
use understudy_core::directory;

use super::population::{behind, user};
use super::{Asked, part, say};

const TABLE: &str =
    "CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT NOT NULL, full_name TEXT NOT NULL,
    plan TEXT NOT NULL, company TEXT NOT NULL, created_at INTEGER NOT NULL)";
const TYPICAL: &str = "CREATE UNIQUE INDEX users_email ON users (email);
    CREATE INDEX users_created_at ON users (created_at); ANALYZE";
const SELECT: &str = "SELECT id, full_name, email, plan, company, created_at FROM users";

pub async fn measure(rows: u64) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("users.sqlite");
    let options = SqliteConnectOptions::new()
        .filename(&path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Off)
        .pragma("synchronous", "OFF")
        .pragma("cache_size", "-1000000");
    let mut connection = SqliteConnection::connect_with(&options).await?;
    let began = Instant::now();
    sqlx::raw_sql(TABLE).execute(&mut connection).await?;
    fill(&mut connection, rows).await?;
    sqlx::raw_sql(TYPICAL).execute(&mut connection).await?;
    say(&format!("\n{rows} rows were made in {:.0} s", began.elapsed().as_secs_f64()));
    let part = part(format!("sqlite://{}", path.display()));
    let mut bare = Bare { connection };
    super::measure(&mut bare, &part, "", rows, false).await?;
    for statements in advice(&part).await? {
        sqlx::raw_sql(AssertSqlSafe(statements)).execute(&mut bare.connection).await?;
    }
    sqlx::raw_sql("ANALYZE").execute(&mut bare.connection).await?;
    super::measure(&mut bare, &part, "", rows, true).await?;
    bare.connection.close().await?;
    Ok(())
}

/// The statements that `check` advises, without duplicates: one index may serve several tiers.
async fn advice(part: &DirectoryConfig) -> Result<BTreeSet<String>> {
    let directory = directory::open(part, None).await?;
    let advice = directory.info().coverage.iter().filter_map(|service| service.advice.clone()).collect();
    directory.close().await;
    Ok(advice)
}

async fn fill(connection: &mut SqliteConnection, rows: u64) -> Result<()> {
    let mut all = connection.begin().await?;
    let mut number = 0;
    while number < rows {
        let until = (number + 500).min(rows);
        let mut insert = QueryBuilder::<Sqlite>::new("INSERT INTO users ");
        insert.push_values((number..until).map(|number| user(number, rows)), |mut row, one| {
            row.push_bind(one.id)
                .push_bind(one.email)
                .push_bind(one.full_name)
                .push_bind(one.plan)
                .push_bind(one.company)
                .push_bind(one.created_at);
        });
        insert.build().execute(&mut *all).await?;
        number = until;
    }
    all.commit().await?;
    Ok(())
}

struct Bare {
    connection: SqliteConnection,
}

impl super::Bare for Bare {
    async fn ask(&mut self, asked: &Asked, advised: bool) -> Result<Option<usize>> {
        const NEWEST: &str = "ORDER BY created_at DESC, id DESC LIMIT 51";
        let statement = match asked {
            Asked::First => format!("{SELECT} {NEWEST}"),
            Asked::Down(edge, _) => {
                format!("{SELECT} WHERE (created_at, id) < ({}, {}) {NEWEST}", edge.created_at, edge.id)
            }
            Asked::Last => format!("{SELECT} ORDER BY created_at, id LIMIT 51"),
            Asked::Email(email) => format!("{SELECT} WHERE email = '{email}'"),
            Asked::Id(id) => format!("{SELECT} WHERE id = {id}"),
            Asked::Prefix(text) if advised => format!(
                "{SELECT} WHERE email COLLATE NOCASE >= '{text}' AND email COLLATE NOCASE < '{}' \
                 ORDER BY email COLLATE NOCASE LIMIT 51",
                behind(text)
            ),
            // Not for a common text, which a scan of the newest rows finds at once.
            Asked::Contains(text) if advised && *text != "son" => format!(
                "{SELECT} WHERE id IN (SELECT rowid FROM users_search WHERE users_search MATCH '\"{text}\"') {NEWEST}"
            ),
            Asked::Total => "SELECT count(*) FROM users".to_owned(),
            Asked::Prefix(_) | Asked::Contains(_) | Asked::Text(_) => return Ok(None),
        };
        let rows = sqlx::query(AssertSqlSafe(statement)).fetch_all(&mut self.connection).await?;
        Ok(Some(rows.iter().map(Row::len).sum()))
    }

    /// SQLite does not report it.
    async fn examined(&mut self) -> Result<Option<i64>> {
        Ok(None)
    }
}

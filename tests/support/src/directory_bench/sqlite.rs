//! SQLite, measured.

use std::time::Instant;

use anyhow::Result;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode};
use sqlx::{AssertSqlSafe, Connection, QueryBuilder, Row, Sqlite};
use understudy_core::connection::DirectoryPart;
use understudy_core::directory::{self, Directory, Place, Query};

use super::population::user;
use super::{down, heading, line, ours, question, rounds, say};

const TABLE: &str =
    "CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT NOT NULL, full_name TEXT NOT NULL,
    plan TEXT NOT NULL, company TEXT NOT NULL, created_at INTEGER NOT NULL)";
const TYPICAL: &str = "CREATE UNIQUE INDEX users_email ON users (email);
    CREATE INDEX users_created_at ON users (created_at); ANALYZE";
const ADVISED: &str = "CREATE INDEX by_email ON users (email COLLATE NOCASE);
    CREATE INDEX by_full_name ON users (full_name COLLATE NOCASE); ANALYZE";
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
    let url = format!("sqlite://{}", path.display());
    cases(&mut connection, &url, rows, false).await?;
    sqlx::raw_sql(ADVISED).execute(&mut connection).await?;
    cases(&mut connection, &url, rows, true).await?;
    connection.close().await?;
    Ok(())
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

async fn cases(connection: &mut SqliteConnection, url: &str, rows: u64, advised: bool) -> Result<()> {
    let part = DirectoryPart {
        url: url.into(),
        table: "users".into(),
        id: "id".into(),
        email: Some("email".into()),
        name: Some("full_name".into()),
        created_at: Some("created_at".into()),
        columns: vec!["plan".into(), "company".into()],
        search: None,
        timeout_ms: 3000,
        password_command: None,
        ssh: None,
    };
    let directory = directory::open(&part, None).await?;
    let indexes = if advised {
        "with the indexes that `check` advises"
    } else {
        "with a typical application's indexes"
    };
    heading(&*directory, rows, indexes);
    let directory = &*directory;
    let some = user(rows / 3, rows);
    let newest = "ORDER BY created_at DESC, id DESC LIMIT 51";
    compare(connection, directory, "first page", Some(format!("{SELECT} {newest}")), &question("")).await?;
    let deep = 50_000.min(usize::try_from(rows)? / 2);
    let edge = user(rows - u64::try_from(deep)?, rows);
    let after = Query { place: down(directory, deep).await?, ..question("") };
    let raw = format!("{SELECT} WHERE (created_at, id) < ({}, {}) {newest}", edge.created_at, edge.id);
    compare(connection, directory, &format!("{deep} rows down"), Some(raw), &after).await?;
    let last = Query { place: Place::End, ..question("") };
    let raw = format!("{SELECT} ORDER BY created_at, id LIMIT 51");
    compare(connection, directory, "last page", Some(raw), &last).await?;
    let raw = format!("{SELECT} WHERE email = '{}'", some.email);
    compare(connection, directory, "exact e-mail", Some(raw), &question(&some.email)).await?;
    let raw = format!("{SELECT} WHERE id = {}", some.id);
    compare(connection, directory, "id", Some(raw), &question(&some.id.to_string())).await?;
    let raw = advised.then(|| {
        format!(
            "{SELECT} WHERE email COLLATE NOCASE >= 'anna.s' AND email COLLATE NOCASE < 'anna.t' \
             ORDER BY email COLLATE NOCASE LIMIT 51"
        )
    });
    compare(connection, directory, "prefix `anna.s`", raw, &question("anna.s")).await?;
    for (case, text) in
        [("contains `rson4`", "rson4"), ("contains `son` (common)", "son"), ("no match", "zqxjk nobody")]
    {
        compare(connection, directory, case, None, &question(text)).await?;
    }
    directory.close().await;
    Ok(())
}

async fn compare(
    connection: &mut SqliteConnection,
    directory: &dyn Directory,
    case: &str,
    statement: Option<String>,
    query: &Query,
) -> Result<()> {
    let raw = match statement {
        Some(statement) => {
            let ask = async || {
                let statement = AssertSqlSafe(statement.clone());
                let rows = sqlx::query(statement).fetch_all(&mut *connection).await?;
                Ok(rows.iter().map(Row::len).sum())
            };
            Some(rounds(ask).await?.0)
        }
        None => None,
    };
    match ours(directory, query).await {
        Ok((times, rows, said)) => line(case, raw, times, rows, &said),
        Err(error) => say(&format!("| {case} | | | {error} | | | | |")),
    }
    Ok(())
}

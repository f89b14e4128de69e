//! PostgreSQL, measured.

use std::fmt::Write;
use std::time::Instant;

use anyhow::Result;
use secrecy::SecretString;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, Connection, Row};
use tokio_util::sync::CancellationToken;
use understudy_core::connection::DirectoryPart;
use understudy_core::directory::{self, Directory, Place, Query};

use super::population::user;
use super::{down, heading, line, ours, question, rounds, say};
use crate::postgres::{ADMIN, ADMIN_PASSWORD, PostgresServer};

const TABLE: &str = "CREATE TABLE users (id bigint NOT NULL, email text NOT NULL, full_name text NOT NULL,
    plan text NOT NULL, company text NOT NULL, created_at timestamptz NOT NULL)";
/// What a typical application has.
const TYPICAL: &str =
    "ALTER TABLE users ADD PRIMARY KEY (id); CREATE UNIQUE INDEX users_email ON users (email);
    CREATE INDEX users_created_at ON users (created_at); ANALYZE users";
/// What `check` advises then.
const ADVISED: &str = "CREATE EXTENSION IF NOT EXISTS pg_trgm;
    CREATE INDEX ON users (lower(email) text_pattern_ops); CREATE INDEX ON users (lower(full_name) text_pattern_ops);
    CREATE INDEX ON users USING gin (email gin_trgm_ops, full_name gin_trgm_ops); ANALYZE users";
/// Kept off while a raw statement gathers its rows by the trigram index.
const GATHER: &str = "SET enable_seqscan = off; SET enable_indexscan = off; SET jit = off;
    SET max_parallel_workers_per_gather = 0";

const SELECT: &str = "SELECT id::text, full_name, email, plan, company, created_at::text FROM users AS u";

pub async fn measure(rows: u64) -> Result<()> {
    let server =
        PostgresServer::start_with(&["shared_buffers=2GB", "max_wal_size=8GB", "maintenance_work_mem=1GB"]);
    let options = PgConnectOptions::new_without_pgpass()
        .host("127.0.0.1")
        .port(server.port())
        .username(ADMIN)
        .password(ADMIN_PASSWORD)
        .database("postgres");
    let mut connection = PgConnection::connect_with(&options).await?;
    let began = Instant::now();
    sqlx::raw_sql(TABLE).execute(&mut connection).await?;
    fill(&mut connection, rows).await?;
    sqlx::raw_sql(TYPICAL).execute(&mut connection).await?;
    say(&format!("\n{rows} rows were made in {:.0} s", began.elapsed().as_secs_f64()));
    cases(&mut connection, &server, rows, false).await?;
    let began = Instant::now();
    sqlx::raw_sql(ADVISED).execute(&mut connection).await?;
    say(&format!("\nthe advised indexes were made in {:.0} s", began.elapsed().as_secs_f64()));
    cases(&mut connection, &server, rows, true).await
}

async fn fill(connection: &mut PgConnection, rows: u64) -> Result<()> {
    let mut copy = connection.copy_in_raw("COPY users FROM STDIN").await?;
    let mut lines = String::new();
    for number in 0..rows {
        let one = user(number, rows);
        writeln!(
            lines,
            "{}\t{}\t{}\t{}\t{}\t{}",
            one.id,
            one.email,
            one.full_name,
            one.plan,
            one.company,
            time(one.created_at)
        )?;
        if lines.len() > 1 << 20 {
            copy.send(lines.as_bytes()).await?;
            lines.clear();
        }
    }
    copy.send(lines.as_bytes()).await?;
    copy.finish().await?;
    Ok(())
}

fn time(seconds: i64) -> String {
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    format!("1970-01-01 {:02}:{:02}:{:02}+00", second / 3600, second / 60 % 60, second % 60)
        .replace("1970-01-01", &date(days))
}

/// Howard Hinnant's `civil_from_days`: <https://howardhinnant.github.io/date_algorithms.html>
fn date(days: i64) -> String {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let (month, carry) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    format!("{:04}-{month:02}-{day:02}", year + era * 400 + carry)
}

async fn cases(
    connection: &mut PgConnection,
    server: &PostgresServer,
    rows: u64,
    advised: bool,
) -> Result<()> {
    let part = DirectoryPart {
        url: server.url(ADMIN, "postgres"),
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
    let opening = Instant::now();
    let directory = directory::open(&part, Some(&SecretString::from(ADMIN_PASSWORD))).await?;
    let indexes = if advised {
        "with the indexes that `check` advises"
    } else {
        "with a typical application's indexes"
    };
    heading(&*directory, rows, indexes);
    let opened = opening.elapsed().as_secs_f64() * 1000.0;
    let directory = &*directory;
    let some = user(rows / 3, rows);
    let newest = "ORDER BY u.created_at DESC, u.id DESC LIMIT 51";

    compare(connection, directory, "first page", Some(&format!("{SELECT} {newest}")), &question("")).await?;
    let deep = 50_000.min(usize::try_from(rows)? / 2);
    let edge = user(rows - u64::try_from(deep)?, rows);
    let after = Query { place: down(directory, deep).await?, ..question("") };
    let raw = format!(
        "{SELECT} WHERE (u.created_at, u.id) < ('{}'::timestamptz, {}) {newest}",
        time(edge.created_at),
        edge.id
    );
    compare(connection, directory, &format!("{deep} rows down"), Some(&raw), &after).await?;
    let last = Query { place: Place::End, ..question("") };
    let raw = format!("{SELECT} ORDER BY u.created_at, u.id LIMIT 51");
    compare(connection, directory, "last page", Some(&raw), &last).await?;
    let raw = format!("{SELECT} WHERE email = '{}'", some.email);
    compare(connection, directory, "exact e-mail", Some(&raw), &question(&some.email)).await?;
    let raw = format!("{SELECT} WHERE u.id = {}", some.id);
    compare(connection, directory, "id", Some(&raw), &question(&some.id.to_string())).await?;

    let raw = format!(
        "{SELECT} WHERE lower(email) ~>=~ 'anna.s' AND lower(email) ~<~ 'anna.t' ORDER BY lower(email) USING ~<~ LIMIT 51"
    );
    compare(connection, directory, "prefix `anna.s`", advised.then_some(raw.as_str()), &question("anna.s"))
        .await?;
    let gathered =
        |text: &str| format!("{SELECT} WHERE email ILIKE '%{text}%' OR full_name ILIKE '%{text}%' {newest}");
    if advised {
        sqlx::raw_sql(GATHER).execute(&mut *connection).await?;
    }
    for (case, text) in
        [("contains `rson4`", "rson4"), ("contains `son` (common)", "son"), ("no match", "zqxjk nobody")]
    {
        // What is common is found at once by walking through the newest.
        let raw = if text == "son" { None } else { advised.then(|| gathered(text)) };
        compare(connection, directory, case, raw.as_deref(), &question(text)).await?;
    }
    sqlx::raw_sql("RESET ALL").execute(&mut *connection).await?;
    compare(connection, directory, "two letters `rs`", None, &question("rs")).await?;
    let words = question("schmidt anna");
    compare(connection, directory, "words `schmidt anna`", None, &words).await?;
    compare(connection, directory, "filter `plan:pro`", None, &question("plan:pro")).await?;

    let (times, total) = rounds(async || {
        let count = directory.count("", &CancellationToken::new()).await?;
        Ok(usize::try_from(count.users)?)
    })
    .await?;
    let counted = self::raw(connection, "SELECT count(*) FROM users").await?;
    line("total, exact (asked for)", Some(counted), times, total, "");
    say(&format!("\nopening the directory, with the search plan: {opened:.0} ms"));
    directory.close().await;
    Ok(())
}

async fn compare(
    connection: &mut PgConnection,
    directory: &dyn Directory,
    case: &str,
    statement: Option<&str>,
    query: &Query,
) -> Result<()> {
    let raw = match statement {
        Some(statement) => Some(raw(connection, statement).await?),
        None => None,
    };
    match ours(directory, query).await {
        Ok((times, rows, said)) => line(case, raw, times, rows, &said),
        Err(error) => say(&format!("| {case} | | | {error} | | | | |")),
    }
    Ok(())
}

async fn raw(connection: &mut PgConnection, statement: &str) -> Result<super::Times> {
    let (times, _) = rounds(async || {
        let rows = sqlx::query(AssertSqlSafe(statement.to_owned())).fetch_all(&mut *connection).await?;
        Ok(rows.iter().map(Row::len).sum())
    })
    .await?;
    Ok(times)
}

//! The benchmark for PostgreSQL.

use std::fmt::Write;
use std::time::Instant;

use anyhow::Result;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, Connection, Row};

use super::population::{behind, time, user};
use super::{Asked, part, say};
use crate::postgres::{ADMIN, ADMIN_PASSWORD, PostgresServer};

const TABLE: &str = "CREATE TABLE users (id bigint NOT NULL, email text NOT NULL, full_name text NOT NULL,
    plan text NOT NULL, company text NOT NULL, created_at timestamptz NOT NULL)";
/// The indexes of a typical application.
const TYPICAL: &str =
    "ALTER TABLE users ADD PRIMARY KEY (id); CREATE UNIQUE INDEX users_email ON users (email);
    CREATE INDEX users_created_at ON users (created_at); ANALYZE users";
/// The indexes that `check` then advises.
const ADVISED: &str = "CREATE EXTENSION IF NOT EXISTS pg_trgm;
    CREATE INDEX ON users (lower(email) text_pattern_ops); CREATE INDEX ON users (lower(full_name) text_pattern_ops);
    CREATE INDEX ON users USING gin (email gin_trgm_ops, full_name gin_trgm_ops); ANALYZE users";
/// Planner settings that make a plain statement gather its rows through the trigram index.
const GATHER: &str = "SET enable_seqscan = off; SET enable_indexscan = off; SET jit = off;
    SET max_parallel_workers_per_gather = 0";

const SELECT: &str = "SELECT id::text, full_name, email, plan, company, created_at::text FROM users AS u";

pub async fn measure(rows: u64) -> Result<()> {
    let began = Instant::now();
    let (server, connection) = users(rows).await?;
    say(&format!("\n{rows} rows were made in {:.0} s", began.elapsed().as_secs_f64()));
    let part = part(server.url(ADMIN, "postgres"));
    let mut bare = Bare { connection, gathers: false };
    super::measure(&mut bare, &part, ADMIN_PASSWORD, rows, false).await?;
    let began = Instant::now();
    advised(&mut bare.connection).await?;
    say(&format!("\nthe advised indexes were made in {:.0} s", began.elapsed().as_secs_f64()));
    super::measure(&mut bare, &part, ADMIN_PASSWORD, rows, true).await
}

/// A server with `rows` users in a table of the database `postgres`, with the indexes of a typical application.
pub async fn users(rows: u64) -> Result<(PostgresServer, PgConnection)> {
    let server =
        PostgresServer::start_with(&["shared_buffers=2GB", "max_wal_size=8GB", "maintenance_work_mem=1GB"]);
    let options = PgConnectOptions::new_without_pgpass()
        .host("127.0.0.1")
        .port(server.port())
        .username(ADMIN)
        .password(ADMIN_PASSWORD)
        .database("postgres");
    let mut connection = PgConnection::connect_with(&options).await?;
    sqlx::raw_sql(TABLE).execute(&mut connection).await?;
    fill(&mut connection, rows).await?;
    sqlx::raw_sql(TYPICAL).execute(&mut connection).await?;
    Ok((server, connection))
}

/// Creates the indexes that `check` advises.
pub async fn advised(connection: &mut PgConnection) -> Result<()> {
    sqlx::raw_sql(ADVISED).execute(connection).await?;
    Ok(())
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

struct Bare {
    connection: PgConnection,
    /// Whether the session uses the settings in [`GATHER`].
    gathers: bool,
}

impl super::Bare for Bare {
    async fn ask(&mut self, asked: &Asked, advised: bool) -> Result<Option<usize>> {
        const NEWEST: &str = "ORDER BY u.created_at DESC, u.id DESC LIMIT 51";
        let gathers = advised && matches!(asked, Asked::Contains(_));
        if gathers != self.gathers {
            sqlx::raw_sql(if gathers { GATHER } else { "RESET ALL" }).execute(&mut self.connection).await?;
            self.gathers = gathers;
        }
        let statement = match asked {
            Asked::First => format!("{SELECT} {NEWEST}"),
            Asked::Down(edge, _) => format!(
                "{SELECT} WHERE (u.created_at, u.id) < ('{}'::timestamptz, {}) {NEWEST}",
                time(edge.created_at),
                edge.id
            ),
            Asked::Last => format!("{SELECT} ORDER BY u.created_at, u.id LIMIT 51"),
            Asked::Email(email) => format!("{SELECT} WHERE email = '{email}'"),
            Asked::Id(id) => format!("{SELECT} WHERE u.id = {id}"),
            Asked::Prefix(text) if advised => format!(
                "{SELECT} WHERE lower(email) ~>=~ '{text}' AND lower(email) ~<~ '{}' \
                 ORDER BY lower(email) USING ~<~ LIMIT 51",
                behind(text)
            ),
            // Not for a common text, which a scan of the newest rows finds at once.
            Asked::Contains(text) if advised && *text != "son" => {
                format!("{SELECT} WHERE email ILIKE '%{text}%' OR full_name ILIKE '%{text}%' {NEWEST}")
            }
            Asked::Total => "SELECT count(*) FROM users".to_owned(),
            Asked::Prefix(_) | Asked::Contains(_) | Asked::Text(_) => return Ok(None),
        };
        let rows = sqlx::query(AssertSqlSafe(statement)).fetch_all(&mut self.connection).await?;
        Ok(Some(rows.iter().map(Row::len).sum()))
    }

    async fn examined(&mut self) -> Result<Option<i64>> {
        // Statistics are written when a session ends, except for this one's, which are flushed now.
        sqlx::raw_sql("SELECT pg_stat_force_next_flush()").execute(&mut self.connection).await?;
        let others = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'understudy'";
        while sqlx::query_scalar::<_, i64>(others).fetch_one(&mut self.connection).await? > 0 {
            tokio::task::yield_now().await;
        }
        let read = "SELECT sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0))::int8 FROM pg_stat_user_tables";
        Ok(Some(sqlx::query_scalar::<_, i64>(read).fetch_one(&mut self.connection).await?))
    }
}

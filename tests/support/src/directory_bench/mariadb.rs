//! The benchmark for MariaDB.

use std::fmt::Write;
use std::time::Instant;

use anyhow::Result;
use sqlx::mysql::{MySqlConnectOptions, MySqlConnection};
use sqlx::{AssertSqlSafe, Connection, Row};

use super::population::{time, user};
use super::{Asked, part, say};
use crate::mariadb::{ADMIN, MariaDbServer};

const READER_PASSWORD: &str = "measured";
const SETTINGS: &str = "SET GLOBAL innodb_buffer_pool_size = 2147483648;
    SET GLOBAL innodb_flush_log_at_trx_commit = 0;
    CREATE DATABASE measured CHARACTER SET utf8mb4;
    CREATE USER reader@'%' IDENTIFIED BY 'measured'; GRANT SELECT ON measured.* TO reader@'%'";
const TABLE: &str =
    "CREATE TABLE users (id bigint PRIMARY KEY, email varchar(255) NOT NULL, full_name varchar(255) NOT NULL,
    plan varchar(20) NOT NULL, company varchar(255) NOT NULL, created_at datetime NOT NULL)";
/// The indexes of a typical application.
const TYPICAL: &str = "CREATE UNIQUE INDEX users_email ON users (email);
    CREATE INDEX users_created_at ON users (created_at); ANALYZE TABLE users";
/// The indexes that `check` then advises.
const ADVISED: &str = "CREATE INDEX users_full_name ON users (full_name); ANALYZE TABLE users";
const SELECT: &str = "SELECT id, full_name, email, plan, company, created_at FROM users";

pub async fn measure(rows: u64) -> Result<()> {
    let server = MariaDbServer::start();
    server.sql("mysql", SETTINGS);
    let options = MySqlConnectOptions::new().socket(server.socket()).username(ADMIN).database("measured");
    let mut connection = MySqlConnection::connect_with(&options).await?;
    let began = Instant::now();
    sqlx::raw_sql(TABLE).execute(&mut connection).await?;
    fill(&mut connection, rows).await?;
    sqlx::raw_sql(TYPICAL).execute(&mut connection).await?;
    say(&format!("\n{rows} rows were made in {:.0} s", began.elapsed().as_secs_f64()));
    let part = part(server.url("reader", "measured"));
    let mut bare = Bare { connection };
    super::measure(&mut bare, &part, READER_PASSWORD, rows, false).await?;
    sqlx::raw_sql(ADVISED).execute(&mut bare.connection).await?;
    super::measure(&mut bare, &part, READER_PASSWORD, rows, true).await
}

async fn fill(connection: &mut MySqlConnection, rows: u64) -> Result<()> {
    let mut number = 0;
    while number < rows {
        let until = (number + 5000).min(rows);
        let mut insert = "INSERT INTO users VALUES ".to_owned();
        for at in number..until {
            let one = user(at, rows);
            write!(
                insert,
                "{}({}, '{}', '{}', '{}', '{}', '{}')",
                if at == number { "" } else { ", " },
                one.id,
                one.email,
                one.full_name,
                one.plan,
                one.company,
                time(one.created_at)
            )?;
        }
        sqlx::raw_sql(AssertSqlSafe(insert)).execute(&mut *connection).await?;
        number = until;
    }
    Ok(())
}

struct Bare {
    connection: MySqlConnection,
}

impl super::Bare for Bare {
    async fn ask(&mut self, asked: &Asked, _: bool) -> Result<Option<usize>> {
        const NEWEST: &str = "ORDER BY created_at DESC, id DESC LIMIT 51";
        let statement = match asked {
            Asked::First => format!("{SELECT} {NEWEST}"),
            Asked::Down(edge, _) => format!(
                "{SELECT} WHERE created_at <= '{0}' AND (created_at < '{0}' OR id < {1}) {NEWEST}",
                time(edge.created_at),
                edge.id
            ),
            Asked::Last => format!("{SELECT} ORDER BY created_at, id LIMIT 51"),
            Asked::Email(email) => format!("{SELECT} WHERE email = '{email}'"),
            Asked::Id(id) => format!("{SELECT} WHERE id = {id}"),
            Asked::Prefix(text) => format!("{SELECT} WHERE email LIKE '{text}%' ORDER BY email LIMIT 51"),
            Asked::Total => "SELECT count(*) FROM users".to_owned(),
            Asked::Contains(_) | Asked::Text(_) => return Ok(None),
        };
        let rows = sqlx::query(AssertSqlSafe(statement)).fetch_all(&mut self.connection).await?;
        Ok(Some(rows.iter().map(Row::len).sum()))
    }

    async fn examined(&mut self) -> Result<Option<i64>> {
        let read = "SELECT CAST(sum(VARIABLE_VALUE) AS SIGNED) FROM information_schema.GLOBAL_STATUS
                    WHERE VARIABLE_NAME LIKE 'HANDLER\\_READ\\_%'";
        Ok(Some(sqlx::query_scalar::<_, i64>(read).fetch_one(&mut self.connection).await?))
    }
}

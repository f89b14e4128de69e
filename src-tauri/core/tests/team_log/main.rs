//! The team's log, in a PostgreSQL server of its own.
#![cfg(target_os = "linux")]

mod checkup;
mod desk;
mod forgeries;
mod gaps;
mod pages;
mod relay;
mod replaced;
mod setup;
mod shipping;
#[allow(clippy::print_stdout, clippy::cast_precision_loss, reason = "it says what it measured")]
mod simulation;

use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};
use sqlx::{AssertSqlSafe, Connection};
use understudy_core::team_log::render_setup;
use understudy_test_support::postgres::PostgresServer;

/// The role's password. It must turn up nowhere.
const CANARY: &str = "canary-7c1f9b-team";
const ROLE: &str = "understudy";
const DATABASE: &str = "audit";

/// A server with a database that is set up for the team's log.
fn start_server() -> PostgresServer {
    let server = PostgresServer::start();
    server.sql("postgres", &format!("CREATE DATABASE {DATABASE}"));
    server.sql(DATABASE, &render_setup(ROLE, DATABASE));
    server.sql("postgres", &format!("ALTER ROLE {ROLE} PASSWORD '{CANARY}'"));
    server
}

/// Logs in as the role, like any other program that has its password.
async fn log_in(server: &PostgresServer) -> PgConnection {
    log_in_as(server, ROLE).await
}

async fn log_in_as(server: &PostgresServer, role: &str) -> PgConnection {
    let options = PgConnectOptions::new_without_pgpass()
        .host("127.0.0.1")
        .port(server.port())
        .username(role)
        .password(CANARY)
        .database(DATABASE)
        .ssl_mode(PgSslMode::Disable);
    PgConnection::connect_with(&options).await.unwrap()
}

/// The message of the error that the statement fails with.
async fn refusal(connection: &mut PgConnection, sql: &str) -> String {
    match sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await {
        Ok(_) => panic!("it was let through: {sql}"),
        Err(error) => error.to_string(),
    }
}

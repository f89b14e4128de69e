//! A database server with the team's log, which several consoles share.

use understudy_core::team_log::render_setup;

use crate::postgres::PostgresServer;

/// The role that consoles log in as, and the database.
const ROLE: &str = "understudy";
const DATABASE: &str = "audit";

/// A server with the team's log in its database `audit`. Its role `understudy` needs no password: how that gets to
/// consoles is another story.
pub fn team_server() -> PostgresServer {
    let mut server = PostgresServer::start();
    server.sql("postgres", &format!("CREATE DATABASE {DATABASE}"));
    server.sql(DATABASE, &render_setup(ROLE, DATABASE));
    server.let_in("host all all 127.0.0.1/32 trust");
    server.stop();
    server.start_again();
    server
}

/// The team file of a team whose log is on this server.
pub fn team_file(server: &PostgresServer) -> String {
    format!("[audit]\nurl = \"{}\"\n", server.url(ROLE, DATABASE))
}

//! Takes the pictures of a team at work for the docs: two operators on two computers, each with a console of their own, and
//! the team's log in one PostgreSQL.

use std::path::Path;

use anyhow::{Context, Result};
use axum::Router;
use axum::response::{Html, IntoResponse};
use axum::routing::{get, post};
use thirtyfour::Key;

use crate::postgres::PostgresServer;
use crate::session_pictures::save_picture;
use crate::stage::{Console, Stage};
use crate::team_server::{team_file, team_server};
use crate::wait::until;

const PAGE: &str = "<!doctype html><title>Acme</title><h1>Signed in</h1>";

const SIZE: (u32, u32) = (1280, 720);

/// Those whose users are in the list; the first one is signed in to.
const USERS: [(&str, &str, &str); 5] = [
    ("4711", "Marta Lindqvist", "marta@lindqvist.example"),
    ("4712", "Deniz Aydin", "deniz@aydin.example"),
    ("4713", "Nora Brandt", "nora@brandt.example"),
    ("4714", "Paul Okafor", "paul@okafor.example"),
    ("4715", "Yuki Tanaka", "yuki@tanaka.example"),
];

pub async fn take_pictures(binary: &Path, folder: &Path, theme: &str) -> Result<()> {
    let (mut first, mut second) = (Stage::set(binary).await?, Stage::set(binary).await?);
    let server = team_server();
    let origin = start_application().await?;
    for (stage, operator, computer) in
        [(&mut first, "Robin Agent", "robins-desk"), (&mut second, "Lou Colleague", "lous-desk")]
    {
        join_team(stage, &server, operator, computer, theme)?;
        prepare_connection(stage, &origin).await?;
    }
    let taken = take_on(&first, &second, folder, theme).await;
    if taken.is_err() {
        for (stage, whose) in [(&first, "robin"), (&second, "lou")] {
            stage.desktop.screenshot(None, &folder.join(format!("failed-team-{whose}-{theme}.png"))).await?;
        }
    }
    taken
}

async fn take_on(first: &Stage, second: &Stage, folder: &Path, theme: &str) -> Result<()> {
    let path = |name: &str| folder.join(format!("team-{name}-{theme}.png"));
    let (robin, lou) = tokio::try_join!(first.open(&[]), second.open(&[]))?;
    for console in [&robin, &lou] {
        let window = console.window().await?;
        console.stage.desktop.resize(&window, SIZE).await?;
        sees_colleagues(console).await?;
    }
    let picture = async |of: &Console<'_>, name: &str| {
        save_picture(of.stage, &of.window().await?, &path(name)).await.with_context(|| name.to_owned())
    };

    robin.prepare("4711", "Ticket 88240: the refund does not arrive").await?;
    robin.ui.with_text("button", "Ask for approval").await?;
    robin.ui.press(Key::Control + Key::Enter).await?;
    robin.ui.with_text("status", "Waiting for a colleague.").await?;
    picture(&robin, "waiting").await?;
    lou.ui.by_role("button", "Approve").await?;
    picture(&lou, "approval").await?;
    lou.ui.by_role("button", "Approve").await?.click().await?;
    lou.ui.wait_until_gone("button", "Approve").await?;
    robin.ui.with_text("status", "Lou Colleague has approved.").await?;
    robin.ui.press(Key::Control + Key::Enter).await?;
    robin.wait_for_phases(&["active"]).await?;

    lou.find("4711").await?;
    lou.ui.press(Key::Control + Key::Enter).await?;
    let inside = "return document.body.textContent.includes('Robin Agent is signed in as this user.')";
    lou.ui.wait_for("who is in the account", inside).await?;
    picture(&lou, "inside").await?;
    lou.ui.press(Key::Escape).await?;

    let session = robin.ask("console_state", "{}").await?["sessions"][0]["id"].clone();
    robin.ask("end_session", &format!("{{ session: {session} }}")).await?;
    robin.wait_for_phases(&[]).await?;
    second.desktop.press(&lou.window().await?, &["ctrl+shift+a"]).await?;
    let field = lou.ui.by_role("searchbox", "Search the audit log").await?;
    field.send_keys(Key::Alt + "2").await?;
    let ended = "return [...document.querySelectorAll('[role=option]')].findIndex((one) => \
                 one.textContent.includes('Session ended')) + 1";
    lou.ui.wait_for("the end of the session", ended).await?;
    picture(&lou, "log").await?;
    field.send_keys("event:ended ").await?;
    let only = "return document.querySelectorAll('[role=option]').length === 1";
    lou.ui.wait_for("the one session", only).await?;
    field.send_keys(Key::Down).await?;
    let steps = "return document.querySelectorAll('ol[aria-label=\"What happened\"] li').length === 3";
    lou.ui.wait_for("the steps of the session", steps).await?;
    picture(&lou, "session").await?;
    robin.ui.quit().await?;
    lou.ui.quit().await
}

/// Waits until the console knows what its colleagues do.
async fn sees_colleagues(console: &Console<'_>) -> Result<()> {
    until("the team's log to be in reach", async || {
        let state = console.ask("console_state", "{}").await?;
        Ok((state["presence"]["reach"] == "in_reach").then_some(()))
    })
    .await
}

fn join_team(
    stage: &mut Stage,
    server: &PostgresServer,
    operator: &str,
    computer: &str,
    theme: &str,
) -> Result<()> {
    std::fs::write(stage.home().own_team_file(), team_file(server))?;
    stage.settings(&format!("theme = \"{theme}\"\noperator_name = \"{operator}\"\n"))?;
    stage.name_computer(computer)
}

async fn start_application() -> Result<String> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let origin = format!("http://{}", listener.local_addr()?);
    let log_in = async || ([("set-cookie", "sid=1; Path=/; HttpOnly")], "{}").into_response();
    let routes = Router::new().route("/", get(async || Html(PAGE))).route("/login", post(log_in));
    tokio::spawn(async move { axum::serve(listener, routes).await });
    Ok(origin)
}

async fn prepare_connection(stage: &Stage, origin: &str) -> Result<()> {
    let users = stage.home_path().join("users.sqlite");
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&users).create_if_missing(true);
    let pool = sqlx::SqlitePool::connect_with(options).await?;
    sqlx::query("CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT, email TEXT)").execute(&pool).await?;
    for (id, name, email) in USERS {
        sqlx::query("INSERT INTO users VALUES (?, ?, ?)")
            .bind(id)
            .bind(name)
            .bind(email)
            .execute(&pool)
            .await?;
    }
    pool.close().await;
    stage.connection(
        "acme",
        &format!(
            "name = \"Acme\"\nenvironment = \"production\"\n\
             [directory]\nurl = \"sqlite://{}\"\ntable = \"users\"\nid = \"id\"\nname = \"name\"\nemail = \"email\"\n\
             [sign_in]\nurl = \"{origin}/login\"\nredirect_to = \"{origin}/\"\n\
             [policy]\napproval = \"second_person\"\n",
            users.display(),
        ),
    )
}

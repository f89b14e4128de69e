//! Takes the pictures of session windows for the docs: a read-only session of an invented shop, what was held back in
//! it, a window that its page opens, a question about another site, and a certificate that does not verify.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use axum::Router;
use axum::response::Html;
use axum::routing::{get, post};

use crate::certificates::Authority;
use crate::desktop::Window;
use crate::program::Program;
use crate::stage::{Console, Stage};
use crate::wait::until;

const PAGE: &str = include_str!("session_pictures/page.html");
const INVOICE: &str = include_str!("session_pictures/invoice.html");

/// Small enough for a page of the docs, and as wide as the bar needs to show everything.
const SIZE: (u32, u32) = (1280, 520);

/// The middle of the page's first button, and from one to the next.
const FIRST_BUTTON: (u32, u32) = (103, 46 + 48 + 18 + 30 + 12 + 17);
const BUTTON_STEP: u32 = 160;

pub async fn take_pictures(binary: &Path, folder: &Path, theme: &str) -> Result<()> {
    let stage = Stage::set(binary).await?;
    let taken = take_on(&stage, folder, theme).await;
    if taken.is_err() {
        stage.desktop.screenshot(None, &folder.join(format!("failed-sessions-{theme}.png"))).await?;
    }
    taken
}

async fn take_on(stage: &Stage, folder: &Path, theme: &str) -> Result<()> {
    let authority = Authority::new();
    let partner = start_partner(&authority);
    let origin = start_shop().await?;
    prepare_connection(stage, &origin, &partner.origin()).await?;
    stage.settings(&format!("theme = \"{theme}\"\noperator_name = \"Robin Agent\"\n"))?;
    let console = stage.open(&[]).await?;
    console.become_user("4711", "Ticket 88240: asks about a refund").await?;
    console.wait_for_phases(&["active"]).await?;
    let desktop = &stage.desktop;
    let window = desktop.wait_for_window("Acme — Understudy").await?;
    desktop.resize(&window, SIZE).await?;
    console.ui.switch_to("bar.html").await?;
    until("five requests to be held back", async || {
        Ok((console.ask("bar_state", "{}").await?["held_back"]["total"] == 5).then_some(()))
    })
    .await?;
    console.ui.with_text("button", "5 held back").await?;
    let picture = async |name: &str, of: &Window| {
        save_picture(stage, of, &folder.join(format!("{name}-{theme}.png")))
            .await
            .with_context(|| name.to_owned())
    };
    picture("read-only", &window).await?;

    console.ui.with_text("button", "5 held back").await?.click().await?;
    console.ui.by_role("button", "Copy all rules").await?;
    picture("held-back", &window).await?;
    desktop.press(&window, &["Escape"]).await?;
    console.ui.wait_until_gone("list", "Requests that were held back").await?;

    let click =
        async |nth: u32| desktop.click(&window, FIRST_BUTTON.0 + BUTTON_STEP * nth, FIRST_BUTTON.1).await;
    click(0).await?;
    let popup = desktop.wait_for_window("window 2").await?;
    turn_to_bar(&console, 2).await?;
    console.ui.by_role("button", "Close window").await?;
    desktop.resize(&popup, SIZE).await?;
    picture("popup", &popup).await?;
    desktop.close(&popup).await?;
    desktop.wait_until_gone("window 2").await?;

    console.ui.switch_to("bar.html").await?;
    click(1).await?;
    console.ui.with_text("alert", "This page leads to").await?;
    picture("off-site", &window).await?;
    console.ui.by_role("button", "Stay").await?.click().await?;
    console.ui.by_role("button", "Reload").await?;
    click(2).await?;
    until("the partner's page to be there", async || {
        let bar = console.ask("bar_state", "{}").await?;
        Ok(bar["location"].as_str().is_some_and(|at| at.starts_with("https://localhost")).then_some(()))
    })
    .await?;
    picture("certificate", &window).await?;
    console.ui.quit().await
}

/// A picture with few colours, which is all that a page of ours has, and a tenth as large.
pub(crate) async fn save_picture(stage: &Stage, window: &Window, path: &Path) -> Result<()> {
    stage.desktop.wait_until_still(window).await?;
    stage.desktop.screenshot(Some(window), path).await?;
    shrink_picture(path)
}

pub(crate) fn shrink_picture(path: &Path) -> Result<()> {
    let shrunk = Command::new("mogrify")
        .args(["-strip", "+dither", "-colors", "96", "-define", "png:compression-level=9"])
        .arg(path)
        .status()
        .context("mogrify cannot be started: script/bootstrap installs ImageMagick")?;
    ensure!(shrunk.success(), "mogrify failed");
    Ok(())
}

async fn turn_to_bar(console: &Console<'_>, number: u32) -> Result<()> {
    until(&format!("the bar of window {number}"), async || {
        for handle in console.ui.session().windows().await? {
            if console.ui.session().switch_to_window(handle).await.is_err() {
                continue;
            }
            if console.ask("bar_state", "{}").await.is_ok_and(|state| state["number"] == number) {
                return Ok(Some(()));
            }
        }
        Ok(None)
    })
    .await
}

async fn start_shop() -> Result<String> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let origin = format!("http://{}", listener.local_addr()?);
    let routes = Router::new()
        .route("/", get(async || Html(PAGE)))
        .route("/invoice", get(async || Html(INVOICE)))
        .route("/login", post(async || "{}"));
    tokio::spawn(async move { axum::serve(listener, routes).await });
    Ok(origin)
}

/// A site whose certificate nobody on this computer trusts.
fn start_partner(authority: &Authority) -> Program {
    let signed = authority.sign("localhost");
    let [certificate, key] = [&signed.certificate, &signed.key].map(|path| path.display().to_string());
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap_or(Path::new("."));
    Program::start(
        &root.join("tests/conformance"),
        &["node", "server.mjs"],
        &[("CERTIFICATE", &certificate), ("KEY", &key)],
    )
}

async fn prepare_connection(stage: &Stage, origin: &str, partner: &str) -> Result<()> {
    let users = stage.home_path().join("users.sqlite");
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&users).create_if_missing(true);
    let pool = sqlx::SqlitePool::connect_with(options).await?;
    sqlx::query("CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT)").execute(&pool).await?;
    sqlx::query("INSERT INTO users VALUES (4711, 'Marta Lindqvist')").execute(&pool).await?;
    pool.close().await;
    stage.connection(
        "acme",
        &format!(
            "name = \"Acme\"\nenvironment = \"production\"\n\
             [directory]\nurl = \"sqlite://{}\"\ntable = \"users\"\nid = \"id\"\nname = \"name\"\n\
             [sign_in]\nurl = \"{origin}/login\"\nredirect_to = \"{origin}/?partner={partner}/\"\n\
             [policy]\nmode = \"read_only\"\nmay_unlock = \"with_reason\"\norigins = [\"{partner}\"]\n",
            users.display(),
        ),
    )
}

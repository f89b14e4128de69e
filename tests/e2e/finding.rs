//! Finding a customer beyond the list: in every connection at once, and by the company that they belong to.

use std::path::Path;

use anyhow::{Result, ensure};
use serde_json::json;
use thirtyfour::prelude::*;
use understudy_test_support::stage::Stage;

use crate::shop::Shop;

/// The name of the connection whose list is shown.
const SHOWN_CONNECTION: &str =
    "return document.querySelector('.connection[aria-current=true]')?.textContent.trim() ?? null";

/// The IDs in the list, in order.
const LISTED: &str = "return [...document.querySelectorAll('[role=grid] [role=row][aria-selected]')].map((row) => row.dataset.id)";

#[tokio::test(flavor = "multi_thread")]
async fn all_connections_are_searched_and_an_unused_one_only_when_the_agent_says_so() -> Result<()> {
    let shop = Shop::open().await?;
    let archive = shop.demo.connection_text.replacen("\"Demo\"", "\"Archive\"", 1);
    ensure!(archive.contains("\"Archive\""), "{archive}");
    shop.stage.connection("archive", &archive)?;
    // One of the two is shown at once, and so is used; the other is not.
    let console = shop.stage.open(&[]).await?;
    let listed = "return document.querySelector('[role=grid] [aria-selected]') !== null";
    console.ui.wait_for("a list", listed).await?;
    let first = console.ui.wait_for("the connection's name", SHOWN_CONNECTION).await?;
    let customer = &shop.customers[4];

    let window = console.window().await?;
    let desktop = &shop.stage.desktop;
    desktop.press(&window, &["ctrl+shift+f"]).await?;
    console.ui.by_role("dialog", "Search all connections").await?;
    let has_focus = "return document.activeElement?.getAttribute('aria-label') === 'Search all connections'";
    console.ui.wait_for("the field to have the keyboard", has_focus).await?;
    desktop.wait_until_active(&window).await?;
    desktop.type_text(&window, customer).await?;
    console.ui.with_text("status", "1 of 1 connection has matches.").await?;
    console.ui.by_role("button", "Search the other one too").await?.click().await?;
    console.ui.with_text("status", "2 of 2 connections have matches.").await?;

    // The second one's user, by keys alone: the console goes there and shows them.
    console.ui.wait_for("the field to have the keyboard again", has_focus).await?;
    desktop.press(&window, &["Down", "Return"]).await?;
    console.ui.wait_until_gone("dialog", "Search all connections").await?;
    let elsewhere =
        format!("const shown = (() => {{ {SHOWN_CONNECTION} }})(); return shown === {first} ? null : shown");
    console.ui.wait_for("the other connection", &elsewhere).await?;
    let is_shown = format!(
        "return document.querySelector('[role=grid] [aria-selected=true]')?.dataset.id === '{customer}'"
    );
    console.ui.wait_for("the user in it", &is_shown).await?;
    console.ui.quit().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_company_leads_to_its_people_and_a_person_to_their_company() -> Result<()> {
    let stage = Stage::set(Path::new(env!("CARGO_BIN_EXE_understudy"))).await?;
    let users = stage.home_path().join("users.sqlite");
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&users).create_if_missing(true);
    let pool = sqlx::SqlitePool::connect_with(options).await?;
    for statement in [
        "CREATE TABLE companies (id INTEGER PRIMARY KEY, name TEXT UNIQUE, number TEXT UNIQUE)",
        "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT, company_id INTEGER REFERENCES companies)",
        "CREATE INDEX people ON users (company_id)",
        "INSERT INTO companies VALUES (1, 'North Star', 'C-1001'), (2, 'South Wind', 'C-1002')",
        "INSERT INTO users VALUES (7, 'Ada', 1), (8, 'Bea', 2), (9, 'Cleo', 1)",
    ] {
        sqlx::query(statement).execute(&pool).await?;
    }
    pool.close().await;
    stage.connection(
        "shop",
        &format!(
            "name = 'Shop'\nenvironment = 'development'\n[directory]\nurl = 'sqlite://{}'\ntable = 'users'\nid = 'id'\n\
             name = 'name'\ncolumns = ['company_id']\n[[directory.related]]\nlabel = 'Company'\ntable = 'companies'\n\
             user = 'id'\nleads_to = 'company_id'\nidentify = ['name', 'number']\n\
             [sign_in]\nurl = 'http://127.0.0.1:1/login'\nredirect_to = 'http://127.0.0.1:1/'\n",
            users.display()
        ),
    )?;
    let console = stage.open(&[]).await?;

    // From the person to the company, and to everybody there.
    console.find("7").await?;
    console.ui.press(Key::Enter).await?;
    console.ui.by_role("button", "Company records").await?.click().await?;
    console.ui.by_role("button", "Show its people").await?.click().await?;
    let all = format!("const ids = (() => {{ {LISTED} }})().sort(); return ids.length === 2 ? ids : null");
    assert_eq!(console.ui.wait_for("the company's people", &all).await?, json!(["7", "9"]));

    // The other way round: the company's number is all that the ticket has.
    let field = console.ui.by_role("searchbox", "Search users").await?;
    field.click().await?;
    field.send_keys(Key::Control + "a").await?;
    field.send_keys("C-1002").await?;
    let only = format!("const ids = (() => {{ {LISTED} }})(); return ids.join() === '8' ? ids : null");
    console.ui.wait_for("the other company's only user", &only).await?;
    console.ui.with_text("row", "C-1002").await?;
    console.ui.quit().await
}

//! A secret that the application refuses is replaced in the console, and the session continues.

use anyhow::{Result, ensure};
use thirtyfour::prelude::*;

use crate::shop::{Shop, TOKEN};

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_secret_is_asked_for_in_the_console_and_the_session_goes_on() -> Result<()> {
    let shop = Shop::open().await?;
    shop.stage.secret("shop", "admin_token", "an old one").await?;
    let console = shop.stage.open(&[]).await?;
    console.become_user(&shop.customers[0], "after the token was changed").await?;
    console.wait_for_phases(&["refused"]).await?;
    let window = shop.stage.desktop.wait_for_window("development — Understudy").await?;

    // The window offers that, with the focus on it: no secret is typed where the application is.
    shop.stage.desktop.press(&window, &["Return"]).await?;
    let whole = console.window().await?;
    shop.stage.desktop.wait_until_active(&whole).await?;
    console.turn_to().await?;
    console.ui.by_role("dialog", "Enter a secret").await?;
    let field = console.ui.session().find(By::Css("input[type=password]")).await?;
    field.send_keys(TOKEN).await?;
    field.send_keys(Key::Enter).await?;
    console.wait_for_phases(&["active"]).await?;
    shop.stage.desktop.wait_until_active(&window).await?;
    ensure!(shop.count("POST", "/login") == 2, "{:?}", shop.story());
    ensure!(shop.count("GET", "/") == 1, "{:?}", shop.story());
    console.ui.quit().await
}

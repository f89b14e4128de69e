//! Every way of ending a session signs out and closes the window.

use anyhow::Result;
use thirtyfour::prelude::*;

use crate::shop::Shop;

#[tokio::test(flavor = "multi_thread")]
async fn the_button_the_list_the_key_and_the_windows_own_button_all_sign_out() -> Result<()> {
    let shop = Shop::open().await?;
    let console = shop.stage.open(&[]).await?;
    let ways = ["the bar's button", "the console's list", "Ctrl+W", "the window's own button"];
    for (index, (way, customer)) in ways.into_iter().zip(&shop.customers).enumerate() {
        console.become_user(customer, way).await?;
        console.wait_for_phases(&["active"]).await?;
        let window = shop.stage.desktop.wait_for_window("development — Understudy").await?;
        match way {
            "the bar's button" => {
                console.ui.switch_to("bar.html").await?;
                console.ui.by_role("button", "End session").await?.click().await?;
            }
            "the console's list" => {
                let name = console.ask("console_state", "{}").await?["sessions"][0]["user"]["name"].clone();
                let name = name.as_str().unwrap_or_default().to_owned();
                console.ui.by_role("button", &format!("End the session of {name}")).await?.click().await?;
            }
            "Ctrl+W" => shop.stage.desktop.press(&window, &["ctrl+w"]).await?,
            _ => shop.stage.desktop.close(&window).await?,
        }
        console.wait_for_phases(&[]).await.map_err(|error| error.context(way))?;
        shop.stage.desktop.wait_until_gone("development — Understudy").await?;
        assert_eq!(shop.count("POST", "/logout"), index + 1, "{way}");
        let past =
            console.ask("user_details", &format!("{{ connection: 'shop', user: '{customer}' }}")).await?;
        assert_eq!(past["past"][0]["outcome"], "ended", "{way}");
    }
    console.ui.quit().await
}

#[tokio::test(flavor = "multi_thread")]
async fn closing_the_console_signs_out_of_everything_first() -> Result<()> {
    let shop = Shop::open().await?;
    let console = shop.stage.open(&[]).await?;
    for (index, customer) in shop.customers[..2].iter().enumerate() {
        console.become_user(customer, "quit").await?;
        console.wait_for_phases(&vec!["active"; index + 1]).await?;
    }
    let window = console.window().await?;
    shop.stage.desktop.close(&window).await?;
    shop.stage.desktop.wait_until_gone("Understudy").await?;
    assert_eq!(shop.count("POST", "/logout"), 2);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_that_hangs_at_sign_out_holds_nobody_up() -> Result<()> {
    let shop = Shop::open().await?;
    let console = shop.stage.open(&[]).await?;
    console.become_user(&shop.customers[0], "hangs").await?;
    console.wait_for_phases(&["active"]).await?;
    shop.demo.application.set(|faults| faults.logout_delay = understudy_core::demo::Delay::UntilReleased);
    console.ui.switch_to("bar.html").await?;
    console.ui.press(Key::Control + "w").await?;
    console.wait_for_phases(&[]).await?;
    assert_eq!(shop.count("POST", "/logout"), 1);
    console.ui.with_text("status", "did not go through").await?;
    console.ui.quit().await
}

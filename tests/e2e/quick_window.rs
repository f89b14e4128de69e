//! The quick window: a user is found from wherever the agent works, and the console goes on with them.

use anyhow::Result;
use thirtyfour::prelude::*;
use understudy_test_support::desktop::Window;
use understudy_test_support::stage::Console;

use crate::shop::Shop;

const TITLE: &str = "Quick search";

/// A session's window with the keyboard, and the setting that is off by default.
async fn work_in_session(shop: &Shop) -> Result<(Console<'_>, Window)> {
    shop.stage.settings("quick_window = true\n")?;
    let console = shop.stage.open(&[]).await?;
    console.become_user(&shop.customers[0], "working in it").await?;
    console.wait_for_phases(&["active"]).await?;
    let session = shop.stage.desktop.wait_for_window("development — Understudy").await?;
    Ok((console, session))
}

/// The quick window, opened by the global shortcut.
async fn open_quick_window(shop: &Shop, session: &Window) -> Result<Window> {
    shop.stage.desktop.press(session, &["ctrl+shift+u"]).await?;
    let quick = shop.stage.desktop.wait_for_window(TITLE).await?;
    shop.stage.desktop.wait_until_active(&quick).await?;
    Ok(quick)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_found_over_the_work_is_signed_in_as_with_three_keys() -> Result<()> {
    let shop = Shop::open().await?;
    let desktop = &shop.stage.desktop;
    let (console, session) = work_in_session(&shop).await?;
    let customer = &shop.customers[3];
    let quick = open_quick_window(&shop, &session).await?;
    desktop.type_text(&quick, customer).await?;
    desktop.press(&quick, &["ctrl+Return"]).await?;
    desktop.wait_until_gone(TITLE).await?;
    console.turn_to().await?;
    console.ui.by_role("textbox", "Reason").await?.send_keys("calls again").await?;
    let window = console.window().await?;
    console.press_until(&window, &["ctrl+Return"], &["active", "active"]).await?;
    let sessions = console.ask("console_state", "{}").await?["sessions"].clone();
    assert_eq!(
        (&sessions[1]["user"]["id"], &sessions[1]["reason"]),
        (&customer.as_str().into(), &"calls again".into())
    );
    console.ui.quit().await
}

#[tokio::test(flavor = "multi_thread")]
async fn it_opens_details_and_closes_with_escape_with_the_focus_or_for_the_console() -> Result<()> {
    let shop = Shop::open().await?;
    let desktop = &shop.stage.desktop;
    let (console, session) = work_in_session(&shop).await?;

    let quick = open_quick_window(&shop, &session).await?;
    desktop.press(&quick, &["Escape"]).await?;
    desktop.wait_until_gone(TITLE).await?;

    // Another window takes the focus.
    open_quick_window(&shop, &session).await?;
    desktop.focus(&session).await?;
    desktop.wait_until_gone(TITLE).await?;

    // The shortcut once more: the console itself.
    let quick = open_quick_window(&shop, &session).await?;
    desktop.press(&quick, &["ctrl+shift+u"]).await?;
    let whole = console.window().await?;
    desktop.wait_until_active(&whole).await?;
    desktop.wait_until_gone(TITLE).await?;

    // By the command that a key of the desktop can be bound to.
    desktop.focus(&session).await?;
    assert_eq!(shop.stage.run(&["--search"], "").await?.0, 0);
    let quick = desktop.wait_for_window(TITLE).await?;
    desktop.wait_until_active(&quick).await?;
    desktop.type_text(&quick, &shop.customers[5]).await?;
    desktop.press(&quick, &["Return"]).await?;
    desktop.wait_until_gone(TITLE).await?;
    desktop.wait_until_active(&whole).await?;
    console.turn_to().await?;
    let shown = format!(
        "const row = document.querySelector('[role=grid] [aria-selected=true]'); \
         return row?.dataset.id === '{}' && document.activeElement?.closest('[role=grid]') === null",
        shop.customers[5]
    );
    console.ui.wait_for("the details of the chosen user", &shown).await?;
    console.wait_for_phases(&["active"]).await?;
    console.ui.quit().await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_palette_opens_it_whatever_the_setting_says() -> Result<()> {
    let shop = Shop::open().await?;
    let desktop = &shop.stage.desktop;
    let console = shop.stage.open(&[]).await?;
    let listed = "return document.querySelector('[role=grid] [aria-selected]') !== null";
    console.ui.wait_for("a list", listed).await?;
    console.ui.press(Key::Control + "k").await?;
    let field = console.ui.by_role("combobox", "Command palette").await?;
    field.send_keys("open the quick search").await?;
    let first = "return document.querySelector('.palette-item[data-selected]')?.textContent.includes('Open the quick search')";
    console.ui.wait_for("the command", first).await?;
    console.ui.press(Key::Enter).await?;
    let quick = desktop.wait_for_window(TITLE).await?;
    desktop.wait_until_active(&quick).await?;
    desktop.type_text(&quick, &shop.customers[2]).await?;
    desktop.press(&quick, &["Return"]).await?;
    desktop.wait_until_gone(TITLE).await?;
    let shown = format!(
        "return document.querySelector('[role=grid] [aria-selected=true]')?.dataset.id === '{}'",
        shop.customers[2]
    );
    console.turn_to().await?;
    console.ui.wait_for("the details of the chosen user", &shown).await?;
    console.ui.quit().await
}

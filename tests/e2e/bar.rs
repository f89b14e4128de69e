//! The bar above a session's page: what its buttons do, and what it shows.

use anyhow::Result;
use understudy_test_support::wait::until;

use crate::shop::Shop;

#[tokio::test(flavor = "multi_thread")]
async fn back_forward_reload_and_zoom_are_the_pages() -> Result<()> {
    let shop = Shop::open().await?;
    let desktop = &shop.stage.desktop;
    let console = shop.stage.open(&[]).await?;
    console.become_user(&shop.customers[0], "where does it lead").await?;
    console.wait_for_phases(&["active"]).await?;
    shop.received(|one| one.path == "/" && one.status.is_some()).await?;
    let window = desktop.wait_for_window("development — Understudy").await?;
    // The brand, the overview, the invoices.
    desktop.press(&window, &["Tab", "Tab", "Tab", "Return"]).await?;
    shop.received(|one| one.path == "/invoices" && one.status.is_some()).await?;

    console.ui.switch_to("bar.html").await?;
    let press = async |button: &str| {
        Ok::<_, anyhow::Error>(console.ui.by_role("button", button).await?.click().await?)
    };
    let enabled = async |expected: [bool; 2]| {
        let script = format!(
            "const is = (name) => !document.querySelector(`button[aria-label=${{name}}]`).disabled; \
             return is('Back') === {} && is('Forward') === {}",
            expected[0], expected[1]
        );
        console.ui.wait_for(&format!("Back and Forward to be enabled: {expected:?}"), &script).await
    };
    enabled([true, false]).await?;

    press("Back").await?;
    enabled([false, true]).await?;
    let before = shop.count("GET", "/");
    press("Reload").await?;
    until(
        "the page to be asked for again",
        async || Ok((shop.count("GET", "/") == before + 1).then_some(())),
    )
    .await?;
    enabled([false, true]).await?;
    press("Forward").await?;
    enabled([true, false]).await?;
    // The keys do the same when pressed in the page.
    desktop.press(&window, &["alt+Left"]).await?;
    enabled([false, true]).await?;

    press("Zoom in").await?;
    console.ui.by_role("button", "110%, reset to 100%").await?;
    assert_eq!(console.ask("bar_state", "{}").await?["zoom"], 1.1);
    press("Zoom in").await?;
    press("125%, reset to 100%").await?;
    console.ui.wait_until_gone("button", "125%, reset to 100%").await?;
    desktop.press(&window, &["ctrl+minus"]).await?;
    console.ui.by_role("button", "90%, reset to 100%").await?;
    let location = console.ask("bar_state", "{}").await?["location"].clone();
    assert_eq!(location, shop.demo.application.origin());
    let errors = console.ui.console_errors().await?;
    assert!(errors.is_empty(), "{errors:?}");
    console.ui.quit().await
}

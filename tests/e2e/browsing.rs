//! What operators know from browsers: stopping a page, finding in it, its address, and the keys between windows.

use anyhow::{Result, ensure};
use serde_json::json;
use understudy_test_support::wait::until;

use crate::opener::Opener;
use crate::site::Site;

/// A page that tells which keys it gets, and what is selected in it.
const LISTENER: &str = r"<!doctype html><title>Shop</title><style>body { margin: 0 } a { display: block; height: 40px }</style>
  <a href='mailto:ada@acme.example?subject=Hello'>Write to Ada</a>
  <p id=one>A needle in the hay</p><p>Only hay</p><p id=two>Another Needle</p><p id=three>The last needle</p>
  <script>
    const tell = (body) => fetch('/tell', { method: 'POST', body: JSON.stringify(body) });
    addEventListener('keydown', ({ key }) => {
      if (key === 'n') location.href = '/never';
      if (key === 'Escape') tell({ key });
      if (key === 'x') {
        const chosen = getSelection();
        tell({ text: chosen.toString(), at: chosen.anchorNode?.parentElement.id });
      }
    });
    addEventListener('load', () => tell({ ready: true }));
  </script>";

#[tokio::test(flavor = "multi_thread")]
async fn escape_stops_what_loads_and_is_the_pages_otherwise() -> Result<()> {
    let site = Site::showing(LISTENER).await?;
    let desktop = &site.stage.desktop;
    let console = site.stage.open(&[]).await?;
    console.become_user("7", "ticket 1").await?;
    console.wait_for_phases(&["active"]).await?;
    site.told(1).await?;
    let window = desktop.wait_for_window("development — Understudy").await?;
    console.ui.switch_to("bar.html").await?;
    console.ui.by_role("button", "Reload").await?;

    // The driver has turned to the bar; a click gives the page the keyboard.
    desktop.click(&window, 400, 400).await?;
    desktop.press(&window, &["n"]).await?;
    site.received("GET /never", 1).await?;
    console.ui.by_role("button", "Stop loading").await?;
    console.ui.by_role("progressbar", "Loading").await?;
    desktop.press(&window, &["Escape"]).await?;
    console.ui.by_role("button", "Reload").await?;
    // The page is still there, and the next one is its own.
    desktop.press(&window, &["Escape"]).await?;
    ensure!(site.told(2).await? == json!({ "key": "Escape" }), "{:?}", site.told(2).await?);

    desktop.click(&window, 400, 400).await?;
    desktop.press(&window, &["n"]).await?;
    console.ui.by_role("button", "Stop loading").await?.click().await?;
    console.ui.by_role("button", "Reload").await?;
    desktop.press(&window, &["ctrl+shift+r"]).await?;
    site.received("GET /", 2).await?;
    ensure!(site.told(3).await? == json!({ "ready": true }));
    console.ui.quit().await
}

#[tokio::test(flavor = "multi_thread")]
async fn text_is_found_in_the_page_and_its_address_and_links_are_copied() -> Result<()> {
    let site = Site::showing(LISTENER).await?;
    let desktop = &site.stage.desktop;
    let console = site.stage.open(&[]).await?;
    console.become_user("7", "ticket 1").await?;
    console.wait_for_phases(&["active"]).await?;
    site.told(1).await?;
    let window = desktop.wait_for_window("development — Understudy").await?;
    console.ui.switch_to("bar.html").await?;

    desktop.press(&window, &["ctrl+f"]).await?;
    let has_focus = "return document.activeElement.getAttribute('aria-label') === 'Find in page'";
    console.ui.wait_for("the field to have the focus", has_focus).await?;
    desktop.type_text(&window, "needle").await?;
    console.ui.with_text("status", "1 of 3").await?;
    desktop.press(&window, &["Return"]).await?;
    console.ui.with_text("status", "2 of 3").await?;
    desktop.press(&window, &["F3"]).await?;
    console.ui.with_text("status", "3 of 3").await?;
    desktop.press(&window, &["Return"]).await?;
    console.ui.with_text("status", "1 of 3").await?;
    desktop.press(&window, &["shift+Return", "shift+Return"]).await?;
    console.ui.with_text("status", "2 of 3").await?;
    // Closed, the page has the keyboard again, and the match is what is selected.
    desktop.press(&window, &["Escape"]).await?;
    console.ui.wait_until_gone("textbox", "Find in page").await?;
    until("the page to have the keyboard", async || {
        desktop.press(&window, &["x"]).await?;
        Ok((site.count("POST /tell") > 1).then_some(()))
    })
    .await?;
    ensure!(site.told(2).await? == json!({ "text": "Needle", "at": "two" }), "{:?}", site.told(2).await?);

    desktop.press(&window, &["ctrl+shift+c"]).await?;
    console.ui.with_text("status", "Address copied").await?;
    let address = console.ask("bar_state", "{}").await?["location"].as_str().unwrap_or_default().to_owned();
    until("the address in the clipboard", async || {
        Ok((desktop.copied().await? == format!("{address}/")).then_some(()))
    })
    .await?;

    // No program starts for an address, and the page stays.
    desktop.click(&window, 40, 46 + 20).await?;
    console.ui.with_text("status", "Email address: ada@acme.example").await?;
    desktop.press(&window, &["Return"]).await?;
    until("the address in the clipboard", async || {
        Ok((desktop.copied().await? == "ada@acme.example").then_some(()))
    })
    .await?;
    ensure!(site.count("GET /") == 1);
    console.ui.quit().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_opens_in_the_operators_own_browser_which_is_not_signed_in() -> Result<()> {
    let mut site = Site::showing(LISTENER).await?;
    let opener = Opener::install(&mut site.stage)?;
    let desktop = &site.stage.desktop;
    let console = site.stage.open(&[]).await?;
    console.become_user("7", "ticket 1").await?;
    console.wait_for_phases(&["active"]).await?;
    site.told(1).await?;
    let window = desktop.wait_for_window("development — Understudy").await?;
    console.ui.switch_to("bar.html").await?;
    let location = console.ask("bar_state", "{}").await?["location"].as_str().unwrap_or_default().to_owned();
    desktop.click(&window, 400, 400).await?;
    desktop.press(&window, &["ctrl+shift+o"]).await?;
    let call = opener.opened().await?;
    ensure!(call.arguments == [format!("{location}/")], "{call:?}");
    // The session's cookie is `sid=7`.
    ensure!(!call.environment.contains("sid="), "{call:?}");
    console.ui.with_text("status", "Opened in your browser, not signed in").await?;
    ensure!(site.count("GET /") == 1, "the page stays where it is");
    console.ui.quit().await
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_lead_from_each_window_to_the_others() -> Result<()> {
    let site = Site::showing(LISTENER).await?;
    let desktop = &site.stage.desktop;
    let console = site.stage.open(&[]).await?;
    let mut windows = Vec::new();
    for (nth, (id, name)) in [("7", "Ada"), ("8", "Bea"), ("9", "Cleo")].into_iter().enumerate() {
        console.become_user(id, "ticket 1").await?;
        console.wait_for_phases(&vec!["active"; nth + 1]).await?;
        windows.push(desktop.wait_for_window(name).await?);
    }
    let [ada, bea, cleo] = &windows[..] else { unreachable!("three sessions") };
    for (from, keys, to) in [
        (ada, "ctrl+Tab", bea),
        (cleo, "ctrl+Tab", ada),
        (ada, "ctrl+shift+Tab", cleo),
        (cleo, "ctrl+2", bea),
        (bea, "ctrl+1", ada),
    ] {
        desktop.press(from, &[keys]).await?;
        desktop.wait_until_active(to).await?;
    }

    // The console's palette, and from the console back to the sessions.
    desktop.press(ada, &["ctrl+k"]).await?;
    let whole = console.window().await?;
    desktop.wait_until_active(&whole).await?;
    console.turn_to().await?;
    console.ui.by_role("dialog", "Command palette").await?;
    desktop.press(&whole, &["Escape", "ctrl+Tab"]).await?;
    desktop.wait_until_active(ada).await?;
    console.wait_for_phases(&["active"; 3]).await?;
    console.ui.quit().await
}

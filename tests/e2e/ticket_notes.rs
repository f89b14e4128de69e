//! The summary of a session, from the session's key over the console's dialog to a helpdesk that wants a token.

use anyhow::{Result, ensure};
use understudy_core::customer_link::CustomerLink;

use crate::leaks::{find_in_files, find_in_log};
use crate::site::Site;

/// The canary: it may only be in the keyring and in what the helpdesk receives.
const TOKEN: &str = "canary-77aa31-helpdesk-token";

const COMMENTS: &str = "POST /helpdesk/4711/comments";

/// Where a summary goes. The site records bodies, so that the token can be seen to arrive.
const NOTE: &str = r#"
[ticket.note]
url     = "$app/helpdesk/{{ session.ticket }}/comments"
headers = { authorization = "Bearer {{ secret.helpdesk_token }}" }
body    = { token = "{{ secret.helpdesk_token }}", html = "{{ summary.html }}" }
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_summary_is_read_sent_and_tried_again_and_its_token_is_in_no_log() -> Result<()> {
    let mut site = Site::with("<!doctype html><title>Shop</title><h1>Orders</h1>", NOTE).await?;
    site.stage.secret("shop", "helpdesk_token", TOKEN).await?;
    site.stage.set_env("UNDERSTUDY_LOG", "trace");
    site.set(|behaviour| behaviour.failures.push((COMMENTS, "{}")));
    let link = CustomerLink {
        connection: "shop".into(),
        user: "7".into(),
        ticket: "4711".into(),
        reason: "Cannot find the order".into(),
        page: String::new(),
    };
    let console = site.stage.open(&[&link.to_url()]).await?;
    let ready = "return document.querySelector('[role=dialog] [type=submit]')?.getAttribute('aria-disabled') === 'false'";
    console.ui.wait_for("the dialog to be noticed", ready).await?;
    let own = console.window().await?;
    console.press_until(&own, &["Return"], &["active"]).await?;

    // One key in the session's window; the summary is shown in the console, and has gone nowhere.
    let desktop = &site.stage.desktop;
    let window = desktop.wait_for_window("development — Understudy").await?;
    desktop.press(&window, &["ctrl+shift+Return"]).await?;
    console.turn_to().await?;
    console.ui.by_role("dialog", "Send the summary to ticket 4711").await?;
    let has_focus = "return document.activeElement?.closest('[role=dialog]')?.textContent.includes('Cannot find the order') === true";
    console.ui.wait_for("the summary to have the keyboard", has_focus).await?;
    ensure!(site.count(COMMENTS) == 0);
    desktop.wait_until_active(&own).await?;
    desktop.press(&own, &["ctrl+Return"]).await?;

    // The helpdesk fails; the summary waits, and says why.
    site.received(COMMENTS, 1).await?;
    console.ui.with_text("status", "answered with status 500").await?;
    site.set(|behaviour| behaviour.failures.clear());
    console.ui.by_role("button", "Try again").await?.click().await?;
    console.ui.with_text("status", "The summary is in ticket 4711.").await?;
    let arrived = site.received(COMMENTS, 2).await?;
    ensure!(arrived.body.contains(TOKEN) && arrived.body.contains("Cannot find the order"), "{arrived:?}");

    let page = console.ui.evaluate("return document.documentElement.outerHTML").await?.to_string();
    ensure!(!page.contains(TOKEN), "the console's page");
    let log = console.ui.log();
    ensure!(log.contains("TRACE"), "everything is logged");
    let spilt = find_in_log(&log, TOKEN);
    ensure!(spilt.is_empty(), "the log: {spilt:#?}");
    console.ui.quit().await?;
    let files = find_in_files(site.stage.home_path(), TOKEN.as_bytes())?;
    ensure!(files.is_empty(), "{files:?}");
    Ok(())
}

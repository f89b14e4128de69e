//! What goes back into the ticket: a note, and a summary of what happened in the session.

use anyhow::{Result, ensure};
use understudy_core::customer_link::CustomerLink;
use understudy_test_support::wait::until;

use crate::site::Site;

const PAGE: &str = "<!doctype html><title>Shop</title><h1>Orders</h1><script>\
    fetch('/api/orders/42', { method: 'PUT', body: '{}' })\
      .then((answer) => fetch('/tell', { method: 'POST', body: String(answer.status) }));\
    </script>";

const READ_ONLY: &str = "[policy]\nmode = \"read_only\"\n\
    [[policy.allow]]\nmethod = \"POST\"\npath = \"/tell\"\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_note_is_typed_in_the_bar_and_the_summary_is_pasted_into_the_ticket() -> Result<()> {
    let site = Site::with(PAGE, READ_ONLY).await?;
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
    let window = console.window().await?;
    console.press_until(&window, &["Return"], &["active"]).await?;
    ensure!(site.told(1).await? == 403);

    // The page has the keyboard; its key opens the note.
    let desktop = &site.stage.desktop;
    let window = desktop.wait_for_window("development — Understudy").await?;
    desktop.press(&window, &["ctrl+shift+n"]).await?;
    console.ui.switch_to("bar.html").await?;
    let has_field = "return document.activeElement instanceof HTMLTextAreaElement";
    console.ui.wait_for("the note's field", has_field).await?;
    let note = "Order 42 was in the archive.";
    desktop.type_text(&window, note).await?;
    until("the note to be kept", async || {
        Ok((console.ask("session_note", "{}").await? == note).then_some(()))
    })
    .await?;
    desktop.press(&window, &["ctrl+shift+s"]).await?;
    let copied = async |what: &str| {
        until("the summary to be copied", async || {
            let copied = desktop.copied().await?;
            Ok(copied.contains(what).then_some(copied))
        })
        .await
    };
    let running = copied("still open").await?;
    for part in ["Ticket: 4711", "Reason: Cannot find the order", "Access: read-only", note] {
        ensure!(running.contains(part), "{part}: {running}");
    }

    // At the end, the console offers the same, complete. By then, the window and its gateway are gone.
    desktop.press(&window, &["ctrl+w"]).await?;
    console.wait_for_phases(&[]).await?;
    console.turn_to().await?;
    let window = console.window().await?;
    console.ui.with_text("status", "has ended").await?;
    desktop.press(&window, &["ctrl+shift+s"]).await?;
    let ended = copied("ended by the operator").await?;
    for part in ["Held back: 1 request", "PUT 127.0.0.1:", "/api/orders/42", "Pages: 1", note] {
        ensure!(ended.contains(part), "{part}: {ended}");
    }
    console.ui.quit().await
}

//! A day of an agent: a ticket, its customer, what was seen back in the ticket, the next one, and the first one again.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use thirtyfour::prelude::*;
use understudy_test_support::day::{Day, FIRST_TICKET, NEXT_TICKET};
use understudy_test_support::stage::Stage;

#[tokio::test(flavor = "multi_thread")]
async fn from_a_ticket_to_its_customer_back_into_the_ticket_and_to_the_customer_again() -> Result<()> {
    let stage = Stage::set(Path::new(env!("CARGO_BIN_EXE_understudy"))).await?;
    let day = Day::begin(&stage).await?;

    // One click in the ticket, one key: the agent stands where the customer's problem is.
    let link = day.open_ticket(FIRST_TICKET).await?;
    day.follow_link(&link).await?;
    let visited: Vec<_> = day.received().await?.into_iter().filter(|one| one["path"] == "/login").collect();
    ensure!(visited.is_empty(), "a link alone signs nobody in: {visited:?}");
    let window = day.sign_in_to("/settings").await?;
    let customer = day.wait_until_received("/settings").await?;
    ensure!(link.contains(&format!("user={customer}&")), "{link}: signed in as {customer}");

    // Read-only, the customer's form can be tried: nothing of it reaches the application.
    day.save_in_vain(&window).await?;
    day.go_back(&window).await?;
    let note = "The default profile has no VAT number.";
    day.write_note(&window, note).await?;

    day.take_evidence(&window).await?;
    day.console.ui.by_role("button", "Save as HTML").await?.click().await?;
    day.console.ui.with_text("status", "Saved evidence-demo-").await?;
    let home = stage.env().remove("HOME").context("a desk has a home")?;
    let saved: Vec<_> = std::fs::read_dir(Path::new(&home).join("Downloads"))?.collect::<Result<_, _>>()?;
    ensure!(saved.len() == 1, "{saved:?}");
    let evidence = std::fs::read_to_string(saved[0].path())?;
    ensure!(evidence.contains("/settings") && evidence.contains("data:image/png;base64,"), "{evidence}");

    // The same goes into the ticket itself, which shows it as a file.
    day.take_evidence(&window).await?;
    day.console.ui.by_role("button", "Send to ticket 4712").await?;
    day.console.ui.press(Key::Control + Key::Enter).await?;
    let file = day.read_attached_file(4712).await?;
    ensure!(file.contains("/settings") && file.contains("data:image/png;base64,"), "{file}");

    // What happened goes back into the ticket.
    let copied = day.end_and_copy_summary(&window).await?;
    let comment = day.paste_into_ticket().await?;
    assert_eq!(comment, copied.trim());
    for part in ["Ticket: 4712", "Reason: VAT number is missing", "Held back: 1 request", "/settings", note] {
        ensure!(comment.contains(part), "{part}: {comment}");
    }
    let wrote = |one: &serde_json::Value| one["method"] == "POST" && one["path"] == "/settings";
    ensure!(!day.received().await?.iter().any(wrote), "the form reached the application");

    // The next ticket is another customer's.
    let link = day.open_ticket(NEXT_TICKET).await?;
    day.follow_link(&link).await?;
    let window = day.sign_in_to("/team").await?;
    let other = day.wait_until_received("/team").await?;
    ensure!(other != customer, "{other}");
    day.end_and_copy_summary(&window).await?;

    // The first customer calls back, without a ticket: they are among the recent ones.
    day.go_to_previous_customer().await?;
    day.give_reason("Calls about the VAT number").await?;
    day.sign_in_to("/").await?;
    assert_eq!(day.wait_until_received("/").await?, customer);
    let sessions = day.sessions().await?;
    assert_eq!(
        (&sessions[0]["user"]["id"], &sessions[0]["reason"]),
        (&customer.to_string().into(), &"Calls about the VAT number".into())
    );
    day.close().await
}

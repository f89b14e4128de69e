//! From a ticket's link to the customer's page: one start of the program with the link, and one key.

use anyhow::{Result, ensure};
use understudy_core::customer_link::CustomerLink;

use crate::shop::Shop;

#[tokio::test(flavor = "multi_thread")]
async fn a_tickets_link_leads_to_the_customers_page_with_one_key() -> Result<()> {
    let shop = Shop::open().await?;
    let customer = &shop.customers[2];
    let link = CustomerLink {
        connection: "shop".into(),
        user: customer.clone(),
        ticket: "4711".into(),
        reason: "Cannot find the invoice".into(),
        page: "/invoices?from=ticket".into(),
    };
    // The first start finds no console and opens it; the link comes with it.
    let console = shop.stage.open(&[&link.to_url()]).await?;
    let dialog =
        "const one = document.querySelector('[role=dialog]'); return !!one && one.innerText.includes('4711')";
    console.ui.wait_for("the dialog that the link filled in", dialog).await?;
    ensure!(shop.story().is_empty(), "a link alone sends nothing: {:?}", shop.story());
    ensure!(console.ask("console_state", "{}").await?["sessions"] == serde_json::json!([]));

    let ready = "return document.querySelector('[role=dialog] [type=submit]').getAttribute('aria-disabled') === 'false'";
    console.ui.wait_for("the dialog to be noticed", ready).await?;
    let window = console.window().await?;
    console.press_until(&window, &["Return"], &["active"]).await?;
    let page = shop.received(|one| one.path == "/invoices?from=ticket" && one.status == Some(200)).await?;
    assert_eq!(page.signed_in_as.map(|id| id.to_string()).as_ref(), Some(customer));
    let sessions = console.ask("console_state", "{}").await?;
    assert_eq!(sessions["sessions"][0]["ticket"], "4711");
    let past = console.ask("user_details", &format!("{{ connection: 'shop', user: '{customer}' }}")).await?;
    assert_eq!(
        (&past["past"][0]["ticket"], &past["past"][0]["reason"]),
        (&"4711".into(), &"Cannot find the invoice".into())
    );

    // A second start hands its link over; one that makes no sense is said, and changes nothing.
    let (status, _) =
        shop.stage.run(&["open", "understudy://open?connection=shop&user=1&sign_in=now"], "").await?;
    assert_eq!(status, 0, "the running console says what is wrong");
    console.ui.with_text("alert", "`sign_in`, which has no meaning here").await?;
    let other = CustomerLink {
        connection: "shop".into(),
        user: shop.customers[5].clone(),
        ..CustomerLink::default()
    };
    shop.stage.run(&["open", &other.to_url()], "").await?;
    console
        .ui
        .wait_for("the next customer's dialog", "return !!document.querySelector('[role=dialog] #reason')")
        .await?;
    assert_eq!(console.ask("console_state", "{}").await?["sessions"].as_array().map(Vec::len), Some(1));
    console.ui.quit().await
}

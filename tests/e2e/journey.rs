//! The main job with the keyboard alone, and two customers at once.

use anyhow::Result;
use thirtyfour::prelude::*;

use crate::shop::Shop;

#[tokio::test(flavor = "multi_thread")]
async fn by_keyboard_alone_from_search_to_signed_in_and_back() -> Result<()> {
    let shop = Shop::open().await?;
    let console = shop.stage.open(&[]).await?;
    // The window opens with the search focused, so typing is enough.
    console.ui.by_role("searchbox", "Search users").await?;
    console.ui.with_text("row", "@").await?;
    let customer = &shop.customers[3];
    console.ui.press(customer.as_str()).await?;
    console
        .ui
        .wait_for("the customer found", "const rows = document.querySelectorAll('[role=grid] [role=row][aria-selected]'); return rows.length === 1")
        .await?;
    console.impersonate("Ticket 7: cannot see the button").await?;

    let login = shop.received(|one| one.path == "/login" && one.status.is_some()).await?;
    assert_eq!(login.number, 1, "the application's first request is the webhook");
    assert_eq!(login.method, "POST");
    assert!(login.admin_token_ok);
    assert!(login.cookies.is_empty(), "a session starts with no cookie");
    assert_eq!(login.headers["content-type"], "application/json");
    assert_eq!(
        login.headers["origin"],
        shop.demo.application.origin(),
        "it comes from the application's own origin"
    );
    // A numeric ID stays a number, and no other value changes its type.
    assert_eq!(login.json_body()["userId"].to_string(), *customer);
    assert_eq!(login.json_body()["reason"], "Ticket 7: cannot see the button");

    // The cookies with HttpOnly, SameSite=Strict, Path=/ and the one with Path=/api are sent where they belong.
    let me = shop.received(|one| one.path == "/api/me" && one.status == Some(200)).await?;
    let page = shop.received(|one| one.path == "/" && one.status == Some(200)).await?;
    assert_eq!(page.signed_in_as.map(|id| id.to_string()).as_ref(), Some(customer));
    assert!(
        me.cookies.len() > page.cookies.len(),
        "the cookie of /api is sent to /api only: {me:?} {page:?}"
    );
    assert!(login.set_cookies.iter().all(|name| me.cookies.contains_key(name)));

    let window = shop.stage.desktop.wait_for_window("— Understudy").await?;
    assert!(window.title.contains("development"), "{}", window.title);
    console.wait_for_phases(&["active"]).await?;
    assert!(console.ui.console_errors().await?.is_empty(), "{:?}", console.ui.console_errors().await?);

    console.ui.switch_to("bar.html").await?;
    console.ui.by_role("button", "End session").await?.send_keys(Key::Enter).await?;
    let out = shop.received(|one| one.path == "/logout" && one.status.is_some()).await?;
    assert_eq!(out.cookies, page.cookies, "signed out from the session's own cookies");
    shop.stage.desktop.wait_until_gone("development — Understudy").await?;
    console.wait_for_phases(&[]).await?;
    assert_eq!(shop.story()[..3], ["POST /login", "GET /api/me", "GET /"]);
    console.ui.quit().await
}

#[tokio::test(flavor = "multi_thread")]
async fn two_customers_side_by_side_share_nothing_and_a_new_session_starts_clean() -> Result<()> {
    let shop = Shop::open().await?;
    let console = shop.stage.open(&[]).await?;
    for (index, customer) in shop.customers[..2].iter().enumerate() {
        console.become_user(customer, "side by side").await?;
        console.wait_for_phases(&vec!["active"; index + 1]).await?;
        shop.received(|one| {
            one.path == "/" && one.signed_in_as.map(|id| id.to_string()).as_ref() == Some(customer)
        })
        .await?;
    }
    let logins: Vec<_> =
        shop.demo.application.journal().into_iter().filter(|one| one.path == "/login").collect();
    assert!(logins.iter().all(|one| one.cookies.is_empty()), "neither window knows the other's cookies");

    // The same customer again: its window comes to the front, and nothing is asked or sent.
    let windows = shop.stage.desktop.windows().await?;
    let first =
        windows.iter().find(|window| window.title.contains("— Understudy")).expect("a session's window");
    console.find(&shop.customers[0]).await?;
    console.ui.press(Key::Control + Key::Enter).await?;
    shop.stage.desktop.wait_until_active(first).await?;
    console.wait_for_phases(&["active", "active"]).await?;
    assert_eq!(shop.count("POST", "/login"), 2);

    // Ended and begun again: the old cookies are gone.
    console.ask("console_state", "{}").await?;
    let first = console.ask("console_state", "{}").await?["sessions"][0]["id"].clone();
    console.ask("end_session", &format!("{{ session: {first} }}")).await?;
    console.become_user(&shop.customers[0], "anew").await?;
    console.wait_for_phases(&["active", "active"]).await?;
    let last =
        shop.demo.application.journal().into_iter().rfind(|one| one.path == "/login").expect("a login");
    assert!(last.cookies.is_empty(), "an ended session's cookies are sent by nobody");
    console.ui.quit().await
}

//! The session's window respects the attributes of the application's cookies.

use anyhow::Result;
use serde_json::json;

use crate::shop::Shop;

/// Both `HttpOnly` and `SameSite=Strict`.
const SESSION: &str = "ledgerline_session";
/// `SameSite=Lax`, and readable for scripts.
const LOOK: &str = "ledgerline_look";

#[tokio::test(flavor = "multi_thread")]
async fn a_script_sees_no_cookie_that_is_http_only() -> Result<()> {
    let shop = Shop::beginning_at("/set-cookie-check").await?;
    let console = shop.stage.open(&[]).await?;
    console.become_user(&shop.customers[0], "what a script sees").await?;
    let page = shop.received(|one| one.path == "/set-cookie-check").await?;
    assert!(page.cookies.contains_key(SESSION), "{page:?}");
    let report = shop.received(|one| one.path == "/set-cookie-check/report").await?.json_body();
    assert_eq!(report, json!({ "names": [LOOK], "me": 200 }));
    console.ui.quit().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_strict_cookie_does_not_come_along_from_another_site() -> Result<()> {
    let shop = Shop::beginning_with("/elsewhere", |text| {
        text.replace("[policy]\n", "[policy]\norigins = [\"localhost\"]\n")
    })
    .await?;
    let console = shop.stage.open(&[]).await?;
    console.become_user(&shop.customers[0], "by a link elsewhere").await?;
    // From the application to the other site, and back through a link.
    let arrived = shop.received(|one| one.path == "/set-cookie-check").await?;
    let elsewhere = shop.demo.application.other_origin();
    assert!(arrived.headers["referer"].starts_with(elsewhere), "{arrived:?}");
    assert_eq!(arrived.cookies.keys().collect::<Vec<_>>(), [LOOK], "{arrived:?}");
    // It was withheld, not lost: requests of that page to its own site carry it again.
    let me = shop.received(|one| one.path == "/api/me" && one.number > arrived.number).await?;
    assert!(me.cookies.contains_key(SESSION), "{me:?}");
    // The other site received no cookies.
    let journal = shop.demo.application.journal();
    let others: Vec<_> = journal.iter().filter(|one| one.path == "/elsewhere").collect();
    assert_eq!(others.len(), 2, "{others:#?}");
    assert!(others[0].cookies.contains_key(SESSION) && others[1].cookies.is_empty(), "{others:#?}");
    console.ui.quit().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cookie_whose_time_is_up_is_sent_no_more() -> Result<()> {
    let shop = Shop::beginning_at("/fleeting").await?;
    let console = shop.stage.open(&[]).await?;
    console.become_user(&shop.customers[0], "for two seconds").await?;
    for fleeting in ["fleeting_age", "fleeting_date"] {
        let with =
            shop.received(|one| one.path == "/fleeting/again" && one.cookies.contains_key(fleeting)).await?;
        // The page keeps sending requests.
        let without = shop
            .received(|one| {
                one.path == "/fleeting/again"
                    && one.number > with.number
                    && !one.cookies.contains_key(fleeting)
            })
            .await?;
        assert!(without.cookies.contains_key(SESSION), "the one for an hour is still there: {without:?}");
    }
    console.ui.quit().await
}

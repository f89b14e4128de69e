//! Users whose names and IDs break careless programs, in real windows.

use anyhow::{Context, Result};
use understudy_test_support::wait::until;

use crate::shop::{LARGE_ID, Shop};

#[tokio::test(flavor = "multi_thread")]
async fn whatever_a_customer_is_called_the_window_is_theirs_and_says_where_it_is() -> Result<()> {
    let shop = Shop::open().await?;
    let console = shop.stage.open(&[]).await?;
    let who = ["html", "override", "rtl", "long", "blank", "emoji", "control", "no.name"];
    let mut customers = vec![("large.id", LARGE_ID.to_owned())];
    for who in who {
        customers.push((who, shop.edge_case(who).await?));
    }
    let mut wrong = Vec::new();
    for (who, customer) in customers {
        console.become_user(&customer, who).await?;
        let login = shop
            .received(|one| one.path == "/login" && one.json_body()["reason"] == who)
            .await
            .context(who)?;
        assert_eq!(login.json_body()["userId"].to_string(), customer, "{who}");
        console.wait_for_phases(&["active"]).await.context(who)?;
        let window = until("the session's window", async || {
            let windows = shop.stage.desktop.windows().await?;
            Ok(windows.into_iter().find(|window| window.title != "Understudy"))
        })
        .await?;
        if !window.title.ends_with("development — Understudy") || window.title.chars().count() > 300 {
            wrong.push((who, window.title.clone()));
        }
        let id = console.ask("console_state", "{}").await?["sessions"][0]["id"].clone();
        console.ask("end_session", &format!("{{ session: {id} }}")).await?;
        console.wait_for_phases(&[]).await?;
        until("its window to be gone", async || {
            let windows = shop.stage.desktop.windows().await?;
            Ok(windows.iter().all(|one| one.id != window.id).then_some(()))
        })
        .await?;
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    let errors = console.ui.console_errors().await?;
    assert!(errors.is_empty(), "{errors:?}");
    console.ui.quit().await
}

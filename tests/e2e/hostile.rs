//! A page of the application reaches nothing of Understudy, however it tries.

use anyhow::Result;
use serde_json::Value;
use understudy_core::demo::Received;

use crate::shop::Shop;

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_tries_everything_gets_nothing() -> Result<()> {
    let shop = Shop::beginning_at("/hostile").await?;
    let console = shop.stage.open(&[]).await?;
    console.become_user(&shop.customers[0], "what does it try").await?;
    // The page's own frame tries and reports too; the last word is the page's.
    let done =
        |one: &Received| one.path == "/hostile/report" && one.status.is_some() && one.json()["done"] == true;
    let report = shop.received(|one| done(one) && one.json()["place"] == "top").await?.json();
    let reports = shop.demo.application.journal().into_iter().filter(|one| one.path == "/hostile/report");
    for report in reports.map(|one| one.json()) {
        let attempts = report["attempts"].as_array().cloned().unwrap_or_default();
        // WebKit answers a blocked local file with an empty document of an opaque origin, which a page
        // cannot tell from one that was loaded and that it may not read.
        let got: Vec<_> = attempts
            .iter()
            .filter(|attempt| !says(attempt, "refused") && attempt["name"] != "frame file:///etc/passwd")
            .collect();
        assert!(got.is_empty(), "{got:#?}");
    }
    assert!(report["attempts"].as_array().is_some_and(|all| all.len() >= 15), "it tried a lot: {report}");
    // What a page may do it could do: the refusals above are no accident of a broken page.
    let controls = report["controls"].as_array().cloned().unwrap_or_default();
    assert!(!controls.is_empty() && controls.iter().all(|one| says(one, "allowed")), "{controls:#?}");

    // The session runs on under its bar, and the console is where it was.
    console.wait_for_phases(&["active"]).await?;
    let addresses = console.ui.addresses().await?;
    assert!(
        addresses.iter().all(|url| !url.contains("127.0.0.1")),
        "no page of the application is Tauri's: {addresses:?}"
    );
    assert_eq!(addresses.len(), 2, "the console and one bar: {addresses:?}");
    let windows = shop.stage.desktop.windows().await?;
    assert_eq!(windows.len(), 2, "no window was opened by the page: {windows:?}");
    console.ui.quit().await
}

fn says(attempt: &Value, word: &str) -> bool {
    attempt["outcome"]
        .as_str()
        .or(attempt["result"].as_str())
        .is_some_and(|outcome| outcome.starts_with(word))
}

//! A page of the application reaches nothing of Understudy, however it tries.

use anyhow::Result;

use crate::shop::Shop;

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_tries_everything_gets_nothing() -> Result<()> {
    let shop = Shop::with_connection(|text| {
        text.lines()
            .map(|line| {
                if line.starts_with("redirect_to") {
                    line.replace("/\"", "/hostile\"")
                } else {
                    line.to_owned()
                }
            })
            .collect::<Vec<_>>()
            .join("\n")
    })
    .await?;
    let console = shop.stage.open(&[]).await?;
    console.become_user(&shop.customers[0], "what does it try").await?;
    let report = shop.received(|one| one.path == "/hostile/report" && one.status.is_some()).await?.json();
    let attempts = report["attempts"].as_array().cloned().unwrap_or_default();
    assert!(attempts.len() >= 15, "it tried a lot: {report}");
    let got: Vec<_> = attempts
        .iter()
        .filter(|attempt| !attempt["outcome"].as_str().unwrap_or_default().starts_with("refused"))
        .collect();
    assert!(got.is_empty(), "{got:#?}");

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

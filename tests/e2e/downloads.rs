//! Downloads from the application's pages, and uploads to them.

use std::path::Path;

use anyhow::{Context, Result};
use understudy_test_support::wait::until;

use crate::shop::Shop;
use crate::site::Site;

#[tokio::test(flavor = "multi_thread")]
async fn a_download_goes_beside_what_is_there_and_is_told_in_the_bar_and_the_console() -> Result<()> {
    let shop = Shop::beginning_at("/popup").await?;
    let home = shop.stage.env().remove("HOME").context("a desk has a home")?;
    let folder = Path::new(&home).join("Downloads");
    let console = shop.stage.open(&[]).await?;
    console.become_user(&shop.customers[0], "what is in the export").await?;
    console.wait_for_phases(&["active"]).await?;
    shop.received(|one| one.path == "/popup" && one.status.is_some()).await?;
    let window = shop.stage.desktop.wait_for_window("development — Understudy").await?;

    // The link to the file is the seventh focusable element on the page.
    shop.stage.desktop.press(&window, &["Tab"; 7]).await?;
    shop.stage.desktop.press(&window, &["Return"]).await?;
    let first = saved(&folder.join("invoices.csv")).await?;
    assert!(first.starts_with("number,client,total"), "{first}");
    console.ui.with_text("status", "Saved invoices.csv").await?;

    std::fs::write(folder.join("invoices.csv"), "the operator's own")?;
    shop.stage.desktop.press(&window, &["Return"]).await?;
    assert_eq!(saved(&folder.join("invoices (1).csv")).await?, first);
    assert_eq!(std::fs::read_to_string(folder.join("invoices.csv"))?, "the operator's own");

    console.ui.switch_to("bar.html").await?;
    console.ui.with_text("status", "Saved invoices (1).csv").await?;

    // The page has not changed, and the session continues.
    console.wait_for_phases(&["active"]).await?;
    assert_eq!(shop.count("GET", "/popup"), 1);
    console.ui.quit().await
}

/// The file's content, once it is complete.
async fn saved(place: &Path) -> Result<String> {
    until(&format!("{} to be saved", place.display()), async || {
        Ok(std::fs::read_to_string(place).ok().filter(|text| text.ends_with("\r\n")))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_the_operators_is_uploaded_when_they_choose_it() -> Result<()> {
    let page = "<!doctype html><title>Shop</title><input type=file id=it><script>
        const tell = (body) => fetch('/tell', { method: 'POST', body: JSON.stringify(body) });
        it.onchange = async () => {
          const [file] = it.files, form = new FormData();
          form.append('file', file);
          await fetch('/upload', { method: 'POST', body: form });
          tell({ name: file.name, size: file.size, text: await file.text() });
        };
        addEventListener('load', () => { it.focus(); tell({}); });</script>";
    let site = Site::showing(page).await?;
    let desktop = &site.stage.desktop;
    let chosen = site.stage.home_path().join("invoice.txt");
    std::fs::write(&chosen, "seven boxes")?;
    let console = site.stage.open(&[]).await?;
    console.become_user("7", "uploads").await?;
    site.told(1).await?;
    let window = desktop.wait_for_window("development — Understudy").await?;
    let before = desktop.windows().await?;
    desktop.press(&window, &["space"]).await?;
    let asking = until("a window that asks for a file", async || {
        Ok(desktop.windows().await?.into_iter().find(|window| !before.contains(window)))
    })
    .await?;
    // Pasted, because the chooser autocompletes while one types.
    let _copied = desktop.copy(chosen.to_str().context("a path in UTF-8")?).await?;
    desktop.press(&asking, &["ctrl+l", "ctrl+a", "ctrl+v"]).await?;
    until("the file to be chosen", async || {
        let pressed = desktop.press(&asking, &["Return"]).await;
        Ok((pressed.is_err() || !desktop.windows().await?.contains(&asking)).then_some(()))
    })
    .await?;
    let told = site.told(2).await?;
    assert_eq!(told, serde_json::json!({ "name": "invoice.txt", "size": 11, "text": "seven boxes" }));
    assert!(site.received("POST /upload", 1).await?.body.contains("seven boxes"));
    console.ui.quit().await
}

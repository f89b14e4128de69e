//! Downloads from the application's pages, and uploads to them.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use understudy_core::audit::Event;
use understudy_test_support::file_manager::FileManager;
use understudy_test_support::wait::until;

use crate::opener::Opener;
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

/// Saves eight files when it opens, and eight more at each click.
const SAVER: &str = r"<!doctype html><title>Shop</title><button style='width: 300px; height: 40px'>Export</button><script>
  // One after the other: a click that is not handled yet gives way to the next.
  const save = async (folder) => {
    for (let nth = 0; nth < 8; nth += 1) {
      const link = document.createElement('a');
      link.href = URL.createObjectURL(new Blob(['eight bytes'.slice(0, 8)]));
      link.download = `${folder}-${nth}.txt`;
      link.click();
      await new Promise((done) => setTimeout(done, 400));
    }
  };
  addEventListener('load', () => { save('first'); fetch('/tell', { method: 'POST', body: '1' }); });
  document.querySelector('button').onclick = () => save('second');
</script>";

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_saves_one_file_after_the_other_is_stopped_until_the_operator_wants_them() -> Result<()> {
    let site = Site::showing(SAVER).await?;
    let home = site.stage.env().remove("HOME").context("a desk has a home")?;
    let folder = Path::new(&home).join("Downloads");
    let count = |name: &str| (0..8).filter(|nth| folder.join(format!("{name}-{nth}.txt")).exists()).count();
    let console = site.stage.open(&[]).await?;
    console.become_user("7", "ticket 1").await?;
    console.wait_for_phases(&["active"]).await?;
    site.told(1).await?;
    console.ui.switch_to("bar.html").await?;
    console.ui.with_text("alert", "This page wants to save first-5.txt and 2 more").await?;
    console.ui.with_text("status", "Saved first-").await?;
    assert_eq!(count("first"), 5);
    console.ui.by_role("button", "Save them").await?.click().await?;
    until("all of them", async || Ok((count("first") == 8).then_some(()))).await?;
    console.ui.with_text("status", ".txt, 8 bytes, from 127.0.0.1").await?;

    let window = site.stage.desktop.wait_for_window("development — Understudy").await?;
    site.stage.desktop.click(&window, 100, 46 + 20).await?;
    console.ui.with_text("alert", "This page wants to save second-5.txt and 2 more").await?;
    console.ui.by_role("button", "Don't save").await?.click().await?;
    until("five of them", async || Ok((count("second") == 5).then_some(()))).await?;
    until("the audit log to have all of them", async || {
        let files = site.audit().await?.into_iter().filter_map(|event| match event {
            Event::Downloaded(file) => Some((file.host, file.bytes)),
            _ => None,
        });
        let files: Vec<_> = files.collect();
        ensure!(files.iter().all(|(host, _)| host == "127.0.0.1"), "{files:?}");
        Ok((files.len() == 13).then_some(()))
    })
    .await?;
    console.wait_for_phases(&["active"]).await?;
    console.ui.quit().await
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

/// Buttons one below the other, each 40 pixels high, under a bar of 46.
const EXPORTER: &str = r"<!doctype html><title>Shop</title>
  <style>body { margin: 0 } button, a { display: block; width: 300px; height: 40px; margin: 0 }</style>
  <button id=export>Export</button>
  <a target=_blank href=/archive.zip>Archive</a>
  <button id=later>Ask the server first</button>
  <button id=page>A page that saves something</button>
  <script>
    const on = (id, act) => { document.getElementById(id).onclick = act; };
    on('export', () => open('/export'));
    on('later', async () => {
      const popup = open('about:blank');
      await fetch('/other');
      popup.location = '/report';
    });
    on('page', () => open('/saver'));
    addEventListener('load', () => fetch('/tell', { method: 'POST', body: '1' }));
  </script>";

const SAVING_PAGE: &str = "<!doctype html><title>Saver</title><h1>Your report is on its way</h1><script>
    addEventListener('keydown', ({ key }) => fetch('/tell', { method: 'POST', body: JSON.stringify(key) }));
    addEventListener('load', () => { location.href = '/report'; });</script>";

#[tokio::test(flavor = "multi_thread")]
async fn a_window_that_opens_for_a_file_alone_closes_again() -> Result<()> {
    let site = Site::showing(EXPORTER).await?;
    let attached = |name: &'static str| vec![("content-type", "text/csv"), ("content-disposition", name)];
    site.set(|now| {
        now.pages = vec![("GET /saver", SAVING_PAGE.into())];
        now.answers = vec![
            ("GET /export", attached("attachment; filename=export.csv"), "number\r\n"),
            // Nothing says that it is to be saved; no browser can show it.
            ("GET /archive.zip", vec![("content-type", "application/zip")], "not really\r\n"),
            ("GET /report", attached("attachment; filename=report.csv"), "total\r\n"),
        ];
    });
    let home = site.stage.env().remove("HOME").context("a desk has a home")?;
    let folder = Path::new(&home).join("Downloads");
    let desktop = &site.stage.desktop;
    let console = site.stage.open(&[]).await?;
    console.become_user("7", "ticket 1").await?;
    console.wait_for_phases(&["active"]).await?;
    site.told(1).await?;
    let window = desktop.wait_for_window("development — Understudy").await?;
    for (nth, file) in [(1, "export.csv"), (2, "archive.zip"), (3, "report.csv")] {
        desktop.click(&window, 100, 46 + 20 + 40 * (nth - 1)).await?;
        saved(&folder.join(file)).await.with_context(|| format!("{:#?}", site.sent()))?;
        // The console, and the window with the button.
        until("the new window to close", async || Ok((desktop.windows().await?.len() == 2).then_some(())))
            .await?;
        console.ui.switch_to("bar.html").await?;
        console.ui.with_text("status", &format!("Saved {file}")).await?;
        console.ui.by_role("button", "Show in folder").await?;
    }
    ensure!(site.count("GET /") == 1, "the page is where it was: {:#?}", site.sent());

    // A window with a page in it stays, whatever that saves.
    desktop.click(&window, 100, 46 + 20 + 40 * 3).await?;
    saved(&folder.join("report (1).csv")).await?;
    let saver = desktop.wait_for_window("window 5").await?;
    console.ui.switch_to("bar.html").await?;
    console.ui.with_text("status", "Saved report (1).csv").await?;
    desktop.press(&saver, &["x"]).await?;
    ensure!(site.told(2).await? == "x");
    console.wait_for_phases(&["active"]).await?;
    console.ui.quit().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_saved_file_is_shown_by_the_desktops_file_manager_or_in_its_folder() -> Result<()> {
    let page =
        "<!doctype html><title>Shop</title><a style='display: block; height: 40px' href=/report>Report</a>
        <script>fetch('/tell', { method: 'POST', body: '1' })</script>";
    let mut site = Site::showing(page).await?;
    let headers =
        vec![("content-type", "text/csv"), ("content-disposition", "attachment; filename=\"q3 report.csv\"")];
    site.set(|now| now.answers = vec![("GET /report", headers, "total\r\n")]);
    let opener = Opener::install(&mut site.stage)?;
    let env = site.stage.env();
    let folder = Path::new(&env["HOME"]).join("Downloads");
    let console = site.stage.open(&[]).await?;
    console.become_user("7", "ticket 1").await?;
    console.wait_for_phases(&["active"]).await?;
    site.told(1).await?;
    let window = site.stage.desktop.wait_for_window("development — Understudy").await?;
    let save = async |name: &str| {
        site.stage.desktop.click(&window, 30, 46 + 20).await?;
        console.ui.switch_to("bar.html").await?;
        console.ui.with_text("status", &format!("Saved {name}")).await?;
        saved(&folder.join(name)).await?;
        console.ui.by_role("button", "Show in folder").await
    };

    // No file manager runs on this bus.
    save("q3 report.csv").await?.click().await?;
    ensure!(opener.opened().await?.arguments == [folder.display().to_string()]);

    let mut manager = FileManager::start(&env["DBUS_SESSION_BUS_ADDRESS"]).await?;
    save("q3 report (1).csv").await?.click().await?;
    let file = url::Url::from_file_path(folder.join("q3 report (1).csv")).expect("an absolute path");
    let asked = manager.asked().await?;
    ensure!(asked == [file.to_string()], "{asked:?}, not {file}");
    ensure!(!opener.has_opened());

    let button = save("q3 report (2).csv").await?;
    std::fs::remove_file(folder.join("q3 report (2).csv"))?;
    button.click().await?;
    let alert = "return document.querySelector('[role=alert]')?.textContent";
    let said = console.ui.wait_for("the bar to say why not", alert).await?;
    let said = said.as_str().unwrap_or_default().to_owned();
    ensure!(said.ends_with("q3 report (2).csv is no longer there."), "{said}");
    ensure!(!opener.has_opened());
    console.ui.quit().await
}

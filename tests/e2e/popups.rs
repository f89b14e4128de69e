//! Windows that a session's page opens: they belong to the session, work as in a browser, and end with it.

use anyhow::{Context, Result, ensure};
use serde_json::json;
use understudy_test_support::desktop::{SCREEN, Window};
use understudy_test_support::stage::Console;
use understudy_test_support::wait::until;

use crate::site::Site;

/// Buttons one below the other, each 40 pixels high, under a bar of 46.
const OPENER: &str = r"<!doctype html><title>Shop</title>
  <style>body { margin: 0 } button, a { display: block; width: 300px; height: 40px; margin: 0 } form { margin: 0 }</style>
  <button id=sign-in>Sign in elsewhere</button>
  <a target=_blank href=/linked>A link to a new window</a>
  <form method=post target=_blank action=/posted><input type=hidden name=kind value=invoice><button>Post</button></form>
  <a href=/middle>A plain link</a>
  <button id=write>Print an invoice</button>
  <button id=blob>Preview</button>
  <button id=later>Ask the server first</button>
  <script>
    const tell = (body) => fetch('/tell', { method: 'POST', body: JSON.stringify(body) });
    const on = (id, act) => { document.getElementById(id).onclick = act; };
    addEventListener('message', ({ data, origin }) => tell({ data, isOurs: origin === location.origin }));
    on('sign-in', () => {
      const popup = open('/popup', 'oauth', 'width=500,height=400');
      const watch = setInterval(() => { if (popup.closed) { clearInterval(watch); tell({ closed: true }); } }, 20);
    });
    on('write', () => {
      const popup = open('', 'invoice');
      popup.document.write('<title>Invoice</title><h1>Invoice 7</h1>');
      popup.document.close();
      tell({ wrote: popup.document.title, knows: popup.opener === window });
      popup.print();
    });
    on('blob', () => {
      const text = '<script>opener.postMessage(document.URL.slice(0, 5), `*`)<\/script>';
      open(URL.createObjectURL(new Blob([text], { type: 'text/html' })));
    });
    on('later', async () => { await fetch('/other'); open('/linked'); });
    addEventListener('load', () => tell({ ready: true }));
  </script>";

/// Where the `nth` button of the opener is.
fn row(nth: u32) -> (u32, u32) {
    (100, 46 + 20 + 40 * (nth - 1))
}

async fn signed_in(site: &Site) -> Result<(Console<'_>, Window)> {
    let console = site.stage.open(&[]).await?;
    console.become_user("7", "ticket 1").await?;
    console.wait_for_phases(&["active"]).await?;
    site.told(1).await?;
    let window = site.stage.desktop.wait_for_window("development — Understudy").await?;
    Ok((console, window))
}

/// Switches the driver to the bar of the window with this number; the first one has none.
async fn turn_to_bar(console: &Console<'_>, number: Option<u32>) -> Result<()> {
    until(&format!("the bar of window {number:?}"), async || {
        for handle in console.ui.session().windows().await? {
            if console.ui.session().switch_to_window(handle).await.is_err() {
                continue;
            }
            if console.ask("bar_state", "{}").await.is_ok_and(|state| state["number"] == json!(number)) {
                return Ok(Some(()));
            }
        }
        Ok(None)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_and_the_windows_it_opens_work_together_within_the_session() -> Result<()> {
    let site = Site::showing(OPENER).await?;
    site.set(|now| {
        now.pages = vec![
            (
                "GET /popup",
                "<!doctype html><title>Sign in</title><script>
                   fetch('/api/me').then((answer) => answer.json()).then((me) => {
                     opener.postMessage(me.id, '*');
                     close();
                   });
                 </script>"
                    .into(),
            ),
            ("GET /linked", "<!doctype html><title>Linked</title><h1>Linked</h1>".into()),
            ("POST /posted", "<!doctype html><title>Posted</title><h1>Posted</h1>".into()),
            ("GET /middle", "<!doctype html><title>Middle</title><h1>Middle</h1>".into()),
        ];
    });
    let desktop = &site.stage.desktop;
    let (console, window) = signed_in(&site).await?;
    let click = async |nth: u32| desktop.click(&window, row(nth).0, row(nth).1).await;
    let told = async |expected: serde_json::Value| {
        let expected = expected.to_string();
        until(&format!("the page to tell {expected}"), async || {
            let heard = site.sent().into_iter().filter(|one| one.what == "POST /tell");
            Ok(heard.map(|one| one.body).any(|body| body == expected).then_some(()))
        })
        .await
        .with_context(|| format!("{:#?}", site.sent()))
    };

    // A window that reports to its opener and closes itself, as a sign-in with another account does.
    click(1).await?;
    told(json!({ "data": 7, "isOurs": true })).await?;
    told(json!({ "closed": true })).await?;
    ensure!(site.received("GET /popup", 1).await?.is_signed_in, "it has the session's cookies");
    desktop.wait_until_gone("window 2").await?;
    console.wait_for_phases(&["active"]).await?;

    // Links and forms with a target.
    click(2).await?;
    ensure!(site.received("GET /linked", 1).await?.is_signed_in);
    let linked = desktop.wait_for_window("Ada · 7 · Shop · development · window 3 — Understudy").await?;
    turn_to_bar(&console, Some(3)).await?;
    console.ui.by_role("button", "Close window").await?;
    desktop.press(&linked, &["ctrl+w"]).await?;
    desktop.wait_until_gone("window 3").await?;
    click(3).await?;
    let posted = site.received("POST /posted", 1).await?;
    ensure!(posted.is_signed_in && posted.body == "kind=invoice", "{posted:?}");
    let posted = desktop.wait_for_window("window 4").await?;
    desktop.close(&posted).await?;
    desktop.wait_until_gone("window 4").await?;
    desktop.middle_click(&window, row(4).0, row(4).1).await?;
    site.received("GET /middle", 1).await?;
    desktop.wait_for_window("window 5").await?;
    turn_to_bar(&console, Some(5)).await?;
    console.ui.by_role("button", "Close window").await?;
    // Not by the driver's click, which would wait for an answer of the bar that it closes.
    let close = "const button = document.querySelector('button[aria-label=\"Close window\"]');
        setTimeout(() => button.click());
        return true";
    console.ui.evaluate(close).await?;
    desktop.wait_until_gone("window 5").await?;
    ensure!(site.count("GET /") == 1, "the page is where it was: {:#?}", site.sent());

    // What is written into an empty window can be printed.
    click(5).await?;
    told(json!({ "wrote": "Invoice", "knows": true })).await?;
    let dialog = desktop.wait_for_window("Print").await?;
    desktop.press(&dialog, &["Escape"]).await?;
    let invoice = desktop.wait_for_window("window 6").await?;
    desktop.close(&invoice).await?;
    click(6).await?;
    told(json!({ "data": "blob:", "isOurs": true })).await?;
    desktop.close(&desktop.wait_for_window("window 7").await?).await?;
    // A page that asks its server first opens its window all the same.
    click(7).await?;
    site.received("GET /linked", 2).await?;

    // Closing them has never ended the session.
    console.wait_for_phases(&["active"]).await?;
    ensure!(site.count("POST /logout") == 0);
    console.ui.quit().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_windows_is_stopped_and_all_of_them_end_with_the_session() -> Result<()> {
    let site = Site::showing(
        r"<!doctype html><title>Shop</title><style>body { margin: 0 } button { width: 300px; height: 40px }</style>
          <button id=flood>Flood</button><script>
            const tell = (body) => fetch('/tell', { method: 'POST', body: JSON.stringify(body) });
            const flood = () => [...Array(50).keys()].filter((nth) => open(`/popup?${nth}`) !== null).length;
            document.getElementById('flood').onclick = () => tell({ opened: flood() });
            addEventListener('load', () => { tell({ opened: flood() }); });
          </script>",
    )
    .await?;
    let ticking = "<!doctype html><script>setInterval(() => fetch('/tick', { method: 'POST' }), 20);\
        addEventListener('pagehide', () => navigator.sendBeacon('/tick'))</script>";
    site.set(|now| now.pages = vec![("GET /popup", ticking.into())]);
    let desktop = &site.stage.desktop;
    let (console, window) = signed_in(&site).await?;
    ensure!(site.told(1).await?["opened"] == 3, "{:?}", site.told(1).await?);
    desktop.wait_for_window("window 4").await?;
    turn_to_bar(&console, None).await?;
    desktop.click(&window, row(1).0, row(1).1).await?;
    ensure!(site.told(2).await?["opened"] == 5, "eight are open now: {:?}", site.told(2).await?);
    console.ui.with_text("status", "This page can't open more windows for now").await?;
    // The console, the session's window and eight more.
    let count = async || Ok::<_, anyhow::Error>(desktop.windows().await?.len());
    until("ten windows", async || Ok((count().await? == 10).then_some(()))).await?;
    site.received("POST /tick", 50).await?;

    let last = desktop.wait_for_window("window 9").await?;
    turn_to_bar(&console, Some(9)).await?;
    console.ui.by_role("button", "End session").await?;
    console
        .ui
        .evaluate("setTimeout(() => document.querySelector('button.end').click()); return true")
        .await?;
    console.wait_for_phases(&[]).await?;
    until("the console to be alone", async || Ok((count().await? == 1).then_some(()))).await?;
    ensure!(!desktop.windows().await?.contains(&last));
    let sent = site.sent();
    let sign_out = sent.iter().position(|one| one.what == "POST /logout").context("a sign-out")?;
    ensure!(sent[sign_out..].iter().all(|one| one.what != "POST /tick"), "{:#?}", &sent[sign_out..]);
    console.ui.quit().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_window_has_the_size_that_its_page_asks_for() -> Result<()> {
    let page = r"<!doctype html><title>Shop</title>
      <style>body { margin: 0 } button { display: block; width: 300px; height: 40px; margin: 0 }</style>
      <button data-size='width=500,height=400'>Sign in elsewhere</button>
      <button data-size='popup,width=50,height=40'>Tiny</button>
      <button data-size='width=5000,height=4000'>Huge</button>
      <button data-size='width=640'>Narrow</button>
      <button data-size=''>As it comes</button>
      <script>
        for (const one of document.querySelectorAll('button')) {
          one.onclick = () => open('/popup', '', one.dataset.size);
        }
        addEventListener('load', () => fetch('/tell', { method: 'POST', body: '1' }));
      </script>";
    let site = Site::showing(page).await?;
    let popup = "<!doctype html><title>Popup</title><script>
        const tell = () => fetch('/size/' + innerWidth + 'x' + innerHeight);
        addEventListener('load', tell);
        addEventListener('resize', tell);</script>";
    site.set(|now| now.pages = vec![("GET /popup", popup.into())]);
    let desktop = &site.stage.desktop;
    let (console, window) = signed_in(&site).await?;
    for (nth, size) in [(1, (500, 446)), (2, (420, 280)), (3, SCREEN), (4, (640, 860)), (5, (1280, 860))] {
        desktop.click(&window, row(nth).0, row(nth).1).await?;
        let popup = desktop.wait_for_window(&format!("window {}", nth + 1)).await?;
        desktop.wait_for_size(&popup, size).await?;
        let told = format!("GET /size/{}x{}", size.0, size.1 - 46);
        site.received(&told, 1).await?;
        desktop.close(&popup).await?;
        desktop.wait_until_gone(&format!("window {}", nth + 1)).await?;
    }
    console.ui.quit().await
}

//! One of WebKit's processes is gone: the agent sees it where they look, and can go on working.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use understudy_core::audit::{EndCause, Event};
use understudy_test_support::desktop::Window;
use understudy_test_support::processes;
use understudy_test_support::stage::Console;
use understudy_test_support::wait::until;

use crate::site::{Site, ended_by};

const PAGE: &str = "<!doctype html><title>Shop</title><h1>Signed in</h1><script>\
    fetch('/tell', { method: 'POST', body: JSON.stringify({ cookie: document.cookie }) })</script>";

#[tokio::test(flavor = "multi_thread")]
async fn a_page_whose_process_is_gone_says_so_and_reloads_or_ends() -> Result<()> {
    let site = Site::showing(PAGE).await?;
    let desktop = &site.stage.desktop;
    let console = site.stage.open(&[]).await?;
    console.become_user("7", "crashes").await?;
    console.wait_for_phases(&["active"]).await?;
    site.told(1).await?;
    let window = desktop.wait_for_window("development — Understudy").await?;
    wait_until_shown(&site, &window).await?;
    console.signal_page("KILL").await?;
    // Reload has the focus; the customer is still signed in.
    wait_until_told(&site, &window).await?;
    desktop.press(&window, &["Return"]).await?;
    site.told(2).await?;
    ensure!(site.received("GET /", 2).await?.is_signed_in);

    // The key reloads it too.
    wait_until_shown(&site, &window).await?;
    console.signal_page("KILL").await?;
    wait_until_told(&site, &window).await?;
    desktop.press(&window, &["F5"]).await?;
    site.told(3).await?;

    wait_until_shown(&site, &window).await?;
    console.signal_page("KILL").await?;
    wait_until_told(&site, &window).await?;
    // The second button ends the session.
    desktop.press(&window, &["Tab", "Return"]).await?;
    ensure!(site.received("POST /logout", 1).await?.is_signed_in, "signed out of nothing");
    console.wait_for_phases(&[]).await?;
    ensure!(site.audit().await?.last() == Some(&ended_by(EndCause::Operator)), "{:?}", site.audit().await?);
    console.ui.quit().await
}

/// Opens a window that shares its process, and one that has its own.
const OPENER: &str = "<!doctype html><title>Shop</title>\
    <style>body { margin: 0 } button { display: block; width: 300px; height: 40px; margin: 0 }</style>\
    <button onclick='window.open(`/popup`)'>Together</button><button onclick='window.open(`/isolated`)'>Alone</button><script>\
    addEventListener('keydown', ({ key }) => key === 'x' && fetch('/alive', { method: 'POST' }));\
    fetch('/tell', { method: 'POST', body: '1' })</script>";

#[tokio::test(flavor = "multi_thread")]
async fn a_further_window_whose_process_is_gone_says_so_and_the_session_goes_on() -> Result<()> {
    let site = Site::showing(OPENER).await?;
    let popup = "<!doctype html><title>Popup</title><h1>A popup</h1><script>\
        fetch('/tell', { method: 'POST', body: '1' })</script>";
    let alone = vec![("content-type", "text/html"), ("cross-origin-opener-policy", "same-origin")];
    site.set(|now| {
        now.pages = vec![("GET /popup", popup.into())];
        now.answers = vec![("GET /isolated", alone, popup)];
    });
    let desktop = &site.stage.desktop;
    let console = site.stage.open(&[]).await?;
    console.become_user("7", "crashes").await?;
    console.wait_for_phases(&["active"]).await?;
    site.told(1).await?;
    let window = desktop.wait_for_window("development — Understudy").await?;
    wait_until_shown(&site, &window).await?;

    // One with a process of its own takes nothing with it.
    let first = console.page_processes()?;
    desktop.click(&window, 100, 46 + 60).await?;
    // Its script runs, so its process is there for good: WebKit gives up altogether if one ends while it starts (2.50).
    site.told(2).await?;
    let isolated = desktop.wait_for_window("window 2").await?;
    wait_until_shown(&site, &isolated).await?;
    let own = until("a process of its own", async || {
        let all = console.page_processes()?;
        Ok(all.into_iter().find(|pid| !first.contains(pid)))
    })
    .await?;
    processes::signal(own, "KILL").await?;
    wait_until_told(&site, &isolated).await?;
    desktop.press(&window, &["x"]).await?;
    site.received("POST /alive", 1).await?;
    // Reload has the focus there.
    desktop.press(&isolated, &["Return"]).await?;
    ensure!(site.received("GET /isolated", 2).await?.is_signed_in);
    site.told(3).await?;
    desktop.press(&isolated, &["ctrl+w"]).await?;
    desktop.wait_until_gone("window 2").await?;

    // One that shares its opener's process goes down with it. Both say so, and both come back.
    desktop.click(&window, 100, 46 + 20).await?;
    site.told(4).await?;
    let together = desktop.wait_for_window("window 3").await?;
    wait_until_shown(&site, &together).await?;
    console.signal_page("KILL").await?;
    wait_until_told(&site, &together).await?;
    wait_until_told(&site, &window).await?;
    desktop.press(&together, &["Return"]).await?;
    ensure!(site.received("GET /popup", 2).await?.is_signed_in);
    site.told(5).await?;
    desktop.press(&window, &["Return"]).await?;
    site.told(6).await?;
    console.wait_for_phases(&["active"]).await?;
    ensure!(site.count("POST /logout") == 0, "{:#?}", site.sent());
    console.ui.quit().await
}

/// Returns when the message about the page is in its place. Before that, keys go nowhere, or to the bar.
async fn wait_until_told(site: &Site, window: &Window) -> Result<()> {
    until("the page to be told as gone", async || Ok(shows_ours(site, window).await?.then_some(()))).await
}

/// Returns when the page is painted. Its script runs earlier, while the message about the previous page is still there.
async fn wait_until_shown(site: &Site, window: &Window) -> Result<()> {
    until("the page to be shown", async || Ok((!shows_ours(site, window).await?).then_some(()))).await
}

/// The application's pages are white, Understudy's are slightly off-white.
async fn shows_ours(site: &Site, window: &Window) -> Result<bool> {
    Ok(site.stage.desktop.colour_at(window, 20, 200).await? == "FBFBFA")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_whose_process_is_gone_is_refused_at_once_and_tried_again() -> Result<()> {
    let site = Site::showing(PAGE).await?;
    site.set(|behaviour| behaviour.silent = vec!["POST /login"]);
    let console = site.stage.open(&[]).await?;
    console.become_user("7", "crashes").await?;
    site.received("POST /login", 1).await?;
    console.signal_page("KILL").await?;
    console.wait_for_phases(&["refused"]).await?;
    let refused = site.audit().await?.into_iter().find_map(|event| match event {
        Event::Refused { cause, .. } => Some(cause),
        _ => None,
    });
    ensure!(refused.as_ref().is_some_and(|cause| cause.contains("web process ended")), "{refused:?}");
    site.release();
    let window = site.stage.desktop.wait_for_window("development — Understudy").await?;
    console.press_until(&window, &["Return"], &["active"]).await?;
    site.told(1).await?;
    console.ui.quit().await
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_cookies_are_said_and_the_session_is_signed_out_all_the_same() -> Result<()> {
    let site = Site::showing(PAGE).await?;
    let console = site.stage.open(&[]).await?;
    console.become_user("7", "loses its cookies").await?;
    console.wait_for_phases(&["active"]).await?;
    site.told(1).await?;
    for network in network_processes(&console)? {
        processes::signal(network, "KILL").await?;
    }
    let window = site.stage.desktop.wait_for_window("development — Understudy").await?;
    // The message has one button, which has the focus.
    until("the session to end", async || {
        let pressed = site.stage.desktop.press(&window, &["Return"]).await;
        Ok(pressed.is_err().then_some(()))
    })
    .await?;
    let last = until("its end in the audit log", async || {
        Ok(site.audit().await?.into_iter().find(|event| matches!(event, Event::Ended { .. })))
    })
    .await?;
    ensure!(last == ended_by(EndCause::Operator), "{last:?}");
    // The gateway knows the cookies.
    ensure!(site.received("POST /logout", 1).await?.is_signed_in, "signed out of nothing");
    // The console goes on, and a customer who signs in now has cookies.
    become_by_hand(&site, &console.window().await?, "Bea").await?;
    ensure!(site.received("GET /", 2).await?.is_signed_in);
    console.ui.quit().await
}

/// A window asks for its cookies as it opens. The answer arrives after it has closed, and must not harm other sessions.
#[tokio::test(flavor = "multi_thread")]
async fn a_window_that_is_closed_as_it_opens_ends_no_other_session() -> Result<()> {
    let site = Site::showing(PAGE).await?;
    let desktop = &site.stage.desktop;
    let console = site.stage.open(&[]).await?;
    console.become_user("8", "stays").await?;
    console.wait_for_phases(&["active"]).await?;
    for turn in 0..8 {
        console.become_user("7", "is closed at once").await?;
        let window = desktop.wait_for_window("Ada").await?;
        // The window may be gone already, and keys that are pressed too early are lost.
        until(&format!("window {turn} to close"), async || {
            let _ = desktop.close(&window).await;
            Ok((!desktop.windows().await?.iter().any(|one| one.title.contains("Ada"))).then_some(()))
        })
        .await?;
        console.wait_for_phases(&["active"]).await?;
    }
    console.ui.quit().await
}

/// The desktop's session bus ends, and WebKit's network process with it.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_bus_that_ends_does_not_take_the_console_with_it() -> Result<()> {
    let site = Site::showing(PAGE).await?;
    // Without the driver, which ends with the bus.
    let mut console = site.stage.start()?;
    let desktop = &site.stage.desktop;
    let whole = desktop.wait_for_window("Understudy").await?;
    become_by_hand(&site, &whole, "Ada").await?;
    site.told(1).await?;
    let window = desktop.wait_for_window("development — Understudy").await?;
    for bus in processes::family(std::process::id()) {
        if processes::is_named(bus, "dbus-daemon") {
            processes::signal(bus, "KILL").await?;
        }
    }
    // The message is there, and its only button ends the session.
    wait_until_told(&site, &window).await?;
    desktop.press(&window, &["Return"]).await?;
    let last = until("its end in the audit log", async || {
        Ok(site.audit().await?.into_iter().find(|event| matches!(event, Event::Ended { .. })))
    })
    .await?;
    ensure!(last == ended_by(EndCause::Operator), "{last:?}");
    become_by_hand(&site, &whole, "Bea").await?;
    ensure!(console.try_wait()?.is_none(), "the console goes on");
    console.kill().await?;
    Ok(())
}

fn network_processes(console: &Console<'_>) -> Result<Vec<u32>> {
    let family = processes::family(console.pid().context("the application runs")?);
    Ok(family.into_iter().filter(|pid| processes::is_named(*pid, "WebKitNetworkPr")).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_consoles_own_page_and_the_bars_come_back_by_themselves() -> Result<()> {
    let site = Site::showing(PAGE).await?;
    let desktop = &site.stage.desktop;
    let console = site.stage.open(&[]).await?;
    console.become_user("7", "the console crashes").await?;
    console.wait_for_phases(&["active"]).await?;
    site.told(1).await?;
    let pages = console.page_processes()?;
    let family = processes::family(console.pid().context("the application runs")?);
    let own: Vec<u32> = family
        .into_iter()
        .filter(|pid| processes::is_named(*pid, "WebKitWebProces") && !pages.contains(pid))
        .collect();
    ensure!(own.len() == 1, "{own:?}");
    processes::signal(own[0], "KILL").await?;

    // The driver lost its page with the process, so the test uses the desktop like a person.
    let window = console.window().await?;
    become_by_hand(&site, &window, "Bea").await?;
    // The first session's bar ends it.
    let session = desktop.wait_for_window("Ada").await?;
    desktop.wait_until_bar_painted(&session).await?;
    desktop.press(&session, &["ctrl+w"]).await?;
    desktop.wait_until_gone("Ada").await?;
    ensure!(site.received("POST /logout", 1).await?.is_signed_in);
    console.ui.quit().await
}

#[tokio::test(flavor = "multi_thread")]
async fn customers_pages_run_in_webkits_sandbox() -> Result<()> {
    let site = Site::showing(PAGE).await?;
    let console = site.stage.open(&[]).await?;
    for (index, id) in ["7", "8"].into_iter().enumerate() {
        console.become_user(id, "sandboxed").await?;
        console.wait_for_phases(&vec!["active"; index + 1]).await?;
        site.told(index + 1).await?;
    }
    // A process that a page has just left may still be exiting.
    let pages = until("one web process for each session", async || {
        let pages = console.page_processes()?;
        Ok((pages.len() == 2).then_some(pages))
    });
    for page in pages.await? {
        let around = processes::ancestors(page);
        ensure!(around.iter().any(|pid| processes::is_named(*pid, "bwrap")), "{page}: {around:?}");
    }
    console.ui.quit().await
}

#[tokio::test(flavor = "multi_thread")]
async fn no_process_of_the_console_leaves_its_memory_in_a_core_dump() -> Result<()> {
    let site = Site::showing(PAGE).await?;
    let console = site.stage.open(&[]).await?;
    console.become_user("7", "has a page").await?;
    console.wait_for_phases(&["active"]).await?;
    let family = processes::family(console.pid().context("the application runs")?);
    for pid in &family {
        let name = std::fs::read_to_string(processes::of(*pid).join("comm")).unwrap_or_default();
        // A process that has ended meanwhile leaves nothing.
        ensure!(name.is_empty() || processes::dumps_nothing(*pid), "{pid}: {name}");
    }
    for name in ["WebKitWebProces", "WebKitNetworkPr", "bwrap"] {
        ensure!(family.iter().any(|pid| processes::is_named(*pid, name)), "{name} is none of {family:?}");
    }
    console.ui.quit().await
}

/// Signs in as this customer with the keyboard alone, because the driver may have lost the console's page.
async fn become_by_hand(site: &Site, console: &Window, name: &str) -> Result<()> {
    let desktop = &site.stage.desktop;
    let before = site.count("POST /login");
    until("another customer's session", async || {
        desktop.press(console, &["Escape", "ctrl+f", "ctrl+a"]).await?;
        desktop.type_text(console, name).await?;
        desktop.press(console, &["ctrl+Return"]).await?;
        desktop.type_text(console, "goes on").await?;
        desktop.press(console, &["ctrl+Return"]).await?;
        let wanted = tokio::time::timeout(Duration::from_secs(5), site.received("POST /login", before + 1));
        Ok(wanted.await.is_ok_and(|received| received.is_ok()).then_some(()))
    })
    .await
}

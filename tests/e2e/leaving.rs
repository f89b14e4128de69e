//! Ending a session signs out, whatever its page is doing.

use anyhow::{Context, Result, ensure};
use understudy_core::audit::{EndCause, Event};
use understudy_test_support::stage::Console;
use understudy_test_support::wait::until;

use crate::site::{Site, ended_by};

/// Scripts that block their page's thread, or something it needs. Each reports when it begins.
const STUBBORN: [(&str, &str); 9] = [
    ("an alert", "alert('Your session is about to expire')"),
    (
        "a question in a frame",
        "document.body.append(Object.assign(document.createElement('iframe'), \
        { srcdoc: '<script>parent.confirm(1); confirm(2)<\\/script>' }))",
    ),
    ("a prompt", "prompt('Your name?')"),
    ("alerts without an end", "for (;;) alert('again')"),
    ("a loop", "for (;;);"),
    ("a request that waits", "const r = new XMLHttpRequest(); r.open('GET', '/never', false); r.send()"),
    ("a storm of navigations", "let i = 0; setInterval(() => { location.href = '/slow?' + i++ }, 5)"),
    (
        "a question before it is left",
        "addEventListener('beforeunload', (e) => { e.preventDefault(); return 'stay?' })",
    ),
    (
        "a dialog of its own at the end",
        "addEventListener('pagehide', () => alert(1)); addEventListener('unload', () => { for (;;); })",
    ),
];

fn page(script: &str) -> String {
    format!(
        "<!doctype html><title>Shop</title><body><h1>Signed in</h1><script>\
         fetch('/tell', {{ method: 'POST', body: '{{}}' }}).then(() => setTimeout(() => {{ {script} }}, 50));</script>"
    )
}

async fn end_all(console: &Console<'_>) -> Result<()> {
    console.turn_to().await?;
    let ended = "return window.__TAURI_INTERNALS__.invoke('console_state', {}).then((state) => \
        Promise.all(state.sessions.map((one) => window.__TAURI_INTERNALS__.invoke('end_session', { session: one.id }))))\
        .then(() => true)";
    console.ui.wait_for("the sessions to end", ended).await?;
    console.wait_for_phases(&[]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_its_page_does_a_session_is_signed_out() -> Result<()> {
    let site = Site::showing("").await?;
    let console = site.stage.open(&[]).await?;
    for (index, (what, script)) in STUBBORN.into_iter().enumerate() {
        site.set(|behaviour| behaviour.page = page(script));
        console.become_user("7", what).await?;
        console.wait_for_phases(&["active"]).await?;
        site.told(index + 1).await.context(what)?;
        end_all(&console).await.context(what)?;
        let logout = site.received("POST /logout", index + 1).await.context(what)?;
        ensure!(logout.is_signed_in, "{what}: signed out of nothing");
        site.stage.desktop.wait_until_gone("development — Understudy").await?;
        ensure!(
            site.audit().await?.last() == Some(&ended_by(EndCause::Operator)),
            "{what}: {:?}",
            site.audit().await?
        );
    }
    console.ui.quit().await
}

/// Browsers open six connections to a host. Requests that occupy them outlive the page.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_leaves_no_connection_free_is_signed_out() -> Result<()> {
    let site = Site::showing("").await?;
    let console = site.stage.open(&[]).await?;
    let holding = [
        ("beacons", "for (let i = 0; i < 8; i += 1) navigator.sendBeacon('/held', 'x')"),
        (
            "downloads",
            "for (let i = 0; i < 8; i += 1) document.body.append(Object.assign(\
                document.createElement('iframe'), { src: '/endless' }))",
        ),
    ];
    for (index, (what, script)) in holding.into_iter().enumerate() {
        site.set(|behaviour| (behaviour.page, behaviour.silent) = (page(script), vec!["POST /held"]));
        console.become_user("7", what).await?;
        console.wait_for_phases(&["active"]).await?;
        // Enough requests have arrived to occupy all connections.
        until("all connections to be held", async || {
            Ok((site.count("POST /held") >= 6 && index == 0 || site.endless() >= 6).then_some(()))
        })
        .await
        .context(what)?;
        end_all(&console).await.context(what)?;
        ensure!(
            site.received("POST /logout", index + 1).await?.is_signed_in,
            "{what}: signed out of nothing"
        );
        ensure!(
            site.audit().await?.last() == Some(&ended_by(EndCause::Operator)),
            "{what}: {:?}",
            site.audit().await?
        );
        site.release();
    }
    console.ui.quit().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_whose_process_is_stopped_is_signed_out() -> Result<()> {
    let site = Site::showing(&page("")).await?;
    let console = site.stage.open(&[]).await?;
    console.become_user("7", "stopped").await?;
    console.wait_for_phases(&["active"]).await?;
    site.told(1).await?;
    console.signal_page("STOP").await?;
    end_all(&console).await?;
    ensure!(site.received("POST /logout", 1).await?.is_signed_in);
    ensure!(site.audit().await?.last() == Some(&ended_by(EndCause::Operator)), "{:?}", site.audit().await?);
    console.ui.quit().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_closes_itself_ends_its_session_and_signs_out() -> Result<()> {
    let site = Site::showing(&page("close()")).await?;
    let console = site.stage.open(&[]).await?;
    console.become_user("7", "closes itself").await?;
    let logout = site.received("POST /logout", 1).await?;
    ensure!(logout.is_signed_in, "signed out of nothing");
    console.wait_for_phases(&[]).await?;
    site.stage.desktop.wait_until_gone("development — Understudy").await?;
    ensure!(
        site.audit().await?.last() == Some(&ended_by(EndCause::WindowClosed)),
        "{:?}",
        site.audit().await?
    );
    console.ui.quit().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_prints_holds_nobody_up() -> Result<()> {
    let prints = "print(); document.body.append(Object.assign(document.createElement('iframe'), \
        { srcdoc: '<script>print()<\\/script>' })); setInterval(() => print(), 100)";
    let site = Site::showing(&page(prints)).await?;
    let console = site.stage.open(&[]).await?;
    console.become_user("7", "prints").await?;
    site.stage.desktop.wait_for_window("Print").await?;
    // While the dialog is open, another customer is signed in and out.
    site.set(|behaviour| behaviour.page = page(""));
    console.become_user("8", "beside it").await?;
    console.wait_for_phases(&["active", "active"]).await?;
    let windows = site.stage.desktop.windows().await?;
    ensure!(windows.iter().filter(|one| one.title == "Print").count() == 1, "{windows:?}");
    end_all(&console).await?;
    site.received("POST /logout", 2).await?;
    site.stage.desktop.wait_until_gone("Print").await?;
    let ends: Vec<_> =
        site.audit().await?.into_iter().filter(|event| matches!(event, Event::Ended { .. })).collect();
    ensure!(ends == [ended_by(EndCause::Operator), ended_by(EndCause::Operator)], "{ends:?}");

    // A signal works too.
    site.set(|behaviour| behaviour.page = page(prints));
    console.become_user("7", "prints again").await?;
    site.stage.desktop.wait_for_window("Print").await?;
    console.signal("TERM").await?;
    console.wait_until_ended().await?;
    ensure!(site.count("POST /logout") == 3, "{:?}", site.sent());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_is_printed_when_the_agent_says_so() -> Result<()> {
    let site = Site::showing(&page("print()")).await?;
    let home = site.stage.env().remove("HOME").context("a desk has a home")?;
    let console = site.stage.open(&[]).await?;
    console.become_user("7", "prints").await?;
    let dialog = site.stage.desktop.wait_for_window("Print").await?;
    // The first printer, which prints to a file.
    site.stage.desktop.press(&dialog, &["Down"]).await?;
    site.stage.desktop.press(&dialog, &["alt+p"]).await?;
    site.stage.desktop.wait_until_gone("Print").await?;
    until("the printed page", async || {
        let files = std::fs::read_dir(&home)?.flatten().map(|entry| entry.path());
        let printed = files.filter(|path| path.extension().is_some_and(|end| end == "pdf"));
        Ok(printed.filter_map(|path| std::fs::read(path).ok()).find(|bytes| bytes.ends_with(b"%%EOF\n")))
    })
    .await?;
    console.wait_for_phases(&["active"]).await?;
    console.ui.quit().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_worker_of_the_page_does_not_answer_for_the_application() -> Result<()> {
    let register = "navigator.serviceWorker.register('/worker.js').then(() => navigator.serviceWorker.ready)\
        .then(() => new Promise((done) => { const wait = () => navigator.serviceWorker.controller ? done() : setTimeout(wait, 20); wait() }))\
        .then(() => fetch('/logout', { method: 'POST' })).then((r) => r.text())\
        .then((answer) => fetch('/tell', { method: 'POST', body: JSON.stringify({ answer }) }))";
    let site = Site::showing(&page(register)).await?;
    let console = site.stage.open(&[]).await?;
    console.become_user("7", "has a worker").await?;
    let told = site.told(2).await?;
    ensure!(told["answer"] == "{\"id\":7}", "the worker answers its page: {told}");
    ensure!(site.count("POST /logout") == 0);
    console.wait_for_phases(&["active"]).await?;
    end_all(&console).await?;
    let logout = site.received("POST /logout", 1).await?;
    ensure!(logout.is_signed_in, "signed out of nothing");
    ensure!(site.audit().await?.last() == Some(&ended_by(EndCause::Operator)), "{:?}", site.audit().await?);
    console.ui.quit().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_breaks_off_with_its_session_and_the_agent_hears_of_it() -> Result<()> {
    let site = Site::showing(&page("location.href = '/endless'")).await?;
    let home = site.stage.env().remove("HOME").context("a desk has a home")?;
    let folder = std::path::Path::new(&home).join("Downloads");
    let console = site.stage.open(&[]).await?;
    console.become_user("7", "downloads").await?;
    until("the file to be received", async || Ok((site.endless() == 1).then_some(()))).await?;
    until("a part of it", async || {
        let parts = std::fs::read_dir(&folder).into_iter().flatten().flatten();
        Ok((parts.count() > 0).then_some(()))
    })
    .await?;
    end_all(&console).await?;
    until("nobody to receive it", async || Ok((site.endless() == 0).then_some(()))).await?;
    console.ui.with_text("alert", "endless.bin was not saved").await?;
    let left: Vec<_> = std::fs::read_dir(&folder)?.flatten().map(|entry| entry.path()).collect();
    ensure!(left.is_empty(), "{left:?}");
    console.ui.quit().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_window_that_asks_for_a_file_or_a_colour_closes_with_its_session() -> Result<()> {
    let asks = |kind: &str| {
        format!(
            "<!doctype html><title>Shop</title><input type=\"{kind}\" id=\"it\" autofocus><script>\
             addEventListener('load', () => {{ it.focus(); fetch('/tell', {{ method: 'POST', body: '{{}}' }}) }})</script>"
        )
    };
    let site = Site::showing(&page("")).await?;
    let desktop = &site.stage.desktop;
    let console = site.stage.open(&[]).await?;
    for (index, kind) in ["file", "color"].into_iter().enumerate() {
        site.set(|behaviour| behaviour.page = page(""));
        console.become_user("8", "beside it").await?;
        console.wait_for_phases(&["active"]).await?;
        let beside = desktop.wait_for_window("Bea").await?;
        site.set(|behaviour| behaviour.page = asks(kind));
        console.become_user("7", kind).await?;
        console.wait_for_phases(&["active", "active"]).await?;
        site.told(2 * index + 2).await?;
        let window = desktop.wait_for_window("Ada").await?;
        let before = desktop.windows().await?.len();
        desktop.press(&window, &["space"]).await?;
        until("a window that asks", async || Ok((desktop.windows().await?.len() > before).then_some(())))
            .await
            .context(kind)?;
        // Other sessions react to keys, whatever this one shows.
        console.press_until(&beside, &["ctrl+w"], &["active"]).await.context(kind)?;
        end_all(&console).await?;
        until("both windows to be gone", async || Ok((desktop.windows().await?.len() == 1).then_some(())))
            .await
            .context(kind)?;
        site.received("POST /logout", 2 * index + 2).await?;
    }
    console.ui.quit().await
}

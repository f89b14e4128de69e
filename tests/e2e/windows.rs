//! The windows' sizes, and which one is in front.

use anyhow::Result;
use understudy_test_support::wait::until;

use crate::shop::Shop;
use crate::site::Site;

#[tokio::test(flavor = "multi_thread")]
async fn session_windows_take_the_size_that_the_last_one_was_given() -> Result<()> {
    const SIZE: (u32, u32) = (900, 640);
    let shop = Shop::open().await?;
    let desktop = &shop.stage.desktop;
    let console = shop.stage.open(&[]).await?;
    console.become_user(&shop.customers[0], "made smaller").await?;
    console.wait_for_phases(&["active"]).await?;
    let first = desktop.wait_for_window("development — Understudy").await?;
    desktop.resize(&first, SIZE).await?;

    // Another customer, besides the first.
    console.become_user(&shop.customers[1], "as large").await?;
    console.wait_for_phases(&["active", "active"]).await?;
    let windows = desktop.windows().await?;
    let second = windows.iter().find(|window| window.title.contains("— Understudy") && window.id != first.id);
    desktop.wait_for_size(second.expect("the second customer's window"), SIZE).await?;
    let whole = console.window().await?;
    desktop.wait_for_size(&whole, (1280, 800)).await?;

    // The next time too.
    desktop.resize(&whole, (1100, 700)).await?;
    console.close().await?;
    console.wait_until_ended().await?;
    let console = shop.stage.open(&[]).await?;
    console.become_user(&shop.customers[2], "the next day").await?;
    console.wait_for_phases(&["active"]).await?;
    let third = desktop.wait_for_window("development — Understudy").await?;
    desktop.wait_for_size(&third, SIZE).await?;
    desktop.wait_for_size(&console.window().await?, (1100, 700)).await?;
    console.ui.quit().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_console_that_filled_the_screen_does_so_the_next_time() -> Result<()> {
    let shop = Shop::open().await?;
    let desktop = &shop.stage.desktop;
    let console = shop.stage.open(&[]).await?;
    let whole = console.window().await?;
    desktop.maximize(&whole).await?;
    desktop.close(&whole).await?;
    console.wait_until_ended().await?;
    let console = shop.stage.open(&[]).await?;
    desktop.wait_until_maximized(&console.window().await?).await?;
    console.ui.quit().await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_global_shortcut_brings_the_console_to_the_front_with_the_search_focused() -> Result<()> {
    let shop = Shop::open().await?;
    let desktop = &shop.stage.desktop;
    let console = shop.stage.open(&[]).await?;
    console.become_user(&shop.customers[0], "working in it").await?;
    console.wait_for_phases(&["active"]).await?;
    // The previous search is still there, and the focus is elsewhere.
    console.ui.evaluate("document.activeElement.blur(); return true").await?;
    let session = desktop.wait_for_window("development — Understudy").await?;

    desktop.press(&session, &["ctrl+shift+u"]).await?;
    let whole = console.window().await?;
    desktop.wait_until_active(&whole).await?;
    let focused = "return document.activeElement.getAttribute('role') === 'searchbox'";
    console.ui.wait_for("the search field to be focused", focused).await?;
    // Typing now starts a new search.
    desktop.type_text(&whole, "anna").await?;
    console.ui.with_text("row", "nna").await?;
    console.ui.quit().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shortcut_that_another_program_holds_is_said_and_leaves_the_one_before() -> Result<()> {
    // The window manager uses it for its desktops.
    const HELD: &str = "Control+Alt+Left";
    let shop = Shop::open().await?;
    let desktop = &shop.stage.desktop;
    shop.stage.settings(&format!("shortcut = \"{HELD}\"\n"))?;
    let console = shop.stage.open(&[]).await?;
    console.ui.with_text("alert", &format!("The shortcut {HELD} could not be registered")).await?;

    let save = async |shortcut: &str| {
        let script = format!(
            "const ask = window.__TAURI_INTERNALS__.invoke; const {{ settings }} = await ask('console_state', {{}});
             return await ask('save_settings', {{ settings: {{ ...settings, shortcut: '{shortcut}' }} }})
                 .then(() => null, (error) => error)"
        );
        console.ui.evaluate(&format!("return (async () => {{ {script} }})()")).await
    };
    assert_eq!(save("CommandOrControl+Shift+U").await?, serde_json::Value::Null, "nobody else has this one");
    let error = save(HELD).await?;
    assert_eq!(error["code"], "settings_invalid", "{error}");
    assert!(
        error["hint"].as_str().is_some_and(|hint| hint.contains("Another program may be using it")),
        "{error}"
    );
    let kept = &console.ask("console_state", "{}").await?["settings"]["shortcut"];
    assert_eq!(kept, "CommandOrControl+Shift+U");
    let file = std::fs::read_to_string(shop.stage.home().settings_file())?;
    assert!(file.contains("CommandOrControl+Shift+U") && !file.contains(HELD), "{file}");

    console.become_user(&shop.customers[0], "working in it").await?;
    console.wait_for_phases(&["active"]).await?;
    let session = desktop.wait_for_window("development — Understudy").await?;
    desktop.press(&session, &["ctrl+shift+u"]).await?;
    desktop.wait_until_active(&console.window().await?).await?;
    console.ui.quit().await
}

#[tokio::test(flavor = "multi_thread")]
async fn started_once_more_it_is_the_running_console_that_comes_to_the_front() -> Result<()> {
    let shop = Shop::open().await?;
    let desktop = &shop.stage.desktop;
    let console = shop.stage.open(&[]).await?;
    console.become_user(&shop.customers[0], "working in it").await?;
    console.wait_for_phases(&["active"]).await?;
    let session = desktop.wait_for_window("development — Understudy").await?;
    let whole = console.window().await?;
    for arguments in [&["--search"][..], &["demo"], &[]] {
        console.ui.evaluate("document.activeElement.blur(); return true").await?;
        desktop.focus(&session).await?;
        let (code, said) = shop.stage.run(arguments, "").await?;
        assert_eq!(code, 0, "{arguments:?}: {said}");
        desktop.wait_until_active(&whole).await?;
        let focused = "return document.activeElement.getAttribute('role') === 'searchbox'";
        console.ui.wait_for("the search field to be focused", focused).await?;
        let windows = desktop.windows().await?;
        let consoles = windows.iter().filter(|window| window.title == "Understudy").count();
        assert_eq!((consoles, windows.len()), (1, 2), "{arguments:?}: {windows:?}");
    }
    // `demo` added the demo.
    let in_the_rail = "return document.querySelector('nav').textContent.includes('Demo')";
    console.ui.wait_for("the demo in the rail", in_the_rail).await?;
    console.wait_for_phases(&["active"]).await?;
    console.ui.quit().await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_console_is_made_larger_by_key_and_stays_so() -> Result<()> {
    let shop = Shop::open().await?;
    let desktop = &shop.stage.desktop;
    let console = shop.stage.open(&[]).await?;
    console.find(&shop.customers[0]).await?;
    let window = console.window().await?;
    // At 200 %, the window is half as many CSS pixels wide.
    let larger = "return innerWidth <= 640";
    until("the page to be twice as large", async || {
        desktop.press(&window, &["ctrl+plus"]).await?;
        Ok((console.ui.evaluate(larger).await? == true).then_some(()))
    })
    .await?;
    console.ui.by_role("searchbox", "Search users").await?;
    desktop.close(&window).await?;
    desktop.wait_until_gone("Understudy").await?;

    let console = shop.stage.open(&[]).await?;
    console.ui.wait_for("the page to be as large as it was", larger).await?;
    let window = console.window().await?;
    desktop.press(&window, &["ctrl+0"]).await?;
    console.ui.wait_for("the page to be of its own size", "return innerWidth === 1280").await?;
    console.ui.quit().await
}

/// A page with more colours than a launch page.
const COLOURFUL: &str = "<!doctype html><title>Shop</title><body style='margin: 0; height: 100vh; \
    background: conic-gradient(red, yellow, lime, aqua, blue, magenta, red)'><h1>Signed in</h1>";

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_wants_no_opener_is_painted_with_each_renderer() -> Result<()> {
    for disabled in ["1", "0"] {
        let mut site = Site::showing(COLOURFUL).await?;
        site.set(|behaviour| behaviour.headers = vec![("cross-origin-opener-policy", "same-origin")]);
        site.stage.set_env("WEBKIT_DISABLE_DMABUF_RENDERER", disabled);
        let console = site.stage.open(&[]).await?;
        for (index, (id, name)) in [("7", "Ada"), ("8", "Bea"), ("9", "Cleo")].into_iter().enumerate() {
            console.become_user(id, "painted").await?;
            console.wait_for_phases(&vec!["active"; index + 1]).await?;
            let window = site.stage.desktop.wait_for_window(name).await?;
            site.stage.desktop.wait_until_painted(&window).await?;
        }
        console.ui.quit().await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_inspector_opens_on_the_page_and_never_on_what_is_there_before_it() -> Result<()> {
    let page =
        "<!doctype html><title>Shop</title><script>fetch('/tell', { method: 'POST', body: '{}' })</script>";
    let site = Site::showing(page).await?;
    let desktop = &site.stage.desktop;
    site.set(|behaviour| behaviour.silent = vec!["GET /"]);
    let console = site.stage.open(&[]).await?;
    console.become_user("7", "looks into it").await?;
    console.wait_for_phases(&["active"]).await?;
    site.received("GET /", 1).await?;
    // The launch page that held the sign-in is still there.
    let window = desktop.wait_for_window("development — Understudy").await?;
    desktop.press(&window, &["F12", "ctrl+shift+i"]).await?;
    site.release();
    site.told(1).await?;
    // An inspector has a web process of its own.
    assert_eq!(console.page_processes()?.len(), 1, "the launch page was looked into");
    until("the inspector", async || {
        desktop.press(&window, &["F12"]).await?;
        Ok((console.page_processes()?.len() > 1).then_some(()))
    })
    .await?;
    console.ui.quit().await
}

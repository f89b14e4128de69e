//! The icon in the desktop's tray: its menu follows the sessions, and leads to their windows.

use anyhow::Result;
use thirtyfour::prelude::*;
use understudy_test_support::stage::Stage;
use understudy_test_support::tray::Tray;
use understudy_test_support::wait::until;

use crate::shop::Shop;

async fn start_tray(stage: &Stage) -> Result<Tray> {
    Tray::start(&stage.env()["DBUS_SESSION_BUS_ADDRESS"]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_menu_follows_the_sessions_leads_to_their_windows_and_quits() -> Result<()> {
    let shop = Shop::open().await?;
    let desktop = &shop.stage.desktop;
    shop.stage.settings("tray_icon = true\nwhen_closed = \"hide\"\n")?;
    let tray = start_tray(&shop.stage).await?;
    let console = shop.stage.open(&[]).await?;
    tray.wait_until_shown(true).await?;
    tray.wait_for_menu(&["Show Understudy", "-", "Quit Understudy"]).await?;

    let (mut windows, mut labels) = (Vec::new(), Vec::new());
    for (count, customer) in shop.customers.iter().take(2).enumerate() {
        console.become_user(customer, "the tray").await?;
        console.wait_for_phases(&["active", "active"][..=count]).await?;
        let window = until("the session's window", async || {
            let mut all = desktop.windows().await?.into_iter();
            Ok(all.find(|one| one.title.contains(" · development — Understudy") && !windows.contains(one)))
        })
        .await?;
        labels.push(window.title.replace(" — Understudy", ""));
        windows.push(window);
    }
    tray.wait_for_menu(&["Show Understudy", "-", &labels[0], &labels[1], "-", "Quit Understudy"]).await?;

    for (label, window) in labels.iter().zip(&windows) {
        tray.choose(label).await?;
        desktop.wait_until_active(window).await?;
    }
    tray.choose("Show Understudy").await?;
    let whole = console.window().await?;
    desktop.wait_until_active(&whole).await?;

    desktop.press(&windows[0], &["ctrl+w"]).await?;
    tray.wait_for_menu(&["Show Understudy", "-", &labels[1], "-", "Quit Understudy"]).await?;

    // A hidden console is called back, and quitting asks, although closing the window would only hide it.
    desktop.close(&whole).await?;
    until("the console to be hidden", async || {
        Ok(desktop.windows().await?.iter().all(|one| one.title != "Understudy").then_some(()))
    })
    .await?;
    tray.choose("Quit").await?;
    console.turn_to().await?;
    let question = console.ui.first("alertdialog").await?;
    assert!(question.text().await?.contains("1 session is running"), "{}", question.text().await?);
    console.ui.press(Key::Escape).await?;
    console.wait_for_phases(&["active"]).await?;

    desktop.press(&windows[1], &["ctrl+w"]).await?;
    tray.wait_for_menu(&["Show Understudy", "-", "Quit Understudy"]).await?;
    tray.choose("Quit").await?;
    console.wait_until_ended().await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_setting_shows_it_and_removes_it() -> Result<()> {
    let shop = Shop::open().await?;
    let tray = start_tray(&shop.stage).await?;
    let console = shop.stage.open(&[]).await?;
    let set = async |wanted: bool| {
        let settings = console.ask("console_state", "{}").await?["settings"].clone();
        let mut settings = settings.as_object().cloned().unwrap_or_default();
        settings.insert("tray_icon".into(), wanted.into());
        console.ask("save_settings", &format!("{{ settings: {} }}", serde_json::to_string(&settings)?)).await
    };
    console.become_user(&shop.customers[0], "the tray").await?;
    console.wait_for_phases(&["active"]).await?;
    assert!(!tray.has_icon(), "it is off by default");
    // More than once: the bus knows only one icon of a name.
    for wanted in [true, false, true] {
        set(wanted).await?;
        tray.wait_until_shown(wanted).await?;
    }
    let window = shop.stage.desktop.wait_for_window(" · development — Understudy").await?;
    let session = window.title.replace(" — Understudy", "");
    tray.wait_for_menu(&["Show Understudy", "-", &session, "-", "Quit Understudy"]).await?;
    assert!(std::fs::read_to_string(shop.stage.home().settings_file())?.contains("tray_icon = true"));
    console.ui.quit().await
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_library_the_console_opens_and_says_what_is_missing() -> Result<()> {
    let mut shop = Shop::open().await?;
    // Files that are no libraries, found before the real ones.
    let folder = tempfile::tempdir()?;
    for name in ["libayatana-appindicator3.so.1", "libappindicator3.so.1"] {
        std::fs::write(folder.path().join(name), "")?;
    }
    shop.stage.set_env("LD_LIBRARY_PATH", &folder.path().display().to_string());
    shop.stage.settings("tray_icon = true\n")?;
    let console = shop.stage.open(&[]).await?;
    let toast = console.ui.with_text("alert", "The tray icon can't be shown").await?;
    let said = toast.text().await?;
    assert!(said.contains("The tray icon can't be shown: the library libayatana-appindicator3"), "{said}");
    assert!(said.contains("Install libayatana-appindicator3-1"), "{said}");

    // Other settings can be changed meanwhile; turning it on anew is refused.
    let save = |theme: &str, tray: bool| {
        format!(
            "const {{ invoke }} = window.__TAURI_INTERNALS__; \
             return invoke('console_state', {{}}) \
             .then(({{ settings }}) => invoke('save_settings', \
             {{ settings: {{ ...settings, theme: '{theme}', tray_icon: {tray} }} }})) \
             .then(() => 'saved', (error) => error.message)"
        )
    };
    assert_eq!(console.ui.evaluate(&save("dark", true)).await?, "saved");
    assert_eq!(console.ui.evaluate(&save("dark", false)).await?, "saved");
    let refused = console.ui.evaluate(&save("light", true)).await?;
    assert!(refused.as_str().unwrap_or_default().contains("is missing"), "{refused}");
    let kept = std::fs::read_to_string(shop.stage.home().settings_file())?;
    assert!(kept.contains("theme = \"dark\"") && kept.contains("tray_icon = false"), "{kept}");
    console.ui.quit().await
}

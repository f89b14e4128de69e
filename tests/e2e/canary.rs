//! The admin token and the session's cookies appear nowhere: not on disk, not in the UI or what crosses to it, not in the
//! process's arguments or environment, not in the log.

use std::path::PathBuf;

use anyhow::{Context, Result};
use understudy_demo::{Faults, LoginAnswer};
use understudy_test_support::processes;
use understudy_test_support::stage::Console;

use crate::leaks::{contains, find_in_files, find_in_log};
use crate::shop::{Shop, TOKEN};

#[tokio::test(flavor = "multi_thread")]
async fn token_and_cookies_go_to_the_application_alone() -> Result<()> {
    let mut shop = Shop::open().await?;
    shop.stage.set_env("UNDERSTUDY_LOG", "trace");
    let console = shop.stage.open(&[]).await?;
    overhear(&console).await?;

    // First, the application repeats what it was sent.
    shop.demo.application.change_faults(|faults| faults.login = LoginAnswer::Echo);
    console.become_user(&shop.customers[0], "canary").await?;
    console.wait_for_phases(&["refused"]).await?;
    shop.demo.application.change_faults(|faults| *faults = Faults::default());
    let window = shop.stage.desktop.wait_for_window("development — Understudy").await?;
    console.press_until(&window, &["Return"], &["active"]).await?;
    let login = shop.received(|one| one.path == "/login" && one.status == Some(200)).await?;
    assert!(login.admin_token_ok, "the canary did sing once");
    let asked =
        shop.received(|one| one.path == "/api/me" && one.cookies.contains_key("ledgerline_api")).await?;
    let mut canaries = vec![TOKEN.to_owned()];
    for name in ["ledgerline_session", "ledgerline_api"] {
        canaries.push(asked.cookies.get(name).context(name)?.clone());
    }
    let find = |text: &[u8]| canaries.iter().find(|canary| contains(text, canary.as_bytes()));
    console.ask("secret_status", "{ connection: 'shop' }").await?;
    console.ask("read_connection", "{ connection: 'shop' }").await?;

    let crossed = console.ui.evaluate("return window.crossed.join('\\n')").await?;
    let crossed = crossed.as_str().unwrap_or_default();
    for heard in ["console_state", "event sessions", "event toast", "event bar_changed"] {
        assert!(crossed.contains(heard), "{heard} was not overheard: {crossed:.300}");
    }
    assert_eq!(find(crossed.as_bytes()), None);
    for page in ["the console", "the bar"] {
        if page == "the bar" {
            console.ui.switch_to("bar.html").await?;
        }
        let html = console.ui.evaluate("return document.documentElement.outerHTML").await?;
        assert_eq!(find(html.to_string().as_bytes()), None, "{page}");
    }

    let mut programs = Vec::new();
    for pid in processes::family(console.ui.driver_pid()) {
        let Some(program) = processes::program(pid) else { continue };
        for file in ["cmdline", "environ"] {
            let file = processes::of(pid).join(file);
            let text = std::fs::read(&file)
                .with_context(|| format!("{} of {}", file.display(), program.display()))?;
            assert_eq!(find(&text), None, "{} of {}", file.display(), program.display());
        }
        programs.extend(program.file_name().map(|name| name.to_string_lossy().into_owned()));
    }
    for expected in ["understudy", "WebKitWebProcess", "WebKitNetworkProcess"] {
        assert!(programs.iter().any(|name| name == expected), "{expected} is not among {programs:?}");
    }
    let log = console.ui.log();
    assert!(log.contains("TRACE"), "everything is logged");
    for canary in &canaries {
        let spilt = find_in_log(&log, canary);
        assert!(spilt.is_empty(), "the log: {spilt:#?}");
    }
    console.ui.quit().await?;

    for folder in [shop.stage.home_path().to_owned(), PathBuf::from(&shop.stage.keyring.env()["HOME"])] {
        for canary in &canaries {
            // The keyring's own file is encrypted, and searched too.
            assert_eq!(find_in_files(&folder, canary.as_bytes())?, Vec::<PathBuf>::new());
        }
    }
    Ok(())
}

/// Records everything that crosses between the console's page and Rust from here on: calls, answers, and every event
/// that the UI knows.
async fn overhear(console: &Console<'_>) -> Result<()> {
    let source = include_str!("../../ui/src/ipc.ts");
    let events: Vec<&str> = source
        .split("=> on")
        .skip(1)
        .filter_map(|text| text.split_once("(\"").and_then(|(_, name)| name.split('"').next()))
        .collect();
    let script = format!(
        "window.crossed = []; const real = window.fetch; \
         window.fetch = async (...call) => {{ \
           window.crossed.push(String(call[0]), String(call[1]?.body)); \
           const answer = await real(...call); window.crossed.push(await answer.clone().text()); return answer; }}; \
         const tauri = window.__TAURI_INTERNALS__; \
         const hear = (event) => tauri.transformCallback((heard) => \
           window.crossed.push('event ' + event, JSON.stringify(heard))); \
         return Promise.all({events:?}.map((event) => \
           tauri.invoke('plugin:event|listen', {{ event, target: {{ kind: 'Any' }}, handler: hear(event) }}))).then(() => true)"
    );
    console.ui.evaluate(&script).await?;
    Ok(())
}

//! A page of the application cannot reach anything of Understudy, whatever it tries.

use anyhow::Result;
use serde_json::Value;
use understudy_demo::ReceivedRequest;

use crate::shop::Shop;

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_tries_everything_gets_nothing() -> Result<()> {
    let shop = Shop::beginning_at("/hostile").await?;
    let _owner = shop.stage.desktop.copy("canary-of-the-clipboard").await?;
    let console = shop.stage.open(&[]).await?;
    console.become_user(&shop.customers[0], "what does it try").await?;
    // The page and a frame in it each try and report.
    let mut tried = Vec::new();
    for place in ["frame", "top"] {
        let report = shop.received(|one| is_last_word(one, place)).await?.json_body();
        let attempts = report["attempts"].as_array().cloned().unwrap_or_default();
        // WebKit answers a blocked local file with an empty document of an opaque origin. To the page, that looks like
        // a loaded document that it may not read.
        let got: Vec<_> = attempts
            .iter()
            .filter(|attempt| !says(attempt, "refused") && attempt["name"] != "frame file:///etc/passwd")
            .collect();
        assert!(got.is_empty(), "{place}: {got:#?}");
        for command in commands_in(PERMISSIONS) {
            let name = format!("invoke {command}");
            assert!(attempts.iter().any(|attempt| attempt["name"] == *name), "{place} did not try {command}");
        }
        for way in ["launch page POST /next", "launch page by the navigation history"] {
            assert!(attempts.iter().any(|attempt| attempt["name"] == way), "{place} did not try {way}");
        }
        for way in ["paste by command", "clipboard.readText", "copy by command", "clipboard.writeText"] {
            for place_ in ["", ", in a foreign frame"] {
                let name = format!("{way}{place_}");
                assert!(
                    attempts.iter().any(|attempt| attempt["name"] == *name),
                    "{place} did not try {name}"
                );
            }
        }
        assert!(
            !report.to_string().contains("canary-of-the-clipboard"),
            "{place} read the clipboard: {report:#}"
        );
        tried.push(report);
    }
    // What is allowed worked, so the refusals above are not due to a broken page.
    for report in tried {
        let controls = report["controls"].as_array().cloned().unwrap_or_default();
        assert!(!controls.is_empty() && controls.iter().all(|one| says(one, "allowed")), "{controls:#?}");
    }

    assert_eq!(shop.stage.desktop.copied().await?, "canary-of-the-clipboard", "it was replaced");

    // The session continues under its bar, and the console is where it was.
    console.wait_for_phases(&["active"]).await?;
    let addresses = console.ui.addresses().await?;
    assert!(
        addresses.iter().all(|url| !url.contains("127.0.0.1")),
        "no page of the application is Tauri's: {addresses:?}"
    );
    // A window that the page opens is one more of its session, with a bar of its own.
    let bars = addresses.iter().filter(|url| url.ends_with("/bar.html")).count();
    assert_eq!(addresses.len(), bars + 1, "the console and bars: {addresses:?}");
    let windows = shop.stage.desktop.windows().await?;
    assert_eq!(windows.len(), bars + 1, "every window of the page has a bar: {windows:?}");
    console.ui.quit().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bar_may_call_its_own_commands_and_no_other() -> Result<()> {
    let shop = Shop::open().await?;
    let console = shop.stage.open(&[]).await?;
    console.become_user(&shop.customers[0], "what may the bar do").await?;
    console.wait_for_phases(&["active"]).await?;
    console.ui.switch_to("bar.html").await?;
    let state = console.ask("bar_state", "{}").await?;
    assert_eq!(state["session"]["phase"], "active", "{state}");
    for command in commands_in(permissions_before_the_bars()) {
        let said = console
            .ui
            .evaluate(&format!(
                "return window.__TAURI_INTERNALS__.invoke('{command}', {{}}).then(() => 'allowed', String)"
            ))
            .await?;
        assert!(said.as_str().is_some_and(|said| said.contains("not allowed")), "{command}: {said}");
    }
    console.ui.quit().await
}

/// This file is generated from the list of commands.
const PERMISSIONS: &str = include_str!("../../src-tauri/permissions/windows.toml");

fn permissions_before_the_bars() -> &'static str {
    PERMISSIONS.split("identifier = \"bar\"").next().unwrap_or_default()
}

/// The names of the commands in this part of it.
fn commands_in(permissions: &'static str) -> impl Iterator<Item = &'static str> {
    permissions.lines().filter_map(|line| line.strip_prefix("  \"")?.strip_suffix("\","))
}

fn is_last_word(one: &ReceivedRequest, place: &str) -> bool {
    let report = one.json_body();
    one.path == "/hostile/report"
        && one.status.is_some()
        && report["done"] == true
        && report["place"] == place
}

fn says(attempt: &Value, word: &str) -> bool {
    attempt["outcome"]
        .as_str()
        .or(attempt["result"].as_str())
        .is_some_and(|outcome| outcome.starts_with(word))
}

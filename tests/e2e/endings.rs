//! Every way of ending a session signs out and closes the window.

use anyhow::{Context, Result};
use sqlx::Connection;
use thirtyfour::prelude::*;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;
use understudy_core::audit::{EndCause, Event};
use understudy_demo::Delay;
use understudy_test_support::processes;
use understudy_test_support::stage::Console;
use understudy_test_support::wait::until;

use crate::shop::Shop;
use crate::site::ended_by;

#[tokio::test(flavor = "multi_thread")]
async fn the_button_the_list_the_key_and_the_windows_own_button_all_sign_out() -> Result<()> {
    let shop = Shop::open().await?;
    let console = shop.stage.open(&[]).await?;
    let ways = ["the bar's button", "the console's list", "Ctrl+W", "the window's own button"];
    for (index, (way, customer)) in ways.into_iter().zip(&shop.customers).enumerate() {
        console.become_user(customer, way).await?;
        console.wait_for_phases(&["active"]).await?;
        let window = shop.stage.desktop.wait_for_window("development — Understudy").await?;
        match way {
            "the bar's button" => {
                console.ui.switch_to("bar.html").await?;
                console.ui.by_role("button", "End session").await?.click().await?;
            }
            "the console's list" => {
                let name = console.ask("console_state", "{}").await?["sessions"][0]["user"]["name"].clone();
                let name = name.as_str().unwrap_or_default().to_owned();
                console.ui.by_role("button", &format!("End the session as {name}")).await?.click().await?;
            }
            "Ctrl+W" => shop.stage.desktop.press(&window, &["ctrl+w"]).await?,
            _ => shop.stage.desktop.close(&window).await?,
        }
        console.wait_for_phases(&[]).await.map_err(|error| error.context(way))?;
        shop.stage.desktop.wait_until_gone("development — Understudy").await?;
        assert_eq!(shop.count("POST", "/logout"), index + 1, "{way}");
        let past =
            console.ask("user_details", &format!("{{ connection: 'shop', user: '{customer}' }}")).await?;
        assert_eq!(past["past"][0]["outcome"], "ended", "{way}");
    }
    console.ui.quit().await
}

#[tokio::test(flavor = "multi_thread")]
async fn closing_the_console_hides_it_at_once_and_signs_out_of_everything() -> Result<()> {
    let shop = Shop::open().await?;
    let console = shop.stage.open(&[]).await?;
    become_two(&shop, &console).await?;
    shop.demo.application.change_faults(|faults| faults.logout_delay = Delay::UntilReleased);
    console.close().await?;
    until("the console's window to be gone", async || {
        let windows = shop.stage.desktop.windows().await?;
        Ok(windows.iter().all(|window| window.title != "Understudy").then_some(()))
    })
    .await?;
    assert!(console.pid().is_some(), "nobody waits for the application, but the program does");
    until("both sign-outs", async || Ok((shop.count("POST", "/logout") == 2).then_some(()))).await?;
    shop.demo.application.release_answers();
    console.wait_until_ended().await?;
    assert_eq!(ends(&shop).await?, [quit(), quit()]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn closing_the_console_asks_first_and_keeps_working_unless_told_to_quit() -> Result<()> {
    let shop = Shop::open().await?;
    let console = shop.stage.open(&[]).await?;
    become_two(&shop, &console).await?;
    let window = console.window().await?;
    shop.stage.desktop.close(&window).await?;
    console.turn_to().await?;
    let question = console.ui.first("alertdialog").await?;
    assert!(question.text().await?.contains("2 sessions are running"), "{}", question.text().await?);
    let focused = "return document.activeElement.textContent === 'Keep working'";
    console.ui.wait_for("Keep working to have the focus", focused).await?;
    console.ui.press(Key::Escape).await?;
    console
        .ui
        .wait_for("the question to be gone", "return !document.querySelector('[role=alertdialog]')")
        .await?;
    console.wait_for_phases(&["active", "active"]).await?;
    assert_eq!(shop.count("POST", "/logout"), 0);
    console.close().await?;
    console.wait_until_ended().await?;
    assert_eq!(ends(&shop).await?, [quit(), quit()]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_console_that_hides_is_back_when_it_is_called_and_when_the_last_session_has_ended() -> Result<()> {
    let shop = Shop::open().await?;
    shop.stage.settings("when_closed = \"hide\"")?;
    let desktop = &shop.stage.desktop;
    let console = shop.stage.open(&[]).await?;
    console.become_user(&shop.customers[0], "works on").await?;
    console.wait_for_phases(&["active"]).await?;
    let whole = console.window().await?;
    let is_hidden = async || {
        until("the console to be hidden", async || {
            let windows = desktop.windows().await?;
            Ok(windows.iter().all(|window| window.title != "Understudy").then_some(()))
        })
        .await
    };
    desktop.close(&whole).await?;
    is_hidden().await?;
    assert_eq!(shop.count("POST", "/logout"), 0, "nobody was signed out");

    let (code, said) = shop.stage.run(&[], "").await?;
    assert_eq!(code, 0, "{said}");
    desktop.wait_until_active(&console.window().await?).await?;
    desktop.close(&console.window().await?).await?;
    is_hidden().await?;
    let session = desktop.wait_for_window("development — Understudy").await?;
    desktop.press(&session, &["ctrl+w"]).await?;
    until("the console to be back", async || {
        let windows = desktop.windows().await?;
        Ok(windows.iter().any(|window| window.title == "Understudy").then_some(()))
    })
    .await?;
    console.wait_for_phases(&[]).await?;
    // Without a session, there is nothing to hide for.
    desktop.close(&console.window().await?).await?;
    console.wait_until_ended().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_console_whose_page_does_not_answer_is_asked_about_by_the_system() -> Result<()> {
    let shop = Shop::open().await?;
    let desktop = &shop.stage.desktop;
    let console = shop.stage.open(&[]).await?;
    let pid = console.pid().context("the application runs")?;
    let web: Vec<u32> = processes::family(pid)
        .into_iter()
        .filter(|pid| processes::program(*pid).is_some_and(|path| path.ends_with("WebKitWebProcess")))
        .collect();
    console.become_user(&shop.customers[0], "works on").await?;
    console.wait_for_phases(&["active"]).await?;
    let whole = console.window().await?;
    let signal = async |name: &str| -> Result<()> {
        for pid in &web {
            Command::new("kill").args(["-s", name, &pid.to_string()]).status().await?;
        }
        Ok(())
    };
    signal("STOP").await?;
    desktop.close(&whole).await?;
    let question = desktop.wait_for_window("Quit Understudy?").await?;
    desktop.press(&question, &["Escape"]).await?;
    desktop.wait_until_gone("Quit Understudy?").await?;
    assert_eq!(shop.count("POST", "/logout"), 0, "nobody was signed out");
    signal("CONT").await?;
    console.wait_for_phases(&["active"]).await?;
    console.ui.quit().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_signs_out_of_everything_first() -> Result<()> {
    let shop = Shop::open().await?;
    for (index, signal) in ["TERM", "INT", "HUP"].into_iter().enumerate() {
        let console = shop.stage.open(&[]).await?;
        become_two(&shop, &console).await?;
        console.signal(signal).await?;
        console.wait_until_ended().await?;
        let both = 2 * (index + 1);
        assert_eq!(shop.count("POST", "/logout"), both, "{signal}");
        assert_eq!(ends(&shop).await?, vec![quit(); both], "{signal}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_while_the_console_quits_waits_for_its_end_and_opens_then() -> Result<()> {
    let shop = Shop::open().await?;
    let desktop = &shop.stage.desktop;
    let console = shop.stage.open(&[]).await?;
    console.become_user(&shop.customers[0], "quit").await?;
    console.wait_for_phases(&["active"]).await?;
    // The audit log is locked, so the end takes its time.
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(shop.stage.home().audit_file()?);
    let mut held = sqlx::SqliteConnection::connect_with(&options).await?;
    sqlx::raw_sql("BEGIN EXCLUSIVE").execute(&mut held).await?;
    console.signal("TERM").await?;
    shop.received(|one| one.path == "/logout").await?;

    let mut next = shop.stage.start()?;
    let mut said = BufReader::new(next.stderr.take().context("it is read")?).lines();
    let why = loop {
        let line = said.next_line().await?.context("it says that it waits")?;
        if line.contains("still signing out") {
            break line;
        }
    };
    assert!(why.contains("opens as soon as they have ended"), "{why}");
    let is_open = async || {
        let windows = desktop.windows().await?;
        Ok(windows.into_iter().find(|window| window.title == "Understudy"))
    };
    assert!(console.pid().is_some(), "the first one ends its session still");
    assert_eq!(is_open().await?, None, "and shows itself no more");

    held.close().await?;
    console.wait_until_ended().await?;
    until("the console that waited", is_open).await?;
    assert_eq!(ends(&shop).await?, [quit()]);
    next.kill().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_opening_that_is_cancelled_signs_out_of_what_it_may_have_begun() -> Result<()> {
    let shop = Shop::open().await?;
    let console = shop.stage.open(&[]).await?;
    shop.demo.application.change_faults(|faults| faults.login_delay = Delay::UntilReleased);
    console.become_user(&shop.customers[0], "changed my mind").await?;
    shop.received(|one| one.path == "/login").await?;
    console.wait_for_phases(&["opening"]).await?;
    let window = shop.stage.desktop.wait_for_window("development — Understudy").await?;
    console.press_until(&window, &["Escape"], &[]).await?;
    shop.received(|one| one.path == "/logout" && one.status == Some(200)).await?;
    // The sign-in was never answered, so it is unknown whether the application completes it after the sign-out.
    let audit = shop.audit().await?;
    let [Event::Begun, Event::Ended { cause: EndCause::Operator, sign_out_failed: Some(why), .. }] =
        &audit[..]
    else {
        panic!("{audit:?}");
    };
    assert!(why.starts_with("not confirmed"), "{why}");
    assert_eq!(shop.story(), ["POST /login", "POST /logout"], "no page was shown");
    console.ui.quit().await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_that_hangs_at_sign_out_holds_nobody_up() -> Result<()> {
    let shop = Shop::open().await?;
    let console = shop.stage.open(&[]).await?;
    console.become_user(&shop.customers[0], "hangs").await?;
    console.wait_for_phases(&["active"]).await?;
    shop.demo.application.change_faults(|faults| faults.logout_delay = Delay::UntilReleased);
    console.ui.switch_to("bar.html").await?;
    console.ui.press(Key::Control + "w").await?;
    console.wait_for_phases(&[]).await?;
    assert_eq!(shop.count("POST", "/logout"), 1);
    console.ui.with_text("status", "sign-out failed").await?;
    console.ui.quit().await
}

async fn become_two(shop: &Shop, console: &Console<'_>) -> Result<()> {
    for (index, customer) in shop.customers[..2].iter().enumerate() {
        console.become_user(customer, "quit").await?;
        console.wait_for_phases(&vec!["active"; index + 1]).await?;
    }
    Ok(())
}

/// The ends in the audit log, oldest first.
async fn ends(shop: &Shop) -> Result<Vec<Event>> {
    let audit = shop.audit().await?;
    Ok(audit.into_iter().filter(|event| matches!(event, Event::Ended { .. })).collect())
}

/// The end of a session when the application quits, with a sign-out that worked.
fn quit() -> Event {
    ended_by(EndCause::Quit)
}

//! From nothing to signed in: a connection is written in the form, tested and saved, its secret goes to the keyring,
//! and the result works.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use secrecy::SecretString;
use thirtyfour::prelude::*;
use understudy_demo::Demo;
use understudy_test_support::stage::{Console, Stage};
use understudy_test_support::wait::PATIENCE;

use crate::shop::{Shop, TOKEN};

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_written_in_the_form_is_tested_saved_and_used() -> Result<()> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("demo");
    let demo = Demo::start(&folder, SecretString::from(TOKEN), understudy_demo::today_in_utc()).await?;
    let known = understudy_core::connection::read_file("demo", &demo.connection_text)?;
    let stage = Stage::set(Path::new(env!("CARGO_BIN_EXE_understudy"))).await?;
    let console = stage.open(&[]).await?;

    press(&console, "Connect your database").await?;
    fill(&console, "Name", "My shop").await?;
    fill(&console, "Database URL", &known.directory.url).await?;
    // The rest of the directory comes from the database itself: its table, its columns, and users as a preview.
    console.ui.press(Key::Tab).await?;
    console.ui.with_text("status", "The database answers").await?;
    press(&console, "Next: Users").await?;
    console.ui.with_text("status", "looks most like your users").await?;
    let directory = &known.directory;
    for (field, expected) in [
        ("Table", Some(&directory.table)),
        ("ID column", Some(&directory.id)),
        ("Name column", directory.name.as_ref()),
        ("Email column", directory.email.as_ref()),
        ("Created column", directory.created_at.as_ref()),
    ] {
        let found = console.ui.by_role("combobox", field).await?.prop("value").await?;
        ensure!(found.as_ref() == expected, "{field}: {found:?}, not {expected:?}");
    }
    console.ui.with_text("region", "@").await?;
    press(&console, "Next: Sign-in and policy").await?;
    runs(&console, "").await?;
    fill(&console, "Login endpoint", known.sign_in.url.as_deref().unwrap_or_default()).await?;
    console.ui.session().find(By::Css("input[type=password]")).await?.send_keys(TOKEN).await?;

    press(&console, "Test").await?;
    let found = console.ui.with_text("status", "Sign-in").await?.text().await?;
    ensure!(found.contains("The database works") && found.contains("has not been tested yet"), "{found}");
    // To the file's text and back: nothing changes.
    press(&console, "File").await?;
    console.ui.by_role("textbox", "Connection file").await?;
    press(&console, "Form").await?;
    console.ui.by_role("textbox", "Login endpoint").await?;
    console.ui.press(Key::Control + "s").await?;
    console.ui.wait_until_gone("textbox", "Login endpoint").await?;
    console.ui.with_text("row", "@").await?;

    let file = std::fs::read_to_string(stage.home().connections_dir()?.join("my-shop.toml"))?;
    assert!(!file.contains(TOKEN), "{file}");
    assert!(file.contains("{{ secret.admin_token }}"), "{file}");
    let status = console.ask("secret_status", "{ connection: 'my-shop' }").await?;
    assert_eq!(status, serde_json::json!([{ "name": "admin_token", "state": "stored" }]));

    console.impersonate("The form's own proof").await?;
    let login =
        demo.application.wait_for(|one| one.path == "/login" && one.status.is_some(), PATIENCE).await?;
    assert!(login.admin_token_ok);
    console.wait_for_phases(&["active"]).await?;
    assert!(console.ui.console_errors().await?.is_empty(), "{:?}", console.ui.console_errors().await?);
    console.ui.quit().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_added_in_a_terminal_is_there_when_one_comes_back_to_the_console() -> Result<()> {
    let shop = Shop::open().await?;
    let console = shop.stage.open(&[]).await?;
    console.become_user(&shop.customers[0], "meanwhile").await?;
    console.wait_for_phases(&["active"]).await?;
    // The session's window has the keyboard focus while a connection is added elsewhere.
    let session = shop.stage.desktop.wait_for_window("development — Understudy").await?;
    shop.stage.desktop.focus(&session).await?;
    let file = shop.stage.home_path().join("other-shop.toml");
    std::fs::write(&file, shop.demo.connection_text.replace("\"Demo\"", "\"Other shop\""))?;
    let (code, said) = shop.stage.run(&["add", file.to_str().context("UTF-8")?], "").await?;
    ensure!(code == 0, "{said}");
    shop.stage.desktop.focus(&console.window().await?).await?;
    console.turn_to().await?;
    let in_the_rail = "return document.querySelector('nav').textContent.includes('Other shop')";
    console.ui.wait_for("the connection in the rail", in_the_rail).await?;
    console.ui.quit().await
}

/// Chooses the sign-in method: the name of a preset, or "" for "Custom request".
pub async fn runs(console: &Console<'_>, preset: &str) -> Result<()> {
    let chooser = console.ui.by_role("combobox", "Sign-in method").await?;
    let option = format!("option[value='{preset}']");
    console
        .ui
        .wait_for("the presets", &format!("return document.querySelector(\"{option}\") !== null"))
        .await?;
    Ok(chooser.find(By::Css(option)).await?.click().await?)
}

pub async fn press(console: &Console<'_>, button: &str) -> Result<()> {
    Ok(console.ui.by_role("button", button).await?.click().await?)
}

pub async fn fill(console: &Console<'_>, field: &str, text: &str) -> Result<()> {
    let field = console.ui.by_role("textbox", field).await?;
    field.send_keys(Key::Control + "a").await?;
    Ok(field.send_keys(text).await?)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_console_that_cannot_keep_its_log_says_so_and_does_not_start() -> Result<()> {
    let stage = Stage::set(Path::new(env!("CARGO_BIN_EXE_understudy"))).await?;
    // No audit log, no session: here, not even a console.
    std::fs::create_dir_all(stage.home().audit_file()?)?;
    let reading = async {
        let window = stage.desktop.wait_for_window("Understudy can't start").await?;
        stage.desktop.press(&window, &["Return"]).await
    };
    let ((code, said), ()) = tokio::try_join!(stage.run(&[], ""), reading)?;
    ensure!(code == 1 && said.contains("audit"), "{code}: {said}");
    ensure!(!said.contains("panicked"), "{said}");
    Ok(())
}

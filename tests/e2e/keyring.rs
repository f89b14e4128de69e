//! A computer without a keyring: the console says so, and works with secrets that are kept for this run.

use std::path::Path;

use anyhow::Result;
use serde_json::json;
use understudy_test_support::stage::Stage;

#[tokio::test(flavor = "multi_thread")]
async fn without_a_keyring_the_demo_runs_with_its_secret_in_memory() -> Result<()> {
    let stage = Stage::without_keyring(Path::new(env!("CARGO_BIN_EXE_understudy"))).await?;
    let console = stage.open(&["demo"]).await?;
    let alert = console.ui.with_text("alert", "No keyring found").await?.text().await?;
    assert!(alert.contains("Secrets you type are kept until you quit."), "{alert}");
    console.ui.with_text("row", "@").await?;
    let status = console.ask("secret_status", "{ connection: 'demo' }").await?;
    assert_eq!(status, json!([{ "name": "admin_token", "state": "this_run" }]));

    console.impersonate("without a keyring").await?;
    console.wait_for_phases(&["active"]).await?;
    stage.desktop.wait_for_window("development — Understudy").await?;
    console.ui.quit().await
}

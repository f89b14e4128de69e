//! A moved home is complete: nothing is written anywhere else.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::shop::Shop;

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_written_outside_the_home() -> Result<()> {
    let shop = Shop::open().await?;
    let outside = PathBuf::from(shop.stage.env().remove("HOME").context("the operator's own home")?);
    let console = shop.stage.open(&[]).await?;
    console.become_user(&shop.customers[0], "looks around").await?;
    console.wait_for_phases(&["active"]).await?;
    shop.received(|one| one.path == "/").await?;
    // Closed like a person does, because the windows' state is saved then.
    console.close().await?;
    shop.stage.desktop.wait_until_gone("Understudy").await?;
    console.ui.quit().await?;

    let inside = leaves(shop.stage.home_path())?;
    for kept in ["data/windows/.window-state.json", "data/windows/localstorage"] {
        let kept = shop.stage.home_path().join(kept);
        assert!(inside.iter().any(|path| path.starts_with(&kept)), "no {} in {inside:#?}", kept.display());
    }
    // Files of the keyring and of system libraries are not Understudy's.
    let others = [
        ".local/share/keyrings",
        ".cache/fontconfig",
        ".cache/gstreamer-1.0",
        ".cache/mesa_shader_cache",
        ".config/dconf",
    ]
    .map(|folder| outside.join(folder));
    let mut found = leaves(&outside)?;
    found.retain(|path| others.iter().all(|other| !path.starts_with(other)));
    assert!(found.is_empty(), "{found:#?}");
    Ok(())
}

/// The files below a folder, and empty folders.
fn leaves(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut leaves = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let below = if path.is_dir() { self::leaves(&path)? } else { Vec::new() };
        if below.is_empty() { leaves.push(path) } else { leaves.extend(below) }
    }
    Ok(leaves)
}

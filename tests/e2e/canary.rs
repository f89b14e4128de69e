//! The admin token is found nowhere: not on disk, not in the UI, not in what crosses to it, not in the
//! process's arguments and environment.

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::shop::{Shop, TOKEN};

#[tokio::test(flavor = "multi_thread")]
async fn the_admin_token_leaves_the_keyring_for_the_login_request_alone() -> Result<()> {
    let shop = Shop::open().await?;
    let console = shop.stage.open(&[]).await?;
    // Everything that crosses between the console's page and Rust is written down.
    console
        .ui
        .evaluate(
            "window.crossed = []; const real = window.fetch; \
             window.fetch = async (...call) => { \
               window.crossed.push(String(call[0]), String(call[1]?.body)); \
               const answer = await real(...call); window.crossed.push(await answer.clone().text()); return answer; }; \
             return true",
        )
        .await?;
    console.become_user(&shop.customers[0], "canary").await?;
    console.wait_for_phases(&["active"]).await?;
    let login = shop.received(|one| one.path == "/login").await?;
    assert!(login.admin_token_ok, "the canary did sing once");
    console.ask("secret_status", "{ connection: 'shop' }").await?;
    console.ask("read_connection", "{ connection: 'shop' }").await?;

    let crossed = console.ui.evaluate("return window.crossed.join('\\n')").await?;
    let crossed = crossed.as_str().unwrap_or_default();
    assert!(crossed.contains("console_state"), "the wire was listened to: {crossed:.300}");
    assert!(!crossed.contains(TOKEN));
    for page in ["the console", "the bar"] {
        if page == "the bar" {
            console.ui.switch_to("bar.html").await?;
        }
        let html = console.ui.evaluate("return document.documentElement.outerHTML").await?;
        assert!(!html.to_string().contains(TOKEN), "{page}");
    }

    let pid = console.ui.driver_pid();
    for process in descendants(pid) {
        for file in ["cmdline", "environ"] {
            let text = std::fs::read(process.join(file)).unwrap_or_default();
            assert!(!contains(&text), "{} of {}", file, process.display());
        }
    }
    assert!(!console.ui.log().contains(TOKEN), "the log");
    console.ui.quit().await?;

    for folder in [shop.stage.home_path().to_owned(), PathBuf::from(&shop.stage.keyring.env()["HOME"])] {
        for file in files_below(&folder) {
            // The keyring's own file is encrypted, and searched as well.
            let content = std::fs::read(&file).unwrap_or_default();
            assert!(!contains(&content), "the token is in {}", file.display());
        }
    }
    Ok(())
}

fn contains(content: &[u8]) -> bool {
    content.windows(TOKEN.len()).any(|window| window == TOKEN.as_bytes())
}

/// `/proc/<pid>` of a process and of all that it started.
fn descendants(pid: u32) -> Vec<PathBuf> {
    let mut all = vec![pid];
    let mut index = 0;
    while let Some(parent) = all.get(index).copied() {
        let children =
            std::fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).unwrap_or_default();
        all.extend(children.split_whitespace().filter_map(|child| child.parse::<u32>().ok()));
        index += 1;
    }
    assert!(all.len() > 2, "the application and its web processes run");
    all.into_iter().map(|pid| PathBuf::from(format!("/proc/{pid}"))).collect()
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() { files.extend(files_below(&path)) } else { files.push(path) }
    }
    files
}

//! WebKitGTK and Chromium, with or without a gateway in front of them.

#[path = "chromium.rs"]
mod chromium;

use std::path::Path;
use std::process::Stdio;

use secrecy::ExposeSecret as _;
use tokio::process::{Child, Command};
use understudy_gateway::Gateway;

pub use self::chromium::end_browser;
use self::chromium::{WayThere, start_chromium};

/// Opens a page in WebKitGTK's own small browser.
pub fn open_webkit(gateway: Option<&Gateway>, page: &str, home: &Path) -> Child {
    let browser = format!("/usr/lib/{}-linux-gnu/webkit2gtk-4.1/MiniBrowser", std::env::consts::ARCH);
    let mut command = Command::new("xvfb-run");
    command.args(["--auto-servernum", &browser, "--ignore-tls-errors", "--private"]);
    if let Some(gateway) = gateway {
        command.arg(format!("--proxy={}", gateway.socks_url().expose_secret()));
    }
    command.arg(page).env("HOME", home).env("XDG_RUNTIME_DIR", home);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command.process_group(0).kill_on_drop(true).spawn().expect("script/bootstrap installs it")
}

pub async fn open_chromium(gateway: Option<&Gateway>, page: &str, home: &Path) -> Child {
    let way = gateway.map_or(WayThere::DirectUnverified, WayThere::Gateway);
    start_chromium(way, None, page, home).await.expect("script/bootstrap installs it")
}

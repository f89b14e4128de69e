//! WebKitGTK and Chromium, with or without a gateway in front of them.

use std::path::Path;
use std::process::Stdio;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use secrecy::ExposeSecret as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};
use understudy_gateway::Gateway;

/// Opens a page in WebKitGTK's own small browser.
pub fn open_webkit(gateway: Option<&Gateway>, page: &str, home: &Path) -> Child {
    let browser = format!("/usr/lib/{}-linux-gnu/webkit2gtk-4.1/MiniBrowser", std::env::consts::ARCH);
    let mut command = Command::new("xvfb-run");
    command.args(["--auto-servernum", &browser, "--ignore-tls-errors", "--private"]);
    if let Some(gateway) = gateway {
        command.arg(format!("--proxy={}", gateway.socks_url().expose_secret()));
    }
    command.arg(page);
    start(command, home)
}

pub async fn open_chromium(gateway: Option<&Gateway>, page: &str, home: &Path) -> Child {
    let mut command = Command::new(find_chromium());
    command.args([
        "--headless=new",
        "--no-sandbox",
        "--no-first-run",
        "--disable-gpu",
        "--remote-debugging-port=0",
    ]);
    command.args(["--disable-background-networking", "--disable-component-update", "--disable-sync"]);
    command.arg(format!("--user-data-dir={}", home.display()));
    if let Some(gateway) = gateway {
        command.arg(format!("--proxy-server=http://{}", forward_with_credentials(gateway).await));
        command.arg("--proxy-bypass-list=<-loopback>");
        command.arg(format!("--ignore-certificate-errors-spki-list={}", gateway.key_hash()));
    } else {
        command.arg("--ignore-certificate-errors");
    }
    command.arg(page);
    start(command, home)
}

/// By its names in Debian, Ubuntu and Google's own package.
fn find_chromium() -> &'static str {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let is_installed = |name: &&str| std::env::split_paths(&folders).any(|folder| folder.join(name).exists());
    ["chromium", "chromium-browser", "google-chrome"].into_iter().find(is_installed).unwrap_or("chromium")
}

fn start(mut command: Command, home: &Path) -> Child {
    let silent =
        command.env("HOME", home).env("XDG_RUNTIME_DIR", home).stdout(Stdio::null()).stderr(Stdio::null());
    silent.process_group(0).kill_on_drop(true).spawn().expect("script/bootstrap installs both browsers")
}

/// Puts the credentials into what Chromium asks its proxy, as WebView2 does when it's asked for them.
async fn forward_with_credentials(gateway: &Gateway) -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let gateway_address = gateway.address();
    let credentials =
        BASE64_STANDARD.encode(format!("{}:{}", gateway.user(), gateway.password().expose_secret()));
    tokio::spawn(async move {
        while let Ok((mut browser, _)) = listener.accept().await {
            let credentials = credentials.clone();
            tokio::spawn(async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(browser.read_u8().await?);
                }
                let mut gateway = TcpStream::connect(gateway_address).await?;
                head.truncate(head.len() - 2);
                head.extend(format!("Proxy-Authorization: Basic {credentials}\r\n\r\n").bytes());
                gateway.write_all(&head).await?;
                tokio::io::copy_bidirectional(&mut browser, &mut gateway).await
            });
        }
    });
    address
}

/// Ends the browser with the processes it started.
pub async fn end(mut browser: Child) {
    if let Some(group) = browser.id() {
        let _ = Command::new("kill").args(["--", &format!("-{group}")]).status().await;
    }
    let _ = browser.wait().await;
}

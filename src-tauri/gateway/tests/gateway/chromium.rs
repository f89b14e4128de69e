//! Headless Chromium, with or without a session's gateway in front of it. The tests of the console start it from here,
//! too.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use secrecy::ExposeSecret as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};
use understudy_gateway::Gateway;

/// How Chromium reaches an application.
#[allow(dead_code, reason = "not every test program needs all of them")]
pub enum WayThere<'a> {
    Gateway(&'a Gateway),
    /// As a plain browser, which trusts the server with this key (the SHA-256 in base64).
    Direct(&'a str),
    /// As a plain browser, which trusts every server.
    DirectUnverified,
}

/// Opens a page, with a profile of its own.
pub async fn start_chromium(
    way: WayThere<'_>,
    user_agent: Option<&str>,
    page: &str,
    profile: &Path,
) -> std::io::Result<Child> {
    let mut command = Command::new(find_chromium());
    command.args(["--headless=new", "--no-sandbox", "--no-first-run", "--disable-gpu"]);
    command.args(["--remote-debugging-port=0", "--disable-background-networking", "--disable-sync"]);
    command.arg("--disable-component-update");
    command.args(user_agent.map(|name| format!("--user-agent={name}")));
    command.arg(format!("--user-data-dir={}", profile.display()));
    match way {
        WayThere::Gateway(gateway) => {
            command.arg(format!("--proxy-server=http://{}", add_credentials(gateway).await?));
            command.arg("--proxy-bypass-list=<-loopback>");
            command.arg(format!("--ignore-certificate-errors-spki-list={}", gateway.key_hash()));
        }
        WayThere::Direct(key_hash) => {
            command.arg(format!("--ignore-certificate-errors-spki-list={key_hash}"));
        }
        WayThere::DirectUnverified => {
            command.arg("--ignore-certificate-errors");
        }
    }
    command.arg(page).env("HOME", profile).env("XDG_RUNTIME_DIR", profile);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command.process_group(0).kill_on_drop(true).spawn()
}

/// Ends a browser that has a process group of its own, with the processes that it started.
pub async fn end_browser(mut browser: Child) {
    if let Some(group) = browser.id() {
        let _ = Command::new("kill").args(["-9", "--", &format!("-{group}")]).status().await;
    }
    let _ = browser.wait().await;
}

/// By its names in Debian, Ubuntu and Google's own package.
fn find_chromium() -> &'static str {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let is_installed = |name: &&str| std::env::split_paths(&folders).any(|folder| folder.join(name).exists());
    ["chromium", "chromium-browser", "google-chrome"].into_iter().find(is_installed).unwrap_or("chromium")
}

/// Puts the credentials into what Chromium asks its proxy, as WebView2 does when it is asked for them.
async fn add_credentials(gateway: &Gateway) -> std::io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let pair = format!("{}:{}", gateway.user(), gateway.password().expose_secret());
    let (credentials, gateway) = (BASE64_STANDARD.encode(pair), gateway.address());
    tokio::spawn(async move {
        while let Ok((mut browser, _)) = listener.accept().await {
            let credentials = credentials.clone();
            tokio::spawn(async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(browser.read_u8().await?);
                }
                let mut server = TcpStream::connect(gateway).await?;
                head.truncate(head.len() - 2);
                head.extend(format!("Proxy-Authorization: Basic {credentials}\r\n\r\n").bytes());
                // Plain http: the next request on this connection would need them, too.
                let is_tunnel = head.starts_with(b"CONNECT ");
                if !is_tunnel {
                    let at = head.windows(2).position(|pair| pair == b"\r\n").unwrap_or(0) + 2;
                    head.splice(at..at, *b"Connection: close\r\n");
                }
                server.write_all(&head).await?;
                tokio::io::copy_bidirectional(&mut browser, &mut server).await
            });
        }
    });
    Ok(address)
}

//! Session windows of headless Chromium, behind the core's `Browser` trait. WebView2 is Chromium and takes the same
//! arguments, so what holds here is evidence for Windows, where these tests cannot run.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::sync::Mutex;

use async_trait::async_trait;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use secrecy::ExposeSecret;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};
use understudy_core::browser::{Browser, FirstPage, WindowOptions};
use understudy_core::error::{Code, Error, Result};
use understudy_core::session::SessionView;
use understudy_core::user_agent::user_agent;
use understudy_gateway::Gateway;
use url::Origin;

struct ChromiumWindow {
    process: Child,
    /// Its profile, thrown away with it.
    _profile: TempDir,
}

/// A browser process for each session.
#[derive(Default)]
pub struct ChromiumBrowser(Mutex<HashMap<String, ChromiumWindow>>);

impl ChromiumBrowser {
    /// Whether the session's window is open.
    pub fn is_open(&self, session: &str) -> bool {
        self.0.lock().expect("no panic").contains_key(session)
    }

    async fn end_process(&self, session: &str) {
        let window = self.0.lock().expect("no panic").remove(session);
        let Some(window) = window else { return };
        end_chromium(window.process).await;
    }
}

/// By its names in Debian, Ubuntu and Google's own package.
fn find_chromium() -> &'static str {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let is_installed = |name: &&str| std::env::split_paths(&folders).any(|folder| folder.join(name).exists());
    ["chromium", "chromium-browser", "google-chrome"].into_iter().find(is_installed).unwrap_or("chromium")
}

/// How Chromium reaches an application.
pub enum WayThere<'a> {
    Gateway(&'a Gateway),
    /// As a plain browser, which trusts the server with this key (the SHA-256 in base64).
    Direct(&'a str),
}

/// Opens a page in headless Chromium, with a profile of its own.
pub async fn start_chromium(way: WayThere<'_>, page: &str, profile: &Path) -> std::io::Result<Child> {
    let mut command = Command::new(find_chromium());
    command.args(["--headless=new", "--no-sandbox", "--no-first-run", "--disable-gpu"]);
    command.args(["--remote-debugging-port=0", "--disable-background-networking", "--disable-sync"]);
    command.arg("--disable-component-update");
    command.arg(format!("--user-agent={}", user_agent()));
    command.arg(format!("--user-data-dir={}", profile.display()));
    let key_hash = match way {
        WayThere::Gateway(gateway) => {
            command.arg(format!("--proxy-server=http://{}", add_credentials(gateway).await?));
            command.arg("--proxy-bypass-list=<-loopback>");
            gateway.key_hash()
        }
        WayThere::Direct(key_hash) => key_hash.to_owned(),
    };
    command.arg(format!("--ignore-certificate-errors-spki-list={key_hash}"));
    command.arg(page).env("HOME", profile).env("XDG_RUNTIME_DIR", profile);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command.process_group(0).kill_on_drop(true).spawn()
}

/// Ends Chromium with the processes that it started.
pub async fn end_chromium(mut process: Child) {
    if let Some(group) = process.id() {
        let _ = Command::new("kill").args(["-9", "--", &format!("-{group}")]).status().await;
    }
    let _ = process.wait().await;
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

#[async_trait]
impl Browser for ChromiumBrowser {
    async fn prepare_window(&self, session: &str, opening: &WindowOptions<'_>) -> Result<()> {
        let failed = |cause: std::io::Error| {
            Error::new(Code::WindowFailed, format!("Chromium did not start: {cause}"))
        };
        let profile = tempfile::tempdir().map_err(failed)?;
        let page = opening.launch.to_url(opening.origin);
        let process = start_chromium(WayThere::Gateway(opening.gateway), page.as_str(), profile.path())
            .await
            .map_err(failed)?;
        let window = ChromiumWindow { process, _profile: profile };
        self.0.lock().expect("no panic").insert(session.to_owned(), window);
        Ok(())
    }

    async fn open_window(&self, session: &SessionView, opening: &WindowOptions<'_>) -> Result<()> {
        if self.is_open(&session.id) { Ok(()) } else { self.prepare_window(&session.id, opening).await }
    }

    async fn expect_page(&self, _session: &str, _page: FirstPage<'_>) -> Result<()> {
        Ok(())
    }

    async fn leave_page(&self, session: &str) {
        self.end_process(session).await;
    }

    async fn return_to_launch_page(&self, _session: &str, _origin: &Origin) -> Result<()> {
        Err(Error::new(Code::WindowFailed, "This window cannot return to its launch page."))
    }

    async fn focus_window(&self, _session: &str) -> Result<()> {
        Ok(())
    }

    async fn close_window(&self, session: &str) {
        self.end_process(session).await;
    }
}

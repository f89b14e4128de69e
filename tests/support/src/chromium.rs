//! Session windows of headless Chromium, behind the core's `Browser` trait. WebView2 is Chromium and takes the same
//! arguments, so what holds here is evidence for Windows, where these tests cannot run.

#[path = "../../../src-tauri/gateway/tests/gateway/chromium.rs"]
mod start;

use std::collections::HashMap;
use std::sync::Mutex;

use async_trait::async_trait;
use tempfile::TempDir;
use tokio::process::Child;
use understudy_core::browser::{Browser, FirstPage, WindowOptions};
use understudy_core::error::{Code, Error, Result};
use understudy_core::session::SessionView;
use understudy_core::user_agent::user_agent;
use url::Origin;

pub use self::start::{WayThere, end_browser, start_chromium};

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
        end_browser(window.process).await;
    }
}

#[async_trait]
impl Browser for ChromiumBrowser {
    async fn prepare_window(&self, session: &str, opening: &WindowOptions<'_>) -> Result<()> {
        let failed = |cause: std::io::Error| {
            Error::new(Code::WindowFailed, format!("Chromium did not start: {cause}"))
        };
        let profile = tempfile::tempdir().map_err(failed)?;
        let page = opening.launch.to_url(opening.origin);
        let process = start_chromium(
            WayThere::Gateway(opening.gateway),
            Some(user_agent()),
            page.as_str(),
            profile.path(),
        );
        let process = process.await.map_err(failed)?;
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

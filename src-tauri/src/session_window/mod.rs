//! Session windows: a bar that belongs to Understudy, and the application's page under it.
//!
//! The bar is the console's own webview. The page is a bare, incognito webview that Tauri does not know: it has no
//! bridge, no commands and no access to the bar, because none was ever put into it. Each operating system's part is in
//! a small file of its own.

mod bar;
mod browser;
mod downloads;
#[cfg(not(target_os = "linux"))]
mod macos_and_windows;
#[cfg(target_os = "linux")]
#[path = "linux/mod.rs"]
mod platform;
#[cfg(target_os = "macos")]
#[path = "macos/mod.rs"]
mod platform;
#[cfg(windows)]
#[path = "windows/mod.rs"]
mod platform;
mod popups;
mod sandbox_check;
mod stage;
mod title;
mod window;

use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tauri::AppHandle;
use tokio::sync::{mpsc, oneshot};
use understudy_core::access::{OffSiteChoice, OffSitePage};
use understudy_core::audit::EndCause;
use understudy_core::error::{Code, Error, Result};
use understudy_core::held_back::HeldBackList;
use understudy_core::session::SessionView;
use url::Url;

pub use self::bar::{
    BAR_HEIGHT, BarAction, BarState, FORGOTTEN, MAX_BAR_HEIGHT, REMEMBERED, bar_label, emit_to_bars,
    remembered_as, session_of_bar, window_of_bar,
};
use self::bar::{number_of_window, run_bar_action};
use self::popups::close_popup;
pub use self::sandbox_check::check_sandbox;
use self::stage::SessionWindow;
#[cfg(target_os = "linux")]
pub use self::window::network_ended;
use self::window::{PageView, find_window_at, with_page};

/// What the operator asks for in a session's window.
#[derive(Debug)]
pub enum SessionCommand {
    /// Extend the session, as far as the policy allows.
    Extend(String),
    End(String, EndCause),
}

/// What the bar leaves to the page at least, in logical pixels.
const LEAST_PAGE_HEIGHT: i32 = 160;

/// All session windows.
pub struct SessionWindows {
    app: AppHandle,
    open: Mutex<HashMap<String, Arc<SessionWindow>>>,
    commands: mpsc::UnboundedSender<SessionCommand>,
}

impl SessionWindows {
    /// The windows of `app`; the receiver gets what the operator asks for in them.
    pub fn new(app: AppHandle) -> (Arc<Self>, mpsc::UnboundedReceiver<SessionCommand>) {
        platform::remove_leftovers(&app);
        let (commands, receiver) = mpsc::unbounded_channel();
        (Arc::new(Self { app, open: Mutex::default(), commands }), receiver)
    }

    /// What the bar of the window with this key shows.
    pub async fn bar_state(
        &self,
        key: &str,
        session: SessionView,
        held_back: HeldBackList,
        off_site: Option<OffSitePage>,
    ) -> Result<BarState> {
        self.on_page_of(key, move |page| {
            let (view, open) = (&page.view, &page.open);
            let url = view.url().ok().and_then(|url| Url::parse(&url).ok());
            let is_off_site = url.as_ref().is_some_and(|url| open.is_off_site(&url.origin()));
            let shown = url.filter(|_| !open.is_ours()).map_or(open.origin.clone(), |url| url.origin());
            BarState {
                is_off_site,
                session,
                number: number_of_window(&open.key),
                can_go_back: view.can_go_back().unwrap_or(false),
                can_go_forward: view.can_go_forward().unwrap_or(false),
                zoom: *open.zoom.lock(),
                location: shown.ascii_serialization(),
                held_back,
                off_site,
            }
        })
        .await
    }

    /// Does what a button or key of the bar in the window with this key asks for.
    pub async fn run_bar_action(&self, key: &str, action: BarAction) -> Result<()> {
        let open = self.on_page_of(key, |page| Arc::clone(&page.open)).await?;
        self.on_main(move || run_bar_action(&open, action)).await
    }

    /// Opens a page that leads out of the application where the operator chose. Unless the session goes there, the
    /// window that asked returns to where it was; a window that was opened for that page closes.
    pub async fn open_off_site(&self, session: &str, target: &Url, choice: OffSiteChoice) -> Result<()> {
        let (session, wanted) = (session.to_owned(), target.clone());
        let loaded = self.on_main(move || {
            let host = wanted.host_str().unwrap_or_default();
            let asking = find_window_at(&session, host).unwrap_or(session);
            let has_other = with_page(&asking, |page| page.view.can_go_back().unwrap_or(false))?;
            if choice != OffSiteChoice::GoThere && !has_other && number_of_window(&asking).is_some() {
                close_popup(&asking);
                return Ok(());
            }
            with_page(&asking, |page| {
                let view = &page.view;
                let start = page.open.start.lock().clone();
                let done = match (choice, start) {
                    (OffSiteChoice::GoThere, _) => view.load_url(wanted.as_str()),
                    // WebKit passes over pages that led on by themselves, so there may be none to return to.
                    (_, Some(start)) if !has_other => view.load_url(start.as_str()),
                    _ => view.go_back(),
                };
                done.and_then(|()| view.focus()).map_err(window_error)
            })?
        });
        loaded.await??;
        if choice == OffSiteChoice::OpenInBrowser { open_in_browser(target.as_str()) } else { Ok(()) }
    }

    /// Gives the bar this height, in logical pixels, as far as that leaves the page some room. Once nothing is unfolded
    /// in the bar any longer, the page has the keyboard's focus again.
    pub async fn set_bar_height(&self, key: &str, height: u32) -> Result<()> {
        let height = i32::try_from(height).unwrap_or(i32::MAX);
        self.on_page_of(key, move |page| {
            let (size, scale) = (page.window.inner_size(), page.window.scale_factor());
            let window = size.map_err(window_error)?.to_logical::<i32>(scale.map_err(window_error)?);
            let most = (window.height - LEAST_PAGE_HEIGHT).clamp(BAR_HEIGHT, MAX_BAR_HEIGHT);
            let height = height.clamp(BAR_HEIGHT, most);
            let before = page.open.bar_height.swap(height, Ordering::Relaxed);
            platform::fit_page(&page.window, &page.view, height);
            if height == BAR_HEIGHT && before != BAR_HEIGHT {
                page.view.focus().map_err(window_error)?;
            }
            Ok(())
        })
        .await?
    }

    /// Gives the bar the keyboard's focus, in the window whose page leads to this host: it has a question.
    pub async fn focus_bar(&self, session: &str, host: &str) -> Result<()> {
        let (session, host) = (session.to_owned(), host.to_owned());
        self.on_main(move || {
            let asking = find_window_at(&session, &host).unwrap_or(session);
            with_page(&asking, PageView::focus_bar)
        })
        .await?
    }

    fn find_window(&self, session: &str) -> Result<Arc<SessionWindow>> {
        self.open.lock().get(session).cloned().ok_or_else(window_closed_error)
    }

    /// Runs `work` on the main thread, where windows live, and waits without blocking.
    async fn on_main<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        let (done, result) = oneshot::channel();
        self.app
            .run_on_main_thread(move || {
                let _ = done.send(work());
            })
            .map_err(window_error)?;
        result.await.map_err(|_| window_closed_error())
    }

    /// Works on the page in the window with this key.
    async fn on_page_of<T: Send + 'static>(
        &self,
        key: &str,
        work: impl FnOnce(&PageView) -> T + Send + 'static,
    ) -> Result<T> {
        let key = key.to_owned();
        self.on_main(move || with_page(&key, work)).await?
    }
}

/// Opens a page of the web in the operator's own browser.
fn open_in_browser(url: &str) -> Result<()> {
    let failed = |cause: std::io::Error| {
        Error::new(Code::WindowFailed, format!("Your browser could not be started: {cause}."))
            .with_hint("Copy the address and open it yourself.")
    };
    open::that_detached(url).map_err(failed)
}

fn window_closed_error() -> Error {
    Error::new(Code::SessionUnknown, "This session window is closed.")
}

fn window_error(cause: impl std::fmt::Display) -> Error {
    Error::new(Code::WindowFailed, format!("The session window failed: {cause}"))
        .with_hint("Try again. If it keeps happening, restart Understudy.")
}

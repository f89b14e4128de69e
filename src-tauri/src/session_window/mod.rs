//! Session windows: a bar that belongs to Understudy, and the application's page under it.
//!
//! The bar is the console's own webview. The page is a bare, incognito webview that Tauri does not know: it has no
//! bridge, no commands and no access to the bar, because none was ever put into it. Each operating system's part is in
//! a small file of its own.

mod actions;
mod bar;
mod browser;
mod contact;
mod downloads;
mod evidence;
mod file_names;
mod find;
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
mod reveal;
mod sandbox_check;
mod stage;
mod title;
mod window;

use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use serde::Deserialize;
use tauri::AppHandle;
use tokio::sync::{mpsc, oneshot};
use ts_rs::TS;
use understudy_core::access::{OffSiteChoice, OffSitePage};
use understudy_core::audit::EndCause;
use understudy_core::error::{Code, Error, Result};
use understudy_core::held_back::HeldBackList;
use understudy_core::session::SessionView;
use understudy_gateway::PasswordQuestion;
use url::Url;

use self::actions::run_bar_action;
use self::bar::number_of_window;
pub use self::bar::{
    BAR_HEIGHT, BarAction, BarState, FORGOTTEN, MAX_BAR_HEIGHT, REMEMBERED, bar_label, emit_to_bars,
    remembered_as, session_of_bar, show_in_bar, window_of_bar,
};
pub use self::file_names::find_free_path;
pub use self::find::FindStep;
pub use self::platform::share_process;
use self::popups::close_popup;
pub use self::reveal::reveal_file;
pub use self::sandbox_check::check_sandbox;
use self::stage::{SessionWindow, is_web};
pub use self::title::describe_session;
#[cfg(target_os = "linux")]
pub use self::window::network_ended;
use self::window::{PageView, find_window_at, list_windows, with_page};

/// What the operator asks for in a session's window.
#[derive(Debug)]
pub enum SessionCommand {
    /// Extend the session, as far as the policy allows.
    Extend(String),
    End(String, EndCause),
    /// Load the page again whose process ended, in the window with this key.
    Reload(String),
    /// Leave a page of the gateway that says why another one is not there, in the window with this key.
    GoBack(String),
    /// Do something with the address of the page in a window.
    UseAddress {
        session: String,
        window: String,
        how: AddressUse,
    },
    /// Copy a summary of the session, for its ticket.
    CopySummary {
        session: String,
        window: String,
    },
    /// Show in the console what a summary of the session would put into its ticket.
    SendSummary {
        session: String,
        window: String,
    },
    /// Bring another session's window to the front; the key is that of the window that asks, unless the console does.
    Turn(Option<String>, WindowTurn),
    /// Bring the console to the front, with its palette.
    OpenPalette,
    /// Take evidence from a window.
    TakeEvidence {
        session: String,
        window: String,
    },
}

/// What to do with the address of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressUse {
    Copy,
    /// In the operator's own browser, which is not signed in.
    OpenInBrowser,
}

/// Which window to bring to the front.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum WindowTurn {
    Next,
    Previous,
    /// The first window of the session with this number, counted from 1, the oldest first.
    Session(usize),
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
        (off_site, password): (Option<OffSitePage>, Option<PasswordQuestion>),
    ) -> Result<BarState> {
        self.on_page_of(key, move |page| {
            let (view, open) = (&page.view, &page.open);
            let url = view.url().ok().and_then(|url| Url::parse(&url).ok());
            let is_off_site = url.as_ref().is_some_and(|url| open.is_off_site(&url.origin()));
            let shown = url
                .filter(|_| !open.is_ours())
                .map_or_else(|| open.origin.lock().clone(), |url| url.origin());
            BarState {
                is_off_site,
                session,
                number: number_of_window(&open.key),
                can_go_back: view.can_go_back().unwrap_or(false),
                can_go_forward: view.can_go_forward().unwrap_or(false),
                zoom: *open.zoom.lock(),
                progress: platform::loading_progress(view).filter(|_| open.shows_application()),
                has_find: platform::HAS_FIND,
                location: shown.ascii_serialization(),
                held_back,
                off_site,
                password,
            }
        })
        .await
    }

    /// Does what a button or key of the bar in the window with this key asks for.
    pub async fn run_bar_action(&self, key: &str, action: BarAction) -> Result<()> {
        let open = self.on_page_of(key, |page| Arc::clone(&page.open)).await?;
        self.on_main(move || run_bar_action(&open, action)).await
    }

    /// Leads the window with this key back to the page before. If there is none, it closes, unless it is the session's
    /// first one.
    pub async fn go_back(&self, key: &str) -> Result<()> {
        let key = key.to_owned();
        self.on_main(move || {
            let page_before = with_page(&key, |page| {
                page.view.can_go_back().unwrap_or(false).then(|| Arc::clone(&page.open))
            })?;
            match page_before {
                Some(open) => run_bar_action(&open, BarAction::Back),
                None => close_popup(&key),
            }
            Ok(())
        })
        .await?
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

    /// Gives the bar this height, in logical pixels, as far as that leaves the page some room, and the keyboard's focus
    /// if what has unfolded takes it. Once nothing is unfolded in the bar any longer, the page has the focus again.
    pub async fn set_bar_height(&self, key: &str, height: u32, takes_keys: bool) -> Result<()> {
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
            // All bars of a session ask; to give a window's bar the keys may bring its window to the front.
            if takes_keys && page.window.is_focused().unwrap_or(true) {
                page.focus_bar();
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

    /// The address of the page in the window with this key.
    pub async fn page_address(&self, key: &str) -> Result<String> {
        let no_page = || {
            Error::new(Code::WindowFailed, "There is no page of the application here.")
                .with_hint("Wait until the session is open, then try again.")
        };
        self.on_page_of(key, move |page| {
            let url = page.view.url().map_err(window_error)?;
            if page.open.shows_application() && is_web(&url) { Ok(url) } else { Err(no_page()) }
        })
        .await?
    }

    /// Finds text in the page of the window with this key; an event tells its bar what was found.
    pub async fn find_in_page(&self, key: &str, text: String, step: FindStep) -> Result<()> {
        self.on_page_of(key, move |page| {
            if page.open.shows_application() && (step == FindStep::First || !page.finder.step(step)) {
                page.finder.search(&text);
            }
        })
        .await
    }

    /// Ends the search, and removes its marks.
    pub async fn stop_finding(&self, key: &str) -> Result<()> {
        self.on_page_of(key, |page| page.finder.finish()).await
    }

    /// Brings another window of a session to the front; `sessions` are the running ones, the oldest first.
    pub async fn turn_windows(
        &self,
        from: Option<String>,
        turn: WindowTurn,
        sessions: Vec<String>,
    ) -> Result<()> {
        self.on_main(move || {
            let windows: Vec<String> = sessions.iter().flat_map(|session| list_windows(session)).collect();
            let wanted = choose_window(&sessions, &windows, from.as_deref(), turn);
            let Some(wanted) = wanted else { return Ok(()) };
            with_page(wanted, |page| {
                page.window.unminimize().and_then(|()| page.window.set_focus()).map_err(window_error)
            })?
        })
        .await?
    }

    /// Shows a saved file in its folder.
    pub async fn show_saved_file(&self, key: &str, id: usize) -> Result<()> {
        let place = self.on_page_of(key, move |page| page.downloads.find_saved(id)).await?;
        let unknown = || Error::new(Code::FileFailed, "This session has saved no such file.");
        let place = place.ok_or_else(unknown)?;
        let shown = tauri::async_runtime::spawn_blocking(move || reveal::reveal_file(&place));
        shown.await.map_err(Error::internal)?
    }

    /// The operator's answer about files that the page wants to save on its own.
    pub async fn answer_downloads(&self, key: &str, is_wanted: bool) -> Result<()> {
        let downloads = move |page: &PageView| page.downloads.answer_waiting(is_wanted);
        self.on_page_of(key, downloads).await
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

/// Which window comes to the front: the next or the one before, in a circle, from the console the first or the last.
fn choose_window<'a>(
    sessions: &'a [String],
    windows: &'a [String],
    from: Option<&str>,
    turn: WindowTurn,
) -> Option<&'a String> {
    let here = windows.iter().position(|window| Some(window.as_str()) == from);
    match turn {
        WindowTurn::Session(number) => sessions.get(number.checked_sub(1)?),
        WindowTurn::Next => here.and_then(|here| windows.get(here + 1)).or(windows.first()),
        WindowTurn::Previous => here.and_then(|here| windows.get(here.checked_sub(1)?)).or(windows.last()),
    }
}

/// Opens a page of the web in the operator's own browser.
pub fn open_in_browser(url: &str) -> Result<()> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_come_to_the_front_in_a_circle_and_sessions_by_number() {
        let sessions = ["a", "b"].map(str::to_owned);
        let windows = ["a", "a:2", "b"].map(str::to_owned);
        let turn = |from, turn| choose_window(&sessions, &windows, from, turn).map(String::as_str);
        assert_eq!(turn(Some("a"), WindowTurn::Next), Some("a:2"));
        assert_eq!(turn(Some("b"), WindowTurn::Next), Some("a"));
        assert_eq!(turn(Some("a"), WindowTurn::Previous), Some("b"));
        assert_eq!(turn(Some("b"), WindowTurn::Previous), Some("a:2"));
        assert_eq!((turn(None, WindowTurn::Next), turn(None, WindowTurn::Previous)), (Some("a"), Some("b")));
        assert_eq!(turn(Some("a"), WindowTurn::Session(2)), Some("b"));
        assert_eq!((turn(None, WindowTurn::Session(0)), turn(None, WindowTurn::Session(3))), (None, None));
        assert_eq!(choose_window(&[], &[], None, WindowTurn::Next), None, "nothing runs");
    }
}

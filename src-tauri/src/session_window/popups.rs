//! The windows that a session's pages open: each has its own bar, and shares everything else with the session.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use parking_lot::Mutex;
use tauri::{AppHandle, WebviewWindow};
use understudy_core::notice::Toast;
use wry::NewWindowOpener;

use super::bar::{BAR_HEIGHT, emit_to_bars, popup_key};
use super::evidence::PageMessages;
use super::platform;
use super::stage::{GatewayAccess, SessionWindow, Stage, is_of_page};
use super::window::{LEAST_SIZE, PageView, build_popup, list_windows, take_page, with_page};

/// How many of them a session may have at once.
const MOST_OPEN: usize = 8;

/// How many may open after one key or click of the operator.
const MOST_IN_A_ROW: u32 = 8;

/// How many of those may be ones that the page opens on its own, such as after an answer of its server.
const MOST_UNASKED: u32 = 3;

/// Keeps pages from flooding the desktop with windows. Shared by all windows of a session.
#[derive(Default)]
pub(super) struct PopupLimits {
    /// How many were ever opened; numbers them.
    opened: AtomicU32,
    /// How often the operator has pressed a key or clicked.
    inputs: AtomicU64,
    /// How many were opened since then.
    in_a_row: AtomicU32,
    is_refusal_told: AtomicBool,
    #[cfg(not(target_os = "linux"))]
    last_request: Mutex<Option<std::time::Instant>>,
}

/// Why a page may not open a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PopupRefusal {
    TooManyOpen,
    TooManyInARow,
}

impl PopupLimits {
    /// The operator pressed a key or clicked in one of the session's windows.
    pub fn note_input(&self) {
        self.inputs.fetch_add(1, Ordering::Relaxed);
        self.in_a_row.store(0, Ordering::Relaxed);
        self.is_refusal_told.store(false, Ordering::Relaxed);
    }

    /// Where the page's keys and clicks are not reported, a second without requests for windows counts as one.
    #[cfg(not(target_os = "linux"))]
    pub fn take_pause_for_input(&self) {
        let before = self.last_request.lock().replace(std::time::Instant::now());
        if before.is_none_or(|before| before.elapsed() > std::time::Duration::from_secs(1)) {
            self.note_input();
        }
    }

    /// How often the operator has pressed a key or clicked.
    pub fn count_inputs(&self) -> u64 {
        self.inputs.load(Ordering::Relaxed)
    }

    /// The number of the window that may open now; the session's first window is number 1.
    fn take_number(&self, open_now: usize, is_asked_for: bool) -> Result<u32, PopupRefusal> {
        if open_now >= MOST_OPEN {
            return Err(PopupRefusal::TooManyOpen);
        }
        let most = if is_asked_for { MOST_IN_A_ROW } else { MOST_UNASKED };
        if self.in_a_row.load(Ordering::Relaxed) >= most {
            return Err(PopupRefusal::TooManyInARow);
        }
        self.in_a_row.fetch_add(1, Ordering::Relaxed);
        Ok(self.opened.fetch_add(1, Ordering::Relaxed) + 2)
    }

    /// Whether this refusal is the first since the operator did something.
    fn is_news(&self) -> bool {
        !self.is_refusal_told.swap(true, Ordering::Relaxed)
    }
}

impl PopupRefusal {
    fn to_toast(self) -> Toast {
        let hint = match self {
            Self::TooManyOpen => {
                format!("This session has {MOST_OPEN} more windows open. Close one, then try again.")
            }
            Self::TooManyInARow => {
                "It keeps opening them on its own. Click in the page to let it open more.".to_owned()
            }
        };
        Toast::info("This page can't open more windows for now", hint)
    }
}

/// What opens a window, and how.
pub(super) struct PopupRequest {
    pub url: String,
    pub opener: NewWindowOpener,
    /// A key or click of the operator led to it.
    pub is_asked_for: bool,
    /// In logical pixels, if the page asks for a size at once.
    pub size: Option<(f64, f64)>,
}

/// Opens another window of the session for the page in the window with this key. Returns the key of the new one; `None`
/// if it may not open, which is said in the bar. Main thread only.
pub(super) fn open_popup(app: &AppHandle, opener_key: &str, request: PopupRequest) -> Option<String> {
    let (opener, downloads) =
        with_page(opener_key, |page| (Arc::clone(&page.open), Rc::clone(&page.downloads))).ok()?;
    let is_of_page = request.url.is_empty() || is_of_page(&request.url);
    if !is_of_page || !opener.is_of_application() {
        return None;
    }
    let open_now = list_windows(&opener.session).len().saturating_sub(1);
    let number = match opener.popups.take_number(open_now, request.is_asked_for) {
        Ok(number) => number,
        Err(refusal) => {
            if opener.popups.is_news() {
                emit_to_bars(app, &opener.session, "said", refusal.to_toast());
            }
            return None;
        }
    };
    let open = Arc::new(opener.for_popup(number));
    match build_popup(app, &open, number, downloads, request) {
        Ok(()) => Some(open.key.clone()),
        Err(error) => {
            tracing::warn!("another window of a session: {error:#}");
            emit_to_bars(app, &open.session, "said", Toast::from_error(&error));
            None
        }
    }
}

/// The size of a window whose page asks for this size, in logical pixels, on the screen that `window` is on.
pub(super) fn fit_popup(window: &WebviewWindow, page: (f64, f64)) -> (f64, f64) {
    let monitor = window.current_monitor().ok().flatten();
    let screen = monitor.map(|monitor| {
        let size = monitor.work_area().size.to_logical::<f64>(monitor.scale_factor());
        (size.width, size.height)
    });
    bound_size((page.0, page.1 + f64::from(BAR_HEIGHT)), screen)
}

/// As much of a size as the screen has room for, and at least what a window needs.
fn bound_size(wanted: (f64, f64), screen: Option<(f64, f64)>) -> (f64, f64) {
    let most = screen.unwrap_or((f64::INFINITY, f64::INFINITY));
    (wanted.0.min(most.0).max(LEAST_SIZE.0), wanted.1.min(most.1).max(LEAST_SIZE.1))
}

/// Closes one of them; the session's first window stays. Main thread only.
pub(super) fn close_popup(key: &str) {
    if super::bar::number_of_window(key).is_none() {
        return;
    }
    if let Some(page) = take_page(key) {
        let _ = end_popup(page).close();
    }
}

/// Ends the page in a window that is closing, and returns the window.
pub(super) fn end_popup(page: PageView) -> WebviewWindow {
    let PageView { view, window, .. } = page;
    platform::close_dialogs(&window);
    // Its web process is often the opener's, and stays.
    drop(view);
    window
}

/// Closes all of a session, whose pages can send nothing any more. Main thread only.
pub(super) fn close_popups(session: &str) {
    for key in list_windows(session) {
        if key == session {
            continue;
        }
        if let Some(page) = take_page(&key) {
            // It may be a process of its own, and busy or stopped. If it is the first window's too, that gets a new one.
            platform::end_process(&page.view);
            let _ = end_popup(page).close();
        }
    }
}

/// Closes a window that was opened for a file that is saved now, as browsers do: nothing else has loaded in it.
pub(super) fn close_popup_of_download(app: &AppHandle, open: &SessionWindow) {
    if open.is_popup() && !open.has_document.load(Ordering::Relaxed) {
        close_popup_later(app, &open.key);
    }
}

/// Closes a window once what is running now has returned, as it may be a handler of this very window.
pub(super) fn close_popup_later(app: &AppHandle, key: &str) {
    let (app, key) = (app.clone(), key.to_owned());
    tauri::async_runtime::spawn(async move {
        let _ = app.run_on_main_thread(move || close_popup(&key));
    });
}

impl SessionWindow {
    /// Another window of the same session.
    fn for_popup(&self, number: u32) -> Self {
        let access = &self.access;
        Self {
            session: self.session.clone(),
            key: popup_key(&self.session, number),
            popups: Arc::clone(&self.popups),
            stage: Mutex::new(Stage::Application { is_there: true }),
            launch: self.launch.clone(),
            falls: AtomicU32::new(0),
            has_document: AtomicBool::new(false),
            zoom: Mutex::new(*self.zoom.lock()),
            bar_height: BAR_HEIGHT.into(),
            origin: Mutex::new(self.origin.lock().clone()),
            start: Mutex::new(self.start.lock().clone()),
            access: GatewayAccess {
                address: access.address,
                user: access.user,
                password: access.password.clone(),
                socks_url: access.socks_url.clone(),
                key_hash: access.key_hash.clone(),
            },
            messages: PageMessages::default(),
            commands: self.commands.clone(),
        }
    }

    pub fn is_popup(&self) -> bool {
        self.key != self.session
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_opens_a_few_windows_at_a_click_and_fewer_on_its_own() {
        let limits = PopupLimits::default();
        let numbers: Vec<_> = (0..5).map(|open| limits.take_number(open, false)).collect();
        let refused = Err(PopupRefusal::TooManyInARow);
        assert_eq!(numbers, [Ok(2), Ok(3), Ok(4), refused, refused]);
        assert_eq!(limits.take_number(3, true), Ok(5), "a click may do more");
        limits.note_input();
        assert_eq!(limits.take_number(4, false), Ok(6));
    }

    #[test]
    fn a_page_that_closes_its_windows_again_runs_out_of_them_too() {
        let limits = PopupLimits::default();
        let opened = (0..50).filter(|_| limits.take_number(0, true).is_ok()).count();
        assert_eq!(opened, MOST_IN_A_ROW as usize);
    }

    #[test]
    fn a_window_is_as_large_as_its_page_wants_within_the_screen() {
        let screen = Some((1600.0, 1000.0));
        assert_eq!(bound_size((500.0, 446.0), screen), (500.0, 446.0));
        assert_eq!(bound_size((50.0, 40.0), screen), LEAST_SIZE);
        assert_eq!(bound_size((5000.0, 4000.0), screen), (1600.0, 1000.0));
        assert_eq!(bound_size((900.0, 40.0), None), (900.0, LEAST_SIZE.1));
    }

    #[test]
    fn only_so_many_are_open_and_that_is_said_once() {
        let limits = PopupLimits::default();
        assert_eq!(limits.take_number(MOST_OPEN, true), Err(PopupRefusal::TooManyOpen));
        assert!(limits.is_news() && !limits.is_news());
        limits.note_input();
        assert!(limits.is_news());
    }
}

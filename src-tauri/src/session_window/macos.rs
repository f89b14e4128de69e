//! Session windows on macOS: WKWebView. Type-checked; never run by the authors.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use block2::RcBlock;
use objc2::MainThreadMarker;
use objc2::runtime::NSObjectProtocol;
use objc2_foundation::{NSError, NSString, NSURL};
use objc2_web_kit::{WKContentRuleList, WKContentRuleListStore};
use tauri::{AppHandle, WebviewWindow, WebviewWindowBuilder, Wry};
use understudy_core::error::Result;
use wry::dpi::{LogicalPosition, LogicalSize};
use wry::{Rect, WebView, WebViewBuilder, WebViewExtMacOS};

use super::downloads::Downloads;
use super::launch_page::LaunchPage;
use super::macos_and_windows::of_session;
pub use super::macos_and_windows::{close_dialogs, end_process, fetch_cookies, missing_sandbox, set_cookies};
use super::stage::SessionWindow;
use super::window::PageEvent;
use super::{BAR_HEIGHT, Blocked, Done};

/// No loss of cookies before the window closes is known here.
pub const LOSES_COOKIES: bool = false;

/// Nothing is kept on disk here.
pub fn remove_leftovers(_app: &AppHandle) {}

/// The system assigns processes itself.
pub fn share_process<'a>(
    builder: WebviewWindowBuilder<'a, Wry, AppHandle>,
    _console: &WebviewWindow,
) -> WebviewWindowBuilder<'a, Wry, AppHandle> {
    builder
}

/// Lays the page over the window below the bar. Incognito means a non-persistent data store of its own.
pub fn attach_page(
    window: &WebviewWindow,
    open: &Arc<SessionWindow>,
    downloads: &Rc<Downloads>,
    configure: impl FnOnce(WebViewBuilder<'static>) -> WebViewBuilder<'static>,
) -> std::result::Result<WebView, String> {
    of_session(configure(WebViewBuilder::new()), open, downloads)
        .with_bounds(below_bar(window, BAR_HEIGHT))
        .build_as_child(window)
        .map_err(|error| error.to_string())
}

pub fn fit_page(window: &WebviewWindow, page: &WebView, bar_height: i32) {
    let _ = page.set_bounds(below_bar(window, bar_height));
}

pub fn load_launch_page(page: &WebView, launch_page: &LaunchPage, _of: Option<&str>) -> Result<()> {
    let base = NSURL::URLWithString(&NSString::from_str(&launch_page.base));
    // SAFETY: called on the main thread with a live web view and valid strings.
    #[allow(unsafe_code, reason = "loadHTMLString:baseURL: has no safe wrapper with a base")]
    unsafe {
        page.webview().loadHTMLString_baseURL(&NSString::from_str(&launch_page.html), base.as_deref());
    }
    Ok(())
}

/// Sets whether the web inspector can be opened.
pub fn set_inspectable(page: &WebView, inspectable: bool) {
    if !inspectable {
        page.close_devtools();
    }
    let view = page.webview();
    // The property exists since macOS 13.3.
    if view.respondsToSelector(objc2::sel!(setInspectable:)) {
        // SAFETY: called on the main thread; the web view responds to the selector.
        #[allow(unsafe_code, reason = "setInspectable: has no safe wrapper")]
        unsafe {
            view.setInspectable(inspectable);
        }
    }
}

pub fn listen_for_events(
    _window: &WebviewWindow,
    _page: &WebView,
    _open: &Arc<SessionWindow>,
    _heard: impl Fn(PageEvent) + 'static,
) {
}

/// The data store goes with its last web view.
pub fn discard_page(_app: &AppHandle, _session: &str, page: WebView) {
    drop(page);
}

fn below_bar(window: &WebviewWindow, bar_height: i32) -> Rect {
    let scale = window.scale_factor().unwrap_or(1.0);
    let size = window.inner_size().unwrap_or_default().to_logical::<f64>(scale);
    let bar = f64::from(bar_height);
    Rect {
        position: LogicalPosition::new(0.0, bar).into(),
        size: LogicalSize::new(size.width, (size.height - bar).max(0.0)).into(),
    }
}

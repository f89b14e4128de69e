//! Session windows on macOS 14 and newer: `WKWebView`. Type-checked; never run by the authors.

mod gateway;
mod trust;

use std::rc::Rc;
use std::sync::Arc;

use objc2::rc::Retained;
use objc2::runtime::NSObjectProtocol;
use objc2_web_kit::WKWebView;
use tauri::{AppHandle, WebviewWindow};
use wry::{NewWindowOpener, WebView, WebViewBuilder, WebViewBuilderExtMacos, WebViewExtMacOS};

use super::BAR_HEIGHT;
use super::downloads::Downloads;
pub use super::macos_and_windows::{
    Finder, HAS_FIND, close_dialogs, decide_navigation, encode_picture, end_process, fit_page,
    loading_progress, missing_sandbox, print_page, reload_without_cache, share_process, show_popup,
    stop_loading, take_picture,
};
use super::macos_and_windows::{below_bar, save_downloads};
use super::stage::SessionWindow;
use super::window::PageEvent;

/// Nothing is kept on disk here.
pub fn remove_leftovers(_app: &AppHandle) {}

/// Lays the page over the window below the bar, with a data store of its own that leads to the gateway.
pub fn attach_page(
    window: &WebviewWindow,
    open: &Arc<SessionWindow>,
    downloads: &Rc<Downloads>,
    configure: impl FnOnce(WebViewBuilder<'static>) -> WebViewBuilder<'static>,
) -> std::result::Result<WebView, String> {
    let configuration = gateway::create_configuration(&open.access)?;
    let page = save_downloads(configure(WebViewBuilder::new()), open, downloads)
        .with_webview_configuration(configuration)
        .with_bounds(below_bar(window, BAR_HEIGHT))
        .build_as_child(window)
        .map_err(|error| error.to_string())?;
    trust::trust_gateway(&page, &open.access.key_hash)?;
    Ok(page)
}

/// The same for a window that a page opens, in the configuration that WebKit gives it: with its opener's data store.
pub fn attach_popup(
    window: &WebviewWindow,
    open: &Arc<SessionWindow>,
    downloads: &Rc<Downloads>,
    opener: NewWindowOpener,
    configure: impl FnOnce(WebViewBuilder<'static>) -> WebViewBuilder<'static>,
) -> std::result::Result<WebView, String> {
    let page = save_downloads(configure(WebViewBuilder::new()), open, downloads)
        .with_webview_configuration(opener.target_configuration)
        .with_bounds(below_bar(window, BAR_HEIGHT))
        .build_as_child(window)
        .map_err(|error| error.to_string())?;
    trust::trust_gateway(&page, &open.access.key_hash)?;
    Ok(page)
}

pub fn webview_of(page: &WebView) -> Retained<WKWebView> {
    Retained::into_super(page.webview())
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

//! What macOS and Windows have in common: downloads and the page's place through wry, and stand-ins for what
//! they lack.

use std::rc::Rc;
use std::sync::Arc;

use tauri::{AppHandle, WebviewWindow, WebviewWindowBuilder, Wry};
use understudy_core::error::Result;
use understudy_core::evidence::PictureMasks;
use wry::dpi::{LogicalPosition, LogicalSize};
use wry::{NewWindowResponse, Rect, WebView, WebViewBuilder};

use super::contact::offer_contact;
use super::downloads::Downloads;
use super::evidence::{PaintedPage, RawPicture};
use super::find::{FindStep, FoundText};
use super::popups::{PopupRequest, open_popup};
use super::stage::{SessionWindow, may_navigate};
use super::window::with_page;
use super::{platform, window_error};

/// WebView2 has a field of its own, with its own key; WKWebView has none.
pub const HAS_FIND: bool = false;

/// Text is not found from the bar.
pub struct Finder;

impl Finder {
    pub fn for_page(_page: &WebView, _heard: impl Fn(FoundText) + 'static) -> Self {
        Self
    }

    pub fn search(&self, _text: &str) {}

    pub fn step(&self, _step: FindStep) -> bool {
        false
    }

    pub fn finish(&self) {}
}

/// Not yet: neither system's way was run by the authors.
pub fn take_pictures(
    _page: &WebView,
    _masks: &PictureMasks,
    done: impl FnOnce(std::result::Result<PaintedPage, String>) + 'static,
) {
    done(Err("On this system, Understudy takes no pictures yet.".into()));
}

pub fn encode_picture(_raw: RawPicture) -> std::result::Result<Vec<u8>, String> {
    Err("On this system, Understudy takes no pictures yet.".into())
}

/// Neither system's webview reports it through wry.
pub fn loading_progress(_page: &WebView) -> Option<f64> {
    None
}

pub fn stop_loading(page: &WebView) -> wry::Result<()> {
    page.evaluate_script("window.stop()")
}

/// With what is cached: neither system's webview reloads otherwise through wry.
pub fn reload_without_cache(page: &WebView) -> wry::Result<()> {
    page.reload()
}

pub fn print_page(page: &WebView) -> wry::Result<()> {
    page.print()
}

/// The system assigns processes itself.
pub fn share_process<'a>(
    builder: WebviewWindowBuilder<'a, Wry, AppHandle>,
    _console: &WebviewWindow,
) -> WebviewWindowBuilder<'a, Wry, AppHandle> {
    builder
}

/// Decides about the page's navigations, and opens the windows that it asks for.
pub fn decide_navigation<'a>(
    bare: WebViewBuilder<'a>,
    app: &AppHandle,
    open: &Arc<SessionWindow>,
) -> WebViewBuilder<'a> {
    let (navigating, opening) = (Arc::clone(open), Arc::clone(open));
    let (asking, app) = (app.clone(), app.clone());
    bare.with_navigation_handler(move |url| {
        !offer_contact(&asking, &navigating, &url, true) && may_navigate(&navigating, &url)
    })
    .with_new_window_req_handler(move |url, features| {
        if offer_contact(&app, &opening, &url, true) {
            return NewWindowResponse::Deny;
        }
        // Whether a key or click led to it is not known here, nor is one reported.
        opening.popups.take_pause_for_input();
        let request = PopupRequest {
            url,
            opener: features.opener,
            is_asked_for: true,
            size: features.size.map(|size| (size.width, size.height)),
        };
        let opened = open_popup(&app, &opening.key, request)
            .and_then(|key| with_page(&key, |page| platform::webview_of(&page.view)).ok());
        opened.map_or(NewWindowResponse::Deny, |webview| NewWindowResponse::Create { webview })
    })
}

/// Shows a window that a page opens.
pub fn show_popup(window: &WebviewWindow, page: &WebView) -> Result<()> {
    window.show().map_err(window_error)?;
    page.focus().map_err(window_error)
}

/// Has the page's downloads saved where the operator expects them.
pub fn save_downloads<'a>(
    bare: WebViewBuilder<'a>,
    open: &Arc<SessionWindow>,
    downloads: &Rc<Downloads>,
) -> WebViewBuilder<'a> {
    let (open, begun, ended) = (Arc::clone(open), Rc::clone(downloads), Rc::clone(downloads));
    bare.with_download_started_handler(move |url, path| {
        begun.accept_download(&open, &url, path).map(|place| *path = place).is_some()
    })
    .with_download_completed_handler(move |url, _, succeeded| ended.finish_download(&url, succeeded))
}

/// Gives the bar its height; the page gets the rest.
pub fn fit_page(window: &WebviewWindow, page: &WebView, bar_height: i32) {
    let _ = page.set_bounds(below_bar(window, bar_height));
}

/// The window's area below the bar.
pub fn below_bar(window: &WebviewWindow, bar_height: i32) -> Rect {
    let scale = window.scale_factor().unwrap_or(1.0);
    let size = window.inner_size().unwrap_or_default().to_logical::<f64>(scale);
    let bar = f64::from(bar_height);
    Rect {
        position: LogicalPosition::new(0.0, bar).into(),
        size: LogicalSize::new(size.width, (size.height - bar).max(0.0)).into(),
    }
}

/// The system's webview sandboxes its pages.
pub fn missing_sandbox() -> Option<&'static str> {
    None
}

/// Neither system has a way to end a page's process.
pub fn end_process(_page: &WebView) {}

/// The system closes dialogs with their window.
pub fn close_dialogs(_window: &WebviewWindow) {}

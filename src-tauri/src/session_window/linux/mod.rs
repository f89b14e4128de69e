//! Session windows on Linux: GTK 3 and WebKitGTK.

mod context;
mod find;
mod keys;
mod messages;
mod navigation;
mod picture;
mod printing;
mod sandbox;
mod signals;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use gtk::glib;
use gtk::prelude::*;
use tauri::{AppHandle, LogicalSize, Manager, WebviewWindow, WebviewWindowBuilder, Wry};
use understudy_core::error::Result;
use webkit2gtk::{SettingsExt, WebViewExt, WindowPropertiesExt};
use wry::{NewWindowOpener, WebView, WebViewBuilder, WebViewBuilderExtUnix, WebViewExtUnix};

pub use self::find::Finder;
pub use self::navigation::decide_navigation;
pub use self::picture::{encode_picture, take_pictures};
pub use self::printing::print_page;
pub use self::signals::listen_for_events;
use super::downloads::Downloads;
use super::popups::fit_popup;
use super::stage::SessionWindow;
use super::window::PageEvent;
use super::{BAR_HEIGHT, window_error};

/// Text is found from the bar.
pub const HAS_FIND: bool = true;

/// How often to look whether a bar that became lower has been laid out again.
const SHRINK_INTERVAL: Duration = Duration::from_millis(50);

thread_local! {
    static CONSOLE_VIEW: Cell<Option<webkit2gtk::WebView>> = const { Cell::new(None) };
}

/// Nothing is kept on disk here, so only the sandbox is tested, before the first window needs it.
pub fn remove_leftovers(_app: &AppHandle) {
    std::thread::spawn(sandbox::is_usable);
}

/// Why pages run without a sandbox; `None` if they have one.
pub fn missing_sandbox() -> Option<&'static str> {
    sandbox::is_usable().err()
}

/// Puts the bar into the console's web process, where it costs almost nothing.
pub fn share_process<'a>(
    builder: WebviewWindowBuilder<'a, Wry, AppHandle>,
    console: &WebviewWindow,
) -> WebviewWindowBuilder<'a, Wry, AppHandle> {
    // On the main thread, the closure runs at once; a thread-local is the only way to get the view out of it.
    let _ = console.with_webview(|view| CONSOLE_VIEW.set(Some(view.inner())));
    match CONSOLE_VIEW.take() {
        Some(view) => builder.with_related_view(view),
        None => builder,
    }
}

/// Puts the page under the bar and sets the bar's height.
pub fn attach_page(
    window: &WebviewWindow,
    open: &Arc<SessionWindow>,
    downloads: &Rc<Downloads>,
    configure: impl FnOnce(WebViewBuilder<'static>) -> WebViewBuilder<'static>,
) -> std::result::Result<WebView, String> {
    let column = lay_out_bar(window)?;
    let context = context::create_context(window.app_handle(), open, downloads);
    if let Err(why) = sandbox::is_usable() {
        sandbox::report_missing_sandbox(window.app_handle(), why);
    }
    // wry creates a context of its own unless the view is related to an existing one. That context cannot be sandboxed
    // in time or report downloads. This view only provides the context and is dropped once the page's view is built.
    let seed = webkit2gtk::WebView::with_context(&context);
    let page = configure(WebViewBuilder::new()).with_related_view(seed).build_gtk(&column);
    page.map_err(|error| error.to_string())
}

/// The same for a window that a page opens. It has the context of its opener, so its gateway, cookies and downloads.
pub fn attach_popup(
    window: &WebviewWindow,
    _open: &Arc<SessionWindow>,
    _downloads: &Rc<Downloads>,
    opener: NewWindowOpener,
    configure: impl FnOnce(WebViewBuilder<'static>) -> WebViewBuilder<'static>,
) -> std::result::Result<WebView, String> {
    let column = lay_out_bar(window)?;
    let page = configure(WebViewBuilder::new()).with_related_view(opener.webview).build_gtk(&column);
    page.map_err(|error| error.to_string())
}

/// Gives the bar its height and returns what the page goes into.
fn lay_out_bar(window: &WebviewWindow) -> std::result::Result<gtk::Box, String> {
    let column = window.default_vbox().map_err(|error| error.to_string())?;
    for bar in column.children() {
        bar.set_size_request(-1, BAR_HEIGHT);
        column.set_child_packing(&bar, false, true, 0, gtk::PackType::Start);
    }
    if let Ok(window) = window.gtk_window() {
        // A page's modal dialog blocks all windows of its window group, so each window gets its own.
        gtk::WindowGroup::new().add_window(&window);
    }
    Ok(column)
}

/// Shows a window that a page opens, in the size that the page asks for, which is known only after it has its page.
///
/// WebKit first tells what the page asks for, and then a frame for the whole window, which it works out before the page
/// has a place in it (2.50). If the page asks for nothing, there is only the frame.
pub fn show_popup(window: &WebviewWindow, page: &WebView) -> Result<()> {
    let view = page.webview();
    let told: Rc<RefCell<Vec<(i32, i32)>>> = Rc::default();
    if let Some(properties) = view.window_properties() {
        let told = Rc::clone(&told);
        properties.connect_notify_local(Some("geometry"), move |properties, _| {
            let geometry = properties.geometry();
            told.borrow_mut().push((geometry.width(), geometry.height()));
        });
    }
    let shown = window.clone();
    view.connect_ready_to_show(move |_| {
        if let [(width, height), _, ..] = *told.borrow_mut().split_off(0) {
            resize_popup(&shown, width, height);
        }
    });
    window.show().map_err(window_error)?;
    page.focus().map_err(window_error)
}

/// Gives a window the size that its page asks for; 0 stands for a length that it does not name.
fn resize_popup(window: &WebviewWindow, width: i32, height: i32) {
    let Ok(window_) = window.gtk_window() else { return };
    let (now_wide, now_high) = window_.size();
    let named = |asked: i32, now: i32| f64::from(if asked > 0 { asked } else { now });
    let asked = (named(width, now_wide), named(height, now_high - BAR_HEIGHT));
    let (width, height) = fit_popup(window, asked);
    let _ = window.set_size(LogicalSize::new(width, height));
}

/// Gives the bar its height; the page gets the rest.
pub fn fit_page(window: &WebviewWindow, page: &WebView, bar_height: i32) {
    // The bar is the first of the column; the page packs itself behind it.
    let Ok(column) = window.default_vbox() else { return };
    let Some(bar) = column.children().into_iter().next() else { return };
    bar.set_size_request(-1, bar_height);
    let view = page.webview();
    if natural_height(&bar) > bar_height {
        let rest = (column.allocated_height() - bar_height).max(-1);
        view.set_size_request(-1, rest);
        let (bar, view) = (bar.downgrade(), view.downgrade());
        glib::timeout_add_local(SHRINK_INTERVAL, move || {
            let (Some(bar), Some(view)) = (bar.upgrade(), view.upgrade()) else {
                return glib::ControlFlow::Break;
            };
            // Behind another window, the bar is not painted and follows only once it is in front again.
            if natural_height(&bar) > bar.height_request() {
                return glib::ControlFlow::Continue;
            }
            view.set_size_request(-1, -1);
            glib::ControlFlow::Break
        });
    }
}

/// A webview wants to be as high as its content, and that is never less high than the webview itself. So a bar that has
/// been higher keeps its height unless the page leaves it no more room, until the bar's content has followed.
fn natural_height(bar: &gtk::Widget) -> i32 {
    bar.preferred_height().1
}

/// How much of the page has loaded, from 0 to 1; `None` once it has.
pub fn loading_progress(page: &WebView) -> Option<f64> {
    let view = page.webview();
    view.is_loading().then(|| view.estimated_load_progress())
}

#[allow(clippy::unnecessary_wraps, reason = "it can fail on other systems")]
pub fn stop_loading(page: &WebView) -> wry::Result<()> {
    page.webview().stop_loading();
    Ok(())
}

#[allow(clippy::unnecessary_wraps, reason = "it can fail on other systems")]
pub fn reload_without_cache(page: &WebView) -> wry::Result<()> {
    page.webview().reload_bypass_cache();
    Ok(())
}

/// Ends the page's web process, whatever it is doing. The cookies are in the network process.
pub fn end_process(page: &WebView) {
    page.webview().terminate_web_process();
}

/// Closes dialogs that the page has opened as windows of their own: for files, colours, a printer.
pub fn close_dialogs(window: &WebviewWindow) {
    let Ok(window) = window.gtk_window() else { return };
    for other in gtk::Window::list_toplevels() {
        let Ok(dialog) = other.downcast::<gtk::Dialog>() else { continue };
        let is_of_window =
            dialog.transient_for().is_some_and(|parent| parent == *window.upcast_ref::<gtk::Window>());
        if is_of_window {
            dialog.response(gtk::ResponseType::DeleteEvent);
        }
    }
}

/// Sets whether the web inspector can be opened, also from the context menu.
pub fn set_inspectable(page: &WebView, inspectable: bool) {
    if !inspectable {
        page.close_devtools();
    }
    if let Some(settings) = WebViewExt::settings(&page.webview()) {
        settings.set_enable_developer_extras(inspectable);
    }
}

/// Destroying an incognito webview destroys its context, with cookies, storage and cache.
pub fn discard_page(_app: &AppHandle, _session: &str, page: WebView) {
    // A stopped or busy process would otherwise stay, with the customer's page in it.
    end_process(&page);
    drop(page);
}

//! Session windows on Linux: GTK 3 and WebKitGTK.

mod cookies;
mod filter;

use std::cell::Cell;
use std::rc::Rc;

use gtk::gdk::keys::constants as key;
use gtk::gdk::{EventKey, ModifierType};
use gtk::glib::{self, Propagation};
use gtk::prelude::*;
use tauri::{AppHandle, WebviewWindow, WebviewWindowBuilder, Wry};
use understudy_core::error::Result;
use webkit2gtk::{ScriptDialogType, SettingsExt, WebViewExt};
use wry::{WebView, WebViewBuilder, WebViewBuilderExtUnix, WebViewExtUnix};

pub use self::cookies::{cookies, set_cookies};
pub use self::filter::block;
use super::desk::Desk;
use super::{BAR_HEIGHT, BarAction, Blocked, Done};

/// What a session's window notices.
pub enum Heard {
    Key(BarAction),
    /// The page moved within itself.
    History,
    /// The page closed itself.
    Gone,
    /// The page wants to ask before it is left: may it be left without asking?
    MayLeave(Rc<Cell<bool>>),
}

thread_local! {
    static CONSOLE_VIEW: Cell<Option<webkit2gtk::WebView>> = const { Cell::new(None) };
}

/// Nothing is kept on disk here.
pub fn sweep(_app: &AppHandle) {}

/// Lets the bar live in the console's web process, where it costs almost nothing.
pub fn share_process<'a>(
    builder: WebviewWindowBuilder<'a, Wry, AppHandle>,
    console: &WebviewWindow,
) -> WebviewWindowBuilder<'a, Wry, AppHandle> {
    // On the main thread this runs at once; the view itself cannot leave the closure any other way.
    let _ = console.with_webview(|view| CONSOLE_VIEW.set(Some(view.inner())));
    match CONSOLE_VIEW.take() {
        Some(view) => builder.with_related_view(view),
        None => builder,
    }
}

/// Puts the page under the bar, and gives the bar its height. An incognito webview has a web context,
/// and so a cookie jar, of its own.
pub fn attach(
    window: &WebviewWindow,
    _session: &str,
    configure: impl FnOnce(WebViewBuilder<'static>) -> WebViewBuilder<'static>,
) -> std::result::Result<WebView, String> {
    let column = window.default_vbox().map_err(|error| error.to_string())?;
    for bar in column.children() {
        bar.set_size_request(-1, BAR_HEIGHT);
        column.set_child_packing(&bar, false, true, 0, gtk::PackType::Start);
    }
    configure(WebViewBuilder::new()).build_gtk(&column).map_err(|error| error.to_string())
}

/// GTK lays out.
pub fn fit(_window: &WebviewWindow, _page: &WebView) {}

#[allow(clippy::unnecessary_wraps, reason = "it can fail on other systems")]
pub fn load_desk(page: &WebView, desk: &Desk) -> Result<()> {
    page.webview().load_html(&desk.html, Some(&desk.base));
    Ok(())
}

/// Whether the web inspector may be opened, from the context menu too.
pub fn set_inspectable(page: &WebView, inspectable: bool) {
    if !inspectable {
        page.close_devtools();
    }
    if let Some(settings) = WebViewExt::settings(&page.webview()) {
        settings.set_enable_developer_extras(inspectable);
    }
}

pub fn listen(window: &WebviewWindow, page: &WebView, heard: impl Fn(Heard) + 'static) {
    let heard = Rc::new(heard);
    let view = page.webview();
    view.connect_close(glib::clone!(@strong heard => move |_| heard(Heard::Gone)));
    view.connect_script_dialog(glib::clone!(@strong heard => move |_, dialog| {
        if dialog.dialog_type() != ScriptDialogType::BeforeUnloadConfirm {
            return false;
        }
        let leave = Rc::new(Cell::new(false));
        heard(Heard::MayLeave(Rc::clone(&leave)));
        if leave.get() {
            dialog.confirm_set_confirmed(true);
        }
        leave.get()
    }));
    view.connect_uri_notify(glib::clone!(@strong heard => move |_| heard(Heard::History)));
    // The window hears keys before the page does.
    if let Ok(window) = window.gtk_window() {
        window.connect_key_press_event(move |_, event| match action(event) {
            Some(action) => {
                heard(Heard::Key(action));
                Propagation::Stop
            }
            None => Propagation::Proceed,
        });
    }
}

/// Destroying an incognito webview destroys its context: cookies, storage and cache are gone with it.
pub fn forget(_app: &AppHandle, _session: &str, page: WebView) {
    drop(page);
}

fn action(event: &EventKey) -> Option<BarAction> {
    let state =
        event.state() & (ModifierType::CONTROL_MASK | ModifierType::MOD1_MASK | ModifierType::SHIFT_MASK);
    let (control, alt, shift) = (
        state.contains(ModifierType::CONTROL_MASK),
        state.contains(ModifierType::MOD1_MASK),
        state.contains(ModifierType::SHIFT_MASK),
    );
    Some(match event.keyval() {
        key::F12 => BarAction::Inspect,
        key::I | key::i if control && shift => BarAction::Inspect,
        key::L | key::l if control && shift => BarAction::Extend,
        key::F5 => BarAction::Reload,
        key::r | key::R if control => BarAction::Reload,
        key::w | key::W if control => BarAction::End,
        key::Left if alt => BarAction::Back,
        key::Right if alt => BarAction::Forward,
        key::plus | key::equal | key::KP_Add if control => BarAction::ZoomIn,
        key::minus | key::KP_Subtract if control => BarAction::ZoomOut,
        key::_0 | key::KP_0 if control => BarAction::ZoomReset,
        _ => return None,
    })
}

//! Session windows on Windows: WebView2 (`ICoreWebView2` and its controller). Type-checked; never run by the authors.

mod gateway;
mod keys;

use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

use tauri::{AppHandle, Manager, WebviewWindow};
use webview2_com::Microsoft::Web::WebView2::Win32::{
    COREWEBVIEW2_KEY_EVENT_KIND, COREWEBVIEW2_KEY_EVENT_KIND_KEY_DOWN,
    COREWEBVIEW2_KEY_EVENT_KIND_SYSTEM_KEY_DOWN, ICoreWebView2,
};
use webview2_com::{
    AcceleratorKeyPressedEventHandler, HistoryChangedEventHandler, WindowCloseRequestedEventHandler,
};
use wry::{
    NewWindowOpener, WebContext, WebView, WebViewBuilder, WebViewBuilderExtWindows, WebViewExtWindows,
};

use self::keys::to_page_event;
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

/// Removes what sessions of a crashed run left on disk.
pub fn remove_leftovers(app: &AppHandle) {
    if let Some(folder) = sessions_folder(app) {
        let _ = std::fs::remove_dir_all(folder);
    }
}

/// Lays the page over the window below the bar. Incognito webviews in the same data folder may share their cookies, and
/// always share their browser's arguments, so every session has a folder of its own.
pub fn attach_page(
    window: &WebviewWindow,
    open: &Arc<SessionWindow>,
    downloads: &Rc<Downloads>,
    configure: impl FnOnce(WebViewBuilder<'_>) -> WebViewBuilder<'_>,
) -> std::result::Result<WebView, String> {
    let folder = sessions_folder(window.app_handle()).ok_or("Windows names no folder for local data.")?;
    let mut context = WebContext::new(Some(folder.join(&open.session)));
    let bare = configure(WebViewBuilder::new_with_web_context(&mut context));
    let page = save_downloads(bare, open, downloads)
        .with_additional_browser_args(gateway::format_arguments(&open.access))
        .with_bounds(below_bar(window, BAR_HEIGHT))
        .build_as_child(window)
        .map_err(|error| error.to_string())?;
    gateway::answer_challenges(&page, &open.access)?;
    Ok(page)
}

/// The same for a window that a page opens: in its opener's environment, so in the same browser process and data folder.
pub fn attach_popup(
    window: &WebviewWindow,
    open: &Arc<SessionWindow>,
    downloads: &Rc<Downloads>,
    opener: NewWindowOpener,
    configure: impl FnOnce(WebViewBuilder<'static>) -> WebViewBuilder<'static>,
) -> std::result::Result<WebView, String> {
    let page = save_downloads(configure(WebViewBuilder::new()), open, downloads)
        .with_environment(opener.environment)
        .with_bounds(below_bar(window, BAR_HEIGHT))
        .build_as_child(window)
        .map_err(|error| error.to_string())?;
    gateway::answer_challenges(&page, &open.access)?;
    Ok(page)
}

pub fn webview_of(page: &WebView) -> ICoreWebView2 {
    page.webview()
}

/// Sets whether the developer tools can be opened.
pub fn set_inspectable(page: &WebView, inspectable: bool) {
    // SAFETY: COM calls on the thread that owns the web view.
    #[allow(unsafe_code, reason = "WebView2 is COM")]
    unsafe {
        if let Ok(settings) = page.webview().Settings() {
            let _ = settings.SetAreDevToolsEnabled(inspectable);
        }
    }
}

pub fn listen_for_events(
    _window: &WebviewWindow,
    page: &WebView,
    _open: &Arc<SessionWindow>,
    heard: impl Fn(PageEvent) + 'static,
) {
    let heard = Rc::new(heard);
    let mut token = 0;
    let on_key = Rc::clone(&heard);
    let keys = AcceleratorKeyPressedEventHandler::create(Box::new(move |_, arguments| {
        let Some(arguments) = arguments else { return Ok(()) };
        // SAFETY: COM calls on the thread that owns the web view, with pointers that outlive them.
        #[allow(unsafe_code, reason = "WebView2 is COM")]
        unsafe {
            let mut kind = COREWEBVIEW2_KEY_EVENT_KIND::default();
            let mut key = 0;
            arguments.KeyEventKind(&mut kind)?;
            arguments.VirtualKey(&mut key)?;
            let pressed = [COREWEBVIEW2_KEY_EVENT_KIND_KEY_DOWN, COREWEBVIEW2_KEY_EVENT_KIND_SYSTEM_KEY_DOWN];
            if pressed.contains(&kind)
                && let Some(asked) = to_page_event(key)
            {
                arguments.SetHandled(true)?;
                on_key(asked);
            }
        }
        Ok(())
    }));
    let on_history = Rc::clone(&heard);
    let history = HistoryChangedEventHandler::create(Box::new(move |_, _| {
        on_history(PageEvent::History);
        Ok(())
    }));
    let gone = WindowCloseRequestedEventHandler::create(Box::new(move |_, _| {
        heard(PageEvent::Gone);
        Ok(())
    }));
    // SAFETY: COM calls on the thread that owns the web view.
    #[allow(unsafe_code, reason = "WebView2 is COM")]
    unsafe {
        let _ = page.controller().add_AcceleratorKeyPressed(&keys, &mut token);
        let _ = page.webview().add_HistoryChanged(&history, &mut token);
        let _ = page.webview().add_WindowCloseRequested(&gone, &mut token);
    }
}

/// Removes the session's data folder once its browser process has closed it, at the latest at the next start.
pub fn discard_page(app: &AppHandle, session: &str, page: WebView) {
    let _ = page.clear_all_browsing_data();
    drop(page);
    if let Some(folder) = sessions_folder(app) {
        let folder = folder.join(session);
        tauri::async_runtime::spawn_blocking(move || {
            for _ in 0..50 {
                if std::fs::remove_dir_all(&folder).is_ok() || !folder.exists() {
                    return;
                }
                std::thread::sleep(std::time::Duration::from_millis(200));
            }
        });
    }
}

fn sessions_folder(app: &AppHandle) -> Option<PathBuf> {
    app.path().app_local_data_dir().ok().map(|folder| folder.join("sessions"))
}

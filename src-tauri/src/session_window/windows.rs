//! Session windows on Windows: WebView2. Type-checked; never run by the authors.

use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

use tauri::{AppHandle, Manager, WebviewWindow, WebviewWindowBuilder, Wry};
use understudy_core::error::Result;
use uuid::Uuid;
use webview2_com::Microsoft::Web::WebView2::Win32::{
    COREWEBVIEW2_KEY_EVENT_KIND, COREWEBVIEW2_KEY_EVENT_KIND_KEY_DOWN,
    COREWEBVIEW2_KEY_EVENT_KIND_SYSTEM_KEY_DOWN, COREWEBVIEW2_WEB_RESOURCE_CONTEXT_ALL,
    COREWEBVIEW2_WEB_RESOURCE_CONTEXT_DOCUMENT,
};
use webview2_com::{
    AcceleratorKeyPressedEventHandler, HistoryChangedEventHandler, WebResourceRequestedEventHandler,
    WindowCloseRequestedEventHandler, take_pwstr,
};
use windows::Win32::UI::Input::KeyboardAndMouse::{GetKeyState, VIRTUAL_KEY, VK_CONTROL, VK_MENU, VK_SHIFT};
use windows::Win32::UI::Shell::SHCreateMemStream;
use windows::core::{HSTRING, PWSTR};
use wry::dpi::{LogicalPosition, LogicalSize};
use wry::{Rect, WebContext, WebView, WebViewBuilder, WebViewExtWindows};

use super::downloads::Downloads;
use super::launch_page::LaunchPage;
use super::macos_and_windows::of_session;
pub use super::macos_and_windows::{close_dialogs, end_process, fetch_cookies, missing_sandbox, set_cookies};
use super::stage::SessionWindow;
use super::window::PageEvent;
use super::{BAR_HEIGHT, BarAction, Blocked, Done, window_error};

/// No loss of cookies before the window closes is known here.
pub const LOSES_COOKIES: bool = false;

/// Removes what sessions of a crashed run left on disk.
pub fn remove_leftovers(app: &AppHandle) {
    if let Some(folder) = sessions_folder(app) {
        let _ = std::fs::remove_dir_all(folder);
    }
}

/// The system assigns processes itself.
pub fn share_process<'a>(
    builder: WebviewWindowBuilder<'a, Wry, AppHandle>,
    _console: &WebviewWindow,
) -> WebviewWindowBuilder<'a, Wry, AppHandle> {
    builder
}

/// Lays the page over the window below the bar. Incognito webviews in the same data folder may share their cookies, so
/// every session has a folder of its own.
pub fn attach_page(
    window: &WebviewWindow,
    open: &Arc<SessionWindow>,
    downloads: &Rc<Downloads>,
    configure: impl FnOnce(WebViewBuilder<'_>) -> WebViewBuilder<'_>,
) -> std::result::Result<WebView, String> {
    let mut context =
        WebContext::new(sessions_folder(window.app_handle()).map(|folder| folder.join(&open.session)));
    let bare = configure(WebViewBuilder::new_with_web_context(&mut context));
    of_session(bare, open, downloads)
        .with_bounds(below_bar(window, BAR_HEIGHT))
        .build_as_child(window)
        .map_err(|error| error.to_string())
}

pub fn fit_page(window: &WebviewWindow, page: &WebView, bar_height: i32) {
    let _ = page.set_bounds(below_bar(window, bar_height));
}

/// `NavigateToString` has no origin, so a random path of the origin is intercepted and answered here. The request for
/// it never leaves this computer.
pub fn load_launch_page(page: &WebView, launch_page: &LaunchPage, _of: Option<&str>) -> Result<()> {
    let url = format!("{}{}", launch_page.base, Uuid::new_v4().simple());
    let (webview, environment) = (page.webview(), page.environment());
    let (html, wanted) = (launch_page.html.clone(), url.clone());
    let answer = WebResourceRequestedEventHandler::create(Box::new(move |_, arguments| {
        let Some(arguments) = arguments else { return Ok(()) };
        // SAFETY: COM calls on the thread that owns the web view, with pointers that outlive them.
        #[allow(unsafe_code, reason = "WebView2 is COM")]
        unsafe {
            let mut uri = PWSTR::null();
            arguments.Request()?.Uri(&mut uri)?;
            if take_pwstr(uri) == wanted {
                let body = SHCreateMemStream(Some(html.as_bytes()));
                let response = environment.CreateWebResourceResponse(
                    body.as_ref(),
                    200,
                    &HSTRING::from("OK"),
                    &HSTRING::from("content-type: text/html; charset=utf-8\r\ncache-control: no-store"),
                )?;
                arguments.SetResponse(&response)?;
            }
        }
        Ok(())
    }));
    let url = HSTRING::from(url);
    let mut token = 0;
    // SAFETY: as above.
    #[allow(unsafe_code, reason = "WebView2 is COM")]
    unsafe {
        #[allow(
            deprecated,
            reason = "the newer one only adds workers and frames, and a launch page has none"
        )]
        webview
            .AddWebResourceRequestedFilter(&url, COREWEBVIEW2_WEB_RESOURCE_CONTEXT_DOCUMENT)
            .map_err(window_error)?;
        webview.add_WebResourceRequested(&answer, &mut token).map_err(window_error)?;
        webview.Navigate(&url).map_err(window_error)
    }
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
                && let Some(action) = to_bar_action(key)
            {
                arguments.SetHandled(true)?;
                on_key(PageEvent::Key(action));
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

fn below_bar(window: &WebviewWindow, bar_height: i32) -> Rect {
    let scale = window.scale_factor().unwrap_or(1.0);
    let size = window.inner_size().unwrap_or_default().to_logical::<f64>(scale);
    let bar = f64::from(bar_height);
    Rect {
        position: LogicalPosition::new(0.0, bar).into(),
        size: LogicalSize::new(size.width, (size.height - bar).max(0.0)).into(),
    }
}

fn to_bar_action(key: u32) -> Option<BarAction> {
    const F5: u32 = 0x74;
    const F12: u32 = 0x7B;
    const LEFT: u32 = 0x25;
    const RIGHT: u32 = 0x27;
    let (control, alt, shift) = (is_down(VK_CONTROL), is_down(VK_MENU), is_down(VK_SHIFT));
    Some(match key {
        F12 => BarAction::Inspect,
        0x49 if control && shift => BarAction::Inspect,
        0x4C if control && shift => BarAction::Extend,
        F5 => BarAction::Reload,
        0x52 if control => BarAction::Reload,
        0x57 if control => BarAction::End,
        LEFT if alt => BarAction::Back,
        RIGHT if alt => BarAction::Forward,
        0xBB | 0x6B if control => BarAction::ZoomIn,
        0xBD | 0x6D if control => BarAction::ZoomOut,
        0x30 | 0x60 if control => BarAction::ZoomReset,
        _ => return None,
    })
}

fn is_down(key: VIRTUAL_KEY) -> bool {
    // SAFETY: only reads the state of a key.
    #[allow(unsafe_code, reason = "the Windows API is foreign")]
    let state = unsafe { GetKeyState(i32::from(key.0)) };
    state < 0
}

//! A session's native window: built here, and kept where only the main thread can touch it.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tauri::{AppHandle, Emitter, Manager, WebviewUrl, WebviewWindow, WebviewWindowBuilder, WindowEvent};
use tauri_plugin_window_state::{StateFlags, WindowExt};
use understudy_core::audit::EndCause;
use understudy_core::error::Result;
use understudy_core::evidence::ConsoleMessage;
use understudy_core::notice::Toast;
use understudy_core::session::SessionView;
use understudy_core::user_agent::user_agent;
use url::Url;
use wry::{PageLoadEvent, PermissionResponse, WebView, WebViewBuilder};

use super::actions::run_bar_action;
use super::bar::{BarAction, bar_label, number_of_window, refresh_bar};
use super::downloads::Downloads;
use super::popups::{PopupRequest, close_popup_later, end_popup, fit_popup};
use super::stage::SessionWindow;
use super::title::{popup_title, window_title};
use super::{SessionCommand, WindowTurn, platform, window_closed_error, window_error};
use crate::CONSOLE;
use crate::crash_recovery::reload_on_crash;

/// The least width and height of a session's window, in logical pixels.
pub(super) const LEAST_SIZE: (f64, f64) = (420.0, 280.0);

/// What only the main thread may touch.
pub(super) struct PageView {
    pub view: WebView,
    pub window: WebviewWindow,
    pub downloads: Rc<Downloads>,
    pub open: Arc<SessionWindow>,
    pub finder: platform::Finder,
}

/// Events of a session's window; not every system reports all of them.
#[allow(dead_code, reason = "the enum is the same on every system")]
pub(super) enum PageEvent {
    Key(BarAction),
    /// A digit with the key that leads to the session of that number.
    Session(usize),
    /// The page navigated within itself.
    History,
    /// This much of the page has loaded, from 0 to 1; `None`: it has.
    Progress(Option<f64>),
    /// The page closed itself.
    Gone,
    /// The web process crashed or was killed.
    ProcessEnded,
    /// The page wrote something to the browser's console.
    Message(ConsoleMessage),
    /// Printing failed, with the reason.
    NotPrinted(String),
}

impl PageView {
    /// Moves the keyboard's focus from the page to the bar.
    pub fn focus_bar(&self) {
        let bar: &tauri::Webview = self.window.as_ref();
        if let Err(error) = bar.set_focus() {
            tracing::debug!("the bar got no focus: {error}");
        }
    }
}

thread_local! {
    /// The pages by their windows' keys; filled on the main thread only.
    static PAGES: RefCell<HashMap<String, PageView>> = RefCell::default();
}

/// Builds a session's window with its launch page; it is not shown yet. Main thread only.
pub(super) fn build_window(app: &AppHandle, open: &Arc<SessionWindow>) -> Result<()> {
    let empty = build_empty_window(app, open, "Understudy", (1280.0, 860.0))?;
    let window = empty.window();
    let limits = Arc::clone(&open.popups);
    let downloads = Rc::new(Downloads::for_session(app.clone(), open.session.clone(), limits));
    let view = platform::attach_page(window, open, &downloads, |bare| configure_page(bare, app, open))
        .map_err(window_error)?;
    listen_to_window(app, window, &view, open);
    let finder = watch_search(app, &view, open);
    platform::set_inspectable(&view, false);
    view.load_url(open.launch.to_url(&open.origin.lock()).as_str()).map_err(window_error)?;
    empty.fill_with(|window| PageView { finder, view, window, downloads, open: Arc::clone(open) });
    Ok(())
}

/// Shows a window to the operator, as this session's. Main thread only.
pub(super) fn show_window(page: &PageView, session: &SessionView) -> Result<()> {
    let window = &page.window;
    page.downloads.name_user(session.user.display_name());
    window
        .set_title(&window_title(&session.user, &session.connection_name, session.environment))
        .map_err(window_error)?;
    refresh_bar(window.app_handle(), &session.id);
    // Not the position: windows of several customers would cover each other.
    let _ = window.restore_state(StateFlags::SIZE | StateFlags::MAXIMIZED);
    window.show().map_err(window_error)?;
    page.view.focus().map_err(window_error)
}

/// Builds another window of a session, which the page in `request` opens. Main thread only.
pub(super) fn build_popup(
    app: &AppHandle,
    open: &Arc<SessionWindow>,
    number: u32,
    downloads: Rc<Downloads>,
    request: PopupRequest,
) -> Result<()> {
    let of_session = |page: &PageView| {
        let scale = page.window.scale_factor().unwrap_or(1.0);
        let size = page.window.inner_size().unwrap_or_default().to_logical::<f64>(scale);
        let size = request.size.map_or((size.width, size.height), |asked| fit_popup(&page.window, asked));
        (page.window.title().unwrap_or_default(), size)
    };
    let (title, size) = with_page(&open.session, of_session)?;
    let empty = build_empty_window(app, open, &popup_title(&title, number), size)?;
    let window = empty.window();
    let view = platform::attach_popup(window, open, &downloads, request.opener, |bare| {
        configure_page(bare, app, open)
    })
    .map_err(window_error)?;
    listen_to_window(app, window, &view, open);
    let finder = watch_search(app, &view, open);
    platform::set_inspectable(&view, true);
    let _ = view.zoom(*open.zoom.lock());
    platform::show_popup(window, &view)?;
    empty.fill_with(|window| PageView { finder, view, window, downloads, open: Arc::clone(open) });
    Ok(())
}

/// A window with a bar, which is not shown yet.
fn build_empty_window(
    app: &AppHandle,
    open: &SessionWindow,
    title: &str,
    size: (f64, f64),
) -> Result<EmptyWindow> {
    let builder = WebviewWindowBuilder::new(app, bar_label(&open.key), WebviewUrl::App("bar.html".into()))
        .title(title)
        .inner_size(size.0.max(LEAST_SIZE.0), size.1.max(LEAST_SIZE.1))
        .min_inner_size(LEAST_SIZE.0, LEAST_SIZE.1)
        .focused(true)
        // Shown once the page is in it: if a page joins a visible window whose other view shares the console's process,
        // WebKitGTK never paints it (2.50, seen on X11).
        .visible(false);
    let builder = match app.get_webview_window(CONSOLE) {
        Some(console) => platform::share_process(builder, &console),
        None => builder,
    };
    let empty = EmptyWindow(Some(builder.build().map_err(window_error)?));
    reload_on_crash(empty.window());
    Ok(empty)
}

/// A window without a page, which could not be closed. If it gets no page, it is destroyed.
struct EmptyWindow(Option<WebviewWindow>);

impl EmptyWindow {
    fn window(&self) -> &WebviewWindow {
        self.0.as_ref().expect("only what fills it takes it out")
    }

    /// From now on, the window is one of the session's.
    fn fill_with(mut self, fill: impl FnOnce(WebviewWindow) -> PageView) {
        let page = fill(self.0.take().expect("it is filled once"));
        PAGES.with_borrow_mut(|pages| pages.insert(page.open.key.clone(), page));
    }
}

impl Drop for EmptyWindow {
    fn drop(&mut self) {
        if let Some(window) = self.0.take() {
            let _ = window.destroy();
        }
    }
}

fn listen_to_window(app: &AppHandle, window: &WebviewWindow, view: &WebView, open: &Arc<SessionWindow>) {
    let (commands, session, key) = (open.commands.clone(), open.session.clone(), open.key.clone());
    let is_popup = open.is_popup();
    window.on_window_event(move |event| match event {
        WindowEvent::CloseRequested { .. } if is_popup => {
            if let Some(page) = take_page(&key) {
                end_popup(page);
            }
        }
        // If the page is gone, `Browser::close_window` is closing the window.
        WindowEvent::CloseRequested { api, .. } if with_page(&key, |_| ()).is_ok() => {
            api.prevent_close();
            let _ = commands.send(SessionCommand::End(session.clone(), EndCause::WindowClosed));
        }
        WindowEvent::Resized(_) | WindowEvent::ScaleFactorChanged { .. } => {
            let _ = with_page(&key, |page| {
                platform::fit_page(&page.window, &page.view, page.open.bar_height.load(Ordering::Relaxed));
            });
        }
        _ => {}
    });
    let (app_, open_) = (app.clone(), Arc::clone(open));
    platform::listen_for_events(window, view, open, move |heard| react_to_event(&app_, &open_, heard));
}

/// Has the bar told what is found in the page.
fn watch_search(app: &AppHandle, view: &WebView, open: &Arc<SessionWindow>) -> platform::Finder {
    let (app, key) = (app.clone(), open.key.clone());
    platform::Finder::for_page(view, move |found| {
        let _ = app.emit_to(bar_label(&key), "found_text", found);
    })
}

fn react_to_event(app: &AppHandle, open: &Arc<SessionWindow>, heard: PageEvent) {
    match heard {
        // The key that ends a session closes one of its further windows.
        PageEvent::Key(BarAction::End) | PageEvent::Gone if open.is_popup() => {
            close_popup_later(app, &open.key);
        }
        PageEvent::Key(action) => run_bar_action(open, action),
        PageEvent::Session(number) => {
            let _ =
                open.commands.send(SessionCommand::Turn(Some(open.key.clone()), WindowTurn::Session(number)));
        }
        // The launch page is ours.
        PageEvent::Message(message) if open.shows_application() => open.messages.add(message),
        PageEvent::Message(_) => {}
        PageEvent::History => refresh_bar(app, &open.key),
        PageEvent::Progress(progress) => {
            let progress = progress.filter(|_| open.shows_application());
            let _ = app.emit_to(bar_label(&open.key), "bar_progress", progress);
        }
        PageEvent::Gone => {
            let _ = open.commands.send(SessionCommand::End(open.session.clone(), EndCause::WindowClosed));
        }
        PageEvent::ProcessEnded => {
            let _ = with_page(&open.key, |page| {
                let url = page.view.url().unwrap_or_default();
                if let Some(instead) = open.replace_dead_page(&url) {
                    load_own_page(page, &instead);
                }
            });
            refresh_bar(app, &open.key);
        }
        PageEvent::NotPrinted(why) => {
            let toast = Toast {
                hint: Some(format!("{why}. Try again, or print to a file.")),
                ..Toast::info("The page was not printed", "")
            };
            let _ = app.emit_to(bar_label(&open.key), "said", toast.clone());
            let _ = app.emit_to(CONSOLE, "toast", toast);
        }
    }
}

/// Handles the end of the network process, which kept the sessions' cookies. Main thread only.
#[cfg(target_os = "linux")]
pub fn network_ended(app: &AppHandle) {
    use webkit2gtk::WebViewExt;

    PAGES.with_borrow(|pages| {
        for page in pages.values() {
            // The bar may be waiting for answers from the process that ended.
            let _ = page.window.with_webview(|bar| bar.inner().reload());
            if let Some(instead) = page.open.replace_lost_session() {
                load_own_page(page, &instead);
            }
            refresh_bar(app, &page.open.key);
        }
    });
}

/// Loads a page of Understudy in place of the application's.
fn load_own_page(page: &PageView, url: &Url) {
    platform::set_inspectable(&page.view, false);
    // The button has the focus within the page; this gives the page the focus within the window.
    if let Err(error) = page.view.load_url(url.as_str()).and_then(|()| page.view.focus()) {
        tracing::warn!("a page of ours in a session's window: {error:#}");
    }
}

/// The page's webview: bare, incognito, and limited to the web.
fn configure_page<'a>(
    bare: WebViewBuilder<'a>,
    app: &AppHandle,
    open: &Arc<SessionWindow>,
) -> WebViewBuilder<'a> {
    let (loading, loaded, app_) = (open.key.clone(), Arc::clone(open), app.clone());
    let bare = bare
        .with_incognito(true)
        // The same user agent as the console's steps.
        .with_user_agent(user_agent())
        .with_devtools(true)
        .with_permission_handler(|_| PermissionResponse::Deny)
        .with_on_page_load_handler(move |event, url| match event {
            PageLoadEvent::Started => {
                // A new window has this address before anything loads in it.
                if url != "about:blank" {
                    loaded.has_document.store(true, Ordering::Relaxed);
                }
                // Not earlier: until then the launch page could be inspected, which held the secrets.
                if Url::parse(&url).is_ok_and(|url| loaded.mark_page_arrived(&url)) {
                    let _ = with_page(&loading, |page| platform::set_inspectable(&page.view, true));
                }
            }
            PageLoadEvent::Finished => {
                refresh_bar(&app_, &loading);
            }
        });
    platform::decide_navigation(bare, app, open)
}

/// Works on the page in the window with this key; a session's ID is the key of its first window. Main thread only.
pub(super) fn with_page<T>(key: &str, work: impl FnOnce(&PageView) -> T) -> Result<T> {
    PAGES.with_borrow(|pages| pages.get(key).map(work)).ok_or_else(window_closed_error)
}

/// Removes a page, in order to close it. Main thread only.
pub(super) fn take_page(key: &str) -> Option<PageView> {
    PAGES.with_borrow_mut(|pages| pages.remove(key))
}

/// The window with this page. Main thread only.
#[cfg(target_os = "linux")]
pub(super) fn find_window_with(view: &webkit2gtk::WebView) -> Option<Arc<SessionWindow>> {
    use wry::WebViewExtUnix;

    let is_it = |page: &&PageView| page.view.webview() == *view;
    PAGES.with_borrow(|pages| pages.values().find(is_it).map(|page| Arc::clone(&page.open)))
}

/// The keys of a session's windows, in the order in which they were opened. Main thread only.
pub(super) fn list_windows(session: &str) -> Vec<String> {
    let of_session = |page: &&PageView| page.open.session == session;
    let mut keys: Vec<String> = PAGES
        .with_borrow(|pages| pages.values().filter(of_session).map(|page| page.open.key.clone()).collect());
    keys.sort_by_key(|key| number_of_window(key));
    keys
}

/// The window of a session whose page is at this host; the one that was opened last, if there are several. Main thread
/// only.
pub(super) fn find_window_at(session: &str, host: &str) -> Option<String> {
    let is_there = |key: &String| {
        let url = with_page(key, |page| page.view.url().unwrap_or_default()).unwrap_or_default();
        Url::parse(&url).is_ok_and(|url| url.host_str() == Some(host))
    };
    list_windows(session).into_iter().rev().find(is_there)
}

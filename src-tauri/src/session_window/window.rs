//! A session's window as the system has it: built, and kept where only the main thread may touch it.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use tauri::{AppHandle, Manager, WebviewUrl, WebviewWindow, WebviewWindowBuilder, WindowEvent};
use tauri_plugin_window_state::{StateFlags, WindowExt};
use understudy_core::audit::EndCause;
use understudy_core::error::Result;
use understudy_core::plain;
use understudy_core::session::SessionView;
use url::Url;
use wry::{
    NewWindowResponse, PageLoadEvent, PermissionResponse, ProxyConfig, ProxyEndpoint, WebView, WebViewBuilder,
};

use super::bar::{act, bar_label, tell_bar};
use super::desk::Desk;
use super::downloads::Downloads;
use super::stage::{Open, Stage, arrived, is_web, may_navigate};
use super::title::window_title;
use super::{Wish, failed, gone, lock, platform};
use crate::CONSOLE;

/// What only the main thread may touch.
pub(super) struct Page {
    pub view: WebView,
    pub window: WebviewWindow,
}

thread_local! {
    /// The pages, by session; filled on the main thread only.
    static PAGES: RefCell<HashMap<String, Page>> = RefCell::default();
}

/// Builds a session's window with its desk. Main thread only.
pub(super) fn build(app: &AppHandle, session: &SessionView, open: &Arc<Open>, desk: &Desk) -> Result<()> {
    let builder = WebviewWindowBuilder::new(app, bar_label(&session.id), WebviewUrl::App("bar.html".into()))
        .title(window_title(&session.user, &session.connection_name, session.environment))
        .inner_size(1280.0, 860.0)
        .min_inner_size(420.0, 280.0)
        .focused(true)
        // Shown when the page is in it: WebKitGTK never paints a page that joins a window on screen
        // whose other view shares the console's process (2.50, seen under X11).
        .visible(false);
    let builder = match app.get_webview_window(CONSOLE) {
        Some(console) => platform::share_process(builder, &console),
        None => builder,
    };
    let window = builder.build().map_err(failed)?;
    // Not the place: windows of several customers would hide each other.
    let _ = window.restore_state(StateFlags::SIZE | StateFlags::MAXIMIZED);
    let view =
        platform::attach(&window, &session.id, |bare| page(bare, app, session, open)).map_err(failed)?;

    let (wishes, id) = (open.wishes.clone(), session.id.clone());
    window.on_window_event(move |event| match event {
        // A window whose page is gone is one that `Browser::close` closes.
        WindowEvent::CloseRequested { api, .. } if with_page(&id, |_| ()).is_ok() => {
            api.prevent_close();
            let _ = wishes.send(Wish::End(id.clone(), EndCause::WindowClosed));
        }
        WindowEvent::Resized(_) | WindowEvent::ScaleFactorChanged { .. } => {
            let _ = with_page(&id, |page| platform::fit(&page.window, &page.view));
        }
        _ => {}
    });
    let (app_, open_) = (app.clone(), Arc::clone(open));
    platform::listen(&window, &view, move |heard| match heard {
        platform::Heard::Key(action) => act(&open_, action),
        platform::Heard::History => tell_bar(&app_, &open_.session),
        platform::Heard::Gone => {
            let _ = open_.wishes.send(Wish::End(open_.session.clone(), EndCause::WindowClosed));
        }
        platform::Heard::MayLeave(answer) => answer.set(matches!(*lock(&open_.stage), Stage::Desk { .. })),
    });
    platform::set_inspectable(&view, false);
    platform::load_desk(&view, desk)?;
    window.show().map_err(failed)?;
    view.focus().map_err(failed)?;
    PAGES.with_borrow_mut(|pages| pages.insert(session.id.clone(), Page { view, window }));
    Ok(())
}

/// The page's webview: bare, incognito, and let nowhere but to the web.
fn page<'a>(
    bare: WebViewBuilder<'a>,
    app: &AppHandle,
    session: &SessionView,
    open: &Arc<Open>,
) -> WebViewBuilder<'a> {
    let downloads = Rc::new(Downloads::of(app.clone(), session.id.clone(), session.user.best()));
    let (downloading, downloaded) = (Arc::clone(open), Rc::clone(&downloads));
    let (navigating, opening) = (Arc::clone(open), open.session.clone());
    let (loading, loaded, app_) = (open.session.clone(), Arc::clone(open), app.clone());
    let bare = match &open.proxy {
        Some(proxy) => bare.with_proxy_config(proxy.clone()),
        None => bare,
    };
    bare.with_incognito(true)
        .with_devtools(true)
        .with_clipboard(true)
        .with_navigation_handler(move |url| may_navigate(&navigating, &url))
        .with_new_window_req_handler(move |url, _| {
            // A page in its own window would have no bar: it opens in this one, and Back leads back.
            if is_web(&url) {
                let _ = with_page(&opening, |page| page.view.load_url(&url));
            }
            NewWindowResponse::Deny
        })
        .with_permission_handler(|_| PermissionResponse::Deny)
        .with_download_started_handler(move |url, path| {
            let place = match *lock(&downloading.stage) {
                Stage::Application => downloads.begun(&url, path),
                Stage::Desk { .. } | Stage::Link { .. } => None,
            };
            place.map(|place| *path = place).is_some()
        })
        .with_download_completed_handler(move |url, _, succeeded| downloaded.ended(&url, succeeded))
        .with_on_page_load_handler(move |event, url| {
            if matches!(event, PageLoadEvent::Finished) {
                arrived(&loaded, &url);
                tell_bar(&app_, &loading);
            }
        })
}

pub(super) fn proxy_config(url: &Url) -> Option<ProxyConfig> {
    let host = url.host_str()?.to_owned();
    let of = |port: u16| ProxyEndpoint { host: host.clone(), port: url.port().unwrap_or(port).to_string() };
    match url.scheme() {
        "socks5" => Some(ProxyConfig::Socks5(of(1080))),
        _ => Some(ProxyConfig::Http(of(80))),
    }
}

pub(super) fn with_page<T>(session: &str, work: impl FnOnce(&Page) -> T) -> Result<T> {
    PAGES.with_borrow(|pages| pages.get(session).map(work)).ok_or_else(gone)
}

/// Takes a page out, to be closed. Main thread only.
pub(super) fn take_page(session: &str) -> Option<Page> {
    PAGES.with_borrow_mut(|pages| pages.remove(session))
}

pub(super) fn place(session: &SessionView) -> String {
    format!("{} {}", plain::line(&session.connection_name, 60), session.environment.as_str())
}

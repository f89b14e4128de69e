//! Session windows on Linux: GTK 3 and WebKitGTK.

use std::cell::Cell;
use std::rc::Rc;

use gtk::gdk::keys::constants as key;
use gtk::gdk::{EventKey, ModifierType};
use gtk::gio;
use gtk::glib::{self, Propagation};
use gtk::prelude::*;
use secrecy::{ExposeSecret, SecretString};
use tauri::{AppHandle, WebviewWindow, WebviewWindowBuilder, Wry};
use understudy_core::browser::{SameSite, SessionCookie};
use understudy_core::error::Result;
use url::Url;
use webkit2gtk::{CookieManagerExt, ScriptDialogType, SettingsExt, WebViewExt, WebsiteDataManagerExt};
use wry::{WebView, WebViewBuilder, WebViewBuilderExtUnix, WebViewExtUnix};

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

/// Puts cookies into the page's own jar, one after the other.
pub fn set_cookies(page: &WebView, cookies: Vec<SessionCookie>, done: Done<()>) {
    let Some(manager) = page.webview().website_data_manager().and_then(|data| data.cookie_manager()) else {
        let _ = done.send(Err("the page has no cookies".into()));
        return;
    };
    glib::spawn_future_local(async move {
        for cookie in cookies {
            // A dot before the domain is libsoup's sign for "and those below it".
            let domain = if cookie.host_only { cookie.domain } else { format!(".{}", cookie.domain) };
            let mut made =
                soup::Cookie::new(&cookie.name, cookie.value.expose_secret(), &domain, &cookie.path, -1);
            made.set_secure(cookie.secure);
            made.set_http_only(cookie.http_only);
            if let Some(at) = cookie.expires_at.and_then(|at| glib::DateTime::from_unix_utc(at).ok()) {
                made.set_expires(&at);
            }
            made.set_same_site_policy(match cookie.same_site {
                Some(SameSite::Strict) => soup::SameSitePolicy::Strict,
                // What says nothing is Lax to browsers.
                Some(SameSite::Lax) | None => soup::SameSitePolicy::Lax,
                Some(SameSite::None) => soup::SameSitePolicy::None,
            });
            if let Err(error) = manager.add_cookie_future(&mut made).await {
                let _ = done.send(Err(error.message().to_owned()));
                return;
            }
        }
        let _ = done.send(Ok(()));
    });
}

/// The cookies that the page would send to `url`.
pub fn cookies(page: &WebView, url: &Url, done: Done<Vec<SessionCookie>>) {
    let Some(manager) = page.webview().website_data_manager().and_then(|data| data.cookie_manager()) else {
        let _ = done.send(Err("the page has no cookies".into()));
        return;
    };
    manager.cookies(url.as_str(), gio::Cancellable::NONE, move |found| {
        let found = found.map_err(|error| error.message().to_owned());
        let _ = done.send(found.map(|cookies| cookies.into_iter().map(read_cookie).collect()));
    });
}

fn read_cookie(mut cookie: soup::Cookie) -> SessionCookie {
    let domain = cookie.domain().unwrap_or_default();
    SessionCookie {
        name: cookie.name().unwrap_or_default().into(),
        value: SecretString::from(String::from(cookie.value().unwrap_or_default())),
        host_only: !domain.starts_with('.'),
        domain: domain.trim_start_matches('.').to_owned(),
        path: cookie.path().unwrap_or_default().into(),
        secure: cookie.is_secure(),
        http_only: cookie.is_http_only(),
        same_site: match cookie.same_site_policy() {
            soup::SameSitePolicy::Strict => Some(SameSite::Strict),
            soup::SameSitePolicy::Lax => Some(SameSite::Lax),
            _ => Some(SameSite::None),
        },
        expires_at: cookie.expires().map(|at| at.to_unix()),
    }
}

/// Has WebKit's network process refuse whatever goes there: pages, forms, frames, images and scripts' requests.
/// Rules are compiled into a file, which is gone as soon as they are loaded.
pub fn block(page: &WebView, blocked: &Blocked, done: Done<()>) {
    let Some(manager) = page.webview().user_content_manager() else {
        let _ = done.send(Err("the page takes no rules".into()));
        return;
    };
    let folder = match tempfile::tempdir() {
        Ok(folder) => folder,
        Err(cause) => {
            let _ = done.send(Err(format!("no temporary folder could be made: {cause}")));
            return;
        }
    };
    let rules = glib::Bytes::from_owned(blocked.rules().to_string().into_bytes());
    filter::add(&manager, folder, &rules, done);
}

/// What the binding leaves out: WebKit's content filters.
#[allow(unsafe_code, reason = "the binding has no safe wrapper for content filters")]
mod filter {
    use std::ffi::CString;
    use std::os::unix::ffi::OsStrExt;

    use gtk::glib;
    use gtk::glib::translate::ToGlibPtr;
    use tempfile::TempDir;
    use webkit2gtk::{UserContentManager, ffi};

    use super::Done;

    /// What waits for WebKit to compile the rules.
    struct Waiting {
        manager: UserContentManager,
        _folder: TempDir,
        done: Done<()>,
    }

    pub fn add(manager: &UserContentManager, folder: TempDir, rules: &glib::Bytes, done: Done<()>) {
        let Ok(path) = CString::new(folder.path().as_os_str().as_bytes()) else {
            let _ = done.send(Err("the temporary folder has an odd name".into()));
            return;
        };
        let waiting = Box::new(Waiting { manager: manager.clone(), _folder: folder, done });
        // SAFETY: on the main thread; the strings and bytes live through the call, which copies or references
        // them; `waiting` is taken back exactly once, by the callback, which GIO calls exactly once.
        unsafe {
            let store = ffi::webkit_user_content_filter_store_new(path.as_ptr());
            ffi::webkit_user_content_filter_store_save(
                store,
                c"understudy".as_ptr(),
                rules.to_glib_none().0,
                std::ptr::null_mut(),
                Some(compiled),
                Box::into_raw(waiting).cast(),
            );
            glib::gobject_ffi::g_object_unref(store.cast());
        }
    }

    unsafe extern "C" fn compiled(
        store: *mut glib::gobject_ffi::GObject,
        result: *mut gtk::gio::ffi::GAsyncResult,
        waiting: glib::ffi::gpointer,
    ) {
        // SAFETY: see `add`; the filter is ours until it is unreferenced, and the manager keeps its own reference.
        unsafe {
            let waiting: Box<Waiting> = Box::from_raw(waiting.cast());
            let mut error = std::ptr::null_mut();
            let filter =
                ffi::webkit_user_content_filter_store_save_finish(store.cast(), result, &raw mut error);
            let outcome = if error.is_null() {
                ffi::webkit_user_content_manager_add_filter(waiting.manager.to_glib_none().0, filter);
                ffi::webkit_user_content_filter_unref(filter);
                Ok(())
            } else {
                let error: glib::Error = glib::translate::from_glib_full(error);
                Err(error.message().to_owned())
            };
            let _ = waiting.done.send(outcome);
        }
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

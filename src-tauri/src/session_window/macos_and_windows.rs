//! What macOS and Windows have in common: cookies, proxy and downloads through wry, and stand-ins for what they lack.

use std::rc::Rc;
use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};
use tauri::WebviewWindow;
use understudy_core::browser::{SameSite, SessionCookie};
use url::Url;
use wry::{WebView, WebViewBuilder};

use super::Done;
use super::downloads::Downloads;
use super::stage::SessionWindow;

/// Adds cookies to the page's own.
pub fn set_cookies(page: &WebView, cookies: Vec<SessionCookie>, done: Done<()>) {
    let put = |cookie: SessionCookie| {
        let mut made = cookie::Cookie::new(cookie.name, cookie.value.expose_secret().to_owned());
        made.set_domain(cookie.domain);
        made.set_path(cookie.path);
        made.set_secure(cookie.secure);
        made.set_http_only(cookie.http_only);
        made.set_same_site(match cookie.same_site {
            Some(SameSite::Strict) => cookie::SameSite::Strict,
            // Browsers treat a missing SameSite as Lax (RFC 6265bis).
            Some(SameSite::Lax) | None => cookie::SameSite::Lax,
            Some(SameSite::None) => cookie::SameSite::None,
        });
        if let Some(at) =
            cookie.expires_at.and_then(|at| cookie::time::OffsetDateTime::from_unix_timestamp(at).ok())
        {
            made.set_expires(at);
        }
        page.set_cookie(&made).map_err(|error| error.to_string())
    };
    let _ = done.send(cookies.into_iter().try_for_each(put));
}

/// The cookies that the page would send to `url`.
pub fn fetch_cookies(page: &WebView, url: &Url, done: Done<Vec<SessionCookie>>) {
    let read = |cookie: cookie::Cookie<'static>| SessionCookie {
        name: cookie.name().to_owned(),
        value: SecretString::from(cookie.value().to_owned()),
        domain: cookie.domain().or(url.host_str()).unwrap_or_default().to_owned(),
        host_only: cookie.domain().is_none_or(|domain| Some(domain) == url.host_str()),
        path: cookie.path().unwrap_or("/").to_owned(),
        secure: cookie.secure().unwrap_or(false),
        http_only: cookie.http_only().unwrap_or(false),
        same_site: cookie.same_site().map(|site| match site {
            cookie::SameSite::Strict => SameSite::Strict,
            cookie::SameSite::Lax => SameSite::Lax,
            cookie::SameSite::None => SameSite::None,
        }),
        expires_at: cookie.expires_datetime().map(cookie::time::OffsetDateTime::unix_timestamp),
    };
    let found = page.cookies_for_url(url.as_str()).map_err(|error| error.to_string());
    let _ = done.send(found.map(|cookies| cookies.into_iter().map(read).collect()));
}

/// Sets up the page's proxy and downloads.
pub fn of_session<'a>(
    bare: WebViewBuilder<'a>,
    open: &Arc<SessionWindow>,
    downloads: &Rc<Downloads>,
) -> WebViewBuilder<'a> {
    let (open_, begun, ended) = (Arc::clone(open), Rc::clone(downloads), Rc::clone(downloads));
    let bare = match &open.proxy {
        Some(proxy) => bare.with_proxy_config(proxy.clone()),
        None => bare,
    };
    bare.with_download_started_handler(move |url, path| {
        begun.accept_download(&open_, &url, path).map(|place| *path = place).is_some()
    })
    .with_download_completed_handler(move |url, _, succeeded| ended.finish_download(&url, succeeded))
}

/// The system's webview sandboxes its pages.
pub fn missing_sandbox() -> Option<&'static str> {
    None
}

/// Neither system has a way to end a page's process.
pub fn end_process(_page: &WebView) {}

/// The system closes dialogs with their window.
pub fn close_dialogs(_window: &WebviewWindow) {}

//! Reads and sets the page's cookies. They are in the network process, so each call is asynchronous and the window may
//! be gone when it returns.

use gtk::{gio, glib};
use secrecy::{ExposeSecret, SecretString};
use understudy_core::browser::{SameSite, SessionCookie};
use url::Url;
use webkit2gtk::{CookieManager, CookieManagerExt, WebViewExt, WebsiteDataManager, WebsiteDataManagerExt};
use wry::{WebView, WebViewExtUnix};

use super::Done;

/// Keeps the data manager under a cookie manager alive until WebKit has finished with a request.
///
/// A pending request holds the cookie manager, but once the window is closed, nothing holds the data manager below it.
/// The answer would then destroy both through a dangling pointer and crash all sessions (2.50).
struct DataManagerGuard(Option<WebsiteDataManager>);

impl Drop for DataManagerGuard {
    fn drop(&mut self) {
        // Dropped within the callback, whose task holds the cookie manager until it has returned.
        let data = self.0.take();
        glib::idle_add_local_once(move || drop(data));
    }
}

/// The view's cookie manager; `None` if it is gone.
fn cookie_manager(view: &webkit2gtk::WebView) -> Option<(CookieManager, DataManagerGuard)> {
    let data = view.website_data_manager()?;
    Some((data.cookie_manager()?, DataManagerGuard(Some(data))))
}

/// Fetches the cookies that would be sent to `url`.
pub(super) fn request_cookies(
    view: &webkit2gtk::WebView,
    url: &str,
    answered: impl FnOnce(Result<Vec<soup::Cookie>, String>) + 'static,
) {
    let Some((manager, kept)) = cookie_manager(view) else {
        return answered(Err("the page has no cookies".into()));
    };
    manager.cookies(url, gio::Cancellable::NONE, move |found| {
        let _kept = kept;
        answered(found.map_err(|error| error.message().to_owned()));
    });
}

/// Adds cookies to the page's own, one after the other.
pub fn set_cookies(page: &WebView, cookies: Vec<SessionCookie>, done: Done<()>) {
    let Some((manager, kept)) = cookie_manager(&page.webview()) else {
        let _ = done.send(Err("the page has no cookies".into()));
        return;
    };
    glib::spawn_future_local(async move {
        let _kept = kept;
        for cookie in cookies {
            // To libsoup, a leading dot includes subdomains.
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
                // Browsers treat a missing SameSite as Lax (RFC 6265bis).
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
pub fn fetch_cookies(page: &WebView, url: &Url, done: Done<Vec<SessionCookie>>) {
    request_cookies(&page.webview(), url.as_str(), |found| {
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

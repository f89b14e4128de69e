//! The cookies of a session's window, as far as its gateway has seen them go by: what answers set, and what requests
//! carry. The sign-out uses them, so it does not depend on the page, nor on the processes behind it.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use cookie_store::{CookieStore, RawCookie};
use parking_lot::Mutex;
use understudy_gateway::SentCookies;
use url::Url;

use super::client::cookies::{cookie_key, in_full, to_raw_cookie};
use super::cookie_rules::find_store_problem;
use crate::browser::SessionCookie;

/// The most cookies that are kept: a page may set as many as it likes.
const MOST_COOKIES: usize = 3_000;

/// A request that the window had under way when a cookie was set still has the old one.
const UNDER_WAY: Duration = Duration::from_secs(2);

/// A cookie's name, domain and path.
type CookieKey = (String, String, String);

#[derive(Default)]
pub struct WindowCookies(Mutex<SeenCookies>);

#[derive(Default)]
struct SeenCookies {
    store: CookieStore,
    /// When an answer set or deleted a cookie.
    set_at: HashMap<CookieKey, Instant>,
}

impl WindowCookies {
    /// Records the `Set-Cookie` headers of an answer from `url`, as the window's engine takes them.
    pub fn record_set(&self, url: &Url, set: &[&str]) {
        for text in set {
            let Ok(raw) = RawCookie::parse((*text).to_owned()) else { continue };
            if find_store_problem(&raw, url).is_none() {
                self.0.lock().set_cookie(raw, url);
            }
        }
    }

    /// Records the cookies of a request to `url`: scripts set and delete cookies, too.
    pub fn record_sent(&self, url: &Url, sent: SentCookies<'_>) {
        let pairs: Vec<(&str, &str)> =
            sent.header.unwrap_or_default().split("; ").filter_map(|pair| pair.split_once('=')).collect();
        let seen = &mut *self.0.lock();
        if sent.is_complete {
            seen.remove_missing(url, &pairs);
        }
        for (name, value) in pairs {
            seen.correct_value(url, name, value);
        }
    }

    /// Records cookies that the window was given.
    pub fn add_cookies(&self, cookies: &[SessionCookie]) {
        let seen = &mut *self.0.lock();
        for cookie in cookies {
            if let Some((raw, url)) = to_raw_cookie(cookie) {
                seen.set_cookie(raw, &url);
            }
        }
    }

    /// All of them, for any host.
    pub fn list_cookies(&self) -> Vec<SessionCookie> {
        self.0.lock().store.iter_unexpired().filter_map(|cookie| in_full(cookie, None)).collect()
    }

    /// The names of those that the window would send to `url`, sorted.
    pub fn list_names(&self, url: &Url) -> Vec<String> {
        let seen = self.0.lock();
        let mut names: Vec<String> =
            seen.store.matches(url).iter().map(|cookie| cookie.name().to_owned()).collect();
        names.sort();
        names.dedup();
        names
    }

    /// Forgets them, because the window has none any more.
    pub fn forget_cookies(&self) {
        *self.0.lock() = SeenCookies::default();
    }
}

impl SeenCookies {
    fn set_cookie(&mut self, raw: RawCookie<'static>, url: &Url) {
        let name = raw.name().to_owned();
        if self.store.iter_any().count() < MOST_COOKIES
            || self.store.matches(url).iter().any(|at| at.name() == name)
        {
            self.store.store_response_cookies(std::iter::once(raw), url);
            let now = Instant::now();
            if self.set_at.len() > 2 * MOST_COOKIES {
                self.set_at.retain(|_, at| at.elapsed() < UNDER_WAY);
            }
            let own = self.store.iter_any().filter(|cookie| cookie.name() == name).map(cookie_key);
            self.set_at.extend(own.map(|key| (key, now)).collect::<Vec<_>>());
        }
    }

    fn is_new(&self, key: &CookieKey) -> bool {
        self.set_at.get(key).is_some_and(|at| at.elapsed() < UNDER_WAY)
    }

    /// Removes what a script has deleted: scripts cannot see `HttpOnly` cookies.
    fn remove_missing(&mut self, url: &Url, sent: &[(&str, &str)]) {
        let is_missing = |name: &str| !sent.iter().any(|(sent, _)| *sent == name);
        let gone: Vec<CookieKey> = self
            .store
            .matches(url)
            .into_iter()
            .filter(|cookie| !cookie.http_only().unwrap_or(false) && is_missing(cookie.name()))
            .map(cookie_key)
            .filter(|key| !self.is_new(key))
            .collect();
        for (name, domain, path) in gone {
            self.store.remove(domain.trim_start_matches('.'), &path, &name);
        }
    }

    /// Takes the value that the window sends for one that is not known.
    fn correct_value(&mut self, url: &Url, name: &str, value: &str) {
        let known: Vec<_> = self.store.matches(url).into_iter().filter(|it| it.name() == name).collect();
        if known.iter().any(|cookie| cookie.value() == value || self.is_new(&cookie_key(cookie))) {
            return;
        }
        let best = known.into_iter().max_by_key(|cookie| cookie.path.as_ref().len());
        let mut cookie = match best.and_then(|cookie| in_full(cookie, None)) {
            Some(cookie) => cookie,
            None => SessionCookie {
                name: name.to_owned(),
                value: String::new().into(),
                domain: url.host_str().unwrap_or_default().to_owned(),
                host_only: true,
                path: "/".into(),
                secure: url.scheme() == "https",
                http_only: false,
                same_site: None,
                expires_at: None,
            },
        };
        cookie.value = value.to_owned().into();
        if self.store.iter_any().count() < MOST_COOKIES
            && let Some((raw, at)) = to_raw_cookie(&cookie)
        {
            self.store.store_response_cookies(std::iter::once(raw), &at);
        }
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    fn url(text: &str) -> Url {
        text.parse().expect("a URL")
    }

    fn sent(header: Option<&str>, is_complete: bool) -> SentCookies<'_> {
        SentCookies { header, is_complete }
    }

    /// What would be sent to `url`, as `name=value`.
    fn carried(cookies: &WindowCookies, at: &Url) -> Vec<String> {
        let names = cookies.list_names(at);
        let all = cookies.list_cookies();
        let of = |name: &String| {
            let found = all.iter().find(|cookie| cookie.name == *name).expect("it is listed");
            format!("{name}={}", found.value.expose_secret())
        };
        names.iter().map(of).collect()
    }

    #[test]
    fn what_answers_set_is_sent_and_what_they_delete_is_not() {
        let cookies = WindowCookies::default();
        let login = url("https://app.example/login");
        cookies.record_set(&login, &["sid=1; Path=/; HttpOnly", "theme=dark", "x=1; Domain=other.example"]);
        assert_eq!(carried(&cookies, &url("https://app.example/logout")), ["sid=1", "theme=dark"]);
        cookies.record_set(&login, &["sid=; Path=/; Max-Age=0"]);
        assert_eq!(carried(&cookies, &login), ["theme=dark"]);
        cookies.forget_cookies();
        assert!(carried(&cookies, &login).is_empty());
    }

    #[test]
    fn a_cookie_that_a_script_sets_or_changes_is_taken_from_the_request_that_carries_it() {
        let cookies = WindowCookies::default();
        let app = url("https://app.example/home");
        cookies.record_sent(&app, sent(Some("tab=7; token=a=b"), false));
        assert_eq!(carried(&cookies, &url("https://app.example/logout")), ["tab=7", "token=a=b"]);
        cookies.record_sent(&app, sent(Some("tab=8"), false));
        assert_eq!(carried(&cookies, &app), ["tab=8", "token=a=b"], "a fetch may leave some out");
        cookies.record_sent(&app, sent(Some("tab=8"), true));
        assert_eq!(carried(&cookies, &app), ["tab=8"], "a script has deleted it");
        cookies.record_sent(&app, sent(None, true));
        assert!(carried(&cookies, &app).is_empty());
    }

    #[test]
    fn a_request_that_was_under_way_brings_no_old_value_back() {
        let cookies = WindowCookies::default();
        let app = url("https://app.example/");
        cookies.record_set(&app, &["sid=new; Path=/", "csrf=1; Path=/"]);
        cookies.record_sent(&app, sent(Some("sid=old"), true));
        assert_eq!(carried(&cookies, &app), ["csrf=1", "sid=new"]);
    }

    #[test]
    fn a_cookie_that_scripts_cannot_see_is_deleted_by_answers_alone() {
        let cookies = WindowCookies::default();
        let app = url("https://app.example/");
        cookies.record_set(&app, &["sid=1; Path=/; HttpOnly"]);
        cookies.0.lock().set_at.clear();
        cookies.record_sent(&app, sent(None, true));
        assert_eq!(carried(&cookies, &app), ["sid=1"]);
    }

    #[test]
    fn a_page_cannot_fill_the_memory() {
        let cookies = WindowCookies::default();
        let app = url("https://app.example/");
        for number in 0..MOST_COOKIES + 10 {
            cookies.record_set(&app, &[&format!("c{number}=1")]);
        }
        assert_eq!(cookies.list_cookies().len(), MOST_COOKIES);
        cookies.record_set(&app, &["c1=2"]);
        assert!(carried(&cookies, &app).contains(&"c1=2".to_owned()), "what is there can still change");
    }
}

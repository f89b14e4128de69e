//! The cookies of a client: which are kept, which are sent where, and which the session's window gets.

use std::cmp::Reverse;

use cookie_store::{Cookie, CookieDomain, CookieExpiration, RawCookie};
use reqwest::header::{HeaderMap, HeaderValue, SET_COOKIE};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::Client;
use crate::browser::{SameSite, SessionCookie};
use crate::sign_in::cookie_rules::{CookieProblem, find_deletion, of_path};

impl Client {
    /// Cookies that were set but are not sent to `url`, and why: those for other paths of its host, and those that were
    /// deleted.
    pub fn unsent_to(&self, url: &Url) -> Vec<CookieProblem> {
        let sent = self.cookie_names(url);
        let of_host = self.cookies.iter_unexpired().filter(|cookie| cookie.domain.matches(url));
        let elsewhere = of_host
            .filter(|cookie| !cookie.path.matches(url))
            .map(|cookie| of_path(cookie.name(), cookie.path.as_ref(), cookie.path.is_from_path_attr(), url));
        let mut unsent: Vec<CookieProblem> = elsewhere.chain(self.deleted.iter().cloned()).collect();
        unsent.retain(|cookie| !sent.contains(&cookie.name));
        unsent
    }

    pub(super) fn cookies_for(&self, url: &Url) -> Option<HeaderValue> {
        let cookies = self.cookies.matches(url);
        let pairs: Vec<String> =
            cookies.iter().map(|cookie| format!("{}={}", cookie.name(), cookie.value())).collect();
        let mut header = HeaderValue::from_str(&pairs.join("; ")).ok().filter(|_| !pairs.is_empty())?;
        header.set_sensitive(true);
        Some(header)
    }

    /// Keeps the cookies that an answer of `url` sets. Public for `tests/fuzz`, which has no server to answer.
    #[doc(hidden)]
    pub fn keep_cookies(&mut self, headers: &HeaderMap, url: &Url) {
        let set = headers.get_all(SET_COOKIE).iter().filter_map(|value| value.to_str().ok());
        let set = set.filter_map(|text| RawCookie::parse(text.to_owned()).ok()).collect();
        self.store_cookies(set, url);
    }

    pub(super) fn store_cookies(&mut self, set: Vec<RawCookie<'static>>, url: &Url) {
        for raw in set {
            self.deleted.retain(|before| before.name != raw.name());
            self.deleted.extend(find_deletion(&raw, url));
            self.cookies.store_response_cookies(std::iter::once(raw), url);
            let new = self.cookies.iter_any().map(cookie_key).find(|key| !self.first_set.contains(key));
            self.first_set.extend(new);
        }
    }

    /// The cookie with this name that is sent to the host of `url`: one for its path first, then the most specific
    /// path, then the oldest one (RFC 6265, 5.4).
    pub fn find_cookie(&self, name: &str, url: &Url) -> Option<SessionCookie> {
        self.find_best_cookie(name, url, |_| true)
    }

    fn find_best_cookie(
        &self,
        name: &str,
        url: &Url,
        counts: impl Fn(&Cookie<'_>) -> bool,
    ) -> Option<SessionCookie> {
        let rank = |cookie: &&Cookie<'static>| {
            let age = self.first_set.iter().position(|set| *set == cookie_key(cookie));
            (!cookie.path.matches(url), Reverse(cookie.path.as_ref().len()), age)
        };
        let of_host = self.cookies.iter_unexpired().filter(|cookie| cookie.domain.matches(url));
        let found = of_host.filter(|cookie| cookie.name() == name && counts(cookie)).min_by_key(rank)?;
        in_full(found, url)
    }

    /// The cookies in `wanted` that belong to the application, whose session begins at `begin`: those that are sent
    /// there, and for `name_*` those for any path of that host. For the hosts of `origins`, any path counts. Never
    /// those in `!name` or `!name_*`. Cookies of other hosts are the operator's own.
    pub fn select_cookies(&self, wanted: &[String], begin: &Url, origins: &[Url]) -> Vec<SessionCookie> {
        let is_named = |pattern: &str, name: &str| match pattern.strip_suffix('*') {
            Some(start) => name.starts_with(start),
            None => name == pattern,
        };
        let unwanted: Vec<&str> = wanted.iter().filter_map(|pattern| pattern.strip_prefix('!')).collect();
        let mut found = Vec::new();
        for pattern in wanted.iter().filter(|pattern| !pattern.starts_with('!')) {
            if pattern.ends_with('*') {
                let any = self.cookies.iter_unexpired().filter(|cookie| {
                    let name = cookie.name();
                    let hosts = std::iter::once(begin).chain(origins);
                    is_named(pattern, name)
                        && !unwanted.iter().any(|pattern| is_named(pattern, name))
                        && hosts.into_iter().any(|host| cookie.domain.matches(host))
                });
                found.extend(any.filter_map(|cookie| in_full(cookie, begin)));
            } else {
                let of_application =
                    self.find_best_cookie(pattern, begin, |cookie| cookie.path.matches(begin));
                let elsewhere = || origins.iter().find_map(|origin| self.find_cookie(pattern, origin));
                found.extend(of_application.or_else(elsewhere));
            }
        }
        found
    }

    /// The names of the cookies that would be sent to `url`, sorted.
    pub fn cookie_names(&self, url: &Url) -> Vec<String> {
        let mut names: Vec<String> =
            self.cookies.matches(url).iter().map(|cookie| cookie.name().to_owned()).collect();
        names.sort();
        names.dedup();
        names
    }

    /// All cookies of the host of `url`, for any path.
    pub fn cookies_of(&self, url: &Url) -> Vec<SessionCookie> {
        let of_host = self.cookies.iter_unexpired().filter(|cookie| cookie.domain.matches(url));
        of_host.filter_map(|cookie| in_full(cookie, url)).collect()
    }

    /// Puts cookies among those kept here, in the place of those with the same name, domain and path.
    pub fn put_cookies(&mut self, cookies: &[SessionCookie]) {
        for cookie in cookies {
            let scheme = if cookie.secure { "https" } else { "http" };
            let Ok(url) = Url::parse(&format!("{scheme}://{}/", cookie.domain)) else { continue };
            let mut raw = RawCookie::new(cookie.name.clone(), cookie.value.expose_secret().to_owned());
            raw.set_path(cookie.path.clone());
            raw.set_secure(cookie.secure);
            raw.set_http_only(cookie.http_only);
            if !cookie.host_only {
                raw.set_domain(cookie.domain.clone());
            }
            self.store_cookies(vec![raw], &url);
        }
    }
}

fn cookie_key(cookie: &Cookie<'_>) -> (String, String, String) {
    let domain = match &cookie.domain {
        CookieDomain::HostOnly(host) => host.clone(),
        CookieDomain::Suffix(suffix) => format!(".{suffix}"),
        CookieDomain::NotPresent | CookieDomain::Empty => String::new(),
    };
    (cookie.name().to_owned(), domain, cookie.path.as_ref().to_owned())
}

fn in_full(cookie: &Cookie<'_>, url: &Url) -> Option<SessionCookie> {
    let (domain, host_only) = match &cookie.domain {
        CookieDomain::HostOnly(host) => (host.clone(), true),
        CookieDomain::Suffix(suffix) => (suffix.clone(), false),
        CookieDomain::NotPresent | CookieDomain::Empty => (url.host_str()?.to_owned(), true),
    };
    Some(SessionCookie {
        name: cookie.name().to_owned(),
        value: SecretString::from(cookie.value().to_owned()),
        domain,
        host_only,
        path: cookie.path.as_ref().to_owned(),
        secure: cookie.secure().unwrap_or(false),
        http_only: cookie.http_only().unwrap_or(false),
        same_site: cookie.same_site().map(|site| {
            if site.is_strict() {
                SameSite::Strict
            } else if site.is_lax() {
                SameSite::Lax
            } else {
                SameSite::None
            }
        }),
        expires_at: match &cookie.expires {
            CookieExpiration::AtUtc(at) => Some(at.unix_timestamp()),
            CookieExpiration::SessionEnd => None,
        },
    })
}

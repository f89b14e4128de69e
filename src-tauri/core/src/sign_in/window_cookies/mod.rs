//! The cookies of a session's window, as far as its gateway has seen them go by: what answers set, and what requests
//! carry. The sign-out uses them, so it does not depend on the page, nor on the processes behind it.
//!
//! Pages write here what they like, as fast as they like: everything is bounded, and no page can change a cookie that
//! its engine does not let it change.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::time::{Duration, Instant};

use cookie_store::RawCookie;
use parking_lot::Mutex;
use secrecy::{ExposeSecret, SecretString};
use understudy_gateway::SentCookies;
use url::{Host, Url};

use super::cookie_rules::{CookieProblem, find_deletion, find_store_problem, of_path};
use crate::browser::SessionCookie;
use crate::sign_in::SHORTEST_SECRET;

/// The most cookies that are kept of one domain, about as many as browsers keep.
const MOST_OF_DOMAIN: usize = 180;

/// The most domains whose cookies are kept.
const MOST_DOMAINS: usize = 300;

/// The most bytes of a cookie's name and value; browsers keep no longer one.
const LONGEST_COOKIE: usize = 4_096;

/// A request that the window had under way when a cookie was set still has the old one.
const UNDER_WAY: Duration = Duration::from_secs(2);

/// The most cookies that are remembered as not kept or deleted. Only a sign-in asks for them.
const MOST_LOST: usize = 60;

#[derive(Default)]
pub struct WindowCookies {
    /// By their domain.
    kept: Mutex<HashMap<String, Vec<SeenCookie>>>,
    lost: Mutex<LostCookies>,
}

/// Cookies of answers that the window does not have.
#[derive(Default)]
struct LostCookies {
    /// The window does not keep them.
    unkept: Vec<CookieProblem>,
    /// Deleted, and not set again.
    deleted: Vec<CookieProblem>,
}

impl LostCookies {
    fn forget(&mut self, name: &str) {
        self.unkept.retain(|before| before.name != name);
        self.deleted.retain(|before| before.name != name);
    }
}

#[derive(Clone)]
struct SeenCookie {
    cookie: SessionCookie,
    /// Its path was not in the answer: it is the request's.
    has_default_path: bool,
    /// When an answer set it; `None` if a request told of it.
    set_at: Option<Instant>,
}

impl SeenCookie {
    fn is_same_as(&self, other: &SessionCookie) -> bool {
        let own = &self.cookie;
        own.name == other.name && own.host_only == other.host_only && own.path == other.path
    }

    fn is_new(&self) -> bool {
        self.set_at.is_some_and(|at| at.elapsed() < UNDER_WAY)
    }

    fn has_value(&self, value: &str) -> bool {
        self.cookie.value.expose_secret() == value
    }
}

impl WindowCookies {
    /// Records the `Set-Cookie` headers of an answer from `url`, as the window's engine takes them.
    pub fn record_set(&self, url: &Url, set: &[&str]) {
        for text in set.iter().take(MOST_OF_DOMAIN) {
            let Ok(raw) = RawCookie::parse(*text) else { continue };
            if let Some(unkept) = find_store_problem(&raw, url) {
                let all = &mut self.lost.lock().unkept;
                all.retain(|before| before.name != unkept.name);
                push_bounded(all, unkept);
                continue;
            }
            self.record_kept(&raw, url);
        }
    }

    fn record_kept(&self, raw: &RawCookie<'_>, url: &Url) {
        {
            let mut lost = self.lost.lock();
            lost.forget(raw.name());
            if let Some(deleted) = find_deletion(raw, url) {
                push_bounded(&mut lost.deleted, deleted);
            }
        }
        let Some((seen, is_over)) = read_cookie(raw, url) else { return };
        if is_over { self.remove_cookie(&seen.cookie) } else { self.put_cookie(seen) }
    }

    /// Cookies of answers that the window does not keep, and why.
    pub fn list_unkept(&self) -> Vec<CookieProblem> {
        self.lost.lock().unkept.clone()
    }

    /// Cookies of answers that the window does not send to `url`, and why: those for other paths of its host, and those
    /// that were deleted.
    pub fn list_unsent(&self, url: &Url) -> Vec<CookieProblem> {
        let sent = self.list_names(url);
        let mut unsent = Vec::new();
        {
            let all = self.kept.lock();
            for domain in list_domains(url) {
                let of_host = all.get(&domain).into_iter().flatten();
                let elsewhere = of_host.filter(|SeenCookie { cookie, .. }| {
                    (!cookie.host_only || domain == host_of(url)) && !matches_path(&cookie.path, url.path())
                });
                unsent.extend(elsewhere.map(|SeenCookie { cookie, has_default_path, .. }| {
                    of_path(&cookie.name, &cookie.path, !has_default_path, url)
                }));
            }
        }
        unsent.extend(self.lost.lock().deleted.iter().cloned());
        unsent.retain(|cookie| !sent.contains(&cookie.name));
        unsent
    }

    /// Their values, to be masked.
    pub fn collect_values(&self) -> Vec<SecretString> {
        let all = self.kept.lock();
        let values = all.values().flatten().map(|seen| &seen.cookie.value);
        values.filter(|value| value.expose_secret().len() >= SHORTEST_SECRET).cloned().collect()
    }

    /// Records the cookies of a request to `url`: scripts set and delete cookies, too.
    pub fn record_sent(&self, url: &Url, sent: SentCookies<'_>) {
        let pairs = sent.header.unwrap_or_default().split("; ").filter_map(|pair| pair.split_once('='));
        let pairs: Vec<(&str, &str)> = pairs.take(2 * MOST_OF_DOMAIN + 1).collect();
        if sent.is_complete && pairs.len() <= 2 * MOST_OF_DOMAIN {
            self.remove_missing(url, &pairs);
        }
        for (name, value) in &pairs {
            self.correct_value(url, name, value, &pairs);
        }
    }

    /// Records cookies that the window was given.
    pub fn add_cookies(&self, cookies: &[SessionCookie]) {
        for cookie in cookies {
            self.put_cookie(SeenCookie {
                cookie: cookie.clone(),
                has_default_path: false,
                set_at: Some(Instant::now()),
            });
        }
    }

    /// What the window would send to `url`: those with longer paths first.
    pub fn list_cookies(&self, url: &Url) -> Vec<SessionCookie> {
        let now = jiff::Timestamp::now().as_second();
        let mut found: Vec<SessionCookie> = Vec::new();
        let all = self.kept.lock();
        for domain in list_domains(url) {
            let sent = all.get(&domain).into_iter().flatten().map(|seen| &seen.cookie);
            found.extend(sent.filter(|cookie| is_sent(cookie, url, &domain, now)).cloned());
        }
        found.sort_by_key(|cookie| std::cmp::Reverse(cookie.path.len()));
        found
    }

    /// The `Cookie` header of a request to `url`; `None` if it has none.
    pub fn write_header(&self, url: &Url) -> Option<SecretString> {
        let pairs: Vec<String> = self
            .list_cookies(url)
            .iter()
            .map(|cookie| format!("{}={}", cookie.name, cookie.value.expose_secret()))
            .collect();
        (!pairs.is_empty()).then(|| pairs.join("; ").into())
    }

    /// The names of those that the window would send to `url`, sorted.
    pub fn list_names(&self, url: &Url) -> Vec<String> {
        let mut names: Vec<String> = self.list_cookies(url).into_iter().map(|cookie| cookie.name).collect();
        names.sort();
        names.dedup();
        names
    }

    /// Takes all of them away, because the window has none any more.
    #[must_use]
    pub fn take_all(&self) -> Self {
        let (kept, lost) = (std::mem::take(&mut *self.kept.lock()), std::mem::take(&mut *self.lost.lock()));
        Self { kept: Mutex::new(kept), lost: Mutex::new(lost) }
    }

    fn put_cookie(&self, new: SeenCookie) {
        let cookie = &new.cookie;
        if cookie.name.len() + cookie.value.expose_secret().len() > LONGEST_COOKIE {
            return;
        }
        let mut all = self.kept.lock();
        if all.len() >= MOST_DOMAINS && !all.contains_key(&cookie.domain) {
            return;
        }
        let of_domain = all.entry(cookie.domain.clone()).or_default();
        if let Some(seen) = of_domain.iter_mut().find(|seen| seen.is_same_as(cookie)) {
            *seen = new;
            return;
        }
        if of_domain.len() >= MOST_OF_DOMAIN {
            // Scripts can fill it, but with cookies of this kind alone.
            let Some(first) = of_domain.iter().position(|seen| !seen.cookie.http_only) else { return };
            of_domain.remove(first);
        }
        of_domain.push(new);
    }

    fn remove_cookie(&self, cookie: &SessionCookie) {
        if let Some(of_domain) = self.kept.lock().get_mut(&cookie.domain) {
            of_domain.retain(|seen| !seen.is_same_as(cookie));
        }
    }

    /// Removes what a script has deleted: scripts cannot see `HttpOnly` cookies.
    fn remove_missing(&self, url: &Url, sent: &[(&str, &str)]) {
        let now = jiff::Timestamp::now().as_second();
        let mut all = self.kept.lock();
        for domain in list_domains(url) {
            let Some(of_domain) = all.get_mut(&domain) else { continue };
            of_domain.retain(|seen| {
                seen.cookie.http_only
                    || seen.is_new()
                    || !is_sent(&seen.cookie, url, &domain, now)
                    || sent.iter().any(|(name, _)| *name == seen.cookie.name)
            });
        }
    }

    /// Takes a value that the window sends and that is not known: a script has set it.
    fn correct_value(&self, url: &Url, name: &str, value: &str, sent: &[(&str, &str)]) {
        let now = jiff::Timestamp::now().as_second();
        let is_still_sent = |seen: &SeenCookie| {
            sent.iter().any(|(sent_name, sent_value)| *sent_name == name && seen.has_value(sent_value))
        };
        let mut has_protected = false;
        {
            let mut all = self.kept.lock();
            for domain in list_domains(url) {
                for seen in all.get_mut(&domain).into_iter().flatten() {
                    if seen.cookie.name != name || !is_sent(&seen.cookie, url, &domain, now) {
                        continue;
                    }
                    if seen.has_value(value) || seen.is_new() {
                        return;
                    }
                    // Only answers change those, and every answer passes here.
                    if seen.cookie.http_only || is_still_sent(seen) {
                        has_protected = true;
                    } else {
                        seen.cookie.value = value.to_owned().into();
                        return;
                    }
                }
            }
        }
        let cookie = SessionCookie {
            name: name.to_owned(),
            value: value.to_owned().into(),
            domain: host_of(url),
            // One beside it, as only another domain or path allows.
            host_only: !has_protected,
            path: "/".into(),
            secure: url.scheme() == "https",
            http_only: false,
            same_site: None,
            expires_at: None,
        };
        self.put_cookie(SeenCookie { cookie, has_default_path: false, set_at: None });
    }
}

fn push_bounded(all: &mut Vec<CookieProblem>, new: CookieProblem) {
    if all.len() >= MOST_LOST {
        all.remove(0);
    }
    all.push(new);
}

/// A cookie of an answer from `url` with all its attributes, and whether it deletes an existing one.
fn read_cookie(raw: &RawCookie<'_>, url: &Url) -> Option<(SeenCookie, bool)> {
    let host = url.host_str().map(|_| host_of(url))?;
    let named = raw.domain().map(|domain| domain.trim_start_matches('.').to_lowercase());
    let named = named.filter(|domain| !domain.is_empty() && matches!(url.host(), Some(Host::Domain(_))));
    let now = jiff::Timestamp::now().as_second();
    let expires_at = match (raw.max_age(), raw.expires_datetime()) {
        (Some(age), _) => Some(now.saturating_add(age.whole_seconds())),
        (None, Some(at)) => Some(at.unix_timestamp()),
        (None, None) => None,
    };
    let path = raw.path().filter(|path| path.starts_with('/'));
    let cookie = SessionCookie {
        name: raw.name().to_owned(),
        value: raw.value().to_owned().into(),
        host_only: named.is_none(),
        domain: named.unwrap_or(host),
        path: path.map_or_else(|| default_path(url), str::to_owned),
        secure: raw.secure().unwrap_or(false),
        http_only: raw.http_only().unwrap_or(false),
        same_site: None,
        expires_at,
    };
    let seen = SeenCookie { cookie, has_default_path: path.is_none(), set_at: Some(Instant::now()) };
    Some((seen, expires_at.is_some_and(|at| at <= now)))
}

fn host_of(url: &Url) -> String {
    url.host_str().unwrap_or_default().to_lowercase()
}

/// The URL's host, and the domains above it.
fn list_domains(url: &Url) -> Vec<String> {
    let host = host_of(url);
    let mut domains = vec![host.clone()];
    if matches!(url.host(), Some(Host::Domain(_))) {
        let above = host.match_indices('.').map(|(at, _)| host[at + 1..].to_owned());
        domains.extend(above.filter(|domain| !domain.is_empty()));
    }
    domains
}

/// Whether a cookie that is kept under `domain` is sent to `url`, now in seconds since the epoch.
fn is_sent(cookie: &SessionCookie, url: &Url, domain: &str, now: i64) -> bool {
    (!cookie.host_only || domain == host_of(url))
        && (!cookie.secure || url.scheme() == "https" || (cfg!(windows) && crate::template::is_loopback(url)))
        && cookie.expires_at.is_none_or(|at| at > now)
        && matches_path(&cookie.path, url.path())
}

/// RFC 6265, 5.1.4.
fn matches_path(cookie: &str, asked: &str) -> bool {
    asked
        .strip_prefix(cookie)
        .is_some_and(|rest| rest.is_empty() || cookie.ends_with('/') || rest.starts_with('/'))
}

/// RFC 6265, 5.1.4.
fn default_path(url: &Url) -> String {
    match url.path().rfind('/') {
        None | Some(0) => "/".to_owned(),
        Some(at) => url.path()[..at].to_owned(),
    }
}

//! Which cookies the session's window keeps and sends. The console knows them from its gateway (`WindowCookies`), so it
//! has to refuse what the window's engine refuses. Measured with WebKitGTK 2.50 (libsoup 3) on `localhost`,
//! `app.localhost`, `127.0.0.1` and `[::1]`: it never keeps `Secure` cookies over http, not even on loopback; it
//! refuses a `Domain` that does not cover the host or has no dot (`localhost`); it ignores the prefixes `__Host-` and
//! `__Secure-`; and it accepts `SameSite=None` without `Secure`. Chromium (WebView2) treats loopback as secure and
//! enforces both the prefixes and `SameSite`.

use cookie_store::{Cookie, RawCookie};
use url::{Host, Url};

use crate::browser::SessionCookie;

const IS_CHROMIUM: bool = cfg!(windows);
/// Only WebKitGTK ignores the prefixes (RFC 6265bis, 4.1.3).
const HOLDS_TO_PREFIXES: bool = !cfg!(target_os = "linux");

/// A cookie that was set and that the window does not keep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CookieProblem {
    pub name: String,
    /// Completes "the cookie `name` …".
    pub why: String,
}

impl std::fmt::Display for CookieProblem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the cookie `{}` {}", self.name, self.why)
    }
}

/// Why the window does not keep this cookie of an answer from `url`; `None` if it does.
pub(super) fn find_store_problem(cookie: &RawCookie<'_>, url: &Url) -> Option<CookieProblem> {
    let secure = cookie.secure() == Some(true);
    let domain = cookie.domain().filter(|domain| !domain.is_empty());
    let why = of_transport(secure, url)
        .or_else(|| domain.and_then(|domain| of_domain(domain, url)))
        .or_else(|| of_prefix(cookie.name(), secure, domain.is_some(), cookie.path() == Some("/")))
        .or_else(|| {
            let is_none = cookie.same_site().is_some_and(|site| site.is_none());
            (IS_CHROMIUM && is_none && !secure)
                .then(|| "has `SameSite=None` without `Secure`, which Chromium does not keep".to_owned())
        })?;
    Some(CookieProblem { name: cookie.name().to_owned(), why })
}

/// Why the window, having this cookie, does not send it to `url`; `None` if none of its attributes prevents it.
pub(super) fn find_send_problem(cookie: &SessionCookie, url: &Url) -> Option<CookieProblem> {
    let why = of_transport(cookie.secure, url)
        .or_else(|| of_prefix(&cookie.name, cookie.secure, !cookie.host_only, cookie.path == "/"))?;
    Some(CookieProblem { name: cookie.name.clone(), why })
}

/// Why a cookie for `path` is not sent to `url`. `is_said`: whether the cookie has a `Path` attribute.
pub(super) fn of_path(name: &str, path: &str, is_said: bool, url: &Url) -> CookieProblem {
    let whose = if is_said {
        format!("is for `{path}` and what is below it")
    } else {
        format!("was set without `Path`, so it is for `{path}` and what is below it")
    };
    let why = format!("{whose}, but `{}` is not: set it with `Path=/`", url.path());
    CookieProblem { name: name.to_owned(), why }
}

/// Whether this cookie of an answer from `url` deletes an existing one.
pub(super) fn find_deletion(cookie: &RawCookie<'_>, url: &Url) -> Option<CookieProblem> {
    let is_over = Cookie::try_from_raw_cookie(cookie, url).is_ok_and(|cookie| cookie.is_expired());
    let how = if cookie.max_age().is_some() { "Max-Age" } else { "Expires" };
    is_over.then(|| CookieProblem {
        name: cookie.name().to_owned(),
        why: format!("was deleted by the answer, whose `{how}` makes it expire at once"),
    })
}

fn of_transport(secure: bool, url: &Url) -> Option<String> {
    let takes_loopback = IS_CHROMIUM && crate::template::is_loopback(url);
    (secure && url.scheme() == "http" && !takes_loopback).then(|| {
        "is marked `Secure`, but the address is http: windows keep such a cookie on https only, on this computer too"
            .to_owned()
    })
}

fn of_domain(domain: &str, url: &Url) -> Option<String> {
    let host = url.host_str()?.trim_matches(['[', ']']).to_lowercase();
    let domain = domain.trim_start_matches('.').to_lowercase();
    let is_name = matches!(url.host(), Some(Host::Domain(_)));
    let covers = host == domain || is_name && host.ends_with(&format!(".{domain}"));
    if !covers {
        return Some(format!("is for the domain `{domain}`, but the address is at `{host}`"));
    }
    (is_name && !domain.contains('.'))
        .then(|| format!("is for all of `{domain}`, which windows refuse: leave `Domain` out"))
}

fn of_prefix(name: &str, secure: bool, has_domain: bool, is_at_root: bool) -> Option<String> {
    if !HOLDS_TO_PREFIXES {
        return None;
    }
    let lower = name.to_lowercase();
    let fits = if lower.starts_with("__host-") { secure && !has_domain && is_at_root } else { secure };
    (lower.starts_with("__host-") || lower.starts_with("__secure-")).then_some(()).filter(|()| !fits)?;
    Some(
        "has a name that requires `Secure` (`__Host-` also `Path=/` and no `Domain`), but was set without it"
            .to_owned(),
    )
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    fn why(set: &str, url: &str) -> Option<String> {
        find_store_problem(&RawCookie::parse(set).expect("a cookie"), &url.parse().expect("a URL"))
            .map(|unkept| unkept.why)
    }

    #[test]
    fn a_cookie_that_ends_at_once_is_a_deletion() {
        let how = |set: &str| {
            let raw = RawCookie::parse(set.to_owned()).expect("a cookie");
            find_deletion(&raw, &"http://127.0.0.1/login".parse().expect("a URL")).map(|gone| gone.why)
        };
        for set in [
            "sid=; Max-Age=0",
            "sid=1; Path=/; Max-Age=-1",
            "sid=; Max-Age=0; Expires=Fri, 01 Jan 2100 00:00:00 GMT",
        ] {
            assert!(how(set).is_some_and(|why| why.contains("`Max-Age`")), "{set}");
        }
        for set in [
            "sid=deleted; Expires=Thu, 01 Jan 1970 00:00:01 GMT",
            "sid=; expires=Thu, 01-Jan-1970 00:00:00 GMT; path=/",
        ] {
            assert!(how(set).is_some_and(|why| why.contains("`Expires`")), "{set}");
        }
        for set in [
            "sid=",
            "sid=1; Max-Age=60",
            "sid=1; Expires=Fri, 01 Jan 2100 00:00:00 GMT",
            "sid=1; Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
        ] {
            assert_eq!(how(set), None, "{set}");
        }
    }

    /// What WebKitGTK 2.50 kept and sent again, host by host.
    #[test]
    fn cookies_are_kept_as_the_windows_engine_keeps_them() {
        for host in ["localhost", "app.localhost", "127.0.0.1", "[::1]"] {
            let url = format!("http://{host}:8000/login");
            for kept in [
                "a=1; Path=/",
                "a=1; Path=/; SameSite=Strict",
                "a=1; Path=/; SameSite=None",
                "__Host-a=1; Path=/",
                "__Secure-a=1; Path=/",
                "a=1",
            ] {
                assert_eq!(why(kept, &url), None, "{kept} at {host}");
            }
            for refused in [
                "a=1; Path=/; Secure",
                "__Host-a=1; Path=/; Secure",
                "a=1; Path=/; Secure; SameSite=None",
                "a=1; Path=/; Domain=evil.example",
                "a=1; Path=/; Domain=localhost",
            ] {
                assert!(why(refused, &url).is_some(), "{refused} at {host}");
            }
        }
        assert_eq!(why("a=1; Domain=app.localhost", "http://app.localhost/"), None);
        assert_eq!(why("a=1; Domain=127.0.0.1", "http://127.0.0.1/"), None);
        assert_eq!(why("a=1; Domain=.acme.example; Secure", "https://app.acme.example/"), None);
        assert!(why("a=1; Domain=other.example", "https://app.acme.example/").is_some());
        assert!(why("a=1; Domain=0.0.1", "http://127.0.0.1/").is_some());
    }
}

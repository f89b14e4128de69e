//! Origins by name: one host, or all its subdomains, with scheme and port.

use std::fmt;

use url::{Host, Url};

use super::HostPattern;

/// `https://api.shop.example`, or `https://*.shop.example:8443` for the subdomains of a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OriginPattern {
    is_secure: bool,
    host: HostPattern,
    port: u16,
}

impl OriginPattern {
    /// Without a scheme, it is https; without a port, the scheme's own.
    ///
    /// # Errors
    /// Says what is wrong with the pattern.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let (is_secure, rest) = match text.split_once("://") {
            Some(("https", rest)) => (true, rest),
            Some(("http", rest)) => (false, rest),
            Some(_) => return Err("begins with `https://` or `http://`; a web socket counts as one of them"),
            None => (true, text),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        if rest.contains(['/', '?', '#', '@']) {
            return Err("has only scheme, host and port: `https://api.example.com`");
        }
        let (host, port) = match rest.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => {
                let is_number = port.bytes().all(|byte| byte.is_ascii_digit());
                let number = port.parse().ok().filter(|number| is_number && *number != 0);
                (host, number.ok_or("has a port between 1 and 65535")?)
            }
            _ => (rest, if is_secure { 443 } else { 80 }),
        };
        Ok(Self { is_secure, host: parse_host(host)?, port })
    }

    /// The origin of this address alone; `None` if it has none that a pattern could name.
    pub(crate) fn for_url(url: &Url) -> Option<Self> {
        let port = url.port_or_known_default()?;
        let pattern = Self { is_secure: is_secure(url)?, host: HostPattern::for_host(url.host_str()?), port };
        pattern.matches(url).then_some(pattern)
    }

    /// Whether an address has this origin. A web socket's counts as the one of http or https.
    pub fn matches(&self, url: &Url) -> bool {
        let host = url.host_str().unwrap_or_default();
        is_secure(url) == Some(self.is_secure)
            && url.port_or_known_default() == Some(self.port)
            // The same host for most servers, but not for all.
            && !host.ends_with('.')
            && self.host.matches(host)
    }

    /// The host, if it is only one.
    pub fn single_host(&self) -> Option<&str> {
        self.host.single_name()
    }
}

/// As it is written in a connection file.
impl fmt::Display for OriginPattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, known) = if self.is_secure { ("https", 443) } else { ("http", 80) };
        write!(formatter, "{scheme}://{}", self.host)?;
        if self.port == known { Ok(()) } else { write!(formatter, ":{}", self.port) }
    }
}

fn is_secure(url: &Url) -> Option<bool> {
    match url.scheme() {
        "https" | "wss" => Some(true),
        "http" | "ws" => Some(false),
        _ => None,
    }
}

/// A host as addresses have it: `bücher.example` is `xn--bcher-kva.example`.
fn parse_host(text: &str) -> Result<HostPattern, &'static str> {
    let (wild, name) = text.strip_prefix("*.").map_or(("", text), |name| ("*.", name));
    let plain =
        Host::parse(name).map_err(|_| "names a host, such as `api.example.com` or `*.example.com`")?;
    if !wild.is_empty() && !matches!(plain, Host::Domain(_)) {
        return Err("has `*` for names only, not for the numbers of an address");
    }
    HostPattern::parse(&format!("{wild}{plain}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pattern(text: &str) -> OriginPattern {
        OriginPattern::parse(text).unwrap_or_else(|what| panic!("{text}: {what}"))
    }

    #[test]
    fn an_origin_has_scheme_host_and_port() {
        let url = |text: &str| Url::parse(text).expect("a URL");
        for (written, plain, fits) in [
            ("api.shop.example", "https://api.shop.example", "wss://api.shop.example/live"),
            ("https://API.shop.example/", "https://api.shop.example", "https://api.shop.example:443/a?b"),
            ("https://*.shop.example:8443", "https://*.shop.example:8443", "https://a.b.shop.example:8443/"),
            ("http://[::1]:3000", "http://[::1]:3000", "ws://[::1]:3000/"),
            ("http://127.0.0.1:80", "http://127.0.0.1", "http://127.0.0.1/"),
            ("bücher.example", "https://xn--bcher-kva.example", "https://bücher.example/"),
        ] {
            let pattern = pattern(written);
            assert_eq!(pattern.to_string(), plain);
            assert!(pattern.matches(&url(fits)), "{written} {fits}");
        }
        for (written, other) in [
            ("api.shop.example", "http://api.shop.example/"),
            ("api.shop.example", "https://api.shop.example:8443/"),
            ("api.shop.example", "https://api.shop.example./"),
            ("api.shop.example", "https://shop.example/"),
            ("*.shop.example", "https://shop.example/"),
            ("*.shop.example", "https://evilshop.example/"),
            ("http://api.shop.example", "wss://api.shop.example/"),
        ] {
            assert!(!pattern(written).matches(&url(other)), "{written} {other}");
        }
        for wrong in [
            "",
            "https://",
            "*.com",
            "*",
            "wss://a.example",
            "https://a.example/b",
            "https://u@a.example",
            "a.example:",
            "a.example:0",
            "a.example:x",
            "a.example:99999",
            "*.0.0.1",
            "a b.example",
            "[::1",
        ] {
            assert!(OriginPattern::parse(wrong).is_err(), "{wrong}");
        }
        assert_eq!(pattern("a.example").single_host(), Some("a.example"));
        assert_eq!(pattern("*.a.example").single_host(), None);
    }

    proptest! {
        /// The pattern of an address, written and read back, matches that origin and no other.
        #[test]
        fn the_pattern_of_an_address_is_its_origin_alone(
            one in "(https?|wss?)://(a|b|a\\.b|b\\.a|127\\.0\\.0\\.1|\\[::1\\])\\.?(:(80|443|3000))?/",
            other in "(https?|wss?)://(a|b|a\\.b|b\\.a|127\\.0\\.0\\.1|\\[::1\\])\\.?(:(80|443|3000))?/",
        ) {
            let (Ok(one), Ok(other)) = (Url::parse(&one), Url::parse(&other)) else { return Ok(()) };
            let Some(pattern) = OriginPattern::for_url(&one) else { return Ok(()) };
            prop_assert_eq!(&OriginPattern::parse(&pattern.to_string()).expect("as it was written"), &pattern);
            let place = |url: &Url| (is_secure(url), url.host_str().map(str::to_owned), url.port_or_known_default());
            prop_assert!(pattern.matches(&one));
            prop_assert_eq!(pattern.matches(&other), place(&one) == place(&other));
        }
    }
}

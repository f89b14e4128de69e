//! Hosts by name, alone or with all their subdomains.

use std::fmt;

/// `shop.example`, or `*.shop.example` for its subdomains.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPattern {
    name: String,
    with_subdomains_only: bool,
}

impl HostPattern {
    /// # Errors
    /// Says what is wrong with the pattern.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let text = text.trim().to_ascii_lowercase();
        let (name, with_subdomains_only) = match text.strip_prefix("*.") {
            Some(rest) => (rest, true),
            None => (text.as_str(), false),
        };
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte);
        let name = name.trim_end_matches('.');
        if name.is_empty() || !name.bytes().all(is_name) {
            return Err("is a host's name, such as `shop.example` or `*.shop.example`");
        }
        if with_subdomains_only && !name.contains('.') {
            return Err("does not stand for a whole top-level domain");
        }
        Ok(Self { name: name.to_owned(), with_subdomains_only })
    }

    /// This host alone.
    pub(crate) fn for_host(host: &str) -> Self {
        Self { name: host.trim_end_matches('.').to_ascii_lowercase(), with_subdomains_only: false }
    }

    /// Its name, if it is one host alone.
    pub(super) fn single_name(&self) -> Option<&str> {
        (!self.with_subdomains_only).then_some(self.name.as_str())
    }

    pub fn matches(&self, host: &str) -> bool {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        if self.with_subdomains_only {
            host.strip_suffix(&self.name).is_some_and(|rest| rest.ends_with('.') && rest.len() > 1)
        } else {
            host == self.name
        }
    }
}

/// As it is written in a connection file.
impl fmt::Display for HostPattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}{}", if self.with_subdomains_only { "*." } else { "" }, self.name)
    }
}

/// Services for analytics, session replay and chat: they would record what an operator does as if the customer had done
/// it. The hosts are those that the services document for their scripts.
pub const TELEMETRY_HOSTS: [&str; 38] = [
    "www.google-analytics.com",
    "*.google-analytics.com",
    "*.analytics.google.com",
    "www.googletagmanager.com",
    "stats.g.doubleclick.net",
    "*.segment.io",
    "*.segment.com",
    "*.amplitude.com",
    "*.mixpanel.com",
    "*.mxpnl.com",
    "*.heapanalytics.com",
    "*.posthog.com",
    "*.matomo.cloud",
    "plausible.io",
    "*.hotjar.com",
    "*.hotjar.io",
    "*.fullstory.com",
    "*.logrocket.io",
    "*.logrocket.com",
    "*.lr-ingest.io",
    "*.mouseflow.com",
    "*.smartlook.com",
    "*.smartlook.cloud",
    "*.clarity.ms",
    "*.contentsquare.net",
    "*.quantummetric.com",
    "*.intercom.io",
    "*.intercomcdn.com",
    "*.drift.com",
    "*.driftt.com",
    "client.crisp.chat",
    "*.tawk.to",
    "*.hs-analytics.net",
    "*.hs-scripts.com",
    "*.pendo.io",
    "connect.facebook.net",
    "bat.bing.com",
    "snap.licdn.com",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_known_alone_or_with_what_is_below_it() {
        let pattern = |text| HostPattern::parse(text).expect("a pattern");
        assert!(
            pattern("Shop.example").matches("shop.example")
                && pattern("shop.example").matches("SHOP.EXAMPLE.")
        );
        assert!(pattern("shop.example.").matches("shop.example"));
        assert!(!pattern("shop.example").matches("a.shop.example"));
        assert!(pattern("*.shop.example").matches("a.b.shop.example"));
        for other in ["shop.example", "evilshop.example", ".shop.example", "shop.example.evil"] {
            assert!(!pattern("*.shop.example").matches(other), "{other}");
        }
        for wrong in ["", "*.", "*.com", "https://shop.example", "shop.example/a", "*"] {
            assert!(HostPattern::parse(wrong).is_err(), "{wrong}");
        }
        for known in TELEMETRY_HOSTS {
            pattern(known);
        }
    }
}

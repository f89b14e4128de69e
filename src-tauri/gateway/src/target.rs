//! The server that a webview asked the gateway for.

use std::fmt;

use http::uri::{Authority, Scheme, Uri};

/// A host and a port. IPv6 addresses are without brackets.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Target {
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl Target {
    /// Parses `host:port`, as in a CONNECT request.
    pub(crate) fn from_authority(authority: &Authority, default_port: u16) -> Self {
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
        Self { host, port: authority.port_u16().unwrap_or(default_port) }
    }

    /// The target as a URL's authority, without the port that the scheme implies.
    pub(crate) fn to_authority(&self, scheme: &Scheme) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        if default_port(scheme) == self.port { host } else { format!("{host}:{}", self.port) }
    }

    /// Whether a request's `Host` names this target.
    pub(crate) fn is_named_by(&self, host: &str, scheme: &Scheme) -> bool {
        host.parse::<Authority>()
            .is_ok_and(|authority| Self::from_authority(&authority, default_port(scheme)) == *self)
    }

    /// The URL of a path on this server.
    ///
    /// # Errors
    /// If `path` is not valid in a URL.
    pub(crate) fn to_uri(&self, scheme: &Scheme, path: &str) -> Result<Uri, http::Error> {
        Uri::builder()
            .scheme(scheme.clone())
            .authority(self.to_authority(scheme))
            .path_and_query(path)
            .build()
    }
}

impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(formatter, "[{}]:{}", self.host, self.port)
        } else {
            write!(formatter, "{}:{}", self.host, self.port)
        }
    }
}

pub(crate) fn default_port(scheme: &Scheme) -> u16 {
    if *scheme == Scheme::HTTPS { 443 } else { 80 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_written_as_urls_write_it() {
        let at =
            |authority: &str, port| Target::from_authority(&authority.parse().expect("an authority"), port);
        assert_eq!(at("Shop.example:443", 443).to_authority(&Scheme::HTTPS), "shop.example");
        assert_eq!(at("shop.example:443", 443).to_authority(&Scheme::HTTP), "shop.example:443");
        assert_eq!(at("[::1]:8080", 80).to_authority(&Scheme::HTTP), "[::1]:8080");
        assert_eq!(at("[::1]:8080", 80).to_string(), "[::1]:8080");
        let shop = at("shop.example:443", 443);
        assert!(
            shop.is_named_by("SHOP.example", &Scheme::HTTPS)
                && shop.is_named_by("shop.example:443", &Scheme::HTTPS)
        );
        assert!(
            !shop.is_named_by("shop.example", &Scheme::HTTP)
                && !shop.is_named_by("other.example", &Scheme::HTTPS)
        );
    }
}

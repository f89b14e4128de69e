//! The company's proxy: as `[network] proxy` names it, or else as the system does.

use std::net::IpAddr;
use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::{HeaderValue, Uri};
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use crate::GatewayError;
use crate::credentials::encode_basic;

/// An `http://` or `socks5://` proxy between the gateway and the application.
#[derive(Debug, Clone)]
pub struct OutboundProxy {
    uri: Uri,
    is_socks: bool,
    credentials: Option<(String, SecretString)>,
}

impl OutboundProxy {
    /// Parses a URL with or without credentials.
    ///
    /// # Errors
    /// If the scheme is another one, or there is no host.
    pub fn from_url(url: &Url) -> Result<Self, GatewayError> {
        let unusable = || GatewayError::Proxy(url.scheme().to_owned());
        let is_socks = match url.scheme() {
            "http" => false,
            "socks5" | "socks5h" => true,
            _ => return Err(unusable()),
        };
        let host = url.host_str().ok_or_else(unusable)?;
        let port = url.port().unwrap_or(if is_socks { 1080 } else { 80 });
        let uri = format!("http://{host}:{port}").parse().map_err(|_| unusable())?;
        let decode = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
        let credentials = (!url.username().is_empty())
            .then(|| (decode(url.username()), decode(url.password().unwrap_or_default()).into()));
        Ok(Self { uri, is_socks, credentials })
    }

    /// `host:port`, for messages.
    pub(crate) fn address(&self) -> &str {
        self.uri.authority().map_or("", |authority| authority.as_str())
    }

    pub(crate) fn uri(&self) -> &Uri {
        &self.uri
    }

    pub(crate) fn is_socks(&self) -> bool {
        self.is_socks
    }

    pub(crate) fn credentials(&self) -> Option<(String, String)> {
        let (user, password) = self.credentials.as_ref()?;
        Some((user.clone(), password.expose_secret().to_owned()))
    }

    pub(crate) fn to_basic_header(&self) -> Option<HeaderValue> {
        let (user, password) = self.credentials.as_ref().filter(|_| !self.is_socks)?;
        encode_basic(user, password.expose_secret())
    }
}

/// Which proxy leads to which server.
#[derive(Clone)]
pub(crate) enum ProxyRoute {
    Fixed(OutboundProxy),
    /// The environment's variables (`https_proxy`, `no_proxy`, …), or the setting of Windows or macOS.
    System(Arc<Matcher>),
}

impl ProxyRoute {
    /// Through this proxy, or without one as the system says.
    pub(crate) fn new(fixed: Option<OutboundProxy>) -> Self {
        fixed.map_or_else(|| Self::System(Arc::new(Matcher::from_system())), Self::Fixed)
    }

    /// The proxy to this server; `None` if it is reached directly.
    pub(crate) fn find_proxy(&self, server: &Uri) -> Option<OutboundProxy> {
        match self {
            Self::Fixed(proxy) => Some(proxy.clone()),
            // As in browsers, no system's proxy leads to this computer.
            Self::System(_) if is_loopback(server) => None,
            Self::System(matcher) => matcher.intercept(server).and_then(|found| to_outbound(&found)),
        }
    }
}

fn is_loopback(server: &Uri) -> bool {
    let host = server.host().unwrap_or_default().trim_matches(['[', ']']).trim_end_matches('.');
    host.eq_ignore_ascii_case("localhost")
        || host.to_ascii_lowercase().ends_with(".localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// `None` for schemes that no proxy here speaks.
fn to_outbound(found: &Intercept) -> Option<OutboundProxy> {
    let url = Url::parse(&found.uri().to_string()).ok()?;
    let credentials = found.raw_auth().map(|(user, password)| (user.to_owned(), password.to_owned().into()));
    let proxy = OutboundProxy::from_url(&url).ok()?;
    Some(OutboundProxy { credentials: credentials.or_else(|| decode_basic(found.basic_auth()?)), ..proxy })
}

fn decode_basic(header: &HeaderValue) -> Option<(String, SecretString)> {
    let encoded = header.to_str().ok()?.strip_prefix("Basic ")?;
    let pair = String::from_utf8(BASE64_STANDARD.decode(encoded).ok()?).ok()?;
    let (user, password) = pair.split_once(':')?;
    Some((user.to_owned(), password.to_owned().into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_systems_proxy_leads_everywhere_but_to_this_computer_and_to_what_it_leaves_out() {
        let matcher = Matcher::builder()
            .https("http://ada:secret%21@proxy.example:3128")
            .http("socks5://proxy.example")
            .no("intranet.example")
            .build();
        let route = ProxyRoute::System(Arc::new(matcher));
        let find = |uri: &str| route.find_proxy(&uri.parse().expect("a URI"));
        let https = find("https://app.example/").expect("a proxy");
        assert_eq!((https.address(), https.is_socks()), ("proxy.example:3128", false));
        assert_eq!(https.credentials(), Some(("ada".into(), "secret!".into())));
        let http = find("http://app.example/").expect("a proxy");
        assert_eq!((http.address(), http.is_socks()), ("proxy.example:1080", true));
        for direct in [
            "https://intranet.example/",
            "http://127.0.0.1:1/",
            "https://localhost/",
            "http://[::1]/",
            "http://a.localhost/",
        ] {
            assert!(find(direct).is_none(), "{direct}");
        }
    }
}

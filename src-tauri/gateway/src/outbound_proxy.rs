//! The company's proxy, as `[network] proxy` names it.

use http::{HeaderValue, Uri};
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

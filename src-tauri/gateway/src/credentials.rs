//! HTTP Basic for a gateway or proxy that stands in front of the application and wants a password of its own.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::HeaderValue;
use parking_lot::RwLock;
use secrecy::{ExposeSecret as _, SecretString};
use url::{Origin, Url};

/// The user name and password that one origin wants before it lets a request through to the application.
#[derive(Debug, Clone)]
pub struct HostCredentials {
    pub origin: Origin,
    pub user: String,
    pub password: SecretString,
}

/// The credentials of a session, ready to be sent.
pub(crate) struct CredentialStore(RwLock<Vec<(Origin, HeaderValue)>>);

impl CredentialStore {
    pub(crate) fn new(credentials: Vec<HostCredentials>) -> Self {
        let store = Self(RwLock::default());
        store.replace(credentials);
        store
    }

    pub(crate) fn replace(&self, credentials: Vec<HostCredentials>) {
        let encode = |known: HostCredentials| {
            Some((known.origin, encode_basic(&known.user, known.password.expose_secret())?))
        };
        *self.0.write() = credentials.into_iter().filter_map(encode).collect();
    }

    /// The `Authorization` for an address: none for any other origin, not even the same host's without TLS.
    pub(crate) fn find_for(&self, url: &Url) -> Option<HeaderValue> {
        let known = self.0.read();
        known.iter().find(|(origin, _)| *origin == url.origin()).map(|(_, header)| header.clone())
    }
}

/// The value of an `Authorization` or `Proxy-Authorization` header (RFC 7617), which no debug output shows.
pub(crate) fn encode_basic(user: &str, password: &str) -> Option<HeaderValue> {
    let encoded = BASE64_STANDARD.encode(format!("{user}:{password}"));
    let mut header = HeaderValue::try_from(format!("Basic {encoded}")).ok()?;
    header.set_sensitive(true);
    Some(header)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_for_one_origin_and_no_debug_output() {
        let url = |text: &str| Url::parse(text).expect("a URL");
        let known = HostCredentials {
            origin: url("https://app.example").origin(),
            user: "gate".into(),
            password: "canary".to_owned().into(),
        };
        assert!(!format!("{known:?}").contains("canary"));
        let store = CredentialStore::new(vec![known]);
        let header = store.find_for(&url("https://app.example/a")).expect("credentials");
        assert_eq!(header, format!("Basic {}", BASE64_STANDARD.encode("gate:canary")));
        assert!(!format!("{header:?}").contains("Basic"));
        for other in ["http://app.example/", "https://app.example:8443/", "https://a.app.example/", "data:,x"]
        {
            assert!(store.find_for(&url(other)).is_none(), "{other}");
        }
        store.replace(Vec::new());
        assert!(store.find_for(&url("https://app.example/")).is_none());
    }
}

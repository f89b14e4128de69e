//! The console's own way to the application: requests with cookies of their own, for the steps of a
//! sign-in. One client belongs to one session and is forgotten with it. It follows no redirect by itself,
//! reads no more than [`LONGEST`], and nothing that it holds can be printed.
//!
//! `sending` sends requests, `cookies` keeps the cookies of their answers, `reply` reads an answer, `secrets` collects
//! what to mask.

mod cookies;
mod reply;
mod secrets;
mod sending;
#[cfg(test)]
mod tests;

use cookie_store::CookieStore;
use reqwest::redirect::Policy;
use std::sync::Arc;

use secrecy::SecretString;
use serde_json::{Map, Value};
use understudy_gateway::CredentialStore;

use super::authorities;
use super::cookie_rules::CookieProblem;
use crate::connection::Network;
use crate::error::{Error, Result};
use crate::user_agent::user_agent;
use crate::zeroizing_json::wipe_fields;

pub use reply::Reply;
pub(super) use secrets::collect_texts;
pub use sending::LONGEST;
pub(crate) use sending::encode_latin1;

/// The most headers of an answer.
pub(crate) const MOST_HEADERS: usize = 2_000;

/// The requests of one session, with the cookies and captured values so far.
pub struct Client {
    http: reqwest::Client,
    cookies: CookieStore,
    /// Every cookie that was ever set, as name, domain and path: the store does not keep their order.
    first_set: Vec<(String, String, String)>,
    captured: Map<String, Value>,
    /// Not captured, but secret all the same: signed tokens, values that a refused step captured.
    hidden: Vec<SecretString>,
    /// Cookies that were deleted and not set again.
    deleted: Vec<CookieProblem>,
    /// Where answers led unexpectedly, in sentences.
    astray: Vec<String>,
    /// An answer may have started something in the application that has to be ended.
    has_begun: bool,
    /// A request of the sign-in was sent, and its outcome is unknown.
    is_left_open: bool,
    /// For hosts that want a user name and a password.
    credentials: Arc<CredentialStore>,
}

/// What the console's own requests are sent with: it follows no redirect. Fails with
/// [`FileFailed`](crate::error::Code::FileFailed) if `network.ca` cannot be read.
pub(crate) fn http_client(network: &Network) -> Result<reqwest::Client> {
    let mut http = reqwest::Client::builder()
        .redirect(Policy::none())
        // A window accepts this many, and some applications set a cookie for everything.
        .http1_max_headers(MOST_HEADERS)
        .user_agent(user_agent());
    if let Some(proxy) = &network.proxy {
        http = http.proxy(reqwest::Proxy::all(proxy.clone()).map_err(Error::internal)?);
    }
    let authority = network.read_authority()?;
    if !authority.is_empty() {
        let certificates = reqwest::Certificate::from_pem_bundle(&authority).map_err(Error::internal)?;
        http = http.tls_certs_merge(certificates);
    }
    authorities::check_authorities()?;
    // Nothing else can fail here: <https://docs.rs/reqwest/latest/reqwest/struct.ClientBuilder.html#method.build>
    http.build().map_err(|cause| authorities::explain_lack(&describe_failure(&cause), network.ca.as_deref()))
}

impl Client {
    /// The console's own client. Fails with [`FileFailed`](crate::error::Code::FileFailed) if `network.ca` cannot be
    /// read.
    pub fn new(network: &Network) -> Result<Self> {
        Ok(Self::over(http_client(network)?))
    }

    /// A client that knows nothing, with this one's way to the application: for `tests/fuzz`, which needs thousands in a
    /// second, while it takes milliseconds to read the authorities.
    #[doc(hidden)]
    #[must_use]
    pub fn another(&self) -> Self {
        Self::over(self.http.clone())
    }

    fn over(http: reqwest::Client) -> Self {
        Self {
            http,
            cookies: CookieStore::new(),
            first_set: Vec::new(),
            captured: Map::new(),
            hidden: Vec::new(),
            deleted: Vec::new(),
            astray: Vec::new(),
            has_begun: false,
            is_left_open: false,
            credentials: Arc::default(),
        }
    }

    /// Sends these user names and passwords to the hosts that they are for.
    pub fn use_credentials(&mut self, credentials: Arc<CredentialStore>) {
        self.credentials = credentials;
    }

    /// Records that from now on the application may have something that has to be ended.
    pub fn mark_begun(&mut self) {
        self.has_begun = true;
    }

    pub fn has_begun(&self) -> bool {
        self.has_begun
    }

    /// Records that the application never answered a request of the sign-in and may have acted on it, or still do.
    pub fn leave_open(&mut self) {
        self.has_begun = true;
        self.is_left_open = true;
    }

    pub fn is_left_open(&self) -> bool {
        self.is_left_open
    }

    /// Records where an answer led, for the message if no one turns out to be signed in.
    pub fn led_astray(&mut self, sentence: String) {
        self.astray.push(sentence);
    }

    pub fn stray_notes(&self) -> &[String] {
        &self.astray
    }

    /// What was captured so far, as templates see it.
    pub fn captured_values(&self) -> &Map<String, Value> {
        &self.captured
    }

    pub fn add_capture(&mut self, name: &str, value: Value) {
        self.captured.insert(name.to_owned(), value);
    }

    /// Masks these values in everything that is shown from now on.
    pub fn hide_values(&mut self, values: Vec<String>) {
        self.hidden.extend(values.into_iter().map(SecretString::from));
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        wipe_fields(&mut self.captured);
    }
}

/// The innermost cause, which says what happened without the URL.
pub(crate) fn describe_failure(cause: &reqwest::Error) -> String {
    if cause.is_timeout() {
        return "it took too long".into();
    }
    let mut source: &dyn std::error::Error = cause;
    while let Some(inner) = source.source() {
        source = inner;
    }
    source.to_string()
}

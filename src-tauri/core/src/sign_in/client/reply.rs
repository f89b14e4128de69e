//! The answer to a request of a client.

use reqwest::header::{HeaderMap, HeaderValue, LOCATION, SET_COOKIE};
use secrecy::zeroize::Zeroize;
use url::Url;

use crate::browser::Answer;

/// The answer to a request.
pub struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: String,
    /// The body is longer than what is read of one.
    pub is_cut: bool,
    /// The URL of the answered request; after redirects, of the last one.
    pub url: Url,
}

impl Drop for Reply {
    fn drop(&mut self) {
        self.body.zeroize();
    }
}

impl Reply {
    /// The absolute URL that it redirects to.
    pub fn redirects_to(&self) -> Option<Url> {
        let location = self.headers.get(LOCATION)?.to_str().ok()?;
        (300..400).contains(&self.status).then(|| self.url.join(location).ok()).flatten()
    }

    /// The answer as `judge` needs it.
    pub fn to_answer(&self) -> Answer {
        let told = self.headers.iter().filter(|(name, _)| *name != SET_COOKIE);
        // One character per byte, like `fetch`.
        let text = |value: &HeaderValue| value.as_bytes().iter().map(|&byte| char::from(byte)).collect();
        let headers = told.map(|(name, value)| (name.to_string(), text(value))).collect();
        Answer { status: self.status, headers, body: self.body.clone() }
    }

    /// How many seconds this computer's clock is ahead of the server's; `None` if the answer has no date.
    pub fn clock_skew(&self, now: i64) -> Option<i64> {
        let date = self.headers.get("date")?.to_str().ok()?;
        let server = jiff::fmt::rfc2822::parse(date).ok()?.timestamp().as_second();
        Some(now - server)
    }
}

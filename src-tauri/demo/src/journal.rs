//! Records what the customer application receives. Tests assert on it, and the tour prints it.
//!
//! The admin token is redacted before a request is recorded, so that no journal can leak it.

use parking_lot::{Mutex, MutexGuard};
use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, SystemTime};

use axum::body::Bytes;
use axum::http::{HeaderMap, header, request::Parts};
use axum::response::Response;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde_json::Value;
use subtle::ConstantTimeEq;
use tokio::sync::watch;

use crate::error::{DemoError, Result};

/// A request, recorded when it arrives and updated when it is answered.
#[derive(Debug, Clone, Serialize)]
pub struct ReceivedRequest {
    /// Counts from 1, in order of arrival.
    pub number: u64,
    /// When it arrived: milliseconds since 1970.
    pub at_ms: u64,
    pub method: String,
    /// Including the query.
    pub path: String,
    /// `origin`, `referer`, `content-type`, `accept`, `user-agent`, and all of `sec-fetch-*` and `x-*`.
    pub headers: BTreeMap<String, String>,
    /// The request's cookies, by name.
    pub cookies: BTreeMap<String, String>,
    /// As text, with the admin token replaced by `••••`.
    pub body: String,
    /// Whether the body's `adminToken` was right.
    pub admin_token_ok: bool,
    /// `None` until it is answered.
    pub status: Option<u16>,
    /// The client disconnected before there was an answer.
    pub cut_off: bool,
    /// Names of the cookies that the response set.
    pub set_cookies: Vec<String>,
    /// The user of the session that the request belongs to or started.
    pub signed_in_as: Option<i64>,
}

impl ReceivedRequest {
    /// The body as JSON, or `Null` if it is not JSON.
    pub fn json_body(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or(Value::Null)
    }
}

/// Added to the response's extensions by the handler that signed a user in.
#[derive(Clone, Copy)]
pub(super) struct SignedIn(pub i64);

/// The last thousand requests.
pub(super) struct Journal {
    entries: Mutex<VecDeque<ReceivedRequest>>,
    changed: watch::Sender<()>,
    admin_token: SecretString,
}

const KEPT: usize = 1000;
const REDACTED: &str = "••••";

impl Journal {
    pub fn new(admin_token: SecretString) -> Self {
        Self { entries: Mutex::default(), changed: watch::Sender::new(()), admin_token }
    }

    fn lock_entries(&self) -> MutexGuard<'_, VecDeque<ReceivedRequest>> {
        // Each update leaves the entry complete, so a panic elsewhere does no harm.
        self.entries.lock()
    }

    pub fn all_entries(&self) -> Vec<ReceivedRequest> {
        self.lock_entries().iter().cloned().collect()
    }

    /// Records a request and returns a handle for its answer.
    pub fn record_arrival(
        &self,
        request: &Parts,
        body: &Bytes,
        signed_in_as: Option<i64>,
    ) -> PendingEntry<'_> {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let (body, admin_token_ok) = self.read_body(body);
        let mut entries = self.lock_entries();
        let number = entries.back().map_or(0, |last| last.number) + 1;
        if entries.len() == KEPT {
            entries.pop_front();
        }
        entries.push_back(ReceivedRequest {
            number,
            at_ms: u64::try_from(now.as_millis()).unwrap_or(u64::MAX),
            method: request.method.to_string(),
            path: self.redact_token(&request.uri.to_string()),
            headers: self.telling_headers(&request.headers),
            cookies: parse_cookies(&request.headers),
            body,
            admin_token_ok,
            status: None,
            cut_off: false,
            set_cookies: Vec::new(),
            signed_in_as,
        });
        drop(entries);
        self.changed.send_replace(());
        PendingEntry { journal: self, number, answered: false }
    }

    /// The first entry, now or later, for which `wanted` is true.
    pub async fn wait_for(
        &self,
        wanted: impl Fn(&ReceivedRequest) -> bool,
        patience: Duration,
    ) -> Result<ReceivedRequest> {
        let mut changed = self.changed.subscribe();
        let found = async {
            loop {
                changed.borrow_and_update();
                let found = self.lock_entries().iter().find(|entry| wanted(entry)).cloned();
                if let Some(found) = found {
                    return found;
                }
                // `self` owns the sender, so the channel cannot close meanwhile.
                let _ = changed.changed().await;
            }
        };
        tokio::time::timeout(patience, found).await.map_err(|_| self.in_vain(patience))
    }

    fn in_vain(&self, patience: Duration) -> DemoError {
        use std::fmt::Write as _;
        let mut received = String::new();
        for ReceivedRequest { number, method, path, status, .. } in self.lock_entries().iter() {
            let status = status.map_or("no answer yet".to_owned(), |status| status.to_string());
            let _ = write!(received, "\n  {number} {method} {path}: {status}");
        }
        let received = if received.is_empty() { "nothing at all".to_owned() } else { received };
        DemoError::new(format!(
            "The demo application waited {patience:?} for a request that did not come; it received: {received}"
        ))
    }

    fn change_entry(&self, number: u64, change: impl FnOnce(&mut ReceivedRequest)) {
        // Newer requests may have pushed it out.
        if let Some(entry) = self.lock_entries().iter_mut().rev().find(|entry| entry.number == number) {
            change(entry);
        }
        self.changed.send_replace(());
    }

    fn read_body(&self, body: &Bytes) -> (String, bool) {
        let text = String::from_utf8_lossy(body);
        let Ok(mut json) = serde_json::from_slice::<Value>(body) else {
            return (self.redact_token(&text), false);
        };
        let ok = json["adminToken"].as_str().is_some_and(|token| self.is_admin_token(token));
        // Parse it instead of searching the text: JSON has several ways to escape a character.
        let text = if self.redact_json(&mut json) { json.to_string() } else { text.into_owned() };
        (text, ok)
    }

    /// Compares in constant time, so that timing does not reveal where the first difference is.
    pub fn is_admin_token(&self, candidate: &str) -> bool {
        candidate.as_bytes().ct_eq(self.admin_token.expose_secret().as_bytes()).into()
    }

    fn redact_token(&self, text: &str) -> String {
        match self.admin_token.expose_secret() {
            "" => text.to_owned(),
            token => text.replace(token, REDACTED),
        }
    }

    /// Replaces the token in every string and key; returns whether it was found.
    fn redact_json(&self, json: &mut Value) -> bool {
        match json {
            Value::String(text) => {
                let redacted = self.redact_token(text);
                let found = redacted != *text;
                *text = redacted;
                found
            }
            Value::Array(items) => items.iter_mut().fold(false, |found, item| self.redact_json(item) | found),
            Value::Object(fields) => {
                let mut found = false;
                for (name, mut field) in std::mem::take(fields) {
                    found |= self.redact_json(&mut field);
                    let redacted = self.redact_token(&name);
                    found |= redacted != name;
                    fields.insert(redacted, field);
                }
                found
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => false,
        }
    }

    fn telling_headers(&self, headers: &HeaderMap) -> BTreeMap<String, String> {
        const TELLING: [&str; 5] = ["origin", "referer", "content-type", "accept", "user-agent"];
        let telling =
            |name: &str| TELLING.contains(&name) || name.starts_with("sec-fetch-") || name.starts_with("x-");
        headers
            .iter()
            .filter(|(name, _)| telling(name.as_str()))
            .map(|(name, value)| {
                (name.to_string(), self.redact_token(&String::from_utf8_lossy(value.as_bytes())))
            })
            .collect()
    }
}

/// A request that waits for its answer. If it is dropped without one, it was cut off.
pub(super) struct PendingEntry<'a> {
    journal: &'a Journal,
    number: u64,
    answered: bool,
}

impl PendingEntry<'_> {
    pub fn record_answer(mut self, response: &Response) {
        self.answered = true;
        let set_cookies = response.headers().get_all(header::SET_COOKIE).iter();
        let names =
            set_cookies.filter_map(|cookie| Some(cookie.to_str().ok()?.split_once('=')?.0.to_owned()));
        let names: Vec<String> = names.collect();
        let signed_in = response.extensions().get::<SignedIn>().map(|SignedIn(id)| *id);
        self.journal.change_entry(self.number, |entry| {
            entry.status = Some(response.status().as_u16());
            entry.set_cookies = names;
            entry.signed_in_as = signed_in.or(entry.signed_in_as);
        });
    }
}

impl Drop for PendingEntry<'_> {
    fn drop(&mut self) {
        if !self.answered {
            self.journal.change_entry(self.number, |entry| entry.cut_off = true);
        }
    }
}

/// A request's cookies by name (RFC 6265, section 5.4).
pub(super) fn parse_cookies(headers: &HeaderMap) -> BTreeMap<String, String> {
    let texts = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let pairs = texts.flat_map(|text| text.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

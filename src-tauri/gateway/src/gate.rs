//! The fence of a running session: its rules, its mode, and the requests that the console itself has announced.

use std::sync::Arc;

use http::{HeaderValue, Method};
use parking_lot::{Mutex, RwLock};
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::fence::{Decision, FenceRules, RequestFacts, SessionMode};

/// Lets one request of the console's own pass, in whatever mode. Dropping it takes back what was not used, so that a
/// page can't send later what a sign-in left out.
#[must_use = "the permission ends when this is dropped"]
pub struct RequestPermit {
    number: u64,
    permits: Arc<Mutex<Permits>>,
}

#[derive(Default)]
struct Permits {
    /// Counts up with every permit.
    last: u64,
    open: Vec<(u64, Method, Url)>,
}

impl Drop for RequestPermit {
    fn drop(&mut self) {
        self.permits.lock().open.retain(|(number, ..)| *number != self.number);
    }
}

pub(crate) struct FenceGate {
    rules: RwLock<FenceRules>,
    /// A sign-in's or sign-out's own requests. Each passes once.
    permits: Arc<Mutex<Permits>>,
    /// Cancelled when the session becomes read-only: an open web socket could go on writing.
    sockets: RwLock<CancellationToken>,
}

impl FenceGate {
    pub(crate) fn new(rules: FenceRules) -> Self {
        Self { rules: RwLock::new(rules), permits: Arc::default(), sockets: RwLock::default() }
    }

    pub(crate) fn mode(&self) -> SessionMode {
        self.rules.read().mode
    }

    pub(crate) fn set_mode(&self, mode: SessionMode) {
        self.rules.write().mode = mode;
        if mode == SessionMode::ReadOnly {
            std::mem::take(&mut *self.sockets.write()).cancel();
        }
    }

    /// Cancelled when the sockets opened so far have to close.
    pub(crate) fn sockets(&self) -> CancellationToken {
        self.sockets.read().clone()
    }

    pub(crate) fn permit_once(&self, method: Method, mut url: Url) -> RequestPermit {
        // No request has one.
        url.set_fragment(None);
        let mut permits = self.permits.lock();
        permits.last += 1;
        let number = permits.last;
        permits.open.push((number, method, url));
        RequestPermit { number, permits: Arc::clone(&self.permits) }
    }

    /// Whether the console has announced this request. That uses up the announcement.
    pub(crate) fn take_permit(&self, method: &Method, url: &Url) -> bool {
        let open = &mut self.permits.lock().open;
        let found = open.iter().position(|(_, permitted, to)| permitted == method && to == url);
        found.map(|at| open.remove(at)).is_some()
    }

    pub(crate) fn needs_body(&self, request: &RequestFacts<'_>) -> bool {
        self.rules.read().needs_body(request)
    }

    pub(crate) fn decide(&self, request: &RequestFacts<'_>) -> Decision {
        self.rules.read().decide(request)
    }

    /// Whether a page of this origin belongs to the application.
    pub(crate) fn is_application_origin(&self, origin: &HeaderValue) -> bool {
        let url = origin.to_str().ok().and_then(|origin| Url::parse(origin).ok());
        url.is_some_and(|url| self.rules.read().is_of_application(&url))
    }

    pub(crate) fn is_of_application(&self, url: &Url) -> bool {
        self.rules.read().is_of_application(url)
    }

    /// The value of `X-Understudy-Mode`, by which the application can refuse writes on its side too.
    pub(crate) fn mode_header(&self, url: &Url) -> Option<HeaderValue> {
        let rules = self.rules.read();
        rules.is_of_application(url).then(|| match rules.mode {
            SessionMode::ReadOnly => HeaderValue::from_static("read-only"),
            SessionMode::Full => HeaderValue::from_static("full"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fence::FenceRules;

    fn gate(mode: SessionMode) -> FenceGate {
        FenceGate::new(FenceRules {
            mode,
            application: Vec::new(),
            blocked_paths: Vec::new(),
            allowed: Vec::new(),
            open_hosts: Vec::new(),
            blocked_hosts: Vec::new(),
        })
    }

    #[test]
    fn a_permit_holds_once_and_ends_when_it_is_dropped() {
        let gate = gate(SessionMode::ReadOnly);
        let url = |path: &str| Url::parse(&format!("https://app.example/{path}")).expect("a URL");
        let _permit = gate.permit_once(Method::POST, url("sign-in#top"));
        assert!(!gate.take_permit(&Method::PUT, &url("sign-in")));
        assert!(gate.take_permit(&Method::POST, &url("sign-in")), "requests have no fragment");
        assert!(!gate.take_permit(&Method::POST, &url("sign-in")));
        drop(gate.permit_once(Method::POST, url("sign-in")));
        assert!(!gate.take_permit(&Method::POST, &url("sign-in")), "the sign-in was given up");
    }

    #[test]
    fn a_socket_let_through_just_before_closes_when_the_session_becomes_read_only() {
        let gate = gate(SessionMode::Full);
        let before = gate.sockets();
        gate.set_mode(SessionMode::ReadOnly);
        assert!(before.is_cancelled() && !gate.sockets().is_cancelled());
    }
}

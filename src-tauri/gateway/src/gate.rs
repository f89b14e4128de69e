//! The fence of a running session: its rules, its mode, and the requests that the console itself has announced.

use http::{HeaderValue, Method};
use parking_lot::RwLock;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::fence::{Decision, FenceRules, RequestFacts, SessionMode};

/// Permits that wait for their request at once; the oldest one goes first.
const PERMIT_LIMIT: usize = 32;

pub(crate) struct FenceGate {
    rules: RwLock<FenceRules>,
    /// A sign-in's or sign-out's own requests. Each passes once.
    permits: RwLock<Vec<(Method, Url)>>,
    /// Cancelled when the session becomes read-only: an open web socket could go on writing.
    sockets: RwLock<CancellationToken>,
}

impl FenceGate {
    pub(crate) fn new(rules: FenceRules) -> Self {
        Self { rules: RwLock::new(rules), permits: RwLock::default(), sockets: RwLock::default() }
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

    pub(crate) fn permit_once(&self, method: Method, mut url: Url) {
        // No request has one.
        url.set_fragment(None);
        let mut permits = self.permits.write();
        if permits.len() == PERMIT_LIMIT {
            permits.remove(0);
        }
        permits.push((method, url));
    }

    /// Whether the console has announced this request. That uses up the announcement.
    pub(crate) fn take_permit(&self, method: &Method, url: &Url) -> bool {
        let mut permits = self.permits.write();
        let found = permits.iter().position(|(permitted, to)| permitted == method && to == url);
        found.map(|at| permits.remove(at)).is_some()
    }

    pub(crate) fn needs_body(&self, request: &RequestFacts<'_>) -> bool {
        self.rules.read().needs_body(request)
    }

    pub(crate) fn decide(&self, request: &RequestFacts<'_>) -> Decision {
        self.rules.read().decide(request)
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
    fn a_permit_holds_once_and_unused_ones_do_not_pile_up() {
        let gate = gate(SessionMode::ReadOnly);
        let url = |path: &str| Url::parse(&format!("https://app.example/{path}")).expect("a URL");
        gate.permit_once(Method::POST, url("sign-in#top"));
        assert!(!gate.take_permit(&Method::PUT, &url("sign-in")));
        assert!(gate.take_permit(&Method::POST, &url("sign-in")), "requests have no fragment");
        assert!(!gate.take_permit(&Method::POST, &url("sign-in")));
        for number in 0..=PERMIT_LIMIT {
            gate.permit_once(Method::POST, url(&number.to_string()));
        }
        assert_eq!(gate.permits.read().len(), PERMIT_LIMIT);
        assert!(!gate.take_permit(&Method::POST, &url("0")) && gate.take_permit(&Method::POST, &url("1")));
    }

    #[test]
    fn a_socket_let_through_just_before_closes_when_the_session_becomes_read_only() {
        let gate = gate(SessionMode::Full);
        let before = gate.sockets();
        gate.set_mode(SessionMode::ReadOnly);
        assert!(before.is_cancelled() && !gate.sockets().is_cancelled());
    }
}

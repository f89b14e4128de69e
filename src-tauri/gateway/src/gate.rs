//! The fence of a running session: its rules, its mode, and the requests that the console itself has announced.

use http::{HeaderValue, Method};
use parking_lot::RwLock;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::fence::{Decision, FenceRules, RequestFacts, SessionMode};

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

    pub(crate) fn permit_once(&self, method: Method, url: Url) {
        self.permits.write().push((method, url));
    }

    /// Whether the console has announced this request. That uses up the announcement.
    pub(crate) fn take_permit(&self, method: &Method, url: &Url) -> bool {
        let mut permits = self.permits.write();
        let found = permits.iter().position(|(permitted, to)| permitted == method && to == url);
        found.map(|at| permits.swap_remove(at)).is_some()
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
        rules.application.contains(&url.origin()).then(|| match rules.mode {
            SessionMode::ReadOnly => HeaderValue::from_static("read-only"),
            SessionMode::Full => HeaderValue::from_static("full"),
        })
    }
}

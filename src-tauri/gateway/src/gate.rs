//! The fence of a running session: its rules, its mode, what was refused, and the requests that the console itself has
//! announced.

use std::sync::Arc;

use http::header::LOCATION;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use parking_lot::{Mutex, RwLock};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use url::{Origin, Url};

use crate::fault::ReachFault;
use crate::fence::{
    Decision, FenceRules, HostPattern, RequestFacts, SessionMode, is_top_level, plain_origin,
};
use crate::held_back_summary::HeldBackSummary;

/// Lets one request of the console's own pass, in whatever mode. Dropping it takes back what was not used, so that a
/// page can't send later what a sign-in left out.
#[must_use = "the permission ends when this is dropped"]
pub struct RequestPermit {
    number: u64,
    permits: Arc<Mutex<Permits>>,
    outcome: SharedOutcome,
}

/// What has come of a request that the console announced. A page sees less of it than the gateway.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum PermitOutcome {
    /// The gateway has not got the request.
    #[default]
    Unused,
    /// It has passed, and there is no answer yet.
    Sent,
    /// The application has answered; its body may still be on the way.
    Answered {
        /// Where the answer redirects to, as an absolute address.
        redirect: Option<Url>,
    },
    /// The application was not reached, or gave no answer.
    Failed(ReachFault),
}

type SharedOutcome = Arc<Mutex<PermitOutcome>>;

impl RequestPermit {
    /// As far as it is known by now.
    pub fn outcome(&self) -> PermitOutcome {
        self.outcome.lock().clone()
    }
}

#[derive(Default)]
struct Permits {
    /// Counts up with every permit.
    last: u64,
    open: Vec<OpenPermit>,
}

struct OpenPermit {
    number: u64,
    method: Method,
    url: Url,
    outcome: SharedOutcome,
}

/// A permit that a request has used.
pub(crate) struct UsedPermit {
    url: Url,
    outcome: SharedOutcome,
}

impl UsedPermit {
    pub(crate) fn record_fault(&self, fault: &ReachFault) {
        *self.outcome.lock() = PermitOutcome::Failed(fault.clone());
    }

    pub(crate) fn record_answer(&self, status: StatusCode, headers: &HeaderMap) {
        let location = headers.get(LOCATION).filter(|_| status.is_redirection());
        let redirect = location.and_then(|to| to.to_str().ok()).and_then(|to| self.url.join(to).ok());
        *self.outcome.lock() = PermitOutcome::Answered { redirect };
    }
}

impl Drop for RequestPermit {
    fn drop(&mut self) {
        self.permits.lock().open.retain(|permit| permit.number != self.number);
    }
}

pub(crate) struct FenceGate {
    state: RwLock<GateState>,
    pub(crate) refused: HeldBackSummary,
    /// A sign-in's or sign-out's own requests. Each passes once.
    permits: Arc<Mutex<Permits>>,
    /// Cancelled when the session becomes read-only: an open web socket could go on writing.
    sockets: RwLock<CancellationToken>,
    /// The pages of now, until the session is about to be signed out: from then on, only permits count.
    pages: RwLock<PageTurn>,
}

/// The requests of pages until those are left.
#[derive(Clone, Default)]
pub(crate) struct PageTurn {
    left: CancellationToken,
    under_way: TaskTracker,
}

impl PageTurn {
    /// The result of a request, or `None` once its page has been left. What is there by then counts, with the cookies
    /// that it sets.
    pub(crate) async fn run<T>(&self, request: impl Future<Output = T>) -> Option<T> {
        let _under_way = self.under_way.token();
        if self.left.is_cancelled() {
            return None;
        }
        tokio::select! {
            biased;
            result = request => Some(result),
            () = self.left.cancelled() => None,
        }
    }
}

struct GateState {
    /// With the mode that the fence applies: the session's own, or full while a one-time link is on its way.
    rules: FenceRules,
    mode: SessionMode,
    /// Where a one-time link leads. Its first page there ends the exception.
    arrival: Option<Origin>,
}

impl GateState {
    /// Whether a one-time link leads to this address's origin, and its page is not there yet.
    fn awaits(&self, url: &Url) -> bool {
        self.arrival.as_ref().is_some_and(|arrival| *arrival == plain_origin(url))
    }
}

impl FenceGate {
    pub(crate) fn new(rules: FenceRules) -> Self {
        let state = GateState { mode: rules.mode, rules, arrival: None };
        Self {
            state: RwLock::new(state),
            refused: HeldBackSummary::default(),
            permits: Arc::default(),
            sockets: RwLock::default(),
            pages: RwLock::default(),
        }
    }

    pub(crate) fn mode(&self) -> SessionMode {
        self.state.read().mode
    }

    pub(crate) fn set_mode(&self, mode: SessionMode) {
        let mut state = self.state.write();
        state.mode = mode;
        self.apply_mode(&mut state);
    }

    pub(crate) fn set_full_until_arrival(&self, origin: Origin) {
        let mut state = self.state.write();
        state.rules.mode = SessionMode::Full;
        state.arrival = Some(origin);
    }

    /// Ends the exception for a one-time link once its page is there, and returns whether it is. To be called before
    /// anything of the answer passes on, so that no script of the page runs in the wrong mode.
    pub(crate) fn notice_arrival(&self, asked: &Parts, url: &Url, answer: &http::response::Parts) -> bool {
        let is_there = self.state.read().awaits(url) && is_top_level(&asked.headers) && !is_redirect(answer);
        if is_there {
            self.apply_mode(&mut self.state.write());
        }
        is_there
    }

    /// Whether a one-time link is still on its way.
    pub(crate) fn awaits_link(&self) -> bool {
        self.state.read().arrival.is_some()
    }

    fn apply_mode(&self, state: &mut GateState) {
        state.rules.mode = state.mode;
        state.arrival = None;
        if state.mode == SessionMode::ReadOnly {
            std::mem::take(&mut *self.sockets.write()).cancel();
        }
    }

    /// Gives up what pages have requested and have no answer to yet, and whatever they request from now on. Returns once
    /// nothing is under way.
    pub(crate) async fn leave_pages(&self) {
        let pages = self.pages();
        pages.left.cancel();
        std::mem::take(&mut *self.sockets.write()).cancel();
        pages.under_way.close();
        pages.under_way.wait().await;
    }

    /// Lets pages ask again, because another sign-in begins.
    pub(crate) fn admit_pages(&self) {
        let mut pages = self.pages.write();
        if pages.left.is_cancelled() {
            *pages = PageTurn::default();
        }
    }

    /// The pages of now.
    pub(crate) fn pages(&self) -> PageTurn {
        self.pages.read().clone()
    }

    pub(crate) fn set_application(&self, application: Vec<Origin>) {
        self.state.write().rules.application = application;
    }

    /// Lets this session's pages lead to a host.
    pub(crate) fn allow_host(&self, host: &str) {
        let rules = &mut self.state.write().rules;
        if !rules.open_hosts.iter().any(|open| open.matches(host)) {
            rules.open_hosts.push(HostPattern::for_host(host));
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
        let outcome = SharedOutcome::default();
        permits.open.push(OpenPermit { number, method, url, outcome: Arc::clone(&outcome) });
        RequestPermit { number, permits: Arc::clone(&self.permits), outcome }
    }

    /// The permit for this request, if the console has announced it. That uses it up.
    pub(crate) fn take_permit(&self, method: &Method, url: &Url) -> Option<UsedPermit> {
        let open = &mut self.permits.lock().open;
        let found = open.iter().position(|permit| permit.method == *method && permit.url == *url);
        let OpenPermit { url, outcome, .. } = open.remove(found?);
        *outcome.lock() = PermitOutcome::Sent;
        Some(UsedPermit { url, outcome })
    }

    pub(crate) fn needs_body(&self, request: &RequestFacts<'_>) -> bool {
        self.state.read().rules.needs_body(request)
    }

    pub(crate) fn decide(&self, request: &RequestFacts<'_>) -> Decision {
        let state = self.state.read();
        match state.rules.decide(request) {
            // A sign-in by a link may lead through other sites, such as an identity provider's.
            Decision::AskOperator if state.arrival.is_some() => Decision::Pass,
            decision => decision,
        }
    }

    /// Whether a page of this origin belongs to the application.
    pub(crate) fn is_application_origin(&self, origin: &HeaderValue) -> bool {
        let url = origin.to_str().ok().and_then(|origin| Url::parse(origin).ok());
        url.is_some_and(|url| self.is_of_application(&url))
    }

    pub(crate) fn is_of_application(&self, url: &Url) -> bool {
        self.state.read().rules.is_of_application(url)
    }

    /// The value of `X-Understudy-Mode`, by which the application can refuse writes on its side too. The page to which a
    /// one-time link leads is asked for in the mode that it will be used in.
    pub(crate) fn mode_header(&self, url: &Url) -> Option<HeaderValue> {
        let state = self.state.read();
        let mode = if state.awaits(url) { state.mode } else { state.rules.mode };
        state.rules.is_of_application(url).then(|| match mode {
            SessionMode::ReadOnly => HeaderValue::from_static("read-only"),
            SessionMode::Full => HeaderValue::from_static("full"),
        })
    }
}

/// Whether a browser goes on to another address. Without one, it shows the answer's body as a page.
fn is_redirect(answer: &http::response::Parts) -> bool {
    matches!(answer.status.as_u16(), 301 | 302 | 303 | 307 | 308) && answer.headers.contains_key(LOCATION)
}

#[cfg(test)]
mod tests {
    use http::{Request, Response};

    use super::*;
    use crate::fence::{BodyFacts, FenceRules};

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
    fn a_one_time_link_may_lead_through_other_sites_and_later_pages_ask() {
        let gate = gate(SessionMode::ReadOnly);
        let url = Url::parse("https://id.example/").expect("a URL");
        let headers = [("sec-fetch-dest", "document")]
            .map(|(name, value)| (http::HeaderName::from_static(name), HeaderValue::from_static(value)));
        let headers = headers.into_iter().collect();
        let facts =
            RequestFacts { method: &Method::GET, url: &url, headers: &headers, body: BodyFacts::Unread };
        assert_eq!(gate.decide(&facts), Decision::AskOperator);
        gate.set_full_until_arrival(Url::parse("https://app.example/").expect("a URL").origin());
        assert_eq!(gate.decide(&facts), Decision::Pass);
        gate.set_mode(SessionMode::ReadOnly);
        assert_eq!(gate.decide(&facts), Decision::AskOperator);
    }

    #[test]
    fn a_permit_holds_once_and_ends_when_it_is_dropped() {
        let gate = gate(SessionMode::ReadOnly);
        let url = |path: &str| Url::parse(&format!("https://app.example/{path}")).expect("a URL");
        let permit = gate.permit_once(Method::POST, url("sign-in#top"));
        assert!(gate.take_permit(&Method::PUT, &url("sign-in")).is_none());
        assert_eq!(permit.outcome(), PermitOutcome::Unused);
        assert!(gate.take_permit(&Method::POST, &url("sign-in")).is_some(), "requests have no fragment");
        assert_eq!(permit.outcome(), PermitOutcome::Sent);
        assert!(gate.take_permit(&Method::POST, &url("sign-in")).is_none());
        drop(gate.permit_once(Method::POST, url("sign-in")));
        assert!(gate.take_permit(&Method::POST, &url("sign-in")).is_none(), "the sign-in was given up");
    }

    #[test]
    fn a_permit_tells_where_the_answer_leads() {
        let gate = gate(SessionMode::ReadOnly);
        let url = Url::parse("https://app.example/sign-in/now").expect("a URL");
        let outcome_of = |status: u16, location: &'static str| {
            let permit = gate.permit_once(Method::POST, url.clone());
            let used = gate.take_permit(&Method::POST, &url).expect("it is open");
            let headers = [(LOCATION, HeaderValue::from_static(location))].into_iter().collect();
            used.record_answer(StatusCode::from_u16(status).expect("a status"), &headers);
            match permit.outcome() {
                PermitOutcome::Answered { redirect } => redirect.map(String::from),
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(outcome_of(302, "../home").as_deref(), Some("https://app.example/home"));
        assert_eq!(outcome_of(307, "//other.example/x").as_deref(), Some("https://other.example/x"));
        assert_eq!(outcome_of(201, "/users/7"), None, "that is where something was made");
    }

    #[test]
    fn a_one_time_link_has_arrived_with_its_first_page() {
        let url = |text: &str| Url::parse(text).expect("a URL");
        let (app, other) = (url("https://app.example/home"), url("https://links.example/accept"));
        let page = [("sec-fetch-dest", "document")];
        let asked = |headers: &[(&'static str, &'static str)]| {
            let request = headers
                .iter()
                .fold(Request::builder(), |request, (name, value)| request.header(*name, *value));
            request.body(()).expect("a request").into_parts().0
        };
        let answered = |status: u16, location: Option<&str>| {
            let answer = Response::builder().status(status);
            let answer =
                location.map(|to| answer.header(LOCATION, to)).unwrap_or(Response::builder().status(status));
            answer.body(()).expect("an answer").into_parts().0
        };
        let may_write = |gate: &FenceGate| {
            let headers = http::HeaderMap::new();
            let request = RequestFacts {
                method: &Method::POST,
                url: &other,
                headers: &headers,
                body: BodyFacts::Whole(b""),
            };
            gate.decide(&request) == Decision::Pass
        };
        let gate = gate(SessionMode::ReadOnly);
        gate.set_full_until_arrival(app.origin());
        let socket = gate.sockets();
        for (asked, at, answer) in [
            (asked(&page), &other, answered(200, None)),
            (asked(&page), &url("https://app.example:8443/"), answered(200, None)),
            (asked(&page), &app, answered(302, Some("/other"))),
            (asked(&[("sec-fetch-dest", "iframe")]), &app, answered(200, None)),
            (asked(&[("sec-fetch-dest", "empty")]), &app, answered(200, None)),
        ] {
            gate.notice_arrival(&asked, at, &answer);
            assert!(may_write(&gate) && gate.mode() == SessionMode::ReadOnly, "{at} {answer:?}");
        }
        for (at, answer) in [
            (&app, answered(200, None)),
            (&app, answered(401, None)),
            (&app, answered(302, None)),
            (&url("https://app.example./"), answered(200, None)),
        ] {
            gate.set_full_until_arrival(app.origin());
            gate.notice_arrival(&asked(&page), at, &answer);
            assert!(!may_write(&gate) && socket.is_cancelled(), "{at} {answer:?}");
        }
        gate.set_full_until_arrival(app.origin());
        gate.set_mode(SessionMode::ReadOnly);
        assert!(!may_write(&gate), "the operator has chosen");
        gate.set_full_until_arrival(app.origin());
        gate.set_mode(SessionMode::Full);
        gate.notice_arrival(&asked(&page), &app, &answered(200, None));
        assert!(may_write(&gate));
    }

    #[test]
    fn a_socket_let_through_just_before_closes_when_the_session_becomes_read_only() {
        let gate = gate(SessionMode::Full);
        let before = gate.sockets();
        gate.set_mode(SessionMode::ReadOnly);
        assert!(before.is_cancelled() && !gate.sockets().is_cancelled());
    }

    #[tokio::test]
    async fn what_is_answered_while_pages_are_left_counts_and_is_waited_for() {
        let gate = gate(SessionMode::Full);
        let turn = gate.pages();
        let (answer, answered) = tokio::sync::oneshot::channel();
        let leaving = async {
            answer.send("sid=last").expect("it is awaited");
            gate.leave_pages().await;
        };
        let (passed, ()) = tokio::join!(turn.run(answered), leaving);
        assert_eq!(passed, Some(Ok("sid=last")));
        assert_eq!(turn.run(async {}).await, None, "a later one is given up");
    }
}

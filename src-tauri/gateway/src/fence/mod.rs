//! The fence: whether a session's request may pass. A pure decision: nothing here waits, reads a clock or keeps state.

mod graphql;
mod hosts;
mod method_override;
mod origins;
mod path;

use std::fmt;

use http::header::{ACCEPT, CONNECTION, UPGRADE};
use http::{HeaderMap, Method};
use serde::Serialize;
use url::{Host, Origin, Url};

pub use graphql::GraphqlFault;
pub use hosts::{HostPattern, TELEMETRY_HOSTS};
pub use origins::OriginPattern;
pub use path::PathPattern;
pub use understudy_terms::SessionMode;

/// The largest body that is read to decide on a request, in bytes.
pub const INSPECTION_LIMIT: usize = 1 << 20;

/// What a connection and its policy say about requests.
#[derive(Debug, Clone)]
pub struct FenceRules {
    pub mode: SessionMode,
    /// The application's own origins.
    pub application: Vec<Origin>,
    /// The beginnings of the application's paths that no session may reach, in any spelling.
    pub blocked_paths: Vec<String>,
    /// What passes even if the session is read-only.
    pub allowed: Vec<AllowedRequest>,
    /// Where a page may lead besides the application. If empty, the operator is asked about every other host.
    pub open_hosts: Vec<HostPattern>,
    /// What is never reached, such as analytics.
    pub blocked_hosts: Vec<HostPattern>,
}

/// A kind of request that only reads although it looks like a write, such as a search by POST.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowedRequest {
    pub kind: AllowedKind,
    /// Where it is sent to. If `None`, to the application's own origins.
    pub origin: Option<OriginPattern>,
    pub path: PathPattern,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AllowedKind {
    Method(Method),
    /// A web socket: it stays open in both directions.
    Socket,
}

/// What the fence looks at in a request.
#[derive(Debug, Clone, Copy)]
pub struct RequestFacts<'a> {
    pub method: &'a Method,
    pub url: &'a Url,
    pub headers: &'a HeaderMap,
    pub body: BodyFacts<'a>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyFacts<'a> {
    /// Not read: the decision did not need it, or it's larger than [`INSPECTION_LIMIT`].
    Unread,
    Whole(&'a [u8]),
}

/// What happens to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    Pass,
    Refuse(FenceReason),
    /// A page leads out of the application: the operator decides.
    AskOperator,
}

/// Why a request does not pass. `Display` completes "It was held back because …".
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum FenceReason {
    BlockedPath,
    BlockedHost,
    /// It may change something.
    Writes {
        method: String,
    },
    /// It names another method than its own.
    MethodOverride {
        method: String,
    },
    Socket,
    Graphql(GraphqlFault),
    /// Too large to inspect.
    TooLarge,
}

impl FenceRules {
    /// Whether the decision needs the request's body.
    pub fn needs_body(&self, request: &RequestFacts<'_>) -> bool {
        self.mode == SessionMode::ReadOnly
            && !is_safe(request.method)
            && (graphql::may_be_graphql(request.headers) || self.is_allowed(request))
    }

    /// Decides whether a request may pass. The same request always gets the same answer.
    pub fn decide(&self, request: &RequestFacts<'_>) -> Decision {
        let host = request.url.host_str().unwrap_or_default();
        if self.blocked_hosts.iter().any(|pattern| pattern.matches(host)) {
            return Decision::Refuse(FenceReason::BlockedHost);
        }
        let is_of_application = self.is_of_application(request.url);
        if is_of_application
            && self.blocked_paths.iter().any(|blocked| path::begins_with(request.url.path(), blocked))
        {
            return Decision::Refuse(FenceReason::BlockedPath);
        }
        if self.mode == SessionMode::ReadOnly
            && let Err(reason) = self.decide_read_only(request)
        {
            return Decision::Refuse(reason);
        }
        if is_top_level(request.headers)
            && !is_of_application
            && !self.open_hosts.iter().any(|open| open.matches(host))
        {
            return Decision::AskOperator;
        }
        Decision::Pass
    }

    /// Whether it is the application's.
    pub(crate) fn is_of_application(&self, url: &Url) -> bool {
        self.application.contains(&plain_origin(url))
    }

    fn decide_read_only(&self, request: &RequestFacts<'_>) -> Result<(), FenceReason> {
        if let Some(method) = method_override::find_override(request) {
            return Err(FenceReason::MethodOverride { method });
        }
        if is_upgrade(request.headers) {
            return if self.is_allowed(request) { Ok(()) } else { Err(FenceReason::Socket) };
        }
        if is_safe(request.method) {
            return graphql::check_url(request.url).map_err(FenceReason::Graphql);
        }
        let body = match request.body {
            BodyFacts::Whole(body) => Some(body),
            BodyFacts::Unread => None,
        };
        if self.is_allowed(request) {
            return if body.is_some() { Ok(()) } else { Err(FenceReason::TooLarge) };
        }
        if *request.method == Method::POST
            && let Some(body) = body
            && let Some(checked) = graphql::check_body(request.headers, body)
        {
            // Some servers prefer the address to the body.
            checked.and_then(|()| graphql::check_url(request.url)).map_err(FenceReason::Graphql)?;
            // Elsewhere, a server may take no notice of the body, and cancel an order because of the path alone.
            if path::names_graphql(request.url.path()) {
                return Ok(());
            }
        }
        Err(FenceReason::Writes { method: method_override::shorten_method(request.method.as_str()) })
    }

    fn is_allowed(&self, request: &RequestFacts<'_>) -> bool {
        let is_upgrade = is_upgrade(request.headers);
        let fits = |kind: &AllowedKind| match kind {
            AllowedKind::Method(method) => method == request.method && !is_upgrade,
            // Another method's body would be let pass with it.
            AllowedKind::Socket => is_upgrade && *request.method == Method::GET,
        };
        let is_ours = self.application.iter().any(|origin| is_same_server(origin, request.url));
        let is_sent_to = |origin: &Option<OriginPattern>| {
            origin.as_ref().map_or(is_ours, |origin| origin.matches(request.url))
        };
        self.allowed.iter().any(|allowed| {
            fits(&allowed.kind) && is_sent_to(&allowed.origin) && allowed.path.matches(request.url.path())
        })
    }
}

/// Methods that promise to change nothing (RFC 9110, 9.2.1). The OPTIONS before a script's request to another origin
/// passes even if the request itself will not: the application's own answer decides whether the script may read why.
pub(crate) fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

pub(crate) fn is_upgrade(headers: &HeaderMap) -> bool {
    headers.contains_key(UPGRADE)
        && headers.get_all(CONNECTION).iter().any(|value| {
            let mut names = value.to_str().unwrap_or_default().split(',');
            names.any(|name| name.trim().eq_ignore_ascii_case("upgrade"))
        })
}

/// An address's origin, without the dot that a complete host's name may end with.
pub(crate) fn plain_origin(url: &Url) -> Origin {
    match url.origin() {
        Origin::Tuple(scheme, Host::Domain(name), port) => {
            Origin::Tuple(scheme, Host::Domain(name.trim_end_matches('.').to_owned()), port)
        }
        origin => origin,
    }
}

/// A web socket has its own schemes, but the origin's host and port.
fn is_same_server(origin: &Origin, url: &Url) -> bool {
    let Origin::Tuple(scheme, host, port) = origin else { return false };
    let is_same_scheme = match url.scheme() {
        "wss" => scheme == "https",
        "ws" => scheme == "http",
        other => scheme == other,
    };
    is_same_scheme
        && url.host().map(|host| host.to_owned()).as_ref() == Some(host)
        && url.port_or_known_default() == Some(*port)
}

/// Whether a request loads a page into the window itself. Without fetch metadata (plain http), any request for a page
/// counts as one.
pub(crate) fn is_top_level(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    match text("sec-fetch-dest") {
        Some(destination) => destination == "document",
        None => {
            text("upgrade-insecure-requests").is_some()
                && text(ACCEPT.as_str()).is_some_and(|it| it.contains("text/html"))
        }
    }
}

/// The method, or `websocket`.
impl fmt::Display for AllowedKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Method(method) => method.fmt(formatter),
            Self::Socket => formatter.write_str("websocket"),
        }
    }
}

impl fmt::Display for FenceReason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BlockedPath => formatter.write_str("the connection blocks this path in every session"),
            Self::BlockedHost => formatter.write_str("the connection blocks this host"),
            Self::Writes { method } => {
                write!(formatter, "the session is read-only, and {method} may change something")
            }
            Self::MethodOverride { method } => {
                write!(formatter, "the session is read-only, and the request asks to be treated as {method}")
            }
            Self::Socket => {
                formatter.write_str("the session is read-only, and a web socket may change something")
            }
            Self::Graphql(fault) => write!(formatter, "the session is read-only, and {fault}"),
            Self::TooLarge => {
                formatter.write_str("the session is read-only, and the request is too large to be checked")
            }
        }
    }
}

#[cfg(test)]
mod tests;

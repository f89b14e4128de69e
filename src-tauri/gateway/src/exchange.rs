//! One request of a session, from the webview to the application and back.

use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use http::header::{
    CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, COOKIE, HOST, HeaderMap, HeaderName, HeaderValue,
    SET_COOKIE, TE, TRANSFER_ENCODING, UPGRADE,
};
use http::request::Parts;
use http::uri::Scheme;
use http::{Request, Response, StatusCode, Uri, Version};
use http_body_util::{BodyExt as _, Collected, Limited};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::body::{Body, CountedBody, full_body, stream_body};
use crate::cache::{CacheLookup, KeepingBody};
use crate::fault::ReachFault;
use crate::fault_page::{Preferences, answer_fault, answer_held_back};
use crate::fence::{BodyFacts, Decision, INSPECTION_LIMIT, RequestFacts};
use crate::held_back::HeldBack;
use crate::held_back_summary::RefusedRequest;
use crate::journal::{Record, RequestOutcome};
use crate::session::SessionState;
use crate::target::Target;

const MODE_HEADER: HeaderName = HeaderName::from_static("x-understudy-mode");

/// Headers for one connection only (RFC 9110, 7.6.1), besides those that `Connection` names.
const HOP_BY_HOP: [HeaderName; 7] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    HeaderName::from_static("proxy-authorization"),
    HeaderName::from_static("proxy-authenticate"),
    TRANSFER_ENCODING,
    UPGRADE,
];

/// Answers a request: itself at the launch page's address, otherwise with the application's answer.
pub(crate) async fn exchange(
    request: Request<Incoming>,
    scheme: Scheme,
    target: Target,
    session: Arc<SessionState>,
) -> Response<Body> {
    if let Some(host) = named_host(&request)
        && !target.is_named_by(&host, &scheme)
    {
        // The webview opened this connection for another host. What it may reach is decided by the host's name, so
        // the two must not differ.
        return bare_answer(StatusCode::MISDIRECTED_REQUEST);
    }
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    let Some((url, uri)) = normalize_address(&scheme, &target, path) else {
        return bare_answer(StatusCode::BAD_REQUEST);
    };
    if let Some(launch) = session.launch.as_ref().filter(|launch| launch.holds(&url)) {
        return launch.answer(request, uri).await;
    }
    let record = session.journal.begin_entry(request.method(), &uri);
    let preferences =
        Preferences::read(request.headers(), |origin| session.gate.is_application_origin(origin));
    let (parts, body) = request.into_parts();
    // Taken before the fence decides: a socket that opens while the session becomes read-only closes, too.
    let sockets_closed = session.gate.sockets();
    let answer = match pass_fence(&parts, body, &url, &session).await {
        Ok(body) => {
            let request = Request::from_parts(parts, body);
            forward(request, &url, uri, &record, &session, sockets_closed).await
        }
        Err(held_back) => {
            record.set_outcome(RequestOutcome::Refused { reason: held_back.to_string() });
            session.journal.end_entry(&record);
            tell_observer(&held_back, &parts, &url, &record, &session);
            return answer_held_back(&held_back, &preferences);
        }
    };
    answer.unwrap_or_else(|fault| {
        record.set_outcome(RequestOutcome::Failed { reason: fault.to_string() });
        session.journal.end_entry(&record);
        answer_fault(&fault, &preferences)
    })
}

fn tell_observer(held_back: &HeldBack, asked: &Parts, url: &Url, record: &Record, session: &SessionState) {
    if let HeldBack::Refused(reason) = held_back {
        let refused = RefusedRequest {
            method: asked.method.as_str(),
            url,
            path: &session.journal.mask_text(url.path()),
            reason,
            is_of_application: session.gate.is_of_application(url),
        };
        session.gate.refused.add(&refused, SystemTime::now());
    }
    // A browser that fetches a page in advance asks again if a person follows the link.
    let is_in_advance =
        asked.headers.get("sec-purpose").is_some_and(|it| it.as_bytes().starts_with(b"prefetch"));
    if !(is_in_advance && matches!(held_back, HeldBack::LeadsElsewhere(_))) {
        session.observer.on_held_back(&record.to_entry(), held_back);
    }
}

/// Asks the fence, and returns the body to send on: streamed, or whole if the fence had to read it.
async fn pass_fence(
    parts: &Parts,
    body: Incoming,
    url: &Url,
    session: &SessionState,
) -> Result<Body, HeldBack> {
    let facts = RequestFacts { method: &parts.method, url, headers: &parts.headers, body: BodyFacts::Unread };
    if session.gate.take_permit(&parts.method, url) {
        return Ok(stream_body(body));
    }
    // What is compressed can't be looked at, and counts as unread.
    if parts.headers.contains_key(CONTENT_ENCODING) || !session.gate.needs_body(&facts) {
        return to_result(session.gate.decide(&facts), url).map(|()| stream_body(body));
    }
    let whole = Limited::new(body, INSPECTION_LIMIT).collect().await.map(Collected::to_bytes);
    let body = whole.as_ref().map_or(BodyFacts::Unread, |whole| BodyFacts::Whole(whole));
    to_result(session.gate.decide(&RequestFacts { body, ..facts }), url)?;
    whole.map(full_body).map_err(|_| HeldBack::Unreadable)
}

fn to_result(decision: Decision, url: &Url) -> Result<(), HeldBack> {
    match decision {
        Decision::Pass => Ok(()),
        Decision::Refuse(reason) => Err(HeldBack::Refused(reason)),
        Decision::AskOperator => Err(HeldBack::LeadsElsewhere(url.clone())),
    }
}

fn named_host(request: &Request<Incoming>) -> Option<String> {
    let header = request.headers().get(HOST).and_then(|value| value.to_str().ok()).map(str::to_owned);
    header.or_else(|| request.uri().authority().map(ToString::to_string))
}

async fn forward(
    mut request: Request<Body>,
    url: &Url,
    uri: Uri,
    record: &Arc<Record>,
    session: &Arc<SessionState>,
    sockets_closed: CancellationToken,
) -> Result<Response<Body>, ReachFault> {
    let upgrade = wanted_upgrade(&request);
    let from_webview = upgrade.is_some().then(|| hyper::upgrade::on(&mut request));
    let (mut parts, body) = request.into_parts();
    parts.uri = uri;
    parts.version = Version::HTTP_11;
    // The URL has the host; the client writes the header again if the protocol needs it.
    parts.headers.remove(HOST);
    remove_hop_by_hop(&mut parts.headers);
    join_cookies(&mut parts.headers);
    parts.headers.remove(MODE_HEADER);
    if let Some(mode) = session.gate.mode_header(url) {
        parts.headers.insert(MODE_HEADER, mode);
    }
    if let Some(protocol) = &upgrade {
        parts.headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        parts.headers.insert(UPGRADE, protocol.clone());
    }
    let mut asked = parts.clone();
    asked.extensions.clear();
    let shares = session.gate.is_of_application(url)
        || session.static_hosts.iter().any(|host| host.matches(url.host_str().unwrap_or_default()));
    let mut stale = None;
    if shares {
        match session.cache.look_up(&asked, SystemTime::now()) {
            CacheLookup::Miss => {}
            CacheLookup::Fresh(file) => return Ok(answer_from_cache(file, record, session)),
            CacheLookup::Stale(file, conditions) => {
                parts.headers.extend(conditions);
                stale = Some(file);
            }
        }
    }
    let body = CountedBody::new(body, Arc::clone(&record.sent), || {});
    let mut response = session.upstream.send(Request::from_parts(parts, body.boxed_unsync())).await?;
    record.set_outcome(RequestOutcome::Answered { status: response.status().as_u16() });

    if response.status() == StatusCode::SWITCHING_PROTOCOLS
        && let Some(from_webview) = from_webview
    {
        let from_server = hyper::upgrade::on(&mut response);
        relay(from_webview, from_server, Arc::clone(record), Arc::clone(session), sockets_closed);
        return Ok(response.map(|_| full_body("")));
    }
    let (mut head, body) = response.into_parts();
    session.gate.notice_arrival(&asked, url, &head);
    let has_known_end = has_known_end(&head);
    remove_hop_by_hop(&mut head.headers);
    if head.status == StatusCode::NOT_MODIFIED
        && let Some(stale) = stale
        && let Some(mut file) = session.cache.revalidate(stale, &asked, &head, SystemTime::now())
    {
        // They are for this session, and the file is for all.
        for cookie in head.headers.get_all(SET_COOKIE) {
            file.headers_mut().append(SET_COOKIE, cookie.clone());
        }
        return Ok(answer_from_cache(file, record, session));
    }
    let ended = (Arc::clone(session), Arc::clone(record));
    let body =
        CountedBody::new(body, Arc::clone(&record.received), move || ended.0.journal.end_entry(&ended.1));
    let body = body.boxed_unsync();
    let body = if shares && has_known_end {
        session
            .cache
            .keep_while_passing(&asked, &head, body)
            .map_or_else(|body| body, KeepingBody::boxed_unsync)
    } else {
        body
    };
    Ok(Response::from_parts(head, body))
}

/// Whether it shows that an answer broke off. One that ends with its connection looks whole whenever it ends.
fn has_known_end(head: &http::response::Parts) -> bool {
    head.version == Version::HTTP_2
        || head.headers.contains_key(CONTENT_LENGTH)
        || head.headers.contains_key(TRANSFER_ENCODING)
}

/// The address as browsers write it. The fence judges what goes out, and nothing else.
fn normalize_address(scheme: &Scheme, target: &Target, path: &str) -> Option<(Url, Uri)> {
    let url = Url::parse(&target.to_uri(scheme, path).ok()?.to_string()).ok()?;
    let uri = url.as_str().parse().ok()?;
    Some((url, uri))
}

/// Answers with a public file from the cache. At most the question whether it is still valid has left the computer.
fn answer_from_cache(file: Response<Bytes>, record: &Record, session: &SessionState) -> Response<Body> {
    record.set_outcome(RequestOutcome::Answered { status: file.status().as_u16() });
    record.set_from_cache();
    session.journal.end_entry(record);
    file.map(full_body)
}

fn wanted_upgrade(request: &Request<Body>) -> Option<HeaderValue> {
    let wants = |value: &HeaderValue| {
        let mut names = value.to_str().unwrap_or_default().split(',').map(str::trim);
        names.any(|name| name.eq_ignore_ascii_case("upgrade"))
    };
    let is_wanted =
        request.version() == Version::HTTP_11 && request.headers().get_all(CONNECTION).iter().any(wants);
    request.headers().get(UPGRADE).filter(|_| is_wanted).cloned()
}

/// Passes bytes between the webview and the application until one of them closes or the session ends.
fn relay(
    from_webview: hyper::upgrade::OnUpgrade,
    from_server: hyper::upgrade::OnUpgrade,
    record: Arc<Record>,
    session: Arc<SessionState>,
    sockets_closed: CancellationToken,
) {
    let tasks = session.tasks.clone();
    tasks.spawn(async move {
        let pass = async {
            let (webview, server) =
                tokio::try_join!(from_webview, from_server).map_err(std::io::Error::other)?;
            tokio::io::copy_bidirectional(&mut TokioIo::new(webview), &mut TokioIo::new(server)).await
        };
        tokio::select! {
            passed = pass => if let Ok((sent, received)) = passed {
                record.sent.fetch_add(sent, std::sync::atomic::Ordering::Relaxed);
                record.received.fetch_add(received, std::sync::atomic::Ordering::Relaxed);
            },
            () = sockets_closed.cancelled() => {}
            () = session.ended.cancelled() => {}
        }
        session.journal.end_entry(&record);
    });
}

fn remove_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named.iter().chain(&HOP_BY_HOP) {
        headers.remove(name);
    }
    // The only value of it that may be passed on.
    if headers.get(TE).is_some_and(|value| !value.as_bytes().eq_ignore_ascii_case(b"trailers")) {
        headers.remove(TE);
    }
}

/// HTTP/2 may carry cookies in several fields; HTTP/1.1 has one (RFC 9113, 8.2.3).
fn join_cookies(headers: &mut HeaderMap) {
    let fields: Vec<HeaderValue> = headers.get_all(COOKIE).iter().cloned().collect();
    if fields.len() > 1 {
        let joined = fields.iter().map(HeaderValue::as_bytes).collect::<Vec<_>>().join(&b"; "[..]);
        if let Ok(mut joined) = HeaderValue::from_bytes(&joined) {
            joined.set_sensitive(true);
            headers.insert(COOKIE, joined);
        }
    }
}

fn bare_answer(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(full_body(""));
    *response.status_mut() = status;
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_concerns_one_connection_stays_there() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("connection", "close, X-Hop"),
            ("x-hop", "1"),
            ("keep-alive", "timeout=5"),
            ("transfer-encoding", "chunked"),
            ("te", "gzip"),
            ("trailer", "x-sum"),
            ("x-end", "2"),
        ] {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        remove_hop_by_hop(&mut headers);
        let mut left: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["trailer", "x-end"]);
    }

    #[test]
    fn cookies_in_several_fields_become_one() {
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, HeaderValue::from_static("a=1"));
        headers.append(COOKIE, HeaderValue::from_static("b=2"));
        join_cookies(&mut headers);
        assert_eq!(headers.get_all(COOKIE).iter().collect::<Vec<_>>(), ["a=1; b=2"]);
    }
}

//! One request of a session: the gateway's own answer, the fence's, or the application's.

use std::sync::Arc;
use std::time::SystemTime;

use http::header::{CONTENT_DISPOSITION, CONTENT_ENCODING, HOST};
use http::request::Parts;
use http::uri::Scheme;
use http::{Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt as _, Collected, Limited};
use hyper::body::Incoming;
use url::Url;

use crate::body::{Body, BodyExcerpt, WatchedBody, full_body, stream_body};
use crate::fault_page::{Preferences, WAY_BACK, answer_fault, answer_held_back};
use crate::fence::{BodyFacts, Decision, INSPECTION_LIMIT, RequestFacts, is_top_level};
use crate::forward::{Passage, is_error};
use crate::held_back::HeldBack;
use crate::held_back_summary::RefusedRequest;
use crate::journal::{Record, RequestOutcome};
use crate::observer::LinkRefusal;
use crate::questions::is_in_advance;
use crate::session::SessionState;
use crate::target::Target;

/// How much of an error is told that a one-time link was answered with, in bytes.
const LINK_REFUSAL_LIMIT: usize = 64 << 10;

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
    if let Some(launch) = &session.launch
        && let Some(below) = launch.strip_path(&url)
    {
        return launch.answer(below, request, uri).await;
    }
    // For a client that is no window of ours: it stays where it is.
    if url.as_str() == WAY_BACK {
        return bare_answer(StatusCode::NO_CONTENT);
    }
    let record = session.journal.begin_entry(request.method(), &uri);
    let preferences =
        Preferences::read(request.headers(), &url, |origin| session.gate.is_application_origin(origin));
    let (parts, body) = request.into_parts();
    let is_page = is_top_level(&parts.headers);
    if is_page {
        record.set_is_page();
    }
    // Taken before the fence decides: a socket that opens while the session becomes read-only closes, too.
    let sockets_closed = session.gate.sockets();
    let pages = session.gate.pages();
    let permit = session.gate.take_permit(&parts.method, &url);
    let is_of_link = session.gate.awaits_link() && is_page;
    let tell_link = |answer: Response<Body>| {
        if is_of_link && is_error(answer.status()) {
            watch_link_refusal(answer, &url, &session)
        } else {
            answer
        }
    };
    let passed = match &permit {
        Some(_) => Ok(stream_body(body)),
        None => pass_fence(&parts, body, &url, &session).await,
    };
    let answer = match passed {
        Ok(body) => {
            let passage = Passage {
                url: &url,
                record: &record,
                session: &session,
                is_announced: permit.is_some(),
                is_ahead: false,
                preferences: &preferences,
                sockets_closed,
            };
            let forwarded = passage.forward(Request::from_parts(parts, body), uri);
            if permit.is_some() {
                forwarded.await
            } else {
                match pages.run(forwarded).await {
                    Some(answer) => answer,
                    None => return give_up_request(&record, &session),
                }
            }
        }
        Err(held_back) => {
            record.set_outcome(RequestOutcome::Refused { reason: held_back.to_string() });
            session.journal.end_entry(&record);
            tell_observer(&held_back, &parts, &url, &record, &session);
            return tell_link(answer_held_back(&held_back, &preferences));
        }
    };
    if let Some(permit) = &permit {
        match &answer {
            Ok(answer) => permit.record_answer(answer.status(), answer.headers()),
            Err(fault) => permit.record_fault(fault),
        }
    }
    if is_page && permit.is_none() {
        match &answer {
            Ok(answer) if shows_page(answer) => {
                session.observer.on_page(&url, Some(answer.status().as_u16()));
            }
            Ok(_) => {}
            Err(_) => session.observer.on_page(&url, None),
        }
    }
    match answer {
        Ok(answer) => tell_link(answer),
        Err(fault) => {
            if is_of_link {
                session.observer.on_link_fault(&url, &fault);
            }
            record.set_outcome(RequestOutcome::Failed { reason: fault.to_string() });
            session.journal.end_entry(&record);
            answer_fault(&fault, &preferences)
        }
    }
}

/// Tells what a one-time link was refused with, as it passes.
fn watch_link_refusal(answer: Response<Body>, url: &Url, session: &Arc<SessionState>) -> Response<Body> {
    let (head, body) = answer.into_parts();
    let (status, headers) = (head.status.as_u16(), head.headers.clone());
    let (url, session) = (url.clone(), Arc::clone(session));
    let excerpt = BodyExcerpt::new(LINK_REFUSAL_LIMIT, move |body| {
        session.observer.on_link_refused(&url, LinkRefusal { status, headers, body });
    });
    Response::from_parts(head, WatchedBody::new(body, excerpt).boxed_unsync())
}

/// Whether a window shows this answer: it leads nowhere else, is no file to save, and has something to show.
fn shows_page(answer: &Response<Body>) -> bool {
    let is_file = answer.headers().get(CONTENT_DISPOSITION).is_some_and(|value| {
        value.as_bytes().get(..10).is_some_and(|kind| kind.eq_ignore_ascii_case(b"attachment"))
    });
    !answer.status().is_redirection() && answer.status() != StatusCode::NO_CONTENT && !is_file
}

/// Answers a page that is being left.
fn give_up_request(record: &Record, session: &SessionState) -> Response<Body> {
    record.set_outcome(RequestOutcome::Refused { reason: "The session is ending.".into() });
    session.journal.end_entry(record);
    bare_answer(StatusCode::SERVICE_UNAVAILABLE)
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
    if !(is_in_advance(&asked.headers) && matches!(held_back, HeldBack::LeadsElsewhere(_))) {
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

/// The address as browsers write it. The fence judges what goes out, and nothing else.
fn normalize_address(scheme: &Scheme, target: &Target, path: &str) -> Option<(Url, Uri)> {
    let url = Url::parse(&target.to_uri(scheme, path).ok()?.to_string()).ok()?;
    let uri = url.as_str().parse().ok()?;
    Some((url, uri))
}

fn bare_answer(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(full_body(""));
    *response.status_mut() = status;
    response
}

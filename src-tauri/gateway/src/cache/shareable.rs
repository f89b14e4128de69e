//! Which requests a shared file answers, and which answers may be shared.

use http::header::{
    ACCEPT_ENCODING, ACCESS_CONTROL_ALLOW_ORIGIN, AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, IF_MATCH,
    IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE, ORIGIN, PRAGMA, RANGE, SET_COOKIE, VARY,
};
use http::{HeaderMap, HeaderName, Method, Request, StatusCode, request, response};

/// The request headers by which a file may vary. An answer that varies by any other is not kept.
const VARYING: [HeaderName; 2] = [ACCEPT_ENCODING, ORIGIN];

/// A request with one of these wants something other than the whole file.
const NOT_PLAIN: [HeaderName; 7] =
    [AUTHORIZATION, RANGE, IF_RANGE, IF_MATCH, IF_NONE_MATCH, IF_MODIFIED_SINCE, IF_UNMODIFIED_SINCE];

/// Whether a request asks for a file as a browser does the first time. A reload wants nothing from a cache.
pub(super) fn is_plain(parts: &request::Parts) -> bool {
    parts.method == Method::GET
        && !NOT_PLAIN.iter().any(|name| parts.headers.contains_key(name))
        && !parts.headers.contains_key(PRAGMA)
        && !has_directive(&parts.headers, &["no-cache", "no-store", "max-age=0"])
}

/// The request without anything that belongs to one session.
pub(super) fn to_anonymous(parts: &request::Parts) -> Request<()> {
    let mut anonymous = Request::new(());
    *anonymous.uri_mut() = parts.uri.clone();
    for name in VARYING {
        if let Some(value) = parts.headers.get(&name) {
            anonymous.headers_mut().insert(name, value.clone());
        }
    }
    anonymous
}

pub(super) fn may_be_shared(head: &response::Parts) -> bool {
    let headers = &head.headers;
    let varies_by_known = headers.get_all(VARY).iter().all(|value| {
        let Ok(names) = value.to_str() else { return false };
        names
            .split(',')
            .all(|name| VARYING.iter().any(|known| name.trim().eq_ignore_ascii_case(known.as_str())))
    });
    // An answer for one origin only may not say so in `Vary`.
    let is_for_all = headers.get(ACCESS_CONTROL_ALLOW_ORIGIN).is_none_or(|origin| origin == "*")
        || headers
            .get_all(VARY)
            .iter()
            .any(|value| value.to_str().is_ok_and(|it| it.to_ascii_lowercase().contains("origin")));
    head.status == StatusCode::OK
        && !headers.contains_key(SET_COOKIE)
        && has_directive(headers, &["public", "immutable"])
        && !has_directive(headers, &["private", "no-store", "no-cache"])
        && is_static_file(headers)
        && varies_by_known
        && is_for_all
}

/// Whether the type is one that pages need and that holds no customer's data, as HTML and JSON may.
fn is_static_file(headers: &HeaderMap) -> bool {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    matches!(
        essence.as_str(),
        "text/javascript"
            | "application/javascript"
            | "application/x-javascript"
            | "text/css"
            | "application/wasm"
            | "application/font-woff"
            | "application/font-woff2"
            | "application/vnd.ms-fontobject"
    ) || ["font/", "image/"].iter().any(|kind| essence.starts_with(kind))
}

fn has_directive(headers: &HeaderMap, wanted: &[&str]) -> bool {
    headers
        .get_all(CACHE_CONTROL)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|directive| {
            let directive = directive.trim().to_ascii_lowercase();
            let name = directive.split('=').next().unwrap_or_default().trim_end();
            wanted.iter().any(|wanted| *wanted == directive || *wanted == name)
        })
}

pub(super) fn has_validator(headers: &HeaderMap) -> bool {
    headers.contains_key(http::header::ETAG) || headers.contains_key(http::header::LAST_MODIFIED)
}

//! Requests in the format that the network panels of browsers open: HTTP Archive 1.2
//! (<http://www.softwareishard.com/blog/har-12-spec/>).

use std::time::{Duration, SystemTime};

use http::StatusCode;
use jiff::Timestamp;
use serde::Serialize;
use serde_with::skip_serializing_none;
use understudy_gateway::{RecordedExchange, RecordedMessage, RequestOutcome};

use crate::template::MASK;

/// What stands for a secret in addresses and headers, which tools read. Elsewhere it is [`MASK`].
const REDACTED: &str = "REDACTED";

/// An archive of requests.
#[derive(Debug, Clone, Serialize)]
pub struct Har {
    log: HarLog,
}

#[derive(Debug, Clone, Serialize)]
struct HarLog {
    version: &'static str,
    creator: HarCreator,
    pages: Vec<HarPage>,
    entries: Vec<HarEntry>,
    comment: &'static str,
}

#[derive(Debug, Clone, Serialize)]
struct HarCreator {
    name: &'static str,
    version: String,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct HarPage {
    started_date_time: String,
    id: String,
    title: String,
    page_timings: HarPageTimings,
}

/// Only a browser knows them.
#[derive(Debug, Clone, Serialize)]
struct HarPageTimings {}

#[skip_serializing_none]
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct HarEntry {
    pageref: Option<String>,
    started_date_time: String,
    time: f64,
    request: HarRequest,
    response: HarResponse,
    cache: HarCache,
    timings: HarTimings,
    /// What the page wanted it for, in Chromium's words, whose network panel filters by them. The format leaves names with
    /// an underscore to programs.
    #[serde(rename = "_resourceType")]
    resource_type: Option<&'static str>,
    comment: Option<String>,
}

#[derive(Debug, Clone, Serialize)]
struct HarCache {}

#[skip_serializing_none]
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct HarRequest {
    method: String,
    url: String,
    http_version: String,
    cookies: Vec<HarPair>,
    headers: Vec<HarPair>,
    query_string: Vec<HarPair>,
    post_data: Option<HarPostData>,
    headers_size: i64,
    body_size: u64,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct HarResponse {
    status: u16,
    status_text: String,
    http_version: String,
    cookies: Vec<HarPair>,
    headers: Vec<HarPair>,
    content: HarContent,
    #[serde(rename = "redirectURL")]
    redirect_url: String,
    headers_size: i64,
    body_size: u64,
}

#[derive(Debug, Clone, Serialize)]
struct HarPair {
    name: String,
    value: String,
}

#[skip_serializing_none]
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct HarPostData {
    mime_type: String,
    params: [HarPair; 0],
    text: String,
    comment: Option<&'static str>,
}

#[skip_serializing_none]
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct HarContent {
    size: u64,
    mime_type: String,
    text: Option<String>,
    comment: Option<&'static str>,
}

/// In milliseconds; -1: not known.
#[derive(Debug, Clone, Serialize)]
struct HarTimings {
    blocked: f64,
    dns: f64,
    connect: f64,
    send: f64,
    wait: f64,
    receive: f64,
    ssl: f64,
}

/// The archive of these requests, written by this version of Understudy.
pub fn write_har(exchanges: &[RecordedExchange], version: &str) -> Har {
    let (mut pages, mut entries) = (Vec::<HarPage>::new(), Vec::new());
    for exchange in exchanges {
        if exchange.is_page && shows_page(exchange) {
            pages.push(HarPage {
                started_date_time: write_time(exchange.started_at),
                id: format!("page_{}", pages.len() + 1),
                title: for_tools(&exchange.entry.url),
                page_timings: HarPageTimings {},
            });
        }
        entries.push(to_entry(exchange, pages.last().map(|page| page.id.clone())));
    }
    Har {
        log: HarLog {
            version: "1.2",
            creator: HarCreator { name: "Understudy", version: version.to_owned() },
            pages,
            entries,
            comment: "Secrets were removed. Bodies are text of the application, cut after 32 KiB.",
        },
    }
}

/// One that leads on is part of the page that follows.
fn shows_page(exchange: &RecordedExchange) -> bool {
    match exchange.entry.outcome {
        RequestOutcome::Answered { status } => !(300..400).contains(&status),
        _ => true,
    }
}

fn to_entry(exchange: &RecordedExchange, pageref: Option<String>) -> HarEntry {
    let timings = to_timings(exchange);
    HarEntry {
        pageref,
        started_date_time: write_time(exchange.started_at),
        time: timings.send + timings.wait + timings.receive,
        request: to_request(exchange),
        response: to_response(exchange),
        cache: HarCache {},
        timings,
        resource_type: name_resource_type(&exchange.request),
        comment: describe_outcome(exchange),
    }
}

/// By its destination (<https://fetch.spec.whatwg.org/#concept-request-destination>).
fn name_resource_type(request: &RecordedMessage) -> Option<&'static str> {
    let (_, destination) = request.headers.iter().find(|(name, _)| name == "sec-fetch-dest")?;
    Some(match destination.as_str() {
        "document" | "iframe" | "frame" => "document",
        "empty" => "fetch",
        "script" | "worker" | "sharedworker" | "serviceworker" => "script",
        "style" => "stylesheet",
        "image" => "image",
        "font" => "font",
        "audio" | "video" => "media",
        "track" => "texttrack",
        "manifest" => "manifest",
        "websocket" => "websocket",
        _ => return None,
    })
}

fn to_timings(exchange: &RecordedExchange) -> HarTimings {
    let millis = |time: Duration| (time.as_secs_f64() * 1e6).round() / 1e3;
    let elapsed = exchange.elapsed.or(exchange.waited).unwrap_or_default();
    let wait = exchange.waited.unwrap_or(elapsed).min(elapsed);
    let (unknown, receive) = (-1.0, millis(elapsed.saturating_sub(wait)));
    HarTimings {
        blocked: unknown,
        dns: unknown,
        connect: unknown,
        send: 0.0,
        wait: millis(wait),
        receive,
        ssl: unknown,
    }
}

fn to_request(exchange: &RecordedExchange) -> HarRequest {
    let RecordedExchange { entry, request, .. } = exchange;
    let url = for_tools(&entry.url);
    let cookies = request.headers.iter().filter(|(name, _)| name == "cookie");
    HarRequest {
        method: entry.method.clone(),
        http_version: to_version(request),
        cookies: cookies.flat_map(|(_, value)| value.split(';')).map(to_cookie).collect(),
        headers: to_headers(request),
        query_string: list_parameters(&url),
        post_data: request.body.as_ref().map(|body| HarPostData {
            mime_type: body.media_type.clone(),
            params: [],
            text: body.text.clone(),
            comment: body.is_cut.then_some("Only its beginning."),
        }),
        url,
        headers_size: -1,
        body_size: entry.sent_bytes,
    }
}

fn to_response(exchange: &RecordedExchange) -> HarResponse {
    let RecordedExchange { entry, response, .. } = exchange;
    let status = match entry.outcome {
        RequestOutcome::Answered { status } => status,
        _ => 0,
    };
    let find = |wanted: &str| {
        response.headers.iter().find(|(name, _)| name == wanted).map_or("", |(_, value)| value.as_str())
    };
    let cookies = response.headers.iter().filter(|(name, _)| name == "set-cookie");
    let reason = StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
    HarResponse {
        status,
        status_text: reason.unwrap_or_default().to_owned(),
        http_version: to_version(response),
        cookies: cookies.map(|(_, value)| to_cookie(value.split(';').next().unwrap_or_default())).collect(),
        headers: to_headers(response),
        content: HarContent {
            size: response.body.as_ref().map_or(entry.received_bytes, |body| body.text.len() as u64),
            mime_type: Some(find("content-type"))
                .filter(|it| !it.is_empty())
                .unwrap_or("x-unknown")
                .to_owned(),
            text: response.body.as_ref().map(|body| body.text.clone()),
            comment: response.body.as_ref().and_then(|body| body.is_cut.then_some("Only its beginning.")),
        },
        redirect_url: for_tools(find("location")),
        headers_size: -1,
        body_size: entry.received_bytes,
    }
}

fn describe_outcome(exchange: &RecordedExchange) -> Option<String> {
    match &exchange.entry.outcome {
        RequestOutcome::Waiting => Some("Not answered yet.".into()),
        RequestOutcome::Refused { reason } => Some(format!("Held back by Understudy: {reason}")),
        RequestOutcome::Failed { reason } => Some(reason.clone()),
        RequestOutcome::Answered { .. } => {
            exchange.entry.from_cache.then(|| "From the cache of this connection's public files.".into())
        }
    }
}

fn to_headers(message: &RecordedMessage) -> Vec<HarPair> {
    let pair = |(name, value): &(String, String)| HarPair { name: name.clone(), value: for_tools(value) };
    message.headers.iter().map(pair).collect()
}

fn to_version(message: &RecordedMessage) -> String {
    if message.version.is_empty() { "unknown".into() } else { message.version.clone() }
}

fn to_cookie(pair: &str) -> HarPair {
    let name = pair.split_once('=').map_or("", |(name, _)| name.trim());
    HarPair { name: name.to_owned(), value: REDACTED.into() }
}

fn list_parameters(url: &str) -> Vec<HarPair> {
    let Some((_, query)) = url.split('#').next().unwrap_or_default().split_once('?') else {
        return Vec::new();
    };
    url::form_urlencoded::parse(query.as_bytes())
        .map(|(name, value)| HarPair { name: name.into_owned(), value: value.into_owned() })
        .collect()
}

fn for_tools(text: &str) -> String {
    text.replace(MASK, REDACTED)
}

fn write_time(at: SystemTime) -> String {
    let at = Timestamp::try_from(at).unwrap_or_default();
    format!("{at:.3}")
}

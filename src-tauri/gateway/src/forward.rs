//! One request on its way to the application, once it may pass, and the answer on its way back.

use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_ORIGIN, CONNECTION, CONTENT_LENGTH, COOKIE, HOST,
    HeaderName, HeaderValue, ORIGIN, SET_COOKIE, TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, Request, Response, StatusCode, Uri, Version, request, response};
use http_body::Body as _;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::body::{Body, ByteCounter, WatchedBody, full_body};
use crate::cache::CacheLookup;
use crate::challenges::remove_dialog_challenges;
use crate::fault::ReachFault;
use crate::fault_page::{PasswordWanted, Preferences, answer_password_wanted};
use crate::fence::is_top_level;
use crate::hop_headers::{join_cookies, remove_hop_by_hop, wanted_upgrade};
use crate::journal::{Record, RequestOutcome};
use crate::media_type::remove_every_spelling;
use crate::observer::SentCookies;
use crate::preload::watch_document;
use crate::recording::{Side, record_body};
use crate::sending::SentRequest;
use crate::session::SessionState;

const MODE_HEADER: HeaderName = HeaderName::from_static("x-understudy-mode");

/// What belongs to a request, besides itself.
pub(crate) struct Passage<'a> {
    pub(crate) url: &'a Url,
    pub(crate) record: &'a Arc<Record>,
    pub(crate) session: &'a Arc<SessionState>,
    /// Whether the console itself has announced the request.
    pub(crate) is_announced: bool,
    /// Whether the gateway makes it before the webview does.
    pub(crate) is_ahead: bool,
    pub(crate) preferences: &'a Preferences,
    /// Cancelled when the web sockets of this time have to close.
    pub(crate) sockets_closed: CancellationToken,
}

impl Passage<'_> {
    /// Asks the application, or the cache.
    pub(crate) async fn forward(
        self,
        mut request: Request<Body>,
        uri: Uri,
    ) -> Result<Response<Body>, ReachFault> {
        let upgrade = wanted_upgrade(&request);
        let from_webview = upgrade.is_some().then(|| hyper::upgrade::on(&mut request));
        let (mut parts, body) = request.into_parts();
        let came_by = parts.version;
        self.prepare_request(&mut parts, uri, upgrade);
        let mut asked = parts.clone();
        asked.extensions.clear();
        let shares = self.shares_files();
        let mut stale = None;
        if shares {
            if !self.is_ahead {
                self.session.preloads.wait_for(&asked.uri).await;
            }
            match self.session.cache.look_up(&asked, SystemTime::now()) {
                CacheLookup::Miss => {}
                CacheLookup::Fresh(file) => {
                    self.session.journal.record_request(self.record, came_by, &asked.headers);
                    return Ok(self.answer_from_cache(&asked, file));
                }
                CacheLookup::Stale(file, conditions) => {
                    parts.headers.extend(conditions);
                    stale = Some(file);
                }
            }
        }
        self.tell_sent_cookies(&asked);
        let body = self.record_request(&asked, came_by, body);
        let SentRequest { mut response, is_authorized, is_for_session, lacks_repeat } =
            self.send(parts, body).await?;
        if !self.is_ahead {
            self.tell_set_cookies(response.headers());
        }
        self.record.set_outcome(RequestOutcome::Answered { status: response.status().as_u16() });
        self.record_answer(response.version(), response.headers());
        if response.status() == StatusCode::SWITCHING_PROTOCOLS
            && let Some(from_webview) = from_webview
        {
            self.relay(from_webview, hyper::upgrade::on(&mut response));
            return Ok(response.map(|_| full_body("")));
        }
        let (mut head, body) = response.into_parts();
        // What an error says is told with its words.
        if self.session.gate.notice_arrival(&asked, self.url, &head) && !is_error(head.status) {
            self.session.observer.on_arrival(self.url);
        }
        let has_known_end = has_known_end(&head);
        remove_hop_by_hop(&mut head.headers);
        if head.status == StatusCode::NOT_MODIFIED
            && let Some(stale) = stale
            && let Some(mut file) = self.session.cache.revalidate(stale, &asked, &head, SystemTime::now())
        {
            // They are for this session, and the file is for all.
            for cookie in head.headers.get_all(SET_COOKIE) {
                file.headers_mut().append(SET_COOKIE, cookie.clone());
            }
            return Ok(self.answer_from_cache(&asked, file));
        }
        // The console names the challenge that stopped its own request, and answers no dialog.
        if head.status == StatusCode::UNAUTHORIZED
            && !self.is_announced
            && remove_dialog_challenges(&mut head.headers)
        {
            let is_empty_page = is_top_level(&asked.headers) && body.is_end_stream();
            if lacks_repeat || is_empty_page {
                self.session.journal.end_entry(self.record);
                return Ok(self.answer_password_wanted(lacks_repeat));
            }
        }
        let body = self.watch_answer(&head.headers, body);
        // What a password has opened for this session is not for others.
        let body = if shares && has_known_end && !is_for_session {
            self.session.cache.keep_while_passing(&asked, &head, body).unwrap_or_else(|body| body)
        } else {
            body
        };
        if is_authorized && self.is_of_foreign_script(&asked) {
            keep_from_scripts(&mut head.headers);
        }
        let body = watch_document(self.session, self.url, came_by, &asked, &head, body);
        Ok(Response::from_parts(head, body))
    }

    /// In place of a server's 401 that has no words, or none for this case.
    fn answer_password_wanted(&self, lacks_repeat: bool) -> Response<Body> {
        let why = match () {
            () if lacks_repeat => PasswordWanted::TooLong,
            () if self.session.credentials.has_stored(self.url) => PasswordWanted::Refused,
            () => PasswordWanted::Unknown,
        };
        answer_password_wanted(self.url, why, self.preferences)
    }

    fn prepare_request(&self, parts: &mut request::Parts, uri: Uri, upgrade: Option<HeaderValue>) {
        parts.uri = uri;
        parts.version = Version::HTTP_11;
        // The URL has the host; the client writes the header again if the protocol needs it.
        parts.headers.remove(HOST);
        remove_hop_by_hop(&mut parts.headers);
        join_cookies(&mut parts.headers);
        remove_every_spelling(&mut parts.headers, &MODE_HEADER);
        if let Some(mode) = self.session.gate.mode_header(self.url) {
            parts.headers.insert(MODE_HEADER, mode);
        }
        if let Some(protocol) = upgrade {
            parts.headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
            parts.headers.insert(UPGRADE, protocol);
        }
    }

    fn tell_sent_cookies(&self, asked: &request::Parts) {
        let of = |name: &str| asked.headers.get(name).map(HeaderValue::as_bytes);
        let header = asked.headers.get(COOKIE).and_then(|value| value.to_str().ok());
        let is_own = matches!(of("sec-fetch-site"), Some(b"same-origin" | b"none"));
        let is_load = of("sec-fetch-mode") == Some(b"navigate");
        let sent = SentCookies { header, is_complete: is_own && (is_load || header.is_some()) };
        if header.is_some() || sent.is_complete {
            self.session.observer.on_cookies_sent(self.url, sent);
        }
    }

    fn tell_set_cookies(&self, headers: &HeaderMap) {
        let set: Vec<&str> =
            headers.get_all(SET_COOKIE).iter().filter_map(|value| value.to_str().ok()).collect();
        if !set.is_empty() {
            self.session.observer.on_cookies_set(self.url, &set);
        }
    }

    /// Whether a script of an origin that is neither the host's own nor the application's wants the answer.
    fn is_of_foreign_script(&self, asked: &request::Parts) -> bool {
        asked.headers.get(ORIGIN).is_some_and(|origin| {
            let page = origin.to_str().ok().and_then(|origin| Url::parse(origin).ok());
            let is_trusted = page.is_some_and(|page| {
                page.origin() == self.url.origin() || self.session.gate.is_of_application(&page)
            });
            !is_trusted
        })
    }

    fn shares_files(&self) -> bool {
        let host = self.url.host_str().unwrap_or_default();
        self.session.gate.is_of_application(self.url)
            || self.session.static_hosts.iter().any(|pattern| pattern.matches(host))
    }

    /// Counts an answer's bytes, and ends the journal's entry with it.
    fn watch_answer(&self, headers: &http::HeaderMap, body: Incoming) -> Body {
        let (session, record) = (Arc::clone(self.session), Arc::clone(self.record));
        let received = Arc::clone(&self.record.received);
        let counter = ByteCounter::new(received, move || session.journal.end_entry(&record));
        let body = WatchedBody::new(body, counter).boxed_unsync();
        if self.keeps_content() {
            record_body(&self.session.journal, self.record, Side::Response, headers, body)
        } else {
            body
        }
    }

    /// Whether what this request and its answer say is kept in the journal: they are the application's, and not the
    /// console's own.
    fn keeps_content(&self) -> bool {
        !self.is_announced && !self.is_ahead && self.session.gate.is_of_application(self.url)
    }

    fn record_request(&self, asked: &request::Parts, version: Version, body: Body) -> Body {
        // What the console sends by itself has its secrets.
        if self.is_announced {
            return body;
        }
        self.session.journal.record_request(self.record, version, &asked.headers);
        if self.keeps_content() {
            record_body(&self.session.journal, self.record, Side::Request, &asked.headers, body)
        } else {
            body
        }
    }

    fn record_answer(&self, version: Version, headers: &http::HeaderMap) {
        if !self.is_announced {
            self.session.journal.record_answer(self.record, version, headers);
        }
    }

    /// Answers with a public file from the cache. At most the question whether it is still valid has left the computer.
    fn answer_from_cache(&self, asked: &request::Parts, mut file: Response<Bytes>) -> Response<Body> {
        if self.session.credentials.has_stored(self.url) && self.is_of_foreign_script(asked) {
            keep_from_scripts(file.headers_mut());
        }
        self.record.set_outcome(RequestOutcome::Answered { status: file.status().as_u16() });
        self.record.set_from_cache();
        self.record_answer(file.version(), file.headers());
        self.session.journal.end_entry(self.record);
        file.map(full_body)
    }

    /// Passes bytes between the webview and the application until one of them closes or the session ends.
    fn relay(&self, from_webview: hyper::upgrade::OnUpgrade, from_server: hyper::upgrade::OnUpgrade) {
        let (session, record) = (Arc::clone(self.session), Arc::clone(self.record));
        let sockets_closed = self.sockets_closed.clone();
        self.session.tasks.spawn(async move {
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
}

pub(crate) fn is_error(status: StatusCode) -> bool {
    status.is_client_error() || status.is_server_error()
}

/// Takes back a permission that was meant for scripts without credentials (Fetch, 3.3): a browser sends a password only
/// for a script that has asked for that, and lets it read only what says that it may. Here, the gateway has sent it.
fn keep_from_scripts(headers: &mut HeaderMap) {
    let is_for_credentials = headers.get(ACCESS_CONTROL_ALLOW_CREDENTIALS).is_some_and(|it| it == "true")
        && headers.get(ACCESS_CONTROL_ALLOW_ORIGIN).is_some_and(|it| it != "*");
    if !is_for_credentials {
        headers.remove(ACCESS_CONTROL_ALLOW_ORIGIN);
    }
}

/// Whether it shows that an answer broke off. One that ends with its connection looks whole whenever it ends.
fn has_known_end(head: &response::Parts) -> bool {
    head.version == Version::HTTP_2
        || head.headers.contains_key(CONTENT_LENGTH)
        || head.headers.contains_key(TRANSFER_ENCODING)
}

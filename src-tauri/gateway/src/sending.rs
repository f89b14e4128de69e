//! Sends a request to the application, with the credentials that its host wants.

use std::sync::Arc;

use http::header::AUTHORIZATION;
use http::{Request, Response, StatusCode, request};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;

use crate::body::{Body, ByteCounter, WatchedBody};
use crate::credentials::{Authorization, ChallengeAnswer};
use crate::fault::ReachFault;
use crate::forward::Passage;
use crate::questions::{AskingRequest, is_page_load, may_ask};
use crate::replay::ReplayableBody;

/// How often a request is sent before the operator is asked: without credentials, with them, and with a nonce that is
/// younger.
const MOST_TRIES: u32 = 4;

/// An answer, and what was done for it.
pub(crate) struct SentRequest {
    pub(crate) response: Response<Incoming>,
    /// Whether the request was sent with credentials that are none of the page's.
    pub(crate) is_authorized: bool,
    /// Whether it was got with a password that the operator has entered: then it is for this session only.
    pub(crate) is_for_session: bool,
    /// Whether the host wants credentials that are known, but the body was too long to be sent again with them.
    pub(crate) lacks_repeat: bool,
}

impl Passage<'_> {
    /// Sends the request, and again with credentials if the host asks for them. If there are none that it accepts, the
    /// operator is asked. A request with an `Authorization` of its own keeps it, unless that is refused and others are
    /// known.
    pub(crate) async fn send(
        &self,
        mut parts: request::Parts,
        body: Body,
    ) -> Result<SentRequest, ReachFault> {
        let session = self.session;
        let (credentials, questions) = (&session.credentials, &session.questions);
        let at = (parts.method.clone(), self.url);
        let has_own = parts.headers.contains_key(AUTHORIZATION);
        let may_ask = !self.is_announced && !self.is_ahead && may_ask(&parts.headers, self.url);
        if !self.is_announced && is_page_load(&parts.headers) {
            questions.forget_declined();
        }
        let (body, mut current) = ReplayableBody::begin(body);
        let mut sent = if has_own { None } else { credentials.authorize(&at.0, at.1) };
        let mut tries = 0;
        loop {
            let sent_at = questions.now();
            if let Some(Authorization { header, .. }) = &sent {
                parts.headers.insert(AUTHORIZATION, header.clone());
            }
            let response = self.send_once(parts.clone(), current).await?;
            tries += 1;
            let is_authorized = sent.is_some();
            let is_for_session = sent.as_ref().is_some_and(|sent| credentials.is_entered(sent));
            let is_asked = response.status() == StatusCode::UNAUTHORIZED && tries < MOST_TRIES;
            let answer = |sent: Option<&Authorization>| {
                credentials.answer_challenge(response.headers(), (&at.0, at.1), sent)
            };
            let next = match answer(sent.as_ref()).filter(|_| is_asked) {
                Some(ChallengeAnswer::Authorize(next)) => Some(next),
                Some(_) if may_ask && body.can_repeat() => {
                    tries = 0;
                    let asking = AskingRequest { url: self.url, headers: &parts.headers, sent_at };
                    let has_entered = questions.ask(response.headers(), asking, credentials).await;
                    match answer(None).filter(|_| has_entered) {
                        Some(ChallengeAnswer::Authorize(next)) => Some(next),
                        _ => None,
                    }
                }
                _ => None,
            };
            if next.is_none() {
                return Ok(SentRequest { response, is_authorized, is_for_session, lacks_repeat: false });
            }
            // While the operator was asked, more of it may have come than is kept.
            let Some(again) = body.start_again() else {
                return Ok(SentRequest { response, is_authorized, is_for_session, lacks_repeat: true });
            };
            (sent, current) = (next, again);
        }
    }

    async fn send_once(&self, parts: request::Parts, body: Body) -> Result<Response<Incoming>, ReachFault> {
        let counter = ByteCounter::new(Arc::clone(&self.record.sent), || {});
        let body = WatchedBody::new(body, counter).boxed_unsync();
        self.session.upstream.send(Request::from_parts(parts, body)).await
    }
}

//! Answers the launch page's requests, which only the session's gateway hands over.

use std::time::Duration;

use async_trait::async_trait;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, SET_COOKIE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::json;
use understudy_gateway::LaunchResponder;
use url::Url;

use super::document::{LaunchDocument, write_fault_document, write_launch_document};
use super::{LaunchPage, LaunchPhase, LaunchPress};
use crate::browser::{Answer, Unanswered};

/// How long the page's question for something to do stays open. Then it asks again.
const ASK_LIMIT: Duration = Duration::from_secs(20);

/// The page's report of a task.
#[derive(Deserialize)]
#[serde(untagged)]
enum TaskReport {
    Answered {
        status: u16,
        headers: Vec<(String, String)>,
        /// The bytes in base64.
        body: String,
    },
    TimedOut {
        #[serde(rename = "timed_out")]
        _timed_out: bool,
    },
    Failed {
        failed: String,
    },
}

#[async_trait]
impl LaunchResponder for LaunchPage {
    async fn answer(&self, below: &str, request: Request<Bytes>) -> Response<Bytes> {
        let path: Vec<&str> = below.split('/').skip(1).collect();
        match (request.method(), path.as_slice()) {
            (&Method::GET, []) => self.answer_load(),
            (&Method::POST, ["next"]) => self.answer_next(request.body()).await,
            (&Method::POST, ["done", number]) => self.answer_report(number, request.body()),
            (&Method::POST, ["press", what]) => self.answer_press(what),
            (&Method::GET, ["cookies"]) => self.answer_visit(request.uri()),
            (&Method::GET, ["fault", nonce]) => self.answer_fault(nonce),
            (&Method::POST, ["fault", nonce, "close"]) => self.answer_fault_close(nonce),
            _ => bare(StatusCode::NOT_FOUND),
        }
    }
}

impl LaunchPage {
    fn answer_load(&self) -> Response<Bytes> {
        if !self.is_open() {
            return bare(StatusCode::NOT_FOUND);
        }
        self.change(|state| {
            state.phase = LaunchPhase::Loading;
            // The page that had it is gone.
            if let Some(task) = state.task.take_if(|task| task.is_delivered()) {
                // One that visited other hosts has come back from the last one.
                let is_visit = !state.hops.is_empty();
                state.hops.clear();
                task.finish(if is_visit { Ok(Answer::default()) } else { Err(Unanswered::Broken) });
            }
        });
        show_document(write_launch_document())
    }

    /// Waits for something to do, or to show.
    async fn answer_next(&self, body: &Bytes) -> Response<Bytes> {
        let seen = std::str::from_utf8(body).ok().and_then(|text| text.parse().ok()).unwrap_or(0);
        let mut changes = self.changes.subscribe();
        self.change(|state| {
            if state.phase == LaunchPhase::Loading {
                state.phase = LaunchPhase::Ready;
            }
        });
        let found = async {
            loop {
                if !self.is_open() {
                    return None;
                }
                if let Some(leaving) = self.take_leave() {
                    return Some(leaving);
                }
                if let Some(message) = self.take_message(seen) {
                    return Some(message);
                }
                let _ = changes.changed().await;
            }
        };
        match tokio::time::timeout(ASK_LIMIT, found).await {
            Ok(Some(message)) => {
                let mut response = Response::new(Bytes::from(message));
                response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
                response
            }
            Ok(None) => bare(StatusCode::NOT_FOUND),
            Err(_) => bare(StatusCode::NO_CONTENT),
        }
    }

    /// The message that leads the page away. From now on, the page counts as gone.
    fn take_leave(&self) -> Option<String> {
        let leaving = self.state.lock().leaving.take()?;
        self.close();
        Some(leaving.expose_secret().to_owned())
    }

    fn take_message(&self, seen: u64) -> Option<String> {
        let state = &mut *self.state.lock();
        if state.revision > seen {
            return Some(json!({ "revision": state.revision, "view": state.view }).to_string());
        }
        state.task.as_mut()?.deliver()
    }

    fn answer_report(&self, number: &str, body: &Bytes) -> Response<Bytes> {
        let Some(outcome) = read_report(body) else { return bare(StatusCode::BAD_REQUEST) };
        let mut state = self.state.lock();
        let is_it = |number: &str, own: u64| number.parse() == Ok(own);
        match state.task.take_if(|task| task.is_delivered() && is_it(number, task.number)) {
            Some(task) => {
                task.finish(outcome);
                bare(StatusCode::NO_CONTENT)
            }
            None => bare(StatusCode::NOT_FOUND),
        }
    }

    fn answer_press(&self, what: &str) -> Response<Bytes> {
        let press = match what {
            "retry" => LaunchPress::Retry,
            "renew" => LaunchPress::RenewSecret,
            "close" => LaunchPress::Close,
            _ => return bare(StatusCode::NOT_FOUND),
        };
        if !self.is_open() {
            return bare(StatusCode::NOT_FOUND);
        }
        let _ = self.presses.send(press);
        bare(StatusCode::NO_CONTENT)
    }

    /// Sets the cookies of one host, and leads on.
    fn answer_visit(&self, uri: &http::Uri) -> Response<Bytes> {
        let state = self.state.lock();
        let url = Url::parse(&uri.to_string()).ok();
        let Some(hop) = state.hops.iter().find(|hop| Some(&hop.at) == url.as_ref()) else {
            return bare(StatusCode::NOT_FOUND);
        };
        let mut response = bare(StatusCode::FOUND);
        let headers = response.headers_mut();
        for set in &hop.set {
            if let Ok(mut value) = HeaderValue::from_bytes(set.expose_secret().as_bytes()) {
                value.set_sensitive(true);
                headers.append(SET_COOKIE, value);
            }
        }
        if let Ok(next) = HeaderValue::from_str(hop.next.as_str()) {
            headers.insert(LOCATION, next);
        }
        response
    }

    fn answer_fault(&self, nonce: &str) -> Response<Bytes> {
        match self.state.lock().faults.iter().find(|fault| fault.nonce == nonce) {
            Some(fault) => show_document(write_fault_document(fault)),
            None => bare(StatusCode::NOT_FOUND),
        }
    }

    fn answer_fault_close(&self, nonce: &str) -> Response<Bytes> {
        if !self.state.lock().faults.iter().any(|fault| fault.nonce == nonce) {
            return bare(StatusCode::NOT_FOUND);
        }
        let _ = self.presses.send(LaunchPress::Close);
        bare(StatusCode::NO_CONTENT)
    }

    fn is_open(&self) -> bool {
        self.state.lock().phase != LaunchPhase::Closed
    }
}

fn read_report(body: &Bytes) -> Option<Result<Answer, Unanswered>> {
    Some(match serde_json::from_slice(body).ok()? {
        TaskReport::Answered { status, headers, body } => {
            Ok(Answer::from_parts(status, headers, &BASE64_STANDARD.decode(body).ok()?))
        }
        TaskReport::TimedOut { .. } => Err(Unanswered::TimedOut),
        TaskReport::Failed { failed } => Err(Unanswered::Failed(failed)),
    })
}

fn show_document(document: LaunchDocument) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(document.html));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    if let Ok(policy) = HeaderValue::from_str(&document.policy) {
        headers.insert(CONTENT_SECURITY_POLICY, policy);
    }
    response
}

fn bare(status: StatusCode) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = status;
    response
}

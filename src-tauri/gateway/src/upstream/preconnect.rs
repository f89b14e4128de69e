//! Connections that are opened before the first request needs them: to a distant server, that takes two or three round
//! trips. No request is sent on them until a page has one.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use http::header::HOST;
use http::uri::{Authority, Scheme};
use http::{HeaderValue, Request, Response, Uri};
use hyper::body::Incoming;
use hyper::client::conn::{TrySendError, http1, http2};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::connect::Connection as _;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use parking_lot::Mutex;
use tower_service::Service as _;

use super::IDLE;
use super::connector::ServerConnector;
use crate::body::{Body, BodyError};
use crate::buffers::{CONNECTION_WINDOW, SEND_BUFFER, STREAM_WINDOW};

/// Locked while the connection is being opened: the first requests wait for it.
type Slot = Arc<tokio::sync::Mutex<Option<OpenConnection>>>;

/// One connection for each server at most.
#[derive(Default)]
pub(super) struct Preconnections(Mutex<HashMap<(Scheme, Authority), Slot>>);

struct OpenConnection {
    sender: Sender,
    last_used: Instant,
}

enum Sender {
    Http1(http1::SendRequest<Body>),
    Http2(http2::SendRequest<Body>),
}

/// What became of a request.
pub(super) enum SendOutcome {
    Answered(Response<Incoming>),
    Failed(hyper::Error),
    /// No connection is open and free, so nothing has left the computer.
    NotSent(Request<Body>),
}

impl Preconnections {
    /// What opens a connection to the server of `uri`; `None` if that has been done. If it fails, the first request will
    /// find out why.
    pub(super) fn open(
        &self,
        connector: HttpsConnector<ServerConnector>,
        uri: Uri,
    ) -> Option<impl Future<Output = ()> + Send + use<>> {
        let server = server_of(&uri)?;
        let mut slots = self.0.lock();
        if slots.contains_key(&server) {
            return None;
        }
        let slot = Slot::default();
        let mut opening = Arc::clone(&slot).try_lock_owned().ok()?;
        slots.insert(server, slot);
        Some(async move {
            match connect(connector, uri).await {
                Ok(sender) => *opening = Some(OpenConnection::used_now(sender)),
                Err(error) => tracing::debug!(%error, "no connection was opened ahead"),
            }
        })
    }

    /// Sends a request over the connection to its server.
    pub(super) async fn send(&self, request: Request<Body>) -> SendOutcome {
        let slot = server_of(request.uri()).and_then(|server| self.0.lock().get(&server).cloned());
        let Some(slot) = slot else { return SendOutcome::NotSent(request) };
        let mut held = slot.lock().await;
        let Some(open) = held.take().filter(OpenConnection::is_usable) else {
            return SendOutcome::NotSent(request);
        };
        match open.sender {
            Sender::Http2(mut sender) => {
                *held = Some(OpenConnection::used_now(Sender::Http2(sender.clone())));
                drop(held);
                to_outcome(sender.try_send_request(request).await)
            }
            Sender::Http1(mut sender) => {
                drop(held);
                let uri = request.uri().clone();
                match to_outcome(sender.try_send_request(to_origin_form(request)).await) {
                    SendOutcome::NotSent(request) => SendOutcome::NotSent(to_absolute_form(request, uri)),
                    failed @ SendOutcome::Failed(_) => failed,
                    answered @ SendOutcome::Answered(_) => {
                        tokio::spawn(async move {
                            // Once the answer has been read to its end.
                            if sender.ready().await.is_ok() {
                                *slot.lock().await = Some(OpenConnection::used_now(Sender::Http1(sender)));
                            }
                        });
                        answered
                    }
                }
            }
        }
    }
}

impl OpenConnection {
    fn used_now(sender: Sender) -> Self {
        Self { sender, last_used: Instant::now() }
    }

    fn is_usable(&self) -> bool {
        let is_open = match &self.sender {
            Sender::Http1(sender) => sender.is_ready(),
            Sender::Http2(sender) => sender.is_ready(),
        };
        is_open && self.last_used.elapsed() < IDLE
    }
}

fn server_of(uri: &Uri) -> Option<(Scheme, Authority)> {
    Some((uri.scheme()?.clone(), uri.authority()?.clone()))
}

async fn connect(mut connector: HttpsConnector<ServerConnector>, uri: Uri) -> Result<Sender, BodyError> {
    let stream = connector.call(uri).await?;
    if stream.connected().is_negotiated_h2() {
        let (sender, connection) = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_send_buf_size(SEND_BUFFER)
            .handshake(stream)
            .await?;
        tokio::spawn(connection);
        Ok(Sender::Http2(sender))
    } else {
        let (sender, connection) = http1::Builder::new().handshake(stream).await?;
        tokio::spawn(connection);
        Ok(Sender::Http1(sender))
    }
}

fn to_outcome(answer: Result<Response<Incoming>, TrySendError<Request<Body>>>) -> SendOutcome {
    match answer {
        Ok(response) => SendOutcome::Answered(response),
        Err(mut error) => match error.take_message() {
            Some(request) => SendOutcome::NotSent(request),
            None => SendOutcome::Failed(error.into_error()),
        },
    }
}

/// As HTTP/1.1 has it: the path in the first line, the server in a header.
fn to_origin_form(mut request: Request<Body>) -> Request<Body> {
    if let Some(host) = request.uri().authority().and_then(|it| HeaderValue::from_str(it.as_str()).ok()) {
        request.headers_mut().insert(HOST, host);
    }
    let path = request.uri().path_and_query().cloned();
    *request.uri_mut() = path.map_or_else(|| Uri::from_static("/"), Uri::from);
    request
}

fn to_absolute_form(mut request: Request<Body>, uri: Uri) -> Request<Body> {
    request.headers_mut().remove(HOST);
    *request.uri_mut() = uri;
    request
}

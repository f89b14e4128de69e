//! The gateway as an HTTP proxy: CONNECT for https and web sockets, whole URLs for plain http.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http::header::{PROXY_AUTHENTICATE, PROXY_AUTHORIZATION};
use http::uri::Scheme;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};

use super::{serve_tunnel, spawn_until_end};
use crate::body::{Body, full_body};
use crate::exchange::exchange;
use crate::session::SessionState;
use crate::target::{Target, default_port};

/// Half a request of another program does not hold a connection for longer.
const HEADER_TIMEOUT: Duration = Duration::from_mins(2);

pub(super) async fn serve<S>(stream: S, session: Arc<SessionState>) -> std::io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request| {
        let session = Arc::clone(&session);
        async move { Ok::<_, Infallible>(answer(request, session).await) }
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades()
        .await
        .map_err(std::io::Error::other)
}

async fn answer(mut request: Request<Incoming>, session: Arc<SessionState>) -> Response<Body> {
    if !session.admission.accepts_header(request.headers().get(PROXY_AUTHORIZATION)) {
        return ask_for_credentials();
    }
    request.headers_mut().remove(PROXY_AUTHORIZATION);
    let Some(authority) = request.uri().authority().cloned() else {
        return plain_answer(StatusCode::BAD_REQUEST, "The gateway of a session takes proxy requests only.");
    };
    if request.method() == Method::CONNECT {
        let target = Target::from_authority(&authority, 443);
        spawn_until_end(&session.tasks.clone(), &session.ended.clone(), async move {
            let tunnel = match hyper::upgrade::on(request).await {
                Ok(upgraded) => serve_tunnel(TokioIo::new(upgraded), target, session).await,
                Err(error) => Err(std::io::Error::other(error)),
            };
            if let Err(error) = tunnel {
                tracing::debug!(%error, "a tunnel through the gateway ended early");
            }
        });
        return Response::new(full_body(""));
    }
    let scheme = request.uri().scheme().cloned().unwrap_or(Scheme::HTTP);
    let target = Target::from_authority(&authority, default_port(&scheme));
    exchange(request, scheme, target, session).await
}

fn ask_for_credentials() -> Response<Body> {
    let mut response = plain_answer(
        StatusCode::PROXY_AUTHENTICATION_REQUIRED,
        "This is the gateway of a session. Only the session's own window may use it.",
    );
    response.headers_mut().insert(PROXY_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"session\""));
    response
}

fn plain_answer(status: StatusCode, text: &'static str) -> Response<Body> {
    let mut response = Response::new(full_body(text));
    *response.status_mut() = status;
    response
}

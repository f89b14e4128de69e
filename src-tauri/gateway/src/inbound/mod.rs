//! The way in: who may use the gateway, and which server they want. SOCKS5 for WebKit, an HTTP proxy for Chromium.

mod admission;
mod http_proxy;
mod socks5;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http::uri::Scheme;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub(crate) use admission::{Admission, USER};

use crate::buffers::{CONNECTION_WINDOW, READ_BUFFER, SEND_BUFFER, STREAM_WINDOW};
use crate::exchange::exchange;
use crate::session::SessionState;
use crate::target::Target;

/// The first byte of a SOCKS5 greeting, and of a TLS handshake.
const SOCKS5: u8 = 5;
const TLS_HANDSHAKE: u8 = 0x16;

/// A browser may open a connection before it needs it, but any program on this computer may open one and send nothing.
const SILENCE_LIMIT: Duration = Duration::from_mins(2);
/// A browser completes the greeting immediately.
const NEGOTIATION_LIMIT: Duration = Duration::from_secs(10);

/// Accepts connections until the session ends. A connection that fails or panics does not affect the others.
pub(crate) async fn accept_connections(listener: TcpListener, session: Arc<SessionState>) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = session.ended.cancelled() => return,
        };
        match accepted {
            Ok((stream, _)) => {
                let _ = stream.set_nodelay(true);
                let session = Arc::clone(&session);
                spawn_until_end(&session.tasks.clone(), &session.ended.clone(), async move {
                    if let Err(error) = serve_connection(stream, session).await {
                        tracing::debug!(%error, "a connection to the gateway ended early");
                    }
                });
            }
            // Out of file descriptors, most likely: the next connection has to wait until one is free.
            Err(error) => {
                tracing::warn!(%error, "the gateway cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

/// Runs `work` until it is done or the session ends.
pub(crate) fn spawn_until_end(
    tasks: &TaskTracker,
    ended: &CancellationToken,
    work: impl Future<Output = ()> + Send + 'static,
) {
    let ended = ended.clone();
    tasks.spawn(async move {
        tokio::select! {
            () = work => {}
            () = ended.cancelled() => {}
        }
    });
}

async fn serve_connection(stream: TcpStream, session: Arc<SessionState>) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let begun = tokio::time::timeout(SILENCE_LIMIT, stream.fill_buf()).await??;
    let Some(first) = begun.first().copied() else { return Ok(()) };
    if first == SOCKS5 {
        let negotiated = socks5::negotiate(&mut stream, &session.admission);
        let target = tokio::time::timeout(NEGOTIATION_LIMIT, negotiated).await??;
        serve_tunnel(stream, target, session).await
    } else {
        http_proxy::serve(stream, session).await
    }
}

/// Serves what a webview sends to one server: TLS with a certificate of the session's authority, or plain HTTP.
async fn serve_tunnel<S>(stream: S, target: Target, session: Arc<SessionState>) -> std::io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut stream = BufReader::with_capacity(READ_BUFFER, stream);
    match stream.fill_buf().await?.first() {
        None => Ok(()),
        Some(&TLS_HANDSHAKE) => {
            let config = session.authority.server_config(&target.host).map_err(std::io::Error::other)?;
            let stream = TlsAcceptor::from(config).accept(stream).await?;
            serve_requests(stream, Scheme::HTTPS, target, session).await
        }
        Some(_) => serve_requests(stream, Scheme::HTTP, target, session).await,
    }
}

async fn serve_requests<S>(
    stream: S,
    scheme: Scheme,
    target: Target,
    session: Arc<SessionState>,
) -> std::io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request: http::Request<Incoming>| {
        let (session, scheme, target) = (Arc::clone(&session), scheme.clone(), target.clone());
        async move { Ok::<_, Infallible>(exchange(request, scheme, target, session).await) }
    });
    let mut server = auto::Builder::new(TokioExecutor::new());
    server
        .http2()
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(SEND_BUFFER);
    server.serve_connection_with_upgrades(TokioIo::new(stream), service).await.map_err(std::io::Error::other)
}

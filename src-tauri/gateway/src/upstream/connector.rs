//! TCP to a server, straight or through the company's proxy.

use std::future::{Ready, ready};
use std::io::IoSlice;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use http::uri::Scheme;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::dns::{GaiResolver, Name};
use hyper_util::client::legacy::connect::proxy::{SocksV5, Tunnel};
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::rt::TokioIo;
use tokio::io::BufReader;
use tokio::net::TcpStream;
use tower_service::Service;

use crate::OutboundProxy;
use crate::body::BodyError;
use crate::buffers::READ_BUFFER;
use crate::outbound_proxy::ProxyRoute;

/// For one address; several share it.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);

/// The system's resolver knows no address for this name.
#[derive(Debug)]
pub(crate) struct NameNotFound(std::io::Error);

impl std::fmt::Display for NameNotFound {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "the name could not be resolved: {}", self.0)
    }
}

impl std::error::Error for NameNotFound {}

/// The system's resolver, with an error type of its own.
#[derive(Clone)]
struct SystemResolver(GaiResolver);

impl Service<Name> for SystemResolver {
    type Response = <GaiResolver as Service<Name>>::Response;
    type Error = NameNotFound;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let addresses = self.0.call(name);
        Box::pin(async move { addresses.await.map_err(NameNotFound) })
    }
}

#[derive(Clone)]
pub(super) struct ServerConnector {
    direct: HttpConnector<SystemResolver>,
    route: ProxyRoute,
}

impl ServerConnector {
    pub(super) fn new(route: ProxyRoute) -> Self {
        let mut direct = HttpConnector::new_with_resolver(SystemResolver(GaiResolver::new()));
        direct.enforce_http(false);
        direct.set_nodelay(true);
        direct.set_connect_timeout(Some(CONNECT_TIMEOUT));
        direct.set_keepalive(Some(Duration::from_mins(1)));
        Self { direct, route }
    }
}

impl Service<Uri> for ServerConnector {
    type Response = ServerStream;
    type Error = BodyError;
    type Future = Pin<Box<dyn Future<Output = Result<ServerStream, BodyError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BodyError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, server: Uri) -> Self::Future {
        let (mut direct, proxy) = (self.direct.clone(), self.route.find_proxy(&server));
        Box::pin(async move {
            let Some(proxy) = proxy else {
                let stream = direct.call(server).await?;
                return Ok(ServerStream::new(stream, false));
            };
            let stream = direct
                .call(proxy.uri().clone())
                .await
                .map_err(|cause| ProxyFault::Unreachable(cause.into()))?;
            let is_forward_proxy = !proxy.is_socks() && server.scheme() != Some(&Scheme::HTTPS);
            let stream = if is_forward_proxy { stream } else { open_tunnel(stream, &proxy, server).await? };
            Ok(ServerStream::new(stream, is_forward_proxy))
        })
    }
}

/// Asks a proxy for a connection to the server.
async fn open_tunnel(
    stream: TokioIo<TcpStream>,
    proxy: &OutboundProxy,
    server: Uri,
) -> Result<TokioIo<TcpStream>, ProxyFault> {
    let uri = proxy.uri().clone();
    if proxy.is_socks() {
        let mut socks = SocksV5::new(uri, OpenStream(Some(stream)));
        if let Some((user, password)) = proxy.credentials() {
            socks = socks.with_auth(user, password);
        }
        socks.call(server).await.map_err(|error| ProxyFault::from_answer(&error))
    } else {
        let mut tunnel = Tunnel::new(uri, OpenStream(Some(stream)));
        if let Some(header) = proxy.to_basic_header() {
            tunnel = tunnel.with_auth(header);
        }
        tunnel.call(server).await.map_err(|error| ProxyFault::from_answer(&error))
    }
}

/// What a proxy could not do.
#[derive(Debug)]
pub(crate) enum ProxyFault {
    Unreachable(BodyError),
    CredentialsRefused,
    /// It did not connect to the server. Has its answer.
    ServerRefused(String),
}

impl ProxyFault {
    /// Only their text tells the library's errors about a proxy's answer apart; the tests check that it stays so.
    fn from_answer(error: &impl std::fmt::Display) -> Self {
        let said = error.to_string();
        let about_credentials =
            ["proxy authorization required", "credentials not accepted", "user/pass authentication"];
        if about_credentials.iter().any(|known| said.contains(known)) {
            Self::CredentialsRefused
        } else {
            Self::ServerRefused(said)
        }
    }
}

impl std::fmt::Display for ProxyFault {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unreachable(cause) => write!(formatter, "the proxy could not be reached: {cause}"),
            Self::CredentialsRefused => formatter.write_str("the proxy refused the credentials"),
            Self::ServerRefused(said) => write!(formatter, "the proxy opened no way to the server: {said}"),
        }
    }
}

impl std::error::Error for ProxyFault {}

/// Hands a connector a connection that is already open, in place of the one it would open.
struct OpenStream(Option<TokioIo<TcpStream>>);

impl Service<Uri> for OpenStream {
    type Response = TokioIo<TcpStream>;
    type Error = std::io::Error;
    type Future = Ready<std::io::Result<TokioIo<TcpStream>>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        ready(self.0.take().ok_or_else(|| std::io::Error::other("one connection, one call")))
    }
}

/// A connection that knows whether requests on it have whole URLs.
pub(super) struct ServerStream {
    stream: TokioIo<BufReader<TcpStream>>,
    is_forward_proxy: bool,
}

impl ServerStream {
    fn new(stream: TokioIo<TcpStream>, is_forward_proxy: bool) -> Self {
        let stream = TokioIo::new(BufReader::with_capacity(READ_BUFFER, stream.into_inner()));
        Self { stream, is_forward_proxy }
    }
}

impl Connection for ServerStream {
    fn connected(&self) -> Connected {
        Connected::new().proxy(self.is_forward_proxy)
    }
}

impl Read for ServerStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl Write for ServerStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, buffer)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[IoSlice<'_>],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, buffers)
    }
}

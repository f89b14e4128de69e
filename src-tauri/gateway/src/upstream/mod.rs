//! The way out: HTTP/1.1 and HTTP/2, pooled, over connections that are verified.

mod connector;
mod preconnect;
mod trust;

use std::sync::Arc;
use std::time::Duration;

use http::header::{PROXY_AUTHORIZATION, UPGRADE};
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::ClientConfig;
use rustls::pki_types::CertificateDer;
use url::Url;

use crate::body::Body;
use crate::buffers::{CONNECTION_WINDOW, SEND_BUFFER, STREAM_WINDOW};
use crate::fault::ReachFault;
use crate::outbound_proxy::ProxyRoute;
use crate::{GatewayError, OutboundProxy};
use connector::ServerConnector;
pub(crate) use connector::{NameNotFound, ProxyFault};
use preconnect::{Preconnections, SendOutcome};
pub use trust::read_certificates;

/// As long as browsers keep idle connections.
const IDLE: Duration = Duration::from_secs(90);

type HttpClient = Client<HttpsConnector<ServerConnector>, Body>;

pub(crate) struct Upstream {
    preconnected: Preconnections,
    connector: HttpsConnector<ServerConnector>,
    pooled: HttpClient,
    /// For upgrades, which need HTTP/1.1.
    upgradable: HttpClient,
    route: ProxyRoute,
}

impl Upstream {
    /// `extra_roots` are trusted besides the system's authorities.
    pub(crate) fn create(
        extra_roots: Vec<CertificateDer<'static>>,
        proxy: Option<OutboundProxy>,
    ) -> Result<Self, GatewayError> {
        let tls = trust::make_client_config(extra_roots)?;
        let route = ProxyRoute::new(proxy);
        let connector = ServerConnector::new(route.clone());
        let over_tls = wrap_in_tls(&tls, connector.clone(), true);
        Ok(Self {
            preconnected: Preconnections::default(),
            pooled: make_client(over_tls.clone()),
            upgradable: make_client(wrap_in_tls(&tls, connector, false)),
            connector: over_tls,
            route,
        })
    }

    /// What opens a connection to this https server, for its first request; `None` if that has been done.
    pub(crate) fn preconnect(&self, server: &Url) -> Option<impl Future<Output = ()> + Send + use<>> {
        // Without TLS there is little to gain, and small development servers serve one connection at a time.
        let uri = Some(server).filter(|server| server.scheme() == "https")?.as_str().parse().ok()?;
        self.preconnected.open(self.connector.clone(), uri)
    }

    pub(crate) async fn send(&self, mut request: Request<Body>) -> Result<Response<Incoming>, ReachFault> {
        let uri = request.uri().clone();
        // A plain http request goes to an HTTP proxy as it is, with the proxy's credentials on it.
        let is_plain = uri.scheme() == Some(&http::uri::Scheme::HTTP);
        let forward_proxy = self.route.find_proxy(&uri).filter(|proxy| is_plain && !proxy.is_socks());
        if let Some(credentials) = forward_proxy.as_ref().and_then(OutboundProxy::to_basic_header) {
            request.headers_mut().insert(PROXY_AUTHORIZATION, credentials);
        }
        let fault = |error: &(dyn std::error::Error + 'static)| {
            ReachFault::from_error(error, &uri, self.route.find_proxy(&uri).as_ref())
        };
        let response = if request.headers().contains_key(UPGRADE) {
            self.upgradable.request(request).await.map_err(|error| fault(&error))?
        } else {
            match self.preconnected.send(request).await {
                SendOutcome::Answered(response) => response,
                SendOutcome::Failed(error) => return Err(fault(&error)),
                SendOutcome::NotSent(request) => {
                    self.pooled.request(request).await.map_err(|error| fault(&error))?
                }
            }
        };
        match forward_proxy {
            Some(proxy) if response.status() == StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
                Err(ReachFault::ProxyCredentialsRefused { proxy: proxy.address().to_owned() })
            }
            _ => Ok(response),
        }
    }
}

fn wrap_in_tls(
    tls: &Arc<ClientConfig>,
    connector: ServerConnector,
    with_http2: bool,
) -> HttpsConnector<ServerConnector> {
    let builder =
        HttpsConnectorBuilder::new().with_tls_config(ClientConfig::clone(tls)).https_or_http().enable_http1();
    if with_http2 {
        builder.enable_http2().wrap_connector(connector)
    } else {
        builder.wrap_connector(connector)
    }
}

fn make_client(connector: HttpsConnector<ServerConnector>) -> HttpClient {
    Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .timer(TokioTimer::new())
        .pool_idle_timeout(IDLE)
        .http2_initial_stream_window_size(STREAM_WINDOW)
        .http2_initial_connection_window_size(CONNECTION_WINDOW)
        .http2_max_send_buf_size(SEND_BUFFER)
        .build(connector)
}

//! The customer application: HTTP/1.1 and HTTP/2, with or without TLS, and a certificate that a test chooses.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use futures_util::StreamExt as _;
use http::header::{AUTHORIZATION, CONNECTION, CONTENT_ENCODING, CONTENT_TYPE, UPGRADE, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version};
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use md5::Digest as _;
use parking_lot::Mutex;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivatePkcs8KeyDer;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio_rustls::TlsAcceptor;

type Answer = Response<UnsyncBoxBody<Bytes, std::io::Error>>;

/// A company's authority, which the gateway is told to trust.
pub struct Company {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// Which certificate an application shows.
#[derive(Clone, Copy, PartialEq)]
pub enum Shown {
    Good,
    Expired,
    NotYetValid,
    OtherName,
    SelfSigned,
    AuthorityAsServer,
    /// The company's own, which clients are told to trust: what `openssl req -x509` makes, named as an authority.
    CompanyItself,
}

/// What an application saw of a request.
#[derive(Debug, Clone)]
pub struct Seen {
    pub method: Method,
    pub path: String,
    pub version: Version,
    pub headers: HeaderMap,
}

/// Pages of an application, besides what it answers to all: path, content type, content, and one more header.
pub type Pages =
    &'static [(&'static str, &'static str, &'static str, Option<(&'static str, &'static str)>)];

pub struct Application {
    pub address: SocketAddr,
    pub seen: Arc<Mutex<Vec<Seen>>>,
    /// `/finished` is answered when a test says so.
    pub finish: Arc<Notify>,
    connections: Arc<AtomicUsize>,
}

impl Company {
    pub fn found(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.subject_alt_names =
            CertificateParams::new(["localhost".to_owned()]).unwrap().subject_alt_names;
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        Self { issuer }
    }

    pub fn certificate(&self) -> Vec<u8> {
        self.issuer.as_ref().der().to_vec()
    }

    pub fn issue(&self, shown: Shown) -> ServerConfig {
        let names = if shown == Shown::OtherName {
            ["other.example", "127.9.9.9"]
        } else {
            ["localhost", "127.0.0.1"]
        };
        let mut params = CertificateParams::new(names.map(str::to_owned)).unwrap();
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(2099, 1, 1);
        match shown {
            Shown::Expired => params.not_after = rcgen::date_time_ymd(2021, 1, 1),
            Shown::NotYetValid => params.not_before = rcgen::date_time_ymd(2098, 1, 1),
            Shown::AuthorityAsServer => params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained),
            _ => {}
        }
        let key = KeyPair::generate().unwrap();
        let (certificate, key) = match shown {
            Shown::CompanyItself => (self.certificate(), self.issuer.key().serialize_der()),
            Shown::SelfSigned => (params.self_signed(&key).unwrap().der().to_vec(), key.serialize_der()),
            _ => (params.signed_by(&key, &self.issuer).unwrap().der().to_vec(), key.serialize_der()),
        };
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.into()], PrivatePkcs8KeyDer::from(key).into())
            .unwrap();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        config
    }
}

impl Application {
    pub async fn start_plain() -> Self {
        Self::start(None, &[]).await
    }

    pub async fn start_tls(company: &Company, shown: Shown) -> Self {
        Self::start(Some(company.issue(shown)), &[]).await
    }

    pub async fn start_with_pages(company: &Company, pages: Pages) -> Self {
        Self::start(Some(company.issue(Shown::Good)), pages).await
    }

    #[allow(dead_code, reason = "only the tests choose the protocols")]
    pub async fn start_with_tls(tls: ServerConfig) -> Self {
        Self::start(Some(tls), &[]).await
    }

    #[allow(dead_code, reason = "only the tests count them")]
    pub fn count_connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    async fn start(tls: Option<ServerConfig>, pages: Pages) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let acceptor = tls.map(|config| TlsAcceptor::from(Arc::new(config)));
        let seen_here = Arc::clone(&seen);
        let finish: Arc<Notify> = Arc::default();
        let finish_here = Arc::clone(&finish);
        let connections: Arc<AtomicUsize> = Arc::default();
        let counted = Arc::clone(&connections);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                // As web servers do.
                let _ = stream.set_nodelay(true);
                let (acceptor, seen, finish) =
                    (acceptor.clone(), Arc::clone(&seen_here), Arc::clone(&finish_here));
                tokio::spawn(async move {
                    let service = service_fn(move |mut request: Request<Incoming>| {
                        let (seen, finish) = (Arc::clone(&seen), Arc::clone(&finish));
                        async move {
                            let is_finish = request.uri().path() == "/finished";
                            // Reads everything before it asks for a password.
                            let is_unproved = !request.headers().contains_key(AUTHORIZATION);
                            while is_unproved
                                && request.uri().path() == "/digest/late"
                                && request.body_mut().frame().await.is_some()
                            {}
                            let answer = answer(request, &seen, pages);
                            if is_finish {
                                finish.notified().await;
                            }
                            Ok::<_, Infallible>(answer)
                        }
                    });
                    let server = auto::Builder::new(TokioExecutor::new());
                    let _ = match acceptor {
                        None => server.serve_connection_with_upgrades(TokioIo::new(stream), service).await,
                        Some(acceptor) => match acceptor.accept(stream).await {
                            Ok(stream) => {
                                server.serve_connection_with_upgrades(TokioIo::new(stream), service).await
                            }
                            Err(_) => return,
                        },
                    };
                });
            }
        });
        Self { address, seen, finish, connections }
    }

    pub fn https(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.address.port())
    }

    pub fn http(&self, path: &str) -> String {
        format!("http://localhost:{}{path}", self.address.port())
    }
}

/// What `/guarded` accepts: the user `gate` with the password `canary`.
const GUARD_ACCEPTS: &str = "Basic Z2F0ZTpjYW5hcnk=";
const GUARD_SAYS: &str = "<!doctype html><p>Staff only</p><script src=/staff-only.js></script>";

/// A bundle of 30 kB.
static FILE: LazyLock<Bytes> = LazyLock::new(|| format!("/*{}*/", "x".repeat(30_000)).into());

fn answer(mut request: Request<Incoming>, seen: &Mutex<Vec<Seen>>, pages: Pages) -> Answer {
    seen.lock().push(Seen {
        method: request.method().clone(),
        path: request.uri().path().to_owned(),
        version: request.version(),
        headers: request.headers().clone(),
    });
    if let Some(page) = find_page(request.uri().path(), pages) {
        return page;
    }
    match request.uri().path() {
        "/echo" | "/graphql" => {
            Response::new(request.into_body().map_err(std::io::Error::other).boxed_unsync())
        }
        "/gzip" => {
            let mut response = text("\u{1f}not really compressed");
            response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            response
        }
        "/trailers" => {
            let mut trailers = HeaderMap::new();
            trailers.insert("x-sum", HeaderValue::from_static("42"));
            let frames = [Ok(Frame::data(Bytes::from_static(b"body"))), Ok(Frame::trailers(trailers))];
            let mut response =
                Response::new(StreamBody::new(futures_util::stream::iter(frames)).boxed_unsync());
            response.headers_mut().insert("trailer", HeaderValue::from_static("x-sum"));
            response
        }
        "/range" => {
            let mut response = text("345");
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
            response.headers_mut().insert("content-range", HeaderValue::from_static("bytes 3-5/10"));
            response
        }
        // Answers each piece of the request as it comes, before the next.
        "/dialogue" => {
            let pieces = request.into_body().into_data_stream();
            let frames = pieces
                .map(|piece| piece.map(|piece| Frame::data(upper(&piece))).map_err(std::io::Error::other));
            let mut response = Response::new(StreamBody::new(frames).boxed_unsync());
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
            response
        }
        "/large" => {
            let size: u64 = request.uri().query().and_then(|size| size.parse().ok()).unwrap_or_default();
            let piece = Bytes::from(vec![b'x'; 64 << 10]);
            let frames = (0..size / piece.len() as u64).map(move |_| Ok(Frame::data(piece.clone())));
            Response::new(StreamBody::new(futures_util::stream::iter(frames)).boxed_unsync())
        }
        // Says how much it got, once it has all.
        "/swallow" => {
            let size = request
                .into_body()
                .into_data_stream()
                .fold(0, async |size, piece| size + piece.map_or(0, |it| it.len()));
            let told =
                futures_util::stream::once(
                    async move { Ok(Frame::data(Bytes::from(size.await.to_string()))) },
                );
            Response::new(StreamBody::new(told).boxed_unsync())
        }
        path if path.starts_with("/file/") => {
            let mut response =
                Response::new(Full::new(FILE.clone()).map_err(|never| match never {}).boxed_unsync());
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/javascript"));
            response
                .headers_mut()
                .insert("cache-control", HeaderValue::from_static("public, max-age=31536000, immutable"));
            response
        }
        "/redirect" => {
            let mut response = text("");
            *response.status_mut() = StatusCode::TEMPORARY_REDIRECT;
            response.headers_mut().insert("location", HeaderValue::from_static("/write/repeated"));
            response
        }
        "/socket" | "/write/socket" if request.headers().contains_key(UPGRADE) => open_socket(&mut request),
        "/guarded" if request.headers().get(AUTHORIZATION).is_none_or(|sent| sent != GUARD_ACCEPTS) => {
            ask_for_password(request.uri().query() == Some("silent"))
        }
        path if path.starts_with("/digest") => let_in_by_digest(request),
        // For scripts of other origins, too.
        "/shared-api" => {
            let origin = request.headers().get("origin").cloned();
            let mut response = text("{}");
            for (name, value) in [
                ("access-control-allow-origin", origin.unwrap_or(HeaderValue::from_static("null"))),
                ("access-control-allow-credentials", HeaderValue::from_static("true")),
                ("access-control-allow-methods", HeaderValue::from_static("PUT")),
                ("access-control-allow-headers", HeaderValue::from_static("content-type")),
            ] {
                response.headers_mut().insert(name, value);
            }
            response
        }
        "/socket-refused" => {
            let mut response = text("no sockets here");
            *response.status_mut() = StatusCode::FORBIDDEN;
            response
        }
        _ => text("the application"),
    }
}

/// Echoes in capitals what comes.
fn open_socket(request: &mut Request<Incoming>) -> Answer {
    let upgraded = hyper::upgrade::on(request);
    tokio::spawn(async move {
        let mut stream = TokioIo::new(upgraded.await.unwrap());
        let mut piece = [0; 64];
        while let Ok(length @ 1..) = stream.read(&mut piece).await {
            stream.write_all(&upper(&piece[..length])).await.unwrap();
        }
    });
    let mut response = text("");
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    for (name, value) in [(CONNECTION, "upgrade"), (UPGRADE, "websocket")] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static("chat"));
    response
}

/// As a gateway in front of the application does, which has a password of its own.
fn ask_for_password(is_silent: bool) -> Answer {
    let mut response = text(if is_silent { "" } else { GUARD_SAYS });
    *response.status_mut() = StatusCode::UNAUTHORIZED;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/html"));
    let challenge = HeaderValue::from_static("Bearer realm=\"app\", Basic realm=\"staging\"");
    response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    response
}

/// What is sent comes back to who proves the password.
fn let_in_by_digest(request: Request<Incoming>) -> Answer {
    match check_digest(&request) {
        Some(refused) => refused,
        None if *request.method() == Method::POST => {
            Response::new(request.into_body().map_err(std::io::Error::other).boxed_unsync())
        }
        None => text("let in"),
    }
}

/// As a server with HTTP Digest does, for the user `gate` with the password `canary`. Its first nonce is good for two
/// requests. `None`: the request may pass.
fn check_digest(request: &Request<Incoming>) -> Option<Answer> {
    let md5 = |text: String| {
        md5::Md5::digest(text).iter().fold(String::new(), |text, byte| text + format!("{byte:02x}").as_str())
    };
    let sent = request.headers().get(AUTHORIZATION).and_then(|sent| sent.to_str().ok()).unwrap_or_default();
    let param = |name: &str| {
        let params = sent.trim_start_matches("Digest ").split(", ").filter_map(|param| param.split_once('='));
        let found = params.clone().find(|(known, _)| *known == name);
        found.map(|(_, value)| value.trim_matches('"').to_owned()).unwrap_or_default()
    };
    let (nonce, count, uri) = (param("nonce"), param("nc"), request.uri().path_and_query().unwrap().as_str());
    let proof = format!(
        "{}:{nonce}:{count}:{}:auth:{}",
        md5("gate:guard:canary".into()),
        param("cnonce"),
        md5(format!("{}:{uri}", request.method()))
    );
    let is_proved = param("response") == md5(proof) && param("uri") == uri;
    let is_stale = nonce == "one" && count.as_str() > "00000002";
    if is_proved && !is_stale {
        return None;
    }
    let next = if is_proved { "nonce=\"two\", stale=true" } else { "nonce=\"one\"" };
    let mut response = text(GUARD_SAYS);
    *response.status_mut() = StatusCode::UNAUTHORIZED;
    let challenge = format!("Digest realm=\"guard\", qop=\"auth\", algorithm=MD5, {next}");
    response.headers_mut().insert(WWW_AUTHENTICATE, challenge.parse().unwrap());
    Some(response)
}

fn find_page(path: &str, pages: Pages) -> Option<Answer> {
    let (_, content_type, content, header) = pages.iter().find(|(known, ..)| *known == path)?;
    let mut response = text(content);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    if let Some((name, value)) = header {
        response.headers_mut().insert(*name, HeaderValue::from_static(value));
    }
    Some(response)
}

fn upper(piece: &[u8]) -> Bytes {
    piece.to_ascii_uppercase().into()
}

fn text(content: &'static str) -> Answer {
    Response::new(
        Full::new(Bytes::from_static(content.as_bytes())).map_err(|never| match never {}).boxed_unsync(),
    )
}

//! The gateway: a proxy on loopback that every request of one session passes. It decides, in Rust and in the same way
//! on every system, what a page may do; it verifies the application's certificates, and keeps a journal.
//!
//! Knows neither Tauri nor connection files: the console says what it needs in a [`GatewayConfig`].

mod authority;
mod body;
mod buffers;
mod cache;
mod challenges;
mod credentials;
mod exchange;
mod fault;
mod fault_page;
pub mod fence;
mod forward;
mod gate;
mod held_back;
mod held_back_summary;
mod hop_headers;
mod inbound;
mod journal;
mod launch;
mod media_type;
mod observer;
mod outbound_proxy;
mod preload;
mod questions;
mod random;
mod recording;
mod replay;
mod sending;
mod session;
mod target;
mod upstream;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use http::Method;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use url::{Origin, Url};

pub use cache::PublicCache;
pub use credentials::{Authorization, ChallengeAnswer, CredentialStore, HostCredentials};
pub use fault::{CertificateReason, ReachFault};
pub use fault_page::{WAY_BACK, escape_html};
pub use gate::{PermitOutcome, RequestPermit};
pub use held_back::HeldBack;
pub use held_back_summary::HeldBackGroup;
pub use journal::{JournalEntry, RequestJournal, RequestOutcome};
pub use launch::{LaunchResponder, LaunchRoute};
pub use observer::{LinkRefusal, SentCookies, SessionObserver};
pub use outbound_proxy::OutboundProxy;
pub use questions::PasswordQuestion;
pub use recording::{RecordedExchange, RecordedMessage, RecordedText, RedactSecrets};

use authority::SessionAuthority;
use fence::{FenceRules, HostPattern, SessionMode};
use gate::FenceGate;
use inbound::Admission;
use preload::PendingPreloads;
use questions::PasswordQuestions;
use session::SessionState;
use upstream::Upstream;
pub use upstream::read_certificates;

/// The number of requests that a session's journal holds.
const JOURNAL_LIMIT: usize = 2_000;

/// What one session's gateway needs to know.
pub struct GatewayConfig {
    /// Authorities that are trusted besides the system's, in DER.
    pub extra_roots: Vec<Vec<u8>>,
    /// The way out. `None`: as the system says.
    pub proxy: Option<OutboundProxy>,
    /// For hosts that want a password of their own.
    pub credentials: Vec<HostCredentials>,
    pub launch: Option<LaunchRoute>,
    /// The public files of the connection, shared by its sessions.
    pub cache: Arc<PublicCache>,
    /// Hosts besides the application's own whose public files are shared too, such as its content delivery network. Any
    /// other host could tell by a shared file that two sessions come from one computer.
    pub static_hosts: Vec<HostPattern>,
    pub rules: FenceRules,
    pub observer: Arc<dyn SessionObserver>,
    /// Hides secrets before the journal keeps anything.
    pub redactor: Arc<dyn RedactSecrets>,
}

/// Why a gateway could not be started.
#[derive(Debug)]
pub enum GatewayError {
    /// The system provides no random numbers.
    Randomness,
    /// No port on loopback could be opened.
    Listen(std::io::Error),
    /// A certificate could not be made.
    Certificate(rcgen::Error),
    /// TLS could not be set up, for example because there is no authority.
    Tls(rustls::Error),
    /// A proxy's URL with a scheme that is neither http nor socks5.
    Proxy(String),
}

/// The gateway of one session. Dropping it ends every connection.
pub struct Gateway {
    address: SocketAddr,
    session: Arc<SessionState>,
}

impl Gateway {
    /// Listens on a free port of loopback.
    ///
    /// # Errors
    /// See [`GatewayError`].
    pub async fn start(config: GatewayConfig) -> Result<Self, GatewayError> {
        let extra_roots = config.extra_roots.into_iter().map(CertificateDer::from).collect();
        let session = Arc::new(SessionState {
            admission: Admission::create()?,
            authority: SessionAuthority::create()?,
            upstream: Upstream::create(extra_roots, config.proxy)?,
            journal: Arc::new(RequestJournal::new(JOURNAL_LIMIT, config.redactor)),
            credentials: Arc::new(CredentialStore::new(config.credentials)),
            questions: Arc::new(PasswordQuestions::new(Arc::clone(&config.observer))),
            launch: config.launch,
            cache: config.cache,
            static_hosts: config.static_hosts,
            preloads: PendingPreloads::default(),
            gate: FenceGate::new(config.rules),
            observer: config.observer,
            ended: CancellationToken::new(),
            tasks: TaskTracker::new(),
        });
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(GatewayError::Listen)?;
        let address = listener.local_addr().map_err(GatewayError::Listen)?;
        session.tasks.spawn(inbound::accept_connections(listener, Arc::clone(&session)));
        Ok(Self { address, session })
    }

    /// Opens a connection to an https server that the session's first requests will need, and sends nothing on it.
    pub fn preconnect(&self, server: &Url) {
        let Some(opening) = self.session.upstream.preconnect(server) else { return };
        inbound::spawn_until_end(&self.session.tasks, &self.session.ended, opening);
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The user name that goes with `password`.
    pub fn user(&self) -> &'static str {
        inbound::USER
    }

    pub fn password(&self) -> &SecretString {
        self.session.admission.password()
    }

    /// `socks5://` with the credentials: what WebKitGTK's proxy settings take.
    pub fn socks_url(&self) -> SecretString {
        format!("socks5://{}:{}@{}", self.user(), self.password().expose_secret(), self.address).into()
    }

    /// The SHA-256 of the key of the gateway's certificates, in base64 (Chromium's
    /// `--ignore-certificate-errors-spki-list`).
    pub fn key_hash(&self) -> String {
        self.session.authority.key_hash()
    }

    /// The authority of this session's certificates, in DER.
    pub fn authority_certificate(&self) -> &[u8] {
        self.session.authority.certificate()
    }

    pub fn mode(&self) -> SessionMode {
        self.session.gate.mode()
    }

    /// Applies to every later request. Web sockets close when the session becomes read-only. A one-time link that is
    /// still on its way is no exception any more.
    pub fn set_mode(&self, mode: SessionMode) {
        self.session.gate.set_mode(mode);
    }

    /// For a one-time link, which may pass through pages that have to write: lets everything pass as in a full session
    /// until the first page of `origin` is answered with anything but a redirect. From then on, the session's own mode
    /// holds, before the window has a byte of that page. [`Self::mode`] and what the application is told are the
    /// session's own mode all the time.
    pub fn set_full_until_arrival(&self, origin: Origin) {
        self.session.gate.set_full_until_arrival(origin);
    }

    /// Replaces the application's origins, from the next request on.
    pub fn set_application(&self, application: Vec<Origin>) {
        self.session.gate.set_application(application);
    }

    /// Lets the session's pages lead to a host from now on. Whatever else the fence says of it holds.
    pub fn allow_host(&self, host: &str) {
        self.session.gate.allow_host(host);
    }

    /// Replaces the credentials that hosts get, from the next request on. What the operator has entered stays.
    pub fn set_credentials(&self, credentials: Vec<HostCredentials>) {
        self.session.credentials.replace(credentials);
    }

    /// The session's credentials, with those that the operator has entered.
    pub fn credentials(&self) -> &Arc<CredentialStore> {
        &self.session.credentials
    }

    /// Whether the operator may be asked for a password from now on. At first, no one is asked; questions that wait when
    /// this ends are declined.
    pub fn set_asks_for_passwords(&self, asks: bool) {
        self.session.questions.set_open(asks);
    }

    /// The question for a password that has waited longest.
    pub fn password_question(&self) -> Option<PasswordQuestion> {
        self.session.questions.first()
    }

    /// Answers the question with this number: the user name and the password are sent to its host, and kept for this
    /// session and that realm. Returns whether it still waited.
    pub fn enter_password(&self, number: u32, user: String, password: SecretString) -> bool {
        self.session.questions.answer(number, Some((user, password)), &self.session.credentials)
    }

    /// Declines the question with this number: the page gets the server's own answer. Returns whether it still waited.
    pub fn decline_password(&self, number: u32) -> bool {
        self.session.questions.answer(number, None, &self.session.credentials)
    }

    /// What was refused so far, newest first. A page that leads elsewhere is not in it: that is a question.
    pub fn held_back_summary(&self) -> Vec<HeldBackGroup> {
        self.session.gate.refused.list_groups()
    }

    /// How many requests were refused so far.
    pub fn held_back_count(&self) -> u64 {
        self.session.gate.refused.count()
    }

    /// Lets one request of the console's own sign-in or sign-out pass, in any mode.
    pub fn permit_once(&self, method: Method, url: Url) -> RequestPermit {
        self.session.gate.permit_once(method, url)
    }

    /// Gives up the requests of pages that are not answered yet, and every later one: what a page sends must not arrive
    /// after the sign-out. The console's own requests still pass. When this returns, no request of a page is under way,
    /// and the observer knows every cookie that an answer has set.
    pub async fn leave_pages(&self) {
        self.session.gate.leave_pages().await;
    }

    /// Lets pages ask again after [`Self::leave_pages`], because another sign-in begins.
    pub fn admit_pages(&self) {
        self.session.gate.admit_pages();
    }

    pub fn journal(&self) -> &Arc<RequestJournal> {
        &self.session.journal
    }

    /// Ends every connection and waits until the last one is gone.
    pub async fn close(&self) {
        self.session.ended.cancel();
        self.session.tasks.close();
        self.session.tasks.wait().await;
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.session.ended.cancel();
    }
}

pub(crate) fn crypto_provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

impl std::fmt::Display for GatewayError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Randomness => formatter.write_str("The system gives no random numbers."),
            Self::Listen(cause) => write!(formatter, "No port on this computer can be listened on: {cause}."),
            Self::Certificate(cause) => {
                write!(formatter, "The session's certificate could not be made: {cause}.")
            }
            Self::Tls(cause) => write!(formatter, "TLS could not be set up: {cause}."),
            Self::Proxy(scheme) => {
                write!(formatter, "A proxy is reached by http or socks5, not by {scheme}.")
            }
        }
    }
}

impl std::error::Error for GatewayError {}

impl From<rcgen::Error> for GatewayError {
    fn from(error: rcgen::Error) -> Self {
        Self::Certificate(error)
    }
}

impl From<rustls::Error> for GatewayError {
    fn from(error: rustls::Error) -> Self {
        Self::Tls(error)
    }
}

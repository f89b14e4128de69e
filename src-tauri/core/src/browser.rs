//! What the core needs of a session's window. The desktop implements it; tests have a stand-in.
//!
//! The window shows one of two things: the [launch page](crate::launch), or the application itself.

use std::error::Error as _;
use std::time::Duration;

use async_trait::async_trait;
use secrecy::SecretString;
use understudy_gateway::Gateway;
use url::{Origin, Url};

use crate::charset;
use crate::connection::Method;
use crate::error::{Error, Result};
use crate::launch::LaunchSite;
use crate::session::SessionView;
use crate::template::Expression;

/// A request for the session's own webview, so that its cookies are set there, or for the console.
#[derive(Clone)]
pub struct PlannedRequest {
    pub method: Method,
    /// Has the launch page's origin.
    pub url: Url,
    /// The values may contain secrets.
    pub headers: Vec<(String, SecretString)>,
    /// JSON text; may contain secrets.
    pub body: Option<SecretString>,
    pub timeout: Duration,
    /// The statuses that mean success; if empty, the default ones.
    pub expect: Vec<u16>,
    /// Conditions on the answer, in addition to the status.
    pub that: Vec<Expression>,
    /// The names of the secrets in it, plain or as part of a signature.
    pub secrets: Vec<String>,
}

impl PlannedRequest {
    /// Whether the answer's status means success. A webview reports any redirect as status 0.
    pub fn accepts(&self, answer: &Answer) -> bool {
        match self.expect.as_slice() {
            [] => answer.is_success(),
            expect if answer.is_redirect() => expect.iter().any(|status| (300..400).contains(status)),
            expect => expect.contains(&answer.status),
        }
    }
}

/// A cookie that the console received for the session's window, with all its attributes.
#[derive(Debug, Clone)]
pub struct SessionCookie {
    pub name: String,
    /// As written in the header.
    pub value: SecretString,
    /// A host name without a leading dot.
    pub domain: String,
    /// Only for that host, not for its subdomains.
    pub host_only: bool,
    pub path: String,
    pub secure: bool,
    pub http_only: bool,
    pub same_site: Option<SameSite>,
    /// Seconds since the Unix epoch; `None` for a session cookie.
    pub expires_at: Option<i64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SameSite {
    Strict,
    Lax,
    None,
}

/// The content of the page's storage before its first script runs.
#[derive(Debug, Clone, Default)]
pub struct PageStorage {
    pub local: Vec<(String, SecretString)>,
    pub session: Vec<(String, SecretString)>,
}

/// The relevant parts of the application's answer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Answer {
    /// HTTP status; 0 for a redirect, which the webview neither follows nor describes.
    pub status: u16,
    /// Names in lower case, and values. Without `Set-Cookie`, which pages cannot see.
    pub headers: Vec<(String, String)>,
    /// The first 64 KiB of the body.
    pub body: String,
}

impl Answer {
    /// An answer whose body is decoded from its character set.
    pub fn from_parts(status: u16, headers: Vec<(String, String)>, body: &[u8]) -> Self {
        let bare = Self { status, headers, body: String::new() };
        Self { body: charset::decode_text(body, bare.header("content-type")), ..bare }
    }

    /// The first header with this name, which must be in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
    }

    pub fn is_redirect(&self) -> bool {
        self.status == 0
    }

    /// Whether the application accepted the request: 2xx, or a redirect.
    pub fn is_success(&self) -> bool {
        self.is_redirect() || (200..300).contains(&self.status)
    }
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unanswered {
    /// There was no connection, TLS failed, or the webview did not send the request; in the webview's words.
    Failed(String),
    /// The server was reached but sent no complete or valid HTTP answer, so it may have acted on the request. In words.
    BrokenOff(String),
    /// It took longer than [`PlannedRequest::timeout`].
    TimedOut,
    /// The web process that sent the request, or was about to, has ended.
    Broken,
    /// The window is gone.
    Closed,
}

impl Unanswered {
    /// Whether the application may have acted on the request all the same.
    pub fn may_have_acted(&self) -> bool {
        !matches!(self, Self::Failed(_))
    }
}

/// Shown in the session's window if the sign-in failed. Contains no secret.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize)]
pub struct Refusal {
    /// What happened, on one line.
    pub title: String,
    /// HTTP status, if there was an answer.
    pub status: Option<u16>,
    /// The beginning of the answer, as text.
    pub excerpt: Option<String>,
    /// What to do next.
    pub hint: String,
    /// The names of secrets that may be wrong; another value of one may help.
    pub secrets: Vec<String>,
}

impl Refusal {
    /// A refusal without an answer from the application.
    pub fn new(title: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { title: title.into(), hint: hint.into(), ..Self::default() }
    }
}

impl From<Error> for Refusal {
    /// In the window, there is room for what happened and what to do; the cause goes to the log.
    fn from(error: Error) -> Self {
        if error.source().is_some() {
            tracing::warn!("{error:#}");
        }
        Self::new(error.message, error.hint.unwrap_or_default())
    }
}

/// What a window is opened with.
#[derive(Clone, Copy)]
pub struct WindowOptions<'a> {
    /// The application's origin, where the launch page is.
    pub origin: &'a Origin,
    pub launch: &'a LaunchSite,
    /// Everything that the window requests goes there, and to no other place.
    pub gateway: &'a Gateway,
}

/// What a window shows in place of the launch page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FirstPage<'a> {
    /// The application's page that the session begins with.
    Start(&'a Url),
    /// A one-time link. The session begins with the page of the application that it leads to.
    Link(&'a Url),
}

/// Session windows.
#[async_trait]
pub trait Browser: Send + Sync {
    /// Makes a hidden window that loads the launch page, and nothing else, for the session that will have this ID.
    async fn prepare_window(&self, session: &str, opening: &WindowOptions<'_>) -> Result<()>;

    /// Shows the window that was made ready for `session`, or else a new one that loads the launch page, and nothing
    /// else.
    async fn open_window(&self, session: &SessionView, opening: &WindowOptions<'_>) -> Result<()>;

    /// The launch page is about to be replaced by this page: from now on, pages may navigate.
    async fn expect_page(&self, session: &str, page: FirstPage<'_>) -> Result<()>;

    /// Ends what the window shows, and everything it started. From now on no page navigates or asks anything there.
    /// Never fails; a window that is gone has no page.
    async fn leave_page(&self, session: &str);

    /// Discards the window's cookies and storage, and loads the launch page at this origin.
    async fn return_to_launch_page(&self, session: &str, origin: &Origin) -> Result<()>;

    /// Brings the window to the front.
    async fn focus_window(&self, session: &str) -> Result<()>;

    /// Closes the window and discards its cookies and other data. Never fails; a window that is gone counts as closed.
    async fn close_window(&self, session: &str);
}

//! What the core asks of a session's window. The desktop implements it; tests have a fake of their own.
//!
//! The window shows one of two things: a *launch page*, a page of Understudy's that has the application's
//! origin and sends requests when told to, or the application itself.

use std::time::Duration;

use async_trait::async_trait;
use secrecy::SecretString;
use url::{Origin, Url};

use crate::charset;
use crate::connection::Method;
use crate::error::Result;
use crate::session::SessionView;
use crate::template::Expression;

/// A request to be sent by the session's own webview, so that its cookies are set there; or by the console.
#[derive(Clone)]
pub struct PlannedRequest {
    pub method: Method,
    /// Of the launch page's origin.
    pub url: Url,
    /// Values may hold secrets.
    pub headers: Vec<(String, SecretString)>,
    /// JSON text; may hold secrets.
    pub body: Option<SecretString>,
    pub timeout: Duration,
    /// The statuses that mean yes; empty: the usual ones.
    pub expect: Vec<u16>,
    /// What of the answer has to be true beside that.
    pub that: Vec<Expression>,
    /// Names of the secrets that are in it, as they are or as signatures.
    pub secrets: Vec<String>,
}

impl PlannedRequest {
    /// Does this status mean yes? A webview tells 0 for any redirect.
    pub fn accepts(&self, answer: &Answer) -> bool {
        match self.expect.as_slice() {
            [] => answer.is_success(),
            expect if answer.is_redirect() => expect.iter().any(|status| (300..400).contains(status)),
            expect => expect.contains(&answer.status),
        }
    }
}

/// A cookie that the console got and the session's window is to have, with all that was said of it.
#[derive(Debug, Clone)]
pub struct SessionCookie {
    pub name: String,
    /// As it was written in the header.
    pub value: SecretString,
    /// A host's name, without a dot before it.
    pub domain: String,
    /// For that host alone, not for those below it.
    pub host_only: bool,
    pub path: String,
    pub secure: bool,
    pub http_only: bool,
    pub same_site: Option<SameSite>,
    /// Seconds since the Unix epoch; `None`: it ends with the window.
    pub expires_at: Option<i64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SameSite {
    Strict,
    Lax,
    None,
}

/// What a page finds in its storage when its first script runs.
#[derive(Debug, Clone, Default)]
pub struct Stored {
    pub local: Vec<(String, SecretString)>,
    pub session: Vec<(String, SecretString)>,
}

/// What the application answered, as far as it matters.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Answer {
    /// HTTP status; 0 for a redirect, which the webview does not follow and tells nothing about.
    pub status: u16,
    /// Names in small letters, and values. No page is told of `Set-Cookie`, so it is not among them.
    pub headers: Vec<(String, String)>,
    /// The first 64 KiB of the body.
    pub body: String,
}

impl Answer {
    /// What was answered, with the body in the character set in which it came.
    pub fn read(status: u16, headers: Vec<(String, String)>, body: &[u8]) -> Self {
        let bare = Self { status, headers, body: String::new() };
        Self { body: charset::decode(body, bare.header("content-type")), ..bare }
    }

    /// The first header of this name, which is in small letters.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
    }

    pub fn is_redirect(&self) -> bool {
        self.status == 0
    }

    /// The application took it: 2xx, or a redirect.
    pub fn is_success(&self) -> bool {
        self.is_redirect() || (200..300).contains(&self.status)
    }
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unanswered {
    /// No connection, TLS refused, or the webview would not send it; in the webview's words.
    Failed(String),
    /// The server was reached, and yet no whole answer came, or none that HTTP knows: it may have done what it was
    /// asked. In words.
    BrokenOff(String),
    /// Longer than [`PlannedRequest::timeout`].
    TimedOut,
    /// The web process that was to send it, or that waited for the answer, has ended.
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

/// What is shown in the session's window when the sign-in did not work. Holds no secret.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize)]
pub struct Refusal {
    /// One line: what happened.
    pub title: String,
    /// HTTP status, when there was an answer.
    pub status: Option<u16>,
    /// The first part of the answer, as text.
    pub excerpt: Option<String>,
    /// What to do next.
    pub hint: String,
    /// Names of the secrets that it may be about: another value of one of them may help.
    pub secrets: Vec<String>,
}

impl Refusal {
    /// Without an answer of the application.
    pub fn new(title: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { title: title.into(), hint: hint.into(), ..Self::default() }
    }
}

/// What a window is opened with.
#[derive(Debug, Clone, Copy)]
pub struct Opening<'a> {
    /// The launch page's.
    pub origin: &'a Origin,
    /// Nothing in the window ever reaches a path of the origin that begins with one of these.
    pub block: &'a [String],
    /// `http` or `socks5`, with host and port; `None`: as the system says.
    pub proxy: Option<&'a Url>,
}

/// What a gateway in front of the application is told when it asks: HTTP Basic.
#[derive(Debug, Clone)]
pub struct Gateway {
    /// It is told to nobody else.
    pub origin: Origin,
    pub user: String,
    pub password: SecretString,
}

/// Session windows.
#[async_trait]
pub trait Browser: Send + Sync {
    /// Opens a window for `session` with nothing in it but a launch page; no request is made. Returns when that can
    /// send.
    async fn open(&self, session: &SessionView, opening: &Opening<'_>) -> Result<()>;

    /// Puts a launch page of `origin` where the application's page was, with the session's cookies at hand.
    /// Returns when it can send.
    async fn leave_for_launch_page(&self, session: &str, origin: &Origin) -> Result<()>;

    /// Sends a request from the launch page.
    async fn send(&self, session: &str, request: &PlannedRequest) -> Result<Answer, Unanswered>;

    /// Puts cookies into the session's window; they are there when it returns.
    async fn set_cookies(&self, session: &str, cookies: &[SessionCookie]) -> Result<()>;

    /// Has the window answer a gateway's challenge so, from then on.
    async fn pass_gateway(&self, session: &str, gateway: Option<&Gateway>) -> Result<()>;

    /// The cookies that the session would send to `url`, as they are now.
    async fn cookies(&self, session: &str, url: &Url) -> Result<Vec<SessionCookie>>;

    /// Fills the storage of the launch page's origin.
    async fn store(&self, session: &str, stored: &Stored) -> Result<()>;

    /// Opens a link that counts once, and goes on when a page of `origin` has come of it; the link is left
    /// nowhere in history. Returns what the page's URL is then.
    async fn follow(
        &self,
        session: &str,
        link: &Url,
        origin: &Origin,
        limit: Duration,
    ) -> Result<Url, Unanswered>;

    /// Shows on the launch page what went wrong, with Retry and Close.
    async fn refuse(&self, session: &str, refusal: &Refusal) -> Result<()>;

    /// Shows on the launch page that it tries again.
    async fn retrying(&self, session: &str) -> Result<()>;

    /// Replaces the launch page by the application; the launch page is left nowhere in history.
    async fn show(&self, session: &str, url: &Url) -> Result<()>;

    /// Brings the window to the front.
    async fn focus(&self, session: &str) -> Result<()>;

    /// Closes the window; its cookies and everything else it kept are gone. Never fails: what is
    /// gone already is closed.
    async fn close(&self, session: &str);
}

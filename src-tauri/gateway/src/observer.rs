//! What a session's owner is told while requests pass.

use http::HeaderMap;
use url::Url;

use crate::JournalEntry;
use crate::fault::ReachFault;
use crate::held_back::HeldBack;

/// Is notified of what passes a session's gateway, and of what does not. Must not wait.
pub trait SessionObserver: Send + Sync {
    /// The fence held a request back.
    fn on_held_back(&self, entry: &JournalEntry, why: &HeldBack);

    /// A window of the session shows what was answered at `url`: a page with this status, or if there was no answer
    /// `None`.
    fn on_page(&self, _url: &Url, _status: Option<u16>) {}

    /// A one-time link has led to its first page, whose answer has not reached the window yet.
    fn on_arrival(&self, _url: &Url) {}

    /// A one-time link, or an address that it has led to, was answered with an error.
    fn on_link_refused(&self, _url: &Url, _answer: LinkRefusal) {}

    /// A one-time link has led to an address that could not be reached.
    fn on_link_fault(&self, _url: &Url, _fault: &ReachFault) {}

    /// Another question for a password waits first, or none does any longer.
    fn on_password_question(&self) {}

    /// A page's request goes to `url` with these cookies.
    fn on_cookies_sent(&self, _url: &Url, _sent: SentCookies<'_>) {}

    /// An answer from `url` sets cookies; each item is the text of one `Set-Cookie` header.
    fn on_cookies_set(&self, _url: &Url, _set: &[&str]) {}
}

/// The error that a one-time link was answered with.
pub struct LinkRefusal {
    pub status: u16,
    pub headers: HeaderMap,
    /// The first 64 KiB, as they were sent: perhaps compressed.
    pub body: Vec<u8>,
}

/// The cookies of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SentCookies<'a> {
    /// The `Cookie` header; `None` if there is none.
    pub header: Option<&'a str>,
    /// Whether the webview has sent every cookie that it has for the URL: a page's load or its own fetch leaves out no
    /// `SameSite` cookie. Without a header, only a load tells that there is none.
    pub is_complete: bool,
}

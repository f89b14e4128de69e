//! The launch page: Understudy's own page at the application's origin, which sends requests.
//!
//! This module creates it, controls it and reads its reports. It reports by navigating to a URL with a scheme of ours
//! and a nonce, which the window recognises and refuses to follow. The nonce is new for every launch page and worthless
//! once that page is gone, so a page of the application can neither guess one nor reuse one.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use understudy_core::browser::{Answer, PageStorage, PlannedRequest, Refusal, Unanswered};
use url::Origin;
use uuid::Uuid;

const PAGE: &str = include_str!("launch_page.html");

/// The scheme of the URLs that carry reports.
pub const SCHEME: &str = "understudy-launch";

/// One launch page and the nonce of its reports.
#[derive(Clone)]
pub struct LaunchPage {
    pub html: String,
    /// The URL that the page is loaded for. It has the application's origin and a random path, so that a page that is
    /// being left cannot navigate there instead.
    pub base: String,
    pub nonce: String,
    origin: String,
    title: String,
    subtitle: String,
}

/// The message in place of a page that is gone, with its buttons.
#[derive(Serialize)]
pub struct LaunchFault {
    pub title: &'static str,
    pub hint: &'static str,
    /// Labels of the buttons; `None` if the page cannot be loaded again.
    pub retry: Option<&'static str>,
    pub close: &'static str,
}

/// The page's web process crashed, was killed, or ran out of memory.
pub const PAGE_ENDED: LaunchFault = LaunchFault {
    title: "This page stopped working",
    hint: "Its process ended unexpectedly. Reload the page, or end the session to sign out.",
    retry: Some("Reload"),
    close: "End session",
};

/// WebKit's network process, which keeps the cookies, was replaced by another one.
pub const COOKIES_LOST: LaunchFault = LaunchFault {
    title: "This session's cookies are gone",
    hint: "The network process that kept them ended unexpectedly, so you are no longer signed in here. End the \
           session and open it again. The application may keep its own session until it expires.",
    retry: None,
    close: "End session",
};

/// What a launch page reports.
#[derive(Debug, PartialEq, Eq)]
pub enum LaunchReport {
    /// It can send now.
    Ready,
    /// It was loaded under a service worker, which has been removed since: the next launch page is free of it.
    Covered,
    Answer(u64, Result<Answer, Unanswered>),
    Retry,
    /// The operator wants to replace a secret, which is done in the console.
    Renew,
    /// The operator gives up: Cancel, Close or Escape.
    Close,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Reported {
    Answer {
        status: u16,
        headers: Vec<(String, String)>,
        /// The bytes in base64.
        body: String,
    },
    TimedOut {
        #[serde(rename = "timed_out")]
        _timed_out: bool,
    },
    Failed {
        failed: String,
    },
}

impl LaunchPage {
    /// A launch page at `origin` that says `title` and, smaller, `subtitle`.
    pub fn new(origin: &Origin, title: &str, subtitle: &str) -> Self {
        Self::with_texts(origin.ascii_serialization(), title.to_owned(), subtitle.to_owned(), "")
    }

    /// A copy with a new nonce, for a new web process; `first` is a script to run at once.
    pub fn with_new_nonce(&self, first: &str) -> Self {
        Self::with_texts(self.origin.clone(), self.title.clone(), self.subtitle.clone(), first)
    }

    /// A launch page that says what happened to the page it replaces.
    pub fn of_fault(origin: &Origin, fault: &LaunchFault) -> Self {
        let first = format!("understudy.fault({})", script_json(fault));
        Self::with_texts(origin.ascii_serialization(), fault.title.to_owned(), String::new(), &first)
    }

    fn with_texts(origin: String, title: String, subtitle: String, first: &str) -> Self {
        let nonce = Uuid::new_v4().simple().to_string();
        let html = PAGE
            .replace("{csp}", &Uuid::new_v4().simple().to_string())
            .replace("{origin}", &escape_html(&origin))
            .replace("{scheme}", SCHEME)
            .replace("{nonce}", &nonce)
            // The texts go last, because they may contain placeholders.
            .replace("{first}", &first.replace('<', "\\u003c"))
            .replace("{title}", &escape_html(&title))
            .replace("{subtitle}", &escape_html(&subtitle));
        let base = format!("{origin}/understudy-{}", Uuid::new_v4().simple());
        Self { html, base, nonce, origin, title, subtitle }
    }
}

/// Reads a navigation as a report of the launch page with this nonce; `None` if it is something else.
pub fn parse_report(url: &str, nonce: &str) -> Option<LaunchReport> {
    let rest = url.strip_prefix(SCHEME)?.strip_prefix(':')?.strip_prefix(nonce)?.strip_prefix('/')?;
    let (what, payload) = rest.split_once('#').unwrap_or((rest, ""));
    match what {
        "ready" => Some(LaunchReport::Ready),
        "covered" => Some(LaunchReport::Covered),
        "retry" => Some(LaunchReport::Retry),
        "renew" => Some(LaunchReport::Renew),
        "close" => Some(LaunchReport::Close),
        _ => {
            let id = what.strip_prefix("answer/")?.parse().ok()?;
            let json = BASE64_URL_SAFE_NO_PAD.decode(payload).ok()?;
            let answer = match serde_json::from_slice(&json).ok()? {
                Reported::Answer { status, headers, body } => {
                    Ok(Answer::from_parts(status, headers, &BASE64_URL_SAFE_NO_PAD.decode(body).ok()?))
                }
                Reported::TimedOut { .. } => Err(Unanswered::TimedOut),
                Reported::Failed { failed } => Err(Unanswered::Failed(failed)),
            };
            Some(LaunchReport::Answer(id, answer))
        }
    }
}

/// The script that makes the launch page send `request` and report the answer under `id`.
pub fn request_script(id: u64, request: &PlannedRequest) -> String {
    #[derive(Serialize)]
    struct Fetch<'a> {
        method: &'a str,
        url: &'a str,
        headers: Vec<(&'a str, &'a str)>,
        body: Option<&'a str>,
        timeout: u128,
    }
    let fetch = Fetch {
        method: request.method.as_str(),
        url: request.url.as_str(),
        headers: request.headers.iter().map(|(name, value)| (name.as_str(), value.expose_secret())).collect(),
        body: request.body.as_ref().map(ExposeSecret::expose_secret),
        timeout: request.timeout.as_millis(),
    };
    format!("understudy.send({id}, {})", script_json(&fetch))
}

/// The script that makes the launch page fill the storage of its origin.
pub fn storage_script(id: u64, stored: &PageStorage) -> String {
    let pairs = |items: &[(String, SecretString)]| -> Vec<(String, String)> {
        items.iter().map(|(name, value)| (name.clone(), value.expose_secret().to_owned())).collect()
    };
    let data = serde_json::json!({ "local": pairs(&stored.local), "session": pairs(&stored.session) });
    format!("understudy.store({id}, {})", script_json(&data))
}

/// The script that makes the launch page show a refusal.
pub fn refusal_script(refusal: &Refusal) -> String {
    format!("understudy.refuse({})", script_json(refusal))
}

/// The script that makes the launch page show again that it is busy.
pub const BUSY: &str = "understudy.busy()";

/// The script that replaces the launch page by the application.
pub fn navigation_script(url: &str) -> String {
    format!("understudy.go({})", script_json(&url))
}

/// Since ES2019, all JSON is valid JavaScript.
fn script_json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("strings and numbers serialise")
}

fn escape_html(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('{', "&#123;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use url::Url;

    fn launch_page(title: &str) -> LaunchPage {
        let origin = Url::parse("https://app.example:8443/login").expect("a URL").origin();
        LaunchPage::new(&origin, title, "Acme")
    }

    #[test]
    fn a_customers_name_is_text_on_the_launch_page() {
        let launch_page = launch_page("Signing in as <img src=x onerror=alert(1)> {nonce}");
        assert!(launch_page.html.contains("&lt;img src=x"));
        assert!(!launch_page.html.contains("<img"));
        assert_eq!(
            launch_page.html.matches(&launch_page.nonce).count(),
            1,
            "a name cannot have the nonce filled in"
        );
        assert!(launch_page.base.starts_with("https://app.example:8443/understudy-"), "{}", launch_page.base);
        assert!(launch_page.html.contains("connect-src https://app.example:8443;"));
    }

    #[test]
    fn two_launch_pages_share_no_nonce_and_a_wrong_one_is_not_heard() {
        let (one, other) = (launch_page("a"), launch_page("a"));
        assert_ne!(one.nonce, other.nonce);
        assert_ne!(one.base, other.base, "a page that is left cannot know where the next one is");
        let report_of = |nonce: &str| format!("{SCHEME}:{nonce}/close");
        assert_eq!(parse_report(&report_of(&one.nonce), &one.nonce), Some(LaunchReport::Close));
        assert_eq!(parse_report(&report_of(&other.nonce), &one.nonce), None);
        assert_eq!(parse_report(&report_of(""), &one.nonce), None);
    }

    #[test]
    fn an_answer_comes_back_as_it_was() {
        for (kind, bytes) in [
            ("text/plain", "né <b>".as_bytes()),
            ("text/plain; charset=utf-8", b"n\xc3\xa9 <b>"),
            ("text/plain; charset=iso-8859-1", b"n\xe9 <b>"),
        ] {
            let body = BASE64_URL_SAFE_NO_PAD.encode(bytes);
            let json =
                serde_json::json!({ "status": 401, "headers": [["content-type", kind]], "body": body });
            let url = format!("{SCHEME}:n/answer/7#{}", BASE64_URL_SAFE_NO_PAD.encode(json.to_string()));
            let headers = vec![("content-type".to_owned(), kind.to_owned())];
            let expected = Answer { status: 401, headers, body: "né <b>".into() };
            assert_eq!(parse_report(&url, "n"), Some(LaunchReport::Answer(7, Ok(expected))));
        }
        let late = format!("{SCHEME}:n/answer/8#{}", BASE64_URL_SAFE_NO_PAD.encode(r#"{"timed_out":true}"#));
        assert_eq!(parse_report(&late, "n"), Some(LaunchReport::Answer(8, Err(Unanswered::TimedOut))));
        assert_eq!(
            parse_report(&format!("{SCHEME}:n/answer/9#???"), "n"),
            None,
            "what cannot be read is not heard"
        );
    }

    #[test]
    fn a_request_reaches_the_page_as_one_script() {
        let request = PlannedRequest {
            method: understudy_core::connection::Method::Post,
            url: "https://app.example/login".parse().expect("a URL"),
            headers: vec![("x-a".into(), SecretString::from("b"))],
            body: Some(SecretString::from(r#"{"a":"</script>\u2028"}"#)),
            timeout: Duration::from_secs(2),
            expect: vec![],
            that: vec![],
            secrets: vec![],
        };
        assert_eq!(
            request_script(1, &request),
            r#"understudy.send(1, {"method":"POST","url":"https://app.example/login","headers":[["x-a","b"]],"body":"{\"a\":\"</script>\\u2028\"}","timeout":2000})"#
        );
    }
}

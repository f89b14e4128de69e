//! The desk: the page of Understudy's that stands at the application's origin and sends requests.
//!
//! What it says, how it is spoken to, how it speaks back. It reports by navigating to a URL of a scheme
//! of ours with a nonce in it, which the window recognises and refuses to follow. The nonce is new for
//! every desk and worthless when the desk is gone, so a page of the application can neither guess it
//! nor use one it saw.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use understudy_core::browser::{Answer, PlannedRequest, Refusal, Stored, Unanswered};
use url::Origin;
use uuid::Uuid;

const PAGE: &str = include_str!("desk.html");

/// Reports come as URLs of this scheme.
pub const SCHEME: &str = "understudy-desk";

/// One desk: its page, and the nonce its reports carry.
pub struct Desk {
    pub html: String,
    /// The URL that the page is loaded for: the root of the application's origin.
    pub base: String,
    pub nonce: String,
}

/// What a desk reports.
#[derive(Debug, PartialEq, Eq)]
pub enum Report {
    /// It can send now.
    Ready,
    Answer(u64, Result<Answer, Unanswered>),
    Retry,
    /// The operator wants to give another secret; where, is not here.
    Renew,
    /// The operator has had enough: Cancel, Close or Escape.
    Close,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Reported {
    Answer {
        status: u16,
        content_type: Option<String>,
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

impl Desk {
    /// A desk at `origin` that says `title` and, smaller, `subtitle`.
    pub fn new(origin: &Origin, title: &str, subtitle: &str) -> Self {
        let origin = origin.ascii_serialization();
        let nonce = Uuid::new_v4().simple().to_string();
        let html = PAGE
            .replace("{csp}", &Uuid::new_v4().simple().to_string())
            .replace("{origin}", &escape(&origin))
            .replace("{scheme}", SCHEME)
            .replace("{nonce}", &nonce)
            .replace("{title}", &escape(title))
            .replace("{subtitle}", &escape(subtitle));
        Self { html, base: format!("{origin}/"), nonce }
    }
}

/// Understands a navigation as a report of the desk with this nonce; `None` when it is anything else.
pub fn report(url: &str, nonce: &str) -> Option<Report> {
    let rest = url.strip_prefix(SCHEME)?.strip_prefix(':')?.strip_prefix(nonce)?.strip_prefix('/')?;
    let (what, payload) = rest.split_once('#').unwrap_or((rest, ""));
    match what {
        "ready" => Some(Report::Ready),
        "retry" => Some(Report::Retry),
        "renew" => Some(Report::Renew),
        "close" => Some(Report::Close),
        _ => {
            let id = what.strip_prefix("answer/")?.parse().ok()?;
            let json = BASE64_URL_SAFE_NO_PAD.decode(payload).ok()?;
            let answer = match serde_json::from_slice(&json).ok()? {
                Reported::Answer { status, content_type, body } => Ok(Answer { status, content_type, body }),
                Reported::TimedOut { .. } => Err(Unanswered::TimedOut),
                Reported::Failed { failed } => Err(Unanswered::Failed(failed)),
            };
            Some(Report::Answer(id, answer))
        }
    }
}

/// The script that has the desk send `request` and report the answer under `id`.
pub fn send(id: u64, request: &PlannedRequest) -> String {
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

/// The script that has the desk fill the storage of its origin.
pub fn store(id: u64, stored: &Stored) -> String {
    let pairs = |items: &[(String, SecretString)]| -> Vec<(String, String)> {
        items.iter().map(|(name, value)| (name.clone(), value.expose_secret().to_owned())).collect()
    };
    let data = serde_json::json!({ "local": pairs(&stored.local), "session": pairs(&stored.session) });
    format!("understudy.store({id}, {})", script_json(&data))
}

/// The script that has the desk show what went wrong.
pub fn refuse(refusal: &Refusal) -> String {
    format!("understudy.refuse({})", script_json(refusal))
}

/// The script that has the desk say again that it is at work.
pub const BUSY: &str = "understudy.busy()";

/// The script that replaces the desk by the application.
pub fn go(url: &str) -> String {
    format!("understudy.go({})", script_json(&url))
}

/// JSON is JavaScript, since ES2019 to the last character.
fn script_json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("strings and numbers serialise")
}

fn escape(text: &str) -> String {
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

    fn desk(title: &str) -> Desk {
        let origin = Url::parse("https://app.example:8443/login").expect("a URL").origin();
        Desk::new(&origin, title, "Acme")
    }

    #[test]
    fn a_customers_name_is_text_on_the_desk() {
        let desk = desk("Signing in as <img src=x onerror=alert(1)> {nonce}");
        assert!(desk.html.contains("&lt;img src=x"));
        assert!(!desk.html.contains("<img"));
        assert_eq!(desk.html.matches(&desk.nonce).count(), 1, "a name cannot have the nonce filled in");
        assert_eq!(desk.base, "https://app.example:8443/");
        assert!(desk.html.contains("connect-src https://app.example:8443;"));
    }

    #[test]
    fn two_desks_share_no_nonce_and_a_wrong_one_is_not_heard() {
        let (one, other) = (desk("a"), desk("a"));
        assert_ne!(one.nonce, other.nonce);
        let report_of = |nonce: &str| format!("{SCHEME}:{nonce}/close");
        assert_eq!(report(&report_of(&one.nonce), &one.nonce), Some(Report::Close));
        assert_eq!(report(&report_of(&other.nonce), &one.nonce), None);
        assert_eq!(report(&report_of(""), &one.nonce), None);
    }

    #[test]
    fn an_answer_comes_back_as_it_was() {
        let json = r#"{"status":401,"content_type":"text/plain","body":"né <b>"}"#;
        let url = format!("{SCHEME}:n/answer/7#{}", BASE64_URL_SAFE_NO_PAD.encode(json));
        let expected =
            Answer { status: 401, content_type: Some("text/plain".into()), body: "né <b>".into() };
        assert_eq!(report(&url, "n"), Some(Report::Answer(7, Ok(expected))));
        let late = format!("{SCHEME}:n/answer/8#{}", BASE64_URL_SAFE_NO_PAD.encode(r#"{"timed_out":true}"#));
        assert_eq!(report(&late, "n"), Some(Report::Answer(8, Err(Unanswered::TimedOut))));
        assert_eq!(
            report(&format!("{SCHEME}:n/answer/9#???"), "n"),
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
            secrets: vec![],
        };
        assert_eq!(
            send(1, &request),
            r#"understudy.send(1, {"method":"POST","url":"https://app.example/login","headers":[["x-a","b"]],"body":"{\"a\":\"</script>\\u2028\"}","timeout":2000})"#
        );
    }
}

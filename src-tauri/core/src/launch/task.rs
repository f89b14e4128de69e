//! What the launch page is asked to do, as it reads it.

use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use tokio::sync::oneshot;
use url::Url;

use crate::browser::{Answer, PageStorage, PlannedRequest, SameSite, SessionCookie, Unanswered};
use crate::error::{Code, Error, Result};

/// One task, until it is done.
pub(super) struct LaunchTask {
    pub(super) number: u64,
    /// JSON for the page; may contain secrets.
    message: SecretString,
    /// Whether the page has got it.
    is_delivered: bool,
    done: oneshot::Sender<Result<Answer, Unanswered>>,
}

impl LaunchTask {
    pub(super) fn new(
        number: u64,
        message: SecretString,
        done: oneshot::Sender<Result<Answer, Unanswered>>,
    ) -> Self {
        Self { number, message, is_delivered: false, done }
    }

    /// The message for the page; once.
    pub(super) fn deliver(&mut self) -> Option<String> {
        let is_new = !std::mem::replace(&mut self.is_delivered, true);
        is_new.then(|| self.message.expose_secret().to_owned())
    }

    pub(super) fn is_delivered(&self) -> bool {
        self.is_delivered
    }

    /// Tells whoever waits for it.
    pub(super) fn finish(self, outcome: Result<Answer, Unanswered>) {
        let _ = self.done.send(outcome);
    }
}

/// Where the window gets cookies: an address at their host, whose answer sets them and leads on.
pub(super) struct CookieHop {
    pub(super) at: Url,
    /// Texts of `Set-Cookie` headers.
    pub(super) set: Vec<SecretString>,
    pub(super) next: Url,
}

#[derive(Serialize)]
#[serde(tag = "task", rename_all = "snake_case")]
enum Message<'a> {
    Send {
        number: u64,
        method: &'a str,
        url: &'a str,
        headers: Vec<(&'a str, &'a str)>,
        body: Option<&'a str>,
        /// In milliseconds.
        timeout: u128,
    },
    Store {
        number: u64,
        local: Vec<(&'a str, &'a str)>,
        session: Vec<(&'a str, &'a str)>,
    },
    /// Replace the page by this address, which leads back here.
    Visit {
        number: u64,
        url: &'a str,
    },
    /// Replace the page by this address, for good.
    Leave {
        url: &'a str,
    },
}

impl Message<'_> {
    fn to_json(&self) -> SecretString {
        serde_json::to_string(self).expect("strings and numbers serialise").into()
    }
}

pub(super) fn describe_request(number: u64, request: &PlannedRequest) -> SecretString {
    Message::Send {
        number,
        method: request.method.as_str(),
        url: request.url.as_str(),
        headers: expose_pairs(&request.headers),
        body: request.body.as_ref().map(ExposeSecret::expose_secret),
        timeout: request.timeout.as_millis(),
    }
    .to_json()
}

pub(super) fn describe_storage(number: u64, stored: &PageStorage) -> SecretString {
    let (local, session) = (expose_pairs(&stored.local), expose_pairs(&stored.session));
    Message::Store { number, local, session }.to_json()
}

pub(super) fn describe_visit(number: u64, url: &Url) -> SecretString {
    Message::Visit { number, url: url.as_str() }.to_json()
}

pub(super) fn describe_leaving(url: &Url) -> SecretString {
    Message::Leave { url: url.as_str() }.to_json()
}

fn expose_pairs(pairs: &[(String, SecretString)]) -> Vec<(&str, &str)> {
    pairs.iter().map(|(name, value)| (name.as_str(), value.expose_secret())).collect()
}

/// The way through every host that gets cookies, back to the launch page at `at`.
pub(super) fn plan_hops(at: &Url, cookies: &[SessionCookie]) -> Result<Vec<CookieHop>> {
    let mut hops: Vec<CookieHop> = Vec::new();
    for cookie in cookies {
        let mut place = at.clone();
        place.set_path(&format!("{}/cookies", at.path()));
        if at.host_str() != Some(cookie.domain.as_str()) {
            // The gateway ends the connection itself, so https is there for every host, and any cookie may be set.
            let host = format!("https://{}{}", cookie.domain, place.path());
            place = host.parse().map_err(|_| unusable_cookie(&cookie.name))?;
        }
        let text = write_cookie(cookie)?;
        match hops.iter_mut().find(|hop| hop.at == place) {
            Some(hop) => hop.set.push(text),
            None => hops.push(CookieHop { at: place, set: vec![text], next: at.clone() }),
        }
    }
    for next in 1..hops.len() {
        hops[next - 1].next = hops[next].at.clone();
    }
    Ok(hops)
}

/// The `Set-Cookie` header for a cookie.
fn write_cookie(cookie: &SessionCookie) -> Result<SecretString> {
    let value = cookie.value.expose_secret();
    if [cookie.name.as_str(), value, &cookie.path].iter().any(|text| text.contains([';', '\r', '\n', '\0'])) {
        return Err(unusable_cookie(&cookie.name));
    }
    let mut text = format!("{}={value}; Path={}", cookie.name, cookie.path);
    if !cookie.host_only {
        text = format!("{text}; Domain={}", cookie.domain);
    }
    if let Some(at) = cookie.expires_at.and_then(|at| jiff::Timestamp::from_second(at).ok()) {
        text = format!("{text}; Expires={}", at.strftime("%a, %d %b %Y %H:%M:%S GMT"));
    }
    text += if cookie.secure { "; Secure" } else { "" };
    text += if cookie.http_only { "; HttpOnly" } else { "" };
    text += match cookie.same_site {
        Some(SameSite::Strict) => "; SameSite=Strict",
        // Browsers treat a missing SameSite as Lax (RFC 6265bis), and only some of them do.
        Some(SameSite::Lax) | None => "; SameSite=Lax",
        Some(SameSite::None) => "; SameSite=None",
    };
    Ok(text.into())
}

fn unusable_cookie(name: &str) -> Error {
    Error::new(Code::WindowFailed, format!("The cookie `{name}` cannot be set in the session's window."))
        .with_hint("Its value or its domain is not valid in a cookie: check what the step captures.")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::connection::Method;

    fn cookie(name: &str, domain: &str) -> SessionCookie {
        SessionCookie {
            name: name.into(),
            value: SecretString::from("v"),
            domain: domain.into(),
            host_only: true,
            path: "/".into(),
            secure: false,
            http_only: true,
            same_site: None,
            expires_at: None,
        }
    }

    #[test]
    fn a_request_reaches_the_page_as_it_was_planned() {
        let request = PlannedRequest {
            method: Method::Post,
            url: "https://app.example/login".parse().expect("a URL"),
            headers: vec![("x-a".into(), SecretString::from("b"))],
            body: Some(SecretString::from(r#"{"a":"</script>\u2028"}"#)),
            timeout: Duration::from_secs(2),
            expect: vec![],
            that: vec![],
            secrets: vec![],
        };
        assert_eq!(
            describe_request(1, &request).expose_secret(),
            r#"{"task":"send","number":1,"method":"POST","url":"https://app.example/login","headers":[["x-a","b"]],"body":"{\"a\":\"</script>\\u2028\"}","timeout":2000}"#
        );
    }

    #[test]
    fn cookies_of_several_hosts_are_set_on_one_way_back_to_the_page() {
        let at: Url = "http://127.0.0.1:8000/launch".parse().expect("a URL");
        let cookies = [cookie("a", "127.0.0.1"), cookie("b", "sso.example"), cookie("c", "127.0.0.1")];
        let hops = plan_hops(&at, &cookies).expect("a way");
        let places: Vec<(&str, usize, &str)> =
            hops.iter().map(|hop| (hop.at.as_str(), hop.set.len(), hop.next.as_str())).collect();
        assert_eq!(
            places,
            [
                ("http://127.0.0.1:8000/launch/cookies", 2, "https://sso.example/launch/cookies"),
                ("https://sso.example/launch/cookies", 1, "http://127.0.0.1:8000/launch"),
            ]
        );
        assert!(plan_hops(&at, &[]).expect("none").is_empty());
    }

    #[test]
    fn a_cookie_keeps_its_attributes_and_cannot_add_one() {
        let all = SessionCookie {
            host_only: false,
            secure: true,
            same_site: Some(SameSite::Strict),
            expires_at: Some(1_700_000_000),
            path: "/shop".into(),
            ..cookie("__Secure-a", "acme.example")
        };
        assert_eq!(
            write_cookie(&all).expect("a header").expose_secret(),
            "__Secure-a=v; Path=/shop; Domain=acme.example; Expires=Tue, 14 Nov 2023 22:13:20 GMT; Secure; \
             HttpOnly; SameSite=Strict"
        );
        for value in ["v; Domain=example", "v\r\nx: y", "v\0"] {
            let bad = SessionCookie { value: SecretString::from(value), ..cookie("a", "acme.example") };
            assert!(write_cookie(&bad).is_err(), "{value:?}");
        }
    }
}

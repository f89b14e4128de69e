//! The page that is shown if the application could not be reached. A script gets a status and the same words.

use http::header::{ACCEPT, ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL};
use http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, ORIGIN, VARY};
use http::{HeaderMap, HeaderValue, Response, StatusCode};

use url::Url;

use crate::body::{Body, full_body};
use crate::fault::ReachFault;
use crate::held_back::HeldBack;

const PAGE: &str = include_str!("fault_page.html");

/// The form in which a request wants its answer.
pub(crate) struct Preferences {
    form: Form,
    /// The origin whose script may read the answer.
    origin: Option<HeaderValue>,
}

enum Form {
    Page,
    Json,
    Text,
}

impl Preferences {
    /// `may_read` says whose scripts may read the answer: a page of another origin must not learn from it what is in
    /// the company's network.
    pub(crate) fn read(headers: &HeaderMap, may_read: impl Fn(&HeaderValue) -> bool) -> Self {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let (accept, destination) = (text(ACCEPT.as_str()), text("sec-fetch-dest"));
        let is_page = matches!(destination, "document" | "iframe" | "frame")
            || destination.is_empty() && accept.contains("text/html");
        let form = match () {
            () if is_page => Form::Page,
            () if accept.contains("json") => Form::Json,
            () => Form::Text,
        };
        Self { form, origin: headers.get(ORIGIN).filter(|origin| may_read(origin)).cloned() }
    }
}

pub(crate) fn answer_fault(fault: &ReachFault, preferences: &Preferences) -> Response<Body> {
    let words = Words { title: fault.title(), why: &fault.to_string(), hint: &fault.hint(), again: true };
    answer_in_words(fault.status(), &words, preferences)
}

pub(crate) fn answer_held_back(held_back: &HeldBack, preferences: &Preferences) -> Response<Body> {
    // Trying again helps only where the reason is not the session's own rule.
    let again = *held_back == HeldBack::Unreadable;
    let words =
        Words { title: held_back.title(), why: &held_back.to_string(), hint: held_back.hint(), again };
    answer_in_words(held_back.status(), &words, preferences)
}

/// Why a host's question for a password remained without a good answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PasswordWanted {
    /// There is none for it.
    Unknown,
    /// The host does not accept the one that the connection has.
    Refused,
    /// It has one, but the request was too long to be sent again with it.
    TooLong,
}

/// In place of an answer that does not say it.
pub(crate) fn answer_password_wanted(
    url: &Url,
    wanted: PasswordWanted,
    preferences: &Preferences,
) -> Response<Body> {
    let host = url.host_str().unwrap_or_default();
    let (title, why, hint) = match wanted {
        PasswordWanted::Unknown => (
            "This page is behind a password",
            format!("{host} wants a user name and a password before it answers."),
            "Load the page again to enter them. If every session needs them, ask the person who looks after the \
             connection to add `[[network.credentials]]` for this host.",
        ),
        PasswordWanted::Refused => (
            "This page is behind a password",
            format!("{host} does not accept the user name and password that this connection has for it."),
            "Load the page again to enter others, and ask the person who looks after the connection to correct them \
             in `[network]`.",
        ),
        PasswordWanted::TooLong => (
            "The request was not sent again",
            format!(
                "{host} asked for a user name and a password only after it had received the request, which is longer \
                 than the 1 MiB that Understudy keeps to send again."
            ),
            "Send it once more. This time, Understudy sends the user name and the password with it.",
        ),
    };
    answer_in_words(StatusCode::UNAUTHORIZED, &Words { title, why: &why, hint, again: true }, preferences)
}

/// What the gateway says in the application's place.
struct Words<'a> {
    title: &'a str,
    why: &'a str,
    hint: &'a str,
    /// Whether a page offers to try again.
    again: bool,
}

/// The gateway's own answer, which people and the application's scripts can read.
fn answer_in_words(status: StatusCode, words: &Words<'_>, preferences: &Preferences) -> Response<Body> {
    let Words { title, why, hint, .. } = words;
    let (content_type, content) = match preferences.form {
        Form::Page => ("text/html; charset=utf-8", render_page(words)),
        Form::Json => (
            "application/json",
            serde_json::json!({ "error": title, "message": why, "hint": hint }).to_string(),
        ),
        Form::Text => ("text/plain; charset=utf-8", format!("{title}. {why} {hint}\n")),
    };
    let mut response = Response::new(full_body(content));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(
        CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'"),
    );
    if let Some(origin) = &preferences.origin {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        headers.insert(VARY, HeaderValue::from_static("Origin"));
    }
    response
}

fn render_page(words: &Words<'_>) -> String {
    PAGE.replace("{{title}}", &escape_html(words.title))
        .replace("{{again}}", if words.again { r#"<a href="">Try again</a>"# } else { "" })
        .replace("{{hint}}", &mark_code(&escape_html(words.hint)))
        .replace("{{why}}", &escape_html(words.why))
}

/// What stands between two backticks is to be typed.
fn mark_code(html: &str) -> String {
    let parts: Vec<&str> = html.split('`').collect();
    let whole = parts.chunks(2).map(|pair| match pair {
        [text, code] => format!("{text}<code>{code}</code>"),
        rest => rest.concat(),
    });
    whole.collect()
}

/// Text for a page or an attribute in quotes: what comes from a page, such as a host's name, may be anything.
pub fn escape_html(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    fn ask(headers: &[(&'static str, &'static str)]) -> Response<Body> {
        let headers = headers
            .iter()
            .map(|(name, value)| (name.parse().expect("a name"), HeaderValue::from_static(value)));
        let fault = ReachFault::NameNotFound { host: "<b>&shop".into() };
        answer_fault(&fault, &Preferences::read(&headers.collect(), |origin| origin == "https://app.example"))
    }

    async fn read_body(response: Response<Body>) -> String {
        String::from_utf8_lossy(&response.into_body().collect().await.expect("a body").to_bytes())
            .into_owned()
    }

    #[test]
    fn what_is_to_be_typed_looks_like_it() {
        assert_eq!(mark_code("Set `a` in `[b]`."), "Set <code>a</code> in <code>[b]</code>.");
        assert_eq!(mark_code("Plain."), "Plain.");
    }

    #[tokio::test]
    async fn a_person_gets_a_page_and_a_script_what_it_accepts() {
        let page = ask(&[("sec-fetch-dest", "document"), ("accept", "text/html")]);
        assert_eq!(page.status(), StatusCode::BAD_GATEWAY);
        assert_eq!(page.headers()[CONTENT_TYPE], "text/html; charset=utf-8");
        let page = read_body(page).await;
        assert!(
            page.contains("&lt;b&gt;&amp;shop") && !page.contains("<b>") && !page.contains("{{"),
            "{page}"
        );

        let json = ask(&[
            ("sec-fetch-dest", "empty"),
            ("accept", "application/json"),
            ("origin", "https://app.example"),
        ]);
        assert_eq!(json.headers()[ACCESS_CONTROL_ALLOW_ORIGIN], "https://app.example");
        let json: serde_json::Value = serde_json::from_str(&read_body(json).await).expect("JSON");
        assert_eq!(json["message"], "The name <b>&shop can't be resolved.");

        let foreign = ask(&[("sec-fetch-dest", "empty"), ("origin", "https://other.example")]);
        assert!(!foreign.headers().contains_key(ACCESS_CONTROL_ALLOW_ORIGIN));

        let text = read_body(ask(&[("sec-fetch-dest", "script"), ("accept", "*/*")])).await;
        assert!(text.starts_with("The application's address is unknown. The name"), "{text}");
    }
}

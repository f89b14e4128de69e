//! The page that is shown if the application could not be reached. A script gets a status and the same words.

use http::header::{ACCEPT, ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL};
use http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, ORIGIN, REFERER, VARY};
use http::{HeaderMap, HeaderValue, Response, StatusCode};

use url::Url;

use crate::body::{Body, full_body};
use crate::fault::ReachFault;
use crate::fence::is_top_level;
use crate::held_back::HeldBack;

const PAGE: &str = include_str!("fault_page.html");

/// Where *Back* leads on such a page. No page has scripts, so the window takes this for its own back. The name never
/// resolves (RFC 2606), so no application's address is like it.
pub const WAY_BACK: &str = "https://back.understudy.invalid/";

/// The form in which a request wants its answer.
pub(crate) struct Preferences {
    form: Form,
    /// The origin whose script may read the answer.
    origin: Option<HeaderValue>,
    /// Whether another page has led there, in the same window as far as can be known.
    has_page_before: bool,
}

enum Form {
    Page,
    Json,
    Text,
}

impl Preferences {
    /// `may_read` says whose scripts may read the answer: a page of another origin must not learn from it what is in
    /// the company's network.
    pub(crate) fn read(headers: &HeaderMap, url: &Url, may_read: impl Fn(&HeaderValue) -> bool) -> Self {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let (accept, destination) = (text(ACCEPT.as_str()), text("sec-fetch-dest"));
        let is_page = matches!(destination, "document" | "iframe" | "frame")
            || destination.is_empty() && accept.contains("text/html");
        let form = match () {
            () if is_page => Form::Page,
            () if accept.contains("json") => Form::Json,
            () => Form::Text,
        };
        // A page that is tried again names itself.
        let before = headers.get(REFERER).and_then(|page| page.to_str().ok());
        let has_page_before = is_top_level(headers) && before.is_some_and(|before| before != url.as_str());
        let origin = headers.get(ORIGIN).filter(|origin| may_read(origin)).cloned();
        Self { form, origin, has_page_before }
    }
}

pub(crate) fn answer_fault(fault: &ReachFault, preferences: &Preferences) -> Response<Body> {
    let (why, hint) = (fault.to_string(), fault.hint());
    let words = Words { title: fault.title(), why: &why, hint: &hint, again: true, back: true };
    answer_in_words(fault.status(), &words, preferences)
}

pub(crate) fn answer_held_back(held_back: &HeldBack, preferences: &Preferences) -> Response<Body> {
    // Trying again helps only where the reason is not the session's own rule.
    let again = *held_back == HeldBack::Unreadable;
    // Where the bar asks, one of its answers leads back.
    let back = !matches!(held_back, HeldBack::LeadsElsewhere(_));
    let why = held_back.to_string();
    let words = Words { title: held_back.title(), why: &why, hint: held_back.hint(), again, back };
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
    answer_in_words(
        StatusCode::UNAUTHORIZED,
        &Words { title, why: &why, hint, again: true, back: true },
        preferences,
    )
}

/// What the gateway says in the application's place.
struct Words<'a> {
    title: &'a str,
    why: &'a str,
    hint: &'a str,
    /// Whether a page offers to try again.
    again: bool,
    /// Whether it offers to go back, if there is a page before it.
    back: bool,
}

/// The gateway's own answer, which people and the application's scripts can read.
fn answer_in_words(status: StatusCode, words: &Words<'_>, preferences: &Preferences) -> Response<Body> {
    let Words { title, why, hint, .. } = words;
    let (content_type, content) = match preferences.form {
        Form::Page => ("text/html; charset=utf-8", render_page(words, preferences.has_page_before)),
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

fn render_page(words: &Words<'_>, has_page_before: bool) -> String {
    let back = format!(r#"<a class="back" href="{WAY_BACK}">Back</a>"#);
    PAGE.replace("{{title}}", &escape_html(words.title))
        .replace("{{again}}", if words.again { r#"<a href="">Try again</a>"# } else { "" })
        .replace("{{back}}", if words.back && has_page_before { &back } else { "" })
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
        answer_fault(&fault, &read_preferences(&headers.collect()))
    }

    fn read_preferences(headers: &HeaderMap) -> Preferences {
        let url = "https://app.example/orders".parse().expect("a URL");
        Preferences::read(headers, &url, |origin| origin == "https://app.example")
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

    #[tokio::test]
    async fn a_page_leads_back_where_another_one_led_to_it() {
        let offers = async |held_back: Option<&HeldBack>, destination, before| {
            let headers = [("sec-fetch-dest", Some(destination)), ("referer", before)];
            let headers = headers.into_iter().filter_map(|(name, value)| {
                Some((name.parse::<http::HeaderName>().expect("a name"), HeaderValue::from_static(value?)))
            });
            let preferences = read_preferences(&headers.collect());
            let fault = ReachFault::NameNotFound { host: "shop".into() };
            let answer = match held_back {
                Some(held_back) => answer_held_back(held_back, &preferences),
                None => answer_fault(&fault, &preferences),
            };
            let policy = answer.headers()[CONTENT_SECURITY_POLICY].to_str().expect("text").to_owned();
            assert_eq!(policy, "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'");
            let page = read_body(answer).await;
            assert!(!page.contains("<script") && !page.contains("{{"), "{page}");
            page.contains(&format!("href=\"{WAY_BACK}\">Back<"))
        };
        let before = Some("https://app.example/");
        let read_only = HeldBack::Refused(crate::fence::FenceReason::Writes { method: "POST".into() });
        let elsewhere = HeldBack::LeadsElsewhere("https://other.example/".parse().expect("a URL"));
        assert!(offers(None, "document", before).await);
        assert!(offers(Some(&read_only), "document", before).await);
        assert!(!offers(None, "document", None).await, "it is the first page");
        assert!(!offers(None, "document", Some("https://app.example/orders")).await, "it was tried again");
        assert!(!offers(None, "iframe", before).await, "the page around it would be left");
        assert!(!offers(Some(&elsewhere), "document", before).await, "the bar asks");
    }
}

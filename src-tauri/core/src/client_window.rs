//! A client in place of a session's window: it reaches everything through the session's gateway, and does what the
//! launch page's script does. A sign-in test signs in with it, and so do the tests of sessions.
//!
//! What only a real window adds, it does not have: scripts of the application, the page's storage, isolation.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use reqwest::header::{
    ACCEPT_ENCODING, COOKIE, HeaderMap, HeaderName, HeaderValue, LOCATION, ORIGIN, REFERER, SET_COOKIE,
};
use reqwest::redirect::Policy;
use reqwest::{Method, RequestBuilder};
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use tokio::task::AbortHandle;
use understudy_gateway::Gateway;
use url::{Origin, Url};

use crate::browser::{Answer, Unanswered};
use crate::error::{Error, Result};
use crate::launch::LaunchSite;
use crate::sign_in::{MOST_HEADERS, WindowCookies, content_coding, describe_failure, encode_latin1};
use crate::user_agent::user_agent;

/// How much of an answer the launch page reads, in bytes.
const LONGEST: usize = 64 << 10;

/// The cookies of a [`ClientWindow`].
pub trait WindowJar: Send + Sync {
    /// The `Cookie` header of a request to `url`; `None` if it has none.
    fn write_header(&self, url: &Url) -> Option<SecretString>;

    /// Records the `Set-Cookie` headers of an answer from `url`.
    fn record_set(&self, url: &Url, set: &[&HeaderValue]);
}

/// The cookies that a gateway has seen go by: its session's window sends the same ones.
impl WindowJar for WindowCookies {
    fn write_header(&self, url: &Url) -> Option<SecretString> {
        self.write_header(url)
    }

    /// The gateway has recorded them.
    fn record_set(&self, _url: &Url, _set: &[&HeaderValue]) {}
}

/// One window's client, and the launch page that it plays until it is told to leave, or is dropped.
pub struct ClientWindow {
    client: WindowClient,
    playing: AbortHandle,
}

impl Drop for ClientWindow {
    fn drop(&mut self) {
        self.playing.abort();
    }
}

/// An answer as the window's engine has it.
pub struct WindowReply {
    pub status: u16,
    pub headers: HeaderMap,
    /// The first 64 KiB, decoded from what it was compressed with.
    pub body: Zeroizing<Vec<u8>>,
    /// The absolute address that it redirects to.
    pub redirect: Option<Url>,
}

impl WindowReply {
    /// `bytes` is the beginning of the body as it was sent. Fails if it is not what its headers say.
    pub(crate) fn decode(status: u16, headers: HeaderMap, bytes: Zeroizing<Vec<u8>>) -> Result<Self, String> {
        let (body, _) = content_coding::decode_body(bytes, &headers, LONGEST)?;
        Ok(Self { status, headers, body, redirect: None })
    }

    /// The answer as a page's scripts see it, except that they see nothing of a redirect.
    pub fn to_answer(&self) -> Answer {
        Answer::from_parts(self.status, self.readable_headers(), &self.body)
    }

    /// All headers but the cookies; one character per byte, like `fetch`.
    fn readable_headers(&self) -> Vec<(String, String)> {
        let readable = self.headers.iter().filter(|(name, _)| *name != SET_COOKIE);
        let text = |value: &HeaderValue| value.as_bytes().iter().map(|&byte| char::from(byte)).collect();
        readable.map(|(name, value)| (name.to_string(), text(value))).collect()
    }
}

impl ClientWindow {
    /// Loads the launch page at `origin`, whose requests go through `gateway` with the cookies of `jar`.
    pub fn open(
        gateway: &Gateway,
        launch: &LaunchSite,
        origin: &Origin,
        jar: Arc<dyn WindowJar>,
    ) -> Result<Self> {
        // Like WebKit, it leaves the names of hosts to the gateway.
        let proxy = gateway.socks_url().expose_secret().replacen("socks5:", "socks5h:", 1);
        let authority = reqwest::Certificate::from_der(gateway.authority_certificate());
        let http = reqwest::Client::builder()
            .proxy(reqwest::Proxy::all(proxy).map_err(Error::internal)?)
            .tls_certs_only([authority.map_err(Error::internal)?])
            .http1_max_headers(MOST_HEADERS)
            .user_agent(user_agent())
            .redirect(Policy::none())
            .build()
            .map_err(Error::internal)?;
        Ok(Self::load_launch_page(WindowClient { http, jar }, launch, origin))
    }

    /// A window that goes the same way out, and has nothing else of this one.
    #[must_use]
    pub fn open_anew(&self, launch: &LaunchSite, origin: &Origin, jar: Arc<dyn WindowJar>) -> Self {
        let http = self.client.http.clone();
        Self::load_launch_page(WindowClient { http, jar }, launch, origin)
    }

    fn load_launch_page(client: WindowClient, launch: &LaunchSite, origin: &Origin) -> Self {
        let playing = tokio::spawn(client.clone().play_launch_page(launch.to_url(origin))).abort_handle();
        Self { client, playing }
    }

    /// Loads a page in place of the launch page, without following a redirect.
    pub async fn load_page(&self, url: &Url) -> Result<WindowReply, Unanswered> {
        let accept =
            HeaderValue::from_static("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8");
        let of_load = [
            ("accept", accept),
            ("sec-fetch-dest", HeaderValue::from_static("document")),
            ("sec-fetch-mode", HeaderValue::from_static("navigate")),
            ("sec-fetch-site", HeaderValue::from_static("same-origin")),
        ];
        let of_load = of_load.map(|(name, value)| (HeaderName::from_static(name), value));
        self.client.send(Method::GET, url, of_load.into_iter().collect(), None).await
    }

    /// Sends what a script of the application's page would.
    pub async fn send_from_page(
        &self,
        method: Method,
        url: &Url,
        body: Option<String>,
    ) -> Result<WindowReply, Unanswered> {
        let headers = headers_of_fetch(&method, url);
        self.client.send(method, url, headers, body).await
    }
}

/// What engines add to a page's own request to its origin.
fn headers_of_fetch(method: &Method, url: &Url) -> HeaderMap {
    let origin = url.origin().ascii_serialization();
    let mut headers = HeaderMap::new();
    headers.insert("sec-fetch-dest", HeaderValue::from_static("empty"));
    headers.insert("sec-fetch-mode", HeaderValue::from_static("cors"));
    headers.insert("sec-fetch-site", HeaderValue::from_static("same-origin"));
    if let Ok(referrer) = HeaderValue::from_str(&format!("{origin}/")) {
        headers.insert(REFERER, referrer);
    }
    if *method != Method::GET
        && let Ok(origin) = HeaderValue::from_str(&origin)
    {
        headers.insert(ORIGIN, origin);
    }
    headers
}

#[derive(Clone)]
struct WindowClient {
    http: reqwest::Client,
    jar: Arc<dyn WindowJar>,
}

impl WindowClient {
    /// Acts as the launch page does until the session ends, or another page replaces it.
    async fn play_launch_page(self, page: Url) {
        if self.http.get(page.clone()).send().await.is_err() {
            return;
        }
        let below = |what: &str| format!("{page}{what}");
        let mut seen = 0;
        while let Ok(response) = self.http.post(below("/next")).body(seen.to_string()).send().await {
            if response.status() == reqwest::StatusCode::NO_CONTENT {
                continue;
            }
            let Ok(response) = response.error_for_status() else { return };
            let Ok(message) = response.json::<Value>().await else { return };
            let report = match message["task"].as_str() {
                Some("send") => {
                    let (client, own) = (self.clone(), page.clone());
                    tokio::spawn(async move {
                        let report = client.do_request(&message).await;
                        client.report_task(&own, &message, &report).await;
                    });
                    continue;
                }
                // There is no storage: no script of the application runs here.
                Some("store") => json!({ "status": 204, "headers": [], "body": "" }),
                Some("visit") => {
                    self.visit_hosts(message["url"].as_str().unwrap_or_default()).await;
                    seen = 0;
                    continue;
                }
                Some(_) => return,
                None => {
                    seen = message["revision"].as_u64().unwrap_or_default();
                    continue;
                }
            };
            self.report_task(&page, &message, &report).await;
        }
    }

    async fn report_task(&self, page: &Url, task: &Value, report: &Value) {
        let done = format!("{page}/done/{}", task["number"]);
        let _ = self.http.post(done).body(report.to_string()).send().await;
    }

    /// Sends a request of the console's own, and returns the report of it.
    async fn do_request(&self, task: &Value) -> Value {
        let failed = |words: String| json!({ "failed": words });
        let text = |field: &str| task[field].as_str().unwrap_or_default();
        let (Ok(method), Ok(url)) = (text("method").parse::<Method>(), text("url").parse::<Url>()) else {
            return failed("the request cannot be sent".into());
        };
        let mut headers = headers_of_fetch(&method, &url);
        for header in task["headers"].as_array().into_iter().flatten() {
            let (name, value) =
                (header[0].as_str().unwrap_or_default(), header[1].as_str().unwrap_or_default());
            let (Ok(name), Ok(mut value)) =
                (name.parse::<HeaderName>(), HeaderValue::from_bytes(&encode_latin1(value)))
            else {
                return failed(format!("the header `{name}` cannot be sent"));
            };
            value.set_sensitive(true);
            headers.append(name, value);
        }
        let body = task["body"].as_str().map(str::to_owned);
        let limit = Duration::from_millis(task["timeout"].as_u64().unwrap_or_default());
        match tokio::time::timeout(limit, self.send(method, &url, headers, body)).await {
            // With `redirect: "manual"`, a page's `fetch` only sees that there is a redirect.
            Ok(Ok(reply)) if (300..400).contains(&reply.status) => {
                json!({ "status": 0, "headers": [], "body": "" })
            }
            Ok(Ok(reply)) => json!({
                "status": reply.status,
                "headers": reply.readable_headers(),
                "body": BASE64_STANDARD.encode(&*reply.body),
            }),
            Ok(Err(Unanswered::Failed(words) | Unanswered::BrokenOff(words))) => failed(words),
            Ok(Err(_)) => failed("the request was not answered".into()),
            Err(_) => json!({ "timed_out": true }),
        }
    }

    /// Follows the way through the hosts that set cookies, back to the page.
    async fn visit_hosts(&self, first: &str) {
        let mut next = first.parse::<Url>().ok();
        while let Some(url) = next {
            next = match self.send(Method::GET, &url, HeaderMap::new(), None).await {
                Ok(reply) => reply.redirect,
                Err(_) => None,
            };
        }
    }

    async fn send(
        &self,
        method: Method,
        url: &Url,
        headers: HeaderMap,
        body: Option<String>,
    ) -> Result<WindowReply, Unanswered> {
        let failed = |cause: reqwest::Error| match describe_failure(&cause) {
            words if cause.is_connect() || cause.is_builder() => Unanswered::Failed(words),
            words => Unanswered::BrokenOff(words),
        };
        let mut sending: RequestBuilder = self.http.request(method, url.clone());
        if !headers.contains_key(ACCEPT_ENCODING) {
            sending = sending.header(ACCEPT_ENCODING, content_coding::accept_encoding(url));
        }
        if let Some(cookies) = self.jar.write_header(url)
            && let Ok(mut value) = HeaderValue::from_str(cookies.expose_secret())
        {
            value.set_sensitive(true);
            sending = sending.header(COOKIE, value);
        }
        if let Some(body) = body {
            sending = sending.body(body);
        }
        let mut response = sending.headers(headers).send().await.map_err(failed)?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let set: Vec<&HeaderValue> = headers.get_all(SET_COOKIE).iter().collect();
        self.jar.record_set(url, &set);
        let mut bytes = Zeroizing::new(Vec::new());
        while bytes.len() < LONGEST
            && let Some(chunk) = response.chunk().await.map_err(failed)?
        {
            let room = LONGEST - bytes.len();
            bytes.extend_from_slice(&chunk[..chunk.len().min(room)]);
        }
        let reply = WindowReply::decode(status, headers, bytes).map_err(Unanswered::BrokenOff)?;
        let location = reply.headers.get(LOCATION).filter(|_| (300..400).contains(&status));
        let redirect = location.and_then(|to| to.to_str().ok()).and_then(|to| url.join(to).ok());
        Ok(WindowReply { redirect, ..reply })
    }
}

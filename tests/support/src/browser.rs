//! A stand-in for session windows: an HTTP client with a cookie jar for each session, behind the core's `Browser`
//! trait. Like a window, it reaches everything through the session's gateway. What a real webview adds (the launch page, the bar, isolation) is covered by the end-to-end tests.

use std::collections::HashMap;
use std::io::Read;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use flate2::read::GzDecoder;
use reqwest::cookie::{CookieStore, Jar};
use reqwest::header::{ACCEPT_ENCODING, CONTENT_ENCODING, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Notify;
use understudy_core::browser::{
    Answer, Browser, PageStorage, PlannedRequest, Refusal, SameSite, SessionCookie, Unanswered, WindowOptions,
};
use understudy_core::error::{Code, Error, Result};
use understudy_core::session::SessionView;
use understudy_core::user_agent::user_agent;
use url::{Origin, Url};

/// What a session's window would show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shown {
    LaunchPage,
    Refusal(Refusal),
    /// The body of the application's page.
    Page(String),
}

struct Window {
    client: reqwest::Client,
    jar: Arc<Jar>,
    stored: PageStorage,
    shown: Shown,
}

/// The windows by session; `focused` has the order in which they came to the front.
#[derive(Default)]
pub struct PlainBrowser {
    windows: Mutex<HashMap<String, Window>>,
    pub focused: Mutex<Vec<String>>,
    pub opened: Mutex<Vec<String>>,
    /// A window's launch page never gets ready: `open` waits until the window is closed.
    pub stuck: AtomicBool,
    /// The application's page cannot be shown.
    pub broken: AtomicBool,
    /// Nothing that a window sends leaves it, because its page occupies all connections to the host.
    pub speechless: AtomicBool,
    closing: Notify,
}

impl PlainBrowser {
    /// What the window of `session` shows; `None` if it is closed.
    pub fn shown(&self, session: &str) -> Option<Shown> {
        self.windows.lock().expect("no panic").get(session).map(|window| window.shown.clone())
    }

    /// The application origin's localStorage and sessionStorage.
    pub fn stored(&self, session: &str) -> Option<PageStorage> {
        self.windows.lock().expect("no panic").get(session).map(|window| window.stored.clone())
    }

    /// The `Cookie` header of a request to `url`.
    pub fn sent_cookies(&self, session: &str, url: &str) -> String {
        let windows = self.windows.lock().expect("no panic");
        let jar = &windows.get(session).expect("the window is open").jar;
        let header = jar.cookies(&url.parse().expect("a URL"));
        header.map(|value| value.to_str().expect("text").to_owned()).unwrap_or_default()
    }

    /// Fetches another page of the application with the session's cookies.
    pub async fn visit(&self, session: &str, url: &str) -> Answer {
        let client = self.client(session).expect("the window is open");
        read(client.get(url).send().await.expect("an answer")).await
    }

    /// Sends what a script of the session's page would; returns the status.
    pub async fn post(&self, session: &str, url: &str) -> u16 {
        let client = self.client(session).expect("the window is open");
        client.post(url).body("{}").send().await.expect("an answer").status().as_u16()
    }

    fn client(&self, session: &str) -> Option<reqwest::Client> {
        self.windows.lock().expect("no panic").get(session).map(|window| window.client.clone())
    }

    fn set(&self, session: &str, shown: Shown) -> Result<()> {
        let mut windows = self.windows.lock().expect("no panic");
        windows.get_mut(session).ok_or_else(closed)?.shown = shown;
        Ok(())
    }
}

fn closed() -> Error {
    Error::new(Code::SessionUnknown, "This session window is closed.")
}

async fn read(response: reqwest::Response) -> Answer {
    let status = if response.status().is_redirection() { 0 } else { response.status().as_u16() };
    // Like a page's `fetch`: no details of a redirect, and never the cookies that are set.
    if status == 0 {
        return Answer::default();
    }
    let headers = response.headers().iter().filter(|(name, _)| *name != "set-cookie");
    let headers =
        headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap_or_default().to_owned()));
    let headers = headers.collect();
    let is_gzip = response.headers().get(CONTENT_ENCODING).is_some_and(|coding| coding == "gzip");
    let mut body = response.bytes().await.unwrap_or_default().to_vec();
    if is_gzip && !body.is_empty() {
        let mut read = Vec::new();
        GzDecoder::new(body.as_slice()).read_to_end(&mut read).expect("it is compressed as it says");
        body = read;
    }
    Answer::from_parts(status, headers, &body)
}

#[async_trait]
impl Browser for PlainBrowser {
    async fn open_window(&self, session: &SessionView, opening: &WindowOptions<'_>) -> Result<()> {
        let jar = Arc::new(Jar::default());
        let gateway = opening.gateway;
        // Like WebKit, it leaves the names of hosts to the gateway.
        let proxy = gateway.socks_url().expose_secret().replacen("socks5:", "socks5h:", 1);
        let proxy = reqwest::Proxy::all(proxy).map_err(Error::internal)?;
        let authority = reqwest::Certificate::from_der(gateway.authority_certificate());
        let client = reqwest::Client::builder()
            .cookie_provider(Arc::clone(&jar))
            .proxy(proxy)
            .tls_certs_only([authority.map_err(Error::internal)?])
            .user_agent(user_agent())
            .default_headers(
                [(ACCEPT_ENCODING, HeaderValue::from_static("gzip, deflate"))].into_iter().collect(),
            )
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(Error::internal)?;
        self.opened.lock().expect("no panic").push(session.id.clone());
        let window = Window { client, jar, stored: PageStorage::default(), shown: Shown::LaunchPage };
        let closing = self.closing.notified();
        self.windows.lock().expect("no panic").insert(session.id.clone(), window);
        if self.stuck.load(Ordering::SeqCst) {
            closing.await;
            return Err(closed());
        }
        Ok(())
    }

    async fn leave_for_launch_page(&self, session: &str, _origin: &Origin) -> Result<()> {
        self.set(session, Shown::LaunchPage)
    }

    async fn send_request(&self, session: &str, request: &PlannedRequest) -> Result<Answer, Unanswered> {
        let client = self.client(session).ok_or(Unanswered::Closed)?;
        if self.speechless.load(Ordering::SeqCst) {
            return Err(Unanswered::TimedOut);
        }
        let method = request.method.as_str().parse().expect("a method");
        let mut sending = client.request(method, request.url.clone()).timeout(request.timeout);
        for (name, value) in &request.headers {
            sending = sending.header(name, value.expose_secret());
        }
        if let Some(body) = &request.body {
            sending = sending.body(body.expose_secret().to_owned());
        }
        match sending.send().await {
            Ok(response) => Ok(read(response).await),
            Err(cause) if cause.is_timeout() => Err(Unanswered::TimedOut),
            Err(cause) => Err(Unanswered::Failed(cause.without_url().to_string())),
        }
    }

    async fn set_cookies(&self, session: &str, cookies: &[SessionCookie]) -> Result<()> {
        let windows = self.windows.lock().expect("no panic");
        let jar = &windows.get(session).ok_or_else(closed)?.jar;
        for cookie in cookies {
            let mut text = format!("{}={}; Path={}", cookie.name, cookie.value.expose_secret(), cookie.path);
            if !cookie.host_only {
                text = format!("{text}; Domain={}", cookie.domain);
            }
            text += if cookie.secure { "; Secure" } else { "" };
            text += if cookie.http_only { "; HttpOnly" } else { "" };
            text += match cookie.same_site {
                Some(SameSite::Strict) => "; SameSite=Strict",
                Some(SameSite::Lax) => "; SameSite=Lax",
                Some(SameSite::None) => "; SameSite=None",
                None => "",
            };
            let scheme = if cookie.secure { "https" } else { "http" };
            jar.add_cookie_str(
                &text,
                &format!("{scheme}://{}/", cookie.domain).parse().map_err(Error::internal)?,
            );
        }
        Ok(())
    }

    async fn read_cookies(&self, session: &str, url: &Url) -> Result<Vec<SessionCookie>> {
        let windows = self.windows.lock().expect("no panic");
        let header = windows.get(session).ok_or_else(closed)?.jar.cookies(url);
        let text = header.map(|value| value.to_str().unwrap_or_default().to_owned()).unwrap_or_default();
        let pairs = text.split("; ").filter_map(|pair| pair.split_once('='));
        Ok(pairs
            .map(|(name, value)| SessionCookie {
                name: name.to_owned(),
                value: SecretString::from(value.to_owned()),
                domain: url.host_str().unwrap_or_default().to_owned(),
                host_only: true,
                path: "/".into(),
                secure: false,
                http_only: true,
                same_site: None,
                expires_at: None,
            })
            .collect())
    }

    async fn fill_storage(&self, session: &str, stored: &PageStorage) -> Result<()> {
        let mut windows = self.windows.lock().expect("no panic");
        windows.get_mut(session).ok_or_else(closed)?.stored = stored.clone();
        Ok(())
    }

    async fn follow_link(
        &self,
        session: &str,
        link: &Url,
        origin: &Origin,
        _limit: Duration,
    ) -> Result<Url, Unanswered> {
        let client = self.client(session).ok_or(Unanswered::Closed)?;
        let mut url = link.clone();
        for _ in 0..10 {
            let answered = client.get(url.clone()).send().await;
            let response = answered.map_err(|cause| Unanswered::Failed(cause.without_url().to_string()))?;
            let location = response.headers().get("location").and_then(|value| value.to_str().ok());
            match location.and_then(|location| url.join(location).ok()) {
                Some(next) => url = next,
                None if url.origin() == *origin => {
                    let page = Shown::Page(response.text().await.unwrap_or_default());
                    self.set(session, page).map_err(|_| Unanswered::Closed)?;
                    return Ok(url);
                }
                None => break,
            }
        }
        Err(Unanswered::TimedOut)
    }

    async fn show_refusal(&self, session: &str, refusal: &Refusal) -> Result<()> {
        self.set(session, Shown::Refusal(refusal.clone()))
    }

    async fn show_retrying(&self, session: &str) -> Result<()> {
        self.set(session, Shown::LaunchPage)
    }

    async fn show_page(&self, session: &str, url: &Url) -> Result<()> {
        if self.broken.load(Ordering::SeqCst) {
            return Err(Error::new(Code::WindowFailed, "The page cannot be shown."));
        }
        let page = self.visit(session, url.as_str()).await;
        self.set(session, Shown::Page(page.body))
    }

    async fn focus_window(&self, session: &str) -> Result<()> {
        self.focused.lock().expect("no panic").push(session.to_owned());
        Ok(())
    }

    async fn close_window(&self, session: &str) {
        self.windows.lock().expect("no panic").remove(session);
        self.closing.notify_waiters();
    }
}

//! A stand-in for session windows: an HTTP client with a cookie jar for each session, behind the core's `Browser`
//! trait. Like a window, it reaches everything through the session's gateway, and acts as the launch page does. What a
//! real webview adds (the page's document, the bar, isolation) is covered by the end-to-end tests.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use reqwest::cookie::{CookieStore, Jar};
use reqwest::header::{ACCEPT_ENCODING, HeaderMap, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Notify;
use tokio::task::AbortHandle;
use understudy_core::browser::{Answer, Browser, FirstPage, Refusal, WindowOptions};
use understudy_core::error::{Code, Error, Result};
use understudy_core::launch::{LaunchSite, LaunchView};
use understudy_core::session::SessionView;
use understudy_core::user_agent::user_agent;
use url::Origin;

use crate::launch_page::{play_launch_page, read_answer};

/// What a session's window would show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shown {
    LaunchPage,
    Refusal(Refusal),
    /// The body of the application's page.
    Page(String),
}

/// How a window reaches its gateway.
#[derive(Clone)]
struct WayOut {
    socks_url: SecretString,
    authority: Vec<u8>,
}

struct Window {
    way: WayOut,
    launch: LaunchSite,
    client: reqwest::Client,
    jar: Arc<Jar>,
    /// The body of the application's page, in place of the launch page.
    page: Option<String>,
    /// What the launch page does.
    playing: AbortHandle,
}

impl Drop for Window {
    fn drop(&mut self) {
        self.playing.abort();
    }
}

/// The windows by session; `focused` has the order in which they came to the front.
#[derive(Default)]
pub struct PlainBrowser {
    windows: Mutex<HashMap<String, Window>>,
    pub focused: Mutex<Vec<String>>,
    pub opened: Mutex<Vec<String>>,
    /// A window never opens: `open_window` waits until it is closed.
    pub stuck: AtomicBool,
    /// The application's page cannot be shown.
    pub broken: AtomicBool,
    closing: Notify,
}

impl PlainBrowser {
    /// The number of windows, hidden ones included.
    pub fn count_windows(&self) -> usize {
        self.windows.lock().expect("no panic").len()
    }

    /// What the window of `session` shows; `None` if it is closed.
    pub fn shown(&self, session: &str) -> Option<Shown> {
        let windows = self.windows.lock().expect("no panic");
        let window = windows.get(session)?;
        Some(match (&window.page, window.launch.page().view()) {
            (Some(page), _) => Shown::Page(page.clone()),
            (None, LaunchView::Refused(refusal)) => Shown::Refusal(refusal),
            (None, LaunchView::Busy { .. }) => Shown::LaunchPage,
        })
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
        read_answer(client.get(url).send().await.expect("an answer")).await
    }

    /// Sends what a script of the session's page would; returns the status.
    pub async fn post(&self, session: &str, url: &str) -> u16 {
        let client = self.client(session).expect("the window is open");
        client.post(url).body("{}").send().await.expect("an answer").status().as_u16()
    }

    fn client(&self, session: &str) -> Option<reqwest::Client> {
        self.windows.lock().expect("no panic").get(session).map(|window| window.client.clone())
    }

    fn change(&self, session: &str, change: impl FnOnce(&mut Window)) -> Result<()> {
        change(self.windows.lock().expect("no panic").get_mut(session).ok_or_else(closed)?);
        Ok(())
    }
}

fn closed() -> Error {
    Error::new(Code::SessionUnknown, "This session window is closed.")
}

impl WayOut {
    fn build_client(&self) -> Result<(reqwest::Client, Arc<Jar>)> {
        let jar = Arc::new(Jar::default());
        // Like WebKit, it leaves the names of hosts to the gateway.
        let proxy = self.socks_url.expose_secret().replacen("socks5:", "socks5h:", 1);
        let proxy = reqwest::Proxy::all(proxy).map_err(Error::internal)?;
        let authority = reqwest::Certificate::from_der(&self.authority).map_err(Error::internal)?;
        let accepted = (ACCEPT_ENCODING, HeaderValue::from_static("gzip, deflate"));
        let client = reqwest::Client::builder()
            .cookie_provider(Arc::clone(&jar))
            .proxy(proxy)
            .tls_certs_only([authority])
            .user_agent(user_agent())
            .default_headers([accepted].into_iter().collect())
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(Error::internal)?;
        Ok((client, jar))
    }

    fn open(self, launch: LaunchSite, origin: &Origin) -> Result<Window> {
        let (client, jar) = self.build_client()?;
        let playing = tokio::spawn(play_launch_page(client.clone(), launch.to_url(origin))).abort_handle();
        Ok(Window { way: self, launch, client, jar, page: None, playing })
    }
}

/// How a browser asks for a page.
fn headers_of_load() -> HeaderMap {
    [("sec-fetch-dest", "document"), ("sec-fetch-mode", "navigate"), ("sec-fetch-site", "same-origin")]
        .map(|(name, value)| (name.parse().expect("a name"), HeaderValue::from_static(value)))
        .into_iter()
        .collect()
}

#[async_trait]
impl Browser for PlainBrowser {
    async fn prepare_window(&self, session: &str, opening: &WindowOptions<'_>) -> Result<()> {
        let gateway = opening.gateway;
        let way =
            WayOut { socks_url: gateway.socks_url(), authority: gateway.authority_certificate().to_vec() };
        let window = way.open(opening.launch.clone(), opening.origin)?;
        self.windows.lock().expect("no panic").insert(session.to_owned(), window);
        Ok(())
    }

    async fn open_window(&self, session: &SessionView, opening: &WindowOptions<'_>) -> Result<()> {
        let closing = self.closing.notified();
        if self.shown(&session.id).is_none() {
            self.prepare_window(&session.id, opening).await?;
        }
        self.opened.lock().expect("no panic").push(session.id.clone());
        if self.stuck.load(Ordering::SeqCst) {
            closing.await;
            return Err(closed());
        }
        Ok(())
    }

    /// Loads it at once, and not when the launch page is told: so a story sees it when the session is active.
    async fn expect_page(&self, session: &str, page: FirstPage<'_>) -> Result<()> {
        if self.broken.load(Ordering::SeqCst) {
            return Err(Error::new(Code::WindowFailed, "The page cannot be shown."));
        }
        let (FirstPage::Start(first) | FirstPage::Link(first)) = page;
        let client = self.client(session).ok_or_else(closed)?;
        let mut url = first.clone();
        let mut shown = String::new();
        for _ in 0..10 {
            let Ok(response) = client.get(url.clone()).headers(headers_of_load()).send().await else { break };
            let location = response.headers().get("location").and_then(|value| value.to_str().ok());
            match location.and_then(|location| url.join(location).ok()) {
                Some(next) if matches!(page, FirstPage::Link(_)) => url = next,
                _ => {
                    shown = read_answer(response).await.body;
                    break;
                }
            }
        }
        self.change(session, |window| window.page = Some(shown))
    }

    async fn leave_page(&self, _session: &str) {}

    async fn return_to_launch_page(&self, session: &str, origin: &Origin) -> Result<()> {
        let (way, launch) = {
            let windows = self.windows.lock().expect("no panic");
            let window = windows.get(session).ok_or_else(closed)?;
            (window.way.clone(), window.launch.clone())
        };
        let anew = way.open(launch, origin)?;
        self.change(session, |window| *window = anew)
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

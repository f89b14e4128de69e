//! A stand-in for session windows: a [`ClientWindow`] for each session, with a cookie jar that knows nothing of what the
//! gateway has recorded, behind the core's `Browser` trait. What a real webview adds (the page's document, the bar,
//! isolation) is covered by the end-to-end tests.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use reqwest::Method;
use reqwest::cookie::{CookieStore, Jar};
use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Notify;
use understudy_core::browser::{Answer, Browser, FirstPage, Refusal, WindowOptions};
use understudy_core::client_window::{ClientWindow, WindowJar, WindowReply};
use understudy_core::error::{Code, Error, Result};
use understudy_core::launch::{LaunchSite, LaunchView};
use understudy_core::session::SessionView;
use understudy_gateway::Gateway;
use url::{Origin, Url};

/// What a session's window would show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shown {
    LaunchPage,
    Refusal(Refusal),
    /// The body of the application's page.
    Page(String),
}

/// The cookies of one window.
#[derive(Default)]
struct PlainJar(Jar);

impl WindowJar for PlainJar {
    fn write_header(&self, url: &Url) -> Option<SecretString> {
        self.0.cookies(url).map(|value| value.to_str().expect("text").to_owned().into())
    }

    fn record_set(&self, url: &Url, set: &[&HeaderValue]) {
        self.0.set_cookies(&mut set.iter().copied(), url);
    }
}

struct Window {
    launch: LaunchSite,
    client: Arc<ClientWindow>,
    jar: Arc<PlainJar>,
    /// The body of the application's page, in place of the launch page.
    page: Option<String>,
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
        let header = jar.write_header(&url.parse().expect("a URL"));
        header.map(|value| value.expose_secret().to_owned()).unwrap_or_default()
    }

    /// Fetches another page of the application with the session's cookies; of a redirect, a page sees nothing.
    pub async fn visit(&self, session: &str, url: &str) -> Answer {
        let reply = self.send(session, Method::GET, url, None).await;
        see_as_page(&reply)
    }

    /// Loads a page in place of the one that is shown; returns the status.
    pub async fn open_page(&self, session: &str, url: &str) -> u16 {
        let client = self.client(session).expect("the window is open");
        client.load_page(&url.parse().expect("a URL")).await.expect("an answer").status
    }

    /// Sends what a script of the session's page would; returns the status.
    pub async fn post(&self, session: &str, url: &str) -> u16 {
        self.send(session, Method::POST, url, Some("{}".into())).await.status
    }

    async fn send(&self, session: &str, method: Method, url: &str, body: Option<String>) -> WindowReply {
        let client = self.client(session).expect("the window is open");
        client.send_from_page(method, &url.parse().expect("a URL"), body).await.expect("an answer")
    }

    fn client(&self, session: &str) -> Option<Arc<ClientWindow>> {
        self.windows.lock().expect("no panic").get(session).map(|window| Arc::clone(&window.client))
    }

    fn change(&self, session: &str, change: impl FnOnce(&mut Window)) -> Result<()> {
        change(self.windows.lock().expect("no panic").get_mut(session).ok_or_else(closed)?);
        Ok(())
    }
}

fn closed() -> Error {
    Error::new(Code::SessionUnknown, "This session window is closed.")
}

fn see_as_page(reply: &WindowReply) -> Answer {
    if (300..400).contains(&reply.status) { Answer::default() } else { reply.to_answer() }
}

impl Window {
    fn open(gateway: &Gateway, launch: &LaunchSite, origin: &Origin) -> Result<Self> {
        let jar = Arc::new(PlainJar::default());
        let client = ClientWindow::open(gateway, launch, origin, Arc::clone(&jar) as _)?;
        Ok(Self { launch: launch.clone(), client: Arc::new(client), jar, page: None })
    }
}

#[async_trait]
impl Browser for PlainBrowser {
    async fn prepare_window(&self, session: &str, opening: &WindowOptions<'_>) -> Result<()> {
        let window = Window::open(opening.gateway, opening.launch, opening.origin)?;
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
            let Ok(reply) = client.load_page(&url).await else { break };
            match &reply.redirect {
                Some(next) if matches!(page, FirstPage::Link(_)) => url = next.clone(),
                _ => {
                    shown = see_as_page(&reply).body;
                    break;
                }
            }
        }
        self.change(session, |window| window.page = Some(shown))
    }

    async fn leave_page(&self, _session: &str) {}

    async fn return_to_launch_page(&self, session: &str, origin: &Origin) -> Result<()> {
        self.change(session, |window| {
            let jar = Arc::new(PlainJar::default());
            let client = window.client.open_anew(&window.launch, origin, Arc::clone(&jar) as _);
            *window = Window { launch: window.launch.clone(), client: Arc::new(client), jar, page: None };
        })
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

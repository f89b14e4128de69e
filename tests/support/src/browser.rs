//! A session window without a window: an HTTP client with a cookie jar of its own per session, behind
//! the core's `Browser` trait. What a real webview adds (the desk, the bar, isolation) is tested end to end.

use std::collections::HashMap;
use std::sync::Mutex;

use async_trait::async_trait;
use secrecy::ExposeSecret;
use understudy_core::browser::{Answer, Browser, PlannedRequest, Refusal, Unanswered};
use understudy_core::error::{Code, Error, Result};
use understudy_core::session::SessionView;
use url::{Origin, Url};

/// What a session's window would show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shown {
    Desk,
    Refusal(Refusal),
    /// The body of the application's page.
    Page(String),
}

struct Window {
    client: reqwest::Client,
    shown: Shown,
}

/// Windows by session; `focused` tells in which order they came to the front.
#[derive(Default)]
pub struct PlainBrowser {
    windows: Mutex<HashMap<String, Window>>,
    pub focused: Mutex<Vec<String>>,
    pub opened: Mutex<Vec<String>>,
}

impl PlainBrowser {
    /// What the window of `session` shows; `None` when it is closed.
    pub fn shown(&self, session: &str) -> Option<Shown> {
        self.windows.lock().expect("no panic").get(session).map(|window| window.shown.clone())
    }

    /// Fetches another page of the application with the session's cookies.
    pub async fn visit(&self, session: &str, url: &str) -> Answer {
        let client = self.client(session).expect("the window is open");
        read(client.get(url).send().await.expect("an answer")).await
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
    Error::new(Code::SessionUnknown, "This session's window is closed.")
}

async fn read(response: reqwest::Response) -> Answer {
    let status = if response.status().is_redirection() { 0 } else { response.status().as_u16() };
    let content_type =
        response.headers().get("content-type").and_then(|value| value.to_str().ok()).map(str::to_owned);
    Answer { status, content_type, body: response.text().await.unwrap_or_default() }
}

#[async_trait]
impl Browser for PlainBrowser {
    async fn open(&self, session: &SessionView, _origin: &Origin) -> Result<()> {
        let client = reqwest::Client::builder()
            .cookie_store(true)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(Error::internal)?;
        self.opened.lock().expect("no panic").push(session.id.clone());
        self.windows
            .lock()
            .expect("no panic")
            .insert(session.id.clone(), Window { client, shown: Shown::Desk });
        Ok(())
    }

    async fn leave_for_desk(&self, session: &str, _origin: &Origin) -> Result<()> {
        self.set(session, Shown::Desk)
    }

    async fn send(&self, session: &str, request: &PlannedRequest) -> Result<Answer, Unanswered> {
        let client = self.client(session).ok_or(Unanswered::Closed)?;
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

    async fn refuse(&self, session: &str, refusal: &Refusal) -> Result<()> {
        self.set(session, Shown::Refusal(refusal.clone()))
    }

    async fn retrying(&self, session: &str) -> Result<()> {
        self.set(session, Shown::Desk)
    }

    async fn show(&self, session: &str, url: &Url) -> Result<()> {
        let page = self.visit(session, url.as_str()).await;
        self.set(session, Shown::Page(page.body))
    }

    async fn focus(&self, session: &str) -> Result<()> {
        self.focused.lock().expect("no panic").push(session.to_owned());
        Ok(())
    }

    async fn close(&self, session: &str) {
        self.windows.lock().expect("no panic").remove(session);
    }
}

//! Implements the core's [`Browser`] with session windows.

use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use secrecy::SecretString;
use tokio::sync::{oneshot, watch};
use understudy_core::browser::{
    Answer, Browser, PageStorage, PlannedRequest, Refusal, SameSite, SessionCookie, Unanswered, WindowOptions,
};
use understudy_core::error::{Code, Error, Result};
use understudy_core::session::SessionView;
use url::{Origin, Url};

use super::launch_page::{self, LaunchPage};
use super::popups::close_popups;
use super::stage::{GatewayAccess, LaunchPageState, SessionWindow, Stage};
use super::window::{PageView, build_window, format_connection, take_page, with_page};
use super::{BAR_HEIGHT, SessionWindows, platform, window_closed_error, window_error};

/// How long a launch page may take to load. It is a local page, so after this time it never will.
const LAUNCH_PAGE_LIMIT: Duration = Duration::from_secs(20);

/// How long a page has to give way to a launch page before its process is ended.
const PAGE_LIMIT: Duration = Duration::from_secs(1);

/// Nothing is ever sent to this host (RFC 6761, 6.4): its cookie tells whether the session's cookies are still there.
pub(super) const MARKED_HOST: &str = "understudy.invalid";

#[async_trait]
impl Browser for SessionWindows {
    async fn open_window(&self, session: &SessionView, opening: &WindowOptions<'_>) -> Result<()> {
        let WindowOptions { origin, gateway } = *opening;
        let title = format!("Signing in as {}", session.user.display_name());
        let launch_page = LaunchPage::new(origin, &title, &format_connection(session));
        let open = Arc::new(SessionWindow {
            session: session.id.clone(),
            key: session.id.clone(),
            popups: Arc::default(),
            stage: Mutex::new(Stage::LaunchPage { launch_page: launch_page.clone(), said: String::new() }),
            ready: watch::Sender::new(LaunchPageState::NotYet),
            falls: AtomicU32::new(0),
            next_answer: AtomicU64::new(1),
            answers: Mutex::default(),
            zoom: Mutex::new(1.0),
            bar_height: AtomicI32::new(BAR_HEIGHT),
            origin: origin.clone(),
            start: Mutex::default(),
            access: GatewayAccess::of(gateway),
            commands: self.commands.clone(),
        });
        self.open.lock().insert(session.id.clone(), Arc::clone(&open));
        let (app, session, id, opened) =
            (self.app.clone(), session.clone(), session.id.clone(), Arc::clone(&open));
        self.on_main(move || build_window(&app, &session, &opened, &launch_page)).await??;
        self.set_marker_cookie(&id).await?;
        wait_for_launch_page(&open).await
    }

    async fn leave_for_launch_page(&self, session: &str, origin: &Origin) -> Result<()> {
        let open = self.find_window(session)?;
        let launch_page = LaunchPage::new(origin, "One moment…", "This page opens or closes automatically.");
        open.answers.lock().clear();
        let is_page = !open.is_ours();
        if is_page && origin.ascii_serialization().starts_with("http://") {
            // If a page's CSP upgrades insecure requests, its process keeps upgrading them for whatever it shows next,
            // and no sign-out over http would be sent (WebKitGTK 2.50).
            self.on_page(session, |page| platform::end_process(&page.view)).await?;
        }
        self.put_launch_page(&open, &launch_page).await?;
        if !is_launch_page_ready(&open, PAGE_LIMIT).await? {
            // The page's thread is busy, stopped, or in a dialog, so nothing loads in its process. The cookies are in
            // another process.
            self.on_page(session, |page| platform::end_process(&page.view)).await?;
            self.put_launch_page(&open, &launch_page.with_new_nonce("")).await?;
            wait_for_launch_page(&open).await?;
        }
        if *open.ready.borrow() == LaunchPageState::Covered {
            self.put_launch_page(&open, &launch_page.with_new_nonce("")).await?;
            wait_for_launch_page(&open).await?;
        }
        if self.has_marker_cookie(session).await? {
            return Ok(());
        }
        Err(Error::new(
            Code::WindowFailed,
            "the session's cookies were lost when WebKit's network process ended",
        ))
    }

    async fn send_request(&self, session: &str, request: &PlannedRequest) -> Result<Answer, Unanswered> {
        let open = self.find_window(session).map_err(|_| Unanswered::Closed)?;
        wait_for_launch_page(&open).await.map_err(|_| Unanswered::Closed)?;
        let id = open.next_answer.fetch_add(1, Ordering::Relaxed);
        let (answered, answer) = oneshot::channel();
        open.answers.lock().insert(id, answered);
        self.run_script(session, launch_page::request_script(id, request))
            .await
            .map_err(|_| Unanswered::Closed)?;
        // The launch page enforces the timeout; this is only for a launch page that is gone.
        match tokio::time::timeout(request.timeout + Duration::from_secs(5), answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(Unanswered::Closed),
            Err(_) => Err(Unanswered::TimedOut),
        }
    }

    async fn set_cookies(&self, session: &str, cookies: &[SessionCookie]) -> Result<()> {
        let (id, cookies) = (session.to_owned(), cookies.to_vec());
        let (done, is_done) = oneshot::channel();
        self.on_main(move || with_page(&id, |page| platform::set_cookies(&page.view, cookies, done)))
            .await??;
        is_done.await.map_err(|_| window_closed_error())?.map_err(window_error)
    }

    async fn read_cookies(&self, session: &str, url: &Url) -> Result<Vec<SessionCookie>> {
        let (id, url) = (session.to_owned(), url.clone());
        let (done, is_done) = oneshot::channel();
        self.on_main(move || with_page(&id, |page| platform::fetch_cookies(&page.view, &url, done)))
            .await??;
        is_done.await.map_err(|_| window_closed_error())?.map_err(window_error)
    }

    async fn fill_storage(&self, session: &str, stored: &PageStorage) -> Result<()> {
        let open = self.find_window(session)?;
        wait_for_launch_page(&open).await?;
        let id = open.next_answer.fetch_add(1, Ordering::Relaxed);
        let (answered, answer) = oneshot::channel();
        open.answers.lock().insert(id, answered);
        self.run_script(session, launch_page::storage_script(id, stored)).await?;
        match tokio::time::timeout(LAUNCH_PAGE_LIMIT, answer).await {
            Ok(Ok(Ok(_))) => Ok(()),
            Ok(Ok(Err(Unanswered::Failed(words)))) => {
                Err(window_error(format!("its storage refused the entries ({words})")))
            }
            _ => Err(window_closed_error()),
        }
    }

    async fn follow_link(
        &self,
        session: &str,
        link: &Url,
        origin: &Origin,
        limit: Duration,
    ) -> Result<Url, Unanswered> {
        let open = self.find_window(session).map_err(|_| Unanswered::Closed)?;
        wait_for_launch_page(&open).await.map_err(|_| Unanswered::Closed)?;
        let (arrived, arrival) = oneshot::channel();
        *open.stage.lock() = Stage::Link { origin: origin.clone(), arrived: Some(arrived) };
        self.run_script(session, launch_page::navigation_script(link.as_str()))
            .await
            .map_err(|_| Unanswered::Closed)?;
        let outcome = match tokio::time::timeout(limit, arrival).await {
            Ok(Ok(url)) => Ok(url),
            Ok(Err(_)) => Err(Unanswered::Closed),
            Err(_) => Err(Unanswered::TimedOut),
        };
        if let Ok(start) = &outcome {
            *open.start.lock() = Some(start.clone());
            *open.stage.lock() = Stage::Application { is_there: true };
            let id = session.to_owned();
            let _ = self
                .on_main(move || {
                    with_page(&id, |page| {
                        platform::set_inspectable(&page.view, true);
                        page.view.focus()
                    })
                })
                .await;
        } else {
            // The error is shown on a launch page.
            self.leave_for_launch_page(session, origin).await.map_err(|_| Unanswered::Closed)?;
        }
        outcome
    }

    async fn show_refusal(&self, session: &str, refusal: &Refusal) -> Result<()> {
        let (open, script) = (self.find_window(session)?, launch_page::refusal_script(refusal));
        open.record_script(&script);
        wait_for_launch_page(&open).await?;
        // Retry has the focus within the page; this gives the page the focus within the window.
        self.on_page(session, move |page| {
            page.view.evaluate_script(&script).and_then(|()| page.view.focus()).map_err(window_error)
        })
        .await?
    }

    async fn show_retrying(&self, session: &str) -> Result<()> {
        let open = self.find_window(session)?;
        open.record_script("");
        wait_for_launch_page(&open).await?;
        self.set_marker_cookie(session).await?;
        self.run_script(session, launch_page::BUSY.into()).await
    }

    async fn show_page(&self, session: &str, url: &Url) -> Result<()> {
        let open = self.find_window(session)?;
        wait_for_launch_page(&open).await?;
        *open.start.lock() = Some(url.clone());
        *open.stage.lock() = Stage::Application { is_there: false };
        let script = launch_page::navigation_script(url.as_str());
        self.on_page(session, move |page| {
            page.view.evaluate_script(&script).map_err(window_error)?;
            page.view.focus().map_err(window_error)
        })
        .await?
    }

    async fn focus_window(&self, session: &str) -> Result<()> {
        let id = session.to_owned();
        self.on_main(move || {
            with_page(&id, |page| {
                page.window.unminimize().and_then(|()| page.window.set_focus()).map_err(window_error)
            })
        })
        .await??
    }

    async fn close_window(&self, session: &str) {
        if let Some(open) = self.open.lock().remove(session) {
            // Wakes everything that waits for the launch page or an answer.
            open.ready.send_replace(LaunchPageState::Closed);
            *open.stage.lock() = Stage::Application { is_there: false };
            open.answers.lock().clear();
        }
        let (id, app) = (session.to_owned(), self.app.clone());
        let closed = self
            .on_main(move || {
                close_popups(&id);
                if let Some(PageView { view, window, downloads, .. }) = take_page(&id) {
                    downloads.break_off();
                    platform::close_dialogs(&window);
                    platform::discard_page(&app, &id, view);
                    // Closed rather than destroyed: only then is it saved that the window was maximised.
                    let _ = window.close();
                }
            })
            .await;
        if let Err(error) = closed {
            tracing::debug!("{}", error.message);
        }
    }
}

impl SessionWindows {
    /// Replaces the page by a launch page. Everything the page started ends with it.
    async fn put_launch_page(&self, open: &Arc<SessionWindow>, launch_page: &LaunchPage) -> Result<()> {
        open.show_launch_page(launch_page.clone());
        let (launch_page, session) = (launch_page.clone(), open.session.clone());
        self.on_main(move || close_popups(&session)).await?;
        self.on_page(&open.session, move |page| {
            platform::set_inspectable(&page.view, false);
            platform::close_dialogs(&page.window);
            // Each download occupies one of the six connections to its host, and outlives the page.
            page.downloads.break_off();
            platform::load_launch_page(&page.view, &launch_page, None)
        })
        .await?
    }

    /// Puts a cookie into the session's window that lasts as long as the others.
    async fn set_marker_cookie(&self, session: &str) -> Result<()> {
        if !platform::LOSES_COOKIES {
            return Ok(());
        }
        let mark = SessionCookie {
            name: "kept".into(),
            value: SecretString::from("yes"),
            domain: MARKED_HOST.into(),
            host_only: true,
            path: "/".into(),
            secure: false,
            http_only: true,
            same_site: Some(SameSite::Strict),
            expires_at: None,
        };
        self.set_cookies(session, &[mark]).await
    }

    async fn has_marker_cookie(&self, session: &str) -> Result<bool> {
        if !platform::LOSES_COOKIES {
            return Ok(true);
        }
        let marked = Url::parse(&format!("http://{MARKED_HOST}/")).map_err(window_error)?;
        Ok(!self.read_cookies(session, &marked).await?.is_empty())
    }

    async fn on_page<T: Send + 'static>(
        &self,
        session: &str,
        work: impl FnOnce(&PageView) -> T + Send + 'static,
    ) -> Result<T> {
        let id = session.to_owned();
        self.on_main(move || with_page(&id, work)).await?
    }
}

/// Whether the launch page gets ready within this time.
async fn is_launch_page_ready(open: &SessionWindow, limit: Duration) -> Result<bool> {
    let mut ready = open.ready.subscribe();
    match tokio::time::timeout(limit, ready.wait_for(|ready| *ready != LaunchPageState::NotYet)).await {
        Err(_) => Ok(false),
        Ok(Ok(ready)) if matches!(*ready, LaunchPageState::Yes | LaunchPageState::Covered) => Ok(true),
        Ok(Ok(ready)) if *ready == LaunchPageState::Never => Err(Error::new(
            Code::WindowFailed,
            "The session window's web process stops as soon as it starts.",
        )
        .with_hint("Try again. If it keeps happening, restart Understudy and check whether the computer is low on memory.")),
        Ok(_) => Err(window_closed_error()),
    }
}

async fn wait_for_launch_page(open: &SessionWindow) -> Result<()> {
    if is_launch_page_ready(open, LAUNCH_PAGE_LIMIT).await? {
        return Ok(());
    }
    Err(Error::new(Code::WindowFailed, "The session window did not finish loading.")
        .with_hint("Try again. If it keeps happening, restart Understudy."))
}

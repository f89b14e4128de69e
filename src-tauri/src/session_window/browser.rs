//! Implements the core's [`Browser`] with session windows.

use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use secrecy::SecretString;
use tokio::sync::{oneshot, watch};
use understudy_core::browser::{
    Answer, Browser, Gateway, Opening, PlannedRequest, Refusal, SameSite, SessionCookie, Stored, Unanswered,
};
use understudy_core::error::{Code, Error, Result};
use understudy_core::session::SessionView;
use url::{Origin, Url};

use super::blocked::Blocked;
use super::launch_page::{self, LaunchPage};
use super::stage::{Open, Ready, Stage};
use super::window::{PageView, build, place, proxy_config, take_page, with_page};
use super::{SessionWindows, failed, gone, platform};

/// How long a launch page may take to load. It is a local page, so after this time it never will.
const LAUNCH_PAGE_LIMIT: Duration = Duration::from_secs(20);

/// How long a page has to give way to a launch page before its process is ended.
const PAGE_LIMIT: Duration = Duration::from_secs(1);

/// Nothing is ever sent to this host (RFC 6761, 6.4): its cookie tells whether the session's cookies are still there.
pub(super) const MARKED_HOST: &str = "understudy.invalid";

#[async_trait]
impl Browser for SessionWindows {
    async fn open(&self, session: &SessionView, opening: &Opening<'_>) -> Result<()> {
        let Opening { origin, block, proxy } = *opening;
        let title = format!("Signing in as {}", session.user.best());
        let launch_page = LaunchPage::new(origin, &title, &place(session));
        let open = Arc::new(Open {
            session: session.id.clone(),
            stage: Mutex::new(Stage::LaunchPage { launch_page: launch_page.clone(), said: String::new() }),
            ready: watch::Sender::new(Ready::NotYet),
            falls: AtomicU32::new(0),
            next_answer: AtomicU64::new(1),
            answers: Mutex::default(),
            zoom: Mutex::new(1.0),
            blocked: Blocked { origin: origin.clone(), paths: block.to_vec() },
            proxy: proxy.and_then(proxy_config),
            gateway: Mutex::default(),
            wishes: self.wishes.clone(),
        });
        self.open.lock().insert(session.id.clone(), Arc::clone(&open));
        let (app, session, id, opened) =
            (self.app.clone(), session.clone(), session.id.clone(), Arc::clone(&open));
        self.on_main(move || build(&app, &session, &opened, &launch_page)).await??;
        self.keep_mark(&id).await?;
        wait_for_launch_page(&open).await?;
        if open.blocked.paths.is_empty() {
            return Ok(());
        }
        // Before the sign-in, so that nothing gets past it.
        let (done, is_done) = oneshot::channel();
        self.on_main(move || with_page(&id, |page| platform::block(&page.view, &open.blocked, done)))
            .await??;
        is_done.await.map_err(|_| gone())?.map_err(failed)
    }

    async fn leave_for_launch_page(&self, session: &str, origin: &Origin) -> Result<()> {
        let open = self.find(session)?;
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
            self.put_launch_page(&open, &launch_page.again("")).await?;
            wait_for_launch_page(&open).await?;
        }
        if *open.ready.borrow() == Ready::Covered {
            self.put_launch_page(&open, &launch_page.again("")).await?;
            wait_for_launch_page(&open).await?;
        }
        if self.has_mark(session).await? {
            return Ok(());
        }
        Err(Error::new(
            Code::WindowFailed,
            "the session's cookies were lost when WebKit's network process ended",
        ))
    }

    async fn send(&self, session: &str, request: &PlannedRequest) -> Result<Answer, Unanswered> {
        let open = self.find(session).map_err(|_| Unanswered::Closed)?;
        wait_for_launch_page(&open).await.map_err(|_| Unanswered::Closed)?;
        let id = open.next_answer.fetch_add(1, Ordering::Relaxed);
        let (answered, answer) = oneshot::channel();
        open.answers.lock().insert(id, answered);
        self.run(session, launch_page::send(id, request)).await.map_err(|_| Unanswered::Closed)?;
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
        is_done.await.map_err(|_| gone())?.map_err(failed)
    }

    async fn pass_gateway(&self, session: &str, gateway: Option<&Gateway>) -> Result<()> {
        *self.find(session)?.gateway.lock() = gateway.cloned();
        Ok(())
    }

    async fn cookies(&self, session: &str, url: &Url) -> Result<Vec<SessionCookie>> {
        let (id, url) = (session.to_owned(), url.clone());
        let (done, is_done) = oneshot::channel();
        self.on_main(move || with_page(&id, |page| platform::cookies(&page.view, &url, done))).await??;
        is_done.await.map_err(|_| gone())?.map_err(failed)
    }

    async fn store(&self, session: &str, stored: &Stored) -> Result<()> {
        let open = self.find(session)?;
        wait_for_launch_page(&open).await?;
        let id = open.next_answer.fetch_add(1, Ordering::Relaxed);
        let (answered, answer) = oneshot::channel();
        open.answers.lock().insert(id, answered);
        self.run(session, launch_page::store(id, stored)).await?;
        match tokio::time::timeout(LAUNCH_PAGE_LIMIT, answer).await {
            Ok(Ok(Ok(_))) => Ok(()),
            Ok(Ok(Err(Unanswered::Failed(words)))) => {
                Err(failed(format!("its storage refused the entries ({words})")))
            }
            _ => Err(gone()),
        }
    }

    async fn follow(
        &self,
        session: &str,
        link: &Url,
        origin: &Origin,
        limit: Duration,
    ) -> Result<Url, Unanswered> {
        let open = self.find(session).map_err(|_| Unanswered::Closed)?;
        wait_for_launch_page(&open).await.map_err(|_| Unanswered::Closed)?;
        let (arrived, arrival) = oneshot::channel();
        *open.stage.lock() = Stage::Link { origin: origin.clone(), arrived: Some(arrived) };
        self.run(session, launch_page::go(link.as_str())).await.map_err(|_| Unanswered::Closed)?;
        let outcome = match tokio::time::timeout(limit, arrival).await {
            Ok(Ok(url)) => Ok(url),
            Ok(Err(_)) => Err(Unanswered::Closed),
            Err(_) => Err(Unanswered::TimedOut),
        };
        if outcome.is_ok() {
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

    async fn refuse(&self, session: &str, refusal: &Refusal) -> Result<()> {
        let (open, script) = (self.find(session)?, launch_page::refuse(refusal));
        open.note(&script);
        wait_for_launch_page(&open).await?;
        // Retry has the focus within the page; this gives the page the focus within the window.
        self.on_page(session, move |page| {
            page.view.evaluate_script(&script).and_then(|()| page.view.focus()).map_err(failed)
        })
        .await?
    }

    async fn retrying(&self, session: &str) -> Result<()> {
        let open = self.find(session)?;
        open.note("");
        wait_for_launch_page(&open).await?;
        self.keep_mark(session).await?;
        self.run(session, launch_page::BUSY.into()).await
    }

    async fn show(&self, session: &str, url: &Url) -> Result<()> {
        let open = self.find(session)?;
        wait_for_launch_page(&open).await?;
        *open.stage.lock() = Stage::Application { is_there: false };
        let script = launch_page::go(url.as_str());
        self.on_page(session, move |page| {
            page.view.evaluate_script(&script).map_err(failed)?;
            page.view.focus().map_err(failed)
        })
        .await?
    }

    async fn focus(&self, session: &str) -> Result<()> {
        let id = session.to_owned();
        self.on_main(move || {
            with_page(&id, |page| {
                page.window.unminimize().and_then(|()| page.window.set_focus()).map_err(failed)
            })
        })
        .await??
    }

    async fn close(&self, session: &str) {
        if let Some(open) = self.open.lock().remove(session) {
            // Wakes everything that waits for the launch page or an answer.
            open.ready.send_replace(Ready::Closed);
            *open.stage.lock() = Stage::Application { is_there: false };
            open.answers.lock().clear();
        }
        let (id, app) = (session.to_owned(), self.app.clone());
        let closed = self
            .on_main(move || {
                if let Some(PageView { view, window, downloads, .. }) = take_page(&id) {
                    downloads.break_off();
                    platform::close_dialogs(&window);
                    platform::forget(&app, &id, view);
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
    async fn put_launch_page(&self, open: &Arc<Open>, launch_page: &LaunchPage) -> Result<()> {
        open.put(launch_page.clone());
        let launch_page = launch_page.clone();
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
    async fn keep_mark(&self, session: &str) -> Result<()> {
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

    async fn has_mark(&self, session: &str) -> Result<bool> {
        if !platform::LOSES_COOKIES {
            return Ok(true);
        }
        let marked = Url::parse(&format!("http://{MARKED_HOST}/")).map_err(failed)?;
        Ok(!self.cookies(session, &marked).await?.is_empty())
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
async fn is_launch_page_ready(open: &Open, limit: Duration) -> Result<bool> {
    let mut ready = open.ready.subscribe();
    match tokio::time::timeout(limit, ready.wait_for(|ready| *ready != Ready::NotYet)).await {
        Err(_) => Ok(false),
        Ok(Ok(ready)) if matches!(*ready, Ready::Yes | Ready::Covered) => Ok(true),
        Ok(Ok(ready)) if *ready == Ready::Never => Err(Error::new(
            Code::WindowFailed,
            "The session window's web process stops as soon as it starts.",
        )
        .hint("Try again. If it keeps happening, restart Understudy and check whether the computer is low on memory.")),
        Ok(_) => Err(gone()),
    }
}

async fn wait_for_launch_page(open: &Open) -> Result<()> {
    if is_launch_page_ready(open, LAUNCH_PAGE_LIMIT).await? {
        return Ok(());
    }
    Err(Error::new(Code::WindowFailed, "The session window did not finish loading.")
        .hint("Try again. If it keeps happening, restart Understudy."))
}

//! What the core asks of a session's window, step by step: see [`Browser`].

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::oneshot;
use understudy_core::browser::{
    Answer, Browser, Opening, PlannedRequest, Refusal, SessionCookie, Stored, Unanswered,
};
use understudy_core::error::{Code, Error, Result};
use understudy_core::session::SessionView;
use url::{Origin, Url};

use super::blocked::Blocked;
use super::desk::{self, Desk};
use super::stage::{Open, Stage};
use super::window::{Page, build, place, proxy_config, take_page, with_page};
use super::{SessionWindows, failed, gone, lock, platform};

/// A desk is there within this time or never: it is a local page.
const DESK_LIMIT: Duration = Duration::from_secs(20);

#[async_trait]
impl Browser for SessionWindows {
    async fn open(&self, session: &SessionView, opening: &Opening<'_>) -> Result<()> {
        let Opening { origin, block, proxy } = *opening;
        let title = format!("Signing in as {}", session.user.best());
        let desk = Desk::new(origin, &title, &place(session));
        let (ready, is_ready) = oneshot::channel();
        let open = Arc::new(Open {
            session: session.id.clone(),
            stage: Mutex::new(Stage::Desk { nonce: desk.nonce.clone(), ready: Some(ready) }),
            next_answer: AtomicU64::new(1),
            answers: Mutex::default(),
            zoom: Mutex::new(1.0),
            blocked: Blocked { origin: origin.clone(), paths: block.to_vec() },
            proxy: proxy.and_then(proxy_config),
            wishes: self.wishes.clone(),
        });
        lock(&self.open).insert(session.id.clone(), Arc::clone(&open));
        let (app, session, id, opened) =
            (self.app.clone(), session.clone(), session.id.clone(), Arc::clone(&open));
        self.on_main(move || build(&app, &session, &opened, &desk)).await??;
        wait_for_desk(is_ready).await?;
        if open.blocked.paths.is_empty() {
            return Ok(());
        }
        // Before anything is signed in, so that nothing gets past it.
        let (done, is_done) = oneshot::channel();
        self.on_main(move || with_page(&id, |page| platform::block(&page.view, &open.blocked, done)))
            .await??;
        is_done.await.map_err(|_| gone())?.map_err(failed)
    }

    async fn leave_for_desk(&self, session: &str, origin: &Origin) -> Result<()> {
        let open = self.find(session)?;
        let desk = Desk::new(origin, "One moment…", "The application's page comes or goes by itself.");
        let (ready, is_ready) = oneshot::channel();
        *lock(&open.stage) = Stage::Desk { nonce: desk.nonce.clone(), ready: Some(ready) };
        lock(&open.answers).clear();
        let id = session.to_owned();
        self.on_main(move || {
            with_page(&id, |page| {
                platform::set_inspectable(&page.view, false);
                platform::load_desk(&page.view, &desk)
            })
        })
        .await???;
        wait_for_desk(is_ready).await
    }

    async fn send(&self, session: &str, request: &PlannedRequest) -> Result<Answer, Unanswered> {
        let open = self.find(session).map_err(|_| Unanswered::Closed)?;
        let id = open.next_answer.fetch_add(1, Ordering::Relaxed);
        let (answered, answer) = oneshot::channel();
        lock(&open.answers).insert(id, answered);
        self.run(session, desk::send(id, request)).await.map_err(|_| Unanswered::Closed)?;
        // The desk keeps the time; this only guards against a desk that is no more.
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

    async fn cookies(&self, session: &str, url: &Url) -> Result<Vec<SessionCookie>> {
        let (id, url) = (session.to_owned(), url.clone());
        let (done, is_done) = oneshot::channel();
        self.on_main(move || with_page(&id, |page| platform::cookies(&page.view, &url, done))).await??;
        is_done.await.map_err(|_| gone())?.map_err(failed)
    }

    async fn store(&self, session: &str, stored: &Stored) -> Result<()> {
        let open = self.find(session)?;
        let id = open.next_answer.fetch_add(1, Ordering::Relaxed);
        let (answered, answer) = oneshot::channel();
        lock(&open.answers).insert(id, answered);
        self.run(session, desk::store(id, stored)).await?;
        match tokio::time::timeout(DESK_LIMIT, answer).await {
            Ok(Ok(Ok(_))) => Ok(()),
            Ok(Ok(Err(Unanswered::Failed(words)))) => {
                Err(failed(format!("its storage took nothing ({words})")))
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
        let (arrived, arrival) = oneshot::channel();
        *lock(&open.stage) = Stage::Link { origin: origin.clone(), arrived: Some(arrived) };
        self.run(session, desk::go(link.as_str())).await.map_err(|_| Unanswered::Closed)?;
        let outcome = match tokio::time::timeout(limit, arrival).await {
            Ok(Ok(url)) => Ok(url),
            Ok(Err(_)) => Err(Unanswered::Closed),
            Err(_) => Err(Unanswered::TimedOut),
        };
        if outcome.is_ok() {
            *lock(&open.stage) = Stage::Application;
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
            // Where it went wrong is said on a desk.
            self.leave_for_desk(session, origin).await.map_err(|_| Unanswered::Closed)?;
        }
        outcome
    }

    async fn refuse(&self, session: &str, refusal: &Refusal) -> Result<()> {
        let (id, script) = (session.to_owned(), desk::refuse(refusal));
        // Retry has the focus in the page; the page has it in the window, whatever had it before.
        self.on_main(move || {
            with_page(&id, |page| {
                page.view.evaluate_script(&script).and_then(|()| page.view.focus()).map_err(failed)
            })
        })
        .await??
    }

    async fn retrying(&self, session: &str) -> Result<()> {
        self.run(session, desk::BUSY.into()).await
    }

    async fn show(&self, session: &str, url: &Url) -> Result<()> {
        let open = self.find(session)?;
        *lock(&open.stage) = Stage::Application;
        let (id, script) = (session.to_owned(), desk::go(url.as_str()));
        self.on_main(move || {
            with_page(&id, |page| {
                page.view.evaluate_script(&script).map_err(failed)?;
                platform::set_inspectable(&page.view, true);
                page.view.focus().map_err(failed)
            })
        })
        .await??
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
        if let Some(open) = lock(&self.open).remove(session) {
            // Whoever waits for its desk or for an answer waits no longer.
            *lock(&open.stage) = Stage::Application;
            lock(&open.answers).clear();
        }
        let (id, app) = (session.to_owned(), self.app.clone());
        let closed = self
            .on_main(move || {
                if let Some(Page { view, window }) = take_page(&id) {
                    platform::forget(&app, &id, view);
                    // Asked to close, not destroyed: only then is it noted that it filled the screen.
                    let _ = window.close();
                }
            })
            .await;
        if let Err(error) = closed {
            tracing::debug!("{}", error.message);
        }
    }
}

async fn wait_for_desk(ready: oneshot::Receiver<()>) -> Result<()> {
    match tokio::time::timeout(DESK_LIMIT, ready).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err(gone()),
        Err(_) => Err(Error::new(Code::WindowFailed, "The session's window did not get ready.")
            .hint("Try again; if it stays so, restart Understudy.")),
    }
}

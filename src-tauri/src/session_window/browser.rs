//! Implements the core's [`Browser`] with session windows.

use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU32};

use async_trait::async_trait;
use understudy_core::browser::{Browser, FirstPage, WindowOptions};
use understudy_core::error::Result;
use understudy_core::session::SessionView;
use url::Origin;

use super::evidence::PageMessages;
use super::popups::close_popups;
use super::stage::{GatewayAccess, SessionWindow, Stage};
use super::window::{PageView, build_window, show_window, take_page, with_page};
use super::{BAR_HEIGHT, SessionWindows, platform, window_error};

#[async_trait]
impl Browser for SessionWindows {
    async fn prepare_window(&self, session: &str, opening: &WindowOptions<'_>) -> Result<()> {
        let WindowOptions { origin, launch, gateway } = *opening;
        let open = Arc::new(SessionWindow {
            session: session.to_owned(),
            key: session.to_owned(),
            popups: Arc::default(),
            stage: Mutex::new(Stage::LaunchPage),
            launch: launch.clone(),
            falls: AtomicU32::new(0),
            has_document: AtomicBool::new(false),
            zoom: Mutex::new(1.0),
            bar_height: AtomicI32::new(BAR_HEIGHT),
            origin: Mutex::new(origin.clone()),
            start: Mutex::default(),
            access: GatewayAccess::of(gateway),
            messages: PageMessages::default(),
            commands: self.commands.clone(),
        });
        self.open.lock().insert(session.to_owned(), Arc::clone(&open));
        let app = self.app.clone();
        self.on_main(move || build_window(&app, &open)).await?
    }

    async fn open_window(&self, session: &SessionView, opening: &WindowOptions<'_>) -> Result<()> {
        if self.find_window(&session.id).is_err() {
            self.prepare_window(&session.id, opening).await?;
        }
        let shown = session.clone();
        self.on_page(&session.id, move |page| show_window(page, &shown)).await?
    }

    async fn expect_page(&self, session: &str, page: FirstPage<'_>) -> Result<()> {
        let open = self.find_window(session)?;
        let (start, stage) = match page {
            FirstPage::Start(url) => (Some(url.clone()), Stage::Application { is_there: false }),
            FirstPage::Link(_) => (None, Stage::Link),
        };
        *open.start.lock() = start;
        *open.stage.lock() = stage;
        self.on_page(session, |page| page.view.focus().map_err(window_error)).await?
    }

    async fn leave_page(&self, session: &str) {
        let Ok(open) = self.find_window(session) else { return };
        *open.stage.lock() = Stage::Left;
        let left = self.on_page(session, |page| {
            platform::set_inspectable(&page.view, false);
            platform::close_dialogs(&page.window);
            page.downloads.break_off();
            platform::end_process(&page.view);
        });
        let id = session.to_owned();
        let closed = self.on_main(move || close_popups(&id));
        if let Err(error) = left.await.and(closed.await) {
            tracing::debug!("{}", error.message);
        }
    }

    async fn return_to_launch_page(&self, session: &str, origin: &Origin) -> Result<()> {
        let open = self.find_window(session)?;
        *open.stage.lock() = Stage::LaunchPage;
        *open.origin.lock() = origin.clone();
        let (url, id) = (open.launch.to_url(origin), session.to_owned());
        self.on_main(move || close_popups(&id)).await?;
        self.on_page(session, move |page| {
            platform::set_inspectable(&page.view, false);
            platform::close_dialogs(&page.window);
            page.downloads.break_off();
            // A page may be busy, or have a dialog open; then nothing else loads in its process.
            platform::end_process(&page.view);
            // A service worker of the page would answer in the launch page's place.
            page.view.clear_all_browsing_data().map_err(window_error)?;
            page.view.load_url(url.as_str()).map_err(window_error)
        })
        .await?
    }

    async fn focus_window(&self, session: &str) -> Result<()> {
        self.on_page(session, |page| {
            page.window.unminimize().and_then(|()| page.window.set_focus()).map_err(window_error)
        })
        .await?
    }

    async fn close_window(&self, session: &str) {
        if let Some(open) = self.open.lock().remove(session) {
            *open.stage.lock() = Stage::Left;
        }
        let (id, app) = (session.to_owned(), self.app.clone());
        let closed = self
            .on_main(move || {
                close_popups(&id);
                if let Some(PageView { view, window, downloads, .. }) = take_page(&id) {
                    downloads.break_off();
                    platform::close_dialogs(&window);
                    platform::discard_page(&app, &id, view);
                    // Closed rather than destroyed: only then is it saved that the window was maximised. A spare one that
                    // was never shown has nothing to save.
                    let _ =
                        if window.is_visible().unwrap_or(true) { window.close() } else { window.destroy() };
                }
            })
            .await;
        if let Err(error) = closed {
            tracing::debug!("{}", error.message);
        }
    }
}

impl SessionWindows {
    async fn on_page<T: Send + 'static>(
        &self,
        session: &str,
        work: impl FnOnce(&PageView) -> T + Send + 'static,
    ) -> Result<T> {
        let id = session.to_owned();
        self.on_main(move || with_page(&id, work)).await?
    }
}

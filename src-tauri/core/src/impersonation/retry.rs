//! The attempts of a session, and what follows a successful or a refused one.

use std::sync::Arc;

use super::driver::SignedIn;
use super::{Impersonations, RunningSession};
use crate::audit::{EndCause, Event};
use crate::browser::{FirstPage, Refusal};
use crate::error::Result;
use crate::launch::LaunchView;
use crate::notice::{Notice, Toast};
use crate::session::Phase;

impl Impersonations {
    /// Repeats the attempt until it succeeds or the session ends.
    pub(super) async fn sign_in_until_done(self: Arc<Self>, running: Arc<RunningSession>) {
        let mut is_first = true;
        loop {
            let attempt = tokio::select! {
                () = running.stop.cancelled() => return,
                attempt = self.attempt_sign_in(&running, is_first) => attempt,
            };
            match attempt {
                Ok(arrived) => {
                    self.show_application(&running, arrived).await;
                    break;
                }
                Err(refusal) => {
                    if !self.show_refusal(&running, &refusal).await {
                        return;
                    }
                }
            }
            let deadline = running.lock_session().deadline();
            let is_late = async {
                match deadline {
                    Some(deadline) => self.clock.wait_until(deadline).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = running.stop.cancelled() => return,
                () = running.retry.notified() => {}
                // The operator has not come back; the application may have a session all the same.
                () = is_late => return self.end_session(&running.id, EndCause::Deadline).await,
            }
            self.notify_sessions();
            if let Some(gateway) = running.gateway() {
                gateway.launch().page().show_view(running.busy_view());
            }
            is_first = false;
        }
        self.keep_deadline(&running).await;
    }

    /// Leaves the window on its launch page with the refusal; `false` if the session has ended instead.
    async fn show_refusal(&self, running: &Arc<RunningSession>, refusal: &Refusal) -> bool {
        // A one-time link has led to the application's page, and what came after it failed. The operator must not work
        // there.
        let shows_page = running.launch_page().is_none();
        if shows_page && self.take_page_away(running).await.is_err() {
            self.end_session(&running.id, EndCause::WindowClosed).await;
            return false;
        }
        if running.view().phase != Phase::Opening {
            return false;
        }
        // Logged and shown first: when the session says that it was refused, both can be seen.
        let refused = Event::Refused { status: refusal.status, cause: refusal.title.clone() };
        self.log_event(running, self.clock.now_ms(), refused).await;
        if let Some(gateway) = running.gateway() {
            gateway.launch().page().show_view(LaunchView::Refused(refusal.clone()));
        }
        if running.lock_session().mark_refused(self.clock.now(), refusal.secrets.clone()).is_err() {
            return false;
        }
        self.notify_sessions();
        true
    }

    /// Signs out of the application, and replaces its page by the launch page.
    async fn take_page_away(&self, running: &RunningSession) -> Result<()> {
        if let Err(failure) = self.sign_out(running).await {
            self.notices.send(Notice::Toast(Toast::info(
                format!("The sign-out of {} failed: {failure}", running.view().user.display_name()),
                "It is tried again when the window closes.",
            )));
        }
        let origin = running.connection().sign_in.origin.clone();
        self.return_to_launch_page(running, &origin).await
    }

    /// Shows the application. The user is signed in, so the deadline holds even if something fails from here on.
    async fn show_application(&self, running: &RunningSession, arrived: SignedIn) {
        let SignedIn { begin, success, said, refresh, .. } = arrived;
        if let Some(begin) = begin
            && let Err(error) = self.show_page(running, FirstPage::Start(&begin)).await
        {
            self.notices.send(Notice::Toast(Toast::from_error(&error)));
        }
        self.notify_sessions();
        self.notices.send(Notice::Toast(Toast { said, ..Toast::success(success) }));
        if refresh {
            self.notices.send(Notice::DirectoryChanged(running.request.connection.clone()));
        }
    }
}

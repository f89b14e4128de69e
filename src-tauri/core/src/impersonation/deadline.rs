//! A session's deadline: the warning before it, the extension, and the end.

use std::sync::Arc;

use super::{Impersonations, RunningSession};
use crate::audit::{EndCause, Event};
use crate::error::Result;
use crate::notice::Notice;
use crate::session::SessionView;

impl Impersonations {
    /// Extends a session by the policy's time. Does nothing if another extension is under way.
    ///
    /// Fails with [`crate::error::Code::PolicyRefused`] if the policy allows no more extensions, and with
    /// [`crate::error::Code::AuditFailed`] if it cannot be recorded; the deadline then stays.
    pub async fn extend_session(&self, id: &str) -> Result<SessionView> {
        let running = self.find_running(id)?;
        let Ok(_alone) = running.extending.try_lock() else { return Ok(running.view()) };
        let minutes = running.lock_session().may_extend()?;
        self.write_entry(running.begun.with_event(self.clock.now_ms(), Event::Extended { minutes })).await?;
        running.lock_session().extend_deadline()?;
        running.extended.notify_one();
        self.notify_sessions();
        Ok(running.view())
    }

    /// Warns before the deadline and ends the session at it; starts over whenever the deadline moves.
    pub(super) async fn keep_deadline(&self, running: &Arc<RunningSession>) {
        loop {
            let (warning, deadline) = {
                let session = running.lock_session();
                (session.warning_at(), session.deadline())
            };
            let (Some(warning), Some(deadline)) = (warning, deadline) else { return };
            let up = async {
                self.clock.wait_until(warning).await;
                self.notices.send(Notice::SessionEndsSoon(running.view()));
                self.clock.wait_until(deadline).await;
            };
            let shown = async {
                loop {
                    self.clock.wait_for_change().await;
                    if running.lock_session().show_deadline(self.clock.now()) {
                        self.notify_sessions();
                    }
                }
            };
            tokio::select! {
                () = running.stop.cancelled() => return,
                () = shown => {}
                () = running.extended.notified() => {}
                () = up => return self.end_session(&running.id, EndCause::Deadline).await,
            }
        }
    }
}

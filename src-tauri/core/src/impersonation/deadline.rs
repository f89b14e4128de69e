//! A session's deadline: the warning before it, the extension, and the end.

use std::sync::Arc;

use super::{Impersonations, Running};
use crate::audit::{EndCause, Event};
use crate::error::Result;
use crate::notice::Notice;
use crate::session::SessionView;

impl Impersonations {
    /// Extends a session by the policy's time. Does nothing if another extension is under way.
    ///
    /// Fails with [`crate::error::Code::PolicyRefused`] if the policy allows no more extensions, and with
    /// [`crate::error::Code::AuditFailed`] if it cannot be recorded; the deadline then stays.
    pub async fn extend(&self, id: &str) -> Result<SessionView> {
        let running = self.find(id)?;
        let Ok(_alone) = running.extending.try_lock() else { return Ok(running.view()) };
        let minutes = running.session().may_extend()?;
        self.write(running.begun.then(self.clock.now_ms(), Event::Extended { minutes })).await?;
        running.session().extend()?;
        running.extended.notify_one();
        self.tell();
        Ok(running.view())
    }

    /// Warns before the deadline and ends the session at it; starts over whenever the deadline moves.
    pub(super) async fn keep_deadline(&self, running: &Arc<Running>) {
        loop {
            let (warning, deadline) = {
                let session = running.session();
                (session.warning_at(), session.deadline())
            };
            let (Some(warning), Some(deadline)) = (warning, deadline) else { return };
            let up = async {
                self.clock.until(warning).await;
                self.notices.send(Notice::SessionEndsSoon(running.view()));
                self.clock.until(deadline).await;
            };
            let shown = async {
                loop {
                    self.clock.look().await;
                    if running.session().show_deadline(self.clock.now()) {
                        self.tell();
                    }
                }
            };
            tokio::select! {
                () = running.stop.cancelled() => return,
                () = shown => {}
                () = running.extended.notified() => {}
                () = up => return self.end(&running.id, EndCause::Deadline).await,
            }
        }
    }
}

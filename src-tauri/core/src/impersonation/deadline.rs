//! The clock of a session: what is told before its time is up, more time, and the end when it is.

use std::sync::Arc;

use super::{Impersonations, Running};
use crate::audit::{EndCause, Event};
use crate::error::Result;
use crate::notice::Notice;
use crate::session::SessionView;

impl Impersonations {
    /// Gives a session the policy's time again. A second call while one is under way changes nothing.
    ///
    /// Fails with [`crate::error::Code::PolicyRefused`] when that was done as often as the policy allows, and with
    /// [`crate::error::Code::AuditFailed`] when it cannot be written down; the deadline then stays.
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

    /// Tells that the session ends soon, and ends it; anew whenever the deadline moves.
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

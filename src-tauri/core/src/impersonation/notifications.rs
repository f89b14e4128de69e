//! Word of a session for its application, in the outbox.

use super::{Impersonations, RunningSession};
use crate::access::SessionMode;
use crate::audit::EndCause;
use crate::error::Result;
use crate::notice::{Notice, Toast};
use crate::outbox::SessionEnd;

impl Impersonations {
    pub(super) async fn keep_notification(
        &self,
        running: &RunningSession,
        began_at: i64,
        end: Option<SessionEnd>,
    ) -> Result<()> {
        let facts = running.context();
        let (view, connection) = (running.view(), running.connection());
        self.outbox.keep_notification(&view, &connection, facts.open_facts(), began_at, end).await
    }

    /// Lets the application be told that the session has ended; if the operator was never signed in, of nothing. Called
    /// before the audit log has *ended*: so a crash in between leaves either of them to the next start.
    pub(super) async fn settle_notification(&self, running: &RunningSession, ended_at: i64, cause: EndCause) {
        if running.connection().notify.is_none() {
            return;
        }
        let view = running.view();
        let settled = match view.active_at {
            Some(began_at) => {
                let had_full_access = running.begun.mode == Some(SessionMode::Full)
                    || view.mode == SessionMode::Full
                    || !running.unlocks.lock().is_empty();
                let mode = if had_full_access { SessionMode::Full } else { SessionMode::ReadOnly };
                self.keep_notification(running, began_at, Some(SessionEnd { at: ended_at, cause, mode }))
                    .await
            }
            None => self.outbox.store.remove_message(&running.id).await,
        };
        if let Err(error) = settled {
            let toast = Toast::from_error(&error);
            let text = format!("The application is not told of this session yet: {}", toast.text);
            self.notices.send(Notice::Toast(Toast { text, ..toast }));
        }
    }
}

//! Every way of ending a session: sign out, close the window, write *ended*, notify the UI.

use std::sync::Arc;

use tokio::task::JoinSet;

use super::{Impersonations, RunningSession};
use crate::audit::{EndCause, Event};
use crate::notice::Notice;
use crate::session::EndedSession;
use crate::session_summary::SummarizedEnd;

impl Impersonations {
    /// Ends a session: signs out, closes its window, writes the audit log. If it is already ending, waits for that; if
    /// there is no such session, it has ended.
    pub async fn end_session(&self, id: &str, cause: EndCause) {
        let Ok(running) = self.find_running(id) else { return };
        if !running.lock_session().begin_ending() {
            let mut ended = running.ended.subscribe();
            // Cannot fail: `running`, held here, owns the sender.
            let _ = ended.wait_for(|ended| *ended).await;
            return;
        }
        running.stop.cancel();
        self.notify_sessions();
        let sign_out_failed = self.sign_out(&running).await.err();
        self.browser.close_window(id).await;
        let held_back = running.gateway().map(|gateway| gateway.count_held_back());
        let ended_at = self.clock.now_ms();
        let end = SummarizedEnd { at_ms: ended_at, cause, sign_out_failed: sign_out_failed.clone() };
        self.keep_summary(&running, end);
        self.settle_notification(&running, ended_at, cause).await;
        running.close_gateway().await;
        self.lock_running().remove(id);
        self.record_sightings(&running).await;
        let ended = Event::Ended { cause, sign_out_failed: sign_out_failed.clone(), held_back };
        self.log_event(&running, ended_at, ended).await;
        self.notify_sessions();
        let session = running.view();
        self.notices.send(Notice::SessionEnded(EndedSession { session, cause, sign_out_failed, ended_at }));
        running.ended.send_replace(true);
    }

    /// Ends all sessions in parallel, because Understudy quits. From then on no session begins, and when this returns,
    /// those that were about to begin have ended too.
    pub async fn quit(self: &Arc<Self>) {
        let ids: Vec<String> = {
            let running = self.lock_running();
            self.quitting.cancel();
            running.keys().cloned().collect()
        };
        let mut ends = JoinSet::new();
        let this = Arc::clone(self);
        // One that is still being made holds up no sign-out.
        ends.spawn(async move { this.discard_spare_window().await });
        for id in ids {
            let this = Arc::clone(self);
            ends.spawn(async move { this.end_session(&id, EndCause::Quit).await });
        }
        ends.join_all().await;
        self.beginning.close();
        self.beginning.wait().await;
    }

    /// Signs out if the user may be signed in: the window with its own cookies, then the console. Fails with why the
    /// application may still have the session, in one sentence; the end continues all the same.
    pub(super) async fn sign_out(&self, running: &RunningSession) -> Result<(), String> {
        if !running.lock_session().may_be_signed_in() {
            return Ok(());
        }
        // Without a gateway, nothing was sent.
        let Ok(driver) = running.driver(&self.clock) else { return Ok(()) };
        // A sign-in that is still under way could otherwise finish after the sign-out.
        running.progress.wait_for_answer().await;
        self.browser.leave_page(&running.id).await;
        driver.sign_out(&running.context(), self.context_of_sign_out(running)).await
    }
}

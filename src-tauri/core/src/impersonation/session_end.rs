//! Every way of ending a session: sign out, close the window, write *ended*, notify the UI.

use std::sync::Arc;

use tokio::task::JoinSet;

use super::session_gateway::SessionGateway;
use super::{Impersonations, RunningSession};
use crate::audit::{EndCause, Event};
use crate::browser::SessionCookie;
use crate::connection::{Connection, Recipe};
use crate::error::Error;
use crate::notice::Notice;
use crate::session::EndedSession;
use crate::sign_in::{self, Client, WindowCookies};

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
        let held_back = running.gateway().map(SessionGateway::count_held_back);
        running.close_gateway().await;
        self.lock_running().remove(id);
        let ended_at = self.clock.now_ms();
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
        let connection = running.connection();
        // A sign-in that is still under way could otherwise finish after the sign-out.
        let _ = tokio::time::timeout(sign_in::LAST_ANSWER, running.sending.lock()).await;
        self.browser.leave_page(&running.id).await;
        if let Some(gateway) = running.gateway() {
            gateway.leave_pages().await;
        }
        let step_cookies = self.find_step_cookies(running, &connection).await;
        let is_whole = step_cookies.as_ref().map(|_| ()).map_err(Clone::clone);
        let cookies = running.gateway().map(|gateway| gateway.cookies().take_all()).unwrap_or_default();
        cookies.add_cookies(&step_cookies.unwrap_or_default());
        let owed = running.take_owed_sign_outs();
        let by_window = async {
            let mut all = self.sign_out_as_window(running, &connection, &cookies).await;
            for before in &owed {
                let again = self.sign_out_as_window(running, &connection, before).await;
                all = all.and(again);
            }
            all
        };
        let by_window = tokio::time::timeout(sign_in::SIGN_OUT_LIMIT, by_window)
            .await
            .unwrap_or_else(|_| Err("the application did not answer in time".into()));
        let by_console = self.sign_out_by_console(running, &connection, &cookies);
        let by_console = tokio::time::timeout(sign_in::SIGN_OUT_LIMIT, by_console)
            .await
            .unwrap_or_else(|_| Err("the application did not answer in time".into()));
        let held = assess_session(running);
        if !held.has_begun {
            // The application refused everything, so there was nothing to end, and its refusing the sign-out too is no
            // news.
            return Ok(());
        }
        let outcome = by_window
            .and(by_console)
            .and(is_whole)
            .and_then(|()| sign_in::confirm_sign_out(&connection, held.is_left_open));
        if outcome.is_err() {
            // If the session goes on, this is tried once more at its end.
            owed.into_iter().chain([cookies]).for_each(|cookies| running.owe_sign_out(cookies));
        }
        outcome
    }

    /// The cookies from the console's steps that the window has not got yet, because the session ends before the sign-in
    /// is complete. Fails if a step is not answered in time.
    async fn find_step_cookies(
        &self,
        running: &RunningSession,
        connection: &Connection,
    ) -> Result<Vec<SessionCookie>, String> {
        if !matches!(connection.sign_in.recipe, Recipe::Exchange { .. }) || running.has_cookies() {
            return Ok(Vec::new());
        }
        let kept = tokio::time::timeout(sign_in::SIGN_OUT_TIMEOUT, running.client.lock()).await;
        let Ok(kept) = kept else {
            return Err(
                "not confirmed: a step of the sign-in was never answered, so the application may finish it \
                        later"
                    .into(),
            );
        };
        let Some(client) = &*kept else { return Ok(Vec::new()) };
        let mut context = running.context();
        sign_in::complete_context(
            connection,
            &mut context,
            client.captured_values(),
            self.clock.now_ms() / 1000,
        );
        sign_in::cookies_for_window(connection, &context.rendered(), client).map_err(|error| error.message)
    }

    /// Sends the sign-out as the window would, with cookies that it had: the page may hang, and occupy every connection
    /// to its host. Needs no vault: the request contains no secrets.
    async fn sign_out_as_window(
        &self,
        running: &RunningSession,
        connection: &Connection,
        cookies: &WindowCookies,
    ) -> Result<(), String> {
        let words = |error: Error| error.message;
        let mut context = running.context();
        sign_in::complete_context(
            connection,
            &mut context,
            &serde_json::Map::new(),
            self.clock.now_ms() / 1000,
        );
        let Some(request) = sign_in::plan_sign_out(connection, &context.rendered()).map_err(words)? else {
            return Ok(());
        };
        let answer = running.send_as_window(cookies, &request).await;
        sign_in::judge_sign_out(&answer, &request)
    }

    async fn sign_out_by_console(
        &self,
        running: &RunningSession,
        connection: &Connection,
        cookies: &WindowCookies,
    ) -> Result<(), String> {
        if connection.sign_out.steps.is_empty() {
            return Ok(());
        }
        let mut kept = running.client.lock().await;
        let Some(client) = &mut *kept else { return Ok(()) };
        // The window holds the session: its own request or a link created it, or the page has replaced it since.
        let mut places = vec![format!("{}/", connection.sign_in.origin.ascii_serialization())];
        // Some cookies are valid only below the start page.
        places.extend(sign_in::redirect_to(connection, &running.context().rendered()).ok().map(String::from));
        for place in places.iter().filter_map(|place| place.parse().ok()) {
            client.put_cookies(&cookies.list_cookies(&place));
        }
        self.take_sign_out_steps(running, client).await
    }
}

/// What the application may have of this session, judging by its own answers.
struct PossibleSession {
    /// It accepted something, or may have. Otherwise there is nothing to end.
    has_begun: bool,
    /// It never answered a request of the sign-in.
    is_left_open: bool,
}

fn assess_session(running: &RunningSession) -> PossibleSession {
    let by_window = running.is_unanswered();
    match running.client.try_lock() {
        Ok(client) => {
            let client = client.as_ref();
            let is_left_open = by_window || client.is_some_and(Client::is_left_open);
            let has_begun = client.is_some_and(Client::has_begun) || running.has_begun();
            PossibleSession { has_begun: has_begun || is_left_open, is_left_open }
        }
        // A step is under way.
        Err(_) => PossibleSession { has_begun: true, is_left_open: by_window },
    }
}

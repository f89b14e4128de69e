//! Every way of ending: signed out, window closed, *ended* written.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use super::{Impersonations, Running};
use crate::audit::{EndCause, Event};
use crate::connection::Recipe;
use crate::error::Error;
use crate::notice::{Notice, Toast};
use crate::session::EndedSession;
use crate::sign_in;
use crate::sign_in::Client;

impl Impersonations {
    /// Ends a session: signs out, closes its window, writes the audit log. Whoever calls while it is
    /// ending waits for that end; a session that is not there has ended.
    pub async fn end(&self, id: &str, cause: EndCause) {
        let Ok(running) = self.find(id) else { return };
        if !running.session().ending() {
            let mut ended = running.ended.subscribe();
            // The sender lives in `running`, which is held here.
            let _ = ended.wait_for(|ended| *ended).await;
            return;
        }
        running.stop.cancel();
        self.tell();
        let sign_out_failed = self.sign_out(&running).await.err();
        self.browser.close(id).await;
        self.running().remove(id);
        let ended_at = self.clock.now_ms();
        let ended = Event::Ended { cause, sign_out_failed: sign_out_failed.clone() };
        self.log(&running, ended).await;
        self.tell();
        let session = running.view();
        self.notices.send(Notice::SessionEnded(EndedSession { session, cause, sign_out_failed, ended_at }));
        running.ended.send_replace(true);
    }

    /// Ends all sessions, side by side.
    pub async fn end_all(self: &Arc<Self>, cause: EndCause) {
        let ids: Vec<String> = self.running().keys().cloned().collect();
        let mut ends = JoinSet::new();
        for id in ids {
            let this = Arc::clone(self);
            ends.spawn(async move { this.end(&id, cause).await });
        }
        ends.join_all().await;
    }

    /// Signs out, if there may be something to sign out of: the window with its own cookies, then the console.
    /// That it failed, and why, is said and stops nothing.
    pub(super) async fn sign_out(&self, running: &Running) -> Result<(), String> {
        let sign_out = &running.request.connection.sign_out;
        if !running.session().may_be_signed_in() {
            return Ok(());
        }
        let by_window = async {
            let (context, _) = self.with_secrets(running).await?;
            let Some(request) = sign_in::plan_sign_out(&running.request.connection, &context)? else {
                return Ok::<_, Error>(Ok(()));
            };
            self.browser.leave_for_desk(&running.id, &request.url.origin()).await?;
            let answer = self.browser.send(&running.id, &request).await;
            Ok(sign_in::judge_sign_out(&answer, &request))
        };
        let by_console = async {
            if sign_out.steps.is_empty() {
                return Ok(());
            }
            let mut kept = running.client.lock().await;
            let Some(mut client) = kept.take() else { return Ok(()) };
            // The application may have given the window another session since.
            if let Recipe::Exchange { .. } = running.request.connection.sign_in.recipe {
                let begin = format!("{}/", running.request.connection.sign_in.origin.ascii_serialization());
                if let Ok(url) = begin.parse()
                    && let Ok(cookies) = self.browser.cookies(&running.id, &url).await
                {
                    client.put(&cookies);
                }
            }
            self.take_sign_out_steps(running, &mut client).await
        };
        let limit = sign_in::SIGN_OUT_TIMEOUT + Duration::from_secs(2);
        let late = || Err("the application did not answer in time".to_owned());
        let by_window = match tokio::time::timeout(limit, by_window).await {
            Ok(Ok(judged)) => judged,
            Ok(Err(error)) => Err(error.message),
            Err(_) => Err("the window did not answer in time".into()),
        };
        let by_console = tokio::time::timeout(limit, by_console).await.unwrap_or_else(|_| late());
        let outcome = by_window.and(by_console);
        if let Err(failure) = &outcome {
            self.notices.send(Notice::Toast(Toast::info(
                format!("The sign-out of {} did not go through: {failure}", running.view().user.best()),
                "The window and its cookies are gone; the application may keep its side until it expires.",
            )));
        }
        outcome
    }

    pub(super) async fn take_sign_out_steps(
        &self,
        running: &Running,
        client: &mut Client,
    ) -> Result<(), String> {
        let connection = &running.request.connection;
        let (mut context, secrets) = self.with_secrets(running).await.map_err(|error| error.message)?;
        sign_in::complete(connection, &mut context, client.captured(), self.clock.now_ms() / 1000);
        sign_in::take_sign_out_steps(&connection.sign_out.steps, client, &mut context, &secrets, &mut |_| {})
            .await
    }
}

//! One attempt to sign in, by the window and the console.

use std::sync::Arc;

use secrecy::SecretString;
use url::{Origin, Url};

use super::context::add_email_hint;
use super::{Impersonations, RunningSession, read_user, template_context, user_label};
use crate::audit::Event;
use crate::browser::{Answer, FirstPage, PageStorage, PlannedRequest, Refusal, Unanswered};
use crate::connection::{Connection, Recipe};
use crate::directories::OpenConnection;
use crate::error::{Code, Error, Result};
use crate::masks::Masks;
use crate::session::{SessionLimit, SessionView};
use crate::sign_in::{Redirect, SafeHtml, VerifyEvidence, VerifyRequest};
use crate::zeroizing_json::ZeroizingJson;
use crate::{policy, sign_in};

/// The result of a successful attempt, already in the audit log.
pub(super) struct SignInSuccess {
    /// The first page to load; `None` if the window already shows it.
    pub(super) begin: Option<Url>,
    pub(super) success: String,
    pub(super) said: Vec<SafeHtml>,
    pub(super) refresh: bool,
}

impl Impersonations {
    /// Signs in once. After a refusal, the window is still on its launch page, or on the page that a one-time link led
    /// to. A refusal contains no secret.
    pub(super) async fn attempt_sign_in(
        &self,
        running: &Arc<RunningSession>,
        is_first: bool,
    ) -> Result<SignInSuccess, Refusal> {
        let mut hidden = Vec::new();
        let outcome = self.attempt_openly(running, is_first, &mut hidden).await;
        outcome.map_err(|refusal| Masks::for_secrets(&hidden).mask_refusal(refusal))
    }

    /// The attempt itself; puts what the refusal must mask into `hidden`.
    async fn attempt_openly(
        &self,
        running: &Arc<RunningSession>,
        is_first: bool,
        hidden: &mut Vec<SecretString>,
    ) -> Result<SignInSuccess, Refusal> {
        let in_words = |error: Error| Refusal::from(add_email_hint(error, running));
        // For the first attempt, the user has just been read.
        if !is_first {
            self.look_again(running).await.map_err(in_words)?;
        }
        let connection = running.connection();
        let mut context = self.with_secrets(running).await.map_err(in_words)?;
        running.keep_sign_out_secrets(&context);
        running.set_has_cookies(false);
        let gateway = running.opened_gateway().map_err(in_words)?;
        gateway.set_credentials(connection.gateway_for(&context));
        gateway.set_application(&connection);
        gateway.admit_pages();
        running.lock_session().mark_sent();
        *hidden = context.secret_values().cloned().collect();
        let (handoff, secrets) = self.hand_off(running, &mut context).await?;
        hidden.clone_from(&secrets);
        gateway.mask_secrets(&secrets);
        gateway.set_cookies(&connection.sign_in.origin, &handoff.cookies).await.map_err(in_words)?;
        running.set_has_cookies(true);
        let mut landed = VerifyEvidence {
            notes: handoff.notes.iter().chain(&handoff.astray).cloned().collect(),
            is_exchange: matches!(connection.sign_in.recipe, Recipe::Exchange { .. }),
            is_window: true,
            ..VerifyEvidence::default()
        };
        if let Some(request) = &handoff.request {
            let answer = self.send_sign_in(running, &connection, request).await;
            let judged = sign_in::judge_sign_in(&answer, request, &context.rendered(), &secrets);
            if judged.is_ok() || answer.as_ref().is_err_and(Unanswered::may_have_acted) {
                running.mark_begun();
            }
            judged?;
            if let Ok(answer) = &answer {
                landed.is_redirected = answer.is_redirect();
                context.set_response(sign_in::to_response(answer));
            }
        }
        let seen = context.rendered();
        if !handoff.storage.is_empty() {
            let stored: PageStorage = sign_in::render_storage(&handoff.storage, &seen).map_err(in_words)?;
            gateway.launch().page().fill_storage(&stored).await.map_err(in_words)?;
        }
        let begin = match handoff.redirect_to {
            Some(url) => url,
            None => sign_in::redirect_to(&connection, &seen).map_err(in_words)?,
        };
        let begin = running.request.ticket.choose_start(begin);
        let verify = sign_in::plan_verification(&connection, &seen).map_err(in_words)?;
        if let Some(link) = &handoff.link {
            self.follow_link(running, &connection, link).await?;
        }
        // A link leads straight to the application's page.
        let is_there = handoff.link.is_some();
        if let Some(verify) = verify {
            let signed_in_at = handoff.request.as_ref().map(|request| &request.url);
            self.ask_who(running, &verify, (landed, signed_in_at), &seen, secrets.clone(), hidden).await?;
        }
        let success = match handoff.success {
            Some(success) => success,
            None => sign_in::render_success(&connection, &seen).map_err(in_words)?,
        };
        let success = Masks::for_secrets(&secrets).mask_text(&success);
        // *Active* is written before the page is shown: nothing happens that the log does not know.
        let active = running.begun.with_event(self.clock.now_ms(), Event::Active);
        self.write_entry(active).await.map_err(in_words)?;
        running.lock_session().mark_active(self.clock.now()).map_err(in_words)?;
        let begin = Some(begin).filter(|_| !is_there);
        Ok(SignInSuccess { begin, success, said: handoff.said, refresh: handoff.refresh })
    }

    /// Asks who is signed in, with the window's cookies or with captured values.
    async fn ask_who(
        &self,
        running: &Arc<RunningSession>,
        verify: &VerifyRequest,
        (mut landed, signed_in_at): (VerifyEvidence, Option<&Url>),
        seen: &ZeroizingJson,
        mut secrets: Vec<SecretString>,
        hidden: &mut Vec<SecretString>,
    ) -> Result<(), Refusal> {
        let connection = running.connection();
        secrets.extend(verify.made_of_secrets());
        hidden.clone_from(&secrets);
        let answer = if verify.by_console {
            let mut kept = running.client.lock().await;
            match &mut *kept {
                Some(client) => client.send_request(&verify.request, 0).await.map(|reply| {
                    let led_to = reply.redirects_to();
                    landed.asked_led_to = led_to.map(|to| Redirect::from_urls(&verify.request.url, &to));
                    reply.to_answer()
                }),
                None => Err(Unanswered::Closed),
            }
        } else if running.launch_page().is_none() {
            // A link has led to the application's page.
            match running.gateway() {
                Some(gateway) => running.send_as_window(gateway.cookies(), &verify.request).await,
                None => Err(Unanswered::Closed),
            }
        } else {
            self.send_openly(running, &connection, &verify.request).await
        };
        let names = |url: &Url| running.gateway().map(|gateway| gateway.cookies().list_names(url));
        landed.cookies = names(&verify.request.url);
        if let Some(url) = signed_in_at {
            landed.note_narrow(url, &names(url).unwrap_or_default(), verify);
        }
        sign_in::judge_verify(&answer, verify, &landed, seen, &secrets)
    }

    /// Lets the window send the request, and finds the cause if the window only reports a failure.
    async fn send_openly(
        &self,
        running: &RunningSession,
        connection: &Connection,
        request: &PlannedRequest,
    ) -> Result<Answer, Unanswered> {
        match running.send_by_window(request).await {
            Err(why) => Err(sign_in::name_cause(connection, request, why).await),
            answered => answered,
        }
    }

    /// Reads the connection, its policy and the user again before another attempt.
    async fn look_again(&self, running: &Arc<RunningSession>) -> Result<()> {
        // With the connection that began them.
        self.end_steps_before(running).await;
        let (request, connections) = (&running.request, self.connection_provider()?);
        // Checked before anything is opened that this window could not use, and again with what was opened.
        running.can_go_on(&request.restrict_mode(connections.find_connection(&request.connection)?))?;
        let OpenConnection { connection, directory } = self.open_requested(request).await?;
        running.can_go_on(&connection)?;
        let row = read_user(&directory, &request.user).await?;
        let SessionView { reason, mode, .. } = running.view();
        let info = directory.info();
        let facts = request.session_facts(&connection, &reason, &running.id, mode);
        let context = template_context(&facts, &info, &row);
        let (shown, now) = (running.view().user, user_label(&info, &context, &row));
        if shown != now {
            let message =
                "The user has changed since this window was opened. It still shows the old name or address.";
            return Err(
                Error::new(Code::UserNotFound, message).with_hint("Close this window and sign in again.")
            );
        }
        policy::enforce_policy(&connection.policy, &reason, &context.rendered(), &info, &row)?;
        let origin = &connection.sign_in.origin;
        let is_at = running.launch_page().as_ref() == Some(origin);
        if !is_at {
            self.return_to_launch_page(running, origin).await?;
        }
        running.lock_session().set_limit(SessionLimit::from(&connection.policy));
        running.stand_on(connection, context);
        Ok(())
    }

    /// Lets the window send the sign-in, in a task of its own: if the session ends meanwhile, the task still waits for
    /// the answer, so that what the application began can be ended.
    async fn send_sign_in(
        &self,
        running: &Arc<RunningSession>,
        connection: &Connection,
        request: &PlannedRequest,
    ) -> Result<Answer, Unanswered> {
        let sending = Arc::clone(&running.sending).lock_owned().await;
        running.mark_sent();
        let (running, own, to) = (Arc::clone(running), request.clone(), connection.clone());
        let sent = tokio::spawn(async move {
            let answer = match running.send_by_window(&own).await {
                Err(why) => Err(sign_in::name_cause(&to, &own, why).await),
                answered => answered,
            };
            running.record_answer(answer.as_ref().err());
            drop(sending);
            answer
        });
        sent.await.map_err(|_| Unanswered::Closed)?
    }

    /// Opens a one-time link, which leads to the application's page.
    async fn follow_link(
        &self,
        running: &RunningSession,
        connection: &Connection,
        link: &Url,
    ) -> Result<(), Refusal> {
        let (origin, limit) = (&connection.sign_in.origin, connection.sign_in.timeout);
        running.mark_sent();
        running.mark_begun();
        let in_words = |error: Error| Refusal::from(error);
        let gateway = running.opened_gateway().map_err(in_words)?;
        let arrival = gateway.open_for_link(origin);
        self.show_page(running, FirstPage::Link(link)).await.map_err(in_words)?;
        let arrived = match tokio::time::timeout(limit, arrival).await {
            Ok(arrived) => arrived.map_err(|_| Unanswered::Closed),
            Err(_) => Err(Unanswered::TimedOut),
        };
        running.record_answer(arrived.as_ref().err());
        // Wherever the link has led, from here on the session's own mode holds.
        let switching = running.switching.lock().await;
        gateway.set_mode(running.view().mode);
        drop(switching);
        arrived.map(drop).map_err(|unanswered| sign_in::link_failed(link, origin, limit, &unanswered))
    }

    /// Replaces the launch page by this one.
    pub(super) async fn show_page(&self, running: &RunningSession, page: FirstPage<'_>) -> Result<()> {
        let (FirstPage::Start(url) | FirstPage::Link(url)) = page;
        self.browser.expect_page(&running.id, page).await?;
        *running.launch_page() = None;
        running.opened_gateway()?.launch().page().leave_for(url).await
    }

    /// Discards what the window has of the application, and loads its launch page again.
    pub(super) async fn return_to_launch_page(
        &self,
        running: &RunningSession,
        origin: &Origin,
    ) -> Result<()> {
        let gateway = running.opened_gateway()?;
        gateway.launch().page().reopen();
        drop(gateway.cookies().take_all());
        self.browser.return_to_launch_page(&running.id, origin).await?;
        gateway.launch().page().wait_until_ready().await?;
        *running.launch_page() = Some(origin.clone());
        Ok(())
    }
}

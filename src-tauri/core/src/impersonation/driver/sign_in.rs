//! One attempt to sign in: the console's steps, the window's own part, and the question who is signed in.

use std::sync::Arc;
use std::time::Instant;

use secrecy::SecretString;
use url::Url;

use super::{LinkEnd, LinkFailure, SignInDriver, SignInWindow};
use crate::browser::{PlannedRequest, Refusal, Unanswered};
use crate::connection::{Recipe, Verify};
use crate::error::Error;
use crate::impersonation::session_gateway::ObservedAnswer;
use crate::sign_in::{
    self, Client, CookieProblem, Exchange, Handoff, Redirect, SafeHtml, VerifyEvidence, VerifyRequest,
};
use crate::template::SignInContext;

/// A sign-in that the application accepted.
pub(crate) struct SignedIn {
    /// The first page to load; `None` if the window already shows it.
    pub(crate) begin: Option<Url>,
    /// The success message, masked.
    pub(crate) success: String,
    pub(crate) said: Vec<SafeHtml>,
    /// The application has changed the users' data.
    pub(crate) refresh: bool,
    pub(crate) verified: Verified,
}

/// Whether it is known who is signed in.
pub(crate) enum Verified {
    AsIntended,
    /// The connection does not say how to ask.
    NotAsked,
    /// A page of this origin signs in with its scripts, which this window does not run.
    NotHere(url::Origin),
}

impl SignInDriver {
    /// Signs in once. After a refusal, the window is still on its launch page, or on the page that a one-time link led
    /// to. A refusal contains no secret.
    pub(crate) async fn sign_in(
        &self,
        window: &dyn SignInWindow,
        context: &mut SignInContext,
    ) -> Result<SignedIn, Refusal> {
        let outcome = self.sign_in_openly(window, context).await;
        outcome.map_err(|refusal| self.masks().mask_refusal(refusal))
    }

    async fn sign_in_openly(
        &self,
        window: &dyn SignInWindow,
        context: &mut SignInContext,
    ) -> Result<SignedIn, Refusal> {
        let (connection, gateway) = (&*self.connection, &*self.gateway);
        let in_words = |error: Error| self.to_refusal(error);
        self.progress.set_has_cookies(false);
        gateway.set_credentials(connection.host_credentials(context).map_err(in_words)?);
        gateway.set_application(connection);
        gateway.admit_pages();
        self.learn_secrets(context.secret_values().cloned());
        self.learn_secrets(context.masked_values().iter().cloned());
        let handoff = self.take_steps(context).await?;
        gateway.mask_secrets(&self.collect_secrets());
        gateway.set_cookies(&connection.sign_in.origin, &handoff.cookies).await.map_err(in_words)?;
        self.progress.set_has_cookies(true);
        let mut evidence = VerifyEvidence {
            notes: handoff.notes.iter().chain(&handoff.astray).cloned().collect(),
            is_only_stored: !handoff.storage.is_empty()
                && !connection.sign_in.verify.as_ref().is_some_and(Verify::shows_a_token),
            is_exchange: matches!(connection.sign_in.recipe, Recipe::Exchange { .. }),
            ..VerifyEvidence::default()
        };
        self.add_notes(handoff.notes);
        if let (Some(request), Some(exchange)) = (&handoff.request, handoff.shown) {
            self.check_not_stopped()?;
            self.send_sign_in(request, exchange, context, &mut evidence).await?;
        }
        let seen = context.rendered();
        if !handoff.storage.is_empty() {
            let stored = sign_in::render_storage(&handoff.storage, &seen).map_err(in_words)?;
            gateway.launch().page().fill_storage(&stored).await.map_err(in_words)?;
        }
        let begin = match handoff.redirect_to {
            Some(url) => url,
            None => sign_in::redirect_to(connection, &seen).map_err(in_words)?,
        };
        let verify = sign_in::plan_verification(connection, &seen).map_err(in_words)?;
        // A link leads straight to the application's page.
        let is_there = handoff.link.is_some();
        let mut verified = Verified::NotAsked;
        if let Some(link) = &handoff.link {
            self.check_not_stopped()?;
            if let LinkEnd::Scripts(origin) = self.follow_link(window, link).await? {
                verified = Verified::NotHere(origin);
            }
        }
        if let (Some(verify), Verified::NotAsked) = (verify, &verified) {
            self.check_not_stopped()?;
            self.ask_who(&verify, evidence, context, is_there).await?;
            verified = Verified::AsIntended;
        }
        let success = match handoff.success {
            Some(success) => success,
            None => sign_in::render_success(connection, &seen).map_err(in_words)?,
        };
        Ok(SignedIn {
            begin: Some(begin).filter(|_| !is_there),
            success: self.masks().mask_text(&success),
            said: handoff.said,
            refresh: handoff.refresh,
            verified,
        })
    }

    /// Takes the console's steps, in a task of their own: if the session ends meanwhile, the step under way still
    /// completes, so that what it began can be ended too.
    async fn take_steps(&self, context: &mut SignInContext) -> Result<Handoff, Refusal> {
        let (connection, stop, now) =
            (Arc::clone(&self.connection), self.stop.clone(), self.clock.now_ms() / 1000);
        let (observer, credentials, mut own) =
            (Arc::clone(&self.observer), self.gateway.credentials(), context.clone());
        let mut kept = Arc::clone(&self.progress.client).lock_owned().await;
        let steps = tokio::spawn(async move {
            let client = kept.insert(Client::new(&connection.network)?);
            sign_in::complete_context(&connection, &mut own, client.captured_values(), now);
            client.use_credentials(credentials);
            let stopped =
                || Refusal::new(super::STOPPED, "What it had begun in the application was ended again.");
            let told = &mut |exchange| observer(exchange);
            let sign_in = &connection.sign_in;
            for at in 0..sign_in.steps.len() {
                if stop.is_cancelled() {
                    return Err(stopped());
                }
                sign_in::take_step(at, &sign_in.steps[at], sign_in.timeout, client, &mut own, told).await?;
            }
            if stop.is_cancelled() {
                return Err(stopped());
            }
            let handoff = sign_in::hand_off(&connection, &own, client, told).await?;
            let secrets: Vec<SecretString> =
                own.secret_values().cloned().chain(client.collect_secrets()).collect();
            Ok((handoff, secrets, own))
        });
        self.run.tasks.lock().push(steps.abort_handle());
        // A panic's message may quote a secret, so it is dropped.
        let broke_off = |_| Refusal::from(Error::internal("the sign-in's steps stopped unexpectedly"));
        let (handoff, secrets, own) = steps.await.map_err(broke_off)??;
        self.learn_secrets(secrets);
        *context = own;
        Ok(handoff)
    }

    /// Lets the window send the sign-in, and finds out what is remarkable about the answer.
    async fn send_sign_in(
        &self,
        request: &PlannedRequest,
        mut exchange: Exchange,
        context: &mut SignInContext,
        evidence: &mut VerifyEvidence,
    ) -> Result<(), Refusal> {
        let begun = Instant::now();
        let sent = self.send_in_task(request).await;
        sent.record_in(&mut exchange);
        let judged =
            sign_in::judge_sign_in(&sent.answer, request, &context.rendered(), &self.collect_secrets());
        if judged.is_ok() || sent.answer.as_ref().is_err_and(Unanswered::may_have_acted) {
            self.progress.mark_begun();
        }
        exchange.record_outcome(begun, judged.as_ref().map(drop));
        (self.observer)(exchange);
        judged?;
        if let Ok(answer) = &sent.answer {
            context.set_response(sign_in::to_response(answer));
        }
        let cookies = self.gateway.cookies();
        let but = |problem: &CookieProblem| format!("The login endpoint answered, but {problem}");
        let unkept: Vec<String> = cookies.list_unkept().iter().map(but).collect();
        evidence.notes.extend(unkept.iter().cloned());
        self.add_notes(unkept);
        if let Some(to) = &sent.redirect {
            let redirect = Redirect::from_urls(&request.url, to);
            if let Some(refusal) = redirect.refuse_move(to) {
                return Err(refusal);
            }
            if redirect.is_astray() {
                self.add_notes([redirect.describe_for("The login endpoint's answer")]);
            }
            evidence.led_to = Some(redirect);
        }
        let first_page = sign_in::redirect_to(&self.connection, &context.rendered())
            .map_err(|error| self.to_refusal(error))?;
        if cookies.list_names(&first_page).is_empty() {
            // The cookies that the window has, but not for the first page.
            self.add_notes(cookies.list_unsent(&first_page).iter().map(but));
        }
        Ok(())
    }

    /// Lets the window send the sign-in, in a task of its own: if the session ends meanwhile, the task still waits for
    /// the answer, so that what the application began can be ended.
    async fn send_in_task(&self, request: &PlannedRequest) -> ObservedAnswer {
        let sending = Arc::clone(&self.progress.sending).lock_owned().await;
        self.progress.mark_sent();
        let (gateway, progress, own) =
            (Arc::clone(&self.gateway), Arc::clone(&self.progress), request.clone());
        let sent = tokio::spawn(async move {
            let sent = gateway.send_request(&own).await;
            progress.record_answer(sent.answer.as_ref().err());
            drop(sending);
            sent
        });
        self.run.tasks.lock().push(sent.abort_handle());
        sent.await.unwrap_or_else(|_| Err(Unanswered::Closed).into())
    }

    /// Opens a one-time link, which leads to the application's page.
    async fn follow_link(&self, window: &dyn SignInWindow, link: &Url) -> Result<LinkEnd, Refusal> {
        let sign_in = &self.connection.sign_in;
        self.progress.mark_sent();
        self.progress.mark_begun();
        let arrival = self.gateway.open_for_link(&sign_in.origin);
        let end = match window.open_link(self, link, arrival).await {
            Err(LinkFailure::Error(error)) => return Err(Refusal::from(error)),
            end => end,
        };
        self.progress.record_answer(match &end {
            Err(LinkFailure::Unanswered(unanswered)) => Some(unanswered),
            _ => None,
        });
        end.map_err(|failure| self.refuse_link(link, &failure))
    }

    /// The refusal for a one-time link that signed no one in.
    pub(crate) fn refuse_link(&self, link: &Url, failure: &LinkFailure) -> Refusal {
        let sign_in = &self.connection.sign_in;
        match failure {
            LinkFailure::Unanswered(why) => sign_in::link_failed(link, &sign_in.origin, sign_in.timeout, why),
            LinkFailure::Refused(answer) => sign_in::link_refused(answer, &self.masks()),
            LinkFailure::Error(error) => {
                Refusal::new(error.message.clone(), error.hint.clone().unwrap_or_default())
            }
        }
    }

    /// Asks who is signed in, with the window's cookies or with captured values.
    async fn ask_who(
        &self,
        verify: &VerifyRequest,
        mut evidence: VerifyEvidence,
        context: &SignInContext,
        has_left: bool,
    ) -> Result<(), Refusal> {
        let (request, cookies) = (&verify.request, self.gateway.cookies());
        self.learn_secrets(verify.made_of_secrets());
        evidence.cookies = cookies.list_names(&request.url);
        for unkept in cookies.list_unkept().iter().map(ToString::to_string) {
            if !evidence.notes.iter().any(|note| note.ends_with(&unkept)) {
                evidence.notes.push(format!("In the window, {unkept}"));
            }
        }
        let unsent = cookies.list_unsent(&request.url);
        evidence.notes.extend(unsent.iter().map(|cookie| format!("In the window, {cookie}")));
        let mut exchange = Exchange::for_request("Who is signed in?", !verify.by_console, &verify.masked);
        let begun = Instant::now();
        let sent = if verify.by_console {
            self.ask_by_console(request).await
        } else if has_left {
            self.send_as_window(cookies, request).await
        } else {
            self.gateway.send_request(request).await
        };
        sent.record_in(&mut exchange);
        evidence.asked_led_to = sent.redirect.as_ref().map(|to| Redirect::from_urls(&request.url, to));
        let seen = context.rendered();
        let judged = sign_in::judge_verify(&sent.answer, verify, &evidence, &seen, &self.collect_secrets());
        exchange.record_outcome(begun, judged.as_ref().map(drop));
        (self.observer)(exchange);
        judged
    }

    async fn ask_by_console(&self, request: &PlannedRequest) -> ObservedAnswer {
        let mut kept = self.progress.client.lock().await;
        let Some(client) = &mut *kept else { return Err(Unanswered::Closed).into() };
        match client.send_request(request, 0).await {
            Ok(reply) => ObservedAnswer { redirect: reply.redirects_to(), answer: Ok(reply.to_answer()) },
            Err(why) => Err(why).into(),
        }
    }
}

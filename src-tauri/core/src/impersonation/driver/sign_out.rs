//! Ends what a sign-in began: the console sends the window's sign-out with the window's cookies, then takes its own
//! steps.

use std::time::Instant;

use super::SignInDriver;
use crate::browser::{PlannedRequest, Refusal, SessionCookie, Unanswered};
use crate::connection::Recipe;
use crate::error::Error;
use crate::impersonation::session_gateway::ObservedAnswer;
use crate::sign_in::{self, Client, Exchange, SIGN_OUT_LIMIT, SIGN_OUT_TIMEOUT, WindowCookies};
use crate::template::SignInContext;

const TOO_LATE: &str = "the application did not answer in time";

impl SignInDriver {
    /// Signs out with the window's cookies, then by the console's steps, which see `for_steps`: what templates see,
    /// with the secrets that the steps name, and why some of those are missing. `context` needs no secrets. Fails with
    /// why the application may still have the session, in one sentence.
    pub(crate) async fn sign_out(
        &self,
        context: &SignInContext,
        for_steps: impl Future<Output = (SignInContext, Result<(), String>)>,
    ) -> Result<(), String> {
        self.gateway.leave_pages().await;
        let step_cookies = self.find_step_cookies(context).await;
        let is_whole = step_cookies.as_ref().map(|_| ()).map_err(Clone::clone);
        let cookies = self.gateway.cookies().take_all();
        cookies.add_cookies(&step_cookies.unwrap_or_default());
        self.learn_secrets(cookies.collect_values());
        let owed = self.progress.take_owed_sign_outs();
        let by_window = async {
            let mut all = self.sign_out_as_window(context, &cookies).await;
            for before in &owed {
                let again = self.sign_out_as_window(context, before).await;
                all = all.and(again);
            }
            all
        };
        let by_window =
            tokio::time::timeout(SIGN_OUT_LIMIT, by_window).await.unwrap_or_else(|_| Err(TOO_LATE.into()));
        let by_console = self.sign_out_by_console(context, for_steps, &cookies);
        let by_console =
            tokio::time::timeout(SIGN_OUT_LIMIT, by_console).await.unwrap_or_else(|_| Err(TOO_LATE.into()));
        let held = self.progress.assess_session();
        if !held.has_begun {
            // The application refused everything, so there was nothing to end, and its refusing the sign-out too is no
            // news.
            return Ok(());
        }
        let outcome = by_window
            .and(by_console)
            .and(is_whole)
            .and_then(|()| sign_in::confirm_sign_out(&self.connection, held.is_left_open));
        if outcome.is_err() {
            // If the session goes on, this is tried once more at its end.
            owed.into_iter().chain([cookies]).for_each(|cookies| self.progress.owe_sign_out(cookies));
        }
        outcome
    }

    /// Before another attempt, ends what the last one's steps began.
    pub(crate) async fn end_steps_before(
        &self,
        for_steps: impl Future<Output = (SignInContext, Result<(), String>)>,
    ) {
        let mut kept = self.progress.client.lock().await;
        if let Some(client) = &mut *kept {
            let _ = self.take_sign_out_steps(client, for_steps).await;
        }
        *kept = None;
    }

    /// Sends a request as the application's page in the window would, with these cookies of the window, whatever that
    /// page is doing: it may hang, and occupy every connection to its host.
    pub(super) async fn send_as_window(
        &self,
        cookies: &WindowCookies,
        request: &PlannedRequest,
    ) -> ObservedAnswer {
        let mut client = match Client::new(&self.connection.network) {
            Ok(client) => client,
            Err(error) => return Err(Unanswered::Failed(error.message)).into(),
        };
        client.use_credentials(self.gateway.credentials());
        let mut request = request.clone();
        let cookies = cookies.write_header(&request.url);
        // Without a header, it would send its own, and it has none.
        request.headers.extend(cookies.map(|header| ("cookie".to_owned(), header)));
        match client.send_as_page(&request).await {
            Ok((answer, redirect)) => ObservedAnswer { answer: Ok(answer), redirect },
            Err(why) => Err(why).into(),
        }
    }

    /// The cookies from the console's steps that the window has not got yet, because the session ends before the sign-in
    /// is complete. Fails if a step is not answered in time.
    async fn find_step_cookies(&self, context: &SignInContext) -> Result<Vec<SessionCookie>, String> {
        let is_exchange = matches!(self.connection.sign_in.recipe, Recipe::Exchange { .. });
        if !is_exchange || self.progress.has_cookies() {
            return Ok(Vec::new());
        }
        let kept = tokio::time::timeout(SIGN_OUT_TIMEOUT, self.progress.client.lock()).await;
        let Ok(kept) = kept else {
            return Err(
                "not confirmed: a step of the sign-in was never answered, so the application may finish it \
                        later"
                    .into(),
            );
        };
        let Some(client) = &*kept else { return Ok(Vec::new()) };
        let context = self.complete_context(context.clone(), client);
        let cookies = sign_in::cookies_for_window(&self.connection, &context.rendered(), client);
        cookies.map_err(|error| error.message)
    }

    /// Needs no vault: the request contains no secrets.
    async fn sign_out_as_window(
        &self,
        context: &SignInContext,
        cookies: &WindowCookies,
    ) -> Result<(), String> {
        let words = |error: Error| error.message;
        let mut context = context.clone();
        let now = self.clock.now_ms() / 1000;
        sign_in::complete_context(&self.connection, &mut context, &serde_json::Map::new(), now);
        let planned = sign_in::plan_sign_out(&self.connection, &context.rendered()).map_err(words)?;
        let Some(request) = planned else { return Ok(()) };
        let mut exchange = Exchange::for_request("The sign-out", true, &request);
        let begun = Instant::now();
        let sent = self.send_as_window(cookies, &request).await;
        sent.record_in(&mut exchange);
        let judged = sign_in::judge_sign_out(&sent.answer, &request);
        let refusal = judged.as_ref().err().map(|title| Refusal::new(title.clone(), ""));
        exchange.record_outcome(begun, refusal.as_ref().map_or(Ok(()), Err));
        (self.observer)(exchange);
        judged
    }

    async fn sign_out_by_console(
        &self,
        context: &SignInContext,
        for_steps: impl Future<Output = (SignInContext, Result<(), String>)>,
        cookies: &WindowCookies,
    ) -> Result<(), String> {
        let connection = &self.connection;
        if connection.sign_out.steps.is_empty() {
            return Ok(());
        }
        let mut kept = self.progress.client.lock().await;
        let Some(client) = &mut *kept else { return Ok(()) };
        // The window holds the session: its own request or a link created it, or the page has replaced it since.
        let mut places = vec![format!("{}/", connection.sign_in.origin.ascii_serialization())];
        // Some cookies are valid only below the start page.
        places.extend(sign_in::redirect_to(connection, &context.rendered()).ok().map(String::from));
        for place in places.iter().filter_map(|place| place.parse().ok()) {
            client.put_cookies(&cookies.list_cookies(&place));
        }
        self.take_sign_out_steps(client, for_steps).await
    }

    /// Takes each step that it can: a missing secret holds up only its own step.
    async fn take_sign_out_steps(
        &self,
        client: &mut Client,
        for_steps: impl Future<Output = (SignInContext, Result<(), String>)>,
    ) -> Result<(), String> {
        let (context, missing) = for_steps.await;
        let mut context = self.complete_context(context, client);
        let told = &mut |mut exchange: Exchange| {
            exchange.title = format!("Sign-out: {}", exchange.title);
            (self.observer)(exchange);
        };
        let steps = &self.connection.sign_out.steps;
        let taken = sign_in::take_sign_out_steps(steps, client, &mut context, told).await;
        self.learn_secrets(client.collect_secrets());
        missing.and(taken)
    }

    fn complete_context(&self, mut context: SignInContext, client: &Client) -> SignInContext {
        let now = self.clock.now_ms() / 1000;
        sign_in::complete_context(&self.connection, &mut context, client.captured_values(), now);
        context
    }
}

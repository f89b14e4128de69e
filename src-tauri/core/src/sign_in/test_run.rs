//! The sign-in test: a sign-in without a window. Everything is really sent, and ended again, by two of the console's
//! HTTP clients. The second one stands in for the window: it keeps what the window would keep and refuses what the
//! window would refuse.

use std::time::Instant;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use ts_rs::TS;
use url::Url;

use super::client::{Client, Reply};
use super::exchange::{self, Exchange};
use super::{
    Handoff, LAST_ANSWER, Redirect, SIGN_OUT_LIMIT, SIGN_OUT_TIMEOUT, VerifyEvidence, VerifyRequest,
    confirm_sign_out, cookies_for_window, hand_off, judge, judge_sign_in, judge_sign_out, judge_verify,
    steps,
};
use crate::browser::{Answer, PlannedRequest, Refusal, Unanswered};
use crate::clock::Clock;
use crate::connection::{Connection, Method, Recipe};
use crate::error::{Error, Result};
use crate::masks::Masks;
use crate::template::SignInContext;

/// The title for a stopped test, however its last request ended.
const STOPPED: &str = "The test was stopped";

/// The most redirects of a one-time link that are followed, about as many as a browser would.
const MOST_REDIRECTS: usize = 10;

/// The report of a sign-in test, request by request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct SignInTestReport {
    pub exchanges: Vec<Exchange>,
    /// What happened, in one sentence.
    pub outcome: String,
    pub hint: Option<String>,
    /// Differences from the file that did not stop the sign-in, one sentence each.
    pub notes: Vec<String>,
    /// The user was signed in, as far as a test without a window can tell.
    pub ok: bool,
}

impl SignInTestReport {
    /// The report of a test that could not begin, so nothing was sent.
    pub fn of_failure(error: &Error) -> Self {
        Self {
            exchanges: Vec::new(),
            outcome: error.message.clone(),
            hint: error.hint.clone(),
            notes: Vec::new(),
            ok: false,
        }
    }
}

/// A sign-in test, with what the audit log records of it.
pub struct SignInTestResult {
    pub shown: SignInTestReport,
    /// Why no one was signed in. `None`: the user was signed in, whether the sign-out worked or not.
    pub refused: Option<TestRefusal>,
    /// Why the application may still have the session.
    pub sign_out_failed: Option<String>,
}

/// A sign-in that failed.
pub struct TestRefusal {
    /// The HTTP status of the decisive answer, if there was one.
    pub status: Option<u16>,
    pub cause: String,
}

/// Signs in as the user of `context`, asks who is signed in, and signs out. After `stop`, it only ends what has begun,
/// within seconds, even if nothing answers.
pub async fn perform_sign_in_test(
    connection: &Connection,
    mut context: SignInContext,
    clock: &Clock,
    stop: &CancellationToken,
) -> SignInTestResult {
    let now = clock.now_ms() / 1000;
    let network = &connection.network;
    let (mut console, mut window) = match (Client::new(network), Client::in_place_of_window(network)) {
        (Ok(console), Ok(window)) => (console, window),
        (Err(error), _) | (_, Err(error)) => {
            let shown = SignInTestReport::of_failure(&error);
            let refused = Some(TestRefusal { status: None, cause: error.message });
            return SignInTestResult { shown, refused, sign_out_failed: None };
        }
    };
    super::complete_context(connection, &mut context, console.captured_values(), now);
    console.pass_gateway(connection.gateway_for(&context));
    window.pass_gateway(connection.gateway_for(&context));
    let (exchanges, notes) = (Vec::new(), Vec::new());
    let mut stage = TestStage { connection, context, console, window, stop, exchanges, notes };
    let signed_in = tokio::select! {
        biased;
        signed_in = stage.sign_in() => Some(signed_in),
        () = given_up(stop, clock) => None,
    };
    let signed_in = signed_in.unwrap_or_else(|| {
        // The unanswered request may have started something.
        stage.console.leave_open();
        Err(stopped_refusal("Its last request was not answered in time"))
    });
    let signed_in = signed_in.map_err(|refusal| {
        if stop.is_cancelled() && refusal.title != STOPPED {
            stopped_refusal(&refusal.title)
        } else {
            refusal
        }
    });
    if signed_in.is_err() {
        // If the test is stopped between the steps and the window, the window needs these cookies to end the session.
        let cookies = cookies_for_window(connection, &stage.context.rendered(), &stage.console);
        stage.window.put_cookies(&cookies.unwrap_or_default());
    }
    let is_left_open = stage.console.is_left_open() || stage.window.is_left_open();
    let signed_out = stage.sign_out(signed_in.is_ok()).await;
    let signed_out = signed_out.and_then(|()| confirm_sign_out(connection, is_left_open));
    stage.into_result(signed_in, signed_out)
}

/// The outcome of the last request goes into the hint, because the test no longer waited for it.
fn stopped_refusal(last: &str) -> Refusal {
    let hint = format!(
        "{last}. What it had begun before was ended again. What that request began may stay in the application until \
         it expires."
    );
    Refusal::new(STOPPED, hint)
}

async fn given_up(stop: &CancellationToken, clock: &Clock) {
    stop.cancelled().await;
    clock.wait_until(clock.now().add_ms(i64::try_from(LAST_ANSWER.as_millis()).unwrap_or(i64::MAX))).await;
}

/// A sign-in test under way.
struct TestStage<'a> {
    connection: &'a Connection,
    context: SignInContext,
    console: Client,
    window: Client,
    stop: &'a CancellationToken,
    exchanges: Vec<Exchange>,
    notes: Vec<String>,
}

impl TestStage<'_> {
    /// The secrets, and everything answered and captured so far.
    fn collect_secrets(&self) -> Vec<SecretString> {
        let known = self.context.secret_values().cloned();
        known.chain(self.console.collect_secrets()).chain(self.window.collect_secrets()).collect()
    }

    fn into_result(
        mut self,
        signed_in: Result<String, Refusal>,
        signed_out: Result<(), String>,
    ) -> SignInTestResult {
        // The value captured last may appear in the first answer.
        let masks = Masks::for_secrets(&self.collect_secrets());
        for exchange in &mut self.exchanges {
            exchange.mask_for_good(&masks);
        }
        let (exchanges, notes) =
            (self.exchanges, self.notes.iter().map(|note| masks.mask_text(note)).collect());
        let sign_out_failed = signed_out.err().map(|why| masks.mask_text(&why));
        let signed_in = signed_in.map_err(|refusal| masks.mask_refusal(refusal));
        let refused = signed_in.as_ref().err();
        let refused =
            refused.map(|refusal| TestRefusal { status: refusal.status, cause: refusal.title.clone() });
        let outcome = signed_in.and_then(|said| match &sign_out_failed {
            None => Ok(masks.mask_text(&said)),
            Some(why) => Err(Refusal::new(
                format!("Signed in, but the sign-out failed: {why}"),
                "Check `[sign_out]`. The application may keep this session until it expires.",
            )),
        });
        let shown = match outcome {
            Ok(outcome) => SignInTestReport { exchanges, outcome, hint: None, notes, ok: true },
            Err(refusal) => {
                let (outcome, hint) = (refusal.title, Some(refusal.hint).filter(|hint| !hint.is_empty()));
                SignInTestReport { exchanges, outcome, hint, notes, ok: false }
            }
        };
        SignInTestResult { shown, refused, sign_out_failed }
    }

    fn check_not_stopped(&self) -> Result<(), Refusal> {
        if self.stop.is_cancelled() {
            let hint = "What it had begun in the application was ended again.";
            return Err(Refusal::new(STOPPED, hint));
        }
        Ok(())
    }

    async fn sign_in(&mut self) -> Result<String, Refusal> {
        let sign_in = &self.connection.sign_in;
        for (at, step) in sign_in.steps.iter().enumerate() {
            self.check_not_stopped()?;
            let told = &mut |exchange| self.exchanges.push(exchange);
            let (client, context) = (&mut self.console, &mut self.context);
            steps::take_step(at, step, sign_in.timeout, client, context, told).await?;
        }
        self.check_not_stopped()?;
        let handoff = self.hand_off().await?;
        let mut landed = VerifyEvidence {
            notes: handoff.notes.clone(),
            is_exchange: matches!(sign_in.recipe, Recipe::Exchange { .. }),
            ..VerifyEvidence::default()
        };
        landed.notes.extend(handoff.astray);
        self.notes.extend(handoff.notes);
        self.window.put_cookies(&handoff.cookies);
        if let (Some(request), Some(exchange)) = (handoff.request, handoff.shown) {
            self.check_not_stopped()?;
            self.send_sign_in(&request, exchange, &mut landed).await?;
        }
        let stored = super::render_storage(&handoff.storage, &self.context.rendered())?;
        let is_stored = !stored.local.is_empty() || !stored.session.is_empty();
        if let Some(link) = &handoff.link {
            self.check_not_stopped()?;
            if let Some(unknown) = self.open_link(link).await? {
                return Ok(unknown);
            }
        }
        let Some(verify) = super::plan_verification(self.connection, &self.context.rendered())? else {
            return Ok(
                "The application accepted the sign-in. Without `[sign_in.verify]`, the signed-in user could not be \
                 verified.".into()
            );
        };
        let shows_a_token = sign_in.verify.as_ref().is_some_and(crate::connection::Verify::shows_a_token);
        if is_stored && !shows_a_token {
            return Ok("The page's storage would be filled. Only a real page can use it, so the signed-in user could not be \
                       verified: `[sign_in.verify]` can show a captured token in its `headers`."
                .into());
        }
        self.check_not_stopped()?;
        self.ask_who(&verify, landed).await?;
        Ok(format!("{} was signed in and out again.", super::describe_user(&self.context.rendered())))
    }

    /// What the window gets. There is no operator to ask, so a form is filled in with the reason.
    async fn hand_off(&mut self) -> Result<Handoff, Refusal> {
        let Self { connection, context, exchanges, .. } = self;
        let mut told = |exchange| exchanges.push(exchange);
        if let Recipe::Forest(_) = connection.sign_in.recipe {
            let form = super::fetch_form(connection, context, None, &mut told).await?;
            context.set_given(form.filled_in(context.reason())?);
            if self.stop.is_cancelled() {
                return self.check_not_stopped().map(|()| Handoff::default());
            }
        }
        let Self { connection, context, console, exchanges, .. } = self;
        let mut told = |exchange| exchanges.push(exchange);
        hand_off(connection, context, console, &mut told).await
    }

    /// Sends the window's own request and notes what is remarkable about the answer.
    async fn send_sign_in(
        &mut self,
        request: &PlannedRequest,
        exchange: Exchange,
        landed: &mut VerifyEvidence,
    ) -> Result<(), Refusal> {
        let seen = self.context.rendered();
        let mut is_left_open = false;
        let sent = self.send_as_window(request, exchange, |answer, _, secrets| {
            is_left_open = answer.as_ref().is_err_and(Unanswered::may_have_acted);
            judge_sign_in(answer, request, &seen, secrets)
        });
        let sent = sent.await;
        if is_left_open {
            self.window.leave_open();
        }
        let (answer, led_to) = sent?;
        self.context.set_response(to_response(&answer));
        let mut notes: Vec<String> = self
            .window
            .cookie_problems()
            .iter()
            .map(|unkept| format!("The login endpoint answered, but {unkept}"))
            .collect();
        landed.notes.extend(notes.iter().cloned());
        landed.is_redirected = answer.is_redirect();
        if let Some(to) = led_to {
            let redirect = Redirect::from_urls(&request.url, &to);
            if let Some(hint) = redirect.explain_move() {
                let to = exchange::redact_link(&to);
                return Err(Refusal::new(
                    format!("The login endpoint is elsewhere: the answer leads to {to}"),
                    hint,
                ));
            }
            if redirect.is_astray() {
                notes.push(redirect.describe_for("The login endpoint's answer"));
            }
            landed.led_to = Some(redirect);
        }
        notes.extend(self.cookies_beside_the_start()?);
        self.notes.extend(notes);
        Ok(())
    }

    /// If the window has no cookie for the first page, the cookies that it has for other paths.
    fn cookies_beside_the_start(&self) -> Result<Vec<String>, Refusal> {
        let begin = super::redirect_to(self.connection, &self.context.rendered())?;
        if !self.window.cookie_names(&begin).is_empty() {
            return Ok(Vec::new());
        }
        let unsent = self.window.unsent_to(&begin);
        Ok(unsent.iter().map(|cookie| format!("The login endpoint answered, but {cookie}")).collect())
    }

    /// Opens a one-time link like the window, as far as possible without scripts. `Some`: what remains unknown.
    async fn open_link(&mut self, link: &Url) -> Result<Option<String>, Refusal> {
        let (origin, timeout) = (self.connection.sign_in.origin.clone(), self.connection.sign_in.timeout);
        let mut url = link.clone();
        for at in 0..MOST_REDIRECTS {
            let request = PlannedRequest {
                method: Method::Get,
                url: url.clone(),
                headers: vec![("accept".into(), "text/html,*/*;q=0.8".to_owned().into())],
                body: None,
                timeout,
                expect: Vec::new(),
                that: Vec::new(),
                secrets: Vec::new(),
            };
            let mut exchange = Exchange::for_request(
                if at == 0 { "The link" } else { "Where the link leads" },
                true,
                &request,
            );
            exchange.mark_followed(&url);
            self.window.mark_begun();
            let begun = Instant::now();
            let reply = self.window.send_request(&request, 0).await;
            exchange.record_answer(&reply.as_ref().map(Reply::to_answer).map_err(Clone::clone));
            let next = reply.as_ref().ok().and_then(Reply::redirects_to);
            if let Some(to) = &next {
                exchange.record_redirect(to);
            }
            let outcome = match &reply {
                Err(why) => Err(super::link_failed(link, &origin, timeout, why)),
                Ok(reply) if reply.status >= 400 || judge::is_stopped(&reply.to_answer()) => {
                    Err(judge::link_refused(&reply.to_answer(), &Masks::for_secrets(&self.collect_secrets())))
                }
                Ok(_) => Ok(()),
            };
            exchange.record_outcome(begun, outcome.as_ref().map(drop));
            self.exchanges.push(exchange);
            outcome?;
            match next {
                Some(next) => url = next,
                None => break,
            }
        }
        let has_cookie = Url::parse(&origin.ascii_serialization())
            .is_ok_and(|url| !self.window.cookie_names(&url).is_empty());
        if url.origin() == origin && has_cookie {
            return Ok(None);
        }
        Ok(Some(format!(
            "The link led to {}, whose page signs in with its scripts. Only a window can tell who that is.",
            url.origin().ascii_serialization()
        )))
    }

    async fn ask_who(&mut self, verify: &VerifyRequest, mut landed: VerifyEvidence) -> Result<(), Refusal> {
        landed.cookies = Some(self.window.cookie_names(&verify.request.url));
        for unkept in self.window.cookie_problems().iter().map(ToString::to_string) {
            if !landed.notes.iter().any(|note| note.ends_with(&unkept)) {
                landed.notes.push(format!("In the window, {unkept}"));
            }
        }
        let unsent = self.window.unsent_to(&verify.request.url);
        landed.notes.extend(unsent.iter().map(|cookie| format!("In the window, {cookie}")));
        let exchange = Exchange::for_request("Who is signed in?", !verify.by_console, &verify.masked);
        let made = exchange::secret_derived_values(&verify.request, &verify.masked);
        self.window.hide_values(made);
        let seen = self.context.rendered();
        self.send_as_window(&verify.request, exchange, |answer, led_to, secrets| {
            landed.asked_led_to = led_to.map(|to| Redirect::from_urls(&verify.request.url, to));
            judge_verify(answer, verify, &landed, &seen, secrets)
        })
        .await
        .map(drop)
    }

    /// Ends what has begun. If the sign-in was refused, a failing sign-out is no news.
    async fn sign_out(&mut self, is_signed_in: bool) -> Result<(), String> {
        let may_hold = is_signed_in || self.console.has_begun() || self.window.has_begun();
        let told_before = self.exchanges.len();
        let by_window = self.sign_out_by_window().await;
        let Self { connection, context, console, window, exchanges, .. } = self;
        if let Ok(begin) = Url::parse(&connection.sign_in.origin.ascii_serialization()) {
            console.put_cookies(&window.cookies_of(&begin));
        }
        let told = &mut |mut exchange: Exchange| {
            exchange.title = format!("Sign-out: {}", exchange.title);
            exchanges.push(exchange);
        };
        let steps = steps::sign_out(&connection.sign_out.steps, console, context, told);
        let steps = tokio::time::timeout(SIGN_OUT_LIMIT, steps).await;
        let steps = steps.unwrap_or_else(|_| Err("the application did not answer in time".into()));
        if may_hold {
            return by_window.and(steps);
        }
        let mut at = 0;
        self.exchanges.retain(|exchange| {
            at += 1;
            at <= told_before || exchange.failed.is_none()
        });
        Ok(())
    }

    async fn sign_out_by_window(&mut self) -> Result<(), String> {
        let connection = self.connection;
        let planned =
            super::plan_sign_out(connection, &self.context.rendered()).map_err(|error| error.message)?;
        let (Some(request), Some(template)) = (planned, &connection.sign_out.request) else { return Ok(()) };
        let masked = super::plan_request(
            template,
            SIGN_OUT_TIMEOUT,
            &exchange::mask_context(&self.context.rendered()),
        );
        let exchange = Exchange::for_request("The sign-out", true, &masked.map_err(|error| error.message)?);
        let judged = self.send_as_window(&request, exchange, |answer, _, _| {
            judge_sign_out(answer, &request).map_err(|title| Refusal::new(title, ""))
        });
        judged.await.map(drop).map_err(|refusal| refusal.title)
    }

    /// Sends a request in place of the window, which would not see where a redirect leads.
    async fn send_as_window(
        &mut self,
        request: &PlannedRequest,
        mut exchange: Exchange,
        judged: impl FnOnce(&Result<Answer, Unanswered>, Option<&Url>, &[SecretString]) -> Result<(), Refusal>,
    ) -> Result<(Answer, Option<Url>), Refusal> {
        let begun = Instant::now();
        let sent = self.window.send_as_page(request).await;
        let led_to = sent.as_ref().ok().and_then(|(_, to)| to.clone());
        if let Some(to) = &led_to {
            exchange.record_redirect(to);
        }
        let as_window = sent.map(|(answer, _)| answer);
        let secrets = self.collect_secrets();
        exchange.record_answer(&as_window);
        let outcome = judged(&as_window, led_to.as_ref(), &secrets);
        if outcome.is_ok() || as_window.as_ref().is_err_and(Unanswered::may_have_acted) {
            self.window.mark_begun();
        }
        exchange.record_outcome(begun, outcome.as_ref().map(drop));
        self.exchanges.push(exchange);
        outcome?;
        Ok((as_window.expect("what is no answer is no yes"), led_to))
    }
}

/// An answer as templates see it.
pub fn to_response(answer: &Answer) -> Value {
    let json = serde_json::from_str::<Value>(&answer.body).ok();
    json!({ "status": answer.status, "json": json, "text": answer.body })
}

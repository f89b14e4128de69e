//! The sign-in test: a sign-in without a window. Everything is really sent, and ended again, by two of the console's
//! HTTP clients. The second one stands in for the window: it keeps what the window would keep and refuses what the
//! window would refuse.
//!
//! `report` has what a person reads of it, `window` what the second client does in the window's place.

mod report;
mod window;

use secrecy::SecretString;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use url::Url;

use super::client::Client;
use super::exchange::Exchange;
use super::{
    Handoff, LAST_ANSWER, SIGN_OUT_LIMIT, VerifyEvidence, confirm_sign_out, cookies_for_window, hand_off,
    steps,
};
use crate::browser::{Answer, Refusal};
use crate::clock::Clock;
use crate::connection::{Connection, Recipe};
use crate::error::Result;
use crate::template::SignInContext;

pub use report::{SignInTestReport, SignInTestResult, TestRefusal};

/// The title for a stopped test, however its last request ended.
const STOPPED: &str = "The test was stopped";

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
}

/// An answer as templates see it.
pub fn to_response(answer: &Answer) -> Value {
    let json = serde_json::from_str::<Value>(&answer.body).ok();
    json!({ "status": answer.status, "json": json, "text": answer.body })
}

//! A sign-in test under way: a sign-in like any session's, with a client in the place of its window. Everything is really
//! sent, and ended again.

use std::sync::Arc;

use parking_lot::Mutex;
use serde_json::Map;
use tokio_util::sync::CancellationToken;

use super::report::SignInTestResult;
use super::window::TestWindow;
use crate::browser::Refusal;
use crate::clock::Clock;
use crate::connection::{Connection, Recipe};
use crate::error::Result;
use crate::impersonation::driver::{DriverRun, STOPPED, SignInDriver, SignedIn, Verified};
use crate::impersonation::session_gateway::{GatewaySurroundings, PublicCaches, SessionGateway};
use crate::launch::{LaunchPage, LaunchView};
use crate::notice::Notices;
use crate::sign_in::{self, Exchange, LAST_ANSWER};
use crate::template::SignInContext;

/// The title for a stopped test, however its last request ended.
const TEST_STOPPED: &str = "The test was stopped";

/// What a test needs, once it may begin.
pub(super) struct PlannedTest<'a> {
    /// The ID in the audit log.
    pub(super) session: &'a str,
    pub(super) connection: &'a Arc<Connection>,
    pub(super) context: SignInContext,
    pub(super) operator_email: &'a str,
}

/// What is under way ends with this, even if nobody waits for the test any longer.
struct RunningTest {
    driver: SignInDriver,
    window: TestWindow,
    exchanges: Arc<Mutex<Vec<Exchange>>>,
}

impl Drop for RunningTest {
    fn drop(&mut self) {
        self.driver.stop.cancel();
        self.driver.give_up();
        self.driver.gateway.launch().page().close();
    }
}

/// Signs in as the user of `context`, asks who is signed in, and signs out. After `stop`, it only ends what has begun,
/// within seconds, even if nothing answers.
pub(super) async fn perform_sign_in_test(
    planned: PlannedTest<'_>,
    clock: &Clock,
    stop: &CancellationToken,
) -> SignInTestResult {
    let mut context = planned.context.clone();
    let test = match RunningTest::begin(planned, clock, stop).await {
        Ok(test) => test,
        Err(error) => return SignInTestResult::from_failure(error),
    };
    let signed_in = tokio::select! {
        biased;
        signed_in = test.sign_in(&mut context) => Some(signed_in),
        () = given_up(stop, clock) => None,
    };
    let signed_in = signed_in.unwrap_or_else(|| {
        test.driver.give_up();
        Err(stopped_refusal("Its last request was not answered in time"))
    });
    let signed_in = signed_in.map_err(|refusal| match refusal.title.as_str() {
        STOPPED => Refusal::new(TEST_STOPPED, refusal.hint),
        title if stop.is_cancelled() && title != TEST_STOPPED => stopped_refusal(title),
        _ => refusal,
    });
    test.finish(signed_in, context).await
}

/// The outcome of the last request goes into the hint, because the test no longer waited for it.
fn stopped_refusal(last: &str) -> Refusal {
    let hint = format!(
        "{last}. What it had begun before was ended again. What that request began may stay in the application until \
         it expires."
    );
    Refusal::new(TEST_STOPPED, hint)
}

async fn given_up(stop: &CancellationToken, clock: &Clock) {
    stop.cancelled().await;
    clock.wait_until(clock.now().add_ms(i64::try_from(LAST_ANSWER.as_millis()).unwrap_or(i64::MAX))).await;
}

impl RunningTest {
    /// Starts the gateway, and opens the window.
    async fn begin(planned: PlannedTest<'_>, clock: &Clock, stop: &CancellationToken) -> Result<Self> {
        let PlannedTest { session, connection, context, operator_email } = planned;
        let blank = LaunchView::Busy { title: String::new(), subtitle: String::new() };
        let (page, _) = LaunchPage::create(blank);
        let (caches, notices) = (PublicCaches::default(), Notices::default());
        let around = GatewaySurroundings { caches: &caches, notices: &notices, clock };
        let gateway = Box::pin(SessionGateway::start(session, page, connection, around)).await?;
        let window = TestWindow::open(&gateway, &connection.sign_in.origin).await?;
        let exchanges = Arc::new(Mutex::new(Vec::new()));
        let told = Arc::clone(&exchanges);
        let driver = SignInDriver {
            connection: Arc::clone(connection),
            gateway: Arc::new(gateway),
            progress: Arc::default(),
            clock: clock.clone(),
            stop: stop.child_token(),
            observer: Arc::new(move |exchange| told.lock().push(exchange)),
            operator_email: operator_email.to_owned(),
            run: DriverRun::default(),
        };
        driver.learn_secrets(context.secret_values().chain(context.masked_values()).cloned());
        Ok(Self { driver, window, exchanges })
    }

    /// Signs in, and says what is known of it.
    async fn sign_in(&self, context: &mut SignInContext) -> Result<String, Refusal> {
        self.fill_in_form(context).await?;
        let SignedIn { verified, .. } = self.driver.sign_in(&self.window, context).await?;
        Ok(match verified {
            Verified::AsIntended => {
                format!("{} was signed in and out again.", sign_in::describe_user(&context.rendered()))
            }
            Verified::NotAsked => {
                "The application accepted the sign-in. Without `[sign_in.verify]`, the signed-in user \
                                   could not be verified."
                    .into()
            }
            Verified::NotHere(origin) => format!(
                "The link led to {}, whose page signs in with its scripts. Only a window can tell who that is.",
                origin.ascii_serialization()
            ),
        })
    }

    /// There is no operator to ask, so a form is filled in with the reason.
    async fn fill_in_form(&self, context: &mut SignInContext) -> Result<(), Refusal> {
        let connection = &self.driver.connection;
        if let Recipe::Forest(_) = connection.sign_in.recipe {
            let now = self.driver.clock.now_ms() / 1000;
            sign_in::complete_context(connection, context, &Map::new(), now);
            let mut told = |exchange| (self.driver.observer)(exchange);
            let form = sign_in::fetch_form(connection, context, None, &mut told).await?;
            context.set_given(form.filled_in(context.reason())?);
        }
        Ok(())
    }

    /// Ends what has begun, and reports.
    async fn finish(self, signed_in: Result<String, Refusal>, context: SignInContext) -> SignInTestResult {
        let driver = &self.driver;
        let told_before = self.exchanges.lock().len();
        let for_steps = async { (context.clone(), Ok(())) };
        let signed_out = driver.sign_out(&context, for_steps).await;
        let mut exchanges = std::mem::take(&mut *self.exchanges.lock());
        if !driver.progress.assess_session().has_begun {
            // Nobody was signed in, so a failing sign-out is no news.
            let ends = exchanges.split_off(told_before);
            exchanges.extend(ends.into_iter().filter(|exchange| exchange.failed.is_none()));
        }
        if let Some(client) = driver.progress.client.lock().await.as_ref() {
            driver.learn_secrets(client.collect_secrets());
        }
        driver.gateway.close().await;
        SignInTestResult::from_outcome(signed_in, signed_out, (exchanges, driver.notes()), &driver.masks())
    }
}

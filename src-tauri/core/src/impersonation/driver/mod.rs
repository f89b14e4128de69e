//! Drives one sign-in and its sign-out through a session's gateway: for a session, whose window shows the launch page,
//! and for a sign-in test, with a client in the window's place. What happens is the same for both, and so is what can
//! be said about it: the gateway sees what a page cannot, such as cookies that are not kept, and where redirects lead.
//!
//! `sign_in` is one attempt, `sign_out` its end, `progress` what is known between the two.

mod progress;
mod sign_in;
mod sign_out;

use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::Mutex;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::oneshot;
use tokio::task::AbortHandle;
use tokio_util::sync::CancellationToken;
use url::{Origin, Url};

pub(crate) use self::progress::SignInProgress;
pub(crate) use self::sign_in::{SignedIn, Verified};
use super::context::add_email_hint;
use super::session_gateway::SessionGateway;
use crate::browser::{Answer, Refusal, Unanswered};
use crate::clock::Clock;
use crate::connection::Connection;
use crate::error::Error;
use crate::masks::Masks;
use crate::sign_in::Exchange;

/// The title of a refusal because the driver was stopped.
pub(crate) const STOPPED: &str = "The sign-in was stopped";

/// Receives each request with its answer. Not everything in it may be masked yet.
pub(crate) type ExchangeObserver = Arc<dyn Fn(Exchange) + Send + Sync>;

/// Tells that a one-time link's page of the application is answered, or why it is not.
pub(crate) type LinkArrival = oneshot::Receiver<Result<(), LinkFailure>>;

/// What only the window itself can do.
#[async_trait]
pub(crate) trait SignInWindow: Send + Sync {
    /// Replaces the launch page by a one-time link. Returns once a page of the application is there, which `arrival`
    /// tells.
    async fn open_link(
        &self,
        driver: &SignInDriver,
        link: &Url,
        arrival: LinkArrival,
    ) -> Result<LinkEnd, LinkFailure>;
}

/// Where a one-time link has led.
pub(crate) enum LinkEnd {
    /// To a page of the application.
    Application,
    /// To a page of this origin, whose scripts sign in. Only a real window runs them.
    Scripts(Origin),
}

/// Why a one-time link has signed no one in.
pub(crate) enum LinkFailure {
    Unanswered(Unanswered),
    /// It was answered with an error.
    Refused(Answer),
    /// The console itself could not go on.
    Error(Error),
}

/// One attempt to sign in, and what ends it.
pub(crate) struct SignInDriver {
    pub(crate) connection: Arc<Connection>,
    pub(crate) gateway: Arc<SessionGateway>,
    pub(crate) progress: Arc<SignInProgress>,
    pub(crate) clock: Clock,
    /// Once cancelled, no other request of the sign-in begins.
    pub(crate) stop: CancellationToken,
    pub(crate) observer: ExchangeObserver,
    /// For hints about templates that want it.
    pub(crate) operator_email: String,
    pub(crate) run: DriverRun,
}

/// What a driver collects while it runs.
#[derive(Default)]
pub(crate) struct DriverRun {
    /// Everything to mask that is known so far.
    secrets: Mutex<Vec<SecretString>>,
    notes: Mutex<Vec<String>>,
    /// What runs in tasks of its own.
    tasks: Mutex<Vec<AbortHandle>>,
}

impl SignInDriver {
    /// Masks everything secret that was sent, captured or kept so far.
    pub(crate) fn masks(&self) -> Masks {
        Masks::for_secrets(&self.collect_secrets())
    }

    /// What went otherwise than the file says without being a refusal, in sentences without a full stop.
    pub(crate) fn notes(&self) -> Vec<String> {
        self.run.notes.lock().clone()
    }

    /// Masks these values, too.
    pub(crate) fn learn_secrets(&self, values: impl IntoIterator<Item = SecretString>) {
        let mut known = self.run.secrets.lock();
        for value in values {
            if !known.iter().any(|before| before.expose_secret() == value.expose_secret()) {
                known.push(value);
            }
        }
    }

    /// Gives up what is still on its way: it may have arrived all the same.
    pub(crate) fn give_up(&self) {
        self.run.tasks.lock().drain(..).for_each(|task| task.abort());
        self.progress.leave_open();
    }

    fn collect_secrets(&self) -> Vec<SecretString> {
        self.learn_secrets(self.gateway.cookies().collect_values());
        self.run.secrets.lock().clone()
    }

    fn add_notes(&self, notes: impl IntoIterator<Item = String>) {
        self.run.notes.lock().extend(notes);
    }

    fn check_not_stopped(&self) -> Result<(), Refusal> {
        if self.stop.is_cancelled() {
            return Err(Refusal::new(STOPPED, "What it had begun in the application was ended again."));
        }
        Ok(())
    }

    fn to_refusal(&self, error: Error) -> Refusal {
        Refusal::from(add_email_hint(error, &self.operator_email))
    }
}

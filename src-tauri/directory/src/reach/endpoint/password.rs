//! The password of an endpoint: where it comes from, how long it is good, and when it is read again.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use secrecy::{ExposeSecret, SecretString};

use super::Endpoint;
use crate::error::{DirectoryError, Result};
use crate::reach::password_command;

/// How long a generated password is used for new connections. Amazon's tokens are valid for 15 minutes, others for an
/// hour.
const FRESH: Duration = Duration::from_mins(10);

/// A password with its origin. Not `Debug`.
#[derive(Clone, Default)]
pub(crate) struct Password {
    pub(crate) secret: Option<SecretString>,
    /// Increases with every password from the source.
    pub(crate) number: u64,
    /// `None` once a server has refused it.
    given: Option<Instant>,
    /// The destination it was given for; it changes with the certificate file, for example.
    destination: String,
}

impl Endpoint {
    /// Whether the source had a password when it was last asked.
    pub(crate) fn has_password(&self) -> bool {
        self.has_password.load(Ordering::Relaxed)
    }

    /// Whether a command generates passwords, which then expire.
    pub(crate) fn makes_passwords(&self) -> bool {
        self.command.is_some()
    }

    /// The password for a new connection, from the cache while it is good, otherwise from the source.
    pub(crate) async fn current_password(&self) -> Result<Password> {
        // Holding the lock while the source is asked makes concurrent callers wait for its answer.
        let mut last = self.last.lock().await;
        let destination = self.passwords.destination();
        if let Some(password) =
            last.as_ref().filter(|last| self.is_good(last) && last.destination == destination)
        {
            return Ok(password.clone());
        }
        // Ask even if there is a command: the operator may have allowed it only for another destination.
        let stored = self.passwords.read_password().await.map_err(DirectoryError::of_password_source)?;
        let secret = match &self.command {
            Some(words) => Some(password_command::run_command(words).await?),
            None => stored,
        };
        let number = last.as_ref().map_or(0, |last| last.number) + 1;
        self.has_password.store(secret.is_some(), Ordering::Relaxed);
        let password = Password { secret, number, given: Some(Instant::now()), destination };
        *last = Some(password.clone());
        Ok(password)
    }

    fn is_good(&self, password: &Password) -> bool {
        password.given.is_some_and(|given| !self.makes_passwords() || given.elapsed() < FRESH)
    }

    /// Marks `password` as refused and asks the source again. `true`: there is a different one to try.
    pub(crate) async fn reread_password(&self, password: &Password) -> bool {
        let is_same = |one: &Password| {
            let [one, other] = [one, password].map(|it| it.secret.as_ref().map(ExposeSecret::expose_secret));
            one == other
        };
        if let Some(last) = self.last.lock().await.as_mut().filter(|last| is_same(last)) {
            last.given = None;
        }
        // If the source fails, the server's refusal is the error to report.
        self.makes_passwords() || self.current_password().await.is_ok_and(|now| !is_same(&now))
    }

    /// Marks a failed login as solvable by another password, if one can be stored.
    pub(crate) fn to_login_refusal(&self, error: DirectoryError) -> DirectoryError {
        let is_replaceable = self.passwords.is_replaceable() && !self.makes_passwords();
        if is_replaceable { error.wants_password() } else { error }
    }
}

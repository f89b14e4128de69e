//! Asks the keyring on a thread of its own, as long as a person or the service may need.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::MutexGuard;
use tokio::sync::oneshot;

use super::keyring::Keyring;
use super::{Vault, fault};
use crate::destination::Destination;
use crate::error::{Error, Result, SecretName};

/// How long the operator has to answer the keyring's password prompt.
pub(super) const FOR_A_PERSON: Duration = Duration::from_mins(1);

/// How long the keyring has for requests that need no operator; D-Bus may have to start it first.
const FOR_THE_SERVICE: Duration = Duration::from_secs(10);

impl Vault {
    pub(super) fn let_run(&self) -> MutexGuard<'_, HashMap<SecretName, Destination>> {
        self.let_run.lock()
    }

    /// Sends a request that may open the keyring's own window; only one of these runs at a time.
    pub(super) async fn ask_with_prompt<T: Send + 'static>(
        &self,
        question: impl FnOnce(&dyn Keyring) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let asked = async {
            let _turn = self.turn.lock().await;
            self.ask_quietly(|keyring| {
                keyring.wait_for_answer();
                Ok(())
            })
            .await?;
            self.on_a_thread(question).await
        };
        tokio::time::timeout(self.patience, asked)
            .await
            .unwrap_or_else(|_| Err(fault::nobody_unlocked(self.patience)))
    }

    pub(super) async fn ask_quietly<T: Send + 'static>(
        &self,
        question: impl FnOnce(&dyn Keyring) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        tokio::time::timeout(FOR_THE_SERVICE, self.on_a_thread(question))
            .await
            .unwrap_or_else(|_| Err(fault::no_answer(FOR_THE_SERVICE)))
    }

    /// A thread rather than `spawn_blocking`: on shutdown, a runtime waits for blocking tasks, so an unanswered prompt
    /// would keep Understudy from quitting.
    async fn on_a_thread<T: Send + 'static>(
        &self,
        question: impl FnOnce(&dyn Keyring) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let keyring = Arc::clone(&self.keyring);
        let (answer, answered) = oneshot::channel();
        std::thread::Builder::new()
            .name("keyring".into())
            .spawn(move || {
                // After a timeout, no one receives the answer.
                let _ = answer.send(question(&*keyring));
            })
            .map_err(|cause| Error::out_of_resources("ask the keyring", cause))?;
        let answer = answered.await;
        let answer = answer.map_err(|_| Error::internal("the keyring's thread ended without an answer"))?;
        // The sentence for people leaves out the service's own words.
        answer.inspect_err(|error| tracing::warn!("{error:#}"))
    }
}

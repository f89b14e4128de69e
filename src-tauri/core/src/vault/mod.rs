//! Secrets: kept in the operating system's keyring, or in memory for this run; nowhere else.
//!
//! Here is what the rest of the core asks of it. The keyring itself is in `keyring`, what its refusals
//! mean is in `fault`. A secret leaves only as [`SecretString`], which neither prints nor serialises;
//! there is no file to fall back to, on purpose.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use keyring_core::CredentialStore;
use secrecy::zeroize::Zeroize;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;
use ts_rs::TS;

use crate::error::{Code, Error, Result, SecretName};

mod fault;
mod keyring;

use keyring::{Given, Keyring, System};

/// How long the operator has for the keyring's own window that asks for its password.
const FOR_A_PERSON: Duration = Duration::from_mins(1);

/// How long the keyring has for what needs no person; D-Bus may have to start it first.
const FOR_THE_SERVICE: Duration = Duration::from_secs(10);

/// Where a secret is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum Keep {
    /// In the keyring.
    Stored,
    /// In memory, until Understudy quits.
    ThisRun,
}

/// Where a secret is, if anywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum SecretState {
    /// In the keyring.
    Stored,
    /// In memory, until Understudy quits; used before a stored one.
    ThisRun,
    Missing,
}

/// One secret of a connection as lists show it. Never its value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct SecretStatus {
    pub name: String,
    pub state: SecretState,
}

/// The way to every secret. Cheap to clone; clones share what was typed for this run.
///
/// The keyring is asked anew each time, so one that was absent, locked or restarted works as soon as it
/// is back. [`get`](Self::get), [`require`](Self::require), [`store`](Self::store) and
/// [`forget`](Self::forget) may make the keyring ask the operator for its password, and fail with
/// [`Code::VaultLocked`] when nobody answers within a minute; [`state`](Self::state) and
/// [`probe`](Self::probe) never do. All fail with [`Code::VaultUnavailable`] where there is no keyring
/// and [`Code::VaultDenied`] where it refuses.
#[derive(Clone)]
pub struct Vault {
    keyring: Arc<dyn Keyring>,
    this_run: Arc<Mutex<HashMap<SecretName, SecretString>>>,
    /// Held by whoever may be making the keyring ask: it asks one thing at a time.
    turn: Arc<tokio::sync::Mutex<()>>,
    patience: Duration,
}

impl Vault {
    /// The keyring of this system: Secret Service, Keychain or Credential Manager.
    pub fn system() -> Self {
        Self::with(Arc::new(System))
    }

    /// Another credential store, opened by `open` each time it is needed.
    pub fn with_store(
        open: Arc<dyn Fn() -> keyring_core::Result<Arc<CredentialStore>> + Send + Sync>,
    ) -> Self {
        Self::with(Arc::new(Given(open)))
    }

    fn with(keyring: Arc<dyn Keyring>) -> Self {
        Self { keyring, this_run: Arc::default(), turn: Arc::default(), patience: FOR_A_PERSON }
    }

    /// The same vault, but the operator has only `patience` to unlock the keyring.
    #[must_use]
    pub fn patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// The secret: the one typed for this run, else the stored one; `None` when there is neither.
    pub async fn get(&self, name: &SecretName) -> Result<Option<SecretString>> {
        if let Some(value) = self.typed().get(name) {
            return Ok(Some(value.clone()));
        }
        let wanted = name.clone();
        self.ask_aloud(move |keyring| match keyring.entry(&wanted)?.get_secret() {
            Ok(bytes) => text(bytes).map(Some).ok_or_else(|| fault::not_text(&wanted)),
            Err(keyring_core::Error::NoEntry) => Ok(None),
            Err(cause) => Err(fault::using("read", &wanted, &cause)),
        })
        .await
    }

    /// The secret, or [`Code::SecretMissing`] with its name and the command that stores it.
    pub async fn require(&self, name: &SecretName) -> Result<SecretString> {
        self.get(name).await?.ok_or_else(|| {
            let SecretName { connection, name: secret } = name;
            Error::new(
                Code::SecretMissing,
                format!("The secret \"{secret}\" of the connection \"{connection}\" is not in the keyring."),
            )
            .hint(format!("Store it: understudy secret set {connection} {secret}"))
            .secret(name.clone())
        })
    }

    /// Keeps the secret, in place of one that is there. What is stored replaces what was typed for this run.
    ///
    /// Fails with [`Code::SettingsInvalid`] when it is empty, or too long for this system's keyring.
    pub async fn store(&self, name: &SecretName, value: SecretString, keep: Keep) -> Result<()> {
        let bytes = value.expose_secret().len();
        if bytes == 0 {
            return Err(Error::new(Code::SettingsInvalid, format!("The secret \"{}\" is empty.", name.name))
                .hint("Type or paste its value."));
        }
        if keep == Keep::ThisRun {
            self.typed().insert(name.clone(), value);
            return Ok(());
        }
        fits(bytes, keyring::LIMIT)?;
        let wanted = name.clone();
        self.ask_aloud(move |keyring| {
            keyring
                .entry(&wanted)?
                .set_secret(value.expose_secret().as_bytes())
                .map_err(|cause| fault::using("store", &wanted, &cause))
        })
        .await?;
        self.typed().remove(name);
        Ok(())
    }

    /// Removes the secret from both places; says whether there was one.
    pub async fn forget(&self, name: &SecretName) -> Result<bool> {
        let typed = self.typed().remove(name).is_some();
        let wanted = name.clone();
        let stored = self
            .ask_aloud(move |keyring| match keyring.entry(&wanted)?.delete_credential() {
                Ok(()) => Ok(true),
                Err(keyring_core::Error::NoEntry) => Ok(false),
                Err(cause) => Err(fault::using("remove", &wanted, &cause)),
            })
            .await;
        match stored {
            // Without a keyring there is nothing else to forget.
            Err(error) if typed && error.code == Code::VaultUnavailable => Ok(true),
            stored => Ok(stored? || typed),
        }
    }

    /// Where the secret is. Never makes the keyring ask for its password.
    pub async fn state(&self, name: &SecretName) -> Result<SecretState> {
        if self.typed().contains_key(name) {
            return Ok(SecretState::ThisRun);
        }
        let wanted = name.clone();
        let stored = self.ask_quietly(move |keyring| keyring.holds(&wanted)).await?;
        Ok(if stored { SecretState::Stored } else { SecretState::Missing })
    }

    /// Whether the keyring can be used now, as it is. Never makes it ask for its password.
    pub async fn probe(&self) -> Result<()> {
        self.ask_quietly(|keyring| keyring.ready()).await
    }

    fn typed(&self) -> MutexGuard<'_, HashMap<SecretName, SecretString>> {
        self.this_run.lock().expect("nothing panics while this is held")
    }

    /// Asks what may open the keyring's own window, so only one such question is out at a time.
    async fn ask_aloud<T: Send + 'static>(
        &self,
        question: impl FnOnce(&dyn Keyring) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let asked = async {
            let _turn = self.turn.lock().await;
            self.on_a_thread(question).await
        };
        tokio::time::timeout(self.patience, asked)
            .await
            .unwrap_or_else(|_| Err(fault::nobody_unlocked(self.patience)))
    }

    async fn ask_quietly<T: Send + 'static>(
        &self,
        question: impl FnOnce(&dyn Keyring) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        tokio::time::timeout(FOR_THE_SERVICE, self.on_a_thread(question))
            .await
            .unwrap_or_else(|_| Err(fault::no_answer(FOR_THE_SERVICE)))
    }

    /// A thread of its own and not `spawn_blocking`: a runtime waits for those when it shuts down, and a
    /// window that nobody answers would keep Understudy from quitting.
    async fn on_a_thread<T: Send + 'static>(
        &self,
        question: impl FnOnce(&dyn Keyring) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let keyring = Arc::clone(&self.keyring);
        let (answer, answered) = oneshot::channel();
        std::thread::Builder::new()
            .name("keyring".into())
            .spawn(move || {
                // Nobody listens any more when the time was up.
                let _ = answer.send(question(&*keyring));
            })
            .map_err(|cause| Error::internal(format!("no thread for the keyring: {cause}")))?;
        answered.await.map_err(|_| Error::internal("the keyring's thread ended without an answer"))?
    }
}

/// Says that it is a vault; not what is in it.
impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Vault").finish_non_exhaustive()
    }
}

/// `None` when it is not UTF-8; leaves no copy behind.
fn text(bytes: Vec<u8>) -> Option<SecretString> {
    String::from_utf8(bytes).map(SecretString::from).map_err(|not_text| not_text.into_bytes().zeroize()).ok()
}

/// Whether a secret of `bytes` bytes can be stored where `limit` is the most.
fn fits(bytes: usize, limit: Option<usize>) -> Result<()> {
    match limit {
        Some(limit) if bytes > limit => Err(Error::new(
            Code::SettingsInvalid,
            format!("The secret is {bytes} bytes long; the keyring of this system takes at most {limit}."),
        )
        .hint("Use a shorter token, or keep this one for this run only.")),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_longer_than_the_system_takes_is_refused_with_both_numbers() {
        fits(2560, Some(2560)).unwrap();
        fits(1 << 20, None).unwrap();
        let error = fits(2561, Some(2560)).unwrap_err();
        assert!(error.message.contains("2561") && error.message.contains("2560"), "{error}");
    }
}

//! Secrets, kept in the operating system's keyring or in memory for this run, and nowhere else.
//!
//! This file has the vault's interface; `keyring` has the keyring itself and `fault` what its errors mean. A secret
//! leaves only as a [`SecretString`], which neither prints nor serialises, and only for the [`Destination`] it was
//! stored for. Deliberately, there is no file as a fallback.

mod asking;
mod checkpoint_keeper;
mod consent;
mod entries;
mod fault;
mod keyring;
mod own;
mod parts;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use keyring_core::CredentialStore;
use parking_lot::{Mutex, MutexGuard};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use self::asking::FOR_A_PERSON;
use self::entries::{destination_entry, read_entry, remove_all, store_both, write_entry};
use self::keyring::{Keyring, StoreKeyring, SystemKeyring};
use self::parts::read_secret;
use crate::destination::{Destination, Moved, MovedSecret};
use crate::error::{Code, Error, Result, SecretName};

/// The longest secret in bytes. A 4096-bit private key has 3,272 characters; anything beyond this limit is the wrong
/// file.
pub const LONGEST: usize = 64 << 10;

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

/// The only access to secrets. Cheap to clone; clones share the secrets typed for this run.
///
/// The keyring is opened anew each time, so one that was absent, locked or restarted works as soon as it is back.
/// [`Self::get`], [`Self::require_secret`], [`Self::store_secret`], [`Self::forget_secret`] and [`Self::unlock`] may make
/// the keyring prompt for its password, and fail with [`Code::VaultLocked`] if the operator does not answer within a
/// minute. [`Self::secret_state`] and [`Self::check_ready`] never prompt. All fail with [`Code::VaultUnavailable`] if there
/// is no keyring and with [`Code::VaultDenied`] if it refuses.
#[derive(Clone)]
pub struct Vault {
    keyring: Arc<dyn Keyring>,
    this_run: Arc<Mutex<HashMap<SecretName, TypedSecret>>>,
    /// Destinations refused in this run; only these can be agreed to.
    refused: Arc<Mutex<HashMap<(SecretName, String), Destination>>>,
    /// What the operator has agreed to run, as far as this run knows.
    let_run: Arc<Mutex<HashMap<SecretName, Destination>>>,
    /// Held by a request that may make the keyring prompt, because it can only prompt for one at a time.
    turn: Arc<tokio::sync::Mutex<()>>,
    patience: Duration,
}

/// Not `Debug`, because it holds the secret.
struct TypedSecret {
    value: SecretString,
    destination: Destination,
}

/// The result of looking for a secret.
enum SecretLookup {
    Secret(SecretString),
    /// It is for another destination, or it is unknown for which.
    Elsewhere(Option<Destination>),
    Nothing,
}

impl Vault {
    /// The keyring of this system: Secret Service, Keychain or Credential Manager.
    pub fn system() -> Self {
        Self::with_keyring(Arc::new(SystemKeyring))
    }

    /// Another credential store, which `open` opens each time it is needed.
    pub fn with_store(
        open: Arc<dyn Fn() -> keyring_core::Result<Arc<CredentialStore>> + Send + Sync>,
    ) -> Self {
        Self::with_keyring(Arc::new(StoreKeyring { open, longest_entry: LONGEST }))
    }

    /// The same for a store with a limit on the length of its entries, such as Credential Manager.
    pub fn with_store_of_short_entries(
        open: Arc<dyn Fn() -> keyring_core::Result<Arc<CredentialStore>> + Send + Sync>,
        longest_entry: usize,
    ) -> Self {
        Self::with_keyring(Arc::new(StoreKeyring { open, longest_entry }))
    }

    fn with_keyring(keyring: Arc<dyn Keyring>) -> Self {
        Self {
            keyring,
            this_run: Arc::default(),
            refused: Arc::default(),
            let_run: Arc::default(),
            turn: Arc::default(),
            patience: FOR_A_PERSON,
        }
    }

    /// Sets how long the operator has to unlock the keyring.
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// The secret typed for this run, else the stored one; `None` if there is neither.
    ///
    /// Fails with [`Code::DestinationChanged`] if it was stored for another destination, or without one.
    pub async fn get(&self, name: &SecretName, destination: &Destination) -> Result<Option<SecretString>> {
        match self.find_secret(name, destination).await? {
            SecretLookup::Secret(value) => Ok(Some(value)),
            SecretLookup::Nothing => Ok(None),
            SecretLookup::Elsewhere(stored_for) => {
                Err(self.refuse_destination(name, stored_for, destination))
            }
        }
    }

    async fn find_secret(&self, name: &SecretName, destination: &Destination) -> Result<SecretLookup> {
        if let Some(typed) = self.lock_typed().get(name) {
            return Ok(if typed.destination == *destination {
                SecretLookup::Secret(typed.value.clone())
            } else {
                SecretLookup::Elsewhere(Some(typed.destination.clone()))
            });
        }
        let (wanted, destination) = (name.clone(), destination.clone());
        self.ask_with_prompt(move |keyring| {
            let Some(value) = read_secret(keyring, &wanted)? else { return Ok(SecretLookup::Nothing) };
            let kept = read_entry(keyring, &destination_entry(&wanted), &wanted)?;
            let stored_for = kept.and_then(|text| Destination::from_kept(text.expose_secret()));
            Ok(match stored_for {
                Some(stored_for) if stored_for == destination => SecretLookup::Secret(value),
                stored_for => SecretLookup::Elsewhere(stored_for),
            })
        })
        .await
    }

    fn refuse_destination(
        &self,
        name: &SecretName,
        stored_for: Option<Destination>,
        now: &Destination,
    ) -> Error {
        let key = (name.clone(), now.print.clone());
        self.refused.lock().insert(key, now.clone());
        let secret = MovedSecret { name: name.name.clone(), stored_for, now: now.clone() };
        Error::moved(Moved { connection: name.connection.clone(), secrets: vec![secret] })
    }

    /// Redirects these secrets to their new destinations after the operator has compared old and new: for good, or with
    /// [`Keep::ThisRun`] until Understudy quits, in which case the keyring is not changed.
    ///
    /// Only a destination that [`get`](Self::get) refused in this run can be agreed to.
    pub async fn accept_destinations(&self, moved: &Moved, keep: Keep) -> Result<()> {
        for (name, secret) in moved.iter_secrets() {
            let key = (name.clone(), secret.now.print.clone());
            let asked = self.refused.lock().get(&key).cloned();
            let destination = asked.ok_or_else(|| Error::internal("nobody asked about this destination"))?;
            self.change_destination(&name, destination, keep).await?;
        }
        Ok(())
    }

    async fn change_destination(
        &self,
        name: &SecretName,
        destination: Destination,
        keep: Keep,
    ) -> Result<()> {
        if consent::is_consent(name) {
            return match keep {
                Keep::Stored => self.let_run_from_now_on(name, &destination).await,
                Keep::ThisRun => {
                    self.let_run_for_now(name, &destination);
                    Ok(())
                }
            };
        }
        if let Some(typed) = self.lock_typed().get_mut(name) {
            typed.destination = destination;
            return Ok(());
        }
        let (wanted, for_entry) = (name.clone(), destination.clone());
        let value = self
            .ask_with_prompt(move |keyring| {
                if keep == Keep::Stored {
                    write_entry(keyring, &destination_entry(&wanted), &wanted, for_entry.to_kept().as_bytes())
                        .map(|()| None)
                } else {
                    read_secret(keyring, &wanted)
                }
            })
            .await?;
        if let Some(value) = value {
            self.lock_typed().insert(name.clone(), TypedSecret { value, destination });
        }
        Ok(())
    }

    /// Like [`get`](Self::get), but a missing secret is [`Code::SecretMissing`], with the command that stores it. Every
    /// error names the secret, because typing it for this run always helps.
    pub async fn require_secret(&self, name: &SecretName, destination: &Destination) -> Result<SecretString> {
        self.get(name, destination).await.map_err(|error| error.with_secret(name.clone()))?.ok_or_else(|| {
            let SecretName { connection, name: secret } = name;
            Error::new(
                Code::SecretMissing,
                format!("The secret \"{secret}\" of the connection \"{connection}\" is not in the keyring."),
            )
            .with_hint(format!("Store it: understudy secret set {connection} {secret}"))
            .with_secret(name.clone())
        })
    }

    /// Stores the secret for this destination, in place of an earlier one. Storing it in the keyring discards a value
    /// typed for this run.
    ///
    /// Fails with [`Code::SettingsInvalid`] if it is empty or longer than [`LONGEST`].
    pub async fn store_secret(
        &self,
        name: &SecretName,
        value: SecretString,
        keep: Keep,
        destination: &Destination,
    ) -> Result<()> {
        let bytes = value.expose_secret().len();
        if bytes == 0 {
            return Err(Error::new(Code::SettingsInvalid, format!("The secret \"{}\" is empty.", name.name))
                .with_hint("Type or paste its value."));
        }
        // The vault adds a slash and a suffix to names for its own entries.
        if name.name.contains('/') {
            return Err(Error::internal("a secret's name with a slash in it"));
        }
        check_length(bytes)?;
        if keep == Keep::ThisRun {
            self.lock_typed().insert(name.clone(), TypedSecret { value, destination: destination.clone() });
            return Ok(());
        }
        let (wanted, kept) = (name.clone(), destination.to_kept());
        self.ask_with_prompt(move |keyring| {
            store_both(keyring, &wanted, value.expose_secret().as_bytes(), kept.as_bytes())
        })
        .await?;
        self.lock_typed().remove(name);
        Ok(())
    }

    /// Removes the secret from the keyring and from memory. Returns whether there was one.
    pub async fn forget_secret(&self, name: &SecretName) -> Result<bool> {
        Ok(!self.forget_all(std::slice::from_ref(name)).await?.is_empty())
    }

    /// Removes all of these secrets, or none if the keyring fails midway. Returns those that were there.
    pub async fn forget_all(&self, names: &[SecretName]) -> Result<Vec<SecretName>> {
        let is_typed: Vec<bool> = names.iter().map(|name| self.lock_typed().contains_key(name)).collect();
        let wanted = names.to_vec();
        let stored = self.ask_with_prompt(move |keyring| remove_all(keyring, &wanted)).await;
        let is_stored = match stored {
            // Without a keyring, only typed secrets exist.
            Err(error) if is_typed.contains(&true) && error.code == Code::VaultUnavailable => {
                vec![false; names.len()]
            }
            stored => stored?,
        };
        for name in names {
            self.lock_typed().remove(name);
            self.let_run().remove(name);
        }
        let was_there = names.iter().zip(is_typed.iter().zip(&is_stored));
        Ok(was_there
            .filter(|(_, (typed, stored))| **typed || **stored)
            .map(|(name, _)| name.clone())
            .collect())
    }

    /// Where the secret is. Never makes the keyring prompt for its password.
    pub async fn secret_state(&self, name: &SecretName) -> Result<SecretState> {
        if self.lock_typed().contains_key(name) {
            return Ok(SecretState::ThisRun);
        }
        let wanted = name.clone();
        let stored = self.ask_quietly(move |keyring| keyring.has_secret(&wanted)).await?;
        Ok(if stored { SecretState::Stored } else { SecretState::Missing })
    }

    /// Whether the keyring is usable right now. Never makes it prompt for its password.
    pub async fn check_ready(&self) -> Result<()> {
        self.ask_quietly(|keyring| keyring.check_ready()).await
    }

    /// Whether [`get`](Self::get) would answer without a prompt.
    pub async fn is_open_for(&self, name: &SecretName) -> bool {
        self.is_typed(name) || self.check_ready().await.is_ok()
    }

    /// Whether the secret was typed for this run, so that it needs no keyring.
    pub fn is_typed(&self, name: &SecretName) -> bool {
        self.lock_typed().contains_key(name)
    }

    /// Makes the keyring prompt for its password if it is locked. Fails like [`get`](Self::get).
    pub async fn unlock(&self) -> Result<()> {
        self.ask_with_prompt(|keyring| keyring.unlock()).await
    }

    fn lock_typed(&self) -> MutexGuard<'_, HashMap<SecretName, TypedSecret>> {
        self.this_run.lock()
    }
}

/// Prints the type's name only, never its content.
impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Vault").finish_non_exhaustive()
    }
}

/// Checks that a secret of `bytes` bytes can be stored. Fails with [`Code::SettingsInvalid`].
pub fn check_length(bytes: usize) -> Result<()> {
    if bytes <= LONGEST {
        return Ok(());
    }
    Err(Error::new(
        Code::SettingsInvalid,
        format!("The secret is longer than the maximum of {LONGEST} bytes."),
    )
    .with_hint("Check that this is the right file."))
}

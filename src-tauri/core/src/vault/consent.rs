//! What the operator has agreed to run to reach a database: programs and ssh logins, each with its destination.
//!
//! Consent is not secret. It is kept in the keyring because no connection file can change it there. Without a keyring,
//! it is valid until Understudy quits.

use secrecy::ExposeSecret;

use super::Vault;
use super::entries::{destination_entry, read_entry, write_entry};
use crate::destination::Destination;
use crate::error::{Code, Result, SecretName};
use crate::secrets::WAY_IN;

impl Vault {
    /// Fails with [`Code::DestinationChanged`] unless the operator has agreed to run this for exactly this destination.
    pub async fn may_run(&self, name: &SecretName, destination: &Destination) -> Result<()> {
        if self.let_run().get(name) == Some(destination) {
            return Ok(());
        }
        let wanted = name.clone();
        let kept = self
            .ask_with_prompt(move |keyring| read_entry(keyring, &destination_entry(&wanted), &wanted))
            .await;
        let kept = match kept {
            Ok(text) => text.and_then(|text| Destination::from_kept(text.expose_secret())),
            Err(error) if error.code == Code::VaultUnavailable => None,
            Err(error) => return Err(error),
        };
        if kept.as_ref() == Some(destination) {
            // A run of several hours then needs the keyring only once.
            self.let_run_for_now(name, destination);
            return Ok(());
        }
        let known = kept.or_else(|| self.let_run().get(name).cloned());
        Err(self.refuse_destination(name, known, destination))
    }

    /// Records the operator's consent until Understudy quits.
    pub fn let_run_for_now(&self, name: &SecretName, destination: &Destination) {
        self.let_run().insert(name.clone(), destination.clone());
    }

    /// Records the operator's consent permanently; without a keyring, until Understudy quits.
    pub async fn let_run_from_now_on(&self, name: &SecretName, destination: &Destination) -> Result<()> {
        self.let_run_for_now(name, destination);
        let (wanted, kept) = (name.clone(), destination.to_kept());
        let written = self
            .ask_with_prompt(move |keyring| {
                write_entry(keyring, &destination_entry(&wanted), &wanted, kept.as_bytes())
            })
            .await;
        written.or_else(|error| if error.code == Code::VaultUnavailable { Ok(()) } else { Err(error) })
    }
}

/// Whether this names a consent, as in [`Vault::may_run`], and not a secret.
pub(super) fn is_consent(name: &SecretName) -> bool {
    name.name == WAY_IN
}

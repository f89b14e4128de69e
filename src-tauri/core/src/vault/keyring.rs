//! The keyring behind the vault: which entry is whose, and what can be asked without a window.
//!
//! A store is opened for each question. That costs a few milliseconds on D-Bus and nothing elsewhere,
//! and spares every case of a kept connection that went stale (daemon restarted, bus gone, a question
//! still waiting for the operator).

use std::collections::HashMap;
use std::sync::Arc;

use keyring_core::{CredentialStore, Entry};

use super::{LONGEST, fault};
use crate::error::{Result, SecretName};

/// The service that all of Understudy's entries carry.
const SERVICE: &str = "understudy";

/// The account of an entry. A connection's id is a file's name, so the first slash divides.
fn account(name: &SecretName) -> String {
    format!("{}/{}", name.connection, name.name)
}

/// What the vault asks of a keyring. Everything blocks.
pub(super) trait Keyring: Send + Sync {
    /// The entry of a secret, whether it exists or not. Opens the keyring.
    fn entry(&self, name: &SecretName) -> Result<Entry>;

    /// The most bytes that an entry takes, or [`LONGEST`] where it takes any secret.
    fn longest_entry(&self) -> usize {
        LONGEST
    }

    /// Whether the secret exists. Opens no window.
    fn holds(&self, name: &SecretName) -> Result<bool> {
        match self.entry(name)?.get_credential() {
            Ok(_) => Ok(true),
            Err(keyring_core::Error::NoEntry) => Ok(false),
            Err(cause) => Err(fault::using("look for", name, cause)),
        }
    }

    /// Returns as soon as there is an answer, of whatever kind: the question itself will tell what is wrong. Opens no
    /// window, so that a service that hangs can be told from a person who is slow.
    fn hear(&self) {}

    /// Whether secrets could be read and stored now. Opens no window.
    fn ready(&self) -> Result<()> {
        // An answer about an entry that nobody makes is an answer.
        self.holds(&SecretName { connection: String::new(), name: "probe".into() }).map(drop)
    }

    /// Opens the keyring's own window where it is locked, and waits for the operator.
    fn unlock(&self) -> Result<()> {
        // Elsewhere a keyring asks by itself when one of its secrets is read.
        self.ready()
    }
}

/// A store that somebody else opens.
pub(super) struct Given {
    pub open: Arc<dyn Fn() -> keyring_core::Result<Arc<CredentialStore>> + Send + Sync>,
    pub longest_entry: usize,
}

impl Keyring for Given {
    fn longest_entry(&self) -> usize {
        self.longest_entry
    }

    fn entry(&self, name: &SecretName) -> Result<Entry> {
        let store = (self.open)().map_err(fault::opening)?;
        store.build(SERVICE, &account(name), None).map_err(|cause| fault::using("address", name, cause))
    }
}

/// The operating system's own.
pub(super) struct System;

impl System {
    fn build(store: &CredentialStore, name: &SecretName, modifiers: &[(&str, &str)]) -> Result<Entry> {
        let modifiers: HashMap<_, _> = modifiers.iter().copied().collect();
        store
            .build(SERVICE, &account(name), Some(&modifiers))
            .map_err(|cause| fault::using("address", name, cause))
    }
}

#[cfg(target_os = "linux")]
impl Keyring for System {
    fn entry(&self, name: &SecretName) -> Result<Entry> {
        let store = zbus_secret_service_keyring_store::Store::new().map_err(fault::opening)?;
        Self::build(&*store, name, &[("label", &format!("Understudy: {}", account(name)))])
    }

    fn hear(&self) {
        let _ = look();
    }

    /// The store's own search unlocks what it finds; the service's does not have to.
    fn holds(&self, name: &SecretName) -> Result<bool> {
        let account = account(name);
        let attributes = HashMap::from([("service", SERVICE), ("username", account.as_str())]);
        let service = look()?;
        let found = service.search_items(attributes).map_err(fault::looking)?;
        Ok(!found.unlocked.is_empty() || !found.locked.is_empty())
    }

    fn ready(&self) -> Result<()> {
        let service = look()?;
        let locked = service.get_default_collection().and_then(|collection| collection.is_locked());
        if locked.map_err(fault::looking)? {
            return Err(fault::looking(secret_service::Error::Locked));
        }
        Ok(())
    }

    fn unlock(&self) -> Result<()> {
        let service = look()?;
        let collection = service.get_default_collection().map_err(fault::looking)?;
        collection.unlock().map_err(fault::looking)?;
        // A window that was closed is no fault to every service.
        if collection.is_locked().map_err(fault::looking)? {
            return Err(fault::still_locked());
        }
        Ok(())
    }
}

/// The Secret Service for questions whose answers hold no secret, so the session needs no encryption.
#[cfg(target_os = "linux")]
fn look() -> Result<secret_service::blocking::SecretService<'static>> {
    secret_service::blocking::SecretService::connect(secret_service::EncryptionType::Plain)
        .map_err(fault::looking)
}

#[cfg(target_os = "macos")]
impl Keyring for System {
    fn entry(&self, name: &SecretName) -> Result<Entry> {
        let store = apple_native_keyring_store::keychain::Store::new().map_err(fault::opening)?;
        Self::build(&*store, name, &[])
    }
}

#[cfg(windows)]
impl Keyring for System {
    /// `CRED_MAX_CREDENTIAL_BLOB_SIZE` of `wincred.h`.
    fn longest_entry(&self) -> usize {
        5 * 512
    }

    fn entry(&self, name: &SecretName) -> Result<Entry> {
        let store = windows_native_keyring_store::Store::new().map_err(fault::opening)?;
        // The default roams to other machines with the profile; an admin token should not.
        Self::build(&*store, name, &[("persistence", "Local")])
    }
}

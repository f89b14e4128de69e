//! The system's keyring: how its entries are named, and what can be asked without opening its window.
//!
//! The store is opened anew for each request. That costs a few milliseconds on D-Bus and nothing elsewhere, and avoids
//! all the cases of a stale connection: daemon restarted, bus gone, a request still waiting for the operator.

use std::collections::HashMap;
use std::sync::Arc;

use keyring_core::{CredentialStore, Entry};

use super::{LONGEST, fault};
use crate::error::{Result, SecretName};

/// The service name of all of Understudy's entries.
const SERVICE: &str = "understudy";

/// The account name of an entry. A connection's ID is a file name and has no slash, so the first slash separates the
/// two.
fn account_name(name: &SecretName) -> String {
    format!("{}/{}", name.connection, name.name)
}

/// What the vault needs of a keyring. All calls block.
pub(super) trait Keyring: Send + Sync {
    /// The entry of a secret, whether it exists or not. Opens the keyring.
    fn open_entry(&self, name: &SecretName) -> Result<Entry>;

    /// The longest entry in bytes, or [`LONGEST`] if any secret fits.
    fn longest_entry(&self) -> usize {
        LONGEST
    }

    /// Whether the secret exists. Opens no window.
    fn has_secret(&self, name: &SecretName) -> Result<bool> {
        match self.open_entry(name)?.get_credential() {
            Ok(_) => Ok(true),
            Err(keyring_core::Error::NoEntry) => Ok(false),
            Err(cause) => Err(fault::entry_error("look for", name, cause)),
        }
    }

    /// Returns as soon as the service answers, even with an error; the actual request will report it. Opens no window,
    /// so a service that hangs can be told from an operator who is slow.
    fn wait_for_answer(&self) {}

    /// Whether secrets could be read and stored now. Opens no window.
    fn check_ready(&self) -> Result<()> {
        // No one stores this entry; any answer about it will do.
        self.has_secret(&SecretName { connection: String::new(), name: "probe".into() }).map(drop)
    }

    /// If the keyring is locked, opens its own window and waits for the operator.
    fn unlock(&self) -> Result<()> {
        // By default, a keyring asks for its password when a secret is read.
        self.check_ready()
    }
}

/// A store that the caller opens.
pub(super) struct StoreKeyring {
    pub open: Arc<dyn Fn() -> keyring_core::Result<Arc<CredentialStore>> + Send + Sync>,
    pub longest_entry: usize,
}

impl Keyring for StoreKeyring {
    fn longest_entry(&self) -> usize {
        self.longest_entry
    }

    fn open_entry(&self, name: &SecretName) -> Result<Entry> {
        let store = (self.open)().map_err(fault::open_error)?;
        store
            .build(SERVICE, &account_name(name), None)
            .map_err(|cause| fault::entry_error("address", name, cause))
    }
}

/// The operating system's keyring.
pub(super) struct SystemKeyring;

impl SystemKeyring {
    fn build_entry(store: &CredentialStore, name: &SecretName, modifiers: &[(&str, &str)]) -> Result<Entry> {
        let modifiers: HashMap<_, _> = modifiers.iter().copied().collect();
        store
            .build(SERVICE, &account_name(name), Some(&modifiers))
            .map_err(|cause| fault::entry_error("address", name, cause))
    }
}

#[cfg(target_os = "linux")]
impl Keyring for SystemKeyring {
    fn open_entry(&self, name: &SecretName) -> Result<Entry> {
        let store = zbus_secret_service_keyring_store::Store::new().map_err(fault::open_error)?;
        Self::build_entry(&*store, name, &[("label", &format!("Understudy: {}", account_name(name)))])
    }

    fn wait_for_answer(&self) {
        let _ = connect_service();
    }

    /// The store's own search unlocks what it finds; the service's search doesn't.
    fn has_secret(&self, name: &SecretName) -> Result<bool> {
        let account = account_name(name);
        let attributes = HashMap::from([("service", SERVICE), ("username", account.as_str())]);
        let service = connect_service()?;
        let found = service.search_items(attributes).map_err(fault::lookup_error)?;
        Ok(!found.unlocked.is_empty() || !found.locked.is_empty())
    }

    fn check_ready(&self) -> Result<()> {
        let service = connect_service()?;
        let locked = service.get_default_collection().and_then(|collection| collection.is_locked());
        if locked.map_err(fault::lookup_error)? {
            return Err(fault::lookup_error(secret_service::Error::Locked));
        }
        Ok(())
    }

    fn unlock(&self) -> Result<()> {
        let service = connect_service()?;
        let collection = service.get_default_collection().map_err(fault::lookup_error)?;
        collection.unlock().map_err(fault::lookup_error)?;
        // Some services do not report an error if the operator closes the window.
        if collection.is_locked().map_err(fault::lookup_error)? {
            return Err(fault::still_locked());
        }
        Ok(())
    }
}

/// The Secret Service for requests whose answers contain no secret, so the session needs no encryption.
#[cfg(target_os = "linux")]
fn connect_service() -> Result<secret_service::blocking::SecretService<'static>> {
    secret_service::blocking::SecretService::connect(secret_service::EncryptionType::Plain)
        .map_err(fault::lookup_error)
}

#[cfg(target_os = "macos")]
impl Keyring for SystemKeyring {
    fn open_entry(&self, name: &SecretName) -> Result<Entry> {
        let store = apple_native_keyring_store::keychain::Store::new().map_err(fault::open_error)?;
        Self::build_entry(&*store, name, &[])
    }
}

#[cfg(windows)]
impl Keyring for SystemKeyring {
    /// `CRED_MAX_CREDENTIAL_BLOB_SIZE` of `wincred.h`.
    fn longest_entry(&self) -> usize {
        5 * 512
    }

    fn open_entry(&self, name: &SecretName) -> Result<Entry> {
        let store = windows_native_keyring_store::Store::new().map_err(fault::open_error)?;
        // The default roams to other computers with the profile; an admin token should not.
        Self::build_entry(&*store, name, &[("persistence", "Local")])
    }
}

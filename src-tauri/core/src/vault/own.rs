//! What Understudy keeps in the keyring for itself, of no connection. Never makes the keyring prompt: what is locked is an
//! error.

use secrecy::{ExposeSecret, SecretString};

use super::Vault;
use super::entries::{read_entry, write_entry};
use crate::error::{Result, SecretName};

/// No connection has an empty ID.
fn own_entry(name: &str) -> SecretName {
    SecretName::new("", name)
}

impl Vault {
    /// The entry of this name, `None` if there is none.
    pub(crate) async fn read_own(&self, name: &'static str) -> Result<Option<SecretString>> {
        self.ask_quietly(move |keyring| {
            keyring.check_ready()?;
            let entry = own_entry(name);
            read_entry(keyring, &entry, &entry)
        })
        .await
    }

    /// Stores the entry of this name, in place of an earlier one.
    pub(crate) async fn write_own(&self, name: &'static str, value: &SecretString) -> Result<()> {
        let value = value.clone();
        self.ask_quietly(move |keyring| {
            keyring.check_ready()?;
            let entry = own_entry(name);
            write_entry(keyring, &entry, &entry, value.expose_secret().as_bytes())
        })
        .await
    }
}

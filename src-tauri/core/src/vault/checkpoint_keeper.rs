//! The keyring as the audit log knows it.

use async_trait::async_trait;
use secrecy::SecretString;

use super::Vault;
use crate::audit::{AuditError, CheckpointKeeper};
use crate::error::Error;

#[async_trait]
impl CheckpointKeeper for Vault {
    async fn read_kept(&self, name: &'static str) -> Result<Option<SecretString>, AuditError> {
        self.read_own(name).await.map_err(to_audit_error)
    }

    async fn write_kept(&self, name: &'static str, value: &SecretString) -> Result<(), AuditError> {
        self.write_own(name, value).await.map_err(to_audit_error)
    }
}

fn to_audit_error(error: Error) -> AuditError {
    AuditError::of_keeper(error.message.clone(), error)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use secrecy::ExposeSecret as _;

    use super::*;

    #[tokio::test]
    async fn what_is_kept_comes_back_and_so_does_the_keyrings_own_error() {
        let store: Arc<keyring_core::CredentialStore> = keyring_core::mock::Store::new().unwrap();
        let vault = Vault::with_store(Arc::new(move || Ok(Arc::clone(&store))));
        assert!(vault.read_kept("audit/key").await.unwrap().is_none());
        vault.write_kept("audit/key", &SecretString::from("a key")).await.unwrap();
        assert_eq!(vault.read_kept("audit/key").await.unwrap().unwrap().expose_secret(), "a key");

        let none = Vault::with_store(Arc::new(|| Err(keyring_core::Error::NoDefaultStore)));
        let own = none.read_own("audit/key").await.unwrap_err();
        let told = none.read_kept("audit/key").await.unwrap_err();
        assert_eq!((&told.message, format!("{told:#}")), (&own.message, format!("{own:#}")));
        assert_eq!(format!("{:#}", Error::from(told)), format!("{own:#}"));
    }
}

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

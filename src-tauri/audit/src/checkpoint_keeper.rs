//! Where the log's key and its last checkpoints are kept: a keyring, seen from here.

use async_trait::async_trait;
use secrecy::SecretString;

use crate::error::Result;

/// Keeps a few values out of reach of whoever can write to the log's file. All runs of an account share them; this crate
/// names them.
///
/// It is asked in the background, so it must never open a window: what is locked is an error, made by
/// [`AuditError::of_keeper`](super::AuditError::of_keeper).
#[async_trait]
pub trait CheckpointKeeper: Send + Sync {
    /// What is kept under this name; `None` if nothing is.
    async fn read_kept(&self, name: &'static str) -> Result<Option<SecretString>>;

    /// Keeps a value under this name, in place of an earlier one.
    async fn write_kept(&self, name: &'static str, value: &SecretString) -> Result<()>;
}

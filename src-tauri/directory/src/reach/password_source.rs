//! The interface through which a directory gets its database password.

use std::sync::Arc;

use async_trait::async_trait;
use secrecy::SecretString;

/// Why a [`PasswordSource`] has no password. It becomes the `source` of the directory's error.
pub type PasswordSourceError = Box<dyn std::error::Error + Send + Sync>;

/// Supplies the database password. It is asked when the directory is opened, and again when the server refuses the
/// password, which may have been changed.
#[async_trait]
pub trait PasswordSource: Send + Sync {
    /// The password that is stored now, or `None`. Fails if a program or a login that the connection needs is not
    /// allowed to run; it is asked before either of them starts.
    async fn read_password(&self) -> Result<Option<SecretString>, PasswordSourceError>;

    /// Where the password is sent. If that changes (as when a certificate file does), a password from before is not
    /// reused.
    fn destination(&self) -> String;

    /// Whether another password can be stored in place of this one.
    fn is_replaceable(&self) -> bool;
}

/// A fixed password.
pub(crate) struct FixedPassword(Option<SecretString>);

impl FixedPassword {
    pub(crate) fn source(password: Option<&SecretString>) -> Arc<dyn PasswordSource> {
        Arc::new(Self(password.cloned()))
    }
}

#[async_trait]
impl PasswordSource for FixedPassword {
    async fn read_password(&self) -> Result<Option<SecretString>, PasswordSourceError> {
        Ok(self.0.clone())
    }

    fn destination(&self) -> String {
        String::new()
    }

    fn is_replaceable(&self) -> bool {
        false
    }
}

//! Where the password of a database comes from.

use std::sync::Arc;

use async_trait::async_trait;
use secrecy::SecretString;

/// What keeps a [`PasswordSource`] from giving a password. The error of a directory has it as its source.
pub type PasswordSourceError = Box<dyn std::error::Error + Send + Sync>;

/// Where the password of a directory's database comes from. It is asked when the directory is opened, and again
/// when the server refuses the password it gave: that one may have been changed.
#[async_trait]
pub trait PasswordSource: Send + Sync {
    /// The password as it is stored now; `None` when none is. Fails where a program or a login that the way to the
    /// server needs may not run: it is asked before either does.
    async fn password(&self) -> Result<Option<SecretString>, PasswordSourceError>;

    /// Where the password goes. Once that changes (a file of certificates may), a password that was given before is
    /// asked for again.
    fn destination(&self) -> String;

    /// Another password can be stored in place of the one that it gives.
    fn is_replaceable(&self) -> bool;
}

/// A password that is known, and stays as it is.
pub(crate) struct FixedPassword(Option<SecretString>);

impl FixedPassword {
    pub(crate) fn source(password: Option<&SecretString>) -> Arc<dyn PasswordSource> {
        Arc::new(Self(password.cloned()))
    }
}

#[async_trait]
impl PasswordSource for FixedPassword {
    async fn password(&self) -> Result<Option<SecretString>, PasswordSourceError> {
        Ok(self.0.clone())
    }

    fn destination(&self) -> String {
        String::new()
    }

    fn is_replaceable(&self) -> bool {
        false
    }
}

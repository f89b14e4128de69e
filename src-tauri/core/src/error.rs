//! What goes wrong: a code for programs, a sentence for people, and what to do next.
//!
//! The one error type of the core; it crosses to the UI as JSON. A code exists only where a caller
//! treats the failure differently. Secrets cannot get in here: they are [`secrecy::SecretString`],
//! which neither prints nor serialises.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// Result of nearly everything in the core.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// One per thing a caller treats differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum Code {
    /// The connection file cannot be used as it is; the message names line, column and key.
    ConnectionInvalid,
    /// No connection has this id.
    ConnectionUnknown,
    /// The connection was handed out by IT and cannot be changed here.
    ConnectionLocked,
    /// The database does not answer.
    DirectoryUnreachable,
    /// The database answers and says no (password, permission, TLS).
    DirectoryRefused,
    /// The database does not hold the table or columns that the connection names.
    DirectoryMismatch,
    /// The database took longer than the connection allows.
    DirectoryTimeout,
    /// A newer search took this one's place.
    Cancelled,
    /// The question itself is wrong (unknown sort column, damaged cursor).
    QueryInvalid,
    /// No user has this id any more.
    UserNotFound,
    /// The connection's policy wants a reason.
    ReasonRequired,
    /// The connection's policy forbids becoming this user.
    PolicyRefused,
    /// A secret that the connection needs is not in the vault; `secret` names it.
    SecretMissing,
    /// The keyring is locked and was not unlocked.
    VaultLocked,
    /// There is no keyring service to ask.
    VaultUnavailable,
    /// The keyring refused.
    VaultDenied,
    /// A template or expression could not be evaluated for this user.
    TemplateFailed,
    /// The application refused the sign-in, or answered for somebody else.
    SignInRefused,
    /// The audit log cannot be written: nothing may happen without it.
    AuditFailed,
    /// No session has this id (any more).
    SessionUnknown,
    /// A window could not be opened or driven.
    WindowFailed,
    /// A setting cannot be used as it is.
    SettingsInvalid,
    /// A file could not be read or written.
    FileFailed,
    /// A fault of Understudy itself.
    Internal,
}

/// Names one secret of one connection. Never its value.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct SecretName {
    /// Id of the connection (its file's name without `.toml`).
    pub connection: String,
    /// The name in `{{ secret.<name> }}`, or `database_password`.
    pub name: String,
}

/// What went wrong, why, and what to do next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Error {
    pub code: Code,
    /// What happened and why: one sentence, or a few lines for a file's faults.
    pub message: String,
    /// What to do next, when there is something to do.
    pub hint: Option<String>,
    /// For [`Code::SecretMissing`]: which one.
    pub secret: Option<SecretName>,
}

impl Error {
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), hint: None, secret: None }
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    #[must_use]
    pub fn secret(mut self, secret: SecretName) -> Self {
        self.secret = Some(secret);
        self
    }

    /// A fault of Understudy itself: something that was held to be impossible.
    pub fn internal(what: impl std::fmt::Display) -> Self {
        Self::new(Code::Internal, format!("Understudy ran into a fault of its own: {what}"))
            .hint("Please report this with the steps that led here.")
    }

    /// A file that could not be read or written.
    pub fn file(doing: &str, path: &std::path::Path, cause: &std::io::Error) -> Self {
        Self::new(Code::FileFailed, format!("Could not {doing} {}: {cause}", path.display()))
            .hint("Check that the file exists and that you may use it.")
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)?;
        if let Some(hint) = &self.hint {
            write!(f, "\n{hint}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

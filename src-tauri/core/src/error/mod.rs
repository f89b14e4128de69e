//! What goes wrong: a code for programs, a sentence for people, and what to do next.
//!
//! This is the core's only error type; it crosses to the UI as JSON. A code exists only if a caller treats it
//! differently. Errors cannot contain secrets: those are [`secrecy::SecretString`], which neither prints nor
//! serialises. A library's error is kept as the [`ErrorCause`], which never reaches the UI.

mod cause;
mod code;
#[cfg(test)]
mod wording;

use std::error::Error as StdError;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use ts_rs::TS;
use understudy_directory::{DirectoryCode, DirectoryError};
use understudy_files::{FileError, WriteError};

use crate::audit::{AuditCode, AuditError};
use crate::connection::DATABASE_PASSWORD;
use crate::destination::Moved;

pub use cause::ErrorCause;
pub use code::Code;

/// The result of nearly everything in the core.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Names one secret of one connection. Never its value.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct SecretName {
    /// The connection's ID (its file's name without `.toml`).
    pub connection: String,
    /// The name in `{{ secret.<name> }}`, or `database_password`.
    pub name: String,
}

impl SecretName {
    pub fn new(connection: impl Into<String>, name: impl Into<String>) -> Self {
        Self { connection: connection.into(), name: name.into() }
    }
}

/// One fault in a connection file: its place, and what is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct FileFault {
    /// The key's full path (`sign_in.body.ids[0]`); empty if the text is not TOML.
    pub key: String,
    /// Counted from 1.
    pub line: u32,
    /// In characters, counted from 1.
    pub column: u32,
    /// What is wrong, without the place.
    pub message: String,
}

/// What went wrong, why, and what to do next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Error {
    pub code: Code,
    /// What happened and why: one sentence, or a few lines for a file's faults.
    pub message: String,
    /// What to do next, if there is anything to do.
    pub hint: Option<String>,
    /// A statement that fixes it, to be copied: `GRANT SELECT …`. `hint` says who runs it.
    pub statement: Option<String>,
    /// What the driver, library or keyring said; for developers, shown on request.
    pub details: Option<String>,
    /// For [`Code::SecretMissing`], and whenever another value of a secret may help: the secret.
    pub secret: Option<SecretName>,
    /// For [`Code::ConnectionInvalid`]: the faults that `message` lists, in the file's order.
    pub faults: Vec<FileFault>,
    /// For [`Code::DestinationChanged`]: the secrets, each with the destination it was stored for and the new one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub moved: Option<Box<Moved>>,
    /// What a library failed with, for the log.
    #[serde(skip)]
    #[ts(skip)]
    pub cause: ErrorCause,
}

impl Error {
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            hint: None,
            statement: None,
            details: None,
            secret: None,
            faults: Vec::new(),
            moved: None,
            cause: ErrorCause::default(),
        }
    }

    /// Secrets that would go to another destination than they were stored for.
    pub fn moved(moved: Moved) -> Self {
        if moved.is_way_in() {
            return Self::not_let_run(moved);
        }
        let (id, names) = (&moved.connection, moved.secret_names());
        let one = moved.secrets.len() == 1;
        let is_known = moved.secrets.iter().any(|secret| secret.stored_for.is_some());
        let message = match (one, is_known) {
            (true, true) => {
                format!(
                    "The secret {names} of `{id}` would go to a different place than the one it was stored for."
                )
            }
            (false, true) => {
                format!(
                    "The secrets {names} of `{id}` would go to different places than the ones they were stored for."
                )
            }
            (true, false) => {
                format!("The secret {names} of `{id}` has no record of where it may be sent.")
            }
            (false, false) => {
                format!("The secrets {names} of `{id}` have no record of where they may be sent.")
            }
        };
        let set = moved.secrets.first().map(|secret| format!("understudy secret set {id} {}", secret.name));
        let hint = format!(
            "Check where it would go. If that is right, use it there, or store it again: {}",
            set.unwrap_or_default()
        );
        let error =
            Self::new(Code::DestinationChanged, format!("{message} Nothing was sent.")).with_hint(hint);
        Self { moved: Some(Box::new(moved)), ..error }
    }

    /// The operator has not agreed to what would run to reach the directory.
    fn not_let_run(moved: Moved) -> Self {
        let id = &moved.connection;
        let is_known = moved.secrets.iter().any(|one| one.stored_for.is_some());
        let message = if is_known {
            format!("What `{id}` runs to reach its database has changed, or leads to a different place.")
        } else {
            format!(
                "`{id}` runs a program or ssh to reach its database, and there is no record that you allowed it."
            )
        };
        let error = Self::new(Code::DestinationChanged, format!("{message} Nothing was run."));
        let hint =
            "Look at what would run, and where it leads. If that is right, allow it here, or in a terminal";
        let error = error.with_hint(format!("{hint}: understudy check {id}"));
        Self { moved: Some(Box::new(moved)), ..error }
    }

    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds the statement that fixes it.
    #[must_use]
    pub fn with_statement(mut self, statement: impl Into<String>) -> Self {
        self.statement = Some(statement.into());
        self
    }

    /// Adds what a driver, a library or the system reported. It must not contain secrets; doubtful texts are left out.
    #[must_use]
    pub fn with_details(mut self, details: impl Into<String>) -> Self {
        self.details = Some(details.into());
        self
    }

    #[must_use]
    pub fn with_faults(mut self, faults: Vec<FileFault>) -> Self {
        self.faults = faults;
        self
    }

    #[must_use]
    pub fn with_secret(mut self, secret: SecretName) -> Self {
        self.secret = Some(secret);
        self
    }

    /// Adds a library's error as the cause. Its text goes to the log, so an error that may quote a secret must not be a
    /// cause.
    #[must_use]
    pub fn caused_by(mut self, cause: impl StdError + Send + Sync + 'static) -> Self {
        let cause: Arc<dyn StdError + Send + Sync> = Arc::new(cause);
        self.cause = cause.into();
        self
    }

    /// A bug in Understudy: something that should be impossible.
    pub fn internal(what: impl std::fmt::Display) -> Self {
        Self::new(Code::Internal, format!("Something went wrong inside Understudy: {what}"))
            .with_hint("Report this, with the steps that led here.")
    }

    /// The system has run out of something every program needs: threads, file descriptors, memory.
    pub fn out_of_resources(doing: &str, cause: std::io::Error) -> Self {
        Self::new(Code::Internal, format!("Could not {doing}: the system has no more resources ({cause})."))
            .with_hint(if cfg!(windows) {
                "Close other programs, then try again."
            } else {
                "Close other programs, or raise the limits that Understudy was started with (`ulimit -a`)."
            })
            .caused_by(cause)
    }

    /// A file could not be read or written.
    pub fn for_file(doing: &str, path: &std::path::Path, cause: std::io::Error) -> Self {
        Self::from(FileError::from_io(doing, path, &cause)).caused_by(cause)
    }
}

impl From<FileError> for Error {
    fn from(error: FileError) -> Self {
        Self::new(Code::FileFailed, error.message).with_hint(error.hint)
    }
}

impl From<WriteError> for Error {
    fn from(error: WriteError) -> Self {
        Self::for_file(error.doing, &error.path, error.cause)
    }
}

impl From<DirectoryError> for Error {
    /// An error from a password source comes back unchanged.
    fn from(error: DirectoryError) -> Self {
        if let Some(own) = error.source.as_ref().and_then(|source| source.downcast_ref::<Self>()) {
            return own.clone();
        }
        let code = match error.code {
            DirectoryCode::ConfigInvalid => Code::ConnectionInvalid,
            DirectoryCode::Unreachable => Code::DirectoryUnreachable,
            DirectoryCode::Refused | DirectoryCode::PasswordFailed => Code::DirectoryRefused,
            DirectoryCode::Mismatch => Code::DirectoryMismatch,
            DirectoryCode::Timeout => Code::DirectoryTimeout,
            DirectoryCode::Cancelled => Code::Cancelled,
            DirectoryCode::QueryInvalid => Code::QueryInvalid,
            DirectoryCode::FileFailed => Code::FileFailed,
            DirectoryCode::Internal => Code::Internal,
        };
        // The caller who opened the directory knows whose password it is and fills in the connection.
        let name = || SecretName::new("", DATABASE_PASSWORD);
        let secret = error.wants_password.then(name);
        let (hint, statement, details) = (error.hint, error.statement, error.details);
        let cause = error.source.map(ErrorCause::from).unwrap_or_default();
        Self { hint, statement, details, secret, cause, ..Self::new(code, error.message) }
    }
}

impl From<AuditError> for Error {
    /// An error of the keyring comes back unchanged.
    fn from(error: AuditError) -> Self {
        if let Some(own) = error.source.as_ref().and_then(|source| source.downcast_ref::<Self>()) {
            return own.clone();
        }
        let code = match error.code {
            AuditCode::LogFailed => Code::AuditFailed,
            AuditCode::Closed => Code::Cancelled,
            AuditCode::FileFailed => Code::FileFailed,
            AuditCode::KeeperFailed => Code::VaultUnavailable,
            AuditCode::Internal => Code::Internal,
        };
        let cause = error.source.map(ErrorCause::from).unwrap_or_default();
        Self { hint: error.hint, cause, ..Self::new(code, error.message) }
    }
}

/// `{:#}`, which the log uses, adds the causes.
impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)?;
        if let Some(hint) = &self.hint {
            write!(f, "\n{hint}")?;
        }
        if let Some(statement) = &self.statement {
            write!(f, "\n{statement}")?;
        }
        if let Some(details) = &self.details {
            write!(f, "\nDetails: {details}")?;
        }
        if f.alternate() {
            for cause in self.cause.lines() {
                write!(f, "\ncaused by: {cause}")?;
            }
        }
        Ok(())
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.cause.source()
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    /// A library's error that wraps another one, as most do.
    #[derive(Debug)]
    struct Wrapping(&'static str, io::Error);

    impl std::fmt::Display for Wrapping {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str(self.0)
        }
    }

    impl StdError for Wrapping {
        fn source(&self) -> Option<&(dyn StdError + 'static)> {
            Some(&self.1)
        }
    }

    #[test]
    fn the_log_sees_every_cause_and_people_and_the_ui_see_none() {
        let refused = || io::Error::other("connection refused");
        let plain = Error::new(Code::VaultUnavailable, "No keyring answers.").with_hint("Start one.");
        let error = plain.clone().caused_by(Wrapping("the bus is gone", refused()));
        assert_eq!(error.to_string(), "No keyring answers.\nStart one.");
        assert_eq!(
            format!("{error:#}"),
            "No keyring answers.\nStart one.\ncaused by: the bus is gone\ncaused by: connection refused"
        );
        assert_eq!(error.source().map(ToString::to_string).as_deref(), Some("the bus is gone"));
        assert_eq!(serde_json::to_value(&error).unwrap(), serde_json::to_value(&plain).unwrap());
        assert_eq!(error, plain, "people are told the same");
        let quoting = plain.caused_by(Wrapping("the bus is gone: connection refused", refused()));
        assert_eq!(quoting.cause.lines(), ["the bus is gone: connection refused"]);
    }

    #[test]
    fn an_error_of_the_audit_log_says_the_same_here() {
        let source: Option<Arc<dyn StdError + Send + Sync>> = Some(Arc::new(io::Error::other("disk full")));
        let (message, hint) = ("Could not write.".to_owned(), Some("Free some space.".to_owned()));
        let failed = AuditError { code: AuditCode::LogFailed, message, hint, source };
        let error = Error::from(failed.clone());
        assert_eq!(error, Error::new(Code::AuditFailed, "Could not write.").with_hint("Free some space."));
        assert_eq!(error.cause.lines(), ["disk full"]);
        assert_eq!(format!("{failed:#}"), format!("{error:#}"));
        assert_eq!(failed.to_string(), error.to_string());
    }

    #[test]
    fn a_files_error_and_a_directorys_keep_what_the_system_said() {
        let path = std::path::Path::new("acme.toml");
        let error = Error::for_file("write", path, io::ErrorKind::PermissionDenied.into());
        assert_eq!(error.cause.lines(), ["permission denied"]);
        let mut refused = DirectoryError::new(DirectoryCode::Unreachable, "The database does not answer.");
        refused.source = Some(Arc::new(io::Error::other("reset by peer")));
        assert_eq!(Error::from(refused).cause.lines(), ["reset by peer"]);
        let mut asked = DirectoryError::new(DirectoryCode::PasswordFailed, "");
        asked.source = Some(Arc::new(error.clone()));
        assert_eq!(Error::from(asked), error, "a password source's own error comes back as it was");
    }
}

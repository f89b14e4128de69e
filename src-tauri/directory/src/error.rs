//! The error type: a code for programs, a sentence for people, and what to do next.

use std::error::Error as StdError;
use std::fmt::{self, Display};
use std::io;
use std::path::Path;
use std::sync::Arc;

use understudy_files::FileError;

/// The result of nearly everything in this crate.
pub type Result<T, E = DirectoryError> = std::result::Result<T, E>;

/// One code for each kind of error that callers treat differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DirectoryCode {
    /// The configuration is invalid.
    ConfigInvalid,
    /// The database does not answer.
    Unreachable,
    /// The database denied access (password, permission, TLS).
    Refused,
    /// The database does not have the table or columns in the configuration.
    Mismatch,
    /// The database took longer than the configuration allows.
    Timeout,
    /// The caller cancelled the query.
    Cancelled,
    /// The query itself is invalid (unknown sort column, damaged cursor).
    QueryInvalid,
    /// The password source failed; its error is in `source`.
    PasswordFailed,
    /// A file could not be read or written.
    FileFailed,
    /// A bug in Understudy.
    Internal,
}

/// What went wrong, why, and what to do next.
#[derive(Debug, Clone)]
pub struct DirectoryError {
    pub code: DirectoryCode,
    /// What happened and why: one sentence, or a few lines if several servers failed.
    pub message: String,
    /// What to do next, if anything can be done.
    pub hint: Option<String>,
    /// A statement that fixes it, ready to copy: `GRANT SELECT …`. `hint` says who has to run it.
    pub statement: Option<String>,
    /// The message of a driver, a library or the system, for developers. No secrets.
    pub details: Option<String>,
    /// The server refused the login, and another password may help.
    pub wants_password: bool,
    /// The password source's error.
    pub source: Option<Arc<dyn StdError + Send + Sync>>,
}

impl DirectoryError {
    pub fn new(code: DirectoryCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            hint: None,
            statement: None,
            details: None,
            wants_password: false,
            source: None,
        }
    }

    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds a statement that fixes the problem.
    #[must_use]
    pub fn with_statement(mut self, statement: impl Into<String>) -> Self {
        self.statement = Some(statement.into());
        self
    }

    /// Adds the message of a driver, a library or the system. It must not contain secrets: leave out text that might.
    #[must_use]
    pub fn with_details(mut self, details: impl Into<String>) -> Self {
        self.details = Some(details.into());
        self
    }

    /// Notes that another password may help.
    #[must_use]
    pub(crate) fn wants_password(self) -> Self {
        Self { wants_password: true, ..self }
    }

    /// A bug in Understudy: something happened that was thought to be impossible.
    pub fn internal(what: impl Display) -> Self {
        Self::new(DirectoryCode::Internal, format!("Something went wrong inside Understudy: {what}"))
            .with_hint("Report this, with the steps that led here.")
    }

    /// A file could not be read or written.
    pub(crate) fn from_io(doing: &str, path: &Path, cause: &io::Error) -> Self {
        FileError::from_io(doing, path, cause).into()
    }

    /// The password source failed.
    pub(crate) fn of_password_source(cause: Box<dyn StdError + Send + Sync>) -> Self {
        let message = cause.to_string();
        Self { source: Some(Arc::from(cause)), ..Self::new(DirectoryCode::PasswordFailed, message) }
    }
}

/// An error in the form that snapshots have for review.
#[cfg(test)]
pub(crate) fn write_for_review(case: &str, error: &DirectoryError) -> String {
    let DirectoryError { code, message, hint, statement, details, wants_password, source: _ } = error;
    let password = if *wants_password { ", another password may help" } else { "" };
    let line = |sign: &str, text: &Option<String>| {
        text.as_ref().map(|text| format!("  {sign} {text}\n")).unwrap_or_default()
    };
    let next = [line("→", hint), line("$", statement), line("details:", details)].concat();
    format!("── {case} ({code:?}{password})\n  {message}\n{next}\n")
}

/// Compares everything but the source, which cannot be compared; its message is part of `message`.
impl PartialEq for DirectoryError {
    fn eq(&self, other: &Self) -> bool {
        let told = |error: &Self| {
            let Self { code, message, hint, statement, details, wants_password, source: _ } = error.clone();
            (code, message, hint, statement, details, wants_password)
        };
        told(self) == told(other)
    }
}

impl Eq for DirectoryError {}

impl From<FileError> for DirectoryError {
    fn from(error: FileError) -> Self {
        Self::new(DirectoryCode::FileFailed, error.message).with_hint(error.hint)
    }
}

impl Display for DirectoryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
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
        Ok(())
    }
}

impl StdError for DirectoryError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

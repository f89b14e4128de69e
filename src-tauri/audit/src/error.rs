//! The error type: a code for programs, a sentence for people, and what to do next.

use std::error::Error as StdError;
use std::fmt::{self, Display};
use std::io;
use std::path::Path;
use std::sync::Arc;

use understudy_files::{FileError, WriteError};

/// The result of nearly everything in this crate.
pub type Result<T, E = AuditError> = std::result::Result<T, E>;

/// One code for each kind of error that callers treat differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AuditCode {
    /// The log cannot be read or written, or is none. No session begins without it.
    LogFailed,
    /// The log was closed meanwhile.
    Closed,
    /// Another file could not be read or written.
    FileFailed,
    /// The [`CheckpointKeeper`](super::CheckpointKeeper) failed; its error is the source.
    KeeperFailed,
    /// A bug in Understudy.
    Internal,
}

/// What went wrong, why, and what to do next.
#[derive(Debug, Clone)]
pub struct AuditError {
    pub code: AuditCode,
    /// What happened and why, in one sentence.
    pub message: String,
    /// What to do next, if anything can be done.
    pub hint: Option<String>,
    /// What the system, the database or the keeper failed with.
    pub source: Option<Arc<dyn StdError + Send + Sync>>,
}

impl AuditError {
    pub(crate) fn new(code: AuditCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), hint: None, source: None }
    }

    #[must_use]
    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    #[must_use]
    pub(crate) fn caused_by(mut self, source: impl StdError + Send + Sync + 'static) -> Self {
        self.source = Some(Arc::new(source));
        self
    }

    /// A keeper's own error. `message` is what people are told about it, without what comes next.
    pub fn of_keeper(message: impl Into<String>, source: impl StdError + Send + Sync + 'static) -> Self {
        Self::new(AuditCode::KeeperFailed, message).caused_by(source)
    }

    /// A bug in Understudy: something happened that was thought to be impossible.
    pub(crate) fn internal(what: impl Display) -> Self {
        Self::new(AuditCode::Internal, format!("Something went wrong inside Understudy: {what}"))
            .with_hint("Report this, with the steps that led here.")
    }

    /// A file beside the log, or an export, could not be read or written.
    pub(crate) fn for_file(doing: &str, path: &Path, cause: io::Error) -> Self {
        Self::from(FileError::from_io(doing, path, &cause)).caused_by(cause)
    }
}

impl From<FileError> for AuditError {
    fn from(error: FileError) -> Self {
        Self::new(AuditCode::FileFailed, error.message).with_hint(error.hint)
    }
}

impl From<WriteError> for AuditError {
    fn from(error: WriteError) -> Self {
        Self::for_file(error.doing, &error.path, error.cause)
    }
}

/// `{:#}` adds the causes, for the program's own log. Many libraries quote the error they wrap; such repetitions are
/// left out. A keeper's error is shown as it shows itself.
impl Display for AuditError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let (AuditCode::KeeperFailed, Some(source)) = (self.code, &self.source) {
            return Display::fmt(source, f);
        }
        f.write_str(&self.message)?;
        if let Some(hint) = &self.hint {
            write!(f, "\n{hint}")?;
        }
        let (mut cause, mut last) = (self.source().filter(|_| f.alternate()), String::new());
        while let Some(link) = cause {
            let words = link.to_string();
            if !last.ends_with(&words) {
                write!(f, "\ncaused by: {words}")?;
                last = words;
            }
            cause = link.source();
        }
        Ok(())
    }
}

impl StdError for AuditError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

//! The demo's error type.

use std::fmt::{self, Display};
use std::io;
use std::path::Path;

use understudy_files::FileError;

/// The result of everything here that can fail.
pub type Result<T, E = DemoError> = std::result::Result<T, E>;

/// What happened and why, and what to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DemoError {
    pub message: String,
    pub hint: Option<String>,
}

impl DemoError {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None }
    }

    #[must_use]
    pub(crate) fn with_hint(self, hint: &str) -> Self {
        Self { hint: Some(hint.to_owned()), ..self }
    }

    /// A file could not be read or written.
    pub(crate) fn from_io(doing: &str, path: &Path, cause: &io::Error) -> Self {
        let FileError { message, hint } = FileError::from_io(doing, path, cause);
        Self { message, hint: Some(hint) }
    }

    /// Something has happened that should be impossible.
    pub(crate) fn internal(what: impl Display) -> Self {
        Self::new(format!("Something went wrong inside Understudy: {what}"))
            .with_hint("Report this, with the steps that led here.")
    }
}

impl Display for DemoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        self.hint.as_ref().map_or(Ok(()), |hint| write!(f, "\n{hint}"))
    }
}

impl std::error::Error for DemoError {}

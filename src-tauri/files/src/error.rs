//! The error for a file that cannot be used: what happened, and what to do next.

use std::fmt::{self, Display};
use std::io::{self, ErrorKind};
use std::path::Path;

/// A file could not be read or written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileError {
    /// What happened and why, in one sentence.
    pub message: String,
    /// What to do next.
    pub hint: String,
}

impl FileError {
    pub(crate) fn new(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { message: message.into(), hint: hint.into() }
    }

    /// The error for a failed operation on `path`; `doing` is the operation: `read`, `write`.
    pub fn from_io(doing: &str, path: &Path, cause: &io::Error) -> Self {
        let next = match cause.kind() {
            ErrorKind::StorageFull => "Free some space on the disk, then try again.",
            ErrorKind::QuotaExceeded => {
                "You have used up your share of the disk: delete something, then try again."
            }
            // The file system's maximum file size.
            ErrorKind::FileTooLarge if cfg!(windows) => "Choose a place on another disk, then try again.",
            ErrorKind::FileTooLarge => {
                "No file may become that large here: raise the limit (`ulimit -f`), then try again."
            }
            ErrorKind::ReadOnlyFilesystem => {
                "The disk is read-only: choose another place, or have it changed."
            }
            _ => "Check that the file exists and that you may use it.",
        };
        Self::new(format!("Could not {doing} {}: {}", path.display(), in_words(cause)), next)
    }
}

impl Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n{}", self.message, self.hint)
    }
}

impl std::error::Error for FileError {}

/// Describes the cause. Libraries that wrap the system's error add names of temporary files, which mean nothing to
/// users.
fn in_words(cause: &io::Error) -> String {
    match cause.kind() {
        ErrorKind::Other | ErrorKind::InvalidData => cause.to_string(),
        kind if cause.raw_os_error().is_none() => kind.to_string(),
        _ => cause.to_string(),
    }
}

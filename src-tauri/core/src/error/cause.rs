//! The cause of an error: what a library reported. For the log and `--verbose`, never for the UI.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

/// A library's error, or none. An error whose text may contain a secret is never kept.
///
/// All causes are equal, because two errors are equal if they tell people the same.
#[derive(Clone, Default)]
pub struct ErrorCause(Option<Arc<dyn StdError + Send + Sync>>);

impl ErrorCause {
    pub(super) fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.as_deref().map(|cause| cause as _)
    }

    /// The text of each error in the chain, outermost first. Many libraries quote the error they wrap; such repetitions
    /// are left out.
    pub fn lines(&self) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        let mut link = self.source();
        while let Some(cause) = link {
            let words = cause.to_string();
            if !lines.last().is_some_and(|last| last.ends_with(&words)) {
                lines.push(words);
            }
            link = cause.source();
        }
        lines
    }
}

impl From<Arc<dyn StdError + Send + Sync>> for ErrorCause {
    fn from(cause: Arc<dyn StdError + Send + Sync>) -> Self {
        Self(Some(cause))
    }
}

impl PartialEq for ErrorCause {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for ErrorCause {}

impl fmt::Debug for ErrorCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.lines()).finish()
    }
}

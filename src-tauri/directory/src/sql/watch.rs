//! Whether a table is still the one that was read when the directory was opened.

use crate::config::DirectoryConfig;
use crate::error::Result;
use crate::faults::changed;

/// What tells that a table is still the one that was looked at: an expression that gives another value when its
/// columns or its indexes change, and the value that it gave.
#[derive(Debug)]
pub(crate) struct Watch {
    pub(crate) sql: String,
    pub(crate) seen: Option<String>,
}

impl Watch {
    /// The expression as one column more of a statement.
    pub(crate) fn column(watch: Option<&Self>) -> &str {
        watch.map_or("NULL", |watch| watch.sql.as_str())
    }

    pub(crate) fn holds(watch: Option<&Self>, now: Option<&String>, part: &DirectoryConfig) -> Result<()> {
        match watch {
            Some(watch) if watch.seen.as_ref() != now => {
                Err(changed(part, "its columns or indexes are different"))
            }
            _ => Ok(()),
        }
    }
}

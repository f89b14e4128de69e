//! Detects whether a table has changed since the directory was opened.

use crate::config::DirectoryConfig;
use crate::error::Result;
use crate::faults::table_changed_error;

/// An expression whose value changes when the table's columns or indexes do, and the value it had when the directory
/// was opened.
#[derive(Debug)]
pub(crate) struct TableFingerprint {
    pub(crate) sql: String,
    pub(crate) seen: Option<String>,
}

impl TableFingerprint {
    /// The expression as an additional column of a statement.
    pub(crate) fn select_expression(watch: Option<&Self>) -> &str {
        watch.map_or("NULL", |watch| watch.sql.as_str())
    }

    pub(crate) fn check_unchanged(
        watch: Option<&Self>,
        now: Option<&String>,
        config: &DirectoryConfig,
    ) -> Result<()> {
        match watch {
            Some(watch) if watch.seen.as_ref() != now => {
                Err(table_changed_error(config, "its columns or indexes are different"))
            }
            _ => Ok(()),
        }
    }
}

//! The entries that are sent at a time.

use crate::audit::lines::ChainLine;

/// How many entries are sent at a time, at most.
pub(super) const MOST: u32 = 100;

/// One or more entries of a log, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Batch {
    /// The log's ID.
    pub log: String,
    pub lines: Vec<ChainLine>,
}

impl Batch {
    pub fn first(&self) -> i64 {
        self.lines.first().map_or(0, |line| line.id)
    }

    pub fn last(&self) -> i64 {
        self.lines.last().map_or(0, |line| line.id)
    }

    pub fn last_hash(&self) -> &str {
        self.lines.last().map_or("", |line| &line.hash)
    }
}

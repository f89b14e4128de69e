//! Plans a search: which passes answer it, in which order, and which index each of them uses.
//!
//! Pure. A query becomes a list of *search passes*: tests for rows, in tiers, fastest first. A pass with an index runs
//! at once. A pass without one reads the table if the table is small or the operator asked for it; otherwise only the
//! newest rows are checked, and the result says so.

pub(crate) mod coverage;
pub(crate) mod cursor;
mod planner;
mod request;
mod search_pass;
#[cfg(test)]
mod tests;

use crate::config::DirectoryConfig;
use crate::model::{Info, LeftOut};
use crate::query::Filter;

pub(crate) use planner::{Planner, list_case_variants};
pub(crate) use request::{list_possible_ids, parse_query, resolve_sort};
pub(crate) use search_pass::{AccessPath, MatchKind, Order, PassTest, SearchPass};

/// How many of the newest rows are checked if no index can be used for a test, or if the index has to gather all its
/// matches before they can be ordered. Measured with PostgreSQL 15 and 10 million rows: 0.5 ms when the text is common,
/// 6 ms when it is not among them.
pub(crate) const LOOKED_AT: u32 = 5000;

/// How many rows each of the engines reads and compares per millisecond, at least.
const ROWS_PER_MS: u64 = 1000;

/// A search runs at each keystroke, so it may read a table unasked only if that takes at most a tenth of the time
/// limit.
const PART_OF_LIMIT: u64 = 10;

/// The table's size, and how long it may be read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TableSize {
    /// The estimate or count; `None` if unknown, in which case the table counts as large.
    pub(crate) rows: Option<u64>,
    pub(crate) limit_ms: u32,
}

impl TableSize {
    /// Whether the whole table can be read at every keystroke without a noticeable load.
    pub(crate) fn is_small(self) -> bool {
        self.rows.is_some_and(|rows| rows <= u64::from(self.limit_ms) / PART_OF_LIMIT * ROWS_PER_MS)
    }
}

/// The search passes for a query, in order.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) passes: Vec<SearchPass>,
    /// Every row must pass these, whichever pass finds it.
    pub(crate) filters: Vec<Filter>,
    /// Reported with the last page: what was not searched.
    left_out: Option<LeftOut>,
    /// Reported if there are no matches: spellings that were not tried.
    unfolded: Option<LeftOut>,
}

impl Plan {
    /// A plan that leaves nothing out.
    fn of_passes(passes: Vec<SearchPass>) -> Self {
        Self { passes, filters: Vec::new(), left_out: None, unfolded: None }
    }

    /// What a page reports as not searched. `nobody`: the list is empty.
    pub(crate) fn left_out(self, goes_on: bool, nobody: bool) -> Option<LeftOut> {
        if goes_on {
            return None;
        }
        self.left_out.or(self.unfolded.filter(|_| nobody))
    }
}

/// A trigram index needs at least three letters: <https://www.postgresql.org/docs/current/pgtrgm.html>
pub(crate) fn has_trigram(text: &str) -> bool {
    text.split(|char: char| !char.is_alphanumeric()).any(|run| run.chars().nth(2).is_some())
}

impl Info {
    /// Whether the table is small enough to be read at each keystroke, even without an index. A larger one is
    /// only read in full with [`ListRequest::everywhere`](crate::model::ListRequest::everywhere).
    pub fn is_small(&self, config: &DirectoryConfig) -> bool {
        TableSize { rows: self.estimated_total, limit_ms: config.timeout_ms }.is_small()
    }
}

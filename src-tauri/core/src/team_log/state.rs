//! How far the team's log has this computer's entries, for people.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::error::Error;

/// How far the team's log has this computer's entries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct TeamLogState {
    /// The number of the last entry that it is known to have.
    #[ts(type = "number")]
    pub shipped: i64,
    /// The hash of that entry.
    #[serde(skip)]
    #[ts(skip)]
    pub(super) shipped_hash: String,
    /// How many entries wait to be sent.
    #[ts(type = "number")]
    pub waiting: u64,
    /// When the first of them was written: milliseconds since the Unix epoch.
    #[ts(type = "number | null")]
    pub waiting_since: Option<i64>,
    /// Why they wait; `None` if all is well, or nothing was tried yet.
    pub problem: Option<Error>,
    /// The two logs contradict each other: nothing is sent until a person has looked at it.
    pub is_contradictory: bool,
    /// No session begins before the team's log has its first entry.
    pub is_required: bool,
}

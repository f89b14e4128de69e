//! What happened: append-only, in an embedded SQLite file. No entry, no session.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// How a session came out, as far as it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum Outcome {
    /// Not ended yet.
    Running,
    /// Was signed in and ended.
    Ended,
    /// Never signed in.
    Refused,
}

/// A session of one user as the audit log tells it, newest first in lists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct PastSession {
    pub session: String,
    pub operator: String,
    pub reason: String,
    pub outcome: Outcome,
    /// Milliseconds since the Unix epoch.
    #[ts(type = "number")]
    pub started_at: i64,
    /// Milliseconds since the Unix epoch.
    #[ts(type = "number | null")]
    pub ended_at: Option<i64>,
}

//! One impersonation, from Opening to Ended: a pure state machine. Time is passed in.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::connection::Environment;

/// Where a session stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum Phase {
    /// The window is open and the sign-in is under way.
    Opening,
    /// The application refused; the window shows why and offers Retry.
    Refused,
    /// Signed in: the window shows the application.
    Active,
    /// Signing out; the window closes by itself.
    Ending,
}

/// Who is impersonated, for titles and lists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct UserLabel {
    pub id: String,
    pub name: Option<String>,
    pub email: Option<String>,
}

/// A session as the console and its bar show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct SessionView {
    pub id: String,
    /// Id of the connection.
    pub connection: String,
    pub connection_name: String,
    pub environment: Environment,
    pub user: UserLabel,
    /// What the operator gave; empty when the policy did not ask.
    pub reason: String,
    pub phase: Phase,
    /// Milliseconds since the Unix epoch.
    #[ts(type = "number")]
    pub started_at: i64,
    /// Milliseconds since the Unix epoch; `None` until signed in.
    #[ts(type = "number | null")]
    pub active_at: Option<i64>,
    /// Milliseconds since the Unix epoch; when it ends by itself. `None`: no limit.
    #[ts(type = "number | null")]
    pub deadline: Option<i64>,
}

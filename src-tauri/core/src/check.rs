//! What a connection is worth before anybody relies on it: `understudy check` and the form's test button.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::directory::{Info, Row};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum Status {
    Ok,
    /// Works, but the lead should know.
    Warning,
    Failed,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Step {
    /// "Connection file", "Secrets", "Directory", "Columns", "Users", "Sign-in".
    pub title: String,
    pub status: Status,
    /// What was found.
    pub detail: String,
    /// What to do next.
    pub hint: Option<String>,
}

/// All that `check` found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Report {
    /// No step failed.
    pub ok: bool,
    pub steps: Vec<Step>,
    /// What the directory holds; `None` when it could not be opened.
    pub info: Option<Info>,
    /// The newest few users, as a preview.
    pub sample: Vec<Row>,
}

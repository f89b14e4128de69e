//! What is reported about connection files: the list's entries, files that cannot be used, and a file opened for
//! editing.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::config::{ConnectionFile, Environment, ReasonRule};
use crate::error::{Error, FileFault};

/// Where a connection comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum ConnectionSource {
    /// The operator's own file.
    Own,
    /// From IT's folder; shown locked.
    System,
    /// The demo, which exists until Understudy quits.
    Demo,
}

/// A connection, as listed in the rail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
#[allow(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct ConnectionSummary {
    /// The file's name without `.toml`, and the start of its accounts in the keyring.
    pub id: String,
    pub name: String,
    pub environment: Environment,
    pub source: ConnectionSource,
    pub reason: ReasonRule,
    /// How many minutes a session may last; `None`: no limit.
    pub max_minutes: Option<u32>,
    /// Before a session begins, a colleague has to approve it.
    pub needs_approval: bool,
    /// It may begin without, with a reason.
    pub may_break_glass: bool,
    /// The database's name for display: "PostgreSQL", "MySQL", "SQLite".
    pub engine: String,
    /// The sign-in dialog may ask for more than a reason.
    pub has_form: bool,
    /// There is a page about each user in the team's own tool.
    pub has_user_page: bool,
}

/// A file in the connections folder that cannot be used, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct ConnectionProblem {
    pub id: String,
    pub path: String,
    /// The sentence for people, with line, column and key.
    pub message: String,
    /// The same faults, one by one; empty if the text is not the cause.
    pub faults: Vec<FileFault>,
}

/// A connection opened for editing, as text and as the form's values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct ConnectionDraft {
    /// The file's text, including its comments.
    pub text: String,
    /// The text's values; `None` if it cannot be parsed.
    pub file: Option<ConnectionFile>,
    /// Why the text cannot be used as it is; `None` if it can.
    pub problem: Option<Error>,
    pub source: ConnectionSource,
}

//! An entry of the team's log, as far as colleagues matter. Other consoles wrote it, perhaps other versions.

use serde::Deserialize;

use super::broken_glass::GlassKey;
use crate::access::SessionMode;
use crate::audit::OperatorIdentity;

/// A row of the team's log.
#[derive(Debug, Clone)]
pub(super) struct TeamEntry {
    /// The ID of the console's own log.
    pub(super) log: String,
    /// The entry's number in it.
    pub(super) id: i64,
    /// The database role that wrote it.
    pub(super) written_by: String,
    /// By the database's clock, in milliseconds since the Unix epoch.
    pub(super) written_at_ms: i64,
    /// What a console of this log holds a lock on while it is connected.
    pub(super) console: i32,
    pub(super) entry: LoggedEntry,
}

/// The columns of an entry, by the names that [the chain](crate::audit) gives them.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct LoggedEntry {
    pub(super) at_ms: i64,
    pub(super) event: String,
    pub(super) session: Option<String>,
    pub(super) connection: Option<String>,
    pub(super) connection_name: Option<String>,
    pub(super) user_id: Option<String>,
    pub(super) user_name: Option<String>,
    pub(super) user_email: Option<String>,
    pub(super) reason: Option<String>,
    pub(super) detail: Option<String>,
    pub(super) mode: Option<String>,
    pub(super) ticket: Option<String>,
    operator_name: Option<String>,
    operator_email: Option<String>,
    os_user: Option<String>,
    pub(super) host: Option<String>,
}

impl TeamEntry {
    /// `None` if this is not an entry as Understudy writes them.
    pub(super) fn parse(
        log: &str,
        id: i64,
        written_by: &str,
        written_at_ms: i64,
        console: i32,
        line: &str,
    ) -> Option<Self> {
        let entry = serde_json::from_str(line).ok()?;
        let (log, written_by) = (log.to_owned(), written_by.to_owned());
        Some(Self { log, id, written_by, written_at_ms, console, entry })
    }
}

impl TeamEntry {
    pub(super) fn to_glass_key(&self) -> GlassKey {
        (self.written_at_ms, self.log.clone(), self.id)
    }
}

impl LoggedEntry {
    /// Who wrote it, by their settings and their computer.
    pub(super) fn operator(&self) -> OperatorIdentity {
        OperatorIdentity {
            operator_name: self.operator_name.clone().unwrap_or_default(),
            operator_email: self.operator_email.clone().unwrap_or_default(),
            os_user: self.os_user.clone().unwrap_or_default(),
            host: self.host.clone().unwrap_or_default(),
        }
    }

    pub(super) fn session_mode(&self) -> Option<SessionMode> {
        match self.mode.as_deref()? {
            "read_only" => Some(SessionMode::ReadOnly),
            "full" => Some(SessionMode::Full),
            _ => None,
        }
    }
}

//! The requests for approval of this log that have not ended: neither was their approval used, nor does the log say that
//! they have expired.

use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use crate::console_entry::{NamedConnection, NamedUser, RequestName};
use crate::entry::find_environment;
use crate::error::Result;
use crate::{AuditLog, read_error};

/// How many of the last entries are looked at. A request lasts minutes.
const LOOKED_AT: i64 = 10_000;

/// A request for approval that has not ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenRequest {
    pub name: RequestName,
    /// When it was asked: milliseconds since the Unix epoch.
    pub at_ms: i64,
    pub connection: NamedConnection,
    pub user: NamedUser,
}

/// How a request for approval has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndOfRequest {
    /// Its approval was used.
    Used,
    /// It can no longer be approved, or its approval used.
    Expired,
}

impl EndOfRequest {
    pub(super) const USED: &str = "approval_used";
    pub(super) const EXPIRED: &str = "approval_expired";

    /// What an event says about a request; `None` if it does not end one.
    pub fn from_event(event: &str) -> Option<Self> {
        match event {
            Self::USED => Some(Self::Used),
            Self::EXPIRED => Some(Self::Expired),
            _ => None,
        }
    }
}

impl AuditLog {
    /// The requests among the last entries that have not ended.
    pub async fn list_open_requests(&self) -> Result<Vec<OpenRequest>> {
        let rows = sqlx::query(
            "SELECT (SELECT id FROM log) AS log, id, at_ms, connection, connection_name, environment,
                 user_id, user_name, user_email
             FROM entries AS asked
             WHERE event = 'approval_asked' AND id > (SELECT max(id) FROM entries) - ?
                 AND NOT EXISTS (
                     SELECT 1 FROM entries AS ended
                     WHERE ended.id > asked.id AND ended.event IN ('approval_used', 'approval_expired')
                         AND json_extract(ended.detail, '$.id') = asked.id)
             ORDER BY id",
        )
        .bind(LOOKED_AT)
        .fetch_all(&self.held.current_pool().await?)
        .await
        .map_err(read_error)?;
        let requests = rows.iter().map(read_request).collect::<sqlx::Result<Vec<_>>>();
        Ok(requests.map_err(read_error)?.into_iter().flatten().collect())
    }
}

/// `None` if it lacks what a request names.
fn read_request(row: &SqliteRow) -> sqlx::Result<Option<OpenRequest>> {
    let (Some(connection), Some(user)): (Option<String>, Option<String>) =
        (row.try_get("connection")?, row.try_get("user_id")?)
    else {
        return Ok(None);
    };
    let environment: Option<String> = row.try_get("environment")?;
    Ok(Some(OpenRequest {
        name: RequestName { log: row.try_get("log")?, id: row.try_get("id")? },
        at_ms: row.try_get("at_ms")?,
        connection: NamedConnection {
            id: connection,
            name: row.try_get("connection_name")?,
            environment: environment.as_deref().and_then(find_environment),
        },
        user: NamedUser { id: user, name: row.try_get("user_name")?, email: row.try_get("user_email")? },
    }))
}

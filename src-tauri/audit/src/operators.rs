//! Who the log's last entries are by.

use serde::Deserialize;

use crate::entry::OperatorIdentity;
use crate::error::Result;
use crate::{AuditLog, read_error};

/// How many of the last entries are looked at: others of this home may have written since.
const LOOKED_AT: i64 = 10_000;

/// What an entry about another name says.
#[derive(Deserialize)]
struct NewName {
    name: String,
    email: String,
}

impl AuditLog {
    /// As whom this account on this computer wrote the last of its entries, or said there that it would from then on;
    /// `None` if it wrote none of late. Entries of sessions don't count: those keep the name with which they began.
    pub async fn find_last_operator(&self, account: &OperatorIdentity) -> Result<Option<OperatorIdentity>> {
        let row: Option<(String, String, String, Option<String>)> = sqlx::query_as(
            "SELECT operator_name, operator_email, event, detail FROM entries
             WHERE id > (SELECT coalesce(max(id), 0) FROM entries) - ? AND session IS NULL AND os_user = ?
                AND host = ?
             ORDER BY id DESC LIMIT 1",
        )
        .bind(LOOKED_AT)
        .bind(&account.os_user)
        .bind(&account.host)
        .fetch_optional(&self.held.current_pool().await?)
        .await
        .map_err(read_error)?;
        Ok(row.map(|(name, email, event, detail)| {
            let changed = detail.filter(|_| event == "operator_changed");
            let changed = changed.and_then(|detail| serde_json::from_str(&detail).ok());
            let NewName { name, email } = changed.unwrap_or(NewName { name, email });
            OperatorIdentity { operator_name: name, operator_email: email, ..account.clone() }
        }))
    }
}

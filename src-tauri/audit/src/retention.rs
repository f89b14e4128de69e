//! Removes entries that have been kept for long enough. What is left can be verified as before.
//!
//! First, an entry says which ones go, up to which hash, and why; only then does the file's trigger let them go. Their
//! links stay: a hash tells nobody what an entry said, and the first entry that is left is linked to the one before it.
//! What goes is signed with the keyring's key, so another program cannot remove entries and say that it was this.

use sqlx::sqlite::SqlitePool;

use crate::chain::{Columns, render_canonical};
use crate::checkpoint_keeper::CheckpointKeeper;
use crate::checkpoints::{CheckpointKey, is_signature};
use crate::console_entry::{ConsoleEntry, ConsoleEvent};
use crate::entry::OperatorIdentity;
use crate::error::{AuditError, Result};
use crate::{AuditLog, file, read_error};

/// How many entries are removed at a time. Between them, others may write.
const PORTION: i64 = 1_000;

const MS_PER_DAY: i64 = 24 * 60 * 60 * 1_000;

impl AuditLog {
    /// Removes the entries that are older than `keep_days`, the oldest ones up to the first that is not, and finishes a
    /// removal that was interrupted. Entries of sessions that have not ended stay, as do all after them, and those after
    /// `shipped`, if it is some number: others do not have them yet.
    ///
    /// Returns how many were removed. Opens no window: fails if the keyring is locked. Fails with
    /// [`AuditCode::LogFailed`](super::AuditCode::LogFailed) if the file cannot be written.
    pub async fn remove_old_entries(
        &self,
        keeper: &dyn CheckpointKeeper,
        who: &OperatorIdentity,
        keep_days: u32,
        shipped: Option<i64>,
        now_ms: i64,
    ) -> Result<u64> {
        let pool = self.held.current_pool().await?;
        let key = CheckpointKey::open(keeper).await?;
        let own_key = key.public_key();
        let mut removed = finish_removal(&pool, &own_key).await.map_err(remove_error)?;
        let before = now_ms.saturating_sub(i64::from(keep_days) * MS_PER_DAY);
        let through = find_last_removable(&pool, before).await.map_err(read_error)?;
        let through = shipped.map_or(through, |shipped| through.min(shipped));
        let has_any: bool = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM entries WHERE id <= ?)")
            .bind(through)
            .fetch_one(&pool)
            .await
            .map_err(read_error)?;
        if has_any {
            let (log, hash): (String, String) =
                sqlx::query_as("SELECT (SELECT id FROM log), hash FROM links WHERE entry = ?")
                    .bind(through)
                    .fetch_one(&pool)
                    .await
                    .map_err(read_error)?;
            let signature = key.sign_statement(&render_removal(&log, through, &hash));
            let key = own_key.clone();
            let event = ConsoleEvent::EntriesRemoved { through, hash, keep_days, key, signature };
            self.append_console_entry(&ConsoleEntry::new(now_ms, who.clone(), event)).await?;
            removed += finish_removal(&pool, &own_key).await.map_err(remove_error)?;
        }
        Ok(removed)
    }
}

/// What is signed. `log`: the log's ID.
fn render_removal(log: &str, through: i64, hash: &str) -> String {
    let columns = Columns::from([("hash", hash.into()), ("log", log.into()), ("through", through.into())]);
    format!("understudy audit removal\n{}", render_canonical(&columns))
}

/// Whether a removal is signed by the key that it names. `log`: the log's ID.
pub(super) fn is_signed_removal(log: &str, through: i64, hash: &str, key: &str, signature: &str) -> bool {
    is_signature(key, signature, &render_removal(log, through, hash))
}

/// The last entry before the first that must stay; 0 if the first one must.
async fn find_last_removable(pool: &SqlitePool, before_ms: i64) -> sqlx::Result<i64> {
    sqlx::query_scalar(
        "SELECT min(first) - 1 FROM (
             SELECT id AS first FROM (SELECT id FROM entries WHERE at_ms >= ?1 ORDER BY id LIMIT 1)
             UNION ALL
             SELECT id FROM (
                 SELECT begun.id FROM entries AS begun
                 WHERE begun.event = 'begun' AND NOT EXISTS (
                     SELECT 1 FROM entries AS ended WHERE ended.session = begun.session AND ended.event = 'ended')
                 ORDER BY begun.id LIMIT 1)
             UNION ALL
             SELECT max(id) + 1 FROM entries
         ) WHERE first IS NOT NULL",
    )
    .bind(before_ms)
    .fetch_one(pool)
    .await
    .map(|through: Option<i64>| through.unwrap_or_default())
}

/// Removes what an entry says is removed. Only if `own_key` has signed it: another program may have put it there.
async fn finish_removal(pool: &SqlitePool, own_key: &str) -> sqlx::Result<u64> {
    let log: String = sqlx::query_scalar("SELECT id FROM log").fetch_one(pool).await?;
    let records: Vec<(i64, String, String)> = sqlx::query_as(
        "SELECT id, event, detail FROM entries WHERE event = 'entries_removed' ORDER BY id DESC",
    )
    .fetch_all(pool)
    .await?;
    let signed = records.into_iter().find_map(|(id, event, detail)| {
        match ConsoleEvent::from_columns(&event, &detail)? {
            ConsoleEvent::EntriesRemoved { through, hash, key, signature, .. }
                if through < id
                    && key == own_key
                    && is_signed_removal(&log, through, &hash, &key, &signature) =>
            {
                Some(through)
            }
            _ => None,
        }
    });
    let Some(through) = signed else { return Ok(0) };
    // What was in the file's free pages is overwritten, too.
    sqlx::query("PRAGMA secure_delete = ON").execute(pool).await?;
    let mut removed = 0;
    loop {
        // The oldest first: an interruption leaves a gap at the beginning only.
        let gone = sqlx::query(
            "DELETE FROM entries WHERE id IN (SELECT id FROM entries WHERE id <= ? ORDER BY id LIMIT ?)",
        )
        .bind(through)
        .bind(PORTION)
        .execute(pool)
        .await?
        .rows_affected();
        removed += gone;
        if gone == 0 {
            return Ok(removed);
        }
    }
}

fn remove_error(cause: sqlx::Error) -> AuditError {
    file::audit_error("remove old entries of the audit log", cause)
}

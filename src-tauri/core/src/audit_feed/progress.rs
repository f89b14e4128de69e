//! How far the team's systems have a log, and what they lack, for `understudy audit check`. Sends nothing.

use std::path::Path;

use super::FeedKind;
use super::cursor::CursorFile;
use super::request::{self, FeedTarget};
use crate::audit::AuditLog;
use crate::audit::lines::EntriesAfter;
use crate::error::{Result, SecretName};
use crate::team::{TEAM, TeamAuditConfig};
use crate::vault::{SecretState, Vault};

/// How far a system has a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedProgress {
    pub kind: FeedKind,
    /// Where it is.
    pub origin: String,
    /// The number of the last entry that it has acknowledged.
    pub acknowledged: i64,
    pub waiting: EntriesAfter,
    /// Its secrets that are not stored.
    pub missing: Vec<String>,
}

/// Of each system that the team file names. `folder` has the cursors.
pub async fn read_progress(
    config: &TeamAuditConfig,
    audit: &AuditLog,
    vault: &Vault,
    folder: &Path,
) -> Result<Vec<FeedProgress>> {
    let lines = audit.lines();
    let log = lines.log_id().await?;
    let mut found = Vec::new();
    for target in FeedTarget::list(config) {
        let cursor =
            CursorFile::new(folder.to_owned(), target.kind().as_str(), target.url()).load(&log).await?;
        let mut missing = Vec::new();
        for name in request::secret_names(&target) {
            if vault.secret_state(&SecretName::new(TEAM, &name)).await? == SecretState::Missing {
                missing.push(name);
            }
        }
        found.push(FeedProgress {
            kind: target.kind(),
            origin: target.origin(),
            acknowledged: cursor.acknowledged,
            waiting: lines.count_after(cursor.acknowledged).await?,
            missing,
        });
    }
    Ok(found)
}

/// The number of the last entry that all systems have acknowledged; `None` if the team file names none.
pub async fn read_acknowledged_by_all(
    config: &TeamAuditConfig,
    audit: &AuditLog,
    folder: &Path,
) -> Result<Option<i64>> {
    let lines = audit.lines();
    let log = lines.log_id().await?;
    let mut least: Option<i64> = None;
    for target in FeedTarget::list(config) {
        let cursor =
            CursorFile::new(folder.to_owned(), target.kind().as_str(), target.url()).load(&log).await?;
        // What another file had in the log's place was acknowledged, but nothing of this one.
        let acknowledged = if lines.has_link(&cursor.last_link()).await? { cursor.acknowledged } else { 0 };
        least = Some(least.map_or(acknowledged, |least| least.min(acknowledged)));
    }
    Ok(least)
}

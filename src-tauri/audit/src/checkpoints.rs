//! Checkpoints: signatures of the chain's latest hash, with a key that is in the keyring. Whoever can write to the file but
//! not to the keyring cannot compute the chain anew without its last checkpoint telling.
//!
//! The keyring also remembers the last checkpoint of each log, so that a log that was cut off, deleted or replaced by an
//! older copy is found out. A keyring that is locked or absent holds nothing up: the next checkpoint covers what this
//! one would have.

use std::path::Path;
use std::sync::Arc;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::chain::{Columns, from_hex, render_canonical, to_hex};
use crate::checkpoint_keeper::CheckpointKeeper;
use crate::error::{AuditError, Result};
use crate::open_log::OpenLog;
use crate::{AuditLog, file, read_error};

/// A checkpoint is due after this many entries even if no session ends.
const EVERY: i64 = 1_000;

/// What the keeper keeps: the key, and the last checkpoints.
const KEY: &str = "audit/key";
const LAST: &str = "audit/checkpoints";

/// The most logs that the keyring remembers; those that were written to last.
const MOST_LOGS: usize = 8;

/// A signature of the chain up to an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The entry's number.
    pub entry: i64,
    /// Milliseconds since the Unix epoch.
    pub at_ms: i64,
    /// The entry's hash, in hexadecimal digits.
    pub hash: String,
    /// The public key, in hexadecimal digits.
    pub key: String,
    /// In hexadecimal digits.
    pub signature: String,
}

impl Checkpoint {
    /// What is signed. `log`: the log's ID.
    fn render_statement(&self, log: &str) -> String {
        let columns = Columns::from([
            ("at_ms", self.at_ms.into()),
            ("entry", self.entry.into()),
            ("hash", self.hash.clone().into()),
            ("log", log.into()),
        ]);
        format!("understudy audit checkpoint\n{}", render_canonical(&columns))
    }

    /// Whether the signature is of this key and this log.
    pub(super) fn is_signed(&self, log: &str) -> bool {
        is_signature(&self.key, &self.signature, &self.render_statement(log))
    }
}

/// Whether `signature` is that of `key` under a statement; both in hexadecimal digits.
pub(super) fn is_signature(key: &str, signature: &str, statement: &str) -> bool {
    let (Some(key), Some(signature)) = (from_hex(key), from_hex(signature)) else {
        return false;
    };
    UnparsedPublicKey::new(&ED25519, key).verify(statement.as_bytes(), &signature).is_ok()
}

/// The key that signs checkpoints.
pub struct CheckpointKey(Ed25519KeyPair);

impl CheckpointKey {
    /// The key of this account, from the keyring; made if there is none. Opens no window: fails if the keyring is locked.
    pub async fn open(keeper: &dyn CheckpointKeeper) -> Result<Self> {
        let kept = if let Some(kept) = keeper.read_kept(KEY).await? {
            kept
        } else {
            let made = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).map_err(AuditError::internal)?;
            let made = SecretString::from(to_hex(made.as_ref()));
            keeper.write_kept(KEY, &made).await?;
            // Another console may have done the same at this moment; the keyring has the one that counts.
            keeper.read_kept(KEY).await?.unwrap_or(made)
        };
        let bytes = secrecy::zeroize::Zeroizing::new(from_hex(kept.expose_secret()).unwrap_or_default());
        Ed25519KeyPair::from_pkcs8(&bytes).map(Self).map_err(AuditError::internal)
    }

    /// In hexadecimal digits.
    pub(super) fn public_key(&self) -> String {
        to_hex(self.0.public_key().as_ref())
    }

    fn sign(&self, log: &str, entry: i64, hash: String, at_ms: i64) -> Checkpoint {
        let unsigned = Checkpoint { entry, at_ms, hash, key: self.public_key(), signature: String::new() };
        Checkpoint { signature: self.sign_statement(&unsigned.render_statement(log)), ..unsigned }
    }

    /// In hexadecimal digits.
    pub(super) fn sign_statement(&self, statement: &str) -> String {
        to_hex(self.0.sign(statement.as_bytes()).as_ref())
    }
}

/// What the keyring remembers of a log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RememberedLog {
    /// The log's ID.
    pub log: String,
    /// Where its file was.
    pub path: String,
    /// The number of its last entry with a checkpoint.
    pub entry: i64,
    /// That entry's hash.
    pub hash: String,
    /// When the checkpoint was made: milliseconds since the Unix epoch.
    pub at_ms: i64,
}

/// The logs that the keyring remembers, the one with the latest checkpoint first. Opens no window: fails if the keyring is
/// locked.
pub async fn recall_logs(keeper: &dyn CheckpointKeeper) -> Result<Vec<RememberedLog>> {
    let Some(kept) = keeper.read_kept(LAST).await? else { return Ok(Vec::new()) };
    serde_json::from_str(kept.expose_secret()).map_err(AuditError::internal)
}

/// The public key of the keyring's own key; `None` if there is none yet. Opens no window.
pub(super) async fn recall_public_key(keeper: &dyn CheckpointKeeper) -> Result<Option<String>> {
    match keeper.read_kept(KEY).await? {
        Some(_) => Ok(Some(CheckpointKey::open(keeper).await?.public_key())),
        None => Ok(None),
    }
}

async fn remember_log(keeper: &dyn CheckpointKeeper, latest: RememberedLog) -> Result<()> {
    let mut logs = recall_logs(keeper).await?;
    if logs.first() == Some(&latest) {
        return Ok(());
    }
    logs.retain(|one| one.log != latest.log);
    logs.insert(0, latest);
    logs.truncate(MOST_LOGS);
    let text = serde_json::to_string(&logs).map_err(AuditError::internal)?;
    keeper.write_kept(LAST, &SecretString::from(text)).await
}

/// Tells when a checkpoint is due. Whoever listens holds no part of the log.
#[derive(Debug)]
pub(super) struct DueCheckpoint(watch::Sender<()>);

impl Default for DueCheckpoint {
    fn default() -> Self {
        Self(watch::Sender::new(()))
    }
}

impl DueCheckpoint {
    /// `ends`: the entry is the end of a session.
    pub(super) fn note_entry(&self, number: i64, ends: bool) {
        if number % EVERY == 0 || ends {
            self.0.send_replace(());
        }
    }
}

impl AuditLog {
    /// Makes a checkpoint now, and whenever one is due, for as long as the log is open. That is a task of its own: no
    /// session waits for a keyring. `read_time`: milliseconds since the Unix epoch.
    pub fn keep_checkpoints(
        &self,
        keeper: impl CheckpointKeeper + 'static,
        read_time: impl Fn() -> i64 + Send + Sync + 'static,
    ) {
        let mut due = self.due.0.subscribe();
        let held = Arc::downgrade(&self.held);
        tokio::spawn(async move {
            loop {
                // Not the whole log: it would count as open for as long as the keyring takes.
                let Some(held) = held.upgrade() else { return };
                if let Err(error) = make_checkpoint(&held, &keeper, read_time()).await {
                    tracing::info!("no checkpoint of the audit log now: {error:#}");
                }
                drop(held);
                if due.changed().await.is_err() {
                    return;
                }
            }
        });
    }

    /// Signs the latest entry, and has the keyring remember it. `None` if there is no entry, or if it has a checkpoint.
    /// Opens no window: fails if the keyring is locked.
    pub async fn add_checkpoint(
        &self,
        keeper: &dyn CheckpointKeeper,
        at_ms: i64,
    ) -> Result<Option<Checkpoint>> {
        make_checkpoint(&self.held, keeper, at_ms).await
    }
}

async fn make_checkpoint(
    held: &OpenLog,
    keeper: &dyn CheckpointKeeper,
    at_ms: i64,
) -> Result<Option<Checkpoint>> {
    let key = CheckpointKey::open(keeper).await?;
    let pool = held.current_pool().await?;
    let latest: Option<(String, i64, String)> =
        sqlx::query_as("SELECT (SELECT id FROM log), entry, hash FROM links ORDER BY entry DESC LIMIT 1")
            .fetch_optional(&pool)
            .await
            .map_err(read_error)?;
    let Some((log, entry, hash)) = latest else { return Ok(None) };
    let path = display_path(held.path());
    let before: Option<i64> =
        sqlx::query_scalar("SELECT at_ms FROM checkpoints WHERE entry = ? AND hash = ? AND key = ?")
            .bind(entry)
            .bind(&hash)
            .bind(key.public_key())
            .fetch_optional(&pool)
            .await
            .map_err(read_error)?;
    if let Some(at_ms) = before {
        // The keyring may not have taken it then.
        remember_log(keeper, RememberedLog { log, path, entry, hash, at_ms }).await?;
        return Ok(None);
    }
    let made = key.sign(&log, entry, hash, at_ms);
    sqlx::query("INSERT INTO checkpoints (entry, at_ms, hash, key, signature) VALUES (?, ?, ?, ?, ?)")
        .bind(made.entry)
        .bind(made.at_ms)
        .bind(&made.hash)
        .bind(&made.key)
        .bind(&made.signature)
        .execute(&pool)
        .await
        .map_err(|cause| file::audit_error("write a checkpoint to the audit log", cause))?;
    remember_log(keeper, RememberedLog { log, path, entry, hash: made.hash.clone(), at_ms }).await?;
    Ok(Some(made))
}

/// How the keyring keeps a log's place.
pub(super) fn display_path(path: &Path) -> String {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned()).display().to_string()
}

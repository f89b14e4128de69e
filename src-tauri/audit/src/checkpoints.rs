//! Checkpoints: signatures of the chain's latest hash, with a key that is in the keyring. Whoever can write to the file but
//! not to the keyring cannot compute the chain anew without its last checkpoint telling.
//!
//! The keyring also remembers the last checkpoint of each log (`keyring_memory`), so that a log that was cut off, deleted
//! or replaced by an older copy is found out. Before anything is signed, the log is compared with that. A keyring that is locked or absent holds nothing up: the next checkpoint covers what this
//! one would have.

use std::path::Path;
use std::sync::Arc;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use secrecy::{ExposeSecret, SecretString};
use sqlx::sqlite::SqlitePool;
use tokio::sync::watch;

use crate::chain::{Columns, EntryLink, from_hex, render_canonical, to_hex};
use crate::checkpoint_keeper::CheckpointKeeper;
use crate::error::{AuditError, Result};
use crate::keyring_memory::{KeyringMemory, RememberedLog, no_room_error};
use crate::log_break::{LogBreak, add_break};
use crate::open_log::OpenLog;
use crate::{AuditLog, file, read_error};

/// A checkpoint is due after this many entries even if no session ends.
const EVERY: i64 = 1_000;

/// What the keeper keeps the key under.
const KEY: &str = "audit/key";

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

/// The public key of the keyring's own key; `None` if there is none yet. Opens no window.
pub(super) async fn recall_public_key(keeper: &dyn CheckpointKeeper) -> Result<Option<String>> {
    match keeper.read_kept(KEY).await? {
        Some(_) => Ok(Some(CheckpointKey::open(keeper).await?.public_key())),
        None => Ok(None),
    }
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
    /// session waits for a keyring. `read_time`: milliseconds since the Unix epoch. `tell` is for the operator: the log
    /// lacks what was signed, which is told once; or the keyring has no room for it, which is told once in each run.
    pub fn keep_checkpoints(
        &self,
        keeper: impl CheckpointKeeper + 'static,
        read_time: impl Fn() -> i64 + Send + Sync + 'static,
        tell: impl Fn(AuditError) + Send + Sync + 'static,
    ) {
        let mut due = self.due.0.subscribe();
        let held = Arc::downgrade(&self.held);
        let mut is_told_of_room = false;
        tokio::spawn(async move {
            loop {
                // Not the whole log: it would count as open for as long as the keyring takes.
                let Some(held) = held.upgrade() else { return };
                match make_checkpoint(&held, &keeper, read_time(), true).await {
                    Ok(made) => {
                        made.untold.iter().for_each(|missed| tell(missed.to_error()));
                        if !made.is_remembered && !std::mem::replace(&mut is_told_of_room, true) {
                            tell(no_room_error());
                        }
                    }
                    Err(error) => tracing::info!("no checkpoint of the audit log now: {error:#}"),
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
        Ok(make_checkpoint(&self.held, keeper, at_ms, false).await?.checkpoint)
    }
}

struct MadeCheckpoint {
    /// `None` if there is no entry, or if the latest one has a checkpoint already.
    checkpoint: Option<Checkpoint>,
    /// What the log lacks, as far as it is up to the caller to tell the operator.
    untold: Vec<LogBreak>,
    /// `false`: the keyring has no room for the log.
    is_remembered: bool,
}

/// `tells`: the caller tells the operator of what the log lacks.
async fn make_checkpoint(
    held: &OpenLog,
    keeper: &dyn CheckpointKeeper,
    at_ms: i64,
    tells: bool,
) -> Result<MadeCheckpoint> {
    // Before the file: both only grow, so what is remembered is in the file, unless somebody took it out.
    let memory = KeyringMemory::recall(keeper, held.path()).await?;
    let key = CheckpointKey::open(keeper).await?;
    let pool = held.current_pool().await?;
    let (log, latest) = read_end(&pool).await.map_err(read_error)?;
    let path = display_path(held.path());
    let own_key = key.public_key();
    let mut before = memory.find(&log).cloned();
    if let Some(known) = &mut before
        && let Some(found) = find_break(&pool, known, &latest, &own_key, at_ms).await.map_err(read_error)?
    {
        tracing::error!("{}", found.to_error());
        add_break(&mut known.missed, found);
    }
    let mut untold = Vec::new();
    for missed in before.iter_mut().flat_map(|known| &mut known.missed).filter(|one| tells && !one.told) {
        missed.told = true;
        untold.push(missed.clone());
    }
    let EntryLink { number: entry, hash } = latest;
    if entry == 0 {
        if let Some(known) = before {
            memory.remember(known, at_ms).await?;
        }
        return Ok(MadeCheckpoint { checkpoint: None, untold, is_remembered: true });
    }
    let missed = before.map(|known| known.missed).unwrap_or_default();
    let signed: Option<(i64, String)> =
        sqlx::query_as("SELECT at_ms, signature FROM checkpoints WHERE entry = ? AND hash = ? AND key = ?")
            .bind(entry)
            .bind(&hash)
            .bind(&own_key)
            .fetch_optional(&pool)
            .await
            .map_err(read_error)?;
    let signed = signed
        .map(|(at_ms, signature)| Checkpoint {
            entry,
            at_ms,
            hash: hash.clone(),
            key: own_key.clone(),
            signature,
        })
        .filter(|checkpoint| checkpoint.is_signed(&log));
    let signed_at = signed.as_ref().map(|checkpoint| checkpoint.at_ms);
    let checkpoint = if signed.is_some() {
        None
    } else {
        let made = key.sign(&log, entry, hash.clone(), at_ms);
        // There may be one of an entry that was here before, or one that another program has put there. It stays, as
        // evidence; the keyring remembers the entry all the same.
        sqlx::query(
            "INSERT INTO checkpoints (entry, at_ms, hash, key, signature) SELECT ?1, ?2, ?3, ?4, ?5
             WHERE NOT EXISTS (SELECT 1 FROM checkpoints WHERE entry = ?1 AND key = ?4)",
        )
        .bind(made.entry)
        .bind(made.at_ms)
        .bind(&made.hash)
        .bind(&made.key)
        .bind(&made.signature)
        .execute(&pool)
        .await
        .map_err(|cause| file::audit_error("write a checkpoint to the audit log", cause))?;
        Some(made)
    };
    // Also if it has a checkpoint: the keyring may not have taken it then.
    let signed_at = signed_at.unwrap_or(at_ms);
    let latest =
        RememberedLog { log, path, first_path: None, entry, hash, at_ms: signed_at, missed, replaced: false };
    let is_remembered = memory.remember(latest, at_ms).await?;
    if !is_remembered {
        tracing::error!("{}", no_room_error());
    }
    Ok(MadeCheckpoint { checkpoint, untold, is_remembered })
}

/// The log's ID and its last entry; number 0 if it has none. A link that is left says nothing about its entry.
async fn read_end(pool: &SqlitePool) -> sqlx::Result<(String, EntryLink)> {
    let (log, number, hash): (String, Option<i64>, Option<String>) = sqlx::query_as(
        "SELECT id, entry, hash FROM log LEFT JOIN (
             SELECT entry, hash FROM links WHERE EXISTS (SELECT 1 FROM entries WHERE entries.id = links.entry)
             ORDER BY entry DESC LIMIT 1)",
    )
    .fetch_one(pool)
    .await?;
    Ok((log, EntryLink { number: number.unwrap_or_default(), hash: hash.unwrap_or_default() }))
}

/// What the log lacks of what the keyring remembers. Its last entry is never one that was removed because of its age, and
/// the links of those stay.
///
/// It begins after the last entry of which a signature proves that it still is what it was. Entries after that may be the
/// ones that were signed or not: where the log ended when it was gone on with, nothing tells.
async fn find_break(
    pool: &SqlitePool,
    known: &RememberedLog,
    latest: &EntryLink,
    own_key: &str,
    at_ms: i64,
) -> sqlx::Result<Option<LogBreak>> {
    let hash: Option<String> = sqlx::query_scalar("SELECT hash FROM links WHERE entry = ?")
        .bind(known.entry)
        .fetch_optional(pool)
        .await?;
    if latest.number >= known.entry && hash.as_ref() == Some(&known.hash) {
        return Ok(None);
    }
    Ok(Some(LogBreak {
        after: find_last_signed(pool, known, latest, own_key).await?,
        entry: known.entry,
        hash: known.hash.clone(),
        at_ms: known.at_ms,
        found_ms: at_ms,
        told: false,
    }))
}

/// The last entry before the one that is remembered that still is what this keyring has signed; 0 if none is. A link after
/// the last entry that is there proves nothing about those before.
async fn find_last_signed(
    pool: &SqlitePool,
    known: &RememberedLog,
    latest: &EntryLink,
    own_key: &str,
) -> sqlx::Result<i64> {
    let fitting: Vec<(i64, i64, String, String)> = sqlx::query_as(
        "SELECT entry, at_ms, hash, signature FROM checkpoints NATURAL JOIN links
         WHERE key = ? AND entry < ? AND entry <= ? ORDER BY entry DESC",
    )
    .bind(own_key)
    .bind(known.entry)
    .bind(latest.number)
    .fetch_all(pool)
    .await?;
    let signed = fitting
        .into_iter()
        .map(|(entry, at_ms, hash, signature)| Checkpoint {
            entry,
            at_ms,
            hash,
            key: own_key.to_owned(),
            signature,
        })
        .find(|checkpoint| checkpoint.is_signed(&known.log));
    Ok(signed.map_or(0, |checkpoint| checkpoint.entry))
}

/// How the keyring keeps a log's place.
pub(super) fn display_path(path: &Path) -> String {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned()).display().to_string()
}

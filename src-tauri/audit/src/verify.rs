//! Compares a log with its chain, its checkpoints and what the keyring remembers, and names what does not fit.

use std::fmt;
use std::path::Path;

use serde::Serialize;

use crate::chain::{complete_line, hash_line};
use crate::checkpoint_keeper::CheckpointKeeper;
use crate::checkpoints::{self, Checkpoint};
use crate::console_entry::ConsoleEvent;
use crate::error::{AuditError, Result};
use crate::keyring_memory::{RememberedLog, recall_logs};
use crate::log_break::LogBreak;
use crate::reader::{EntryFilter, HashedEntry, LogReader, StoredEntry};
use crate::retention::is_signed_removal;
use crate::verification_progress::VerificationProgress;

/// How many entries are read at a time.
const PORTION: u32 = 2_000;

/// What a log was found to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verification {
    /// The log's ID; `None` if the file is gone.
    pub log: Option<String>,
    /// How many entries were compared.
    pub entries: u64,
    /// The entries that had been kept for long enough and were removed on the record, if there are any.
    pub removed: Option<RemovedEntries>,
    /// The keyring's key signed their removal; `None` if the keyring knows no key, or was not asked.
    pub is_removal_own: Option<bool>,
    /// The number of the last of them.
    pub last: Option<i64>,
    /// When the first and the last of them were written: milliseconds since the Unix epoch.
    pub first_at: Option<i64>,
    pub last_at: Option<i64>,
    /// The last entry's hash, in hexadecimal digits. Whoever notes it elsewhere can tell later that nothing before it has
    /// changed.
    pub head: Option<String>,
    pub checkpoints: u64,
    /// How many of them are signed by another key than this keyring's, and therefore prove nothing here.
    pub foreign: u64,
    /// The last entry that a checkpoint covers.
    pub covered: Option<i64>,
    /// Why the keyring could not be asked. What was cut off at the end, or replaced as a whole, stays unknown then.
    pub keyring_failed: Option<String>,
    /// What does not fit; empty if all is as it was written.
    pub faults: Vec<LogFault>,
}

impl Verification {
    pub fn is_intact(&self) -> bool {
        self.faults.is_empty()
    }
}

/// Entries that are no longer in the log, as a later entry says. The chain of the others begins with `hash`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RemovedEntries {
    /// The last of them.
    pub through: i64,
    /// Its hash, in hexadecimal digits.
    pub hash: String,
    /// When the entry that says so was written: milliseconds since the Unix epoch.
    pub at_ms: i64,
    /// How long entries were kept then, as that entry says.
    pub keep_days: u32,
    /// The public key that signed it, in hexadecimal digits.
    pub key: String,
}

/// What does not fit. Entries are named by their numbers, times are milliseconds since the Unix epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum LogFault {
    /// What the entry says, or the hash it was written with, is not what was written.
    Changed { entry: i64 },
    /// Entries of these numbers are not there, though later ones are.
    Removed { first: i64, last: i64 },
    /// The entry that says that those up to `through` were removed is signed with another key than this keyring's.
    RemovedByAnother { through: i64, at_ms: i64 },
    /// The entry has no link.
    Unlinked { entry: i64 },
    /// The last entries are missing: a checkpoint is of one that is not there.
    CutOff { last: i64, entry: i64, at_ms: i64 },
    /// The chain fits, but is not the one that was signed: it was computed anew. What was signed at `covered` still holds.
    Rewritten { covered: Option<i64>, entry: i64, at_ms: i64 },
    /// A checkpoint is not signed by the key that it names.
    Forged { entry: i64, at_ms: i64 },
    /// Entries that were signed were missing, or were other ones, when the log was gone on with at `found_ms`. Whatever was
    /// done to the log since, this stays.
    Missed { first: i64, last: i64, at_ms: i64, found_ms: i64 },
    /// Another log was at this place, of which the keyring remembers so many entries.
    Replaced { entry: i64, at_ms: i64 },
    /// The file is gone. The keyring remembers so many entries.
    Gone { entry: i64, at_ms: i64 },
}

impl From<&LogBreak> for LogFault {
    fn from(missed: &LogBreak) -> Self {
        let LogBreak { after, entry, at_ms, found_ms, .. } = *missed;
        Self::Missed { first: after + 1, last: entry, at_ms, found_ms }
    }
}

impl fmt::Display for LogFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Changed { entry } => {
                write!(f, "Entry {entry} is not what was written: it was changed, moved, or put in later.")
            }
            Self::Removed { first, last } if first == last => write!(f, "Entry {first} was removed."),
            Self::Removed { first, last } => write!(f, "Entries {first} to {last} were removed."),
            Self::RemovedByAnother { through, at_ms } => write!(
                f,
                "The entries up to {through} were removed on {}, and the record of that is signed with another key than \
                 this keyring's.",
                show_time(*at_ms)
            ),
            Self::Unlinked { entry } => {
                write!(f, "Entry {entry} was not written by Understudy: it is not part of the chain.")
            }
            Self::CutOff { last, entry, at_ms } => write!(
                f,
                "The entries after {last} were removed: on {}, the log had {entry} entries.",
                show_time(*at_ms)
            ),
            Self::Rewritten { covered, entry, at_ms } => {
                let since =
                    covered.map_or_else(|| "all entries".into(), |entry| format!("entries after {entry}"));
                write!(
                    f,
                    "The log was rewritten: {since} up to {entry} differ from what was signed on {}.",
                    show_time(*at_ms)
                )
            }
            Self::Forged { entry, at_ms } => {
                write!(
                    f,
                    "The checkpoint at entry {entry}, of {}, is not signed by its key.",
                    show_time(*at_ms)
                )
            }
            Self::Missed { first, last, at_ms, found_ms } => {
                let (at, found) = (show_time(*at_ms), show_time(*found_ms));
                if first == last {
                    write!(
                        f,
                        "Entry {last}, signed on {at}, was missing or another one when the log went on"
                    )?;
                } else {
                    write!(
                        f,
                        "Entries {first} to {last}, signed on {at}, were missing or other ones when the log went on"
                    )?;
                }
                write!(f, ": Understudy found that on {found}.")
            }
            Self::Replaced { entry, at_ms } => write!(
                f,
                "Another log was here: on {}, it had {entry} entries. They are not in this file.",
                show_time(*at_ms)
            ),
            Self::Gone { entry, at_ms } => {
                write!(f, "The log is gone. On {}, it had {entry} entries.", show_time(*at_ms))
            }
        }
    }
}

pub(super) fn show_time(at_ms: i64) -> String {
    let at = jiff::Timestamp::from_millisecond(at_ms).unwrap_or_default();
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// Compares the log at `path`. `keeper`: the keyring that remembers it; `None` for a copy, or for a log of another
/// computer. Opens no window.
///
/// Fails with [`AuditCode::LogFailed`](super::AuditCode::LogFailed) if the file cannot be read; that the chain does not
/// fit is not an error, but a [`LogFault`].
pub async fn verify_log(path: &Path, keeper: Option<&dyn CheckpointKeeper>) -> Result<Verification> {
    verify_watched_log(path, keeper, &VerificationProgress::default()).await
}

/// The same, for somebody who watches how far it is.
pub async fn verify_watched_log(
    path: &Path,
    keeper: Option<&dyn CheckpointKeeper>,
    progress: &VerificationProgress,
) -> Result<Verification> {
    let recalled = match keeper {
        Some(keeper) => Some(recall(keeper).await),
        None => None,
    };
    let (memory, keyring_failed) = match recalled {
        Some(Ok(memory)) => (memory, None),
        Some(Err(error)) => (KeyringMemory::default(), Some(error.message)),
        None => (KeyringMemory::default(), None),
    };
    if !path.exists()
        && let Some(gone) = memory.logs_at(path).next()
    {
        let mut faults = vec![LogFault::Gone { entry: gone.entry, at_ms: gone.at_ms }];
        faults.extend(gone.missed.iter().map(LogFault::from));
        return Ok(Verification {
            log: None,
            entries: 0,
            removed: None,
            is_removal_own: None,
            last: None,
            first_at: None,
            last_at: None,
            head: None,
            checkpoints: 0,
            foreign: 0,
            covered: None,
            keyring_failed,
            faults,
        });
    }
    let log = LogReader::open(path).await?;
    let mut found = follow_chain(&log, memory.key.as_ref(), progress).await?;
    found.keyring_failed = keyring_failed;
    compare_checkpoints(&log, &memory, &mut found).await?;
    let others = memory.logs_at(path).filter(|one| one.log != log.id());
    found.faults.extend(others.map(|one| LogFault::Replaced { entry: one.entry, at_ms: one.at_ms }));
    Ok(found)
}

/// What the keyring knows.
#[derive(Debug, Default)]
struct KeyringMemory {
    logs: Vec<RememberedLog>,
    /// The public key, in hexadecimal digits.
    key: Option<String>,
}

impl KeyringMemory {
    /// The logs that were at this place, the one with the latest checkpoint first.
    fn logs_at(&self, path: &Path) -> impl Iterator<Item = &RememberedLog> {
        let path = checkpoints::display_path(path);
        self.logs.iter().filter(move |one| one.belongs_to(&path))
    }
}

async fn recall(keeper: &dyn CheckpointKeeper) -> Result<KeyringMemory> {
    let logs = recall_logs(keeper).await?;
    Ok(KeyringMemory { logs, key: checkpoints::recall_public_key(keeper).await? })
}

/// Reads all entries, up to the first that does not fit.
async fn follow_chain(
    log: &LogReader,
    own_key: Option<&String>,
    progress: &VerificationProgress,
) -> Result<Verification> {
    let mut found = Verification {
        log: Some(log.id().to_owned()),
        entries: 0,
        removed: None,
        is_removal_own: None,
        last: None,
        first_at: None,
        last_at: None,
        head: None,
        checkpoints: 0,
        foreign: 0,
        covered: None,
        keyring_failed: None,
        faults: Vec::new(),
    };
    let all = EntryFilter::default();
    let (mut previous, mut last) = (log.id().to_owned(), 0);
    let first = log.read_after(&all, 0, 1).await?.first().map(StoredEntry::number);
    if let Some(missing) = first.map(|first| first - 1).filter(|missing| *missing > 0) {
        found.removed = find_record_of_removal(log, missing, own_key).await?;
        match log.read_hash(missing).await? {
            Some(hash) if found.removed.is_some() => (previous, last) = (hash, missing),
            _ => {
                found.faults.push(LogFault::Removed { first: 1, last: missing });
                return Ok(found);
            }
        }
    }
    progress.expect(log.count_after(last).await?);
    let mut portion = log.read_hashed_after(last, PORTION).await?;
    while let Some(next) = portion.last().map(|entry| entry.id) {
        // The next entries are read while these are compared.
        let before = previous.clone();
        let comparing = tokio::task::spawn_blocking(move || compare_hashes(&portion, last, before));
        let (read, compared) = tokio::join!(log.read_hashed_after(next, PORTION), comparing);
        let compared = if let Some(compared) = compared.map_err(AuditError::internal)? {
            compared
        } else {
            let mut entries = log.read_after(&all, last, PORTION).await?;
            entries.retain(|entry| entry.number() <= next);
            compare_portion(&entries, last, previous)
        };
        (last, previous) = (compared.last, compared.head);
        found.entries += compared.entries;
        progress.add(compared.entries);
        if compared.entries > 0 {
            found.first_at = found.first_at.or(compared.first_at);
            found.last_at = compared.last_at;
            found.last = Some(last);
            found.head = Some(previous.clone());
        }
        if let Some(fault) = compared.fault {
            found.faults.push(fault);
            break;
        }
        portion = read?;
    }
    if found.faults.is_empty()
        && let Some(cut) = log.last_link_without_entry(last).await?
    {
        found.faults.push(LogFault::Removed { first: last + 1, last: cut });
    }
    Ok(found)
}

/// How far some entries, one after another, are what was written.
struct ComparedPortion {
    entries: u64,
    first_at: Option<i64>,
    last_at: Option<i64>,
    /// The last one that fits, and its hash.
    last: i64,
    head: String,
    /// What does not fit in the one after that.
    fault: Option<LogFault>,
}

/// The same as [`compare_portion`], and quicker; `None` if one of them does not fit.
fn compare_hashes(portion: &[HashedEntry], last: i64, head: String) -> Option<ComparedPortion> {
    let mut compared = ComparedPortion { entries: 0, first_at: None, last_at: None, last, head, fault: None };
    for entry in portion {
        let line = complete_line(&entry.json, &compared.head)?;
        let hash = hash_line(&line);
        if entry.id != compared.last + 1 || entry.hash.as_ref() != Some(&hash) {
            return None;
        }
        compared.last = entry.id;
        compared.head = hash;
        compared.entries += 1;
        compared.first_at = compared.first_at.or(Some(entry.at_ms));
        compared.last_at = Some(entry.at_ms);
    }
    Some(compared)
}

/// `last` and `head`: the entry before them, and its hash.
fn compare_portion(portion: &[StoredEntry], last: i64, head: String) -> ComparedPortion {
    let mut compared = ComparedPortion { entries: 0, first_at: None, last_at: None, last, head, fault: None };
    for entry in portion {
        compared.fault = find_fault(entry, compared.last, &compared.head);
        if compared.fault.is_some() {
            break;
        }
        compared.last = entry.number();
        compared.head = entry.hash.clone().unwrap_or_default();
        compared.entries += 1;
        compared.first_at = compared.first_at.or(Some(entry.at_ms()));
        compared.last_at = Some(entry.at_ms());
    }
    compared
}

/// What says on the record that the entries up to `missing` are gone, if the last that it names had the hash that it says.
/// Whether it was written by Understudy is found out when its own place in the chain is compared.
///
/// One that is signed with `own_key`, the keyring's, goes before others.
async fn find_record_of_removal(
    log: &LogReader,
    missing: i64,
    own_key: Option<&String>,
) -> Result<Option<RemovedEntries>> {
    let mut found: Option<RemovedEntries> = None;
    for entry in log.read_removals().await? {
        let event = ConsoleEvent::from_columns(&entry.text("event"), &entry.text("detail"));
        if let Some(ConsoleEvent::EntriesRemoved { through, hash, keep_days, key, signature }) = event
            && (missing..entry.number()).contains(&through)
            && log.read_hash(through).await?.as_ref() == Some(&hash)
            && is_signed_removal(log.id(), through, &hash, &key, &signature)
        {
            let is_own = Some(&key) == own_key;
            let removed = RemovedEntries { through, hash, at_ms: entry.at_ms(), keep_days, key };
            if is_own {
                return Ok(Some(removed));
            }
            found.get_or_insert(removed);
        }
    }
    Ok(found)
}

fn find_fault(entry: &StoredEntry, last: i64, previous: &str) -> Option<LogFault> {
    let number = entry.number();
    if number != last + 1 {
        return Some(LogFault::Removed { first: last + 1, last: number - 1 });
    }
    match &entry.hash {
        None => Some(LogFault::Unlinked { entry: number }),
        Some(hash) if *hash != entry.expected_hash(previous) => Some(LogFault::Changed { entry: number }),
        Some(_) => None,
    }
}

/// Adds the first checkpoint that does not fit, the keyring's own one included.
async fn compare_checkpoints(
    log: &LogReader,
    memory: &KeyringMemory,
    found: &mut Verification,
) -> Result<()> {
    let chain = FollowedChain { last: found.last.unwrap_or_default(), is_whole: found.faults.is_empty() };
    if let (Some(removed), Some(key)) = (&found.removed, &memory.key) {
        found.is_removal_own = Some(removed.key == *key);
        if removed.key != *key {
            let (through, at_ms) = (removed.through, removed.at_ms);
            found.faults.push(LogFault::RemovedByAnother { through, at_ms });
        }
    }
    for checkpoint in log.read_checkpoints().await? {
        found.checkpoints += 1;
        let Checkpoint { entry, at_ms, .. } = checkpoint;
        let fault = if !checkpoint.is_signed(log.id()) {
            Some(LogFault::Forged { entry, at_ms })
        } else if memory.key.as_ref().is_some_and(|key| *key != checkpoint.key) {
            // Of another computer with this home, or of a keyring that is gone; or of a forger, whom the keyring's own
            // memory betrays. It proves nothing here.
            found.foreign += 1;
            continue;
        } else {
            chain.compare_hash(log, found.covered, &checkpoint.hash, (entry, at_ms)).await?
        };
        if let Some(fault) = fault {
            found.faults.push(fault);
            break;
        }
        found.covered = found.covered.max(Some(entry));
    }
    let ours = memory.logs.iter().find(|one| one.log == log.id());
    if let Some(RememberedLog { entry, hash, at_ms, .. }) = ours
        && !found
            .faults
            .iter()
            .any(|fault| matches!(fault, LogFault::CutOff { .. } | LogFault::Rewritten { .. }))
        && let Some(fault) = chain.compare_hash(log, found.covered, hash, (*entry, *at_ms)).await?
    {
        found.faults.push(fault);
    }
    found.faults.extend(ours.into_iter().flat_map(|ours| &ours.missed).map(LogFault::from));
    Ok(())
}

/// How far the chain was found to fit.
struct FollowedChain {
    /// The last entry that fits.
    last: i64,
    /// No faulty entry came after it.
    is_whole: bool,
}

impl FollowedChain {
    /// Whether an entry still has the hash that was signed. `covered`: the last entry whose checkpoint fits.
    async fn compare_hash(
        &self,
        log: &LogReader,
        covered: Option<i64>,
        hash: &str,
        (entry, at_ms): (i64, i64),
    ) -> Result<Option<LogFault>> {
        // What comes after a faulty entry was not compared.
        if entry > self.last && !self.is_whole {
            return Ok(None);
        }
        // A link that is left says nothing about its entry. One that is there was written since.
        if entry > self.last && !log.has_entry(entry).await? {
            return Ok(Some(LogFault::CutOff { last: self.last, entry, at_ms }));
        }
        Ok(match log.read_hash(entry).await? {
            Some(now) if now == hash => None,
            Some(_) => Some(LogFault::Rewritten { covered, entry, at_ms }),
            None => Some(LogFault::CutOff { last: self.last, entry, at_ms }),
        })
    }
}

//! What the keyring remembers of each log: its last checkpoint, and whether it ever lacked what was signed before.
//!
//! It only moves forward. A log that no longer has what the keyring remembers is gone on with, but that is remembered
//! for good: otherwise the next checkpoint would make a log that was cut off or rewritten a genuine one.

use std::path::Path;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use crate::checkpoint_keeper::CheckpointKeeper;
use crate::error::{AuditError, Result};
use crate::log_break::{LogBreak, read_breaks};
use crate::run::{self, MemoryLock};

/// What the keeper keeps it under.
const LAST: &str = "audit/checkpoints";

/// The most logs that are remembered although all is well with them; those that were written to last.
const MOST_LOGS: usize = 16;

/// The most logs besides: those that lacked something or were replaced. Whoever wants to push one out can only add later
/// ones, so of these the latest go first.
const MOST_WITH_EVIDENCE: usize = 48;

/// How long to wait for other runs of this home. Theirs take milliseconds, unless the keyring does not answer. Any program
/// can hold the lock for ever, so it is not waited for longer.
const TURN: Duration = Duration::from_secs(10);
const LOOK_AGAIN: Duration = Duration::from_millis(10);

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
    /// What it lacked when it was gone on with, by the entries' numbers. For good.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "read_breaks")]
    pub missed: Vec<LogBreak>,
    /// Another log has taken its place since.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub replaced: bool,
}

impl RememberedLog {
    /// Whether it says that something happened which verification has to name.
    fn is_evidence(&self) -> bool {
        !self.missed.is_empty() || self.replaced
    }
}

/// The logs that the keyring remembers, the one with the latest checkpoint first. Opens no window: fails if the keyring is
/// locked.
pub async fn recall_logs(keeper: &dyn CheckpointKeeper) -> Result<Vec<RememberedLog>> {
    let Some(kept) = keeper.read_kept(LAST).await? else { return Ok(Vec::new()) };
    serde_json::from_str(kept.expose_secret()).map_err(AuditError::internal)
}

/// What is remembered, until it is changed. No other run of this home that waits for its turn changes it meanwhile.
pub(super) struct KeyringMemory<'a> {
    keeper: &'a dyn CheckpointKeeper,
    logs: Vec<RememberedLog>,
    /// `None` if the file system has no locks, or if another program does not release this one.
    _turn: Option<MemoryLock>,
}

impl<'a> KeyringMemory<'a> {
    /// Waits for its turn. `log`: the log's file.
    pub(super) async fn recall(keeper: &'a dyn CheckpointKeeper, log: &Path) -> Result<Self> {
        let turn = take_turn(log).await;
        Ok(Self { keeper, logs: recall_logs(keeper).await?, _turn: turn })
    }

    /// What it has of the log with this ID.
    pub(super) fn find(&self, log: &str) -> Option<&RememberedLog> {
        self.logs.iter().find(|one| one.log == log)
    }

    /// Remembers where a log is now.
    pub(super) async fn remember(self, latest: RememberedLog) -> Result<()> {
        let mut logs = self.logs.clone();
        remember_in(&mut logs, latest);
        if logs == self.logs {
            return Ok(());
        }
        let text = serde_json::to_string(&logs).map_err(AuditError::internal)?;
        self.keeper.write_kept(LAST, &SecretString::from(text)).await
    }
}

fn remember_in(logs: &mut Vec<RememberedLog>, latest: RememberedLog) {
    logs.retain(|one| one.log != latest.log);
    for other in logs.iter_mut().filter(|one| one.path == latest.path) {
        other.replaced = true;
    }
    let evidence = logs.iter().filter(|one| one.is_evidence()).count();
    let (mut excess, mut room) = (evidence.saturating_sub(MOST_WITH_EVIDENCE), MOST_LOGS - 1);
    logs.retain(|one| {
        if one.is_evidence() {
            let stays = excess == 0;
            excess = excess.saturating_sub(1);
            stays
        } else {
            let stays = room > 0;
            room = room.saturating_sub(1);
            stays
        }
    });
    logs.insert(0, RememberedLog { replaced: false, ..latest });
}

/// Waits until no other run of this home changes what the keyring remembers: of two that read it, change it and write
/// it, the slower one would take back what the other one has added. That is still better than to sign nothing any more.
async fn take_turn(log: &Path) -> Option<MemoryLock> {
    let waited = async {
        loop {
            match run::lock_memory(log) {
                Ok(Some(lock)) => return Some(lock),
                Ok(None) => tokio::time::sleep(LOOK_AGAIN).await,
                Err(cause) => {
                    tracing::debug!("the keyring's memory of the audit log has no lock: {cause}");
                    return None;
                }
            }
        }
    };
    tokio::time::timeout(TURN, waited).await.unwrap_or_else(|_| {
        tracing::warn!(
            "another program has locked the keyring's memory of the audit log for {} s: it is changed without the lock",
            TURN.as_secs()
        );
        None
    })
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use parking_lot::Mutex;

    use super::*;

    fn log(id: usize, path: &str, entry: i64) -> RememberedLog {
        RememberedLog {
            log: format!("log {id}"),
            path: path.into(),
            entry,
            hash: format!("hash {entry}"),
            at_ms: entry,
            missed: Vec::new(),
            replaced: false,
        }
    }

    fn found(after: i64, entry: i64) -> LogBreak {
        LogBreak { after, entry, hash: format!("hash {entry}"), at_ms: entry, found_ms: 99, told: false }
    }

    /// A keyring with one value.
    #[derive(Default)]
    struct OneValue(Mutex<Option<SecretString>>);

    #[async_trait]
    impl CheckpointKeeper for OneValue {
        async fn read_kept(&self, _: &'static str) -> Result<Option<SecretString>> {
            Ok(self.0.lock().clone())
        }

        async fn write_kept(&self, _: &'static str, value: &SecretString) -> Result<()> {
            *self.0.lock() = Some(value.clone());
            Ok(())
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_program_that_keeps_the_lock_delays_what_is_remembered_and_does_not_prevent_it() {
        let (home, keyring) = (tempfile::tempdir().unwrap(), OneValue::default());
        let file = home.path().join("audit.sqlite");
        let kept = run::lock_memory(&file).unwrap().expect("it is free");
        let began = tokio::time::Instant::now();
        let memory = KeyringMemory::recall(&keyring, &file).await.unwrap();
        assert!(began.elapsed() >= TURN, "others get their turn");
        memory.remember(log(1, "/a", 7)).await.unwrap();
        assert_eq!(recall_logs(&keyring).await.unwrap(), [log(1, "/a", 7)]);
        drop(kept);
        assert!(take_turn(&file).await.is_some());
    }

    /// As versions before this one wrote it.
    #[test]
    fn an_earlier_memory_is_read_and_one_without_a_break_is_written_as_before() {
        let text = r#"[{"log":"log 1","path":"/a","entry":7,"hash":"hash 7","at_ms":7}]"#;
        let read: Vec<RememberedLog> = serde_json::from_str(text).unwrap();
        assert_eq!(read, [log(1, "/a", 7)]);
        assert_eq!(serde_json::to_string(&read).unwrap(), text);
    }

    /// As versions before this one wrote a break: there was one.
    #[test]
    fn an_earlier_memory_of_a_break_is_read() {
        let text = r#"[{"log":"log 1","path":"/a","entry":7,"hash":"hash 7","at_ms":7,"missed":{"after":3,"entry":7,
            "hash":"hash 7","at_ms":7,"found_ms":99,"told":false}}]"#;
        let read: Vec<RememberedLog> = serde_json::from_str(text).unwrap();
        let broken = |missed: &[LogBreak]| [RememberedLog { missed: missed.to_vec(), ..log(1, "/a", 7) }];
        assert_eq!(read, broken(&[found(3, 7)]));
        for several in [broken(&read[0].missed), broken(&[found(3, 7), found(8, 9)])] {
            let text = serde_json::to_string(&several).unwrap();
            assert_eq!(serde_json::from_str::<Vec<RememberedLog>>(&text).unwrap(), several);
        }
    }

    #[test]
    fn what_tells_of_a_break_is_never_pushed_out_and_others_are() {
        let mut logs = Vec::new();
        remember_in(&mut logs, RememberedLog { missed: vec![found(3, 7)], ..log(1, "/broken", 7) });
        remember_in(&mut logs, log(2, "/replaced", 7));
        remember_in(&mut logs, log(3, "/other", 7));
        for id in 100..400 {
            remember_in(&mut logs, log(id, if id < 300 { "/replaced" } else { "/home" }, 1));
            remember_in(&mut logs, log(id + 1_000, &format!("/home of {id}"), 1));
        }
        let has = |id: usize| logs.iter().any(|one| one.log == format!("log {id}"));
        assert!(has(1) && has(2) && !has(3) && has(399) && has(1_399), "{logs:?}");
        assert_eq!(logs.len(), MOST_WITH_EVIDENCE + MOST_LOGS);
    }

    #[test]
    fn a_log_that_is_put_back_in_its_place_has_replaced_the_other_one() {
        let mut logs = Vec::new();
        let replaced = |logs: &[RememberedLog]| -> Vec<(String, bool)> {
            logs.iter().map(|one| (one.log.clone(), one.replaced)).collect()
        };
        remember_in(&mut logs, log(1, "/a", 1));
        remember_in(&mut logs, log(2, "/a", 1));
        assert_eq!(replaced(&logs), [("log 2".into(), false), ("log 1".into(), true)]);
        remember_in(&mut logs, log(1, "/a", 2));
        assert_eq!(replaced(&logs), [("log 1".into(), false), ("log 2".into(), true)]);
    }
}

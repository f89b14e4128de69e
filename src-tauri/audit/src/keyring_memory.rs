//! What the keyring remembers of each log: its last checkpoint, and whether it ever lacked what was signed before.
//!
//! It only moves forward. A log that no longer has what the keyring remembers is gone on with, but that is remembered
//! for good: otherwise the next checkpoint would make a log that was cut off or rewritten a genuine one.

use std::path::Path;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use crate::chain::from_hex;
use crate::checkpoint_keeper::CheckpointKeeper;
use crate::error::{AuditCode, AuditError, Result};
use crate::log_break::{LogBreak, read_breaks};
use crate::run::{self, MemoryLock};

/// What the keeper keeps it under.
const LAST: &str = "audit/checkpoints";

/// The most logs that are remembered. None is pushed out by a new one: whoever can begin logs could make the keyring forget
/// another one, cut that off, and have what is left signed as a genuine log.
const MOST_LOGS: usize = 24;

/// The most of them in one place, so that logs that take each other's place are not all that is remembered.
const MOST_IN_ONE_PLACE: usize = 6;

/// How old the last checkpoint of a log is that can be forgotten, if nothing happened to the log.
const FORGETTABLE_AFTER_MS: i64 = 183 * 24 * 60 * 60 * 1_000;

/// The most that is kept of a log besides its breaks, in bytes. What stands in a file must not make all of it together
/// too long for a keyring, for then nothing could be remembered any more.
const MOST_BYTES: usize = 800;

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
    /// Where it was first, if it was elsewhere since: whoever copies it and goes on with the copy must not make the keyring
    /// forget the place where it is missed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_path: Option<String>,
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

    /// Whether it is missed there if another log, or none, is in its place.
    pub(super) fn belongs_to(&self, path: &str) -> bool {
        self.path == path || self.first_path.as_deref() == Some(path)
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
        Self::recall_within(keeper, log, TURN).await
    }

    /// The same; for its turn, it waits no longer than `limit`.
    async fn recall_within(keeper: &'a dyn CheckpointKeeper, log: &Path, limit: Duration) -> Result<Self> {
        let turn = take_turn(log, limit).await;
        Ok(Self { keeper, logs: recall_logs(keeper).await?, _turn: turn })
    }

    /// What it has of the log with this ID.
    pub(super) fn find(&self, log: &str) -> Option<&RememberedLog> {
        self.logs.iter().find(|one| one.log == log)
    }

    /// Remembers where a log is now, if there is room for it; returns whether there is.
    pub(super) async fn remember(self, latest: RememberedLog, now_ms: i64) -> Result<bool> {
        let mut logs = self.logs.clone();
        let is_remembered = remember_in(&mut logs, latest, now_ms);
        if logs != self.logs {
            let text = serde_json::to_string(&logs).map_err(AuditError::internal)?;
            self.keeper.write_kept(LAST, &SecretString::from(text)).await?;
        }
        Ok(is_remembered)
    }
}

/// For the operator: there is no room for the log.
pub(super) fn no_room_error() -> AuditError {
    AuditError::new(
        AuditCode::LogFailed,
        "The keyring has no room to remember this computer's audit log, so it would not be noticed if entries were cut off \
         at its end.",
    )
    .with_hint(
        "Many audit logs were begun under this account, and the keyring forgets none of them for a new one; or the log is \
         in a folder with a very long path. Ask the person \
         who reviews the log how that came about. Until then, keep the last hash that `understudy audit verify` prints in \
         another place.",
    )
}

/// Returns whether there is room for it. What is remembered already stays, whatever comes.
fn remember_in(logs: &mut Vec<RememberedLog>, latest: RememberedLog, now_ms: i64) -> bool {
    for other in logs.iter_mut().filter(|one| one.belongs_to(&latest.path) && one.log != latest.log) {
        other.replaced = true;
    }
    let known = logs.iter().position(|one| one.log == latest.log);
    let latest = match known.map(|at| &logs[at]) {
        Some(known) => {
            let moved_from = Some(&known.path).filter(|path| **path != latest.path);
            let first_path = known.first_path.as_ref().or(moved_from).cloned();
            // What took its place did so where it was first, unless it is back there.
            let is_back = first_path.as_ref().is_none_or(|first| *first == latest.path);
            let moved = RememberedLog { replaced: known.replaced && !is_back, first_path, ..latest };
            // Two deep folders are too much; that it goes on counts for more than where it was first.
            if is_short(&moved) { moved } else { RememberedLog { first_path: None, ..moved } }
        }
        None => latest,
    };
    let has_room = is_short(&latest) && (known.is_some() || make_room(logs, &latest.path, now_ms));
    if has_room {
        if let Some(at) = known {
            logs.remove(at);
        }
        logs.insert(0, latest);
    } else if let Some(at) = known {
        logs[at].missed = latest.missed;
    }
    has_room
}

/// Makes room for a new log at `path`.
fn make_room(logs: &mut Vec<RememberedLog>, path: &str, now_ms: i64) -> bool {
    if logs.iter().filter(|one| one.belongs_to(path)).count() >= MOST_IN_ONE_PLACE {
        return false;
    }
    while logs.len() >= MOST_LOGS {
        let oldest = logs
            .iter()
            .enumerate()
            .filter(|(_, one)| !one.is_evidence() && now_ms.saturating_sub(one.at_ms) > FORGETTABLE_AFTER_MS)
            .min_by_key(|(_, one)| one.at_ms);
        match oldest {
            Some((at, _)) => drop(logs.remove(at)),
            None => return false,
        }
    }
    true
}

/// Whether what is kept of the log has the usual size.
fn is_short(one: &RememberedLog) -> bool {
    let is_hash = from_hex(&one.hash).is_some_and(|hash| hash.len() == 32);
    let text = serde_json::to_string(&RememberedLog { missed: Vec::new(), ..one.clone() });
    is_hash && text.is_ok_and(|text| text.len() <= MOST_BYTES)
}

/// Waits until no other run of this home changes what the keyring remembers: of two that read it, change it and write
/// it, the slower one would take back what the other one has added. That is still better than to sign nothing any more.
async fn take_turn(log: &Path, limit: Duration) -> Option<MemoryLock> {
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
    tokio::time::timeout(limit, waited).await.unwrap_or_else(|_| {
        tracing::warn!(
            "another program has locked the keyring's memory of the audit log for {} s: it is changed without the lock",
            limit.as_secs()
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
            first_path: None,
            entry,
            hash: hash(entry),
            at_ms: entry,
            missed: Vec::new(),
            replaced: false,
        }
    }

    fn hash(entry: i64) -> String {
        format!("{entry:064x}")
    }

    fn found(after: i64, entry: i64) -> LogBreak {
        LogBreak { after, entry, hash: hash(entry), at_ms: entry, found_ms: 99, told: false }
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

    #[tokio::test]
    async fn a_program_that_keeps_the_lock_delays_what_is_remembered_and_does_not_prevent_it() {
        let (home, keyring) = (tempfile::tempdir().unwrap(), OneValue::default());
        let file = home.path().join("audit.sqlite");
        let kept = run::lock_memory(&file).unwrap().expect("it is free");
        let limit = Duration::from_millis(200);
        let began = std::time::Instant::now();
        let memory = KeyringMemory::recall_within(&keyring, &file, limit).await.unwrap();
        assert!(began.elapsed() >= limit, "others get their turn");
        assert!(memory.remember(log(1, "/a", 7), NOW).await.unwrap());
        assert_eq!(recall_logs(&keyring).await.unwrap(), [log(1, "/a", 7)]);
        drop(kept);
        assert!(take_turn(&file, TURN).await.is_some());
    }

    /// As versions before this one wrote it.
    #[test]
    fn an_earlier_memory_is_read_and_one_without_a_break_is_written_as_before() {
        let hash = hash(7);
        let text = format!(r#"[{{"log":"log 1","path":"/a","entry":7,"hash":"{hash}","at_ms":7}}]"#);
        let read: Vec<RememberedLog> = serde_json::from_str(&text).unwrap();
        assert_eq!(read, [log(1, "/a", 7)]);
        assert_eq!(serde_json::to_string(&read).unwrap(), text);
    }

    /// As versions before this one wrote a break: there was one.
    #[test]
    fn an_earlier_memory_of_a_break_is_read() {
        let hash = hash(7);
        let text = format!(
            r#"[{{"log":"log 1","path":"/a","entry":7,"hash":"{hash}","at_ms":7,"missed":{{"after":3,"entry":7,
            "hash":"{hash}","at_ms":7,"found_ms":99,"told":false}}}}]"#
        );
        let read: Vec<RememberedLog> = serde_json::from_str(&text).unwrap();
        let broken = |missed: &[LogBreak]| [RememberedLog { missed: missed.to_vec(), ..log(1, "/a", 7) }];
        assert_eq!(read, broken(&[found(3, 7)]));
        for several in [broken(&read[0].missed), broken(&[found(3, 7), found(8, 9)])] {
            let text = serde_json::to_string(&several).unwrap();
            assert_eq!(serde_json::from_str::<Vec<RememberedLog>>(&text).unwrap(), several);
        }
    }

    const NOW: i64 = 100 * FORGETTABLE_AFTER_MS;

    fn has(logs: &[RememberedLog], id: usize) -> bool {
        logs.iter().any(|one| one.log == format!("log {id}"))
    }

    #[test]
    fn no_log_pushes_out_another_one() {
        let mut logs = Vec::new();
        assert!(remember_in(&mut logs, log(1, "/healthy", NOW), NOW));
        assert!(remember_in(&mut logs, log(2, "/replaced", NOW), NOW));
        let room = (100..400).filter(|id| remember_in(&mut logs, log(*id, "/replaced", NOW), NOW)).count();
        assert_eq!(room, MOST_IN_ONE_PLACE - 1);
        let elsewhere = |id: usize| log(id, &format!("/home of {id}"), NOW);
        let room = (1_000..1_300).filter(|id| remember_in(&mut logs, elsewhere(*id), NOW)).count();
        assert_eq!(room, MOST_LOGS - MOST_IN_ONE_PLACE - 1);
        // Those that are remembered go on, and what they lack is remembered, too.
        for id in [1, 2, 100, 1_000] {
            let broken = RememberedLog { missed: vec![found(3, 7)], ..elsewhere(id) };
            assert!(remember_in(&mut logs, broken.clone(), NOW));
            assert_eq!((&logs[0].log, &logs[0].missed), (&broken.log, &broken.missed));
        }
        assert!((400..500).all(|id| !remember_in(&mut logs, log(id, "/healthy", NOW), NOW)));
        assert!(has(&logs, 1) && has(&logs, 2) && logs.len() == MOST_LOGS, "{logs:?}");
    }

    #[test]
    fn for_a_new_log_the_oldest_one_that_was_not_used_for_long_and_is_no_evidence_is_forgotten() {
        let mut logs = Vec::new();
        let old = |id: usize, age: i64| log(id, &format!("/home of {id}"), NOW - FORGETTABLE_AFTER_MS - age);
        for id in 0..MOST_LOGS - 4 {
            assert!(remember_in(&mut logs, old(id, 0), NOW));
        }
        assert!(remember_in(&mut logs, RememberedLog { missed: vec![found(3, 7)], ..old(50, 9) }, NOW));
        assert!(remember_in(&mut logs, old(51, 9), NOW));
        assert!(remember_in(&mut logs, old(52, 5), NOW));
        assert!(remember_in(&mut logs, old(53, 7), NOW));
        // In place of another one.
        assert!(remember_in(&mut logs, log(54, "/home of 51", NOW), NOW));
        assert!(has(&logs, 50) && has(&logs, 51) && has(&logs, 52) && !has(&logs, 53), "{logs:?}");
        assert!(remember_in(&mut logs, log(55, "/new", NOW), NOW));
        assert!(has(&logs, 50) && has(&logs, 51) && !has(&logs, 52), "{logs:?}");
        assert!(!remember_in(&mut logs, log(56, "/new", NOW), NOW), "the others are used");
        assert_eq!(logs.len(), MOST_LOGS);
    }

    #[test]
    fn a_copy_elsewhere_moves_no_log_away_from_where_it_is_missed() {
        let mut logs = Vec::new();
        for place in ["/home", "/copy", "/another copy"] {
            assert!(remember_in(&mut logs, log(1, place, NOW), NOW));
        }
        // Another log takes its place, and the copy goes on.
        assert!(remember_in(&mut logs, log(2, "/home", NOW), NOW));
        assert!(remember_in(&mut logs, log(1, "/copy", NOW + 1), NOW));
        let of_home: Vec<_> = logs.iter().filter(|one| one.belongs_to("/home")).collect();
        assert!(matches!(&of_home[..], [RememberedLog { replaced: true, .. }, _]), "{of_home:?}");
        // It is put back.
        assert!(remember_in(&mut logs, log(1, "/home", NOW + 2), NOW));
        assert_eq!((&*logs[0].log, logs[0].replaced, logs[1].replaced), ("log 1", false, true));
    }

    /// The vault takes no more than 64 KiB.
    #[test]
    fn no_log_makes_all_that_is_remembered_too_long() {
        let most = |id: usize| {
            let path = format!("/{id}").repeat(1_000)[..620].to_owned();
            let breaks = (0..8).map(|n| LogBreak {
                at_ms: i64::MAX,
                found_ms: i64::MAX,
                ..found(i64::MAX - 20 * n - 10, i64::MAX - 20 * n)
            });
            RememberedLog { missed: breaks.collect(), at_ms: NOW, ..log(id, &path, i64::MAX) }
        };
        let mut logs = Vec::new();
        assert!((0..MOST_LOGS).all(|id| remember_in(&mut logs, most(id), NOW)));
        assert!(serde_json::to_string(&logs).unwrap().len() < 64 << 10);

        logs.truncate(1);
        let before = logs[0].clone();
        let long = |text: &str| text.repeat(1_000);
        for (id, path, hash) in [
            (long("id"), "/a".to_owned(), hash(1)),
            ("new".to_owned(), long("/a"), hash(1)),
            ("new".to_owned(), "/a".to_owned(), long("ab")),
            (before.log.clone(), long("/a"), hash(1)),
            (before.log.clone(), "/a".to_owned(), "\u{1}".repeat(64)),
        ] {
            let wrong = RememberedLog { log: id, path, hash, missed: before.missed.clone(), ..log(1, "", 1) };
            assert!(!remember_in(&mut logs, wrong, NOW));
            assert_eq!(logs, std::slice::from_ref(&before));
        }
        // What it lacks is remembered all the same.
        let missed = vec![found(3, 7)];
        let broken = RememberedLog { missed: missed.clone(), hash: "none".into(), ..before.clone() };
        assert!(!remember_in(&mut logs, broken, NOW));
        assert_eq!(logs, [RememberedLog { missed, ..before }]);
    }

    #[test]
    fn a_log_that_is_put_back_in_its_place_has_replaced_the_other_one() {
        let mut logs = Vec::new();
        let replaced = |logs: &[RememberedLog]| -> Vec<(String, bool)> {
            logs.iter().map(|one| (one.log.clone(), one.replaced)).collect()
        };
        assert!(remember_in(&mut logs, log(1, "/a", 1), NOW));
        assert!(remember_in(&mut logs, log(2, "/a", 1), NOW));
        assert_eq!(replaced(&logs), [("log 2".into(), false), ("log 1".into(), true)]);
        assert!(remember_in(&mut logs, log(1, "/a", 2), NOW));
        assert_eq!(replaced(&logs), [("log 1".into(), false), ("log 2".into(), true)]);
    }
}

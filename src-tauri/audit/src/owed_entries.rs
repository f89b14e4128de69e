//! Entries that could not be written when they were due. They keep their time and are written as soon as possible;
//! until then the log answers as if it contained them. If this run ends first, a file beside the log keeps them for the
//! next run.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};
use serde::{Deserialize, Serialize};

use crate::AuditLog;
use crate::console_entry::ConsoleEntry;
use crate::entry::{Entry, Event};
use crate::error::{AuditError, Result};
use understudy_files::{private_file, regular_file};

/// The longest line of that file in bytes. Each is an entry; earlier versions wrote all of them as one array.
const LONGEST_LINE: u64 = 4 << 20;

/// Entries that are still to be written, oldest event first.
#[derive(Debug, Default)]
pub(super) struct OwedEntries {
    debts: Mutex<Vec<Arc<OwedEntry>>>,
    paying: tokio::sync::Mutex<()>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum OwedEntry {
    OfSession {
        /// The first entry of the session, in case the log was replaced by a file that lacks it.
        begun: Box<Entry>,
        entry: Box<Entry>,
    },
    OfConsole(Box<ConsoleEntry>),
}

impl OwedEntry {
    /// The session that it belongs to, if it does to one.
    fn session(&self) -> Option<&str> {
        match self {
            Self::OfSession { entry, .. } => Some(&entry.session),
            Self::OfConsole(_) => None,
        }
    }
}

impl OwedEntries {
    fn lock_entries(&self) -> MutexGuard<'_, Vec<Arc<OwedEntry>>> {
        self.debts.lock()
    }

    /// The end of this session, if it is not written yet.
    pub(super) fn end_of(&self, session: &str) -> Option<Entry> {
        let debts = self.lock_entries();
        debts.iter().find_map(|debt| match &**debt {
            OwedEntry::OfSession { entry, .. }
                if entry.session == session && matches!(entry.event, Event::Ended { .. }) =>
            {
                Some(Entry::clone(entry))
            }
            _ => None,
        })
    }
}

impl AuditLog {
    /// Writes an event that has already happened; `begun` is the first entry of its session. If that fails, the entry
    /// is kept for [`Self::write_owed_entries`], and the error says why.
    pub async fn append_or_owe(&self, begun: &Entry, entry: Entry) -> Result<()> {
        self.owe_entry(begun, entry);
        self.write_owed_entries().await
    }

    /// Keeps an entry for [`Self::write_owed_entries`], without waiting for anything. `begun` is as above.
    pub fn owe_entry(&self, begun: &Entry, entry: Entry) {
        let (begun, entry) = (Box::new(begun.clone()), Box::new(entry));
        self.owed.lock_entries().push(Arc::new(OwedEntry::OfSession { begun, entry }));
    }

    /// The same, for an entry of no session.
    pub fn owe_console_entry(&self, entry: ConsoleEntry) {
        self.owed.lock_entries().push(Arc::new(OwedEntry::OfConsole(Box::new(entry))));
    }

    /// Whether entries are waiting to be written.
    pub fn has_owed_entries(&self) -> bool {
        !self.owed.lock_entries().is_empty()
    }

    /// Writes what is owed. Fails with the first entry's error; that entry stays owed, and so do the later ones of its
    /// session, or of none.
    pub async fn write_owed_entries(&self) -> Result<()> {
        let _one_at_a_time = self.owed.paying.lock().await;
        let mut outcome = Ok(());
        let mut unpaid: Vec<Option<String>> = Vec::new();
        let due = self.owed.lock_entries().clone();
        for debt in due {
            let session = debt.session().map(str::to_owned);
            if unpaid.contains(&session) {
                continue;
            }
            match self.write_late(&debt).await {
                Ok(()) => self.owed.lock_entries().retain(|one| !Arc::ptr_eq(one, &debt)),
                Err(error) => {
                    unpaid.push(session);
                    outcome = outcome.and(Err(error));
                }
            }
        }
        self.keep_owed().await;
        outcome
    }

    /// Updates the file beside the log with what is owed now.
    pub async fn keep_owed(&self) {
        let path = self.run.owed_file();
        let owed: Vec<Arc<OwedEntry>> = self.owed.lock_entries().clone();
        let kept = tokio::task::spawn_blocking(move || {
            if owed.is_empty() {
                return if path.exists() { remove_owed_file(&path) } else { Ok(()) };
            }
            let mut text = String::new();
            for debt in &owed {
                text.push_str(&serde_json::to_string(&**debt).map_err(AuditError::internal)?);
                text.push('\n');
            }
            Ok(private_file::write_text(&path, &text)?)
        });
        if let Err(error) = kept.await.map_err(AuditError::internal).and_then(std::convert::identity) {
            tracing::error!("what the audit log lacks is kept in memory only: {error:#}");
        }
    }

    /// Writes what dead runs still owed, before their sessions are closed as crashed.
    pub(super) async fn pay_for_the_gone(&self) -> Result<()> {
        for left in self.run.left_owed(&self.host) {
            // `rename` makes sure that only one of several consoles gets the file; from then on it belongs to this run.
            let ours = self.run.owed_file();
            if std::fs::rename(&left, &ours).is_err() {
                continue;
            }
            match read_owed_file(&ours) {
                Ok(debts) => self.owed.lock_entries().extend(debts.into_iter().map(Arc::new)),
                // Kept for a person to look at.
                Err(error) => {
                    tracing::error!("what an earlier run could not write to the audit log: {error:#}");
                    let _ = std::fs::rename(&ours, left.with_extension("unreadable"));
                }
            }
            self.write_owed_entries().await?;
        }
        Ok(())
    }

    async fn write_late(&self, debt: &OwedEntry) -> Result<()> {
        let (begun, entry) = match debt {
            OwedEntry::OfSession { begun, entry } => (begun, entry),
            OwedEntry::OfConsole(entry) => return self.append_console_entry(entry).await,
        };
        if self.has_event(&entry.session, "ended").await? {
            // Another run has closed the session meanwhile; nothing may follow.
            tracing::warn!(session = entry.session, "the audit log has the end of this session already");
            return Ok(());
        }
        if !self.has_event(&entry.session, "begun").await? {
            self.append(Entry::clone(begun)).await?;
        }
        self.append(Entry::clone(entry)).await.map(drop)
    }
}

/// However many there are: the log may have been locked for long.
fn read_owed_file(path: &Path) -> Result<Vec<OwedEntry>> {
    let failed = |cause| AuditError::for_file("read", path, cause);
    regular_file::is_readable(path, u64::MAX)?;
    let mut file = BufReader::new(File::open(path).map_err(failed)?);
    let (mut owed, mut line) = (Vec::new(), Vec::new());
    while file.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line).map_err(failed)? > 0 {
        if line.starts_with(b"[") {
            owed.extend(serde_json::from_slice::<Vec<OwedEntry>>(&line).map_err(AuditError::internal)?);
        } else {
            owed.push(serde_json::from_slice(&line).map_err(AuditError::internal)?);
        }
        line.clear();
    }
    Ok(owed)
}

fn remove_owed_file(path: &Path) -> Result<()> {
    std::fs::remove_file(path).map_err(|cause| AuditError::for_file("remove", path, cause))
}

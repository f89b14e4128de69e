//! Entries that could not be written when they were due. They keep their time, are written as soon as they can be,
//! and until then the log answers as if they stood in it. A file beside the log keeps them should this run end before
//! that: the next one writes them.

use parking_lot::{Mutex, MutexGuard};
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::AuditLog;
use super::entry::{Entry, Event};
use crate::error::{Error, Result};
use understudy_files::regular_file;

use crate::home;

/// Bytes of such a file; a thousand entries have fewer.
const MOST_BYTES: u64 = 4 << 20;

/// Entries that are still to be written, in the order of what happened.
#[derive(Debug, Default)]
pub(super) struct Owed {
    debts: Mutex<Vec<Arc<Debt>>>,
    paying: tokio::sync::Mutex<()>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Debt {
    /// The first entry of the session: the file may have been replaced by one that lacks it.
    begun: Entry,
    entry: Entry,
}

impl Owed {
    fn debts(&self) -> MutexGuard<'_, Vec<Arc<Debt>>> {
        self.debts.lock()
    }

    /// The end of a session that is not written yet.
    pub(super) fn end_of(&self, session: &str) -> Option<Entry> {
        let debts = self.debts();
        let ends = |debt: &&Arc<Debt>| {
            debt.entry.session == session && matches!(debt.entry.event, Event::Ended { .. })
        };
        debts.iter().find(ends).map(|debt| debt.entry.clone())
    }
}

impl AuditLog {
    /// Writes what has already happened; `begun` is the first entry of its session. What cannot be written now is
    /// kept for [`Self::pay`], and the error says why.
    pub async fn append_or_owe(&self, begun: &Entry, entry: Entry) -> Result<()> {
        self.owed.debts().push(Arc::new(Debt { begun: begun.clone(), entry }));
        self.pay().await
    }

    /// Whether something is owed.
    pub fn owes(&self) -> bool {
        !self.owed.debts().is_empty()
    }

    /// Writes what is owed. Fails with what is in the way of the first entry that cannot be written; it stays owed,
    /// and so does what came after it in its session.
    pub async fn pay(&self) -> Result<()> {
        let _one_at_a_time = self.owed.paying.lock().await;
        let mut outcome = Ok(());
        let mut unpaid: Vec<String> = Vec::new();
        let due = self.owed.debts().clone();
        for debt in due {
            let session = &debt.entry.session;
            if unpaid.contains(session) {
                continue;
            }
            match self.write_late(&debt).await {
                Ok(()) => self.owed.debts().retain(|one| !Arc::ptr_eq(one, &debt)),
                Err(error) => {
                    unpaid.push(session.clone());
                    outcome = outcome.and(Err(error));
                }
            }
        }
        self.keep_owed().await;
        outcome
    }

    /// Has the file beside the log say what is owed now.
    pub async fn keep_owed(&self) {
        let path = self.run.owed_file();
        let owed: Vec<Arc<Debt>> = self.owed.debts().clone();
        let kept = tokio::task::spawn_blocking(move || {
            if owed.is_empty() {
                return if path.exists() { remove(&path) } else { Ok(()) };
            }
            let owed: Vec<&Debt> = owed.iter().map(AsRef::as_ref).collect();
            home::write_private(&path, &serde_json::to_string(&owed).map_err(Error::internal)?)
        });
        if let Err(error) = kept.await.map_err(Error::internal).and_then(std::convert::identity) {
            tracing::error!("what the audit log lacks is kept in memory only: {error:#}");
        }
    }

    /// Writes what runs that are gone could not write any more, before anybody takes their sessions for crashed.
    pub(super) async fn pay_for_the_gone(&self) -> Result<()> {
        for left in self.run.left_owed(&self.host) {
            // One of several consoles gets it; from then on it is this run's.
            let ours = self.run.owed_file();
            if std::fs::rename(&left, &ours).is_err() {
                continue;
            }
            match read(&ours) {
                Ok(debts) => self.owed.debts().extend(debts.into_iter().map(Arc::new)),
                // Left as it is for a person to look at.
                Err(error) => {
                    tracing::error!("what an earlier run could not write to the audit log: {error:#}");
                    let _ = std::fs::rename(&ours, left.with_extension("unreadable"));
                }
            }
            self.pay().await?;
        }
        Ok(())
    }

    async fn write_late(&self, debt: &Debt) -> Result<()> {
        let Debt { begun, entry } = debt;
        if self.has(&entry.session, "ended").await? {
            // Another run closed it meanwhile; nothing can follow.
            tracing::warn!(session = entry.session, "the audit log has the end of this session already");
            return Ok(());
        }
        if !self.has(&entry.session, "begun").await? {
            self.append(begun.clone()).await?;
        }
        self.append(entry.clone()).await
    }
}

fn read(path: &Path) -> Result<Vec<Debt>> {
    serde_json::from_str(&regular_file::read_text(path, MOST_BYTES)?).map_err(Error::internal)
}

fn remove(path: &Path) -> Result<()> {
    std::fs::remove_file(path).map_err(|cause| Error::file("remove", path, cause))
}

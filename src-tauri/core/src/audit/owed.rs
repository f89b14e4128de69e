//! Entries that could not be written when they were due. They keep their time, are written as soon as they can be,
//! and until then the log answers as if they stood in it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::AuditLog;
use super::entry::{Entry, Event};
use crate::error::Result;

/// Entries that are still to be written, in the order of what happened.
#[derive(Debug, Default)]
pub(super) struct Owed {
    debts: Mutex<Vec<Arc<Debt>>>,
    paying: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
struct Debt {
    /// The first entry of the session: the file may have been replaced by one that lacks it.
    begun: Entry,
    entry: Entry,
}

impl Owed {
    fn debts(&self) -> MutexGuard<'_, Vec<Arc<Debt>>> {
        self.debts.lock().unwrap_or_else(PoisonError::into_inner)
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
        outcome
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

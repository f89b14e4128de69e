//! Writes an impersonation to the audit log, and reports it if that fails.

use std::sync::Arc;
use std::time::Duration;

use super::{Impersonations, RunningSession};
use crate::audit::{ConsoleEntry, Entry, EntryLink, Event};
use crate::error::{Error, Result};
use crate::notice::{Notice, Toast, ToastKind};

/// The pauses before further attempts to write; the last one repeats.
const PAUSES: [Duration; 6] = [
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(3),
    Duration::from_secs(10),
    Duration::from_secs(30),
    Duration::from_mins(1),
];

impl Impersonations {
    /// Writes an entry that must be written before its event happens.
    pub(super) async fn write_entry(&self, entry: Entry) -> Result<EntryLink> {
        let written = self.audit.append(entry).await;
        self.say_if_replaced().await;
        Ok(written?)
    }

    /// Waits until the team's log has this entry, if the team wants that before a session begins.
    pub(super) async fn await_team_log(&self, written: &EntryLink) -> Result<()> {
        self.connection_provider()?.await_team_log(written).await
    }

    /// Writes an event that has already happened. If that fails, the entry is kept, the failure is reported once, and
    /// writing is retried.
    pub(super) async fn log_event(&self, running: &RunningSession, at_ms: i64, event: Event) {
        self.log_events(running, vec![(at_ms, event)]).await;
    }

    /// The same, for events with their times, the oldest first.
    pub(super) async fn log_events(&self, running: &RunningSession, events: Vec<(i64, Event)>) {
        let was_behind = self.audit.has_owed_entries();
        for (at_ms, event) in events {
            self.audit.owe_entry(&running.begun, running.begun.with_event(at_ms, event));
        }
        self.write_owed(was_behind).await;
    }

    /// Writes what has already happened outside of sessions.
    pub(crate) async fn log_console_entry(&self, entry: ConsoleEntry) {
        let was_behind = self.audit.has_owed_entries();
        self.audit.owe_console_entry(entry);
        self.write_owed(was_behind).await;
    }

    /// Writes what must be in the log before it happens, outside of sessions.
    pub(crate) async fn write_console_entry(&self, entry: &ConsoleEntry) -> Result<()> {
        let written = self.audit.append_console_entry(entry).await;
        self.say_if_replaced().await;
        Ok(written?)
    }

    /// The same; returns the entry's number.
    pub(crate) async fn write_numbered_entry(&self, entry: &ConsoleEntry) -> Result<i64> {
        let written = self.audit.append_numbered(entry).await;
        self.say_if_replaced().await;
        Ok(written?)
    }

    /// Writes what is owed, and tells the operator if that fails.
    pub(crate) async fn write_owed_entries(&self) {
        self.write_owed(false).await;
    }

    /// Writes what is owed. `was_behind`: the operator knows already that the log lacks entries.
    async fn write_owed(&self, was_behind: bool) {
        let written = self.audit.write_owed_entries().await;
        self.say_if_replaced().await;
        let Err(error) = written.map_err(Error::from) else { return };
        tracing::error!(code = ?error.code, "audit log: {error:#}");
        if !was_behind {
            self.notices.send(Notice::Toast(owed_entry_toast(&error)));
        }
        self.pay_soon();
    }

    /// Also writes what others owe to the log, as soon as possible.
    pub fn settle_owed_entries(&self) {
        if self.audit.has_owed_entries() {
            self.pay_soon();
        }
    }

    /// Retries until everything owed is written; a single task does that.
    fn pay_soon(&self) {
        let Ok(alone) = Arc::clone(&self.paying).try_lock_owned() else { return };
        let (audit, notices) = (self.audit.clone(), self.notices.clone());
        tokio::spawn(async move {
            let _alone = alone;
            let last = PAUSES[PAUSES.len() - 1];
            for pause in PAUSES.into_iter().chain(std::iter::repeat(last)) {
                tokio::time::sleep(pause).await;
                if audit.write_owed_entries().await.is_ok() {
                    break;
                }
            }
            notices.send(Notice::Toast(Toast::success("The audit log is complete again.")));
        });
    }

    async fn say_if_replaced(&self) {
        if self.audit.was_replaced().await {
            self.notices.send(Notice::Toast(Toast::info(
                "Another file has replaced the audit log.",
                "Entries go to that file from now on. If you did not replace it, tell whoever reviews the log.",
            )));
        }
    }
}

fn owed_entry_toast(error: &Error) -> Toast {
    Toast {
        kind: ToastKind::Bad,
        text: error.message.clone(),
        hint: Some(
            "The entry is kept, with its time, and written as soon as the log can be written to. Keep Understudy \
             open until then."
                .into(),
        ),
        said: Vec::new(),
    }
}

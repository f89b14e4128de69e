//! What the audit log gets of an impersonation, and what is said when it cannot be written.

use std::sync::Arc;
use std::time::Duration;

use super::{Impersonations, Running};
use crate::audit::{Entry, Event};
use crate::error::{Error, Result};
use crate::notice::{Notice, Toast, ToastKind};

/// How long it waits before it tries to write again: longer each time, up to the last.
const PAUSES: [Duration; 6] = [
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(3),
    Duration::from_secs(10),
    Duration::from_secs(30),
    Duration::from_mins(1),
];

impl Impersonations {
    /// Writes what has to be written before it happens.
    pub(super) async fn write(&self, entry: Entry) -> Result<()> {
        let written = self.audit.append(entry).await;
        self.say_if_replaced().await;
        written
    }

    /// Writes what has happened and cannot be stopped any more. What cannot be written now is kept, said once, and
    /// written as soon as that is possible.
    pub(super) async fn log(&self, running: &Running, at_ms: i64, event: Event) {
        let was_behind = self.audit.owes();
        let written = self.audit.append_or_owe(&running.begun, running.begun.then(at_ms, event)).await;
        self.say_if_replaced().await;
        let Err(error) = written else { return };
        tracing::error!(code = ?error.code, "audit log: {error:#}");
        if !was_behind {
            self.notices.send(Notice::Toast(kept(&error)));
        }
        self.pay_soon();
    }

    /// Writes what others owe to the log, too, as soon as it can be written.
    pub fn settle(&self) {
        if self.audit.owes() {
            self.pay_soon();
        }
    }

    /// Tries to write what is owed until it is written; one task for all of it.
    fn pay_soon(&self) {
        let Ok(alone) = Arc::clone(&self.paying).try_lock_owned() else { return };
        let (audit, notices) = (self.audit.clone(), self.notices.clone());
        tokio::spawn(async move {
            let _alone = alone;
            let last = PAUSES[PAUSES.len() - 1];
            for pause in PAUSES.into_iter().chain(std::iter::repeat(last)) {
                tokio::time::sleep(pause).await;
                if audit.pay().await.is_ok() {
                    break;
                }
            }
            notices.send(Notice::Toast(Toast::good("The audit log is complete again.")));
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

fn kept(error: &Error) -> Toast {
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

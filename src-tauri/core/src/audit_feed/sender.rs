//! Sends one system what it does not have yet, in order, until it is stopped.

use std::fs::File;
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::FeedState;
use super::batch::{Batch, MOST};
use super::cursor::{Cursor, CursorFile};
use super::request::{FeedTarget, FeedTry};
use crate::audit::AuditError;
use crate::audit::lines::LogLines;
use crate::clock::{Clock, Moment};
use crate::error::{Code, Error, Result};
use crate::outbox::{DeliveryFault, pause_after};
use crate::vault::Vault;

/// Other runs, such as the command line, write to the same log and tell nobody; and another console with the same home
/// may stop sending.
const LOOK_AGAIN_MS: i64 = 5_000;

pub(super) struct FeedSender {
    pub target: FeedTarget,
    pub cursor: CursorFile,
    pub lines: LogLines,
    pub vault: Vault,
    pub clock: Clock,
    pub state: watch::Sender<FeedState>,
    /// Tells when it is worth trying again at once.
    pub retry: watch::Receiver<u64>,
    pub stop: CancellationToken,
}

/// Why nothing more is sent now.
enum Pause {
    /// Another console with this home is sending.
    AnotherSends,
    Fault(DeliveryFault, Option<Duration>),
    /// It cannot succeed as it is.
    Stopped(DeliveryFault),
    /// The log is closed.
    Closed,
}

impl From<Error> for Pause {
    fn from(error: Error) -> Self {
        match error.code {
            Code::Cancelled => Self::Closed,
            _ => Self::Fault((&error).into(), None),
        }
    }
}

impl From<AuditError> for Pause {
    fn from(error: AuditError) -> Self {
        Error::from(error).into()
    }
}

impl FeedSender {
    pub async fn run(mut self) {
        let stop = self.stop.clone();
        tokio::select! {
            () = stop.cancelled() => {}
            () = self.send_until_closed() => {}
        }
    }

    async fn send_until_closed(&mut self) {
        let mut failures = 0;
        loop {
            let pause = match self.send(&mut failures).await {
                Ok(never) => match never {},
                Err(pause) => pause,
            };
            let now = self.clock.now();
            let (fault, next) = match pause {
                Pause::Closed => return,
                Pause::AnotherSends => (None, Some(now.add_ms(LOOK_AGAIN_MS))),
                Pause::Fault(fault, wait) => {
                    let pause = pause_after(failures, wait);
                    failures += 1;
                    let ms = i64::try_from(pause.as_millis()).unwrap_or(i64::MAX);
                    (Some(fault), Some(now.add_ms(ms)))
                }
                Pause::Stopped(fault) => (Some(fault), None),
            };
            if let Some(fault) = &fault {
                tracing::warn!(
                    "the audit log's {} gets no entries now: {}",
                    self.target.kind().as_str(),
                    fault.message
                );
            }
            self.publish(None, fault, next).await;
            if !self.wait_to_retry(next).await {
                return;
            }
        }
    }

    /// Counts what waits meanwhile. `false`: the log is closed.
    async fn wait_to_retry(&mut self, next: Option<Moment>) -> bool {
        let clock = self.clock.clone();
        let due = async {
            match next {
                Some(next) => clock.wait_until(next).await,
                None => std::future::pending().await,
            }
        };
        tokio::pin!(due);
        self.retry.mark_unchanged();
        loop {
            tokio::select! {
                () = &mut due => return true,
                asked = self.retry.changed() => return asked.is_ok(),
                written = self.lines.wait_for_entry() => {
                    if written.is_err() {
                        return false;
                    }
                    let fault = self.state.borrow().fault.clone();
                    self.publish(None, fault, next).await;
                }
            }
        }
    }

    /// Sends until something prevents it.
    async fn send(&mut self, failures: &mut usize) -> Result<std::convert::Infallible, Pause> {
        let _alone: File = self.cursor.lock_sending().await?.ok_or(Pause::AnotherSends)?;
        let log = self.lines.log_id().await?;
        let mut cursor = self.cursor.load(&log).await?;
        // Told by whatever is published next: also if it is a fault.
        let acknowledged = cursor.acknowledged;
        self.state.send_if_modified(|state| {
            state.acknowledged = acknowledged;
            false
        });
        self.check_cursor(&cursor).await?;
        let sender = self.target.prepare(&self.vault).await?;
        loop {
            let Some(batch) = self.read_batch(&mut cursor).await? else {
                self.publish(Some(cursor.acknowledged), None, None).await;
                let look_again = self.clock.now().add_ms(LOOK_AGAIN_MS);
                tokio::select! {
                    written = self.lines.wait_for_entry() => written?,
                    () = self.clock.wait_until(look_again) => {}
                }
                continue;
            };
            match sender.send_once(&batch, self.clock.now_ms()).await {
                FeedTry::Delivered => {}
                FeedTry::Later(fault, wait) => return Err(Pause::Fault(fault, wait)),
                FeedTry::Stopped(fault) => return Err(Pause::Stopped(fault)),
            }
            *failures = 0;
            cursor = Cursor {
                log: log.clone(),
                acknowledged: batch.last(),
                hash: batch.last_hash().to_owned(),
                sending: None,
            };
            self.cursor.store(&cursor).await?;
            self.publish(Some(cursor.acknowledged), None, None).await;
        }
    }

    /// What is sent next: what was being sent when it was interrupted, else what is new.
    async fn read_batch(&self, cursor: &mut Cursor) -> Result<Option<Batch>> {
        let mut lines = self.lines.read_after(&cursor.log, &cursor.last_link(), MOST).await?;
        if let Some(last) = cursor.sending {
            if lines.first().is_some_and(|first| first.id > last) {
                // It was removed because of its age while the system was not in the team file.
                cursor.sending = None;
            } else {
                lines.retain(|line| line.id <= last);
            }
        }
        let Some(newest) = lines.last() else { return Ok(None) };
        if cursor.sending.is_none() {
            cursor.sending = Some(newest.id);
            self.cursor.store(cursor).await?;
        }
        Ok(Some(Batch { log: cursor.log.clone(), lines }))
    }

    /// Makes sure that the log still is the one that the system has the beginning of: an older copy may have been put back.
    async fn check_cursor(&self, cursor: &Cursor) -> Result<(), Pause> {
        if cursor.acknowledged == 0 {
            return Ok(());
        }
        let Cursor { acknowledged, .. } = *cursor;
        // The hash stays when an entry is removed because of its age.
        if self.lines.has_link(&cursor.last_link()).await? {
            return Ok(());
        }
        let kind = self.target.kind().as_str();
        Err(Pause::Stopped(DeliveryFault {
            message: format!(
                "The audit log is not the one whose first {acknowledged} entries the {kind} has: it was changed, or an \
                 older copy was put back. Nothing is sent."
            ),
            hint: Some(
                "Run `understudy audit verify`, and show what it says to whoever reviews the log.".into(),
            ),
        }))
    }

    /// `acknowledged`: as before if `None`.
    async fn publish(&self, acknowledged: Option<i64>, fault: Option<DeliveryFault>, next: Option<Moment>) {
        let acknowledged = acknowledged.unwrap_or_else(|| self.state.borrow().acknowledged);
        let waiting = self.lines.count_after(acknowledged).await.unwrap_or_default();
        let now = self.clock.now();
        self.state.send_if_modified(|state| {
            let next = FeedState {
                kind: state.kind,
                origin: state.origin.clone(),
                acknowledged,
                waiting: waiting.count,
                waiting_since: waiting.since,
                next_at: next.filter(|_| fault.is_some()).map(|next| next.to_wall_time(now)),
                fault,
            };
            let is_new = *state != next;
            *state = next;
            is_new
        });
    }
}

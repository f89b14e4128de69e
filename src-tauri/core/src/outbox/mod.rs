//! Summaries on their way into tickets: kept on the disk until the helpdesk has them, over restarts and crashes.
//!
//! A summary may reach the helpdesk more than once, if Understudy ends between the answer and the note of it; each
//! carries an ID by which the helpdesk can tell. `store` has the files, `sending` one request and what its answer means.
//! No secret is in the files: the request is rendered anew for each try.

mod sending;
mod store;

use std::collections::BTreeMap;
use std::time::Duration;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use ts_rs::TS;

pub(crate) use self::sending::{SendOutcome, plan_message, send_message};
pub(crate) use self::store::OutboxStore;
use crate::clock::Moment;
use crate::error::{Code, Error, Result};
use crate::home::Home;
use crate::session::SessionView;
use crate::session_summary::SummaryText;

/// The pauses after the first failed tries; after that, the last of them.
const PAUSES: [Duration; 5] = [
    Duration::from_secs(10),
    Duration::from_mins(1),
    Duration::from_mins(5),
    Duration::from_mins(15),
    Duration::from_hours(1),
];

/// A summary, with all that its request is made from except secrets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct OutgoingMessage {
    /// The same for every try: `{{ summary.id }}`.
    pub id: String,
    /// The connection's ID.
    pub connection: String,
    pub connection_name: String,
    pub ticket: String,
    /// Who was the customer, for people.
    pub user: String,
    /// Milliseconds since the Unix epoch.
    pub written_at: i64,
    /// What the request's templates use of `user`, `operator`, `reason`, `session` and `connection`.
    pub facts: Value,
    pub summary: SummaryText,
    /// Why it is not tried any longer until the operator says so.
    pub stopped: Option<DeliveryFault>,
}

/// Why a summary did not reach its ticket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct DeliveryFault {
    pub message: String,
    /// What to do next, if there is anything to do.
    pub hint: Option<String>,
}

/// A summary that has not reached its ticket yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
#[ts(export)]
pub struct WaitingMessage {
    pub id: String,
    pub connection_name: String,
    pub ticket: String,
    /// Who was the customer.
    pub user: String,
    /// Milliseconds since the Unix epoch.
    #[ts(type = "number")]
    pub written_at: i64,
    /// Why the last try failed; `None` before the first one has ended.
    pub fault: Option<DeliveryFault>,
    /// When it is tried again, in milliseconds since the Unix epoch; `None` if only the operator can say so.
    #[ts(type = "number | null")]
    pub next_at: Option<i64>,
}

/// A summary as it will be sent, to be read before that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
#[ts(export)]
pub struct PreparedNote {
    pub id: String,
    /// The session that it is about, as it was then.
    pub session: SessionView,
    /// The helpdesk's origin.
    pub origin: String,
    pub text: String,
}

/// What failed so far in this run.
#[derive(Debug, Clone)]
struct FailedTries {
    count: usize,
    fault: DeliveryFault,
    /// `None`: not again in this run, unless the operator says so.
    next: Option<Moment>,
}

/// The summaries that wait, and the one that is shown before it is sent.
pub(crate) struct Outbox {
    pub store: OutboxStore,
    failed: Mutex<BTreeMap<String, FailedTries>>,
    prepared: Mutex<Option<OutgoingMessage>>,
    /// Something may be due before the time that was waited for.
    pub wake: Notify,
    /// Set when Understudy quits.
    pub stop: CancellationToken,
}

impl From<&Error> for DeliveryFault {
    fn from(error: &Error) -> Self {
        Self { message: error.message.clone(), hint: error.hint.clone() }
    }
}

impl Outbox {
    pub fn new(home: &Home) -> Self {
        Self {
            store: OutboxStore::new(home.outbox_dir()),
            failed: Mutex::default(),
            prepared: Mutex::default(),
            wake: Notify::new(),
            stop: CancellationToken::new(),
        }
    }

    /// Keeps the summary that is shown, in place of one that was shown before.
    pub fn set_prepared(&self, note: OutgoingMessage) {
        *self.prepared.lock() = Some(note);
    }

    /// The summary that was shown with this ID.
    pub fn find_prepared(&self, id: &str) -> Result<OutgoingMessage> {
        self.prepared.lock().clone().filter(|note| note.id == id).ok_or_else(|| {
            Error::new(Code::SessionUnknown, "This summary is not there any longer.")
                .with_hint("Open it again from its session, then send it.")
        })
    }

    /// Forgets the summary that was shown with this ID.
    pub fn drop_prepared(&self, id: &str) {
        self.prepared.lock().take_if(|note| note.id == id);
    }

    /// Whether a summary should be tried now.
    pub fn is_due(&self, note: &OutgoingMessage, now: Moment) -> bool {
        note.stopped.is_none()
            && self
                .failed
                .lock()
                .get(&note.id)
                .is_none_or(|tries| tries.next.is_some_and(|next| next.is_reached(now)))
    }

    /// Takes note of a failed try; the next one follows later, and not before `wait`, if the server said so.
    pub fn postpone(&self, id: &str, fault: DeliveryFault, wait: Option<Duration>, now: Moment) -> Moment {
        let mut failed = self.failed.lock();
        let count = failed.get(id).map_or(0, |tries| tries.count);
        let longest = PAUSES[PAUSES.len() - 1];
        let pause = PAUSES.get(count).copied().unwrap_or(longest).max(wait.unwrap_or_default().min(longest));
        let next = now.add_ms(i64::try_from(pause.as_millis()).unwrap_or(i64::MAX));
        failed.insert(id.to_owned(), FailedTries { count: count + 1, fault, next: Some(next) });
        next
    }

    /// Tries a summary no more in this run.
    pub fn give_up(&self, id: &str, fault: DeliveryFault) {
        let mut failed = self.failed.lock();
        let count = failed.get(id).map_or(0, |tries| tries.count);
        failed.insert(id.to_owned(), FailedTries { count: count + 1, fault, next: None });
    }

    /// Forgets what failed: the summary is due again, or gone.
    pub fn forget_tries(&self, id: &str) {
        self.failed.lock().remove(id);
    }

    /// The next time at which a summary is due.
    pub fn next_due(&self, notes: &[OutgoingMessage], now: Moment) -> Option<Moment> {
        let failed = self.failed.lock();
        let waiting = notes.iter().filter(|note| note.stopped.is_none());
        let times = waiting.filter_map(|note| failed.get(&note.id).map_or(Some(now), |tries| tries.next));
        times.min_by_key(|time| time.to_wall_time(now))
    }

    /// The summaries that wait, oldest first.
    pub fn list_waiting(&self, now: Moment) -> Vec<WaitingMessage> {
        let failed = self.failed.lock();
        let notes = self.store.list_messages().into_iter();
        notes
            .map(|note| {
                let tries = failed.get(&note.id);
                let is_stopped = note.stopped.is_some();
                let next = tries.map_or(Some(now), |tries| tries.next).filter(|_| !is_stopped);
                WaitingMessage {
                    id: note.id,
                    connection_name: note.connection_name,
                    ticket: note.ticket,
                    user: note.user,
                    written_at: note.written_at,
                    fault: note.stopped.or_else(|| tries.map(|tries| tries.fault.clone())),
                    next_at: next.map(|next| next.to_wall_time(now)),
                }
            })
            .collect()
    }
}

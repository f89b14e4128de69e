//! What is sent after sessions: summaries into their tickets, and word of a session to its application. Kept on the disk
//! until the other side has it, over restarts and crashes.
//!
//! A message may arrive more than once, if Understudy ends between the answer and the note of it; each carries an ID by
//! which the receiver can tell. `message` is what is kept, `store` has the files, `sending` one request and what its
//! answer means, and `notifications` keeps word of a session while it runs. No secret is in the files: the request is
//! rendered anew for each try.

mod message;
mod notifications;
mod sending;
mod store;

use std::collections::BTreeMap;
use std::time::Duration;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use ts_rs::TS;

pub(crate) use self::message::{MessageContent, OutgoingMessage, SessionEnd, SessionNotification};
pub(crate) use self::sending::{
    AnswerMeaning, SendOutcome, judge_status, plan_message, read_retry_after, send_message,
};
pub(crate) use self::store::OutboxStore;
use crate::clock::Moment;
use crate::error::{Code, Error, Result};
use crate::home::Home;
use crate::session::SessionView;

/// The pauses after the first failed tries; after that, the last of them.
const PAUSES: [Duration; 5] = [
    Duration::from_secs(10),
    Duration::from_mins(1),
    Duration::from_mins(5),
    Duration::from_mins(15),
    Duration::from_hours(1),
];

/// Why a message did not arrive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct DeliveryFault {
    pub message: String,
    /// What to do next, if there is anything to do.
    pub hint: Option<String>,
}

/// How long to wait after so many failed tries and another one; not shorter than `wait`, if the server said so.
pub(crate) fn pause_after(failures: usize, wait: Option<Duration>) -> Duration {
    let longest = PAUSES[PAUSES.len() - 1];
    PAUSES.get(failures).copied().unwrap_or(longest).max(wait.unwrap_or_default().min(longest))
}

/// What a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum MessageKind {
    /// A session's summary, for its ticket.
    Summary,
    /// Word of a session, for its application.
    Notification,
    /// Entries of the audit log, for one of the team's systems. Its ID is that system's key in the team file.
    Entries,
    /// A file that can't be read.
    Unreadable,
}

/// A message that has not arrived yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
#[ts(export)]
pub struct WaitingMessage {
    pub id: String,
    pub kind: MessageKind,
    pub connection_name: String,
    /// Empty if it is not for a ticket.
    pub ticket: String,
    /// Who was the customer.
    pub user: String,
    /// Where entries of the audit log would go, and how many; else empty and 0.
    pub origin: String,
    #[ts(type = "number")]
    pub entries: u64,
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

/// The messages that wait, and the summary that is shown before it is sent.
pub(crate) struct Outbox {
    pub store: OutboxStore,
    failed: Mutex<BTreeMap<String, FailedTries>>,
    /// With the session that it is about.
    prepared: Mutex<Option<(OutgoingMessage, SessionView)>>,
    /// Something may be due before the time that was waited for.
    pub wake: Notify,
    /// Held while the windows are told what waits.
    pub telling: tokio::sync::Mutex<()>,
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
            telling: tokio::sync::Mutex::default(),
            stop: CancellationToken::new(),
        }
    }

    /// Keeps the summary that is shown, in place of one that was shown before.
    pub fn set_prepared(&self, note: OutgoingMessage, session: SessionView) {
        *self.prepared.lock() = Some((note, session));
    }

    /// The summary that was shown with this ID, and its session.
    pub fn find_prepared(&self, id: &str) -> Result<(OutgoingMessage, SessionView)> {
        self.prepared.lock().clone().filter(|(message, _)| message.id == id).ok_or_else(|| {
            Error::new(Code::SessionUnknown, "This summary is no longer there.")
                .with_hint("Open it again from its session, then send it.")
        })
    }

    /// Forgets the summary that was shown with this ID.
    pub fn drop_prepared(&self, id: &str) {
        self.prepared.lock().take_if(|(message, _)| message.id == id);
    }

    /// Whether a message should be tried now.
    pub fn is_due(&self, message: &OutgoingMessage, now: Moment) -> bool {
        message.stopped.is_none()
            && message.is_complete()
            && self
                .failed
                .lock()
                .get(&message.id)
                .is_none_or(|tries| tries.next.is_some_and(|next| next.is_reached(now)))
    }

    /// Takes note of a failed try; the next one follows later, and not before `wait`, if the server said so.
    pub fn postpone(&self, id: &str, fault: DeliveryFault, wait: Option<Duration>, now: Moment) -> Moment {
        let mut failed = self.failed.lock();
        let count = failed.get(id).map_or(0, |tries| tries.count);
        let pause = pause_after(count, wait);
        let next = now.add_ms(i64::try_from(pause.as_millis()).unwrap_or(i64::MAX));
        failed.insert(id.to_owned(), FailedTries { count: count + 1, fault, next: Some(next) });
        next
    }

    /// Tries a message no more in this run.
    pub fn give_up(&self, id: &str, fault: DeliveryFault) {
        let mut failed = self.failed.lock();
        let count = failed.get(id).map_or(0, |tries| tries.count);
        failed.insert(id.to_owned(), FailedTries { count: count + 1, fault, next: None });
    }

    /// Forgets what failed: the message is due again, or gone.
    pub fn forget_tries(&self, id: &str) {
        self.failed.lock().remove(id);
    }

    /// The next time at which a message is due.
    pub fn next_due(&self, messages: &[OutgoingMessage], now: Moment) -> Option<Moment> {
        let failed = self.failed.lock();
        let waiting = messages.iter().filter(|message| message.stopped.is_none() && message.is_complete());
        let times =
            waiting.filter_map(|message| failed.get(&message.id).map_or(Some(now), |tries| tries.next));
        times.min_by_key(|time| time.to_wall_time(now))
    }

    /// The complete messages, oldest first.
    pub async fn list_waiting(&self, now: Moment) -> Vec<WaitingMessage> {
        let messages = self.store.list_messages().await.into_iter();
        let failed = self.failed.lock();
        messages
            .filter(OutgoingMessage::is_complete)
            .map(|message| {
                let tries = failed.get(&message.id);
                let is_stopped = message.stopped.is_some();
                let next = tries.map_or(Some(now), |tries| tries.next).filter(|_| !is_stopped);
                let (kind, ticket) = match message.content {
                    MessageContent::Summary { ticket, .. } => (MessageKind::Summary, ticket),
                    MessageContent::Notification { .. } => (MessageKind::Notification, String::new()),
                    MessageContent::Unreadable => (MessageKind::Unreadable, String::new()),
                };
                WaitingMessage {
                    id: message.id,
                    kind,
                    connection_name: message.connection_name,
                    ticket,
                    origin: String::new(),
                    entries: 0,
                    user: message.user,
                    written_at: message.written_at,
                    fault: message.stopped.or_else(|| tries.map(|tries| tries.fault.clone())),
                    next_at: next.map(|next| next.to_wall_time(now)),
                }
            })
            .collect()
    }
}

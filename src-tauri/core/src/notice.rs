//! What the core reports by itself: one broadcast stream for every UI.

use serde::Serialize;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::broadcast::{self, Receiver};
use ts_rs::TS;

use crate::audit::Entry;
use crate::colleagues::{ApprovalRequest, Presence};
use crate::connection::{ConnectionProblem, ConnectionSummary};
use crate::customer_link::CustomerLink;
use crate::error::Error;
use crate::outbox::WaitingMessage;
use crate::sanitize;
use crate::session::{EndedSession, SessionView};
use crate::sign_in::SafeHtml;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum ToastKind {
    Good,
    Bad,
    Info,
}

/// A message that appears and disappears by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
#[ts(export)]
pub struct Toast {
    pub kind: ToastKind,
    pub text: String,
    pub hint: Option<String>,
    /// What the application said, too. If there is anything here, the message stays until it is dismissed.
    pub said: Vec<SafeHtml>,
}

impl Toast {
    pub fn success(text: impl Into<String>) -> Self {
        Self { kind: ToastKind::Good, text: text.into(), hint: None, said: Vec::new() }
    }

    pub fn info(text: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { kind: ToastKind::Info, text: text.into(), hint: Some(hint.into()), said: Vec::new() }
    }

    /// The message about sessions that a crash cut off; `lost` are their last entries. `None` if there are none.
    pub fn after_crash(lost: &[Entry]) -> Option<Self> {
        const NAMED: usize = 5;
        if lost.is_empty() {
            return None;
        }
        let mut names: Vec<String> = lost
            .iter()
            .take(NAMED)
            .map(|entry| {
                let whom = &entry.whom;
                let best = whom.user_name.as_ref().or(whom.user_email.as_ref()).unwrap_or(&whom.user_id);
                format!(
                    "{} ({})",
                    sanitize::sanitize_line(best, 60),
                    sanitize::sanitize_line(&whom.connection_name, 40)
                )
            })
            .collect();
        if lost.len() > NAMED {
            names.push(format!("{} more", lost.len() - NAMED));
        }
        Some(Self {
            kind: ToastKind::Bad,
            text: format!("Understudy stopped unexpectedly while you were signed in as {}.", names.join(", ")),
            hint: Some(
                "The windows are gone, but the application may keep these sessions until they expire. To end them \
                 now, sign in again and sign out there."
                    .into(),
            ),
            said: Vec::new(),
        })
    }

    pub fn from_error(error: &Error) -> Self {
        Self { kind: ToastKind::Bad, text: error.message.clone(), hint: error.hint.clone(), said: Vec::new() }
    }
}

/// All connections, as they are now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
#[ts(export)]
pub struct ConnectionList {
    pub connections: Vec<ConnectionSummary>,
    pub problems: Vec<ConnectionProblem>,
    /// The IDs of both, in the rail's order.
    pub order: Vec<String>,
}

/// A connection whose database is waking up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
#[ts(export)]
pub struct WakingDirectory {
    /// The connection's ID; `None`: the one in the form.
    pub connection: Option<String>,
    /// `false`: it is awake, or no request waits for it any longer.
    pub wakes: bool,
}

#[derive(Debug, Clone)]
pub enum Notice {
    /// All running sessions, after any of them changed.
    Sessions(Vec<SessionView>),
    /// This session ends soon; it can be extended unless `extensions_left` is 0.
    SessionEndsSoon(SessionView),
    /// What the fence of the session with this ID held back, or about what its bar has to ask, has changed.
    SessionAccess(String),
    /// A host asks in the session with this ID for a user name and a password, or no longer does.
    SessionPassword(String),
    /// A session has ended, for whatever reason. Not sent if its window never opened; then beginning it returns the
    /// error.
    SessionEnded(EndedSession),
    /// The operator wants to replace the secret that the session with this ID was refused for.
    RenewSecret(String),
    Toast(Toast),
    /// A link from outside names a customer. Nothing of it has been looked up.
    CustomerLink(CustomerLink),
    /// The summaries that have not reached their tickets yet, after any of that changed.
    WaitingMessages(Vec<WaitingMessage>),
    Connections(ConnectionList),
    /// Who of the team is in which account, after any of that changed.
    Presence(Presence),
    /// The requests for approval that can be decided or used, after any of that changed.
    Approvals(Vec<ApprovalRequest>),
    /// A colleague asks for approval.
    ApprovalAsked(ApprovalRequest),
    /// So many sessions have begun without the approval that they need. A message in the window says which.
    GlassBroken(usize),
    /// The application has changed users in the directory of the connection with this ID.
    DirectoryChanged(String),
    /// A database that sleeps when idle is starting up, or no longer is.
    DirectoryWaking(WakingDirectory),
}

/// Sends notices to all listeners. Cheap to clone; having no listeners is fine.
#[derive(Debug, Clone)]
pub struct Notices(broadcast::Sender<Notice>);

impl Default for Notices {
    fn default() -> Self {
        Self(broadcast::Sender::new(256))
    }
}

impl Notices {
    pub fn send(&self, notice: Notice) {
        // An error only means that no one is listening.
        let _ = self.0.send(notice);
    }

    pub fn subscribe(&self) -> Receiver<Notice> {
        self.0.subscribe()
    }
}

/// The next notices; `None` once the stream has ended. A listener that was too slow gets the current state from `now`
/// in place of what it missed.
pub async fn receive_notices<F: Future<Output = Vec<Notice>>>(
    notices: &mut Receiver<Notice>,
    now: impl Fn() -> F,
) -> Option<Vec<Notice>> {
    match notices.recv().await {
        Ok(notice) => Some(vec![notice]),
        Err(RecvError::Lagged(missed)) => {
            tracing::warn!("{missed} notices were missed");
            Some(now().await)
        }
        Err(RecvError::Closed) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_was_too_slow_hears_how_things_stand() {
        let notices = Notices::default();
        let mut listening = notices.subscribe();
        // The last session ends, and many notices follow.
        notices.send(Notice::Sessions(Vec::new()));
        for _ in 0..300 {
            notices.send(Notice::Toast(Toast::success("said")));
        }
        let now = || async { vec![Notice::Sessions(Vec::new())] };
        let heard = receive_notices(&mut listening, now).await.expect("it goes on");
        assert!(matches!(&heard[..], [Notice::Sessions(sessions)] if sessions.is_empty()), "{heard:?}");
        // Later notices arrive as usual.
        let heard = receive_notices(&mut listening, now).await.expect("it goes on");
        assert!(matches!(&heard[..], [Notice::Toast(_)]), "{heard:?}");
        drop(notices);
        let mut left = 0;
        while receive_notices(&mut listening, now).await.is_some() {
            left += 1;
        }
        assert_eq!(left, 255);
    }
}

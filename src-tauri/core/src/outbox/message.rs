//! What is sent after a session, with all that its request is made from except secrets.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::DeliveryFault;
use crate::access::SessionMode;
use crate::audit::EndCause;
use crate::connection::{Connection, Request};
use crate::session_summary::SummaryText;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct OutgoingMessage {
    /// The same for every try: `{{ summary.id }}` or `{{ notification.id }}`.
    pub id: String,
    /// The connection's ID.
    pub connection: String,
    pub connection_name: String,
    /// Who was the customer, for people.
    pub user: String,
    /// Milliseconds since the Unix epoch.
    pub written_at: i64,
    /// What the request's templates use of `user`, `operator`, `reason`, `session` and `connection`.
    pub facts: Value,
    #[serde(flatten)]
    pub content: MessageContent,
    /// Why it is not tried any longer until the operator says so.
    pub stopped: Option<DeliveryFault>,
}

/// What is sent, and so where to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum MessageContent {
    /// A session's summary, into its ticket.
    Summary { ticket: String, summary: SummaryText },
    /// Word of a session, to the application. Its message has the session's ID.
    Notification { notification: SessionNotification },
    /// A file that can't be read.
    #[serde(skip)]
    Unreadable,
}

/// What the application is told of a session. Times are in milliseconds since the Unix epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SessionNotification {
    pub began_at: i64,
    /// `None` while the session runs: it is not sent until then.
    pub end: Option<SessionEnd>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SessionEnd {
    pub at: i64,
    pub cause: EndCause,
    /// The most that the session could do in the application at any time.
    pub mode: SessionMode,
}

impl OutgoingMessage {
    /// Whether all is known that it says.
    pub fn is_complete(&self) -> bool {
        !matches!(&self.content, MessageContent::Notification { notification } if notification.end.is_none())
    }

    /// The connection's request for it, if it has one.
    pub fn find_request<'a>(&self, connection: &'a Connection) -> Option<&'a Request> {
        match self.content {
            MessageContent::Summary { .. } => connection.ticket_note.as_ref(),
            MessageContent::Notification { .. } => connection.notify.as_ref(),
            MessageContent::Unreadable => None,
        }
    }
}

impl SessionNotification {
    /// What templates see as `notification`.
    pub fn describe(&self, id: &str) -> Value {
        let end = self.end.unwrap_or(SessionEnd {
            at: self.began_at,
            cause: EndCause::Crash,
            mode: SessionMode::ReadOnly,
        });
        json!({
            "id": id,
            "began_at": to_text(self.began_at),
            "ended_at": to_text(end.at),
            "seconds": (end.at - self.began_at).max(0) / 1000,
            "mode": end.mode,
            "ended_by": end.cause,
        })
    }

    /// Of a session that there never was.
    pub fn of_check() -> Self {
        let end = SessionEnd { at: 60_000, cause: EndCause::Operator, mode: SessionMode::ReadOnly };
        Self { began_at: 0, end: Some(end) }
    }
}

/// As in RFC 3339, in UTC.
fn to_text(ms: i64) -> String {
    Timestamp::from_millisecond(ms).map_or_else(|_| ms.to_string(), |time| time.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What earlier versions wrote into the outbox, and may wait there.
    #[test]
    fn a_summary_from_before_notifications_is_still_one() {
        let text = r#"{"id": "0190b1c2-0000-7000-8000-000000000001", "connection": "acme", "connection_name": "Acme",
            "ticket": "4711", "user": "Anna", "written_at": 7, "facts": {"user": {"id": 7}},
            "summary": {"markdown": "m", "html": "h", "text": "t"}, "stopped": null}"#;
        let read: OutgoingMessage = serde_json::from_str(text).unwrap();
        let MessageContent::Summary { ticket, summary } = &read.content else { panic!("{read:?}") };
        assert_eq!((ticket.as_str(), summary.text.as_str(), read.is_complete()), ("4711", "t", true));
        let again: Value = serde_json::from_str(&serde_json::to_string(&read).unwrap()).unwrap();
        assert_eq!(again, serde_json::from_str::<Value>(text).unwrap());
    }

    #[test]
    fn a_notification_says_when_how_long_and_in_which_mode() {
        let end = SessionEnd { at: 91_999, cause: EndCause::Deadline, mode: SessionMode::Full };
        let notification = SessionNotification { began_at: 1_000, end: Some(end) };
        let expected = json!({
            "id": "s1",
            "began_at": "1970-01-01T00:00:01Z",
            "ended_at": "1970-01-01T00:01:31.999Z",
            "seconds": 90,
            "mode": "full",
            "ended_by": "deadline",
        });
        assert_eq!(notification.describe("s1"), expected);
    }
}

//! Word of sessions for their applications: kept from the moment at which the operator is signed in, so that a crash
//! does not lose it, and sent once the session has ended.

use super::Outbox;
use super::message::{MessageContent, OutgoingMessage, SessionEnd, SessionNotification};
use crate::access::SessionMode;
use crate::audit::AuditLog;
use crate::connection::Connection;
use crate::error::Result;
use crate::session::SessionView;

impl Outbox {
    /// Keeps word of a session, if its connection has a request for it. Without `end`, it waits until there is one.
    pub async fn keep_notification(
        &self,
        session: &SessionView,
        connection: &Connection,
        facts: &serde_json::Value,
        began_at: i64,
        end: Option<SessionEnd>,
    ) -> Result<()> {
        if connection.notify.is_none() {
            return Ok(());
        }
        let mut message = OutgoingMessage {
            id: session.id.clone(),
            connection: connection.id.clone(),
            connection_name: connection.file.name.clone(),
            user: session.user.display_name().clone(),
            written_at: began_at,
            facts: facts.clone(),
            content: MessageContent::Notification { notification: SessionNotification { began_at, end } },
            stopped: None,
        };
        message.keep_used_facts(connection);
        self.store.keep_message(&message).await?;
        if end.is_some() {
            self.wake.notify_one();
        }
        Ok(())
    }

    /// Completes what is kept about sessions that crashes have ended, here or on another computer with this home: the
    /// audit log says when each was found.
    pub async fn complete_notifications(&self, audit: &AuditLog) {
        for message in self.store.list_messages().await {
            let MessageContent::Notification { notification } = &message.content else { continue };
            if notification.end.is_some() {
                continue;
            }
            let course = match audit.find_course(&message.id).await {
                Ok(Some(course)) => course,
                Ok(None) => continue,
                Err(error) => {
                    tracing::warn!("the outbox: {error:#}");
                    return;
                }
            };
            let kept = if course.was_active {
                let mode = if course.had_full_access { SessionMode::Full } else { SessionMode::ReadOnly };
                let end = SessionEnd { at: course.ended_at, cause: course.cause, mode };
                let notification = SessionNotification { end: Some(end), ..notification.clone() };
                let content = MessageContent::Notification { notification };
                self.store.keep_message(&OutgoingMessage { content, ..message }).await
            } else {
                self.store.remove_message(&message.id).await
            };
            if let Err(error) = kept {
                tracing::warn!("the outbox: {error:#}");
            }
        }
    }
}

//! What goes back into a ticket: a session's summary, shown first, then put into the outbox.

use jiff::tz::TimeZone;
use uuid::Uuid;

use super::Console;
use super::record::TICKET;
use crate::error::{Code, Error, Result};
use crate::outbox::{MessageContent, OutgoingMessage, PreparedNote};

impl Console {
    /// The summary of a session as it would be sent into its ticket, for the operator to read. Nothing is sent yet.
    ///
    /// Fails with [`Code::PolicyRefused`] if the session has no ticket or its connection does not say how to send it.
    pub fn prepare_summary(&self, session: &str) -> Result<PreparedNote> {
        let summary = self.impersonations.summarize_session(session)?;
        let view = &summary.session;
        if view.ticket.is_empty() {
            let message = "This session is not for a ticket, so its summary has nowhere to go.";
            return Err(Error::new(Code::PolicyRefused, message).with_hint("Copy the summary instead."));
        }
        let connection = self.find_connection(&view.connection)?;
        let origin = connection.ticket_origin().ok_or_else(|| {
            let message = format!("The connection `{}` does not say how to send a summary.", connection.id);
            Error::new(Code::PolicyRefused, message)
                .with_hint("Copy the summary instead, or ask for `[ticket] note` in the connection.")
        })?;
        let now = self.clock.now_ms();
        let text = summary.to_text(now, &TimeZone::system());
        let shown = text.text.clone();
        let mut note = OutgoingMessage {
            id: Uuid::now_v7().to_string(),
            connection: connection.id.clone(),
            connection_name: connection.file.name.clone(),
            user: view.user.display_name().clone(),
            written_at: now,
            facts: summary.context.open_facts().clone(),
            content: MessageContent::Summary { ticket: view.ticket.clone(), summary: text },
            stopped: None,
        };
        note.keep_used_facts(&connection);
        let id = note.id.clone();
        self.outbox.set_prepared(note, summary.session.clone());
        Ok(PreparedNote { id, session: summary.session, origin, text: shown })
    }

    /// Puts the summary that was shown into the outbox, from where it is sent at once. After this, neither a crash nor a
    /// helpdesk that does not answer can lose it.
    pub async fn send_summary(&self, id: &str) -> Result<()> {
        if self.outbox.store.find_message(id).await?.is_some() {
            return Ok(());
        }
        let (note, session) = self.outbox.find_prepared(id)?;
        // What the operator has to put right is reported here, where they see it.
        self.plan_request(&note).await?;
        self.record_summary(&session, TICKET).await?;
        self.outbox.store.keep_message(&note).await?;
        self.outbox.drop_prepared(id);
        self.outbox.wake.notify_one();
        Ok(())
    }
}

//! Sends what is in the outbox: summaries into their tickets, and word of ended sessions to their applications.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;

use super::Console;
use crate::audit::{ConsoleEvent, DiscardedMessage};
use crate::check::TypedSecrets;
use crate::clock::Moment;
use crate::connection::{Connection, Request};
use crate::error::{Result, SecretName};
use crate::notice::{Notice, Toast};
use crate::outbox::{
    DeliveryFault, MessageContent, OutgoingMessage, SendOutcome, WaitingMessage, plan_message, send_message,
};
use crate::sanitize::sanitize_line;
use crate::secrets::Secrets;

/// How long a console waits for another one with the same home that is sending.
const ANOTHER_SENDS_MS: i64 = 5_000;

impl Console {
    /// The messages that have not arrived yet, oldest first.
    pub async fn waiting_messages(&self) -> Vec<WaitingMessage> {
        let mut waiting = self.outbox.list_waiting(self.clock.now()).await;
        waiting.extend(self.list_waiting_entries());
        waiting
    }

    /// Tries a message again, because the operator says so.
    pub async fn retry_message(&self, id: &str) -> Result<()> {
        if self.list_waiting_entries().iter().any(|entries| entries.id == id) {
            self.retry_feeds();
            return Ok(());
        }
        let Some(message) = self.outbox.store.find_message(id).await? else {
            self.notify_waiting_messages().await;
            return Ok(());
        };
        self.plan_request(&message).await?;
        if message.stopped.is_some() {
            self.outbox.store.keep_message(&OutgoingMessage { stopped: None, ..message }).await?;
        }
        self.outbox.forget_tries(id);
        self.outbox.wake.notify_one();
        Ok(())
    }

    /// Throws a message away that has not arrived, which is recorded first.
    pub async fn discard_message(&self, id: &str) -> Result<()> {
        if let Some(message) = self.outbox.store.find_message(id).await? {
            self.record_discard(&message).await?;
        }
        self.outbox.store.remove_message(id).await?;
        self.outbox.forget_tries(id);
        self.notify_waiting_messages().await;
        Ok(())
    }

    async fn record_discard(&self, message: &OutgoingMessage) -> Result<()> {
        let session = Some(message.id.clone());
        let (what, session) = match message.content {
            MessageContent::Summary { .. } => (DiscardedMessage::Summary, None),
            MessageContent::Notification { .. } => (DiscardedMessage::Notification, session),
            // A message about a session has its ID, whatever became of its file.
            MessageContent::Unreadable => {
                let course = self.audit.find_course(&message.id).await?;
                (DiscardedMessage::Unreadable, session.filter(|_| course.is_some()))
            }
        };
        let event = ConsoleEvent::MessageDiscarded { what, session };
        let entry = match message.content {
            MessageContent::Unreadable => self.new_entry(event),
            _ => self.entry_about(&message.connection, event),
        };
        self.record_first(entry, "The message stays in the outbox").await
    }

    /// Sends what is in the outbox, now and whenever something is due, until Understudy quits.
    pub async fn deliver_messages(self: Arc<Self>) {
        let stop = self.outbox.stop.clone();
        let deliver = async {
            loop {
                let next = self.deliver_due_messages().await;
                self.notify_waiting_messages().await;
                let wait = async {
                    match next {
                        Some(next) => self.clock.wait_until(next).await,
                        None => std::future::pending().await,
                    }
                };
                tokio::select! {
                    () = self.outbox.wake.notified() => {}
                    () = wait => {}
                }
            }
        };
        tokio::select! {
            biased;
            () = stop.cancelled() => {}
            () = deliver => {}
        }
    }

    /// Returns when something is due again.
    async fn deliver_due_messages(&self) -> Option<Moment> {
        let outbox = &self.outbox;
        let now = self.clock.now();
        let messages = outbox.store.list_messages().await;
        if !messages.iter().any(|message| outbox.is_due(message, now)) {
            return outbox.next_due(&messages, now);
        }
        let _alone = match outbox.store.lock_sending().await {
            Ok(Some(lock)) => Some(lock),
            Ok(None) => return Some(now.add_ms(ANOTHER_SENDS_MS)),
            Err(error) => {
                tracing::warn!("the outbox has no lock: {error:#}");
                None
            }
        };
        // A server that does not answer is asked once, not once for each message.
        let mut unreachable: BTreeMap<(String, bool), (DeliveryFault, Option<Duration>)> = BTreeMap::new();
        for message in outbox.store.list_messages().await {
            let now = self.clock.now();
            if !outbox.is_due(&message, now) {
                continue;
            }
            let is_notification = matches!(message.content, MessageContent::Notification { .. });
            let server = (message.connection.clone(), is_notification);
            let outcome = match unreachable.get(&server).cloned() {
                Some((fault, wait)) => SendOutcome::Later(fault, wait),
                None => self.try_message(&message).await,
            };
            match outcome {
                SendOutcome::Delivered => self.finish_message(&message).await,
                SendOutcome::Later(fault, wait) => {
                    outbox.postpone(&message.id, fault, wait, self.clock.now());
                }
                SendOutcome::Unreachable(fault, wait) => {
                    unreachable.insert(server, (fault.clone(), wait));
                    outbox.postpone(&message.id, fault, wait, self.clock.now());
                }
                SendOutcome::Stopped(fault) => self.stop_message(message, fault).await,
            }
        }
        outbox.next_due(&outbox.store.list_messages().await, self.clock.now())
    }

    async fn try_message(&self, message: &OutgoingMessage) -> SendOutcome {
        let connection = match self.find_connection(&message.connection) {
            Ok(connection) => connection,
            // The file may be mended, and the demo may be started.
            Err(error) => return SendOutcome::Later((&error).into(), None),
        };
        if !self.can_read_secrets(message, &connection).await {
            let message = "The secrets that it needs are locked in the keyring.".into();
            let hint = Some("Unlock the keyring, or choose “Try again”.".into());
            return SendOutcome::Later(DeliveryFault { message, hint }, None);
        }
        match self.plan_request(message).await {
            Ok((connection, request)) => send_message(message, &request, &connection).await,
            Err(error) => SendOutcome::Stopped((&error).into()),
        }
    }

    /// Renders the request with the secrets as the vault has them now.
    pub(super) async fn plan_request(
        &self,
        message: &OutgoingMessage,
    ) -> Result<(Connection, crate::browser::PlannedRequest)> {
        let connection = Connection::clone(&*self.find_connection(&message.connection)?).with_authority()?;
        let typed = TypedSecrets::new();
        let source = Secrets { vault: &self.vault, id: Some(&connection.id), typed: &typed };
        let names = message.find_request(&connection).map(Request::secret_names).unwrap_or_default();
        let names = names.into_iter().collect();
        let secrets: Vec<(String, SecretString)> = source.of_names(&connection, names).await?;
        let request = plan_message(message, &connection, &secrets)?;
        Ok((connection, request))
    }

    /// Whether no prompt would appear: nobody asked for one.
    async fn can_read_secrets(&self, message: &OutgoingMessage, connection: &Connection) -> bool {
        let names = message.find_request(connection).map(Request::secret_names).unwrap_or_default();
        for name in names {
            if !self.vault.is_open_for(&SecretName::new(&connection.id, name)).await {
                return false;
            }
        }
        true
    }

    async fn finish_message(&self, message: &OutgoingMessage) {
        if let Err(error) = self.outbox.store.remove_message(&message.id).await {
            // It must not be sent again and again.
            let why = format!("This message has arrived, but stays in the outbox: {}", error.message);
            let fault = DeliveryFault { message: why, hint: Some("Discard it.".into()) };
            return self.outbox.give_up(&message.id, fault);
        }
        self.outbox.forget_tries(&message.id);
        if let MessageContent::Summary { ticket, .. } = &message.content {
            let ticket = sanitize_line(ticket, 60);
            self.notices.send(Notice::Toast(Toast::success(format!("The summary is in ticket {ticket}."))));
        }
    }

    async fn stop_message(&self, message: OutgoingMessage, fault: DeliveryFault) {
        self.outbox.give_up(&message.id, fault.clone());
        // It may have been discarded meanwhile.
        let kept =
            self.outbox.store.replace_message(&OutgoingMessage { stopped: Some(fault), ..message }).await;
        if let Err(error) = kept {
            tracing::warn!("the outbox: {error:#}");
        }
    }

    async fn notify_waiting_messages(&self) {
        // One after the other: an older list must not follow a newer one.
        let _turn = self.outbox.telling.lock().await;
        self.notices.send(Notice::WaitingMessages(self.waiting_messages().await));
    }
}

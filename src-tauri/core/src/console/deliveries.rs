//! Sends what is in the outbox: summaries into their tickets, and word of ended sessions to their applications.

use std::collections::BTreeMap;
use std::sync::Arc;

use secrecy::SecretString;

use super::Console;
use crate::check::TypedSecrets;
use crate::clock::Moment;
use crate::connection::Connection;
use crate::error::{Result, SecretName};
use crate::notice::{Notice, Toast};
use crate::outbox::{DeliveryFault, OutgoingMessage, SendOutcome, WaitingMessage, plan_message, send_message};
use crate::sanitize::sanitize_line;
use crate::secrets::Secrets;

/// How long a console waits for another one with the same home that is sending.
const ANOTHER_SENDS_MS: i64 = 5_000;

impl Console {
    /// The summaries that have not reached their tickets yet, oldest first.
    pub fn waiting_messages(&self) -> Vec<WaitingMessage> {
        self.outbox.list_waiting(self.clock.now())
    }

    /// Tries a summary again, because the operator says so.
    pub async fn retry_message(&self, id: &str) -> Result<()> {
        let Some(note) = self.outbox.store.find_message(id) else {
            self.notify_waiting_messages();
            return Ok(());
        };
        self.plan_request(&note).await?;
        if note.stopped.is_some() {
            self.outbox.store.keep_message(&OutgoingMessage { stopped: None, ..note })?;
        }
        self.outbox.forget_tries(id);
        self.outbox.wake.notify_one();
        Ok(())
    }

    /// Throws a summary away that has not reached its ticket.
    pub fn discard_message(&self, id: &str) -> Result<()> {
        self.outbox.store.remove_message(id)?;
        self.outbox.forget_tries(id);
        self.notify_waiting_messages();
        Ok(())
    }

    /// Sends what is in the outbox, now and whenever something is due, until Understudy quits.
    pub async fn deliver_messages(self: Arc<Self>) {
        let stop = self.outbox.stop.clone();
        let deliver = async {
            loop {
                let next = self.deliver_due_messages().await;
                self.notify_waiting_messages();
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
        if !outbox.store.list_messages().iter().any(|note| outbox.is_due(note, now)) {
            return outbox.next_due(&outbox.store.list_messages(), now);
        }
        let _alone = match outbox.store.lock_sending() {
            Ok(Some(lock)) => Some(lock),
            Ok(None) => return Some(now.add_ms(ANOTHER_SENDS_MS)),
            Err(error) => {
                tracing::warn!("the outbox has no lock: {error:#}");
                None
            }
        };
        // One helpdesk that does not answer is asked once, not once for each summary.
        let mut silent: BTreeMap<String, DeliveryFault> = BTreeMap::new();
        for note in outbox.store.list_messages() {
            let now = self.clock.now();
            if !outbox.is_due(&note, now) {
                continue;
            }
            let outcome = match silent.get(&note.connection) {
                Some(fault) => SendOutcome::Later(fault.clone(), None),
                None => self.try_message(&note).await,
            };
            match outcome {
                SendOutcome::Delivered => self.finish_message(&note),
                SendOutcome::Later(fault, wait) => {
                    silent.insert(note.connection.clone(), fault.clone());
                    outbox.postpone(&note.id, fault, wait, self.clock.now());
                }
                SendOutcome::Stopped(fault) => self.stop_message(note, fault),
            }
        }
        outbox.next_due(&outbox.store.list_messages(), self.clock.now())
    }

    async fn try_message(&self, note: &OutgoingMessage) -> SendOutcome {
        let connection = match self.find_connection(&note.connection) {
            Ok(connection) => connection,
            // The file may be mended, and the demo may be started.
            Err(error) => return SendOutcome::Later((&error).into(), None),
        };
        if !self.can_read_secrets(&connection).await {
            let message = "The secrets for the helpdesk are locked in the keyring.".into();
            let hint = Some("Unlock the keyring, or choose “Try again”.".into());
            return SendOutcome::Later(DeliveryFault { message, hint }, None);
        }
        match self.plan_request(note).await {
            Ok((connection, request)) => send_message(&request, &connection).await,
            Err(error) => SendOutcome::Stopped((&error).into()),
        }
    }

    /// Renders the request with the secrets as the vault has them now.
    pub(super) async fn plan_request(
        &self,
        note: &OutgoingMessage,
    ) -> Result<(Connection, crate::browser::PlannedRequest)> {
        let connection = Connection::clone(&*self.find_connection(&note.connection)?).with_authority()?;
        let typed = TypedSecrets::new();
        let source = Secrets { vault: &self.vault, id: Some(&connection.id), typed: &typed };
        let secrets: Vec<(String, SecretString)> = source.of_ticket(&connection).await?;
        let request = plan_message(note, &connection, &secrets)?;
        Ok((connection, request))
    }

    /// Whether no prompt would appear: nobody asked for one.
    async fn can_read_secrets(&self, connection: &Connection) -> bool {
        for name in connection.ticket_secret_names() {
            if !self.vault.is_open_for(&SecretName::new(&connection.id, name)).await {
                return false;
            }
        }
        true
    }

    fn finish_message(&self, note: &OutgoingMessage) {
        if let Err(error) = self.outbox.store.remove_message(&note.id) {
            // It must not be sent again and again.
            let message = format!("The summary is in its ticket, but stays in the outbox: {}", error.message);
            return self
                .outbox
                .give_up(&note.id, DeliveryFault { message, hint: Some("Discard it.".into()) });
        }
        self.outbox.forget_tries(&note.id);
        let ticket = sanitize_line(&note.ticket, 60);
        self.notices.send(Notice::Toast(Toast::success(format!("The summary is in ticket {ticket}."))));
    }

    fn stop_message(&self, note: OutgoingMessage, fault: DeliveryFault) {
        self.outbox.give_up(&note.id, fault.clone());
        // It may have been discarded meanwhile.
        if self.outbox.store.find_message(&note.id).is_none() {
            return;
        }
        let kept = self.outbox.store.keep_message(&OutgoingMessage { stopped: Some(fault), ..note });
        if let Err(error) = kept {
            tracing::warn!("the outbox: {error:#}");
        }
    }

    fn notify_waiting_messages(&self) {
        self.notices.send(Notice::WaitingMessages(self.waiting_messages()));
    }
}

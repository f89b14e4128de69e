//! Evidence for a ticket, sent by the connection's requests when the operator says so.

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use serde_json::{Map, Value};

use super::Console;
use super::record::TICKET;
use crate::check::TypedSecrets;
use crate::connection::Connection;
use crate::destination::encode_hex;
use crate::error::{Code, Error, Result};
use crate::evidence::{EvidenceChoice, EvidenceFormat, TakenEvidence, render_markdown};
use crate::secrets::Secrets;
use crate::template::SignInContext;
use crate::ticket_evidence::{describe_evidence, send_evidence};

impl Console {
    /// Sends what was chosen into the session's ticket, as an HTML file, and waits until the helpdesk has it.
    ///
    /// Fails with [`Code::PolicyRefused`] if the ticket does not take evidence, or not where the operator was shown, and
    /// with [`Code::TicketFailed`] if the helpdesk did not take it.
    pub async fn send_evidence(&self, taken: Arc<TakenEvidence>, choice: EvidenceChoice) -> Result<()> {
        let session = taken.view.session.clone();
        let connection = Connection::clone(&*self.find_connection(&session.connection)?).with_authority()?;
        if taken.view.ticket_origin.is_none() || connection.evidence_origin() != taken.view.ticket_origin {
            let message = format!("The connection `{}` does not send evidence there.", connection.id);
            return Err(Error::new(Code::PolicyRefused, message)
                .with_hint("Save the evidence instead, or take it again if the connection has changed."));
        }
        let facts = self.impersonations.summarize_session(&session.id)?.context.open_facts().clone();
        let mut context = SignInContext::new(facts, Map::new());
        let typed = TypedSecrets::new();
        let source = Secrets { vault: &self.vault, id: Some(&connection.id), typed: &typed };
        for (name, secret) in source.of_names(&connection, connection.ticket_secret_names()).await? {
            context.add_secret(name, secret);
        }
        let writing = tokio::task::spawn_blocking(move || -> Result<Value> {
            let file = taken.to_file(EvidenceFormat::Html, &choice)?;
            // The same file has the same ID, however often it is sent.
            let id = encode_hex(&digest(&SHA256, &file).as_ref()[..16]);
            let name = taken.file_name(EvidenceFormat::Html);
            Ok(describe_evidence(&id, &name, &file, &render_markdown(&taken, &choice)))
        });
        let evidence = writing.await.map_err(Error::internal)??;
        self.record_ticket_evidence(&session).await?;
        send_evidence(&connection, context, evidence).await?;
        self.impersonations.note_evidence(&session.id, TICKET);
        Ok(())
    }
}

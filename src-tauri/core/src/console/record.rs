//! What the console writes into the audit log about itself, outside of sessions.
//!
//! What reveals users is recorded before it does, and is refused if that fails. All else has happened already: it is kept
//! until the log can be written to, and holds nobody up.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::runtime::Handle;

use super::Console;
use crate::audit::{ConsoleEntry, ConsoleEvent, ExportKind, NamedConnection};
use crate::connection::Connection;
use crate::directories::OpenConnection;
use crate::directory::{self, Row, WallClock};
use crate::error::{Error, Result};
use crate::impersonation;
use crate::session::{SessionView, UserLabel};

/// What the audit log calls the way into a ticket.
pub(super) const TICKET: &str = "ticket";

impl Console {
    /// An entry about now, by this operator.
    pub(super) fn new_entry(&self, event: ConsoleEvent) -> ConsoleEntry {
        ConsoleEntry::new(self.clock.now_ms(), self.operator(), event)
    }

    /// The same, about a connection as it is called now; by its ID alone if its file can't be read.
    pub(super) fn entry_about(&self, id: &str, event: ConsoleEvent) -> ConsoleEntry {
        let named = match self.connections.read().get(id) {
            Some(connection) => impersonation::name_connection(connection),
            None => NamedConnection { id: id.to_owned(), name: None, environment: None },
        };
        self.new_entry(event).about_connection(named)
    }

    /// Writes what has happened. If that fails, the operator is told, and it is written later.
    pub(super) async fn record(&self, entry: ConsoleEntry) {
        self.impersonations.log_console_entry(entry).await;
    }

    /// The same, from where nothing can be waited for.
    pub(super) fn record_soon(&self, entries: Vec<ConsoleEntry>) {
        if entries.is_empty() {
            return;
        }
        for entry in entries {
            self.audit.owe_console_entry(entry);
        }
        // Without a runtime, it is written with what comes next.
        if let Ok(runtime) = Handle::try_current() {
            let impersonations = Arc::clone(&self.impersonations);
            runtime.spawn(async move { impersonations.write_owed_entries().await });
        }
    }

    /// Writes what is about to happen. `refused` says what does not happen if that fails.
    pub(super) async fn record_first(&self, entry: ConsoleEntry, refused: &str) -> Result<()> {
        self.impersonations.write_console_entry(&entry).await.map_err(|error| Error {
            message: format!("{refused}, because this could not be recorded. {}", error.message),
            ..error
        })
    }

    /// Writes that a search is about to show users, where the connection wants that recorded.
    pub(super) async fn record_search(&self, opened: &OpenConnection, text: &str, rows: usize) -> Result<()> {
        let OpenConnection { connection, directory } = opened;
        if !connection.policy.record_lookups {
            return Ok(());
        }
        let text = text.trim();
        let read = directory::highlight_query(text, &directory.info().columns, self.clock.read_time());
        let columns: BTreeSet<String> = read.chips.into_iter().map(|chip| chip.column).collect();
        // Of a telephone number, all possible texts can be tried.
        let is_masked = |name: &String| connection.file.directory.masked.contains(name);
        let is_hashed = !text.is_empty() && !columns.iter().any(is_masked);
        let hash = if is_hashed { Some(self.audit.hash_search(text).await?) } else { None };
        let searched = ConsoleEvent::Searched {
            text: hash,
            columns: columns.into_iter().collect(),
            rows: u64::try_from(rows).unwrap_or(u64::MAX),
        };
        let entry = self.entry_about(&connection.id, searched);
        self.record_first(entry, "The users found are not shown").await
    }

    /// The same, for the users that the connection's form shows.
    pub(super) async fn record_preview(&self, saved: &Connection, rows: usize) -> Result<()> {
        if !saved.policy.record_lookups {
            return Ok(());
        }
        let rows = u64::try_from(rows).unwrap_or(u64::MAX);
        let searched = ConsoleEvent::Searched { text: None, columns: Vec::new(), rows };
        self.record_first(self.entry_about(&saved.id, searched), "The users found are not shown").await
    }

    /// The same, for one user's details.
    pub(super) async fn record_details(&self, opened: &OpenConnection, row: &Row) -> Result<()> {
        let OpenConnection { connection, directory } = opened;
        if !connection.policy.record_lookups {
            return Ok(());
        }
        let entry = self
            .entry_about(&connection.id, ConsoleEvent::DetailsOpened)
            .about_user(impersonation::name_user(UserLabel::of_row(&directory.info(), row)));
        self.record_first(entry, "The user's details are not shown").await
    }

    /// Writes that evidence of a session is about to leave Understudy, in this format; its summary says so, too.
    pub async fn record_evidence(&self, session: &SessionView, format: &str) -> Result<()> {
        self.record_export_of(session, ExportKind::Evidence, format, "The evidence stays here").await?;
        self.impersonations.note_evidence(&session.id, format);
        Ok(())
    }

    /// The same, for its ticket. Only once it is there does the summary say so.
    pub(super) async fn record_ticket_evidence(&self, session: &SessionView) -> Result<()> {
        self.record_export_of(session, ExportKind::Evidence, TICKET, "The evidence stays here").await
    }

    /// The same, for its summary.
    pub(super) async fn record_summary(&self, session: &SessionView, format: &str) -> Result<()> {
        self.record_export_of(session, ExportKind::Summary, format, "The summary stays here").await
    }

    async fn record_export_of(
        &self,
        session: &SessionView,
        what: ExportKind,
        format: &str,
        refused: &str,
    ) -> Result<()> {
        let exported = ConsoleEvent::Exported {
            what,
            format: format.to_owned(),
            rows: None,
            session: Some(session.id.clone()),
        };
        let connection = NamedConnection {
            id: session.connection.clone(),
            name: Some(session.connection_name.clone()),
            environment: Some(session.environment),
        };
        let entry = self
            .new_entry(exported)
            .about_connection(connection)
            .about_user(impersonation::name_user(session.user.clone()));
        self.record_first(entry, refused).await
    }

    /// Writes that rows of the list are about to be copied, in this format.
    pub async fn record_copy(&self, id: &str, format: &str, rows: u32) -> Result<()> {
        self.find_connection(id)?;
        let exported = ConsoleEvent::Exported {
            what: ExportKind::Users,
            format: format.to_owned(),
            rows: Some(rows.into()),
            session: None,
        };
        self.record_first(self.entry_about(id, exported), "Nothing was copied").await
    }
}

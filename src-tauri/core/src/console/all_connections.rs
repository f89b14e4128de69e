//! A search in all connections at once: which applications know this address.

use std::time::Duration;

use serde::Serialize;
use ts_rs::TS;

use super::Console;
use super::users::ListedPage;
use crate::connection::Connection;
use crate::directory::{Column, ListRequest};
use crate::error::{Code, Error, Result};
use crate::latest_only::superseded_error;
use crate::lookups::Lookup;
use crate::secrets;

/// How many users of each connection are shown.
const USERS: u16 = 4;

/// How long opening a directory may hold up its answer, on top of the connection's time limit for a search. A server
/// that stays silent is given up after five seconds, in words that are better than these.
const OPENING: Duration = Duration::from_secs(6);

/// Whom one connection knows.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[ts(export)]
pub struct FoundUsers {
    /// What the cells of the rows are.
    pub columns: Vec<Column>,
    pub listed: ListedPage,
}

impl Console {
    /// The connections that the operator uses: they signed in there before, or opened its users since Understudy
    /// started.
    pub async fn used_connections(&self) -> Result<Vec<String>> {
        let mut all: Vec<String> = self.connections.read().keys().cloned().collect();
        let used = self.audit.used_connections(&all, self.operator().display_name()).await?;
        all.retain(|id| used.contains(id) || self.directories.was_opened(id));
        Ok(all)
    }

    /// Asks one connection for a search in all of them. The requests for one text share their `turn`. Never makes the
    /// keyring prompt.
    pub async fn look_up_users(&self, id: &str, text: &str, turn: u64) -> Result<FoundUsers> {
        let lookup = self.lookups.join_turn(turn)?;
        let connection = self.find_connection(id)?;
        let limit = OPENING + Duration::from_millis(connection.file.directory.timeout_ms.into());
        let asked = tokio::time::timeout(limit, self.ask_for(&connection, text, &lookup));
        tokio::select! {
            biased;
            () = lookup.cancel.cancelled() => Err(superseded_error()),
            found = asked => found.unwrap_or_else(|_| Err(late_error(limit))),
        }
    }

    /// Ends the lookups of this turn, on the servers too.
    pub fn stop_lookups(&self, turn: u64) {
        self.lookups.stop(turn);
    }

    async fn ask_for(&self, connection: &Connection, text: &str, lookup: &Lookup) -> Result<FoundUsers> {
        if self.may_prompt(connection) {
            lookup.check_keyring(&self.vault).await?;
        }
        let opened = self.open_directory(&connection.id).await?;
        let query = ListRequest::first_page(text, USERS);
        let searched = opened.directory.search_users(&query, &lookup.cancel).await;
        let page = searched.map_err(|error| opened.name_password_owner(error))?;
        self.record_search(&opened, text, page.rows.len()).await?;
        let columns = opened.directory.info().columns.clone();
        Ok(FoundUsers { columns, listed: ListedPage::new(&opened, page) })
    }

    /// Whether reaching the database may need something from the keyring.
    fn may_prompt(&self, connection: &Connection) -> bool {
        let needs_password =
            connection.may_need_password() && !self.vault.is_typed(&connection.database_secret());
        needs_password || secrets::way_in(connection).is_some()
    }
}

fn late_error(limit: Duration) -> Error {
    let message = format!("The connection did not answer within {} s.", limit.as_secs());
    Error::new(Code::DirectoryTimeout, message).with_hint("Switch to the connection to wait for it longer.")
}

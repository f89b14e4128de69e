//! The columns of an entry that is about to be written.

use sqlx::sqlite::SqlitePool;
use sqlx::{AssertSqlSafe, SqliteConnection};
use understudy_terms::{Environment, SessionMode};

use crate::chain::{self, EntryLink};
use crate::console_entry::{ConsoleEntry, NamedConnection, NamedUser};
use crate::entry::{Entry, OperatorIdentity};
use crate::row_limits::{DETAIL, IDENTITY, NAME, REASON, WORD, cut_json, cut_text};

/// One row of the log, without its number and its run. Each text is short enough for the whole to fit anywhere.
pub(super) struct NewRow {
    who: OperatorIdentity,
    at_ms: i64,
    session: Option<String>,
    event: String,
    connection: Option<String>,
    connection_name: Option<String>,
    environment: Option<&'static str>,
    user_id: Option<String>,
    user_name: Option<String>,
    user_email: Option<String>,
    reason: String,
    status: Option<u16>,
    detail: String,
    sign_out_failed: Option<String>,
    held_back: Option<i64>,
    mode: Option<&'static str>,
    ticket: Option<String>,
    app_version: String,
}

impl From<&Entry> for NewRow {
    fn from(entry: &Entry) -> Self {
        let (status, detail) = entry.event.status_and_detail();
        let detail =
            if entry.event.has_json_detail() { cut_json(detail, DETAIL) } else { cut_text(detail, DETAIL) };
        let whom = entry.whom.clone();
        Self {
            who: cut_identity(&entry.who),
            at_ms: entry.at_ms,
            session: Some(cut_text(entry.session.clone(), IDENTITY)),
            event: entry.event.as_str().into(),
            connection: Some(cut_text(whom.connection, NAME)),
            connection_name: Some(cut_text(whom.connection_name, NAME)),
            environment: Some(whom.environment.as_str()),
            user_id: Some(cut_text(whom.user_id, IDENTITY)),
            user_name: whom.user_name.map(|name| cut_text(name, NAME)),
            user_email: whom.user_email.map(|email| cut_text(email, NAME)),
            reason: cut_text(entry.reason.clone(), REASON),
            status,
            detail,
            sign_out_failed: entry.event.sign_out_failed(),
            held_back: entry.event.held_back(),
            mode: entry.mode.map(SessionMode::as_str),
            ticket: entry.ticket.clone().map(|ticket| cut_text(ticket, NAME)),
            app_version: cut_text(entry.app_version.clone(), WORD),
        }
    }
}

impl From<&ConsoleEntry> for NewRow {
    fn from(entry: &ConsoleEntry) -> Self {
        let (event, detail) = entry.event.to_columns();
        let connection: Option<&NamedConnection> = entry.connection.as_ref();
        let user: Option<&NamedUser> = entry.user.as_ref();
        Self {
            who: cut_identity(&entry.who),
            at_ms: entry.at_ms,
            session: None,
            event,
            connection: connection.map(|one| cut_text(one.id.clone(), NAME)),
            connection_name: connection.and_then(|one| one.name.clone()).map(|name| cut_text(name, NAME)),
            environment: connection.and_then(|one| one.environment).map(Environment::as_str),
            user_id: user.map(|one| cut_text(one.id.clone(), IDENTITY)),
            user_name: user.and_then(|one| one.name.clone()).map(|name| cut_text(name, NAME)),
            user_email: user.and_then(|one| one.email.clone()).map(|email| cut_text(email, NAME)),
            reason: cut_text(entry.reason.clone(), REASON),
            status: None,
            detail: cut_json(detail, DETAIL),
            sign_out_failed: None,
            held_back: None,
            mode: None,
            ticket: entry.ticket.clone().map(|ticket| cut_text(ticket, NAME)),
            app_version: cut_text(entry.app_version.clone(), WORD),
        }
    }
}

fn cut_identity(who: &OperatorIdentity) -> OperatorIdentity {
    let OperatorIdentity { operator_name, operator_email, os_user, host } = who.clone();
    OperatorIdentity {
        operator_name: cut_text(operator_name, NAME),
        operator_email: cut_text(operator_email, NAME),
        os_user: cut_text(os_user, WORD),
        host: cut_text(host, WORD),
    }
}

impl NewRow {
    /// Writes the row and its link.
    pub(super) async fn insert(&self, pool: &SqlitePool, run: &str) -> sqlx::Result<EntryLink> {
        let mut transaction = pool.begin_with("BEGIN IMMEDIATE").await?;
        let link = self.insert_in(&mut transaction, run).await?;
        transaction.commit().await?;
        Ok(link)
    }

    /// The same, unless the log has one of these events with the same detail after entry `after`: inner `Err`, the first
    /// that it has. Nobody else writes to the log meanwhile.
    pub(super) async fn insert_once(
        &self,
        pool: &SqlitePool,
        run: &str,
        after: i64,
        events: [&str; 2],
    ) -> sqlx::Result<Result<EntryLink, String>> {
        let mut transaction = pool.begin_with("BEGIN IMMEDIATE").await?;
        let earlier: Option<String> = sqlx::query_scalar(
            "SELECT event FROM entries WHERE id > ? AND event IN (?, ?) AND detail = ? ORDER BY id LIMIT 1",
        )
        .bind(after)
        .bind(events[0])
        .bind(events[1])
        .bind(&self.detail)
        .fetch_optional(&mut *transaction)
        .await?;
        if let Some(earlier) = earlier {
            return Ok(Err(earlier));
        }
        let link = self.insert_in(&mut transaction, run).await?;
        transaction.commit().await?;
        Ok(Ok(link))
    }

    async fn insert_in(&self, transaction: &mut SqliteConnection, run: &str) -> sqlx::Result<EntryLink> {
        let inserted = sqlx::query(AssertSqlSafe(format!(
            "INSERT INTO entries (at_ms, session, event, operator_name, operator_email, os_user, host,
                connection, connection_name, environment, user_id, user_name, user_email,
                reason, status, detail, sign_out_failed, held_back, mode, ticket, app_version, run)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
             RETURNING {}",
            chain::list_columns()
        )))
        .bind(self.at_ms)
        .bind(&self.session)
        .bind(&self.event)
        .bind(&self.who.operator_name)
        .bind(&self.who.operator_email)
        .bind(&self.who.os_user)
        .bind(&self.who.host)
        .bind(&self.connection)
        .bind(&self.connection_name)
        .bind(self.environment)
        .bind(&self.user_id)
        .bind(&self.user_name)
        .bind(&self.user_email)
        .bind(&self.reason)
        .bind(self.status)
        .bind(&self.detail)
        .bind(&self.sign_out_failed)
        .bind(self.held_back)
        .bind(self.mode)
        .bind(&self.ticket)
        .bind(&self.app_version)
        .bind(run)
        .fetch_one(&mut *transaction)
        .await?;
        chain::add_link(transaction, &inserted).await
    }
}

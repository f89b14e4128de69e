//! Approvals by a second person, from the entries of the team's log: what was asked, and what became of it. Pure: no
//! clock, no I/O.
//!
//! A decision counts if another person made it in time. Who that is, the log says: the operator by their settings and
//! their computer, the database by the role that wrote the entry.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::team_entry::TeamEntry;
use crate::access::SessionMode;
use crate::audit::{EndOfRequest, OperatorIdentity, RequestName};
use crate::error::{Code, Error, Result};
use crate::session::UserLabel;

#[cfg(test)]
#[path = "approvals_tests.rs"]
mod tests;

/// How long a request waits, and how long its approval can be used, from the time it was asked.
pub const APPROVAL_LASTS_MS: i64 = 10 * 60 * 1_000;

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum ApprovalState {
    Waiting,
    Approved,
    Declined,
}

/// A request for approval that is open, or was decided and can still be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
#[ts(export)]
pub struct ApprovalRequest {
    /// The ID of the log that the request is in.
    pub log: String,
    /// Its number there.
    #[ts(type = "number")]
    pub id: i64,
    /// The connection's ID.
    pub connection: String,
    pub connection_name: String,
    pub user: UserLabel,
    /// Who asks: by name, else by email address, else by account.
    pub operator: String,
    /// The name of their computer.
    pub host: String,
    pub reason: String,
    /// May be empty.
    pub ticket: String,
    /// How the session would begin.
    pub mode: SessionMode,
    /// Until when it can be decided and used, in milliseconds since the Unix epoch, by this computer's clock.
    #[ts(type = "number")]
    pub expires_at: i64,
    pub state: ApprovalState,
    /// Who decided; empty while it waits.
    pub decided_by: String,
    /// What they said to it; may be empty.
    pub answer: String,
    /// This console's own log has the request.
    pub is_own: bool,
}

/// Whether a request has expired, as the team's log has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RequestExpiry {
    /// It can be decided or used for so long.
    NotYet { left_ms: i64 },
    /// A colleague has declined it, so it does not expire.
    Declined,
    /// Its time is over, or its own log says that it has ended.
    Over,
    /// The team's log does not have it.
    NeverArrived,
}

/// The event of an entry that asks.
pub(super) const APPROVAL_ASKED: &str = "approval_asked";

/// The requests in the team's log.
#[derive(Debug, Default)]
pub(super) struct Approvals {
    /// By log and number.
    requests: BTreeMap<(String, i64), Request>,
    /// More than one role may write: then each person has their own.
    pub(super) roles_are_personal: bool,
    /// The role of this console.
    pub(super) own_role: String,
}

#[derive(Debug)]
struct Request {
    asked: TeamEntry,
    mode: SessionMode,
    decision: Option<Decision>,
    /// As the log says that asked.
    end: Option<EndOfRequest>,
}

#[derive(Debug)]
struct Decision {
    approved: bool,
    by: String,
    answer: String,
}

#[derive(Deserialize)]
struct AskedDetail {
    mode: SessionMode,
}

impl Approvals {
    /// Takes an entry. The entries of one log come in their order, and a request before what is said to it; they may come
    /// again.
    pub(super) fn apply(&mut self, row: &TeamEntry) {
        let detail = row.entry.detail.as_deref().unwrap_or_default();
        if row.entry.event == APPROVAL_ASKED {
            let Ok(AskedDetail { mode }) = serde_json::from_str(detail) else { return };
            self.requests.entry((row.log.clone(), row.id)).or_insert_with(|| Request {
                asked: row.clone(),
                mode,
                decision: None,
                end: None,
            });
            return;
        }
        let Ok(RequestName { log, id }) = serde_json::from_str(detail) else { return };
        let personal = self.roles_are_personal;
        let Some(request) = self.requests.get_mut(&(log, id)) else { return };
        match row.entry.event.as_str() {
            // A decline counts whatever else was said: a role could hold an approval back, so that it looks like the
            // earlier one.
            "approved" | "approval_declined"
                if request
                    .decision
                    .as_ref()
                    .is_none_or(|before| before.approved && row.entry.event == "approval_declined") =>
            {
                let is_late = row.written_at_ms > request.asked.written_at_ms + APPROVAL_LASTS_MS;
                let is_own = is_same_person(
                    (&request.asked.log, &request.asked.written_by, &request.asked.entry.operator()),
                    (&row.log, &row.written_by, &row.entry.operator()),
                    personal,
                );
                if !is_late && !is_own {
                    request.decision = Some(Decision {
                        approved: row.entry.event == "approved",
                        by: row.entry.operator().display_name().to_owned(),
                        answer: row.entry.reason.clone().unwrap_or_default(),
                    });
                }
            }
            event if row.log == request.asked.log => {
                request.end = request.end.or(EndOfRequest::from_event(event));
            }
            _ => {}
        }
    }

    pub(super) fn clear(&mut self) {
        self.requests.clear();
    }

    /// Those that can still be decided or used, oldest first. `server_ms` is the database's time.
    pub(super) fn list_requests(&self, own_log: &str, server_ms: i64, now_ms: i64) -> Vec<ApprovalRequest> {
        let mut listed: Vec<&Request> = self
            .requests
            .values()
            .filter(|request| request.end.is_none() && server_ms < request.expires_at())
            .collect();
        listed.sort_by_key(|request| (request.asked.written_at_ms, request.asked.id));
        listed.into_iter().filter_map(|one| one.to_view(own_log, now_ms - server_ms)).collect()
    }

    /// The approval of this log's request for this user, in this mode, that can be used now. Fails, in words, if there is
    /// none.
    pub(super) fn find_approved(
        &self,
        own_log: &str,
        (connection, user, mode): (&str, &str, SessionMode),
        operator: &OperatorIdentity,
        server_ms: i64,
    ) -> Result<RequestName> {
        let fits = |request: &&Request| {
            let entry = &request.asked.entry;
            request.asked.log == own_log
                && entry.connection.as_deref() == Some(connection)
                && entry.user_id.as_deref() == Some(user)
                && request.mode == mode
                && entry.operator() == *operator
        };
        // By number, because all are of one log. The last one says what the operator has to do.
        let mut why = not_approved();
        for request in self.requests.values().filter(fits) {
            match request.check_approval(server_ms) {
                Ok(()) => return Ok(RequestName { log: request.asked.log.clone(), id: request.asked.id }),
                Err(error) => why = error,
            }
        }
        Err(why)
    }

    /// Fails, in words, unless the approval of this request can be used now.
    pub(super) fn check_approval(&self, name: &RequestName, server_ms: i64) -> Result<()> {
        // After a while, the requests that have expired are forgotten.
        self.find(name).map_or_else(|| Err(approval_expired()), |request| request.check_approval(server_ms))
    }

    /// Whether this request has expired.
    pub(super) fn judge_expiry(&self, name: &RequestName, server_ms: i64) -> RequestExpiry {
        match self.find(name) {
            None => RequestExpiry::NeverArrived,
            Some(Request { decision: Some(Decision { approved: false, .. }), .. }) => RequestExpiry::Declined,
            Some(request) if request.end.is_none() && server_ms < request.expires_at() => {
                RequestExpiry::NotYet { left_ms: request.expires_at() - server_ms }
            }
            Some(_) => RequestExpiry::Over,
        }
    }

    fn find(&self, name: &RequestName) -> Option<&Request> {
        self.requests.get(&(name.log.clone(), name.id))
    }

    /// Whether this operator asked for it themselves; `None`: there is no such request.
    pub(super) fn is_own(
        &self,
        name: &RequestName,
        own_log: &str,
        operator: &OperatorIdentity,
    ) -> Option<bool> {
        let asked = &self.find(name)?.asked;
        Some(is_same_person(
            (&asked.log, &asked.written_by, &asked.entry.operator()),
            (own_log, &self.own_role, operator),
            self.roles_are_personal,
        ))
    }

    /// It has ended here, which the team's log will say too.
    pub(super) fn note_end(&mut self, name: &RequestName, end: EndOfRequest) {
        if let Some(request) = self.requests.get_mut(&(name.log.clone(), name.id)) {
            request.end = Some(end);
        }
    }
}

impl Request {
    fn expires_at(&self) -> i64 {
        self.asked.written_at_ms.saturating_add(APPROVAL_LASTS_MS)
    }

    fn check_approval(&self, server_ms: i64) -> Result<()> {
        let is_over = self.end == Some(EndOfRequest::Expired) || server_ms >= self.expires_at();
        match &self.decision {
            _ if self.end == Some(EndOfRequest::Used) => Err(approval_used()),
            Some(Decision { approved: false, .. }) => {
                Err(needs("A colleague has declined your request for approval.")
                    .with_hint("Speak to them, then ask again."))
            }
            Some(_) if is_over => Err(approval_expired()),
            Some(_) => Ok(()),
            None if is_over => Err(needs("Your request for approval has expired.").with_hint(ASK_AGAIN)),
            None => Err(not_approved()),
        }
    }

    /// `ahead_ms`: by how much this computer's clock is ahead of the database's.
    fn to_view(&self, own_log: &str, ahead_ms: i64) -> Option<ApprovalRequest> {
        let entry = &self.asked.entry;
        let state = match &self.decision {
            None => ApprovalState::Waiting,
            Some(decision) if decision.approved => ApprovalState::Approved,
            Some(_) => ApprovalState::Declined,
        };
        let (decided_by, answer) =
            self.decision.as_ref().map(|one| (one.by.clone(), one.answer.clone())).unwrap_or_default();
        let connection = entry.connection.clone()?;
        Some(ApprovalRequest {
            log: self.asked.log.clone(),
            id: self.asked.id,
            connection_name: entry.connection_name.clone().unwrap_or_else(|| connection.clone()),
            connection,
            user: UserLabel {
                id: entry.user_id.clone()?,
                name: entry.user_name.clone(),
                email: entry.user_email.clone(),
                company: None,
            },
            operator: entry.operator().display_name().to_owned(),
            host: entry.host.clone().unwrap_or_default(),
            reason: entry.reason.clone().unwrap_or_default(),
            ticket: entry.ticket.clone().unwrap_or_default(),
            mode: self.mode,
            expires_at: self.expires_at().saturating_add(ahead_ms),
            state,
            decided_by,
            answer,
            is_own: self.asked.log == own_log,
        })
    }
}

const ASK_AGAIN: &str = "A request and its approval last 10 minutes in all. Ask for approval again.";

fn needs(message: &str) -> Error {
    Error::new(Code::ApprovalRequired, message)
}

fn not_approved() -> Error {
    needs("A colleague has to approve this session first.")
        .with_hint("Ask for approval: colleagues see your request in their consoles.")
}

/// An approval that was given can no longer be used.
pub(crate) fn approval_expired() -> Error {
    needs("This approval has expired.").with_hint(ASK_AGAIN)
}

pub(crate) fn approval_used() -> Error {
    needs("This approval was already used.")
        .with_hint("Each approval is for one session. Ask for approval again.")
}

/// Whether two entries are by one person: of one log, by one role where each person has their own, from one account of
/// one computer, or with one email address or name.
fn is_same_person(
    (log, role, one): (&str, &str, &OperatorIdentity),
    (other_log, other_role, other): (&str, &str, &OperatorIdentity),
    roles_are_personal: bool,
) -> bool {
    let same_text = |one: &str, other: &str| {
        let (one, other) = (one.trim(), other.trim());
        !one.is_empty() && one.to_lowercase() == other.to_lowercase()
    };
    log == other_log
        || (roles_are_personal && role == other_role)
        || (same_text(&one.os_user, &other.os_user) && same_text(&one.host, &other.host))
        || same_text(&one.operator_email, &other.operator_email)
        || same_text(&one.operator_name, &other.operator_name)
}

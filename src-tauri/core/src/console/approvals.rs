//! Approval by a second person: asking for it, deciding, and using it.

use std::sync::Arc;

use super::Console;
use crate::audit::{ConsoleEntry, ConsoleEvent, EndOfRequest, OpenRequest, RequestName};
use crate::clock::Moment;
use crate::colleagues::ApprovalRequest;
use crate::colleagues::approvals::{APPROVAL_LASTS_MS, approval_expired, approval_used};
use crate::customer_link::TicketContext;
use crate::error::{Code, Error, Result};
use crate::impersonation::{self, FoundApproval, ImpersonationRequest, NeededApproval};

impl Console {
    /// The requests that can be decided or used, oldest first.
    pub fn approval_requests(&self) -> Vec<ApprovalRequest> {
        self.colleagues.approval_requests()
    }

    /// Asks the team to approve a session as this user.
    pub async fn ask_approval(
        &self,
        id: &str,
        user: &str,
        reason: &str,
        ticket: TicketContext,
    ) -> Result<()> {
        ticket.check()?;
        self.colleagues.require_team_log()?;
        let reason = reason.trim().to_owned();
        if reason.is_empty() {
            return Err(Error::new(
                Code::ReasonRequired,
                "Colleagues need a reason to approve this session.",
            )
            .with_hint("Enter one in a few words, for example with a ticket number."));
        }
        let request =
            ImpersonationRequest { reason: reason.clone(), ticket, ..self.impersonation_request(id, user) };
        let (connection, label) = self.impersonations.judge_request(&request).await?;
        let asked = ConsoleEvent::ApprovalAsked { mode: connection.policy.access.mode };
        let entry = self
            .entry_about(id, asked)
            .about_user(impersonation::name_user(label.clone()))
            .with_reason(&reason, &request.ticket.ticket);
        let number = self.impersonations.write_numbered_entry(&entry).await?;
        let name = RequestName { log: self.colleagues.own_log().to_owned(), id: number };
        let expired = self
            .entry_about(id, ConsoleEvent::ApprovalExpired(name.clone()))
            .about_user(impersonation::name_user(label));
        self.record_expiry(name, expired, self.clock.now().add_ms(APPROVAL_LASTS_MS));
        Ok(())
    }

    /// Goes on waiting for the ends of requests that were asked before this console was opened.
    pub(super) async fn resume_requests(&self) -> Result<()> {
        let now = self.clock.now();
        for OpenRequest { name, at_ms, connection, user } in self.audit.list_open_requests().await? {
            let expired = self
                .new_entry(ConsoleEvent::ApprovalExpired(name.clone()))
                .about_connection(connection)
                .about_user(user);
            let left_ms = at_ms.saturating_add(APPROVAL_LASTS_MS).saturating_sub(now.wall_ms);
            self.record_expiry(name, expired, now.add_ms(left_ms.clamp(0, APPROVAL_LASTS_MS)));
        }
        Ok(())
    }

    /// Writes this entry once the request has expired, unless it has ended by then. `own_end`: when it has if the team's
    /// log never gets it.
    fn record_expiry(&self, name: RequestName, expired: ConsoleEntry, own_end: Moment) {
        let (colleagues, sessions) = (Arc::clone(&self.colleagues), Arc::clone(&self.impersonations));
        let (audit, clock) = (self.audit.clone(), self.clock.clone());
        tokio::spawn(async move {
            let has_expired = tokio::select! {
                () = colleagues.closed() => return,
                has_expired = colleagues.wait_for_expiry(&name, own_end) => has_expired,
            };
            if !has_expired {
                return;
            }
            let expired = ConsoleEntry { at_ms: clock.now_ms(), ..expired };
            if audit.append_end_of_request(&expired, name.id).await.is_err() {
                sessions.log_console_entry(expired).await;
            }
            colleagues.note_end(&name, EndOfRequest::Expired);
        });
    }

    /// Approves a colleague's request, or declines it; `answer` may be empty.
    pub async fn decide_approval(&self, name: RequestName, approve: bool, answer: &str) -> Result<()> {
        let request = self.colleagues.find_decidable(&name, &self.operator())?;
        let decided =
            if approve { ConsoleEvent::Approved(name) } else { ConsoleEvent::ApprovalDeclined(name) };
        let entry = self
            .entry_about(&request.connection, decided)
            .about_user(impersonation::name_user(request.user))
            .with_reason(answer.trim(), &request.ticket);
        self.record_first(entry, "Nothing was decided").await
    }

    /// Finds the approval that a session needs, or records that it begins without one.
    pub(super) async fn find_approval(&self, needed: NeededApproval<'_>) -> Result<Option<FoundApproval>> {
        let NeededApproval { connection, user, mode, operator, reason, ticket, break_glass } = needed;
        let entry = |event| {
            self.new_entry(event)
                .about_connection(impersonation::name_connection(connection))
                .about_user(impersonation::name_user(user.clone()))
                .with_reason(reason, ticket)
        };
        if break_glass {
            if !connection.policy.break_glass {
                let message = "This connection lets nobody sign in without a colleague's approval.";
                return Err(Error::new(Code::PolicyRefused, message).with_hint("Ask for approval."));
            }
            if reason.is_empty() {
                let message = "Signing in without approval needs a reason.";
                return Err(Error::new(Code::ReasonRequired, message)
                    .with_hint("Enter one in a few words. The whole team is told."));
            }
            self.record_first(entry(ConsoleEvent::GlassBroken { mode }), "Nothing begins").await?;
            return Ok(None);
        }
        let request = self.colleagues.find_approved((&connection.id, &user.id, mode), operator)?;
        let used = entry(ConsoleEvent::ApprovalUsed(request.clone()));
        Ok(Some(FoundApproval { request, used }))
    }

    /// Uses an approval, unless it was used meanwhile, or its time is over.
    pub(super) async fn use_approval(&self, found: FoundApproval) -> Result<()> {
        let FoundApproval { request, used } = found;
        self.colleagues.check_approval(&request)?;
        let used = ConsoleEntry { at_ms: self.clock.now_ms(), ..used };
        let earlier = self.audit.append_end_of_request(&used, request.id).await?;
        self.colleagues.note_end(&request, earlier.unwrap_or(EndOfRequest::Used));
        match earlier {
            None => Ok(()),
            Some(EndOfRequest::Used) => Err(approval_used()),
            Some(EndOfRequest::Expired) => Err(approval_expired()),
        }
    }
}

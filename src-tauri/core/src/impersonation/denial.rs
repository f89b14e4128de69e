//! An impersonation that the policy refuses, in the audit log.

use super::context::{name_connection, name_user};
use super::{ImpersonationRequest, Impersonations};
use crate::audit::{ConsoleEntry, ConsoleEvent, OperatorIdentity};
use crate::connection::Connection;
use crate::error::Error;
use crate::policy::PolicyRefusal;
use crate::session::UserLabel;

/// A user as whom the policy lets nobody sign in now.
pub(super) struct Denial {
    pub(super) user: UserLabel,
    pub(super) refusal: PolicyRefusal,
}

/// The entry about a refusal, without the operator's reason.
pub(crate) fn denied_entry(
    at_ms: i64,
    operator: &OperatorIdentity,
    connection: &Connection,
    user: UserLabel,
    refusal: &PolicyRefusal,
) -> ConsoleEntry {
    let event = ConsoleEvent::Denied { rule: refusal.rule, quoted: refusal.quoted.clone() };
    ConsoleEntry::new(at_ms, operator.clone(), event)
        .about_connection(name_connection(connection))
        .about_user(name_user(user))
}

impl Impersonations {
    /// Records the refusal, and returns it as what the operator is told.
    pub(super) async fn record_denial(
        &self,
        request: &ImpersonationRequest,
        connection: &Connection,
        denial: Denial,
    ) -> Error {
        let Denial { user, refusal } = denial;
        let entry = denied_entry(self.clock.now_ms(), &request.operator, connection, user, &refusal)
            .with_reason(request.reason.trim(), &request.ticket.ticket);
        self.log_console_entry(entry).await;
        refusal.into()
    }
}

//! An impersonation that the policy refuses, in the audit log.

use super::context::{name_connection, name_user};
use super::{ImpersonationRequest, Impersonations};
use crate::audit::{ConsoleEntry, ConsoleEvent, OperatorIdentity};
use crate::connection::Connection;
use crate::error::Error;
use crate::policy::PolicyRefusal;
use crate::session::UserLabel;

/// How much of a rule is quoted, in characters. It can take up the whole connection file, and each refusal quotes it.
const QUOTED_CHARS: usize = 2_000;

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
    let quoted = refusal.quoted.as_deref().map(shorten_rule);
    let event = ConsoleEvent::Denied { rule: refusal.rule, quoted };
    ConsoleEntry::new(at_ms, operator.clone(), event)
        .about_connection(name_connection(connection))
        .about_user(name_user(user))
}

fn shorten_rule(rule: &str) -> String {
    match rule.char_indices().nth(QUOTED_CHARS) {
        Some((end, _)) => format!("{}…", &rule[..end]),
        None => rule.to_owned(),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_quoted_whole_unless_it_is_very_long() {
        let whole = "ü".repeat(QUOTED_CHARS);
        assert_eq!(shorten_rule(&whole), whole);
        assert_eq!(shorten_rule(&format!("{whole}!")), format!("{whole}…"));
    }
}

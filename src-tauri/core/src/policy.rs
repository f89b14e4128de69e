//! May this operator become this user now? Pure: no clock, no I/O.

use serde_json::Value;

use crate::connection::{Policy, ReasonRule};
use crate::error::{Code, Error, Result};

/// The longest reason that is taken, in characters.
pub const REASON_MAX: usize = 500;

/// Decides. `context` holds `user`, as templates see it; `reason` comes trimmed.
pub fn decide(policy: &Policy, reason: &str, context: &Value) -> Result<()> {
    if policy.reason == ReasonRule::Required && reason.is_empty() {
        return Err(Error::new(Code::ReasonRequired, "This connection asks for a reason.").hint(
            "Say in a few words why, for example the ticket's number: it is written to the audit log.",
        ));
    }
    if reason.chars().count() > REASON_MAX {
        return Err(Error::new(Code::ReasonRequired, "The reason is too long.")
            .hint(format!("Keep it under {REASON_MAX} characters.")));
    }
    for (source, rule) in &policy.protect {
        if rule.eval(context)? {
            return Err(Error::new(
                Code::PolicyRefused,
                format!("This user is protected by the connection's policy: {source}"),
            )
            .hint("Choose another user, or ask whoever keeps the connection file."));
        }
    }
    Ok(())
}

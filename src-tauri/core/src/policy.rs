//! The policy: may this operator sign in as this user now, and which users in a list are protected? Pure: no clock, no
//! I/O.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::{Value, json};
use ts_rs::TS;

use crate::connection::{Policy, ReasonRule};
use crate::directory::{Info, Row};
use crate::error::{Code, Error, Result};
use crate::template::Expression;

pub use crate::audit::PolicyRule;

/// The longest reason a policy accepts, in characters.
pub const REASON_MAX: usize = 500;

/// Why an impersonation may not begin: for the operator, and for the audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyRefusal {
    pub rule: PolicyRule,
    /// The rule as the connection file has it; `None` if it is no expression.
    pub quoted: Option<String>,
    error: Error,
}

impl PolicyRefusal {
    /// Nobody has approved the session; `error` says so.
    pub(crate) fn not_approved(error: Error) -> Self {
        Self { rule: PolicyRule::NotApproved, quoted: None, error }
    }

    fn by_rule(rule: PolicyRule, source: &str, error: Error) -> Self {
        Self { rule, quoted: Some(source.to_owned()), error }
    }
}

impl From<PolicyRefusal> for Error {
    fn from(refusal: PolicyRefusal) -> Self {
        refusal.error
    }
}

/// Decides whether a session may begin. `context` holds `user` as templates see it, made from `info` and `row`;
/// `reason` is already trimmed.
///
/// If a rule names a value that was cut, the user counts as protected: a cut value is missing from `context`, so
/// `user.notes is defined and …` would be false without having seen the text.
pub fn enforce_policy(
    policy: &Policy,
    reason: &str,
    context: &Value,
    info: &Info,
    row: &Row,
) -> Result<(), PolicyRefusal> {
    let refuse = |rule, error| Err(PolicyRefusal { rule, quoted: None, error });
    if policy.reason == ReasonRule::Required && reason.is_empty() {
        let error = Error::new(Code::ReasonRequired, "This connection requires a reason.").with_hint(
            "Enter one in a few words, for example with a ticket number. It is recorded in the audit log.",
        );
        return refuse(PolicyRule::ReasonMissing, error);
    }
    if let Err(error) = check_reason_length(reason) {
        return refuse(PolicyRule::ReasonTooLong, error);
    }
    for (source, rule) in &policy.protect {
        let asked = names_in([rule]);
        let is_blind = info.has_cut_value(row, |name| asked.contains(name));
        let (rule, refused) = match rule.eval(context) {
            Ok(true) => (
                PolicyRule::Protected,
                format!("This user is protected by the connection's policy: {source}"),
            ),
            _ if is_blind => (
                PolicyRule::ValueCut,
                format!(
                    "One of this user's values is too long for a rule in the connection's policy: {source}"
                ),
            ),
            Ok(false) => continue,
            Err(error) => return Err(PolicyRefusal::by_rule(PolicyRule::RuleFailed, source, error)),
        };
        let error = Error::new(Code::PolicyRefused, refused)
            .with_hint("Choose another user, or ask the person who looks after the connection.");
        return Err(PolicyRefusal::by_rule(rule, source, error));
    }
    Ok(())
}

/// Fails if a reason is longer than [`REASON_MAX`].
pub fn check_reason_length(reason: &str) -> Result<()> {
    if reason.chars().count() <= REASON_MAX {
        return Ok(());
    }
    Err(Error::new(Code::ReasonRequired, "The reason is too long.")
        .with_hint(format!("Keep it under {REASON_MAX} characters.")))
}

/// What the policy says about a user in the list. For display only: [`enforce_policy`] is asked again before a session begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum Standing {
    /// No rule protects this user.
    Free,
    /// This rule protects the user, quoted from the file.
    Protected(String),
    /// A rule could not be evaluated with the list's values, for example because one was cut.
    Undecided,
}

/// A rule as it is in the file, and compiled.
pub type Rule = (String, Expression);

/// The policy's standing for each of `rows`, in the same order.
pub fn judge_users(policy: &Policy, info: &Info, rows: &[Row]) -> Vec<Standing> {
    judge_rules(&policy.protect, info, rows)
}

/// What these rules say about each of `rows`, in the same order. Each rule is compiled once and sees only the columns it
/// names.
pub fn judge_rules(rules: &[Rule], info: &Info, rows: &[Row]) -> Vec<Standing> {
    if rules.is_empty() {
        return vec![Standing::Free; rows.len()];
    }
    let used = names_in(rules.iter().map(|(_, rule)| rule));
    let is_used = |name: &str| used.contains(name);
    rows.iter()
        .map(|row| {
            let context = json!({ "user": info.user_context_of(row, is_used) });
            // A rule can be false just because a value is missing: `user.notes is defined and …`.
            judge_user(rules, &context, !info.has_cut_value(row, is_used))
        })
        .collect()
}

/// The names that these rules use below `user`; for a path, only its first part.
fn names_in<'a>(rules: impl IntoIterator<Item = &'a Expression>) -> BTreeSet<String> {
    let names = rules.into_iter().flat_map(Expression::of_user);
    names.map(|name| name.split('.').next().unwrap_or_default().to_owned()).collect()
}

fn judge_user(rules: &[Rule], context: &Value, is_complete: bool) -> Standing {
    let mut standing = if is_complete { Standing::Free } else { Standing::Undecided };
    for (source, rule) in rules {
        match rule.eval(context) {
            Ok(true) => return Standing::Protected(source.clone()),
            Ok(false) => {}
            // Not free yet: a later rule may still protect the user.
            Err(_) => standing = Standing::Undecided,
        }
    }
    standing
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::AccessPolicy;
    use crate::directory::{Column, FieldKind, Role};
    use crate::template::Scope;

    const COLUMNS: [(&str, Role); 4] =
        [("uid", Role::Id), ("plan", Role::Other), ("notes", Role::Other), ("profile->>staff", Role::Other)];

    fn info() -> Info {
        let column = |(name, role): (&str, Role)| Column {
            name: name.into(),
            label: name.into(),
            role,
            kind: FieldKind::Text,
            sortable: false,
            company: false,
            masked: false,
        };
        Info {
            server: "SQLite".into(),
            columns: COLUMNS.map(column).to_vec(),
            estimated_total: None,
            total_is_exact: false,
            coverage: Vec::new(),
            reader: Vec::new(),
            cautions: Vec::new(),
            related: Vec::new(),
        }
    }

    fn policy(rules: &[&str]) -> Policy {
        let scope = Scope::for_user(["id", "uid", "plan", "notes", "profile.staff"]);
        let rule = |text: &&str| {
            let parsed = Expression::parse("policy.protect[0]", text, &scope).expect("a rule");
            ((*text).to_owned(), parsed)
        };
        Policy {
            reason: ReasonRule::Optional,
            max_minutes: None,
            max_extensions: 0,
            protect: rules.iter().map(rule).collect(),
            access: AccessPolicy::default(),
            record_lookups: false,
            approval: None,
            break_glass: false,
        }
    }

    fn row(plan: Option<&str>, notes: &str, staff: Option<&str>) -> Row {
        let cells =
            vec![Some("7".into()), plan.map(str::to_owned), Some(notes.into()), staff.map(str::to_owned)];
        Row { id: "7".into(), cells, found_through: None }
    }

    fn standing_of(rules: &[&str], row: Row) -> Standing {
        judge_users(&policy(rules), &info(), &[row]).remove(0)
    }

    #[test]
    fn a_listed_user_is_protected_by_the_first_rule_that_says_so() {
        let rules =
            ["user.plan == 'staff'", "user.profile.staff == 'yes'", "user.id == '7' and user.plan == 'x'"];
        let protected = |at: usize| Standing::Protected(rules[at].into());
        assert_eq!(standing_of(&rules, row(Some("staff"), "", None)), protected(0));
        assert_eq!(standing_of(&rules, row(None, "", Some("yes"))), protected(1));
        assert_eq!(standing_of(&rules, row(Some("x"), "", None)), protected(2));
        assert_eq!(standing_of(&rules, row(Some("free"), "", None)), Standing::Free);
        assert_eq!(standing_of(&[], row(Some("staff"), "", None)), Standing::Free);
    }

    #[test]
    fn a_rule_that_cannot_see_all_it_asks_for_frees_nobody() {
        // Directories cut a text like this: 2,000 characters and an ellipsis.
        let cut = "staff ".repeat(1000)[..2000].to_owned() + "…";
        for rules in [&["'staff' in user.notes"][..], &["user.notes is defined and 'staff' in user.notes"]] {
            assert_eq!(standing_of(rules, row(None, &cut, None)), Standing::Undecided, "{rules:?}");
            assert_eq!(standing_of(rules, row(None, "staff", None)), Standing::Protected(rules[0].into()));
            assert_eq!(standing_of(rules, row(None, "", None)), Standing::Free);
        }
        // A session does not begin either: "is defined" cannot see what was cut.
        let begins = |rules: &[&str], row: &Row| {
            let context = json!({ "user": info().user_context(row) });
            enforce_policy(&policy(rules), "", &context, &info(), row)
                .map_err(|refusal| Error::from(refusal).code)
        };
        for rule in [
            "'staff' in user.notes",
            "user.notes is defined and 'staff' in user.notes",
            "'staff' in user.notes|default('')",
            "user.plan == 'x' or (user.notes is defined and user.notes|length > 5000)",
        ] {
            assert_eq!(begins(&[rule], &row(Some("y"), &cut, None)), Err(Code::PolicyRefused), "{rule}");
            assert_eq!(begins(&[rule], &row(Some("y"), "short", None)), Ok(()), "{rule}");
        }
        assert_eq!(begins(&["user.plan == 'staff'"], &row(Some("free"), &cut, None)), Ok(()));
        // A rule that matches for certain wins over an undecided one before it.
        let rules = ["'staff' in user.notes", "user.plan == 'staff'"];
        let both = standing_of(&rules, row(Some("staff"), &cut, None));
        assert_eq!(both, Standing::Protected(rules[1].into()));
        // A cut text matters only if a rule uses it.
        assert_eq!(standing_of(&rules[1..], row(Some("free"), &cut, None)), Standing::Free);
        // NULL has no length, so the comparison is undecided.
        assert_eq!(standing_of(&["user.plan|length > 3"], row(None, "", None)), Standing::Undecided);
    }

    #[test]
    fn the_list_and_the_beginning_of_a_session_agree() {
        let (policy, info) = (policy(&["user.plan == 'staff'", "user.profile.staff == 'yes'"]), info());
        for plan in [None, Some("staff"), Some("free")] {
            for staff in [None, Some("yes"), Some("no")] {
                let row = row(plan, "", staff);
                let context = json!({ "user": info.user_context(&row) });
                let begins = enforce_policy(&policy, "", &context, &info, &row).is_ok();
                let listed = judge_users(&policy, &info, &[row]).remove(0);
                assert_eq!(listed == Standing::Free, begins, "{plan:?} {staff:?}");
            }
        }
    }
}

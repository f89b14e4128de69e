//! What the file would do with a user: its policy, its sign-in, and what a session may do.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::report::{Report, Status};
use crate::access::{SessionMode, UnlockRule};
use crate::connection::{Connection, Environment};
use crate::customer_link::TicketContext;
use crate::directory::{Info, Row};
use crate::error::{Error, Result};
use crate::impersonation::describe_session;
use crate::outbox::SessionNotification;
use crate::sign_in;
use crate::template::MASK;
use crate::ticket_evidence::describe_evidence;

/// Reports what sessions may do in the application, and warns if they may change production without a reason.
pub(super) fn check_access(connection: &Connection, report: &mut Report) {
    let access = &connection.policy.access;
    let said = match (access.mode, access.may_unlock) {
        (SessionMode::Full, _) => "Sessions begin with full access.",
        (SessionMode::ReadOnly, UnlockRule::Never) => "Sessions are read-only.",
        (SessionMode::ReadOnly, UnlockRule::Always) => {
            "Sessions begin read-only. The operator can switch to full access."
        }
        (SessionMode::ReadOnly, UnlockRule::WithReason) => {
            "Sessions begin read-only. Full access needs a reason of its own."
        }
    };
    let elsewhere: BTreeSet<String> =
        access.allowed.iter().filter_map(|rule| rule.origin.as_ref().map(ToString::to_string)).collect();
    let elsewhere = match elsewhere.len() {
        0 => String::new(),
        _ => format!(", also to {}", elsewhere.into_iter().collect::<Vec<_>>().join(", ")),
    };
    let rules = match access.allowed.len() {
        0 => String::new(),
        1 => format!(" One rule lets requests pass in read-only sessions{elsewhere}."),
        many => format!(" {many} rules let requests pass in read-only sessions{elsewhere}."),
    };
    let said = format!("{said}{rules}");
    let needs_reason = access.mode == SessionMode::ReadOnly && access.may_unlock != UnlockRule::Always;
    if connection.file.environment == Environment::Production && !needs_reason {
        let hint = "In production, anything can be changed without a reason for it. Remove `policy.mode` and \
                    `policy.may_unlock`, unless this is intended: then sessions begin read-only, and full access \
                    needs a reason.";
        return report.add_step("Access", Status::Warning, said, Some(hint.into()));
    }
    report.add_step("Access", Status::Ok, said, None);
}

/// Applies the rules of `protect` to the newest users: how many each protects, and whether each can be evaluated.
pub(super) fn check_policy(info: &Info, newest: &[Row], connection: &Connection, report: &mut Report) {
    let rules = &connection.policy.protect;
    if rules.is_empty() || newest.is_empty() {
        return;
    }
    let users: Vec<_> = newest.iter().map(|row| json!({ "user": info.user_context(row) })).collect();
    let of = match users.len() {
        1 => "the only user".to_owned(),
        many => format!("the newest {many} users"),
    };
    let (mut said, mut undecided) = (Vec::new(), Vec::new());
    let mut is_hopeless = false;
    for (source, rule) in rules {
        let outcomes: Vec<_> = users.iter().map(|user| rule.eval(user)).collect();
        let protected = outcomes.iter().filter(|outcome| matches!(outcome, Ok(true))).count();
        let faults: Vec<&Error> = outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).collect();
        is_hopeless |= faults.len() == users.len();
        said.push(format!("`{source}` protects {protected} of {of}"));
        if let Some(first) = faults.first() {
            undecided.push(format!("{} ({} of {of})", first.message.trim_end_matches('.'), faults.len()));
        }
    }
    if undecided.is_empty() {
        return report.add_step("Protected users", Status::Ok, said.join("\n"), None);
    }
    said.extend(undecided);
    let status = if is_hopeless { Status::Failed } else { Status::Warning };
    let hint = "No one can sign in as a user for whom a rule cannot be decided. Make each rule a comparison, as in \
                `user.admin == 1` or `(user.role or '') == 'admin'`.";
    report.add_step("Protected users", status, said.join("\n"), Some(hint.into()));
}

/// Renders the sign-in for the first user, with masks as secrets. Sends nothing.
pub(super) fn check_sign_in(connection: &Connection, info: &Info, report: &mut Report) {
    let Some(row) = report.sample.first() else { return };
    let context = invent_context(connection, &info.user_context(row), &TicketContext::default());
    match sign_in::render_outline(connection, &context) {
        Ok(outline) => {
            let verify = if outline.is_verified { ", ask who is signed in" } else { "" };
            report.add_step(
                "Sign-in",
                if outline.is_verified { Status::Ok } else { Status::Warning },
                format!(
                    "Not tested yet. It would send {}{verify}, then open {}",
                    outline.requests.join(", "),
                    outline.redirect_to
                ),
                Some(if outline.is_verified {
                    "Test it with a test account: “Test sign-in” in the form, or `understudy check … --user ID`.".into()
                } else {
                    "Without `[sign_in.verify]`, nothing checks that the application signed in the right user.".into()
                }),
            );
        }
        Err(error) => report.add_failure("Sign-in", error),
    }
}

/// Renders the request that sends a summary into its ticket, for the first user, with masks as secrets. Sends nothing.
pub(super) fn check_ticket(connection: &Connection, info: &Info, report: &mut Report) {
    let Some(row) = report.sample.first() else { return };
    let ticket = TicketContext { ticket: "4711".into(), ..TicketContext::default() };
    let mut context = invent_context(connection, &info.user_context(row), &ticket);
    context["summary"] = json!({ "id": "check", "markdown": "check", "html": "check", "text": "check" });
    match sign_in::plan_ticket_note(connection, &context) {
        Ok(Some(request)) => {
            let what = format!(
                "Not tested. The summary of a session for ticket 4711 would go to {} {}",
                request.method.as_str(),
                request.url
            );
            report.add_step("Ticket", Status::Ok, what, None);
        }
        Ok(None) => {}
        Err(error) => report.add_failure("Ticket", error),
    }
    context["evidence"] = describe_evidence("check", "evidence-check.html", b"check", "check");
    for capture in connection.ticket_evidence.iter().flat_map(|step| &step.capture) {
        context["captured"][&capture.name] = MASK.into();
    }
    let planned: Result<Vec<_>> = connection
        .ticket_evidence
        .iter()
        .map(|step| sign_in::plan_evidence_step(connection, step, &context))
        .collect();
    match planned {
        Ok(requests) if requests.is_empty() => {}
        Ok(requests) => {
            let to = requests.iter().map(|request| format!("{} {}", request.method.as_str(), request.url));
            let to = to.collect::<Vec<_>>().join(", then ");
            let what = format!("Not tested. Evidence for ticket 4711 would go to {to}");
            report.add_step("Evidence", Status::Ok, what, None);
        }
        Err(error) => report.add_failure("Evidence", error),
    }
}

/// Renders the request that tells the application of a session, for the first user, with masks as secrets. Sends nothing.
pub(super) fn check_notify(connection: &Connection, info: &Info, report: &mut Report) {
    let Some(row) = report.sample.first() else { return };
    let mut context = invent_context(connection, &info.user_context(row), &TicketContext::default());
    context["notification"] = SessionNotification::of_check().describe("check");
    match sign_in::plan_notification(connection, &context) {
        Ok(Some(request)) => {
            let what = format!(
                "Not tested. After each session, the application would be told by {} {}",
                request.method.as_str(),
                request.url
            );
            report.add_step("Notification", Status::Ok, what, None);
        }
        Ok(None) => {}
        Err(error) => report.add_failure("Notification", error),
    }
}

/// What templates see of a session that there never was, with a mask for each secret.
fn invent_context(connection: &Connection, user: &Map<String, Value>, ticket: &TicketContext) -> Value {
    let secrets: Map<String, Value> =
        connection.template_secret_names().into_iter().map(|name| (name, MASK.into())).collect();
    json!({
        "user": user,
        "operator": { "name": "operator", "email": "operator@example.com" },
        "secret": secrets,
        "reason": "check",
        "session": describe_session("check", connection.policy.access.mode, ticket),
        "connection": { "id": connection.id, "name": connection.file.name, "environment": connection.file.environment },
    })
}

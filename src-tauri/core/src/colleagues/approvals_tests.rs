use serde_json::json;

use super::*;

const MINUTE: i64 = 60_000;

fn operator(name: &str) -> OperatorIdentity {
    let (email, account) = (format!("{name}@acme.example"), name.to_lowercase());
    OperatorIdentity {
        operator_name: name.into(),
        operator_email: email,
        os_user: account,
        host: format!("{name}s-desk"),
    }
}

/// An entry of the log `logs` of this operator, written with this role.
fn row(who: &str, role: &str, id: i64, event: &str, at_ms: i64, detail: &serde_json::Value) -> TeamEntry {
    let identity = operator(who);
    let line = json!({
        "id": id, "event": event, "at_ms": at_ms, "connection": "shop", "user_id": "42",
        "user_email": "zoe@example.com", "reason": "ticket 7", "detail": detail.to_string(),
        "operator_name": identity.operator_name, "operator_email": identity.operator_email,
        "os_user": identity.os_user, "host": identity.host,
    });
    TeamEntry::parse(&format!("{who}s-log"), id, role, at_ms, 1, &line.to_string()).unwrap()
}

/// What Kim asked for at minute 0.
fn asked() -> Approvals {
    let mut approvals = Approvals::default();
    approvals.apply(&row("Kim", "kim", 5, "approval_asked", 0, &json!({ "mode": "read_only" })));
    approvals
}

fn kims_request() -> serde_json::Value {
    json!({ "log": "Kims-log", "id": 5 })
}

fn find(approvals: &Approvals, user: &str, mode: SessionMode, minute: i64) -> Option<i64> {
    let found = approvals.find_approved("Kims-log", ("shop", user, mode), &operator("Kim"), minute * MINUTE);
    found.ok().map(|name| name.id)
}

#[test]
fn what_another_person_approves_can_be_used_once() {
    let mut approvals = asked();
    assert_eq!(find(&approvals, "42", SessionMode::ReadOnly, 1), None, "nobody has decided");
    let seen = approvals.list_requests("Adas-log", MINUTE, MINUTE);
    assert_eq!((seen[0].state, seen[0].is_own), (ApprovalState::Waiting, false));
    approvals.apply(&row("Ada", "ada", 9, "approved", MINUTE, &kims_request()));
    assert_eq!(find(&approvals, "42", SessionMode::ReadOnly, 2), Some(5));
    let seen = approvals.list_requests("Kims-log", MINUTE, MINUTE);
    assert_eq!((seen[0].state, &*seen[0].decided_by, seen[0].is_own), (ApprovalState::Approved, "Ada", true));
    approvals.apply(&row("Kim", "kim", 6, "approval_used", MINUTE, &kims_request()));
    assert_eq!(find(&approvals, "42", SessionMode::ReadOnly, 2), None);
    assert_eq!(approvals.list_requests("Kims-log", MINUTE, MINUTE), []);
}

#[test]
fn it_is_for_one_user_one_mode_one_operator_and_ten_minutes() {
    let mut approvals = asked();
    approvals.apply(&row("Ada", "ada", 9, "approved", MINUTE, &kims_request()));
    assert_eq!(find(&approvals, "43", SessionMode::ReadOnly, 2), None);
    assert_eq!(find(&approvals, "42", SessionMode::Full, 2), None);
    let request = ("shop", "42", SessionMode::ReadOnly);
    for (log, who, request) in [
        ("Adas-log", "Kim", request),
        ("Kims-log", "Ada", request),
        ("Kims-log", "Kim", ("other", "42", SessionMode::ReadOnly)),
    ] {
        let found = approvals.find_approved(log, request, &operator(who), 2 * MINUTE);
        assert!(found.is_err(), "{log} {who}");
    }
    assert_eq!(find(&approvals, "42", SessionMode::ReadOnly, 9), Some(5));
    assert_eq!(find(&approvals, "42", SessionMode::ReadOnly, 10), None);
    assert_eq!(approvals.list_requests("Kims-log", 10 * MINUTE, 0), []);
}

/// Why the approval of Kim's request can't be used at this minute.
fn refusal(approvals: &Approvals, minute: i64) -> String {
    let account = ("shop", "42", SessionMode::ReadOnly);
    let refused =
        approvals.find_approved("Kims-log", account, &operator("Kim"), minute * MINUTE).unwrap_err();
    let name = RequestName { log: "Kims-log".into(), id: 5 };
    let checked = approvals.check_approval(&name, minute * MINUTE).unwrap_err();
    assert_eq!(checked, refused, "whoever asks");
    assert!(refused.hint.is_some(), "what to do next");
    refused.message
}

#[test]
fn why_an_approval_cannot_be_used_is_said() {
    let mut approvals = asked();
    assert_eq!(refusal(&approvals, 1), "A colleague has to approve this session first.");
    assert_eq!(refusal(&approvals, 10), "Your request for approval has expired.");
    approvals.apply(&row("Ada", "ada", 9, "approved", MINUTE, &kims_request()));
    assert_eq!(refusal(&approvals, 10), "This approval has expired.");
    approvals.apply(&row("Bo", "bo", 3, "approval_declined", MINUTE, &kims_request()));
    assert_eq!(refusal(&approvals, 2), "A colleague has declined your request for approval.");
    let mut approvals = asked();
    approvals.apply(&row("Ada", "ada", 9, "approved", MINUTE, &kims_request()));
    approvals.apply(&row("Kim", "kim", 6, "approval_used", MINUTE, &kims_request()));
    assert_eq!(refusal(&approvals, 10), "This approval was already used.", "however late it is");
}

#[test]
fn a_request_expires_by_the_teams_log_unless_it_is_declined_or_never_gets_there() {
    let name = RequestName { log: "Kims-log".into(), id: 5 };
    let judge = |approvals: &Approvals, minute| approvals.judge_expiry(&name, minute * MINUTE);
    assert_eq!(judge(&Approvals::default(), 99), RequestExpiry::NeverArrived);
    let mut approvals = asked();
    assert_eq!(judge(&approvals, 7), RequestExpiry::NotYet { left_ms: 3 * MINUTE });
    assert_eq!(judge(&approvals, 10), RequestExpiry::Over);
    approvals.apply(&row("Ada", "ada", 9, "approved", MINUTE, &kims_request()));
    assert_eq!(judge(&approvals, 7), RequestExpiry::NotYet { left_ms: 3 * MINUTE });
    approvals.apply(&row("Ada", "ada", 10, "approval_declined", 2 * MINUTE, &kims_request()));
    assert_eq!(judge(&approvals, 99), RequestExpiry::Declined);
}

#[test]
fn a_request_that_its_own_log_calls_expired_is_shown_to_nobody() {
    let mut approvals = asked();
    approvals.apply(&row("Eve", "eve", 7, "approval_expired", MINUTE, &kims_request()));
    assert_eq!(approvals.list_requests("Adas-log", MINUTE, MINUTE).len(), 1, "only Kim's log says it");
    approvals.apply(&row("Kim", "kim", 6, "approval_expired", MINUTE, &kims_request()));
    assert_eq!(approvals.list_requests("Adas-log", MINUTE, MINUTE), []);
    let name = RequestName { log: "Kims-log".into(), id: 5 };
    assert_eq!(approvals.judge_expiry(&name, MINUTE), RequestExpiry::Over);
}

#[test]
fn a_decline_counts_even_if_an_approval_looks_earlier() {
    let mut approvals = asked();
    approvals.apply(&row("Bo", "bo", 3, "approved", MINUTE, &kims_request()));
    approvals.apply(&row("Ada", "ada", 10, "approval_declined", 2 * MINUTE, &kims_request()));
    assert_eq!(find(&approvals, "42", SessionMode::ReadOnly, 3), None);
}

#[test]
fn a_late_answer_and_a_second_one_do_not_count() {
    let mut approvals = asked();
    approvals.apply(&row("Ada", "ada", 9, "approved", 11 * MINUTE, &kims_request()));
    assert_eq!(find(&approvals, "42", SessionMode::ReadOnly, 2), None);
    approvals.apply(&row("Ada", "ada", 10, "approval_declined", MINUTE, &kims_request()));
    approvals.apply(&row("Bo", "bo", 3, "approved", 2 * MINUTE, &kims_request()));
    assert_eq!(find(&approvals, "42", SessionMode::ReadOnly, 2), None, "Ada has declined it");
}

#[test]
fn nobody_approves_for_themselves() {
    for (who, role, personal) in [
        // In their own log, whatever role wrote it.
        ("Kim", "ada", false),
        // From another log, with the role that asked, where roles are personal.
        ("Ada", "kim", true),
    ] {
        let mut approvals = asked();
        approvals.roles_are_personal = personal;
        approvals.apply(&row(who, role, 9, "approved", MINUTE, &kims_request()));
        assert_eq!(find(&approvals, "42", SessionMode::ReadOnly, 2), None, "{who} {role}");
    }
    // Where all share one role, it says nothing.
    let mut approvals = asked();
    approvals.apply(&row("Ada", "kim", 9, "approved", MINUTE, &kims_request()));
    assert_eq!(find(&approvals, "42", SessionMode::ReadOnly, 2), Some(5));
    let kim = operator("Kim");
    for other in [
        OperatorIdentity { operator_name: "K".into(), operator_email: String::new(), ..kim.clone() },
        OperatorIdentity {
            os_user: "x".into(),
            operator_email: "KIM@acme.example".into(),
            operator_name: "K".into(),
            ..kim.clone()
        },
        OperatorIdentity { os_user: "x".into(), operator_email: String::new(), ..kim.clone() },
    ] {
        assert!(is_same_person(("a", "r", &kim), ("b", "r", &other), false), "{other:?}");
    }
    assert!(!is_same_person(("a", "r", &kim), ("b", "r", &operator("Ada")), false));
}

//! Refusals in the words of frameworks and servers, and the cause that each reveals.

use super::*;

fn answer(status: u16, kind: &str, body: &str) -> Answer {
    Answer { status, headers: vec![("content-type".into(), kind.into())], body: body.into() }
}

#[test]
fn a_csrf_refusal_is_known_in_the_words_of_each_framework() {
    let html = "text/html; charset=utf-8";
    for (status, kind, body, name, token) in [
        (
            403,
            html,
            "<h1>Forbidden</h1><p>CSRF verification failed. Request aborted.</p>",
            "Django",
            "csrfmiddlewaretoken",
        ),
        (
            403,
            "application/json",
            r#"{"detail":"CSRF Failed: CSRF token missing."}"#,
            "Django",
            "x-csrftoken",
        ),
        (400, html, "<h1>Bad Request</h1><p>The CSRF token is missing.</p>", "Flask-WTF", "`csrf_token`"),
        (400, html, "<p>The CSRF session token is missing.</p>", "Flask-WTF", "`csrf_token`"),
        (400, html, "<p>The referrer header is missing.</p>", "Flask-WTF", "`csrf_token`"),
        (
            419,
            html,
            "<title>Page Expired</title><div>419</div><div>Page Expired</div>",
            "Laravel",
            "`_token`",
        ),
        (419, "application/json", r#"{"message":"CSRF token mismatch."}"#, "Laravel", "urldecode"),
        (419, html, "", "Laravel", "`_token`"),
        (422, html, "<h1>The change you wanted was rejected.</h1>", "Rails", "authenticity_token"),
        (
            422,
            "text/plain",
            "ActionController::InvalidAuthenticityToken in SessionsController",
            "Rails",
            "x-csrf-token",
        ),
        (
            422,
            html,
            "<p>The CSRF token is invalid. Please try to resubmit the form.</p>",
            "(Symfony)",
            "`_csrf_token`",
        ),
        (400, html, "<p>The CSRF token is invalid.</p>", "(Flask-WTF)", "`csrf_token`"),
        (
            403,
            html,
            "<p>Could not verify the provided CSRF token because your session was not found.</p>",
            "(Spring Security)",
            "`_csrf`",
        ),
        (
            403,
            "text/plain",
            "Plug.CSRFProtection.InvalidCSRFTokenError at POST /login",
            "(Phoenix)",
            "`_csrf_token`",
        ),
        (
            400,
            "text/plain",
            "The required antiforgery cookie \".AspNetCore.Antiforgery\" is not present.",
            "(ASP.NET)",
            "`__RequestVerificationToken`",
        ),
        (400, html, "<h1>Unable to verify your data submission.</h1>", "(Yii)", "`_csrf`"),
        (403, "text/plain", "ForbiddenError: invalid csrf token", "CSRF protection refused", "own form"),
    ] {
        let cause =
            find_cause(&answer(status, kind, body), SentBy::ByStep).unwrap_or_else(|| panic!("{body}"));
        assert!(cause.hint.contains(name) && cause.hint.contains(token), "{body}: {}", cause.hint);
        assert!(!cause.is_secrets);
        let cause = find_cause(&answer(status, kind, body), SentBy::ByWindow).expect("the same");
        assert!(cause.hint.contains("exchange"), "{}", cause.hint);
    }
    // A check of the origin needs no token.
    for (status, body, name) in [
        (403, "Cross-site POST form submissions are forbidden", "SvelteKit"),
        (
            403,
            "<p>CSRF verification failed.</p><p>Origin checking failed - https://a does not match",
            "Django",
        ),
    ] {
        let cause = find_cause(&answer(status, html, body), SentBy::ByWindow).expect("a cause");
        assert!(cause.hint.contains(name) && cause.hint.contains("`Origin`"), "{}", cause.hint);
    }
    // Every page of Laravel or Rails has such a `<meta>`, and the text of a successful page may mention CSRF.
    let meta = "<head><meta name=csrf-token content=x></head><h1>404 Not Found</h1>";
    assert!(find_cause(&answer(404, html, meta), SentBy::ByStep).is_none());
    assert!(find_cause(&answer(200, html, "<p>All about CSRF</p>"), SentBy::ByStep).is_none());
}

#[test]
fn a_challenge_names_who_asks_and_for_what() {
    let asked = |challenge: &str| {
        let mut answer = answer(401, "text/plain", "gate");
        answer.headers.push(("www-authenticate".into(), challenge.into()));
        find_cause(&answer, SentBy::ByWindow).map(|cause| (cause.hint, cause.is_secrets))
    };
    let (hint, is_secrets) = asked("Basic realm=\"staging\", charset=\"UTF-8\"").expect("a cause");
    assert!(hint.contains("“staging”") && hint.contains("network.gateway_user") && is_secrets, "{hint}");
    let (hint, is_secrets) = asked("Digest realm=\"d\", nonce=\"n\"").expect("a cause");
    assert!(
        hint.contains("HTTP Digest for “d”") && hint.contains("network.credentials") && is_secrets,
        "{hint}"
    );
    let (hint, is_secrets) = asked("Negotiate").expect("a cause");
    assert!(hint.contains("Negotiate") && !is_secrets, "{hint}");
    assert!(asked("Bearer error=\"invalid_token\"").expect("a cause").0.contains("Bearer"));
    assert!(asked("Session").is_none());
}

#[test]
fn maintenance_is_told_from_a_server_that_gets_no_answer() {
    let html = "text/html";
    let said = |status: u16, kind: &str, body: &str| {
        find_cause(&answer(status, kind, body), SentBy::ByWindow).and_then(|cause| cause.said)
    };
    for (status, kind, body) in [
        (503, html, "maintenance"),
        (503, html, "<h1>Be right back.</h1>"),
        (
            503,
            html,
            "<html class=antialiased><title>Service Unavailable</title><body><div>503</div><div>Service Unavailable</div>",
        ),
        (503, "application/json", r#"{"message":"Service Unavailable"}"#),
        (503, html, "<p>Briefly unavailable for scheduled maintenance. Check back in a minute."),
        (503, html, "<h1>Offline for Maintenance</h1>"),
        (503, html, "<h1>Wir sind gleich zurück</h1><p>Wartungsarbeiten"),
        (503, html, "<h1>ただいまメンテナンス中です</h1>"),
        (500, "application/json", r#"{"error":"Maintenance mode"}"#),
        (403, html, "<h1>Error 403 - This web app is stopped.</h1>"),
    ] {
        let said = said(status, kind, body);
        assert_eq!(said.as_deref(), Some("The application is down for maintenance"), "{body}");
    }
    for (status, kind, body) in [
        (
            503,
            html,
            "<h1>Service Unavailable</h1><p>The server is temporarily unable to service your request due to maintenance \
                     downtime or capacity problems. Please try again later.",
        ),
        (503, html, "<h1>503 Service Temporarily Unavailable</h1><hr><center>nginx</center>"),
        (503, html, "<h1>503 Service Unavailable</h1>No server is available to handle this request."),
        (502, html, "<h1>502 Bad Gateway</h1>"),
        (403, html, "<p>You have no right to see the maintenance plan"),
        (200, html, "<h1>Maintenance plans</h1>"),
    ] {
        assert_eq!(said(status, kind, body), None, "{body}");
    }
}

#[test]
fn how_long_to_wait_is_repeated_where_it_is_said() {
    let asked = |status: u16, said: &str| {
        let mut answer = answer(status, "text/html", "");
        answer.headers.push(("retry-after".into(), said.into()));
        describe_retry_after(&answer)
    };
    assert_eq!(asked(503, "120"), " The answer asks you to wait 2 minutes.");
    assert_eq!(asked(429, "30"), " The answer asks you to wait 30 s.");
    assert_eq!(asked(503, "86400"), " The answer asks you to wait 24 hours.");
    let date = "Fri, 31 Dec 2100 23:59:59 GMT";
    assert_eq!(asked(503, date), format!(" The answer asks you to wait until {date}."));
    for nothing in ["0", "", "soon", "-5"] {
        assert_eq!(asked(503, nothing), "", "{nothing}");
    }
    assert_eq!(asked(200, "120"), "");
}

#[test]
fn a_check_for_people_needs_no_name() {
    let page = "<h1>One more step</h1><p>Please verify you are human to continue.</p>";
    let cause = find_cause(&answer(403, "text/html", page), SentBy::ByStep).expect("a cause");
    assert!(cause.hint.contains("a person first") && !cause.is_secrets, "{}", cause.hint);
    assert!(find_cause(&answer(200, "text/html", page), SentBy::ByStep).is_none());
}

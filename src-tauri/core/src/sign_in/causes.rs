//! Why an application refuses, if its answer tells: by an error code, by a framework's wording, by a challenge.
//! `guards` knows services that answer in its place, `csrf` CSRF protections, `redirects` redirects. A known cause
//! takes precedence over what the status suggests.

use serde_json::Value;

use super::{csrf, guards, page_text};
use crate::browser::Answer;

/// A cause that an answer reveals.
pub(super) struct RefusalCause {
    /// What happened, if not that the application refused or failed; begins a title.
    pub said: Option<String>,
    /// What to do about it.
    pub hint: String,
    /// A different value of a secret may help.
    pub is_secrets: bool,
}

/// Who sent the request, because hints differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SentBy {
    /// The window: a webhook's only request.
    ByWindow,
    /// The console: a step, possibly after others.
    ByStep,
}

/// The cause that the answer reveals; `None` if there is only the status.
pub(super) fn find_cause(answer: &Answer, sent: SentBy) -> Option<RefusalCause> {
    let words =
        if page_text::is_html(answer) { page_text::all_words(&answer.body) } else { answer.body.clone() };
    by_code(answer)
        .or_else(|| guards::in_front(answer))
        .or_else(|| csrf::detect_csrf_refusal(answer.status, &words, sent))
        .or_else(|| detect_maintenance(answer, &words))
        .or_else(|| guards::check_for_people(answer, &words))
        .or_else(|| detect_challenge(answer))
}

const CLOCK: &str = "The token is valid for one minute, but the application's clock differs from this computer's. Set \
                     both by a time server, then try again.";

/// Codes and sentences, each with whether it is about a secret and what to do.
const KNOWN: &[(&str, bool, &str)] = &[
    (
        "YOU_CANNOT_IMPERSONATE_ADMINS",
        false,
        "This user is an administrator, and Better Auth lets no one sign in as an administrator.",
    ),
    (
        "YOU_ARE_NOT_ALLOWED_TO_IMPERSONATE_USERS",
        false,
        "The account that the console signs in with may not impersonate: give it a role with `user: [\"impersonate\"]`.",
    ),
    (
        "BANNED_USER",
        false,
        "This account is banned in the application. No one can sign in with it until the ban is lifted.",
    ),
    (
        "MISSING_OR_NULL_ORIGIN",
        false,
        "The application checks where a request comes from: the step needs an `origin` header.",
    ),
    (
        "INVALID_ORIGIN",
        false,
        "The application does not trust this origin: add it to Better Auth's trustedOrigins.",
    ),
    (
        "INVALID_EMAIL_OR_PASSWORD",
        true,
        "The account that the console signs in with, or its password, is wrong: store it again.",
    ),
    ("clock skew", false, CLOCK),
    ("not yet valid", false, CLOCK),
    ("jwt expired", false, CLOCK),
    (
        "used already",
        true,
        "This token was used before, although each sign-in makes a new one. Try again. If it keeps happening, \
         something on the way to the application sends requests twice.",
    ),
    (
        "wrong audience",
        true,
        "The application expects tokens for another address: compare its own address with the one in this connection.",
    ),
];

fn by_code(answer: &Answer) -> Option<RefusalCause> {
    let body = &answer.body;
    if let Some((_, is_secrets, hint)) = KNOWN.iter().find(|(mark, ..)| body.contains(mark)) {
        return Some(RefusalCause {
            said: None,
            hint: (*hint).to_owned(),
            is_secrets: *is_secrets && *hint != CLOCK,
        });
    }
    // `{"error":"expired"}`, from the endpoints in our documentation.
    let error = serde_json::from_str::<Value>(body).ok()?["error"].as_str()?.to_lowercase();
    (error == "expired" || error == "token expired").then(|| RefusalCause {
        said: None,
        hint: CLOCK.to_owned(),
        is_secrets: false,
    })
}

/// What applications and hosts say during maintenance, in lower case.
const MAINTENANCE: &[&str] = &[
    "maintenance",
    "be right back",
    "be back soon",
    "back shortly",
    "back online shortly",
    "temporarily offline",
    "offline for",
    "under construction",
    "this web app is stopped",
    "app_offline",
    "wartung",
    "mantenimiento",
    "manutenzione",
    "manutenção",
    "onderhoud",
    "underhåll",
    "konserwacj",
    "přerušen",
    "huolto",
    "bakım",
    "технические работы",
    "техническое обслуживание",
    "メンテナンス",
    "维护",
    "維護",
    "점검",
];

/// Apache says this about any server that does not answer.
const OF_APACHE: &str = "due to maintenance downtime or capacity problems";

/// Laravel's whole text in maintenance mode by default.
const OF_LARAVEL: &[&str] = &["503 service unavailable", "service unavailable"];

/// The application is in maintenance.
fn detect_maintenance(answer: &Answer, words: &str) -> Option<RefusalCause> {
    let words = words.to_lowercase().replace(OF_APACHE, "");
    let message =
        || serde_json::from_str::<Value>(&answer.body).ok()?["message"].as_str().map(str::to_lowercase);
    let is_said = (500..600).contains(&answer.status) && MAINTENANCE.iter().any(|mark| words.contains(mark))
        || answer.status >= 400 && words.contains("this web app is stopped")
        || answer.status == 503 && answer.header("x-nextcloud-maintenance-mode").is_some();
    let is_laravel = || {
        let is_its = |text: &str| OF_LARAVEL.contains(&text.trim());
        let is_page = page_text::is_html(answer) && answer.body.contains("antialiased") && is_its(&words);
        answer.status == 503 && (is_page || message().is_some_and(|message| is_its(&message)))
    };
    if is_said {
        return Some(RefusalCause {
            said: Some("The application is down for maintenance".into()),
            hint: "Its answer says that it is being worked on. Try again later, or ask whoever runs it."
                .into(),
            is_secrets: false,
        });
    }
    is_laravel().then(|| RefusalCause {
        said: Some("The application is down for maintenance".into()),
        hint: "Laravel answers like this in maintenance mode. Try again when that is over (`php artisan up`), or ask \
               whoever runs it.".into(),
        is_secrets: false,
    })
}

/// When to try again, if the answer says so (RFC 9110, 10.2.3): a sentence with a leading space.
pub(super) fn describe_retry_after(answer: &Answer) -> String {
    let Some(said) = answer.header("retry-after").map(str::trim).filter(|_| answer.status >= 400) else {
        return String::new();
    };
    match said.parse::<u32>() {
        Ok(0) => String::new(),
        Ok(seconds @ ..=119) => format!(" The answer asks you to wait {seconds} s."),
        Ok(seconds @ ..=7_199) => format!(" The answer asks you to wait {} minutes.", seconds.div_ceil(60)),
        Ok(seconds) => format!(" The answer asks you to wait {} hours.", seconds.div_ceil(3_600)),
        Err(_) if jiff::fmt::rfc2822::parse(said).is_ok() => {
            format!(" The answer asks you to wait until {said}.")
        }
        Err(_) => String::new(),
    }
}

/// `WWW-Authenticate` says who asks for a login, and for which (RFC 9110, 11.6.1).
fn detect_challenge(answer: &Answer) -> Option<RefusalCause> {
    let challenge = answer.header("www-authenticate").filter(|_| answer.status == 401)?;
    let scheme = challenge.split([' ', ',']).next().unwrap_or_default();
    let realm = challenge
        .split_once("realm=")
        .map(|(_, rest)| rest.trim_start_matches('"').split(['"', ',']).next().unwrap_or_default().to_owned())
        .filter(|realm| !realm.is_empty() && realm.len() <= 60 && !realm.chars().any(char::is_control))
        .map(|realm| format!(" for “{realm}”"))
        .unwrap_or_default();
    let hint = match scheme.to_lowercase().as_str() {
        "basic" => format!(
            "It asks for a user name and password (HTTP Basic{realm}). Usually, a gateway in front of the application \
             does that: then set `network.gateway_user` and store the secret `gateway_password`. If it is the \
             application \
             itself, check the secrets of this connection."
        ),
        "negotiate" | "ntlm" | "digest" => format!(
            "A server in front of the application asks for {scheme}{realm}, which Understudy cannot answer. Use an \
             address of the application that does not go through it."
        ),
        "bearer" => format!(
            "It did not accept the token (Bearer{realm}): check the secrets of this connection, and that the token is sent \
             where the application looks for it."
        ),
        _ => return None,
    };
    Some(RefusalCause {
        said: None,
        hint,
        is_secrets: !matches!(scheme.to_lowercase().as_str(), "negotiate" | "ntlm" | "digest"),
    })
}

#[cfg(test)]
mod tests {
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
}

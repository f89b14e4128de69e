//! Why an application says no, where its answer tells: by a code, in the words of the frameworks, by a challenge, by
//! where it redirects to. What is known here goes before what a status alone could mean.

use serde_json::Value;
use url::Url;

use super::page;
use crate::browser::Answer;

/// A cause that an answer tells.
pub(super) struct Cause {
    /// What to do about it.
    pub hint: String,
    /// Another value of a secret may help.
    pub is_secrets: bool,
}

/// Who sent what was answered, as hints differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sent {
    /// The window: the one request of a webhook.
    ByWindow,
    /// The console: a step, which others may go before.
    ByStep,
}

/// The cause that the answer tells; `None`: nothing beyond its status.
pub(super) fn told_by(answer: &Answer, sent: Sent) -> Option<Cause> {
    let words = if page::is_html(answer) { page::all_words(&answer.body) } else { answer.body.clone() };
    by_code(answer)
        .or_else(|| cdn(answer))
        .or_else(|| csrf(answer.status, &words, sent))
        .or_else(|| challenge(answer))
}

const CLOCK: &str = "The token counts for a minute, and the application's clock says otherwise than this machine's. \
                     Set both by a time server, then try again.";

/// Codes and sentences, each with what to do and whether it is about a secret.
const KNOWN: &[(&str, bool, &str)] = &[
    (
        "YOU_CANNOT_IMPERSONATE_ADMINS",
        false,
        "This user is an administrator, and Better Auth lets nobody sign in as one.",
    ),
    (
        "YOU_ARE_NOT_ALLOWED_TO_IMPERSONATE_USERS",
        false,
        "The account that the console signs in with may not impersonate: give it a role with `user: [\"impersonate\"]`.",
    ),
    (
        "BANNED_USER",
        false,
        "This account is banned in the application: nobody can be signed in with it until that is lifted.",
    ),
    (
        "MISSING_OR_NULL_ORIGIN",
        false,
        "The application wants to know where a request comes from: the step needs an `origin` header.",
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
        "This token was used before; each sign-in makes a new one. Try again; if it keeps happening, something on the way sends requests twice.",
    ),
    (
        "wrong audience",
        true,
        "The application expects tokens for another address: compare its own address with the one in this connection.",
    ),
];

fn by_code(answer: &Answer) -> Option<Cause> {
    let body = &answer.body;
    if let Some((_, is_secrets, hint)) = KNOWN.iter().find(|(mark, ..)| body.contains(mark)) {
        return Some(Cause { hint: (*hint).to_owned(), is_secrets: *is_secrets && *hint != CLOCK });
    }
    // `{"error":"expired"}`, of the endpoints that the documentation gives.
    let error = serde_json::from_str::<Value>(body).ok()?["error"].as_str()?.to_lowercase();
    (error == "expired" || error == "token expired")
        .then(|| Cause { hint: CLOCK.to_owned(), is_secrets: false })
}

/// What CDNs put in front of an application when they doubt that a person asks.
const CHALLENGES: &[(&str, &str)] = &[
    // Not the script of the same folder that Cloudflare puts into ordinary pages.
    ("_cf_chl_opt", "Cloudflare"),
    ("/orchestrate/chl", "Cloudflare"),
    ("awsWafCookieDomainList", "AWS WAF"),
    ("token.awswaf.com", "AWS WAF"),
    ("Vercel Security Checkpoint", "Vercel"),
    ("_Incapsula_Resource", "Imperva"),
    ("captcha-delivery.com", "DataDome"),
    ("errors.edgesuite.net", "Akamai"),
    ("sucuri.net/privacy-policy", "Sucuri"),
];

fn cdn(answer: &Answer) -> Option<Cause> {
    let (_, name) = CHALLENGES.iter().find(|(mark, _)| answer.body.contains(mark))?;
    Some(Cause {
        hint: format!(
            "{name}, in front of the application, wants to see a browser and a person first, so the request never reached \
             the application. Let these paths through there (by address, or by a header with a secret of its own), or use \
             the address behind it."
        ),
        is_secrets: false,
    })
}

/// Words for the same refusal: the request carries no token of one of the application's own forms.
struct Framework {
    /// In small letters; all of a mark's words have to be in the text.
    marks: &'static [&'static str],
    name: &'static str,
    /// How a step sends the token.
    token: &'static str,
    /// How the application leaves an endpoint out of the check.
    exempt: &'static str,
}

const FRAMEWORKS: &[Framework] = &[
    Framework {
        marks: &["csrf verification failed", "csrf failed:"],
        name: "Django",
        token: "the form's `csrfmiddlewaretoken` (or the cookie `csrftoken` as the header `x-csrftoken`), and on https a \
                `referer` of the application's address",
        exempt: "`@csrf_exempt`",
    },
    Framework {
        marks: &[
            "the csrf token is missing",
            "the csrf session token is missing",
            "the csrf tokens do not match",
            "the csrf token has expired",
            "the csrf token is invalid",
            "the referrer header is missing",
            "the referrer does not match the host",
        ],
        name: "Flask-WTF",
        token: "the form's `csrf_token`, and on https a `referer` of the application's address",
        exempt: "`@csrf.exempt`",
    },
    Framework {
        marks: &["csrf token mismatch", "page expired"],
        name: "Laravel",
        token: "the form's `_token`, or the cookie `XSRF-TOKEN` as the header `x-xsrf-token = \"{{ captured.csrf|urldecode }}\"`",
        exempt: "`validateCsrfTokens(except: [...])`",
    },
    Framework {
        marks: &[
            "invalidauthenticitytoken",
            "can't verify csrf token authenticity",
            "the change you wanted was rejected",
            "invalidcrossoriginrequest",
        ],
        name: "Rails",
        token: "the form's `authenticity_token`, or the page's `csrf-token` as the header `x-csrf-token`",
        exempt: "`skip_forgery_protection`",
    },
    Framework {
        marks: &[
            "could not verify the provided csrf token",
            "invalid csrf token",
            "missingcsrf",
            "antiforgery",
            "csrf",
        ],
        name: "",
        token: "the token of the application's own form",
        exempt: "the framework's way",
    },
];

fn csrf(status: u16, words: &str, sent: Sent) -> Option<Cause> {
    // A page that was answered with a yes may speak of anything; a redirect of Auth.js's says it in a URL.
    if !(status >= 400 || words.contains("MissingCSRF")) {
        return None;
    }
    let words = words.to_lowercase();
    let by_words = FRAMEWORKS.iter().find(|known| known.marks.iter().any(|mark| words.contains(mark)));
    // Laravel's own status, which nobody else uses.
    let framework = by_words.or_else(|| (status == 419).then(|| &FRAMEWORKS[2]))?;
    let Framework { name, token, exempt, .. } = framework;
    let who = if name.is_empty() { String::new() } else { format!(" ({name})") };
    let hint = match sent {
        Sent::ByWindow => format!(
            "The application's CSRF protection{who} refused it: the request carries no token of a page. Leave the login \
             endpoint out of that check ({exempt}), as it has a secret of its own; or sign in by `kind = \"exchange\"`, \
             whose steps can fetch the token first."
        ),
        Sent::ByStep => format!(
            "The application's CSRF protection{who} refused it. A step before this one has to fetch the token \
             (`capture`), and this one has to send {token}."
        ),
    };
    Some(Cause { hint, is_secrets: false })
}

/// `WWW-Authenticate`: who asks, and for what (RFC 9110, 11.6.1).
fn challenge(answer: &Answer) -> Option<Cause> {
    let challenge = answer.challenge.as_deref().filter(|_| answer.status == 401)?;
    let scheme = challenge.split([' ', ',']).next().unwrap_or_default();
    let realm = challenge
        .split_once("realm=")
        .map(|(_, rest)| rest.trim_start_matches('"').split(['"', ',']).next().unwrap_or_default().to_owned())
        .filter(|realm| !realm.is_empty() && realm.len() <= 60 && !realm.chars().any(char::is_control))
        .map(|realm| format!(" for “{realm}”"))
        .unwrap_or_default();
    let hint = match scheme.to_lowercase().as_str() {
        "basic" => format!(
            "It asks for a user name and password (HTTP Basic{realm}). A gateway in front of the application does that, most \
             often: then set `network.gateway_user` and store the secret `gateway_password`. If it is the application \
             itself, check the secrets of this connection."
        ),
        "negotiate" | "ntlm" | "digest" => format!(
            "A server in front of the application asks for {scheme}{realm}, which Understudy cannot answer. Use an address of \
             the application without it."
        ),
        "bearer" => format!(
            "It did not accept the token (Bearer{realm}): check the secrets of this connection, and that the token is sent \
             where the application looks for it."
        ),
        _ => return None,
    };
    Some(Cause {
        hint,
        is_secrets: !matches!(scheme.to_lowercase().as_str(), "negotiate" | "ntlm" | "digest"),
    })
}

/// Why the answer to `url` leads to `to`, where nobody expected it to lead anywhere.
pub(super) fn of_redirect(url: &Url, to: &Url) -> Cause {
    let path = to.path();
    let is_same_host = url.host_str() == to.host_str();
    let (short, long) = if url.path().len() < path.len() { (url.path(), path) } else { (path, url.path()) };
    if is_same_host && url.scheme() == "http" && to.scheme() == "https" && url.path() == path {
        return Cause {
            hint: "It leads to the same address by https: write `https://` in its address.".into(),
            is_secrets: false,
        };
    }
    if url.origin() == to.origin() && long.strip_suffix('/') == Some(short) {
        let what =
            if path.ends_with('/') { "with a slash at its end" } else { "without the slash at its end" };
        return Cause {
            hint: format!(
                "It leads to {path}, the same address {what}, and what was sent does not come along: write it so."
            ),
            is_secrets: false,
        };
    }
    if is_sign_in_page(path) || url.origin() == to.origin() && url.path() == path {
        return Cause {
            hint: format!(
                "It leads to {path}: a sign-in page. Check the secrets of this connection, and what the step expects."
            ),
            is_secrets: true,
        };
    }
    let place = if is_same_host { path.to_owned() } else { to.origin().ascii_serialization() };
    Cause {
        hint: format!(
            "It leads to {place}. Many applications answer so when it worked: then the step needs `expect = [301, 302, 303]`. If \
             it did not, check the secrets of this connection."
        ),
        is_secrets: true,
    }
}

/// Is this where applications ask people to sign in?
pub(super) fn is_sign_in_page(path: &str) -> bool {
    let path = path.to_lowercase();
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    parts.iter().any(|part| {
        let part = part.split('.').next().unwrap_or_default().replace(['-', '_'], "");
        matches!(part.as_str(), "login" | "signin" | "logon" | "wplogin" | "sso" | "authenticate")
    }) || path.trim_end_matches('/').ends_with("/sessions/new")
        || path.trim_end_matches('/').ends_with("/session/new")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, kind: &str, body: &str) -> Answer {
        Answer { status, content_type: Some(kind.into()), body: body.into(), ..Answer::default() }
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
            (403, "text/plain", "ForbiddenError: invalid csrf token", "CSRF protection refused", "own form"),
        ] {
            let cause =
                told_by(&answer(status, kind, body), Sent::ByStep).unwrap_or_else(|| panic!("{body}"));
            assert!(cause.hint.contains(name) && cause.hint.contains(token), "{body}: {}", cause.hint);
            assert!(!cause.is_secrets);
            let cause = told_by(&answer(status, kind, body), Sent::ByWindow).expect("the same");
            assert!(cause.hint.contains("exchange"), "{}", cause.hint);
        }
        // Every page of a Laravel or Rails application has such a `<meta>`; a page that says yes may speak of it.
        let meta = "<head><meta name=csrf-token content=x></head><h1>404 Not Found</h1>";
        assert!(told_by(&answer(404, html, meta), Sent::ByStep).is_none());
        assert!(told_by(&answer(200, html, "<p>All about CSRF</p>"), Sent::ByStep).is_none());
    }

    #[test]
    fn a_challenge_names_who_asks_and_for_what() {
        let asked = |challenge: &str| {
            let answer = Answer { challenge: Some(challenge.into()), ..answer(401, "text/plain", "gate") };
            told_by(&answer, Sent::ByWindow).map(|cause| (cause.hint, cause.is_secrets))
        };
        let (hint, is_secrets) = asked("Basic realm=\"staging\", charset=\"UTF-8\"").expect("a cause");
        assert!(hint.contains("“staging”") && hint.contains("network.gateway_user") && is_secrets, "{hint}");
        let (hint, is_secrets) = asked("Negotiate").expect("a cause");
        assert!(hint.contains("Negotiate") && !is_secrets, "{hint}");
        assert!(asked("Bearer error=\"invalid_token\"").expect("a cause").0.contains("Bearer"));
        assert!(asked("Session").is_none());
    }

    #[test]
    fn a_cdns_doubt_is_not_taken_for_the_applications_no() {
        let body = "<title>Just a moment...</title><script src=\"/cdn-cgi/challenge-platform/h/b/orchestrate/chl_page/v1\"></script>";
        for status in [403, 503, 200] {
            let cause = told_by(&answer(status, "text/html", body), Sent::ByStep).expect("a cause");
            assert!(cause.hint.starts_with("Cloudflare") && !cause.is_secrets, "{}", cause.hint);
        }
        let watched =
            "<p>No.</p><script src=\"/cdn-cgi/challenge-platform/h/b/scripts/jsd/main.js\"></script>";
        assert!(told_by(&answer(403, "text/html", watched), Sent::ByStep).is_none());
    }

    #[test]
    fn a_redirect_is_read_for_what_it_is() {
        let hint = |url: &str, to: &str| {
            let cause = of_redirect(&url.parse().expect("a URL"), &to.parse().expect("a URL"));
            (cause.hint, cause.is_secrets)
        };
        let (slash, is_secrets) = hint("http://a.example/login?x=1", "http://a.example/login/?x=1");
        assert!(slash.contains("with a slash at its end") && !is_secrets, "{slash}");
        assert!(hint("http://a.example/login/", "http://a.example/login").0.contains("without the slash"));
        assert!(hint("http://a.example/me", "https://a.example/me").0.contains("https"));
        for page in ["/login?next=/", "/users/sign_in", "/accounts/login/", "/wp-login.php", "/session/new"] {
            let (said, is_secrets) = hint("https://a.example/become", &format!("https://a.example{page}"));
            assert!(said.contains("a sign-in page") && is_secrets, "{said}");
        }
        for page in ["/", "/dashboard", "/blog/in", "/catalogins"] {
            let (said, _) = hint("https://a.example/become", &format!("https://a.example{page}"));
            assert!(!said.contains("a sign-in page") && said.contains("expect = [301"), "{said}");
        }
    }
}

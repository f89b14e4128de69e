//! Recognises refusals of CSRF protections by the wording of frameworks, and says how a request gets past each.

use super::causes::{RefusalCause, SentBy};

/// A framework's wording of the refusal that a request carries no token from one of the application's own forms.
struct CsrfFramework {
    /// In lower case; any of them in the text is enough.
    marks: &'static [&'static str],
    name: &'static str,
    /// How a step sends the token.
    token: &'static str,
    /// How the application exempts an endpoint from the check.
    exempt: &'static str,
}

/// Frameworks whose wording others use too come last.
const FRAMEWORKS: &[CsrfFramework] = &[
    CsrfFramework {
        marks: &["csrf verification failed", "csrf failed:"],
        name: "Django",
        token: "the form's `csrfmiddlewaretoken` (or the cookie `csrftoken` as the header `x-csrftoken`), and on https a \
                `referer` of the application's address",
        exempt: "`@csrf_exempt`",
    },
    CsrfFramework {
        marks: &[
            "try to resubmit the form",
            "symfony\\component\\security\\csrf",
            "invalidcsrftokenexception",
        ],
        name: "Symfony",
        token: "the form's `_csrf_token`, or `_token` within the form's own name",
        exempt: "`csrf_protection: false` for that form, `enable_csrf: false` for a login",
    },
    CsrfFramework {
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
    CsrfFramework {
        marks: &["csrf token mismatch", "page expired", "tokenmismatchexception"],
        name: LARAVEL,
        token: "the form's `_token`, or the cookie `XSRF-TOKEN` as the header `x-xsrf-token = \"{{ captured.csrf|urldecode }}\"`",
        exempt: "`validateCsrfTokens(except: [...])`",
    },
    CsrfFramework {
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
    CsrfFramework {
        marks: &[
            "could not verify the provided csrf token",
            "invalid csrf token 'null'",
            "expected csrf token not found",
        ],
        name: "Spring Security",
        token: "the form's `_csrf`, or the cookie `XSRF-TOKEN` as the header `x-xsrf-token`",
        exempt: "`csrf.ignoringRequestMatchers(\"…\")`",
    },
    CsrfFramework {
        marks: &["antiforgery", "anti-forgery", "__requestverificationtoken"],
        name: "ASP.NET",
        token: "the form's `__RequestVerificationToken`, with the cookie of the same page",
        exempt: "`[IgnoreAntiforgeryToken]`, or `.DisableAntiforgery()`",
    },
    CsrfFramework {
        marks: &["invalidcsrftokenerror", "invalid csrf (cross site request forgery) token"],
        name: "Phoenix",
        token: "the form's `_csrf_token`, or the page's `csrf-token` as the header `x-csrf-token`",
        exempt: "a pipeline without `:protect_from_forgery`",
    },
    CsrfFramework {
        marks: &[
            "missing csrf token cookie",
            "missing or incorrect csrf cookie",
            "csrf token from either the request body",
        ],
        name: "CakePHP",
        token: "the form's `_csrfToken`, or the cookie `csrfToken` as the header `x-csrf-token`",
        exempt: "`skipCheckCallback`",
    },
    CsrfFramework {
        marks: &["unable to verify your data submission"],
        name: "Yii",
        token: "the form's `_csrf`, or the page's `csrf-token` as the header `x-csrf-token`",
        exempt: "`enableCsrfValidation = false`",
    },
    CsrfFramework {
        marks: &["the action you requested is not allowed", "the action you have requested is not allowed"],
        name: "CodeIgniter",
        token: "the form's `csrf_test_name`",
        exempt: "`except` of the filter `csrf`",
    },
    CsrfFramework {
        marks: &["x-csrf-token request header is"],
        name: "Drupal",
        token: "the answer of `/session/token` as the header `x-csrf-token`",
        exempt: "a route without `_csrf_request_header_token`",
    },
    CsrfFramework {
        marks: &["rest_cookie_invalid_nonce", "cookie check failed"],
        name: "WordPress",
        token: "the page's nonce as the header `x-wp-nonce`",
        exempt: "a `permission_callback` that checks a secret of its own",
    },
    CsrfFramework {
        marks: &["missingcsrf", "csrf"],
        name: "",
        token: "the token of the application's own form",
        exempt: "the framework's way",
    },
];

const LARAVEL: &str = "Laravel";

/// Laravel's own status, which no one else uses.
const PAGE_EXPIRED: u16 = 419;

/// The messages of checks of a request's `Origin`, who sends them, and what helps.
const ORIGINS: &[(&str, &str, &str)] = &[
    (
        "cross-site post form submissions are forbidden",
        "SvelteKit, Astro",
        "the environment variable `ORIGIN` or `csrf.trustedOrigins` of SvelteKit, `security.allowedDomains` of Astro",
    ),
    (
        "invalid server actions request",
        "Next.js",
        "`serverActions.allowedOrigins`; and a webhook belongs in a route of its own, not in a server action",
    ),
    (
        "didn't match request.base_url",
        "Rails",
        "`config.hosts`, and the proxy's `X-Forwarded-Proto` and `X-Forwarded-Host`",
    ),
    (
        "cross-origin request detected",
        "Go",
        "`AddTrustedOrigin`, or `AddInsecureBypassPattern` for this path",
    ),
    ("origin checking failed", "Django", "`CSRF_TRUSTED_ORIGINS`, or `@csrf_exempt` for this endpoint"),
];

/// The CSRF refusal that these words express, if any.
pub(super) fn detect_csrf_refusal(status: u16, words: &str, sent: SentBy) -> Option<RefusalCause> {
    // A successful page may mention CSRF; but a redirect from Auth.js puts its refusal into a URL.
    if !(status >= 400 || words.contains("MissingCSRF")) {
        return None;
    }
    let words = words.to_lowercase();
    let hint = by_origin(&words).or_else(|| by_token(status, &words, sent))?;
    Some(RefusalCause { said: None, hint, is_secrets: false })
}

fn by_origin(words: &str) -> Option<String> {
    let (_, who, setting) = ORIGINS.iter().find(|(mark, ..)| words.contains(mark))?;
    Some(format!(
        "The application's CSRF protection ({who}) takes the request for one from another site, because its `Origin` \
         is not the address that the application knows as its own. Correct that there ({setting}); a step has to send \
         an `origin` header with the \
         application's address."
    ))
}

fn by_token(status: u16, words: &str, sent: SentBy) -> Option<String> {
    let by_words = FRAMEWORKS.iter().find(|known| known.marks.iter().any(|mark| words.contains(mark)));
    let by_status = || FRAMEWORKS.iter().find(|known| status == PAGE_EXPIRED && known.name == LARAVEL);
    let CsrfFramework { name, token, exempt, .. } = by_words.or_else(by_status)?;
    let who = if name.is_empty() { String::new() } else { format!(" ({name})") };
    Some(match sent {
        SentBy::ByWindow => format!(
            "The application's CSRF protection{who} refused it: the request has no token from a page. Exempt the \
             login endpoint from that check ({exempt}), because it has a secret of its own, or use `kind = \
             \"exchange\"`, whose steps can fetch the token first."
        ),
        SentBy::ByStep => format!(
            "The application's CSRF protection{who} refused it. A step before this one has to fetch the token \
             (`capture`), and this one has to send {token}."
        ),
    })
}

//! What a redirect means: the endpoint has moved, another service requires a sign-in first, or the application refuses
//! with a page. Only the names in a query are quoted, never the values.

use url::{Host, Url};

use super::causes::RefusalCause;
use super::exchange;

/// An observed redirect, for the message if no one turns out to be signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redirect {
    /// Where it leads: a path of the same origin, or an origin with a path.
    place: String,
    lead: RedirectKind,
}

/// How the new address relates to the one that redirected.
#[derive(Debug, Clone, PartialEq, Eq)]
enum RedirectKind {
    /// The same address, which is how forms answer whether they succeeded or not.
    Back,
    /// The same address in its proper spelling.
    Moved(PathSpelling),
    /// The sign-in of this service.
    Gate(&'static str),
    /// A sign-in page, of this origin or another one.
    SignIn {
        is_here: bool,
    },
    /// A page that reports an error, recognised by this word in its path or name in its query.
    Fault(String),
    Elsewhere,
    /// Any other page of the same origin.
    Within,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PathSpelling {
    WithSlash,
    WithoutSlash,
    Https,
    Host,
}

/// Sign-in services, by the end of the host's name or the beginning of the path.
const GATES: &[(&str, &str, &str)] = &[
    ("cloudflareaccess.com", "", "Cloudflare Access"),
    ("login.microsoftonline.com", "", "Microsoft Entra ID"),
    ("login.microsoftonline.us", "", "Microsoft Entra ID"),
    ("login.partner.microsoftonline.cn", "", "Microsoft Entra ID"),
    ("login.windows.net", "", "Microsoft Entra ID"),
    ("login.live.com", "", "Microsoft"),
    ("b2clogin.com", "", "Microsoft Entra ID"),
    ("ciamlogin.com", "", "Microsoft Entra ID"),
    ("msappproxy.net", "", "Microsoft's application proxy"),
    ("", "/.auth/login", "Azure App Service"),
    ("accounts.google.com", "", "Google (its Identity-Aware Proxy, most often)"),
    ("iap.googleapis.com", "", "Google's Identity-Aware Proxy"),
    ("okta.com", "", "Okta"),
    ("oktapreview.com", "", "Okta"),
    ("okta-emea.com", "", "Okta"),
    ("auth0.com", "", "Auth0"),
    ("onelogin.com", "", "OneLogin"),
    ("pingone.com", "", "Ping"),
    ("pingone.eu", "", "Ping"),
    ("pingidentity.com", "", "Ping"),
    ("duosecurity.com", "", "Duo"),
    ("jumpcloud.com", "", "JumpCloud"),
    ("amazoncognito.com", "", "Amazon Cognito"),
    ("awsapps.com", "", "AWS IAM Identity Center"),
    ("workos.com", "", "WorkOS"),
    ("accounts.dev", "", "Clerk"),
    ("zitadel.cloud", "", "Zitadel"),
    ("kinde.com", "", "Kinde"),
    ("fusionauth.io", "", "FusionAuth"),
    ("login.salesforce.com", "", "Salesforce"),
    ("vercel.com", "/sso-api", "Vercel's deployment protection"),
    ("vercel.com", "/login", "Vercel's deployment protection"),
    ("app.netlify.com", "", "Netlify's protection"),
    ("github.com", "/login", "GitHub"),
    ("login.tailscale.com", "", "Tailscale"),
    ("zscaler.net", "", "Zscaler"),
    ("zscalertwo.net", "", "Zscaler"),
    ("zscloud.net", "", "Zscaler"),
    ("", "/cdn-cgi/access/", "Cloudflare Access"),
    ("", "/.pomerium/", "Pomerium"),
    ("", "/oauth2/start", "oauth2-proxy"),
    ("", "/oauth2/sign_in", "oauth2-proxy"),
    ("", "/outpost.goauthentik.io/", "authentik"),
    ("", "/if/flow/", "authentik"),
    ("", "/adfs/ls", "AD FS"),
    ("", "/adfs/oauth2", "AD FS"),
    ("", "/idp/profile/saml2", "Shibboleth"),
    ("", "/saml/module.php", "SimpleSAMLphp"),
    ("", "/simplesaml/", "SimpleSAMLphp"),
    ("", "/my.policy", "F5's access manager"),
    ("", "/vpn/index.html", "NetScaler's gateway"),
    ("", "/remote/login", "FortiGate"),
];

/// Path segments of sign-in pages, in lower case and without hyphens.
const SIGN_IN: &[&str] = &[
    "login",
    "signin",
    "logon",
    "wplogin",
    "sso",
    "authenticate",
    "loginform",
    "userlogin",
    "dologin",
    "anmelden",
    "anmeldung",
    "einloggen",
    "connexion",
    "seconnecter",
    "iniciarsesion",
    "acceder",
    "entrar",
    "accedi",
    "inloggen",
    "aanmelden",
    "logowanie",
    "zaloguj",
    "loggain",
    "logind",
    "kirjaudu",
    "prihlaseni",
    "giris",
];

/// Where `OpenID` Connect, OAuth and SAML send people: the ends of their endpoints' paths.
const AUTHORIZE: &[&str] =
    &["/authorize", "/authorize/", "/oauth2/auth", "/openid-connect/auth", "/oauth/auth", "/auth", "/auth/"];

/// Path segments of error pages.
const FAULTS: &[&str] = &[
    "error",
    "errors",
    "denied",
    "accessdenied",
    "forbidden",
    "unauthorized",
    "unauthorised",
    "notauthorized",
    "notfound",
    "notallowed",
    "nopermission",
    "blocked",
    "failed",
    "failure",
    "expired",
    "sessionexpired",
    "invalid",
    "maintenance",
    "oops",
    "400",
    "401",
    "403",
    "404",
    "419",
    "422",
    "429",
    "500",
    "502",
    "503",
    "fehler",
    "erreur",
];

/// Names in a query that stand for an error.
const FAULT_NAMES: &[&str] = &[
    "error",
    "errors",
    "err",
    "errorcode",
    "errormessage",
    "errordescription",
    "loginerror",
    "autherror",
    "denied",
    "failed",
    "failure",
    "loginfailed",
    "unauthorized",
    "expired",
    "timeout",
    "fehler",
];

impl Redirect {
    /// An answer from `url` that redirects to `to`.
    pub fn from_urls(url: &Url, to: &Url) -> Self {
        let place = exchange::mask_link(to);
        let here = to.origin().ascii_serialization();
        let place = match place.strip_prefix(&here).filter(|_| url.origin() == to.origin()) {
            Some("") => "/".to_owned(),
            Some(path) => path.to_owned(),
            None => place,
        };
        Self { place, lead: RedirectKind::from_urls(url, to) }
    }

    /// Why the request should go to another URL; `None` if its URL is right.
    pub(super) fn explain_move(&self) -> Option<String> {
        let Self { place, lead: RedirectKind::Moved(spelling) } = self else { return None };
        let lost = "and a redirect loses what was sent. Write it like that.";
        Some(match spelling {
            PathSpelling::WithSlash => {
                format!("It leads to {place}, the same address with a slash at its end, {lost}")
            }
            PathSpelling::WithoutSlash => {
                format!("It leads to {place}, the same address without the slash at its end, {lost}")
            }
            PathSpelling::Https => {
                "It leads to the same address with https: write `https://` in its address.".into()
            }
            PathSpelling::Host => format!("It leads to {place}, the same address at another host, {lost}"),
        })
    }

    /// A sentence for a note, without a full stop: `whose` leads there.
    pub fn describe_for(&self, whose: &str) -> String {
        let Self { place, lead } = self;
        let what = match lead {
            RedirectKind::Back => ", the same address again".to_owned(),
            RedirectKind::Moved(_) | RedirectKind::Within => String::new(),
            RedirectKind::Gate(name) => format!(", where {name} asks for a sign-in"),
            RedirectKind::SignIn { .. } => ", a sign-in page".into(),
            RedirectKind::Fault(word) => format!(", an error page (`{word}`)"),
            RedirectKind::Elsewhere => ", which is another origin".into(),
        };
        format!("{whose} leads to {place}{what}")
    }

    /// Whether it means that the sign-in failed, whatever the status is.
    pub fn is_astray(&self) -> bool {
        !matches!(self.lead, RedirectKind::Back | RedirectKind::Within)
    }

    /// What to do about a login endpoint that redirects there; `None` if unknown.
    pub(super) fn suggest_fix(&self) -> Option<String> {
        Some(match &self.lead {
            RedirectKind::Gate(_) | RedirectKind::SignIn { is_here: false } => format!("{} {PASS}", self.describe_gate()),
            RedirectKind::SignIn { is_here: true } => "The application did not accept the sign-in: check the secrets \
                                                       of this connection, and that the login endpoint needs no \
                                                       session."
                .into(),
            RedirectKind::Fault(_) => "That page says what went wrong. Check the application's log, the secrets of \
                                       this connection, and that this user may be impersonated."
                .into(),
            RedirectKind::Back | RedirectKind::Moved(_) | RedirectKind::Elsewhere | RedirectKind::Within => return None,
        })
    }

    /// Whether the question who is signed in never reached the application.
    pub(super) fn is_of_gate(&self) -> bool {
        matches!(self.lead, RedirectKind::Gate(_) | RedirectKind::SignIn { is_here: false })
    }

    fn describe_gate(&self) -> String {
        let name = match self.lead {
            RedirectKind::Gate(name) => name,
            _ => "A service",
        };
        format!(
            "{name} in front of the application asks for a sign-in first, so the request may never have reached it."
        )
    }
}

const PASS: &str = "Let these paths through there, or use the address behind it. If the application itself sends \
                    people there, it did not accept the request: check the secrets of this connection.";

/// Why a step's answer redirects to `to` unexpectedly.
pub(super) fn of_step(url: &Url, to: &Url) -> RefusalCause {
    let redirect = Redirect::from_urls(url, to);
    let place = &redirect.place;
    let secrets = |hint: String| RefusalCause { said: None, hint, is_secrets: true };
    if let Some(hint) = redirect.explain_move() {
        return RefusalCause { said: None, hint, is_secrets: false };
    }
    match &redirect.lead {
        RedirectKind::Gate(_) | RedirectKind::SignIn { is_here: false } => {
            secrets(format!("{}. {} {PASS}", redirect.describe_for("It"), redirect.describe_gate()))
        }
        RedirectKind::SignIn { is_here: true } => secrets(format!(
            "It leads to {place}: a sign-in page. Check the secrets of this connection, and what the step expects."
        )),
        RedirectKind::Fault(_) => secrets(format!(
            "{}. {}",
            redirect.describe_for("It"),
            redirect.suggest_fix().unwrap_or_default()
        )),
        RedirectKind::Back => secrets(format!(
            "It leads to {place}, the same address again. Forms answer like this whether it worked or not. If it \
             worked, the step needs `expect = [301, 302, 303]`. If it did not, check the secrets of this connection, \
             and what the step sends."
        )),
        RedirectKind::Moved(_) | RedirectKind::Elsewhere | RedirectKind::Within => secrets(format!(
            "It leads to {place}. Many applications answer like this when it worked: then the step needs `expect = \
             [301, 302, 303]`. \
             If it did not, check the secrets of this connection."
        )),
    }
}

impl RedirectKind {
    fn from_urls(url: &Url, to: &Url) -> Self {
        let is_here = url.origin() == to.origin();
        let is_same_path = url.path() == to.path();
        if let Some(word) = fault_in_query(to).filter(|_| is_here && is_same_path) {
            return Self::Fault(word);
        }
        if is_here && is_same_path {
            let is_asked = is_sign_in_page(to.path()) && url.query() != to.query();
            return if is_asked { Self::SignIn { is_here } } else { Self::Back };
        }
        if let Some(spelling) = find_spelling(url, to) {
            return Self::Moved(spelling);
        }
        if let Some(name) = find_gate(to) {
            return Self::Gate(name);
        }
        if is_sign_in_page(to.path()) || asks_for_sign_in(to) {
            return Self::SignIn { is_here };
        }
        if let Some(word) = fault_in_path(to.path()).or_else(|| fault_in_query(to)) {
            return Self::Fault(word);
        }
        if is_here {
            return Self::Within;
        }
        if is_same_path && to.path() != "/" { Self::Moved(PathSpelling::Host) } else { Self::Elsewhere }
    }
}

/// The same address in the spelling that the application wants, if that is all that differs.
fn find_spelling(url: &Url, to: &Url) -> Option<PathSpelling> {
    let is_same_host = url.host_str() == to.host_str();
    let is_same_path = url.path() == to.path();
    if is_same_host && is_same_path && url.scheme() == "http" && to.scheme() == "https" {
        return Some(PathSpelling::Https);
    }
    if is_same_path && !is_same_host && host_without_www(url) == host_without_www(to) {
        return Some(PathSpelling::Host);
    }
    if url.origin() != to.origin() {
        return None;
    }
    if to.path().strip_suffix('/') == Some(url.path()) {
        return Some(PathSpelling::WithSlash);
    }
    (url.path().strip_suffix('/') == Some(to.path())).then_some(PathSpelling::WithoutSlash)
}

/// All names of this computer count as one.
fn host_without_www(url: &Url) -> String {
    if crate::template::is_loopback(url) {
        return "localhost".into();
    }
    let host = url.host_str().unwrap_or_default();
    host.strip_prefix("www.").unwrap_or(host).to_owned()
}

fn find_gate(to: &Url) -> Option<&'static str> {
    let host = match to.host() {
        Some(Host::Domain(name)) => name.to_ascii_lowercase(),
        _ => String::new(),
    };
    let path = to.path().to_ascii_lowercase();
    let is_at = |end: &str| end.is_empty() || host == end || host.ends_with(&format!(".{end}"));
    GATES.iter().find(|(end, start, _)| is_at(end) && path.starts_with(start)).map(|(.., name)| *name)
}

/// Whether applications use this path for a sign-in page.
fn is_sign_in_page(path: &str) -> bool {
    let path = path.to_lowercase();
    let end = path.trim_end_matches('/');
    split_words(&path).any(|word| SIGN_IN.contains(&word.as_str()))
        || ["/sessions/new", "/session/new"].iter().any(|new| end.ends_with(new))
}

/// Whether the URL is one of `OpenID` Connect, OAuth, SAML or CAS, by its path or query.
fn asks_for_sign_in(to: &Url) -> bool {
    let path = to.path().to_ascii_lowercase();
    let has = |name: &str| to.query_pairs().any(|(known, _)| known.eq_ignore_ascii_case(name));
    AUTHORIZE.iter().any(|end| path.ends_with(end))
        || has("SAMLRequest")
        || has("client_id") && has("redirect_uri")
        || has("wtrealm")
}

fn fault_in_path(path: &str) -> Option<String> {
    split_words(&path.to_lowercase()).find(|word| FAULTS.contains(&word.as_str()))
}

/// Only the name: its value may contain anything.
fn fault_in_query(to: &Url) -> Option<String> {
    let plain = |name: &str| name.to_lowercase().replace(['-', '_'], "");
    to.query_pairs().map(|(name, _)| plain(&name)).find(|name| FAULT_NAMES.contains(&name.as_str()))
}

/// The segments of a path, without file extensions and hyphens.
fn split_words(path: &str) -> impl Iterator<Item = String> {
    let parts = path.split('/').filter(|part| !part.is_empty());
    parts.map(|part| part.split('.').next().unwrap_or_default().replace(['-', '_'], ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redirect(url: &str, to: &str) -> Redirect {
        let url: Url = url.parse().expect("a URL");
        Redirect::from_urls(&url, &url.join(to).expect("a URL"))
    }

    #[test]
    fn a_redirect_is_read_for_what_it_is() {
        let hint = |url: &str, to: &str| {
            let cause = of_step(&url.parse().expect("a URL"), &to.parse().expect("a URL"));
            (cause.hint, cause.is_secrets)
        };
        let (slash, is_secrets) = hint("http://a.example/login?x=1", "http://a.example/login/?x=1");
        assert!(slash.contains("with a slash at its end") && !is_secrets, "{slash}");
        assert!(hint("http://a.example/login/", "http://a.example/login").0.contains("without the slash"));
        assert!(hint("http://a.example/me", "https://a.example/me").0.contains("https"));
        assert!(hint("https://a.example/me", "https://www.a.example/me").0.contains("at another host"));
        assert!(hint("http://127.0.0.1:80/me", "http://localhost/me").0.contains("at another host"));
        for page in [
            "/login?next=/",
            "/users/sign_in",
            "/accounts/login/",
            "/wp-login.php",
            "/session/new",
            "/de/anmelden",
        ] {
            let (said, is_secrets) = hint("https://a.example/become", &format!("https://a.example{page}"));
            assert!(said.contains("a sign-in page") && is_secrets, "{said}");
        }
        for page in ["/", "/dashboard", "/blog/in", "/catalogins", "/authors", "/terrors"] {
            let (said, _) = hint("https://a.example/become", &format!("https://a.example{page}"));
            assert!(!said.contains("a sign-in page") && said.contains("expect = [301"), "{said}");
        }
        let (back, _) = hint("https://a.example/become", "https://a.example/become");
        assert!(back.contains("the same address again") && back.contains("expect = [301"), "{back}");
        let (error, _) = hint("https://a.example/login", "https://a.example/login?error=bad-secret");
        assert!(error.contains("an error page (`error`)") && !error.contains("bad-secret"), "{error}");
    }

    #[test]
    fn a_sign_in_elsewhere_is_named_without_what_its_address_carries() {
        for (to, told) in [
            (
                "https://login.microsoftonline.com/common/oauth2/authorize?client_id=x",
                "https://login.microsoftonline.com/common/oauth2/authorize, where Microsoft Entra ID asks",
            ),
            (
                "https://accounts.google.com/o/oauth2/v2/auth?x=canary",
                "https://accounts.google.com/o/oauth2/v2/auth, where Google",
            ),
            (
                "https://acme.okta.com/app/x/sso/saml?RelayState=canary",
                "https://acme.okta.com/app/x/sso/saml, where Okta",
            ),
            (
                "https://acme.eu.auth0.com/u/login?state=canary",
                "https://acme.eu.auth0.com/u/login, where Auth0",
            ),
            (
                "https://acme.cloudflareaccess.com/cdn-cgi/access/login/x?kid=canary",
                "where Cloudflare Access asks",
            ),
            ("https://vercel.com/sso-api?url=canary", "where Vercel's deployment protection asks"),
            ("/oauth2/start?rd=canary", "/oauth2/start, where oauth2-proxy asks"),
            ("/adfs/ls/?wa=canary", "where AD FS asks"),
            (
                "https://sso.acme.example/realms/acme/protocol/openid-connect/auth?nonce=canary",
                "https://sso.acme.example/realms/acme/protocol/openid-connect/auth, a sign-in page",
            ),
            ("https://id.acme.example/?SAMLRequest=canary", "https://id.acme.example/, a sign-in page"),
            ("https://id.acme.example/connect?client_id=canary&redirect_uri=canary", "a sign-in page"),
            ("http://localhost:7081/x", "http://localhost:7081/x, which is another origin"),
            ("/error/500", "/error/500, an error page (`error`)"),
            ("/?error=canary", "It leads to /, an error page (`error`)"),
            ("/access-denied.html", "an error page (`accessdenied`)"),
            ("/become", "/become, the same address again"),
            ("/become?step=canary", "/become, the same address again"),
            ("/dashboard?token=canary", "It leads to /dashboard"),
            ("/magic/0123456789abcdef0123456789abcdef", "It leads to /magic/••••"),
        ] {
            let said = redirect("https://app.acme.example/become", to).describe_for("It");
            assert!(said.contains(told) && !said.contains("canary"), "{to}: {said}");
        }
        let again = redirect("https://app.acme.example/login", "/login?next=canary").describe_for("It");
        assert_eq!(again, "It leads to /login, a sign-in page");
        let okta = redirect("https://app.acme.example/become", "https://acme.okta.com/x")
            .suggest_fix()
            .expect("advice");
        assert!(okta.contains("Okta in front of the application"), "{okta}");
        assert_eq!(redirect("https://a.example/x", "/x").suggest_fix(), None, "post-redirect-get");
        assert_eq!(
            redirect("https://notokta.com.example/x", "https://notokta.com/y").suggest_fix(),
            None,
            "another name's end"
        );
    }

    #[test]
    fn only_the_same_address_in_another_spelling_is_an_endpoint_that_is_elsewhere() {
        for (to, is_moved) in [
            ("/imp/", true),
            ("https://a.example/imp", true),
            ("http://www.a.example/imp", true),
            ("http://b.example/imp", true),
            ("/imp", false),
            ("/imp?error", false),
            ("/imp#top", false),
            ("/", false),
            ("/de/imp", false),
            ("https://acme.okta.com/imp", false),
        ] {
            assert_eq!(redirect("http://a.example/imp", to).explain_move().is_some(), is_moved, "{to}");
        }
    }
}

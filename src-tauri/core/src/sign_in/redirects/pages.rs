//! What kind of page an address is: another service's sign-in, the application's own, an error page, or the same
//! address in another spelling.

use url::{Host, Url};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PathSpelling {
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

/// The same address in the spelling that the application wants, if that is all that differs.
pub(super) fn find_spelling(url: &Url, to: &Url) -> Option<PathSpelling> {
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

pub(super) fn find_gate(to: &Url) -> Option<&'static str> {
    let host = match to.host() {
        Some(Host::Domain(name)) => name.to_ascii_lowercase(),
        _ => String::new(),
    };
    let path = to.path().to_ascii_lowercase();
    let is_at = |end: &str| end.is_empty() || host == end || host.ends_with(&format!(".{end}"));
    GATES.iter().find(|(end, start, _)| is_at(end) && path.starts_with(start)).map(|(.., name)| *name)
}

/// Whether applications use this path for a sign-in page.
pub(super) fn is_sign_in_page(path: &str) -> bool {
    let path = path.to_lowercase();
    let end = path.trim_end_matches('/');
    split_words(&path).any(|word| SIGN_IN.contains(&word.as_str()))
        || ["/sessions/new", "/session/new"].iter().any(|new| end.ends_with(new))
}

/// Whether the URL is one of `OpenID` Connect, OAuth, SAML or CAS, by its path or query.
pub(super) fn asks_for_sign_in(to: &Url) -> bool {
    let path = to.path().to_ascii_lowercase();
    let has = |name: &str| to.query_pairs().any(|(known, _)| known.eq_ignore_ascii_case(name));
    AUTHORIZE.iter().any(|end| path.ends_with(end))
        || has("SAMLRequest")
        || has("client_id") && has("redirect_uri")
        || has("wtrealm")
}

pub(super) fn fault_in_path(path: &str) -> Option<String> {
    split_words(&path.to_lowercase()).find(|word| FAULTS.contains(&word.as_str()))
}

/// Only the name: its value may contain anything.
pub(super) fn fault_in_query(to: &Url) -> Option<String> {
    let plain = |name: &str| name.to_lowercase().replace(['-', '_'], "");
    to.query_pairs().map(|(name, _)| plain(&name)).find(|name| FAULT_NAMES.contains(&name.as_str()))
}

/// The segments of a path, without file extensions and hyphens.
fn split_words(path: &str) -> impl Iterator<Item = String> {
    let parts = path.split('/').filter(|part| !part.is_empty());
    parts.map(|part| part.split('.').next().unwrap_or_default().replace(['-', '_'], ""))
}

//! Redirects, and what is said about them.

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
        ("https://acme.eu.auth0.com/u/login?state=canary", "https://acme.eu.auth0.com/u/login, where Auth0"),
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
    let okta =
        redirect("https://app.acme.example/become", "https://acme.okta.com/x").suggest_fix().expect("advice");
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

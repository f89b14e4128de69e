//! Answers that are neither success nor refusal by the application itself: a service in front of it, a redirect to
//! another sign-in, maintenance; and cookies that never reach the start page. Checks what people read in the session's
//! window and in the sign-in test: the same.

use crate::causes::{Application, Said, WEBHOOK, both};

const EXCHANGE: &str = "[sign_in]\nkind = \"exchange\"\ncookies = [\"sid\"]\nredirect_to = \"$app/\"\n\
     [[sign_in.steps]]\nurl = \"$app/login\"\nbody = {}\n\
     [sign_in.verify]\nurl = \"$app/api/me\"\nexpect = \"response.json.id == user.id\"\n";

const HTML: (&str, &str) = ("content-type", "text/html");

fn answer(status: u16, headers: &'static [(&'static str, &'static str)], body: &'static str) -> Said {
    Said { status, headers, body: body.as_bytes() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_blocks_the_request_is_named_with_what_to_do() {
    let application = Application::start().await;
    let (mut webhook, mut exchange) = (application.desk(WEBHOOK).await, application.desk(EXCHANGE).await);
    for (said, title, hint) in [
        (
            answer(403, &[HTML, ("server", "cloudflare"), ("cf-ray", "1")], "error code: 1020"),
            "Cloudflare stopped the request: 403 Forbidden",
            "blocked the request by a rule of its own",
        ),
        (
            answer(
                403,
                &[HTML, ("server", "AkamaiGHost")],
                "<H1>Access Denied</H1>You don't have permission to access this.<P>Reference&#32;&#35;18&#46;2d",
            ),
            "Akamai stopped the request: 403 Forbidden",
            "Another secret does not help",
        ),
        (
            answer(405, &[HTML, ("x-amzn-waf-action", "captcha")], "<title>Human Verification</title>"),
            "AWS WAF stopped the request: 405 Method Not Allowed",
            "asks for a browser and a person first",
        ),
        (
            answer(202, &[HTML, ("x-amzn-waf-action", "challenge")], ""),
            "AWS WAF stopped the request: 202 Accepted",
            "asks for a browser and a person first",
        ),
        (
            answer(
                200,
                &[HTML],
                "<iframe src=\"/_Incapsula_Resource?x\">Request unsuccessful. Incapsula incident ID: 1</iframe>",
            ),
            "Imperva stopped the request: 200 OK",
            "Imperva, in front of the application",
        ),
        (
            answer(
                200,
                &[HTML],
                "<html>The requested URL was rejected. Please consult with your administrator.<br>Your support ID is: 1",
            ),
            "F5 stopped the request: 200 OK",
            "blocked the request",
        ),
        (
            answer(401, &[HTML, ("server", "Vercel")], "<title>Authentication Required</title>"),
            "Vercel's deployment protection stopped the request: 401 Unauthorized",
            "`x-vercel-protection-bypass`",
        ),
        (
            answer(
                503,
                &[HTML, ("retry-after", "120")],
                "<h1>Be right back</h1><p>We are down for maintenance.",
            ),
            "The application is down for maintenance: 503 Service Unavailable",
            "The answer asks you to wait 2 minutes.",
        ),
    ] {
        application.says("POST /login", said);
        let (tried, refusal) = both(&mut webhook).await;
        let refusal = refusal.expect("a refusal");
        assert_eq!(refusal.title, title);
        assert!(refusal.hint.contains(hint) && refusal.secrets.is_empty(), "{refusal:#?}");
        assert_eq!((&tried.outcome, tried.hint.as_ref()), (&refusal.title, Some(&refusal.hint)));

        // The same for a step, with its number in front.
        let (tried, refusal) = both(&mut exchange).await;
        let refusal = refusal.expect("a refusal");
        assert!(
            refusal.title.starts_with("Step 1: ") && refusal.title.ends_with(&title[4..]),
            "{}",
            refusal.title
        );
        assert!(refusal.hint.contains(hint) && tried.hint.as_ref() == Some(&refusal.hint), "{refusal:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_blocks_only_the_session_check_is_named_too() {
    let application = Application::start().await;
    let mut desk = application.desk(WEBHOOK).await;
    for (said, title) in [
        (
            answer(403, &[("cf-mitigated", "challenge"), HTML], "<title>Just a moment...</title>"),
            "The sign-in was answered, but at /api/me Cloudflare stopped the request: 403 Forbidden",
        ),
        (
            answer(202, &[HTML, ("x-amzn-waf-action", "challenge")], ""),
            "The sign-in was answered, but at /api/me AWS WAF stopped the request: 202 Accepted",
        ),
        (
            answer(503, &[HTML], "<h1>Down for maintenance</h1>"),
            "The sign-in was answered, but at /api/me the application is down for maintenance: 503 Service Unavailable",
        ),
    ] {
        application.says("GET /api/me", said);
        let (tried, refusal) = both(&mut desk).await;
        let refusal = refusal.expect("a refusal");
        assert_eq!(refusal.title, title);
        assert_eq!((&tried.outcome, tried.hint.as_ref()), (&refusal.title, Some(&refusal.hint)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirects_target_is_shown_without_its_parameters() {
    let application = Application::start().await;
    let mut desk = application.desk(WEBHOOK).await;
    for (to, told, advice) in [
        (
            "https://login.microsoftonline.com/common/oauth2/authorize?client_id=canary-1",
            "leads to https://login.microsoftonline.com/common/oauth2/authorize, where Microsoft Entra ID asks for a sign-in.",
            "Microsoft Entra ID in front of the application asks for a sign-in first",
        ),
        (
            "https://accounts.google.com/o/oauth2/v2/auth?x=canary-1",
            "leads to https://accounts.google.com/o/oauth2/v2/auth, where Google",
            "use the address behind it",
        ),
        (
            "http://sso.acme.example/realms/acme/protocol/openid-connect/auth?state=canary-1",
            "leads to http://sso.acme.example/realms/acme/protocol/openid-connect/auth, a sign-in page.",
            "use the address behind it",
        ),
        (
            "http://other.example/x?t=canary-1",
            "leads to http://other.example/x, which is another origin.",
            "The window has no cookie",
        ),
        ("/error/500", "leads to /error/500, an error page (`error`).", "Check the application's log"),
        ("/?error=canary-1", "leads to /, an error page (`error`).", "Check the application's log"),
        ("/login?error=canary-1", "leads to /login, an error page", "Check the application's log"),
        (
            "/users/sign_in",
            "leads to /users/sign_in, a sign-in page.",
            "check the secrets of this connection",
        ),
        ("/dashboard", "leads to /dashboard.", "The window has no cookie"),
        // Post/redirect/get.
        ("/login", "leads to /login, the same address again.", "The window has no cookie"),
    ] {
        let headers: &'static [(&str, &str)] = Box::leak(Box::new([("location", to)]));
        application.says("POST /login", Said { status: 302, headers, body: b"" });
        let (tried, _) = both(&mut desk).await;
        assert_eq!(
            tried.outcome, "The sign-in was answered, but /api/me says that no one is signed in",
            "{to}"
        );
        let hint = tried.hint.as_ref().expect("a hint");
        assert!(hint.contains(told) && hint.contains(advice), "{to}: {hint}");
        assert!(!format!("{tried:?}").contains("canary"), "{tried:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_that_answers_with_its_own_address_signs_in_all_the_same() {
    let application = Application::start().await;
    let mut desk = application.desk(WEBHOOK).await;
    let headers = &[("location", "/login"), ("set-cookie", "sid=ada-0815; Path=/")];
    application.says("POST /login", Said { status: 302, headers, body: b"" });
    let (tried, _) = both(&mut desk).await;
    assert!(tried.ok && tried.notes.is_empty(), "{tried:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_check_answered_by_a_gateway_is_named() {
    let application = Application::start().await;
    let mut desk = application.desk(WEBHOOK).await;
    let headers = &[("location", "https://acme.okta.com/login?fromURI=canary-1")];
    application.says("GET /api/me", Said { status: 302, headers, body: b"" });
    let hint = both(&mut desk).await.0.hint.expect("a hint");
    assert!(
        hint.starts_with(
            "The answer of /api/me leads to https://acme.okta.com/login, where Okta asks for a sign-in."
        ) && hint.contains("Okta in front of the application"),
        "{hint}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_takes_a_redirect_says_in_the_end_where_that_led() {
    let application = Application::start().await;
    let mut desk = application.desk(&EXCHANGE.replace("body = {}\n", "body = {}\nexpect = [302]\n")).await;
    let headers = &[("location", "/login?error=bad-credentials")];
    application.says("POST /login", Said { status: 302, headers, body: b"" });
    let (tried, refusal) = both(&mut desk).await;
    let refusal = refusal.expect("a refusal");
    assert!(
        refusal.title.contains("set no cookie sid for")
            && refusal.hint.contains("Step 1: the answer leads to /login, an error page (`error`)"),
        "{refusal:#?}"
    );
    assert_eq!(tried.hint.as_ref(), Some(&refusal.hint));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cookie_that_the_start_page_never_gets_is_named() {
    let application = Application::start().await;
    let (mut webhook, mut exchange) = (application.desk(WEBHOOK).await, application.desk(EXCHANGE).await);
    for (cookie, told) in [
        ("sid=ada-0815; Path=/admin", "cookie `sid` is for `/admin` and what is below it"),
        (
            "sid=; Path=/; Max-Age=0",
            "cookie `sid` was deleted by the answer, whose `Max-Age` makes it expire at once",
        ),
        (
            "sid=ada-0815; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
            "cookie `sid` was deleted by the answer, whose `Expires` makes it expire at once",
        ),
    ] {
        let headers: &'static [(&str, &str)] = Box::leak(Box::new([("set-cookie", cookie)]));
        application.says("POST /login", Said { status: 200, headers, body: b"{}" });
        let (tried, _) = both(&mut webhook).await;
        assert!(
            !tried.ok && tried.hint.as_ref().is_some_and(|hint| hint.contains(told)),
            "{cookie}: {tried:#?}"
        );
        assert!(tried.notes.iter().any(|note| note.contains(told)), "{cookie}: {tried:#?}");
        // The console keeps the cookie.
        let (tried, _) = both(&mut exchange).await;
        assert!(tried.hint.is_some_and(|hint| hint.contains(told)), "{cookie}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cookie_without_a_path_stays_where_it_was_set() {
    let application = Application::start().await;
    let mut desk = application.desk(&WEBHOOK.replace("$app/login", "$app/hooks/login")).await;
    let headers = &[("set-cookie", "sid=ada-0815")];
    application.says("POST /hooks/login", Said { status: 200, headers, body: b"{}" });
    let (tried, _) = both(&mut desk).await;
    let hint = tried.hint.expect("a hint");
    assert!(hint.contains("`sid` was set without `Path`, so it is for `/hooks`"), "{hint}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_shown_in_the_character_set_that_it_has() {
    let application = Application::start().await;
    let mut desk = application.desk(WEBHOOK).await;
    let of =
        |kind: &'static str| -> &'static [(&str, &str)] { Box::leak(Box::new([("content-type", kind)])) };
    for (headers, body, shown) in [
        (of("text/html; charset=iso-8859-1"), &b"<p>Zugriff verweigert f\xfcr M\xfcller</p>"[..], "Zugriff verweigert für Müller"),
        (
            of("text/html"),
            &b"<html><head><meta charset=\"windows-1252\"></head><body><p>Zugriff f\xfcr M\xfcller \x96 verweigert</p></body></html>"[..],
            "Zugriff für Müller – verweigert",
        ),
        (of("text/html; charset=Shift_JIS"), &b"<p>\x83A\x83N\x83Z\x83X\x8b\x91\x94\xdb</p>"[..], "アクセス拒否"),
        (of("text/plain"), &b"f\xfcr M\xfcller"[..], "für Müller"),
        (of("text/plain; charset=utf-16"), &b"\xff\xfen\0e\0i\0n\0"[..], "nein"),
        (of("application/json"), &b"\xef\xbb\xbf{\"error\":\"f\xc3\xbcr\"}"[..], r#"{"error":"für"}"#),
        (of("text/html; charset=utf-8"), "<p>für Müller</p>".as_bytes(), "für Müller"),
    ] {
        application.says("POST /login", Said { status: 403, headers, body });
        let (tried, refusal) = both(&mut desk).await;
        assert_eq!(refusal.expect("a refusal").excerpt.as_deref(), Some(shown));
        assert_eq!(tried.exchanges[0].answer.as_deref(), Some(shown));
    }
    // The answer is decoded too: JSON with a byte order mark.
    let headers = of("application/json");
    application.says("POST /login", crate::causes::OK);
    application.says("GET /api/me", Said { status: 200, headers, body: b"\xef\xbb\xbf{\"id\":7}" });
    assert!(both(&mut desk).await.0.ok);
}

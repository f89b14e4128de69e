//! Why an application refuses: what people read about it in the session's window and in the sign-in test, which agree.
//! The application is a small one in this file that answers like various frameworks.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde_json::Map;
use understudy_core::audit::EndCause;
use understudy_core::browser::Refusal;
use understudy_core::session::Phase;
use understudy_core::sign_in_test::SignInTestReport;
use understudy_test_support::browser::Shown;
use understudy_test_support::digest::DigestGuard;

use crate::test_console::{Desk, three_users};

/// One answer of the application.
#[derive(Clone, Copy)]
pub struct Said {
    pub status: u16,
    pub headers: &'static [(&'static str, &'static str)],
    pub body: &'static [u8],
}

const HTML: (&str, &str) = ("content-type", "text/html; charset=utf-8");

impl Said {
    pub const fn page(status: u16, body: &'static str) -> Self {
        Self { status, headers: &[HTML], body: body.as_bytes() }
    }
}

pub const OK: Said = Said {
    status: 200,
    headers: &[("set-cookie", "sid=ada-0815; Path=/"), ("set-cookie", "look=dark")],
    body: b"{}",
};

type Answers = Arc<Mutex<HashMap<&'static str, Said>>>;

/// The `Authorization` that a gateway requires, and what it was sent.
#[derive(Default)]
struct Gate {
    expected: Option<&'static str>,
    /// What it asks for in place of that.
    digest: Option<DigestGuard>,
    told: Vec<String>,
    /// The cookies of each sign-out.
    signed_out: Vec<String>,
}

/// What the application's handler has access to.
type Shared = (Answers, Arc<Mutex<Vec<String>>>, Arc<Mutex<Gate>>);

pub struct Application {
    answers: Answers,
    received: Arc<Mutex<Vec<String>>>,
    gate: Arc<Mutex<Gate>>,
    pub origin: String,
    folder: tempfile::TempDir,
}

async fn answer(
    State((answers, received, gate)): State<Shared>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let what = format!("{method} {}", uri.path());
    received.lock().expect("no panic").push(what.clone());
    let authorization = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let cookies = headers.get(header::COOKIE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    {
        let mut gate = gate.lock().expect("no panic");
        if what == "POST /logout" {
            gate.signed_out.push(cookies.to_owned());
        }
        gate.told.extend(authorization.map(str::to_owned));
        let target = uri.path_and_query().map_or("/", |target| target.as_str());
        if let Some(digest) = gate.digest.filter(|it| !it.accepts(authorization, method.as_str(), target)) {
            return (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, digest.challenge())], "gate")
                .into_response();
        }
        if gate.expected.is_some() && gate.expected != authorization {
            return (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, "Basic realm=\"gate\"")], "gate")
                .into_response();
        }
    }
    let is_ada = cookies.contains("sid=ada");
    let said = answers.lock().expect("no panic").get(what.as_str()).copied();
    let said = said.unwrap_or(match what.as_str() {
        "POST /login" => OK,
        "GET /api/me" if is_ada => {
            Said { status: 200, headers: &[("content-type", "application/json")], body: br#"{"id":7}"# }
        }
        "GET /api/me" => Said { status: 401, headers: &[], body: b"" },
        _ => Said { status: 204, headers: &[], body: b"" },
    });
    let mut response = (StatusCode::from_u16(said.status).expect("a status"), said.body).into_response();
    response.headers_mut().remove(header::CONTENT_TYPE);
    for (name, value) in said.headers {
        response.headers_mut().append(*name, value.parse().expect("a header"));
    }
    response
}

impl Application {
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let origin = format!("http://{}", listener.local_addr().expect("an address"));
        let (answers, received, gate) = (Answers::default(), Arc::default(), Arc::default());
        let routes = Router::new().fallback(answer).with_state((
            Arc::clone(&answers),
            Arc::clone(&received),
            Arc::clone(&gate),
        ));
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Self { answers, received, gate, origin, folder: tempfile::tempdir().expect("a folder") }
    }

    pub fn says(&self, what: &'static str, said: Said) {
        self.answers.lock().expect("no panic").insert(what, said);
    }

    fn expects(&self, authorization: &'static str) {
        self.gate.lock().expect("no panic").expected = Some(authorization);
    }

    fn asks_for_digest(&self, guard: DigestGuard) {
        self.gate.lock().expect("no panic").digest = Some(guard);
    }

    fn was_told(&self) -> Vec<String> {
        self.gate.lock().expect("no panic").told.clone()
    }

    pub fn received(&self) -> Vec<String> {
        std::mem::take(&mut *self.received.lock().expect("no panic"))
    }

    /// The cookies of each sign-out so far.
    pub fn signed_out_with(&self) -> Vec<String> {
        self.gate.lock().expect("no panic").signed_out.clone()
    }

    pub async fn desk(&self, sign_in: &str) -> Desk {
        let text = self.write_connection(sign_in).await;
        Desk::with_connection(|_| text).await
    }

    /// A connection to it, with three users of its own.
    pub async fn write_connection(&self, sign_in: &str) -> String {
        // Each desk has users of its own.
        let made = std::fs::read_dir(self.folder.path()).expect("the folder").count();
        let folder = self.folder.path().join(made.to_string());
        std::fs::create_dir(&folder).expect("made");
        let users = three_users(&folder).await;
        format!(
            "name = \"Shop\"\nenvironment = \"staging\"\n[directory]\nurl = \"{users}\"\ntable = \"users\"\nid = \"id\"\n\
             email = \"email\"\n[policy]\nreason = \"optional\"\n{}\n",
            sign_in.replace("$app", &self.origin)
        )
    }
}

/// The report of a sign-in test, and the window's refusal; `None` if the window signed in.
pub async fn both(desk: &mut Desk) -> (SignInTestReport, Option<Refusal>) {
    let text = desk.console.read_draft("shop").expect("it is there").text;
    let tried =
        desk.console.try_sign_in(Some("shop"), &text, "7", HashMap::new(), 1).await.expect("it begins");
    let session = desk.console.impersonate("shop", "7", "", Map::new()).await.expect("the window opens");
    let phase = desk.until_one_of(&session.id, &[Phase::Active, Phase::Refused]).await;
    let refusal = match desk.browser.shown(&session.id) {
        Some(Shown::Refusal(refusal)) if phase == Phase::Refused => Some(refusal),
        _ => None,
    };
    desk.console.end_session(&session.id, EndCause::Operator).await;
    let told = refusal.as_ref().map(|refusal| (refusal.title.as_str(), refusal.hint.as_str()));
    let told_by_test = (tried.outcome.as_str(), tried.hint.as_deref().unwrap_or_default());
    assert_eq!(told, (!tried.ok).then_some(told_by_test), "the test and the window differ: {tried:#?}");
    (tried, refusal)
}

pub const WEBHOOK: &str = "[sign_in]\nurl = \"$app/login\"\nbody = { id = \"{{ user.id }}\" }\n\
     [sign_in.verify]\nurl = \"$app/api/me\"\nexpect = \"response.json.id == user.id\"\n[sign_out]\nurl = \"$app/logout\"\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_explained_with_its_cause() {
    let application = Application::start().await;
    let mut desk = application.desk(WEBHOOK).await;
    let (tried, _) = both(&mut desk).await;
    assert!(tried.ok, "{tried:#?}");
    for (said, title, excerpt, hint) in [
        (
            Said::page(
                403,
                "<html><head><style>html * { padding:0 }</style></head><body><h1>Forbidden <span>(403)</span></h1>\
                <p>CSRF verification failed. Request aborted.</p></body></html>",
            ),
            "403 Forbidden",
            "Forbidden (403) CSRF verification failed. Request aborted.",
            "CSRF protection (Django)",
        ),
        (
            Said::page(
                400,
                "<!doctype html>\n<html lang=en>\n<title>400 Bad Request</title>\n<h1>Bad Request</h1>\n<p>The CSRF token \
                is missing.</p>\n",
            ),
            "400 Bad Request",
            "Bad Request The CSRF token is missing.",
            "(Flask-WTF)",
        ),
        (
            Said::page(419, "<title>Page Expired</title><body><div>419</div><div>Page Expired</div>"),
            "419 Page Expired",
            "419 Page Expired",
            "(Laravel)",
        ),
        (
            Said::page(422, "<h1>The change you wanted was rejected.</h1>"),
            "422 Unprocessable Content",
            "The change you wanted was rejected.",
            "(Rails)",
        ),
        (
            Said { status: 401, headers: &[("www-authenticate", "Basic realm=\"staging\"")], body: b"gate" },
            "401 Unauthorized",
            "gate",
            "HTTP Basic for “staging”",
        ),
        (
            Said::page(
                403,
                "<title>Just a moment...</title><body><script>window._cf_chl_opt={}</script></body>",
            ),
            "403 Forbidden",
            "Just a moment...",
            "Cloudflare, in front of the application",
        ),
    ] {
        application.says("POST /login", said);
        let (tried, refusal) = both(&mut desk).await;
        let refusal = refusal.expect("a refusal");
        let who = if hint.starts_with("Cloudflare") {
            "Cloudflare stopped the request"
        } else {
            "The application refused the sign-in"
        };
        assert_eq!(refusal.title, format!("{who}: {title}"));
        assert_eq!(refusal.excerpt.as_deref(), Some(excerpt));
        assert!(refusal.hint.contains(hint), "{refusal:#?}");
        assert_eq!((&tried.outcome, tried.hint.as_ref()), (&refusal.title, Some(&refusal.hint)));
        assert!(!refusal.hint.contains("sign_in.url"), "{}", refusal.hint);
    }
    for (status, title) in
        [(500, "500 Internal Server Error"), (502, "502 Bad Gateway"), (503, "503 Service Unavailable")]
    {
        application.says("POST /login", Said { status, headers: &[], body: b"" });
        let (tried, refusal) = both(&mut desk).await;
        assert_eq!(tried.outcome, format!("The application failed: {title}"), "it did not refuse");
        assert_eq!(refusal.expect("a refusal").title, tried.outcome);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_sign_in_is_not_followed_by_a_second_failure() {
    let application = Application::start().await;
    let steps = "[sign_in]\nkind = \"exchange\"\ncookies = [\"sid\"]\nredirect_to = \"$app/\"\n\
        [[sign_in.steps]]\nurl = \"$app/login\"\nbody = {}\n[[sign_out.steps]]\nurl = \"$app/logout\"\nbody = {}\n";
    for sign_in in [WEBHOOK, steps] {
        let mut desk = application.desk(sign_in).await;
        application.says("POST /login", Said { status: 403, headers: &[], body: b"no" });
        application.says("POST /logout", Said { status: 401, headers: &[], body: b"nobody is signed in" });
        let (tried, refusal) = both(&mut desk).await;
        assert_eq!(tried.exchanges.len(), 1, "{tried:#?}");
        assert!(tried.outcome.contains("403 Forbidden") && refusal.is_some(), "{tried:#?}");
        let ended = desk.ended().await;
        assert_eq!(ended.sign_out_failed, None, "there was nothing to end");
        // If something was started and cannot be ended, that is reported.
        application.says("POST /login", OK);
        let text = desk.console.read_draft("shop").expect("it is there").text;
        let tried =
            desk.console.try_sign_in(Some("shop"), &text, "7", HashMap::new(), 2).await.expect("it begins");
        assert!(!tried.ok && tried.outcome.starts_with("Signed in, but the sign-out failed"), "{tried:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_trailing_slash_is_named() {
    let application = Application::start().await;
    let mut desk = application.desk(WEBHOOK).await;
    application.says("POST /login", Said { status: 301, headers: &[("location", "/login/")], body: b"" });
    let (tried, _) = both(&mut desk).await;
    assert!(tried.hint.as_ref().is_some_and(|hint| hint.contains("with a slash at its end")), "{tried:#?}");
    assert_eq!(
        tried.exchanges[0].leads_to.as_deref(),
        Some(format!("{}/login/", application.origin).as_str())
    );
}

/// A window only shows an error page. The gateway knows why.
#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_cannot_be_opened_is_refused_with_the_cause() {
    let application = Application::start().await;
    let nobody = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let closed = format!("http://{}", nobody.local_addr().expect("an address"));
    drop(nobody);
    let link = "[sign_in]\nkind = \"link\"\nopen = \"link\"\nredirect_to = \"$app/\"\n\
        open_origins = [\"$closed\"]\n\
        [[sign_in.steps]]\nurl = \"$app/login\"\nbody = {}\ncapture = { link = { json = \"/url\" } }\n";
    let mut desk = application.desk(&link.replace("$closed", &closed)).await;
    let body: &'static [u8] =
        Box::leak(format!("{{\"url\":\"{closed}/enter\"}}").into_boxed_str().into_boxed_bytes());
    application.says("POST /login", Said { status: 200, headers: &[], body });
    let (tried, refusal) = both(&mut desk).await;
    let title = refusal.expect("a refusal").title;
    let host = closed.strip_prefix("http://").expect("a URL");
    assert_eq!(title, format!("The link of {closed} could not be opened ({host} refuses connections.)"));
    assert_eq!(tried.exchanges.last().and_then(|exchange| exchange.failed.clone()), Some(title));
}

const LINK: &str = "[sign_in]\nkind = \"link\"\nopen = \"link\"\nredirect_to = \"$app/\"\n\
    open_origins = [\"$app\", \"$other\"]\n\
    [[sign_in.steps]]\nurl = \"$app/login\"\nbody = {}\ncapture = { link = { json = \"/url\" } }\n";

/// No question tells who is signed in, so what the link is answered with has to.
#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_is_answered_with_an_error_signs_no_one_in() {
    let (application, other) = (Application::start().await, Application::start().await);
    let leads_to = |application: &Application| -> &'static [u8] {
        let answer = format!("{{\"url\":\"{}/enter\"}}", application.origin);
        Box::leak(answer.into_boxed_str().into_boxed_bytes())
    };
    let mut desk = application.desk(&LINK.replace("$other", &other.origin)).await;
    let body = leads_to(&application);
    application.says("POST /login", Said { status: 200, headers: &[], body });
    for (status, words) in [
        (400, "400 Bad Request"),
        (401, "401 Unauthorized"),
        (404, "404 Not Found"),
        (410, "410 Gone"),
        (500, "500 Internal Server Error"),
        (503, "503 Service Unavailable"),
    ] {
        application.says("GET /enter", Said::page(status, "<h1>This link was used</h1>"));
        let (tried, refusal) = both(&mut desk).await;
        let refusal = refusal.expect("a refusal");
        assert!(refusal.title.contains(words), "{status}: {refusal:?}");
        assert_eq!(
            (refusal.status, refusal.excerpt.as_deref()),
            (Some(status), Some("This link was used")),
            "{tried:#?}"
        );
    }

    // The page that it leads to.
    let moved = Said { status: 302, headers: &[("location", "/home")], body: b"" };
    application.says("GET /enter", moved);
    application.says("GET /home", Said::page(403, "<h1>Locked</h1>"));
    let (_, refusal) = both(&mut desk).await;
    assert_eq!(refusal.expect("a refusal").status, Some(403));

    // Another host makes the links.
    application.says("POST /login", Said { status: 200, headers: &[], body: leads_to(&other) });
    other.says("GET /enter", Said::page(410, "<h1>This link was used</h1>"));
    let (_, refusal) = both(&mut desk).await;
    assert_eq!(refusal.expect("a refusal").status, Some(410));

    // Nothing of an earlier refusal is left.
    let home: &'static str = Box::leak(format!("{}/home", application.origin).into_boxed_str());
    let headers: &'static [_] = Box::leak(Box::new([("location", home)]));
    other.says("GET /enter", Said { status: 302, headers, body: b"" });
    let home = Said {
        status: 200,
        headers: &[HTML, ("set-cookie", "sid=ada-0815; Path=/")],
        body: b"<h1>Hello</h1>",
    };
    application.says("GET /home", home);
    assert_eq!(both(&mut desk).await.1, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_that_worked_by_a_redirect_is_not_called_a_sign_in_page() {
    let application = Application::start().await;
    let exchange = "[sign_in]\nkind = \"exchange\"\ncookies = [\"sid\"]\nredirect_to = \"$app/\"\n\
        [[sign_in.steps]]\nurl = \"$app/login\"\nbody = {}\n";
    let mut desk = application.desk(exchange).await;
    for (to, hint) in [
        ("/", "expect = [301, 302, 303]"),
        ("/login?next=/", "a sign-in page"),
        ("/accounts/login/?next=%2F", "a sign-in page"),
        ("/login/", "with a slash at its end"),
    ] {
        let headers: &'static [(&str, &str)] = Box::leak(Box::new([("location", to)]));
        application.says("POST /login", Said { status: 302, headers, body: b"" });
        let (tried, refusal) = both(&mut desk).await;
        let refusal = refusal.expect("a refusal");
        assert!(
            refusal.hint.contains(hint) && tried.hint.as_ref() == Some(&refusal.hint),
            "{to}: {refusal:#?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_fields_are_reported_with_the_existing_ones() {
    let application = Application::start().await;
    let page = "<form><input type=hidden name=csrf_token value=secret-0815><input name=email></form><a href=/magic/token-0815>x</a>";
    application.says(
        "GET /form",
        Said {
            status: 200,
            headers: &[HTML, ("set-cookie", "sid=secret-0816"), ("x-request-id", "r1")],
            body: page.as_bytes(),
        },
    );
    application.says(
        "GET /drawn",
        Said {
            status: 200,
            headers: &[HTML, ("set-cookie", "XSRF-TOKEN=abc%3D; Path=/")],
            body: b"<div id=app data-page='{}'></div>",
        },
    );
    application
        .says("GET /json", Said { status: 200, headers: &[], body: br#"{"data":{"access":"secret-0817"}}"# });
    for (url, capture, told) in [
        ("/form", "form = \"_token\"", "the page has no field `_token`; it has csrf_token, email"),
        (
            "/drawn",
            "form = \"_token\"",
            "it has no fields at all, as pages drawn by a script: take the token from the cookie `XSRF-TOKEN`",
        ),
        ("/form", "cookie = \"session\"", "no cookie `session` was set; there is sid"),
        (
            "/form",
            "header = \"x-token\"",
            "the answer has no header `x-token`; it has content-length, content-type, date, set-cookie, x-request-id",
        ),
        (
            "/form",
            "link = \"/impersonate\"",
            "the page has no link to `/impersonate…`; its links lead to /magic",
        ),
        ("/json", "json = \"/data/token\"", "the answer's JSON has no `/data/token`; `/data` has access"),
    ] {
        let sign_in = format!(
            "[sign_in]\nkind = \"exchange\"\ncookies = [\"sid\"]\nredirect_to = \"$app/\"\n[[sign_in.steps]]\nmethod = \"GET\"\n\
             url = \"$app{url}\"\ncapture = {{ csrf = {{ {capture} }} }}\n"
        );
        let mut desk = application.desk(&sign_in).await;
        let (tried, refusal) = both(&mut desk).await;
        let refusal = refusal.expect("a refusal");
        assert!(refusal.title.contains(told), "{}", refusal.title);
        assert_eq!(tried.outcome, refusal.title);
        for value in ["secret-0815", "secret-0816", "secret-0817", "token-0815"] {
            assert!(!refusal.title.contains(value), "{}", refusal.title);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_and_unsendable_cookies_are_reported() {
    let application = Application::start().await;
    let exchange = "[sign_in]\nkind = \"exchange\"\ncookies = [\"sid\", \"remember\"]\nredirect_to = \"$app/\"\n\
        [[sign_in.steps]]\nurl = \"$app/login\"\nbody = {}\n\
        [sign_in.verify]\nurl = \"$app/api/me\"\nexpect = \"response.json.id == user.id\"\n";
    let mut desk = application.desk(exchange).await;
    let (tried, _) = both(&mut desk).await;
    assert_eq!(
        tried.notes,
        ["The cookie `remember`, which `sign_in.cookies` names, was not set; there is look, sid"]
    );

    application.says(
        "POST /login",
        Said { status: 200, headers: &[("set-cookie", "sid=ada-0815; Path=/; Secure")], body: b"{}" },
    );
    let (tried, refusal) = both(&mut desk).await;
    let refusal = refusal.expect("a refusal");
    assert!(refusal.title.contains("would not send its cookie"), "{refusal:#?}");
    assert!(
        refusal.hint.contains("the cookie `sid` is marked `Secure`, but the address is http")
            || refusal.hint.contains("The cookie `sid` is marked"),
        "{refusal:#?}"
    );
    assert_eq!(tried.outcome, refusal.title);

    // The stand-in for a window keeps such a cookie, unlike WebKit (`tests/e2e/agreement.rs`).
    let desk = application.desk(WEBHOOK).await;
    let text = desk.console.read_draft("shop").expect("it is there").text;
    let tried =
        desk.console.try_sign_in(Some("shop"), &text, "7", HashMap::new(), 1).await.expect("it begins");
    assert!(
        !tried.ok && tried.hint.as_ref().is_some_and(|hint| hint.contains("`sid` is marked `Secure`")),
        "{tried:#?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_ended_by_its_application_is_reported_with_the_cause() {
    // Laravel's AuthenticateSession: the session contains the operator's password hash and ends with its first request.
    let application = Application::start().await;
    let exchange = "[sign_in]\nkind = \"exchange\"\ncookies = [\"sid\"]\nredirect_to = \"$app/\"\n\
        [[sign_in.steps]]\nurl = \"$app/login\"\nbody = {}\n\
        [sign_in.verify]\nurl = \"$app/api/me\"\nexpect = \"response.json.id == user.id\"\n";
    application.says("GET /api/me", Said { status: 302, headers: &[("location", "/login")], body: b"" });
    let mut desk = application.desk(exchange).await;
    let (tried, refusal) = both(&mut desk).await;
    for hint in [refusal.expect("a refusal").hint, tried.hint.expect("a hint")] {
        assert!(
            hint.contains("The window has") && hint.contains("sid") && hint.contains("AuthenticateSession"),
            "{hint}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_with_only_a_good_status_can_be_inspected() {
    let application = Application::start().await;
    // Auth.js answers 200 to a wrong password.
    let exchange = "[sign_in]\nkind = \"exchange\"\ncookies = [\"sid\"]\nredirect_to = \"$app/\"\n\
        [[sign_in.steps]]\nurl = \"$app/login\"\nbody = {}\nexpect = [200, \"'error=' not in response.json.url\"]\n";
    let webhook =
        WEBHOOK.replace("\n[sign_in.verify]", "\nexpect = [\"response.json.ok\"]\n[sign_in.verify]");
    for (sign_in, no, yes, hint) in [
        (
            exchange,
            r#"{"url":"/signin?error=CredentialsSignin"}"#,
            r#"{"url":"/"}"#,
            "is not true for this answer",
        ),
        (exchange, r#"{"url":"/signin?error=MissingCSRF"}"#, r#"{"url":"/"}"#, "CSRF"),
        (
            &webhook,
            r#"{"ok":false,"why":"no such user"}"#,
            r#"{"ok":true}"#,
            "`response.json.ok` is not true",
        ),
    ] {
        let mut desk = application.desk(sign_in).await;
        let with = |body| Said {
            status: 200,
            headers: &[("set-cookie", "sid=ada-0815; Path=/")],
            body: str::as_bytes(body),
        };
        application.says("POST /login", with(no));
        let (tried, refusal) = both(&mut desk).await;
        let refusal = refusal.expect("a refusal");
        assert!(
            refusal.title.ends_with("the answer is not as expected") && refusal.hint.contains(hint),
            "{refusal:#?}"
        );
        assert_eq!(tried.outcome, refusal.title);
        application.says("POST /login", with(yes));
        assert!(both(&mut desk).await.0.ok);
    }
    assert!(application.received().len() > 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_signed_in_where_the_session_endpoint_answers_with_nothing() {
    let application = Application::start().await;
    let mut desk = application.desk(WEBHOOK).await;
    for body in ["null", "{}"] {
        application.says("GET /api/me", Said { status: 200, headers: &[], body: body.as_bytes() });
        let (_, refusal) = both(&mut desk).await;
        assert!(refusal.expect("a refusal").title.ends_with("/api/me says that no one is signed in"));
    }
    application.says("GET /api/me", Said { status: 200, headers: &[], body: br#"{"user":{"id":7}}"# });
    let (_, refusal) = both(&mut desk).await;
    assert!(refusal.expect("a refusal").hint.ends_with("The answer has user"));
    application.says("GET /api/me", Said { status: 404, headers: &[], body: b"" });
    let (_, refusal) = both(&mut desk).await;
    assert!(refusal.expect("a refusal").title.ends_with("/api/me answered 404 Not Found"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sign_out_passes_what_stands_in_front_of_the_application() {
    let application = Application::start().await;
    let gated = format!("{WEBHOOK}[network]\ngateway_user = \"staging\"\n");
    let mut desk = application.desk(&gated).await;
    desk.keep("gateway_password", "canary-gateway-pw").await;
    application.expects("Basic c3RhZ2luZzpjYW5hcnktZ2F0ZXdheS1wdw==");
    let session = desk.console.impersonate("shop", "7", "", Map::new()).await.expect("begins");
    desk.until(&session.id, Phase::Active).await;
    let told = application.was_told().len();
    desk.console.end_session(&session.id, EndCause::Operator).await;
    assert_eq!(application.received().last().map(String::as_str), Some("POST /logout"));
    assert_eq!(application.was_told().len(), told + 1, "with the gateway's password");
    assert_eq!(desk.ended().await.sign_out_failed, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateways_password_goes_to_the_application_alone() {
    let (application, elsewhere) = (Application::start().await, Application::start().await);
    let api = elsewhere.origin.clone();
    let exchange = format!(
        "[sign_in]\nkind = \"exchange\"\ncookies = [\"sid\"]\nredirect_to = \"$app/\"\n\
         [[sign_in.steps]]\nurl = \"{api}/token\"\nbody = {{}}\n[[sign_in.steps]]\nurl = \"$app/login\"\nbody = {{}}\n\
         [network]\ngateway_user = \"staging\"\n"
    );
    let mut desk = application.desk(&exchange).await;
    // It is a secret like any other: if it is missing, it is asked for.
    let error = desk.console.impersonate("shop", "7", "", Map::new()).await.unwrap_err();
    assert_eq!(error.secret.map(|secret| secret.name).as_deref(), Some("gateway_password"));
    desk.keep("gateway_password", "canary-gateway-pw").await;
    application.expects("Basic c3RhZ2luZzpjYW5hcnktZ2F0ZXdheS1wdw==");
    let (tried, _) = both(&mut desk).await;
    assert!(tried.ok && !serde_json::to_string(&tried).expect("JSON").contains("canary"), "{tried:#?}");
    assert!(elsewhere.was_told().is_empty(), "{:?}", elsewhere.was_told());
    assert!(!application.was_told().is_empty());

    let text = desk.console.read_draft("shop").expect("it is there").text;
    let wrong = text.replace("gateway_user = \"staging\"", "gateway_user = \"sta:ging\"");
    let error = desk.console.try_sign_in(Some("shop"), &wrong, "7", HashMap::new(), 2).await.unwrap_err();
    assert!(error.to_string().contains("network.gateway_user"), "{error}");
}

const GUARD: DigestGuard = DigestGuard { realm: "staging", user: "support", password: "canary-digest-pw" };

#[tokio::test(flavor = "multi_thread")]
async fn each_host_that_asks_for_a_password_gets_its_own() {
    let (application, elsewhere) = (Application::start().await, Application::start().await);
    let api = elsewhere.origin.clone();
    let exchange = format!(
        "[sign_in]\nkind = \"exchange\"\ncookies = [\"sid\"]\nredirect_to = \"$app/\"\n\
         [[sign_in.steps]]\nurl = \"{api}/token\"\nbody = {{}}\n[[sign_in.steps]]\nurl = \"$app/login\"\nbody = {{}}\n\
         [sign_in.verify]\nurl = \"$app/api/me\"\nexpect = \"response.json.id == user.id\"\n\
         [[sign_out.steps]]\nurl = \"$app/logout\"\nmethod = \"POST\"\n\
         [[network.credentials]]\norigin = \"$app\"\nuser = \"support\"\npassword = \"{{{{ secret.app_pw }}}}\"\n\
         [[network.credentials]]\norigin = \"{api}\"\nuser = \"staging\"\npassword = \"{{{{ secret.api_pw }}}}\"\n"
    );
    let mut desk = application.desk(&exchange).await;
    // They are secrets like any others: if one is missing, it is asked for.
    let error = desk.console.impersonate("shop", "7", "", Map::new()).await.unwrap_err();
    assert_eq!(error.secret.map(|secret| secret.name).as_deref(), Some("api_pw"));
    desk.keep("app_pw", "canary-digest-pw").await;
    desk.keep("api_pw", "canary-gateway-pw").await;
    application.asks_for_digest(GUARD);
    elsewhere.expects("Basic c3RhZ2luZzpjYW5hcnktZ2F0ZXdheS1wdw==");
    let text = desk.console.read_draft("shop").expect("it is there").text;
    let tried =
        desk.console.try_sign_in(Some("shop"), &text, "7", HashMap::new(), 1).await.expect("it begins");
    assert!(tried.ok && !serde_json::to_string(&tried).expect("JSON").contains("canary"), "{tried:#?}");
    let session = desk.console.impersonate("shop", "7", "", Map::new()).await.expect("begins");
    desk.until(&session.id, Phase::Active).await;
    application.received();
    desk.console.end_session(&session.id, EndCause::Operator).await;
    assert_eq!(desk.ended().await.sign_out_failed, None);
    assert_eq!(application.received(), ["POST /logout"], "what was asked for once is sent at once");
    let told = |application: &Application, scheme: &str| {
        let told = application.was_told();
        assert!(!told.is_empty() && told.iter().all(|it| it.starts_with(scheme)), "{told:?}");
    };
    told(&application, "Digest ");
    told(&elsewhere, "Basic ");

    // Another password is refused by the server, and that is said.
    desk.keep("app_pw", "canary-an-old-one").await;
    let (tried, refusal) = both(&mut desk).await;
    let refusal = refusal.expect("a refusal");
    assert!(refusal.hint.contains("HTTP Digest for “staging”"), "{refusal:#?}");
    assert!(!format!("{tried:?}{refusal:?}").contains("canary"), "{tried:#?}");
}

//! The demo as the rest of the world meets it: its directory, and its customer application over HTTP.

use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::civil::{Date, date};
use reqwest::header::{COOKIE, HeaderValue, SET_COOKIE};
use reqwest::{Client, Response, StatusCode};
use secrecy::SecretString;
use serde_json::{Value, json};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};
use understudy_core::connection::ConnectionFile;
use understudy_demo::{
    Application, CookieSameSite, Delay, Demo, LoginAnswer, MeAnswer, Options, connection_text,
    write_directory,
};

const TODAY: Date = date(2026, 11, 23);
const TOKEN: &str = "canary-4d7e\"quoted\"-token";
const PATIENCE: Duration = Duration::from_secs(20);

/// A directory for all who only read it: making one takes seconds of an unoptimised build. It is made anew
/// after each build of these tests, and moved to its place, so that they can run side by side.
async fn shared_directory() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let shared = folder.join("ledgerline.sqlite");
    let made = |path: &Path| std::fs::metadata(path).and_then(|data| data.modified()).ok();
    if made(&shared) < made(&std::env::current_exe().unwrap()) {
        let own = tempfile::tempdir_in(folder).unwrap();
        let making = own.path().join("ledgerline.sqlite");
        write_directory(&making, TODAY).await.unwrap();
        std::fs::rename(&making, &shared).unwrap();
    }
    shared
}

/// A running application, and a browser's part in talking to it.
struct Stage {
    application: Application,
    directory: PathBuf,
    client: Client,
}

impl Stage {
    async fn set() -> Self {
        let directory = shared_directory().await;
        let options = Options {
            admin_token: SecretString::from(TOKEN),
            directory: directory.clone(),
            port: None,
            today: TODAY,
        };
        let application = Application::start(options).await.unwrap();
        // Redirects are looked at, not followed.
        let client = Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { application, directory, client }
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.application.origin())
    }

    async fn login(&self, body: &Value) -> Response {
        self.client.post(self.url("/login")).json(body).send().await.unwrap()
    }

    async fn get(&self, path: &str, cookies: &str) -> Response {
        self.client.get(self.url(path)).header(COOKIE, cookies).send().await.unwrap()
    }

    /// Signs in and gives the `Cookie` header of the session.
    async fn signed_in(&self, user: i64) -> String {
        let answer = self.login(&json!({ "adminToken": TOKEN, "userId": user })).await;
        assert_eq!(answer.status(), StatusCode::OK);
        cookie_header(&answer)
    }

    async fn page(&self, path: &str, cookies: &str) -> String {
        let answer = self.get(path, cookies).await;
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        answer.text().await.unwrap()
    }

    async fn rows(&self) -> SqlitePool {
        open(&self.directory).await
    }
}

fn set_cookies(answer: &Response) -> Vec<String> {
    answer.headers().get_all(SET_COOKIE).iter().map(|it| it.to_str().unwrap().to_owned()).collect()
}

fn cookie_header(answer: &Response) -> String {
    let pairs: Vec<String> =
        set_cookies(answer).iter().map(|cookie| cookie.split(';').next().unwrap().to_owned()).collect();
    pairs.join("; ")
}

async fn open(path: &Path) -> SqlitePool {
    SqlitePool::connect_with(SqliteConnectOptions::new().filename(path).read_only(true)).await.unwrap()
}

async fn some_user(pool: &SqlitePool, which: &'static str) -> (i64, String) {
    let sql = sqlx::AssertSqlSafe(format!("SELECT id, email FROM users WHERE {which} ORDER BY id LIMIT 1"));
    sqlx::query_as(sql).fetch_one(pool).await.unwrap()
}

/// One ordinary user.
fn anybody(first: bool) -> &'static str {
    if first { "company_name IS NOT NULL AND full_name IS NOT NULL" } else { "company_name IS NULL" }
}

#[tokio::test]
async fn everybody_is_there_once_and_of_nowhere_real() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users.sqlite");
    write_directory(&path, TODAY).await.unwrap();
    let users = open(&path).await;
    let count = async |sql: &'static str| -> i64 { sqlx::query_scalar(sql).fetch_one(&users).await.unwrap() };
    assert_eq!(count("SELECT count(*) FROM users").await, 100_000);
    assert_eq!(count("SELECT count(DISTINCT lower(email)) FROM users").await, 100_000);
    assert_eq!(count("SELECT count(*) FROM users WHERE email NOT GLOB '?*@?*.example'").await, 0);
    assert_eq!(count("SELECT count(*) FROM users WHERE email GLOB '*[^a-z0-9.@-]*'").await, 0);
    assert_eq!(count("SELECT count(*) FROM users WHERE company_name = 'Edge Cases'").await, 21);
    assert_eq!(count("SELECT count(*) FROM users WHERE full_name IS NULL").await, 1);
    assert!(count("SELECT count(DISTINCT full_name) FROM users").await > 20_000);
    assert!(count("SELECT count(*) FROM users WHERE full_name GLOB '*[א-ת]*'").await > 300);

    // Whole seconds of UTC; no user is from tomorrow, at least one is from today, and IDs grow with time.
    let odd = "SELECT count(*) FROM users WHERE created_at NOT GLOB '????-??-??T??:??:??Z'";
    assert_eq!(count(odd).await, 0);
    assert!(count("SELECT count(*) FROM users WHERE created_at >= '2026-11-23'").await > 0);
    assert_eq!(count("SELECT count(*) FROM users WHERE created_at >= '2026-11-23T01:00:00Z'").await, 0);
    assert_eq!(count("SELECT count(*) FROM users WHERE last_login_at < created_at").await, 0);
    assert_eq!(count("SELECT count(*) FROM users WHERE last_login_at >= '2026-11-23T01'").await, 0);
    let disorder = "SELECT count(*) FROM (SELECT created_at, lag(created_at) OVER (ORDER BY id) AS before
                    FROM users WHERE id < 1000000000) WHERE created_at < before";
    assert_eq!(count(disorder).await, 0);
    assert_eq!(count("SELECT max(id) FROM users").await, 9_007_199_254_740_993);

    let mut files = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
    assert_eq!(files.next().unwrap(), "users.sqlite");
    assert_eq!(files.next(), None, "nothing of its making is left over");
}

#[tokio::test]
async fn the_same_people_come_every_time_and_age_by_whole_days() {
    type Person = (i64, String, Option<String>, String, Option<String>, String, String);
    async fn people(path: &Path) -> (Vec<Person>, Vec<String>) {
        let users = open(path).await;
        let who = "SELECT id, email, full_name, plan, company_name, role, locale FROM users ORDER BY id";
        let when = "SELECT created_at || ' ' || coalesce(last_login_at, 'never') FROM users ORDER BY id";
        let who = sqlx::query_as(who).fetch_all(&users).await.unwrap();
        let when = sqlx::query_scalar(when).fetch_all(&users).await.unwrap();
        (who, when)
    }
    let folder = tempfile::tempdir().unwrap();
    let [first, again, later] = ["first", "again", "later"].map(|name| folder.path().join(name));
    write_directory(&first, TODAY).await.unwrap();
    write_directory(&again, TODAY).await.unwrap();
    write_directory(&later, date(2027, 2, 3)).await.unwrap();
    let first = people(&first).await;
    assert!(first == people(&again).await, "the same day makes the same rows");
    let later = people(&later).await;
    assert!(first.0 == later.0, "another day changes nobody");
    // 72 days later, to the second.
    let moved = |time: &str| {
        let then: jiff::Timestamp = time.parse().unwrap();
        (then + jiff::SignedDuration::from_hours(24 * 72)).to_string()
    };
    for (early, late) in first.1.iter().zip(&later.1) {
        let (created, seen) = early.split_once(' ').unwrap();
        let seen = if seen == "never" { seen.to_owned() } else { moved(seen) };
        assert_eq!(format!("{} {seen}", moved(created)), *late);
    }
}

#[tokio::test]
async fn a_directory_is_kept_and_what_is_none_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users.sqlite");
    std::fs::write(&path, "half of a file").unwrap();
    write_directory(&path, TODAY).await.unwrap();
    let made = std::fs::metadata(&path).unwrap();
    assert!(made.len() > 10_000_000);
    write_directory(&path, date(2027, 1, 1)).await.unwrap();
    let kept = std::fs::metadata(&path).unwrap();
    assert_eq!(made.modified().unwrap(), kept.modified().unwrap());

    let nowhere = folder.path().join("no such folder/users.sqlite");
    let error = write_directory(&nowhere, TODAY).await.unwrap_err();
    assert!(error.message.contains("no such folder"), "{error}");
    assert!(error.hint.is_some());
}

#[tokio::test]
async fn the_demos_connection_says_where_everything_is() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("Åsa’s files #1");
    let demo = Demo::start(&home, SecretString::from(TOKEN), TODAY).await.unwrap();
    let origin = demo.application.origin();
    let file: ConnectionFile = toml::from_str(&demo.connection_text).unwrap();
    assert_eq!(file.name, "Demo");
    assert_eq!(file.sign_in.url, Some(format!("{origin}/login")));
    assert_eq!(file.sign_in.redirect_to, Some(format!("{origin}/")));
    assert_eq!(file.sign_in.verify.unwrap().url, format!("{origin}/api/me"));
    assert_eq!(file.sign_out.unwrap().url, Some(format!("{origin}/logout")));
    assert_eq!(file.sign_in.body.unwrap()["userId"], "{{ user.id }}");
    assert_eq!(file.directory.columns, ["plan", "company_name", "last_login_at", "role", "locale"]);
    assert!(!demo.connection_text.contains("canary"), "no secret stands in a connection file");

    // The address leads to the file, whatever its folder is called.
    let users: SqlitePool = SqlitePool::connect(&file.directory.url).await.unwrap();
    let table = sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {}", file.directory.table));
    let count: i64 = sqlx::query_scalar(table).fetch_one(&users).await.unwrap();
    assert_eq!(count, 100_000);

    // What the comments teach survives; every URL was filled in.
    let (path, url) = if cfg!(windows) {
        (r"C:\data\users.sqlite", "sqlite:///C:/data/users.sqlite")
    } else {
        ("/data/users.sqlite", "sqlite:///data/users.sqlite")
    };
    let text = connection_text("https://ledgerline.example", Path::new(path));
    assert!(text.contains(url) && !text.contains("127.0.0.1"), "{text}");
}

#[tokio::test]
async fn a_login_signs_in_and_a_logout_signs_out() {
    let stage = Stage::set().await;
    let (user, email) = some_user(&stage.rows().await, anybody(true)).await;
    assert_eq!(stage.get("/api/me", "").await.status(), StatusCode::UNAUTHORIZED);

    let body = json!({ "adminToken": TOKEN, "userId": user, "reason": "Ticket 7", "operator": "Kim" });
    let answer = stage.login(&body).await;
    assert_eq!(answer.status(), StatusCode::OK);
    let cookies = set_cookies(&answer);
    let session = &cookies[0];
    assert!(session.starts_with("ledgerline_session="), "{session}");
    assert!(session.ends_with("; Path=/; Max-Age=3600; HttpOnly; SameSite=Strict"), "{session}");
    let api = &cookies[1];
    assert!(api.contains("; Path=/api; Expires=") && api.contains(" GMT; HttpOnly"), "{api}");
    let cookies = cookie_header(&answer);
    assert_eq!(answer.json::<Value>().await.unwrap(), json!({ "ok": true }));

    let me: Value = stage.get("/api/me", &cookies).await.json().await.unwrap();
    assert_eq!(me["id"], json!(user), "a number, as it is in the database");
    assert_eq!(me["email"], json!(email));
    assert_eq!(me["impersonated_by"], "Kim");
    let home = stage.page("/", &cookies).await;
    assert!(home.contains("Signed in as") && home.contains("Kim") && home.contains("Ticket 7"));

    let out = stage.client.post(stage.url("/logout")).header(COOKIE, &cookies).send().await.unwrap();
    assert_eq!(out.status(), StatusCode::OK);
    assert!(set_cookies(&out).iter().all(|cookie| cookie.contains("Max-Age=0")));
    assert_eq!(stage.get("/api/me", &cookies).await.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(stage.get("/", &cookies).await.headers()["location"], "/login");
    assert!(stage.page("/login", "").await.contains("signed out"));

    let journal = stage.application.journal();
    let login = journal.iter().find(|entry| entry.path == "/login").unwrap();
    assert_eq!((login.status, login.signed_in_as, login.admin_token_ok), (Some(200), Some(user), true));
    assert_eq!(login.set_cookies, ["ledgerline_session", "ledgerline_api", "ledgerline_look"]);
    assert_eq!(login.json_body()["userId"], json!(user));
    assert_eq!(login.headers["content-type"], "application/json");
    let logout = journal.iter().find(|entry| entry.path == "/logout").unwrap();
    assert_eq!(logout.signed_in_as, Some(user));
    assert!(logout.cookies.contains_key("ledgerline_session"));
    assert!(journal.windows(2).all(|pair| pair[0].number + 1 == pair[1].number));
}

#[tokio::test]
async fn nobody_gets_in_without_the_token_or_as_nobody() {
    let stage = Stage::set().await;
    let (user, _) = some_user(&stage.rows().await, anybody(true)).await;
    let cases = [
        (json!({ "adminToken": "wrong", "userId": user }), 401),
        (json!({ "adminToken": "", "userId": user }), 401),
        (json!({ "adminToken": TOKEN, "userId": 1 }), 404),
        (json!({ "adminToken": TOKEN, "userId": "not a number" }), 404),
        (json!({ "adminToken": TOKEN, "userId": 1.5 }), 404),
        (json!({ "adminToken": TOKEN }), 400),
        (json!({ "userId": user }), 400),
        (json!({ "adminToken": TOKEN, "userId": user.to_string() }), 200),
    ];
    for (body, status) in cases {
        let answer = stage.login(&body).await;
        assert_eq!(answer.status(), status, "{body}");
        assert_eq!(set_cookies(&answer).is_empty(), status != 200, "{body}");
        let answer: Value = answer.json().await.unwrap();
        assert_eq!(answer.get("error").is_some(), status != 200, "{body}");
    }
    // What a form on a foreign page could send.
    let body = json!({ "adminToken": TOKEN, "userId": user }).to_string();
    let answer = stage.client.post(stage.url("/login")).body(body).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);

    // Another name that was made to point to loopback.
    let request = stage.client.get(stage.url("/demo/received")).header("host", "rebound.example");
    assert_eq!(request.send().await.unwrap().status(), StatusCode::MISDIRECTED_REQUEST);

    let options = Options {
        admin_token: SecretString::from(""),
        directory: stage.directory.clone(),
        port: None,
        today: TODAY,
    };
    assert!(Application::start(options).await.is_err(), "an empty token would let everybody in");
}

#[tokio::test]
async fn ids_beyond_a_doubles_reach_stay_exact() {
    let stage = Stage::set().await;
    let cookies = stage.signed_in((1 << 53) + 1).await;
    let me = stage.get("/api/me", &cookies).await.text().await.unwrap();
    assert!(me.contains("9007199254740993"), "{me}");
    assert_eq!(stage.application.journal()[0].signed_in_as, Some(9_007_199_254_740_993));
}

#[tokio::test]
async fn the_token_is_nowhere_in_the_journal() {
    let stage = Stage::set().await;
    let (user, _) = some_user(&stage.rows().await, anybody(true)).await;
    let escaped: Vec<String> = TOKEN.chars().map(|c| format!("\\u{:04x}", u32::from(c))).collect();
    let escaped = escaped.concat();
    let bodies = [
        json!({ "adminToken": TOKEN, "userId": user, "reason": format!("it is {TOKEN}!") }).to_string(),
        format!(r#"{{"adminToken":"{escaped}","userId":{user}}}"#),
        json!({ "deep": [{ TOKEN: TOKEN }] }).to_string(),
        format!("token={TOKEN}"),
    ];
    for body in bodies {
        let request = stage.client.post(stage.url("/login")).header("content-type", "application/json");
        let request = request.header("x-operator", HeaderValue::from_str(TOKEN).unwrap());
        request.body(body).send().await.unwrap();
    }
    let journal = stage.application.journal();
    assert_eq!(
        journal.iter().map(|entry| entry.admin_token_ok).collect::<Vec<_>>(),
        [true, true, false, false]
    );
    let printed = format!("{journal:?}{}", serde_json::to_string(&journal).unwrap());
    assert!(!printed.contains("canary"), "{printed}");
    assert_eq!(journal[0].json_body()["adminToken"], "••••");
    assert_eq!(journal[0].json_body()["userId"], json!(user), "the rest is as it was sent");

    let cookies = stage.signed_in(user).await;
    stage.page("/", &cookies).await;
    let told = stage.get("/demo/received", "").await.text().await.unwrap();
    assert!(!told.contains("canary") && told.contains("ledgerline_session"));
    for pair in cookies.split("; ").filter(|pair| !pair.ends_with("=auto")) {
        let (_, value) = pair.split_once('=').unwrap();
        assert!(!told.contains(value), "cookie values stay inside");
    }
}

#[tokio::test]
async fn logins_fail_in_every_way_that_can_be_asked_for() {
    let stage = Stage::set().await;
    let (user, _) = some_user(&stage.rows().await, anybody(true)).await;
    let body = json!({ "adminToken": TOKEN, "userId": user });
    let elsewhere = format!("{}/", stage.application.other_origin());
    let redirect = |status| LoginAnswer::Redirect { status, to: elsewhere.clone() };
    // How it answers, the status, whether a user is signed in, what the body is about.
    let cases = [
        (LoginAnswer::Status(200), 200, true, "ok"),
        (LoginAnswer::Status(201), 201, true, "ok"),
        (LoginAnswer::Status(204), 204, true, ""),
        (redirect(302), 302, true, ""),
        (redirect(307), 307, true, ""),
        (LoginAnswer::Status(401), 401, false, "error"),
        (LoginAnswer::Status(403), 403, false, "error"),
        (LoginAnswer::Status(500), 500, false, "error"),
        (LoginAnswer::Html, 200, false, "<h1>"),
        (LoginAnswer::Huge, 200, true, "xxxxxxxx"),
    ];
    for (login, status, signs_in, about) in cases {
        stage.application.change_faults(|faults| faults.login = login.clone());
        let answer = stage.login(&body).await;
        assert_eq!(answer.status(), status, "{login:?}");
        assert_eq!(!set_cookies(&answer).is_empty(), signs_in, "{login:?}");
        if let LoginAnswer::Redirect { .. } = &login {
            assert_eq!(answer.headers()["location"], elsewhere.as_str());
        }
        let text = answer.text().await.unwrap();
        assert!(text.contains(about), "{login:?}: {text:.200}");
        assert!(login != LoginAnswer::Huge || text.len() > 1024 * 1024);
    }

    stage.application.change_faults(|faults| faults.login = LoginAnswer::Endless);
    let mut answer = stage.login(&body).await;
    let mut read = 0;
    while read < 8 * 1024 * 1024 {
        read += answer.chunk().await.unwrap().expect("it never ends").len();
    }

    stage.application.change_faults(|faults| {
        faults.login = LoginAnswer::Usual;
        faults.same_site = CookieSameSite::None;
        faults.frame_options = Some("DENY".to_owned());
    });
    let answer = stage.login(&body).await;
    assert!(set_cookies(&answer)[0].ends_with("SameSite=None"));
    assert_eq!(answer.headers()["x-frame-options"], "DENY");
    stage.application.change_faults(|faults| faults.same_site = CookieSameSite::Absent);
    assert!(!set_cookies(&stage.login(&body).await)[0].contains("SameSite"));
}

#[tokio::test]
async fn verification_and_logout_can_go_wrong_too() {
    let stage = Stage::set().await;
    let (user, _) = some_user(&stage.rows().await, anybody(true)).await;
    let cookies = stage.signed_in(user).await;
    stage.application.change_faults(|faults| faults.me = MeAnswer::WrongUser);
    let me: Value = stage.get("/api/me", &cookies).await.json().await.unwrap();
    assert_eq!(me["id"], json!(user + 1));
    stage.application.change_faults(|faults| faults.me = MeAnswer::Html);
    assert!(stage.page("/api/me", &cookies).await.contains("<h1>"));
    stage.application.change_faults(|faults| faults.me = MeAnswer::Status(500));
    assert_eq!(stage.get("/api/me", &cookies).await.status(), 500);

    stage.application.change_faults(|faults| {
        faults.me = MeAnswer::Usual;
        faults.logout = Some(500);
    });
    let out = stage.client.post(stage.url("/logout")).header(COOKIE, &cookies).send().await.unwrap();
    assert_eq!(out.status(), 500);
    assert_eq!(stage.get("/api/me", &cookies).await.status(), 200, "still signed in");
}

#[tokio::test]
async fn a_held_back_login_is_seen_before_it_is_answered() {
    let stage = Stage::set().await;
    let (user, _) = some_user(&stage.rows().await, anybody(true)).await;
    let application = &stage.application;
    application.change_faults(|faults| faults.login_delay = Delay::UntilReleased);
    let request = stage.client.post(stage.url("/login"));
    let request = request.json(&json!({ "adminToken": TOKEN, "userId": user }));

    // One who gives up…
    let impatient = tokio::spawn(request.try_clone().unwrap().send());
    let arrived = application.wait_for(|entry| entry.path == "/login", PATIENCE).await.unwrap();
    assert_eq!(arrived.status, None);
    impatient.abort();
    let gone = application.wait_for(|entry| entry.cut_off, PATIENCE).await.unwrap();
    assert_eq!(gone.number, arrived.number);

    // …and one who waits.
    let patient = tokio::spawn(request.send());
    let after = |entry: &understudy_demo::ReceivedRequest| entry.number > gone.number;
    let arrived = application.wait_for(after, PATIENCE).await.unwrap();
    assert_eq!(arrived.status, None);
    application.release_answers();
    let answered =
        application.wait_for(|entry| after(entry) && entry.status.is_some(), PATIENCE).await.unwrap();
    assert_eq!((answered.number, answered.signed_in_as), (arrived.number, Some(user)));
    assert_eq!(patient.await.unwrap().unwrap().status(), 200);

    let error = application.wait_for(|_| false, Duration::ZERO).await.unwrap_err();
    assert!(error.message.contains("POST /login: 200"), "it tells what came instead: {error}");
}

#[tokio::test]
async fn the_journal_forgets_all_but_the_last_thousand() {
    let stage = Stage::set().await;
    for _ in 0..1010 {
        stage.get("/assets/icon.svg", "").await;
    }
    let journal = stage.application.journal();
    assert_eq!(journal.len(), 1000);
    assert_eq!((journal[0].number, journal[999].number), (11, 1010));
}

#[tokio::test]
async fn a_stopped_application_refuses_connections_and_cuts_off_who_waits() {
    let stage = Stage::set().await;
    let slow = stage.client.get(stage.url("/slow"));
    let slow = tokio::spawn(slow.send());
    stage.application.wait_for(|entry| entry.path == "/slow", PATIENCE).await.unwrap();
    let origin = stage.application.origin().to_owned();
    stage.application.stop().await;
    assert_eq!(slow.await.unwrap().unwrap().status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(stage.client.get(&origin).send().await.unwrap_err().is_connect());

    // The port is free again, and the same application can come back to it.
    let port = origin.rsplit(':').next().unwrap().parse().unwrap();
    let options = Options {
        admin_token: SecretString::from(TOKEN),
        directory: stage.directory.clone(),
        port: Some(port),
        today: TODAY,
    };
    let again = Application::start(options.clone()).await.unwrap();
    assert_eq!(again.origin(), origin);
    let taken = Application::start(options).await.err().expect("the port is taken");
    assert!(taken.message.contains(&port.to_string()), "{taken}");
    drop(again);
}

#[tokio::test]
async fn pages_are_whole_and_under_a_strict_policy() {
    let stage = Stage::set().await;
    let users = stage.rows().await;
    for which in [anybody(true), anybody(false), "plan = 'enterprise'", "locale = 'ja-JP'"] {
        let (user, _) = some_user(&users, which).await;
        let cookies = stage.signed_in(user).await;
        for path in ["/", "/invoices", "/team", "/settings"] {
            let answer = stage.get(path, &cookies).await;
            assert_eq!(answer.status(), 200, "{path} of {user}");
            let policy = answer.headers()["content-security-policy"].to_str().unwrap().to_owned();
            assert!(policy.starts_with("default-src 'self'"));
            let page = answer.text().await.unwrap();
            assert!(!page.contains("style=") && !page.contains("<script"), "nothing inline in {path}");
        }
        // Every listed invoice can be opened, and no one else's can.
        let list = stage.page("/invoices", &cookies).await;
        let links: Vec<&str> = list.split("href=\"/invoices/").skip(1).map(|it| &it[..9]).collect();
        assert!(!links.is_empty(), "{user}");
        for number in links {
            let page = stage.page(&format!("/invoices/{number}"), &cookies).await;
            assert!(page.contains(&format!("Invoice {number}")));
        }
        assert_eq!(stage.get("/invoices/1999-0001", &cookies).await.status(), 404);
    }
    assert_eq!(stage.get("/nowhere", "").await.status(), 404);
}

#[tokio::test]
async fn tickets_link_to_their_customers_and_take_comments() {
    let stage = Stage::set().await;
    let list = stage.page("/helpdesk", "").await;
    for number in 4711..4715 {
        assert!(list.contains(&format!("href=\"/helpdesk/{number}\"")), "{list}");
        let page = stage.page(&format!("/helpdesk/{number}"), "").await;
        let link = page
            .split("href=\"")
            .find(|rest| rest.starts_with("understudy:"))
            .unwrap_or_else(|| panic!("no link: {page}"));
        let link = link[..link.find('"').unwrap()].replace("&amp;", "&").replace("&#x2f;", "/");
        let link = understudy_core::customer_link::CustomerLink::parse(&link).expect(&link);
        assert_eq!((link.connection.as_str(), link.ticket), ("demo", number.to_string()));
        let customer: i64 = link.user.parse().unwrap();
        let cookies = stage.signed_in(customer).await;
        assert_eq!(stage.get(&link.page, &cookies).await.status(), 200, "{}", link.page);
    }
    let comment = "comment=%3Cb%3Eseen%3C%2Fb%3E%0D%0Aas+the+customer";
    let add = stage.client.post(stage.url("/helpdesk/4711"));
    let added = add.header("content-type", "application/x-www-form-urlencoded").body(comment).send();
    assert_eq!(added.await.unwrap().status(), StatusCode::SEE_OTHER);
    let page = stage.page("/helpdesk/4711", "").await;
    assert!(page.contains("&lt;b&gt;seen&lt;&#x2f;b&gt;\nas the customer"), "{page}");
    assert!(!stage.page("/helpdesk/4712", "").await.contains("as the customer"));
    assert_eq!(stage.get("/helpdesk/1", "").await.status(), 404);
}

#[tokio::test]
async fn the_missing_vat_number_can_be_found_and_mended() {
    let stage = Stage::set().await;
    let users = stage.rows().await;
    let (broken, _) = some_user(&users, "id % 3 = 0 AND plan = 'team'").await;
    let (sound, _) = some_user(&users, "id % 3 = 1 AND plan = 'team'").await;
    let missing = "Missing VAT number";
    let cookies = stage.signed_in(sound).await;
    assert!(!stage.page("/invoices", &cookies).await.contains(missing));
    let cookies = stage.signed_in(broken).await;
    assert!(stage.page("/invoices", &cookies).await.contains(missing));
    assert!(stage.page("/settings", &cookies).await.contains("saved"), "although it looks saved");

    let save = stage.client.post(stage.url("/settings")).header(COOKIE, &cookies);
    let save = save.header("content-type", "application/x-www-form-urlencoded").body("profile=head_office");
    let saved = save.send().await.unwrap();
    assert_eq!(saved.status(), StatusCode::SEE_OTHER);
    assert!(stage.page("/settings?saved", &cookies).await.contains("Saved."));
    assert!(!stage.page("/invoices", &cookies).await.contains(missing));
}

#[tokio::test]
async fn hostile_names_are_only_text() {
    let stage = Stage::set().await;
    let users = stage.rows().await;
    let edge: Vec<i64> = sqlx::query_scalar("SELECT id FROM users WHERE company_name = 'Edge Cases'")
        .fetch_all(&users)
        .await
        .unwrap();
    assert_eq!(edge.len(), 21);
    for user in edge {
        let reason = "</p><script>alert(1)</script>";
        let body = json!({ "adminToken": TOKEN, "userId": user, "operator": "<b>", "reason": reason });
        let cookies = cookie_header(&stage.login(&body).await);
        for path in ["/", "/team", "/settings", "/invoices"] {
            let page = stage.page(path, &cookies).await;
            for bad in ["<script", "<img", "<b>"] {
                assert!(!page.contains(bad), "{bad} in {path} of {user}");
            }
            assert!(page.contains("&lt;script&gt;"), "the reason is shown as it was written");
        }
    }
}

#[tokio::test]
async fn the_hostile_page_and_the_odd_ones_are_served_without_a_session() {
    let stage = Stage::set().await;
    for place in ["/hostile", "/hostile/child", "/hostile/frame"] {
        let page = stage.get(place, "").await;
        assert!(!page.headers().contains_key("content-security-policy"), "nothing may help the console");
        assert!(page.text().await.unwrap().contains("/hostile/hostile.js"));
    }
    assert!(stage.page("/hostile/hostile.js", "").await.contains("__TAURI_INTERNALS__"));
    let report = stage.client.post(stage.url("/hostile/report")).body("{\"done\":true}").send();
    assert_eq!(report.await.unwrap().status(), StatusCode::NO_CONTENT);
    let reported =
        stage.application.wait_for(|entry| entry.path == "/hostile/report", PATIENCE).await.unwrap();
    assert_eq!(reported.json_body()["done"], true);
    let download = stage.get("/download", "").await;
    assert!(download.headers()["content-disposition"].to_str().unwrap().starts_with("attachment"));
    assert!(stage.page("/popup", "").await.contains("_blank"));
    assert!(stage.page("/set-cookie-check", "").await.contains("document.cookie"));
}

//! Sign-ins with presets, in the real window, with the real packages: the page belongs to the customer, a second
//! customer is not the first, the operator's own session is left alone, and ending the session ends it on the server.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use futures_util::TryStreamExt;
use serde_json::Value;
use understudy_test_support::mongod::{self, MongoServer};
use understudy_test_support::postgres::PostgresServer;
use understudy_test_support::program::Program;
use understudy_test_support::stage::{Console, Stage};

/// The canary: one of the console's secrets, which may only be in the keyring and in the requests that need it.
const PASSWORD: &str = "canary-51c0ffee-operator-password";
pub const ADA: &str = "ada@example.com";
const BO: &str = "bo@example.com";

/// An application that runs such a package, and its connection.
pub struct Running {
    pub program: Program,
    /// `[directory]` and `[sign_in]`.
    pub connection: String,
    secrets: Vec<(&'static str, String)>,
    /// The IDs of Ada and Bo in the directory.
    ids: [String; 2],
    /// The cookies that a customer's window may have; a name that ends in `_` is a prefix.
    cookies: &'static [&'static str],
    /// The path of the request that shows whose page the window has.
    shown: &'static str,
    /// Whether ending the session ends it on the server too.
    is_forgotten: bool,
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop").join(name)
}

pub async fn staged(running: &Running) -> Result<Stage> {
    let stage = Stage::set(Path::new(env!("CARGO_BIN_EXE_understudy"))).await?;
    let head = "name = \"Shop\"\nenvironment = \"development\"\n";
    stage.connection("shop", &format!("{head}{}\n[policy]\nreason = \"required\"\n", running.connection))?;
    stage.settings("operator_name = \"Olga\"\noperator_email = \"olga@example.com\"\n")?;
    for (name, value) in &running.secrets {
        stage.secret("shop", name, value).await?;
    }
    Ok(stage)
}

/// What every recipe must do.
async fn story(running: Running) -> Result<()> {
    let Running { program, ids, .. } = &running;
    let stage = staged(&running).await?;
    let others = program.sessions().await;

    // First in a terminal, as a lead tests it: signed in and out again, with nothing left.
    let (code, said) = stage.run(&["check", "shop", "--user", &ids[0]], "").await?;
    ensure!(code == 0, "{said}\n{:#?}", program.journal().await);
    for secret in running.secrets.iter().map(|(_, value)| value.as_str()).chain([ADMIN_TOKEN]) {
        ensure!(!said.contains(secret), "a secret is shown: {said}");
    }
    ensure!(program.sessions().await == others, "{said}\n{:#?}", program.sessions().await);
    let begun = program.journal().await.len();

    let console = stage.open(&[]).await?;
    console.become_user(&ids[0], "ticket 1").await?;
    wait_until_active(&console, &["active"], program).await?;
    let page = |user: &'static str| {
        let shown = running.shown;
        move |one: &Value| {
            let path = one["path"].as_str().unwrap_or_default().split('?').next() == Some(shown);
            path && one["user"] == user && one["status"].as_u64().is_some_and(|status| status < 300)
        }
    };
    let later = async |wanted: &dyn Fn(&Value) -> bool| {
        let journal = program.journal().await;
        journal.into_iter().skip(begun).find(|one| wanted(one))
    };
    program.received(page(ADA)).await;
    let shown =
        understudy_test_support::wait::until("Ada's page", async || Ok(later(&page(ADA)).await)).await?;
    let had: BTreeSet<&str> =
        shown["cookies"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let may_have = |name: &str| {
        running
            .cookies
            .iter()
            .any(|wanted| name == *wanted || wanted.ends_with('_') && name.starts_with(wanted))
    };
    ensure!(had.iter().all(|name| may_have(name)), "the window has more than it needs: {had:?}");

    console.become_user(&ids[1], "ticket 2").await?;
    wait_until_active(&console, &["active", "active"], program).await?;
    program.received(page(BO)).await;
    let sessions = program.sessions().await;
    for user in [ADA, BO] {
        ensure!(sessions.iter().any(|session| session["user"] == user), "{user}: {sessions:#?}");
    }
    for session in &others {
        ensure!(sessions.contains(session), "a session of somebody else is gone: {session}");
    }

    let now = console.ask("console_state", "{}").await?;
    let end = async |at: usize| {
        console.ask("end_session", &format!("{{ session: {} }}", now["sessions"][at]["id"])).await
    };
    end(0).await?;
    if running.is_forgotten {
        program.forgets(ADA).await;
    }
    ensure!(program.sessions().await.iter().any(|session| session["user"] == BO), "Bo's session is another");
    end(1).await?;
    if running.is_forgotten {
        program.forgets(BO).await;
        let left = program.sessions().await;
        ensure!(left == others, "{left:#?}\n{:#?}", program.journal().await);
    }
    let log = console.ui.log();
    console.ui.quit().await?;

    let audit = std::fs::read(stage.home().audit_file()?)?;
    for secret in running.secrets.iter().map(|(_, value)| value.as_str()).chain([ADMIN_TOKEN]) {
        ensure!(!log.contains(secret), "a secret is in the log");
        ensure!(!String::from_utf8_lossy(&audit).contains(secret), "a secret is in the audit log");
    }
    Ok(())
}

/// Like [`Console::wait_for_phases`], but an error includes what the application received.
pub async fn wait_until_active(console: &Console<'_>, phases: &[&str], program: &Program) -> Result<()> {
    match console.wait_for_phases(phases).await {
        Ok(()) => Ok(()),
        Err(error) => Err(error.context(format!("{:#?}", program.journal().await))),
    }
}

fn django(preset: &str) -> Result<(tempfile::TempDir, Running)> {
    let place = tempfile::tempdir()?;
    let database = place.path().join("shop.sqlite3");
    let packages = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/interop/python/django");
    let env = [
        ("DATABASE", database.to_str().unwrap_or_default()),
        ("OPERATOR_USERNAME", "support"),
        ("OPERATOR_PASSWORD", PASSWORD),
        ("PYTHONPATH", packages.to_str().unwrap_or_default()),
    ];
    let program = Program::start(&folder("django"), &["python3", "server.py"], &env);
    let connection = format!(
        "[directory]\nurl = \"sqlite://{}\"\ntable = \"auth_user\"\nid = \"id\"\nemail = \"email\"\nname = \"first_name\"\n\
         [sign_in]\npreset = \"{preset}\"\n[sign_in.settings]\napp = \"{}\"\noperator = \"support\"\n",
        database.display(),
        program.origin(),
    );
    let running = Running {
        program,
        connection,
        secrets: vec![("operator_password", PASSWORD.into())],
        ids: ["1".into(), "2".into()],
        cookies: &["sessionid", "csrftoken"],
        shown: "/",
        is_forgotten: true,
    };
    Ok((place, running))
}

#[tokio::test(flavor = "multi_thread")]
async fn django_hijack_signs_in_by_a_session_made_for_it() -> Result<()> {
    let (_place, running) = django("django-hijack")?;
    story(running).await
}

#[tokio::test(flavor = "multi_thread")]
async fn django_impersonate_signs_in_and_is_not_believed_without_a_look() -> Result<()> {
    let (_place, running) = django("django-impersonate")?;
    story(running).await
}

#[tokio::test(flavor = "multi_thread")]
async fn django_loginas_signs_in_with_the_reason_it_wants() -> Result<()> {
    let (_place, running) = django("django-loginas")?;
    story(running).await
}

/// A server that accepts connections from this computer.
pub fn postgres() -> PostgresServer {
    let server = PostgresServer::start();
    server.let_in("local all all trust\nhost all all 127.0.0.1/32 trust\n");
    server.sql("postgres", "SELECT pg_reload_conf(); CREATE DATABASE shop;");
    server
}

#[tokio::test(flavor = "multi_thread")]
async fn better_auth_signs_in_with_the_customers_cookies_alone() -> Result<()> {
    let server = postgres();
    let url = server.url("postgres", "shop");
    let env = [
        ("DATABASE_URL", url.as_str()),
        ("OPERATOR_EMAIL", "support@example.com"),
        ("OPERATOR_PASSWORD", PASSWORD),
        ("CUSTOMER_PASSWORD", "a customer's password"),
    ];
    let program = Program::start(&folder("better-auth"), &["node", "server.mjs"], &env);
    // Another member of the support team has a session, which must survive.
    let sign_in = reqwest::Client::new().post(format!("{}/api/auth/sign-in/email", program.origin()));
    let body = serde_json::json!({ "email": "support@example.com", "password": PASSWORD });
    ensure!(sign_in.json(&body).send().await?.status().is_success());
    let id = |email: &str| program.ready["users"][email].as_str().unwrap_or_default().to_owned();
    let running = Running {
        connection: format!(
            "[directory]\nurl = \"{url}\"\ntable = \"public.user\"\nid = \"id\"\nemail = \"email\"\nname = \"name\"\n\
             [sign_in]\npreset = \"better-auth\"\n[sign_in.settings]\napp = \"{}\"\noperator = \"support@example.com\"\n",
            program.origin(),
        ),
        secrets: vec![("operator_password", PASSWORD.into())],
        ids: [id(ADA), id(BO)],
        cookies: &["better-auth.session_token", "better-auth.dont_remember"],
        shown: "/",
        is_forgotten: true,
        program,
    };
    story(running).await
}

const ENVIRONMENT_SECRET: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
/// The application's secret, which is in the webhook from Forest's backend.
const ADMIN_TOKEN: &str = "canary-0ff1ce-admin-token";

pub fn forest(script: &str, database: (&str, &str)) -> Program {
    let env = [
        ("FOREST_AUTH_SECRET", PASSWORD),
        ("FOREST_ENV_SECRET", ENVIRONMENT_SECRET),
        ("ADMIN_TOKEN", ADMIN_TOKEN),
        database,
    ];
    Program::start(&folder("forest"), &["node", script], &env)
}

pub fn of_forest(program: Program, preset: &str, directory: &str, ids: [String; 2]) -> Running {
    let connection = format!(
        "[directory]\n{directory}\nemail = \"email\"\nname = \"name\"\n\
         [sign_in]\npreset = \"{preset}\"\n[sign_in.settings]\napp = \"{}\"\nbackend = \"{}\"\nrendering = \"1\"\noperator = \"1\"\n",
        program.ready["customer"].as_str().unwrap_or_default(),
        program.origin(),
    );
    let secrets = vec![("forest_auth_secret", PASSWORD.into())];
    Running { program, connection, secrets, ids, cookies: &["sid"], shown: "/", is_forgotten: true }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forest_backend_on_sequelize_has_the_window_send_its_webhook() -> Result<()> {
    let server = postgres();
    let url = server.url("postgres", "shop");
    let program = forest("sequelize.mjs", ("DATABASE_URL", &url));
    let directory = format!("url = \"{url}\"\ntable = \"public.users\"\nid = \"id\"");
    story(of_forest(program, "forest-legacy", &directory, ["1".into(), "2".into()])).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forest_agent_has_the_window_send_its_webhook() -> Result<()> {
    let server = postgres();
    let url = server.url("postgres", "shop");
    let program = forest("agent.mjs", ("DATABASE_URL", &url));
    let directory = format!("url = \"{url}\"\ntable = \"public.users\"\nid = \"id\"");
    story(of_forest(program, "forest-agent", &directory, ["1".into(), "2".into()])).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forest_backend_on_mongoose_has_the_window_send_its_webhook() -> Result<()> {
    let server = MongoServer::start().await;
    let password: String = url::form_urlencoded::byte_serialize(mongod::ADMIN_PASSWORD.as_bytes()).collect();
    let with_password =
        server.url(mongod::ADMIN, "shop").replace('@', &format!(":{}@", password.replace('+', "%20")));
    let program = forest("mongoose.mjs", ("MONGODB_URL", &with_password));
    let users: Vec<mongodb::bson::Document> =
        server.database("shop").collection("users").find(mongodb::bson::doc! {}).await?.try_collect().await?;
    let id = |email: &str| {
        let user = users.iter().find(|user| user.get_str("email").ok() == Some(email));
        user.and_then(|user| user.get_object_id("_id").ok())
            .map(mongodb::bson::oid::ObjectId::to_hex)
            .unwrap_or_default()
    };
    let directory =
        format!("url = \"{}\"\ncollection = \"users\"\nid = \"_id\"", server.url(mongod::ADMIN, "shop"));
    let mut running = of_forest(program, "forest-legacy", &directory, [id(ADA), id(BO)]);
    running.secrets.push(("database_password", mongod::ADMIN_PASSWORD.into()));
    story(running).await
}

/// A stand-in for a product that cannot run here. `settings` may contain `$listening`, `$customer` and `$frontend`.
async fn stand_in(
    name: &str,
    preset: &str,
    settings: &str,
    secret: &'static str,
    cookies: &'static [&'static str],
) -> Result<(tempfile::TempDir, Running)> {
    let script = format!("{name}.mjs");
    let program = Program::start(&folder("stand-ins"), &["node", &script], &[("OPERATOR_SECRET", PASSWORD)]);
    let place = tempfile::tempdir()?;
    let file = place.path().join("users.sqlite");
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&file).create_if_missing(true);
    let pool = sqlx::SqlitePool::connect_with(options).await?;
    sqlx::query("CREATE TABLE users (id TEXT PRIMARY KEY, email TEXT)").execute(&pool).await?;
    for (email, id) in program.ready["users"].as_object().into_iter().flatten() {
        let id = id.as_str().map_or_else(|| id.to_string(), str::to_owned);
        sqlx::query("INSERT INTO users VALUES (?, ?)").bind(id).bind(email).execute(&pool).await?;
    }
    pool.close().await;
    let mut settings = settings.to_owned();
    for place in ["listening", "customer", "frontend"] {
        settings = settings.replace(&format!("${place}"), program.ready[place].as_str().unwrap_or_default());
    }
    let connection = format!(
        "[directory]\nurl = \"sqlite://{}\"\ntable = \"users\"\nid = \"id\"\nemail = \"email\"\n\
         [sign_in]\npreset = \"{preset}\"\n[sign_in.settings]\n{settings}\n",
        file.display(),
    );
    let id = |email: &str| {
        let id = &program.ready["users"][email];
        id.as_str().map_or_else(|| id.to_string(), str::to_owned)
    };
    let ids = [id(ADA), id(BO)];
    let secrets = vec![(secret, PASSWORD.to_owned())];
    Ok((place, Running { program, connection, secrets, ids, cookies, shown: "/", is_forgotten: true }))
}

const OPERATOR: &str = "app = \"$listening\"\noperator = \"support@example.com\"";

#[tokio::test(flavor = "multi_thread")]
async fn laravel_impersonate_signs_in() -> Result<()> {
    let cookies = &["laravel_session", "XSRF-TOKEN"];
    let (_place, running) =
        stand_in("laravel", "laravel-impersonate", OPERATOR, "operator_password", cookies).await?;
    story(running).await
}

#[tokio::test(flavor = "multi_thread")]
async fn symfony_switch_user_signs_in() -> Result<()> {
    let (_place, running) =
        stand_in("symfony", "symfony-switch-user", OPERATOR, "operator_password", &["PHPSESSID"]).await?;
    story(running).await
}

#[tokio::test(flavor = "multi_thread")]
async fn devise_masquerade_signs_in_by_a_link_of_the_users_page() -> Result<()> {
    let settings = format!("{OPERATOR}\ncookie = \"_shop_session\"");
    let (_place, running) =
        stand_in("devise", "devise-masquerade", &settings, "operator_password", &["_shop_session"]).await?;
    story(running).await
}

#[tokio::test(flavor = "multi_thread")]
async fn wordpress_signs_in_without_the_cookies_that_lead_back() -> Result<()> {
    let settings = "app = \"$listening\"\noperator = \"support\"";
    let (_place, running) =
        stand_in("wordpress", "wordpress-user-switching", settings, "operator_password", &[]).await?;
    // The rest of its name is derived from the site's address.
    story(Running { cookies: &["wordpress_logged_in_", "wordpress_test_cookie"], ..running }).await
}

#[tokio::test(flavor = "multi_thread")]
async fn keycloak_signs_in_and_that_one_session_is_deleted() -> Result<()> {
    let settings = "app = \"$customer\"\nkeycloak = \"$listening\"\nrealm = \"customers\"";
    let cookies = &["shop_session"];
    let (_place, running) = stand_in("keycloak", "keycloak", settings, "client_secret", cookies).await?;
    story(running).await
}

#[tokio::test(flavor = "multi_thread")]
async fn supabase_signs_in_by_a_code_that_the_console_redeems() -> Result<()> {
    let settings = "app = \"$customer\"\nsupabase = \"$listening\"\nstorage_key = \"sb-127-auth-token\"";
    let (_place, running) = stand_in("supabase", "supabase", settings, "service_role_key", &[]).await?;
    story(Running { shown: "/seen", ..running }).await
}

#[tokio::test(flavor = "multi_thread")]
async fn clerk_signs_in_by_the_link_of_an_actor_token() -> Result<()> {
    let settings = "app = \"$customer\"\napi = \"$listening\"\nfrontend = \"$frontend\"";
    // All ports of a host share their cookies.
    let cookies = &["__client", "__session"];
    let (_place, running) = stand_in("clerk", "clerk", settings, "clerk_secret_key", cookies).await?;
    // A used token cannot be revoked: its session expires by itself.
    story(Running { is_forgotten: false, ..running }).await
}

/// A lead with nothing but the form: the sign-in method, its settings, Test sign-in, Save.
#[tokio::test(flavor = "multi_thread")]
async fn from_nothing_to_signed_in_by_the_form_alone() -> Result<()> {
    use crate::setup::{fill, press, runs};

    let (place, running) = django("django-hijack")?;
    let program = &running.program;
    let stage = Stage::set(Path::new(env!("CARGO_BIN_EXE_understudy"))).await?;
    let console = stage.open(&[]).await?;
    press(&console, "Connect your database").await?;
    fill(&console, "Name", "Shop").await?;
    let database = place.path().join("shop.sqlite3");
    fill(&console, "Database URL", &format!("sqlite://{}", database.display())).await?;
    console.ui.press(thirtyfour::Key::Tab).await?;
    console.ui.with_text("status", "The database answers").await?;
    press(&console, "Sign-in and policy").await?;
    runs(&console, "django-hijack").await?;
    fill(&console, "Application", &program.origin()).await?;
    fill(&console, "Operator's user name", "support").await?;
    let password = console.ui.session().find(thirtyfour::By::Css("input[type=password]")).await?;
    password.send_keys(PASSWORD).await?;
    let user = console.ui.by_role("combobox", "User ID").await?;
    user.send_keys(&running.ids[0]).await?;
    press(&console, "Test sign-in").await?;
    let tried = console.ui.with_text("status", "was signed in and out again").await?.text().await?;
    ensure!(tried.contains("the hijack") && !tried.contains(PASSWORD), "{tried}");
    ensure!(program.sessions().await.is_empty(), "{:#?}", program.sessions().await);
    console.ui.press(thirtyfour::Key::Control + "s").await?;
    console.ui.wait_until_gone("combobox", "Sign-in method").await?;
    console.become_user(&running.ids[0], "by the form alone").await?;
    wait_until_active(&console, &["active"], program).await?;
    program.received(|one| one["path"] == "/" && one["user"] == ADA && one["status"] == 200).await;
    console.ui.quit().await
}

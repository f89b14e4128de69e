//! Sign-ins by preset, through the real window, against the real packages: the page shown is the customer's, a
//! second customer is the second, the operator's own session is left alone, and the end ends it on the server.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use futures_util::TryStreamExt;
use serde_json::Value;
use understudy_test_support::mongod::{self, MongoServer};
use understudy_test_support::postgres::PostgresServer;
use understudy_test_support::program::Program;
use understudy_test_support::stage::{Console, Stage};

/// The canary: a secret of the console's that may be found nowhere but in the keyring and in requests of its own.
const PASSWORD: &str = "canary-51c0ffee-operator-password";
const ADA: &str = "ada@example.com";
const BO: &str = "bo@example.com";

/// An application that runs such a package, and what the console is told of it.
struct Running {
    program: Program,
    /// `[directory]` and `[sign_in]`.
    connection: String,
    secrets: Vec<(&'static str, String)>,
    /// Ids of Ada and Bo in the directory.
    ids: [String; 2],
    /// Names of the cookies that a customer's window may have.
    cookies: &'static [&'static str],
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop").join(name)
}

async fn staged(running: &Running) -> Result<Stage> {
    let stage = Stage::set(Path::new(env!("CARGO_BIN_EXE_understudy"))).await?;
    let head = "name = \"Shop\"\nenvironment = \"development\"\n";
    stage.connection("shop", &format!("{head}{}\n[policy]\nreason = \"required\"\n", running.connection))?;
    stage.settings("operator_name = \"Olga\"\noperator_email = \"olga@example.com\"\n")?;
    for (name, value) in &running.secrets {
        stage.secret("shop", name, value).await?;
    }
    Ok(stage)
}

/// What every recipe has to do.
async fn story(running: Running) -> Result<()> {
    let Running { program, ids, .. } = &running;
    let stage = staged(&running).await?;
    let others = program.sessions().await;

    // In a terminal first, as a lead tries it: signed in and out again, and nothing left.
    let (code, said) = stage.run(&["check", "shop", "--user", &ids[0]], "").await?;
    ensure!(code == 0, "{said}\n{:#?}", program.journal().await);
    for secret in running.secrets.iter().map(|(_, value)| value) {
        ensure!(!said.contains(secret.as_str()), "a secret is shown: {said}");
    }
    ensure!(program.sessions().await == others, "{said}\n{:#?}", program.sessions().await);
    let begun = program.journal().await.len();

    let console = stage.open(&[]).await?;
    console.become_user(&ids[0], "ticket 1").await?;
    wait_until_active(&console, &["active"], program).await?;
    let page = |user: &'static str| {
        move |one: &Value| one["path"] == "/" && one["user"] == user && one["status"] == 200
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
    ensure!(
        had.iter().all(|name| running.cookies.contains(name)),
        "the window has more than it needs: {had:?}"
    );

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

    let state = console.ask("console_state", "{}").await?;
    let end = async |at: usize| {
        console.ask("end_session", &format!("{{ session: {} }}", state["sessions"][at]["id"])).await
    };
    end(0).await?;
    program.forgets(ADA).await;
    ensure!(program.sessions().await.iter().any(|session| session["user"] == BO), "Bo's session is another");
    end(1).await?;
    program.forgets(BO).await;
    ensure!(program.sessions().await == others, "{:#?}", program.sessions().await);
    let log = console.ui.log();
    console.ui.quit().await?;

    let audit = std::fs::read(stage.home().audit_file()?)?;
    for secret in running.secrets.iter().map(|(_, value)| value) {
        ensure!(!log.contains(secret.as_str()), "a secret is in the log");
        ensure!(!String::from_utf8_lossy(&audit).contains(secret.as_str()), "a secret is in the audit log");
    }
    Ok(())
}

/// With what the application saw, when it does not come.
async fn wait_until_active(console: &Console<'_>, phases: &[&str], program: &Program) -> Result<()> {
    match console.wait_for_phases(phases).await {
        Ok(()) => Ok(()),
        Err(error) => Err(error.context(format!("{:#?}", program.journal().await))),
    }
}

async fn django(preset: &str) -> Result<(tempfile::TempDir, Running)> {
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
    };
    Ok((place, running))
}

#[tokio::test(flavor = "multi_thread")]
async fn django_hijack_signs_in_by_a_session_made_for_it() -> Result<()> {
    let (_place, running) = django("django-hijack").await?;
    story(running).await
}

#[tokio::test(flavor = "multi_thread")]
async fn django_impersonate_signs_in_and_is_not_believed_without_a_look() -> Result<()> {
    let (_place, running) = django("django-impersonate").await?;
    story(running).await
}

#[tokio::test(flavor = "multi_thread")]
async fn django_loginas_signs_in_with_the_reason_it_wants() -> Result<()> {
    let (_place, running) = django("django-loginas").await?;
    story(running).await
}

/// A server whose databases let this machine in.
fn postgres() -> PostgresServer {
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
    // Somebody else of the support team has a session of their own, which has to survive.
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
        program,
    };
    story(running).await
}

const ENVIRONMENT_SECRET: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const ADMIN_TOKEN: &str = "canary-0ff1ce-admin-token";

fn forest(script: &str, database: (&str, &str)) -> Program {
    let env = [
        ("FOREST_AUTH_SECRET", PASSWORD),
        ("FOREST_ENV_SECRET", ENVIRONMENT_SECRET),
        ("ADMIN_TOKEN", ADMIN_TOKEN),
        database,
    ];
    Program::start(&folder("forest"), &["node", script], &env)
}

fn of_forest(program: Program, preset: &str, directory: &str, ids: [String; 2]) -> Running {
    let connection = format!(
        "[directory]\n{directory}\nemail = \"email\"\nname = \"name\"\n\
         [sign_in]\npreset = \"{preset}\"\n[sign_in.settings]\napp = \"{}\"\nbackend = \"{}\"\nrendering = \"1\"\noperator = \"1\"\n",
        program.ready["customer"].as_str().unwrap_or_default(),
        program.origin(),
    );
    let secrets = vec![("forest_auth_secret", PASSWORD.into())];
    Running { program, connection, secrets, ids, cookies: &["sid"] }
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
        server.url(mongod::ADMIN, "shop").replace("@", &format!(":{}@", password.replace('+', "%20")));
    let program = forest("mongoose.mjs", ("MONGODB_URL", &with_password));
    let users: Vec<mongodb::bson::Document> =
        server.database("shop").collection("users").find(mongodb::bson::doc! {}).await?.try_collect().await?;
    let id = |email: &str| {
        let user = users.iter().find(|user| user.get_str("email").ok() == Some(email));
        user.and_then(|user| user.get_object_id("_id").ok()).map(|id| id.to_hex()).unwrap_or_default()
    };
    let directory =
        format!("url = \"{}\"\ncollection = \"users\"\nid = \"_id\"", server.url(mongod::ADMIN, "shop"));
    let mut running = of_forest(program, "forest-legacy", &directory, [id(ADA), id(BO)]);
    running.secrets.push(("database_password", mongod::ADMIN_PASSWORD.into()));
    story(running).await
}

//! The login endpoints from the documentation: one driver checks that these very files fulfil the contract, and the
//! real core signs in to them.

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Map;
use tempfile::TempDir;
use understudy_core::session::Phase;
use understudy_test_support::browser::Shown;
use understudy_test_support::program::Program;

use crate::test_console::{Desk, three_users};

const KEY: &str = "canary-0123456789-impersonation-key";

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn express() -> Program {
    Program::start(
        &root().join("docs/webhook/express"),
        &["node", "server.mjs"],
        &[("IMPERSONATION_KEY", KEY)],
    )
}

fn django() -> Program {
    let packages = root().join("target/interop/python/webhook");
    let env = [("IMPERSONATION_KEY", KEY), ("PYTHONPATH", packages.to_str().expect("text"))];
    Program::start(&root().join("docs/webhook/django"), &["python3", "server.py"], &env)
}

fn axum() -> Program {
    let cargo = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--package", "understudy-webhook-axum", "--message-format", "json"])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(cargo.status.success(), "{}", String::from_utf8_lossy(&cargo.stderr));
    let lines = String::from_utf8_lossy(&cargo.stdout).into_owned();
    let artifacts = lines.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let program =
        artifacts.filter_map(|artifact| artifact["executable"].as_str().map(str::to_owned)).next_back();
    let program = program.expect("an executable");
    Program::start(&root(), &[&program], &[("IMPERSONATION_KEY", KEY)])
}

/// Runs the driver that checks an endpoint against the contract.
fn keeps_the_contract(endpoint: &Program) {
    let driver = Command::new("node")
        .args(["tests/interop/webhook/story.mjs", &endpoint.origin()])
        .env("IMPERSONATION_KEY", KEY)
        .current_dir(root())
        .output()
        .expect("node runs");
    let said = String::from_utf8_lossy(&driver.stdout).into_owned();
    assert!(driver.status.success() && said.trim_end().ends_with(" 0 failed"), "{said}");
}

/// Signs in with the README's connection file, pointed at the endpoint. The folder contains the users.
async fn signs_in(endpoint: &Program) -> (Desk, TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let url = three_users(folder.path()).await;
    let origin = endpoint.origin();
    let readme = include_str!("../../README.md");
    let connection = readme
        .split("```toml\n")
        .nth(1)
        .and_then(|rest| rest.split("```").next())
        .expect("the README has a connection file")
        .replace("postgres://readonly@db.acme.internal/acme", &url)
        .replace("public.users", "users")
        .replace("https://app.acme.com", &origin);
    let mut desk = Desk::with_connection(|_| connection).await;
    desk.keep("impersonation_key", KEY).await;
    // The endpoints use the real time.
    let real = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis();
    let behind = real - u128::try_from(desk.clock.now_ms()).expect("after 1970");
    desk.clock.advance_by(Duration::from_millis(u64::try_from(behind).expect("some months")));

    let session = desk.console.impersonate("shop", "7", "ticket 12", Map::new()).await.expect("begins");
    desk.until(&session.id, Phase::Active).await;
    let me = desk.browser.visit(&session.id, &format!("{origin}/api/me")).await;
    let me: serde_json::Value = serde_json::from_str(&me.body).expect("JSON");
    assert_eq!(me["id"].to_string().trim_matches('"'), "7");
    assert!(!me["impersonated_by"].as_str().expect("the operator").is_empty());

    for (user, status) in [("8", 403), ("9", 404)] {
        let session =
            desk.console.impersonate("shop", user, "ticket 12", Map::new()).await.expect("the window opens");
        desk.until(&session.id, Phase::Refused).await;
        let Some(Shown::Refusal(refusal)) = desk.browser.shown(&session.id) else { panic!("refused") };
        assert_eq!(refusal.status, Some(status));
    }
    (desk, folder)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_endpoint_for_express_keeps_its_contract_and_signs_a_customer_in() {
    let mut endpoint = express();
    signs_in(&endpoint).await;
    let line = endpoint.line();
    assert_eq!(line["reason"], "ticket 12", "the application's own log knows why: {line}");
    keeps_the_contract(&endpoint);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_endpoint_for_django_keeps_its_contract_and_signs_a_customer_in() {
    let endpoint = django();
    signs_in(&endpoint).await;
    keeps_the_contract(&endpoint);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_endpoint_for_axum_keeps_its_contract_and_signs_a_customer_in() {
    let endpoint = axum();
    signs_in(&endpoint).await;
    keeps_the_contract(&endpoint);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_wrong_is_named_as_the_cause() {
    let endpoint = express();
    let (mut desk, _users) = signs_in(&endpoint).await;
    desk.clock.advance_by(Duration::from_mins(10));
    let running =
        desk.console.sessions().into_iter().find(|view| view.phase == Phase::Active).expect("one runs");
    desk.console.end_session(&running.id, understudy_core::audit::EndCause::Operator).await;
    let session =
        desk.console.impersonate("shop", "7", "ticket 13", Map::new()).await.expect("the window opens");
    desk.until(&session.id, Phase::Refused).await;
    let Some(Shown::Refusal(refusal)) = desk.browser.shown(&session.id) else { panic!("refused") };
    assert!(refusal.hint.contains("clock"), "{refusal:?}");
}

//! Open-source applications in read-only sessions: `tests/interop/applications` runs them and a browser, and asks here
//! for the gateways between the two. `script/interop` runs it; it installs large packages.

use std::process::Stdio;

use secrecy::ExposeSecret as _;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::Command;
use understudy_gateway::fence::{
    AllowedKind, AllowedRequest, FenceRules, OriginPattern, PathPattern, SessionMode,
};
use understudy_gateway::{Gateway, GatewayConfig};
use url::Url;

use crate::application::Company;
use crate::session::{config, rules};

/// What the measurement asks for, one line each.
#[derive(Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case")]
enum GatewayOrder {
    /// A gateway of a session with full access, with these rules for the time when it's read-only.
    Start {
        origin: Url,
        rules: Vec<ProposedLine>,
    },
    ReadOnly,
    /// Ends the session; the answer is what was held back, the oldest first.
    End,
}

/// A rule, as the summary proposes it.
#[derive(Deserialize)]
struct ProposedLine {
    method: String,
    origin: Option<String>,
    path: String,
}

fn to_allowed(line: &ProposedLine) -> AllowedRequest {
    AllowedRequest {
        kind: match line.method.as_str() {
            "websocket" => AllowedKind::Socket,
            method => AllowedKind::Method(method.parse().expect("a method")),
        },
        origin: line.origin.as_deref().map(|origin| OriginPattern::parse(origin).expect("an origin")),
        path: PathPattern::parse(&line.path).expect("a path"),
    }
}

async fn start_session(company: &Company, origin: &Url, allowed: &[ProposedLine]) -> Gateway {
    let allowed = allowed.iter().map(to_allowed).collect();
    let rules = FenceRules { application: vec![origin.origin()], allowed, ..rules(SessionMode::Full) };
    Gateway::start(GatewayConfig { rules, ..config(company) }).await.expect("a gateway")
}

fn describe_held_back(gateway: &Gateway) -> Value {
    let mut groups = gateway.held_back_summary();
    groups.reverse();
    let describe = |group: &understudy_gateway::HeldBackGroup| {
        let rule = group.proposed_rule().map(|rule| {
            let origin = rule.origin.as_ref().map(ToString::to_string);
            json!({ "method": rule.kind.to_string(), "origin": origin, "path": rule.path.to_string() })
        });
        json!({
            "method": group.method,
            "address": format!("{}{}", group.host, group.path),
            "times": group.count,
            "rule": rule,
        })
    };
    groups.iter().map(describe).collect()
}

#[tokio::test]
#[ignore = "installs large packages: script/interop runs it"]
async fn first_level_pages_of_open_source_applications_render_in_read_only_sessions() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/interop/applications/measure.mjs");
    let mut measurement = Command::new("node")
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("script/bootstrap installs Node");
    let mut answers = measurement.stdin.take().expect("a pipe");
    let mut orders = BufReader::new(measurement.stdout.take().expect("a pipe")).lines();
    let company = Company::found("Example");
    let mut session: Option<Gateway> = None;
    while let Some(line) = orders.next_line().await.expect("text") {
        let answer = match serde_json::from_str(&line).expect("an order") {
            GatewayOrder::Start { origin, rules } => {
                let gateway = start_session(&company, &origin, &rules).await;
                let answer = json!({
                    "server": format!("http://{}", gateway.address()),
                    "username": gateway.user(),
                    "password": gateway.password().expose_secret(),
                });
                session = Some(gateway);
                answer
            }
            GatewayOrder::ReadOnly => {
                session.as_ref().expect("a session").set_mode(SessionMode::ReadOnly);
                Value::Null
            }
            GatewayOrder::End => {
                let gateway = session.take().expect("a session");
                let held_back = describe_held_back(&gateway);
                gateway.close().await;
                held_back
            }
        };
        answers.write_all(format!("{answer}\n").as_bytes()).await.expect("it listens");
    }
    let status = measurement.wait().await.expect("it ends");
    assert!(status.success(), "not every page renders with at most three rules: see the table above");
}

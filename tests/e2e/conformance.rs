//! What a customer sees is what the agent sees: about a hundred features of browsers, tried by the pages in
//! `tests/conformance`, give the same results in a session's window as in a plain window of the same engine. What
//! differs is listed in `docs/session-window.md`, which these stories read.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tokio::process::Command;
use understudy_core::user_agent::user_agent;
use understudy_gateway::fence::{FenceRules, HostPattern, SessionMode};
use understudy_gateway::{Gateway, GatewayConfig, HeldBack, JournalEntry, PublicCache, SessionObserver};
use understudy_test_support::certificates::Authority;
use understudy_test_support::chromium::{WayThere, end_browser, start_chromium};
use understudy_test_support::desktop::{Desktop, Window};
use understudy_test_support::program::Program;
use understudy_test_support::wait::until;

use crate::site::stage;

const DOCS: &str = include_str!("../../docs/session-window.md");

/// Where to click: in the middle of the page, whatever is above it.
const MIDDLE: (u32, u32) = (640, 430);

/// What the pages found out, by feature.
type Found = BTreeMap<String, Value>;

/// The application with the pages, and what they have told it.
struct Application {
    server: Program,
    http: reqwest::Client,
    /// Of its certificate.
    key_hash: String,
}

impl Application {
    fn start(authority: &Authority) -> Result<Self> {
        let signed = authority.sign("localhost");
        let [certificate, key] = [&signed.certificate, &signed.key].map(|path| path.display().to_string());
        let server = Program::start(
            &Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance"),
            &["node", "server.mjs"],
            &[("CERTIFICATE", &certificate), ("KEY", &key)],
        );
        let root = reqwest::Certificate::from_pem(&std::fs::read(authority.certificate())?)?;
        let http = reqwest::Client::builder().no_proxy().tls_certs_only([root]).build()?;
        Ok(Self { server, http, key_hash: authority.key_hash(&signed) })
    }

    /// Everything that it was told so far, in order: what about, and what.
    async fn told(&self) -> Result<Vec<(String, Value)>> {
        let told = self.http.get(format!("{}/__test/told", self.server.origin())).send().await?;
        Ok(serde_json::from_slice(&told.bytes().await?)?)
    }

    /// The results, once all features were tried. `help` does what a page wants done to its window.
    async fn collect(&self, mut help: impl AsyncFnMut(&str) -> Result<()>) -> Result<Found> {
        let mut helped = 0;
        loop {
            let next = until("the page to tell what it found", async || {
                let told = self.told().await?;
                if told.iter().any(|(about, _)| about == "finished") {
                    return Ok(Some(None));
                }
                let wanted = told.into_iter().filter(|(about, _)| about == "wanted").nth(helped);
                Ok(wanted.map(|(_, what)| Some(what.as_str().unwrap_or_default().to_owned())))
            });
            let Some(wanted) = next.await.with_context(|| "while it told")? else { break };
            help(&wanted).await.with_context(|| wanted.clone())?;
            helped += 1;
        }
        let features = self.told().await?.into_iter().filter_map(|(about, found)| {
            let is_late = ["beacon", "keepalive", "aborted", "revalidated"].contains(&about.as_str());
            let name = if is_late {
                Some(format!("{about}_arrives"))
            } else {
                about.strip_prefix("feature/").map(str::to_owned)
            };
            name.map(|name| (name, found))
        });
        Ok(features.collect())
    }
}

/// Does to a window what a person would be asked to do.
async fn help_page(desktop: &Desktop, window: &Window, wanted: &str) -> Result<()> {
    match wanted {
        "click" => desktop.click(window, MIDDLE.0, MIDDLE.1).await,
        "hold" => desktop.hold(window, MIDDLE.0, MIDDLE.1).await,
        "pull" => desktop.move_pointer((20, 20)).await,
        "move" => desktop.move_pointer((60, 40)).await,
        "release" => desktop.release().await,
        "type" => desktop.type_text(window, "a").await,
        // It opens a dialog, which is closed again.
        _ => {
            let before = desktop.windows().await?;
            desktop.click(window, MIDDLE.0, MIDDLE.1).await?;
            let dialog = until("a dialog", async || {
                Ok(desktop.windows().await?.into_iter().find(|one| !before.contains(one)))
            })
            .await?;
            until("the dialog to close", async || {
                let pressed = desktop.press(&dialog, &["Escape"]).await;
                Ok((pressed.is_err() || !desktop.windows().await?.contains(&dialog)).then_some(()))
            })
            .await
        }
    }
}

/// The features that the docs list as different, in the table below this heading.
fn expect_differences(heading: &str) -> BTreeSet<String> {
    let section = DOCS.split_once(heading).expect("the heading").1;
    let rows =
        section.lines().skip_while(|line| !line.starts_with('|')).take_while(|line| line.starts_with('|'));
    rows.filter_map(|row| row.strip_prefix("| `")?.split('`').next().map(str::to_owned)).collect()
}

/// Fails unless exactly the expected features differ.
fn compare(plain: &Found, session: &Found, expected: &BTreeSet<String>) -> Result<()> {
    let names: BTreeSet<&String> = plain.keys().chain(session.keys()).collect();
    let different: Vec<&String> =
        names.into_iter().filter(|name| plain.get(*name) != session.get(*name)).collect();
    let is_expected = different.iter().copied().eq(expected);
    let shown =
        |found: &Found, name: &String| found.get(name).map_or_else(|| "nothing".to_owned(), Value::to_string);
    let lines = different
        .iter()
        .map(|name| format!("{name}: {}\n  in a session: {}", shown(plain, name), shown(session, name)));
    ensure!(
        is_expected,
        "expected {expected:?}, but different are\n{}",
        lines.collect::<Vec<_>>().join("\n")
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sessions_window_can_do_what_a_plain_window_of_webkit_can() -> Result<()> {
    let authority = Authority::new();
    let application = Application::start(&authority)?;
    let more = format!("[network]\nca = \"{}\"\n", authority.certificate().display());
    let stage = stage(&application.server.origin(), &more).await?;
    let desktop = &stage.desktop;
    let console = stage.open(&[]).await?;
    console.become_user("7", "ticket 1").await?;
    let window = desktop.wait_for_window("development — Understudy").await?;
    let in_session = application.collect(async |wanted| help_page(desktop, &window, wanted).await).await?;
    console.ui.quit().await?;

    let application = Application::start(&authority)?;
    let browser = format!("/usr/lib/{}-linux-gnu/webkit2gtk-4.1/MiniBrowser", std::env::consts::ARCH);
    let mut plain = Command::new(browser);
    plain.args(["--private", "--ignore-tls-errors", "--geometry=1280x860", &application.server.origin()]);
    plain.envs(stage.env()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let _plain = plain.kill_on_drop(true).spawn().context("script/bootstrap installs it")?;
    let window = desktop.wait_for_window("Conformance").await?;
    let in_browser = application.collect(async |wanted| help_page(desktop, &window, wanted).await).await?;
    ensure!(in_browser.len() > 40, "{in_browser:#?}");
    compare(&in_browser, &in_session, &expect_differences("### In WebKitGTK"))
}

struct NoObserver;

impl SessionObserver for NoObserver {
    fn on_held_back(&self, _: &JournalEntry, _: &HeldBack) {}
}

async fn start_gateway(application: &Application, authority: &Authority) -> Result<Gateway> {
    let url: url::Url = application.server.origin().parse()?;
    let config = GatewayConfig {
        extra_roots: vec![authority.certificate_der()],
        proxy: None,
        credentials: Vec::new(),
        launch: None,
        cache: Arc::new(PublicCache::new(1 << 20)),
        static_hosts: vec![HostPattern::parse("localhost").expect("a host")],
        rules: FenceRules {
            mode: SessionMode::Full,
            application: vec![url.origin()],
            blocked_paths: Vec::new(),
            allowed: Vec::new(),
            open_hosts: Vec::new(),
            blocked_hosts: Vec::new(),
        },
        observer: Arc::new(NoObserver),
        redactor: Arc::new(|text: &str| text.to_owned()),
    };
    Gateway::start(config).await.context("a gateway")
}

#[tokio::test(flavor = "multi_thread")]
async fn chromium_can_do_the_same_through_a_gateway_as_without_one() -> Result<()> {
    let authority = Authority::new();
    let mut found = Vec::new();
    for has_gateway in [false, true] {
        let application = Application::start(&authority)?;
        let gateway = start_gateway(&application, &authority).await?;
        let way =
            if has_gateway { WayThere::Gateway(&gateway) } else { WayThere::Direct(&application.key_hash) };
        let profile = tempfile::tempdir()?;
        let page = format!("{}/?alone", application.server.origin());
        let chromium = start_chromium(way, Some(user_agent()), &page, profile.path()).await?;
        found.push(application.collect(async |_| Ok(())).await?);
        end_browser(chromium).await;
    }
    ensure!(found[0].len() > 40, "{:#?}", found[0]);
    compare(&found[0], &found[1], &expect_differences("### In Chromium"))
}

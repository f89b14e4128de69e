//! A page with 60 files and 20 calls in three waves, in real engines, near and far.

use std::sync::Arc;
use std::time::Duration;

use understudy_gateway::fence::{FenceRules, SessionMode};
use understudy_gateway::{Gateway, GatewayConfig, PublicCache};

use crate::application::{Application, Company, Pages};
use crate::relays::delay_all;
use crate::{browsers, session};

const FAR: Duration = Duration::from_millis(50);
const ROUNDS: usize = 3;
/// A page whose document declares its files, and one whose script adds them.
const DECLARED: &str = "/declared";
const ADDED: &str = "/added";

fn write_pages() -> Pages {
    let tags = (0..60).map(|at| format!("<script defer src=/file/{at}.js></script>"));
    let declared = tags.collect::<Vec<_>>().concat();
    let added = "<script>for (let at = 0; at < 60; at++) {
        document.head.append(Object.assign(document.createElement('script'), { src: `/file/${at}.js` }));
    }</script>";
    let page = |path, files: &str| {
        let content: &str = include_str!("page.html").replace("FILES", files).leak();
        (path, "text/html", content, None)
    };
    vec![page(DECLARED, &declared), page(ADDED, added)].leak()
}

pub async fn measure(company: &Company) {
    for delay in [Duration::ZERO, FAR] {
        let application = Application::start_with_pages(company, write_pages()).await;
        let port = delay_all(application.address, delay).await;
        let origin = format!("https://localhost:{port}").parse::<url::Url>().expect("a URL");
        let distance = if delay.is_zero() { "near" } else { "far " };
        let cache = Arc::new(PublicCache::new(64 << 20));
        let start = async || {
            let rules =
                FenceRules { application: vec![origin.origin()], ..session::rules(SessionMode::Full) };
            let config = GatewayConfig { cache: cache.clone(), rules, ..session::config(company) };
            let gateway = Gateway::start(config).await.expect("a gateway");
            // As while the operator types.
            gateway.preconnect(&origin);
            gateway
        };
        for (engine, path) in [("webkit", DECLARED), ("webkit", ADDED), ("chromium", DECLARED)] {
            let page = origin.join(path).expect("a path").to_string();
            let (mut direct, mut first, mut second) = (Vec::new(), Vec::new(), Vec::new());
            // In turns, and each in a session of its own: what a first session has to load, the second shares.
            for _ in 0..ROUNDS {
                direct.push(load(&application, engine, None, &page).await);
                cache.clear();
                first.push(load(&application, engine, Some(&start().await), &page).await);
                second.push(load(&application, engine, Some(&start().await), &page).await);
            }
            let (direct, first, second) = (median(direct), median(first), median(second));
            println!(
                "{distance} {engine} {path}: direct {direct:.0} ms; first session {first:.0} ms ({:.2}x); second {second:.0} ms ({:.2}x)",
                first / direct,
                second / direct
            );
        }
    }
}

/// Until the page has all its files and calls, in milliseconds, as it says itself.
async fn load(application: &Application, engine: &str, gateway: Option<&Gateway>, page: &str) -> f64 {
    application.seen.lock().clear();
    let home = tempfile::tempdir().expect("a folder");
    let browser = match (engine, gateway) {
        ("webkit", gateway) => browsers::open_webkit(gateway, page, home.path()),
        (_, gateway) => browsers::open_chromium(gateway, page, home.path()).await,
    };
    let told = loop {
        let told = application
            .seen
            .lock()
            .iter()
            .find_map(|seen| seen.path.strip_prefix("/loaded/").map(str::to_owned));
        match told {
            Some(told) => break told,
            None => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    };
    browsers::end_browser(browser).await;
    told.parse().expect("milliseconds")
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

//! Every way in which a page can write, in two real engines behind the gateway: WebKitGTK and Chromium.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use understudy_gateway::fence::{FenceRules, SessionMode};
use understudy_gateway::{Gateway, GatewayConfig, HeldBack, JournalEntry, SessionObserver};
use url::Url;

use crate::application::{Application, Company, Pages};
use crate::browsers::{end_browser, open_chromium, open_webkit};
use crate::session::{config, rules};
use crate::writes::{
    FINISHED, NO_PREFETCH, PAGES, PREFETCHED, READS, REDIRECT, REPEATED, TOP_LEVEL_FORM, WRITES,
};

const READER: Pages = &[(
        "/reader",
        "text/html",
        "<!doctype html><script type=module>
            for (const [name, origin] of [['own', ''], ['other', new URL(location).searchParams.get('other')]]) {
                const told = await fetch(origin + '/shared-api', {
                    method: 'PUT',
                    credentials: 'include',
                    headers: { accept: 'application/json', 'content-type': 'application/json' },
                    body: '{}',
                }).then(async (answer) => answer.status + '/' + typeof (await answer.json()).message, () => 'unreadable');
                await fetch('/told/' + name + '/' + told);
            }
        </script>",
        None,
    )];

/// How long an engine may take for all of it, on a slow and busy machine.
const PATIENCE: Duration = Duration::from_mins(2);

#[derive(Default)]
struct HeldWrites {
    paths: Mutex<Vec<String>>,
    changed: Notify,
}

impl SessionObserver for HeldWrites {
    fn on_held_back(&self, entry: &JournalEntry, _: &HeldBack) {
        let path = entry.url.parse::<Url>().map(|url| url.path().to_owned()).unwrap_or_default();
        self.paths.lock().push(path);
        self.changed.notify_one();
    }
}

struct Stage {
    application: Application,
    other: Application,
    gateway: Gateway,
    held: Arc<HeldWrites>,
}

impl Stage {
    async fn set(mode: SessionMode) -> Self {
        Self::with_pages(mode, PAGES).await
    }

    async fn with_pages(mode: SessionMode, pages: Pages) -> Self {
        let company = Company::found("Example");
        let application = Application::start_with_pages(&company, pages).await;
        let other = Application::start_with_pages(&company, pages).await;
        let held = Arc::new(HeldWrites::default());
        let url: Url = application.https("/").parse().unwrap();
        let rules = FenceRules { application: vec![url.origin()], ..rules(mode) };
        let config = GatewayConfig { rules, observer: held.clone(), ..config(&company) };
        let gateway = Gateway::start(config).await.expect("a gateway");
        Self { application, other, gateway, held }
    }

    fn page(&self, path: &str) -> String {
        let other = format!("https://127.0.0.1:{}", self.other.address.port());
        self.application.https(&format!("{path}?other={other}"))
    }

    /// The writes that reached one of the applications.
    fn reached(&self) -> Vec<String> {
        let seen =
            [&self.application, &self.other].map(|application| application.seen.lock().clone()).concat();
        let mut paths: Vec<_> =
            seen.into_iter().map(|seen| seen.path).filter(|path| path.starts_with("/write/")).collect();
        paths.sort();
        paths.dedup();
        paths
    }

    async fn wait_until_all(&self, what: &str, list: impl Fn() -> Vec<String>, wanted: &[&str]) {
        let missing =
            || wanted.iter().filter(|path| !list().iter().any(|it| it == *path)).copied().collect::<Vec<_>>();
        let waiting = async {
            while !missing().is_empty() {
                let _ = tokio::time::timeout(Duration::from_millis(100), self.held.changed.notified()).await;
            }
        };
        assert!(tokio::time::timeout(PATIENCE, waiting).await.is_ok(), "{what} lacks {:?}", missing());
    }

    /// Whether the application was asked for it, once everything has been tried.
    fn was_asked_for(&self, path: &str) -> bool {
        self.application.seen.lock().iter().any(|seen| seen.path == path)
    }

    /// The writes that the engine has heard of, without those in `except`.
    async fn wait_until_tried(&self, what: &str, list: impl Fn() -> Vec<String>, except: &[&str]) {
        let finished = || self.application.seen.lock().iter().map(|seen| seen.path.clone()).collect();
        self.wait_until_all("the application", finished, &[FINISHED]).await;
        let can_prefetch = !self.was_asked_for(NO_PREFETCH);
        let is_expected = |path: &&str| !except.contains(path) && (can_prefetch || *path != PREFETCHED);
        self.wait_until_all(what, list, &WRITES.into_iter().filter(is_expected).collect::<Vec<_>>()).await;
    }

    async fn expect_all_writes(&self) {
        self.wait_until_tried("the application", || self.reached(), &[TOP_LEVEL_FORM]).await;
        self.application.finish.notify_one();
        self.wait_until_all("the application", || self.reached(), &[TOP_LEVEL_FORM]).await;
    }

    async fn expect_no_write(&self) {
        let held = || self.held.paths.lock().clone();
        self.wait_until_tried("the fence", held, &[TOP_LEVEL_FORM, REPEATED]).await;
        self.wait_until_all("the fence", held, &[REDIRECT]).await;
        self.application.finish.notify_one();
        self.wait_until_all("the fence", held, &[TOP_LEVEL_FORM]).await;
        assert_eq!(self.reached(), Vec::<String>::new());
        for path in
            READS.into_iter().filter(|path| !path.ends_with("prefetched") || !self.was_asked_for(NO_PREFETCH))
        {
            assert!(self.was_asked_for(path), "{path} only reads, and passes");
        }
    }
}

#[tokio::test]
async fn a_full_session_writes_in_webkit() {
    let (stage, home) = (Stage::set(SessionMode::Full).await, tempfile::tempdir().unwrap());
    let browser = open_webkit(Some(&stage.gateway), &stage.page("/hostile"), home.path());
    stage.expect_all_writes().await;
    end_browser(browser).await;
}

#[tokio::test]
async fn a_read_only_session_writes_in_no_way_in_webkit() {
    let (stage, home) = (Stage::set(SessionMode::ReadOnly).await, tempfile::tempdir().unwrap());
    let browser = open_webkit(Some(&stage.gateway), &stage.page("/hostile"), home.path());
    stage.expect_no_write().await;
    end_browser(browser).await;
}

#[tokio::test]
async fn a_full_session_writes_in_chromium() {
    let (stage, home) = (Stage::set(SessionMode::Full).await, tempfile::tempdir().unwrap());
    let browser = open_chromium(Some(&stage.gateway), &stage.page("/hostile"), home.path()).await;
    stage.expect_all_writes().await;
    assert!(!stage.was_asked_for(NO_PREFETCH), "Chromium has all of them");
    end_browser(browser).await;
}

#[tokio::test]
async fn a_read_only_session_writes_in_no_way_in_chromium() {
    let (stage, home) = (Stage::set(SessionMode::ReadOnly).await, tempfile::tempdir().unwrap());
    let browser = open_chromium(Some(&stage.gateway), &stage.page("/hostile"), home.path()).await;
    stage.expect_no_write().await;
    end_browser(browser).await;
}

/// A dialog of the engine's own would stand in front of the page, which would not be shown before it's closed.
#[tokio::test]
async fn no_engine_asks_for_a_password() {
    let stage = Stage::set(SessionMode::ReadOnly).await;
    let page = stage.application.https("/guarded");
    let is_shown = || stage.application.seen.lock().iter().map(|seen| seen.path.clone()).collect::<Vec<_>>();
    for engine in ["webkit", "chromium"] {
        let home = tempfile::tempdir().unwrap();
        stage.application.seen.lock().clear();
        let browser = match engine {
            "webkit" => open_webkit(Some(&stage.gateway), &page, home.path()),
            _ => open_chromium(Some(&stage.gateway), &page, home.path()).await,
        };
        stage.wait_until_all(engine, is_shown, &["/staff-only.js"]).await;
        end_browser(browser).await;
    }
}

/// An application shows its ordinary error for what it can read, wherever its API is.
#[tokio::test]
async fn a_page_can_read_that_its_request_was_refused() {
    let stage = Stage::with_pages(SessionMode::ReadOnly, READER).await;
    for engine in ["webkit", "chromium"] {
        let home = tempfile::tempdir().unwrap();
        stage.application.seen.lock().clear();
        let browser = match engine {
            "webkit" => open_webkit(Some(&stage.gateway), &stage.page("/reader"), home.path()),
            _ => open_chromium(Some(&stage.gateway), &stage.page("/reader"), home.path()).await,
        };
        let told = || stage.application.seen.lock().iter().map(|seen| seen.path.clone()).collect();
        stage.wait_until_all(engine, told, &["/told/own/403/string", "/told/other/403/string"]).await;
        end_browser(browser).await;
        let asked: Vec<_> = stage.other.seen.lock().drain(..).map(|seen| seen.method).collect();
        assert_eq!(asked, [http::Method::OPTIONS], "{engine}: the question passes, the request does not");
    }
}

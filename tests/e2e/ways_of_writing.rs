//! Every way in which a page can write, tried in a session's own window: first read-only, then with full access. The
//! gateway's tests show the same page in other windows.

use std::sync::{Arc, Mutex};

use anyhow::{Context, Result, ensure};
use axum::Router;
use axum::extract::{OriginalUri, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use tokio::sync::Notify;
use understudy_test_support::wait::until;

use crate::site::stage;
use crate::writes::{
    FINISHED, NO_PREFETCH, PAGES, PREFETCHED, READS, REDIRECT, REPEATED, TOP_LEVEL_FORM, WRITES,
};

const READ_ONLY: &str = "[policy]\nmode = \"read_only\"\nmay_unlock = true\n";

#[derive(Default)]
struct Application {
    /// The paths of all requests.
    asked_for: Mutex<Vec<String>>,
    /// [`FINISHED`] is answered when the test says so.
    finish: Notify,
}

impl Application {
    async fn start(application: &Arc<Self>) -> Result<String> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let origin = format!("http://{}", listener.local_addr()?);
        let routes = Router::new().fallback(answer).with_state(Arc::clone(application));
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Ok(origin)
    }

    fn was_asked_for(&self, path: &str) -> bool {
        self.asked_for.lock().expect("no panic").iter().any(|asked| asked == path)
    }

    async fn wait_for(&self, path: &str) -> Result<()> {
        until(path, async || Ok(self.was_asked_for(path).then_some(()))).await
    }

    /// What has reached it of a list.
    fn find_asked_for(&self, of: &[&'static str]) -> Vec<&'static str> {
        of.iter().copied().filter(|path| self.was_asked_for(path)).collect()
    }
}

async fn answer(
    State(application): State<Arc<Application>>,
    method: Method,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> Response {
    let path = uri.path();
    application.asked_for.lock().expect("no panic").push(path.to_owned());
    if let Some((_, content_type, content, header)) = PAGES.iter().find(|(known, ..)| *known == path) {
        let mut page = ([(header::CONTENT_TYPE, *content_type)], *content).into_response();
        if let Some((name, value)) = header {
            page.headers_mut().insert(*name, HeaderValue::from_static(value));
        }
        return page;
    }
    match path {
        "/login" => (StatusCode::OK, [(header::SET_COOKIE, "sid=7; Path=/; HttpOnly")], "{}").into_response(),
        "/" => {
            let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
            let other = host.replace("127.0.0.1", "localhost");
            Html(format!("<script>location.replace('/hostile?other=http://{other}')</script>"))
                .into_response()
        }
        REDIRECT if method == Method::POST => {
            (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, REPEATED)]).into_response()
        }
        FINISHED => {
            application.finish.notified().await;
            StatusCode::NO_CONTENT.into_response()
        }
        _ => "the application".into_response(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_writes_in_no_way_while_the_window_is_read_only_and_in_every_way_after() -> Result<()> {
    let application = Arc::new(Application::default());
    let stage = stage(&Application::start(&application).await?, READ_ONLY).await?;
    let desktop = &stage.desktop;
    let console = stage.open(&[]).await?;
    console.become_user("7", "ticket 1").await?;
    console.wait_for_phases(&["active"]).await?;
    let window = desktop.wait_for_window("development — Understudy").await?;
    console.ui.switch_to("bar.html").await?;

    application.wait_for(FINISHED).await?;
    let can_prefetch = !application.was_asked_for(NO_PREFETCH);
    let expected: Vec<_> = WRITES.into_iter().filter(|path| can_prefetch || *path != PREFETCHED).collect();
    let held_back = async |path: &str| {
        until(&format!("{path} to be held back"), async || {
            let bar = console.ask("bar_state", "{}").await?;
            let groups = bar["held_back"]["groups"].as_array().context("what was held back")?;
            let is_it = |address: &str| address.ends_with(path);
            Ok(groups.iter().any(|one| one["address"].as_str().is_some_and(is_it)).then_some(()))
        })
        .await
    };
    for path in expected.iter().chain([&REDIRECT]).filter(|path| ![TOP_LEVEL_FORM, REPEATED].contains(path)) {
        held_back(path).await?;
    }
    application.finish.notify_one();
    held_back(TOP_LEVEL_FORM).await?;
    let reached = application.find_asked_for(&WRITES);
    ensure!(reached.is_empty(), "{reached:?}");
    let read = application.find_asked_for(&READS);
    ensure!(read.len() == if can_prefetch { 2 } else { 1 }, "what only reads passes: {read:?}");

    application.asked_for.lock().expect("no panic").clear();
    console.ask("set_session_mode", "{ mode: 'full', reason: 'to try it with full access' }").await?;
    desktop.press(&window, &["alt+Left"]).await?;
    for path in expected.iter().filter(|path| **path != TOP_LEVEL_FORM) {
        application.wait_for(path).await?;
    }
    application.wait_for(FINISHED).await?;
    application.finish.notify_one();
    application.wait_for(TOP_LEVEL_FORM).await?;
    console.ui.quit().await
}

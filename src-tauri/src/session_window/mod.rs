//! Session windows: a bar that belongs to Understudy, and under it the application's page.
//!
//! The bar is the console's own webview. The page is a bare, incognito webview that Tauri does not
//! know: it has no bridge, no command and no way to the bar, because nothing of the kind was ever put
//! into it. What differs between systems lives in one small file each.

mod blocked;
mod desk;
mod downloads;
#[cfg(not(target_os = "linux"))]
mod jar;
#[cfg(target_os = "linux")]
#[path = "linux.rs"]
mod platform;
#[cfg(target_os = "macos")]
#[path = "macos.rs"]
mod platform;
#[cfg(windows)]
#[path = "windows.rs"]
mod platform;

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use tauri::{AppHandle, Emitter, Manager, WebviewUrl, WebviewWindow, WebviewWindowBuilder, WindowEvent};
use tauri_plugin_window_state::{StateFlags, WindowExt};
use tokio::sync::{mpsc, oneshot};
use ts_rs::TS;
use understudy_core::audit::EndCause;
use understudy_core::browser::{
    Answer, Browser, Opening, PlannedRequest, Refusal, SessionCookie, Stored, Unanswered,
};
use understudy_core::error::{Code, Error, Result};
use understudy_core::plain;
use understudy_core::session::SessionView;
use url::{Origin, Url};
use wry::{
    NewWindowResponse, PageLoadEvent, PermissionResponse, ProxyConfig, ProxyEndpoint, WebView, WebViewBuilder,
};

use self::blocked::Blocked;
use self::desk::{Desk, Report};
use self::downloads::Downloads;
use crate::CONSOLE;

/// Height of the bar, in logical pixels; `ui/src/bar` draws itself into it.
pub const BAR_HEIGHT: i32 = 46;

/// What [`remembered_as`] calls every session window.
pub const REMEMBERED: &str = "session";

/// A desk is there within this time or never: it is a local page.
const DESK_LIMIT: Duration = Duration::from_secs(20);

/// What the operator wants of a session, said in its window.
#[derive(Debug)]
pub enum Wish {
    Retry(String),
    /// Another secret is to be given, in the console.
    Renew(String),
    End(String, EndCause),
}

/// What the bar can do, by button or by key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum BarAction {
    Back,
    Forward,
    Reload,
    ZoomIn,
    ZoomOut,
    ZoomReset,
    Inspect,
    End,
}

/// What the bar shows.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[ts(export)]
pub struct BarState {
    pub session: SessionView,
    pub can_go_back: bool,
    pub can_go_forward: bool,
    /// 1 is 100 %.
    pub zoom: f64,
    /// Origin of the page that is shown.
    pub location: String,
}

/// What stands in the page's place.
enum Stage {
    Desk {
        nonce: String,
        ready: Option<oneshot::Sender<()>>,
    },
    /// A one-time link, on its way to a page of this origin.
    Link {
        origin: Origin,
        arrived: Option<oneshot::Sender<Url>>,
    },
    Application,
}

/// One session's window, as far as any thread may know it.
struct Open {
    session: String,
    stage: Mutex<Stage>,
    next_answer: AtomicU64,
    answers: Mutex<HashMap<u64, oneshot::Sender<Result<Answer, Unanswered>>>>,
    zoom: Mutex<f64>,
    /// Nothing in the window reaches these.
    blocked: Blocked,
    proxy: Option<ProxyConfig>,
    wishes: mpsc::UnboundedSender<Wish>,
}

/// Where something that takes its time says how it ended.
pub type Done<T> = oneshot::Sender<std::result::Result<T, String>>;

/// What only the main thread may touch.
struct Page {
    view: WebView,
    window: WebviewWindow,
}

thread_local! {
    /// The pages, by session; filled on the main thread only.
    static PAGES: RefCell<HashMap<String, Page>> = RefCell::default();
}

/// All session windows.
pub struct SessionWindows {
    app: AppHandle,
    open: Mutex<HashMap<String, Arc<Open>>>,
    wishes: mpsc::UnboundedSender<Wish>,
}

impl SessionWindows {
    /// Windows of `app`; what the operator wants in them comes out of the receiver.
    pub fn new(app: AppHandle) -> (Arc<Self>, mpsc::UnboundedReceiver<Wish>) {
        platform::sweep(&app);
        let (wishes, receiver) = mpsc::unbounded_channel();
        (Arc::new(Self { app, open: Mutex::default(), wishes }), receiver)
    }

    /// What the bar of `session` shows.
    pub async fn bar_state(&self, session: SessionView) -> Result<BarState> {
        let zoom = *lock(&self.find(&session.id)?.zoom);
        let id = session.id.clone();
        self.on_main(move || {
            with_page(&id, |page| {
                let view = &page.view;
                let url = view.url().ok().and_then(|url| Url::parse(&url).ok());
                BarState {
                    session,
                    can_go_back: view.can_go_back().unwrap_or(false),
                    can_go_forward: view.can_go_forward().unwrap_or(false),
                    zoom,
                    location: url.map(|url| url.origin().ascii_serialization()).unwrap_or_default(),
                }
            })
        })
        .await?
    }

    /// Does what a button or key of the bar says.
    pub async fn act(&self, session: &str, action: BarAction) -> Result<()> {
        let open = self.find(session)?;
        self.on_main(move || act(&open, action)).await
    }

    fn find(&self, session: &str) -> Result<Arc<Open>> {
        lock(&self.open).get(session).cloned().ok_or_else(gone)
    }

    /// Runs on the main thread, where windows live, and waits for it without blocking.
    async fn on_main<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        let (done, result) = oneshot::channel();
        self.app
            .run_on_main_thread(move || {
                let _ = done.send(work());
            })
            .map_err(failed)?;
        result.await.map_err(|_| gone())
    }

    async fn run(&self, session: &str, script: String) -> Result<()> {
        let id = session.to_owned();
        self.on_main(move || with_page(&id, |page| page.view.evaluate_script(&script).map_err(failed)))
            .await??
    }
}

#[async_trait]
impl Browser for SessionWindows {
    async fn open(&self, session: &SessionView, opening: &Opening<'_>) -> Result<()> {
        let Opening { origin, block, proxy } = *opening;
        let title = format!("Signing in as {}", session.user.best());
        let desk = Desk::new(origin, &title, &place(session));
        let (ready, is_ready) = oneshot::channel();
        let open = Arc::new(Open {
            session: session.id.clone(),
            stage: Mutex::new(Stage::Desk { nonce: desk.nonce.clone(), ready: Some(ready) }),
            next_answer: AtomicU64::new(1),
            answers: Mutex::default(),
            zoom: Mutex::new(1.0),
            blocked: Blocked { origin: origin.clone(), paths: block.to_vec() },
            proxy: proxy.and_then(proxy_config),
            wishes: self.wishes.clone(),
        });
        lock(&self.open).insert(session.id.clone(), Arc::clone(&open));
        let (app, session, id, opened) =
            (self.app.clone(), session.clone(), session.id.clone(), Arc::clone(&open));
        self.on_main(move || build(&app, &session, &opened, &desk)).await??;
        wait_for_desk(is_ready).await?;
        if open.blocked.paths.is_empty() {
            return Ok(());
        }
        // Before anything is signed in, so that nothing gets past it.
        let (done, is_done) = oneshot::channel();
        self.on_main(move || with_page(&id, |page| platform::block(&page.view, &open.blocked, done)))
            .await??;
        is_done.await.map_err(|_| gone())?.map_err(failed)
    }

    async fn leave_for_desk(&self, session: &str, origin: &Origin) -> Result<()> {
        let open = self.find(session)?;
        let desk = Desk::new(origin, "One moment…", "The application's page comes or goes by itself.");
        let (ready, is_ready) = oneshot::channel();
        *lock(&open.stage) = Stage::Desk { nonce: desk.nonce.clone(), ready: Some(ready) };
        lock(&open.answers).clear();
        let id = session.to_owned();
        self.on_main(move || {
            with_page(&id, |page| {
                platform::set_inspectable(&page.view, false);
                platform::load_desk(&page.view, &desk)
            })
        })
        .await???;
        wait_for_desk(is_ready).await
    }

    async fn send(&self, session: &str, request: &PlannedRequest) -> Result<Answer, Unanswered> {
        let open = self.find(session).map_err(|_| Unanswered::Closed)?;
        let id = open.next_answer.fetch_add(1, Ordering::Relaxed);
        let (answered, answer) = oneshot::channel();
        lock(&open.answers).insert(id, answered);
        self.run(session, desk::send(id, request)).await.map_err(|_| Unanswered::Closed)?;
        // The desk keeps the time; this only guards against a desk that is no more.
        match tokio::time::timeout(request.timeout + Duration::from_secs(5), answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(Unanswered::Closed),
            Err(_) => Err(Unanswered::TimedOut),
        }
    }

    async fn set_cookies(&self, session: &str, cookies: &[SessionCookie]) -> Result<()> {
        let (id, cookies) = (session.to_owned(), cookies.to_vec());
        let (done, is_done) = oneshot::channel();
        self.on_main(move || with_page(&id, |page| platform::set_cookies(&page.view, cookies, done)))
            .await??;
        is_done.await.map_err(|_| gone())?.map_err(failed)
    }

    async fn cookies(&self, session: &str, url: &Url) -> Result<Vec<SessionCookie>> {
        let (id, url) = (session.to_owned(), url.clone());
        let (done, is_done) = oneshot::channel();
        self.on_main(move || with_page(&id, |page| platform::cookies(&page.view, &url, done))).await??;
        is_done.await.map_err(|_| gone())?.map_err(failed)
    }

    async fn store(&self, session: &str, stored: &Stored) -> Result<()> {
        let open = self.find(session)?;
        let id = open.next_answer.fetch_add(1, Ordering::Relaxed);
        let (answered, answer) = oneshot::channel();
        lock(&open.answers).insert(id, answered);
        self.run(session, desk::store(id, stored)).await?;
        match tokio::time::timeout(DESK_LIMIT, answer).await {
            Ok(Ok(Ok(_))) => Ok(()),
            Ok(Ok(Err(Unanswered::Failed(words)))) => {
                Err(failed(format!("its storage took nothing ({words})")))
            }
            _ => Err(gone()),
        }
    }

    async fn follow(
        &self,
        session: &str,
        link: &Url,
        origin: &Origin,
        limit: Duration,
    ) -> Result<Url, Unanswered> {
        let open = self.find(session).map_err(|_| Unanswered::Closed)?;
        let (arrived, arrival) = oneshot::channel();
        *lock(&open.stage) = Stage::Link { origin: origin.clone(), arrived: Some(arrived) };
        self.run(session, desk::go(link.as_str())).await.map_err(|_| Unanswered::Closed)?;
        let outcome = match tokio::time::timeout(limit, arrival).await {
            Ok(Ok(url)) => Ok(url),
            Ok(Err(_)) => Err(Unanswered::Closed),
            Err(_) => Err(Unanswered::TimedOut),
        };
        if outcome.is_ok() {
            *lock(&open.stage) = Stage::Application;
            let id = session.to_owned();
            let _ = self
                .on_main(move || {
                    with_page(&id, |page| {
                        platform::set_inspectable(&page.view, true);
                        page.view.focus()
                    })
                })
                .await;
        } else {
            // Where it went wrong is said on a desk.
            self.leave_for_desk(session, origin).await.map_err(|_| Unanswered::Closed)?;
        }
        outcome
    }

    async fn refuse(&self, session: &str, refusal: &Refusal) -> Result<()> {
        let (id, script) = (session.to_owned(), desk::refuse(refusal));
        // Retry has the focus in the page; the page has it in the window, whatever had it before.
        self.on_main(move || {
            with_page(&id, |page| {
                page.view.evaluate_script(&script).and_then(|()| page.view.focus()).map_err(failed)
            })
        })
        .await??
    }

    async fn retrying(&self, session: &str) -> Result<()> {
        self.run(session, desk::BUSY.into()).await
    }

    async fn show(&self, session: &str, url: &Url) -> Result<()> {
        let open = self.find(session)?;
        *lock(&open.stage) = Stage::Application;
        let (id, script) = (session.to_owned(), desk::go(url.as_str()));
        self.on_main(move || {
            with_page(&id, |page| {
                page.view.evaluate_script(&script).map_err(failed)?;
                platform::set_inspectable(&page.view, true);
                page.view.focus().map_err(failed)
            })
        })
        .await??
    }

    async fn focus(&self, session: &str) -> Result<()> {
        let id = session.to_owned();
        self.on_main(move || {
            with_page(&id, |page| {
                page.window.unminimize().and_then(|()| page.window.set_focus()).map_err(failed)
            })
        })
        .await??
    }

    async fn close(&self, session: &str) {
        if let Some(open) = lock(&self.open).remove(session) {
            // Whoever waits for its desk or for an answer waits no longer.
            *lock(&open.stage) = Stage::Application;
            lock(&open.answers).clear();
        }
        let (id, app) = (session.to_owned(), self.app.clone());
        let closed = self
            .on_main(move || {
                if let Some(Page { view, window }) = PAGES.with_borrow_mut(|pages| pages.remove(&id)) {
                    platform::forget(&app, &id, view);
                    // Asked to close, not destroyed: only then is it noted that it filled the screen.
                    let _ = window.close();
                }
            })
            .await;
        if let Err(error) = closed {
            tracing::debug!("{}", error.message);
        }
    }
}

async fn wait_for_desk(ready: oneshot::Receiver<()>) -> Result<()> {
    match tokio::time::timeout(DESK_LIMIT, ready).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err(gone()),
        Err(_) => Err(Error::new(Code::WindowFailed, "The session's window did not get ready.")
            .hint("Try again; if it stays so, restart Understudy.")),
    }
}

/// Builds a session's window with its desk. Main thread only.
fn build(app: &AppHandle, session: &SessionView, open: &Arc<Open>, desk: &Desk) -> Result<()> {
    let builder = WebviewWindowBuilder::new(app, bar_label(&session.id), WebviewUrl::App("bar.html".into()))
        .title(format!("{} — {} — Understudy", session.user.best(), place(session)))
        .inner_size(1280.0, 860.0)
        .min_inner_size(420.0, 280.0)
        .focused(true)
        // Shown when the page is in it: WebKitGTK never paints a page that joins a window on screen
        // whose other view shares the console's process (2.50, seen under X11).
        .visible(false);
    let builder = match app.get_webview_window(CONSOLE) {
        Some(console) => platform::share_process(builder, &console),
        None => builder,
    };
    let window = builder.build().map_err(failed)?;
    // Not the place: windows of several customers would hide each other.
    let _ = window.restore_state(StateFlags::SIZE | StateFlags::MAXIMIZED);
    let view =
        platform::attach(&window, &session.id, |bare| page(bare, app, session, open)).map_err(failed)?;

    let (wishes, id) = (open.wishes.clone(), session.id.clone());
    window.on_window_event(move |event| match event {
        // A window whose page is gone is one that `Browser::close` closes.
        WindowEvent::CloseRequested { api, .. } if with_page(&id, |_| ()).is_ok() => {
            api.prevent_close();
            let _ = wishes.send(Wish::End(id.clone(), EndCause::WindowClosed));
        }
        WindowEvent::Resized(_) | WindowEvent::ScaleFactorChanged { .. } => {
            let _ = with_page(&id, |page| platform::fit(&page.window, &page.view));
        }
        _ => {}
    });
    let (app_, open_) = (app.clone(), Arc::clone(open));
    platform::listen(&window, &view, move |heard| match heard {
        platform::Heard::Key(action) => act(&open_, action),
        platform::Heard::History => tell_bar(&app_, &open_.session),
        platform::Heard::Gone => {
            let _ = open_.wishes.send(Wish::End(open_.session.clone(), EndCause::WindowClosed));
        }
        platform::Heard::MayLeave(answer) => answer.set(matches!(*lock(&open_.stage), Stage::Desk { .. })),
    });
    platform::set_inspectable(&view, false);
    platform::load_desk(&view, desk)?;
    window.show().map_err(failed)?;
    view.focus().map_err(failed)?;
    PAGES.with_borrow_mut(|pages| pages.insert(session.id.clone(), Page { view, window }));
    Ok(())
}

/// The page's webview: bare, incognito, and let nowhere but to the web.
fn page<'a>(
    bare: WebViewBuilder<'a>,
    app: &AppHandle,
    session: &SessionView,
    open: &Arc<Open>,
) -> WebViewBuilder<'a> {
    let downloads = Rc::new(Downloads::of(app.clone(), session.id.clone(), session.user.best()));
    let (downloading, downloaded) = (Arc::clone(open), Rc::clone(&downloads));
    let (navigating, opening) = (Arc::clone(open), open.session.clone());
    let (loading, loaded, app_) = (open.session.clone(), Arc::clone(open), app.clone());
    let bare = match &open.proxy {
        Some(proxy) => bare.with_proxy_config(proxy.clone()),
        None => bare,
    };
    bare.with_incognito(true)
        .with_devtools(true)
        .with_clipboard(true)
        .with_navigation_handler(move |url| may_navigate(&navigating, &url))
        .with_new_window_req_handler(move |url, _| {
            // A page in its own window would have no bar: it opens in this one, and Back leads back.
            if is_web(&url) {
                let _ = with_page(&opening, |page| page.view.load_url(&url));
            }
            NewWindowResponse::Deny
        })
        .with_permission_handler(|_| PermissionResponse::Deny)
        .with_download_started_handler(move |url, path| {
            let place = match *lock(&downloading.stage) {
                Stage::Application => downloads.begun(&url, path),
                Stage::Desk { .. } | Stage::Link { .. } => None,
            };
            place.map(|place| *path = place).is_some()
        })
        .with_download_completed_handler(move |url, _, succeeded| downloaded.ended(&url, succeeded))
        .with_on_page_load_handler(move |event, url| {
            if matches!(event, PageLoadEvent::Finished) {
                arrived(&loaded, &url);
                tell_bar(&app_, &loading);
            }
        })
}

fn proxy_config(url: &Url) -> Option<ProxyConfig> {
    let host = url.host_str()?.to_owned();
    let of = |port: u16| ProxyEndpoint { host: host.clone(), port: url.port().unwrap_or(port).to_string() };
    match url.scheme() {
        "socks5" => Some(ProxyConfig::Socks5(of(1080))),
        _ => Some(ProxyConfig::Http(of(80))),
    }
}

/// Is this the page that a one-time link leads to?
fn arrived(open: &Open, url: &str) {
    if let Stage::Link { origin, arrived } = &mut *lock(&open.stage)
        && let Ok(url) = Url::parse(url)
        && url.origin() == *origin
        && let Some(arrived) = arrived.take()
    {
        let _ = arrived.send(url);
    }
}

/// Hears what a desk reports, and lets pages go to the web only.
fn may_navigate(open: &Open, url: &str) -> bool {
    if open.blocked.holds(url) {
        return false;
    }
    let mut stage = lock(&open.stage);
    match &mut *stage {
        Stage::Application | Stage::Link { .. } => {
            is_web(url) || ["about:", "blob:", "data:"].iter().any(|scheme| url.starts_with(scheme))
        }
        Stage::Desk { nonce, ready } => {
            match desk::report(url, nonce) {
                Some(Report::Ready) => {
                    if let Some(ready) = ready.take() {
                        let _ = ready.send(());
                    }
                }
                Some(Report::Answer(id, answer)) => {
                    if let Some(waiting) = lock(&open.answers).remove(&id) {
                        let _ = waiting.send(answer);
                    }
                }
                Some(Report::Retry) => {
                    let _ = open.wishes.send(Wish::Retry(open.session.clone()));
                }
                Some(Report::Renew) => {
                    let _ = open.wishes.send(Wish::Renew(open.session.clone()));
                }
                Some(Report::Close) => {
                    let _ = open.wishes.send(Wish::End(open.session.clone(), EndCause::Operator));
                }
                // The desk itself comes as a load of its base.
                None => return !url.starts_with(desk::SCHEME) && (is_web(url) || url == "about:blank"),
            }
            false
        }
    }
}

fn is_web(url: &str) -> bool {
    Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https"))
}

/// Does what a button or key says. Main thread only.
fn act(open: &Open, action: BarAction) {
    if action == BarAction::End {
        let _ = open.wishes.send(Wish::End(open.session.clone(), EndCause::Operator));
        return;
    }
    // On the desk there is nothing to go back from, and nothing of it may be looked into.
    if !matches!(*lock(&open.stage), Stage::Application) {
        return;
    }
    let done = with_page(&open.session, |page| {
        let view = &page.view;
        match action {
            BarAction::Back => view.go_back(),
            BarAction::Forward => view.go_forward(),
            BarAction::Reload => view.reload(),
            BarAction::Inspect => {
                if view.is_devtools_open() {
                    view.close_devtools();
                } else {
                    view.open_devtools();
                }
                Ok(())
            }
            BarAction::ZoomIn | BarAction::ZoomOut | BarAction::ZoomReset => {
                let mut zoom = lock(&open.zoom);
                *zoom = next_zoom(*zoom, action);
                view.zoom(*zoom)
            }
            BarAction::End => Ok(()),
        }
    });
    if let Ok(Err(error)) = done {
        tracing::warn!("{action:?} in a session's page: {error}");
    }
    let _ = with_page(&open.session, |page| tell_bar(page.window.app_handle(), &open.session));
}

/// The steps that browsers have.
fn next_zoom(now: f64, action: BarAction) -> f64 {
    const STEPS: [f64; 11] = [0.5, 0.67, 0.8, 0.9, 1.0, 1.1, 1.25, 1.5, 1.75, 2.0, 3.0];
    match action {
        BarAction::ZoomIn => STEPS.into_iter().find(|step| *step > now + 0.01).unwrap_or(STEPS[10]),
        BarAction::ZoomOut => STEPS.into_iter().rev().find(|step| *step < now - 0.01).unwrap_or(STEPS[0]),
        _ => 1.0,
    }
}

/// Has the bar ask again what it shows.
fn tell_bar(app: &AppHandle, session: &str) {
    let _ = app.emit_to(bar_label(session), "bar_changed", ());
}

fn with_page<T>(session: &str, work: impl FnOnce(&Page) -> T) -> Result<T> {
    PAGES.with_borrow(|pages| pages.get(session).map(work)).ok_or_else(gone)
}

pub fn bar_label(session: &str) -> String {
    format!("bar-{session}")
}

/// The session whose bar has this label.
pub fn session_of_bar(label: &str) -> Option<&str> {
    label.strip_prefix("bar-")
}

/// The name under which a window's size is remembered: all session windows have one size together.
pub fn remembered_as(label: &str) -> &str {
    if session_of_bar(label).is_some() { REMEMBERED } else { label }
}

fn place(session: &SessionView) -> String {
    format!("{} {}", plain::line(&session.connection_name, 60), session.environment.as_str())
}

fn gone() -> Error {
    Error::new(Code::SessionUnknown, "This session's window is closed.")
}

fn failed(cause: impl std::fmt::Display) -> Error {
    Error::new(Code::WindowFailed, format!("The session's window failed: {cause}"))
        .hint("Try again; if it stays so, restart Understudy.")
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no holder of this lock panics")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(stage: Stage) -> (Open, mpsc::UnboundedReceiver<Wish>) {
        let (wishes, heard) = mpsc::unbounded_channel();
        let open = Open {
            session: "s1".into(),
            stage: Mutex::new(stage),
            next_answer: AtomicU64::new(1),
            answers: Mutex::default(),
            zoom: Mutex::new(1.0),
            blocked: Blocked {
                origin: Url::parse("https://app.example/").expect("a URL").origin(),
                paths: vec!["/hijack/".into()],
            },
            proxy: None,
            wishes,
        };
        (open, heard)
    }

    #[test]
    fn the_application_goes_to_the_web_and_nowhere_else() {
        let (open, _) = open(Stage::Application);
        for url in ["https://app.example/", "http://127.0.0.1:1/x", "about:blank", "blob:https://a/1"] {
            assert!(may_navigate(&open, url), "{url}");
        }
        for url in [
            "tauri://localhost/index.html",
            "ipc://localhost/x",
            "file:///etc/passwd",
            "understudy-desk:n/close",
            "https://app.example/hijack/release/",
            "https://app.example/hijac%6b/release/",
        ] {
            assert!(!may_navigate(&open, url), "{url}");
        }
    }

    #[test]
    fn a_page_that_forges_a_desks_report_is_not_heard() {
        let (open, mut heard) = open(Stage::Application);
        assert!(!may_navigate(&open, "understudy-desk:n/close"));
        assert!(heard.try_recv().is_err());
    }

    #[test]
    fn a_desk_is_heard_by_its_own_nonce_only() {
        let (open, mut heard) = open(Stage::Desk { nonce: "right".into(), ready: None });
        assert!(!may_navigate(&open, "understudy-desk:wrong/close"));
        assert!(heard.try_recv().is_err());
        assert!(!may_navigate(&open, "understudy-desk:right/retry"));
        assert!(matches!(heard.try_recv(), Ok(Wish::Retry(session)) if session == "s1"));
    }

    #[test]
    fn zoom_goes_in_steps_and_stops_at_the_ends() {
        assert!((next_zoom(1.0, BarAction::ZoomIn) - 1.1).abs() < 1e-9);
        assert!((next_zoom(3.0, BarAction::ZoomIn) - 3.0).abs() < 1e-9);
        assert!((next_zoom(0.5, BarAction::ZoomOut) - 0.5).abs() < 1e-9);
        assert!((next_zoom(0.5, BarAction::ZoomReset) - 1.0).abs() < 1e-9);
    }
}

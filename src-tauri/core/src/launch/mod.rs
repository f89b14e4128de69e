//! The launch page: Understudy's own page in a session's window, at the application's origin. It sends what the console
//! plans, so that the application's cookies are set in the window, and shows why a sign-in was refused.
//!
//! The session's gateway answers for it at an address that cannot be guessed, so that no request for it leaves the
//! computer. The page asks for what to do and reports back at that same address. `document` has the page, `responder`
//! its requests; this file is the conversation between them and the console.

mod document;
mod responder;
mod task;

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use secrecy::SecretString;
use serde::Serialize;
use tokio::sync::{mpsc, oneshot, watch};
use understudy_gateway::{GatewayError, LaunchRoute};
use url::{Origin, Url};
use uuid::Uuid;

pub use self::document::FaultKind;
use self::document::LaunchFault;
use self::task::{CookieHop, LaunchTask};
use crate::browser::{Answer, PageStorage, PlannedRequest, Refusal, SessionCookie, Unanswered};
use crate::error::{Code, Error, Result};

/// How long a launch page may take to load. It is a local page, so after this time it never will.
const LOAD_LIMIT: Duration = Duration::from_secs(20);

/// How long the page's own time limit may be late.
const TIMER_SLACK: Duration = Duration::from_secs(5);

/// The most pages about faults that are kept: more than a session has windows.
const MOST_FAULTS: usize = 16;

/// Where the pages about faults are. No application is there, so no service worker of one answers in their place.
const FAULT_ORIGIN: &str = "http://understudy.invalid/";

/// What the operator pressed on the launch page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LaunchPress {
    Retry,
    /// The operator wants to replace a secret, which is done in the console.
    RenewSecret,
    /// The operator gives up: Cancel, Close or Escape.
    Close,
}

/// What the page shows.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum LaunchView {
    Busy { title: String, subtitle: String },
    Refused(Refusal),
}

/// Whether the page can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LaunchPhase {
    /// It has not asked for anything since it was loaded.
    Loading,
    Ready,
    /// Its web process ends whenever it starts.
    GivenUp,
    /// The window shows the application, or is closed.
    Closed,
}

/// One session's launch page.
pub struct LaunchPage {
    state: Mutex<LaunchState>,
    /// Changes with the state.
    changes: watch::Sender<()>,
    presses: mpsc::UnboundedSender<LaunchPress>,
}

/// A session's launch page at its address.
#[derive(Clone)]
pub struct LaunchSite {
    page: Arc<LaunchPage>,
    route: LaunchRoute,
}

struct LaunchState {
    phase: LaunchPhase,
    view: LaunchView,
    /// Counts up with every view.
    revision: u64,
    task: Option<LaunchTask>,
    /// Counts up with every task.
    last_task: u64,
    hops: Vec<CookieHop>,
    /// The message that leads the page away, once it is to go.
    leaving: Option<SecretString>,
    /// Of the session's windows, the newest last.
    faults: Vec<LaunchFault>,
}

impl LaunchPage {
    /// A launch page that shows this, and what the operator presses on it.
    pub fn create(view: LaunchView) -> (Self, mpsc::UnboundedReceiver<LaunchPress>) {
        let (presses, receiver) = mpsc::unbounded_channel();
        let state = LaunchState {
            phase: LaunchPhase::Loading,
            view,
            revision: 1,
            task: None,
            last_task: 0,
            hops: Vec::new(),
            leaving: None,
            faults: Vec::new(),
        };
        (Self { state: Mutex::new(state), changes: watch::Sender::new(()), presses }, receiver)
    }

    /// What the page shows, or would show.
    pub fn view(&self) -> LaunchView {
        self.state.lock().view.clone()
    }

    /// Changes what the page shows, also after it is loaded again.
    pub fn show_view(&self, view: LaunchView) {
        self.change(|state| {
            state.view = view;
            state.revision += 1;
        });
    }

    /// Waits until the page has loaded and can send.
    pub async fn wait_until_ready(&self) -> Result<()> {
        let mut changes = self.changes.subscribe();
        let ready = async {
            loop {
                match self.state.lock().phase {
                    LaunchPhase::Loading => {}
                    LaunchPhase::Ready => return Ok(()),
                    LaunchPhase::GivenUp => return Err(keeps_stopping()),
                    LaunchPhase::Closed => return Err(closed_error()),
                }
                // Cannot fail: `self` owns the sender.
                let _ = changes.changed().await;
            }
        };
        tokio::time::timeout(LOAD_LIMIT, ready).await.unwrap_or_else(|_| Err(stuck_error()))
    }

    /// Lets the page send a request to its own origin.
    pub async fn send_request(&self, request: &PlannedRequest) -> Result<Answer, Unanswered> {
        // The page enforces the timeout; this is only for a page that is gone.
        let limit = request.timeout + TIMER_SLACK;
        self.run_task(limit, |number| task::describe_request(number, request)).await
    }

    /// Lets the page fill its origin's storage.
    pub async fn fill_storage(&self, stored: &PageStorage) -> Result<()> {
        match self.run_task(LOAD_LIMIT, |number| task::describe_storage(number, stored)).await {
            Ok(_) => Ok(()),
            Err(Unanswered::Failed(words)) => Err(Error::new(
                Code::WindowFailed,
                format!("The page's storage refused the entries ({words})."),
            )
            .with_hint("Try again. If it keeps happening, restart Understudy.")),
            Err(_) => Err(closed_error()),
        }
    }

    /// Records that the page's web process keeps ending.
    pub fn give_up(&self) {
        self.change(|state| {
            state.phase = LaunchPhase::GivenUp;
            state.fail_task(Unanswered::Broken);
        });
    }

    /// Replaces the page by this address, so that it does not stay in the history. Returns once the page has been told;
    /// from then on, it counts as closed.
    pub async fn leave_for(&self, url: &Url) -> Result<()> {
        self.wait_until_ready().await?;
        self.change(|state| state.leaving = Some(task::describe_leaving(url)));
        let mut changes = self.changes.subscribe();
        let gone = async {
            while self.state.lock().leaving.is_some() {
                // Cannot fail: `self` owns the sender.
                let _ = changes.changed().await;
            }
        };
        tokio::time::timeout(LOAD_LIMIT, gone).await.map_err(|_| stuck_error())
    }

    /// The page is no longer there. Nothing that is asked at its address is answered any more, except for a page about
    /// a fault.
    pub fn close(&self) {
        self.change(|state| {
            state.phase = LaunchPhase::Closed;
            state.hops.clear();
            state.leaving = None;
            state.fail_task(Unanswered::Closed);
        });
    }

    /// The page is about to be loaded again in the window.
    pub fn reopen(&self) {
        self.change(|state| {
            state.phase = LaunchPhase::Loading;
            state.faults.clear();
            state.leaving = None;
            state.hops.clear();
            state.fail_task(Unanswered::Broken);
        });
    }

    async fn run_task(
        &self,
        limit: Duration,
        describe: impl FnOnce(u64) -> SecretString,
    ) -> Result<Answer, Unanswered> {
        self.wait_until_ready().await.map_err(|_| Unanswered::Closed)?;
        let (done, answer) = oneshot::channel();
        self.change(|state| {
            state.last_task += 1;
            let number = state.last_task;
            state.task = Some(LaunchTask::new(number, describe(number), done));
        });
        match tokio::time::timeout(limit, answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(Unanswered::Closed),
            Err(_) => {
                // A page that comes back must not begin it now.
                self.state.lock().task = None;
                Err(Unanswered::TimedOut)
            }
        }
    }

    fn change(&self, change: impl FnOnce(&mut LaunchState)) {
        change(&mut self.state.lock());
        self.changes.send_replace(());
    }
}

impl LaunchSite {
    /// Gives the page an address that can't be guessed.
    ///
    /// # Errors
    /// If the system has no random numbers.
    pub fn create(page: LaunchPage) -> Result<Self, GatewayError> {
        let page = Arc::new(page);
        let route = LaunchRoute::create(Arc::clone(&page) as _)?;
        Ok(Self { page, route })
    }

    pub fn page(&self) -> &LaunchPage {
        &self.page
    }

    pub(crate) fn route(&self) -> LaunchRoute {
        self.route.clone()
    }

    /// The page's address at an application's origin.
    pub fn to_url(&self, origin: &Origin) -> Url {
        let origin = Url::parse(&origin.ascii_serialization()).expect("an application has an http origin");
        self.route.to_url(&origin, "")
    }

    /// Whether an address is the page's own, at whatever host, or below it.
    pub fn holds(&self, url: &Url) -> bool {
        self.route.strip_path(url).is_some()
    }

    /// The address of a page that says what happened to the application's. It can load the one at `page` again, if that
    /// helps.
    pub fn add_fault(&self, kind: FaultKind, page: Option<&str>) -> Url {
        let nonce = Uuid::new_v4().simple().to_string();
        let below = format!("/fault/{nonce}");
        let faults = &mut self.page.state.lock().faults;
        if faults.len() == MOST_FAULTS {
            faults.remove(0);
        }
        faults.push(LaunchFault { kind, page: page.map(str::to_owned), nonce });
        self.route.to_url(&Url::parse(FAULT_ORIGIN).expect("a URL"), &below)
    }

    /// Puts cookies into the window: the page at `origin` visits every host that gets some, and returns. They are set
    /// when this returns.
    pub async fn set_cookies(&self, origin: &Origin, cookies: &[SessionCookie]) -> Result<()> {
        let hops = task::plan_hops(&self.to_url(origin), cookies)?;
        let Some(first) = hops.first().map(|hop| hop.at.clone()) else { return Ok(()) };
        self.page.state.lock().hops = hops;
        let visited = self.page.run_task(LOAD_LIMIT, |number| task::describe_visit(number, &first)).await;
        self.page.state.lock().hops.clear();
        visited.map_err(|_| closed_error())?;
        self.page.wait_until_ready().await
    }
}

impl LaunchState {
    fn fail_task(&mut self, why: Unanswered) {
        if let Some(task) = self.task.take() {
            task.finish(Err(why));
        }
    }
}

fn closed_error() -> Error {
    Error::new(Code::SessionUnknown, "This session window is closed.")
}

fn stuck_error() -> Error {
    Error::new(Code::WindowFailed, "The session window did not finish loading.")
        .with_hint("Try again. If it keeps happening, restart Understudy.")
}

fn keeps_stopping() -> Error {
    let message = "The session window's web process stops as soon as it starts.";
    Error::new(Code::WindowFailed, message).with_hint(
        "Try again. If it keeps happening, restart Understudy and check whether the computer is low on memory.",
    )
}

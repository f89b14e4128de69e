//! What is in a window's page area, and what it may report and where it may navigate because of that.

use parking_lot::Mutex;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, AtomicU32, AtomicU64, Ordering};

use secrecy::SecretString;
use tokio::sync::{mpsc, oneshot, watch};
use understudy_core::audit::EndCause;
use understudy_core::browser::{Answer, Unanswered};
use understudy_gateway::Gateway;
use url::{Origin, Url};

use super::SessionCommand;
use super::launch_page::{self, LaunchFault, LaunchPage, LaunchReport};
use super::popups::PopupLimits;

/// What is in the page's area.
pub(super) enum Stage {
    LaunchPage {
        launch_page: LaunchPage,
        /// The last script that was run in it; empty if it is at work.
        said: String,
    },
    /// A one-time link on its way to a page of this origin.
    Link { origin: Origin, arrived: Option<oneshot::Sender<Url>> },
    Application {
        /// Whether the application's first page has loaded; until then the launch page is still there.
        is_there: bool,
    },
    /// A launch page that says what happened to the page.
    Fault {
        launch_page: LaunchPage,
        /// The page's URL, if it can be loaded again.
        url: Option<String>,
        /// Whether it is being loaded; until it has, the launch page stays and its reports count.
        is_reloading: bool,
    },
}

impl Stage {
    /// Whether a page of Understudy is there, with nothing on its way to replace it.
    pub fn is_ours(&self) -> bool {
        matches!(self, Self::LaunchPage { .. } | Self::Fault { is_reloading: false, .. })
    }

    /// Whether what loads now belongs to the application.
    pub fn is_of_application(&self) -> bool {
        matches!(self, Self::Application { .. } | Self::Fault { is_reloading: true, .. })
    }
}

/// Whether the current launch page can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LaunchPageState {
    NotYet,
    Yes,
    /// It can, but it is under a service worker that the next launch page will be free of.
    Covered,
    /// Its web process ends whenever it starts.
    Never,
    /// The window is closed.
    Closed,
}

/// After this many crashes before it is ready, a launch page is given up.
const MOST_FALLS: u32 = 3;

/// How the window's page reaches the session's gateway. Every system takes what it needs of it.
#[allow(dead_code, reason = "the struct is the same on every system")]
pub(super) struct GatewayAccess {
    pub address: SocketAddr,
    pub user: &'static str,
    pub password: SecretString,
    /// Credentials included.
    pub socks_url: SecretString,
    /// The SHA-256 of the key of the gateway's certificates, in base64.
    pub key_hash: String,
}

impl GatewayAccess {
    pub fn of(gateway: &Gateway) -> Self {
        Self {
            address: gateway.address(),
            user: gateway.user(),
            password: gateway.password().clone(),
            socks_url: gateway.socks_url(),
            key_hash: gateway.key_hash(),
        }
    }
}

/// A window of a session, for access from any thread.
pub(super) struct SessionWindow {
    pub session: String,
    /// Which window it is: the session's ID for its first window, see [`super::bar::popup_key`] for the others.
    pub key: String,
    /// Shared by all windows of the session.
    pub popups: Arc<PopupLimits>,
    pub stage: Mutex<Stage>,
    pub ready: watch::Sender<LaunchPageState>,
    /// How often the web process has ended since a launch page was ready.
    pub falls: AtomicU32,
    pub next_answer: AtomicU64,
    pub answers: Mutex<HashMap<u64, oneshot::Sender<Result<Answer, Unanswered>>>>,
    pub zoom: Mutex<f64>,
    /// In logical pixels.
    pub bar_height: AtomicI32,
    /// The application's.
    pub origin: Origin,
    /// The application's page that the session began with.
    pub start: Mutex<Option<Url>>,
    pub access: GatewayAccess,
    pub commands: mpsc::UnboundedSender<SessionCommand>,
}

impl SessionWindow {
    /// Makes a launch page the current one, once the window has loaded it.
    pub fn show_launch_page(&self, launch_page: LaunchPage) {
        self.ready.send_replace(LaunchPageState::NotYet);
        *self.stage.lock() = Stage::LaunchPage { launch_page, said: String::new() };
    }

    pub fn is_ours(&self) -> bool {
        self.stage.lock().is_ours()
    }

    /// Whether a page of this origin belongs to another site than the application.
    pub fn is_off_site(&self, origin: &Origin) -> bool {
        let starts_there = self.start.lock().as_ref().is_some_and(|start| start.origin() == *origin);
        self.stage.lock().is_of_application() && origin.is_tuple() && *origin != self.origin && !starts_there
    }

    /// Remembers the script that the launch page runs, in case its web process ends afterwards.
    pub fn record_script(&self, script: &str) {
        if let Stage::LaunchPage { said, .. } = &mut *self.stage.lock() {
            script.clone_into(said);
        }
    }

    /// Handles the end of the page's web process. Returns the launch page to load in its place, and the URL of the page
    /// that it replaces, if any.
    pub fn replace_dead_page(&self, url: String) -> Option<(LaunchPage, Option<String>)> {
        let mut stage = self.stage.lock();
        match &mut *stage {
            Stage::LaunchPage { launch_page, said } => {
                *launch_page = launch_page.with_new_nonce(said);
                for (_, waiting) in self.answers.lock().drain() {
                    let _ = waiting.send(Err(Unanswered::Broken));
                }
                if self.falls.fetch_add(1, Ordering::Relaxed) + 1 >= MOST_FALLS {
                    self.ready.send_replace(LaunchPageState::Never);
                    return None;
                }
                self.ready.send_replace(LaunchPageState::NotYet);
                Some((launch_page.clone(), None))
            }
            // The waiting task sees the closed channel and puts a launch page there.
            Stage::Link { arrived, .. } => {
                *arrived = None;
                None
            }
            Stage::Application { .. } => {
                drop(stage);
                Some(self.show_fault_page(&launch_page::PAGE_ENDED, url))
            }
            Stage::Fault { url, .. } => {
                let url = url.clone().unwrap_or_default();
                drop(stage);
                Some(self.show_fault_page(&launch_page::PAGE_ENDED, url))
            }
        }
    }

    /// Starts reloading the application's page after a fault; returns its URL, or `None` if it cannot be reloaded.
    pub fn reload_over_fault(&self) -> Option<String> {
        let Stage::Fault { url: Some(url), is_reloading, .. } = &mut *self.stage.lock() else {
            return None;
        };
        *is_reloading = true;
        Some(url.clone())
    }

    /// Records that a page of the application has loaded; returns whether it was expected.
    pub fn mark_page_arrived(&self) -> bool {
        let stage = &mut *self.stage.lock();
        let is_awaited =
            matches!(stage, Stage::Application { is_there: false } | Stage::Fault { is_reloading: true, .. });
        if is_awaited {
            *stage = Stage::Application { is_there: true };
        }
        is_awaited
    }

    /// Puts a launch page with a message in place of the application's page at `url`.
    pub fn show_fault_page(&self, fault: &LaunchFault, url: String) -> (LaunchPage, Option<String>) {
        let launch_page = LaunchPage::of_fault(&self.origin, fault);
        let again = fault.retry.is_some().then(|| url.clone());
        *self.stage.lock() =
            Stage::Fault { launch_page: launch_page.clone(), url: again, is_reloading: false };
        (launch_page, Some(url))
    }
}

/// Records it if this is the page that a one-time link leads to.
pub(super) fn report_link_arrival(open: &SessionWindow, url: &str) {
    if let Stage::Link { origin, arrived } = &mut *open.stage.lock()
        && let Ok(url) = Url::parse(url)
        && url.origin() == *origin
        && let Some(arrived) = arrived.take()
    {
        let _ = arrived.send(url);
    }
}

/// Handles the reports of launch pages, and only lets pages navigate to the web.
pub(super) fn may_navigate(open: &SessionWindow, url: &str) -> bool {
    let mut stage = open.stage.lock();
    match &mut *stage {
        Stage::Application { .. } | Stage::Link { .. } => is_of_page(url),
        Stage::Fault { launch_page, is_reloading, .. } => {
            match launch_page::parse_report(url, &launch_page.nonce) {
                Some(LaunchReport::Retry) => {
                    let _ = open.commands.send(SessionCommand::Reload(open.key.clone()));
                }
                Some(LaunchReport::Close) => {
                    let _ = open.commands.send(SessionCommand::End(open.session.clone(), EndCause::Operator));
                }
                Some(_) => {}
                None => return url.starts_with(&launch_page.base) || *is_reloading && is_of_page(url),
            }
            false
        }
        Stage::LaunchPage { launch_page, .. } => {
            match launch_page::parse_report(url, &launch_page.nonce) {
                Some(LaunchReport::Ready) => {
                    open.falls.store(0, Ordering::Relaxed);
                    open.ready.send_replace(LaunchPageState::Yes);
                }
                Some(LaunchReport::Covered) => {
                    open.ready.send_replace(LaunchPageState::Covered);
                }
                Some(LaunchReport::Answer(id, answer)) => {
                    if let Some(waiting) = open.answers.lock().remove(&id) {
                        let _ = waiting.send(answer);
                    }
                }
                Some(LaunchReport::Retry) => {
                    let _ = open.commands.send(SessionCommand::Retry(open.session.clone()));
                }
                Some(LaunchReport::Renew) => {
                    let _ = open.commands.send(SessionCommand::Renew(open.session.clone()));
                }
                Some(LaunchReport::Close) => {
                    let _ = open.commands.send(SessionCommand::End(open.session.clone(), EndCause::Operator));
                }
                // Loading the launch page itself is a navigation to its base; a page that is being left may not
                // navigate any more.
                None => return url.starts_with(&launch_page.base),
            }
            false
        }
    }
}

/// Whether a page of the application may navigate to this URL.
pub(super) fn is_of_page(url: &str) -> bool {
    is_web(url) || ["about:", "blob:", "data:"].iter().any(|scheme| url.starts_with(scheme))
}

pub(super) fn is_web(url: &str) -> bool {
    Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session_window::BAR_HEIGHT;

    fn origin() -> Origin {
        Url::parse("https://app.example/").expect("a URL").origin()
    }

    fn at_launch_page() -> (Stage, LaunchPage) {
        let launch_page = LaunchPage::new(&origin(), "title", "subtitle");
        (Stage::LaunchPage { launch_page: launch_page.clone(), said: String::new() }, launch_page)
    }

    fn open(stage: Stage) -> (SessionWindow, mpsc::UnboundedReceiver<SessionCommand>) {
        let (commands, sent) = mpsc::unbounded_channel();
        let open = SessionWindow {
            session: "s1".into(),
            key: "s1".into(),
            popups: Arc::default(),
            stage: Mutex::new(stage),
            ready: watch::Sender::new(LaunchPageState::NotYet),
            falls: AtomicU32::new(0),
            next_answer: AtomicU64::new(1),
            answers: Mutex::default(),
            zoom: Mutex::new(1.0),
            bar_height: AtomicI32::new(BAR_HEIGHT),
            origin: origin(),
            start: Mutex::default(),
            access: GatewayAccess {
                address: ([127, 0, 0, 1], 1).into(),
                user: "session",
                password: SecretString::from("password"),
                socks_url: SecretString::from("socks5://session:password@127.0.0.1:1"),
                key_hash: String::new(),
            },
            commands,
        };
        (open, sent)
    }

    #[test]
    fn the_application_goes_to_the_web_and_nowhere_else() {
        let (open, _) = open(Stage::Application { is_there: true });
        for url in ["https://app.example/", "http://127.0.0.1:1/x", "about:blank", "blob:https://a/1"] {
            assert!(may_navigate(&open, url), "{url}");
        }
        for url in [
            "tauri://localhost/index.html",
            "ipc://localhost/x",
            "file:///etc/passwd",
            "understudy-launch:n/close",
        ] {
            assert!(!may_navigate(&open, url), "{url}");
        }
    }

    #[test]
    fn a_page_that_forges_a_launch_pages_report_is_not_heard() {
        let (open, mut sent) = open(Stage::Application { is_there: true });
        assert!(!may_navigate(&open, "understudy-launch:n/close"));
        assert!(sent.try_recv().is_err());
    }

    #[test]
    fn a_launch_page_is_heard_by_its_own_nonce_only() {
        let (stage, launch_page) = at_launch_page();
        let (open, mut sent) = open(stage);
        assert!(!may_navigate(&open, "understudy-launch:wrong/close"));
        assert!(sent.try_recv().is_err());
        assert!(!may_navigate(&open, &format!("understudy-launch:{}/retry", launch_page.nonce)));
        assert!(matches!(sent.try_recv(), Ok(SessionCommand::Retry(session)) if session == "s1"));
    }

    #[test]
    fn a_page_that_is_being_left_goes_nowhere_instead_of_the_launch_page() {
        let (stage, launch_page) = at_launch_page();
        let (open, _) = open(stage);
        assert!(may_navigate(&open, &launch_page.base));
        for url in ["https://app.example/", "https://app.example/slow?1", "about:blank", "blob:https://a/1"] {
            assert!(!may_navigate(&open, url), "{url}");
        }
    }

    #[test]
    fn a_launch_page_whose_process_ended_stands_again_and_who_waited_for_an_answer_hears_of_it() {
        let (stage, launch_page) = at_launch_page();
        let (open, _) = open(stage);
        let (answered, mut answer) = oneshot::channel();
        open.answers.lock().insert(1, answered);
        open.record_script("understudy.refuse({})");
        let (again, page) = open.replace_dead_page(String::new()).expect("a launch page");
        assert_eq!(answer.try_recv(), Ok(Err(Unanswered::Broken)));
        assert!(
            page.is_none()
                && again.nonce != launch_page.nonce
                && again.html.contains("understudy.refuse({})")
        );
        assert!(open.replace_dead_page(String::new()).is_some());
        assert!(open.replace_dead_page(String::new()).is_none(), "one that never gets ready is given up");
        assert_eq!(*open.ready.borrow(), LaunchPageState::Never);
    }

    #[test]
    fn the_applications_first_page_comes_once() {
        let (open, _) = open(Stage::Application { is_there: false });
        assert!(open.mark_page_arrived(), "from now on it may be looked into");
        assert!(!open.mark_page_arrived());
        let (stage, _) = at_launch_page();
        assert!(!self::open(stage).0.mark_page_arrived(), "a launch page is none");
    }

    #[test]
    fn a_page_whose_process_ended_is_told_apart_and_reloads_or_ends() {
        let (open, mut sent) = open(Stage::Application { is_there: true });
        let (launch_page, page) =
            open.replace_dead_page("https://app.example/invoices".into()).expect("a page of ours");
        assert_eq!(page.as_deref(), Some("https://app.example/invoices"));
        assert!(launch_page.html.contains("This page stopped working"));
        assert!(!may_navigate(&open, "https://app.example/elsewhere"), "it is not the application's");
        assert!(!may_navigate(&open, &format!("understudy-launch:{}/retry", launch_page.nonce)));
        assert!(matches!(sent.try_recv(), Ok(SessionCommand::Reload(session)) if session == "s1"));
        assert!(!may_navigate(&open, &format!("understudy-launch:{}/close", launch_page.nonce)));
        assert!(matches!(sent.try_recv(), Ok(SessionCommand::End(_, EndCause::Operator))));
    }

    #[test]
    fn a_page_that_is_loaded_again_and_does_not_come_can_be_asked_for_once_more() {
        let (open, mut sent) = open(Stage::Application { is_there: true });
        let at = "https://app.example/invoices";
        let (launch_page, _) = open.replace_dead_page(at.into()).expect("a page of ours");
        assert_eq!(open.reload_over_fault().as_deref(), Some(at));
        assert!(may_navigate(&open, at) && !open.is_ours());

        // A second press cancels the load; it is handled and begins another one.
        assert!(!may_navigate(&open, &format!("understudy-launch:{}/retry", launch_page.nonce)));
        assert!(matches!(sent.try_recv(), Ok(SessionCommand::Reload(_))));
        assert_eq!(open.reload_over_fault().as_deref(), Some(at));
        assert!(open.mark_page_arrived() && open.reload_over_fault().is_none());
        assert!(
            !may_navigate(&open, &format!("understudy-launch:{}/close", launch_page.nonce)),
            "the launch page is gone"
        );
        assert!(sent.try_recv().is_err());
    }
}

//! What is in a window's page area, and where it may navigate because of that.

use parking_lot::Mutex;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, Ordering};

use secrecy::SecretString;
use tokio::sync::mpsc;
use understudy_core::launch::{FaultKind, LaunchSite};
use understudy_gateway::{Gateway, WAY_BACK};
use url::{Origin, Url};

use super::SessionCommand;
use super::evidence::PageMessages;
use super::popups::PopupLimits;

/// What is in the page's area.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Stage {
    LaunchPage,
    /// A one-time link on its way to a page of the application.
    Link,
    Application {
        /// Whether the application's first page has loaded; until then the launch page is still there.
        is_there: bool,
    },
    /// A page that says what happened to the application's.
    Fault {
        /// The page's URL, if it can be loaded again.
        url: Option<String>,
    },
    /// The session is ending: what the page still does has no effect.
    Left,
}

/// After this many crashes of its web process, a launch page is given up.
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
    pub launch: LaunchSite,
    /// How often the web process has ended on the launch page.
    pub falls: AtomicU32,
    /// Whether a document has loaded in it, rather than only a file that is saved.
    pub has_document: AtomicBool,
    pub zoom: Mutex<f64>,
    /// In logical pixels.
    pub bar_height: AtomicI32,
    /// The application's.
    pub origin: Mutex<Origin>,
    /// The application's page that the session began with.
    pub start: Mutex<Option<Url>>,
    pub access: GatewayAccess,
    /// What its pages wrote to the browser's console.
    pub messages: PageMessages,
    pub commands: mpsc::UnboundedSender<SessionCommand>,
}

impl SessionWindow {
    /// Whether the page is not the application's, or no longer counts as that.
    pub fn is_ours(&self) -> bool {
        matches!(*self.stage.lock(), Stage::LaunchPage | Stage::Fault { .. } | Stage::Left)
    }

    /// Whether what loads now belongs to the application.
    pub fn is_of_application(&self) -> bool {
        matches!(*self.stage.lock(), Stage::Application { .. })
    }

    /// Whether a page of this origin belongs to another site than the application.
    pub fn is_off_site(&self, origin: &Origin) -> bool {
        let starts_there = self.start.lock().as_ref().is_some_and(|start| start.origin() == *origin);
        self.is_of_application() && origin.is_tuple() && *origin != *self.origin.lock() && !starts_there
    }

    /// Handles the end of the page's web process; `url` is the page's. Returns what to load in its place, if anything.
    pub fn replace_dead_page(&self, url: &str) -> Option<Url> {
        let mut stage = self.stage.lock();
        match &mut *stage {
            Stage::LaunchPage => {
                if self.falls.fetch_add(1, Ordering::Relaxed) + 1 >= MOST_FALLS {
                    self.launch.page().give_up();
                    return None;
                }
                Some(self.launch.to_url(&self.origin.lock()))
            }
            Stage::Left => None,
            // A link is good for once, and its address is a secret.
            Stage::Link => Some(self.put_fault(&mut stage, FaultKind::PageEnded, None)),
            Stage::Application { .. } => {
                // The launch page may still be there.
                let is_launch_page = Url::parse(url).is_ok_and(|url| self.launch.holds(&url));
                let start = self.start.lock().as_ref().map(Url::to_string).filter(|_| is_launch_page);
                let url = start.unwrap_or_else(|| url.to_owned());
                Some(self.put_fault(&mut stage, FaultKind::PageEnded, Some(&url)))
            }
            Stage::Fault { url } => {
                let url = url.clone();
                Some(self.put_fault(&mut stage, FaultKind::PageEnded, url.as_deref()))
            }
        }
    }

    /// Handles the end of the process that keeps the cookies. Returns what to load in place of the page.
    #[cfg(target_os = "linux")]
    pub fn replace_lost_session(&self) -> Option<Url> {
        let mut stage = self.stage.lock();
        match *stage {
            // The page that was about to sign in waits for an answer that never comes.
            Stage::LaunchPage => Some(self.launch.to_url(&self.origin.lock())),
            Stage::Link | Stage::Application { .. } => {
                Some(self.put_fault(&mut stage, FaultKind::CookiesLost, None))
            }
            Stage::Fault { .. } | Stage::Left => None,
        }
    }

    fn put_fault(&self, stage: &mut Stage, kind: FaultKind, url: Option<&str>) -> Url {
        *stage = Stage::Fault { url: url.map(str::to_owned) };
        self.launch.add_fault(kind, url)
    }

    /// The URL of the application's page that a fault has replaced, if it can be loaded again.
    pub fn page_behind_fault(&self) -> Option<String> {
        match &*self.stage.lock() {
            Stage::Fault { url } => url.clone(),
            _ => None,
        }
    }

    /// Records that a page has begun to show in the window; returns whether it is the application's first one, or
    /// replaces a fault.
    pub fn mark_page_arrived(&self, url: &Url) -> bool {
        if self.launch.holds(url) {
            return false;
        }
        let stage = &mut *self.stage.lock();
        let is_awaited = match stage {
            Stage::Application { is_there } => !*is_there,
            Stage::Fault { url } => url.is_some(),
            Stage::Link => url.origin() == *self.origin.lock(),
            Stage::LaunchPage | Stage::Left => false,
        };
        if is_awaited {
            *stage = Stage::Application { is_there: true };
            self.start.lock().get_or_insert_with(|| url.clone());
        }
        is_awaited
    }
}

/// Only lets pages navigate to the web, and the launch page nowhere.
pub(super) fn may_navigate(open: &SessionWindow, url: &str) -> bool {
    let is_launch_page = Url::parse(url).is_ok_and(|url| open.launch.holds(&url));
    match &*open.stage.lock() {
        Stage::Application { .. } if url == WAY_BACK => {
            let _ = open.commands.send(SessionCommand::GoBack(open.key.clone()));
            false
        }
        Stage::Application { .. } | Stage::Link => !is_launch_page && is_of_page(url),
        Stage::Fault { url: page } => {
            if is_launch_page && url.ends_with("/reload") {
                let _ = open.commands.send(SessionCommand::Reload(open.key.clone()));
                return false;
            }
            is_launch_page || page.is_some() && is_of_page(url)
        }
        // A page that is being left may not navigate any more.
        Stage::LaunchPage => is_launch_page,
        Stage::Left => false,
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
    use understudy_core::launch::{LaunchPage, LaunchView};

    const PAGE: &str = "https://app.example/invoices";

    fn parse(url: &str) -> Url {
        Url::parse(url).expect("a URL")
    }

    fn open(stage: Stage) -> SessionWindow {
        let view = LaunchView::Busy { title: String::new(), subtitle: String::new() };
        SessionWindow {
            session: "s1".into(),
            key: "s1".into(),
            popups: Arc::default(),
            stage: Mutex::new(stage),
            launch: LaunchSite::create(LaunchPage::create(view).0).expect("an address"),
            falls: AtomicU32::new(0),
            has_document: AtomicBool::new(false),
            zoom: Mutex::new(1.0),
            bar_height: AtomicI32::new(BAR_HEIGHT),
            origin: Mutex::new(parse("https://app.example/").origin()),
            start: Mutex::default(),
            access: GatewayAccess {
                address: ([127, 0, 0, 1], 1).into(),
                user: "session",
                password: SecretString::from("password"),
                socks_url: SecretString::from("socks5://session:password@127.0.0.1:1"),
                key_hash: String::new(),
            },
            messages: PageMessages::default(),
            commands: mpsc::unbounded_channel().0,
        }
    }

    #[test]
    fn the_application_goes_to_the_web_and_nowhere_else() {
        let open = open(Stage::Application { is_there: true });
        for url in ["https://app.example/", "http://127.0.0.1:1/x", "about:blank", "blob:https://a/1"] {
            assert!(may_navigate(&open, url), "{url}");
        }
        let launch = open.launch.to_url(&open.origin.lock());
        for url in
            ["tauri://localhost/index.html", "ipc://localhost/x", "file:///etc/passwd", launch.as_str()]
        {
            assert!(!may_navigate(&open, url), "{url}");
        }
    }

    #[test]
    fn a_page_that_is_being_left_goes_nowhere() {
        let open = open(Stage::LaunchPage);
        assert!(may_navigate(&open, open.launch.to_url(&open.origin.lock()).as_str()));
        let elsewhere = open.launch.to_url(&parse("https://sso.example/").origin());
        assert!(may_navigate(&open, elsewhere.as_str()), "cookies of another host are set there");
        for url in ["https://app.example/", "https://app.example/slow?1", "about:blank", "blob:https://a/1"] {
            assert!(!may_navigate(&open, url), "{url}");
        }
        *open.stage.lock() = Stage::Left;
        assert!(!may_navigate(&open, open.launch.to_url(&open.origin.lock()).as_str()));
    }

    #[tokio::test]
    async fn a_launch_page_whose_process_keeps_ending_is_given_up() {
        let open = open(Stage::LaunchPage);
        for _ in 1..MOST_FALLS {
            assert_eq!(open.replace_dead_page(""), Some(open.launch.to_url(&open.origin.lock())));
        }
        assert_eq!(open.replace_dead_page(""), None);
        let error = open.launch.page().wait_until_ready().await.expect_err("it is not there");
        assert!(error.message.contains("stops as soon as it starts"), "{error}");
    }

    #[test]
    fn the_applications_first_page_comes_once() {
        let open = open(Stage::Application { is_there: false });
        assert!(!open.mark_page_arrived(&open.launch.to_url(&open.origin.lock())), "it is the launch page");
        assert!(open.mark_page_arrived(&parse(PAGE)), "from now on it may be looked into");
        assert!(!open.mark_page_arrived(&parse(PAGE)));
        assert_eq!(open.start.lock().as_ref().map(Url::as_str), Some(PAGE));
        assert!(!self::open(Stage::LaunchPage).mark_page_arrived(&parse(PAGE)));
    }

    #[test]
    fn a_link_has_arrived_once_it_is_at_the_application() {
        let open = open(Stage::Link);
        assert!(!open.mark_page_arrived(&parse("https://sso.example/accept?token=canary")));
        assert!(open.mark_page_arrived(&parse(PAGE)));
        assert_eq!(open.start.lock().as_ref().map(Url::as_str), Some(PAGE), "not the link");
    }

    #[test]
    fn a_page_whose_process_ended_is_told_apart_and_can_be_loaded_again() {
        let open = open(Stage::Application { is_there: true });
        let fault = open.replace_dead_page(PAGE).expect("a page of ours");
        assert!(may_navigate(&open, fault.as_str()) && open.is_ours());
        assert_eq!(open.page_behind_fault().as_deref(), Some(PAGE));
        assert!(!open.mark_page_arrived(&fault) && open.is_ours());
        assert!(may_navigate(&open, PAGE) && open.mark_page_arrived(&parse(PAGE)) && !open.is_ours());
        assert_eq!(open.page_behind_fault(), None);
    }

    #[test]
    fn the_page_about_a_fault_has_the_window_load_the_page_again() {
        let (commands, mut heard) = mpsc::unbounded_channel();
        let open = SessionWindow { commands, ..open(Stage::Application { is_there: true }) };
        let fault = open.replace_dead_page(PAGE).expect("a page of ours");
        assert!(!may_navigate(&open, &format!("{fault}/reload")));
        assert!(matches!(heard.try_recv(), Ok(SessionCommand::Reload(key)) if key == "s1"));
    }

    #[test]
    fn a_page_of_the_gateway_leads_back() {
        let (commands, mut heard) = mpsc::unbounded_channel();
        let open = SessionWindow { commands, ..open(Stage::Application { is_there: true }) };
        assert!(!may_navigate(&open, WAY_BACK));
        assert!(matches!(heard.try_recv(), Ok(SessionCommand::GoBack(key)) if key == "s1"));
    }

    #[test]
    fn a_page_that_never_came_is_loaded_again_from_its_start() {
        let open = open(Stage::Application { is_there: false });
        *open.start.lock() = Some(parse(PAGE));
        let launch = open.launch.to_url(&open.origin.lock());
        open.replace_dead_page(launch.as_str()).expect("a page of ours");
        assert_eq!(open.page_behind_fault().as_deref(), Some(PAGE));
    }

    #[test]
    fn a_link_whose_page_falls_is_not_opened_again() {
        let open = open(Stage::Link);
        open.replace_dead_page("https://sso.example/accept?token=canary").expect("a page of ours");
        assert_eq!(open.page_behind_fault(), None);
        assert!(!may_navigate(&open, "https://sso.example/accept?token=canary"));
    }

    #[test]
    fn a_page_about_a_fault_may_fall_itself() {
        let open = open(Stage::Application { is_there: true });
        let first = open.replace_dead_page(PAGE).expect("a page of ours");
        let second = open.replace_dead_page(first.as_str()).expect("another");
        assert!(first != second && open.page_behind_fault().as_deref() == Some(PAGE));
    }
}

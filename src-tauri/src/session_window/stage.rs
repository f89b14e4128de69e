//! What stands in a window's page's place, and what it may say and where it may go because of it.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::AtomicU64;

use tokio::sync::{mpsc, oneshot};
use understudy_core::audit::EndCause;
use understudy_core::browser::{Answer, Unanswered};
use url::{Origin, Url};
use wry::ProxyConfig;

use super::blocked::Blocked;
use super::desk::{self, Report};
use super::{Wish, lock};

/// What stands in the page's place.
pub(super) enum Stage {
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
pub(super) struct Open {
    pub session: String,
    pub stage: Mutex<Stage>,
    pub next_answer: AtomicU64,
    pub answers: Mutex<HashMap<u64, oneshot::Sender<Result<Answer, Unanswered>>>>,
    pub zoom: Mutex<f64>,
    /// Nothing in the window reaches these.
    pub blocked: Blocked,
    pub proxy: Option<ProxyConfig>,
    pub wishes: mpsc::UnboundedSender<Wish>,
}

/// Is this the page that a one-time link leads to?
pub(super) fn arrived(open: &Open, url: &str) {
    if let Stage::Link { origin, arrived } = &mut *lock(&open.stage)
        && let Ok(url) = Url::parse(url)
        && url.origin() == *origin
        && let Some(arrived) = arrived.take()
    {
        let _ = arrived.send(url);
    }
}

/// Hears what a desk reports, and lets pages go to the web only.
pub(super) fn may_navigate(open: &Open, url: &str) -> bool {
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

pub(super) fn is_web(url: &str) -> bool {
    Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https"))
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
}

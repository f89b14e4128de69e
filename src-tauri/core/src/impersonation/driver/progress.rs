//! What one session's sign-in has done so far, as far as its sign-out has to know.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

use crate::browser::Unanswered;
use crate::sign_in::{Client, WindowCookies};

#[derive(Default)]
pub(crate) struct SignInProgress {
    /// The console's HTTP client, with its cookies and captures; new for each attempt. Locked while a step runs, so a
    /// sign-out waits for that step.
    pub(crate) client: Arc<tokio::sync::Mutex<Option<Client>>>,
    /// Locked while the window's sign-in waits for its answer.
    pub(super) sending: Arc<tokio::sync::Mutex<()>>,
    /// A sign-in was sent and never answered; the application may still complete it.
    unanswered: AtomicBool,
    /// Something was given up before it was answered.
    left_open: AtomicBool,
    /// The window has got the cookies from the console's steps.
    has_cookies: AtomicBool,
    /// The application accepted something of the window, or may have, so there may be something to end.
    has_begun: AtomicBool,
    /// The window's cookies of sign-ins that could not be signed out.
    owed_sign_outs: Mutex<Vec<WindowCookies>>,
}

/// What the application may have of a session, judging by its own answers.
pub(crate) struct PossibleSession {
    /// It accepted something, or may have. Otherwise there is nothing to end.
    pub(crate) has_begun: bool,
    /// It never answered a request of the sign-in.
    pub(crate) is_left_open: bool,
}

impl SignInProgress {
    pub(crate) fn assess_session(&self) -> PossibleSession {
        let is_left_open = self.left_open.load(Ordering::SeqCst) || self.unanswered.load(Ordering::SeqCst);
        match self.client.try_lock() {
            Ok(client) => {
                let client = client.as_ref();
                let is_left_open = is_left_open || client.is_some_and(Client::is_left_open);
                let has_begun =
                    client.is_some_and(Client::has_begun) || self.has_begun.load(Ordering::SeqCst);
                PossibleSession { has_begun: has_begun || is_left_open, is_left_open }
            }
            // A step is still under way.
            Err(_) => PossibleSession { has_begun: true, is_left_open: true },
        }
    }

    /// Waits until a sign-in of the window that is under way is answered: only then can the application end it.
    pub(crate) async fn wait_for_answer(&self) {
        let _ = tokio::time::timeout(crate::sign_in::LAST_ANSWER, self.sending.lock()).await;
    }

    pub(super) fn mark_sent(&self) {
        self.unanswered.store(true, Ordering::SeqCst);
    }

    pub(super) fn mark_begun(&self) {
        self.has_begun.store(true, Ordering::SeqCst);
    }

    pub(super) fn leave_open(&self) {
        self.left_open.store(true, Ordering::SeqCst);
    }

    /// Records how the window's sign-in ended. If it was never answered, the application may have acted on it, or still
    /// do.
    pub(super) fn record_answer(&self, unanswered: Option<&Unanswered>) {
        if !unanswered.is_some_and(Unanswered::may_have_acted) {
            self.unanswered.store(false, Ordering::SeqCst);
        }
    }

    /// Records whether the window has got the cookies from this attempt's steps.
    pub(super) fn set_has_cookies(&self, has: bool) {
        self.has_cookies.store(has, Ordering::SeqCst);
    }

    pub(super) fn has_cookies(&self) -> bool {
        self.has_cookies.load(Ordering::SeqCst)
    }

    /// Keeps the cookies of a sign-in that could not be signed out, to try again at the end.
    pub(super) fn owe_sign_out(&self, cookies: WindowCookies) {
        self.owed_sign_outs.lock().push(cookies);
    }

    /// Takes those cookies: each is tried once.
    pub(super) fn take_owed_sign_outs(&self) -> Vec<WindowCookies> {
        std::mem::take(&mut *self.owed_sign_outs.lock())
    }
}

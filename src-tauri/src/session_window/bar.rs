//! The bar: what it shows, what can be asked of it, and its label.

use serde::{Deserialize, Serialize};
use tauri::{AppHandle, Emitter, Manager};
use ts_rs::TS;
use understudy_core::access::OffSitePage;
use understudy_core::held_back::HeldBackList;
use understudy_core::notice::Toast;
use understudy_core::session::SessionView;
use understudy_gateway::PasswordQuestion;

/// Height of the bar in logical pixels; `ui/src/bar` is laid out for it.
pub const BAR_HEIGHT: i32 = 46;

/// The greatest height, with something unfolded in the bar.
pub const MAX_BAR_HEIGHT: i32 = 420;

/// The name that [`remembered_as`] gives all session windows.
pub const REMEMBERED: &str = "session";

/// The name that it gives the windows that pages open, whose sizes are not saved.
pub const FORGOTTEN: &str = "popup";

/// What the bar can do, by button or by key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum BarAction {
    Back,
    Forward,
    Reload,
    /// Reload without what is cached.
    ReloadFresh,
    /// Stop loading.
    Stop,
    /// Find text in the page; the bar asks which.
    Find,
    FindNext,
    FindPrevious,
    Print,
    /// Copy the page's address.
    CopyAddress,
    /// Open the page in the operator's own browser, which is not signed in.
    OpenInBrowser,
    ZoomIn,
    ZoomOut,
    ZoomReset,
    Inspect,
    /// Switch between read-only and full access; the bar asks for what that needs.
    SwitchMode,
    /// Write a note for the ticket; the bar has its field.
    Note,
    /// Copy a summary of the session, for the ticket.
    CopySummary,
    /// Show what a summary of the session would put into its ticket, in the console, which sends it.
    SendSummary,
    /// Extend the session, as far as the policy allows.
    Extend,
    End,
    /// Close this window, if it is not the session's first one.
    CloseWindow,
    /// Bring the next of all sessions' windows to the front.
    NextWindow,
    PreviousWindow,
    /// Take evidence of what the window shows, for a ticket.
    TakeEvidence,
    /// Bring the console to the front, with its palette.
    OpenPalette,
}

/// What the bar shows.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[ts(export)]
#[allow(clippy::struct_excessive_bools, reason = "independent facts")]
pub struct BarState {
    pub session: SessionView,
    /// Which of the session's windows this is; `None` for the first.
    pub number: Option<u32>,
    pub can_go_back: bool,
    pub can_go_forward: bool,
    /// 1 is 100%.
    pub zoom: f64,
    /// How much of the page has loaded, from 0 to 1; `None` once it has.
    pub progress: Option<f64>,
    /// Whether text can be found from the bar; elsewhere, the system's webview has its own field.
    pub has_find: bool,
    /// The origin of the page that is shown.
    pub location: String,
    /// Whether that is another site than the application's.
    pub is_off_site: bool,
    pub held_back: HeldBackList,
    /// A page that leads out of the application and waits for the operator's answer.
    pub off_site: Option<OffSitePage>,
    /// A host that waits for a user name and a password.
    pub password: Option<PasswordQuestion>,
}

/// Makes the bar of this window fetch its state again.
pub(super) fn refresh_bar(app: &AppHandle, key: &str) {
    let _ = app.emit_to(bar_label(key), "bar_changed", ());
}

/// Shows something that happened in a window's bar.
pub fn show_in_bar(app: &AppHandle, key: &str, toast: &Toast) {
    let _ = app.emit_to(bar_label(key), "said", toast);
}

/// Sends an event to the bars of all windows of a session.
pub fn emit_to_bars(app: &AppHandle, session: &str, event: &str, payload: impl Serialize + Clone) {
    for label in app.webview_windows().into_keys() {
        if session_of_bar(&label) == Some(session) {
            let _ = app.emit_to(label, event, payload.clone());
        }
    }
}

/// The label of the bar in the window with this key; a session's ID is the key of its first window.
pub fn bar_label(key: &str) -> String {
    format!("bar-{key}")
}

/// The key of the window whose bar has this label.
pub fn window_of_bar(label: &str) -> Option<&str> {
    label.strip_prefix("bar-")
}

/// The session whose bar has this label.
pub fn session_of_bar(label: &str) -> Option<&str> {
    window_of_bar(label).map(|key| key.split_once(':').map_or(key, |(session, _)| session))
}

/// The key of a further window of a session.
pub(super) fn popup_key(session: &str, number: u32) -> String {
    format!("{session}:{number}")
}

/// Which of its session's windows has this key; `None` for the first.
pub(super) fn number_of_window(key: &str) -> Option<u32> {
    key.split_once(':').and_then(|(_, number)| number.parse().ok())
}

/// The name under which a window's size is saved: all session windows share one size.
pub fn remembered_as(label: &str) -> &str {
    match window_of_bar(label) {
        Some(key) if number_of_window(key).is_some() => FORGOTTEN,
        Some(_) => REMEMBERED,
        None => label,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sessions_windows_are_told_apart_and_only_the_firsts_size_is_remembered() {
        let second = bar_label(&popup_key("s1", 2));
        assert_eq!((session_of_bar(&second), window_of_bar(&second)), (Some("s1"), Some("s1:2")));
        assert_eq!((number_of_window("s1:2"), number_of_window("s1")), (Some(2), None));
        assert_eq!(remembered_as(&second), FORGOTTEN);
        assert_eq!(remembered_as(&bar_label("s1")), REMEMBERED);
        assert_eq!((remembered_as("console"), session_of_bar("console")), ("console", None));
    }
}

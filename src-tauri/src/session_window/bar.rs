//! The bar: what it shows, what it can do to the page under it, and its label.

use serde::{Deserialize, Serialize};
use tauri::{AppHandle, Emitter, Manager};
use ts_rs::TS;
use understudy_core::access::OffSitePage;
use understudy_core::audit::EndCause;
use understudy_core::held_back::HeldBackList;
use understudy_core::session::SessionView;

use super::SessionCommand;
use super::popups::close_popup;
use super::stage::{SessionWindow, Stage};
use super::window::with_page;

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
    ZoomIn,
    ZoomOut,
    ZoomReset,
    Inspect,
    /// Switch between read-only and full access; the bar asks for what that needs.
    SwitchMode,
    /// Extend the session, as far as the policy allows.
    Extend,
    End,
    /// Close this window, if it is not the session's first one.
    CloseWindow,
}

/// What the bar shows.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[ts(export)]
pub struct BarState {
    pub session: SessionView,
    /// Which of the session's windows this is; `None` for the first.
    pub number: Option<u32>,
    pub can_go_back: bool,
    pub can_go_forward: bool,
    /// 1 is 100%.
    pub zoom: f64,
    /// The origin of the page that is shown.
    pub location: String,
    /// Whether that is another site than the application's.
    pub is_off_site: bool,
    pub held_back: HeldBackList,
    /// A page that leads out of the application and waits for the operator's answer.
    pub off_site: Option<OffSitePage>,
}

/// Does what a button or key asks for. Main thread only.
pub(super) fn run_bar_action(open: &SessionWindow, action: BarAction) {
    if action == BarAction::CloseWindow {
        close_popup(&open.key);
        return;
    }
    let command = match action {
        BarAction::End => Some(SessionCommand::End(open.session.clone(), EndCause::Operator)),
        BarAction::Extend => Some(SessionCommand::Extend(open.session.clone())),
        _ => None,
    };
    if let Some(command) = command {
        let _ = open.commands.send(command);
        return;
    }
    if action == BarAction::SwitchMode {
        let _ = with_page(&open.key, |page| {
            page.focus_bar();
            page.window.emit_to(bar_label(&open.key), "mode_asked", ())
        });
        return;
    }
    if action == BarAction::Reload
        && let Some(url) = open.page_behind_fault()
    {
        let _ = with_page(&open.key, |page| page.view.load_url(&url));
        return;
    }
    // On the launch page, there is nothing to go back to, and nothing of it may be inspected.
    if !matches!(*open.stage.lock(), Stage::Application { is_there: true }) {
        return;
    }
    let done = with_page(&open.key, |page| {
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
                let mut zoom = open.zoom.lock();
                *zoom = next_zoom(*zoom, action);
                view.zoom(*zoom)
            }
            BarAction::SwitchMode | BarAction::Extend | BarAction::End | BarAction::CloseWindow => Ok(()),
        }
    });
    if let Ok(Err(error)) = done {
        tracing::warn!("{action:?} in a session's page: {error:#}");
    }
    let _ = with_page(&open.key, |page| refresh_bar(page.window.app_handle(), &open.key));
}

/// The zoom steps of browsers.
fn next_zoom(now: f64, action: BarAction) -> f64 {
    const STEPS: [f64; 11] = [0.5, 0.67, 0.8, 0.9, 1.0, 1.1, 1.25, 1.5, 1.75, 2.0, 3.0];
    match action {
        BarAction::ZoomIn => STEPS.into_iter().find(|step| *step > now + 0.01).unwrap_or(STEPS[10]),
        BarAction::ZoomOut => STEPS.into_iter().rev().find(|step| *step < now - 0.01).unwrap_or(STEPS[0]),
        _ => 1.0,
    }
}

/// Makes the bar of this window fetch its state again.
pub(super) fn refresh_bar(app: &AppHandle, key: &str) {
    let _ = app.emit_to(bar_label(key), "bar_changed", ());
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

    #[test]
    fn zoom_goes_in_steps_and_stops_at_the_ends() {
        assert!((next_zoom(1.0, BarAction::ZoomIn) - 1.1).abs() < 1e-9);
        assert!((next_zoom(3.0, BarAction::ZoomIn) - 3.0).abs() < 1e-9);
        assert!((next_zoom(0.5, BarAction::ZoomOut) - 0.5).abs() < 1e-9);
        assert!((next_zoom(0.5, BarAction::ZoomReset) - 1.0).abs() < 1e-9);
    }
}

//! Does what the bar's buttons and keys ask for.

use tauri::{Emitter, Manager};
use understudy_core::audit::EndCause;

use super::bar::{BarAction, bar_label, refresh_bar};
use super::find::FindStep;
use super::popups::close_popup;
use super::stage::{SessionWindow, Stage};
use super::window::{PageView, with_page};
use super::{AddressUse, SessionCommand, WindowTurn, platform};

/// Does what a button or key asks for. Main thread only.
pub(super) fn run_bar_action(open: &SessionWindow, action: BarAction) {
    if let Some(command) = to_command(open, action) {
        let _ = open.commands.send(command);
        return;
    }
    if action == BarAction::CloseWindow {
        close_popup(&open.key);
        return;
    }
    if let Some(asked) = asks_in_bar(action) {
        let _ = with_page(&open.key, |page| ask_in_bar(page, asked));
        return;
    }
    if action == BarAction::Reload
        && let Some(url) = open.page_behind_fault()
    {
        let _ = with_page(&open.key, |page| page.view.load_url(&url));
        return;
    }
    // On the launch page, there is nothing to go back to, and nothing of it may be inspected.
    if !open.shows_application() {
        return;
    }
    let done = with_page(&open.key, |page| act_on_page(page, action));
    if let Ok(Err(error)) = done {
        tracing::warn!("{action:?} in a session's page: {error:#}");
    }
    let _ = with_page(&open.key, |page| refresh_bar(page.window.app_handle(), &open.key));
}

/// The event for what the bar asks the operator, whatever its page shows.
fn asks_in_bar(action: BarAction) -> Option<&'static str> {
    match action {
        BarAction::SwitchMode => Some("mode_asked"),
        BarAction::Note => Some("note_asked"),
        _ => None,
    }
}

/// What the console has to do for it.
fn to_command(open: &SessionWindow, action: BarAction) -> Option<SessionCommand> {
    let (session, window) = (open.session.clone(), open.key.clone());
    Some(match action {
        BarAction::End => SessionCommand::End(session, EndCause::Operator),
        BarAction::Extend => SessionCommand::Extend(session),
        BarAction::CopyAddress => SessionCommand::UseAddress { session, window, how: AddressUse::Copy },
        BarAction::OpenInBrowser => {
            SessionCommand::UseAddress { session, window, how: AddressUse::OpenInBrowser }
        }
        BarAction::CopySummary => SessionCommand::CopySummary { session, window },
        BarAction::SendSummary => SessionCommand::SendSummary { session, window },
        BarAction::NextWindow => SessionCommand::Turn(Some(window), WindowTurn::Next),
        BarAction::PreviousWindow => SessionCommand::Turn(Some(window), WindowTurn::Previous),
        BarAction::TakeEvidence => SessionCommand::TakeEvidence { session, window },
        BarAction::OpenPalette => SessionCommand::OpenPalette,
        _ => return None,
    })
}

fn act_on_page(page: &PageView, action: BarAction) -> wry::Result<()> {
    let (view, zoom) = (&page.view, &page.open.zoom);
    match action {
        BarAction::Back => view.go_back(),
        BarAction::Forward => view.go_forward(),
        BarAction::Reload => view.reload(),
        BarAction::ReloadFresh => platform::reload_without_cache(view),
        BarAction::Stop => platform::stop_loading(view),
        BarAction::Print => platform::print_page(view),
        BarAction::Find => {
            if platform::HAS_FIND {
                ask_in_bar(page, "find_asked");
            }
            Ok(())
        }
        BarAction::FindNext | BarAction::FindPrevious => {
            let step = if action == BarAction::FindNext { FindStep::Next } else { FindStep::Previous };
            if platform::HAS_FIND && !page.finder.step(step) {
                ask_in_bar(page, "find_asked");
            }
            Ok(())
        }
        BarAction::Inspect => {
            if view.is_devtools_open() {
                view.close_devtools();
            } else {
                view.open_devtools();
            }
            Ok(())
        }
        BarAction::ZoomIn | BarAction::ZoomOut | BarAction::ZoomReset => {
            let mut zoom = zoom.lock();
            *zoom = next_zoom(*zoom, action);
            view.zoom(*zoom)
        }
        _ => Ok(()),
    }
}

/// Has the bar ask something, with the keyboard's focus.
fn ask_in_bar(page: &PageView, event: &str) {
    page.focus_bar();
    let _ = page.window.emit_to(bar_label(&page.open.key), event, ());
}

impl SessionWindow {
    /// Whether a page of the application is there, rather than one of Understudy.
    pub fn shows_application(&self) -> bool {
        matches!(*self.stage.lock(), Stage::Application { is_there: true })
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zoom_goes_in_steps_and_stops_at_the_ends() {
        assert!((next_zoom(1.0, BarAction::ZoomIn) - 1.1).abs() < 1e-9);
        assert!((next_zoom(3.0, BarAction::ZoomIn) - 3.0).abs() < 1e-9);
        assert!((next_zoom(0.5, BarAction::ZoomOut) - 0.5).abs() < 1e-9);
        assert!((next_zoom(0.5, BarAction::ZoomReset) - 1.0).abs() < 1e-9);
    }
}

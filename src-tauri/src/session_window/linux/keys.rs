//! Which keys of a session's page belong to the bar.

use gtk::gdk::keys::constants as key;
use gtk::gdk::{EventKey, ModifierType};

use super::PageEvent;
use crate::session_window::BarAction;

/// What a key asks for. Escape stops a page that is loading, and belongs to the page otherwise.
pub(super) fn to_page_event(event: &EventKey, is_loading: bool) -> Option<PageEvent> {
    let state =
        event.state() & (ModifierType::CONTROL_MASK | ModifierType::MOD1_MASK | ModifierType::SHIFT_MASK);
    let (control, alt, shift) = (
        state.contains(ModifierType::CONTROL_MASK),
        state.contains(ModifierType::MOD1_MASK),
        state.contains(ModifierType::SHIFT_MASK),
    );
    let pressed = event.keyval();
    if state == ModifierType::CONTROL_MASK
        && let Some(digit @ 1..) = pressed.to_unicode().and_then(|char| char.to_digit(10))
    {
        return Some(PageEvent::Session(digit as usize));
    }
    let action = match pressed {
        key::Escape if is_loading && state.is_empty() => BarAction::Stop,
        key::F12 => BarAction::Inspect,
        key::F5 if control || shift => BarAction::ReloadFresh,
        key::F5 => BarAction::Reload,
        key::F3 if shift => BarAction::FindPrevious,
        key::F3 => BarAction::FindNext,
        key::Left if alt => BarAction::Back,
        key::Right if alt => BarAction::Forward,
        key::Tab if control => BarAction::NextWindow,
        key::ISO_Left_Tab if control => BarAction::PreviousWindow,
        key::Return | key::KP_Enter if control && shift && !alt => BarAction::SendSummary,
        key::plus | key::equal | key::KP_Add if control => BarAction::ZoomIn,
        key::minus | key::KP_Subtract if control => BarAction::ZoomOut,
        key::_0 | key::KP_0 if control => BarAction::ZoomReset,
        letter if control && !alt => to_letter_action(letter.to_unicode()?.to_ascii_lowercase(), shift)?,
        _ => return None,
    };
    Some(PageEvent::Key(action))
}

/// What a letter asks for, with Ctrl.
fn to_letter_action(letter: char, shift: bool) -> Option<BarAction> {
    Some(match letter {
        'e' if shift => BarAction::TakeEvidence,
        'i' if shift => BarAction::Inspect,
        'l' if shift => BarAction::Extend,
        'm' if shift => BarAction::SwitchMode,
        'c' if shift => BarAction::CopyAddress,
        'n' if shift => BarAction::Note,
        's' if shift => BarAction::CopySummary,
        'o' if shift => BarAction::OpenInBrowser,
        'g' if shift => BarAction::FindPrevious,
        'r' if shift => BarAction::ReloadFresh,
        'r' => BarAction::Reload,
        'w' => BarAction::End,
        'f' if !shift => BarAction::Find,
        'g' => BarAction::FindNext,
        'p' if !shift => BarAction::Print,
        'k' if !shift => BarAction::OpenPalette,
        _ => return None,
    })
}

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
        && let Some(number) = to_session_number(pressed.to_unicode(), event.hardware_keycode())
    {
        return Some(PageEvent::Session(number));
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

/// The session's number that a key stands for, with Ctrl: by what is on it, or, where digits need Shift, by its place in
/// the row of digits. Keys that zoom stay what they are: on a French keyboard, `-` is where others have 6.
fn to_session_number(typed: Option<char>, place: u16) -> Option<usize> {
    let number = match typed {
        Some(digit) if digit.is_ascii_digit() => digit.to_digit(10)?,
        Some('-' | '+' | '=') => return None,
        // X11 and Wayland number the keys alike, whatever is on them.
        _ => u32::from(place.checked_sub(9)?),
    };
    (1..=9).contains(&number).then_some(number as usize)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_session_numbers_on_every_keyboard() {
        // What is typed without Shift, by a German and a French keyboard; and a keypad, whose keys are elsewhere.
        for (typed, place, number) in [
            ('1', 10, Some(1)),
            ('9', 18, Some(9)),
            ('0', 19, None),
            ('&', 10, Some(1)),
            ('é', 11, Some(2)),
            ('ç', 18, Some(9)),
            ('-', 15, None),
            ('=', 21, None),
            ('à', 19, None),
            ('7', 79, Some(7)),
            ('q', 24, None),
        ] {
            assert_eq!(to_session_number(Some(typed), place), number, "{typed} {place}");
        }
        assert_eq!((to_session_number(None, 12), to_session_number(None, 9)), (Some(3), None));
    }
}

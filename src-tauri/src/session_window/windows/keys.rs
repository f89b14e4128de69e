//! Which keys of a session's page belong to the bar (`GetKeyState`). Ctrl+F, F3 and Ctrl+P are WebView2's own.

use windows::Win32::UI::Input::KeyboardAndMouse::{
    GetKeyState, VIRTUAL_KEY, VK_CONTROL, VK_MENU, VK_SHIFT, VK_TAB,
};

use crate::session_window::BarAction;
use crate::session_window::window::PageEvent;

/// What this virtual key asks for, together with the modifiers that are down.
pub fn to_page_event(key: u32) -> Option<PageEvent> {
    const F5: u32 = 0x74;
    const F12: u32 = 0x7B;
    const RETURN: u32 = 0x0D;
    const LEFT: u32 = 0x25;
    const RIGHT: u32 = 0x27;
    const TAB: u32 = VK_TAB.0 as u32;
    let (control, alt, shift) = (is_down(VK_CONTROL), is_down(VK_MENU), is_down(VK_SHIFT));
    let action = match key {
        0x31..=0x39 if control && !alt && !shift => return Some(PageEvent::Session((key - 0x30) as usize)),
        F12 => BarAction::Inspect,
        F5 if control || shift => BarAction::ReloadFresh,
        F5 => BarAction::Reload,
        LEFT if alt => BarAction::Back,
        RIGHT if alt => BarAction::Forward,
        TAB if control && shift => BarAction::PreviousWindow,
        TAB if control => BarAction::NextWindow,
        RETURN if control && shift && !alt => BarAction::SendSummary,
        0xBB | 0x6B if control => BarAction::ZoomIn,
        0xBD | 0x6D if control => BarAction::ZoomOut,
        0x30 | 0x60 if control => BarAction::ZoomReset,
        letter if control && !alt => to_letter_action(letter, shift)?,
        _ => return None,
    };
    Some(PageEvent::Key(action))
}

/// What a letter's key asks for, with Ctrl.
fn to_letter_action(key: u32, shift: bool) -> Option<BarAction> {
    Some(match u8::try_from(key).ok()? {
        b'E' if shift => BarAction::TakeEvidence,
        b'I' if shift => BarAction::Inspect,
        b'L' if shift => BarAction::Extend,
        b'M' if shift => BarAction::SwitchMode,
        b'C' if shift => BarAction::CopyAddress,
        b'N' if shift => BarAction::Note,
        b'S' if shift => BarAction::CopySummary,
        b'O' if shift => BarAction::OpenInBrowser,
        b'R' if shift => BarAction::ReloadFresh,
        b'R' => BarAction::Reload,
        b'W' => BarAction::End,
        b'K' if !shift => BarAction::OpenPalette,
        _ => return None,
    })
}

fn is_down(key: VIRTUAL_KEY) -> bool {
    // SAFETY: only reads the state of a key.
    #[allow(unsafe_code, reason = "the Windows API is foreign")]
    let state = unsafe { GetKeyState(i32::from(key.0)) };
    state < 0
}

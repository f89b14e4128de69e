//! Which keys of a session's page belong to the bar (`GetKeyState`).

use windows::Win32::UI::Input::KeyboardAndMouse::{GetKeyState, VIRTUAL_KEY, VK_CONTROL, VK_MENU, VK_SHIFT};

use crate::session_window::BarAction;

/// What this virtual key asks the bar for, together with the modifiers that are down.
pub fn to_bar_action(key: u32) -> Option<BarAction> {
    const F5: u32 = 0x74;
    const F12: u32 = 0x7B;
    const LEFT: u32 = 0x25;
    const RIGHT: u32 = 0x27;
    let (control, alt, shift) = (is_down(VK_CONTROL), is_down(VK_MENU), is_down(VK_SHIFT));
    Some(match key {
        F12 => BarAction::Inspect,
        0x49 if control && shift => BarAction::Inspect,
        0x4C if control && shift => BarAction::Extend,
        0x4D if control && shift => BarAction::SwitchMode,
        F5 => BarAction::Reload,
        0x52 if control => BarAction::Reload,
        0x57 if control => BarAction::End,
        LEFT if alt => BarAction::Back,
        RIGHT if alt => BarAction::Forward,
        0xBB | 0x6B if control => BarAction::ZoomIn,
        0xBD | 0x6D if control => BarAction::ZoomOut,
        0x30 | 0x60 if control => BarAction::ZoomReset,
        _ => return None,
    })
}

fn is_down(key: VIRTUAL_KEY) -> bool {
    // SAFETY: only reads the state of a key.
    #[allow(unsafe_code, reason = "the Windows API is foreign")]
    let state = unsafe { GetKeyState(i32::from(key.0)) };
    state < 0
}

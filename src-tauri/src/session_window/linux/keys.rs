//! Which keys of a session's page belong to the bar.

use gtk::gdk::keys::constants as key;
use gtk::gdk::{EventKey, ModifierType};

use crate::session_window::BarAction;

pub(super) fn to_bar_action(event: &EventKey) -> Option<BarAction> {
    let state =
        event.state() & (ModifierType::CONTROL_MASK | ModifierType::MOD1_MASK | ModifierType::SHIFT_MASK);
    let (control, alt, shift) = (
        state.contains(ModifierType::CONTROL_MASK),
        state.contains(ModifierType::MOD1_MASK),
        state.contains(ModifierType::SHIFT_MASK),
    );
    Some(match event.keyval() {
        key::F12 => BarAction::Inspect,
        key::I | key::i if control && shift => BarAction::Inspect,
        key::L | key::l if control && shift => BarAction::Extend,
        key::M | key::m if control && shift => BarAction::SwitchMode,
        key::F5 => BarAction::Reload,
        key::r | key::R if control => BarAction::Reload,
        key::w | key::W if control => BarAction::End,
        key::Left if alt => BarAction::Back,
        key::Right if alt => BarAction::Forward,
        key::plus | key::equal | key::KP_Add if control => BarAction::ZoomIn,
        key::minus | key::KP_Subtract if control => BarAction::ZoomOut,
        key::_0 | key::KP_0 if control => BarAction::ZoomReset,
        _ => return None,
    })
}

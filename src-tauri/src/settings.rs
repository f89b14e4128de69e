//! Applies the operator's settings to the running application: the shortcut and the theme.

use tauri::AppHandle;
use tauri_plugin_global_shortcut::GlobalShortcutExt;
use understudy_core::error::{Code, Error, Result};
use understudy_core::settings::{Settings, Theme};

/// Applies the settings; `before` are those in effect, `None` at the start. Fails if a new shortcut cannot be
/// registered, and then changes nothing.
pub fn apply_settings(app: &AppHandle, before: Option<&Settings>, settings: &Settings) -> Result<()> {
    let shortcuts = app.global_shortcut();
    let (old, new) = (before.map(|before| before.shortcut.as_str()), settings.shortcut.as_str());
    if old != Some(new) && !new.is_empty() && !is_wayland() {
        shortcuts.register(new).map_err(|cause| {
            Error::new(Code::SettingsInvalid, format!("The shortcut {new} could not be registered: {cause}"))
                .with_hint("Another program may be using it. Choose another shortcut, or none.")
        })?;
    }
    if let Some(old) = old.filter(|old| *old != new && !old.is_empty()) {
        let _ = shortcuts.unregister(old);
    }
    app.set_theme(match settings.theme {
        Theme::System => None,
        Theme::Light => Some(tauri::Theme::Light),
        Theme::Dark => Some(tauri::Theme::Dark),
    });
    Ok(())
}

/// On Wayland, a program cannot register a global shortcut.
pub fn is_wayland() -> bool {
    cfg!(target_os = "linux")
        && std::env::var_os("WAYLAND_DISPLAY").is_some_and(|name| !name.is_empty())
        && !std::env::var("GDK_BACKEND").is_ok_and(|backend| backend == "x11")
}

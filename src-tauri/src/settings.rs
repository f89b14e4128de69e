//! Applies the operator's settings to the running application: the shortcut, the theme and the tray icon.

use tauri::AppHandle;
use tauri_plugin_global_shortcut::GlobalShortcutExt;
use understudy_core::error::{Code, Error, Result};
use understudy_core::settings::{Settings, Theme};

use crate::tray_icon::show_tray_icon;

/// Applies the settings at the start. Returns what cannot be applied; everything else is.
pub fn apply_first_settings(app: &AppHandle, settings: &Settings) -> Vec<Error> {
    apply_theme(app, settings.theme);
    let applied = [change_shortcut(app, "", &settings.shortcut), show_tray_icon(app, settings.tray_icon)];
    applied.into_iter().filter_map(Result::err).collect()
}

/// Applies changed settings; `before` are those in effect. If one of them cannot be applied, nothing changes.
pub fn apply_settings(app: &AppHandle, before: &Settings, settings: &Settings) -> Result<()> {
    change_shortcut(app, &before.shortcut, &settings.shortcut)?;
    // One that could not be shown at the start is no reason to refuse other changes.
    if settings.tray_icon != before.tray_icon {
        show_tray_icon(app, settings.tray_icon).inspect_err(|_| {
            let _ = change_shortcut(app, &settings.shortcut, &before.shortcut);
        })?;
    }
    apply_theme(app, settings.theme);
    Ok(())
}

/// Registers the new shortcut instead of the old one; both may be empty. Fails if the new one cannot be registered, and
/// then changes nothing.
fn change_shortcut(app: &AppHandle, old: &str, new: &str) -> Result<()> {
    let shortcuts = app.global_shortcut();
    if old != new && !new.is_empty() && !is_wayland() {
        shortcuts.register(new).map_err(|cause| {
            Error::new(Code::SettingsInvalid, format!("The shortcut {new} could not be registered: {cause}"))
                .with_hint("Another program may be using it. Choose another shortcut, or none.")
        })?;
    }
    if old != new && !old.is_empty() {
        let _ = shortcuts.unregister(old);
    }
    Ok(())
}

fn apply_theme(app: &AppHandle, theme: Theme) {
    app.set_theme(match theme {
        Theme::System => None,
        Theme::Light => Some(tauri::Theme::Light),
        Theme::Dark => Some(tauri::Theme::Dark),
    });
}

/// On Wayland, a program cannot register a global shortcut.
pub fn is_wayland() -> bool {
    cfg!(target_os = "linux")
        && std::env::var_os("WAYLAND_DISPLAY").is_some_and(|name| !name.is_empty())
        && !std::env::var("GDK_BACKEND").is_ok_and(|backend| backend == "x11")
}

//! The operator's settings: `settings.toml` in the config folder.

use std::path::Path;

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::audit::OperatorIdentity;
use crate::error::{Code, Error, Result};
use crate::home::{Home, write_private};
use understudy_files::regular_file;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum Theme {
    #[default]
    System,
    Light,
    Dark,
}

/// What happens if the console's window is closed while sessions run. If none runs, Understudy quits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum WhenClosed {
    #[default]
    Ask,
    /// Hide the window and keep the sessions. It is shown again when the last one has ended.
    Hide,
    /// Sign out of all sessions, then quit.
    Quit,
}

/// All settings. A missing key has its default, and an unknown key is refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(default, deny_unknown_fields)]
#[ts(export)]
#[allow(clippy::struct_excessive_bools, reason = "each is a choice of its own, and a key of the file")]
pub struct Settings {
    pub theme: Theme,
    /// The operator's name in the audit log and in `{{ operator.name }}`.
    pub operator_name: String,
    /// `{{ operator.email }}`; empty if not known.
    pub operator_email: String,
    /// The shortcut that brings the console to the front, in Tauri's notation: `CommandOrControl+Shift+U`. Empty: none.
    pub shortcut: String,
    /// Whether the shortcut opens the quick window, which has a search field only.
    pub quick_window: bool,
    /// Whether single-letter keys (`j`, `k`, `/`, `?`) work outside text fields (WCAG 2.1.4).
    pub single_keys: bool,
    /// Whether the console starts with the text that was in its search field when it was left.
    pub remember_search: bool,
    pub when_closed: WhenClosed,
    /// Whether there is an icon in the desktop's tray, or in the menu bar of macOS.
    pub tray_icon: bool,
    /// The connections' IDs in the rail's order. New connections come last. Only the console writes this; saving
    /// settings from a window does not change it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[ts(skip)]
    pub connection_order: Vec<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            theme: Theme::default(),
            operator_name: String::new(),
            operator_email: String::new(),
            shortcut: "CommandOrControl+Shift+U".into(),
            quick_window: false,
            single_keys: true,
            remember_search: true,
            when_closed: WhenClosed::default(),
            tray_icon: false,
            connection_order: Vec::new(),
        }
    }
}

impl Settings {
    /// Who the operator is: as they call themselves here, and as the system knows them.
    pub fn operator(&self) -> OperatorIdentity {
        OperatorIdentity::new(self.operator_name.trim(), self.operator_email.trim())
    }

    /// Reads the operator's settings; the defaults if there is no file.
    ///
    /// Fails with [`Code::SettingsInvalid`], with line and column, if the file is invalid; the application then uses
    /// the defaults.
    pub fn load(home: &Home) -> Result<Self> {
        let path = home.settings_file();
        if std::fs::metadata(&path).is_err_and(|cause| cause.kind() == std::io::ErrorKind::NotFound) {
            return Ok(Self::default());
        }
        let text = regular_file::read_text(&path, regular_file::OF_SETTINGS)?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        toml::from_str(text).map_err(|fault| {
            let before = fault.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
            let line = before.matches('\n').count() + 1;
            let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
            Error::new(Code::SettingsInvalid, format!("settings.toml:{line}:{column}: {}", fault.message()))
                .with_hint(format!("Correct or remove {}; until then the defaults are used.", path.display()))
        })
    }

    /// Replaces the whole file.
    pub fn save(&self, home: &Home) -> Result<()> {
        write_private(&home.settings_file(), &self.to_text()?)
    }

    /// Writes the same text as [`Self::save`] to a file of the operator's choice.
    pub fn export(&self, path: &Path) -> Result<()> {
        std::fs::write(path, self.to_text()?).map_err(|cause| Error::for_file("write", path, cause))
    }

    fn to_text(&self) -> Result<String> {
        toml::to_string_pretty(self).map_err(Error::internal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_chosen_is_there_the_next_time() {
        let base = tempfile::tempdir().unwrap();
        let home = Home::in_folder(base.path());
        assert_eq!(Settings::load(&home).unwrap(), Settings::default());
        let chosen = Settings {
            theme: Theme::Dark,
            operator_name: "Ol\"ga".into(),
            shortcut: String::new(),
            quick_window: true,
            when_closed: WhenClosed::Hide,
            tray_icon: true,
            ..Settings::default()
        };
        chosen.save(&home).unwrap();
        assert_eq!(Settings::load(&home).unwrap(), chosen);

        // What is exported is what another computer reads.
        let other = tempfile::tempdir().unwrap();
        let there = Home::in_folder(other.path());
        chosen.export(&there.settings_file()).unwrap();
        assert_eq!(Settings::load(&there).unwrap(), chosen);
        let nowhere = chosen.export(&other.path().join("gone/settings.toml")).unwrap_err();
        assert_eq!(nowhere.code, Code::FileFailed);
    }

    #[test]
    fn what_is_not_said_has_its_default() {
        let base = tempfile::tempdir().unwrap();
        std::fs::write(base.path().join("settings.toml"), "\u{feff}theme = \"light\"\r\n").unwrap();
        let settings = Settings::load(&Home::in_folder(base.path())).unwrap();
        assert_eq!(settings, Settings { theme: Theme::Light, ..Settings::default() });
    }

    #[test]
    fn a_faulty_file_is_told_with_its_place() {
        let base = tempfile::tempdir().unwrap();
        let home = Home::in_folder(base.path());
        for (text, expected) in [
            ("theme = 'light'\nthmee = 1", "settings.toml:2:1: unknown field `thmee`, expected one of"),
            ("theme = 'pink'", "settings.toml:1:9: unknown variant `pink`, expected one of"),
            ("single_keys = ", "settings.toml:1:"),
        ] {
            std::fs::write(home.settings_file(), text).unwrap();
            let error = Settings::load(&home).unwrap_err();
            assert_eq!(error.code, Code::SettingsInvalid);
            assert!(error.message.starts_with(expected), "{error}");
            assert!(error.hint.unwrap().contains("the defaults are used"));
        }
    }
}

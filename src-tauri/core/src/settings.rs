//! What the operator chose: `settings.toml` in the config folder.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::error::{Code, Error, Result};
use crate::home::{Home, write_private};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum Theme {
    #[default]
    System,
    Light,
    Dark,
}

/// Everything that can be chosen. A missing key has its default; an unknown one is refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(default, deny_unknown_fields)]
#[ts(export)]
pub struct Settings {
    pub theme: Theme,
    /// The operator's name in the audit log and in `{{ operator.name }}`.
    pub operator_name: String,
    /// `{{ operator.email }}`; empty: not known.
    pub operator_email: String,
    /// Brings the console to the front; empty: none. In Tauri's notation, `CommandOrControl+Shift+U`.
    pub shortcut: String,
    /// Keys of a single letter (`j`, `k`, `/`, `?`) work outside text fields (WCAG 2.1.4).
    pub single_keys: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            theme: Theme::default(),
            operator_name: String::new(),
            operator_email: String::new(),
            shortcut: "CommandOrControl+Shift+U".into(),
            single_keys: true,
        }
    }
}

impl Settings {
    /// Reads the file; defaults when there is none. A faulty one is said with line and column.
    pub fn load(home: &Home) -> Result<Self> {
        let path = home.settings_file();
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(cause) => return Err(Error::file("read", &path, &cause)),
        };
        toml::from_str(&text).map_err(|fault| {
            Error::new(Code::SettingsInvalid, format!("{}: {fault}", path.display()))
                .hint("Understudy goes on with its defaults; correct the file or save the settings anew.")
        })
    }

    /// Writes the file, whole.
    pub fn save(&self, home: &Home) -> Result<()> {
        let text = toml::to_string_pretty(self).map_err(Error::internal)?;
        write_private(&home.settings_file(), &text)
    }
}

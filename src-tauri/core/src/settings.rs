//! What the operator chose: `settings.toml` in the config folder.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

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

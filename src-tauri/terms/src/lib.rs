//! What several crates call by the same name: a connection file says it, the gateway acts on it, the audit log records
//! it, and the UI shows it. Only what crates that do not know each other share is here.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// Which of the application's installations a connection is for. Each has a colour of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema, TS)]
#[serde(rename_all = "lowercase")]
#[ts(export)]
pub enum Environment {
    Production,
    Staging,
    #[default]
    Development,
}

impl Environment {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Production, Self::Staging, Self::Development];

    /// As written in connection files, in `{{ connection.environment }}` and in the audit log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Production => "production",
            Self::Staging => "staging",
            Self::Development => "development",
        }
    }
}

/// What a session may do in the application.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum SessionMode {
    /// Requests that may change something are held back, unless the connection allows them.
    ReadOnly,
    Full,
}

impl SessionMode {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::ReadOnly, Self::Full];

    /// As written in connection files and in the audit log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ReadOnly => "read_only",
            Self::Full => "full",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_term_is_written_as_serde_writes_it() {
        for environment in Environment::ALL {
            assert_eq!(serde_json::to_value(environment).unwrap(), environment.as_str());
        }
        for mode in SessionMode::ALL {
            assert_eq!(serde_json::to_value(mode).unwrap(), mode.as_str());
        }
    }
}

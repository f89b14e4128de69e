//! The types of the team file.

use schemars::JsonSchema;
use serde::Deserialize;

/// The file as it is written.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TeamFile {
    /// `[audit]`: where the team's audit log is.
    #[serde(default)]
    pub audit: Option<TeamAuditConfig>,
}

/// `[audit]`: where the team's audit log is, beside the one on each computer.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TeamAuditConfig {
    /// `postgres://role@host:port/database`, without a password.
    #[serde(default)]
    pub url: Option<String>,
    /// No session begins before its first entry is in the team's log. Default: `false`.
    #[serde(default)]
    pub required: bool,
    /// How many days the entries on each computer are kept. Default: for ever.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub keep_days: Option<u32>,
}

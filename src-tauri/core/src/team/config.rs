//! The types of the team file.

use std::collections::BTreeMap;

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
    /// The webhook that gets the log's entries.
    #[serde(default)]
    pub webhook: Option<WebhookConfig>,
    /// The OpenTelemetry collector that gets the log's entries.
    #[serde(default)]
    pub otlp: Option<OtlpConfig>,
}

/// `webhook`: a system that gets the log's entries, signed as in Standard Webhooks.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WebhookConfig {
    /// https, or http on loopback.
    pub url: String,
    /// The name of the secret that signs: `whsec_…`.
    pub secret: String,
}

/// `otlp`: an OpenTelemetry collector that gets the log's entries by OTLP/HTTP.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OtlpConfig {
    /// https, or http on loopback, with its path: `https://collector.example.com/v1/logs`.
    pub url: String,
    /// Request headers. Their values may use secrets.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
}

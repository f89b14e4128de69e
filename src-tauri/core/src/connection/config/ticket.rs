//! `[ticket]`: how what happened in a session gets into the ticket that it was for.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;
use ts_rs::TS;

use super::{Encoding, Method, StepConfig};

/// `[ticket]`: how what happened in a session gets into the ticket that it was for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(deny_unknown_fields)]
#[ts(export)]
pub struct TicketConfig {
    /// The request that sends a session's summary, when the operator says so.
    pub note: NoteConfig,
    /// `[[ticket.evidence]]`: the requests that add evidence, one after the other. What they take from an answer is for
    /// those that follow. `evidence.html` is the file, `evidence.base64` the same in Base64, `evidence.name` its name,
    /// and `evidence.markdown` a short text.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<StepConfig>,
}

/// The request that sends a session's summary into its ticket. Any 2xx counts as success.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(deny_unknown_fields)]
#[ts(export)]
pub struct NoteConfig {
    /// Where the request goes: the helpdesk's address for a new comment. https, or http on loopback. A template,
    /// except for its origin; `{{ session.ticket }}` is the ticket.
    pub url: String,
    /// The HTTP method. Default: `POST`.
    #[serde(default)]
    pub method: Option<Method>,
    /// Request headers. Their values are templates.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// The request's body. Its strings are templates, in which `summary.markdown`, `summary.html` and `summary.text`
    /// are the summary. `summary.id` is the same whenever the same summary is sent again.
    #[schemars(with = "serde_json::Value")]
    #[ts(type = "any")]
    pub body: serde_json::Value,
    /// How the body is encoded. Default: `json`.
    #[serde(default)]
    pub encoding: Option<Encoding>,
}

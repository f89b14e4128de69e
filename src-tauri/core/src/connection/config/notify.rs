//! `[notify]`: how the application learns that somebody was signed in as its customer.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;
use ts_rs::TS;

use super::{Encoding, Method};

/// `[notify]`: the request that tells the application of a session that has ended, so that it can tell its customer. Any
/// 2xx counts as success.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(deny_unknown_fields)]
#[ts(export)]
pub struct NotifyConfig {
    /// Where the request goes. https, or http on loopback. A template, except for its origin.
    pub url: String,
    /// The HTTP method. Default: `POST`.
    #[serde(default)]
    pub method: Option<Method>,
    /// Request headers. Their values are templates.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// The request's body. Its strings are templates, in which `notification` is the session: `began_at`, `ended_at`,
    /// `seconds`, `mode` and `ended_by`. `notification.id` is the same whenever the same session is told of again.
    #[serde(default)]
    #[schemars(with = "Option<serde_json::Value>")]
    #[ts(type = "any")]
    pub body: Option<serde_json::Value>,
    /// How the body is encoded. Default: `json`.
    #[serde(default)]
    pub encoding: Option<Encoding>,
}

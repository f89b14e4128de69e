//! `[sign_in]`: how the session's window is signed in as the user.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;
use ts_rs::TS;

use super::forest::ForestConfig;
use super::requests::{Encoding, Expected, Method, StepConfig};

/// How the session's window is signed in as the user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum SignInKind {
    /// The session's window sends one request and receives the application's cookies itself.
    #[default]
    Webhook,
    /// The console takes steps, and some of the cookies that it received are put into the session's window.
    Exchange,
    /// The console takes steps to get a one-time link, which the session's window opens.
    Link,
    /// The console takes steps, or the session's window sends one request. Values from the answers are put into the
    /// page's storage.
    Storage,
    /// The console runs a Smart Action of a Forest Admin backend, and the session's window sends the webhook that it
    /// answers with.
    Forest,
}

impl SignInKind {
    /// As written in the file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Exchange => "exchange",
            Self::Link => "link",
            Self::Storage => "storage",
            Self::Forest => "forest",
        }
    }
}

/// `[sign_in]`: how the session's window is signed in as the user.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema, TS)]
#[serde(deny_unknown_fields)]
#[ts(export)]
pub struct SignInConfig {
    /// The name of what the application runs. It fills in all other keys; a key that the file sets itself takes
    /// precedence.
    #[serde(default)]
    pub preset: Option<String>,
    /// What the preset asks for, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub settings: BTreeMap<String, String>,
    /// The kind of sign-in. Default: `webhook`, or the preset's.
    #[serde(default)]
    pub kind: Option<SignInKind>,
    /// For `webhook` and `storage`: the endpoint that the session's window calls. https, or http on loopback. A
    /// template, except for its origin.
    #[serde(default)]
    pub url: Option<String>,
    /// The HTTP method. Default: `POST`.
    #[serde(default)]
    pub method: Option<Method>,
    /// Request headers. Their values are templates.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// The request's body. Its strings are templates.
    #[serde(default)]
    #[schemars(with = "Option<serde_json::Value>")]
    #[ts(type = "any")]
    pub body: Option<serde_json::Value>,
    /// How the body is encoded. Default: `json`.
    #[serde(default)]
    pub encoding: Option<Encoding>,
    /// What counts as success: statuses (default: 2xx and redirects), and expressions over `response` that must be
    /// true, such as `"response.json.ok"`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub expect: Vec<Expected>,
    /// `[[sign_in.steps]]`: requests that the console sends, in this order, with cookies of their own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<StepConfig>,
    /// For `exchange`: the names of the cookies that the session's window gets. `name_*` stands for any ending,
    /// `!name_*` for cookies that it must not get.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cookies: Vec<String>,
    /// For `exchange`: origins whose cookies count besides the application's own, for example when another host handles
    /// its sign-in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cookie_origins: Vec<String>,
    /// For `link`: the name of a captured value, a URL that the session's window opens once.
    #[serde(default)]
    pub open: Option<String>,
    /// For `link`: the origins that this URL may lead to. Default: that of `redirect_to`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub open_origins: Vec<String>,
    /// The beginnings of paths that the session's window must not reach, because they would give it the operator's
    /// rights back: `["/admin/"]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub block: Vec<String>,
    /// `[sign_in.storage]`: what is put into the page's storage before its first script runs.
    #[serde(default)]
    pub storage: Option<StorageConfig>,
    /// `[sign_in.forest]`: the Smart Action, for the kind `forest`.
    #[serde(default)]
    pub forest: Option<ForestConfig>,
    /// The message after a successful sign-in. Default: "Impersonating user" and the name. A template.
    #[serde(default)]
    pub success: Option<String>,
    /// Where the session begins. Default: the root of `url`'s origin; required if there is no `url`. A template, except
    /// for its origin.
    #[serde(default)]
    pub redirect_to: Option<String>,
    /// How long the application may take for each answer, in milliseconds (1000 to 120000). Default: 30000.
    #[schemars(range(min = 1000, max = 120_000))]
    #[serde(default)]
    pub timeout_ms: Option<u32>,
    /// `[sign_in.verify]`: how to find out who is signed in. It is asked before the page is shown.
    #[serde(default)]
    pub verify: Option<VerifyConfig>,
}

/// `[sign_in.storage]`: what is put into the page's storage before its first script runs.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema, TS)]
#[serde(deny_unknown_fields)]
#[ts(export)]
pub struct StorageConfig {
    /// Entries of localStorage. A text is a template; anything else becomes JSON text, with templates in its strings.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(with = "BTreeMap<String, serde_json::Value>")]
    #[ts(type = "Record<string, any>")]
    pub local: BTreeMap<String, serde_json::Value>,
    /// Entries of sessionStorage, written in the same way.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(with = "BTreeMap<String, serde_json::Value>")]
    #[ts(type = "Record<string, any>")]
    pub session: BTreeMap<String, serde_json::Value>,
}

/// `[sign_in.verify]`: how to find out who is signed in. It is asked before the page is shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(deny_unknown_fields)]
#[ts(export)]
pub struct VerifyConfig {
    /// Where to ask: at the application's origin, or, with `headers` that contain a captured value, at an API's.
    pub url: String,
    /// Request headers, for tokens. Their values are templates; `response` is the answer to the window's sign-in
    /// request.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// An expression that must be true, such as `response.json.id == user.id`.
    pub expect: String,
}

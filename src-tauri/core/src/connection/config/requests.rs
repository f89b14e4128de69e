//! The requests of a sign-in or sign-out: steps, what they expect and what they capture, and `[sign_out]`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;
use ts_rs::TS;

/// How a request's body is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum Encoding {
    /// `application/json`.
    #[default]
    Json,
    /// `application/x-www-form-urlencoded`. The body is a table of texts, numbers, `true` and `false`.
    Form,
    /// `multipart/form-data`. As with `form`, and a table of `filename`, `content` and `type` is a file.
    Multipart,
    /// The body is one text, which is sent as it is. Default of `content-type`: `text/plain; charset=utf-8`.
    Text,
}

/// What counts as success: a status or an expression.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(untagged)]
#[ts(export)]
pub enum Expected {
    /// An HTTP status. If several are listed, any of them counts.
    Status(u16),
    /// An expression that must be true, over `response.status`, `response.json` and `response.text`.
    That(String),
}

/// One request that the console sends.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema, TS)]
#[serde(deny_unknown_fields)]
#[ts(export)]
pub struct StepConfig {
    /// What the step does, such as "the login form". If the sign-in fails here, the message names it.
    #[serde(default)]
    pub name: Option<String>,
    /// Where the request goes. https, or http on loopback. A template, except for its origin.
    #[serde(default)]
    pub url: Option<String>,
    /// Instead of `url`: the name of a captured value, a URL of the same origin as the step before.
    #[serde(default)]
    pub follow: Option<String>,
    /// The HTTP method. Default: `POST`, or `GET` with `follow`.
    #[serde(default)]
    pub method: Option<Method>,
    /// Request headers. Their values are templates. A `cookie` header replaces the cookies of earlier steps.
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
    /// What counts as success: statuses (default: 2xx), and expressions over `response` and `captured` that must be
    /// true.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub expect: Vec<Expected>,
    /// How many redirects within the origin are followed (0 to 10). Default: 0.
    #[schemars(range(min = 0, max = 10))]
    #[serde(default)]
    pub redirects: Option<u32>,
    /// What is taken from the answer, each value under a name. From then on, `{{ captured.<name> }}` holds it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub capture: BTreeMap<String, CaptureConfig>,
}

/// Where in an answer a value is found. Set one of these keys; `claim` is added to another.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema, TS)]
#[serde(deny_unknown_fields)]
#[ts(export)]
pub struct CaptureConfig {
    /// A place in the JSON body, as RFC 6901 writes it: `/data/token`.
    #[serde(default)]
    pub json: Option<String>,
    /// The name of a cookie.
    #[serde(default)]
    pub cookie: Option<String>,
    /// The name of a header. `location` is made an absolute URL.
    #[serde(default)]
    pub header: Option<String>,
    /// The name of a field in the page's forms, hidden or not, or of a `<meta>` element.
    #[serde(default)]
    pub form: Option<String>,
    /// How the path of a link in the page begins: `/reset/`. The value is the whole URL of the first such link.
    #[serde(default)]
    pub link: Option<String>,
    /// Together with another key: the value found there is a JWT, and this claim of it is taken. Its signature is not
    /// checked.
    #[serde(default)]
    pub claim: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(rename_all = "UPPERCASE")]
#[ts(export)]
pub enum Method {
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

/// `[sign_out]`: what is sent whenever the session ends.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema, TS)]
#[serde(deny_unknown_fields)]
#[ts(export)]
pub struct SignOutConfig {
    /// The endpoint that the console calls with the window's cookies. https, or http on loopback. A template,
    /// except for its origin.
    #[serde(default)]
    pub url: Option<String>,
    /// The HTTP method. Default: `POST`.
    #[serde(default)]
    pub method: Option<Method>,
    /// Request headers. Their values are templates, without secrets.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// The request's body. Its strings are templates, without secrets.
    #[serde(default)]
    #[schemars(with = "Option<serde_json::Value>")]
    #[ts(type = "any")]
    pub body: Option<serde_json::Value>,
    /// How the body is encoded. Default: `json`.
    #[serde(default)]
    pub encoding: Option<Encoding>,
    /// `[[sign_out.steps]]`: requests that the console sends after that, with the window's cookies and the values
    /// captured while signing in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<StepConfig>,
}

impl Method {
    /// As written in HTTP.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

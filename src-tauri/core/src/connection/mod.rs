//! The connection file: one customer application, with its directory, sign-in and policy. Contains no secrets.
//!
//! This file has the types of the file and of what is reported about it. `parse` turns a text into a valid
//! [`Connection`], with `shape` (keys and types), `rules`, `sign_in` and `access` (their meaning), `presets` (named
//! sign-ins) and `faults` (error messages). `edit` writes the form's values into a text, `store` manages the files, and `schema`
//! describes them.

mod access;
mod edit;
mod faults;
mod parse;
mod presets;
mod rules;
mod schema;
mod shape;
mod sign_in;
mod store;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;
use ts_rs::TS;

use crate::access::SessionMode;
use crate::error::{Error, FileFault};

pub use crate::directory::{DirectoryConfig, SshConfig, UuidBytes};
pub use access::{render_allow_rule, to_allow_config};
pub use edit::write_into;
pub use parse::{
    Capture, CapturePlace, Connection, DATABASE_PASSWORD, FOREST_SECRET, Forest, GATEWAY_PASSWORD, Network,
    Policy, Recipe, Request, SignIn, SignInStep, SignOut, StorageItem, Verify, id_for, is_id, read_file,
};
pub use presets::{Preset, PresetSecret, Setting, SettingKind, all_presets};
pub(crate) use rules::{directory_url_fault, names_a_secret};
pub use schema::render_schema;
pub use store::{AddOutcome, Connections, DEMO, SetAsideFile, no_such_connection};

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

/// A connection file, as written. `Connection` is what a valid file means.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(deny_unknown_fields)]
#[ts(export)]
pub struct ConnectionFile {
    /// What agents call the application.
    pub name: String,
    /// Which installation of the application this is: `production`, `staging` or `development`. Sets its colour.
    pub environment: Environment,
    pub directory: DirectoryConfig,
    pub sign_in: SignInConfig,
    /// `[sign_out]`: what is sent whenever the session ends.
    #[serde(default)]
    pub sign_out: Option<SignOutConfig>,
    /// `[network]`: the way to the application.
    #[serde(default)]
    pub network: Option<NetworkConfig>,
    #[serde(default, skip_serializing_if = "PolicyConfig::is_default")]
    pub policy: PolicyConfig,
}

/// `[network]`: the way to the application. The database's is in `[directory]`.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema, TS)]
#[serde(deny_unknown_fields)]
#[ts(export)]
pub struct NetworkConfig {
    /// `http://host:port` or `socks5://host:port`: the proxy for the console's requests and the session's window.
    /// Default: as the environment or the system says.
    #[serde(default)]
    pub proxy: Option<String>,
    /// The full path of a PEM file with certificates of authorities that the console and the session's window trust
    /// besides the system's.
    #[serde(default)]
    pub ca: Option<String>,
    /// The user name for a gateway in front of the application that asks for HTTP Basic. Its password is the secret
    /// `gateway_password`, and is sent only to the application's origin.
    #[serde(default)]
    pub gateway_user: Option<String>,
}

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

/// `[sign_in.forest]`: a Smart Action of a Forest Admin backend.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema, TS)]
#[serde(deny_unknown_fields)]
#[ts(export)]
pub struct ForestConfig {
    /// The admin backend's URL, without `/forest`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub backend: String,
    /// The action's path in the backend: `/forest/actions/impersonate`, or `/forest/_actions/users/0/impersonate` for
    /// an agent.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub action: String,
    /// The collection's name in Forest.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub collection: String,
    /// The Smart Action's ID. Default: the collection, `-` and the last part of the action's path.
    #[serde(default)]
    pub action_id: Option<String>,
    /// The ID of the rendering whose permissions apply.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub rendering: String,
    /// The ID of the Forest user whose permissions apply.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub operator: String,
    /// The operator's team in Forest. Default: `Operations`.
    #[serde(default)]
    pub team: Option<String>,
    /// Values for the action's form, by field. Their strings are templates. Fields listed here are not asked for.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(with = "BTreeMap<String, serde_json::Value>")]
    #[ts(type = "Record<string, any>")]
    pub values: BTreeMap<String, serde_json::Value>,
    /// `[[sign_in.forest.fields]]`: what the action's form asks, if the backend does not describe the form itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<ForestFieldConfig>,
}

/// One field of a Smart Action's form, asked for in the sign-in dialog.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema, TS)]
#[serde(deny_unknown_fields)]
#[ts(export)]
pub struct ForestFieldConfig {
    /// The action's name for the field.
    pub name: String,
    /// The label that people see. Default: the name.
    #[serde(default)]
    pub label: Option<String>,
    /// A short help text.
    #[serde(default)]
    pub description: Option<String>,
    /// The type of the value. Default: `text`, or `choice` if there are `choices`.
    #[serde(default, rename = "type")]
    pub kind: FormFieldKind,
    /// Whether the field has to be filled in.
    #[serde(default)]
    pub required: bool,
    /// The values to choose from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<String>,
    /// The field's initial value.
    #[serde(default)]
    #[schemars(with = "Option<serde_json::Value>")]
    #[ts(type = "any")]
    pub value: Option<serde_json::Value>,
}

/// The type of a form field's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum FormFieldKind {
    #[default]
    Text,
    /// Text of several lines.
    LongText,
    Number,
    Boolean,
    /// A date: `2026-11-26`.
    Date,
    /// A date and time: `2026-11-26T12:00:00Z`.
    DateTime,
    /// A time of day: `12:00`.
    Time,
    /// One of `choices`.
    Choice,
    /// Any number of `choices`.
    Choices,
    /// A list of texts.
    Texts,
    /// A list of numbers.
    Numbers,
    Json,
    /// A type that cannot be filled in here, such as a file. Connection files cannot use it.
    #[schemars(skip)]
    Unsupported,
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

/// `[sign_out]`: what is sent whenever the session ends.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema, TS)]
#[serde(deny_unknown_fields)]
#[ts(export)]
pub struct SignOutConfig {
    /// The endpoint that the session's window calls, with its own cookies. https, or http on loopback. A template,
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

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum ReasonRule {
    #[default]
    Required,
    Optional,
}

/// `[policy]`: who may be impersonated, for how long, and what a session may do.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema, TS)]
#[serde(default, deny_unknown_fields)]
#[ts(export)]
pub struct PolicyConfig {
    /// Whether the operator has to enter a reason. Default: `required`.
    pub reason: ReasonRule,
    /// The session ends automatically after this many minutes (1 to 1440). Default: no limit.
    #[schemars(range(min = 1, max = 1440))]
    pub max_minutes: Option<u32>,
    /// How many times the operator may extend a session, by `max_minutes` each time (0 to 20). Default: 2.
    #[schemars(range(min = 0, max = 20))]
    #[serde(default)]
    pub max_extensions: Option<u32>,
    /// Expressions over `user`, such as `"user.is_admin"`. If any of them is true, the user can never be impersonated.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub protect: Vec<String>,
    /// What a session may do in the application when it begins: `read_only` holds back what may change something.
    /// Default: `read_only` in production, `full` elsewhere.
    #[serde(default)]
    pub mode: Option<SessionMode>,
    /// Whether the operator may switch a read-only session to full access: `true`, `false` or `"with_reason"`, which is
    /// recorded in the audit log. Default: `"with_reason"` in production, `true` elsewhere.
    #[serde(default)]
    pub may_unlock: Option<UnlockConfig>,
    /// Where pages may lead without asking the operator, besides the application, `sign_in.redirect_to` and
    /// `sign_in.open_origins`: `"https://id.acme.com"`, or `"*.acme.com"` for all its subdomains. Only the host counts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub origins: Vec<String>,
    /// `[[policy.allow]]`: requests that pass in a read-only session, because they only read although they look like
    /// writes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allow: Vec<AllowConfig>,
    /// `[policy.hosts]`: hosts that no session reaches.
    #[serde(default)]
    pub hosts: Option<HostsConfig>,
}

/// Whether the operator may switch a read-only session to full access.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(untagged)]
#[ts(export)]
pub enum UnlockConfig {
    Plain(bool),
    Conditional(UnlockCondition),
}

/// What the operator has to do for full access.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum UnlockCondition {
    /// Enter a reason, which is recorded in the audit log.
    WithReason,
}

/// `[[policy.allow]]`: one kind of request that passes in a read-only session.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema, TS)]
#[serde(deny_unknown_fields)]
#[ts(export)]
pub struct AllowConfig {
    /// An HTTP method, such as `POST`, or `websocket`.
    pub method: String,
    /// Where it is sent to, if not to the application itself: `"https://api.acme.com"`, or `"https://*.acme.com"` for all
    /// its subdomains. Default: the origins of `sign_in.url` and `sign_in.redirect_to`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
    /// A path: `/api/search`. `*` stands for one part of it, and `/**` at its end for everything below it.
    pub path: String,
    /// What the request is for: a note for people.
    #[serde(default)]
    pub why: Option<String>,
}

/// `[policy.hosts]`: hosts that no session reaches.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema, TS)]
#[serde(deny_unknown_fields)]
#[ts(export)]
pub struct HostsConfig {
    /// Hosts: `"chat.example"`, or `"*.chat.example"` for all its subdomains.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub block: Vec<String>,
    /// Whether well-known services for analytics, session replay and chat are blocked too, so that they do not count
    /// what an operator does as the customer's own doing. Default: `false`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub block_telemetry: bool,
}

impl Environment {
    /// As written in the file and in `{{ connection.environment }}`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Production => "production",
            Self::Staging => "staging",
            Self::Development => "development",
        }
    }
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

impl PolicyConfig {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// Where a connection comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum ConnectionSource {
    /// The operator's own file.
    Own,
    /// From IT's folder; shown locked.
    System,
    /// The demo, which exists until Understudy quits.
    Demo,
}

/// A connection, as listed in the rail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct ConnectionSummary {
    /// The file's name without `.toml`, and the start of its accounts in the keyring.
    pub id: String,
    pub name: String,
    pub environment: Environment,
    pub source: ConnectionSource,
    pub reason: ReasonRule,
    /// How many minutes a session may last; `None`: no limit.
    pub max_minutes: Option<u32>,
    /// The database's name for display: "PostgreSQL", "MySQL", "SQLite".
    pub engine: String,
    /// The sign-in dialog may ask for more than a reason.
    pub has_form: bool,
}

/// A file in the connections folder that cannot be used, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct ConnectionProblem {
    pub id: String,
    pub path: String,
    /// The sentence for people, with line, column and key.
    pub message: String,
    /// The same faults, one by one; empty if the text is not the cause.
    pub faults: Vec<FileFault>,
}

/// A connection opened for editing, as text and as the form's values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct ConnectionDraft {
    /// The file's text, including its comments.
    pub text: String,
    /// The text's values; `None` if it cannot be parsed.
    pub file: Option<ConnectionFile>,
    /// Why the text cannot be used as it is; `None` if it can.
    pub problem: Option<Error>,
    pub source: ConnectionSource,
}

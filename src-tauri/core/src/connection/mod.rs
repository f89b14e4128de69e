//! The connection file: one customer application, with its directory, sign-in and policy. Contains no secrets.
//!
//! This file has the types of the file and of what is reported about it. `parse` turns a text into a valid
//! [`Connection`], with `shape` (keys and types), `rules` and `signing` (their meaning), `presets` (named sign-ins) and
//! `faults` (error messages). `edit` writes the form's values into a text, `store` manages the files, and `schema`
//! describes them.

mod edit;
mod faults;
mod parse;
mod presets;
mod rules;
mod schema;
mod shape;
mod signing;
mod store;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::error::{Error, FileFault};

pub use crate::directory::{DirectoryConfig, SshConfig, UuidBytes};
pub use edit::write_into;
pub use parse::{
    Capture, CapturePlace, Connection, DATABASE_PASSWORD, FOREST_SECRET, Forest, GATEWAY_PASSWORD, Network,
    Policy, Recipe, Request, SignIn, SignInStep, SignOut, StorageItem, Verify, id_for, is_id, read_file,
};
pub use presets::{Preset, PresetSecret, Setting, SettingKind, presets};
pub(crate) use rules::{directory_url_fault, names_a_secret};
pub use schema::schema;
pub use store::{AddOutcome, Aside, Connections, DEMO};

/// Coloured everywhere it can be touched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema, TS)]
#[serde(rename_all = "lowercase")]
#[ts(export)]
pub enum Environment {
    Production,
    Staging,
    #[default]
    Development,
}

/// The file as it is written. What it means is in `Connection`, which only a valid file becomes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(deny_unknown_fields)]
#[ts(export)]
pub struct ConnectionFile {
    /// The application's name, as agents say it.
    pub name: String,
    /// Which of the application's installations this is; it gives everything its colour.
    pub environment: Environment,
    pub directory: DirectoryConfig,
    pub sign_in: SignInConfig,
    /// `[sign_out]`: what is sent when the session ends, whatever ended it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sign_out: Option<SignOutConfig>,
    /// `[network]`: the way to the application.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<NetworkConfig>,
    #[serde(default, skip_serializing_if = "PolicyConfig::is_default")]
    pub policy: PolicyConfig,
}

/// `[network]`: the way to the application; the directory has its own.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema, TS)]
#[serde(deny_unknown_fields)]
#[ts(export)]
pub struct NetworkConfig {
    /// `http://host:port` or `socks5://host:port`: what the console and the session's window send through it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy: Option<String>,
    /// The whole path of a PEM file with certificates that the console trusts beside the system's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<String>,
    /// The user name of HTTP Basic, where a gateway in front of the application asks for it. Its password is the secret
    /// `gateway_password`, and goes to the application's origin alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway_user: Option<String>,
}

/// How the session's window becomes the user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum SignInKind {
    /// A request that the session's own window sends, so that the cookies are set there.
    #[default]
    Webhook,
    /// Steps that the console sends; some of the cookies that it got are put into the session's window.
    Exchange,
    /// Steps that the console sends, for a one-time link that the session's window opens.
    Link,
    /// Steps that the console sends, or a request that the window sends; what is answered is put into the
    /// page's storage.
    Storage,
    /// A Smart Action of a Forest Admin backend.
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

/// `[sign_in]`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema, TS)]
#[serde(deny_unknown_fields)]
#[ts(export)]
pub struct SignInConfig {
    /// What the application runs, by name; it fills in the rest from `settings`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preset: Option<String>,
    /// What the preset asks for.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub settings: BTreeMap<String, String>,
    /// Default: webhook, or the preset's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<SignInKind>,
    /// The login endpoint that the session's window calls; https, or http on loopback. A template.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Default: POST.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<Method>,
    /// Header values are templates.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// The body; its strings are templates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<serde_json::Value>")]
    #[ts(type = "any")]
    pub body: Option<serde_json::Value>,
    /// How the body is sent. Default: json.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoding: Option<Encoding>,
    /// What means yes: statuses (default: 2xx and redirects), and expressions over `response` that must be true.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub expect: Vec<Expected>,
    /// `[[sign_in.steps]]`: requests that the console sends, one after the other, with cookies of their own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<StepConfig>,
    /// For an exchange: the names of the cookies that are put into the session's window; `name_*` for any end, and
    /// `!name_*` for those that are not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cookies: Vec<String>,
    /// For an exchange: other origins whose cookies count beside the application's own, as when another host
    /// signs in for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cookie_origins: Vec<String>,
    /// For a link: the name of what was captured, a URL that is opened once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open: Option<String>,
    /// For a link: where it may lead; default: the origin of `redirect_to`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub open_origins: Vec<String>,
    /// Paths of the application that the session's window may not reach, by how they begin: what would give it
    /// the operator's rights back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub block: Vec<String>,
    /// `[sign_in.storage]`: what is put into the page's storage before its first script runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage: Option<StorageConfig>,
    /// `[sign_in.forest]`: the Smart Action.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forest: Option<ForestConfig>,
    /// What is said when it worked. A template.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub success: Option<String>,
    /// Where the session begins; default: the root of `url`'s origin. A template.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redirect_to: Option<String>,
    /// How long the application may take to answer, in milliseconds (1000 to 120000).
    #[schemars(range(min = 1000, max = 120_000))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u32>,
    /// `[sign_in.verify]`: who am I now? Asked before the page is shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verify: Option<VerifyConfig>,
}

/// How a body is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum Encoding {
    /// `application/json`.
    #[default]
    Json,
    /// `application/x-www-form-urlencoded`: a table of text, numbers, true and false.
    Form,
}

/// What of an answer means yes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(untagged)]
#[ts(export)]
pub enum Expected {
    /// Its status, which is one of these.
    Status(u16),
    /// An expression over `response.status`, `response.json` and `response.text`.
    That(String),
}

/// One request that the console sends.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema, TS)]
#[serde(deny_unknown_fields)]
#[ts(export)]
pub struct StepConfig {
    /// What it does, for whoever reads where a sign-in failed: "the login form".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// https, or http on loopback. A template.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// In the place of `url`: the name of what was captured, a URL of the same origin as the step before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub follow: Option<String>,
    /// Default: POST, or GET for `follow`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<Method>,
    /// Header values are templates.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// The body; its strings are templates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<serde_json::Value>")]
    #[ts(type = "any")]
    pub body: Option<serde_json::Value>,
    /// How the body is sent. Default: json.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoding: Option<Encoding>,
    /// What means yes: statuses (default: 2xx), and expressions over `response` that must be true.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub expect: Vec<Expected>,
    /// How many redirects within the origin are followed (0 to 10). Default: none.
    #[schemars(range(min = 0, max = 10))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redirects: Option<u32>,
    /// What is taken from the answer, each under a name: `{{ captured.<name> }}` has it from then on.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub capture: BTreeMap<String, CaptureConfig>,
}

/// Where a value stands in an answer; one of these.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema, TS)]
#[serde(deny_unknown_fields)]
#[ts(export)]
pub struct CaptureConfig {
    /// A place in the JSON body, as RFC 6901 writes it: `/data/token`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub json: Option<String>,
    /// The name of a cookie.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cookie: Option<String>,
    /// The name of a header; `location` is where a redirect leads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// The name of a field of a form in the page, hidden or not, or of a `<meta>` of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub form: Option<String>,
    /// How the address of a link in the page begins, from its path on: the first such link's whole URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// Of what stands there, which is a JWT: the claim of this name. Its signature is not checked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claim: Option<String>,
}

/// `[sign_in.storage]`: what is put into the page's storage before its first script runs.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema, TS)]
#[serde(deny_unknown_fields)]
#[ts(export)]
pub struct StorageConfig {
    /// For localStorage. A text is a template; anything else becomes JSON text, with templates in its strings.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(with = "BTreeMap<String, serde_json::Value>")]
    #[ts(type = "Record<string, any>")]
    pub local: BTreeMap<String, serde_json::Value>,
    /// The same for sessionStorage.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(with = "BTreeMap<String, serde_json::Value>")]
    #[ts(type = "Record<string, any>")]
    pub session: BTreeMap<String, serde_json::Value>,
}

/// `[sign_in.forest]`: a Smart Action of a Forest Admin backend.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema, TS)]
#[serde(deny_unknown_fields)]
#[ts(export)]
pub struct ForestConfig {
    /// The backend's URL, without `/forest`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub backend: String,
    /// Where the action is called, below `backend`: `/forest/actions/impersonate`, or
    /// `/forest/_actions/users/0/impersonate` for an agent.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub action: String,
    /// The collection's name in Forest.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub collection: String,
    /// The Smart Action's id; default: `<collection>-<the action's last part>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action_id: Option<String>,
    /// The id of the rendering whose permissions count.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub rendering: String,
    /// The id of the Forest user whose role counts.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub operator: String,
    /// The team of the operator in Forest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<String>,
    /// Values of the action's form, by field; their strings are templates.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(with = "BTreeMap<String, serde_json::Value>")]
    #[ts(type = "Record<string, any>")]
    pub values: BTreeMap<String, serde_json::Value>,
    /// `[[sign_in.forest.fields]]`: what the action's form asks, where the backend does not say so itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<ForestFieldConfig>,
}

/// One field of a Smart Action's form, asked for before the sign-in.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema, TS)]
#[serde(deny_unknown_fields)]
#[ts(export)]
pub struct ForestFieldConfig {
    /// As the action calls it.
    pub name: String,
    /// As people call it; default: the name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Default: text, or choice where there are choices.
    #[serde(default, rename = "type")]
    pub kind: FormFieldKind,
    #[serde(default)]
    pub required: bool,
    /// The values that it may have.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<String>,
    /// What it holds at first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<serde_json::Value>")]
    #[ts(type = "any")]
    pub value: Option<serde_json::Value>,
}

/// What a field's value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum FormFieldKind {
    #[default]
    Text,
    /// Of several lines.
    LongText,
    Number,
    Boolean,
    /// `2026-11-26`.
    Date,
    /// `2026-11-26T12:00:00Z`.
    DateTime,
    /// `12:00`.
    Time,
    /// One of `choices`.
    Choice,
    /// Any of `choices`.
    Choices,
    /// Any number of texts.
    Texts,
    /// Any number of numbers.
    Numbers,
    Json,
    /// Nothing that can be given here, as a file; no connection file can ask for it.
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

/// `[sign_in.verify]`: who am I now? Asked before the page is shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(deny_unknown_fields)]
#[ts(export)]
pub struct VerifyConfig {
    /// Of the application's origin, where the window asks with its cookies; of another origin, with `headers` that hold
    /// what was captured, the console asks. A template.
    pub url: String,
    /// Header values are templates, which may hold what was captured or `response`, the sign-in's answer.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// An expression over `response.status`, `response.json`, `captured` and `user` that must be true.
    pub expect: String,
}

/// `[sign_out]`: what is sent when the session ends, whatever ended it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema, TS)]
#[serde(deny_unknown_fields)]
#[ts(export)]
pub struct SignOutConfig {
    /// The session's window sends it, with its own cookies; https, or http on loopback. A template.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Default: POST.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<Method>,
    /// Header values are templates.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// The body; its strings are templates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<serde_json::Value>")]
    #[ts(type = "any")]
    pub body: Option<serde_json::Value>,
    /// How the body is sent. Default: json.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoding: Option<Encoding>,
    /// `[[sign_out.steps]]`: what the console sends after that, with the cookies that it got while signing in.
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

/// `[policy]`: who may be impersonated, whether a reason is due, for how long.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema, TS)]
#[serde(default, deny_unknown_fields)]
#[ts(export)]
pub struct PolicyConfig {
    /// Whether the operator has to say why. Default: required.
    pub reason: ReasonRule,
    /// The session ends by itself after so many minutes (1 to 1440); absent: no limit.
    #[schemars(range(min = 1, max = 1440))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_minutes: Option<u32>,
    /// How often a session may be extended by `max_minutes` (0 to 20). Default: 2.
    #[schemars(range(min = 0, max = 20))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_extensions: Option<u32>,
    /// Expressions over `user`; where one is true, the user can never be impersonated.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub protect: Vec<String>,
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
pub enum Origin {
    /// The operator's own file.
    Own,
    /// Handed out by IT in the system-wide folder: shown locked.
    System,
    /// The demo, which lives while this process does.
    Demo,
}

/// A connection as the rail shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct ConnectionSummary {
    /// The file's name without `.toml`; also the account prefix in the vault.
    pub id: String,
    pub name: String,
    pub environment: Environment,
    pub origin: Origin,
    pub reason: ReasonRule,
    /// Minutes after which a session ends by itself.
    pub max_minutes: Option<u32>,
    /// The engine, for people: "PostgreSQL", "MySQL", "SQLite".
    pub engine: String,
    /// The sign-in may ask for more than the reason.
    pub has_form: bool,
}

/// A file in the connections folder that cannot be used, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct ConnectionProblem {
    pub id: String,
    pub path: String,
    /// With line, column and key.
    pub message: String,
    /// The same, by place; empty where it is not the text that is wrong.
    pub faults: Vec<FileFault>,
}

/// A connection opened for editing: the same thing in two views.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct ConnectionDraft {
    /// The file's text, comments and all.
    pub text: String,
    /// What it says; `None` when the text cannot be parsed.
    pub file: Option<ConnectionFile>,
    /// Why it cannot be used as it is; `None` when it can.
    pub problem: Option<Error>,
    pub origin: Origin,
}

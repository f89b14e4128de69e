//! A connection file as it is written, key by key. [`Connection`](super::Connection) is what a valid file means.
//!
//! The comments on keys are the descriptions in the JSON schema.

mod forest;
mod notify;
mod policy;
mod requests;
mod sign_in;
mod ticket;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;
use ts_rs::TS;

use crate::directory::DirectoryConfig;

pub use forest::{ForestConfig, ForestFieldConfig, FormFieldKind};
pub use notify::NotifyConfig;
pub use policy::{
    AllowConfig, ApprovalRule, HostsConfig, PolicyConfig, ReasonRule, UnlockCondition, UnlockConfig,
};
pub use requests::{CaptureConfig, Encoding, Expected, Method, SignOutConfig, StepConfig};
pub use sign_in::{SignInConfig, SignInKind, StorageConfig, VerifyConfig};
pub use ticket::{NoteConfig, TicketConfig};
pub use understudy_terms::Environment;

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
    /// `[ticket]`: how what happened in a session gets into the ticket that it was for.
    #[serde(default)]
    pub ticket: Option<TicketConfig>,
    /// `[notify]`: the request that tells the application of a session that has ended, so that it can tell its customer.
    #[serde(default)]
    pub notify: Option<NotifyConfig>,
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
    /// The user name for a server in front of the application that asks for HTTP Basic. Its password is the secret
    /// `gateway_password`, and is sent only to the application's origin.
    #[serde(default)]
    pub gateway_user: Option<String>,
    /// `[[network.credentials]]`: user names and passwords for hosts that ask for them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[ts(as = "Option<Vec<CredentialsConfig>>", optional)]
    pub credentials: Vec<CredentialsConfig>,
}

/// One item of `[[network.credentials]]`: the user name and password that a host wants before it answers (HTTP Basic or
/// Digest).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(deny_unknown_fields)]
#[ts(export)]
pub struct CredentialsConfig {
    /// The origin of the host, such as `https://reports.acme.com`. Nothing is sent to any other, not even to the same
    /// host with another scheme or port.
    pub origin: String,
    /// The user name: text or a template, such as `{{ operator.email }}`.
    pub user: String,
    /// The password: `{{ secret.<name> }}`.
    pub password: String,
}

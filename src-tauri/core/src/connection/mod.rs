//! The connection file: one customer application, with its directory, sign-in and policy. Contains no secrets.
//!
//! `config` has the types of the file, `listing` what is reported about files. `parse` turns a text into a valid
//! [`Connection`], with `shape` (keys and types), `rules`, `sign_in` and `access` (their meaning), `outgoing` (what is
//! sent after a session), `presets` (named sign-ins) and `faults` (error messages). `edit` writes the form's values into a
//! text, `store` manages the files, and `schema` describes them.

mod access;
mod config;
mod edit;
mod faults;
mod listing;
mod outgoing;
mod parse;
mod presets;
mod rules;
mod schema;
mod shape;
mod sign_in;
mod store;
#[cfg(test)]
mod tests;

pub use crate::directory::{DirectoryConfig, RelatedTable, SshConfig, UuidBytes};
pub use access::{render_allow_rule, to_allow_config};
pub use config::{
    AllowConfig, ApprovalRule, CaptureConfig, ConnectionFile, CredentialsConfig, Encoding, Environment,
    Expected, ForestConfig, ForestFieldConfig, FormFieldKind, HostsConfig, Method, NetworkConfig, NoteConfig,
    NotifyConfig, PolicyConfig, ReasonRule, SignInConfig, SignInKind, SignOutConfig, StepConfig,
    StorageConfig, TicketConfig, UnlockCondition, UnlockConfig, VerifyConfig,
};
pub use edit::write_into;
pub(crate) use faults::KeyFaults;
pub use listing::{ConnectionDraft, ConnectionProblem, ConnectionSource, ConnectionSummary};
pub use parse::{
    Capture, CapturePlace, Connection, DATABASE_PASSWORD, FOREST_SECRET, Forest, GATEWAY_PASSWORD, HostLogin,
    Network, Policy, Recipe, Request, SignIn, SignInStep, SignOut, StorageItem, Verify, id_for, is_id,
    read_file,
};
pub(crate) use parse::{user_fields, without_bom};
pub use presets::{Preset, PresetSecret, Setting, SettingKind, all_presets};
pub(crate) use rules::{RequestSender, check_header, directory_url_fault, names_a_secret, no_secret_in_text};
pub use schema::render_schema;
pub(crate) use schema::without_null;
pub(crate) use shape::parse_shape;
pub use store::{AddOutcome, Connections, DEMO, SetAsideFile, no_such_connection};

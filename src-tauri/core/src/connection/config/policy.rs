//! `[policy]`: who may be impersonated, for how long, and what a session may do.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;
use ts_rs::TS;

use crate::access::SessionMode;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum ReasonRule {
    #[default]
    Required,
    Optional,
}

/// Who has to approve a session before it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum ApprovalRule {
    /// Another person of the team.
    SecondPerson,
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
    /// What is painted over before a picture of a page is taken as evidence, as CSS selectors: `".iban"`,
    /// `"[data-private]"`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mask: Vec<String>,
    /// `[[policy.allow]]`: requests that pass in a read-only session, because they only read although they look like
    /// writes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allow: Vec<AllowConfig>,
    /// Whether the audit log also has each search and each user whose details are opened: who, when, the columns of the
    /// filters, how many users were shown, and a salted hash of the text, never the text. Without an entry, nothing is
    /// shown. Default: `false`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub record_lookups: bool,
    /// `second_person`: a colleague has to approve each session in the team's log before it begins. Default: none.
    #[serde(default)]
    pub approval: Option<ApprovalRule>,
    /// Whether the operator may begin a session without that approval by giving a reason. The whole team is told, and
    /// the audit log has it. Default: `false`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub break_glass: bool,
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
    /// Whether well-known services for analytics, session replay and chat are blocked too, so that they do not record
    /// what an operator does as if the customer had done it. Default: `false`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub block_telemetry: bool,
}

impl PolicyConfig {
    pub(super) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

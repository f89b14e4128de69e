//! What a session may do in the application: the connection's rules, and what the bar shows of them.

use serde::{Deserialize, Serialize};
use ts_rs::TS;
use understudy_gateway::fence::{AllowedRequest, HostPattern};

pub use understudy_terms::SessionMode;

/// Whether the operator may switch a read-only session to full access.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum UnlockRule {
    Never,
    Always,
    /// Only with a reason of its own, which is recorded in the audit log.
    WithReason,
}

/// What the connection's policy lets sessions do and where it lets them go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessPolicy {
    /// The mode that a session begins in.
    pub mode: SessionMode,
    pub may_unlock: UnlockRule,
    /// What passes even if the session is read-only.
    pub allowed: Vec<AllowedRequest>,
    /// Where pages may lead besides the application's own origins.
    pub open_hosts: Vec<HostPattern>,
    /// Never reached, such as analytics.
    pub blocked_hosts: Vec<HostPattern>,
    /// CSS selectors of what is painted over before a picture of a page is taken.
    pub mask: Vec<String>,
}

impl Default for AccessPolicy {
    fn default() -> Self {
        Self {
            mode: SessionMode::Full,
            may_unlock: UnlockRule::Always,
            allowed: Vec::new(),
            open_hosts: Vec::new(),
            blocked_hosts: Vec::new(),
            mask: Vec::new(),
        }
    }
}

/// A page that leads out of the application, about which the operator decides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
#[ts(export)]
pub struct OffSitePage {
    pub host: String,
    /// With its secrets masked.
    pub url: String,
}

/// What the operator chose for such a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum OffSiteChoice {
    /// In the operator's own browser, without the session's cookies.
    OpenInBrowser,
    /// Here. From now on, this session may go to that host.
    GoThere,
    Stay,
}

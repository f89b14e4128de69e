//! What a session's fence has held back, for people: how often, why, and the rules that would let it pass.

use std::time::UNIX_EPOCH;

use serde::Serialize;
use ts_rs::TS;
use understudy_gateway::fence::AllowedRequest;
use understudy_gateway::{HeldBack, HeldBackGroup};

use crate::connection::{AllowConfig, render_allow_rule, to_allow_config};
use crate::sanitize::sanitize_line;

/// How much of a connection's name a comment quotes, in characters.
const MOST_OF_A_NAME: usize = 80;

/// What a session's fence has held back so far.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, TS)]
#[ts(export)]
pub struct HeldBackList {
    /// How many requests in all.
    #[ts(type = "number")]
    pub total: u64,
    /// The latest first; no more than the latest hundred kinds.
    pub groups: Vec<HeldBackRequests>,
    /// Lines for the connection file with every rule of the groups, each once; `None` if there is none.
    pub rules: Option<String>,
}

/// Requests of one kind that were held back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
#[ts(export)]
pub struct HeldBackRequests {
    pub method: String,
    /// Host and path, without the query.
    pub address: String,
    #[ts(type = "number")]
    pub times: u64,
    /// The last time, in milliseconds since the Unix epoch.
    #[ts(type = "number")]
    pub last_at: i64,
    /// Why, as a sentence.
    pub reason: String,
    /// The rule that would let it pass, as lines for the connection file; `None` if no rule can.
    pub rule: Option<String>,
    /// The same, for the connection form.
    pub allow: Option<AllowConfig>,
}

/// A rule, and the requests that ask for it.
struct ProposedRule<'a> {
    rule: &'a AllowedRequest,
    times: u64,
    /// One of the requests: method, host and path.
    example: String,
}

impl HeldBackList {
    /// `groups`: the latest first. The rules say for which connection they are.
    pub fn from_groups(connection_name: &str, total: u64, groups: &[HeldBackGroup]) -> Self {
        let mut proposed: Vec<ProposedRule<'_>> = Vec::new();
        // In the order in which the page sent them.
        for group in groups.iter().rev() {
            let Some(one) = ProposedRule::from_group(group) else { continue };
            match proposed.iter_mut().find(|known| known.rule == one.rule) {
                Some(known) => known.times += one.times,
                None => proposed.push(one),
            }
        }
        let texts: Vec<String> = proposed.iter().map(|one| one.render(connection_name)).collect();
        Self {
            total,
            groups: groups.iter().map(|group| HeldBackRequests::from_group(connection_name, group)).collect(),
            rules: (!texts.is_empty()).then(|| texts.join("\n")),
        }
    }
}

impl HeldBackRequests {
    fn from_group(connection_name: &str, group: &HeldBackGroup) -> Self {
        let last = group.last.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        Self {
            method: group.method.clone(),
            address: format!("{}{}", group.host, group.path),
            times: group.count,
            last_at: i64::try_from(last).unwrap_or(i64::MAX),
            reason: HeldBack::Refused(group.reason.clone()).to_string(),
            rule: ProposedRule::from_group(group).map(|rule| rule.render(connection_name)),
            allow: group.proposed_rule().map(to_allow_config),
        }
    }
}

impl<'a> ProposedRule<'a> {
    fn from_group(group: &'a HeldBackGroup) -> Option<Self> {
        let example = format!("{} {}{}", group.method, group.host, group.path);
        group.proposed_rule().map(|rule| Self { rule, times: group.count, example })
    }

    /// Complete lines for a connection file, below a comment for the person who judges them.
    fn render(&self, connection_name: &str) -> String {
        let name = sanitize_line(connection_name, MOST_OF_A_NAME);
        let times = if self.times == 1 { "once".to_owned() } else { format!("{} times", self.times) };
        let Self { rule, example, .. } = self;
        format!("# {name}: held back {times} in a read-only session: {example}\n{}", render_allow_rule(rule))
    }
}

#[cfg(test)]
mod tests {
    use understudy_gateway::fence::{AllowedKind, PathPattern};

    use super::*;
    use crate::connection::{Connection, ConnectionSource};

    fn rule(path: &str) -> AllowedRequest {
        let kind = AllowedKind::Method("POST".parse().expect("a method"));
        AllowedRequest { kind, origin: None, path: PathPattern::parse(path).expect("a path") }
    }

    fn render(name: &str, rule: &AllowedRequest, times: u64) -> String {
        ProposedRule { rule, times, example: "POST app.acme.com/api/search".into() }.render(name)
    }

    #[test]
    fn a_rule_says_where_it_comes_from() {
        assert_eq!(
            render("Acme", &rule("/api/search"), 3),
            "# Acme: held back 3 times in a read-only session: POST app.acme.com/api/search\n\
             [[policy.allow]]\nmethod = \"POST\"\npath = \"/api/search\"\n"
        );
        assert!(render("Acme", &rule("/a"), 1).starts_with("# Acme: held back once in"));
    }

    #[test]
    fn several_rules_can_be_pasted_below_a_file_whatever_the_connection_is_called() {
        let (one, other) = (rule("/api/search"), rule("/api/*/totals"));
        let name = "Acme\n[policy]\nmode = 'full' #\r\u{202e}";
        let pasted = [render(name, &one, 3), render(name, &other, 1)].join("\n");
        let file = format!(
            "name = 'Acme'\nenvironment = 'production'\n[directory]\nurl = 'sqlite:///u.db'\ntable = 'users'\n\
             id = 'id'\n[sign_in]\nurl = 'https://app.acme.com/login'\n[policy]\nmax_minutes = 30\n{pasted}"
        );
        let connection = Connection::parse("acme", &file, ConnectionSource::Own, None).expect("a file");
        assert_eq!(connection.policy.access.allowed, [one, other]);
        assert_eq!(connection.policy.access.mode, crate::access::SessionMode::ReadOnly);
    }
}

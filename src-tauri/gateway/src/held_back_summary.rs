//! What a session's fence refused so far, put together for the bar: how often, when, and which rule would let it pass.

use std::collections::BTreeSet;
use std::time::SystemTime;

use parking_lot::Mutex;
use url::Url;

use crate::fence::{AllowedKind, AllowedRequest, FenceReason, OriginPattern, PathPattern};

/// Groups that are kept. A page may ask for addresses without end.
const GROUP_LIMIT: usize = 100;

/// Longer than any path that a person reads, in bytes.
const PATH_LIMIT: usize = 1 << 10;

/// From so many values on, a part of a path counts as an ID.
const ID_VALUES: usize = 3;

/// Refused requests with the same method, host, path and reason.
#[derive(Debug, Clone)]
pub struct HeldBackGroup {
    pub method: String,
    /// With its port, if that is not the scheme's own.
    pub host: String,
    /// Without the query, and with its secrets masked.
    pub path: String,
    pub reason: FenceReason,
    pub count: u64,
    pub first: SystemTime,
    pub last: SystemTime,
    /// What would have to be allowed, for this path alone.
    allowable: Option<AllowableRequest>,
    proposed: Option<AllowedRequest>,
}

/// What a rule for a request has to name besides its path.
#[derive(Debug, Clone, PartialEq, Eq)]
struct AllowableRequest {
    kind: AllowedKind,
    /// `None`: the application's own.
    origin: Option<OriginPattern>,
}

#[derive(Default)]
pub(crate) struct HeldBackSummary(Mutex<Groups>);

#[derive(Default)]
struct Groups {
    count: u64,
    /// The one that was refused last is at the end.
    groups: Vec<HeldBackGroup>,
}

/// A request that was refused.
pub(crate) struct RefusedRequest<'a> {
    pub(crate) method: &'a str,
    pub(crate) url: &'a Url,
    /// The path with its secrets masked.
    pub(crate) path: &'a str,
    pub(crate) reason: &'a FenceReason,
    /// A rule for it needs no origin.
    pub(crate) is_of_application: bool,
}

impl HeldBackGroup {
    /// The narrowest rule that lets these requests pass in a read-only session: this origin and this path alone, with `*`
    /// only for an ID that differed in three requests or more. None if no rule could, or if it would allow more than was
    /// seen.
    pub fn proposed_rule(&self) -> Option<&AllowedRequest> {
        self.proposed.as_ref()
    }

    /// Whether one rule could stand for both, but for the path.
    fn is_like(&self, other: &Self) -> bool {
        self.host == other.host && self.allowable.is_some() && self.allowable == other.allowable
    }
}

impl HeldBackSummary {
    pub(crate) fn count(&self) -> u64 {
        self.0.lock().count
    }

    pub(crate) fn add(&self, refused: &RefusedRequest<'_>, now: SystemTime) {
        let host = to_host(refused.url);
        let path = &refused.path[..refused.path.floor_char_boundary(PATH_LIMIT)];
        let allowable = to_allowable(refused);
        let mut inner = self.0.lock();
        inner.count += 1;
        let is_known = |group: &HeldBackGroup| {
            group.method == refused.method
                && group.path == path
                && group.host == host
                && group.reason == *refused.reason
                && group.allowable == allowable
        };
        let known = inner.groups.iter().position(is_known);
        let group = match known.map(|at| inner.groups.remove(at)) {
            Some(group) => HeldBackGroup { count: group.count + 1, last: now, ..group },
            None => HeldBackGroup {
                method: refused.method.to_owned(),
                host,
                path: path.to_owned(),
                reason: refused.reason.clone(),
                count: 1,
                first: now,
                last: now,
                allowable,
                proposed: None,
            },
        };
        inner.groups.push(group);
        if inner.groups.len() > GROUP_LIMIT {
            inner.groups.remove(0);
        }
    }

    /// The groups, the newest first.
    pub(crate) fn list_groups(&self) -> Vec<HeldBackGroup> {
        let groups = self.0.lock().groups.clone();
        let mut proposed: Vec<_> = groups
            .iter()
            .map(|group| HeldBackGroup { proposed: propose_rule(group, &groups), ..group.clone() })
            .collect();
        proposed.reverse();
        proposed
    }
}

fn to_host(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// What a rule would have to allow. Only a write and a web socket have one: a rule for GraphQL's address would allow
/// every mutation, and what is blocked is blocked on purpose.
fn to_allowable(refused: &RefusedRequest<'_>) -> Option<AllowableRequest> {
    let path = refused.url.path();
    // In a rule, an asterisk stands for anything.
    if path != refused.path || path.contains('*') || path.len() > PATH_LIMIT {
        return None;
    }
    let kind = match refused.reason {
        FenceReason::Writes { .. } => AllowedKind::Method(refused.method.parse().ok()?),
        FenceReason::Socket => AllowedKind::Socket,
        _ => return None,
    };
    // Only a path in its plain spelling can be allowed.
    PathPattern::parse(path).ok().filter(|pattern| pattern.matches(path))?;
    let origin = OriginPattern::for_url(refused.url)?;
    Some(AllowableRequest { kind, origin: (!refused.is_of_application).then_some(origin) })
}

fn propose_rule(group: &HeldBackGroup, all: &[HeldBackGroup]) -> Option<AllowedRequest> {
    let AllowableRequest { kind, origin } = group.allowable.clone()?;
    let own: Vec<&str> = group.path.split('/').collect();
    // Several IDs may differ at once: some sockets have a new address with each try.
    let differs_in_ids = |parts: &Vec<&str>| {
        parts.len() == own.len()
            && parts.iter().zip(&own).all(|(part, own)| part == own || may_be_id(part) && may_be_id(own))
    };
    let paths: Vec<Vec<&str>> = all
        .iter()
        .filter(|other| other.is_like(group))
        .map(|other| other.path.split('/').collect())
        .filter(differs_in_ids)
        .collect();
    let parts: Vec<&str> = (0..own.len())
        .map(|at| {
            let values: BTreeSet<&str> = paths.iter().map(|parts| parts[at]).collect();
            if values.len() >= ID_VALUES { "*" } else { own[at] }
        })
        .collect();
    let path = PathPattern::parse(&parts.join("/")).ok()?;
    Some(AllowedRequest { kind, origin, path })
}

/// Names of actions (`/orders`, `/search`) differ as IDs do, but hardly ever have a digit.
fn may_be_id(part: &str) -> bool {
    part.bytes().any(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::fence::GraphqlFault;

    fn refuse(summary: &HeldBackSummary, method: &str, url: &str, reason: &FenceReason, second: u64) {
        let url = Url::parse(url).expect("a URL");
        let path = url.path().replace("canary", "•••");
        let refused = RefusedRequest {
            method,
            url: &url,
            path: &path,
            reason,
            is_of_application: url.host_str() == Some("app.example"),
        };
        summary.add(&refused, SystemTime::UNIX_EPOCH + Duration::from_secs(second));
    }

    fn write(summary: &HeldBackSummary, path: &str) {
        let reason = FenceReason::Writes { method: "POST".into() };
        refuse(summary, "POST", &format!("https://app.example{path}"), &reason, 1);
    }

    fn proposals(summary: &HeldBackSummary) -> Vec<String> {
        let rule = |group: &HeldBackGroup| {
            group.proposed_rule().map_or("none".to_owned(), |rule| {
                let origin = rule.origin.as_ref().map(ToString::to_string).unwrap_or_default();
                format!("{} {origin}{}", rule.kind, rule.path)
            })
        };
        summary.list_groups().iter().map(rule).collect()
    }

    #[test]
    fn what_was_refused_again_is_one_line_and_the_newest_comes_first() {
        let summary = HeldBackSummary::default();
        let writes = |method: &str| FenceReason::Writes { method: method.into() };
        refuse(&summary, "POST", "https://app.example/search?q=a", &writes("POST"), 1);
        refuse(&summary, "DELETE", "https://app.example:8443/orders", &writes("DELETE"), 2);
        refuse(&summary, "POST", "https://app.example/search?q=b", &writes("POST"), 3);
        let groups = summary.list_groups();
        let lines: Vec<_> = groups
            .iter()
            .map(|group| (group.method.as_str(), group.host.as_str(), group.path.as_str(), group.count))
            .collect();
        assert_eq!(
            lines,
            [("POST", "app.example", "/search", 2), ("DELETE", "app.example:8443", "/orders", 1)]
        );
        let seconds = groups[0].last.duration_since(groups[0].first).expect("later");
        assert_eq!((seconds.as_secs(), summary.count()), (2, 3));
    }

    #[test]
    fn a_page_that_asks_for_addresses_without_end_fills_no_memory() {
        let summary = HeldBackSummary::default();
        for number in 0..150 {
            write(&summary, &format!("/x{number}/{}", "y".repeat(9_000)));
        }
        let groups = summary.list_groups();
        assert_eq!((groups.len(), summary.count()), (100, 150));
        assert!(groups[0].path.starts_with("/x149/") && groups[99].path.starts_with("/x50/"));
        assert!(groups.iter().all(|group| group.path.len() <= 1_024 && group.proposed_rule().is_none()));
    }

    #[test]
    fn a_rule_is_as_narrow_as_what_was_seen() {
        let summary = HeldBackSummary::default();
        write(&summary, "/orders/7/preview");
        write(&summary, "/orders/8/preview");
        assert_eq!(proposals(&summary), ["POST /orders/8/preview", "POST /orders/7/preview"]);
        write(&summary, "/orders/9/preview");
        write(&summary, "/orders/9/totals");
        assert_eq!(
            proposals(&summary),
            [
                "POST /orders/9/totals",
                "POST /orders/*/preview",
                "POST /orders/*/preview",
                "POST /orders/*/preview"
            ]
        );

        let summary = HeldBackSummary::default();
        for path in ["/api/search", "/api/pay", "/api/delete"] {
            write(&summary, path);
        }
        assert_eq!(proposals(&summary), ["POST /api/delete", "POST /api/pay", "POST /api/search"]);
        // One part has two values, and so has the other.
        let summary = HeldBackSummary::default();
        for path in ["/a1/b1", "/a1/b2", "/a2/b1"] {
            write(&summary, path);
        }
        assert!(proposals(&summary).iter().all(|rule| !rule.contains('*')));
        let summary = HeldBackSummary::default();
        for path in ["/live/07/x1/ws", "/live/12/y2/ws", "/live/36/z3/ws", "/live/48/now/ws"] {
            write(&summary, path);
        }
        let both = "POST /live/*/*/ws";
        assert_eq!(proposals(&summary), ["POST /live/48/now/ws", both, both, both]);
    }

    #[test]
    fn what_no_rule_should_allow_gets_none() {
        for (url, reason) in [
            ("https://app.example/graphql", FenceReason::Graphql(GraphqlFault::Mutation)),
            ("https://app.example/hijack", FenceReason::BlockedPath),
            ("https://t.example/pixel", FenceReason::BlockedHost),
            ("https://app.example/a", FenceReason::MethodOverride { method: "PUT".into() }),
            ("https://app.example/a", FenceReason::TooLarge),
            ("https://app.example./a", FenceReason::Writes { method: "POST".into() }),
            ("https://app.example/files/*", FenceReason::Writes { method: "POST".into() }),
            ("https://app.example/a%2fb", FenceReason::Writes { method: "POST".into() }),
            ("https://app.example/reset/canary", FenceReason::Writes { method: "POST".into() }),
        ] {
            let summary = HeldBackSummary::default();
            refuse(&summary, "POST", url, &reason, 1);
            assert_eq!(proposals(&summary), ["none"], "{url} {reason}");
            assert!(!summary.list_groups()[0].path.contains("canary"));
        }
        let summary = HeldBackSummary::default();
        refuse(&summary, "GET", "https://app.example/live", &FenceReason::Socket, 1);
        assert_eq!(proposals(&summary), ["websocket /live"]);
    }

    #[test]
    fn a_rule_for_another_server_names_that_server_alone() {
        let summary = HeldBackSummary::default();
        let reason = FenceReason::Writes { method: "POST".into() };
        for (number, host) in
            ["https://api.example", "https://api.example:8443", "http://api.example"].into_iter().enumerate()
        {
            refuse(&summary, "POST", &format!("{host}/items/{number}"), &reason, 1);
        }
        refuse(&summary, "GET", "wss://live.example/events", &FenceReason::Socket, 1);
        assert_eq!(
            proposals(&summary),
            [
                "websocket https://live.example/events",
                "POST http://api.example/items/2",
                "POST https://api.example:8443/items/1",
                "POST https://api.example/items/0",
            ],
            "the IDs of three servers are not those of one"
        );
    }
}

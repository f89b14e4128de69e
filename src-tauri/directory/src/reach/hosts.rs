//! Splits a URL with several servers: a primary and its replicas.
//!
//! The syntax is libpq's: `postgres://user@a:5432,b:5433/database?target_session_attrs=prefer-standby`.
//! <https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-MULTIPLE-HOSTS>

use crate::engine::Engine;

/// Which of several servers to read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetServer {
    /// The first that answers.
    Any,
    /// A primary, which accepts writes.
    Primary,
    /// A replica only.
    Standby,
    /// A replica if one answers.
    PreferStandby,
}

impl TargetServer {
    pub const WORDS: [(&str, Self); 6] = [
        ("any", Self::Any),
        ("read-write", Self::Primary),
        ("read-only", Self::Standby),
        ("primary", Self::Primary),
        ("standby", Self::Standby),
        ("prefer-standby", Self::PreferStandby),
    ];
}

/// The servers in a URL.
#[derive(Debug, PartialEq, Eq)]
pub struct Hosts {
    /// One URL per server, in the original order.
    pub urls: Vec<String>,
    /// `None`: the URL has an unknown value for it.
    pub wanted: Option<TargetServer>,
}

impl Hosts {
    /// Parses any URL of the form `scheme://user@host,host/…`. With several hosts, a replica is preferred by default.
    pub fn from_url(url: &str) -> Self {
        let start = url.find("://").map_or(0, |at| at + 3);
        let end = url[start..].find(['/', '?', '#']).map_or(url.len(), |at| start + at);
        let first = url[start..end].rfind('@').map_or(start, |at| start + at + 1);
        let (before, rest) = (&url[..first], &url[end..]);
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let mut word = None;
        let others: Vec<&str> = query
            .split('&')
            .filter(|option| !option.is_empty())
            .filter(|option| match option.strip_prefix("target_session_attrs=") {
                Some(said) => {
                    word = Some(said);
                    false
                }
                None => true,
            })
            .collect();
        let query = if others.is_empty() { String::new() } else { format!("?{}", others.join("&")) };
        let urls: Vec<String> = url[first..end]
            .split(',')
            .map(|host| match before[start..].strip_suffix('@') {
                Some(user) if host.is_empty() || host.starts_with(':') => {
                    let scheme = &before[..start];
                    without_host(scheme, user, host, path, &query)
                }
                _ => format!("{before}{host}{path}{query}"),
            })
            .collect();
        let wanted = match word {
            None if urls.len() > 1 => Some(TargetServer::PreferStandby),
            None => Some(TargetServer::Any),
            Some(said) => {
                let known = TargetServer::WORDS.iter().find(|(word, _)| *word == said);
                known.map(|&(_, wanted)| wanted)
            }
        };
        Self { urls, wanted }
    }
}

/// Rewrites `postgres://user@/database?host=/cloudsql/…`, which libpq and Google use, into a valid URL by moving the
/// user to the options. MySQL has no such option; its socket is on this computer.
fn without_host(scheme: &str, user: &str, port: &str, path: &str, query: &str) -> String {
    let sign = if query.is_empty() { '?' } else { '&' };
    if Engine::of_url(scheme) != Some(Engine::Postgres) || user.contains(':') {
        return format!("{scheme}{user}@localhost{port}{path}{query}");
    }
    let port = port.strip_prefix(':').map(|port| format!("&port={port}")).unwrap_or_default();
    format!("{scheme}{path}{query}{sign}user={user}{port}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(urls: &[&str], wanted: Option<TargetServer>) -> Hosts {
        Hosts { urls: urls.iter().map(|&url| url.to_owned()).collect(), wanted }
    }

    #[test]
    fn each_server_has_a_url_of_its_own() {
        for (url, expected) in [
            ("postgres://u@db/acme", hosts(&["postgres://u@db/acme"], Some(TargetServer::Any))),
            (
                "postgres://u@a:5432,b:5433/acme",
                hosts(
                    &["postgres://u@a:5432/acme", "postgres://u@b:5433/acme"],
                    Some(TargetServer::PreferStandby),
                ),
            ),
            (
                "mysql://u@a,[::1]:7/acme?ssl-mode=REQUIRED&target_session_attrs=any",
                hosts(
                    &["mysql://u@a/acme?ssl-mode=REQUIRED", "mysql://u@[::1]:7/acme?ssl-mode=REQUIRED"],
                    Some(TargetServer::Any),
                ),
            ),
            (
                "postgres:///acme?target_session_attrs=read-write&host=/run/postgresql",
                hosts(&["postgres:///acme?host=/run/postgresql"], Some(TargetServer::Primary)),
            ),
            ("postgres://a?target_session_attrs=master", hosts(&["postgres://a"], None)),
            (
                "postgres://ann%40acme.com@/acme?host=/cloudsql/p:r:i",
                hosts(
                    &["postgres:///acme?host=/cloudsql/p:r:i&user=ann%40acme.com"],
                    Some(TargetServer::Any),
                ),
            ),
            (
                "postgresql://ann@:5433/acme",
                hosts(&["postgresql:///acme?user=ann&port=5433"], Some(TargetServer::Any)),
            ),
            (
                "mysql://ann@/acme?socket=/cloudsql/p:r:i",
                hosts(&["mysql://ann@localhost/acme?socket=/cloudsql/p:r:i"], Some(TargetServer::Any)),
            ),
            // Still refused later, because it contains a password.
            (
                "postgres://ann:pw@/acme",
                hosts(&["postgres://ann:pw@localhost/acme"], Some(TargetServer::Any)),
            ),
        ] {
            assert_eq!(Hosts::from_url(url), expected, "{url}");
        }
    }
}

//! Compiles what `[policy]` says about requests: the mode, what passes when a session is read-only, and which hosts it
//! may reach. Also writes a rule as the lines of a file.

use std::fmt::Write;

use scraper::Selector;
use understudy_gateway::fence::{
    AllowedKind, AllowedRequest, HostPattern, OriginPattern, PathPattern, TELEMETRY_HOSTS,
};
use url::{Host, Origin};

use super::faults::KeyFaults;
use super::{
    AllowConfig, Environment, HostsConfig, PolicyConfig, Recipe, SignIn, UnlockCondition, UnlockConfig,
};
use crate::access::{AccessPolicy, SessionMode, UnlockRule};

/// The word for a web socket in place of a method.
const WEBSOCKET: &str = "websocket";

/// Without `sign_in`, which has faults of its own, the policy is incomplete.
pub(super) fn compile_access(
    part: &PolicyConfig,
    environment: Environment,
    sign_in: Option<&SignIn>,
    faults: &mut KeyFaults,
) -> AccessPolicy {
    let is_production = environment == Environment::Production;
    let default_mode = if is_production { SessionMode::ReadOnly } else { SessionMode::Full };
    let default_unlock = if is_production { UnlockRule::WithReason } else { UnlockRule::Always };
    let may_unlock = part.may_unlock.map_or(default_unlock, |rule| match rule {
        UnlockConfig::Plain(true) => UnlockRule::Always,
        UnlockConfig::Plain(false) => UnlockRule::Never,
        UnlockConfig::Conditional(UnlockCondition::WithReason) => UnlockRule::WithReason,
    });
    let own_hosts = list_own_hosts(sign_in);
    let mut open_hosts: Vec<HostPattern> =
        own_hosts.iter().filter_map(|host| HostPattern::parse(host).ok()).collect();
    for (at, text) in part.origins.iter().enumerate() {
        match parse_origin_pattern(text) {
            Ok(pattern) => open_hosts.push(pattern),
            Err(what) => faults.add_fault(&format!("policy.origins[{at}]"), what),
        }
    }
    for (at, selector) in part.mask.iter().enumerate() {
        if let Err(what) = check_selector(selector) {
            faults.add_fault(&format!("policy.mask[{at}]"), what);
        }
    }
    let blocked_hosts = compile_blocked_hosts(part.hosts.as_ref(), &own_hosts, faults);
    AccessPolicy {
        mode: part.mode.unwrap_or(default_mode),
        may_unlock,
        allowed: compile_allowed(&part.allow, &blocked_hosts, faults),
        open_hosts,
        blocked_hosts,
        mask: part.mask.clone(),
    }
}

/// It becomes part of a style sheet, so it has to end where its text ends.
fn check_selector(text: &str) -> Result<(), String> {
    let count = |mark: char| text.matches(mark).count();
    let ends = !text.contains(['{', '}', ';', '\\', '@', '<', '\n'])
        && !text.contains("/*")
        && count('"') % 2 == 0
        && count('\'') % 2 == 0
        && count('(') == count(')')
        && count('[') == count(']');
    if text.trim().is_empty() || !ends || text.contains("::") || Selector::parse(text).is_err() {
        return Err("has to be a CSS selector of elements, such as `.iban` or `[data-private]`".into());
    }
    Ok(())
}

/// The lines for a connection file that let these requests pass in a read-only session.
pub fn render_allow_rule(rule: &AllowedRequest) -> String {
    let mut lines = String::from("[[policy.allow]]\n");
    let AllowConfig { method, origin, path, .. } = to_allow_config(rule);
    for (key, value) in [("method", Some(method)), ("origin", origin), ("path", Some(path))] {
        let Some(value) = value else { continue };
        // Writing to a string does not fail.
        let _ = writeln!(lines, "{key} = {}", toml::Value::String(value));
    }
    lines
}

/// A rule as a connection file says it.
pub fn to_allow_config(rule: &AllowedRequest) -> AllowConfig {
    AllowConfig {
        method: rule.kind.to_string(),
        origin: rule.origin.as_ref().map(ToString::to_string),
        path: rule.path.to_string(),
        why: None,
    }
}

/// The hosts where the session begins or a link of the sign-in leads.
fn list_own_hosts(sign_in: Option<&SignIn>) -> Vec<String> {
    let Some(sign_in) = sign_in else { return Vec::new() };
    let begins = sign_in.redirect_to.as_ref().and_then(|url| url.origin());
    let mut origins: Vec<&Origin> = [&sign_in.origin].into_iter().chain(begins).collect();
    if let Recipe::Link { origins: links, .. } = &sign_in.recipe {
        origins.extend(links);
    }
    let mut hosts: Vec<String> = Vec::new();
    for origin in origins {
        if let Origin::Tuple(_, host, _) = origin
            && !hosts.contains(&host.to_string())
        {
            hosts.push(host.to_string());
        }
    }
    hosts
}

fn compile_allowed(
    rules: &[AllowConfig],
    blocked_hosts: &[HostPattern],
    faults: &mut KeyFaults,
) -> Vec<AllowedRequest> {
    let mut allowed = Vec::new();
    for (at, rule) in rules.iter().enumerate() {
        let key = format!("policy.allow[{at}]");
        let kind = parse_kind(&rule.method).map_err(|what| faults.add_fault(&format!("{key}.method"), what));
        let path = parse_path(&rule.path).map_err(|what| faults.add_fault(&format!("{key}.path"), what));
        let origin = rule.origin.as_deref().map(|text| parse_allowed_origin(text, blocked_hosts)).transpose();
        let origin = origin.map_err(|what| faults.add_fault(&format!("{key}.origin"), what));
        if let (Ok(kind), Ok(origin), Ok(path)) = (kind, origin, path) {
            allowed.push(AllowedRequest { kind, origin, path });
        }
    }
    allowed
}

fn parse_allowed_origin(text: &str, blocked_hosts: &[HostPattern]) -> Result<OriginPattern, String> {
    let origin = OriginPattern::parse(text).map_err(|what| format!("an origin {what}"))?;
    let is_blocked =
        origin.single_host().is_some_and(|host| blocked_hosts.iter().any(|blocked| blocked.matches(host)));
    if is_blocked { Err("is at a host that `policy.hosts` blocks".into()) } else { Ok(origin) }
}

fn parse_kind(text: &str) -> Result<AllowedKind, String> {
    if text == WEBSOCKET {
        return Ok(AllowedKind::Socket);
    }
    if ["GET", "HEAD", "OPTIONS"].contains(&text) {
        return Err(format!("{text} passes in every session; a web socket is `{WEBSOCKET}`"));
    }
    let is_method = !text.is_empty()
        && text.len() <= 20
        && text.bytes().all(|byte| byte.is_ascii_uppercase() || b"-_".contains(&byte));
    let method = is_method.then(|| text.parse().ok()).flatten();
    method
        .map(AllowedKind::Method)
        .ok_or_else(|| format!("has to be a method in capital letters, such as `POST`, or `{WEBSOCKET}`"))
}

fn parse_path(text: &str) -> Result<PathPattern, String> {
    if text.contains(['?', '#']) {
        return Err("has to be a path alone, without `?` and `#`; what follows them does not count".into());
    }
    if !text.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"<>^`{|}".contains(&byte)) {
        return Err("has a character that is encoded in addresses, and such a path cannot be allowed".into());
    }
    let pattern = PathPattern::parse(text).map_err(|what| format!("a path {what}"))?;
    // A pattern matches itself if any path does: only the plain spelling is ever allowed.
    if !pattern.matches(text) {
        return Err("has to be spelt plainly: without `//`, `/../`, `;`, `\\` and `%`".into());
    }
    Ok(pattern)
}

fn compile_blocked_hosts(
    part: Option<&HostsConfig>,
    own_hosts: &[String],
    faults: &mut KeyFaults,
) -> Vec<HostPattern> {
    let Some(part) = part else { return Vec::new() };
    let is_own = |pattern: &HostPattern| own_hosts.iter().any(|host| pattern.matches(host));
    let mut blocked = Vec::new();
    for (at, text) in part.block.iter().enumerate() {
        let key = format!("policy.hosts.block[{at}]");
        match parse_host_pattern(text) {
            Ok(pattern) if is_own(&pattern) => {
                faults.add_fault(
                    &key,
                    "is where the session begins; without it, nothing could be signed in to",
                );
            }
            Ok(pattern) => blocked.push(pattern),
            Err(what) => faults.add_fault(&key, what),
        }
    }
    if part.block_telemetry {
        let known = TELEMETRY_HOSTS.iter().filter_map(|host| HostPattern::parse(host).ok());
        // The makers of such services have customers too.
        blocked.extend(known.filter(|pattern| !is_own(pattern)));
    }
    blocked
}

/// `https://id.shop.example`, `https://id.shop.example:8443/`, `id.shop.example` or `*.shop.example`.
fn parse_origin_pattern(text: &str) -> Result<HostPattern, String> {
    let Some(rest) = ["https://", "http://"].iter().find_map(|scheme| text.strip_prefix(scheme)) else {
        return parse_host_pattern(text);
    };
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    let is_port = |port: &str| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    let host = rest.rsplit_once(':').filter(|(_, port)| is_port(port)).map_or(rest, |(host, _)| host);
    if host.contains(['/', '?', '#', '@']) {
        return Err("has to be only scheme, host and port: `https://id.example.com`".into());
    }
    parse_host_pattern(host)
}

/// A host is compared as addresses have it: `bücher.example` is `xn--bcher-kva.example`.
fn parse_host_pattern(text: &str) -> Result<HostPattern, String> {
    let (wild, name) = text.strip_prefix("*.").map_or(("", text), |name| ("*.", name));
    let plain = Host::parse(name).map_or_else(|_| name.to_owned(), |host| host.to_string());
    let is_bare = !plain.contains(':') || plain.starts_with('[');
    let pattern =
        if is_bare { HostPattern::parse(&format!("{wild}{plain}")) } else { HostPattern::parse("") };
    pattern.map_err(|what| format!("a pattern {what}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::connection::{Connection, ConnectionSource};

    const BEGIN: &str = "[directory]\nurl = 'sqlite:///u.db'\ntable = 'users'\nid = 'id'\n\
                         [sign_in]\nurl = 'https://app.acme.com/login'\nredirect_to = 'https://acme.com/home'\n";

    fn parse(environment: &str, policy: &str) -> Result<AccessPolicy, String> {
        let text = format!("name = 'Acme'\nenvironment = '{environment}'\n{BEGIN}{policy}");
        let parsed = Connection::parse("acme", &text, ConnectionSource::Own, None);
        parsed.map(|connection| connection.policy.access).map_err(|error| error.message)
    }

    fn access(policy: &str) -> AccessPolicy {
        parse("staging", policy).expect("a valid policy")
    }

    #[test]
    fn production_begins_read_only_and_unlocks_with_a_reason() {
        for (environment, mode, unlock) in [
            ("production", SessionMode::ReadOnly, UnlockRule::WithReason),
            ("staging", SessionMode::Full, UnlockRule::Always),
            ("development", SessionMode::Full, UnlockRule::Always),
        ] {
            let access = parse(environment, "").expect("no policy");
            assert_eq!((access.mode, access.may_unlock), (mode, unlock), "{environment}");
        }
        for (said, mode, unlock) in [
            ("mode = 'full'\nmay_unlock = true", SessionMode::Full, UnlockRule::Always),
            ("mode = 'read_only'\nmay_unlock = false", SessionMode::ReadOnly, UnlockRule::Never),
            ("may_unlock = 'with_reason'", SessionMode::ReadOnly, UnlockRule::WithReason),
        ] {
            let access = parse("production", &format!("[policy]\n{said}")).expect("a policy");
            assert_eq!((access.mode, access.may_unlock), (mode, unlock), "{said}");
        }
    }

    #[test]
    fn pages_may_lead_where_the_session_begins_and_where_the_file_says() {
        let open =
            |policy: &str, host: &str| access(policy).open_hosts.iter().any(|pattern| pattern.matches(host));
        assert!(open("", "acme.com") && open("", "app.acme.com") && !open("", "id.acme.com"));
        let policy = "[policy]\norigins = ['https://ID.acme.com:8443/', '*.shop.example', 'bücher.example']";
        for host in ["id.acme.com", "a.shop.example", "xn--bcher-kva.example", "acme.com"] {
            assert!(open(policy, host), "{host}");
        }
        assert!(!open(policy, "shop.example") && !open(policy, "evil.example"));
    }

    #[test]
    fn blocked_hosts_are_those_of_the_file_and_the_known_services() {
        let blocked = |policy: &str, host: &str| {
            access(policy).blocked_hosts.iter().any(|pattern| pattern.matches(host))
        };
        let policy = "[policy.hosts]\nblock = ['*.chat.example']";
        assert!(blocked(policy, "a.chat.example") && !blocked(policy, "static.hotjar.com"));
        let policy = "[policy.hosts]\nblock_telemetry = true";
        assert!(blocked(policy, "static.hotjar.com") && !blocked(policy, "app.acme.com"));
        assert!(!blocked("[policy.hosts]\nblock_telemetry = false", "static.hotjar.com"));
    }

    #[test]
    fn a_service_for_analytics_can_support_its_own_customers() {
        let text =
            format!("name = 'A'\nenvironment = 'staging'\n{BEGIN}[policy.hosts]\nblock_telemetry = true")
                .replace("app.acme.com", "eu.posthog.com");
        let connection = Connection::parse("a", &text, ConnectionSource::Own, None).expect("valid");
        let blocked = |host| connection.policy.access.blocked_hosts.iter().any(|it| it.matches(host));
        assert!(!blocked("eu.posthog.com") && blocked("static.hotjar.com"));
    }

    #[test]
    fn each_fault_says_where_it_is_and_what_fits() {
        let rule =
            |method: &str, path: &str| format!("[[policy.allow]]\nmethod = '{method}'\npath = '{path}'");
        let cases: [(String, &str); 24] = [
            (
                "[policy]\nmask = ['.iban', 'td > {']".into(),
                "acme.toml:11:18: policy.mask[1]: has to be a CSS selector of elements, such as `.iban` or `[data-private]`",
            ),
            (
                "[policy]\nmask = ['[title=\"']".into(),
                "acme.toml:11:9: policy.mask[0]: has to be a CSS selector of elements, such as `.iban` or `[data-private]`",
            ),
            (
                "[policy]\nmode = 'readonly'".into(),
                "acme.toml:11:8: policy.mode: `readonly` is not one of full, read_only; did you mean `read_only`?",
            ),
            (
                "[policy]\nmay_unlock = 'reason'".into(),
                "acme.toml:11:14: policy.may_unlock: this version of Understudy does not know `reason`; it knows with_reason",
            ),
            (
                "[policy]\nmay_unlock = 1".into(),
                "acme.toml:11:14: policy.may_unlock: has to be true or false, or `\"with_reason\"`, not a number",
            ),
            (
                "[policy]\norigins = ['https://id.acme.com/login']".into(),
                "acme.toml:11:12: policy.origins[0]: has to be only scheme, host and port: `https://id.example.com`",
            ),
            (
                "[policy]\norigins = ['*.com']".into(),
                "acme.toml:11:12: policy.origins[0]: a pattern does not stand for a whole top-level domain",
            ),
            (
                "[policy]\norigins = ['id.acme.com:8443']".into(),
                "acme.toml:11:12: policy.origins[0]: a pattern is a host's name, such as `shop.example` or `*.shop.example`",
            ),
            (
                "[policy.hosts]\nblock = ['https://a.example']".into(),
                "acme.toml:11:10: policy.hosts.block[0]: a pattern is a host's name, such as `shop.example` or `*.shop.example`",
            ),
            (
                "[policy.hosts]\nblock = ['*.acme.com']".into(),
                "acme.toml:11:10: policy.hosts.block[0]: is where the session begins; without it, nothing could be signed in to",
            ),
            (
                "[policy.hosts]\nblocked = ['a.example']".into(),
                "acme.toml:11:1: policy.hosts.blocked: unknown key; did you mean `block`?",
            ),
            (
                "[[policy.allow]]\npath = '/a'".into(),
                "acme.toml:10:1: policy.allow[0].method: is missing. An HTTP method, such as `POST`, or `websocket`.",
            ),
            (
                rule("post", "/a"),
                "acme.toml:11:10: policy.allow[0].method: has to be a method in capital letters, such as `POST`, or `websocket`",
            ),
            (
                rule("GET", "/a"),
                "acme.toml:11:10: policy.allow[0].method: GET passes in every session; a web socket is `websocket`",
            ),
            (rule("POST", "api/search"), "acme.toml:12:8: policy.allow[0].path: a path begins with a slash"),
            (
                rule("POST", "/**"),
                "acme.toml:12:8: policy.allow[0].path: a path does not stand for every path there is",
            ),
            (
                rule("POST", "/a?b=1"),
                "acme.toml:12:8: policy.allow[0].path: has to be a path alone, without `?` and `#`; what follows them does not count",
            ),
            (
                rule("POST", "/a//b"),
                "acme.toml:12:8: policy.allow[0].path: has to be spelt plainly: without `//`, `/../`, `;`, `\\` and `%`",
            ),
            (
                rule("POST", "/%61"),
                "acme.toml:12:8: policy.allow[0].path: has to be spelt plainly: without `//`, `/../`, `;`, `\\` and `%`",
            ),
            (
                format!("{}\norigin = 'https://api.acme.com/v1'", rule("POST", "/a")),
                "acme.toml:13:10: policy.allow[0].origin: an origin has only scheme, host and port: `https://api.example.com`",
            ),
            (
                format!("{}\norigin = 'wss://api.acme.com'", rule("websocket", "/a")),
                "acme.toml:13:10: policy.allow[0].origin: an origin begins with `https://` or `http://`; a web socket counts as one of them",
            ),
            (
                format!("{}\norigin = '*.com'", rule("POST", "/a")),
                "acme.toml:13:10: policy.allow[0].origin: an origin does not stand for a whole top-level domain",
            ),
            (
                format!(
                    "{}\norigin = 'https://in.chat.example'\n[policy.hosts]\nblock = ['*.chat.example']",
                    rule("POST", "/a")
                ),
                "acme.toml:13:10: policy.allow[0].origin: is at a host that `policy.hosts` blocks",
            ),
            (
                rule("POST", "/ü"),
                "acme.toml:12:8: policy.allow[0].path: has a character that is encoded in addresses, and such a path cannot be allowed",
            ),
        ];
        let (policies, faults): (Vec<_>, Vec<_>) = cases.into_iter().unzip();
        let told: Vec<String> =
            policies.iter().map(|policy| parse("staging", policy).expect_err("a fault")).collect();
        assert_eq!(told, faults);
    }

    #[test]
    fn an_allowed_request_has_a_note_and_may_be_a_web_socket() {
        let allowed = access(
            "[[policy.allow]]\nmethod = 'POST'\npath = '/api/*/search'\nwhy = 'the search field'\n\
             [[policy.allow]]\nmethod = 'websocket'\npath = '/live/**'",
        )
        .allowed;
        let told: Vec<String> = allowed.iter().map(|rule| format!("{} {}", rule.kind, rule.path)).collect();
        assert_eq!(told, ["POST /api/*/search", "websocket /live/**"]);
    }

    proptest! {
        /// Lines that are proposed can be pasted as they are, and mean what was proposed.
        #[test]
        fn a_rendered_rule_is_read_back(
            method in "POST|PUT|PATCH|DELETE|PROPFIND|M-SEARCH|websocket",
            parts in prop::collection::vec("[a-zA-Z0-9._~'!$&()+,=:@-]{1,8}|\\*", 1..5),
            end in "|/\\*\\*|/",
            origin in prop::option::of("https?://(\\*\\.)?[a-z]{1,5}\\.[a-z]{1,5}(:[1-9][0-9]{1,3})?"),
        ) {
            let path = format!("/{}{end}", parts.join("/"));
            let plain = parts.iter().all(|part| part != "." && part != "..");
            prop_assume!(plain);
            let rule = AllowedRequest {
                kind: parse_kind(&method).expect("a method"),
                origin: origin.map(|origin| OriginPattern::parse(&origin).expect("an origin")),
                path: PathPattern::parse(&path).expect("a path"),
            };
            let lines = render_allow_rule(&rule);
            prop_assert_eq!(lines.lines().count(), if rule.origin.is_some() { 4 } else { 3 });
            prop_assert!(lines.ends_with('\n'));
            prop_assert_eq!(access(&lines).allowed, [rule]);
        }
    }

    #[test]
    fn a_rule_is_written_as_people_write_it() {
        let rule = AllowedRequest {
            kind: parse_kind("POST").expect("a method"),
            origin: None,
            path: PathPattern::parse("/api/search").expect("a path"),
        };
        assert_eq!(render_allow_rule(&rule), "[[policy.allow]]\nmethod = \"POST\"\npath = \"/api/search\"\n");
        let elsewhere =
            AllowedRequest { origin: Some(OriginPattern::parse("api.acme.com").expect("an origin")), ..rule };
        assert_eq!(
            render_allow_rule(&elsewhere),
            "[[policy.allow]]\nmethod = \"POST\"\norigin = \"https://api.acme.com\"\npath = \"/api/search\"\n"
        );
    }
}

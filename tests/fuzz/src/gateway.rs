//! What the gateway decides about: a request's method, address, headers and body.

use http::header::HeaderName;
use http::{HeaderMap, HeaderValue, Method};
use understudy_gateway::fence::{
    AllowedKind, AllowedRequest, BodyFacts, Decision, FenceReason, FenceRules, HostPattern, OriginPattern,
    PathPattern, RequestFacts, SessionMode,
};
use url::Url;

use crate::{Choices, spell_bytes, split_parts};

const BLOCKED: &str = "/hijack/";
const SEARCH: &str = "/api/search";
const MODES: [SessionMode; 2] = [SessionMode::ReadOnly, SessionMode::Full];

fn rules(mode: SessionMode) -> FenceRules {
    let path = |text| PathPattern::parse(text).expect("a pattern");
    FenceRules {
        mode,
        application: vec![Url::parse("https://app.example/").expect("a URL").origin()],
        blocked_paths: vec![BLOCKED.into()],
        allowed: vec![
            AllowedRequest { kind: AllowedKind::Method(Method::POST), origin: None, path: path(SEARCH) },
            AllowedRequest { kind: AllowedKind::Socket, origin: None, path: path("/live") },
            AllowedRequest {
                kind: AllowedKind::Method(Method::PUT),
                origin: Some(OriginPattern::parse("https://*.api.example").expect("a pattern")),
                path: path("/items/*"),
            },
        ],
        open_hosts: vec![HostPattern::parse("*.sso.example").expect("a pattern")],
        blocked_hosts: vec![HostPattern::parse("*.tracker.example").expect("a pattern")],
    }
}

/// The input: choices of how a blocked path is spelled; a method, an address and headers, a line each; a body.
pub fn check(input: &[u8]) -> bool {
    let text = String::from_utf8_lossy(input);
    let [choices, request, body] = split_parts(&text);
    let is_spelled = check_spelling(choices);
    let mut lines = request.lines();
    let method = Method::from_bytes(lines.next().unwrap_or_default().as_bytes()).unwrap_or(Method::POST);
    let address = lines.next().unwrap_or_default();
    let url =
        Url::parse(address).or_else(|_| Url::parse("https://app.example").expect("a URL").join(address));
    let Some(url) = url.ok().filter(Url::has_host) else { return is_spelled };
    let header = |line: &str| {
        let (name, value) = line.split_once(':')?;
        Some((name.trim().parse::<HeaderName>().ok()?, HeaderValue::from_str(value.trim()).ok()?))
    };
    let mut headers = HeaderMap::new();
    for (name, value) in lines.filter_map(header) {
        headers.append(name, value);
    }
    check_request(&method, &url, &headers, body.as_bytes());
    true
}

fn check_request(method: &Method, url: &Url, headers: &HeaderMap, body: &[u8]) {
    let whole = RequestFacts { method, url, headers, body: BodyFacts::Whole(body) };
    let [read_only, full] = MODES.map(|mode| rules(mode).decide(&whole));
    // Read-only is the stricter mode.
    if read_only == Decision::Pass {
        assert_eq!(full, Decision::Pass, "{method} {url}");
        assert!(may_pass(&whole, &rules(SessionMode::ReadOnly)), "{method} {url} {headers:?}");
        let mut none = rules(SessionMode::ReadOnly);
        none.allowed.clear();
        if none.decide(&whole) == Decision::Pass {
            assert!(may_pass(&whole, &none), "{method} {url} {headers:?}");
        }
    }
    let is_safe = |name: &str| ["GET", "HEAD", "OPTIONS"].iter().any(|safe| name.eq_ignore_ascii_case(safe));
    let overrides = headers.get_all("x-http-method-override").iter();
    let mut asked = overrides.map(|value| value.to_str().unwrap_or("?").trim());
    if asked.any(|name| !is_safe(name) && !name.eq_ignore_ascii_case(method.as_str())) {
        assert_ne!(read_only, Decision::Pass, "{method} {url} {headers:?}");
    }
    // Whose body was not read is not let pass for its sake.
    let unread = RequestFacts { body: BodyFacts::Unread, ..whole };
    if rules(SessionMode::ReadOnly).needs_body(&unread) {
        assert_ne!(rules(SessionMode::ReadOnly).decide(&unread), Decision::Pass, "{method} {url}");
    }
    let host = url.host_str().unwrap_or_default().trim_end_matches('.');
    if host.ends_with(".tracker.example") && host.len() > ".tracker.example".len() {
        for decision in [&read_only, &full] {
            assert_eq!(*decision, Decision::Refuse(FenceReason::BlockedHost), "{url}");
        }
    }
    if url.origin() == rules(SessionMode::Full).application[0] && reads_as_blocked(url.path()) {
        for decision in [&read_only, &full] {
            assert_eq!(*decision, Decision::Refuse(FenceReason::BlockedPath), "{url}");
        }
    }
}

/// Whether a request changes nothing, as far as anyone can tell without its application, or is one that the rules name.
/// What decides here is spelled out, and does not use the gateway's own reading of paths.
fn may_pass(request: &RequestFacts<'_>, rules: &FenceRules) -> bool {
    let (method, url) = (request.method, request.url);
    let is_upgrade = request.headers.contains_key("upgrade")
        && request.headers.get_all("connection").iter().any(|value| {
            let mut options = value.to_str().unwrap_or_default().split(',');
            options.any(|option| option.trim().eq_ignore_ascii_case("upgrade"))
        });
    if [Method::GET, Method::HEAD, Method::OPTIONS].contains(method) && !is_upgrade {
        return true;
    }
    let is_own = url.host_str() == Some("app.example") && url.port_or_known_default() == Some(443);
    let is_secure = ["https", "wss"].contains(&url.scheme());
    let is_of_api = url.host_str().is_some_and(|host| host.ends_with(".api.example"))
        && url.port_or_known_default() == Some(443);
    let is_allowed = !rules.allowed.is_empty()
        && is_secure
        && match url.path() {
            SEARCH => is_own && *method == Method::POST && !is_upgrade,
            "/live" => is_own && *method == Method::GET && is_upgrade,
            path => {
                let item = path.strip_prefix("/items/").unwrap_or_default();
                is_of_api && *method == Method::PUT && !is_upgrade && !item.is_empty() && !item.contains('/')
            }
        };
    // Queries of GraphQL, at a path that says so.
    let path = url.path().to_ascii_lowercase();
    let last = path.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    let is_plain = !path.contains(['%', ';', '\\']) && !path.contains("//");
    let BodyFacts::Whole(body) = request.body else { return false };
    let is_query = *method == Method::POST
        && !is_upgrade
        && is_plain
        && (last.contains("graphql") || last.contains("gql"))
        && body.contains(&b'{');
    is_allowed || is_query
}

/// Whether a server that decodes once, or as often as it can, then cuts parameters off and resolves dots, has a path that
/// is blocked.
fn reads_as_blocked(path: &str) -> bool {
    let decode = |path: &str| percent_encoding::percent_decode_str(path).decode_utf8_lossy().into_owned();
    let resolve = |path: &str| {
        let path = path.replace('\\', "/");
        let mut parts: Vec<&str> = Vec::new();
        for part in path.split('/').map(|part| part.split(';').next().unwrap_or_default()) {
            match part {
                "" | "." => {}
                ".." => drop(parts.pop()),
                part => parts.push(part),
            }
        }
        let is_folder = path.ends_with('/') || parts.len() > 1;
        parts.first().is_some_and(|first| first.eq_ignore_ascii_case("hijack")) && is_folder
    };
    let once = decode(path);
    let mut fully = once.clone();
    for _ in 0..path.len() {
        let next = decode(&fully);
        if next == fully {
            break;
        }
        fully = next;
    }
    resolve(path) || resolve(&once) || resolve(&fully)
}

/// The ways to write a path differently that servers and proxies undo.
#[derive(Clone, Copy)]
enum Spelling {
    Encode,
    Case,
    DoubleSlash,
    Dot,
    UpAndDown,
    Parameter,
    Backslash,
    FrontController,
    DotAtEnd,
}

const SPELLINGS: [Spelling; 9] = [
    Spelling::Encode,
    Spelling::Case,
    Spelling::DoubleSlash,
    Spelling::Dot,
    Spelling::UpAndDown,
    Spelling::Parameter,
    Spelling::Backslash,
    Spelling::FrontController,
    Spelling::DotAtEnd,
];

/// A blocked path stays blocked, however often it is written differently.
fn check_spelling(choices: &str) -> bool {
    let mut choices = Choices::of(choices);
    let mut path: Vec<String> = format!("{BLOCKED}release").chars().map(String::from).collect();
    let mut count = 0;
    while !choices.is_empty() && count < 12 {
        spell(&mut path, choices.one_of(&SPELLINGS), choices.below(256));
        count += 1;
    }
    let path = path.concat();
    let Ok(url) = Url::parse(&format!("https://app.example{path}")) else { return false };
    if url.path() != path.replace('\\', "/") {
        // A browser resolves dots itself, and asks for another path then.
        return false;
    }
    for mode in MODES {
        let headers = HeaderMap::new();
        let request =
            RequestFacts { method: &Method::GET, url: &url, headers: &headers, body: BodyFacts::Whole(b"") };
        assert_eq!(rules(mode).decide(&request), Decision::Refuse(FenceReason::BlockedPath), "{url}");
    }
    count > 0
}

/// Writes one place of the path differently. Each item of it stands for one character of the path that is meant, or for
/// what a server drops.
fn spell(path: &mut Vec<String>, spelling: Spelling, at: usize) {
    let at = at % path.len();
    let slashes: Vec<usize> = (0..path.len()).filter(|at| path[*at] == "/").collect();
    let slash = slashes[at % slashes.len()];
    match spelling {
        Spelling::Encode if at > 0 => {
            // The first slash is what makes it a path.
            path[at] = spell_bytes(path[at].as_bytes(), |byte| format!("%{byte:02X}"));
        }
        Spelling::Case => {
            path[at] = if path[at].contains('%') { path[at].clone() } else { path[at].to_ascii_uppercase() };
        }
        Spelling::DoubleSlash => path.insert(slash, "/".into()),
        Spelling::Dot => insert(path, slash + 1, &[".", "%2F"]),
        Spelling::UpAndDown => insert(path, slash + 1, &["x", "%2F", ".", ".", "%2F"]),
        Spelling::Parameter if slash > 0 => path.insert(slash, ";a=1".into()),
        Spelling::Backslash if slash > 0 => path[slash] = "\\".into(),
        Spelling::FrontController => insert(path, 0, &["/", "i", "n", "d", "e", "x", ".", "p", "h", "p"]),
        Spelling::DotAtEnd if slash > 0 && is_letter(&path[slash - 1]) => path.insert(slash, ".".into()),
        _ => {}
    }
}

fn insert(path: &mut Vec<String>, at: usize, items: &[&str]) {
    path.splice(at..at, items.iter().map(|item| (*item).to_owned()));
}

fn is_letter(text: &str) -> bool {
    text.chars().all(|char| char.is_ascii_alphanumeric())
}

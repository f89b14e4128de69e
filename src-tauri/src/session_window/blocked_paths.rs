//! Keeps the window away from paths that would give a session the operator's rights back, in every spelling that
//! servers are known to accept. This is an extra layer of defence; the server must enforce it.

use percent_encoding::percent_decode_str;
use url::{Origin, Url};

/// Path prefixes of one origin.
pub struct Blocked {
    pub origin: Origin,
    pub paths: Vec<String>,
}

impl Blocked {
    pub fn matches_url(&self, url: &str) -> bool {
        !self.paths.is_empty()
            && Url::parse(url).is_ok_and(|url| {
                let plain = resolve_path(&decode_path(url.path()));
                // PHP's front controller may precede any path.
                let behind = plain.strip_prefix("/index.php").unwrap_or(&plain);
                let is_held = |path: &String| {
                    let path = resolve_path(path);
                    plain.starts_with(&path) || behind.starts_with(&path)
                };
                url.origin() == self.origin && self.paths.iter().any(is_held)
            })
    }

    /// The rules in WebKit's format: <https://webkit.org/blog/3476/content-blockers-first-look/>. Its patterns have no
    /// alternation, so each spelling is a rule of its own.
    #[cfg(not(windows))]
    pub fn to_webkit_rules(&self) -> serde_json::Value {
        let origin = escape_pattern(&self.origin.ascii_serialization());
        let mut patterns = std::collections::BTreeSet::new();
        for path in &self.paths {
            for path in spell_slashes(path) {
                patterns.insert(format!("^{origin}{path}"));
                patterns.insert(format!("^{origin}/+index\\.php{path}"));
            }
            // Encoding an unreserved character, such as `%6b` for k, has no other purpose than evading a rule (RFC
            // 3986, 2.3).
            let letters = path.chars().filter(|c| c.is_ascii_alphanumeric() || "-._~".contains(*c));
            patterns.extend(letters.map(|c| format!("^{origin}/[^?#]*%{:02x}", u32::from(c))));
        }
        if !self.paths.is_empty() {
            // An encoded first slash or step back, which has no other purpose either.
            patterns.insert(format!("^{origin}/+%2f"));
            patterns.insert(format!("^{origin}/[^?#]*\\.\\.%2f"));
            patterns.insert(format!("^{origin}/[^?#]*%2f\\.\\."));
        }
        let rule = |pattern| serde_json::json!({ "trigger": { "url-filter": pattern }, "action": { "type": "block" } });
        patterns.into_iter().map(rule).collect()
    }
}

/// The path with each slash as one or more, and each but the first also as `%2f`, which servers decode.
#[cfg(not(windows))]
fn spell_slashes(path: &str) -> Vec<String> {
    let mut spellings = vec![String::new()];
    for (at, part) in path.split_inclusive('/').enumerate() {
        let name = escape_pattern(part.trim_end_matches('/'));
        let slashes: &[&str] = match at {
            _ if !part.ends_with('/') => &[""],
            // Two spellings for the first few slashes are enough.
            1..=3 => &["/+", "%2f"],
            _ => &["/+"],
        };
        let spelt = |before: &String| slashes.iter().map(|slash| format!("{before}{name}{slash}")).collect();
        spellings = spellings.iter().flat_map(|before| -> Vec<String> { spelt(before) }).collect();
    }
    spellings
}

#[cfg(not(windows))]
fn escape_pattern(text: &str) -> String {
    let mut pattern = String::new();
    for char in text.chars() {
        if !char.is_ascii_alphanumeric() && char != '/' && char != ':' {
            pattern.push('\\');
        }
        pattern.push(char);
    }
    pattern
}

/// Decodes as often as a chain of proxies might, turns backslashes into slashes and drops parameters (`;x`).
fn decode_path(path: &str) -> String {
    let mut plain = path.to_owned();
    for _ in 0..4 {
        let next = percent_decode_str(&plain).decode_utf8_lossy().into_owned();
        if next == plain {
            break;
        }
        plain = next;
    }
    let parts = plain.replace('\\', "/");
    let parts: Vec<&str> = parts.split('/').map(|part| part.split(';').next().unwrap_or_default()).collect();
    parts.join("/")
}

/// Resolves a decoded path like most servers: repeated slashes count as one, and `..` goes up.
fn resolve_path(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/').filter(|part| !part.is_empty() && *part != ".") {
        if part == ".." {
            parts.pop();
        } else {
            parts.push(part);
        }
    }
    let end = if path.ends_with('/') && !parts.is_empty() { "/" } else { "" };
    format!("/{}{end}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blocked() -> Blocked {
        let origin = Url::parse("https://app.example/").expect("a URL").origin();
        Blocked { origin, paths: vec!["/hijack/".into(), "/a/leave".into()] }
    }

    #[test]
    fn a_path_is_held_in_every_spelling() {
        for path in [
            "/hijack/release/",
            "/hijac%6b/release/",
            "/hijack%2Frelease",
            "//hijack//release",
            "/./hijack/x",
            "/a/leave",
            "/a/leave?next=/",
            "/a%2fleave",
            "/x/..%2fhijack/release/",
            "/%2fhijack/x",
            "/hijac%256b/release/",
            "/x/..;/hijack/release/",
            "/hijack;jsessionid=1/release/",
            "/x%5c..%5chijack/release",
            "/index.php/hijack/release",
        ] {
            assert!(blocked().matches_url(&format!("https://app.example{path}")), "{path}");
        }
        for url in
            ["https://app.example/hijackers", "https://app.example/?to=/hijack/", "https://b.example/hijack/"]
        {
            assert!(!blocked().matches_url(url), "{url}");
        }
    }

    #[cfg(not(windows))]
    #[test]
    fn webkit_gets_a_rule_for_each_spelling() {
        let rules = blocked().to_webkit_rules();
        let patterns: Vec<&str> = rules
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|rule| rule["trigger"]["url-filter"].as_str())
            .collect();
        for pattern in [
            r"^https://app\.example/+hijack/+",
            r"^https://app\.example/+hijack%2f",
            r"^https://app\.example/+a%2fleave",
            r"^https://app\.example/[^?#]*%6b",
            r"^https://app\.example/+index\.php/+hijack/+",
            r"^https://app\.example/[^?#]*\.\.%2f",
        ] {
            assert!(patterns.contains(&pattern), "{pattern}: {patterns:#?}");
        }
    }
}

//! Paths as servers read them: decoded, with dots resolved. A blocking rule applies to every spelling; an allowing rule
//! only to the plain one.

use std::fmt;

use percent_encoding::percent_decode_str;

/// A path with `*` for one part and `**` for any number at the end, such as `/api/*/search` or `/api/reports/**`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathPattern(Vec<String>);

impl PathPattern {
    /// # Errors
    /// Says what is wrong with the pattern.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let Some(rest) = text.strip_prefix('/') else { return Err("begins with a slash") };
        let parts: Vec<String> = rest.split('/').map(str::to_owned).collect();
        let is_wild = |part: &String| part.contains('*') && part != "*" && part != "**";
        if parts.iter().any(is_wild) {
            return Err("has `*` for a whole part of the path, and not for some of its letters");
        }
        if parts[..parts.len() - 1].iter().any(|part| part == "**") {
            return Err("has `**` only at its end");
        }
        if parts == ["**"] {
            return Err("does not stand for every path there is");
        }
        Ok(Self(parts))
    }

    /// Whether a path matches, in its plain spelling. Any other spelling does not: what this computer reads as
    /// `/search`, a server may read as something else.
    pub fn matches(&self, path: &str) -> bool {
        if to_server_path(path) != path {
            return false;
        }
        let mut parts = path.trim_start_matches('/').split('/');
        for pattern in &self.0 {
            match (pattern.as_str(), parts.next()) {
                ("**", Some(_)) => return true,
                ("*", Some(part)) if !part.is_empty() => {}
                (pattern, Some(part)) if pattern == part => {}
                _ => return false,
            }
        }
        parts.next().is_none()
    }
}

/// As it is written in a connection file.
impl fmt::Display for PathPattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|part| write!(formatter, "/{part}"))
    }
}

/// Whether a path begins with a blocked one, in any spelling that servers are known to accept.
pub(super) fn begins_with(path: &str, blocked: &str) -> bool {
    // Many servers ignore case, and some the dots and spaces at the end of a name.
    let path = trim_names(&to_server_path(path)).to_ascii_lowercase();
    let blocked = resolve_dots(blocked).to_ascii_lowercase();
    // PHP's front controller may come before any path.
    let behind = path.strip_prefix("/index.php").unwrap_or(&path);
    path.starts_with(&blocked) || behind.starts_with(&blocked)
}

/// Decoded as often as a chain of proxies might, with backslashes as slashes, without parameters (`;x`), and with dots
/// and repeated slashes resolved.
fn to_server_path(path: &str) -> String {
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
    resolve_dots(&parts.join("/"))
}

fn trim_names(path: &str) -> String {
    let names: Vec<&str> = path.split('/').map(|name| name.trim_end_matches(['.', ' '])).collect();
    names.join("/")
}

fn resolve_dots(path: &str) -> String {
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

    #[test]
    fn a_blocked_path_is_known_in_every_spelling() {
        for path in [
            "/hijack/release/",
            "/hijac%6b/release/",
            "/hijack%2Frelease",
            "//hijack//release",
            "/./hijack/x",
            "/x/..%2fhijack/release/",
            "/%2fhijack/x",
            "/hijac%256b/release/",
            "/x/..;/hijack/release/",
            "/hijack;jsessionid=1/release/",
            "/x%5c..%5chijack/release",
            "/index.php/hijack/release",
            "/Hijack/Release",
            "/x/../%48IJACK/",
            "/hijack./release",
            "/hijack%20/release",
            "/hijack%2e/release",
            "\\hijack\\release",
            "/x/%2e%2e/hijack/",
            "/;a=1/hijack/",
            "/hijack;/release",
            "/INDEX.PHP/hijack/",
        ] {
            assert!(begins_with(path, "/hijack/"), "{path}");
        }
        for path in ["/a/leave", "/a/leave/", "/a/leaves", "/a%2fleave", "/A//Leave", "/a/./leave"] {
            assert!(begins_with(path, "/a/leave") && begins_with(path, "/a/Leave"), "{path}");
        }
        for path in ["/hijackers", "/a/hijack/", "/hijack", "/", "/x/hijack/../"] {
            assert!(!begins_with(path, "/hijack/"), "{path}");
        }
    }

    #[test]
    fn an_allowed_path_is_known_in_its_plain_spelling_only() {
        let pattern = |text| PathPattern::parse(text).expect("a pattern");
        assert!(pattern("/api/search").matches("/api/search"));
        assert!(pattern("/api/*/search").matches("/api/7/search"));
        assert!(pattern("/api/reports/**").matches("/api/reports/1/pages"));
        assert!(pattern("/").matches("/"));
        for text in ["/", "/api/*/search", "/api/reports/**", "/a/"] {
            assert_eq!(pattern(text).to_string(), text);
        }
        for path in [
            "/api/search/",
            "/api/search/delete",
            "/api//search",
            "/api/x/../search",
            "/api/sear%63h",
            "/api",
        ] {
            assert!(!pattern("/api/search").matches(path), "{path}");
        }
        for path in ["/api//search", "/api/search", "/api/7/8/search", "/api/7;x/search", "/api/7%2f8/search"]
        {
            assert!(!pattern("/api/*/search").matches(path), "{path}");
        }
        for wrong in ["api", "/**", "/a/**/b", "/a*"] {
            assert!(PathPattern::parse(wrong).is_err(), "{wrong}");
        }
    }
}

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
        if !is_plain(path) {
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

/// More readings than any page's path has. What has more is a trick.
const MOST_READINGS: usize = 64;

/// Whether a path begins with a blocked one, in any spelling that servers are known to accept.
pub(super) fn begins_with(path: &str, blocked: &str) -> bool {
    let blocked = resolve_dots(blocked).to_ascii_lowercase();
    let Some(readings) = list_readings(path) else { return true };
    readings.iter().any(|reading| {
        // Many servers ignore case, and some the dots and spaces at the end of a name.
        let path = trim_names(reading).to_ascii_lowercase();
        // PHP's front controller may come before any path, also below a folder.
        path.starts_with(&blocked) || remove_front_controllers(&path).starts_with(&blocked)
    })
}

/// Whether the last part of a path says that GraphQL is spoken there, so that a server that expects something else is
/// not behind it.
pub(super) fn names_graphql(path: &str) -> bool {
    let path = path.strip_suffix('/').unwrap_or(path);
    let Some((before, last)) = path.rsplit_once('/') else { return false };
    // A script takes what follows its name for a parameter.
    let is_script = |part: &str| {
        let ending = part.rsplit_once('.').map_or("", |(_, ending)| ending);
        ending.starts_with(|char: char| char.is_ascii_alphabetic()) && !part.eq_ignore_ascii_case("index.php")
    };
    let last = last.to_ascii_lowercase();
    is_plain(path) && !before.split('/').any(is_script) && (last.contains("graphql") || last.contains("gql"))
}

/// Whether all servers read a path the same.
fn is_plain(path: &str) -> bool {
    list_readings(path).is_some_and(|readings| readings == [path])
}

/// What servers and the proxies in front of them may read in a path: each takes some of these steps, in an order of its
/// own, and passes on the result. The first is the path itself; `None` if there is no end to them.
fn list_readings(path: &str) -> Option<Vec<String>> {
    let steps: [fn(&str) -> String; 4] = [decode, replace_backslashes, remove_parameters, resolve_dots];
    let mut readings = vec![path.to_owned()];
    let mut at = 0;
    while let Some(reading) = readings.get(at).cloned() {
        for step in steps {
            let next = step(&reading);
            if !readings.contains(&next) {
                readings.push(next);
            }
        }
        if readings.len() > MOST_READINGS {
            return None;
        }
        at += 1;
    }
    Some(readings)
}

fn decode(path: &str) -> String {
    percent_decode_str(path).decode_utf8_lossy().into_owned()
}

fn replace_backslashes(path: &str) -> String {
    path.replace('\\', "/")
}

/// Without `;x` behind the parts' names.
fn remove_parameters(path: &str) -> String {
    let parts: Vec<&str> = path.split('/').map(|part| part.split(';').next().unwrap_or_default()).collect();
    parts.join("/")
}

fn remove_front_controllers(path: &str) -> String {
    let parts: Vec<&str> = path.split('/').filter(|part| *part != "index.php").collect();
    parts.join("/")
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
            "/hijack/release/%252e%252e/%252e%252e/",
            "/hijack/x/..%252f..%252f..",
            "/hijack/release/..;/..;/",
            "/hijack/release/%5c..%5c..%5c..%5cx",
            "/hijack/%2e%2e%2f",
            "/a/%252e%252e/hijack/x/..;/..;/",
            "/a;%2f../hijack;b/..%5c..%5c",
        ] {
            assert!(begins_with(path, "/hijack/"), "{path}");
        }
        for path in ["/a/leave", "/a/leave/", "/a/leaves", "/a%2fleave", "/A//Leave", "/a/./leave"] {
            assert!(begins_with(path, "/a/leave") && begins_with(path, "/a/Leave"), "{path}");
        }
        for path in
            ["/shop/index.php/leave", "/SHOP/Index.php/index.php/leave", "/shop/x/..%2findex.php/leave/"]
        {
            assert!(begins_with(path, "/shop/leave"), "{path}");
        }
        for path in ["/leave.php/%252e%252e/%252e%252e", "/leave.php/x/..%252f..%252f..", "/leave.php;x"] {
            assert!(begins_with(path, "/leave.php"), "{path}");
        }
        let endless = format!("/%{}5c", "25".repeat(MOST_READINGS));
        assert!(begins_with(&endless, "/hijack/"), "what has no end of readings may be anything");
        for path in ["/hijackers", "/a/hijack/", "/hijack", "/", "/x/hijack/../"] {
            assert!(!begins_with(path, "/hijack/"), "{path}");
        }
    }

    #[test]
    fn a_path_that_names_graphql_is_known_in_its_plain_spelling_only() {
        for path in [
            "/graphql",
            "/api/graphql/",
            "/v1.0/GraphQL",
            "/gql",
            "/admin/graphql.json",
            "/index.php/graphql",
        ] {
            assert!(names_graphql(path), "{path}");
        }
        for path in [
            "/",
            "/orders/7/cancel",
            "/graphql/orders/7",
            "/orders/cancel.php/graphql",
            "/orders/7/cancel;/graphql",
            "/orders/7/cancel/..%2fgraphql",
            "/orders/cancel//graphql",
            "/graphql%2f..%2forders",
        ] {
            assert!(!names_graphql(path), "{path}");
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

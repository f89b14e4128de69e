//! Templates for URLs. The origin is written out, so that no user's data can choose the host that receives secrets;
//! every value in the rest is percent-encoded.

use ::url::{Host, Origin, Url};

use super::engine::TemplateFlavour;
use super::{Scope, Template, TemplateFault};
use crate::error::{Code, Error, Result};

impl Template {
    /// For a URL: absolute, https (or http on loopback), with its origin written out. Values are percent-encoded; an
    /// absent value (null) is an error when rendering.
    pub fn parse_url(key: &str, text: &str, scope: &Scope) -> Result<Self, TemplateFault> {
        let origin = literal_origin(text)?;
        let template = Self::with_flavour(TemplateFlavour::Url, key, text, scope)?;
        Ok(Self { origin: Some(origin), ..template })
    }

    /// Scheme, host and port of a URL template, the same for all users; `None` for other templates.
    pub fn origin(&self) -> Option<&Origin> {
        self.origin.as_ref()
    }

    /// A second line of defence: the origin is literal and values are encoded, so this should never fail. `shape` is
    /// the URL with one letter in place of each value.
    pub(super) fn check_rendered_url(&self, origin: &Origin, rendered: &str, shape: &str) -> Result<()> {
        let url = Url::parse(rendered).ok();
        if !url.is_some_and(|url| url.origin() == *origin && !has_credentials(&url)) {
            let message =
                format!("{} would not be a URL of {}.", self.source.key, origin.ascii_serialization());
            return Err(
                Error::new(Code::TemplateFailed, message).with_hint("Correct it in the connection file.")
            );
        }
        let (path, meant) = (path_of(rendered), path_of(shape));
        if leads_elsewhere(path) && !leads_elsewhere(meant) || empty_parts(path) > empty_parts(meant) {
            let message = format!(
                "{} would lead to a different path for this user: a value in its path is empty, or climbs the path as \
                 `..` does.",
                self.source.key
            );
            let hint = "Use another of the user's values in the path, such as the ID.";
            return Err(Error::new(Code::TemplateFailed, message).with_hint(hint));
        }
        Ok(())
    }
}

/// The path as written, between the host and the query.
fn path_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let rest = &rest[..rest.find(['?', '#']).unwrap_or(rest.len())];
    rest.find(['/', '\\']).map_or("", |begin| &rest[begin..])
}

/// Whether any segment of the path is `..` or `.` once servers have read it: decoded several times, with backslashes as
/// slashes, without parameters (`..;x`), white space and control characters.
pub fn leads_elsewhere(path: &str) -> bool {
    let is_dots = |part: &str| !part.is_empty() && part.chars().all(|char| char == '.');
    parts_of(path).iter().any(|part| is_dots(part))
}

fn empty_parts(path: &str) -> usize {
    parts_of(path).iter().filter(|part| part.is_empty()).count()
}

fn parts_of(path: &str) -> Vec<String> {
    let mut plain = path.to_owned();
    // As often as a chain of proxies might decode it.
    for _ in 0..4 {
        let decoded = percent_encoding::percent_decode_str(&plain).decode_utf8_lossy().into_owned();
        if decoded == plain {
            break;
        }
        plain = decoded;
    }
    let normal = |char: char| match char {
        '\\' | '／' | '＼' => '/',
        // Characters that NFKC normalisation turns into dots.
        '．' | '․' | '‥' => '.',
        other => other,
    };
    let plain: String = plain.chars().map(normal).collect();
    let part = |part: &str| {
        let part = part.split(';').next().unwrap_or_default();
        part.chars().filter(|char| !char.is_whitespace() && !char.is_control()).collect()
    };
    plain.split('/').map(part).collect()
}

/// Checks everything about a URL that does not depend on values. A fault quotes only the scheme and host: the rest may
/// contain secrets.
fn literal_origin(text: &str) -> Result<Origin, TemplateFault> {
    let fault = |message: &str| Err(TemplateFault::new(message));
    let literal = ["{{", "{%", "{#"].iter().filter_map(|mark| text.find(mark)).min();
    let Some((scheme, rest)) = text.split_once("://").filter(|(scheme, _)| !scheme.contains('{')) else {
        return fault("has to be an absolute URL, like `https://app.example.com/login`");
    };
    if text.trim() != text || text.chars().any(char::is_control) {
        return fault("has spaces around it, or control characters in it");
    }
    let authority = rest.find(['/', '?', '#', '\\']).map_or(text.len(), |end| scheme.len() + 3 + end);
    if authority == scheme.len() + 3 {
        return fault("names no host");
    }
    if literal.is_some_and(|literal| literal < authority || authority == text.len()) {
        return fault(
            "scheme, host and port have to be written out, followed by a `/`; templates can come only after them",
        );
    }
    let url = match Url::parse(&text[..literal.unwrap_or(text.len())]) {
        Ok(url) => url,
        Err(cause) => return Err(TemplateFault::new(format!("is not a valid URL: {cause}"))),
    };
    if has_credentials(&url) {
        return fault(
            "has a user name or password, which browsers do not send from a page; \
             use a header with a `{{ secret.<name> }}` instead",
        );
    }
    match url.scheme() {
        "https" => Ok(url.origin()),
        "http" if is_loopback(&url) => Ok(url.origin()),
        "http" => Err(TemplateFault::new(format!(
            "has to be https, as {} is not this machine: over http, anyone on the way can read the secret and the \
             cookies",
            url.host_str().unwrap_or_default()
        ))),
        other => Err(TemplateFault::new(format!("has to be https, not {other}"))),
    }
}

fn has_credentials(url: &Url) -> bool {
    !url.username().is_empty() || url.password().is_some()
}

/// Whether the host is this computer: `localhost` and names below it (RFC 6761), 127.0.0.0/8, `::1`.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => {
            let name = name.strip_suffix('.').unwrap_or(name);
            name == "localhost" || name.ends_with(".localhost")
        }
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

//! Secrets in addresses and in forms: in parameters, fragments, and paths that open something once.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use super::names::{is_secret_name, is_secret_parameter, precedes_one_time_part};
use super::redact_plain;
use super::shapes::is_random;
use crate::template::MASK;

/// How many addresses may be inside of each other's parameters.
const DEPTH: usize = 3;

/// An address, whole or only its path, without its secrets.
pub(super) fn redact_address(address: &str) -> String {
    redact_address_at(address, DEPTH)
}

fn redact_address_at(address: &str, depth: usize) -> String {
    let (rest, fragment) = split_off(address, '#');
    let (path, query) = split_off(rest, '?');
    let mut redacted = redact_path(path);
    if let Some(query) = query {
        redacted.push('?');
        redacted.push_str(&redact_pairs(query, is_secret_parameter, depth));
    }
    if let Some(fragment) = fragment {
        redacted.push('#');
        // A router's address, or what a sign-in has handed over.
        if fragment.starts_with(['/', '!']) && depth > 0 {
            redacted.push_str(&redact_address_at(fragment, depth - 1));
        } else {
            redacted.push_str(&redact_pairs(fragment, is_secret_parameter, depth));
        }
    }
    redacted
}

/// The body of a form without its secrets.
pub(super) fn redact_form(form: &str) -> String {
    redact_pairs(form, is_secret_name, DEPTH)
}

fn split_off(text: &str, mark: char) -> (&str, Option<&str>) {
    text.split_once(mark).map_or((text, None), |(before, after)| (before, Some(after)))
}

fn redact_path(path: &str) -> String {
    let (scheme, rest) = match path.split_once("://") {
        Some((scheme, rest)) => (format!("{scheme}://"), rest),
        None => (String::new(), path),
    };
    let mut redacted = scheme;
    let has_authority = !redacted.is_empty();
    let mut before = String::new();
    for (at, segment) in rest.split('/').enumerate() {
        if at > 0 {
            redacted.push('/');
        }
        if at == 0 && has_authority {
            // A user and a password may stand before the host.
            redacted.push_str(
                &segment.rsplit_once('@').map_or(segment.to_owned(), |(_, host)| format!("{MASK}@{host}")),
            );
            continue;
        }
        redacted.push_str(&redact_segment(segment, &before));
        segment.clone_into(&mut before);
    }
    redacted
}

fn redact_segment(segment: &str, before: &str) -> String {
    let mut parameters = segment.split(';');
    let name = parameters.next().unwrap_or_default();
    let decoded = decode(name);
    let opens_once = precedes_one_time_part(before) && !decoded.is_empty() && !is_word(&decoded);
    let mut redacted =
        if opens_once || decoded.split('.').any(is_random) && redact_plain(&decoded, false) != *decoded {
            MASK.to_owned()
        } else {
            name.to_owned()
        };
    for parameter in parameters {
        redacted.push(';');
        redacted.push_str(&redact_pairs(parameter, is_secret_parameter, 0));
    }
    redacted
}

/// Whether it is a name of the application's rather than something that opens it: `/reset/password`.
fn is_word(segment: &str) -> bool {
    segment.len() < 16 && segment.bytes().all(|byte| byte.is_ascii_lowercase() || b"-_".contains(&byte))
}

/// `name=value` pairs, whose values may be addresses or JSON.
fn redact_pairs(pairs: &str, is_secret: fn(&str) -> bool, depth: usize) -> String {
    let redacted = pairs.split('&').map(|pair| {
        let Some((name, value)) = pair.split_once('=') else {
            let decoded = decode(pair);
            let left = redact_plain(&decoded, false);
            return if left == *decoded { pair.to_owned() } else { encode(&left) };
        };
        let decoded = decode(value);
        let left = if decoded.is_empty() {
            return pair.to_owned();
        } else if is_secret(&decode(name)) {
            return format!("{name}={MASK}");
        } else if depth > 0 && (decoded.contains("://") || decoded.starts_with('/')) {
            redact_plain(&redact_address_at(&decoded, depth - 1), false)
        } else if depth > 0 && decoded.contains('=') {
            redact_plain(&redact_pairs(&decoded, is_secret, depth - 1), false)
        } else {
            redact_plain(&decoded, decoded.starts_with(['{', '[']))
        };
        if left == *decoded { pair.to_owned() } else { format!("{name}={}", encode(&left)) }
    });
    redacted.collect::<Vec<_>>().join("&")
}

fn decode(text: &str) -> Cow<'_, str> {
    if text.contains('+') {
        return Cow::Owned(percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned());
    }
    percent_decode_str(text).decode_utf8_lossy()
}

/// As a form writes it, with the mask left readable.
fn encode(text: &str) -> String {
    let parts = text
        .split(MASK)
        .map(|part| url::form_urlencoded::byte_serialize(part.as_bytes()).collect::<String>());
    parts.collect::<Vec<_>>().join(MASK)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_go_out_of_parameters_fragments_and_paths() {
        for (address, left) in [
            ("https://a.example/x?token=abc&page=2", "https://a.example/x?token=••••&page=2"),
            ("https://me:pw@a.example/x", "https://••••@a.example/x"),
            (
                "https://a.example/cb#access_token=abc&expires_in=60",
                "https://a.example/cb#access_token=••••&expires_in=60",
            ),
            ("/#/invoices/7?key=abc", "/#/invoices/7?key=••••"),
            ("/reset/Ab12/now", "/reset/••••/now"),
            ("/reset/password", "/reset/password"),
            ("/users/0b1f7ad0-6d0e-4b7f-9a55-2f6a0e8ec4c1", "/users/0b1f7ad0-6d0e-4b7f-9a55-2f6a0e8ec4c1"),
            ("/d/Zk3Qp9xT7bLw2Rv8Nc5Y/edit", "/d/••••/edit"),
            ("/x;jsessionid=12ab?q=a+b", "/x;jsessionid=••••?q=a+b"),
            ("/in?next=%2Fcb%3Fcode%3Dabc%26x%3D1", "/in?next=%2Fcb%3Fcode%3D••••%26x%3D1"),
            ("/in?filter=%7B%22token%22%3A%22abc%22%7D", "/in?filter=%7B%22token%22%3A%22••••%22%7D"),
            (
                "/assets/index-9f86d081884c7d659a2feaa0c55ad015.js",
                "/assets/index-9f86d081884c7d659a2feaa0c55ad015.js",
            ),
        ] {
            assert_eq!(redact_address(address), left, "{address}");
        }
        assert_eq!(
            redact_form("a=1&user%5Bpassword%5D=x+y&state=CA"),
            "a=1&user%5Bpassword%5D=••••&state=CA"
        );
    }
}

//! No secret stands in a file: values under names that secrets have must come from the keyring.

use serde_json::Value;

use crate::connection::faults::KeyFaults;
use crate::template::{Scope, Template};

/// Endings of names that hold a secret, without separators: `adminToken`, `X-API-Key`.
const SECRET_NAMES: &[&str] = &[
    "authorization",
    "token",
    "secret",
    "password",
    "passwd",
    "passphrase",
    "pwd",
    "credential",
    "apikey",
    "accesskey",
    "secretkey",
    "privatekey",
    "signingkey",
    "authkey",
    "xauth",
    "bearer",
    "jwt",
];

/// Checks that `value`, the value of `name` in the file, is not a literal secret.
pub(crate) fn no_secret_in_text(
    key: &str,
    name: &str,
    value: &str,
    id: &str,
    scope: &Scope,
    faults: &mut KeyFaults,
) {
    let scheme = value.split_once(' ').is_some_and(|(scheme, rest)| {
        !rest.trim().is_empty() && ["bearer", "basic"].contains(&scheme.to_lowercase().as_str())
    });
    if value.trim().is_empty() || !(scheme || names_a_secret(name)) {
        return;
    }
    // A template with a name in it may stand for a secret; without one, it is just a quoted literal.
    let literal = !value.contains("{{")
        || Template::parse(key, value, scope).is_ok_and(|template| template.is_literal());
    if literal {
        let secret = snake_case(name);
        faults.add_fault(
            key,
            format!(
                "holds a secret, which does not belong in a file. Write `{{{{ secret.{secret} }}}}` in its place \
                 and store it with `understudy secret set {id} {secret}`"
            ),
        );
    }
}

/// The same for all strings of a body; items of a list are checked under the list's name.
pub(in crate::connection) fn no_secret_in_json(
    key: &str,
    name: &str,
    json: &Value,
    id: &str,
    scope: &Scope,
    faults: &mut KeyFaults,
) {
    match json {
        Value::String(text) => no_secret_in_text(key, name, text, id, scope, faults),
        Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                no_secret_in_json(&format!("{key}[{at}]"), name, item, id, scope, faults);
            }
        }
        Value::Object(fields) => {
            for (name, value) in fields {
                no_secret_in_json(&format!("{key}.{name}"), name, value, id, scope, faults);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The same for a URL's query, which may not contain a secret at all.
pub(in crate::connection) fn no_secret_in_query(key: &str, url: &str, faults: &mut KeyFaults) {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let held = query
        .split(['&', '#'])
        .filter_map(|pair| pair.split_once('='))
        .any(|(name, value)| names_a_secret(name) && !value.is_empty() && !value.contains("{{"));
    if held {
        faults.add_fault(
            key,
            "holds a secret in its query, and URLs are written to logs and histories. \
             Send it in a header or in the body, as `{{ secret.<name> }}`",
        );
    }
}

/// Whether a name such as `adminToken` or `X-API-Key` stands for a secret.
pub(crate) fn names_a_secret(name: &str) -> bool {
    let plain: String = name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase();
    let plain = plain.strip_suffix('s').unwrap_or(&plain);
    SECRET_NAMES.iter().any(|ending| plain.ends_with(ending))
}

/// A name for the vault: `adminToken` and `Admin-Token` become `admin_token`.
pub(super) fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    let mut before = ' ';
    for char in name.chars() {
        if char.is_ascii_uppercase() && (before.is_ascii_lowercase() || before.is_ascii_digit()) {
            snake.push('_');
        }
        if char.is_ascii_alphanumeric() {
            snake.push(char.to_ascii_lowercase());
        } else if !snake.is_empty() && !snake.ends_with('_') {
            snake.push('_');
        }
        before = char;
    }
    let snake = snake.trim_end_matches('_');
    // A name in a template cannot begin with a digit.
    match snake.chars().next() {
        Some(first) if first.is_ascii_alphabetic() => snake.to_owned(),
        _ => "token".to_owned(),
    }
}

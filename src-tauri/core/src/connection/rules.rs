//! What a file may contain beyond keys and types: where users are read from, what a page can send, and no secrets. A
//! fault never quotes a value that could be a secret.

use serde_json::Value;
use url::Url;

use super::faults::KeyFaults;
use super::{DirectoryConfig, Method, Network, NetworkConfig, SshConfig};
use crate::directory::{Engine, Hosts, SQLITE_URL, TargetServer};
use crate::template::{Scope, Template};

/// Header fields that a page's `fetch` cannot set: <https://fetch.spec.whatwg.org/#forbidden-request-header>.
const FORBIDDEN_HEADERS: &[&str] = &[
    "accept-charset",
    "accept-encoding",
    "access-control-request-headers",
    "access-control-request-method",
    "access-control-request-private-network",
    "connection",
    "content-length",
    "cookie",
    "cookie2",
    "date",
    "dnt",
    "expect",
    "host",
    "keep-alive",
    "origin",
    "referer",
    "set-cookie",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
];

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

/// Checks `[directory]`. `id` is the connection's, for the command that stores the password.
pub(super) fn check_directory(part: &DirectoryConfig, id: &str, faults: &mut KeyFaults) {
    let named = [("table", Some(&part.table)), ("id", Some(&part.id))].into_iter().chain(
        [("email", &part.email), ("name", &part.name), ("created_at", &part.created_at)]
            .map(|(key, value)| (key, value.as_ref())),
    );
    for (key, value) in named {
        if value.is_some_and(|value| value.trim().is_empty()) {
            faults.add_fault(&format!("directory.{key}"), "cannot be empty");
        }
    }
    for (key, list) in [("columns", &part.columns), ("search", part.search.as_ref().unwrap_or(&Vec::new()))] {
        for (at, _) in list.iter().enumerate().filter(|(_, column)| column.trim().is_empty()) {
            faults.add_fault(&format!("directory.{key}[{at}]"), "cannot be empty");
        }
    }
    if let Some(what) = directory_url_fault(&part.url, id) {
        faults.add_fault("directory.url", what);
    }
    let is_file = Engine::of_url(&part.url) == Some(Engine::Sqlite);
    if let Some(words) = &part.password_command {
        let key = "directory.password_command";
        if is_file {
            faults.add_fault(key, "is for a server; an SQLite file has no password");
        } else if words.first().is_none_or(|program| program.trim().is_empty()) {
            faults
                .add_fault(key, "has to name a program: `[\"aws\", \"rds\", \"generate-db-auth-token\", …]`");
        } else if words.iter().any(|word| word.contains('\0')) {
            faults.add_fault(key, "has a character that an argument cannot contain");
        }
    }
    if let Some(ssh) = &part.ssh {
        if is_file {
            faults.add_fault("directory.ssh", "is for a server; an SQLite file is opened directly");
        } else if has_socket(&part.url) {
            faults.add_fault(
                "directory.url",
                "names a local socket, which [directory.ssh] cannot reach: name host and port",
            );
        }
        ssh_part(ssh, faults);
    }
}

/// Checks `[network]`.
pub(super) fn compile_network(part: Option<&NetworkConfig>, faults: &mut KeyFaults) -> Network {
    let Some(part) = part else { return Network::default() };
    let proxy = part.proxy.as_ref().and_then(|text| {
        let url = Url::parse(text).ok().filter(|url| {
            let is_bare =
                matches!(url.path(), "" | "/") && url.query().is_none() && url.username().is_empty();
            ["http", "socks5"].contains(&url.scheme())
                && url.host_str().is_some_and(|host| !host.is_empty())
                && is_bare
        });
        if url.is_none() {
            faults.add_fault(
                "network.proxy",
                "has to be `http://host:port` or `socks5://host:port`, without a password",
            );
        }
        url
    });
    let ca = part.ca.as_ref().map(std::path::PathBuf::from);
    if ca.as_ref().is_some_and(|path| !path.is_absolute()) {
        faults.add_fault("network.ca", "has to be the full path of a PEM file");
    } else if part.ca.as_ref().is_some_and(|text| text.starts_with("\\\\") || text.starts_with("//")) {
        // Windows would log in to that computer before the operator has agreed.
        faults.add_fault("network.ca", "has to be a file on this computer, not on a network share");
    }
    let gateway_user = part.gateway_user.clone();
    if gateway_user
        .as_ref()
        .is_some_and(|user| user.is_empty() || user.contains(':') || user.chars().any(char::is_control))
    {
        faults.add_fault(
            "network.gateway_user",
            "has to be a user name without a colon; its password is the secret `gateway_password`",
        );
    }
    Network { proxy, ca, authority: None, gateway_user }
}

/// Arguments for `ssh` must not be options or contain special characters.
fn ssh_part(ssh: &SshConfig, faults: &mut KeyFaults) {
    let odd = |text: &str| {
        text.is_empty()
            || text.starts_with('-')
            || text
                .chars()
                .any(|char| char.is_whitespace() || char.is_control() || "\"'`\\$;&|<>(){}".contains(char))
    };
    if ssh.host.contains('@') {
        faults.add_fault(
            "directory.ssh.host",
            "has to be only the host; the part before the @ belongs in `user`",
        );
    } else if odd(&ssh.host) || ssh.host.contains(['/', '%']) {
        faults.add_fault(
            "directory.ssh.host",
            "has to be a computer's name or address, or a Host of ~/.ssh/config",
        );
    }
    if ssh.user.as_deref().is_some_and(|user| odd(user) || user.contains('%')) {
        faults.add_fault("directory.ssh.user", "has to be the name of an account");
    }
    if let Some(key) = &ssh.key {
        let whole = key.starts_with("~/") || std::path::Path::new(key).is_absolute();
        if key.contains("PRIVATE KEY") {
            faults.add_fault(
                "directory.ssh.key",
                "holds a key, which does not belong in this file. Write the path of the key's own file",
            );
        } else if !whole || key.chars().any(char::is_control) {
            faults.add_fault("directory.ssh.key", "has to be a full path, or one that begins with `~/`");
        }
    }
    if let Some(key) = &ssh.host_key {
        let mut words = key.split(' ');
        let kind = words.next().unwrap_or_default();
        let known = ["ssh-", "ecdsa-", "sk-"].iter().any(|start| kind.starts_with(start));
        let base64 = |text: &str| {
            text.len() > 30 && text.chars().all(|char| char.is_ascii_alphanumeric() || "+/=".contains(char))
        };
        if !known || !words.next().is_some_and(base64) || key.chars().any(char::is_control) {
            faults.add_fault(
                "directory.ssh.host_key",
                "has to be the computer's public key, `ssh-ed25519 AAAA…`: the line of its \
                 /etc/ssh/ssh_host_ed25519_key.pub",
            );
        }
    }
}

/// Whether an option names a socket on this computer.
fn has_socket(url: &str) -> bool {
    let options = url.split_once('?').map_or("", |(_, options)| options);
    options.split('&').any(|option| {
        option.starts_with("socket=") || option.starts_with("host=/") || option.starts_with("host=%2F")
    })
}

pub(crate) fn directory_url_fault(text: &str, id: &str) -> Option<String> {
    let (scheme, rest) = text.split_once(':').unwrap_or_default();
    let engine = Engine::of_url(text);
    match engine {
        Some(Engine::Postgres | Engine::MySql) => {}
        Some(Engine::Sqlite) => {
            let path = rest.strip_prefix("//").unwrap_or(rest);
            return if rest.contains('?') {
                Some("cannot have options for SQLite: the file is always opened read-only".into())
            } else if !path.starts_with('/') || path.len() == 1 {
                Some(format!("has to name the file by its full path: `{SQLITE_URL}`"))
            } else {
                None
            };
        }
        Some(Engine::MongoDb) => return mongodb_url(scheme, rest, id).or_else(|| said_twice(rest)),
        None => {
            return Some(format!(
                "has to be a URL: `postgres://user@host/database`, `mysql://user@host/database`, \
                 `mongodb://user@host/database`, or `{SQLITE_URL}`"
            ));
        }
    }
    if hides_password(rest) {
        let what = "holds a password in which `/`, `?` and `#` are not percent-encoded";
        return Some(holds_password(scheme, id).replacen("holds a password", what, 1));
    }
    let nowhere = || "has an empty host in its list: `host:port,host:port`".to_owned();
    let named = Hosts::from_url(text);
    let is_one = named.urls.len() == 1;
    for url in &named.urls {
        let url = match Url::parse(url) {
            Ok(url) => url,
            Err(url::ParseError::EmptyHost) if !is_one => return Some(nowhere()),
            Err(cause) => return Some(format!("is not a valid URL: {cause}")),
        };
        let secret_option = |key: &str| key.to_lowercase().contains("password") || key == "passfile";
        if url.password().is_some() || url.query_pairs().any(|(key, _)| secret_option(&key)) {
            return Some(holds_password(scheme, id));
        }
        if engine == Some(Engine::MySql) && url.username().is_empty() {
            return Some(format!("has to name the database user: `{scheme}://user@host/database`"));
        }
        if !is_one && url.host_str().is_none_or(str::is_empty) {
            return Some(nowhere());
        }
    }
    if named.wanted.is_none() {
        return Some(format!(
            "has a target_session_attrs that this version of Understudy does not know; it knows {}",
            TargetServer::WORDS.map(|(word, _)| word).join(", ")
        ));
    }
    said_twice(rest)
}

/// Looks at a URL after its scheme: `//user:pa/ss@host/…`. An unencoded `/`, `?` or `#` ends the authority early, so
/// that the user becomes the host, and a part of the password its port.
fn hides_password(rest: &str) -> bool {
    let rest = rest.strip_prefix("//").unwrap_or(rest);
    let Some(end) = rest.find(['/', '?', '#']) else { return false };
    let (authority, behind) = rest.split_at(end);
    if authority.contains('@') || !authority.contains(':') {
        return false;
    }
    // An option's value may contain an @: `?user=ann@acme`.
    behind.split_once('@').is_some_and(|(before, _)| !before.contains('=') || before.starts_with('#'))
}

/// If an option is given twice, only one counts, and people may read the other one.
fn said_twice(rest: &str) -> Option<String> {
    let (_, options) = rest.split_once('?')?;
    let mut known: Vec<String> = Vec::new();
    for (key, _) in url::form_urlencoded::parse(options.as_bytes()) {
        let plain = key.to_ascii_lowercase().replace(['-', '_'], "");
        // A list of preferences may repeat this one.
        if plain == "readpreferencetags" {
            continue;
        }
        if known.contains(&plain) {
            return Some(format!("has `{key}` more than once; keep one of them"));
        }
        known.push(plain);
    }
    None
}

/// Parsed by hand, because a MongoDB URL may name several hosts, which the `url` crate cannot parse.
/// <https://www.mongodb.com/docs/manual/reference/connection-string/>
fn mongodb_url(scheme: &str, rest: &str, id: &str) -> Option<String> {
    let (address, options) = rest.split_once('?').unwrap_or((rest, ""));
    let address = address.strip_prefix("//").unwrap_or(address);
    // Split at the last @, in case the password contains an unescaped @ or /.
    let (user, place) = address.rsplit_once('@').unwrap_or(("", address));
    let secret_option = |option: &str| {
        let key = option.split('=').next().unwrap_or_default().to_lowercase();
        // These properties may hold a session token.
        key.contains("password") || key == "authmechanismproperties"
    };
    if user.contains(':') || options.split('&').any(secret_option) {
        return Some(holds_password(scheme, id));
    }
    let (hosts, database) = place.split_once('/').unwrap_or((place, ""));
    if hosts.split(',').any(str::is_empty) || !rest.starts_with("//") {
        return Some(format!("names no host: `{scheme}://user@host/database`"));
    }
    if database.is_empty() {
        return Some(format!("has to name the database after the host: `{scheme}://user@host/database`"));
    }
    None
}

fn holds_password(scheme: &str, id: &str) -> String {
    format!(
        "holds a password, which does not belong in a file. Remove it (`{scheme}://user@host/database`) and store it \
         with `understudy secret set {id} {}`",
        super::DATABASE_PASSWORD
    )
}

/// Who sends a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RequestSender {
    /// The session's window, with its page's `fetch`.
    Window,
    /// The console, with its own HTTP client.
    Console,
}

/// Header fields that describe the message or the connection; the HTTP client sets them itself.
const CLIENTS_HEADERS: &[&str] =
    &["connection", "content-length", "host", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"];

/// Checks a header field's name and value, as far as the file determines them.
pub(super) fn check_header(
    key: &str,
    name: &str,
    value: &str,
    sender: RequestSender,
    faults: &mut KeyFaults,
) {
    // RFC 9110, 5.6.2: token.
    let is_token = !name.is_empty()
        && name.chars().all(|char| char.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(char));
    let lower = name.to_lowercase();
    if !is_token {
        faults.add_fault(key, "is not a valid header name; use letters, digits and `-`");
    } else if sender == RequestSender::Console {
        if CLIENTS_HEADERS.contains(&lower.as_str()) {
            faults.add_fault(key, "is a header that is set from the request itself; leave it out");
        }
    } else if FORBIDDEN_HEADERS.contains(&lower.as_str())
        || lower.starts_with("proxy-")
        || lower.starts_with("sec-")
    {
        let cause = "is a header that only the browser itself can set";
        faults.add_fault(
            key,
            match lower.as_str() {
                "cookie" => {
                    format!("{cause}; the session begins without cookies and gets them from the answer")
                }
                "origin" | "referer" | "host" => format!("{cause}, from the URL"),
                _ => format!("{cause}; leave it out"),
            },
        );
    }
    // `fetch` accepts a ByteString without line breaks.
    if value.chars().any(|char| char.is_control() && char != '\t' || u32::from(char) > 0xFF) {
        faults.add_fault(key, "has a line break or another character that a header cannot contain");
    }
}

/// `fetch` refuses a GET request with a body.
pub(super) fn body_allowed(key: &str, method: Method, has_body: bool, faults: &mut KeyFaults) {
    if has_body && method == Method::Get {
        faults.add_fault(key, "a GET request cannot have a body; use POST, or put the values into the URL");
    }
}

/// A form has names and plain values.
pub(super) fn form_body(key: &str, body: Option<&Value>, faults: &mut KeyFaults) {
    match body {
        None => {}
        Some(Value::Object(fields)) => {
            for (name, _) in fields.iter().filter(|(_, value)| value.is_object() || value.is_array()) {
                faults.add_fault(
                    &format!("{key}.{name}"),
                    "has to be text, a number, true or false: it is sent as a form",
                );
            }
        }
        Some(_) => faults.add_fault(key, "has to be a table: it is sent as a form"),
    }
}

/// Checks that `value`, the value of `name` in the file, is not a literal secret.
pub(super) fn no_secret_in_text(
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
pub(super) fn no_secret_in_json(
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
pub(super) fn no_secret_in_query(key: &str, url: &str, faults: &mut KeyFaults) {
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
fn snake_case(name: &str) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_known_by_the_name_it_stands_under() {
        for name in [
            "adminToken",
            "Authorization",
            "X-API-Key",
            "client_secret",
            "PASSWORD",
            "api.keys",
            "access-token",
        ] {
            assert!(names_a_secret(name), "{name}");
        }
        for name in [
            "userId",
            "token_type",
            "tokenTtl",
            "grant_type",
            "passwordReset",
            "key",
            "x-operator",
            "secretary",
        ] {
            assert!(!names_a_secret(name), "{name}");
        }
    }

    #[test]
    fn the_vault_gets_a_name_in_its_own_style() {
        for (name, expected) in [
            ("adminToken", "admin_token"),
            ("X-API-Key", "x_api_key"),
            ("token", "token"),
            ("2faSecret", "token"),
            ("--", "token"),
        ] {
            assert_eq!(snake_case(name), expected);
        }
    }
}

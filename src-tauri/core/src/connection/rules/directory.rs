//! Where users are read from: the URL of each engine, and the way through SSH.

use url::Url;

use crate::connection::faults::KeyFaults;
use crate::connection::{DirectoryConfig, SshConfig};
use crate::directory::{Engine, Hosts, SQLITE_URL, TargetServer, find_closest_names, json_path};

/// Checks `[directory]`. `id` is the connection's, for the command that stores the password.
pub(in crate::connection) fn check_directory(part: &DirectoryConfig, id: &str, faults: &mut KeyFaults) {
    let named = [("table", Some(&part.table)), ("id", Some(&part.id))].into_iter().chain(
        [("email", &part.email), ("name", &part.name), ("created_at", &part.created_at)]
            .map(|(key, value)| (key, value.as_ref())),
    );
    for (key, value) in named {
        if value.is_some_and(|value| value.trim().is_empty()) {
            faults.add_fault(&format!("directory.{key}"), "cannot be empty");
        }
    }
    let searched: &[String] = part.search.as_deref().unwrap_or_default();
    for (key, list) in [("columns", &*part.columns), ("masked", &*part.masked), ("search", searched)] {
        for (at, _) in list.iter().enumerate().filter(|(_, column)| column.trim().is_empty()) {
            faults.add_fault(&format!("directory.{key}[{at}]"), "cannot be empty");
        }
    }
    check_masked_columns(part, faults);
    if let Some(what) = directory_url_fault(&part.url, id) {
        faults.add_fault("directory.url", what);
    }
    check_related_tables(part, faults);
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

/// Who a user is stays readable, and what is typed searches parts of values.
fn check_masked_columns(part: &DirectoryConfig, faults: &mut KeyFaults) {
    let roles = [Some(&part.id), part.email.as_ref(), part.name.as_ref(), part.created_at.as_ref()];
    let masked = part.masked.iter().enumerate().filter(|(_, column)| !column.trim().is_empty());
    for (at, column) in masked {
        let key = format!("directory.masked[{at}]");
        if roles.contains(&Some(column)) {
            faults
                .add_fault(&key, "can't be `id`, `email`, `name` or `created_at`: they say who the user is");
        } else if !part.columns.contains(column) {
            let close = find_closest_names(column, part.columns.iter().map(String::as_str));
            let meant = close.map(|close| format!("; did you mean `{close}`?")).unwrap_or_default();
            faults.add_fault(&key, format!("has to be one of `columns`{meant}"));
        } else if part.search.iter().flatten().any(|searched| searched == column) {
            faults.add_fault(
                &key,
                format!(
                    "is also in `search`, which finds parts of values; remove it from there: `{column}:=…` finds whole \
                     ones"
                ),
            );
        } else if let Some(other) = part
            .column_names()
            .find(|other| part.masked.iter().all(|masked| masked != other) && shows_part_of(other, column))
        {
            faults.add_fault(&key, format!("holds what `{other}` shows, or is part of it; mask that, too"));
        }
    }
}

/// One is the other, or holds it: `profile`, `profile->>phone` and `profile ->> 'phone'`.
fn shows_part_of(one: &str, other: &str) -> bool {
    let (one, other) = (json_path::to_dotted_name(one), json_path::to_dotted_name(other));
    let holds = |whole: &str, part: &str| part.strip_prefix(whole).is_some_and(|rest| rest.starts_with('.'));
    one == other || holds(&one, &other) || holds(&other, &one)
}

/// How many related tables a connection may name: each of them is looked into while someone types.
const RELATED: usize = 10;
/// How many identifying columns one of them may have.
const IDENTIFYING: usize = 8;

fn check_related_tables(part: &DirectoryConfig, faults: &mut KeyFaults) {
    if part.related.len() > RELATED {
        faults.add_fault("directory.related", format!("has more than {RELATED} tables"));
    }
    let mapped: Vec<&str> =
        [Some(&part.id), part.email.as_ref(), part.name.as_ref(), part.created_at.as_ref()]
            .into_iter()
            .flatten()
            .chain(&part.columns)
            .map(String::as_str)
            .collect();
    for (at, related) in part.related.iter().enumerate() {
        let key = |name: &str| format!("directory.related[{at}].{name}");
        let texts =
            [("label", Some(&related.label)), ("table", Some(&related.table)), ("user", Some(&related.user))];
        let optional =
            [("id", &related.id), ("created_at", &related.created_at), ("leads_to", &related.leads_to)];
        let optional = optional.map(|(name, value)| (name, value.as_ref()));
        for (name, value) in texts.into_iter().chain(optional) {
            if value.is_some_and(|value| value.trim().is_empty()) {
                faults.add_fault(&key(name), "cannot be empty");
            }
        }
        for (name, list) in [("identify", &related.identify), ("describe", &related.describe)] {
            for (place, _) in list.iter().enumerate().filter(|(_, column)| column.trim().is_empty()) {
                faults.add_fault(&format!("{}[{place}]", key(name)), "cannot be empty");
            }
        }
        if related.identify.is_empty() && related.describe.is_empty() {
            faults.add_fault(
                &format!("directory.related[{at}]"),
                "names no columns: `identify` has those to find a user by, `describe` those to show",
            );
        }
        if related.identify.len() > IDENTIFYING {
            faults.add_fault(&key("identify"), format!("has more than {IDENTIFYING} columns"));
        }
        if part.related[..at].iter().any(|other| other.label.trim() == related.label.trim()) {
            faults.add_fault(&key("label"), "is the label of another related table");
        }
        if related.through.is_some() && related.split_through().is_none() {
            faults.add_fault(
                &key("through"),
                "has to be the table between the records and the users, and its column that refers to a record: \
                 `memberships.company_id`",
            );
        }
        if related.leads_to.as_ref().is_some_and(|column| part.masked.contains(column)) {
            faults.add_fault(&key("leads_to"), "can't be a masked column: the records would show its values");
        }
        if let Some(column) = related.leads_to.as_deref().filter(|column| !mapped.contains(column)) {
            let close = find_closest_names(column, mapped.iter().copied());
            let meant = close.map(|close| format!("; did you mean `{close}`?")).unwrap_or_default();
            faults.add_fault(
                &key("leads_to"),
                format!("has to be a column of the users that [directory] names{meant}"),
            );
        }
    }
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
        crate::connection::DATABASE_PASSWORD
    )
}

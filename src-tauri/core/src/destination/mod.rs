//! Where a stored secret may go: who receives it, and how.
//!
//! A destination is kept in the keyring beside its secret, where no connection file can change it, and is compared at
//! each use. This module says what a destination consists of and when two are equal; `secrets` and `vault` do the
//! comparing.

use std::collections::BTreeSet;
use std::path::Path;

use aws_lc_rs::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::connection::{
    Connection, DATABASE_PASSWORD, DirectoryConfig, FOREST_SECRET, GATEWAY_PASSWORD, Recipe, Request,
};
use crate::directory::{Engine, is_srv_url};
use crate::error::SecretName;
use crate::secrets::WAY_IN;
use understudy_files::regular_file;

/// The longest stored form of a destination in bytes: a Windows keyring takes 2,560.
const LONGEST: usize = 2000;

/// Options of a database URL that say how strictly its certificate is checked.
const TLS_OPTIONS: &[&str] = &["sslmode", "ssl-mode", "tls", "ssl"];
/// Options that name a file of trusted certificates.
const AUTHORITY_OPTIONS: &[&str] =
    &["sslrootcert", "ssl-root-cert", "ssl-ca", "sslca", "tlscafile", "sslcertificateauthorityfile"];
/// Options that affect neither who gets the password nor how.
const HARMLESS_OPTIONS: &[&str] = &[
    "application_name",
    "appname",
    "charset",
    "collation",
    "timezone",
    "time-zone",
    "statement-cache-capacity",
    "readpreference",
    "maxstalenessseconds",
    "target_session_attrs",
];

/// What one secret is for. Equal when the secret goes to the same places, in the same way.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Destination {
    /// The SHA-256 of all facts, in hexadecimal; long facts themselves are kept shortened.
    pub print: String,
    /// The facts for display, in reading order.
    pub facts: Vec<DestinationFact>,
}

/// One fact about a destination.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct DestinationFact {
    pub aspect: Aspect,
    pub value: String,
}

/// What a fact is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum Aspect {
    /// A program that prints the password, with its arguments.
    Program,
    /// The kind of database.
    Engine,
    /// A database server, with its port.
    Server,
    /// The database user.
    User,
    /// How the database server proves its identity.
    Tls,
    /// Any other option in the database's URL.
    Option,
    /// The computer through which the database is reached.
    Ssh,
    /// The scheme, host and port of sign-in requests.
    Origin,
    /// The proxy for those requests.
    Proxy,
    /// Certificates that are trusted besides the system's, by their fingerprint.
    Authority,
    /// A place in a request where the secret is inserted.
    Use,
}

impl Aspect {
    /// The label that the command line prints.
    pub fn as_label(self) -> &'static str {
        match self {
            Self::Program => "Program",
            Self::Engine => "Database",
            Self::Server => "Server",
            Self::User => "User",
            Self::Tls => "TLS",
            Self::Option => "Option",
            Self::Ssh => "Through SSH",
            Self::Origin => "Site",
            Self::Proxy => "Proxy",
            Self::Authority => "Trusted authority",
            Self::Use => "Sent in",
        }
    }
}

impl PartialEq for Destination {
    fn eq(&self, other: &Self) -> bool {
        self.print == other.print
    }
}

impl Eq for Destination {}

/// Secrets of a connection that would go to another place than the one they were stored for. Under the name [`WAY_IN`]:
/// what the connection would run without consent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Moved {
    /// The connection's ID.
    pub connection: String,
    pub secrets: Vec<MovedSecret>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct MovedSecret {
    pub name: String,
    /// `None`: it was stored by another program, or by a version that did not record destinations.
    pub stored_for: Option<Destination>,
    pub now: Destination,
}

impl Destination {
    /// The destination of the secret `name` in `connection`.
    pub fn of_secret(connection: &Connection, name: &str) -> Self {
        if name == DATABASE_PASSWORD {
            Self::of_password(&connection.file.directory)
        } else {
            Self::of_template_secret(connection, name)
        }
    }

    /// The destination of a directory's password: which servers, as which user, and the way there. Another database or
    /// table on the same servers is the same destination.
    pub fn of_password(directory: &DirectoryConfig) -> Self {
        let url = directory.url.trim();
        let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        // Only the path is left out. Everything else is compared literally, so the comparison need not agree with a
        // driver about what a URL means.
        let (user, servers) = rest[..end].rsplit_once('@').unwrap_or(("", &rest[..end]));
        let options = rest[end..].find(['?', '#']).map_or("", |at| &rest[end + at + 1..]);
        let engine = Engine::of_scheme(scheme);
        // Records of the DNS tell the ports, too.
        let port = engine.filter(|_| !is_srv_url(url)).and_then(Engine::default_port);
        let port = port.map(|port| format!(":{port}")).unwrap_or_default();
        let name = match engine {
            Some(Engine::MongoDb) if is_srv_url(url) => "MongoDB, by its DNS name",
            Some(engine) if engine != Engine::Sqlite => engine.name(),
            _ => scheme,
        };
        let mut facts = vec![DestinationFact::new(Aspect::Engine, name)];
        for server in servers.split(',') {
            let has_port = server.rsplit_once(']').map_or(server, |(_, behind)| behind).contains(':');
            let port = if has_port || server.is_empty() { "" } else { port.as_str() };
            facts.push(DestinationFact::new(Aspect::Server, format!("{}{port}", server.to_lowercase())));
        }
        facts.push(DestinationFact::new(Aspect::User, user));
        let mut tls = None;
        let mut others = Vec::new();
        for option in options.split('&').filter(|option| !option.is_empty()) {
            let (written, value) = option.split_once('=').unwrap_or((option, ""));
            let key = written.to_lowercase();
            if TLS_OPTIONS.contains(&key.as_str()) {
                // If an option is given twice, drivers take the last one; the destination lists both.
                tls = Some(tls.map_or_else(|| option.to_owned(), |before| format!("{before}&{option}")));
            } else if AUTHORITY_OPTIONS.contains(&key.as_str()) {
                // Decoded as the drivers do; MongoDB's does not read a plus as a space.
                let value =
                    if engine == Some(Engine::MongoDb) { value.to_owned() } else { value.replace('+', " ") };
                let path = percent_encoding::percent_decode_str(&value).decode_utf8_lossy();
                // Keeps the key's spelling, because not every driver accepts each one.
                let found = format!("{written} {}", identify_authority(Path::new(path.as_ref())));
                others.push(DestinationFact::new(Aspect::Authority, found));
            } else if !HARMLESS_OPTIONS.contains(&key.as_str()) {
                others.push(DestinationFact::new(Aspect::Option, option));
            }
        }
        facts.push(DestinationFact::new(Aspect::Tls, tls.unwrap_or_else(|| "default".to_owned())));
        facts.extend(others);
        if let Some(ssh) = &directory.ssh {
            let user = ssh.user.as_ref().map(|user| format!("{user}@")).unwrap_or_default();
            let port = ssh.port.map(|port| format!(":{port}")).unwrap_or_default();
            let key = ssh.host_key.as_ref().map(|key| format!(", {key}")).unwrap_or_default();
            facts.push(DestinationFact::new(Aspect::Ssh, format!("{user}{}{port}{key}", ssh.host)));
        }
        Self::new(facts)
    }

    /// What runs on this computer to reach a directory, and where it leads: a command prints the password for that
    /// server, and ssh logs in as the operator. `None` if nothing runs.
    pub fn of_way_in(directory: &DirectoryConfig) -> Option<Self> {
        if directory.password_command.is_none() && directory.ssh.is_none() {
            return None;
        }
        // Quoted, so that the words of one command cannot pass for those of another.
        let words = directory.password_command.iter().map(|words| {
            let words: Vec<String> = words.iter().map(|word| format!("{word:?}")).collect();
            DestinationFact::new(Aspect::Program, words.join(" "))
        });
        Some(Self::new(words.chain(Self::of_password(directory).facts).collect()))
    }

    /// The destination of a secret in the file's templates: the origins that requests go to, and where in them the
    /// secret is. A secret that is only for what is sent after a session goes nowhere else.
    fn of_template_secret(connection: &Connection, name: &str) -> Self {
        let after: Vec<&Request> = connection
            .ticket_requests()
            .chain(&connection.notify)
            .filter(|request| request.secret_names().contains(name))
            .collect();
        let is_of_sign_in = connection.sign_in_secret_names().iter().any(|known| known == name);
        let (mut origins, mut uses) = if is_of_sign_in || after.is_empty() {
            list_sign_in_uses(connection, name)
        } else {
            Default::default()
        };
        for request in after {
            origins.extend(request.url.origin().map(url::Origin::ascii_serialization));
            uses.extend(uses_in(request, name));
        }
        let mut facts = DestinationFact::from_values(Aspect::Origin, origins);
        if let Some(proxy) = &connection.network.proxy {
            facts.push(DestinationFact::new(Aspect::Proxy, proxy.as_str().trim_end_matches('/')));
        }
        if let Some(path) = &connection.network.ca {
            let found = match &connection.network.authority {
                Some(read) => sha256_fingerprint(read),
                None => identify_authority(path),
            };
            facts.push(DestinationFact::new(Aspect::Authority, found));
        }
        facts.extend(DestinationFact::from_values(Aspect::Use, uses));
        Self::new(facts)
    }

    /// The destination of a secret for one of the team's systems: where it is, and what the secret does there.
    pub(crate) fn of_feed(origin: &str, uses: Vec<String>) -> Self {
        let mut facts = vec![DestinationFact::new(Aspect::Origin, origin)];
        facts.extend(DestinationFact::from_values(Aspect::Use, uses.into_iter().collect()));
        Self::new(facts)
    }

    fn new(facts: Vec<DestinationFact>) -> Self {
        let all = serde_json::to_vec(&facts).expect("texts are JSON");
        Self { print: encode_hex(digest(&SHA256, &all).as_ref()), facts }
    }

    /// A hash of all facts; equal only for equal destinations.
    pub(crate) fn fingerprint(&self) -> &str {
        &self.print
    }

    /// The stored form, short enough for every keyring.
    pub(crate) fn to_kept(&self) -> String {
        let json = |facts: Vec<DestinationFact>| {
            serde_json::to_string(&Self { print: self.print.clone(), facts }).expect("texts are JSON")
        };
        for (chars, facts) in [(usize::MAX, usize::MAX), (160, 12), (60, 12)] {
            let cut = self.facts.iter().take(facts).map(|fact| fact.truncate_value(chars)).collect();
            let kept = json(cut);
            if kept.len() <= LONGEST {
                return kept;
            }
        }
        json(Vec::new())
    }

    /// `None` if another program wrote the text; then the secret's destination is unknown.
    pub(crate) fn from_kept(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }
}

impl DestinationFact {
    fn new(aspect: Aspect, value: impl Into<String>) -> Self {
        Self { aspect, value: value.into() }
    }

    fn from_values(aspect: Aspect, values: BTreeSet<String>) -> Vec<Self> {
        values.into_iter().map(|value| Self::new(aspect, value)).collect()
    }

    fn truncate_value(&self, chars: usize) -> Self {
        let mut value: String = self.value.chars().take(chars).collect();
        if value.len() < self.value.len() {
            value.push('…');
        }
        Self { aspect: self.aspect, value }
    }
}

impl Moved {
    /// Whether this is about programs or logins that reach a directory, not about a secret.
    pub fn is_way_in(&self) -> bool {
        self.secrets.iter().all(|secret| secret.name == WAY_IN)
    }

    /// The names of the secrets, for a sentence.
    pub fn secret_names(&self) -> String {
        self.secrets.iter().map(|secret| format!("`{}`", secret.name)).collect::<Vec<_>>().join(", ")
    }

    /// Each secret with its full name.
    pub fn iter_secrets(&self) -> impl Iterator<Item = (SecretName, &MovedSecret)> {
        let name = |secret: &MovedSecret| SecretName {
            connection: self.connection.clone(),
            name: secret.name.clone(),
        };
        self.secrets.iter().map(move |secret| (name(secret), secret))
    }
}

/// The origins that the requests of a sign-in go to, and where in them the secret is. All origins count, because what one
/// returns for the secret may be sent to the next.
fn list_sign_in_uses(connection: &Connection, name: &str) -> (BTreeSet<String>, BTreeSet<String>) {
    let (sign_in, sign_out) = (&connection.sign_in, &connection.sign_out);
    let mut origins = BTreeSet::from([sign_in.origin.ascii_serialization()]);
    let mut uses = BTreeSet::new();
    let own = match &sign_in.recipe {
        Recipe::Webhook(request) => Some(request),
        Recipe::Storage { request, .. } => request.as_ref(),
        Recipe::Exchange { .. } => None,
        Recipe::Link { origins: opened, .. } => {
            origins.extend(opened.iter().map(url::Origin::ascii_serialization));
            None
        }
        Recipe::Forest(forest) => {
            origins.extend(forest.url.origin().map(url::Origin::ascii_serialization));
            let place = |what: &str| format!("POST {} {what}", forest.url.source());
            if name == FOREST_SECRET {
                uses.insert(place("signs its token"));
            }
            for (field, value) in &forest.values {
                let found = value.places_of_secret(name);
                uses.extend(found.into_iter().map(|(at, text)| place(&format!("{field}{at}: {text}"))));
            }
            None
        }
    };
    let steps = sign_in.steps.iter().chain(&sign_out.steps).map(|step| &step.request);
    for request in own.into_iter().chain(steps).chain(&sign_out.request) {
        origins.extend(request.url.origin().map(url::Origin::ascii_serialization));
        uses.extend(uses_in(request, name));
    }
    if let Some(user) = connection.network.gateway_user.as_ref().filter(|_| name == GATEWAY_PASSWORD) {
        uses.insert(format!("HTTP Basic as {user}"));
    }
    for login in connection.network.credentials.iter().filter(|login| login.secret_names().contains(name)) {
        let origin = login.origin.ascii_serialization();
        uses.insert(format!("user name and password ({}) for {origin}", login.user.source()));
        origins.insert(origin);
    }
    if let Some(verify) = sign_in.verify.as_ref().filter(|verify| verify.by_console) {
        origins.extend(verify.url.origin().map(url::Origin::ascii_serialization));
    }
    (origins, uses)
}

/// The places in a request that hold the secret, each with its template.
fn uses_in(request: &Request, name: &str) -> Vec<String> {
    let to = format!("{} {}", request.method.as_str(), request.url.source());
    let headers = request.headers.iter().filter(|(_, value)| value.secret_names().contains(name));
    let in_headers = headers.map(|(header, value)| format!("{to} {header}: {}", value.source()));
    let body = request.body.iter().flat_map(|body| body.places_of_secret(name));
    in_headers.chain(body.map(|(at, text)| format!("{to} body{at}: {text}"))).collect()
}

/// Identifies a file of certificates by its content: a changed file with the same name is another authority.
fn identify_authority(path: &Path) -> String {
    // Reading from a share would make Windows log in to that computer, and the operator has not agreed to that yet.
    let text = path.to_string_lossy();
    if text.starts_with("\\\\") || text.starts_with("//") {
        return format!("{}, on a share", path.display());
    }
    match regular_file::read_bytes(path, regular_file::OF_CERTIFICATES) {
        Ok(bytes) => sha256_fingerprint(&bytes),
        Err(_) => format!("{}, which cannot be read", path.display()),
    }
}

fn sha256_fingerprint(bytes: &[u8]) -> String {
    format!("SHA-256 {}", &encode_hex(digest(&SHA256, bytes).as_ref())[..40])
}

pub(crate) fn encode_hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests;

//! The configuration of a directory: the server, the table and its columns. It is `[directory]` in a connection file.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::engine::Engine;

/// An example of an SQLite URL on this system.
pub const SQLITE_URL: &str =
    if cfg!(windows) { "sqlite:///C:/path/to/file.sqlite" } else { "sqlite:///path/to/file.sqlite" };

/// `[directory]`: the database that lists the users.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(deny_unknown_fields)]
#[ts(export)]
pub struct DirectoryConfig {
    /// `postgres://user@host:port/database`, `mysql://user@host:port/database`, `mongodb://user@host:port/database` or
    /// `sqlite:///path/to/file.sqlite` (on Windows `sqlite:///C:/path/to/file.sqlite`), without a password. Several
    /// hosts, separated by commas, are one server and its replicas.
    pub url: String,
    /// The table or view, with its schema if needed: `public.users`. For MongoDB, the collection.
    pub table: String,
    /// The column that identifies a user: a number, a UUID, text or bytes.
    pub id: String,
    /// The column with the user's email address.
    #[serde(default)]
    pub email: Option<String>,
    /// The column with the user's full name.
    #[serde(default)]
    pub name: Option<String>,
    /// The column with the time when the user was created. The newest users are listed first.
    #[serde(default)]
    pub created_at: Option<String>,
    /// More columns to show.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<String>,
    /// The columns to search besides the ID. Default: email and name.
    #[serde(default)]
    pub search: Option<Vec<String>>,
    /// The order in which a column of bytes keeps a UUID. Default: `standard`.
    #[serde(default)]
    pub uuid_bytes: Option<UuidBytes>,
    /// How long one query may take, in milliseconds (100 to 60000). Default: 3000.
    #[schemars(range(min = 100, max = 60_000))]
    #[serde(default = "default_timeout_ms", skip_serializing_if = "is_default_timeout_ms")]
    pub timeout_ms: u32,
    /// How long a database that sleeps when idle may take to start, in seconds (5 to 300). Default: 30.
    #[schemars(range(min = 5, max = 300))]
    #[serde(default = "default_patience", skip_serializing_if = "is_default_patience")]
    pub patience: u32,
    /// A program and its arguments that print the password, for tokens that expire. It runs without a shell whenever a
    /// password is needed, and replaces a stored password.
    #[serde(default)]
    pub password_command: Option<Vec<String>>,
    /// `[directory.ssh]`: the computer through which the database is reached.
    #[serde(default)]
    pub ssh: Option<SshConfig>,
}

/// The order in which a column of bytes keeps a UUID.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(rename_all = "kebab-case")]
#[ts(export)]
pub enum UuidBytes {
    /// The bytes in the order in which the UUID is written.
    #[default]
    Standard,
    /// MySQL's `UUID_TO_BIN(…, 1)`: the low and high parts of the time are swapped.
    TimeFirst,
    /// .NET's `Guid`, and old UUIDs of MongoDB's C# driver: the first three groups are little-endian.
    LittleEndian,
    /// Old UUIDs of MongoDB's Java driver: both halves are little-endian.
    Java,
}

/// `[directory.ssh]`: the computer through which the database is reached, using the system's own `ssh`.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(deny_unknown_fields)]
#[ts(export)]
pub struct SshConfig {
    /// The computer's name or address, or a `Host` in `~/.ssh/config`.
    pub host: String,
    /// The user name on that computer. Default: the one in `~/.ssh/config`, or your account's name.
    #[serde(default)]
    pub user: Option<String>,
    /// The SSH port. Default: the one in `~/.ssh/config`, or 22.
    #[schemars(range(min = 1, max = 65_535))]
    #[serde(default)]
    pub port: Option<u16>,
    /// The private key's path, absolute or starting with `~/`. Default: the keys in the agent and in `~/.ssh/config`. A
    /// key with a passphrase must be in the agent.
    #[serde(default)]
    pub key: Option<String>,
    /// The computer's own public key: `ssh-ed25519 AAAA…`. Without it, the computer must be in `known_hosts`.
    #[serde(default)]
    pub host_key: Option<String>,
}

impl DirectoryConfig {
    /// The table `users` with its `id`, at this URL, and the defaults.
    #[cfg(test)]
    pub(crate) fn for_tests(url: &str) -> Self {
        Self {
            url: url.into(),
            table: "users".into(),
            id: "id".into(),
            email: None,
            name: None,
            created_at: None,
            columns: Vec::new(),
            search: None,
            uuid_bytes: None,
            timeout_ms: default_timeout_ms(),
            patience: default_patience(),
            password_command: None,
            ssh: None,
        }
    }

    pub(crate) fn patience(&self) -> std::time::Duration {
        std::time::Duration::from_secs(self.patience.into())
    }

    /// Every column that the configuration names, possibly more than once.
    pub fn column_names(&self) -> impl Iterator<Item = &str> {
        let roles = [&self.name, &self.email, &self.created_at].into_iter().flatten();
        let named = std::iter::once(&self.id).chain(roles).chain(&self.columns);
        named.chain(self.search.iter().flatten()).map(String::as_str)
    }

    /// Whether a stored password may be needed: a file has none, and a command prints its own.
    pub fn may_need_password(&self) -> bool {
        Engine::of_url(&self.url) != Some(Engine::Sqlite) && self.password_command.is_none()
    }

    /// Converts the URL's scheme to lower case, which means the same (RFC 3986, 3.1).
    #[must_use]
    pub fn with_plain_scheme(mut self) -> Self {
        if let Some(end) = self.url.find(':').filter(|_| Engine::of_url(&self.url).is_some()) {
            self.url[..end].make_ascii_lowercase();
        }
        self
    }
}

/// Databases that pause when idle take 5 to 20 seconds to resume.
pub fn default_patience() -> u32 {
    30
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde wants it so")]
fn is_default_patience(seconds: &u32) -> bool {
    *seconds == default_patience()
}

pub fn default_timeout_ms() -> u32 {
    3000
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde's skip_serializing_if passes a reference")]
fn is_default_timeout_ms(ms: &u32) -> bool {
    *ms == default_timeout_ms()
}

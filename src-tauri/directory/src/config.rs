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
    /// Those of the `columns` whose values are hidden until the agent reveals one, which the audit log records. Only a
    /// whole value finds users by them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub masked: Vec<String>,
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
    /// The page about a user in the team's own tool; a template: `https://crm.acme.com/people/{{ user.id }}`.
    #[serde(default)]
    pub page: Option<String>,
    /// `[[directory.related]]`: tables whose rows belong to users, such as orders.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub related: Vec<RelatedTable>,
    /// Set if this describes a related table instead of the users.
    #[serde(skip)]
    #[schemars(skip)]
    #[ts(skip)]
    pub origin: Option<RelatedOrigin>,
}

/// `[[directory.related]]`: a table in the same database whose rows belong to users: orders, invoices, devices.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(deny_unknown_fields)]
#[ts(export)]
pub struct RelatedTable {
    /// What one row is called: `Order`.
    pub label: String,
    /// The table or view, with its schema if needed. For MongoDB, the collection.
    pub table: String,
    /// The column that leads to a user.
    pub user: String,
    /// For several users per row and several rows per user: the table between the two and its column that refers to
    /// `id`, such as `memberships.company_id`. `user` is then a column of it.
    #[serde(default)]
    pub through: Option<String>,
    /// The column of the users that `user` refers to. Default: the users' `id`.
    #[serde(default)]
    pub leads_to: Option<String>,
    /// The column that identifies a row. Default: `id`, for MongoDB `_id`.
    #[serde(default)]
    pub id: Option<String>,
    /// The column with the time when the row was created. The newest rows are listed first.
    #[serde(default)]
    pub created_at: Option<String>,
    /// The columns whose values lead to the user when they are typed in the search field: an order number, an IBAN.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub identify: Vec<String>,
    /// More columns to show in the user's details.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub describe: Vec<String>,
    /// The page about a row in the team's own tool; a template: `https://shop.acme.com/orders/{{ record.id }}`.
    #[serde(default)]
    pub url: Option<String>,
}

/// The place of a related table in the connection file, for errors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelatedOrigin {
    /// `directory.related[0]`
    pub key: String,
    /// The keys of the columns in [`DirectoryConfig::columns`]. The first one leads to a user.
    pub column_keys: Vec<String>,
    /// It is the table between records and users: `through` names what other tables name by `table` and `id`.
    pub is_between: bool,
}

impl RelatedTable {
    /// The table between the records and the users, and its column that refers to a record.
    pub fn split_through(&self) -> Option<(&str, &str)> {
        let (table, column) = self.through.as_deref()?.trim().rsplit_once('.')?;
        (!table.is_empty() && !column.is_empty()).then_some((table, column))
    }
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
    /// A table with an `id`, at this URL, and the defaults.
    pub fn of_table(url: &str, table: &str) -> Self {
        Self {
            url: url.into(),
            table: table.into(),
            id: "id".into(),
            email: None,
            name: None,
            created_at: None,
            columns: Vec::new(),
            masked: Vec::new(),
            search: None,
            uuid_bytes: None,
            timeout_ms: default_timeout_ms(),
            patience: default_patience(),
            password_command: None,
            ssh: None,
            page: None,
            related: Vec::new(),
            origin: None,
        }
    }

    /// The configuration that opens a related table like a table of users. The column that leads to a user comes first
    /// in its `columns`.
    pub(crate) fn of_related_table(&self, at: usize) -> Self {
        let related = &self.related[at];
        let named = |key: &'static str, names: &[String]| {
            let named = names.iter().cloned().enumerate();
            named.map(move |(at, name)| (format!("{key}[{at}]"), name)).collect::<Vec<_>>()
        };
        let is_mongo = Engine::of_url(&self.url) == Some(Engine::MongoDb);
        let id = related.id.clone().unwrap_or_else(|| if is_mongo { "_id" } else { "id" }.to_owned());
        // Through another table, it is the record's own ID that leads to users.
        let leads_by = match &related.through {
            Some(_) => ("id".to_owned(), id.clone()),
            None => ("user".to_owned(), related.user.clone()),
        };
        let columns =
            [vec![leads_by], named("identify", &related.identify), named("describe", &related.describe)];
        let (column_keys, columns) = columns.into_iter().flatten().unzip();
        Self {
            table: related.table.clone(),
            id,
            email: None,
            name: None,
            created_at: related.created_at.clone(),
            columns,
            masked: Vec::new(),
            search: Some(related.identify.clone()),
            page: None,
            related: Vec::new(),
            origin: Some(RelatedOrigin {
                key: format!("directory.related[{at}]"),
                column_keys,
                is_between: false,
            }),
            ..self.clone()
        }
    }

    /// The configuration that opens the table between a related table and the users: its rows are identified by one of
    /// these columns and listed by the other one.
    pub(crate) fn of_table_between(&self, at: usize, table: &str, id: &str, listed_by: &str) -> Self {
        Self {
            table: table.to_owned(),
            id: id.to_owned(),
            created_at: None,
            columns: vec![listed_by.to_owned()],
            search: Some(Vec::new()),
            origin: Some(RelatedOrigin {
                key: format!("directory.related[{at}]"),
                column_keys: vec![
                    if listed_by == self.related[at].user { "user" } else { "through" }.to_owned(),
                ],
                is_between: true,
            }),
            ..self.of_related_table(at)
        }
    }

    /// A key as errors name it: `directory.table`.
    pub(crate) fn key_of(&self, key: &str) -> String {
        match &self.origin {
            None => format!("directory.{key}"),
            Some(RelatedOrigin { key: place, is_between: true, .. }) if ["table", "id"].contains(&key) => {
                format!("{place}.through")
            }
            Some(origin) => format!("{}.{key}", origin.key),
        }
    }

    /// The key of a column in `columns`, or, if `searched`, in `search`.
    pub(crate) fn column_key(&self, at: usize, searched: bool) -> String {
        match (&self.origin, searched) {
            (Some(origin), false) => self.key_of(&origin.column_keys[at]),
            (Some(_), true) => self.key_of(&format!("identify[{at}]")),
            (None, false) => self.key_of(&format!("columns[{at}]")),
            (None, true) => self.key_of(&format!("search[{at}]")),
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
fn default_patience() -> u32 {
    30
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde wants it so")]
fn is_default_patience(seconds: &u32) -> bool {
    *seconds == default_patience()
}

fn default_timeout_ms() -> u32 {
    3000
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde's skip_serializing_if passes a reference")]
fn is_default_timeout_ms(ms: &u32) -> bool {
    *ms == default_timeout_ms()
}

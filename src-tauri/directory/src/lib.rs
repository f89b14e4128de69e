//! Users: where they are read from, and how they are asked for.
//!
//! One trait, one small file per engine. A directory is read only, always.

mod alike;
mod answering;
mod asked;
mod borrowing;
mod bytes;
mod catalogue;
mod caution;
mod config;
mod cursor;
mod error;
mod exact;
mod filters;
mod hosts;
mod joined;
pub mod json_path;
mod label;
mod link;
mod mapping;
mod mongodb;
mod mysql;
mod opened;
mod paging;
mod password_command;
mod plan;
mod postgres;
mod reopening;
mod services;
mod sql;
mod sqlite;
pub mod suggest;
mod survey;
mod time;
mod tls;
mod tunnel;
mod tunnel_folder;
mod typo;
mod unanswered;
mod user_context;
pub mod uuids;
mod values;
mod waking;
mod wider;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;
use ts_rs::TS;

pub use self::asked::{
    Chip, Fault, Reading, Suggestion, UnknownColumn, complete, completed_column, filter_by, reading,
};
pub use self::caution::Caution;
pub use self::config::{DirectoryConfig, SshConfig, UuidBytes, default_patience, default_timeout_ms};
pub use self::error::{DirectoryCode, DirectoryError, Result};
pub use self::hosts::{Hosts, Wanted};
pub use self::opened::OpenDirectory;
use self::reopening::Reopening;
pub use self::sql::not_identified;
pub use self::survey::{ColumnOffer, Guess, Sign, Survey, TableKind, TableOffer, holds_secret, survey};
pub use self::tunnel_folder::sweep as sweep_tunnel_folders;
pub use self::waking::{TellWaking, telling};
pub use self::wider::{Widening, Wider, wider};

/// What a mapped column is to Understudy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum Role {
    Id,
    Email,
    Name,
    CreatedAt,
    Other,
}

/// What a column's values are, as far as showing and comparing them goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum FieldKind {
    /// Whole numbers of up to 64 bits; JSON numbers in templates.
    Integer,
    /// Any other number; a JSON number in templates when it is finite.
    Number,
    Boolean,
    /// A point in time or a date; shown in the reader's time zone.
    Time,
    Uuid,
    /// JSON text; shown as it is.
    Json,
    /// Everything else, cast to text by the database.
    Text,
}

/// A mapped column, in the order of a row's cells: id, name, e-mail, the others, `created_at`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Column {
    /// Its name in the database, and in `{{ user.<name> }}` for [`Role::Other`].
    pub name: String,
    /// A name for people: `last_login_at` becomes "Last login at".
    pub label: String,
    pub role: Role,
    pub kind: FieldKind,
    /// The directory can order by it without reading the whole table first; by others after asking
    /// ([`Query::everywhere`]).
    pub sortable: bool,
    /// Says by its name for which company a user is there: it tells two users of one name apart. One column at most.
    pub company: bool,
}

/// One user: the id as text (exact, whatever its type) and a cell per [`Column`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Row {
    pub id: String,
    /// In the order of [`Info::columns`]; `None` is NULL. Times are RFC 3339 when the database knows
    /// them as times, booleans `true`/`false`. Texts of more than 2,000 characters are cut, with an
    /// ellipsis behind them.
    pub cells: Vec<Option<String>>,
}

/// Order by one column; ties are broken by id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Sort {
    pub column: String,
    pub descending: bool,
}

/// Where a page begins.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum Place {
    #[default]
    Start,
    /// The list's last page.
    End,
    /// Behind [`Page::next`] of another page.
    After(String),
    /// Before [`Page::previous`] of another page.
    Before(String),
}

/// A question to the directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Query {
    /// What stands in the search field; empty asks for the newest.
    pub text: String,
    /// `None`: best match first, newest first within a tier.
    pub sort: Option<Sort>,
    pub place: Place,
    /// Rows at the most, 1 to 500.
    pub limit: u16,
    /// Also what no index serves, as long as the connection's time limit allows.
    pub everywhere: bool,
}

impl Query {
    /// The first rows for `text`, best match first.
    pub fn first(text: impl Into<String>, limit: u16) -> Self {
        Self { text: text.into(), sort: None, place: Place::Start, limit, everywhere: false }
    }
}

/// How a page's first row was found; tiers are answered in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum Tier {
    /// The query is empty: all users.
    All,
    Id,
    Email,
    Prefix,
    Contains,
    /// Every word somewhere, in any order.
    Words,
    /// The same words, or the same telephone number, in another spelling.
    Alike,
}

impl Tier {
    /// For people, as in "no index serves … by prefix".
    pub fn words(self) -> &'static str {
        match self {
            Self::All => "newest first",
            Self::Id => "by ID",
            Self::Email => "by exact email",
            Self::Prefix => "by prefix",
            Self::Contains => "by part of a word",
            Self::Words => "by several words",
            Self::Alike => "in another spelling",
        }
    }
}

/// How a page was answered, for the status line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct How {
    /// The tier that gave the page's first row (the last one asked, when there is none).
    pub tier: Tier,
    /// The column in whose order that tier's rows come; `None`: newest first.
    pub by: Option<String>,
    /// Milliseconds from question to decoded rows.
    pub elapsed_ms: f64,
}

/// What was not searched, because no index serves it and reading would be a burden.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct LeftOut {
    /// About how many rows would have to be read; `None`: not known.
    #[ts(type = "number | null")]
    pub rows: Option<u64>,
    /// How long that may take at the most, in milliseconds.
    pub limit_ms: u32,
    /// So many of the newest rows were looked at nonetheless.
    pub looked_at: Option<u32>,
    /// The same search with whole values in the place of parts, where an index serves it like that.
    pub exact: Option<String>,
    /// All that was typed was searched; only other spellings of it, with accents or without, were not.
    pub spellings: bool,
}

/// Some rows, and where the next ones begin.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Page {
    pub rows: Vec<Row>,
    /// Opaque; `None` when there is nothing before.
    pub previous: Option<String>,
    /// Opaque; `None` when there is nothing more.
    pub next: Option<String>,
    pub how: How,
    /// `None`: everything was searched. Else the same question with [`Query::everywhere`] searches it.
    pub left_out: Option<LeftOut>,
    /// An id that several rows have, so that it identifies none of them: a list may miss some, and none can
    /// be impersonated.
    pub doubled: Option<String>,
}

/// How many users a question finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Count {
    #[ts(type = "number")]
    pub users: u64,
    /// There are more; counting stopped here.
    pub capped: bool,
}

impl Count {
    fn of(users: u64, cap: Option<u64>) -> Self {
        match cap {
            Some(cap) if users > cap => Self { users: cap, capped: true },
            _ => Self { users, capped: false },
        }
    }
}

/// What serves one tier of the search in one column, or what would.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Service {
    pub tier: Tier,
    /// The column's name; all searched ones, joined by a comma, where they are answered together.
    pub column: String,
    /// The index; `None`: there is none, and the whole table would have to be read.
    pub index: Option<String>,
    /// What the index cannot do, for people: "only as typed or in lower case".
    pub note: Option<String>,
    /// The statement that lets an index serve it (fully).
    pub advice: Option<String>,
}

/// What was found when the directory was opened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Info {
    /// For people: `PostgreSQL 15.18`, `SQLite 3.50.1`.
    pub server: String,
    pub columns: Vec<Column>,
    /// The database's own estimate of how many users there are; `None` when it has none.
    #[ts(type = "number | null")]
    pub estimated_total: Option<u64>,
    /// `true` when `estimated_total` was counted rather than estimated.
    pub total_is_exact: bool,
    /// The search plan: what serves each tier.
    pub services: Vec<Service>,
    /// The statements that make a role that can read the mapped columns and nothing else; empty where the
    /// engine knows no roles.
    pub reader: Vec<String>,
    /// What is not as one would expect.
    pub cautions: Vec<Caution>,
}

impl Info {
    /// What no index serves is read at each keystroke all the same; in a larger table it waits for
    /// [`Query::everywhere`].
    pub fn is_small(&self, part: &DirectoryConfig) -> bool {
        plan::Size { rows: self.estimated_total, limit_ms: part.timeout_ms }.is_small()
    }
}

/// Where users are read from. Implementations never write.
#[async_trait]
pub trait Directory: Send + Sync {
    /// What was found when the directory was opened, or opened again.
    fn info(&self) -> Arc<Info>;

    /// Answers one question. When `cancel` fires, stops the work on the server too and fails with
    /// [`crate::error::DirectoryCode::Cancelled`].
    async fn search(&self, query: &Query, cancel: &CancellationToken) -> Result<Page>;

    /// Counts what `text` finds: all users exactly when it is empty, else up to a thousand.
    async fn count(&self, text: &str, cancel: &CancellationToken) -> Result<Count>;

    /// Reads one user by the exact text of its id, as [`Row::id`] gave it; `None` when there is none.
    async fn user(&self, id: &str) -> Result<Option<Row>>;

    /// Values that the column at this place of [`Info::columns`] often has, the commonest first; none where they may be
    /// secrets or somebody's own. Costs a few milliseconds, whatever the table's size.
    async fn values(&self, column: usize) -> Result<Vec<String>>;

    /// Reads the catalogue anew: a new index counts, and a column has the type that it has now.
    /// An engine is looked at once; `reopening` puts another one in its place.
    async fn refresh(&self) -> Result<()> {
        Ok(())
    }

    /// Lets go of all connections to the database.
    async fn close(&self);
}

/// What keeps a [`PasswordSource`] from giving a password. The error of a directory has it as its source.
pub type PasswordSourceError = Box<dyn std::error::Error + Send + Sync>;

/// Where the password of a directory's database comes from. It is asked when the directory is opened, and again
/// when the server refuses the password it gave: that one may have been changed.
#[async_trait]
pub trait PasswordSource: Send + Sync {
    /// The password as it is stored now; `None` when none is. Fails where a program or a login that the way to the
    /// server needs may not run: it is asked before either does.
    async fn password(&self) -> Result<Option<SecretString>, PasswordSourceError>;

    /// Where the password goes. Once that changes (a file of certificates may), a password that was given before is
    /// asked for again.
    fn destination(&self) -> String;

    /// Another password can be stored in place of the one that it gives.
    fn is_replaceable(&self) -> bool;
}

/// A password that is known, and stays as it is.
struct FixedPassword(Option<SecretString>);

impl FixedPassword {
    fn source(password: Option<&SecretString>) -> Arc<dyn PasswordSource> {
        Arc::new(Self(password.cloned()))
    }
}

#[async_trait]
impl PasswordSource for FixedPassword {
    async fn password(&self) -> Result<Option<SecretString>, PasswordSourceError> {
        Ok(self.0.clone())
    }

    fn destination(&self) -> String {
        String::new()
    }

    fn is_replaceable(&self) -> bool {
        false
    }
}

#[derive(Debug, Clone, Copy)]
enum Engine {
    MongoDb,
    MySql,
    Postgres,
    Sqlite,
}

impl Engine {
    fn of(url: &str) -> Option<Self> {
        let (scheme, _) = url.split_once(':')?;
        match scheme.to_ascii_lowercase().as_str() {
            "mysql" | "mariadb" => Some(Self::MySql),
            "postgres" | "postgresql" => Some(Self::Postgres),
            "sqlite" => Some(Self::Sqlite),
            "mongodb" | "mongodb+srv" => Some(Self::MongoDb),
            _ => None,
        }
    }
}

/// The engine behind a directory's URL, for people; `None` when there is none for its scheme.
pub fn engine_name(url: &str) -> Option<&'static str> {
    Engine::of(url).map(|engine| match engine {
        Engine::MySql if url.get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case("mariadb")) => {
            "MariaDB"
        }
        Engine::MySql => "MySQL",
        Engine::Postgres => "PostgreSQL",
        Engine::Sqlite => "SQLite",
        Engine::MongoDb => "MongoDB",
    })
}

/// Opens the directory that `part` describes: connects, and finds the table and every column it names.
///
/// Fails with [`DirectoryCode::ConfigInvalid`] (a URL that cannot be used), [`DirectoryCode::Unreachable`],
/// [`DirectoryCode::Refused`] (password, permission, TLS), [`DirectoryCode::Timeout`] or
/// [`DirectoryCode::Mismatch`] (no such database, table or column).
///
/// It stays open for long: when the database's schema changes, it is looked at again, once, before that is told.
pub async fn open(part: &DirectoryConfig, password: Option<&SecretString>) -> Result<Arc<dyn Directory>> {
    open_with(part, FixedPassword::source(password)).await
}

/// The same, with a password that may change while the directory is open.
pub async fn open_with(
    part: &DirectoryConfig,
    passwords: Arc<dyn PasswordSource>,
) -> Result<Arc<dyn Directory>> {
    choose_crypto();
    Ok(Arc::new(Reopening::open(part, passwords).await?))
}

async fn open_engine(
    part: &DirectoryConfig,
    passwords: &Arc<dyn PasswordSource>,
) -> Result<Arc<dyn Directory>> {
    match Engine::of(&part.url) {
        Some(Engine::MySql) => Ok(Arc::new(mysql::MySqlDirectory::open(part, passwords).await?)),
        Some(Engine::Postgres) => Ok(Arc::new(postgres::PostgresDirectory::open(part, passwords).await?)),
        Some(Engine::Sqlite) => Ok(Arc::new(sqlite::SqliteDirectory::open(part).await?)),
        Some(Engine::MongoDb) => Ok(Arc::new(mongodb::MongoDirectory::open(part, passwords).await?)),
        None => Err(no_engine()),
    }
}

/// Two implementations are linked, the HTTP client's and the drivers'. Whoever asks for the default one,
/// as the drivers do where only the authority is to be verified, needs one to be chosen; chosen before is fine.
fn choose_crypto() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
}

fn no_engine() -> DirectoryError {
    DirectoryError::new(
        DirectoryCode::ConfigInvalid,
        "directory.url does not begin with the name of a database that can be read.",
    )
    .hint(format!(
        "Use postgres://user@host/database, mysql://user@host/database, mongodb://user@host/database or {SQLITE_URL}"
    ))
}

/// Asks, and asks once more when the connection broke in the middle: the server was restarted, or another one has
/// to answer in its place. Inside of `ask`'s result is what was answered; outside is why nobody could be asked.
async fn again<T, F: Future<Output = Result<Result<T>>>>(ask: impl Fn() -> F) -> Result<T> {
    match ask().await? {
        Err(error) if error.code == DirectoryCode::Unreachable => ask().await?,
        answer => answer,
    }
}

/// What tells that a table is still the one that was looked at: an expression that gives another value when its
/// columns or its indexes change, and the value that it gave.
#[derive(Debug)]
struct Watch {
    sql: String,
    seen: Option<String>,
}

impl Watch {
    /// The expression as one column more of a statement.
    fn column(watch: Option<&Self>) -> &str {
        watch.map_or("NULL", |watch| watch.sql.as_str())
    }

    fn holds(watch: Option<&Self>, now: Option<&String>, part: &DirectoryConfig) -> Result<()> {
        match watch {
            Some(watch) if watch.seen.as_ref() != now => {
                Err(changed(part, "its columns or indexes are different"))
            }
            _ => Ok(()),
        }
    }
}

/// The table is not what it was. The directory is opened again; only where that did not help is this told.
fn changed(part: &DirectoryConfig, what: &str) -> DirectoryError {
    DirectoryError::new(
        DirectoryCode::Mismatch,
        format!("{} has changed since the database was opened: {what}.", part.table),
    )
    .hint("Check the connection: its table or columns were renamed, removed or recreated.")
}

/// Goes before a statement that gives a right.
/// How `directory.url` names a file of SQLite's on this system.
pub const SQLITE_URL: &str =
    if cfg!(windows) { "sqlite:///C:/path/to/file.sqlite" } else { "sqlite:///path/to/file.sqlite" };

const ASK_ADMINISTRATOR: &str = "Ask your database administrator to run:";

fn cancelled() -> DirectoryError {
    DirectoryError::new(DirectoryCode::Cancelled, "A newer search took this one's place.")
}

/// Somebody else ended what we asked.
fn stopped() -> DirectoryError {
    DirectoryError::new(DirectoryCode::Refused, "The question was stopped on the database's side.")
        .hint("Ask again, or ask the database's administrator.")
}

/// Another program holds a lock on the table for longer than anybody wants to wait.
fn locked(part: &DirectoryConfig, said: &str) -> DirectoryError {
    DirectoryError::new(DirectoryCode::Timeout, format!("{} is locked by another program.", part.table))
        .hint(
            "It is being changed (ALTER TABLE, LOCK TABLES), or a transaction was left open. Try again in a moment; if it \
             stays locked, ask your database administrator who holds the lock.",
        )
        .details(said)
}

/// The server answers, and has not described `what` (a table, or all of them) in time.
fn undescribed(what: &str, limit: Duration) -> DirectoryError {
    DirectoryError::new(
        DirectoryCode::Timeout,
        format!("The database answers, but did not describe {what} within {} s.", limit.as_secs()),
    )
    .hint("It may be very busy. Try again in a moment; if it happens often, ask your database administrator.")
}

/// How long a search waits for a table that another program has locked: long enough for a quick change, and short
/// enough to be told as what it is, before all of the time is up.
fn lock_limit(limit: Duration) -> Duration {
    (limit * 2 / 3).min(Duration::from_secs(2))
}

fn timed_out(part: &DirectoryConfig) -> DirectoryError {
    let seconds = f64::from(part.timeout_ms) / 1000.0;
    DirectoryError::new(DirectoryCode::Timeout, format!("The directory did not answer within {seconds} s."))
        .hint(
            "Search for more letters, for an id or with another filter; an index on the searched columns helps, or a \
             longer directory.timeout_ms.",
        )
}

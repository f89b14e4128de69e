//! Users: where they are read from, and how they are asked for.
//!
//! One trait, one small file per engine. A directory is read only, always.

mod asked;
mod catalogue;
mod cursor;
mod label;
mod mapping;
mod paging;
mod postgres;
mod sql;
mod sqlite;
mod time;
mod user_context;

use std::sync::Arc;

use async_trait::async_trait;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;
use ts_rs::TS;

pub use self::asked::{Chip, Fault, Reading, Suggestion, UnknownColumn, complete, reading};
use crate::connection::DirectoryPart;
use crate::error::{Code, Error, Result};

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
    /// The directory can order by it without reading the whole table first.
    pub sortable: bool,
}

/// One user: the id as text (exact, whatever its type) and a cell per [`Column`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Row {
    pub id: String,
    /// In the order of [`Info::columns`]; `None` is NULL. Times are RFC 3339 when the database knows
    /// them as times, booleans `true`/`false`.
    pub cells: Vec<Option<String>>,
}

/// Order by one column; ties are broken by id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Sort {
    pub column: String,
    pub descending: bool,
}

/// A question to the directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Query {
    /// What stands in the search field; empty asks for the newest.
    pub text: String,
    /// `None`: best match first, newest first within a tier.
    pub sort: Option<Sort>,
    /// [`Page::next`] of the page before.
    pub after: Option<String>,
    /// Rows at the most, 1 to 500.
    pub limit: u16,
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
}

/// How a page was answered, for the status line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct How {
    /// The tier that gave the page's first row (the last one asked, when there is none).
    pub tier: Tier,
    /// Milliseconds from question to decoded rows.
    pub elapsed_ms: f64,
}

/// Some rows, and where the next ones begin.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Page {
    pub rows: Vec<Row>,
    /// Opaque; `None` when there is nothing more.
    pub next: Option<String>,
    pub how: How,
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
}

/// Where users are read from. Implementations never write.
#[async_trait]
pub trait Directory: Send + Sync {
    /// What was found when the directory was opened.
    fn info(&self) -> &Info;

    /// Answers one question. When `cancel` fires, stops the work on the server too and fails with
    /// [`crate::error::Code::Cancelled`].
    async fn search(&self, query: &Query, cancel: &CancellationToken) -> Result<Page>;

    /// Reads one user by the exact text of its id, as [`Row::id`] gave it; `None` when there is none.
    async fn user(&self, id: &str) -> Result<Option<Row>>;

    /// Lets go of all connections to the database.
    async fn close(&self);
}

#[derive(Debug, Clone, Copy)]
enum Engine {
    Postgres,
    Sqlite,
}

impl Engine {
    fn of(url: &str) -> Option<Self> {
        let (scheme, _) = url.split_once(':')?;
        match scheme.to_ascii_lowercase().as_str() {
            "postgres" | "postgresql" => Some(Self::Postgres),
            "sqlite" => Some(Self::Sqlite),
            _ => None,
        }
    }
}

/// The engine behind a directory's URL, for people; `None` when there is none for its scheme.
pub fn engine_name(url: &str) -> Option<&'static str> {
    Engine::of(url).map(|engine| match engine {
        Engine::Postgres => "PostgreSQL",
        Engine::Sqlite => "SQLite",
    })
}

/// Opens the directory that `part` describes: connects, and finds the table and every column it names.
///
/// Fails with [`Code::ConnectionInvalid`] (a URL that cannot be used), [`Code::DirectoryUnreachable`],
/// [`Code::DirectoryRefused`] (password, permission, TLS), [`Code::DirectoryTimeout`] or
/// [`Code::DirectoryMismatch`] (no such database, table or column).
pub async fn open(part: &DirectoryPart, password: Option<&SecretString>) -> Result<Arc<dyn Directory>> {
    match Engine::of(&part.url) {
        Some(Engine::Postgres) => Ok(Arc::new(postgres::PostgresDirectory::open(part, password).await?)),
        Some(Engine::Sqlite) => Ok(Arc::new(sqlite::SqliteDirectory::open(part).await?)),
        None => Err(Error::new(
            Code::ConnectionInvalid,
            "directory.url does not begin with the name of a database that can be read.",
        )
        .hint("Use postgres://user@host/database or sqlite:///path/to/file.sqlite")),
    }
}

fn cancelled() -> Error {
    Error::new(Code::Cancelled, "A newer search took this one's place.")
}

fn timed_out(part: &DirectoryPart) -> Error {
    let seconds = f64::from(part.timeout_ms) / 1000.0;
    Error::new(Code::DirectoryTimeout, format!("The directory did not answer within {seconds} s."))
        .hint("Search for more letters or for an id; an index on the searched columns helps, or a longer directory.timeout_ms.")
}

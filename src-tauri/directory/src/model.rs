//! What crosses to the UI: questions, pages of users, and what was found when a directory was opened.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

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
    /// ([`ListRequest::everywhere`]).
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
pub struct ListRequest {
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

impl ListRequest {
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
    /// `None`: everything was searched. Else the same question with [`ListRequest::everywhere`] searches it.
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
    pub(crate) fn of(users: u64, cap: Option<u64>) -> Self {
        match cap {
            Some(cap) if users > cap => Self { users: cap, capped: true },
            _ => Self { users, capped: false },
        }
    }
}

/// What serves one tier of the search in one column, or what would.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct SearchCoverage {
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
    pub services: Vec<SearchCoverage>,
    /// The statements that make a role that can read the mapped columns and nothing else; empty where the
    /// engine knows no roles.
    pub reader: Vec<String>,
    /// What is not as one would expect.
    pub cautions: Vec<Caution>,
}

/// The directory works, but not as one would expect: users are hidden from this role, or some cannot be opened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Caution {
    /// What is so, and why.
    pub message: String,
    /// What to do next; where there is a statement, it stands before it.
    pub hint: Option<String>,
    /// The statement that changes it.
    pub statement: Option<String>,
    /// Users may be hidden: a short or an empty list does not mean that there are no more.
    pub hides_users: bool,
}

/// In which way a search is another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum Widening {
    /// A word that exists stands in the place of one that does not.
    Meant,
    /// A filter finds parts of a value instead of whole ones.
    Parts,
    /// A phrase in quotes becomes words in any order.
    Words,
    WithoutFilter,
    WithoutFilters,
}

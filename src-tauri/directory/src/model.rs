//! The types that cross to the UI: requests, pages of users, and what is known about an open directory.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// The role of a mapped column.
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

/// The type of a column's values, as far as displaying and comparing them is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum FieldKind {
    /// Integers of up to 64 bits; JSON numbers in templates.
    Integer,
    /// Any other number; a JSON number in templates if it is finite.
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

/// A mapped column. They are in the order of a row's cells: ID, name, email, the others, `created_at`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Column {
    /// Its name in the database, and in `{{ user.<name> }}` for [`Role::Other`].
    pub name: String,
    /// The name for display: `last_login_at` becomes "Last login at".
    pub label: String,
    pub role: Role,
    pub kind: FieldKind,
    /// The directory can sort by it without reading the whole table. Sorting by other columns requires
    /// [`ListRequest::everywhere`].
    pub sortable: bool,
    /// Its name suggests the user's company, which tells users with the same name apart. At most one column.
    pub company: bool,
    /// Its values are hidden until the agent reveals one. No order, suggestion or part of a value gives one away.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[ts(as = "Option<bool>", optional)]
    pub masked: bool,
}

/// One user: the ID as text (exact, whatever its type) and a cell per [`Column`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Row {
    pub id: String,
    /// In the order of [`Info::columns`]; `None` is NULL. Times are RFC 3339 if the database stores them as times,
    /// booleans are `true` or `false`. Texts of more than 2,000 characters are cut and end in an ellipsis.
    pub cells: Vec<Option<String>>,
    /// The record that led to this user, if the search found one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub found_through: Option<FoundThrough>,
}

/// What stands in the cell of a [`Column::masked`] column in place of a value; NULL stays NULL.
pub const MASKED_VALUE: &str = "••••••";

impl Info {
    /// Masks these columns besides the others.
    pub fn mask_columns(&mut self, names: &[String]) {
        for column in &mut self.columns {
            column.masked |= names.contains(&column.name);
        }
    }
}

impl Row {
    /// Hides the values of the columns that are masked.
    pub fn mask(&mut self, columns: &[Column]) {
        let cells = columns.iter().zip(&mut self.cells);
        for cell in cells.filter_map(|(column, cell)| cell.as_mut().filter(|_| column.masked)) {
            MASKED_VALUE.clone_into(cell);
        }
    }
}

/// A record of a related table that led to a user: the order whose number was typed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct FoundThrough {
    /// What the record is called: "Order".
    pub label: String,
    /// The value that matched: "ORD-700016".
    pub value: String,
}

/// The sort order: by one column, then by the ID.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Sort {
    pub column: String,
    pub descending: bool,
}

/// Where a page starts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum Place {
    #[default]
    Start,
    /// The list's last page.
    End,
    /// After [`Page::next`] of another page.
    After(String),
    /// Before [`Page::previous`] of another page.
    Before(String),
}

/// A request for a page of users.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct ListRequest {
    /// The text in the search field; if empty, all users are listed, newest first.
    pub text: String,
    /// `None`: best match first, newest first within a tier.
    pub sort: Option<Sort>,
    pub place: Place,
    /// The maximum number of rows, 1 to 500.
    pub limit: u16,
    /// Also search where no index can be used, within the connection's time limit.
    pub everywhere: bool,
}

impl ListRequest {
    /// A request for the first rows that match `text`, best match first.
    pub fn first_page(text: impl Into<String>, limit: u16) -> Self {
        Self { text: text.into(), sort: None, place: Place::Start, limit, everywhere: false }
    }
}

/// How a page's first row was found. The tiers are searched in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum Tier {
    /// The query is empty: all users.
    All,
    Id,
    Email,
    /// A record of the user equals it: see [`FoundThrough`].
    Related,
    /// A record of the user begins with it.
    RelatedPrefix,
    Prefix,
    Contains,
    /// All words, in any order.
    Words,
    /// The same words, or the same phone number, in another spelling.
    Alike,
}

impl Tier {
    /// Whether the text named exactly these users, so that similar ones are not of interest.
    pub fn names_one(self) -> bool {
        matches!(self, Self::Id | Self::Email | Self::Related)
    }

    /// Whether it searches related tables.
    pub fn is_related(self) -> bool {
        matches!(self, Self::Related | Self::RelatedPrefix)
    }

    /// For display, as in "no index serves … by prefix".
    pub fn as_phrase(self) -> &'static str {
        match self {
            Self::All => "newest first",
            Self::Id => "by ID",
            Self::Email => "by exact email",
            Self::Related => "by related record",
            Self::RelatedPrefix => "by related prefix",
            Self::Prefix => "by prefix",
            Self::Contains => "by part of the text",
            Self::Words => "by several words",
            Self::Alike => "by another spelling",
        }
    }
}

/// How a page was found, for the status line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct How {
    /// The tier of the page's first row; if the page is empty, the last tier that was searched.
    pub tier: Tier,
    /// The column by which that tier is ordered; `None`: newest first.
    pub by: Option<String>,
    /// Milliseconds from the request to the decoded rows.
    pub elapsed_ms: f64,
}

/// What was not searched because it has no index and reading the table would be too slow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct LeftOut {
    /// About how many rows would have to be read; `None` if not known.
    #[ts(type = "number | null")]
    pub rows: Option<u64>,
    /// The maximum time that reading them may take, in milliseconds.
    pub limit_ms: u32,
    /// How many of the newest rows were searched anyway; `None`: none.
    pub looked_at: Option<u32>,
    /// The same search for whole values instead of parts, if an index can be used for that.
    pub exact: Option<String>,
    /// The text was searched as typed; only other spellings, with or without accents, were not.
    pub spellings: bool,
}

/// A page of rows, and where the next one starts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Page {
    pub rows: Vec<Row>,
    /// Opaque; `None` if this is the first page.
    pub previous: Option<String>,
    /// Opaque; `None` if this is the last page.
    pub next: Option<String>,
    pub how: How,
    /// `None`: everything was searched. Otherwise the same request with [`ListRequest::everywhere`] searches it.
    pub left_out: Option<LeftOut>,
    /// An ID that several rows share, so it identifies no one: the list may miss some of them, and no operator can sign
    /// in as one.
    pub doubled: Option<String>,
    /// The text was read as a pasted one, such as an email.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub pasted: Option<PastedText>,
}

/// What was looked for in a pasted text.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct PastedText {
    /// What the users were found by, as it stands in the text: the first that found anyone.
    pub taken: Option<String>,
    /// Everything that may identify a user, best first.
    pub looked_for: Vec<String>,
}

impl Page {
    /// A list that is known to be empty.
    pub(crate) fn without_rows() -> Self {
        Self {
            rows: Vec::new(),
            previous: None,
            next: None,
            how: How { tier: Tier::All, by: None, elapsed_ms: 0.0 },
            left_out: None,
            doubled: None,
            pasted: None,
        }
    }
}

/// How many users match.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Count {
    #[ts(type = "number")]
    pub users: u64,
    /// There are more; counting stopped here.
    pub capped: bool,
}

impl Count {
    pub(crate) fn with_cap(users: u64, cap: Option<u64>) -> Self {
        match cap {
            Some(cap) if users > cap => Self { users: cap, capped: true },
            _ => Self { users, capped: false },
        }
    }
}

/// The index that one tier of the search uses in a column, or the statement to create one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct SearchCoverage {
    pub tier: Tier,
    /// The column's name, or the names of all searched columns, separated by commas, if they are searched together.
    pub column: String,
    /// The index; `None` if there is none and the whole table would have to be read.
    pub index: Option<String>,
    /// What the index cannot do, for display: "only as typed or in lower case".
    pub note: Option<String>,
    /// The statement that creates an index for it.
    pub advice: Option<String>,
}

/// What was found when the directory was opened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Info {
    /// For display: `PostgreSQL 15.18`, `SQLite 3.50.1`.
    pub server: String,
    pub columns: Vec<Column>,
    /// The database's own estimate of the number of users; `None` if it has none.
    #[ts(type = "number | null")]
    pub estimated_total: Option<u64>,
    /// `true` if `estimated_total` was counted, not estimated.
    pub total_is_exact: bool,
    /// The search plan: which index each tier uses.
    pub coverage: Vec<SearchCoverage>,
    /// The statements that create a role that can only read the mapped columns; empty if the engine has no roles.
    pub reader: Vec<String>,
    /// What does not work as expected.
    pub cautions: Vec<Caution>,
    /// The related tables, in the order of the connection file.
    pub related: Vec<RelatedInfo>,
}

/// A related table, as it was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct RelatedInfo {
    /// What one row is called: "Order".
    pub label: String,
    pub table: String,
    /// The columns of its rows.
    pub columns: Vec<Column>,
    /// The index in `columns` of the one that leads to a user.
    #[ts(type = "number")]
    pub leads_by: usize,
    /// The indexes in `columns` of those that identify a row.
    #[ts(type = "Array<number>")]
    pub identify: Vec<usize>,
    /// A row is an organisation, to which any number of users belong.
    pub shared: bool,
    /// The index in [`Info::columns`] of the column in which all users of an organisation have the same value, if there
    /// is one.
    #[ts(type = "number | null")]
    pub shared_value: Option<usize>,
    /// Its rows can be opened in the team's own tool.
    pub opens: bool,
}

/// A request for a page of the records of one user, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct RecordsRequest {
    /// [`Row::id`] of the user.
    pub user: String,
    /// The index in [`Info::related`].
    #[ts(type = "number")]
    pub related: usize,
    pub place: Place,
    /// The maximum number of rows, 1 to 500.
    pub limit: u16,
}

/// The directory works, but not as expected: users are hidden from this role, or some cannot be opened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Caution {
    /// What was found, and why.
    pub message: String,
    /// What to do next. If there is a statement, this introduces it.
    pub hint: Option<String>,
    /// The statement that fixes it.
    pub statement: Option<String>,
    /// Users may be hidden: a short or empty list does not mean that there are no more.
    pub hides_users: bool,
}

/// How a suggested search differs from the original.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum Widening {
    /// A misspelled word is replaced by one that exists.
    Meant,
    /// A filter matches parts of values instead of whole values.
    Parts,
    /// The words of a quoted phrase are searched in any order.
    Words,
    WithoutFilter,
    WithoutFilters,
}

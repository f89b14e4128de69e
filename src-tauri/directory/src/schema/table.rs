//! The table that holds the users: its columns, and what its indexes can be used for.

use crate::model::FieldKind;
use crate::schema::bytes::BinaryFormat;
use crate::schema::json_column::JsonColumn;
use crate::schema::name::{CatalogueName, quote_name};

/// The table or view that holds the users. `T` is the engine's own information about a column's type.
#[derive(Debug)]
pub(crate) struct Table<T> {
    pub(crate) schema: CatalogueName,
    pub(crate) name: CatalogueName,
    pub(crate) columns: Vec<TableColumn<T>>,
}

#[derive(Debug, Clone)]
pub(crate) struct TableColumn<T> {
    /// The name in the connection file; it is the database's name too, except for a value within JSON.
    pub(crate) name: CatalogueName,
    pub(crate) kind: FieldKind,
    pub(crate) nullable: bool,
    /// What the table's indexes can do for it.
    pub(crate) access: IndexSupport,
    /// How to interpret binary values; set once the column has a role.
    pub(crate) bytes: BinaryFormat,
    /// Set if this is a value within a JSON column.
    pub(crate) within: Option<JsonColumn>,
    /// What the engine's dialect needs to know about the type.
    pub(crate) db_type: T,
}

impl<T> TableColumn<T> {
    /// The value as SQL; `of` is the qualifier in front of the column.
    pub(crate) fn to_sql(&self, of: &str) -> String {
        match &self.within {
            Some(within) => within.to_sql(of),
            None => format!("{of}{}", quote_name(&self.name)),
        }
    }

    /// The index that finds values by their beginning, which only text has.
    pub(crate) fn find_prefix_index(&self) -> Option<&IndexUse> {
        self.access.prefix.as_ref().filter(|_| self.kind == FieldKind::Text)
    }

    /// The database column behind it.
    pub(crate) fn own_name(&self) -> &CatalogueName {
        self.within.as_ref().map_or(&self.name, JsonColumn::column)
    }
}

/// The best index for each kind of access, if there is one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct IndexSupport {
    /// Finds rows by exact value.
    pub(crate) equals: Option<IndexUse>,
    /// Finds rows whose text starts with a prefix, in the text's order.
    pub(crate) prefix: Option<IndexUse>,
    /// Finds rows whose text contains a substring, in no particular order.
    pub(crate) contains: Option<IndexUse>,
    /// Returns all rows in the column's order.
    pub(crate) order: Option<IndexUse>,
}

/// An index, and how a condition must be written to use it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IndexUse {
    /// The index's name, for display.
    pub(crate) index: String,
    pub(crate) form: IndexForm,
}

/// How a condition must be written for the planner to use the index.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "facts that are independent of each other")]
pub(crate) struct IndexForm {
    /// The index is on `lower(column)`.
    pub(crate) lower: bool,
    /// It compares byte by byte, with operators of its own (PostgreSQL's `text_pattern_ops`).
    pub(crate) pattern: bool,
    /// The column's own comparison ignores case (citext, NOCASE, `_ci`).
    pub(crate) folds: bool,
    /// That comparison, or `lower()`, folds only ASCII letters (SQLite, or PostgreSQL with `LC_CTYPE` C).
    pub(crate) ascii: bool,
    /// Fetch the first rows including ties with the last one (PostgreSQL 13+) and sort only those: if the planner also
    /// has to order by ID, it may sort all matching rows.
    pub(crate) ties: bool,
    /// Values are unique, so no ordering by ID is needed (which would make MySQL sort all rows).
    pub(crate) unique: bool,
}

impl IndexForm {
    /// Whether the index finds `text` regardless of case.
    pub(crate) fn any_case(self, text: &str) -> bool {
        (self.lower || self.folds) && (!self.ascii || text.is_ascii())
    }
}

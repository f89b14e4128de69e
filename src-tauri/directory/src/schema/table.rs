//! The table that holds the users: its columns, and what its indexes can do for them.

use crate::model::FieldKind;
use crate::schema::bytes::Bytes;
use crate::schema::json_column::JsonColumn;
use crate::schema::name::{CatalogueName, quoted};

/// The table or view that holds the users. `T` is what an engine wants to know of a column's type.
#[derive(Debug)]
pub(crate) struct Table<T> {
    pub(crate) schema: CatalogueName,
    pub(crate) name: CatalogueName,
    pub(crate) columns: Vec<TableColumn<T>>,
}

#[derive(Debug, Clone)]
pub(crate) struct TableColumn<T> {
    /// As the connection file has it; the database's own name but for a value within a JSON column.
    pub(crate) name: CatalogueName,
    pub(crate) kind: FieldKind,
    pub(crate) nullable: bool,
    /// What the table's indexes can do for it.
    pub(crate) access: Access,
    /// What its bytes are, where it holds bytes; known once the column has its role.
    pub(crate) bytes: Bytes,
    /// It is a value within this JSON column.
    pub(crate) within: Option<JsonColumn>,
    /// What the engine's own SQL needs to know of the type.
    pub(crate) db_type: T,
}

impl<T> TableColumn<T> {
    /// Its value as SQL; `of` stands before a column's name.
    pub(crate) fn sql(&self, of: &str) -> String {
        match &self.within {
            Some(within) => within.sql(of),
            None => format!("{of}{}", quoted(&self.name)),
        }
    }

    /// The column that the database has.
    pub(crate) fn own(&self) -> &CatalogueName {
        self.within.as_ref().map_or(&self.name, JsonColumn::column)
    }
}

/// What the table's indexes can do for a column: each time the best one, or `None`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Access {
    /// Finds the rows with a value.
    pub(crate) equals: Option<IndexUse>,
    /// Finds the rows whose text begins with something, in the text's order.
    pub(crate) prefix: Option<IndexUse>,
    /// Finds the rows whose text contains something, in no order.
    pub(crate) contains: Option<IndexUse>,
    /// Gives all rows in the column's order.
    pub(crate) order: Option<IndexUse>,
}

/// An index that serves something, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IndexUse {
    /// Its name, for people.
    pub(crate) index: String,
    pub(crate) form: IndexForm,
}

/// How a condition has to be written so that an index serves it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "facts that are independent of each other")]
pub(crate) struct IndexForm {
    /// The index is on `lower(column)`.
    pub(crate) lower: bool,
    /// It compares byte by byte, by operators of its own (PostgreSQL's `text_pattern_ops`).
    pub(crate) pattern: bool,
    /// The column's own comparison does not mind the case (citext, NOCASE, `_ci`).
    pub(crate) folds: bool,
    /// That, or `lower()` knows only the letters of ASCII (SQLite, PostgreSQL where `LC_CTYPE` is C).
    pub(crate) ascii: bool,
    /// The first rows are asked for with all that tie with the last of them (PostgreSQL 13), and only those
    /// are put in order: the planner, left to order by the id as well, may sort all rows that match.
    pub(crate) ties: bool,
    /// No two rows have the same value: nothing is left to put in order (MySQL sorts all rows by the id else).
    pub(crate) unique: bool,
}

impl IndexForm {
    /// Whether `text` is found whatever its case.
    pub(crate) fn any_case(self, text: &str) -> bool {
        (self.lower || self.folds) && (!self.ascii || text.is_ascii())
    }
}

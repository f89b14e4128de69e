//! One way of finding rows: its tests, the order of its rows, and how they are reached.

use crate::model::Tier;
use crate::schema::table::IndexForm;
use crate::scope::PhoneNumber;

/// A condition on a row. Columns are indexes into [`Mapping::search`](crate::schema::mapping::Mapping::search).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PassTest {
    Everything,
    /// The ID equals this text.
    Id(String),
    /// The value of a column in [`Mapping::shown`](crate::schema::mapping::Mapping::shown) is what a row shows as this
    /// text.
    Key {
        column: usize,
        text: String,
    },
    /// The column equals the text, as its index compares it.
    Equals {
        column: usize,
        text: String,
        form: IndexForm,
    },
    /// The email address equals this text: as the index compares it, or ignoring case.
    Email(String, Option<IndexForm>),
    /// One column starts with the text, as its index compares it.
    Begins {
        column: usize,
        text: String,
        form: IndexForm,
    },
    /// At least one of the columns starts with or contains the text.
    Any {
        columns: Vec<usize>,
        how: MatchKind,
        text: String,
    },
    /// Each word is contained in at least one of the columns.
    Words {
        columns: Vec<usize>,
        words: Vec<String>,
    },
    /// Like `Words`, ignoring accents.
    Alike {
        columns: Vec<usize>,
        words: Vec<String>,
    },
    /// At least one of the columns contains these digits, ignoring punctuation between them.
    Digits {
        columns: Vec<usize>,
        digits: String,
    },
    /// At least one of the columns is this telephone number, as a whole.
    Phone {
        columns: Vec<usize>,
        number: PhoneNumber,
    },
}

/// How a page of rows can be found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AccessPath {
    /// An index returns the rows in the list's order, or there are only a few.
    Quick,
    /// An index finds all matches, however many; they are sorted afterwards.
    Gathered,
    /// No index can be used, so the table is read.
    Read,
    /// Only the newest rows are checked.
    Newest,
}

/// What a pass's rows are ordered by. The ID breaks ties.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    Id,
    /// A column in [`Mapping::shown`](crate::schema::mapping::Mapping::shown).
    Shown(usize),
    /// A column in [`Mapping::search`](crate::schema::mapping::Mapping::search), in its index's order.
    Searched(usize, IndexForm),
}

/// One way of finding rows. Each pass excludes what earlier passes find.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SearchPass {
    pub(crate) tier: Tier,
    /// A row matches if it passes any of these.
    pub(crate) tests: Vec<PassTest>,
    pub(crate) reach: AccessPath,
    pub(crate) order: Order,
    pub(crate) descending: bool,
}

/// Where in a value the text may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MatchKind {
    Prefix,
    Contains,
    Suffix,
}

impl MatchKind {
    /// `text` escaped as a LIKE pattern; the escape character is `\`.
    pub(crate) fn to_like_pattern(self, text: &str) -> String {
        let mut pattern = String::with_capacity(text.len() + 2);
        if self != Self::Prefix {
            pattern.push('%');
        }
        for char in text.chars() {
            if matches!(char, '\\' | '%' | '_') {
                pattern.push('\\');
            }
            pattern.push(char);
        }
        if self != Self::Suffix {
            pattern.push('%');
        }
        pattern
    }
}

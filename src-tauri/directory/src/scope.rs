//! Which rows a search of a table is for, besides its text.

/// The rows that a search returns.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum SearchScope {
    /// What the text finds.
    #[default]
    Text,
    /// Also the rows with these keys, to which related records lead.
    Led(LeadingKeys),
    /// Only what one of these texts identifies, wholly or by its beginning, and only through an index.
    Identities(Vec<String>),
    /// Only what equals one of these texts, and only through an index.
    Values(Vec<String>),
    /// Only whom this names. The text of the request does not count.
    Named(NamedUsers),
    /// All rows with one of these values.
    Keyed(Vec<RowKey>),
}

/// What names users: a candidate from a pasted text, and the records that it identifies.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct NamedUsers {
    /// One value in several spellings, likeliest first. Only a whole value is equal to it.
    pub(crate) texts: Vec<String>,
    /// What of it may be an ID: of a phone number, only what was written.
    pub(crate) ids: Vec<String>,
    /// If it is a phone number: its punctuation does not count, nor does whether the country code is stored.
    pub(crate) phone: Option<PhoneNumber>,
    /// The keys of users to whom records lead.
    pub(crate) keys: Vec<RowKey>,
}

/// A telephone number that is compared as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PhoneNumber {
    /// Without the trunk prefix.
    pub(crate) digits: String,
    /// They begin with a country code.
    pub(crate) is_international: bool,
}

/// The keys of users to whom records lead.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct LeadingKeys {
    /// The record equals what was typed.
    pub(crate) exact: Vec<RowKey>,
    /// It only begins with it.
    pub(crate) beginning: Vec<RowKey>,
}

/// A value in a column, as rows show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RowKey {
    /// An index into the table's columns.
    pub(crate) column: usize,
    pub(crate) text: String,
}

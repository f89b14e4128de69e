//! Checks a list request against the table: its text and the column to sort by.

use jiff::Timestamp;

use crate::error::{DirectoryCode, DirectoryError, Result};
use crate::model::ListRequest;
use crate::query::ParsedQuery;
use crate::query::pasted::{SEARCH_CHARS, is_searchable};
use crate::schema::mapping::Mapping;
use crate::scope::SearchScope;

/// Parses the text of a request for a page of 1 to 500 rows. An invalid filter is an error: ignoring it would answer a
/// different query.
pub(crate) fn parse_query<T>(
    mapping: &Mapping<T>,
    query: &ListRequest,
    now: Timestamp,
) -> Result<ParsedQuery> {
    if !(1..=500).contains(&query.limit) {
        return Err(DirectoryError::new(
            DirectoryCode::QueryInvalid,
            format!("A page has 1 to 500 rows, but {} were requested.", query.limit),
        ));
    }
    // A longer one is read as a pasted text instead.
    if !is_searchable(&query.text) {
        return Err(DirectoryError::new(
            DirectoryCode::QueryInvalid,
            format!("The search text is longer than {SEARCH_CHARS} characters."),
        )
        .with_hint("Search for an ID, an email address or part of a name."));
    }
    // No database stores NUL in text, and PostgreSQL rejects it.
    let asked = ParsedQuery::parse(&query.text.replace('\0', ""), &mapping.columns, now);
    match asked.highlights.faults.first() {
        Some(fault) => Err(DirectoryError::new(DirectoryCode::QueryInvalid, fault.message.clone())
            .with_hint(fault.hint.clone())),
        None => Ok(asked),
    }
}

/// The texts that may be an ID: of what was typed, or of the candidate that the scope names.
pub(crate) fn list_possible_ids(scope: &SearchScope, asked: &ParsedQuery) -> Vec<String> {
    match scope {
        SearchScope::Named(named) => named.ids.clone(),
        _ => asked.identities.iter().map(|identity| identity.as_str().to_owned()).collect(),
    }
}

/// The column that the operator sorts by (`None`: the ID), and whether in descending order.
pub(crate) fn resolve_sort<T: Clone>(
    mapping: &Mapping<T>,
    query: &ListRequest,
) -> Result<Option<(Option<usize>, bool)>> {
    let Some(sort) = &query.sort else { return Ok(None) };
    let at = mapping.columns.iter().position(|column| column.name == sort.column).ok_or_else(|| {
        let names: Vec<String> = mapping.columns.iter().map(|column| format!("`{}`", column.name)).collect();
        DirectoryError::new(
            DirectoryCode::QueryInvalid,
            format!("There is no column `{}` to sort by.", sort.column),
        )
        .with_hint(format!("The columns are {}.", names.join(", ")))
    })?;
    if mapping.columns[at].masked {
        let message = format!("`{}` is masked, so users can't be sorted by it.", sort.column);
        return Err(
            DirectoryError::new(DirectoryCode::QueryInvalid, message).with_hint("Sort by another column.")
        );
    }
    let by_id = mapping.shown[at].name == mapping.id().name;
    Ok(Some(((!by_id).then_some(at), sort.descending)))
}

//! What is read of a document, and the row that it becomes.

use bson::{Bson, Document};

use crate::engines::mongodb::catalogue::Field;
use crate::engines::mongodb::filter::Column;
use crate::engines::mongodb::{cells, paths, values};
use crate::model::{FieldKind, Role, Row};
use crate::schema::mapping::Mapping;
use crate::schema::time;

/// A row and its position.
pub(crate) struct FoundDocument {
    pub(super) segment: usize,
    pub(crate) row: Row,
    pub(super) id: Bson,
    pub(super) key: Option<Bson>,
}

/// The projection for everything that is shown, in full.
pub(crate) fn project_shown_columns(mapping: &Mapping<Field>) -> Document {
    paths::project_paths(mapping.shown.iter().map(|column| column.name.as_str()))
}

/// Converts a document to a row; `None` if it has no ID.
pub(crate) fn to_found_document(
    mapping: &Mapping<Field>,
    segment: usize,
    key: Option<&str>,
    document: &Document,
) -> Option<FoundDocument> {
    let id = paths::value_at(document, mapping.id().name.as_str())?.into_owned();
    let cells = mapping.shown.iter().enumerate();
    let cell = |(at, column): (usize, &Column)| {
        let mut value = cells::cell_value(document, column, at)?;
        // Of several addresses or names, the first is shown and sent.
        if matches!(mapping.columns[at].role, Role::Email | Role::Name)
            && let Bson::Array(items) = value
        {
            value = items.into_iter().find(|item| *item != Bson::Null)?;
        }
        let cell = values::format_cell(&value, column.bytes)?;
        Some(if column.kind == FieldKind::Time { time::from_text(cell) } else { cell })
    };
    let row = Row {
        id: values::format_value(&id, mapping.id().bytes)?,
        cells: cells.map(cell).collect(),
        found_through: None,
    };
    let key = key.and_then(|path| paths::value_at(document, path)).map(std::borrow::Cow::into_owned);
    Some(FoundDocument { segment, row, id, key })
}

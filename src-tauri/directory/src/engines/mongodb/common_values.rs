//! Finds common values of a field among the newest documents and in an index.

use bson::{Bson, Document, doc};

use crate::engines::mongodb::catalogue::Field;
use crate::engines::mongodb::filter::Column;
use crate::plan::LOOKED_AT;
use crate::query::values::VALUES;
use crate::schema::mapping::Mapping;

/// The pipeline for values that several of the newest documents have, most common first.
pub(crate) fn among_newest(mapping: &Mapping<Field>, column: &Column) -> Vec<Document> {
    let by_time = mapping.created_at.map(|at| &mapping.shown[at]).filter(|by| by.access.order.is_some());
    let mut pipeline = Vec::new();
    pipeline.extend(by_time.map(|by| doc! { "$sort": { by.name.as_str(): -1 } }));
    pipeline.extend([
        doc! { "$limit": i64::from(LOOKED_AT) },
        doc! { "$match": { column.name.as_str(): { "$type": "string" } } },
        doc! { "$group": { "_id": field_reference(column), "times": { "$sum": 1 } } },
        doc! { "$match": { "times": { "$gt": 1 } } },
        doc! { "$sort": { "times": -1, "_id": 1 } },
        doc! { "$limit": max_values() },
    ]);
    pipeline
}

/// The pipeline for all values, with the help of an index; `None` if no index is in the field's order. The server jumps
/// from one distinct value to the next:
/// <https://www.mongodb.com/docs/manual/reference/operator/aggregation/group/#optimization-to-return-the-first-or-last-document-of-each-group>
pub(crate) fn by_index(column: &Column) -> Option<Vec<Document>> {
    column.access.order.as_ref()?;
    if column.db_type.has_lists {
        return None;
    }
    Some(vec![
        doc! { "$sort": { column.name.as_str(): 1 } },
        doc! { "$group": { "_id": field_reference(column) } },
        // One more shows that these are not categories.
        doc! { "$limit": max_values() + 1 },
    ])
}

/// The texts among the results; empty if there are too many to suggest.
pub(crate) fn to_suggestions(found: &[Document]) -> Vec<String> {
    let text = |document: &Document| match document.get("_id") {
        Some(Bson::String(text)) => Some(text.clone()),
        _ => None,
    };
    if found.len() > VALUES { Vec::new() } else { found.iter().filter_map(text).collect() }
}

fn field_reference(column: &Column) -> String {
    format!("${}", column.name.as_str())
}

fn max_values() -> i64 {
    i64::try_from(VALUES).unwrap_or(i64::MAX)
}

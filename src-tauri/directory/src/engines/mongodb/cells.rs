//! Cuts long values on the server: a row shows two thousand characters, but a field may contain megabytes.
//!
//! A list's projection adds an array of cells to each document. A cell is the value at a column's path, cut. If the
//! path reaches a list without an array index, the cell is that list together with the rest of the path.

use bson::{Bson, Document, doc};

use crate::engines::mongodb::catalogue::Field;
use crate::engines::mongodb::filter::Column;
use crate::engines::mongodb::paths;
use crate::schema::cell::CELL_CHARS;
use crate::schema::mapping::Mapping;

/// The field for the cells; no application has one of this name.
const CELLS: &str = "__understudy_cells";
/// Only strings and documents of more bytes than this are cut. Shorter ones are returned unchanged, even text that is
/// not valid UTF-8, which the server refuses to cut.
const LONG: i32 = 16 * 1024;

/// The projection of a list: the cells, and the exact values of the ID and the ordering column.
pub(crate) fn project_cells(mapping: &Mapping<Field>, key: Option<&str>) -> Document {
    let exact = std::iter::once(mapping.id().name.as_str()).chain(key);
    let uncut = mapping.shown.iter().filter(|column| !can_be_cut(column));
    let mut projection = paths::project_paths(exact.chain(uncut.map(|column| column.name.as_str())));
    let cells = mapping
        .shown
        .iter()
        .map(|column| if can_be_cut(column) { cell_expression(column.name.as_str()) } else { Bson::Null });
    projection.insert(CELLS, cells.collect::<Vec<_>>());
    projection
}

/// `projection` with long values cut at paths without dots, which is enough to see their types.
pub(crate) fn truncate_projection(mut projection: Document) -> Document {
    for (path, asked) in projection.iter_mut() {
        if *asked == Bson::Int32(1) && path != "_id" && !path.contains('.') && !path.starts_with('$') {
            *asked = truncate_value(&format!("${path}"));
        }
    }
    projection
}

/// The value of the column at index `at` of [`Mapping::shown`], in a document read with [`project_cells`] or in full.
pub(crate) fn cell_value(document: &Document, column: &Column, at: usize) -> Option<Bson> {
    let path = column.name.as_str();
    let cells = document.get_array(CELLS).ok().filter(|_| can_be_cut(column));
    let Some(cells) = cells else { return paths::value_at(document, path).map(std::borrow::Cow::into_owned) };
    let cell = cells.get(at)?.as_document()?;
    let value = cell.get("v")?;
    match (value, cell.get_str("p")) {
        (Bson::Array(items), Ok(rest)) => paths::in_list(items, rest).map(std::borrow::Cow::into_owned),
        (value, _) => Some(value.clone()),
    }
}

/// Expressions cannot refer to field names that are empty or start with `$`.
fn can_be_cut(column: &Column) -> bool {
    column.name.as_str().split('.').all(|name| !name.is_empty() && !name.starts_with('$'))
}

fn cell_expression(path: &str) -> Bson {
    let (name, rest) = path.split_once('.').map_or((path, None), |(name, rest)| (name, Some(rest)));
    nested_cell_expression(format!("${name}"), rest, 0)
}

/// The cell for `path` within `value`.
fn nested_cell_expression(value: String, path: Option<&str>, depth: usize) -> Bson {
    let Some(path) = path else { return doc! { "v": truncate_value(&value) }.into() };
    let (name, rest) = path.split_once('.').map_or((path, None), |(name, rest)| (name, Some(rest)));
    let holder = format!("h{depth}");
    let inside = |of: &str| format!("$${of}.{name}");
    let of_list = if let Ok(place) = name.parse::<i32>() {
        let item = format!("i{depth}");
        let members = doc! { "v": format!("$${holder}"), "p": path };
        let there = doc! { "$gt": [{ "$size": format!("$${holder}") }, place] };
        let at = doc! { &item: { "$arrayElemAt": [format!("$${holder}"), place] } };
        let placed = doc! { "$let": { "vars": at, "in": nested_cell_expression(format!("$${item}"), rest, depth + 1) } };
        Bson::from(doc! { "$cond": [there, placed, members] })
    } else {
        let items: Bson = match rest {
            Some(_) => format!("$${holder}").into(),
            None => doc! { "$map": {
                "input": format!("$${holder}"), "as": "m", "in": { name: truncate_value(&inside("m")) },
            } }
            .into(),
        };
        doc! { "v": items, "p": path }.into()
    };
    let of_document = nested_cell_expression(inside(&holder), rest, depth + 1);
    let is_list = doc! { "$isArray": format!("$${holder}") };
    doc! { "$let": { "vars": { &holder: value }, "in": { "$cond": [is_list, of_list, of_document] } } }.into()
}

/// As much of a value as a cell can show.
fn truncate_value(value: &str) -> Bson {
    let shown = i32::try_from(CELL_CHARS + 1).unwrap_or(i32::MAX);
    let kind = |value: &str, kind: &str| doc! { "$eq": [{ "$type": value }, kind] };
    let text = |value: &str| {
        let long =
            doc! { "$cond": [kind(value, "string"), { "$gt": [{ "$strLenBytes": value }, LONG] }, false] };
        doc! { "$cond": [long, { "$substrCP": [value, 0, shown] }, value] }
    };
    // Each element takes at least two characters.
    let members = doc! { "$map": { "input": { "$slice": [value, shown] }, "as": "e", "in": text("$$e") } };
    let fields = doc! { "$slice": [{ "$objectToArray": value }, shown] };
    let field = doc! { "k": "$$f.k", "v": text("$$f.v") };
    let fields = doc! { "$arrayToObject": { "$map": { "input": fields, "as": "f", "in": field } } };
    let is_long = doc! { "$cond": [kind(value, "object"), { "$gt": [{ "$bsonSize": value }, LONG] }, false] };
    let branches = vec![
        doc! { "case": { "$isArray": value }, "then": members },
        doc! { "case": is_long, "then": fields },
    ];
    doc! { "$switch": { "branches": branches, "default": text(value) } }.into()
}

//! Writes the form's values into a connection's text. Unchanged parts keep their comments, order and spacing.

#[cfg(test)]
mod tests;

use serde_json::Value as Json;
use toml_edit::{DocumentMut, Item, Table, TableLike, Value};

use super::parse::without_bom;
use super::schema::COLLECTION;
use super::{ConnectionFile, read_file};
use crate::error::{Code, Error, Result};

/// Tables that always get a heading of their own.
const SECTIONS: &[&str] = &[
    "directory",
    "directory.ssh",
    "sign_in",
    "sign_in.settings",
    "sign_in.storage",
    "sign_in.forest",
    "sign_in.verify",
    "sign_out",
    "ticket",
    "ticket.note",
    "notify",
    "network",
    "policy",
    "policy.hosts",
];

/// Arrays of tables, with a heading for each item.
const LISTS: &[&str] =
    &["directory.related", "sign_in.steps", "sign_out.steps", "network.credentials", "policy.allow"];

/// Other tables are written as `{ … }` up to this many bytes, and with a heading beyond.
const INLINE: usize = 100;

/// The text of `file`, written into `text` if there is one. Two laws hold: reading the result gives `file`, and a text
/// that already means `file` is not changed.
///
/// Whole numbers beyond 2^53 in `text` stay as they are: the form's numbers are floats and don't know their last
/// digits.
///
/// Fails with [`Code::ConnectionInvalid`] if `text` cannot be read, or if the body contains what TOML cannot represent:
/// a null, or a whole number beyond signed 64 bits.
pub fn write_into(text: Option<&str>, file: &ConnectionFile) -> Result<String> {
    let Some(text) = text.filter(|text| !without_bom(text).trim().is_empty()) else {
        return Ok(FileEdit::new(file)?.to_new_text());
    };
    let current = as_json(&read_file("the text", text)?);
    let mut exact = as_json(file);
    keep_large(&current, &mut exact);
    let exact: ConnectionFile = serde_json::from_value(exact).map_err(Error::internal)?;
    let wanted = FileEdit::new(&exact)?;
    if current == wanted.json {
        return Ok(text.to_owned());
    }
    let plain = without_bom(text);
    let Ok(mut document) = plain.parse::<DocumentMut>() else { return Ok(wanted.to_new_text()) };
    merge_table(document.as_table_mut(), &current, &wanted.json, wanted.items.as_table(), "");
    let mut edited = document.to_string();
    if plain.contains("\r\n") {
        edited = edited.replace("\r\n", "\n").replace('\n', "\r\n");
    }
    // Losing comments is better than saving other values than the form shows.
    if !read_file("the text", &edited).is_ok_and(|read| as_json(&read) == wanted.json) {
        return Ok(wanted.to_new_text());
    }
    Ok(if plain.len() == text.len() { edited } else { format!("\u{feff}{edited}") })
}

/// The new content: as JSON for comparing, as TOML, in the types' order, for copying.
struct FileEdit {
    json: Json,
    items: DocumentMut,
}

impl FileEdit {
    fn new(file: &ConnectionFile) -> Result<Self> {
        let json = as_json(file);
        // TOML's serialiser would drop a null, and then the file would send something else than the form shows.
        if let Some(key) = find_null(&json, "") {
            return Err(Error::new(
                Code::ConnectionInvalid,
                format!("{key}: TOML, the file's language, has no null."),
            )
            .with_hint("Write `\"{{ none }}\"` instead: it is sent as null."));
        }
        let items = toml_edit::ser::to_document(file).map_err(|cause| {
            Error::new(Code::ConnectionInvalid, "The body has a number that is too large for the file.")
                .with_hint("Write it as text, in quotes.")
                .caused_by(cause)
        })?;
        Ok(Self { json, items })
    }

    fn to_new_text(&self) -> String {
        let mut document = DocumentMut::new();
        for (key, item) in self.items.iter() {
            document.insert(key, style_item(key, key, item));
        }
        document.to_string()
    }
}

/// Turns `table` from `current` into `wanted`. Touches only what differs between the two, so anything else in the text
/// (a spelt-out default, an empty table) stays.
fn merge_table(table: &mut dyn TableLike, current: &Json, wanted: &Json, items: &dyn TableLike, path: &str) {
    for (key, item) in items.iter() {
        if current[key] == wanted[key] {
            continue;
        }
        let path = if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
        // A file that uses `collection` keeps doing so.
        let written =
            if path == "directory.table" && table.contains_key(COLLECTION) { COLLECTION } else { key };
        match (table.get_mut(written), item.as_table_like()) {
            (Some(old), Some(items)) if current[key].is_object() && old.is_table_like() => {
                if let Some(inner) = old.as_table_like_mut() {
                    merge_table(inner, &current[key], &wanted[key], items, &path);
                }
                reformat_inline_table(old, &current[key], &wanted[key]);
            }
            (Some(Item::Value(old)), _) => {
                // Keep the comment after a value and the space around it.
                let decor = old.decor().clone();
                if let Ok(mut value) = item.clone().into_value() {
                    *value.decor_mut() = decor;
                    *old = value;
                }
            }
            _ => {
                table.insert(key, style_item(key, &path, item));
            }
        }
    }
    for key in current.as_object().into_iter().flat_map(serde_json::Map::keys) {
        if wanted.get(key).is_none() {
            table.remove(key);
        }
    }
}

/// Reformats an inline table that has gained or lost keys: `{ a = 1, b = 2 }`.
fn reformat_inline_table(item: &mut Item, current: &Json, wanted: &Json) {
    let keys = |json: &Json| json.as_object().map(|fields| fields.keys().cloned().collect::<Vec<_>>());
    if let Some(table) = item.as_inline_table_mut()
        && keys(current) != keys(wanted)
    {
        table.fmt();
    }
}

/// A new value, formatted as a person would.
fn style_item(key: &str, path: &str, item: &Item) -> Item {
    if LISTS.contains(&path)
        && let Some(list) = item.as_array()
    {
        let tables = list.iter().filter_map(Value::as_inline_table);
        return Item::ArrayOfTables(tables.map(|table| table.clone().into_table()).collect());
    }
    let Some(items) = item.as_table_like() else { return item.clone() };
    let section = SECTIONS.contains(&path);
    if !section && key.len() + item.to_string().len() <= INLINE {
        let mut value = item.clone().into_value().unwrap_or_else(|_| Value::from(""));
        value.decor_mut().clear();
        return Item::Value(value);
    }
    let mut table = Table::new();
    for (key, item) in items.iter() {
        // Everything in the body stays inline: its keys are the application's, not headings.
        let item = if section { style_item(key, &format!("{path}.{key}"), item) } else { item.clone() };
        table.insert(key, item);
    }
    Item::Table(table)
}

/// Restores numbers of `current` that only lost precision as floats in `wanted`.
fn keep_large(current: &Json, wanted: &mut Json) {
    /// From here on, floats cannot represent every whole number.
    const LARGE: f64 = 9_007_199_254_740_992.0;
    match (current, wanted) {
        (Json::Object(current), Json::Object(wanted)) => {
            for (key, wanted) in wanted {
                if let Some(current) = current.get(key) {
                    keep_large(current, wanted);
                }
            }
        }
        (Json::Array(current), Json::Array(wanted)) => {
            current.iter().zip(wanted).for_each(|(current, wanted)| keep_large(current, wanted));
        }
        (Json::Number(current), Json::Number(wanted)) => {
            let (there, here) = (current.as_f64(), wanted.as_f64());
            // Bitwise equality is intended.
            if there.is_some_and(|there| there.abs() >= LARGE)
                && there.map(f64::to_bits) == here.map(f64::to_bits)
            {
                *wanted = current.clone();
            }
        }
        _ => {}
    }
}

fn as_json(file: &ConnectionFile) -> Json {
    serde_json::to_value(file).expect("a connection's file is plain JSON")
}

fn find_null(json: &Json, key: &str) -> Option<String> {
    match json {
        Json::Null => Some(key.to_owned()),
        Json::Object(fields) => fields.iter().find_map(|(name, value)| {
            find_null(value, &if key.is_empty() { name.clone() } else { format!("{key}.{name}") })
        }),
        Json::Array(items) => {
            items.iter().enumerate().find_map(|(at, item)| find_null(item, &format!("{key}[{at}]")))
        }
        _ => None,
    }
}

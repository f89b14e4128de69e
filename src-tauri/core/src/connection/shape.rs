//! Checks a file's keys and types against the schema and reports each unknown key, missing key and wrong type with its
//! place. `rules` checks what the values mean.

use std::sync::LazyLock;

use serde::de::DeserializeOwned;
use serde_json::Value;
use toml::Spanned;
use toml::de::{DeTable, DeValue, Deserializer};

use super::ConnectionFile;
use super::faults::KeyFaults;
use super::schema::{COLLECTION, SCHEMA};
use crate::directory::find_closest_names;
use understudy_files::regular_file;

/// The file as it is written; `None` if there are faults.
pub(super) fn parse_file(text: &str, faults: &mut KeyFaults) -> Option<ConnectionFile> {
    let file: ConnectionFile = parse_shape(text, "connection", &SCHEMA, collection_is_table, faults)?;
    Some(ConnectionFile { directory: file.directory.with_plain_scheme(), ..file })
}

/// Reads a TOML file that has to fit `schema`; `None` if there are faults. `kind` is what it is called: `connection`.
/// `prepare` changes what is written in another way than the schema has it.
pub(crate) fn parse_shape<'text, T: DeserializeOwned>(
    text: &'text str,
    kind: &str,
    schema: &Value,
    prepare: impl FnOnce(&mut DeTable<'text>, &mut KeyFaults),
    faults: &mut KeyFaults,
) -> Option<T> {
    let limit = regular_file::OF_SETTINGS;
    if text.len() as u64 > limit {
        faults.add_at(0, "", format!("is larger than {} KiB; no {kind} file needs to be", limit >> 10));
        return None;
    }
    let (mut document, errors) = DeTable::parse_recoverable(text);
    let mut escaped = None;
    for error in &errors {
        // The parser's messages name TOML's own tokens and never quote the file.
        let is_depth = error.message().contains("recurs");
        let at = error.span().map(|span| span.start).or_else(|| deepest_key(text).filter(|_| is_depth));
        let at = at.unwrap_or(0);
        let is_escape = ["escape", "unicode value"].iter().any(|word| error.message().contains(word));
        let what = match error.message() {
            _ if is_depth => "is nested too deeply",
            // Most often this is a Windows path, which has several backslashes: one fault per line is enough.
            _ if is_escape => {
                let line = text.get(..at).unwrap_or(text).matches('\n').count();
                if escaped.replace(line) == Some(line) {
                    continue;
                }
                "a backslash begins a special character in double quotes: write a path with `/`, or in single quotes"
            }
            what => what,
        };
        faults.add_at(at, "", what);
    }
    if !errors.is_empty() {
        return None;
    }
    prepare(document.get_mut(), faults);
    check_table("", document.get_ref(), schema, faults);
    if !faults.is_empty() {
        return None;
    }
    match T::deserialize(Deserializer::from(document)) {
        Ok(file) => Some(file),
        // The schema accepted what the types don't. Serde's message would quote the value.
        Err(error) => {
            faults.add_at(
                error.span().map_or(0, |span| span.start),
                "",
                "has a value that does not fit here",
            );
            None
        }
    }
}

/// The position of the key with the most parts: the parser does not say where nesting gets too deep.
fn deepest_key(text: &str) -> Option<usize> {
    let parts = |line: &str| line.split('=').next().unwrap_or_default().matches('.').count();
    let mut at = 0;
    let lines = text.split_inclusive('\n').map(|line| {
        at += line.len();
        (parts(line), at - line.len())
    });
    lines.max_by_key(|(parts, _)| *parts).map(|(_, at)| at)
}

/// Accepts MongoDB's word `collection` in place of `table`, of users and of what belongs to them.
fn collection_is_table(document: &mut DeTable, faults: &mut KeyFaults) {
    let Some(DeValue::Table(directory)) = document.get_mut("directory").map(Spanned::get_mut) else { return };
    rename_collection("directory", directory, faults);
    let Some(DeValue::Array(related)) = directory.get_mut("related").map(Spanned::get_mut) else { return };
    for (at, item) in related.iter_mut().enumerate() {
        if let DeValue::Table(related) = item.get_mut() {
            rename_collection(&format!("directory.related[{at}]"), related, faults);
        }
    }
}

fn rename_collection(key: &str, table: &mut DeTable, faults: &mut KeyFaults) {
    let Some(value) = table.remove(COLLECTION) else { return };
    if table.contains_key("table") {
        faults.add_at(
            value.span().start,
            &join_key(key, COLLECTION),
            "is MongoDB's word for `table`, which is set too; keep one of them",
        );
        return;
    }
    table.insert(Spanned::new(value.span(), "table".into()), value);
}

fn check_table(key: &str, table: &DeTable, schema: &Value, faults: &mut KeyFaults) {
    static NONE: LazyLock<serde_json::Map<String, Value>> = LazyLock::new(serde_json::Map::new);
    let properties = schema["properties"].as_object().unwrap_or(&NONE);
    // A key with a wrong name must not be reported as missing too.
    let mut meant = Vec::new();
    for (name, value) in table {
        if faults.are_too_many() {
            return;
        }
        let inner = join_key(key, name.get_ref());
        faults.record_place(&inner, value.span());
        let property = properties.get(name.get_ref().as_ref()).unwrap_or(&schema["additionalProperties"]);
        if *property == Value::Bool(false) {
            let known: Vec<&str> = properties.keys().map(String::as_str).collect();
            let close = find_closest_names(name.get_ref(), known.iter().copied());
            faults.add_at(name.span().start, &inner, unknown_key(key, name.get_ref(), close, &known));
            meant.extend(close);
        } else {
            check_value(&inner, value, property, faults);
        }
    }
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if !table.contains_key(name) && !meant.contains(&name) {
            let what = match properties[name]["description"].as_str() {
                Some(description) if !description.starts_with('`') => {
                    format!("is missing. {description}")
                }
                _ => "is missing".to_owned(),
            };
            faults.add_fault(&join_key(key, name), what);
        }
    }
}

fn unknown_key(table: &str, name: &str, close: Option<&str>, known: &[&str]) -> String {
    if let Some(close) = close {
        return format!("unknown key; did you mean `{close}`?");
    }
    let table = if table.is_empty() { "the top of the file".to_owned() } else { format!("[{table}]") };
    format!("this version of Understudy does not know `{name}`; {table} can have {}", known.join(", "))
}

fn check_value(key: &str, value: &Spanned<DeValue>, schema: &Value, faults: &mut KeyFaults) {
    let schema = resolve_reference(schema);
    if let Some(words) = enum_words(schema) {
        return one_of(key, value.get_ref(), &words, faults);
    }
    if let Some(choices) = schema["anyOf"].as_array() {
        let choices: Vec<&Value> = choices.iter().map(resolve_reference).collect();
        let fits = |choice: &&&Value| match value.get_ref() {
            DeValue::String(_) => choice["type"] == "string" || enum_words(choice).is_some(),
            DeValue::Integer(_) => choice["type"] == "integer",
            DeValue::Boolean(_) => choice["type"] == "boolean",
            _ => false,
        };
        if let Some(choice) = choices.iter().find(fits) {
            return check_value(key, value, choice, faults);
        }
        let wanted: Vec<String> = choices.iter().map(|choice| describe_wanted(choice)).collect();
        let found = describe_kind(value.get_ref());
        return faults.add_fault(key, format!("has to be {}, not {found}", wanted.join(", or ")));
    }
    match (schema["type"].as_str(), value.get_ref()) {
        (Some("string"), DeValue::String(_)) | (Some("boolean"), DeValue::Boolean(_)) => {}
        (Some("object"), DeValue::Table(inner)) => check_table(key, inner, schema, faults),
        (Some("array"), DeValue::Array(items)) => {
            for (at, item) in items.iter().enumerate() {
                let inner = format!("{key}[{at}]");
                faults.record_place(&inner, item.span());
                check_value(&inner, item, &schema["items"], faults);
            }
        }
        (Some("integer"), DeValue::Integer(number)) => {
            let number = i64::from_str_radix(number.as_str(), number.radix());
            let (min, max) = (schema["minimum"].as_i64(), schema["maximum"].as_i64());
            let fits = number.is_ok_and(|number| {
                min.is_none_or(|min| min <= number) && max.is_none_or(|max| number <= max)
            });
            if !fits {
                let (min, max) = (min.unwrap_or(0), max.unwrap_or(i64::from(u32::MAX)));
                faults.add_fault(key, format!("has to be from {min} to {max}"));
            }
        }
        (Some(_), found) => {
            let wanted = describe_wanted(schema);
            faults.add_fault(key, format!("has to be {wanted}, not {}", describe_kind(found)));
        }
        (None, _) => check_json(key, value, faults),
    }
}

/// Follows a reference into `$defs`.
fn resolve_reference(schema: &Value) -> &Value {
    match schema["$ref"].as_str().and_then(|reference| reference.strip_prefix('#')) {
        Some(pointer) => SCHEMA.pointer(pointer).unwrap_or(schema),
        None => schema,
    }
}

/// The values of an enumeration, in each of the forms that schemars generates: it groups those without a description.
fn enum_words(schema: &Value) -> Option<Vec<&str>> {
    fn words_of(schema: &Value) -> impl Iterator<Item = &str> {
        let together = schema["enum"].as_array().into_iter().flatten();
        together.chain([&schema["const"]]).filter_map(Value::as_str)
    }
    if schema["enum"].is_array() {
        return Some(words_of(schema).collect());
    }
    Some(schema["oneOf"].as_array()?.iter().flat_map(words_of).collect())
}

fn one_of(key: &str, value: &DeValue, words: &[&str], faults: &mut KeyFaults) {
    let known = words.join(", ");
    let DeValue::String(word) = value else {
        return faults
            .add_fault(key, format!("has to be one of {known}, in quotes, not {}", describe_kind(value)));
    };
    if words.contains(&word.as_ref()) {
        return;
    }
    // Only a short plain word is quoted in the message.
    let plain =
        word.len() <= 20 && word.chars().all(|char| char.is_ascii_alphabetic() || "_-".contains(char));
    let said = if plain { format!("`{word}`") } else { "this value".to_owned() };
    faults.add_fault(
        key,
        match find_closest_names(word, words.iter().copied()) {
            Some(close) => format!("{said} is not one of {known}; did you mean `{close}`?"),
            None => format!("this version of Understudy does not know {said}; it knows {known}"),
        },
    );
}

/// Accepts any value that can be sent as JSON.
fn check_json(key: &str, value: &Spanned<DeValue>, faults: &mut KeyFaults) {
    match value.get_ref() {
        DeValue::String(_) | DeValue::Boolean(_) => {}
        DeValue::Integer(number) => {
            let (text, radix) = (number.as_str(), number.radix());
            if i64::from_str_radix(text, radix).is_err() && u64::from_str_radix(text, radix).is_err() {
                faults.add_fault(key, "does not fit into 64 bits; send it as text, in quotes");
            }
        }
        DeValue::Float(number) => {
            if !number.as_str().parse::<f64>().is_ok_and(f64::is_finite) {
                faults.add_fault(key, "is not a number in JSON; send it as text, in quotes");
            }
        }
        DeValue::Datetime(_) => {
            faults.add_fault(key, "is a date or time, which JSON does not have; send it as text, in quotes");
        }
        DeValue::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                let inner = format!("{key}[{at}]");
                faults.record_place(&inner, item.span());
                check_json(&inner, item, faults);
            }
        }
        DeValue::Table(table) => {
            for (name, value) in table {
                let inner = join_key(key, name.get_ref());
                faults.record_place(&inner, value.span());
                check_json(&inner, value, faults);
            }
        }
    }
}

/// What fits a schema, for people.
fn describe_wanted(schema: &Value) -> String {
    if let Some(words) = enum_words(schema) {
        let quoted: Vec<String> = words.iter().map(|word| format!("`\"{word}\"`")).collect();
        return quoted.join(" or ");
    }
    let wanted = match schema["type"].as_str() {
        Some("string") => "text in quotes",
        Some("object") => "a table",
        Some("array") => "a list in brackets",
        Some("boolean") => "true or false",
        _ => "a whole number",
    };
    wanted.to_owned()
}

fn describe_kind(value: &DeValue) -> &'static str {
    match value {
        DeValue::String(_) => "text",
        DeValue::Integer(_) | DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

fn join_key(key: &str, name: &str) -> String {
    if key.is_empty() { name.to_owned() } else { format!("{key}.{name}") }
}

//! The JSON schema of the connection file, generated from the types. Editors use it for completion, the application
//! ships it, and [`super::shape`] checks files against it.

use std::sync::LazyLock;

use serde_json::{Value, json};

use super::ConnectionFile;

/// JSON Schema, draft 2020-12.
pub(super) static SCHEMA: LazyLock<Value> = LazyLock::new(|| {
    let mut schema = schemars::schema_for!(ConnectionFile).to_value();
    without_null(&mut schema);
    let description = "An Understudy connection file: one customer application, with its directory, sign-in and policy. Contains no secrets.";
    if let Some(schema) = schema.as_object_mut() {
        schema.insert("title".into(), "Understudy connection".into());
        schema.insert("description".into(), description.into());
    }
    // The order of JSON's keys depends on the features other crates enable; the committed file must not.
    schema.sort_all_objects();
    schema
});

/// TOML has no null: optional keys are left out, and no editor should suggest null.
pub(crate) fn without_null(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            if let Some(Value::Array(types)) = fields.get_mut("type") {
                types.retain(|name| name != "null");
                if let [only] = types.as_slice() {
                    let only = only.clone();
                    fields.insert("type".into(), only);
                }
            }
            if let Some(Value::Array(choices)) = fields.get_mut("anyOf") {
                choices.retain(|choice| choice["type"] != "null");
                if let [Value::Object(only)] = choices.as_slice() {
                    let only = only.clone();
                    fields.remove("anyOf");
                    fields.extend(only);
                }
            }
            fields.values_mut().for_each(without_null);
        }
        Value::Array(items) => items.iter_mut().for_each(without_null),
        _ => {}
    }
}

/// The alternative name of `table` in `[directory]` and `[[directory.related]]`.
pub(super) const COLLECTION: &str = "collection";

/// The schema as the text of a file, including the alternative name of `table`.
pub fn render_schema() -> String {
    let mut schema = SCHEMA.clone();
    for (name, holds) in [("DirectoryConfig", "the users"), ("RelatedTable", "the records")] {
        let table = &mut schema["$defs"][name];
        let description = format!("MongoDB's word for `table`: the collection that holds {holds}.");
        table["properties"][COLLECTION] = json!({ "type": "string", "description": description });
        if let Some(required) = table["required"].as_array_mut() {
            required.retain(|key| key != "table");
        }
        table["oneOf"] = json!([{ "required": ["table"] }, { "required": [COLLECTION] }]);
    }
    schema.sort_all_objects();
    let mut text = serde_json::to_string_pretty(&schema).expect("a schema is plain JSON");
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    /// Set UPDATE to rewrite the committed file.
    #[test]
    fn the_committed_schema_is_the_one_of_the_types() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../connection.schema.json");
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(path, super::render_schema()).unwrap();
        }
        let committed = std::fs::read_to_string(path).unwrap_or_default().replace("\r\n", "\n");
        assert!(
            committed == super::render_schema(),
            "src-tauri/connection.schema.json is out of date: run this test with UPDATE=1"
        );
    }
}

//! Builds the `user` object that templates and expressions see from a row and the types of its columns.

use serde_json::{Map, Number, Value};

use crate::model::{Column, FieldKind, Info, RelatedInfo, Role, Row};
use crate::schema::cell::is_cut;
use crate::schema::json_path::to_dotted_name;
use crate::schema::numbers;

impl RelatedInfo {
    /// The `record` object for templates: like `user`, for a row of a related table.
    pub fn record_context(&self, row: &Row) -> Map<String, Value> {
        build_context(&self.columns, row, |_| true)
    }
}

impl Info {
    /// The `user` object for templates: `id`, and `email`, `name` and `created_at` if they are mapped, then every
    /// column under its own name unless the name is taken. A path becomes nested objects, unless its first part is a
    /// value itself.
    ///
    /// A truncated value is left out, so that a template that needs it fails instead of sending a part of it.
    ///
    /// Integers of up to 64 bits, other finite numbers and booleans become the JSON types, NULL becomes null.
    /// Everything else is text, as the row shows it.
    pub fn user_context(&self, row: &Row) -> Map<String, Value> {
        self.user_context_of(row, |_| true)
    }

    /// The same, limited to the top-level names for which `wanted` is true: a list calls this for each row and needs
    /// only a few columns.
    pub fn user_context_of(&self, row: &Row, wanted: impl Fn(&str) -> bool) -> Map<String, Value> {
        build_context(&self.columns, row, wanted)
    }
}

fn build_context(columns: &[Column], row: &Row, wanted: impl Fn(&str) -> bool) -> Map<String, Value> {
    let mut context = Map::new();
    let is_whole = |cell: &Option<String>| !cell.as_deref().is_some_and(is_cut);
    let cells = || columns.iter().zip(&row.cells).filter(|(_, cell)| is_whole(cell));
    for (column, cell) in cells() {
        if let Some(key) = role_name(column.role).filter(|key| wanted(key)) {
            context.insert(key.to_owned(), to_typed_value(cell.as_deref(), column.kind));
        }
    }
    for (column, cell) in cells() {
        let name = to_dotted_name(&column.name);
        if wanted(name.split('.').next().unwrap_or_default()) {
            insert_at_path(&mut context, &name, to_typed_value(cell.as_deref(), column.kind));
        }
    }
    context
}

impl Info {
    /// Whether this row holds only a part of one of the `wanted` values, so that its full value is unknown.
    pub fn has_cut_value(&self, row: &Row, wanted: impl Fn(&str) -> bool) -> bool {
        self.columns.iter().zip(&row.cells).any(|(column, cell)| {
            let name = to_dotted_name(&column.name);
            cell.as_deref().is_some_and(is_cut)
                && (role_name(column.role).is_some_and(&wanted)
                    || wanted(name.split('.').next().unwrap_or_default()))
        })
    }
}

fn role_name(role: Role) -> Option<&'static str> {
    match role {
        Role::Id => Some("id"),
        Role::Email => Some("email"),
        Role::Name => Some("name"),
        Role::CreatedAt => Some("created_at"),
        Role::Other => None,
    }
}

fn insert_at_path(group: &mut Map<String, Value>, name: &str, value: Value) {
    let Some((first, rest)) = name.split_once('.') else {
        // A mapped column replaces a group of the same name.
        if group.get(name).is_none_or(Value::is_object) {
            group.insert(name.to_owned(), value);
        }
        return;
    };
    if let Value::Object(inner) = group.entry(first).or_insert_with(|| Value::Object(Map::new())) {
        insert_at_path(inner, rest, value);
    }
}

fn to_typed_value(cell: Option<&str>, kind: FieldKind) -> Value {
    let Some(text) = cell else { return Value::Null };
    let whole =
        || text.parse::<i64>().map(Number::from).or_else(|_| text.parse::<u64>().map(Number::from)).ok();
    let number = match kind {
        FieldKind::Integer => whole(),
        // A time that the database stores as a number is sent as that number. A number with more than 64 bits stays
        // text: it may be an ID, and rounding would make it another one.
        FieldKind::Number | FieldKind::Time => whole().or_else(|| numbers::to_number(text)),
        FieldKind::Boolean => return text.parse::<bool>().map_or_else(|_| Value::from(text), Value::from),
        FieldKind::Uuid | FieldKind::Json | FieldKind::Text => None,
    };
    number.map_or_else(|| Value::from(text), Value::Number)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn user(columns: &[(&str, Role, FieldKind, Option<&str>)]) -> Value {
        let info = Info {
            server: "SQLite".into(),
            columns: columns
                .iter()
                .map(|&(name, role, kind, _)| Column {
                    name: name.into(),
                    label: name.into(),
                    role,
                    kind,
                    sortable: false,
                    company: false,
                    masked: false,
                })
                .collect(),
            estimated_total: None,
            total_is_exact: false,
            coverage: Vec::new(),
            reader: Vec::new(),
            cautions: Vec::new(),
            related: Vec::new(),
        };
        let cells = columns.iter().map(|(.., cell)| cell.map(str::to_owned)).collect();
        Value::Object(info.user_context(&Row { id: "1".into(), cells, found_through: None }))
    }

    #[test]
    fn roles_have_fixed_names_and_columns_their_own() {
        let seen = user(&[
            ("user_id", Role::Id, FieldKind::Integer, Some("7")),
            ("full_name", Role::Name, FieldKind::Text, Some("Ada")),
            ("plan", Role::Other, FieldKind::Text, None),
        ]);
        assert_eq!(seen, json!({ "id": 7, "name": "Ada", "user_id": 7, "full_name": "Ada", "plan": null }));
    }

    #[test]
    fn truncated_values_are_not_sent() {
        let shown = crate::schema::cell::shorten_cell("ä".repeat(3000));
        let seen = user(&[("bio", Role::Other, FieldKind::Text, Some(&shown))]);
        assert_eq!(seen, json!({}));
        let whole = crate::schema::cell::shorten_cell("ä".repeat(1999) + "…");
        assert!(whole.ends_with("ä…") && whole.chars().count() == 2000);
        assert_eq!(user(&[("bio", Role::Other, FieldKind::Text, Some(&whole))])["bio"], json!(whole));
    }

    #[test]
    fn paths_are_values_within_groups() {
        let seen = user(&[
            ("_id", Role::Id, FieldKind::Text, Some("a")),
            ("profile->>name", Role::Name, FieldKind::Text, Some("Ada")),
            ("profile->address->>city", Role::Other, FieldKind::Text, Some("London")),
            ("company.vat", Role::Other, FieldKind::Text, None),
            ("tags->>0", Role::Other, FieldKind::Text, Some("x")),
            ("tags", Role::Other, FieldKind::Json, Some("[\"x\"]")),
        ]);
        assert_eq!(
            seen,
            json!({
                "id": "a", "_id": "a", "name": "Ada", "tags": "[\"x\"]", "company": { "vat": null },
                "profile": { "name": "Ada", "address": { "city": "London" } },
            })
        );
    }

    #[test]
    fn a_role_wins_over_a_column_of_its_name() {
        let seen = user(&[
            ("uid", Role::Id, FieldKind::Text, Some("a")),
            ("id", Role::Other, FieldKind::Integer, Some("9")),
        ]);
        assert_eq!(seen, json!({ "id": "a", "uid": "a" }));
    }

    #[test]
    fn values_keep_their_types_exactly() {
        for (kind, text, expected) in [
            (FieldKind::Integer, "9007199254740993", json!(9_007_199_254_740_993_i64)),
            (FieldKind::Integer, "-9223372036854775808", json!(i64::MIN)),
            (FieldKind::Integer, "18446744073709551615", json!(u64::MAX)),
            (FieldKind::Integer, "many", json!("many")),
            (FieldKind::Number, "12.5", json!(12.5)),
            (FieldKind::Number, "9007199254740993", json!(9_007_199_254_740_993_i64)),
            (FieldKind::Number, "12.50", json!(12.5)),
            (FieldKind::Number, "12.00", json!(12)),
            (FieldKind::Number, "1.6777216e+07", json!(16_777_216)),
            (FieldKind::Number, "1.5e300", json!(1.5e300)),
            (FieldKind::Number, "12345678901234567.25", json!("12345678901234567.25")),
            (FieldKind::Number, "123456789012345678901234567890", json!("123456789012345678901234567890")),
            (FieldKind::Number, "NaN", json!("NaN")),
            (FieldKind::Number, "Infinity", json!("Infinity")),
            (FieldKind::Boolean, "true", json!(true)),
            (FieldKind::Boolean, "2", json!("2")),
            (FieldKind::Text, "42", json!("42")),
            (FieldKind::Time, "2024-01-02T03:04:05Z", json!("2024-01-02T03:04:05Z")),
            (FieldKind::Time, "1706702400000", json!(1_706_702_400_000_i64)),
            (FieldKind::Time, "infinity", json!("infinity")),
            (FieldKind::Json, "{\"a\":1}", json!("{\"a\":1}")),
        ] {
            let seen = user(&[("id", Role::Id, kind, Some(text))]);
            assert_eq!(seen["id"], expected, "{kind:?} {text}");
            assert_eq!(seen["id"].to_string(), expected.to_string());
        }
    }
}

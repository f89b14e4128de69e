//! Suggests the indexes that MongoDB would need for the search, and a role that can only read the collection.

use bson::{Bson, Document, doc};

use crate::engines::mongodb::catalogue::{Field, TextIndex};
use crate::model::{SearchCoverage, Tier};
use crate::plan::coverage::{IndexAdvisor, list_search_coverage as lines};
use crate::schema::mapping::Mapping;
use crate::schema::table::TableColumn;

struct MongoIndexAdvice<'a> {
    collection: String,
    id: &'a str,
    is_view: bool,
}

impl IndexAdvisor<Field> for MongoIndexAdvice<'_> {
    // No index finds text in the middle of a word: a text index only has whole words.
    const CONTAINS_NOTE: &'static str = "whole words only";

    fn suggest_index(&self, tier: Tier, columns: &[&TableColumn<Field>]) -> Option<String> {
        if self.is_view {
            return None;
        }
        let path = columns.first()?.name.as_str();
        let indexed = columns.first()?.db_type.index_path.as_str();
        let (keys, options) = match tier {
            // With the ID as its second key, the index returns the list in its exact order.
            Tier::All if path != self.id => (doc! { path: -1, self.id: -1 }, Document::new()),
            Tier::All => (doc! { path: 1 }, Document::new()),
            Tier::Id => (doc! { path: 1 }, doc! { "unique": true }),
            Tier::Email | Tier::Prefix => {
                (doc! { indexed: 1 }, doc! { "collation": { "locale": "en", "strength": 2 } })
            }
            _ => return None,
        };
        let options =
            if options.is_empty() { String::new() } else { format!(", {}", format_document(&options)) };
        Some(format!("{}.createIndex({}{options})", self.collection, format_document(&keys)))
    }
}

pub(crate) fn describe_coverage(
    mapping: &Mapping<Field>,
    collection: &str,
    words: Option<&TextIndex>,
    is_view: bool,
) -> Vec<SearchCoverage> {
    let indexes = MongoIndexAdvice {
        collection: format_collection(collection),
        id: mapping.id().name.as_str(),
        is_view,
    };
    let mut services = lines(mapping, &indexes);
    let searched: Vec<&str> = mapping.search.iter().map(|column| column.name.as_str()).collect();
    services.extend(words.map(|index| SearchCoverage {
        tier: Tier::Words,
        column: searched.join(", "),
        index: Some(index.name.clone()),
        note: Some(MongoIndexAdvice::CONTAINS_NOTE.to_owned()),
        advice: None,
    }));
    services
}

/// The statements that create such a role, for the MongoDB shell, which prompts for the password.
pub(crate) fn suggest_reader_account(database: &str, collections: &[&str]) -> Vec<String> {
    let privileges = collections.iter().map(|collection| {
        doc! {
            "resource": { "db": database, "collection": *collection },
            "actions": ["find", "listIndexes", "collStats"],
        }
    });
    let role = doc! {
        "role": "understudy",
        "privileges": privileges.collect::<Vec<_>>(),
        "roles": [],
    };
    let database = format!("db.getSiblingDB({})", quote_string(database));
    vec![
        format!("{database}.createRole({})", format_document(&role)),
        format!(
            "{database}.createUser({{ user: \"understudy\", pwd: passwordPrompt(), roles: [\"understudy\"] }})"
        ),
    ]
}

/// The collection in the shell's syntax.
fn format_collection(collection: &str) -> String {
    if is_name(collection) {
        format!("db.{collection}")
    } else {
        format!("db.getCollection({})", quote_string(collection))
    }
}

/// A document in the shell's syntax.
fn format_document(document: &Document) -> String {
    let fields: Vec<String> = document
        .iter()
        .map(|(key, value)| {
            let key = if is_name(key) { key.clone() } else { quote_string(key) };
            format!("{key}: {}", shell_value(value))
        })
        .collect();
    format!("{{ {} }}", fields.join(", "))
}

fn shell_value(value: &Bson) -> String {
    match value {
        Bson::Document(document) => format_document(document),
        Bson::Array(values) => format!("[{}]", values.iter().map(shell_value).collect::<Vec<_>>().join(", ")),
        Bson::String(text) => quote_string(text),
        other => other.to_string(),
    }
}

fn quote_string(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn is_name(text: &str) -> bool {
    text.chars().all(|char| char.is_ascii_alphanumeric() || char == '_')
        && text.chars().next().is_some_and(|first| !first.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_are_written_for_the_shell() {
        assert_eq!(
            suggest_reader_account("acme", &["users"])[0],
            r#"db.getSiblingDB("acme").createRole({ role: "understudy", privileges: [{ resource: { db: "acme", collection: "users" }, actions: ["find", "listIndexes", "collStats"] }], roles: [] })"#
        );
        assert_eq!(format_collection("users"), "db.users");
        assert_eq!(format_collection("app.users\")"), r#"db.getCollection("app.users\")")"#);
        assert_eq!(format_document(&doc! { "emails.0.address": 1 }), r#"{ "emails.0.address": 1 }"#);
    }
}

//! Reads a collection's indexes and determines what each can be used for.

use bson::{Bson, Document, doc};
use mongodb::options::Collation;

use crate::config::DirectoryConfig;
use crate::engines::mongodb::catalogue::Field;
use crate::engines::mongodb::server::MongoReadTx;
use crate::engines::mongodb::{errors, paths};
use crate::error::Result;
use crate::schema::table::{IndexForm, IndexSupport, IndexUse, TableColumn};

/// A text index, which contains whole words.
#[derive(Debug, Clone)]
pub(crate) struct TextIndex {
    pub(crate) name: String,
    /// `$**` stands for all paths.
    pub(crate) paths: Vec<String>,
}

impl TextIndex {
    pub(crate) fn covers_columns(&self, columns: &[TableColumn<Field>]) -> bool {
        let covered = |path: &str| self.paths.iter().any(|known| known == "$**" || known == path);
        columns.iter().all(|column| covered(&paths::in_lists(column.name.as_str())))
    }
}

/// An index, as far as a search can use it.
#[derive(Debug)]
pub(crate) struct Index {
    pub(crate) name: String,
    /// The first path and, if there is one, the second, each with its direction.
    keys: Vec<(String, i64)>,
    /// `None` compares byte by byte.
    collation: Option<Collation>,
    /// The paths of a text index.
    pub(crate) words: Option<Vec<String>>,
    /// The index is multikey at its first path: a document has, or had, several values there.
    through_lists: bool,
}

/// The collection's indexes, and whether it is a view, which has none.
pub(crate) async fn read_indexes(
    reading: &mut MongoReadTx,
    config: &DirectoryConfig,
) -> Result<(Vec<Index>, bool)> {
    let list = doc! { "listIndexes": &config.table, "cursor": { "batchSize": 1000 } };
    let database = reading.database();
    let listed = reading
        .try_run_in_session(async move |session, _| database.run_command(list).session(session).await)
        .await?;
    let listed = match listed {
        Ok(listed) => listed,
        Err(error) if errors::command_error_code(&error) == Some(166) => return Ok((Vec::new(), true)),
        // A user who may not list indexes may still search the collection.
        Err(error) if matches!(errors::command_error_code(&error), Some(13 | 26)) => {
            return Ok((Vec::new(), false));
        }
        Err(error) => return Err(reading.query_error(error)),
    };
    let batch = listed.get_document("cursor").and_then(|cursor| cursor.get_array("firstBatch"));
    let mut indexes: Vec<Index> =
        batch.into_iter().flatten().filter_map(|index| parse_usable_index(index.as_document()?)).collect();
    for index in &mut indexes {
        // Only an index on exactly a column's path is used for ordering.
        if let Some((path, _)) =
            index.keys.first().filter(|(path, _)| config.column_names().any(|name| name == path))
        {
            index.through_lists = goes_through_lists(reading, config, &index.name, path).await;
        }
    }
    Ok((indexes, false))
}

/// Whether the index is multikey. The server remembers that from the first list it has seen, while a sample may not
/// contain any: <https://www.mongodb.com/docs/manual/core/indexes/index-types/index-multikey/>
async fn goes_through_lists(
    reading: &mut MongoReadTx,
    config: &DirectoryConfig,
    index: &str,
    path: &str,
) -> bool {
    let find = doc! { "find": &config.table, "hint": index, "limit": 1 };
    match reading.run_command(doc! { "explain": find, "verbosity": "queryPlanner" }).await {
        Ok(plan) => is_multikey(&plan, path),
        // Servers that are only compatible with MongoDB may not support explain; then the sample has to suffice.
        Err(error) => {
            tracing::debug!("an index could not be explained: {error}");
            false
        }
    }
}

/// Whether any stage of the plan is multikey at `path`. Versions differ in where the plan says so.
fn is_multikey(plan: &Document, path: &str) -> bool {
    let here = plan.get_bool("isMultiKey").unwrap_or(false)
        && match plan.get_document("multiKeyPaths").and_then(|paths| paths.get_array(path)) {
            Ok(lists) => !lists.is_empty(),
            Err(_) => true,
        };
    here || plan.values().any(|value| match value {
        Bson::Document(inner) => is_multikey(inner, path),
        Bson::Array(items) => items.iter().filter_map(Bson::as_document).any(|item| is_multikey(item, path)),
        _ => false,
    })
}

/// Parses an index that the planner uses for all documents: not hidden, not partial.
fn parse_usable_index(index: &Document) -> Option<Index> {
    if index.get_bool("hidden").unwrap_or(false) || index.contains_key("partialFilterExpression") {
        return None;
    }
    let name = index.get_str("name").ok()?.to_owned();
    let key = index.get_document("key").ok()?;
    let collation = match index.get_document("collation") {
        // The server returns more fields than the driver needs.
        Ok(collation) => Some(bson::deserialize_from_document(collation.clone()).ok()?),
        Err(_) => None,
    };
    if key.values().any(|kind| kind.as_str() == Some("text")) {
        let weights = index.get_document("weights").ok()?;
        // A text index with other keys in front is only used by queries that include them.
        let alone = key.keys().next().is_some_and(|first| first == "_fts");
        let words = alone.then(|| weights.keys().cloned().collect())?;
        return Some(Index {
            name,
            keys: Vec::new(),
            collation: None,
            words: Some(words),
            through_lists: false,
        });
    }
    let direction = |value: &Bson| match value {
        Bson::Int32(number) => Some(i64::from(*number)),
        Bson::Int64(number) => Some(*number),
        Bson::Double(number) => Some(if *number < 0.0 { -1 } else { 1 }),
        _ => None,
    };
    let mut keys = Vec::new();
    for (path, value) in key.iter().take(2) {
        let Some(direction) = direction(value).filter(|_| !path.contains("$**")) else { break };
        keys.push((path.clone(), direction.signum()));
    }
    if keys.is_empty() {
        return None;
    }
    Some(Index { name, keys, collation, words: None, through_lists: false })
}

/// What the indexes can be used for at `path`. Notes in `field` how a query has to be written for them.
pub(crate) fn find_access(
    path: &str,
    config: &DirectoryConfig,
    indexes: &[Index],
    field: &mut Field,
) -> IndexSupport {
    let mut access = IndexSupport::default();
    let through_lists = paths::in_lists(path);
    let leads = |index: &&Index| {
        index.keys.first().is_some_and(|(first, _)| *first == path || *first == through_lists)
    };
    let places = path.split('.').skip(1).any(|name| name.parse::<usize>().is_ok());
    field.has_lists |= !places && indexes.iter().filter(leads).any(|index| index.through_lists);
    for index in indexes.iter().filter(leads) {
        let first = &index.keys[0].0;
        let served = |folds| {
            Some(IndexUse { index: index.name.clone(), form: IndexForm { folds, ..IndexForm::default() } })
        };
        match &index.collation {
            None => {
                access.equals = access.equals.or_else(|| served(false));
                access.prefix = access.prefix.or_else(|| served(false));
                if first == path && !field.has_lists {
                    let with_id = index.keys.get(1).is_some_and(|(second, direction)| {
                        *second == config.id && *direction == index.keys[0].1
                    });
                    if access.order.is_none() || with_id {
                        access.order = served(false);
                    }
                    field.with_id |= with_id;
                }
            }
            Some(collation) if ignores_case(collation) => {
                if field.equals_by.is_none() {
                    access.equals = served(true);
                    field.equals_by = Some(collation.clone());
                    field.index_path.clone_from(first);
                }
                if field.begins_by.is_none() && orders_letters(collation) {
                    access.prefix = served(true);
                    field.begins_by = Some(collation.clone());
                    field.index_path.clone_from(first);
                }
            }
            Some(_) => {}
        }
        if field.equals_by.is_none() && field.begins_by.is_none() {
            field.index_path.clone_from(first);
        }
    }
    access
}

/// Whether the collation ignores case.
fn ignores_case(collation: &Collation) -> bool {
    let strength = collation.strength.map(u32::from);
    matches!(strength, Some(1 | 2)) && collation.case_level != Some(true)
}

/// Whether texts with a common prefix are adjacent in the collation's order, that is, it has neither letter
/// combinations nor numeric ordering.
fn orders_letters(collation: &Collation) -> bool {
    // Languages without letters of two characters (such as "ch" in Czech).
    const LOCALES: [&str; 10] = ["en", "de", "fr", "es", "it", "pt", "nl", "sv", "fi", "nb"];
    let language = collation.locale.split(['_', '@', '-']).next().unwrap_or_default();
    let plain = !collation.locale.contains('@');
    plain && LOCALES.contains(&language) && collation.numeric_ordering != Some(true)
}

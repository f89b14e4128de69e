//! A collection's indexes, and what each can do for a path.

use bson::{Bson, Document, doc};
use mongodb::options::Collation;

use crate::config::DirectoryConfig;
use crate::engines::mongodb::catalogue::Field;
use crate::engines::mongodb::reading::MongoReadTx;
use crate::engines::mongodb::{errors, paths};
use crate::error::Result;
use crate::schema::table::{Access, IndexForm, IndexUse, TableColumn};

/// An index of whole words.
#[derive(Debug, Clone)]
pub(crate) struct TextIndex {
    pub(crate) name: String,
    /// `$**` for all.
    pub(crate) paths: Vec<String>,
}

impl TextIndex {
    pub(crate) fn covers(&self, columns: &[TableColumn<Field>]) -> bool {
        let covered = |path: &str| self.paths.iter().any(|known| known == "$**" || known == path);
        columns.iter().all(|column| covered(&paths::in_lists(column.name.as_str())))
    }
}

/// An index, as far as it can serve a search.
#[derive(Debug)]
pub(crate) struct Index {
    pub(crate) name: String,
    /// The first path and, if there is one, the second; each with its direction.
    keys: Vec<(String, i64)>,
    /// `None`: byte by byte.
    collation: Option<Collation>,
    /// A text index's paths.
    pub(crate) words: Option<Vec<String>>,
    /// A document has, or had, several values at the first path.
    through_lists: bool,
}

/// The collection's indexes, and whether it is a view, which has none.
pub(crate) async fn indexes(reading: &mut MongoReadTx, part: &DirectoryConfig) -> Result<(Vec<Index>, bool)> {
    let list = doc! { "listIndexes": &part.table, "cursor": { "batchSize": 1000 } };
    let database = reading.database();
    let listed =
        reading.try_ask(async move |session, _| database.run_command(list).session(session).await).await?;
    let listed = match listed {
        Ok(listed) => listed,
        Err(error) if errors::code(&error) == Some(166) => return Ok((Vec::new(), true)),
        // Who may only read the collection still may search it.
        Err(error) if matches!(errors::code(&error), Some(13 | 26)) => return Ok((Vec::new(), false)),
        Err(error) => return Err(reading.failed(error)),
    };
    let batch = listed.get_document("cursor").and_then(|cursor| cursor.get_array("firstBatch"));
    let mut indexes: Vec<Index> =
        batch.into_iter().flatten().filter_map(|index| usable(index.as_document()?)).collect();
    for index in &mut indexes {
        // Only an index on the very path of a column is ever asked for an order.
        if let Some((path, _)) =
            index.keys.first().filter(|(path, _)| part.column_names().any(|name| name == path))
        {
            index.through_lists = goes_through_lists(reading, part, &index.name, path).await;
        }
    }
    Ok((indexes, false))
}

/// Whether the index has several entries for one document. The server has known that since the first one, while
/// a sample may not hold any: <https://www.mongodb.com/docs/manual/core/indexes/index-types/index-multikey/>
async fn goes_through_lists(
    reading: &mut MongoReadTx,
    part: &DirectoryConfig,
    index: &str,
    path: &str,
) -> bool {
    let find = doc! { "find": &part.table, "hint": index, "limit": 1 };
    match reading.command(doc! { "explain": find, "verbosity": "queryPlanner" }).await {
        Ok(plan) => is_multikey(&plan, path),
        // Servers that only speak its language may not explain themselves. The sample has to do.
        Err(error) => {
            tracing::debug!("an index could not be explained: {error}");
            false
        }
    }
}

/// Whether any stage of the plan, wherever this version has it, reads several entries per document at `path`.
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

/// One that the planner uses for every document: neither hidden nor for some of them only.
fn usable(index: &Document) -> Option<Index> {
    if index.get_bool("hidden").unwrap_or(false) || index.contains_key("partialFilterExpression") {
        return None;
    }
    let name = index.get_str("name").ok()?.to_owned();
    let key = index.get_document("key").ok()?;
    let collation = match index.get_document("collation") {
        // The server writes more into it than the driver has to say.
        Ok(collation) => Some(bson::deserialize_from_document(collation.clone()).ok()?),
        Err(_) => None,
    };
    if key.values().any(|kind| kind.as_str() == Some("text")) {
        let weights = index.get_document("weights").ok()?;
        // Behind other paths it serves only those who ask for them too.
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

/// What the indexes can do for `path`; how they have to be asked is noted in `field`.
pub(crate) fn access(path: &str, part: &DirectoryConfig, indexes: &[Index], field: &mut Field) -> Access {
    let mut access = Access::default();
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
                        *second == part.id && *direction == index.keys[0].1
                    });
                    if access.order.is_none() || with_id {
                        access.order = served(false);
                    }
                    field.with_id |= with_id;
                }
            }
            Some(collation) if folds(collation) => {
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

/// Upper and lower case are the same to it.
fn folds(collation: &Collation) -> bool {
    let strength = collation.strength.map(u32::from);
    matches!(strength, Some(1 | 2)) && collation.case_level != Some(true)
}

/// What begins with a text stands together in its order: it takes no letters together, and no digits.
fn orders_letters(collation: &Collation) -> bool {
    // Those whose alphabets have no letter of two signs (as Czech has its "ch").
    const LOCALES: [&str; 10] = ["en", "de", "fr", "es", "it", "pt", "nl", "sv", "fi", "nb"];
    let language = collation.locale.split(['_', '@', '-']).next().unwrap_or_default();
    let plain = !collation.locale.contains('@');
    plain && LOCALES.contains(&language) && collation.numeric_ordering != Some(true)
}

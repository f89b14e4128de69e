//! Reads what a MongoDB database says about a collection: its name, its indexes, and from a sample of its newest
//! documents, the types at each mapped path.

mod indexes;

use crate::schema::bytes::BinaryFormat;
use std::borrow::Cow;
use std::time::Duration;

use bson::{Bson, Document, doc};
use mongodb::options::Collation;

pub(crate) use self::indexes::TextIndex;
use crate::config::DirectoryConfig;
use crate::engines::mongodb::OPEN_LIMIT;
use crate::engines::mongodb::catalogue::indexes::{Index, find_access, read_indexes};
use crate::engines::mongodb::errors::slow_view_error;
use crate::engines::mongodb::server::{FindQuery, MongoReadTx};
use crate::engines::mongodb::values;
use crate::engines::mongodb::values::BsonClass;
use crate::engines::mongodb::{cells, paths};
use crate::error::{DirectoryCode, Result};
use crate::faults::describe_timeout_error;
use crate::model::Caution;
use crate::model::FieldKind;
use crate::schema::mapping::unknown_table_error;
use crate::schema::name::CatalogueName;
use crate::schema::table::{Table, TableColumn};

/// How many of the newest documents are sampled.
const SAMPLE: usize = 200;
/// The count is optional, and on a view it reads everything.
const COUNT_LIMIT: Duration = Duration::from_secs(1);
/// How long to search for a path that no sampled document has.
const SOUGHT: Duration = Duration::from_millis(500);

/// The type of a path's values, and how queries on it have to be written to use its indexes.
#[derive(Debug, Clone)]
pub(crate) struct Field {
    /// The class of most of its values. Values of other classes are listed after them.
    pub(crate) class: BsonClass,
    /// There is a list on the path or at its end, so it cannot be used for ordering.
    pub(crate) has_lists: bool,
    /// The collation of the index that finds a value ignoring case.
    pub(crate) equals_by: Option<Collation>,
    /// The same for a prefix.
    pub(crate) begins_by: Option<Collation>,
    /// The path as indexes have it, without array indexes.
    pub(crate) index_path: String,
    /// An index has the ID as its second key, so it returns the list in its exact order.
    pub(crate) with_id: bool,
}

/// The collection and what is known about it.
pub(crate) struct MongoCatalogue {
    pub(crate) table: Table<Field>,
    pub(crate) estimated_rows: Option<u64>,
    pub(crate) text_index: Option<TextIndex>,
    pub(crate) cautions: Vec<Caution>,
    /// A view, which has no indexes of its own.
    pub(crate) is_view: bool,
}

/// Looks up the collection that `config` names and all of its named paths.
pub(crate) async fn read_catalogue(
    reading: &mut MongoReadTx,
    config: &DirectoryConfig,
    database: &str,
) -> Result<MongoCatalogue> {
    is_there(reading, config).await?;
    let (indexes, is_view) = read_indexes(reading, config).await?;
    let estimated_rows = reading.estimate_within(COUNT_LIMIT).await.ok();
    let sampled = sample_columns(reading, config, &indexes).await;
    let (mut columns, missing, cautions) = sampled.map_err(|error| match error.code {
        DirectoryCode::Timeout if is_view => slow_view_error(config, OPEN_LIMIT),
        DirectoryCode::Timeout => describe_timeout_error(&config.table, OPEN_LIMIT),
        _ => error,
    })?;
    if !missing.is_empty() {
        // Only names are read, so that the error can list those that exist.
        for name in list_field_names(reading).await.unwrap_or_default() {
            if !columns.iter().any(|column| column.name.as_str() == name) {
                columns.push(describe_column(&name, config, &[], &[]));
            }
        }
        columns.retain(|column| !missing.iter().any(|path| path == column.name.as_str()));
        columns.sort_by(|left, right| left.name.as_str().cmp(right.name.as_str()));
    }
    let text_index = indexes.iter().find_map(|index| {
        let paths = index.words.clone()?;
        Some(TextIndex { name: index.name.clone(), paths })
    });
    let (schema, name) =
        (CatalogueName::of_collection(database), CatalogueName::of_collection(&config.table));
    Ok(MongoCatalogue {
        table: Table { schema, name, columns },
        estimated_rows,
        text_index,
        cautions,
        is_view,
    })
}

/// Fails if there is no such collection or this user may not read it.
pub(crate) async fn is_there(reading: &mut MongoReadTx, config: &DirectoryConfig) -> Result<()> {
    let list = doc! { "listCollections": 1, "nameOnly": true, "authorizedCollections": true };
    let listed = reading.run_command(list).await?;
    let batch = listed.get_document("cursor").and_then(|cursor| cursor.get_array("firstBatch"));
    let mut names: Vec<String> = batch
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.as_document()?.get_str("name").ok()?.to_owned()))
        .filter(|name| !name.starts_with("system."))
        .collect();
    names.sort();
    if names.contains(&config.table) {
        return Ok(());
    }
    // A collection may exist without being listed; then reading it fails.
    reading
        .find_documents(FindQuery { limit: 1, projection: doc! { "_id": 1 }, ..FindQuery::default() })
        .await?;
    Err(unknown_table_error(config, &names))
}

/// The columns that `config` names, the paths that no document has, and a caution about IDs.
async fn sample_columns(
    reading: &mut MongoReadTx,
    config: &DirectoryConfig,
    indexes: &[Index],
) -> Result<(Vec<TableColumn<Field>>, Vec<String>, Vec<Caution>)> {
    let named = list_named_paths(config);
    let newest = FindQuery {
        projection: cells::truncate_projection(paths::project_paths(named.iter().copied())),
        sort: doc! { "_id": -1 },
        limit: SAMPLE,
        ..FindQuery::default()
    };
    let mut sample = reading.find_documents(newest).await?;
    let mut missing = Vec::new();
    if !sample.is_empty() {
        for path in &named {
            if sample.iter().any(|document| paths::value_at(document, path).is_some()) {
                continue;
            }
            match find_document_with(reading, path).await {
                Some(document) => sample.push(document),
                None => missing.push((*path).to_owned()),
            }
        }
    }
    let columns = named.iter().map(|path| describe_column(path, config, &sample, indexes)).collect();
    Ok((columns, missing, check_id_types(config, &sample).into_iter().collect()))
}

/// The caution about IDs whose text does not lead back to the user.
fn check_id_types(config: &DirectoryConfig, sample: &[Document]) -> Option<Caution> {
    let bytes = BinaryFormat::for_column(&config.id, true, config.uuid_bytes.unwrap_or_default());
    let ids = || sample.iter().filter_map(|document| paths::value_at(document, &config.id));
    let mut kinds: Vec<&str> = ids()
        .filter(|id| !matches!(**id, Bson::Null | Bson::Array(_)) && !values::can_be_opened(id, bytes))
        .filter_map(|id| BsonClass::from_bson(&id)?.type_names().first().copied())
        .collect();
    let users = kinds.len();
    kinds.sort_unstable();
    kinds.dedup();
    (users > 0).then(|| Caution {
        message: format!(
            "{users} of the newest {} users are listed but cannot be opened: their `{}` is of the type {}, which has \
             no text form.",
            ids().count(),
            config.id,
            kinds.join(" or ")
        ),
        hint: Some("Name another field that identifies a user in `directory.id`.".to_owned()),
        statement: None,
        hides_users: false,
    })
}

/// A document that has the path; `None` if it takes too long to find one.
async fn find_document_with(reading: &mut MongoReadTx, path: &str) -> Option<Document> {
    let find = FindQuery {
        filter: doc! { path: { "$exists": true } },
        projection: paths::project_paths(std::iter::once(path)),
        limit: 1,
        ..FindQuery::default()
    };
    reading.find_within(SOUGHT, find).await.ok()?.pop()
}

/// Every path that the configuration names, without duplicates.
fn list_named_paths(config: &DirectoryConfig) -> Vec<&str> {
    let mut named: Vec<&str> = Vec::new();
    for path in config.column_names() {
        if !named.contains(&path) {
            named.push(path);
        }
    }
    named
}

fn describe_column(
    path: &str,
    config: &DirectoryConfig,
    sample: &[Document],
    indexes: &[Index],
) -> TableColumn<Field> {
    // Of several addresses or names, the first is shown.
    let is_first = [&config.email, &config.name].into_iter().any(|mapped| mapped.as_deref() == Some(path));
    let first = |value: Cow<'_, Bson>| match &*value {
        Bson::Array(items) if is_first => items.iter().find(|item| **item != Bson::Null).cloned(),
        value => Some(value.clone()),
    };
    let held: Vec<Bson> =
        sample.iter().filter_map(|document| paths::value_at(document, path)).filter_map(first).collect();
    let mut kinds: Vec<FieldKind> = Vec::new();
    for kind in held.iter().filter_map(values::field_kind) {
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    let kind = match kinds[..] {
        [kind] => kind,
        [FieldKind::Integer | FieldKind::Number, FieldKind::Integer | FieldKind::Number] => FieldKind::Number,
        _ => FieldKind::Text,
    };
    let is_time = config.created_at.as_deref() == Some(path);
    let is_list = |document: &Document| paths::goes_through_list(document, path);
    let mut field = Field {
        // Regular expressions cannot be compared.
        class: most_common_class(
            held.iter().filter_map(BsonClass::from_bson).filter(|class| *class != BsonClass::Regex),
        )
        .unwrap_or(if is_time { BsonClass::Date } else { BsonClass::Text }),
        has_lists: sample.iter().any(is_list),
        equals_by: None,
        begins_by: None,
        index_path: path.to_owned(),
        with_id: false,
    };
    let access = find_access(path, config, indexes, &mut field);
    TableColumn {
        name: CatalogueName::of_collection(path),
        kind,
        // `_id` is the only path that every document has.
        nullable: path != "_id",
        access,
        bytes: BinaryFormat::default(),
        within: None,
        db_type: field,
    }
}

fn most_common_class(classes: impl Iterator<Item = BsonClass>) -> Option<BsonClass> {
    let mut counted: Vec<(usize, BsonClass)> = Vec::new();
    for class in classes {
        match counted.iter_mut().find(|(_, known)| *known == class) {
            Some((count, _)) => *count += 1,
            None => counted.push((1, class)),
        }
    }
    counted.into_iter().max_by_key(|(count, _)| *count).map(|(_, class)| class)
}

/// The field names in the newest documents, two levels deep. No values leave the server.
async fn list_field_names(reading: &mut MongoReadTx) -> Result<Vec<String>> {
    let keys = |of: &str| doc! { "$map": { "input": { "$objectToArray": of }, "in": "$$this.k" } };
    let is = |value: &str, kind: &str| doc! { "$eq": [{ "$type": value }, kind] };
    let first = doc! { "$arrayElemAt": [{ "$cond": [is("$$this.v", "array"), "$$this.v", []] }, 0] };
    let entry = doc! {
        "k": "$$this.k",
        "inner": { "$cond": [is("$$this.v", "object"), keys("$$this.v"), []] },
        "listed": { "$let": {
            "vars": { "first": first },
            "in": { "$cond": [is("$$first", "object"), keys("$$first"), []] },
        } },
    };
    let pipeline = vec![
        doc! { "$sort": { "_id": -1 } },
        doc! { "$limit": i64::try_from(SAMPLE).unwrap_or(i64::MAX) },
        doc! { "$project": { "_id": 0, "names": { "$map": { "input": { "$objectToArray": "$$ROOT" }, "in": entry } } } },
    ];
    let mut found: Vec<String> = Vec::new();
    let mut note = |name: String| {
        if !found.contains(&name) {
            found.push(name);
        }
    };
    for document in reading.run_aggregation(pipeline, None).await? {
        for entry in document.get_array("names").into_iter().flatten().filter_map(Bson::as_document) {
            let name = entry.get_str("k").unwrap_or_default();
            note(name.to_owned());
            for (key, between) in [("inner", "."), ("listed", ".0.")] {
                for inner in entry.get_array(key).into_iter().flatten().filter_map(Bson::as_str) {
                    note(format!("{name}{between}{inner}"));
                }
            }
        }
    }
    Ok(found)
}

//! Lists the collections of a MongoDB database that this user may read, with the paths in their newest documents. Reads
//! names and types; no values leave the server.

use std::time::{Duration, Instant};

use bson::{Bson, Document, doc};
use secrecy::SecretString;

use crate::config::DirectoryConfig;
use crate::discovery::{Findings, FoundColumn, FoundTable, LIMIT, TableKind, shortlist_tables};
use crate::engines::mongodb::server::{MongoReadTx, MongoServers};
use crate::error::{DirectoryCode, Result};
use crate::model::FieldKind;
use crate::reach::endpoint::Endpoint;
use crate::reach::password_source::FixedPassword;

/// How many of the newest documents are sampled.
const SAMPLE: i32 = 50;
/// The maximum number of collections to sample, since each needs its own query.
const SAMPLED: usize = 60;
/// The maximum number of paths per collection: if field names are data, there is no end to them.
const PATHS: usize = 200;
/// The time limit for all samples. Collections not sampled by then are offered by name only.
const SAMPLING: Duration = Duration::from_secs(5);

pub(crate) async fn discover_tables(
    config: &DirectoryConfig,
    password: Option<&SecretString>,
) -> Result<Findings> {
    let server =
        MongoServers::connect(Endpoint::to_any(config, &FixedPassword::source(password))?, config).await?;
    let found = async { list_tables(&mut MongoReadTx::begin(&server, LIMIT).await?).await }.await;
    let found = match found {
        Ok(found) => Ok(found),
        Err(error) if error.code == DirectoryCode::Unreachable => match server.detect_other_service().await {
            Some(stranger) => Err(stranger),
            None => Err(server.explain_unreachable(error).await),
        },
        Err(error) => Err(error),
    };
    server.close().await;
    found
}

async fn list_tables(reading: &mut MongoReadTx) -> Result<Findings> {
    let list = doc! { "listCollections": 1, "nameOnly": true, "authorizedCollections": true, "cursor": { "batchSize": 10_000 } };
    let mut findings = Findings::default();
    for entry in first_batch(&reading.run_command(list).await?) {
        let name = entry.get_str("name").unwrap_or_default().to_owned();
        if name.is_empty() || name.starts_with("system.") {
            continue;
        }
        findings.tables.push(FoundTable {
            written: name.clone(),
            qualified: name.clone(),
            name,
            kind: if entry.get_str("type").is_ok_and(|kind| kind == "view") {
                TableKind::View
            } else {
                TableKind::Collection
            },
            estimated_rows: None,
            at_hand: true,
            columns: Vec::new(),
        });
    }
    shortlist_tables(&mut findings);
    let begun = Instant::now();
    for table in findings.tables.iter_mut().take(SAMPLED) {
        let left = SAMPLING.saturating_sub(begun.elapsed());
        if left.is_zero() {
            break;
        }
        match tokio::time::timeout(left, sample_fields(reading, table)).await {
            Ok(Ok(columns)) => table.columns = columns,
            Ok(Err(error)) if error.code == DirectoryCode::Refused => {
                findings.unreadable.push(table.written.clone());
                continue;
            }
            Ok(Err(error)) if error.code == DirectoryCode::Unreachable => return Err(error),
            // A collection that cannot be sampled in time is offered by name only.
            Ok(Err(_)) => continue,
            Err(_) => break,
        }
        if table.kind == TableKind::Collection {
            let counted = reading.run_command(doc! { "count": &table.name }).await;
            table.estimated_rows = counted.ok().and_then(|said| to_count(&said));
        }
    }
    let unreadable = &findings.unreadable;
    findings.tables.retain(|table| !unreadable.contains(&table.written));
    Ok(findings)
}

/// The paths in the newest documents, two levels deep, in order of appearance.
async fn sample_fields(reading: &mut MongoReadTx, table: &FoundTable) -> Result<Vec<FoundColumn>> {
    let entry = |of: &str, value: &str| doc! { "$map": { "input": { "$objectToArray": of }, "in": { "k": "$$this.k", "t": { "$type": value } } } };
    let is = |value: &str, kind: &str| doc! { "$eq": [{ "$type": value }, kind] };
    let first = doc! { "$arrayElemAt": [{ "$cond": [is("$$this.v", "array"), "$$this.v", []] }, 0] };
    let seen = doc! {
        "k": "$$this.k",
        "t": { "$type": "$$this.v" },
        "inner": { "$cond": [is("$$this.v", "object"), entry("$$this.v", "$$this.v"), []] },
        "listed": { "$let": {
            "vars": { "first": first },
            "in": { "$cond": [is("$$first", "object"), entry("$$first", "$$this.v"), []] },
        } },
    };
    let mut pipeline = Vec::new();
    if table.kind == TableKind::Collection {
        // A view might have to be computed before it can be sorted.
        pipeline.push(doc! { "$sort": { "_id": -1 } });
    }
    pipeline.push(doc! { "$limit": SAMPLE });
    pipeline.push(doc! { "$project": { "_id": 0, "seen": { "$map": { "input": { "$objectToArray": "$$ROOT" }, "in": seen } } } });
    let asked = doc! { "aggregate": &table.name, "pipeline": pipeline, "cursor": { "batchSize": SAMPLE } };

    let mut columns: Vec<FoundColumn> = Vec::new();
    let mut note = |name: String, said: &Document| {
        let type_name = said.get_str("t").unwrap_or_default();
        let Some(kind) = field_kind(type_name) else { return };
        let bytes = type_name == "binData";
        if let Some(known) = columns.iter_mut().find(|column| column.name == name) {
            known.bytes |= bytes;
            if known.kind != kind {
                known.kind = FieldKind::Text;
            }
        } else if columns.len() < PATHS {
            columns.push(FoundColumn { is_key: name == "_id", name, kind, bytes, refers_to: None });
        }
    };
    for document in first_batch(&reading.run_command(asked).await?) {
        for entry in nested_documents(document, "seen") {
            let name = entry.get_str("k").unwrap_or_default();
            // No path can contain a field name with a dot.
            if name.is_empty() || name.contains('.') {
                continue;
            }
            note(name.to_owned(), entry);
            for (key, between) in [("inner", "."), ("listed", ".0.")] {
                for inner in nested_documents(entry, key) {
                    let below = inner.get_str("k").unwrap_or_default();
                    if !below.contains('.') {
                        note(format!("{name}{between}{below}"), inner);
                    }
                }
            }
        }
    }
    Ok(columns)
}

fn first_batch(answer: &Document) -> Vec<&Document> {
    answer
        .get_document("cursor")
        .map(|cursor| nested_documents(cursor, "firstBatch").collect())
        .unwrap_or_default()
}

fn nested_documents<'a>(document: &'a Document, key: &str) -> impl Iterator<Item = &'a Document> + use<'a> {
    document.get_array(key).into_iter().flatten().filter_map(Bson::as_document)
}

/// The kind for a type name; `None` if it cannot be a column.
/// <https://www.mongodb.com/docs/manual/reference/bson-types/>
fn field_kind(name: &str) -> Option<FieldKind> {
    Some(match name {
        "string" | "objectId" | "symbol" | "binData" => FieldKind::Text,
        "int" | "long" => FieldKind::Integer,
        "double" | "decimal" => FieldKind::Number,
        "bool" => FieldKind::Boolean,
        "date" | "timestamp" => FieldKind::Time,
        _ => return None,
    })
}

fn to_count(counted: &Document) -> Option<u64> {
    let number = counted.get("n")?;
    let number = number.as_i64().or_else(|| number.as_i32().map(i64::from))?;
    u64::try_from(number).ok()
}

//! The benchmark for MongoDB.

use std::time::Instant;

use anyhow::{Context, Result};
use mongodb::bson::{DateTime, Document, doc};
use mongodb::{Collection, Database};

use super::population::{behind, user};
use super::{Asked, part, say};
use crate::mongod::MongoServer;

const READER: &str = "reader";
const READER_PASSWORD: &str = "measured";
const DATABASE: &str = "measured";

pub async fn measure(rows: u64) -> Result<()> {
    let server = MongoServer::start().await;
    server.user(READER, READER_PASSWORD, vec![doc! { "role": "read", "db": DATABASE }]).await;
    let database = server.database(DATABASE);
    let bare = &mut Bare { users: database.collection("users"), database };
    let began = Instant::now();
    fill(&bare.users, rows).await?;
    // The indexes of a typical application.
    bare.index(vec![
        doc! { "name": "email", "key": { "email": 1 }, "unique": true },
        doc! { "name": "created_at", "key": { "created_at": 1 } },
    ])
    .await?;
    say(&format!("\n{rows} documents were made in {:.0} s", began.elapsed().as_secs_f64()));
    let part = understudy_core::connection::DirectoryConfig {
        id: "_id".into(),
        ..part(server.url(READER, DATABASE))
    };
    super::measure(bare, &part, READER_PASSWORD, rows, false).await?;
    // The indexes that `check` then advises.
    let folding = doc! { "locale": "en", "strength": 2 };
    bare.index(vec![
        doc! { "name": "newest", "key": { "created_at": -1, "_id": -1 } },
        doc! { "name": "email_folding", "key": { "email": 1 }, "collation": folding.clone() },
        doc! { "name": "full_name_folding", "key": { "full_name": 1 }, "collation": folding },
    ])
    .await?;
    super::measure(bare, &part, READER_PASSWORD, rows, true).await
}

async fn fill(users: &Collection<Document>, rows: u64) -> Result<()> {
    let mut number = 0;
    while number < rows {
        let until = (number + 5000).min(rows);
        let documents = (number..until).map(|at| {
            let one = user(at, rows);
            doc! {
                "_id": one.id,
                "email": one.email,
                "full_name": one.full_name,
                "plan": one.plan,
                "company": one.company,
                "created_at": DateTime::from_millis(one.created_at * 1000),
            }
        });
        users.insert_many(documents).await?;
        number = until;
    }
    Ok(())
}

struct Bare {
    database: Database,
    users: Collection<Document>,
}

impl Bare {
    async fn index(&self, indexes: Vec<Document>) -> Result<()> {
        self.database.run_command(doc! { "createIndexes": "users", "indexes": indexes }).await?;
        Ok(())
    }
}

impl super::Bare for Bare {
    async fn ask(&mut self, asked: &Asked, advised: bool) -> Result<Option<usize>> {
        let newest = || {
            if advised {
                doc! { "created_at": -1, "_id": -1 }
            } else {
                doc! { "created_at": -1 }
            }
        };
        let mut find = match asked {
            Asked::First => doc! { "sort": newest() },
            Asked::Down(edge, _) => doc! {
                "filter": { "created_at": { "$lte": DateTime::from_millis(edge.created_at * 1000) }, "_id": { "$ne": edge.id } },
                "sort": newest(),
            },
            Asked::Last if advised => doc! { "sort": { "created_at": 1, "_id": 1 } },
            Asked::Last => doc! { "sort": { "created_at": 1 } },
            Asked::Email(email) => doc! { "filter": { "email": email } },
            Asked::Id(id) => doc! { "filter": { "_id": *id } },
            Asked::Prefix(text) if advised => doc! {
                "filter": { "email": { "$gte": text, "$lt": behind(text) } },
                "sort": { "email": 1 },
                "collation": { "locale": "en", "strength": 2 },
            },
            Asked::Total => {
                return Ok(Some(usize::try_from(self.users.count_documents(doc! {}).await?)?));
            }
            Asked::Prefix(_) | Asked::Contains(_) | Asked::Text(_) => return Ok(None),
        };
        let mut command = doc! { "find": "users", "limit": 51, "batchSize": 51, "singleBatch": true };
        command.extend(std::mem::take(&mut find));
        let answer = self.database.run_command(command).await?;
        let batch = answer.get_document("cursor")?.get_array("firstBatch")?;
        Ok(Some(batch.iter().filter_map(|user| user.as_document()).map(Document::len).sum()))
    }

    async fn examined(&mut self) -> Result<Option<i64>> {
        let status = self.database.run_command(doc! { "serverStatus": 1 }).await?;
        let read = status.get_document("metrics")?.get_document("queryExecutor")?.get("scannedObjects");
        let read = read.and_then(|read| read.as_i64().or_else(|| read.as_i32().map(i64::from)));
        Ok(Some(read.context("the server counts what it reads")?))
    }
}

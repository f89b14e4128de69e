//! MongoDB: the story on a real server, and what only a document database can contain.

mod documents;
mod large;
mod lists;
mod meteor;
pub mod server;

use std::sync::Arc;

use mongodb::bson::{Bson, DateTime, Document, doc};
use secrecy::SecretString;
use understudy_directory::Directory;
use understudy_directory::DirectoryConfig;
use understudy_directory::DirectoryError;
use understudy_test_support::mongod::MongoServer;

use crate::people::{Indexed, PrefixIndex, people};
use crate::related;
use crate::story;

const READER: &str = "reader";
const READER_PASSWORD: &str = "r3ad:er/p@ss word";
const DATABASE: &str = "acme";

async fn server() -> MongoServer {
    let server = MongoServer::start().await;
    server.user(READER, READER_PASSWORD, vec![doc! { "role": "read", "db": DATABASE }]).await;
    server
}

fn build_config(server: &MongoServer, collection: &str) -> DirectoryConfig {
    DirectoryConfig {
        table: collection.into(),
        id: "_id".into(),
        email: None,
        name: None,
        created_at: None,
        columns: vec![],
        timeout_ms: 5000,
        ..crate::build_config(server.url(READER, DATABASE))
    }
}

async fn open(config: &DirectoryConfig) -> Arc<dyn Directory> {
    understudy_directory::open(config, Some(&SecretString::from(READER_PASSWORD))).await.unwrap()
}

async fn opening_fails(config: &DirectoryConfig, password: Option<&str>) -> DirectoryError {
    let password = password.map(SecretString::from);
    match understudy_directory::open(config, password.as_ref()).await {
        Ok(_) => panic!("{config:?} was opened"),
        Err(error) => {
            let text = format!("{error} {error:?}");
            assert!(!text.contains(READER_PASSWORD) && !text.contains("wr0ng"), "{text}");
            error
        }
    }
}

async fn insert(server: &MongoServer, collection: &str, documents: Vec<Document>) {
    let collection = server.database(DATABASE).collection::<Document>(collection);
    collection.insert_many(documents).await.unwrap();
}

async fn index(server: &MongoServer, collection: &str, indexes: Vec<Document>) {
    server.command(DATABASE, doc! { "createIndexes": collection, "indexes": indexes }).await;
}

fn folding() -> Document {
    doc! { "locale": "en", "strength": 2 }
}

/// The people of the story. A missing value is sometimes null and sometimes absent.
async fn users(server: &MongoServer, collection: &str) {
    let documents = people().into_iter().map(|person| {
        let mut user = doc! { "id": person.id };
        let mut set = |name: &str, value: Option<Bson>| {
            if value.is_some() || person.id % 2 == 0 {
                user.insert(name, value.unwrap_or(Bson::Null));
            }
        };
        set("email", person.email.map(Bson::from));
        set("full_name", person.name.map(Bson::from));
        set("plan", person.plan.map(Bson::from));
        set("score", person.score.map(Bson::from));
        set("active", person.active.map(Bson::from));
        let time = person.created_at.map(|micros| DateTime::from_millis(micros.div_euclid(1000)));
        set("createdAt", time.map(Bson::from));
        user.insert("password_hash", "secret");
        user
    });
    insert(server, collection, documents.collect()).await;
}

#[tokio::test]
async fn the_story_on_mongodb() {
    let server = server().await;
    users(&server, "Users").await;
    index(
        &server,
        "Users",
        vec![
            doc! { "name": "id", "key": { "id": 1 }, "unique": true },
            doc! { "name": "name", "key": { "full_name": 1 } },
            doc! { "name": "score", "key": { "score": 1 }, "sparse": true },
            doc! { "name": "newest", "key": { "createdAt": -1 } },
            // These indexes cannot be used for a list of all users.
            doc! { "name": "plan", "key": { "plan": 1 }, "partialFilterExpression": { "plan": { "$exists": true } } },
            doc! { "name": "email", "key": { "email": 1 }, "hidden": true },
        ],
    )
    .await;
    let users = DirectoryConfig { url: server.url(READER, DATABASE), ..crate::build_config(String::new()) };
    let directory = open(&users).await;
    assert!(directory.info().server.starts_with("MongoDB 6."), "{}", directory.info().server);
    let indexed = Indexed {
        email: false,
        prefix: &[PrefixIndex { column: "full_name", folds: false }],
        sortable: &["id", "full_name", "score", "createdAt"],
    };
    story::told(&*directory, indexed).await;
    directory.close().await;

    // The same people, with a case-insensitive index on the name and an index on newest that includes the ID.
    server.command(DATABASE, doc! { "dropIndexes": "Users", "index": ["name", "newest", "plan"] }).await;
    index(
        &server,
        "Users",
        vec![
            doc! { "name": "name", "key": { "full_name": 1 }, "collation": folding() },
            doc! { "name": "newest", "key": { "createdAt": -1, "id": -1 } },
            doc! { "name": "plan", "key": { "plan": 1 } },
        ],
    )
    .await;
    let directory = open(&users).await;
    let indexed = Indexed {
        email: false,
        prefix: &[PrefixIndex { column: "full_name", folds: true }],
        sortable: &["id", "plan", "score", "createdAt"],
    };
    story::told(&*directory, indexed).await;
    directory.close().await;
}

#[tokio::test]
async fn users_are_found_by_their_records() {
    let server = server().await;
    let customers = related::CUSTOMERS.map(|(id, name, email, company)| {
        doc! { "_id": id, "full_name": name, "email": email, "company": company }
    });
    insert(&server, "customers", customers.to_vec()).await;
    let orders = related::orders().into_iter().map(|order| {
        let day = DateTime::from_millis(1_767_225_600_000 + order.day * 86_400_000);
        let mut document = doc! {
            "_id": order.id, "number": order.number, "invoice": order.invoice, "made": day,
            "note": format!("note {}", order.id),
        };
        document.extend(order.customer.map(|customer| ("customer_id".to_owned(), Bson::from(customer))));
        document
    });
    insert(&server, "orders", orders.collect()).await;
    let devices = related::DEVICES.map(|(id, serial, owner, iban)| {
        doc! { "_id": id, "serial": serial, "owner": owner, "iban": iban }
    });
    insert(&server, "devices", devices.to_vec()).await;
    index(&server, "customers", vec![doc! { "name": "email", "key": { "email": 1 } }]).await;
    index(
        &server,
        "orders",
        vec![
            doc! { "name": "number", "key": { "number": 1 }, "collation": folding() },
            doc! { "name": "invoice", "key": { "invoice": 1 } },
            doc! { "name": "customer", "key": { "customer_id": 1 } },
        ],
    )
    .await;
    index(
        &server,
        "devices",
        vec![
            doc! { "name": "serial", "key": { "serial": 1 } },
            doc! { "name": "owner", "key": { "owner": 1 } },
        ],
    )
    .await;
    let config = related::build_config(server.url(READER, DATABASE), "_id");
    related::told(&config, Some(READER_PASSWORD)).await;
    let directory = open(&config).await;
    assert!(directory.info().reader[0].contains(r#"collection: "devices""#), "{:?}", directory.info().reader);
}

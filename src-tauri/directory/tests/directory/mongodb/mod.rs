//! MongoDB: the story on a real server, and what only a document database can contain.

mod documents;
mod large;
mod lists;
mod meteor;
pub mod server;

use std::sync::Arc;

use mongodb::bson::oid::ObjectId;
use mongodb::bson::{Bson, DateTime, Document, doc};
use secrecy::SecretString;
use tokio_util::sync::CancellationToken;
use understudy_directory::{
    Directory, DirectoryConfig, DirectoryError, FoundThrough, Place, RecordsRequest, RelatedTable,
};
use understudy_test_support::mongod::MongoServer;

use crate::people::{Indexed, PrefixIndex, people};
use crate::related;
use crate::story::{self, query, search};

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
    let customers = related::CUSTOMERS.map(|(id, name, email, company, company_id)| {
        doc! { "_id": id, "full_name": name, "email": email, "company": company, "company_id": company_id }
    });
    insert(&server, "customers", customers.to_vec()).await;
    let companies =
        related::COMPANIES.map(|(id, name, number)| doc! { "_id": id, "name": name, "number": number });
    insert(&server, "companies", companies.to_vec()).await;
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
    index(
        &server,
        "customers",
        vec![
            doc! { "name": "email", "key": { "email": 1 } },
            doc! { "name": "company", "key": { "company_id": 1 } },
        ],
    )
    .await;
    let teams = related::TEAMS.map(|(id, code)| doc! { "_id": id, "code": code });
    insert(&server, "teams", teams.to_vec()).await;
    let memberships =
        related::MEMBERSHIPS.map(|(team, customer)| doc! { "team_id": team, "customer_id": customer });
    insert(&server, "memberships", memberships.to_vec()).await;
    index(&server, "teams", vec![doc! { "name": "code", "key": { "code": 1 } }]).await;
    index(
        &server,
        "memberships",
        vec![
            doc! { "name": "team", "key": { "team_id": 1 } },
            doc! { "name": "customer", "key": { "customer_id": 1 } },
        ],
    )
    .await;
    index(
        &server,
        "companies",
        vec![
            doc! { "name": "name", "key": { "name": 1 } },
            doc! { "name": "number", "key": { "number": 1 } },
        ],
    )
    .await;
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

/// A document may have a list where a row of a table has one value: a user's companies, or a team's members.
#[tokio::test]
async fn a_list_of_ids_leads_both_ways() {
    let server = server().await;
    let [acme, north] = [1_u8, 2].map(|at| ObjectId::from_bytes([at; 12]));
    let people = vec![
        doc! { "_id": 1, "email": "ada@acme.test", "company_ids": [acme, north] },
        doc! { "_id": 2, "email": "bob@acme.test", "company_ids": [acme] },
        doc! { "_id": 3, "email": "cleo@north.test", "company_ids": [] },
    ];
    insert(&server, "people", people).await;
    let companies = [(acme, "CO-0010"), (north, "CO-0020")];
    let companies = companies.map(|(id, number)| doc! { "_id": id, "number": number });
    insert(&server, "companies", companies.to_vec()).await;
    // The first list is longer than a cell shows.
    let many: Vec<i32> = (1..1000).collect();
    insert(
        &server,
        "teams",
        vec![
            doc! { "_id": 7, "code": "TEAM-DAY", "member_ids": many },
            doc! { "_id": 8, "code": "TEAM-NIGHT", "member_ids": [3, 2] },
        ],
    )
    .await;
    for (collection, field) in
        [("people", "company_ids"), ("companies", "number"), ("teams", "code"), ("teams", "member_ids")]
    {
        index(&server, collection, vec![doc! { "name": field, "key": { field: 1 } }]).await;
    }
    let related =
        |label: &str, table: &str, user: &str, leads_to: Option<&str>, identify: &str| RelatedTable {
            label: label.into(),
            table: table.into(),
            user: user.into(),
            through: None,
            leads_to: leads_to.map(str::to_owned),
            id: None,
            created_at: None,
            identify: vec![identify.into()],
            describe: vec![],
            url: None,
        };
    let config = DirectoryConfig {
        table: "people".into(),
        id: "_id".into(),
        name: None,
        created_at: None,
        columns: vec!["company_ids".into()],
        related: vec![
            related("Company", "companies", "_id", Some("company_ids"), "number"),
            related("Team", "teams", "member_ids", None, "code"),
        ],
        ..related::build_config(server.url(READER, DATABASE), "_id")
    };
    let directory = open(&config).await;
    for (text, people, label) in [
        ("CO-0010", &["2", "1"][..], "Company"),
        ("CO-0020", &["1"], "Company"),
        ("TEAM-NIGHT", &["3", "2"], "Team"),
        ("TEAM-DAY", &["3", "2", "1"], "Team"),
    ] {
        let page = search(&*directory, &query(text)).await;
        let found: Vec<&str> = page.rows.iter().map(|row| row.id.as_str()).collect();
        assert_eq!(found, people, "{text}");
        for row in &page.rows {
            let through = FoundThrough { label: label.into(), value: text.into() };
            assert_eq!(row.found_through, Some(through), "{text}");
        }
    }
    for (user, related, records) in [
        ("1", 0, &[north.to_hex(), acme.to_hex()][..]),
        ("2", 0, &[acme.to_hex()]),
        ("3", 0, &[]),
        ("1", 1, &["7".into()]),
        ("2", 1, &["8".into(), "7".into()]),
    ] {
        let request = RecordsRequest { user: user.into(), related, place: Place::Start, limit: 10 };
        let page = directory.list_records(&request, &CancellationToken::new()).await.unwrap();
        let found: Vec<String> = page.rows.into_iter().map(|row| row.id).collect();
        assert_eq!(found, records, "{user}: {related}");
    }
    directory.close().await;
}

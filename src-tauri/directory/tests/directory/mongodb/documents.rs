//! What documents contain: paths, lists, and types of every kind or none at all.

use mongodb::bson::oid::ObjectId;
use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{Binary, Bson, DateTime, Decimal128, Document, Regex, Timestamp, doc};
use understudy_directory::DirectoryCode;
use understudy_directory::DirectoryConfig;
use understudy_directory::{FieldKind, ListRequest, Sort, Tier};
use understudy_test_support::mongod::MongoServer;

use super::{READER_PASSWORD, build_config, folding, index, insert, open, opening_fails, server};
use crate::story::{backwards, pages, query, search};
use crate::{spellings, suggestions};

const UUID: &str = "0b5a2a3e-6f0e-4a56-9f3c-5d1a9f1f7c11";

#[tokio::test]
async fn documents_are_read_as_users() {
    let server = server().await;
    paths_lead_through_documents_and_lists(&server).await;
    values_of_every_type_are_shown(&server).await;
    ids_of_every_kind_find_their_user(&server).await;
    what_looks_like_an_operator_is_text(&server).await;
    names_that_are_not_there_are_told(&server).await;
    other_spellings_are_found(&server).await;
}

async fn other_spellings_are_found(server: &MongoServer) {
    let people = spellings::ROWS.iter().map(|(id, name, phone)| {
        let mut person = doc! { "_id": id, "full_name": name };
        person.extend(phone.map(|phone| ("phone".to_owned(), Bson::from(phone))));
        person
    });
    insert(server, "people", people.collect()).await;
    let url = build_config(server, "people").url;
    let directory = open(&spellings::build_config(url.clone(), "people", "_id")).await;
    spellings::told(&*directory, false).await;
    directory.close().await;

    for (collection, indexed) in [("plain", false), ("indexed", true)] {
        let row =
            |(id, name, plan, token)| doc! { "_id": id, "full_name": name, "plan": plan, "api_token": token };
        insert(server, collection, suggestions::rows().map(row).collect()).await;
        if indexed {
            index(server, collection, vec![doc! { "name": "plan", "key": { "plan": 1 } }]).await;
        }
        let directory = open(&suggestions::build_config(url.clone(), collection, "_id")).await;
        suggestions::told(&*directory, indexed).await;
        directory.close().await;
    }
}

/// Documents as applications with Mongoose or Meteor have them.
async fn paths_lead_through_documents_and_lists(server: &MongoServer) {
    let ids: Vec<ObjectId> = (0..300).map(|_| ObjectId::new()).collect();
    let users = ids.iter().enumerate().map(|(at, id)| {
        let first = ["Ada", "Zoë", "zoe"][at % 3];
        let mut emails = vec![doc! { "address": format!("{first}{at}@Example.com"), "verified": true }];
        if at == 7 {
            emails.push(doc! { "address": "second@example.com" });
        }
        let made = DateTime::from_millis(1_700_000_000_000 + i64::try_from(at).unwrap() / 10);
        doc! { "_id": id, "profile": { "name": format!("{first} Lovelace"), "secret": "s" }, "emails": emails, "createdAt": made, "tags": ["a", "b"] }
    });
    insert(server, "mongoose", users.collect()).await;
    index(
        server,
        "mongoose",
        vec![
            doc! { "name": "emails", "key": { "emails.address": 1 }, "unique": true, "collation": folding() },
            doc! { "name": "newest", "key": { "createdAt": 1 } },
        ],
    )
    .await;
    let config = DirectoryConfig {
        email: Some("emails.0.address".into()),
        name: Some("profile.name".into()),
        created_at: Some("createdAt".into()),
        columns: vec!["tags".into(), "emails.address".into()],
        ..build_config(server, "mongoose")
    };
    let directory = open(&config).await;
    let id = ids[7].to_hex();
    let row = directory.find_user(&id).await.unwrap().expect("the seventh");
    let cells: Vec<&str> = row.cells.iter().map(|cell| cell.as_deref().unwrap_or("NULL")).collect();
    let all = r#"["Zoë7@Example.com","second@example.com"]"#;
    assert_eq!(cells, [&id, "Zoë Lovelace", "Zoë7@Example.com", r#"["a","b"]"#, all, "2023-11-14T22:13:20Z"]);
    assert_eq!(directory.info().user_context(&row)["email"], "Zoë7@Example.com");

    let found = async |text: &str| {
        let page = search(&*directory, &query(text)).await;
        (page.rows.len(), page.rows.first().map(|row| row.id.clone()), page.how.tier)
    };
    assert_eq!(found(&id.to_uppercase()).await, (1, Some(id.clone()), Tier::Id));
    assert_eq!(found("ZOË7@example.COM").await, (1, Some(id.clone()), Tier::Email));
    assert_eq!(found("zoe7@example.com").await, (1, Some(id.clone()), Tier::Alike), "but for its accent");
    assert_eq!(found("second@example.com").await.0, 0, "it stands at another place of the list");
    let unaccented = "7, 70, 73, 76 and 79, and then 71, 74 and 77 without the accent";
    assert_eq!(found("zoë7").await, (8, Some(ids[79].to_hex()), Tier::Prefix), "{unaccented}");
    assert_eq!(found("lovelace ada").await.2, Tier::Words);
    for text in ["", "zo", "ada", "example"] {
        let rows: Vec<String> = pages(&*directory, ListRequest { limit: 23, ..query(text) })
            .await
            .into_iter()
            .flat_map(|page| page.rows)
            .map(|row| row.id)
            .collect();
        let back: Vec<String> = backwards(&*directory, ListRequest { limit: 23, ..query(text) })
            .await
            .into_iter()
            .map(|row| row.id)
            .collect();
        assert_eq!(rows, back, "{text:?}");
        let mut once = rows.clone();
        once.sort();
        once.dedup();
        assert_eq!(once.len(), rows.len(), "{text:?}");
        if text.is_empty() {
            let newest: Vec<String> = ids.iter().rev().map(|id| id.to_hex()).collect();
            assert_eq!(rows, newest);
        }
    }
    let refused = ListRequest { sort: Some(Sort { column: "tags".into(), descending: false }), ..query("") };
    let cancel = tokio_util::sync::CancellationToken::new();
    assert_eq!(
        directory.search_users(&refused, &cancel).await.unwrap_err().code,
        DirectoryCode::QueryInvalid
    );

    let coverage = &directory.info().coverage;
    let line = |tier| coverage.iter().find(|service| service.tier == tier).expect("a line for the tier");
    assert_eq!(line(Tier::Email).index.as_deref(), Some("emails"));
    assert_eq!(line(Tier::All).index.as_deref(), Some("newest"));
    let advice: Vec<&str> = coverage.iter().filter_map(|service| service.advice.as_deref()).collect();
    assert_eq!(
        advice,
        [r#"db.mongoose.createIndex({ "profile.name": 1 }, { collation: { locale: "en", strength: 2 } })"#]
    );
    directory.close().await;
}

async fn values_of_every_type_are_shown(server: &MongoServer) {
    let binary = |subtype, bytes: Vec<u8>| Bson::Binary(Binary { subtype, bytes });
    let uuid = uuid::Uuid::parse_str(UUID).unwrap();
    let values: Vec<(&str, Bson, Option<&str>, FieldKind)> = vec![
        ("int", 7.into(), Some("7"), FieldKind::Integer),
        ("long", i64::MAX.into(), Some("9223372036854775807"), FieldKind::Integer),
        ("double", 0.1.into(), Some("0.1"), FieldKind::Number),
        ("whole", 3.0.into(), Some("3"), FieldKind::Number),
        ("nan", f64::NAN.into(), Some("NaN"), FieldKind::Number),
        ("decimal", "12.50".parse::<Decimal128>().unwrap().into(), Some("12.50"), FieldKind::Number),
        ("truth", true.into(), Some("true"), FieldKind::Boolean),
        (
            "time",
            DateTime::from_millis(1_704_164_645_678).into(),
            Some("2024-01-02T03:04:05.678Z"),
            FieldKind::Time,
        ),
        ("late", DateTime::from_millis(i64::MAX).into(), Some("9223372036854775807"), FieldKind::Time),
        (
            "early",
            DateTime::from_millis(-62_198_755_200_000).into(),
            Some("-000001-01-01T00:00:00Z"),
            FieldKind::Time,
        ),
        (
            "stamp",
            Timestamp { time: 1_704_164_645, increment: 3 }.into(),
            Some("2024-01-02T03:04:05Z"),
            FieldKind::Text,
        ),
        ("uuid", binary(BinarySubtype::Uuid, uuid.as_bytes().to_vec()), Some(UUID), FieldKind::Uuid),
        ("bytes", binary(BinarySubtype::Generic, vec![0, 255]), Some("\\x00ff"), FieldKind::Text),
        ("document", doc! { "a": [1, Bson::Null] }.into(), Some(r#"{"a":[1,null]}"#), FieldKind::Json),
        ("list", vec![Bson::from("x"), Bson::from(1.5)].into(), Some(r#"["x",1.5]"#), FieldKind::Json),
        ("symbol", Bson::Symbol("s".into()), Some("s"), FieldKind::Text),
        ("code", Bson::JavaScriptCode("f()".into()), Some("f()"), FieldKind::Text),
        (
            "regex",
            Bson::RegularExpression(Regex {
                pattern: "a/b".try_into().unwrap(),
                options: "i".try_into().unwrap(),
            }),
            Some("/a/b/i"),
            FieldKind::Text,
        ),
        ("min", Bson::MinKey, Some("MinKey"), FieldKind::Text),
        ("undefined", Bson::Undefined, None, FieldKind::Text),
        ("null", Bson::Null, None, FieldKind::Text),
        ("long_text", "ä".repeat(20_000).into(), None, FieldKind::Text),
    ];
    let mut kinds: Document =
        values.iter().map(|(name, value, ..)| ((*name).to_owned(), value.clone())).collect();
    kinds.insert("_id", 1);
    // Values of several kinds are text; integers mixed with other numbers are numbers.
    let mixed = doc! { "_id": 2, "truth": "yes", "int": 1.5, "long_text": Bson::Null };
    insert(server, "kinds", vec![kinds, mixed]).await;
    let columns = values.iter().map(|(name, ..)| (*name).to_owned()).collect();
    let directory = open(&DirectoryConfig { columns, ..build_config(server, "kinds") }).await;
    let row = directory.find_user("1").await.unwrap().expect("the row is there");
    let info = directory.info();
    let known = info.columns.iter().zip(&row.cells).skip(1);
    for ((name, _, shown, kind), (column, cell)) in values.iter().zip(known) {
        let kind = match *name {
            "int" => FieldKind::Number,
            "truth" => FieldKind::Text,
            _ => *kind,
        };
        assert_eq!(column.kind, kind, "{name}");
        if *name == "long_text" {
            assert_eq!(cell.as_ref().unwrap().chars().count(), 2001);
        } else {
            assert_eq!(cell.as_deref(), *shown, "{name}");
        }
    }
    // In every order, each user is listed exactly once.
    for column in directory.info().columns.iter().map(|column| &column.name) {
        for descending in [false, true] {
            let sort = Some(Sort { column: column.clone(), descending });
            let ordered = ListRequest { sort, limit: 1, everywhere: true, ..query("") };
            if column != "document" && column != "list" {
                let mut ids: Vec<String> = Vec::new();
                for page in pages(&*directory, ordered).await {
                    ids.extend(page.rows.into_iter().map(|row| row.id));
                }
                ids.sort();
                assert_eq!(ids, ["1", "2"], "by {column}");
            }
        }
    }
    directory.close().await;
}

async fn ids_of_every_kind_find_their_user(server: &MongoServer) {
    let uuid = uuid::Uuid::parse_str(UUID).unwrap().as_bytes().to_vec();
    let object = ObjectId::new();
    let ids: Vec<(Bson, String)> = vec![
        (7.into(), "7".into()),
        ("007".into(), "007".into()),
        (9_007_199_254_740_993_i64.into(), "9007199254740993".into()),
        (1.5.into(), "1.5".into()),
        ("Ada".into(), "Ada".into()),
        ("ada".into(), "ada".into()),
        (r#"{"$gt":""}"#.into(), r#"{"$gt":""}"#.into()),
        ("100%_'\\".into(), "100%_'\\".into()),
        (object.into(), object.to_hex()),
        (Bson::Binary(Binary { subtype: BinarySubtype::Uuid, bytes: uuid }), UUID.into()),
        (Bson::Binary(Binary { subtype: BinarySubtype::Generic, bytes: vec![1, 2] }), "\\x0102".into()),
        (true.into(), "true".into()),
        (DateTime::from_millis(0).into(), "1970-01-01T00:00:00Z".into()),
    ];
    insert(server, "ids", ids.iter().map(|(id, _)| doc! { "_id": id, "key": id }).collect()).await;
    index(server, "ids", vec![doc! { "name": "key", "key": { "key": 1 } }]).await;
    for id_path in ["_id", "key"] {
        let directory = open(&DirectoryConfig { id: id_path.into(), ..build_config(server, "ids") }).await;
        for (_, id) in &ids {
            assert_eq!(&directory.find_user(id).await.unwrap().expect(id).id, id);
            let page = search(&*directory, &query(&format!(" {id} "))).await;
            assert_eq!((&page.rows[0].id, page.how.tier), (id, Tier::Id));
        }
        for other in ["ADA", "70000", "7.0", "7 ", "{", "é\u{7}", "\\x01", "99999999999999999999", "1\0"] {
            assert_eq!(directory.find_user(other).await.unwrap(), None, "{other:?}");
            search(&*directory, &query(other)).await;
        }
        for limit in [1, 3] {
            let mut listed: Vec<String> = Vec::new();
            for page in pages(&*directory, ListRequest { limit, ..query("") }).await {
                listed.extend(page.rows.into_iter().map(|row| row.id));
            }
            let back = backwards(&*directory, ListRequest { limit, ..query("") }).await;
            assert_eq!(listed, back.into_iter().map(|row| row.id).collect::<Vec<_>>());
            listed.sort();
            let mut expected: Vec<String> = ids.iter().map(|(_, id)| id.clone()).collect();
            expected.sort();
            assert_eq!(listed, expected, "everyone once, in pages of {limit}");
        }
        directory.close().await;
    }
    // A column that is not unique.
    insert(server, "doubled", vec![doc! { "_id": 1, "n": 7 }, doc! { "_id": 2, "n": 7 }, doc! { "_id": 3 }])
        .await;
    let doubled = open(&DirectoryConfig { id: "n".into(), ..build_config(server, "doubled") }).await;
    assert_eq!(doubled.find_user("7").await.unwrap_err().code, DirectoryCode::Mismatch);
    assert_eq!(search(&*doubled, &query("")).await.rows.len(), 2, "nobody is listed without an id");
    doubled.close().await;
}

async fn what_looks_like_an_operator_is_text(server: &MongoServer) {
    let hostile = [
        r#"{"$gt":""}"#,
        "$where: sleep(1000)",
        ".*",
        "^a$",
        "(a+)+$",
        "[a-z]",
        "a|b",
        "\\Q\\E",
        "\\d",
        "a{2}",
        "x # comment",
        "line\nbreak",
        "$ne",
    ];
    let mut users: Vec<Document> =
        hostile.iter().map(|text| doc! { "email": format!("{text}@x"), "name": *text }).collect();
    users.push(doc! { "email": { "$gt": "" }, "name": "a document where a text should be" });
    users.push(doc! { "email": ["list@x", "of@x"], "name": 5 });
    insert(server, "hostile", users).await;
    let with_names = DirectoryConfig {
        email: Some("email".into()),
        name: Some("name".into()),
        ..build_config(server, "hostile")
    };
    for indexes in [vec![], vec![doc! { "name": "name", "key": { "name": 1 }, "collation": folding() }]] {
        if !indexes.is_empty() {
            index(server, "hostile", indexes).await;
        }
        let directory = open(&with_names).await;
        for text in hostile {
            let page = search(&*directory, &query(text)).await;
            let names: Vec<_> = page.rows.iter().map(|row| row.cells[1].as_deref()).collect();
            assert_eq!(names, [Some(text)], "{text:?} finds itself and nobody else");
            let email = search(&*directory, &query(&format!("{}@X", text.to_uppercase()))).await;
            assert_eq!(email.rows.len(), 1, "{text:?}");
        }
        assert_eq!(search(&*directory, &query("")).await.rows.len(), hostile.len() + 2);
        directory.close().await;
    }
}

async fn names_that_are_not_there_are_told(server: &MongoServer) {
    let users = build_config(server, "mongose");
    let error = opening_fails(&users, Some(READER_PASSWORD)).await;
    assert_eq!(error.code, DirectoryCode::Mismatch);
    assert!(error.message.contains("Did you mean `mongoose`?"), "{error}");
    assert!(error.hint.unwrap().contains("`kinds`"));

    let wrong = DirectoryConfig {
        name: Some("profile.nam".into()),
        email: Some("emails.0.adress".into()),
        columns: vec!["creatdAt".into()],
        ..build_config(server, "mongoose")
    };
    let error = opening_fails(&wrong, Some(READER_PASSWORD)).await;
    assert_eq!(error.code, DirectoryCode::Mismatch);
    for told in ["`profile.name`", "`emails.0.address`", "`createdAt`", "directory.columns[0]"] {
        assert!(error.message.contains(told), "{told}: {error}");
    }
    assert!(!error.message.contains("Lovelace"), "{error}");

    // A single old document that has the path is enough.
    let mut documents = vec![doc! { "_id": 0, "rare": "here" }];
    documents.extend((1..400).map(|at| doc! { "_id": at }));
    insert(server, "sparse", documents).await;
    let rare = DirectoryConfig { columns: vec!["rare".into()], ..build_config(server, "sparse") };
    open(&rare).await.close().await;
    // In an empty collection, no path can be checked.
    server.command("acme", doc! { "create": "empty" }).await;
    let empty =
        open(&DirectoryConfig { columns: vec!["any.path".into()], ..build_config(server, "empty") }).await;
    assert_eq!(search(&*empty, &query("")).await.rows, []);
    empty.close().await;
}

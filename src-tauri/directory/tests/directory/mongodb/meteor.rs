//! Meteor's users, whose addresses are a list, and views with their own collation.

use mongodb::bson::{DateTime, doc};
use understudy_directory::DirectoryConfig;
use understudy_directory::{FieldKind, Tier};

use super::{build_config, folding, index, insert, open, server};
use crate::story::{query, search};

#[tokio::test]
async fn all_addresses_are_searched_and_the_first_is_sent() {
    let server = server().await;
    let at = |day: i64| DateTime::from_millis(1_704_067_200_000 + day * 86_400_000);
    insert(
        &server,
        "users",
        vec![
            doc! { "_id": "uWq7b3Fz2LkT9xYcA", "createdAt": at(1), "profile": { "name": "Ann O'Neil" },
                   "emails": [{ "address": "ann@x.y", "verified": true }, { "address": "Second@x.y", "verified": false }] },
            doc! { "_id": "zHs8c4Gx3MmU8wZdB", "createdAt": at(2), "profile": { "name": "Bob" },
                   "emails": [{ "address": "bob@x.y" }] },
            doc! { "_id": "qqqqqqqqqqqqqqqqq", "createdAt": at(3), "services": {}, "profile": { "name": "No mail" } },
            doc! { "_id": "wwwwwwwwwwwwwwwww", "createdAt": at(4), "emails": [], "profile": { "name": "Empty" } },
        ],
    )
    .await;
    let discovered = understudy_directory::discover_tables(
        &build_config(&server, "users"),
        Some(&super::READER_PASSWORD.into()),
    )
    .await
    .unwrap();
    let guess = &discovered.tables[0].guess;
    assert_eq!(guess.email.as_deref(), Some("emails.address"));
    let config = DirectoryConfig {
        email: guess.email.clone(),
        name: guess.name.clone(),
        created_at: guess.created_at.clone(),
        ..build_config(&server, "users")
    };
    for indexed in [false, true] {
        if indexed {
            let by_address =
                doc! { "name": "address", "key": { "emails.address": 1 }, "collation": folding() };
            index(&server, "users", vec![by_address]).await;
        }
        let directory = open(&config).await;
        assert_eq!(directory.info().columns[2].kind, FieldKind::Text);
        let ann = directory.find_user("uWq7b3Fz2LkT9xYcA").await.unwrap().expect("she is there");
        assert_eq!(ann.cells[2].as_deref(), Some("ann@x.y"));
        assert_eq!(directory.info().user_context(&ann)["email"], "ann@x.y");
        for text in ["ann@x.y", "second@X.Y", "Second@x", "ond@x", "neil ann", "email:second", "second x.y"] {
            let page = search(&*directory, &query(text)).await;
            let found: Vec<&str> = page.rows.iter().map(|row| row.id.as_str()).collect();
            assert_eq!(found, ["uWq7b3Fz2LkT9xYcA"], "{text}, indexed: {indexed}");
        }
        assert_eq!(search(&*directory, &query("SECOND@x.y")).await.how.tier, Tier::Email);
        let everybody = search(&*directory, &query("")).await;
        let addresses: Vec<Option<&str>> = everybody.rows.iter().map(|row| row.cells[2].as_deref()).collect();
        assert_eq!(addresses, [None, None, Some("bob@x.y"), Some("ann@x.y")]);
        directory.close().await;
    }
}

#[tokio::test]
async fn a_view_with_a_collation_can_be_searched() {
    let server = server().await;
    let users = (0..30_i32).map(|at| {
        let name = ["Ann", "ANN", "Bob"][usize::try_from(at).unwrap() % 3];
        doc! { "_id": at, "email": format!("User{at}@x.y"), "name": name }
    });
    insert(&server, "users", users.collect()).await;
    for (view, collation) in [("folded", Some(folding())), ("plain", None)] {
        let mut create =
            doc! { "create": view, "viewOn": "users", "pipeline": [{ "$match": { "_id": { "$gte": 3 } } }] };
        create.extend(collation.map(|collation| ("collation".to_owned(), collation.into())));
        server.command(super::DATABASE, create).await;
        let config = DirectoryConfig {
            email: Some("email".into()),
            name: Some("name".into()),
            ..build_config(&server, view)
        };
        let directory = open(&config).await;
        assert!(
            directory.info().coverage.iter().all(|service| service.advice.is_none()),
            "a view has no indexes"
        );
        for (text, found) in [
            ("", 27),
            ("user7@X.Y", 1),
            ("ANN", 18),
            ("ser1", 10),
            ("7", 3),
            ("bob user", 9),
            ("name:bob", 9),
        ] {
            let rows: usize = crate::story::pages(
                &*directory,
                understudy_directory::ListRequest { limit: 4, ..query(text) },
            )
            .await
            .iter()
            .map(|page| page.rows.len())
            .sum();
            assert_eq!(rows, found, "{view}: {text}");
        }
        assert_eq!(
            directory.find_user("7").await.unwrap().expect("it is there").cells[2].as_deref(),
            Some("User7@x.y")
        );
        let count = directory.count_users("ann", &tokio_util::sync::CancellationToken::new()).await.unwrap();
        assert_eq!(count.users, 18);
        directory.close().await;
    }
}

//! A collection that is too large to be read at every keystroke: what is read of it, and what is left out.

use mongodb::bson::{DateTime, Document, doc};
use tokio_util::sync::CancellationToken;
use understudy_directory::DirectoryConfig;
use understudy_directory::{ListRequest, Place, Sort, Tier};
use understudy_test_support::mongod::MongoServer;

use super::{DATABASE, build_config, folding, index, insert, open, server};
use crate::story::{query, search};

/// More than the 25,000 that may be read unasked with a time limit of two and a half seconds.
const USERS: i64 = 26_000;

/// How many documents the server has examined for our queries since the last call.
async fn examined(server: &MongoServer) -> i64 {
    let profile = server.database(DATABASE).collection::<Document>("system.profile");
    let asked = doc! { "appName": "understudy", "ns": format!("{DATABASE}.users") };
    let sum = doc! { "$group": { "_id": 0, "docs": { "$sum": "$docsExamined" } } };
    let mut cursor = profile.aggregate([doc! { "$match": asked }, sum]).await.unwrap();
    assert!(cursor.advance().await.unwrap(), "the profiler saw something");
    let sum: Document = cursor.deserialize_current().unwrap();
    server.command(DATABASE, doc! { "profile": 0 }).await;
    server.command(DATABASE, doc! { "drop": "system.profile" }).await;
    server.command(DATABASE, doc! { "profile": 2 }).await;
    sum.get_i32("docs").map(i64::from).or_else(|_| sum.get_i64("docs")).unwrap()
}

#[tokio::test]
async fn a_keystroke_reads_a_page_and_not_the_collection() {
    let server = server().await;
    let users = (0..USERS).map(|at| {
        let name = ["Ada", "Bob", "Chloé", "Dmitri"][usize::try_from(at % 4).unwrap()];
        doc! {
            "_id": at,
            "email": format!("{name}.{at}@example.com"),
            "name": if at == 3 { "Grace Brewster Hopper".to_owned() } else { format!("{name} Okafor") },
            // Hundreds at the same time.
            "createdAt": DateTime::from_millis(1_700_000_000_000 + at / 300),
        }
    });
    insert(&server, "users", users.collect()).await;
    index(
        &server,
        "users",
        vec![
            doc! { "name": "email", "key": { "email": 1 }, "collation": folding() },
            doc! { "name": "newest", "key": { "createdAt": 1 } },
        ],
    )
    .await;
    server.command(DATABASE, doc! { "profile": 2 }).await;
    let config = DirectoryConfig {
        email: Some("email".into()),
        name: Some("name".into()),
        created_at: Some("createdAt".into()),
        timeout_ms: 2500,
        ..build_config(&server, "users")
    };
    let directory = open(&config).await;
    assert_eq!(directory.info().estimated_total, Some(26_000));
    examined(&server).await;

    // The newest page, the next ones and the last one each examine about a page, plus those created at the same time.
    let mut page = search(&*directory, &query("")).await;
    assert_eq!(page.rows[0].id, "25999");
    assert!(examined(&server).await < 500);
    for _ in 0..8 {
        page =
            search(&*directory, &ListRequest { place: Place::After(page.next.unwrap()), ..query("") }).await;
    }
    assert_eq!(page.rows[0].id, "25599");
    assert!(examined(&server).await < 8 * 800);
    let last = search(&*directory, &ListRequest { place: Place::End, ..query("") }).await;
    assert_eq!(last.rows[49].id, "0");
    assert!(examined(&server).await < 800);

    // An email address is found by its index in any case; only names are searched among the newest.
    let found = search(&*directory, &query("BOB.1@EXAMPLE.COM")).await;
    assert_eq!((found.rows.len(), found.how.tier), (1, Tier::Email));
    assert!(examined(&server).await < 5200);
    // Prefixes come in the index's order, however many there are, until the page is full.
    let found = search(&*directory, &query("BOB")).await;
    assert_eq!((found.how.tier, found.how.by.as_deref()), (Tier::Prefix, Some("email")));
    assert_eq!(found.rows[0].cells[2].as_deref(), Some("Bob.1@example.com"));
    assert!(found.next.is_some() && found.left_out.is_none());
    assert!(examined(&server).await < 200);

    // Without an index, the newest are searched, and the page says so.
    let question = query("brewster hopper");
    let nobody = search(&*directory, &question).await;
    assert_eq!(nobody.rows, []);
    let left_out = nobody.left_out.expect("it was not searched as a whole");
    assert_eq!((left_out.rows, left_out.looked_at), (Some(26_000), Some(5000)));
    assert!(examined(&server).await <= 5010);
    let everywhere = search(&*directory, &ListRequest { everywhere: true, ..question.clone() }).await;
    assert_eq!((everywhere.rows.len(), everywhere.how.tier, everywhere.left_out), (1, Tier::Contains, None));
    let newest = search(&*directory, &query("afor")).await;
    assert_eq!((newest.rows[0].id.as_str(), newest.how.tier), ("25999", Tier::Contains));
    let by_name = ListRequest { sort: Some(Sort { column: "name".into(), descending: false }), ..query("") };
    assert!(search(&*directory, &by_name).await.left_out.is_some());
    let count = directory.count_users("bob", &CancellationToken::new()).await.unwrap();
    assert_eq!((count.users, count.capped), (1000, true));
    assert_eq!(directory.count_users("", &CancellationToken::new()).await.unwrap().users, 26_000);
    directory.close().await;

    // A text index finds whole words anywhere, in any order.
    index(&server, "users", vec![doc! { "name": "words", "key": { "email": "text", "name": "text" } }]).await;
    let directory = open(&config).await;
    let info = directory.info();
    let words = info.coverage.iter().find(|service| service.tier == Tier::Words);
    assert_eq!(words.and_then(|words| words.index.as_deref()), Some("words"));
    examined(&server).await;
    for text in ["hopper grace", "Brewster -hopper\""] {
        let found = search(&*directory, &query(text)).await;
        if text.contains('-') {
            assert_eq!(found.rows, [], "a sign is a sign, not an operator");
        } else {
            assert_eq!((found.rows[0].id.as_str(), found.how.tier), ("3", Tier::Words), "{text}");
            assert!(found.left_out.is_some(), "parts of words were not searched");
        }
    }
    directory.close().await;
}

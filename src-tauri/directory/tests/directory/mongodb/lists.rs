//! Paths through lists: users are listed and counted exactly if a single value of theirs meets all conditions, wherever
//! the list is on the path, and whether or not the newest documents have one.

use std::collections::BTreeSet;

use mongodb::bson::{Bson, DateTime, Document, doc};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use tokio_util::sync::CancellationToken;
use understudy_directory::DirectoryConfig;
use understudy_directory::{Directory, ListRequest, Sort};

use super::{DATABASE, build_config, folding, index, insert, open, server};
use crate::story::{backwards, pages, query, search};

/// More than the sample in which the directory looks for lists; none of them has one.
const NEWEST: i32 = 210;
/// Older documents, of every shape.
const ODD: i32 = 240;

const TEXTS: [&str; 8] = ["alpha@x.y", "zulu@x.y", "mike@x.y", "Mike Able", "nobody", "n", "Ähre", "m"];
const SEARCHED: [&str; 12] =
    ["nobody", "mike", "n", "m", "alpha", "z", "x.y", "able mike", "zulu alpha", "ähre", "b", "7"];

fn day(day: i32) -> Bson {
    DateTime::from_millis(1_767_225_600_000 + i64::from(day) * 86_400_000).into()
}

/// A value, a list of values, a list in a list, or nothing.
fn value(one: BoxedStrategy<Bson>) -> BoxedStrategy<Option<Bson>> {
    let list = prop::collection::vec(one.clone(), 0..4).prop_map(Bson::from);
    prop_oneof![
        2 => one.clone().prop_map(Some),
        4 => list.clone().prop_map(Some),
        1 => prop::collection::vec(prop_oneof![one, list], 0..3).prop_map(|items| Some(items.into())),
        1 => Just(Some(Bson::Null)),
        1 => Just(None),
    ]
    .boxed()
}

/// The same as field `name` of a document, of several documents in a list, or missing.
fn inside(name: &'static str, one: BoxedStrategy<Bson>) -> BoxedStrategy<Option<Bson>> {
    let holder = value(one.clone()).prop_map(move |value| {
        let mut holder = doc! { "verified": true };
        if let Some(value) = value {
            holder.insert(name, value);
        }
        Bson::from(holder)
    });
    prop_oneof![
        2 => holder.clone().prop_map(Some),
        5 => prop::collection::vec(holder.clone(), 0..4).prop_map(|items| Some(items.into())),
        1 => prop::collection::vec(prop_oneof![holder, one], 0..3).prop_map(|items| Some(items.into())),
        1 => Just(None),
    ]
    .boxed()
}

fn odd(id: i32) -> impl Strategy<Value = Document> {
    let text = || select(&TEXTS[..]).prop_map(Bson::from).boxed();
    let number = || prop_oneof![(0..10_i32).prop_map(Bson::from), Just(Bson::from(4.5))].boxed();
    let time = || (0..60).prop_map(day).boxed();
    let fields = (
        inside("address", text()),
        value(text()),
        value(number()),
        value(time()),
        inside("at", time()),
        prop_oneof![number().prop_map(Bson::from), Just(Bson::from(vec![1, 2]))],
    );
    fields.prop_map(move |(emails, mails, number, seen, log, serial)| {
        let mut user = doc! { "_id": id };
        let known = [("emails", emails), ("mails", mails), ("n", number), ("seen", seen), ("log", log)];
        for (name, value) in known {
            user.extend(value.map(|value| (name.to_owned(), value)));
        }
        user.insert("serial", if serial.as_array().is_some() { serial } else { id.into() });
        user
    })
}

fn users() -> Vec<Document> {
    let mut runner = TestRunner::deterministic();
    let mut users: Vec<Document> =
        (1..=ODD).map(|id| odd(id).new_tree(&mut runner).expect("a document").current()).collect();
    // Two members, one on each side of the queried range; taken from a bug report.
    users.push(doc! {
        "_id": ODD + 1, "serial": ODD + 1, "emails": [{ "address": "alpha@x.y" }, { "address": "zulu@x.y" }],
        "mails": ["alpha@x.y", "zulu@x.y"], "n": [0, 9], "seen": [day(0), day(59)], "log": [{ "at": day(0) }, { "at": day(59) }],
    });
    users.extend((1..=NEWEST).map(|at| {
        let id = 1000 + at;
        doc! { "_id": id, "serial": id, "emails": { "address": "q@q" }, "mails": "q", "n": 100, "seen": day(-500), "log": { "at": day(-500) } }
    }));
    users
}

/// All values at `path`, with the server's documented semantics.
fn members<'a>(user: &'a Document, path: &str) -> Vec<&'a Bson> {
    let (name, rest) = path.split_once('.').map_or((path, None), |(name, rest)| (name, Some(rest)));
    match (user.get(name), rest) {
        (Some(Bson::Array(items)), None) => items.iter().collect(),
        (Some(value), None) => vec![value],
        (Some(Bson::Document(inner)), Some(rest)) => members(inner, rest),
        (Some(Bson::Array(items)), Some(rest)) => {
            if let Some((place, rest)) = rest.split_once('.')
                && let Ok(place) = place.parse::<usize>()
            {
                let holder = items.get(place).and_then(Bson::as_document);
                return holder.map(|holder| members(holder, rest)).unwrap_or_default();
            }
            items.iter().filter_map(Bson::as_document).flat_map(|inner| members(inner, rest)).collect()
        }
        _ => vec![],
    }
}

fn number(value: &Bson) -> Option<f64> {
    value.as_f64().or_else(|| value.as_i32().map(f64::from))
}

fn days(value: &Bson) -> Option<i64> {
    value.as_datetime().map(|time| (time.timestamp_millis() - 1_767_225_600_000) / 86_400_000)
}

fn any(user: &Document, path: &str, passes: impl Fn(&Bson) -> bool) -> bool {
    members(user, path).into_iter().any(passes)
}

/// Whether there is anything at `path`, even an empty list.
fn is_there(user: &Document, path: &str) -> bool {
    let ends_in_list = |path: &str| match path.split_once('.') {
        None => matches!(user.get(path), Some(Bson::Array(_))),
        Some((first, last)) => match user.get(first) {
            Some(Bson::Document(inner)) => matches!(inner.get(last), Some(Bson::Array(_))),
            Some(Bson::Array(items)) => items
                .iter()
                .any(|item| matches!(item.as_document().and_then(|it| it.get(last)), Some(Bson::Array(_)))),
            _ => false,
        },
    };
    ends_in_list(path) || any(user, path, |value| *value != Bson::Null)
}

/// Whether `text` must find this user in the searched columns.
fn is_found(user: &Document, text: &str) -> bool {
    let has = |path: &str, part: &str| {
        any(user, path, |value| {
            value.as_str().is_some_and(|it| it.to_lowercase().contains(&part.to_lowercase()))
        })
    };
    let anywhere = |part: &str| has("emails.address", part) || has("mails", part);
    user.get_i32("_id").unwrap().to_string() == text || text.split(' ').all(anywhere)
}

type Passes = fn(&Document) -> bool;

const FILTERS: [(&str, Passes); 20] = [
    ("n:2..5", |user| any(user, "n", |n| number(n).is_some_and(|n| (2.0..=5.0).contains(&n)))),
    ("n:>=2 n:<5", |user| any(user, "n", |n| number(n).is_some_and(|n| (2.0..5.0).contains(&n)))),
    ("n:<5 n:>2", |user| any(user, "n", |n| number(n).is_some_and(|n| n > 2.0 && n < 5.0))),
    ("-n:2..5", |user| !any(user, "n", |n| number(n).is_some_and(|n| (2.0..=5.0).contains(&n)))),
    ("n:1,4..6", |user| {
        any(user, "n", |n| number(n).is_some_and(|n| (1.0..=1.0).contains(&n) || (4.0..=6.0).contains(&n)))
    }),
    ("n:4", |user| any(user, "n", |n| number(n) == Some(4.0))),
    ("n:>8", |user| any(user, "n", |n| number(n).is_some_and(|n| n > 8.0))),
    ("n:none", |user| !is_there(user, "n")),
    ("n:*", |user| is_there(user, "n")),
    ("seen:2026-01-15", |user| any(user, "seen", |at| days(at) == Some(14))),
    ("seen:2026-01-10..2026-01-20", |user| {
        any(user, "seen", |at| days(at).is_some_and(|at| (9..20).contains(&at)))
    }),
    ("seen:<2026-01-05", |user| any(user, "seen", |at| days(at).is_some_and(|at| at < 4))),
    ("log.at:2026-02", |user| any(user, "log.at", |at| days(at).is_some_and(|at| (31..59).contains(&at)))),
    ("log.at:2026-01-15", |user| any(user, "log.at", |at| days(at) == Some(14))),
    ("log.at:>2026-01-15 log.at:<2026-02", |user| {
        any(user, "log.at", |at| days(at).is_some_and(|at| (15..31).contains(&at)))
    }),
    ("-log.at:2026-01", |user| !any(user, "log.at", |at| days(at).is_some_and(|at| (0..31).contains(&at)))),
    ("log.at:none", |user| !is_there(user, "log.at")),
    ("emails.address:none", |user| !is_there(user, "emails.address")),
    ("emails.0.address:mike*", |user| {
        any(user, "emails.0.address", |it| {
            it.as_str().is_some_and(|it| it.to_lowercase().starts_with("mike"))
        })
    }),
    ("mails:=mike@x.y", |user| any(user, "mails", |it| it.as_str() == Some("mike@x.y"))),
];

#[tokio::test]
async fn a_single_value_meets_all_conditions() {
    let server = server().await;
    let users = users();
    insert(&server, "lists", users.clone()).await;
    let paths = ["emails.address", "mails", "n", "seen", "log.at", "serial"];
    let plain = paths.map(|path| doc! { "name": path, "key": { path: 1 } });
    let folds = ["emails.address", "mails"]
        .map(|path| doc! { "name": format!("{path} folds"), "key": { path: 1 }, "collation": folding() });
    for indexes in [vec![], plain.to_vec(), folds.to_vec()] {
        if !indexes.is_empty() {
            index(&server, "lists", indexes).await;
        }
        for (id, created_at) in [("_id", None), ("_id", Some("log.at")), ("serial", Some("seen"))] {
            let config = DirectoryConfig {
                id: id.into(),
                created_at: created_at.map(str::to_owned),
                columns: ["emails.address", "emails.0.address", "mails", "n", "seen", "log.at"]
                    .map(str::to_owned)
                    .to_vec(),
                search: Some(vec!["emails.address".into(), "mails".into()]),
                timeout_ms: 20_000,
                ..build_config(&server, "lists")
            };
            let directory = open(&config).await;
            // A document whose ID is a list is not a user.
            let users: Vec<&Document> =
                users.iter().filter(|user| user.get(id).unwrap().as_array().is_none()).collect();
            if created_at.is_some() {
                a_row_of_a_list_is_what_the_document_says(&*directory).await;
            }
            everybody_is_found_who_should_be(&*directory, &users).await;
            lists_stand_behind_what_can_be_ordered(&*directory, &users).await;
            directory.close().await;
        }
    }
}

/// The server cuts long values in a list, but one user is read in full. Nothing here is long enough to be cut.
async fn a_row_of_a_list_is_what_the_document_says(directory: &dyn Directory) {
    for row in search(directory, &ListRequest { limit: 500, ..query("") }).await.rows {
        assert_eq!(directory.find_user(&row.id).await.unwrap().as_ref(), Some(&row));
    }
}

/// However long a value is, a list transfers no more of it than it shows.
#[tokio::test]
async fn long_values_are_truncated_on_the_server() {
    let server = server().await;
    let long = |of: &str| of.repeat(1_000_000);
    let users = (0..6).map(|at| {
        let notes: Vec<Bson> = (0..50_000).map(Bson::from).collect();
        doc! {
            "_id": at, "bio": long("ä"), "profile": { "bio": long("b") }, "emails": [{ "address": long("c") }, {}],
            "notes": notes, "settings": { "long": long("d"), "last": 1 }, "short": "Ada",
        }
    });
    insert(&server, "users", users.collect()).await;
    let columns = ["bio", "profile.bio", "emails.address", "emails.0.address", "notes", "settings", "short"];
    let config = DirectoryConfig {
        columns: columns.map(str::to_owned).to_vec(),
        search: Some(vec!["short".into()]),
        timeout_ms: 20_000,
        ..build_config(&server, "users")
    };
    let directory = open(&config).await;
    server.command(DATABASE, doc! { "profile": 2 }).await;
    let rows = search(&*directory, &query("ada")).await.rows;
    server.command(DATABASE, doc! { "profile": 0 }).await;
    assert_eq!(rows.len(), 6);
    let profile = server.database(DATABASE).collection::<Document>("system.profile");
    let sum = doc! { "$group": { "_id": 0, "bytes": { "$sum": "$responseLength" } } };
    let mut cursor = profile.aggregate([doc! { "$match": { "appName": "understudy" } }, sum]).await.unwrap();
    assert!(cursor.advance().await.unwrap(), "the profiler saw something");
    let sum: Document = cursor.deserialize_current().unwrap();
    let bytes = sum.get_i32("bytes").map(i64::from).or_else(|_| sum.get_i64("bytes")).unwrap();
    assert!(bytes < 1_000_000, "{bytes} bytes of some 30 million");
    let whole = directory.find_user("3").await.unwrap().expect("the third");
    let row = rows.iter().find(|row| row.id == "3").expect("the third");
    assert_eq!(*row, whole, "what is shown is the same");
    assert!(row.cells.iter().flatten().filter(|cell| cell.chars().count() == 2001).count() >= 6, "{row:?}");
    directory.close().await;
}

async fn everybody_is_found_who_should_be(directory: &dyn Directory, users: &[&Document]) {
    let whatever: Passes = |_| true;
    let texts = SEARCHED.iter().map(|text| (*text, "", whatever));
    let filters = FILTERS.iter().map(|(filter, passes)| ("", *filter, *passes));
    let both = FILTERS.iter().step_by(3).map(|(filter, passes)| ("mike", *filter, *passes));
    for (text, filter, passes) in texts.chain(filters).chain(both) {
        let expected: BTreeSet<String> = users
            .iter()
            .filter(|user| (text.is_empty() || is_found(user, text)) && passes(user))
            .map(|user| user.get_i32("_id").unwrap().to_string())
            .collect();
        let question = format!("{text} {filter}");
        let count = directory.count_users(&question, &CancellationToken::new()).await.unwrap();
        assert_eq!(count.users, expected.len() as u64, "{question:?} is counted");
        let question = ListRequest { limit: 23, ..query(&question) };
        let mut listed: Vec<String> = Vec::new();
        for page in pages(directory, question.clone()).await {
            listed.extend(page.rows.into_iter().map(|row| row.id));
        }
        let back: Vec<String> =
            backwards(directory, question.clone()).await.into_iter().map(|row| row.id).collect();
        assert_eq!(listed, back, "{question:?}");
        let found: BTreeSet<String> = listed.iter().cloned().collect();
        let wrong: Vec<_> = found.symmetric_difference(&expected).collect();
        assert!(wrong.is_empty(), "{question:?}: {wrong:?}");
        assert_eq!(found.len(), listed.len(), "{question:?}: everybody once");
    }
}

/// The sample of newest documents has no lists, so these columns can be sorted by unless an index says otherwise.
async fn lists_stand_behind_what_can_be_ordered(directory: &dyn Directory, users: &[&Document]) {
    for column in ["n", "seen", "log.at"] {
        for descending in [false, true] {
            let sort = Some(Sort { column: column.into(), descending });
            let question = ListRequest { sort, limit: 90, everywhere: true, ..query("") };
            if directory.search_users(&question, &CancellationToken::new()).await.is_err() {
                continue; // the index shows that it contains lists
            }
            let mut listed = Vec::new();
            for page in pages(directory, question).await {
                listed.extend(page.rows.into_iter().map(|row| row.id));
            }
            assert_eq!(listed.len(), users.len(), "by {column}");
            let user =
                |id: &String| users.iter().find(|user| user.get_i32("_id").unwrap().to_string() == *id);
            let values: Vec<f64> = listed
                .iter()
                .map_while(|id| {
                    let user = user(id).unwrap();
                    let at = column.split('.').try_fold(Bson::from((*user).clone()), |value, name| {
                        value.as_document().and_then(|inner| inner.get(name)).cloned()
                    });
                    #[allow(clippy::cast_precision_loss, reason = "days of a year")]
                    at.and_then(|value| number(&value).or_else(|| days(&value).map(|days| days as f64)))
                })
                .collect();
            assert!(values.len() > usize::try_from(NEWEST).unwrap(), "those of one value come first");
            let ordered = values.is_sorted_by(|one, two| if descending { one >= two } else { one <= two });
            assert!(ordered, "by {column}: {values:?}");
        }
    }
}

/// The server examines the matching range of the index, not half of it.
#[tokio::test]
async fn a_prefix_in_a_list_is_read_from_the_index() {
    let server = server().await;
    let users = (0..3000).map(|at| {
        let address = |of: &str| doc! { "address": format!("{of}{at}@example.com") };
        doc! { "_id": at, "emails": [address("alpha"), address("mike"), address("zulu")], "mails": [format!("mike{at}"), format!("zulu{at}")] }
    });
    insert(&server, "users", users.collect()).await;
    let indexes = ["emails.address", "mails"].map(|path| doc! { "name": path, "key": { path: 1 } });
    index(&server, "users", indexes.to_vec()).await;
    for path in ["emails.address", "mails"] {
        let config = DirectoryConfig {
            search: Some(vec![path.into()]),
            columns: vec![path.into()],
            ..build_config(&server, "users")
        };
        let directory = open(&config).await;
        server.command(DATABASE, doc! { "profile": 2 }).await;
        let page = search(&*directory, &ListRequest { limit: 10, ..query("mike277") }).await;
        server.command(DATABASE, doc! { "profile": 0 }).await;
        assert_eq!(page.rows.len(), 10);
        let asked = doc! { "appName": "understudy", "planSummary": { "$regex": "IXSCAN" } };
        let profile = server.database(DATABASE).collection::<Document>("system.profile");
        let sum = doc! { "$group": { "_id": 0, "keys": { "$sum": "$keysExamined" } } };
        let mut cursor = profile.aggregate([doc! { "$match": asked }, sum]).await.unwrap();
        assert!(cursor.advance().await.unwrap(), "an index is asked");
        let sum: Document = cursor.deserialize_current().unwrap();
        let keys = sum.get_i32("keys").map(i64::from).or_else(|_| sum.get_i64("keys")).unwrap();
        assert!(keys < 60, "{path}: {keys} keys are examined");
        server.command(DATABASE, doc! { "drop": "system.profile" }).await;
        directory.close().await;
    }
}

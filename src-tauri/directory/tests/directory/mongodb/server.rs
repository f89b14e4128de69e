//! What only a server can do: refuse, be slow, go away and come back.

use std::sync::Arc;
use std::time::{Duration, Instant};

use mongodb::bson::{Document, doc};
use tokio_util::sync::CancellationToken;
use understudy_directory::DirectoryCode;
use understudy_directory::DirectoryConfig;
use understudy_test_support::mongod::MongoServer;

use super::{DATABASE, READER, READER_PASSWORD, build_config, insert, open, opening_fails, server};
use crate::faults::{self, Administrator, Overseer};
use crate::story::{query, search};

#[tokio::test]
async fn refusals_are_distinguished() {
    let server = server().await;
    insert(&server, "users", vec![doc! { "_id": 1, "email": "ada@example.com" }]).await;
    insert(&server, "orders", vec![doc! { "_id": 1 }]).await;
    let users = DirectoryConfig { email: Some("email".into()), ..build_config(&server, "users") };
    let directory = open(&users).await;

    // The minimal rights, as the directory's advice lists them.
    let reader = &directory.info().reader;
    assert!(reader[0].contains(r#"actions: ["find", "listIndexes", "collStats"]"#), "{reader:?}");
    let privilege = doc! {
        "resource": { "db": DATABASE, "collection": "users" },
        "actions": ["find", "listIndexes", "collStats"],
    };
    let role = doc! { "createRole": "understudy", "privileges": [privilege], "roles": [] };
    server.command(DATABASE, role).await;
    server.user("least", READER_PASSWORD, vec![doc! { "role": "understudy", "db": DATABASE }]).await;
    let least =
        |table: &str| DirectoryConfig { url: server.url("least", DATABASE), ..build_config(&server, table) };
    let with_least = open(&least("users")).await;
    assert_eq!(search(&*with_least, &query("1")).await.rows.len(), 1);
    with_least.close().await;

    let error = opening_fails(&least("orders"), Some(READER_PASSWORD)).await;
    assert_eq!(error.code, DirectoryCode::Refused, "{error}");
    assert!(error.message.contains("orders") && error.hint.as_ref().unwrap().contains("find"));
    let text = error.to_string();
    assert!(!text.contains(['{', '$']) && !text.contains("lsid"), "the command is not repeated: {text}");
    let error = opening_fails(&users, Some("wr0ng")).await;
    assert_eq!(error.code, DirectoryCode::Refused, "{error}");
    assert!(error.message.contains("127.0.0.1") && error.message.contains("login"), "{error}");
    let error = opening_fails(&users, None).await;
    assert_eq!(error.code, DirectoryCode::Refused);
    assert!(error.message.contains("none is stored"), "{error}");
    let nobody = DirectoryConfig { url: server.url("nobody", DATABASE), ..users.clone() };
    assert_eq!(opening_fails(&nobody, Some("wr0ng")).await.code, DirectoryCode::Refused);
    let anonymous = users.url.replace(&format!("{READER}@"), "");
    let error = opening_fails(&DirectoryConfig { url: anonymous, ..users.clone() }, None).await;
    assert_eq!(error.code, DirectoryCode::Refused, "{error}");
    let other = DirectoryConfig { url: server.url(READER, "missing"), ..users.clone() };
    let error = opening_fails(&other, Some(READER_PASSWORD)).await;
    assert_eq!(error.code, DirectoryCode::Refused, "this user may read another database: {error}");
    let secure = DirectoryConfig { url: format!("{}&tls=true", users.url), ..users.clone() };
    let error = opening_fails(&secure, Some(READER_PASSWORD)).await;
    assert!(matches!(error.code, DirectoryCode::Refused | DirectoryCode::Unreachable), "{error}");
    let unknown = DirectoryConfig { url: "mongodb://no-such-host.invalid/acme".into(), ..users.clone() };
    let error = opening_fails(&unknown, None).await;
    assert_eq!(error.code, DirectoryCode::Unreachable, "{error}");
    assert!(error.message.contains("no-such-host.invalid"));

    // Rights revoked after opening are reported too.
    server
        .command(
            "admin",
            doc! { "revokeRolesFromUser": READER, "roles": [{ "role": "read", "db": DATABASE }] },
        )
        .await;
    let error = directory.search_users(&query(""), &CancellationToken::new()).await.unwrap_err();
    assert_eq!(error.code, DirectoryCode::Refused, "{error}");
    server
        .command("admin", doc! { "grantRolesToUser": READER, "roles": [{ "role": "read", "db": DATABASE }] })
        .await;
    assert_eq!(
        search(&*directory, &query("")).await.rows.len(),
        1,
        "and when it is back, so is the directory"
    );
    directory.close().await;
}

/// Our operations that are running on the server now.
async fn running(server: &MongoServer) -> Vec<Document> {
    running_in(server, DATABASE).await
}

/// The same in another database.
pub async fn running_in(server: &MongoServer, database: &str) -> Vec<Document> {
    let admin = server.database("admin");
    let ours = doc! { "appName": "understudy", "active": true, "command.$db": database };
    let current = doc! { "$currentOp": { "allUsers": true } };
    let mut cursor = admin.aggregate([current, doc! { "$match": ours }]).await.unwrap();
    let mut operations = Vec::new();
    while cursor.advance().await.unwrap() {
        operations.push(cursor.deserialize_current().unwrap());
    }
    operations
}

/// Waits until this many are running.
async fn wait_for(server: &MongoServer, count: usize) {
    let started = Instant::now();
    loop {
        let operations = running(server).await;
        if operations.len() == count {
            return;
        }
        assert!(started.elapsed() < Duration::from_secs(20), "not {count}, but {operations:?}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Waits until the server has closed the last of our connections.
async fn wait_until_disconnected(server: &MongoServer) {
    let started = Instant::now();
    loop {
        let ours = doc! { "currentOp": 1, "$all": true, "appName": "understudy" };
        let left = server.command("admin", ours).await;
        let left = left.get_array("inprog").expect("it lists connections");
        if left.is_empty() {
            return;
        }
        assert!(started.elapsed() < Duration::from_secs(20), "{left:?}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Replaces a collection under an open directory with a view that sleeps. Sleeping JavaScript does not notice that its
/// connection was closed: it ends only when it is told to.
async fn fall_asleep(server: &MongoServer) {
    server.command(DATABASE, doc! { "drop": "slow" }).await;
    let nap = doc! { "$function": { "body": "function() { sleep(60000); return 'awake'; }", "args": [], "lang": "js" } };
    let view = doc! { "create": "slow", "viewOn": "users", "pipeline": [{ "$addFields": { "email": nap } }] };
    server.command(DATABASE, view).await;
}

struct Admin<'a>(&'a MongoServer);

impl Administrator for Admin<'_> {
    async fn rename(&mut self, table: &str, to: &str) {
        let (from, to) = (format!("{DATABASE}.{table}"), format!("{DATABASE}.{to}"));
        self.0.command("admin", doc! { "renameCollection": from, "to": to }).await;
    }
}

impl Overseer for Admin<'_> {
    async fn runs(&self, questions: usize) {
        wait_for(self.0, questions).await;
    }

    async fn stop(&self) {
        for operation in running(self.0).await {
            let op = operation.get("opid").cloned().expect("each has a number");
            self.0.command("admin", doc! { "killOp": 1, "op": op }).await;
        }
    }

    /// A test cannot close a connection on the server's side.
    async fn hang_up(&self) {
        self.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn faults_are_reported_until_they_are_fixed() {
    let server = server().await;
    insert(&server, "users", (1..=40).map(|id| doc! { "_id": id }).collect()).await;
    insert(&server, "slow", vec![doc! { "_id": 1, "email": "ada@example.com" }]).await;
    let users = open(&build_config(&server, "users")).await;
    let slow = |timeout_ms| DirectoryConfig {
        email: Some("email".into()),
        timeout_ms,
        ..build_config(&server, "slow")
    };
    let (patient, hasty) = (open(&slow(60_000)).await, open(&slow(200)).await);
    faults::a_table_that_is_renamed_comes_back(&*users, &mut Admin(&server)).await;
    fall_asleep(&server).await;
    faults::a_question_that_is_ended_is_told(&patient, &*users, &Admin(&server), DirectoryCode::Refused)
        .await;
    faults::each_question_has_its_own_answer(&users).await;
    faults::whoever_waits_for_a_connection_waits_no_longer_than_it_takes(&hasty).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_left_running_and_a_restart_is_survived() {
    let mut server = server().await;
    for collection in ["users", "slow"] {
        insert(&server, collection, vec![doc! { "_id": 1, "email": "ada@example.com" }]).await;
    }
    let slow = |timeout_ms| DirectoryConfig {
        email: Some("email".into()),
        timeout_ms,
        ..build_config(&server, "slow")
    };
    let (patient, hasty) = (open(&slow(60_000)).await, open(&slow(200)).await);
    fall_asleep(&server).await;

    // More often than there are connections, so each must have been returned.
    for _ in 0..4 {
        let cancel = CancellationToken::new();
        let searching = tokio::spawn({
            let (directory, cancel) = (Arc::clone(&patient), cancel.clone());
            async move { directory.search_users(&query(""), &cancel).await }
        });
        wait_for(&server, 1).await;
        cancel.cancel();
        assert_eq!(searching.await.unwrap().unwrap_err().code, DirectoryCode::Cancelled);
        wait_for(&server, 0).await;
    }
    for _ in 0..3 {
        let reading = tokio::spawn({
            let directory = Arc::clone(&patient);
            async move { directory.find_user("1").await }
        });
        wait_for(&server, 1).await;
        reading.abort();
        assert!(reading.await.unwrap_err().is_cancelled());
        wait_for(&server, 0).await;
    }
    let cancel = CancellationToken::new();
    cancel.cancel();
    assert_eq!(patient.search_users(&query(""), &cancel).await.unwrap_err().code, DirectoryCode::Cancelled);

    for _ in 0..3 {
        let error = hasty.search_users(&query(""), &CancellationToken::new()).await.unwrap_err();
        assert_eq!(error.code, DirectoryCode::Timeout, "{error}");
        assert!(error.message.contains("0.2 s") && error.hint.is_some(), "{error}");
    }
    wait_for(&server, 0).await;
    patient.close().await;
    hasty.close().await;

    let users =
        DirectoryConfig { email: Some("email".into()), timeout_ms: 3000, ..build_config(&server, "users") };
    let directory = open(&users).await;
    assert_eq!(search(&*directory, &query("ada")).await.rows.len(), 1);
    server.stop();
    let error = directory.search_users(&query("ada"), &CancellationToken::new()).await.unwrap_err();
    assert_eq!(error.code, DirectoryCode::Unreachable, "{error}");
    assert!(error.message.contains(&server.port().to_string()), "{error}");
    assert_eq!(opening_fails(&users, Some(READER_PASSWORD)).await.code, DirectoryCode::Unreachable);
    server.start_again();
    assert_eq!(search(&*directory, &query("ada")).await.rows.len(), 1, "it reconnects by itself");
    directory.close().await;
    wait_until_disconnected(&server).await;
}

/// The view is slow itself, whatever the search.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_view_is_reported_as_a_view() {
    let server = server().await;
    insert(&server, "users", vec![doc! { "_id": 1, "email": "ada@example.com" }]).await;
    let view = doc! { "create": "customers", "viewOn": "users", "pipeline": [{ "$match": {} }] };
    server.command(DATABASE, view).await;
    let customers = DirectoryConfig {
        email: Some("email".into()),
        timeout_ms: 300,
        ..build_config(&server, "customers")
    };
    let directory = open(&customers).await;
    assert_eq!(search(&*directory, &query("")).await.rows.len(), 1);

    let nap = doc! { "$function": { "body": "function() { sleep(60000); return true; }", "args": [], "lang": "js" } };
    let pipeline = vec![doc! { "$match": { "$expr": nap } }];
    server.command(DATABASE, doc! { "collMod": "customers", "viewOn": "users", "pipeline": pipeline }).await;
    let searched = directory.search_users(&query(""), &CancellationToken::new()).await.unwrap_err();
    let opened = opening_fails(&customers, Some(READER_PASSWORD)).await;
    for (error, seconds) in [(searched, "0.3 s"), (opened, "10 s")] {
        assert_eq!(error.code, DirectoryCode::Timeout, "{error}");
        assert!(error.message.contains("customers is a view") && error.message.contains(seconds), "{error}");
        assert!(error.hint.as_ref().unwrap().contains("underlying collection"), "{error}");
    }
    directory.close().await;
}

/// The server in the URL answers, but calls itself by a name that does not resolve here.
#[tokio::test]
async fn a_replica_set_with_internal_names_is_explained() {
    let server = MongoServer::start_set("understudy-mongo1").await;
    let users = server.database("acme").collection("users");
    users.insert_one(doc! { "_id": 1, "email": "ada@example.com" }).await.unwrap();
    let at = |options: &str| DirectoryConfig {
        id: "_id".into(),
        ..crate::link::build_config(format!("mongodb://127.0.0.1:{}/acme{options}", server.port()))
    };
    let Err(error) = understudy_directory::open(&at(""), None).await else {
        panic!("its name is not known here")
    };
    assert_eq!(error.code, DirectoryCode::Unreachable, "{error}");
    let name = format!(
        "\"rs\" calls its members understudy-mongo1:{}, a name that is not known here",
        server.port()
    );
    assert!(error.message.contains(&name) && error.message.contains("answers"), "{error}");
    assert!(error.hint.as_ref().unwrap().contains("?directConnection=true"), "{error}");
    assert!(!error.to_string().contains("VPN"), "{error}");
    for options in ["?replicaSet=other", "?replicaSet=other&directConnection=true"] {
        let Err(error) = understudy_directory::open(&at(options), None).await else {
            panic!("its set is called rs")
        };
        assert_eq!(error.code, DirectoryCode::Mismatch, "{error}");
        assert!(
            error.message.contains("belongs to the replica set \"rs\", but directory.url asks for \"other\""),
            "{error}"
        );
        assert!(error.hint.as_ref().unwrap().contains("replicaSet=rs"), "{error}");
    }
    let directory = understudy_directory::open(&at("?directConnection=true"), None).await.unwrap();
    crate::link::ada_is_there(&*directory).await;
    assert!(!directory.info().server.contains("secondary"), "it is the primary: {}", directory.info().server);
    // A primary that steps down becomes a secondary, which may be behind; the server's description says so.
    let freeze = doc! { "replSetStepDown": 60, "force": true };
    server.command("admin", freeze).await;
    directory.refresh().await.unwrap();
    let said = &directory.info().server;
    assert!(said.ends_with(", a secondary: it may be a little behind"), "{said}");
    crate::link::ada_is_there(&*directory).await;
}

#[tokio::test]
async fn a_cluster_missing_in_the_dns_is_named() {
    let config = crate::link::build_config("mongodb+srv://reader@cluster.invalid/acme".into());
    let Err(error) = understudy_directory::open(&config, Some(&"s3cret".into())).await else {
        panic!("there is none")
    };
    assert_eq!(error.code, DirectoryCode::Unreachable, "{error}");
    assert!(error.message.contains("SRV record _mongodb._tcp.cluster.invalid"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn missing_and_unsupported_url_options_are_named_at_once() {
    let server = server().await;
    insert(&server, "users", vec![doc! { "_id": 1, "email": "ada@example.com" }]).await;
    // The error comes long before this.
    let config = |url: String| DirectoryConfig { patience: 300, url, ..build_config(&server, "users") };

    let nobody = format!("mongodb://127.0.0.1:{}/acme", server.port());
    let error = opening_fails(&config(nobody), None).await;
    assert_eq!((error.code, error.wants_password), (DirectoryCode::Refused, false), "{error}");
    assert!(error.message.contains("directory.url names no user"), "{error}");
    assert!(error.hint.unwrap().contains("mongodb://user@host"));

    let asked = format!("{}&replicaSet=rs0", server.url(READER, DATABASE));
    let error = opening_fails(&config(asked), Some(READER_PASSWORD)).await;
    assert_eq!(error.code, DirectoryCode::Mismatch, "{error}");
    assert!(
        error.message.contains("belongs to no replica set, but") && error.message.contains("\"rs0\""),
        "{error}"
    );
    assert!(error.hint.unwrap().contains("Remove replicaSet="));
}

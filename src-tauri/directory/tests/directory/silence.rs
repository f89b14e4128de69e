//! A server that goes silent during a query, and one that is merely slow: the error tells them apart.

use std::sync::Arc;

use mongodb::bson::doc;
use tokio_util::sync::CancellationToken;
use understudy_directory::Directory;
use understudy_directory::DirectoryConfig;
use understudy_directory::{DirectoryCode, DirectoryError};
use understudy_test_support::sshd::SshServer;

use crate::link::{READER, ada_is_there, build_config, mariadb, mongo, open, postgres};
use crate::story::query;

/// A table that takes longer to read than the time limit.
fn napping(config: &DirectoryConfig) -> DirectoryConfig {
    DirectoryConfig { table: "napping".into(), timeout_ms: 2000, ..config.clone() }
}

async fn fails(directory: &dyn Directory) -> DirectoryError {
    directory.search_users(&query(""), &CancellationToken::new()).await.expect_err("nobody has so much time")
}

/// Freezes the server with `frozen` while a query runs, and resumes it afterwards.
async fn told_apart<Frozen>(
    users: &dyn Directory,
    napping: &Arc<dyn Directory>,
    runs: impl AsyncFn(usize),
    frozen: impl FnOnce() -> Frozen,
) {
    let error = fails(&**napping).await;
    assert_eq!(error.code, DirectoryCode::Timeout, "it is slow, and it answers: {error}");

    runs(0).await;
    let asking = tokio::spawn({
        let napping = Arc::clone(napping);
        async move { fails(&*napping).await }
    });
    runs(1).await;
    let frozen = frozen();
    let error = asking.await.unwrap();
    assert_eq!(error.code, DirectoryCode::Unreachable, "{error}");
    assert!(error.message.contains("stopped answering"), "{error}");
    assert!(!error.to_string().contains("index"), "no index helps: {error}");
    drop(frozen);
    ada_is_there(users).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_postgres_that_falls_silent_is_not_called_slow() {
    let server = postgres();
    server.sql(
        "postgres",
        &format!(
            "CREATE VIEW napping AS SELECT id, (SELECT 'awake' FROM pg_sleep(600) OFFSET 0) AS email FROM users;
             GRANT SELECT ON napping TO {READER}"
        ),
    );
    let users = build_config(server.url(READER, "postgres"));
    let runs = async |naps: usize| {
        let napping = "SELECT count(*) FROM pg_stat_activity
             WHERE application_name = 'understudy' AND state = 'active' AND wait_event = 'PgSleep'";
        crate::postgres::wait_for(&server, napping, &naps.to_string());
    };
    let directory = open(&users).await;
    told_apart(&*directory, &open(&napping(&users)).await, runs, || server.freeze()).await;
    directory.close().await;

    // The same for the tunnel: the SSH host freezes.
    let ssh = SshServer::start();
    let users = DirectoryConfig { ssh: Some(ssh.part()), ..users };
    let directory = open(&users).await;
    told_apart(&*directory, &open(&napping(&users)).await, runs, || ssh.freeze()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mariadb_that_falls_silent_is_not_called_slow() {
    let server = mariadb();
    server.sql(
        "acme",
        "CREATE VIEW napping AS SELECT id, (SELECT SLEEP(600)) AS email FROM users WHERE SLEEP(600) = 0",
    );
    let users = build_config(server.url(READER, "acme"));
    let runs = async |naps: usize| {
        crate::mysql::wait_for(&server, crate::mysql::NAPPING, &naps.to_string());
    };
    let directory = open(&users).await;
    told_apart(&*directory, &open(&napping(&users)).await, runs, || server.freeze()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mongodb_that_falls_silent_is_not_called_slow() {
    let server = mongo().await;
    let users = DirectoryConfig { id: "_id".into(), ..build_config(server.url(READER, "acme")) };
    server.database("acme").collection("napping").insert_one(doc! { "_id": 1, "email": "a" }).await.unwrap();
    let (directory, napping) = (open(&users).await, open(&napping(&users)).await);
    server.command("acme", doc! { "drop": "napping" }).await;
    let nap = doc! { "$function": { "body": "function() { sleep(60000); return 'awake'; }", "args": [], "lang": "js" } };
    let pipeline = vec![doc! { "$addFields": { "email": nap } }];
    server.command("acme", doc! { "create": "napping", "viewOn": "users", "pipeline": pipeline }).await;
    let runs = async |naps: usize| {
        while crate::mongodb::server::running_in(&server, "acme").await.len() != naps {
            tokio::task::yield_now().await;
        }
    };
    told_apart(&*directory, &napping, runs, || server.freeze()).await;
}

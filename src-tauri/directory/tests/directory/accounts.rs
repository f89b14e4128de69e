//! Accounts and databases that currently refuse logins: the error is right, and following its advice fixes it.

use tokio_util::sync::CancellationToken;
use understudy_directory::DirectoryConfig;
use understudy_directory::ListRequest;
use understudy_directory::{DirectoryCode, DirectoryError};
use understudy_test_support::mariadb::MariaDbServer;

use crate::link::{PASSWORD, READER, ada_is_there, build_config, fails, mariadb, open, postgres};

fn is_refused(error: &DirectoryError, why: &str) {
    assert_eq!(error.code, DirectoryCode::Refused, "{error}");
    assert!(error.message.contains(why), "{error}");
    let text = error.to_string();
    assert!(text.contains("administrator") && !text.contains("VPN"), "{text}");
}

/// Running the suggested statement as administrator lets the reader in again.
async fn the_advice_helps(server: &MariaDbServer, users: &DirectoryConfig, error: &DirectoryError) {
    server.sql("mysql", &error.statement.clone().expect("a statement").replace('…', PASSWORD));
    ada_is_there(&*open(users).await).await;
}

#[tokio::test]
async fn mariadb_account_refusals_differ_from_a_wrong_password() {
    let server = mariadb();
    let users = build_config(server.url(READER, "acme"));

    server.sql("mysql", &format!("ALTER USER {READER}@'%' ACCOUNT LOCK"));
    let error = fails(&users).await;
    is_refused(&error, "this account is locked");
    assert!(!error.wants_password, "no other password helps");
    the_advice_helps(&server, &users, &error).await;

    server.sql("mysql", &format!("ALTER USER {READER}@'%' PASSWORD EXPIRE"));
    // Both if the server lets the account in to change it, and if it does not.
    for disconnects in ["ON", "OFF"] {
        server.sql("mysql", &format!("SET GLOBAL disconnect_on_expired_password = {disconnects}"));
        is_refused(&fails(&users).await, "password has expired");
    }
    let error = fails(&users).await;
    assert!(error.hint.as_ref().unwrap().contains("store the new password"), "{error}");
    the_advice_helps(&server, &users, &error).await;

    server.sql("mysql", "SET GLOBAL max_password_errors = 2");
    for _ in 0..2 {
        let wrong = secrecy::SecretString::from("wr0ng");
        let error = understudy_directory::open(&users, Some(&wrong)).await.err().expect("it is wrong");
        assert_eq!(error.code, DirectoryCode::Refused, "{error}");
    }
    let error = fails(&users).await;
    is_refused(&error, "blocked after too many wrong passwords");
    the_advice_helps(&server, &users, &error).await;
}

#[tokio::test]
async fn mariadb_hourly_limits_and_role_problems_are_explained() {
    let server = mariadb();
    let users = build_config(server.url(READER, "acme"));
    server.sql("mysql", &format!("ALTER USER {READER}@'%' WITH MAX_QUERIES_PER_HOUR 2"));
    let error = fails(&users).await;
    is_refused(&error, "rest of the hour");
    assert!(error.statement.as_ref().unwrap().ends_with("WITH MAX_QUERIES_PER_HOUR 0"), "{error}");
    the_advice_helps(&server, &users, &error).await;

    // A granted role has no effect until it is the default.
    server.sql(
        "mysql",
        &format!(
            "REVOKE ALL PRIVILEGES, GRANT OPTION FROM {READER}@'%'; CREATE ROLE support; GRANT SELECT ON acme.* TO support;
             GRANT support TO {READER}@'%'"
        ),
    );
    let error = fails(&users).await;
    assert!(error.hint.as_ref().unwrap().contains("SET DEFAULT ROLE"), "{error}");
    assert!(!error.wants_password, "{error}");
    server.sql("mysql", &format!("SET DEFAULT ROLE support FOR {READER}@'%'"));
    ada_is_there(&*open(&users).await).await;
}

/// Common after an administrator has left.
#[tokio::test]
async fn a_view_of_mariadb_whose_definer_is_gone_wants_no_password() {
    let server = mariadb();
    server.sql(
        "acme",
        "CREATE USER gone@'%'; GRANT SELECT ON acme.* TO gone@'%';
         CREATE DEFINER = gone@'%' VIEW customers AS SELECT * FROM users",
    );
    let customers = DirectoryConfig { table: "customers".into(), ..build_config(server.url(READER, "acme")) };
    ada_is_there(&*open(&customers).await).await;
    // It opens, since its columns are known; the missing right only shows when it is read.
    let refused = async || {
        let listed = open(&customers)
            .await
            .search_users(&ListRequest::first_page("", 50), &CancellationToken::new())
            .await;
        listed.expect_err("its definer may not read the table")
    };
    server.sql("acme", "REVOKE SELECT ON acme.* FROM gone@'%'");
    let error = refused().await;
    assert_eq!((error.code, error.wants_password), (DirectoryCode::Mismatch, false), "{error}");
    assert!(
        error.hint.as_ref().unwrap().contains("account that defined the view may no longer"),
        "{error:?}"
    );

    server.sql("acme", "DROP USER gone@'%'");
    let error = refused().await;
    is_refused(&error, "that account no longer exists");
    assert!(!error.wants_password, "the login went well");
    server.sql("acme", "ALTER DEFINER = CURRENT_USER VIEW customers AS SELECT * FROM users");
    ada_is_there(&*open(&customers).await).await;
}

#[tokio::test]
async fn a_closed_postgres_database_is_reported_with_what_opens_it() {
    let server = postgres();
    server.sql("postgres", r#"CREATE DATABASE "the shop""#);
    server.sql(
        "the shop",
        &format!(
            "CREATE TABLE users (id int PRIMARY KEY, email text); INSERT INTO users VALUES (1, 'ada@example.com');
             GRANT SELECT ON users TO {READER}"
        ),
    );
    let users = build_config(server.url(READER, "the%20shop"));
    for shuts in [
        r#"ALTER DATABASE "the shop" WITH ALLOW_CONNECTIONS false"#,
        r#"REVOKE CONNECT ON DATABASE "the shop" FROM PUBLIC"#,
    ] {
        ada_is_there(&*open(&users).await).await;
        server.sql("postgres", shuts);
        let error = fails(&users).await;
        is_refused(&error, "does not let this user into the database");
        server.sql("postgres", &error.statement.expect("a statement"));
    }
    ada_is_there(&*open(&users).await).await;
}

/// Many shared servers close idle connections; a search must not fail because of that.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_idled_for_longer_than_the_server_allows_is_made_again() {
    let server = postgres();
    server.sql("postgres", &format!("ALTER ROLE {READER} SET idle_session_timeout = '100ms'"));
    let directory = open(&build_config(server.url(READER, "postgres"))).await;
    for _ in 0..2 {
        ada_is_there(&*directory).await;
        let connected = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'understudy'";
        crate::postgres::wait_for(&server, connected, "0");
    }
    directory.close().await;

    let server = mariadb();
    server.sql("mysql", "SET GLOBAL wait_timeout = 1");
    let directory = open(&build_config(server.url(READER, "acme"))).await;
    for _ in 0..2 {
        ada_is_there(&*directory).await;
        let connected =
            format!("SELECT count(*) FROM information_schema.processlist WHERE user = '{READER}'");
        crate::mysql::wait_for(&server, &connected, "0");
    }
}

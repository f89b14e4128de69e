//! Filters such as `7d` count back from the supplied clock.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use secrecy::SecretString;
use tokio_util::sync::CancellationToken;
use understudy_directory::{
    DirectoryConfig, PasswordSource, PasswordSourceError, WallClock, find_wider_searches, open_with,
};

use crate::sqlite::database;
use crate::story::{query, search};

struct NoPassword;

#[async_trait]
impl PasswordSource for NoPassword {
    async fn read_password(&self) -> Result<Option<SecretString>, PasswordSourceError> {
        Ok(None)
    }

    fn destination(&self) -> String {
        String::new()
    }

    fn is_replaceable(&self) -> bool {
        false
    }
}

#[tokio::test]
async fn relative_days_are_counted_by_the_callers_clock() {
    let (_folder, url, _connection) = database(
        "CREATE TABLE users (id INTEGER PRIMARY KEY, seen DATETIME);
         INSERT INTO users VALUES (1, '2026-03-01 09:00:00'), (2, '2026-03-08 11:59:59'), (3, '2026-03-08 12:00:00'),
                                  (4, '2026-03-14 23:00:00')",
    )
    .await;
    let config = DirectoryConfig {
        table: "users".into(),
        email: None,
        name: None,
        created_at: None,
        columns: vec!["seen".into()],
        ..crate::build_config(url)
    };
    for (now, expected) in [
        ("2026-03-15T12:00:00Z", &["3", "4"][..]),
        ("2026-03-21T23:00:00Z", &["4"]),
        ("2026-03-21T23:00:01Z", &[]),
    ] {
        let now: Timestamp = now.parse().unwrap();
        let clock: Arc<dyn WallClock> = Arc::new(now);
        let directory = open_with(&config, Arc::new(NoPassword), clock).await.unwrap();
        let page = search(&*directory, &query("seen:7d")).await;
        let mut found: Vec<&str> = page.rows.iter().map(|row| row.id.as_str()).collect();
        found.sort_unstable();
        assert_eq!(found, expected, "{now}");
        let counted = directory.count_users("seen:7d", &CancellationToken::new()).await.unwrap();
        assert_eq!(counted.users, expected.len() as u64, "{now}");
        let offers =
            find_wider_searches(&*directory, "nobody seen:7d", now, &CancellationToken::new()).await.unwrap();
        assert!(offers.iter().all(|offer| offer.text != "seen:7d" || !expected.is_empty()), "{offers:?}");
        directory.close().await;
    }
}

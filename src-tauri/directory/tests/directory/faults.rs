//! Faults of a database under an open directory, and the errors for them; the same for all engines that can have them.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use understudy_directory::{Directory, ListRequest, Row};
use understudy_directory::{DirectoryCode, DirectoryError};

use crate::story::{query, search};

/// Changes the database as its administrator.
pub trait Administrator {
    async fn rename(&mut self, table: &str, to: &str);
}

/// Sees and ends running queries, on engines that have a server.
pub trait Overseer {
    /// Waits until this many of our queries run.
    async fn runs(&self, questions: usize);
    /// Ends the running queries.
    async fn stop(&self);
    /// Ends them together with their connections.
    async fn hang_up(&self);
}

async fn fails(directory: &dyn Directory, text: &str) -> DirectoryError {
    let answer = directory.search_users(&query(text), &CancellationToken::new()).await;
    let error = answer.expect_err("there is nothing to be answered");
    assert!(error.message.ends_with(['.', '?']) && error.hint.is_some(), "it says what to do: {error:?}");
    error
}

/// `users` has a user called 1.
pub async fn a_table_that_is_renamed_comes_back(directory: &dyn Directory, by: &mut impl Administrator) {
    assert!(!search(directory, &query("")).await.rows.is_empty());
    by.rename("users", "people").await;
    for text in ["", "1"] {
        let error = fails(directory, text).await;
        assert_eq!(error.code, DirectoryCode::Mismatch, "{error}");
        assert!(error.message.contains("users"), "{error}");
    }
    assert_eq!(directory.find_user("1").await.unwrap_err().code, DirectoryCode::Mismatch);
    by.rename("people", "users").await;
    assert!(!search(directory, &query("")).await.rows.is_empty(), "when it is back, so is the directory");
    assert!(directory.find_user("1").await.unwrap().is_some());
}

/// `slow` sleeps for minutes; `users` answers at once.
pub async fn a_question_that_is_ended_is_told(
    slow: &Arc<dyn Directory>,
    users: &dyn Directory,
    by: &impl Overseer,
    hung_up: DirectoryCode,
) {
    for (code, hangs_up) in [(DirectoryCode::Refused, false), (hung_up, true)] {
        let asking = tokio::spawn({
            let slow = Arc::clone(slow);
            async move { fails(&*slow, "").await }
        });
        by.runs(1).await;
        if hangs_up {
            // The query is retried once, so the retry has to be ended too.
            while !asking.is_finished() {
                by.hang_up().await;
            }
        } else {
            by.stop().await;
        }
        let error = asking.await.unwrap();
        assert_eq!(error.code, code, "{error:?}");
        by.runs(0).await;
        assert!(!search(users, &query("")).await.rows.is_empty(), "and the next one is answered");
    }
}

/// Far more queries than connections, one of which sleeps: each gets its own answer, in any order. `users` are called 1
/// to 40.
pub async fn each_question_has_its_own_answer(users: &Arc<dyn Directory>) {
    let asked = (1..=40).map(|id: u32| {
        let users = Arc::clone(users);
        tokio::spawn(async move {
            let page = search(&*users, &ListRequest::first_page(format!("id:{id}"), 5)).await;
            let named: Option<Row> = users.find_user(&id.to_string()).await.unwrap();
            (id.to_string(), page.rows, named)
        })
    });
    for asking in asked.collect::<Vec<_>>() {
        let (id, rows, named) = asking.await.unwrap();
        assert_eq!(rows.iter().map(|row| &row.id).collect::<Vec<_>>(), [&id]);
        assert_eq!(named.map(|row| row.id), Some(id));
    }
}

/// All connections are busy with queries that time out, and so do the waiting ones.
pub async fn whoever_waits_for_a_connection_waits_no_longer_than_it_takes(hasty: &Arc<dyn Directory>) {
    let asked = (0..5).map(|_| {
        let hasty = Arc::clone(hasty);
        tokio::spawn(async move { fails(&*hasty, "").await })
    });
    for asking in asked.collect::<Vec<_>>() {
        let error = asking.await.unwrap();
        assert_eq!(error.code, DirectoryCode::Timeout, "{error}");
    }
}

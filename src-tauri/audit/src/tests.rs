//! Faults that can only be caused through the log's own connection, and runs that overlap.

use sqlx::AssertSqlSafe;
use understudy_terms::Environment;

use super::*;

fn begun(session: &str) -> Entry {
    Entry::for_new_session(
        1,
        session,
        OperatorIdentity::new("Ada", "ada@example.org"),
        Subject {
            connection: "acme".into(),
            connection_name: "Acme".into(),
            environment: Environment::Production,
            user_id: "7".into(),
            user_name: None,
            user_email: None,
        },
        "r".repeat(2000),
    )
}

/// According to SQLite's documentation, these two settings together make an entry survive a power cut.
#[tokio::test]
async fn an_entry_waits_for_the_disk() {
    let dir = tempfile::tempdir().unwrap();
    let log = AuditLog::open(&dir.path().join("audit.sqlite")).await.unwrap();
    let journal: String = sqlx::query_scalar("PRAGMA journal_mode")
        .fetch_one(&log.held.current_pool().await.unwrap())
        .await
        .unwrap();
    let synchronous: i64 = sqlx::query_scalar("PRAGMA synchronous")
        .fetch_one(&log.held.current_pool().await.unwrap())
        .await
        .unwrap();
    assert_eq!((journal.as_str(), synchronous), ("delete", 3), "3 is EXTRA");
}

/// A second console starts a session while a third one cleans up after a crash.
#[tokio::test]
async fn a_session_that_begins_while_another_run_cleans_up_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit.sqlite");
    let killed = AuditLog::open(&path).await.unwrap();
    killed.append(begun("cut off")).await.unwrap();
    drop(killed);
    let log = AuditLog::open(&path).await.unwrap();
    let gone = log.runs_that_are_gone().await.unwrap();
    let second = AuditLog::open(&path).await.unwrap();
    second.append(begun("alive")).await.unwrap();
    let closed = log.close_runs(&gone, 9).await.unwrap();
    assert_eq!(closed.iter().map(|entry| entry.session.as_str()).collect::<Vec<_>>(), ["cut off"]);
    let end = begun("alive").with_event(10, EndCause::Operator.into());
    second.append(end).await.expect("its own end is the first");
}

/// This fault can only be caused through the log's own connection.
#[tokio::test]
async fn a_full_disk_refuses_the_entry_and_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let log = AuditLog::open(&dir.path().join("audit.sqlite")).await.unwrap();
    let pages: i64 = sqlx::query_scalar("PRAGMA page_count")
        .fetch_one(&log.held.current_pool().await.unwrap())
        .await
        .unwrap();
    sqlx::query(AssertSqlSafe(format!("PRAGMA max_page_count = {}", pages + 4)))
        .execute(&log.held.current_pool().await.unwrap())
        .await
        .unwrap();

    let mut written = 0;
    let error = loop {
        match log.append(begun(&format!("s{written}"))).await {
            Ok(_) => written += 1,
            Err(error) => break error,
        }
        assert!(written < 100, "the disk never became full");
    };
    assert_eq!(error.code, AuditCode::LogFailed);
    assert!(error.message.contains("full"), "{error}");
    assert!(error.hint.as_deref().unwrap_or_default().contains("space"), "{error}");
    assert_eq!(log.read_entries(1000).await.unwrap().len(), written, "the refused entry left a trace");
}

/// Otherwise, each such entry would be read once more when the log is verified.
#[tokio::test]
async fn sqlite_writes_an_entry_as_its_hash_covers_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit.sqlite");
    let log = AuditLog::open(&path).await.unwrap();
    let every_character: String = (0..0x300).chain(0x2020..0x2030).filter_map(char::from_u32).collect();
    let texts = [
        "",
        "null",
        "\\",
        "\\\"",
        r#"x","previous":"y"#,
        r#"{"previous":null}"#,
        "🦀\u{ffff}",
        &every_character,
    ];
    for text in texts {
        log.append(Entry { reason: text.into(), ..begun(text) }).await.unwrap();
    }
    let reader = reader::LogReader::open(&path).await.unwrap();
    let mut previous = reader.id().to_owned();
    let entries = reader.read_hashed_after(0, 100).await.unwrap();
    assert_eq!(entries.len(), texts.len());
    for entry in entries {
        let line = chain::complete_line(&entry.json, &previous).unwrap();
        previous = entry.hash.unwrap();
        assert_eq!(chain::hash_line(&line), previous, "{line}");
    }
}

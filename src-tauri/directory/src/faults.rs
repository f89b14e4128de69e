//! Errors that all engines report in the same words.

use std::time::Duration;

use crate::config::DirectoryConfig;
use crate::error::{DirectoryCode, DirectoryError};

/// The table has changed. Shown only if reopening the directory did not help.
pub(crate) fn table_changed_error(config: &DirectoryConfig, what: &str) -> DirectoryError {
    DirectoryError::new(
        DirectoryCode::Mismatch,
        format!("{} has changed since the database was opened: {what}.", config.table),
    )
    .with_hint("Check the connection: its table or columns were renamed, removed or recreated.")
}

/// The server's URL cannot be used; `what` follows its key.
pub(crate) fn invalid_url_error(what: &str) -> DirectoryError {
    DirectoryError::new(DirectoryCode::ConfigInvalid, format!("directory.url {what}."))
}

/// Introduces a statement that grants a right.
pub(crate) const ASK_ADMINISTRATOR: &str = "Ask your database administrator to run:";

pub(crate) fn cancelled_error() -> DirectoryError {
    DirectoryError::new(DirectoryCode::Cancelled, "A newer search replaced this one.")
}

/// Someone else stopped our query.
pub(crate) fn query_stopped_error() -> DirectoryError {
    DirectoryError::new(DirectoryCode::Refused, "The database cancelled the query.")
        .with_hint("Try again, or ask your database administrator.")
}

/// Another program has locked the table for longer than a search can wait.
pub(crate) fn table_locked_error(config: &DirectoryConfig, said: &str) -> DirectoryError {
    DirectoryError::new(DirectoryCode::Timeout, format!("{} is locked by another program.", config.table))
        .with_hint(
            "It is being changed (ALTER TABLE, LOCK TABLES), or a transaction was left open. Try again in a moment; if it \
             stays locked, ask your database administrator who holds the lock.",
        )
        .with_details(said)
}

/// The server answers, but did not describe `what` (a table, or all of them) in time.
pub(crate) fn describe_timeout_error(what: &str, limit: Duration) -> DirectoryError {
    DirectoryError::new(
        DirectoryCode::Timeout,
        format!("The database answers, but did not describe {what} within {} s.", limit.as_secs()),
    )
    .with_hint(
        "It may be very busy. Try again in a moment; if it happens often, ask your database administrator.",
    )
}

/// How long a search waits for a locked table: long enough for a quick change, and short enough to report the lock
/// before the time limit ends the search.
pub(crate) fn lock_limit(limit: Duration) -> Duration {
    (limit * 2 / 3).min(Duration::from_secs(2))
}

pub(crate) fn query_timeout_error(config: &DirectoryConfig) -> DirectoryError {
    let seconds = f64::from(config.timeout_ms) / 1000.0;
    DirectoryError::new(DirectoryCode::Timeout, format!("The database did not answer within {seconds} s."))
        .with_hint(
            "Search for more letters, for an ID, or with another filter. An index on the searched columns helps, and \
             so does a longer directory.timeout_ms.",
        )
}

/// Several rows have this ID.
pub fn duplicate_id_error(id: &str) -> DirectoryError {
    let said = "the column in `directory.id` does not identify users.";
    DirectoryError::new(DirectoryCode::Mismatch, format!("Several users have the ID {id}: {said}"))
        .with_hint("Name a column that is unique, such as the primary key.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::write_for_review;

    #[test]
    fn what_every_engine_says_in_the_same_words() {
        let config: DirectoryConfig =
            toml::from_str("url = \"postgres://reader@db/acme\"\ntable = \"users\"\nid = \"id\"").unwrap();
        let told = [
            ("changed", table_changed_error(&config, "its columns or indexes are different")),
            ("cancelled", cancelled_error()),
            ("stopped", query_stopped_error()),
            ("locked", table_locked_error(&config, "what the server said")),
            ("undescribed", describe_timeout_error(&config.table, Duration::from_secs(10))),
            ("timed out", query_timeout_error(&config)),
            ("not identified", duplicate_id_error("7")),
        ];
        insta::assert_snapshot!(told.map(|(case, error)| write_for_review(case, &error)).concat());
    }
}

//! Whose turn it is: of several questions of one kind to a connection, only the newest is answered.
//!
//! The window numbers its questions, because what was asked first need not arrive first.

use parking_lot::Mutex;
use std::collections::HashMap;

use tokio_util::sync::CancellationToken;

use crate::error::{Code, Error, Result};

/// The newest turn of each connection, and what stops its work.
#[derive(Debug, Default)]
pub(crate) struct LatestOnly {
    newest: Mutex<HashMap<String, (u64, CancellationToken)>>,
    /// No question is answered any more.
    closed: CancellationToken,
}

impl LatestOnly {
    /// Takes the turn: the older question of the connection is cancelled, and the token tells when this
    /// one is. Fails with [`Code::Cancelled`] when a newer one has come already.
    pub(crate) fn take(&self, connection: &str, turn: u64) -> Result<CancellationToken> {
        let mut turns = self.newest.lock();
        match turns.get(connection) {
            Some((newer, _)) if *newer > turn => return Err(taken_over()),
            Some((_, older)) => older.cancel(),
            None => {}
        }
        if self.closed.is_cancelled() {
            return Err(Error::new(Code::Cancelled, "Understudy is quitting."));
        }
        let cancel = self.closed.child_token();
        turns.insert(connection.to_owned(), (turn, cancel.clone()));
        Ok(cancel)
    }

    /// Cancels what is under way, and whatever else is asked.
    pub(crate) fn close(&self) {
        self.closed.cancel();
    }
}

pub(crate) fn taken_over() -> Error {
    Error::new(Code::Cancelled, "A newer search took this one's place.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_turn_wins_whatever_arrives_first() {
        let turns = LatestOnly::default();
        let first = turns.take("shop", 1).unwrap();
        let third = turns.take("shop", 3).unwrap();
        assert!(first.is_cancelled());
        assert_eq!(turns.take("shop", 2).unwrap_err().code, Code::Cancelled);
        assert!(!third.is_cancelled());
        let elsewhere = turns.take("other", 1).unwrap();
        assert!(!third.is_cancelled() && !elsewhere.is_cancelled());
    }

    #[test]
    fn who_quits_waits_for_no_answer() {
        let turns = LatestOnly::default();
        let under_way = turns.take("shop", 1).unwrap();
        turns.close();
        assert!(under_way.is_cancelled());
        assert_eq!(turns.take("shop", 2).unwrap_err().code, Code::Cancelled);
    }
}

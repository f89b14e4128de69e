//! Of several requests of the same kind to one connection, answers only the newest.
//!
//! The window numbers its requests, because they may arrive out of order.

use parking_lot::Mutex;
use std::collections::HashMap;

use tokio_util::sync::CancellationToken;

use crate::error::{Code, Error, Result};

/// The newest request of each connection, and the token that cancels it.
#[derive(Debug, Default)]
pub(crate) struct LatestOnly {
    newest: Mutex<HashMap<String, (u64, CancellationToken)>>,
    /// Cancelled once no more requests are answered.
    closed: CancellationToken,
}

impl LatestOnly {
    /// Registers a request and cancels the connection's older one. The token is cancelled when a newer one comes. Fails
    /// with [`Code::Cancelled`] if a newer one is already there.
    pub(crate) fn take_turn(&self, connection: &str, turn: u64) -> Result<CancellationToken> {
        let mut turns = self.newest.lock();
        match turns.get(connection) {
            Some((newer, _)) if *newer > turn => return Err(superseded_error()),
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

    /// Cancels the current requests and all later ones.
    pub(crate) fn close(&self) {
        self.closed.cancel();
    }
}

pub(crate) fn superseded_error() -> Error {
    Error::new(Code::Cancelled, "A newer search replaced this one.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_turn_wins_whatever_arrives_first() {
        let turns = LatestOnly::default();
        let first = turns.take_turn("shop", 1).unwrap();
        let third = turns.take_turn("shop", 3).unwrap();
        assert!(first.is_cancelled());
        assert_eq!(turns.take_turn("shop", 2).unwrap_err().code, Code::Cancelled);
        assert!(!third.is_cancelled());
        let elsewhere = turns.take_turn("other", 1).unwrap();
        assert!(!third.is_cancelled() && !elsewhere.is_cancelled());
    }

    #[test]
    fn who_quits_waits_for_no_answer() {
        let turns = LatestOnly::default();
        let under_way = turns.take_turn("shop", 1).unwrap();
        turns.close();
        assert!(under_way.is_cancelled());
        assert_eq!(turns.take_turn("shop", 2).unwrap_err().code, Code::Cancelled);
    }
}

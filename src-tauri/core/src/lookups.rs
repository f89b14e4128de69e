//! A search in all connections: one text, asked of each of them on its own.
//!
//! The window sends one request per connection, all with the same turn, so that each is answered when it can be. A newer
//! text ends whatever is still under way for the older one, in every connection.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;

use crate::error::{Error, Result};
use crate::latest_only::superseded_error;
use crate::vault::Vault;

/// The newest text's lookups.
#[derive(Default)]
pub(crate) struct Lookups(Mutex<Lookup>);

/// What the requests for one text share.
#[derive(Clone, Default)]
pub(crate) struct Lookup {
    turn: u64,
    /// Cancelled once a newer text is asked for, or no text any more.
    pub(crate) cancel: CancellationToken,
    /// Why the keyring can't be read without a prompt. Looked at once, however many connections need it.
    keyring: Arc<OnceCell<Option<Error>>>,
}

impl Lookups {
    /// Joins the lookups of this turn; the first request of a newer turn ends those of the older one. Fails with
    /// [`crate::error::Code::Cancelled`] if there is a newer one already.
    pub(crate) fn join_turn(&self, turn: u64) -> Result<Lookup> {
        let mut current = self.0.lock();
        if current.turn > turn {
            return Err(superseded_error());
        }
        if current.turn < turn {
            current.cancel.cancel();
            *current = Lookup { turn, ..Lookup::default() };
        }
        Ok(current.clone())
    }

    /// Ends the lookups of this turn and older ones.
    pub(crate) fn stop(&self, turn: u64) {
        let mut current = self.0.lock();
        if current.turn <= turn {
            current.cancel.cancel();
            current.turn = turn;
        }
    }
}

impl Lookup {
    /// Fails if reading a secret would make the keyring prompt: no one wants a prompt for each connection.
    pub(crate) async fn check_keyring(&self, vault: &Vault) -> Result<()> {
        let looked = self.keyring.get_or_init(|| async { vault.check_ready().await.err() }).await;
        looked.clone().map_or(Ok(()), Err)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Code;

    #[test]
    fn requests_of_one_text_end_together() {
        let lookups = Lookups::default();
        let (first, second) = (lookups.join_turn(1).unwrap(), lookups.join_turn(1).unwrap());
        assert!(!first.cancel.is_cancelled() && !second.cancel.is_cancelled());
        let newer = lookups.join_turn(2).unwrap();
        assert!(first.cancel.is_cancelled() && second.cancel.is_cancelled());
        assert_eq!(lookups.join_turn(1).err().unwrap().code, Code::Cancelled, "it arrived late");
        lookups.stop(1);
        assert!(!newer.cancel.is_cancelled(), "an older text was given up");
        lookups.stop(3);
        assert!(newer.cancel.is_cancelled());
        assert_eq!(lookups.join_turn(2).err().unwrap().code, Code::Cancelled);
    }

    #[test]
    fn a_request_that_arrives_after_its_text_was_given_up_is_not_begun() {
        let lookups = Lookups::default();
        lookups.stop(2);
        assert!(lookups.join_turn(2).unwrap().cancel.is_cancelled());
        assert!(!lookups.join_turn(3).unwrap().cancel.is_cancelled());
    }
}

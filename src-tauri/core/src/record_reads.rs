//! Which records are being read for the window, so that it can give them up: the user that they belong to may not be shown
//! any longer.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

/// The readings under way, each by the number that the window gave it.
#[derive(Default)]
pub(crate) struct RecordReads(Arc<Mutex<HashMap<u64, CancellationToken>>>);

/// One reading, under way until this is dropped.
pub(crate) struct RecordRead {
    pub cancel: CancellationToken,
    number: u64,
    under_way: Arc<Mutex<HashMap<u64, CancellationToken>>>,
}

impl RecordReads {
    pub fn begin(&self, number: u64) -> RecordRead {
        let cancel = CancellationToken::new();
        self.0.lock().insert(number, cancel.clone());
        RecordRead { cancel, number, under_way: Arc::clone(&self.0) }
    }

    /// Cancels the reading with this number, if it is under way.
    pub fn stop(&self, number: u64) {
        if let Some(cancel) = self.0.lock().remove(&number) {
            cancel.cancel();
        }
    }
}

impl Drop for RecordRead {
    fn drop(&mut self) {
        self.under_way.lock().remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_given_up_is_cancelled_and_nothing_is_kept() {
        let reads = RecordReads::default();
        let (first, second) = (reads.begin(1), reads.begin(2));
        reads.stop(1);
        assert!(first.cancel.is_cancelled() && !second.cancel.is_cancelled());
        drop((first, second));
        assert!(reads.0.lock().is_empty());
        // It has ended already.
        reads.stop(2);
    }
}

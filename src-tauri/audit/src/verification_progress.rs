//! How far a verification has come, for those who wait for it.

use std::sync::atomic::{AtomicU64, Ordering};

/// Shared by the verification and whoever shows how far it is.
#[derive(Debug, Default)]
pub struct VerificationProgress {
    /// How many entries there are, as far as that is known; 0 before.
    expected: AtomicU64,
    compared: AtomicU64,
}

impl VerificationProgress {
    /// `None` before it is known how much there is. Never 100: then there is a result.
    pub fn percent(&self) -> Option<u8> {
        let expected = self.expected.load(Ordering::Relaxed);
        let compared = self.compared.load(Ordering::Relaxed).min(expected);
        u8::try_from((compared * 100).checked_div(expected)?).ok().map(|percent| percent.min(99))
    }

    /// So many entries are to be compared.
    pub fn expect(&self, entries: u64) {
        self.expected.store(entries, Ordering::Relaxed);
    }

    /// So many more are compared.
    pub fn add(&self, entries: u64) {
        self.compared.fetch_add(entries, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_unknown_at_first_and_never_done() {
        let progress = VerificationProgress::default();
        assert_eq!(progress.percent(), None);
        progress.add(1);
        assert_eq!(progress.percent(), None);
        progress.expect(8);
        assert_eq!(progress.percent(), Some(12));
        // Entries may come while it goes on, and how many there are may be an estimate.
        progress.add(100);
        assert_eq!(progress.percent(), Some(99));
    }
}

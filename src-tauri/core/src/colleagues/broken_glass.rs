//! Which sessions without the approval that they need the operator was told of: each once, however often the database
//! tells of it, and also those that began while it was out of reach, or while this console did not run. Pure: no clock, no
//! I/O.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// How much later than its time an entry may still appear: a transaction may take a while.
const LATE_MS: i64 = 30 * 60 * 1_000;

/// How far back it is looked at most, after a long time out of reach.
const LONGEST_MS: i64 = 7 * 24 * 60 * 60 * 1_000;

/// The entry of such a session: when it was written, in milliseconds since the Unix epoch by the database's clock; its log,
/// and its number there.
pub(super) type GlassKey = (i64, String, i64);

/// What the operator was told of one log.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct BrokenGlass {
    /// Which log it is; [bookmarks](super::glass_bookmarks) name it.
    #[serde(skip)]
    pub(super) log: String,
    /// What is older was told, or is no news any more: milliseconds since the Unix epoch, by the database's clock. `None`
    /// before the first reading.
    pub(super) told_before_ms: Option<i64>,
    /// Later ones that were told.
    told: BTreeSet<GlassKey>,
}

impl BrokenGlass {
    /// From when on it has to be read.
    pub(super) fn since_ms(&self, server_ms: i64) -> i64 {
        let latest = server_ms - LATE_MS;
        self.told_before_ms.unwrap_or(latest).clamp(server_ms - LONGEST_MS, latest)
    }

    /// Takes entries, in any order; returns those that the operator has to be told of. What was there before the first
    /// reading is none of them.
    pub(super) fn take(
        &mut self,
        entries: impl IntoIterator<Item = GlassKey>,
        own_log: &str,
    ) -> Vec<GlassKey> {
        let (told_before, told) = (self.told_before_ms, &mut self.told);
        let is_new = |entry: &GlassKey| {
            told_before.is_none_or(|before| entry.0 >= before)
                && told.insert(entry.clone())
                && told_before.is_some()
                && entry.1 != own_log
        };
        entries.into_iter().filter(is_new).collect()
    }

    /// Everything up to this time of the database was read.
    pub(super) fn finish_reading(&mut self, server_ms: i64) {
        let before = server_ms - LATE_MS;
        self.told_before_ms = Some(self.told_before_ms.map_or(before, |earlier| earlier.max(before)));
        self.told.retain(|(written_at_ms, ..)| *written_at_ms >= before);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60_000;
    const NOON: i64 = 1_772_452_800_000;

    fn broken(id: i64, at_ms: i64) -> GlassKey {
        (at_ms, "kims-log".into(), id)
    }

    fn told(glass: &mut BrokenGlass, entries: &[GlassKey]) -> Vec<i64> {
        glass.take(entries.to_vec(), "bos-log").into_iter().map(|(.., id)| id).collect()
    }

    #[test]
    fn each_is_told_once_however_often_it_comes() {
        let mut glass = BrokenGlass::default();
        let old = [broken(1, NOON - MINUTE), broken(2, NOON - 40 * MINUTE)];
        assert_eq!(told(&mut glass, &old), [0; 0], "they began before this console did");
        glass.finish_reading(NOON);
        assert_eq!(told(&mut glass, &[broken(3, NOON + MINUTE)]), [3]);
        // Anybody who may send notifications can name an entry again, whatever its age.
        assert_eq!(told(&mut glass, &[broken(3, NOON + MINUTE), old[0].clone(), old[1].clone()]), [0; 0]);
        glass.finish_reading(NOON + 60 * MINUTE);
        assert_eq!(told(&mut glass, &[broken(3, NOON + MINUTE)]), [0; 0]);
        assert_eq!(glass.take([broken(4, NOON + 60 * MINUTE)], "kims-log"), [], "one's own");
    }

    #[test]
    fn what_began_while_the_log_was_out_of_reach_is_told_later() {
        let mut glass = BrokenGlass::default();
        glass.finish_reading(NOON);
        let back = NOON + 300 * MINUTE;
        assert!(glass.since_ms(back) <= NOON);
        assert_eq!(told(&mut glass, &[broken(7, NOON + MINUTE), broken(8, back - MINUTE)]), [7, 8]);
        assert!(glass.since_ms(NOON + LONGEST_MS * 9) > NOON, "not for ever");
    }
}

//! What a log was found to lack of what was signed: a few breaks, by the entries' numbers.

use serde::{Deserialize, Deserializer, Serialize};

use crate::error::{AuditCode, AuditError};
use crate::verify::show_time;

/// The most breaks of a log that are kept apart.
const MOST_BREAKS: usize = 8;

/// Signed entries that a log lacked, or had others in place of, when it was gone on with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogBreak {
    /// The last entry before them.
    pub after: i64,
    /// The last of them, and the hash that was signed.
    pub entry: i64,
    pub hash: String,
    /// When the last of them were signed: milliseconds since the Unix epoch.
    pub at_ms: i64,
    /// When it was found that they were not there, of several breaks that became one the last: milliseconds since the Unix
    /// epoch.
    pub found_ms: i64,
    /// The operator was told.
    #[serde(default)]
    pub told: bool,
}

impl LogBreak {
    /// Whether it says already what `found` says. A log that is not gone on with is found broken again and again; what was
    /// signed after a break was found can only be missing because of another one.
    fn includes(&self, found: &Self) -> bool {
        let is_same = self.entry == found.entry && self.hash == found.hash;
        self.after <= found.after && self.entry >= found.entry && (is_same || found.at_ms < self.found_ms)
    }

    /// Whether no entry is between them.
    fn touches(&self, other: &Self) -> bool {
        self.after <= other.entry && other.after <= self.entry
    }

    /// Both, and what is between them. Signed and found when the later one was: not all of it was earlier.
    fn merge(self, other: Self) -> Self {
        let after = self.after.min(other.after);
        let (at_ms, found_ms) = (self.at_ms.max(other.at_ms), self.found_ms.max(other.found_ms));
        let told = self.told && other.told;
        let furthest = if other.entry > self.entry { other } else { self };
        Self { after, at_ms, found_ms, told, ..furthest }
    }

    /// For the operator.
    pub(super) fn to_error(&self) -> AuditError {
        let message = match self.entry - self.after {
            1 => format!(
                "Entry {} of this computer's audit log is missing, or is not what was signed.",
                self.entry
            ),
            _ => format!(
                "Entries {} to {} of this computer's audit log are missing, or are not what was signed.",
                self.after + 1,
                self.entry
            ),
        };
        AuditError::new(AuditCode::LogFailed, message).with_hint(format!(
            "The keyring knows them from {}. The log may have been changed, or replaced by an older copy. Run `understudy \
             audit verify`, and show what it says to whoever reviews the log.",
            show_time(self.at_ms)
        ))
    }
}

/// Adds what was found now. What touches it becomes one with it; if there are too many, so do the two that are closest to
/// each other.
pub(super) fn add_break(breaks: &mut Vec<LogBreak>, found: LogBreak) {
    if breaks.iter().any(|known| known.includes(&found)) {
        return;
    }
    let (touching, others): (Vec<_>, Vec<_>) = breaks.drain(..).partition(|known| known.touches(&found));
    *breaks = others;
    breaks.push(touching.into_iter().fold(found, LogBreak::merge));
    breaks.sort_by_key(|one| one.after);
    while breaks.len() > MOST_BREAKS {
        let distance = |at: &usize| breaks[*at].after.saturating_sub(breaks[at - 1].entry);
        let closest = (1..breaks.len()).min_by_key(distance).unwrap_or(1);
        let later = breaks.remove(closest);
        let earlier = breaks.remove(closest - 1);
        breaks.insert(closest - 1, earlier.merge(later));
    }
}

/// Versions before this one kept a single break.
pub(super) fn read_breaks<'de, D: Deserializer<'de>>(kept: D) -> Result<Vec<LogBreak>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Kept {
        One(LogBreak),
        Several(Vec<LogBreak>),
    }
    Ok(match Kept::deserialize(kept)? {
        Kept::One(only) => vec![only],
        Kept::Several(breaks) => breaks,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of entries that were signed at `at_ms`, and found to be gone an hour later.
    fn found(after: i64, entry: i64, at_ms: i64) -> LogBreak {
        let hash = format!("hash {entry} of {at_ms}");
        LogBreak { after, entry, hash, at_ms, found_ms: at_ms + 60, told: false }
    }

    fn told(one: LogBreak) -> LogBreak {
        LogBreak { told: true, ..one }
    }

    fn add_all(all: impl IntoIterator<Item = LogBreak>) -> Vec<LogBreak> {
        let mut breaks = Vec::new();
        all.into_iter().for_each(|one| add_break(&mut breaks, one));
        breaks
    }

    #[test]
    fn breaks_with_entries_between_them_stay_apart() {
        let (january, march) = (found(5, 9, 1_000), found(14, 20, 3_000));
        assert_eq!(add_all([january.clone(), march.clone()]), [january.clone(), march.clone()]);
        assert_eq!(add_all([march.clone(), january.clone()]), [january, march]);
    }

    #[test]
    fn breaks_that_touch_are_one_and_nothing_is_found_before_it_was_signed() {
        // Overlapping, adjacent, within the other, around the other, and between two.
        for (first, second) in [((5, 9), (7, 12)), ((5, 9), (9, 12)), ((5, 12), (6, 8)), ((6, 8), (5, 12))] {
            let merged = add_all([told(found(first.0, first.1, 1_000)), found(second.0, second.1, 3_000)]);
            let furthest = if second.1 > first.1 { found(5, 12, 3_000) } else { found(5, 12, 1_000) };
            let both = LogBreak { at_ms: 3_000, found_ms: 3_060, ..furthest };
            assert_eq!(merged, [both], "{first:?}, {second:?}");
        }
        let bridged = add_all([found(1, 4, 1_000), found(8, 12, 2_000), found(3, 8, 3_000)]);
        let all = LogBreak { at_ms: 3_000, found_ms: 3_060, ..found(1, 12, 2_000) };
        assert_eq!(bridged, [all]);
    }

    #[test]
    fn what_is_found_again_is_known_and_told_once_and_a_new_break_in_the_same_place_is_told() {
        let known = told(found(5, 9, 1_000));
        let again = LogBreak { found_ms: 9_999, ..found(5, 9, 1_000) };
        assert_eq!(add_all([known.clone(), again]), std::slice::from_ref(&known));
        // What had come after the first break, and was signed since.
        let later = found(6, 9, 2_000);
        assert_eq!(add_all([known.clone(), later]), [LogBreak { after: 5, ..found(6, 9, 2_000) }]);
        // The first entries of a longer one that is known.
        let earlier = found(6, 8, 1_010);
        assert_eq!(add_all([known.clone(), earlier]), [known]);
    }

    #[test]
    fn of_too_many_breaks_the_closest_two_are_one() {
        let nine = [(0, 5), (10, 15), (20, 25), (30, 35), (38, 45), (50, 55), (60, 65), (70, 75), (80, 85)];
        let nine = nine.map(|(after, entry)| told(found(after, entry, 1_000 + 100 * entry)));
        let kept = add_all(nine.clone());
        assert_eq!(kept.len(), MOST_BREAKS);
        let both = LogBreak { after: 30, ..nine[4].clone() };
        assert_eq!(kept, [&nine[..3], &[both], &nine[5..]].concat());
    }
}

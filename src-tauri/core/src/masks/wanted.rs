//! The texts that must not be seen, in an order in which one look at a place finds the longest that begins there:
//! with thousands of cookies, too, an answer is read once and not once for each. And their beginnings, as an application
//! shows them that cuts what it quotes.

use secrecy::zeroize::Zeroizing;

/// A beginning of so many bytes may be one of a secret: fewer are most often a word, or a prefix such as `sk_live_`.
const SHORTEST_CUT: usize = 8;
/// And it has to be one part of so many of the whole, for much is not told by the beginning of a long token.
const PART: usize = 3;

/// Wiped when they are dropped; nothing else holds a copy.
#[derive(Default)]
pub(super) struct Wanted {
    texts: Sorted,
    /// Of each text that may be cut, as much as has to be there.
    beginnings: Sorted,
}

/// In the order of their bytes, each once, none empty.
#[derive(Default)]
struct Sorted(Vec<Zeroizing<Vec<u8>>>);

/// What begins at a place.
struct Found {
    /// The length of the longest text that is there as a whole.
    longest: Option<usize>,
    /// The length of what is there of any text.
    common: usize,
}

impl Wanted {
    /// `whole` are wanted from the first to the last byte, `cut` their beginnings as well. An empty one is nowhere.
    pub fn new(whole: Vec<Zeroizing<Vec<u8>>>, cut: Vec<Zeroizing<Vec<u8>>>) -> Self {
        let needed = |text: &Zeroizing<Vec<u8>>| {
            let needed = SHORTEST_CUT.max(text.len().div_ceil(PART));
            text.get(..needed).map(|beginning| Zeroizing::new(beginning.to_vec()))
        };
        let beginnings = Sorted::new(cut.iter().filter_map(needed).collect());
        Self { texts: Sorted::new(whole.into_iter().chain(cut).collect()), beginnings }
    }

    pub fn is_empty(&self) -> bool {
        self.texts.0.is_empty()
    }

    /// Of all that can be found, in bytes; 0 when there is none.
    pub fn shortest(&self) -> usize {
        let all = self.texts.0.iter().chain(&self.beginnings.0);
        all.map(|text| text.len()).min().unwrap_or_default()
    }

    /// The length of the longest that `bytes` begins with, as a whole or cut.
    pub fn longest_at(&self, bytes: &[u8]) -> Option<usize> {
        let found = self.texts.at(bytes);
        if found.common < SHORTEST_CUT || found.longest == Some(found.common) {
            return found.longest;
        }
        let is_cut =
            self.beginnings.at(bytes).longest.is_some() && !goes_on_as_a_word(&bytes[found.common..]);
        if is_cut { Some(found.common) } else { found.longest }
    }
}

/// A letter or digit that follows makes it the beginning of another word: `support-desk` is not cut from `support-token`.
fn goes_on_as_a_word(rest: &[u8]) -> bool {
    let char = rest.utf8_chunks().next().and_then(|chunk| chunk.valid().chars().next());
    char.is_some_and(char::is_alphanumeric)
}

impl Sorted {
    fn new(mut texts: Vec<Zeroizing<Vec<u8>>>) -> Self {
        texts.retain(|text| !text.is_empty());
        texts.sort_unstable_by(|one, other| one.as_slice().cmp(other));
        texts.dedup();
        Self(texts)
    }

    fn at(&self, bytes: &[u8]) -> Found {
        // Those that begin like `bytes`, as far as was looked. They stand together, the shortest first.
        let mut alike = self.0.as_slice();
        let mut found = Found { longest: None, common: 0 };
        for looked in 0.. {
            if let Some((first, rest)) = alike.split_first()
                && first.len() == looked
            {
                found.longest = Some(looked);
                alike = rest;
            }
            let (Some(byte), [first, ..]) = (bytes.get(looked), alike) else { break };
            if let [only] = alike {
                let more =
                    only[looked..].iter().zip(&bytes[looked..]).take_while(|(one, other)| one == other);
                found.common = looked + more.count();
                if found.common == only.len() {
                    found.longest = Some(found.common);
                }
                break;
            }
            // Most places begin like none of them.
            if first[looked] > *byte {
                break;
            }
            alike = &alike[alike.partition_point(|text| text[looked] < *byte)..];
            alike = &alike[..alike.partition_point(|text| text[looked] == *byte)];
            if !alike.is_empty() {
                found.common = looked + 1;
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_longest_at_each_place_is_found(
            texts in prop::collection::vec("[ab]{0,6}", 0..12),
            text in "[abc]{0,40}",
        ) {
            let bytes = |text: &String| Zeroizing::new(text.clone().into_bytes());
            let wanted = Wanted::new(texts.iter().map(bytes).collect(), Vec::new());
            for at in 0..=text.len() {
                let begins = |one: &&String| !one.is_empty() && text[at..].starts_with(one.as_str());
                let longest = texts.iter().filter(begins).map(String::len).max();
                prop_assert_eq!(wanted.longest_at(&text.as_bytes()[at..]), longest, "{} in {}", at, text);
            }
        }

        #[test]
        fn a_beginning_is_found_as_far_as_it_goes(
            texts in prop::collection::vec("[ab]{9,40}", 1..6),
            text in "[ab]{0,40}[c ]",
        ) {
            let bytes = |text: &String| Zeroizing::new(text.clone().into_bytes());
            let wanted = Wanted::new(Vec::new(), texts.iter().map(bytes).collect());
            let common = |one: &str| one.bytes().zip(text.bytes()).take_while(|(one, other)| one == other).count();
            let whole = texts.iter().filter(|one| text.starts_with(one.as_str())).map(String::len).max();
            let is_enough = texts.iter().any(|one| common(one) >= SHORTEST_CUT.max(one.len().div_ceil(PART)));
            let longest = texts.iter().map(|one| common(one)).max().filter(|at| is_enough && text[*at..].starts_with(' '));
            prop_assert_eq!(wanted.longest_at(text.as_bytes()), whole.max(longest), "{:?} in {}", texts, text);
        }
    }
}

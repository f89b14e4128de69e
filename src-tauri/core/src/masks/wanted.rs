//! The texts that must not be seen, in an order in which one look at a place finds the longest that begins there:
//! with thousands of cookies, too, an answer is read once and not once for each.

use secrecy::zeroize::Zeroizing;

/// In the order of their bytes, each once. Wiped when they are dropped; nothing else holds a copy.
#[derive(Default)]
pub(super) struct Wanted(Vec<Zeroizing<Vec<u8>>>);

impl Wanted {
    /// An empty one is nowhere.
    pub fn new(mut texts: Vec<Zeroizing<Vec<u8>>>) -> Self {
        texts.retain(|text| !text.is_empty());
        texts.sort_unstable_by(|one, other| one.as_slice().cmp(other));
        texts.dedup();
        Self(texts)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// In bytes; 0 when there is none.
    pub fn shortest(&self) -> usize {
        self.0.iter().map(|text| text.len()).min().unwrap_or_default()
    }

    /// The length of the longest that `bytes` begins with.
    pub fn longest_at(&self, bytes: &[u8]) -> Option<usize> {
        // Those that begin like `bytes`, as far as was looked. They stand together, the shortest first.
        let mut alike = self.0.as_slice();
        let mut longest = None;
        for looked in 0.. {
            if let Some(rest) =
                alike.split_first().filter(|(first, _)| first.len() == looked).map(|(_, rest)| rest)
            {
                longest = Some(looked);
                alike = rest;
            }
            let (Some(byte), [first, ..]) = (bytes.get(looked), alike) else { break };
            if alike.len() == 1 {
                return if bytes.starts_with(first) { Some(first.len()) } else { longest };
            }
            alike = &alike[alike.partition_point(|text| text[looked] < *byte)..];
            alike = &alike[..alike.partition_point(|text| text[looked] == *byte)];
        }
        longest
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
            let wanted = Wanted::new(texts.iter().map(|text| Zeroizing::new(text.clone().into_bytes())).collect());
            for at in 0..=text.len() {
                let begins = |one: &&String| !one.is_empty() && text[at..].starts_with(one.as_str());
                let longest = texts.iter().filter(begins).map(String::len).max();
                prop_assert_eq!(wanted.longest_at(&text.as_bytes()[at..]), longest, "{} in {}", at, text);
            }
        }
    }
}

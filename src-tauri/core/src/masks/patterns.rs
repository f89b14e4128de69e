//! The texts that must not be shown, sorted so that one lookup finds the longest that begins at a position. An answer
//! is thus read once, even with thousands of cookies. Also finds the beginnings of texts, because applications cut what
//! they quote.

use encoding_rs::WINDOWS_1252;
use secrecy::zeroize::Zeroizing;

/// A beginning shorter than this is most often a word, or a prefix such as `sk_live_`.
const SHORTEST_CUT: usize = 8;
/// The text may be at most this many times as long: the first characters of a long token give little away.
const PART: usize = 3;

/// All copies are wiped when this is dropped.
#[derive(Default)]
pub(super) struct SecretPatterns {
    texts: SortedPatterns,
    /// For each text that may appear cut, the shortest beginning that counts.
    beginnings: SortedPatterns,
}

/// Sorted by bytes, without duplicates or empty texts.
#[derive(Default)]
struct SortedPatterns(Vec<Zeroizing<Vec<u8>>>);

/// What was found at a position.
struct PatternMatch {
    /// The length of the longest text that is there in full.
    longest: Option<usize>,
    /// How many bytes match the beginning of any text.
    common: usize,
}

impl SecretPatterns {
    /// `whole` texts count only in full, `cut` texts also by their beginning. Empty texts are ignored.
    pub fn new(whole: Vec<Zeroizing<Vec<u8>>>, cut: Vec<Zeroizing<Vec<u8>>>) -> Self {
        let needed = |text: &Zeroizing<Vec<u8>>| {
            let needed = SHORTEST_CUT.max(text.len().div_ceil(PART));
            text.get(..needed).map(|beginning| Zeroizing::new(beginning.to_vec()))
        };
        let beginnings = SortedPatterns::new(cut.iter().filter_map(needed).collect());
        Self { texts: SortedPatterns::new(whole.into_iter().chain(cut).collect()), beginnings }
    }

    pub fn is_empty(&self) -> bool {
        self.texts.0.is_empty()
    }

    /// The length in bytes of the shortest text or beginning; 0 if there is none.
    pub fn shortest_len(&self) -> usize {
        let all = self.texts.0.iter().chain(&self.beginnings.0);
        all.map(|text| text.len()).min().unwrap_or_default()
    }

    /// The length of the longest match at the beginning of `bytes`, in full or cut.
    pub fn longest_at(&self, bytes: &[u8]) -> Option<usize> {
        let found = self.texts.match_at(bytes);
        if found.common < SHORTEST_CUT || found.longest == Some(found.common) {
            return found.longest;
        }
        let is_cut =
            self.beginnings.match_at(bytes).longest.is_some() && !goes_on_as_a_word(&bytes[found.common..]);
        if is_cut { Some(found.common) } else { found.longest }
    }
}

/// Whether a letter or digit follows, so that this is another word: `support-desk` is not a cut `support-token`.
fn goes_on_as_a_word(rest: &[u8]) -> bool {
    let text = rest.utf8_chunks().next().map_or("", |chunk| chunk.valid());
    let char = find_misread_char(text).or_else(|| text.chars().next());
    char.is_some_and(char::is_alphanumeric)
}

/// The character that `text` begins with, if its UTF-8 was read as Windows-1252 or Latin-1 by mistake: `…` and `»`, which
/// mark a cut, become `â€¦` and `Â»` then, and begin with a letter.
fn find_misread_char(text: &str) -> Option<char> {
    // No character of UTF-8 has more bytes.
    let bytes: Vec<u8> = text.chars().map_while(to_misread_byte).take(4).collect();
    let char = bytes.utf8_chunks().next()?.valid().chars().next()?;
    (!char.is_ascii()).then_some(char)
}

fn to_misread_byte(char: char) -> Option<u8> {
    u8::try_from(u32::from(char)).ok().or_else(|| {
        let mut bytes = [0; 4];
        match WINDOWS_1252.encode(char.encode_utf8(&mut bytes)) {
            (encoded, _, false) => encoded.first().copied(),
            _ => None,
        }
    })
}

impl SortedPatterns {
    fn new(mut texts: Vec<Zeroizing<Vec<u8>>>) -> Self {
        texts.retain(|text| !text.is_empty());
        texts.sort_unstable_by(|one, other| one.as_slice().cmp(other));
        texts.dedup();
        Self(texts)
    }

    fn match_at(&self, bytes: &[u8]) -> PatternMatch {
        // The texts that match `bytes` so far. They are adjacent, the shortest first.
        let mut alike = self.0.as_slice();
        let mut found = PatternMatch { longest: None, common: 0 };
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
            // At most positions, no text begins.
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

    #[test]
    fn a_cut_text_is_found_whatever_marks_the_cut() {
        let secret = Zeroizing::new(b"support-token-4711".to_vec());
        let wanted = SecretPatterns::new(Vec::new(), vec![secret]);
        for follows in ["", "…", "...", " [cut]", "\"", "â€¦", "â\u{80}¦ and more", "â€”", "Â»"]
        {
            let text = format!("support-to{follows}");
            assert_eq!(wanted.longest_at(text.as_bytes()), Some(10), "{text}");
        }
        // As Windows-1252 and UTF-16 write it.
        for follows in [&b"\x85"[..], b"\x26\x20"] {
            assert_eq!(wanted.longest_at(&[b"support-to", follows].concat()), Some(10), "{follows:?}");
        }
        for word in ["support-tools", "support-tour", "support-to7", "support-toâge", "support-toÃ¼r"] {
            assert_eq!(wanted.longest_at(word.as_bytes()), None, "{word}");
        }
    }

    proptest! {
        #[test]
        fn the_longest_at_each_place_is_found(
            texts in prop::collection::vec("[ab]{0,6}", 0..12),
            text in "[abc]{0,40}",
        ) {
            let bytes = |text: &String| Zeroizing::new(text.clone().into_bytes());
            let wanted = SecretPatterns::new(texts.iter().map(bytes).collect(), Vec::new());
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
            let wanted = SecretPatterns::new(Vec::new(), texts.iter().map(bytes).collect());
            let common = |one: &str| one.bytes().zip(text.bytes()).take_while(|(one, other)| one == other).count();
            let whole = texts.iter().filter(|one| text.starts_with(one.as_str())).map(String::len).max();
            let is_enough = texts.iter().any(|one| common(one) >= SHORTEST_CUT.max(one.len().div_ceil(PART)));
            let longest = texts.iter().map(|one| common(one)).max().filter(|at| is_enough && text[*at..].starts_with(' '));
            prop_assert_eq!(wanted.longest_at(text.as_bytes()), whole.max(longest), "{:?} in {}", texts, text);
        }
    }
}

//! Finds the known words that a word with one typing mistake may have been meant as. Pure.

use std::collections::HashMap;

use strsim::osa_distance;

use crate::query::spelling::fold_text;

/// Shorter words differ by one letter from too many others.
const LETTERS: usize = 4;

/// Parts of `word`, longest first, at least one of which is right if `word` has one mistake, since the mistake is in
/// only one place. Empty if the word is too short to tell.
pub(crate) fn right_parts(word: &str) -> Vec<String> {
    let letters: Vec<char> = word.chars().collect();
    let length = letters.len();
    if length < LETTERS || !word.contains(char::is_alphabetic) {
        return Vec::new();
    }
    let part = |letters: &[char]| letters.iter().collect::<String>();
    let (third, half) = (length.div_ceil(3), length / 2);
    let mut parts = Vec::new();
    for part in [
        part(&letters[..length - third]),
        part(&letters[third..]),
        part(&letters[..half]),
        part(&letters[half..]),
    ] {
        if !parts.contains(&part) {
            parts.push(part);
        }
    }
    parts
}

/// Known words, with how often each occurs.
#[derive(Debug, Default)]
pub(crate) struct Vocabulary(HashMap<String, usize>);

impl Vocabulary {
    /// Adds the words of a value.
    pub(crate) fn add_words(&mut self, value: &str) {
        let apart = |char: char| !char.is_alphanumeric() && char != '\'';
        let mut words: Vec<&str> = value.split_whitespace().collect();
        words.extend(value.split(apart));
        words.sort_unstable();
        words.dedup();
        for word in words.into_iter().filter(|word| word.chars().nth(LETTERS - 2).is_some()) {
            *self.0.entry(word.trim_matches([',', ';']).to_owned()).or_default() += 1;
        }
    }

    /// Words that `typed` may have been meant as: one mistake away, or different only in case and accents. The closest
    /// first, then the most common. Never `typed` itself.
    pub(crate) fn find_closest_words(&self, typed: &str) -> Vec<&str> {
        let wanted = fold_text(typed);
        let near = |(word, times): (&'_ String, &usize)| {
            let distance = osa_distance(&wanted, &fold_text(word));
            (distance <= 1 && word.to_lowercase() != typed.to_lowercase())
                .then(|| (distance, std::cmp::Reverse(*times), word.clone()))
        };
        let mut near: Vec<_> = self.0.iter().filter_map(near).collect();
        near.sort();
        let mut meant: Vec<&str> = Vec::new();
        for (_, _, word) in near {
            let (word, _) = self.0.get_key_value(&word).expect("it was found there");
            if !meant.iter().any(|known| known.to_lowercase() == word.to_lowercase()) {
                meant.push(word);
            }
        }
        meant
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_word_with_one_mistake_means_one_that_exists() {
        let mut words = Vocabulary::default();
        for value in [
            "Anna Hoffmann",
            "Hoffmann, Anna",
            "Bert Hofman",
            "anna.hoffmann@acme.com",
            "José Núñez",
            "O'Neil",
        ] {
            words.add_words(value);
        }
        for (typed, expected) in [
            ("hofmann", &["Hoffmann", "Hofman"][..]),
            ("Hoffmnan", &["Hoffmann"]),
            ("ofFmann", &["Hoffmann"]),
            ("offmann", &["Hoffmann"]),
            ("hoffmann", &[]),
            ("anna.hofmann@acme.com", &["anna.hoffmann@acme.com"]),
            ("nunez", &["Núñez"]),
            ("onneil", &["O'Neil"]),
            ("smith", &[]),
            ("o'neill", &["O'Neil"]),
        ] {
            assert_eq!(words.find_closest_words(typed), expected, "{typed}");
        }
    }

    #[test]
    fn short_words_and_numbers_mean_themselves() {
        for word in ["ann", "12345678", "", "---"] {
            assert_eq!(right_parts(word), Vec::<String>::new(), "{word}");
        }
        assert_eq!(right_parts("hofmann"), ["hofm", "mann", "hof"]);
    }

    proptest! {
        #[test]
        fn part_of_a_word_with_one_wrong_letter_is_right(word in "[a-z]{4,12}", at in 0..12_usize, wrong in "[A-Z]") {
            let at = at % word.len();
            let typed = format!("{}{wrong}{}", &word[..at], &word[at + 1..]);
            prop_assert!(right_parts(&typed).iter().any(|part| word.contains(part.as_str())));
        }
    }
}

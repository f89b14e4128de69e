//! Hides secrets in what people read: answers, refusals, URLs, the audit log.
//!
//! An application may repeat what it was sent in any encoding: escaped for HTML, JSON or a URL, even twice, or as
//! Base64, and possibly only the beginning of it. [`Masks`] holds the secrets and finds all of these forms; `spelling`
//! decodes a text.

mod patterns;
mod spelling;
#[cfg(test)]
mod tests;

use std::ops::Range;

use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};

use self::patterns::SecretPatterns;
use self::spelling::{DecodedText, Spelling, base64_runs};
use crate::browser::Refusal;
use crate::template::MASK;

/// How many layers of escaping are undone: `&` in JSON in a form field has three.
const DEPTH: usize = 3;

/// How many layers of escaping are undone inside Base64.
const BASE64_DEPTH: usize = 2;

/// The secrets to find in a text.
#[derive(Default)]
pub struct Masks {
    wanted: SecretPatterns,
}

impl Masks {
    /// Masks for these secrets. An empty secret masks nothing.
    pub fn for_secrets<'a>(secrets: impl IntoIterator<Item = &'a SecretString>) -> Self {
        let (mut whole, mut cut) = (Vec::new(), Vec::new());
        for secret in secrets {
            let secret = secret.expose_secret();
            // An application may trim what it was sent.
            for text in [secret, secret.trim()] {
                // Masking the mask itself would change nothing.
                if text.chars().all(|char| char == '•') {
                    continue;
                }
                let wanted = if begins_with_an_address(text) { &mut whole } else { &mut cut };
                wanted.extend(list_variants(text));
                // `%E9`: some applications and headers only know Latin-1.
                let latin1: Option<Vec<u8>> =
                    text.chars().map(|char| u8::try_from(u32::from(char)).ok()).collect();
                wanted.extend(latin1.map(Zeroizing::new));
            }
        }
        Self { wanted: SecretPatterns::new(whole, cut) }
    }

    /// The text with [`MASK`] in place of every secret, however it is encoded.
    pub fn mask_text(&self, text: &str) -> String {
        if self.wanted.is_empty() {
            return text.to_owned();
        }
        let mut found = Vec::new();
        self.find_secrets(&DecodedText::from_text(text), DEPTH, &mut found);
        mask_ranges(text, found)
    }

    /// The refusal with all secrets masked.
    #[must_use]
    pub fn mask_refusal(&self, refusal: Refusal) -> Refusal {
        Refusal {
            title: self.mask_text(&refusal.title),
            excerpt: refusal.excerpt.map(|excerpt| self.mask_text(&excerpt)),
            hint: self.mask_text(&refusal.hint),
            ..refusal
        }
    }

    fn find_secrets(&self, reading: &DecodedText, depth: usize, found: &mut Vec<Range<usize>>) {
        for at in 0..reading.bytes.len() {
            if let Some(length) = self.wanted.longest_at(&reading.bytes[at..]) {
                found.push(reading.source(at..at + length));
            }
        }
        for run in base64_runs(&reading.bytes, self.shortest_base64()) {
            if self.is_in_base64(&reading.bytes[run.clone()], BASE64_DEPTH) {
                found.push(reading.source(run));
            }
        }
        if depth > 0 {
            let readings = Spelling::ALL.iter().filter_map(|spelling| reading.unescape_as(*spelling));
            for inside in readings {
                self.find_secrets(&inside, depth - 1, found);
            }
        }
    }

    /// The length in Base64 of the shortest secret, or beginning of one, that is searched for.
    fn shortest_base64(&self) -> usize {
        self.wanted.shortest_len() * 4 / 3
    }

    /// Whether the decoded bytes contain a secret, plain or escaped. Tries all four alignments, because the run may
    /// begin in the middle of a group.
    fn is_in_base64(&self, run: &[u8], depth: usize) -> bool {
        (0..4).filter_map(|shift| DecodedText::of_base64(run, shift)).any(|inside| self.is_in(&inside, depth))
    }

    fn is_in(&self, reading: &DecodedText, depth: usize) -> bool {
        if (0..reading.bytes.len()).any(|at| self.wanted.longest_at(&reading.bytes[at..]).is_some()) {
            return true;
        }
        let Some(depth) = depth.checked_sub(1) else { return false };
        let mut inside = Spelling::ALL.iter().filter_map(|spelling| reading.unescape_as(*spelling));
        inside.any(|inside| self.is_in(&inside, depth))
            || base64_runs(&reading.bytes, self.shortest_base64())
                .into_iter()
                .any(|run| self.is_in_base64(&reading.bytes[run], depth))
    }
}

/// A link or path is a secret only as a whole, because its beginning is public. The values inside it are secrets of
/// their own.
fn begins_with_an_address(text: &str) -> bool {
    text.starts_with('/') || text.contains("://")
}

/// Irreversible changes that an application may make to the text: another case, hexadecimal digits, one line only, or
/// unknown characters removed.
fn list_variants(text: &str) -> Vec<Zeroizing<Vec<u8>>> {
    let hex = |digits: fn(u8) -> String| text.bytes().map(digits).collect::<String>();
    let only_ascii = |char: char| if char.is_ascii() { char } else { char::REPLACEMENT_CHARACTER };
    [
        text.to_owned(),
        text.to_lowercase(),
        text.to_uppercase(),
        hex(|byte| format!("{byte:02x}")),
        hex(|byte| format!("{byte:02X}")),
        text.replace(['\r', '\n'], ""),
        text.chars().map(only_ascii).collect(),
    ]
    .map(|variant| Zeroizing::new(variant.into_bytes()))
    .into()
}

/// The text with HTML escapes decoded; `None` if it has none.
pub(crate) fn read_html(text: &str) -> Option<String> {
    let read = DecodedText::from_text(text).unescape_as(Spelling::Html)?;
    Some(String::from_utf8_lossy(&read.bytes).into_owned())
}

/// `text` with a mask in each of these places. Overlapping or touching places become one, so that nothing remains of a
/// secret that begins or ends like another.
fn mask_ranges(text: &str, mut places: Vec<Range<usize>>) -> String {
    places.sort_by_key(|place| (place.start, place.end));
    let mut masked = String::with_capacity(text.len());
    let mut at = 0;
    let mut places = places.into_iter().peekable();
    while let Some(Range { mut start, mut end }) = places.next() {
        while let Some(next) = places.next_if(|next| next.start <= end) {
            end = end.max(next.end);
        }
        while !text.is_char_boundary(start) {
            start -= 1;
        }
        while !text.is_char_boundary(end) {
            end += 1;
        }
        masked.push_str(text.get(at..start).unwrap_or_default());
        masked.push_str(MASK);
        at = end;
    }
    masked.push_str(text.get(at..).unwrap_or_default());
    masked
}
